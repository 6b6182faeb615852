//! The way through an HTTP proxy, and what to do if it asks for credentials.

use core::fmt;
use std::boxed::Box;
use std::string::String;

use super::connect_error::ConnectError;
use super::http_proxy::{Authorize, HttpProxy};
use crate::buffers::Outbox;
use crate::handshake::{HandshakeUsageError, ProxyAnswer, ProxyHandshake, ProxyRequest, Refusal};
use crate::input::Input;

/// How many times a proxy's demand for credentials is answered. Schemes with a handshake of their
/// own, such as NTLM, need two.
const ANSWERS_MAX: u8 = 3;

/// A client that has asked an [`HttpProxy`] for a tunnel. If the proxy demands credentials (407),
/// it asks again with those of [`HttpProxy::authorize`].
///
/// **Create it, connect to the proxy, write the output, then [`receive`](Self::receive) until there
/// is an answer.** If the stream ends or fails before, call [`end_of_input`](Self::end_of_input),
/// and likewise if a refusal does not come to its end in time. Send nothing of your own before the
/// tunnel is open.
///
/// ```
/// use hybi::adapter::{HttpProxy, Tunnel, TunnelAnswer};
/// use hybi::{Inbox, Outbox};
///
/// let proxy = HttpProxy::new("proxy.example.com", 3128)
///     .authorize(|_refusal, _target| Some("Bearer token".into()));
/// let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
/// let mut tunnel = Tunnel::new(&proxy, "example.com", 443, &mut out)?;
/// assert!(out.take().starts_with(b"CONNECT example.com:443 HTTP/1.1\r\n"));
///
/// inbox.append(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n");
/// assert_eq!(tunnel.receive(&mut inbox.input(), &mut out)?, None); // has asked again
/// assert!(out.take().ends_with(b"\r\nProxy-Authorization: Bearer token\r\n\r\n"));
///
/// inbox.append(b"HTTP/1.1 200 OK\r\n\r\n");
/// let answer = tunnel.receive(&mut inbox.input(), &mut out)?;
/// assert_eq!(answer, Some(TunnelAnswer::Open));
/// # Ok::<(), hybi::adapter::ConnectError>(())
/// ```
pub struct Tunnel<'a> {
    request: ProxyRequest<'static>,
    authorize: Option<&'a Authorize>,
    handshake: ProxyHandshake,
    /// How many demands have been answered.
    answers: u8,
    /// The last request went over a stream that a 407 had left usable.
    is_reused: bool,
}

/// The outcome of a [`Tunnel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TunnelAnswer {
    /// The tunnel is open. The bytes that remain in the input come from the server.
    Open,
    /// The stream is of no more use. Connect to the proxy anew, and write the output there: the
    /// next request.
    Reconnect,
}

impl<'a> Tunnel<'a> {
    /// Writes a request for a tunnel to that host (an IPv6 address with or without brackets) and
    /// port to `out`.
    ///
    /// # Errors
    ///
    /// As [`ProxyHandshake::new`]. Nothing was written.
    pub fn new(
        proxy: &'a HttpProxy,
        host: &str,
        port: u16,
        out: &mut Outbox,
    ) -> Result<Self, HandshakeUsageError> {
        let request = proxy.request.clone().with_target(String::from(host), port);
        let handshake = ProxyHandshake::new(&request, out)?;
        let authorize = proxy.authorize.as_deref();
        Ok(Self { request, authorize, handshake, answers: 0, is_reused: false })
    }

    /// Reads what the proxy sends. Returns `None` while there is no answer: write the output, which
    /// may have another request, and read more.
    ///
    /// # Errors
    ///
    /// [`ConnectError::ProxyRefused`], also with a 407 to which there is no answer;
    /// [`ConnectError::Response`], or [`ConnectError::Usage`] if the credentials cannot be sent.
    /// Close the stream.
    pub fn receive(
        &mut self,
        input: &mut Input<'_>,
        out: &mut Outbox,
    ) -> Result<Option<TunnelAnswer>, ConnectError> {
        let answer = self.handshake.receive(input);
        self.is_reused &= matches!(answer, Ok(None));
        match answer? {
            None => Ok(None),
            Some(ProxyAnswer::Open(_)) => Ok(Some(TunnelAnswer::Open)),
            Some(ProxyAnswer::Refused(refusal)) => {
                // RFC 9112 §9.2: bytes after the refusal answer no request of ours.
                let is_usable = refusal.keeps_connection() && input.is_empty();
                self.ask_again(refusal, is_usable, out)
            }
        }
    }

    /// Notes that the stream has ended or failed, or that you stop waiting for the rest of a
    /// refusal. Returns `None` if that is all that is known: then it is the error.
    ///
    /// # Errors
    ///
    /// [`ConnectError::ProxyRefused`] if the proxy has refused, as far as that has arrived.
    pub fn end_of_input(&mut self, out: &mut Outbox) -> Result<Option<TunnelAnswer>, ConnectError> {
        match self.handshake.end_of_input() {
            Some(refusal) => self.ask_again(refusal, false, out),
            // RFC 9112 §9.3.1: a proxy may close the stream that it left usable.
            None if self.is_reused => self.ask(false, out),
            None => Ok(None),
        }
    }

    /// Returns whether the proxy has refused, and only the rest of the body is to come: wait for
    /// it no longer than [`REFUSAL_WITHIN`](super::REFUSAL_WITHIN).
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        self.handshake.is_refused()
    }

    fn ask_again(
        &mut self,
        refusal: Refusal,
        is_usable: bool,
        out: &mut Outbox,
    ) -> Result<Option<TunnelAnswer>, ConnectError> {
        let authorization = match self.authorize {
            Some(authorize) if refusal.response().status() == 407 && self.answers < ANSWERS_MAX => {
                authorize(&refusal, &self.request.target())
            }
            _ => None,
        };
        let Some(authorization) = authorization else {
            return Err(ConnectError::ProxyRefused(Box::new(refusal)));
        };
        self.answers = self.answers.saturating_add(1);
        self.request = self.request.clone().authorization(authorization);
        self.ask(is_usable, out)
    }

    /// Writes the request, for the same stream or another.
    fn ask(
        &mut self,
        same_stream: bool,
        out: &mut Outbox,
    ) -> Result<Option<TunnelAnswer>, ConnectError> {
        if !same_stream {
            *out = Outbox::new();
        }
        self.is_reused = false;
        self.handshake = ProxyHandshake::new(&self.request, out)?;
        self.is_reused = same_stream;
        Ok((!same_stream).then_some(TunnelAnswer::Reconnect))
    }
}

/// Prints how far it is, and no credentials.
impl fmt::Debug for Tunnel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel")
            .field("target", &self.request.target())
            .field("handshake", &self.handshake)
            .finish_non_exhaustive()
    }
}
