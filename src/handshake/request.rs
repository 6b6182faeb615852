//! The request of a client, as a server sees it (RFC 6455 §4.2.1).

use alloc::borrow::Cow;
use core::fmt;

use super::connect_rules::{check_connect, check_method, check_request};
use super::error::RequestError;
use super::key::Key;
use super::known::{Field, Head};
use super::request_rules::{asks_for_websocket, check_handshake, check_host, is_host_port};
use super::subprotocol::Subprotocol;
use crate::escaped::Escaped;
use crate::extension::{ExtensionsError, Offer, Offers};
use crate::http::fields::{Fields, Pair, is_field_value};
use crate::http::head::HttpVersion;
use crate::http::list::text;
use crate::http::target::Target;

/// A client's request: from [`ServerHandshake::receive`](super::ServerHandshake::receive), which
/// reads bytes, or [from parts](Self::from_parts), which an HTTP stack has parsed.
///
/// It is well-formed, with exactly one well-formed `Host` unless it is HTTP/1.0.
/// [`is_upgrade`](Self::is_upgrade) returns whether it is a WebSocket handshake at all,
/// [`check`](Self::check) whether it is a good one.
///
/// It borrows the input if the head arrived in one piece; nothing was copied then.
#[derive(Clone)]
pub struct Request<'a> {
    pub(super) head: Head<'a>,
    pseudo: Pseudo<'a>,
}

/// The pseudo-header fields of HTTP/2 and HTTP/3 that are no part of the head in HTTP/1.1.
#[derive(Clone, Default)]
struct Pseudo<'a> {
    protocol: Option<Cow<'a, str>>,
    scheme: Option<Cow<'a, str>>,
    authority: Option<Cow<'a, str>>,
}

impl<'a> Request<'a> {
    /// Makes a request of what an HTTP stack has parsed. The same rules hold as for bytes, but for
    /// [`HeadLimits`](super::HeadLimits): how long a head may be is the stack's decision.
    ///
    /// ```
    /// use hybi::handshake::{Acceptance, Request, RequestParts};
    ///
    /// let parts = RequestParts::new("GET", "/chat").fields(&[
    ///     (b"host", b"server.example.com"),
    ///     (b"upgrade", b"websocket"),
    ///     (b"connection", b"Upgrade"),
    ///     (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    ///     (b"sec-websocket-version", b"13"),
    /// ]);
    /// let request = Request::from_parts(&parts)?;
    /// let acceptance = Acceptance::from_same_origin();
    /// let accepted = acceptance.check(&request)?;
    /// let fields: Vec<_> = accepted.fields().collect();
    /// assert_eq!(fields[2], ("Sec-WebSocket-Accept", &b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="[..]));
    /// let ws = accepted.into_connection();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// In HTTP/2 and HTTP/3 a WebSocket is opened by an extended CONNECT (RFC 8441, RFC 9220):
    ///
    /// ```
    /// use hybi::handshake::{Acceptance, HttpVersion, Request, RequestParts};
    ///
    /// let parts = RequestParts::new("CONNECT", "/chat") // `:method` and `:path`
    ///     .version(HttpVersion::Http2)
    ///     .protocol("websocket")
    ///     .scheme("https")
    ///     .authority("server.example.com")
    ///     .fields(&[
    ///         (b"sec-websocket-version", b"13"),
    ///         (b"origin", b"https://server.example.com"),
    ///     ]);
    /// let request = Request::from_parts(&parts)?;
    /// let acceptance = Acceptance::from_same_origin();
    /// let accepted = acceptance.check(&request)?;
    /// assert_eq!((accepted.status(), accepted.fields().count()), (200, 0));
    /// let ws = accepted.into_connection(); // its bytes are the DATA of the stream
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The method or a field name is no token, the target has a character that none has, a field
    /// value has a control character, or there is no valid `Host`. In HTTP/2 and HTTP/3 also: a
    /// field that is not allowed there, or neither `:authority` nor `Host`, or two that differ.
    /// [`RequestError::rejection`] is the response.
    pub fn from_parts(parts: &RequestParts<'a>) -> Result<Self, RequestError> {
        let RequestParts { method, target, version, fields, .. } = *parts;
        let head = Head::of_request(method.as_bytes(), target.as_bytes(), version, fields)?;
        let RequestParts { protocol, scheme, authority, .. } = *parts;
        Self::of_parts(head, protocol, scheme, authority)
    }

    /// Makes a request of a head that an HTTP stack has parsed, and of pseudo-header fields.
    pub(super) fn of_parts(
        head: Head<'a>,
        protocol: Option<&'a str>,
        scheme: Option<&'a str>,
        authority: Option<&'a str>,
    ) -> Result<Self, RequestError> {
        // RFC 9113 §8.2.1. The target and the authority have stricter rules.
        let values = [protocol, scheme].into_iter().flatten();
        if !values.map(str::as_bytes).all(is_field_value) {
            return Err(RequestError::FieldValue);
        }
        let pseudo = Pseudo {
            protocol: protocol.map(Cow::Borrowed),
            scheme: scheme.map(Cow::Borrowed),
            authority: authority.map(Cow::Borrowed),
        };
        let request = Self { head, pseudo };
        if request.authority().is_some_and(|authority| !is_host_port(authority.as_bytes())) {
            return Err(RequestError::AuthorityMalformed);
        }
        if request.is_connect() {
            check_request(&request)?;
        } else {
            check_method(&request)?; // before the host, which has another name in HTTP/2
            check_host(&request.head)?;
        }
        Ok(request)
    }

    /// Makes a request of a head that was read from the wire.
    #[inline]
    pub(super) fn of_wire(head: Head<'a>) -> Self {
        Self { head, pseudo: Pseudo::default() }
    }

    /// Returns the method, such as `GET`. Case matters.
    #[must_use]
    pub fn method(&self) -> &str {
        text(self.head.word())
    }

    /// Returns the request target as it was sent: visible ASCII, percent-encoded or not.
    #[must_use]
    pub fn target(&self) -> &str {
        text(self.head.target())
    }

    /// Returns the `:protocol` of an extended CONNECT (RFC 8441 §4).
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.pseudo.protocol.as_deref()
    }

    /// Returns the scheme of the target URI, such as `https`, if the HTTP stack has told it: the
    /// `:scheme` of HTTP/2 and HTTP/3.
    #[must_use]
    pub fn scheme(&self) -> Option<&str> {
        self.pseudo.scheme.as_deref()
    }

    /// Returns the `:authority` of HTTP/2 and HTTP/3. See [`host`](Self::host), too.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.pseudo.authority.as_deref()
    }

    /// Returns the path of the target, without its query. It is not percent-decoded, and dots are
    /// not resolved. `*` or an authority for methods without a path.
    #[must_use]
    pub fn path(&self) -> &str {
        text(Target::of(self.head.target()).path)
    }

    /// Returns the query of the target, after the `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        Target::of(self.head.target()).query.map(text)
    }

    /// Returns the version of HTTP.
    #[must_use]
    pub fn version(&self) -> HttpVersion {
        self.head.version()
    }

    /// Returns all fields, in their order, repeats kept.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        self.head.fields()
    }

    /// Returns the value of the first field of that name, in any case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.head.find(name)
    }

    /// Returns the host and port that the client believes it has reached: `Host`, or what takes
    /// precedence over it, the `:authority` (RFC 9113 §8.3.1) or the authority of a target that is
    /// a whole URI (RFC 9112 §3.2.2). `None` only in HTTP/1.0.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host_bytes().map(text)
    }

    /// Well-formed in a request that has passed [`check`](Self::check).
    #[inline]
    pub(super) fn host_bytes(&self) -> Option<&[u8]> {
        if let Some(authority) = self.authority() {
            return Some(authority.as_bytes());
        }
        Target::of(self.head.target()).authority.or_else(|| self.head.first(Field::Host))
    }

    /// Returns the origin of the web page that wants to connect; `None` if the client is no
    /// browser.
    #[must_use]
    pub fn origin(&self) -> Option<&[u8]> {
        self.head.first(Field::Origin)
    }

    /// Returns the subprotocols that the client offers, in its order of preference.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> + Clone {
        let all = self.head.all(Field::Protocol).flat_map(Subprotocol::list);
        all.flatten().map(|subprotocol| subprotocol.as_str())
    }

    /// Returns the subprotocol to accept: the first of `supported`, in the server's order of
    /// preference, that the client offers (RFC 6455 §4.2.2). Names are compared case-sensitively,
    /// as they are registered. A name that is no token is never chosen, because no client can offer
    /// it (RFC 6455 §4.1).
    ///
    /// Pass it to [`Acceptance::subprotocol`](super::Acceptance::subprotocol); with `None` the
    /// connection has no subprotocol, or you reject.
    ///
    /// ```
    /// use hybi::handshake::{Acceptance, Request, RequestParts};
    ///
    /// let fields: [(&[u8], &[u8]); 2] =
    ///     [(b"host", b"a"), (b"sec-websocket-protocol", b"v1.chat, v2.chat")];
    /// let request = Request::from_parts(&RequestParts::new("GET", "/").fields(&fields))?;
    /// let chosen = request.choose_subprotocol(&["v3.chat", "v2.chat"]);
    /// assert_eq!(chosen, Some("v2.chat"));
    /// let acceptance = Acceptance::from_same_origin().subprotocol(chosen);
    /// # Ok::<(), hybi::handshake::RequestError>(())
    /// ```
    #[must_use]
    pub fn choose_subprotocol<'s>(&self, supported: &[&'s str]) -> Option<&'s str> {
        supported.iter().copied().find(|it| self.subprotocols().any(|offered| offered == *it))
    }

    /// Returns the extensions that the client offers, in its order of preference.
    ///
    /// # Errors
    ///
    /// [`ExtensionsError`] once for each line that does not follow the grammar, in place of its bad
    /// element and all that follow. Requests that have passed [`check`](Self::check) have none.
    pub fn extensions(&self) -> impl Iterator<Item = Result<Offer<'_>, ExtensionsError>> + Clone {
        self.head.all(Field::Extensions).flat_map(Offers::new)
    }

    /// Returns whether the client asks for WebSocket, correctly or not, rather than for a page.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        if self.is_connect() {
            return self.protocol() == Some("websocket");
        }
        asks_for_websocket(&self.head)
    }

    /// Returns whether its version of HTTP opens a WebSocket by extended CONNECT.
    #[inline]
    pub(super) fn is_connect(&self) -> bool {
        self.version() >= HttpVersion::Http2
    }

    /// Checks everything that RFC 6455 §4.2.1 demands of a client's handshake, or RFC 8441 §4 and
    /// §5 in HTTP/2 and HTTP/3.
    /// [`accept`](super::ServerHandshake::accept) does this automatically.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), RequestError> {
        self.check_key().map(drop)
    }

    /// As [`check`](Self::check). Returns the key, which an extended CONNECT does not have.
    pub(super) fn check_key(&self) -> Result<Option<Key>, RequestError> {
        if self.is_connect() {
            check_connect(self)?;
            return Ok(None);
        }
        check_method(self)?;
        check_handshake(&self.head).map(Some)
    }

    /// Copies what the request borrows, so that it can be kept.
    #[must_use]
    pub fn into_owned(self) -> Request<'static> {
        let owned = |text: Option<Cow<'a, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        let Pseudo { protocol, scheme, authority } = self.pseudo;
        let pseudo = Pseudo {
            protocol: owned(protocol),
            scheme: owned(scheme),
            authority: owned(authority),
        };
        Request { head: self.head.into_owned(), pseudo }
    }
}

/// Prints the method, the path and the names of the fields: values and queries may be credentials.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut request = f.debug_struct("Request");
        request.field("method", &self.method());
        // Anything else has an authority, perhaps with a password in it.
        if self.path().starts_with('/') {
            request.field("path", &self.path());
        }
        request.field("fields", &self.fields()).finish_non_exhaustive()
    }
}

/// The parts of a request that an HTTP stack has parsed, for [`Request::from_parts`].
///
/// In HTTP/2 and HTTP/3 the method is `:method` and the target is `:path`. An absent `:path` is an
/// empty one. Other pseudo-header fields have setters, and never are in the list of fields.
#[derive(Clone, Copy)]
#[must_use]
pub struct RequestParts<'a> {
    method: &'a str,
    target: &'a str,
    version: HttpVersion,
    protocol: Option<&'a str>,
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    fields: &'a [Pair<'a>],
}

impl<'a> RequestParts<'a> {
    /// Starts with a method and a target, such as `GET` and `/chat?room=1`, in HTTP/1.1 and without
    /// fields.
    pub const fn new(method: &'a str, target: &'a str) -> Self {
        Self {
            method,
            target,
            version: HttpVersion::Http11,
            protocol: None,
            scheme: None,
            authority: None,
            fields: &[],
        }
    }

    /// Sets the version of HTTP.
    pub const fn version(mut self, version: HttpVersion) -> Self {
        self.version = version;
        self
    }

    /// Sets the `:protocol` of an extended CONNECT (RFC 8441 §4). `None`: there is none.
    pub fn protocol(mut self, protocol: impl Into<Option<&'a str>>) -> Self {
        self.protocol = protocol.into();
        self
    }

    /// Sets the scheme, `http` or `https`: the `:scheme` of HTTP/2 and HTTP/3. In HTTP/1.1 whether
    /// the connection has TLS, if you know. [Same
    /// origin](super::Acceptance::from_same_origin) then means the same scheme, too.
    pub fn scheme(mut self, scheme: impl Into<Option<&'a str>>) -> Self {
        self.scheme = scheme.into();
        self
    }

    /// Sets the `:authority` of HTTP/2 and HTTP/3: a host, and a port unless it is the default.
    pub fn authority(mut self, authority: impl Into<Option<&'a str>>) -> Self {
        self.authority = authority.into();
        self
    }

    /// Sets the fields: names and values, in their order, repeats kept. Names are in any case in
    /// HTTP/1.1, in lower case in HTTP/2 and HTTP/3 (RFC 9113 §8.2.1).
    pub const fn fields(mut self, fields: &'a [(&'a [u8], &'a [u8])]) -> Self {
        self.fields = fields;
        self
    }
}

/// Prints the method and the number of the fields: nothing has been checked yet.
impl fmt::Debug for RequestParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestParts")
            .field("method", &Escaped(self.method))
            .field("version", &self.version)
            .field("fields", &self.fields.len())
            .finish_non_exhaustive()
    }
}
