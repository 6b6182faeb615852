//! Any response but a 101 (RFC 6455 §4.2.2, RFC 9110 §15).

use alloc::borrow::Cow;
use alloc::format;
use core::fmt;

use super::error::{HandshakeUsageError, RequestError, ServerHandshakeError};
use super::extra_fields::{ExtraFields, FieldValue};
use crate::http::fields::is_field_value;
use crate::http::head::HttpVersion;

/// A response that a server sends instead of accepting: a refusal, a redirect, a page.
///
/// ```
/// use hybi::handshake::Rejection;
///
/// let redirect = Rejection::new(307).field("Location", "wss://example.com/chat");
/// let page = Rejection::new(200).body("text/html", "<!doctype html><title>Hello</title>");
/// let busy = Rejection::new(503).field("Retry-After", format!("{}", 30));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Rejection<'a> {
    status: u16,
    fields: ExtraFields<'a>,
    body: Option<Body<'a>>,
    /// Name the version of WebSocket that we speak. A 426 does so in any case.
    names_version: bool,
}

#[derive(Clone)]
struct Body<'a> {
    content_type: Cow<'a, str>,
    content: Cow<'a, [u8]>,
}

impl<'a> Rejection<'a> {
    /// Creates a response with a status from 200 to 599, without fields of its own and without a
    /// body. Not 426 in HTTP/2 and HTTP/3: its `Upgrade` field is not allowed there, nor is a 2xx
    /// a rejection of a CONNECT.
    pub fn new(status: u16) -> Self {
        Self { status, fields: ExtraFields::default(), body: None, names_version: false }
    }

    /// Adds a field. Its name is sent in lower case, the only one that HTTP/2 and HTTP/3 have (RFC
    /// 9113 §8.2.1). HTTP/1.1 takes names in any (RFC 9110 §5.1).
    pub fn field(
        mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<FieldValue<'a>>,
    ) -> Self {
        self.fields.push(lower_case(name.into()), value);
        self
    }

    /// Sets the body and its media type.
    pub fn body(
        mut self,
        content_type: impl Into<Cow<'a, str>>,
        content: impl Into<FieldValue<'a>>,
    ) -> Self {
        self.body = Some(Body { content_type: content_type.into(), content: content.into().0 });
        self
    }

    /// Copies what the rejection borrows, so that it can be kept.
    pub fn into_owned(self) -> Rejection<'static> {
        Rejection {
            status: self.status,
            fields: self.fields.into_owned(),
            names_version: self.names_version,
            body: self.body.map(|body| Body {
                content_type: Cow::Owned(body.content_type.into_owned()),
                content: Cow::Owned(body.content.into_owned()),
            }),
        }
    }

    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn content(&self) -> &[u8] {
        self.body.as_ref().map_or(&[], |body| &body.content)
    }

    #[cfg(feature = "http")]
    pub(super) fn into_content(self) -> Cow<'a, [u8]> {
        self.body.map(|body| body.content).unwrap_or_default()
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // RFC 9110 §7.8: a sender of Upgrade also lists it in Connection.
        let connection = (self.status == 426).then_some(("connection", &b"Upgrade"[..]));
        let names = ["upgrade", "sec-websocket-version", "content-type"];
        connection.into_iter().chain(self.further_fields(names))
    }

    /// Returns the fields after `Connection`: these of ours, where they belong to the response, and
    /// those that were added.
    pub(super) fn further_fields<'n>(
        &'n self,
        [upgrade, version, content_type]: [&'n str; 3],
    ) -> impl Iterator<Item = (&'n str, &'n [u8])> {
        // RFC 6455 §4.4, RFC 9110 §15.5.22.
        let upgrade = (self.status == 426).then_some((upgrade, &b"websocket"[..]));
        let names_version = self.status == 426 || self.names_version;
        let version = names_version.then_some((version, &b"13"[..]));
        let body = self.body.as_ref();
        let content_type = body.map(|body| (content_type, body.content_type.as_bytes()));
        upgrade.into_iter().chain(version).chain(self.fields.iter()).chain(content_type)
    }

    /// Checks that the response can be sent in this version of HTTP, and returns what to send, for
    /// an HTTP stack that writes responses itself.
    ///
    /// ```
    /// use hybi::handshake::{HandshakeUsageError, HttpVersion, Rejection};
    ///
    /// let rejection = Rejection::new(401).field("WWW-Authenticate", "Basic");
    /// let rejected = rejection.check(HttpVersion::Http2)?;
    /// assert_eq!(rejected.status(), 401);
    /// let fields: Vec<_> = rejected.fields().collect();
    /// assert_eq!(fields, [("www-authenticate", &b"Basic"[..])]);
    ///
    /// let split = Rejection::new(307).field("Location", "/\r\nSet-Cookie: a=b");
    /// let error = split.check(HttpVersion::Http2).unwrap_err();
    /// assert_eq!(error, HandshakeUsageError::FieldValue);
    /// # Ok::<(), HandshakeUsageError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A field, the content type or the status cannot be sent, or not in this version: HTTP/2 and
    /// HTTP/3 have no 426 and no fields about the connection (RFC 9113 §8.2.2).
    pub fn check(&self, version: HttpVersion) -> Result<Rejected<'_>, HandshakeUsageError> {
        self.check_any()?;
        if version >= HttpVersion::Http2 {
            if self.status == 426 {
                return Err(HandshakeUsageError::Status);
            }
            self.fields.check_connect()?;
        }
        Ok(Rejected { rejection: self })
    }

    /// Checks what holds in every version.
    pub(super) fn check_any(&self) -> Result<(), HandshakeUsageError> {
        if !(200..=599).contains(&self.status) {
            return Err(HandshakeUsageError::Status);
        }
        if let Some(body) = &self.body {
            // RFC 9110 §15.3.5, §15.3.6, §15.4.5.
            if matches!(self.status, 204 | 205 | 304) {
                return Err(HandshakeUsageError::Body);
            }
            if !is_field_value(body.content_type.as_bytes()) {
                return Err(HandshakeUsageError::ContentType);
            }
        }
        self.fields.check(Some("content-type"))
    }
}

/// A rejection that can be sent: the parts of the response. [`Rejection::check`] returns it.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Rejected<'a> {
    rejection: &'a Rejection<'a>,
}

impl<'a> Rejected<'a> {
    /// Returns the status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.rejection.status()
    }

    /// Returns the fields of the response, but for those that HTTP/1.1 needs for its framing
    /// (`Connection: close`, `Content-Length`). Names are in lower case, as every version of HTTP
    /// takes them.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.rejection.fields()
    }

    /// Returns the content of the body; empty if there is none. The response to a HEAD request has
    /// none in any case (RFC 9110 §9.3.2).
    #[must_use]
    pub fn content(self) -> &'a [u8] {
        self.rejection.content()
    }
}

impl RequestError {
    /// Returns the response to a request that breaks this rule: the [status](Self::status), the
    /// fields that belong to it, and this error as text.
    pub fn rejection(self) -> Rejection<'static> {
        let mut rejection =
            Rejection::new(self.status()).body("text/plain; charset=utf-8", format!("{self}\n"));
        rejection.names_version = self == Self::ConnectVersion;
        match self {
            Self::Method => rejection.field("allow", "GET"),
            _ => rejection,
        }
    }
}

impl ServerHandshakeError {
    /// Returns the response to the request that was not accepted: [`RequestError::rejection`], or a
    /// 500 without a body for a mistake of the caller, which concerns only you: log the error.
    pub fn rejection(self) -> Rejection<'static> {
        match self {
            Self::Request(error) => error.rejection(),
            Self::Usage(_) => Rejection::new(500),
        }
    }
}

fn lower_case(mut name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        name.to_mut().make_ascii_lowercase();
    }
    name
}

/// Prints the names of the fields and the length of the body.
impl fmt::Debug for Rejection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("status", &self.status)
            .field("fields", &self.fields)
            .field("content_bytes", &self.content().len())
            .finish()
    }
}
