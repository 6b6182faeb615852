//! Classes 5 and 6: messages that grow when they are inflated, and the negotiation and state of compression. Bombs in chunks are in
//! `tests/allocation/deflate.rs`, the negotiation as functions in `tests/deflate/`.

use hybi::connection::Prepared;
use hybi::extension::Offers;
use hybi::extension::deflate::{self, Compression, DeflateConfig, NegotiationError};
use hybi::handshake::{
    Acceptance, Answer, ClientRequest, HeadLimits, RequestError, ResponseError,
    ServerHandshakeError,
};
use hybi::{
    ClientHandshake, Config, Event, Input, Limits, Outbox, ProtocolError, ServerHandshake, Uri,
};

use crate::common::*;
use crate::counting::{LIVE, cost};

fn negotiated(side: Side, config: &DeflateConfig, limits: Limits) -> Ws {
    let offer = deflate::offer(config);
    let agreed = deflate::respond(config, Offers::new(offer.as_bytes()).flatten()).unwrap();
    side.connection(Config::default().limits(limits)).with_deflate(&agreed, config)
}

/// Compresses messages, one after the other, and returns the payload of each.
fn compressed<'a>(
    config: &DeflateConfig,
    messages: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Vec<u8>> {
    let mut ws = negotiated(Side::Server, &config.level(9), Limits::default());
    ws.set_compression(Compression::Always);
    let compress = |message| {
        let mut out = Outbox::new();
        ws.send(message, &mut out).unwrap();
        let mut out = out.take();
        assert_eq!(out[0], 0xc2);
        let (_, header) = hybi::frame::Header::decode(&out).unwrap();
        out.split_off(header)
    };
    messages.into_iter().map(compress).collect()
}

/// The ways in which a compressed payload may arrive: one frame, fragments of a byte, fragments of a byte among empty ones.
fn framed(side: Side, payload: &[u8], way: usize) -> Vec<u8> {
    if way == 0 {
        return side.incoming(0xc2, payload);
    }
    let mut wire = side.incoming(0x42, b"");
    for byte in payload {
        wire.extend(side.incoming(0x00, &[*byte]));
        if way == 2 {
            wire.extend(side.incoming(0x00, b"").repeat(3));
        }
    }
    wire.extend(side.incoming(0x80, b""));
    wire
}

/// A thousand-fold bomb against a limit that is exact to the byte, in every way of arriving, also when the window already holds what
/// it repeats. What is held meanwhile is bounded by the limit, not by the bomb.
#[test]
fn class_05_a_bomb_is_stopped_at_the_limit_however_it_arrives() {
    const LIMIT: usize = 200_000;
    // The backend's own memory, a window, and pieces of 64 KiB while they grow.
    const BESIDES: usize = 400 << 10;
    let before = [0u8; 1000];
    for takeover in [true, false] {
        let config = DeflateConfig::default()
            .outgoing_context_takeover(takeover)
            .incoming_context_takeover(takeover)
            .inflated_bytes_max(LIMIT as u64);
        for (len, passes) in [(LIMIT, true), (LIMIT + 1, false), (20 * LIMIT, false)] {
            let zeros = vec![0u8; len];
            let payloads = compressed(&config, [&before[..], &zeros]);
            assert!(payloads[1].len() * 600 < len, "{} for {len}", payloads[1].len());
            for side in BOTH {
                for way in 0..3 {
                    let mut ws = negotiated(side, &config, Limits::default());
                    let mut wire = side.incoming(0xc2, &payloads[0]);
                    let mut out = Vec::with_capacity(64);
                    assert!(ws.receive(&mut Input::new(&mut wire), &mut out).unwrap().is_some());
                    let mut wire = framed(side, &payloads[1], way);
                    let live = LIVE.get();
                    let (spent, result) = cost(|| {
                        let mut input = Input::new(&mut wire);
                        match ws.receive(&mut input, &mut out) {
                            Ok(Some(Event::Binary(data))) => Ok(data.len()),
                            Ok(other) => panic!("{other:?}"),
                            Err(violation) => Err(violation),
                        }
                    });
                    let context =
                        format!("{side:?}, takeover: {takeover}, {len}, way {way}: {spent:?}");
                    assert!(spent.peak <= 3 * LIMIT + BESIDES, "{context}");
                    if passes {
                        assert_eq!(result, Ok(len), "{context}");
                    } else {
                        let violation = ProtocolError::InflatedTooBig;
                        assert_eq!(result, Err(violation), "{context}");
                        assert_eq!(Hex(&out), Hex(&side.failure(1009, violation)), "{context}");
                        assert!(
                            LIVE.get() <= live,
                            "a connection that has failed holds nothing: {context}"
                        );
                    }
                }
            }
        }
    }
}

/// Limits on the wire hold for what is on the wire, the limit after inflation for what comes out, and the number of fragments for
/// fragments: none stands in for another.
#[test]
fn class_05_the_four_limits_are_four() {
    let message = vec![b'x'; 10_000];
    let config =
        DeflateConfig::default().outgoing_context_takeover(false).incoming_context_takeover(false);
    let payload = compressed(&config, [&message[..]]).remove(0);
    let wire_len = payload.len() as u64;
    assert!(wire_len < 100);
    let default = Limits::default();
    for (limits, inflated_max, way, want) in [
        (default.frame_bytes_max(wire_len).message_bytes_max(wire_len), 10_000, 0, None),
        (
            default.frame_bytes_max(wire_len - 1),
            10_000,
            0,
            Some(ProtocolError::FrameTooBig { len: wire_len }),
        ),
        (default.frame_bytes_max(1), 10_000, 1, None),
        (
            default.message_bytes_max(wire_len - 1),
            10_000,
            0,
            Some(ProtocolError::MessageTooBig { len: wire_len }),
        ),
        (
            default.message_bytes_max(wire_len - 1),
            10_000,
            1,
            Some(ProtocolError::MessageTooBig { len: wire_len }),
        ),
        (default, 9_999, 0, Some(ProtocolError::InflatedTooBig)),
        (default, 9_999, 1, Some(ProtocolError::InflatedTooBig)),
        (default.fragments_max(payload.len() as u32 + 2), 10_000, 1, None),
        (
            default.fragments_max(payload.len() as u32 + 1),
            10_000,
            1,
            Some(ProtocolError::TooManyFragments),
        ),
    ] {
        for side in BOTH {
            let config = config.inflated_bytes_max(inflated_max);
            let fresh = || negotiated(side, &config, limits);
            let run = run_fresh_every_way(
                &fresh,
                Mode::Messages,
                &framed(side, &payload, way),
                &[3, 9, 40],
            );
            assert_eq!(run.error, want, "{side:?}, {limits:?}, {inflated_max}, way {way}");
            if want.is_none() {
                assert_eq!(run.events(), [binary(&message)]);
            }
        }
    }
}

/// Empty fragments of a compressed message cost nothing each; those of a byte, what a byte costs.
#[test]
fn class_05_fragments_of_a_compressed_message_cost_linear_work() {
    const COUNT: usize = 30_000;
    for side in BOTH {
        let limits = Limits::default().fragments_max(u32::MAX);
        let config = DeflateConfig::default();
        let mut ws = negotiated(side, &config, limits);
        let payload = compressed(&config, [&b"hello"[..]]).remove(0);
        let mut wire = side.incoming(0x42, b"");
        wire.extend(side.incoming(0x00, b"").repeat(COUNT));
        wire.extend(side.incoming(0x80, &payload));
        let mut out = Outbox::new();
        let (spent, len) =
            cost(|| match ws.receive(&mut Input::new(&mut wire), &mut out).unwrap() {
                Some(Event::Binary(data)) => data.len(),
                other => panic!("{other:?}"),
            });
        assert_eq!(len, 5);
        assert!(spent.count <= 20, "{spent:?}");
        // Stored blocks without content: bytes that make nothing come out, each in a fragment.
        let empty_blocks = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(2_000);
        let mut wire = framed(side, &[&empty_blocks[..], b"\0"].concat(), 1);
        let (spent, len) =
            cost(|| match ws.receive(&mut Input::new(&mut wire), &mut out).unwrap() {
                Some(Event::Binary(data)) => data.len(),
                other => panic!("{other:?}"),
            });
        assert_eq!(len, 0);
        assert!(spent.count <= 4 * empty_blocks.len() && spent.peak <= 64 << 10, "{spent:?}");
    }
}

fn offer(extensions: &str) -> Result<bool, RequestError> {
    let mut bytes = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extensions}\r\n"
    )
    .into_bytes();
    let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let request = server.receive(&mut Input::new(&mut bytes), &mut out).unwrap().unwrap();
    let accept =
        Acceptance::from_any_origin().config(Config::default().deflate(DeflateConfig::default()));
    match server.accept(&request, &accept, &mut out) {
        Ok(mut ws) => {
            let named = String::from_utf8(out.take())
                .unwrap()
                .contains("\r\nSec-WebSocket-Extensions: permessage-");
            // The connection does what the response says: it knows RSV1, or does not.
            let mut wire = Side::Server.incoming(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"); // RFC 7692 §7.2.3.1
            match ws.receive(&mut Input::new(&mut wire), &mut out) {
                Ok(event) => assert!(named && event == Some(text("Hello"))),
                Err(violation) => {
                    assert!(!named && matches!(violation, ProtocolError::ReservedBits { .. }))
                }
            }
            Ok(named)
        }
        Err(ServerHandshakeError::Request(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// Odd parameters as they come off the wire, against the server's machine: agreed, declined, or no list at all.
#[test]
fn class_06_odd_offers_are_declined_or_refused() {
    let malformed = Err(RequestError::ExtensionsMalformed);
    for bits in 8..=15 {
        for quote in ["", "\""] {
            for name in ["server_max_window_bits", "client_max_window_bits"] {
                let line = format!("permessage-deflate; {name}={quote}{bits}{quote}");
                assert_eq!(
                    offer(&format!("Sec-WebSocket-Extensions: {line}\r\n")),
                    Ok(true),
                    "{line}"
                );
            }
        }
    }
    for (line, want) in [
        // Windows that are none.
        ("permessage-deflate; server_max_window_bits=7", Ok(false)),
        ("permessage-deflate; server_max_window_bits=16", Ok(false)),
        ("permessage-deflate; server_max_window_bits=08", Ok(false)),
        ("permessage-deflate; server_max_window_bits=015", Ok(false)),
        ("permessage-deflate; server_max_window_bits=+9", Ok(false)),
        ("permessage-deflate; server_max_window_bits=-9", Ok(false)),
        ("permessage-deflate; server_max_window_bits=0x9", Ok(false)),
        ("permessage-deflate; server_max_window_bits=9.0", Ok(false)),
        ("permessage-deflate; server_max_window_bits=265", Ok(false)), // 256 + 9
        ("permessage-deflate; server_max_window_bits=4294967305", Ok(false)),
        ("permessage-deflate; server_max_window_bits=18446744073709551625", Ok(false)),
        ("permessage-deflate; server_max_window_bits", Ok(false)),
        ("permessage-deflate; server_max_window_bits=", malformed),
        ("permessage-deflate; server_max_window_bits=\"\"", malformed),
        ("permessage-deflate; server_max_window_bits=\" 9\"", malformed),
        ("permessage-deflate; server_max_window_bits=\"9", malformed),
        ("permessage-deflate; client_max_window_bits=7", Ok(false)),
        ("permessage-deflate; client_max_window_bits=16", Ok(false)),
        ("permessage-deflate; client_max_window_bits=08", Ok(false)),
        ("permessage-deflate; client_max_window_bits=", malformed),
        ("permessage-deflate; client_max_window_bits=\"\\1\\0\"", Ok(true)),
        // What several implementations decline or ignore, and we do not.
        ("permessage-deflate; server_no_context_takeover", Ok(true)),
        ("permessage-deflate; client_no_context_takeover", Ok(true)),
        // Repeats, also of the same value, and unknown names, also such as mean something elsewhere.
        ("permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", Ok(false)),
        ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", Ok(false)),
        ("permessage-deflate; client_no_context_takeover=true", Ok(false)),
        ("permessage-deflate; x", Ok(false)),
        ("permessage-deflate; __proto__", Ok(false)),
        ("permessage-deflate; constructor=1", Ok(false)),
        ("permessage-deflate; hasOwnProperty", Ok(false)),
        ("__proto__", Ok(false)),
        ("constructor; prototype=\"x\"", Ok(false)),
        ("Permessage-Deflate", Ok(false)),
        ("permessage-deflatee", Ok(false)),
        ("x-webkit-deflate-frame, permessage-deflate", Ok(true)),
        ("permessage-deflate; x, permessage-deflate", Ok(true)),
        // Empty elements and lines.
        (",permessage-deflate", Ok(true)),
        (" , ,, permessage-deflate ,, ", Ok(true)),
        ("", Ok(false)),
        (" ", Ok(false)),
        (",", Ok(false)),
        ("permessage-deflate;", malformed),
        ("permessage-deflate;;", malformed),
        (";", malformed),
        ("permessage-deflate x", malformed),
        ("permessage-deflate; x=\u{e4}", malformed),
    ] {
        assert_eq!(offer(&format!("Sec-WebSocket-Extensions: {line}\r\n")), want, "{line:?}");
    }
    assert_eq!(offer(""), Ok(false));
    // One bad line spoils the list that all lines are together.
    let lines = "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: ;\r\n";
    assert_eq!(offer(lines), malformed);
}

/// The same from a server to our client, which had demanded a window of 10 bits and no takeover,
/// without a fallback: what is not exactly an answer to that opens nothing. With the fallback, what
/// answers that is good as well, and nothing else.
#[test]
fn class_06_odd_answers_open_nothing() {
    let uri = Uri::parse("ws://a/").unwrap();
    let wishes = DeflateConfig::default().incoming_window_bits(10).incoming_context_takeover(false);
    let good = "permessage-deflate; server_no_context_takeover; server_max_window_bits=10";
    let open = Ok(true);
    let fails = |why| Err(ResponseError::Deflate(why));
    for (line, want) in [
        (good.to_owned(), open),
        (good.replace("10", "8"), open),
        (good.replace("10", "\"9\""), open),
        (format!("{good}; client_max_window_bits=8"), open),
        (good.replace("10", "11"), fails(NegotiationError::ServerWindow)),
        (
            "permessage-deflate; server_no_context_takeover".into(),
            fails(NegotiationError::ServerWindow),
        ),
        (
            "permessage-deflate; server_max_window_bits=10".into(),
            fails(NegotiationError::ServerTakeover),
        ),
        (good.replace("10", "7"), fails(NegotiationError::Value)),
        (good.replace("10", "16"), fails(NegotiationError::Value)),
        (good.replace("10", "010"), fails(NegotiationError::Value)),
        (good.replace("=10", ""), fails(NegotiationError::Value)),
        (format!("{good}; client_max_window_bits"), fails(NegotiationError::Value)),
        (format!("{good}; server_max_window_bits=10"), fails(NegotiationError::Repeated)),
        (format!("{good}; __proto__=x"), fails(NegotiationError::Unknown)),
        (format!("{good}, {good}"), Err(ResponseError::ExtensionRepeated)),
        (format!("x, {good}"), Err(ResponseError::ExtensionNotOffered)),
        ("__proto__".into(), Err(ResponseError::ExtensionNotOffered)),
        (good.replace("=10", "="), Err(ResponseError::ExtensionsMalformed)),
        ("".into(), Err(ResponseError::ExtensionsMalformed)),
    ] {
        let answers_fallback = matches!(
            want,
            Err(ResponseError::Deflate(
                NegotiationError::ServerWindow | NegotiationError::ServerTakeover
            ))
        );
        for (config, want) in
            [(wishes.fallbacks(&[]), want), (wishes, if answers_fallback { open } else { want })]
        {
            let request = ClientRequest::new(&uri).config(Config::default().deflate(config));
            let mut client = ClientHandshake::with_keys(
                &request,
                *b"the sample nonce",
                || KEY,
                &mut Outbox::new(),
            )
            .unwrap();
            let mut bytes = format!(
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: {line}\r\n\r\n"
        )
        .into_bytes();
            let opened = client.receive(&mut Input::new(&mut bytes));
            assert_eq!(
                opened.map(|answer| matches!(answer, Some(Answer::Open(..)))),
                want,
                "{line}"
            );
        }
    }
}

/// RSV1 is for the first frame of a data message, and only where compression was negotiated: elsewhere the connection fails at the
/// first byte and nothing is inflated.
#[test]
fn class_06_rsv1_elsewhere_fails_at_the_first_byte() {
    for side in BOTH {
        let config = DeflateConfig::default();
        for is_negotiated in [true, false] {
            let fresh = || match is_negotiated {
                true => negotiated(side, &config, Limits::default()),
                false => side.connection(Config::default()),
            };
            for (before, first) in [
                (vec![], 0xc8),
                (vec![], 0xc9),
                (vec![], 0xca),
                (side.incoming(0x01, b"un"), 0x40),
                (side.incoming(0x01, b"un"), 0xc0),
                (vec![], 0xe1),
                (vec![], 0xd1),
                (vec![], if is_negotiated { 0xf1 } else { 0xc1 }),
                (vec![], if is_negotiated { 0xb1 } else { 0x42 }),
            ] {
                let wire = [&before[..], &[first]].concat();
                let run = run_fresh_every_way(&fresh, Mode::Messages, &wire, &[]);
                assert!(
                    matches!(run.error, Some(ProtocolError::ReservedBits { .. })),
                    "{side:?}, {first:#x}"
                );
                assert_eq!(Hex(&run.out.0), Hex(&side.failure(1002, run.error.unwrap())));
            }
        }
    }
}

/// What stands behind a compressed message in the input is not touched while that is inflated in pieces: not by the tail that is
/// put behind it, nor by the unmasking in advance.
#[test]
fn class_06_what_follows_a_compressed_message_is_unharmed() {
    for takeover in [true, false] {
        let config = DeflateConfig::default()
            .outgoing_context_takeover(takeover)
            .incoming_context_takeover(takeover);
        let large: Vec<u8> = (0..300_000u32).map(|i| (i / 1000) as u8).collect();
        let payloads = compressed(&config, [&large[..], b"second", b"", &large]);
        for side in BOTH {
            let mut wire = Vec::new();
            for payload in &payloads {
                wire.extend(side.incoming(0xc2, payload));
                wire.extend(side.incoming(0x89, b"between"));
                wire.extend(side.incoming(0x82, b"plain"));
            }
            let cuts: Vec<usize> = (1..40).map(|i| i * 97).collect();
            let fresh = || negotiated(side, &config, Limits::default());
            let run = run_fresh_every_way(&fresh, Mode::Messages, &wire, &cuts);
            assert_eq!(run.error, None);
            let messages: [&[u8]; 4] = [&large, b"second", b"", &large];
            let want: Vec<_> = messages
                .iter()
                .flat_map(|message| [binary(message), ping(b"between"), binary(b"plain")])
                .collect();
            assert!(run.events() == want, "{side:?}");
        }
    }
}

/// With `Compression::Never` a secret is sent as it is, in every way of sending, and later messages
/// do not depend on it: an attacker learns nothing from their lengths.
#[test]
fn class_06_a_secret_enters_no_window_in_any_form() {
    let secret = "token=5f1d7c0a".repeat(10);
    let prepared = Prepared::new(&secret);
    for takeover in [true, false] {
        let config = DeflateConfig::default().outgoing_context_takeover(takeover);
        for side in BOTH {
            let [mut with, mut without] =
                [(); 2].map(|()| negotiated(side, &config, Limits::default()));
            for ws in [&mut with, &mut without] {
                ws.send("before", &mut Outbox::new()).unwrap();
            }
            with.set_compression(Compression::Never);
            for way in 0..5 {
                let mut out = Vec::new();
                match way {
                    4 => {
                        with.set_compression(Compression::Always); // for the others
                        with.send_prepared(&prepared.clone().uncompressed(), &mut out)
                    }
                    0 => with.send(&secret, &mut out),
                    1 => with.send_owned(&*secret, &mut out),
                    2 => with.send_prepared(&prepared, &mut out),
                    _ => with.send_last_part(&secret, &mut out),
                }
                .unwrap();
                assert_eq!(Hex(&out), Hex(&side.outgoing(0x81, secret.as_bytes())), "way {way}");
            }
            with.set_compression(Compression::Auto);
            // A guess, and the secret itself in the form that others get.
            for message in ["token=5f1d7c0a", &secret] {
                let (mut sent, mut want) = (Vec::new(), Vec::new());
                with.send(message, &mut sent).unwrap();
                without.send(message, &mut want).unwrap();
                assert_eq!(Hex(&sent), Hex(&want), "{side:?}, takeover: {takeover}");
            }
        }
    }
}
