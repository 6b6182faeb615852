//! Opening handshakes.

use super::*;

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nOrigin: http://server.example.com\r\nUser-Agent: test\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

const RESPONSE: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

fn accept(head: &mut [u8], read_bytes: usize, out: &mut Outbox) {
    let mut handshake = ServerHandshake::new(HeadLimits::default());
    let mut reads = head.chunks_mut(read_bytes);
    let request =
        reads.find_map(|read| handshake.receive(&mut Input::new(read), out).unwrap()).unwrap();
    let accept = Acceptance::from_same_origin().subprotocol("chat");
    handshake.accept(&request, &accept, out).unwrap();
}

fn connect(request: &ClientRequest<'_>, head: &mut [u8], read_bytes: usize, out: &mut Outbox) {
    let nonce = *b"the sample nonce";
    let mut handshake = ClientHandshake::with_keys(request, nonce, || KEY, out).unwrap();
    let mut reads = head.chunks_mut(read_bytes);
    let answer = reads.find_map(|read| handshake.receive(&mut Input::new(read)).unwrap());
    assert!(matches!(answer, Some(Answer::Open(..))));
}

#[test]
fn handshakes_whose_head_arrives_whole() {
    let (mut head, mut out) = (REQUEST.to_vec(), Outbox::with_capacity(1000));
    assert_allocates_nothing(|| accept(&mut head, usize::MAX, &mut out));

    let uri = Uri::parse("ws://server.example.com:8080/chat").unwrap();
    let mut head =
        [&RESPONSE[..RESPONSE.len() - "Sec-WebSocket-Protocol: chat\r\n\r\n".len()], b"\r\n"]
            .concat();
    let request = ClientRequest::new(&uri);
    assert_allocates_nothing(|| connect(&request, &mut head, usize::MAX, &mut out));
    let with_origin = request.clone().origin("https://server.example.com:8443");
    assert_allocates_nothing(|| connect(&with_origin, &mut head, usize::MAX, &mut out));
    // What was offered is kept until the answer has been compared with it.
    let (mut head, request) =
        (RESPONSE.to_vec(), request.subprotocol("chat").subprotocol("superchat"));
    let (count, bytes, ()) = allocations(|| connect(&request, &mut head, usize::MAX, &mut out));
    assert_eq!((count, bytes), (1, "chat, superchat".len()));
}

#[test]
fn handshakes_in_pieces_cost_their_heads() {
    for read_bytes in [1, 10, 100] {
        let (mut head, mut out) = (REQUEST.to_vec(), Outbox::with_capacity(1000));
        let (_, bytes, ()) = allocations(|| accept(&mut head, read_bytes, &mut out));
        assert!(bytes <= 3 * REQUEST.len(), "{bytes} bytes");
    }
}
