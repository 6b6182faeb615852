//! Messages, compressed or not: what is sent, what is accepted, and what the caller decides.

use super::*;
use hybi::connection::Prepared;

#[test]
fn a_final_block_in_the_middle_of_a_message_keeps_the_window() {
    // A stored final block "abcd"; then fixed Huffman codes for a copy of 4 bytes at distance 4 (RFC 1951 §3.2.6):
    // header 0,01; length code 258 = 0000010; distance code 3 = 00011; end of block 0000000.
    let bits = concat!("0", "10", "0000010", "00011", "0000000");
    let mut block = packed(bits);
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
fn after_a_final_block_the_oldest_byte_of_the_window_is_there_wherever_messages_ended() {
    // The longest copy, 258 bytes (11000101), from as far back as the window reaches: the last of the distances that
    // codes 17 and 29 begin, with 7 and 13 further bits. Then the end of the block, and an empty one without its tail.
    for (window, distance) in [(512, "100011111111"), (32_768, "111011111111111111")] {
        let offer = match window {
            512 => "permessage-deflate; server_max_window_bits=9",
            _ => DEFAULT,
        };
        let bits = ["0", "10", "11000101", distance, "0000000", "000"].concat();
        let final_block = [0x03, 0x00]; // empty
        let copies = [&final_block[..], &packed(&bits)].concat();
        let mut noise = noise_twice(150_000);
        for first in [0, 1, 300, 4096, 32_000, 32_767, 32_768, 32_769, 40_000, 65_536, 100_001] {
            for second in [window, window + 1, 20_000, 32_768, 33_000] {
                noise.rotate_left(1);
                let sent = &noise[..first + second];
                let Some(from) = sent.len().checked_sub(window) else { continue };
                let copied = sent[from..].iter().copied().cycle().take(258).collect();
                let wire = [
                    frame(true, true, OpCode::BINARY, &stored(&sent[..first])),
                    frame(true, true, OpCode::BINARY, &stored(&sent[first..])),
                    frame(true, true, OpCode::BINARY, &copies),
                ]
                .concat();
                for piece_len in [1000, usize::MAX] {
                    let mut ws = client(offer, &DeflateConfig::default());
                    let seen = receive(&mut ws, &wire, piece_len);
                    let expected = [
                        Seen::Binary(sent[..first].to_vec()),
                        Seen::Binary(sent[first..].to_vec()),
                        Seen::Binary(Vec::clone(&copied)),
                    ];
                    assert!(seen == expected, "{window}: {first}, {second}");
                }
            }
        }
    }
}

#[test]
fn rsv1_belongs_on_the_first_frame_of_a_data_message_and_nowhere_else() {
    let rsv1 = Seen::Failed(ProtocolError::ReservedBits { bits: Reserved::RSV1 });
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
        check(fresh, &header.encode(), &[Seen::Failed(ProtocolError::ReservedBits { bits })]);
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
    check(fresh, &wire, &[Seen::Failed(ProtocolError::TextNotUtf8)]);
    // A code point cut in two by the end of a message, of a block and of a fragment.
    check(
        fresh,
        &frame(true, true, OpCode::TEXT, &stored(b"\xe2\x82")),
        &[Seen::Failed(ProtocolError::TextNotUtf8)],
    );
    let blocks =
        [&stored("€".as_bytes()[..1].as_ref())[..6], &stored(&"€".as_bytes()[1..])].concat();
    check(fresh, &frame(true, true, OpCode::TEXT, &blocks), &[text("€")]);
    let wire = [
        frame(false, true, OpCode::TEXT, &blocks[..8]),
        frame(true, false, OpCode::PING, b"!"),
        frame(true, false, OpCode::CONTINUATION, &blocks[8..]),
    ]
    .concat();
    check(fresh, &wire, &[Seen::Other("Ping([33])".into()), text("€")]);
    // What is not DEFLATE at all: a block of the reserved type.
    check(
        fresh,
        &frame(true, true, OpCode::TEXT, &[0x06]),
        &[Seen::Failed(ProtocolError::NotDeflate)],
    );
    assert_eq!(ProtocolError::NotDeflate.close_code(), CloseCode::INVALID_DATA);
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
                        .outgoing_window_bits(outgoing)
                        .incoming_window_bits(incoming)
                        .outgoing_context_takeover(takeover.0)
                        .incoming_context_takeover(takeover.1)
                        .memory_level(memory)
                        .compress_from(20);
                    let offered = deflate::offer(&config);
                    let agreed = deflate::respond(
                        &config,
                        Offers::new(offered.as_bytes()).map(Result::unwrap),
                    )
                    .unwrap();
                    let answer = agreed.to_string();
                    let answered = Offers::new(answer.as_bytes()).next().unwrap().unwrap();
                    assert_eq!(deflate::conclude(&config, &answered), Ok(agreed));

                    let config_ws = Config::default().fragment_bytes(NonZeroU32::new(1000));
                    let keys: fn() -> [u8; 4] = || [0xa5, 0x5a, 0x00, 0xff];
                    let mut client = Connection::client_with_keys(config_ws, keys)
                        .with_deflate(&agreed, &config);
                    let mut server = Connection::server(config_ws).with_deflate(&agreed, &config);
                    for _ in 0..12 {
                        let message: String =
                            (0..random(3000)).map(|_| words[random(words.len())]).collect();
                        let (mut wire, mut back) = (Outbox::new(), Outbox::new());
                        client.send(&*message, &mut wire).unwrap();
                        assert_eq!(
                            receive(&mut server, &wire.take(), 1 + random(5000)),
                            [text(&message)]
                        );
                        server.send(message.as_bytes(), &mut back).unwrap();
                        assert_eq!(
                            receive(&mut client, &back.take(), 1 + random(5000)),
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
    // A window of 1,024 bytes cannot see a repetition at a distance of 2,000.
    let noise = noise_twice(2000);
    let len = |offer: &str| {
        let (mut ws, mut out) = (server(offer, &DeflateConfig::default()), Outbox::new());
        ws.send(&*noise, &mut out).unwrap();
        out.len()
    };
    assert!(len("permessage-deflate; server_max_window_bits=12") < 3000);
    assert!(len("permessage-deflate; server_max_window_bits=10") > 3900);
    // A window that the backend has not got: uncompressed, so RSV1 stays clear.
    let (mut ws, mut out) = (
        server("permessage-deflate; server_max_window_bits=8", &DeflateConfig::default()),
        Outbox::new(),
    );
    ws.send(&*noise, &mut out).unwrap();
    assert_eq!(out.front()[0], 0x82);
}

#[test]
fn what_we_send_refers_back_only_if_that_was_agreed_and_is_wanted() {
    fn refers_back<R: Role>(mut ws: Connection<R>) -> bool {
        let (mut first, mut second) = (Outbox::new(), Outbox::new());
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
            let config =
                DeflateConfig::default().outgoing_context_takeover(is_wanted).compress_from(0);
            assert_eq!(
                refers_back(server(offer, &config)),
                server_may && is_wanted,
                "{offer}, {is_wanted}"
            );
            assert_eq!(
                refers_back(client(offer, &config)),
                client_may && is_wanted,
                "{offer}, {is_wanted}"
            );
        }
    }
}

/// RFC 7692 §7.1.1.2, §7.1.2.2: whoever offers these promises to keep to them, also if the response
/// does not have them. The response does not say which offer it answers.
#[test]
fn a_client_keeps_what_each_offer_promises_that_the_response_may_answer() {
    let default = DeflateConfig::default();
    let needs = default.incoming_window_bits(10); // no plain response suits it
    let (small, fresh) =
        (default.outgoing_window_bits(9), default.outgoing_context_takeover(false));
    let sees = |config: &DeflateConfig, response: &str| {
        let response = format!("permessage-deflate{response}");
        let response = Offers::new(response.as_bytes()).next().unwrap().unwrap();
        let agreed = deflate::conclude(config, &response).unwrap();
        let keys: fn() -> [u8; 4] = || [0; 4];
        let connection =
            || Connection::client_with_keys(Config::default(), keys).with_deflate(&agreed, config);
        let len = |messages: &[&[u8]]| {
            let (mut ws, mut out) = (connection(), Outbox::new());
            messages.iter().for_each(|message| ws.send(*message, &mut out).unwrap());
            out.len()
        };
        // Whether a message refers far back, and whether it refers to one before.
        let (far, near) = (noise_twice(2000), noise_twice(100));
        (len(&[&far]) < 3000, len(&[&near[..100], &near[100..]]) < 150)
    };
    for (config, response, far, earlier) in [
        (needs.fallbacks(&[default]), "", true, true),
        (needs.fallbacks(&[small]), "", false, true),
        (needs.fallbacks(&[fresh]), "", true, false),
        (needs.fallbacks(&[small, fresh]), "", false, false), // it may answer either
        (needs.fallbacks(&[small.incoming_window_bits(12), fresh]), "", true, false),
        // The response suits the first offer and the others.
        (default.fallbacks(&[small, fresh]), "", false, false),
        (needs.fallbacks(&[small]), "; server_max_window_bits=10", false, true),
        // It does not suit the fallback.
        (
            default.fallbacks(&[small.offer_client_max_window_bits(false)]),
            "; client_max_window_bits=15",
            true,
            true,
        ),
        // What is set at first holds in any case.
        (fresh.incoming_window_bits(10).fallbacks(&[default]), "", true, false),
        (small.incoming_window_bits(10).fallbacks(&[default]), "", false, true),
    ] {
        let offer = deflate::offer(&config);
        assert_eq!(sees(&config, response), (far, earlier), "{offer}: {response:?}");
    }
}

/// Whether a message of so many bytes goes out compressed.
fn is_compressed(ws: &mut Connection<Server>, len: usize) -> bool {
    let (mut sent, mut prepared) = (Outbox::new(), Outbox::new());
    let message = vec![b'a'; len];
    ws.send(&message, &mut sent).unwrap();
    ws.send_prepared(&Prepared::new(&message), &mut prepared).unwrap();
    let [sent, prepared] = [sent, prepared].map(|mut out| out.front()[0] & 0x40 != 0);
    assert_eq!(sent, prepared, "a prepared message is compressed like any other");
    sent
}

#[test]
fn the_caller_decides_what_is_compressed() {
    let config = DeflateConfig::default().compress_from(100);
    for (offer, short) in [(DEFAULT, true), (NO_TAKEOVER, false)] {
        let mut ws = server(offer, &config);
        assert_eq!(is_compressed(&mut ws, 0), short);
        assert_eq!(is_compressed(&mut ws, 99), short);
        assert!(is_compressed(&mut ws, 100));
        ws.writer().set_compression(Compression::Never);
        assert!(!is_compressed(&mut ws, 0));
        assert!(!is_compressed(&mut ws, 1000));
        ws.writer().set_compression(Compression::Always);
        assert!(is_compressed(&mut ws, 0));
        assert!(is_compressed(&mut ws, 1));
        ws.writer().set_compression(Compression::Auto);
        assert_eq!(is_compressed(&mut ws, 1), short);
    }
}

/// The sender's own parameter decides, and a sender that does without takeover although it may.
#[test]
fn short_messages_are_compressed_where_the_window_is_kept() {
    let default = DeflateConfig::default();
    for (offer, config, short) in [
        ("permessage-deflate", default, true),
        ("permessage-deflate; client_no_context_takeover", default, true),
        ("permessage-deflate; server_no_context_takeover", default, false),
        ("permessage-deflate", default.outgoing_context_takeover(false), false),
        ("permessage-deflate", default.incoming_context_takeover(false), true),
        ("permessage-deflate; server_no_context_takeover", default.compress_from(0), true),
        ("permessage-deflate", default.compress_from(usize::MAX), true),
    ] {
        let mut ws = server(offer, &config);
        assert_eq!(is_compressed(&mut ws, 1), short, "{offer}, {config:?}");
        assert_eq!(is_compressed(&mut ws, 63), short, "{offer}, {config:?}");
        assert!(is_compressed(&mut ws, 64) || config != default, "{offer}, {config:?}");
    }
}

/// Short messages that resemble each other shrink to a few bytes.
#[test]
fn short_messages_shrink_where_the_window_is_kept() {
    let (mut ws, mut out) = (server(DEFAULT, &DeflateConfig::default()), Outbox::new());
    for i in 0..100 {
        ws.send(&format!("{{\"price\":{i}}}"), &mut out).unwrap();
    }
    assert!(out.len() < 1000, "{}", out.len()); // 1,390 uncompressed
}

/// Bytes without a pattern, twice: only a window of more than `len` bytes sees the repetition.
fn noise_twice(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut noise = Vec::new();
    noise.resize_with(len, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    noise.extend_from_within(..);
    noise
}

/// The compressed form is kept for connections without takeover. A peer with a smaller window gets
/// what that allows, and whoever comes first does not make it worse for the others.
#[test]
fn a_prepared_message_keeps_to_the_window_of_each_connection() {
    const FRESH: &str = "permessage-deflate; server_no_context_takeover";
    let one_kib = format!("{FRESH}; server_max_window_bits=10");
    let noise = noise_twice(2000);
    let sent = |prepared: &Prepared, offer: &str, config: &DeflateConfig| {
        let (mut ws, mut out) = (server(offer, config), Outbox::new());
        ws.send_prepared(&prepared.clone(), &mut out).unwrap();
        ws.send_prepared(prepared, &mut out).unwrap();
        let out = out.take();
        let received = receive(&mut client(offer, config), &out, usize::MAX);
        assert_eq!(received, [Seen::Binary(noise.clone()), Seen::Binary(noise.clone())]);
        out.len()
    };
    let config = DeflateConfig::default();
    let mut connections = [(FRESH, true), (&one_kib, false), (DEFAULT, true)];
    for _ in 0..connections.len() {
        connections.rotate_left(1);
        let prepared = Prepared::new(&noise);
        for (offer, sees_it) in connections.iter().chain(&connections) {
            let len = sent(&prepared, offer, &config);
            assert!(if *sees_it { len < 5000 } else { len > 7000 }, "{offer}: {len}");
        }
    }
    // So does another configuration.
    let prepared = Prepared::new(&noise);
    assert!(sent(&prepared, FRESH, &config) < 5000);
    assert!(sent(&prepared, FRESH, &config.outgoing_window_bits(10)) > 7000);
}

#[test]
fn a_prepared_message_is_marked_and_cut_into_fragments_like_any_other() {
    let config = Config::default().fragment_bytes(NonZeroU32::new(3));
    let deflate = DeflateConfig::default().compress_from(0);
    let prepared = Prepared::new("Hello");
    for offer in [DEFAULT, NO_TAKEOVER] {
        let mut ws = Connection::server(config).with_deflate(&agree(offer), &deflate);
        let mut out = Outbox::new();
        ws.send_prepared(&prepared, &mut out).unwrap();
        assert_eq!(out, b"\x41\x03\xf2\x48\xcd\x00\x03\xc9\xc9\x07\x80\x01\x00");
        // A client masks its copy of it (here with a key of zeros).
        let keys: fn() -> [u8; 4] = || [0; 4];
        let mut ws = Connection::client_with_keys(Config::default(), keys)
            .with_deflate(&agree(offer), &deflate);
        let mut out = Outbox::new();
        ws.send_prepared(&prepared, &mut out).unwrap();
        assert_eq!(out, b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00");
    }
    // For those who queue it themselves there is the plain frame, and it is what is compared.
    assert_eq!(&prepared.frame()[..], b"\x81\x05Hello");
    assert_eq!(prepared, Prepared::new("Hello"));
    assert_ne!(prepared, Prepared::new(b"Hello"));
}

/// Whatever is set on a connection, and whoever has sent other messages before.
#[test]
fn a_prepared_secret_is_never_compressed() {
    let message = "secret ".repeat(16);
    let secret = Prepared::new(&message).uncompressed();
    for offer in [DEFAULT, NO_TAKEOVER] {
        for compression in [Compression::Auto, Compression::Always, Compression::Never] {
            let (mut ws, mut out) = (server(offer, &DeflateConfig::default()), Outbox::new());
            ws.writer().set_compression(compression);
            ws.send_prepared(&secret, &mut out).unwrap();
            ws.send_prepared(&secret.clone(), &mut out).unwrap();
            assert_eq!(out.take(), [&secret.frame()[..]; 2].concat(), "{compression:?}");
            // It has entered no window, and the others are compressed as before.
            ws.send_prepared(&Prepared::new(&message), &mut out).unwrap();
            let is_compressed = out.take()[0] & 0x40 != 0;
            assert_eq!(is_compressed, compression != Compression::Never);
            // A client masks it (here with a key of zeros), and fragments stay fragments.
            let config = Config::default().fragment_bytes(NonZeroU32::new(100));
            let keys: fn() -> [u8; 4] = || [0; 4];
            let mut ws = Connection::client_with_keys(config, keys)
                .with_deflate(&agree(offer), &DeflateConfig::default());
            ws.writer().set_compression(compression);
            ws.send_prepared(&secret, &mut out).unwrap();
            let (first, last) = message.as_bytes().split_at(100);
            let frames = [b"\x01\xe4\0\0\0\0", first, b"\x80\x8c\0\0\0\0", last];
            assert_eq!(out.take(), frames.concat());
        }
    }
    // The compressed form that another has made is not used.
    let usual = Prepared::new(&message);
    let (mut ws, mut out) = (server(NO_TAKEOVER, &DeflateConfig::default()), Outbox::new());
    ws.send_prepared(&usual, &mut Outbox::new()).unwrap();
    ws.send_prepared(&usual.uncompressed(), &mut out).unwrap();
    assert_eq!(out.take(), secret.frame()[..]);
}

#[test]
fn parts_are_compressed_as_parts() {
    let (mut ws, mut out) = (server(DEFAULT, &DeflateConfig::default()), Outbox::new());
    let mut peer = client(DEFAULT, &DeflateConfig::default());
    let (mut seen, mut flags) = (Vec::new(), Vec::new());
    let mut step = |ws: &mut Connection<Server>, part: &str, last: bool| {
        if last { ws.send_last_part(part, &mut out) } else { ws.send_part(part, &mut out) }
            .unwrap();
        ws.ping(b"", &mut out).unwrap();
        let mut sent = out.take();
        flags.push(sent[0]);
        let mut input = Input::new(&mut sent);
        let mut replies = Outbox::new();
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
    let mut ws =
        server("permessage-deflate; client_max_window_bits=10", &config.incoming_window_bits(10));
    let mut peer = client("permessage-deflate", &config);
    let (mut wire, mut back) = (Outbox::new(), Outbox::new());
    ws.writer().set_compression(Compression::Always);
    ws.send("Sesame", &mut wire).unwrap();
    peer.send("Sesame", &mut back).unwrap();
    assert_eq!(receive(&mut ws, &back.take(), usize::MAX), [text("Sesame")]);
    let printed = format!("{ws:?}");
    assert!(printed.contains("Inflater { window_bits: 10, .. }"), "{printed}");
    assert!(printed.contains("Deflater { compression: Always, .. }"), "{printed}");
    let numbers = format!("{:?}", b"Sesame");
    for secret in ["Sesame", numbers.trim_matches(['[', ']'])] {
        assert!(!printed.contains(secret), "{printed}");
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
    check(
        || client("permessage-deflate", &config),
        &wire,
        &[text("Hello"), text("Hello"), text("Hello")],
    );
}

/// RFC 7692 §7.2.1: a compressed message is cut into fragments like any other, RSV1 on the first only (§7.2.3.1).
#[test]
fn a_compressed_message_goes_out_in_fragments() {
    let config = Config::default().fragment_bytes(NonZeroU32::new(3));
    let deflate = DeflateConfig::default().compress_from(0);
    let mut ws = Connection::server(config).with_deflate(&agree("permessage-deflate"), &deflate);
    let mut out = Outbox::new();
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

/// The mistake that `Connection::join` does not notice: what is sent is as the writer's peer has
/// agreed, whatever the reader's has.
#[test]
fn joined_halves_of_two_connections_compress_only_for_a_peer_that_agreed() {
    let config = DeflateConfig::default();
    let plain = || Connection::server(Config::default());
    let message = "message ".repeat(100);
    for (reader_of, writer_of, peer) in [
        (server(DEFAULT, &config), plain(), None),
        (plain(), server(DEFAULT, &config), Some(DEFAULT)),
        (server(DEFAULT, &config), server(NO_TAKEOVER, &config), Some(NO_TAKEOVER)),
        (server(NO_TAKEOVER, &config), server(DEFAULT, &config), Some(DEFAULT)),
    ] {
        let mut ws = Connection::join(reader_of.split().0, writer_of.split().1);
        let mut out = Outbox::new();
        for _ in 0..2 {
            ws.send(&message, &mut out).unwrap();
        }
        let wire = out.take();
        assert_eq!(wire.len() < message.len(), peer.is_some(), "whether it is compressed");
        let keys: fn() -> [u8; 4] = || [0; 4];
        let mut peer = match peer {
            None => Connection::client_with_keys(Config::default(), keys),
            Some(offer) => client(offer, &config),
        };
        assert_eq!(receive(&mut peer, &wire, usize::MAX), [text(&message), text(&message)]);
    }
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(&mut next).take(len).collect()
}

#[test]
fn a_long_compressed_message_is_queued_without_another_copy() {
    for offer in [DEFAULT, NO_TAKEOVER] {
        let config = DeflateConfig::default();
        let (noise, zeros) = (noise(300_000), vec![0; 300_000]);
        let (mut ws, mut out) = (server(offer, &config), Outbox::new());
        ws.send(&noise, &mut out).unwrap();
        let mut slices = [&[][..]; 8];
        assert_eq!(out.unsent(&mut slices), 2, "a header and a payload");
        // A short one is copied: the memory that it was compressed into is larger.
        ws.send(&zeros, &mut out).unwrap();
        let mut slices = [&[][..]; 8];
        assert_eq!(out.unsent(&mut slices), 3);
        let seen = receive(&mut client(offer, &config), &out.take(), usize::MAX);
        assert_eq!(seen, [Seen::Binary(noise), Seen::Binary(zeros)]);
    }
}

#[test]
fn connections_share_the_compressed_form_of_a_long_prepared_message() {
    let config = DeflateConfig::default();
    let noise = noise(300_000);
    let prepared = Prepared::new(&noise);
    let payload = |ws: &mut Connection<Server>| {
        let mut out = Outbox::new();
        ws.send_prepared(&prepared, &mut out).unwrap();
        let mut slices = [&[][..]; 8];
        assert_eq!(out.unsent(&mut slices), 2);
        let address = slices[1].as_ptr();
        let seen = receive(&mut client(NO_TAKEOVER, &config), &out.take(), usize::MAX);
        assert_eq!(seen, [Seen::Binary(noise.clone())]);
        address
    };
    let [first, second] = [0, 1].map(|_| payload(&mut server(NO_TAKEOVER, &config)));
    assert_eq!(first, second);
}
