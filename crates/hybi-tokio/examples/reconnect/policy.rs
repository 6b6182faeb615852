//! How long to wait before connecting again. Whether to do so at all, the errors say themselves.
//! Nothing here depends on tokio.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use hybi_tokio::ConnectError;

/// The mean of the first wait.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// The longest wait that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Returns how long the server asks to wait, or zero.
pub(crate) fn asked_for(error: &ConnectError) -> Duration {
    let asked = match error {
        ConnectError::Refused(refusal) | ConnectError::ProxyRefused(refusal) => {
            refusal.retry_after()
        }
        _ => None,
    };
    asked.unwrap_or_default().min(RETRY_AFTER_MAX)
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
