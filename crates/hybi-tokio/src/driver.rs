//! [`Driver`]: a connection over a stream, as functions to be polled.
//!
//! All state is here and in the connection, never in a future. So any future of this crate can be
//! dropped at any point, and the next call goes on where it was.

use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hybi::adapter::{Ending, Error, IoFailure, Opening, leaving_code};
use hybi::connection::{Abnormal, Chunk, ChunkEvent, Closed, ReadyState, Transport};
use hybi::frame::CloseReason;
use hybi::keepalive::KeepaliveConfig;
use hybi::{Connection, Event, Inbox, Input, Outbox, Role, UsageError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;
use tokio::time::Instant;

use crate::clock::{Clock, Due};
use crate::outgoing::Outgoing;
use crate::parts::Parts;
use crate::spare;
use crate::wakers::{Half, Waiting, Wakers};

/// How many bytes may be unsent before a call that sends waits.
const BACKLOG_MAX: usize = 64 << 10;
/// How many unread bytes may be in memory while a call that sends waits and looks for signs of
/// life.
const AHEAD_MAX: usize = 16 << 10;
/// How many events the caller does not see, and reads without one, before others get their turn: a
/// peer can send millions of pings, or of parts of a message, to a stream that is always ready.
const SKIPPED_MAX: usize = 256;
/// How long to wait for the end of the stream after the last word of both sides.
const LINGER: Duration = Duration::from_secs(1);
/// How many bytes to read and drop meanwhile.
const LINGER_BYTES_MAX: usize = 16 << 20;
/// The kernel copies as fast whether it has more slices or fewer, but each call costs.
const SLICES_MAX: usize = 32;
/// How many bytes to copy for a stream that takes no more than one slice, so that no header leaves
/// alone: it would be a packet, a TLS record or an HTTP/2 frame of its own.
const GATHERED: usize = 2 << 10;

pub(crate) struct Driver<S, R> {
    io: S,
    connection: Connection<R>,
    out: Outbox,
    /// Bytes that have been read. Only a connection with unread ones has a buffer.
    inbox: Option<Box<Inbox>>,
    wakers: Wakers,
    clock: Clock,
    /// The stream may hold written bytes back.
    is_unflushed: bool,
    write_failure: Option<IoFailure>,
    /// Why the stream is of no more use, until what was read before has been received.
    failure: Option<Ending>,
    input_has_ended: bool,
    output_has_ended: bool,
    /// The connection ended with bytes unsent.
    has_dropped_output: bool,
    lingering: Option<Lingering>,
    linger: Duration,
    /// How the connection will have ended once the stream has: with the peer's Close frame, with
    /// the rule that the peer broke, or with the end of the input.
    last_word: Option<Ending>,
    ending: Option<Ending>,
    /// A part of a message has been received, and not its end.
    is_in_chunks: bool,
    /// Parts of that message have been dropped, so nobody wants the rest.
    is_dropping: bool,
    chunked_bytes_max: Option<u64>,
    backlog_max: usize,
}

/// The wait for the end of the stream.
#[derive(Clone, Copy)]
struct Lingering {
    /// `None`: as long as it takes.
    until: Option<Instant>,
    bytes_left: usize,
}

/// The result of taking an event from the input.
enum Taking<T> {
    Taken(T),
    /// There is no whole event in the input that has been read.
    NeedsInput,
    /// So many events were skipped that others must get their turn.
    IsOthersTurn,
}

impl<S, R: Role> Driver<S, R> {
    pub(crate) fn new(io: S, connection: Connection<R>, inbox: Inbox, out: Outbox) -> Self {
        let inbox = (!inbox.is_empty()).then(|| Box::new(inbox.in_place_up_to(0)));
        Self {
            io,
            connection,
            out,
            inbox,
            wakers: Wakers::new(),
            clock: Clock::new(KeepaliveConfig::default()),
            is_unflushed: false,
            write_failure: None,
            failure: None,
            input_has_ended: false,
            output_has_ended: false,
            has_dropped_output: false,
            lingering: None,
            linger: LINGER,
            last_word: None,
            ending: None,
            is_in_chunks: false,
            is_dropping: false,
            chunked_bytes_max: None,
            backlog_max: BACKLOG_MAX,
        }
    }

    pub(crate) const fn io(&self) -> &S {
        &self.io
    }

    #[cfg(feature = "deflate")]
    pub(crate) const fn connection(&self) -> &Connection<R> {
        &self.connection
    }

    #[cfg(feature = "deflate")]
    pub(crate) const fn connection_mut(&mut self) -> &mut Connection<R> {
        &mut self.connection
    }

    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.ending.as_ref().map(Ending::closed)
    }

    pub(crate) fn unsent_bytes(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.clock.round_trip()
    }

    pub(crate) fn message_bytes_left(&self) -> Option<u64> {
        self.connection.message_bytes_left()
    }

    pub(crate) fn ready_state(&self) -> ReadyState {
        match self.connection.ready_state() {
            _ if self.ending.is_some() => ReadyState::Closed,
            ReadyState::Open if self.can_write() => ReadyState::Open,
            _ => ReadyState::Closing,
        }
    }

    pub(crate) fn set_keepalive(&mut self, config: KeepaliveConfig) {
        self.clock = Clock::new(config);
        self.wakers.wake_all(); // for its timer
    }

    pub(crate) fn set_linger(&mut self, time: Duration) {
        self.linger = time;
    }

    pub(crate) fn set_chunked_bytes_max(&mut self, bytes: Option<u64>) {
        self.chunked_bytes_max = bytes;
    }

    pub(crate) fn set_backlog_max(&mut self, bytes: usize) {
        self.backlog_max = bytes;
        self.wakers.wake_all();
    }

    pub(crate) fn into_parts(mut self, opening: Opening, is_terminated: bool) -> Parts<S, R> {
        let closed = self.reason().map(Ending::closed).filter(|closed| is_last_word(closed));
        let closed = closed.cloned();
        if !self.can_write() {
            self.connection.writer().end_of_output();
        }
        Parts {
            stream: self.io,
            connection: self.connection,
            inbox: self.inbox.map_or_else(Inbox::new, |inbox| *inbox),
            out: self.out,
            closed,
            opening,
            is_in_chunks: self.is_in_chunks,
            output_has_ended: self.output_has_ended,
            is_terminated,
        }
    }

    pub(crate) fn from_parts(parts: Parts<S, R>) -> (Self, Opening, bool) {
        let Parts { stream, connection, inbox, out, closed, .. } = parts;
        let mut driver = Self::new(stream, connection, inbox, out);
        driver.is_unflushed = true; // perhaps
        driver.is_in_chunks = parts.is_in_chunks;
        driver.output_has_ended = parts.output_has_ended;
        driver.last_word = closed.map(Ending::of_last_word);
        (driver, parts.opening, parts.is_terminated)
    }

    /// Prepares for two tasks, and a lock.
    pub(crate) fn split(&mut self) {
        self.wakers.split();
        self.wakers.set_locked(true);
    }

    /// There is no lock any more.
    pub(crate) fn unite(&mut self) {
        self.wakers.set_locked(false);
    }

    /// Returns the wakers of those who are to be woken once the connection is not locked.
    #[inline]
    pub(crate) fn take_due(&mut self) -> Waiting {
        self.wakers.take_due()
    }

    /// Returns the wakers that are to be dropped then.
    #[inline]
    pub(crate) fn take_old(&mut self) -> Waiting {
        self.wakers.take_old()
    }

    /// Ends the connection. A reason that the peer gave takes precedence, and then the end of the
    /// input.
    pub(crate) fn end(&mut self, otherwise: Ending) {
        self.drop_output();
        // Nothing can be sent afterwards.
        let otherwise = match self.connection.end_of_input(&mut self.out) {
            Err(why) if self.input_has_ended => Ending::abnormal(why.into()),
            _ => otherwise,
        };
        let ending = self.ending.take().or_else(|| self.last_word.take()).unwrap_or(otherwise);
        self.ending = Some(ending);
        self.out = Outbox::new();
        self.inbox = None;
        self.wakers.wake_all();
    }

    /// Ends the connection because the stream is of no more use, but only after what has been read
    /// was received: there may be a reason in it.
    fn fail(&mut self, why: Ending) {
        if self.inbox.is_none() {
            return self.end(why);
        }
        self.failure.get_or_insert(why);
        self.drop_output();
        self.wakers.wake_all();
    }

    fn drop_output(&mut self) {
        self.has_dropped_output |= !self.out.is_empty();
        self.out.clear();
    }

    /// Returns whether bytes were dropped that had not been written, and forgets it.
    pub(crate) fn take_has_dropped_output(&mut self) -> bool {
        mem::take(&mut self.has_dropped_output)
    }

    /// Returns how the connection has ended, or will end, as far as that is known.
    fn reason(&self) -> Option<&Ending> {
        self.ending.as_ref().or(self.last_word.as_ref()).or(self.failure.as_ref())
    }

    const fn can_write(&self) -> bool {
        self.write_failure.is_none() && self.failure.is_none()
    }

    /// Returns the error of a call that sends, if nothing can be sent any more.
    fn check_open(&mut self) -> Result<(), Error> {
        if self.connection.writer().ready_state() != ReadyState::Open || self.ending.is_some() {
            return Err(self.explain(UsageError::Closed));
        }
        self.check_stream()
    }

    fn check_stream(&self) -> Result<(), Error> {
        if self.can_write() {
            return Ok(());
        }
        Err(match (self.reason(), &self.write_failure) {
            (None, Some(failure)) => failure.to_error().into(),
            (Some(ending), _) => ending.error_of_sending(),
            (None, None) => UsageError::Closed.into(), // it can write then
        })
    }

    /// Returns the reason why nothing can be sent instead of the error of sending, if there is one.
    fn explain(&self, error: UsageError) -> Error {
        match self.reason() {
            Some(ending) if error == UsageError::Closed => ending.error_of_sending(),
            _ => error.into(),
        }
    }

    /// Encodes something, to be written by a later call.
    pub(crate) fn feed(
        &mut self,
        encode: impl FnOnce(&mut Connection<R>, &mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        self.check_stream()?;
        spare::lend(&mut self.out);
        encode(&mut self.connection, &mut self.out).map_err(|error| self.explain(error))
    }

    /// Takes the next event that `pick` makes something of, and skips as many as `may_skip` says at
    /// most. Returns also whether there was a reply.
    fn take_event<T>(
        &mut self,
        pick: &mut impl FnMut(Event<'_>, &mut Outgoing<'_, R>) -> Option<T>,
        may_skip: &mut usize,
    ) -> (Taking<T>, bool) {
        let mut has_replied = false;
        let Self { connection, out, inbox, clock, write_failure, .. } = self;
        let mut input = input(inbox);
        loop {
            let is_after_our_close = connection.writer().ready_state() != ReadyState::Open;
            match connection.receive(&mut input, out) {
                Ok(None) => return (Taking::NeedsInput, has_replied),
                Ok(Some(event)) => {
                    if clock.see(&event) {
                        continue;
                    }
                    has_replied |= matches!(event, Event::Ping(_) | Event::Close(_));
                    if let Event::Close(reason) = &event {
                        let reason = reason.clone().map(CloseReason::into_owned);
                        self.last_word = Some(Closed::Clean(reason).into());
                        self.wakers.wake(Half::Writer);
                    }
                    let mut outgoing = Outgoing::new(connection, out, write_failure.as_ref());
                    if let Some(picked) = pick(event, &mut outgoing) {
                        return (Taking::Taken(picked), has_replied);
                    }
                    *may_skip = may_skip.saturating_sub(1);
                    if *may_skip == 0 {
                        return (Taking::IsOthersTurn, has_replied);
                    }
                }
                Err(error) => {
                    self.last_word = Some(Ending::protocol(error, is_after_our_close));
                    self.wakers.wake(Half::Writer);
                }
            }
        }
    }

    /// Takes the next part of a message, likewise.
    fn take_chunk(&mut self, may_skip: &mut usize) -> (Taking<Chunk<'static>>, bool) {
        let mut has_replied = false;
        let Self { connection, out, inbox, clock, .. } = self;
        let mut input = input(inbox);
        loop {
            let is_after_our_close = connection.writer().ready_state() != ReadyState::Open;
            let event = match self.chunked_bytes_max {
                Some(max) => connection.receive_chunk_within(max, &mut input, out),
                None => connection.receive_chunk(&mut input, out),
            };
            match event {
                Ok(Some(ChunkEvent::Chunk(chunk))) => {
                    self.is_in_chunks = !chunk.last;
                    self.is_dropping &= self.is_in_chunks;
                    return (Taking::Taken(chunk.into_owned()), has_replied);
                }
                Ok(Some(ChunkEvent::Control(event))) => {
                    has_replied |= matches!(event, Event::Ping(_) | Event::Close(_));
                    clock.see(&event);
                    if let Event::Close(reason) = event {
                        let reason = reason.map(CloseReason::into_owned);
                        self.last_word = Some(Closed::Clean(reason).into());
                        self.wakers.wake(Half::Writer);
                    }
                    *may_skip = may_skip.saturating_sub(1);
                    if *may_skip == 0 {
                        return (Taking::IsOthersTurn, has_replied);
                    }
                }
                Ok(_) => return (Taking::NeedsInput, has_replied),
                Err(error) => {
                    self.last_word = Some(Ending::protocol(error, is_after_our_close));
                    self.wakers.wake(Half::Writer);
                }
            }
        }
    }

    /// Gives the read buffer back, if nothing in it is unread.
    fn rest(&mut self) {
        self.inbox = self.inbox.take().and_then(spare::give_back);
    }
}

/// Returns whether the peer has said so, rather than the stream or this side.
const fn is_last_word(closed: &Closed) -> bool {
    matches!(closed, Closed::Clean(_) | Closed::Abnormal(Abnormal::Protocol(_)))
}

#[inline]
pub(crate) fn input(inbox: &mut Option<Box<Inbox>>) -> Input<'_> {
    match inbox {
        Some(inbox) => inbox.input(),
        None => Input::new(&mut []),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Role> Driver<S, R> {
    /// Receives the next event that `pick` makes something of.
    pub(crate) fn poll_event<T>(
        &mut self,
        half: Half,
        cx: &mut Context<'_>,
        pick: &mut impl FnMut(Event<'_>, &mut Outgoing<'_, R>) -> Option<T>,
    ) -> Poll<Result<Option<T>, Error>> {
        while self.is_in_chunks && self.ending.is_none() {
            if !self.is_dropping {
                return Poll::Ready(Err(UsageError::MessageInChunks.into()));
            }
            let _ = ready!(self.poll_chunk(half, cx));
        }
        self.poll_take(half, cx, |driver, may_skip| driver.take_event(pick, may_skip))
    }

    /// Receives the next part of a message.
    pub(crate) fn poll_chunk(
        &mut self,
        half: Half,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Chunk<'static>>, Error>> {
        self.poll_take(half, cx, Self::take_chunk)
    }

    fn poll_take<T>(
        &mut self,
        half: Half,
        cx: &mut Context<'_>,
        take: impl FnMut(&mut Self, &mut usize) -> (Taking<T>, bool),
    ) -> Poll<Result<Option<T>, Error>> {
        let taken = ready!(self.poll_taken(half, cx, take));
        self.wakers.unregister(half);
        Poll::Ready(taken)
    }

    fn poll_taken<T>(
        &mut self,
        half: Half,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Self, &mut usize) -> (Taking<T>, bool),
    ) -> Poll<Result<Option<T>, Error>> {
        // A read may hold many messages. Other tasks must get their turn between them.
        let budget = ready!(poll_proceed(cx));
        let mut may_skip = SKIPPED_MAX;
        loop {
            if let Some(ending) = &self.ending {
                budget.made_progress();
                return Poll::Ready(ending.result());
            }
            let (taking, has_replied) = take(self, &mut may_skip);
            if self.inbox.as_ref().is_some_and(|inbox| inbox.is_empty()) {
                self.rest();
            }
            let taken = match taking {
                Taking::Taken(taken) => Some(taken),
                Taking::IsOthersTurn => None,
                Taking::NeedsInput => {
                    ready!(self.poll_transfer(half, cx));
                    may_skip = may_skip.saturating_sub(1);
                    if may_skip > 0 {
                        continue;
                    }
                    None
                }
            };
            if has_replied {
                // The reply must not wait until the caller comes back.
                let _ = self.poll_write(half, cx);
            }
            budget.made_progress();
            if taken.is_none() {
                // The budget of tokio would not do: other executors have none.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Ok(taken));
        }
    }

    /// Writes, reads once, and looks at the clock. Ready if something has happened.
    fn poll_transfer(&mut self, half: Half, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(why) = self.failure.take() {
            self.end(why);
            return Poll::Ready(());
        }
        let budget = ready!(poll_proceed(cx));
        let is_written = self.poll_write(half, cx).is_ready();
        if self.input_has_ended {
            return self.poll_end(is_written, half, cx);
        }
        if is_written && self.has_finished(half, cx) {
            return Poll::Ready(());
        }
        match self.poll_read(usize::MAX, half, cx) {
            Poll::Ready(n) => {
                if n > 0 {
                    budget.made_progress();
                }
                if self.connection.ready_state() != ReadyState::Open {
                    let _ = self.poll_clock(half, cx); // closing takes only so long
                }
                Poll::Ready(())
            }
            Poll::Pending => {
                spare::take_back(&mut self.out);
                self.poll_clock(half, cx)
            }
        }
    }

    /// Reads once, at most `max` bytes. Returns how many, and 0 also if the connection has ended.
    fn poll_read(&mut self, max: usize, half: Half, cx: &Context<'_>) -> Poll<usize> {
        let mut inbox = self.inbox.take().unwrap_or_else(spare::take);
        let room = inbox.room();
        let len = room.len().min(max);
        let mut room = ReadBuf::new(room.get_mut(..len).unwrap_or_default());
        let mut cx = self.wakers.register(half, cx);
        let read = Pin::new(&mut self.io).poll_read(&mut cx, &mut room);
        let n = room.filled().len();
        inbox.filled(n);
        self.inbox = spare::give_back(inbox);
        match ready!(read) {
            Ok(()) => {
                if n == 0 {
                    self.input_has_ended = true;
                } else {
                    self.clock.heard();
                    spare::lend(&mut self.out);
                }
                if let Some(lingering) = &mut self.lingering {
                    lingering.bytes_left = lingering.bytes_left.saturating_sub(n);
                }
                Poll::Ready(n)
            }
            Err(error) => {
                self.fail(Ending::io(&error));
                Poll::Ready(0)
            }
        }
    }

    /// Writes until nothing is unsent, or nothing can be written any more.
    fn poll_write(&mut self, half: Half, cx: &Context<'_>) -> Poll<()> {
        if !self.can_write() || self.output_has_ended {
            self.out.clear();
            return Poll::Ready(());
        }
        if self.out.is_empty() && !self.is_unflushed {
            return Poll::Ready(());
        }
        let mut cx = self.wakers.register(half, cx);
        let written = loop {
            if self.out.is_empty() {
                // A pong that was held back.
                self.connection.writer().flush_replies(&mut self.out);
                if self.out.is_empty() {
                    let flushed = Pin::new(&mut self.io).poll_flush(&mut cx);
                    self.is_unflushed = flushed.is_pending();
                    break ready!(flushed);
                }
            }
            match ready!(poll_write_some(&mut self.io, &mut self.out, &mut cx)) {
                Ok(()) => self.is_unflushed = true,
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = written {
            self.write_failure = Some(IoFailure::new(&error));
            self.drop_output(); // nothing may follow half a frame
            self.wakers.wake_all(); // the other half waits to write, too
        }
        if half == Half::Writer {
            // Whoever only sends may never know that it is idle.
            spare::take_back(&mut self.out);
        }
        Poll::Ready(())
    }

    /// Ends the output once both sides have said their last word and it has been written. Returns
    /// whether the connection has ended.
    fn has_finished(&mut self, half: Half, cx: &Context<'_>) -> bool {
        let transport = self.connection.transport();
        if transport == Transport::Keep {
            return false;
        }
        let linger = self.linger;
        self.lingering.get_or_insert_with(|| Lingering {
            until: Instant::now().checked_add(linger),
            bytes_left: LINGER_BYTES_MAX,
        });
        let is_over = self.has_lingered();
        if is_over || transport == Transport::Close {
            let _ = self.poll_shutdown(half, cx);
        }
        if is_over {
            self.end(Ending::abnormal(Abnormal::Terminated));
        }
        is_over
    }

    /// Returns whether the end of the stream has been waited for long enough.
    fn has_lingered(&self) -> bool {
        self.lingering.is_some_and(|lingering| {
            lingering.bytes_left == 0
                || lingering.until.is_some_and(|until| until <= Instant::now())
        })
    }

    fn poll_shutdown(&mut self, half: Half, cx: &Context<'_>) -> Poll<()> {
        if !self.output_has_ended {
            let mut cx = self.wakers.register(half, cx);
            // A failure makes no difference: both sides have said everything.
            let _ = ready!(Pin::new(&mut self.io).poll_shutdown(&mut cx));
            self.output_has_ended = true;
        }
        Poll::Ready(())
    }

    /// Ends the connection after the end of the input, once everything has been written: the peer
    /// may still read.
    fn poll_end(&mut self, is_written: bool, half: Half, cx: &mut Context<'_>) -> Poll<()> {
        let why = self.connection.end_of_input(&mut self.out);
        if let Err(why) = why
            && self.last_word.is_none()
        {
            self.last_word = Some(Ending::abnormal(why.into()));
            self.wakers.wake(Half::Writer);
            return Poll::Ready(()); // write what it wrote
        }
        let is_shut_down = is_written && self.poll_shutdown(half, cx).is_ready();
        if !is_shut_down && !self.has_lingered() {
            return self.poll_clock(half, cx);
        }
        self.end(Ending::abnormal(Abnormal::Terminated));
        Poll::Ready(())
    }

    /// Looks at the clock, when everything that has arrived has been read. Ready if there is
    /// something to do.
    fn poll_clock(&mut self, half: Half, cx: &Context<'_>) -> Poll<()> {
        self.clock.wake_at(self.lingering.and_then(|lingering| lingering.until));
        let mut cx = self.wakers.register(half, cx);
        let Self { connection, out, input_has_ended, .. } = self;
        match self.clock.poll(connection, out, *input_has_ended, &mut cx) {
            Ok(Due::Round) => Poll::Ready(()),
            Ok(Due::Wait) => Poll::Pending,
            Err(error) => {
                self.fail(Ending::abnormal(error.into()));
                Poll::Ready(())
            }
        }
    }

    /// Returns whether less is unsent than the backlog may have.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.out.backlog() <= self.backlog_max
    }

    /// Waits until less is unsent than the backlog may have.
    pub(crate) fn poll_room(
        &mut self,
        half: Half,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        loop {
            self.check_open()?;
            if self.has_room() {
                self.wakers.unregister(half);
                return Poll::Ready(Ok(()));
            }
            let _ = self.poll_write(half, cx);
            if !self.has_room() {
                ready!(self.poll_watch(half, cx));
            }
        }
    }

    /// Writes everything that is unsent.
    pub(crate) fn poll_flush(
        &mut self,
        half: Half,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        loop {
            if let Some(ending) = &self.ending {
                let error = ending.error_of_sending();
                return Poll::Ready(if self.take_has_dropped_output() {
                    Err(error)
                } else {
                    Ok(())
                });
            }
            if self.poll_write(half, cx).is_ready() {
                self.wakers.unregister(half);
                return Poll::Ready(self.check_stream());
            }
            ready!(self.poll_watch(half, cx));
        }
    }

    /// Writes everything that is unsent, or as much as the peer takes before it must be read from.
    /// For a program that receives afterwards, which writes the rest: if both sides waited until
    /// all is written, neither would receive.
    pub(crate) fn poll_flush_before_receiving(
        &mut self,
        half: Half,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let flushed = self.poll_flush(half, cx);
        if flushed.is_pending() && self.has_read_ahead() {
            self.wakers.unregister(half);
            return Poll::Ready(Ok(()));
        }
        flushed
    }

    /// Returns whether as much is unread as may be while the program is not receiving.
    fn has_read_ahead(&self) -> bool {
        self.may_read_ahead() == 0
    }

    /// Returns how many more bytes may be read meanwhile.
    fn may_read_ahead(&self) -> usize {
        AHEAD_MAX.saturating_sub(self.inbox.as_ref().map_or(0, |inbox| inbox.len()))
    }

    /// Reads once while the program is not receiving. The bytes may stay for long, so they get
    /// memory of their own: the thread's buffer may have grown for another connection.
    fn poll_read_ahead(&mut self, half: Half, cx: &Context<'_>) -> Poll<usize> {
        let is_first = self.inbox.is_none();
        let n = ready!(self.poll_read(self.may_read_ahead(), half, cx));
        if is_first && let Some(mut inbox) = self.inbox.take() {
            self.inbox = Some(spare::copy(&inbox));
            inbox.clear();
            spare::give_back(inbox);
        }
        Poll::Ready(n)
    }

    /// Looks at the clock while a call waits to write. Reads ahead, because a pong or another sign
    /// of life may have arrived; but little, because the program is not receiving. A peer that has
    /// more to say must take bytes instead. Ready if something has happened.
    fn poll_watch(&mut self, half: Half, cx: &mut Context<'_>) -> Poll<()> {
        if !self.input_has_ended {
            if !self.has_read_ahead() {
                if self.poll_read_ahead(half, cx).is_ready() {
                    self.wakers.wake(Half::Reader);
                    return Poll::Ready(());
                }
            } else if self.connection.ready_state() == ReadyState::Open {
                self.clock.note_unread(self.out.progress().taken);
            }
        }
        self.poll_clock(half, cx)
    }

    /// Drops what arrives until the connection has ended.
    pub(crate) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.ending.is_none() {
            let _ = ready!(self.poll_chunk(Half::Reader, cx));
            self.is_dropping = self.is_in_chunks;
        }
        Poll::Ready(())
    }
}

impl<S, R: Role> Driver<S, R> {
    /// Starts the closing handshake, unless either side has done so.
    pub(crate) fn start_close(
        &mut self,
        close: impl FnOnce(&mut Connection<R>, &mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        match close(&mut self.connection, &mut self.out) {
            Ok(()) => {
                self.wakers.wake_all(); // for the deadline
                Ok(())
            }
            Err(UsageError::Closed) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Starts the closing handshake for no reason of the peer's.
    pub(crate) fn leave(&mut self) {
        let _ = self.start_close(|connection, out| connection.close(leaving_code::<R>(), "", out));
    }
}

/// Writes once, and marks what was written as sent.
pub(crate) fn poll_write_some<S: AsyncWrite + Unpin>(
    io: &mut S,
    out: &mut Outbox,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let io = Pin::new(io);
    let unsent = out.len();
    let front = out.front();
    let written = if front.len() == unsent {
        if front.is_empty() {
            return Poll::Ready(Ok(()));
        }
        io.poll_write(cx, front)
    } else {
        let mut slices = [&[][..]; SLICES_MAX];
        let filled = out.unsent(&mut slices);
        match slices.get(..filled).unwrap_or_default() {
            _ if io.is_write_vectored() => {
                let slices = slices.map(IoSlice::new);
                io.poll_write_vectored(cx, slices.get(..filled).unwrap_or_default())
            }
            [front, ..] if front.len() >= GATHERED => io.poll_write(cx, front),
            slices => {
                let mut gathered = [0; GATHERED];
                let n = gather(slices, &mut gathered);
                io.poll_write(cx, gathered.get(..n).unwrap_or_default())
            }
        }
    };
    match ready!(written) {
        Ok(0) => {
            let kind = io::ErrorKind::WriteZero;
            Poll::Ready(Err(io::Error::new(kind, "the stream accepts no more bytes")))
        }
        Ok(n) => {
            out.sent(n);
            Poll::Ready(Ok(()))
        }
        Err(error) => Poll::Ready(Err(error)),
    }
}

/// Copies as much of `slices` as there is room for. Returns how many bytes.
fn gather(slices: &[&[u8]], mut room: &mut [u8]) -> usize {
    let before = room.len();
    for slice in slices {
        let n = slice.len().min(room.len());
        let Some(copied) = room.split_off_mut(..n) else { break };
        copied.copy_from_slice(slice.get(..n).unwrap_or_default());
    }
    before.saturating_sub(room.len())
}
