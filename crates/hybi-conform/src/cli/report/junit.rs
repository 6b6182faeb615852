//! JUnit's XML, as CI systems read it: a test suite for each group.

use std::fmt::Write as _;

use hybi_conform::{Group, Verdict};

use super::text::{Escaped as E, not_run};
use crate::results::{Record, Results, Standing};

pub(super) fn write(all: &[Results<'_>], now: &str) -> String {
    let mut suites = String::new();
    let mut sum = Sum::default();
    for results in all {
        for group in Group::ALL {
            let is_of_it = |record: &&&Record| record.case.group() == *group;
            let records: Vec<&Record> = results.records.iter().filter(is_of_it).copied().collect();
            if !records.is_empty() {
                suite(&mut suites, &mut sum, results, group.name(), &records, now);
            }
        }
        if results.missing > 0 {
            let missing = not_run(results.missing);
            sum.tests += 1;
            sum.errors += 1;
            let _ = writeln!(
                suites,
                "  <testsuite name=\"not run\" package=\"{0}\" tests=\"1\" failures=\"0\" \
                 errors=\"1\" skipped=\"0\" time=\"0\" timestamp=\"{now}\">\n    \
                 <testcase classname=\"{0}\" name=\"cases that have not run\" time=\"0\">\
                 <error message=\"{missing}\" type=\"missing\"/></testcase>\n  \
                 </testsuite>",
                E(&results.subject)
            );
        }
    }
    let Sum { tests, failures, errors, skipped, seconds } = sum;
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hybi-conform\" \
         tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" \
         time=\"{seconds:.3}\">\n{suites}</testsuites>\n"
    )
}

#[derive(Default)]
struct Sum {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    seconds: f64,
}

fn suite(
    text: &mut String,
    all: &mut Sum,
    results: &Results<'_>,
    group: &str,
    records: &[&Record],
    now: &str,
) {
    let mut cases = String::new();
    let mut sum = Sum::default();
    for record in records {
        case(&mut cases, &mut sum, results, record);
    }
    let _ = writeln!(
        text,
        "  <testsuite name=\"{group}\" package=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" \
         skipped=\"{}\" time=\"{:.3}\" timestamp=\"{now}\">\n{cases}  </testsuite>",
        E(&results.subject),
        sum.tests,
        sum.failures,
        sum.skipped,
        sum.seconds
    );
    all.tests += sum.tests;
    all.failures += sum.failures;
    all.skipped += sum.skipped;
    all.seconds += sum.seconds;
}

fn case(text: &mut String, sum: &mut Sum, results: &Results<'_>, record: &Record) {
    let Record { case, outcome, duration } = record;
    let (seconds, verdict) = (duration.as_secs_f64(), record.verdict(results.is_strict));
    sum.tests += 1;
    sum.seconds += seconds;
    let _ = write!(
        text,
        "    <testcase classname=\"{}\" name=\"{}: {}\" time=\"{seconds:.3}\">",
        E(&results.subject),
        E(case.id()),
        E(case.title())
    );
    let reason = E(&outcome.reason);
    let mut failure = |message: &str| {
        sum.failures += 1;
        let _ = write!(
            text,
            "<failure message=\"{message}\" type=\"{verdict}\">sent: {}\nexpected: {}\nseen: {}\n\
             {}, {}</failure>",
            E(&case.sent()),
            E(&outcome.expected),
            E(&outcome.seen),
            E(case.section()),
            case.level()
        );
    };
    match results.standing(record) {
        Standing::Failed => failure(&reason.to_string()),
        Standing::Changed(expected) => {
            failure(&format!("{verdict}, and the baseline says {expected}: {reason}"));
        }
        Standing::Expected => {
            sum.skipped += 1;
            let _ =
                write!(text, "<skipped message=\"{verdict}, as the baseline says: {reason}\"/>");
        }
        Standing::Fine if verdict == Verdict::Unimplemented => {
            sum.skipped += 1;
            let _ = write!(text, "<skipped message=\"{reason}\"/>");
        }
        Standing::Fine => {}
    }
    text.push_str("</testcase>\n");
}
