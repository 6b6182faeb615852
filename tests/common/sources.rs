//! The source files of the repository, and the names of the tests in them: for the tests that keep documents true.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The Rust files below a folder of the repository.
pub fn sources(folder: &str) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() && !path.ends_with("target") => folders.push(path),
                Some(extension) if extension == "rs" => files.push(path),
                _ => {}
            }
        }
    }
    files
}

/// The names of all functions that stand below a `#[test]`, with other attributes in between or not.
pub fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in sources("tests").into_iter().chain(sources("src")) {
        let text = fs::read_to_string(file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            match line.strip_prefix("fn ") {
                Some(rest) if is_test => {
                    let name: String =
                        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    names.insert(name);
                    is_test = false;
                }
                _ if line.starts_with("#[test]") => is_test = true,
                _ if line.starts_with('#') || line.starts_with("//") => {}
                _ => is_test = false,
            }
        }
    }
    names
}
