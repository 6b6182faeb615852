//! The results of a run, for the summary and for reports.

use std::cmp::Reverse;
use std::time::Duration;

use hybi_conform::{Case, Level, Outcome, Role, Verdict};

use crate::baseline::Baseline;
use crate::report::text::counted;

/// One case that ran.
pub(crate) struct Record {
    pub(crate) case: Case,
    pub(crate) outcome: Outcome,
    pub(crate) duration: Duration,
}

impl Record {
    /// Returns the verdict. In the strict reading, it is the worse of both.
    pub(crate) fn verdict(&self, is_strict: bool) -> Verdict {
        let tolerant = self.outcome.verdict();
        if is_strict { tolerant.max(self.outcome.strict) } else { tolerant }
    }

    /// Returns whether the case makes the run fail, if the baseline does not mention it.
    pub(crate) fn has_failed(&self, is_strict: bool) -> bool {
        let verdict = self.verdict(is_strict);
        verdict == Verdict::Failed || is_strict && verdict == Verdict::NonStrict
    }
}

/// All cases that ran against one implementation.
pub(crate) struct Results<'a> {
    /// The name or URI of a server, or the name that a client has given itself.
    pub(crate) subject: String,
    pub(crate) role: Role,
    /// In the order of the cases.
    pub(crate) records: Vec<&'a Record>,
    /// How many cases have not run.
    pub(crate) missing: usize,
    /// True if not all have run because the implementation is gone.
    pub(crate) is_gone: bool,
    pub(crate) duration: Duration,
    /// True if the strict reading counts.
    pub(crate) is_strict: bool,
    /// The failures that are expected.
    pub(crate) baseline: Baseline,
}

/// The meaning of a verdict for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does not make the run fail.
    Fine,
    /// It is as the baseline says.
    Expected,
    /// It makes the run fail.
    Failed,
    /// It makes the run fail, because the baseline expects this verdict instead.
    Changed(Verdict),
}

/// Cases that came out alike, for one reason.
pub(crate) struct Finding<'a> {
    pub(crate) verdict: Verdict,
    pub(crate) reason: &'a str,
    pub(crate) records: Vec<&'a Record>,
}

/// How many cases have each verdict, in the order of [`Verdict::ALL`].
pub(crate) type Counts = [usize; Verdict::ALL.len()];

/// Counts a verdict.
pub(crate) fn count(counts: &mut Counts, verdict: Verdict) {
    for (count, other) in counts.iter_mut().zip(Verdict::ALL) {
        *count += usize::from(other == verdict);
    }
}

impl<'a> Results<'a> {
    /// Returns what the verdict of a case means for the run.
    pub(crate) fn standing(&self, record: &Record) -> Standing {
        let verdict = record.verdict(self.is_strict);
        match self.baseline.expected(record.case.id()) {
            Some(expected) if expected == verdict => Standing::Expected,
            Some(expected) => Standing::Changed(expected),
            None if record.has_failed(self.is_strict) => Standing::Failed,
            None => Standing::Fine,
        }
    }

    /// Returns whether the run has failed: a case has not run, or is not as expected.
    pub(crate) fn have_failed(&self) -> bool {
        self.missing > 0 || self.unexpected().next().is_some()
    }

    /// Returns whether all is as expected, and how many cases are not, in words.
    pub(crate) fn headline(&self) -> (bool, String) {
        let (cases, failed) = (counted(self.records.len(), "case"), self.unexpected().count());
        let told = match (failed, self.missing) {
            (0, 0) => format!("All is as expected in {cases}"),
            (_, 0) => format!("Not as expected: {failed} of {cases}"),
            (_, missing) => format!("Not as expected: {failed} of {cases}; not run: {missing}"),
        };
        (failed == 0 && self.missing == 0, told)
    }

    /// Returns the cases that make the run fail.
    pub(crate) fn unexpected(&self) -> impl Iterator<Item = &'a Record> {
        let is_meant = |record: &&Record| {
            matches!(self.standing(record), Standing::Failed | Standing::Changed(_))
        };
        self.records.iter().copied().filter(is_meant)
    }

    /// Returns the cases that are not as the baseline says, and the verdicts that it has for them.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (&'a Record, Verdict)> {
        self.records.iter().filter_map(|record| match self.standing(record) {
            Standing::Changed(expected) => Some((*record, expected)),
            _ => None,
        })
    }

    /// Returns how many cases are as the baseline says.
    pub(crate) fn expected(&self) -> usize {
        let is_meant = |record: &&&Record| self.standing(record) == Standing::Expected;
        self.records.iter().filter(is_meant).count()
    }

    /// Returns the case to look at first: the first failure of a MUST, or else the first failure.
    /// Later cases depend on what earlier ones test.
    pub(crate) fn first(&self) -> Option<&'a Record> {
        let failed = || self.unexpected().filter(|record| record.has_failed(self.is_strict));
        failed().find(|record| record.case.level() == Level::Must).or_else(|| failed().next())
    }

    /// Returns the counts for each kind of cases, and for all.
    pub(crate) fn table(&self) -> Vec<(String, Counts)> {
        let mut rows: Vec<(String, Counts)> = Vec::new();
        let mut sum = Counts::default();
        for record in &self.records {
            let name = kind(&record.case);
            if rows.last().is_none_or(|(last, _)| *last != name) {
                rows.push((name, Counts::default()));
            }
            let Some((_, counts)) = rows.last_mut() else { continue };
            let verdict = record.verdict(self.is_strict);
            count(counts, verdict);
            count(&mut sum, verdict);
        }
        rows.push(("all".into(), sum));
        rows
    }

    /// Returns the kinds of findings that the baseline does not expect, the worst first.
    pub(crate) fn findings(&self) -> Vec<Finding<'a>> {
        let mut kinds: Vec<Finding<'a>> = Vec::new();
        for &record in &self.records {
            let (verdict, reason) = (record.verdict(self.is_strict), &*record.outcome.reason);
            let is_fine = matches!(verdict, Verdict::Ok | Verdict::Informational);
            if is_fine || self.standing(record) == Standing::Expected {
                continue;
            }
            match kinds.iter_mut().find(|kind| (kind.verdict, kind.reason) == (verdict, reason)) {
                Some(kind) => kind.records.push(record),
                None => kinds.push(Finding { verdict, reason, records: vec![record] }),
            }
        }
        kinds.sort_by_key(|kind| Reverse((kind.verdict, kind.records.len())));
        kinds
    }
}

/// Returns the name of a kind of cases: the category of Autobahn, or the group.
fn kind(case: &Case) -> String {
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
    let category = case.category();
    match CATEGORIES.into_iter().find(|(number, _)| Some(*number) == category) {
        Some((number, name)) => format!("{number:2} {name}"),
        None => case.group().to_string(),
    }
}

/// Returns the name of a role.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Client => "client",
    }
}
