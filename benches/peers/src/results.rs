//! The results: a table for each workload, as JSON and back.

use crate::race::Time;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// The row that ratios are taken to.
const WORK: &str = "work";
const OURS: &str = "hybi";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The least that the job can cost, or a part of it.
    Limit,
    Peer,
    /// Accepts text that is not UTF-8, so it does less than the others.
    Lenient,
}

pub struct Table {
    pub name: String,
    /// Bytes of payload per message.
    pub payload: usize,
    pub times: Vec<Time>,
}

pub fn is_ours(name: &str) -> bool {
    name.starts_with(OURS)
}

impl Table {
    pub fn ours(&self) -> Option<&Time> {
        self.of(OURS)
    }

    pub fn work(&self) -> Option<&Time> {
        self.of(WORK)
    }

    pub fn of(&self, name: &str) -> Option<&Time> {
        self.times.iter().find(|time| time.name == name)
    }

    /// The fastest that does all of the work and is not hybi.
    pub fn best_peer(&self) -> Option<&Time> {
        self.times
            .iter()
            .filter(|time| time.standing == Standing::Peer && !is_ours(&time.name))
            .min_by(|a, b| a.min.total_cmp(&b.min))
    }
}

/// The results of one run, in one profile.
pub struct Results {
    /// The processor with its caches, and the compiler.
    pub machine: String,
    pub tables: Vec<Table>,
}

impl Results {
    /// Reads `PROFILE.json`: what [`json_of`] and `Report` write, with each row on its own line.
    pub fn read(directory: &Path, profile: &str) -> io::Result<Self> {
        let file = directory.join(format!("{profile}.json"));
        let json = fs::read_to_string(&file).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", file.display()))
        })?;
        let mut results = Self { machine: String::new(), tables: Vec::new() };
        for line in json.lines() {
            let Some((name, rest)) =
                line.trim().strip_prefix('"').and_then(|line| line.split_once("\": "))
            else {
                continue;
            };
            if name == "machine" {
                results.machine = rest.trim_end_matches(',').trim_matches('"').into();
            } else if rest.starts_with("{ \"min\"") {
                let time = time_of(name, rest);
                if let (Some(table), Some(time)) = (results.tables.last_mut(), time) {
                    table.times.push(time);
                }
            } else if rest == "{" && name != "times" {
                results.tables.push(Table { name: name.into(), payload: 0, times: Vec::new() });
            }
        }
        results.tables.retain(|table| !table.times.is_empty());
        Ok(results)
    }
}

fn time_of(name: &str, json: &str) -> Option<Time> {
    let value = |key: &str| {
        let (_, rest) = json.split_once(&format!("\"{key}\": "))?;
        Some(rest.split([',', ' ', '}']).next()?.trim_matches('"'))
    };
    let standing = match value("standing")? {
        "limit" => Standing::Limit,
        "lenient" => Standing::Lenient,
        _ => Standing::Peer,
    };
    let number = |key| value(key)?.parse().ok();
    Some(Time { name: name.into(), standing, min: number("min")?, median: number("median")? })
}

pub fn json_of(table: &Table) -> String {
    let mut rows = String::new();
    for (i, time) in table.times.iter().enumerate() {
        let standing = match time.standing {
            Standing::Limit => "limit",
            Standing::Lenient => "lenient",
            Standing::Peer => "peer",
        };
        let _ = write!(
            rows,
            "{}\n        {}: {{ \"min\": {:.2}, \"median\": {:.2}, \"standing\": \"{standing}\" }}",
            if i == 0 { "" } else { "," },
            quote(&time.name),
            time.min,
            time.median,
        );
    }
    format!(
        "\n    {}: {{\n      \"payload_bytes\": {},\n      \"times\": {{{rows}\n      }}\n    }}",
        quote(&table.name),
        table.payload,
    )
}

pub fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
