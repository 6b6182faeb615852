//! A connection taken apart, and put together over the same stream or another.

use std::io::ErrorKind;
use std::time::Duration;

use hybi::blocking::{self, Error, Parts, ReadyState, WebSocket};
use hybi::frame::OpCode;
use hybi::handshake::Acceptance;
use hybi::{CloseCode, Config, Connection, Event, Inbox, Message, Outbox, Server, UsageError};

use crate::stream::*;

/// Hands it to another process: what belongs to it goes there as bytes.
fn elsewhere(ws: WebSocket<Script, Server>) -> WebSocket<Script, Server> {
    let parts = ws.into_parts();
    let mut exported = Vec::new();
    parts.connection.export(&mut exported).unwrap();
    parts.inbox.export(&mut exported);
    parts.out.export(&mut exported);
    let from = &mut &exported[..];
    WebSocket::from_parts(Parts {
        connection: Connection::import(Server, &Config::default(), from).unwrap(),
        inbox: Inbox::import(from).unwrap(),
        out: Outbox::import(from).unwrap(),
        ..parts
    })
}

/// Takes it apart and puts it together.
fn again(ws: WebSocket<Script, Server>) -> WebSocket<Script, Server> {
    WebSocket::from_parts(ws.into_parts())
}

#[test]
fn nothing_that_was_received_is_lost_wherever_it_is_taken_apart() {
    let wire = [
        masked(OpCode::TEXT, b"one"),
        masked(OpCode::PING, b"?"),
        frame(true, false, OpCode::TEXT, b"t\xe2\x82"),
        frame(true, true, OpCode::CONTINUATION, b"\xacw"),
        masked(OpCode::BINARY, &[7; 300]),
        masked(OpCode::CLOSE, b"\x03\xe8"),
    ]
    .concat();
    let expected = [Message::from("one"), "t€w".into(), (&[7; 300]).into()];
    for (cut, moved) in (1..wire.len()).flat_map(|cut| [(cut, false), (cut, true)]) {
        let (front, back) = wire.split_at(cut);
        let stream = Script::new([
            In::Bytes(front.to_vec()),
            In::Error(ErrorKind::WouldBlock),
            In::Bytes(back.to_vec()),
        ]);
        let mut ws = server(stream.clone());
        let mut messages = Vec::new();
        loop {
            match ws.receive() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => timed_out::<()>(Err(error)),
            }
            // After each message, and in the middle of one.
            ws = if moved { elsewhere(ws) } else { again(ws) };
        }
        assert_eq!(messages, expected, "cut at {cut}");
        assert_eq!(ws.closed().unwrap().code(), 1000);
        let replies = [plain(OpCode::PONG, b"?"), plain(OpCode::CLOSE, b"\x03\xe8")];
        assert_eq!(stream.written(), replies.concat());
    }
}

#[test]
fn what_was_read_and_not_received_is_handed_over() {
    let wire = [masked(OpCode::TEXT, b"one"), masked(OpCode::TEXT, b"two")];
    let mut ws = server(Script::new([bytes(&wire)]));
    assert_eq!(ws.receive().unwrap(), text("one"));
    let Parts { mut connection, mut inbox, mut out, chunk, .. } = ws.into_parts();
    assert_eq!(inbox.unread(), wire[1]);
    assert!(out.is_empty() && chunk.is_none());
    let event = connection.receive(&mut inbox.input(), &mut out).unwrap();
    assert_eq!(event, Some(Event::Text("two".into())));
}

#[test]
fn what_was_sent_and_not_written_is_handed_over() {
    let frames = [plain(OpCode::TEXT, b"Hello"), plain(OpCode::BINARY, &[1, 2, 3])].concat();
    for taken in 0..frames.len() {
        let takes = (taken > 0).then_some(Out::Takes(taken)); // no bytes would be an error
        let stream =
            Script::new([]).writing(takes.into_iter().chain([Out::Error(ErrorKind::WouldBlock)]));
        let mut ws = server(stream.clone());
        ws.set_write_timeout(Duration::ZERO).unwrap();
        ws.feed("Hello").unwrap();
        ws.send(&[1, 2, 3]).unwrap();
        let parts = ws.into_parts();
        let other = Script::new([]);
        let mut ws = WebSocket::from_parts(Parts {
            stream: other.clone(),
            connection: parts.connection,
            inbox: parts.inbox,
            out: parts.out,
            chunk: parts.chunk,
            subprotocol: parts.subprotocol,
            closed: parts.closed,
        });
        assert_eq!(ws.unsent_bytes(), frames.len() - stream.written().len());
        ws.send("next").unwrap();
        let written = [stream.written(), other.written()].concat();
        assert_eq!(written, [frames.clone(), plain(OpCode::TEXT, b"next")].concat());
    }
}

#[test]
fn what_waits_of_a_message_in_chunks_is_handed_over() {
    let stream = Script::new([
        bytes(&[frame(true, false, OpCode::TEXT, b"begin")]),
        In::Error(ErrorKind::WouldBlock),
        bytes(&[frame(true, true, OpCode::CONTINUATION, b"end"), masked(OpCode::TEXT, b"next")]),
    ]);
    let mut ws = server(stream);
    assert_eq!(ws.receive_up_to(2).unwrap().unwrap().data.as_bytes(), b"be");
    ws = again(ws);
    timed_out(ws.receive_up_to(10));
    let parts = ws.into_parts();
    assert_eq!(parts.chunk.as_ref().unwrap().data.as_bytes(), b"gin");
    let mut ws = WebSocket::from_parts(parts);
    assert!(ws.receive().is_err(), "a whole message, in the middle of one");
    let chunk = ws.receive_up_to(10).unwrap().unwrap();
    assert_eq!((chunk.data.as_bytes(), chunk.first, chunk.last), (&b"ginend"[..], false, true));
    assert_eq!(ws.receive().unwrap(), text("next"));
}

/// Nothing may follow half a frame, so nothing is sent any more. What arrives is still received.
#[test]
fn after_a_failed_write_nothing_is_sent_however_it_goes_on() {
    let broken = || {
        let stream = Script::new([
            bytes(&[masked(OpCode::TEXT, b"one")]),
            In::Error(ErrorKind::WouldBlock),
            bytes(&[masked(OpCode::TEXT, b"two"), masked(OpCode::CLOSE, b"\x03\xe8")]),
        ])
        .writing([Out::Takes(3), Out::Error(ErrorKind::BrokenPipe)]);
        let mut ws = server(stream.clone());
        assert_eq!(ws.receive().unwrap(), text("one"));
        assert_eq!(io_kind(ws.send("Hello")), ErrorKind::BrokenPipe);
        assert_eq!(ws.ready_state(), ReadyState::Closing);
        (ws, stream)
    };
    let (ws, stream) = broken();
    let mut ws = again(ws);
    assert_eq!(ws.ready_state(), ReadyState::Closing);
    let sent = ws.send("x");
    assert!(matches!(sent, Err(Error::Usage(UsageError::Closed))), "{sent:?}");
    assert_eq!(ws.receive().unwrap(), text("two"));
    assert_eq!(closed(&mut ws).code(), 1000);
    assert_eq!(stream.written(), plain(OpCode::TEXT, b"Hello")[..3]);
    // The core, too.
    let Parts { mut connection, mut out, .. } = broken().0.into_parts();
    assert_eq!(connection.send("x", &mut out), Err(UsageError::Closed));
    assert_eq!(connection.close(CloseCode::NORMAL, "", &mut out), Err(UsageError::Closed));
    let mut input = masked(OpCode::PING, b"?");
    assert!(connection.receive(&mut hybi::Input::new(&mut input), &mut out).unwrap().is_some());
    assert!(out.is_empty());
}

/// The peer says only once why it leaves, and it breaks a rule only once.
#[test]
fn the_peers_last_word_is_handed_over() {
    let mut ws = server(Script::new([bytes(&[masked(OpCode::CLOSE, b"\x03\xf5busy")])]));
    let event = ws.receive_event().unwrap();
    assert!(matches!(event, Some(Event::Close(Some(reason))) if reason.reason == "busy"));
    let parts = ws.into_parts();
    let told = parts.closed.clone().unwrap();
    assert_eq!((told.code(), told.reason()), (1013, "busy"));
    let mut ws = WebSocket::from_parts(parts);
    assert_eq!(ws.receive().unwrap(), None);
    assert_eq!(ws.closed(), Some(&told));

    // Read and answered, but not told: the peer does not end the stream.
    let stream =
        Script::new([bytes(&[masked(OpCode::TEXT, b"\xff")]), In::Error(ErrorKind::WouldBlock)]);
    let mut ws = server(stream);
    ws.set_read_timeout(Duration::ZERO).unwrap();
    timed_out(ws.receive());
    assert!(!ws.into_parts().closed.unwrap().was_clean());
}

/// It says what the messages mean.
#[test]
fn the_subprotocol_is_handed_over() {
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat\r\n\r\n";
    let pending = blocking::receive_request(Script::new([In::Bytes(request.to_vec())])).unwrap();
    let ws = pending.accept(&Acceptance::from_any_origin().subprotocol("chat")).unwrap();
    let parts = ws.into_parts();
    assert_eq!(parts.subprotocol.as_deref(), Some("chat"));
    assert_eq!(WebSocket::from_parts(parts).subprotocol(), Some("chat"));
}

/// `new` and `from_parts` make the same.
#[test]
fn a_connection_without_output_needs_no_parts() {
    let mut inbox = Inbox::new();
    inbox.append(&masked(OpCode::TEXT, b"Hello"));
    let connection = Connection::server(Config::default());
    let mut ws = again(WebSocket::new(Script::new([]), connection, inbox));
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    assert_eq!(ws.subprotocol(), None);
}

/// Prints no message.
#[test]
fn parts_print_no_bytes() {
    let mut ws = server(Script::new([bytes(&[
        masked(OpCode::TEXT, b"one"),
        masked(OpCode::TEXT, b"secret"),
    ])]));
    ws.receive().unwrap();
    let printed = format!("{:?}", ws.into_parts());
    assert!(printed.contains("unread: 12"), "{printed}");
    assert!(!printed.contains("secret"), "{printed}");
}
