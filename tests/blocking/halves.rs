//! Reader and writer in different threads.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hybi::blocking::{Abnormal, Closed, Error, Incoming, ReadyState, Shared, WebSocket};
use hybi::connection::{Expired, KeepaliveConfig, Prepared};
use hybi::frame::OpCode;
use hybi::{CloseCode, Config, Connection, CutOff, Misuse, Violation};

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
        loop {
            match echo_reader.read().unwrap() {
                Incoming::Text(text) => echo_writer.send(&*text).unwrap(),
                Incoming::Closed(closed) => break assert_eq!(closed.code(), 1006),
                other => panic!("{other:?}"),
            }
        }
    }));
    let mut counts = [0, 0];
    while counts != [MESSAGES; 2] {
        match reader.read().unwrap() {
            Incoming::Text(text) if text == "from one" => counts[0] += 1,
            Incoming::Text(text) if text == "from two" => counts[1] += 1,
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
    let reading = thread::spawn(move || reader.read().unwrap());
    client.ping(b"?").unwrap();
    assert_eq!(client.read().unwrap(), Incoming::Pong(b"?".to_vec()));
    client.close(CloseCode::NORMAL, "bye").unwrap();
    assert_eq!(closed(client.read()).reason(), "bye");
    assert!(matches!(reading.join().unwrap(), Incoming::Closed(Closed::Clean(Some(_)))));
    assert!(matches!(writer.send("late"), Err(Error::Misuse(Misuse::Closed))));
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
    assert_eq!(reader.read().unwrap(), text("still there?"));
    let reading = thread::spawn(move || reader.read().unwrap());
    // Now it reads: perhaps some pongs first, then the message, at the end the newest pong.
    let (mut got_message, mut newest) = (false, None);
    while !got_message || newest != Some(999) {
        match client.read().unwrap() {
            Incoming::Binary(data) => {
                assert_eq!(data, expected);
                got_message = true;
            }
            Incoming::Pong(number) => newest = Some(u16::from_be_bytes([number[0], number[1]])),
            other => panic!("{other:?}"),
        }
    }
    let writer = writing.join().unwrap();
    writer.close(CloseCode::NORMAL, "done").unwrap();
    assert_eq!(closed(client.read()).reason(), "done");
    assert!(matches!(reading.join().unwrap(), Incoming::Closed(Closed::Clean(_))));
}

#[test]
fn terminate_ends_a_stuck_writer_and_a_waiting_reader() {
    let (client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    let reading = thread::spawn(move || reader.read());
    let second = writer.clone();
    let (stuck, is_stuck) = mpsc::channel();
    let writing = thread::spawn(move || {
        stuck.send(()).unwrap();
        second.send(&*vec![0; 15 << 20])
    });
    is_stuck.recv().unwrap();
    writer.terminate();
    assert!(writing.join().unwrap().is_err());
    assert!(!matches!(reading.join().unwrap(), Ok(Incoming::Closed(closed)) if closed.was_clean()));
    drop(client);
}

#[test]
fn halves_tell_violations_and_ends() {
    let (mut client, server) = sockets_with_server();
    let (mut reader, _writer) = server.split().unwrap();
    client.write_all(&plain(OpCode::TEXT, b"not masked")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    for _ in 0..2 {
        assert!(matches!(reader.read(), Err(Error::Violation(Violation::Unmasked))));
    }
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert_eq!(got, plain(OpCode::CLOSE, &1002u16.to_be_bytes()));

    let (client, server) = sockets_with_server();
    let (mut reader, writer) = server.split().unwrap();
    drop(client);
    let cut_off = Abnormal::CutOff(CutOff::BetweenMessages);
    assert_eq!(closed(reader.read()), Closed::Abnormal(cut_off));
    assert!(matches!(writer.send("late"), Err(Error::Misuse(Misuse::Closed))));
}

#[test]
fn halves_time_out_and_lose_nothing() {
    let (mut client, server) = sockets_with_server();
    let (mut reader, _writer) = server.split().unwrap();
    let message = masked(OpCode::TEXT, b"Hello");
    client.write_all(&message[..7]).unwrap();
    reader.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(reader.read().unwrap(), Incoming::TimedOut);
    client.write_all(&message[7..]).unwrap();
    reader.set_read_timeout(None).unwrap();
    assert_eq!(reader.read().unwrap(), text("Hello"));
}

#[test]
fn a_connection_may_be_split_while_it_closes() {
    let (mut client, mut server) = pair();
    server.send("before").unwrap();
    server.close(CloseCode::NORMAL, "bye").unwrap();
    let (mut reader, writer) = server.split().unwrap();
    assert!(matches!(writer.send("after"), Err(Error::Misuse(Misuse::Closed))));
    let reading = thread::spawn(move || closed(reader.read()));
    assert_eq!(client.read().unwrap(), text("before"));
    assert_eq!(closed(client.read()).reason(), "bye");
    assert!(reading.join().unwrap().was_clean());
}

#[test]
fn what_was_unread_and_unsent_before_the_split_is_not_lost() {
    let (mut client, mut server) = pair();
    client.send("one").unwrap();
    client.send("two").unwrap();
    assert_eq!(server.read().unwrap(), text("one")); // with "two" in the same buffer, or on its way
    server.queue("queued").unwrap();
    let (mut reader, writer) = server.split().unwrap();
    assert_eq!(reader.read().unwrap(), text("two"));
    writer.send("sent").unwrap();
    assert_eq!(client.read().unwrap(), text("queued"));
    assert_eq!(client.read().unwrap(), text("sent"));
}

#[test]
fn a_full_socket_does_not_keep_the_reader_from_reading() {
    let (mut client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    let big = vec![1; 15 << 20];
    writer.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
    writer.send(&*big).unwrap();
    assert!(writer.unsent_bytes() > 0); // and nobody is writing
    for number in 0..100u16 {
        client.ping(&number.to_be_bytes()).unwrap();
    }
    client.send("still there?").unwrap();
    assert_eq!(reader.read().unwrap(), text("still there?"));
    // The reader sends what is left, once there is room: the message, then the newest pong alone.
    let reading = thread::spawn(move || closed(reader.read()));
    assert_eq!(client.read().unwrap(), Incoming::Binary(big));
    assert_eq!(client.read().unwrap(), Incoming::Pong(99u16.to_be_bytes().to_vec()));
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(closed(client.read()).was_clean());
    assert!(reading.join().unwrap().was_clean());
}

#[test]
fn halves_ping_a_silent_peer_and_learn_the_round_trip_time() {
    let (mut client, mut server) = pair();
    // Set before the connection is taken apart, and kept.
    server.set_keepalive(KeepaliveConfig::default().ping_after(Some(Duration::from_millis(1))));
    let (mut reader, writer) = server.split().unwrap();
    let answering = thread::spawn(move || client.read()); // answers pings until the end
    reader.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    while reader.round_trip().is_none() {
        assert_eq!(reader.read().unwrap(), Incoming::TimedOut); // no pong that nobody has asked for
    }
    reader.set_read_timeout(None).unwrap();
    assert_eq!(writer.ready_state(), ReadyState::Open);
    writer.close(CloseCode::NORMAL, "enough").unwrap();
    assert_eq!(writer.ready_state(), ReadyState::Closing);
    let end = loop {
        match reader.read().unwrap() {
            Incoming::Closed(closed) => break closed,
            _ => continue,
        }
    };
    assert_eq!(end.reason(), "enough");
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
        let gone = Incoming::Closed(Closed::Abnormal(Abnormal::Expired(Expired::Pong)));
        assert_eq!(reader.read().unwrap(), gone);
        assert_eq!(writing.join().unwrap().is_err(), stuck);
        drop(client);
    }
}

#[test]
fn halves_give_up_a_peer_that_does_not_close_as_soon_as_the_keep_alive_says() {
    let (client, mut server) = pair();
    server.set_keepalive(KeepaliveConfig::default().close_within(Some(Duration::ZERO)));
    let (mut reader, writer) = server.split().unwrap();
    writer.close(CloseCode::NORMAL, "").unwrap();
    let gone = Incoming::Closed(Closed::Abnormal(Abnormal::Expired(Expired::Close)));
    assert_eq!(reader.read().unwrap(), gone);
    drop(client);
}

#[test]
fn a_prepared_message_goes_out_through_halves_and_wholes() {
    let (client, mut server) = pair();
    let news = Prepared::new("one for all");
    server.send_prepared(&news).unwrap();
    let (mut client_reader, client_writer) = client.split().unwrap();
    assert_eq!(client_reader.read().unwrap(), text("one for all"));
    client_writer.send_prepared(&news).unwrap(); // masked
    assert_eq!(server.read().unwrap(), text("one for all"));
    let (_reader, writer) = server.split().unwrap();
    writer.close_without_code().unwrap();
    assert!(matches!(writer.send_prepared(&news), Err(Error::Misuse(Misuse::Closed))));
}

#[test]
fn halves_over_a_shared_socket_have_one_descriptor_and_do_the_same() {
    let (client, server) = sockets();
    let mut client = WebSocket::new(client, Connection::client(Config::default()));
    let socket = Shared::new(server);
    let watch = socket.clone();
    let (mut reader, writer) =
        WebSocket::new(socket, Connection::server(Config::default())).split().unwrap();
    let reading = thread::spawn(move || (reader.read().unwrap(), reader.read().unwrap()));
    writer.send("down").unwrap();
    assert_eq!(client.read().unwrap(), text("down"));
    client.send("up").unwrap();
    writer.close(CloseCode::NORMAL, "enough").unwrap();
    assert_eq!(closed(client.read()).reason(), "enough");
    let (first, second) = reading.join().unwrap();
    assert_eq!(first, text("up"));
    assert!(matches!(second, Incoming::Closed(Closed::Clean(Some(_)))));
    // The connection has ended its socket, though a handle is left.
    assert_eq!((&*watch).read(&mut [0]).unwrap(), 0);
}
