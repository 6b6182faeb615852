//! Messages that stay in the caller's buffer until they are whole (`Input::in_place_up_to`).
//!
//! That they are the same messages, however the input is cut, is checked wherever a test runs a stream every way.

use std::borrow::Cow;

use crate::common::*;
use hybi::connection::ChunkEvent;
use hybi::{Config, CutOff, Event, Input, Limits, ProtocolError};
use proptest::prelude::*;

const MAX: usize = 1 << 20;

/// One that is unmasked when it is whole, and one of which some is unmasked before.
const PAYLOADS: [&[u8]; 2] = [b"to and fro", &[0x5a; 40_001]];

/// A whole message is lent out of the buffer, at every length form and however it was cut.
#[test]
fn a_message_that_was_cut_is_lent_out() {
    for side in BOTH {
        for len in [1usize, 125, 126, 0xffff, 0x10000] {
            let payload = vec![7; len];
            let wire = side.incoming(0x82, &payload);
            let header_len = wire.len() - len;
            for cut in [header_len, header_len + 1, header_len + len / 2, wire.len() - 1] {
                let (mut ws, mut out, mut inbox) =
                    (side.connection(Config::default()), vec![], wire.clone());
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
    for payload in PAYLOADS {
        let wire = Side::Server.incoming(0x82, payload);
        let (mut ws, mut out) = (Side::Server.connection(Config::default()), vec![]);
        let len = wire.len() - 5;
        let mut inbox = wire[..len].to_vec();
        for _ in 0..3 {
            let mut input = Input::new(&mut inbox).in_place_up_to(MAX);
            assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
            assert_eq!(input.len(), len);
        }
        let mut elsewhere = [&inbox, &wire[len..]].concat();
        let mut input = Input::new(&mut elsewhere).in_place_up_to(MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(Some(binary(payload))));
    }
}

/// Less than there was: nothing comes of it until all is there again. Not a byte is taken for another.
#[test]
fn less_than_there_was_is_not_read() {
    for (payload, max) in PAYLOADS.into_iter().flat_map(|payload| [(payload, MAX), (payload, 0)]) {
        let mut inbox = Side::Server.incoming(0x82, payload);
        let (mut ws, mut out) = (Side::Server.connection(Config::default()), vec![]);
        let left = inbox.len() - 3;
        let mut input = Input::new(&mut inbox[..left]).in_place_up_to(MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
        for len in [0, 1, 9, left - 1] {
            let mut input = Input::new(&mut inbox[..len]).in_place_up_to(max);
            assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
            assert_eq!(input.len(), len);
            let mut input = Input::new(&mut inbox[..len]);
            assert_eq!(ws.receive_chunk(&mut input, &mut out), Ok(None));
            assert_eq!(input.len(), len);
        }
        let mut input = Input::new(&mut inbox).in_place_up_to(max);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(Some(binary(payload))));
    }
}

/// Every byte is handed out once, and unmasked once, if the setting is left out from some read on.
#[test]
fn the_caller_may_change_over() {
    for (side, payload) in BOTH.into_iter().flat_map(|side| PAYLOADS.map(|payload| (side, payload)))
    {
        let wire = side.incoming(0x82, payload);
        let header_len = wire.len() - payload.len();
        for (cut, next) in
            [(header_len, 0), (wire.len() - 5, 0), (wire.len() - 5, 2), (wire.len() - 5, 5)]
        {
            let begun = || {
                let (mut ws, mut inbox) = (side.connection(Config::default()), wire.clone());
                let mut input = Input::new(&mut inbox[..cut]).in_place_up_to(MAX);
                assert_eq!(ws.receive(&mut input, &mut vec![]), Ok(None));
                assert_eq!(input.len(), cut);
                (ws, inbox)
            };

            // To messages that are gathered.
            let (mut ws, mut inbox) = begun();
            let (front, back) = inbox.split_at_mut(cut + next);
            let mut events = vec![];
            for piece in [front, back] {
                let mut input = Input::new(piece);
                events.extend(ws.receive(&mut input, &mut vec![]).unwrap());
                assert!(input.is_empty());
            }
            assert_eq!(events, [binary(payload)], "{side:?}, cut at {cut} and {next} further on");

            // To chunks.
            let (mut ws, mut inbox) = begun();
            let (front, back) = inbox.split_at_mut(cut + next);
            let mut data = vec![];
            for piece in [front, back] {
                let chunk = ws.receive_chunk(&mut Input::new(piece), &mut vec![]).unwrap();
                if let Some(ChunkEvent::Chunk(chunk)) = chunk {
                    assert_eq!(
                        (chunk.first, chunk.last),
                        (
                            data.is_empty(),
                            data.len() + chunk.data.as_bytes().len() == payload.len()
                        )
                    );
                    data.extend_from_slice(chunk.data.as_bytes());
                }
            }
            assert_eq!(data, payload, "{side:?}, cut at {cut} and {next} further on");
        }
    }
}

/// Some of what has come is unmasked then, and some not.
#[test]
fn a_long_message_may_leave_its_place_at_any_piece() {
    for (side, piece_len) in BOTH.into_iter().flat_map(|side| [(side, 3000), (side, 16 << 10)]) {
        let wire = side.incoming(0x82, PAYLOADS[1]);
        for left_at in 0..=wire.len() / piece_len {
            let max = |i| if i < left_at { MAX } else { 0 };
            let pieces = wire.chunks(piece_len).enumerate().map(|(i, piece)| (piece, max(i)));
            let run = Run::in_place(&mut side.connection(Config::default()), pieces);
            assert_eq!(
                run.events(),
                [binary(PAYLOADS[1])],
                "{side:?}, {piece_len}, left at {left_at}"
            );
        }
    }
}

/// Fragments and frames that are too long for it are read as ever.
#[test]
fn only_messages_of_one_frame_that_fit_are_left() {
    for side in BOTH {
        let frame_len = side.incoming(0x82, b"to and fro").len();
        for (first, max, left) in [
            (0x82, frame_len, true),
            (0x82, frame_len - 1, false),
            (0x81, frame_len, true),
            (0x81, frame_len - 1, false),
            (0x01, MAX, false),
            (0x02, MAX, false),
        ] {
            let mut wire = side.incoming(first, b"to and fro");
            let (mut ws, mut out) = (side.connection(Config::default()), vec![]);
            let len = wire.len() - 1;
            let mut input = Input::new(&mut wire[..len]).in_place_up_to(max);
            assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
            assert_eq!(input.is_empty(), !left, "{side:?}, {first:#x} up to {max}");
        }
    }
}

/// Texts that show each way to deal with a text that a read has cut: ASCII, mixed from the start,
/// and ASCII that turns out to be mixed. Some are spoilt near their end, or at a cut.
fn texts() -> Vec<Vec<u8>> {
    let ascii = "to and fro; ".repeat(4000).into_bytes();
    let mixed =
        "to and fro, hin und zur\u{fc}ck, \u{10d8}\u{10e5}\u{10d8}-\u{10d0}\u{10e5}, \u{1f3d3}; "
            .repeat(900)
            .into_bytes();
    let turns = [&ascii[..20_000], &mixed].concat();
    let mut texts = vec![ascii[..300].to_vec()];
    for text in [ascii, mixed, turns] {
        for at in [1, 1000, 17_000, text.len() - 1] {
            let mut spoilt = text.clone();
            spoilt[at] = 0xff;
            texts.push(spoilt);
        }
        let mut cut_off = text.clone();
        cut_off.extend_from_slice(&"\u{1f3d3}".as_bytes()[..3]);
        texts.extend([text, cut_off]);
    }
    texts
}

/// RFC 6455 §8.1: text fails at the read that brings its first bad byte, in place as ever; and what
/// is good arrives, lent out or copied.
#[test]
fn text_in_place_has_the_verdict_of_text_that_is_copied_at_the_same_read() {
    for (side, text) in
        BOTH.into_iter().flat_map(|side| texts().into_iter().map(move |t| (side, t)))
    {
        let wire = [side.incoming(0x81, &text), side.incoming(0x82, b"behind it")].concat();
        for piece in [1 << 10, 3001, 4 << 10, 16 << 10, 17 << 10, 40_000] {
            let run = |max| {
                let mut ws = side.connection(Config::default());
                let (mut out, mut left, mut seen) = (vec![], vec![], vec![]);
                for news in wire.chunks(piece) {
                    left.extend_from_slice(news);
                    let mut input = Input::new(&mut left).in_place_up_to(max);
                    let mut events = vec![];
                    loop {
                        match ws.receive(&mut input, &mut out) {
                            Ok(None) => break,
                            Ok(Some(event)) => events.push(Ok(event.into_owned())),
                            Err(error) => {
                                events.push(Err(error));
                                break;
                            }
                        }
                    }
                    let rest = input.remaining().to_vec();
                    left = rest;
                    seen.push(events);
                }
                (seen, out)
            };
            let copied = run(0);
            assert_eq!(run(MAX), copied, "{side:?}, {} bytes in reads of {piece}", text.len());
            let is_good = str::from_utf8(&text).is_ok();
            let first = copied.0.iter().flatten().next().unwrap();
            match first {
                Ok(Event::Text(got)) => assert!(is_good && got.as_bytes() == text),
                other => assert_eq!((other, is_good), (&Err(ProtocolError::TextNotUtf8), false)),
            }
        }
    }
}

/// ASCII is lent out of the buffer however long it is, and other text if only a little of it came
/// before the rest.
#[test]
fn text_that_was_cut_is_lent_out_if_that_costs_least() {
    let ascii = "to and fro; ".repeat(4000);
    let mixed = "\u{10d8}\u{10e5}\u{10d8}-\u{10d0}\u{10e5}; ".repeat(2000);
    for (side, (text, cut, is_lent)) in BOTH.into_iter().flat_map(|side| {
        [(&ascii, 10, true), (&ascii, 40_000, true), (&mixed, 1001, true), (&mixed, 20_000, false)]
            .map(|case| (side, case))
    }) {
        let mut wire = side.incoming(0x81, text.as_bytes());
        let (mut ws, mut out) = (side.connection(Config::default()), vec![]);
        let mut input = Input::new(&mut wire[..cut]).in_place_up_to(MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
        let taken = cut - input.len();
        let mut input = Input::new(&mut wire[taken..]).in_place_up_to(MAX);
        match ws.receive(&mut input, &mut out) {
            Ok(Some(Event::Text(got))) => {
                assert_eq!(got, *text);
                assert_eq!(matches!(got, Cow::Borrowed(_)), is_lent, "{side:?}, cut at {cut}");
            }
            other => panic!("{side:?}, cut at {cut}: {other:?}"),
        }
    }
}

/// A bad header fails at once, a length over the limit, too.
#[test]
fn headers_are_judged_before_the_message_is_waited_for() {
    let limits = Limits::default().message_bytes_max(9);
    let cases = [
        (Config::default().limits(limits), ProtocolError::MessageTooBig { len: 10 }),
        (
            Config::default().limits(Limits::default().frame_bytes_max(9)),
            ProtocolError::FrameTooBig { len: 10 },
        ),
        (
            Config::default().limits(Limits::default().fragments_max(0)),
            ProtocolError::TooManyFragments,
        ),
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

/// RFC 6455 §7.1.5: a connection that ends in the message, or behind its header, was not closed cleanly.
#[test]
fn the_end_of_the_input_cuts_it_off() {
    for (side, received) in BOTH.into_iter().flat_map(|side| [(side, 0), (side, 6)]) {
        let mut wire = side.incoming(0x82, b"to and fro");
        let (mut ws, mut out) = (side.connection(Config::default()), vec![]);
        let len = wire.len() - 10 + received;
        let mut input = Input::new(&mut wire[..len]).in_place_up_to(MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
        assert_eq!(
            ws.end_of_input(&mut Vec::new()),
            Err(CutOff::InMessage { received: received as u64 }.into())
        );
    }
}

/// A caller that passes other bytes than those that were left gets no message of them, but an
/// answer.
#[test]
fn other_bytes_than_those_that_were_left_are_judged() {
    let cut = [0x81, 0x08, b'a'];
    for other in [
        &b"\x81\x7fa\xc3\xa9"[..], // a header of which half is missing
        b"\x81\x7e\xc3\xa9",
        b"\x89\x7e\x01\x00\xc3\xa9\xc3\xa9", // a ping that is too long
        b"\x89\x88\xc3\xa9\xc3\xa9",         // masked, and by a server
        b"\x80\x08\xc3\xa9\xc3\xa9",         // no message to continue
        b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff\xc3\xa9",
    ] {
        let (mut ws, mut out) = (Side::Client.connection(Config::default()), vec![]);
        let mut left = cut;
        let mut input = Input::new(&mut left).in_place_up_to(MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
        assert_eq!(input.len(), cut.len());

        let mut other = other.to_vec();
        let mut input = Input::new(&mut other).in_place_up_to(MAX);
        let received = ws.receive(&mut input, &mut out);
        assert!(matches!(received, Ok(None) | Err(_)), "{received:?}");
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
