//! The goals, and whether they are met here: data, and one table.

use crate::results::Table;
use std::fmt::Write as _;

/// The other side of a comparison, and the bound.
#[derive(Clone, Copy)]
enum Goal {
    /// At most so many times as long as the work.
    Work(f64),
    /// At least so many times as fast as the best other.
    Best(f64),
    /// At least so many times as fast as this one.
    Than(&'static str, f64),
}

use Goal::{Best, Than, Work};

const GOALS: &[(&str, &[Goal])] = &[
    ("receive as server, binary 16 B", &[Work(1.5), Best(1.7)]),
    ("receive as server, binary 64 B", &[Work(1.5), Best(1.7)]),
    ("receive as server, binary 125 B", &[Work(1.5), Best(1.7)]),
    ("receive as server, binary 1 KiB", &[Work(1.2)]),
    ("receive as server, ASCII text 1 KiB", &[Work(1.2)]),
    ("receive as server, mixed-script text 1 KiB", &[Work(1.2)]),
    ("receive as server, binary 16 KiB", &[Best(1.0)]),
    ("receive as server, ASCII text 16 KiB", &[Best(1.0)]),
    ("receive as server, mixed-script text 16 KiB", &[Best(1.0)]),
    ("receive as client, binary 16 KiB", &[Best(1.15)]),
    ("receive as server, binary 1 MiB", &[Best(1.0)]),
    ("receive as server, ASCII text 1 MiB", &[Best(1.0)]),
    ("receive as server, mixed-script text 1 MiB", &[Best(1.0)]),
    ("send as server, binary 16 B, 64 per flush", &[Than("uWebSockets", 1.1)]),
    ("send as server, binary 125 B, 64 per flush", &[Than("uWebSockets", 1.1)]),
    ("send as client, binary 16 KiB, flushed each", &[Best(1.0)]),
    ("send as client, binary 1 MiB, flushed each", &[Best(1.5)]),
    ("server handshake, 14 headers", &[Best(1.5)]),
    ("client handshake, 7 headers", &[Best(1.5)]),
];

/// Returns a Markdown table of those goals whose workloads were measured: a column for each of the
/// runs, which are named. Empty if there is none.
pub fn table(runs: &[(&str, &[Table])]) -> String {
    let mut rows = String::new();
    for (workload, goals) in GOALS {
        for goal in *goals {
            let cells: Vec<_> =
                runs.iter().map(|(_, tables)| goal.cell(workload, tables)).collect();
            if cells.iter().any(Option::is_some) {
                let cells: Vec<_> = cells.into_iter().map(|it| it.unwrap_or("–".into())).collect();
                let _ = writeln!(rows, "| {workload} | {} | {} |", goal.text(), cells.join(" | "));
            }
        }
    }
    if rows.is_empty() {
        return rows;
    }
    let names: Vec<_> = runs.iter().map(|(name, _)| *name).collect();
    let lines = "|---".repeat(names.len());
    format!("| workload | goal | {} |\n|---|---{lines}|\n{rows}", names.join(" | "))
}

impl Goal {
    fn text(self) -> String {
        match self {
            Work(most) => format!("at most {most} times the work"),
            Best(1.0) => "as fast as the best other".into(),
            Best(least) => format!("{least} times as fast as the best other"),
            Than(name, least) => format!("{least} times as fast as {name}"),
        }
    }

    /// The ratio that was measured, to what, and what that means for the goal.
    fn cell(self, workload: &str, tables: &[Table]) -> Option<String> {
        let table = tables.iter().find(|table| table.name == workload)?;
        let ours = table.ours()?.min;
        // As precise as it is shown.
        let hundredths = |ratio: f64| (ratio * 100.0).round() / 100.0;
        let (ratio, of, met) = match self {
            Work(most) => {
                let ratio = hundredths(ours / table.work()?.min);
                (ratio, String::new(), ratio <= most)
            }
            Best(least) => {
                let best = table.best_peer()?;
                let ratio = hundredths(best.min / ours);
                (ratio, format!(" {}", best.name), ratio >= least)
            }
            Than(name, least) => {
                let ratio = hundredths(table.of(name)?.min / ours);
                (ratio, String::new(), ratio >= least)
            }
        };
        Some(format!("{ratio:.2}{of}, {}", if met { "met" } else { "missed" }))
    }
}
