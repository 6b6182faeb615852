//! The server's side of the opening handshake (RFC 6455 §4.2).

use alloc::format;
use alloc::vec::Vec;
use core::fmt::Write;

use super::error::{HandshakeMisuse, RequestError, ServerError};
use super::extra::{ExtraHeaders, Text, is_header_value, write_header};
use super::head::{Field, HeadReader};
use super::key::accept_key;
use super::limits::HeadLimits;
use super::origin::Origins;
use super::request::Request;
use super::scan::StartLine;
use crate::connection::{Config, Connection};
use crate::extension::deflate::{self, DeflateConfig};
use crate::extension::grammar::is_token;
use crate::input::Input;
use crate::role::Server;

/// A server that waits for a client's opening handshake, shows it, and answers as it is told.
///
/// **[`receive`](Self::receive) until there is a request, then [`accept`](Self::accept) or [`reject`](Self::reject) it, and
/// write the output**, also after an error. The module has [an example](super).
///
/// A machine answers one request. After anything but a 101 the transport is to be closed, and the response says so; what
/// the client sent behind its head is never read as another request.
#[derive(Debug)]
pub struct ServerHandshake {
    config: Config,
    reader: HeadReader,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// For the rest of a head.
    Waiting,
    /// For the caller's decision about a request.
    Shown {
        /// Whether the answer goes without its body: to a HEAD (RFC 9110 §9.3.2).
        without_body: bool,
    },
    /// What arrived was no request.
    Failed(RequestError),
    /// The answer is out.
    Answered,
}

impl ServerHandshake {
    /// A server whose connection will have this configuration.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let reader = HeadReader::new(StartLine::Request, HeadLimits::default());
        Self { config, reader, state: State::Waiting }
    }

    /// Sets the limits for the request's head. To be called before anything is received.
    #[must_use]
    pub fn with_limits(self, limits: HeadLimits) -> Self {
        Self { reader: HeadReader::new(StartLine::Request, limits), ..self }
    }

    /// Reads the request: any that is HTTP/1.1 (or 1.0), a WebSocket handshake or not, as a server may serve a page at the
    /// same port. `None`: the head is not complete, come back with more; or it has been shown already.
    ///
    /// What follows the head stays in the input, for the connection.
    ///
    /// # Errors
    ///
    /// What arrived is not HTTP, has no valid `Host`, or goes beyond a limit. The refusal (400, 414, 431 or 505) is in `out`,
    /// the input has been swallowed. Later calls give the same error and write nothing.
    pub fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Request<'a>>, RequestError> {
        match self.state {
            State::Waiting => {}
            State::Shown { .. } | State::Answered => return Ok(None),
            State::Failed(error) => {
                input.take_up_to(usize::MAX);
                return Err(error);
            }
        }
        let head = match self.reader.read(input) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(fault) => return Err(self.fail(fault.into(), out)),
        };
        let without_body = head.word() == b"HEAD";
        self.state = State::Shown { without_body };
        Request::new(head).map(Some).map_err(|error| {
            input.take_up_to(usize::MAX);
            self.fail(error, out)
        })
    }

    /// Accepts the request, if it is a good handshake from an allowed origin: the 101 is in `out`, and the connection open.
    /// Go on with it and with what is left in the input.
    ///
    /// # Errors
    ///
    /// [`ServerError::Request`]: a rule of RFC 6455 §4.2.1 is broken ([`Request::check`]), or the origin not allowed. The
    /// refusal (400, 403, 405 or 426) is in `out`; write it and close the transport.
    ///
    /// [`ServerError::Misuse`]: an extra header or the subprotocol cannot be sent; or there is no request, or it has been
    /// answered. Nothing was written; what could be answered before still can.
    pub fn accept(
        &mut self,
        request: &Request<'_>,
        accept: &Accept<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Connection<Server>, ServerError> {
        self.may_answer()?;
        accept.headers.check(None)?;
        if let Some(subprotocol) = accept.subprotocol
            && !is_token(subprotocol.as_bytes())
        {
            return Err(HandshakeMisuse::Subprotocol.into());
        }
        if let Err(error) = request.check().and_then(|()| accept.origins.check(request)) {
            return Err(self.fail(error, out).into());
        }
        if let Some(subprotocol) = accept.subprotocol
            && !request.subprotocols().any(|offered| offered == subprotocol)
        {
            return Err(HandshakeMisuse::SubprotocolNotOffered.into());
        }
        let deflate = accept.deflate.and_then(|config| {
            let agreed = deflate::accept(&config, request.extensions().flatten())?;
            Some((agreed, config))
        });
        let key = request.head.first(Field::Key).unwrap_or_default();
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
        );
        out.extend_from_slice(&accept_key(key));
        out.extend_from_slice(b"\r\n");
        if let Some(subprotocol) = accept.subprotocol {
            write_header("Sec-WebSocket-Protocol", subprotocol.as_bytes(), out);
        }
        if let Some((agreed, _)) = &deflate {
            let _ = write!(Text(out), "Sec-WebSocket-Extensions: {agreed}\r\n");
        }
        accept.headers.write(out);
        out.extend_from_slice(b"\r\n");
        self.state = State::Answered;
        Ok(Connection::server(self.config).with_negotiated(deflate))
    }

    /// Answers the request with any other response: a refusal, a redirect, a page. Write `out`, then close the transport.
    ///
    /// `Content-Length` and `Connection: close` are added, and to a 426 what RFC 6455 §4.4 and RFC 9110 §15.5.22 ask for. The
    /// body is left out of the answer to a HEAD request.
    ///
    /// # Errors
    ///
    /// The response cannot be sent, there is no request, or it has been answered. Nothing was written.
    pub fn reject(
        &mut self,
        rejection: &Rejection<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), HandshakeMisuse> {
        let without_body = self.may_answer()?;
        rejection.check()?;
        rejection.write(without_body, out);
        self.state = State::Answered;
        Ok(())
    }

    fn may_answer(&self) -> Result<bool, HandshakeMisuse> {
        match self.state {
            State::Waiting => Err(HandshakeMisuse::NoRequest),
            State::Shown { without_body } => Ok(without_body),
            State::Failed(_) | State::Answered => Err(HandshakeMisuse::Answered),
        }
    }

    /// Writes the ready-made refusal. Out of line: nothing of it belongs to a good handshake.
    #[cold]
    fn fail(&mut self, error: RequestError, out: &mut Vec<u8>) -> RequestError {
        let without_body = self.state == State::Shown { without_body: true };
        let body = format!("{error}\n");
        let mut refusal =
            Rejection::new(error.status()).body("text/plain; charset=utf-8", body.as_bytes());
        if error == RequestError::Method {
            refusal = refusal.header("Allow", "GET");
        }
        refusal.write(without_body, out);
        self.state = State::Failed(error);
        error
    }
}

/// The caller's yes to a handshake.
///
/// **Its constructor is a decision about origins.** Any web page can make a visitor's browser connect to any WebSocket
/// server, and the browser adds the visitor's cookies: a server that identifies its users by them, or by their network, and
/// accepts any origin, lets every page act in their names (RFC 6455 §10.2). Requests without an `Origin` do not come
/// from a web page, and pass.
///
/// ```
/// use hybi::handshake::Accept;
///
/// let accept = Accept::from_origins(&["https://example.com"]).subprotocol("chat").header("Server", "hybi");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Accept<'a> {
    origins: Origins<'a>,
    subprotocol: Option<&'a str>,
    deflate: Option<DeflateConfig>,
    headers: ExtraHeaders<'a>,
}

impl<'a> Accept<'a> {
    /// Web pages of any origin may connect: for public services that know nobody, or check who asks in another way.
    pub fn from_any_origin() -> Self {
        Self::new(Origins::Any)
    }

    /// Only web pages from the host and port that the request names as its `Host` may connect.
    ///
    /// A `Host` without a port is taken to have the default port of the origin's scheme: behind a proxy that ends TLS
    /// nobody else knows it. Where plain HTTP and HTTPS at the default ports of one host are not trusted alike, name
    /// the [origins](Self::from_origins); also where an attacker's name could be made to point to this server (DNS
    /// rebinding), for then origin and `Host` agree.
    pub fn from_same_origin() -> Self {
        Self::new(Origins::Same)
    }

    /// Only web pages from these origins may connect, such as `https://example.com` or `http://localhost:8080`: compared as
    /// a whole, ASCII letters in any case. `null`, which sandboxed pages and local files send, is one if it is listed.
    pub fn from_origins(origins: &'a [&'a str]) -> Self {
        Self::new(Origins::List(origins))
    }

    fn new(origins: Origins<'a>) -> Self {
        Self { origins, subprotocol: None, deflate: None, headers: ExtraHeaders::default() }
    }

    /// Chooses one of the subprotocols that were offered; see [`choose_subprotocol`](super::choose_subprotocol).
    pub fn subprotocol(mut self, subprotocol: &'a str) -> Self {
        self.subprotocol = Some(subprotocol);
        self
    }

    /// Accepts permessage-deflate (RFC 7692), if the client offers it in a way that this configuration can accept. Not by
    /// default.
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, config: DeflateConfig) -> Self {
        self.deflate = Some(config);
        self
    }

    /// The subprotocol that was chosen.
    #[must_use]
    pub const fn chosen(&self) -> Option<&'a str> {
        self.subprotocol
    }

    /// Adds a header to the 101, such as `Set-Cookie`.
    pub fn header(mut self, name: &'a str, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.headers.push(name, value.as_ref());
        self
    }
}

/// The caller's no to a handshake, or the answer to a request that was none.
///
/// ```
/// use hybi::handshake::Rejection;
///
/// let redirect = Rejection::new(307).header("Location", "wss://example.com/chat");
/// let page = Rejection::new(200).body("text/html; charset=utf-8", b"<!doctype html><title>Hello</title>");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Rejection<'a> {
    status: u16,
    headers: ExtraHeaders<'a>,
    /// Content type and content.
    body: Option<(&'a str, &'a [u8])>,
}

impl<'a> Rejection<'a> {
    /// A response with this status, from 200 to 599, without headers of its own and without a body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: ExtraHeaders::default(), body: None }
    }

    /// Adds a header.
    pub fn header(mut self, name: &'a str, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.headers.push(name, value.as_ref());
        self
    }

    /// Sets the body and its media type.
    pub fn body(mut self, content_type: &'a str, body: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.body = Some((content_type, body.as_ref()));
        self
    }

    fn check(&self) -> Result<(), HandshakeMisuse> {
        if !(200..=599).contains(&self.status) {
            return Err(HandshakeMisuse::Status);
        }
        if self.body.is_some() && !self.may_have_body() {
            return Err(HandshakeMisuse::Body);
        }
        if let Some((content_type, _)) = self.body
            && !is_header_value(content_type.as_bytes())
        {
            return Err(HandshakeMisuse::ContentType);
        }
        self.headers.check(Some("content-type"))
    }

    /// RFC 9110 §15.3.5, §15.3.6, §15.4.5.
    fn may_have_body(&self) -> bool {
        !matches!(self.status, 204 | 205 | 304)
    }

    /// Writes it out; it has been checked.
    fn write(&self, without_body: bool, out: &mut Vec<u8>) {
        let _ = write!(Text(out), "HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        if self.status == 426 {
            // RFC 9110 §7.8: who sends Upgrade also says so in Connection.
            out.extend_from_slice(
                b"Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            );
        } else {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        self.headers.write(out);
        let (content_type, body) = self.body.unwrap_or_default();
        if self.body.is_some() {
            write_header("Content-Type", content_type.as_bytes(), out);
        }
        // RFC 9110 §8.6: not in a 204, and in a 304 it would be the length of something else.
        if !matches!(self.status, 204 | 304) {
            let _ = write!(Text(out), "Content-Length: {}\r\n", body.len());
        }
        out.extend_from_slice(b"\r\n");
        if !without_body {
            out.extend_from_slice(body);
        }
    }
}

/// The usual reason phrase, or none, which is allowed (RFC 9112 §4).
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        414 => "URI Too Long",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
