//! Nothing is lost between the handshake and the connection, in parts, in halves and joined again.

use hybi::handshake::Acceptance;
use hybi::{Config, Connection, Inbox, Message, UsageError};
use hybi_tokio::{Error, Parts, WebSocket};

use crate::common::*;

/// The peer's first frames often come together with its half of the handshake.
#[test]
fn bytes_that_came_with_the_handshake_are_received() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let wire = [incoming::<R>(0x81, "first"), incoming::<R>(0x82, [1; 300])].concat();
        for cut in 0..=wire.len() {
            let (script, peer) = Script::new();
            let mut inbox = Inbox::new();
            inbox.append(&wire[..cut]);
            let mut ws = WebSocket::new(script, R::connection(Config::default()), inbox);
            peer.deliver(&wire[cut..]);
            assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from("first")));
            assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from(vec![1; 300])));
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

/// At every byte of the input, and with every number of bytes written of the output.
#[test]
fn parts_can_be_joined_at_every_byte() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let wire = [
            incoming::<R>(0x81, "first"),
            incoming::<R>(0x89, "ping"),
            incoming::<R>(0x01, "sec"),
            incoming::<R>(0x80, "ond"),
            incoming::<R>(0x82, [1; 300]),
        ]
        .concat();
        let want: [Message; 3] = ["first".into(), "second".into(), vec![1; 300].into()];
        for cut in 0..=wire.len() {
            let (mut ws, peer) = open::<R>();
            peer.stop_taking().take_more(cut % 12);
            settle(ws.feed("Hello")).unwrap();
            peer.deliver(&wire[..cut]);
            let mut got = Vec::new();
            if cut % 2 == 0
                && let std::task::Poll::Ready(message) = poll_once(ws.receive())
            {
                got.push(message.unwrap().unwrap()); // the rest is unread
            }
            let parts = ws.into_parts();
            let mut ws = WebSocket::from_parts(parts);
            peer.deliver(&wire[cut..]);
            peer.take_more(usize::MAX);
            while got.len() < 3 {
                got.push(settle(ws.receive()).unwrap().unwrap());
            }
            settle(ws.flush()).unwrap();
            assert_eq!(got, want, "cut at {cut}");
            let frames = whole_frames(peer.take_written());
            assert_eq!(frames, [(0x81, b"Hello".to_vec()), (0x8a, b"ping".to_vec())]);
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

#[test]
fn bytes_that_the_stream_holds_back_are_flushed_after_joining_parts() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.set_buffer_max(1_000).stop_taking();
    assert!(poll_once(ws.send("Hello")).is_pending());
    let mut ws = WebSocket::from_parts(ws.into_parts());
    peer.take_more(usize::MAX);
    assert!(poll_once(ws.receive()).is_pending());
    assert_eq!(peer.take_written(), b"\x81\x05Hello");
}

#[test]
fn halves_can_be_joined_at_every_byte() {
    let runtime = paused();
    let _entered = runtime.enter();
    let wire = [incoming::<Server>(0x81, "first"), incoming::<Server>(0x82, [1; 300])].concat();
    for cut in 0..=wire.len() {
        let (mut ws, peer) = open::<Server>();
        ws.set_backlog_max(1);
        peer.stop_taking().take_more(cut % 8);
        let (mut reader, mut writer) = ws.split();
        peer.deliver(&wire[..cut]);
        assert!(poll_once(writer.send("Hello")).is_pending() == (cut % 8 < 7));
        let mut got = Vec::new();
        if let std::task::Poll::Ready(message) = poll_once(reader.receive()) {
            got.push(message.unwrap().unwrap());
        }
        let mut ws = reader.reunite(writer).unwrap();
        peer.deliver(&wire[cut..]);
        peer.take_more(usize::MAX);
        while got.len() < 2 {
            got.push(settle(ws.receive()).unwrap().unwrap());
        }
        settle(ws.flush()).unwrap();
        assert_eq!(got, [Message::from("first"), Message::from(vec![1; 300])]);
        assert_eq!(peer.take_written(), b"\x81\x05Hello");
    }
}

#[test]
fn halves_of_two_connections_are_not_joined() {
    let runtime = paused();
    let _entered = runtime.enter();
    let ((a, a_peer), (b, b_peer)) = (open::<Server>(), open::<Server>());
    let ((a_reader, a_writer), (b_reader, b_writer)) = (a.split(), b.split());
    let error = a_reader.reunite(b_writer).unwrap_err();
    let (a_reader, b_writer) = (error.0, error.1);
    let mut a = a_reader.reunite(a_writer).unwrap();
    let mut b = b_reader.reunite(b_writer).unwrap();
    settle(a.send("a")).unwrap();
    settle(b.send("b")).unwrap();
    assert_eq!(a_peer.take_written(), b"\x81\x01a");
    assert_eq!(b_peer.take_written(), b"\x81\x01b");
}

#[test]
fn the_stream_of_messages_stays_ended_when_halves_are_joined() {
    use futures_core::FusedStream;
    use futures_util::StreamExt;

    let runtime = paused();
    let _entered = runtime.enter();
    let (ws, peer) = open::<Server>();
    peer.end_input(End::Error(std::io::ErrorKind::ConnectionReset));
    let (mut reader, writer) = ws.split();
    assert!(settle(reader.next()).unwrap().is_err());
    let mut ws = reader.reunite(writer).unwrap();
    assert!(ws.is_terminated());
    assert!(settle(ws.next()).is_none());
    let (mut reader, _writer) = ws.split();
    assert!(reader.is_terminated());
    assert!(settle(reader.next()).is_none());
}

/// The peer says only once why it leaves, and it breaks a rule only once.
#[test]
fn parts_hold_the_peers_last_word() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        // Told before.
        let (mut ws, peer) = open::<R>();
        peer.deliver(incoming_close::<R>(1013, "busy"));
        assert!(matches!(settle(ws.receive_event()).unwrap(), Some(hybi::Event::Close(_))));
        let parts = ws.into_parts();
        assert_eq!(parts.closed, Some(clean(1013, "busy")));
        let mut ws = WebSocket::from_parts(parts);
        peer.end_input(End::Zero);
        assert_eq!(settle(ws.receive()).unwrap(), None);
        assert_eq!(ws.closed(), Some(&clean(1013, "busy")));
        // The same at the end.
        let mut ws = WebSocket::from_parts(ws.into_parts());
        assert_eq!(settle(ws.receive()).unwrap(), None);
        assert_eq!(ws.closed(), Some(&clean(1013, "busy")));

        // Seen, answered, and not told: the peer has not ended the stream.
        for wrong in [incoming_close::<R>(1013, "busy"), incoming::<R>(0x81, b"\xff")] {
            let (mut ws, peer) = open::<R>();
            peer.deliver(&wrong);
            assert!(poll_once(ws.receive()).is_pending());
            let mut ws = WebSocket::from_parts(ws.into_parts());
            peer.end_input(End::Zero);
            let (mut same, peer) = open::<R>();
            peer.deliver(&wrong);
            peer.end_input(End::Zero);
            let [a, b] = [settle(ws.receive()), settle(same.receive())];
            assert_eq!(format!("{a:?}"), format!("{b:?}"));
            assert_eq!(ws.closed(), same.closed());
            assert!(matches!(settle(ws.send("x")), Err(Error::Closed(_) | Error::Protocol(_))));
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

/// The rest of it is no message.
#[test]
fn parts_of_a_connection_within_a_message_in_chunks_go_on_in_chunks() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.deliver(incoming::<Server>(0x01, "begin"));
    let chunk = settle(ws.receive_chunk()).unwrap().unwrap();
    assert_eq!((chunk.data.as_bytes(), chunk.last), (&b"begin"[..], false));
    let mut ws = WebSocket::from_parts(ws.into_parts());
    peer.deliver(incoming::<Server>(0x80, "end"));
    let received = settle(ws.receive());
    assert!(matches!(received, Err(Error::Usage(UsageError::MessageInChunks))), "{received:?}");
    let chunk = settle(ws.receive_chunk()).unwrap().unwrap();
    assert_eq!((chunk.data.as_bytes(), chunk.last), (&b"end"[..], true));
}

/// Nothing may follow half a frame. Messages that arrive are still received.
#[test]
fn after_a_failed_write_nothing_is_sent_from_parts() {
    let runtime = paused();
    let _entered = runtime.enter();
    let broken = || {
        let (mut ws, peer) = open::<Server>();
        peer.stop_taking().take_more(3);
        assert!(poll_once(ws.send("Hello")).is_pending());
        peer.end_output(End::Error(std::io::ErrorKind::BrokenPipe));
        assert!(matches!(settle(ws.flush()), Err(Error::Io(_))));
        peer.take_more(usize::MAX);
        (ws.into_parts(), peer)
    };
    let (parts, peer) = broken();
    let mut ws = WebSocket::from_parts(parts);
    assert!(settle(ws.send("x")).is_err());
    peer.deliver(incoming::<Server>(0x81, "first"));
    assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from("first")));
    assert_eq!(peer.take_written(), b"\x81\x05H");
    // The core, too.
    let (Parts { mut connection, mut out, .. }, _peer) = broken();
    assert_eq!(connection.send("x", &mut out), Err(UsageError::Closed));
    assert!(out.is_empty());
}

/// It says what the messages mean.
#[test]
fn parts_keep_the_subprotocol_and_the_response() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (script, peer) = Script::new();
    peer.deliver(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat\r\n\r\n",
    );
    let pending = settle(hybi_tokio::receive_request(script)).unwrap();
    let acceptance = Acceptance::from_any_origin().subprotocol("chat");
    let ws = settle(pending.accept(&acceptance)).unwrap();
    let ws = WebSocket::from_parts(ws.into_parts());
    assert_eq!(ws.subprotocol(), Some("chat"));
}

#[test]
fn the_stream_of_messages_stays_ended_when_parts_are_joined() {
    use futures_core::FusedStream;
    use futures_util::StreamExt;

    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.deliver(incoming_close::<Server>(1000, ""));
    peer.end_input(End::Zero);
    assert!(settle(ws.next()).is_none());
    let mut ws = WebSocket::from_parts(ws.into_parts());
    assert!(ws.is_terminated() && settle(ws.next()).is_none());
}

#[test]
fn parts_hold_what_is_unread_and_unsent() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.deliver(incoming::<Server>(0x81, "first"));
    peer.deliver(incoming::<Server>(0x81, "second"));
    assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from("first")));
    settle(ws.feed("Hello")).unwrap();
    let Parts { mut connection, mut inbox, mut out, .. }: Parts<Script, Server> = ws.into_parts();
    assert_eq!(out, b"\x81\x05Hello");
    let event = Connection::receive(&mut connection, &mut inbox.input(), &mut out).unwrap();
    assert_eq!(event, Some(hybi::Event::Text("second".into())));
}

/// A message that the core has begun to read in place is read to its end.
#[test]
fn an_inbox_with_half_a_message_that_was_begun_in_place_goes_on() {
    for at in [1, 5, 20, 10_000, 20_007, 39_999] {
        let runtime = paused();
        let _entered = runtime.enter();
        let payload: Vec<u8> = (0..40_000_u32).map(|i| (i % 251) as u8).collect();
        let message = incoming::<Server>(0x82, &payload);
        let (mut inbox, mut out) = (Inbox::new(), hybi::Outbox::new());
        let mut connection = Connection::server(Config::default());
        inbox.append(&message[..at]);
        assert_eq!(connection.receive(&mut inbox.input(), &mut out).unwrap(), None);
        let (script, peer) = Script::new();
        let mut ws = WebSocket::new(script, connection, inbox);
        peer.deliver(&message[at..]);
        let received = settle(ws.receive()).unwrap().unwrap();
        assert_eq!(received.as_bytes(), payload);
    }
}
