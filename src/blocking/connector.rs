//! Connecting: names, addresses, proxies, and the client's handshake.

use core::fmt;
use std::boxed::Box;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::string::{String, ToString};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

use super::connect_error::ConnectError;
use super::stream::Stream;
use super::transfer::{Transfer, after, passed};
use super::websocket::{Opening, WebSocket};
use crate::buffers::{Inbox, Outbox};
use crate::handshake::{
    Answer, ClientHandshake, ClientRequest, HeadLimits, ProxyAnswer, ProxyHandshake, ProxyRequest,
};
use crate::role::Client;
use crate::uri::Uri;

/// Connects to a `ws:` URI, within 30 s. [`Connector`] has settings for it.
///
/// ```no_run
/// let mut ws = hybi::blocking::connect("ws://localhost:9001/")?;
/// ws.send("Hello")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`Connector::connect`], and [`ConnectError::Uri`].
pub fn connect(uri: &str) -> Result<WebSocket<TcpStream, Client>, ConnectError> {
    let uri = Uri::parse(uri).map_err(ConnectError::Uri)?;
    Connector::new().connect(&ClientRequest::new(&uri))
}

/// The settings with which a client connects.
///
/// ```no_run
/// use hybi::Uri;
/// use hybi::blocking::{Connector, Proxy};
/// use hybi::handshake::ClientRequest;
/// use std::time::Duration;
///
/// let uri = Uri::parse("ws://example.com/chat")?;
/// let request = ClientRequest::new(&uri).subprotocol("chat").origin("https://example.com");
/// let mut ws = Connector::new()
///     .timeout(Duration::from_secs(5))
///     .proxy(Proxy::http("proxy.example.com", 3128))
///     .connect(&request)?;
/// ws.send("Hello")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The [`ClientRequest`] holds everything else: subprotocols, fields, the connection's
/// configuration, and the limits for the head of the response.
///
/// For `wss:` bring a stream that does TLS. With any TLS crate it looks like this:
///
/// ```no_run
/// # use hybi::blocking::{Connector, Stream};
/// # use hybi::{Uri, handshake::ClientRequest};
/// # fn tls(tcp: std::net::TcpStream, _name: &str) -> std::io::Result<impl Stream> { Ok(tcp) }
/// let uri = Uri::parse("wss://example.com/chat")?;
/// let connector = Connector::new();
/// let tcp = connector.connect_tcp(&uri)?; // through the proxy, if there is one
/// let stream = tls(tcp, uri.host())?; // must check that the certificate is for this name
/// let mut ws = connector.connect_over(stream, &ClientRequest::new(&uri))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Connector {
    timeout: Option<Duration>,
    proxy: Option<Proxy>,
}

impl Default for Connector {
    fn default() -> Self {
        Self { timeout: Some(Duration::from_secs(30)), proxy: None }
    }
}

impl Connector {
    /// Creates the default settings: 30 s, and no proxy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long connecting may take in all: looking up the name, TCP, a proxy, the handshake.
    /// With `None` it takes as long as the system waits.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets the proxy to go through. `None`, the default, connects directly.
    pub fn proxy(mut self, proxy: impl Into<Option<Proxy>>) -> Self {
        self.proxy = proxy.into();
        self
    }

    /// Connects to the `ws:` URI of the request. Tries the addresses of its host one after the
    /// other, and divides the time between them.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NeedsTls`] for `wss:`, and every other [`ConnectError`].
    pub fn connect(
        &self,
        request: &ClientRequest<'_>,
    ) -> Result<WebSocket<TcpStream, Client>, ConnectError> {
        if request.uri().is_secure() {
            return Err(ConnectError::NeedsTls);
        }
        let deadline = after(self.timeout);
        let transfer = self.open(request.uri(), deadline)?;
        shake_hands(transfer, request, deadline)
    }

    /// Does only the first half of [`connect`](Self::connect): opens a TCP connection to the host
    /// of the URI, through the proxy if there is one. Start TLS on it.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_tcp(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        let stream = self.open(uri, after(self.timeout))?.into_stream();
        // The time-outs were for us, not for the next owner.
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        Ok(stream)
    }

    /// Does only the second half of [`connect`](Self::connect): the handshake, over a stream that
    /// leads to the server already, with TLS for `wss:`.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), without those that concern TCP, proxies and TLS.
    /// [`ConnectError::Io`] is `Unsupported` if the stream has no time-outs but the connector does.
    /// The stream is dropped.
    pub fn connect_over<S: Stream>(
        &self,
        stream: S,
        request: &ClientRequest<'_>,
    ) -> Result<WebSocket<S, Client>, ConnectError> {
        let deadline = after(self.timeout);
        let mut transfer = Transfer::new(stream, Inbox::new());
        transfer.require_timeouts(deadline)?;
        shake_hands(transfer, request, deadline)
    }

    fn open(
        &self,
        uri: &Uri,
        deadline: Option<Instant>,
    ) -> Result<Transfer<TcpStream>, ConnectError> {
        match &self.proxy {
            Some(proxy) => proxy.open(uri, deadline),
            None => open_tcp(uri.host(), uri.port(), deadline),
        }
    }
}

/// A proxy between a client and its server.
///
/// ```
/// use hybi::blocking::{Connector, Proxy};
///
/// let proxy = Proxy::http("proxy.example.com", 3128).credentials("user", "secret");
/// let connector = Connector::new().proxy(proxy);
/// assert!(!format!("{connector:?}").contains("secret"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Proxy {
    host: String,
    port: u16,
    credentials: Option<(String, String)>,
    head_limits: HeadLimits,
}

impl Proxy {
    /// Creates an HTTP proxy, which is asked for a tunnel with `CONNECT` (RFC 6455 §4.1).
    pub fn http(host: impl Into<String>, port: u16) -> Self {
        let head_limits = HeadLimits::default();
        Self { host: host.into(), port, credentials: None, head_limits }
    }

    /// Sets the user name and password that the proxy asks for.
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Sets the limits for the head of the proxy's response.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.head_limits = limits;
        self
    }

    /// Opens a tunnel to the host of the URI.
    fn open(
        &self,
        uri: &Uri,
        deadline: Option<Instant>,
    ) -> Result<Transfer<TcpStream>, ConnectError> {
        let mut request = ProxyRequest::new(uri.host(), uri.port()).head_limits(self.head_limits);
        if let Some((user, password)) = &self.credentials {
            request = request.credentials(user, password);
        }
        let mut out = Outbox::new();
        let mut handshake = ProxyHandshake::new(&request, &mut out)?; // before anything is opened
        let mut transfer = open_tcp(&self.host, self.port, deadline)?;
        *transfer.out() = out;
        let opened = transfer.exchange(deadline, |input, _| match handshake.receive(input)? {
            None => Ok(None),
            Some(ProxyAnswer::Open(_)) => Ok(Some(())),
            Some(ProxyAnswer::Refused(refusal)) => {
                Err(ConnectError::ProxyRefused(Box::new(refusal)))
            }
        });
        // A refusal takes precedence over the failure to read its body to the end.
        opened.map_err(|error| match handshake.end_of_input() {
            Some(refusal) => ConnectError::ProxyRefused(Box::new(refusal)),
            None => error,
        })?;
        Ok(transfer)
    }
}

/// Prints no password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.credentials.as_ref().map(|(user, _)| user))
            .finish_non_exhaustive()
    }
}

fn shake_hands<S: Stream>(
    mut transfer: Transfer<S>,
    request: &ClientRequest<'_>,
    deadline: Option<Instant>,
) -> Result<WebSocket<S, Client>, ConnectError> {
    let mut handshake = ClientHandshake::new(request, transfer.out())?;
    let opened = transfer.exchange(deadline, |input, _| match handshake.receive(input)? {
        None => Ok(None),
        Some(Answer::Open(connection, response)) => Ok(Some((connection, response.into_owned()))),
        Some(Answer::Refused(refusal)) => Err(ConnectError::Refused(Box::new(refusal))),
    });
    // A refusal takes precedence over the failure to read its body to the end.
    let (connection, response) = opened.map_err(|error| match handshake.end_of_input() {
        Some(refusal) => ConnectError::Refused(Box::new(refusal)),
        None => error,
    })?;
    Ok(WebSocket::from_handshake(transfer, connection, Opening::Response(response)))
}

fn open_tcp(
    host: &str,
    port: u16,
    deadline: Option<Instant>,
) -> Result<Transfer<TcpStream>, ConnectError> {
    let addresses = look_up(host, port, deadline)?;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let connected = match deadline {
            None => TcpStream::connect(address),
            Some(deadline) => {
                // A share of the time, so that an address that does not answer cannot use it up.
                let time = deadline.saturating_duration_since(Instant::now());
                let share = time.checked_div(left).unwrap_or(time);
                if share.is_zero() {
                    return Err(ConnectError::TimedOut);
                }
                TcpStream::connect_timeout(&address, share)
            }
        };
        match connected {
            Ok(stream) => {
                // Messages are written whole; waiting for more would only delay them.
                stream.set_nodelay(true)?;
                return Ok(Transfer::new(stream, Inbox::new()));
            }
            Err(error) => failure = error,
        }
        left = left.saturating_sub(1);
    }
    Err(if passed(deadline) { ConnectError::TimedOut } else { ConnectError::Connect(failure) })
}

/// Returns the addresses of a host. The system's resolver knows no deadline, so a thread waits for
/// it; if we give up, that thread ends when the resolver does.
fn look_up(
    host: &str,
    port: u16,
    deadline: Option<Instant>,
) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok([SocketAddr::new(address, port)].into());
    }
    let name = host.to_string();
    let resolve =
        move || (name.as_str(), port).to_socket_addrs().map(|found| found.collect::<Vec<_>>());
    let Some(deadline) = deadline else { return resolve().map_err(ConnectError::Resolve) };
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .name("hybi-resolver".into())
        .spawn(move || {
            let _ = sender.send(resolve()); // fails if nobody waits any more
        })
        .map_err(ConnectError::Resolve)?;
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(found) => found.map_err(ConnectError::Resolve),
        Err(_) => Err(ConnectError::TimedOut),
    }
}
