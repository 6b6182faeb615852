//! The opening handshake through the public API: the RFC's examples, limits, origins, and the caller's mistakes. What peers may
//! and may not send is in `conformance/handshake/`.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use hybi::handshake::{
    Accept, Answer, ClientRequest, HandshakeMisuse as Misuse, HeadLimits, ProxyAnswer, ProxyHandshake,
    Rejection, RequestError as Bad, ResponseError, ServerError, choose_subprotocol,
};
use hybi::uri::UriError;
use hybi::{ClientHandshake, Config, Event, Input, ServerHandshake, Uri};

/// RFC 6455 §1.2.
const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

fn server() -> ServerHandshake {
    ServerHandshake::new(Config::default())
}

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
    assert_eq!(head.contains("\r\nAllow: GET"), status == 405, "{text}");
}

#[test]
fn the_example_of_rfc_6455() {
    let (mut server, mut out) = (server(), Vec::new());
    let mut inbox = [REQUEST.as_bytes(), b"\x81\x80\0\0\0\0"].concat();
    let mut input = Input::new(&mut inbox);
    let request = server.receive(&mut input, &mut out).unwrap().unwrap();
    assert_eq!((request.method(), request.target(), request.path()), ("GET", "/chat", "/chat"));
    assert_eq!((request.query(), request.host()), (None, Some("server.example.com")));
    assert_eq!(request.origin(), Some(&b"http://example.com"[..]));
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(request.extensions().count(), 0);
    assert_eq!(request.header("SEC-WEBSOCKET-VERSION"), Some(&b"13"[..]));
    assert_eq!(request.headers().count(), 7);
    assert!(request.is_upgrade());
    assert_eq!(request.check(), Ok(()));
    assert_eq!(choose_subprotocol(&request, &["v3", "superchat", "chat"]), Some("superchat"));
    assert_eq!(choose_subprotocol(&request, &["Chat"]), None);
    let mut ws = server.accept(&request, &Accept::from_any_origin().subprotocol("chat"), &mut out).unwrap();
    assert_eq!(out, RESPONSE.as_bytes());
    let owned = request.into_owned();
    assert_eq!(ws.receive(&mut input, &mut out), Ok(Some(Event::Text("".into()))));
    assert_eq!(owned.path(), "/chat");
    assert_eq!(
        server.receive(&mut Input::new(&mut [1, 2]), &mut out).map(|request| request.is_none()),
        Ok(true)
    );
}

#[test]
fn our_client_and_our_server_understand_each_other() {
    let uri = Uri::parse("ws://user:p%3Ass@[::1]:8080?x=%20").unwrap();
    let request =
        ClientRequest::new(&uri).subprotocol("a").origin("http://[::1]:8080").header("Cookie", "c=d");
    let mut out = Vec::new();
    let mut client =
        ClientHandshake::with_keys(&request, Config::default(), *b"the sample nonce", || [0; 4], &mut out)
            .unwrap();
    // The order that RFC 6455 §4.1 lists; dXNlcjpwOnNz is base64 of user:p:ss.
    let want = "GET /?x=%20 HTTP/1.1\r\nHost: [::1]:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://[::1]:8080\r\n\
        Sec-WebSocket-Protocol: a\r\nAuthorization: Basic dXNlcjpwOnNz\r\nCookie: c=d\r\n\r\n";
    assert_eq!(String::from_utf8(out.clone()).unwrap(), want);
    let (mut server, mut back) = (server(), Vec::new());
    let request = server.receive(&mut Input::new(&mut out), &mut back).unwrap().unwrap();
    assert_eq!((request.path(), request.query()), ("/", Some("x=%20")));
    let accept = Accept::from_same_origin().subprotocol("a").header("Set-Cookie", b"\xff");
    assert_eq!((accept.chosen(), Accept::from_any_origin().chosen()), (Some("a"), None));
    server.accept(&request, &accept, &mut back).unwrap();
    back.extend_from_slice(b"\x88\x02\x03\xe8"); // a Close in the same segment
    let mut input = Input::new(&mut back);
    let Some(Answer::Open(mut ws, response)) = client.receive(&mut input).unwrap() else { panic!() };
    assert_eq!((response.status(), response.subprotocol()), (101, Some("a")));
    assert_eq!(response.header("set-cookie"), Some(&b"\xff"[..]));
    let mut out = Vec::new();
    assert!(matches!(ws.receive(&mut input, &mut out), Ok(Some(Event::Close(Some(_))))));
    assert!(client.receive(&mut Input::new(&mut [0])).unwrap().is_none());
}

/// `REQUEST` with a line (named by how it begins) replaced: by nothing, one line or several.
fn with(line: &str, by: &str) -> Vec<u8> {
    assert!(REQUEST.contains(line));
    let lines = REQUEST.split_inclusive("\r\n");
    lines
        .map(|old| if !line.is_empty() && old.starts_with(line) { by } else { old })
        .collect::<String>()
        .into()
}

#[test]
fn any_byte_in_a_value_is_shown_or_refused() {
    for byte in 0..=u8::MAX {
        let bytes = [b"GET / HTTP/1.1\r\nHost: a\r\nx: y".as_slice(), &[byte], b"z\r\n\r\n"].concat();
        let (mut server, mut out, mut inbox) = (server(), Vec::new(), bytes);
        match server.receive(&mut Input::new(&mut inbox), &mut out) {
            Ok(request) => assert_eq!(request.unwrap().header("X"), Some(&[b'y', byte, b'z'][..])),
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
        (HeadLimits::default().headers_max(7), None),
        (HeadLimits::default().headers_max(6), Some(Bad::TooManyHeaders)),
    ] {
        for size in [1, REQUEST.len()] {
            let (mut server, mut out) = (server().with_limits(limits), Vec::new());
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

/// Each of these is refused with its last byte, neither before nor behind it.
#[test]
fn what_cannot_become_a_request_is_refused_at_once() {
    for (start, want) in [
        ("GET  ", Bad::RequestLine), // RFC 9112 §3: one space
        ("GET \r", Bad::RequestLine),
        ("GET /\r", Bad::RequestLine),
        ("GET /#", Bad::TargetCharacter),
        ("GET /\u{e4}", Bad::TargetCharacter),
        ("GET / h", Bad::RequestLine),
        ("GET / HTTP/2", Bad::HttpVersion),
        ("GET / HTTP/1.2", Bad::HttpVersion),
        ("GET / HTTP/1.1\n", Bad::LineEnding),
        ("GET / HTTP/1.1 ", Bad::RequestLine),
        ("GET / HTTP/1.1\r\n ", Bad::FoldedHeader),
        ("GET / HTTP/1.1\r\n:", Bad::HeaderName),
        ("GET / HTTP/1.1\r\na ", Bad::HeaderName),
        ("GET / HTTP/1.1\r\na:\0", Bad::HeaderValue),
        ("GET / HTTP/1.1\r\na:\n", Bad::LineEnding),
        ("GET / HTTP/1.1\r\n\r\r", Bad::LineEnding),
    ] {
        let (mut server, mut out) = (server(), Vec::new());
        let last = start.chars().next_back().unwrap().len_utf8();
        let mut bytes = start.as_bytes()[..=start.len() - last].to_vec();
        let decides = bytes.pop().unwrap();
        for byte in &mut bytes {
            let more = server.receive(&mut Input::new(std::slice::from_mut(byte)), &mut out).unwrap();
            assert!(more.is_none(), "{start:?}");
        }
        let error = server.receive(&mut Input::new(&mut [decides]), &mut out).unwrap_err();
        assert_eq!(error, want, "{start:?}");
    }
}

/// A header name counts as a whole, letters in any case (RFC 9110 §5.1): these have the length and the first letter of `Host`, and
/// differ from it in as many bits of one letter as of another.
#[test]
fn no_other_name_is_taken_for_host() {
    for (name, ok) in [("hOST", true), ("Hnrt", false), ("Hosu", false), ("Hpqt", false)] {
        let (mut server, mut out) = (server(), Vec::new());
        let mut inbox = with("Host", &format!("{name}: server.example.com\r\n"));
        let error = server.receive(&mut Input::new(&mut inbox), &mut out).err();
        assert_eq!(error.is_none(), ok, "{name}: {error:?}");
    }
}

/// `HeadLimits::head_bytes_max`: 431, or 414 if the request line alone is longer; seen with the first byte beyond.
#[test]
fn a_request_beyond_the_limit_is_refused_for_its_longer_part() {
    let request_line = "GET /chat HTTP/1.1\r\n".len();
    for max in 0..REQUEST.len() {
        let want = if max < request_line { Bad::TargetTooLong } else { Bad::HeadTooLong };
        let limits = HeadLimits::default().head_bytes_max(max as u32);
        for size in [1, REQUEST.len()] {
            let (mut server, mut out) = (server().with_limits(limits), Vec::new());
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
fn limits_of_responses_hold_to_the_byte() {
    let (len, lines) = (RESPONSE.len() as u32, 4);
    for (limits, want) in [
        (HeadLimits::default().head_bytes_max(len), None),
        (HeadLimits::default().head_bytes_max(len - 1), Some(ResponseError::HeadTooLong)),
        (HeadLimits::default().headers_max(lines), None),
        (HeadLimits::default().headers_max(lines - 1), Some(ResponseError::TooManyHeaders)),
    ] {
        for size in [1, RESPONSE.len()] {
            let uri = Uri::parse("ws://a/").unwrap();
            let request = ClientRequest::new(&uri).subprotocol("chat");
            let mut client = client_of(&request, &mut Vec::new()).unwrap().with_limits(limits);
            let mut proxy = ProxyHandshake::new("a", 80, None, &mut Vec::new()).unwrap().with_limits(limits);
            let (mut from_server, mut from_proxy) = (Ok(false), Ok(false));
            for piece in RESPONSE.as_bytes().to_vec().chunks_mut(size) {
                from_server =
                    client.receive(&mut Input::new(&mut piece.to_vec())).map(|answer| answer.is_some());
                from_proxy = proxy.receive(&mut Input::new(piece)).map(|answer| answer.is_some());
            }
            let want = want.map_or(Ok(true), Err);
            assert_eq!((from_server, from_proxy), (want, want), "{limits:?} {size}");
        }
    }
}

#[test]
fn origins() {
    for (origin, accept, ok) in [
        ("", Accept::from_origins(&[]), true),
        ("Origin: http://a\r\n", Accept::from_origins(&["https://a", "HTTP://A"]), true),
        ("Origin: http://a\r\n", Accept::from_origins(&["https://a"]), false),
        ("Origin: http://a.b\r\n", Accept::from_origins(&["http://a"]), false),
        ("Origin: http://a\r\nOrigin: http://a\r\n", Accept::from_origins(&["http://a"]), false),
        ("Origin: null\r\n", Accept::from_origins(&["null"]), true),
        ("Origin: null\r\n", Accept::from_same_origin(), false),
        ("Origin: http://example.com\r\n", Accept::from_same_origin(), false),
        ("Origin: https://server.example.com\r\n", Accept::from_same_origin(), true),
        ("Origin: https://server.example.com:444\r\n", Accept::from_same_origin(), false),
        ("Origin: evil\r\n", Accept::from_any_origin(), true),
    ] {
        let (mut server, mut out, mut inbox) = (server(), Vec::new(), with("Origin", origin));
        let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
        match server.accept(&request, &accept, &mut out) {
            Ok(_) => assert!(ok, "{origin}"),
            Err(error) => {
                assert_eq!((error, ok), (ServerError::Request(Bad::Origin), false), "{origin}");
                check_refusal(&out, 403);
            }
        }
    }
}

#[test]
fn a_server_that_is_misused_is_unharmed() {
    let (mut server, mut out) = (server(), Vec::new());
    assert_eq!(server.reject(&Rejection::new(404), &mut out), Err(Misuse::NoRequest));
    let mut inbox = REQUEST.as_bytes().to_vec();
    let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
    let any = Accept::from_any_origin;
    let mut accepts = vec![
        (any().subprotocol("Chat"), Misuse::SubprotocolNotOffered),
        (any().subprotocol(""), Misuse::Subprotocol),
        (any().subprotocol("chat\r\nx: y"), Misuse::Subprotocol),
        (any().header("", "x"), Misuse::HeaderName),
        (any().header("a b", "x"), Misuse::HeaderName),
        (any().header("a:", "x"), Misuse::HeaderName),
        (any().header("\u{e4}", "x"), Misuse::HeaderName),
        (any().header("a\r\n", "x"), Misuse::HeaderName),
        (any().header("a", "x\r\nb: c"), Misuse::HeaderValue),
        (any().header("a", "x\n"), Misuse::HeaderValue),
        (any().header("a", "\0"), Misuse::HeaderValue),
    ];
    for name in ["Host", "upgrade", "CONNECTION", "Content-Length", "transfer-encoding", "Sec-WebSocket-Foo"]
    {
        accepts.push((any().header(name, "x"), Misuse::HeaderReserved));
    }
    for (accept, want) in accepts {
        let error = server.accept(&request, &accept, &mut out).unwrap_err();
        assert_eq!(error, ServerError::Misuse(want), "{accept:?}");
    }
    for (rejection, want) in [
        (Rejection::new(101), Misuse::Status),
        (Rejection::new(199), Misuse::Status),
        (Rejection::new(600), Misuse::Status),
        (Rejection::new(204).body("a/b", "x"), Misuse::Body),
        (Rejection::new(200).body("a/b\r\n", "x"), Misuse::ContentType),
        (Rejection::new(200).header("content-type", "a/b"), Misuse::HeaderReserved),
        (Rejection::new(200).header("Content-Length", "1"), Misuse::HeaderReserved),
        (Rejection::new(302).header("Location", "/\r\n"), Misuse::HeaderValue),
    ] {
        assert_eq!(server.reject(&rejection, &mut out), Err(want), "{rejection:?}");
    }
    assert!(out.is_empty());
    server.accept(&request, &any(), &mut out).unwrap();
    let len = out.len();
    let error = server.accept(&request, &any(), &mut out).unwrap_err();
    assert_eq!(error, ServerError::Misuse(Misuse::Answered));
    assert_eq!(server.reject(&Rejection::new(404), &mut out), Err(Misuse::Answered));
    assert_eq!(out.len(), len);
}

/// RFC 6455 §4.2.2: a refusal ends the handshake, whoever decided on it.
#[test]
fn a_refused_request_cannot_be_accepted() {
    let answered = ServerError::Misuse(Misuse::Answered);
    let any = Accept::from_any_origin;
    for (bytes, first) in
        [(with("Sec-WebSocket-Key", ""), any()), (REQUEST.into(), Accept::from_same_origin())]
    {
        let (mut server, mut out, mut inbox) = (server(), Vec::new(), bytes);
        let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
        assert!(matches!(server.accept(&request, &first, &mut out), Err(ServerError::Request(_))));
        let len = out.len();
        assert_eq!(server.accept(&request, &any(), &mut out).unwrap_err(), answered);
        assert_eq!(server.reject(&Rejection::new(404), &mut out), Err(Misuse::Answered));
        assert_eq!(out.len(), len);
    }
    let (mut server, mut out, mut inbox) = (server(), Vec::new(), REQUEST.as_bytes().to_vec());
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
            Rejection::new(307).header("Location", "/x"),
            "HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        ),
        ("GET", Rejection::new(204), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
        ("GET", Rejection::new(299), "HTTP/1.1 299 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let (mut server, mut out) = (server(), Vec::new());
        let mut inbox = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
        let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
        assert!(!request.is_upgrade());
        server.reject(&rejection, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
    // RFC 9112 §3.2: the Host of a target without an authority is empty.
    let (mut empty, mut out) = (server(), Vec::new());
    let mut inbox = *b"OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n";
    let request = empty.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
    assert_eq!((request.host(), request.path(), request.check()), (Some(""), "*", Err(Bad::Method)));
    let (mut server, mut out) = (server(), Vec::new());
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
        let (mut server, mut out, mut inbox) = (server(), Vec::new(), REQUEST.as_bytes().to_vec());
        server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
        server.reject(&Rejection::new(line[..3].parse().unwrap()), &mut out).unwrap();
        let response = String::from_utf8(out).unwrap();
        assert_eq!(response.lines().next(), Some(&*format!("HTTP/1.1 {line}")));
    }
}

type Keys = fn() -> [u8; 4];

fn client_of(request: &ClientRequest<'_>, out: &mut Vec<u8>) -> Result<ClientHandshake<Keys>, Misuse> {
    ClientHandshake::with_keys(request, Config::default(), *b"the sample nonce", || [0; 4], out)
}

/// RFC 6455 §4.1: the nonce is chosen at random for each connection.
#[cfg(feature = "rand")]
#[test]
fn every_request_has_a_key_of_its_own() {
    let uri = Uri::parse("ws://a/").unwrap();
    let keys: std::collections::HashSet<String> = (0..64)
        .map(|_| {
            let mut out = Vec::new();
            ClientHandshake::new(&ClientRequest::new(&uri), Config::default(), &mut out).unwrap();
            let request = String::from_utf8(out).unwrap();
            let key = request.split("Sec-WebSocket-Key: ").nth(1).unwrap();
            key.split_once("\r\n").unwrap().0.to_owned()
        })
        .collect();
    assert_eq!(keys.len(), 64);
}

#[test]
fn a_client_that_is_misused_writes_nothing() {
    let uri = Uri::parse("ws://a/").unwrap();
    let new = || ClientRequest::new(&uri);
    let (colon, control) = (Uri::parse("ws://a%3Ab:c@d").unwrap(), Uri::parse("ws://a:%0D%0A@d").unwrap());
    let mut rows = vec![
        (new().subprotocol("a").subprotocol("a"), Misuse::SubprotocolRepeated),
        (new().subprotocol("a").subprotocol("A"), Misuse::SubprotocolRepeated),
        (new().origin(""), Misuse::Origin),
        (new().origin("http://a\r\n"), Misuse::Origin),
        (new().origin("http://a b"), Misuse::Origin),
        (new().origin("http://\u{e4}"), Misuse::Origin),
        (new().header("Origin", "http://a"), Misuse::HeaderReserved),
        (new().header("a", "b\r"), Misuse::HeaderValue),
        (new().header("a", "b\0"), Misuse::HeaderValue),
        (new().header("a\n", "b"), Misuse::HeaderName),
        (ClientRequest::new(&colon), Misuse::Credentials),
        (ClientRequest::new(&control), Misuse::Credentials),
    ];
    for subprotocol in ["", "a/b", "a b", "a,b", "\0", "\u{e4}", "a\r\n"] {
        rows.push((new().subprotocol(subprotocol), Misuse::Subprotocol));
    }
    for name in ["HOST", "Upgrade", "Connection", "sec-websocket-key", "Content-Length", "Transfer-Encoding"]
    {
        rows.push((new().header(name, "x"), Misuse::HeaderReserved));
    }
    let mut out = Vec::new();
    for (request, want) in rows {
        assert_eq!(client_of(&request, &mut out).err(), Some(want), "{request:?}");
        assert!(out.is_empty());
    }
    // The caller's own credentials take the place of the URI's.
    client_of(&ClientRequest::new(&colon).header("authorization", "Bearer x"), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap().matches("uthorization").count(), 1);
}

/// What a client is shown of a refusal: all that the server said, and what of the body came with the head.
#[test]
fn a_refusal_is_shown_as_it_is() {
    let uri = Uri::parse("ws://a/").unwrap();
    let mut client = client_of(&ClientRequest::new(&uri).subprotocol("chat"), &mut Vec::new()).unwrap();
    let mut inbox =
        b"HTTP/1.1 401 Who are you?\r\nWWW-Authenticate: a\r\nwww-authenticate:b\r\nUpgrade: x\r\n\
        Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: foo; bar=1, baz\r\n\r\nbody"
            .to_vec();
    let Some(Answer::Refused(refused)) = client.receive(&mut Input::new(&mut inbox)).unwrap() else {
        panic!()
    };
    assert_eq!(refused.body_start(), b"body");
    let response = refused.response().clone().into_owned();
    assert_eq!((response.status(), response.reason()), (401, &b"Who are you?"[..]));
    let want: [(&str, &[u8]); 5] = [
        ("WWW-Authenticate", b"a"),
        ("www-authenticate", b"b"),
        ("Upgrade", b"x"),
        ("Sec-WebSocket-Protocol", b"chat"),
        ("Sec-WebSocket-Extensions", b"foo; bar=1, baz"),
    ];
    assert_eq!(response.headers().collect::<Vec<_>>(), want);
    assert_eq!(response.header("Www-Authenticate"), Some(&b"a"[..]));
    assert_eq!(response.header("UPGRADE"), Some(&b"x"[..]));
    for name in ["Server", "Host", "Sec\rWebSocket-Protocol", ""] {
        assert_eq!(response.header(name), None, "{name:?}");
    }
    assert_eq!(response.subprotocol(), None, "nothing was agreed on");
    let extensions: Vec<_> = response.extensions().map(|extension| extension.unwrap()).collect();
    assert_eq!(extensions.iter().map(|extension| extension.name()).collect::<Vec<_>>(), ["foo", "baz"]);
    assert!(client.receive(&mut Input::new(&mut [0])).unwrap().is_none(), "it has been given out");
}

/// Values may be credentials or cookies: what is printed, into a log perhaps, has the names only.
#[test]
fn what_is_printed_of_a_header_is_its_name() {
    let uri = Uri::parse("ws://a/").unwrap();
    let (client, server) = (
        format!("{:?}", ClientRequest::new(&uri).header("Cookie", "secret").header("X-Token", "secret")),
        format!("{:?}", Accept::from_any_origin().header("Set-Cookie", "secret")),
    );
    assert!(
        client.contains("Cookie") && client.contains("X-Token") && !client.contains("secret"),
        "{client}"
    );
    assert!(server.contains("Set-Cookie") && !server.contains("secret"), "{server}");
}

#[test]
fn proxies() {
    let mut out = Vec::new();
    ProxyHandshake::new("::1", 443, Some(("user", "a:b")), &mut out).unwrap();
    // dXNlcjphOmI= is base64 of user:a:b.
    let want =
        "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nProxy-Authorization: Basic dXNlcjphOmI=\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), want);
    let mut out = Vec::new();
    ProxyHandshake::new("[::1]", 443, Some(("user", "a:b")), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), want, "an address may have its brackets already");
    let mut out = Vec::new();
    for (host, port, credentials, want) in [
        ("", 80, None, Misuse::Host),
        ("a b", 80, None, Misuse::Host),
        ("a\r\nb", 80, None, Misuse::Host),
        ("a:1", 80, None, Misuse::Host),
        ("a/b", 80, None, Misuse::Host),
        ("a", 0, None, Misuse::Host),
        ("a", 80, Some(("a:b", "c")), Misuse::Credentials),
        ("a", 80, Some(("a", "c\n")), Misuse::Credentials),
    ] {
        assert_eq!(ProxyHandshake::new(host, port, credentials, &mut out).err(), Some(want), "{host:?}");
    }
    assert!(out.is_empty());
    let after = |interim, head| "HTTP/1.1 199 x\r\n\r\n".repeat(interim) + head;
    for (bytes, want) in [
        ("HTTP/1.1 200 OK\r\n\r\nab", Ok((true, 200, 2))),
        ("HTTP/1.0 200 Connection established\r\nContent-Length: 9\r\n\r\n", Ok((true, 200, 0))),
        ("HTTP/1.1 100 x\r\n\r\nHTTP/1.1 204 x\r\n\r\n", Ok((true, 204, 0))),
        (&*after(16, "HTTP/1.1 299 x\r\n\r\na"), Ok((true, 299, 1))),
        (&*after(17, "HTTP/1.1 200 x\r\n\r\n"), Err(ResponseError::TooManyInterim)),
        ("HTTP/1.1 300 x\r\n\r\n", Ok((false, 300, 0))),
        ("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\nabc", Ok((false, 407, 3))),
        ("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", Ok((false, 101, 0))),
        ("SSH-2.0-x\r\n", Err(ResponseError::StatusLine)),
        ("HTTP/1.1 200 OK\n\n", Err(ResponseError::LineEnding)),
    ] {
        for size in [1, bytes.len()] {
            let mut proxy = ProxyHandshake::new("a", 80, None, &mut Vec::new()).unwrap();
            let (mut verdict, mut rest) = (None, 0);
            for chunk in bytes.as_bytes().chunks(size) {
                let mut chunk = chunk.to_vec();
                let mut input = Input::new(&mut chunk);
                if verdict.is_none() {
                    verdict = proxy.receive(&mut input).transpose().map(|answer| {
                        answer.map(|answer| match answer {
                            ProxyAnswer::Open(response) => (true, response.status()),
                            ProxyAnswer::Refused(refused) => {
                                rest += refused.body_start().len();
                                (false, refused.response().status())
                            }
                        })
                    });
                }
                rest += input.len();
            }
            let verdict = verdict.unwrap().map(|(open, status)| (open, status, rest));
            assert_eq!(verdict, want, "{bytes:?} {size}");
        }
    }
}

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
        ("wss://[2001:DB8::1]:65535/%7e//..", true, "2001:db8::1", 65535, "[2001:db8::1]:65535", "/%7e//.."),
        ("ws://127.0.0.1:1/@:!$&'()*+,;=", false, "127.0.0.1", 1, "127.0.0.1:1", "/@:!$&'()*+,;="),
        ("ws://xn--bcher-kva.example/", false, "xn--bcher-kva.example", 80, "xn--bcher-kva.example", "/"),
    ] {
        let uri: Uri = text.parse().unwrap();
        assert_eq!((uri.is_secure(), uri.host(), uri.port()), (secure, host, port), "{text}");
        assert_eq!((&*uri.authority(), uri.resource_name(), uri.userinfo()), (authority, resource, None));
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
