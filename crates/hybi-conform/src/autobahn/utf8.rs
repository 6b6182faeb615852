//! Category 6: UTF-8 (RFC 6455 §8.1, RFC 3629).

use super::text;
use crate::case::Case;
use crate::script::Step::{self, Await, AwaitFailure, Frame, Header, Message, Payload};
use crate::script::{End, Script};

/// A text must be UTF-8.
const SECTION: &str = "RFC 6455 §8.1";

const NOT_UTF8: End = End::Fails(&[1007]);

/// Payloads of unfragmented messages by subcategory, in hex: `+` before valid ones, `-` before
/// others.
const SEQUENCES: &[(u8, &str, &str)] = &[
    (
        5,
        "valid text",
        "+68656c6c6f24776f726c64 +68656c6c6fc2a2776f726c64 +68656c6c6fe282ac776f726c64 \
         +68656c6c6ff0a4ada2776f726c64 +cebae1bdb9cf83cebcceb5",
    ),
    (
        6,
        "every prefix of a valid text",
        "-ce +ceba -cebae1 -cebae1bd +cebae1bdb9 -cebae1bdb9cf +cebae1bdb9cf83 -cebae1bdb9cf83ce \
         +cebae1bdb9cf83cebc -cebae1bdb9cf83cebcce +cebae1bdb9cf83cebcceb5",
    ),
    (7, "the first sequence of each length", "+00 +c280 +e0a080 +f0908080"),
    (8, "sequences of five and six bytes", "-f888808080 -fc8480808080"),
    (9, "the last sequence of each length", "+7f +dfbf +efbfbf +f48fbfbf"),
    (10, "code points beyond U+10FFFF", "-f7bfbfbf -fbbfbfbfbf -fdbfbfbfbfbf"),
    (11, "the borders of what is valid", "+ed9fbf +ee8080 +efbfbd +f48fbfbf -f4908080"),
    (
        12,
        "continuation bytes alone",
        "-80 -bf -80bf -80bf80 -80bf80bf -80bf80bf80 -80bf80bf80bf \
         -808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f\
         a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe",
    ),
    (
        13,
        "first bytes alone",
        "-c020c120c220c320c420c520c620c720c820c920ca20cb20cc20cd20ce20cf20\
         d020d120d220d320d420d520d620d720d820d920da20db20dc20dd20de20 \
         -e020e120e220e320e420e520e620e720e820e920ea20eb20ec20ed20ee20 \
         -f020f120f220f320f420f520f620 \
         -f820f920fa20 -fc20",
    ),
    (
        14,
        "sequences without their last byte",
        "-c0 -e080 -f08080 -f8808080 -fc80808080 -df -efbf -f7bfbf -fbbfbfbf -fdbfbfbfbf",
    ),
    (15, "all of those in a row", "-c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"),
    (16, "bytes that never occur", "-fe -ff -fefeffff"),
    (17, "a slash, overlong", "-c0af -e080af -f08080af -f8808080af -fc80808080af"),
    (18, "the longest overlong sequences", "-c1bf -e09fbf -f08fbfbf -f887bfbfbf -fc83bfbfbfbf"),
    (19, "NUL, overlong", "-c080 -e08080 -f0808080 -f880808080 -fc8080808080"),
    (20, "a surrogate", "-eda080 -edadbf -edae80 -edafbf -edb080 -edbe80 -edbfbf"),
    (
        21,
        "a pair of surrogates",
        "-eda080edb080 -eda080edbfbf -edadbfedb080 -edadbfedbfbf -edae80edb080 -edae80edbfbf \
         -edafbfedb080 -edafbfedbfbf",
    ),
    (
        22,
        "non-characters, which are valid",
        "+efbfbe +efbfbf +f09fbfbe +f09fbfbf +f0afbfbe +f0afbfbf +f0bfbfbe +f0bfbfbf \
         +f18fbfbe +f18fbfbf +f19fbfbe +f19fbfbf +f1afbfbe +f1afbfbf +f1bfbfbe +f1bfbfbf \
         +f28fbfbe +f28fbfbf +f29fbfbe +f29fbfbf +f2afbfbe +f2afbfbf +f2bfbfbe +f2bfbfbf \
         +f38fbfbe +f38fbfbf +f39fbfbe +f39fbfbf +f3afbfbe +f3afbfbf +f3bfbfbe +f3bfbfbf \
         +f48fbfbe +f48fbfbf",
    ),
    (
        23,
        "specials such as U+FFFD, which are valid",
        "+efbfb9 +efbfba +efbfbb +efbfbc +efbfbd +efbfbe +efbfbf",
    ),
];

pub(super) fn cases() -> Vec<Case> {
    let (start, end) = GREETING.as_bytes().split_at(15); // between two code points
    let surrogate = [KOSME, b"\xed\xa0\x80edited"].concat();
    let mut cases = vec![
        valid("6.1.1", "an empty text", vec![frame(0x81, b"")], b""),
        valid(
            "6.1.2",
            "a text of three empty fragments",
            vec![frame(0x01, b""), frame(0x00, b""), frame(0x80, b"")],
            b"",
        ),
        valid(
            "6.1.3",
            "a text whose first and last fragments are empty",
            vec![frame(0x01, b""), frame(0x00, MIDDLE), frame(0x80, b"")],
            MIDDLE,
        ),
        valid(
            "6.2.1",
            "valid text in one frame",
            vec![frame(0x81, GREETING.as_bytes())],
            GREETING.as_bytes(),
        ),
        valid(
            "6.2.2",
            "valid text, split between two code points",
            vec![frame(0x01, start), frame(0x80, end)],
            GREETING.as_bytes(),
        ),
        valid(
            "6.2.3",
            "valid text in fragments of one byte",
            vec![byte_by_byte(GREETING.as_bytes())],
            GREETING.as_bytes(),
        ),
        valid("6.2.4", "Greek in fragments of one byte", vec![byte_by_byte(KOSME)], KOSME),
        invalid("6.3.1", "text with a surrogate", vec![frame(0x81, &surrogate)]),
        invalid(
            "6.3.2",
            "text with a surrogate in fragments of one byte",
            vec![byte_by_byte(&surrogate)],
        ),
    ];
    cases.extend(fail_fast());
    for &(subcategory, about, sequences) in SEQUENCES {
        for (number, sequence) in (1..).zip(sequences.split_whitespace()) {
            let (sign, hex) = sequence.split_at(1);
            let payload = bytes(hex);
            let id = format!("6.{subcategory}.{number}");
            let short = if hex.len() > 40 { format!("{}...", &hex[..40]) } else { hex.into() };
            let title = format!("{about}: {short}");
            cases.push(match sign {
                "+" => valid(id, title, vec![frame(0x81, &payload)], &payload),
                _ => invalid(id, title, vec![frame(0x81, &payload)]),
            });
        }
    }
    cases
}

const MIDDLE: &[u8] = b"middle frame payload";
const GREETING: &str = "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!";
/// "κόσμε", of code points with two bytes and one with three.
const KOSME: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// 6.4: a text that becomes impossible at the second byte of what would be U+110000, in fragments
/// and in one frame that is not yet complete. The failure must not wait for anything after that
/// byte.
fn fail_fast() -> Vec<Case> {
    let whole = [KOSME, b"\xf4\x90\x80\x80edited"].concat();
    let parts = |at: [usize; 2]| [&whole[..at[0]], &whole[at[0]..at[1]], &whole[at[1]..]];
    let mut cases = Vec::new();
    for (number, at, what) in [(1, [11, 15], "sequence"), (2, [12, 13], "byte")] {
        let [one, two, three] = parts(at);
        let fragments =
            vec![frame(0x01, one), Await(0), frame(0x00, two), AwaitFailure, frame(0x80, three)];
        let title = format!("a fragment that ends with an invalid {what} fails at once");
        cases.push(invalid(format!("6.4.{number}"), title, fragments));
    }
    for (number, at, what) in [(3, [11, 15], "sequence"), (4, [12, 13], "byte")] {
        let [one, two, three] = parts(at).map(|part| Payload(part.to_vec()));
        let steps = vec![
            Header(0x01, whole.len()),
            one,
            Await(0),
            two,
            AwaitFailure,
            three,
            frame(0x80, b""),
        ];
        let title = format!("an invalid {what} in an unfinished frame fails at once");
        cases.push(invalid(format!("6.4.{number}"), title, steps));
    }
    cases
}

fn valid(
    id: impl Into<String>,
    title: impl Into<String>,
    mut steps: Vec<Step>,
    payload: &[u8],
) -> Case {
    steps.push(Await(1));
    let script = Script::new(steps, vec![text(payload)], End::WeClose);
    Case::frames(id, title, SECTION, move || script.clone())
}

fn invalid(id: impl Into<String>, title: impl Into<String>, steps: Vec<Step>) -> Case {
    let script = Script::new(steps, vec![], NOT_UTF8);
    Case::frames(id, title, SECTION, move || script.clone())
}

fn frame(first: u8, payload: &[u8]) -> Step {
    Frame(first, payload.to_vec())
}

/// A text in fragments of one byte.
fn byte_by_byte(payload: &[u8]) -> Step {
    Message { binary: false, payload: payload.to_vec(), fragment: Some(1) }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The table agrees with the standard library.
#[test]
fn the_table_of_sequences_is_right() {
    let mut count = 0;
    for sequence in SEQUENCES.iter().flat_map(|(_, _, sequences)| sequences.split_whitespace()) {
        let (sign, hex) = sequence.split_at(1);
        assert_eq!(std::str::from_utf8(&bytes(hex)).is_ok(), sign == "+", "{sequence}");
        count += 1;
    }
    assert_eq!(count, 132);
}
