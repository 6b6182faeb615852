//! A WebSocket client for the terminal: sends lines as text, and prints messages.
//!
//!     cargo run --example client -- ws://127.0.0.1:9001/ --subprotocol echo
//!
//! It shows: connecting with fields, subprotocols, an origin, a proxy and a time-out; why a server
//! refuses; the two halves of a connection, one for the thread that reads the terminal and one for
//! the thread that prints; printing a stranger's text; and how a connection was closed.
//!
//! `wss:` needs feature `rustls`. It leaves out sending binary messages. Input that is not UTF-8 is
//! an error.
//!
//! Exit codes: 0 closed cleanly, 1 not cleanly or no connection, 2 wrong usage.

use std::fmt::Display;
use std::io::{self, BufRead, Write};
use std::net::TcpStream;
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

#[cfg(feature = "rustls")]
use hybi::blocking::rustls::ClientConfig;
use hybi::blocking::{Closed, ConnectError, Connector, HttpProxy, MaybeTls, Reader};
use hybi::frame::CloseReason;
use hybi::handshake::{ClientHandshake, ClientRequest, Refusal};
use hybi::{Client, CloseCode, Config, Event, Outbox, Uri, escaped};

#[path = "shared/arguments.rs"]
mod arguments;
#[cfg(feature = "rustls")]
#[path = "shared/trust.rs"]
mod trust;
use arguments::Arguments;

const USAGE: &str = "\
usage: client URI [OPTION]...         such as ws://127.0.0.1:9001/
  --ping                      send a ping first, and print its pong
  --raw                       print messages as they are, for other programs; without it, what a
                              terminal would obey is escaped
  --close CODE REASON         at the end of input close with this code (1000, 3000-4999, ...) and
                              reason
  --subprotocol NAME          offer a subprotocol; may be repeated
  --field 'NAME: VALUE'       add a field to the request; may be repeated
  --origin ORIGIN             such as https://example.com
  --proxy HOST:PORT           go through an HTTP proxy
  --trust CERT                trust the certificates in this PEM file instead of the system's
  --timeout SECONDS           for connecting; default 30
Lines are sent as text messages. Ctrl-D or Ctrl-C closes the connection; a second Ctrl-C does not
wait for the server.";

/// The fields of a refusal that tell what to do instead.
const TELLING_FIELDS: [&str; 4] =
    ["Location", "Retry-After", "WWW-Authenticate", "Proxy-Authenticate"];
/// How much is printed of the body of a refusal.
const BODY_BYTES_MAX: usize = 2_000;

type Writer = hybi::blocking::Writer<MaybeTls<TcpStream>, Client>;
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Options {
    uri: Uri,
    ping: bool,
    raw: bool,
    close: CloseReason<'static>,
    subprotocols: Vec<String>,
    fields: Vec<(String, String)>,
    origin: Option<String>,
    proxy: Option<HttpProxy>,
    #[cfg(feature = "rustls")]
    trust: Option<Arc<ClientConfig>>,
    timeout: Duration,
}

fn main() -> ExitCode {
    let options = match arguments::read(USAGE, Options::parse) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match run(&options) {
        Ok(closed) => {
            tell(format_args!("closed: {closed}"));
            if closed.was_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            tell(&error);
            if let Some(ConnectError::Refused(refusal) | ConnectError::ProxyRefused(refusal)) =
                error.downcast_ref()
            {
                explain(refusal);
            }
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn parse(arguments: &mut Arguments) -> Result<Self, String> {
        let (mut uri, mut close, mut origin, mut proxy, mut timeout) =
            (None, None, None, None, None);
        #[cfg(feature = "rustls")]
        let mut trusted = None;
        let (mut ping, mut raw) = (false, false);
        let (mut subprotocols, mut fields) = (Vec::new(), Vec::new());
        while let Some(argument) = arguments.next() {
            let option = &*argument;
            match option {
                "--ping" => ping = true,
                "--raw" => raw = true,
                "--close" => {
                    let close_reason = close_reason(arguments.next(), arguments.next())?;
                    arguments::set(&mut close, option, close_reason)?;
                }
                "--subprotocol" => subprotocols.push(arguments.value(option)?),
                "--field" => {
                    let field = arguments.value(option)?;
                    let (name, value) = field.split_once(':').ok_or("a field is 'NAME: VALUE'")?;
                    fields.push((name.trim().into(), value.trim().into()));
                }
                "--origin" => arguments::set(&mut origin, option, arguments.value(option)?)?,
                "--proxy" => {
                    let value = arguments.value(option)?;
                    let (host, port) = arguments::host_and_port(&value)?;
                    if port == 0 {
                        return Err("a proxy's port is not 0".into());
                    }
                    arguments::set(&mut proxy, option, HttpProxy::new(host, port))?;
                }
                #[cfg(feature = "rustls")]
                "--trust" => {
                    let config = trust::read(&arguments.value(option)?)?;
                    arguments::set(&mut trusted, option, config)?;
                }
                "--timeout" => {
                    let time = arguments::seconds(option, &arguments.value(option)?)?;
                    if time.is_zero() {
                        return Err("nobody connects within 0 seconds".into());
                    }
                    arguments::set(&mut timeout, option, time)?;
                }
                _ => arguments::set_unnamed(&mut uri, "URI", argument)?,
            }
        }
        let uri = uri.ok_or("no URI")?;
        let options = Self {
            uri: Uri::parse_lenient(&uri).map_err(|error| error.to_string())?,
            ping,
            raw,
            close: close.unwrap_or(CloseReason { code: CloseCode::NORMAL, reason: "".into() }),
            subprotocols,
            fields,
            origin,
            proxy,
            #[cfg(feature = "rustls")]
            trust: trusted,
            timeout: timeout.unwrap_or(Duration::from_secs(30)),
        };
        if options.uri.is_secure() && cfg!(not(feature = "rustls")) {
            return Err("wss: needs TLS: cargo run --features rustls".into());
        }
        // Finds faults of subprotocols, fields and the origin, before anything is connected.
        ClientHandshake::new(&options.request(), &mut Outbox::new())
            .map_err(|error| error.to_string())?;
        Ok(options)
    }

    fn request(&self) -> ClientRequest<'_> {
        let config = Config::default();
        #[cfg(feature = "deflate")]
        let config = config.deflate(hybi::extension::deflate::DeflateConfig::default());
        let mut request =
            ClientRequest::new(&self.uri).config(config).origin(self.origin.as_deref());
        for subprotocol in &self.subprotocols {
            request = request.subprotocol(subprotocol);
        }
        for (name, value) in &self.fields {
            request = request.field(name, value);
        }
        request
    }
}

/// Parses the values of `--close`. A reason may look like an option.
fn close_reason(
    code: Option<String>,
    reason: Option<String>,
) -> Result<CloseReason<'static>, String> {
    let (Some(code), Some(reason)) = (code, reason) else {
        return Err("--close needs a code and a reason, which may be ''".into());
    };
    let number: u16 = code.parse().map_err(|_| format!("{code} is not a close code"))?;
    let code = CloseCode::try_from(number).map_err(|error| error.to_string())?;
    let (len, max) = (reason.len(), CloseReason::REASON_BYTES_MAX);
    if len > max {
        return Err(format!("a reason has at most {max} bytes, and this one {len}"));
    }
    Ok(CloseReason { code, reason: reason.into() })
}

fn run(options: &Options) -> Outcome<Closed> {
    let connector = Connector::new().proxy(options.proxy.clone()).timeout(options.timeout);
    #[cfg(feature = "rustls")]
    let connector = match &options.trust {
        Some(config) => connector.tls(Arc::clone(config)),
        None => connector,
    };
    let mut ws = connector.connect(&options.request())?;
    tell(format_args!("open, subprotocol: {}", ws.subprotocol().unwrap_or("none")));
    if options.ping {
        ws.ping(b"are you there?")?;
    }
    let (mut reader, writer) = ws.split()?;
    let writer = Arc::new(writer);
    if let Err(error) = close_on_ctrl_c(Arc::clone(&writer), options.close.clone()) {
        tell(error); // Ctrl-C then just kills
    }
    let (sender, errors) = mpsc::channel();
    let (lines, close) = (Arc::clone(&writer), options.close.clone());
    // Nobody joins this thread: it may be waiting for the terminal when the server closes.
    thread::spawn(move || match send_lines(&lines) {
        Ok(()) => close_with(&lines, &close),
        Err(error) => {
            let _ = sender.send(error);
            close_with(&lines, &going_away());
        }
    });
    let printed = print_messages(&mut reader, options.raw);
    // An error of the input came before the end that it led to.
    if let Ok(error) = errors.try_recv() {
        return Err(error);
    }
    if printed.is_err() {
        close_with(&writer, &going_away()); // if it is still open
    }
    printed
}

/// Sends lines from the terminal, until the input or the connection ends.
fn send_lines(writer: &Writer) -> Outcome<()> {
    for (number, line) in (1..).zip(io::stdin().lock().lines()) {
        let line = line.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                format!("line {number} of the input is not UTF-8, as text messages must be")
            }
            _ => format!("line {number} of the input: {error}"),
        })?;
        if writer.send(&line).is_err() {
            break; // it is over; the other thread learns how, and prints it
        }
    }
    Ok(())
}

/// The first Ctrl-C closes the connection. The second does not wait for that.
fn close_on_ctrl_c(writer: Arc<Writer>, close: CloseReason<'static>) -> Result<(), ctrlc::Error> {
    let again = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if again.swap(true, Ordering::Relaxed) {
            exit(1);
        }
        let (writer, close) = (Arc::clone(&writer), close.clone());
        thread::spawn(move || close_with(&writer, &close));
    })
}

/// Closes the connection. The thread that prints waits for the end.
fn close_with(writer: &Writer, close: &CloseReason<'_>) {
    // An error means that it is over, or will be as soon as the other thread has read the rest.
    let _ = writer.close(close.code, &close.reason);
}

/// What we say if something fails on our side.
fn going_away() -> CloseReason<'static> {
    CloseReason { code: CloseCode::GOING_AWAY, reason: "".into() }
}

fn print_messages(reader: &mut Reader<MaybeTls<TcpStream>, Client>, raw: bool) -> Outcome<Closed> {
    let mut screen = io::stdout();
    while let Some(event) = reader.receive_event()? {
        // What a stranger sends could move the cursor, change colours or type for the user.
        let line = match event {
            Event::Text(text) if raw => text.into_owned(),
            Event::Text(text) => escaped(&text).to_string(),
            Event::Binary(data) => format!("({} bytes) {}", data.len(), hex(&data)),
            Event::Pong(data) => format!("(pong) {}", escaped(&String::from_utf8_lossy(&data))),
            _ => continue, // pings and Close frames have been answered
        };
        writeln!(screen, "{line}")
            .and_then(|()| screen.flush())
            .map_err(|error| format!("a message could not be printed: {error}"))?;
    }
    reader.closed().cloned().ok_or_else(|| "the connection is still open".into())
}

/// Prints what a server or proxy says about its refusal.
fn explain(refusal: &Refusal) {
    let response = refusal.response();
    for name in TELLING_FIELDS {
        if let Some(value) = response.field(name) {
            tell(format_args!("{name}: {}", escaped(&String::from_utf8_lossy(value))));
        }
    }
    let body = refusal.body();
    let shown = body.get(..BODY_BYTES_MAX).unwrap_or(body);
    let mut chunks = shown.utf8_chunks(); // one, perhaps without the rest of its last character
    let text = chunks.next().map_or("", |chunk| chunk.valid());
    if chunks.next().is_some() {
        return tell(format_args!("({} bytes that are not text)", body.len()));
    }
    for line in text.lines() {
        tell(escaped(line));
    }
    if text.len() < body.len() {
        tell(format_args!("(the first {} of {} bytes)", text.len(), body.len()));
    }
}

/// Prints something about the connection. If nobody reads it, the exit code still tells the end.
fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Returns the first bytes of a message, for people.
fn hex(data: &[u8]) -> String {
    let mut text: Vec<String> = data.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
    if data.len() > 32 {
        text.push("...".into());
    }
    text.join(" ")
}
