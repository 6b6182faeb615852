//! Accepting: the server's handshake, in two steps, so that you see the request before you decide.

use std::fmt;
use std::io;
use std::time::Duration;

use hybi::Server;
use hybi::adapter::{AcceptError, Opening};
use hybi::connection::ReadyState;
use hybi::handshake::{
    Acceptance, HandshakeUsageError, HeadLimits, Rejection, Request, ServerHandshake,
    ServerHandshakeError,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::exchange::{Exchange, after, until};
use crate::websocket::WebSocket;

/// Waits for a request on a stream that a listener has accepted, for 10 s at most. [`Acceptor`] has
/// settings for it.
///
/// ```no_run
/// use hybi::handshake::{Acceptance, Rejection};
/// use tokio::net::TcpStream;
///
/// async fn serve(stream: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
///     let pending = hybi_tokio::receive_request(stream).await?;
///     if pending.request().path() != "/chat" {
///         return Ok(pending.reject(&Rejection::new(404)).await?);
///     }
///     let mut ws = pending.accept(&Acceptance::from_same_origin()).await?;
///     while let Some(message) = ws.receive().await? {
///         ws.send(&message).await?;
///     }
///     Ok(())
/// }
/// ```
///
/// An error concerns this stream only: a server goes on with the next.
///
/// # Errors
///
/// As [`Acceptor::receive_request`].
pub async fn receive_request<S>(stream: S) -> Result<Pending<S>, AcceptError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Acceptor::new().receive_request(stream).await
}

/// The settings with which a server waits for requests.
///
/// ```
/// use hybi::handshake::HeadLimits;
/// use hybi_tokio::Acceptor;
/// use std::time::Duration;
///
/// let acceptor = Acceptor::new()
///     .timeout(Duration::from_secs(5))
///     .head_limits(HeadLimits::default().head_bytes_max(4096));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Acceptor {
    timeout: Option<Duration>,
    head_limits: HeadLimits,
}

impl Default for Acceptor {
    fn default() -> Self {
        Self { timeout: Some(Duration::from_secs(10)), head_limits: HeadLimits::default() }
    }
}

impl Acceptor {
    /// Creates the default settings: 10 s, and the default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long the whole handshake may take, from the first byte of the request to the last
    /// of the response, your decision included. `None` waits for ever, which lets anybody hold a
    /// connection by sending nothing.
    ///
    /// After a refusal, the client gets a second more to end the stream, so that it can read the
    /// response.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets the limits for the head of the request.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.head_limits = limits;
        self
    }

    /// Waits for a request and returns it: any HTTP request, also one for a page.
    ///
    /// # Cancel safety
    ///
    /// If this is dropped, so is the stream.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Request`] if the request broke a rule; it has been answered. Otherwise
    /// [`AcceptError::TimedOut`] or [`AcceptError::Io`]. The stream is closed.
    pub async fn receive_request<S>(&self, stream: S) -> Result<Pending<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = after(self.timeout);
        let mut exchange = Exchange::new(stream);
        let mut handshake = ServerHandshake::new(self.head_limits);
        let received = until(
            deadline,
            exchange.until(|input, out| {
                let request = handshake.receive(input, out)?;
                Ok::<_, AcceptError>(request.map(Request::into_owned))
            }),
        );
        match received.await.unwrap_or(Err(AcceptError::TimedOut)) {
            Ok(request) => Ok(Pending { exchange, handshake, request, deadline }),
            Err(error) => {
                if let AcceptError::Request(_) = error {
                    // Report the bad request, not a failure to send the refusal.
                    let _ = until(deadline, exchange.finish()).await;
                }
                Err(error)
            }
        }
    }
}

/// A request that waits for your decision.
///
/// Dropping it closes the stream without a response.
#[must_use]
pub struct Pending<S> {
    exchange: Exchange<S>,
    handshake: ServerHandshake,
    request: Request<'static>,
    deadline: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pending<S> {
    /// Returns the request.
    #[must_use]
    pub fn request(&self) -> &Request<'static> {
        &self.request
    }

    /// Returns the stream, for its address and options.
    #[must_use]
    pub fn stream(&self) -> &S {
        &self.exchange.stream
    }

    /// Returns [`ReadyState::Connecting`].
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        ReadyState::Connecting
    }

    /// Checks that the request is a WebSocket handshake (RFC 6455 §4.2.1) and that its origin is
    /// allowed, and opens the connection.
    ///
    /// # Cancel safety
    ///
    /// If this is dropped, so is the stream.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Request`] if the request breaks a rule or its origin is not allowed; it has
    /// been answered with the right status. [`AcceptError::Usage`] if the response cannot be sent;
    /// the client has received a 500. Otherwise [`AcceptError::TimedOut`] or [`AcceptError::Io`].
    /// The stream is closed.
    pub async fn accept(
        mut self,
        acceptance: &Acceptance<'_>,
    ) -> Result<WebSocket<S, Server>, AcceptError> {
        match self.handshake.accept(&self.request, acceptance, &mut self.exchange.out) {
            Ok(connection) => {
                until(self.deadline, self.exchange.flush())
                    .await
                    .ok_or(AcceptError::TimedOut)??;
                let opening = Opening::accepted(acceptance);
                let (stream, inbox, out) = self.exchange.into_parts();
                Ok(WebSocket::from_handshake(stream, connection, inbox, out, opening))
            }
            Err(ServerHandshakeError::Request(error)) => {
                // Report the bad request, not a failure to send the refusal.
                let _ = until(self.deadline, self.exchange.finish()).await;
                Err(AcceptError::Request(error))
            }
            Err(ServerHandshakeError::Usage(error)) => Err(self.give_up(error).await),
            // A mistake that this version does not know.
            Err(_) => Err(AcceptError::Io(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Answers with another response: a refusal, a redirect, a page. Then closes the connection.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), without [`AcceptError::Request`].
    pub async fn reject(mut self, rejection: &Rejection<'_>) -> Result<(), AcceptError> {
        match self.handshake.reject(rejection, &mut self.exchange.out) {
            Ok(()) => {
                let finished = until(self.deadline, self.exchange.finish()).await;
                Ok(finished.ok_or(AcceptError::TimedOut)??)
            }
            Err(error) => Err(self.give_up(error).await),
        }
    }

    /// Tells the client that the mistake is not its own.
    async fn give_up(mut self, error: HandshakeUsageError) -> AcceptError {
        if self.handshake.reject(&Rejection::new(500), &mut self.exchange.out).is_ok() {
            // Report the mistake, not a failure to send the response.
            let _ = until(self.deadline, self.exchange.finish()).await;
        }
        AcceptError::Usage(error)
    }
}

impl<S> fmt::Debug for Pending<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("request", &self.request).finish_non_exhaustive()
    }
}
