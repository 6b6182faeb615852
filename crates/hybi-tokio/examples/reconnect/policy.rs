//! The decision whether to connect again, and when.

use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::time::Duration;

use hybi::connection::{Abnormal, Closed};
use hybi::handshake::Refusal;
use hybi_tokio::ConnectError;

/// The mean of the first wait.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// The longest wait that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// The verdict about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It would come again: somebody has to change something first.
    Final,
    /// It may pass. The server asks for this time, or for none.
    Passes(Duration),
}

const PASSES: Verdict = Verdict::Passes(Duration::ZERO);

/// Tells what an attempt to connect has failed for.
pub(crate) fn of_connecting(error: &ConnectError) -> Verdict {
    match error {
        ConnectError::Resolve(_)
        | ConnectError::Connect(_)
        | ConnectError::TimedOut
        | ConnectError::Io(_) => PASSES,
        // A certificate that is not trusted, and everything else that TLS itself finds wrong.
        ConnectError::Tls(error) if error.kind() != ErrorKind::InvalidData => PASSES,
        ConnectError::Refused(refusal) | ConnectError::ProxyRefused(refusal) => of_refusal(refusal),
        _ => Verdict::Final,
    }
}

fn of_refusal(refusal: &Refusal) -> Verdict {
    match refusal.response().status() {
        408 | 425 | 429 | 500 | 502 | 503 | 504 => Verdict::Passes(retry_after(refusal)),
        _ => Verdict::Final, // a redirect, no such path, no right to it
    }
}

/// Returns what the field says (RFC 9110 §10.2.3), if it is a number. It may also be a date.
fn retry_after(refusal: &Refusal) -> Duration {
    let field =
        refusal.response().field("Retry-After").and_then(|value| str::from_utf8(value).ok());
    let seconds = field.and_then(|value| value.parse().ok()).unwrap_or(0);
    Duration::from_secs(seconds).min(RETRY_AFTER_MAX)
}

/// Tells what a connection has ended for. `None`: it is done, so there is nothing to repeat.
pub(crate) fn of_end(closed: &Closed) -> Option<Verdict> {
    match closed {
        Closed::Clean(_) => match closed.code() {
            1000 | 1005 => None,
            // The server goes, has failed, restarts, or is overloaded (RFC 6455 §7.4.1 and the
            // registry of IANA).
            1001 | 1011 | 1012 | 1013 => Some(PASSES),
            _ => Some(Verdict::Final), // we have done something wrong
        },
        Closed::Abnormal(Abnormal::Protocol(_)) => Some(Verdict::Final),
        Closed::Abnormal(_) => Some(PASSES),
    }
}

/// The waits between attempts: twice as long each time, and random, so that clients that lost the
/// same server do not come back at the same moment.
pub(crate) struct Waits {
    mean: Duration,
    max: Duration,
}

impl Waits {
    pub(crate) fn new(max: Duration) -> Self {
        Self { mean: WAIT_MIN.min(max / 2), max }
    }

    /// Begins again with short ones, after a connection that lasted.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.max);
    }

    /// Returns how long to wait, at least as long as the server asks for.
    pub(crate) fn next(&mut self, at_least: Duration) -> Duration {
        let wait = self.mean.mul_f64(2.0 * random());
        self.mean = (self.mean * 2).min(self.max / 2);
        at_least + wait
    }
}

/// Returns a number from 0 to 1. The keys of hash maps are random enough for this.
fn random() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}
