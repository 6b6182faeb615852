//! A server that sends without being asked, with services as `%CSP.WebSocket` of InterSystems IRIS
//! has them.
//!
//!     cargo run --release --example push [HOST:PORT] [OPTION...]
//!
//! Default: 127.0.0.1:9003, 10 s. Open the address that it prints, or connect with
//! `cargo run --example client ws://127.0.0.1:9003/`. There are these services:
//!
//! - `/`: synchronous. The server reads with a time-out, and sends "timed out at ..." whenever that
//!   passes. Everything comes back as it was sent, but at most `len` characters at once. The
//!   message `exit` ends the conversation, unless `len` is below 4, which splits it.
//! - `/async`: asynchronous. The connection gets a number, and the server never waits for it.
//!   Everybody who knows the number can send to it, read what its client says, and close it. Here
//!   that is the person at the server's terminal: type `help` there. Two threads stay with the
//!   connection: one answers pings and notices the end, the other writes. Without any message it
//!   expires.
//! - `/session`: synchronous, with a name that outlives the connection. The page gives each browser
//!   a session, by a cookie.
//! - `/csp/user/MyApp.MyWebSocketServer.cls`: as `/`, under the name that it has in the
//!   documentation of IRIS.
//!
//! `services.rs` is the place to add yours, and README.md tells how to copy it for a server of your
//! own. A query sets properties, as in `/?len=100&binary=1`. A second page shows all connections to
//! whoever has the key, which the program prints or takes from the variable `PUSH_KEY`.
//!
//! On a bus there may be several servers. Then the number is unlike that of any other connection,
//! and any process can open it, on whatever server it is: send, read what the client says next, and
//! close. The last two lines do that without being a server:
//!
//!     cargo run --release -p hybi-bus --bin push -- --bus redis://127.0.0.1 [HOST:PORT]
//!     cargo run --release -p hybi-bus --bin push -- --bus redis://127.0.0.1 --command "7 Hello"
//!     cargo run --release -p hybi-bus --bin push -- --bus redis://127.0.0.1 --command "read 7"
//!
//! It leaves out: passwords.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, thread};

use hybi::blocking::{Error, HubConfig};
use hybi::handshake::{Acceptance, Rejection, Request};
use hybi::{CloseCode, Config, Limits};

#[path = "../shared/arguments.rs"]
mod arguments;
mod commands;
mod connections;
#[path = "../shared/hosts.rs"]
mod hosts;
#[path = "../shared/key.rs"]
mod key;
#[path = "../shared/limit.rs"]
mod limit;
#[cfg(feature = "bus")]
#[path = "../bus/push.rs"]
mod on_bus;
#[cfg(not(feature = "bus"))]
#[path = "no_bus.rs"]
mod on_bus;
mod options;
#[path = "../shared/print.rs"]
mod print;
mod services;
mod sessions;
mod status;
#[path = "../shared/terminal.rs"]
mod terminal;
#[path = "../shared/tls.rs"]
mod tls;
mod web;
use connections::{Connections, Here, Seat};
use hosts::Hosts;
use key::Key;
use limit::Limit;
use options::{Options, USAGE};
use print::Level;
use services::{Conversation, Properties, Service};
use sessions::Sessions;
use status::{Connection, Status};
use tls::Socket;

/// The longest message of an asynchronous connection. A longer one closes it with 1009.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;
/// How long the end waits for the clients' Close frames.
const END_WITHIN: Duration = Duration::from_secs(10);

type Arrival = hybi::blocking::Arrival<Socket>;
type Hub = hybi::blocking::Hub<Socket>;
type Peer = hybi::blocking::Peer<Socket>;
type Session = hybi::blocking::Session<Socket>;
type AnyError = Box<dyn std::error::Error + Send + Sync>;
type Handled = Result<(), AnyError>;

fn main() -> ExitCode {
    let options = match arguments::read(USAGE, Options::parse) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let outcome = match &options.command {
        Some((bus, line)) => command(bus, line, options.timeout),
        None => run(options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::complain(error, 1),
    }
}

fn command(bus: &str, line: &str, timeout: Duration) -> Handled {
    let connections = on_bus::open(bus)?;
    print::answer(commands::obey(&*connections, None, line, timeout)?);
    print::flush();
    Ok(())
}

fn run(options: Options) -> Handled {
    let address = options.address.clone();
    let cannot = |error: io::Error| format!("cannot listen at {address}: {error}");
    let listener = TcpListener::bind(&address).map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    let (sender, events) = mpsc::sync_channel(100);
    thread::spawn(move || events.into_iter().for_each(print::note_event));
    let connections_max = options.connections_max + limit::SPARE;
    let config = HubConfig::default().connections_max(connections_max).events(sender);
    let tls = options.tls.clone();
    let hub = Hub::with_streams(config, move |socket| tls.wrap(socket));
    let connections: Arc<dyn Connections> = match &options.bus {
        None => Arc::new(Here::new(hub.clone())),
        Some(url) => on_bus::join(url, options.deadline)?,
    };
    let s = options.tls.letter();
    print::answer(format_args!("listening at http{s}://{bound} and ws{s}://{bound}"));
    let page = options.page_url(bound);
    let server = Arc::new(Server::new(options, bound, connections));
    let key = server.key.as_str();
    print::answer(format_args!("open {page}, and {page}status#{key} for all connections"));
    let (end, ended) = terminal::ending(&hub, END_WITHIN);
    let obeyed = Arc::clone(&server);
    thread::spawn(move || {
        let obey = |line: &str| {
            let Server { connections, status, timeout, .. } = &*obeyed;
            commands::obey(&**connections, Some(status), line, *timeout)
        };
        terminal::serve(commands::COMMANDS, obey, end);
    });
    hub.serve(listener, |arrival| server.serve(arrival)).map_err(cannot)?;
    ended.wait();
    print::flush();
    Ok(())
}

struct Server {
    connections: Arc<dyn Connections>,
    status: Status,
    sessions: Sessions,
    limit: Limit,
    hosts: Hosts,
    /// For pages of our own, and for clients that are no browsers.
    own_pages: Acceptance<'static>,
    /// For pages of the proxy before us.
    public_pages: Acceptance<'static>,
    /// The key that permits to see all connections.
    key: Key,
    timeout: Duration,
    session_timeout: Duration,
}

impl Server {
    fn new(options: Options, bound: SocketAddr, connections: Arc<dyn Connections>) -> Self {
        let limits = Limits::default().message_bytes_max(MESSAGE_BYTES_MAX);
        let config = Config::default().limits(limits);
        Self {
            connections,
            status: Status::default(),
            sessions: Sessions::new(options.session_timeout, options.is_secure()),
            limit: Limit::new(options.connections_max),
            hosts: Hosts::new(bound.ip(), options.hosts),
            own_pages: Acceptance::from_same_origin().config(config),
            public_pages: options.public_pages.config(config),
            key: options.key,
            timeout: options.timeout,
            session_timeout: options.session_timeout,
        }
    }

    /// Serves one client, from the request to the end.
    fn serve(&self, arrival: Arrival) -> Handled {
        let request = arrival.request();
        // First, so that a page of somebody else's learns nothing.
        if !request.host().is_some_and(|host| self.hosts.contain(host)) {
            let why = "There is no such host here. Whoever runs the server can allow it: \
                --public-url URL";
            return Ok(arrival.reject(&web::text(421, why))?);
        }
        if !request.is_upgrade() {
            return Ok(self.serve_web(arrival)?);
        }
        let (service, properties) = match self.decide(request) {
            Ok(decision) => decision,
            Err(rejection) => return Ok(arrival.reject(&rejection)?),
        };
        let Some(place) = self.limit.take() else {
            let why = "told 503: there are as many connections as may be";
            print::note(Level::Warning, Some(arrival.address()), why);
            return Ok(arrival.reject(&limit::full())?);
        };
        let acceptance = match self.public_pages.check(request) {
            Ok(_) => &self.public_pages,
            Err(_) => &self.own_pages,
        };
        let acceptance = acceptance.clone().subprotocol(request.choose_subprotocol(&["chat"]));
        let web_session = self.sessions.find(request).filter(|_| properties.use_session);
        let session = arrival.accept(&acceptance)?;

        let (peer, session_id) = (session.peer().clone(), web_session.as_ref().map(|it| it.id));
        let (id, address) = (peer.id(), peer.address());
        let connection = Arc::new(Connection::new(peer, service.path, session_id, &properties));
        let listed = self.status.enter(&connection);
        let is_shared = properties.shared_connection;
        let web_session = web_session.filter(|_| !is_shared);
        let mut talk = Conversation { session, id, properties, web_session, connection };
        let outcome = match is_shared {
            true => self.attend(&mut talk, service.server),
            // The synchronous mode: the service does everything.
            false => {
                talk.begin();
                (service.server)(&mut talk)
            }
        };
        (service.on_post_server)(&talk);
        if let Some(session) = &talk.web_session {
            self.sessions.leave(session, talk.properties.session_end_on_close);
        }
        let closed = talk.session.closed().map_or_else(|| "1006".into(), ToString::to_string);
        drop((listed, place)); // before anybody hears of the end
        print::note(Level::Info, Some(address), format_args!("connection {id} ended: {closed}"));
        outcome
    }

    /// Finds the service of a request, which may refuse it.
    fn decide(
        &self,
        request: &Request<'_>,
    ) -> Result<(&'static Service, Properties), Rejection<'static>> {
        let service = services::at(request.path())
            .ok_or_else(|| web::text(404, "There is no such service."))?;
        let query = request.query().unwrap_or_default();
        let mut properties =
            Properties::new(query, self.timeout).map_err(|why| web::text(400, &why))?;
        (service.on_pre_server)(request, &mut properties).map_err(|why| web::text(403, why))?;
        Ok((service, properties))
    }

    /// The asynchronous mode. The service has spoken when it returns. Then we only read what the
    /// client sends, answer pings, and notice the end.
    fn attend(&self, talk: &mut Conversation, server: fn(&mut Conversation) -> Handled) -> Handled {
        let seat = match self.connections.enter(&talk.connection) {
            Ok(seat) => seat,
            Err(error) => {
                talk.end(CloseCode::TRY_AGAIN_LATER, "please try again later")?;
                return Err(error);
            }
        };
        talk.id = seat.id;
        talk.connection.log_opening(); // not earlier: now the number can be used
        let outcome = server(talk).and_then(|()| self.listen(talk, seat));
        self.connections.leave(seat, talk.session.closed());
        outcome
    }

    fn listen(&self, talk: &mut Conversation, seat: Seat) -> Handled {
        let mut count = 0;
        loop {
            let left = self.session_timeout.saturating_sub(talk.connection.idle());
            if left.is_zero() {
                let seconds = self.session_timeout.as_secs_f64();
                let reason = format!("expired: no message for {seconds} s");
                return talk.end(CloseCode::TIMEOUT, &reason);
            }
            talk.session.set_read_timeout(left)?;
            let message = match talk.session.receive() {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(()),
                // Others may have sent something meanwhile.
                Err(Error::TimedOut) => continue,
                Err(error) => return Err(error.into()),
            };
            count += 1;
            talk.connection.note_received(1, message.as_bytes().len());
            let address = Some(talk.connection.peer().address());
            print::note(Level::Info, address, commands::says(talk.id, &message));
            if let Err(error) = self.connections.hear(seat, count, &message) {
                let text = format_args!("{} is closed: {error}", talk.id);
                print::note(Level::Warning, address, text);
                return talk.end(CloseCode::TRY_AGAIN_LATER, "nobody listens: try again later");
            }
        }
    }
}
