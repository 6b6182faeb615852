//! Group `framing`: frames that the Autobahn testsuite does not send.

use crate::case::{Case, Group, Level, Role};
use crate::script::Step::{self, Await, Frame, Message};
use crate::script::{Compression, End, Leeway, Script};
use crate::wire::{Got, Odd};

const HELLO: &[u8] = b"Hello";
const TEXT: u8 = 0x81;
/// The first frame of a compressed text, and the only one.
const COMPRESSED: u8 = 0xc1;
const PROTOCOL_ERROR: End = End::Fails(&[1002]);
/// RFC 7692 names no code for data that does not inflate.
const CORRUPT: End = End::Fails(&[1002, 1003, 1007, 1008, 1011]);

/// "Hello", compressed (RFC 7692 §7.2.3.1, §7.2.3.3 to §7.2.3.5).
const DEFLATED: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
const STORED: &[u8] = b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00";
const LAST_BLOCK: &[u8] = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
const TWO_BLOCKS: &[u8] = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";

/// So many texts, each of which must come back with a masking key of its own.
const KEYS: usize = 8;

fn f(first: u8, payload: &[u8]) -> Step {
    Frame(first, payload.to_vec())
}

fn odd(odd: Odd, first: u8, payload: &[u8]) -> Step {
    Step::Odd(odd, first, payload.to_vec())
}

fn text(payload: &[u8]) -> Got {
    Got::Message { binary: false, payload: payload.to_vec() }
}

fn refused(steps: Vec<Step>, end: End) -> Script {
    Script::new(steps, Vec::new(), end)
}

/// These steps, after which these texts must have come back.
fn echoed(mut steps: Vec<Step>, texts: &[&[u8]]) -> Script {
    steps.push(Await(texts.len()));
    let expected = texts.iter().map(|payload| text(payload)).collect();
    Script::new(steps, expected, End::WeClose)
}

/// A length in a longer form than it needs. RFC 6455 §5.2 forbids this only to the sender, so a
/// receiver may take it.
fn long(form: Odd, payload: &[u8]) -> Script {
    let steps = vec![odd(form, TEXT, payload)];
    Script::new(steps, vec![text(payload)], End::WeClose).leeway(Leeway::MayRefuse)
}

pub(crate) fn cases() -> Vec<Case> {
    let case = |id: &str, title: &str, section, script: Script| {
        Case::frames(format!("framing/{id}"), title, section, move || script.clone())
            .in_group(Group::Framing)
    };
    let deflate = |id: &str, title: &str, section, script: Script| {
        case(&format!("deflate/{id}"), title, section, script.compression(Compression::DEFAULT))
    };
    let hello = || Message { binary: false, payload: HELLO.to_vec(), fragment: None };
    let bom = "\u{feff}Hello".as_bytes();
    let keys = echoed(vec![f(TEXT, HELLO); KEYS], &[HELLO; KEYS]).checks_keys();
    const MASKS: &str = "RFC 6455 §5.1";
    const LENGTHS: &str = "RFC 6455 §5.2";
    const BLOCKS: &str = "RFC 7692 §7.2.3";
    vec![
        case(
            "mask/text",
            "a text without a mask to a server, or with one to a client",
            MASKS,
            refused(vec![odd(Odd::Mask, TEXT, HELLO)], PROTOCOL_ERROR),
        ),
        case(
            "mask/ping",
            "a ping without a mask to a server, or with one to a client",
            MASKS,
            refused(vec![odd(Odd::Mask, 0x89, HELLO)], PROTOCOL_ERROR),
        ),
        case("mask/keys", "a fresh masking key for each frame of a client", "RFC 6455 §5.3", keys)
            .only(Role::Client),
        case(
            "length/5-in-16-bits",
            "a length of 5 in 16 bits",
            LENGTHS,
            long(Odd::Length16, HELLO),
        )
        .level_of(Level::May),
        case(
            "length/5-in-64-bits",
            "a length of 5 in 64 bits",
            LENGTHS,
            long(Odd::Length64, HELLO),
        )
        .level_of(Level::May),
        case(
            "length/126-in-64-bits",
            "a length of 126 in 64 bits",
            LENGTHS,
            long(Odd::Length64, &[b'*'; 126]),
        )
        .level_of(Level::May),
        case(
            "length/top-bit",
            "a length of 64 bits whose first bit is set",
            LENGTHS,
            refused(vec![odd(Odd::TopBit, TEXT, HELLO)], End::Fails(&[1002, 1009])),
        ),
        case(
            "text/bom",
            "a text that begins with a byte order mark, U+FEFF",
            "RFC 6455 §5.6",
            echoed(vec![f(TEXT, bom)], &[bom]),
        ),
        deflate(
            "rsv1/continuation",
            "RSV1 on a continuation frame of a compressed text",
            "RFC 7692 §6.1",
            refused(vec![f(0x41, &DEFLATED[..3]), f(0xc0, &DEFLATED[3..])], PROTOCOL_ERROR),
        ),
        deflate(
            "rsv1/ping",
            "RSV1 on a ping, with permessage-deflate agreed on",
            "RFC 7692 §6.1",
            refused(vec![f(0xc9, HELLO)], PROTOCOL_ERROR),
        ),
        deflate(
            "corrupt/block-type",
            "data that does not inflate: a block of the reserved type",
            "RFC 7692 §7.2.2",
            refused(vec![f(COMPRESSED, b"\x06\x00\x00")], CORRUPT),
        ),
        deflate(
            "corrupt/trailing",
            "a compressed text, and behind it bytes that do not inflate",
            "RFC 7692 §7.2.2",
            refused(vec![f(COMPRESSED, &[DEFLATED, b"\x00\x01\x02\x03"].concat())], CORRUPT),
        ),
        deflate(
            "not-utf-8",
            "a compressed text that is not UTF-8",
            "RFC 6455 §8.1",
            refused(
                vec![Message { binary: false, payload: b"Hello \xff".to_vec(), fragment: None }],
                End::Fails(&[1007]),
            ),
        ),
        deflate(
            "good/stored",
            "a block without compression",
            BLOCKS,
            echoed(vec![f(COMPRESSED, STORED)], &[HELLO]),
        ),
        deflate(
            "good/last-block",
            "two texts, each of which ends with a block with BFINAL",
            BLOCKS,
            echoed(vec![f(COMPRESSED, LAST_BLOCK); 2], &[HELLO; 2]),
        ),
        deflate(
            "good/two-blocks",
            "two blocks in one text",
            BLOCKS,
            echoed(vec![f(COMPRESSED, TWO_BLOCKS)], &[HELLO]),
        ),
        deflate(
            "good/uncompressed-between",
            "an empty text and another, without compression, between compressed ones",
            "RFC 7692 §6",
            echoed(
                vec![hello(), f(TEXT, b""), f(TEXT, b"World"), hello()],
                &[HELLO, b"", b"World", HELLO],
            ),
        ),
    ]
}
