//! Properties, for inputs that proptest makes up. Most of them are the bodies of the fuzz targets.

use std::num::NonZeroU32;

use hybi::frame::{Header, LengthForm, Mask, OpCode, Reserved};
use hybi::{Config, Limits};
use proptest::prelude::*;

use crate::bodies;
use crate::bodies::common::{self, BOTH, Mode, Run, Side, fails_at, run_fresh_every_way};

/// Something that a peer sends: mostly a legal frame, in an order that need not be.
fn frame() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let text = prop_oneof![
        4 => "\\PC{0,40}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..10),
        1 => Just("€😀".repeat(60).into_bytes()),
    ];
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    let control = proptest::collection::vec(any::<u8>(), 0..126);
    let close = prop_oneof![
        Just(vec![]),
        (prop_oneof![Just(1000u16), 3000u16..5000, any::<u16>()], "\\PC{0,20}")
            .prop_map(|(code, reason)| common::close_body(code, &reason)),
        proptest::collection::vec(any::<u8>(), 0..5),
    ];
    prop_oneof![
        4 => (prop_oneof![Just(0x81u8), Just(0x01)], text.clone()),
        4 => (prop_oneof![Just(0x82u8), Just(0x02)], bytes),
        6 => (prop_oneof![Just(0x00u8), Just(0x80)], text),
        3 => (prop_oneof![Just(0x89u8), Just(0x8a)], control),
        1 => (Just(0x88u8), close),
    ]
}

/// A stream of such frames, most of them mended so that a message is under way exactly when it goes on.
pub(crate) fn stream() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    (proptest::collection::vec(frame(), 0..12), any::<[bool; 4]>()).prop_map(
        |(mut frames, mend)| {
            if mend != [false; 4] {
                let mut inside = false;
                for (first, _) in &mut frames {
                    if *first & 0x08 == 0 {
                        let opcode = if inside { 0 } else { (*first & 0x0f).max(1) };
                        *first = *first & 0x80 | opcode;
                        inside = *first & 0x80 == 0;
                    }
                }
            }
            frames
        },
    )
}

pub(crate) fn wire(side: Side, frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    frames.iter().flat_map(|(first, payload)| side.incoming(*first, payload)).collect()
}

/// Limits, and the backlog among them.
pub(crate) fn limits() -> impl Strategy<Value = (Limits, usize)> {
    prop_oneof![
        Just((Limits::default(), bodies::BACKLOG)),
        (0u64..200, 0u64..300, 0u32..6, 0u32..300).prop_map(
            |(frame, message, fragments, backlog)| {
                let limits = Limits::default()
                    .frame_bytes_max(frame)
                    .message_bytes_max(message)
                    .fragments_max(fragments)
                    .reply_backlog_max(backlog);
                (limits, backlog as usize)
            }
        ),
    ]
}

/// Transmission errors in a stream of bytes: changed ones, and a missing end.
#[derive(Debug)]
pub(crate) struct Faults {
    changes: Vec<(usize, u8)>,
    end: Option<usize>,
}

impl Faults {
    pub(crate) fn apply(&self, wire: &mut Vec<u8>) {
        for (at, change) in &self.changes {
            let len = wire.len();
            if len > 0 {
                wire[at % len] ^= change;
            }
        }
        if let Some(end) = self.end {
            wire.truncate(end % (wire.len() + 1));
        }
    }
}

pub(crate) fn faults() -> impl Strategy<Value = Faults> {
    let changes = prop_oneof![
        3 => Just(vec![]),
        2 => proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ];
    (changes, proptest::option::of(any::<usize>()))
        .prop_map(|(changes, end)| Faults { changes, end })
}

pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(any::<usize>(), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_do_not_matter(
        frames in stream(),
        faults in faults(),
        (limits, backlog) in limits(),
        manual in any::<bool>(),
        cuts in cuts(),
    ) {
        for side in BOTH {
            let mut wire = wire(side, &frames);
            faults.apply(&mut wire);
            let config = Config::default().limits(limits);
            let fresh = || if manual { side.manual_connection(config) } else { side.connection(config) };
            bodies::same_for_every_cut_on(&fresh, backlog, &wire, &cuts);
        }
    }

    /// The usual limits then do not matter, except for that of fragments.
    #[test]
    fn a_limit_of_its_own_is_what_it_is_for_all(
        frames in stream(),
        limit in 0u64..300,
        fragments in 1u32..6,
        manual in any::<bool>(),
        cuts in cuts(),
    ) {
        for side in BOTH {
            let wire = wire(side, &frames);
            let with = |limits: Limits| {
                let config = Config::default().limits(limits.fragments_max(fragments));
                if manual { side.manual_connection(config) } else { side.connection(config) }
            };
            let usual = Limits::default().frame_bytes_max(u64::MAX).message_bytes_max(limit);
            let tight = Limits::default().frame_bytes_max(1).message_bytes_max(1);
            let for_all = run_fresh_every_way(&|| with(usual), Mode::Chunks, &wire, &cuts);
            let own = run_fresh_every_way(&|| with(tight), Mode::Within(limit), &wire, &cuts);
            prop_assert_eq!(own, for_all);
        }
    }

    #[test]
    fn arbitrary_bytes_are_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        bodies::header(&bytes);
        bodies::server(&bytes);
        bodies::client(&bytes);
        bodies::handshake::server_handshake(&bytes);
        bodies::handshake::client_handshake(&bytes);
        bodies::handshake::handshake_pair(&bytes);
    }

    #[test]
    fn what_one_end_says_the_other_hears(commands in proptest::collection::vec(any::<u8>(), 0..200)) {
        bodies::pair(&commands);
    }

    #[test]
    fn headers_decode_to_themselves(
        first in any::<u8>(),
        masking_key in any::<Option<[u8; 4]>>(),
        payload_len in prop_oneof![0u64..300, 65_000u64..66_000, any::<u64>()],
        form in prop_oneof![Just(LengthForm::Bits7), Just(LengthForm::Bits16), Just(LengthForm::Bits64)],
    ) {
        let header = Header {
            fin: first & 0x80 != 0,
            reserved: Reserved::new(first >> 4 & 7).unwrap(),
            opcode: OpCode::new(first & 15).unwrap(),
            masking_key,
            payload_len,
            length_form: form.max(LengthForm::shortest(payload_len)),
        };
        let bytes = header.encode();
        prop_assert_eq!(Header::decode(&bytes), Some((header, bytes.len())));
    }

    #[test]
    fn messages_are_received_as_they_were_sent(
        messages in proptest::collection::vec(
            prop_oneof![
                "\\PC{0,200}".prop_map(|text| (Some(text), vec![])),
                proptest::collection::vec(any::<u8>(), 0..70_000).prop_map(|data| (None, data)),
            ],
            0..4,
        ),
        fragment in proptest::option::of(1u32..5000),
        cuts in cuts(),
    ) {
        for side in BOTH {
            let config = Config::default().fragment_bytes(fragment.and_then(NonZeroU32::new));
            let (mut ws, mut out, mut want) = (side.connection(config), Vec::new(), Vec::new());
            for (text, data) in &messages {
                match text {
                    Some(text) => {
                        ws.send(&**text, &mut out).unwrap();
                        want.push(common::text(text));
                    }
                    None => {
                        ws.send(&**data, &mut out).unwrap();
                        want.push(common::binary(data));
                    }
                }
            }
            let mut peer = side.peer().connection(Config::default());
            let run = Run::of(&mut peer, Mode::Messages, common::pieces(&out, &cuts));
            prop_assert!(run.error.is_none());
            prop_assert!(run.events() == want);
        }
    }

    #[test]
    fn masking_twice_is_the_identity_at_any_offset(
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        key in any::<[u8; 4]>(),
        offset in any::<usize>(),
        cuts in cuts(),
    ) {
        let start = Mask::new([key[0], key[1], key[2], key[3]]);
        let mut once = payload.clone();
        let mut mask = start.clone();
        mask.skip(offset);
        mask.apply(&mut once);
        for (at, (masked, byte)) in once.iter().zip(&payload).enumerate() {
            prop_assert_eq!(*masked, byte ^ key[(offset % 4 + at) % 4]);
        }
        // The second time in pieces.
        let mut mask = start;
        mask.skip(offset);
        let mut twice = Vec::new();
        for piece in common::pieces(&once, &cuts) {
            let mut piece = piece.to_vec();
            mask.apply(&mut piece);
            twice.extend(piece);
        }
        prop_assert_eq!(twice, payload);
    }

    #[test]
    fn the_verdict_on_text_is_that_of_the_standard_library_at_the_earliest_byte(
        text in "\\PC{0,12}",
        change in proptest::option::of((any::<usize>(), prop_oneof![any::<u8>(), 0x80u8..=0xff])),
        truncate in proptest::option::of(any::<usize>()),
    ) {
        let mut bytes = text.into_bytes();
        if let Some((at, byte)) = change {
            let at = at % (bytes.len() + 1);
            bytes.insert(at, byte);
        }
        if let Some(end) = truncate {
            bytes.truncate(end % (bytes.len() + 1));
        }
        // The definition: the first length at which nothing that may follow makes it text.
        let impossible = (1..=bytes.len())
            .find(|&len| str::from_utf8(&bytes[..len]).is_err_and(|error| error.error_len().is_some()));
        for side in BOTH {
            let unfinished = side.incoming_part(0x81, bytes.len() as u64 + 1, &bytes);
            let header = unfinished.len() - bytes.len();
            prop_assert_eq!(fails_at(side, Config::default(), &unfinished), impossible.map(|at| at + header));

            let whole = side.incoming(0x81, &bytes);
            let run = Run::of(&mut side.connection(Config::default()), Mode::Messages, [&whole[..]]);
            match str::from_utf8(&bytes) {
                Ok(text) => prop_assert_eq!(run.events(), [common::text(text)]),
                Err(_) => prop_assert_eq!(run.error, Some(hybi::ProtocolError::TextNotUtf8)),
            }
        }
    }
}
