//! Classes 10, 11 and 13: frames masked in the wrong direction, masking keys that can be guessed, and bytes that are not ours.

use std::fs;
use std::num::NonZeroU32;

use hybi::connection::Prepared;
use hybi::frame::{Header, Mask};
use hybi::{CloseCode, Config, Connection, Event, Input, Outbox, ProtocolError};

use crate::common::*;
use crate::sources::{root, sources};

/// RFC 6455 §5.1: the connection fails at the mask bit. Nothing of the frame is handed out, in whatever state; what came before
/// it is.
#[test]
fn class_10_nothing_is_delivered_of_a_frame_masked_in_the_wrong_direction() {
    for side in BOTH {
        let want =
            if side == Side::Server { ProtocolError::Unmasked } else { ProtocolError::Masked };
        for (before, events) in [
            (vec![], vec![]),
            (side.incoming(0x81, b"good"), vec![text("good")]),
            (side.incoming(0x01, b"unfini"), vec![]),
            (side.incoming(0x89, b"1"), vec![ping(b"1")]),
        ] {
            for (first, payload) in [
                (0x81, &b"text"[..]),
                (0x82, b"binary"),
                (0x82, b""),
                (0x00, b"part"),
                (0x80, b"last"),
                (0x89, b"ping"),
                (0x8a, b"pong"),
                (0x88, b"\x03\xe8bye"),
                (0x82, &[7; 200]),
                (0x82, &[7; 70_000]),
            ] {
                let is_part = first & 0x0f == 0;
                if is_part != (before.first() == Some(&0x01)) && first & 0x08 == 0 {
                    continue; // wrong for another reason
                }
                // Such a frame as the peer's peer would send, and a good one behind it.
                let wrong = side.peer().incoming(first, payload);
                let wire = [&before[..], &wrong, &side.incoming(0x81, b"late")].concat();
                for mode in [Mode::Messages, Mode::Chunks] {
                    let mut ws = side.connection(Config::default());
                    let run = Run::of(&mut ws, mode, [&wire[..]]);
                    assert_eq!(run.error, Some(want), "{side:?}, {mode:?}, {first:#x}");
                    assert!(run.out.0.ends_with(&side.failure(1002, want)));
                    if mode == Mode::Messages {
                        assert_eq!(run.events(), events, "{side:?}, {first:#x}");
                    }
                    assert!(!format!("{run:?}").contains("late"));
                }
                let wire = [&before[..], &wrong].concat();
                assert_eq!(fails_at(side, Config::default(), &wire), Some(before.len() + 2));
            }
        }
    }
}

/// The source is asked exactly once for each frame, replies and fragments included, and what it says is what masks that frame.
#[test]
fn class_11_every_frame_of_a_client_takes_a_fresh_key_from_the_source() {
    let mut asked = 0u32;
    let config = Config::default().fragment_bytes(NonZeroU32::new(2));
    let mut ws = Connection::client_with_keys(config, || {
        asked += 1;
        asked.to_be_bytes()
    });
    let (mut out, server) = (Outbox::new(), Side::Client); // what the client receives
    ws.send("three", &mut out).unwrap(); // in three fragments
    ws.send_part("a", &mut out).unwrap();
    ws.ping(b"b", &mut out).unwrap();
    ws.writer().pong(b"c", &mut out).unwrap();
    ws.send_last_part("", &mut out).unwrap();
    ws.send_prepared(&Prepared::new(b"d"), &mut out).unwrap();
    ws.send_owned(b"e".to_vec(), &mut out).unwrap();
    // Replies: to a ping and to a Close, or to a violation.
    let mut wire = [server.incoming(0x89, b"f"), server.incoming(0x88, b"")].concat();
    let mut input = Input::new(&mut wire);
    while ws.receive(&mut input, &mut out).unwrap().is_some() {}

    let mut payloads = Vec::new();
    let out = out.take();
    let mut rest = &out[..];
    for number in 1u32.. {
        let Some((header, used)) = Header::decode(rest) else { break };
        assert_eq!(header.masking_key, Some(number.to_be_bytes()), "the frame's key is the newest");
        let end = used + header.payload_len as usize;
        let key = number.to_be_bytes();
        payloads.push(
            rest[used..end].iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect::<Vec<u8>>(),
        );
        rest = &rest[end..];
    }
    assert!(rest.is_empty());
    let want: [&[u8]; 11] = [b"th", b"re", b"e", b"a", b"b", b"c", b"", b"d", b"e", b"f", b""];
    assert_eq!(payloads, want);
    drop(ws);
    assert_eq!(asked, 11);

    let mut asked = 0;
    let mut ws = Connection::client_with_keys(Config::default(), || {
        asked += 1;
        [asked; 4]
    });
    let (mut wire, mut out) = (vec![0xff], Outbox::new());
    ws.receive(&mut Input::new(&mut wire), &mut out).unwrap_err();
    let want = [0x88, 0x80 + 65, 1, 1, 1, 1, 3 ^ 1, 0xea ^ 1];
    assert_eq!(out.front()[..want.len()], want);
}

/// The default source: no key twice in a row of buffers full, none of them zero (but for chance), and another thread has others.
/// Without feature `rand` there is no default, and the types ask for a source.
#[cfg(feature = "rand")]
#[test]
fn class_11_keys_of_the_default_source_do_not_repeat() {
    fn keys() -> Vec<[u8; 4]> {
        let (mut ws, mut out) = (Connection::client(Config::default()), Outbox::new());
        (0..1000)
            .map(|_| {
                out.clear();
                ws.send(b"", &mut out).unwrap();
                out.front()[2..6].try_into().unwrap()
            })
            .collect()
    }
    let mut all = keys();
    all.extend(std::thread::spawn(keys).join().unwrap());
    // Of 2000 random keys two are equal once in 2000 runs; three pairs, hardly ever.
    let different: std::collections::HashSet<_> = all.iter().collect();
    assert!(different.len() >= all.len() - 2, "{} of {}", different.len(), all.len());
    assert!(all.iter().filter(|key| **key == [0; 4]).count() <= 1);
    // Each bit is set in half of them: 1000 of 2000, and 150 away from that is beyond chance.
    for bit in 0..32 {
        let set = all.iter().filter(|key| u32::from_be_bytes(**key) >> bit & 1 == 1).count();
        assert!((850..=1150).contains(&set), "bit {bit}: {set}");
    }
}

/// What a peer is to see of a key is the frame, and what a log is to see is nothing.
#[test]
fn class_11_keys_and_passwords_stay_out_of_debug_output() {
    let uri = hybi::Uri::parse("ws://user:hunter2@a/").unwrap();
    let request =
        hybi::handshake::ClientRequest::new(&uri).field("Authorization", "Bearer hunter2");
    assert_eq!(format!("{:?}", Mask::new([0x68, 0x75, 0x6e, 0x74])), "Mask(..)");
    // As text, and as bytes are printed.
    let is_in = |text: String| text.contains("hunter2") || text.contains("104, 117, 110, 116");
    assert!(!is_in(format!("{uri} {uri:?} {request:?}")), "{request:?}");
    let accept = hybi::handshake::Acceptance::from_same_origin().field("Set-Cookie", "id=hunter2");
    assert!(!is_in(format!("{accept:?}")), "{accept:?}");
    #[cfg(feature = "rand")]
    {
        let connector = hybi::blocking::Connector::new()
            .proxy(hybi::blocking::HttpProxy::new("a", 80).credentials("user", "hunter2"));
        assert!(!is_in(format!("{connector:?}")), "{connector:?}");
    }
}

/// Memory that is not ours cannot be touched where there is no `unsafe`: the compiler sees to that.
#[test]
fn class_13_the_library_forbids_unsafe_code() {
    let front = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    assert!(front.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    // The word in code would not compile; here is that no file makes an exception by way of a build script or a macro.
    for file in sources("src") {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        assert!(!code.clone().any(|line| line.contains("unsafe ")), "{}", file.display());
    }
    assert!(!root().join("build.rs").exists());
}

/// At every alignment and length: the payload is XORed by RFC 6455 §5.3's formula and no byte beside it changes.
#[test]
fn class_13_masking_stays_inside_its_payload_at_every_alignment_and_length() {
    const GUARD: u8 = 0x5a;
    let original: Vec<u8> = (0..700u32).map(|i| ((i * 37) >> 2) as u8).collect();
    let formula: Vec<u8> =
        original.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let mut buffer = vec![GUARD; 800];
    for start in 0..33 {
        // From 256 on wide vectors are used.
        for len in (0..=70).chain(250..=330).chain([511, 512, 513, 640]) {
            buffer.fill(GUARD);
            buffer[start..start + len].copy_from_slice(&original[..len]);
            Mask::new(KEY).apply(&mut buffer[start..start + len]);
            assert!(buffer[start..start + len] == formula[..len], "{start}, {len}");
            let beside = buffer[..start].iter().chain(&buffer[start + len..]);
            assert!(beside.copied().all(|byte| byte == GUARD), "{start}, {len}");
        }
    }
}

/// What goes out is what the caller gave and a header, at every length; what stood in the buffer before stays. (Elsewhere
/// uninitialised memory went out with a Close frame.)
#[test]
fn class_13_nothing_but_the_callers_bytes_goes_out() {
    for side in BOTH {
        for len in 0..=125usize {
            let payload: Vec<u8> = (0..len).map(|i| b'a' + (i % 26) as u8).collect();
            let reason = str::from_utf8(&payload[..len.min(123)]).unwrap();
            let mut out = b"before".to_vec();
            let mut ws = side.connection(Config::default());
            ws.ping(&payload, &mut out).unwrap();
            ws.pong(&payload, &mut out).unwrap();
            ws.send(&*payload, &mut out).unwrap();
            ws.close(CloseCode::NORMAL, reason, &mut out).unwrap();
            let want = [
                b"before".to_vec(),
                side.outgoing(0x89, &payload),
                side.outgoing(0x8a, &payload),
                side.outgoing(0x82, &payload),
                side.close_frame(1000, reason),
            ];
            assert_eq!(Hex(&out), Hex(&want.concat()), "{side:?}, {len}");
            // And the replies to the same, which come from the connection's own memory if the input cuts them in two.
            let wire =
                [side.incoming(0x89, &payload), side.incoming(0x88, &close_body(1000, reason))]
                    .concat();
            for piece_len in [1, 1000] {
                let run = Run::of(
                    &mut side.connection(Config::default()),
                    Mode::Messages,
                    wire.chunks(piece_len),
                );
                let want = [side.outgoing(0x8a, &payload), side.close_frame(1000, reason)].concat();
                assert_eq!(Hex(&run.out.0), Hex(&want), "{side:?}, {len}");
                assert!(matches!(run.events()[..], [Event::Ping(_), Event::Close(_)]));
            }
        }
    }
}
