//! Classes 1, 3 and 4: lengths that overflow, lengths that are believed, and messages of very many pieces.

use hybi::handshake::{ClientRequest, HeadLimits};
use hybi::{
    ClientHandshake, Config, CutOff, Event, Input, Limits, Outbox, ProtocolError, ServerHandshake,
    Uri,
};

use crate::common::*;
use crate::counting::{LIVE, cost};

const I64_MAX: u64 = i64::MAX as u64;

/// Around every power of two from where frames leave the fast path, and where a length, or one with its header, could
/// change its sign, be cut off or wrap.
fn lengths() -> impl Iterator<Item = u64> {
    let powers = (16..64).map(|bit| 1u64 << bit);
    powers
        .flat_map(|power| [power - 15, power - 14, power - 1, power, power + 1])
        .chain([u64::MAX - 14, u64::MAX])
}

fn limited(frame: u64, message: u64) -> Config {
    Config::default().limits(Limits::default().frame_bytes_max(frame).message_bytes_max(message))
}

/// The sum of a message is that of arithmetic without bounds (here: in 128 bits), whatever has arrived before.
#[test]
fn class_01_no_length_and_no_sum_of_lengths_overflows() {
    for side in BOTH {
        for arrived in [0, 1, 13, 125] {
            let begun = side.incoming(0x02, &vec![7; arrived]);
            for len in lengths().filter(|&len| len > 65_535) {
                let next = side.incoming_part(0x80, len, b"abc");
                for frame_max in [65_535, (1 << 32) - 1, 1 << 32, I64_MAX, u64::MAX] {
                    for message_max in
                        [65_536, u64::from(u32::MAX), 1 << 32, I64_MAX, 1 << 63, u64::MAX]
                    {
                        let sum = arrived as u128 + u128::from(len);
                        let want = if len > I64_MAX {
                            Some(ProtocolError::LengthTopBit { len })
                        } else if len > frame_max {
                            Some(ProtocolError::FrameTooBig { len })
                        } else if sum > u128::from(message_max) {
                            Some(ProtocolError::MessageTooBig { len: u64::try_from(sum).unwrap() })
                        } else {
                            None
                        };
                        let mut ws = side.connection(limited(frame_max, message_max));
                        let mode = if len % 2 == 0 { Mode::Messages } else { Mode::Chunks };
                        let run = Run::of(&mut ws, mode, [&begun[..], &next]);
                        let context =
                            format!("{side:?}: {arrived} + {len}, {frame_max} and {message_max}");
                        assert_eq!(run.error, want, "{context}");
                        if want.is_none() {
                            // Only what has arrived is there, and more is waited for.
                            let received = arrived as u64 + 3;
                            assert_eq!(
                                ws.end_of_input(&mut Vec::new()),
                                Err(CutOff::InMessage { received }.into()),
                                "{context}"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// The verdict comes with the last byte of the header that decides, although the payload is at hand; what had been gathered of
/// the message is let go.
#[test]
fn class_03_a_limit_is_tested_before_anything_is_buffered() {
    for side in BOTH {
        for (config, begun, first, len) in [
            (limited(1000, u64::MAX), 0, 0x82, 1001),
            (limited(u64::MAX, 1000), 0, 0x82, 1001),
            (limited(u64::MAX, 100_000), 0, 0x02, 100_001),
            (limited(u64::MAX, 100_000), 60_000, 0x80, 40_001),
        ] {
            let live = LIVE.get();
            let mut ws = side.connection(config);
            let mut out = Outbox::with_capacity(100);
            if begun > 0 {
                let mut wire = side.incoming(0x02, &vec![7; begun]);
                assert_eq!(ws.receive(&mut Input::new(&mut wire), &mut out), Ok(None));
                assert!(LIVE.get() - live > begun as isize);
            }
            let mut wire = side.incoming(first, &vec![7; len]);
            let (cost, error) =
                cost(|| ws.receive(&mut Input::new(&mut wire), &mut out).unwrap_err());
            assert_eq!(error.close_code().number(), 1009);
            assert_eq!((cost.count, cost.total), (0, 0), "{side:?}, {len}");
            drop((out, wire));
            assert_eq!(LIVE.get(), live, "a connection that has failed holds nothing");
            drop(ws);
        }
    }
}

/// A head may announce a body of any length: nobody makes room for it. `announced_lengths_cost_nothing` is the same for frames.
#[test]
fn class_03_no_room_is_made_for_a_content_length() {
    const HUGE: &str = "Content-Length: 18446744073709551615\r\n";
    let uri = Uri::parse("ws://a/").unwrap();
    let mut sent = Outbox::new();
    let mut client =
        ClientHandshake::with_keys(&ClientRequest::new(&uri), [1; 16], || KEY, &mut sent).unwrap();
    let mut inbox = format!("HTTP/1.1 403 No\r\n{HUGE}\r\nabc").into_bytes();
    let (spent, refusal) = cost(|| {
        assert!(client.receive(&mut Input::new(&mut inbox)).unwrap().is_none());
        client.end_of_input().unwrap()
    });
    assert_eq!(refusal.body(), b"abc");
    assert!(spent.total <= 1024, "{spent:?}"); // the copy of the head, and what has come of the body

    let mut inbox = format!("POST / HTTP/1.1\r\nHost: a\r\n{HUGE}\r\nabc").into_bytes();
    let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let mut input = Input::new(&mut inbox);
    let (spent, request) = cost(|| server.receive(&mut input, &mut out).unwrap().unwrap());
    assert_eq!(request.method(), "POST");
    assert_eq!((spent.total, input.len()), (0, 3));
}

const MILLION: usize = 1_000_000;

/// A message of so many fragments, all with this payload.
fn fragmented(side: Side, first: u8, payload: &[u8], count: usize) -> Vec<u8> {
    let mut wire = side.incoming(first, payload);
    let fragment = side.incoming(0x00, payload);
    wire.reserve(count * fragment.len());
    for _ in 2..count {
        wire.extend_from_slice(&fragment);
    }
    wire.extend(side.incoming(0x80, payload));
    wire
}

/// Feeds such a message, and checks that it comes out and what that costs.
#[track_caller]
fn feed(side: Side, mode: Mode, first: u8, payload: &[u8], count: usize) {
    let limits = Limits::default().fragments_max(u32::MAX);
    let mut wire = fragmented(side, first, payload, count);
    let arrived = count * payload.len();
    let (mut ws, mut out) = (side.connection(Config::default().limits(limits)), Vec::new());
    let (mut calls, mut bytes, mut ended) = (0, 0, 0);
    let (cost, ()) = cost(|| {
        for piece in wire.chunks_mut(64 << 10) {
            let mut input = Input::new(piece);
            loop {
                calls += 1;
                match mode {
                    Mode::Messages => match ws.receive(&mut input, &mut out).unwrap() {
                        Some(Event::Text(text)) => (bytes, ended) = (text.len(), ended + 1),
                        Some(Event::Binary(data)) => (bytes, ended) = (data.len(), ended + 1),
                        Some(other) => panic!("{other:?}"),
                        None => break,
                    },
                    Mode::Chunks | Mode::Within(_) => {
                        let chunk = match mode {
                            Mode::Within(limit) => {
                                ws.receive_chunk_within(limit, &mut input, &mut out)
                            }
                            _ => ws.receive_chunk(&mut input, &mut out),
                        };
                        match chunk.unwrap() {
                            Some(hybi::connection::ChunkEvent::Chunk(chunk)) => {
                                bytes += chunk.data.as_bytes().len();
                                ended += usize::from(chunk.last);
                            }
                            Some(other) => panic!("{other:?}"),
                            None => break,
                        }
                    }
                }
            }
        }
    });
    let context = format!("{side:?}, {mode:?}, {first:#x}, {payload:?}: {cost:?}");
    assert_eq!((bytes, ended), (arrived, 1), "{context}");
    let pieces = wire.len().div_ceil(64 << 10);
    match mode {
        Mode::Messages => {
            assert_eq!(calls, pieces + 1, "{context}");
            // A buffer that doubles: its sizes add up to twice the last, and it moves once for each.
            assert!(cost.total <= 4 * arrived + 64, "quadratic: {context}");
            assert!(cost.count <= 2 * count.ilog2() as usize, "{context}");
            assert!(cost.peak <= 3 * arrived + 64, "{context}");
        }
        Mode::Chunks | Mode::Within(_) => {
            assert!(calls <= pieces + arrived + 1, "{context}");
            assert_eq!(cost.count, 0, "{context}");
        }
    }
    assert_eq!(cost.kept, 0, "{context}");
    assert!(out.is_empty());
}

#[test]
fn class_04_a_million_empty_fragments_cost_linear_work_and_bounded_memory() {
    feed(Side::Server, Mode::Messages, 0x01, b"", MILLION);
    feed(Side::Client, Mode::Messages, 0x02, b"", MILLION / 50);
    for side in BOTH {
        feed(side, Mode::Chunks, 0x02, b"", MILLION / 50);
        feed(side, Mode::Within(0), 0x02, b"", MILLION / 50);
    }
}

#[test]
fn class_04_a_million_fragments_of_a_byte_cost_linear_work_and_the_memory_of_their_bytes() {
    feed(Side::Server, Mode::Messages, 0x02, b"x", MILLION);
    feed(Side::Client, Mode::Messages, 0x01, b"x", MILLION / 50);
    for side in BOTH {
        feed(side, Mode::Chunks, 0x01, b"x", MILLION / 50);
    }
}

/// By default a message without bytes ends at a number of fragments; `a_million_fragments_are_stopped_by_their_number` has the
/// same for one with bytes. Control frames in between neither count nor reset the count.
#[test]
fn class_04_fragments_are_limited_by_number_and_their_bytes_by_sum() {
    for side in BOTH {
        let limits = Limits::default().fragments_max(5).message_bytes_max(8);
        let between = [side.incoming(0x89, b"1"), side.incoming(0x8a, b"2")].concat();
        for (payload, fragments, want) in [
            (&b""[..], 5, None),
            (b"", 6, Some(ProtocolError::TooManyFragments)),
            (b"ab", 4, None),
            (b"ab", 5, Some(ProtocolError::MessageTooBig { len: 10 })),
            (b"abc", 3, Some(ProtocolError::MessageTooBig { len: 9 })),
        ] {
            for _ in 0..2 {
                let mut wire = side.incoming(0x02, payload);
                for number in 2..=fragments {
                    wire.extend(&between);
                    wire.extend(side.incoming(if number == fragments { 0x80 } else { 0 }, payload));
                }
                // The next message counts for itself.
                let wire = if want.is_none() { wire.repeat(2) } else { wire };
                let config = Config::default().limits(limits);
                for mode in [Mode::Messages, Mode::Chunks] {
                    let run = run_every_way(side, config, mode, &wire, &[]);
                    assert_eq!(run.error, want, "{side:?}, {fragments} times {payload:?}");
                }
            }
        }
    }
}
