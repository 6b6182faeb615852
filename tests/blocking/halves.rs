//! Reader and writer in different threads.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use hybi::blocking::{Abnormal, Closed, Error, ReadyState, Shared, WebSocket};
use hybi::connection::Prepared;
use hybi::frame::OpCode;
use hybi::keepalive::{KeepaliveConfig, KeepaliveError};
use hybi::{CloseCode, Config, Connection, CutOff, Event, Inbox, ProtocolError, UsageError};

use crate::hooked::{Hook, Hooked};
use crate::stream::*;

#[test]
fn halves_talk_at_the_same_time() {
    const MESSAGES: usize = 2_000;
    let (client, server) = pair();
    let mut threads = Vec::new();
    let (mut reader, writer) = client.split().unwrap();
    let second = writer.clone();
    threads
        .push(thread::spawn(move || (0..MESSAGES).for_each(|_| writer.send("from one").unwrap())));
    threads
        .push(thread::spawn(move || (0..MESSAGES).for_each(|_| second.send("from two").unwrap())));
    let (mut echo_reader, echo_writer) = server.split().unwrap();
    threads.push(thread::spawn(move || {
        while let Some(message) = echo_reader.receive().unwrap() {
            echo_writer.send(&message).unwrap();
        }
        assert_eq!(echo_reader.closed().unwrap().code(), 1006);
    }));
    let mut counts = [0, 0];
    while counts != [MESSAGES; 2] {
        match reader.receive().unwrap().unwrap().as_text() {
            Some("from one") => counts[0] += 1,
            Some("from two") => counts[1] += 1,
            other => panic!("{other:?}"),
        }
    }
    drop(reader); // ends the connection
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn the_reading_half_answers_while_nobody_writes() {
    let (mut client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    let reading = thread::spawn(move || closed(&mut reader));
    client.ping(b"?").unwrap();
    assert_eq!(client.receive_event().unwrap(), pong(b"?"));
    client.close(CloseCode::NORMAL, "bye").unwrap();
    assert_eq!(closed(&mut client).reason(), "bye");
    let end = reading.join().unwrap();
    assert!(matches!(end, Closed::Clean(Some(_))));
    assert!(matches!(writer.send("late"), Err(Error::Closed(closed)) if closed == end));
}

#[test]
fn a_writer_that_is_stuck_does_not_keep_the_reader_from_reading() {
    let (mut client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    let big = vec![1; 15 << 20];
    let expected = big.clone();
    let (stuck, is_stuck) = mpsc::channel();
    let writing = thread::spawn(move || {
        stuck.send(()).unwrap();
        writer.send(&*big).unwrap();
        writer
    });
    is_stuck.recv().unwrap();
    // The client does not read, but sends: pings, which the reader owes an answer, and a message.
    for number in 0..1000u16 {
        client.ping(&number.to_be_bytes()).unwrap();
    }
    client.send("still there?").unwrap();
    assert_eq!(reader.receive().unwrap(), text("still there?"));
    let reading = thread::spawn(move || closed(&mut reader));
    // Now it reads: perhaps some pongs first, then the message, at the end the newest pong.
    let (mut got_message, mut newest) = (false, None);
    while !got_message || newest != Some(999) {
        match client.receive_event().unwrap().unwrap() {
            Event::Binary(data) => {
                assert_eq!(data, expected);
                got_message = true;
            }
            Event::Pong(number) => newest = Some(u16::from_be_bytes([number[0], number[1]])),
            other => panic!("{other:?}"),
        }
    }
    let writer = writing.join().unwrap();
    writer.close(CloseCode::NORMAL, "done").unwrap();
    assert_eq!(closed(&mut client).reason(), "done");
    assert!(matches!(reading.join().unwrap(), Closed::Clean(_)));
}

#[test]
fn terminate_ends_a_stuck_writer_and_a_waiting_reader() {
    let (client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    let reading = thread::spawn(move || closed(&mut reader));
    let second = writer.clone();
    let (stuck, is_stuck) = mpsc::channel();
    let writing = thread::spawn(move || {
        stuck.send(()).unwrap();
        second.send(&*vec![0; 15 << 20])
    });
    is_stuck.recv().unwrap();
    writer.terminate(Duration::ZERO);
    assert!(writing.join().unwrap().is_err());
    assert_eq!(reading.join().unwrap(), Closed::Abnormal(Abnormal::Terminated));
    assert_eq!(writer.ready_state(), ReadyState::Closed);
    drop(client);
}

#[test]
fn terminate_closes_cleanly_if_the_peer_does() {
    let (mut client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    let reading = thread::spawn(move || closed(&mut reader));
    let answering = thread::spawn(move || closed(&mut client));
    writer.terminate(Duration::from_secs(60));
    assert_eq!(writer.ready_state(), ReadyState::Closed);
    assert_eq!(reading.join().unwrap().to_string(), "1001 (going away)");
    assert_eq!(answering.join().unwrap().to_string(), "1001 (going away)");

    // Already closing: no second Close frame.
    let (mut client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    writer.close(CloseCode::NORMAL, "bye").unwrap();
    let reading = thread::spawn(move || closed(&mut reader));
    let answering = thread::spawn(move || closed(&mut client));
    writer.terminate(Duration::from_secs(60));
    assert_eq!(reading.join().unwrap().reason(), "bye");
    assert_eq!(answering.join().unwrap().reason(), "bye");
}

#[test]
fn terminate_waits_no_longer_for_a_silent_peer() {
    let (mut client, server) = sockets_with_server();
    let (mut reader, writer) = server.split().unwrap();
    let reading = thread::spawn(move || closed(&mut reader));
    writer.terminate(Duration::from_millis(1));
    let expired = Abnormal::TimedOut(KeepaliveError::Close);
    assert_eq!(reading.join().unwrap(), Closed::Abnormal(expired));
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert_eq!(got, plain(OpCode::CLOSE, &1001u16.to_be_bytes()));
}

#[test]
fn fed_messages_go_out_together_also_through_halves() {
    let (mut client, server) = pair();
    let (reader, writer) = server.split().unwrap();
    writer.feed("one").unwrap();
    writer.feed("two").unwrap();
    assert_eq!(writer.unsent_bytes(), 10);
    writer.flush().unwrap();
    assert_eq!(writer.unsent_bytes(), 0);
    assert_eq!(client.receive().unwrap(), text("one"));
    assert_eq!(client.receive().unwrap(), text("two"));
    drop(reader);
}

#[test]
fn the_reading_half_shows_all_events_if_asked_for() {
    let (mut client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    client.ping(b"?").unwrap();
    assert_eq!(reader.receive_event().unwrap(), Some(Event::Ping(b"?".into())));
    assert_eq!(client.receive_event().unwrap(), pong(b"?"));
    writer.pong(b"!").unwrap();
    assert_eq!(client.receive_event().unwrap(), pong(b"!"));
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(matches!(reader.receive_event().unwrap(), Some(Event::Close(Some(_)))));
    assert_eq!(reader.ready_state(), ReadyState::Closing);
    let answering = thread::spawn(move || closed(&mut client));
    assert_eq!(reader.receive_event().unwrap(), None);
    assert_eq!(reader.ready_state(), ReadyState::Closed);
    assert!(answering.join().unwrap().was_clean());
}

#[test]
fn halves_tell_violations_and_ends() {
    let (mut client, server) = sockets_with_server();
    let (mut reader, _writer) = server.split().unwrap();
    client.write_all(&plain(OpCode::TEXT, b"not masked")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    for _ in 0..2 {
        assert!(matches!(reader.receive(), Err(Error::Protocol(ProtocolError::Unmasked))));
    }
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert_eq!(got, plain(OpCode::CLOSE, ProtocolError::Unmasked.reply().payload()));

    let (client, server) = sockets_with_server();
    let (mut reader, writer) = server.split().unwrap();
    drop(client);
    let cut_off = Abnormal::CutOff(CutOff::BetweenMessages);
    assert_eq!(closed(&mut reader), Closed::Abnormal(cut_off));
    let late = writer.send("late").unwrap_err();
    assert!(matches!(late, Error::Closed(Closed::Abnormal(why)) if why == cut_off));
}

#[test]
fn halves_time_out_and_lose_nothing() {
    let (mut client, server) = sockets_with_server();
    let (mut reader, _writer) = server.split().unwrap();
    let message = masked(OpCode::TEXT, b"Hello");
    client.write_all(&message[..7]).unwrap();
    reader.set_read_timeout(Duration::from_millis(1)).unwrap();
    timed_out(reader.receive());
    client.write_all(&message[7..]).unwrap();
    reader.set_read_timeout(None).unwrap();
    assert_eq!(reader.receive().unwrap(), text("Hello"));
}

#[test]
fn a_connection_may_be_split_while_it_closes() {
    let (mut client, mut server) = pair();
    server.send("before").unwrap();
    server.close(CloseCode::NORMAL, "bye").unwrap();
    let (mut reader, writer) = server.split().unwrap();
    assert!(matches!(writer.send("after"), Err(Error::Usage(UsageError::Closed))));
    let reading = thread::spawn(move || closed(&mut reader));
    assert_eq!(client.receive().unwrap(), text("before"));
    assert_eq!(closed(&mut client).reason(), "bye");
    assert!(reading.join().unwrap().was_clean());
}

#[test]
fn what_was_unread_and_unsent_before_the_split_is_not_lost() {
    let (mut client, mut server) = pair();
    client.send("one").unwrap();
    client.send("two").unwrap();
    // With "two" in the same buffer, or on its way.
    assert_eq!(server.receive().unwrap(), text("one"));
    server.feed("queued").unwrap();
    let (mut reader, writer) = server.split().unwrap();
    assert_eq!(reader.receive().unwrap(), text("two"));
    writer.send("sent").unwrap();
    assert_eq!(client.receive().unwrap(), text("queued"));
    assert_eq!(client.receive().unwrap(), text("sent"));
}

#[test]
fn a_pong_that_is_held_back_is_not_lost_by_the_split() {
    let (mut client, mut server) = pair();
    let big = vec![1; 15 << 20];
    server.set_write_timeout(Duration::from_millis(1)).unwrap();
    server.send(&*big).unwrap();
    assert!(server.unsent_bytes() > 64 << 10); // too much for a pong to queue up
    client.ping(b"?").unwrap();
    client.send("after the ping").unwrap();
    server.set_read_timeout(Duration::from_millis(1)).unwrap(); // for what is unsent, too
    let message = loop {
        match server.receive() {
            Err(Error::TimedOut) => thread::yield_now(),
            message => break message.unwrap(),
        }
    };
    assert_eq!(message, text("after the ping"));
    server.set_read_timeout(None).unwrap();
    let (mut reader, _writer) = server.split().unwrap();
    let reading = thread::spawn(move || closed(&mut reader));
    assert_eq!(client.receive().unwrap(), binary(&big));
    assert_eq!(client.receive_event().unwrap(), pong(b"?"));
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(closed(&mut client).was_clean());
    assert!(reading.join().unwrap().was_clean());
}

#[test]
fn a_full_socket_does_not_keep_the_reader_from_reading() {
    let (mut client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    let big = vec![1; 15 << 20];
    writer.set_write_timeout(Duration::from_millis(1)).unwrap();
    writer.send(&*big).unwrap();
    assert!(writer.unsent_bytes() > 0); // and nobody is writing
    for number in 0..100u16 {
        client.ping(&number.to_be_bytes()).unwrap();
    }
    client.send("still there?").unwrap();
    assert_eq!(reader.receive().unwrap(), text("still there?"));
    // The reader sends what is left, once there is room: the message, then the newest pong alone.
    let reading = thread::spawn(move || closed(&mut reader));
    assert_eq!(client.receive().unwrap(), binary(&big));
    assert_eq!(client.receive_event().unwrap(), pong(&99u16.to_be_bytes()));
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(closed(&mut client).was_clean());
    assert!(reading.join().unwrap().was_clean());
}

#[test]
fn halves_ping_a_silent_peer_and_learn_the_round_trip_time() {
    let (mut client, mut server) = pair();
    // Set before the connection is taken apart, and kept.
    server.set_keepalive(KeepaliveConfig::default().ping_after(Some(Duration::from_millis(1))));
    let (mut reader, writer) = server.split().unwrap();
    let answering = thread::spawn(move || client.receive()); // answers pings until the end
    reader.set_read_timeout(Duration::from_millis(1)).unwrap();
    while reader.round_trip().is_none() {
        timed_out(reader.receive()); // no pong that nobody has asked for
    }
    reader.set_read_timeout(None).unwrap();
    assert_eq!(writer.ready_state(), ReadyState::Open);
    writer.close(CloseCode::NORMAL, "enough").unwrap();
    assert_eq!(writer.ready_state(), ReadyState::Closing);
    assert_eq!(closed(&mut reader).reason(), "enough");
    assert_eq!(writer.ready_state(), ReadyState::Closed);
    answering.join().unwrap().unwrap();
}

#[test]
fn halves_give_up_a_peer_that_does_not_answer_also_under_a_stuck_writer() {
    for stuck in [false, true] {
        let (client, server) = pair();
        let (mut reader, writer) = server.split().unwrap();
        let soon = Some(Duration::from_millis(20));
        reader.set_keepalive(KeepaliveConfig::default().ping_after(soon).pong_within(soon));
        let writing =
            thread::spawn(move || if stuck { writer.send(&vec![0; 15 << 20]) } else { Ok(()) });
        let gone = Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Pong));
        assert_eq!(closed(&mut reader), gone);
        assert_eq!(writing.join().unwrap().is_err(), stuck);
        drop(client);
    }
}

/// The bytes that a writer is stuck with count as a ping: the peer owes an answer.
#[test]
fn halves_give_up_a_peer_that_takes_nothing_also_without_pings() {
    let (client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    let soon = Duration::from_millis(20);
    let keepalive = KeepaliveConfig::default().ping_after(None).pong_within(soon);
    reader.set_keepalive(keepalive.close_within(None));
    let writing = thread::spawn(move || writer.send(&vec![0; 15 << 20]));
    let gone = Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Pong));
    assert_eq!(closed(&mut reader), gone);
    assert!(writing.join().unwrap().is_err());
    drop(client);
}

#[test]
fn halves_give_up_a_peer_that_does_not_close_as_soon_as_the_keep_alive_says() {
    let (client, mut server) = pair();
    server.set_keepalive(KeepaliveConfig::default().close_within(Some(Duration::ZERO)));
    let (mut reader, writer) = server.split().unwrap();
    writer.close(CloseCode::NORMAL, "").unwrap();
    let gone = Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Close));
    assert_eq!(closed(&mut reader), gone);
    drop(client);
}

#[test]
fn a_prepared_message_goes_out_through_halves_and_wholes() {
    let (client, mut server) = pair();
    let news = Prepared::new("one for all");
    server.send_prepared(&news).unwrap();
    let (mut client_reader, client_writer) = client.split().unwrap();
    assert_eq!(client_reader.receive().unwrap(), text("one for all"));
    client_writer.send_prepared(&news).unwrap(); // masked
    assert_eq!(server.receive().unwrap(), text("one for all"));
    let (_reader, writer) = server.split().unwrap();
    writer.close_without_code().unwrap();
    assert!(matches!(writer.send_prepared(&news), Err(Error::Usage(UsageError::Closed))));
}

/// Writers may be kept long after the end, in lists of connections.
#[test]
fn writers_let_go_of_the_stream_when_the_connection_has_ended() {
    #[derive(Clone)]
    struct Counted(#[expect(dead_code, reason = "it counts the handles")] Arc<()>);
    impl Hook for Counted {}

    for ending in 0..3 {
        let (mut client, socket) = sockets();
        let handles = Arc::new(());
        let stream = Hooked { socket, hook: Counted(Arc::clone(&handles)) };
        let ws = WebSocket::new(stream, Connection::server(Config::default()), Inbox::new());
        let (mut reader, writer) = ws.split().unwrap();
        assert_eq!(Arc::strong_count(&handles), 4, "three handles");
        match ending {
            0 => writer.terminate(Duration::ZERO),
            1 => drop(client.write_all(&close_frame()).and_then(|()| client.flush())),
            _ => drop(client),
        }
        if ending > 0 {
            reader.set_linger(Duration::ZERO);
            while let Ok(Some(_)) = reader.receive() {}
            assert_eq!(reader.ready_state(), ReadyState::Closed);
        }
        assert_eq!(Arc::strong_count(&handles), 2, "the reader's, for its address: {ending}");
        drop(reader);
        assert_eq!(Arc::strong_count(&handles), 1);
        // The writer does as it should.
        assert_eq!((writer.unsent_bytes(), writer.ready_state()), (0, ReadyState::Closed));
        writer.set_write_timeout(Duration::from_secs(1)).unwrap();
        assert!(matches!(writer.send("late"), Err(Error::Closed(_))));
        assert!(matches!(writer.flush(), Ok(()) | Err(Error::Closed(_))));
        writer.terminate(Duration::from_secs(60));
        writer.terminate(Duration::ZERO);
    }
}

/// The client's Close frame, masked with zeros.
fn close_frame() -> [u8; 8] {
    [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]
}

#[test]
fn halves_over_a_shared_socket_have_one_descriptor_and_do_the_same() {
    let (client, server) = sockets();
    let mut client = WebSocket::new(client, Connection::client(Config::default()), Inbox::new());
    let socket = Shared::new(server);
    let watch = socket.clone();
    let ws = WebSocket::new(socket, Connection::server(Config::default()), Inbox::new());
    let (mut reader, writer) = ws.split().unwrap();
    let reading = thread::spawn(move || (reader.receive().unwrap(), closed(&mut reader)));
    writer.send("down").unwrap();
    assert_eq!(client.receive().unwrap(), text("down"));
    client.send("up").unwrap();
    writer.close(CloseCode::NORMAL, "enough").unwrap();
    assert_eq!(closed(&mut client).reason(), "enough");
    let (message, closed) = reading.join().unwrap();
    assert_eq!(message, text("up"));
    assert!(matches!(closed, Closed::Clean(Some(_))));
    // The connection has ended its socket, though a handle is left.
    assert_eq!((&*watch).read(&mut [0]).unwrap(), 0);
}
