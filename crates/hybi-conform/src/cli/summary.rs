//! What is seen at the end: a screen, which ends with what to look at first.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use hybi_conform::{Level, Role, Verdict};

use crate::results::{Record, Results};

/// How many kinds of findings are listed.
const FINDINGS_MAX: usize = 6;
/// How many columns a line has.
const COLUMNS: usize = 100;

/// Prints the summary.
///
/// # Errors
///
/// Nobody reads it, or there is no room for it.
pub(crate) fn print(results: &Results) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let printed = out.write_all(summary(results).as_bytes()).and_then(|()| out.flush());
    printed.map_err(|error| format!("the summary cannot be written: {error}"))
}

fn summary(results: &Results) -> String {
    let mut text = String::new();
    let count = results.records.len();
    let role = match results.role {
        Role::Server => "server",
        Role::Client => "client",
    };
    let each = results.duration.as_secs_f64() * 1000.0 / count.max(1) as f64;
    let seconds = results.duration.as_secs_f64();
    let subject = &results.subject;
    let _ =
        write!(text, "{role} {subject}: {count} cases in {seconds:.1} s, {each:.1} ms for each");
    if let Some(slowest) = results.records.iter().max_by_key(|record| record.duration) {
        let (id, seconds) = (slowest.case.id(), slowest.duration.as_secs_f64());
        let _ = write!(text, "; the longest took {seconds:.1} s: {id}");
    }
    text.push_str("\n\n");
    table(&mut text, results);
    findings(&mut text, results);
    text
}

/// The name of a row: the group, and the category of Autobahn.
fn row(record: &Record) -> String {
    const CATEGORIES: [(u8, &str); 11] = [
        (1, "messages"),
        (2, "pings and pongs"),
        (3, "reserved bits"),
        (4, "reserved opcodes"),
        (5, "fragments"),
        (6, "UTF-8"),
        (7, "closing"),
        (9, "volume"),
        (10, "many fragments"),
        (12, "compression"),
        (13, "compression, parameters"),
    ];
    let category = record.case.category();
    match CATEGORIES.into_iter().find(|(number, _)| Some(*number) == category) {
        Some((number, name)) => format!("{number:2} {name}"),
        None => record.case.group().to_string(),
    }
}

fn table(text: &mut String, results: &Results) {
    let _ = write!(text, "{:26}", "");
    for verdict in Verdict::ALL {
        let _ = write!(text, "{verdict:>15}");
    }
    text.push('\n');
    let mut rows: Vec<(String, [usize; 5])> = Vec::new();
    let mut sum = [0; 5];
    for record in &results.records {
        let name = row(record);
        if rows.last().is_none_or(|(last, _)| *last != name) {
            rows.push((name, [0; 5]));
        }
        let Some((_, counts)) = rows.last_mut() else { continue };
        let verdict = record.verdict(results.is_strict);
        for counts in [counts, &mut sum] {
            for (count, other) in counts.iter_mut().zip(Verdict::ALL) {
                *count += usize::from(other == verdict);
            }
        }
    }
    rows.push(("all".into(), sum));
    for (name, counts) in rows {
        let mut line = format!("{name:26}");
        for count in counts {
            let _ = match count {
                0 => write!(line, "{:>15}", "-"),
                _ => write!(line, "{count:>15}"),
            };
        }
        let _ = writeln!(text, "{line}");
    }
}

/// The kinds of findings, the worst first, and one of them in full.
fn findings(text: &mut String, results: &Results) {
    let is_strict = results.is_strict;
    let mut kinds: Vec<(Verdict, &str, Vec<&Record>)> = Vec::new();
    for record in &results.records {
        let (verdict, reason) = (record.verdict(is_strict), &*record.outcome.reason);
        if matches!(verdict, Verdict::Ok | Verdict::Informational) {
            continue;
        }
        match kinds.iter_mut().find(|kind| (kind.0, kind.1) == (verdict, reason)) {
            Some(kind) => kind.2.push(record),
            None => kinds.push((verdict, reason, vec![record])),
        }
    }
    kinds.sort_by_key(|(verdict, _, records)| Reverse((*verdict, records.len())));
    if results.missing > 0 {
        let _ = writeln!(text, "\n{} cases have not run.", results.missing);
    }
    if kinds.is_empty() && results.missing == 0 {
        text.push_str("\nAll is as expected.\n");
        return;
    }
    text.push('\n');
    for (verdict, reason, records) in kinds.iter().take(FINDINGS_MAX) {
        let mut line = format!("{verdict}, {} times: {reason}: ", records.len());
        for (i, record) in records.iter().enumerate() {
            if i > 0 && line.len() + record.case.id().len() > COLUMNS {
                line.push_str("...");
                break;
            }
            line.push_str(record.case.id());
            line.push(' ');
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if kinds.len() > FINDINGS_MAX {
        let _ = writeln!(text, "and {} more kinds of findings", kinds.len() - FINDINGS_MAX);
    }
    let failed = |record: &&Record| record.has_failed(is_strict);
    let all = || results.records.iter().filter(failed);
    // What most depend on comes first in the order of the cases.
    let Some(first) = all().find(|it| it.case.level() == Level::Must).or_else(|| all().next())
    else {
        text.push_str("\nNothing has failed.\n");
        return;
    };
    let (case, outcome) = (&first.case, &first.outcome);
    let level = case.level();
    let _ = writeln!(
        text,
        "\nLook first at {}: {} ({}, {level})\n  sent:     {}\n  expected: {}\n  seen:     {}\n  so:       {}",
        case.id(),
        case.title(),
        case.section(),
        case.sent(),
        outcome.expected,
        outcome.seen,
        outcome.reason
    );
}
