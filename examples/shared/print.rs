//! What the example servers print: answers on standard output, a log on standard error.
//!
//! A thread prints, and nobody waits for it: a terminal that stalls, a pipe that nobody reads and a
//! full disk stop no connection. (`println!` would panic on the latter two.)
#![allow(dead_code, reason = "not every program needs all of it")]

use std::fmt::{self, Display};
use std::io::{self, BufRead, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hybi::blocking::{AcceptError, HubEvent};

/// How many bytes of the log may wait, unless they are one line. Further lines are lost.
const LOG_BYTES_MAX: usize = 1 << 20;
/// Each line counts as so many bytes at least: no more than a thousand wait.
const LINE_BYTES_MIN: usize = 1 << 10;
/// How many answers may wait beside them: a flood of the log takes no place from one.
const ANSWERS_MAX: usize = 100;
/// How long the end of a program waits for lines that have not been printed.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// Set if somebody at a terminal is asked for lines.
static PROMPTS: AtomicBool = AtomicBool::new(false);
/// How many bytes of the log wait.
static LOG_BYTES: AtomicUsize = AtomicUsize::new(0);
const PROMPT: &str = "> ";
/// Goes to the beginning of the line, and erases it.
const ERASE_LINE: &str = "\r\x1b[K";

enum Line {
    Answer(String),
    Log(String),
    Prompt,
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
    let text = text.to_string();
    let bytes = counted(&text);
    let add =
        |waiting| (waiting == 0 || waiting + bytes <= LOG_BYTES_MAX).then_some(waiting + bytes);
    if LOG_BYTES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
        && lines().try_send(Line::Log(text)).is_err()
    {
        LOG_BYTES.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn counted(line: &str) -> usize {
    line.len().max(LINE_BYTES_MIN)
}

/// The importance of a line of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Level {
    Info,
    Warning,
}

/// Logs what happened, with the time and the address of the client, if it is about one.
pub(crate) fn note(level: Level, address: Option<SocketAddr>, text: impl Display) {
    let level = match level {
        Level::Info => "INFO",
        Level::Warning => "WARN",
    };
    let now = Time::now();
    match address {
        Some(address) => log(format_args!("{now} {level} {address} {text}")),
        None => log(format_args!("{now} {level} - {text}")),
    }
}

/// Logs what a hub reports, if that is news.
pub(crate) fn note_event(event: HubEvent) {
    if let Some((level, address, text)) = news(&event) {
        note(level, address, text);
    }
}

/// Returns what a hub reports: its importance, the client's address, and a text without that.
/// Leaves out that connections come and go, of which the program has lines of its own, and those
/// that send nothing: port scans, and browsers that connect in advance.
pub(crate) fn news(event: &HubEvent) -> Option<(Level, Option<SocketAddr>, String)> {
    use Level::{Info, Warning};
    let (level, address, text) = match event {
        HubEvent::Opened { .. } | HubEvent::Ended { .. } => return None,
        HubEvent::NoRequest { error, .. } if !matches!(error, AcceptError::Request(_)) => {
            return None;
        }
        HubEvent::NoRequest { address, error } => (Info, address, format!("no request: {error}")),
        HubEvent::Failed { address, error } => {
            (Info, address, format!("failed: {}", hybi::escaped(&error.to_string())))
        }
        HubEvent::TooSlow { id, address } => {
            (Warning, address, format!("connection {id} reads too slowly"))
        }
        HubEvent::OutOfMemory { id, address } => {
            (Warning, address, format!("no memory for a message on connection {id}"))
        }
        HubEvent::TurnedAway { address } => {
            (Warning, address, "turned away: too many connections".into())
        }
        HubEvent::NoThread { address, error } => {
            (Warning, address, format!("turned away: no thread: {error}"))
        }
        event => return Some((Warning, None, event.to_string())),
    };
    Some((level, Some(*address), text))
}

/// Asks the person at the terminal for lines from now on.
pub(crate) fn start_prompting() {
    flush(); // an answer from before would bring a prompt of its own
    PROMPTS.store(true, Ordering::Relaxed);
    prompt();
}

/// Asks for no more lines.
pub(crate) fn stop_prompting() {
    PROMPTS.store(false, Ordering::Relaxed);
}

/// Asks for another line, after one that needs no answer.
pub(crate) fn prompt() {
    let _ = lines().try_send(Line::Prompt);
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
        let (sender, lines) = mpsc::sync_channel(LOG_BYTES_MAX / LINE_BYTES_MIN + ANSWERS_MAX);
        // Without a thread nothing is printed.
        let _ = thread::Builder::new().name("printer".into()).spawn(move || print(lines));
        sender
    })
}

fn print(lines: Receiver<Line>) {
    // A log that goes elsewhere leaves the prompt alone.
    let is_log_at_terminal = io::stderr().is_terminal();
    for line in lines {
        let prompts = PROMPTS.load(Ordering::Relaxed);
        // A line that cannot be printed is no reason to stop.
        let _ = match line {
            Line::Answer(text) => {
                let mut output = io::stdout().lock();
                writeln!(output, "{text}").and_then(|()| print_prompt(prompts))
            }
            Line::Log(text) => {
                // The text typed so far is kept: Ctrl-R shows it again.
                let printed = if prompts && is_log_at_terminal {
                    writeln!(io::stderr(), "{ERASE_LINE}{text}").and_then(|()| print_prompt(true))
                } else {
                    writeln!(io::stderr(), "{text}")
                };
                LOG_BYTES.fetch_sub(counted(&text), Ordering::Relaxed);
                printed
            }
            Line::Prompt => print_prompt(prompts),
            Line::End(_) => Ok(()),
        };
    }
}

fn print_prompt(prompts: bool) -> io::Result<()> {
    let mut output = io::stdout().lock();
    if prompts {
        output.write_all(PROMPT.as_bytes())?;
    }
    output.flush()
}

/// Is shown as in RFC 3339, in UTC and whole seconds.
pub(crate) struct Time(pub(crate) SystemTime);

impl Time {
    pub(crate) fn now() -> Self {
        Self(SystemTime::now())
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
        let mut year = 1970;
        while days >= days_of(year) {
            days -= days_of(year);
            year += 1;
        }
        let february = days_of(year) - 337;
        let mut month = 1;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        let (day, hour, minute) = (days + 1, rest / 3_600, rest / 60 % 60);
        let second = rest % 60;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn days_of(year: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if is_leap { 366 } else { 365 }
}
