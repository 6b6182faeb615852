//! Uploads a message of 200 MB, and shows that neither side ever holds it.
//!
//!     cargo run --release --example upload
//!
//! starts a server and a client in one program, over the loopback. To see both sides by themselves,
//! start each in a terminal of its own:
//!
//!     cargo run --release --example upload -- --serve 127.0.0.1:9005
//!     cargo run --release --example upload -- ws://127.0.0.1:9005/ 200
//!
//! It shows: sending a message in parts while another thread receives, receiving it in chunks with
//! a limit of its own, progress on both sides, and giving up a server that takes nothing. The peak
//! memory (on Linux) stays the same, whatever the size.
//!
//! It does not resume an upload that was cut. To add that, let the server remember how many bytes
//! it has of each name. The client first sends the name and the total length, and the server
//! answers how many bytes it has. The client begins there. The length must be sent first because a
//! message in parts does not announce it: `message_bytes_left` is `None` until its last frame.
//!
//! It leaves out: TLS, users, and a place to keep what was uploaded.
//!
//! Exit codes: 0 uploaded, 1 not, 2 wrong usage.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hybi::blocking::{
    self, AcceptError, Arrival, Error, Hub, HubConfig, HubEvent, MaybeTls, Reader, Session, Writer,
};
use hybi::handshake::Acceptance;
use hybi::keepalive::KeepaliveConfig;
use hybi::{Client, CloseCode};

#[path = "shared/arguments.rs"]
mod arguments;
use arguments::Arguments;

const USAGE: &str = "\
usage: upload [MEGABYTES]                  server and client in one program; default 200
       upload --serve HOST:PORT [--max MEGABYTES]
                                           a server, such as 127.0.0.1:9005; default 1000
       upload ws://HOST:PORT/ [MEGABYTES] [--patience SECONDS]
                                           a client; gives up if the server takes nothing for so
                                           long; default 10
A megabyte is a million bytes.";

/// How much the client sends at a time. Smaller parts cost more system calls, larger ones memory.
const PART_BYTES: usize = 64 << 10;
/// How long the client waits for the server to take something.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the server shows its progress if it does not know the total.
const SHOWN_BYTES: u64 = 20_000_000;
/// There is no page here that could connect. The same origin would not do: an attacker's page has
/// it, too, if its name leads here (DNS rebinding).
const NO_PAGES: [&str; 0] = [];
/// How many clients the server serves at a time.
const CLIENTS_MAX: usize = 100;

enum Options {
    Both { megabytes: u64 },
    Serve { address: String, megabytes_max: u64 },
    Upload { uri: String, megabytes: u64, patience: Duration },
}

fn main() -> ExitCode {
    let outcome = match arguments::read(USAGE, parse) {
        Ok(Options::Both { megabytes }) => both(megabytes),
        Ok(Options::Serve { address, megabytes_max }) => serve(&address, megabytes_max),
        Ok(Options::Upload { uri, megabytes, patience }) => upload(&uri, megabytes, patience),
        Err(code) => return code,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error);
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Starts a server at any port, and uploads to it.
fn both(megabytes: u64) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let uri = format!("ws://{}/", listener.local_addr()?);
    let hub = hub();
    let server = hub.clone();
    let serving = thread::Builder::new()
        .spawn(move || server.serve(listener, |arrival| receive(arrival, megabytes)))?;
    say("server and client are one program, so its memory is that of both");
    let uploaded = upload(&uri, megabytes, PATIENCE);
    hub.terminate(PATIENCE);
    if let Ok(Err(error)) = serving.join() {
        complain(format_args!("server: {error}"));
    }
    uploaded
}

// ---- the server

fn hub() -> Hub {
    let (sender, events) = mpsc::sync_channel(100);
    thread::spawn(move || events.into_iter().filter(is_news).for_each(complain));
    Hub::new(HubConfig::default().connections_max(CLIENTS_MAX).events(sender))
}

/// Returns whether an event is worth a line: what went wrong, but no port scan.
fn is_news(event: &HubEvent) -> bool {
    match event {
        HubEvent::Opened { .. } => false,
        HubEvent::Ended { closed, .. } => !closed.was_clean(),
        HubEvent::NoRequest { error, .. } => matches!(error, AcceptError::Request(_)),
        _ => true,
    }
}

fn serve(address: &str, megabytes_max: u64) -> Outcome {
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("cannot listen at {address}: {error}"))?;
    say(format_args!("listening at ws://{}/", listener.local_addr()?));
    Ok(hub().serve(listener, |arrival| receive(arrival, megabytes_max))?)
}

/// Receives uploads from one client, until it closes.
fn receive(arrival: Arrival, megabytes_max: u64) -> Outcome {
    let mut session = arrival.accept(&Acceptance::from_origins(NO_PAGES)?)?;
    // Whole messages keep their limit, as this program does not receive any.
    session.set_chunked_bytes_max(megabytes_max.saturating_mul(1_000_000));
    while let Some(bytes) = receive_one(&mut session)? {
        let memory = peak_memory();
        say(format_args!("received {bytes} bytes; peak memory of the server: {memory}"));
        session.send(&*format!("received {bytes} bytes; peak memory of the server: {memory}"))?;
    }
    Ok(())
}

/// Receives one upload. Returns its length, or `None` once the connection is over.
fn receive_one(session: &mut Session) -> Result<Option<u64>, Error> {
    let mut bytes = 0;
    while let Some(chunk) = session.receive_chunk()? {
        let data = chunk.data.as_bytes(); // a program would write this to a file
        let before = bytes;
        bytes += data.len() as u64;
        if chunk.last {
            return Ok(Some(bytes));
        }
        // Known if the message is one frame that is not compressed.
        let total = session.message_bytes_left().map(|left| bytes + left);
        let step = total.map_or(SHOWN_BYTES, |total| (total / 10).max(1));
        if bytes / step > before / step {
            show_received(bytes, total);
        }
    }
    Ok(None)
}

fn show_received(bytes: u64, total: Option<u64>) {
    match total {
        Some(total) => {
            let percent = bytes.saturating_mul(100) / total.max(1);
            say(format_args!("receiving: {percent} % of {total} bytes"));
        }
        None => say(format_args!("receiving: {} MB so far", bytes / 1_000_000)),
    }
}

// ---- the client

fn upload(uri: &str, megabytes: u64, patience: Duration) -> Outcome {
    let (mut reader, writer) = blocking::connect(uri)?.split()?;
    reader.set_keepalive(KeepaliveConfig::default());
    writer.set_write_timeout(patience)?;

    let sender = writer.clone();
    let sending = thread::Builder::new().spawn(move || {
        let sent = send(&sender, megabytes);
        if let Err(Error::TimedOut) = sent {
            // The other thread would wait until keep-alive gives the server up. It notices all
            // other errors itself, and may have to read why the server has closed.
            sender.terminate(Duration::ZERO);
        }
        sent
    })?;
    // While the other thread sends, this one answers pings, and learns why the server has closed.
    let answered = receive_answer(&mut reader, &writer);
    let sent = sending.join();
    if let Ok(Err(Error::TimedOut)) = sent {
        return Err(format!("the server took nothing for {} s", patience.as_secs_f64()).into());
    }
    if !answered? {
        let closed = reader.closed().map(ToString::to_string).unwrap_or_default();
        return Err(format!("the server has closed without an answer: {closed}").into());
    }
    if let Ok(sent) = sent {
        sent?;
    }
    say(format_args!("peak memory of the client: {}", peak_memory()));
    Ok(())
}

/// Receives until the connection is over. Returns whether an answer was there.
fn receive_answer(
    reader: &mut Reader<MaybeTls<TcpStream>, Client>,
    writer: &Writer<MaybeTls<TcpStream>, Client>,
) -> Result<bool, Error> {
    let Some(answer) = reader.receive()? else { return Ok(false) };
    // Escaped: whatever a server sends must not steer the terminal.
    say(format_args!("the server's answer: {:?}", answer.as_text().unwrap_or_default()));
    writer.close(CloseCode::NORMAL, "")?;
    while reader.receive()?.is_some() {}
    Ok(true)
}

/// Sends a message of so many megabytes, in parts that are made one by one.
fn send(writer: &Writer<MaybeTls<TcpStream>, Client>, megabytes: u64) -> Result<(), Error> {
    let part = [b'x'; PART_BYTES];
    let total = megabytes.saturating_mul(1_000_000);
    let (mut sent, mut shown) = (0, 0);
    while sent < total {
        let n = usize::try_from(total - sent).unwrap_or(PART_BYTES).min(PART_BYTES);
        writer.send_part(&part[..n])?;
        writer.flush()?; // waits until the server has taken it: otherwise it would queue up here
        sent += n as u64;
        let tenths = sent.saturating_mul(10) / total;
        if tenths > shown {
            shown = tenths;
            show_progress(tenths, sent);
        }
    }
    writer.send_last_part(b"") // a program that reads a file does not know which part is the last
}

fn show_progress(tenths: u64, sent: u64) {
    let bar: String = (0..10).map(|at| if at < tenths { '#' } else { '.' }).collect();
    let (percent, megabytes) = (tenths * 10, sent / 1_000_000);
    say(format_args!("[{bar}] {percent:3} % {megabytes:6} MB, peak memory {}", peak_memory()));
}

// ---- the rest

/// Returns the most memory that this program has used so far.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.map_or("unknown".into(), |kilobytes| format!("{kilobytes} KiB"))
}

/// Prints a line. Nobody may be reading it, which is no reason to end.
fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn parse(arguments: &mut Arguments) -> Result<Options, String> {
    let (mut address, mut max, mut uri, mut size) = (None, None, None, None);
    let mut patience = None;
    while let Some(argument) = arguments.next() {
        match &*argument {
            option @ "--serve" => {
                let value = arguments.value(option)?;
                arguments::host_and_port(&value)?;
                arguments::set(&mut address, option, value)?;
            }
            option @ "--max" => {
                arguments::set(&mut max, option, megabytes(&arguments.value(option)?)?)?;
            }
            option @ "--patience" => {
                let time = arguments::seconds_above_zero(option, &arguments.value(option)?)?;
                arguments::set(&mut patience, option, time)?;
            }
            _ if argument.contains("://") => arguments::set_unnamed(&mut uri, "URI", argument)?,
            _ => arguments::set_unnamed(&mut size, "number of megabytes", argument)?,
        }
    }
    let size = size.map(|size| megabytes(&size)).transpose()?;
    match (address, max, uri, size, patience) {
        (Some(address), max, None, None, None) => {
            Ok(Options::Serve { address, megabytes_max: max.unwrap_or(1000) })
        }
        (None, None, Some(uri), size, patience) => Ok(Options::Upload {
            uri,
            megabytes: size.unwrap_or(200),
            patience: patience.unwrap_or(PATIENCE),
        }),
        (None, None, None, size, None) => Ok(Options::Both { megabytes: size.unwrap_or(200) }),
        _ => Err("these arguments do not go together".into()),
    }
}

fn megabytes(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number of megabytes"))
}
