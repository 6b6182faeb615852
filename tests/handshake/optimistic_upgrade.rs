//! The demands of draft-ietf-httpbis-optimistic-upgrade on both roles: nothing of the new protocol is
//! sent before the switch is confirmed, and what follows a refused request is no second request.
//! Over sockets the same is in `blocking/optimistic_upgrade.rs`.

use super::*;

/// The draft's warning: a request in the place of the first bytes of the new protocol.
const SMUGGLED: &str =
    "POST /upload HTTP/1.1\r\nHost: proxy.example\r\nContent-Length: 3\r\n\r\nabc";

/// Reads a proxy's response byte by byte. Returns whether the tunnel is open, and after how many.
fn answer(response: &str) -> Option<(bool, usize)> {
    let mut out = Outbox::new();
    let request = ProxyRequest::new("no-such-destination.example", 443);
    let mut proxy = ProxyHandshake::new(&request, &mut out).unwrap();
    let connect = out.take();
    assert!(connect.starts_with(b"CONNECT no-such-destination.example:443 HTTP/1.1\r\n"));
    assert!(connect.ends_with(b"\r\n\r\n"), "the request is all that is there to be sent");
    for (read, byte) in response.bytes().enumerate() {
        match proxy.receive(&mut Input::new(&mut [byte])) {
            Ok(None) => {}
            Ok(Some(ProxyAnswer::Open(_))) => return Some((true, read + 1)),
            Ok(Some(ProxyAnswer::Refused(_))) | Err(_) => return Some((false, read + 1)),
        }
    }
    proxy.end_of_input().map(|_| (false, response.len()))
}

/// "Requirements for HTTP CONNECT", item 1: a 2xx comes before any payload. All of its head must
/// have come, and nothing else opens the tunnel.
#[test]
fn connect_a_2xx_is_awaited_before_forwarding() {
    for status in 200..=299 {
        let head = format!("HTTP/1.1 {status} x\r\nX: y\r\n\r\n");
        assert_eq!(answer(&head), Some((true, head.len())), "{status}");
        let later = format!("HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 x\r\n\r\n{head}");
        assert_eq!(answer(&later), Some((true, later.len())), "{status}");
    }
    for status in (100..=199).chain(300..=599) {
        let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
        let want = (status >= 300 || status == 101).then_some((false, head.len()));
        assert_eq!(answer(&head), want, "{status}");
    }
    for nothing in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nX: y\r\n", "\x16\x03\x01\x02\0"] {
        assert_ne!(answer(nothing).map(|(open, _)| open), Some(true), "{nothing:?}");
    }
}

/// The same section: a proxy must close after a refusal. One that does says so, or it just does;
/// only a refusal that leaves the connection usable may be followed by another CONNECT.
#[test]
fn connect_a_refusal_is_retried_on_the_same_connection_only_knowingly() {
    for (response, keeps) in [
        ("HTTP/1.1 407 x\r\nContent-Length: 1\r\n\r\na", true),
        ("HTTP/1.1 407 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", true),
        ("HTTP/1.1 407 x\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", false),
        ("HTTP/1.1 407 x\r\nConnection: a, Close\r\nContent-Length: 1\r\n\r\na", false),
        ("HTTP/1.0 407 x\r\nContent-Length: 1\r\n\r\na", false),
        ("HTTP/1.1 407 x\r\n\r\na", false),
        ("HTTP/1.1 407 x\r\nContent-Length: 2\r\n\r\na", false),
        ("HTTP/1.1 101 x\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n", false),
    ] {
        let request = ProxyRequest::new("a", 80);
        let mut proxy = ProxyHandshake::new(&request, &mut Outbox::new()).unwrap();
        let mut bytes = response.as_bytes().to_vec();
        let answer = match proxy.receive(&mut Input::new(&mut bytes)).unwrap() {
            Some(ProxyAnswer::Refused(refusal)) => refusal,
            None => proxy.end_of_input().unwrap(),
            Some(ProxyAnswer::Open(_)) => panic!("{response:?}"),
        };
        assert_eq!(answer.keeps_connection(), keeps, "{response:?}");
        // The handshake is over: no further response is taken for an answer to it.
        let mut late = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        assert!(proxy.receive(&mut Input::new(&mut late)).unwrap().is_none());
    }
}

/// "WebSocket": RFC 6455 §4.1 forbids to send before the response. There is nothing to send frames
/// with before the 101 has come, all of it.
#[test]
fn websocket_a_client_sends_no_frame_before_the_101() {
    let uri = Uri::parse("ws://server.example.com/chat").unwrap();
    let request = ClientRequest::new(&uri).subprotocol("chat");
    let mut out = Outbox::new();
    let keys = || [1, 2, 3, 4];
    let mut client =
        ClientHandshake::with_keys(&request, *b"the sample nonce", keys, &mut out).unwrap();
    assert!(out.front().ends_with(b"\r\n\r\n"), "the request is all that is there to be sent");
    out.clear();
    let responses = format!("HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 x\r\n\r\n{RESPONSE}");
    let (last, before) = responses.as_bytes().split_last().unwrap();
    for &byte in before {
        assert!(client.receive(&mut Input::new(&mut [byte])).unwrap().is_none());
    }
    match client.receive(&mut Input::new(&mut [*last])).unwrap() {
        Some(Answer::Open(mut ws, _)) => ws.send("Hello", &mut out).unwrap(),
        _ => panic!("not open"),
    }
    // Masked, by a key that whoever chose the text cannot know.
    assert_eq!(out.front(), b"\x81\x85\x01\x02\x03\x04Igohn");
}

/// "Request Smuggling", from the server's side: what came with the request is for the new protocol
/// if it was accepted, and for nobody otherwise.
#[test]
fn bytes_after_an_upgrade_request_are_frames_or_nothing() {
    let (ping, request) = (b"\x89\x80\0\0\0\0", REQUEST.as_bytes());
    for accepted in [true, false] {
        let (mut server, mut out) = (server(), Outbox::new());
        let mut bytes = [request, ping, SMUGGLED.as_bytes()].concat();
        let mut input = Input::new(&mut bytes);
        let shown = server.receive(&mut input, &mut out).unwrap().unwrap();
        assert!(out.is_empty(), "nothing is decided yet");
        if accepted {
            let terms = Acceptance::from_any_origin();
            let mut ws = server.accept(&shown, &terms, &mut out).unwrap();
            assert_eq!(ws.receive(&mut input, &mut out), Ok(Some(Event::Ping(b"".into()))));
            // A "P" has a reserved bit set: no frame, and no request either.
            assert!(ws.receive(&mut input, &mut out).is_err());
            continue;
        }
        server.reject(&Rejection::new(503), &mut out).unwrap();
        check_last(out.front(), 503);
        let written = out.len();
        assert!(server.receive(&mut input, &mut out).unwrap().is_none());
        let again = server.reject(&Rejection::new(200), &mut out);
        assert_eq!((again, out.len()), (Err(UsageError::Answered), written));
    }
}

/// "Requirements for HTTP CONNECT": whoever refuses a CONNECT closes, without another request,
/// whether or not the request has a "close" of its own. We refuse every one.
#[test]
fn connect_a_server_refuses_and_reads_nothing_after_it() {
    for extra in ["", "Connection: close\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n"] {
        for piece_len in [1, 1000] {
            let head = format!("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n{extra}");
            let mut bytes = format!("{head}\r\n{SMUGGLED}").into_bytes();
            let (mut server, mut out, mut seen) = (server(), Outbox::new(), 0);
            for piece in bytes.chunks_mut(piece_len) {
                let mut input = Input::new(piece);
                match server.receive(&mut input, &mut out) {
                    Ok(None) => assert!(input.is_empty()),
                    Ok(Some(request)) => {
                        assert_eq!((request.method(), seen), ("CONNECT", 0));
                        seen += 1;
                        let terms = Acceptance::from_any_origin();
                        let error = server.accept(&request, &terms, &mut out).unwrap_err();
                        assert_eq!(error, ServerHandshakeError::Request(Bad::Method));
                    }
                    Err(error) => assert_eq!((error, input.len()), (Bad::Method, 0)),
                }
            }
            assert_eq!(seen, 1, "{extra:?}");
            check_last(out.front(), 405);
        }
    }
}

/// "TLS" and "connect-udp": other protocols, offered or begun without an answer, are not for us.
#[test]
fn other_upgrade_tokens_are_refused_and_their_first_bytes_not_read() {
    for token in ["TLS/1.0", "connect-udp", "connect-ip", "h2c"] {
        let (mut server, mut out) = (server(), Outbox::new());
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: {token}\r\nConnection: Upgrade\r\n\r\n{SMUGGLED}"
        );
        let mut bytes = head.into_bytes();
        let mut input = Input::new(&mut bytes);
        let request = server.receive(&mut input, &mut out).unwrap().unwrap();
        assert!(!request.is_upgrade());
        let error = server.accept(&request, &Acceptance::from_any_origin(), &mut out).unwrap_err();
        assert_eq!(error, ServerHandshakeError::Request(Bad::UpgradeMissing), "{token}");
        check_last(out.front(), 426);
        assert_eq!(server.receive(&mut input, &mut out).err(), Some(Bad::UpgradeMissing));
        assert!(input.is_empty());
    }
    // The first bytes of TLS: its content type 22 is no character of a method.
    let (mut server, mut out) = (server(), Outbox::new());
    let mut hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec();
    let error = server.receive(&mut Input::new(&mut hello), &mut out).err();
    assert_eq!(error, Some(Bad::RequestLine));
    check_last(out.front(), 400);
}

/// One response of that status, which ends the connection.
#[track_caller]
fn check_last(out: &[u8], status: u16) {
    let text = str::from_utf8(out).unwrap();
    assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    assert!(text.contains("\r\nConnection: close"), "{text}");
}
