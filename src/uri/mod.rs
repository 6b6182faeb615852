//! `ws:` and `wss:` URIs (RFC 6455 §3).

mod error;
mod lenient;

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

pub use error::{UriError, UriErrorKind, UriPart};

use crate::http::address::{ends_in_number, ipv6};
use crate::http::authority::{
    AuthorityError, host_and_port, is_sub_delim, is_unreserved, without_brackets, write_authority,
};
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
    /// In lower case, IPv6 addresses in their usual form and without brackets.
    host: String,
    /// The host, IPv6 addresses in brackets, and the port unless it is the default.
    authority: String,
    port: u16,
    resource_name: String,
}

impl Uri {
    /// Parses a URI. The scheme may be in any case. An absent port is 80 for `ws:`, 443 for `wss:`.
    ///
    /// A host is converted to lower case, an IPv6 address to the form that RFC 5952 §4 recommends.
    /// A host that ends in a number must be an IPv4 address of four decimal numbers: resolvers read
    /// others as addresses, too, such as `0x7f.1`, and RFC 3986 §7.4 does not allow those.
    ///
    /// The grammar is that of RFC 3986. Characters beyond it must be percent-encoded before, and
    /// host names beyond ASCII converted to their ASCII form (`xn--...`).
    /// [`parse_lenient`](Self::parse_lenient) is for what people type.
    ///
    /// ```
    /// use hybi::Uri;
    /// use hybi::uri::UriPart;
    ///
    /// let error = Uri::parse("ws://me:pass/word@example.com/").unwrap_err();
    /// assert_eq!((error.name(), error.position()), ("uri-userinfo-delimiter", 12));
    /// assert!(error.to_string().contains("write %2F"));
    /// ```
    ///
    /// # Errors
    ///
    /// The first rule that the text breaks, and where.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let scheme_error = UriError::new(UriErrorKind::Scheme, UriPart::Scheme, 0);
        let (scheme, rest) = text.split_once(':').ok_or(scheme_error)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(scheme_error),
        };
        let place_of = |part: &str| text.len().saturating_sub(part.len());
        let no_authority =
            UriError::new(UriErrorKind::NoAuthority, UriPart::Scheme, place_of(rest));
        let rest = rest.strip_prefix("//").ok_or(no_authority)?;
        let (authority, resource) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let start = place_of(rest);
        let (userinfo, host_port) = match authority.rsplit_once('@') {
            Some((userinfo, host_port)) => {
                check(userinfo, start, is_userinfo_byte, |_| UriPart::Userinfo)?;
                (Some(userinfo.to_owned()), host_port)
            }
            None => (None, authority),
        };
        let host_start = start.saturating_add(authority.len()).saturating_sub(host_port.len());
        let resource_start = place_of(resource);
        // RFC 6455 §3: a fragment is meaningless here, and a '#' inside the rest would have to be
        // written %23.
        let (before_fragment, fragment) =
            resource.split_at(resource.find('#').unwrap_or(resource.len()));
        let mut resource_name = String::with_capacity(resource.len().saturating_add(1));
        if !before_fragment.starts_with('/') {
            resource_name.push('/');
        }
        resource_name.push_str(before_fragment);
        let uri = Self::of_parts(secure, userinfo, host_port, resource_name).map_err(|error| {
            let error = UriError::of_authority(error, host_port, host_start);
            or_delimiter(error, rest, start, authority.len())
        })?;
        let part_of = |before: &str| {
            if before.contains('?') { UriPart::Query } else { UriPart::Path }
        };
        check(before_fragment, resource_start, is_resource_byte, part_of)?;
        if fragment.is_empty() {
            Ok(uri)
        } else {
            Err(UriError::new(UriErrorKind::Fragment, UriPart::Fragment, place_of(fragment)))
        }
    }

    /// Parses what people type or paste, as browsers do:
    ///
    /// - `http:` and `https:` mean `ws:` and `wss:`.
    /// - White space around it, and tabs and newlines in it, are dropped. So is a fragment.
    /// - Spaces, characters beyond ASCII and others that no URI has are percent-encoded in the
    ///   userinfo, the path and the query, as UTF-8.
    /// - `\` before the query means `/`, any number of slashes comes after the scheme, and `.` and
    ///   `..` in the path are resolved.
    /// - A host that ends in a number is an IPv4 address, such as `127.0.0.1` if it is `0x7f.1`.
    ///
    /// Unlike a browser it refuses host names beyond ASCII: convert them to their ASCII form
    /// (`xn--...`) first. It does not check that form.
    ///
    /// ```
    /// use hybi::Uri;
    ///
    /// let typed = " HTTPS://Example.com:443/gr\u{fc}\u{df}e?to=all of you#top\n";
    /// let uri = Uri::parse_lenient(typed)?;
    /// assert_eq!(uri.to_string(), "wss://example.com/gr%C3%BC%C3%9Fe?to=all%20of%20you");
    /// # Ok::<(), hybi::uri::UriError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first rule that the text breaks, and where: another scheme, or a host or port that is
    /// none.
    pub fn parse_lenient(text: &str) -> Result<Self, UriError> {
        lenient::parse(text)
    }

    /// Makes a URI of parts that have been checked, apart from the host and port.
    fn of_parts(
        secure: bool,
        userinfo: Option<String>,
        host_port: &str,
        resource_name: String,
    ) -> Result<Self, AuthorityError> {
        let (host, port) = host_and_port(host_port.as_bytes())?;
        let host = host_normalised(ascii(host))?;
        let default_port = if secure { 443 } else { 80 };
        let port = port.unwrap_or(default_port);
        let mut authority = String::new();
        // Writing to a String never fails.
        let _ =
            write_authority(&host, Some(port).filter(|&port| port != default_port), &mut authority);
        Ok(Self {
            secure,
            userinfo: userinfo.filter(|userinfo| !userinfo.is_empty()),
            host,
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

    /// Returns the name or address to connect to, in lower case, an IPv6 address in its usual form
    /// (RFC 5952 §4, never dotted) and without its brackets.
    ///
    /// A name may resolve to any address. A program that must not connect to some addresses checks
    /// those that the name resolves to, not this text.
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

/// As [`parse`](Uri::parse).
impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

/// As [`parse`](Uri::parse).
impl TryFrom<&str> for Uri {
    type Error = UriError;

    fn try_from(text: &str) -> Result<Self, UriError> {
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

/// Prints no password and no query, which may hold a credential, too.
impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        let (path, query) = match self.resource_name.split_once('?') {
            Some((path, _)) => (path, "?.."),
            None => (&*self.resource_name, ""),
        };
        write!(f, "Uri({scheme}://{}{path}{query})", self.authority)
    }
}

/// Returns a host in the one form that it has here, an IPv6 address without its brackets.
///
/// A host that ends in a number is an IPv4 address or an error: resolvers read many of them as
/// addresses, which a list of forbidden addresses would not know.
fn host_normalised(host: &str) -> Result<String, AuthorityError> {
    let host = without_brackets(host).to_ascii_lowercase();
    match host.parse::<Ipv6Addr>() {
        Ok(address) => Ok(ipv6(address)),
        Err(_) if ends_in_number(&host) && host.parse::<Ipv4Addr>().is_err() => {
            Err(AuthorityError::Ipv4Address)
        }
        Err(_) => Ok(host),
    }
}

fn is_userinfo_byte(byte: u8) -> bool {
    is_unreserved(byte) || is_sub_delim(byte) || byte == b':'
}

/// Returns whether a byte may be in a path or a query.
fn is_resource_byte(byte: u8) -> bool {
    is_unreserved(byte) || is_sub_delim(byte) || b":@/?".contains(&byte)
}

/// Checks that all bytes are allowed ones or percent-encoded. The text begins at `start`, and
/// `part_of` tells which part follows a piece of it.
fn check(
    text: &str,
    start: usize,
    allowed: fn(u8) -> bool,
    part_of: impl Fn(&str) -> UriPart,
) -> Result<(), UriError> {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        let kind = match byte {
            b'%' => {
                let mut hex = || bytes.next().is_some_and(|(_, digit)| digit.is_ascii_hexdigit());
                if hex() && hex() {
                    continue;
                }
                UriErrorKind::PercentEncoding
            }
            _ if allowed(byte) => continue,
            0x80.. => UriErrorKind::NotAscii,
            _ => UriErrorKind::Character { byte },
        };
        let part = part_of(text.get(..at).unwrap_or_default());
        return Err(UriError::new(kind, part, start.saturating_add(at)));
    }
    Ok(())
}

/// Returns the error of an authority that is followed by an `@`: what ended it may have been meant
/// for a password. `rest` begins at `start` with the authority.
fn or_delimiter(error: UriError, rest: &str, start: usize, authority_len: usize) -> UriError {
    let after = rest.get(authority_len..).unwrap_or_default();
    match (error.kind(), after.bytes().next()) {
        (UriErrorKind::Port | UriErrorKind::HostCharacter, Some(byte)) if after.contains('@') => {
            let kind = UriErrorKind::UserinfoDelimiter { byte };
            UriError::new(kind, UriPart::Userinfo, start.saturating_add(authority_len))
        }
        _ => error,
    }
}
