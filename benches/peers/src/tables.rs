//! The tables of the documentation, from what runs in both profiles have written.

use crate::goals;
use crate::results::{Results, Table};
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// Tables that other benches write.
const OF_OTHERS: [&str; 1] = ["tokio"];

/// Rewrites the tables of these files. Each stands between `<!-- table: NAME -->` and
/// `<!-- end -->`.
pub fn write(results: &Path, files: &[&Path]) -> io::Result<()> {
    let (release, lto) = (Results::read(results, "release")?, Results::read(results, "lto")?);
    for file in files {
        let text = fs::read_to_string(file)?;
        let mut out = String::new();
        let mut parts = text.split("<!-- table: ");
        out += parts.next().unwrap_or_default();
        for part in parts {
            if OF_OTHERS.iter().any(|name| part.starts_with(&format!("{name} -->"))) {
                let _ = write!(out, "<!-- table: {part}");
                continue;
            }
            let split = part.split_once(" -->\n").and_then(|(name, rest)| {
                Some((name, rest.split_once("<!-- end -->")?.1, table(name, &release, &lto)?))
            });
            let Some((name, rest, table)) = split else {
                let message = format!("{}: what table is this? {part:.60}", file.display());
                return Err(io::Error::other(message));
            };
            let _ = write!(out, "<!-- table: {name} -->\n\n{table}\n<!-- end -->{rest}");
        }
        fs::write(file, out)?;
        println!("wrote the tables of {}", file.display());
    }
    Ok(())
}

fn in_pieces(workload: &str) -> bool {
    workload.contains(", reads of ")
}

fn table(name: &str, release: &Results, lto: &Results) -> Option<String> {
    Some(match name {
        "machine" => format!("{}\n", release.machine),
        "goals" => goals::table(&[
            ("default profile", &release.tables),
            ("link-time optimisation", &lto.tables),
        ]),
        "receiving" => rows(release, lto, "hybi (64 KiB buffer)", |name| {
            name.starts_with("receive") && !in_pieces(name)
        }),
        "receiving in pieces" => rows(release, lto, "hybi (64 KiB buffer)", |name| {
            name.starts_with("receive") && in_pieces(name)
        }),
        "sending" => rows(release, lto, "hybi (send)", |name| name.starts_with("send")),
        "others" => {
            rows(release, lto, "", |name| !name.starts_with("receive") && !name.starts_with("send"))
        }
        _ => return None,
    })
}

/// A row for each workload that is chosen: the default profile, then with link-time optimisation.
/// `other_use` is one more row of hybi's.
fn rows(release: &Results, lto: &Results, other_use: &str, chosen: fn(&str) -> bool) -> String {
    let other = |cells: &str| if other_use.is_empty() { String::new() } else { cells.to_owned() };
    let mut text = format!(
        "| workload | work | hybi | {}÷ work | ÷ best other | LTO: hybi | ÷ work | ÷ best other |\n\
         |---|---|---|{}---|---|---|---|---|\n",
        other(&format!("{other_use} | ")),
        other("---|"),
    );
    for table in release.tables.iter().filter(|table| chosen(&table.name)) {
        let number = |name: &str| table.of(name).map_or("–".into(), |time| ns(time.min));
        let with_lto = lto.tables.iter().find(|other| other.name == table.name);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {}{} | {} | {} |",
            table.name,
            number("work"),
            number("hybi"),
            other(&format!("{} | ", number(other_use))),
            ratios(table),
            with_lto.and_then(Table::ours).map_or("–".into(), |time| ns(time.min)),
            with_lto.map_or("– | –".into(), ratios),
        );
    }
    text
}

/// Our time in terms of the work and of the best other.
fn ratios(table: &Table) -> String {
    let Some(ours) = table.ours() else { return "– | –".into() };
    let to_work = table.work().map_or("–".into(), |work| format!("{:.2}", ours.min / work.min));
    let to_best = table
        .best_peer()
        .map_or("–".into(), |best| format!("{:.2} {}", ours.min / best.min, best.name));
    format!("{to_work} | {to_best}")
}

/// Three digits that count, thousands apart.
fn ns(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
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
