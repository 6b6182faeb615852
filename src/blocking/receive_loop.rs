//! The loop that waits for events: one for whole connections and for reading halves.
//!
//! What the two do differently is their [`Protocol`]: a whole connection writes replies to its own
//! output, a reading half leaves them for the writing side.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::ahead::Ahead;
use super::chunks::Chunks;
use super::clock::Clock;
use super::received::{Received, Taken};
use super::stream::Stream;
use super::transfer::{Fill, Flush, LINGER, Transfer, after, earlier, now, passed};
use super::violation::Violation;
use crate::adapter::{Ending, Error};
use crate::buffers::Outbox;
use crate::connection::{Abnormal, ChunkEvent, Closed, Event, Transport};
use crate::frame::CloseReason;
use crate::input::Input;
use crate::keepalive::{KeepaliveConfig, KeepaliveError};

/// Systems count time-outs in ticks of their own and may wake up a little early.
pub(super) const TICK: Duration = Duration::from_millis(20);
/// How many events are taken at most before the clock is looked at: a peer that sends cheap ones
/// without end must not put off a deadline.
const EVENTS_MAX: u32 = 256;

/// The protocol's part in a [`ReceiveLoop`].
pub(super) trait Protocol<S> {
    /// Takes the next event from the input, and encodes the reply to it. Returns what `pick` makes
    /// of the event, where it is: an event that is moved right after it was stored costs as much as
    /// to receive it.
    fn receive<'a, T>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut Outbox,
        pick: impl FnOnce(Event<'a>) -> T,
    ) -> Result<Option<T>, Violation>;

    /// Takes the next chunk or control frame from the input, likewise. `within` is the limit of a
    /// message, if it has one of its own.
    fn receive_chunk<'a>(
        &mut self,
        within: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<ChunkEvent<'a>>, Violation>;

    /// Returns whether neither a message nor a frame is in progress.
    fn is_idle(&self) -> bool;

    /// Returns whether a chunk of the message in progress has been taken.
    fn is_in_chunks(&self) -> bool;

    /// Returns how many bytes of the message in progress have not been taken, if that is known.
    fn message_bytes_left(&self) -> Option<u64>;

    /// Sends a ping if one is due. Returns when the clock must be polled again.
    fn poll(
        &mut self,
        clock: &mut Clock,
        out: &mut Outbox,
    ) -> Result<Option<Instant>, KeepaliveError>;

    /// Writes what can be written until `deadline`.
    fn flush(&mut self, transfer: &mut Transfer<S>, deadline: Option<Instant>) -> Flush;

    /// Returns what to do with the stream once everything has been written.
    fn transport(&self) -> Transport;

    /// Notes that the input has ended, so that nothing can be sent afterwards. Returns why the
    /// connection has ended, if the peer has not said so.
    fn end_of_input(&mut self, out: &mut Outbox) -> Abnormal;

    /// Notes the peer's last word, for those who send.
    fn note_last_word(&mut self, _: &Ending) {}

    /// Notes that the connection is over, likewise. Returns how it has ended: one of those may have
    /// ended it before.
    fn note_end(&mut self, ending: Ending) -> Ending {
        ending
    }
}

/// What it takes to receive: the stream, the protocol, and the clock.
pub(super) struct ReceiveLoop<S, P> {
    pub(super) transfer: Transfer<S>,
    pub(super) protocol: P,
    pub(super) chunks: Chunks,
    pub(super) ahead: Ahead,
    pub(super) clock: Clock,
    /// How long one call that receives may take.
    pub(super) timeout: Option<Duration>,
    /// How long to wait for the end of the stream after the last word of both sides.
    linger: Duration,
    /// How many events were taken since the clock was looked at.
    unwatched: u32,
    /// How the connection will have ended once the stream has: with the peer's Close frame, or with
    /// the rule that the peer broke.
    last_word: Option<Ending>,
    ending: Option<Ending>,
}

/// The result of taking an event.
pub(super) enum Taking<T> {
    Taken(T),
    /// There is no whole event in the input that has been read.
    NeedsInput,
    /// Look at the clock before you go on.
    LookFirst,
}

impl<T> Taking<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Taking<U> {
        match self {
            Self::Taken(taken) => Taking::Taken(change(taken)),
            Self::NeedsInput => Taking::NeedsInput,
            Self::LookFirst => Taking::LookFirst,
        }
    }
}

/// What follows a wait.
#[derive(PartialEq, Eq)]
enum Next {
    /// There may be input, the clock must be polled, or the connection has ended.
    TryAgain,
    /// The time of the call is over, or the stream is non-blocking and has nothing.
    TimedOut,
}

impl<S, P> ReceiveLoop<S, P> {
    pub(super) fn new(transfer: Transfer<S>, protocol: P) -> Self {
        let keepalive = KeepaliveConfig::default().ping_after(None).pong_within(None);
        Self {
            transfer,
            protocol,
            chunks: Chunks::default(),
            ahead: Ahead::default(),
            clock: Clock::new(keepalive),
            timeout: None,
            linger: LINGER,
            unwatched: 0,
            last_word: None,
            ending: None,
        }
    }

    /// Goes on with another protocol, made of the present one and the transfer.
    pub(super) fn with_protocol<Q: Protocol<S>>(
        self,
        change: impl FnOnce(P, &mut Transfer<S>) -> io::Result<Q>,
    ) -> io::Result<ReceiveLoop<S, Q>> {
        let Self { mut transfer, protocol, last_word, ending, .. } = self;
        let mut protocol = change(protocol, &mut transfer)?;
        if let Some(last_word) = &last_word {
            protocol.note_last_word(last_word);
        }
        let ending = ending.map(|ending| protocol.note_end(ending));
        let Self { chunks, ahead, clock, timeout, linger, unwatched, .. } = self;
        Ok(ReceiveLoop {
            transfer,
            protocol,
            chunks,
            ahead,
            clock,
            timeout,
            linger,
            unwatched,
            last_word,
            ending,
        })
    }

    pub(super) fn set_keepalive(&mut self, config: KeepaliveConfig) {
        self.clock = Clock::new(config);
    }

    /// Notes what the peer has said last, if it has said that before.
    pub(super) fn set_last_word(&mut self, last_word: Ending) {
        self.last_word = Some(last_word);
    }

    pub(super) fn set_linger(&mut self, time: Duration) {
        self.linger = time;
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.clock.round_trip()
    }

    pub(super) fn closed(&self) -> Option<&Closed> {
        self.ending.as_ref().map(Ending::closed)
    }

    /// Returns how the connection has ended, or will end, as the peer has said its last word.
    pub(super) fn reason(&self) -> Option<&Ending> {
        self.ending.as_ref().or(self.last_word.as_ref())
    }
}

impl<S: Stream, P: Protocol<S>> ReceiveLoop<S, P> {
    pub(super) fn set_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.transfer.set_read_timeout(timeout)?;
        self.timeout = timeout;
        Ok(())
    }

    /// Waits for the next message, or the next event. Returns `None` once the connection is over.
    #[inline]
    pub(super) fn receive<T: Received>(&mut self) -> Result<Option<T>, Error> {
        self.must_be_between_messages()?;
        self.receive_until(after(self.timeout))
    }

    /// Waits until `deadline` for something to return.
    #[inline]
    pub(super) fn receive_until<T: Received>(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<T>, Error> {
        let mut has_waited = false;
        self.chunks.prefers_messages = !T::IS_CHUNK;
        if self.unwatched > EVENTS_MAX / 2 {
            self.look(); // now rather than after the first few events
        }
        loop {
            if !self.ahead.is_empty()
                && let Some(event) = self.ahead.take()?
            {
                return Ok(Some(event));
            }
            if let Some(ending) = &self.ending {
                return ending.result();
            }
            match self.take_event() {
                Taking::Taken(event) => return Ok(Some(event)),
                Taking::NeedsInput if has_waited && passed(deadline) => {
                    return Err(Error::TimedOut);
                }
                Taking::NeedsInput => {
                    has_waited = true;
                    if self.wait(deadline) == Next::TimedOut {
                        return Err(Error::TimedOut);
                    }
                }
                Taking::LookFirst => {
                    self.look();
                    if self.ending.is_none() && passed(deadline) {
                        return Err(Error::TimedOut);
                    }
                }
            }
        }
    }

    /// Ends the connection and the stream. A reason that the peer gave takes precedence.
    pub(super) fn end(&mut self, otherwise: Ending) {
        self.protocol.end_of_input(self.transfer.out());
        let ending = self.ending.take().or_else(|| self.last_word.take()).unwrap_or(otherwise);
        self.ending = Some(self.protocol.note_end(ending));
        self.transfer.end_output();
        self.transfer.end_stream();
    }

    /// Takes the next message, event or chunk from the input that has been read.
    #[inline]
    pub(super) fn take_event<T: Received>(&mut self) -> Taking<T> {
        let mut has_replied = false;
        loop {
            if self.unwatched >= EVENTS_MAX {
                return Taking::LookFirst;
            }
            self.unwatched = self.unwatched.saturating_add(1);
            let (mut input, out) = self.transfer.buffers();
            let within = self.chunks.message_bytes_max;
            let control = match T::take(&mut self.protocol, within, &mut input, out) {
                Ok(None) => return Taking::NeedsInput,
                Ok(Some(Taken::Data(data))) => {
                    if has_replied {
                        self.flush(); // as below
                    }
                    return Taking::Taken(data);
                }
                Ok(Some(Taken::Control(Event::Pong(payload)))) if self.clock.see_pong(&payload) => {
                    None
                }
                Ok(Some(Taken::Control(control))) => {
                    has_replied |= !matches!(control, Event::Pong(_));
                    if let Event::Close(reason) = &control {
                        let reason = reason.clone().map(CloseReason::into_owned);
                        self.last_word = Some(Closed::Clean(reason).into());
                    }
                    T::from_control(control)
                }
                Err(violation) => {
                    self.last_word = Some(violation.into());
                    None
                }
            };
            if let Some(last_word) = &self.last_word {
                self.protocol.note_last_word(last_word);
            }
            if let Some(control) = control {
                if has_replied {
                    // The replies must not wait until the caller comes back. What cannot be written
                    // now is written then.
                    self.flush();
                }
                return Taking::Taken(control);
            }
        }
    }

    /// Looks at the clock, and writes: what a call that is kept busy must do now and then.
    #[cold]
    pub(super) fn look(&mut self) {
        self.flush();
        // Nothing is read between two looks, so the pong may be in the stream.
        self.clock.excuse_pong();
        self.poll();
        self.clock.excuse_pong();
    }

    /// Polls the clock, which may end the connection. Returns when to do so again.
    fn poll(&mut self) -> Option<Instant> {
        self.unwatched = 0;
        if self.transfer.take_made_room() {
            self.clock.made_room();
        }
        match self.protocol.poll(&mut self.clock, self.transfer.out()) {
            Ok(wake) => wake,
            Err(error) => {
                self.end(Ending::abnormal(Abnormal::TimedOut(error)));
                None
            }
        }
    }

    /// Writes what the stream takes at once.
    fn flush(&mut self) -> Flush {
        self.protocol.flush(&mut self.transfer, now())
    }

    /// Polls the clock, writes what the stream takes at once, and reads once. If something is left
    /// to be written, waits for input only until the next try: two peers that both waited until
    /// their output was written would wait for ever.
    fn wait(&mut self, deadline: Option<Instant>) -> Next {
        let mut wake = self.poll();
        if self.ending.is_some() {
            return Next::TryAgain;
        }
        if self.transfer.has_input_ended() {
            return self.write_rest(deadline, wake);
        }
        let flushed = self.flush();
        match self.protocol.transport() {
            _ if flushed != Flush::Done => wake = earlier(wake, after(flushed.retry_after())),
            Transport::Keep => {}
            end => match self.transfer.linger(end == Transport::Close, self.linger) {
                Some(until) => wake = earlier(wake, Some(until)),
                None => return self.end_abnormally(Abnormal::Terminated),
            },
        }
        if self.protocol.is_idle() {
            self.transfer.rest();
        }
        match self.transfer.fill(earlier(deadline, wake)) {
            Ok(Fill::Bytes) => {
                self.clock.heard();
                Next::TryAgain
            }
            Ok(Fill::Later) if flushed == Flush::Partly && !passed(deadline) => Next::TryAgain,
            Ok(Fill::Later) => sleep_until(wake, deadline),
            Ok(Fill::End) if flushed == Flush::Done => self.end_of_input(),
            Ok(Fill::End) => Next::TryAgain,
            Err(error) => {
                self.end(Ending::io(&error));
                Next::TryAgain
            }
        }
    }

    /// Writes what is left after the end of the input: the peer may still read.
    fn write_rest(&mut self, deadline: Option<Instant>, wake: Option<Instant>) -> Next {
        let flushed = self.protocol.flush(&mut self.transfer, earlier(deadline, wake));
        match flushed {
            Flush::Done => self.end_of_input(),
            Flush::Partly | Flush::Stuck => sleep_until(wake, deadline),
            Flush::Elsewhere => {
                let retry = after(flushed.retry_after());
                sleep(earlier(earlier(deadline, wake), retry));
                if passed(deadline) { Next::TimedOut } else { Next::TryAgain }
            }
        }
    }

    fn end_of_input(&mut self) -> Next {
        match self.transfer.fill(now()) {
            Err(error) => self.end(Ending::io(&error)),
            Ok(_) => {
                let why = self.protocol.end_of_input(self.transfer.out());
                self.flush(); // the Close frame for what was wrong in the last bytes
                self.end(Ending::abnormal(why));
            }
        }
        Next::TryAgain
    }

    fn end_abnormally(&mut self, why: Abnormal) -> Next {
        self.end(Ending::abnormal(why));
        Next::TryAgain
    }
}

/// Ends a wait that was to end at `wake`, but may have ended a little early. If it has ended long
/// before, the stream does not wait.
fn sleep_until(wake: Option<Instant>, deadline: Option<Instant>) -> Next {
    match wake {
        Some(moment) if is_near(moment) && !passed(deadline) => {
            sleep(wake);
            Next::TryAgain
        }
        _ => Next::TimedOut,
    }
}

fn sleep(until: Option<Instant>) {
    if let Some(until) = until {
        thread::sleep(until.saturating_duration_since(Instant::now()));
    }
}

/// Returns whether a wait that was to end at `wake` may have ended because of it.
fn is_near(wake: Instant) -> bool {
    Instant::now().checked_add(TICK).is_some_and(|soon| wake <= soon)
}
