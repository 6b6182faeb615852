//! Tables as Markdown, numbers as JSON.

use crate::{Workload, document, system};
use std::collections::HashMap;
use std::fmt::{Display, Write as _};
use std::path::Path;
use std::{fs, io};

/// A bench, as its reports describe it.
pub struct Bench {
    /// The name of the result files, without an extension.
    pub name: &'static str,
    pub title: &'static str,
    /// The server that ratios are taken to.
    pub ours: &'static str,
    /// The workloads that the documentation shows.
    pub documented: &'static [&'static str],
    /// The title of the table of memory, and those of its columns.
    pub memory: (&'static str, &'static [&'static str]),
    /// The bench's manifest. Its dependencies are what is measured.
    pub manifest: &'static str,
}

/// One measurement of one server.
#[derive(Clone, Copy)]
pub struct Sample {
    pub per_second: f64,
    /// The server's processor time per message, user and system, in microseconds.
    pub cpu_micros: f64,
}

pub struct Report {
    bench: Bench,
    rounds: usize,
    servers: Vec<String>,
    versions: Vec<(String, String)>,
    samples: HashMap<(String, String), Vec<Sample>>,
    /// A server has no number for what it was not measured on.
    memory: HashMap<String, Vec<Option<usize>>>,
    left_out: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    /// `servers`: the rows, in their order. `versions`: those that are not in the lock file.
    pub fn new(
        bench: Bench,
        rounds: usize,
        servers: Vec<String>,
        versions: impl Iterator<Item = (String, String)>,
    ) -> Self {
        let mut all = measured_versions(bench.manifest);
        all.extend(versions);
        Self {
            bench,
            rounds,
            servers,
            versions: all,
            samples: HashMap::new(),
            memory: HashMap::new(),
            left_out: Vec::new(),
            failures: Vec::new(),
        }
    }

    pub fn rounds(&self) -> usize {
        self.rounds
    }

    pub fn servers(&self) -> &[String] {
        &self.servers
    }

    pub fn sample(&mut self, server: &str, workload: &Workload, sample: Sample) {
        self.samples.entry((server.to_owned(), workload.name())).or_default().push(sample);
    }

    /// Adds what a connection takes, in the next column of the server.
    pub fn memory(&mut self, server: &str, bytes: impl IntoIterator<Item = Option<usize>>) {
        self.memory.entry(server.to_owned()).or_default().extend(bytes);
    }

    /// Returns the bytes in that column.
    pub fn memory_of(&self, server: &str, column: usize) -> Option<usize> {
        *self.memory.get(server)?.get(column)?
    }

    /// Returns the least processor time of a message, in microseconds.
    pub fn cpu_micros(&self, server: &str, workload: &Workload) -> Option<f64> {
        let samples = self.of(server, &workload.name());
        (!samples.is_empty()).then(|| least(samples, |sample| sample.cpu_micros))
    }

    pub fn failure(&mut self, server: &str, what: &str, error: &impl Display) {
        self.failures.push(format!("{server}: {what}: {error}"));
    }

    /// A server that could not be installed or built.
    pub fn left_out(&mut self, server: &str, why: &str) {
        self.left_out.push(format!("{server}: {why}"));
    }

    /// Prints the tables, and writes them as Markdown and JSON if there is a directory for them.
    /// Returns whether no server failed.
    pub fn write(&self, directory: Option<&Path>, workloads: &[Workload]) -> io::Result<bool> {
        let tables = self.tables(workloads);
        println!("{tables}");
        if let Some(directory) = directory {
            let name = self.bench.name;
            fs::create_dir_all(directory)?;
            fs::write(directory.join(format!("{name}.md")), tables)?;
            fs::write(directory.join(format!("{name}.json")), self.json(workloads))?;
            println!("wrote {name}.md and {name}.json to {}", directory.display());
        }
        for failure in &self.failures {
            eprintln!("{failure}");
        }
        Ok(self.failures.is_empty())
    }

    fn tables(&self, workloads: &[Workload]) -> String {
        let mut tables = String::new();
        let _ = writeln!(
            tables,
            "# {}\n\n{}. {} rounds. Columns: size, connections × messages per batch.",
            self.bench.title,
            environment(),
            self.rounds
        );
        for server in &self.left_out {
            let _ = writeln!(tables, "\nLeft out: {server}");
        }
        for connections in [1, 100, 1000] {
            let group: Vec<_> =
                workloads.iter().filter(|it| it.connections == connections).collect();
            if group.is_empty() {
                continue;
            }
            let title = format!(
                "## Connections: {connections}; processor time of the server, µs per message, \
                 minimum (ratio to {})",
                self.bench.ours
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
        let (title, columns) = self.bench.memory;
        let lines = "|---".repeat(columns.len());
        let _ =
            writeln!(tables, "\n## {title}\n\n| server | {} |\n|---{lines}|", columns.join(" | "));
        for server in &self.servers {
            if let Some(cells) = self.memory_cells(server) {
                let _ = writeln!(tables, "| {server} | {} |", cells.join(" | "));
            }
        }
        tables
    }

    fn memory_cells(&self, server: &str) -> Option<Vec<String>> {
        let bytes = self.memory.get(server)?.iter();
        Some(bytes.map(|it| it.map_or("–".into(), |bytes| round(bytes as f64))).collect())
    }

    /// Rewrites the table `servers` of the documentation: the processor time on the workloads that
    /// it has, and on how many of all the server takes less of it than ours.
    pub fn document(&self, file: &Path, workloads: &[Workload]) -> io::Result<()> {
        let ours = self.bench.ours;
        let all: Vec<_> = workloads.iter().map(Workload::name).collect();
        let documented = self.bench.documented;
        let (columns, lines) = (documented.join(" | "), "|---".repeat(documented.len()));
        let mut table = format!(
            "{},\n{}, profile `{}`, {} rounds.\n\n\
             | µs per message (ratio to {ours}) | {columns} | less than {ours} on \
             | bytes per connection |\n\
             |---{lines}|---|---|\n",
            system::machine(),
            env!("RUSTC_VERSION"),
            env!("BUILD_PROFILE"),
            self.rounds,
        );
        let micros = |server, name: &str| least(self.of(server, name), |it| it.cpu_micros);
        let has_any = |server: &&String| all.iter().any(|name| !self.of(server, name).is_empty());
        for server in self.servers.iter().filter(has_any) {
            let ratio = |name: &str| micros(server, name) / micros(ours, name);
            let cells: Vec<_> = documented
                .iter()
                .map(|name| format!("{} ({:.2})", round(micros(server, name)), ratio(name)))
                .collect();
            let ahead: Vec<_> =
                all.iter().map(|name| ratio(name)).filter(|&ratio| ratio < 0.95).collect();
            let ahead = match ahead.iter().copied().reduce(f64::min) {
                Some(ratio) => format!("{} of {}, down to {ratio:.2}", ahead.len(), all.len()),
                None => format!("none of {}", all.len()),
            };
            let memory = self.memory_cells(server).map_or("–".into(), |cells| cells.join(" / "));
            let _ = writeln!(table, "| {server} | {} | {ahead} | {memory} |", cells.join(" | "));
        }
        for server in &self.left_out {
            let _ = writeln!(table, "\nLeft out: {server}");
        }
        document::replace(file, "servers", &table)
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
        let has_any = |server: &&String| names.iter().any(|name| !self.of(server, name).is_empty());
        for server in self.servers.iter().filter(has_any) {
            let cells: Vec<_> = names
                .iter()
                .map(|name| match (self.of(server, name), self.of(self.bench.ours, name)) {
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

    fn json(&self, workloads: &[Workload]) -> String {
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
            .map(|(server, bytes)| {
                let bytes: Vec<_> = bytes
                    .iter()
                    .map(|it| it.map_or("null".into(), |bytes| bytes.to_string()))
                    .collect();
                format!("\n    {}: [{}]", quote(server), bytes.join(", "))
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
            "\n    {{\n      \"name\": {},\n      \"bytes\": {},\n      \"connections\": {},\
             \n      \"messages_per_batch\": {},\n      \"servers\": {{{}\n      }}\n    }}",
            quote(&name),
            workload.size,
            workload.connections,
            workload.batch,
            rows.join(",")
        )
    }
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
pub fn round(value: f64) -> String {
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

/// Returns the machine, and how the bench was built.
pub fn environment() -> String {
    let (rustc, profile) = (env!("RUSTC_VERSION"), env!("BUILD_PROFILE"));
    format!("{}, {rustc}, profile {profile}, flags: {}", system::machine(), flags())
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
fn measured_versions(manifest: &str) -> Vec<(String, String)> {
    let field = |package: &str, name: &str| {
        package.lines().find_map(|line| {
            Some(line.strip_prefix(name)?.strip_prefix(" = \"")?.trim_end_matches('"').to_owned())
        })
    };
    let packages = include_str!("../../Cargo.lock").split("[[package]]");
    let measured = |name: &str| manifest.lines().any(|line| line.starts_with(&format!("{name} =")));
    packages
        .filter_map(|package| Some((field(package, "name")?, field(package, "version")?)))
        .filter(|(name, _)| measured(name))
        .collect()
}
