//! Compressed messages through a relay: untouched, with RSV1 where RFC 7692 has it.

use hybi::relay::{Masks, Relay, RelayConfig, RelayError, Side, Verdict};

use super::*;

type Keys = fn() -> [u8; 4];

/// Compressed messages reach the other end through a relay, with context takeover, in any pieces,
/// and whatever the relay does to masks.
#[test]
fn both_ends_understand_each_other_through_a_relay() {
    for masks in [Masks::Anew, Masks::Kept] {
        for piece_len in [1, 7, 1000, usize::MAX] {
            let config = DeflateConfig::default().compress_from(0);
            let mut ends =
                (client("permessage-deflate", &config), server("permessage-deflate", &config));
            let mut relay = Relay::with_keys(
                RelayConfig::default().deflate(true).check_text(true).masks(masks),
                (|| [5, 6, 7, 8]) as Keys,
            );
            let said = ["Hello, hello", "Hello, hello again", "", "\u{20ac}\u{1f600}"];
            let (mut from_client, mut from_server) = (Outbox::new(), Outbox::new());
            for text in said {
                ends.0.send(text, &mut from_client).unwrap();
                ends.1.send(text, &mut from_server).unwrap();
                ends.0.send_part(text, &mut from_client).unwrap();
                ends.0.ping(b"", &mut from_client).unwrap();
                ends.0.send_last_part(text, &mut from_client).unwrap();
            }
            let mut pass = |from: Side, out: &mut Outbox| {
                let wire = out.take();
                for piece in wire.chunks(piece_len.min(wire.len())) {
                    let mut piece = piece.to_vec();
                    relay.pass(from, &mut Input::new(&mut piece), |_| Verdict::Pass).unwrap();
                }
                (wire, relay.outbox(from.other()).take())
            };
            let (wire, passed) = pass(Side::Server, &mut from_server);
            assert_eq!(wire, passed, "a server does not mask");
            let heard = receive(&mut ends.0, &passed, 1000);
            assert_eq!(heard, said.map(|text| Seen::Text(text.into())));

            let (wire, passed) = pass(Side::Client, &mut from_client);
            assert_eq!(wire == passed, masks == Masks::Kept);
            let ping = Seen::Other("Ping([])".into());
            let heard = receive(&mut ends.1, &passed, 1000);
            let want: Vec<_> = said
                .into_iter()
                .flat_map(|text| {
                    [Seen::Text(text.into()), ping.clone(), Seen::Text(text.repeat(2))]
                })
                .collect();
            assert_eq!(heard, want);
        }
    }
}

/// The relay does not decompress, so what is not DEFLATE data is for the receiver to find.
#[test]
fn a_relay_says_of_a_compressed_stream_what_a_connection_says_of_its_frames() {
    for (wire, error) in [
        (&b"\xc1\x01\xff"[..], None),                 // no DEFLATE data
        (b"\x41\x00\xc0\x00", Some("reserved-bits")), // RFC 7692 §6.1
        (b"\xc9\x00", Some("reserved-bits")),
        (b"\xa1\x00", Some("reserved-bits")),
        (b"\x41\x00\x81\x00", Some("message-inside-message")),
    ] {
        let config = RelayConfig::default().deflate(true).check_text(true);
        let mut relay = Relay::with_keys(config, (|| [5, 6, 7, 8]) as Keys);
        let mut bytes = wire.to_vec();
        let passed = relay.pass(Side::Server, &mut Input::new(&mut bytes), |_| Verdict::Pass);
        assert_eq!(passed.err().map(RelayError::name), error, "{wire:02x?}");
        let mut behind = client("permessage-deflate", &DeflateConfig::default());
        let direct =
            receive(&mut client("permessage-deflate", &DeflateConfig::default()), wire, 99);
        let heard = receive(&mut behind, &relay.outbox(Side::Client).take(), 99);
        match error {
            None => assert_eq!(heard, direct),
            Some(error) => {
                let failed = |seen: &Seen| matches!(seen, Seen::Failed(e) if e.name() == error);
                assert!(direct.last().is_some_and(failed), "{direct:?}");
                assert!(matches!(&heard[..], [.., Seen::Other(close)] if close.contains("1002")));
            }
        }
    }
}
