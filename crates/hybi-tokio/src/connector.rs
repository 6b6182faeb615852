//! Connecting: TCP, perhaps a proxy, perhaps TLS, and the client's handshake.

use std::io;
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "rustls")]
use hybi::adapter::tls::for_http1;
use hybi::adapter::{ConnectError, Opening, REFUSAL_WITHIN};
use hybi::handshake::{Answer, ClientHandshake, ClientRequest};
use hybi::{Client, Input, Outbox, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(feature = "rustls")]
use tokio_rustls::rustls::ClientConfig;

use crate::dial::open_tcp;
use crate::exchange::{Exchange, after, until};
use crate::maybe_tls::MaybeTls;
use crate::proxy::Proxy;
#[cfg(feature = "rustls")]
use crate::tls;
use crate::websocket::WebSocket;

/// A client's WebSocket, as [`connect`] opens it.
pub type ClientSocket = WebSocket<MaybeTls<TcpStream>, Client>;

/// Connects to a `ws:` or `wss:` URI, within 30 s. [`Connector`] has settings for it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut ws = hybi_tokio::connect("wss://example.com/chat").await?;
/// ws.send("Hello").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`Connector::connect`], and [`ConnectError::Uri`].
pub async fn connect(uri: &str) -> Result<ClientSocket, ConnectError> {
    Connector::new().connect(&ClientRequest::new(&Uri::parse(uri)?)).await
}

/// The settings with which a client connects.
///
/// ```no_run
/// use hybi::Uri;
/// use hybi::handshake::ClientRequest;
/// use hybi_tokio::{Connector, Proxy};
/// use std::time::Duration;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let uri = Uri::parse("wss://example.com/chat")?;
/// let request = ClientRequest::new(&uri).subprotocol("chat").origin("https://example.com");
/// let mut ws = Connector::new()
///     .timeout(Duration::from_secs(5))
///     .proxy(Proxy::http("proxy.example.com", 3128))
///     .connect(&request)
///     .await?;
/// ws.send("Hello").await?;
/// # Ok(())
/// # }
/// ```
///
/// The [`ClientRequest`] holds everything else: subprotocols, fields, the connection's
/// configuration, and the limits for the head of the response.
///
/// If a name has several addresses, IPv6 and IPv4 ones alternate. The next is tried as soon as one
/// fails, or beside the others after 250 ms without an answer (RFC 8305).
///
/// # TLS
///
/// With feature `rustls`, which is on by default, `wss:` URIs work. The server's certificate is
/// checked as the platform does, unless you [set](Self::tls) a configuration of your own. For
/// another TLS crate, use the two halves of [`connect`](Self::connect):
/// [`connect_tcp`](Self::connect_tcp), and [`connect_over`](Self::connect_over) with the stream
/// that does TLS. It must check that the certificate is for [`Uri::host`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Connector {
    timeout: Option<Duration>,
    proxy: Option<Proxy>,
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
    /// handshake. With `None` it takes as long as the system and the peer take.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets the proxy to go through. `None`, the default, connects directly.
    pub fn proxy(mut self, proxy: impl Into<Option<Proxy>>) -> Self {
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
        self.tls = Some(for_http1(config));
        self
    }

    /// Connects to the URI of the request, through the proxy if there is one.
    ///
    /// # Cancel safety
    ///
    /// If this is dropped, so is the stream.
    ///
    /// # Errors
    ///
    /// Every [`ConnectError`] but [`ConnectError::Uri`].
    pub async fn connect(&self, request: &ClientRequest<'_>) -> Result<ClientSocket, ConnectError> {
        self.in_time(async {
            let uri = request.uri();
            if !uri.is_secure() {
                let exchange = self.open(uri).await?;
                let Exchange { stream, inbox, out } = exchange;
                let exchange = Exchange { stream: MaybeTls::Plain(stream), inbox, out };
                return shake_hands(exchange, request).await;
            }
            #[cfg(feature = "rustls")]
            {
                let stream = self.open_for_tls(uri).await?;
                let stream = tls::start(stream, uri, self.tls.clone()).await?;
                shake_hands(Exchange::new(MaybeTls::Tls(Box::new(stream))), request).await
            }
            #[cfg(not(feature = "rustls"))]
            Err(ConnectError::NeedsTls)
        })
        .await
    }

    /// Does only the first half of [`connect`](Self::connect): opens a TCP connection to the host
    /// of the URI, through the proxy if there is one. Start TLS on it.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect). [`ConnectError::Io`] is `InvalidData` if bytes came together
    /// with the proxy's consent: in TLS the client speaks first (RFC 8446 §2).
    pub async fn connect_tcp(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        self.in_time(self.open_for_tls(uri)).await
    }

    /// Does only the second half of [`connect`](Self::connect): the handshake, over a stream that
    /// leads to the server already, with TLS for `wss:`. The stream may be of any kind, such as a
    /// Unix socket.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), without those that concern TCP, proxies and TLS. The stream
    /// is dropped.
    pub async fn connect_over<S>(
        &self,
        stream: S,
        request: &ClientRequest<'_>,
    ) -> Result<WebSocket<S, Client>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.in_time(shake_hands(Exchange::new(stream), request)).await
    }

    pub(crate) async fn in_time<T>(
        &self,
        future: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        until(after(self.timeout), future).await.unwrap_or(Err(ConnectError::TimedOut))
    }

    async fn open(&self, uri: &Uri) -> Result<Exchange<TcpStream>, ConnectError> {
        match &self.proxy {
            Some(proxy) => proxy.open(uri).await,
            None => Ok(Exchange::new(open_tcp(uri.host(), uri.port()).await?)),
        }
    }

    async fn open_for_tls(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        let exchange = self.open(uri).await?;
        if exchange.inbox.is_some() {
            // A stream without them would hide that the server, or the proxy, is not what it should
            // be (RFC 9110 §9.3.6).
            let what = "the server or the proxy sent bytes through the tunnel before TLS, which \
                        begins with the client (RFC 8446 §2)";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what).into());
        }
        Ok(exchange.stream)
    }
}

async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    mut exchange: Exchange<S>,
    request: &ClientRequest<'_>,
) -> Result<WebSocket<S, Client>, ConnectError> {
    let mut handshake = ClientHandshake::new(request, &mut exchange.out)?;
    let answer = ask(&mut exchange, |input, _| {
        Ok(match handshake.receive(input)? {
            None if handshake.is_refused() => Progress::Refused,
            None => Progress::Waiting,
            Some(Answer::Open(connection, response)) => {
                Progress::Answer(Ok((connection, response.into_owned())))
            }
            Some(Answer::Refused(refusal)) => Progress::Answer(Err(refusal)),
        })
    });
    let answer = match answer.await {
        Ok(answer) => answer,
        // A refusal takes precedence over the failure to read its body to the end.
        Err(error) => Err(handshake.end_of_input().ok_or(error)?),
    };
    let (connection, response) =
        answer.map_err(|refusal| ConnectError::Refused(Box::new(refusal)))?;
    let (stream, inbox, out) = exchange.into_parts();
    let opening = Opening::Response(Box::new(response));
    Ok(WebSocket::from_handshake(stream, connection, inbox, out, opening))
}

/// How far a client's handshake is.
pub(crate) enum Progress<T> {
    /// The peer has not answered, or was asked again.
    Waiting,
    /// The peer has refused, and the rest of the body is to come.
    Refused,
    Answer(T),
}

/// Writes and reads until there is an answer, for the rest of a refusal [not as
/// long](REFUSAL_WITHIN).
pub(crate) async fn ask<S: AsyncRead + AsyncWrite + Unpin, T>(
    exchange: &mut Exchange<S>,
    mut receive: impl FnMut(&mut Input<'_>, &mut Outbox) -> Result<Progress<T>, ConnectError>,
) -> Result<T, ConnectError> {
    let (mut is_refused, mut deadline) = (false, None);
    loop {
        let progress = exchange.until(|input, out| {
            Ok::<_, ConnectError>(match receive(input, out)? {
                Progress::Waiting if !is_refused => None,
                Progress::Refused if is_refused => None,
                progress => Some(progress),
            })
        });
        let progress = until(deadline, progress).await.unwrap_or(Err(ConnectError::TimedOut))?;
        (is_refused, deadline) = match progress {
            Progress::Waiting => (false, None),
            Progress::Refused => (true, after(Some(REFUSAL_WITHIN))),
            Progress::Answer(answer) => return Ok(answer),
        };
    }
}
