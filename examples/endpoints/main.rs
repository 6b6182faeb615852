//! A pool of endpoints that are allocated and released while the server runs, each a room of its
//! own.
//!
//!     cargo run --release --example endpoints [HOST:PORT] [OPTION...]
//!
//! Default: 127.0.0.1:9004, 5 endpoints. Type `allocate` at its terminal, and `help` for the other
//! commands. Then connect as often as you like, with `cargo run --example client` and the URL that
//! it answered. A message from a client is reflected to everybody on its endpoint, itself included.
//! Or open the page that it prints, which can do all that. Other programs give the same commands
//! over HTTP, with the key that it prints or that is in the variable `ENDPOINTS_KEY`:
//!
//!     curl -X POST -H "Authorization: Bearer $ENDPOINTS_KEY" \
//!         'http://127.0.0.1:9004/command?allocate'
//!
//! It shows: a rule that changes while the server runs (connecting to an endpoint that is not
//! allocated is refused with 404, releasing one closes its clients with 1001), hooks for each
//! endpoint, pages of other origins, a chat that allocates its endpoint when it is first used, and
//! clients beyond the limit, which get 503.
//!
//! It leaves out: users. Whoever knows the URL of an endpoint may connect to it. Nobody can guess
//! one.

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use hybi::blocking::HubConfig;
use hybi::handshake::{Acceptance, Rejection};
use hybi::{Config, Limits};

#[path = "../shared/arguments.rs"]
mod arguments;
mod chats;
mod commands;
mod hooks;
#[path = "../shared/hosts.rs"]
mod hosts;
#[path = "../shared/key.rs"]
mod key;
#[path = "../shared/limit.rs"]
mod limit;
mod pool;
#[path = "../shared/print.rs"]
mod print;
#[path = "../shared/terminal.rs"]
mod terminal;
#[path = "../shared/tls.rs"]
mod tls;
mod web;
use arguments::Arguments;
use chats::Chats;
use hosts::{Host, Hosts};
use key::Key;
use limit::Limit;
use pool::Pool;
use print::Level;
use tls::{Socket, Tls};

const USAGE: &str = "\
usage: endpoints [HOST:PORT] [OPTION]...      default: 127.0.0.1:9004
  --endpoints NUMBER  how many endpoints there are (default: 5)
  --prefix NAME       how their names begin: ASCII letters and digits (default: WS)
  --connections MAX   how many clients may be connected at once (default: 1000)
  --tls CERT KEY      speak TLS, with the certificates and the key in these PEM files
  --public-url URL    under which others reach us, such as that of a proxy before us:
                      https://example.com/endpoints
  --origin ORIGIN     allow web pages of this origin, too, not only our own; may be repeated
  --system NAME       a system that has a chat; may be repeated (default: main)
The variable ENDPOINTS_KEY of the environment has the key for commands over HTTP (default: a new
one, which is printed).";

/// A longer message closes its sender's connection with 1009. It is a small part of what the hub
/// queues for each client, so that no single message makes a client look slow.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;
/// How long the end waits for the clients' Close frames.
const END_WITHIN: Duration = Duration::from_secs(10);

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
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::complain(format_args!("cannot listen at {address}: {error}"), 1),
    }
}

fn run(options: Options) -> io::Result<()> {
    let listener = TcpListener::bind(&options.address)?;
    let (s, bound) = (options.tls.letter(), listener.local_addr()?);
    print::answer(format_args!("listening at http{s}://{bound} and ws{s}://{bound}"));
    let (sender, events) = mpsc::sync_channel(100);
    thread::spawn(move || events.into_iter().for_each(print::note_event));
    let connections_max = options.connections_max;
    let config =
        HubConfig::default().connections_max(connections_max + limit::SPARE).events(sender);
    let tls = options.tls.clone();
    let hub = Hub::with_streams(config, move |socket| tls.wrap(socket));
    let service = Arc::new(Service::new(options, bound));
    let page = service.page_url();
    print::answer(format_args!("to play with it, open {page} or type help"));
    if service.base.contains("://0.0.0.0") || service.base.contains("://[::]") {
        let why = "nobody can connect to the URLs of our endpoints: say --public-url";
        print::note(Level::Warning, None, why);
    }
    let (end, ended) = terminal::ending(&hub, END_WITHIN);
    let obeyed = Arc::clone(&service);
    thread::spawn(move || {
        terminal::serve(commands::COMMANDS, |line| commands::obey(&obeyed, line), end);
    });
    hub.serve(listener, |arrival| service.serve(arrival))?;
    ended.wait();
    print::flush();
    Ok(())
}

struct Service {
    pool: Pool,
    chats: Chats,
    limit: Limit,
    /// The prefix of the URLs of endpoints.
    base: String,
    hosts: Hosts,
    /// For pages of our own.
    own_pages: Acceptance<'static>,
    /// For the origins that are allowed beside, and for clients that are no browsers.
    others: Acceptance<'static>,
    /// The key that permits commands over HTTP.
    key: Key,
}

impl Service {
    fn new(options: Options, bound: std::net::SocketAddr) -> Self {
        let base = options.base.unwrap_or_else(|| {
            let host = options.address.rsplit_once(':').map_or("", |(host, _)| host);
            format!("ws{}://{host}:{}", options.tls.letter(), bound.port())
        });
        let limits = Limits::default().message_bytes_max(MESSAGE_BYTES_MAX);
        let config = Config::default().limits(limits);
        Self {
            pool: Pool::new(options.prefix, options.endpoints_max),
            chats: Chats::new(options.systems),
            limit: Limit::new(options.connections_max),
            base,
            hosts: Hosts::new(bound.ip(), options.hosts),
            own_pages: Acceptance::from_same_origin().config(config),
            others: options.others.config(config),
            key: options.key,
        }
    }

    /// Returns the URL of an endpoint.
    fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    /// Returns the URL of our page, with the key. A browser sends no server what follows the `#`.
    fn page_url(&self) -> String {
        format!("{}/#{}", self.base.replacen("ws", "http", 1), self.key.as_str())
    }

    /// Serves one client, from the request to the end.
    fn serve(&self, arrival: Arrival) -> Handled {
        // First, so that a page of somebody else's learns nothing.
        if !arrival.request().host().is_some_and(|host| self.hosts.contain(host)) {
            let why = "There are no endpoints of that host. Whoever runs the server can allow it: \
                --public-url URL\n";
            return Ok(arrival.reject(&Rejection::new(421).body("text/plain", why))?);
        }
        if !arrival.request().is_upgrade() {
            return Ok(self.serve_web(arrival)?);
        }
        let name = arrival.request().path().trim_start_matches('/').to_owned();
        if !self.pool.is_allocated(&name) {
            let why = "There is no such endpoint.\n";
            return Ok(arrival.reject(&Rejection::new(404).body("text/plain", why))?);
        }
        let Some(_place) = self.limit.take() else {
            let why = "told 503: there are as many connections as may be";
            print::note(Level::Warning, Some(arrival.address()), why);
            return Ok(arrival.reject(&limit::full())?);
        };
        let acceptance = match self.others.check(arrival.request()) {
            Ok(_) => &self.others,
            Err(_) => &self.own_pages,
        };
        let session = arrival.accept(acceptance)?;
        self.pool.serve(&name, session);
        Ok(())
    }
}

struct Options {
    address: String,
    prefix: String,
    endpoints_max: u32,
    connections_max: usize,
    tls: Tls,
    base: Option<String>,
    hosts: Vec<Host>,
    others: Acceptance<'static>,
    systems: Vec<String>,
    /// Permits commands over HTTP.
    key: Key,
}

impl Options {
    fn parse(arguments: &mut Arguments) -> Result<Self, String> {
        let (mut address, mut prefix, mut size, mut connections, mut tls, mut base) =
            (None, None, None, None, None, None);
        let (mut origins, mut systems) = (Vec::new(), Vec::new());
        while let Some(argument) = arguments.next() {
            match &*argument {
                option @ "--endpoints" => {
                    let most = u64::from(pool::ENDPOINTS_MAX);
                    let number = arguments::number(option, &arguments.value(option)?, most)?;
                    arguments::set(&mut size, option, number)?;
                }
                option @ "--connections" => {
                    let number = arguments::number(option, &arguments.value(option)?, 100_000)?;
                    arguments::set(&mut connections, option, number)?;
                }
                option @ "--prefix" => {
                    let name = word(option, arguments.value(option)?)?;
                    arguments::set(&mut prefix, option, name)?;
                }
                option @ "--tls" => {
                    let value = arguments.two_values(option, Tls::read)?;
                    arguments::set(&mut tls, option, value)?;
                }
                option @ "--public-url" => {
                    let url = arguments::public_url(option, &arguments.value(option)?)?;
                    arguments::set(&mut base, option, url)?;
                }
                option @ "--origin" => origins.push(arguments.value(option)?),
                option @ "--system" => systems.push(word(option, arguments.value(option)?)?),
                _ => arguments::set_unnamed(&mut address, "address", argument)?,
            }
        }
        let address = arguments::address(address, "127.0.0.1:9004")?;
        let mut hosts: Vec<_> =
            Host::parse(arguments::host_and_port(&address)?.0).into_iter().collect();
        if let Some(url) = &base {
            hosts.extend(Host::parse(url.host()));
            let s = if url.is_secure() { "s" } else { "" };
            origins.push(format!("http{s}://{}", url.authority()));
        }
        let others = Acceptance::from_origins(origins).map_err(|error| error.to_string())?;
        if systems.is_empty() {
            systems.push("main".into());
        }
        Ok(Self {
            address,
            prefix: prefix.unwrap_or_else(|| "WS".into()),
            endpoints_max: size.unwrap_or(5),
            connections_max: connections.unwrap_or(1_000),
            tls: tls.unwrap_or_default(),
            base: base.map(|url| url.to_string().trim_end_matches('/').to_owned()),
            hosts,
            others,
            systems,
            key: Key::from_environment("ENDPOINTS_KEY")?,
        })
    }
}

fn word(option: &str, text: String) -> Result<String, String> {
    match text.chars().all(|char| char.is_ascii_alphanumeric()) {
        true => Ok(text),
        false => Err(format!("{option}: ASCII letters and digits, please")),
    }
}
