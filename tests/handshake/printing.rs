//! What is printed of a head, into a log perhaps: nothing that may be a credential, and nothing
//! that deceives its reader.

use std::fmt::{Debug, Display};

use hybi::handshake::{FieldValue, RequestParts, ResponseParts};

use super::*;

/// Checks what is printed: these words are in it, and nothing that must not be.
#[track_caller]
fn check(printed: &str, words: &[&str]) {
    let as_numbers = format!("{:?}", b"secret");
    assert!(!printed.contains("secret"), "{printed}");
    assert!(!printed.contains(as_numbers.trim_matches(['[', ']'])), "{printed}");
    assert!(!printed.contains("c2VjcmV0"), "{printed}"); // base64 of it
    // `escaped_text_does_not_deceive` has them all.
    let deceives = |char: char| {
        char.is_control() || "\u{ad}\u{115f}\u{200b}\u{202e}\u{2800}\u{3164}\u{fe0f}".contains(char)
    };
    assert!(!printed.contains(deceives), "{}", printed.escape_debug());
    for word in words {
        assert!(printed.contains(word), "{word}: {printed}");
    }
}

fn debug(value: &impl Debug) -> String {
    let (line, lines) = (format!("{value:?}"), format!("{value:#?}"));
    let on_one = lines.split_whitespace().collect::<String>();
    let is_secret = on_one.contains(&format!("{:?}", b"secret").replace([' ', '[', ']'], ""));
    assert!(!lines.contains("secret") && !is_secret, "{lines}");
    line
}

fn display(value: &impl Display) -> String {
    value.to_string()
}

const ASKED: &[u8] = b"GET /chat?token=secret HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\
    Authorization: Basic c2VjcmV0\r\nX-\x7e: \x9b\r\n\r\n";

#[test]
fn requests_and_what_reads_them() {
    let (mut server, mut out) = (server(), Outbox::new());
    let (mut first, mut rest) = (ASKED[..60].to_vec(), ASKED[60..].to_vec());
    assert!(server.receive(&mut Input::new(&mut first), &mut out).unwrap().is_none());
    check(&debug(&server), &["ServerHandshake", "arrived_bytes: 60"]);
    let request = server.receive(&mut Input::new(&mut rest), &mut out).unwrap().unwrap();
    let words = ["GET", "/chat", "Host", "Cookie", "Authorization", "X-~"];
    check(&debug(&request), &words);
    check(&debug(&request.fields()), &words[2..]);
    let fields: Vec<_> = request.fields().map(|(name, value)| (name.as_bytes(), value)).collect();
    let parts = RequestParts::new("GET", request.target()).fields(&fields);
    check(&debug(&parts), &["GET", "fields: 4"]);
    check(&debug(&Request::from_parts(&parts).unwrap()), &words);
    // Where the path of the usual form stands, other forms have an authority, perhaps with userinfo.
    for (method, target) in [("CONNECT", "me:secret@a:80"), ("GET", "ftp://me:secret@a/")] {
        let fields = [(&b"Host"[..], &b"a"[..])];
        let request = Request::from_parts(&RequestParts::new(method, target).fields(&fields));
        check(&debug(&request.unwrap()), &[method, "Host"]);
    }
    // Parts are printed before they are checked, too.
    check(&debug(&RequestParts::new("G\r\n\u{202e}\u{3164}", "/")), &["G\\r\\n\\u{202e}\\u{3164}"]);
}

#[test]
fn responses_and_what_reads_them() {
    let uri = Uri::parse("ws://me:secret@a/?token=secret").unwrap();
    let mut client = client_of(&ClientRequest::new(&uri), &mut Outbox::new()).unwrap();
    check(&debug(&client), &["ClientHandshake", "Waiting"]);
    let reason = "It's \u{9b}31m\u{202e} o\u{2800}\u{ad}ff".as_bytes();
    let mut inbox =
        [b"HTTP/1.1 404 ", reason, b"\r\nServer: x\r\nSet-Cookie: secret\r\n\r\nsecret".as_slice()]
            .concat();
    assert!(client.receive(&mut Input::new(&mut inbox)).unwrap().is_none());
    check(&debug(&client), &["Refused"]);
    let Some(refusal) = client.end_of_input() else { panic!("open") };
    check(&debug(&client), &["Answered"]);
    let text = "404 It's \\u{9b}31m\\u{202e} o\\u{2800}\\u{ad}ff";
    assert_eq!(display(&refusal), text);
    assert_eq!(display(refusal.response()), text);
    check(&debug(&refusal), &["404", "Server", "Set-Cookie", "body_bytes: 6"]);
    let fields = [(&b"Set-Cookie"[..], &b"secret"[..])];
    let parts = ResponseParts::new(404).fields(&fields);
    check(&debug(&parts), &["404", "fields: 1"]);
    let response = Response::from_parts(&parts).unwrap();
    check(&debug(&response), &["404", "Set-Cookie"]);
    assert_eq!(display(&response), "404");
    let mut proxy = ProxyHandshake::new(&ProxyRequest::new("a", 80), &mut Outbox::new()).unwrap();
    proxy.receive(&mut Input::new(&mut b"HTTP/1.1 200 x\r\nA: secret".to_vec())).unwrap();
    check(&debug(&proxy), &["ProxyHandshake"]);
}

#[test]
fn what_is_to_be_sent() {
    let uri = Uri::parse("ws://me:secret@a/chat?token=x").unwrap();
    let request =
        ClientRequest::new(&uri).field("Cookie", "secret").field("X-Token", "secret".to_owned());
    check(&debug(&request), &["ws://a/chat", "Cookie", "X-Token"]);
    let prepared = request.prepare_with_nonce(*b"secretsecretsecr").unwrap();
    check(&debug(&prepared), &["/chat", "Host", "Sec-WebSocket-Key", "Authorization", "X-Token"]);

    let acceptance = Acceptance::from_any_origin().field("Set-Cookie", b"secret");
    check(&debug(&acceptance), &["Set-Cookie"]);
    let mut inbox = REQUEST.as_bytes().to_vec();
    let (mut server, mut out) = (server(), Outbox::new());
    let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
    check(&debug(&acceptance.check(&request).unwrap()), &["Sec-WebSocket-Accept", "Set-Cookie"]);
    let rejection = Rejection::new(401).field("X-Token", "secret").body("text/plain", "secret");
    check(&debug(&rejection), &["401", "x-token", "6"]);
    check(&debug(&FieldValue::from("secret")), &["6 bytes"]);
    let request = ProxyRequest::new("a", 80).credentials("me", "secret");
    check(&debug(&request.field("X-Token", "secret")), &["me", "X-Token"]);
}
