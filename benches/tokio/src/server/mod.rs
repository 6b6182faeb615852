//! The servers. Each runs in a thread of its own, on a current-thread runtime.

mod bare;
mod hybi;
mod libraries;
mod messages;

use hybi_bench_shared::load::ANSWER;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// The longest message that anybody takes.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The transport of a connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// How messages are answered: with one write for all that has arrived, or with a write for each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    Gathered,
    Each,
}

pub struct Server {
    pub name: &'static str,
    pub writes: Writes,
    run: fn(TcpListener) -> Result<()>,
    /// Over TLS, for the memory of idle connections.
    run_tls: Option<fn(TcpListener, TlsAcceptor) -> Result<()>>,
}

pub const OURS: &str = "hybi-tokio";
pub const OURS_EACH: &str = "hybi-tokio, send";
pub const BARE: &str = "no checks (limit)";
pub const BARE_EACH: &str = "no checks, each written (limit)";
/// Only for the memory.
pub const TASK: &str = "a task with its stream";

/// One over any stream.
macro_rules! over_any {
    ($name:expr, $writes:ident, $echo:path) => {
        Server {
            name: $name,
            writes: Writes::$writes,
            run: |listener| serve(listener, $echo),
            run_tls: Some(|listener, tls| {
                serve(listener, move |stream| {
                    let accept = Box::pin(tls.accept(stream));
                    async { $echo(accept.await?).await }
                })
            }),
        }
    };
}

/// All that echo; the first is what the others are compared with.
pub const SERVERS: &[Server] = &[
    over_any!(OURS, Gathered, hybi::receive_with),
    over_any!(OURS_EACH, Each, hybi::send),
    over_any!(BARE, Gathered, bare::gathered),
    over_any!(BARE_EACH, Each, bare::each),
    over_any!("tokio-tungstenite", Gathered, libraries::tungstenite),
    over_any!("tokio-tungstenite, send", Each, libraries::tungstenite_send),
    over_any!("tokio-websockets", Gathered, libraries::tokio_websockets),
    over_any!("tokio-websockets, send", Each, libraries::tokio_websockets_send),
    over_any!("sockudo-ws", Gathered, libraries::sockudo_ws),
    over_any!("sockudo-ws, send", Each, libraries::sockudo_ws_send),
    over_any!("yawc", Gathered, libraries::yawc),
    over_any!("yawc, send", Each, libraries::yawc_send),
    over_any!("fastwebsockets", Each, libraries::fastwebsockets),
    Server {
        name: "wtx",
        writes: Writes::Each,
        run: |listener| serve(listener, libraries::wtx),
        run_tls: None,
    },
];

/// The server that the memory of the others is compared with.
pub const IDLE: Server = over_any!(TASK, Each, bare::idle);

impl Server {
    pub fn find(name: &str) -> Option<&'static Self> {
        SERVERS.iter().chain([&IDLE]).find(|server| server.name == name)
    }

    /// Returns whether this is an implementation other than ours.
    pub fn is_peer(&self) -> bool {
        ![OURS, OURS_EACH, BARE, BARE_EACH, TASK].contains(&self.name)
    }

    pub fn has_tls(&self) -> bool {
        self.run_tls.is_some()
    }

    /// Serves for ever.
    pub fn run(&self, listener: TcpListener, tls: Option<TlsAcceptor>) -> Result<()> {
        match (tls, self.run_tls) {
            (None, _) => (self.run)(listener),
            (Some(tls), Some(run)) => run(listener, tls),
            (Some(_), None) => Err("not over TLS".into()),
        }
    }
}

/// Listens on a free port.
pub fn listen() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn serve<F>(listener: TcpListener, echo: impl Fn(TcpStream) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(echo(stream));
        }
    })
}

/// Does the server's part of the handshake, for those that do none over a plain stream.
async fn answer<S: Stream>(stream: &mut S) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Err("no request".into());
        }
    }
    stream.write_all(ANSWER).await?;
    Ok(stream.flush().await?)
}
