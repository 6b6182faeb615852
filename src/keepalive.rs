//! Keep-alive with the caller's clock: pings, deadlines for their pongs and for closing, and the
//! round-trip time (RFC 6455 §5.5.2, §7.1.1).

use core::time::Duration;

use crate::buffers::Outbox;
use crate::connection::{Connection, Event, ReadyState};
pub use crate::error::KeepaliveError;
use crate::role::Role;

/// When to ping and how long to wait. Each setting may be `None`, which means never.
///
/// ```
/// use core::time::Duration;
/// use hybi::keepalive::KeepaliveConfig;
///
/// let config = KeepaliveConfig::default().ping_after(Duration::from_secs(5)).close_within(None);
/// # drop(config);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeepaliveConfig {
    pub(crate) ping_after: Option<Duration>,
    pub(crate) pong_within: Option<Duration>,
    pub(crate) close_within: Option<Duration>,
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
    /// Sets how long the peer may be silent before it is sent a ping. Default: 30 s, because many
    /// proxies drop a connection after a silent minute.
    ///
    /// With zero, a ping is due whenever none is unanswered.
    #[must_use]
    pub fn ping_after(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.ping_after = silence.into();
        self
    }

    /// Sets how long the peer may be silent after a ping before the connection counts as dead.
    /// Default: 20 s.
    ///
    /// With zero, it is dead at the first call after a ping, unless bytes arrived in between.
    #[must_use]
    pub fn pong_within(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.pong_within = silence.into();
        self
    }

    /// Sets how long closing may take: the closing handshake, and then the end of the transport.
    /// Default: 10 s. It counts from the first call that sees the connection closing.
    ///
    /// With zero, the connection is dead as soon as it is closing.
    #[must_use]
    pub fn close_within(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.close_within = time.into();
        self
    }
}

/// The keep-alive of one connection. It reads no clock; you pass the time.
///
/// Every `now` is the time since a fixed moment of your choice, such as `start.elapsed()`. It
/// should not go backwards. If it does, deadlines come later, and nothing else happens.
///
/// ```
/// use core::time::Duration;
/// use hybi::keepalive::{Keepalive, KeepaliveConfig, KeepaliveError};
/// use hybi::{Config, Connection, Outbox};
///
/// let at = Duration::from_secs;
/// let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
/// let mut keepalive = Keepalive::new(KeepaliveConfig::default(), at(0));
///
/// assert_eq!(keepalive.poll(at(0), &mut ws, &mut out), Ok(Some(at(30)))); // call again then
/// assert_eq!(keepalive.poll(at(30), &mut ws, &mut out), Ok(Some(at(50))));
/// assert_eq!(out.front()[..2], [0x89, 8]); // a ping
/// let error = keepalive.poll(at(50), &mut ws, &mut out).unwrap_err();
/// assert_eq!(error, KeepaliveError::Pong); // close the transport
/// ```
#[derive(Clone, Debug)]
pub struct Keepalive {
    config: KeepaliveConfig,
    /// When bytes last arrived.
    heard: Duration,
    /// When a ping was sent, if nothing has arrived since.
    pinged: Option<Duration>,
    /// The number of the newest ping, and when it was sent unless its pong has arrived.
    newest: (u64, Option<Duration>),
    round_trip: Option<Duration>,
    /// When the connection was first seen in a state other than open.
    closing_since: Option<Duration>,
}

impl Keepalive {
    /// Creates the keep-alive of a connection that was opened `now`.
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

    /// Notes that bytes of any kind have arrived, so the peer is alive. Call it after each read.
    pub const fn heard(&mut self, now: Duration) {
        self.heard = now;
        self.pinged = None;
    }

    /// If `event` is the pong to our latest ping, records the [round-trip time](Self::round_trip)
    /// and returns `true`. Call it for each event, or at least for pongs.
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

    /// Returns the time between the newest answered ping and its pong, or `None` before the first.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Writes a ping to `out` if one is due. Returns the latest time at which to call `poll` again,
    /// or `None` if there is nothing to wait for.
    ///
    /// Call it after each round of events, and at that time. More calls do no harm.
    ///
    /// # Errors
    ///
    /// The deadline that the peer missed. [`KeepaliveError::Pong`] is returned again until bytes
    /// arrive, [`KeepaliveError::Close`] for ever.
    pub fn poll<R: Role>(
        &mut self,
        now: Duration,
        ws: &mut Connection<R>,
        out: &mut Outbox,
    ) -> Result<Option<Duration>, KeepaliveError> {
        ws.writer().flush_replies(out);
        let due = self.due(now, ws.ready_state())?;
        if let Some(payload) = due.ping {
            // Cannot fail: the connection is open, and eight bytes are not too many.
            let _ = ws.ping(&payload, out);
        }
        Ok(due.wake)
    }

    /// Returns what is due instead of doing it, for a connection whose [halves](Connection::split)
    /// are apart. Otherwise as [`poll`](Self::poll).
    ///
    /// Pass the ping to the half that writes. It counts as sent.
    ///
    /// ```
    /// use core::time::Duration;
    /// use hybi::connection::ReadyState;
    /// use hybi::keepalive::{Keepalive, KeepaliveConfig};
    ///
    /// let mut keepalive = Keepalive::new(KeepaliveConfig::default(), Duration::ZERO);
    /// let due = keepalive.due(Duration::from_secs(30), ReadyState::Open)?;
    /// assert!(due.ping.is_some());
    /// assert_eq!(due.wake, Some(Duration::from_secs(50)));
    /// # Ok::<(), hybi::keepalive::KeepaliveError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll).
    pub fn due(&mut self, now: Duration, state: ReadyState) -> Result<Due, KeepaliveError> {
        let wait = |wake| Due { ping: None, wake };
        match state {
            ReadyState::Open => {}
            // The opening handshake has no keep-alive.
            ReadyState::Connecting => return Ok(wait(None)),
            ReadyState::Closing | ReadyState::Closed => {
                let since = *self.closing_since.get_or_insert(now);
                let deadline = deadline(since, self.config.close_within, now);
                return deadline.map(wait).ok_or(KeepaliveError::Close);
            }
        }
        if let Some(pinged) = self.pinged {
            return deadline(pinged, self.config.pong_within, now)
                .map(wait)
                .ok_or(KeepaliveError::Pong);
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

/// What is due, as [`Keepalive::due`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Due {
    /// The payload of a ping to be sent now.
    pub ping: Option<[u8; 8]>,
    /// The latest time at which to call [`due`](Keepalive::due) again. `None`: there is nothing to
    /// wait for.
    pub wake: Option<Duration>,
}

/// Returns when a deadline will pass, or `Some(None)` if never. Returns `None` if it has passed.
fn deadline(since: Duration, within: Option<Duration>, now: Duration) -> Option<Option<Duration>> {
    match within.and_then(|within| since.checked_add(within)) {
        Some(deadline) if deadline <= now => None,
        deadline => Some(deadline),
    }
}
