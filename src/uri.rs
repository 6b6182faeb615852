//! `ws:` and `wss:` URIs (RFC 6455 §3).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::http::authority::{AuthorityError, host_and_port, is_sub_delim, is_unreserved};
use crate::http::list::text as ascii;

/// The address of a WebSocket server and a resource there: a valid `ws:` or `wss:` URI (RFC 6455
/// §3).
///
/// ```
/// use hybi::Uri;
///
/// let uri = Uri::parse("wss://[2001:DB8::1]:8443/chat?room=1")?;
/// assert!(uri.is_secure());
/// assert_eq!((uri.host(), uri.port()), ("2001:db8::1", 8443)); // what to connect to
/// assert_eq!(uri.authority(), "[2001:db8::1]:8443"); // the value of the Host field
/// assert_eq!(uri.resource_name(), "/chat?room=1");
/// # Ok::<(), hybi::uri::UriError>(())
/// ```
///
/// Printing a `Uri`, also with `{:?}`, leaves its userinfo out, so no password gets into a log.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    secure: bool,
    userinfo: Option<String>,
    /// In lower case, IPv6 addresses without brackets.
    host: String,
    /// The host, IPv6 addresses in brackets, and the port unless it is the default.
    authority: String,
    port: u16,
    resource_name: String,
}

impl Uri {
    /// Parses a URI. The scheme may be in any case. An absent port is 80 for `ws:`, 443 for `wss:`.
    ///
    /// The grammar is that of RFC 3986. Characters beyond it must be percent-encoded before, and
    /// host names beyond ASCII converted to their ASCII form (`xn--...`).
    ///
    /// # Errors
    ///
    /// The first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(UriError::Scheme),
        };
        let rest = rest.strip_prefix("//").ok_or(UriError::NoAuthority)?;
        // RFC 6455 §3: a fragment is meaningless here, and a '#' inside the rest would have to be
        // written %23.
        if rest.contains('#') {
            return Err(UriError::Fragment);
        }
        let (authority, resource) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (userinfo, host_port) = match authority.rsplit_once('@') {
            Some((userinfo, host_port)) => {
                check(userinfo, |byte| is_unreserved(byte) || is_sub_delim(byte) || byte == b':')?;
                (Some(userinfo).filter(|userinfo| !userinfo.is_empty()), host_port)
            }
            None => (None, authority),
        };
        let (host, port) = host_and_port(host_port.as_bytes())?;
        let path_byte = |byte| is_unreserved(byte) || is_sub_delim(byte) || b":@/?".contains(&byte);
        check(resource, path_byte)?;
        let mut resource_name = String::with_capacity(resource.len().saturating_add(1));
        if !resource.starts_with('/') {
            resource_name.push('/');
        }
        resource_name.push_str(resource);
        let host = ascii(host).to_ascii_lowercase();
        let default_port = if secure { 443 } else { 80 };
        let port = port.unwrap_or(default_port);
        let authority = if port == default_port { host.clone() } else { format!("{host}:{port}") };
        Ok(Self {
            secure,
            userinfo: userinfo.map(ToOwned::to_owned),
            host: host.trim_matches(['[', ']']).to_owned(),
            authority,
            port,
            resource_name,
        })
    }

    /// Returns whether it is a `wss:` URI, for a connection over TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the name or address to connect to, in lower case, an IPv6 address without its
    /// brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the TCP port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the value of the `Host` field: the host, an IPv6 address in brackets, and the port
    /// unless it is the scheme's default (RFC 6455 §4.1).
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns the path and query, which the request asks for (RFC 6455 §3). It begins with a `/`.
    #[must_use]
    pub fn resource_name(&self) -> &str {
        &self.resource_name
    }

    /// Returns the user name, and after a `:` the password, still percent-encoded. A
    /// [`ClientRequest`](crate::handshake::ClientRequest) makes HTTP credentials of it.
    #[must_use]
    pub fn userinfo(&self) -> Option<&str> {
        self.userinfo.as_deref()
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

/// The URI without its userinfo.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority, self.resource_name)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

/// The reason why a text is not a WebSocket URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UriError {
    /// The scheme is neither `ws` nor `wss`.
    Scheme,
    /// No `//` after the scheme.
    NoAuthority,
    /// There is no host.
    NoHost,
    /// The host has a character that no ASCII host name has.
    HostCharacter,
    /// The host name is not ASCII.
    HostNotAscii,
    /// The brackets hold no IPv6 address.
    Ipv6Address,
    /// The port is not a number from 1 to 65535.
    Port,
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

impl UriError {
    /// Returns a code for logs, metrics and other languages, such as `"uri-port"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheme => "uri-scheme",
            Self::NoAuthority => "uri-no-authority",
            Self::NoHost => "uri-no-host",
            Self::HostCharacter => "uri-host-character",
            Self::HostNotAscii => "uri-host-not-ascii",
            Self::Ipv6Address => "uri-ipv6-address",
            Self::Port => "uri-port",
            Self::Fragment => "uri-fragment",
            Self::PercentEncoding => "uri-percent-encoding",
            Self::Character { .. } => "uri-character",
            Self::NotAscii => "uri-not-ascii",
        }
    }
}

impl From<AuthorityError> for UriError {
    fn from(error: AuthorityError) -> Self {
        match error {
            AuthorityError::NoHost => Self::NoHost,
            AuthorityError::HostCharacter => Self::HostCharacter,
            AuthorityError::HostNotAscii => Self::HostNotAscii,
            AuthorityError::Ipv6Address => Self::Ipv6Address,
            AuthorityError::Port => Self::Port,
        }
    }
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "a WebSocket URI begins with ws:// or wss:// (RFC 6455 §3)",
            Self::NoAuthority => "a WebSocket URI has // after its scheme (RFC 6455 §3)",
            Self::NoHost => "the URI names no host (RFC 6455 §3)",
            Self::HostCharacter => {
                "the URI's host has a character that no host name has (RFC 3986 §3.2.2)"
            }
            Self::HostNotAscii => {
                "the URI's host is not ASCII: convert it to its punycode form first (RFC 6455 §3)"
            }
            Self::Ipv6Address => "the brackets in the URI hold no IPv6 address (RFC 3986 §3.2.2)",
            Self::Port => "the URI's port is not a number from 1 to 65535 (RFC 3986 §3.2.3)",
            Self::Fragment => {
                "a WebSocket URI has no fragment; write # as %23 elsewhere (RFC 6455 §3)"
            }
            Self::PercentEncoding => {
                "the URI has a % without two hexadecimal digits after it (RFC 3986 §2.1)"
            }
            Self::Character { byte } => {
                return write!(
                    f,
                    "the URI has the byte {byte:#04x}: percent-encode it (RFC 3986 §2.1)"
                );
            }
            Self::NotAscii => {
                "the URI has a character that is not ASCII: percent-encode it (RFC 3986 §2.1)"
            }
        })
    }
}

impl core::error::Error for UriError {}

/// Checks that all bytes are allowed ones or percent-encoded.
fn check(text: &str, allowed: impl Fn(u8) -> bool) -> Result<(), UriError> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let mut hex = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                if !(hex() && hex()) {
                    return Err(UriError::PercentEncoding);
                }
            }
            0x80.. => return Err(UriError::NotAscii),
            _ if allowed(byte) => {}
            _ => return Err(UriError::Character { byte }),
        }
    }
    Ok(())
}
