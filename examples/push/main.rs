//! A server that sends without being asked.
//!
//!     cargo run --release --example push [HOST:PORT] [OPTION...]
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
//! On a bus there may be several servers. Then the number is unlike that of any other connection,
//! and any process can open it, on whatever server it is: send, read what the client says next, and
//! close. The last two lines do that without being a server:
//!
//!     cargo run --release -p hybi-bus --bin push -- --bus redis://127.0.0.1 [HOST:PORT]
//!     cargo run --release -p hybi-bus --bin push -- --bus redis://127.0.0.1 --command "7 Hello"
//!     cargo run --release -p hybi-bus --bin push -- --bus redis://127.0.0.1 --command "read 7"
//!
//! It leaves out: TLS, users, and web pages: none can connect, as there is none here.

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hybi::blocking::{
    AcceptError, Arrival, Closed, Error, Hub, HubConfig, HubEvent, Peer, ReadyState, Session,
};
use hybi::connection::Prepared;
use hybi::handshake::{Acceptance, Rejection};
use hybi::{CloseCode, Config, Limits, Message};

#[path = "../shared/arguments.rs"]
mod arguments;
#[cfg(feature = "bus")]
#[path = "../bus/push.rs"]
mod on_bus;
#[cfg(not(feature = "bus"))]
#[path = "no_bus.rs"]
mod on_bus;
#[path = "../shared/print.rs"]
mod print;
use arguments::Arguments;

const USAGE: &str = "\
usage: push [HOST:PORT] [OPTION]...   default: 127.0.0.1:9003
  --timeout SECONDS   of silence until a synchronous client is told \"timed out\", and until `read`
                      gives up (default: 10)
  --bus URL           share connections with other servers, on the Redis or Valkey at
                      redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
  --deadline SECONDS  within which the connections of a server on the bus that has died are gone
                      (default: 10)
  --command LINE      instead of being a server, do what this line says at the terminal of one:
                      \"ID TEXT\", \"all TEXT\", \"close ID\", \"list\" or \"read ID\"";

/// More than a line that somebody types. A longer message closes the connection with 1009.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;
/// There is none here that could connect. The same origin would not do: an attacker's page has it,
/// too, if its name leads here (DNS rebinding).
const NO_PAGES: [&str; 0] = [];

const COMMANDS: &str = "type: ID TEXT, all TEXT, close ID, list, read ID";
const CLOSED_FROM_TERMINAL: &str = "closed from the terminal";

type AnyError = Box<dyn std::error::Error + Send + Sync>;
type Handled = Result<(), AnyError>;

/// A connection in [`Connections`]. The number alone is not enough: a bus that has lost its data
/// gives out the same numbers again, and those who had them before may still be on their way out.
#[derive(Clone, Copy)]
struct Seat {
    id: u64,
    /// The number that this server had on the bus; 0 without one.
    #[cfg_attr(not(feature = "bus"), expect(dead_code, reason = "it is for the bus"))]
    server: u64,
}

/// The asynchronous connections, by number: [`Here`], or on a bus.
trait Connections: Send + Sync {
    /// Adds a connection, and gives it a number.
    fn enter(&self, peer: &Peer) -> Result<Seat, AnyError>;
    /// Keeps a message of a client for [`read`](Self::read). `count` counts them from 1.
    fn hear(&self, seat: Seat, count: u64, message: &Message) -> Handled;
    /// Removes a connection.
    fn leave(&self, seat: Seat, closed: Option<&Closed>);

    /// Sends to one. Returns once it is in the queue.
    fn send(&self, id: u64, text: &str) -> Handled;
    /// Sends to all, and returns how many those are.
    fn send_to_all(&self, text: &str) -> Result<usize, AnyError>;
    fn close(&self, id: u64) -> Handled;
    /// Waits for what a client says next.
    fn read(&self, id: u64, timeout: Duration) -> Result<Message, AnyError>;
    /// Returns a line for each connection.
    fn list(&self) -> Result<Vec<String>, AnyError>;
}

fn main() -> ExitCode {
    let options = match arguments::read(USAGE, Options::parse) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let outcome = match &options.command {
        Some((bus, line)) => command(bus, line, options.timeout),
        None => run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::complain(error, 1),
    }
}

fn command(bus: &str, line: &str, timeout: Duration) -> Handled {
    let connections = on_bus::open(bus)?;
    print::answer(obey(&*connections, line, timeout)?);
    print::flush();
    Ok(())
}

fn run(options: &Options) -> Handled {
    let Options { address, timeout, .. } = options;
    let cannot = |error: io::Error| format!("cannot listen at {address}: {error}");
    let listener = TcpListener::bind(address).map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    let (sender, events) = mpsc::sync_channel(100);
    thread::spawn(move || events.into_iter().filter(is_news).for_each(print::log));
    let hub = Hub::new(HubConfig::default().events(sender));
    let connections: Arc<dyn Connections> = match &options.bus {
        None => Arc::new(Here(hub.clone())),
        Some(url) => on_bus::join(url, options.deadline)?,
    };
    print::answer(format_args!("listening at http://{bound} and ws://{bound}"));
    let (terminal, timeout) = (Arc::clone(&connections), *timeout);
    thread::spawn(move || {
        print::answer_lines(|line| obey(&*terminal, line, timeout));
    });
    Ok(hub.serve(listener, |arrival| serve(arrival, &*connections, timeout)).map_err(cannot)?)
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
fn serve(arrival: Arrival, connections: &dyn Connections, timeout: Duration) -> Handled {
    let is_binary = arrival.request().query() == Some("binary");
    let is_async = match arrival.request().path() {
        "/" => false,
        "/async" => true,
        _ => return Ok(arrival.reject(&Rejection::new(404))?),
    };
    let limits = Limits::default().message_bytes_max(MESSAGE_BYTES_MAX);
    let acceptance = Acceptance::from_origins(NO_PAGES)?.config(Config::default().limits(limits));
    let session = arrival.accept(&acceptance)?;
    if is_async { listen_to(session, connections) } else { converse(session, timeout, is_binary) }
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
fn listen_to(mut session: Session, connections: &dyn Connections) -> Handled {
    let seat = match connections.enter(session.peer()) {
        Ok(seat) => seat,
        Err(error) => {
            session.close(CloseCode::TRY_AGAIN_LATER, "please try again later")?;
            return Err(error); // dropping the session waits for the Close frame
        }
    };
    let outcome = greet_and_read(&mut session, seat, connections);
    connections.leave(seat, session.closed());
    outcome
}

fn greet_and_read(session: &mut Session, seat: Seat, connections: &dyn Connections) -> Handled {
    let id = seat.id;
    session.peer().send(&*format!("you are number {id}"))?;
    let mut count = 0;
    while let Some(message) = session.receive()? {
        count += 1;
        print::answer(says(id, &message));
        if let Err(error) = connections.hear(seat, count, &message) {
            print::log(format_args!("{id} is closed: {error}"));
            // An error means that it is closing already.
            let _ = session.close(CloseCode::TRY_AGAIN_LATER, "nobody listens: try again later");
        }
    }
    Ok(())
}

fn says(id: u64, message: &Message) -> String {
    match message {
        Message::Text(text) => format!("{id} says {text:?}"),
        Message::Binary(bytes) => format!("{id} says {} bytes", bytes.len()),
    }
}

/// Does what a line says. Whoever types it knows connections only by their numbers.
fn obey(connections: &dyn Connections, line: &str, timeout: Duration) -> Result<String, AnyError> {
    let number = |id: &str| id.parse::<u64>().map_err(|_| COMMANDS);
    match line.split_once(' ').unwrap_or((line, "")) {
        ("list", "") => {
            let lines = connections.list()?;
            Ok(format!("{} connections\n{}", lines.len(), lines.join("\n")).trim_end().into())
        }
        ("all", text) => Ok(format!("sent to {}", connections.send_to_all(text)?)),
        ("close", id) => {
            connections.close(number(id)?)?;
            Ok(format!("closing {id}"))
        }
        ("read", id) => {
            let id = number(id)?;
            Ok(says(id, &connections.read(id, timeout)?))
        }
        (id, text) => {
            let id = number(id)?;
            connections.send(id, text)?;
            Ok(format!("sent to {id}"))
        }
    }
}

/// The connections of this process, by the numbers of the hub.
struct Here(Hub);

impl Connections for Here {
    fn enter(&self, peer: &Peer) -> Result<Seat, AnyError> {
        Ok(Seat { id: peer.id(), server: 0 })
    }

    fn hear(&self, _: Seat, _: u64, _: &Message) -> Handled {
        Ok(()) // it has been printed
    }

    fn leave(&self, _: Seat, _: Option<&Closed>) {}

    fn send(&self, id: u64, text: &str) -> Handled {
        Ok(self.0.peer(id)?.send(text)?)
    }

    fn send_to_all(&self, text: &str) -> Result<usize, AnyError> {
        let message = Prepared::new(text); // encoded once
        let peers = self.0.peers();
        Ok(peers.iter().filter(|peer| peer.send_prepared(&message).is_ok()).count())
    }

    fn close(&self, id: u64) -> Handled {
        Ok(self.0.peer(id)?.close(CloseCode::NORMAL, CLOSED_FROM_TERMINAL)?)
    }

    fn read(&self, _: u64, _: Duration) -> Result<Message, AnyError> {
        Err("without a bus, what clients say is printed here and not kept".into())
    }

    fn list(&self) -> Result<Vec<String>, AnyError> {
        let line = |peer: &Peer| format!("{} {:?}", peer.id(), peer.ready_state());
        Ok(self.0.peers().iter().map(line).collect())
    }
}

/// Returns the time of day, UTC.
fn now() -> String {
    let seconds =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    format!("{:02}:{:02}:{:02} UTC", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

struct Options {
    address: String,
    timeout: Duration,
    bus: Option<String>,
    deadline: Duration,
    /// The URL of the bus, and a line that is obeyed there.
    command: Option<(String, String)>,
}

impl Options {
    fn parse(arguments: &mut Arguments) -> Result<Self, String> {
        let (mut address, mut timeout, mut deadline) = (None, None, None);
        let (mut bus, mut command) = (None, None);
        while let Some(argument) = arguments.next() {
            match &*argument {
                option @ "--timeout" => {
                    let time = arguments::seconds_above_zero(option, &arguments.value(option)?)?;
                    arguments::set(&mut timeout, option, time)?;
                }
                option @ "--deadline" => {
                    let time = arguments::deadline(option, &arguments.value(option)?)?;
                    arguments::set(&mut deadline, option, time)?;
                }
                option @ "--bus" => {
                    let url = arguments::bus(option, arguments.value(option)?)?;
                    arguments::set(&mut bus, option, url)?;
                }
                option @ "--command" => {
                    arguments::set(&mut command, option, arguments.value(option)?)?;
                }
                _ => arguments::set_unnamed(&mut address, "address", argument)?,
            }
        }
        let command = match (command, &bus, &address) {
            (None, ..) => None,
            (Some(line), Some(url), None) => Some((url.clone(), line)),
            (Some(_), None, _) => return Err("--command needs --bus URL".into()),
            (Some(_), _, Some(_)) => return Err("--command is no server: no HOST:PORT".into()),
        };
        let ten_seconds = Duration::from_secs(10);
        Ok(Self {
            address: arguments::address(address, "127.0.0.1:9003")?,
            timeout: timeout.unwrap_or(ten_seconds),
            bus,
            deadline: deadline.unwrap_or(ten_seconds),
            command,
        })
    }
}
