//! `docs/security.md` is true as far as names and numbers go.

use std::collections::BTreeSet;
use std::fs;

use std::fmt::Debug;

use hybi::Limits;
use hybi::handshake::HeadLimits;
use hybi::keepalive::KeepaliveConfig;

use crate::sources::{root, sources, tests};

fn document() -> String {
    fs::read_to_string(root().join("docs/security.md")).unwrap()
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The words in code type, outside of blocks.
fn code_words(document: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut is_block = false;
    for line in document.lines() {
        if line.starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            words.extend(line.split('`').skip(1).step_by(2));
        }
    }
    words
}

/// Every class has its row, and every test of a class is named in the row of that class.
#[test]
fn every_class_has_its_row_and_every_test_of_it_is_named_there() {
    let document = document();
    let row = |number: usize| {
        let begin = format!("| {number} |");
        document
            .lines()
            .find(|line| line.starts_with(&begin))
            .unwrap_or_else(|| panic!("no row {number}"))
    };
    for number in (1..=21).chain([23]) {
        assert!(
            row(number).contains(&format!("`class_{number:02}_")),
            "no test for class {number}"
        );
    }
    let tests = tests();
    for test in tests.iter().filter(|name| name.starts_with("class_")) {
        let number = test["class_".len()..].split('_').next().unwrap().parse().unwrap();
        assert!(
            row(number).contains(&format!("`{test}`")),
            "{test} is not in the row of its class"
        );
    }
    for test in tests.iter().filter(|name| name.starts_with("wpt_")) {
        assert!(document.contains(&format!("`{test}`")), "{test} is not named");
    }
}

/// What is in code type is a name in the sources, a test, or a file; in the last column of the two tables of tests it is a test. So none
/// can be renamed or deleted without the document's noticing.
#[test]
fn what_the_document_names_exists() {
    let (tests, document) = (tests(), document());
    let mut names = BTreeSet::new();
    for file in sources("src") {
        let text = fs::read_to_string(file).unwrap();
        names.extend(text.split(|c| !is_part(c)).map(str::to_owned));
    }
    let mut missing = Vec::new();
    let mut named = 0;
    let (_, tables) = document.split_once("## The classes of defects").unwrap();
    for row in tables.lines().filter(|line| line.starts_with('|')) {
        let last = row.trim_end_matches('|').rsplit_once('|').unwrap().1;
        let words = code_words(last).into_iter().filter(|word| word.chars().all(is_part));
        for test in words {
            named += 1;
            if !tests.contains(test) {
                missing.push(test);
            }
        }
    }
    assert!(named > 60, "{named} tests were found");
    for word in code_words(&document) {
        let exists = match word {
            _ if word.contains('/') => root().join(word).exists(),
            _ if tests.contains(word) => true,
            _ => word
                .split(|c| !is_part(c))
                .filter(|part| !part.is_empty())
                .all(|part| names.contains(part)),
        };
        if !exists {
            missing.push(word);
        }
    }
    assert!(missing.is_empty(), "neither a test nor in the sources: {missing:#?}");
}

/// The defaults in the tables are those of the code.
#[test]
fn the_documented_defaults_are_those_of_the_code() {
    let bytes = |number: &str| match number.parse::<u64>().unwrap() {
        bytes if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        bytes => format!("{} KiB", bytes >> 10),
    };
    let plain = |number: &str| number.to_owned();
    // Such as "Some(30s)".
    let seconds = |time: &str| time.replace("Some(", "").replace("s)", " s");
    let document = document().replace(',', "");
    let check = |config: &dyn Debug, option: &str, unit: &dyn Fn(&str) -> String| {
        let printed = format!("{config:?}");
        let (name, options) = printed.split_once(" { ").unwrap();
        let value = options
            .trim_end_matches(" }")
            .split(", ")
            .find_map(|it| it.strip_prefix(&format!("{option}: ")));
        let row = format!("| `{name}::{option}` | {} |", unit(value.unwrap()));
        assert!(document.contains(&row), "docs/security.md lacks: {row}");
    };
    let limits = Limits::default();
    check(&limits, "frame_bytes_max", &bytes);
    check(&limits, "message_bytes_max", &bytes);
    check(&limits, "fragments_max", &plain);
    check(&limits, "reply_backlog_max", &bytes);
    let head = HeadLimits::default();
    check(&head, "head_bytes_max", &bytes);
    check(&head, "target_bytes_max", &bytes);
    check(&head, "fields_max", &plain);
    let keepalive = KeepaliveConfig::default();
    check(&keepalive, "ping_after", &seconds);
    check(&keepalive, "pong_within", &seconds);
    check(&keepalive, "close_within", &seconds);
    #[cfg(feature = "deflate")]
    {
        let deflate = hybi::extension::deflate::DeflateConfig::default();
        check(&deflate, "inflated_bytes_max", &bytes);
        check(&deflate, "expansion_max", &|none| none.replace("None", "any"));
    }
}
