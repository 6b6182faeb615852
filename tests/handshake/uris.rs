//! `ws:` and `wss:` URIs.

use super::*;

#[test]
fn uris() {
    for (text, secure, host, port, authority, resource) in [
        ("ws://example.com", false, "example.com", 80, "example.com", "/"),
        ("wss://example.com/", true, "example.com", 443, "example.com", "/"),
        ("WS://EXAMPLE.com:80/A", false, "example.com", 80, "example.com", "/A"),
        ("wss://a:80/b?c=d?e", true, "a", 80, "a:80", "/b?c=d?e"),
        ("ws://a:443", false, "a", 443, "a:443", "/"),
        ("ws://a:", false, "a", 80, "a", "/"),
        ("ws://a?b/c", false, "a", 80, "a", "/?b/c"),
        ("ws://a/?", false, "a", 80, "a", "/?"),
        ("ws://[::1]", false, "::1", 80, "[::1]", "/"),
        (
            "wss://[2001:DB8::1]:65535/%7e//..",
            true,
            "2001:db8::1",
            65535,
            "[2001:db8::1]:65535",
            "/%7e//..",
        ),
        ("ws://127.0.0.1:1/@:!$&'()*+,;=", false, "127.0.0.1", 1, "127.0.0.1:1", "/@:!$&'()*+,;="),
        (
            "ws://xn--bcher-kva.example/",
            false,
            "xn--bcher-kva.example",
            80,
            "xn--bcher-kva.example",
            "/",
        ),
    ] {
        let uri: Uri = text.parse().unwrap();
        assert_eq!((uri.is_secure(), uri.host(), uri.port()), (secure, host, port), "{text}");
        assert_eq!(
            (uri.authority(), uri.resource_name(), uri.userinfo()),
            (authority, resource, None)
        );
        assert_eq!(Uri::parse(&uri.to_string()).as_ref(), Ok(&uri));
    }
    for (text, want) in [
        ("", UriError::Scheme),
        ("example.com", UriError::Scheme),
        ("http://a", UriError::Scheme),
        (" ws://a", UriError::Scheme),
        ("ws:a", UriError::NoAuthority),
        ("ws:/a", UriError::NoAuthority),
        ("ws://", UriError::NoHost),
        ("ws:///a", UriError::NoHost),
        ("ws://:80", UriError::NoHost),
        ("ws://u@", UriError::NoHost),
        ("ws://a b", UriError::HostCharacter),
        ("ws://a\r\nb", UriError::HostCharacter),
        ("ws://a%41", UriError::HostCharacter),
        ("ws://a\\b", UriError::HostCharacter),
        ("ws://b\u{fc}cher.example", UriError::HostNotAscii),
        ("ws://[::1", UriError::Ipv6Address),
        ("ws://[::1]x", UriError::Ipv6Address),
        ("ws://[::1%25eth0]", UriError::Ipv6Address),
        ("ws://[1.2.3.4]", UriError::Ipv6Address),
        ("ws://[v1.a]", UriError::Ipv6Address),
        ("ws://::1", UriError::NoHost),
        ("ws://a:0", UriError::Port),
        ("ws://a:65536", UriError::Port),
        ("ws://a:+80", UriError::Port),
        ("ws://a:b", UriError::Port),
        ("ws://a/#", UriError::Fragment),
        ("ws://a#b", UriError::Fragment),
        ("ws://a/%", UriError::PercentEncoding),
        ("ws://a/%4", UriError::PercentEncoding),
        ("ws://a/%4g", UriError::PercentEncoding),
        ("ws://u%@a", UriError::PercentEncoding),
        ("ws://a/ b", UriError::Character { byte: b' ' }),
        ("ws://a/\r\nb", UriError::Character { byte: b'\r' }),
        ("ws://a/\0", UriError::Character { byte: 0 }),
        ("ws://a/|", UriError::Character { byte: b'|' }),
        ("ws://u@v@a", UriError::Character { byte: b'@' }),
        ("ws://a/\u{e4}", UriError::NotAscii),
    ] {
        assert_eq!(Uri::parse(text), Err(want), "{text:?}");
    }
    let uri = Uri::parse("ws://me:secret%20@a/b").unwrap();
    assert_eq!(uri.userinfo(), Some("me:secret%20"));
    assert!(!format!("{uri} {uri:?}").contains("secret"));
}

/// Logs and metrics keep these names, so a change here breaks their readers.
#[test]
fn the_errors_have_stable_names() {
    for (error, name) in [
        (UriError::Scheme, "uri-scheme"),
        (UriError::NoAuthority, "uri-no-authority"),
        (UriError::NoHost, "uri-no-host"),
        (UriError::HostCharacter, "uri-host-character"),
        (UriError::HostNotAscii, "uri-host-not-ascii"),
        (UriError::Ipv6Address, "uri-ipv6-address"),
        (UriError::Port, "uri-port"),
        (UriError::Fragment, "uri-fragment"),
        (UriError::PercentEncoding, "uri-percent-encoding"),
        (UriError::Character { byte: b' ' }, "uri-character"),
        (UriError::NotAscii, "uri-not-ascii"),
    ] {
        assert_eq!(error.name(), name);
    }
}
