//! permessage-deflate (RFC 7692) through the public API.
#![cfg(feature = "deflate")]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

#[path = "../../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "a crate of its own elsewhere")]
mod bodies;
mod properties;

use std::num::NonZeroU32;

use hybi::connection::{ChunkData, ChunkEvent, Kind};
use hybi::extension::deflate::{self, Agreed, Compression, DeflateConfig, Disagreement};
use hybi::extension::{Offer, Offers};
use hybi::frame::{Header, Mask, OpCode, Reserved};
use hybi::{Client, CloseCode, Config, Connection, Event, Input, Limits, Role, Server, Violation};

/// What a client learns from a message, a ping or an error; text and bytes alike.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Other(String),
    Failed(Violation),
}

type Ws = Connection<Client<fn() -> [u8; 4]>>;

fn agree(offer: &str) -> Agreed {
    let offers = Offers::new(offer.as_bytes()).map(Result::unwrap);
    deflate::accept(&DeflateConfig::default(), offers).expect("acceptable")
}

/// A client's connection, so that input need not be masked.
fn client(offer: &str, config: &DeflateConfig) -> Ws {
    let keys: fn() -> [u8; 4] = || [0x11, 0x22, 0x33, 0x44];
    Connection::client_with_keys(Config::default(), keys).with_deflate(&agree(offer), config)
}

fn server(offer: &str, config: &DeflateConfig) -> Connection<Server> {
    Connection::server(Config::default()).with_deflate(&agree(offer), config)
}

/// Feeds `wire` in pieces of `piece_len`.
fn receive<R: Role>(ws: &mut Connection<R>, wire: &[u8], piece_len: usize) -> Vec<Seen> {
    let (mut seen, mut out) = (Vec::new(), Vec::new());
    for piece in wire.chunks(piece_len.max(1)) {
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        loop {
            match ws.receive(&mut input, &mut out) {
                Ok(None) => break,
                Ok(Some(Event::Text(text))) => seen.push(Seen::Text(text.into_owned())),
                Ok(Some(Event::Binary(data))) => seen.push(Seen::Binary(data.into_owned())),
                Ok(Some(event)) => seen.push(Seen::Other(format!("{event:?}"))),
                Err(violation) => seen.push(Seen::Failed(violation)),
            }
        }
        assert!(input.is_empty());
    }
    seen
}

/// The same for every size of piece, on fresh connections.
#[track_caller]
fn check(fresh: impl Fn() -> Ws, wire: &[u8], expected: &[Seen]) {
    for piece_len in (1..=wire.len().min(20)).chain([wire.len()]) {
        assert_eq!(receive(&mut fresh(), wire, piece_len), expected, "pieces of {piece_len}: {wire:02x?}");
    }
}

fn text(text: &str) -> Seen {
    Seen::Text(text.into())
}

/// A frame from a server.
fn frame(fin: bool, rsv1: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let reserved = if rsv1 { Reserved::RSV1 } else { Reserved::NONE };
    let header = Header { fin, reserved, ..Header::new(opcode, payload.len() as u64) };
    [&*header.encode(), payload].concat()
}

/// A compressed message made of stored blocks only, written from RFC 1951 §3.2.4 without any compressor.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut deflated = Vec::new();
    for block in bytes.chunks(0xffff) {
        deflated.push(0);
        deflated.extend((block.len() as u16).to_le_bytes());
        deflated.extend((!(block.len() as u16)).to_le_bytes());
        deflated.extend(block);
    }
    deflated.push(0);
    deflated
}

const DEFAULT: &str = "permessage-deflate";
const NO_TAKEOVER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

mod rfc_7692_section_7_2_3 {
    use super::*;

    const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

    #[test]
    fn one_message_whole_and_in_fragments() {
        let fresh = || client(DEFAULT, &DeflateConfig::default());
        check(fresh, &[&[0xc1, 0x07][..], &HELLO].concat(), &[text("Hello")]);
        check(fresh, &[0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00], &[text("Hello")]);
    }

    #[test]
    fn the_window_is_shared_between_messages() {
        let fresh = || client(DEFAULT, &DeflateConfig::default());
        let second = [0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00];
        let wire = [&[0xc1, 0x07][..], &HELLO, &second].concat();
        check(fresh, &wire, &[text("Hello"), text("Hello")]);
        // §7.2.3.2: uncompressed messages in between do not affect the window.
        let wire = [&[0xc1, 0x07][..], &HELLO, &[0x81, 0x02, b'h', b'i'], &second].concat();
        check(fresh, &wire, &[text("Hello"), text("hi"), text("Hello")]);
        // Without takeover, the second message refers to nothing.
        let fresh = || client(NO_TAKEOVER, &DeflateConfig::default());
        let wire = [&[0xc1, 0x07][..], &HELLO, &second].concat();
        check(fresh, &wire, &[text("Hello"), Seen::Failed(Violation::NotDeflate)]);
    }

    #[test]
    fn a_block_without_compression() {
        let wire = [0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        check(|| client(DEFAULT, &DeflateConfig::default()), &wire, &[text("Hello")]);
    }

    #[test]
    fn a_final_block() {
        let fresh = || client(DEFAULT, &DeflateConfig::default());
        let message = [0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        check(fresh, &message, &[text("Hello")]);
        // It ends neither the connection's compression nor its window.
        let referring = [0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00];
        let wire = [&message[..], &message, &referring, &referring].concat();
        check(fresh, &wire, &[text("Hello"), text("Hello"), text("Hello"), text("Hello")]);
        let fresh = || client(NO_TAKEOVER, &DeflateConfig::default());
        check(fresh, &[message, message].concat(), &[text("Hello"), text("Hello")]);
    }

    #[test]
    fn two_blocks_in_one_message() {
        let wire = [0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        check(|| client(DEFAULT, &DeflateConfig::default()), &wire, &[text("Hello")]);
    }

    #[test]
    fn an_empty_message_and_an_empty_last_fragment() {
        let fresh = || client(DEFAULT, &DeflateConfig::default());
        check(fresh, &[0xc1, 0x01, 0x00], &[text("")]);
        // All of "Hello" with its tail in the first fragment, an empty block in the last.
        let first = [&HELLO[..], &[0x00, 0x00, 0xff, 0xff]].concat();
        let wire = [frame(false, true, OpCode::TEXT, &first), frame(true, false, OpCode::CONTINUATION, &[0])]
            .concat();
        check(fresh, &wire, &[text("Hello")]);
    }

    #[test]
    fn we_send_the_same() {
        let config = DeflateConfig::default().compress_from(0);
        let (mut ws, mut out) = (server(DEFAULT, &config), Vec::new());
        ws.send("Hello", &mut out).unwrap();
        assert_eq!(out, [&[0xc1, 0x07][..], &HELLO].concat());
        out.clear();
        ws.send("Hello", &mut out).unwrap();
        // The RFC's bytes (a letter and a copy) or one copy of all: the backend's choice.
        assert!(out.len() <= 7);
        ws.send("", &mut out).unwrap();
        assert!(out.ends_with(&[0xc1, 0x01, 0x00]));
        ws.send("Hello", &mut out).unwrap();
        let wire = [&[0xc1, 0x07][..], &HELLO, &out].concat();
        let hello = text("Hello");
        let expected = [hello.clone(), hello.clone(), text(""), hello];
        check(|| client(DEFAULT, &DeflateConfig::default()), &wire, &expected);
    }
}

#[test]
fn a_final_block_in_the_middle_of_a_message_keeps_the_window() {
    // A stored final block "abcd"; then fixed Huffman codes for a copy of 4 bytes at distance 4 (RFC 1951 §3.2.6):
    // header 0,01; length code 258 = 0000010; distance code 3 = 00011; end of block 0000000.
    let bits = concat!("0", "10", "0000010", "00011", "0000000");
    let mut block = vec![0u8; bits.len().div_ceil(8)];
    for (i, bit) in bits.bytes().enumerate() {
        block[i / 8] |= (bit - b'0') << (i % 8);
    }
    // A stored, empty block ends it at a byte border; its tail is left out.
    let free = block.len() * 8 - bits.len();
    if free < 3 {
        block.push(0);
    }
    let message = [&[0x01, 4, 0, 0xfb, 0xff, b'a', b'b', b'c', b'd'][..], &block].concat();
    for offer in [DEFAULT, NO_TAKEOVER] {
        let fresh = || client(offer, &DeflateConfig::default());
        check(fresh, &frame(true, true, OpCode::TEXT, &message), &[text("abcdabcd")]);
    }
}

#[test]
fn rsv1_belongs_on_the_first_frame_of_a_data_message_and_nowhere_else() {
    let rsv1 = Seen::Failed(Violation::ReservedBits { bits: Reserved::RSV1 });
    let fresh = || client(DEFAULT, &DeflateConfig::default());
    for opcode in [OpCode::PING, OpCode::PONG, OpCode::CLOSE] {
        check(fresh, &frame(true, true, opcode, b""), std::slice::from_ref(&rsv1));
    }
    let begun = frame(false, true, OpCode::TEXT, &[0xf2, 0x48]);
    let wire = [begun, frame(true, true, OpCode::CONTINUATION, &[0xcd])].concat();
    check(fresh, &wire, std::slice::from_ref(&rsv1));
    // The other two stay reserved, also next to RSV1.
    for bits in [0b010, 0b001, 0b110, 0b101, 0b111] {
        let bits = Reserved::new(bits).unwrap();
        let header = Header { reserved: bits, ..Header::new(OpCode::TEXT, 0) };
        check(fresh, &header.encode(), &[Seen::Failed(Violation::ReservedBits { bits })]);
    }
    // Nothing negotiated: RSV1 is reserved.
    let keys: fn() -> [u8; 4] = || [0; 4];
    check(
        || Connection::client_with_keys(Config::default(), keys),
        &frame(true, true, OpCode::TEXT, &[0]),
        &[rsv1],
    );
}

#[test]
fn text_is_validated_as_it_is_inflated() {
    let fresh = || client(DEFAULT, &DeflateConfig::default());
    // In a message whose last frame has not come: the third byte cannot follow.
    let wire = frame(false, true, OpCode::TEXT, &stored(b"ok \xe2\x28 and more"));
    check(fresh, &wire, &[Seen::Failed(Violation::TextNotUtf8)]);
    // A code point cut in two by the end of a message, of a block and of a fragment.
    check(
        fresh,
        &frame(true, true, OpCode::TEXT, &stored(b"\xe2\x82")),
        &[Seen::Failed(Violation::TextNotUtf8)],
    );
    let blocks = [&stored("€".as_bytes()[..1].as_ref())[..6], &stored(&"€".as_bytes()[1..])].concat();
    check(fresh, &frame(true, true, OpCode::TEXT, &blocks), &[text("€")]);
    let wire = [
        frame(false, true, OpCode::TEXT, &blocks[..8]),
        frame(true, false, OpCode::PING, b"!"),
        frame(true, false, OpCode::CONTINUATION, &blocks[8..]),
    ]
    .concat();
    check(fresh, &wire, &[Seen::Other("Ping([33])".into()), text("€")]);
    // What is not DEFLATE at all: a block of the reserved type.
    check(fresh, &frame(true, true, OpCode::TEXT, &[0x06]), &[Seen::Failed(Violation::NotDeflate)]);
    assert_eq!(Violation::NotDeflate.close_code(), CloseCode::INVALID_DATA);
}

#[test]
fn the_tail_may_stand_anywhere() {
    // A sender that leaves it in, in the last fragment or before, or has it in its data.
    let fresh = || client(DEFAULT, &DeflateConfig::default());
    let tail = [0x00, 0x00, 0xff, 0xff];
    let whole = [&stored(&tail)[..], &tail, &[0]].concat();
    for cut in 0..=whole.len() {
        let wire = [
            frame(false, true, OpCode::BINARY, &whole[..cut]),
            frame(true, false, OpCode::CONTINUATION, &whole[cut..]),
        ]
        .concat();
        check(fresh, &wire, &[Seen::Binary(tail.to_vec())]);
    }
}

#[test]
fn a_pair_agrees_in_every_configuration() {
    let words = ["alpha ", "beta ", "gamma ", "δέλτα ", "\u{1F600}"];
    let mut state = 7u32;
    let mut random = move |n: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % n
    };
    for outgoing in [8, 9, 12, 15] {
        for incoming in [8, 10, 15] {
            for takeover in [(true, true), (false, true), (true, false), (false, false)] {
                for memory in [1, 9] {
                    let config = DeflateConfig::default()
                        .window_bits(outgoing, incoming)
                        .context_takeover(takeover.0, takeover.1)
                        .memory_level(memory)
                        .compress_from(20);
                    let offered = deflate::offer(&config);
                    let agreed =
                        deflate::accept(&config, Offers::new(offered.as_bytes()).map(Result::unwrap))
                            .unwrap();
                    let answer = agreed.to_string();
                    let answered = Offers::new(answer.as_bytes()).next().unwrap().unwrap();
                    assert_eq!(deflate::conclude(&config, &answered), Ok(agreed));

                    let config_ws = Config::default().fragment_bytes(NonZeroU32::new(1000).unwrap());
                    let keys: fn() -> [u8; 4] = || [0xa5, 0x5a, 0x00, 0xff];
                    let mut client =
                        Connection::client_with_keys(config_ws, keys).with_deflate(&agreed, &config);
                    let mut server = Connection::server(config_ws).with_deflate(&agreed, &config);
                    for _ in 0..12 {
                        let message: String = (0..random(3000)).map(|_| words[random(words.len())]).collect();
                        let (mut wire, mut back) = (Vec::new(), Vec::new());
                        client.send(&*message, &mut wire).unwrap();
                        assert_eq!(receive(&mut server, &wire, 1 + random(5000)), [text(&message)]);
                        server.send(message.as_bytes(), &mut back).unwrap();
                        assert_eq!(
                            receive(&mut client, &back, 1 + random(5000)),
                            [Seen::Binary(message.into_bytes())]
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn the_agreed_window_bounds_what_is_sent() {
    // A message that repeats itself at a distance of 2,000 bytes: a window of 1,024 cannot see that.
    let mut state = 1u64;
    let mut noise = Vec::new();
    noise.resize_with(2000, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    noise.extend_from_within(..);
    let len = |offer: &str| {
        let (mut ws, mut out) = (server(offer, &DeflateConfig::default()), Vec::new());
        ws.send(&*noise, &mut out).unwrap();
        out.len()
    };
    assert!(len("permessage-deflate; server_max_window_bits=12") < 3000);
    assert!(len("permessage-deflate; server_max_window_bits=10") > 3900);
    // A window that the backend has not got: uncompressed, so RSV1 stays clear.
    let (mut ws, mut out) =
        (server("permessage-deflate; server_max_window_bits=8", &DeflateConfig::default()), Vec::new());
    ws.send(&*noise, &mut out).unwrap();
    assert_eq!(out[0], 0x82);
}

#[test]
fn what_we_send_refers_back_only_if_that_was_agreed_and_is_wanted() {
    fn refers_back<R: Role>(mut ws: Connection<R>) -> bool {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        ws.send("Hello", &mut first).unwrap();
        ws.send("Hello", &mut second).unwrap();
        first != second
    }
    // RFC 7692 §7.2.1: without takeover a message is compressed as the first was. Each direction has its own parameter.
    for (offer, server_may, client_may) in [
        ("permessage-deflate", true, true),
        ("permessage-deflate; server_no_context_takeover", false, true),
        ("permessage-deflate; client_no_context_takeover", true, false),
    ] {
        for is_wanted in [true, false] {
            let config = DeflateConfig::default().context_takeover(is_wanted, true).compress_from(0);
            assert_eq!(refers_back(server(offer, &config)), server_may && is_wanted, "{offer}, {is_wanted}");
            assert_eq!(refers_back(client(offer, &config)), client_may && is_wanted, "{offer}, {is_wanted}");
        }
    }
}

#[test]
fn the_caller_decides_what_is_compressed() {
    let config = DeflateConfig::default().compress_from(100);
    let (mut ws, mut out) = (server(DEFAULT, &config), Vec::new());
    let mut rsv1 = |ws: &mut Connection<Server>, len: usize| {
        out.clear();
        ws.send(&*vec![b'a'; len], &mut out).unwrap();
        out[0] & 0x40 != 0
    };
    assert!(!rsv1(&mut ws, 99));
    assert!(rsv1(&mut ws, 100));
    ws.set_compression(Compression::Never);
    assert!(!rsv1(&mut ws, 1000));
    ws.set_compression(Compression::Always);
    assert!(rsv1(&mut ws, 1));
    ws.set_compression(Compression::Auto);
    assert!(!rsv1(&mut ws, 1));
}

#[test]
fn parts_are_compressed_as_parts() {
    let (mut ws, mut out) = (server(DEFAULT, &DeflateConfig::default()), Vec::new());
    let mut peer = client(DEFAULT, &DeflateConfig::default());
    let (mut seen, mut flags) = (Vec::new(), Vec::new());
    let mut step = |ws: &mut Connection<Server>, part: &str, last: bool| {
        out.clear();
        if last { ws.send_last_part(part, &mut out) } else { ws.send_part(part, &mut out) }.unwrap();
        ws.ping(b"", &mut out).unwrap();
        flags.push(out[0]);
        let mut input = Input::new(&mut out);
        let mut replies = Vec::new();
        while let Some(event) = peer.receive_chunk(&mut input, &mut replies).unwrap() {
            if let ChunkEvent::Chunk(chunk) = event {
                let ChunkData::Text(text) = chunk.data else { panic!("text") };
                seen.push((text.into_owned(), chunk.first, chunk.last));
            }
        }
    };
    // Each part can be read when it has been sent.
    step(&mut ws, "first ", false);
    step(&mut ws, "second ", false);
    step(&mut ws, "", false);
    step(&mut ws, "last", true);
    step(&mut ws, "again", false);
    step(&mut ws, "", true);
    let expected = [
        ("first ", true, false),
        ("second ", false, false),
        ("last", false, true),
        ("again", true, false),
        ("", false, true),
    ];
    assert_eq!(seen, expected.map(|(text, first, last)| (text.to_owned(), first, last)));
    assert_eq!(flags, [0x41, 0x00, 0x00, 0x80, 0x41, 0x80]);
}

#[test]
fn a_printed_connection_says_how_it_compresses_and_no_word_of_its_messages() {
    let config = DeflateConfig::default().compress_from(0);
    let mut ws = server("permessage-deflate; client_max_window_bits=10", &config.window_bits(15, 10));
    let mut peer = client("permessage-deflate", &config);
    let (mut wire, mut back) = (Vec::new(), Vec::new());
    ws.set_compression(Compression::Always);
    ws.send("Sesame", &mut wire).unwrap();
    peer.send("Sesame", &mut back).unwrap();
    assert_eq!(receive(&mut ws, &back, usize::MAX), [text("Sesame")]);
    let printed = format!("{ws:?}");
    assert!(printed.contains("Inflater { window_bits: 10, .. }"), "{printed}");
    assert!(printed.contains("Deflater { compression: Always, .. }"), "{printed}");
    let numbers = format!("{:?}", b"Sesame");
    for secret in ["Sesame", numbers.trim_matches(['[', ']'])] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn an_uncompressed_message_in_place_stays_so() {
    let mut ws = client(DEFAULT, &DeflateConfig::default());
    let mut payload = *b"in place";
    let header = ws.mask_in_place(Kind::Text, &mut payload).unwrap();
    assert_eq!(header[0], 0x81);
    Mask::new([0x11, 0x22, 0x33, 0x44]).apply(&mut payload);
    assert_eq!(&payload, b"in place");
}

mod bombs {
    use super::*;

    /// A message of `len` zeros, as compressed by the other end.
    fn zeros(len: usize) -> Vec<u8> {
        let config = DeflateConfig::default().level(9);
        let (mut ws, mut out) = (server(NO_TAKEOVER, &config), Vec::new());
        ws.set_compression(Compression::Always);
        ws.send(&*vec![0u8; len], &mut out).unwrap();
        out
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
                    let failed = Seen::Failed(Violation::InflatedTooBig);
                    assert_eq!(receive(&mut limited(less), &wire, piece_len), [failed], "{len}");
                }
            }
        }
        assert_eq!(Violation::InflatedTooBig.close_code(), CloseCode::TOO_BIG);
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
        assert_eq!(receive(&mut limited(99_999), &wire, 1), [Seen::Failed(Violation::InflatedTooBig)]);
    }

    #[test]
    fn the_expansion_has_a_limit_of_its_own() {
        let wire = zeros(100_000);
        let compressed = wire.len() - Header::decode(&wire).unwrap().1 + 4;
        // The smallest ratio that lets it pass, and the one below.
        let ratio = 100_000usize.div_ceil(compressed) as u32;
        let with =
            |ratio| client(NO_TAKEOVER, &DeflateConfig::default().expansion_max(NonZeroU32::new(ratio)));
        assert!(are_zeros(&receive(&mut with(ratio), &wire, usize::MAX), 100_000));
        for piece_len in [1, usize::MAX] {
            assert_eq!(
                receive(&mut with(ratio - 1), &wire, piece_len),
                [Seen::Failed(Violation::ExpansionTooHigh)]
            );
        }
        // Each message on its own: harmless ones before do not make up for a bomb.
        let harmless = frame(true, true, OpCode::BINARY, &stored(&[7; 10_000]));
        let wire = [harmless, wire].concat();
        let seen = receive(&mut with(ratio - 1), &wire, usize::MAX);
        assert_eq!(seen, [Seen::Binary(vec![7; 10_000]), Seen::Failed(Violation::ExpansionTooHigh)]);
    }

    #[test]
    fn final_blocks_cannot_be_used_to_make_us_work() {
        // An empty final block of two bytes (RFC 1951 §3.2.6), over and over: each asks for a new decompressor.
        let blocks = [0x03, 0x00].repeat(10_000);
        let wire = frame(true, true, OpCode::BINARY, &blocks);
        let failed = [Seen::Failed(Violation::TooManyFinalBlocks)];
        check(|| client(DEFAULT, &DeflateConfig::default()), &wire, &failed);
    }

    #[test]
    fn a_message_may_have_64_final_blocks_whatever_came_before_and_comes_behind() {
        for offer in [DEFAULT, NO_TAKEOVER] {
            let fresh = || client(offer, &DeflateConfig::default());
            // A message of ordinary blocks, and one whose last block is final (RFC 7692 §7.2.3.4).
            for before in
                [&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]]
            {
                for behind in [&[][..], &[0x00]] {
                    for (blocks, expected) in
                        [(64, Seen::Binary(vec![])), (65, Seen::Failed(Violation::TooManyFinalBlocks))]
                    {
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
            let (mut inbox, mut out) = (piece.to_vec(), Vec::new());
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
        check(fresh, &eleven, &[Seen::Failed(Violation::MessageTooBig { len: 11 })]);
        check(fresh, &frame(true, true, OpCode::BINARY, &stored(b"1234")), &[Seen::Binary(b"1234".to_vec())]);
    }
}

mod whatever_the_cuts {
    use super::*;

    /// The data of the chunks before each control frame, and what ended it.
    fn chunks(ws: &mut Ws, wire: &[u8], piece_len: usize) -> (Vec<(usize, bool)>, Option<Violation>) {
        let (mut seen, mut len, mut out) = (Vec::new(), 0, Vec::new());
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
        let mut bytes = vec![0u8; bits.len().div_ceil(8)];
        for (i, bit) in bits.bytes().enumerate() {
            bytes[i / 8] |= (bit - b'0') << (i % 8);
        }
        bytes
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
            let fresh = || client(DEFAULT, &DeflateConfig::default().expansion_max(NonZeroU32::new(times)));
            let whole = receive(&mut fresh(), &wire, usize::MAX);
            for piece_len in [1, 3, 100, 1024, 5000] {
                assert!(receive(&mut fresh(), &wire, piece_len) == whole, "{times} times, {piece_len}");
                assert_eq!(chunks(&mut fresh(), &wire, piece_len), chunks(&mut fresh(), &wire, usize::MAX));
            }
            let passes = matches!(whole[..], [Seen::Binary(_)]);
            assert_eq!(passes, times >= 30, "{times} times");
        }
    }

    /// `len` zeros as another compressor's flushed blocks, with the tail.
    fn stored_zeros(len: usize) -> Vec<u8> {
        let (mut ws, mut out) = (server(DEFAULT, &DeflateConfig::default()), Vec::new());
        ws.send_part(&*vec![0; len], &mut out).unwrap();
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
            let expected = (vec![(300, false)], Some(Violation::NotDeflate));
            assert_eq!(chunks(&mut ws, &broken, piece_len), expected);
            let mut ws = client(DEFAULT, &DeflateConfig::default().inflated_bytes_max(299));
            let expected = (vec![(299, false)], Some(Violation::InflatedTooBig));
            assert_eq!(chunks(&mut ws, &whole, piece_len), expected);
        }
    }

    #[test]
    fn a_compressed_message_without_a_byte_is_not_deflate() {
        // RFC 7692 §7.2.3.6: even an empty one has an octet. The tail alone begins a stored block of 65,280 bytes.
        let wire = frame(true, true, OpCode::TEXT, b"");
        for offer in [DEFAULT, NO_TAKEOVER] {
            let fresh = || client(offer, &DeflateConfig::default());
            check(fresh, &wire, &[Seen::Failed(Violation::NotDeflate)]);
        }
    }

    #[test]
    fn a_message_that_ends_inside_a_block_is_not_deflate() {
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let referring = [0xf2, 0x00, 0x11, 0x00, 0x00];
        for deflated in [&hello[..], &stored(b"Hello"), &referring] {
            for end in (0..deflated.len()).filter(|&end| deflated[..end] != [0]) {
                // Whatever message came before, also one that ended with a final block.
                for before in [&hello[..], &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]] {
                    let wire = [
                        frame(true, true, OpCode::TEXT, before),
                        frame(true, true, OpCode::BINARY, &deflated[..end]),
                    ]
                    .concat();
                    let expected = [text("Hello"), Seen::Failed(Violation::NotDeflate)];
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
        let (mut ws, mut wire) = (server(DEFAULT, &DeflateConfig::default()), Vec::new());
        ws.send(&*twice, &mut wire).unwrap();
        assert!(wire.len() < 3200);
        let small = "permessage-deflate; server_max_window_bits=9";
        for piece_len in [1, 100, usize::MAX] {
            let seen = receive(&mut client(small, &DeflateConfig::default()), &wire, piece_len);
            assert!(seen == [Seen::Binary(twice.clone())]);
        }
    }
}

mod negotiation {
    use super::*;

    fn offers(list: &str) -> Vec<Offer<'_>> {
        Offers::new(list.as_bytes()).map(Result::unwrap).collect()
    }

    #[test]
    fn a_server_answers_each_offer_as_the_rfc_says() {
        let default = DeflateConfig::default();
        for (offered, config, answer) in [
            ("permessage-deflate", default, Some("permessage-deflate")),
            ("permessage-deflate; client_max_window_bits", default, Some("permessage-deflate")),
            ("x-other, permessage-deflate", default, Some("permessage-deflate")),
            ("x-other", default, None),
            ("", default, None),
            // §7.1.1
            (
                "permessage-deflate; server_no_context_takeover",
                default,
                Some("permessage-deflate; server_no_context_takeover"),
            ),
            (
                "permessage-deflate; client_no_context_takeover",
                default,
                Some("permessage-deflate; client_no_context_takeover"),
            ),
            (
                "permessage-deflate",
                default.context_takeover(false, false),
                Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
            ),
            // §7.1.2.1: the same or a smaller window.
            (
                "permessage-deflate; server_max_window_bits=10",
                default,
                Some("permessage-deflate; server_max_window_bits=10"),
            ),
            (
                "permessage-deflate; server_max_window_bits=\"10\"",
                default.window_bits(9, 15),
                Some("permessage-deflate; server_max_window_bits=9"),
            ),
            (
                "permessage-deflate; server_max_window_bits=15",
                default,
                Some("permessage-deflate; server_max_window_bits=15"),
            ),
            (
                "permessage-deflate; server_max_window_bits=8",
                default,
                Some("permessage-deflate; server_max_window_bits=8"),
            ),
            // §7.1.2.2: only a client that says so can be limited.
            (
                "permessage-deflate; client_max_window_bits",
                default.window_bits(15, 11),
                Some("permessage-deflate; client_max_window_bits=11"),
            ),
            (
                "permessage-deflate; client_max_window_bits=10",
                default,
                Some("permessage-deflate; client_max_window_bits=10"),
            ),
            ("permessage-deflate", default.window_bits(15, 11), None),
            // §7: a preference list; the first that will do.
            (
                "permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=9, permessage-deflate",
                default,
                Some("permessage-deflate; server_max_window_bits=9"),
            ),
            // §7: what must be declined.
            ("permessage-deflate; unknown", default, None),
            ("permessage-deflate; __proto__=1", default, None),
            ("permessage-deflate; Server_No_Context_Takeover", default, None),
            ("permessage-deflate; server_no_context_takeover=1", default, None),
            ("permessage-deflate; client_no_context_takeover=\"x\"", default, None),
            ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", default, None),
            ("permessage-deflate; server_max_window_bits", default, None),
            ("permessage-deflate; server_max_window_bits=7", default, None),
            ("permessage-deflate; server_max_window_bits=16", default, None),
            ("permessage-deflate; server_max_window_bits=08", default, None),
            ("permessage-deflate; server_max_window_bits=10a", default, None),
            ("permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", default, None),
            ("permessage-deflate; client_max_window_bits=0", default, None),
            ("permessage-deflate; client_max_window_bits=256", default, None),
            ("permessage-deflate; client_max_window_bits; client_max_window_bits=9", default, None),
        ] {
            let agreed = deflate::accept(&config, offers(offered));
            assert_eq!(agreed.map(|agreed| agreed.to_string()).as_deref(), answer, "{offered}");
        }
    }

    #[test]
    fn a_client_judges_each_response_as_the_rfc_says() {
        let default = DeflateConfig::default();
        let conclude = |config: &DeflateConfig, response| deflate::conclude(config, &offers(response)[0]);
        for (response, config, error) in [
            ("permessage-deflate", default, None),
            // §7.1.1.2: accepted although it was not offered.
            ("permessage-deflate; client_no_context_takeover", default, None),
            ("permessage-deflate; server_no_context_takeover", default, None),
            ("permessage-deflate; server_max_window_bits=8; client_max_window_bits=8", default, None),
            ("permessage-deflate; server_max_window_bits=10", default.window_bits(15, 10), None),
            (
                "permessage-deflate; server_max_window_bits=11",
                default.window_bits(15, 10),
                Some(Disagreement::ServerWindow),
            ),
            ("permessage-deflate", default.window_bits(15, 10), Some(Disagreement::ServerWindow)),
            ("permessage-deflate", default.context_takeover(true, false), Some(Disagreement::ServerTakeover)),
            ("permessage-deflate; x", default, Some(Disagreement::Unknown)),
            ("permessage-deflate; client_max_window_bits", default, Some(Disagreement::Value)),
            ("permessage-deflate; server_max_window_bits", default, Some(Disagreement::Value)),
            ("permessage-deflate; client_max_window_bits=16", default, Some(Disagreement::Value)),
            ("permessage-deflate; server_no_context_takeover=x", default, Some(Disagreement::Value)),
            (
                "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
                default,
                Some(Disagreement::Repeated),
            ),
        ] {
            assert_eq!(conclude(&config, response).err(), error, "{response}");
            // Whoever asks an error for its section and whoever reads its text learn the same.
            if let Some(error) = error {
                let section = hybi::handshake::ResponseError::Deflate(error).section();
                assert!(section.starts_with("RFC 7692 §7"), "{section}");
                assert!(error.to_string().ends_with(&format!(" ({section})")), "{error}, but {section}");
            }
        }
    }

    #[test]
    fn a_client_offers_what_its_caller_wants() {
        let default = DeflateConfig::default();
        for (config, offer) in [
            (default, "permessage-deflate; client_max_window_bits"),
            (
                default.window_bits(9, 15).context_takeover(false, true),
                "permessage-deflate; client_no_context_takeover; client_max_window_bits=9",
            ),
            (
                default.window_bits(15, 10).context_takeover(true, false),
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits",
            ),
        ] {
            assert_eq!(deflate::offer(&config), offer);
        }
    }
}

mod handshake {
    use super::*;
    use hybi::handshake::{Accept, Answer, ClientRequest, ResponseError};
    use hybi::{ClientHandshake, ServerHandshake, Uri};

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn answer(extensions: &str) -> Result<bool, ResponseError> {
        let uri = Uri::parse("ws://example.com/").unwrap();
        let request = ClientRequest::new(&uri).deflate(DeflateConfig::default());
        let keys: fn() -> [u8; 4] = || [0; 4];
        let (config, nonce) = (Config::default(), *b"the sample nonce");
        let mut handshake =
            ClientHandshake::with_keys(&request, config, nonce, keys, &mut Vec::new()).unwrap();
        let mut inbox = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{extensions}\r\n"
        )
        .into_bytes();
        match handshake.receive(&mut Input::new(&mut inbox))?.unwrap() {
            Answer::Open(mut ws, _) => {
                // Whether it inflates: the RFC's "Hello".
                let hello = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
                Ok(receive(&mut ws, &hello, usize::MAX) == [text("Hello")])
            }
            Answer::Refused(_) => panic!("not refused"),
        }
    }

    #[test]
    fn the_machines_negotiate_it_and_hand_it_to_their_connections() {
        let uri = Uri::parse("ws://example.com/").unwrap();
        let request = ClientRequest::new(&uri).deflate(DeflateConfig::default());
        let (config, mut out) = (Config::default(), Vec::new());
        let mut client = ClientHandshake::new(&request, config, &mut out).unwrap();
        let head = String::from_utf8(out.clone()).unwrap();
        assert!(
            head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"),
            "{head}"
        );

        let (mut server, mut response) = (ServerHandshake::new(config), Vec::new());
        let request = server.receive(&mut Input::new(&mut out), &mut response).unwrap().unwrap();
        let accept = Accept::from_any_origin().deflate(DeflateConfig::default());
        let mut server = server.accept(&request, &accept, &mut response).unwrap();
        let head = String::from_utf8(response.clone()).unwrap();
        assert!(head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"), "{head}");

        let Some(Answer::Open(mut client, _)) = client.receive(&mut Input::new(&mut response)).unwrap()
        else {
            panic!("open");
        };
        let long = "hello ".repeat(100);
        let mut wire = Vec::new();
        client.send(&*long, &mut wire).unwrap();
        assert_eq!(wire[0], 0xc1);
        assert!(wire.len() < 100);
        assert_eq!(receive(&mut server, &wire, usize::MAX), [text(&long)]);
    }

    #[test]
    fn a_server_that_was_not_told_to_does_not_accept_it() {
        let mut inbox = format!(
            "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
        .into_bytes();
        let (mut server, mut out) = (ServerHandshake::new(Config::default()), Vec::new());
        let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
        server.accept(&request, &Accept::from_any_origin(), &mut out).unwrap();
        assert!(!String::from_utf8(out).unwrap().contains("Extensions"));
    }

    #[test]
    fn a_client_judges_the_answer_to_its_offer() {
        for (extensions, expected) in [
            ("", Ok(false)),
            ("Sec-WebSocket-Extensions: permessage-deflate\r\n", Ok(true)),
            ("Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n", Ok(true)),
            // Several lines are one list.
            (
                "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: x\r\n",
                Err(ResponseError::ExtensionNotOffered),
            ),
            ("Sec-WebSocket-Extensions: permessage-bzip2\r\n", Err(ResponseError::ExtensionNotOffered)),
            (
                "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n",
                Err(ResponseError::ExtensionRepeated),
            ),
            (
                "Sec-WebSocket-Extensions: permessage-deflate; x\r\n",
                Err(ResponseError::Deflate(Disagreement::Unknown)),
            ),
            ("Sec-WebSocket-Extensions: permessage-deflate;\r\n", Err(ResponseError::ExtensionsMalformed)),
            ("Sec-WebSocket-Extensions: \r\n", Err(ResponseError::ExtensionsMalformed)),
        ] {
            assert_eq!(answer(extensions), expected, "{extensions}");
        }
    }
}

/// RFC 7692 §6.2: without RSV1 on its first frame a message is what it is, however it arrives.
#[test]
fn an_uncompressed_message_is_handed_on_as_it_is() {
    let wire = [
        frame(true, false, OpCode::TEXT, b"Hello"),
        frame(false, false, OpCode::TEXT, b"Hel"),
        frame(true, false, OpCode::CONTINUATION, b"lo"),
        frame(true, true, OpCode::TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00"), // §7.2.3.1
    ]
    .concat();
    let config = DeflateConfig::default();
    check(|| client("permessage-deflate", &config), &wire, &[text("Hello"), text("Hello"), text("Hello")]);
}

/// RFC 7692 §7.2.1: a compressed message is cut into fragments like any other, RSV1 on the first only (§7.2.3.1).
#[test]
fn a_compressed_message_goes_out_in_fragments() {
    let config = Config::default().fragment_bytes(NonZeroU32::new(3).unwrap());
    let deflate = DeflateConfig::default().compress_from(0);
    let mut ws = Connection::server(config).with_deflate(&agree("permessage-deflate"), &deflate);
    let mut out = Vec::new();
    ws.send("Hello", &mut out).unwrap();
    assert_eq!(out, b"\x41\x03\xf2\x48\xcd\x00\x03\xc9\xc9\x07\x80\x01\x00");
}

/// RFC 7692 §7.2.3.4 wants an octet behind a final block at the end of a message. Without it we read the message all the
/// same, and the next.
#[test]
fn a_final_block_without_its_octet_ends_a_message() {
    let wire = [
        frame(true, true, OpCode::TEXT, b"\xf3\x48\xcd\xc9\xc9\x07\x00"),
        frame(true, true, OpCode::TEXT, b"\xf2\x00\x11\x00\x00"), // refers back (§7.2.3.2)
    ]
    .concat();
    let config = DeflateConfig::default();
    check(|| client("permessage-deflate", &config), &wire, &[text("Hello"), text("Hello")]);
}
