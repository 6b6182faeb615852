//! What has come out. The summary reads it, and so will reports, a baseline and comparisons.

use std::time::Duration;

use hybi_conform::{Case, Outcome, Role, Verdict};

/// One case that ran.
pub(crate) struct Record {
    pub(crate) case: Case,
    pub(crate) outcome: Outcome,
    pub(crate) duration: Duration,
}

impl Record {
    /// Returns the verdict in the reading that was asked for.
    pub(crate) fn verdict(&self, is_strict: bool) -> Verdict {
        let tolerant = self.outcome.verdict();
        if is_strict { tolerant.max(self.outcome.strict) } else { tolerant }
    }

    /// Returns whether it makes the run fail.
    pub(crate) fn has_failed(&self, is_strict: bool) -> bool {
        let verdict = self.verdict(is_strict);
        verdict == Verdict::Failed || is_strict && verdict == Verdict::NonStrict
    }
}

/// All cases that ran against one implementation.
pub(crate) struct Results {
    /// The URI of a server, or the name that a client has given itself.
    pub(crate) subject: String,
    pub(crate) role: Role,
    /// In the order of the cases.
    pub(crate) records: Vec<Record>,
    /// How many cases have not run.
    pub(crate) missing: usize,
    pub(crate) duration: Duration,
    /// Whether the strict reading counts.
    pub(crate) is_strict: bool,
}

impl Results {
    /// Returns whether not all is as expected.
    pub(crate) fn have_failed(&self) -> bool {
        self.missing > 0 || self.records.iter().any(|record| record.has_failed(self.is_strict))
    }
}
