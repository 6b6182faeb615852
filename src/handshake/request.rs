//! The request of a client, as a server sees it (RFC 6455 §4.2.1).

use core::fmt;

use super::error::RequestError;
use super::known::{Field, Head};
use super::request_rules::{asks_for_websocket, check_handshake, check_host};
use crate::escaped::Escaped;
use crate::extension::{ExtensionsError, Offer, Offers};
use crate::http::fields::{Fields, Pair};
use crate::http::head::HttpVersion;
use crate::http::list::{elements, is_token, text};
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
    /// # Errors
    ///
    /// The method or a field name is no token, the target has a character that none has, a field
    /// value has a control character, or there is no valid `Host`.
    /// [`RequestError::rejection`] is the response.
    pub fn from_parts(parts: &RequestParts<'a>) -> Result<Self, RequestError> {
        let RequestParts { method, target, version, fields } = *parts;
        let head = Head::of_request(method.as_bytes(), target.as_bytes(), version, fields)?;
        check_host(&head)?;
        Ok(Self { head })
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

    /// Returns the host and port that the client believes it has reached: `Host`, or the authority
    /// of a target that is a whole URI, which takes precedence (RFC 9112 §3.2.2). `None` only in
    /// HTTP/1.0.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host_bytes().map(text)
    }

    /// Well-formed in a request that has passed [`check`](Self::check).
    #[inline]
    pub(super) fn host_bytes(&self) -> Option<&[u8]> {
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
        self.head
            .all(Field::Protocol)
            .flat_map(elements)
            .filter(|element| is_token(element))
            .map(text)
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
        asks_for_websocket(&self.head)
    }

    /// Checks everything that RFC 6455 §4.2.1 demands of a client's handshake.
    /// [`accept`](super::ServerHandshake::accept) does this automatically.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), RequestError> {
        check_handshake(&self.head)
    }

    /// Copies what the request borrows, so that it can be kept.
    #[must_use]
    pub fn into_owned(self) -> Request<'static> {
        Request { head: self.head.into_owned() }
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
/// Later versions of HTTP have further parts; they get setters of their own.
#[derive(Clone, Copy)]
#[must_use]
pub struct RequestParts<'a> {
    method: &'a str,
    target: &'a str,
    version: HttpVersion,
    fields: &'a [Pair<'a>],
}

impl<'a> RequestParts<'a> {
    /// Starts with a method and a target, such as `GET` and `/chat?room=1`, in HTTP/1.1 and without
    /// fields.
    pub const fn new(method: &'a str, target: &'a str) -> Self {
        Self { method, target, version: HttpVersion::Http11, fields: &[] }
    }

    /// Sets the version of HTTP.
    pub const fn version(mut self, version: HttpVersion) -> Self {
        self.version = version;
        self
    }

    /// Sets the fields: names in any case and values, in their order, repeats kept.
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
