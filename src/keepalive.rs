//! Keep-alive with the caller's clock: pings, deadlines for their pongs and for closing, and the
//! round-trip time (RFC 6455 §5.5.2, §7.1.1).

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::buffers::Outbox;
pub use crate::buffers::Progress;
use crate::connection::{Connection, Event, ReadyState};
pub use crate::error::KeepaliveError;
use crate::export::{ImportError, Kind, push_optional, read_record, write_record};
use crate::length::in_memory;
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
    /// Zero is the same as `None`: no pings. A peer that is only silent then never counts as dead;
    /// one that takes nothing of what is unsent does, after [`pong_within`](Self::pong_within).
    #[must_use]
    pub fn ping_after(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.ping_after = silence.into().filter(|silence| !silence.is_zero());
        self
    }

    /// Sets how long the peer may give no [sign of life](Keepalive) after a ping has left, before
    /// the connection counts as dead. Default: 20 s.
    ///
    /// Without [pings](Self::ping_after) it is how long bytes may be unsent of which the peer takes
    /// none, while nothing arrives from it.
    ///
    /// Zero means at once: the connection is dead unless the answer is there when it is looked for.
    ///
    /// With `None`, no silence ends the connection, and pings go on: one after each
    /// [`ping_after`](Self::ping_after) of silence, which keeps proxies from dropping it. Nor does
    /// a peer that takes nothing: bound the time of your writes yourself.
    #[must_use]
    pub fn pong_within(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.pong_within = silence.into();
        self
    }

    /// Sets how long closing may take: the closing handshake, and then the end of the transport.
    /// Default: 10 s. It counts from the first call that sees the connection closing, and nothing
    /// that the peer does puts it off. If much is unsent when you close, allow time for that.
    ///
    /// Zero means at once: the connection is dead as soon as it is closing.
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
/// The peer gives two signs of life. Bytes arrive from it, which you report with
/// [`heard`](Self::heard). Or it takes bytes that had to wait, which [`poll`](Self::poll) sees in
/// the [`Outbox`]: if bytes that were unsent at one call are still unsent at the next, the
/// transport has no room for them, so the peer has made room for what leaves meanwhile and later.
/// Bytes that leave at once show nothing, because the system's buffers take them for a peer that is
/// gone. If your writes block, nothing is unsent when you poll: report a write that had to wait
/// with [`made_room`](Self::made_room).
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
/// assert_eq!(keepalive.poll(at(30), &mut ws, &mut out), Ok(Some(at(30)))); // write, call again
/// assert_eq!(out.take()[..2], [0x89, 8]); // a ping
/// assert_eq!(keepalive.poll(at(30), &mut ws, &mut out), Ok(Some(at(50))));
///
/// assert_eq!(keepalive.poll(at(50), &mut ws, &mut out), Ok(Some(at(50)))); // read, call again
/// let error = keepalive.poll(at(50), &mut ws, &mut out).unwrap_err();
/// assert_eq!(error, KeepaliveError::Pong); // close the transport
/// ```
#[derive(Clone, Debug)]
pub struct Keepalive {
    config: KeepaliveConfig,
    /// When the last sign of life was; or the last ping, if its pong has no deadline.
    alive: Duration,
    /// When a ping was sent, if nothing has arrived since; later, if the peer has taken bytes
    /// since. Without pings: since when bytes have waited of which none was taken.
    pinged: Option<Duration>,
    /// The number of the newest ping, and when it was sent unless its pong has arrived.
    newest: (u64, Option<Duration>),
    /// How many bytes the transport will have taken once the newest ping has left; zero if it has.
    ping_end: u64,
    round_trip: Option<Duration>,
    /// When the connection was first seen in a state other than open.
    closing_since: Option<Duration>,
    /// The output at the end of the last call.
    output: Progress,
    /// Set if bytes were taken after the last call, before this was imported.
    has_taken: bool,
    /// Whether the same bytes were unsent at the last two calls: the transport had no room.
    is_stuck: bool,
    /// The deadline that had passed at the last call. Reported if it still has at the next.
    late: Option<KeepaliveError>,
}

impl Keepalive {
    /// Creates the keep-alive of a connection that was opened `now`.
    #[must_use]
    pub const fn new(config: KeepaliveConfig, now: Duration) -> Self {
        Self {
            config,
            alive: now,
            pinged: None,
            newest: (0, None),
            ping_end: 0,
            round_trip: None,
            closing_since: None,
            output: Progress { taken: 0, backlog: 0 },
            has_taken: false,
            is_stuck: false,
            late: None,
        }
    }

    /// Appends its state to `to`, as bytes that another process can [import](Self::import): see
    /// [`export`](crate::export). `output` is as in [`due`](Self::due).
    ///
    /// Times go along as ages, counted back from `now`. The other process counts them back from a
    /// `now` of its own, so the clocks need not agree, and the time between does not count. A time
    /// before the start of its clock counts as that start. So let the clock start at least as long
    /// ago as your deadlines, such as an hour before the program began.
    pub fn export(&self, now: Duration, output: Progress, to: &mut Vec<u8>) {
        let age = |then: Duration| nanoseconds(now.saturating_sub(then));
        let taken = output.taken.saturating_sub(self.output.taken);
        let (number, sent) = self.newest;
        write_record(Kind::Keepalive, to, |to| {
            to.extend_from_slice(&age(self.alive).to_be_bytes());
            push_optional(self.pinged.map(age), to);
            to.extend_from_slice(&number.to_be_bytes());
            push_optional(sent.map(age), to);
            // The unsent bytes up to the end of the ping, and the rest of those at the last call.
            to.extend_from_slice(&self.ping_end.saturating_sub(output.taken).to_be_bytes());
            let backlog = (self.output.backlog as u64).saturating_sub(taken);
            to.extend_from_slice(&backlog.to_be_bytes());
            to.push((self.has_taken || taken > 0).into());
            to.push(self.is_stuck.into());
            push_optional(self.round_trip.map(nanoseconds), to);
            push_optional(self.closing_since.map(age), to);
        });
    }

    /// Takes an [exported](Self::export) keep-alive off the front of `from`. `output` is the
    /// progress of the output that the connection has from now on, with what was unsent in it.
    ///
    /// A deadline that had passed is an error at the second [`poll`](Self::poll), as always. Read
    /// the bytes that have arrived before that.
    ///
    /// # Errors
    ///
    /// The bytes are no export of a keep-alive, or one of another version. `from` is as it was.
    pub fn import(
        config: KeepaliveConfig,
        now: Duration,
        output: Progress,
        from: &mut &[u8],
    ) -> Result<Self, ImportError> {
        let since = |age| now.saturating_sub(Duration::from_nanos(age));
        read_record(Kind::Keepalive, from, |body| {
            let alive = since(body.u64()?);
            let pinged = body.optional()?.map(since);
            let newest = (body.u64()?, body.optional()?.map(since));
            let ping_left = body.u64()?;
            let ping_end = match ping_left {
                0 => 0,
                left => output.taken.saturating_add(left),
            };
            let backlog = in_memory(body.u64()?);
            let has_taken = body.flag()?;
            let is_stuck = body.flag()?;
            let round_trip = body.optional()?.map(Duration::from_nanos);
            let closing_since = body.optional()?.map(since);
            let output = Progress { taken: output.taken, backlog };
            Ok(Self {
                config,
                alive,
                pinged,
                newest,
                ping_end,
                round_trip,
                closing_since,
                output,
                has_taken,
                is_stuck,
                late: None,
            })
        })
    }

    /// Notes that bytes of any kind have arrived, so the peer is alive. Call it after each read.
    pub const fn heard(&mut self, now: Duration) {
        self.note_life(now);
        self.pinged = None;
    }

    /// Notes that the peer has made room for bytes, so it is alive. Call it after a write that had
    /// to wait before the transport took anything.
    pub const fn made_room(&mut self, now: Duration) {
        self.note_life(now);
        if let Some(pinged) = &mut self.pinged {
            *pinged = now;
        }
    }

    /// Notes that the connection began to close at `since`, if the calls so far have not seen it.
    /// For [halves](Connection::split): the one that writes may have closed before.
    pub fn closing_since(&mut self, since: Duration) {
        self.closing_since.get_or_insert(since);
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
    /// A ping counts from the last call at which it was unsent.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Writes a ping to `out` if one is due, and the pong that the connection has [held
    /// back](crate::connection::Writer::flush_replies) if there is room again. Returns the latest
    /// time at which to call `poll` again, or `None` if there is nothing to wait for.
    ///
    /// Call it after each round of reading and writing, and at that time. If that is `now`, a round
    /// is due: write what `out` holds, read what has arrived, then call again. That is so after a
    /// ping, whose deadline begins when it has left, and when a deadline has passed. A deadline is
    /// an error only if it has still passed at the next call, so nothing expires because you were
    /// busy elsewhere. While you leave input unread because you are not ready for it, do not call
    /// `poll`: the pong may be in it.
    ///
    /// `out` may be another outbox than last time, if the connections
    /// [share them](Outbox#one-for-many-connections) while they are empty. For output that takes
    /// any other way, use [`due`](Self::due).
    ///
    /// # Errors
    ///
    /// The deadline that the peer missed. [`KeepaliveError::Pong`] is returned again until the peer
    /// gives a sign of life, [`KeepaliveError::Close`] for ever.
    pub fn poll<R: Role>(
        &mut self,
        now: Duration,
        ws: &mut Connection<R>,
        out: &mut Outbox,
    ) -> Result<Option<Duration>, KeepaliveError> {
        ws.writer().flush_replies(out);
        let due = self.due(now, ws.ready_state(), out.progress())?;
        let Some(payload) = due.ping else { return Ok(due.wake) };
        // Cannot fail: the connection is open, and eight bytes are not too many.
        let _ = ws.ping(&payload, out);
        self.output = out.progress();
        self.ping_end = self.output.taken.saturating_add(self.output.backlog as u64);
        Ok(Some(now))
    }

    /// Returns what is due instead of doing it. Otherwise as [`poll`](Self::poll).
    ///
    /// It is for a connection whose [halves](Connection::split) are apart: pass the ping to the
    /// half that writes. It is also for a whole connection whose output is in queues of your own:
    /// call [`ping`](Connection::ping) with the payload, and
    /// [`flush_replies`](crate::connection::Writer::flush_replies). The ping counts as sent now.
    ///
    /// `output` is how far the output to this peer has got: the [progress](Outbox::progress) of an
    /// outbox that no other connection uses, or numbers that you count. It tells that the peer
    /// takes bytes. If you cannot know it, pass the default: then a peer that only takes bytes
    /// seems dead.
    ///
    /// ```
    /// use core::time::Duration;
    /// use hybi::Outbox;
    /// use hybi::connection::ReadyState;
    /// use hybi::keepalive::{Keepalive, KeepaliveConfig};
    ///
    /// let (mut keepalive, out) =
    ///     (Keepalive::new(KeepaliveConfig::default(), Duration::ZERO), Outbox::new());
    /// let due = keepalive.due(Duration::from_secs(30), ReadyState::Open, out.progress())?;
    /// assert!(due.ping.is_some());
    /// assert_eq!(due.wake, Some(Duration::from_secs(50)));
    /// # Ok::<(), hybi::keepalive::KeepaliveError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll).
    pub fn due(
        &mut self,
        now: Duration,
        state: ReadyState,
        output: Progress,
    ) -> Result<Due, KeepaliveError> {
        let has_taken = self.note_output(now, output);
        match state {
            ReadyState::Open => {}
            // The opening handshake has no keep-alive.
            ReadyState::Connecting => return Ok(Due { ping: None, wake: None }),
            ReadyState::Closing | ReadyState::Closed => {
                let since = *self.closing_since.get_or_insert(now);
                return self.check(since, self.config.close_within, now, KeepaliveError::Close);
            }
        }
        if self.config.ping_after.is_none() {
            // Bytes that wait ask the peer for a sign of life, as a ping would.
            let since = self.pinged.filter(|_| !has_taken).unwrap_or(now);
            self.pinged = (output.backlog > 0).then_some(since);
        }
        if let Some(pinged) = self.pinged {
            return self.check(pinged, self.config.pong_within, now, KeepaliveError::Pong);
        }
        self.excuse_pong();
        if let Some(wake) = deadline(self.alive, self.config.ping_after, now) {
            return Ok(Due { ping: None, wake });
        }
        if self.config.pong_within.is_none() && output.backlog > 0 && output.taken < self.ping_end {
            // The ping before has not left. More of them would only pile up.
            self.alive = now;
            return Ok(Due { ping: None, wake: self.next_ping(now) });
        }
        let number = self.newest.0.wrapping_add(1);
        self.newest = (number, Some(now));
        self.ping_end = 0;
        let wake = if let Some(within) = self.config.pong_within {
            self.pinged = Some(now);
            now.checked_add(within)
        } else {
            self.alive = now;
            self.next_ping(now)
        };
        Ok(Due { ping: Some(number.to_be_bytes()), wake })
    }

    fn next_ping(&self, now: Duration) -> Option<Duration> {
        self.config.ping_after.and_then(|silence| now.checked_add(silence))
    }

    /// Notes how far the output has got since the last call. Returns whether bytes were taken.
    fn note_output(&mut self, now: Duration, output: Progress) -> bool {
        let taken = output.taken.saturating_sub(self.output.taken);
        let has_taken = mem::take(&mut self.has_taken) || taken > 0;
        // Some of what was unsent at the last call still is.
        let has_no_room = output.backlog > 0 && taken < self.output.backlog as u64;
        if has_taken && (self.is_stuck || has_no_room) {
            self.made_room(now);
        }
        self.is_stuck = has_no_room;
        self.output = output;
        if output.taken >= self.ping_end {
            // Once only: the next output may be another, in which another number of bytes came
            // before.
            self.ping_end = 0;
        } else if let Some(sent) = &mut self.newest.1 {
            *sent = now;
        }
        has_taken
    }

    const fn note_life(&mut self, now: Duration) {
        self.alive = now;
        self.excuse_pong();
    }

    /// Notes that a pong cannot be late yet: it may be in input that has not been read.
    pub(crate) const fn excuse_pong(&mut self) {
        // Closing takes no longer than it may, whatever the peer still says.
        if let Some(KeepaliveError::Pong) = self.late {
            self.late = None;
        }
    }

    /// Returns when a deadline will pass. One that has passed is late at the first call, and an
    /// error from the second on.
    fn check(
        &mut self,
        since: Duration,
        within: Option<Duration>,
        now: Duration,
        error: KeepaliveError,
    ) -> Result<Due, KeepaliveError> {
        let wake = deadline(since, within, now);
        let was_late = self.late == Some(error);
        self.late = if wake.is_none() { Some(error) } else { None };
        if wake.is_none() && was_late {
            return Err(error);
        }
        Ok(Due { ping: None, wake: wake.unwrap_or(Some(now)) })
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

/// Returns a time in nanoseconds: at most 584 years.
fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// Returns when a deadline will pass, or `Some(None)` if never. Returns `None` if it has passed.
fn deadline(since: Duration, within: Option<Duration>, now: Duration) -> Option<Option<Duration>> {
    match within.and_then(|within| since.checked_add(within)) {
        Some(deadline) if deadline <= now => None,
        deadline => Some(deadline),
    }
}
