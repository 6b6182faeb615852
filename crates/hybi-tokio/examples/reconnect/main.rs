//! A client that connects again: sends each line of the standard input, and prints what comes.
//!
//! ```sh
//! cargo run -p hybi-tokio --example reconnect -- ws://127.0.0.1:9001/
//! ```
//!
//! Start and stop a server meanwhile. After a failure that may pass it tries again, with waits that
//! grow and are random: the network, a server that goes (1001), restarts (1012) or is overloaded
//! (1013, 503 with `Retry-After`). Any other failure ends the program: a wrong address, a
//! certificate that is not trusted, a 404, a broken rule. `is_transient` of the errors decides.
//!
//! A line is sent at most once: one that a lost connection has taken along is lost. A program that
//! must not lose any numbers its messages, and lets the server confirm them.
//!
//! Exit codes: 0 the server was done or the input has ended, 1 it will not pass, 2 wrong usage.

mod policy;

use std::error::Error;
use std::io::{Write, stdout};
use std::pin::{Pin, pin};
use std::process::exit;
use std::time::Duration;

use hybi::connection::Closed;
use hybi::handshake::ClientRequest;
use hybi::{Message, Uri};
use hybi_tokio::{ClientSocket, Connector};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin};
use tokio::select;
use tokio::time::{Instant, sleep};

#[path = "../shared/program.rs"]
mod program;
use policy::Waits;
use program::{asked_to_end, log};

const USAGE: &str = "\
usage: reconnect URI [--wait-max SECONDS]   such as ws://127.0.0.1:9001/
  --wait-max SECONDS   the longest wait between attempts; default 60. It comes on top of what a
                       server asks for, up to an hour";
/// A connection that lasts as long was no failure: the waits begin anew.
const LASTS: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long the server may take to say good-bye.
const END_WITHIN: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    // A thread of the runtime waits for a line, and nothing else would end it.
    exit(run().await)
}

async fn run() -> i32 {
    let arguments = match program::arguments(USAGE) {
        Ok(arguments) => arguments,
        Err(_) => return 0,
    };
    let parsed = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [uri] => Uri::parse(uri).map(|uri| (uri, Some(60.0))).map_err(|error| error.to_string()),
        [uri, "--wait-max", seconds] => {
            let uri = Uri::parse(uri).map_err(|error| error.to_string());
            uri.map(|uri| (uri, seconds.parse().ok()))
        }
        _ => Err("one URI, please".into()),
    };
    let (uri, seconds) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            program::wrong(error, USAGE);
            return 2;
        }
    };
    let Some(wait_max) = seconds.and_then(|max| Duration::try_from_secs_f64(max).ok()) else {
        program::wrong("--wait-max needs a number of seconds, such as 60 or 0.5", USAGE);
        return 2;
    };
    match talk(&ClientRequest::new(&uri), wait_max).await {
        Ok(()) => 0,
        Err(error) => {
            log(format_args!("giving up: {error}"));
            1
        }
    }
}

/// Connects again and again, until there is nothing more to say or it will not pass.
async fn talk(request: &ClientRequest<'_>, wait_max: Duration) -> Result<(), Box<dyn Error>> {
    let connector = Connector::new().timeout(CONNECT_WITHIN);
    let mut waits = Waits::new(wait_max);
    let mut lines = BufReader::new(stdin()).lines();
    let mut asked_to_end = pin!(asked_to_end());
    loop {
        let connected = select! {
            connected = connector.connect(request) => connected,
            () = &mut asked_to_end => return Ok(()),
        };
        let at_least = match connected {
            Ok(mut ws) => {
                log("connected: each line that you type is a message, Ctrl-D ends the program");
                let start = Instant::now();
                let closed = converse(&mut ws, &mut lines, asked_to_end.as_mut()).await?;
                if start.elapsed() >= LASTS {
                    waits.reset();
                }
                match closed.code() {
                    1000 | 1005 => return Ok(()), // all has been said
                    _ if closed.is_transient() => Duration::ZERO,
                    _ => return Err("it would end so again".into()),
                }
            }
            Err(error) if error.is_transient() => {
                log(&error);
                policy::asked_for(&error)
            }
            Err(error) => return Err(error.into()),
        };
        let wait = waits.next(at_least);
        log(format_args!("connecting again in {:.1} s", wait.as_secs_f64()));
        select! {
            () = sleep(wait) => {}
            () = &mut asked_to_end => return Ok(()),
        }
    }
}

/// Talks until the connection is over, which this side ends when the input does.
async fn converse(
    ws: &mut ClientSocket,
    lines: &mut Lines<BufReader<Stdin>>,
    mut asked_to_end: Pin<&mut impl Future<Output = ()>>,
) -> Result<Closed, Box<dyn Error>> {
    loop {
        // All are cancel-safe: what one has begun is there when it is called again.
        select! {
            line = lines.next_line() => match line? {
                // An error of sending tells nothing that `receive` does not tell, too.
                Some(line) => if ws.send(&line).await.is_err() { log("that was not sent") },
                None => break,
            },
            message = ws.receive() => match message {
                // A terminal obeys some characters.
                Ok(Some(Message::Text(text))) => writeln!(stdout(), "{}", hybi::escaped(&text))?,
                Ok(Some(Message::Binary(bytes))) => writeln!(stdout(), "{} bytes", bytes.len())?,
                // `closed` tells how it ended, errors included.
                Ok(None) | Err(_) => break,
            },
            () = &mut asked_to_end => break,
        }
    }
    let was_over = ws.closed().is_some();
    let closed = ws.terminate(END_WITHIN).await; // at once, if it is over
    log(format_args!("closed: {closed}"));
    // If we end the connection, that is no reason to connect again, however it went.
    Ok(if was_over { closed } else { Closed::Clean(None) })
}
