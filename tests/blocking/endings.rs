//! What is told about the end of a connection: to those who send, after our own Close frame, and
//! while the stream stays open.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hybi::blocking::{Abnormal, Closed, Error, ReadyState, Untimed, WebSocket};
use hybi::connection::ChunkData;
use hybi::frame::{CloseReason, OpCode};
use hybi::keepalive::KeepaliveConfig;
use hybi::{CloseCode, Config, Connection, CutOff, Event, Inbox, ProtocolError, UsageError};

use crate::stream::*;

const HOUR: Duration = Duration::from_secs(3600);

fn too_big() -> Closed {
    let reason = "at most 64 KiB".into();
    Closed::Clean(Some(CloseReason { code: CloseCode::TOO_BIG, reason }))
}

fn too_big_frame() -> Vec<u8> {
    masked(OpCode::CLOSE, b"\x03\xf1at most 64 KiB")
}

#[track_caller]
fn closed_error<T: std::fmt::Debug>(result: Result<T, Error>) -> Closed {
    match result {
        Err(Error::Closed(closed)) => closed,
        other => panic!("not the end of the connection but {other:?}"),
    }
}

fn broken(input: impl IntoIterator<Item = In>) -> Script {
    Script::new(input).writing([Out::Error(ErrorKind::BrokenPipe)])
}

// ---- sending to a peer that has closed

#[test]
fn an_error_of_sending_tells_why_the_peer_has_closed() {
    let input = [masked(OpCode::TEXT, b"before"), masked(OpCode::PING, b"?"), too_big_frame()];
    // All at once, and byte by byte.
    for input in [vec![bytes(&input)], one_by_one(&input.concat()).collect()] {
        let stream = broken(input);
        let mut ws = server(stream.clone());
        let error = ws.send("Hello").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the connection is closed: 1009 (message too big) \"at most 64 KiB\""
        );
        assert_eq!(closed_error::<()>(Err(error)), too_big());
        assert_eq!(closed_error(ws.send("again")), too_big());
        assert_eq!(closed_error(ws.feed("again")), too_big());
        assert_eq!(closed_error(ws.flush()), too_big());
        assert_eq!(closed_error(ws.ping(b"")), too_big());
        assert_eq!(closed_error(ws.close(CloseCode::NORMAL, "")), too_big());
        assert_eq!(ws.closed(), None, "what came before is to be received first");
        assert_eq!(ws.receive_event().unwrap(), Some(Event::Text("before".into())));
        assert_eq!(ws.receive_event().unwrap(), Some(Event::Ping(b"?".into())));
        assert!(matches!(ws.receive_event().unwrap(), Some(Event::Close(Some(_)))));
        assert_eq!(closed(&mut ws), too_big());
        assert_eq!(closed_error(ws.send("after the end")), too_big());
        assert_eq!(stream.written(), b"", "nothing may follow half a frame");
    }
}

#[test]
fn what_was_read_for_an_error_of_sending_is_received_in_any_way() {
    let input =
        || bytes(&[masked(OpCode::TEXT, b"one"), masked(OpCode::BINARY, b"two"), too_big_frame()]);
    let mut ws = server(broken([input()]));
    assert_eq!(closed_error(ws.send("Hello")), too_big());
    assert_eq!(ws.receive().unwrap(), text("one"));
    let chunk = ws.receive_chunk().unwrap().unwrap();
    assert_eq!(chunk.data, ChunkData::Binary((&b"two"[..]).into()));
    assert_eq!((chunk.first, chunk.last), (true, true));
    assert_eq!(closed(&mut ws), too_big());
}

#[test]
fn a_message_in_chunks_goes_on_after_an_error_of_sending() {
    let long = masked(OpCode::BINARY, b"a long message");
    let stream = broken([
        In::Bytes(long[..10].to_vec()),
        bytes(&[long[10..].to_vec(), masked(OpCode::TEXT, b"next"), too_big_frame()]),
    ]);
    let mut ws = server(stream);
    let first = ws.receive_chunk().unwrap().unwrap();
    assert_eq!(closed_error(ws.send("Hello")), too_big());
    assert!(matches!(ws.receive(), Err(Error::Usage(UsageError::MessageInChunks))));
    let mut message = first.data.as_bytes().to_vec();
    loop {
        let chunk = ws.receive_chunk().unwrap().unwrap();
        message.extend(chunk.data.as_bytes());
        assert!(!chunk.first);
        if chunk.last {
            break;
        }
    }
    assert_eq!(message, b"a long message");
    assert_eq!(ws.receive().unwrap(), text("next"));
    assert_eq!(closed(&mut ws), too_big());
}

/// A limit for chunks says that the program may want chunks, not that it does.
#[test]
fn what_was_read_for_an_error_of_sending_is_received_whole_although_chunks_have_a_limit() {
    let fragments = [
        frame(true, false, OpCode::TEXT, b"a"),
        masked(OpCode::PING, b"?"),
        frame(true, false, OpCode::CONTINUATION, b"b"),
        masked(OpCode::PING, b"!"),
        masked(OpCode::CONTINUATION, b"c"),
    ];
    let input = || In::Bytes([fragments.concat(), too_big_frame()].concat());
    let open = |input: Vec<In>| {
        let mut ws = server(broken(input));
        ws.set_chunked_bytes_max(1 << 30);
        ws
    };

    let mut ws = open(vec![input()]);
    assert_eq!(closed_error(ws.send("Hello")), too_big());
    assert_eq!(ws.receive().unwrap(), text("abc"));
    assert_eq!(closed(&mut ws), too_big());

    let mut ws = open(vec![input()]);
    assert_eq!(closed_error(ws.send("Hello")), too_big());
    assert_eq!(ws.receive_event().unwrap(), Some(Event::Ping(b"?".into())));
    assert_eq!(ws.receive_event().unwrap(), Some(Event::Ping(b"!".into())));
    assert_eq!(ws.receive_event().unwrap(), Some(Event::Text("abc".into())));
    assert!(matches!(ws.receive_event().unwrap(), Some(Event::Close(_))));
    assert_eq!(closed(&mut ws), too_big());

    // In chunks if they are wanted, and then to the end.
    let mut ws = open(vec![input()]);
    assert_eq!(closed_error(ws.send("Hello")), too_big());
    assert_eq!(ws.receive_chunk().unwrap().unwrap().data, ChunkData::Text("a".into()));
    assert!(matches!(ws.receive(), Err(Error::Usage(UsageError::MessageInChunks))));
    assert_eq!(ws.receive_up_to(10).unwrap().unwrap().data, ChunkData::Text("bc".into()));
    assert_eq!(closed(&mut ws), too_big());

    // The message has only begun to arrive. The program has received whole ones before.
    let begun = [masked(OpCode::TEXT, b"before"), fragments[0].clone()];
    let rest = [fragments[4].clone(), too_big_frame()];
    let pause = In::Error(ErrorKind::WouldBlock);
    let mut ws = open(vec![bytes(&begun), pause, bytes(&rest)]);
    assert_eq!(ws.receive().unwrap(), text("before"));
    assert_eq!(io_kind(ws.send("Hello")), ErrorKind::BrokenPipe);
    assert_eq!(ws.receive().unwrap(), text("ac"));
    assert_eq!(closed(&mut ws), too_big());
}

#[test]
fn an_error_of_sending_tells_which_rule_the_peer_has_broken() {
    let stream = broken([bytes(&[masked(OpCode::TEXT, b"good"), plain(OpCode::TEXT, b"bad")])]);
    let mut ws = server(stream);
    assert!(matches!(ws.send("Hello"), Err(Error::Protocol(ProtocolError::Unmasked))));
    assert_eq!(ws.receive().unwrap(), text("good"));
    assert!(matches!(ws.receive(), Err(Error::Protocol(ProtocolError::Unmasked))));
    assert!(matches!(ws.send("Hello"), Err(Error::Protocol(ProtocolError::Unmasked))));
}

#[test]
fn what_has_not_arrived_is_not_waited_for() {
    let stream = broken([In::Error(ErrorKind::WouldBlock), bytes(&[too_big_frame()])]);
    let mut ws = server(stream.clone());
    assert_eq!(io_kind(ws.send("Hello")), ErrorKind::BrokenPipe);
    for (read_timeout, _) in stream.waiting(Call::Read) {
        assert_eq!(read_timeout, Some(Duration::from_millis(1)), "the shortest");
    }
    // It arrives later.
    assert_eq!(closed_error(ws.send("again")), too_big());
    assert_eq!(closed(&mut ws), too_big());

    // A stream without time-outs is not read at all.
    let mut stream = broken([bytes(&[too_big_frame()])]);
    stream.timed = false;
    let mut ws = server(stream.clone());
    assert_eq!(io_kind(ws.send("Hello")), ErrorKind::BrokenPipe);
    assert_eq!(stream.log.borrow().reads, 0);
    assert_eq!(closed(&mut ws), too_big());
}

#[test]
fn a_peer_that_never_stops_is_not_read_for_ever_for_the_reason() {
    let stream = broken((0..50_000).map(|_| In::Bytes(masked(OpCode::TEXT, b"x"))));
    let mut ws = server(stream.clone());
    for _ in 0..100 {
        assert_eq!(io_kind(ws.send("Hello")), ErrorKind::BrokenPipe);
    }
    let reads = stream.log.borrow().reads;
    assert!(reads <= 10_000, "{reads} reads");
    for _ in 0..20_000 {
        assert_eq!(ws.receive().unwrap(), text("x"));
    }
}

#[test]
fn how_the_stream_failed_is_told_after_an_error_of_sending_as_before() {
    let reset = || In::Error(ErrorKind::ConnectionReset);
    let stream = broken([bytes(&[masked(OpCode::TEXT, b"before")]), reset()]);
    let mut ws = server(stream);
    assert_eq!(io_kind(ws.send("Hello")), ErrorKind::BrokenPipe);
    assert_eq!(ws.receive().unwrap(), text("before"));
    assert_eq!(io_kind(ws.receive()), ErrorKind::ConnectionReset);
    assert_eq!(io_kind(ws.send("Hello")), ErrorKind::ConnectionReset);

    let mut ws = server(broken([bytes(&[masked(OpCode::TEXT, b"before")]), In::End]));
    assert_eq!(io_kind(ws.send("Hello")), ErrorKind::BrokenPipe);
    assert_eq!(ws.receive().unwrap(), text("before"));
    let cut_off = Closed::Abnormal(Abnormal::CutOff(CutOff::BetweenMessages));
    assert_eq!(closed(&mut ws), cut_off);
    assert_eq!(closed_error(ws.send("Hello")), cut_off);
}

#[test]
fn a_close_that_was_received_is_why_nothing_can_be_sent() {
    let mut ws = server(Script::new([bytes(&[too_big_frame()]), In::Error(ErrorKind::WouldBlock)]));
    assert!(matches!(ws.receive_event().unwrap(), Some(Event::Close(_))));
    assert_eq!(closed_error(ws.send("Hello")), too_big());
    // Our own is the caller's mistake.
    let mut ws = server(Script::new([]));
    ws.close(CloseCode::NORMAL, "").unwrap();
    assert!(matches!(ws.send("Hello"), Err(Error::Usage(UsageError::Closed))));
}

#[test]
fn a_writer_tells_why_the_peer_has_closed() {
    let (mut client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    assert_eq!(writer.closed(), None);
    client.close(CloseCode::TOO_BIG, "at most 64 KiB").unwrap();
    assert!(matches!(reader.receive_event().unwrap(), Some(Event::Close(_))));
    assert_eq!(closed_error(writer.send("Hello")), too_big());
    assert_eq!(closed_error(writer.ping(b"")), too_big());
    assert_eq!(writer.closed(), None, "the stream has not ended");
    let closing = thread::spawn(move || closed(&mut client));
    assert_eq!(closed(&mut reader), too_big());
    assert_eq!(closed_error(writer.send("Hello")), too_big());
    assert_eq!(writer.closed(), Some(too_big()));
    closing.join().unwrap();
}

/// Whatever the stream says afterwards: two verdicts on one connection would contradict each other.
#[test]
fn both_halves_tell_how_a_writer_has_ended_the_connection() {
    let terminated = Closed::Abnormal(Abnormal::Terminated);
    for input in [
        In::Error(ErrorKind::ConnectionReset),
        In::End,
        bytes(&[too_big_frame()]),
        bytes(&[plain(OpCode::TEXT, b"not masked")]),
    ] {
        let (mut reader, writer) = server(Script::new([input.clone()])).split().unwrap();
        writer.terminate(Duration::ZERO);
        assert_eq!(writer.closed().as_ref(), Some(&terminated));
        assert_eq!(closed(&mut reader), terminated, "{input:?}");
        assert_eq!(writer.closed(), Some(terminated.clone()));
    }
}

#[test]
fn a_writer_whose_write_fails_tells_what_the_reader_has_seen() {
    let stream = Script::new([bytes(&[masked(OpCode::TEXT, b"x"), plain(OpCode::TEXT, b"bad")])]);
    stream.output.borrow_mut().push_back(Out::Error(ErrorKind::BrokenPipe));
    let (mut reader, writer) = server(stream).split().unwrap();
    assert_eq!(io_kind(writer.send("Hello")), ErrorKind::BrokenPipe);
    assert_eq!(writer.ready_state(), ReadyState::Closing, "nothing can be sent any more");
    assert_eq!(reader.receive().unwrap(), text("x"));
    assert_eq!(io_kind(writer.send("Hello")), ErrorKind::BrokenPipe);
    assert!(matches!(reader.receive(), Err(Error::Protocol(ProtocolError::Unmasked))));
    assert!(matches!(writer.send("Hello"), Err(Error::Protocol(ProtocolError::Unmasked))));
}

#[test]
fn a_refusal_of_what_is_being_sent_is_told_to_the_sender_over_tcp() {
    let (mut client, mut server) = pair();
    let refusing = thread::spawn(move || {
        let first = server.receive().unwrap();
        server.close(CloseCode::TOO_BIG, "at most 64 KiB").unwrap();
        server.stream().shutdown(Shutdown::Both).unwrap(); // what comes now is answered by a reset
        first
    });
    client.send("first").unwrap();
    assert_eq!(refusing.join().unwrap(), text("first"));
    let error = loop {
        if let Err(error) = client.send(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(closed_error::<()>(Err(error)), too_big());
}

// ---- a Close frame that breaks a rule, after ours

#[test]
fn a_bad_answer_to_our_close_frame_is_an_end_and_no_error() {
    let bad: [(&[u8], ProtocolError); 5] = [
        (b"\x03\xed", ProtocolError::CloseCode { number: 1005 }),
        (b"\x00\x00", ProtocolError::CloseCode { number: 0 }),
        (b"bye", ProtocolError::CloseCode { number: 0x6279 }), // a reason without a code
        (b"x", ProtocolError::CloseBodyTooShort),
        (b"\x03\xe8\xff", ProtocolError::CloseReasonNotUtf8),
    ];
    for (body, error) in bad {
        let end = Closed::Abnormal(Abnormal::Protocol(error));
        let input = || [bytes(&[masked(OpCode::TEXT, b"last"), masked(OpCode::CLOSE, body)])];

        let mut ws = server(Script::new(input()));
        ws.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(ws.receive().unwrap(), text("last"));
        assert_eq!(closed(&mut ws), end);
        assert_eq!(closed(&mut ws), end, "again");
        assert_eq!(end.code(), 1006);

        let mut ws = client(Script::new([bytes(&[plain(OpCode::CLOSE, body)])]));
        ws.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(closed(&mut ws), end);
        assert_eq!(
            client(Script::new([bytes(&[plain(OpCode::CLOSE, body)])])).terminate(HOUR),
            end
        );

        let (mut reader, writer) = server(Script::new(input())).split().unwrap();
        writer.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(reader.receive().unwrap(), text("last"));
        assert_eq!(closed(&mut reader), end);
        assert_eq!(writer.closed(), Some(end));

        // Not as an answer.
        let mut ws = server(Script::new(input()));
        assert_eq!(ws.receive().unwrap(), text("last"));
        assert!(matches!(ws.receive(), Err(Error::Protocol(got)) if got == error));
    }
    // What is no Close frame stays an error.
    let mut ws = server(Script::new([bytes(&[plain(OpCode::TEXT, b"not masked")])]));
    ws.close(CloseCode::NORMAL, "").unwrap();
    assert!(matches!(ws.receive(), Err(Error::Protocol(ProtocolError::Unmasked))));
}

// ---- after both Close frames, until the stream ends

#[test]
fn the_end_of_the_stream_is_waited_for_no_longer_than_agreed() {
    let open = || In::Error(ErrorKind::WouldBlock);
    for (linger, expected) in [(None, 1000), (Some(Duration::from_millis(300)), 300)] {
        let stream = Script::new([bytes(&[plain(OpCode::CLOSE, b"")]), open()]);
        let mut ws = client(stream.clone());
        if let Some(linger) = linger {
            ws.set_linger(linger);
        }
        timed_out(ws.receive()); // the script does not wait
        let last = *stream.waiting(Call::Read).last().unwrap();
        let millis = last.0.unwrap().as_millis();
        assert!((expected / 2..=expected).contains(&millis), "{millis} instead of {expected}");
    }
    for from_client in [false, true] {
        let close = frame(from_client, true, OpCode::CLOSE, b"");
        let script = || Script::new([In::Bytes(close.clone()), open(), open(), open()]);
        let (stream, end) = if from_client {
            let mut ws = server(script());
            ws.set_linger(Duration::ZERO);
            let end = closed(&mut ws);
            (ws.into_stream(), end)
        } else {
            let mut ws = client(script());
            ws.set_linger(Duration::ZERO);
            let end = closed(&mut ws);
            (ws.into_stream(), end)
        };
        assert_eq!(end, Closed::Clean(None));
        assert_eq!(stream.log.borrow().shut.last(), Some(&Shutdown::Both));
    }
    let mut ws = server(Script::new([bytes(&[masked(OpCode::CLOSE, b"")]), open()]));
    ws.set_linger(Duration::from_secs(60));
    let (mut reader, _writer) = ws.split().unwrap();
    reader.set_linger(Duration::ZERO);
    assert_eq!(closed(&mut reader), Closed::Clean(None));
}

#[test]
fn a_peer_that_goes_on_talking_does_not_prolong_the_wait_for_the_end() {
    let rest = (0..1000).map(|_| In::Bytes(vec![0; 100]));
    for from_client in [false, true] {
        let close = In::Bytes(frame(from_client, true, OpCode::CLOSE, b""));
        let stream = Script::new([close].into_iter().chain(rest.clone()));
        if from_client {
            let mut ws = server(stream.clone());
            ws.set_linger(Duration::ZERO);
            assert_eq!(closed(&mut ws), Closed::Clean(None));
        } else {
            let mut ws = client(stream.clone());
            ws.set_linger(Duration::ZERO);
            assert_eq!(closed(&mut ws), Closed::Clean(None));
        }
        assert!(stream.log.borrow().reads <= 2);
    }
}

// ---- halves

#[test]
fn the_halves_of_an_ended_connection_are_ended() {
    let mut ws = server(Script::new([bytes(&[too_big_frame()])]));
    assert_eq!(closed(&mut ws), too_big());
    let (mut reader, writer) = ws.split().unwrap();
    assert_eq!(
        (reader.ready_state(), writer.ready_state()),
        (ReadyState::Closed, ReadyState::Closed)
    );
    assert_eq!(writer.closed(), Some(too_big()));
    assert_eq!(closed_error(writer.send("Hello")), too_big());
    writer.terminate(HOUR); // at once
    assert_eq!(closed(&mut reader), too_big());
}

#[test]
fn a_write_that_has_failed_before_the_split_shows_after_it() {
    let stream = broken([In::Error(ErrorKind::WouldBlock), In::Error(ErrorKind::WouldBlock)]);
    let mut ws = server(stream);
    assert_eq!(io_kind(ws.send("Hello")), ErrorKind::BrokenPipe);
    assert_eq!(ws.ready_state(), ReadyState::Closing);
    let (reader, writer) = ws.split().unwrap();
    assert_eq!(reader.ready_state(), ReadyState::Closing);
    assert_eq!(io_kind(writer.send("Hello")), ErrorKind::BrokenPipe);
}

#[test]
fn a_pong_that_is_held_back_goes_with_the_split() {
    let block = || Out::Error(ErrorKind::WouldBlock);
    let stream = Script::new([
        bytes(&[masked(OpCode::PING, b"?"), masked(OpCode::TEXT, b"Hello")]),
        In::Error(ErrorKind::WouldBlock),
    ])
    .writing([block(), block()]);
    let mut ws = server(stream.clone());
    let big = [7; 70_000]; // more than pongs are added to
    ws.send(&big).unwrap();
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    let (_reader, writer) = ws.split().unwrap();
    writer.flush().unwrap();
    let expected = [plain(OpCode::BINARY, &big), plain(OpCode::PONG, b"?")].concat();
    assert_eq!(stream.written(), expected);
}

#[test]
fn what_was_read_for_an_error_of_sending_goes_with_the_split() {
    let stream = broken([bytes(&[masked(OpCode::TEXT, b"before"), too_big_frame()])]);
    let mut ws = server(stream);
    assert_eq!(closed_error(ws.send("Hello")), too_big());
    let (mut reader, writer) = ws.split().unwrap();
    assert_eq!(closed_error(writer.send("Hello")), too_big());
    assert_eq!(reader.receive().unwrap(), text("before"));
    assert_eq!(closed(&mut reader), too_big());
}

#[test]
fn terminate_sends_what_a_writer_has_left() {
    let (mut client, server) = pair();
    let (mut reader, writer) = server.split().unwrap();
    let (waits, is_waiting) = mpsc::channel();
    let reading = thread::spawn(move || {
        waits.send(()).unwrap();
        closed(&mut reader)
    });
    is_waiting.recv().unwrap();
    let big = vec![1; 15 << 20];
    writer.set_write_timeout(Duration::from_millis(1)).unwrap();
    writer.send(&*big).unwrap();
    assert!(writer.unsent_bytes() > 0);
    let receiving = thread::spawn(move || {
        let message = client.receive().unwrap();
        (message, closed(&mut client).code())
    });
    writer.terminate(Duration::from_secs(60));
    assert_eq!(receiving.join().unwrap(), (binary(&big), 1001));
    assert_eq!(reading.join().unwrap().to_string(), "1001 (going away)");
}

#[test]
fn what_a_writer_has_left_goes_to_a_peer_that_has_ended_its_stream() {
    let (mut client, server) = sockets_with_server();
    let (mut reader, writer) = server.split().unwrap();
    let big = vec![1; 15 << 20];
    writer.set_write_timeout(Duration::from_millis(1)).unwrap();
    writer.send(&*big).unwrap();
    assert!(writer.unsent_bytes() > 0);
    client.write_all(&masked(OpCode::CLOSE, b"")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    reader.set_read_timeout(Duration::from_millis(1)).unwrap();
    for _ in 0..3 {
        timed_out(reader.receive());
    }
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        client.read_to_end(&mut all).map(|_| all.len())
    });
    while matches!(reader.receive(), Err(Error::TimedOut)) {}
    assert_eq!(reader.closed(), Some(&Closed::Clean(None)));
    assert_eq!(reading.join().unwrap().unwrap(), 10 + big.len() + 2);
}

// ---- the stream itself

#[test]
fn a_stream_that_takes_nothing_says_so() {
    let mut ws = server(Script::new([In::Error(ErrorKind::WouldBlock)]).writing([Out::Takes(0)]));
    let error = ws.send("Hello").unwrap_err();
    assert_eq!(error.to_string(), "the stream failed: it accepts no more bytes");
}

#[test]
fn a_connection_over_memory_ends_as_any_other() {
    let stream = Untimed(std::io::Cursor::new(too_big_frame()));
    let mut ws = WebSocket::new(stream, Connection::server(Config::default()), Inbox::new());
    ws.set_keepalive(KeepaliveConfig::default());
    assert_eq!(closed(&mut ws), too_big());
    assert_eq!(closed_error(ws.send("Hello")), too_big());
}
