//! The web pages that may connect (RFC 6455 §4.2.2, §10.2).

use alloc::vec::Vec;

use bytes::Bytes;

use super::allowed_origin::{OriginError, parse};
use super::error::RequestError;
use super::known::{Field, Lines};
use super::request::Request;
use crate::http::authority::host_and_port;
use crate::http::list::is_in_any_case;

/// The origins that are allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origins {
    Any,
    Same,
    /// As browsers send them, each with a line feed after it. In one shared piece, so that terms
    /// are cloned cheaply.
    List(Bytes),
}

impl Origins {
    /// Parses a list, so that every entry can match.
    pub(super) fn parse<T: AsRef<str>>(
        origins: impl IntoIterator<Item = T>,
    ) -> Result<Self, OriginError> {
        let mut list = Vec::new();
        for origin in origins {
            list.extend_from_slice(parse(origin.as_ref())?.as_bytes());
            list.push(b'\n');
        }
        Ok(Self::List(list.into()))
    }

    /// Checks the origin of a request. A request without one does not come from a web page, and
    /// passes.
    pub(super) fn check(&self, request: &Request<'_>) -> Result<(), RequestError> {
        let allowed = match (self, request.head.lines(Field::Origin)) {
            (Self::Any, _) | (_, Lines::None) => true,
            (_, Lines::Several) => false, // no browser does this
            (Self::Same, Lines::One(origin)) => {
                is_same(origin, request.host_bytes(), request.scheme())
            }
            (Self::List(list), Lines::One(origin)) => is_listed(origin, list),
        };
        if allowed { Ok(()) } else { Err(RequestError::Origin) }
    }
}

fn is_listed(origin: &[u8], list: &[u8]) -> bool {
    let mut entries = list.split_inclusive(|&byte| byte == b'\n');
    entries.any(|entry| {
        entry.strip_suffix(b"\n").is_some_and(|entry| entry.eq_ignore_ascii_case(origin))
    })
}

/// Returns whether the origin has the scheme, if it is known, and the name and port of the host,
/// which is well-formed or absent ([`Request::check`]).
fn is_same(origin: &[u8], host: Option<&[u8]>, scheme: Option<&str>) -> bool {
    let same = || {
        let (origin_scheme, default, authority) = match after_prefix(origin, b"http://") {
            Some(authority) => ("http", 80, authority),
            None => ("https", 443, after_prefix(origin, b"https://")?),
        };
        if scheme.is_some_and(|scheme| !scheme.eq_ignore_ascii_case(origin_scheme)) {
            return Some(false);
        }
        let host = host?;
        if authority == host {
            return Some(!host.is_empty());
        }
        let (origin_host, origin_port) = host_and_port(authority).ok()?;
        // Often nobody has told us whether we are behind TLS. A Host without a port is taken to
        // have the default port of the origin's scheme.
        let (host, port) = host_and_port(host).ok()?;
        let same_port = origin_port.unwrap_or(default) == port.unwrap_or(default);
        Some(origin_host.eq_ignore_ascii_case(host) && same_port)
    };
    same().unwrap_or(false)
}

/// Returns what follows a prefix, which may be written in any case.
fn after_prefix<'a, const N: usize>(text: &'a [u8], prefix: &[u8; N]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(N)?;
    is_in_any_case(start, prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_origin() {
        for (origin, host, want) in [
            ("http://example.com", "example.com", true),
            ("http://Example.COM", "example.com", true),
            ("https://example.com", "example.com", true),
            ("http://example.com:80", "example.com", true),
            ("http://example.com", "example.com:80", true),
            ("https://example.com", "example.com:443", true),
            ("http://example.com:8080", "example.com:8080", true),
            ("http://[::1]:8080", "[::1]:8080", true),
            ("http://example.com", "example.com:443", false),
            ("https://example.com", "example.com:80", false),
            ("http://example.com:8080", "example.com", false),
            ("http://example.com", "example.com:8080", false),
            ("http://example.com.evil.net", "example.com", false),
            ("http://evil-example.com", "example.com", false),
            ("http://sub.example.com", "example.com", false),
            ("http://example.com@evil.net", "example.com", false),
            ("http://evil.net@example.com", "example.com", false),
            ("http://example.com/", "example.com", false),
            ("http://evil.net/example.com", "example.com", false),
            ("http://example.com http://evil.net", "example.com", false),
            ("http://example.com:+80", "example.com", false),
            ("http://example.com:65616", "example.com", false), // 65536 + 80
            ("file://example.com", "example.com", false),
            ("chrome-extension://example.com", "example.com", false),
            ("example.com", "example.com", false),
            ("null", "null", false),
            ("http://", "", false),
            ("", "example.com", false),
        ] {
            assert_eq!(
                is_same(origin.as_bytes(), Some(host.as_bytes()), None),
                want,
                "{origin:?} {host:?}"
            );
        }
        assert!(!is_same(b"http://\xff", Some(b"example.com"), None));
        assert!(!is_same(b"http://example.com", None, None));
    }

    #[test]
    fn listed_origins() {
        let Ok(Origins::List(list)) = Origins::parse(["https://a", "http://b:1", "null"]) else {
            panic!()
        };
        for (origin, want) in [
            ("https://a", true),
            ("HTTPS://A", true),
            ("http://b:1", true),
            ("null", true),
            ("http://a", false),
            ("https://a\nhttp://b:1", false),
            ("https://", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(is_listed(origin.as_bytes(), &list), want, "{origin:?}");
        }
        assert!(!is_listed(b"", b""), "an empty list has no entry, not an empty one");
    }
}
