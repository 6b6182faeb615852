//! A relay: nothing but what its outboxes hold, whatever the length of a message.

use hybi::relay::{Masks, Relay, RelayConfig, Side as From, Verdict};

use super::*;

const KINDS: [(Masks, bool); 4] =
    [(Masks::Anew, false), (Masks::Anew, true), (Masks::Kept, false), (Masks::Kept, true)];

fn relay(masks: Masks, check_text: bool) -> Relay<Keys> {
    let config = RelayConfig::default().masks(masks).check_text(check_text);
    Relay::with_keys(config, || KEY)
}

#[test]
fn a_thousand_idle_relays() {
    assert_allocates_nothing(|| {
        for _ in 0..1000 {
            drop(std::hint::black_box(relay(Masks::Anew, true)));
        }
    });
}

/// A message of 64 MiB in frames of 16 MiB, in reads of 8 KiB, each written before the next.
#[test]
fn a_message_of_any_length_passes_through_the_room_of_one_read() {
    const READ: usize = 8 << 10;
    const FRAME: u64 = 16 << 20;
    for side in BOTH {
        let from = if side == Side::Server { From::Client } else { From::Server };
        for (masks, check_text) in KINDS {
            let mut relay = relay(masks, check_text);
            // All reads are alike, because their length is a multiple of the key's.
            let masked = side.incoming_part(0x00, READ as u64, &[b'x'; READ]);
            let payload = &masked[masked.len() - READ..];
            let mut piece = payload.to_vec();
            let start = |first| side.incoming_part(first, FRAME, b"");
            let headers = [start(0x01), start(0x00), start(0x00), start(0x80)];
            let mut headers = headers.map(|header| header.to_vec());
            let (_, peak, passed) = allocations(|| {
                let mut passed = 0;
                for header in &mut headers {
                    relay.pass(from, &mut Input::new(header), |_| Verdict::Pass).unwrap();
                    for _ in 0..FRAME / READ as u64 {
                        piece.copy_from_slice(payload);
                        relay.pass(from, &mut Input::new(&mut piece), |_| Verdict::Pass).unwrap();
                        let out = relay.outbox(from.other());
                        passed += out.len() as u64;
                        out.sent(usize::MAX);
                    }
                }
                passed
            });
            assert!(passed > 4 * FRAME && passed < 4 * FRAME + 100);
            assert!(peak <= 2 * (READ + 16), "{side:?}, {masks:?}: {peak} bytes");
        }
    }
}

/// Control frames, headers and code points that reads have split are all that a relay keeps.
#[test]
fn a_relay_keeps_less_than_a_control_frame() {
    for side in BOTH {
        let from = if side == Side::Server { From::Client } else { From::Server };
        let mut relay = relay(Masks::Anew, true);
        *relay.outbox(from.other()) = Outbox::with_capacity(1 << 10);
        let mut wire = [
            side.incoming(0x01, "\u{1f600}".as_bytes()),
            side.incoming(0x89, &[7; 125]),
            side.incoming(0x80, "\u{20ac}".as_bytes()),
        ]
        .concat();
        let before = LIVE.get();
        let (_, peak, ()) = allocations(|| {
            for byte in wire.chunks_mut(1) {
                relay.pass(from, &mut Input::new(byte), |_| Verdict::Pass).unwrap();
            }
        });
        assert!(peak <= 300, "{peak} bytes");
        assert_eq!(LIVE.get(), before, "it keeps nothing of what has passed");
    }
}

/// A flood of small frames that nobody reads costs what the driver reads, and no more.
#[test]
fn a_flood_costs_its_own_bytes() {
    for side in BOTH {
        let from = if side == Side::Server { From::Client } else { From::Server };
        for first in [0x89, 0x82, 0x81] {
            let flood = side.incoming(first, b"").repeat(10_000);
            let mut relay = relay(Masks::Anew, true);
            let mut bytes = flood.clone();
            let (_, peak, ()) = allocations(|| {
                relay.pass(from, &mut Input::new(&mut bytes), |_| Verdict::Pass).unwrap();
            });
            assert_eq!(relay.outbox(from.other()).len(), flood.len());
            assert_eq!(relay.outbox(from).len(), 0, "nothing comes back");
            assert!(peak <= 4 * flood.len(), "{peak} bytes for {}", flood.len());
        }
    }
}
