//! The error of accepting.

use core::fmt;
use std::io;

use crate::handshake::{HandshakeUsageError, RequestError};

/// Why a request did not become a connection.
///
/// It concerns one stream only: a server goes on with the next.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The request broke a rule, or its origin is not allowed. It has been answered with the right
    /// status, as far as possible.
    Request(RequestError),
    /// The caller made a mistake. The client has received a 500.
    Usage(HandshakeUsageError),
    /// The client took too long.
    TimedOut,
    /// The stream failed, or ended (`UnexpectedEof`).
    Io(io::Error),
}

impl AcceptError {
    /// Returns a code for logs, metrics and other languages, such as `"accept-timed-out"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name). For an
    /// error that it holds, that is the error's own name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Request(error) => error.name(),
            Self::Usage(error) => error.name(),
            Self::TimedOut => "accept-timed-out",
            Self::Io(_) => "accept-failed",
        }
    }
}

impl From<RequestError> for AcceptError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

/// Converts a time-out into [`AcceptError::TimedOut`].
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
            Self::Usage(error) => error.fmt(f),
            Self::TimedOut => f.write_str("the client took too long for the handshake"),
            Self::Io(error) => write!(f, "the stream failed during the handshake: {error}"),
        }
    }
}

// `Display` prints the inner error, so `source` skips it.
impl core::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Request(_) | Self::Usage(_) | Self::TimedOut => None,
        }
    }
}
