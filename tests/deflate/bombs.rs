//! Messages that grow when they are inflated.

use super::*;

/// A message of `len` zeros, as compressed by the other end.
fn zeros(len: usize) -> Vec<u8> {
    let config = DeflateConfig::default().level(9);
    let (mut ws, mut out) = (server(NO_TAKEOVER, &config), Outbox::new());
    ws.writer().set_compression(Compression::Always);
    ws.send(&*vec![0u8; len], &mut out).unwrap();
    out.take()
}

/// One message of `len` zeros: compared here, because a failed `assert_eq!` would print them.
fn are_zeros(seen: &[Seen], len: usize) -> bool {
    matches!(seen, [Seen::Binary(data)] if data.len() == len && data.iter().all(|byte| *byte == 0))
}

fn limited(bytes: u64) -> Ws {
    client(NO_TAKEOVER, &DeflateConfig::default().inflated_bytes_max(bytes))
}

#[test]
fn exactly_the_limit_passes_and_one_byte_more_is_too_big() {
    for len in [0usize, 1, 1000, 65_535, 65_536, 65_537, 1 << 20] {
        let wire = zeros(len);
        assert!(are_zeros(&receive(&mut limited(len as u64), &wire, usize::MAX), len), "{len}");
        if let Some(less) = (len as u64).checked_sub(1) {
            for piece_len in [usize::MAX, 7] {
                let failed = Seen::Failed(ProtocolError::InflatedTooBig);
                assert_eq!(receive(&mut limited(less), &wire, piece_len), [failed], "{len}");
            }
        }
    }
    assert_eq!(ProtocolError::InflatedTooBig.close_code(), CloseCode::TOO_BIG);
}

#[test]
fn the_limit_is_on_the_sum_over_fragments() {
    let wire = zeros(100_000);
    let payload = &wire[Header::decode(&wire).unwrap().1..];
    let mut wire = frame(false, true, OpCode::BINARY, b"");
    for byte in payload {
        wire.extend(frame(false, false, OpCode::CONTINUATION, &[*byte]));
    }
    wire.extend(frame(true, false, OpCode::CONTINUATION, b""));
    assert!(are_zeros(&receive(&mut limited(100_000), &wire, usize::MAX), 100_000));
    assert_eq!(
        receive(&mut limited(99_999), &wire, 1),
        [Seen::Failed(ProtocolError::InflatedTooBig)]
    );
}

#[test]
fn the_expansion_has_a_limit_of_its_own() {
    let wire = zeros(100_000);
    let compressed = wire.len() - Header::decode(&wire).unwrap().1 + 4;
    // The smallest ratio that lets it pass, and the one below.
    let ratio = 100_000usize.div_ceil(compressed) as u32;
    let with = |ratio| {
        client(NO_TAKEOVER, &DeflateConfig::default().expansion_max(NonZeroU32::new(ratio)))
    };
    assert!(are_zeros(&receive(&mut with(ratio), &wire, usize::MAX), 100_000));
    for piece_len in [1, usize::MAX] {
        assert_eq!(
            receive(&mut with(ratio - 1), &wire, piece_len),
            [Seen::Failed(ProtocolError::ExpansionTooHigh)]
        );
    }
    // Each message on its own: harmless ones before do not make up for a bomb.
    let harmless = frame(true, true, OpCode::BINARY, &stored(&[7; 10_000]));
    let wire = [harmless, wire].concat();
    let seen = receive(&mut with(ratio - 1), &wire, usize::MAX);
    assert_eq!(
        seen,
        [Seen::Binary(vec![7; 10_000]), Seen::Failed(ProtocolError::ExpansionTooHigh)]
    );
}

#[test]
fn final_blocks_cannot_be_used_to_make_us_work() {
    // An empty final block of two bytes (RFC 1951 §3.2.6), over and over: each asks for a new decompressor.
    let blocks = [0x03, 0x00].repeat(10_000);
    let wire = frame(true, true, OpCode::BINARY, &blocks);
    let failed = [Seen::Failed(ProtocolError::TooManyFinalBlocks)];
    check(|| client(DEFAULT, &DeflateConfig::default()), &wire, &failed);
}

#[test]
fn a_message_may_have_64_final_blocks_whatever_came_before_and_comes_behind() {
    for offer in [DEFAULT, NO_TAKEOVER] {
        let fresh = || client(offer, &DeflateConfig::default());
        // A message of ordinary blocks, and one whose last block is final (RFC 7692 §7.2.3.4).
        for before in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            for behind in [&[][..], &[0x00]] {
                for (blocks, expected) in [
                    (64, Seen::Binary(vec![])),
                    (65, Seen::Failed(ProtocolError::TooManyFinalBlocks)),
                ] {
                    let message = [&[0x03, 0x00].repeat(blocks)[..], behind].concat();
                    let wire = [
                        frame(true, true, OpCode::TEXT, before),
                        frame(true, true, OpCode::BINARY, &message),
                    ]
                    .concat();
                    check(fresh, &wire, &[text("Hello"), expected]);
                }
            }
        }
    }
}

#[test]
fn chunks_come_out_while_the_rest_is_on_its_way_and_are_bounded() {
    let wire = zeros(10 << 20);
    let mut ws = limited(u64::MAX);
    let (mut total, mut most, mut before_end) = (0, 0, 0);
    for (i, piece) in wire.chunks(100).enumerate() {
        let (mut inbox, mut out) = (piece.to_vec(), Outbox::new());
        let mut input = Input::new(&mut inbox);
        while let Some(event) = ws.receive_chunk(&mut input, &mut out).unwrap() {
            let ChunkEvent::Chunk(chunk) = event else { panic!("data") };
            assert_eq!(chunk.first, total == 0);
            total += chunk.data.as_bytes().len();
            most = most.max(chunk.data.as_bytes().len());
            assert_eq!(chunk.last, total == 10 << 20);
        }
        if i == wire.len() / 200 {
            before_end = total;
        }
    }
    assert_eq!(total, 10 << 20);
    assert!(most <= 64 << 10, "{most}");
    assert!(before_end > 4 << 20, "{before_end}: halfway in, nearly half is out");
}

#[test]
fn limits_on_the_wire_are_separate() {
    let keys: fn() -> [u8; 4] = || [0; 4];
    let config = Config::default().limits(Limits::default().message_bytes_max(10));
    let fresh = || {
        Connection::client_with_keys(config, keys)
            .with_deflate(&agree(NO_TAKEOVER), &DeflateConfig::default())
    };
    let eleven = frame(true, true, OpCode::BINARY, &stored(b"12345"));
    check(fresh, &eleven, &[Seen::Failed(ProtocolError::MessageTooBig { len: 11 })]);
    check(
        fresh,
        &frame(true, true, OpCode::BINARY, &stored(b"1234")),
        &[Seen::Binary(b"1234".to_vec())],
    );
}

#[test]
fn a_message_in_chunks_can_have_a_limit_of_its_own_that_holds_before_and_after_inflating() {
    let wire = zeros(1 << 20);
    let wire_len = (wire.len() - Header::decode(&wire).unwrap().1) as u64;
    let receive = |ws: &mut Ws, limit: u64, wire: &[u8]| {
        let (mut total, mut out) = (0, Outbox::new());
        for piece in wire.chunks(100) {
            let mut inbox = piece.to_vec();
            let mut input = Input::new(&mut inbox);
            while let Some(event) = ws.receive_chunk_within(limit, &mut input, &mut out)? {
                let ChunkEvent::Chunk(chunk) = event else { panic!("{event:?}") };
                total += chunk.data.as_bytes().len();
            }
        }
        Ok(total)
    };
    let too_big = |len| Err(ProtocolError::MessageTooBig { len });
    for (limit, expected) in [
        (1 << 20, Ok(1 << 20)),
        ((1 << 20) - 1, Err(ProtocolError::InflatedTooBig)),
        (wire_len, Err(ProtocolError::InflatedTooBig)),
        (wire_len - 1, too_big(wire_len)),
    ] {
        // Neither of the usual limits matters.
        let limits = Limits::default().frame_bytes_max(1).message_bytes_max(1);
        let config = DeflateConfig::default().inflated_bytes_max(1);
        let keys: fn() -> [u8; 4] = || [0; 4];
        let mut ws = Connection::client_with_keys(Config::default().limits(limits), keys)
            .with_deflate(&agree(NO_TAKEOVER), &config);
        assert_eq!(receive(&mut ws, limit, &wire), expected, "{limit}");
    }
    // How far it may expand is a limit of its own still.
    let config = DeflateConfig::default().expansion_max(NonZeroU32::new(100));
    let error = receive(&mut client(NO_TAKEOVER, &config), u64::MAX, &wire);
    assert_eq!(error, Err(ProtocolError::ExpansionTooHigh));
    // A message that has inflated to more than a whole one may have is not returned as the rest.
    let mut ws = limited(1000);
    let (front, back) = wire.split_at(wire.len() / 2);
    assert!(receive(&mut ws, u64::MAX, front).unwrap() > 1000);
    let (mut inbox, mut out) = (back.to_vec(), Outbox::new());
    let error = ws.receive(&mut Input::new(&mut inbox), &mut out);
    assert_eq!(error, Err(ProtocolError::InflatedTooBig));
}
