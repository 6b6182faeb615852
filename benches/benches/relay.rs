//! A relay beside copying: bytes of a read that pass into an outbox, frame by frame.
//!
//!     cargo bench --bench relay
//!
//! All rows copy the wire into the inbox, as a read would, and empty the outbox, as a write would.
//! In between, the row `copy` only appends the bytes unchanged, like a proxy that knows nothing of
//! frames. Rounds are interleaved, and the fastest of each row counts.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hybi::relay::{Masks, Passing, Relay, RelayConfig, Side, Verdict};
use hybi::{Input, Outbox};
use hybi_benches::{Content, KEY, frame};

/// The bytes of one read, as from a peer that fills the inbox again and again.
const READ: usize = 128 << 10;
const ROUNDS: usize = 60;
/// The least time for which a row runs in each round.
const AT_LEAST: Duration = Duration::from_millis(2);

/// Passes the bytes of a wire on, by way of an inbox as long.
type Run = Box<dyn FnMut(&[u8], &mut [u8])>;

struct Row {
    name: &'static str,
    run: Run,
    best: Duration,
}

fn relay(from: Side, config: RelayConfig, looks: bool) -> Run {
    let mut relay = Relay::new(config);
    Box::new(move |wire, inbox| {
        for (read, inbox) in wire.chunks(READ).zip(inbox.chunks_mut(READ)) {
            inbox.copy_from_slice(black_box(read));
            let passed = relay.pass(from, &mut Input::new(inbox), |passing| {
                if let (true, Passing::Data(piece)) = (looks, passing) {
                    black_box(piece.payload());
                }
                Verdict::Pass
            });
            passed.unwrap();
            let out = relay.outbox(from.other());
            black_box(out.front());
            out.sent(usize::MAX);
        }
    })
}

fn copy() -> Run {
    let mut out = Outbox::new();
    Box::new(move |wire, inbox| {
        for (read, inbox) in wire.chunks(READ).zip(inbox.chunks_mut(READ)) {
            inbox.copy_from_slice(black_box(read));
            out.append(black_box(inbox));
            black_box(out.front());
            out.sent(usize::MAX);
        }
    })
}

fn main() {
    let (anew, kept) = (RelayConfig::default(), RelayConfig::default().masks(Masks::Kept));
    println!("GB/s of wire, and the time in times that of `copy`\n");
    for (from, key) in [(Side::Client, Some(KEY)), (Side::Server, None)] {
        for len in [64, 1 << 10, 16 << 10, 1 << 20] {
            let one = frame(true, Content::Ascii.opcode(), key, &Content::Ascii.payload(len));
            let wire = one.repeat((1 << 20) / len);
            let mut inbox = wire.clone();
            let mut rows = vec![
                ("copy", copy()),
                ("kept", relay(from, kept, false)),
                ("anew", relay(from, anew, false)),
                ("anew, looked at", relay(from, anew, true)),
                ("anew, text checked", relay(from, anew.check_text(true), false)),
            ];
            if from == Side::Server {
                drop(rows.remove(2)); // a server does not mask
            }
            let mut rows: Vec<Row> = rows
                .into_iter()
                .map(|(name, run)| Row { name, run, best: Duration::MAX })
                .collect();
            for _ in 0..ROUNDS {
                for row in &mut rows {
                    let (begin, mut runs) = (Instant::now(), 0);
                    let time = loop {
                        (row.run)(&wire, &mut inbox);
                        runs += 1;
                        let time = begin.elapsed();
                        if time >= AT_LEAST {
                            break time / runs;
                        }
                    };
                    row.best = row.best.min(time);
                }
            }
            let copied = rows[0].best.as_secs_f64();
            for Row { name, best, .. } in &rows {
                let time = best.as_secs_f64();
                let rate = wire.len() as f64 / time / 1e9;
                println!(
                    "from the {from:?}, {len:>7} B  {name:<18} {rate:6.2}  {:5.2}",
                    time / copied
                );
            }
        }
    }
}
