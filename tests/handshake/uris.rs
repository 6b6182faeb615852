//! `ws:` and `wss:` URIs.

use super::*;
use UriErrorKind as Kind;
use UriPart as Part;

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
    for (text, want, part, at) in [
        ("", Kind::Scheme, Part::Scheme, 0),
        ("example.com", Kind::Scheme, Part::Scheme, 0),
        ("http://a", Kind::Scheme, Part::Scheme, 0),
        (" ws://a", Kind::Scheme, Part::Scheme, 0),
        ("ws:a", Kind::NoAuthority, Part::Scheme, 3),
        ("ws:/a", Kind::NoAuthority, Part::Scheme, 3),
        ("ws://", Kind::NoHost, Part::Host, 5),
        ("ws:///a", Kind::NoHost, Part::Host, 5),
        ("ws:///a@b", Kind::NoHost, Part::Host, 5),
        ("ws://:80", Kind::NoHost, Part::Host, 5),
        ("ws://u@", Kind::NoHost, Part::Host, 7),
        ("ws://a b", Kind::HostCharacter, Part::Host, 6),
        ("ws://u@a b:80/", Kind::HostCharacter, Part::Host, 8),
        ("ws://a\r\nb", Kind::HostCharacter, Part::Host, 6),
        ("ws://a%41", Kind::HostCharacter, Part::Host, 6),
        ("ws://a\\b", Kind::HostCharacter, Part::Host, 6),
        ("ws://b\u{fc}cher.example", Kind::HostNotAscii, Part::Host, 6),
        ("ws://[::1", Kind::Ipv6Address, Part::Host, 5),
        ("ws://[::1]x", Kind::Ipv6Address, Part::Host, 5),
        ("ws://u@[::1%25eth0]", Kind::Ipv6Address, Part::Host, 7),
        ("ws://[1.2.3.4]", Kind::Ipv6Address, Part::Host, 5),
        ("ws://[v1.a]", Kind::Ipv6Address, Part::Host, 5),
        ("ws://::1", Kind::Ipv6Address, Part::Host, 5),
        ("ws://::1:x", Kind::NoHost, Part::Host, 5),
        ("ws://a:0", Kind::Port, Part::Port, 7),
        ("ws://a:65536", Kind::Port, Part::Port, 7),
        ("ws://a:+80", Kind::Port, Part::Port, 7),
        ("ws://a:b", Kind::Port, Part::Port, 7),
        ("ws://u:v@[::1]:b/c", Kind::Port, Part::Port, 15),
        ("ws://me:pass/word@a", Kind::UserinfoDelimiter { byte: b'/' }, Part::Userinfo, 12),
        ("ws://me:pass?word@a", Kind::UserinfoDelimiter { byte: b'?' }, Part::Userinfo, 12),
        ("ws://me:pass#word@a", Kind::UserinfoDelimiter { byte: b'#' }, Part::Userinfo, 12),
        ("ws://a:b/c", Kind::Port, Part::Port, 7),
        ("ws://a/#", Kind::Fragment, Part::Fragment, 7),
        ("ws://a#b", Kind::Fragment, Part::Fragment, 6),
        ("ws://a/?b#c@d", Kind::Fragment, Part::Fragment, 9),
        ("ws://a/%", Kind::PercentEncoding, Part::Path, 7),
        ("ws://a/%4", Kind::PercentEncoding, Part::Path, 7),
        ("ws://a/?%4g", Kind::PercentEncoding, Part::Query, 8),
        ("ws://u%@a", Kind::PercentEncoding, Part::Userinfo, 6),
        ("ws://a/ b", Kind::Character { byte: b' ' }, Part::Path, 7),
        ("ws://a/b?c d", Kind::Character { byte: b' ' }, Part::Query, 10),
        ("ws://a/\r\nb", Kind::Character { byte: b'\r' }, Part::Path, 7),
        ("ws://a/\0", Kind::Character { byte: 0 }, Part::Path, 7),
        ("ws://a/|", Kind::Character { byte: b'|' }, Part::Path, 7),
        ("ws://u@v@a", Kind::Character { byte: b'@' }, Part::Userinfo, 6),
        ("ws://a/b/\u{e4}", Kind::NotAscii, Part::Path, 9),
    ] {
        let error = Uri::parse(text).unwrap_err();
        assert_eq!((error.kind(), error.part(), error.position()), (want, part, at), "{text:?}");
        let printed = error.to_string();
        let place = format!("the {part} of the URI, at byte {at}: ");
        assert!(printed.starts_with(&place), "{printed}");
        assert!(printed.contains(error.section()), "{printed}");
        assert_eq!(Uri::try_from(text), Err(error));
        assert_eq!(text.parse::<Uri>(), Err(error));
    }
    let uri = Uri::parse("ws://me:secret%20@a/b").unwrap();
    assert_eq!(uri.userinfo(), Some("me:secret%20"));
    assert!(!format!("{uri} {uri:?}").contains("secret"));
}

/// What the URL Standard makes of a text, for schemes such as `ws`; and `http` and `https` mean the
/// same, as in a browser's `WebSocket`.
#[test]
fn what_people_type() {
    for (text, want) in [
        ("ws://example.com", "ws://example.com/"),
        ("http://example.com/", "ws://example.com/"),
        ("HTTPS://Example.COM:443/A?B", "wss://example.com/A?B"),
        ("https://example.com:80", "wss://example.com:80/"),
        ("http://example.com:", "ws://example.com/"),
        (" \t\n ws://example.com/a \r\n\0", "ws://example.com/a"),
        ("w\ts\n://exa\rmple.com/a\tb", "ws://example.com/ab"),
        ("ws:example.com", "ws://example.com/"),
        ("ws:/example.com", "ws://example.com/"),
        ("ws:///example.com", "ws://example.com/"),
        ("ws:\\\\example.com\\a\\b", "ws://example.com/a/b"),
        ("ws://example.com/a b?c d", "ws://example.com/a%20b?c%20d"),
        ("ws://example.com/gr\u{fc}\u{df}e?\u{20ac}", "ws://example.com/gr%C3%BC%C3%9Fe?%E2%82%AC"),
        ("ws://example.com/%7e%zz%", "ws://example.com/%7e%25zz%25"),
        ("ws://example.com/\"<>`{}|^", "ws://example.com/%22%3C%3E%60%7B%7D%7C%5E"),
        ("ws://example.com/a?b\\c", "ws://example.com/a?b%5Cc"),
        ("ws://example.com/a#b c", "ws://example.com/a"),
        ("ws://example.com?a#b?c", "ws://example.com/?a"),
        ("ws://example.com#a/b", "ws://example.com/"),
        ("ws://example.com/?", "ws://example.com/?"),
        ("ws://example.com/a/./b/../c", "ws://example.com/a/c"),
        ("ws://example.com/a/%2E%2e/%2e/b", "ws://example.com/b"),
        ("ws://example.com/../..", "ws://example.com/"),
        ("ws://example.com/a/..", "ws://example.com/"),
        ("ws://example.com/a/b/.", "ws://example.com/a/b/"),
        ("ws://example.com//a//", "ws://example.com//a//"),
        ("ws://example.com/a?b/../c", "ws://example.com/a?b/../c"),
        ("ws://ex%61mple.com", "ws://example.com/"),
        ("ws://[::1]:8080/", "ws://[::1]:8080/"),
    ] {
        let uri = Uri::parse_lenient(text).map(|uri| uri.to_string());
        assert_eq!(uri.as_deref(), Ok(want), "{text:?}");
        // What is strict means the same, and what it prints is strict.
        let strict = Uri::parse(want).unwrap();
        assert_eq!(Uri::parse_lenient(want).as_ref(), Ok(&strict));
    }
    for (text, want) in [
        ("ws://me:secret@a", "me:secret"),
        ("ws://me:p@ss w\u{f6}rd@a", "me:p%40ss%20w%C3%B6rd"),
        ("ws://me:100%@a", "me:100%25"),
        ("ws://me:a:b@a", "me:a:b"),
        ("ws://me:%2F@a", "me:%2F"),
    ] {
        let uri = Uri::parse_lenient(text).unwrap();
        assert_eq!((uri.userinfo(), uri.host()), (Some(want), "a"), "{text:?}");
    }
    assert_eq!(Uri::parse_lenient("ws://@a").unwrap().userinfo(), None);
}

/// The URL Standard, "host parsing": the IPv4 parser and the ends-in-a-number checker. Most cases
/// are those of the web platform tests (`url/resources/urltestdata.json`).
#[test]
fn hosts_that_end_in_a_number_are_ipv4_addresses() {
    for (host, want) in [
        ("1", "0.0.0.1"),
        ("256", "0.0.1.0"),
        ("192.168.257", "192.168.1.1"),
        ("192.168.257.", "192.168.1.1"),
        ("999999999", "59.154.201.255"),
        ("4294967295", "255.255.255.255"),
        ("0xffffffff", "255.255.255.255"),
        ("0x7f.1", "127.0.0.1"),
        ("0X7F.0.0.0X1", "127.0.0.1"),
        ("0177.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x.0x.0", "0.0.0.0"),
        ("%30%78%63%30%2e%30%32%35%30.01", "192.168.0.1"),
        ("00.0x0000000000000001", "0.0.0.1"),
        ("1.2.3.4.", "1.2.3.4"),
    ] {
        let uri = Uri::parse_lenient(&format!("ws://{host}:81/")).unwrap();
        assert_eq!((uri.host(), uri.authority()), (want, &*format!("{want}:81")), "{host}");
        assert_eq!(Uri::parse(&format!("ws://{want}:81/")), Ok(uri));
    }
    // RFC 3986 §7.4: the URI syntax does not allow such addresses. No top-level domain is a number
    // (RFC 1123 §2.1), so they are no names, either.
    for host in ["1", "192.168.257", "0x7f.1", "0X7F000001", "0177.0.0.1", "1.2.3.4.", "0x"] {
        let error = Uri::parse(&format!("ws://u@{host}/")).unwrap_err();
        assert_eq!((error.kind(), error.position()), (Kind::Ipv4Address, 7), "{host}");
    }
    for host in [
        "10000000000",
        "4294967296",
        "0xffffffff1",
        "256.256.256.256",
        "1.2.3.4.5",
        "1.2.3.4.5.",
        "0..0x300",
        "1.2.3.08",
        "09",
        "09.2.3.4",
        "0x100.2.3.4",
        "1.2.65536",
        "foo.1.2.3.4",
        "foo.09.",
        "foo.0x4",
        "foo.0x",
        "foo.0XFfFfFfFfFfFfFfFfFfFAcE123",
        "0999999999999999999",
        "*127.0.0.1",
        "+1.2.3.4",
        "1.2.+3.4",
    ] {
        let text = format!("ws://{host}/");
        for error in [Uri::parse(&text).unwrap_err(), Uri::parse_lenient(&text).unwrap_err()] {
            assert_eq!((error.kind(), error.position()), (Kind::Ipv4Address, 5), "{host}");
            assert_eq!((error.part(), error.name()), (Part::Host, "uri-ipv4-address"));
        }
    }
    for host in ["1.com", "10000000000.com", "0xg", "a1", "1.2.3.4.a", "0x7f.1-", "+1"] {
        let text = format!("ws://{host}/");
        for uri in [Uri::parse(&text).unwrap(), Uri::parse_lenient(&text).unwrap()] {
            assert_eq!(uri.host(), host);
        }
    }
}

/// RFC 5952 §4. Without the dotted form of its §5, which browsers do not write (the URL Standard's
/// IPv6 serializer).
#[test]
fn an_ipv6_address_has_one_form() {
    for (address, want) in [
        ("0:0::0:1", "::1"),
        ("0:0:0:0:0:0:0:0", "::"),
        ("2001:0DB8::0001", "2001:db8::1"),
        ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
        ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("::ffff:192.0.2.1", "::ffff:c000:201"),
        ("::1.2.3.4", "::102:304"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ] {
        let text = format!("ws://[{address}]:81/");
        for uri in [Uri::parse(&text).unwrap(), Uri::parse_lenient(&text).unwrap()] {
            assert_eq!((uri.host(), uri.authority()), (want, &*format!("[{want}]:81")));
        }
    }
}

#[test]
fn what_people_type_and_is_no_uri() {
    for (text, want, part, at) in [
        ("", Kind::Scheme, Part::Scheme, 0),
        ("example.com/chat", Kind::Scheme, Part::Scheme, 0),
        ("localhost:8080", Kind::Scheme, Part::Scheme, 0),
        (" ftp://a", Kind::Scheme, Part::Scheme, 1),
        ("ws://", Kind::NoHost, Part::Host, 5),
        ("ws:", Kind::NoHost, Part::Host, 3),
        ("ws://:80", Kind::NoHost, Part::Host, 5),
        ("ws://a b", Kind::HostCharacter, Part::Host, 6),
        ("ws://a%3A80", Kind::HostCharacter, Part::Host, 6),
        ("ws://a%2Fb", Kind::HostCharacter, Part::Host, 6),
        ("ws://a%zz", Kind::HostCharacter, Part::Host, 6),
        ("ws://%5B::1%5D", Kind::HostCharacter, Part::Host, 5),
        // Refused clearly, because that would take tables of all of Unicode.
        ("https://b\u{fc}cher.example/", Kind::HostNotAscii, Part::Host, 9),
        ("ws://b%C3%BCcher.example/", Kind::HostNotAscii, Part::Host, 6),
        ("ws://a\u{ad}b", Kind::HostNotAscii, Part::Host, 6),
        ("ws://::1", Kind::Ipv6Address, Part::Host, 5),
        ("ws://[::1", Kind::Ipv6Address, Part::Host, 5),
        ("ws://a:65536/b", Kind::Port, Part::Port, 7),
        ("  w\ts://a:b/", Kind::Port, Part::Port, 10),
        ("ws://me:pass/word@a", Kind::UserinfoDelimiter { byte: b'/' }, Part::Userinfo, 12),
        ("ws://me:pass\\word@a", Kind::UserinfoDelimiter { byte: b'\\' }, Part::Userinfo, 12),
    ] {
        let error = Uri::parse_lenient(text).unwrap_err();
        let at_end = at.min(text.len());
        assert_eq!(
            (error.kind(), error.part(), error.position()),
            (want, part, at_end),
            "{text:?}"
        );
    }
    // Nothing of a password is printed.
    for text in ["ws://me:secret/x@a", "ws://me:secret#@a", "ws://me:secret@a:b"] {
        for error in [Uri::parse(text).unwrap_err(), Uri::parse_lenient(text).unwrap_err()] {
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }
}

/// Logs and metrics keep these names, so a change here breaks their readers.
#[test]
fn the_errors_have_stable_names() {
    for (text, name) in [
        ("http://a", "uri-scheme"),
        ("ws:a", "uri-no-authority"),
        ("ws://", "uri-no-host"),
        ("ws://a b", "uri-host-character"),
        ("ws://\u{fc}", "uri-host-not-ascii"),
        ("ws://1.2", "uri-ipv4-address"),
        ("ws://[", "uri-ipv6-address"),
        ("ws://a:b", "uri-port"),
        ("ws://a:b/@", "uri-userinfo-delimiter"),
        ("ws://a#", "uri-fragment"),
        ("ws://a/%", "uri-percent-encoding"),
        ("ws://a/ ", "uri-character"),
        ("ws://a/\u{fc}", "uri-not-ascii"),
    ] {
        assert_eq!(Uri::parse(text).unwrap_err().name(), name);
    }
}
