//! Properties of permessage-deflate (RFC 7692), for inputs that proptest makes up.

use std::num::NonZeroU32;

use hybi::extension::deflate::{Compression, DeflateConfig};
use hybi::{Config, ProtocolError};
use proptest::prelude::*;

use crate::bodies;
use crate::bodies::common::{BOTH, Mode, Run, pieces};
use crate::bodies::deflate::{Negotiated, Sent, Wishes, round_trip};

pub(crate) fn wishes() -> impl Strategy<Value = Wishes> {
    (8u8..=15, 8u8..=15, any::<(bool, bool)>(), 0u8..=9, 1u8..=9, 0usize..100).prop_map(
        |(outgoing, incoming, takeover, level, memory, from)| {
            Wishes::new(outgoing, incoming, takeover)
                .with(|config| config.level(level).memory_level(memory).compress_from(from))
        },
    )
}

fn negotiated() -> impl Strategy<Value = Negotiated> {
    (wishes(), wishes()).prop_map(|(client, server)| Negotiated::new(client, server))
}

/// What compresses well, badly and not at all.
fn message() -> impl Strategy<Value = Sent> {
    let words =
        prop_oneof![Just("alpha "), Just("βήτα "), Just("{\"id\":17,"), Just("😀"), Just("\n")];
    let text = proptest::collection::vec(words, 0..400).prop_map(|words| Ok(words.concat()));
    let noise = proptest::collection::vec(any::<u8>(), 0..3000).prop_map(Err);
    let blank = (0usize..80_000).prop_map(|len| Err(vec![0; len]));
    let compression = prop_oneof![3 => Just(Compression::Auto), 2 => Just(Compression::Always), 1 => Just(Compression::Never)];
    (
        prop_oneof![4 => text, 2 => noise, 1 => blank],
        proptest::collection::vec(any::<usize>(), 0..4),
        any::<bool>(),
        compression,
    )
        .prop_map(|(data, parts, pings, compression)| Sent { data, parts, pings, compression })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(any::<usize>(), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_arrives(
        negotiated in negotiated(),
        fragment in prop_oneof![Just(0u32), 1u32..2000],
        messages in proptest::collection::vec(message(), 1..6),
        cuts in cuts(),
    ) {
        round_trip(&negotiated, fragment, &messages, &cuts);
    }

    #[test]
    fn cuts_do_not_matter_however_broken_the_stream(
        negotiated in negotiated(),
        messages in proptest::collection::vec(message(), 1..4),
        mutations in proptest::collection::vec((any::<usize>(), 1u8..), 1..4),
        limit in prop_oneof![Just(u64::MAX), 0u64..100_000],
        times in proptest::option::of(1u32..200),
        cuts in cuts(),
    ) {
        for side in BOTH {
            let (mut sender, mut wire) = (negotiated.connection(side.peer(), Config::default()), Vec::new());
            for message in &messages {
                sender.set_compression(message.compression);
                let sent = match &message.data {
                    Ok(text) => sender.send(&**text, &mut wire),
                    Err(data) => sender.send(&**data, &mut wire),
                };
                prop_assert_eq!(sent, Ok(()));
            }
            for (at, change) in &mutations {
                let len = wire.len();
                wire[at % len] ^= change;
            }
            let limited = |config: DeflateConfig| {
                config.inflated_bytes_max(limit).expansion_max(times.and_then(NonZeroU32::new))
            };
            let limited = Negotiated {
                client: negotiated.client.with(limited),
                server: negotiated.server.with(limited),
                ..negotiated
            };
            let fresh = || limited.connection(side, Config::default());
            bodies::same_for_every_cut_on(&fresh, bodies::BACKLOG, &wire, &cuts);
        }
    }

    #[test]
    fn the_output_of_decompression_stays_within_its_bound(
        negotiated in negotiated(),
        len in 0usize..300_000,
        limit in 0u64..300_000,
        cuts in cuts(),
    ) {
        for side in BOTH {
            let (mut sender, mut wire) = (negotiated.connection(side.peer(), Config::default()), Vec::new());
            sender.set_compression(Compression::Always);
            sender.send(&*vec![7; len], &mut wire).unwrap();
            let is_compressed = wire[0] & 0x40 != 0;
            let limited = Negotiated {
                client: negotiated.client.with(|config| config.inflated_bytes_max(limit)),
                server: negotiated.server.with(|config| config.inflated_bytes_max(limit)),
                ..negotiated
            };
            let run = Run::of(&mut limited.connection(side, Config::default()), Mode::Chunks, pieces(&wire, &cuts));
            let too_big = is_compressed && len as u64 > limit;
            prop_assert_eq!(run.error, too_big.then_some(ProtocolError::InflatedTooBig));
            let expected = if too_big { limit } else { len as u64 };
            let got: usize = run.items.iter().map(|item| match item {
                bodies::common::Item::Chunks { data, .. } => data.0.len(),
                bodies::common::Item::Event(_) => 0,
            }).sum();
            prop_assert_eq!(got as u64, expected);
        }
    }

    #[test]
    fn arbitrary_bytes_are_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        bodies::deflate::negotiate(&bytes);
        bodies::deflate::inflate(&bytes);
    }

    #[test]
    fn every_two_configurations_agree(client in wishes(), server in wishes()) {
        Negotiated::new(client, server); // asserts it
    }
}
