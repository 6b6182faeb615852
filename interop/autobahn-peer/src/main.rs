//! Runs every case that an Autobahn fuzzing server offers against a client of hybi's: that of
//! `hybi::blocking`, or that of hybi-tokio.
//!
//!     cd interop/autobahn-peer && cargo run --release -- blocking ws://127.0.0.1:9002
//!
//! It shows a client in its simplest form: connect, then echo until the connection is closed. A
//! case in which the server breaks the protocol on purpose ends with an error here. The server
//! decides from what came over the wire whether the client was right, and writes the report.

use std::process::ExitCode;

use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::ClientRequest;
use hybi::{Config, Message, Uri, blocking};
use tokio::runtime::{Builder, Runtime};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (adapter, url) = match arguments[..] {
        ["blocking", url] => (Ok(Adapter::Blocking), url),
        ["tokio", url] => {
            (Builder::new_current_thread().enable_all().build().map(Adapter::Tokio), url)
        }
        _ => {
            eprintln!(
                "usage: hybi-autobahn-peer blocking|tokio URL    such as ws://127.0.0.1:9002"
            );
            return ExitCode::from(2);
        }
    };
    match adapter.map_err(Into::into).and_then(|adapter| run(&adapter, url.trim_end_matches('/'))) {
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

enum Adapter {
    Blocking,
    Tokio(Runtime),
}

impl Adapter {
    /// Returns the name of the client in the report.
    fn agent(&self) -> &'static str {
        match self {
            Self::Blocking => "hybi",
            Self::Tokio(_) => "hybi-tokio",
        }
    }

    /// Echoes until the connection is over, however it ends.
    fn converse(&self, uri: &str, look: impl FnMut(&Message)) -> Outcome<()> {
        let uri = Uri::parse(uri)?;
        let config = Config::default().deflate(DeflateConfig::default());
        let request = ClientRequest::new(&uri).config(config);
        match self {
            Self::Blocking => converse_blocking(&request, look),
            Self::Tokio(runtime) => runtime.block_on(converse_on_tokio(&request, look)),
        }
    }
}

fn run(adapter: &Adapter, url: &str) -> Outcome<u32> {
    let mut count = None;
    adapter.converse(&format!("{url}/getCaseCount"), |message| {
        count = message.as_text().and_then(|text| text.parse().ok());
    })?;
    let count = count.ok_or("the server has not said how many cases there are")?;
    let agent = adapter.agent();
    for case in 1..=count {
        adapter.converse(&format!("{url}/runCase?case={case}&agent={agent}"), |_| {})?;
    }
    adapter.converse(&format!("{url}/updateReports?agent={agent}"), |_| {})?;
    Ok(count)
}

// A case may fail the handshake. Without a server there is nothing to do.

fn converse_blocking(request: &ClientRequest<'_>, mut look: impl FnMut(&Message)) -> Outcome<()> {
    use blocking::{ConnectError, Connector};
    let mut ws = match Connector::new().connect(request) {
        Ok(ws) => ws,
        Err(error @ (ConnectError::Resolve(_) | ConnectError::Connect(_))) => {
            return Err(error.into());
        }
        Err(error) => {
            eprintln!("{}: {error}", request.uri().resource_name());
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

async fn converse_on_tokio(
    request: &ClientRequest<'_>,
    mut look: impl FnMut(&Message),
) -> Outcome<()> {
    use hybi_tokio::{ConnectError, Connector};
    let mut ws = match Connector::new().connect(request).await {
        Ok(ws) => ws,
        Err(error @ (ConnectError::Resolve(_) | ConnectError::Connect(_))) => {
            return Err(error.into());
        }
        Err(error) => {
            eprintln!("{}: {error}", request.uri().resource_name());
            return Ok(());
        }
    };
    while let Ok(Some(message)) = ws.receive().await {
        look(&message);
        // As above.
        let _ = ws.send(&message).await;
    }
    Ok(())
}
