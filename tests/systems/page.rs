//! docs/systems.md names what exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Adds the words of all sources in a folder.
fn add_words(folder: &Path, words: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_words(&path, words);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // Without comments, which may name what has gone.
            let code = text.lines().map(|line| line.split("//").next().unwrap());
            words.extend(code.flat_map(words_of).map(str::to_owned));
        }
    }
}

pub fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric() && char != '_').filter(|word| !word.is_empty())
}

/// Returns what is called in a piece of code, and both sides of each `::`.
fn names_in(code: &str) -> impl Iterator<Item = &str> {
    let before = |index: usize| {
        let is_sign = |char: char| !char.is_alphanumeric() && char != '_';
        code[..index].rsplit(is_sign).next().unwrap()
    };
    let called = code.match_indices('(').map(move |(index, _)| before(index));
    let path = code.match_indices("::");
    let path = path.flat_map(move |(index, _)| {
        [before(index), words_of(&code[index + 2..]).next().unwrap_or_default()]
    });
    called.chain(path).filter(|name| !name.is_empty())
}

/// Every `Type::name` and every `name(` in a table's columns about hybi.
#[test]
fn every_name_in_the_tables_of_the_page_is_a_name_in_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut words = BTreeSet::new();
    for folder in ["src", "examples"] {
        add_words(&root.join(folder), &mut words);
    }
    let page = fs::read_to_string(root.join("docs/systems.md")).unwrap();
    let mut count = 0;
    let mut missing = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        // The first column has the names of the other system.
        for code in line.split('|').skip(2).flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
            for name in names_in(code) {
                count += 1;
                if !words.contains(name) {
                    missing.push((name, line));
                }
            }
        }
    }
    assert!(count > 200, "{count} names");
    assert!(missing.is_empty(), "{missing:#?}");
}
