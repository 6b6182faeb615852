//! The READMEs of the programs that one copies: their packages are complete, and their Rust is that
//! of a source.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::page::words_of;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files to copy with a folder: its sources, and those in `shared` that they name.
fn copied(folder: &str) -> Vec<String> {
    let folder = root().join("examples").join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|it| it == "rs")).collect();
    let mut texts = Vec::new();
    let mut number = 0;
    while let Some(file) = files.get(number).cloned() {
        number += 1;
        let text = fs::read_to_string(&file).unwrap();
        let mut before = "";
        for line in text.lines() {
            let path = line.strip_prefix("#[path = \"").and_then(|it| it.strip_suffix("\"]"));
            // The bus is not copied.
            if let Some(path) = path.filter(|_| before != "#[cfg(feature = \"bus\")]") {
                let path = file.parent().unwrap().join(path).canonicalize().unwrap();
                let is_shared = path.starts_with(root().join("examples/shared"));
                assert!(is_shared || path.starts_with(&folder), "{}: {line}", file.display());
                if !files.contains(&path) {
                    files.push(path);
                }
            }
            before = line;
        }
        texts.push(text);
    }
    texts
}

/// Returns the examples in a language, each as its lines without indentation.
fn examples<'a>(page: &'a str, language: &str) -> Vec<Vec<&'a str>> {
    let parts = page.split("```").skip(1).step_by(2);
    let examples = parts.filter_map(|part| part.strip_prefix(language)?.strip_prefix('\n'));
    let lines = |example: &'a str| example.lines().map(str::trim).filter(|line| !line.is_empty());
    examples.map(|example| lines(example).collect()).collect()
}

/// Returns the keys in a section of a Cargo.toml.
fn keys<'a>(toml: impl IntoIterator<Item = &'a str>, section: &str) -> BTreeSet<String> {
    let lines = toml.into_iter().skip_while(|line| *line != section).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let keys = lines.filter_map(|line| line.split_once(" = ")).map(|(key, _)| key.trim());
    keys.filter(|key| !key.starts_with('#')).map(str::to_owned).collect()
}

/// With too few dependencies, a copy does not build; without a feature that it asks for, it warns.
#[test]
fn what_the_readmes_add_to_a_package_is_what_the_sources_need() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut crates = keys(manifest.lines(), "[dependencies]");
    crates.extend(keys(manifest.lines(), "[dev-dependencies]"));
    crates.insert("hybi".into());
    for folder in ["handlers", "push"] {
        let (mut needed, mut features) = (BTreeSet::new(), BTreeSet::new());
        for text in copied(folder) {
            let code = text.lines().map(|line| line.split("//").next().unwrap());
            let code = code.collect::<Vec<_>>().join("\n");
            for part in code.split("::") {
                let word = words_of(part).last().unwrap_or_default();
                // If it is all of the part, it is within a path: no crate, but a module of one.
                let begins_path = part.ends_with(word) && part != word;
                needed.extend(crates.get(word).filter(|_| begins_path).cloned());
            }
            let named = code.split("feature = \"").skip(1);
            features.extend(named.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
        let page = root().join("examples").join(folder).join("README.md");
        let page = fs::read_to_string(page).unwrap();
        let toml = examples(&page, "toml").concat();
        assert_eq!(keys(toml.iter().copied(), "[dependencies]"), needed, "{folder}");
        assert_eq!(keys(toml.iter().copied(), "[features]"), features, "{folder}");
    }
}

#[test]
fn each_line_of_rust_in_the_readmes_is_one_of_a_source() {
    for (folder, more) in [("handlers", include_str!("four_d.rs")), ("push", "")] {
        let mut sources = copied(folder);
        sources.push(more.to_owned());
        let lines: BTreeSet<_> = sources.iter().flat_map(|it| it.lines()).map(str::trim).collect();
        let page = root().join("examples").join(folder).join("README.md");
        let page = fs::read_to_string(page).unwrap();
        let examples = examples(&page, "rust").concat();
        assert!(examples.len() > 10, "{folder}: {} lines", examples.len());
        for line in examples {
            assert!(lines.contains(line), "{folder}: {line}");
        }
    }
}
