//! The way through an HTTP proxy.

use core::fmt;
use std::boxed::Box;
use std::net::TcpStream;
use std::string::String;
use std::time::Instant;

use super::connect_error::ConnectError;
use super::dial::open_tcp;
use super::transfer::Transfer;
use crate::buffers::{Inbox, Outbox};
use crate::handshake::{HeadLimits, ProxyAnswer, ProxyHandshake, ProxyRequest};
use crate::uri::Uri;

/// A proxy between a client and its server.
///
/// ```
/// use hybi::blocking::{Connector, Proxy};
///
/// let proxy = Proxy::http("proxy.example.com", 3128).credentials("user", "secret");
/// let connector = Connector::new().proxy(proxy);
/// assert!(!format!("{connector:?}").contains("secret"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Proxy {
    host: String,
    port: u16,
    credentials: Option<(String, String)>,
    head_limits: HeadLimits,
}

impl Proxy {
    /// Creates an HTTP proxy, which is asked for a tunnel with `CONNECT` (RFC 6455 §4.1).
    pub fn http(host: impl Into<String>, port: u16) -> Self {
        let head_limits = HeadLimits::default();
        Self { host: host.into(), port, credentials: None, head_limits }
    }

    /// Sets the user name and password that the proxy asks for.
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Sets the limits for the head of the proxy's response.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.head_limits = limits;
        self
    }

    /// Opens a tunnel to the host of the URI.
    pub(super) fn open(
        &self,
        uri: &Uri,
        deadline: Option<Instant>,
    ) -> Result<Transfer<TcpStream>, ConnectError> {
        let mut request = ProxyRequest::new(uri.host(), uri.port()).head_limits(self.head_limits);
        if let Some((user, password)) = &self.credentials {
            request = request.credentials(user, password);
        }
        let mut out = Outbox::new();
        let mut handshake = ProxyHandshake::new(&request, &mut out)?; // before anything is opened
        let stream = open_tcp(&self.host, self.port, deadline)?;
        let mut transfer = Transfer::new(stream, Inbox::new());
        *transfer.out() = out;
        let opened = transfer.exchange(deadline, |input, _| match handshake.receive(input)? {
            None => Ok(None),
            Some(ProxyAnswer::Open(_)) => Ok(Some(())),
            Some(ProxyAnswer::Refused(refusal)) => {
                Err(ConnectError::ProxyRefused(Box::new(refusal)))
            }
        });
        // A refusal takes precedence over the failure to read its body to the end.
        opened.map_err(|error| match handshake.end_of_input() {
            Some(refusal) => ConnectError::ProxyRefused(Box::new(refusal)),
            None => error,
        })?;
        Ok(transfer)
    }
}

/// Prints no password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.credentials.as_ref().map(|(user, _)| user))
            .finish_non_exhaustive()
    }
}
