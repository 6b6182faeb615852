//! A server that sends without being asked.
//!
//!     cargo run --release --example push [HOST:PORT] [--timeout SECONDS]
//!
//! Default: 127.0.0.1:9003, 10 s. Connect with `cargo run --example client ws://127.0.0.1:9003/`.
//! There are three ways to do it:
//!
//! - `/`: synchronous. The server reads with a time-out, and sends "timed out at ..." whenever that
//!   passes. Texts come back as they were sent. `exit` ends the conversation.
//! - `/?binary`: the same in binary messages.
//! - `/async`: asynchronous. The connection gets a number, and the server never waits for it.
//!   Everybody who knows the number can send to it or close it. Here that is the person at the
//!   server's terminal: `ID TEXT`, `all TEXT`, `close ID`, `list`. Two threads stay with the
//!   connection: one answers pings and notices the end, the other writes.
//!
//! It leaves out: TLS, users, and web pages: none can connect, as there is none here.

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hybi::blocking::{
    AcceptError, Arrival, Error, Hub, HubConfig, HubEvent, Peer, ReadyState, Session,
};
use hybi::connection::Prepared;
use hybi::handshake::{Acceptance, Rejection};
use hybi::{CloseCode, Config, Limits, Message};

#[path = "shared/arguments.rs"]
mod arguments;
#[path = "shared/print.rs"]
mod print;
use arguments::Arguments;

const USAGE: &str = "\
usage: push [HOST:PORT] [OPTION]      default: 127.0.0.1:9003
  --timeout SECONDS  of silence until a synchronous client is told \"timed out\" (default: 10)";
/// More than a line that somebody types. A longer message closes the connection with 1009.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;
/// There is none here that could connect. The same origin would not do: an attacker's page has it,
/// too, if its name leads here (DNS rebinding).
const NO_PAGES: [&str; 0] = [];

type Handled = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let (address, timeout) = match arguments::read(USAGE, options) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match run(&address, timeout) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::complain(format_args!("cannot listen at {address}: {error}"), 1),
    }
}

fn run(address: &str, timeout: Duration) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    print::answer(format_args!("listening at http://{0} and ws://{0}", listener.local_addr()?));
    let (sender, events) = mpsc::sync_channel(100);
    thread::spawn(move || events.into_iter().filter(is_news).for_each(print::log));
    let hub = Hub::new(HubConfig::default().events(sender));
    let terminal = hub.clone();
    thread::spawn(move || print::answer_lines(|line| obey(&terminal, line)));
    hub.serve(listener, |arrival| serve(arrival, timeout))
}

/// Returns whether an event is worth a line in the log.
fn is_news(event: &HubEvent) -> bool {
    match event {
        // A port scan, or a browser that connects in advance.
        HubEvent::NoRequest { error, .. } => matches!(error, AcceptError::Request(_)),
        _ => true,
    }
}

/// Serves one connection, from the request to the end.
fn serve(arrival: Arrival, timeout: Duration) -> Handled {
    let is_binary = arrival.request().query() == Some("binary");
    let is_async = match arrival.request().path() {
        "/" => false,
        "/async" => true,
        _ => return Ok(arrival.reject(&Rejection::new(404))?),
    };
    let limits = Limits::default().message_bytes_max(MESSAGE_BYTES_MAX);
    let acceptance = Acceptance::from_origins(NO_PAGES)?.config(Config::default().limits(limits));
    let session = arrival.accept(&acceptance)?;
    if is_async { listen_to(session) } else { converse(session, timeout, is_binary) }
}

/// The synchronous server: receives with a time-out, and answers.
fn converse(mut session: Session, timeout: Duration, is_binary: bool) -> Handled {
    session.set_read_timeout(timeout)?;
    loop {
        let message = match session.receive() {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(Error::TimedOut) => format!("timed out at {}", now()).into(),
            Err(error) => return Err(error.into()),
        };
        if session.ready_state() != ReadyState::Open {
            // We have closed. This message was in flight, or is the last time-out.
        } else if message.as_bytes() == b"exit" {
            session.close(CloseCode::NORMAL, "bye")?;
        } else if is_binary {
            session.send(message.as_bytes())?;
        } else {
            session.send(&message)?;
        }
    }
}

/// The asynchronous server: greets. Then it only reads what the client sends, answers pings, and
/// notices the end.
fn listen_to(mut session: Session) -> Handled {
    let id = session.id();
    session.peer().send(&*format!("you are number {id}"))?;
    while let Some(message) = session.receive()? {
        match message {
            Message::Text(text) => print::answer(format_args!("{id} says {text:?}")),
            Message::Binary(bytes) => {
                print::answer(format_args!("{id} says {} bytes", bytes.len()));
            }
        }
    }
    Ok(())
}

/// Runs in another thread, which knows connections only by their numbers.
fn obey(hub: &Hub, line: &str) -> Result<String, Box<dyn std::error::Error>> {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("list", "") => {
            let peers = hub.peers();
            let line = |peer: &Peer| format!("\n{} {:?}", peer.id(), peer.ready_state());
            Ok(format!("{} connections{}", peers.len(), peers.iter().map(line).collect::<String>()))
        }
        ("all", text) => {
            let message = Prepared::new(text); // encoded once
            let sent =
                hub.peers().iter().filter(|peer| peer.send_prepared(&message).is_ok()).count();
            Ok(format!("sent to {sent}"))
        }
        ("close", id) => {
            hub.peer(id.parse()?)?.close(CloseCode::NORMAL, "closed from the terminal")?;
            Ok(format!("closing {id}"))
        }
        (id, text) => {
            let id = id.parse().map_err(|_| "type: ID TEXT, all TEXT, close ID, list")?;
            hub.peer(id)?.send(text)?;
            Ok(format!("sent to {id}"))
        }
    }
}

/// Returns the time of day, UTC.
fn now() -> String {
    let seconds =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    format!("{:02}:{:02}:{:02} UTC", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn options(arguments: &mut Arguments) -> Result<(String, Duration), String> {
    let (mut address, mut timeout) = (None, None);
    while let Some(argument) = arguments.next() {
        match &*argument {
            option @ "--timeout" => {
                let time = arguments::seconds_above_zero(option, &arguments.value(option)?)?;
                arguments::set(&mut timeout, option, time)?;
            }
            _ => arguments::set_unnamed(&mut address, "address", argument)?,
        }
    }
    let address = arguments::address(address, "127.0.0.1:9003")?;
    Ok((address, timeout.unwrap_or(Duration::from_secs(10))))
}
