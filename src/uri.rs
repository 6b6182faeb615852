//! `ws:` and `wss:` URIs (RFC 6455 §3).

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

use crate::extension::grammar::text as ascii;

/// The address of a WebSocket server and a resource there: a `ws:` or `wss:` URI (RFC 6455 §3), valid by construction.
///
/// ```
/// use hybi::Uri;
///
/// let uri = Uri::parse("wss://[2001:DB8::1]:8443/chat?room=1")?;
/// assert!(uri.is_secure());
/// assert_eq!((uri.host(), uri.port()), ("2001:db8::1", 8443)); // what to connect to
/// assert_eq!(uri.authority(), "[2001:db8::1]:8443"); // what the Host header says
/// assert_eq!(uri.resource_name(), "/chat?room=1");
/// # Ok::<(), hybi::uri::UriError>(())
/// ```
///
/// Printing a `Uri`, also with `{:?}`, leaves its userinfo out, so that no password gets into a log.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    secure: bool,
    userinfo: Option<String>,
    /// In lower case, IPv6 addresses without brackets.
    host: String,
    port: u16,
    resource_name: String,
}

impl Uri {
    /// Reads a URI. The scheme may be in any case; an absent port is 80 for `ws:`, 443 for `wss:`.
    ///
    /// The grammar is that of RFC 3986, so characters beyond it must have been percent-encoded, and host names beyond ASCII
    /// converted to their ASCII form (`xn--...`).
    ///
    /// # Errors
    ///
    /// The first rule that the text breaks, as a [`UriError`].
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(UriError::Scheme),
        };
        let rest = rest.strip_prefix("//").ok_or(UriError::NoAuthority)?;
        // RFC 6455 §3: a fragment is meaningless here, and a '#' inside the rest would have to be written %23.
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
        Ok(Self {
            secure,
            userinfo: userinfo.map(ToOwned::to_owned),
            host: ascii(host).trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase(),
            port: port.unwrap_or(default_port(secure)),
            resource_name,
        })
    }

    /// Whether it is a `wss:` URI: the connection is to be made over TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The name or address to connect to, in lower case, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The value of the `Host` header: the host, an IPv6 address in brackets, and the port unless it is the scheme's
    /// default (RFC 6455 §4.1).
    #[must_use]
    pub fn authority(&self) -> String {
        let mut text = String::with_capacity(self.host.len().saturating_add("[]:65535".len()));
        // Writing to a String never fails.
        let _ = self.write_authority(&mut text);
        text
    }

    pub(crate) fn write_authority(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let port = (self.port != default_port(self.secure)).then_some(self.port);
        write_authority(&self.host, port, out)
    }

    /// The path and query: what the request asks for (RFC 6455 §3). Never empty, it begins with a `/`.
    #[must_use]
    pub fn resource_name(&self) -> &str {
        &self.resource_name
    }

    /// The user name, and behind a `:` the password, still percent-encoded. A
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
        write!(f, "{scheme}://")?;
        self.write_authority(f)?;
        f.write_str(&self.resource_name)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

/// Why a text is not a WebSocket URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriError {
    /// The scheme is neither `ws` nor `wss`.
    Scheme,
    /// No `//` behind the scheme.
    NoAuthority,
    /// There is no host.
    NoHost,
    /// The host has a character that no ASCII host name has.
    HostCharacter,
    /// The host name is not ASCII.
    HostNotAscii,
    /// What stands in brackets is not an IPv6 address.
    Ipv6Address,
    /// The port is not a number from 1 to 65535.
    Port,
    /// There is a fragment identifier, or a `#` that should have been `%23`.
    Fragment,
    /// A `%` without two hexadecimal digits behind it.
    PercentEncoding,
    /// A character that must be percent-encoded there: a space, a control character, or another beyond RFC 3986.
    Character {
        /// The first byte of it.
        byte: u8,
    },
    /// A character that is not ASCII.
    NotAscii,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "a WebSocket URI begins with ws:// or wss:// (RFC 6455 §3)",
            Self::NoAuthority => "a WebSocket URI has // behind its scheme (RFC 6455 §3)",
            Self::NoHost => "the URI names no host (RFC 6455 §3)",
            Self::HostCharacter => "the URI's host has a character that no host name has (RFC 3986 §3.2.2)",
            Self::HostNotAscii => {
                "the URI's host is not ASCII: convert it to its ASCII (punycode) form first (RFC 6455 §3)"
            }
            Self::Ipv6Address => "what the URI has in brackets is not an IPv6 address (RFC 3986 §3.2.2)",
            Self::Port => "the URI's port is not a number from 1 to 65535 (RFC 3986 §3.2.3)",
            Self::Fragment => "a WebSocket URI has no fragment; write # as %23 elsewhere (RFC 6455 §3)",
            Self::PercentEncoding => {
                "the URI has a % without two hexadecimal digits behind it (RFC 3986 §2.1)"
            }
            Self::Character { byte } => {
                return write!(
                    f,
                    "the URI has the byte {byte:#04x}, which must be percent-encoded (RFC 3986 §2.1)"
                );
            }
            Self::NotAscii => "the URI has a character that is not ASCII: percent-encode it (RFC 3986 §2.1)",
        })
    }
}

impl core::error::Error for UriError {}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// `host:port` as a header says it.
pub(crate) fn write_authority(
    host: &str,
    port: Option<u16>,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    if host.contains(':') {
        write!(out, "[{host}]")?;
    } else {
        out.write_str(host)?;
    }
    match port {
        Some(port) => write!(out, ":{port}"),
        None => Ok(()),
    }
}

/// `host [":" port]`: the host with its brackets, if any, and the port.
///
/// A host name, an IPv4 address or an IPv6 address in brackets. Stricter than RFC 3986 §3.2.2: no percent-encoding,
/// which no resolver understands, and no addresses of future versions.
pub(crate) fn host_and_port(text: &[u8]) -> Result<(&[u8], Option<u16>), UriError> {
    let host_len = match text {
        [b'[', ..] => ipv6_len(text).ok_or(UriError::Ipv6Address)?,
        _ => text.iter().position(|&byte| !is_host_byte(byte)).unwrap_or(text.len()),
    };
    match text.split_at_checked(host_len) {
        Some((host @ [_, ..], [])) => Ok((host, None)),
        Some((host @ [_, ..], [b':', digits @ ..])) => Ok((host, port_number(digits)?)),
        _ => Err(host_error(text)),
    }
}

/// The length of the IPv6 address in brackets that the text begins with.
#[cold]
fn ipv6_len(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|&byte| byte == b']')?;
    let address = core::str::from_utf8(text.get(1..end)?).ok()?;
    address.parse::<Ipv6Addr>().ok()?;
    Some(end.saturating_add(1))
}

/// What is wrong with a text that does not begin with a host, or goes on with something else than a port.
#[cold]
fn host_error(text: &[u8]) -> UriError {
    let host = text.split(|&byte| byte == b':').next().unwrap_or_default();
    match () {
        () if text.starts_with(b"[") => UriError::Ipv6Address,
        () if host.is_empty() => UriError::NoHost,
        () if host.is_ascii() => UriError::HostCharacter,
        () => UriError::HostNotAscii,
    }
}

/// RFC 3986 §3.2.3: an empty port is the default.
fn port_number(digits: &[u8]) -> Result<Option<u16>, UriError> {
    let number = digits.iter().try_fold(0_u16, |number, &digit| {
        let digit = char::from(digit).to_digit(10)? as u16;
        number.checked_mul(10)?.checked_add(digit)
    });
    match number {
        _ if digits.is_empty() => Ok(None),
        None | Some(0) => Err(UriError::Port),
        port => Ok(port),
    }
}

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

/// Whether the byte may be in a host name or an IPv4 address.
#[inline]
fn is_host_byte(byte: u8) -> bool {
    /// Looked up, because every handshake asks this of every byte of its `Host`.
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0_u8;
        while byte < 0x80 {
            // A byte is below 256, and this runs in the compiler.
            #[expect(clippy::indexing_slicing)]
            {
                table[byte as usize] = is_unreserved(byte) || is_sub_delim(byte);
            }
            byte = byte.wrapping_add(1);
        }
        table
    };
    TABLE.get(usize::from(byte)).copied().unwrap_or(false)
}

/// RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §2.2.
const fn is_sub_delim(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}
