//! The errors of the opening handshake, by whose fault they are: [`RequestError`] (the client's),
//! [`ResponseError`] (the server's), [`HandshakeUsageError`] (the caller's).

use core::fmt;

use crate::extension::deflate::NegotiationError;
use crate::http::scan::Fault;

/// A rule that a client's request broke.
///
/// Final. When a [`ServerHandshake`](super::ServerHandshake) returns it, the refusal with its
/// [status](Self::status) is in the output. Write it, then close the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestError {
    /// The bytes do not begin with an HTTP request line; perhaps they are TLS.
    RequestLine,
    /// A version of HTTP other than 1.0 and 1.1, or the preface of HTTP/2.
    HttpVersion,
    /// A `#` or something else than visible ASCII in the request target.
    TargetCharacter,
    /// A CR or LF that is not part of a CRLF.
    LineEnding,
    /// A field line that begins with white space, which once continued the line before it.
    FoldedField,
    /// A field name that is not a token, or has no colon right after it.
    FieldName,
    /// A control character in a field value.
    FieldValue,
    /// A request target longer than
    /// [`HeadLimits::target_bytes_max`](super::HeadLimits::target_bytes_max), or a request line
    /// longer than the limit for the whole head.
    TargetTooLong,
    /// A head longer than [`HeadLimits::head_bytes_max`](super::HeadLimits::head_bytes_max).
    HeadTooLong,
    /// More field lines than [`HeadLimits::fields_max`](super::HeadLimits::fields_max).
    TooManyFields,
    /// No `Host`.
    HostMissing,
    /// More than one `Host`.
    HostRepeated,
    /// A `Host` that is not a host and a port.
    HostMalformed,
    /// The method is not GET.
    Method,
    /// HTTP/1.0, in which nothing can be upgraded. The usual cause is not the client but a reverse
    /// proxy that speaks HTTP/1.0 to its servers, such as nginx without `proxy_http_version 1.1`.
    Http10,
    /// The target is neither a path nor a URI with a host and a path.
    TargetForm,
    /// A body was announced, by `Content-Length` or `Transfer-Encoding`.
    Body,
    /// No `Upgrade` field with `websocket`: this is not a WebSocket handshake.
    UpgradeMissing,
    /// No `Connection` field with `Upgrade`.
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
    /// A field name with an upper-case letter, in HTTP/2 or HTTP/3.
    FieldNameCase,
    /// In HTTP/2 or HTTP/3 a field that is only about a connection of HTTP/1.1: `Connection`,
    /// `Upgrade`, `Transfer-Encoding`, `Keep-Alive`, `Proxy-Connection`, or a `TE` other than
    /// `trailers`.
    ConnectionSpecific,
    /// No `:authority` in HTTP/2 or HTTP/3. But for extended CONNECT, a `Host` can take its place.
    AuthorityMissing,
    /// An `:authority` that is not a host and a port.
    AuthorityMalformed,
    /// A `Host` that names something else than `:authority`.
    HostDiffers,
    /// No `:protocol` in HTTP/2 or HTTP/3: this is not a WebSocket handshake.
    ProtocolMissing,
    /// A `:protocol` with a method other than CONNECT, or in HTTP/1.1.
    ProtocolMisplaced,
    /// A `:protocol` other than `websocket`.
    Protocol,
    /// An extended CONNECT without `:scheme`, or with another than `http` and `https`.
    Scheme,
    /// An extended CONNECT without a `Sec-WebSocket-Version`, or with another than 13. HTTP/2 and
    /// HTTP/3 have no 426.
    ConnectVersion,
}

impl RequestError {
    /// Returns a code for logs, metrics and other languages, such as
    /// `"request-host-missing"`. It is as stable as
    /// [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestLine => "request-line",
            Self::HttpVersion => "request-http-version",
            Self::TargetCharacter => "request-target-character",
            Self::LineEnding => "request-line-ending",
            Self::FoldedField => "request-folded-field",
            Self::FieldName => "request-field-name",
            Self::FieldValue => "request-field-value",
            Self::TargetTooLong => "request-target-too-long",
            Self::HeadTooLong => "request-head-too-long",
            Self::TooManyFields => "request-too-many-fields",
            Self::HostMissing => "request-host-missing",
            Self::HostRepeated => "request-host-repeated",
            Self::HostMalformed => "request-host-malformed",
            Self::Method => "request-method",
            Self::Http10 => "request-http-1-0",
            Self::TargetForm => "request-target-form",
            Self::Body => "request-body",
            Self::UpgradeMissing => "request-upgrade-missing",
            Self::ConnectionMissing => "request-connection-missing",
            Self::KeyMissing => "request-key-missing",
            Self::KeyRepeated => "request-key-repeated",
            Self::KeyMalformed => "request-key-malformed",
            Self::VersionMissing => "request-version-missing",
            Self::VersionRepeated => "request-version-repeated",
            Self::Version => "request-version",
            Self::SubprotocolsMalformed => "request-subprotocols-malformed",
            Self::ExtensionsMalformed => "request-extensions-malformed",
            Self::Origin => "request-origin",
            Self::FieldNameCase => "request-field-name-case",
            Self::ConnectionSpecific => "request-connection-specific",
            Self::AuthorityMissing => "request-authority-missing",
            Self::AuthorityMalformed => "request-authority-malformed",
            Self::HostDiffers => "request-host-differs",
            Self::ProtocolMissing => "request-protocol-missing",
            Self::ProtocolMisplaced => "request-protocol-misplaced",
            Self::Protocol => "request-protocol",
            Self::Scheme => "request-scheme",
            Self::ConnectVersion => "request-connect-version",
        }
    }

    /// Returns the HTTP status of the refusal.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::RequestLine
            | Self::TargetCharacter
            | Self::LineEnding
            | Self::FoldedField
            | Self::FieldName
            | Self::FieldValue
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
            | Self::ExtensionsMalformed
            | Self::FieldNameCase
            | Self::ConnectionSpecific
            | Self::AuthorityMissing
            | Self::AuthorityMalformed
            | Self::HostDiffers
            | Self::ProtocolMissing
            | Self::ProtocolMisplaced
            | Self::Scheme
            | Self::ConnectVersion => 400,
            Self::Origin => 403,
            Self::Method => 405,
            Self::TargetTooLong => 414,
            Self::UpgradeMissing | Self::VersionMissing | Self::Version => 426,
            Self::HeadTooLong | Self::TooManyFields => 431,
            Self::Protocol => 501,
            Self::HttpVersion => 505,
        }
    }

    /// Returns the section of the rule, such as `"RFC 6455 §4.2.1"`.
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
            Self::FoldedField => "RFC 9112 §5.2",
            Self::FieldName => "RFC 9112 §5.1",
            Self::FieldValue => "RFC 9110 §5.5",
            Self::TargetTooLong => "RFC 9110 §15.5.15",
            Self::HeadTooLong | Self::TooManyFields => "RFC 6585 §5",
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
            Self::VersionMissing | Self::VersionRepeated | Self::Version | Self::ConnectVersion => {
                "RFC 6455 §4.4"
            }
            Self::ExtensionsMalformed => "RFC 6455 §9.1",
            Self::Origin => "RFC 6455 §10.2",
            Self::FieldNameCase => "RFC 9113 §8.2.1",
            Self::ConnectionSpecific => "RFC 9113 §8.2.2",
            Self::AuthorityMissing | Self::AuthorityMalformed | Self::HostDiffers => {
                "RFC 9113 §8.3.1"
            }
            Self::ProtocolMissing | Self::Scheme => "RFC 8441 §5",
            Self::ProtocolMisplaced => "RFC 8441 §4",
            Self::Protocol => "RFC 9220 §3",
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
            Fault::Folded => Self::FoldedField,
            Fault::FieldName => Self::FieldName,
            Fault::FieldValue => Self::FieldValue,
            Fault::StartLineTooLong => Self::TargetTooLong,
            Fault::HeadTooLong => Self::HeadTooLong,
            Fault::TooManyFields => Self::TooManyFields,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::RequestLine => "something other than an HTTP request",
            Self::HttpVersion => "a version of HTTP other than 1.1",
            Self::TargetCharacter => {
                "a # or something else than visible ASCII in the request target"
            }
            Self::LineEnding => "a CR or LF that is not part of a CRLF",
            Self::FoldedField => "a field line that begins with white space",
            Self::FieldName => "a field name that is not a token with a colon right after it",
            Self::FieldValue => "a control character in a field value",
            Self::TargetTooLong => "a request line longer than our limit",
            Self::HeadTooLong => "a request head longer than our limit",
            Self::TooManyFields => "more field lines than our limit",
            Self::HostMissing => "no Host field",
            Self::HostRepeated => "more than one Host field",
            Self::HostMalformed => "a Host field that is not a host and a port",
            Self::Method => "a method other than GET",
            Self::Http10 => {
                "a WebSocket handshake over HTTP/1.0, which must be HTTP/1.1; usually a reverse \
                 proxy is the cause, such as nginx without proxy_http_version 1.1"
            }
            Self::TargetForm => "a request target that is not a path",
            Self::Body => "a WebSocket handshake with a body",
            Self::UpgradeMissing => "no Upgrade field with websocket",
            Self::ConnectionMissing => "no Connection field with Upgrade",
            Self::KeyMissing => "no Sec-WebSocket-Key field",
            Self::KeyRepeated => "more than one Sec-WebSocket-Key field",
            Self::KeyMalformed => "a Sec-WebSocket-Key that is not base64 of 16 bytes",
            Self::VersionMissing => "no Sec-WebSocket-Version field",
            Self::VersionRepeated => "more than one Sec-WebSocket-Version field",
            Self::Version => "a Sec-WebSocket-Version other than 13",
            Self::SubprotocolsMalformed => {
                "a Sec-WebSocket-Protocol field that is not a list of tokens"
            }
            Self::ExtensionsMalformed => {
                "a Sec-WebSocket-Extensions field that is not a list of extensions"
            }
            Self::Origin => {
                "an Origin that is not allowed here: not in the list, or not that of Host, port \
                 included"
            }
            Self::FieldNameCase => {
                "a field name with an upper-case letter, which HTTP/2 and HTTP/3 forbid"
            }
            Self::ConnectionSpecific => {
                "a field about an HTTP/1.1 connection, such as Connection or Upgrade, in HTTP/2 or \
                 HTTP/3"
            }
            Self::AuthorityMissing => "no :authority",
            Self::AuthorityMalformed => "an :authority that is not a host and a port",
            Self::HostDiffers => "a Host field that differs from :authority",
            Self::ProtocolMissing => "no :protocol, so in HTTP/2 and HTTP/3 no WebSocket handshake",
            Self::ProtocolMisplaced => {
                "a :protocol with a method other than CONNECT, or in HTTP/1.1"
            }
            Self::Protocol => "a :protocol other than websocket",
            Self::Scheme => "an extended CONNECT whose :scheme is neither http nor https",
            Self::ConnectVersion => "an extended CONNECT whose Sec-WebSocket-Version is not 13",
        };
        write!(f, "the client sent {what} ({})", self.section())
    }
}

impl core::error::Error for RequestError {}

/// A rule that a server's (or proxy's) response broke. Final: close the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseError {
    /// The bytes do not begin with an HTTP status line.
    StatusLine,
    /// A version of HTTP other than 1.0 and 1.1; after an extended CONNECT, one of these.
    HttpVersion,
    /// A CR or LF that is not part of a CRLF.
    LineEnding,
    /// A field line that begins with white space, which once continued the line before it.
    FoldedField,
    /// A field name that is not a token, or has no colon right after it.
    FieldName,
    /// A control character in a field value.
    FieldValue,
    /// A head longer than [`HeadLimits::head_bytes_max`](super::HeadLimits::head_bytes_max).
    HeadTooLong,
    /// More field lines than [`HeadLimits::fields_max`](super::HeadLimits::fields_max).
    TooManyFields,
    /// More than 16 interim responses (1xx other than 101).
    TooManyInterim,
    /// A status other than 101, or than 2xx after an extended CONNECT, in a response that was to
    /// open a connection: the server refuses.
    Status {
        /// The status.
        status: u16,
    },
    /// A 101 in HTTP/2 or HTTP/3, which do not have it.
    SwitchingProtocols,
    /// In HTTP/2 or HTTP/3 a field that is only about a connection of HTTP/1.1, such as
    /// `Connection` or `Upgrade`.
    ConnectionSpecific,
    /// A field name with an upper-case letter, in HTTP/2 or HTTP/3.
    FieldNameCase,
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
    /// A `Sec-WebSocket-Accept` that does not belong to our key: the server has not understood the
    /// request.
    Accept,
    /// More than one `Sec-WebSocket-Protocol`, or several in one.
    SubprotocolRepeated,
    /// A `Sec-WebSocket-Protocol` that is not a token.
    SubprotocolMalformed,
    /// A subprotocol that we have not offered.
    SubprotocolNotOffered,
    /// No subprotocol, although the request demands one:
    /// [`ClientRequest::require_subprotocol`](super::ClientRequest::require_subprotocol).
    SubprotocolMissing,
    /// A `Sec-WebSocket-Extensions` that is not a list of extensions.
    ExtensionsMalformed,
    /// An extension that we have not offered.
    ExtensionNotOffered,
    /// The same extension twice.
    ExtensionRepeated,
    /// permessage-deflate with parameters that we cannot accept.
    #[cfg(feature = "deflate")]
    Deflate(NegotiationError),
}

impl ResponseError {
    /// Returns a code for logs, metrics and other languages, such as
    /// `"response-status-line"`. It is as stable as
    /// [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StatusLine => "response-status-line",
            Self::HttpVersion => "response-http-version",
            Self::LineEnding => "response-line-ending",
            Self::FoldedField => "response-folded-field",
            Self::FieldName => "response-field-name",
            Self::FieldValue => "response-field-value",
            Self::HeadTooLong => "response-head-too-long",
            Self::TooManyFields => "response-too-many-fields",
            Self::TooManyInterim => "response-too-many-interim",
            Self::Status { .. } => "response-status",
            Self::SwitchingProtocols => "response-switching-protocols",
            Self::ConnectionSpecific => "response-connection-specific",
            Self::FieldNameCase => "response-field-name-case",
            Self::Http10 => "response-http-1-0",
            Self::UpgradeMissing => "response-upgrade-missing",
            Self::Upgrade => "response-upgrade",
            Self::ConnectionMissing => "response-connection-missing",
            Self::AcceptMissing => "response-accept-missing",
            Self::AcceptRepeated => "response-accept-repeated",
            Self::Accept => "response-accept",
            Self::SubprotocolRepeated => "response-subprotocol-repeated",
            Self::SubprotocolMalformed => "response-subprotocol-malformed",
            Self::SubprotocolNotOffered => "response-subprotocol-not-offered",
            Self::SubprotocolMissing => "response-subprotocol-missing",
            Self::ExtensionsMalformed => "response-extensions-malformed",
            Self::ExtensionNotOffered => "response-extension-not-offered",
            Self::ExtensionRepeated => "response-extension-repeated",
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => error.name(),
        }
    }

    /// Returns the section of the rule, such as `"RFC 6455 §4.1"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::StatusLine => "RFC 9112 §4",
            Self::HttpVersion => "RFC 9112 §2.3",
            Self::LineEnding => "RFC 9112 §2.2",
            Self::FoldedField => "RFC 9112 §5.2",
            Self::FieldName => "RFC 9112 §5.1",
            Self::FieldValue => "RFC 9110 §5.5",
            Self::HeadTooLong | Self::TooManyFields | Self::TooManyInterim => "RFC 6455 §10.4",
            Self::SwitchingProtocols => "RFC 9113 §8.6",
            Self::ConnectionSpecific => "RFC 9113 §8.2.2",
            Self::FieldNameCase => "RFC 9113 §8.2.1",
            Self::Http10 => "RFC 9110 §7.8",
            Self::Status { .. }
            | Self::UpgradeMissing
            | Self::Upgrade
            | Self::ConnectionMissing
            | Self::AcceptMissing
            | Self::Accept
            | Self::SubprotocolMalformed
            | Self::SubprotocolNotOffered
            | Self::ExtensionNotOffered => "RFC 6455 §4.1",
            Self::ExtensionRepeated => "RFC 7692 §5",
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => error.section(),
            Self::SubprotocolMissing => "RFC 6455 §1.9",
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
            Fault::Folded => Self::FoldedField,
            Fault::FieldName => Self::FieldName,
            Fault::FieldValue => Self::FieldValue,
            Fault::StartLineTooLong | Fault::HeadTooLong => Self::HeadTooLong,
            Fault::TooManyFields => Self::TooManyFields,
        }
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::StatusLine => "something other than an HTTP response",
            Self::HttpVersion => "a version of HTTP other than that of the request",
            Self::LineEnding => "a CR or LF that is not part of a CRLF",
            Self::FoldedField => "a field line that begins with white space",
            Self::FieldName => "a field name that is not a token with a colon right after it",
            Self::FieldValue => "a control character in a field value",
            Self::HeadTooLong => "a response head longer than our limit",
            Self::TooManyFields => "more field lines than our limit",
            Self::TooManyInterim => "one interim response after another",
            Self::Status { status } => {
                let section = self.section();
                return write!(
                    f,
                    "the server sent status {status}, which opens no connection: 101 does, or 2xx \
                     after an extended CONNECT ({section})"
                );
            }
            Self::SwitchingProtocols => "a 101 response in HTTP/2 or HTTP/3, which do not have it",
            Self::ConnectionSpecific => {
                "a field about an HTTP/1.1 connection, such as Connection or Upgrade, in HTTP/2 or \
                 HTTP/3"
            }
            Self::FieldNameCase => {
                "a field name with an upper-case letter, which HTTP/2 and HTTP/3 forbid"
            }
            Self::Http10 => "a 101 response in HTTP/1.0, which must be HTTP/1.1",
            Self::UpgradeMissing => "a 101 response without Upgrade field",
            Self::Upgrade => "a 101 response that upgrades to something other than websocket",
            Self::ConnectionMissing => "a 101 response without Connection: Upgrade",
            Self::AcceptMissing => "a 101 response without Sec-WebSocket-Accept",
            Self::AcceptRepeated => "more than one Sec-WebSocket-Accept field",
            Self::Accept => "a Sec-WebSocket-Accept that does not belong to our Sec-WebSocket-Key",
            Self::SubprotocolRepeated => "more than one Sec-WebSocket-Protocol",
            Self::SubprotocolMalformed => "a Sec-WebSocket-Protocol that is not a token",
            Self::SubprotocolNotOffered => "a subprotocol that we have not offered",
            Self::SubprotocolMissing => {
                "a response that chooses none of the subprotocols, and we demand one"
            }
            Self::ExtensionsMalformed => {
                "a Sec-WebSocket-Extensions field that is not a list of extensions"
            }
            Self::ExtensionNotOffered => "an extension that we have not offered",
            Self::ExtensionRepeated => "the same extension twice",
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => return error.fmt(f),
        };
        write!(f, "the server sent {what} ({})", self.section())
    }
}

impl core::error::Error for ResponseError {}

/// A mistake of the calling program in a handshake. Nothing was written, and the handshake is as it
/// was before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeUsageError {
    /// The name of an added field is not a token.
    FieldName,
    /// The value of an added field has a control character in it: CR, LF, NUL or another, but not a
    /// tab.
    FieldValue,
    /// A field that the handshake writes automatically or has another method for: `Host`,
    /// `Upgrade`, `Connection`, `Sec-WebSocket-*`, `Content-Length`, `Transfer-Encoding`; `Origin`
    /// in a request, `Content-Type` in a rejection. In HTTP/2 and HTTP/3 also those that they do
    /// not have: `Keep-Alive`, `Proxy-Connection`, `TE`.
    FieldReserved,
    /// A subprotocol that is not a token.
    Subprotocol,
    /// A subprotocol that is offered twice. Names that differ only in case count as the same, as
    /// they do in browsers.
    SubprotocolRepeated,
    /// The accepted subprotocol was not offered by the client.
    SubprotocolNotOffered,
    /// A client demands a subprotocol and offers none.
    NoSubprotocolOffered,
    /// An origin that no browser sends, so that no server would allow it: one with a path, a slash
    /// at the end, upper case, the scheme's default port, or anything else but a scheme, a host and
    /// a port.
    Origin,
    /// A rejection needs a status from 200 to 599.
    Status,
    /// A response of that status has no body (204, 205, 304).
    Body,
    /// The content type of a body has a control character in it.
    ContentType,
    /// There is no request to answer yet, or it came another way, as over HTTP/2.
    NoRequest,
    /// The request has been answered, or refused automatically.
    Answered,
    /// The host to reach through a proxy is not a host name or address, or its port is 0.
    Host,
    /// A user name with a colon in it, or a control character in a user name or password.
    Credentials,
    /// The types of the `http` crate cannot hold a request or response: a target or the name of a
    /// field has more than 64 KiB, or there are more than 24,000 fields.
    TooLong,
}

impl HandshakeUsageError {
    /// Returns a code for logs, metrics and other languages, such as `"usage-field-name"`. It is
    /// as stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FieldName => "usage-field-name",
            Self::FieldValue => "usage-field-value",
            Self::FieldReserved => "usage-field-reserved",
            Self::Subprotocol => "usage-subprotocol",
            Self::SubprotocolRepeated => "usage-subprotocol-repeated",
            Self::SubprotocolNotOffered => "usage-subprotocol-not-offered",
            Self::NoSubprotocolOffered => "usage-no-subprotocol-offered",
            Self::Origin => "usage-origin",
            Self::Status => "usage-status",
            Self::Body => "usage-body",
            Self::ContentType => "usage-content-type",
            Self::NoRequest => "usage-no-request",
            Self::Answered => "usage-answered",
            Self::Host => "usage-host",
            Self::Credentials => "usage-credentials",
            Self::TooLong => "usage-too-long",
        }
    }

    /// Returns the section that has the rule, such as `"RFC 9110 §5.1"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::FieldName => "RFC 9110 §5.1",
            Self::FieldValue => "RFC 9110 §5.5",
            Self::FieldReserved => "RFC 6455 §4",
            Self::Subprotocol | Self::SubprotocolRepeated => "RFC 6455 §4.1",
            Self::SubprotocolNotOffered => "RFC 6455 §4.2.2",
            Self::NoSubprotocolOffered => "RFC 6455 §1.9",
            Self::Origin => "RFC 6454 §7",
            Self::Status => "RFC 9110 §15",
            Self::Body => "RFC 9110 §6.4.1",
            Self::ContentType => "RFC 9110 §8.3",
            Self::NoRequest | Self::Answered => "RFC 6455 §4.2",
            Self::Host => "RFC 9110 §9.3.6",
            Self::Credentials => "RFC 7617 §2",
            Self::TooLong => "RFC 9110 §5.4",
        }
    }
}

impl fmt::Display for HandshakeUsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::FieldName => "a field name must be a token",
            Self::FieldValue => "a field value must have no control characters",
            Self::FieldReserved => {
                "hybi writes this field itself: it belongs to the handshake, or to the body"
            }
            Self::Subprotocol => "a subprotocol must be a token",
            Self::SubprotocolRepeated => "a subprotocol may be offered only once",
            Self::SubprotocolNotOffered => {
                "only a subprotocol that the client has offered can be accepted"
            }
            Self::NoSubprotocolOffered => "who demands a subprotocol must offer one",
            Self::Origin => {
                "an origin must be as browsers send it, such as https://example.com: no path, no \
                 slash at the end, no default port, in lower case"
            }
            Self::Status => "a rejection needs a status from 200 to 599",
            Self::Body => "a response with the status 204, 205 or 304 has no body",
            Self::ContentType => "a content type must have no control characters",
            Self::NoRequest => "there is no such request to answer",
            Self::Answered => "the request has been answered already",
            Self::Host => "this is not a host and port that a proxy can be asked for",
            Self::Credentials => {
                "a user name has no colon, and neither it nor a password has control characters"
            }
            Self::TooLong => {
                "the target or the fields are too long for the types of the http crate"
            }
        };
        write!(f, "{what} ({})", self.section())
    }
}

impl core::error::Error for HandshakeUsageError {}

/// The reason why [`ServerHandshake::accept`](super::ServerHandshake::accept) has not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerHandshakeError {
    /// The request broke a rule. The refusal is in the output.
    Request(RequestError),
    /// The caller made a mistake. Nothing was written, and the request can still be answered.
    Usage(HandshakeUsageError),
}

impl ServerHandshakeError {
    /// Returns the code of the error in it: [`RequestError::name`] or
    /// [`HandshakeUsageError::name`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request(error) => error.name(),
            Self::Usage(error) => error.name(),
        }
    }
}

impl From<RequestError> for ServerHandshakeError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<HandshakeUsageError> for ServerHandshakeError {
    fn from(error: HandshakeUsageError) -> Self {
        Self::Usage(error)
    }
}

impl fmt::Display for ServerHandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Usage(error) => error.fmt(f),
        }
    }
}

// `Display` prints the inner error, so `source` must not return it again.
impl core::error::Error for ServerHandshakeError {}

impl From<NegotiationError> for ResponseError {
    fn from(error: NegotiationError) -> Self {
        #[cfg(feature = "deflate")]
        return Self::Deflate(error);
        #[cfg(not(feature = "deflate"))]
        match error {}
    }
}
