//! A WebSocket client for the terminal: sends lines as text, and prints messages.
//!
//!     cargo run --release --example client -- ws://127.0.0.1:9001/ --subprotocol echo
//!
//! At a terminal there is a prompt with editing and history; what is sent begins with `>`, what has
//! been received with `<`, and `/help` lists the commands. From a pipe it sends plain lines, or
//! bytes with `--binary`. `--script` plays a conversation, and checks what comes.
//!
//! It shows: connecting with fields, subprotocols, an origin, a proxy and a time-out; why a server
//! refuses; the two halves of a connection, one for the thread that reads the input and one for
//! the thread that prints; printing a stranger's text; and how a connection was closed.
//!
//! `wss:` needs feature `rustls`, compression feature `deflate`.
//!
//! Exit codes: 0 closed, 1 not cleanly or no connection, 2 wrong usage, 3 the server closed with a
//! code other than 1000, 1001, ours and that of the script, 4 what `--script` or `--count` waited
//! for did not come (whatever the server closed with), 130 ended at once by Ctrl-C: while
//! connecting, or by a second one.

use std::net::TcpStream;
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use hybi::blocking::{ClientSocket, Closed, ConnectError, Connector, Error, MaybeTls};
use hybi::keepalive::KeepaliveConfig;
use hybi::{Client, CloseCode, Event};

#[path = "../shared/arguments.rs"]
mod arguments;
mod commands;
#[cfg_attr(not(unix), path = "no_editor.rs")]
mod editor;
mod inputs;
mod options;
#[cfg(feature = "rustls")]
#[path = "../shared/pem.rs"]
mod pem;
mod screen;
mod tls;
#[cfg(feature = "rustls")]
#[path = "../shared/trust.rs"]
mod trust;

use commands::Came;
use editor::Editor;
use inputs::Sender;
use options::{Options, USAGE};
use screen::{Screen, shown};

type Reader = hybi::blocking::Reader<MaybeTls<TcpStream>, Client>;
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The server closed with a code that may tell of an error.
const OTHER_CODE: u8 = 3;
/// The messages that `--script` or `--count` waited for did not come.
const UNMET: u8 = 4;
/// Ended at once, as a shell reports a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

/// The shortest time-out for reading.
const SHORTEST: Duration = Duration::from_millis(1);

/// An expectation of `--script` or `--count` that was not met.
#[derive(Debug)]
struct Unmet(String);

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unmet {}

fn main() -> ExitCode {
    let options = match arguments::read(USAGE, Options::parse) {
        Ok(options) => Arc::new(options),
        Err(code) => return code,
    };
    let mut screen = Screen::new(&options);
    let outcome = run(&options, &mut screen);
    let code = match outcome {
        Ok(code) => code,
        Err(error) => {
            screen.tell(&error);
            match error.downcast_ref() {
                Some(ConnectError::Refused(refusal) | ConnectError::ProxyRefused(refusal)) => {
                    screen.explain(refusal);
                }
                Some(ConnectError::Tls(error)) if error.kind() == io::ErrorKind::InvalidData => {
                    screen.tell("If the server made its certificate itself, say --trust CERT");
                }
                _ => {}
            }
            if error.is::<Unmet>() { UNMET } else { 1 }
        }
    };
    screen.flush();
    editor::stop();
    code.into()
}

fn run(options: &Arc<Options>, screen: &mut Screen) -> Outcome<u8> {
    let connected = Arc::default();
    if let Err(error) = obey_ctrl_c(&connected, options) {
        screen.tell(error); // Ctrl-C then just kills
    }
    let ws = connect(options)?;
    screen.tell(format_args!("open, {}", agreed(&ws)));
    let (mut reader, writer) = ws.split()?;
    let sender = Sender::new(writer, options.leaving(CloseCode::NORMAL));
    let _ = connected.set(sender.clone());
    let (messages, expected) = mpsc::channel();
    let (errors, failed) = mpsc::channel();
    let input = {
        let (options, sender) = (Arc::clone(options), sender.clone());
        let editor = if options.may_edit() { Editor::new() } else { None };
        let editor = editor.map(|(editor, printer)| {
            screen.print_above(printer);
            editor
        });
        thread::spawn(move || {
            if let Err(error) = inputs::send_all(&options, &sender, editor, &expected) {
                let _ = errors.send(error);
                sender.close(&options::close_reason(CloseCode::GOING_AWAY));
            }
        })
    };
    let printed = print_messages(&mut reader, options, screen, &sender, &messages);
    let closed = match printed {
        Ok(()) => reader.closed().cloned().ok_or("the connection is still open")?,
        Err(error) => {
            sender.close(&options::close_reason(CloseCode::GOING_AWAY)); // if it is still open
            // An error of the input came before the end that it led to.
            return Err(failed.try_recv().unwrap_or(error));
        }
    };
    screen.tell(format_args!("closed: {closed}"));
    let _ = messages.send(Came::End(closed.to_string())); // the script may be over
    drop(messages);
    // A script notices the end, and may miss something. Other inputs may wait for the terminal.
    if options.script.is_some() {
        let _ = input.join();
    }
    match failed.try_recv() {
        Ok(error) => Err(error),
        Err(_) => Ok(exit_code(&closed, &sender, options)),
    }
}

fn connect(options: &Options) -> Result<ClientSocket, ConnectError> {
    let connector = Connector::new().proxy(options.proxy.clone()).timeout(options.timeout);
    #[cfg(feature = "rustls")]
    let connector = match &options.tls {
        Some(config) => connector.tls(Arc::clone(config)),
        None => connector,
    };
    let mut ws = connector.connect(&options.request())?;
    ws.set_keepalive(KeepaliveConfig::default().ping_after(options.keepalive));
    Ok(ws)
}

/// Returns what the handshake has agreed on, for people.
fn agreed(ws: &ClientSocket) -> String {
    let subprotocol = ws.subprotocol().unwrap_or("none");
    #[cfg(feature = "deflate")]
    let compression = if ws.deflate().is_some() { ", compressed" } else { "" };
    #[cfg(not(feature = "deflate"))]
    let compression = "";
    format!("subprotocol: {subprotocol}{compression}")
}

/// Prints what comes until the connection ends, and passes it on to a script.
fn print_messages(
    reader: &mut Reader,
    options: &Options,
    screen: &mut Screen,
    sender: &Sender,
    script: &mpsc::Sender<Came>,
) -> Outcome<()> {
    let (mut count, mut since, mut has_waited) = (0, Instant::now(), None);
    loop {
        let is_counting = options.count.is_some_and(|max| count < max) && has_waited.is_none();
        let wait = if is_counting { options.wait_for_message() } else { None };
        // Pings and pongs do not prolong it. Zero would be no time-out.
        let left = wait.map(|wait| wait.saturating_sub(since.elapsed()).max(SHORTEST));
        reader.set_read_timeout(left)?;
        let event = match reader.receive_event() {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(Error::TimedOut) if wait.is_some() => {
                has_waited = wait;
                sender.close(&options::close_reason(CloseCode::GOING_AWAY));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if options.count == Some(count) || has_waited.is_some() {
            continue; // we have closed
        }
        screen.print(&event).map_err(|error| format!("a message could not be printed: {error}"))?;
        if options.script.is_some()
            && let Some(text) = shown(&event)
        {
            let _ = script.send(Came::Message(text)); // the script may be over
        }
        if matches!(event, Event::Text(_) | Event::Binary(_)) {
            count += 1;
            since = Instant::now();
            if options.count == Some(count) {
                sender.close(&options.leaving(CloseCode::NORMAL));
            }
        }
    }
    match options.count {
        Some(max) if count < max => {
            screen.tell(format_args!("closed: {}", reader.closed().ok_or("still open")?));
            let late = has_waited.map_or(String::new(), |wait| {
                format!(", and for {} s no other", wait.as_secs_f64())
            });
            Err(Unmet(format!("{count} of {max} messages came{late}")).into())
        }
        _ => Ok(()),
    }
}

/// Returns how it ended: well with our own code, with that of the script, with none, or with one
/// that tells of no error.
fn exit_code(closed: &Closed, sender: &Sender, options: &Options) -> u8 {
    let code = closed.code();
    let is_ours = sender.closed_with().is_some_and(|ours| ours.number() == code);
    match code {
        _ if !closed.was_clean() => 1,
        1000 | 1001 | 1005 => 0,
        _ if is_ours || options.expects_end() => 0, // a script has checked it
        _ => OTHER_CODE,
    }
}

/// Without a connection, Ctrl-C ends the program. Otherwise the first one closes the connection,
/// and the second does not wait for that.
fn obey_ctrl_c(
    connected: &Arc<OnceLock<Sender>>,
    options: &Arc<Options>,
) -> Result<(), ctrlc::Error> {
    let (connected, options) = (Arc::clone(connected), Arc::clone(options));
    ctrlc::set_handler(move || match connected.get() {
        None => exit(INTERRUPTED.into()),
        Some(sender) if !editor::is_stopping() => interrupt(sender, &options),
        Some(_) => {}
    })
}

/// Obeys a Ctrl-C.
fn interrupt(sender: &Sender, options: &Options) {
    static AGAIN: AtomicBool = AtomicBool::new(false);
    if AGAIN.swap(true, Ordering::Relaxed) {
        editor::stop();
        exit(INTERRUPTED.into());
    }
    // RFC 6455 §7.4.1: 1001 if an endpoint goes away.
    let (sender, leaving) = (sender.clone(), options.leaving(CloseCode::GOING_AWAY));
    thread::spawn(move || sender.close(&leaving)); // another thread may be writing
}
