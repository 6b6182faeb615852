//! The end of the input behind a violation that has been read and not reported: the violation counts.

use hybi::connection::{ChunkData, ChunkEvent, ReadyState, Transport};
use hybi::{Config, Connection, CutOff, EndOfInputError, Event, Input, Outbox, ProtocolError};

use crate::common::*;

/// RFC 6455 §8.1: "fail the WebSocket connection". So 1007, as if the input had gone on.
#[test]
fn the_end_of_the_input_does_not_hide_the_violation_before_it() {
    for mut ws in [
        Side::Client.connection(Config::default()),
        Side::Client.manual_connection(Config::default()),
    ] {
        let mut out = Outbox::new();
        let mut wire = *b"\x81\x05ab\xffcd";
        let mut input = Input::new(&mut wire);
        let Ok(Some(ChunkEvent::Chunk(chunk))) = ws.receive_chunk(&mut input, &mut out) else {
            panic!("the good part comes first");
        };
        assert_eq!(chunk.data, ChunkData::Text("ab".into()));
        assert_eq!(ws.ready_state(), ReadyState::Open);

        let violation = ProtocolError::TextNotUtf8;
        assert_eq!(ws.end_of_input(&mut out), Err(EndOfInputError::Protocol(violation)));
        assert_eq!(out, Side::Client.failure(1007, violation));
        assert_eq!((ws.ready_state(), ws.transport()), (ReadyState::Closed, Transport::Close));
        // It has been reported, so the end is expected now.
        assert_eq!(ws.end_of_input(&mut out), Ok(()));
        assert_eq!(out, Side::Client.failure(1007, violation), "and is said once");
    }
}

#[test]
fn a_reader_reports_it_and_its_writer_tells_the_peer() {
    let (mut reader, mut writer) = Connection::client_with_keys(Config::default(), || KEY).split();
    let mut wire = *b"\x81\x05ab\xffcd";
    assert!(reader.receive_chunk(&mut Input::new(&mut wire)).unwrap().is_some());
    let violation = ProtocolError::TextNotUtf8;
    assert_eq!(reader.end_of_input(), Err(EndOfInputError::Protocol(violation)));
    let mut out = Outbox::new();
    writer.reply(&violation.reply(), &mut out);
    assert_eq!(out, Side::Client.failure(1007, violation));
    assert_eq!(reader.end_of_input(), Ok(()));
}

/// After each event of each stream: if all input has been read, its end says what the next calls would have said.
#[test]
fn the_end_says_what_is_in_hand_after_any_event() {
    let bad_tails: [&[u8]; 4] = [b"", b"\xff", b"\xe2\x28\xa1", b"\xf0\x9f"];
    let mut hidden = 0;
    for side in BOTH {
        let mut streams = Vec::new();
        for tail in bad_tails {
            for first in [0x81, 0x01] {
                let text = [b"good", tail].concat();
                for before in [vec![], side.incoming(0x89, b"?"), side.incoming(0x82, b"x")] {
                    streams.push([before, side.incoming(first, &text)].concat());
                }
                // The code point begins in the frame before.
                streams.push(
                    [
                        side.incoming(0x01, b"good\xe2"),
                        side.incoming(0x8a, b"!"),
                        side.incoming(0x80, &[b"\x82\xac", tail].concat()),
                    ]
                    .concat(),
                );
            }
        }
        for broken in
            [&[0xff][..], &[0x0f], &[0x83], &[0x80], &[0x09], &[0x89, 0xff], &[0x88, 0x7f]]
        {
            streams.push([&side.incoming(0x82, b"good"), broken].concat());
            streams.push([&side.incoming(0x01, b"good"), broken].concat());
        }
        for body in [&b"\x03"[..], &[0, 0], &[3, 0xed], &[3, 0xe8, 0xff]] {
            streams.push([side.incoming(0x81, b"good"), side.incoming(0x88, body)].concat());
        }
        for wire in streams {
            for mode in [Mode::Messages, Mode::Chunks] {
                let full = Run::of(&mut side.connection(Config::default()), mode, [&wire[..]]);
                for manual in [false, true] {
                    hidden += usize::from(ends_at_each_event(side, manual, mode, &wire, &full));
                }
            }
        }
    }
    assert!(hidden > 20, "{hidden} ends came behind a violation that was in hand");
}

/// Calls `end_of_input` after each event that leaves no input. Returns whether a violation was in hand then.
fn ends_at_each_event(side: Side, manual: bool, mode: Mode, wire: &[u8], full: &Run) -> bool {
    let mut was_in_hand = false;
    for events in 1.. {
        let mut ws = match manual {
            true => side.manual_connection(Config::default()),
            false => side.connection(Config::default()),
        };
        let (mut inbox, mut out) = (wire.to_vec(), Outbox::new());
        let mut input = Input::new(&mut inbox);
        for _ in 0..events {
            let more = match mode {
                Mode::Messages => ws.receive(&mut input, &mut out).map(|event| event.is_some()),
                _ => ws.receive_chunk(&mut input, &mut out).map(|event| event.is_some()),
            };
            if more != Ok(true) {
                return was_in_hand;
            }
        }
        if !input.is_empty() {
            continue; // what follows has not been read
        }
        let ended = ws.end_of_input(&mut out);
        let context = format!("{side:?}, {mode:?}, after {events} events of {}", Hex(wire));
        match full.error {
            Some(violation) => {
                was_in_hand = true;
                assert_eq!(ended, Err(EndOfInputError::Protocol(violation)), "{context}");
                let close = side.failure(violation.close_code().number(), violation);
                assert!(out.front().ends_with(&close), "{context}");
            }
            None if full.items.iter().any(|item| matches!(item, Item::Event(Event::Close(_)))) => {
                assert_eq!(ended, Ok(()), "{context}");
            }
            None => assert!(matches!(ended, Err(EndOfInputError::CutOff(_))), "{context}"),
        }
    }
    was_in_hand
}

/// A header that ends in its middle breaks no rule: the missing bytes could have been right.
#[test]
fn half_a_header_that_may_go_on_is_a_cut_off() {
    for side in BOTH {
        let mask_bit = side.mask_bit();
        for header in [&[0x82][..], &[0x82, mask_bit | 126], &[0x82, mask_bit | 126, 0]] {
            let (mut ws, mut out) = (side.connection(Config::default()), Outbox::new());
            Run::of(&mut ws, Mode::Chunks, [header]);
            let cut_off = Err(EndOfInputError::CutOff(CutOff::InHeader));
            assert_eq!(ws.end_of_input(&mut out), cut_off);
            assert!(out.is_empty(), "RFC 6455 §7.1.5: there is nothing to answer");
        }
    }
}
