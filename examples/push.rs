//! A server that speaks without being asked.
//!
//!     cargo run --release --example push [ADDR] [--timeout SECONDS]        default: 127.0.0.1:9003, 10 s
//!
//! Connect with `cargo run --example client ws://127.0.0.1:9003/`. Three ways to do it:
//!
//! - `/`: synchronous. The server reads with a time-out, and whenever that is over sends "timed out at ...". Texts come
//!   back as they were sent; `exit` ends the conversation.
//! - `/?binary`: the same in binary messages.
//! - `/async`: asynchronous. The connection gets a number, and what serves it returns at once. From then on whoever knows
//!   the number can send to it or close it; here that is whoever types at the server's terminal: `ID TEXT`, `all TEXT`,
//!   `close ID`, `list`.
//!
//! It leaves out: TLS, users, pages of other servers (browsers may connect from nowhere, as there is no page here).

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hybi::blocking::{self, AcceptError, Closed, Error, Incoming, ReadyState, WebSocket};
use hybi::connection::{KeepaliveConfig, Prepared};
use hybi::handshake::{Accept, Rejection};
use hybi::{CloseCode, Server};

#[path = "shared/hub.rs"]
mod hub;
use hub::{Bounds, Hub, Peer, Session, Socket};

/// How long a client of the synchronous kind may take for what we write.
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

/// One connection, from the request to the end.
fn serve(
    stream: Socket,
    timeout: Duration,
    hub: &Arc<Hub>,
) -> Result<(), Box<dyn std::error::Error>> {
    let pending = match blocking::accept(stream) {
        Ok(pending) => pending,
        // A port scan, or a browser that connects in advance and then does not need it.
        Err(AcceptError::Io(_) | AcceptError::TimedOut) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let binary = pending.request().query() == Some("binary");
    let is_async = match pending.request().path() {
        "/" => false,
        "/async" => true,
        _ => return Ok(pending.reject(&Rejection::new(404))?),
    };
    let ws = pending.accept(&Accept::from_same_origin())?;
    let outcome = if is_async {
        let session = open(hub.admit(ws)?);
        listen_to(session)
    } else {
        converse(ws, timeout, binary)
    };
    hub::log(format_args!("a connection ended: {}", hub::ending(&outcome)));
    Ok(())
}

/// The synchronous server: one thread reads and writes.
fn converse(
    mut ws: WebSocket<Socket, Server>,
    timeout: Duration,
    binary: bool,
) -> Result<Closed, Error> {
    ws.set_keepalive(KeepaliveConfig::default());
    ws.set_read_timeout(Some(timeout))?;
    ws.set_write_timeout(Some(WRITE_WITHIN))?;
    while ws.unsent_bytes() == 0 {
        match ws.read()? {
            data @ (Incoming::Text(_) | Incoming::Binary(_)) => reply(&mut ws, data, binary)?,
            Incoming::TimedOut => {
                let news = format!("timed out at {}", now());
                reply(&mut ws, Incoming::Text(news), binary)?;
            }
            Incoming::Closed(closed) => return Ok(closed),
            Incoming::Pong(_) => {}
        }
    }
    ws.terminate(Duration::ZERO) // the client does not read
}

fn reply(ws: &mut WebSocket<Socket, Server>, data: Incoming, binary: bool) -> Result<(), Error> {
    match data {
        // We have closed; this was under way, or is the last time-out.
        _ if ws.ready_state() != ReadyState::Open => Ok(()),
        Incoming::Text(text) if text == "exit" => ws.close(CloseCode::NORMAL, "bye"),
        Incoming::Binary(data) if data == b"exit" => ws.close(CloseCode::NORMAL, "bye"),
        Incoming::Text(text) if !binary => ws.send(&text),
        Incoming::Text(text) => ws.send(text.as_bytes()),
        Incoming::Binary(data) => ws.send(&data),
        _ => Ok(()),
    }
}

/// The asynchronous server: greets, and has done its part.
fn open(session: Session) -> Session {
    let id = session.peer().id();
    session.peer().send(&Prepared::new(&format!("you are number {id}")));
    hub::log(format_args!("{id} has come"));
    session
}

/// What is left to the thread of an asynchronous connection: it answers pings, and notices the end.
fn listen_to(mut session: Session) -> Result<Closed, Error> {
    loop {
        match session.read()? {
            Incoming::Text(text) => {
                hub::answer(format_args!("{} says {text:?}", session.peer().id()))
            }
            Incoming::Binary(data) => {
                hub::answer(format_args!("{} says {} bytes", session.peer().id(), data.len()));
            }
            Incoming::Pong(_) | Incoming::TimedOut => {}
            Incoming::Closed(closed) => return Ok(closed),
        }
    }
}

/// Another thread, which knows connections by their numbers only.
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

/// The time of day, UTC.
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
