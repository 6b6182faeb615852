//! Tables on the terminal, numbers as JSON, one chart as SVG.

use crate::memory::Memory;
use crate::race::Time;
use crate::results::{Standing, Table, is_ours, json_of, quote};
use crate::{goals, peers};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

#[derive(Default)]
pub struct Report {
    tables: Vec<Table>,
    memory: Vec<(Memory, Option<usize>)>,
}

impl Report {
    pub fn table(&mut self, table: Table) {
        println!(
            "\n{}\n{:<20} {:>12} {:>12} {:>10} {:>14}",
            table.name, "ns per message", "min", "median", "to work", "to best peer"
        );
        let ratio = |time: &Time, to: Option<&Time>| to.map_or(f64::NAN, |to| time.min / to.min);
        let mut times: Vec<_> = table.times.iter().collect();
        let is_limit = |time: &Time| time.standing == Standing::Limit;
        times.sort_by(|a, b| is_limit(b).cmp(&is_limit(a)).then(a.min.total_cmp(&b.min)));
        for time in times {
            println!(
                "{:<20} {:>12.1} {:>12.1} {:>10.2} {:>14.2}{}",
                time.name,
                time.min,
                time.median,
                ratio(time, table.work()),
                ratio(time, table.best_peer()),
                if time.standing == Standing::Lenient { "  accepts bad UTF-8" } else { "" },
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

    /// Prints which goals are met, and who is missing.
    pub fn conclude(&self) {
        println!("\n{}", machine());
        print!("{}", goals::table(&[(PROFILE, &self.tables)]));
        if let Some((name, reason)) = peers::missing() {
            println!("\nMISSING: {name}: {reason}");
        }
    }

    pub fn write(&self, directory: &Path) {
        let written = fs::create_dir_all(directory)
            .and_then(|()| fs::write(directory.join(format!("{PROFILE}.json")), self.json()))
            .and_then(|()| fs::write(directory.join(format!("{PROFILE}.svg")), self.svg()));
        match written {
            Ok(()) => println!("\nwrote {PROFILE}.json and .svg to {}", directory.display()),
            Err(error) => eprintln!("cannot write to {}: {error}", directory.display()),
        }
    }

    fn json(&self) -> String {
        let mut json = String::from("{\n");
        let _ = write!(
            json,
            "  \"machine\": {},\n  \"missing\": {},\n",
            quote(&machine()),
            peers::missing().map_or("null".into(), |(name, _)| quote(name)),
        );
        let _ = write!(
            json,
            "  \"profile\": {},\n  \"rustflags\": {},\n  \"unit\": \"ns per message\",\n  \"versions\": {{",
            quote(PROFILE),
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
            if time.standing != Standing::Limit
                && !is_ours(&time.name)
                && !names.contains(&time.name.as_str())
            {
                names.push(&time.name);
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
             <text x=\"10\" y=\"18\" font-size=\"14\">Time per message as a multiple of the work (copy, XOR, validate; headers known): less is better. Profile: {PROFILE}</text>\n"
        );
        let mut at = 10.0;
        for name in std::iter::once("hybi").chain(names.iter().copied()) {
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
                    time.standing != Standing::Limit
                        && !time.name.starts_with("hybi (")
                        && is_ours(&time.name) == ours
                }) {
                    let radius = if ours { 5 } else { 4 };
                    let _ = writeln!(
                        svg,
                        "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"{radius}\" fill=\"{}\"><title>{} {:.1} ns</title></circle>",
                        x(time.min / work),
                        colour(&time.name),
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

/// The profile that this was built with: `release`, Cargo's default, or `lto`.
const PROFILE: &str = env!("BUILD_PROFILE");

/// The processor, its caches, and the compiler.
fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let count = info.lines().filter(|line| line.starts_with("processor")).count();
    let model = model.trim_start_matches(['\t', ' ', ':']);
    format!("{model}, {count} processors; {}; {}", caches(), env!("RUSTC_VERSION"))
}

/// The caches of the first processor, such as `L1d 32 KiB, L2 1 MiB`.
fn caches() -> String {
    let caches = (0..).map_while(|index| {
        let read = |name| {
            let file = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{name}");
            fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
        };
        let (level, kind, size) = (read("level")?, read("type")?, read("size")?);
        let suffix = match &*kind {
            "Data" => "d",
            "Instruction" => "i",
            _ => "",
        };
        let size = match size.trim_end_matches('K').parse::<usize>() {
            Ok(kib) if kib % 1024 == 0 => format!("{} MiB", kib / 1024),
            Ok(kib) => format!("{kib} KiB"),
            Err(_) => size,
        };
        Some(format!("L{level}{suffix} {size}"))
    });
    let caches: Vec<_> = caches.filter(|cache| !cache.starts_with("L1i")).collect();
    if caches.is_empty() { "caches unknown".into() } else { caches.join(", ") }
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
        .chain(hybi_uwebsockets::package().map(|it| ("uWebSockets".into(), format!("in {it}"))))
        .collect()
}
