//! The opening handshake in both roles, beside what nobody can leave out: SHA-1 and base64 of the key.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hybi::handshake::{Acceptance, Answer, ClientRequest, HeadLimits, Key, Request, RequestParts};
use hybi::{ClientHandshake, Input, Outbox, ServerHandshake, Uri};

/// What a browser sends: 14 headers.
const REQUEST: &[u8] = b"GET /chat?room=1 HTTP/1.1\r\n\
    Host: server.example.com:8080\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: http://server.example.com:8080\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Cookie: session=0123456789abcdef\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\r\n";

/// RFC 6455 §1.3: the accept key that belongs to the request's.
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";

/// The fields of the request, with names in lower case, as stacks have them.
fn parsed() -> Vec<(String, String)> {
    let text = std::str::from_utf8(REQUEST).expect("ASCII");
    let fields = text.lines().filter_map(|line| line.split_once(": "));
    fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect()
}

fn handshake(c: &mut Criterion) {
    let mut group = c.benchmark_group("handshake");
    let key = Key::from_nonce(*b"the sample nonce");
    group.bench_function("key", |b| b.iter(|| black_box(key).accept()));

    let (mut inbox, mut out) = (REQUEST.to_vec(), Outbox::with_capacity(1024));
    group.bench_function("server", |b| {
        b.iter(|| {
            inbox.copy_from_slice(black_box(REQUEST));
            out.clear();
            let mut input = Input::new(&mut inbox);
            let mut server = ServerHandshake::new(HeadLimits::default());
            let request =
                server.receive(&mut input, &mut out).expect("well-formed").expect("complete");
            let accept = Acceptance::from_same_origin().subprotocol("chat");
            let ws = server.accept(&request, &accept, &mut out).expect("accepted");
            assert!(out.front().starts_with(b"HTTP/1.1 101 "));
            ws
        });
    });

    // The same request, as an HTTP stack has parsed it: without reading a head and writing another.
    let fields = parsed();
    let fields: Vec<(&[u8], &[u8])> =
        fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    group.bench_function("server, from parts", |b| {
        b.iter(|| {
            let parts = RequestParts::new("GET", "/chat?room=1").fields(black_box(&fields));
            let request = Request::from_parts(&parts).expect("well-formed");
            let acceptance = Acceptance::from_same_origin().subprotocol("chat");
            let accepted = acceptance.check(&request).expect("acceptable");
            accepted.fields().for_each(|field| _ = black_box(field));
            accepted.into_connection()
        });
    });
    let mut typed = http::Request::get("/chat?room=1");
    for (name, value) in &fields {
        typed = typed.header(*name, *value);
    }
    let typed = typed.body(()).expect("the types hold it");
    group.bench_function("server, from http types", |b| {
        b.iter(|| {
            let request = Request::from_http(black_box(&typed), None).expect("well-formed");
            let acceptance = Acceptance::from_same_origin().subprotocol("chat");
            let accepted = acceptance.check(&request).expect("acceptable");
            accepted.into_http().expect("the types hold it")
        });
    });

    let uri = Uri::parse("ws://server.example.com:8080/chat?room=1").expect("valid");
    let request = ClientRequest::new(&uri).subprotocol("chat").subprotocol("superchat");
    let mut inbox = RESPONSE.to_vec();
    group.bench_function("client", |b| {
        b.iter(|| {
            out.clear();
            let (nonce, keys) = (*b"the sample nonce", || [1, 2, 3, 4]);
            let mut client = ClientHandshake::with_keys(black_box(&request), nonce, keys, &mut out)
                .expect("valid");
            inbox.copy_from_slice(black_box(RESPONSE));
            match client.receive(&mut Input::new(&mut inbox)) {
                Ok(Some(Answer::Open(ws, _))) => ws,
                _ => panic!("the connection is not open"),
            }
        });
    });
    group.finish();
}

criterion_group!(benches, handshake);
criterion_main!(benches);
