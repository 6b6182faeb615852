//! Classes 15 and 23 in HTTP/2 and HTTP/3: what an HTTP stack hands on as pseudo-header fields is the client's, and as
//! hostile as a line of HTTP/1.1.

use hybi::handshake::{HttpVersion, Request, RequestError, RequestParts};

/// RFC 9113 §8.2.1, §10.3: whoever forwards such a value in HTTP/1.1, or logs it, writes another line.
#[test]
fn class_15_no_request_has_a_line_end_in_a_pseudo_header_field() {
    let bad = ["a\r\nb: c", "https\r\n", "\nwebsocket", "websocket\0"];
    for version in [HttpVersion::Http2, HttpVersion::Http3] {
        for (method, value) in ["CONNECT", "GET"].into_iter().flat_map(|m| bad.map(|b| (m, b))) {
            let good = RequestParts::new(method, "/").version(version).scheme("https");
            let good = good.authority("server.example.com");
            assert!(Request::from_parts(&good).is_ok());
            for (name, parts) in [
                (":path", RequestParts::new(method, value).version(version).authority("a")),
                (":method", RequestParts::new(value, "/").version(version).authority("a")),
                (":authority", good.authority(value)),
                (":scheme", good.scheme(value)),
                (":protocol", good.protocol(value)),
            ] {
                assert!(
                    Request::from_parts(&parts).is_err(),
                    "{version:?} {method} {name} {value:?}"
                );
            }
        }
    }
}

/// Two names for one host let whoever decides by one of them and us disagree (RFC 9113 §8.3.1).
#[test]
fn class_15_no_authority_takes_the_place_of_another_host() {
    for version in [HttpVersion::Http2, HttpVersion::Http3] {
        for (host, want) in [
            (&b"a.example"[..], Ok(())),
            (b"A.Example:443", Ok(())),
            (b"a.example:80", Err(RequestError::HostDiffers)),
            (b"b.example", Err(RequestError::HostDiffers)),
            (b"a.example.", Err(RequestError::HostDiffers)),
            (b"a.example@b.example", Err(RequestError::HostMalformed)),
            (b"", Err(RequestError::HostMalformed)),
        ] {
            let fields = [(&b"host"[..], host)];
            let parts = RequestParts::new("GET", "/").version(version).fields(&fields);
            let parts = parts.authority("a.example").scheme("https");
            assert_eq!(
                Request::from_parts(&parts).map(drop),
                want,
                "{version:?} {}",
                host.escape_ascii()
            );
        }
    }
}
