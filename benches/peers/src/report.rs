//! Tables on the terminal, numbers as JSON, one chart as SVG.

use crate::memory::Memory;
use crate::race::Time;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

#[derive(Default)]
pub struct Report {
    tables: Vec<Table>,
    memory: Vec<(Memory, Option<usize>)>,
}

pub struct Table {
    pub name: String,
    /// Bytes of payload per message.
    pub payload: usize,
    pub times: Vec<Time>,
}

/// The row that ratios are taken to.
const WORK: &str = "work";
const OURS: &str = "hybi";

fn is_ours(name: &str) -> bool {
    name.starts_with(OURS)
}

impl Table {
    fn work(&self) -> Option<&Time> {
        self.times.iter().find(|time| time.name == WORK)
    }

    /// The fastest that is neither a limit nor we.
    fn best_peer(&self) -> Option<&Time> {
        let peers = self.times.iter().filter(|time| !time.is_limit && !is_ours(time.name));
        peers.min_by(|a, b| a.min.total_cmp(&b.min))
    }
}

impl Report {
    pub fn table(&mut self, table: Table) {
        println!(
            "\n{}\n{:<20} {:>12} {:>12} {:>10} {:>14}",
            table.name, "ns per message", "min", "median", "to work", "to best peer"
        );
        let ratio = |time: &Time, to: Option<&Time>| to.map_or(f64::NAN, |to| time.min / to.min);
        let mut times: Vec<_> = table.times.iter().collect();
        times.sort_by(|a, b| (!a.is_limit, a.min).partial_cmp(&(!b.is_limit, b.min)).unwrap());
        for time in times {
            println!(
                "{:<20} {:>12.1} {:>12.1} {:>10.2} {:>14.2}",
                time.name,
                time.min,
                time.median,
                ratio(time, table.work()),
                ratio(time, table.best_peer()),
            );
        }
        self.tables.push(table);
    }

    pub fn memory(&mut self, memory: Memory, million: Option<usize>) {
        if self.memory.is_empty() {
            println!(
                "\nidle connection\n{:<20} {:<8} {:>8} {:>10} {:>28}",
                "bytes", "role", "value", "heap", "a million take (resident)"
            );
        }
        let million_mib = million.map_or("-".into(), |bytes| format!("{} MiB", bytes >> 20));
        println!(
            "{:<20} {:<8?} {:>8} {:>10} {:>28}",
            memory.name, memory.role, memory.bytes, memory.heap, million_mib
        );
        self.memory.push((memory, million));
    }

    pub fn write(&self, directory: &Path) {
        let name = match (NATIVE, env!("BUILD_PROFILE")) {
            (true, _) => "native",
            (false, "plain") => "plain",
            (false, _) => "default",
        };
        let written = fs::create_dir_all(directory)
            .and_then(|()| fs::write(directory.join(format!("{name}.json")), self.json()))
            .and_then(|()| fs::write(directory.join(format!("{name}.svg")), self.svg()));
        match written {
            Ok(()) => println!("\nwrote {name}.json and {name}.svg to {}", directory.display()),
            Err(error) => eprintln!("cannot write to {}: {error}", directory.display()),
        }
    }

    fn json(&self) -> String {
        let mut json = String::from("{\n");
        let _ = write!(
            json,
            "  \"machine\": {},\n  \"rustc\": {},\n",
            quote(&machine()),
            quote(env!("RUSTC_VERSION"))
        );
        let _ = write!(
            json,
            "  \"target_cpu\": {},\n  \"rustflags\": {},\n  \"unit\": \"ns per message\",\n  \"versions\": {{",
            quote(target()),
            quote(env!("BUILD_FLAGS"))
        );
        let versions: Vec<_> = versions()
            .iter()
            .map(|(name, version)| format!("\n    {}: {}", quote(name), quote(version)))
            .collect();
        let _ = write!(json, "{}\n  }},\n  \"workloads\": {{", versions.join(","));
        let tables: Vec<_> = self.tables.iter().map(json_of).collect();
        let _ = write!(json, "{}\n  }},\n  \"idle_connection_bytes\": [", tables.join(","));
        let rows: Vec<_> = self
            .memory
            .iter()
            .map(|(memory, million)| {
                let million = million.map_or("null".into(), |bytes| bytes.to_string());
                format!(
                    "\n    {{ \"name\": {}, \"role\": \"{:?}\", \"value\": {}, \"heap\": {}, \"resident_for_a_million\": {million} }}",
                    quote(memory.name), memory.role, memory.bytes, memory.heap
                )
            })
            .collect();
        let _ = write!(json, "{}\n  ]\n}}\n", rows.join(","));
        json
    }

    /// One line per workload, one dot per implementation at its ratio to the work, on a logarithmic axis.
    fn svg(&self) -> String {
        const LEFT: f64 = 430.0;
        const WIDTH: f64 = 640.0;
        const LINE: f64 = 20.0;
        const TOP: f64 = 70.0;
        const MAX: f64 = 64.0;
        let tables: Vec<_> = self.tables.iter().filter(|table| table.work().is_some()).collect();
        let height = TOP + LINE * tables.len() as f64 + 30.0;
        let x = |ratio: f64| LEFT + WIDTH * (ratio.clamp(0.5, MAX) / 0.5).ln() / (MAX / 0.5).ln();
        let mut names: Vec<&str> = Vec::new();
        for time in tables.iter().flat_map(|table| &table.times) {
            if !time.is_limit && !is_ours(time.name) && !names.contains(&time.name) {
                names.push(time.name);
            }
        }
        let colour = |name: &str| match names.iter().position(|other| *other == name) {
            Some(i) => {
                format!(
                    "hsl({}, 55%, {}%)",
                    i * 360 / names.len().max(1),
                    if i % 2 == 0 { 42 } else { 60 }
                )
            }
            None => "#000".into(),
        };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1100\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"10\" y=\"18\" font-size=\"14\">Time per message as a multiple of the work (copy, XOR, validate; headers known): less is better. Target: {}</text>\n",
            target()
        );
        let mut at = 10.0;
        for name in std::iter::once(OURS).chain(names.iter().copied()) {
            let _ = writeln!(
                svg,
                "<circle cx=\"{at}\" cy=\"36\" r=\"4\" fill=\"{}\"/><text x=\"{}\" y=\"40\">{name}</text>",
                colour(name),
                at + 8.0
            );
            at += 24.0 + 6.2 * name.len() as f64;
        }
        for ratio in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0] {
            let stroke = if ratio == 1.0 { "#888" } else { "#ddd" };
            let _ = writeln!(
                svg,
                "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1}\" y2=\"{2}\" stroke=\"{stroke}\"/><text x=\"{0:.1}\" y=\"{3}\" text-anchor=\"middle\">{ratio}×</text>",
                x(ratio),
                TOP - 8.0,
                height - 24.0,
                height - 10.0
            );
        }
        for (i, table) in tables.iter().enumerate() {
            let y = TOP + LINE * i as f64 + 8.0;
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                LEFT - 10.0,
                y + 4.0,
                table.name
            );
            let work = table.work().map_or(f64::NAN, |time| time.min);
            // We come last, on top.
            for ours in [false, true] {
                for time in table.times.iter().filter(|time| {
                    !time.is_limit
                        && !time.name.starts_with("hybi (")
                        && (time.name == OURS) == ours
                }) {
                    let radius = if ours { 5 } else { 4 };
                    let _ = writeln!(
                        svg,
                        "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"{radius}\" fill=\"{}\"><title>{} {:.1} ns</title></circle>",
                        x(time.min / work),
                        colour(time.name),
                        time.name,
                        time.min
                    );
                }
            }
        }
        svg += "</svg>\n";
        svg
    }
}

/// Whether this was compiled for the processor at hand: the second column.
const NATIVE: bool = cfg!(target_feature = "avx2");

fn target() -> &'static str {
    if NATIVE { "native" } else { "x86-64" }
}

fn json_of(table: &Table) -> String {
    let rows: Vec<_> = table
        .times
        .iter()
        .map(|time| {
            format!(
                "\n        {}: {{ \"min\": {:.2}, \"median\": {:.2} }}",
                quote(time.name),
                time.min,
                time.median
            )
        })
        .collect();
    format!(
        "\n    {}: {{\n      \"payload_bytes\": {},\n      \"times\": {{{}\n      }}\n    }}",
        quote(&table.name),
        table.payload,
        rows.join(",")
    )
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let count = info.lines().filter(|line| line.starts_with("processor")).count();
    format!("{}, {count} processors", model.trim_start_matches(['\t', ' ', ':']))
}

/// What was measured, from the lock file.
fn versions() -> Vec<(String, String)> {
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
        .filter_map(|p| Some((field(p, "name")?, field(p, "version")?)))
        .filter(|(name, _)| measured(name))
        .collect()
}
