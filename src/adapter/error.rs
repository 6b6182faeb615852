//! The error of an open connection.

use core::fmt;
use std::io;

use crate::connection::Closed;
use crate::error::{ProtocolError, UsageError};

/// Why a call on an open connection failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule of the protocol. It was sent the Close frame for that, as far as
    /// possible, and the stream is closed. Final: every later call that receives fails the same.
    Protocol(ProtocolError),
    /// The caller made a mistake. Nothing was queued, and the connection is as it was before.
    Usage(UsageError),
    /// Nothing can be sent any more, because the peer has closed the connection or it has ended
    /// otherwise: this is how, and what the peer gave as its reason.
    ///
    /// Only from calls that send. Go on receiving: what the peer sent before may not have been
    /// received.
    Closed(Closed),
    /// The time-out has passed, or the stream is non-blocking and not ready. Nothing is lost: call
    /// again. Only in `blocking`: elsewhere the runtime has time-outs for any call.
    TimedOut,
    /// The stream failed.
    ///
    /// From a call that receives, it is final: every later one fails the same. From a call that
    /// sends, it means that nothing can be sent any more, and that no reason of the peer's has
    /// arrived. Go on receiving: it may come.
    Io(io::Error),
}

impl Error {
    /// Returns a code for logs, metrics and other languages, such as `"timed-out"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name). For an
    /// error that it holds, that is the error's own name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Protocol(error) => error.name(),
            Self::Usage(error) => error.name(),
            Self::Closed(closed) => closed.name(),
            Self::TimedOut => "timed-out",
            Self::Io(_) => "transport-failed",
        }
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<UsageError> for Error {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Usage(error) => error.fmt(f),
            Self::Closed(closed) => write!(f, "the connection is closed: {closed}"),
            Self::TimedOut => f.write_str("the time-out has passed"),
            Self::Io(error) => write!(f, "the stream failed: {error}"),
        }
    }
}

// `Display` prints the inner error, so `source` skips it.
impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Protocol(_) | Self::Usage(_) | Self::Closed(_) | Self::TimedOut => None,
        }
    }
}
