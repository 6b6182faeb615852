//! An echo server with a web page: every message comes back as it was sent.
//!
//!     cargo run --release --example echo_server [ADDR]
//!
//! Default: 127.0.0.1:9001; port 0 for any. Open the address that it prints in a browser.
//!
//! It shows: looking at a request before deciding about it (a page at `/`, WebSocket at any path,
//! 404 elsewhere), choosing a subprotocol and, with feature `deflate`, compression, one thread per
//! connection with a bound on their number, and how to keep one client from harming the others:
//! deadlines for the handshake, for writing and for silence, limits, and what can go wrong with
//! `accept`. `wire.rs` shows a stream of your own: it records what the page displays of the bytes
//! on the wire.
//!
//! It leaves out: TLS (put it behind a proxy that does it, or wrap the stream), users, a limit on
//! the connections from one address, and a decision about origins: it accepts any, since an echo
//! gives nothing away. A server that knows its users by cookies must not do that.

mod wire;

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hybi::blocking::{self, AcceptError, Error, Pending, ReadyState, WebSocket};
use hybi::handshake::{Acceptance, Rejection};
use hybi::keepalive::KeepaliveConfig;
use hybi::{CloseCode, Config, Server};

use crate::wire::{Recordings, Tap};

const PAGE: &[u8] = include_bytes!("page.html");
/// The page brings everything along, and may connect to where it came from.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'unsafe-inline'; connect-src 'self' ws: wss:";
/// In order of preference.
const SUBPROTOCOLS: [&str; 4] = ["echo", "chat", "superchat", "test"];
/// The most connections at once. Each is a thread and, between messages, up to 128 KiB of buffers.
const CONNECTIONS_MAX: usize = 1_000;
/// How long a client may take to receive what we write at once, 16 MiB at most.
const WRITE_WITHIN: Duration = Duration::from_secs(60);
/// More than fed echoes alone, so a larger backlog means that something was not taken within
/// [`WRITE_WITHIN`].
const WRITE_BACKLOG_MAX: usize = 128 << 10;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9001".into());
    if address.starts_with('-') || arguments.next().is_some() {
        eprintln!("usage: echo_server [ADDR]        such as 127.0.0.1:9001");
        return ExitCode::from(2);
    }
    match serve(&address) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("cannot listen at {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(address: &str) -> io::Result<std::convert::Infallible> {
    let listener = TcpListener::bind(address)?;
    println!("listening at http://{0} and ws://{0}", listener.local_addr()?);
    io::stdout().flush()?;
    let recordings = Arc::new(Recordings::default());
    let places = Arc::new(()); // each connection holds a reference
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                // The client has left already, or no file descriptor is free until others leave.
                // Without a pause the latter would keep us busy.
                eprintln!("accept: {error}");
                thread::sleep(Duration::from_millis(50));
                continue;
            }
        };
        let place = Arc::clone(&places);
        if Arc::strong_count(&places) > 1 + CONNECTIONS_MAX {
            continue; // closes the stream
        }
        let recordings = Arc::clone(&recordings);
        // A panic ends its own thread only. Without a thread only this connection ends.
        let spawned = thread::Builder::new().name("connection".into()).spawn(move || {
            if let Err(error) = answer(stream, &recordings) {
                eprintln!("{error}");
            }
            drop(place);
        });
        if let Err(error) = spawned {
            eprintln!("no thread for a connection: {error}");
        }
    }
}

/// Serves one connection, from the request to the end.
fn answer(stream: TcpStream, recordings: &Recordings) -> Result<(), Box<dyn std::error::Error>> {
    stream.set_nodelay(true)?; // messages are written whole: waiting for more only delays them
    let pending = match blocking::receive_request(Tap::new(stream)) {
        Ok(pending) => pending,
        // A port scan, or a browser that connects in advance.
        Err(AcceptError::Io(_) | AcceptError::TimedOut) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !pending.request().is_upgrade() {
        return Ok(serve_page(pending, recordings)?);
    }
    match wire::id(pending.request()) {
        Some(id) => recordings.keep(id, pending.stream().recording().clone()),
        None => pending.stream().recording().stop(),
    }
    let config = Config::default();
    #[cfg(feature = "deflate")]
    let config = config.deflate(hybi::extension::deflate::DeflateConfig::default());
    let mut acceptance = Acceptance::from_any_origin().config(config);
    if let Some(subprotocol) = pending.request().choose_subprotocol(&SUBPROTOCOLS) {
        acceptance = acceptance.subprotocol(subprotocol);
    }
    match echo(pending.accept(&acceptance)?) {
        // The client broke a rule and was told so, or it is gone. Nothing to report.
        Ok(()) | Err(Error::Protocol(_) | Error::Io(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn serve_page(pending: Pending<Tap>, recordings: &Recordings) -> Result<(), AcceptError> {
    let page = Rejection::new(200)
        .field("Content-Security-Policy", PAGE_POLICY)
        .field("Cache-Control", "no-store")
        .body("text/html; charset=utf-8", PAGE);
    let recorded = wire::id(pending.request()).and_then(|id| recordings.find(id)?.to_json());
    let response = match (pending.request().method(), pending.request().path()) {
        ("GET" | "HEAD", "/") => page,
        ("GET" | "HEAD", "/wire") => match &recorded {
            Some(json) => Rejection::new(200)
                .field("Cache-Control", "no-store")
                .body("application/json", json),
            None => Rejection::new(404)
                .body("text/plain", "There is no such connection, or not any more\n"),
        },
        ("GET" | "HEAD", "/favicon.ico") => Rejection::new(204),
        ("GET" | "HEAD", _) => {
            Rejection::new(404).body("text/plain", "There is nothing here but /\n")
        }
        _ => Rejection::new(405).field("Allow", "GET, HEAD"),
    };
    pending.reject(&response)
}

fn echo(mut ws: WebSocket<Tap, Server>) -> Result<(), Error> {
    // A silent client is pinged after 30 s, and dropped 20 s later.
    ws.set_keepalive(KeepaliveConfig::default());
    ws.set_write_timeout(WRITE_WITHIN)?;
    while let Some(message) = ws.receive()? {
        // Fed echoes are written when there is nothing more to read: many small messages then take
        // one system call.
        ws.feed(&message)?;
        if ws.ready_state() == ReadyState::Open && ws.unsent_bytes() > WRITE_BACKLOG_MAX {
            // The client sends but does not read.
            ws.close(CloseCode::POLICY_VIOLATION, "read what you asked for")?;
            ws.terminate(Duration::from_secs(1));
            break;
        }
    }
    Ok(())
}
