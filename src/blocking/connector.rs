//! Connecting: TCP, perhaps a proxy, perhaps TLS, and the client's handshake.

use std::boxed::Box;
use std::io;
use std::net::TcpStream;
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "rustls")]
use rustls::ClientConfig;

use super::dial::open_tcp;
use super::maybe_tls::MaybeTls;
use super::proxy::open_tunnel;
use super::stream::Stream;
#[cfg(feature = "rustls")]
use super::tls::TlsStream;
use super::transfer::{Transfer, after, earlier};
use super::websocket::WebSocket;
#[cfg(feature = "rustls")]
use crate::adapter::tls;
use crate::adapter::{ConnectError, HttpProxy, Opening, REFUSAL_WITHIN};
use crate::buffers::{Inbox, Outbox};
use crate::handshake::{Answer, ClientHandshake, ClientRequest};
use crate::input::Input;
use crate::role::Client;
use crate::uri::Uri;

/// A client's WebSocket, as [`connect`] opens it.
pub type ClientSocket = WebSocket<MaybeTls<TcpStream>, Client>;

/// Connects to a `ws:` URI within 30 s, with feature `rustls` also to a `wss:` one. [`Connector`]
/// has settings for it.
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
pub fn connect(uri: &str) -> Result<ClientSocket, ConnectError> {
    Connector::new().connect(&ClientRequest::new(&Uri::parse(uri)?))
}

/// The settings with which a client connects.
///
/// ```no_run
/// use hybi::Uri;
/// use hybi::blocking::{Connector, HttpProxy};
/// use hybi::handshake::ClientRequest;
/// use std::time::Duration;
///
/// let uri = Uri::parse("ws://example.com/chat")?;
/// let request = ClientRequest::new(&uri).subprotocol("chat").origin("https://example.com");
/// let mut ws = Connector::new()
///     .timeout(Duration::from_secs(5))
///     .proxy(HttpProxy::new("proxy.example.com", 3128))
///     .connect(&request)?;
/// ws.send("Hello")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The [`ClientRequest`] holds everything else: subprotocols, fields, the connection's
/// configuration, and the limits for the head of the response.
///
/// # Addresses, time and threads
///
/// If a name has several addresses, IPv6 and IPv4 ones alternate. The next is tried as soon as one
/// fails, or beside the first after 250 ms without an answer (RFC 8305), so a dead address costs a
/// quarter of a second. At most two are tried at a time, and each has its share of the time.
///
/// With a time-out, a name is looked up by a thread, because the system's resolver cannot be
/// interrupted. If it hangs, that thread outlives the call, until the resolver gives up. A process
/// has at most 64 of these threads; further calls wait for one to end. If there is more than one
/// address, another thread connects to each. It ends with the time-out at the latest, whoever
/// has won, and closes what it has got.
///
/// # TLS
///
/// With feature `rustls`, `wss:` URIs work. The server's certificate is checked as the platform
/// does, unless you set a configuration of your own with `tls`.
///
/// With another TLS crate, TLS comes between the two halves of [`connect`](Self::connect).
/// [`connect_tcp`](Self::connect_tcp) opens the TCP connection. Put your TLS stream on it, which
/// must check that the certificate is for [`Uri::host`] and do what [`Stream`] asks for. Then
/// [`connect_over`](Self::connect_over) does the handshake over that.
#[derive(Clone, Debug)]
#[must_use]
pub struct Connector {
    timeout: Option<Duration>,
    proxy: Option<HttpProxy>,
    #[cfg(feature = "rustls")]
    tls: Option<Arc<ClientConfig>>,
}

impl Default for Connector {
    fn default() -> Self {
        Self {
            timeout: Some(Duration::from_secs(30)),
            proxy: None,
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }
}

impl Connector {
    /// Creates the default settings: 30 s, and no proxy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long connecting may take in all: looking up the name, TCP, a proxy, TLS, the
    /// handshake. With `None` each address has a minute, and everything else as long as the system
    /// and the peer take. Then a thread that connects to another address can outlive the call for a
    /// minute.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets the proxy to go through. `None`, the default, connects directly.
    pub fn proxy(mut self, proxy: impl Into<Option<HttpProxy>>) -> Self {
        self.proxy = proxy.into();
        self
    }

    /// Sets the configuration of TLS for `wss:` URIs. Default: the platform's certificates.
    ///
    /// Its ALPN protocols, if there are any, are replaced by `http/1.1`: over HTTP/2 the upgrade
    /// would fail.
    #[cfg(feature = "rustls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(tls::for_http1(config));
        self
    }

    /// Connects to the URI of the request, through the proxy if there is one.
    ///
    /// # Errors
    ///
    /// Every [`ConnectError`] but [`ConnectError::Uri`].
    pub fn connect(&self, request: &ClientRequest<'_>) -> Result<ClientSocket, ConnectError> {
        let deadline = after(self.timeout);
        let uri = request.uri();
        if !uri.is_secure() {
            let transfer = self.open(uri, deadline)?.map_stream(MaybeTls::Plain);
            return shake_hands(transfer, request, deadline);
        }
        #[cfg(feature = "rustls")]
        {
            let stream = MaybeTls::Tls(Box::new(self.open_tls(uri, deadline)?));
            shake_hands(Transfer::new(stream, Inbox::new()), request, deadline)
        }
        #[cfg(not(feature = "rustls"))]
        Err(ConnectError::NeedsTls)
    }

    #[cfg(feature = "rustls")]
    fn open_tls(
        &self,
        uri: &Uri,
        deadline: Option<Instant>,
    ) -> Result<TlsStream<TcpStream>, ConnectError> {
        let socket = self.open_for_tls(uri, deadline)?;
        let stream = TlsStream::client(socket, self.tls.clone(), uri);
        let mut stream = stream.map_err(ConnectError::Tls)?;
        stream.shake_hands(deadline).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ConnectError::TimedOut,
            _ => ConnectError::Tls(error),
        })?;
        Ok(stream)
    }

    /// Does only the first half of [`connect`](Self::connect): opens a TCP connection to the host
    /// of the URI, through the proxy if there is one. Start TLS on it.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect). [`ConnectError::Io`] is `InvalidData` if bytes came together
    /// with the proxy's consent: in TLS the client speaks first (RFC 8446 §2).
    pub fn connect_tcp(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        self.open_for_tls(uri, after(self.timeout))
    }

    fn open_for_tls(
        &self,
        uri: &Uri,
        deadline: Option<Instant>,
    ) -> Result<TcpStream, ConnectError> {
        let mut transfer = self.open(uri, deadline)?;
        if !transfer.buffers().0.is_empty() {
            // A stream without them would hide that the server, or the proxy, is not what it should
            // be (RFC 9110 §9.3.6).
            let what = "the server or the proxy sent bytes through the tunnel before TLS, which \
                        begins with the client (RFC 8446 §2)";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what).into());
        }
        Ok(transfer.into_stream())
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
            Some(proxy) => open_tunnel(proxy, uri, deadline),
            None => {
                let stream = open_tcp(uri.host(), uri.port(), deadline)?;
                Ok(Transfer::new(stream, Inbox::new()))
            }
        }
    }
}

fn shake_hands<S: Stream>(
    mut transfer: Transfer<S>,
    request: &ClientRequest<'_>,
    deadline: Option<Instant>,
) -> Result<WebSocket<S, Client>, ConnectError> {
    let mut handshake = ClientHandshake::new(request, transfer.out())?;
    let answer = exchange(&mut transfer, deadline, |input, _| {
        Ok(match handshake.receive(input)? {
            None if handshake.is_refused() => Progress::Refused,
            None => Progress::Waiting,
            Some(Answer::Open(connection, response)) => {
                Progress::Answer(Ok((connection, response.into_owned())))
            }
            Some(Answer::Refused(refusal)) => Progress::Answer(Err(refusal)),
        })
    });
    // A refusal takes precedence over the failure to read its body to the end.
    let answer = answer.or_else(|error| handshake.end_of_input().map(Err).ok_or(error))?;
    let (connection, response) =
        answer.map_err(|refusal| ConnectError::Refused(Box::new(refusal)))?;
    let opening = Opening::Response(Box::new(response));
    Ok(WebSocket::from_handshake(transfer, connection, opening))
}

/// How far a client's handshake is.
pub(super) enum Progress<T> {
    /// The peer has not answered, or was asked again.
    Waiting,
    /// The peer has refused, and the rest of the body is to come.
    Refused,
    Answer(T),
}

/// Writes and reads until there is an answer, for the rest of a refusal [not as
/// long](REFUSAL_WITHIN).
pub(super) fn exchange<S: Stream, T>(
    transfer: &mut Transfer<S>,
    deadline: Option<Instant>,
    mut receive: impl FnMut(&mut Input<'_>, &mut Outbox) -> Result<Progress<T>, ConnectError>,
) -> Result<T, ConnectError> {
    let (mut is_refused, mut until) = (false, deadline);
    loop {
        let progress = transfer.exchange(until, |input, out| {
            Ok::<_, ConnectError>(match receive(input, out)? {
                Progress::Waiting if !is_refused => None,
                Progress::Refused if is_refused => None,
                progress => Some(progress),
            })
        })?;
        (is_refused, until) = match progress {
            Progress::Waiting => (false, deadline),
            Progress::Refused => (true, earlier(deadline, after(Some(REFUSAL_WITHIN)))),
            Progress::Answer(answer) => return Ok(answer),
        };
    }
}
