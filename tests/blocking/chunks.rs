//! Messages in chunks, and in pieces of a given length: what they add up to, their limit, and how
//! that goes together with whole messages.

use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use hybi::blocking::{Abnormal, Closed, Error, WebSocket};
use hybi::connection::{Chunk, ChunkData};
use hybi::frame::{Header, OpCode};
use hybi::{CloseCode, Config, Connection, CutOff, Inbox, Limits, ProtocolError, UsageError};

use crate::stream::*;

const MIXED: &str = "aß€😀 κόσμε \u{10ffff}z";

/// A chunk as it came: its bytes, whether they are text, `first` and `last`.
type Raw = (Vec<u8>, bool, bool, bool);

fn raw(chunk: Chunk<'static>) -> Raw {
    let is_text = matches!(chunk.data, ChunkData::Text(_));
    (chunk.data.as_bytes().to_vec(), is_text, chunk.first, chunk.last)
}

/// Receives a message to its end.
fn to_end(mut receive: impl FnMut() -> Result<Option<Chunk<'static>>, Error>) -> Vec<Raw> {
    let mut chunks = Vec::new();
    loop {
        let chunk = raw(receive().unwrap().unwrap());
        let is_last = chunk.3;
        chunks.push(chunk);
        if is_last {
            return chunks;
        }
    }
}

fn joined(chunks: &[Raw]) -> Vec<u8> {
    chunks.iter().flat_map(|(bytes, ..)| bytes.clone()).collect()
}

#[track_caller]
fn in_chunks<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Usage(UsageError::MessageInChunks))), "{result:?}");
}

#[test]
fn chunks_come_as_they_arrive_and_make_the_message() {
    let wire = [
        frame(true, false, OpCode::TEXT, &MIXED.as_bytes()[..2]),
        masked(OpCode::PING, b"?"),
        frame(true, true, OpCode::CONTINUATION, &MIXED.as_bytes()[2..]),
        masked(OpCode::BINARY, b""),
        masked(OpCode::TEXT, b"whole"),
    ]
    .concat();
    for len in 1..=wire.len() {
        let stream = Script::new(wire.chunks(len).map(|piece| In::Bytes(piece.to_vec())));
        let mut ws = server(stream.clone());
        let chunks = to_end(|| ws.receive_chunk());
        assert_eq!(str::from_utf8(&joined(&chunks)), Ok(MIXED), "reads of {len}");
        let last = chunks.len() - 1;
        for (at, (bytes, is_text, is_first, is_last)) in chunks.iter().enumerate() {
            assert_eq!((*is_text, *is_first, *is_last), (true, at == 0, at == last));
            assert!(str::from_utf8(bytes).is_ok() && (*is_last || !bytes.is_empty()));
        }
        assert_eq!(to_end(|| ws.receive_chunk()), [(vec![], false, true, true)]);
        assert_eq!(stream.written(), plain(OpCode::PONG, b"?"));
        assert_eq!(ws.receive().unwrap(), text("whole"));
        assert!(ws.receive_chunk().unwrap().is_none());
        assert_eq!(ws.closed().unwrap().code(), 1006);
    }
}

#[test]
fn a_chunk_is_bounded_whatever_was_read_before() {
    let mut inbox = Inbox::new();
    inbox.append(&masked(OpCode::TEXT, "€".repeat(100_000).as_bytes()));
    let mut ws = WebSocket::new(Script::new([]), Connection::server(Config::default()), inbox);
    let chunks = to_end(|| ws.receive_chunk());
    assert_eq!(joined(&chunks), "€".repeat(100_000).as_bytes());
    assert!(chunks.len() > 4 && chunks.iter().all(|(bytes, ..)| bytes.len() <= 64 << 10));
}

/// What the pieces of a message of one frame are does not depend on how it was read.
#[test]
fn pieces_have_the_length_that_is_wanted_however_the_message_was_split() {
    let payload = MIXED.as_bytes();
    for opcode in [OpCode::TEXT, OpCode::BINARY] {
        let wire = masked(opcode, payload);
        for n in 0..=payload.len() + 1 {
            for len in [1, 2, 3, 7, wire.len()] {
                let stream = Script::new(wire.chunks(len).map(|piece| In::Bytes(piece.to_vec())));
                let mut ws = server(stream);
                let pieces = to_end(|| ws.receive_up_to(n));
                assert_eq!(joined(&pieces), payload);
                let mut rest = payload;
                for (at, (piece, is_text, is_first, is_last)) in pieces.iter().enumerate() {
                    assert_eq!((*is_text, *is_first), (opcode == OpCode::TEXT, at == 0));
                    let expected = match opcode {
                        // As many bytes as fit, of whole code points; but at least one.
                        OpCode::TEXT => {
                            let text = str::from_utf8(rest).unwrap();
                            let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
                            let first = ends.clone().next().unwrap();
                            ends.take_while(|end| *end <= n).last().unwrap_or(first)
                        }
                        _ => n.max(1).min(rest.len()),
                    };
                    assert_eq!(piece.len(), expected, "at most {n} of {rest:?}, reads of {len}");
                    rest = &rest[expected..];
                    assert_eq!(*is_last, rest.is_empty());
                }
            }
        }
    }
}

#[test]
fn characters_are_counted_if_asked_for() {
    let all: Vec<char> = MIXED.chars().collect();
    let wire = [
        frame(true, false, OpCode::TEXT, &MIXED.as_bytes()[..5]),
        frame(true, true, OpCode::CONTINUATION, &MIXED.as_bytes()[5..]),
        masked(OpCode::BINARY, b"0123456789"),
    ]
    .concat();
    for n in 1..=all.len() + 1 {
        for len in [1, 2, 3, 7, wire.len()] {
            let stream = Script::new(wire.chunks(len).map(|piece| In::Bytes(piece.to_vec())));
            let mut ws = server(stream);
            let pieces = to_end(|| ws.receive_chars_up_to(n));
            let expected: Vec<String> = all.chunks(n).map(|piece| piece.iter().collect()).collect();
            let got: Vec<&str> =
                pieces.iter().map(|(bytes, ..)| str::from_utf8(bytes).unwrap()).collect();
            assert_eq!(got, expected, "{n} characters, reads of {len}");
            // Of a binary message, bytes.
            let pieces = to_end(|| ws.receive_chars_up_to(n));
            let got: Vec<&[u8]> = pieces.iter().map(|(bytes, ..)| &**bytes).collect();
            assert_eq!(got, b"0123456789".chunks(n).collect::<Vec<_>>());
        }
    }
}

/// The header of a binary message from a client, in one frame, and the start of its payload.
fn start_of(len: u64, payload: &[u8]) -> Vec<u8> {
    let header = Header { masking_key: Some([0; 4]), ..Header::new(OpCode::BINARY, len) };
    [&*header.encode(), payload].concat()
}

#[test]
fn a_long_message_needs_a_limit_of_its_own_and_no_higher_one_for_whole_messages() {
    const LONG: u64 = 200_000_000;
    // The limits of whole messages hold as long as there is no other.
    let stream = Script::new([In::Bytes(start_of(LONG, b"some"))]);
    let mut ws = server(stream.clone());
    let error = ws.receive_chunk().unwrap_err();
    let violation = ProtocolError::FrameTooBig { len: LONG };
    assert_eq!(error.to_string(), violation.to_string());
    assert_eq!(stream.written(), plain(OpCode::CLOSE, violation.reply().payload()));

    let stream = Script::new([In::Bytes(start_of(LONG, b"some"))]);
    let mut ws = server(stream.clone());
    ws.set_chunked_bytes_max(LONG);
    assert_eq!(raw(ws.receive_chunk().unwrap().unwrap()), (b"some".to_vec(), false, true, false));
    assert_eq!(ws.message_bytes_left(), Some(LONG - 4));

    let stream = Script::new([In::Bytes(start_of(LONG, b"some"))]);
    let mut ws = server(stream.clone());
    ws.set_chunked_bytes_max(LONG - 1);
    let violation = ProtocolError::MessageTooBig { len: LONG };
    assert!(matches!(ws.receive_chunk(), Err(Error::Protocol(error)) if error == violation));
    assert_eq!(stream.written(), plain(OpCode::CLOSE, violation.reply().payload()));

    // Whole messages keep theirs.
    let config = Config::default().limits(Limits::default().message_bytes_max(3));
    let stream =
        Script::new([bytes(&[masked(OpCode::TEXT, b"abcd"), masked(OpCode::TEXT, b"efgh")])]);
    let mut ws = WebSocket::new(stream, Connection::server(config), Inbox::new());
    ws.set_chunked_bytes_max(4);
    assert_eq!(joined(&to_end(|| ws.receive_chunk())), b"abcd");
    let error = ws.receive().unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::MessageTooBig { len: 4 })));
}

#[test]
fn a_whole_message_is_refused_within_one_in_chunks_and_nothing_is_lost() {
    let stream = Script::new([bytes(&[
        frame(true, false, OpCode::TEXT, b"begin"),
        masked(OpCode::PING, b"?"),
        frame(true, false, OpCode::CONTINUATION, b"middle"),
        frame(true, true, OpCode::CONTINUATION, b"end"),
        masked(OpCode::TEXT, b"next"),
    ])]);
    let mut ws = server(stream.clone());
    assert_eq!(raw(ws.receive_chunk().unwrap().unwrap()).0, b"begin");
    for _ in 0..2 {
        in_chunks(ws.receive());
        in_chunks(ws.receive_event());
    }
    assert_eq!(stream.written(), b"");
    // What waits after a piece counts as well.
    assert_eq!(raw(ws.receive_up_to(3).unwrap().unwrap()).0, b"mid");
    in_chunks(ws.receive());
    assert_eq!(raw(ws.receive_chars_up_to(1).unwrap().unwrap()).0, b"d");
    assert_eq!(raw(ws.receive_chunk().unwrap().unwrap()).0, b"le");
    assert_eq!(raw(ws.receive_up_to(2).unwrap().unwrap()).0, b"en");
    in_chunks(ws.receive());
    assert_eq!(raw(ws.receive_up_to(2).unwrap().unwrap()), (b"d".to_vec(), true, false, true));
    assert_eq!(ws.receive().unwrap(), text("next"));
}

/// A caller that waited for a whole message may change its mind.
#[test]
fn what_was_assembled_of_a_message_is_its_first_chunk() {
    let payload = vec![7; 200_000];
    let wire = masked(OpCode::BINARY, &payload);
    let (front, back) = wire.split_at(150_000);
    let stream = Script::new([
        In::Bytes(front.to_vec()),
        In::Error(ErrorKind::WouldBlock),
        In::Bytes(back.to_vec()),
    ]);
    let mut ws = server(stream);
    timed_out(ws.receive());
    let chunks = to_end(|| ws.receive_chunk());
    assert_eq!(joined(&chunks), payload);
    assert!(chunks[0].2 && chunks.iter().all(|(bytes, ..)| bytes.len() <= 64 << 10));
}

#[test]
fn a_time_out_keeps_what_has_arrived() {
    let wire = masked(OpCode::TEXT, b"0123456789");
    let script = || {
        let (front, back) = wire.split_at(wire.len() - 3);
        Script::new([
            In::Bytes(front.to_vec()),
            In::Error(ErrorKind::WouldBlock),
            In::Bytes(back.to_vec()),
        ])
    };
    let mut ws = server(script());
    timed_out(ws.receive_up_to(10));
    assert_eq!(ws.message_bytes_left(), Some(10));
    assert_eq!(raw(ws.receive_up_to(10).unwrap().unwrap()).0, b"0123456789");
    // Whatever the next call wants.
    let mut ws = server(script());
    timed_out(ws.receive_chars_up_to(10));
    assert_eq!(raw(ws.receive_chars_up_to(2).unwrap().unwrap()).0, b"01");
    assert_eq!(raw(ws.receive_up_to(3).unwrap().unwrap()).0, b"234");
    assert_eq!(raw(ws.receive_chunk().unwrap().unwrap()).0, b"56");
    let last = (b"789".to_vec(), true, false, true);
    assert_eq!(raw(ws.receive_up_to(100).unwrap().unwrap()), last);
}

#[test]
fn a_peer_that_sends_little_again_and_again_does_not_move_the_deadline() {
    let first = frame(true, false, OpCode::BINARY, b"x");
    let more = frame(true, false, OpCode::CONTINUATION, b"x");
    let input = [first].into_iter().chain((0..1000).map(|_| more.clone())).map(In::Bytes);
    let stream = Script::new(input);
    let mut ws = server(stream.clone());
    ws.set_read_timeout(Duration::ZERO).unwrap();
    timed_out(ws.receive_up_to(1000));
    assert!(stream.unread() > 900, "{}", stream.unread());
}

#[test]
fn what_came_before_the_end_is_returned_before_it() {
    // The peer vanishes.
    let mut ws = server(Script::new([In::Bytes(start_of(10, b"some"))]));
    let some = (b"some".to_vec(), false, true, false);
    assert_eq!(raw(ws.receive_up_to(10).unwrap().unwrap()), some);
    assert!(ws.receive_up_to(10).unwrap().is_none());
    let cut_off = Abnormal::CutOff(CutOff::InMessage { received: 4 });
    assert_eq!(closed(&mut ws), Closed::Abnormal(cut_off));

    // It breaks a rule.
    let mut ws = server(Script::new([In::Bytes(masked(OpCode::TEXT, b"good\xff"))]));
    assert_eq!(raw(ws.receive_up_to(10).unwrap().unwrap()).0, b"good");
    for _ in 0..2 {
        let error = ws.receive_up_to(10).unwrap_err();
        assert!(matches!(error, Error::Protocol(ProtocolError::TextNotUtf8)), "{error}");
    }
    assert!(matches!(ws.receive(), Err(Error::Protocol(ProtocolError::TextNotUtf8))));

    // It closes within the message, which it may (RFC 6455 §5.5.1).
    let wire = [frame(true, false, OpCode::TEXT, b"half"), masked(OpCode::CLOSE, b"\x03\xe8bye")];
    let mut ws = server(Script::new([bytes(&wire)]));
    assert_eq!(raw(ws.receive_up_to(10).unwrap().unwrap()).0, b"half");
    assert!(ws.receive_up_to(10).unwrap().is_none());
    assert_eq!(closed(&mut ws).reason(), "bye");
}

#[test]
fn how_much_is_left_counts_what_waits() {
    let long = start_of(100_000, &[0; 10]);
    let mut ws = server(Script::new([In::Bytes(long), In::Error(ErrorKind::WouldBlock)]));
    assert_eq!(ws.message_bytes_left(), None);
    assert_eq!(ws.receive_up_to(4).unwrap().unwrap().data.as_bytes().len(), 4);
    assert_eq!(ws.message_bytes_left(), Some(100_000 - 4));
    // In fragments, it is known when the last has begun; at the end there is nothing any more.
    let wire = [
        frame(true, false, OpCode::BINARY, b"0123"),
        frame(true, true, OpCode::CONTINUATION, b"4567"),
    ];
    let mut ws = server(Script::new(wire.map(In::Bytes)));
    ws.receive_up_to(2).unwrap().unwrap();
    assert_eq!(ws.message_bytes_left(), None);
    ws.receive_up_to(5).unwrap().unwrap();
    assert_eq!(ws.message_bytes_left(), Some(1));
    ws.receive_up_to(5).unwrap().unwrap();
    assert_eq!(ws.message_bytes_left(), None);
}

/// Wherever reads split a text, and also after a call for whole messages that has run out of time.
#[test]
fn how_much_is_left_counts_what_was_read_and_not_returned() {
    let message = "a\u{20ac}b";
    let wire = masked(OpCode::TEXT, message.as_bytes());
    for cut in wire.len() - message.len() + 1..wire.len() {
        let stream = || {
            let (front, back) = wire.split_at(cut);
            let later = In::Error(ErrorKind::WouldBlock);
            Script::new([In::Bytes(front.to_vec()), later, In::Bytes(back.to_vec())])
        };
        let mut ws = server(stream());
        let chunk = ws.receive_chunk().unwrap().unwrap();
        let left = message.len() - chunk.data.as_bytes().len();
        assert_eq!(ws.message_bytes_left(), Some(left as u64), "cut at {cut}");
        let mut ws = server(stream());
        timed_out(ws.receive());
        assert_eq!(ws.message_bytes_left(), Some(message.len() as u64), "cut at {cut}");
        assert_eq!(ws.receive_up_to(9).unwrap().unwrap().data.as_bytes(), message.as_bytes());
        assert_eq!(ws.message_bytes_left(), None);
    }
}

#[test]
fn terminate_drops_the_rest_of_a_message_that_is_too_long_to_be_held() {
    let limits = Limits::default().message_bytes_max(10);
    let stream = Script::new([bytes(&[
        frame(true, false, OpCode::BINARY, &[1; 20]),
        frame(true, true, OpCode::CONTINUATION, &[1; 20]),
        masked(OpCode::CLOSE, b"\x03\xe9"),
    ])]);
    let connection = Connection::server(Config::default().limits(limits));
    let mut ws = WebSocket::new(stream, connection, Inbox::new());
    ws.set_chunked_bytes_max(100);
    assert_eq!(ws.receive_up_to(5).unwrap().unwrap().data.as_bytes(), [1; 5]);
    assert!(ws.terminate(Duration::from_secs(3600)).was_clean());
    assert!(ws.receive_chunk().unwrap().is_none());
}

#[test]
fn the_reading_half_receives_in_chunks_and_answers_meanwhile() {
    const LEN: usize = 20 << 20; // more than a whole message may have
    let (client, server) = pair();
    let (mut client_reader, client_writer) = client.split().unwrap();
    let sending = thread::spawn(move || {
        let part = vec![7; 1 << 20];
        for _ in 0..LEN / part.len() {
            client_writer.send_part(&part).unwrap();
            client_writer.ping(b"still there?").unwrap();
        }
        client_writer.send_last_part(b"").unwrap();
        // The pongs arrive while the message is on its way.
        let mut pongs = 0;
        while pongs < LEN / part.len() {
            pongs += usize::from(client_reader.receive_event().unwrap() == pong(b"still there?"));
        }
        client_writer.close(CloseCode::NORMAL, "").unwrap();
        closed(&mut client_reader)
    });
    let (mut reader, writer) = server.split().unwrap();
    reader.set_chunked_bytes_max(LEN as u64);
    let mut received = 0;
    loop {
        let chunk = reader.receive_chunk().unwrap().unwrap();
        assert!(chunk.data.as_bytes().iter().all(|byte| *byte == 7));
        received += chunk.data.as_bytes().len();
        if chunk.last {
            break;
        }
        in_chunks(reader.receive());
        let piece = reader.receive_up_to(100_000).unwrap().unwrap();
        received += piece.data.as_bytes().len();
        if piece.last {
            break;
        }
    }
    assert_eq!((received, reader.message_bytes_left()), (LEN, None));
    assert!(closed(&mut reader).was_clean());
    assert!(sending.join().unwrap().was_clean());
    drop(writer);
}

/// A connection that is taken over within a message is known to be there.
#[test]
fn a_connection_that_is_taken_over_within_a_message_in_chunks_is_still_in_it() {
    let mut connection = Connection::server(Config::default());
    let mut inbox = Inbox::new();
    inbox.append(&frame(true, false, OpCode::TEXT, b"begin"));
    let chunk = connection.receive_chunk(&mut inbox.input(), &mut hybi::Outbox::new()).unwrap();
    assert!(chunk.is_some());
    let stream = Script::new([In::Bytes(frame(true, true, OpCode::CONTINUATION, b"end"))]);
    let mut ws = WebSocket::new(stream, connection, inbox);
    in_chunks(ws.receive());
    assert_eq!(raw(ws.receive_chunk().unwrap().unwrap()), (b"end".to_vec(), true, false, true));
}
