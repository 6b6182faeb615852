//! A stream with its two buffers: the only place in this module that reads, writes and waits.

use std::io;
use std::mem;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::stream::Stream;
use super::timeouts::{Direction, Timeouts};
use crate::adapter::{Error, IoFailure};
use crate::buffers::{Inbox, Outbox, Progress};
use crate::error::UsageError;
use crate::input::Input;

/// How much [`Transfer::feed`] gathers before it writes.
const FEED_BYTES_MAX: usize = 64 << 10;
/// How much memory an idle connection may keep for its output: enough for short messages.
const OUT_BYTES_KEPT: usize = 512;
/// How much is read while nothing is in progress, into the stack: a page, or what an [`Inbox`]
/// reads if the last such read has filled the page. Output is written before each read, so bytes
/// that arrive together should be read together.
const FEW: usize = 4 << 10;
const MANY: usize = 17 << 10;
/// How long to wait for the peer to end the stream after the last thing that was said, and how much
/// to read and drop meanwhile: what the peer was sending when we closed.
pub(super) const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 4 << 20;
/// How long to wait before another write, if a stream takes nothing.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(50);
/// A write that takes as long has waited for room in the stream. Copying bytes takes far less.
const WAITED: Duration = Duration::from_millis(10);
/// How often a call that is interrupted is tried again, although its time is over. A signal now and
/// then must not hide what has arrived.
const INTERRUPTIONS_MAX: u32 = 16;
/// The most bytes that one write takes if another thread wants to know how far we are.
const PIECE: usize = 64 << 10;
/// As good as never, and no more than systems take for a time-out.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

pub(super) struct Transfer<S> {
    stream: S,
    inbox: Inbox,
    /// Whether nothing is in progress before the next read.
    is_idle: bool,
    /// Whether the last such read has filled a page.
    reads_many: bool,
    out: Outbox,
    /// Where to tell other threads how far the output has got.
    progress: Option<Arc<SharedProgress>>,
    /// Whether the stream took nothing when it was tried last.
    is_full: bool,
    /// Whether the peer has made room for something since that was asked for.
    has_made_room: bool,
    /// Whether the stream may hold back bytes that it has taken.
    unflushed: bool,
    /// Why nothing can be written any more.
    write_failure: Option<IoFailure>,
    /// How long one call that sends may take.
    write_within: Option<Duration>,
    timeouts: Timeouts,
    /// How the input has ended.
    input_end: Option<InputEnd>,
    lingering: Option<Lingering>,
}

/// How far an output has got that another thread writes.
#[derive(Default)]
pub(super) struct SharedProgress(Mutex<Shared>);

#[derive(Default)]
struct Shared {
    progress: Progress,
    has_made_room: bool,
    write_within: Option<Duration>,
}

impl SharedProgress {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self) -> Progress {
        self.lock().progress
    }

    /// Returns whether the peer has made room for something since the last call.
    pub(super) fn take_made_room(&self) -> bool {
        mem::take(&mut self.lock().has_made_room)
    }

    /// Returns how long one call that sends may take before it leaves the rest.
    pub(super) fn write_within(&self) -> Option<Duration> {
        self.lock().write_within
    }
}

/// The end of the input, for every later read.
enum InputEnd {
    Ended,
    Failed(IoFailure),
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// The inbox holds new bytes.
    Bytes,
    /// The peer has ended the stream.
    End,
    /// Nothing came in time, or the stream is non-blocking and has nothing.
    Later,
}

/// The result of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flush {
    /// Nothing is left to be written.
    Done,
    /// The stream took something, but not everything in time.
    Partly,
    /// The stream took nothing in time.
    Stuck,
    /// Another thread is writing.
    Elsewhere,
}

impl Flush {
    /// Returns how long to wait before the next try to write what is left.
    pub(super) const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Done => None,
            Self::Partly => Some(Duration::ZERO),
            Self::Stuck | Self::Elsewhere => Some(RETRY_AFTER),
        }
    }
}

/// The time and bytes left for reading what the peer still sends.
#[derive(Clone, Copy)]
struct Lingering {
    until: Instant,
    bytes_left: usize,
}

impl<S: Stream> Transfer<S> {
    pub(super) fn new(mut stream: S, inbox: Inbox) -> Self {
        // Messages are written whole; waiting for more would only delay them. An error means that
        // the stream has ended, which the next call on it tells.
        let _ = stream.set_nodelay();
        Self::with_handle(stream, inbox)
    }

    fn with_handle(stream: S, inbox: Inbox) -> Self {
        Self {
            stream,
            // Every message is handed out as an owned one. A message that stays in the inbox until
            // it is complete would have to be copied out of it.
            inbox: inbox.in_place_up_to(0),
            is_idle: false,
            reads_many: false,
            out: Outbox::new(),
            progress: None,
            is_full: false,
            has_made_room: false,
            unflushed: false,
            write_failure: None,
            write_within: None,
            timeouts: Timeouts::default(),
            input_end: None,
            lingering: None,
        }
    }

    /// Goes on with the same stream in another type. Nothing of the connection has begun.
    #[cfg(feature = "rand")]
    pub(super) fn map_stream<T: Stream>(self, change: impl FnOnce(S) -> T) -> Transfer<T> {
        let Self { stream, inbox, out, timeouts, .. } = self;
        Transfer { out, timeouts, ..Transfer::with_handle(change(stream), inbox) }
    }

    /// Makes a transfer for the output, over another handle to the same stream. It tells `progress`
    /// how far it has got.
    pub(super) fn split_output(&mut self, handle: S, progress: Arc<SharedProgress>) -> Self {
        progress.lock().write_within = self.write_within;
        Self {
            out: mem::take(&mut self.out),
            progress: Some(progress),
            is_full: self.is_full,
            unflushed: mem::take(&mut self.unflushed),
            write_failure: self.write_failure.take(),
            write_within: self.write_within,
            ..Self::with_handle(handle, Inbox::new())
        }
    }
}

impl<S: Stream> Transfer<S> {
    /// Makes a transfer that has output already.
    pub(super) fn with_output(stream: S, inbox: Inbox, out: Outbox) -> Self {
        Self { out, unflushed: true, ..Self::new(stream, inbox) }
    }

    /// Returns the stream, without our time-outs: they were not for its next owner. Unread and
    /// unsent bytes come with it.
    pub(super) fn into_parts(mut self) -> (S, Inbox, Outbox) {
        self.timeouts.remove(&mut self.stream);
        (self.stream, self.inbox, self.out)
    }

    /// Returns the stream alone, likewise.
    pub(super) fn into_stream(self) -> S {
        self.into_parts().0
    }
}

impl<S> Transfer<S> {
    /// Lends out the unread input, and the output.
    pub(super) fn buffers(&mut self) -> (Input<'_>, &mut Outbox) {
        (self.inbox.input(), &mut self.out)
    }

    pub(super) fn out(&mut self) -> &mut Outbox {
        &mut self.out
    }

    pub(super) fn unsent(&self) -> usize {
        self.out.len()
    }

    /// Returns whether bytes are left to be written or flushed.
    pub(super) fn is_unsent(&self) -> bool {
        self.unsent() > 0 || self.unflushed
    }

    /// Returns whether the peer has ended its direction, or reading has failed.
    pub(super) const fn has_input_ended(&self) -> bool {
        self.input_end.is_some()
    }

    /// Returns whether a write has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.write_failure.is_some()
    }

    /// Drops the output and forgets why a write has failed: nothing is written any more.
    pub(super) fn end_output(&mut self) {
        self.discard_out();
        self.write_failure = None;
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    fn discard_out(&mut self) {
        self.out = Outbox::new();
        self.unflushed = false;
    }
}

/// Receiving.
impl<S: Stream> Transfer<S> {
    /// Reads once and waits until `deadline` at most. Once that has passed, bytes that have arrived
    /// are still read. After the end of the input, returns that again.
    pub(super) fn fill(&mut self, deadline: Option<Instant>) -> io::Result<Fill> {
        match &self.input_end {
            None => {}
            Some(InputEnd::Ended) => return Ok(Fill::End),
            Some(InputEnd::Failed(failure)) => return Err(failure.to_error()),
        }
        let mut interruptions = Interruptions::default();
        loop {
            self.timeouts.bound(&mut self.stream, Direction::Read, deadline)?;
            match self.read_once() {
                Ok(0) => {
                    self.input_end = Some(InputEnd::Ended);
                    return Ok(Fill::End);
                }
                Ok(n) => {
                    if let Some(lingering) = &mut self.lingering {
                        lingering.bytes_left = lingering.bytes_left.saturating_sub(n);
                    }
                    return Ok(Fill::Bytes);
                }
                Err(error) if interruptions.may_retry(&error, deadline) => {}
                Err(error) if is_later(&error) => return Ok(Fill::Later),
                Err(error) => {
                    self.input_end = Some(InputEnd::Failed(IoFailure::new(&error)));
                    return Err(error);
                }
            }
        }
    }

    /// Notes that nothing is in progress. If no input is unread, its memory is freed, and the next
    /// read, which may take for ever, needs none.
    pub(super) fn rest(&mut self) {
        if self.inbox.is_empty() {
            self.inbox.shrink();
            self.is_idle = true;
        }
    }

    fn read_once(&mut self) -> io::Result<usize> {
        let n = match (self.is_idle, self.reads_many) {
            (false, _) => {
                let n = self.stream.read(self.inbox.room())?;
                self.inbox.filled(n);
                return Ok(n);
            }
            (true, false) => self.read_first::<FEW>()?,
            (true, true) => self.read_first::<MANY>()?,
        };
        self.is_idle = false;
        self.reads_many = n >= FEW;
        Ok(n)
    }

    #[inline(never)] // its buffer is on the stack only while it reads
    fn read_first<const N: usize>(&mut self) -> io::Result<usize> {
        let mut buffer = [0; N];
        let n = self.stream.read(&mut buffer)?;
        let bytes = buffer.get(..n).unwrap_or(&buffer);
        self.inbox.append(bytes);
        Ok(bytes.len())
    }

    /// Reads what has arrived. Reads nothing if the stream cannot be kept from waiting.
    pub(super) fn fill_at_once(&mut self) -> io::Result<Fill> {
        let at_once = now();
        if let Err(error) = self.timeouts.require_read(&mut self.stream, at_once)
            && error.kind() == io::ErrorKind::Unsupported
        {
            return Ok(Fill::Later);
        }
        self.fill(at_once)
    }

    /// Lets the caller read until the peer ends its direction, for `within` at most, and ends ours
    /// before if `ends_output`. If the socket were closed with bytes unread, TCP would send a
    /// reset, and that can make the peer's system drop a Close frame that its program has not read
    /// yet (RFC 6455 §7.1.1).
    ///
    /// Returns how long to go on, `None` once that is done. Drops the unread input.
    pub(super) fn linger(&mut self, ends_output: bool, within: Duration) -> Option<Instant> {
        self.inbox.clear();
        let lingering = match self.lingering {
            Some(lingering) => lingering,
            None => {
                let until = after(Some(within))?;
                // A stream that cannot be ended or waited for is left to its owner.
                if ends_output {
                    self.shutdown(Shutdown::Write, Some(until)).ok()?;
                }
                if !self.can_wait() {
                    return None;
                }
                *self.lingering.insert(Lingering { until, bytes_left: LINGER_BYTES_MAX })
            }
        };
        let goes_on = lingering.bytes_left > 0 && !passed(Some(lingering.until));
        goes_on.then_some(lingering.until)
    }

    /// Sets the stream's read time-out. Fails if it has none.
    pub(super) fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.require_read(&mut self.stream, after(timeout))
    }

    /// Returns whether a wait for input can be bounded.
    pub(super) fn can_wait(&mut self) -> bool {
        self.timeouts.bounds_reads() || self.set_read_timeout(Some(LINGER)).is_ok()
    }
}

/// Sending.
impl<S: Stream> Transfer<S> {
    /// Encodes something, and writes as much as the stream takes within the write time-out.
    pub(super) fn send(
        &mut self,
        encode: impl FnOnce(&mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        self.check_writable()?;
        encode(&mut self.out)?;
        self.flush(self.write_deadline())?;
        Ok(())
    }

    /// Encodes something, and writes only once much has been gathered.
    pub(super) fn feed(
        &mut self,
        encode: impl FnOnce(&mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        self.check_writable()?;
        encode(&mut self.out)?;
        if self.is_fed_enough() {
            self.flush(self.write_deadline())?;
        }
        Ok(())
    }

    /// Returns whether so much waits that [`feed`](Self::feed) writes.
    pub(super) fn is_fed_enough(&self) -> bool {
        self.unsent() >= FEED_BYTES_MAX
    }

    /// Writes everything that is unsent, or fails with a time-out.
    pub(super) fn flush_all(&mut self) -> Result<(), Error> {
        self.check_writable()?;
        match self.flush(self.write_deadline())? {
            Flush::Done => Ok(()),
            _ => Err(Error::TimedOut),
        }
    }

    /// Writes what it can until `deadline`. An error is kept, and everything that is unsent
    /// dropped: nothing may follow half a frame.
    pub(super) fn flush(&mut self, deadline: Option<Instant>) -> io::Result<Flush> {
        self.write_out(deadline).inspect_err(|error| {
            self.write_failure = Some(IoFailure::new(error));
            self.discard_out();
        })
    }

    /// Writes what it can until `deadline`, for a caller that receives. An error is kept for those
    /// that send; what the peer sent before may still be read.
    pub(super) fn flush_while_receiving(&mut self, deadline: Option<Instant>) -> Flush {
        if self.has_failed() {
            self.discard_out();
        }
        if self.is_unsent() { self.flush(deadline).unwrap_or(Flush::Done) } else { Flush::Done }
    }

    /// Sets how long one call that sends may take. Fails if the stream has no time-outs.
    pub(super) fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.require_write(&mut self.stream, after(timeout))?;
        self.write_within = timeout;
        if let Some(shared) = &self.progress {
            shared.lock().write_within = timeout;
        }
        Ok(())
    }

    /// Ends the stream in both directions, at once.
    pub(super) fn end_stream(&mut self) {
        // An error means that it has ended already.
        let _ = self.shutdown(Shutdown::Both, now());
    }

    /// Ends the stream. That may take as long as a write, as some streams say goodbye.
    fn shutdown(&mut self, how: Shutdown, deadline: Option<Instant>) -> io::Result<()> {
        self.timeouts.shutdown(&mut self.stream, how, deadline)
    }

    fn check_writable(&self) -> Result<(), Error> {
        match &self.write_failure {
            Some(failure) => Err(Error::Io(failure.to_error())),
            None => Ok(()),
        }
    }

    fn write_deadline(&self) -> Option<Instant> {
        after(self.write_within)
    }

    fn write_out(&mut self, deadline: Option<Instant>) -> io::Result<Flush> {
        let mut later = Flush::Stuck;
        let mut interruptions = Interruptions::default();
        self.tell_progress();
        while self.unsent() > 0 {
            self.timeouts.bound(&mut self.stream, Direction::Write, deadline)?;
            let began = Instant::now();
            match self.write_once() {
                Ok(_) => {
                    self.note_room(began);
                    self.tell_progress();
                    self.unflushed = true;
                    later = Flush::Partly;
                    if self.unsent() > 0 && passed(deadline) {
                        return Ok(later);
                    }
                }
                Err(error) if interruptions.may_retry(&error, deadline) => {}
                Err(error) if is_later(&error) => {
                    self.is_full = true;
                    return Ok(later);
                }
                Err(error) => return Err(error),
            }
        }
        self.out.shrink_to(OUT_BYTES_KEPT);
        while self.unflushed {
            self.timeouts.bound(&mut self.stream, Direction::Write, deadline)?;
            match self.stream.flush() {
                Ok(()) => self.unflushed = false,
                Err(error) if interruptions.may_retry(&error, deadline) => {}
                Err(error) if is_later(&error) => return Ok(later),
                Err(error) => return Err(error),
            }
        }
        Ok(Flush::Done)
    }

    fn write_once(&mut self) -> io::Result<usize> {
        match self.progress {
            None => self.out.write_to(&mut self.stream),
            // A stream may take long for much, and returns only then.
            Some(_) => self.out.write_to(Pieces(&mut self.stream)),
        }
    }

    fn tell_progress(&self) {
        if let Some(shared) = &self.progress {
            shared.lock().progress = self.out.progress();
        }
    }

    /// Notes that the stream has taken something, in a call that `began` then. If it had to wait
    /// for room, the peer has made some.
    fn note_room(&mut self, began: Instant) {
        if mem::take(&mut self.is_full) || began.elapsed() >= WAITED {
            match &self.progress {
                Some(shared) => shared.lock().has_made_room = true,
                None => self.has_made_room = true,
            }
        }
    }

    /// Returns whether the peer has made room for something since the last call. Not for an output
    /// whose progress others see.
    pub(super) fn take_made_room(&mut self) -> bool {
        mem::take(&mut self.has_made_room)
    }
}

/// Writes at most a [`PIECE`] at once.
struct Pieces<'a, S>(&'a mut S);

impl<S: io::Write> io::Write for Pieces<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes.get(..PIECE).unwrap_or(bytes))
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let (mut few, mut left) = ([io::IoSlice::new(&[]); 8], PIECE);
        for (to, slice) in few.iter_mut().zip(slices) {
            let slice = slice.get(..left).unwrap_or(slice);
            left = left.saturating_sub(slice.len());
            *to = io::IoSlice::new(slice);
        }
        self.0.write_vectored(&few)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The opening handshake.
impl<S: Stream> Transfer<S> {
    /// Bounds reads and writes by `deadline`. Fails if the stream cannot do that.
    pub(super) fn require_timeouts(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        if deadline.is_none() {
            return Ok(());
        }
        for result in [
            self.timeouts.require_read(&mut self.stream, deadline),
            self.timeouts.require_write(&mut self.stream, deadline),
        ] {
            match result {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => return Err(error),
                _ => {} // another error shows again when reading or writing
            }
        }
        Ok(())
    }

    /// Writes and reads until the handshake `receive` has a result.
    pub(super) fn exchange<T, E: From<io::Error>>(
        &mut self,
        deadline: Option<Instant>,
        mut receive: impl FnMut(&mut Input<'_>, &mut Outbox) -> Result<Option<T>, E>,
    ) -> Result<T, E> {
        loop {
            let (mut input, out) = self.buffers();
            let answer = receive(&mut input, out);
            if let Some(answer) = answer? {
                return Ok(answer);
            }
            let flushed = self.flush(deadline)?;
            self.rest();
            match self.fill(deadline)? {
                Fill::Bytes if flushed == Flush::Done && !passed(deadline) => {}
                Fill::End => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Fill::Bytes | Fill::Later => {
                    return Err(io::Error::from(io::ErrorKind::TimedOut).into());
                }
            }
        }
    }

    /// Writes the last response, and closes the stream.
    pub(super) fn finish(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        if self.flush(deadline)? != Flush::Done {
            return Err(io::ErrorKind::TimedOut.into());
        }
        while let Some(until) = self.linger(true, LINGER) {
            let until = earlier(deadline, Some(until));
            if passed(until) || !matches!(self.fill(until), Ok(Fill::Bytes)) {
                break;
            }
        }
        Ok(())
    }
}

pub(super) fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// Returns the moment `timeout` from now, `None` for never.
pub(super) fn after(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout.min(NEVER)))
}

/// Returns a deadline that has passed: for what must not wait.
pub(super) fn now() -> Option<Instant> {
    Some(Instant::now())
}

pub(super) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Counts how often a call was interrupted by a signal.
#[derive(Default)]
struct Interruptions(u32);

impl Interruptions {
    fn may_retry(&mut self, error: &io::Error, deadline: Option<Instant>) -> bool {
        if error.kind() != io::ErrorKind::Interrupted {
            return false;
        }
        self.0 = self.0.saturating_add(1);
        self.0 < INTERRUPTIONS_MAX || !passed(deadline)
    }
}

/// Returns whether another try may succeed later.
///
/// Systems disagree on which of the first two a time-out is. (A dead TCP connection is `TimedOut`,
/// too; it then reads as ended.)
fn is_later(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::vec;

    use super::*;

    /// A stream whose peer never stops sending.
    #[derive(Default)]
    struct Endless {
        reads: usize,
        shut: vec::Vec<Shutdown>,
        /// What another thread sees of the output before each write.
        output: Arc<SharedProgress>,
        seen: vec::Vec<Progress>,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads += 1;
            Ok(buffer.len())
        }
    }

    impl Write for Endless {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.seen.push(self.output.get());
            Ok(bytes.len())
        }

        fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
            self.seen.push(self.output.get());
            Ok(slices.iter().map(|slice| slice.len()).sum())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Stream for Endless {
        fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
            Ok(())
        }

        fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
            Ok(())
        }

        fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
            self.shut.push(how);
            Ok(())
        }
    }

    /// A writer that waits for a slow peer holds the lock of the writing side. The keep-alive of
    /// the reading half must see nevertheless that the peer takes bytes.
    #[test]
    fn others_see_how_far_an_output_has_got_while_it_is_written() {
        let output = Arc::<SharedProgress>::default();
        let stream = Endless { output: Arc::clone(&output), ..Endless::default() };
        let mut whole = Transfer::with_handle(Endless::default(), Inbox::new());
        let mut transfer = whole.split_output(stream, Arc::clone(&output));
        transfer.out().append(&[0; 2 * PIECE + 1]);
        assert_eq!(transfer.flush(None).unwrap(), Flush::Done);
        let progress =
            |taken: usize| Progress { taken: taken as u64, backlog: 2 * PIECE + 1 - taken };
        assert_eq!(transfer.stream.seen, [0, PIECE, 2 * PIECE].map(progress));
        assert_eq!(output.get(), progress(2 * PIECE + 1));

        // Bytes that are not copied leave in the same pieces.
        let output = Arc::<SharedProgress>::default();
        let stream = Endless { output: Arc::clone(&output), ..Endless::default() };
        let mut transfer = whole.split_output(stream, output);
        transfer.out().append(b"a");
        transfer.out().append_shared(vec![0; 2 * PIECE].into());
        assert_eq!(transfer.flush(None).unwrap(), Flush::Done);
        assert_eq!(transfer.stream.seen, [0, PIECE, 2 * PIECE].map(progress));
    }

    /// A blocking write returns only once the stream has taken everything.
    #[test]
    fn a_write_that_took_long_has_waited_for_room() {
        let mut transfer = Transfer::new(Endless::default(), Inbox::new());
        let now = Instant::now();
        transfer.note_room(now.checked_add(Duration::from_secs(3600)).unwrap());
        assert!(!transfer.take_made_room(), "at once");
        transfer.note_room(now.checked_sub(WAITED).unwrap());
        assert!(transfer.take_made_room());
        assert!(!transfer.take_made_room(), "once");

        let output = Arc::<SharedProgress>::default();
        let mut half = transfer.split_output(Endless::default(), Arc::clone(&output));
        half.note_room(now.checked_sub(WAITED).unwrap());
        assert!(output.take_made_room());
        assert!(!output.take_made_room(), "once");
    }

    #[test]
    fn class_20_a_refused_peer_is_read_no_longer_than_the_handshake_may_take() {
        let mut transfer = Transfer::new(Endless::default(), Inbox::new());
        transfer.out().append(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        transfer.finish(now()).unwrap();
        assert_eq!(transfer.stream().reads, 0);
        assert_eq!(transfer.stream().shut, [Shutdown::Write]);

        // Nor for ever without a deadline.
        let mut transfer = Transfer::new(Endless::default(), Inbox::new());
        transfer.finish(None).unwrap();
        assert!(transfer.stream().reads <= LINGER_BYTES_MAX / 1024);
    }
}
