//! An echo server with a web page: every message comes back as it was sent.
//!
//!     cargo run --release --example echo_server [ADDR]        default: 127.0.0.1:9001, port 0 for any
//!
//! Open the address that it prints in a browser. It shows: looking at a request before deciding about it (a page at `/`,
//! WebSocket at any path, 404 elsewhere), choosing a subprotocol and, with feature `deflate`, compression, one thread per
//! connection with a bound on their number, and how to keep one client from harming the others: deadlines for the
//! handshake, for writing and for silence, limits, and what can go wrong with `accept`. `wire.rs` shows a stream of one's
//! own: it records what the page displays of the bytes on the wire.
//!
//! It leaves out: TLS (put it behind a proxy that does it, or wrap the stream), users, a limit on the connections
//! from one address, and who may connect: it accepts any origin, since an echo gives nothing away. A server that knows
//! its users by cookies must not do that.

mod wire;

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hybi::blocking::{self, Error, Incoming, Pending, WebSocket};
use hybi::connection::KeepaliveConfig;
use hybi::handshake::{Accept, Rejection, choose_subprotocol};
use hybi::{CloseCode, Server};

use crate::wire::{Recordings, Tap};

const PAGE: &[u8] = include_bytes!("page.html");
/// The page brings all it needs along; it may connect to where it came from.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self' ws: wss:";
/// In order of preference.
const SUBPROTOCOLS: [&str; 4] = ["echo", "chat", "superchat", "test"];
/// The most connections at once: each is a thread and some 130 KiB of buffers.
const CONNECTIONS_MAX: usize = 1_000;
/// How long a client may take for what we write at once, 16 MiB at the most.
const WRITE_WITHIN: Duration = Duration::from_secs(60);

/// Queued echoes alone are less, so that more means: there was something that was not taken within [`WRITE_WITHIN`].
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
    let connections = Arc::new(AtomicUsize::new(0));
    let recordings = Arc::new(Recordings::default());
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                // The client has gone already, or we have no descriptors left. The latter passes when connections end,
                // and meanwhile would keep us busy.
                eprintln!("accept: {error}");
                thread::sleep(Duration::from_millis(50));
                continue;
            }
        };
        let place = Place::take(&connections);
        if place.number > CONNECTIONS_MAX {
            continue; // closes the stream; an answer would cost what we have not got
        }
        let recordings = Arc::clone(&recordings);
        // A panic ends its own thread only. A thread that cannot be had ends this connection only.
        let spawned = thread::Builder::new().name("connection".into()).spawn(move || {
            let _place = place;
            if let Err(error) = answer(stream, &recordings) {
                eprintln!("{error}");
            }
        });
        if let Err(error) = spawned {
            eprintln!("no thread for a connection: {error}");
        }
    }
}

/// One of the places for connections, free again when dropped, also in a panic.
struct Place {
    taken: Arc<AtomicUsize>,
    number: usize,
}

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Self {
        Self {
            number: taken.fetch_add(1, Ordering::Relaxed).saturating_add(1),
            taken: Arc::clone(taken),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection, from the request to the end.
fn answer(stream: TcpStream, recordings: &Recordings) -> Result<(), Box<dyn std::error::Error>> {
    stream.set_nodelay(true)?; // messages are written whole: nothing is gained by waiting for more
    let pending = match blocking::accept(Tap::new(stream)) {
        Ok(pending) => pending,
        // A port scan, or a browser that connects in advance and then does not need it.
        Err(blocking::AcceptError::Io(_) | blocking::AcceptError::TimedOut) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !pending.request().is_upgrade() {
        return Ok(serve_page(pending, recordings)?);
    }
    match wire::id(pending.request()) {
        Some(id) => recordings.keep(id, pending.stream().recording().clone()),
        None => pending.stream().recording().stop(),
    }
    let mut accept = Accept::from_any_origin();
    if let Some(subprotocol) = choose_subprotocol(pending.request(), &SUBPROTOCOLS) {
        accept = accept.subprotocol(subprotocol);
    }
    #[cfg(feature = "deflate")]
    {
        accept = accept.deflate(hybi::extension::deflate::DeflateConfig::default());
    }
    let ws = pending.accept(&accept)?;
    match echo(ws) {
        // The peer broke a rule and was told; or it is gone. Nothing to report in either case.
        Ok(()) | Err(Error::Violation(_) | Error::Io(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn serve_page(pending: Pending<Tap>, recordings: &Recordings) -> Result<(), blocking::AcceptError> {
    let page = Rejection::new(200)
        .header("Content-Security-Policy", PAGE_POLICY)
        .header("Cache-Control", "no-store")
        .body("text/html; charset=utf-8", PAGE);
    let recorded = wire::id(pending.request()).and_then(|id| recordings.find(id)?.to_json());
    let response = match (pending.request().method(), pending.request().path()) {
        ("GET" | "HEAD", "/") => page,
        ("GET" | "HEAD", "/wire") => match &recorded {
            Some(json) => Rejection::new(200)
                .header("Cache-Control", "no-store")
                .body("application/json", json),
            None => Rejection::new(404)
                .body("text/plain", "There is no such connection, or not any more\n"),
        },
        ("GET" | "HEAD", "/favicon.ico") => Rejection::new(204),
        ("GET" | "HEAD", _) => {
            Rejection::new(404).body("text/plain", "There is nothing here but /\n")
        }
        _ => Rejection::new(405).header("Allow", "GET, HEAD"),
    };
    pending.reject(&response)
}

fn echo(mut ws: WebSocket<Tap, Server>) -> Result<(), Error> {
    // A silent client is pinged after 30 s and given up 20 s later.
    ws.set_keepalive(KeepaliveConfig::default());
    ws.set_write_timeout(Some(WRITE_WITHIN))?;
    loop {
        // Queued echoes are written when there is nothing more to read: many small messages, one system call.
        match ws.read()? {
            Incoming::Text(text) => ws.queue(&*text)?,
            Incoming::Binary(data) => ws.queue(&*data)?,
            Incoming::Pong(_) | Incoming::TimedOut => continue,
            Incoming::Closed(_) => return Ok(()),
        }
        if ws.ready_state() == blocking::ReadyState::Open && ws.unsent_bytes() > WRITE_BACKLOG_MAX {
            // The client sends but does not read.
            ws.close(CloseCode::POLICY_VIOLATION, "read what you asked for")?;
            ws.terminate(Duration::from_secs(1))?;
            return Ok(());
        }
    }
}
