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

use super::stream::Stream;
use super::transfer::{Transfer, after, passed};
use super::websocket::{Agreed, WebSocket};
use crate::connection::Config;
use crate::handshake::{
    Answer, ClientHandshake, ClientRequest, HandshakeMisuse, ProxyAnswer, ProxyHandshake, Refused,
    Response, ResponseError,
};
use crate::role::Client;
use crate::uri::{Uri, UriError};

/// Connects to a `ws:` URI, within 30 s. [`Connector`] does the same with more to choose from.
///
/// # Errors
///
/// As [`Connector::connect`], and [`ConnectError::Uri`].
pub fn connect(uri: &str) -> Result<WebSocket<TcpStream, Client>, ConnectError> {
    let uri = Uri::parse(uri).map_err(ConnectError::Uri)?;
    Connector::new().connect(&ClientRequest::new(&uri))
}

/// How to connect.
///
/// ```no_run
/// use hybi::Uri;
/// use hybi::blocking::Connector;
/// use hybi::handshake::ClientRequest;
/// use std::time::Duration;
///
/// let uri = Uri::parse("ws://example.com/chat")?;
/// let request = ClientRequest::new(&uri).subprotocol("chat").origin("https://example.com");
/// let mut ws = Connector::new()
///     .timeout(Some(Duration::from_secs(5)))
///     .proxy("proxy.example.com", 3128)
///     .connect(&request)?;
/// ws.send("Hello")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// For `wss:` bring a TLS stream; with any TLS crate it looks like this:
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
#[derive(Clone)]
#[must_use]
pub struct Connector {
    timeout: Option<Duration>,
    proxy: Option<(String, u16)>,
    credentials: Option<(String, String)>,
    config: Config,
}

impl Default for Connector {
    fn default() -> Self {
        Self {
            timeout: Some(Duration::from_secs(30)),
            proxy: None,
            credentials: None,
            config: Config::default(),
        }
    }
}

impl Connector {
    /// No proxy, 30 s, the default configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long connecting may take in all: the look-up of the name, TCP, a proxy, the handshake. `None`: as long as the
    /// system waits. A stream that is [not a TCP stream](Self::connect_over) must be able to bound its waits.
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// Goes through an HTTP proxy (RFC 6455 §4.1, item 3).
    pub fn proxy(mut self, host: impl Into<String>, port: u16) -> Self {
        self.proxy = Some((host.into(), port));
        self
    }

    /// The user name and password for the proxy.
    pub fn proxy_credentials(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// How the connection will behave. Replies are always automatic here.
    pub fn config(mut self, config: Config) -> Self {
        self.config = Config { replies: crate::connection::Replies::Automatic, ..config };
        self
    }

    /// Connects to the `ws:` URI of the request. The addresses of its host are tried one after the other, and none may
    /// use up the time of those behind it.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NeedsTls`] for `wss:`, and everything else that [`ConnectError`] tells.
    pub fn connect(
        &self,
        request: &ClientRequest<'_>,
    ) -> Result<WebSocket<TcpStream, Client>, ConnectError> {
        if request.uri().is_secure() {
            return Err(ConnectError::NeedsTls);
        }
        let deadline = after(self.timeout);
        let transfer = self.open(request.uri(), deadline)?;
        self.shake_hands(transfer, request, deadline)
    }

    /// Only the first half of [`connect`](Self::connect): a TCP connection to the host of the URI, through the proxy if
    /// there is one, to put TLS on top.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_tcp(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        let stream = self.open(uri, after(self.timeout))?.into_stream();
        // What bounded our waits is not to surprise the next owner.
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        Ok(stream)
    }

    /// Only the second half: the handshake over a stream that leads to the server already, TLS included for `wss:`. The
    /// stream must not be non-blocking yet.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), without those that concern TCP, proxies and TLS. The stream is dropped.
    pub fn connect_over<S: Stream>(
        &self,
        stream: S,
        request: &ClientRequest<'_>,
    ) -> Result<WebSocket<S, Client>, ConnectError> {
        self.shake_hands(Transfer::new(stream), request, after(self.timeout))
    }

    fn open(
        &self,
        uri: &Uri,
        deadline: Option<Instant>,
    ) -> Result<Transfer<TcpStream>, ConnectError> {
        let Some((host, port)) = &self.proxy else {
            return Ok(Transfer::new(connect_tcp(uri.host(), uri.port(), deadline)?));
        };
        let credentials =
            self.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
        let mut request = Vec::new();
        let mut handshake = ProxyHandshake::new(uri.host(), uri.port(), credentials, &mut request)?;
        let mut transfer = Transfer::new(connect_tcp(host, *port, deadline)?);
        transfer.out().append(&mut request);
        transfer.exchange(deadline, |input, _| {
            Ok::<_, ConnectError>(match handshake.receive(input)? {
                None => None,
                Some(ProxyAnswer::Open(_)) => Some(()),
                Some(ProxyAnswer::Refused(refused)) => {
                    return Err(ConnectError::ProxyRefused(Box::new(refused.into())));
                }
            })
        })?;
        Ok(transfer)
    }

    fn shake_hands<S: Stream>(
        &self,
        mut transfer: Transfer<S>,
        request: &ClientRequest<'_>,
        deadline: Option<Instant>,
    ) -> Result<WebSocket<S, Client>, ConnectError> {
        let mut handshake = ClientHandshake::new(request, self.config, transfer.out())?;
        let (connection, response) = transfer.exchange(deadline, |input, _| {
            Ok::<_, ConnectError>(match handshake.receive(input)? {
                None => None,
                Some(Answer::Open(connection, response)) => {
                    Some((connection, response.into_owned()))
                }
                Some(Answer::Refused(refused)) => {
                    return Err(ConnectError::Refused(Box::new(refused.into())));
                }
            })
        })?;
        Ok(WebSocket::from_handshake(transfer, connection, Agreed::Response(response)))
    }
}

/// Without the password for the proxy, which must not get into a log.
impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeout, proxy, credentials, config } = self;
        f.debug_struct("Connector")
            .field("timeout", timeout)
            .field("proxy", proxy)
            .field("user", &credentials.as_ref().map(|(user, _)| user))
            .field("config", config)
            .finish()
    }
}

fn connect_tcp(
    host: &str,
    port: u16,
    deadline: Option<Instant>,
) -> Result<TcpStream, ConnectError> {
    let addresses = look_up(host, port, deadline)?;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let connected = match deadline {
            None => TcpStream::connect(address),
            Some(deadline) => {
                // A fair share of the time, so that an address that does not answer cannot use up all of it.
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
                // Messages are written whole; waiting for more to put into a packet would only delay them.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
        left = left.saturating_sub(1);
    }
    if passed(deadline) { Err(ConnectError::TimedOut) } else { Err(ConnectError::Connect(failure)) }
}

/// The addresses of a host. The system's resolver knows no deadline, so a thread waits for it; if we give up, that thread ends
/// when the resolver does.
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
            let _ = sender.send(resolve()); // nobody waits any more
        })
        .map_err(ConnectError::Resolve)?;
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(found) => found.map_err(ConnectError::Resolve),
        Err(_) => Err(ConnectError::TimedOut),
    }
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URI is none, or not for WebSocket.
    Uri(UriError),
    /// The URI is `wss:`, and TLS is not done here: [`Connector`] shows how to bring a stream that does it.
    NeedsTls,
    /// The request cannot be sent as it is: the caller's mistake.
    Misuse(HandshakeMisuse),
    /// The name of the host could not be looked up.
    Resolve(io::Error),
    /// No address of the host could be reached: why not the last one.
    Connect(io::Error),
    /// The time was over.
    TimedOut,
    /// The stream failed, or ended, in the middle of the handshake.
    Io(io::Error),
    /// The answer of the server, or of the proxy, broke a rule.
    Response(ResponseError),
    /// The server answered that it does not want to.
    Refused(Box<Refusal>),
    /// The proxy answered that it does not want to.
    ProxyRefused(Box<Refusal>),
}

/// An answer that opens no connection: an error, a redirect (which is never followed), a demand for credentials.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Status and headers.
    pub response: Response<'static>,
    /// As much of the body as had arrived with the head.
    pub body_start: Vec<u8>,
}

impl From<Refused<'_>> for Refusal {
    fn from(refused: Refused<'_>) -> Self {
        Self {
            response: refused.response().clone().into_owned(),
            body_start: refused.body_start().to_vec(),
        }
    }
}

impl From<HandshakeMisuse> for ConnectError {
    fn from(misuse: HandshakeMisuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<ResponseError> for ConnectError {
    fn from(error: ResponseError) -> Self {
        Self::Response(error)
    }
}

/// A time-out becomes [`ConnectError::TimedOut`].
impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Io(error),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            Self::NeedsTls => f.write_str(
                "wss: needs TLS, which is not built in: open a TCP connection (Connector::connect_tcp), wrap it with a \
                 TLS crate, and hand that stream to Connector::connect_over",
            ),
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::Resolve(error) => write!(f, "the host could not be looked up: {error}"),
            Self::Connect(error) => write!(f, "the host could not be reached: {error}"),
            Self::TimedOut => f.write_str("connecting took too long"),
            Self::Io(error) => write!(f, "the stream failed during the handshake: {error}"),
            Self::Response(error) => error.fmt(f),
            Self::Refused(refusal) => write!(f, "the server refused: {refusal}"),
            Self::ProxyRefused(refusal) => write!(f, "the proxy refused: {refusal}"),
        }
    }
}

/// Such as `404 Not Found`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.response.status(), String::from_utf8_lossy(self.response.reason()))
    }
}

impl core::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Uri(error) => Some(error),
            Self::Misuse(misuse) => Some(misuse),
            Self::Resolve(error) | Self::Connect(error) | Self::Io(error) => Some(error),
            Self::Response(error) => Some(error),
            Self::NeedsTls | Self::TimedOut | Self::Refused(_) | Self::ProxyRefused(_) => None,
        }
    }
}
