//! Runs every case that an Autobahn fuzzing server offers against hybi's client.
//!
//!     cd interop/autobahn-peer && cargo run --release -- ws://127.0.0.1:9002
//!
//! It shows a client in its simplest form: connect, echo, until the connection is closed. A case in which the server
//! breaks the protocol on purpose ends with an error here; the server decides from what came over the wire whether the
//! client was right, and writes the report.

use std::process::ExitCode;

use hybi::Uri;
use hybi::blocking::{ConnectError, Connector, Incoming};
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::ClientRequest;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: hybi-autobahn-peer URL        such as ws://127.0.0.1:9002");
        return ExitCode::from(2);
    };
    match run(url.trim_end_matches('/')) {
        Ok(count) => {
            println!("{count} cases run; the report is the server's");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(url: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let mut count = None;
    conversation(&format!("{url}/getCaseCount"), |message| {
        if let Incoming::Text(text) = message {
            count = text.parse().ok();
        }
    })?;
    let count = count.ok_or("the server has not said how many cases there are")?;
    for case in 1..=count {
        conversation(&format!("{url}/runCase?case={case}&agent=hybi"), |_| {})?;
    }
    conversation(&format!("{url}/updateReports?agent=hybi"), |_| {})?;
    Ok(count)
}

/// Echoes until the connection is over, however it ends.
fn conversation(
    uri: &str,
    mut look: impl FnMut(&Incoming),
) -> Result<(), Box<dyn std::error::Error>> {
    let uri = Uri::parse(uri)?;
    let request = ClientRequest::new(&uri).deflate(DeflateConfig::default());
    let mut ws = match Connector::new().connect(&request) {
        Ok(ws) => ws,
        // A case may fail the handshake; a server that is not there is worth stopping for.
        Err(error @ (ConnectError::Resolve(_) | ConnectError::Connect(_))) => {
            return Err(error.into());
        }
        Err(error) => {
            eprintln!("{}: {error}", uri.resource_name());
            return Ok(());
        }
    };
    while let Ok(message) = ws.read() {
        look(&message);
        let echoed = match &message {
            Incoming::Text(text) => ws.send(&**text),
            Incoming::Binary(data) => ws.send(&**data),
            Incoming::Closed(_) => return Ok(()),
            Incoming::Pong(_) | Incoming::TimedOut => Ok(()),
        };
        // The server may close in the middle of our answer. Reading tells how.
        drop(echoed);
    }
    Ok(())
}
