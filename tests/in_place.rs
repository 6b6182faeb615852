//! Binary messages that stay in the caller's buffer until they are whole (`Input::in_place_up_to`).
//!
//! That they are the same messages, however the input is cut, is checked wherever a test runs a stream every way.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use std::borrow::Cow;

use common::*;
use hybi::connection::{Chunk, ChunkData, ChunkEvent};
use hybi::{Config, CutOff, Event, Input, Limits, Violation};
use proptest::prelude::*;

const MAX: usize = 1 << 20;

/// A whole message is lent out of the buffer, at every length form and however it was cut.
#[test]
fn a_message_that_was_cut_is_lent_out() {
    for side in BOTH {
        for len in [1usize, 125, 126, 0xffff, 0x10000] {
            let payload = vec![7; len];
            let wire = side.incoming(0x82, &payload);
            let header_len = wire.len() - len;
            for cut in [header_len, header_len + 1, header_len + len / 2, wire.len() - 1] {
                let (mut ws, mut out, mut inbox) = (side.connection(Config::default()), vec![], wire.clone());
                if cut < wire.len() {
                    let mut input = Input::new(&mut inbox[..cut]).in_place_up_to(wire.len());
                    assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
                    assert_eq!(input.len(), cut, "all of it is left");
                }
                let buffer = inbox.as_ptr_range();
                let mut input = Input::new(&mut inbox).in_place_up_to(wire.len());
                match ws.receive(&mut input, &mut out) {
                    Ok(Some(Event::Binary(Cow::Borrowed(data)))) => {
                        assert_eq!(data, payload);
                        assert!(buffer.contains(&data.as_ptr()));
                    }
                    other => panic!("{side:?}, {len} bytes, cut at {cut}: {other:?}"),
                }
                assert!(input.is_empty());
            }
        }
    }
}

/// Nothing is unmasked twice, whether the caller comes back without news or has moved what is left.
#[test]
fn what_is_left_may_be_shown_again_and_moved() {
    let wire = Side::Server.incoming(0x82, b"to and fro");
    let (mut ws, mut out) = (Side::Server.connection(Config::default()), vec![]);
    let mut inbox = wire[..9].to_vec();
    for _ in 0..3 {
        let mut input = Input::new(&mut inbox).in_place_up_to(MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
        assert_eq!(input.len(), 9);
    }
    let mut elsewhere = [&inbox, &wire[9..]].concat();
    let mut input = Input::new(&mut elsewhere).in_place_up_to(MAX);
    assert_eq!(ws.receive(&mut input, &mut out), Ok(Some(binary(b"to and fro"))));
}

/// Less than there was: nothing comes of it until all is there again. Not a byte is taken for another.
#[test]
fn less_than_there_was_is_not_read() {
    for max in [MAX, 0] {
        let wire = Side::Server.incoming(0x82, b"to and fro");
        let (mut ws, mut out) = (Side::Server.connection(Config::default()), vec![]);
        let mut inbox = wire.clone();
        let mut input = Input::new(&mut inbox[..10]).in_place_up_to(MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
        for len in [0, 1, 9] {
            let mut input = Input::new(&mut inbox[..len]).in_place_up_to(max);
            assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
            assert_eq!(input.len(), len);
            let mut input = Input::new(&mut inbox[..len]);
            assert_eq!(ws.receive_chunk(&mut input, &mut out), Ok(None));
            assert_eq!(input.len(), len);
        }
        let mut input = Input::new(&mut inbox).in_place_up_to(max);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(Some(binary(b"to and fro"))));
    }
}

/// What has come of it is the first chunk, unmasked once.
#[test]
fn the_caller_may_change_over_to_chunks() {
    for side in BOTH {
        let wire = side.incoming(0x82, b"to and fro");
        let header_len = wire.len() - 10;
        let (mut ws, mut out, mut inbox) = (side.connection(Config::default()), vec![], wire.clone());
        let mut input = Input::new(&mut inbox[..header_len + 6]).in_place_up_to(MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
        let mut input = Input::new(&mut inbox);
        for (data, first, last) in [("to and", true, false), (" fro", false, true)] {
            let data = ChunkData::Binary(data.as_bytes().into());
            let chunk = ChunkEvent::Chunk(Chunk { data, first, last });
            assert_eq!(ws.receive_chunk(&mut input, &mut out), Ok(Some(chunk)));
        }
        // Of a header alone there is no chunk.
        let (mut ws, mut inbox) = (side.connection(Config::default()), wire.clone());
        let mut input = Input::new(&mut inbox[..header_len]).in_place_up_to(MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
        let data = ChunkData::Binary(b"to and fro".into());
        let chunk = ChunkEvent::Chunk(Chunk { data, first: true, last: true });
        assert_eq!(ws.receive_chunk(&mut Input::new(&mut inbox), &mut out), Ok(Some(chunk)));
    }
}

/// Texts, fragments and frames that are too long for it are read as ever.
#[test]
fn only_whole_binary_messages_that_fit_are_left() {
    for side in BOTH {
        let frame_len = side.incoming(0x82, b"to and fro").len();
        for (first, max, left) in
            [(0x82, frame_len, true), (0x82, frame_len - 1, false), (0x81, MAX, false), (0x02, MAX, false)]
        {
            let mut wire = side.incoming(first, b"to and fro");
            let (mut ws, mut out) = (side.connection(Config::default()), vec![]);
            let len = wire.len() - 1;
            let mut input = Input::new(&mut wire[..len]).in_place_up_to(max);
            assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
            assert_eq!(input.is_empty(), !left, "{side:?}, {first:#x} up to {max}");
        }
    }
}

/// A bad header fails at once, a length over the limit, too.
#[test]
fn headers_are_judged_before_the_message_is_waited_for() {
    let limits = Limits::default().message_bytes_max(9);
    let cases = [
        (Config::default().limits(limits), Violation::MessageTooBig { len: 10 }),
        (Config::default().limits(Limits::default().frame_bytes_max(9)), Violation::FrameTooBig { len: 10 }),
        (Config::default().limits(Limits::default().fragments_max(0)), Violation::TooManyFragments),
    ];
    for side in BOTH {
        for (config, violation) in cases {
            let mut wire = side.incoming(0x82, b"to and fro");
            let (mut ws, mut out) = (side.connection(config), vec![]);
            let len = wire.len() - 9;
            let mut input = Input::new(&mut wire[..len]).in_place_up_to(MAX);
            assert_eq!(ws.receive(&mut input, &mut out), Err(violation));
        }
        let (mut ws, mut out) = (side.connection(Config::default()), vec![]);
        let mut wire = side.peer().incoming(0x82, b"masked as it must not be");
        let mut input = Input::new(&mut wire[..16]).in_place_up_to(MAX);
        assert!(ws.receive(&mut input, &mut out).is_err());
    }
}

/// RFC 6455 §7.1.5: a connection that ends in the message was not closed cleanly.
#[test]
fn the_end_of_the_input_cuts_it_off() {
    for side in BOTH {
        let mut wire = side.incoming(0x82, b"to and fro");
        let (mut ws, mut out) = (side.connection(Config::default()), vec![]);
        let len = wire.len() - 4;
        let mut input = Input::new(&mut wire[..len]).in_place_up_to(MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
        assert_eq!(ws.end_of_input(), Err(CutOff::InMessage { received: 6 }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever changes the setting from one read to the next gets the same messages.
    #[test]
    fn the_setting_may_change_at_any_time(
        frames in proptest::collection::vec(
            (prop_oneof![Just(0x82u8), Just(0x81), Just(0x89), Just(0x02), Just(0x80)],
             proptest::collection::vec(0..128u8, 0..300)),
            0..8,
        ),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        maxima in proptest::collection::vec(
            prop_oneof![Just(0usize), Just(30), Just(200), Just(usize::MAX)], 13,
        ),
    ) {
        for side in BOTH {
            let legal = |first, payload: &[u8]| side.incoming(first, &payload[..payload.len().min(if first & 8 == 0 { 300 } else { 125 })]);
            let wire: Vec<u8> = frames.iter().flat_map(|(first, payload)| legal(*first, payload)).collect();
            let whole = Run::of(&mut side.connection(Config::default()), Mode::Messages, [&wire[..]]);
            let pieces = pieces(&wire, &cuts).into_iter().zip(maxima.iter().copied());
            // The rest is handed in without it, so that nothing stays behind.
            let pieces = pieces.chain([(&[][..], 0)]);
            prop_assert_eq!(Run::in_place(&mut side.connection(Config::default()), pieces), whole);
        }
    }
}
