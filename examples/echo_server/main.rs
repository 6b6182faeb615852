//! An echo server with web pages: every message comes back as it was sent.
//!
//!     cargo run --release --example echo_server [HOST:PORT] [--tls CERT KEY]
//!
//! Default: 127.0.0.1:9001; port 0 for any. Open the address that it prints in a browser. `--tls`
//! needs feature `rustls`.
//!
//! It shows: looking at a request before deciding about it (pages at `/` and `/flipbook`,
//! WebSocket at any path, 404 elsewhere), choosing a subprotocol and, with feature `deflate`,
//! compression. The library's `Hub` keeps one client from harming the others: deadlines for the
//! handshake, for writing and for silence, a bound on connections, and one on the memory of all
//! messages together. `wire.rs` shows a stream of your own: it records what the page displays of
//! the bytes on the wire, within TLS. `flipbook.rs` speaks unasked: a stream of pictures at
//! `/flipbook`, beside the same by polling.
//!
//! It leaves out: users, a limit on the connections from one address, and a decision about origins:
//! it accepts any, since an echo gives nothing away. A server that knows its users by cookies must
//! not do that.

mod flipbook;
mod wire;

#[path = "../shared/arguments.rs"]
mod arguments;
#[path = "../shared/print.rs"]
mod print;
#[path = "../shared/tls.rs"]
mod tls;

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hybi::Config;
use hybi::blocking::{AcceptError, Arrival, Hub, HubConfig, HubEvent, Session};
use hybi::handshake::{Acceptance, Rejection, Request};

use crate::flipbook::Flipbook;
use crate::tls::Tls;
use crate::wire::{Recordings, Tap};

const USAGE: &str = "\
usage: echo_server [HOST:PORT] [OPTION]...   default: 127.0.0.1:9001
  --tls CERT KEY         speak TLS, with the certificates and the key in these PEM files";
/// The pages, and what they share: the path, the media type and the content.
const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("page.html")),
    ("/flipbook", "text/html; charset=utf-8", include_str!("flipbook.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("../shared/style.css")),
    ("/drawing.js", "text/javascript; charset=utf-8", include_str!("drawing.js")),
];
/// A page may ask only where it came from, and connect to any WebSocket: not every browser takes
/// `'self'` for those.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; \
    script-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:";
/// In order of preference.
const SUBPROTOCOLS: [&str; 4] = ["echo", "chat", "superchat", "test"];
/// The memory for all messages together: enough to receive four of 16 MiB, the longest, at once.
const MESSAGE_MEMORY_MAX: usize = 96 << 20;
/// How long a client may take to receive what we write at once, 16 MiB at most.
const WRITE_WITHIN: Duration = Duration::from_secs(60);

type Handled = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let options = arguments::read(USAGE, |arguments| {
        let (mut address, mut tls) = (None, None);
        while let Some(argument) = arguments.next() {
            match &*argument {
                option @ "--tls" => {
                    let value = arguments.two_values(option, Tls::read)?;
                    arguments::set(&mut tls, option, value)?;
                }
                _ => arguments::set_unnamed(&mut address, "address", argument)?,
            }
        }
        Ok((arguments::address(address, "127.0.0.1:9001")?, tls.unwrap_or_default()))
    });
    let (address, tls) = match options {
        Ok(options) => options,
        Err(code) => return code,
    };
    match serve(&address, tls) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::complain(format_args!("cannot listen at {address}: {error}"), 1),
    }
}

fn serve(address: &str, tls: Tls) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let (s, bound) = (tls.letter(), listener.local_addr()?);
    print::answer(format_args!("listening at http{s}://{bound} and ws{s}://{bound}"));
    let (sender, events) = mpsc::sync_channel(100);
    thread::spawn(move || events.into_iter().filter(is_news).for_each(print::log));
    let config = HubConfig::default()
        .message_memory_max(MESSAGE_MEMORY_MAX)
        .write_within(WRITE_WITHIN)
        .events(sender);
    let hub = Hub::with_streams(config, move |socket| Ok(Tap::new(tls.wrap(socket)?)));
    let (recordings, flipbook) = (Recordings::default(), Flipbook::start());
    hub.serve(listener, |arrival| handle(arrival, &recordings, &flipbook))
}

/// Returns whether an event is worth a line in the log. Most clients come and go.
fn is_news(event: &HubEvent) -> bool {
    match event {
        HubEvent::Opened { .. } | HubEvent::Ended { .. } => false,
        // A port scan, or a browser that connects in advance.
        HubEvent::NoRequest { error, .. } => matches!(error, AcceptError::Request(_)),
        _ => true,
    }
}

/// Serves one connection, from the request to the end.
fn handle(arrival: Arrival<Tap>, recordings: &Recordings, flipbook: &Flipbook) -> Handled {
    let request = arrival.request();
    if !request.is_upgrade() {
        return Ok(serve_http(arrival, recordings, flipbook)?);
    }
    match id(request) {
        Some(id) => recordings.keep(id, arrival.stream().recording().clone()),
        None => arrival.stream().recording().stop(),
    }
    if request.path() == "/flipbook" {
        // Without compression, which polling does not have either.
        return flipbook.show(arrival.accept(&Acceptance::from_any_origin())?);
    }
    let config = Config::default();
    #[cfg(feature = "deflate")]
    let config = config.deflate(hybi::extension::deflate::DeflateConfig::default());
    let mut acceptance = Acceptance::from_any_origin().config(config);
    if let Some(subprotocol) = request.choose_subprotocol(&SUBPROTOCOLS) {
        acceptance = acceptance.subprotocol(subprotocol);
    }
    echo(arrival.accept(&acceptance)?)
}

fn echo(mut session: Session<Tap>) -> Handled {
    while let Some(message) = session.receive()? {
        session.stream().recording().echoes(&message);
        // Fed echoes are written when there is nothing more to read: many small messages then take
        // one system call.
        session.feed(&message)?;
    }
    Ok(())
}

/// Answers a request for a page, for what went over the wire, or for pictures of the flipbook.
fn serve_http(
    arrival: Arrival<Tap>,
    recordings: &Recordings,
    flipbook: &Flipbook,
) -> Result<(), AcceptError> {
    let request = arrival.request();
    let fresh = Rejection::new(200).field("Cache-Control", "no-store");
    let response = match (request.method(), request.path(), parameter(request, "after")) {
        ("GET" | "HEAD", "/wire", _) => {
            let from = parameter(request, "from").and_then(|from| from.parse().ok());
            let recording = id(request).and_then(|id| recordings.find(id));
            match recording.and_then(|recording| recording.to_json(from.unwrap_or(0))) {
                Some(json) => fresh.body("application/json", json.into_bytes()),
                None => Rejection::new(404)
                    .body("text/plain", "There is no such connection, or not any more\n"),
            }
        }
        ("GET" | "HEAD", "/flipbook", Some(after)) => fresh
            .field("Clock", flipbook.clock().to_string())
            .field("Request-Bytes", arrival.stream().recording().request_bytes().to_string())
            .body("application/octet-stream", flipbook.since(after.parse().unwrap_or(u64::MAX))),
        ("GET" | "HEAD", "/favicon.ico", _) => Rejection::new(204),
        ("GET" | "HEAD", path, _) => match FILES.iter().find(|(name, ..)| *name == path) {
            Some((_, media_type, content)) => {
                fresh.field("Content-Security-Policy", PAGE_POLICY).body(*media_type, *content)
            }
            None => Rejection::new(404).body("text/plain", "There is nothing here but /\n"),
        },
        _ => Rejection::new(405).field("Allow", "GET, HEAD"),
    };
    arrival.reject(&response)
}

/// Returns the name of the recording in the query of a request.
fn id<'a>(request: &'a Request<'_>) -> Option<&'a str> {
    parameter(request, "id").filter(|id| wire::is_id(id))
}

fn parameter<'a>(request: &'a Request<'_>, name: &str) -> Option<&'a str> {
    let fields = request.query()?.split('&').filter_map(|field| field.split_once('='));
    fields.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}
