//! Accepting: the server's handshake, in two steps, so that you see the request before you decide.

use core::fmt;
use std::time::{Duration, Instant};

use super::stream::Stream;
use super::transfer::{Flush, Transfer, after};
use super::websocket::WebSocket;
use crate::adapter::{AcceptError, Opening};
use crate::buffers::Inbox;
use crate::connection::ReadyState;
use crate::handshake::{
    Acceptance, HandshakeUsageError, HeadLimits, Rejection, Request, ServerHandshake,
    ServerHandshakeError,
};
use crate::role::Server;

/// Waits for a request on a stream that a listener has accepted, for 10 s at most. [`Acceptor`] has
/// settings for it.
///
/// ```no_run
/// use hybi::blocking;
/// use hybi::handshake::{Acceptance, Rejection};
/// use std::net::TcpStream;
///
/// fn serve(stream: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
///     let pending = blocking::receive_request(stream)?;
///     if pending.request().path() != "/chat" {
///         return Ok(pending.reject(&Rejection::new(404))?);
///     }
///     let mut ws = pending.accept(&Acceptance::from_same_origin())?;
///     while let Some(message) = ws.receive()? {
///         ws.send(&message)?;
///     }
///     Ok(())
/// }
/// ```
///
/// An error concerns this stream only: a server goes on with the next, as the example in the
/// [module](super) does.
///
/// # Errors
///
/// As [`Acceptor::receive_request`].
pub fn receive_request<S: Stream>(stream: S) -> Result<Pending<S>, AcceptError> {
    Acceptor::new().receive_request(stream)
}

/// The settings with which a server waits for requests.
///
/// For `wss:`, pass the socket in a `TlsStream` (feature `rustls`): TLS shakes hands when it is
/// first read, within the same time-out.
///
/// ```
/// use hybi::blocking::Acceptor;
/// use hybi::handshake::HeadLimits;
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
    /// of the response. That includes the wait for the client to end the stream after a refusal,
    /// a second at most, so that it can read the response. `None` waits for ever, which lets
    /// anybody hold a thread by sending nothing.
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
    /// # Errors
    ///
    /// [`AcceptError::Request`] if the request broke a rule; it has been answered. Otherwise
    /// [`AcceptError::TimedOut`] or [`AcceptError::Io`]; the latter is `Unsupported` if the stream
    /// has no time-outs but the acceptor does. The stream is closed.
    pub fn receive_request<S: Stream>(&self, stream: S) -> Result<Pending<S>, AcceptError> {
        let deadline = after(self.timeout);
        let mut transfer = Transfer::new(stream, Inbox::new());
        transfer.require_timeouts(deadline)?;
        let mut handshake = ServerHandshake::new(self.head_limits);
        let received = transfer.exchange(deadline, |input, out| {
            let request = handshake.receive(input, out)?;
            Ok::<_, AcceptError>(request.map(Request::into_owned))
        });
        match received {
            Ok(request) => Ok(Pending { transfer, handshake, request, deadline }),
            Err(error) => {
                if let AcceptError::Request(_) = error {
                    // Report the bad request, not a failure to send the refusal.
                    let _ = transfer.finish(deadline);
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
    transfer: Transfer<S>,
    handshake: ServerHandshake,
    request: Request<'static>,
    deadline: Option<Instant>,
}

impl<S: Stream> Pending<S> {
    /// Returns the request.
    #[must_use]
    pub fn request(&self) -> &Request<'static> {
        &self.request
    }

    /// Returns the stream, for its address and options.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.transfer.stream()
    }

    /// Returns [`ReadyState::Connecting`].
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        ReadyState::Connecting
    }

    /// Checks that the request is a WebSocket handshake (RFC 6455 §4.2.1) and that its origin is
    /// allowed, and opens the connection.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Request`] if the request breaks a rule or its origin is not allowed; it has
    /// been answered with the right status. [`AcceptError::Usage`] if the response cannot be sent;
    /// the client has received a 500. Otherwise [`AcceptError::TimedOut`] or [`AcceptError::Io`].
    /// The stream is closed.
    pub fn accept(
        mut self,
        acceptance: &Acceptance<'_>,
    ) -> Result<WebSocket<S, Server>, AcceptError> {
        match self.handshake.accept(&self.request, acceptance, self.transfer.out()) {
            Ok(connection) => {
                if self.transfer.flush(self.deadline)? != Flush::Done {
                    return Err(AcceptError::TimedOut);
                }
                let opening = Opening::accepted(acceptance);
                Ok(WebSocket::from_handshake(self.transfer, connection, opening))
            }
            Err(ServerHandshakeError::Request(error)) => {
                // Report the bad request, not a failure to send the refusal.
                let _ = self.transfer.finish(self.deadline);
                Err(AcceptError::Request(error))
            }
            Err(ServerHandshakeError::Usage(error)) => Err(self.give_up(error)),
        }
    }

    /// Answers with another response: a refusal, a redirect, a page. Then closes the connection.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), without [`AcceptError::Request`].
    pub fn reject(mut self, rejection: &Rejection<'_>) -> Result<(), AcceptError> {
        match self.handshake.reject(rejection, self.transfer.out()) {
            Ok(()) => Ok(self.transfer.finish(self.deadline)?),
            Err(error) => Err(self.give_up(error)),
        }
    }

    /// Tells the client that the mistake is not its own.
    fn give_up(mut self, error: HandshakeUsageError) -> AcceptError {
        if self.handshake.reject(&Rejection::new(500), self.transfer.out()).is_ok() {
            // Report the mistake, not a failure to send the response.
            let _ = self.transfer.finish(self.deadline);
        }
        AcceptError::Usage(error)
    }
}

impl<S> fmt::Debug for Pending<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("request", &self.request).finish_non_exhaustive()
    }
}
