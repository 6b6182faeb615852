//! Accepting: the server's handshake, in two steps, so that the request is seen before the decision.

use core::fmt;
use std::io;
use std::string::ToString;
use std::time::{Duration, Instant};

use super::incoming::ReadyState;
use super::stream::Stream;
use super::transfer::{Transfer, after};
use super::websocket::{Agreed, WebSocket};
use crate::connection::{Config, Replies};
use crate::handshake::{
    Accept, HandshakeMisuse, HeadLimits, Rejection, Request, RequestError, ServerError,
    ServerHandshake,
};
use crate::role::Server;

/// Waits for a request on a stream that a listener has accepted, within 10 s. [`Acceptor`] does the same with more to
/// choose from.
///
/// ```no_run
/// use hybi::blocking::{self, Incoming};
/// use hybi::handshake::{Accept, Rejection};
/// use std::net::TcpListener;
///
/// let listener = TcpListener::bind("127.0.0.1:9001")?;
/// for stream in listener.incoming() {
///     let pending = blocking::accept(stream?)?;
///     if pending.request().path() != "/chat" {
///         pending.reject(&Rejection::new(404))?;
///         continue;
///     }
///     let mut ws = pending.accept(&Accept::from_same_origin())?;
///     while let Incoming::Text(text) = ws.read()? {
///         ws.send(&*text)?;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`Acceptor::receive`].
pub fn accept<S: Stream>(stream: S) -> Result<Pending<S>, AcceptError> {
    Acceptor::new().receive(stream)
}

/// How to accept.
#[derive(Clone, Debug)]
#[must_use]
pub struct Acceptor {
    timeout: Option<Duration>,
    limits: HeadLimits,
    config: Config,
}

impl Default for Acceptor {
    fn default() -> Self {
        Self {
            timeout: Some(Duration::from_secs(10)),
            limits: HeadLimits::default(),
            config: Config::default(),
        }
    }
}

impl Acceptor {
    /// 10 s, the default limits, the default configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the client may take for its request, and we for the answer. `None`: for ever, which lets anyone hold a
    /// thread by saying nothing. The stream must be able to bound its waits.
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// The limits for the request's head.
    pub fn limits(mut self, limits: HeadLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How the connection will behave. Replies are always automatic here.
    pub fn config(mut self, config: Config) -> Self {
        self.config = Config { replies: Replies::Automatic, ..config };
        self
    }

    /// Waits for a request: any that is HTTP, also for a page. The stream must not be non-blocking yet.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Request`]: it broke a rule, and was answered so. Otherwise [`AcceptError::TimedOut`] or
    /// [`AcceptError::Io`]. The stream is closed.
    pub fn receive<S: Stream>(&self, stream: S) -> Result<Pending<S>, AcceptError> {
        let deadline = after(self.timeout);
        let mut transfer = Transfer::new(stream);
        let mut handshake = ServerHandshake::new(self.config).with_limits(self.limits);
        let received = transfer.exchange(deadline, |input, out| {
            let request = handshake.receive(input, out)?;
            Ok::<_, AcceptError>(request.map(Request::into_owned))
        });
        match received {
            Ok(request) => Ok(Pending { transfer, handshake, request, deadline }),
            Err(error) => {
                if let AcceptError::Request(_) = error {
                    // What it did is worth more to the caller than whether it learnt about it.
                    let _ = transfer.finish(deadline);
                }
                Err(error)
            }
        }
    }
}

/// A request that waits for a decision.
///
/// Dropping it closes the stream without an answer.
#[must_use]
pub struct Pending<S> {
    transfer: Transfer<S>,
    handshake: ServerHandshake,
    request: Request<'static>,
    deadline: Option<Instant>,
}

impl<S: Stream> Pending<S> {
    /// What the client asks for.
    #[must_use]
    pub fn request(&self) -> &Request<'static> {
        &self.request
    }

    /// The stream, for its address and options.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.transfer.stream()
    }

    /// [`Connecting`](ReadyState::Connecting).
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        ReadyState::Connecting
    }

    /// Opens the connection, if the request is a WebSocket handshake as RFC 6455 §4.2.1 wants it, from an origin that
    /// `accept` allows.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Request`]: it is not, and was refused with the right status. [`AcceptError::Misuse`]: `accept` is
    /// not as it must be; the client was told 500. Otherwise [`AcceptError::TimedOut`] or [`AcceptError::Io`]. The stream
    /// is closed.
    pub fn accept(mut self, accept: &Accept<'_>) -> Result<WebSocket<S, Server>, AcceptError> {
        let accepted = self.handshake.accept(&self.request, accept, self.transfer.out());
        match accepted {
            Ok(connection) => {
                if !self.transfer.flush(self.deadline)? {
                    return Err(AcceptError::TimedOut);
                }
                let agreed = accept
                    .chosen()
                    .map_or(Agreed::Nothing, |it| Agreed::Subprotocol(it.to_string()));
                Ok(WebSocket::from_handshake(self.transfer, connection, agreed))
            }
            Err(ServerError::Request(error)) => {
                let _ = self.transfer.finish(self.deadline); // as above
                Err(AcceptError::Request(error))
            }
            Err(ServerError::Misuse(misuse)) => Err(self.give_up(misuse)),
        }
    }

    /// Answers with anything else: a refusal, a redirect, a page. The connection is closed behind it.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), without [`AcceptError::Request`].
    pub fn reject(mut self, rejection: &Rejection<'_>) -> Result<(), AcceptError> {
        match self.handshake.reject(rejection, self.transfer.out()) {
            Ok(()) => Ok(self.transfer.finish(self.deadline)?),
            Err(misuse) => Err(self.give_up(misuse)),
        }
    }

    /// The mistake is ours, and the client ought to know that it is not its own.
    fn give_up(mut self, misuse: HandshakeMisuse) -> AcceptError {
        if self.handshake.reject(&Rejection::new(500), self.transfer.out()).is_ok() {
            let _ = self.transfer.finish(self.deadline); // the mistake is worth more to the caller
        }
        AcceptError::Misuse(misuse)
    }
}

impl<S> fmt::Debug for Pending<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("request", &self.request).finish_non_exhaustive()
    }
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The request broke a rule. The client was told with the right status, as far as possible.
    Request(RequestError),
    /// The caller made a mistake. The client was told 500.
    Misuse(HandshakeMisuse),
    /// The client took too long.
    TimedOut,
    /// The stream failed, or ended (`UnexpectedEof`).
    Io(io::Error),
}

impl From<RequestError> for AcceptError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

/// A time-out becomes [`AcceptError::TimedOut`].
impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Io(error),
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::TimedOut => f.write_str("the client took too long for the handshake"),
            Self::Io(error) => write!(f, "the stream failed during the handshake: {error}"),
        }
    }
}

impl core::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Request(error) => Some(error),
            Self::Misuse(misuse) => Some(misuse),
            Self::TimedOut => None,
            Self::Io(error) => Some(error),
        }
    }
}
