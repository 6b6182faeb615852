//! The examples in the documentation may be copied into production, and no line is too wide.

use std::fs;
use std::path::PathBuf;

use crate::sources::{root, sources};

/// What a program must not do with what a peer sends, or with a system that fails.
const HARMFUL: [&str; 8] = [
    ".unwrap()",
    ".expect(",
    "panic!(",
    "unreachable!(",
    "todo!(",
    ".flatten()", // swallows errors
    "eprintln!(", // panics if nobody reads it
    "unwrap_or_default()",
];

/// A source of masking keys that fails leaves no safe way on.
const ALLOWED: [&str; 1] =
    [r#"std::io::Read::read_exact(&mut random, &mut key).expect("no key, no frame");"#];

/// The lines of the examples in a file, but for hidden ones, which nobody copies.
fn examples(file: &PathBuf) -> Vec<String> {
    let is_rust = file.extension().is_some_and(|extension| extension == "rs");
    let (mut lines, mut is_example) = (Vec::new(), false);
    for line in fs::read_to_string(file).unwrap().lines() {
        let line = match line.trim_start() {
            line if !is_rust => line,
            line => match line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) {
                Some(line) => line.trim_start(),
                None => continue,
            },
        };
        match line.strip_prefix("```") {
            Some(kind) => is_example = !is_example && !["sh", "text", "toml"].contains(&kind),
            None if is_example && !line.starts_with("# ") => lines.push(line.to_owned()),
            None => {}
        }
    }
    lines
}

/// The pages of the documentation.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    for folder in ["docs", "crates/hybi-tokio/docs"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            pages.push(entry.unwrap().path());
        }
    }
    pages.retain(|page| page.is_file());
    pages
}

#[test]
fn no_example_panics_or_swallows_an_error() {
    let mut files = sources("src");
    files.extend(pages());
    let mut harmful = Vec::new();
    let mut count = 0;
    for file in &files {
        for line in examples(file) {
            count += 1;
            if HARMFUL.iter().any(|word| line.contains(word)) && !ALLOWED.contains(&&*line) {
                harmful.push(format!("{}: {line}", file.display()));
            }
        }
    }
    assert!(count > 500, "{count} lines of examples were found");
    assert!(harmful.is_empty(), "{harmful:#?}");
}

/// Code, comments and pages are read beside each other. Tables and addresses cannot be wrapped.
#[test]
fn no_line_is_wider_than_100_columns() {
    let mut files = sources("src");
    files.extend(sources("examples"));
    files.extend(sources("crates/hybi-tokio/src"));
    files.extend(sources("crates/hybi-tokio/examples"));
    files.extend(sources("crates/hybi-conform/src"));
    files.extend(pages());
    let mut wide = Vec::new();
    for file in files {
        for (index, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let text = line.trim_start_matches([' ', '/', '!']);
            if line.chars().count() > 100 && !text.starts_with('|') && !text.contains("://") {
                wide.push(format!("{}:{}", file.display(), index + 1));
            }
        }
    }
    assert!(wide.is_empty(), "{wide:#?}");
}
