//! The negotiation in the opening handshake.

use super::*;
use hybi::handshake::{Acceptance, Answer, ClientRequest, HeadLimits, ResponseError};
use hybi::{ClientHandshake, ServerHandshake, Uri};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn deflating() -> Config {
    Config::default().deflate(DeflateConfig::default())
}

fn answer(extensions: &str) -> Result<bool, ResponseError> {
    let uri = Uri::parse("ws://example.com/").unwrap();
    let request = ClientRequest::new(&uri).config(deflating());
    let keys: fn() -> [u8; 4] = || [0; 4];
    let nonce = *b"the sample nonce";
    let mut handshake =
        ClientHandshake::with_keys(&request, nonce, keys, &mut Outbox::new()).unwrap();
    let mut inbox = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{extensions}\r\n"
    )
    .into_bytes();
    match handshake.receive(&mut Input::new(&mut inbox))?.unwrap() {
        Answer::Open(mut ws, _) => {
            // Whether it inflates: the RFC's "Hello".
            let hello = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
            Ok(receive(&mut ws, &hello, usize::MAX) == [text("Hello")])
        }
        Answer::Refused(_) => panic!("not refused"),
    }
}

#[test]
fn the_machines_negotiate_it_and_hand_it_to_their_connections() {
    let uri = Uri::parse("ws://example.com/").unwrap();
    let request = ClientRequest::new(&uri).config(deflating());
    let mut out = Outbox::new();
    let mut client = ClientHandshake::new(&request, &mut out).unwrap();
    let mut out = out.take();
    let head = String::from_utf8(out.clone()).unwrap();
    assert!(
        head.contains(
            "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        ),
        "{head}"
    );

    let (mut server, mut response) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let request = server.receive(&mut Input::new(&mut out), &mut response).unwrap().unwrap();
    let accept = Acceptance::from_any_origin().config(deflating());
    let mut server = server.accept(&request, &accept, &mut response).unwrap();
    let mut response = response.take();
    let head = String::from_utf8(response.clone()).unwrap();
    assert!(head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"), "{head}");

    let Some(Answer::Open(mut client, _)) = client.receive(&mut Input::new(&mut response)).unwrap()
    else {
        panic!("open");
    };
    // What was agreed on can be asked.
    let agreed = client.deflate().copied();
    assert_eq!(agreed.map(|agreed| agreed.to_string()).as_deref(), Some("permessage-deflate"));
    assert_eq!(server.deflate().copied(), agreed);

    let long = "hello ".repeat(100);
    let mut wire = Outbox::new();
    client.send(&*long, &mut wire).unwrap();
    let wire = wire.take();
    assert_eq!(wire[0], 0xc1);
    assert!(wire.len() < 100);
    assert_eq!(receive(&mut server, &wire, usize::MAX), [text(&long)]);
}

#[test]
fn a_server_that_was_not_told_to_does_not_accept_it() {
    let mut inbox = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
    .into_bytes();
    let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
    let ws = server.accept(&request, &Acceptance::from_any_origin(), &mut out).unwrap();
    assert_eq!(ws.deflate(), None);
    assert!(!String::from_utf8(out.take()).unwrap().contains("Extensions"));
}

#[test]
fn a_client_judges_the_answer_to_its_offer() {
    for (extensions, expected) in [
        ("", Ok(false)),
        ("Sec-WebSocket-Extensions: permessage-deflate\r\n", Ok(true)),
        ("Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n", Ok(true)),
        // Several lines are one list.
        (
            "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: x\r\n",
            Err(ResponseError::ExtensionNotOffered),
        ),
        ("Sec-WebSocket-Extensions: permessage-bzip2\r\n", Err(ResponseError::ExtensionNotOffered)),
        (
            "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n",
            Err(ResponseError::ExtensionRepeated),
        ),
        (
            "Sec-WebSocket-Extensions: permessage-deflate; x\r\n",
            Err(ResponseError::Deflate(NegotiationError::Unknown)),
        ),
        (
            "Sec-WebSocket-Extensions: permessage-deflate;\r\n",
            Err(ResponseError::ExtensionsMalformed),
        ),
        ("Sec-WebSocket-Extensions: \r\n", Err(ResponseError::ExtensionsMalformed)),
    ] {
        assert_eq!(answer(extensions), expected, "{extensions}");
    }
}

/// An offer with wishes goes out with its fallback, in one field, and a server that takes the
/// fallback is served.
#[test]
fn a_fallback_is_offered_and_taken_in_the_handshake() {
    let uri = Uri::parse("ws://example.com/").unwrap();
    let deflate = DeflateConfig::default().incoming_window_bits(10);
    let keys: fn() -> [u8; 4] = || [0; 4];
    for (fallbacks, answer, expected) in [
        (None, "permessage-deflate; server_max_window_bits=10", Ok(10)),
        (None, "permessage-deflate", Ok(15)),
        (Some(&[][..]), "permessage-deflate", Err(NegotiationError::ServerWindow)),
    ] {
        let config = fallbacks.map_or(deflate, |fallbacks| deflate.fallbacks(fallbacks));
        let request = ClientRequest::new(&uri).config(Config::default().deflate(config));
        let mut out = Outbox::new();
        let mut client =
            ClientHandshake::with_keys(&request, *b"the sample nonce", keys, &mut out).unwrap();
        let head = String::from_utf8(out.take()).unwrap();
        let line = format!(
            "\r\nSec-WebSocket-Extensions: {}\r\n",
            hybi::extension::deflate::offer(&config)
        );
        assert!(head.contains(&line), "{head}");
        let mut response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
             Sec-WebSocket-Extensions: {answer}\r\n\r\n"
        )
        .into_bytes();
        let got = match client.receive(&mut Input::new(&mut response)) {
            Ok(Some(Answer::Open(ws, _))) => Ok(ws.deflate().unwrap().server_max_window_bits()),
            Err(ResponseError::Deflate(error)) => Err(error),
            other => panic!("{other:?}"),
        };
        assert_eq!(got, expected, "{answer}");
    }
}
