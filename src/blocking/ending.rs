//! How a connection has ended, kept for every later call.

use super::error::{Error, IoFailure};
use crate::connection::{Abnormal, Closed};
use crate::error::ProtocolError;
use crate::frame::CloseCode;
use crate::role::Role;

#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) closed: Closed,
    /// The error of calls that receive. `None`: they return the end.
    failure: Option<Failure>,
}

#[derive(Clone, Debug)]
enum Failure {
    Protocol(ProtocolError),
    Io(IoFailure),
}

/// A rule that the peer has broken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Violation {
    pub(super) error: ProtocolError,
    /// Whether our side had sent its Close frame before.
    pub(super) is_after_our_close: bool,
}

impl Ending {
    pub(super) fn abnormal(why: Abnormal) -> Self {
        let failure = match why {
            Abnormal::Protocol(error) => Some(Failure::Protocol(error)),
            _ => None,
        };
        Self { closed: Closed::Abnormal(why), failure }
    }

    pub(super) fn io(error: &std::io::Error) -> Self {
        let failure = Some(Failure::Io(IoFailure::new(error)));
        Self { closed: Closed::Abnormal(Abnormal::Transport), failure }
    }

    /// Makes one of the [last word](super::Parts::closed) of a peer that has said it before.
    pub(super) fn of_last_word(closed: Closed) -> Self {
        match closed {
            Closed::Abnormal(Abnormal::Protocol(error)) => {
                Violation { error, is_after_our_close: true }.into()
            }
            closed => closed.into(),
        }
    }

    /// Returns the result of a call that receives after the end: an error if the connection failed.
    pub(super) fn result<T>(&self) -> Result<Option<T>, Error> {
        self.failure.as_ref().map_or(Ok(None), |failure| Err(failure.to_error()))
    }

    /// Returns the error of a call that sends after the end.
    pub(super) fn error_of_sending(&self) -> Error {
        match &self.failure {
            Some(failure) => failure.to_error(),
            None => Error::Closed(self.closed.clone()),
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
        Self { closed, failure: None }
    }
}

/// A bad answer to our Close frame ends the connection as a good one does, so it is no error: the
/// program has nothing more to receive, and many peers answer so.
impl From<Violation> for Ending {
    fn from(Violation { error, is_after_our_close }: Violation) -> Self {
        let is_bad_close = matches!(
            error,
            ProtocolError::CloseBodyTooShort
                | ProtocolError::CloseCode { .. }
                | ProtocolError::CloseReasonNotUtf8
        );
        let ending = Self::abnormal(Abnormal::Protocol(error));
        if is_bad_close && is_after_our_close { ending.closed.into() } else { ending }
    }
}

/// Returns the code with which this side ends a connection for no reason of the peer's.
pub(super) const fn leaving_code<R: Role>() -> CloseCode {
    if R::IS_SERVER { CloseCode::GOING_AWAY } else { CloseCode::NORMAL }
}
