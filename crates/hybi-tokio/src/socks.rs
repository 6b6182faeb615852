//! The way through a SOCKS5 proxy (RFC 1928), with the crate tokio-socks.

use std::fmt;
use std::io::{self, ErrorKind};

use hybi::Uri;
use hybi::adapter::ConnectError;
use hybi::handshake::HandshakeUsageError;
use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;
use tokio_socks::{Error, IntoTargetAddr};

use crate::dial::open_tcp;

/// A SOCKS5 proxy.
#[derive(Clone)]
pub(crate) struct Socks5 {
    host: String,
    port: u16,
    /// A user name and a password (RFC 1929).
    credentials: Option<(String, String)>,
}

impl Socks5 {
    pub(crate) fn new(host: String, port: u16) -> Self {
        Self { host, port, credentials: None }
    }

    pub(crate) fn credentials(self, user: String, password: String) -> Self {
        Self { credentials: Some((user, password)), ..self }
    }

    /// Opens a connection to the host of the URI. A name is sent as it is, and the proxy looks it
    /// up.
    pub(crate) async fn open(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        // Both are checked before it connects. A name has at most 255 bytes.
        let target = (uri.host(), uri.port()).into_target_addr();
        let target = target.map_err(|_| HandshakeUsageError::Host)?;
        if let Some((user, password)) = &self.credentials
            && [user, password].iter().any(|text| !(1..=255).contains(&text.len()))
        {
            let what = "a user name and a password have 1 to 255 bytes each (RFC 1929 §2)";
            return Err(ConnectError::Socks(io::Error::new(ErrorKind::InvalidInput, what)));
        }
        let stream = open_tcp(&self.host, self.port).await?;
        let opened = match &self.credentials {
            None => Socks5Stream::connect_with_socket(stream, target).await,
            Some((user, password)) => {
                let (user, password) = (user.as_str(), password.as_str());
                Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
            }
        };
        Ok(opened.map_err(explain)?.into_inner())
    }
}

/// Says what the proxy means, as an I/O error of that kind.
fn explain(error: Error) -> ConnectError {
    let (kind, what) = match error {
        Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            (ErrorKind::UnexpectedEof, "it ended the connection instead of an answer")
        }
        Error::Io(error) => return ConnectError::Socks(error),
        Error::NoAcceptableAuthMethods => (
            ErrorKind::PermissionDenied,
            "it takes no client without other credentials than these (RFC 1928 §3)",
        ),
        Error::PasswordAuthFailure(_) => {
            (ErrorKind::PermissionDenied, "it refused the user name and the password (RFC 1929 §2)")
        }
        Error::GeneralSocksServerFailure => {
            (ErrorKind::Other, "it failed, and does not say why (RFC 1928 §6, reply 1)")
        }
        Error::ConnectionNotAllowedByRuleset => (
            ErrorKind::PermissionDenied,
            "its rules do not allow the connection (RFC 1928 §6, reply 2)",
        ),
        Error::NetworkUnreachable => (
            ErrorKind::NetworkUnreachable,
            "it cannot reach the network of the host (RFC 1928 §6, reply 3)",
        ),
        Error::HostUnreachable => (
            ErrorKind::HostUnreachable,
            "it cannot reach the host, or does not know the name (RFC 1928 §6, reply 4)",
        ),
        Error::ConnectionRefused => {
            (ErrorKind::ConnectionRefused, "the host refused the connection (RFC 1928 §6, reply 5)")
        }
        Error::TtlExpired => {
            (ErrorKind::TimedOut, "the host did not answer it in time (RFC 1928 §6, reply 6)")
        }
        Error::CommandNotSupported => {
            (ErrorKind::Unsupported, "it does not open connections (RFC 1928 §6, reply 7)")
        }
        Error::AddressTypeNotSupported => (
            ErrorKind::Unsupported,
            "it takes no host of this kind: a name, an IPv4 or an IPv6 address (RFC 1928 §6, \
             reply 8)",
        ),
        _ => (ErrorKind::InvalidData, "its answer is not SOCKS5 (RFC 1928 §3, §6)"),
    };
    ConnectError::Socks(io::Error::new(kind, what))
}

/// Prints where the proxy is: the rest may be credentials.
impl fmt::Debug for Socks5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socks5")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
