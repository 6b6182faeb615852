//! A relay between two ends (RFC 6455 §5): what passes, what it checks, what it inserts, and how it
//! ends.

use hybi::connection::{Kind, ReadyState, Transport};
use hybi::frame::Mask;
use hybi::relay::{
    Budget, BudgetError, Masks, Passing, Relay, RelayConfig, RelayError, Side, Verdict,
};
use hybi::{
    CloseCode, Config, Connection, CutOff, Event, Input, Limits, Outbox, ProtocolError, UsageError,
};
use proptest::prelude::*;

use crate::bodies::common::{self, BOTH, Hex, KEY};
use crate::bodies::relay::{changes_nothing, pass};
use crate::properties::{cuts, faults, limits, stream, wire};

/// The masking key of the relays in these tests.
const RELAY_KEY: [u8; 4] = [9, 8, 7, 6];

type Keys = fn() -> [u8; 4];

fn relay(config: RelayConfig) -> Relay<Keys> {
    Relay::with_keys(config, || RELAY_KEY)
}

/// A frame that this side sends, with the key of RFC 6455 §5.7 if it is the client.
fn frame(from: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    sender(from).outgoing(first, payload)
}

/// The same frame as the relay writes it.
fn relayed(from: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = frame(from, first, payload);
    if from == Side::Client {
        let start = frame.len() - payload.len();
        frame[start - 4..start].copy_from_slice(&RELAY_KEY);
        let mut masked = payload.to_vec();
        Mask::new(RELAY_KEY).apply(&mut masked);
        frame[start..].copy_from_slice(&masked);
    }
    frame
}

fn sender(from: Side) -> common::Side {
    match from {
        Side::Client => common::Side::Client,
        Side::Server => common::Side::Server,
    }
}

/// A Close frame of the relay's to this side.
fn close_to(to: Side, code: u16, reason: &str) -> Vec<u8> {
    relayed(to.other(), 0x88, &common::close_body(code, reason))
}

#[track_caller]
fn feed(relay: &mut Relay<Keys>, from: Side, bytes: &[u8]) -> Result<(), RelayError> {
    let mut bytes = bytes.to_vec();
    let mut input = Input::new(&mut bytes);
    let passed = relay.pass(from, &mut input, |_| Verdict::Pass);
    assert!(input.is_empty());
    passed
}

#[track_caller]
fn assert_out(relay: &mut Relay<Keys>, to: Side, bytes: &[u8]) {
    let out = relay.outbox(to).take();
    assert_eq!(Hex(&out), Hex(bytes), "to the {to:?}");
}

const SIDES: [Side; 2] = [Side::Client, Side::Server];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_changes_nothing_and_says_what_a_connection_says(
        frames in stream(),
        faults in faults(),
        (limits, _) in limits(),
        check_text in any::<bool>(),
        keep in any::<bool>(),
        cuts in cuts(),
    ) {
        let masks = if keep { Masks::Kept } else { Masks::Anew };
        let config = RelayConfig::default().limits(limits).check_text(check_text).masks(masks);
        for side in BOTH {
            let mut wire = wire(side, &frames);
            faults.apply(&mut wire);
            changes_nothing(side, config, limits, &wire, &cuts);
        }
    }
}

/// Frames may split a code point anywhere, also an empty frame within it.
#[test]
fn a_split_code_point_passes_with_the_frames_that_it_is_in() {
    for text in ["a\u{20ac}\u{1f600}b".as_bytes(), b"\xe2\x82\x28", b"\xf0\x9f"] {
        for first in 0..=text.len() {
            for second in first..=text.len() {
                for side in BOTH {
                    let wire = [
                        side.incoming(0x01, &text[..first]),
                        side.incoming(0x00, &text[first..second]),
                        side.incoming(0x80, &text[second..]),
                    ]
                    .concat();
                    let config = RelayConfig::default().check_text(true);
                    changes_nothing(side, config, Limits::default(), &wire, &[2, 4, 9, 12]);
                }
            }
        }
    }
}

#[test]
fn frames_pass_byte_for_byte_or_masked_anew() {
    for from in SIDES {
        for (first, payload) in [
            (0x82, &b""[..]),
            (0x81, b"Hello"),
            (0x01, &[b'a'; 126]),
            (0x80, &[b'b'; 70_000]),
            (0x89, b"ping"),
            (0x8a, b"pong"),
        ] {
            let sent = frame(from, first, payload);
            for masks in [Masks::Kept, Masks::Anew] {
                for looks in [false, true] {
                    let mut relay = relay(RelayConfig::default().masks(masks));
                    if first == 0x80 {
                        feed(&mut relay, from, &frame(from, 0x02, b"")).unwrap();
                        let _ = relay.outbox(from.other()).take();
                    }
                    // In three pieces, one of them in the middle of the key's period.
                    let mid = sent.len() / 2 + 1;
                    let mut seen = Vec::new();
                    for piece in [&sent[..1], &sent[1..mid.max(1)], &sent[mid.max(1)..]] {
                        let mut piece = piece.to_vec();
                        relay
                            .pass(from, &mut Input::new(&mut piece), |passing| {
                                if let (true, Passing::Data(piece)) = (looks, passing) {
                                    seen.extend_from_slice(piece.payload());
                                }
                                Verdict::Pass
                            })
                            .unwrap();
                    }
                    let want = match masks {
                        Masks::Kept => sent.clone(),
                        _ => relayed(from, first, payload),
                    };
                    assert_out(&mut relay, from.other(), &want);
                    assert_out(&mut relay, from, b"");
                    if looks && first & 8 == 0 {
                        assert_eq!(seen, payload);
                    }
                }
            }
        }
    }
}

#[test]
fn pings_pass_from_end_to_end() {
    let mut relay = relay(RelayConfig::default());
    feed(&mut relay, Side::Client, &frame(Side::Client, 0x89, b"?")).unwrap();
    assert_out(&mut relay, Side::Server, &relayed(Side::Client, 0x89, b"?"));
    assert_out(&mut relay, Side::Client, b"");
    feed(&mut relay, Side::Server, &frame(Side::Server, 0x8a, b"?")).unwrap();
    assert_out(&mut relay, Side::Client, b"\x8a\x01?");
}

#[test]
fn an_observer_knows_what_passes() {
    let mut relay = relay(RelayConfig::default().deflate(true));
    let mut bytes = [
        frame(Side::Client, 0x41, b"abc"), // compressed, to be continued
        frame(Side::Client, 0x88, &common::close_body(1000, "bye")),
    ]
    .concat();
    bytes.splice(9..9, [frame(Side::Client, 0x80, b"")].concat());
    let mut seen = Vec::new();
    relay
        .pass(Side::Client, &mut Input::new(&mut bytes), |passing| {
            match passing {
                Passing::Data(piece) => {
                    assert_eq!((piece.kind(), piece.is_compressed()), (Kind::Text, true));
                    assert!(piece.begins_frame() && piece.ends_frame());
                    assert_eq!(piece.header().masking_key, Some(KEY));
                    assert_eq!(piece.is_empty(), piece.header().fin);
                    seen.push(String::from_utf8(piece.payload().to_vec()).unwrap());
                    assert_eq!(format!("{piece:?}").find("abc"), None);
                }
                Passing::Control(event) => assert_eq!(*event, common::closed(1000, "bye")),
                _ => panic!("nothing else"),
            }
            Verdict::Pass
        })
        .unwrap();
    assert_eq!(seen, ["abc", ""]);
}

/// RFC 7692 §6: without an agreement, RSV1 has no meaning; with one, only in a first frame.
#[test]
fn reserved_bits_need_an_agreement() {
    let fails = |agreed, frames: &[&[u8]]| {
        let mut relay = relay(RelayConfig::default().deflate(agreed));
        let failed = feed(&mut relay, Side::Server, &frames.concat()).err();
        failed.map(|error| error.name())
    };
    assert_eq!(fails(false, &[b"\xc1\x00"]), Some("reserved-bits"));
    assert_eq!(fails(true, &[b"\xc1\x00"]), None);
    assert_eq!(fails(true, &[b"\x41\x00", b"\xc0\x00"]), Some("reserved-bits"));
    assert_eq!(fails(true, &[b"\xc9\x00"]), Some("reserved-bits"));
    assert_eq!(fails(true, &[b"\xe1\x00"]), Some("reserved-bits"));
    // A compressed payload is no text yet.
    let mut relay = relay(RelayConfig::default().deflate(true).check_text(true));
    feed(&mut relay, Side::Server, b"\xc1\x02\xff\xff").unwrap();
    assert_out(&mut relay, Side::Client, b"\xc1\x02\xff\xff");
}

#[test]
fn both_sides_get_the_close_frame_for_a_violation() {
    for from in SIDES {
        let mut relay = relay(RelayConfig::default());
        let good = frame(from, 0x82, b"good");
        let bad = frame(from, 0x80, b"continues nothing");
        let violation = ProtocolError::ContinuationOfNothing;
        let failed = feed(&mut relay, from, &[good, bad, frame(from, 0x89, b"swallowed")].concat());
        assert_eq!(failed, Err(RelayError::Protocol(violation)));
        let (code, reason) = (1002, violation.close_reason());
        let passed = [relayed(from, 0x82, b"good"), close_to(from.other(), code, reason)].concat();
        assert_out(&mut relay, from.other(), &passed);
        assert_out(&mut relay, from, &close_to(from, code, reason));
        // The one that failed is to be closed; the other may answer.
        assert_eq!(relay.transport(from), Transport::Close);
        assert_eq!(relay.transport(from.other()), Transport::Keep);
        assert_eq!(relay.ready_state(from.other()), ReadyState::Closing);
        let answer = frame(from.other(), 0x88, &common::close_body(code, reason));
        let late = frame(from.other(), 0x82, b"late");
        feed(&mut relay, from.other(), &[late, answer].concat()).unwrap();
        assert_out(&mut relay, from, b"");
        assert_ne!(relay.transport(from.other()), Transport::Keep);
        assert_eq!(relay.end_of_input(from), Ok(()));
        assert_eq!(relay.end_of_input(from.other()), Ok(()));
    }
}

/// RFC 6455 §5.4: nothing stands inside a frame, and the sender has still one on its way to the
/// receiver. So the Close frame comes after it.
#[test]
fn a_close_frame_waits_for_the_end_of_a_frame() {
    let mut relay = relay(RelayConfig::default());
    let long = frame(Side::Server, 0x82, b"0123456789");
    feed(&mut relay, Side::Server, &long[..5]).unwrap();
    assert_out(&mut relay, Side::Client, &long[..5]);
    let failed = feed(&mut relay, Side::Client, b"\x81\x00");
    assert_eq!(failed, Err(RelayError::Protocol(ProtocolError::Unmasked)));
    assert_out(&mut relay, Side::Client, b"");
    assert_eq!(relay.transport(Side::Client), Transport::Keep);
    // A second reason to close is not worth another frame.
    assert_eq!(relay.close(CloseCode::GOING_AWAY, ""), Err(UsageError::Closed));
    assert_eq!(relay.ping(Side::Client, b""), Err(UsageError::Closed));

    feed(&mut relay, Side::Server, &[&long[5..], b"\x82\x03too"].concat()).unwrap();
    let reason = ProtocolError::Unmasked.close_reason();
    assert_out(
        &mut relay,
        Side::Client,
        &[&long[5..], &close_to(Side::Client, 1002, reason)].concat(),
    );
    assert_eq!(relay.transport(Side::Client), Transport::Close);
}

/// The receiver has got the start of a frame that will never end.
#[test]
fn a_frame_that_breaks_off_is_followed_by_nothing() {
    let mut relay = relay(RelayConfig::default().check_text(true));
    let failed = feed(&mut relay, Side::Server, b"\x81\x04ab\xff");
    assert_eq!(failed, Err(RelayError::Protocol(ProtocolError::TextNotUtf8)));
    assert_out(&mut relay, Side::Client, b"\x81\x04ab");
    assert_eq!(relay.transport(Side::Client), Transport::Close);
    let reason = ProtocolError::TextNotUtf8.close_reason();
    assert_out(&mut relay, Side::Server, &close_to(Side::Server, 1007, reason));
    assert_eq!(relay.transport(Side::Server), Transport::Close);
}

#[test]
fn a_closing_handshake_passes() {
    for first in SIDES {
        let mut relay = relay(RelayConfig::default());
        let body = common::close_body(3000, "bye");
        let late = frame(first, 0x82, b"late");
        feed(&mut relay, first, &[frame(first, 0x88, &body), late].concat()).unwrap();
        assert_out(&mut relay, first.other(), &relayed(first, 0x88, &body));
        for side in SIDES {
            assert_eq!(relay.ready_state(side), ReadyState::Closing);
            assert_eq!(relay.transport(side), Transport::Keep);
        }
        // Frames that the other sends before its answer still pass.
        let rest = frame(first.other(), 0x82, b"rest");
        let answer = frame(first.other(), 0x88, &body);
        feed(&mut relay, first.other(), &[rest, answer].concat()).unwrap();
        let passed =
            [relayed(first.other(), 0x82, b"rest"), relayed(first.other(), 0x88, &body)].concat();
        assert_out(&mut relay, first, &passed);
        // RFC 6455 §7.1.1: the server goes first.
        assert_eq!(relay.transport(Side::Client), Transport::Close);
        assert_eq!(relay.transport(Side::Server), Transport::AwaitClose);
        assert_eq!(relay.end_of_input(Side::Client), Ok(()));
    }
}

/// Whoever sends a Close frame and ends its transport at once, as after a violation, does not wait
/// for the answer. So the other has nobody to answer.
#[test]
fn the_end_after_a_close_frame_passes_too() {
    for from in SIDES {
        let mut relay = relay(RelayConfig::default());
        let body = common::close_body(1007, "");
        feed(&mut relay, from, &frame(from, 0x88, &body)).unwrap();
        assert_eq!(relay.transport(from.other()), Transport::Keep);
        assert_eq!(relay.end_of_input(from), Ok(()));
        assert_eq!(relay.transport(from.other()), Transport::Close);
        assert_out(&mut relay, from.other(), &relayed(from, 0x88, &body));
        feed(&mut relay, from.other(), &frame(from.other(), 0x88, &body)).unwrap();
        assert_out(&mut relay, from, b"");

        // A Close frame of the relay's is answered to the relay.
        let mut relay = self::relay(RelayConfig::default());
        relay.close(CloseCode::GOING_AWAY, "").unwrap();
        feed(&mut relay, from, &frame(from, 0x88, &body)).unwrap();
        assert_eq!(relay.end_of_input(from), Ok(()));
        assert_eq!(relay.transport(from.other()), Transport::Keep);

        // Also if the other side answers nothing.
        let mut relay = self::relay(RelayConfig::default());
        relay.close(CloseCode::GOING_AWAY, "").unwrap();
        assert_eq!(relay.end_of_input(from), Err(CutOff::BetweenMessages));
        assert_eq!(relay.transport(from), Transport::Close);
        assert_eq!(relay.transport(from.other()), Transport::Keep);
        feed(&mut relay, from.other(), &frame(from.other(), 0x88, &body)).unwrap();
        assert_ne!(relay.transport(from.other()), Transport::Keep);
    }
}

#[test]
fn the_end_of_a_transport_ends_both() {
    for from in SIDES {
        let sent = frame(from, 0x82, b"abc");
        for (n, cut_off) in [
            (0, CutOff::BetweenMessages),
            (1, CutOff::InHeader),
            (sent.len() - 1, CutOff::InMessage { received: 2 }),
            (sent.len(), CutOff::BetweenMessages),
        ] {
            let mut relay = relay(RelayConfig::default());
            feed(&mut relay, from, &sent[..n]).unwrap();
            assert_eq!(relay.end_of_input(from), Err(cut_off));
            assert_eq!(relay.end_of_input(from), Err(cut_off), "again");
            let out = relay.outbox(from.other()).take();
            assert!(relayed(from, 0x82, b"abc").starts_with(&out), "nothing is invented");
            assert_out(&mut relay, from, b"");
            for side in SIDES {
                assert_eq!(relay.transport(side), Transport::Close);
                assert_eq!(relay.ready_state(side), ReadyState::Closed);
                assert_eq!(relay.ping(side, b""), Err(UsageError::Closed));
            }
            feed(&mut relay, from.other(), &frame(from.other(), 0x82, b"late")).unwrap();
            assert_out(&mut relay, from, b"");
        }
    }
}

/// RFC 6455 §7.1.1: the client waits for the server to end the transport, once it has answered. A
/// server that nobody answers would wait, too.
#[test]
fn a_server_that_gets_no_answer_is_not_waited_for() {
    let close = |from| frame(from, 0x88, &common::close_body(1000, ""));
    // The client is gone before its answer, or before the server's Close frame.
    for goes_first in [false, true] {
        let mut relay = relay(RelayConfig::default());
        if goes_first {
            relay.end_of_input(Side::Client).unwrap_err();
        }
        feed(&mut relay, Side::Server, &close(Side::Server)).unwrap();
        if !goes_first {
            relay.end_of_input(Side::Client).unwrap_err();
        }
        assert_out(&mut relay, Side::Server, b"");
        assert_eq!(relay.transport(Side::Server), Transport::Close);
    }
    // No Close frame can follow a frame that breaks off.
    let mut relay = relay(RelayConfig::default().check_text(true));
    feed(&mut relay, Side::Client, &frame(Side::Client, 0x81, b"a\xff")).unwrap_err();
    feed(&mut relay, Side::Server, &close(Side::Server)).unwrap();
    assert_eq!(relay.transport(Side::Server), Transport::Close);

    // One that gets it goes first, also if the client does not wait; then it is over.
    for first in SIDES {
        let mut relay = self::relay(RelayConfig::default());
        for from in [first, first.other()] {
            feed(&mut relay, from, &close(from)).unwrap();
        }
        assert_eq!(relay.transport(Side::Server), Transport::AwaitClose);
        assert_eq!(relay.end_of_input(Side::Client), Ok(()));
        assert_eq!(relay.transport(Side::Server), Transport::AwaitClose);
        assert_eq!(relay.end_of_input(Side::Server), Ok(()));
        assert_eq!(relay.transport(Side::Server), Transport::Close);
    }
}

#[test]
fn inserted_frames_stand_between_frames() {
    for to in SIDES {
        let from = to.other();
        let mut relay = relay(RelayConfig::default().masks(Masks::Kept));
        relay.ping(to, b"now").unwrap();
        assert_out(&mut relay, to, &relayed(from, 0x89, b"now"));

        // Between the frames of a message is between frames.
        let first = frame(from, 0x02, b"first");
        feed(&mut relay, from, &first).unwrap();
        relay.pong(to, b"also now").unwrap();
        assert_out(&mut relay, to, &[first, relayed(from, 0x8a, b"also now")].concat());

        // In a frame they wait, and of each kind the newest is enough.
        let second = frame(from, 0x80, b"second");
        let (start, end) = second.split_at(second.len() - 3);
        feed(&mut relay, from, start).unwrap();
        relay.ping(to, b"old").unwrap();
        relay.ping(to, b"new").unwrap();
        relay.pong(to, b"pong").unwrap();
        assert_out(&mut relay, to, start);
        feed(&mut relay, from, &[end, &frame(from, 0x82, b"next")].concat()).unwrap();
        let want = [
            end.to_vec(),
            relayed(from, 0x89, b"new"),
            relayed(from, 0x8a, b"pong"),
            frame(from, 0x82, b"next"),
        ];
        assert_out(&mut relay, to, &want.concat());
    }
}

#[test]
fn a_relay_can_close() {
    let mut relay = relay(RelayConfig::default());
    let too_long = "x".repeat(124);
    assert_eq!(
        relay.close(CloseCode::NORMAL, &too_long),
        Err(UsageError::CloseReasonTooLong { len: 124 })
    );
    let refused = Err(UsageError::CloseCode { number: 1010 });
    assert_eq!(relay.close(CloseCode::MANDATORY_EXTENSION, ""), refused);
    let too_long = Err(UsageError::ControlTooLong { len: 126 });
    assert_eq!(relay.ping(Side::Client, &[0; 126]), too_long);
    for side in SIDES {
        assert_out(&mut relay, side, b"");
    }

    relay.close(CloseCode::GOING_AWAY, "restart").unwrap();
    for side in SIDES {
        assert_out(&mut relay, side, &close_to(side, 1001, "restart"));
        assert_eq!(relay.ready_state(side), ReadyState::Closing);
        assert_eq!(relay.transport(side), Transport::Keep);
    }
    assert_eq!(relay.close(CloseCode::GOING_AWAY, ""), Err(UsageError::Closed));
    // Later frames from them are checked and go nowhere.
    let body = common::close_body(1001, "restart");
    for side in SIDES {
        let late = [frame(side, 0x82, b"late"), frame(side, 0x88, &body)].concat();
        feed(&mut relay, side, &late).unwrap();
        assert_out(&mut relay, side.other(), b"");
    }
    assert_eq!(relay.transport(Side::Client), Transport::Close);
    assert_eq!(relay.transport(Side::Server), Transport::AwaitClose);
}

#[test]
fn what_an_observer_stops_does_not_pass() {
    for from in SIDES {
        let mut relay = relay(RelayConfig::default());
        let mut bytes =
            [frame(from, 0x82, b"fine"), frame(from, 0x82, b"secret"), frame(from, 0x89, b"")]
                .concat();
        let stopped = relay.pass(from, &mut Input::new(&mut bytes), |passing| {
            if let Passing::Data(piece) = passing
                && piece.payload() == b"secret"
            {
                return Verdict::Stop(CloseCode::POLICY_VIOLATION);
            }
            Verdict::Pass
        });
        assert_eq!(stopped, Err(RelayError::Stopped(CloseCode::POLICY_VIOLATION)));
        let close = "stopped by a relay";
        let passed = [relayed(from, 0x82, b"fine"), close_to(from.other(), 1008, close)].concat();
        assert_out(&mut relay, from.other(), &passed);
        assert_out(&mut relay, from, &close_to(from, 1008, close));
        // A control frame can be stopped, too.
        let mut relay = self::relay(RelayConfig::default());
        let mut ping = frame(from, 0x89, b"");
        let stopped =
            relay.pass(from, &mut Input::new(&mut ping), |_| Verdict::Stop(CloseCode::GOING_AWAY));
        assert_eq!(stopped.map_err(RelayError::name), Err("relay-stopped"));
        assert_out(&mut relay, from.other(), &close_to(from.other(), 1001, close));
    }
}

/// RFC 6455 §7.4.1: the code is for clients that miss an extension.
#[test]
fn only_a_client_could_say_that_it_misses_an_extension() {
    for from in SIDES {
        let mut relay = relay(RelayConfig::default());
        let stop = |_: Passing<'_, '_>| Verdict::Stop(CloseCode::MANDATORY_EXTENSION);
        let stopped = relay.pass(from, &mut Input::new(&mut frame(from, 0x89, b"")), stop);
        let error = RelayError::Stopped(CloseCode::MANDATORY_EXTENSION);
        assert_eq!(stopped, Err(error));
        assert_eq!(error.close_code(), CloseCode::POLICY_VIOLATION);
        for side in SIDES {
            assert_out(&mut relay, side, &close_to(side, 1008, "stopped by a relay"));
        }
    }
}

#[test]
fn counts_are_what_was_on_the_wire() {
    for from in SIDES {
        let mut relay = relay(RelayConfig::default());
        let bytes = [
            frame(from, 0x02, b"a"),
            frame(from, 0x89, b"ping"),
            frame(from, 0x00, b""),
            frame(from, 0x80, &[0; 300]),
        ]
        .concat();
        feed(&mut relay, from, &bytes).unwrap();
        let counts = relay.counts(from);
        assert_eq!(counts.bytes, bytes.len() as u64);
        assert_eq!((counts.frames, counts.control_frames, counts.empty_frames), (4, 1, 1));
        assert_eq!(relay.counts(from.other()), Default::default());
        assert_eq!(relay.take_counts(from), counts);
        assert_eq!(relay.counts(from), Default::default());
        // A frame that has begun counts its bytes as they come.
        let long = frame(from, 0x82, &[7; 200]);
        feed(&mut relay, from, &long[..100]).unwrap();
        assert_eq!((relay.counts(from).bytes, relay.counts(from).frames), (100, 1));
    }
}

/// Floods: what is over the budget ends the connection, with a Close frame to both.
#[test]
fn a_budget_is_kept_at_the_same_byte_however_reads_split() {
    let none = Budget::default();
    for from in SIDES {
        let ping = frame(from, 0x89, b"");
        let empty = frame(from, 0x01, b"");
        let more = frame(from, 0x00, b"");
        let long = frame(from, 0x82, &[b'x'; 100]);
        let header = (long.len() - 100) as u64;
        let pings = ping.repeat(4);
        let empties = [empty.clone(), more.repeat(3)].concat();
        for (budget, sent, passes, error) in [
            (none.control_frames_max(3), &pings, 3 * ping.len(), BudgetError::ControlFrames),
            (none.frames_max(3), &pings, 3 * ping.len(), BudgetError::Frames),
            (none.empty_frames_max(3), &empties, 3 * empty.len(), BudgetError::EmptyFrames),
            (none.bytes_max(header), &long, 0, BudgetError::Bytes),
            (none.bytes_max(header - 1), &long, 0, BudgetError::Bytes),
            (none.bytes_max(header + 10), &long, header as usize + 10, BudgetError::Bytes),
            (none.bytes_max(1), &pings, 0, BudgetError::Bytes),
        ] {
            for piece in [1, 3, sent.len()] {
                let mut relay = relay(RelayConfig::default().masks(Masks::Kept));
                relay.set_budget(from, budget);
                let mut failed = None;
                for piece in sent.chunks(piece) {
                    if let Err(error) = feed(&mut relay, from, piece) {
                        assert_eq!(failed.replace(error), None);
                    }
                }
                assert_eq!(failed, Some(RelayError::Budget(error)));
                let out = relay.outbox(from.other()).take();
                assert_eq!(Hex(&out[..passes]), Hex(&sent[..passes]));
                let is_cut = error == BudgetError::Bytes && passes > 0;
                let code = out.len() - passes;
                assert_eq!(code == 0, is_cut, "{error:?}: {}", Hex(&out));
                let back = relay.outbox(from).take();
                assert!(back.len() > 4 && back[0] == 0x88);
                assert_eq!(relay.transport(from), Transport::Close);
            }
        }
        // Exactly the budget is within it, and with the counts it begins again.
        let mut relay = relay(RelayConfig::default());
        let all = Budget::default()
            .bytes_max(long.len() as u64)
            .frames_max(1)
            .control_frames_max(0)
            .empty_frames_max(0);
        relay.set_budget(from, all);
        for _ in 0..3 {
            feed(&mut relay, from, &long).unwrap();
            assert_eq!(relay.take_counts(from).bytes, long.len() as u64);
        }
    }
}

#[test]
fn a_limit_is_that_of_a_connection() {
    let limits = Limits::default().message_bytes_max(10);
    let mut relay = relay(RelayConfig::default().limits(limits));
    feed(&mut relay, Side::Server, b"\x02\x06abcdef").unwrap();
    let failed = feed(&mut relay, Side::Server, b"\x80\x05");
    assert_eq!(failed, Err(RelayError::Protocol(ProtocolError::MessageTooBig { len: 11 })));
    // By default there is none.
    let (passed, ended) = pass(
        common::Side::Client,
        RelayConfig::default(),
        [&b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff..."[..]],
    );
    assert_eq!((passed.error, passed.ahead.len()), (None, 13));
    assert_eq!(ended, Err(CutOff::InMessage { received: 3 }));
}

/// Both ends talk through a relay as they would without it, closing included.
#[test]
fn two_ends_talk_through_it() {
    let mut client = Connection::client_with_keys(Config::default(), (|| KEY) as Keys);
    let mut server = Connection::server(Config::default());
    let (mut from_client, mut from_server) = (Outbox::new(), Outbox::new());
    let mut relay = relay(RelayConfig::default().check_text(true));
    let (mut heard, mut answers) = (Vec::new(), Vec::new());
    client.send("caf\u{e9}", &mut from_client).unwrap();
    client.ping(b"?", &mut from_client).unwrap();
    client.send(&vec![7; 100_000], &mut from_client).unwrap();
    client.close(CloseCode::NORMAL, "bye", &mut from_client).unwrap();

    exchange(&mut relay, Side::Client, &mut from_client, &mut server, &mut from_server, &mut heard);
    exchange(
        &mut relay,
        Side::Server,
        &mut from_server,
        &mut client,
        &mut from_client,
        &mut answers,
    );
    let bye = common::closed(1000, "bye");
    let sent =
        [common::text("caf\u{e9}"), common::ping(b"?"), common::binary(&[7; 100_000]), bye.clone()];
    assert_eq!(heard, sent);
    assert_eq!(answers, [common::pong(b"?"), bye]);
    assert_eq!(relay.transport(Side::Client), Transport::Close);
    assert_eq!(relay.transport(Side::Server), Transport::AwaitClose);
}

/// Carries what one end has written through the relay, 1000 bytes at a time, to the other.
fn exchange<R: hybi::Role>(
    relay: &mut Relay<Keys>,
    from: Side,
    written: &mut Outbox,
    to: &mut Connection<R>,
    out: &mut Outbox,
    heard: &mut Vec<Event<'static>>,
) {
    for piece in written.take().chunks(1000) {
        feed(relay, from, piece).unwrap();
        let mut inbox = relay.outbox(from.other()).take();
        let mut input = Input::new(&mut inbox);
        while let Some(event) = to.receive(&mut input, out).unwrap() {
            heard.push(event.into_owned());
        }
    }
}

#[test]
fn it_prints_no_payload() {
    let mut relay = relay(RelayConfig::default().check_text(true));
    feed(&mut relay, Side::Server, b"\x81\x7eX").unwrap(); // part of a header
    let printed = format!("{relay:?}");
    assert!(!printed.contains("88"), "{printed}");
}
