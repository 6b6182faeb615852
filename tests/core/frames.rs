//! Frames as values and on a connection: the examples of RFC 6455 §5.7, and tables of everything that the first two
//! bytes, a length and a close code can say. Expected verdicts are stated here, naively, from the RFC.

use crate::common::*;
use hybi::connection::Prepared;
use hybi::frame::{CloseReason, HEADER_BYTES_MAX, Header, LengthForm, Mask, OpCode, Reserved};
use hybi::{Client, CloseCode, Config, Event, Inbox, Limits, Outbox, ProtocolError, UsageError};

/// RFC 6455 §5.7: bytes, who sent them, what they say.
fn examples() -> Vec<(&'static str, Vec<u8>, Side, Vec<Event<'static>>)> {
    let many: Vec<u8> = (0..=255).collect();
    let most = vec![0x5a; 65_536];
    vec![
        (
            "unmasked text",
            b"\x81\x05\x48\x65\x6c\x6c\x6f".to_vec(),
            Side::Server,
            vec![text("Hello")],
        ),
        (
            "masked text",
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec(),
            Side::Client,
            vec![text("Hello")],
        ),
        (
            "fragmented unmasked text",
            b"\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f".to_vec(),
            Side::Server,
            vec![text("Hello")],
        ),
        (
            "unmasked ping",
            b"\x89\x05\x48\x65\x6c\x6c\x6f".to_vec(),
            Side::Server,
            vec![ping(b"Hello")],
        ),
        (
            "masked pong",
            b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec(),
            Side::Client,
            vec![pong(b"Hello")],
        ),
        ("256 bytes", [b"\x82\x7e\x01\x00", &many[..]].concat(), Side::Server, vec![binary(&many)]),
        (
            "64 KiB",
            [b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", &most[..]].concat(),
            Side::Server,
            vec![binary(&most)],
        ),
    ]
}

#[test]
fn examples_of_the_rfc_are_received() {
    for (name, wire, sender, want) in examples() {
        let run =
            run_every_way(sender.peer(), Config::default(), Mode::Messages, &wire, &[3, 4, 1000]);
        assert_eq!(run.events(), want, "{name}");
        assert_eq!(run.error, None, "{name}");
    }
}

#[test]
fn examples_of_the_rfc_are_sent() {
    for (name, wire, sender, want) in examples() {
        let mut ws = sender.connection(Config::default());
        let mut out = Vec::new();
        match (&want[0], wire[0]) {
            (Event::Text(text), 0x01) => {
                ws.send_part(&text[..3], &mut out).unwrap();
                ws.send_last_part(&text[3..], &mut out).unwrap();
            }
            (Event::Text(text), _) => ws.send(&**text, &mut out).unwrap(),
            (Event::Binary(data), _) => ws.send(&**data, &mut out).unwrap(),
            (Event::Ping(payload), _) => ws.ping(payload, &mut out).unwrap(),
            (Event::Pong(payload), _) => ws.pong(payload, &mut out).unwrap(),
            _ => panic!("{name}"),
        }
        assert_eq!(Hex(&out), Hex(&wire), "{name}");
    }
}

#[test]
fn examples_of_the_rfc_are_values() {
    for (name, wire, _, _) in examples() {
        let mut rest = &wire[..];
        let mut payload = Vec::new();
        while let Some((header, used)) = Header::decode(rest) {
            assert_eq!(Hex(&header.encode()), Hex(&rest[..used]), "{name}");
            let end = used + header.payload_len as usize;
            let mut piece = rest[used..end].to_vec();
            if let Some(key) = header.masking_key {
                Mask::new(key).apply(&mut piece);
            }
            payload.extend(piece);
            rest = &rest[end..];
        }
        assert!(rest.is_empty(), "{name}");
        assert!(payload.len() >= 256 || payload == b"Hello", "{name}");
    }
}

/// What stands in RFC 6455 about the first two bytes of a frame, one rule after the other; which of them a frame
/// breaks. (Without an extension, and before the length that may follow.)
fn rules_broken(first: u8, second: u8, receiver: Side, in_message: bool) -> Vec<&'static str> {
    let (fin, rsv, opcode) = (first >> 7 == 1, (first >> 4) % 8, first % 16);
    let (mask, len) = (second >> 7 == 1, second % 128);
    let control = [0x8, 0x9, 0xa].contains(&opcode);
    let mut broken = Vec::new();
    // §5.2: "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values"
    if rsv != 0 {
        broken.push("reserved bits");
    }
    // §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_"
    if ![0x0, 0x1, 0x2, 0x8, 0x9, 0xa].contains(&opcode) {
        broken.push("opcode");
    }
    // §5.1: "a client MUST mask all frames", "A server MUST NOT mask any frames"
    if mask != (receiver == Side::Server) {
        broken.push("mask");
    }
    // §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented"
    if opcode >= 8 && len > 125 {
        broken.push("control length");
    }
    if opcode >= 8 && !fin {
        broken.push("control fragmented");
    }
    // §5.4: the first frame has an opcode other than 0, the others have 0, and fragments of two messages are
    // not interleaved
    if opcode == 0 && !in_message {
        broken.push("continuation");
    }
    if !control && opcode != 0 && in_message {
        broken.push("new message");
    }
    broken
}

fn rule_of(violation: ProtocolError) -> &'static str {
    match violation {
        ProtocolError::ReservedBits { .. } => "reserved bits",
        ProtocolError::ReservedOpCode { .. } => "opcode",
        ProtocolError::Unmasked | ProtocolError::Masked => "mask",
        ProtocolError::ControlTooLong { .. } => "control length",
        ProtocolError::ControlFragmented { .. } => "control fragmented",
        ProtocolError::ContinuationOfNothing => "continuation",
        ProtocolError::MessageInsideMessage => "new message",
        other => panic!("no rule about two bytes: {other:?}"),
    }
}

#[test]
fn every_first_two_bytes_in_both_roles_and_states() {
    let mut legal = 0;
    for side in BOTH {
        for in_message in [false, true] {
            for bytes in 0..=u16::MAX {
                let [first, second] = bytes.to_be_bytes();
                let mut ws = side.connection(Config::default());
                let mut run = Run::default();
                if in_message {
                    run.feed(&mut ws, Mode::Messages, &side.incoming(0x01, b"a"));
                }
                run.feed(&mut ws, Mode::Messages, &[first, second]);
                let broken = rules_broken(first, second, side, in_message);
                let context =
                    format!("{side:?} {first:02x} {second:02x}, inside a message: {in_message}");
                match run.error {
                    None => {
                        legal += 1;
                        assert_eq!(broken, [""; 0], "{context}");
                        // Only a server's frame without a payload is complete with two bytes.
                        let complete = side == Side::Client
                            && second == 0
                            && (first >> 7 == 1 || first & 0x0f >= 8);
                        assert_eq!(run.items.len(), usize::from(complete), "{context}");
                    }
                    Some(violation) => {
                        assert!(broken.contains(&rule_of(violation)), "{context}: {violation:?}");
                        assert_eq!(run.items, [], "{context}");
                        assert_eq!(run.out.0, side.failure(1002, violation), "{context}");
                        assert!(violation.to_string().contains(violation.section()), "{violation}");
                    }
                }
            }
        }
    }
    // By hand: 3 control opcodes × 126 lengths; data × 128 lengths: text and binary with either FIN, or continuation
    // with either FIN.
    let control = 3 * 126;
    assert_eq!(legal, 2 * ((control + 2 * 2 * 128) + (control + 2 * 128)));
}

/// RFC 6455 §7.4.1, §7.4.2 and the IANA registry, read line by line.
fn code_may_be_on_the_wire(code: u16) -> bool {
    match code {
        0..=999 => false, // "not used"
        1000..=1003 => true,
        1004 => false,        // "Reserved"
        1005 | 1006 => false, // "MUST NOT be set as a status code in a Close control frame"
        1007..=1011 => true,
        1012..=1014 => true, // registered: service restart, try again later, bad gateway
        1015 => false,       // "MUST NOT be set as a status code in a Close control frame"
        1016..=2999 => false, // "reserved for definition by this protocol, its future revisions"
        3000..=4999 => true, // libraries, frameworks, applications; private use
        5000..=u16::MAX => false, // not defined
    }
}

/// The column "Meaning" of the IANA registry in lower case, with two exceptions. The registry has
/// "Mandatory Ext.", and for 1014 a sentence that ends "similar to 502 HTTP Status Code", which is
/// Bad Gateway.
const MEANINGS: [(u16, &str); 15] = [
    (1000, "normal closure"),
    (1001, "going away"),
    (1002, "protocol error"),
    (1003, "unsupported data"),
    (1007, "invalid frame payload data"),
    (1008, "policy violation"),
    (1009, "message too big"),
    (1010, "mandatory extension"),
    (1011, "internal error"),
    (1012, "service restart"),
    (1013, "try again later"),
    (1014, "bad gateway"),
    (3000, "unauthorized"),
    (3003, "forbidden"),
    (3008, "timeout"),
];

#[test]
fn a_close_code_means_what_the_registry_says() {
    for number in 0..=u16::MAX {
        let registered = MEANINGS.iter().find(|(code, _)| *code == number);
        let meaning = CloseCode::new(number).and_then(CloseCode::meaning);
        assert_eq!(meaning, registered.map(|(_, meaning)| *meaning), "{number}");
    }
}

#[test]
fn every_close_code_received() {
    for side in BOTH {
        for code in 0..=u16::MAX {
            let mut ws = side.connection(Config::default());
            let run = Run::of(
                &mut ws,
                Mode::Messages,
                [&side.incoming(0x88, &close_body(code, "so"))[..]],
            );
            if code_may_be_on_the_wire(code) {
                assert_eq!(run.events(), [closed(code, "so")]);
                assert_eq!(run.out.0, side.close_frame(code, "so"), "the reply to {code}");
            } else {
                let violation = ProtocolError::CloseCode { number: code };
                assert_eq!(run.error, Some(violation));
                assert_eq!(run.items, []);
                assert_eq!(run.out.0, side.failure(1002, violation), "the answer to {code}");
            }
        }
    }
}

#[test]
fn every_close_code_sent() {
    for side in BOTH {
        for number in 0..=u16::MAX {
            let code = CloseCode::new(number);
            assert_eq!(code.is_some(), code_may_be_on_the_wire(number), "{number}");
            let checked = CloseCode::try_from(number);
            assert_eq!(checked.ok(), code);
            assert_eq!(checked.err().map(|error| error.number), code.is_none().then_some(number));
            let Some(code) = code else { continue };
            assert_eq!(code.number(), number);
            let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
            let result = ws.close(code, "so", &mut out);
            // §7.4.1 on 1010: "this status code is not used by the server"
            if side == Side::Server && number == 1010 {
                assert_eq!(result, Err(UsageError::CloseCode { number }));
                assert_eq!(Hex(&out), Hex(&[]));
                ws.send("still open", &mut out).unwrap();
            } else {
                assert_eq!(result, Ok(()));
                assert_eq!(out, side.close_frame(number, "so"));
            }
        }
    }
}

/// The lengths at every border of RFC 6455 §5.2.
const LENGTHS: [u64; 15] = [
    0,
    1,
    125,
    126,
    127,
    65_535,
    65_536,
    65_537,
    (1 << 32) - 1,
    1 << 32,
    (1 << 32) + 1,
    (1 << 63) - 1,
    1 << 63,
    (1 << 63) + 1,
    u64::MAX,
];

/// The bytes behind the first one, in a form of 7, 16 or 64 bits; `None` if the length does not fit.
fn length_bytes(bits: u32, len: u64) -> Option<Vec<u8>> {
    match bits {
        7 => (len < 126).then(|| vec![len as u8]),
        16 => (len < 1 << 16).then(|| [&[126], &(len as u16).to_be_bytes()[..]].concat()),
        _ => Some([&[127], &len.to_be_bytes()[..]].concat()),
    }
}

#[test]
fn every_length_form_on_a_connection() {
    let limits = Limits::default().frame_bytes_max(u64::MAX).message_bytes_max(u64::MAX);
    for side in BOTH {
        for len in LENGTHS {
            for bits in [7, 16, 64] {
                let Some(mut bytes) = length_bytes(bits, len) else { continue };
                bytes[0] |= side.mask_bit();
                let wire = [&[0x82], &bytes[..]].concat();
                let run = run_every_way(
                    side,
                    Config::default().limits(limits),
                    Mode::Messages,
                    &wire,
                    &[],
                );
                // §5.2: "the minimal number of bytes MUST be used", "the most significant bit MUST be 0"
                let minimal = if len < 126 {
                    7
                } else if len < 1 << 16 {
                    16
                } else {
                    64
                };
                let want = if len > i64::MAX as u64 {
                    Some(ProtocolError::LengthTopBit { len })
                } else if bits != minimal {
                    Some(ProtocolError::LengthNotShortest { len })
                } else {
                    None
                };
                assert_eq!(run.error, want, "{side:?}, {len} in {bits} bits");
                let out = want.map_or_else(Vec::new, |violation| side.failure(1002, violation));
                assert_eq!(run.out.0, out, "{side:?}, {len} in {bits} bits");
            }
        }
    }
}

#[test]
fn announced_lengths_meet_the_default_limits_at_the_header() {
    for side in BOTH {
        for len in LENGTHS.into_iter().filter(|&len| len <= i64::MAX as u64) {
            let wire = side.incoming_part(0x82, len, b"");
            let run = run_every_way(side, Config::default(), Mode::Chunks, &wire, &[]);
            let want = (len > 16 << 20).then_some(ProtocolError::FrameTooBig { len });
            assert_eq!(run.error, want);
            let out = want.map_or_else(Vec::new, |violation| side.failure(1009, violation));
            assert_eq!(run.out.0, out);
        }
    }
}

#[test]
fn every_header_survives_encoding_and_decoding() {
    let mut longest = 0;
    for first in 0..=u8::MAX {
        for len in LENGTHS {
            for (bits, length_form) in
                [(7, LengthForm::Bits7), (16, LengthForm::Bits16), (64, LengthForm::Bits64)]
            {
                for masking_key in [None, Some(KEY), Some([0; 4])] {
                    let header = Header {
                        fin: first >> 7 == 1,
                        reserved: Reserved::new((first >> 4) % 8).unwrap(),
                        opcode: OpCode::new(first % 16).unwrap(),
                        masking_key,
                        payload_len: len,
                        length_form,
                    };
                    let Some(mut bytes) = length_bytes(bits, len) else {
                        // Too small a form is widened to one that fits.
                        let widened = Header { length_form: LengthForm::shortest(len), ..header };
                        assert_eq!(header.encode(), widened.encode());
                        continue;
                    };
                    bytes.insert(0, first);
                    if let Some(key) = masking_key {
                        bytes[1] |= 0x80;
                        bytes.extend(key);
                    }
                    assert_eq!(Hex(&header.encode()), Hex(&bytes));
                    assert_eq!(Hex(header.encode().as_ref()), Hex(&bytes));
                    longest = longest.max(bytes.len());
                    for end in 0..bytes.len() {
                        assert_eq!(Header::decode(&bytes[..end]), None, "{}", Hex(&bytes[..end]));
                    }
                    let used = bytes.len();
                    assert_eq!(Header::decode(&bytes), Some((header, used)));
                    bytes.extend([0xff; 20]);
                    assert_eq!(
                        Header::decode(&bytes),
                        Some((header, used)),
                        "with bytes behind it"
                    );
                }
            }
        }
    }
    assert_eq!(longest, HEADER_BYTES_MAX);
}

#[test]
fn values_out_of_range_have_no_representation() {
    for number in 0..=u8::MAX {
        let opcode = OpCode::new(number);
        assert_eq!(opcode.map(OpCode::number), (number < 16).then_some(number));
        if let Some(opcode) = opcode {
            assert_eq!(opcode.is_control(), number >= 8);
            assert_eq!(opcode.is_reserved(), ![0, 1, 2, 8, 9, 10].contains(&number));
        }
        assert_eq!(Reserved::new(number).map(Reserved::bits), (number < 8).then_some(number));
    }
    assert_eq!(CloseReason::REASON_BYTES_MAX, 123);
}

/// RFC 6455 §7.4.1 and the registry of §11.7.
#[test]
fn the_close_codes_with_names() {
    for (code, number) in [
        (CloseCode::NORMAL, 1000),
        (CloseCode::GOING_AWAY, 1001),
        (CloseCode::PROTOCOL_ERROR, 1002),
        (CloseCode::UNSUPPORTED_DATA, 1003),
        (CloseCode::INVALID_DATA, 1007),
        (CloseCode::POLICY_VIOLATION, 1008),
        (CloseCode::TOO_BIG, 1009),
        (CloseCode::MANDATORY_EXTENSION, 1010),
        (CloseCode::INTERNAL_ERROR, 1011),
        (CloseCode::SERVICE_RESTART, 1012),
        (CloseCode::TRY_AGAIN_LATER, 1013),
        (CloseCode::BAD_GATEWAY, 1014),
        (CloseCode::UNAUTHORIZED, 3000),
        (CloseCode::FORBIDDEN, 3003),
        (CloseCode::TIMEOUT, 3008),
    ] {
        assert_eq!(code.number(), number);
        assert_eq!(u16::from(code), number);
        assert_eq!(CloseCode::try_from(number), Ok(code));
    }
}

#[test]
fn values_print_as_what_they_are() {
    assert_eq!(format!("{:?}", CloseCode::NORMAL), "CloseCode(1000)");
    assert_eq!(CloseCode::NORMAL.to_string(), "1000");
    let printed: Vec<_> =
        (0..16).filter_map(OpCode::new).map(|opcode| format!("{opcode:?}")).collect();
    assert_eq!(printed[..3], ["Continuation", "Text", "Binary"]);
    assert_eq!(printed[8..11], ["Close", "Ping", "Pong"]);
    assert_eq!(printed[11], "Reserved(0xb)");
    let printed: Vec<_> =
        (0..16).filter_map(OpCode::new).map(|opcode| opcode.to_string()).collect();
    assert_eq!(printed[..3], ["continuation", "text", "binary"]);
    assert_eq!(printed[8..11], ["Close", "Ping", "Pong"]);
    assert_eq!(printed[11], "reserved 0xb");
    assert_eq!(
        format!("{:#x} {:X} {:6}|", OpCode::PONG, OpCode::PONG, OpCode::PONG),
        "0xa A Pong  |"
    );
    assert_eq!(format!("{:?}", Reserved::RSV1), "Reserved(0b100)");
    assert_eq!(format!("{:03b} {:#b}", Reserved::RSV3, Reserved::RSV1), "001 0b100");
    assert_eq!(format!("{:?}", Header::new(OpCode::TEXT, 5).encode()), "EncodedHeader([81, 05])");
}

/// A masking key, a payload or a password must not get into a log because a value is printed.
#[test]
fn debug_output_shows_no_key_and_no_payload() {
    let header = Header { masking_key: Some([201, 202, 203, 204]), ..Header::new(OpCode::TEXT, 5) };
    assert_eq!(format!("{:?}", header.encode()), "EncodedHeader([81, 85], key)");
    let longest = Header { length_form: LengthForm::Bits64, ..header };
    let printed = "EncodedHeader([81, ff, 00, 00, 00, 00, 00, 00, 00, 05], key)";
    assert_eq!(format!("{:?}", longest.encode()), printed);
    let printed = format!("{header:?}");
    assert!(printed.contains("masking_key: Some(..)"), "{printed}");
    assert!(!printed.contains("20"), "{printed}");

    let reply = Event::Ping(b"hi"[..].into()).reply().unwrap();
    assert_eq!(format!("{reply:?}"), "Reply { opcode: Pong, len: 2 }");
    let prepared = format!("{:?}", Prepared::new("secret"));
    assert_eq!(prepared, "Prepared { kind: Text, len: 6 }");
    assert_eq!(format!("{:?}", Client::new(|| [1, 2, 3, 4])), "Client");

    let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
    inbox.append(b"secret");
    out.append(b"secret");
    out.set_elsewhere(1);
    assert_eq!(format!("{inbox:?}"), "Inbox { unread: 6, .. }");
    assert_eq!(format!("{:?}", inbox.input()), "Input { remaining: 6, .. }");
    assert_eq!(format!("{out:?}"), "Outbox { unsent: 6, elsewhere: 1 }");
}

#[test]
fn reserved_bits_combine() {
    let bits = [Reserved::NONE, Reserved::RSV1, Reserved::RSV2, Reserved::RSV3];
    assert_eq!(bits.map(Reserved::bits), [0, 0b100, 0b010, 0b001]);
    for a in (0..8).filter_map(Reserved::new) {
        for b in (0..8).filter_map(Reserved::new) {
            assert_eq!((a | b).bits(), a.bits() | b.bits());
            let mut c = a;
            c |= b;
            assert_eq!(c, a | b);
            assert_eq!(a.contains(b), a | b == a);
        }
    }
    assert_eq!(Reserved::new(8), None);
}
