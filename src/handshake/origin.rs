//! Which web pages may connect (RFC 6455 §4.2.2, §10.2).

use super::error::RequestError;
use super::head::Field;
use super::request::Request;
use crate::uri::host_and_port;

/// The origins that are allowed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origins<'a> {
    Any,
    Same,
    List(&'a [&'a str]),
}

impl Origins<'_> {
    /// Requests without an `Origin` come from no web page, and pass.
    pub(super) fn check(self, request: &Request<'_>) -> Result<(), RequestError> {
        let allowed = match (self, request.head.count(Field::Origin)) {
            (Self::Any, _) | (_, 0) => true,
            (_, 2..) => false, // no browser does this
            (Self::Same, 1) => {
                request.origin().is_some_and(|origin| is_same(origin, request.host_bytes()))
            }
            (Self::List(list), 1) => request.origin().is_some_and(|origin| {
                list.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin))
            }),
        };
        if allowed { Ok(()) } else { Err(RequestError::Origin) }
    }
}

/// Whether the origin is that of the host, which is well-formed or absent ([`Request::check`]): the same name, the same port.
fn is_same(origin: &[u8], host: Option<&[u8]>) -> bool {
    let same = || {
        let (scheme, rest) =
            origin.split_at_checked(origin.iter().position(|&byte| byte == b':')?)?;
        let default = match scheme {
            _ if scheme.eq_ignore_ascii_case(b"http") => 80,
            _ if scheme.eq_ignore_ascii_case(b"https") => 443,
            _ => return None,
        };
        let (authority, host) = (rest.strip_prefix(b"://")?, host?);
        if authority == host {
            return Some(!host.is_empty());
        }
        let (origin_host, origin_port) = host_and_port(authority).ok()?;
        // Whether we are behind TLS nobody has told us; a Host without a port is taken to be of the origin's scheme.
        let (host, port) = host_and_port(host).ok()?;
        let same_port = origin_port.unwrap_or(default) == port.unwrap_or(default);
        Some(origin_host.eq_ignore_ascii_case(host) && same_port)
    };
    same().unwrap_or(false)
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
                is_same(origin.as_bytes(), Some(host.as_bytes())),
                want,
                "{origin:?} {host:?}"
            );
        }
        assert!(!is_same(b"http://\xff", Some(b"example.com")));
        assert!(!is_same(b"http://example.com", None));
    }
}
