//! How a connection has ended, kept for every later call.

use std::io;

use hybi::connection::{Abnormal, Closed};
use hybi::{CloseCode, ProtocolError, Role};

use crate::error::{Error, IoFailure};

/// Boxed, because a connection that is open has room for three of them.
#[derive(Clone, Debug)]
pub(crate) struct Ending(Box<Inner>);

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

    pub(crate) fn closed(&self) -> &Closed {
        &self.0.closed
    }

    pub(crate) fn abnormal(why: Abnormal) -> Self {
        let failure = match why {
            Abnormal::Protocol(error) => Some(Failure::Protocol(error)),
            _ => None,
        };
        Self::new(Closed::Abnormal(why), failure)
    }

    pub(crate) fn io(error: &io::Error) -> Self {
        let failure = Some(Failure::Io(IoFailure::new(error)));
        Self::new(Closed::Abnormal(Abnormal::Transport), failure)
    }

    /// Makes one of a rule that the peer has broken. A bad answer to our Close frame ends the
    /// connection as a good one does, so it is no error: the program has nothing more to receive,
    /// and many peers answer so.
    pub(crate) fn protocol(error: ProtocolError, is_after_our_close: bool) -> Self {
        let is_bad_close = matches!(
            error,
            ProtocolError::CloseBodyTooShort
                | ProtocolError::CloseCode { .. }
                | ProtocolError::CloseReasonNotUtf8
        );
        let ending = Self::abnormal(Abnormal::Protocol(error));
        if is_bad_close && is_after_our_close { ending.0.closed.into() } else { ending }
    }

    /// Makes one of the [last word](crate::Parts::closed) of a peer that has said it before.
    pub(crate) fn of_last_word(closed: Closed) -> Self {
        match closed {
            Closed::Abnormal(Abnormal::Protocol(error)) => Self::protocol(error, true),
            closed => closed.into(),
        }
    }

    /// Returns the result of a call that receives after the end: an error if the connection failed.
    pub(crate) fn result<T>(&self) -> Result<Option<T>, Error> {
        self.0.failure.as_ref().map_or(Ok(None), |failure| Err(failure.to_error()))
    }

    /// Returns the error of a call that sends after the end.
    pub(crate) fn error_of_sending(&self) -> Error {
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

/// Returns the code with which this side ends a connection for no reason of the peer's.
pub(crate) const fn leaving_code<R: Role>() -> CloseCode {
    if R::IS_SERVER { CloseCode::GOING_AWAY } else { CloseCode::NORMAL }
}
