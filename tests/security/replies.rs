//! Class 12: floods of control frames, and output without bounds.

use hybi::connection::Transport;
use hybi::frame::HEADER_BYTES_MAX;
use hybi::relay::{Budget, BudgetError, Relay, RelayConfig, RelayError, Side as From, Verdict};
use hybi::{Config, Event, Input, Limits};

use crate::common::*;
use crate::counting::cost;

/// One half: whoever writes its output has every ping answered, in order.
#[test]
fn class_12_every_ping_is_answered_while_the_output_drains() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        let mut answered = 0u32;
        for round in 0..5u32 {
            // No more at once than what the limit holds, so that none may be dropped.
            let numbers = round * 4_000..(round + 1) * 4_000;
            let mut wire: Vec<u8> =
                numbers.flat_map(|number| side.incoming(0x89, &number.to_be_bytes())).collect();
            let mut input = Input::new(&mut wire);
            while let Some(event) = ws.receive(&mut input, &mut out).unwrap() {
                assert!(matches!(event, Event::Ping(_)));
            }
            for pong in out.chunks(side.outgoing(0x8a, &[0; 4]).len()) {
                assert_eq!(pong, side.outgoing(0x8a, &answered.to_be_bytes()));
                answered += 1;
            }
            out.clear();
        }
        assert_eq!(answered, 20_000);
    }
}

/// The other half: pings to one that does not write cost no more than the limit, and leave at most one pong pending, the newest.
/// `a_million_pings_without_draining_and_the_newest_is_answered` looks at what is answered meanwhile; here is what it costs.
#[test]
fn class_12_a_million_pings_without_draining_leave_one_pending_pong() {
    const AT_ONCE: usize = 1_000;
    for (side, len, max, count) in [
        (Side::Server, 8, 64 << 10, 1_000_000),
        (Side::Client, 8, 64 << 10, 20_000),
        (Side::Server, 125, 0, 20_000),
        (Side::Client, 125, 5_000, 20_000),
    ] {
        let config = Config::default().limits(Limits::default().reply_backlog_max(max));
        let (mut ws, mut out) = (side.connection(config), Vec::new());
        let max = max as usize;
        let pings = side.incoming(0x89, &vec![7; len]).repeat(AT_ONCE);
        let mut wire = pings.clone();
        let (spent, ()) = cost(|| {
            for _ in 0..count / AT_ONCE {
                wire.copy_from_slice(&pings);
                let mut input = Input::new(&mut wire);
                while ws.receive(&mut input, &mut out).unwrap().is_some() {}
            }
        });
        assert!(out.len() <= max + HEADER_BYTES_MAX + 125, "{}", out.len());
        // The output, twice while it grows, and the one pong.
        assert!(spent.peak <= 3 * (max + 200) + 200, "{spent:?}");
        let newest = vec![9; len];
        let mut last = side.incoming(0x89, &newest);
        assert!(ws.receive(&mut Input::new(&mut last), &mut out).unwrap().is_some());
        out.clear();
        ws.flush_replies(&mut out);
        assert_eq!(Hex(&out), Hex(&side.outgoing(0x8a, &newest)), "{side:?}, {max}");
        out.clear();
        ws.flush_replies(&mut out);
        assert!(out.is_empty(), "one, and not more");
    }
}

/// Frames that ask for nothing make us say nothing and keep nothing.
#[test]
fn class_12_pongs_and_messages_cause_no_output() {
    for side in BOTH {
        let wire =
            [side.incoming(0x8a, b"unasked"), side.incoming(0x82, b""), side.incoming(0x81, b"x")]
                .concat();
        let mut wire = wire.repeat(10_000);
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        let (spent, ()) = cost(|| {
            let mut input = Input::new(&mut wire);
            while ws.receive(&mut input, &mut out).unwrap().is_some() {}
        });
        assert_eq!((spent.count, out.capacity()), (0, 0), "{side:?}");
    }
}

/// However often a peer closes or breaks rules, it is told once, also through the last reply of a full output.
#[test]
fn class_12_one_close_frame_answers_any_number_of_them() {
    for side in BOTH {
        for first in [side.incoming(0x88, &close_body(1000, "")), vec![0xff]] {
            let wire = [first.clone(), side.incoming(0x88, b"").repeat(10_000), vec![0xff; 10_000]]
                .concat();
            let mut ws =
                side.connection(Config::default().limits(Limits::default().reply_backlog_max(0)));
            let mut run = Run { out: HexVec(b"full".to_vec()), ..Run::default() };
            run.feed(&mut ws, Mode::Messages, &wire);
            let close = match run.error {
                Some(violation) => side.failure(1002, violation),
                None => side.close_frame(1000, ""),
            };
            assert_eq!(run.error.is_some(), first == [0xff]);
            assert_eq!(Hex(&run.out.0), Hex(&[b"full".to_vec(), close].concat()));
        }
    }
}

/// A relay answers nobody, so it writes no more than the flood that it passes. A budget ends that:
/// the side that sends the flood is closed, and the other side gets one Close frame.
#[test]
fn class_12_a_relay_passes_no_more_than_its_budget() {
    const ALLOWED: u64 = 1_000;
    for side in BOTH {
        let from = if side == Side::Server { From::Client } else { From::Server };
        let floods = [(0x89, BudgetError::ControlFrames), (0x8a, BudgetError::ControlFrames)]
            .map(|(first, error)| (side.incoming(first, b"").repeat(100), error))
            .into_iter()
            .chain([(side.incoming(0x82, b"").repeat(100), BudgetError::EmptyFrames)]);
        for (flood, error) in floods {
            let mut relay = Relay::with_keys(RelayConfig::default(), || KEY);
            relay.set_budget(
                from,
                Budget::default().control_frames_max(ALLOWED).empty_frames_max(ALLOWED),
            );
            let (mut passed, mut failed) = (0, Vec::new());
            let (cost, ()) = cost(|| {
                let mut bytes = flood.clone();
                for _ in 0..1_000 {
                    bytes.copy_from_slice(&flood);
                    let result = relay.pass(from, &mut Input::new(&mut bytes), |_| Verdict::Pass);
                    failed.extend(result.err());
                    passed += relay.outbox(from.other()).len();
                    relay.outbox(from.other()).clear();
                }
            });
            assert_eq!(failed, [RelayError::Budget(error)]);
            let within = flood.len() / 100 * ALLOWED as usize;
            let close = 6 + 2 + RelayError::Budget(error).close_reason().len();
            assert!((within + 1..=within + close).contains(&passed), "{passed} bytes passed");
            assert!(relay.outbox(from).len() <= close, "one Close frame");
            assert_eq!(relay.transport(from), Transport::Close);
            assert_eq!(relay.transport(from.other()), Transport::Keep);
            assert!(cost.peak <= 8 * flood.len() + 1_000, "{cost:?}");
        }
    }
}
