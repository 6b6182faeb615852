//! What the example servers print: answers on standard output, a log on standard error.
//!
//! A thread prints, and nobody waits for it: a terminal that stalls, a pipe that nobody reads and a
//! full disk stop no connection. (`println!` would panic on the latter two.)
#![allow(dead_code, reason = "not every program needs all of it")]

use std::fmt::Display;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

/// How many lines may wait. Further ones are lost.
const LINES_MAX: usize = 1_000;
/// How long the end of a program waits for lines that have not been printed.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

enum Line {
    Answer(String),
    Log(String),
    /// Everything before has been printed when this is dropped.
    End(#[expect(dead_code, reason = "it is there to be dropped")] SyncSender<()>),
}

/// Prints an answer for the person at the server's terminal, if there is one.
pub(crate) fn answer(text: impl Display) {
    let _ = lines().try_send(Line::Answer(text.to_string()));
}

/// Answers every line that the person at the server's terminal types, until the input ends.
pub(crate) fn answer_lines<E: Display>(obey: impl Fn(&str) -> Result<String, E>) {
    for line in io::stdin().lock().lines() {
        match line {
            Ok(line) => match obey(line.trim()) {
                Ok(text) => answer(text),
                Err(error) => answer(format_args!("error: {error}")),
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                answer("error: that line is not UTF-8");
            }
            Err(error) => return log(format_args!("no more lines of the terminal: {error}")),
        }
    }
}

/// Logs something.
pub(crate) fn log(text: impl Display) {
    let _ = lines().try_send(Line::Log(text.to_string()));
}

/// Waits until everything has been printed, or for a second.
pub(crate) fn flush() {
    let (sender, printed) = mpsc::sync_channel(0);
    let _ = lines().try_send(Line::End(sender));
    let _ = printed.recv_timeout(FLUSH_WITHIN);
}

/// Says what was wrong with the arguments, or why a server cannot start, and returns the exit code.
pub(crate) fn complain(text: impl Display, code: u8) -> ExitCode {
    // An error that cannot be printed is still told by the exit code.
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::from(code)
}

/// Returns where lines wait for the thread that prints them.
fn lines() -> &'static SyncSender<Line> {
    static LINES: OnceLock<SyncSender<Line>> = OnceLock::new();
    LINES.get_or_init(|| {
        let (sender, lines) = mpsc::sync_channel(LINES_MAX);
        // Without a thread nothing is printed.
        let _ = thread::Builder::new().name("printer".into()).spawn(move || print(lines));
        sender
    })
}

fn print(lines: Receiver<Line>) {
    for line in lines {
        // A line that cannot be printed is no reason to stop.
        let _ = match line {
            Line::Answer(text) => {
                let mut output = io::stdout().lock();
                writeln!(output, "{text}").and_then(|()| output.flush())
            }
            Line::Log(text) => writeln!(io::stderr(), "{text}"),
            Line::End(_) => Ok(()),
        };
    }
}
