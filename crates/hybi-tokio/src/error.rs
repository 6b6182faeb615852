//! The errors of an open connection.

use std::fmt;
use std::io;

use hybi::connection::Closed;
use hybi::{ProtocolError, UsageError};

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
    /// otherwise: this is how, and the peer's reason.
    ///
    /// Only from calls that send. Go on receiving: messages from before may not have been received.
    Closed(Closed),
    /// The stream failed.
    ///
    /// From a call that receives, it is final: every later one fails the same. From a call that
    /// sends, it means that nothing can be sent any more, and that no reason of the peer's has
    /// arrived. Go on receiving: it may come.
    Io(io::Error),
}

impl Error {
    /// Returns a code for logs, metrics and other languages, such as `"transport-failed"`. It is as
    /// stable as [`ProtocolError::name`]. For an error that it holds, that is the error's own name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Protocol(error) => error.name(),
            Self::Usage(error) => error.name(),
            Self::Closed(closed) => closed.name(),
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
            Self::Io(error) => write!(f, "the stream failed: {error}"),
        }
    }
}

// `Display` prints the inner error, so `source` skips it.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Protocol(_) | Self::Usage(_) | Self::Closed(_) => None,
        }
    }
}

/// An I/O error that can be returned more than once.
#[derive(Clone, Debug)]
pub(crate) struct IoFailure {
    kind: io::ErrorKind,
    os: Option<i32>,
    text: Box<str>,
}

impl IoFailure {
    pub(crate) fn new(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            os: error.raw_os_error(),
            text: error.to_string().into_boxed_str(),
        }
    }

    pub(crate) fn to_error(&self) -> io::Error {
        match self.os {
            Some(os) => io::Error::from_raw_os_error(os),
            None => io::Error::new(self.kind, &*self.text),
        }
    }
}
