//! A server: the limits of a request, origins, its own answers, and its caller's mistakes.

use super::*;

/// A ready-made refusal is a whole response that closes the connection.
#[track_caller]
fn check_refusal(out: &[u8], status: u16) {
    let text = std::str::from_utf8(out).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    assert!(head.contains("\r\nConnection: close"), "{text}");
    assert!(head.contains("\r\nContent-Type: text/plain"), "{text}");
    assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{text}");
    assert!(body.starts_with("the client sent ") && body.contains("(RFC "), "{text}");
    assert_eq!(head.contains("\r\nSec-WebSocket-Version: 13"), status == 426, "{text}");
    assert_eq!(head.contains("\r\nUpgrade: websocket"), status == 426, "{text}");
    assert_eq!(head.contains("\r\nConnection: close, Upgrade"), status == 426, "{text}");
    assert_eq!(head.contains("\r\nallow: GET"), status == 405, "{text}");
}

#[test]
fn any_byte_in_a_value_is_shown_or_refused() {
    for byte in 0..=u8::MAX {
        let bytes =
            [b"GET / HTTP/1.1\r\nHost: a\r\nx: y".as_slice(), &[byte], b"z\r\n\r\n"].concat();
        let (mut server, mut out, mut inbox) = (server(), Outbox::new(), bytes);
        match server.receive(&mut Input::new(&mut inbox), &mut out) {
            Ok(request) => assert_eq!(request.unwrap().field("X"), Some(&[b'y', byte, b'z'][..])),
            Err(_) => assert!(byte.is_ascii_control() && byte != b'\t'),
        }
    }
}

#[test]
fn limits_hold_to_the_byte() {
    for (limits, want) in [
        (HeadLimits::default().head_bytes_max(REQUEST.len() as u32), None),
        (HeadLimits::default().head_bytes_max(REQUEST.len() as u32 - 1), Some(Bad::HeadTooLong)),
        (HeadLimits::default().head_bytes_max(10), Some(Bad::TargetTooLong)),
        (HeadLimits::default().target_bytes_max(5), None),
        (HeadLimits::default().target_bytes_max(4), Some(Bad::TargetTooLong)),
        (HeadLimits::default().fields_max(7), None),
        (HeadLimits::default().fields_max(6), Some(Bad::TooManyFields)),
    ] {
        for size in [1, REQUEST.len()] {
            let (mut server, mut out) = (ServerHandshake::new(limits), Outbox::new());
            let mut error = None;
            for chunk in REQUEST.as_bytes().chunks(size) {
                let mut chunk = chunk.to_vec();
                let got = server.receive(&mut Input::new(&mut chunk), &mut out);
                error = got.err();
            }
            assert_eq!(error, want, "{limits:?} {size}");
            assert_eq!(out.is_empty(), want.is_none()); // and the error, repeated, was written once
        }
    }
}

/// A field name counts as a whole, letters in any case (RFC 9110 §5.1): these have the length and
/// the first letter of `Host`, and differ from it in as many bits of one letter as of another.
#[test]
fn no_other_name_is_taken_for_host() {
    for (name, ok) in [("hOST", true), ("Hnrt", false), ("Hosu", false), ("Hpqt", false)] {
        let (mut server, mut out) = (server(), Outbox::new());
        let mut inbox = with("Host", &format!("{name}: server.example.com\r\n"));
        let error = server.receive(&mut Input::new(&mut inbox), &mut out).err();
        assert_eq!(error.is_none(), ok, "{name}: {error:?}");
    }
}

/// `HeadLimits::head_bytes_max`: 431, or 414 if the request line alone is longer; seen with the
/// first byte beyond.
#[test]
fn a_request_beyond_the_limit_is_refused_for_its_longer_part() {
    let request_line = "GET /chat HTTP/1.1\r\n".len();
    for max in 0..REQUEST.len() {
        let want = if max < request_line { Bad::TargetTooLong } else { Bad::HeadTooLong };
        let limits = HeadLimits::default().head_bytes_max(max as u32);
        for size in [1, REQUEST.len()] {
            let (mut server, mut out) = (ServerHandshake::new(limits), Outbox::new());
            let (mut read, mut bytes) = (0, REQUEST.as_bytes().to_vec());
            let error = bytes.chunks_mut(size).find_map(|piece| {
                read += piece.len();
                server.receive(&mut Input::new(piece), &mut out).err()
            });
            assert_eq!(error, Some(want), "{max} {size}");
            assert!(size > 1 || read == max + 1, "{max}: only after {read}");
        }
    }
}

#[test]
fn origins() {
    fn from<const N: usize>(origins: [&str; N]) -> Acceptance<'static> {
        Acceptance::from_origins(origins).unwrap()
    }
    for (origin, accept, ok) in [
        ("", from([]), true),
        ("Origin: http://a\r\n", from(["https://a", "HTTP://A"]), true),
        ("Origin: http://a\r\n", from(["https://a"]), false),
        ("Origin: http://a.b\r\n", from(["http://a"]), false),
        ("Origin: http://a\r\nOrigin: http://a\r\n", from(["http://a"]), false),
        ("Origin: null\r\n", from(["null"]), true),
        ("Origin: null\r\n", Acceptance::from_same_origin(), false),
        ("Origin: http://example.com\r\n", Acceptance::from_same_origin(), false),
        ("Origin: https://server.example.com\r\n", Acceptance::from_same_origin(), true),
        ("Origin: https://server.example.com:444\r\n", Acceptance::from_same_origin(), false),
        ("Origin: evil\r\n", Acceptance::from_any_origin(), true),
    ] {
        let (mut server, mut out, mut inbox) = (server(), Outbox::new(), with("Origin", origin));
        let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
        match server.accept(&request, &accept, &mut out) {
            Ok(_) => assert!(ok, "{origin}"),
            Err(error) => {
                assert_eq!(
                    (error, ok),
                    (ServerHandshakeError::Request(Bad::Origin), false),
                    "{origin}"
                );
                check_refusal(&out.take(), 403);
            }
        }
    }
}

#[test]
fn a_server_that_is_misused_is_unharmed() {
    let (mut server, mut out) = (server(), Outbox::new());
    assert_eq!(server.reject(&Rejection::new(404), &mut out), Err(UsageError::NoRequest));
    let mut inbox = REQUEST.as_bytes().to_vec();
    let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
    let any = Acceptance::from_any_origin;
    let mut accepts = vec![
        (any().subprotocol("Chat"), UsageError::SubprotocolNotOffered),
        (any().subprotocol(""), UsageError::Subprotocol),
        (any().subprotocol("chat\r\nx: y"), UsageError::Subprotocol),
        (any().field("", "x"), UsageError::FieldName),
        (any().field("a b", "x"), UsageError::FieldName),
        (any().field("a:", "x"), UsageError::FieldName),
        (any().field("\u{e4}", "x"), UsageError::FieldName),
        (any().field("a\r\n", "x"), UsageError::FieldName),
        (any().field("a", "x\r\nb: c"), UsageError::FieldValue),
        (any().field("a", "x\n"), UsageError::FieldValue),
        (any().field("a", "\0"), UsageError::FieldValue),
    ];
    for name in [
        "Host",
        "upgrade",
        "CONNECTION",
        "Content-Length",
        "transfer-encoding",
        "Sec-WebSocket-Foo",
    ] {
        accepts.push((any().field(name, "x"), UsageError::FieldReserved));
    }
    for (accept, want) in accepts {
        let error = server.accept(&request, &accept, &mut out).unwrap_err();
        assert_eq!(error, ServerHandshakeError::Usage(want), "{accept:?}");
    }
    for (rejection, want) in [
        (Rejection::new(101), UsageError::Status),
        (Rejection::new(199), UsageError::Status),
        (Rejection::new(600), UsageError::Status),
        (Rejection::new(204).body("a/b", "x"), UsageError::Body),
        (Rejection::new(200).body("a/b\r\n", "x"), UsageError::ContentType),
        (Rejection::new(200).field("content-type", "a/b"), UsageError::FieldReserved),
        (Rejection::new(200).field("Content-Length", "1"), UsageError::FieldReserved),
        (Rejection::new(302).field("Location", "/\r\n"), UsageError::FieldValue),
    ] {
        assert_eq!(server.reject(&rejection, &mut out), Err(want), "{rejection:?}");
    }
    assert!(out.is_empty());
    server.accept(&request, &any(), &mut out).unwrap();
    let len = out.len();
    let error = server.accept(&request, &any(), &mut out).unwrap_err();
    assert_eq!(error, ServerHandshakeError::Usage(UsageError::Answered));
    assert_eq!(server.reject(&Rejection::new(404), &mut out), Err(UsageError::Answered));
    assert_eq!(out.len(), len);
}

/// RFC 6455 §4.2.2: a refusal ends the handshake, whoever decided on it.
#[test]
fn a_refused_request_cannot_be_accepted() {
    let answered = ServerHandshakeError::Usage(UsageError::Answered);
    let any = Acceptance::from_any_origin;
    for (bytes, first) in
        [(with("Sec-WebSocket-Key", ""), any()), (REQUEST.into(), Acceptance::from_same_origin())]
    {
        let (mut server, mut out, mut inbox) = (server(), Outbox::new(), bytes);
        let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
        assert!(matches!(
            server.accept(&request, &first, &mut out),
            Err(ServerHandshakeError::Request(_))
        ));
        let len = out.len();
        assert_eq!(server.accept(&request, &any(), &mut out).unwrap_err(), answered);
        assert_eq!(server.reject(&Rejection::new(404), &mut out), Err(UsageError::Answered));
        assert_eq!(out.len(), len);
    }
    let (mut server, mut out, mut inbox) = (server(), Outbox::new(), REQUEST.as_bytes().to_vec());
    let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
    server.reject(&Rejection::new(403), &mut out).unwrap();
    assert_eq!(server.accept(&request, &any(), &mut out).unwrap_err(), answered);
}

#[test]
fn pages_and_refusals() {
    for (method, rejection, want) in [
        (
            "GET",
            Rejection::new(200).body("text/html", "<p>"),
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n<p>",
        ),
        (
            "HEAD",
            Rejection::new(200).body("text/html", "<p>"),
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n",
        ),
        (
            "POST",
            Rejection::new(307).field("Location", "/x"),
            "HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\nlocation: /x\r\nContent-Length: 0\r\n\r\n",
        ),
        ("GET", Rejection::new(204), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
        (
            "GET",
            Rejection::new(299),
            "HTTP/1.1 299 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        ),
    ] {
        let (mut server, mut out) = (server(), Outbox::new());
        let mut inbox = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
        let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
        assert!(!request.is_upgrade());
        server.reject(&rejection, &mut out).unwrap();
        assert_eq!(String::from_utf8(out.take()).unwrap(), want);
    }
    // RFC 9112 §3.2: the Host of a target without an authority is empty.
    let (mut empty, mut out) = (server(), Outbox::new());
    let mut inbox = *b"OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n";
    let request = empty.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
    assert_eq!(
        (request.host(), request.path(), request.check()),
        (Some(""), "*", Err(Bad::Method))
    );
    let (mut server, mut out) = (server(), Outbox::new());
    let mut inbox = *b"GET / HTTP/1.0\r\n\r\n"; // a health check, say
    let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
    assert_eq!((request.host(), request.check()), (None, Err(Bad::Http10)));
}

/// RFC 9110 §15, RFC 6585 §4, §5.
#[test]
fn rejections_have_the_usual_reason_phrase() {
    for line in [
        "200 OK",
        "204 No Content",
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "304 Not Modified",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "405 Method Not Allowed",
        "408 Request Timeout",
        "410 Gone",
        "414 URI Too Long",
        "426 Upgrade Required",
        "429 Too Many Requests",
        "431 Request Header Fields Too Large",
        "500 Internal Server Error",
        "501 Not Implemented",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "505 HTTP Version Not Supported",
        "599 ",
    ] {
        let (mut server, mut out, mut inbox) =
            (server(), Outbox::new(), REQUEST.as_bytes().to_vec());
        server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
        server.reject(&Rejection::new(line[..3].parse().unwrap()), &mut out).unwrap();
        let response = String::from_utf8(out.take()).unwrap();
        assert_eq!(response.lines().next(), Some(&*format!("HTTP/1.1 {line}")));
    }
}

/// RFC 9110 §5.6.1.2: a list may have empty elements, and one of nothing else is none.
#[test]
fn an_empty_list_is_as_none() {
    for list in ["", " ", ",", " , ,\t,"] {
        let lines = format!(
            "Sec-WebSocket-Protocol:{list}\r\nSec-WebSocket-Extensions:{list}\r\n\
             Sec-WebSocket-Extensions:{list}\r\n"
        );
        let mut bytes = with("Sec-WebSocket-Protocol", &lines);
        let (mut server, mut out) = (server(), Outbox::new());
        let request = server.receive(&mut Input::new(&mut bytes), &mut out).unwrap().unwrap();
        assert_eq!((request.subprotocols().count(), request.extensions().count()), (0, 0));
        let terms = Acceptance::from_any_origin().subprotocol(request.choose_subprotocol(&["a"]));
        server.accept(&request, &terms, &mut out).unwrap();
        let response = String::from_utf8(out.take()).unwrap();
        assert!(!response.contains("-Protocol") && !response.contains("-Extensions"), "{response}");
    }
}

/// A proxy that speaks HTTP/1.0 to its servers is the usual cause, and not the client's fault.
#[test]
fn the_refusal_of_http_1_0_names_the_usual_cause() {
    let mut bytes = with("GET", "GET /chat HTTP/1.0\r\n");
    let (mut server, mut out) = (server(), Outbox::new());
    let request = server.receive(&mut Input::new(&mut bytes), &mut out).unwrap().unwrap();
    let error = server.accept(&request, &Acceptance::from_any_origin(), &mut out).unwrap_err();
    assert_eq!(error, ServerHandshakeError::Request(Bad::Http10));
    let response = String::from_utf8(out.take()).unwrap();
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    for word in ["HTTP/1.0", "proxy", "proxy_http_version 1.1", "RFC 9110 §7.8"] {
        assert!(response.contains(word), "{word}: {response}");
    }
}
