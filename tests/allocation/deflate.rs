//! What permessage-deflate allocates, counted: what an idle connection keeps, and what a bomb can cost.

use crate::common::{BOTH, Side, Ws};
use crate::counting::{COUNT, LARGEST, LIVE, PEAK};
use hybi::connection::{ChunkEvent, Prepared};
use hybi::extension::Offers;
use hybi::extension::deflate::{self, Compression, DeflateConfig};
use hybi::{Config, Event, Input, Outbox, ProtocolError};

/// A connection whose peer has the same configuration.
fn connection(side: Side, config: &DeflateConfig) -> Ws {
    let offer = deflate::offer(config);
    let agreed = deflate::respond(config, Offers::new(offer.as_bytes()).flatten()).unwrap();
    side.connection(Config::default()).with_deflate(&agreed, config)
}

fn no_takeover() -> DeflateConfig {
    DeflateConfig::default().outgoing_context_takeover(false).incoming_context_takeover(false)
}

/// The bytes on the heap that are there behind `act` and were not before it, and the most in between.
fn bytes<T>(act: impl FnOnce() -> T) -> (usize, usize, T) {
    let live = LIVE.get();
    PEAK.set(live);
    let value = act();
    ((LIVE.get() - live).max(0) as usize, (PEAK.get() - live).max(0) as usize, value)
}

/// Two connections send each other a message, which is dropped.
fn converse(a: &mut Ws, b: &mut Ws, message: &str) {
    let mut out = Vec::new();
    a.send(message, &mut out).unwrap();
    assert_eq!(out[0] & 0x40, 0x40, "compressed");
    assert!(
        matches!(b.receive(&mut Input::new(&mut out), &mut Vec::new()), Ok(Some(Event::Text(got))) if got == message)
    );
}

/// The parts that hold what was negotiated: a box in each half of a connection, with a box for its direction in it. No
/// buffers and no window.
const BOXES_BYTES: usize = 640;

#[test]
fn an_idle_connection_without_takeover_holds_its_boxes_and_nothing_else() {
    let message = "no takeover, no memory. ".repeat(1000);
    let (created, _, mut pair) = bytes(|| BOTH.map(|side| connection(side, &no_takeover())));
    assert!(created <= 2 * BOXES_BYTES, "{created}");
    let [server, client] = &mut pair;
    for _ in 0..3 {
        let (kept, most, ()) = bytes(|| {
            converse(server, client, &message);
            converse(client, server, &message);
        });
        assert_eq!(kept, 0);
        assert!(most > 200_000, "{most}: it has worked");
    }
    // Between the parts of a message there is a compressor; behind the last there is none.
    let mut out = Vec::with_capacity(1 << 10);
    let (kept, ..) = bytes(|| server.send_part(&*message, &mut out).unwrap());
    assert!(kept > 100_000);
    let live = LIVE.get();
    server.send_last_part("", &mut out).unwrap();
    assert!(live - LIVE.get() == kept as isize);
}

#[test]
fn a_prepared_message_is_compressed_once_for_all_connections_without_takeover() {
    let message = "no takeover, no memory. ".repeat(1000);
    let prepared = Prepared::new(&message);
    let mut out = Outbox::with_capacity(2 * message.len());
    let mut send = |prepared: &Prepared, config: &DeflateConfig| {
        let mut ws = connection(Side::Server, config);
        out.clear();
        let count = COUNT.get();
        let (kept, most, sent) = bytes(|| ws.send_prepared(prepared, &mut out));
        assert_eq!((sent, out.front()[0]), (Ok(()), 0xc1), "compressed");
        (COUNT.get() - count, kept, most)
    };
    // The first makes it, of a compressor's memory, and keeps nothing but it.
    let (_, kept, most) = send(&prepared, &no_takeover());
    assert!(kept < 1000 && most > 200_000, "{kept}, {most}");
    // For the others, and for clones, it is there.
    for _ in 0..3 {
        assert_eq!(send(&prepared.clone(), &no_takeover()), (0, 0, 0));
    }
    // With takeover, each connection compresses for itself, and another window needs its own.
    let (_, _, most) = send(&prepared, &DeflateConfig::default());
    assert!(most > 200_000, "{most}");
    let (_, kept, most) = send(&prepared, &no_takeover().outgoing_window_bits(9));
    assert!(kept == 0 && most > 100_000, "{kept}, {most}");
}

/// A message of `len` zeros that `to` receives, as payload.
fn bomb(len: usize, config: &DeflateConfig) -> Vec<u8> {
    let mut ws = connection(Side::Server, &config.level(9));
    ws.set_compression(Compression::Always);
    let mut out = Vec::new();
    ws.send(&*vec![0u8; len], &mut out).unwrap();
    let (_, header) = hybi::frame::Header::decode(&out).unwrap();
    out.split_off(header)
}

/// Feeds frames to a connection that hands out chunks: how many bytes came, in how many chunks and allocations, and
/// the most bytes on the heap.
fn defuse(ws: &mut Ws, frames: impl Iterator<Item = Vec<u8>>) -> (usize, usize, usize, usize) {
    let (mut total, mut chunks, mut allocations, mut most) = (0, 0, 0, 0);
    let mut out = Vec::new();
    for mut frame in frames {
        let live = LIVE.get();
        PEAK.set(live);
        let count = COUNT.get();
        let mut input = Input::new(&mut frame);
        while let Some(event) = ws.receive_chunk(&mut input, &mut out).unwrap() {
            let ChunkEvent::Chunk(chunk) = event else { panic!("data") };
            total += chunk.data.as_bytes().len();
            chunks += 1;
        }
        allocations += COUNT.get() - count;
        most = most.max((PEAK.get() - live).max(0) as usize);
    }
    (total, chunks, allocations, most)
}

/// What a decompressor, the window that is kept for blocks after a final one, and one piece of 64 KiB need, while the piece
/// grows to its size.
const CHUNKS_BYTES_MAX: usize = 256 << 10;

#[test]
fn a_bomb_in_chunks_costs_bounded_memory_and_work_in_proportion_to_what_comes_out() {
    let unlimited = |config: DeflateConfig| config.inflated_bytes_max(u64::MAX);
    for config in [unlimited(DeflateConfig::default()), unlimited(no_takeover())] {
        for len in [1 << 20, 32 << 20] {
            let payload = bomb(len, &config);
            assert!(payload.len() * 900 < len, "a thousand-fold");
            for side in BOTH {
                // In one frame.
                let whole = side.incoming(0xc2, &payload);
                let mut ws = connection(side, &config);
                let (total, chunks, allocations, most) =
                    defuse(&mut ws, [whole.clone()].into_iter());
                assert_eq!(total, len);
                assert!(most <= CHUNKS_BYTES_MAX, "{most}");
                assert!(chunks <= len / (64 << 10) + 2, "{chunks} chunks");
                assert!(allocations <= 10 * chunks + 10, "{allocations} allocations");
                // Over fragments of one byte each.
                let fragments = payload.iter().enumerate().map(|(i, byte)| {
                    let first = if i == 0 { 0x42 } else { 0x00 };
                    let fin = if i + 1 == payload.len() { 0x80 } else { 0 };
                    side.incoming(first | fin, &[*byte])
                });
                let (total, _, allocations, most) =
                    defuse(&mut connection(side, &config), fragments);
                assert_eq!(total, len);
                assert!(most <= CHUNKS_BYTES_MAX, "{most}");
                assert!(allocations <= 10 * payload.len() + 10, "{allocations} allocations");
            }
        }
        // As thousands of tiny messages, with the window of those before if there is one.
        let tiny = bomb(10_000, &config);
        let side = Side::Client;
        let mut ws = connection(side, &config);
        let messages = std::iter::repeat_with(|| side.incoming(0xc2, &tiny)).take(5000);
        let (total, _, allocations, most) = defuse(&mut ws, messages);
        assert_eq!(total, 5000 * 10_000);
        assert!(most <= CHUNKS_BYTES_MAX, "{most}");
        assert!(allocations <= 10 * 5000 + 10, "{allocations}");
    }
}

#[test]
fn a_bomb_in_whole_messages_costs_what_the_limit_allows() {
    const LIMIT: usize = 1 << 20;
    for len in [2 << 20, 32 << 20] {
        let payload = bomb(len, &no_takeover());
        for side in BOTH {
            let config = no_takeover().inflated_bytes_max(LIMIT as u64);
            let mut ws = connection(side, &config);
            let (mut wire, mut out) = (side.incoming(0xc2, &payload), Vec::with_capacity(100));
            let (kept, most, error) =
                bytes(|| ws.receive(&mut Input::new(&mut wire), &mut out).unwrap_err());
            assert_eq!(error, ProtocolError::InflatedTooBig);
            // A message grows by doubling: what it has, and while it moves, twice that.
            assert!(most <= 3 * LIMIT + CHUNKS_BYTES_MAX, "{most}");
            assert_eq!(kept, 0, "a connection that has failed keeps nothing");
        }
    }
}

/// A compressed message of one stored block, without a compressor (RFC 1951 §3.2.4).
fn stored(len: usize) -> Vec<u8> {
    let len = len as u16;
    [&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), &vec![7; len.into()], &[0]].concat()
}

#[test]
fn a_message_without_memory_for_it_fails_the_connection_and_not_the_program() {
    let block = stored(60_000);
    let blocks = [block.split_last().unwrap().1.repeat(50), vec![0]].concat(); // 3,000,000 bytes
    for side in BOTH {
        for first in [0xc1, 0xc2] {
            let mut ws = connection(side, &DeflateConfig::default());
            let (mut wire, mut out) = (side.incoming(first, &blocks), Vec::with_capacity(100));
            LARGEST.set(2 << 20);
            let outcome = wire
                .chunks_mut(1 << 16)
                .find_map(|piece| ws.receive(&mut Input::new(piece), &mut out).err());
            LARGEST.set(usize::MAX);
            assert_eq!(outcome, Some(ProtocolError::InflatedTooBig));
            assert_eq!(out, side.failure(1009, ProtocolError::InflatedTooBig));
        }
    }
}

/// More than the backend's decompressor takes, and less than that with a window.
const DECOMPRESSOR_BYTES: usize = 48 << 10;

/// The bytes that a connection keeps for binary messages of these lengths, each received and dropped.
fn kept_after(ws: &mut Ws, side: Side, lens: impl Iterator<Item = usize>) -> usize {
    let mut kept = 0;
    for len in lens {
        let mut wire = side.incoming(0xc2, &stored(len));
        let (more, ..) = bytes(|| {
            let message = ws.receive(&mut Input::new(&mut wire), &mut Vec::new());
            assert!(matches!(message, Ok(Some(Event::Binary(data))) if data.len() == len));
        });
        kept += more;
    }
    kept
}

#[test]
fn the_window_that_is_kept_grows_with_the_messages_and_not_past_what_was_agreed() {
    for side in BOTH {
        for bits in 9..=15 {
            let window = (1usize << bits).max(4 << 10); // the least that is kept
            let config = DeflateConfig::default().incoming_window_bits(bits);
            let mut ws = connection(side, &config);
            let first = kept_after(&mut ws, side, [10].into_iter());
            assert!(first < DECOMPRESSOR_BYTES + (2 << 10), "{bits}: {first}");
            let allocations = COUNT.get();
            let grown = kept_after(&mut ws, side, (0..window).step_by(100).map(|_| 100));
            assert!(first + grown <= DECOMPRESSOR_BYTES + window, "{bits}: {first}, {grown}");
            assert!(first + grown > window, "{bits}: {first}, {grown}");
            // The wires, what `stored` makes, the messages and replies take a few each; so the rest is the window's.
            let growths = COUNT.get() - allocations;
            assert!(growths < 20 * window.div_ceil(100), "{bits}: {growths}");
            // Another connection, with long messages only, keeps as much.
            let mut other = connection(side, &config);
            let long = [60_000, 50_000].into_iter();
            assert_eq!(kept_after(&mut other, side, long), first + grown, "{bits}");
            assert_eq!(kept_after(&mut ws, side, [100, 60_000, 1].into_iter()), 0, "{bits}");
        }
    }
}

#[test]
fn a_decompressed_message_is_allocated_once_and_just_as_long_as_it_is() {
    // The memory of the window, 32 KiB and 64 bytes, ends between messages.
    let message = "once, and no longer than it is. ".repeat(27);
    for is_client in [false, true] {
        let mut pair = BOTH.map(|side| connection(side, &DeflateConfig::default()));
        pair.rotate_left(usize::from(is_client));
        let [ws, peer] = &mut pair;
        // A full window first: until then it grows, too.
        for _ in 0..40 {
            converse(peer, ws, &message);
        }
        for _ in 0..100 {
            let mut wire = Vec::new();
            peer.send(&*message, &mut wire).unwrap();
            let (mut input, mut out, count) = (Input::new(&mut wire), Vec::new(), COUNT.get());
            let (kept, most, event) = bytes(|| ws.receive(&mut input, &mut out));
            assert_eq!((COUNT.get() - count, kept, most), (1, message.len(), message.len()));
            assert!(matches!(event, Ok(Some(Event::Text(text))) if text == message));
        }
    }
}

#[test]
fn a_message_that_hardly_shrank_holds_no_more_memory_than_it_is_long() {
    for side in BOTH {
        let mut ws = connection(side, &DeflateConfig::default());
        kept_after(&mut ws, side, [60_000].into_iter()); // a full window
        // It arrives in one piece; room for more would double.
        for len in [100, 5_000, 16_000] {
            let (mut wire, mut out) = (side.incoming(0xc2, &stored(len)), Vec::new());
            let mut input = Input::new(&mut wire);
            let (kept, _, event) = bytes(|| ws.receive(&mut input, &mut out));
            assert!(matches!(event, Ok(Some(Event::Binary(data))) if data.len() == len));
            assert_eq!(kept, len);
        }
    }
}

#[test]
fn an_unfinished_bomb_is_dropped_with_its_connection_s_end() {
    let payload = bomb(1 << 20, &DeflateConfig::default());
    for side in BOTH {
        let (kept, _, ()) = bytes(|| {
            let mut ws = connection(side, &DeflateConfig::default());
            let mut wire = side.incoming(0x42, &payload[..payload.len() / 2]);
            assert_eq!(ws.receive(&mut Input::new(&mut wire), &mut Vec::new()), Ok(None));
            ws.end_of_input(&mut hybi::Outbox::new()).unwrap_err();
            let live = LIVE.get();
            drop(ws);
            assert_eq!(LIVE.get(), live, "nothing was left to drop");
        });
        assert_eq!(kept, 0);
    }
}

/// The table in `docs/compression.md`.
#[test]
#[ignore = "prints a table; run with --ignored --nocapture"]
fn what_each_setting_costs() {
    let text = "{\"id\":17,\"name\":\"alpha\",\"tags\":[\"x\",\"yz\"]}".repeat(2000);
    let measure = |config: &DeflateConfig| {
        let [mut server, mut client] = BOTH.map(|side| connection(side, config));
        let (mut out, mut replies) = (Vec::with_capacity(1 << 20), Vec::new());
        // In the midst of a message.
        let (sending, ..) = bytes(|| server.send_part(&*text, &mut out).unwrap());
        let (receiving, ..) = bytes(|| {
            let mut input = Input::new(&mut out);
            while client.receive_chunk(&mut input, &mut replies).unwrap().is_some() {}
        });
        out.clear();
        let before = LIVE.get();
        server.send_last_part("", &mut out).unwrap();
        let sender_idle = sending as isize + (LIVE.get() - before);
        let before = LIVE.get();
        let mut input = Input::new(&mut out);
        while client.receive_chunk(&mut input, &mut replies).unwrap().is_some() {}
        let receiver_idle = receiving as isize + (LIVE.get() - before);
        (sending, sender_idle, receiving, receiver_idle)
    };
    for takeover in [true, false] {
        println!("takeover: {takeover}");
        println!("receiving, window bits: in a message, idle");
        for bits in 9..=15 {
            let (.., busy, idle) = measure(
                &DeflateConfig::default()
                    .outgoing_window_bits(bits)
                    .incoming_window_bits(bits)
                    .outgoing_context_takeover(takeover)
                    .incoming_context_takeover(takeover),
            );
            println!("| {bits} | {busy} | {idle} |");
        }
        println!("sending, window bits: in a message at memory level 1..9; idle at 8");
        for bits in 9..=15 {
            print!("| {bits} |");
            let mut at_8 = 0;
            for level in 1..=9 {
                let config = DeflateConfig::default()
                    .outgoing_window_bits(bits)
                    .incoming_window_bits(bits)
                    .memory_level(level)
                    .outgoing_context_takeover(takeover)
                    .incoming_context_takeover(takeover);
                let (busy, idle, ..) = measure(&config);
                if level == 8 {
                    at_8 = idle;
                }
                print!(" {busy} |");
            }
            println!(" {at_8} |");
        }
    }
    let (boxes, ..) = bytes(|| connection(Side::Server, &DeflateConfig::default()));
    println!("boxes of a connection: {boxes}");
}
