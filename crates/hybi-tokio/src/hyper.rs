//! Upgrades of [hyper] 1, and so of everything built on it: over HTTP/1.1, and with feature `http2`
//! over HTTP/2 (RFC 8441), with the same functions.
//!
//! A server calls [`upgrade`] in its service, returns the response, and waits for the WebSocket in
//! a task of its own. hyper must be told to upgrade: `with_upgrades()` for HTTP/1.1,
//! `enable_connect_protocol()` for HTTP/2.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hybi::handshake::Acceptance;
//! use hybi_tokio::hyper::{UpgradeError, Upgrading};
//! use hyper::body::Incoming;
//! use hyper::server::conn::http1;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response};
//! use hyper_util::rt::TokioIo;
//! use tokio::net::TcpStream;
//!
//! async fn serve(stream: TcpStream) -> hyper::Result<()> {
//!     http1::Builder::new()
//!         .serve_connection(TokioIo::new(stream), service_fn(respond))
//!         .with_upgrades()
//!         .await
//! }
//!
//! async fn respond(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     let acceptance = Acceptance::from_same_origin();
//!     Ok(match hybi_tokio::hyper::upgrade(&mut request, &acceptance) {
//!         Ok((response, upgrading)) => {
//!             tokio::spawn(async {
//!                 if let Err(error) = echo(upgrading).await {
//!                     eprintln!("{error}");
//!                 }
//!             });
//!             response.map(|()| Full::default())
//!         }
//!         Err(error) => error.response().map(Full::new), // not a WebSocket, or refused
//!     })
//! }
//!
//! async fn echo(upgrading: Upgrading) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!     let mut ws = upgrading.await?;
//!     while let Some(message) = ws.receive().await? {
//!         ws.send(&message).await?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! To see the request first, or to choose a subprotocol: [`read_request`].
//!
//! A client sends [`request`] over a connection of hyper's, and calls [`open`] with the response.
//! Most clients need neither: [`Connector`](crate::Connector) connects without hyper.
//!
//! # HTTP/2
//!
//! Without feature `http2`, a WebSocket over HTTP/2 is refused with a 400: its `:protocol` cannot
//! be read.
//!
//! Many WebSockets share the flow-control window of their connection. A program that does not
//! receive from one of them then stops all others. Set hyper's
//! `initial_connection_window_size` to sixteen times the `initial_stream_window_size`, or more. It
//! also bounds how many small frames may wait in all: with half as many bytes of overhead unread,
//! hyper ends the connection.
//!
//! [hyper]: https://docs.rs/hyper/1

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ::hyper::upgrade::OnUpgrade;
use bytes::Bytes;
use hybi::adapter::Opening;
use hybi::handshake::{
    Acceptance, HandshakeUsageError, PreparedRequest, Rejection, Request, RequestError, Response,
    ResponseError, ServerHandshakeError,
};
use hybi::{Client, Connection, Inbox, Outbox, RandomKeys, Server};
use tokio::time::{Sleep, sleep};

pub use crate::upgraded_stream::UpgradedStream;
use crate::websocket::WebSocket;

/// How long to wait until hyper has sent the response and hands out the stream.
const UPGRADE_WITHIN: Duration = Duration::from_secs(10);

/// A server's WebSocket over a connection of hyper's.
pub type UpgradedSocket = WebSocket<UpgradedStream, Server>;

/// Reads a request of hyper's: an upgrade of HTTP/1.1, an extended CONNECT of HTTP/2, or any other.
///
/// ```
/// use hybi::handshake::{Acceptance, RequestError};
/// use hybi_tokio::hyper::{UpgradeError, Upgrading, read_request, upgrade};
/// use hyper::{Request, Response};
///
/// fn respond<B>(mut request: Request<B>) -> Result<(Response<()>, Upgrading), UpgradeError> {
///     let chosen = read_request(&request)?.choose_subprotocol(&["v2.chat", "v1.chat"]);
///     upgrade(&mut request, &Acceptance::from_same_origin().subprotocol(chosen))
/// }
/// ```
///
/// # Errors
///
/// As [`Request::from_http`].
pub fn read_request<B>(request: &http::Request<B>) -> Result<Request<'_>, RequestError> {
    Request::from_http(request, protocol(request.extensions()))
}

/// Returns the `:protocol` of an extended CONNECT, which hyper has only with its own feature
/// `http2`.
fn protocol(extensions: &http::Extensions) -> Option<&str> {
    #[cfg(feature = "http2")]
    return extensions.get::<::hyper::ext::Protocol>().map(::hyper::ext::Protocol::as_str);
    #[cfg(not(feature = "http2"))]
    {
        let _ = extensions;
        None
    }
}

/// Checks that a request is a WebSocket handshake and that its origin is allowed. Returns the
/// response to send, and the WebSocket that there will be once it has been sent.
///
/// Add nothing to the response but fields, and give it an empty body. [The module](self) has an
/// example.
///
/// # Errors
///
/// [`UpgradeError::Request`] if the request breaks a rule or its origin is not allowed,
/// [`UpgradeError::Usage`] and [`UpgradeError::Unavailable`] for mistakes on this side. Each has
/// the [response](UpgradeError::response) to send.
pub fn upgrade<B>(
    request: &mut http::Request<B>,
    acceptance: &Acceptance<'_>,
) -> Result<(http::Response<()>, Upgrading), UpgradeError> {
    let accepted = accept(&read_request(request)?, acceptance)?;
    let on_upgrade = request.extensions_mut().remove().ok_or(UpgradeError::Unavailable)?;
    Ok(accepted.with(on_upgrade))
}

/// Checks a request.
pub(crate) fn accept(
    request: &Request<'_>,
    acceptance: &Acceptance<'_>,
) -> Result<Accepted, UpgradeError> {
    let (response, connection) = acceptance.check(request)?.into_http()?;
    Ok(Accepted { response, connection, opening: Opening::accepted(acceptance) })
}

/// A request that was accepted.
pub(crate) struct Accepted {
    response: http::Response<()>,
    connection: Connection<Server>,
    opening: Opening,
}

impl Accepted {
    pub(crate) fn with(self, on_upgrade: OnUpgrade) -> (http::Response<()>, Upgrading) {
        (self.response, Upgrading::new(on_upgrade, self.connection, self.opening))
    }
}

/// Makes the request to send over a client connection of hyper's.
///
/// For HTTP/1.1 call [`ClientRequest::prepare`], and for HTTP/2 [`ClientRequest::prepare_connect`].
/// The connection must be polled `with_upgrades()`. Over HTTP/2 the server's settings must have
/// arrived, and must allow it (RFC 8441 §3), which hyper does not tell: `connect_over_http2` of
/// feature `http2` waits for them.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hybi::handshake::ClientRequest;
/// use hybi::{Client, Uri};
/// use hybi_tokio::WebSocket;
/// use hybi_tokio::hyper::{UpgradedStream, open, request};
/// use hyper::client::conn::http1;
/// use hyper_util::rt::TokioIo;
/// use tokio::net::TcpStream;
///
/// async fn connect(
///     stream: TcpStream,
///     uri: &Uri,
/// ) -> Result<WebSocket<UpgradedStream, Client>, Box<dyn std::error::Error>> {
///     let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
///     tokio::spawn(connection.with_upgrades());
///
///     let asked = ClientRequest::new(uri).subprotocol("chat");
///     let prepared = asked.prepare()?;
///     let request = request(&prepared)?.map(|()| Empty::<Bytes>::new());
///     let mut response = requests.send_request(request).await?;
///     Ok(open(&prepared, &mut response)?.await?)
/// }
/// ```
///
/// # Errors
///
/// As [`PreparedRequest::to_http`].
///
/// [`ClientRequest::prepare`]: hybi::handshake::ClientRequest::prepare
/// [`ClientRequest::prepare_connect`]: hybi::handshake::ClientRequest::prepare_connect
pub fn request(prepared: &PreparedRequest<'_>) -> Result<http::Request<()>, HandshakeUsageError> {
    #[cfg_attr(not(feature = "http2"), expect(unused_mut))]
    let mut request = prepared.to_http()?;
    #[cfg(feature = "http2")]
    if prepared.protocol().is_some() {
        request.extensions_mut().insert(::hyper::ext::Protocol::from_static("websocket"));
    }
    Ok(request)
}

/// Checks the response to a [request], and returns the WebSocket that there will be.
///
/// # Errors
///
/// The rule that the response breaks. [`ResponseError::Status`] if the server has refused; its body
/// is still in the response.
pub fn open<B>(
    prepared: &PreparedRequest<'_>,
    response: &mut http::Response<B>,
) -> Result<Upgrading<Client>, ResponseError> {
    let head = Response::from_http(response)?;
    let connection = prepared.open(&head, RandomKeys)?;
    let opening = Opening::Response(Box::new(head.into_owned()));
    Ok(Upgrading::new(::hyper::upgrade::on(response), connection, opening))
}

/// A WebSocket that there will be once hyper has sent or received the response: a future.
///
/// Wait for it in a task, not before you have returned the response. It gives up after 10 s.
#[must_use = "the WebSocket comes of waiting for this"]
pub struct Upgrading<R = Server> {
    on_upgrade: OnUpgrade,
    handshake: Option<(Connection<R>, Opening)>,
    /// Made when somebody begins to wait.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<R> Upgrading<R> {
    const fn new(on_upgrade: OnUpgrade, connection: Connection<R>, opening: Opening) -> Self {
        Self { on_upgrade, handshake: Some((connection, opening)), deadline: None }
    }
}

impl<R: hybi::Role + Unpin> Future for Upgrading<R> {
    type Output = Result<WebSocket<UpgradedStream, R>, UpgradeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(handshake) = self.handshake.take() else {
            return Poll::Ready(Err(UpgradeError::Unavailable)); // it was ready before
        };
        if let Poll::Ready(upgraded) = Pin::new(&mut self.on_upgrade).poll(cx) {
            let stream = UpgradedStream::new(upgraded.map_err(UpgradeError::Hyper)?);
            let (connection, opening) = handshake;
            let (inbox, out) = (Inbox::new(), Outbox::new());
            let ws = WebSocket::from_handshake(stream, connection, inbox, out, opening);
            return Poll::Ready(Ok(ws));
        }
        self.handshake = Some(handshake);
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(UPGRADE_WITHIN)));
        deadline.as_mut().poll(cx).map(|()| Err(UpgradeError::TimedOut))
    }
}

impl<R> fmt::Debug for Upgrading<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrading").finish_non_exhaustive()
    }
}

/// Why a request did not become a WebSocket.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The request broke a rule, or its origin is not allowed.
    Request(RequestError),
    /// The response cannot be sent as it is: the caller's mistake.
    Usage(HandshakeUsageError),
    /// The request has no upgrade. It was not hyper that made it, or something else, such as a
    /// middleware or another extractor, has taken the upgrade out of its extensions.
    Unavailable,
    /// hyper has not handed out the stream within 10 s: most often because somebody waited for it
    /// before the response was returned.
    TimedOut,
    /// hyper has not upgraded the connection: it failed, or it is not served `with_upgrades()`.
    Hyper(::hyper::Error),
}

impl UpgradeError {
    /// Returns the response that tells the client: the right one for a bad request, and a 500 if
    /// the client is not to blame.
    #[must_use]
    pub fn response(&self) -> http::Response<Bytes> {
        let rejection = match self {
            Self::Request(error) => error.rejection(),
            _ => Rejection::new(500),
        };
        rejection.into_http().unwrap_or_else(|_| {
            let mut response = http::Response::new(Bytes::new());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }

    /// Returns a code for logs, metrics and other languages, such as `"upgrade-timed-out"`. It is
    /// as stable as [`ProtocolError::name`](hybi::ProtocolError::name). For an error that it holds,
    /// that is the error's own name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Request(error) => error.name(),
            Self::Usage(error) => error.name(),
            Self::Unavailable => "upgrade-unavailable",
            Self::TimedOut => "upgrade-timed-out",
            Self::Hyper(_) => "upgrade-failed",
        }
    }
}

impl From<RequestError> for UpgradeError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<HandshakeUsageError> for UpgradeError {
    fn from(error: HandshakeUsageError) -> Self {
        Self::Usage(error)
    }
}

impl From<ServerHandshakeError> for UpgradeError {
    fn from(error: ServerHandshakeError) -> Self {
        match error {
            ServerHandshakeError::Request(error) => Self::Request(error),
            ServerHandshakeError::Usage(error) => Self::Usage(error),
            // A mistake that this version does not know.
            _ => Self::Unavailable,
        }
    }
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Usage(error) => error.fmt(f),
            Self::Unavailable => f.write_str(
                "the request has no upgrade: it is not from hyper, or a middleware or another \
                 extractor has taken hyper's OnUpgrade from its extensions",
            ),
            Self::TimedOut => f.write_str(
                "hyper has not handed out the stream within 10 s: return the response before you \
                 wait for the upgrade, such as in a task that you spawn, and keep polling the \
                 connection",
            ),
            Self::Hyper(error) => write!(
                f,
                "hyper has not upgraded the connection: {error}. In HTTP/1.1 it must be polled \
                 with_upgrades()"
            ),
        }
    }
}

// `Display` prints the inner error, so `source` skips it.
impl std::error::Error for UpgradeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Hyper(error) => error.source(),
            Self::Request(_) | Self::Usage(_) | Self::Unavailable | Self::TimedOut => None,
        }
    }
}
