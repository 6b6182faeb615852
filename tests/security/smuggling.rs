//! Class 15: requests that a proxy and we could understand differently, and bytes behind a head that somebody might read as
//! another request or response. The conformance suite has the many ways of announcing a body (`requests_of_the_suite`).

use hybi::handshake::{
    Acceptance, Answer, ClientRequest, HandshakeUsageError, HeadLimits, Rejection,
    RequestError as Bad, ServerHandshakeError,
};
use hybi::{ClientHandshake, Input, Outbox, ProtocolError, ServerHandshake, Uri};

use crate::common::{KEY, Side};
use crate::doors::same_from_parts;

const SMUGGLED: &[u8] = b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";

fn request(extra: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extra}\r\n"
    )
    .into()
}

#[test]
fn class_15_a_handshake_with_a_body_is_refused_and_the_connection_closed() {
    for extra in [
        "Content-Length: 33\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 33\r\n",
        "Content-Length: 0, 33\r\n",
        "Content-Length: 0\r\nContent-Length: 33\r\n",
        "content-LENGTH:\t33\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \r\n",
        "Content-Length: 00000000000000000000000033\r\n",
    ] {
        same_from_parts(&request(extra), &Acceptance::from_any_origin(), Err(Bad::Body));
        for piece_len in [1, 1000] {
            let (mut server, mut out) =
                (ServerHandshake::new(HeadLimits::default()), Outbox::new());
            let mut bytes = [request(extra), SMUGGLED.to_vec()].concat();
            let mut requests = 0;
            for piece in bytes.chunks_mut(piece_len) {
                let mut input = Input::new(piece);
                match server.receive(&mut input, &mut out) {
                    Ok(None) => assert!(input.is_empty()),
                    Ok(Some(request)) => {
                        requests += 1;
                        let error = server
                            .accept(&request, &Acceptance::from_any_origin(), &mut out)
                            .unwrap_err();
                        assert_eq!(error, ServerHandshakeError::Request(Bad::Body), "{extra}");
                    }
                    Err(error) => {
                        assert_eq!((error, requests, input.len()), (Bad::Body, 1, 0), "{extra}")
                    }
                }
            }
            assert_eq!(requests, 1, "what follows is not another request: {extra}");
            check_last_response(out.front(), 400);
        }
    }
}

/// One response, which ends the connection; nothing follows it.
#[track_caller]
fn check_last_response(out: &[u8], status: u16) {
    let text = str::from_utf8(out).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    let is_connection = |line: &&str| line.to_ascii_lowercase().starts_with("connection:");
    let connection: Vec<_> = head.split("\r\n").filter(is_connection).collect();
    assert!(
        matches!(connection[..], ["Connection: close"] | ["Connection: close, Upgrade"]),
        "{text}"
    );
    if let Some((_, length)) = head.split_once("Content-Length: ") {
        assert_eq!(length.split("\r\n").next().unwrap(), body.len().to_string());
    } else {
        assert!(body.is_empty());
    }
}

/// Whatever the answer but 101, the response says that the connection closes, and the machine answers nothing more.
#[test]
fn class_15_every_rejection_closes_the_connection() {
    for status in 200..=599 {
        let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
        let mut bytes = [request(""), SMUGGLED.to_vec()].concat();
        let mut input = Input::new(&mut bytes);
        let shown = server.receive(&mut input, &mut out).unwrap().unwrap();
        server.reject(&Rejection::new(status), &mut out).unwrap();
        check_last_response(out.front(), status);
        let written = out.len();
        assert!(server.receive(&mut input, &mut out).unwrap().is_none());
        assert_eq!(
            server.reject(&Rejection::new(200), &mut out),
            Err(HandshakeUsageError::Answered)
        );
        let again = server.accept(&shown, &Acceptance::from_any_origin(), &mut out).unwrap_err();
        assert_eq!(again, ServerHandshakeError::Usage(HandshakeUsageError::Answered));
        assert_eq!(out.len(), written);
    }
}

/// Behind a request that the machine itself refuses nothing is read, either.
#[test]
fn class_15_nothing_behind_a_malformed_head_is_read() {
    for bad in [
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nx: y\rz: w\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    ] {
        for piece_len in [1, 1000] {
            let (mut server, mut out) =
                (ServerHandshake::new(HeadLimits::default()), Outbox::new());
            let mut bytes = [bad.as_bytes(), &request("")].concat();
            let mut errors = 0;
            for piece in bytes.chunks_mut(piece_len) {
                let mut input = Input::new(piece);
                match server.receive(&mut input, &mut out) {
                    Ok(None) => assert_eq!(errors, 0),
                    Ok(Some(_)) => panic!("{bad:?}"),
                    Err(_) => errors += 1,
                }
                assert!(input.is_empty());
            }
            assert!(errors > 0);
            assert!(
                out.front().starts_with(b"HTTP/1.1 400 ")
                    || out.front().starts_with(b"HTTP/1.1 505 ")
            );
            assert_eq!(str::from_utf8(out.front()).unwrap().matches("HTTP/1.1").count(), 1);
        }
    }
}

/// Behind a good head comes WebSocket: HTTP there is a violation of it, for a server and for a client.
#[test]
fn class_15_bytes_behind_the_handshake_are_never_read_as_http() {
    let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let mut bytes = [request(""), SMUGGLED.to_vec()].concat();
    let mut input = Input::new(&mut bytes);
    let shown = server.receive(&mut input, &mut out).unwrap().unwrap();
    let mut ws = server.accept(&shown, &Acceptance::from_any_origin(), &mut out).unwrap();
    assert_eq!(input.remaining(), SMUGGLED);
    out.clear();
    // "G" is 0x47: a reserved bit.
    let violation = ws.receive(&mut input, &mut out).unwrap_err();
    assert!(matches!(violation, ProtocolError::ReservedBits { .. }));
    let close = Side::Server.failure(1002, violation);
    assert_eq!(out, close);
    assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
    assert!(input.is_empty() && out == close);

    let uri = Uri::parse("ws://a/").unwrap();
    let accepted = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    // A length in a 101 means nothing (RFC 9110 §15.2): what follows are frames.
    for extra in ["", "Content-Length: 40\r\n", "Transfer-Encoding: chunked\r\n"] {
        let request = ClientRequest::new(&uri);
        let mut client =
            ClientHandshake::with_keys(&request, *b"the sample nonce", || KEY, &mut Outbox::new())
                .unwrap();
        let mut bytes =
            format!("{accepted}{extra}\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .into_bytes();
        let mut input = Input::new(&mut bytes);
        let Some(Answer::Open(mut ws, _)) = client.receive(&mut input).unwrap() else {
            panic!("open")
        };
        // "H" is 0x48, another.
        assert!(matches!(
            ws.receive(&mut input, &mut Outbox::new()),
            Err(ProtocolError::ReservedBits { .. })
        ));
    }

    // Behind a refusal comes its body, and nothing behind that is an answer.
    let request = ClientRequest::new(&uri);
    let mut client =
        ClientHandshake::with_keys(&request, *b"the sample nonce", || KEY, &mut Outbox::new())
            .unwrap();
    let mut bytes =
        format!("HTTP/1.1 404 x\r\nContent-Length: 17\r\n\r\n{accepted}\r\n").into_bytes();
    let mut input = Input::new(&mut bytes);
    match client.receive(&mut input).unwrap().unwrap() {
        Answer::Refused(refused) => assert_eq!(refused.body(), &accepted.as_bytes()[..17]),
        Answer::Open(..) => panic!("open"),
    }
    assert!(client.receive(&mut Input::new(&mut accepted.as_bytes().to_vec())).unwrap().is_none());
}
