//! The entries of a list of allowed origins, made such as browsers send them.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::Ipv4Addr;

use crate::escaped::Escaped;
use crate::http::address::{ends_in_number, ipv6};
use crate::http::authority::{AuthorityError, host_and_port};
use crate::http::list::text;

/// Parses a serialized origin (RFC 6454 §6.2) and returns it as a browser sends it: in lower case,
/// without the scheme's default port, an address in its usual form. One slash at the end is
/// dropped. Labels that begin with `xn--` stay unchecked, as that takes tables of all of Unicode.
pub(super) fn parse(origin: &str) -> Result<Cow<'_, str>, OriginError> {
    normalise(origin).map_err(|reason| {
        let origin = Escaped(&without_userinfo(origin)).to_string();
        OriginError { origin, reason }
    })
}

/// Returns whether an origin is such as a browser sends it.
pub(super) fn is_as_sent(origin: &str) -> bool {
    matches!(normalise(origin), Ok(Cow::Borrowed(_)))
}

fn without_userinfo(origin: &str) -> Cow<'_, str> {
    let Some((before, host)) = origin.rsplit_once('@') else { return origin.into() };
    match before.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://{host}").into(),
        None => host.into(),
    }
}

/// Returns the origin itself if a browser sends it like that.
fn normalise(origin: &str) -> Result<Cow<'_, str>, Reason> {
    if origin == "null" {
        return Ok(origin.into());
    }
    if origin.bytes().any(|byte| byte == b'*') {
        return Err(Reason::Wildcard);
    }
    let (scheme, rest) = origin.split_once(':').ok_or(Reason::Scheme)?;
    let rest = rest.strip_prefix("//").ok_or(Reason::Scheme)?;
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(is_scheme_byte)
    {
        return Err(Reason::Scheme);
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let host_port = host_and_port(authority.as_bytes());
    if host_port.is_err() && authority.contains(['/', '?', '#']) {
        return Err(Reason::Path);
    }
    if host_port.is_err() && authority.contains('@') {
        return Err(Reason::Userinfo);
    }
    let is_scheme = |name: &str| scheme.eq_ignore_ascii_case(name);
    if ["ws", "wss"].into_iter().any(is_scheme) {
        return Err(Reason::WebSocketScheme);
    }
    if ["about", "blob", "data", "javascript"].into_iter().any(is_scheme) {
        return Err(Reason::OpaqueOrigin);
    }
    if is_scheme("file") {
        return match origin {
            // Programs with a browser inside send this for their local pages.
            "file://" => Ok(origin.into()),
            _ if authority.is_empty() => Ok("file://".to_owned().into()),
            _ => Err(Reason::OpaqueOrigin),
        };
    }
    let default_port = default_port(scheme.as_bytes());
    let (host, port) = host_port?;
    let (written_host, written_port) = (text(host), rest.get(host.len()..).unwrap_or_default());
    let host = match written_host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            Cow::Owned(format!("[{}]", ipv6(address.parse().map_err(|_| Reason::Ipv6)?)))
        }
        // Hosts of other schemes are only names.
        None if default_port.is_some()
            && ends_in_number(written_host)
            && written_host.parse::<Ipv4Addr>().is_err() =>
        {
            return Err(Reason::Ipv4);
        }
        None => Cow::Borrowed(written_host),
    };
    let port = port.filter(|_| port != default_port);
    let is_port_as_sent = match port {
        Some(_) => !written_port.starts_with(":0") && !written_port.ends_with('/'),
        None => written_port.is_empty(),
    };
    let is_lower_case = !origin.bytes().any(|byte| byte.is_ascii_uppercase());
    if host == written_host && is_port_as_sent && is_lower_case {
        return Ok(origin.into());
    }
    let normalised = match port {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    Ok(normalised.to_ascii_lowercase().into())
}

fn default_port(scheme: &[u8]) -> Option<u16> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case(b"http") => Some(80),
        _ if scheme.eq_ignore_ascii_case(b"https") => Some(443),
        _ => None,
    }
}

/// An entry of a list of origins that no browser could ever send.
///
/// An origin is a scheme, a host, and a port unless it is the scheme's default one, such as
/// `https://example.com` or `http://localhost:8080` (RFC 6454 §6.2); or `null`.
///
/// An international name is written in its ASCII form (`xn--...`), which is not checked: an entry
/// that is no such form, such as `https://xn--a`, is no error and matches no browser.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginError {
    /// Without userinfo, which may hold a password, and without control characters.
    origin: String,
    reason: Reason,
}

impl OriginError {
    /// Returns a code for logs, metrics and other languages: `"usage-allowed-origin"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(&self) -> &'static str {
        "usage-allowed-origin"
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reason {
    Scheme,
    WebSocketScheme,
    OpaqueOrigin,
    Wildcard,
    Userinfo,
    Path,
    NoHost,
    HostCharacter,
    HostNotAscii,
    Ipv4,
    Ipv6,
    Port,
}

impl From<AuthorityError> for Reason {
    fn from(error: AuthorityError) -> Self {
        match error {
            AuthorityError::NoHost => Self::NoHost,
            AuthorityError::HostCharacter => Self::HostCharacter,
            AuthorityError::HostNotAscii => Self::HostNotAscii,
            AuthorityError::Ipv4Address => Self::Ipv4,
            AuthorityError::Ipv6Address => Self::Ipv6,
            AuthorityError::Port => Self::Port,
        }
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.reason {
            Reason::Scheme => "it does not begin with a scheme and ://",
            Reason::WebSocketScheme => "web pages have the scheme http or https, not ws or wss",
            Reason::OpaqueOrigin => "pages with such an address have the origin null",
            Reason::Wildcard => "it has a *; list every origin, or allow any",
            Reason::Userinfo => "it has a user name",
            Reason::Path => "it has a path, a query or a fragment",
            Reason::NoHost => "it names no host",
            Reason::HostCharacter => "its host has a character that no host name has",
            Reason::HostNotAscii => "its host is not ASCII; write it as browsers send it (xn--...)",
            Reason::Ipv4 => {
                "its host is not an IPv4 address as browsers write it, such as 127.0.0.1"
            }
            Reason::Ipv6 => "its brackets hold no IPv6 address",
            Reason::Port => "its port is not a number from 1 to 65535",
        };
        write!(
            f,
            "\"{}\" is not an origin that a browser sends: {why} (RFC 6454 §6.2)",
            self.origin
        )
    }
}

impl core::error::Error for OriginError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_as_browsers_send_them() {
        for (entry, want) in [
            ("https://example.com", "https://example.com"),
            ("https://example.com/", "https://example.com"),
            ("HTTPS://Example.COM", "https://example.com"),
            ("https://example.com:443", "https://example.com"),
            ("https://example.com:0443/", "https://example.com"),
            ("https://example.com:", "https://example.com"),
            ("http://example.com:80", "http://example.com"),
            ("http://example.com:443", "http://example.com:443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[2001:DB8:0:0:0:0:0:1]", "http://[2001:db8::1]"),
            ("http://[::ffff:1.2.3.4]", "http://[::ffff:102:304]"),
            ("http://[::1]:08080", "http://[::1]:8080"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("http://[::A]", "http://[::a]"),
            ("http://1.example", "http://1.example"),
            ("http://0xy", "http://0xy"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("https://xn--a", "https://xn--a"), // which the URL Standard refuses
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
            ("app://1.2", "app://1.2"),
            ("file://", "file://"),
            ("File://", "file://"),
            ("file:///", "file://"),
            ("null", "null"),
        ] {
            assert_eq!(parse(entry).as_deref(), Ok(want), "{entry:?}");
            assert_eq!(is_as_sent(entry), entry == want, "{entry:?}");
        }
    }

    #[test]
    fn entries_that_can_never_match_are_errors() {
        for (entry, reason) in [
            ("example.com", Reason::Scheme),
            ("", Reason::Scheme),
            ("NULL", Reason::Scheme),
            ("//example.com", Reason::Scheme),
            ("://example.com", Reason::Scheme),
            ("1http://example.com", Reason::Scheme),
            ("https:example.com", Reason::Scheme),
            ("ws://example.com", Reason::WebSocketScheme),
            ("WSS://example.com", Reason::WebSocketScheme),
            ("*", Reason::Wildcard),
            ("https://*.example.com", Reason::Wildcard),
            ("http://localhost:*", Reason::Wildcard),
            ("https://example.com//", Reason::Path),
            ("https://example.com/chat", Reason::Path),
            ("https://example.com?x", Reason::Path),
            ("https://example.com#x", Reason::Path),
            ("https://", Reason::NoHost),
            ("https:///", Reason::NoHost),
            ("https://:80", Reason::NoHost),
            ("https:// example.com", Reason::HostCharacter),
            ("https://example.com, https://example.net", Reason::Path),
            ("https://example.com ", Reason::HostCharacter),
            ("https://ex\u{e4}mple.com", Reason::HostNotAscii),
            ("http://127.1", Reason::Ipv4),
            ("http://127.0.0.01", Reason::Ipv4),
            ("http://0x7f000001", Reason::Ipv4),
            ("http://0X7F", Reason::Ipv4),
            ("a:b://example.com", Reason::Scheme),
            ("http://1.2.3.4.", Reason::Ipv4),
            ("http://[::1", Reason::Ipv6),
            ("http://[::g]", Reason::Ipv6),
            ("https://example.com:0", Reason::Port),
            ("https://example.com:65536", Reason::Port),
        ] {
            let error = parse(entry).unwrap_err();
            assert_eq!(error.reason, reason, "{entry:?}");
            assert!(error.to_string().contains(entry), "{error}");
        }
        for entry in ["data://a", "BLOB://a", "about://blank", "javascript://a", "file://server"] {
            assert_eq!(parse(entry).unwrap_err().reason, Reason::OpaqueOrigin, "{entry:?}");
        }
        // A password gets into no log.
        for (entry, reason) in [
            ("https://user:secret@example.com", Reason::Userinfo),
            ("https://user:secret@example.com/chat", Reason::Path),
            ("https://*:secret@example.com", Reason::Wildcard),
            ("user:secret@example.com", Reason::Scheme),
        ] {
            let error = parse(entry).unwrap_err();
            assert_eq!(error.reason, reason, "{entry:?}");
            let printed = format!("{error} {error:?}");
            assert!(printed.contains("example.com") && !printed.contains("secret"), "{printed}");
        }
        // Nothing of the entry is printed raw.
        let printed = parse("a\u{1b}[31m\u{202e}").unwrap_err().to_string();
        assert!(
            printed.chars().all(|c| c == '\u{a7}' || c.is_ascii_graphic() || c == ' '),
            "{printed}"
        );
    }
}
