//! What can go wrong in a handshake, by whose fault: [`RequestError`] (the client's), [`ResponseError`] (the server's),
//! [`HandshakeMisuse`] (the caller's).

use core::fmt;

use super::scan::Fault;
use crate::extension::deflate::Disagreement;

/// A rule that a client's request broke. Final: the refusal with the right [status](Self::status) is in the output; write it,
/// then close the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// What arrived does not begin with an HTTP request line; perhaps it is TLS.
    RequestLine,
    /// A version of HTTP other than 1.0 and 1.1, or the preface of HTTP/2.
    HttpVersion,
    /// A `#` or a character beyond ASCII in the request target.
    TargetCharacter,
    /// A CR or LF that is not part of a CRLF.
    LineEnding,
    /// A header line that begins with white space, which once continued the line before.
    FoldedHeader,
    /// A header name that is not a token, or has no colon right behind it.
    HeaderName,
    /// A control character in a header value.
    HeaderValue,
    /// A request target longer than [`HeadLimits::target_bytes_max`](super::HeadLimits::target_bytes_max), or a request line
    /// that does not fit the limit for the whole head.
    TargetTooLong,
    /// A head longer than [`HeadLimits::head_bytes_max`](super::HeadLimits::head_bytes_max).
    HeadTooLong,
    /// More header lines than [`HeadLimits::headers_max`](super::HeadLimits::headers_max).
    TooManyHeaders,
    /// No `Host`.
    HostMissing,
    /// More than one `Host`.
    HostRepeated,
    /// A `Host` that is not a host and a port.
    HostMalformed,
    /// The method is not GET.
    Method,
    /// HTTP/1.0, in which nothing can be upgraded.
    Http10,
    /// The target is neither a path nor a URI with a host and a path.
    TargetForm,
    /// A body was announced, by `Content-Length` or `Transfer-Encoding`.
    Body,
    /// No `Upgrade` header with `websocket`: this is not a WebSocket handshake.
    UpgradeMissing,
    /// No `Connection` header with `Upgrade`.
    ConnectionMissing,
    /// No `Sec-WebSocket-Key`.
    KeyMissing,
    /// More than one `Sec-WebSocket-Key`.
    KeyRepeated,
    /// A `Sec-WebSocket-Key` that is not base64 of 16 bytes.
    KeyMalformed,
    /// No `Sec-WebSocket-Version`: a draft of the protocol.
    VersionMissing,
    /// More than one `Sec-WebSocket-Version`.
    VersionRepeated,
    /// A `Sec-WebSocket-Version` other than 13.
    Version,
    /// A `Sec-WebSocket-Protocol` that is not a list of tokens.
    SubprotocolsMalformed,
    /// A `Sec-WebSocket-Extensions` that is not a list of extensions.
    ExtensionsMalformed,
    /// The request comes from a web page of an origin that is not allowed.
    Origin,
}

impl RequestError {
    /// The HTTP status of the ready-made refusal.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::RequestLine
            | Self::TargetCharacter
            | Self::LineEnding
            | Self::FoldedHeader
            | Self::HeaderName
            | Self::HeaderValue
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostMalformed
            | Self::Http10
            | Self::TargetForm
            | Self::Body
            | Self::ConnectionMissing
            | Self::KeyMissing
            | Self::KeyRepeated
            | Self::KeyMalformed
            | Self::VersionRepeated
            | Self::SubprotocolsMalformed
            | Self::ExtensionsMalformed => 400,
            Self::Origin => 403,
            Self::Method => 405,
            Self::TargetTooLong => 414,
            Self::UpgradeMissing | Self::VersionMissing | Self::Version => 426,
            Self::HeadTooLong | Self::TooManyHeaders => 431,
            Self::HttpVersion => 505,
        }
    }

    /// Where the rule stands, such as `"RFC 6455 §4.2.1"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::RequestLine => "RFC 9112 §3",
            Self::HttpVersion => "RFC 9110 §15.6.6",
            Self::TargetCharacter
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostMalformed => "RFC 9112 §3.2",
            Self::LineEnding => "RFC 9112 §2.2",
            Self::FoldedHeader => "RFC 9112 §5.2",
            Self::HeaderName => "RFC 9112 §5.1",
            Self::HeaderValue => "RFC 9110 §5.5",
            Self::TargetTooLong => "RFC 9110 §15.5.15",
            Self::HeadTooLong | Self::TooManyHeaders => "RFC 6585 §5",
            Self::Http10 => "RFC 9110 §7.8",
            Self::Body => "RFC 9112 §6",
            Self::Method
            | Self::TargetForm
            | Self::UpgradeMissing
            | Self::ConnectionMissing
            | Self::KeyMissing
            | Self::KeyRepeated
            | Self::KeyMalformed
            | Self::SubprotocolsMalformed => "RFC 6455 §4.2.1",
            Self::VersionMissing | Self::VersionRepeated | Self::Version => "RFC 6455 §4.4",
            Self::ExtensionsMalformed => "RFC 6455 §9.1",
            Self::Origin => "RFC 6455 §10.2",
        }
    }
}

impl From<Fault> for RequestError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::StartLine => Self::RequestLine,
            Fault::Target => Self::TargetCharacter,
            Fault::Version => Self::HttpVersion,
            Fault::LineEnding => Self::LineEnding,
            Fault::Folded => Self::FoldedHeader,
            Fault::HeaderName => Self::HeaderName,
            Fault::HeaderValue => Self::HeaderValue,
            Fault::StartLineTooLong => Self::TargetTooLong,
            Fault::HeadTooLong => Self::HeadTooLong,
            Fault::TooManyHeaders => Self::TooManyHeaders,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::RequestLine => "something else than an HTTP request",
            Self::HttpVersion => "a version of HTTP other than 1.1",
            Self::TargetCharacter => "a # or a character beyond ASCII in the request target",
            Self::LineEnding => "a CR or LF that is not part of a CRLF",
            Self::FoldedHeader => "a header line that begins with white space",
            Self::HeaderName => "a header name that is not a token with a colon right behind it",
            Self::HeaderValue => "a control character in a header value",
            Self::TargetTooLong => "a request line longer than our limit",
            Self::HeadTooLong => "a request head longer than our limit",
            Self::TooManyHeaders => "more header lines than our limit",
            Self::HostMissing => "no Host header",
            Self::HostRepeated => "more than one Host header",
            Self::HostMalformed => "a Host header that is not a host and a port",
            Self::Method => "a method other than GET",
            Self::Http10 => "a WebSocket handshake over HTTP/1.0, which must be HTTP/1.1",
            Self::TargetForm => "a request target that is not a path",
            Self::Body => "a WebSocket handshake with a body",
            Self::UpgradeMissing => "no Upgrade header with websocket",
            Self::ConnectionMissing => "no Connection header with Upgrade",
            Self::KeyMissing => "no Sec-WebSocket-Key header",
            Self::KeyRepeated => "more than one Sec-WebSocket-Key header",
            Self::KeyMalformed => "a Sec-WebSocket-Key that is not base64 of 16 bytes",
            Self::VersionMissing => "no Sec-WebSocket-Version header",
            Self::VersionRepeated => "more than one Sec-WebSocket-Version header",
            Self::Version => "a Sec-WebSocket-Version other than 13",
            Self::SubprotocolsMalformed => {
                "a Sec-WebSocket-Protocol header that is not a list of tokens"
            }
            Self::ExtensionsMalformed => {
                "a Sec-WebSocket-Extensions header that is not a list of extensions"
            }
            Self::Origin => "an Origin that is not allowed here",
        };
        write!(f, "the client sent {what} ({})", self.section())
    }
}

impl core::error::Error for RequestError {}

/// A rule that a server's (or proxy's) response broke. Final: close the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// What arrived does not begin with an HTTP status line.
    StatusLine,
    /// A version of HTTP other than 1.0 and 1.1.
    HttpVersion,
    /// A CR or LF that is not part of a CRLF.
    LineEnding,
    /// A header line that begins with white space, which once continued the line before.
    FoldedHeader,
    /// A header name that is not a token, or has no colon right behind it.
    HeaderName,
    /// A control character in a header value.
    HeaderValue,
    /// A head longer than [`HeadLimits::head_bytes_max`](super::HeadLimits::head_bytes_max).
    HeadTooLong,
    /// More header lines than [`HeadLimits::headers_max`](super::HeadLimits::headers_max).
    TooManyHeaders,
    /// More than 16 interim responses (1xx other than 101).
    TooManyInterim,
    /// A 101 in HTTP/1.0, in which nothing can be upgraded.
    Http10,
    /// A 101 without `Upgrade`.
    UpgradeMissing,
    /// An `Upgrade` other than `websocket`.
    Upgrade,
    /// A 101 without `Connection: Upgrade`.
    ConnectionMissing,
    /// No `Sec-WebSocket-Accept`.
    AcceptMissing,
    /// More than one `Sec-WebSocket-Accept`.
    AcceptRepeated,
    /// A `Sec-WebSocket-Accept` that does not belong to our key: the server has not understood the request.
    Accept,
    /// More than one `Sec-WebSocket-Protocol`, or several in one.
    SubprotocolRepeated,
    /// A `Sec-WebSocket-Protocol` that is not a token.
    SubprotocolMalformed,
    /// A subprotocol that we have not offered.
    SubprotocolNotOffered,
    /// A `Sec-WebSocket-Extensions` that is not a list of extensions.
    ExtensionsMalformed,
    /// An extension that we have not offered.
    ExtensionNotOffered,
    /// The same extension twice.
    ExtensionRepeated,
    /// permessage-deflate with parameters that we cannot accept.
    #[cfg(feature = "deflate")]
    Deflate(Disagreement),
}

impl ResponseError {
    /// Where the rule stands, such as `"RFC 6455 §4.1"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::StatusLine => "RFC 9112 §4",
            Self::HttpVersion => "RFC 9112 §2.3",
            Self::LineEnding => "RFC 9112 §2.2",
            Self::FoldedHeader => "RFC 9112 §5.2",
            Self::HeaderName => "RFC 9112 §5.1",
            Self::HeaderValue => "RFC 9110 §5.5",
            Self::HeadTooLong | Self::TooManyHeaders | Self::TooManyInterim => "RFC 6455 §10.4",
            Self::Http10 => "RFC 9110 §7.8",
            Self::UpgradeMissing
            | Self::Upgrade
            | Self::ConnectionMissing
            | Self::AcceptMissing
            | Self::Accept
            | Self::SubprotocolMalformed
            | Self::SubprotocolNotOffered
            | Self::ExtensionNotOffered => "RFC 6455 §4.1",
            Self::ExtensionRepeated => "RFC 7692 §5",
            #[cfg(feature = "deflate")]
            Self::Deflate(disagreement) => disagreement.section(),
            Self::AcceptRepeated => "RFC 6455 §11.3.3",
            Self::SubprotocolRepeated => "RFC 6455 §11.3.4",
            Self::ExtensionsMalformed => "RFC 6455 §9.1",
        }
    }
}

impl From<Fault> for ResponseError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::StartLine | Fault::Target => Self::StatusLine,
            Fault::Version => Self::HttpVersion,
            Fault::LineEnding => Self::LineEnding,
            Fault::Folded => Self::FoldedHeader,
            Fault::HeaderName => Self::HeaderName,
            Fault::HeaderValue => Self::HeaderValue,
            Fault::StartLineTooLong | Fault::HeadTooLong => Self::HeadTooLong,
            Fault::TooManyHeaders => Self::TooManyHeaders,
        }
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::StatusLine => "something else than an HTTP response",
            Self::HttpVersion => "a version of HTTP other than 1.1",
            Self::LineEnding => "a CR or LF that is not part of a CRLF",
            Self::FoldedHeader => "a header line that begins with white space",
            Self::HeaderName => "a header name that is not a token with a colon right behind it",
            Self::HeaderValue => "a control character in a header value",
            Self::HeadTooLong => "a response head longer than our limit",
            Self::TooManyHeaders => "more header lines than our limit",
            Self::TooManyInterim => "one interim response after another",
            Self::Http10 => "a 101 response in HTTP/1.0, which must be HTTP/1.1",
            Self::UpgradeMissing => "a 101 response without Upgrade header",
            Self::Upgrade => "a 101 response that upgrades to something else than websocket",
            Self::ConnectionMissing => "a 101 response without Connection: Upgrade",
            Self::AcceptMissing => "a 101 response without Sec-WebSocket-Accept",
            Self::AcceptRepeated => "more than one Sec-WebSocket-Accept header",
            Self::Accept => "a Sec-WebSocket-Accept that does not belong to our Sec-WebSocket-Key",
            Self::SubprotocolRepeated => "more than one Sec-WebSocket-Protocol",
            Self::SubprotocolMalformed => "a Sec-WebSocket-Protocol that is not a token",
            Self::SubprotocolNotOffered => "a subprotocol that we have not offered",
            Self::ExtensionsMalformed => {
                "a Sec-WebSocket-Extensions header that is not a list of extensions"
            }
            Self::ExtensionNotOffered => "an extension that we have not offered",
            Self::ExtensionRepeated => "the same extension twice",
            #[cfg(feature = "deflate")]
            Self::Deflate(disagreement) => return disagreement.fmt(f),
        };
        write!(f, "the server sent {what} ({})", self.section())
    }
}

impl core::error::Error for ResponseError {}

/// A mistake of the calling program in a handshake. Nothing was written, and the machine is as it was before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeMisuse {
    /// The name of an extra header is not a token.
    HeaderName,
    /// The value of an extra header has a control character in it: CR, LF, NUL or another, tab excepted.
    HeaderValue,
    /// An extra header that the handshake writes by itself or has another method for: `Host`, `Upgrade`, `Connection`,
    /// `Sec-WebSocket-*`, `Content-Length`, `Transfer-Encoding`; `Origin` in a request, `Content-Type` in a rejection.
    HeaderReserved,
    /// A subprotocol that is not a token.
    Subprotocol,
    /// A subprotocol that is offered twice. Names that differ in case only count as the same, as they do in browsers.
    SubprotocolRepeated,
    /// A subprotocol was to be accepted that the client has not offered.
    SubprotocolNotOffered,
    /// An origin that is empty or has a space, a control character or a character beyond ASCII in it.
    Origin,
    /// A rejection needs a status from 200 to 599.
    Status,
    /// A response of that status has no body (204, 205, 304).
    Body,
    /// The content type of a body has a control character in it.
    ContentType,
    /// There is no request to answer yet.
    NoRequest,
    /// The request has been answered, or refused by the machine itself.
    Answered,
    /// The host to be reached through a proxy is not a host name or address, or its port is 0.
    Host,
    /// A user name with a colon in it, or a control character in a user name or password.
    Credentials,
}

impl fmt::Display for HandshakeMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeaderName => "a header name must be a token (RFC 9110 §5.1)",
            Self::HeaderValue => "a header value must have no control characters (RFC 9110 §5.5)",
            Self::HeaderReserved => "this header is written by the handshake itself (RFC 6455 §4)",
            Self::Subprotocol => "a subprotocol must be a token (RFC 6455 §4.1)",
            Self::SubprotocolRepeated => "a subprotocol may be offered only once (RFC 6455 §4.1)",
            Self::SubprotocolNotOffered => {
                "only a subprotocol that the client has offered can be accepted (RFC 6455 §4.2.2)"
            }
            Self::Origin => "an origin must be visible ASCII (RFC 6454 §7)",
            Self::Status => "a rejection needs a status from 200 to 599 (RFC 9110 §15)",
            Self::Body => "a response with the status 204, 205 or 304 has no body (RFC 9110 §6.4.1)",
            Self::ContentType => "a content type must have no control characters (RFC 9110 §8.3)",
            Self::NoRequest => "there is no request to answer yet (RFC 6455 §4.2)",
            Self::Answered => "the request has been answered already (RFC 6455 §4.2)",
            Self::Host => "this is not a host and port that a proxy can be asked for (RFC 9110 §9.3.6)",
            Self::Credentials => {
                "a user name has no colon, and neither it nor a password has control characters (RFC 7617 §2)"
            }
        })
    }
}

impl core::error::Error for HandshakeMisuse {}

/// Why [`ServerHandshake::accept`](super::ServerHandshake::accept) has not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerError {
    /// The request broke a rule. The refusal is in the output.
    Request(RequestError),
    /// The caller made a mistake. Nothing was written, and the request can still be answered.
    Misuse(HandshakeMisuse),
}

impl From<RequestError> for ServerError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<HandshakeMisuse> for ServerError {
    fn from(misuse: HandshakeMisuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl core::error::Error for ServerError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Request(error) => Some(error),
            Self::Misuse(misuse) => Some(misuse),
        }
    }
}

impl From<Disagreement> for ResponseError {
    fn from(disagreement: Disagreement) -> Self {
        #[cfg(feature = "deflate")]
        return Self::Deflate(disagreement);
        #[cfg(not(feature = "deflate"))]
        match disagreement {}
    }
}
