//! Sends every message back.
//!
//! It ends in order: Ctrl-C and SIGTERM close the listener, tell each client with code 1001 that
//! the server goes, and wait five seconds for the answers.
//!
//! ```sh
//! cargo run -p hybi-tokio --example echo -- 127.0.0.1:9001
//! cargo run -p hybi-tokio --example echo -- 127.0.0.1:9001 --tls cert.pem key.pem
//! ```

use std::error::Error;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use hybi::handshake::Acceptance;
use hybi::{Config, Limits, Server};
use hybi_tokio::WebSocket;
use hybi_tokio::tokio_rustls::TlsAcceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::{select, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[path = "shared/program.rs"]
mod program;
#[path = "shared/tls.rs"]
mod tls;
use program::{asked_to_end, log};

const USAGE: &str = "\
usage: echo [HOST:PORT] [--tls CERT KEY]   default: 127.0.0.1:9001
  --tls CERT KEY    speak TLS, with the certificates and the key in these PEM files";
/// How many clients may be there at once.
const CLIENTS_MAX: usize = 10_000;
/// How long a message may be, in bytes.
const MESSAGE_MAX: u64 = 1 << 20;
/// How long a client may take for the handshake of TLS.
const TLS_WITHIN: Duration = Duration::from_secs(10);
/// How long the clients may take to say good-bye.
const END_WITHIN: Duration = Duration::from_secs(5);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match program::arguments(USAGE) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let (mut address, mut tls) = ("127.0.0.1:9001", None);
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {}
        [given] if !given.starts_with('-') => address = given,
        [rest @ .., "--tls", cert, key] if rest.len() < 2 => {
            address = rest.first().unwrap_or(&address);
            match tls::read(cert, key) {
                Ok(acceptor) => tls = Some(acceptor),
                Err(error) => return program::wrong(error, USAGE),
            }
        }
        _ => return program::wrong("these arguments make no sense", USAGE),
    }
    program::exit_code(listen(address, tls).await)
}

async fn listen(address: &str, tls: Option<TlsAcceptor>) -> Result<(), Box<dyn Error>> {
    let listener = program::listen_at(address).await?;
    let s = if tls.is_some() { "s" } else { "" };
    log(format_args!("listening at ws{s}://{}", listener.local_addr()?));
    log("try: cargo run -p hybi-tokio --example lines -- URI; Ctrl-C ends the server");
    let (clients, stop) = (TaskTracker::new(), CancellationToken::new());
    let mut asked_to_end = pin!(asked_to_end());
    loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, address)) if clients.len() < CLIENTS_MAX => {
                    let (tls, stop) = (tls.clone(), stop.clone());
                    clients.spawn(async move {
                        if let Err(error) = serve(socket, tls, stop).await {
                            log(format_args!("{address}: {error}"));
                        }
                    });
                }
                Ok(_) => {} // too many
                // Too many open files, perhaps. That passes.
                Err(_) => time::sleep(Duration::from_millis(100)).await,
            },
            () = &mut asked_to_end => break,
        }
    }
    drop(listener); // no more clients
    stop.cancel();
    clients.close();
    log(format_args!("saying good-bye to {} clients", clients.len()));
    clients.wait().await;
    Ok(())
}

async fn serve(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
) -> Outcome<()> {
    let _ = socket.set_nodelay(true); // fails if the client has left already
    match tls {
        None => serve_over(socket, stop).await,
        Some(tls) => {
            // Boxed, so that the task has no room for it any more once it is over.
            let shaking_hands = Box::pin(time::timeout(TLS_WITHIN, tls.accept(socket)));
            match stop.run_until_cancelled(shaking_hands).await {
                Some(stream) => serve_over(stream??, stop).await,
                None => Ok(()),
            }
        }
    }
}

async fn serve_over<S>(stream: S, stop: CancellationToken) -> Outcome<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Every future of the library may be dropped at any point: nothing is half-done then.
    let opening = Box::pin(open(stream)); // boxed, as above
    let Some(opened) = stop.run_until_cancelled(opening).await else { return Ok(()) };
    let mut ws = opened?;
    match stop.run_until_cancelled(echo(&mut ws)).await {
        Some(echoed) => Ok(echoed?),
        None => {
            ws.terminate(END_WITHIN).await; // sends 1001
            Ok(())
        }
    }
}

async fn open<S>(stream: S) -> Outcome<WebSocket<S, Server>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = Limits::default().message_bytes_max(MESSAGE_MAX);
    // Anybody may connect. A server that knows its users by cookies allows its own pages only.
    let acceptance = Acceptance::from_any_origin().config(Config::default().limits(limits));
    Ok(hybi_tokio::receive_request(stream).await?.accept(&acceptance).await?)
}

async fn echo<S>(ws: &mut WebSocket<S, Server>) -> Result<(), hybi_tokio::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = ws.receive().await? {
        ws.send(&message).await?;
    }
    Ok(())
}
