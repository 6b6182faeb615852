//! How a connection has ended, kept for every later call.

use std::boxed::Box;
use std::io;

use super::error::Error;
use super::io_failure::IoFailure;
use crate::connection::{Abnormal, Closed};
use crate::error::ProtocolError;
use crate::frame::CloseCode;
use crate::role::Role;

/// How a connection has ended, and what the calls on it return from then on.
///
/// ```
/// use hybi::adapter::{Ending, Error};
/// use hybi::connection::{Abnormal, Closed};
///
/// let ending = Ending::from(Closed::Clean(None));
/// assert!(matches!(ending.result::<()>(), Ok(None)));
/// assert!(matches!(ending.error_of_sending(), Error::Closed(_)));
///
/// let ending = Ending::io(&std::io::ErrorKind::ConnectionReset.into());
/// assert_eq!(*ending.closed(), Closed::Abnormal(Abnormal::Transport));
/// assert!(matches!(ending.result::<()>(), Err(Error::Io(_))));
/// ```
// Boxed, because a connection that is open has room for several of them.
#[derive(Clone, Debug)]
pub struct Ending(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    closed: Closed,
    /// The error of calls that receive. `None`: they return the end.
    failure: Option<Failure>,
}

#[derive(Clone, Debug)]
enum Failure {
    Protocol(ProtocolError),
    Io(IoFailure),
}

impl Ending {
    fn new(closed: Closed, failure: Option<Failure>) -> Self {
        Self(Box::new(Inner { closed, failure }))
    }

    /// Returns how the connection has ended.
    #[must_use]
    pub fn closed(&self) -> &Closed {
        &self.0.closed
    }

    /// Makes an end without a closing handshake. It is an error to receive after it if the peer
    /// broke a rule.
    #[must_use]
    pub fn abnormal(why: Abnormal) -> Self {
        let failure = match why {
            Abnormal::Protocol(error) => Some(Failure::Protocol(error)),
            _ => None,
        };
        Self::new(Closed::Abnormal(why), failure)
    }

    /// Makes the end of a connection whose stream has failed, which is an error to receive after.
    #[must_use]
    pub fn io(error: &io::Error) -> Self {
        let failure = Some(Failure::Io(IoFailure::new(error)));
        Self::new(Closed::Abnormal(Abnormal::Transport), failure)
    }

    /// Makes the end by a rule that the peer has broken. A bad answer to our Close frame ends the
    /// connection as a good one does, so it is no error: the program has nothing more to receive,
    /// and many peers answer so.
    #[must_use]
    pub fn protocol(error: ProtocolError, is_after_our_close: bool) -> Self {
        let is_bad_close = matches!(
            error,
            ProtocolError::CloseBodyTooShort
                | ProtocolError::CloseCode { .. }
                | ProtocolError::CloseReasonNotUtf8
        );
        let ending = Self::abnormal(Abnormal::Protocol(error));
        if is_bad_close && is_after_our_close { ending.0.closed.into() } else { ending }
    }

    /// Makes one of the last word of a peer that has said it before the connection was taken apart
    /// and put together again.
    #[must_use]
    pub fn of_last_word(closed: Closed) -> Self {
        match closed {
            Closed::Abnormal(Abnormal::Protocol(error)) => Self::protocol(error, true),
            closed => closed.into(),
        }
    }

    /// Returns the result of a call that receives after the end: `None`, or an error if the
    /// connection failed.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] or [`Error::Io`], the same each time.
    pub fn result<T>(&self) -> Result<Option<T>, Error> {
        self.0.failure.as_ref().map_or(Ok(None), |failure| Err(failure.to_error()))
    }

    /// Returns the error of a call that sends after the end.
    #[must_use]
    pub fn error_of_sending(&self) -> Error {
        match &self.0.failure {
            Some(failure) => failure.to_error(),
            None => Error::Closed(self.closed().clone()),
        }
    }
}

impl Failure {
    fn to_error(&self) -> Error {
        match self {
            Self::Protocol(error) => Error::Protocol(*error),
            Self::Io(failure) => Error::Io(failure.to_error()),
        }
    }
}

impl From<Closed> for Ending {
    fn from(closed: Closed) -> Self {
        Self::new(closed, None)
    }
}

/// Returns the code with which this side ends a connection for no reason of the peer's: 1001 for a
/// server, 1000 for a client (RFC 6455 §7.4.1).
#[must_use]
pub const fn leaving_code<R: Role>() -> CloseCode {
    if R::IS_SERVER { CloseCode::GOING_AWAY } else { CloseCode::NORMAL }
}
