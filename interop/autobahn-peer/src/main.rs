//! Runs every case that an Autobahn fuzzing server offers against hybi's client.
//!
//!     cd interop/autobahn-peer && cargo run --release -- ws://127.0.0.1:9002
//!
//! It shows a client in its simplest form: connect, then echo until the connection is closed. A
//! case in which the server breaks the protocol on purpose ends with an error here. The server
//! decides from what came over the wire whether the client was right, and writes the report.

use std::process::ExitCode;

use hybi::blocking::{ConnectError, Connector};
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::ClientRequest;
use hybi::{Config, Message, Uri};

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
        count = message.as_text().and_then(|text| text.parse().ok());
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
    mut look: impl FnMut(&Message),
) -> Result<(), Box<dyn std::error::Error>> {
    let uri = Uri::parse(uri)?;
    let config = Config::default().deflate(DeflateConfig::default());
    let request = ClientRequest::new(&uri).config(config);
    let mut ws = match Connector::new().connect(&request) {
        Ok(ws) => ws,
        // A case may fail the handshake. Without a server there is nothing to do.
        Err(error @ (ConnectError::Resolve(_) | ConnectError::Connect(_))) => {
            return Err(error.into());
        }
        Err(error) => {
            eprintln!("{}: {error}", uri.resource_name());
            return Ok(());
        }
    };
    while let Ok(Some(message)) = ws.receive() {
        look(&message);
        // The server may close while we answer. The next call that receives tells how.
        let _ = ws.send(&message);
    }
    Ok(())
}
