//! Group `utf8-early`: how early an invalid byte is refused. A text must be UTF-8 (RFC 6455 §8.1),
//! but the RFC does not say when to check. So a late refusal is `INFORMATIONAL`, and none is
//! `FAILED`.

use crate::case::{Case, Group, Level};
use crate::random::Pieces;
use crate::tester::Act::{Closes, Comes, Early, Frame, Header, Payload, Refuses1007};
use crate::tester::{Act, Acts};
use crate::wire::Got;

/// Bytes that no UTF-8 begins with. The last one is the first that shows it (RFC 3629 §4).
const IMPOSSIBLE: [(&str, &[u8]); 8] = [
    ("continuation", b"\x80"),
    ("overlong-2", b"\xc0"),
    ("overlong-3", b"\xe0\x9f"),
    ("surrogate", b"\xed\xa0"),
    ("overlong-4", b"\xf0\x8f"),
    ("beyond", b"\xf4\x90"),
    ("five-bytes", b"\xf8"),
    ("unfinished", b"\xe2\x82\x41"),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: String, title: &str, expected: &str, acts: Vec<Act>| {
        let acts = Acts {
            acts,
            role: None,
            head: None,
            pieces: Pieces::Whole,
            deflates: false,
            expected: expected.into(),
            others: None,
        };
        let section = "RFC 6455 §8.1";
        cases.push(Case::acts(Group::Utf8Early, &id, title, section, Level::Must, acts));
    };
    let refused = "a failed connection (Close 1007): early or late";
    for (name, bytes) in IMPOSSIBLE {
        let start = [b"Hello ", bytes].concat();
        let rest = b" and the rest".to_vec();
        let len = start.len() + rest.len();
        let acts = vec![
            Header(0x81, len),
            Payload(start.clone()),
            Early("at the bad byte"),
            Payload(rest.clone()),
            Refuses1007,
        ];
        add(format!("frame/{name}"), "a bad byte within a frame", refused, acts);
        let acts = vec![
            Frame(0x01, start.clone()),
            Early("at the end of the fragment"),
            Frame(0x00, rest.clone()),
            Early("at the end of the next fragment"),
            Frame(0x80, Vec::new()),
            Refuses1007,
        ];
        add(format!("fragment/{name}"), "a bad byte in the first fragment", refused, acts);
        if bytes.len() > 1 {
            let (first, last) = start.split_at(start.len() - 1);
            let acts = vec![
                Frame(0x01, first.to_vec()),
                Frame(0x00, last.to_vec()),
                Early("at the end of the fragment"),
                Frame(0x80, rest),
                Refuses1007,
            ];
            add(format!("split/{name}"), "a bad sequence that two fragments share", refused, acts);
        }
    }
    // Valid texts, however they are split.
    for (name, text) in [("2-bytes", "\u{e9}"), ("3-bytes", "\u{20ac}"), ("4-bytes", "\u{1f600}")] {
        let bytes = text.as_bytes();
        for at in 1..bytes.len() {
            let (first, last) = bytes.split_at(at);
            let whole = Got::Message { binary: false, payload: bytes.to_vec() };
            let acts = vec![
                Frame(0x01, first.to_vec()),
                Frame(0x80, last.to_vec()),
                Comes(whole),
                Frame(0x88, 1000_u16.to_be_bytes().to_vec()),
                Closes(&[1000]),
            ];
            let title = "a code point that two fragments share";
            add(format!("good/{name}-{at}"), title, "the text, and Close 1000", acts);
        }
        let acts = vec![
            Frame(0x81, bytes[..bytes.len() - 1].to_vec()),
            Early("at the end of the message"),
            Refuses1007,
        ];
        add(format!("cut-off/{name}"), "a text that ends within a code point", refused, acts);
    }
    cases
}
