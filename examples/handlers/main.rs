//! A server object with handlers, as in 4D, and three servers in a few lines each.
//!
//!     cargo run --release --example handlers [HOST:PORT] [OPTION...]
//!
//! Default: the chat, at 127.0.0.1:9007. Connect with `cargo run --example client
//! ws://127.0.0.1:9007/` in several terminals. Type `help` at its own terminal.
//!
//! - `--serve chat`: clients are welcomed, and a message goes to all others. The log has the name
//!   in the URL: `ws://127.0.0.1:9007/?name=Ann`.
//! - `--serve echo`: a message comes back in capital letters.
//! - `--serve sums`: messages are objects, in JSON. `{"add": [1, 2]}` is answered with a sum.
//!
//! README.md tells how to copy it for a server of your own.
//!
//! It shows: handlers for the events of a server and of its connections, a decision about each
//! client, a query, errors and panics that harm nobody else, messages as text, bytes or objects, a
//! log file, TLS, 503 for clients beyond the limit, and an orderly end.
//!
//! It leaves out: users, and a bound on how much one of them says.

use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use hybi::handshake::Acceptance;
use serde_json::{Value, json};

#[path = "../shared/arguments.rs"]
mod arguments;
mod connection;
mod handlers;
#[path = "../shared/limit.rs"]
mod limit;
mod log;
#[path = "../shared/print.rs"]
mod print;
mod server;
#[path = "../shared/terminal.rs"]
mod terminal;
#[path = "../shared/tls.rs"]
mod tls;
use arguments::Arguments;
use connection::WebSocketConnection;
use handlers::{
    Accepted, ConnectionEvent, ConnectionHandler, Data, DataType, ErrorEvent, Handled,
    MessageEvent, OpenEvent, ServerHandler, ServerTerminateEvent, TerminateEvent,
};
use log::LogFile;
use server::WebSocketServer;
use tls::Tls;

const USAGE: &str = "\
usage: handlers [HOST:PORT] [OPTION]...   default: 127.0.0.1:9007
  --serve WHAT        chat (default), echo or sums
  --path PATH         the path of the WebSocket (default: every path)
  --forbid ADDRESS    refuse clients of this IP address; may be repeated
  --origin ORIGIN     allow web pages of this origin; may be repeated
  --connections MAX   how many clients may be connected at once (default: 1000)
  --log FILE          append the log of the chat to this file. At 10 MB it is renamed to FILE.old
                      (default: the log goes to standard error)
  --tls CERT KEY      speak TLS, with the certificates and the key in these PEM files";

const COMMANDS: &str = "\
list                     each connection: number, state, address
send TEXT                sends to all connections
close ID                 closes a connection with 1000";

const LOG_BYTES_MAX: u64 = 10_000_000;
/// How long the end waits for the clients' Close frames.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Answers in capital letters.
struct Echo;

impl ServerHandler for Echo {
    fn on_connection(&self, _: &WebSocketServer, _: &ConnectionEvent) -> Accepted {
        Some(Box::new(Echo))
    }
}

impl ConnectionHandler for Echo {
    fn on_message(&mut self, ws: &WebSocketConnection, event: &MessageEvent) -> Handled {
        Ok(ws.send(event.text()?.to_uppercase())?)
    }
}

/// Sends what one client says to all others.
struct Chat {
    log: Log,
    forbidden: Vec<IpAddr>,
}

impl ServerHandler for Chat {
    fn on_connection(&self, _: &WebSocketServer, event: &ConnectionEvent) -> Accepted {
        if self.forbidden.contains(&event.request.remote_address.ip()) {
            return None; // 403
        }
        let name = event.request.query.get("name").map_or("a guest", String::as_str);
        Some(Box::new(Guest { name: name.to_owned(), log: self.log.clone() }))
    }

    fn on_open(&self, _: &WebSocketServer, _: &OpenEvent) -> Handled {
        self.log.write(None, "*** Server started");
        Ok(())
    }

    fn on_terminate(&self, _: &WebSocketServer, _: &ServerTerminateEvent) -> Handled {
        self.log.write(None, "*** Server closed");
        Ok(())
    }

    fn on_error(&self, _: &WebSocketServer, event: &ErrorEvent) {
        self.log.write(event.address, &format!("!!! Server error: {}", event.message()));
    }
}

struct Guest {
    name: String,
    log: Log,
}

impl ConnectionHandler for Guest {
    fn on_open(&mut self, ws: &WebSocketConnection, _: &OpenEvent) -> Handled {
        self.log.write(Some(ws.address()), &format!("{} connected: {}", ws.id(), self.name));
        ws.send("Welcome on the chat!")?;
        broadcast(ws, &"New client connected".into());
        Ok(())
    }

    fn on_message(&mut self, ws: &WebSocketConnection, event: &MessageEvent) -> Handled {
        broadcast(ws, &event.data);
        Ok(())
    }

    fn on_terminate(&mut self, ws: &WebSocketConnection, event: &TerminateEvent) -> Handled {
        let reason = event.reason.as_deref().unwrap_or("no reason");
        self.log.write(Some(ws.address()), &format!("{} left: {}: {reason}", ws.id(), event.code));
        broadcast(ws, &"Client disconnected".into());
        Ok(())
    }
}

fn broadcast(ws: &WebSocketConnection, data: &Data) {
    for client in ws.wss().connections() {
        if client.id() != ws.id() {
            // An error means that it is closing, or too slow, which the server sees to.
            let _ = client.send(data);
        }
    }
}

/// Adds numbers.
struct Sums;

impl ServerHandler for Sums {
    fn on_connection(&self, _: &WebSocketServer, _: &ConnectionEvent) -> Accepted {
        Some(Box::new(Sums))
    }
}

impl ConnectionHandler for Sums {
    fn on_message(&mut self, ws: &WebSocketConnection, event: &MessageEvent) -> Handled {
        let numbers = event.object()?.get("add").and_then(Value::as_array);
        let numbers = numbers.ok_or("send numbers, such as {\"add\": [1, 2]}")?;
        let sum: f64 = numbers.iter().filter_map(Value::as_f64).sum();
        Ok(ws.send(json!({ "sum": sum }))?)
    }

    fn on_error(&mut self, ws: &WebSocketConnection, event: &ErrorEvent) {
        // Fails if the error was the end of the connection.
        let _ = ws.send(json!({ "errors": event.errors }));
    }
}

/// The log of the chat: a file, or standard error.
#[derive(Clone)]
struct Log(Option<LogFile>);

impl Log {
    fn write(&self, address: Option<std::net::SocketAddr>, text: &str) {
        match &self.0 {
            Some(file) => file.write(address, text),
            None => print::note(print::Level::Info, address, hybi::escaped(text)),
        }
    }
}

fn main() -> ExitCode {
    let options = match arguments::read(USAGE, Options::parse) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::complain(error, 1),
    }
}

fn run(options: Options) -> Handled {
    let Options { address, serve, forbidden, log, server } = options;
    let open = |file: &String| {
        let opened = LogFile::open(Path::new(file), LOG_BYTES_MAX);
        opened.map_err(|error| format!("cannot write the log {file}: {error}"))
    };
    let log = Log(log.as_ref().map(open).transpose()?);
    let cannot = |error| format!("cannot listen at {address}: {error}");
    let listener = TcpListener::bind(&address).map_err(cannot)?;
    let (s, bound) = (server.tls.letter(), listener.local_addr().map_err(cannot)?);
    print::answer(format_args!("listening at ws{s}://{bound}"));
    let wss = match serve {
        Serve::Chat => {
            let chat = Chat { log: log.clone(), forbidden };
            WebSocketServer::new(listener, chat, server)?
        }
        Serve::Echo => WebSocketServer::new(listener, Echo, server)?,
        Serve::Sums => {
            let server = server::Options { data_type: DataType::Object, ..server };
            WebSocketServer::new(listener, Sums, server)?
        }
    };
    let (end, ended) = terminal::ending(wss.hub(), END_WITHIN);
    let told = wss.clone();
    thread::spawn(move || terminal::serve(COMMANDS, |line| obey(&told, line), end));
    wss.wait();
    ended.wait();
    if let Some(file) = &log.0 {
        file.flush();
    }
    print::flush();
    Ok(())
}

/// Does what a line at the terminal says.
fn obey(wss: &WebSocketServer, line: &str) -> Result<String, String> {
    let connections = wss.connections();
    match line.split_once(' ').unwrap_or((line, "")) {
        ("list", "") => {
            let line = |ws: &WebSocketConnection| {
                format!("\n{} {:?} {}", ws.id(), ws.status(), ws.address())
            };
            let lines: String = connections.iter().map(line).collect();
            Ok(format!("{}{lines}", terminal::count(connections.len(), "connection")))
        }
        ("send", "") => Err("TEXT is missing: send TEXT".into()),
        ("send", text) => {
            let sent = connections.iter().filter(|ws| ws.send(text).is_ok()).count();
            Ok(format!("sent to {sent}"))
        }
        ("close", "") => Err("ID is missing: close ID".into()),
        ("close", id) => {
            let ws = connections.iter().find(|ws| ws.id().to_string() == id);
            let ws = ws.ok_or_else(|| format!("there is no connection {id:?}"))?;
            ws.terminate(1000, "closed by the server").map_err(|error| error.to_string())?;
            Ok(format!("closing {id}"))
        }
        (command, _) => Err(format!("there is no command {command:?}: try help")),
    }
}

#[derive(Clone, Copy)]
enum Serve {
    Chat,
    Echo,
    Sums,
}

struct Options {
    address: String,
    serve: Serve,
    forbidden: Vec<IpAddr>,
    log: Option<String>,
    server: server::Options,
}

impl Options {
    fn parse(arguments: &mut Arguments) -> Result<Self, String> {
        let (mut address, mut serve, mut path, mut connections, mut log, mut tls) =
            (None, None, None, None, None, None);
        let (mut forbidden, mut origins) = (Vec::new(), Vec::new());
        while let Some(argument) = arguments.next() {
            match &*argument {
                option @ "--serve" => {
                    let what = match &*arguments.value(option)? {
                        "chat" => Serve::Chat,
                        "echo" => Serve::Echo,
                        "sums" => Serve::Sums,
                        other => {
                            return Err(format!("--serve {other}: chat, echo or sums, please"));
                        }
                    };
                    arguments::set(&mut serve, option, what)?;
                }
                option @ "--path" => {
                    let value = arguments.value(option)?;
                    if !value.starts_with('/') {
                        return Err(format!("--path {value}: it begins with a slash"));
                    }
                    arguments::set(&mut path, option, value)?;
                }
                option @ "--forbid" => {
                    let value = arguments.value(option)?;
                    let address: IpAddr = value.parse().map_err(|_| {
                        format!("--forbid {value}: an IP address, please, such as 192.0.2.1")
                    })?;
                    forbidden.push(address.to_canonical());
                }
                option @ "--origin" => origins.push(arguments.value(option)?),
                option @ "--connections" => {
                    let value = arguments.value(option)?;
                    let max = value.parse().ok().filter(|max| (1..=100_000).contains(max));
                    let max = max.ok_or("--connections: a number from 1 to 100000, please")?;
                    arguments::set(&mut connections, option, max)?;
                }
                option @ "--log" => arguments::set(&mut log, option, arguments.value(option)?)?,
                option @ "--tls" => {
                    let value = arguments.two_values(option, Tls::read)?;
                    arguments::set(&mut tls, option, value)?;
                }
                _ => arguments::set_unnamed(&mut address, "address", argument)?,
            }
        }
        let _ = Acceptance::from_origins(&origins).map_err(|error| error.to_string())?;
        let defaults = server::Options::default();
        Ok(Self {
            address: arguments::address(address, "127.0.0.1:9007")?,
            serve: serve.unwrap_or(Serve::Chat),
            forbidden,
            log,
            server: server::Options {
                path,
                origins,
                connections_max: connections.unwrap_or(defaults.connections_max),
                tls: tls.unwrap_or_default(),
                ..defaults
            },
        })
    }
}
