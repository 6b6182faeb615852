//! Receiving in chunks: what they add up to, where they may be cut, and how that goes together with whole messages.

use crate::common::*;
use hybi::connection::{Chunk, ChunkData, ChunkEvent};
use hybi::{Config, Event, Input, Limits, ProtocolError};

/// A chunk as it came: its bytes, `first` and `last`.
type Raw = (Vec<u8>, bool, bool);

/// Every chunk of these pieces.
fn raw(ws: &mut Ws, pieces: &[&[u8]]) -> (Vec<Raw>, Option<ProtocolError>) {
    let (mut chunks, mut out, mut error) = (Vec::new(), Vec::new(), None);
    for piece in pieces {
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        loop {
            match ws.receive_chunk(&mut input, &mut out) {
                Ok(Some(ChunkEvent::Chunk(Chunk { data, first, last }))) => {
                    let bytes = match data {
                        ChunkData::Text(text) => text.into_owned().into_bytes(),
                        ChunkData::Binary(bytes) => bytes.into_owned(),
                    };
                    chunks.push((bytes, first, last));
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(violation) => error = Some(violation),
            }
        }
    }
    (chunks, error)
}

const MIXED: &str = "aß€😀 κόσμε \u{10ffff}z";

#[test]
fn text_chunks_are_whole_code_points_at_any_split() {
    for side in BOTH {
        // One frame, and fragments that cut every code point at every byte.
        let mut fragments = side.incoming(0x01, b"");
        for byte in MIXED.as_bytes() {
            fragments.extend(side.incoming(0x00, &[*byte]));
        }
        fragments.extend(side.incoming(0x80, b""));
        for wire in [side.incoming(0x81, MIXED.as_bytes()), fragments] {
            for len in 1..=wire.len() {
                let pieces: Vec<&[u8]> = wire.chunks(len).collect();
                // `ChunkData::Text` holds a `str`, so each chunk is whole by its type; that none is lost is left.
                let (chunks, error) = raw(&mut side.connection(Config::default()), &pieces);
                assert_eq!(error, None);
                let bytes: Vec<u8> = chunks.iter().flat_map(|(bytes, ..)| bytes.clone()).collect();
                assert_eq!(str::from_utf8(&bytes), Ok(MIXED), "pieces of {len}");
                let last = chunks.len() - 1;
                for (at, (bytes, is_first, is_last)) in chunks.iter().enumerate() {
                    assert_eq!(
                        (*is_first, *is_last),
                        (at == 0, at == last),
                        "chunk {at} of {last}"
                    );
                    assert!(!bytes.is_empty() || *is_last);
                }
            }
        }
    }
}

#[test]
fn chunks_arrive_with_the_bytes_and_are_borrowed() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        let mut inbox = side.incoming_part(0x02, 1 << 20, b"some");
        let range = inbox.as_ptr_range();
        match ws.receive_chunk(&mut Input::new(&mut inbox), &mut out).unwrap() {
            Some(ChunkEvent::Chunk(Chunk {
                data: ChunkData::Binary(std::borrow::Cow::Borrowed(data)),
                first: true,
                last: false,
            })) => assert!(range.contains(&data.as_ptr()) && data == b"some"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn empty_messages_are_one_empty_chunk() {
    for side in BOTH {
        for (first, is_text) in [(0x01, true), (0x02, false)] {
            let empty =
                |first, last| Item::Chunks { text: is_text, data: HexVec::default(), first, last };
            let whole = side.incoming(0x80 | first, b"");
            let run = run_every_way(side, Config::default(), Mode::Chunks, &whole, &[]);
            assert_eq!(run.items, [empty(true, true)]);
            let fragments =
                [side.incoming(first, b""), side.incoming(0, b""), side.incoming(0x80, b"")]
                    .concat();
            let run = run_every_way(side, Config::default(), Mode::Chunks, &fragments, &[]);
            assert_eq!(run.items, [empty(true, true)]);
        }
    }
}

#[test]
fn control_frames_come_between_chunks() {
    let some = |text, data: &[u8], first, last| Item::Chunks {
        text,
        data: HexVec(data.to_vec()),
        first,
        last,
    };
    for side in BOTH {
        let wire = [
            side.incoming(0x01, b"Hel\xe2\x82"),
            side.incoming(0x89, b"?"),
            side.incoming(0x00, b"\xaclo"),
            side.incoming(0x8a, b"!"),
            side.incoming(0x80, b""),
            side.incoming(0x82, b"\xff"),
            side.incoming(0x88, &close_body(1001, "bye")),
        ]
        .concat();
        let run = run_every_way(side, Config::default(), Mode::Chunks, &wire, &[]);
        assert_eq!(
            run.items,
            [
                some(true, b"Hel", true, false),
                Item::Event(ping(b"?")),
                some(true, "€lo".as_bytes(), false, false),
                Item::Event(pong(b"!")),
                some(true, b"", false, true),
                some(false, b"\xff", true, true),
                Item::Event(closed(1001, "bye")),
            ]
        );
        let out = [side.outgoing(0x8a, b"?"), side.close_frame(1001, "bye")].concat();
        assert_eq!(Hex(&run.out.0), Hex(&out));
    }
}

#[test]
fn the_good_part_of_a_text_comes_before_the_violation() {
    for side in BOTH {
        for (payload, good) in [
            (&b"good\xff"[..], "good"),
            (b"good\xe2\x28", "good"),
            (b"\xff", ""),
            ("ß\u{20ac}".as_bytes().split_last().unwrap().1, "ß"), // cut in two by the end of the message
        ] {
            let wire = side.incoming(0x81, payload);
            let run = run_every_way(side, Config::default(), Mode::Chunks, &wire, &[]);
            let data = HexVec(good.into());
            let want = Item::Chunks { text: true, data, first: true, last: false };
            assert_eq!(run.items, if good.is_empty() { vec![] } else { vec![want] });
            assert_eq!(run.error, Some(ProtocolError::TextNotUtf8));
            assert_eq!(run.out.0, side.failure(1007, ProtocolError::TextNotUtf8));
        }
    }
}

#[test]
fn a_violation_behind_a_good_chunk_needs_no_further_input() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        let mut inbox = side.incoming(0x81, b"good\xff");
        let mut input = Input::new(&mut inbox);
        assert!(matches!(ws.receive_chunk(&mut input, &mut out), Ok(Some(ChunkEvent::Chunk(_)))));
        assert!(out.is_empty());
        // Whichever way it is asked.
        assert_eq!(ws.receive(&mut Input::default(), &mut out), Err(ProtocolError::TextNotUtf8));
        assert_eq!(out, side.failure(1007, ProtocolError::TextNotUtf8));
    }
}

#[test]
fn a_message_without_end_costs_nothing_and_needs_no_limit() {
    let limits = Limits::default().message_bytes_max(u64::MAX).frame_bytes_max(u64::MAX);
    for side in BOTH {
        let mut ws = side.connection(Config::default().limits(limits));
        let mut run = Run::default();
        run.feed(&mut ws, Mode::Chunks, &side.incoming_part(0x82, (1 << 63) - 1, b"endless"));
        run.feed(&mut ws, Mode::Chunks, b"");
        assert_eq!(run.items.len(), 1);
        // The default limit is about messages in chunks, too.
        let mut run = Run::default();
        let wire = side.incoming_part(0x82, (16 << 20) + 1, b"");
        run.feed(&mut side.connection(Config::default()), Mode::Chunks, &wire);
        assert_eq!(run.error, Some(ProtocolError::FrameTooBig { len: (16 << 20) + 1 }));
    }
}

/// Feeds the pieces, changing between whole messages and chunks as the bits of `plan` say; joins what came out.
fn switching(
    side: Side,
    pieces: &[&[u8]],
    plan: u32,
) -> (Vec<(bool, Vec<u8>)>, Vec<Event<'static>>) {
    let mut ws = side.connection(Config::default());
    let (mut messages, mut controls, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let mut current: Option<(bool, Vec<u8>)> = None;
    let mut finished =
        |current: &mut Option<(bool, Vec<u8>)>, text: bool, rest: &[u8], last: bool| {
            let message = current.get_or_insert_with(|| (text, Vec::new()));
            assert_eq!(message.0, text);
            message.1.extend(rest);
            if last {
                messages.extend(current.take());
            }
        };
    for (at, piece) in pieces.iter().enumerate() {
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        if plan >> (at % 32) & 1 == 0 {
            while let Some(event) = ws.receive(&mut input, &mut out).unwrap() {
                match event {
                    Event::Text(text) => finished(&mut current, true, text.as_bytes(), true),
                    Event::Binary(data) => finished(&mut current, false, &data, true),
                    other => controls.push(other.into_owned()),
                }
            }
        } else {
            while let Some(event) = ws.receive_chunk(&mut input, &mut out).unwrap() {
                match event {
                    ChunkEvent::Chunk(Chunk { data, first, last }) => {
                        assert_eq!(first, current.is_none(), "the flag `first` of {data:?}");
                        assert!(
                            last || !data.as_bytes().is_empty(),
                            "an empty chunk that says nothing"
                        );
                        match data {
                            ChunkData::Text(text) => {
                                finished(&mut current, true, text.as_bytes(), last)
                            }
                            ChunkData::Binary(data) => finished(&mut current, false, &data, last),
                        }
                    }
                    ChunkEvent::Control(event) => controls.push(event.into_owned()),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert_eq!(current, None);
    (messages, controls)
}

#[test]
fn changing_over_in_the_middle_of_a_message_loses_and_repeats_nothing() {
    for side in BOTH {
        let wire = [
            side.incoming(0x01, "grü".as_bytes()),
            side.incoming(0x00, b"\xc3"),
            side.incoming(0x89, b"?"),
            side.incoming(0x00, b"\x9fe"),
            side.incoming(0x80, b""),
            side.incoming(0x82, b"\x00\xff\x00"),
            side.incoming(0x81, b""),
            side.incoming(0x02, b""),
            side.incoming(0x80, b"end"),
        ]
        .concat();
        for len in [1, 2, 3, 5, 8, 13] {
            let pieces: Vec<&[u8]> = wire.chunks(len).collect();
            let plans = (0..32)
                .map(|at| 1 << at)
                .chain((0..32).map(|at| u32::MAX << at))
                .chain((0..32).map(|at| !(u32::MAX << at)))
                .chain([
                    0,
                    u32::MAX,
                    0x5555_5555,
                    0xaaaa_aaaa,
                    0x3333_3333,
                    0x0f0f_f0f0,
                    0x1357_9bdf,
                ]);
            for plan in plans {
                let (messages, controls) = switching(side, &pieces, plan);
                let want = [
                    (true, "grüße".as_bytes().to_vec()),
                    (false, b"\x00\xff\x00".to_vec()),
                    (true, b"".to_vec()),
                    (false, b"end".to_vec()),
                ];
                assert_eq!(messages, want, "{side:?}, pieces of {len}, plan {plan:#x}");
                assert_eq!(controls, [ping(b"?")]);
            }
        }
    }
}

/// Receives the wire in pieces of `len`, with a limit of its own for each message: what the chunks
/// add up to, and the violation.
fn receive_within(
    ws: &mut Ws,
    limit: u64,
    wire: &[u8],
    len: usize,
) -> (usize, Option<ProtocolError>, Vec<u8>) {
    let (mut total, mut out) = (0, Vec::new());
    for piece in wire.chunks(len) {
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        loop {
            match ws.receive_chunk_within(limit, &mut input, &mut out) {
                Ok(Some(ChunkEvent::Chunk(chunk))) => total += chunk.data.as_bytes().len(),
                Ok(Some(other)) => panic!("{other:?}"),
                Ok(None) => break,
                Err(violation) => return (total, Some(violation), out),
            }
        }
    }
    (total, None, out)
}

#[test]
fn a_message_in_chunks_can_have_a_limit_of_its_own() {
    let limits = Limits::default().frame_bytes_max(4).message_bytes_max(5);
    for side in BOTH {
        let one_frame = side.incoming(0x82, &[7; 12]);
        let fragments = [
            side.incoming(0x02, &[7; 6]),
            side.incoming(0x00, &[7; 5]),
            side.incoming(0x80, &[7; 1]),
        ]
        .concat();
        for wire in [one_frame, fragments] {
            for len in 1..=wire.len() {
                let fresh = || side.connection(Config::default().limits(limits));
                let exact = receive_within(&mut fresh(), 12, &wire, len);
                assert_eq!(exact, (12, None, vec![]), "{side:?}, pieces of {len}");
                // One less: the header tells, before any of its payload.
                let (_, error, out) = receive_within(&mut fresh(), 11, &wire, len);
                let violation = ProtocolError::MessageTooBig { len: 12 };
                assert_eq!(error, Some(violation));
                assert_eq!(out, side.failure(1009, violation));
            }
        }
        // It may be lower, too, and the next message is whole and has the usual one.
        let mut ws = side.connection(Config::default().limits(limits));
        let (total, error, _) = receive_within(&mut ws, 3, &side.incoming(0x82, &[7; 3]), 99);
        assert_eq!((total, error), (3, None));
        let mut inbox = side.incoming(0x82, &[7; 5]);
        let error = ws.receive(&mut Input::new(&mut inbox), &mut Vec::new());
        assert_eq!(error, Err(ProtocolError::FrameTooBig { len: 5 }));
    }
}

#[test]
fn whole_messages_keep_their_limit_after_a_long_one_has_begun_in_chunks() {
    let limits = Limits::default().message_bytes_max(10);
    for side in BOTH {
        for (header, rest) in [
            (side.incoming_part(0x82, 11, b"some"), &b"more"[..]), // in a frame
            (side.incoming(0x02, &[7; 11]), b""),                  // between two
            ([side.incoming(0x02, &[7; 11]), side.incoming_part(0x89, 9, b"x")].concat(), b"y"),
        ] {
            let mut ws = side.connection(Config::default().limits(limits));
            let (_, error, _) = receive_within(&mut ws, 100, &header, 99);
            assert_eq!(error, None);
            let (mut inbox, mut out) = (rest.to_vec(), Vec::new());
            let received = ws.receive(&mut Input::new(&mut inbox), &mut out);
            let violation = ProtocolError::MessageTooBig { len: 11 };
            assert_eq!(received, Err(violation));
            assert_eq!(out, side.failure(1009, violation));
        }
        // One that is short enough is returned from where the chunks have left it.
        let mut ws = side.connection(Config::default().limits(limits));
        let mut wire = side.incoming(0x82, b"0123456789");
        let rest = wire.split_off(wire.len() - 4);
        assert_eq!(receive_within(&mut ws, 100, &wire, 99).0, 6);
        let (mut inbox, mut out) = (rest, Vec::new());
        let event = ws.receive(&mut Input::new(&mut inbox), &mut out).unwrap();
        assert_eq!(event, Some(Event::Binary(b"6789"[..].into())));
    }
}

#[test]
fn how_much_of_a_message_is_left_is_known_in_its_last_frame() {
    for side in BOTH {
        let mut ws = side.connection(Config::default());
        let mut left = |wire: &[u8]| {
            receive_within(&mut ws, u64::MAX, wire, 1);
            ws.message_bytes_left()
        };
        assert_eq!(left(b""), None); // no message
        let wire = side.incoming(0x02, b"one");
        let (front, back) = wire.split_at(wire.len() - 1);
        assert_eq!(left(front), None); // more may follow
        assert_eq!(left(back), None);
        let wire = side.incoming(0x80, b"last");
        let (header, payload) = wire.split_at(wire.len() - 4);
        assert_eq!(left(header), Some(4));
        assert_eq!(left(&payload[..3]), Some(1));
        assert_eq!(left(&payload[3..]), None);
        // It is what was announced, not what could fit into memory.
        assert_eq!(left(&side.incoming_part(0x82, u64::MAX >> 1, b"x")), Some((u64::MAX >> 1) - 1));
    }
}

/// What was returned and what is left make the message, wherever a read splits it and whichever
/// call has read it.
#[test]
fn what_is_left_includes_what_was_read_and_not_returned() {
    let message = "a\u{e9}\u{20ac}\u{1f600}z";
    for side in BOTH {
        for (opcode, frames) in [(0x81, 1), (0x82, 1), (0x81, 2)] {
            let payload = message.as_bytes();
            let (front, back) = payload.split_at(if frames == 1 { 0 } else { 2 });
            let mut before = Vec::new();
            let mut wire = side.incoming(opcode, payload);
            if frames == 2 {
                before = side.incoming(opcode & 0x0f, front);
                wire = side.incoming(0x80, back);
            }
            for cut in wire.len() - back.len()..wire.len() {
                let mut ws = side.connection(Config::default());
                let mut returned: usize = 0;
                let mut check = |ws: &mut Ws, wire: &[u8]| {
                    let (chunks, error) = raw(ws, &[wire]);
                    assert_eq!(error, None);
                    let lens = chunks.iter().map(|chunk| chunk.0.len());
                    returned += lens.sum::<usize>();
                    returned
                };
                check(&mut ws, &before);
                let seen = check(&mut ws, &wire[..cut]);
                let left = Some((payload.len() - seen) as u64);
                assert_eq!(ws.message_bytes_left(), left, "{frames} frames, cut at {cut}");
                // The same if another call has read it and returned nothing.
                let mut other = side.connection(Config::default());
                for piece in [&before[..], &wire[..cut]] {
                    let mut piece = piece.to_vec();
                    let event = other.receive(&mut Input::new(&mut piece), &mut Vec::new());
                    assert_eq!(event, Ok(None));
                }
                assert_eq!(other.message_bytes_left(), Some(payload.len() as u64));
                assert_eq!(check(&mut ws, &wire[cut..]), payload.len());
                assert_eq!(ws.message_bytes_left(), None);
            }
        }
    }
}

#[test]
fn events_and_chunks_can_be_kept_when_their_input_is_gone() {
    /// What a function receives from a buffer of its own.
    fn received(side: Side) -> (Vec<Event<'static>>, Vec<ChunkEvent<'static>>) {
        let wire = [
            side.incoming(0x81, "ß".as_bytes()),
            side.incoming(0x82, b"\xff"),
            side.incoming(0x89, b"?"),
            side.incoming(0x8a, b"!"),
            side.incoming(0x88, &close_body(1001, "bye")),
        ]
        .concat();
        let (mut events, mut chunks) = (Vec::new(), Vec::new());
        let (mut ws, mut inbox) = (side.connection(Config::default()), wire.clone());
        let mut input = Input::new(&mut inbox);
        while let Some(event) = ws.receive(&mut input, &mut Vec::new()).unwrap() {
            events.push(event.into_owned());
        }
        let (mut ws, mut inbox) = (side.connection(Config::default()), wire);
        let mut input = Input::new(&mut inbox);
        while let Some(chunk) = ws.receive_chunk(&mut input, &mut Vec::new()).unwrap() {
            chunks.push(chunk.into_owned());
        }
        (events, chunks)
    }
    for side in BOTH {
        let controls = [ping(b"?"), pong(b"!"), closed(1001, "bye")];
        let (events, chunks) = received(side);
        assert_eq!(events[..2], [text("ß"), binary(b"\xff")]);
        assert_eq!(events[2..], controls);
        let chunk = |data| ChunkEvent::Chunk(Chunk { data, first: true, last: true });
        assert_eq!(chunks[0], chunk(ChunkData::Text("ß".into())));
        assert_eq!(chunks[1], chunk(ChunkData::Binary(b"\xff"[..].into())));
        assert_eq!(chunks[2..], controls.map(ChunkEvent::Control));
    }
}
