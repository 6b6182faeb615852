//! Categories 1 (framing), 2 (pings), 3 (reserved bits), 4 (opcodes), 5 (fragmentation), 7 (closing) and 10
//! (automatic fragmentation).

use super::Step::{Await, Frame, Message};
use super::{Case, End, Pieces, Step, binary, pong, text};

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

fn messages() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, first, byte) in [(1, TEXT, b'*'), (2, BINARY, 0xfe)] {
        for (number, len) in [0, 125, 126, 127, 128, 65_535, 65_536, 65_536].into_iter().enumerate()
        {
            let payload = vec![byte; len];
            let echo = if first == TEXT { text(payload.clone()) } else { binary(payload.clone()) };
            let pieces = if number == 7 { Pieces::Of(997) } else { Pieces::Whole };
            let id = format!("1.{kind}.{}", number + 1);
            cases.push(
                Case::new(id, vec![f(first, payload), Await(1)], vec![echo], End::WeClose)
                    .in_pieces(pieces),
            );
        }
    }
    cases
}

fn pings() -> Vec<Case> {
    let long = [0xfe; 125];
    let answered = |id, payload: &[u8]| {
        Case::new(id, vec![f(PING, payload), Await(1)], vec![pong(payload)], End::WeClose)
    };
    let ten = || (0..10).map(|i| format!("payload-{i}"));
    let ten_pings = |id| {
        let steps = ten().map(|payload| f(PING, payload)).chain([Await(10)]).collect();
        Case::new(id, steps, ten().map(pong).collect(), End::WeClose)
    };
    let unasked = f(PONG, "unsolicited pong payload");
    vec![
        answered("2.1", b""),
        answered("2.2", HELLO),
        answered("2.3", NOT_TEXT),
        answered("2.4", &long),
        Case::new("2.5", vec![f(PING, [0xfe; 126])], vec![], PROTOCOL_ERROR),
        answered("2.6", &long).in_pieces(Pieces::Of(1)),
        Case::new("2.7", vec![f(PONG, "")], vec![], End::WeClose),
        Case::new("2.8", vec![unasked.clone()], vec![], End::WeClose),
        Case::new(
            "2.9",
            vec![unasked, f(PING, "ping payload"), Await(1)],
            vec![pong("ping payload")],
            End::WeClose,
        ),
        ten_pings("2.10"),
        ten_pings("2.11").in_pieces(Pieces::Of(1)),
    ]
}

fn reserved_bits() -> Vec<Case> {
    let alone =
        |id, first, payload: &[u8]| Case::new(id, vec![f(first, payload)], vec![], PROTOCOL_ERROR);
    let after_text = |id, rsv: u8, pieces| {
        let steps = vec![f(TEXT, HELLO), f(TEXT | rsv << 4, HELLO), f(PING, "")];
        Case::new(id, steps, vec![text(HELLO)], PROTOCOL_ERROR).in_pieces(pieces)
    };
    vec![
        alone("3.1", TEXT | 1 << 4, HELLO),
        after_text("3.2", 2, Pieces::Whole),
        after_text("3.3", 3, Pieces::Frames),
        after_text("3.4", 4, Pieces::Of(1)),
        alone("3.5", BINARY | 5 << 4, NOT_TEXT),
        alone("3.6", BINARY | 6 << 4, HELLO), // described as a ping, but sent as this
        alone("3.7", CLOSE | 7 << 4, b""),
    ]
}

fn reserved_opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, opcode) in [(1, 3), (2, 11)] {
        let first = 0x80 | opcode;
        let id = |number| format!("4.{kind}.{number}");
        let after_text = |number, payload: &[u8]| {
            let steps = vec![f(TEXT, HELLO), f(first + number - 1, payload), f(PING, "")];
            Case::new(id(number), steps, vec![text(HELLO)], PROTOCOL_ERROR)
        };
        cases.push(Case::new(id(1), vec![f(first, "")], vec![], PROTOCOL_ERROR));
        cases.push(Case::new(
            id(2),
            vec![f(first + 1, "reserved opcode payload")],
            vec![],
            PROTOCOL_ERROR,
        ));
        cases.push(after_text(3, b""));
        cases.push(after_text(4, HELLO));
        cases.push(after_text(5, HELLO).in_pieces(Pieces::Of(1)));
    }
    cases
}

fn fragments() -> Vec<Case> {
    const PIECES: [Pieces; 3] = [Pieces::Whole, Pieces::Frames, Pieces::Of(1)];
    let (one, two, three) = ("fragment1", "fragment2", "fragment3");
    let both = || text("fragment1fragment2");
    let mut cases = vec![
        Case::new("5.1", vec![f(PING & 0x7f, one), f(LAST, two)], vec![], PROTOCOL_ERROR),
        Case::new("5.2", vec![f(PONG & 0x7f, one), f(LAST, two)], vec![], PROTOCOL_ERROR),
    ];
    for (number, pieces) in (3..).zip(PIECES) {
        let steps = vec![f(FIRST_TEXT, one), f(LAST, two), Await(1)];
        cases.push(
            Case::new(format!("5.{number}"), steps, vec![both()], End::WeClose).in_pieces(pieces),
        );
    }
    for (number, pieces) in (6..).zip(PIECES) {
        let steps = vec![f(FIRST_TEXT, one), f(PING, "ping payload"), f(LAST, two), Await(2)];
        let expected = vec![pong("ping payload"), both()];
        cases.push(
            Case::new(format!("5.{number}"), steps, expected, End::WeClose).in_pieces(pieces),
        );
    }
    for (number, first) in [(9, LAST), (12, MORE)] {
        for (number, pieces) in (number..).zip(PIECES) {
            let steps = vec![f(first, "non-continuation payload"), f(TEXT, HELLO)];
            cases.push(
                Case::new(format!("5.{number}"), steps, vec![], PROTOCOL_ERROR).in_pieces(pieces),
            );
        }
    }
    let steps = vec![f(FIRST_TEXT, one), f(LAST, two), f(MORE, three), f(TEXT, "fragment4")];
    cases.push(Case::new("5.15", steps, vec![both()], PROTOCOL_ERROR));
    for (id, first) in [("5.16", MORE), ("5.17", LAST)] {
        let once = [f(first, one), f(FIRST_TEXT, two), f(LAST, three)];
        cases.push(Case::new(id, [once.clone(), once].concat(), vec![], PROTOCOL_ERROR));
    }
    cases.push(Case::new("5.18", vec![f(FIRST_TEXT, one), f(TEXT, two)], vec![], PROTOCOL_ERROR));
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
        cases.push(Case::new(id, steps, expected, End::WeClose).in_pieces(pieces));
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
    let bye = || close(1000, b"");
    let long = b"BAsd7&jh23".iter().copied().cycle().take(256 << 10).collect::<Vec<u8>>();
    let mut cases = vec![
        Case::new(
            "7.1.1",
            vec![f(TEXT, "Hello World!"), Await(1)],
            vec![text("Hello World!")],
            End::WeClose,
        ),
        Case::new("7.1.2", vec![bye(), f(CLOSE, "")], vec![], NORMAL),
        Case::new("7.1.3", vec![bye(), f(PING, "")], vec![], NORMAL),
        Case::new("7.1.4", vec![bye(), f(TEXT, "Hello World!")], vec![], NORMAL),
        Case::new(
            "7.1.5",
            vec![f(FIRST_TEXT, "fragment1"), bye(), f(LAST, "fragment2")],
            vec![],
            NORMAL,
        ),
        Case {
            // Our reading: what came before the Close frame is answered before it.
            informational: true,
            ..Case::new(
                "7.1.6",
                vec![f(TEXT, &long), f(TEXT, "Hello World!"), bye(), f(PING, "")],
                vec![text(long), text("Hello World!")],
                NORMAL,
            )
        },
        Case::new("7.3.1", vec![f(CLOSE, "")], vec![], NORMAL),
        Case::new("7.3.2", vec![f(CLOSE, "a")], vec![], PROTOCOL_ERROR),
        Case::new("7.3.3", vec![bye()], vec![], NORMAL),
        Case::new("7.3.4", vec![close(1000, b"Hello World!")], vec![], NORMAL),
        Case::new("7.3.5", vec![close(1000, &[b'*'; 123])], vec![], NORMAL),
        Case::new("7.3.6", vec![close(1000, &[b'*'; 124])], vec![], PROTOCOL_ERROR),
        Case::new("7.5.1", vec![close(1000, NOT_UTF8)], vec![], End::Fails(&[1002, 1007])),
    ];
    for (number, (code, back)) in (1..).zip(GOOD_CODES) {
        cases.push(Case::new(
            format!("7.7.{number}"),
            vec![close(code, b"")],
            vec![],
            End::WeClosed(back),
        ));
    }
    for (number, code) in (1..).zip(BAD_CODES) {
        cases.push(Case::new(
            format!("7.9.{number}"),
            vec![close(code, b"")],
            vec![],
            PROTOCOL_ERROR,
        ));
    }
    for (number, code) in [(1, 5000), (2, 65_535)] {
        // Our reading: no such code may be sent.
        let case =
            Case::new(format!("7.13.{number}"), vec![close(code, b"")], vec![], PROTOCOL_ERROR);
        cases.push(Case { informational: true, ..case });
    }
    cases
}

fn automatic_fragments() -> Case {
    let payload = vec![b'*'; 65_536];
    let message = Message { binary: false, payload: payload.clone(), fragment: Some(1300) };
    Case::new("10.1.1", vec![message, Await(1)], vec![text(payload)], End::WeClose)
}
