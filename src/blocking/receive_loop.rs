//! The loop that waits for events: one for whole connections and for reading halves.
//!
//! What the two do differently is their [`Protocol`]: a whole connection writes replies to its own
//! output, a reading half leaves them for the writing side.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::chunks::Chunks;
use super::clock::Clock;
use super::ending::Ending;
use super::error::Error;
use super::stream::Stream;
use super::transfer::{Fill, Flush, Transfer, after, earlier, passed};
use crate::buffers::Outbox;
use crate::connection::{Abnormal, Chunk, ChunkEvent, Closed, Event, Message, Transport};
use crate::error::ProtocolError;
use crate::frame::CloseReason;
use crate::input::Input;
use crate::keepalive::{KeepaliveConfig, KeepaliveError};

/// Systems count time-outs in ticks of their own and may wake up a little early.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// The protocol's part in a [`ReceiveLoop`].
pub(super) trait Protocol<S> {
    /// When to try again to write what [`flush`](Self::flush) left. `None`: when there is input.
    const RETRY_AFTER: Option<Duration>;

    /// Takes the next event from the input, and replies to it.
    fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Event<'a>>, ProtocolError>;

    /// Takes the next chunk or control frame from the input, and replies to it. `within` is the
    /// limit of a message, if it has one of its own.
    fn receive_chunk<'a>(
        &mut self,
        within: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<ChunkEvent<'a>>, ProtocolError>;

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

    /// Notes that the stream has ended, so that nothing can be sent afterwards. Returns why the
    /// connection has ended, if the peer has not said so.
    fn end_of_input(&mut self, out: &mut Outbox) -> Abnormal;
}

/// What it takes to receive: the stream, the protocol, and the clock.
pub(super) struct ReceiveLoop<S, P> {
    pub(super) transfer: Transfer<S>,
    pub(super) protocol: P,
    pub(super) chunks: Chunks,
    clock: Clock,
    /// How long one call that receives may take.
    pub(super) timeout: Option<Duration>,
    /// How the connection will have ended once the stream has: with the peer's Close frame, or with
    /// the rule that the peer broke.
    last_word: Option<Ending>,
    ending: Option<Ending>,
}

/// The result of receiving: a message, any event, or a chunk.
pub(super) trait Received: Sized {
    /// Takes the next one from the input, or a control frame, and replies to it.
    fn take<'a, S, P: Protocol<S>>(
        protocol: &mut P,
        within: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Taken<'a, Self>>, ProtocolError>;

    /// Returns `None` for control frames that are skipped.
    fn from_control(_: Event<'_>) -> Option<Self> {
        None
    }
}

/// What was taken from the input.
pub(super) enum Taken<'a, T> {
    Data(T),
    Control(Event<'a>),
}

impl Received for Message {
    #[inline]
    fn take<'a, S, P: Protocol<S>>(
        protocol: &mut P,
        _: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Taken<'a, Self>>, ProtocolError> {
        Ok(protocol.receive(input, out)?.map(|event| match event {
            Event::Text(text) => Taken::Data(text.into()),
            Event::Binary(bytes) => Taken::Data(bytes.into()),
            control => Taken::Control(control),
        }))
    }
}

impl Received for Event<'static> {
    #[inline]
    fn take<'a, S, P: Protocol<S>>(
        protocol: &mut P,
        _: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Taken<'a, Self>>, ProtocolError> {
        Ok(protocol.receive(input, out)?.map(|event| match event {
            Event::Text(_) | Event::Binary(_) => Taken::Data(event.into_owned()),
            control => Taken::Control(control),
        }))
    }

    fn from_control(control: Event<'_>) -> Option<Self> {
        Some(control.into_owned())
    }
}

impl Received for Chunk<'static> {
    fn take<'a, S, P: Protocol<S>>(
        protocol: &mut P,
        within: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Taken<'a, Self>>, ProtocolError> {
        Ok(protocol.receive_chunk(within, input, out)?.map(|event| match event {
            ChunkEvent::Chunk(chunk) => Taken::Data(chunk.into_owned()),
            ChunkEvent::Control(control) => Taken::Control(control),
        }))
    }
}

/// What ended a wait.
enum Wake {
    /// There is input.
    Input,
    /// The clock must be polled.
    Clock,
    /// The time of the call is over, or the stream is non-blocking and has nothing.
    TimedOut,
    /// The connection has ended.
    Ended,
}

impl<S, P> ReceiveLoop<S, P> {
    pub(super) fn new(transfer: Transfer<S>, protocol: P) -> Self {
        let keepalive = KeepaliveConfig::default().ping_after(None);
        Self {
            transfer,
            protocol,
            chunks: Chunks::default(),
            clock: Clock::new(keepalive),
            timeout: None,
            last_word: None,
            ending: None,
        }
    }

    /// Goes on with another protocol, made of the present one and the transfer.
    pub(super) fn with_protocol<Q>(
        self,
        change: impl FnOnce(P, &mut Transfer<S>) -> io::Result<Q>,
    ) -> io::Result<ReceiveLoop<S, Q>> {
        let Self { mut transfer, protocol, chunks, clock, timeout, last_word, ending } = self;
        let protocol = change(protocol, &mut transfer)?;
        Ok(ReceiveLoop { transfer, protocol, chunks, clock, timeout, last_word, ending })
    }

    pub(super) fn set_keepalive(&mut self, config: KeepaliveConfig) {
        self.clock = Clock::new(config);
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.clock.round_trip()
    }

    pub(super) fn closed(&self) -> Option<&Closed> {
        self.ending.as_ref().map(|ending| &ending.closed)
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
        loop {
            if let Some(ending) = &self.ending {
                return ending.result();
            }
            if let Some(event) = self.take_event() {
                return Ok(Some(event));
            }
            if has_waited && passed(deadline) {
                return Err(Error::TimedOut);
            }
            has_waited = true;
            match self.wait(deadline) {
                Wake::Input | Wake::Clock | Wake::Ended => {}
                Wake::TimedOut => return Err(Error::TimedOut),
            }
        }
    }

    /// Ends the connection and the stream. A reason that the peer gave takes precedence.
    pub(super) fn end(&mut self, otherwise: Ending) {
        self.protocol.end_of_input(self.transfer.out());
        let ending = self.last_word.take().unwrap_or(otherwise);
        self.ending.get_or_insert(ending);
        self.transfer.end_output();
        self.transfer.shutdown();
    }

    /// Takes the next message, event or chunk from the input that has been read.
    #[inline]
    fn take_event<T: Received>(&mut self) -> Option<T> {
        let mut has_replied = false;
        loop {
            let (mut input, out) = self.transfer.buffers();
            let within = self.chunks.message_bytes_max;
            let picked = match T::take(&mut self.protocol, within, &mut input, out) {
                Ok(None) => return None,
                Ok(Some(Taken::Data(data))) => Some(data),
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
                Err(error) => {
                    self.last_word = Some(Ending::protocol(error));
                    return None;
                }
            };
            if let Some(picked) = picked {
                if has_replied {
                    // The reply must not wait until the caller comes back. What cannot be written
                    // now is written then.
                    self.protocol.flush(&mut self.transfer, after(Some(Duration::ZERO)));
                }
                return Some(picked);
            }
        }
    }

    /// Polls the clock, writes, and reads once.
    fn wait(&mut self, deadline: Option<Instant>) -> Wake {
        let wake = match self.protocol.poll(&mut self.clock, self.transfer.out()) {
            Ok(wake) => wake,
            Err(error) => return self.end_abnormally(Abnormal::TimedOut(error)),
        };
        let flushed = self.protocol.flush(&mut self.transfer, earlier(deadline, wake));
        let wake = match (flushed, self.protocol.transport()) {
            (Flush::Later, _) => earlier(wake, after(P::RETRY_AFTER)),
            (Flush::Done, Transport::AwaitClose) if !self.transfer.can_wait() => {
                return self.end_abnormally(Abnormal::Terminated);
            }
            (Flush::Done, Transport::Close) => match self.transfer.linger() {
                Some(until) => earlier(wake, Some(until)),
                None => return self.end_abnormally(Abnormal::Terminated),
            },
            (Flush::Done, Transport::Keep | Transport::AwaitClose) => wake,
        };
        match self.transfer.fill(earlier(deadline, wake)) {
            Ok(Fill::Bytes) => {
                self.clock.heard();
                Wake::Input
            }
            Ok(Fill::Later) => match wake {
                Some(wake) if is_near(wake) && !passed(deadline) => {
                    thread::sleep(wake.saturating_duration_since(Instant::now()));
                    Wake::Clock
                }
                _ => Wake::TimedOut,
            },
            // The peer may still read: what is queued goes out first.
            Ok(Fill::End) if flushed == Flush::Later && P::RETRY_AFTER.is_none() => match wake {
                Some(wake) if is_near(wake) && !passed(deadline) => Wake::Clock,
                _ => Wake::TimedOut,
            },
            Ok(Fill::End) => {
                let why = self.protocol.end_of_input(self.transfer.out());
                self.end_abnormally(why)
            }
            Err(error) => {
                self.end(Ending::io(&error));
                Wake::Ended
            }
        }
    }

    fn end_abnormally(&mut self, why: Abnormal) -> Wake {
        self.end(Ending::abnormal(why));
        Wake::Ended
    }
}

/// Returns whether a wait that was to end at `wake` may have ended because of it.
fn is_near(wake: Instant) -> bool {
    Instant::now().checked_add(TICK).is_some_and(|soon| wake <= soon)
}
