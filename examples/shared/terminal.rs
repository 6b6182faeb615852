//! The person at a server's terminal: lines that are answered, `help`, `quit` and Ctrl-C.
#![allow(dead_code, reason = "not every program needs all of it")]

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal};
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use hybi::blocking::{Hub, TryClone};

use super::print::{self, Level};

/// The part of the `help` text that does not depend on the commands.
const HELP: &str = "\
help                     shows this
quit                     tells all clients that the server is going down, and ends it; as Ctrl-C
                         does. The second time it ends at once";

/// Answers every line that is typed, until the input ends.
///
/// `commands` is what `help` shows. At a terminal, the end of the input (Ctrl-D) is `quit`.
/// Elsewhere it is nothing: a service has no input.
pub(crate) fn serve<E: Display>(
    commands: &str,
    obey: impl Fn(&str) -> Result<String, E>,
    end: impl Fn(),
) {
    let is_terminal = io::stdin().is_terminal();
    if is_terminal {
        print::start_prompting();
    }
    for line in io::stdin().lock().lines() {
        match line.as_deref().map(str::trim) {
            Ok("") => print::prompt(),
            Ok("help") => print::answer(format_args!("{commands}\n{HELP}")),
            Ok("quit") => end(),
            Ok(line) => match obey(line) {
                Ok(text) => print::answer(text),
                Err(error) => print::answer(format_args!("error: {error}")),
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                print::answer("error: that line is not UTF-8");
            }
            Err(error) => {
                let text = format_args!("no more lines of the terminal: {error}");
                return print::note(Level::Warning, None, text);
            }
        }
    }
    if is_terminal {
        end();
    }
}

/// The end of a server, which the person at the terminal may ask for.
pub(crate) struct Ended {
    is_asked_for: Arc<AtomicBool>,
    told: mpsc::Receiver<()>,
}

impl Ended {
    /// Waits until an end that was asked for has been logged. Call it once [`Hub::serve`] has
    /// returned, and then return from `main`.
    pub(crate) fn wait(&self) {
        // Otherwise the program itself has ended the hub.
        if self.is_asked_for.load(Ordering::Relaxed) {
            let _ = self.told.recv();
        }
    }
}

/// Returns how to end the server of a hub, which Ctrl-C does, too. The first call closes all
/// connections with 1001, and waits `timeout` for the clients' Close frames; the second ends the
/// program at once.
pub(crate) fn ending<S: TryClone + Send + 'static>(
    hub: &Hub<S>,
    timeout: Duration,
) -> (impl Fn() + Clone + Send + 'static, Ended) {
    let (end, ended) = without_ctrl_c(hub, timeout);
    if let Err(error) = ctrlc::set_handler(end.clone()) {
        let text = format_args!("Ctrl-C tells no client anything: {error}");
        print::note(Level::Warning, None, text);
    }
    (end, ended)
}

/// Returns the same as [`ending`], and leaves Ctrl-C as it is: a process has one handler of it.
pub(crate) fn without_ctrl_c<S: TryClone + Send + 'static>(
    hub: &Hub<S>,
    timeout: Duration,
) -> (impl Fn() + Clone + Send + 'static, Ended) {
    let (hub, is_asked_for) = (hub.clone(), Arc::new(AtomicBool::new(false)));
    let (begin, begins) = mpsc::channel();
    let (sender, told) = mpsc::channel();
    let ended = Ended { is_asked_for: Arc::clone(&is_asked_for), told };
    // Now, because at the end there may be so many connections that no thread can be started.
    thread::spawn(move || {
        if begins.recv().is_ok() {
            let dropped = hub.terminate(timeout);
            let text = format_args!("the end; {dropped} connections had to be dropped");
            print::note(Level::Info, None, text);
            let _ = sender.send(());
        }
    });
    let end = move || {
        if is_asked_for.swap(true, Ordering::Relaxed) {
            exit(1);
        }
        print::stop_prompting();
        let _ = begin.send(());
    };
    (end, ended)
}

/// Splits the text after a command into as many words as its usage has. The last one is the rest.
pub(crate) fn words<'a, const N: usize>(
    rest: &'a str,
    usage: &str,
) -> Result<[&'a str; N], String> {
    let words: Vec<_> = rest.trim_start().splitn(N, ' ').filter(|word| !word.is_empty()).collect();
    let given = words.len();
    words.try_into().map_err(|_| {
        let missing = usage.split(' ').rev().nth(N - 1 - given).unwrap_or_default();
        format!("{missing} is missing: {usage}")
    })
}

/// Returns a number of things, in words for one of them and for more.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
