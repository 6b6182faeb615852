//! A chat for browsers.
//!
//!     cargo run --release --example chat [HOST:PORT] [OPTION...]
//!
//! Default: 127.0.0.1:9002; port 0 for any. Open the address that it prints in two windows. A line
//! that you type is shown to everybody. `alias NAME` changes your name. Type `help` at its terminal
//! for what the server can do. `--tls` needs feature `rustls`. With `--iris PATH`, clients of the
//! chat tutorial of InterSystems IRIS join the same chat. Several servers can be one chat:
//!
//!     cargo run --release -p hybi-bus --bin chat -- --bus redis://127.0.0.1 [HOST:PORT]
//!
//! It shows: a page and WebSocket at one port, a decision about each request by its host, its path,
//! its origin and the client's address, names that nobody can take for another's, JSON messages in
//! two dialects, broadcasts that are encoded once for all receivers, a list of users that stays
//! right when a client vanishes, what was said before somebody came, a client that reads too
//! slowly, clients beyond the limit, errors that are kept, and an orderly end.
//!
//! It leaves out: passwords, and a bound on how much one user says.

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;

use hybi::blocking::{AcceptError, HubConfig};
use hybi::handshake::{Acceptance, Rejection};
use hybi::keepalive::KeepaliveConfig;

#[path = "../shared/arguments.rs"]
mod arguments;
mod commands;
mod dialect;
mod errors;
#[path = "../shared/hosts.rs"]
mod hosts;
mod iris;
#[path = "../shared/limit.rs"]
mod limit;
mod names;
#[cfg(feature = "bus")]
#[path = "../bus/chat.rs"]
mod on_bus;
#[cfg(not(feature = "bus"))]
#[path = "no_bus.rs"]
mod on_bus;
mod options;
#[path = "../shared/print.rs"]
mod print;
mod room;
#[path = "../shared/terminal.rs"]
mod terminal;
#[path = "../shared/tls.rs"]
mod tls;
mod user;
use errors::Errors;
use hosts::Hosts;
use limit::Limit;
use options::{Options, Rules, USAGE};
use room::{Here, Order, Room};
use tls::Socket;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("../shared/style.css");
/// The page may ask only where it came from, and connect to any WebSocket: not every browser takes
/// `'self'` for those.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; \
    script-src 'unsafe-inline'; connect-src 'self' ws: wss:; frame-ancestors 'none'";
const LINE_CHARS_MAX: usize = 1_000;
/// A message as JSON, with its author, has no more bytes: six at most are one character.
const MESSAGE_JSON_BYTES_MAX: usize = 8 << 10;
/// A user in a list as JSON has no more bytes: four at most are one character of a name.
const USER_JSON_BYTES_MAX: usize = 160;
/// The bytes that may wait for a user, beside all messages and users that a newcomer is sent.
const QUEUE_BYTES: usize = 1 << 20;
const NOT_OUR_HOST: &str =
    "There is no chat of that host. Whoever runs the chat can allow it: --host NAME\n";
const INTERRUPTED: &str = "The chat is interrupted. Please try again later.";

type Arrival = hybi::blocking::Arrival<Socket>;
type Hub = hybi::blocking::Hub<Socket>;
type Peer = hybi::blocking::Peer<Socket>;
type Session = hybi::blocking::Session<Socket>;
type Handled = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let options = match arguments::read(USAGE, Options::parse) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let address = options.address.clone();
    let room = Arc::new(Room::new(options.history_max));
    let order = match &options.bus {
        None => Box::new(Here(Arc::clone(&room))),
        Some(url) => match on_bus::join(url, options.deadline, Arc::clone(&room)) {
            Ok(order) => order,
            Err(error) => return print::complain(error, 1),
        },
    };
    match run(options, room, order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::complain(format_args!("cannot listen at {address}: {error}"), 1),
    }
}

fn run(options: Options, room: Arc<Room>, order: Box<dyn Order>) -> io::Result<()> {
    let listener = TcpListener::bind(&options.address)?;
    let (s, bound) = (options.tls.letter(), listener.local_addr()?);
    print::answer(format_args!("listening at http{s}://{bound} and ws{s}://{bound}"));
    let chat = Arc::new(Chat {
        hosts: Hosts::new(bound.ip(), options.hosts),
        acceptance: options.acceptance,
        rules: options.rules,
        limit: Limit::new(options.connections_max),
        errors: Errors::default(),
        room,
        order,
    });
    let (sender, events) = mpsc::sync_channel(100);
    let told = Arc::clone(&chat);
    thread::spawn(move || events.into_iter().for_each(|event| told.errors.handle_event(&event)));
    let (ping_after, pong_within) = options.keepalive;
    let keepalive = KeepaliveConfig::default()
        .ping_after(ping_after)
        .pong_within(pong_within)
        .close_within(options.patience);
    let welcome_bytes_max = options.history_max * MESSAGE_JSON_BYTES_MAX
        + options.connections_max * USER_JSON_BYTES_MAX;
    let config = HubConfig::default()
        .connections_max(options.connections_max + limit::SPARE)
        .queue_bytes_max(QUEUE_BYTES + welcome_bytes_max)
        .write_within(options.patience)
        .keepalive(keepalive)
        .events(sender);
    let tls = options.tls;
    let hub = Hub::with_streams(config, move |socket| tls.wrap(socket));
    let (end, ended) = terminal::ending(&hub, options.timeout);
    let obeyed = Arc::clone(&chat);
    thread::spawn(move || {
        terminal::serve(commands::COMMANDS, |line| commands::obey(&obeyed, line), end);
    });
    hub.serve(listener, |arrival| chat.serve(arrival))?;
    chat.order.end();
    ended.wait();
    print::flush();
    Ok(())
}

struct Chat {
    hosts: Hosts,
    /// The allowed origins, and the limits.
    acceptance: Acceptance<'static>,
    rules: Rules,
    limit: Limit,
    errors: Errors,
    room: Arc<Room>,
    order: Box<dyn Order>,
}

impl Chat {
    /// Serves one connection, from the request to the end.
    fn serve(&self, arrival: Arrival) -> Handled {
        // First, so that a page of somebody else's learns nothing.
        if !arrival.request().host().is_some_and(|host| self.hosts.contain(host)) {
            return Ok(arrival.reject(&Rejection::new(421).body("text/plain", NOT_OUR_HOST))?);
        }
        if !arrival.request().is_upgrade() {
            return Ok(self.serve_page(arrival)?);
        }
        let address = arrival.address();
        let dialect = match self.rules.on_connection(arrival.request(), address.ip().to_canonical())
        {
            Ok(dialect) => dialect,
            Err(rejection) => return Ok(arrival.reject(&rejection)?),
        };
        let Some(_place) = self.limit.take() else {
            self.errors.handle(address, "told 503: there are as many connections as may be");
            return Ok(arrival.reject(&limit::full())?);
        };
        user::serve(self, dialect, &mut arrival.accept(&self.acceptance)?);
        Ok(())
    }

    fn serve_page(&self, arrival: Arrival) -> Result<(), AcceptError> {
        let text = PAGE.replace("/chat", &self.rules.path);
        let page = Rejection::new(200)
            .field("Content-Security-Policy", PAGE_POLICY)
            .field("Cache-Control", "no-store")
            .body("text/html; charset=utf-8", &text);
        let response = match (arrival.request().method(), arrival.request().path()) {
            ("GET" | "HEAD", "/") => page,
            ("GET" | "HEAD", "/style.css") => {
                Rejection::new(200).body("text/css; charset=utf-8", STYLE)
            }
            ("GET" | "HEAD", "/favicon.ico") => Rejection::new(204),
            ("GET" | "HEAD", _) => {
                Rejection::new(404).body("text/plain", "There is nothing here but /\n")
            }
            _ => Rejection::new(405).field("Allow", "GET, HEAD"),
        };
        arrival.reject(&response)
    }
}
