//! `counts-release.md` and `counts-lto.md`, one for each profile: under which conditions was counted, and what.

use std::fmt::Write;
use std::fs;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts-", env!("BUILD_PROFILE"), ".md");

/// The profile that this was built with.
pub const PROFILE: &str = env!("BUILD_PROFILE");

/// What counts depend on, beside our source.
pub const CONDITIONS: [&str; 5] = ["compiler", "target", "processor", "libc", "valgrind"];

pub struct Record {
    /// Each of [`CONDITIONS`] with its value.
    pub conditions: Vec<(&'static str, String)>,
    /// Paths and their instructions per message.
    pub counts: Vec<(String, f64)>,
}

impl Record {
    /// What is recorded: nothing, if there is no file.
    pub fn read() -> Self {
        let text = fs::read_to_string(FILE).unwrap_or_default();
        let rows: Vec<(&str, &str)> = text.lines().filter_map(row).collect();
        let value = |name| rows.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        Self {
            conditions: CONDITIONS.map(|name| (name, value(name).to_owned())).into(),
            counts: rows
                .iter()
                .filter(|(key, _)| !CONDITIONS.contains(key))
                .filter_map(|(path, count)| Some(((*path).to_owned(), count.parse().ok()?)))
                .collect(),
        }
    }

    pub fn write(&self) {
        let mut text = format!(
            "# Instructions per message, profile {PROFILE}\n\n\
             Written by `cargo run --profile {PROFILE} -- --accept` ([README.md](README.md)); not to be edited by hand.\n\n\
             | counted with | |\n|---|---|\n",
        );
        for (condition, value) in &self.conditions {
            let _ = writeln!(text, "| {condition} | {value} |");
        }
        text += "\n| path | instructions |\n|---|--:|\n";
        for (path, count) in &self.counts {
            let _ = writeln!(text, "| {path} | {count:.1} |");
        }
        fs::write(FILE, text).expect("the record can be written");
    }

    pub fn count(&self, path: &str) -> Option<f64> {
        self.counts.iter().find(|(name, _)| name == path).map(|(_, count)| *count)
    }
}

/// The two cells of a line of a table.
fn row(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
    Some((key.trim(), value.trim()))
}
