//! `counts.md`: under which conditions was counted, and what, in both profiles.

use std::fmt::Write;
use std::fs;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.md");

/// What counts depend on, beside our source.
pub const CONDITIONS: [&str; 5] = ["compiler", "target", "processor", "libc", "valgrind"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Cargo's default for releases: what most programs are built with.
    Release,
    /// Link-time optimisation and one codegen unit.
    Lto,
}

impl Profile {
    pub const ALL: [Self; 2] = [Self::Release, Self::Lto];

    /// The name of the profile for Cargo.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Lto => "lto",
        }
    }

    /// By how many per cent a count may be above its record. Without link-time optimisation, which
    /// function the compiler puts with which others changes counts, too.
    pub const fn allowed(self) -> f64 {
        match self {
            Self::Release => 10.0,
            Self::Lto => 3.0,
        }
    }
}

pub struct Record {
    /// Each of [`CONDITIONS`] with its value.
    pub conditions: Vec<(&'static str, String)>,
    /// Paths and their instructions per message, by [`Profile`].
    pub counts: Vec<(String, [f64; 2])>,
}

impl Record {
    /// Reads what is recorded: nothing, if there is no file.
    pub fn read() -> Self {
        let text = fs::read_to_string(FILE).unwrap_or_default();
        let rows: Vec<Vec<&str>> = text.lines().map(cells).collect();
        let value = |name| rows.iter().find(|row| row[0] == name).map_or("", |row| row[1]);
        let count = |row: &Vec<&str>| match row[..] {
            [path, release, lto] => {
                Some((path.to_owned(), [release.parse().ok()?, lto.parse().ok()?]))
            }
            _ => None,
        };
        Self {
            conditions: CONDITIONS.map(|name| (name, value(name).to_owned())).into(),
            counts: rows.iter().filter_map(count).collect(),
        }
    }

    pub fn write(&self) {
        let mut text = String::from(
            "# Instructions per message\n\n\
             Written by `cargo run --release -- --accept` ([README.md](README.md)); not to be \
             edited by hand.\n\n\
             | counted with | |\n|---|---|\n",
        );
        for (condition, value) in &self.conditions {
            let _ = writeln!(text, "| {condition} | {value} |");
        }
        text += "\n| path | default profile | link-time optimisation |\n|---|--:|--:|\n";
        for (path, [release, lto]) in &self.counts {
            let _ = writeln!(text, "| {path} | {release:.1} | {lto:.1} |");
        }
        fs::write(FILE, text).expect("the record can be written");
    }

    pub fn count(&self, path: &str, profile: Profile) -> Option<f64> {
        let (_, counts) = self.counts.iter().find(|(name, _)| name == path)?;
        Some(counts[profile as usize])
    }
}

/// Returns the cells of a line of a table; of another line, the line.
fn cells(line: &str) -> Vec<&str> {
    let row = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")).unwrap_or(line);
    let mut cells: Vec<_> = row.split(" | ").map(str::trim).collect();
    cells.resize(cells.len().max(2), "");
    cells
}
