//! The terms on which a server accepts a request, and what comes of them (RFC 6455 §4.2.2).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::allowed_origin::OriginError;
use super::error::{HandshakeUsageError, ServerHandshakeError};
use super::extra_fields::{ExtraFields, FieldValue};
use super::key::AcceptKey;
use super::origin::Origins;
use super::request::Request;
use super::subprotocol::Subprotocol;
use crate::connection::{Config, Connection};
use crate::extension::deflate::{self, Agreed};
use crate::role::Server;

/// The terms on which a server accepts a handshake.
///
/// **Its constructor is a decision about origins.** Any web page can make a visitor's browser
/// connect to any WebSocket server, and the browser adds the visitor's cookies. A server that
/// identifies its users by cookies, or by their network, and accepts any origin lets every page act
/// in their names (RFC 6455 §10.2). Requests without an `Origin` do not come from a web page, and
/// pass.
///
/// Terms can be made once and used for many requests.
///
/// ```
/// use hybi::handshake::Acceptance;
/// use hybi::{Config, Limits};
///
/// let limits = Limits::default().message_bytes_max(64 << 10);
/// let acceptance = Acceptance::from_origins(["https://example.com"])?
///     .subprotocol("chat")
///     .field("Set-Cookie", format!("session={}", 17))
///     .config(Config::default().limits(limits));
/// # Ok::<(), hybi::handshake::OriginError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Acceptance<'a> {
    origins: Origins,
    subprotocol: Option<Cow<'a, str>>,
    config: Config,
    fields: ExtraFields<'a>,
}

impl<'a> Acceptance<'a> {
    /// Allows any origin. Use this for public services, or if clients authenticate some other way.
    pub fn from_any_origin() -> Self {
        Self::new(Origins::Any)
    }

    /// Allows only web pages from the host and port that the request names as its `Host`, and with
    /// its scheme if that is known, as it is in HTTP/2 and HTTP/3.
    ///
    /// A `Host` without a port is taken to have the default port of the origin's scheme: behind a
    /// proxy that ends TLS nobody else knows it. Name the [origins](Self::from_origins) instead if
    /// you do not trust plain HTTP and HTTPS of one host alike, or if an attacker's name could be
    /// made to point to this server (DNS rebinding): then origin and `Host` agree.
    pub fn from_same_origin() -> Self {
        Self::new(Origins::Same)
    }

    /// Allows only web pages from these origins, such as `https://example.com` or
    /// `http://localhost:8080`. Upper case, the scheme's default port, one slash at the end and the
    /// form of an IPv6 address make no difference. `null`, which sandboxed pages and local files
    /// send, is allowed if it is listed. An empty list allows no web page at all.
    ///
    /// ```
    /// use hybi::handshake::Acceptance;
    ///
    /// assert!(Acceptance::from_origins(["https://example.com/"]).is_ok());
    /// let error = Acceptance::from_origins(["example.com"]).unwrap_err();
    /// assert!(error.to_string().contains("scheme"));
    /// ```
    ///
    /// # Errors
    ///
    /// The first entry that no browser could ever send.
    pub fn from_origins<T: AsRef<str>>(
        origins: impl IntoIterator<Item = T>,
    ) -> Result<Self, OriginError> {
        Origins::parse(origins).map(Self::new)
    }

    fn new(origins: Origins) -> Self {
        Self {
            origins,
            subprotocol: None,
            config: Config::default(),
            fields: ExtraFields::default(),
        }
    }

    /// Chooses one of the subprotocols that were offered, or none, which is the default. Takes the
    /// result of [`Request::choose_subprotocol`] as it is.
    pub fn subprotocol(mut self, subprotocol: impl Into<Option<&'a str>>) -> Self {
        self.subprotocol = subprotocol.into().map(Cow::Borrowed);
        self
    }

    /// Sets how the connection behaves: its limits, fragments and compression. They may depend on
    /// the request, as path and user are known only now.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Adds a field to the response, such as `Set-Cookie`.
    pub fn field(
        mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<FieldValue<'a>>,
    ) -> Self {
        self.fields.push(name, value);
        self
    }

    /// Returns the subprotocol that was chosen.
    #[must_use]
    pub fn chosen(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Copies what the terms borrow, so that they can be kept.
    pub fn into_owned(self) -> Acceptance<'static> {
        Acceptance {
            origins: self.origins,
            subprotocol: self.subprotocol.map(|it| Cow::Owned(it.into_owned())),
            config: self.config,
            fields: self.fields.into_owned(),
        }
    }

    /// Checks a request against RFC 6455 §4.2.1, or RFC 8441 in HTTP/2 and HTTP/3, and these terms,
    /// without writing anything.
    /// [`ServerHandshake::accept`](super::ServerHandshake::accept) does the same and writes the
    /// response.
    ///
    /// ```
    /// use hybi::handshake::{
    ///     Acceptance, HttpVersion, Request, RequestParts, ServerHandshakeError,
    /// };
    ///
    /// /// Returns the status of the response to what an HTTP stack has parsed.
    /// fn respond(parts: &RequestParts<'_>, acceptance: &Acceptance<'_>) -> u16 {
    ///     let request = Request::from_parts(parts).map_err(ServerHandshakeError::Request);
    ///     let rejection = match request.and_then(|request| {
    ///         let accepted = acceptance.check(&request)?;
    ///         let status = accepted.status(); // send this, `accepted.fields()`, and no body
    ///         let ws = accepted.into_connection(); // then continue with this
    ///         Ok(status)
    ///     }) {
    ///         Ok(status) => return status,
    ///         Err(error) => error.rejection(), // a 500 if it is our own mistake
    ///     };
    ///     // Send its status, fields and content. It fails only with fields of your own.
    ///     rejection.check(HttpVersion::Http11).map_or(500, |rejected| rejected.status())
    /// }
    ///
    /// let fields: [(&[u8], &[u8]); 5] = [
    ///     (b"Host", b"a"),
    ///     (b"Upgrade", b"websocket"),
    ///     (b"Connection", b"Upgrade"),
    ///     (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    ///     (b"Sec-WebSocket-Version", b"13"),
    /// ];
    /// let parts = RequestParts::new("GET", "/").fields(&fields);
    /// assert_eq!(respond(&parts, &Acceptance::from_same_origin()), 101);
    /// let post = RequestParts::new("POST", "/").fields(&fields);
    /// assert_eq!(respond(&post, &Acceptance::from_same_origin()), 405);
    /// ```
    ///
    /// # Errors
    ///
    /// [`ServerHandshakeError::Request`]: the request breaks a rule, or its origin is not allowed.
    /// [`ServerHandshakeError::Usage`]: the subprotocol or a field cannot be sent.
    /// [`ServerHandshakeError::rejection`] is the response.
    pub fn check(&self, request: &Request<'_>) -> Result<Accepted<'_>, ServerHandshakeError> {
        self.fields.check(None)?;
        let subprotocol = self.subprotocol.as_deref();
        if subprotocol.is_some_and(|it| Subprotocol::parse(it.as_bytes()).is_none()) {
            return Err(HandshakeUsageError::Subprotocol.into());
        }
        let is_connect = request.is_connect();
        if is_connect {
            self.fields.check_connect()?;
        }
        let key = request.check_key()?;
        self.origins.check(request)?;
        if subprotocol.is_some_and(|it| !request.subprotocols().any(|offered| offered == it)) {
            return Err(HandshakeUsageError::SubprotocolNotOffered.into());
        }
        let agreed = self.config.deflate.as_ref().and_then(|config| {
            // The offers have been checked.
            deflate::respond(config, request.extensions().flatten())
        });
        Ok(Accepted {
            accept: key.map(|key| key.accept()),
            subprotocol,
            agreed,
            extensions: agreed.as_ref().map(ToString::to_string),
            fields: if is_connect { self.fields.lower_case() } else { Cow::Borrowed(&self.fields) },
            config: &self.config,
        })
    }
}

/// An accepted handshake: the response to send, and the connection that then is open.
#[must_use]
pub struct Accepted<'a> {
    /// The answer to the key. An extended CONNECT has none.
    accept: Option<AcceptKey>,
    subprotocol: Option<&'a str>,
    agreed: Option<Agreed>,
    /// What was agreed on, as in `Sec-WebSocket-Extensions`.
    extensions: Option<String>,
    fields: Cow<'a, ExtraFields<'a>>,
    config: &'a Config,
}

impl Accepted<'_> {
    /// Returns the status of the response: 101, or 200 to an extended CONNECT.
    #[must_use]
    pub const fn status(&self) -> u16 {
        if self.is_connect() { 200 } else { 101 }
    }

    /// Returns the fields of the response: those of the handshake, then those that were added. To
    /// an extended CONNECT only what was negotiated and added, with names in lower case.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let upgrade = self.accept.as_ref().map(|accept| {
            [
                ("Upgrade", &b"websocket"[..]),
                ("Connection", b"Upgrade"),
                ("Sec-WebSocket-Accept", accept.as_bytes()),
            ]
        });
        upgrade.into_iter().flatten().chain(self.further_fields())
    }

    const fn is_connect(&self) -> bool {
        self.accept.is_none()
    }

    pub(super) const fn accept(&self) -> Option<&AcceptKey> {
        self.accept.as_ref()
    }

    /// Returns the fields that not every 101 has.
    pub(super) fn further_fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let [protocol, extensions] = if self.is_connect() {
            ["sec-websocket-protocol", "sec-websocket-extensions"]
        } else {
            ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"]
        };
        let negotiated = [(protocol, self.subprotocol), (extensions, self.extensions.as_deref())];
        let negotiated =
            negotiated.into_iter().filter_map(|(name, value)| Some((name, value?.as_bytes())));
        negotiated.chain(self.fields.iter())
    }

    /// Returns the subprotocol that was agreed on.
    #[must_use]
    pub const fn subprotocol(&self) -> Option<&str> {
        self.subprotocol
    }

    /// Returns the connection, which is open once the response has been sent.
    #[must_use]
    pub fn into_connection(self) -> Connection<Server> {
        self.connection()
    }

    pub(super) fn connection(&self) -> Connection<Server> {
        Connection::negotiated(Server, self.config, self.agreed.as_ref())
    }
}

/// Prints the names of the fields.
impl fmt::Debug for Accepted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields().map(|(name, _)| name).collect();
        f.debug_struct("Accepted").field("fields", &names).finish_non_exhaustive()
    }
}
