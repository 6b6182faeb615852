//! Categories 1 (framing), 2 (pings), 3 (reserved bits), 4 (opcodes), 5 (fragmentation), 7
//! (closing) and 10 (automatic fragmentation).

use super::{binary, pong, text};
use crate::case::{Case, Level};
use crate::random::Pieces;
use crate::script::Step::{self, Await, Frame, Message};
use crate::script::{End, Leeway, Script};
use crate::wire::Got;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// The same without FIN.
const FIRST_TEXT: u8 = 0x01;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;

const HELLO: &[u8] = b"Hello, world!";
const NOT_TEXT: &[u8] = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
const PROTOCOL_ERROR: End = End::Fails(&[1002]);

pub(super) fn cases(category: u8) -> Vec<Case> {
    match category {
        1 => messages(),
        2 => pings(),
        3 => reserved_bits(),
        4 => reserved_opcodes(),
        5 => fragments(),
        7 => closing(),
        10 => vec![automatic_fragments()],
        _ => Vec::new(),
    }
}

fn f(first: u8, payload: impl AsRef<[u8]>) -> Step {
    Frame(first, payload.as_ref().to_vec())
}

fn close(code: u16, reason: &[u8]) -> Step {
    Frame(CLOSE, [&code.to_be_bytes(), reason].concat())
}

/// A short case, made once.
fn case(
    id: impl Into<String>,
    title: impl Into<String>,
    section: &'static str,
    script: Script,
) -> Case {
    Case::frames(id, title, section, move || script.clone())
}

/// A case that ends with our Close frame.
fn answered(steps: Vec<Step>, expected: Vec<Got>) -> Script {
    Script::new(steps, expected, End::WeClose)
}

/// A case in which something is illegal, after something that may have an answer.
fn refused(steps: Vec<Step>, expected: Vec<Got>) -> Script {
    Script::new(steps, expected, PROTOCOL_ERROR)
}

/// How the bytes are delivered, for titles.
fn manner(pieces: Pieces) -> String {
    match pieces {
        Pieces::Frames => ", frame by frame".into(),
        Pieces::Of(1) => ", byte by byte".into(),
        Pieces::Of(len) => format!(", {len} bytes at a time"),
        Pieces::Whole | Pieces::Random(_) => String::new(),
    }
}

fn messages() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, first, byte) in [(1, TEXT, b'*'), (2, BINARY, 0xfe)] {
        for (number, len) in [0, 125, 126, 127, 128, 65_535, 65_536, 65_536].into_iter().enumerate()
        {
            let payload = vec![byte; len];
            let (name, echo) = match first {
                TEXT => ("text", text(payload.clone())),
                _ => ("binary message", binary(payload.clone())),
            };
            let pieces = if number == 7 { Pieces::Of(997) } else { Pieces::Whole };
            let script = answered(vec![f(first, payload), Await(1)], vec![echo]).in_pieces(pieces);
            let title = format!("a {name} of {len} bytes{}", manner(pieces));
            cases.push(case(format!("1.{kind}.{}", number + 1), title, "RFC 6455 §5.6", script));
        }
    }
    cases
}

fn pings() -> Vec<Case> {
    const PINGS: &str = "RFC 6455 §5.5.2";
    const PONGS: &str = "RFC 6455 §5.5.3";
    let long = [0xfe; 125];
    let ping = |payload: &[u8]| answered(vec![f(PING, payload), Await(1)], vec![pong(payload)]);
    let ten = || (0..10).map(|i| format!("payload-{i}"));
    let ten_pings = |pieces| {
        let steps = ten().map(|payload| f(PING, payload)).chain([Await(10)]).collect();
        let script = answered(steps, ten().map(pong).collect());
        script.leeway(Leeway::FewerPongs).in_pieces(pieces)
    };
    let unasked = f(PONG, "unsolicited pong payload");
    vec![
        case("2.1", "a ping without a payload", PINGS, ping(b"")),
        case("2.2", "a ping with a text", PINGS, ping(HELLO)),
        case("2.3", "a ping with bytes that are no text", PINGS, ping(NOT_TEXT)),
        case("2.4", "a ping of 125 bytes, the most there may be", PINGS, ping(&long)),
        case(
            "2.5",
            "a ping of 126 bytes, one too many",
            "RFC 6455 §5.5",
            refused(vec![f(PING, [0xfe; 126])], vec![]),
        ),
        case(
            "2.6",
            "a ping of 125 bytes, byte by byte",
            PINGS,
            ping(&long).in_pieces(Pieces::Of(1)),
        ),
        case(
            "2.7",
            "a pong that nobody asked for, without a payload",
            PONGS,
            answered(vec![f(PONG, "")], vec![]),
        ),
        case(
            "2.8",
            "a pong that nobody asked for, with a payload",
            PONGS,
            answered(vec![unasked.clone()], vec![]),
        ),
        case(
            "2.9",
            "a pong that nobody asked for, then a ping",
            PONGS,
            answered(vec![unasked, f(PING, "ping payload"), Await(1)], vec![pong("ping payload")]),
        ),
        case("2.10", "ten pings in a row", PONGS, ten_pings(Pieces::Whole)).level_of(Level::May),
        case("2.11", "ten pings in a row, byte by byte", PONGS, ten_pings(Pieces::Of(1)))
            .level_of(Level::May),
    ]
}

fn reserved_bits() -> Vec<Case> {
    const SECTION: &str = "RFC 6455 §5.2";
    let alone = |first, payload: &[u8]| refused(vec![f(first, payload)], vec![]);
    let after_text = |rsv: u8, pieces| {
        let steps = vec![f(TEXT, HELLO), f(TEXT | rsv << 4, HELLO), f(PING, "")];
        refused(steps, vec![text(HELLO)]).in_pieces(pieces)
    };
    vec![
        case("3.1", "a text with RSV3", SECTION, alone(TEXT | 1 << 4, HELLO)),
        case("3.2", "a text, then one with RSV2", SECTION, after_text(2, Pieces::Whole)),
        case(
            "3.3",
            "a text, then one with RSV2 and RSV3, frame by frame",
            SECTION,
            after_text(3, Pieces::Frames),
        ),
        case(
            "3.4",
            "a text, then one with RSV1, byte by byte",
            SECTION,
            after_text(4, Pieces::Of(1)),
        ),
        case(
            "3.5",
            "a binary message with RSV1 and RSV3",
            SECTION,
            alone(BINARY | 5 << 4, NOT_TEXT),
        ),
        // Described as a ping in the original, but sent as this.
        case("3.6", "a binary message with RSV1 and RSV2", SECTION, alone(BINARY | 6 << 4, HELLO)),
        case("3.7", "a Close frame with all reserved bits", SECTION, alone(CLOSE | 7 << 4, b"")),
    ]
}

fn reserved_opcodes() -> Vec<Case> {
    const SECTION: &str = "RFC 6455 §5.2";
    let mut cases = Vec::new();
    for (kind, opcode) in [(1, 3), (2, 11)] {
        for number in 1..=5_u8 {
            let opcode = opcode + number - 1;
            let first = 0x80 | opcode;
            let steps = match number {
                1 => vec![f(first, "")],
                2 => vec![f(first, "reserved opcode payload")],
                3 => vec![f(TEXT, HELLO), f(first, ""), f(PING, "")],
                _ => vec![f(TEXT, HELLO), f(first, HELLO), f(PING, "")],
            };
            let expected = if number < 3 { vec![] } else { vec![text(HELLO)] };
            let pieces = if number == 5 { Pieces::Of(1) } else { Pieces::Whole };
            let after = if number < 3 { "" } else { ", after a text" };
            let title =
                format!("a frame with the reserved opcode {opcode}{after}{}", manner(pieces));
            let script = refused(steps, expected).in_pieces(pieces);
            cases.push(case(format!("4.{kind}.{number}"), title, SECTION, script));
        }
    }
    cases
}

fn fragments() -> Vec<Case> {
    const SECTION: &str = "RFC 6455 §5.4";
    const PIECES: [Pieces; 3] = [Pieces::Whole, Pieces::Frames, Pieces::Of(1)];
    let (one, two, three) = ("fragment1", "fragment2", "fragment3");
    let both = || text("fragment1fragment2");
    let mut cases = vec![
        case(
            "5.1",
            "a ping in two fragments",
            "RFC 6455 §5.5",
            refused(vec![f(PING & 0x7f, one), f(LAST, two)], vec![]),
        ),
        case(
            "5.2",
            "a pong in two fragments",
            "RFC 6455 §5.5",
            refused(vec![f(PONG & 0x7f, one), f(LAST, two)], vec![]),
        ),
    ];
    let mut add = |id: String, title: &str, script: Script| {
        let title = format!("{title}{}", manner(script.pieces));
        cases.push(case(id, title, SECTION, script));
    };
    for (number, pieces) in (3..).zip(PIECES) {
        let steps = vec![f(FIRST_TEXT, one), f(LAST, two), Await(1)];
        let script = answered(steps, vec![both()]).in_pieces(pieces);
        add(format!("5.{number}"), "a text in two fragments", script);
    }
    for (number, pieces) in (6..).zip(PIECES) {
        let steps = vec![f(FIRST_TEXT, one), f(PING, "ping payload"), f(LAST, two), Await(2)];
        let script = answered(steps, vec![pong("ping payload"), both()]).in_pieces(pieces);
        add(format!("5.{number}"), "a ping between two fragments of a text", script);
    }
    for (number, first, title) in [
        (9, LAST, "a last fragment of nothing, then a text"),
        (12, MORE, "a fragment of nothing, then a text"),
    ] {
        for (number, pieces) in (number..).zip(PIECES) {
            let steps = vec![f(first, "non-continuation payload"), f(TEXT, HELLO)];
            add(format!("5.{number}"), title, refused(steps, vec![]).in_pieces(pieces));
        }
    }
    let steps = vec![f(FIRST_TEXT, one), f(LAST, two), f(MORE, three), f(TEXT, "fragment4")];
    let title = "a text in two fragments, then a fragment of nothing";
    add("5.15".into(), title, refused(steps, vec![both()]));
    for (id, first, title) in [
        ("5.16", MORE, "a fragment of nothing, then a text in two fragments, twice"),
        ("5.17", LAST, "a last fragment of nothing, then a text in two fragments, twice"),
    ] {
        let once = [f(first, one), f(FIRST_TEXT, two), f(LAST, three)];
        add(id.into(), title, refused([once.clone(), once].concat(), vec![]));
    }
    let steps = vec![f(FIRST_TEXT, one), f(TEXT, two)];
    add("5.18".into(), "a text that begins within another", refused(steps, vec![]));
    for (id, pieces) in [("5.19", Pieces::Whole), ("5.20", Pieces::Frames)] {
        let steps = vec![
            f(FIRST_TEXT, one),
            f(MORE, two),
            f(PING, "pongme 1!"),
            Await(1), // the pong comes before the message ends
            f(MORE, three),
            f(MORE, "fragment4"),
            f(PING, "pongme 2!"),
            f(LAST, "fragment5"),
            Await(3),
        ];
        let whole = text("fragment1fragment2fragment3fragment4fragment5");
        let expected = vec![pong("pongme 1!"), pong("pongme 2!"), whole];
        let title = "a ping within a text is answered before the text ends";
        add(id.into(), title, answered(steps, expected).in_pieces(pieces));
    }
    cases
}

/// Close codes that may be sent (RFC 6455 §7.4, and the registry), and such that may not.
const GOOD_CODES: [(u16, &[u16]); 13] = [
    (1000, &[1000]),
    (1001, &[1000, 1001]),
    (1002, &[1000, 1002]),
    (1003, &[1000, 1003]),
    (1007, &[1000, 1007]),
    (1008, &[1000, 1008]),
    (1009, &[1000, 1009]),
    (1010, &[1000, 1010]),
    (1011, &[1000, 1011]),
    (3000, &[1000, 3000]),
    (3999, &[1000, 3999]),
    (4000, &[1000, 4000]),
    (4999, &[1000, 4999]),
];
const BAD_CODES: [u16; 9] = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];

/// "κόσμε", a surrogate, "edited".
const NOT_UTF8: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";

fn closing() -> Vec<Case> {
    const NORMAL: End = End::WeClosed(&[1000]);
    const CLOSING: &str = "RFC 6455 §5.5.1";
    let bye = || close(1000, b"");
    let normal = |steps| Script::new(steps, vec![], NORMAL);
    let long = b"BAsd7&jh23".iter().copied().cycle().take(256 << 10).collect::<Vec<u8>>();
    let mut cases = vec![
        case(
            "7.1.1",
            "a text, then a Close frame",
            "RFC 6455 §7.1.2",
            answered(vec![f(TEXT, "Hello World!"), Await(1)], vec![text("Hello World!")]),
        ),
        case("7.1.2", "a second Close frame", CLOSING, normal(vec![bye(), f(CLOSE, "")])),
        case("7.1.3", "a ping after a Close frame", CLOSING, normal(vec![bye(), f(PING, "")])),
        case(
            "7.1.4",
            "a text after a Close frame",
            CLOSING,
            normal(vec![bye(), f(TEXT, "Hello World!")]),
        ),
        case(
            "7.1.5",
            "a Close frame within a fragmented text",
            "RFC 6455 §5.4",
            normal(vec![f(FIRST_TEXT, "fragment1"), bye(), f(LAST, "fragment2")]),
        ),
        // Our reading: what came before the Close frame is answered before it.
        case(
            "7.1.6",
            "256 KiB of text and a short one, with a Close frame right after",
            CLOSING,
            Script::new(
                vec![f(TEXT, &long), f(TEXT, "Hello World!"), bye(), f(PING, "")],
                vec![text(long), text("Hello World!")],
                NORMAL,
            )
            .leeway(Leeway::Open),
        )
        .level_of(Level::May),
        case("7.3.1", "a Close frame without a code", CLOSING, normal(vec![f(CLOSE, "")])),
        case(
            "7.3.2",
            "a Close frame with a body of one byte",
            CLOSING,
            refused(vec![f(CLOSE, "a")], vec![]),
        ),
        case("7.3.3", "a Close frame with a code", CLOSING, normal(vec![bye()])),
        case(
            "7.3.4",
            "a Close frame with a code and a reason",
            CLOSING,
            normal(vec![close(1000, b"Hello World!")]),
        ),
        case(
            "7.3.5",
            "a Close frame with a reason of 123 bytes, the most there may be",
            "RFC 6455 §5.5",
            normal(vec![close(1000, &[b'*'; 123])]),
        ),
        case(
            "7.3.6",
            "a Close frame with a reason of 124 bytes, one too many",
            "RFC 6455 §5.5",
            refused(vec![close(1000, &[b'*'; 124])], vec![]),
        ),
        case(
            "7.5.1",
            "a Close frame with a reason that is not UTF-8",
            CLOSING,
            Script::new(vec![close(1000, NOT_UTF8)], vec![], End::Fails(&[1002, 1007])),
        ),
    ];
    for (number, (code, back)) in (1..).zip(GOOD_CODES) {
        let title = format!("a Close frame with the code {code}");
        let script = Script::new(vec![close(code, b"")], vec![], End::WeClosed(back));
        cases.push(case(format!("7.7.{number}"), title, "RFC 6455 §7.4", script));
    }
    for (number, code) in (1..).zip(BAD_CODES) {
        let title = format!("a Close frame with the code {code}, which must not be sent");
        let script = refused(vec![close(code, b"")], vec![]);
        cases.push(case(format!("7.9.{number}"), title, "RFC 6455 §7.4", script));
    }
    for (number, code) in [(1, 5000), (2, 65_535)] {
        // Our reading: no such code may be sent.
        let title = format!("a Close frame with the code {code}, which nobody has defined");
        let script = refused(vec![close(code, b"")], vec![]).leeway(Leeway::Open);
        let case = case(format!("7.13.{number}"), title, "RFC 6455 §7.4.2", script);
        cases.push(case.level_of(Level::May));
    }
    cases
}

fn automatic_fragments() -> Case {
    let payload = vec![b'*'; 65_536];
    let message = Message { binary: false, payload: payload.clone(), fragment: Some(1300) };
    let title = "a text of 65536 bytes in fragments of 1300";
    let script = answered(vec![message, Await(1)], vec![text(payload)]);
    case("10.1.1", title, "RFC 6455 §5.4", script)
}
