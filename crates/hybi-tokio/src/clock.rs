//! The keep-alive of the core, by the clock of the runtime.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hybi::connection::ReadyState;
use hybi::keepalive::{Keepalive, KeepaliveConfig, KeepaliveError};
use hybi::{Connection, Event, Outbox, Role};
use tokio::time::{Instant, Sleep, sleep_until};

/// How much too early a timer may be set. It wakes the task for nothing, which costs more than to
/// move it; but a busy connection would move it with each message.
const EARLY_MAX: Duration = Duration::from_secs(1);

pub(crate) struct Clock {
    keepalive: Keepalive,
    start: Instant,
    /// How many bytes the stream had taken when input was left unread, if none was read since.
    taken_when_unread: Option<u64>,
    /// The next deadline of something other than the keep-alive.
    other: Option<Instant>,
    /// Made when there is a first deadline to wait for, so that a connection without any needs no
    /// timer.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Write and read, then look at the clock again.
    Round,
    /// Wait for the time, or for the stream.
    Wait,
}

impl Clock {
    pub(crate) fn new(config: KeepaliveConfig) -> Self {
        Self {
            keepalive: Keepalive::new(config, Duration::ZERO),
            start: Instant::now(),
            taken_when_unread: None,
            other: None,
            sleep: None,
        }
    }

    /// Sets another deadline to be woken for, or none.
    pub(crate) fn wake_at(&mut self, deadline: Option<Instant>) {
        self.other = deadline;
    }

    /// Sends a ping if one is due. Returns whether a round is due, or else arranges to be woken in
    /// time. After the end of the input only the deadline for closing holds.
    ///
    /// # Errors
    ///
    /// The deadline that the peer has missed.
    pub(crate) fn poll<R: Role>(
        &mut self,
        connection: &mut Connection<R>,
        out: &mut Outbox,
        input_has_ended: bool,
        cx: &mut Context<'_>,
    ) -> Result<Due, KeepaliveError> {
        let now = self.start.elapsed();
        let wake = if input_has_ended {
            self.keepalive.due(now, ReadyState::Closing, out.progress())?.wake
        } else {
            self.keepalive.poll(now, connection, out)?
        };
        if wake.is_some_and(|wake| wake <= now) {
            return Ok(Due::Round);
        }
        let wake = wake.and_then(|wake| self.start.checked_add(wake));
        let Some(wake) = earlier(wake, self.other) else { return Ok(Due::Wait) };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(wake)));
        let set = sleep.deadline();
        let is_far_too_early = wake.saturating_duration_since(set) > EARLY_MAX;
        if wake < set || is_far_too_early || sleep.is_elapsed() {
            sleep.as_mut().reset(wake);
        }
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Ok(Due::Round),
            Poll::Pending => Ok(Due::Wait),
        }
    }

    /// Notes that input is left unread, and how many bytes the stream has taken so far.
    ///
    /// The pong may be in that input, so the peer is alive, but that counts once. From then on only
    /// a byte that the stream takes is a sign of life.
    pub(crate) fn note_unread(&mut self, taken: u64) {
        if self.taken_when_unread != Some(taken) {
            self.heard();
            self.taken_when_unread = Some(taken);
        }
    }

    /// Notes that bytes have arrived.
    pub(crate) fn heard(&mut self) {
        self.taken_when_unread = None;
        self.keepalive.heard(self.start.elapsed());
    }

    /// Returns whether this is the pong to a ping of the keep-alive.
    #[inline]
    pub(crate) fn see(&mut self, event: &Event<'_>) -> bool {
        matches!(event, Event::Pong(_)) && self.keepalive.see(event, self.start.elapsed())
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.keepalive.round_trip()
    }
}

pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
