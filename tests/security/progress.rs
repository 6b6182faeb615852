//! Class 2: endless loops. Every call reads something, yields something, or asks for more; and two endpoints left to
//! themselves fall silent.

use hybi::connection::ChunkEvent;
use hybi::handshake::{Acceptance, HeadLimits, ServerHandshakeError};
use hybi::{CloseCode, Config, Input, Limits, Outbox, ServerHandshake};

use crate::Numbers;
use crate::common::*;

/// Bytes that a peer might send: mostly frames, mostly legal.
fn stream(side: Side, numbers: &mut Numbers) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut inside = false;
    for _ in 0..numbers.below(12) {
        let payload: Vec<u8> = match numbers.below(4) {
            0 => vec![],
            1 => "grün €😀".as_bytes().to_vec(),
            2 => (0..numbers.below(300)).map(|_| numbers.next() as u8).collect(),
            _ => vec![b'x'; numbers.below(126)],
        };
        let fin = numbers.one_of(&[0x00, 0x80, 0x80]);
        match numbers.below(10) {
            0 => wire.extend((0..numbers.below(20)).map(|_| numbers.next() as u8)),
            1 => wire.extend(side.incoming(0x88, &payload[..payload.len().min(125)])),
            2 | 3 => wire.extend(
                side.incoming(numbers.one_of(&[0x89, 0x8a]), &payload[..payload.len().min(125)]),
            ),
            _ => {
                let opcode = if inside { 0 } else { numbers.one_of(&[1, 2]) };
                inside = fin == 0;
                wire.extend(side.incoming(fin | opcode, &payload));
            }
        }
    }
    wire
}

#[test]
fn class_02_every_call_reads_or_yields_something_or_asks_for_more() {
    let mut numbers = Numbers(6455);
    for round in 0..400 {
        for side in BOTH {
            let wire = stream(side, &mut numbers);
            let limits = numbers.one_of(&[
                Limits::default(),
                Limits::default().reply_backlog_max(10).fragments_max(3),
            ]);
            let piece_len = numbers.one_of(&[1, 2, 7, 64, 100_000]);
            let mut ws = side.connection(Config::default().limits(limits));
            let (mut out, mut calls, mut errors) = (Vec::new(), 0, 0);
            for piece in wire.clone().chunks_mut(piece_len) {
                let mut input = Input::new(piece);
                loop {
                    let left = input.len();
                    calls += 1;
                    // Each mode for one round: messages, chunks, and the caller's changing over.
                    let chunks = [false, true, calls % 2 == 0][round % 3];
                    let yielded = if chunks {
                        ws.receive_chunk(&mut input, &mut out).map(|event| {
                            event.map(|event| match event {
                                ChunkEvent::Chunk(chunk) => chunk.data.as_bytes().len(),
                                _ => 0,
                            })
                        })
                    } else {
                        ws.receive(&mut input, &mut out).map(|event| event.map(|_| 0))
                    };
                    match yielded {
                        // More is asked for only when all is read.
                        Ok(None) => {
                            assert!(input.is_empty());
                            break;
                        }
                        Ok(Some(handed_out)) => assert!(input.len() < left || handed_out > 0),
                        Err(_) => errors += 1,
                    }
                }
            }
            assert!(errors <= 1, "a violation is told once");
            let pieces = wire.len().div_ceil(piece_len);
            assert!(calls <= wire.len() + pieces + 1, "{calls} calls for {} bytes", wire.len());
            // A violation is answered with a Close frame of its own.
            let unasked = if errors > 0 { 6 + 125 } else { 0 };
            assert!(
                out.len() <= wire.len() + 4 * calls + unasked,
                "{} bytes of replies",
                out.len()
            );
        }
    }
}

/// What one says makes the other say something, perhaps, but not for ever: nothing answers an answer.
#[test]
fn class_02_two_endpoints_left_to_themselves_fall_silent() {
    let mut numbers = Numbers(7692);
    for _ in 0..500 {
        let mut ends = BOTH.map(|side| side.connection(Config::default()));
        let mut outs = [Vec::new(), Vec::new()];
        for _ in 0..numbers.below(8) {
            let end = numbers.below(2);
            let (ws, out) = (&mut ends[end], &mut outs[end]);
            // What cannot be said in this state is refused, and that is that.
            let _ = match numbers.below(6) {
                0 => ws.ping(b"ping", out),
                1 => ws.pong(b"pong", out),
                2 => ws.close(CloseCode::NORMAL, "bye", out),
                3 => ws.close_without_code(out),
                4 => {
                    out.extend((0..3).map(|_| numbers.next() as u8)); // nonsense
                    Ok(())
                }
                _ => ws.send("text", out),
            };
        }
        let mut rounds = 0;
        while outs.iter().any(|out| !out.is_empty()) {
            rounds += 1;
            assert!(rounds <= 4, "still talking: {outs:02x?}");
            let sent = outs.each_mut().map(std::mem::take);
            for (from, bytes) in sent.iter().enumerate() {
                let to = 1 - from;
                let run = Run::of(&mut ends[to], Mode::Messages, [&bytes[..]]);
                outs[to].extend(&run.out.0);
            }
        }
    }
}

/// A handshake reads everything until it has an answer, and afterwards nothing: a caller that calls it again is not sent round
/// in circles.
#[test]
fn class_02_a_handshake_reads_everything_or_has_an_answer() {
    let good = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let mut numbers = Numbers(9112);
    for round in 0..300 {
        let mut bytes = good.as_bytes().to_vec();
        if round > 0 {
            let at = numbers.below(bytes.len());
            bytes[at] = numbers.next() as u8;
        }
        bytes.extend(b"behind");
        for piece_len in [1, 5, 1000] {
            let (mut server, mut out) =
                (ServerHandshake::new(HeadLimits::default()), Outbox::new());
            let mut answered = false;
            for piece in bytes.clone().chunks_mut(piece_len) {
                let mut input = Input::new(piece);
                let before = input.len();
                match server.receive(&mut input, &mut out) {
                    Ok(None) if answered => {
                        assert_eq!(input.len(), before, "behind its answer it reads nothing")
                    }
                    Ok(None) => assert!(input.is_empty()),
                    Ok(Some(request)) => {
                        assert!(!answered && input.len() < before);
                        answered = true;
                        match server.accept(&request, &Acceptance::from_any_origin(), &mut out) {
                            Ok(_) | Err(ServerHandshakeError::Request(_)) => {}
                            Err(error) => panic!("{error}"),
                        }
                        let written = out.len();
                        assert!(
                            matches!(server.receive(&mut input, &mut out), Ok(None)) || written > 0
                        );
                    }
                    Err(_) => assert!(input.is_empty(), "what is no request is swallowed"),
                }
            }
        }
    }
}
