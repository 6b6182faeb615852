//! A WebSocket client for the terminal: sends lines as text, and prints messages.
//!
//!     cargo run --example client -- ws://127.0.0.1:9001/ --subprotocol echo
//!
//! It shows: connecting with fields, subprotocols, an origin, a proxy and a time-out; the two
//! halves of a connection, one for the thread that reads the terminal and one for the thread that
//! prints; and how a connection was closed.
//!
//! It leaves out: TLS (see `hybi::blocking::Connector`), and sending binary messages.
//!
//! Exit codes: 0 closed cleanly, 1 not cleanly or no connection, 2 wrong usage.

use std::io::{self, BufRead, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use hybi::blocking::{Closed, Connector, Error, Proxy, Reader, Writer};
use hybi::handshake::ClientRequest;
use hybi::{Client, CloseCode, Config, Event, Uri, UsageError};

const USAGE: &str = "\
usage: client URI [OPTION]...
  --ping                      send a ping first, and print its pong
  --close CODE REASON         at the end of input close with this code (1000, 3000-4999, ...) and
                              reason
  --subprotocol NAME          offer a subprotocol; may be repeated
  --field 'NAME: VALUE'       add a field to the request; may be repeated
  --origin ORIGIN             such as https://example.com
  --proxy HOST:PORT           go through an HTTP proxy
  --timeout SECONDS           for connecting; default 30
Lines are sent as text messages. Ctrl-D closes the connection.";

#[derive(Default)]
struct Options {
    uri: Option<String>,
    ping: bool,
    close: Option<(CloseCode, String)>,
    subprotocols: Vec<String>,
    fields: Vec<(String, String)>,
    origin: Option<String>,
    proxy: Option<Proxy>,
    timeout: Option<Duration>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        let _ = writeln!(io::stdout(), "{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match parse(arguments) {
        Ok(options) => options,
        Err(error) => {
            complain(format_args!("{error}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(closed) => {
            complain(format_args!("closed: {closed}"));
            if closed.was_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            complain(error);
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: Vec<String>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--ping" => options.ping = true,
            "--close" => {
                let code = value()?;
                let number: u16 =
                    code.parse().map_err(|_| format!("{code} is not a close code"))?;
                let code = CloseCode::try_from(number).map_err(|error| error.to_string())?;
                options.close = Some((code, value()?));
            }
            "--subprotocol" => options.subprotocols.push(value()?),
            "--field" => {
                let field = value()?;
                let (name, value) = field.split_once(':').ok_or("a field is 'NAME: VALUE'")?;
                options.fields.push((name.trim().into(), value.trim().into()));
            }
            "--origin" => options.origin = Some(value()?),
            "--proxy" => {
                let proxy = value()?;
                let (host, port) = proxy.rsplit_once(':').ok_or("a proxy is HOST:PORT")?;
                let port = port.parse().map_err(|_| format!("{port} is not a port"))?;
                options.proxy = Some(Proxy::http(host.trim_matches(['[', ']']), port));
            }
            "--timeout" => {
                let seconds = value()?;
                let seconds: f64 =
                    seconds.parse().map_err(|_| format!("{seconds} is not a number"))?;
                let timeout =
                    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
                options.timeout = Some(timeout);
            }
            option if option.starts_with('-') => {
                return Err(format!("there is no option {option}"));
            }
            _ if options.uri.is_some() => return Err("only one URI, please".into()),
            _ => options.uri = Some(argument),
        }
    }
    if options.uri.is_none() {
        return Err("no URI".into());
    }
    Ok(options)
}

fn run(options: &Options) -> Result<Closed, Box<dyn std::error::Error>> {
    let uri = Uri::parse(options.uri.as_deref().unwrap_or_default())?;
    let config = Config::default();
    #[cfg(feature = "deflate")]
    let config = config.deflate(hybi::extension::deflate::DeflateConfig::default());
    let mut request = ClientRequest::new(&uri).config(config).origin(options.origin.as_deref());
    for subprotocol in &options.subprotocols {
        request = request.subprotocol(subprotocol);
    }
    for (name, value) in &options.fields {
        request = request.field(name, value);
    }
    let mut connector = Connector::new().proxy(options.proxy.clone());
    if let Some(timeout) = options.timeout {
        connector = connector.timeout(timeout);
    }

    let mut ws = connector.connect(&request)?;
    complain(format_args!("open, subprotocol: {}", ws.subprotocol().unwrap_or("none")));
    if options.ping {
        ws.ping(b"are you there?")?;
    }
    let (reader, writer) = ws.split()?;
    let close = options.close.clone();
    // Nobody joins this thread: it may be waiting for the terminal when the server closes.
    thread::spawn(move || {
        if let Err(error) = send_lines(&writer, close) {
            complain(error);
        }
    });
    print_messages(reader)
}

/// Sends lines from the terminal, until the input or the connection ends.
fn send_lines(
    writer: &Writer<TcpStream, Client>,
    close: Option<(CloseCode, String)>,
) -> Result<(), Box<dyn std::error::Error>> {
    for line in io::stdin().lock().lines() {
        match writer.send(&line?) {
            Ok(()) => {}
            // The other thread prints how.
            Err(Error::Closed(_) | Error::Usage(UsageError::Closed)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    let closed = match close {
        Some((code, reason)) => writer.close(code, &reason),
        None => writer.close(CloseCode::NORMAL, ""),
    };
    match closed {
        Ok(()) | Err(Error::Closed(_) | Error::Usage(UsageError::Closed)) => Ok(()),
        Err(error) => {
            // Otherwise the other thread would wait for a reply to a frame that was not sent.
            writer.terminate(Duration::ZERO);
            Err(error.into())
        }
    }
}

fn print_messages(
    mut reader: Reader<TcpStream, Client>,
) -> Result<Closed, Box<dyn std::error::Error>> {
    let mut screen = io::stdout();
    while let Some(event) = reader.receive_event()? {
        match event {
            Event::Text(text) => writeln!(screen, "{text}")?,
            Event::Binary(data) => writeln!(screen, "({} bytes) {}", data.len(), hex(&data))?,
            Event::Pong(payload) => {
                writeln!(screen, "(pong) {}", String::from_utf8_lossy(&payload))?;
            }
            _ => {} // pings and Close frames have been answered
        }
        screen.flush()?;
    }
    reader.closed().cloned().ok_or_else(|| "the connection is still open".into())
}

/// Prints what is no message. Nobody may be reading it, which is no reason to end.
fn complain(text: impl std::fmt::Display) {
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
