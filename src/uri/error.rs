//! Why a text is not a WebSocket URI, and where.

use core::fmt;

use crate::http::authority::{AuthorityError, is_host_byte};

/// The error of a text that is not a WebSocket URI: the rule, and where the text breaks it.
///
/// It holds nothing of the text but one byte, so that no password gets into a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UriError {
    kind: UriErrorKind,
    part: UriPart,
    at: usize,
}

/// The rule that a text breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UriErrorKind {
    /// The scheme is neither `ws` nor `wss`; for [`Uri::parse_lenient`](super::Uri::parse_lenient)
    /// nor `http` nor `https`.
    Scheme,
    /// No `//` after the scheme.
    NoAuthority,
    /// There is no host.
    NoHost,
    /// The host has a character that no ASCII host name has.
    HostCharacter,
    /// The host name is not ASCII.
    HostNotAscii,
    /// The host ends in a number, as only IPv4 addresses do, but is not four decimal numbers from 0
    /// to 255, such as `127.0.0.1`. [`Uri::parse_lenient`](super::Uri::parse_lenient) also takes
    /// the forms that browsers take, such as `0x7f.1`.
    Ipv4Address,
    /// The host is not an IPv6 address in brackets.
    Ipv6Address,
    /// The port is not a number from 1 to 65535.
    Port,
    /// As `Port`; or the userinfo has this `/`, `?` or `#`, which ends it unless it is
    /// percent-encoded.
    UserinfoDelimiter {
        /// The delimiter.
        byte: u8,
    },
    /// There is a fragment identifier, or a `#` that should have been `%23`.
    Fragment,
    /// A `%` without two hexadecimal digits after it.
    PercentEncoding,
    /// A character that must be percent-encoded there: a space, a control character, or another
    /// that RFC 3986 does not allow.
    Character {
        /// Its first byte.
        byte: u8,
    },
    /// A character that is not ASCII.
    NotAscii,
}

/// A part of a URI (RFC 3986 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UriPart {
    /// What comes before the first `:`.
    Scheme,
    /// A user name, perhaps a `:` and a password, before an `@`.
    Userinfo,
    /// A name or an address.
    Host,
    /// A number after the host and a `:`.
    Port,
    /// From the first `/` on.
    Path,
    /// From the first `?` on.
    Query,
    /// From the first `#` on.
    Fragment,
}

impl UriError {
    pub(super) const fn new(kind: UriErrorKind, part: UriPart, at: usize) -> Self {
        Self { kind, part, at }
    }

    /// Says where in a text `host_port`, which is not a host and a port, has its fault. It begins
    /// at `start`.
    pub(super) fn of_authority(error: AuthorityError, host_port: &str, start: usize) -> Self {
        let host_len = match host_port.find(']') {
            Some(end) if host_port.starts_with('[') => end.saturating_add(1),
            _ => host_port.find(':').unwrap_or(host_port.len()),
        };
        let bytes = host_port.bytes().take(host_len);
        let (kind, part, at) = match error {
            AuthorityError::NoHost if host_port.parse::<core::net::Ipv6Addr>().is_ok() => {
                (UriErrorKind::Ipv6Address, UriPart::Host, 0)
            }
            AuthorityError::NoHost => (UriErrorKind::NoHost, UriPart::Host, 0),
            AuthorityError::HostCharacter => {
                let at = bytes.take_while(|&byte| is_host_byte(byte)).count();
                (UriErrorKind::HostCharacter, UriPart::Host, at)
            }
            AuthorityError::HostNotAscii => {
                // One that was percent-encoded begins with its %.
                let at = bytes.take_while(|&byte| byte.is_ascii() && byte != b'%').count();
                (UriErrorKind::HostNotAscii, UriPart::Host, at)
            }
            AuthorityError::Ipv4Address => (UriErrorKind::Ipv4Address, UriPart::Host, 0),
            AuthorityError::Ipv6Address => (UriErrorKind::Ipv6Address, UriPart::Host, 0),
            AuthorityError::Port => (UriErrorKind::Port, UriPart::Port, host_len.saturating_add(1)),
        };
        Self::new(kind, part, start.saturating_add(at))
    }

    /// The same error in a text in which its place is another.
    pub(super) fn moved(self, to: impl FnOnce(usize) -> usize) -> Self {
        Self { at: to(self.at), ..self }
    }

    /// Returns the rule that the text breaks.
    #[must_use]
    pub const fn kind(self) -> UriErrorKind {
        self.kind
    }

    /// Returns the part of the URI that breaks it.
    #[must_use]
    pub const fn part(self) -> UriPart {
        self.part
    }

    /// Returns where that is in the text, in bytes from its start: the character that is wrong, or
    /// the start of the part. Never beyond the text, but perhaps at its end.
    #[must_use]
    pub const fn position(self) -> usize {
        self.at
    }

    /// Returns a code for logs, metrics and other languages, such as `"uri-port"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.kind {
            UriErrorKind::Scheme => "uri-scheme",
            UriErrorKind::NoAuthority => "uri-no-authority",
            UriErrorKind::NoHost => "uri-no-host",
            UriErrorKind::HostCharacter => "uri-host-character",
            UriErrorKind::HostNotAscii => "uri-host-not-ascii",
            UriErrorKind::Ipv4Address => "uri-ipv4-address",
            UriErrorKind::Ipv6Address => "uri-ipv6-address",
            UriErrorKind::Port => "uri-port",
            UriErrorKind::UserinfoDelimiter { .. } => "uri-userinfo-delimiter",
            UriErrorKind::Fragment => "uri-fragment",
            UriErrorKind::PercentEncoding => "uri-percent-encoding",
            UriErrorKind::Character { .. } => "uri-character",
            UriErrorKind::NotAscii => "uri-not-ascii",
        }
    }

    /// Returns the section of the rule, such as `"RFC 6455 §3"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self.kind {
            UriErrorKind::Scheme
            | UriErrorKind::NoAuthority
            | UriErrorKind::NoHost
            | UriErrorKind::HostNotAscii
            | UriErrorKind::Fragment => "RFC 6455 §3",
            UriErrorKind::HostCharacter | UriErrorKind::Ipv6Address => "RFC 3986 §3.2.2",
            UriErrorKind::Ipv4Address => "RFC 3986 §7.4",
            UriErrorKind::Port => "RFC 3986 §3.2.3",
            UriErrorKind::UserinfoDelimiter { .. } => "RFC 3986 §3.2",
            UriErrorKind::PercentEncoding
            | UriErrorKind::Character { .. }
            | UriErrorKind::NotAscii => "RFC 3986 §2.1",
        }
    }
}

/// Prints the part, as in "the port of the URI".
impl fmt::Display for UriPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "scheme",
            Self::Userinfo => "userinfo",
            Self::Host => "host",
            Self::Port => "port",
            Self::Path => "path",
            Self::Query => "query",
            Self::Fragment => "fragment",
        })
    }
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, part, at } = *self;
        write!(f, "the {part} of the URI, at byte {at}: ")?;
        match kind {
            UriErrorKind::Scheme => f.write_str("a WebSocket URI begins with ws:// or wss://"),
            UriErrorKind::NoAuthority => f.write_str("two slashes come after its colon"),
            UriErrorKind::NoHost => f.write_str("there is none"),
            UriErrorKind::HostCharacter => f.write_str("no host name has this character"),
            UriErrorKind::HostNotAscii => {
                f.write_str("it is not ASCII; convert it to its punycode form (xn--...) first")
            }
            UriErrorKind::Ipv4Address => f.write_str(
                "this ends in a number but is not an IPv4 address of four decimal numbers, such as \
                 127.0.0.1",
            ),
            UriErrorKind::Ipv6Address => {
                f.write_str("this is not an IPv6 address in brackets, such as [::1]")
            }
            UriErrorKind::Port => f.write_str("this is not a number from 1 to 65535"),
            UriErrorKind::UserinfoDelimiter { byte } => {
                let (char, encoded) = (char::from(byte), Encoded(byte));
                write!(
                    f,
                    "what comes before this {char} is no host and port; if it is part of a user \
                     name or password, write {encoded}"
                )
            }
            UriErrorKind::Fragment => {
                f.write_str("a WebSocket URI has none; elsewhere, write # as %23")
            }
            UriErrorKind::PercentEncoding => {
                f.write_str("two hexadecimal digits come after %; write % itself as %25")
            }
            UriErrorKind::Character { byte } => {
                write!(f, "this character must be written {}", Encoded(byte))
            }
            UriErrorKind::NotAscii => {
                f.write_str("this character is not ASCII: percent-encode its bytes")
            }
        }?;
        write!(f, " ({})", self.section())
    }
}

impl core::error::Error for UriError {}

/// Prints a byte percent-encoded.
struct Encoded(u8);

impl fmt::Display for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{:02X}", self.0)
    }
}
