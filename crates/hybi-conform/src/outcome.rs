//! The outcome of a case.

use std::fmt;

use crate::log::WireLog;

/// A verdict, as the Autobahn testsuite names them. A later one is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The result is the expected one.
    Ok,
    /// The RFC leaves open what should happen; the outcome says what did.
    Informational,
    /// The tested feature is missing: an extension was not negotiated, or a message exceeds a
    /// limit.
    Unimplemented,
    /// Legal, but not as it should be: late, or against a SHOULD.
    NonStrict,
    /// A rule was broken.
    Failed,
}

impl Verdict {
    /// All verdicts, from the best to the worst.
    pub const ALL: [Self; 5] =
        [Self::Ok, Self::Informational, Self::Unimplemented, Self::NonStrict, Self::Failed];

    /// Returns the name that the Autobahn testsuite writes into its reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Informational => "INFORMATIONAL",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::NonStrict => "NON-STRICT",
            Self::Failed => "FAILED",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The outcome of a case, in the tolerant and in the strict reading.
///
/// The readings differ where the RFC leaves room. The tolerant one is that of the Autobahn
/// testsuite; the strict one is what hybi holds itself to. `docs/design.md` lists the differences.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The tolerant reading of what was received before the end (`behavior` in Autobahn's reports).
    pub behavior: Verdict,
    /// The tolerant reading of how the connection ended (`behaviorClose`).
    pub closing: Verdict,
    /// The strict reading of both.
    pub strict: Verdict,
    /// A description of what was expected.
    pub expected: String,
    /// A description of what was seen.
    pub seen: String,
    /// The reason for a verdict other than `OK`, in one of the two readings. Otherwise empty.
    pub reason: String,
    /// The code in the Close frame of the implementation under test.
    pub close_code: Option<u16>,
    /// True if the tester waited for something that did not come in time.
    pub timed_out: bool,
    /// True if the opening handshake succeeded.
    pub has_opened: bool,
    /// True if anything came after it.
    pub has_spoken: bool,
    /// True if a message came that is not what was sent.
    pub has_differed: bool,
    /// The wire log, which is empty unless it was on.
    pub log: WireLog,
}

impl Outcome {
    /// Returns the verdict in the tolerant reading.
    pub fn verdict(&self) -> Verdict {
        self.behavior.max(self.closing)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict())?;
        if self.strict != self.verdict() {
            write!(f, " (strictly {})", self.strict)?;
        }
        if !self.reason.is_empty() {
            write!(f, ": {}; expected {}; seen {}", self.reason, self.expected, self.seen)?;
        }
        Ok(())
    }
}
