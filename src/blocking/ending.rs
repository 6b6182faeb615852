//! How a connection has ended, kept for every later call.

use super::error::{Error, IoFailure};
use crate::connection::{Abnormal, Closed};
use crate::error::ProtocolError;
use crate::frame::CloseCode;
use crate::role::Role;

#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) closed: Closed,
    /// Why the stream failed, if that ended the connection.
    failure: Option<IoFailure>,
}

impl Ending {
    pub(super) fn abnormal(why: Abnormal) -> Self {
        Closed::Abnormal(why).into()
    }

    pub(super) fn protocol(error: ProtocolError) -> Self {
        Self::abnormal(Abnormal::Protocol(error))
    }

    pub(super) fn io(error: &std::io::Error) -> Self {
        Self { failure: Some(IoFailure::new(error)), ..Self::abnormal(Abnormal::Transport) }
    }

    /// Returns the result of a call that receives after the end: an error if the connection failed.
    pub(super) fn result<T>(&self) -> Result<Option<T>, Error> {
        match (&self.closed, &self.failure) {
            (Closed::Abnormal(Abnormal::Protocol(error)), _) => Err(Error::Protocol(*error)),
            (_, Some(failure)) => Err(Error::Io(failure.to_error())),
            _ => Ok(None),
        }
    }
}

impl From<Closed> for Ending {
    fn from(closed: Closed) -> Self {
        Self { closed, failure: None }
    }
}

/// Returns the code with which this side ends a connection for no reason of the peer's.
pub(super) const fn leaving_code<R: Role>() -> CloseCode {
    if R::IS_SERVER { CloseCode::GOING_AWAY } else { CloseCode::NORMAL }
}
