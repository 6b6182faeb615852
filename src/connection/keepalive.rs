//! Time as data: pings, the deadline for their pongs, round-trip time, the deadline for closing (RFC 6455 §5.5.2).

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::closing::ReadyState;
use super::{Connection, Event};
use crate::role::Role;

/// When to ping and how long to wait. `None` anywhere means never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeepaliveConfig {
    /// How long the peer may be silent before it is sent a ping. Default: 30 s, below the minute after which many
    /// proxies drop a silent connection.
    pub ping_after: Option<Duration>,
    /// How long the peer may then stay silent before the connection counts as dead. Default: 20 s.
    pub pong_within: Option<Duration>,
    /// How long the closing handshake may take, and after it the peer's closing of the transport. Default: 10 s.
    pub close_within: Option<Duration>,
}

impl Default for KeepaliveConfig {
    fn default() -> Self {
        Self {
            ping_after: Some(Duration::from_secs(30)),
            pong_within: Some(Duration::from_secs(20)),
            close_within: Some(Duration::from_secs(10)),
        }
    }
}

impl KeepaliveConfig {
    /// Sets [`ping_after`](Self::ping_after).
    #[must_use]
    pub const fn ping_after(mut self, silence: Option<Duration>) -> Self {
        self.ping_after = silence;
        self
    }

    /// Sets [`pong_within`](Self::pong_within).
    #[must_use]
    pub const fn pong_within(mut self, silence: Option<Duration>) -> Self {
        self.pong_within = silence;
        self
    }

    /// Sets [`close_within`](Self::close_within).
    #[must_use]
    pub const fn close_within(mut self, time: Option<Duration>) -> Self {
        self.close_within = time;
        self
    }
}

/// Watches over one connection by a clock that the caller reads.
///
/// Every `now` is the time since some fixed moment of the caller's choice, such as `start.elapsed()`. It should
/// not go backwards; if it does, deadlines come later, and nothing else happens.
///
/// ```
/// use core::time::Duration;
/// use hybi::connection::{Expired, Keepalive, KeepaliveConfig};
/// use hybi::{Config, Connection};
///
/// let at = Duration::from_secs;
/// let (mut ws, mut out) = (Connection::server(Config::default()), Vec::new());
/// let mut keepalive = Keepalive::new(KeepaliveConfig::default(), at(0));
///
/// assert_eq!(keepalive.poll(at(0), &mut ws, &mut out), Ok(Some(at(30)))); // come back then, or after a read
/// assert_eq!(keepalive.poll(at(30), &mut ws, &mut out), Ok(Some(at(50))));
/// assert_eq!(out[..2], [0x89, 8]); // a ping
/// assert_eq!(keepalive.poll(at(50), &mut ws, &mut out), Err(Expired::Pong)); // drop the connection
/// ```
#[derive(Clone, Debug)]
pub struct Keepalive {
    config: KeepaliveConfig,
    /// When the peer was last heard.
    heard: Duration,
    /// When the ping went out that nothing has been heard since.
    pinged: Option<Duration>,
    /// The number and time of the newest ping, whose pong tells the round-trip time.
    newest: (u64, Option<Duration>),
    round_trip: Option<Duration>,
    /// When the connection was first seen in a state other than open.
    closing_since: Option<Duration>,
}

/// A deadline has passed: the connection is dead. Close the transport; for the program that is 1006.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expired {
    /// Nothing was heard within [`KeepaliveConfig::pong_within`] after a ping.
    Pong,
    /// Closing was not done within [`KeepaliveConfig::close_within`].
    Close,
}

impl Keepalive {
    /// Begins to watch over a connection that was opened `now`.
    #[must_use]
    pub const fn new(config: KeepaliveConfig, now: Duration) -> Self {
        Self {
            config,
            heard: now,
            pinged: None,
            newest: (0, None),
            round_trip: None,
            closing_since: None,
        }
    }

    /// Notes that bytes have arrived, of whatever kind: the peer is alive. Call it after each read.
    pub const fn heard(&mut self, now: Duration) {
        self.heard = now;
        self.pinged = None;
    }

    /// Looks at an event for the pong that tells the round-trip time. Call it for each event, or at least for pongs. Whether it
    /// was that pong, which nobody else has asked for.
    pub fn see(&mut self, event: &Event<'_>, now: Duration) -> bool {
        if let (Event::Pong(payload), (number, Some(sent))) = (event, self.newest)
            && **payload == number.to_be_bytes()
        {
            self.round_trip = Some(now.saturating_sub(sent));
            self.newest.1 = None;
            return true;
        }
        false
    }

    /// The time between the newest answered ping and its pong.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Does what is due: a ping goes to `out`. Returns when it wants to be called next, at the latest; `None` for
    /// never. Call it after each round of events and when that time has come; calling it more often does no harm.
    ///
    /// # Errors
    ///
    /// A deadline that has passed. It keeps saying so until the peer is heard.
    pub fn poll<R: Role>(
        &mut self,
        now: Duration,
        ws: &mut Connection<R>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Duration>, Expired> {
        ws.flush_replies(out);
        let due = self.due(now, ws.ready_state())?;
        if let Some(payload) = due.ping {
            // Open, and eight bytes: cannot be refused.
            let _ = ws.ping(&payload, out);
        }
        Ok(due.wake)
    }

    /// As [`poll`](Self::poll), for a connection whose [halves](Connection::split) are in different hands: says what is
    /// due instead of doing it. Whoever has the sender must send the ping, which counts as sent.
    ///
    /// ```
    /// use core::time::Duration;
    /// use hybi::connection::{Keepalive, KeepaliveConfig, ReadyState};
    ///
    /// let mut keepalive = Keepalive::new(KeepaliveConfig::default(), Duration::ZERO);
    /// let due = keepalive.due(Duration::from_secs(30), ReadyState::Open)?;
    /// assert!(due.ping.is_some());
    /// assert_eq!(due.wake, Some(Duration::from_secs(50)));
    /// # Ok::<(), hybi::connection::Expired>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll).
    pub fn due(&mut self, now: Duration, state: ReadyState) -> Result<Due, Expired> {
        let wait = |wake| Due { ping: None, wake };
        if state != ReadyState::Open {
            let since = *self.closing_since.get_or_insert(now);
            return deadline(since, self.config.close_within, now).map(wait).ok_or(Expired::Close);
        }
        if let Some(pinged) = self.pinged {
            return deadline(pinged, self.config.pong_within, now).map(wait).ok_or(Expired::Pong);
        }
        if let Some(next) = deadline(self.heard, self.config.ping_after, now) {
            return Ok(wait(next));
        }
        let number = self.newest.0.wrapping_add(1);
        self.newest = (number, Some(now));
        self.pinged = Some(now);
        let wake = self.config.pong_within.and_then(|within| now.checked_add(within));
        Ok(Due { ping: Some(number.to_be_bytes()), wake })
    }
}

/// What [`Keepalive::due`] wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The payload of a ping that is to be sent now.
    pub ping: Option<[u8; 8]>,
    /// When it wants to be called next, at the latest. `None`: never.
    pub wake: Option<Duration>,
}

/// `None`: it has passed. `Some(None)`: it never will. Otherwise when it will.
fn deadline(since: Duration, within: Option<Duration>, now: Duration) -> Option<Option<Duration>> {
    match within.and_then(|within| since.checked_add(within)) {
        Some(deadline) if deadline <= now => None,
        deadline => Some(deadline),
    }
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pong => "the peer has not answered a ping in time",
            Self::Close => "the peer has not closed the connection in time",
        })
    }
}

impl core::error::Error for Expired {}
