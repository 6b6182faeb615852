//! The keep-alive of the core, on the system's clock.

use std::time::{Duration, Instant};

use crate::buffers::Outbox;
use crate::connection::{Connection, Event, ReadyState};
use crate::keepalive::{Keepalive, KeepaliveConfig, KeepaliveError, Progress};
use crate::role::Role;

pub(super) struct Clock {
    keepalive: Keepalive,
    start: Instant,
}

impl Clock {
    pub(super) fn new(config: KeepaliveConfig) -> Self {
        Self { keepalive: Keepalive::new(config, Duration::ZERO), start: Instant::now() }
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

    /// Does the same for a reading half, given how far the writing side has got: returns the payload of a ping that is due, and when to
    /// call it again.
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
        Ok((due.ping, self.instant(due.wake)))
    }

    /// Returns whether this is the pong to a ping of the keep-alive.
    pub(super) fn see_pong(&mut self, payload: &[u8]) -> bool {
        self.keepalive.see(&Event::Pong(payload.into()), self.start.elapsed())
    }

    pub(super) fn heard(&mut self) {
        self.keepalive.heard(self.start.elapsed());
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.keepalive.round_trip()
    }

    fn instant(&self, since_start: Option<Duration>) -> Option<Instant> {
        since_start.and_then(|time| self.start.checked_add(time))
    }
}
