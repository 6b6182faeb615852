//! The errors of connecting.

use core::fmt;
use std::boxed::Box;
use std::io;
use std::net::SocketAddr;
use std::vec::Vec;

use crate::handshake::{HandshakeUsageError, Refusal, ResponseError};
use crate::uri::UriError;

/// Why a client did not get a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URI is not a WebSocket URI.
    Uri(UriError),
    /// The URI is `wss:`, and the adapter was built without its feature `rustls`. Enable it, or
    /// bring a stream that does TLS: the page of `Connector` says how.
    NeedsTls,
    /// TLS failed. With the kind `InvalidData`, it found something wrong: the server's certificate
    /// is not trusted or not for this host, or the two sides have no version or cipher in common.
    /// With `InvalidInput` or `Other`, the name of the host or the platform's certificates are of
    /// no use. With any other kind, the stream failed or ended during the handshake of TLS.
    Tls(io::Error),
    /// The request cannot be sent as it is: the caller's mistake. Nothing was written.
    Usage(HandshakeUsageError),
    /// The name of the host could not be looked up.
    Resolve(io::Error),
    /// No address of the host, or of the proxy, could be reached: each with its reason, in the
    /// order in which they failed.
    Connect(Vec<AddressError>),
    /// The time-out has passed, and nothing else has failed.
    TimedOut,
    /// The stream failed or ended during the handshake of WebSocket.
    Io(io::Error),
    /// The response of the server or proxy broke a rule.
    Response(ResponseError),
    /// The server refused: an error, a redirect (which is never followed), a demand for
    /// credentials. It has as much of the body as came within 5 s and the time-out.
    Refused(Box<Refusal>),
    /// The proxy refused, likewise. [`HttpProxy::authorize`](super::HttpProxy::authorize) can
    /// answer a demand for credentials.
    ProxyRefused(Box<Refusal>),
    /// The SOCKS proxy refused, or could not reach the host. The error's kind tells what it said:
    /// `PermissionDenied` (to the credentials, or by its rules), `NetworkUnreachable`,
    /// `HostUnreachable`, `ConnectionRefused`, `TimedOut`, `Unsupported` or `Other` (RFC 1928 §6).
    /// `InvalidData`: its answer broke a rule. `UnexpectedEof`: there was none, as some proxies do.
    /// `InvalidInput`: the credentials cannot be sent. Not in `blocking`.
    Socks(io::Error),
    /// The server takes no WebSocket over HTTP/2: its settings do not allow it (RFC 8441 §3), or
    /// have not come within 5 s. Connect over HTTP/1.1. Only over HTTP/2, which `blocking` does not
    /// speak.
    NoExtendedConnect,
}

impl ConnectError {
    /// Returns whether another attempt may succeed though nobody changes anything: the network
    /// failed, or a server or proxy is busy or restarts (408, 425, 429, 500, 502, 503, 504). Wait
    /// before it, longer each time and for a random time, and at least as long as
    /// [`Refusal::retry_after`] asks for.
    ///
    /// [`Closed::is_transient`](crate::connection::Closed::is_transient) answers the same once
    /// there was a connection.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Resolve(_) | Self::Connect(_) | Self::TimedOut | Self::Io(_) => true,
            Self::Tls(error) => !matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other
            ),
            Self::Refused(refusal) | Self::ProxyRefused(refusal) => {
                matches!(refusal.response().status(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
            }
            Self::Socks(error) => matches!(
                error.kind(),
                io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::Other
            ),
            Self::Uri(_)
            | Self::NeedsTls
            | Self::Usage(_)
            | Self::Response(_)
            | Self::NoExtendedConnect => false,
        }
    }

    /// Returns a code for logs, metrics and other languages, such as `"connect-refused"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name). For an
    /// error that it holds, that is the error's own name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Uri(error) => error.name(),
            Self::NeedsTls => "connect-needs-tls",
            Self::Tls(_) => "connect-tls",
            Self::Usage(error) => error.name(),
            Self::Resolve(_) => "connect-resolve",
            Self::Connect(_) => "connect-unreachable",
            Self::TimedOut => "connect-timed-out",
            Self::Io(_) => "connect-failed",
            Self::Response(error) => error.name(),
            Self::Refused(_) => "connect-refused",
            Self::ProxyRefused(_) => "connect-proxy-refused",
            Self::Socks(_) => "connect-socks",
            Self::NoExtendedConnect => "connect-no-extended-connect",
        }
    }
}

impl From<UriError> for ConnectError {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl From<HandshakeUsageError> for ConnectError {
    fn from(error: HandshakeUsageError) -> Self {
        Self::Usage(error)
    }
}

impl From<ResponseError> for ConnectError {
    fn from(error: ResponseError) -> Self {
        Self::Response(error)
    }
}

/// Converts a time-out into [`ConnectError::TimedOut`].
impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Io(error),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            Self::NeedsTls => f.write_str(
                "wss: needs TLS: build with the feature rustls, or open a TCP connection with \
                 Connector::connect_tcp, wrap it with a TLS crate, and pass that stream to \
                 Connector::connect_over",
            ),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Usage(error) => error.fmt(f),
            Self::Resolve(error) => write!(f, "the host could not be looked up: {error}"),
            Self::Connect(failures) => {
                f.write_str("the host could not be reached")?;
                let mut separator = ": ";
                for failure in failures {
                    write!(f, "{separator}{failure}")?;
                    separator = "; ";
                }
                Ok(())
            }
            Self::TimedOut => f.write_str("connecting took too long"),
            Self::Io(error) => write!(f, "the stream failed during the handshake: {error}"),
            Self::Response(error) => error.fmt(f),
            Self::Refused(refusal) => write!(f, "the server refused: {refusal}"),
            Self::ProxyRefused(refusal) => write!(f, "the proxy refused: {refusal}"),
            Self::Socks(error) => write!(f, "no way through the SOCKS proxy: {error}"),
            Self::NoExtendedConnect => f.write_str(
                "the server does not allow WebSocket over HTTP/2 (RFC 8441 §3): connect over \
                 HTTP/1.1",
            ),
        }
    }
}

// `Display` prints the inner error, so `source` skips it.
impl core::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Resolve(error) | Self::Io(error) | Self::Tls(error) | Self::Socks(error) => {
                error.source()
            }
            Self::Connect(failures) => failures.last().and_then(|failure| failure.source()),
            Self::Uri(_)
            | Self::NeedsTls
            | Self::Usage(_)
            | Self::TimedOut
            | Self::Response(_)
            | Self::Refused(_)
            | Self::ProxyRefused(_)
            | Self::NoExtendedConnect => None,
        }
    }
}

/// Why an address of a host could not be reached.
#[derive(Debug)]
pub struct AddressError {
    /// The address that was tried.
    pub address: SocketAddr,
    /// What the system said; `TimedOut` if the address did not answer in the time that it was
    /// given.
    pub error: io::Error,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.error)
    }
}

// `Display` prints the inner error, so `source` skips it.
impl core::error::Error for AddressError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
