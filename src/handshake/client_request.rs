//! The request of a client, as values (RFC 6455 §4.1).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::iter;
use core::ops::Range;

use super::allowed_origin::is_as_sent;
use super::error::{HandshakeUsageError, ResponseError};
use super::extra_fields::{ExtraFields, FieldValue};
use super::key::{AcceptKey, Key};
use super::refusal::Refusal;
use super::response::Response;
use super::response_rules::Expected;
use super::subprotocol::Subprotocol;
use crate::connection::{Config, Connection};
use crate::extension::deflate;
use crate::http::HeadLimits;
use crate::http::credentials::{basic_credentials, percent_decode};
use crate::http::fields::Fields;
use crate::keys::MaskingKeys;
use crate::role::Client;
use crate::uri::Uri;

/// A client's request to a server.
///
/// ```
/// use hybi::handshake::ClientRequest;
/// use hybi::{Config, Limits, Uri};
///
/// let uri = Uri::parse("ws://user:secret@example.com/chat")?; // sent as HTTP credentials
/// let request = ClientRequest::new(&uri)
///     .subprotocol("v2.chat")
///     .subprotocol("v1.chat")
///     .field("Cookie", "a=b")
///     .config(Config::default().limits(Limits::default().message_bytes_max(64 << 10)));
/// # Ok::<(), hybi::uri::UriError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientRequest<'a> {
    uri: Cow<'a, Uri>,
    subprotocols: Vec<Cow<'a, str>>,
    require_subprotocol: bool,
    origin: Option<Cow<'a, str>>,
    config: Config,
    head_limits: HeadLimits,
    refusal_bytes_max: u32,
    fields: ExtraFields<'a>,
}

impl<'a> ClientRequest<'a> {
    /// Creates a request for what the URI names. Its userinfo becomes an `Authorization: Basic`
    /// field (RFC 7617), unless you add an `Authorization` of your own.
    pub fn new(uri: &'a Uri) -> Self {
        Self {
            uri: Cow::Borrowed(uri),
            subprotocols: Vec::new(),
            require_subprotocol: false,
            origin: None,
            config: Config::default(),
            head_limits: HeadLimits::default(),
            refusal_bytes_max: Refusal::BYTES_MAX,
            fields: ExtraFields::default(),
        }
    }

    /// Offers a subprotocol; the preferred one first.
    pub fn subprotocol(mut self, subprotocol: impl Into<Cow<'a, str>>) -> Self {
        self.subprotocols.push(subprotocol.into());
        self
    }

    /// Sets whether the server must choose one of the offered subprotocols. If it chooses none, the
    /// handshake fails with [`ResponseError::SubprotocolMissing`], as it does in browsers. Default:
    /// `false`, and [`Response::subprotocol`] tells.
    pub fn require_subprotocol(mut self, require: bool) -> Self {
        self.require_subprotocol = require;
        self
    }

    /// Sets the origin on behalf of which the request is made, such as `https://example.com`.
    /// Browsers must send one; other clients need not (RFC 6455 §4.1). Servers compare it as a
    /// whole, so write it as browsers do: in lower case, without a slash at the end and without the
    /// scheme's default port; or `null`.
    pub fn origin(mut self, origin: impl Into<Option<&'a str>>) -> Self {
        self.origin = origin.into().map(Cow::Borrowed);
        self
    }

    /// Sets how the connection will behave: its limits, fragments and compression.
    /// permessage-deflate is offered if it has settings for it.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
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

    /// Adds a field, such as `Cookie` or `Authorization`.
    pub fn field(
        mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<FieldValue<'a>>,
    ) -> Self {
        self.fields.push(name, value);
        self
    }

    /// Returns the URI.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        match &self.uri {
            Cow::Borrowed(uri) => uri,
            Cow::Owned(uri) => uri,
        }
    }

    /// Copies what the request borrows, so that it can be kept or returned.
    ///
    /// ```
    /// use hybi::Uri;
    /// use hybi::handshake::ClientRequest;
    /// use hybi::uri::UriError;
    ///
    /// fn request_for(host: &str) -> Result<ClientRequest<'static>, UriError> {
    ///     let uri = Uri::parse(&format!("wss://{host}/chat"))?;
    ///     let origin = format!("https://{host}");
    ///     Ok(ClientRequest::new(&uri).origin(&*origin).subprotocol("chat").into_owned())
    /// }
    /// assert_eq!(request_for("example.com")?.uri().host(), "example.com");
    /// # Ok::<(), UriError>(())
    /// ```
    pub fn into_owned(self) -> ClientRequest<'static> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        ClientRequest {
            uri: Cow::Owned(self.uri.into_owned()),
            subprotocols: self.subprotocols.into_iter().map(owned).collect(),
            require_subprotocol: self.require_subprotocol,
            origin: self.origin.map(owned),
            config: self.config,
            head_limits: self.head_limits,
            refusal_bytes_max: self.refusal_bytes_max,
            fields: self.fields.into_owned(),
        }
    }

    /// Prepares the request for an HTTP stack of yours, with a random key.
    /// [`ClientHandshake`](super::ClientHandshake) does this automatically.
    ///
    /// # Errors
    ///
    /// The request cannot be sent as it is.
    #[cfg(feature = "rand")]
    pub fn prepare(&self) -> Result<PreparedRequest<'_>, HandshakeUsageError> {
        self.prepare_with_nonce(rand::random())
    }

    /// As `prepare`, with a nonce for the key, which must be random and used once (RFC 6455 §4.1).
    ///
    /// ```
    /// use hybi::Uri;
    /// use hybi::handshake::{ClientRequest, Response, ResponseParts};
    ///
    /// let uri = Uri::parse("ws://example.com/chat")?;
    /// let request = ClientRequest::new(&uri);
    /// // For tests only; outside of them use `prepare`.
    /// let prepared = request.prepare_with_nonce(*b"the sample nonce")?;
    /// assert_eq!((prepared.method(), prepared.target()), ("GET", "/chat"));
    /// let fields: Vec<_> = prepared.fields().collect();
    /// assert_eq!(fields[0], ("Host", &b"example.com"[..]));
    /// assert_eq!(fields[3], ("Sec-WebSocket-Key", &b"dGhlIHNhbXBsZSBub25jZQ=="[..]));
    ///
    /// // Later, what the HTTP stack has parsed of the response.
    /// let response = Response::from_parts(&ResponseParts::new(101).fields(&[
    ///     (b"upgrade", b"websocket"),
    ///     (b"connection", b"Upgrade"),
    ///     (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    /// ]))?;
    /// let ws = prepared.open(&response, || [1, 2, 3, 4])?; // outside of tests: `RandomKeys`
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The request cannot be sent as it is.
    pub fn prepare_with_nonce(
        &self,
        nonce: [u8; 16],
    ) -> Result<PreparedRequest<'_>, HandshakeUsageError> {
        let credentials = self.check()?;
        Ok(self.with_key(&Key::from_nonce(nonce), credentials))
    }

    /// Prepares an extended CONNECT, which opens a WebSocket in HTTP/2 (RFC 8441) and HTTP/3 (RFC
    /// 9220), for an HTTP stack of yours. It has no key.
    ///
    /// Send it only if the server has [said that it may be](super::ConnectSetting). What is in the
    /// connection's output then is the DATA of the stream, masked as ever. The limits for heads and
    /// the bodies of refusals are the stack's.
    ///
    /// ```
    /// use hybi::Uri;
    /// use hybi::handshake::{ClientRequest, HttpVersion, Response, ResponseParts};
    ///
    /// let uri = Uri::parse("wss://example.com/chat")?;
    /// let request = ClientRequest::new(&uri).subprotocol("chat");
    /// let prepared = request.prepare_connect()?;
    /// assert_eq!((prepared.method(), prepared.protocol()), ("CONNECT", Some("websocket")));
    /// assert_eq!((prepared.scheme(), prepared.authority()), ("https", "example.com"));
    /// assert_eq!(prepared.target(), "/chat"); // `:path`
    /// let fields: Vec<_> = prepared.fields().collect();
    /// assert_eq!(fields[0], ("sec-websocket-version", &b"13"[..]));
    /// assert_eq!(fields[1], ("sec-websocket-protocol", &b"chat"[..]));
    ///
    /// // Later, what the HTTP stack has parsed of the response.
    /// let parts = ResponseParts::new(200).version(HttpVersion::Http2);
    /// let response = Response::from_parts(&parts)?;
    /// let ws = prepared.open(&response, || [1, 2, 3, 4])?; // outside of tests: `RandomKeys`
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The request cannot be sent as it is.
    pub fn prepare_connect(&self) -> Result<PreparedRequest<'_>, HandshakeUsageError> {
        let credentials = self.check()?;
        self.fields.check_connect()?;
        Ok(PreparedRequest {
            request: self,
            lines: *LINES,
            expected: self.expected(None),
            extensions: self.config.deflate.as_ref().map(deflate::offer),
            credentials,
            added: self.fields.lower_case(),
        })
    }

    /// Prepares a request that has been [checked](Self::check).
    pub(super) fn with_key(&self, key: &Key, credentials: Option<String>) -> PreparedRequest<'_> {
        let mut lines = *LINES;
        if let Some(value) = lines.get_mut(KEY) {
            value.copy_from_slice(key.as_bytes());
        }
        PreparedRequest {
            request: self,
            lines,
            expected: self.expected(Some(key.accept())),
            extensions: self.config.deflate.as_ref().map(deflate::offer),
            credentials,
            added: Cow::Borrowed(&self.fields),
        }
    }

    fn expected(&self, accept: Option<AcceptKey>) -> Expected {
        Expected {
            accept,
            subprotocols: self.subprotocols.join(", "),
            require_subprotocol: self.require_subprotocol,
        }
    }

    pub(super) const fn settings(&self) -> &Config {
        &self.config
    }

    pub(super) const fn limits(&self) -> HeadLimits {
        self.head_limits
    }

    pub(super) const fn refusal_limit(&self) -> u32 {
        self.refusal_bytes_max
    }

    /// Checks that the request can be sent. Returns its credentials.
    pub(super) fn check(&self) -> Result<Option<String>, HandshakeUsageError> {
        for (at, subprotocol) in self.subprotocols.iter().enumerate() {
            if Subprotocol::parse(subprotocol.as_bytes()).is_none() {
                return Err(HandshakeUsageError::Subprotocol);
            }
            // RFC 6455 §4.1: all different. Browsers treat those that differ only in case as the
            // same, and so do we.
            if self
                .subprotocols
                .iter()
                .take(at)
                .any(|before| before.eq_ignore_ascii_case(subprotocol))
            {
                return Err(HandshakeUsageError::SubprotocolRepeated);
            }
        }
        if self.require_subprotocol && self.subprotocols.is_empty() {
            return Err(HandshakeUsageError::NoSubprotocolOffered);
        }
        // Servers compare it with their lists as it is.
        if self.origin.as_ref().is_some_and(|origin| !is_as_sent(origin)) {
            return Err(HandshakeUsageError::Origin);
        }
        self.fields.check(Some("origin"))?;
        self.credentials()
    }

    fn credentials(&self) -> Result<Option<String>, HandshakeUsageError> {
        match self.uri.userinfo() {
            Some(userinfo) if !self.fields.has("authorization") => {
                let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
                basic_credentials(&percent_decode(user), &percent_decode(password))
                    .ok_or(HandshakeUsageError::Credentials)
                    .map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// A client's request with its key, or an extended CONNECT: the method, the target and the fields
/// to send, and the check of the response. [`ClientRequest::prepare_with_nonce`] and
/// [`ClientRequest::prepare_connect`] have examples.
///
/// It is for clients that send the request through an HTTP stack of their own;
/// [`ClientHandshake`](super::ClientHandshake) writes it as HTTP/1.1.
#[derive(Clone)]
#[must_use]
pub struct PreparedRequest<'a> {
    request: &'a ClientRequest<'a>,
    /// The fields of every request after its `Host`, as the lines that
    /// [`ClientHandshake`](super::ClientHandshake) writes.
    lines: [u8; LINES.len()],
    expected: Expected,
    /// What we offer, as in `Sec-WebSocket-Extensions`.
    extensions: Option<String>,
    /// As in `Authorization`.
    credentials: Option<String>,
    /// The caller's fields.
    added: Cow<'a, ExtraFields<'a>>,
}

/// The fields of every request after its `Host`, with digits in place of the key.
const LINES: &[u8; 113] = b"Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: 012345678901234567890123\r\nSec-WebSocket-Version: 13\r\n";

/// The names of the optional fields.
const NAMES: [&str; 4] =
    ["Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Authorization"];
const NAMES_IN_LOWER_CASE: [&str; 4] =
    ["origin", "sec-websocket-protocol", "sec-websocket-extensions", "authorization"];

/// Where the key is in the lines.
const KEY: Range<usize> = 60..84;

impl PreparedRequest<'_> {
    /// Returns the method: `GET`, or `CONNECT`.
    #[must_use]
    pub const fn method(&self) -> &str {
        if self.is_connect() { "CONNECT" } else { "GET" }
    }

    /// Returns the `:protocol` of an extended CONNECT: `websocket` (RFC 8441 §5).
    #[must_use]
    pub const fn protocol(&self) -> Option<&str> {
        if self.is_connect() { Some("websocket") } else { None }
    }

    /// Returns the scheme: `https` for a `wss:` URI, `http` for `ws:` (RFC 8441 §5). The `:scheme`
    /// of HTTP/2 and HTTP/3.
    #[must_use]
    pub const fn scheme(&self) -> &str {
        if self.request.uri().is_secure() { "https" } else { "http" }
    }

    /// Returns the host, and the port unless it is the scheme's default: the `:authority` of HTTP/2
    /// and HTTP/3.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.request.uri.authority()
    }

    /// Returns whether it is an extended CONNECT, which has no key.
    const fn is_connect(&self) -> bool {
        self.expected.accept.is_none()
    }

    /// Returns the target: the path and query of the URI. The `:path` of HTTP/2 and HTTP/3.
    #[must_use]
    pub fn target(&self) -> &str {
        self.request.uri.resource_name()
    }

    /// Returns the fields: those of the handshake, in the order of RFC 6455 §4.1, then those that
    /// were added. Of an extended CONNECT without those that it does not have, nor the
    /// pseudo-header fields, and with names in lower case.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let (first, lines) = if self.is_connect() {
            (("sec-websocket-version", &b"13"[..]), &[][..])
        } else {
            (self.host(), &self.lines[..])
        };
        iter::once(first).chain(Fields::of_lines(lines)).chain(self.further_fields())
    }

    pub(super) fn host(&self) -> (&str, &[u8]) {
        ("Host", self.request.uri.authority().as_bytes())
    }

    pub(super) const fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// Returns the fields after the [lines](Self::lines).
    pub(super) fn further_fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let offered = Some(&*self.expected.subprotocols).filter(|offered| !offered.is_empty());
        let [origin, protocol, extensions, authorization] =
            if self.is_connect() { NAMES_IN_LOWER_CASE } else { NAMES };
        let optional = [
            (origin, self.request.origin.as_deref()),
            (protocol, offered),
            (extensions, self.extensions.as_deref()),
            (authorization, self.credentials.as_deref()),
        ];
        let optional =
            optional.into_iter().filter_map(|(name, value)| Some((name, value?.as_bytes())));
        optional.chain(self.added.iter())
    }

    /// Checks the response against RFC 6455 §4.1, or RFC 8441 §5 after an extended CONNECT, and
    /// opens the connection. Ask the [response](Response::subprotocol) for the subprotocol.
    ///
    /// # Errors
    ///
    /// The first rule that is broken. [`ResponseError::Status`] if the server has not accepted: see
    /// the response for its reasons. Interim responses (1xx other than 101) come before the answer;
    /// skip them.
    pub fn open<K: MaskingKeys>(
        &self,
        response: &Response<'_>,
        keys: K,
    ) -> Result<Connection<Client<K>>, ResponseError> {
        let agreed = self.expected.check(&response.head, &self.request.config)?;
        Ok(Connection::negotiated(Client::new(keys), &self.request.config, agreed.as_ref()))
    }

    /// Returns how much to read of the body of a [`Refusal`], in bytes:
    /// [`ClientRequest::refusal_bytes_max`].
    #[must_use]
    pub const fn refusal_bytes_max(&self) -> u32 {
        self.request.refusal_bytes_max
    }

    #[inline]
    pub(super) fn into_expected(self) -> Expected {
        self.expected
    }
}

/// Prints the target's path and the names of the fields, and no key.
impl fmt::Debug for PreparedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields().map(|(name, _)| name).collect();
        let path = self.target().split('?').next();
        f.debug_struct("PreparedRequest")
            .field("path", &path.unwrap_or_default())
            .field("fields", &names)
            .finish_non_exhaustive()
    }
}
