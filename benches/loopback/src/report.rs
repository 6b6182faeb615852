//! Tables as Markdown, numbers as JSON.

use crate::{Workload, system};
use std::collections::HashMap;
use std::fmt::{Display, Write as _};
use std::path::Path;
use std::{fs, io};

/// The server that ratios are taken to, and what is no competitor.
const OURS: &str = "hybi";

/// The workloads that the documentation shows.
const DOCUMENTED: [&str; 7] = [
    "16 B, 1 × 16",
    "16 B, 100 × 1",
    "16 B, 100 × 16",
    "1 KiB, 100 × 16",
    "16 KiB, 100 × 1",
    "1 MiB, 1 × 1",
    "16 B, 1000 × 16",
];

/// Between what the table stands there.
const BEGIN: &str = "<!-- table: servers -->";
const END: &str = "<!-- end -->";

/// One measurement of one server.
#[derive(Clone, Copy)]
pub struct Sample {
    pub per_second: f64,
    /// The server's processor time per message, user and system, in microseconds.
    pub cpu_micros: f64,
}

pub struct Report {
    rounds: usize,
    /// In the order in which they were first heard of.
    servers: Vec<String>,
    versions: Vec<(String, String)>,
    samples: HashMap<(String, String), Vec<Sample>>,
    memory: HashMap<String, [usize; 2]>,
    left_out: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    pub fn new(rounds: usize, versions: impl Iterator<Item = (String, String)>) -> Self {
        let mut all = measured_versions();
        all.extend(versions);
        Self {
            rounds,
            servers: Vec::new(),
            versions: all,
            samples: HashMap::new(),
            memory: HashMap::new(),
            left_out: Vec::new(),
            failures: Vec::new(),
        }
    }

    pub fn sample(&mut self, server: &str, workload: &Workload, sample: Sample) {
        self.heard_of(server);
        self.samples.entry((server.to_owned(), workload.name())).or_default().push(sample);
    }

    /// Bytes per connection: idle behind its handshake, idle behind its first message.
    pub fn memory(&mut self, server: &str, bytes: [usize; 2]) {
        self.heard_of(server);
        self.memory.insert(server.to_owned(), bytes);
    }

    pub fn failure(&mut self, server: &str, what: &str, error: &impl Display) {
        self.failures.push(format!("{server}: {what}: {error}"));
    }

    /// A server that could not be installed or built.
    pub fn left_out(&mut self, server: &str, why: &str) {
        self.left_out.push(format!("{server}: {why}"));
    }

    fn heard_of(&mut self, server: &str) {
        if !self.servers.iter().any(|it| it == server) {
            self.servers.push(server.to_owned());
        }
    }

    /// Prints the tables, and writes `loopback.md` and `loopback.json` if there is a directory for
    /// them. Whether nobody failed.
    pub fn write<'a>(
        &self,
        directory: Option<&Path>,
        workloads: impl Iterator<Item = &'a Workload>,
    ) -> io::Result<bool> {
        let workloads: Vec<_> = workloads.collect();
        let tables = self.tables(&workloads);
        println!("{tables}");
        if let Some(directory) = directory {
            fs::create_dir_all(directory)?;
            fs::write(directory.join("loopback.md"), tables)?;
            fs::write(directory.join("loopback.json"), self.json(&workloads))?;
            println!("wrote loopback.md and loopback.json to {}", directory.display());
        }
        for failure in &self.failures {
            eprintln!("{failure}");
        }
        Ok(self.failures.is_empty())
    }

    fn tables(&self, workloads: &[&Workload]) -> String {
        let mut tables = String::new();
        let _ = writeln!(
            tables,
            "# Echo over loopback\n\n{}, {}, profile {}, flags: {}. {} rounds. Columns: size, connections × messages per batch.",
            system::machine(),
            env!("RUSTC_VERSION"),
            env!("BUILD_PROFILE"),
            flags(),
            self.rounds
        );
        for server in &self.left_out {
            let _ = writeln!(tables, "\nLeft out: {server}");
        }
        for connections in [1, 100, 1000] {
            let group: Vec<_> =
                workloads.iter().copied().filter(|it| it.connections == connections).collect();
            if group.is_empty() {
                continue;
            }
            let title = format!(
                "## Connections: {connections}; processor time of the server, µs per message, minimum (ratio to {OURS})"
            );
            self.table(&mut tables, &title, &group, |samples, ours| {
                let micros = least(samples, |sample| sample.cpu_micros);
                let ratio = micros / least(ours, |sample| sample.cpu_micros);
                format!("{} ({ratio:.2})", round(micros))
            });
            let title = format!("## Connections: {connections}; messages per second, median");
            self.table(&mut tables, &title, &group, |samples, _| {
                round(median(samples, |it| it.per_second))
            });
        }
        tables += "\n## Memory per connection: growth of the resident memory, bytes\n\n\
            | server | behind its handshake | behind its first message of 1 KiB |\n|---|---|---|\n";
        for server in &self.servers {
            if let Some([idle, used]) = self.memory.get(server) {
                let _ = writeln!(
                    tables,
                    "| {server} | {} | {} |",
                    round(*idle as f64),
                    round(*used as f64)
                );
            }
        }
        tables
    }

    /// Rewrites the table of the documentation: the processor time on the workloads that it has,
    /// and on how many of all the server takes less of it than hybi.
    pub fn document<'a>(
        &self,
        file: &Path,
        workloads: impl Iterator<Item = &'a Workload>,
    ) -> io::Result<()> {
        let all: Vec<_> = workloads.map(Workload::name).collect();
        let (columns, lines) = (DOCUMENTED.join(" | "), "|---".repeat(DOCUMENTED.len()));
        let mut table = format!(
            "{},\n{}, profile `{}`, {} rounds.\n\n\
             | µs per message (ratio to {OURS}) | {columns} | less than {OURS} on | bytes per connection |\n\
             |---{lines}|---|---|\n",
            system::machine(),
            env!("RUSTC_VERSION"),
            env!("BUILD_PROFILE"),
            self.rounds,
        );
        let micros = |server, name: &str| least(self.of(server, name), |it| it.cpu_micros);
        for server in &self.servers {
            let ratio = |name: &str| micros(server, name) / micros(OURS, name);
            let cells = DOCUMENTED
                .map(|name| format!("{} ({:.2})", round(micros(server, name)), ratio(name)));
            let ahead: Vec<_> =
                all.iter().map(|name| ratio(name)).filter(|&ratio| ratio < 0.95).collect();
            let ahead = match ahead.iter().copied().reduce(f64::min) {
                Some(ratio) => format!("{} of {}, down to {ratio:.2}", ahead.len(), all.len()),
                None => format!("none of {}", all.len()),
            };
            let memory = self.memory.get(server).map_or("–".into(), |[idle, used]| {
                format!("{} / {}", round(*idle as f64), round(*used as f64))
            });
            let _ = writeln!(table, "| {server} | {} | {ahead} | {memory} |", cells.join(" | "));
        }
        for server in &self.left_out {
            let _ = writeln!(table, "\nLeft out: {server}");
        }
        let text = fs::read_to_string(file)?;
        let (before, rest) = text.split_once(BEGIN).ok_or_else(|| no_table(file))?;
        let (_, after) = rest.split_once(END).ok_or_else(|| no_table(file))?;
        fs::write(file, format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
    }

    fn table(
        &self,
        tables: &mut String,
        title: &str,
        workloads: &[&Workload],
        cell: impl Fn(&[Sample], &[Sample]) -> String,
    ) {
        let names: Vec<_> = workloads.iter().map(|workload| workload.name()).collect();
        let _ = writeln!(
            tables,
            "\n{title}\n\n| server | {} |\n|---{}|",
            names.join(" | "),
            "|---".repeat(names.len())
        );
        for server in &self.servers {
            let cells: Vec<_> = names
                .iter()
                .map(|name| match (self.of(server, name), self.of(OURS, name)) {
                    ([], _) => "–".into(),
                    (samples, ours) => cell(samples, ours),
                })
                .collect();
            let _ = writeln!(tables, "| {server} | {} |", cells.join(" | "));
        }
    }

    fn of(&self, server: &str, workload: &str) -> &[Sample] {
        self.samples.get(&(server.to_owned(), workload.to_owned())).map_or(&[], Vec::as_slice)
    }

    fn json(&self, workloads: &[&Workload]) -> String {
        let mut json = format!(
            "{{\n  \"machine\": {},\n  \"rustc\": {},\n  \"profile\": {},\n  \"rustflags\": {},\n  \"rounds\": {},\n  \"versions\": {{",
            quote(&system::machine()),
            quote(env!("RUSTC_VERSION")),
            quote(env!("BUILD_PROFILE")),
            quote(flags()),
            self.rounds
        );
        let versions: Vec<_> = self
            .versions
            .iter()
            .map(|(name, version)| format!("\n    {}: {}", quote(name), quote(version)))
            .collect();
        let _ = write!(json, "{}\n  }},\n  \"workloads\": [", versions.join(","));
        let workloads: Vec<_> = workloads.iter().map(|workload| self.json_of(workload)).collect();
        let _ = write!(json, "{}\n  ],\n  \"bytes_per_connection\": {{", workloads.join(","));
        let rows: Vec<_> = self
            .servers
            .iter()
            .filter_map(|server| Some((server, self.memory.get(server)?)))
            .map(|(server, [idle, used])| {
                format!(
                    "\n    {}: {{ \"idle\": {idle}, \"after_a_message\": {used} }}",
                    quote(server)
                )
            })
            .collect();
        let failures: Vec<_> =
            self.failures.iter().map(|failure| format!("\n    {}", quote(failure))).collect();
        let _ = write!(
            json,
            "{}\n  }},\n  \"failures\": [{}]\n}}\n",
            rows.join(","),
            failures.join(",")
        );
        json
    }

    fn json_of(&self, workload: &Workload) -> String {
        let name = workload.name();
        let rows: Vec<_> = self
            .servers
            .iter()
            .map(|server| (server, self.of(server, &name)))
            .filter(|(_, samples)| !samples.is_empty())
            .map(|(server, samples)| {
                format!(
                    "\n        {}: {{ \"cpu_us\": {{ \"min\": {:.3}, \"median\": {:.3} }}, \
                     \"messages_per_second\": {{ \"max\": {:.0}, \"median\": {:.0} }} }}",
                    quote(server),
                    least(samples, |it| it.cpu_micros),
                    median(samples, |it| it.cpu_micros),
                    -least(samples, |it| -it.per_second),
                    median(samples, |it| it.per_second),
                )
            })
            .collect();
        format!(
            "\n    {{\n      \"bytes\": {},\n      \"connections\": {},\n      \"messages_per_batch\": {},\n      \"servers\": {{{}\n      }}\n    }}",
            workload.size,
            workload.connections,
            workload.batch,
            rows.join(",")
        )
    }
}

fn no_table(file: &Path) -> io::Error {
    io::Error::other(format!("{}: there is no table between {BEGIN} and {END}", file.display()))
}

fn least(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    samples.iter().map(of).fold(f64::NAN, f64::min)
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<_> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Three digits that count, thousands apart.
fn round(value: f64) -> String {
    let unit = 10_f64.powf(value.abs().max(0.1).log10().floor() - 2.0);
    let value = (value / unit).round() * unit;
    if value < 100.0 {
        return format!("{value:.*}", if value < 10.0 { 2 } else { 1 });
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn flags() -> &'static str {
    match env!("BUILD_FLAGS") {
        "" => "none",
        flags => flags,
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What was measured, from the lock file.
fn measured_versions() -> Vec<(String, String)> {
    let field = |package: &str, name: &str| {
        package.lines().find_map(|line| {
            Some(line.strip_prefix(name)?.strip_prefix(" = \"")?.trim_end_matches('"').to_owned())
        })
    };
    let packages = include_str!("../../Cargo.lock").split("[[package]]");
    let measured = |name: &str| {
        include_str!("../Cargo.toml").lines().any(|line| line.starts_with(&format!("{name} =")))
    };
    packages
        .filter_map(|package| Some((field(package, "name")?, field(package, "version")?)))
        .filter(|(name, _)| measured(name))
        .collect()
}
