//! The keep-alive machine, and the clock that it asks for.

use std::time::{Duration, Instant};
use std::vec::Vec;

use crate::connection::{Connection, Event, Expired, Keepalive, KeepaliveConfig, ReadyState};
use crate::role::Role;

pub(super) struct Clock {
    keepalive: Keepalive,
    config: KeepaliveConfig,
    start: Instant,
}

impl Clock {
    pub(super) fn new(config: KeepaliveConfig) -> Self {
        Self { keepalive: Keepalive::new(config, Duration::ZERO), config, start: Instant::now() }
    }

    /// What [`Keepalive::poll`] wants done, and when it wants to be called next.
    pub(super) fn poll<R: Role>(
        &mut self,
        connection: &mut Connection<R>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Instant>, Expired> {
        let wake = self.keepalive.poll(self.start.elapsed(), connection, out)?;
        Ok(self.instant(wake))
    }

    /// The same for halves: the payload of a ping that is due, and when to come again.
    pub(super) fn poll_halves(
        &mut self,
        closing_since: Option<Instant>,
    ) -> Result<(Option<[u8; 8]>, Option<Instant>), Expired> {
        if let Some(since) = closing_since {
            // Of its beginning the machine would learn only now.
            let deadline = self.config.close_within.and_then(|within| since.checked_add(within));
            return match deadline {
                Some(deadline) if deadline <= Instant::now() => Err(Expired::Close),
                deadline => Ok((None, deadline)),
            };
        }
        let due = self.keepalive.due(self.start.elapsed(), ReadyState::Open)?;
        Ok((due.ping, self.instant(due.wake)))
    }

    /// Whether this is the pong for a ping of the keep-alive's own.
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
