//! A chat for browsers.
//!
//!     cargo run --release --example chat [HOST:PORT] [OPTION...]
//!
//! Default: 127.0.0.1:9002; port 0 for any. Open the address that it prints in two windows. A line
//! that you type is shown to everybody. `alias NAME` changes your name. `--tls` needs feature
//! `rustls`. Several servers can be one chat:
//!
//!     cargo run --release -p hybi-bus --bin chat -- --bus redis://127.0.0.1 [HOST:PORT]
//!
//! It shows: a page and WebSocket at one port, a decision about each request by its host, its path,
//! its origin and the client's address, names that nobody can take for another's, JSON messages,
//! broadcasts that are encoded once for all receivers, a list of users that stays right when a
//! client vanishes, what was said before somebody came, a client that reads too slowly, and an
//! orderly end.
//!
//! It leaves out: passwords, and a bound on how much one user says.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hybi::blocking::{AcceptError, Error, HubConfig, HubEvent};
use hybi::handshake::{Acceptance, Rejection, Request};
use hybi::keepalive::KeepaliveConfig;
use hybi::{CloseCode, Config, Limits, Message};
use serde_json::{Value, json};

#[path = "../shared/arguments.rs"]
mod arguments;
mod hosts;
mod names;
#[cfg(feature = "bus")]
#[path = "../bus/chat.rs"]
mod on_bus;
#[cfg(not(feature = "bus"))]
#[path = "no_bus.rs"]
mod on_bus;
#[path = "../shared/print.rs"]
mod print;
mod room;
#[path = "../shared/tls.rs"]
mod tls;
use arguments::Arguments;
use hosts::{Host, Hosts};
use names::{Name, NameError};
use room::{Event, Here, Interrupted, Order, Seat};
use tls::{Socket, Tls};

const USAGE: &str = "\
usage: chat [HOST:PORT] [OPTION]...   default: 127.0.0.1:9002
  --tls CERT KEY         speak TLS, with the certificates and the key in these PEM files
  --path PATH            the path of the WebSocket (default: /chat); other paths are refused
  --host NAME            allow requests for this host, beside the address that we listen at, such
                         as the name of a proxy before us; may be repeated
  --origin ORIGIN        allow web pages of this origin instead of our own; may be repeated
  --forbid RULE          refuse an IP address, or paths that begin with /...; may be repeated
  --keepalive PING,PONG  seconds of silence until a client is pinged (0: never), and then until it
                         is dropped (default: 30,20)
  --patience SECONDS     how long a client may take to receive a message (default: 5)
  --timeout SECONDS      at the end, how long to wait for the clients' Close frames (default: 10,
                         which is also the most)
  --bus URL              be one of several servers that are one chat, on the Redis or Valkey at
                         redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
  --deadline SECONDS     within which the users of a server on the bus that has died are gone
                         (default: 10)";

const PAGE: &str = include_str!("page.html");
/// The page brings everything along, and may connect to where it came from.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'unsafe-inline'; connect-src 'self' ws: wss:";
const LINE_CHARS_MAX: usize = 1_000;
const NOT_OUR_HOST: &str =
    "There is no chat of that host. Whoever runs the chat can allow it: --host NAME\n";
/// Enough for a line that is too long by mistake. A longer message closes the connection with 1009.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;

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
    let room = Arc::default();
    let order = match &options.bus {
        None => Box::new(Here(room)),
        Some(url) => match on_bus::join(url, options.deadline, room) {
            Ok(order) => order,
            Err(error) => return print::complain(error, 1),
        },
    };
    match run(options, order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::complain(format_args!("cannot listen at {address}: {error}"), 1),
    }
}

fn run(options: Options, order: Box<dyn Order>) -> io::Result<()> {
    let listener = TcpListener::bind(&options.address)?;
    let hosts = Hosts::new(listener.local_addr()?.ip(), options.hosts);
    let (s, bound) = (options.tls.letter(), listener.local_addr()?);
    print::answer(format_args!("listening at http{s}://{bound} and ws{s}://{bound}"));
    let (sender, events) = mpsc::sync_channel(100);
    thread::spawn(move || events.into_iter().filter(is_news).for_each(print::log));
    let (ping_after, pong_within) = options.keepalive;
    let keepalive = KeepaliveConfig::default()
        .ping_after(ping_after)
        .pong_within(pong_within)
        .close_within(options.patience);
    let config =
        HubConfig::default().write_within(options.patience).keepalive(keepalive).events(sender);
    let tls = options.tls;
    let hub = Hub::with_streams(config, move |socket| tls.wrap(socket));
    let (ended, has_ended) = mpsc::channel();
    if let Err(error) = end_on_ctrl_c(hub.clone(), options.timeout, ended) {
        print::log(error); // Ctrl-C then just kills
    }
    let chat = Chat { hosts, acceptance: options.acceptance, rules: options.rules, order };
    hub.serve(listener, |arrival| chat.serve(arrival))?;
    chat.order.end();
    // Served to the end: what is left is to say so.
    let _ = has_ended.recv();
    print::flush();
    Ok(())
}

/// Returns whether an event is worth a line in the log. The chat has its own for each user.
fn is_news(event: &HubEvent) -> bool {
    match event {
        HubEvent::Opened { .. } | HubEvent::Ended { .. } => false,
        // A port scan, or a browser that connects in advance.
        HubEvent::NoRequest { error, .. } => matches!(error, AcceptError::Request(_)),
        _ => true,
    }
}

/// The first Ctrl-C closes all connections. The second does not wait for that.
fn end_on_ctrl_c(hub: Hub, timeout: Duration, ended: mpsc::Sender<()>) -> Result<(), ctrlc::Error> {
    let again = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if again.swap(true, Ordering::Relaxed) {
            exit(1);
        }
        let (hub, ended) = (hub.clone(), ended.clone());
        thread::spawn(move || {
            let dropped = hub.terminate(timeout);
            print::log(format_args!("the end; {dropped} connections had to be dropped"));
            let _ = ended.send(());
        });
    })
}

struct Chat {
    hosts: Hosts,
    /// The allowed origins, and the limits.
    acceptance: Acceptance<'static>,
    rules: Rules,
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
        let address = arrival.address().ip().to_canonical();
        if let Err(why) = self.rules.on_connection(arrival.request(), address) {
            return Ok(arrival.reject(&Rejection::new(403).body("text/plain", why))?);
        }
        let mut session = arrival.accept(&self.acceptance)?;
        let Ok(mut user) = User::join(self, session.peer()) else {
            session.close(CloseCode::TRY_AGAIN_LATER, INTERRUPTED)?;
            return Ok(()); // dropping the session waits for the Close frame
        };
        let outcome = listen_to(&mut session, &mut user);
        let id = user.seat.id;
        drop(user);
        match (&outcome, session.closed()) {
            (Err(error), _) => print::log(format_args!("{id} left: 1006: {error}")),
            (Ok(()), Some(closed)) => print::log(format_args!("{id} left: {closed}")),
            (Ok(()), None) => {}
        }
        Ok(outcome?)
    }

    fn serve_page(&self, arrival: Arrival) -> Result<(), AcceptError> {
        let text = PAGE.replace("/chat", &self.rules.path);
        let page = Rejection::new(200)
            .field("Content-Security-Policy", PAGE_POLICY)
            .field("Cache-Control", "no-store")
            .body("text/html; charset=utf-8", &text);
        let response = match (arrival.request().method(), arrival.request().path()) {
            ("GET" | "HEAD", "/") => page,
            ("GET" | "HEAD", "/favicon.ico") => Rejection::new(204),
            ("GET" | "HEAD", _) => {
                Rejection::new(404).body("text/plain", "There is nothing here but /\n")
            }
            _ => Rejection::new(405).field("Allow", "GET, HEAD"),
        };
        arrival.reject(&response)
    }
}

fn listen_to(session: &mut Session, user: &mut User<'_>) -> Result<(), Error> {
    while let Some(message) = session.receive()? {
        match message {
            Message::Text(text) => {
                if let Err(why) = user.hear(&text) {
                    // An error means that it is closing, or too slow, which the hub sees to.
                    let error = json!({ "type": "error", "text": why });
                    let _ = session.peer().send(&*error.to_string());
                }
            }
            Message::Binary(_) => {
                // An error means that it is closing already.
                let _ = session.close(CloseCode::UNSUPPORTED_DATA, "this is a chat: text only");
            }
        }
    }
    Ok(())
}

/// A user in the room, who leaves it when this is dropped.
struct User<'a> {
    chat: &'a Chat,
    seat: Seat,
    name: Name,
    /// How many calls of [`Order`] were for this user.
    calls: u64,
}

impl<'a> User<'a> {
    fn join(chat: &'a Chat, peer: &Peer) -> Result<Self, Interrupted> {
        let seat = chat.order.join(peer)?;
        print::log(format_args!("{} joined", seat.id));
        Ok(Self { chat, seat, name: Name::of_guest(seat.id), calls: 0 })
    }

    /// Handles a line that the user has typed: `{"line": "..."}`. The error is for the user.
    fn hear(&mut self, text: &str) -> Result<(), String> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let line = message.get("line").and_then(Value::as_str);
        let line = line.ok_or("Send {\"line\": \"...\"}.")?.trim();
        if line.chars().count() > LINE_CHARS_MAX {
            return Err(format!("That is too long: {LINE_CHARS_MAX} characters at most."));
        }
        match line.split_once(char::is_whitespace) {
            _ if line.is_empty() => Ok(()),
            Some(("alias", name)) => self.rename(name.trim()),
            None if line == "alias" => Err(NameError::Empty.to_string()),
            _ => self.say(line),
        }
    }

    fn say(&mut self, line: &str) -> Result<(), String> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let sent = since.as_millis() as u64;
        let (id, author, text) = (self.seat.id, self.name.clone(), line.to_owned());
        self.calls += 1;
        let message = Event::Said { id, author, sent, text };
        let said = self.chat.order.say(self.seat, self.calls, &message);
        said.map_err(|Interrupted| INTERRUPTED.into())
    }

    fn rename(&mut self, name: &str) -> Result<(), String> {
        let name = Name::chosen(name).map_err(|error| error.to_string())?;
        self.calls += 1;
        match self.chat.order.rename(self.seat, self.calls, &name) {
            Ok(true) => {
                self.name = name;
                Ok(())
            }
            Ok(false) => Err("That name is taken, or looks like one that is.".into()),
            Err(Interrupted) => Err(INTERRUPTED.into()),
        }
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.chat.order.leave(self.seat);
    }
}

/// Who may connect to the WebSocket. [`Acceptance`] checks the origin, [`Hosts`] the host;
/// everything else is here.
#[derive(Default)]
struct Rules {
    path: String,
    forbidden_paths: Vec<String>,
    forbidden_addresses: Vec<IpAddr>,
}

impl Rules {
    /// Adds a value of `--forbid`.
    fn forbid(&mut self, rule: String) -> Result<(), String> {
        if rule.starts_with('/') {
            self.forbidden_paths.push(rule);
        } else {
            let address: IpAddr = rule.parse().map_err(|_| {
                format!("{rule:?} is neither an IP address nor the beginning of a path")
            })?;
            self.forbidden_addresses.push(address.to_canonical());
        }
        Ok(())
    }

    /// Decides about a request, as `onConnection` does in 4D.
    fn on_connection(&self, request: &Request<'_>, address: IpAddr) -> Result<(), &'static str> {
        if self.forbidden_addresses.contains(&address) {
            Err("Not from your address.\n")
        } else if self.forbidden_paths.iter().any(|prefix| request.path().starts_with(&**prefix)) {
            Err("That path is forbidden.\n")
        } else if request.path() != self.path {
            Err("There is no chat at that path.\n")
        } else {
            Ok(())
        }
    }
}

struct Options {
    address: String,
    tls: Tls,
    hosts: Vec<Host>,
    acceptance: Acceptance<'static>,
    rules: Rules,
    keepalive: (Duration, Duration),
    patience: Duration,
    timeout: Duration,
    bus: Option<String>,
    deadline: Duration,
}

impl Options {
    fn parse(arguments: &mut Arguments) -> Result<Self, String> {
        let (mut address, mut tls, mut path, mut keepalive, mut patience, mut timeout) =
            (None, None, None, None, None, None);
        let (mut bus, mut deadline) = (None, None);
        let (mut hosts, mut origins) = (Vec::new(), Vec::new());
        let mut rules = Rules::default();
        while let Some(argument) = arguments.next() {
            match &*argument {
                option @ "--tls" => {
                    let (chain, key) = (arguments.value(option)?, arguments.value(option)?);
                    arguments::set(&mut tls, option, Tls::read(&chain, &key)?)?;
                }
                option @ "--path" => {
                    let value = arguments.value(option)?;
                    if !is_plain_path(&value) {
                        return Err("--path: '/', and then ASCII letters, digits, /-_.".into());
                    }
                    arguments::set(&mut path, option, value)?;
                }
                option @ "--host" => {
                    let value = arguments.value(option)?;
                    let no_host = || format!("{value:?} is no host, such as chat.example");
                    hosts.push(Host::parse(&value).ok_or_else(no_host)?);
                }
                option @ "--origin" => origins.push(arguments.value(option)?),
                option @ "--forbid" => rules.forbid(arguments.value(option)?)?,
                option @ "--keepalive" => {
                    let value = arguments.value(option)?;
                    let (ping, pong) = value.split_once(',').ok_or("--keepalive PING,PONG")?;
                    let ping = arguments::seconds(option, ping)?;
                    let pong = arguments::seconds_above_zero(option, pong)?;
                    arguments::set(&mut keepalive, option, (ping, pong))?;
                }
                option @ "--patience" => {
                    let time = arguments::seconds_above_zero(option, &arguments.value(option)?)?;
                    arguments::set(&mut patience, option, time)?;
                }
                option @ "--timeout" => {
                    let time = arguments::seconds(option, &arguments.value(option)?)?;
                    arguments::set(&mut timeout, option, time)?;
                }
                option @ "--bus" => {
                    let url = arguments::bus(option, arguments.value(option)?)?;
                    arguments::set(&mut bus, option, url)?;
                }
                option @ "--deadline" => {
                    let time = arguments::deadline(option, &arguments.value(option)?)?;
                    arguments::set(&mut deadline, option, time)?;
                }
                _ => arguments::set_unnamed(&mut address, "address", argument)?,
            }
        }
        let address = arguments::address(address, "127.0.0.1:9002")?;
        hosts.extend(Host::parse(arguments::host_and_port(&address)?.0));
        rules.path = path.unwrap_or_else(|| "/chat".into());
        let acceptance = match &*origins {
            [] => Acceptance::from_same_origin(),
            origins => Acceptance::from_origins(origins).map_err(|error| error.to_string())?,
        };
        let limits = Limits::default().message_bytes_max(MESSAGE_BYTES_MAX);
        Ok(Self {
            address,
            tls: tls.unwrap_or_default(),
            hosts,
            acceptance: acceptance.config(Config::default().limits(limits)),
            rules,
            keepalive: keepalive.unwrap_or((Duration::from_secs(30), Duration::from_secs(20))),
            patience: patience.unwrap_or(Duration::from_secs(5)),
            timeout: timeout.unwrap_or(Duration::from_secs(10)),
            bus,
            deadline: deadline.unwrap_or(Duration::from_secs(10)),
        })
    }
}

/// Returns whether the path may be written into the page.
fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && path.chars().all(|char| char.is_ascii_alphanumeric() || "/-_.".contains(char))
}
