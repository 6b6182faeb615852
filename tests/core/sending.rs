//! Sending: the exact bytes of every verb in both roles, and every mistake, which writes nothing and harms nothing.

use std::borrow::Cow;
use std::num::NonZeroU32;

use crate::common::*;
use bytes::Bytes;
use hybi::connection::{ChunkData, Data, Prepared};
use hybi::{CloseCode, Config, Connection, Event, Input, Message, Outbox, UsageError, Utf8Bytes};

fn fragmenting(bytes: u32) -> Config {
    Config::default().fragment_bytes(NonZeroU32::new(bytes))
}

#[test]
fn whole_messages_at_every_border_of_the_length_forms() {
    for side in BOTH {
        for len in [0, 1, 7, 8, 9, 125, 126, 127, 65_535, 65_536, 65_537] {
            let data: Vec<u8> = (0..len).map(|i: u32| i as u8).collect();
            let text = "x".repeat(len as usize);
            let (mut ws, mut out) = (side.connection(Config::default()), b"before".to_vec());
            ws.send(&*data, &mut out).unwrap();
            ws.send(&*text, &mut out).unwrap();
            let want = [
                b"before".to_vec(),
                side.outgoing(0x82, &data),
                side.outgoing(0x81, text.as_bytes()),
            ]
            .concat();
            assert_eq!(Hex(&out), Hex(&want), "{side:?}, {len}");
        }
    }
}

/// Whatever a message is lent or given as, the bytes are the same.
#[test]
fn all_ways_to_name_a_message_are_one() {
    for side in BOTH {
        let (text, binary) = (side.outgoing(0x81, b"text"), side.outgoing(0x82, b"binary"));
        let mut ws = side.connection(Config::default());
        let (string, vector) = ("text".to_owned(), b"binary".to_vec());
        let (utf8, bytes) = (Utf8Bytes::from("text"), Bytes::from(&b"binary"[..]));
        let (text_cow, binary_cow) = (Cow::from("text"), Cow::from(&b"binary"[..]));
        let (text_chunk, binary_chunk) =
            (ChunkData::Text(text_cow.clone()), ChunkData::Binary(binary_cow.clone()));
        for data in [
            "text".into(),
            (&string).into(),
            (&text_cow).into(),
            (&utf8).into(),
            (&text_chunk).into(),
            Data::Text("text"),
        ] {
            let mut out = Vec::new();
            ws.send(data, &mut out).unwrap();
            assert_eq!(Hex(&out), Hex(&text));
        }
        for data in [
            b"binary".into(),
            Data::from(&b"binary"[..]),
            (&vector).into(),
            (&binary_cow).into(),
            (&bytes).into(),
            (&binary_chunk).into(),
            Data::Binary(b"binary"),
        ] {
            let mut out = Vec::new();
            ws.send(data, &mut out).unwrap();
            assert_eq!(Hex(&out), Hex(&binary));
        }
        for (message, want) in [
            (Message::from("text"), &text),
            (Message::from(string), &text),
            (Message::from(utf8), &text),
            (Message::from(Data::Text("text")), &text),
            (Message::from(text_cow.clone()), &text),
            (Event::Text(text_cow).into_message().unwrap(), &text),
            (Message::from(b"binary"), &binary),
            (Message::from(&b"binary"[..]), &binary),
            (Message::from(vector), &binary),
            (Message::from(bytes), &binary),
            (Message::from(Data::Binary(b"binary")), &binary),
            (Message::from(binary_cow.clone()), &binary),
            (Event::Binary(binary_cow).into_message().unwrap(), &binary),
        ] {
            let (mut lent, mut prepared, mut owned) = (Vec::new(), Vec::new(), Vec::new());
            ws.send(&message, &mut lent).unwrap();
            ws.send_prepared(&Prepared::new(&message), &mut prepared).unwrap();
            ws.send_owned(message, &mut owned).unwrap();
            assert_eq!(Hex(&lent), Hex(want));
            assert_eq!(Hex(&prepared), Hex(want));
            assert_eq!(Hex(&owned), Hex(want));
        }
    }
}

#[test]
fn a_control_frame_is_no_message() {
    for control in [ping(b"?"), Event::Pong(b"?".into()), Event::Close(None)] {
        assert_eq!(control.into_message(), None);
    }
}

/// An event that was received can be sent as it is.
#[test]
fn an_echo_needs_no_conversion() {
    let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
    let mut received =
        [Side::Server.incoming(0x81, b"text"), Side::Server.incoming(0x82, b"bin")].concat();
    let mut input = Input::new(&mut received);
    while let Some(event) = ws.receive(&mut input, &mut out).unwrap() {
        match event {
            Event::Text(text) => ws.send(&text, &mut out).unwrap(),
            Event::Binary(data) => ws.send(&data, &mut out).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(out, b"\x81\x04text\x82\x03bin");
}

#[test]
fn parts_with_control_frames_in_between() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        ws.send_part("Hel", &mut out).unwrap();
        ws.ping(b"?", &mut out).unwrap();
        ws.send_part("", &mut out).unwrap();
        ws.pong(b"!", &mut out).unwrap();
        ws.send_last_part("lo", &mut out).unwrap();
        ws.send_last_part(b"only", &mut out).unwrap();
        ws.send_part(b"", &mut out).unwrap();
        ws.send_last_part(b"", &mut out).unwrap();
        let want = [
            side.outgoing(0x01, b"Hel"),
            side.outgoing(0x89, b"?"),
            side.outgoing(0x00, b""),
            side.outgoing(0x8a, b"!"),
            side.outgoing(0x80, b"lo"),
            side.outgoing(0x82, b"only"),
            side.outgoing(0x02, b""),
            side.outgoing(0x80, b""),
        ];
        assert_eq!(Hex(&out), Hex(&want.concat()), "{side:?}");
    }
}

#[test]
fn automatic_fragments() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(fragmenting(4)), Vec::new());
        ws.send("", &mut out).unwrap();
        ws.send("1234", &mut out).unwrap();
        ws.send("12345", &mut out).unwrap();
        ws.send(b"12345678", &mut out).unwrap();
        ws.send("aßßßß", &mut out).unwrap(); // fragments may cut code points in two (RFC 6455 §5.6)
        ws.ping(b"longer than four", &mut out).unwrap();
        ws.send_part("123456", &mut out).unwrap();
        ws.send_last_part("123456", &mut out).unwrap();
        ws.send_prepared(&Prepared::new("12345"), &mut out).unwrap();
        let want = [
            side.outgoing(0x81, b""),
            side.outgoing(0x81, b"1234"),
            side.outgoing(0x01, b"1234"),
            side.outgoing(0x80, b"5"),
            side.outgoing(0x02, b"1234"),
            side.outgoing(0x80, b"5678"),
            side.outgoing(0x01, b"a\xc3\x9f\xc3"),
            side.outgoing(0x00, b"\x9f\xc3\x9f\xc3"),
            side.outgoing(0x80, b"\x9f"),
            side.outgoing(0x89, b"longer than four"),
            side.outgoing(0x01, b"1234"),
            side.outgoing(0x00, b"56"),
            side.outgoing(0x00, b"1234"),
            side.outgoing(0x80, b"56"),
            side.outgoing(0x01, b"1234"),
            side.outgoing(0x80, b"5"),
        ];
        assert_eq!(Hex(&out), Hex(&want.concat()), "{side:?}");
        // And the peer understands it.
        let run =
            Run::of(&mut side.peer().connection(Config::default()), Mode::Messages, [&out[..]]);
        assert_eq!(run.error, None);
        assert_eq!(run.events()[4], text("aßßßß"));
    }
}

#[test]
fn fragments_of_every_size_add_up() {
    for side in BOTH {
        let data: Vec<u8> = (0..=255).collect();
        for bytes in 1..=257 {
            let mut out = Vec::new();
            side.connection(fragmenting(bytes)).send(&*data, &mut out).unwrap();
            let run =
                Run::of(&mut side.peer().connection(Config::default()), Mode::Messages, [&out[..]]);
            assert_eq!(run.events(), [binary(&data)], "fragments of {bytes}");
        }
    }
}

#[test]
fn every_frame_of_a_client_has_a_key_of_its_own() {
    // RFC 6455 §5.3: "The masking key needs to be unpredictable", a fresh one for each frame
    let mut next = 0u8;
    let mut ws = Connection::client_with_keys(fragmenting(2), move || {
        next += 1;
        [next; 4]
    });
    let mut out = Outbox::new();
    ws.send(&[0; 3], &mut out).unwrap();
    ws.ping(&[0], &mut out).unwrap();
    ws.send_prepared(&Prepared::new(&[0; 1]), &mut out).unwrap();
    ws.send_owned(vec![0; 2], &mut out).unwrap();
    ws.writer().close_without_code(&mut out).unwrap();
    assert_eq!(
        out,
        [
            &[0x02, 0x82, 1, 1, 1, 1, 1, 1][..],
            &[0x80, 0x81, 2, 2, 2, 2, 2],
            &[0x89, 0x81, 3, 3, 3, 3, 3],
            &[0x82, 0x81, 4, 4, 4, 4, 4],
            &[0x82, 0x82, 5, 5, 5, 5, 5, 5],
            &[0x88, 0x80, 6, 6, 6, 6],
        ]
        .concat()
    );
}

#[cfg(feature = "rand")]
#[test]
fn random_keys_differ() {
    let (mut ws, mut out) = (Connection::client(Config::default()), Outbox::new());
    let keys: std::collections::HashSet<[u8; 4]> = (0..64)
        .map(|_| {
            out.clear();
            ws.send(b"", &mut out).unwrap();
            out.front()[2..6].try_into().unwrap()
        })
        .collect();
    // That two of 64 are equal happens once in two million runs, that three are, never.
    assert!(keys.len() >= 63, "{keys:02x?}");
}

#[test]
fn prepared_messages() {
    let long = "x".repeat(70_000);
    for side in BOTH {
        for message in ["", "news", &long] {
            let prepared = Prepared::new(message);
            let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
            ws.send_prepared(&prepared, &mut out).unwrap();
            assert_eq!(Hex(&out), Hex(&side.outgoing(0x81, message.as_bytes())));
            assert_eq!(
                Hex(prepared.frame()),
                Hex(&Side::Server.outgoing(0x81, message.as_bytes()))
            );
        }
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        ws.send_prepared(&Prepared::new(b"\xff"), &mut out).unwrap();
        assert_eq!(Hex(&out), Hex(&side.outgoing(0x82, b"\xff")));
    }
    let prepared = Prepared::new(&*long);
    assert_eq!(
        prepared.frame().as_ptr(),
        prepared.clone().frame().as_ptr(),
        "a clone shares the bytes"
    );
}

/// A message that is given away is the same frame, at every border of the length forms.
#[test]
fn owned_messages() {
    for side in BOTH {
        let mut ws = side.connection(Config::default());
        for len in [0, 5, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; len];
            let mut out = Vec::new();
            ws.send_owned(payload.clone(), &mut out).unwrap();
            ws.send_owned(String::from_utf8(payload.clone()).unwrap(), &mut out).unwrap();
            let want = [side.outgoing(0x82, &payload), side.outgoing(0x81, &payload)].concat();
            assert_eq!(Hex(&out), Hex(&want), "{side:?}, {len}");
        }
    }
}

#[test]
fn closing() {
    let longest = "ß".repeat(61) + "x";
    for side in BOTH {
        for (code, reason) in [(1000, ""), (1001, "going"), (3000, "ß"), (4999, &longest)] {
            let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
            ws.close(CloseCode::new(code).unwrap(), reason, &mut out).unwrap();
            assert_eq!(Hex(&out), Hex(&side.close_frame(code, reason)));
            ws.assert_refuses_to_send();
        }
        // In the middle of a message that is being sent in parts: it stays unfinished.
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        ws.send_part("unfini", &mut out).unwrap();
        ws.close_without_code(&mut out).unwrap();
        assert_eq!(
            Hex(&out),
            Hex(&[side.outgoing(0x01, b"unfini"), side.outgoing(0x88, b"")].concat())
        );
        ws.assert_refuses_to_send();
    }
}

/// RFC 6455 §5.5: so many bytes are allowed; one more is among the mistakes below.
#[test]
fn control_frames_of_125_bytes() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        ws.ping(&[7; 125], &mut out).unwrap();
        ws.pong(&[8; 125], &mut out).unwrap();
        ws.close(CloseCode::NORMAL, &"x".repeat(123), &mut out).unwrap();
        let close = [&1000_u16.to_be_bytes()[..], &[b'x'; 123]].concat();
        let want = [
            side.outgoing(0x89, &[7; 125]),
            side.outgoing(0x8a, &[8; 125]),
            side.outgoing(0x88, &close),
        ];
        assert_eq!(Hex(&out), Hex(&want.concat()), "{side:?}");
    }
}

/// Each mistake on a connection, in the state where it is one; then the connection goes on as if nothing had been.
#[test]
fn mistakes_write_nothing_and_harm_nothing() {
    type Act = fn(&mut Ws, &mut Vec<u8>) -> Result<(), UsageError>;
    let whole: [(&str, Act, UsageError); 6] = [
        ("ping of 126", |ws, out| ws.ping(&[0; 126], out), UsageError::ControlTooLong { len: 126 }),
        ("pong of 126", |ws, out| ws.pong(&[0; 126], out), UsageError::ControlTooLong { len: 126 }),
        (
            "ping of 64 KiB",
            |ws, out| ws.ping(&[0; 65_536], out),
            UsageError::ControlTooLong { len: 65_536 },
        ),
        (
            "reason of 124",
            |ws, out| ws.close(CloseCode::NORMAL, &"x".repeat(124), out),
            UsageError::CloseReasonTooLong { len: 124 },
        ),
        (
            "reason of 62 two-byte letters",
            |ws, out| ws.close(CloseCode::NORMAL, &"ß".repeat(62), out),
            UsageError::CloseReasonTooLong { len: 124 },
        ),
        (
            "code 1010 from a server",
            |ws, out| match ws.side() {
                Side::Server => ws.close(CloseCode::MANDATORY_EXTENSION, "", out),
                Side::Client => Err(UsageError::CloseCode { number: 1010 }), // may send it
            },
            UsageError::CloseCode { number: 1010 },
        ),
    ];
    let inside: [(&str, Act, UsageError); 6] = [
        ("whole text", |ws, out| ws.send("x", out), UsageError::MessageInProgress),
        ("whole binary", |ws, out| ws.send(b"x", out), UsageError::MessageInProgress),
        (
            "prepared",
            |ws, out| ws.send_prepared(&Prepared::new("x"), out),
            UsageError::MessageInProgress,
        ),
        ("owned", |ws, out| ws.send_owned("x", out), UsageError::MessageInProgress),
        ("other kind", |ws, out| ws.send_part(b"x", out), UsageError::OtherKindOfMessage),
        (
            "other kind at the end",
            |ws, out| ws.send_last_part(b"x", out),
            UsageError::OtherKindOfMessage,
        ),
    ];
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        let refuse = |ws: &mut Ws, mistakes: &[(&str, Act, UsageError)]| {
            for (name, act, want) in mistakes {
                let mut out = b"kept".to_vec();
                let got = act(ws, &mut out);
                assert_eq!(got, Err(*want), "{side:?}, {name}");
                assert_eq!(out, b"kept", "{side:?}, {name}");
                assert!(want.to_string().contains("RFC 6455 §"), "{want}");
            }
        };
        refuse(&mut ws, &whole);
        assert_eq!(ws.may_send_message(), Ok(()));
        ws.send("one", &mut out).unwrap();
        ws.send_part("tw", &mut out).unwrap();
        assert_eq!(ws.may_send_message(), Err(UsageError::MessageInProgress));
        refuse(&mut ws, &inside);
        refuse(&mut ws, &whole[..5]);
        ws.send_last_part("o", &mut out).unwrap();
        ws.send("three", &mut out).unwrap();
        ws.send_part(b"fou", &mut out).unwrap();
        assert_eq!(ws.send_part("r", &mut out), Err(UsageError::OtherKindOfMessage));
        ws.send_last_part(b"r", &mut out).unwrap();
        ws.close(CloseCode::NORMAL, "", &mut out).unwrap();
        ws.assert_refuses_to_send();
        let run = run_every_way(side.peer(), Config::default(), Mode::Messages, &out, &[]);
        let want = [text("one"), text("two"), text("three"), binary(b"four"), closed(1000, "")];
        assert_eq!(run.events(), want);
        assert_eq!(run.error, None);
    }
}

#[test]
fn bytes_become_text_after_one_check_and_without_a_copy() {
    let text = "gr\u{fc}\u{df}e";
    for side in BOTH {
        // Lent, owned and shared: the same frame.
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        ws.send(Data::from_utf8(text.as_bytes()).unwrap(), &mut out).unwrap();
        for bytes in [Bytes::from(text.as_bytes().to_vec()), Bytes::from_static(text.as_bytes())] {
            ws.send_owned(Utf8Bytes::try_from(bytes).unwrap(), &mut out).unwrap();
        }
        ws.send_owned(Utf8Bytes::try_from(text.as_bytes().to_vec()).unwrap(), &mut out).unwrap();
        assert_eq!(out, side.outgoing(0x81, text.as_bytes()).repeat(4));
    }
    let bytes = text.as_bytes().to_vec();
    assert!(
        matches!(Data::from_utf8(&bytes), Ok(Data::Text(text)) if text.as_ptr() == bytes.as_ptr())
    );
    let address = bytes.as_ptr();
    let owned = Utf8Bytes::try_from(Bytes::from(bytes)).unwrap();
    assert_eq!(owned.as_ptr(), address);
    // RFC 6455 \u{a7}5.6: UTF-8. No surrogates, nothing unfinished.
    for bad in [&b"\xff"[..], b"\xed\xa0\x80", b"ab\xe2\x82", b"\xc0\x80"] {
        assert_eq!(Data::from_utf8(bad), Err(UsageError::TextNotUtf8));
        let error = Utf8Bytes::try_from(Bytes::copy_from_slice(bad)).unwrap_err();
        assert_eq!(error.into_bytes(), bad);
    }
}
