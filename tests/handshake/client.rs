//! A client: what it asks for, the limits of a response, refusals, and its caller's mistakes.

use hybi::handshake::ResponseParts;

use super::*;

/// Each of these is refused with its last byte, neither before nor after it.
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
        ("GET / HTTP/1.1\r\n ", Bad::FoldedField),
        ("GET / HTTP/1.1\r\n:", Bad::FieldName),
        ("GET / HTTP/1.1\r\na ", Bad::FieldName),
        ("GET / HTTP/1.1\r\na:\0", Bad::FieldValue),
        ("GET / HTTP/1.1\r\na:\n", Bad::LineEnding),
        ("GET / HTTP/1.1\r\n\r\r", Bad::LineEnding),
    ] {
        let (mut server, mut out) = (server(), Outbox::new());
        let last = start.chars().next_back().unwrap().len_utf8();
        let mut bytes = start.as_bytes()[..=start.len() - last].to_vec();
        let decides = bytes.pop().unwrap();
        for byte in &mut bytes {
            let more =
                server.receive(&mut Input::new(std::slice::from_mut(byte)), &mut out).unwrap();
            assert!(more.is_none(), "{start:?}");
        }
        let error = server.receive(&mut Input::new(&mut [decides]), &mut out).unwrap_err();
        assert_eq!(error, want, "{start:?}");
    }
}

#[test]
fn limits_of_responses_hold_to_the_byte() {
    let (len, lines) = (RESPONSE.len() as u32, 4);
    for (limits, want) in [
        (HeadLimits::default().head_bytes_max(len), None),
        (HeadLimits::default().head_bytes_max(len - 1), Some(ResponseError::HeadTooLong)),
        (HeadLimits::default().fields_max(lines), None),
        (HeadLimits::default().fields_max(lines - 1), Some(ResponseError::TooManyFields)),
    ] {
        for size in [1, RESPONSE.len()] {
            let uri = Uri::parse("ws://a/").unwrap();
            let request = ClientRequest::new(&uri).subprotocol("chat").head_limits(limits);
            let mut client = client_of(&request, &mut Outbox::new()).unwrap();
            let request = ProxyRequest::new("a", 80).head_limits(limits);
            let mut proxy = ProxyHandshake::new(&request, &mut Outbox::new()).unwrap();
            let (mut from_server, mut from_proxy) = (Ok(false), Ok(false));
            for piece in RESPONSE.as_bytes().to_vec().chunks_mut(size) {
                from_server = client
                    .receive(&mut Input::new(&mut piece.to_vec()))
                    .map(|answer| answer.is_some());
                from_proxy = proxy.receive(&mut Input::new(piece)).map(|answer| answer.is_some());
            }
            let want = want.map_or(Ok(true), Err);
            assert_eq!((from_server, from_proxy), (want, want), "{limits:?} {size}");
        }
    }
}

/// RFC 6455 §4.1: the nonce is chosen at random for each connection.
#[cfg(feature = "rand")]
#[test]
fn every_request_has_a_key_of_its_own() {
    let uri = Uri::parse("ws://a/").unwrap();
    let keys: std::collections::HashSet<String> = (0..64)
        .map(|_| {
            let mut out = Outbox::new();
            ClientHandshake::new(&ClientRequest::new(&uri), &mut out).unwrap();
            let request = String::from_utf8(out.take()).unwrap();
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
    let (colon, control) =
        (Uri::parse("ws://a%3Ab:c@d").unwrap(), Uri::parse("ws://a:%0D%0A@d").unwrap());
    let mut rows = vec![
        (new().subprotocol("a").subprotocol("a"), UsageError::SubprotocolRepeated),
        (new().subprotocol("a").subprotocol("A"), UsageError::SubprotocolRepeated),
        (new().origin(""), UsageError::Origin),
        (new().origin("http://a\r\n"), UsageError::Origin),
        (new().origin("http://a b"), UsageError::Origin),
        (new().origin("http://\u{e4}"), UsageError::Origin),
        // Servers compare origins as they are, so these would be refused everywhere.
        (new().origin("http://a/"), UsageError::Origin),
        (new().origin("http://A"), UsageError::Origin),
        (new().origin("http://a:80"), UsageError::Origin),
        (new().origin("http://a/chat"), UsageError::Origin),
        (new().origin("a"), UsageError::Origin),
        (new().origin("ws://a"), UsageError::Origin),
        (new().origin("http://me:secret@a"), UsageError::Origin),
        (new().field("Origin", "http://a"), UsageError::FieldReserved),
        (new().field("a", "b\r"), UsageError::FieldValue),
        (new().field("a", "b\0"), UsageError::FieldValue),
        (new().field("a\n", "b"), UsageError::FieldName),
        (ClientRequest::new(&colon), UsageError::Credentials),
        (ClientRequest::new(&control), UsageError::Credentials),
    ];
    for subprotocol in ["", "a/b", "a b", "a,b", "\0", "\u{e4}", "a\r\n"] {
        rows.push((new().subprotocol(subprotocol), UsageError::Subprotocol));
    }
    for name in [
        "HOST",
        "Upgrade",
        "Connection",
        "sec-websocket-key",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        rows.push((new().field(name, "x"), UsageError::FieldReserved));
    }
    let mut out = Outbox::new();
    for (request, want) in rows {
        assert_eq!(client_of(&request, &mut out).err(), Some(want), "{request:?}");
        assert!(out.is_empty());
    }
    for origin in ["https://a", "http://a:8080", "http://[::1]", "app://a", "file://", "null"] {
        client_of(&new().origin(origin), &mut out).unwrap();
        let sent = String::from_utf8(out.take()).unwrap();
        assert!(sent.contains(&format!("\r\nOrigin: {origin}\r\n")), "{sent}");
    }
    // The caller's own credentials take the place of the URI's.
    client_of(&ClientRequest::new(&colon).field("authorization", "Bearer x"), &mut out).unwrap();
    assert_eq!(String::from_utf8(out.take()).unwrap().matches("uthorization").count(), 1);
}

/// RFC 6455 §1.9 wants it, §4.1 does not check it. Browsers do (WHATWG WebSockets, "establish a
/// WebSocket connection").
#[test]
fn a_client_may_demand_that_a_subprotocol_is_chosen() {
    let uri = Uri::parse("ws://a/").unwrap();
    let offered = || ClientRequest::new(&uri).subprotocol("chat");
    let none = RESPONSE.replace("Sec-WebSocket-Protocol: chat\r\n", "");
    let error = ResponseError::SubprotocolMissing;
    for (request, response, want) in [
        (offered(), &*none, Ok(true)),
        (offered().require_subprotocol(false), &none, Ok(true)),
        (offered().require_subprotocol(true), &none, Err(error)),
        (offered().require_subprotocol(true), RESPONSE, Ok(true)),
        // A refusal is not about subprotocols.
        (offered().require_subprotocol(true), "HTTP/1.1 403 x\r\n\r\n", Ok(false)),
    ] {
        let mut client = client_of(&request, &mut Outbox::new()).unwrap();
        let mut inbox = response.as_bytes().to_vec();
        let answer = client.receive(&mut Input::new(&mut inbox));
        let open = answer.map(|answer| matches!(answer, Some(Answer::Open(..))));
        assert_eq!(open, want, "{request:?} {response}");
    }
    assert_eq!((error.name(), error.section()), ("response-subprotocol-missing", "RFC 6455 §1.9"));

    // Also over an HTTP stack.
    let fields: [(&[u8], &[u8]); 3] = [
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];
    let response = Response::from_parts(&ResponseParts::new(101).fields(&fields)).unwrap();
    let request = offered().require_subprotocol(true);
    let prepared = request.prepare_with_nonce(*b"the sample nonce").unwrap();
    assert_eq!(prepared.open(&response, || [0; 4]).err(), Some(error));

    // A demand that no server could meet.
    let request = ClientRequest::new(&uri).require_subprotocol(true);
    let misuse = client_of(&request, &mut Outbox::new()).err();
    assert_eq!(misuse, Some(UsageError::NoSubprotocolOffered));
}

/// What a client is shown of a refusal: all that the server said.
#[test]
fn a_refusal_is_shown_as_it_is() {
    let uri = Uri::parse("ws://a/").unwrap();
    let mut client =
        client_of(&ClientRequest::new(&uri).subprotocol("chat"), &mut Outbox::new()).unwrap();
    let mut inbox =
        b"HTTP/1.1 401 Who are you?\r\nWWW-Authenticate: a\r\nwww-authenticate:b\r\nUpgrade: x\r\n\
        Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: foo; bar=1, baz\r\n\
        Content-Length: 4\r\n\r\nbody"
            .to_vec();
    let Some(Answer::Refused(refused)) = client.receive(&mut Input::new(&mut inbox)).unwrap()
    else {
        panic!()
    };
    assert_eq!(refused.body(), b"body");
    let response = refused.response().clone().into_owned();
    assert_eq!((response.status(), response.reason()), (401, &b"Who are you?"[..]));
    let want: [(&str, &[u8]); 6] = [
        ("WWW-Authenticate", b"a"),
        ("www-authenticate", b"b"),
        ("Upgrade", b"x"),
        ("Sec-WebSocket-Protocol", b"chat"),
        ("Sec-WebSocket-Extensions", b"foo; bar=1, baz"),
        ("Content-Length", b"4"),
    ];
    assert_eq!(response.fields().collect::<Vec<_>>(), want);
    assert_eq!(response.field("Www-Authenticate"), Some(&b"a"[..]));
    assert_eq!(response.field("UPGRADE"), Some(&b"x"[..]));
    for name in ["Server", "Host", "Sec\rWebSocket-Protocol", ""] {
        assert_eq!(response.field(name), None, "{name:?}");
    }
    assert_eq!(response.subprotocol(), None, "nothing was agreed on");
    let extensions: Vec<_> = response.extensions().map(|extension| extension.unwrap()).collect();
    assert_eq!(
        extensions.iter().map(|extension| extension.name()).collect::<Vec<_>>(),
        ["foo", "baz"]
    );
    assert!(client.receive(&mut Input::new(&mut [0])).unwrap().is_none(), "it has been given out");
}
