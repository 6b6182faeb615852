//! What three runs wrote, default target, `-C target-cpu=native` and profile `plain`, side by side as one Markdown table.

use std::fs;
use std::io;
use std::path::Path;

/// The minima of one workload: each row of its table.
type Rows = Vec<(String, f64)>;

pub fn print(directory: &Path) -> io::Result<()> {
    let read = |name| fs::read_to_string(directory.join(name)).map(|json| workloads(&json));
    let (default, native, plain) =
        (read("default.json")?, read("native.json")?, read("plain.json")?);
    println!(
        "| workload, ns per message | hybi | ÷ work | ÷ best other | native: hybi | ÷ work | ÷ best other | plain: hybi | ÷ work | ÷ best other |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    );
    for (name, rows) in &default {
        let of = |run: &[(String, Rows)]| {
            let workload = run.iter().find(|(other, _)| other == name);
            workload.map_or("– | – | –".into(), |(_, rows)| cells(rows))
        };
        println!("| {name} | {} | {} | {} |", cells(rows), of(&native), of(&plain));
    }
    Ok(())
}

/// Our time, its ratio to the work, and to the best that is neither a limit nor we.
fn cells(rows: &Rows) -> String {
    let time = |name: &str| rows.iter().find(|(row, _)| row == name).map(|(_, time)| *time);
    let is_limit =
        |row: &str| row.starts_with("copy") || row.starts_with("work") || row == "httparse + work";
    let others = rows.iter().filter(|(row, _)| !is_limit(row) && !row.starts_with("hybi"));
    let Some(ours) = time("hybi") else { return "– | – | –".into() };
    let to_work = time("work").map_or("–".into(), |work| format!("{:.2}", ours / work));
    let to_best = others
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or("–".into(), |(name, best)| format!("{:.2} {name}", ours / best));
    format!("{ours:.1} | {to_work} | {to_best}")
}

/// Reads what [`Report`](crate::report::Report) writes, which has each row on a line of its own.
fn workloads(json: &str) -> Vec<(String, Rows)> {
    let mut workloads: Vec<(String, Rows)> = Vec::new();
    for line in json.lines() {
        let Some((name, rest)) =
            line.trim().strip_prefix('"').and_then(|line| line.split_once("\": {"))
        else {
            continue;
        };
        match rest.trim().strip_prefix("\"min\": ").and_then(|rest| rest.split_once(',')) {
            Some((min, _)) => {
                if let (Some((_, rows)), Ok(min)) = (workloads.last_mut(), min.parse()) {
                    rows.push((name.to_owned(), min));
                }
            }
            None if rest.is_empty() && name != "times" => {
                workloads.push((name.to_owned(), Vec::new()))
            }
            None => {}
        }
    }
    workloads.retain(|(_, rows)| !rows.is_empty());
    workloads
}
