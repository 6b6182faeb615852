//! Connecting and accepting.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hybi::blocking::{self, AcceptError, Acceptor, ConnectError, Connector, ReadyState, Untimed};
use hybi::frame::OpCode;
use hybi::handshake::{
    Acceptance, ClientRequest, HandshakeUsageError, HeadLimits, Rejection, RequestError,
    ResponseError,
};
use hybi::{CloseCode, Config, Limits, ProtocolError, Uri};

use crate::stream::*;

/// The request of RFC 6455 §1.2.
const REQUEST: &str = "GET /chat?a=b HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// What belongs to it (RFC 6455 §1.3).
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

fn written(stream: &Script) -> String {
    String::from_utf8_lossy(&stream.written()).into_owned()
}

// ---- accepting

#[test]
fn a_request_is_seen_before_it_is_accepted() {
    let stream = Script::new(
        one_by_one(REQUEST.as_bytes()).flat_map(|byte| [In::Error(ErrorKind::Interrupted), byte]),
    );
    let pending = blocking::receive_request(stream.clone()).unwrap();
    let request = pending.request();
    assert_eq!((request.method(), request.path(), request.query()), ("GET", "/chat", Some("a=b")));
    assert_eq!(request.origin(), Some(&b"http://example.com"[..]));
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(pending.ready_state(), ReadyState::Connecting);
    assert_eq!(written(&stream), "");

    let chosen = request.choose_subprotocol(&["superchat", "chat"]).unwrap();
    let accept = Acceptance::from_origins(["http://example.com"])
        .unwrap()
        .subprotocol(chosen)
        .field("X-Server", "test");
    let ws = pending.accept(&accept).unwrap();
    assert_eq!(ws.ready_state(), ReadyState::Open);
    assert_eq!(ws.subprotocol(), Some("superchat"));
    let (reader, _writer) = ws.split().unwrap();
    assert_eq!(reader.subprotocol(), Some("superchat"));
    let answer = written(&stream);
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    for header in [ACCEPT, "Sec-WebSocket-Protocol: superchat\r\n", "X-Server: test\r\n"] {
        assert!(answer.contains(header), "{answer}");
    }
}

#[test]
fn what_follows_the_request_belongs_to_the_connection() {
    let all =
        [REQUEST.as_bytes(), &masked(OpCode::TEXT, b"Hello"), &masked(OpCode::CLOSE, b"")].concat();
    for cut in [0, 10, REQUEST.len(), REQUEST.len() + 3, all.len()] {
        let (front, back) = all.split_at(cut);
        let input = [front, back].into_iter().filter(|part| !part.is_empty());
        let stream = Script::new(input.map(|part| In::Bytes(part.to_vec())));
        let pending = blocking::receive_request(stream).unwrap();
        let mut ws = pending.accept(&Acceptance::from_any_origin()).unwrap();
        assert_eq!(ws.subprotocol(), None);
        assert_eq!(ws.receive().unwrap(), text("Hello"), "cut at {cut}");
        assert_eq!(closed(&mut ws).code(), 1005);
    }
}

#[test]
fn the_configuration_reaches_the_connection() {
    let all = [REQUEST.as_bytes(), &masked(OpCode::PING, b"?"), &masked(OpCode::TEXT, b"too long")]
        .concat();
    let stream = Script::new([In::Bytes(all)]);
    let config = Config::default().limits(Limits::default().message_bytes_max(7));
    let pending = blocking::receive_request(stream.clone()).unwrap();
    let mut ws = pending.accept(&Acceptance::from_any_origin().config(config)).unwrap();
    let head = stream.written().len();
    let too_big = ProtocolError::MessageTooBig { len: 8 };
    assert!(matches!(ws.receive(), Err(blocking::Error::Protocol(error)) if error == too_big));
    let close = plain(OpCode::CLOSE, too_big.reply().payload());
    assert_eq!(stream.written()[head..], [plain(OpCode::PONG, b"?"), close].concat());
}

#[test]
fn a_page_or_a_refusal_is_answered_with_and_the_stream_closed() {
    let stream = Script::new([In::Bytes(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec())]);
    let pending = blocking::receive_request(stream.clone()).unwrap();
    assert!(!pending.request().is_upgrade());
    pending.reject(&Rejection::new(200).body("text/plain", "a page")).unwrap();
    let answer = written(&stream);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\na page"),
        "{answer}"
    );
    assert_eq!(stream.log.borrow().shut, [Shutdown::Write]);
}

#[test]
fn a_bad_request_is_refused_by_itself() {
    let bad = |request: &str| {
        let stream = Script::new([In::Bytes(request.as_bytes().to_vec())]);
        (blocking::receive_request(stream.clone()).map(|_| ()), written(&stream), stream)
    };
    let (result, answer, stream) = bad("not HTTP at all\r\n\r\n");
    assert!(matches!(result, Err(AcceptError::Request(RequestError::RequestLine))), "{result:?}");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(stream.log.borrow().shut, [Shutdown::Write]);

    let stream = Script::new([In::Bytes(REQUEST.as_bytes().to_vec())]);
    let limits = HeadLimits::default().fields_max(2);
    let result = Acceptor::new().head_limits(limits).receive_request(stream.clone()).map(|_| ());
    assert!(matches!(result, Err(AcceptError::Request(RequestError::TooManyFields))), "{result:?}");
    assert!(written(&stream).starts_with("HTTP/1.1 431 "));

    let stream = Script::new([In::Bytes(REQUEST.as_bytes().to_vec())]);
    let pending = blocking::receive_request(stream.clone()).unwrap();
    let result = pending.accept(&Acceptance::from_same_origin()).map(|_| ());
    assert!(matches!(result, Err(AcceptError::Request(RequestError::Origin))), "{result:?}");
    assert!(written(&stream).starts_with("HTTP/1.1 403 "));
    assert_eq!(stream.log.borrow().shut, [Shutdown::Write]);
}

#[test]
fn a_mistake_of_the_server_is_a_500_for_the_client() {
    let stream = Script::new([In::Bytes(REQUEST.as_bytes().to_vec())]);
    let pending = blocking::receive_request(stream.clone()).unwrap();
    let result =
        pending.accept(&Acceptance::from_any_origin().subprotocol("never offered")).map(|_| ());
    let misuse = matches!(
        result,
        Err(AcceptError::Usage(
            HandshakeUsageError::SubprotocolNotOffered | HandshakeUsageError::Subprotocol
        ))
    );
    assert!(misuse, "{result:?}");
    assert!(written(&stream).starts_with("HTTP/1.1 500 "));

    let stream = Script::new([In::Bytes(REQUEST.as_bytes().to_vec())]);
    let pending = blocking::receive_request(stream.clone()).unwrap();
    let result = pending.reject(&Rejection::new(200).field("A", "b\r\nC: d"));
    assert!(
        matches!(result, Err(AcceptError::Usage(HandshakeUsageError::FieldValue))),
        "{result:?}"
    );
    assert!(written(&stream).starts_with("HTTP/1.1 500 "));
}

#[test]
fn a_client_may_vanish_at_any_byte_of_its_request() {
    for cut in 0..REQUEST.len() {
        let front = In::Bytes(REQUEST.as_bytes()[..cut].to_vec());
        let input = |end| if cut == 0 { vec![end] } else { vec![front.clone(), end] };
        for (end, expected) in [
            (In::End, ErrorKind::UnexpectedEof),
            (In::Error(ErrorKind::ConnectionReset), ErrorKind::ConnectionReset),
        ] {
            match blocking::receive_request(Script::new(input(end))) {
                Err(AcceptError::Io(error)) => assert_eq!(error.kind(), expected, "cut at {cut}"),
                other => panic!("cut at {cut}: {other:?}"),
            }
        }
        let late = blocking::receive_request(Script::new(input(In::Error(ErrorKind::WouldBlock))));
        assert!(matches!(late, Err(AcceptError::TimedOut)), "cut at {cut}");
    }
}

#[test]
fn an_answer_that_cannot_be_written_opens_nothing() {
    for (out, timed_out) in
        [(Out::Error(ErrorKind::BrokenPipe), false), (Out::Error(ErrorKind::WouldBlock), true)]
    {
        let stream = Script::new([In::Bytes(REQUEST.as_bytes().to_vec())]).writing([out]);
        let pending = blocking::receive_request(stream).unwrap();
        match pending.accept(&Acceptance::from_any_origin()) {
            Err(AcceptError::TimedOut) => assert!(timed_out),
            Err(AcceptError::Io(_)) => assert!(!timed_out),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_client_that_says_nothing_is_given_up() {
    let (mut client, server) = sockets();
    let acceptor = Acceptor::new().timeout(Duration::from_millis(1));
    assert!(matches!(acceptor.receive_request(server), Err(AcceptError::TimedOut)));
    assert_eq!(client.read(&mut [0]).unwrap(), 0); // and its connection closed
}

/// A peer that says nothing would hold the thread for ever.
#[test]
fn a_time_out_that_the_stream_cannot_keep_is_refused() {
    let untimed = || Untimed(Script::new([In::Bytes(REQUEST.as_bytes().to_vec())]));
    match blocking::receive_request(untimed()) {
        Err(AcceptError::Io(error)) => assert_eq!(error.kind(), ErrorKind::Unsupported),
        other => panic!("{other:?}"),
    }
    let pending = Acceptor::new().timeout(None).receive_request(untimed()).unwrap();
    assert_eq!(pending.request().path(), "/chat");

    let uri = Uri::parse("ws://example.com/").unwrap();
    let stream = Untimed(Script::new([]));
    match Connector::new().connect_over(stream, &ClientRequest::new(&uri)) {
        Err(ConnectError::Io(error)) => assert_eq!(error.kind(), ErrorKind::Unsupported),
        other => panic!("{other:?}"),
    }
    let stream = Untimed(Script::new([In::Bytes(b"HTTP/1.1 503\r\n\r\n".to_vec())]));
    match Connector::new().timeout(None).connect_over(stream, &ClientRequest::new(&uri)) {
        Err(ConnectError::Refused(refusal)) => assert_eq!(refusal.response().status(), 503),
        other => panic!("{other:?}"),
    }
}

// ---- connecting

pub(crate) fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A server for one connection, which answers `respond(request head)`, says what it was asked, and
/// then waits for the end.
pub(crate) fn server_of(
    respond: impl FnOnce(&str) -> Vec<u8> + Send + 'static,
) -> (u16, JoinHandle<String>) {
    let (listener, port) = listen();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = read_head(&mut stream);
        stream.write_all(&respond(&head)).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        head
    });
    (port, thread)
}

pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// A server that accepts one WebSocket, says hello, and echoes until the end.
fn hello_server() -> (u16, JoinHandle<String>) {
    let (listener, port) = listen();
    let thread = thread::spawn(move || serve_hello(listener.accept().unwrap().0));
    (port, thread)
}

pub(crate) fn serve_hello(stream: TcpStream) -> String {
    let pending = blocking::receive_request(stream).unwrap();
    let host = pending.request().host().unwrap().to_owned();
    let mut accept = Acceptance::from_any_origin().field("X-Server", "test");
    if let Some(chosen) = pending.request().choose_subprotocol(&["echo"]) {
        accept = accept.subprotocol(chosen);
    }
    let mut ws = pending.accept(&accept).unwrap();
    ws.send("hello").unwrap();
    while let Some(message) = ws.receive().unwrap() {
        assert_ne!(message.as_text(), None);
        ws.send(&message).unwrap();
    }
    host
}

#[test]
fn connect_talk_and_close() {
    let (port, server) = hello_server();
    let uri = Uri::parse(&format!("ws://127.0.0.1:{port}/")).unwrap();
    let request = ClientRequest::new(&uri).subprotocol("other").subprotocol("echo");
    let mut ws = Connector::new().connect(&request).unwrap();
    assert_eq!(ws.subprotocol(), Some("echo"));
    assert_eq!(ws.response().unwrap().field("x-server"), Some(&b"test"[..]));
    assert_eq!(ws.receive().unwrap(), text("hello"));
    ws.send("again").unwrap();
    assert_eq!(ws.receive().unwrap(), text("again"));
    ws.close(CloseCode::NORMAL, "").unwrap();
    assert!(closed(&mut ws).was_clean());
    assert_eq!(server.join().unwrap(), format!("127.0.0.1:{port}"));
}

/// Both sides: a reading half knows what the whole connection knew.
#[test]
fn a_reading_half_knows_what_the_handshake_has_agreed_on() {
    let (port, server) = hello_server();
    let uri = Uri::parse(&format!("ws://127.0.0.1:{port}/")).unwrap();
    let ws = Connector::new().connect(&ClientRequest::new(&uri).subprotocol("echo")).unwrap();
    let (mut reader, writer) = ws.split().unwrap();
    assert_eq!(reader.subprotocol(), Some("echo"));
    assert_eq!(reader.response().unwrap().field("x-server"), Some(&b"test"[..]));
    writer.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(reader.receive().unwrap(), text("hello"));
    assert!(closed(&mut reader).was_clean());
    assert_eq!(reader.subprotocol(), Some("echo")); // also afterwards
    server.join().unwrap();

    let (reader, _writer) = client(Script::new([])).split().unwrap();
    assert!(reader.subprotocol().is_none() && reader.response().is_none());
}

#[test]
fn names_are_looked_up_and_all_addresses_tried() {
    // Usually ::1 as well as 127.0.0.1, at one of which nobody listens.
    let (port, server) = hello_server();
    let mut ws = blocking::connect(&format!("ws://localhost:{port}/")).unwrap();
    assert_eq!(ws.receive().unwrap(), text("hello"));
    assert!(ws.terminate(Duration::from_secs(60)).was_clean());
    server.join().unwrap();

    let (port, server) = hello_server();
    let uri = Uri::parse(&format!("ws://localhost:{port}/")).unwrap();
    let mut ws = Connector::new().timeout(None).connect(&ClientRequest::new(&uri)).unwrap();
    assert!(ws.terminate(Duration::from_secs(60)).was_clean());
    server.join().unwrap();
}

#[test]
fn the_servers_first_message_may_come_with_its_answer() {
    // The key is random, so the answer is made by the machine; only the order of bytes is ours.
    let (port, server) = server_of(|head| {
        let mut inbox = head.as_bytes().to_vec();
        let mut handshake = hybi::ServerHandshake::new(HeadLimits::default());
        let mut out = hybi::Outbox::new();
        let request =
            handshake.receive(&mut hybi::Input::new(&mut inbox), &mut out).unwrap().unwrap();
        let mut ws = handshake.accept(&request, &Acceptance::from_any_origin(), &mut out).unwrap();
        ws.send("at once", &mut out).unwrap();
        ws.close(CloseCode::NORMAL, "and over", &mut out).unwrap();
        out.take()
    });
    let mut ws = blocking::connect(&format!("ws://127.0.0.1:{port}/")).unwrap();
    assert_eq!(ws.receive().unwrap(), text("at once"));
    ws.set_keepalive(
        hybi::keepalive::KeepaliveConfig::default().close_within(Some(Duration::ZERO)),
    );
    assert_eq!(closed(&mut ws).reason(), "and over");
    drop(ws);
    server.join().unwrap();
}

#[test]
fn a_refusal_is_handed_out_and_a_redirect_not_followed() {
    let (port, server) = server_of(|_| {
        b"HTTP/1.1 302 Found\r\nLocation: ws://elsewhere.example/\r\nContent-Length: 4\r\n\r\nbody"
            .to_vec()
    });
    match blocking::connect(&format!("ws://127.0.0.1:{port}/")) {
        Err(ConnectError::Refused(refusal)) => {
            assert_eq!(refusal.response().status(), 302);
            assert_eq!(refusal.response().field("Location"), Some(&b"ws://elsewhere.example/"[..]));
            assert_eq!(refusal.body(), b"body");
        }
        other => panic!("{other:?}"),
    }
    server.join().unwrap();
}

#[test]
fn an_answer_that_breaks_a_rule_is_an_error() {
    let (port, server) = server_of(|_| {
        format!("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\n")
            .into_bytes()
    });
    let result = blocking::connect(&format!("ws://127.0.0.1:{port}/"));
    assert!(matches!(result, Err(ConnectError::Response(ResponseError::Accept))), "{result:?}");
    server.join().unwrap();
}

#[test]
fn a_server_that_ends_in_the_middle_is_an_error() {
    let (listener, port) = listen();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 101 Swi").unwrap();
    });
    match blocking::connect(&format!("ws://127.0.0.1:{port}/")) {
        Err(ConnectError::Io(error)) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
        other => panic!("{other:?}"),
    }
    server.join().unwrap();
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let (listener, port) = listen();
    let (given_up, is_given_up) = mpsc::channel::<()>();
    let server = thread::spawn(move || {
        let stream = listener.accept().unwrap();
        is_given_up.recv().unwrap();
        drop(stream);
    });
    let uri = Uri::parse(&format!("ws://127.0.0.1:{port}/")).unwrap();
    let connector = Connector::new().timeout(Duration::from_millis(200));
    let result = connector.connect(&ClientRequest::new(&uri));
    assert!(matches!(result, Err(ConnectError::TimedOut)), "{result:?}");
    given_up.send(()).unwrap();
    server.join().unwrap();

    let result = Connector::new().timeout(Some(Duration::ZERO)).connect(&ClientRequest::new(&uri));
    assert!(matches!(result, Err(ConnectError::TimedOut)), "{result:?}");
}

#[test]
fn what_cannot_be_connected_to_is_said_before_or_while_trying() {
    assert!(matches!(blocking::connect("http://example.com/"), Err(ConnectError::Uri(_))));
    #[cfg(not(feature = "rustls"))]
    {
        let result = blocking::connect("wss://127.0.0.1/");
        assert!(matches!(result, Err(ConnectError::NeedsTls)));
        assert!(result.unwrap_err().to_string().contains("connect_over"));
    }

    let (listener, port) = listen();
    drop(listener); // nobody listens there now
    let uri = Uri::parse(&format!("ws://127.0.0.1:{port}/")).unwrap();
    match Connector::new().connect(&ClientRequest::new(&uri)) {
        Err(ConnectError::Connect(failures)) => {
            assert_eq!(failures.len(), 1);
            assert_eq!(failures[0].address, ([127, 0, 0, 1], port).into());
            assert_eq!(failures[0].error.kind(), ErrorKind::ConnectionRefused);
        }
        other => panic!("{other:?}"),
    }
    // A name that is reserved for not existing (RFC 6761 §6.4).
    let uri = Uri::parse("ws://nowhere.invalid/").unwrap();
    let connector = Connector::new().timeout(Duration::from_millis(500));
    let result = connector.connect(&ClientRequest::new(&uri));
    assert!(matches!(result, Err(ConnectError::Resolve(_) | ConnectError::TimedOut)), "{result:?}");
}

#[test]
fn a_mistake_in_the_request_writes_nothing() {
    let uri = Uri::parse("ws://example.com/").unwrap();
    let stream = Script::new([]);
    let request = ClientRequest::new(&uri).subprotocol("a b");
    let result = Connector::new().connect_over(stream.clone(), &request);
    assert!(
        matches!(result, Err(ConnectError::Usage(HandshakeUsageError::Subprotocol))),
        "{result:?}"
    );
    assert_eq!(stream.log.borrow().writes, 0);
}

#[test]
fn any_stream_will_do_for_wss_too() {
    let (client, server) = sockets();
    let serving = thread::spawn(move || serve_hello(server));
    let uri = Uri::parse("wss://example.com/").unwrap();
    let mut ws = Connector::new().connect_over(client, &ClientRequest::new(&uri)).unwrap();
    assert_eq!(ws.receive().unwrap(), text("hello"));
    assert!(ws.terminate(Duration::from_secs(60)).was_clean());
    assert_eq!(serving.join().unwrap(), "example.com");
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_a_stream() {
    let (client, server) = std::os::unix::net::UnixStream::pair().unwrap();
    let serving = thread::spawn(move || {
        let mut ws = blocking::receive_request(server)
            .unwrap()
            .accept(&Acceptance::from_any_origin())
            .unwrap();
        let message = ws.receive().unwrap();
        assert_eq!(closed(&mut ws).code(), 1000);
        message
    });
    let uri = Uri::parse("ws://localhost/").unwrap();
    let ws = Connector::new().connect_over(client, &ClientRequest::new(&uri)).unwrap();
    let (mut reader, writer) = ws.split().unwrap();
    writer.send(b"over a Unix socket").unwrap();
    writer.close(CloseCode::NORMAL, "").unwrap();
    assert!(closed(&mut reader).was_clean());
    assert_eq!(serving.join().unwrap(), binary(b"over a Unix socket"));
}
