//! [`MaybeTls`]: a stream with TLS or without.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use super::stream::{Stream, TryClone};

/// A stream with TLS or without: as the URI of a client says, or the settings of a server.
///
/// It exists without feature `rustls`, too, so that types do not depend on features.
#[derive(Debug)]
#[non_exhaustive]
pub enum MaybeTls<S> {
    /// The stream as it is, for `ws:`.
    Plain(S),
    /// The stream with TLS, for `wss:`.
    #[cfg(feature = "rustls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
    Tls(std::boxed::Box<super::TlsStream<S>>),
}

impl<S> MaybeTls<S> {
    /// Returns the stream below TLS, for its address and options.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => stream.get_ref(),
        }
    }

    /// Returns whether there is TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }
}

/// Does the same with either stream.
macro_rules! either {
    ($maybe:expr, $stream:ident => $call:expr) => {
        match $maybe {
            MaybeTls::Plain($stream) => $call,
            #[cfg(feature = "rustls")]
            MaybeTls::Tls($stream) => $call,
        }
    };
}

impl<S: Stream> Read for MaybeTls<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.read(buffer))
    }
}

impl<S: Stream> Write for MaybeTls<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.write(buffer))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, stream => stream.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        either!(self, stream => stream.flush())
    }
}

impl<S: Stream> Stream for MaybeTls<S> {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        either!(self, stream => stream.set_read_timeout(timeout))
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        either!(self, stream => stream.set_write_timeout(timeout))
    }

    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        either!(self, stream => stream.shutdown(how))
    }

    fn set_nodelay(&mut self) -> io::Result<()> {
        either!(self, stream => stream.set_nodelay())
    }

    fn has_independent_directions(&self) -> bool {
        either!(self, stream => stream.has_independent_directions())
    }
}

impl<S: TryClone> TryClone for MaybeTls<S> {
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Plain(stream) => Ok(Self::Plain(stream.try_clone()?)),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Ok(Self::Tls(std::boxed::Box::new(stream.try_clone()?))),
        }
    }
}
