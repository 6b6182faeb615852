//! `requirements.toml` is complete and true as far as names go: every requirement is there, what it names exists, and the
//! summary in `docs/conformance.md` counts right.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::sources::{root, sources, tests};

const REQUIREMENTS: &str = include_str!("requirements.toml");
/// An id and its level a line.
const IDS: &str = include_str!("requirement_ids.txt");

/// How a requirement is accounted for, in the order of the summary.
const ACCOUNTS: [&str; 4] = ["tests", "construction", "caller", "later"];

#[derive(Default)]
struct Requirement {
    fields: BTreeMap<&'static str, Vec<&'static str>>,
}

/// The part of TOML that the file uses: tables, and keys with a string or a list of strings on one line.
fn requirements() -> BTreeMap<&'static str, Requirement> {
    let mut all = BTreeMap::<_, Requirement>::new();
    let mut id = "";
    for line in REQUIREMENTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("[\"").and_then(|line| line.strip_suffix("\"]")) {
            id = name;
            assert!(all.insert(id, Requirement::default()).is_none(), "{id} twice");
            continue;
        }
        let (key, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{id}: {line}"));
        let strings: Vec<_> = match value.strip_prefix('[') {
            Some(list) => {
                list.trim_end_matches(']').split(", ").map(|text| text.trim_matches('"')).collect()
            }
            None => vec![value.trim_matches('"')],
        };
        assert!(strings.iter().all(|text| !text.is_empty()), "{id}: an empty {key}");
        assert!(
            all.get_mut(id).unwrap().fields.insert(key, strings).is_none(),
            "{id}: {key} twice"
        );
    }
    all
}

fn ids() -> BTreeMap<&'static str, &'static str> {
    IDS.lines().map(|line| line.split_once(' ').unwrap()).collect()
}

#[test]
fn every_requirement_is_accounted_for() {
    let (requirements, ids) = (requirements(), ids());
    for (id, level) in &ids {
        let requirement = requirements.get(id).unwrap_or_else(|| panic!("{id} is missing"));
        assert!(requirement.fields.contains_key("what"), "{id} says nothing");
        let accounts =
            ACCOUNTS.iter().filter(|account| requirement.fields.contains_key(*account)).count();
        assert_eq!(accounts, 1, "{id} ({level}) needs tests, or one reason why there are none");
    }
    let unknown: Vec<_> = requirements.keys().filter(|id| !ids.contains_key(*id)).collect();
    assert!(unknown.is_empty(), "not in requirement_ids.txt: {unknown:?}");
}

#[test]
fn what_the_requirements_name_exists() {
    let tests = tests();
    let named = |field| {
        let requirements = requirements();
        requirements
            .into_values()
            .flat_map(|mut row| row.fields.remove(field).unwrap_or_default())
            .collect::<BTreeSet<_>>()
    };
    let missing: Vec<_> =
        named("tests").into_iter().filter(|name| !tests.contains(*name)).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    let missing: Vec<_> =
        named("where").into_iter().filter(|file| !root().join(file).is_file()).collect();
    assert!(missing.is_empty(), "no such files: {missing:?}");
}

/// Where a test or a source file names a requirement, there is one.
#[test]
fn no_test_names_an_unknown_requirement() {
    let ids = ids();
    let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
    for file in ["tests", "src", "interop"].into_iter().flat_map(sources) {
        let text = fs::read_to_string(&file).unwrap();
        for word in text.split(|c: char| !is_part(c)).map(|word| word.trim_matches(['.', '-'])) {
            let mut parts = word.split('-');
            let (Some(rfc), Some(section), Some(number), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            if ["6455", "7692", "7936", "8307", "8441", "9220"].contains(&rfc)
                && !section.is_empty()
                && !number.is_empty()
            {
                assert!(ids.contains_key(word), "{}: {word} is no requirement", file.display());
            }
        }
    }
}

/// The rows of the table in `docs/conformance.md`.
#[test]
fn the_summary_counts_right() {
    let requirements = requirements();
    let mut counts = BTreeMap::<(&str, &str), [usize; 4]>::new();
    for (id, level) in ids() {
        let account = ACCOUNTS
            .iter()
            .position(|account| requirements[id].fields.contains_key(account))
            .unwrap();
        counts.entry((id.split('-').next().unwrap(), level)).or_default()[account] += 1;
    }
    let docs = fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    for ((rfc, level), [tests, construction, caller, later]) in counts {
        let row = format!("| {rfc} | {level} | {tests} | {construction} | {caller} | {later} |");
        assert!(docs.contains(&row), "docs/conformance.md lacks this row:\n{row}");
    }
}
