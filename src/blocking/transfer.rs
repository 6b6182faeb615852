//! A stream with its two buffers: the only place in this module that reads, writes and waits.

use std::io;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::error::{Error, IoFailure};
use super::stream::Stream;
use crate::buffers::{Inbox, Outbox};
use crate::error::UsageError;
use crate::input::Input;

/// How much [`Transfer::feed`] gathers before it writes.
const FEED_BYTES_MAX: usize = 64 << 10;
/// How much memory an idle connection may keep for its output.
const OUT_BYTES_KEPT: usize = 64 << 10;
/// How much is read and dropped before a stream is closed, and for how long: what the peer was
/// sending when we closed.
const LINGER_BYTES_MAX: usize = 4 << 20;
const LINGER_MAX: Duration = Duration::from_secs(2);

pub(super) struct Transfer<S> {
    stream: S,
    inbox: Inbox,
    out: Outbox,
    /// Whether the stream may hold back bytes that it has taken.
    unflushed: bool,
    /// Why nothing can be written any more.
    write_failure: Option<IoFailure>,
    /// How long one call that sends may take.
    write_within: Option<Duration>,
    /// The time-outs that are set on the stream.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    lingering: Option<Lingering>,
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
    /// The stream did not take everything in time.
    Later,
}

/// The time and bytes left for reading what the peer still sends.
#[derive(Clone, Copy)]
struct Lingering {
    until: Instant,
    bytes_left: usize,
}

impl<S> Transfer<S> {
    pub(super) fn new(stream: S, inbox: Inbox) -> Self {
        Self {
            stream,
            // Every message is handed out as an owned one. A message that stays in the inbox until
            // it is complete would have to be copied out of it.
            inbox: inbox.in_place_up_to(0),
            out: Outbox::new(),
            unflushed: false,
            write_failure: None,
            write_within: None,
            read_timeout: None,
            write_timeout: None,
            lingering: None,
        }
    }

    /// Makes a transfer that has output already.
    pub(super) fn with_output(stream: S, inbox: Inbox, out: Outbox) -> Self {
        Self { out, unflushed: true, ..Self::new(stream, inbox) }
    }

    pub(super) fn into_parts(self) -> (S, Inbox, Outbox) {
        (self.stream, self.inbox, self.out)
    }

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

    /// Returns whether a write has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.write_failure.is_some()
    }

    /// Drops the output and forgets why a write has failed: nothing is written any more.
    pub(super) fn end_output(&mut self) {
        self.discard_out();
        self.write_failure = None;
    }

    /// Makes a transfer for the output, over another handle to the same stream.
    pub(super) fn split_output(&mut self, handle: S) -> Self {
        Self {
            out: core::mem::take(&mut self.out),
            unflushed: core::mem::take(&mut self.unflushed),
            write_failure: self.write_failure.take(),
            write_within: self.write_within,
            write_timeout: self.write_timeout,
            ..Self::new(handle, Inbox::new())
        }
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    fn discard_out(&mut self) {
        self.out = Outbox::new();
        self.unflushed = false;
    }
}

/// Receiving.
impl<S: Stream> Transfer<S> {
    /// Reads once and waits until `deadline` at most. Once that has passed, bytes that have arrived
    /// are still read.
    pub(super) fn fill(&mut self, deadline: Option<Instant>) -> io::Result<Fill> {
        loop {
            let timeout = remaining(deadline);
            if timeout != self.read_timeout && is_set(self.stream.set_read_timeout(timeout))? {
                self.read_timeout = timeout;
            }
            match self.stream.read(self.inbox.room()) {
                Ok(0) => return Ok(Fill::End),
                Ok(n) => {
                    self.inbox.filled(n);
                    if let Some(lingering) = &mut self.lingering {
                        lingering.bytes_left = lingering.bytes_left.saturating_sub(n);
                    }
                    return Ok(Fill::Bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => return Ok(Fill::Later),
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends our direction, then lets the caller read until the peer ends the other. If the socket
    /// were closed with bytes unread, TCP would send a reset, and that can make the peer's system
    /// drop a Close frame that its program has not read yet (RFC 6455 §7.1.1).
    ///
    /// Returns how long to go on, `None` once that is done. Drops the unread input.
    pub(super) fn linger(&mut self) -> Option<Instant> {
        self.inbox.clear();
        let lingering = match self.lingering {
            Some(lingering) => lingering,
            None => {
                // A stream that cannot be ended or waited for is left to its owner.
                self.stream.shutdown(Shutdown::Write).ok()?;
                self.set_read_timeout(Some(LINGER_MAX)).ok()?;
                let until = Instant::now().checked_add(LINGER_MAX)?;
                *self.lingering.insert(Lingering { until, bytes_left: LINGER_BYTES_MAX })
            }
        };
        let goes_on = lingering.bytes_left > 0 && !passed(Some(lingering.until));
        goes_on.then_some(lingering.until)
    }

    /// Sets the stream's read time-out.
    pub(super) fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = remaining(after(timeout));
        self.stream.set_read_timeout(timeout)?;
        self.read_timeout = timeout;
        Ok(())
    }

    /// Returns whether a wait for input can be bounded.
    pub(super) fn can_wait(&mut self) -> bool {
        self.read_timeout.is_some() || self.set_read_timeout(Some(LINGER_MAX)).is_ok()
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
        if self.unsent() >= FEED_BYTES_MAX {
            self.flush(self.write_deadline())?;
        }
        Ok(())
    }

    /// Writes everything that is unsent, or fails with a time-out.
    pub(super) fn flush_all(&mut self) -> Result<(), Error> {
        self.check_writable()?;
        match self.flush(self.write_deadline())? {
            Flush::Done => Ok(()),
            Flush::Later => Err(Error::TimedOut),
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

    /// Sets how long one call that sends may take.
    pub(super) fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let on_stream = remaining(after(timeout));
        self.stream.set_write_timeout(on_stream)?;
        self.write_timeout = on_stream;
        self.write_within = timeout;
        Ok(())
    }

    /// Ends the stream in both directions.
    pub(super) fn shutdown(&mut self) {
        // An error means that it has ended already.
        let _ = self.stream.shutdown(Shutdown::Both);
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
        while self.unsent() > 0 {
            self.bound_write(deadline)?;
            match self.out.write_to(&mut self.stream) {
                Ok(_) => {
                    self.unflushed = true;
                    if self.unsent() > 0 && passed(deadline) {
                        return Ok(Flush::Later);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => return Ok(Flush::Later),
                Err(error) => return Err(error),
            }
        }
        self.out.shrink_to(OUT_BYTES_KEPT);
        while self.unflushed {
            self.bound_write(deadline)?;
            match self.stream.flush() {
                Ok(()) => self.unflushed = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => return Ok(Flush::Later),
                Err(error) => return Err(error),
            }
        }
        Ok(Flush::Done)
    }

    fn bound_write(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let timeout = remaining(deadline);
        if timeout != self.write_timeout && is_set(self.stream.set_write_timeout(timeout))? {
            self.write_timeout = timeout;
        }
        Ok(())
    }
}

/// The opening handshake.
impl<S: Stream> Transfer<S> {
    /// Bounds reads and writes by `deadline`. Fails if the stream cannot do that.
    pub(super) fn require_timeouts(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let Some(timeout) = remaining(deadline) else { return Ok(()) };
        for result in
            [self.set_read_timeout(Some(timeout)), self.stream.set_write_timeout(Some(timeout))]
        {
            match result {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => return Err(error),
                _ => {} // another error shows again when reading or writing
            }
        }
        self.write_timeout = Some(timeout);
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
        if self.flush(deadline)? == Flush::Later {
            return Err(io::ErrorKind::TimedOut.into());
        }
        while let Some(until) = self.linger() {
            if !matches!(self.fill(Some(until)), Ok(Fill::Bytes)) {
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
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

pub(super) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Returns the time until `deadline` in whole milliseconds, rounded up: zero means "for ever" to
/// some systems, and a value that rarely changes saves system calls.
fn remaining(deadline: Option<Instant>) -> Option<Duration> {
    let left = deadline?.saturating_duration_since(Instant::now());
    let millis = left.as_nanos().div_ceil(1_000_000).max(1);
    Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
}

/// Returns whether the stream has set a time-out; it need not be able to.
fn is_set(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(false),
        // Some systems return this for a socket whose connection is over; the next read or write
        // then fails with the reason.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(false),
        Err(error) => Err(error),
    }
}

/// Systems disagree on which of the two a time-out is. (A dead TCP connection is `TimedOut`, too;
/// it then reads as ended.)
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
