//! The output at the end: one screen, whose last lines are the case to look at first.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use hybi_conform::Verdict;

use crate::report::text::{counted, not_run};
use crate::results::{Counts, Finding, Record, Results, role};

/// How many kinds of findings are listed.
const FINDINGS_MAX: usize = 6;
/// How many characters of what was sent, expected and seen are printed.
const TEXT_MAX: usize = 240;
/// The width of a line of findings.
const COLUMNS: usize = 100;

/// Prints the summary. If there is no report, the last line says how to get one.
///
/// # Errors
///
/// It cannot be written to standard output.
pub(crate) fn print(results: &Results<'_>, has_report: bool) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let text = summary(results, has_report);
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(|error| format!("the summary cannot be written: {error}"))
}

fn summary(results: &Results<'_>, has_report: bool) -> String {
    let mut text = String::new();
    let count = results.records.len();
    let role = role(results.role);
    let each = results.duration.as_secs_f64() * 1000.0 / count.max(1) as f64;
    let seconds = results.duration.as_secs_f64();
    let subject = &results.subject;
    let cases = counted(count, "case");
    let _ = write!(text, "{role} {subject}: {cases} in {seconds:.1} s, {each:.1} ms for each");
    if let Some(slowest) = results.records.iter().max_by_key(|record| record.duration) {
        let (id, seconds) = (slowest.case.id(), slowest.duration.as_secs_f64());
        let _ = write!(text, "; the longest took {seconds:.1} s: {id}");
    }
    text.push_str("\n\n");
    table(&mut text, &results.table());
    findings(&mut text, results, has_report);
    text
}

/// Writes a table of counts.
pub(crate) fn table(text: &mut String, rows: &[(String, Counts)]) {
    let width = rows.iter().map(|(name, _)| name.chars().count() + 2).max().unwrap_or(0).max(26);
    let _ = write!(text, "{:width$}", "");
    for verdict in Verdict::ALL {
        let _ = write!(text, "{verdict:>15}");
    }
    text.push('\n');
    for (name, counts) in rows {
        let mut line = format!("{name:width$}");
        for count in counts {
            let _ = match count {
                0 => write!(line, "{:>15}", "-"),
                _ => write!(line, "{count:>15}"),
            };
        }
        let _ = writeln!(text, "{line}");
    }
}

/// Writes the changes against the baseline, the kinds of findings, and one of them in full.
fn findings(text: &mut String, results: &Results<'_>, has_report: bool) {
    if results.missing > 0 {
        let _ = writeln!(text, "\n{}.", not_run(results.missing));
    }
    let expected = results.expected();
    if expected > 0 {
        let _ = writeln!(text, "\nAs the baseline says: {}.", counted(expected, "case"));
    }
    let changed: Vec<_> = results.changed().collect();
    if !changed.is_empty() {
        text.push_str("\nNot as the baseline says:\n");
    }
    for (record, expected) in changed.iter().take(FINDINGS_MAX) {
        let (id, verdict) = (record.case.id(), record.verdict(results.is_strict));
        let _ = writeln!(text, "  {id} is {verdict}, and was {expected}");
    }
    if changed.len() > FINDINGS_MAX {
        let _ = writeln!(text, "  and {} more", changed.len() - FINDINGS_MAX);
    }
    let kinds = results.findings();
    if kinds.is_empty() && changed.is_empty() && results.missing == 0 {
        text.push_str("\nAll is as expected.\n");
        return;
    }
    text.push('\n');
    for Finding { verdict, reason, records } in kinds.iter().take(FINDINGS_MAX) {
        let times = counted(records.len(), "time");
        list(text, &format!("{verdict}, {times}: {reason}:"), records);
    }
    if kinds.len() > FINDINGS_MAX {
        let more = counted(kinds.len() - FINDINGS_MAX, "more kind");
        let place = if has_report { "the report has them" } else { "--report DIR has them" };
        let _ = writeln!(text, "and {more} of findings; {place}");
    }
    let late: Vec<_> = results.records.iter().copied().filter(|it| it.outcome.timed_out).collect();
    if !late.is_empty() {
        list(text, &format!("Timed out (--timeout), {}:", counted(late.len(), "time")), &late);
    }
    let Some(first) = results.first() else {
        text.push_str(match (changed.is_empty(), results.missing) {
            (false, _) => {
                "\nNothing fails that did not; the baseline is to be brought up to date.\n"
            }
            (true, 0) => "\nNothing has failed.\n",
            (true, _) => "\nNothing has failed, but not all cases have run.\n",
        });
        return;
    };
    if results.is_gone {
        let role = role(results.role);
        let _ = writeln!(text, "\nThe {role} is gone: that may be all that the last failures say.");
    }
    let (case, outcome) = (&first.case, &first.outcome);
    let level = case.level();
    let _ = writeln!(
        text,
        "\nLook first at {}: {} ({}, {level})\n  sent:     {}\n  expected: {}\n  seen:     {}\n  \
         so:       {}",
        case.id(),
        case.title(),
        case.section(),
        short(&case.sent()),
        short(&outcome.expected),
        short(&outcome.seen),
        outcome.reason
    );
    if let Some(rule) = case.rule() {
        let _ = writeln!(text, "  because:  {rule}");
    }
    if !has_report {
        text.push_str("  more:     add --report DIR, and see what was on the wire\n");
    }
}

/// Writes a line, and the ids of cases after it or, if they are too long, below it: as many as have
/// room.
fn list(text: &mut String, line: &str, records: &[&Record]) {
    let all: Vec<&str> = records.iter().map(|record| record.case.id()).collect();
    let whole = format!("{line} {}", all.join(" "));
    if whole.chars().count() <= COLUMNS {
        let _ = writeln!(text, "{whole}");
        return;
    }
    let (mut ids, mut shown) = (String::from(" "), 0);
    for id in &all {
        // Room for the number of those left out.
        if shown > 0 && ids.len() + id.len() + 12 > COLUMNS {
            break;
        }
        ids.push(' ');
        ids.push_str(id);
        shown += 1;
    }
    let _ = writeln!(text, "{line}\n{ids}{}", and_more(all.len() - shown));
}

/// Returns how many more there are, if there are any.
fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", {count} more") }
}

/// Returns the beginning of a text that may be long. The report has all of it.
fn short(text: &str) -> String {
    let start: String = text.chars().take(TEXT_MAX).collect();
    if start.len() < text.len() { format!("{start}...") } else { start }
}
