//! What becomes of a refusal: its status reaches the caller in every case, and its body as far as
//! it comes (RFC 9112 §6, §7).

use super::*;
use hybi::handshake::Refusal;

/// Whether the refusal came by itself, or at the end of the input.
#[derive(Debug, PartialEq, Eq)]
enum When {
    Received,
    AtTheEnd,
}
use When::{AtTheEnd, Received};

/// Reads a response in pieces, as a client and as one of a proxy. `None`: no refusal.
fn refusal(bytes: &[u8], size: usize, bytes_max: Option<u32>) -> Option<(When, Refusal, usize)> {
    let uri = Uri::parse("ws://a/").unwrap();
    let (mut request, mut to_proxy) = (ClientRequest::new(&uri), ProxyRequest::new("a", 80));
    if let Some(max) = bytes_max {
        request = request.refusal_bytes_max(max);
        to_proxy = to_proxy.refusal_bytes_max(max);
    }
    let mut client = client_of(&request, &mut Outbox::new()).unwrap();
    let mut proxy = ProxyHandshake::new(&to_proxy, &mut Outbox::new()).unwrap();
    let (mut of_client, mut of_proxy) = (None, None);
    for piece in bytes.chunks(size) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        match client.receive(&mut input) {
            Ok(Some(Answer::Refused(refusal))) => of_client = Some((Received, refusal, 0)),
            Ok(None) => {}
            other => panic!("{other:?}: {}", bytes.escape_ascii()),
        }
        if let Some((_, _, rest)) = &mut of_client {
            *rest += input.len();
        }
        let mut piece = piece.clone();
        match proxy.receive(&mut Input::new(&mut piece)) {
            Ok(Some(ProxyAnswer::Refused(refusal))) => of_proxy = Some((Received, refusal)),
            Ok(None) => {}
            other => panic!("{other:?}: {}", bytes.escape_ascii()),
        }
    }
    if let Some(refusal) = client.end_of_input() {
        assert!(of_client.is_none());
        of_client = Some((AtTheEnd, refusal, 0));
    }
    if let Some(refusal) = proxy.end_of_input() {
        assert!(of_proxy.is_none());
        of_proxy = Some((AtTheEnd, refusal));
    }
    let shown = of_client.as_ref().map(|(when, refusal, _)| format!("{when:?} {refusal:?}"));
    let of_proxy = of_proxy.map(|(when, refusal)| format!("{when:?} {refusal:?}"));
    assert_eq!(shown, of_proxy, "{}", bytes.escape_ascii());
    // It is over.
    assert!(matches!(client.receive(&mut Input::new(&mut bytes.to_vec())), Ok(None)));
    assert!(client.end_of_input().is_none() && proxy.end_of_input().is_none());
    of_client
}

/// Checks when a refusal comes, with what of its body, whether that is all, and how many bytes stay
/// in the input after all of it.
#[track_caller]
fn check(fields_and_body: &str, bytes_max: Option<u32>, want: (When, &str, bool, usize)) {
    let bytes = format!("HTTP/1.1 401 No\r\n{fields_and_body}");
    for size in 1..=bytes.len() {
        let (when, refusal, rest) = refusal(bytes.as_bytes(), size, bytes_max).unwrap();
        assert_eq!(refusal.response().status(), 401);
        assert_eq!(refusal.error(), None);
        let body = std::str::from_utf8(refusal.body()).unwrap();
        // What follows a body that is cut off is nobody's.
        let rest = if refusal.is_complete() { rest } else { 0 };
        assert_eq!((when, body, refusal.is_complete(), rest), want, "{bytes:?} by {size}");
    }
}

#[test]
fn a_body_is_read_up_to_its_length() {
    check("Content-Length: 4\r\n\r\nbody", None, (Received, "body", true, 0));
    check("Content-Length: 4\r\n\r\nbodyHTTP", None, (Received, "body", true, 4));
    check("Content-Length: 0\r\n\r\n", None, (Received, "", true, 0));
    check("Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody", None, (Received, "body", true, 0));
    check("Content-Length: 4, 4\r\n\r\nbody", None, (Received, "body", true, 0));
    for status in ["204", "304"] {
        let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 4\r\n\r\n");
        let (when, refusal, _) = refusal_of_client(head.as_bytes());
        assert_eq!((when, refusal.is_complete()), (Received, true), "RFC 9110 §15.3.5, §15.4.5");
    }
}

/// A 204 from a proxy opens a tunnel, so this is for clients only.
fn refusal_of_client(bytes: &[u8]) -> (When, Refusal, ()) {
    let uri = Uri::parse("ws://a/").unwrap();
    let mut client = client_of(&ClientRequest::new(&uri), &mut Outbox::new()).unwrap();
    match client.receive(&mut Input::new(&mut bytes.to_vec())) {
        Ok(Some(Answer::Refused(refusal))) => (Received, refusal, ()),
        _ => (AtTheEnd, client.end_of_input().unwrap(), ()),
    }
}

#[test]
fn a_body_that_breaks_off_takes_nothing_from_the_status() {
    check("Content-Length: 9\r\n\r\nbody", None, (AtTheEnd, "body", false, 0));
    check("Content-Length: 9\r\n\r\n", None, (AtTheEnd, "", false, 0));
    check("Transfer-Encoding: chunked\r\n\r\n4\r\nbo", None, (AtTheEnd, "bo", false, 0));
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    check("\r\nbody", None, (AtTheEnd, "body", false, 0));
    for length in ["x", "-4", "+4", "4 4", "4, 5", "18446744073709551616", ""] {
        check(&format!("Content-Length: {length}\r\n\r\nbody"), None, (AtTheEnd, "body", false, 0));
    }
    for coding in ["gzip", "gzip, chunked", "chunked, chunked", ""] {
        let fields = format!("Transfer-Encoding: {coding}\r\nContent-Length: 2\r\n\r\nbody");
        check(&fields, None, (AtTheEnd, "body", false, 0));
    }
}

/// RFC 9112 §7.1.
#[test]
fn chunks_are_put_together() {
    const FIELDS: &str = "Transfer-Encoding: Chunked\r\nContent-Length: 1\r\n\r\n";
    for (chunks, body) in [
        ("4\r\nbody\r\n0\r\n\r\n", "body"),
        ("2\r\nbo\r\n0002\r\ndy\r\n000\r\n\r\n", "body"),
        ("A;name=\"value\"\r\n0123456789\r\n0;x\r\nTrailer: x\r\nb:\r\n\r\n", "0123456789"),
        ("a  \r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("0\r\n\r\n", ""),
    ] {
        check(&format!("{FIELDS}{chunks}"), None, (Received, body, true, 0));
        check(&format!("{FIELDS}{chunks}HTTP"), None, (Received, body, true, 4));
    }
    for (chunks, body) in [
        ("x", ""),
        ("\r\n", ""),
        (";\r\n", ""),
        ("4\nbody", ""),
        ("4;\nbody", ""),
        ("-4\r\nbody", ""),
        ("10000000000000000\r\n", ""),
        ("4\r\nbodyx", "body"),
        ("4\r\nbody\n", "body"),
        ("4\r\nbody\r\r", "body"),
        ("4\r\nbody\r\n0\r\n\n", "body"),
        ("4\r\nbody\r\n0\r\na: b\n", "body"),
        ("4\r\nbody\r\n0\r\n\rx", "body"),
    ] {
        check(&format!("{FIELDS}{chunks}"), None, (Received, body, false, 0));
    }
}

#[test]
fn a_body_is_bounded() {
    let long = format!("Content-Length: 70000\r\n\r\n{}", "x".repeat(70_000));
    let (when, cut, _) =
        refusal(format!("HTTP/1.1 401 No\r\n{long}").as_bytes(), 70_000, None).unwrap();
    assert_eq!((when, cut.body().len(), cut.is_complete()), (Received, 64 << 10, false));

    check("Content-Length: 4\r\n\r\nbody", Some(4), (Received, "body", true, 0));
    check("Content-Length: 5\r\n\r\nbody!", Some(4), (Received, "body", false, 0));
    check("\r\nbody", Some(4), (AtTheEnd, "body", false, 0));
    check("\r\nbody!", Some(4), (Received, "body", false, 0));
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";
    let chunks = |chunks: &str| format!("{CHUNKED}{chunks}");
    check(&chunks("4\r\nbody\r\n0\r\n\r\n"), Some(10), (Received, "body", true, 0));
    check(&chunks("4\r\nbody\r\n2\r\n!!"), Some(5), (Received, "body", false, 0));
    // What is around the chunks has the same bound.
    check(&chunks("4;xxxxxxxxxxxx"), Some(10), (Received, "", false, 0));
    // With zero, nothing is waited for.
    check("Content-Length: 4\r\n\r\n", Some(0), (Received, "", false, 0));
    check("\r\n", Some(0), (Received, "", false, 0));
    check(CHUNKED, Some(0), (Received, "", false, 0));
    check("Content-Length: 0\r\n\r\n", Some(0), (Received, "", true, 0));
}

/// RFC 9112 §9.3: what a second try, with credentials, can go over.
#[test]
fn a_refusal_tells_whether_the_connection_goes_on() {
    for (response, want) in [
        ("HTTP/1.1 407 x\r\nContent-Length: 1\r\n\r\nx", true),
        ("HTTP/1.1 407 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true),
        ("HTTP/1.1 407 x\r\nContent-Length: 1\r\nConnection: Close\r\n\r\nx", false),
        ("HTTP/1.1 407 x\r\nContent-Length: 1\r\nConnection: a, close\r\n\r\nx", false),
        ("HTTP/1.0 407 x\r\nContent-Length: 1\r\n\r\nx", false),
        ("HTTP/1.1 407 x\r\nContent-Length: 2\r\n\r\nx", false),
        ("HTTP/1.1 407 x\r\n\r\nx", false),
        (
            "HTTP/1.1 407 x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            false,
        ),
    ] {
        let (_, refusal, _) = refusal(response.as_bytes(), 1, None).unwrap();
        assert_eq!(refusal.keeps_connection(), want, "{response:?}");
    }
    let mut proxy = ProxyHandshake::new(&ProxyRequest::new("a", 80), &mut Outbox::new()).unwrap();
    match proxy.receive(&mut Input::new(&mut b"HTTP/1.1 101 x\r\n\r\n".to_vec())) {
        Ok(Some(ProxyAnswer::Refused(refusal))) => assert!(!refusal.keeps_connection()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_refusal_the_end_of_the_input_tells_nothing() {
    for response in ["", "HTTP/1.1 40", "HTTP/1.1 103 x\r\n\r\n", "HTTP/1.1 101 x\r\n"] {
        assert!(refusal(response.as_bytes(), 1, None).is_none(), "{response:?}");
    }
    let uri = Uri::parse("ws://a/").unwrap();
    let mut client = client_of(&ClientRequest::new(&uri), &mut Outbox::new()).unwrap();
    let mut garbage = *b"SSH";
    let error = client.receive(&mut Input::new(&mut garbage)).unwrap_err();
    assert!(client.end_of_input().is_none());
    assert_eq!(client.receive(&mut Input::new(&mut garbage)).unwrap_err(), error);
}
