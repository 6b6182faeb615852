//! The same outcome however the input was cut.

use super::*;

/// The data of the chunks before each control frame, and what ended it.
fn chunks(
    ws: &mut Ws,
    wire: &[u8],
    piece_len: usize,
) -> (Vec<(usize, bool)>, Option<ProtocolError>) {
    let (mut seen, mut len, mut out) = (Vec::new(), 0, Outbox::new());
    for piece in wire.chunks(piece_len) {
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        loop {
            match ws.receive_chunk(&mut input, &mut out) {
                Ok(None) => break,
                Ok(Some(ChunkEvent::Chunk(chunk))) => len += chunk.data.as_bytes().len(),
                Ok(Some(_)) => seen.push((len, true)),
                Err(violation) => {
                    seen.push((len, false));
                    return (seen, Some(violation));
                }
            }
        }
    }
    seen.push((len, false));
    (seen, None)
}

/// `n` zeros in fixed Huffman codes without an end, written from RFC 1951 §3.2.6: a literal 0, and copies of 258
/// bytes at distance 1 of 13 bits each.
fn zeros_without_end(copies: usize) -> Vec<u8> {
    let mut bits = String::from("0"); // not final
    bits.push_str("10"); // fixed codes
    bits.push_str("00110000"); // literal 0
    for _ in 0..copies {
        bits.push_str("11000101"); // length 258
        bits.push_str("00000"); // distance 1
    }
    packed(&bits)
}

#[test]
fn all_of_a_fragment_comes_out_before_the_next_frame_is_waited_for() {
    // The last of so many copies crosses the 64 KiB that come out at once, with all input read.
    let fragment = frame(false, true, OpCode::BINARY, &zeros_without_end(255));
    let ping = frame(true, false, OpCode::PING, b"ping");
    let expected = 1 + 255 * 258;
    for piece_len in [1, 7, usize::MAX] {
        let mut ws = client(DEFAULT, &DeflateConfig::default());
        assert_eq!(chunks(&mut ws, &fragment, piece_len), (vec![(expected, false)], None));
        // And a ping in pieces behind it neither waits for it nor hangs.
        let wire = [&fragment[..], &ping].concat();
        for split in 0..=ping.len() {
            let (front, back) = wire.split_at(fragment.len() + split);
            let mut ws = client(DEFAULT, &DeflateConfig::default());
            let mut pings: Vec<_> = chunks(&mut ws, front, piece_len).0;
            pings.extend(chunks(&mut ws, back, piece_len).0);
            assert!(pings.contains(&(if split == ping.len() { expected } else { 0 }, true)));
        }
    }
}

#[test]
fn the_expansion_is_judged_at_the_same_bytes() {
    // Much expansion first, none afterwards: over the limit on the way, though not at the end.
    let mut noise = stored(&[0x55; 40_000]);
    noise.pop();
    let mut wire = frame(false, true, OpCode::BINARY, &noise[..0]);
    let zeros = stored_zeros(20_000);
    wire.extend(frame(false, false, OpCode::CONTINUATION, &zeros));
    wire.extend(frame(true, false, OpCode::CONTINUATION, &[&noise[..], &[0]].concat()));
    for times in [1, 2, 4, 10, 20, 30] {
        let fresh =
            || client(DEFAULT, &DeflateConfig::default().expansion_max(NonZeroU32::new(times)));
        let whole = receive(&mut fresh(), &wire, usize::MAX);
        for piece_len in [1, 3, 100, 1024, 5000] {
            assert!(receive(&mut fresh(), &wire, piece_len) == whole, "{times} times, {piece_len}");
            assert_eq!(
                chunks(&mut fresh(), &wire, piece_len),
                chunks(&mut fresh(), &wire, usize::MAX)
            );
        }
        let passes = matches!(whole[..], [Seen::Binary(_)]);
        assert_eq!(passes, times >= 30, "{times} times");
    }
}

/// `len` zeros as another compressor's flushed blocks, with the tail.
fn stored_zeros(len: usize) -> Vec<u8> {
    let (mut ws, mut out) = (server(DEFAULT, &DeflateConfig::default()), Outbox::new());
    ws.send_part(&*vec![0; len], &mut out).unwrap();
    let mut out = out.take();
    let (_, header) = Header::decode(&out).unwrap();
    out.split_off(header)
}

#[test]
fn what_came_before_a_fault_is_handed_out() {
    // 300 sound bytes, then a block of the reserved type.
    let mut deflated = stored(&[7; 300]);
    *deflated.last_mut().unwrap() = 0x06;
    let broken = frame(true, true, OpCode::BINARY, &deflated);
    let whole = frame(true, true, OpCode::BINARY, &stored(&[7; 300]));
    for piece_len in [1, 5, usize::MAX] {
        let mut ws = client(DEFAULT, &DeflateConfig::default());
        let expected = (vec![(300, false)], Some(ProtocolError::NotDeflate));
        assert_eq!(chunks(&mut ws, &broken, piece_len), expected);
        let mut ws = client(DEFAULT, &DeflateConfig::default().inflated_bytes_max(299));
        let expected = (vec![(299, false)], Some(ProtocolError::InflatedTooBig));
        assert_eq!(chunks(&mut ws, &whole, piece_len), expected);
    }
}

/// A piece of output is full before the fault, and all input has been read: the message ends inside of a block.
#[test]
fn the_end_of_the_input_does_not_hide_a_fault_that_has_been_read() {
    // 254 copies and a literal are 65,533 bytes, one more fills the piece of 64 KiB.
    let mut wire = frame(true, true, OpCode::BINARY, &zeros_without_end(255));
    let (mut ws, mut out) = (client(DEFAULT, &DeflateConfig::default()), Outbox::new());
    let mut input = Input::new(&mut wire);
    let first = ws.receive_chunk(&mut input, &mut out).unwrap();
    let Some(ChunkEvent::Chunk(chunk)) = first else { panic!("{first:?}") };
    assert_eq!((chunk.data.as_bytes().len(), chunk.last), (64 << 10, false));
    assert!(input.is_empty(), "all has been read");
    let violation = ProtocolError::NotDeflate;
    assert_eq!(ws.end_of_input(&mut out), Err(EndOfInputError::Protocol(violation)));
    assert_eq!(out.len(), 6 + violation.reply().payload().len(), "a masked Close frame");
}

/// The limit of a message that is received in chunks holds for what is in hand, too, and no other does.
#[test]
fn the_end_of_the_input_knows_the_limit_of_the_message() {
    for (limit, want) in [
        (65_791, ProtocolError::NotDeflate), // as above: it is 65,791 bytes, and ends inside of a block
        (65_790, ProtocolError::InflatedTooBig),
    ] {
        let mut wire = frame(true, true, OpCode::BINARY, &zeros_without_end(255));
        let config = DeflateConfig::default().inflated_bytes_max(1000);
        let (mut ws, mut out) = (client(DEFAULT, &config), Outbox::new());
        let mut input = Input::new(&mut wire);
        assert!(ws.receive_chunk_within(limit, &mut input, &mut out).unwrap().is_some());
        assert!(input.is_empty(), "all has been read");
        assert_eq!(ws.end_of_input(&mut out), Err(EndOfInputError::Protocol(want)));
    }
}

/// As above, but nothing is wrong with it: the end comes after the message.
#[test]
fn output_that_is_pending_at_the_end_of_the_input_is_no_fault() {
    let payload = vec![0; 65_791]; // as much as 255 copies and a literal
    let mut wire = frame(true, true, OpCode::BINARY, &stored_zeros(payload.len()));
    let (mut ws, mut out) = (client(DEFAULT, &DeflateConfig::default()), Outbox::new());
    let mut input = Input::new(&mut wire);
    assert!(ws.receive_chunk(&mut input, &mut out).unwrap().is_some());
    let ended = ws.end_of_input(&mut out).unwrap_err();
    assert!(matches!(ended, EndOfInputError::CutOff(_)), "{ended:?}");
    assert!(out.is_empty());
}

/// RFC 7692 §7.2.3.6 gives an empty message an octet. A Perl framework sends it without, and other
/// implementations deliver it. The window is as before, and the next message refers to it.
#[test]
fn a_compressed_message_without_a_byte_is_empty_and_leaves_the_window() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let with_final_block = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]; // §7.2.3.4
    let without_its_octet = &with_final_block[..7];
    let referring = [0xf2, 0x00, 0x11, 0x00, 0x00]; // §7.2.3.2
    let whole = frame(true, true, OpCode::TEXT, b"");
    let in_two =
        [frame(false, true, OpCode::TEXT, b""), frame(true, false, OpCode::CONTINUATION, b"")]
            .concat();
    let in_three = [
        frame(false, true, OpCode::TEXT, b""),
        frame(false, false, OpCode::CONTINUATION, b""),
        frame(true, false, OpCode::CONTINUATION, b""),
    ]
    .concat();
    // As strict as can be: nothing comes out of it, so no limit is exceeded.
    let limits = DeflateConfig::default().expansion_max(NonZeroU32::new(2)).inflated_bytes_max(5);
    for empty in [&whole, &in_two, &in_three] {
        for before in [&hello[..], &with_final_block, without_its_octet] {
            for (offer, next) in
                [(DEFAULT, &referring[..]), (DEFAULT, &hello), (NO_TAKEOVER, &hello)]
            {
                let wire = [
                    &empty[..],
                    empty,
                    &frame(true, true, OpCode::TEXT, before),
                    empty,
                    &frame(true, true, OpCode::TEXT, next),
                    empty,
                ]
                .concat();
                let (hello, none) = (text("Hello"), text(""));
                let expected =
                    [none.clone(), none.clone(), hello.clone(), none.clone(), hello, none];
                check(|| client(offer, &limits), &wire, &expected);
            }
        }
    }
    // With a ping in it, and an empty first fragment of a message that is none.
    let wire = [
        frame(false, true, OpCode::BINARY, b""),
        frame(true, false, OpCode::PING, b"?"),
        frame(true, false, OpCode::CONTINUATION, b""),
        frame(false, true, OpCode::TEXT, b""),
        frame(false, false, OpCode::CONTINUATION, &hello[..3]),
        frame(true, false, OpCode::CONTINUATION, &hello[3..]),
    ]
    .concat();
    let expected = [Seen::Other("Ping([63])".into()), Seen::Binary(vec![]), text("Hello")];
    check(|| client(DEFAULT, &limits), &wire, &expected);
    // From a client, with a masking key and nothing to mask.
    let mut ws = server(DEFAULT, &limits);
    let wire = b"\xc1\x80\x01\x02\x03\x04\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\0";
    assert_eq!(receive(&mut ws, wire, 1), [text(""), text("Hello")]);
    // In chunks: one that is empty, the first and the last.
    let (mut ws, mut out, mut wire) = (client(DEFAULT, &limits), Outbox::new(), whole);
    let chunk = ws.receive_chunk(&mut Input::new(&mut wire), &mut out);
    assert!(matches!(
        chunk,
        Ok(Some(ChunkEvent::Chunk(chunk)))
            if chunk.first && chunk.last && chunk.data == ChunkData::Text("".into())
    ));
}

#[test]
fn a_message_that_ends_inside_a_block_is_not_deflate() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let referring = [0xf2, 0x00, 0x11, 0x00, 0x00];
    for deflated in [&hello[..], &stored(b"Hello"), &referring] {
        for end in (1..deflated.len()).filter(|&end| deflated[..end] != [0]) {
            // Whatever message came before, also one that ended with a final block.
            for before in [&hello[..], &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]] {
                let wire = [
                    frame(true, true, OpCode::TEXT, before),
                    frame(true, true, OpCode::BINARY, &deflated[..end]),
                ]
                .concat();
                let expected = [text("Hello"), Seen::Failed(ProtocolError::NotDeflate)];
                check(|| client(DEFAULT, &DeflateConfig::default()), &wire, &expected);
            }
        }
    }
}

#[test]
fn a_larger_window_than_agreed_is_read_however_it_is_cut() {
    // A peer that does not keep to its window of 512 bytes: other ends read it, too, and so do we, always.
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(3000)
    .collect();
    let twice = noise.repeat(2);
    let (mut ws, mut wire) = (server(DEFAULT, &DeflateConfig::default()), Outbox::new());
    ws.send(&*twice, &mut wire).unwrap();
    let wire = wire.take();
    assert!(wire.len() < 3200);
    let small = "permessage-deflate; server_max_window_bits=9";
    for piece_len in [1, 100, usize::MAX] {
        let seen = receive(&mut client(small, &DeflateConfig::default()), &wire, piece_len);
        assert!(seen == [Seen::Binary(twice.clone())]);
    }
}
