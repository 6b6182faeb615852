//! The way through an HTTP proxy: CONNECT (RFC 9110 §9.3.6, RFC 6455 §4.1).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::{fmt, mem};

use super::client::INTERIM_MAX;
use super::error::{HandshakeUsageError, ResponseError};
use super::extra_fields::{ExtraFields, FieldValue};
use super::known::read_head;
use super::refusal::{Refusal, RefusalReader};
use super::response::Response;
use super::write::write_field;
use crate::buffers::Outbox;
use crate::http::HeadLimits;
use crate::http::authority::{host_and_port, without_brackets, write_authority};
use crate::http::credentials::basic_credentials;
use crate::http::reader::HeadReader;
use crate::http::scan::StartLine;
use crate::input::Input;

/// The field with the credentials for a proxy (RFC 9110 §11.7.2).
const AUTHORIZATION: &str = "Proxy-Authorization";

/// A client's request to an HTTP proxy: a tunnel to a server.
///
/// ```
/// use hybi::handshake::ProxyRequest;
///
/// let request = ProxyRequest::new("example.com", 443)
///     .credentials("user", "secret")
///     .field("User-Agent", "example/1.0");
/// ```
#[derive(Clone)]
#[must_use]
pub struct ProxyRequest<'a> {
    host: Cow<'a, str>,
    port: u16,
    credentials: Option<(Cow<'a, str>, Cow<'a, str>)>,
    fields: ExtraFields<'a>,
    head_limits: HeadLimits,
    refusal_bytes_max: u32,
}

impl<'a> ProxyRequest<'a> {
    /// Creates a request for a tunnel to that host (an IPv6 address with or without brackets) and
    /// port.
    pub fn new(host: impl Into<Cow<'a, str>>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            credentials: None,
            fields: ExtraFields::default(),
            head_limits: HeadLimits::default(),
            refusal_bytes_max: Refusal::BYTES_MAX,
        }
    }

    /// Sets a user name and a password for the proxy (RFC 7617), unless you add a
    /// `Proxy-Authorization` of your own.
    pub fn credentials(
        mut self,
        user: impl Into<Cow<'a, str>>,
        password: impl Into<Cow<'a, str>>,
    ) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Adds a field, such as `User-Agent`, or `Proxy-Authorization` for other credentials than a
    /// user name and a password.
    pub fn field(
        mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<FieldValue<'a>>,
    ) -> Self {
        self.fields.push(name, value);
        self
    }

    /// Sets another host and port to reach, to ask one proxy for many tunnels.
    pub fn with_target(mut self, host: impl Into<Cow<'a, str>>, port: u16) -> Self {
        self.host = host.into();
        self.port = port;
        self
    }

    /// Sets the `Proxy-Authorization`, in place of earlier credentials: the answer to a 407.
    pub fn authorization(mut self, value: impl Into<FieldValue<'a>>) -> Self {
        self.fields.remove(AUTHORIZATION);
        self.field(AUTHORIZATION, value)
    }

    /// Returns the target of the request: `host:port`.
    #[must_use]
    pub fn target(&self) -> String {
        let mut target = String::new();
        // Writing to a String never fails.
        let _ = write_authority(without_brackets(&self.host), Some(self.port), &mut target);
        target
    }

    /// Sets the limits for the head of the response.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.head_limits = limits;
        self
    }

    /// Sets how much is read of the body of a [`Refusal`], in bytes. Default: 64 KiB. With zero the
    /// refusal is returned with its head.
    pub fn refusal_bytes_max(mut self, bytes: u32) -> Self {
        self.refusal_bytes_max = bytes;
        self
    }
}

/// Prints no password.
impl fmt::Debug for ProxyRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyRequest")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.credentials.as_ref().map(|(user, _)| user))
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

/// A client that has asked an HTTP proxy for a tunnel, and waits for the answer.
///
/// **Create it, write the output, then [`receive`](Self::receive) until there is an answer.** Send
/// nothing else before it: a proxy that refuses reads what follows as another request
/// (draft-ietf-httpbis-optimistic-upgrade). Once the tunnel is open, begin TLS for a `wss:` URI,
/// then the [client's handshake](super::ClientHandshake), as if the transport had been connected
/// to the server.
///
/// ```
/// use hybi::handshake::{ProxyAnswer, ProxyHandshake, ProxyRequest};
/// use hybi::{Input, Outbox};
///
/// let mut out = Outbox::new();
/// let mut proxy = ProxyHandshake::new(&ProxyRequest::new("example.com", 80), &mut out)?;
/// assert_eq!(out, b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n");
/// let mut received = *b"HTTP/1.1 200 OK\r\n\r\n";
/// match proxy.receive(&mut Input::new(&mut received))? {
///     Some(ProxyAnswer::Open(response)) => assert_eq!(response.status(), 200),
///     Some(ProxyAnswer::Refused(refusal)) => println!("the proxy refused: {refusal}"),
///     None => {} // read more; at the end, call `end_of_input`
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ProxyHandshake {
    reader: HeadReader,
    refusal_bytes_max: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting {
        /// How many interim responses there have been.
        interim: u8,
    },
    /// The proxy has refused. The rest of the body is still to come.
    Refused(Box<RefusalReader>),
    Failed(ResponseError),
    Answered,
}

impl ProxyHandshake {
    /// Writes the request to `out`.
    ///
    /// # Errors
    ///
    /// [`HandshakeUsageError::Host`], [`HandshakeUsageError::Credentials`], or an added field that
    /// cannot be sent. Nothing was written.
    pub fn new(request: &ProxyRequest<'_>, out: &mut Outbox) -> Result<Self, HandshakeUsageError> {
        let target = request.target();
        host_and_port(target.as_bytes()).map_err(|_| HandshakeUsageError::Host)?;
        request.fields.check(None)?;
        let credentials = match &request.credentials {
            Some((user, password)) if !request.fields.has(AUTHORIZATION) => Some(
                basic_credentials(user.as_bytes(), password.as_bytes())
                    .ok_or(HandshakeUsageError::Credentials)?,
            ),
            _ => None,
        };
        for part in ["CONNECT ", &target, " HTTP/1.1\r\n"] {
            out.append(part.as_bytes());
        }
        write_field("Host", target.as_bytes(), out);
        if let Some(credentials) = credentials {
            write_field(AUTHORIZATION, credentials.as_bytes(), out);
        }
        request.fields.iter().for_each(|(name, value)| write_field(name, value, out));
        out.append(b"\r\n");
        let reader = HeadReader::new(StartLine::Status, request.head_limits);
        let refusal_bytes_max = request.refusal_bytes_max;
        Ok(Self { reader, refusal_bytes_max, state: State::Waiting { interim: 0 } })
    }

    /// Reads the proxy's answer. Returns `None` while the head is not complete, or the body of a
    /// refusal, and after the answer has been returned. Interim responses (1xx other than 101) are
    /// skipped.
    ///
    /// The bytes after the head of a 2xx stay in the input: they come from the server. If no more
    /// bytes come, call [`end_of_input`](Self::end_of_input).
    ///
    /// # Errors
    ///
    /// The bytes are not HTTP or exceed a limit. The input has been discarded. Close the transport;
    /// later calls return the same error.
    ///
    /// If the proxy refuses, its status is returned, whatever is wrong after it: see
    /// [`Refusal::error`].
    pub fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<ProxyAnswer<'a>>, ResponseError> {
        let answer = self.read(input);
        if let Err(error) = answer {
            input.take_up_to(usize::MAX);
            self.state = State::Failed(error);
        }
        answer
    }

    /// Ends the handshake without an answer: the transport has ended or failed, or you stop
    /// waiting. Returns the refusal if there was one whose end has not come, as
    /// [`ClientHandshake::end_of_input`](super::ClientHandshake::end_of_input) does.
    pub fn end_of_input(&mut self) -> Option<Refusal> {
        match mem::replace(&mut self.state, State::Answered) {
            State::Refused(reader) => Some(reader.into_refusal()),
            State::Failed(error) => {
                self.state = State::Failed(error);
                None
            }
            State::Waiting { .. } => Refusal::salvage(&mut self.reader, is_refusal, None),
            State::Answered => None,
        }
    }

    /// Returns whether the proxy has refused, and only the rest of the body is to come. It
    /// explains, and decides nothing: do not wait for it as long as for an answer.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused(_))
    }

    /// Returns the refusal that a head with a fault may have begun with.
    #[cold]
    fn refused_badly(
        &mut self,
        error: ResponseError,
    ) -> Result<Option<ProxyAnswer<'static>>, ResponseError> {
        let refusal = Refusal::salvage(&mut self.reader, is_refusal, Some(error)).ok_or(error)?;
        self.state = State::Answered;
        Ok(Some(ProxyAnswer::Refused(refusal)))
    }

    fn read<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<ProxyAnswer<'a>>, ResponseError> {
        loop {
            let interim = match &mut self.state {
                State::Waiting { interim } => interim,
                State::Refused(reader) => {
                    let is_over = reader.read(input);
                    let refusal = if is_over { self.end_of_input() } else { None };
                    return Ok(refusal.map(ProxyAnswer::Refused));
                }
                State::Failed(error) => return Err(*error),
                State::Answered => return Ok(None),
            };
            let head = match read_head(&mut self.reader, input) {
                Ok(Some(head)) => head,
                Ok(None) => return Ok(None),
                Err(fault) => return self.refused_badly(fault.into()),
            };
            let response = Response { head };
            match response.status() {
                // We asked for no upgrade, so a 101 answers something else.
                100 | 102..=199 => {
                    *interim = interim.saturating_add(1);
                    if *interim > INTERIM_MAX {
                        return Err(ResponseError::TooManyInterim);
                    }
                }
                // RFC 9110 §9.3.6: any 2xx, and it has no body, whatever its fields say.
                200..=299 => {
                    self.state = State::Answered;
                    return Ok(Some(ProxyAnswer::Open(response)));
                }
                _ => {
                    let reader = RefusalReader::new(response, self.refusal_bytes_max);
                    self.state = State::Refused(reader);
                }
            }
        }
    }
}

/// Returns whether a response of that status, of which not all can be read, is a refusal.
fn is_refusal(status: u16) -> bool {
    !matches!(status, 100..=299)
}

/// A proxy's final answer.
#[derive(Clone, Debug)]
pub enum ProxyAnswer<'a> {
    /// The tunnel is open. The bytes that remain in the input come from the server.
    Open(Response<'a>),
    /// The proxy refuses; a 407 asks for credentials.
    Refused(Refusal),
}
