//! The conversations with other implementations, see `run.sh`: our side of all of them, and the
//! other side if that is in Rust.
//!
//!     hybi-conversations WHO server [CERT KEY]
//!     hybi-conversations WHO client [CERT]
//!
//! WHO is one of ours, `blocking` and `tokio`, or one of the others, `tokio-tungstenite` and
//! `yawc`. A server prints a line for each mode that it serves, `MODE PORT`, then an empty one, and
//! echoes. A client reads such lines, talks to the server in each mode, and compares the echoes.
//! With a certificate they do so over TLS.

mod blocking;
mod hybi_tokio;
mod modes;
mod speech;
mod tls;
mod tokio_tungstenite;
mod yawc;

use std::error::Error;
use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::Arc;

use ::hybi_tokio::tokio_rustls::rustls::{ClientConfig, ServerConfig};
use tokio::net::{self, TcpStream};
use tokio::task::JoinSet;

use crate::modes::MODES;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Blocking,
    Tokio,
    TokioTungstenite,
    Yawc,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (who, rest) = match arguments[..] {
        ["blocking", ref rest @ ..] => (Who::Blocking, rest),
        ["tokio", ref rest @ ..] => (Who::Tokio, rest),
        ["tokio-tungstenite", ref rest @ ..] => (Who::TokioTungstenite, rest),
        ["yawc", ref rest @ ..] => (Who::Yawc, rest),
        _ => return Err("usage: hybi-conversations WHO server|client [CERT [KEY]]".into()),
    };
    match rest {
        ["server"] => serve(who, None).await,
        ["server", cert, key] => serve(who, Some(tls::server(cert, key)?)).await,
        ["client"] => talk_to_each(who, None).await,
        ["client", cert] => talk_to_each(who, Some(tls::client(cert)?)).await,
        _ => Err("server takes CERT KEY, client takes CERT".into()),
    }
}

async fn serve(who: Who, tls: Option<Arc<ServerConfig>>) -> Outcome<()> {
    let mut servers = JoinSet::new();
    let modes = match who {
        Who::Blocking | Who::Tokio => &MODES[..],
        Who::TokioTungstenite => &["plain"],
        // It declines an offer with alternatives (RFC 7692 §5), which the other modes need.
        Who::Yawc => &["plain", "15+"],
    };
    for &mode in modes {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        println!("{mode} {}", listener.local_addr()?.port());
        let tls = tls.clone();
        if who == Who::Blocking {
            servers.spawn_blocking(move || {
                for stream in listener.incoming() {
                    complain(mode, blocking::echo(stream?, mode, tls.clone()));
                }
                Ok(())
            });
            continue;
        }
        listener.set_nonblocking(true)?;
        let listener = net::TcpListener::from_std(listener)?;
        servers.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                let tls = tls.clone();
                tokio::spawn(async move { complain(mode, echo(who, stream, mode, tls).await) });
            }
        });
    }
    println!();
    io::stdout().flush()?;
    while let Some(ended) = servers.join_next().await {
        ended?.map_err(|error: io::Error| error)?;
    }
    Ok(())
}

/// `run.sh` takes any line for a failure.
fn complain(mode: &str, outcome: Outcome<()>) {
    if let Err(error) = outcome {
        eprintln!("server, mode {mode}: {error}");
    }
}

async fn echo(
    who: Who,
    stream: TcpStream,
    mode: &str,
    tls: Option<Arc<ServerConfig>>,
) -> Outcome<()> {
    stream.set_nodelay(true)?; // a short message must not wait for an acknowledgement
    let stream = tls::accept(stream, tls).await?;
    match who {
        Who::Blocking => unreachable!("it has threads"),
        Who::Tokio => hybi_tokio::echo(stream, mode).await,
        Who::TokioTungstenite => tokio_tungstenite::echo(stream).await,
        Who::Yawc => yawc::echo(stream, mode).await,
    }
}

async fn talk_to_each(who: Who, tls: Option<Arc<ClientConfig>>) -> Outcome<()> {
    let mut count = 0;
    for line in io::stdin().lines() {
        let line = line?;
        let (mode, port) = line.split_once(' ').ok_or("MODE PORT")?;
        let s = if tls.is_some() { "s" } else { "" };
        let uri = format!("ws{s}://127.0.0.1:{port}/");
        let tls = tls.clone();
        let talked = match who {
            Who::Blocking => blocking::talk(&uri, mode, tls),
            Who::Tokio => hybi_tokio::talk(&uri, mode, tls).await,
            Who::TokioTungstenite => {
                tokio_tungstenite::talk(&uri, tls::connect(port, tls).await?).await
            }
            Who::Yawc => yawc::talk(&uri, tls::connect(port, tls).await?, mode).await,
        };
        talked.map_err(|error| format!("mode {mode}: {error}"))?;
        count += 1;
    }
    println!("{count} modes");
    Ok(())
}
