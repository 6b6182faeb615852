//! A pool of endpoints that are allocated and released while the server runs, each a room of its
//! own.
//!
//!     cargo run --release --example endpoints [HOST:PORT] [--endpoints NUMBER] [--prefix NAME]
//!
//! Default: 127.0.0.1:9004, 5 endpoints, prefix WS. Type `allocate` at its terminal. Then connect
//! as often as you like, with `cargo run --example client ws://127.0.0.1:9004/` and the name that
//! it printed. A message from a client is reflected to everybody on its endpoint, itself included.
//! The other commands: `release NAME`, `clients NAME`, `in use? NAME`, `status NAME`, `send NAME
//! TEXT`, `list`.
//!
//! It shows: a rule that changes while the server runs (connecting to an endpoint that is not
//! allocated is refused with 404, releasing one closes its clients with 1001), and hooks.
//!
//! It leaves out: TLS, users, web pages (none can connect, as there is none here), and names that
//! nobody can guess: these have 32 random bits.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use hybi::blocking::{
    AcceptError, Arrival, Closed, Error, Hub, HubConfig, HubEvent, Peer, Session,
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
usage: endpoints [HOST:PORT] [OPTION]...      default: 127.0.0.1:9004
  --endpoints NUMBER  how many endpoints there are, 10000 at most (default: 5)
  --prefix NAME       how their names begin: ASCII letters and digits (default: WS)";
/// A longer message closes its sender's connection with 1009. It is a small part of what the hub
/// queues for each client, so that no single message makes a client look slow.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;
/// There is none here that could connect. The same origin would not do: an attacker's page has it,
/// too, if its name leads here (DNS rebinding).
const NO_PAGES: [&str; 0] = [];

type Handled = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let (address, prefix, size) = match arguments::read(USAGE, options) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match run(&address, Pool::new(&prefix, size, Tell)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::complain(format_args!("cannot listen at {address}: {error}"), 1),
    }
}

fn run(address: &str, pool: Pool) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    print::answer(format_args!("listening at http://{0} and ws://{0}", listener.local_addr()?));
    let (sender, events) = mpsc::sync_channel(100);
    thread::spawn(move || events.into_iter().filter(is_news).for_each(print::log));
    let pool = Arc::new(pool);
    let terminal = Arc::clone(&pool);
    thread::spawn(move || print::answer_lines(|line| obey(&terminal, line)));
    Hub::new(HubConfig::default().events(sender)).serve(listener, |arrival| pool.serve(arrival))
}

/// Returns whether an event is worth a line in the log. The hooks have one for each connection.
fn is_news(event: &HubEvent) -> bool {
    match event {
        HubEvent::Opened { .. } | HubEvent::Ended { .. } => false,
        // A port scan, or a browser that connects in advance.
        HubEvent::NoRequest { error, .. } => matches!(error, AcceptError::Request(_)),
        _ => true,
    }
}

/// What a program may do when something happens. By default nothing.
trait Hooks: Send + Sync {
    fn on_connect(&self, _endpoint: &str, _peer: &Peer) {}
    fn on_message(&self, _endpoint: &str, _peer: &Peer, _message: &Message) {}
    fn on_leave(&self, _endpoint: &str, _peer: &Peer, _closed: &Closed) {}
    fn on_error(&self, _endpoint: &str, _peer: &Peer, _error: &Error) {}
}

/// Logs everything.
struct Tell;

impl Hooks for Tell {
    fn on_connect(&self, endpoint: &str, peer: &Peer) {
        print::log(format_args!("{endpoint}: {} connected", peer.id()));
    }

    fn on_message(&self, endpoint: &str, peer: &Peer, message: &Message) {
        let id = peer.id();
        match message {
            Message::Text(text) => print::log(format_args!("{endpoint}: {id} says {text:?}")),
            Message::Binary(bytes) => {
                print::log(format_args!("{endpoint}: {id} says {} bytes", bytes.len()));
            }
        }
    }

    fn on_leave(&self, endpoint: &str, peer: &Peer, closed: &Closed) {
        print::log(format_args!("{endpoint}: {} left: {closed}", peer.id()));
    }

    fn on_error(&self, endpoint: &str, peer: &Peer, error: &Error) {
        print::log(format_args!("{endpoint}: {} failed: {error}", peer.id()));
    }
}

/// An endpoint's clients by their numbers, if it is allocated.
type Endpoint = Option<BTreeMap<u64, Peer>>;

struct Pool {
    endpoints: Mutex<BTreeMap<String, Endpoint>>,
    hooks: Box<dyn Hooks>,
}

impl Pool {
    fn new(prefix: &str, size: usize, hooks: impl Hooks + 'static) -> Self {
        let mut endpoints = BTreeMap::new();
        while endpoints.len() < size {
            endpoints.insert(format!("{prefix}{}", rand::random::<u32>()), None);
        }
        Self { endpoints: Mutex::new(endpoints), hooks: Box::new(hooks) }
    }

    /// Takes an endpoint out of the pool. Returns `None` if all are allocated.
    fn allocate(&self) -> Option<String> {
        let mut endpoints = self.endpoints();
        let (name, endpoint) = endpoints.iter_mut().find(|(_, endpoint)| endpoint.is_none())?;
        *endpoint = Some(BTreeMap::new());
        Some(name.clone())
    }

    /// Puts an endpoint back and closes its clients. Returns how many those were.
    fn release(&self, name: &str) -> Result<usize, NotAllocated> {
        let clients = self.endpoints().get_mut(name).and_then(Option::take).ok_or(NotAllocated)?;
        for peer in clients.values() {
            // An error means that it is closing already.
            let _ = peer.close(CloseCode::GOING_AWAY, "the endpoint has been released");
        }
        Ok(clients.len())
    }

    /// Returns the clients of an endpoint.
    fn clients(&self, name: &str) -> Result<Vec<Peer>, NotAllocated> {
        match self.endpoints().get(name) {
            Some(Some(clients)) => Ok(clients.values().cloned().collect()),
            _ => Err(NotAllocated),
        }
    }

    /// Sends to everybody on an endpoint, without waiting. Returns how many those were.
    fn send(&self, name: &str, message: &Prepared) -> Result<usize, NotAllocated> {
        // Under the lock, so that everybody receives everything in the same order.
        match self.endpoints().get(name) {
            Some(Some(clients)) => {
                let peers = clients.values();
                Ok(peers.filter(|peer| peer.send_prepared(message).is_ok()).count())
            }
            _ => Err(NotAllocated),
        }
    }

    /// Serves one connection, from the request to the end.
    fn serve(&self, arrival: Arrival) -> Handled {
        let name = arrival.request().path().trim_start_matches('/').to_owned();
        if self.clients(&name).is_err() {
            let why = "There is no such endpoint.\n";
            return Ok(arrival.reject(&Rejection::new(404).body("text/plain", why))?);
        }
        let limits = Limits::default().message_bytes_max(MESSAGE_BYTES_MAX);
        let acceptance =
            Acceptance::from_origins(NO_PAGES)?.config(Config::default().limits(limits));
        let mut session = arrival.accept(&acceptance)?;
        let peer = session.peer().clone();
        let seat = self.join(&name, &peer);
        self.hooks.on_connect(&name, &peer);
        let outcome = self.reflect(&name, &mut session);
        let closed = session.closed().cloned();
        drop((seat, session)); // before the hooks
        match (outcome, closed) {
            (Err(error), _) => self.hooks.on_error(&name, &peer, &error),
            (Ok(()), Some(closed)) => self.hooks.on_leave(&name, &peer, &closed),
            (Ok(()), None) => {}
        }
        Ok(())
    }

    fn join<'a>(&'a self, name: &'a str, peer: &Peer) -> Seat<'a> {
        match self.endpoints().get_mut(name) {
            Some(Some(clients)) => {
                clients.insert(peer.id(), peer.clone());
            }
            // It has been released meanwhile.
            _ => {
                let _ = peer.close(CloseCode::GOING_AWAY, "the endpoint has been released");
            }
        }
        Seat { pool: self, name, id: peer.id() }
    }

    fn reflect(&self, name: &str, session: &mut Session) -> Result<(), Error> {
        while let Some(message) = session.receive()? {
            self.hooks.on_message(name, session.peer(), &message);
            // Nobody is on an endpoint that has just been released.
            let _ = self.send(name, &Prepared::new(&message));
        }
        Ok(())
    }

    fn endpoints(&self) -> MutexGuard<'_, BTreeMap<String, Endpoint>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's seat on an endpoint, which it leaves when this is dropped.
struct Seat<'a> {
    pool: &'a Pool,
    name: &'a str,
    id: u64,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(Some(clients)) = self.pool.endpoints().get_mut(self.name) {
            clients.remove(&self.id);
        }
    }
}

#[derive(Debug)]
struct NotAllocated;

impl std::fmt::Display for NotAllocated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no endpoint of that name is allocated")
    }
}

impl std::error::Error for NotAllocated {}

/// Runs in another thread, which knows endpoints by their names.
fn obey(pool: &Pool, line: &str) -> Result<String, Box<dyn std::error::Error>> {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("allocate", "") => pool.allocate().ok_or_else(|| "all endpoints are allocated".into()),
        ("release", name) => {
            Ok(format!("released; {} clients are being closed", pool.release(name)?))
        }
        ("clients", name) => Ok(format!("{} clients", pool.clients(name)?.len())),
        ("in", name) if name.starts_with("use? ") => {
            let name = name.trim_start_matches("use? ");
            let in_use = pool.clients(name).is_ok_and(|clients| !clients.is_empty());
            Ok(if in_use { "yes" } else { "no" }.into())
        }
        ("status", name) => {
            let line = |peer: &Peer| format!("\n{} {:?}", peer.id(), peer.ready_state());
            Ok(format!("allocated{}", pool.clients(name)?.iter().map(line).collect::<String>()))
        }
        ("send", rest) => {
            let (name, text) = rest.split_once(' ').ok_or("type: send NAME TEXT")?;
            Ok(format!("sent to {}", pool.send(name, &Prepared::new(text))?))
        }
        ("list", "") => {
            let line = |(name, endpoint): (&String, &Endpoint)| match endpoint {
                Some(clients) => format!("\n{name} allocated, {} clients", clients.len()),
                None => format!("\n{name} free"),
            };
            let endpoints = pool.endpoints();
            let lines: String = endpoints.iter().map(line).collect();
            Ok(format!("{} endpoints{lines}", endpoints.len()))
        }
        _ => Err("type: allocate, release NAME, clients NAME, in use? NAME, status NAME, \
                send NAME TEXT, list"
            .into()),
    }
}

fn options(arguments: &mut Arguments) -> Result<(String, String, usize), String> {
    let (mut address, mut prefix, mut size) = (None, None, None);
    while let Some(argument) = arguments.next() {
        match &*argument {
            option @ "--endpoints" => {
                let value = arguments.value(option)?;
                let number = value.parse().ok().filter(|number| (1..=10_000).contains(number));
                let number = number.ok_or("--endpoints: a number from 1 to 10000, please")?;
                arguments::set(&mut size, option, number)?;
            }
            option @ "--prefix" => {
                let name = arguments.value(option)?;
                if !name.chars().all(|char| char.is_ascii_alphanumeric()) {
                    return Err("--prefix: ASCII letters and digits, please".into());
                }
                arguments::set(&mut prefix, option, name)?;
            }
            _ => arguments::set_unnamed(&mut address, "address", argument)?,
        }
    }
    let address = arguments::address(address, "127.0.0.1:9004")?;
    Ok((address, prefix.unwrap_or_else(|| "WS".into()), size.unwrap_or(5)))
}
