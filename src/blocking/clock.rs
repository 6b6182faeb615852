//! The keep-alive of the core, on the system's clock.

use std::time::{Duration, Instant};

use super::transfer::{after, earlier};
use crate::buffers::Outbox;
use crate::connection::{Connection, Event, ReadyState};
use crate::keepalive::{Keepalive, KeepaliveConfig, KeepaliveError, Progress};
use crate::role::Role;

/// A reading half that waits looks no more often than this whether a writer has begun to close, or
/// is stuck.
const LOOK_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Clock {
    keepalive: Keepalive,
    /// The shortest deadline that may begin while a reading half waits.
    soonest: Option<Duration>,
    start: Instant,
}

impl Clock {
    pub(super) fn new(config: KeepaliveConfig) -> Self {
        // With pings, a deadline for their pongs begins when the time has come for one.
        let stuck_within = config.pong_within.filter(|_| config.ping_after.is_none());
        Self {
            keepalive: Keepalive::new(config, Duration::ZERO),
            soonest: match (config.close_within, stuck_within) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
            start: Instant::now(),
        }
    }

    /// Sends a ping if one is due. Returns when to call it again.
    pub(super) fn poll<R: Role>(
        &mut self,
        connection: &mut Connection<R>,
        out: &mut Outbox,
    ) -> Result<Option<Instant>, KeepaliveError> {
        let wake = self.keepalive.poll(self.start.elapsed(), connection, out)?;
        Ok(self.instant(wake))
    }

    /// Does the same for a reading half, given how far the writing side has got: returns the
    /// payload of a ping that is due, and when to call it again.
    pub(super) fn poll_half(
        &mut self,
        closing_since: Option<Instant>,
        output: Progress,
    ) -> Result<(Option<[u8; 8]>, Option<Instant>), KeepaliveError> {
        let state = match closing_since {
            None => ReadyState::Open,
            Some(since) => {
                // The keep-alive would count from now, but a writer has begun to close before.
                self.keepalive.closing_since(since.saturating_duration_since(self.start));
                ReadyState::Closing
            }
        };
        let due = self.keepalive.due(self.start.elapsed(), state, output)?;
        let mut wake = self.instant(due.wake);
        if let (None, Some(within)) = (closing_since, self.soonest) {
            // A writer that begins to close, or is stuck, wakes nobody. Who looks this often sees
            // it in time.
            wake = earlier(wake, after(Some(within.max(LOOK_AFTER))));
        }
        Ok((due.ping, wake))
    }

    /// Returns whether this is the pong to a ping of the keep-alive.
    pub(super) fn see_pong(&mut self, payload: &[u8]) -> bool {
        self.keepalive.see(&Event::Pong(payload.into()), self.start.elapsed())
    }

    /// Notes that input is left unread, in which the pong may be.
    pub(super) fn excuse_pong(&mut self) {
        self.keepalive.excuse_pong();
    }

    pub(super) fn heard(&mut self) {
        self.keepalive.heard(self.start.elapsed());
    }

    /// Notes that the peer has made room for bytes.
    pub(super) fn made_room(&mut self) {
        self.keepalive.made_room(self.start.elapsed());
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.keepalive.round_trip()
    }

    fn instant(&self, since_start: Option<Duration>) -> Option<Instant> {
        since_start.and_then(|time| self.start.checked_add(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the defaults, nothing else would wake a reader that waits.
    #[test]
    fn a_reading_half_looks_in_time_whether_a_writer_has_begun_to_close() {
        let wakes_within = |config: KeepaliveConfig| {
            let (ping, wake) =
                Clock::new(config.ping_after(None)).poll_half(None, Progress::default()).unwrap();
            assert_eq!(ping, None);
            wake.map(|wake| wake.saturating_duration_since(Instant::now()))
        };
        let config = KeepaliveConfig::default().pong_within(None);
        assert!(wakes_within(config).unwrap() <= Duration::from_secs(10));
        let seldom = wakes_within(config.close_within(Duration::from_secs(3600))).unwrap();
        assert!(seldom > Duration::from_secs(10));
        let config = config.close_within(None);
        assert_eq!(wakes_within(config), None);
        let stuck = wakes_within(config.pong_within(Duration::from_secs(20))).unwrap();
        assert!(stuck <= Duration::from_secs(20));
    }
}
