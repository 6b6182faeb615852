//! Markdown for a pull request: counts, what changed, and what to look at first.

use std::fmt::Write as _;

use hybi_conform::Verdict;

use super::text::{code, counted};
use crate::results::{Counts, Finding, Results, role};

/// How many changes, kinds of findings and ids are listed. GitHub cuts what is too long.
const ITEMS_MAX: usize = 20;

pub(super) fn summary(all: &[Results<'_>]) -> String {
    let mut text = String::new();
    for results in all {
        subject(&mut text, results);
    }
    text
}

fn subject(text: &mut String, results: &Results<'_>) {
    let (role, subject) = (role(results.role), code(&results.subject));
    let seconds = results.duration.as_secs_f64();
    let _ = write!(text, "## hybi-conform: {role} {subject}\n\n");
    let _ = match results.headline() {
        (true, told) => write!(text, "{told}"),
        (false, told) => write!(text, "**{told}**"),
    };
    let reading = if results.is_strict { ", in the strict reading" } else { "" };
    let _ = write!(text, " ({seconds:.1} s{reading})");
    let expected = results.expected();
    if expected > 0 {
        let _ = write!(text, "; as the baseline says: {expected}");
    }
    text.push_str(".\n\n");
    table(text, "", &results.table());
    let changed: Vec<_> = results.changed().collect();
    if !changed.is_empty() {
        text.push_str("\n### What changed\n\n");
        for (record, expected) in changed.iter().take(ITEMS_MAX) {
            let (id, verdict) = (record.case.id(), record.verdict(results.is_strict));
            let _ = writeln!(text, "- `{id}` is {verdict}, and was {expected}");
        }
        left_out(text, changed.len());
    }
    if let Some(first) = results.first() {
        let (case, outcome) = (&first.case, &first.outcome);
        let _ = write!(
            text,
            "\n### Look first at `{}`\n\n{} ({}, {})\n\n- sent: {}\n- expected: {}\n- seen: {}\n\
             - so: {}\n",
            case.id(),
            code(case.title()),
            case.section(),
            case.level(),
            code(&case.sent()),
            code(&outcome.expected),
            code(&outcome.seen),
            code(&outcome.reason)
        );
    }
    let findings = results.findings();
    if !findings.is_empty() {
        let _ = write!(text, "\n<details><summary>Findings</summary>\n\n");
        for Finding { verdict, reason, records } in findings.iter().take(ITEMS_MAX) {
            let ids =
                records.iter().take(ITEMS_MAX).map(|record| format!("`{}`", record.case.id()));
            let ids = ids.collect::<Vec<_>>().join(" ");
            let more = match records.len().saturating_sub(ITEMS_MAX) {
                0 => String::new(),
                more => format!(" and {more} more, which `index.html` has"),
            };
            let (times, reason) = (counted(records.len(), "time"), code(reason));
            let _ = writeln!(text, "- {verdict}, {times}: {reason}: {ids}{more}");
        }
        left_out(text, findings.len());
        text.push_str("\n</details>\n");
    }
    text.push('\n');
}

fn left_out(text: &mut String, len: usize) {
    if len > ITEMS_MAX {
        let _ = writeln!(text, "- and {} more, which `index.html` has", len - ITEMS_MAX);
    }
}

/// Writes a table of counts. Columns without a count are left out. What is in a row is Markdown.
pub(crate) fn table(text: &mut String, name: &str, rows: &[(String, Counts)]) {
    let columns: Vec<(usize, Verdict)> = Verdict::ALL.into_iter().enumerate().collect();
    let is_used =
        |(i, _): &&(usize, Verdict)| rows.iter().any(|(_, counts)| counts.get(*i) > Some(&0));
    let columns: Vec<_> = columns.iter().filter(is_used).collect();
    let _ = write!(text, "| {name} |");
    for (_, verdict) in &columns {
        let _ = write!(text, " {verdict} |");
    }
    let _ = writeln!(text, "\n|---|{}", "--:|".repeat(columns.len()));
    for (name, counts) in rows {
        let _ = write!(text, "| {} |", name.trim());
        for (i, _) in &columns {
            let _ = match counts.get(*i) {
                None | Some(0) => write!(text, " |"),
                Some(count) => write!(text, " {count} |"),
            };
        }
        text.push('\n');
    }
}
