//! Every rule about what a peer may send, as a table: fed whole, byte by byte and cut in two anywhere, in both
//! roles. Each row checks the events, the exact output, the byte at which the verdict falls, and that the
//! connection is dead afterwards.

use std::borrow::Cow;

use crate::common::*;
use hybi::connection::{ReadyState, Transport};
use hybi::frame::{OpCode, Reserved};
use hybi::{Config, Event, Input, Limits, ProtocolError};

/// The peer breaks a rule with the last byte of `wire`, not with an earlier one.
#[track_caller]
fn fails(side: Side, limits: Limits, wire: &[u8], want: ProtocolError, code: u16) {
    let config = Config::default().limits(limits);
    let context = format!("{side:?}, {want:?}: {}", Hex(wire));
    assert_eq!(
        fails_at(side, config, wire),
        Some(wire.len()),
        "not at the earliest byte: {context}"
    );

    // What came before is delivered first; what comes afterwards is swallowed.
    let before = [side.incoming(0x82, b"before"), side.incoming(0x89, b"?")].concat();
    let after = side.incoming(0x81, b"after");
    let wire = [before, wire.to_vec(), after].concat();
    let mut run = run_every_way(side, config, Mode::Messages, &wire, &[]);
    assert_eq!(run.events(), [binary(b"before"), ping(b"?")], "{context}");
    assert_eq!(run.error, Some(want), "{context}");
    let out = [side.outgoing(0x8a, b"?"), side.failure(code, want)].concat();
    assert_eq!(Hex(&run.out.0), Hex(&out), "{context}");

    let chunks = run_every_way(side, config, Mode::Chunks, &wire, &[]);
    assert_eq!((chunks.error, &chunks.out), (run.error, &run.out), "in chunks: {context}");

    let mut ws = side.connection(config);
    Run::of(&mut ws, Mode::Messages, [&wire[..]]);
    assert_eq!(ws.ready_state(), ReadyState::Closed, "{context}");
    assert_eq!(ws.transport(), Transport::Close, "RFC 6455 §7.1.7: {context}");
    ws.assert_refuses_to_send();
    run = Run::of(&mut ws, Mode::Messages, [&side.incoming(0x89, b"late")[..], &[0xff; 300]]);
    assert_eq!(run, Run::default(), "{context}");
    assert_eq!(ws.end_of_input(&mut Vec::new()), Ok(()), "{context}");
    ws.assert_refuses_to_send();
}

/// The peer keeps to the rules.
#[track_caller]
fn passes(side: Side, limits: Limits, wire: &[u8], want: &[Event<'_>], out: &[u8]) {
    let run = run_every_way(side, Config::default().limits(limits), Mode::Messages, wire, &[]);
    assert_eq!(run.error, None, "{side:?}: {}", Hex(wire));
    assert_eq!(run.events(), want, "{side:?}: {}", Hex(wire));
    assert_eq!(Hex(&run.out.0), Hex(out), "{side:?}: {}", Hex(wire));
}

fn default() -> Limits {
    Limits::default()
}

fn opcode(number: u8) -> OpCode {
    OpCode::new(number).unwrap()
}

#[test]
fn reserved_bits() {
    // RFC 6455 §5.2
    for side in BOTH {
        for bits in 1..8 {
            let want = ProtocolError::ReservedBits { bits: Reserved::new(bits).unwrap() };
            for first in [0x81, 0x01, 0x82, 0x02, 0x88, 0x89, 0x8a] {
                fails(side, default(), &[first | bits << 4], want, 1002);
            }
            // A continuation has bits of its own.
            let wire = [side.incoming(0x01, b"Hel"), vec![0x80 | bits << 4]].concat();
            fails(side, default(), &wire, want, 1002);
        }
    }
}

#[test]
fn reserved_opcodes() {
    // RFC 6455 §5.2
    for side in BOTH {
        for number in (3..8).chain(11..16) {
            let want = ProtocolError::ReservedOpCode { opcode: opcode(number) };
            for fin in [0x00, 0x80] {
                fails(side, default(), &[fin | number], want, 1002);
                let wire = [side.incoming(0x02, b""), vec![fin | number]].concat();
                fails(side, default(), &wire, want, 1002);
            }
        }
    }
}

#[test]
fn masking() {
    // RFC 6455 §5.1
    for first in [0x81, 0x01, 0x82, 0x88, 0x89, 0x8a] {
        for len in [0, 1, 125] {
            fails(Side::Server, default(), &[first, len], ProtocolError::Unmasked, 1002);
            fails(Side::Client, default(), &[first, 0x80 | len], ProtocolError::Masked, 1002);
        }
    }
    fails(Side::Server, default(), &[0x82, 127], ProtocolError::Unmasked, 1002);
    fails(Side::Client, default(), &[0x82, 0xff], ProtocolError::Masked, 1002);
    // A masking key of zeros is a masking key.
    passes(Side::Server, default(), b"\x81\x82\0\0\0\0hi", &[text("hi")], b"");
}

#[test]
fn lengths() {
    // RFC 6455 §5.2: 63 bits, in the shortest form
    for side in BOTH {
        let m = side.mask_bit();
        for len in [0u16, 1, 125] {
            let wire = [&[0x82, m | 126], &len.to_be_bytes()[..]].concat();
            fails(
                side,
                default(),
                &wire,
                ProtocolError::LengthNotShortest { len: len.into() },
                1002,
            );
        }
        for len in [0u64, 125, 126, 65_535] {
            let wire = [&[0x02, m | 127], &len.to_be_bytes()[..]].concat();
            fails(side, default(), &wire, ProtocolError::LengthNotShortest { len }, 1002);
        }
        for len in [1 << 63, (1 << 63) + 5, u64::MAX] {
            let wire = [&[0x81, m | 127], &len.to_be_bytes()[..]].concat();
            fails(side, default(), &wire, ProtocolError::LengthTopBit { len }, 1002);
        }
        let most = vec![b'x'; 65_536];
        for len in [125, 126, 127, 65_535, 65_536] {
            let run = run_every_way(
                side,
                Config::default(),
                Mode::Messages,
                &side.incoming(0x82, &most[..len]),
                &[2, 3, 5, 9, 13, 700],
            );
            assert_eq!(run.events(), [binary(&most[..len])]);
        }
    }
}

/// Frames that have arrived completely take a shorter way, on which the verdict must be the same.
#[test]
fn a_bad_header_fails_a_frame_that_is_all_there() {
    for side in BOTH {
        for first in [0x81, 0x82, 0x00, 0x80, 0x89, 0x8a] {
            let begun = if first & 0x0f == 0 { side.incoming(0x02, b"begun") } else { Vec::new() };
            let verdict = |frame: &[u8]| {
                let mut ws = side.connection(Config::default());
                let (mut wire, mut out) = ([&begun, frame].concat(), Vec::new());
                ws.receive(&mut Input::new(&mut wire), &mut out).map(drop)
            };
            let control = first & 0x08 != 0;
            for len in [0, 1, 124, 125] {
                let good = side.incoming(first, &vec![b'x'; len]);
                assert_eq!(verdict(&good), Ok(()), "{}", Hex(&good));

                let mut longer = good.clone();
                longer[1] = side.mask_bit() | 126;
                longer.splice(2..2, [0, len as u8]);
                let want = match control {
                    true => ProtocolError::ControlTooLong { opcode: opcode(first & 0x0f) },
                    false => ProtocolError::LengthNotShortest { len: len as u64 },
                };
                assert_eq!(verdict(&longer), Err(want), "{}", Hex(&longer));

                let mut other_mask = good.clone();
                other_mask[1] ^= 0x80;
                other_mask.extend([0; 4]);
                let want = if side == Side::Server {
                    ProtocolError::Unmasked
                } else {
                    ProtocolError::Masked
                };
                assert_eq!(verdict(&other_mask), Err(want), "{}", Hex(&other_mask));

                for bits in 1..8 {
                    let mut reserved = good.clone();
                    reserved[0] |= bits << 4;
                    let want = ProtocolError::ReservedBits { bits: Reserved::new(bits).unwrap() };
                    assert_eq!(verdict(&reserved), Err(want), "{}", Hex(&reserved));
                }
            }
        }
    }
}

/// The rest of a header is not the start of one, even if it looks like it.
#[test]
fn a_header_cut_after_its_first_byte_goes_on() {
    for (first, begun) in [(0x82, &b""[..]), (0x80, b"\x02\x80abcd")] {
        // Lengths that, with the mask bit, look like the first bytes of pings, pongs and continuations; keys that look like
        // the lengths behind them.
        for len in [0, 9, 10] {
            for key in 0..=9 {
                let (mut out, payload) = (Vec::new(), vec![0; len]);
                let mut ws = Side::Server.connection(Config::default());
                ws.receive(&mut Input::new(&mut begun.to_vec()), &mut out).unwrap();
                ws.receive(&mut Input::new(&mut [first]), &mut out).unwrap();
                let key = [0x80 | key, 0, 0, 0];
                let mut rest = [&[0x80 | len as u8][..], &key, &payload].concat();
                let event = ws.receive(&mut Input::new(&mut rest), &mut out);
                let want: Vec<u8> = key.into_iter().cycle().take(len).collect(); // for a payload of zeros
                assert_eq!(event, Ok(Some(binary(&want))), "{first:#x}, {len}, {key:x?}");
            }
        }
    }
}

#[test]
fn control_frames() {
    // RFC 6455 §5.5
    for side in BOTH {
        for number in [0x8, 0x9, 0xa] {
            for len in [126, 127] {
                let want = ProtocolError::ControlTooLong { opcode: opcode(number) };
                fails(side, default(), &[0x80 | number, side.mask_bit() | len], want, 1002);
            }
            fails(
                side,
                default(),
                &[number],
                ProtocolError::ControlFragmented { opcode: opcode(number) },
                1002,
            );
        }
        let longest = [0xa5; 125];
        passes(
            side,
            default(),
            &[
                side.incoming(0x89, &longest),
                side.incoming(0x8a, &longest),
                side.incoming(0x89, b""),
            ]
            .concat(),
            &[ping(&longest), pong(&longest), ping(b"")],
            &[side.outgoing(0x8a, &longest), side.outgoing(0x8a, b"")].concat(),
        );
        // Pings and pongs may carry anything, and limits on messages are not about them.
        let tight = default().frame_bytes_max(0).message_bytes_max(0).fragments_max(0);
        passes(
            side,
            tight,
            &side.incoming(0x89, b"\xff\xfe"),
            &[ping(b"\xff\xfe")],
            &side.outgoing(0x8a, b"\xff\xfe"),
        );
    }
}

#[test]
fn fragmentation() {
    // RFC 6455 §5.4
    for side in BOTH {
        for first in [0x00, 0x80] {
            fails(side, default(), &[first], ProtocolError::ContinuationOfNothing, 1002);
            let after_whole = [side.incoming(0x81, b"whole"), vec![first]].concat();
            let run = run_every_way(side, Config::default(), Mode::Messages, &after_whole, &[]);
            assert_eq!(run.events(), [text("whole")]);
            assert_eq!(run.error, Some(ProtocolError::ContinuationOfNothing));
        }
        for begun in [0x01, 0x02] {
            for new in [0x01, 0x81, 0x02, 0x82] {
                let wire = [side.incoming(begun, b"un"), vec![new]].concat();
                fails(side, default(), &wire, ProtocolError::MessageInsideMessage, 1002);
                let wire = [side.incoming(begun, b""), side.incoming(0, b"d"), vec![new]].concat();
                fails(side, default(), &wire, ProtocolError::MessageInsideMessage, 1002);
            }
        }
        // Control frames in between, also in the middle of a code point; empty fragments anywhere.
        passes(
            side,
            default(),
            &[
                side.incoming(0x01, b""),
                side.incoming(0x00, b"gr\xc3"),
                side.incoming(0x89, b"1"),
                side.incoming(0x8a, b"2"),
                side.incoming(0x00, b""),
                side.incoming(0x00, b"\xbcn"),
                side.incoming(0x80, b""),
                side.incoming(0x81, b""),
                side.incoming(0x82, b""),
            ]
            .concat(),
            &[ping(b"1"), pong(b"2"), text("grün"), text(""), binary(b"")],
            &side.outgoing(0x8a, b"1"),
        );
        // A binary message of bytes that are no text.
        passes(
            side,
            default(),
            &[side.incoming(0x02, b"\xff"), side.incoming(0x80, b"\xc3\x28")].concat(),
            &[binary(b"\xff\xc3\x28")],
            b"",
        );
    }
}

#[test]
fn close_frames() {
    // RFC 6455 §5.5.1, §7.4
    for side in BOTH {
        fails(side, default(), &side.incoming(0x88, &[3]), ProtocolError::CloseBodyTooShort, 1002);
        for number in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
            let wire = side.incoming(0x88, &close_body(number, ""));
            fails(side, default(), &wire, ProtocolError::CloseCode { number }, 1002);
        }
        for reason in [&b"\xff"[..], b"caf\xc3", b"\xed\xa0\x80", b"\xc0\xaf"] {
            let body = [&1000u16.to_be_bytes(), reason].concat();
            fails(
                side,
                default(),
                &side.incoming(0x88, &body),
                ProtocolError::CloseReasonNotUtf8,
                1007,
            );
        }
        let longest = "ß".repeat(61) + "x";
        assert_eq!(longest.len(), 123);
        for (body, want) in [
            (vec![], Event::Close(None)),
            (close_body(1000, ""), closed(1000, "")),
            (close_body(4999, &longest), closed(4999, &longest)),
        ] {
            // §5.5.1: the answer carries the same; §1.4: what comes after a Close is ignored, sense or nonsense.
            for after in
                [vec![], side.incoming(0x81, b"late"), side.incoming(0x89, b"late"), vec![0xff; 40]]
            {
                let wire = [side.incoming(0x88, &body), after].concat();
                passes(
                    side,
                    default(),
                    &wire,
                    std::slice::from_ref(&want),
                    &side.outgoing(0x88, &body),
                );
            }
            // §5.4, §5.5: legal in the middle of a fragmented message, which stays unfinished.
            let wire = [side.incoming(0x01, b"unfini"), side.incoming(0x88, &body)].concat();
            passes(
                side,
                default(),
                &wire,
                std::slice::from_ref(&want),
                &side.outgoing(0x88, &body),
            );
        }
    }
}

/// Texts that are none, up to the byte that makes them impossible (RFC 3629 §3, §4).
const NOT_TEXT: [&[u8]; 20] = [
    b"\x80",             // a continuation byte first
    b"a\xbf",            // the same behind text
    b"\xc0",             // overlong, whatever follows
    b"\xc1",             //
    b"\xc2\x00",         // no continuation
    b"\xc3\xa9\xff",     // behind a whole code point
    b"\xdf\xc0",         //
    b"\xe0\x9f",         // overlong in three bytes
    b"\xe2\x28",         //
    b"\xe2\x82\x41",     //
    b"\xed\xa0",         // a surrogate
    b"\xed\xbf",         //
    b"\xef\xbf\xc0",     //
    b"\xf0\x8f",         // overlong in four bytes
    b"\xf0\x90\x80\x7f", //
    b"\xf4\x90",         // beyond U+10FFFF
    b"\xf5",             //
    b"\xf8",             //
    b"\xfe",             //
    b"\xff",             //
];

#[test]
fn text_fails_at_the_first_impossible_byte() {
    // RFC 6455 §8.1
    let want = ProtocolError::TextNotUtf8;
    for side in BOTH {
        for bytes in NOT_TEXT {
            let n = bytes.len();
            // In a frame and a message of which more is still to come.
            fails(side, default(), &side.incoming_part(0x01, n as u64 + 10, bytes), want, 1007);
            fails(side, default(), &side.incoming_part(0x81, n as u64 + 200, bytes), want, 1007);
            // As the end of a frame, of a fragment, and of a message.
            fails(side, default(), &side.incoming(0x81, bytes), want, 1007);
            fails(side, default(), &side.incoming(0x01, bytes), want, 1007);
            let wire =
                [side.incoming(0x01, "fine: ß".as_bytes()), side.incoming(0x80, bytes)].concat();
            fails(side, default(), &wire, want, 1007);
            // With every byte in a fragment of its own, and a ping before each.
            let mut wire = side.incoming(0x01, b"");
            for (at, byte) in bytes.iter().enumerate() {
                let len = if at + 1 == n { 5 } else { 1 };
                wire.extend(side.incoming_part(0x00, len, &[*byte]));
            }
            fails(side, default(), &wire, want, 1007);
        }
    }
}

#[test]
fn a_code_point_that_the_message_cuts_in_two_is_no_text() {
    for side in BOTH {
        for bytes in [
            &b"\xc3"[..],
            b"ab\xe2\x82",
            b"\xf0\x9f\x98",
            "ß\u{1f600}\u{10ffff}".as_bytes().split_last().unwrap().1,
        ] {
            let want = ProtocolError::TextNotUtf8;
            fails(side, default(), &side.incoming(0x81, bytes), want, 1007);
            let wire = [side.incoming(0x01, b"x"), side.incoming(0x80, bytes)].concat();
            fails(side, default(), &wire, want, 1007);
            // The last frame is empty: its header decides.
            let wire = [side.incoming(0x01, bytes), side.incoming(0x80, b"")].concat();
            fails(side, default(), &wire, want, 1007);
        }
    }
}

#[test]
fn text_of_every_kind_passes() {
    for side in BOTH {
        let all = "\0\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fdd0}\u{feff}\u{fffe}\u{ffff}\u{10000}\u{10ffff}";
        for text_ in [all, "κόσμε", "\u{feff}byte order mark", "😀"] {
            passes(side, default(), &side.incoming(0x81, text_.as_bytes()), &[text(text_)], b"");
            let mut wire = side.incoming(0x01, b"");
            for byte in text_.as_bytes() {
                wire.extend(side.incoming(0x00, &[*byte]));
            }
            wire.extend(side.incoming(0x80, b""));
            passes(side, default(), &wire, &[text(text_)], b"");
        }
    }
}

#[test]
fn frame_limit() {
    for side in BOTH {
        for (max, len) in
            [(0, 1), (10, 11), (125, 126), (200, 201), (65_535, 65_536), (1 << 20, (1 << 20) + 1)]
        {
            let limits = default().frame_bytes_max(max).message_bytes_max(u64::MAX);
            for first in [0x01, 0x82] {
                let mut header = side.incoming_part(first, len, b"");
                if side == Side::Server {
                    header.truncate(header.len() - 4); // judged before the masking key is there
                }
                fails_in_header(side, limits, &header, ProtocolError::FrameTooBig { len });
            }
            let payload = vec![b'x'; usize::try_from(max).unwrap()];
            let wire = side.incoming(0x82, &payload);
            let run = run_every_way(
                side,
                Config::default().limits(limits),
                Mode::Messages,
                &wire,
                &[1, 7],
            );
            assert_eq!(run.events(), [binary(&payload)]);
        }
    }
}

/// Like [`fails`], where the limit is too low for the messages around.
#[track_caller]
fn fails_in_header(side: Side, limits: Limits, wire: &[u8], want: ProtocolError) {
    let config = Config::default().limits(limits);
    assert_eq!(fails_at(side, config, wire), Some(wire.len()), "{side:?}, {want:?}: {}", Hex(wire));
    let run = run_every_way(side, config, Mode::Messages, wire, &[]);
    assert_eq!(run.error, Some(want), "{side:?}");
    assert_eq!(run.out.0, side.failure(1009, want), "{side:?}");
    let chunks = run_every_way(side, config, Mode::Chunks, wire, &[]);
    assert_eq!((chunks.error, chunks.out), (run.error, run.out), "{side:?}, in chunks");
}

#[test]
fn message_limit() {
    for side in BOTH {
        let limits = default().message_bytes_max(10);
        let m = side.mask_bit();
        let too_big = |len| ProtocolError::MessageTooBig { len };
        fails(side, limits, &[0x81, m | 11], too_big(11), 1009);
        for first in [0x01, 0x02] {
            let begun = side.incoming(first, b"123456");
            fails(side, limits, &[&begun[..], &[0x00, m | 5]].concat(), too_big(11), 1009);
            fails(side, limits, &[&begun[..], &[0x80, m | 125]].concat(), too_big(131), 1009);
            let full =
                [begun.clone(), side.incoming(0x00, b"7890"), side.incoming(0x00, b"")].concat();
            fails(side, limits, &[&full[..], &[0x80, m | 1]].concat(), too_big(11), 1009);
        }
        // Exactly the limit; and each message counts for itself.
        let ten = [
            side.incoming(0x01, b"123456"),
            side.incoming(0x80, b"7890"),
            side.incoming(0x82, b"0123456789"),
        ];
        passes(
            side,
            limits,
            &[ten.concat(), ten.concat()].concat(),
            &[text("1234567890"), binary(b"0123456789"), text("1234567890"), binary(b"0123456789")],
            b"",
        );
        // The sum cannot wrap around.
        let unlimited = default().frame_bytes_max(u64::MAX).message_bytes_max((1 << 63) - 1);
        let len = (1 << 63) - 1;
        let wire = [side.incoming(0x02, b"x"), side.incoming_part(0x80, len, b"")].concat();
        let wire = &wire[..wire.len() - if side == Side::Server { 4 } else { 0 }];
        fails_in_header(side, unlimited, wire, too_big(1 << 63));
    }
}

#[test]
fn fragment_limit() {
    for side in BOTH {
        let limits = default().fragments_max(3);
        let three =
            [side.incoming(0x01, b"a"), side.incoming(0x00, b""), side.incoming(0x00, b"b")]
                .concat();
        for first in [0x00, 0x80] {
            fails(
                side,
                limits,
                &[&three[..], &[first]].concat(),
                ProtocolError::TooManyFragments,
                1009,
            );
        }
        // Control frames in between do not count, and every message begins anew.
        let legal = [
            side.incoming(0x01, b"a"),
            side.incoming(0x8a, b""),
            side.incoming(0x00, b""),
            side.incoming(0x8a, b""),
            side.incoming(0x80, b"b"),
        ]
        .concat();
        let events = [pong(b""), pong(b""), text("ab")];
        passes(side, limits, &[&legal[..], &legal].concat(), &[&events[..], &events].concat(), b"");
        // One frame is one, none is none.
        passes(side, default().fragments_max(1), &side.incoming(0x81, b"a"), &[text("a")], b"");
        fails_in_header(side, default().fragments_max(0), &[0x81], ProtocolError::TooManyFragments);
    }
}

#[test]
fn a_million_fragments_are_stopped_by_their_number() {
    for side in BOTH {
        for payload in [&b""[..], b"x"] {
            let mut wire = side.incoming(0x02, payload);
            for _ in 1..1_000_000 {
                wire.extend(side.incoming(0x00, payload));
            }
            let mut ws = side.connection(Config::default());
            let run = Run::of(&mut ws, Mode::Messages, wire.chunks(64 << 10));
            assert_eq!(run.error, Some(ProtocolError::TooManyFragments));
            assert_eq!(run.out.0, side.failure(1009, ProtocolError::TooManyFragments));
            // The default lets 131,072 pass, and they make one message.
            let frame_len = side.incoming(0x00, payload).len();
            wire.truncate(((1 << 17) - 1) * frame_len);
            wire.extend(side.incoming(0x80, payload));
            let run = Run::of(&mut side.connection(Config::default()), Mode::Messages, [&wire[..]]);
            assert_eq!(run.events(), [binary(&payload.repeat(1 << 17))]);
        }
    }
}

#[test]
fn a_message_that_arrived_whole_is_borrowed_from_the_input() {
    for side in BOTH {
        for first in [0x81, 0x82, 0x89, 0x8a] {
            let mut inbox = side.incoming(first, b"lent");
            let range = inbox.as_ptr_range();
            let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
            let event = ws.receive(&mut hybi::Input::new(&mut inbox), &mut out).unwrap().unwrap();
            let at = match event {
                Event::Text(Cow::Borrowed(text)) => text.as_ptr(),
                Event::Binary(Cow::Borrowed(data)) => data.as_ptr(),
                Event::Ping(Cow::Borrowed(data)) | Event::Pong(Cow::Borrowed(data)) => {
                    data.as_ptr()
                }
                other => panic!("not borrowed: {other:?}"),
            };
            assert!(range.contains(&at));
        }
    }
}

/// Many implementations write a header by itself. What then comes at once is not copied, though asked for in vain before.
#[test]
fn a_payload_that_comes_behind_its_header_is_lent_out() {
    for (side, first) in BOTH.into_iter().flat_map(|side| [(side, 0x81), (side, 0x82)]) {
        let mut wire = side.incoming(first, b"to and fro");
        let header_len = wire.len() - 10;
        let (header, payload) = wire.split_at_mut(header_len);
        let (mut ws, mut out) = (side.connection(Config::default()), vec![]);
        for nothing in [header, &mut []] {
            assert_eq!(ws.receive(&mut Input::new(nothing), &mut out), Ok(None));
        }
        let message = ws.receive(&mut Input::new(payload), &mut out);
        assert!(
            matches!(
                message,
                Ok(Some(
                    Event::Text(Cow::Borrowed("to and fro"))
                        | Event::Binary(Cow::Borrowed(b"to and fro"))
                ))
            ),
            "{side:?}, {first:#x}: {message:?}"
        );
    }
}

#[test]
fn an_event_can_be_answered_while_it_is_looked_at() {
    let mut inbox = Side::Server.incoming(0x81, b"echo");
    let (mut ws, mut out) = (Side::Server.connection(Config::default()), Vec::new());
    let event = ws.receive(&mut hybi::Input::new(&mut inbox), &mut out).unwrap().unwrap();
    let Event::Text(text) = &event else { panic!("{event:?}") };
    ws.send(&**text, &mut out).unwrap();
    assert_eq!(out, b"\x81\x04echo");
}

/// A program may log its connections: no word of a message or control frame in progress is in there.
#[test]
fn a_printed_connection_has_no_word_of_what_is_in_progress() {
    for side in BOTH {
        for (first, kind) in [(0x01, "text"), (0x02, "binary"), (0x89, "ping")] {
            let mut ws = side.connection(Config::default());
            let begun = side.incoming_part(first, 100, b"Sesame");
            let (front, back) = begun.split_at(begun.len() - 1);
            Run::of(&mut ws, Mode::Messages, [front, back]);
            let printed = format!("{ws:?}");
            let numbers = format!("{:?}", b"Sesame");
            for secret in ["Sesame", "Sesam", numbers.trim_matches(['[', ']']), "83, 101, 115"] {
                assert!(!printed.contains(secret), "{kind}: {printed}");
            }
        }
    }
}
