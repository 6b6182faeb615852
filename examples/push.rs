//! A server that sends without being asked.
//!
//!     cargo run --release --example push [ADDR] [--timeout SECONDS]
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
//! It leaves out: TLS, users, and pages of other servers. (Web pages cannot connect, as there is
//! none here.)

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hybi::blocking::{self, AcceptError, Error, ReadyState, WebSocket};
use hybi::connection::Prepared;
use hybi::handshake::{Acceptance, Rejection};
use hybi::keepalive::KeepaliveConfig;
use hybi::{CloseCode, Message, Server};

#[path = "shared/hub.rs"]
mod hub;
use hub::{Bounds, Hub, Peer, Session, Socket};

/// How long a synchronous client may take to receive what we write.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let Some((address, timeout)) = options(std::env::args().skip(1)) else {
        eprintln!(
            "usage: push [ADDR] [--timeout SECONDS]        such as 127.0.0.1:9003 --timeout 10"
        );
        return ExitCode::from(2);
    };
    let hub = Hub::new(Bounds::default());
    let terminal = Arc::clone(&hub);
    thread::spawn(move || obey_terminal(&terminal));
    let server = Arc::clone(&hub);
    let serve = move |stream| {
        if let Err(error) = serve(stream, timeout, &server) {
            hub::log(error);
        }
    };
    match hub.listen(&address, serve) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("cannot listen at {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves one connection, from the request to the end.
fn serve(
    stream: Socket,
    timeout: Duration,
    hub: &Arc<Hub>,
) -> Result<(), Box<dyn std::error::Error>> {
    let pending = match blocking::receive_request(stream) {
        Ok(pending) => pending,
        // A port scan, or a browser that connects in advance.
        Err(AcceptError::Io(_) | AcceptError::TimedOut) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let binary = pending.request().query() == Some("binary");
    let is_async = match pending.request().path() {
        "/" => false,
        "/async" => true,
        _ => return Ok(pending.reject(&Rejection::new(404))?),
    };
    let mut ws = pending.accept(&Acceptance::from_same_origin())?;
    let ending = if is_async {
        let mut session = hub.admit(ws)?;
        greet(&session);
        let outcome = listen_to(&mut session);
        hub::ending(&outcome, session.closed())
    } else {
        let outcome = converse(&mut ws, timeout, binary);
        hub::ending(&outcome, ws.closed())
    };
    hub::log(format_args!("a connection ended: {ending}"));
    Ok(())
}

/// The synchronous server: one thread reads and writes.
fn converse(
    ws: &mut WebSocket<Socket, Server>,
    timeout: Duration,
    binary: bool,
) -> Result<(), Error> {
    ws.set_keepalive(KeepaliveConfig::default());
    ws.set_read_timeout(timeout)?;
    ws.set_write_timeout(WRITE_WITHIN)?;
    while ws.unsent_bytes() == 0 {
        let message = match ws.receive() {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(Error::TimedOut) => format!("timed out at {}", now()).into(),
            Err(error) => return Err(error),
        };
        if ws.ready_state() != ReadyState::Open {
            // We have closed. This message was in flight, or is the last time-out.
        } else if message.as_bytes() == b"exit" {
            ws.close(CloseCode::NORMAL, "bye")?;
        } else if binary {
            ws.send(message.as_bytes())?;
        } else {
            ws.send(&message)?;
        }
    }
    ws.terminate(Duration::ZERO); // drops a client that does not read
    Ok(())
}

/// The asynchronous server: greets, and is done.
fn greet(session: &Session) {
    let id = session.peer().id();
    session.peer().send(&Prepared::new(&format!("you are number {id}")));
    hub::log(format_args!("{id} has come"));
}

/// Reads what an asynchronous client sends, answers pings, and notices the end.
fn listen_to(session: &mut Session) -> Result<(), Error> {
    let id = session.peer().id();
    while let Some(message) = session.receive()? {
        match message {
            Message::Text(text) => hub::answer(format_args!("{id} says {text:?}")),
            Message::Binary(bytes) => hub::answer(format_args!("{id} says {} bytes", bytes.len())),
        }
    }
    Ok(())
}

/// Runs in another thread, which knows connections only by their numbers.
fn obey_terminal(hub: &Hub) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match obey(hub, line.trim()) {
            Ok(answer) => hub::answer(answer),
            Err(error) => hub::answer(format_args!("error: {error}")),
        }
    }
}

fn obey(hub: &Hub, line: &str) -> Result<String, Box<dyn std::error::Error>> {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("list", "") => {
            let peers = hub.peers();
            let line = |peer: &Arc<Peer>| format!("\n{} {:?}", peer.id(), peer.ready_state());
            Ok(format!("{} connections{}", peers.len(), peers.iter().map(line).collect::<String>()))
        }
        ("all", text) => {
            let message = Prepared::new(text); // encoded once
            let sent = hub.peers().iter().filter(|peer| peer.send(&message)).count();
            Ok(format!("sent to {sent}"))
        }
        ("close", id) => {
            hub.peer(id.parse()?)?.close(CloseCode::NORMAL, "closed from the terminal");
            Ok(format!("closing {id}"))
        }
        (id, text) => {
            let id = id.parse().map_err(|_| "type: ID TEXT, all TEXT, close ID, list")?;
            if !hub.peer(id)?.send(&Prepared::new(text)) {
                return Err(format!("connection {id} is closing").into());
            }
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

fn options(mut arguments: impl Iterator<Item = String>) -> Option<(String, Duration)> {
    let (mut address, mut timeout) = (None, Duration::from_secs(10));
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--timeout" => {
                let seconds = arguments.next()?.parse().ok()?;
                timeout =
                    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())?;
            }
            _ if argument.starts_with('-') || address.is_some() => return None,
            _ => address = Some(argument),
        }
    }
    Some((address.unwrap_or_else(|| "127.0.0.1:9003".into()), timeout))
}
