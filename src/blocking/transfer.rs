//! A stream with its two buffers: the only place of this module that reads, writes and waits.

use std::boxed::Box;
use std::io;
use std::net::Shutdown;
use std::time::{Duration, Instant};
use std::vec;
use std::vec::Vec;

use super::stream::Stream;
use crate::input::Input;

/// How much is read at once.
const INBOX_BYTES: usize = 64 << 10;
/// How much room for output an idle connection may keep.
const OUT_BYTES_KEPT: usize = 64 << 10;
/// How much is read and thrown away before the transport is closed, and how long that may take: what the peer had on
/// its way to us when we closed.
const LINGER_BYTES_MAX: usize = 4 << 20;
const LINGER_MAX: Duration = Duration::from_secs(2);

pub(super) struct Transfer<S> {
    stream: S,
    inbox: Box<[u8]>,
    /// Where the unread bytes in `inbox` start and end. Invariant: `start <= end <= inbox.len()`.
    start: usize,
    end: usize,
    out: Vec<u8>,
    /// How much of `out` has been written. Invariant: `sent <= out.len()`.
    sent: usize,
    /// Whether the stream may hold back what it has taken.
    unflushed: bool,
    /// The time-outs as the stream has them.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    lingering: Option<Lingering>,
}

/// What came of an attempt to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// There are unread bytes.
    Bytes,
    /// The peer has ended the stream.
    End,
    /// Nothing came in time, or the stream is non-blocking and has nothing.
    Later,
}

#[derive(Clone, Copy)]
struct Lingering {
    until: Instant,
    bytes_left: usize,
}

impl<S> Transfer<S> {
    pub(super) fn new(stream: S) -> Self {
        Self::with_inbox(stream, vec![0; INBOX_BYTES].into_boxed_slice())
    }

    /// For writing only.
    pub(super) fn write_only(stream: S) -> Self {
        Self::with_inbox(stream, Box::default())
    }

    fn with_inbox(stream: S, inbox: Box<[u8]>) -> Self {
        Self {
            stream,
            inbox,
            start: 0,
            end: 0,
            out: Vec::new(),
            sent: 0,
            unflushed: false,
            read_timeout: None,
            write_timeout: None,
            lingering: None,
        }
    }

    /// The unread input, and the output. Afterwards say with [`keep_unread`](Self::keep_unread) what was left.
    pub(super) fn buffers(&mut self) -> (Input<'_>, &mut Vec<u8>) {
        let unread = self.inbox.get_mut(self.start..self.end).unwrap_or_default();
        (Input::new(unread), &mut self.out)
    }

    pub(super) fn keep_unread(&mut self, len: usize) {
        self.start = self.end.saturating_sub(len);
    }

    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    pub(super) fn unsent(&self) -> usize {
        self.out.len().saturating_sub(self.sent)
    }

    /// Whether something is still to be written or flushed.
    pub(super) fn owes(&self) -> bool {
        self.unsent() > 0 || self.unflushed
    }

    /// Gives up on the output.
    pub(super) fn discard_out(&mut self) {
        self.out = Vec::new();
        self.sent = 0;
        self.unflushed = false;
    }

    /// Hands the output over to another handle of the same stream.
    pub(super) fn move_out(&mut self, other: &mut Self) {
        other.out = core::mem::take(&mut self.out);
        other.sent = core::mem::take(&mut self.sent);
        other.unflushed = core::mem::take(&mut self.unflushed);
        other.write_timeout = self.write_timeout;
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    pub(super) fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    pub(super) fn into_stream(self) -> S {
        self.stream
    }
}

impl<S: Stream> Transfer<S> {
    /// Reads once, waiting until `deadline` at the most; if that has passed, what is there already is still read.
    pub(super) fn fill(&mut self, deadline: Option<Instant>) -> io::Result<Fill> {
        if self.start < self.end {
            return Ok(Fill::Bytes);
        }
        (self.start, self.end) = (0, 0);
        loop {
            let timeout = remaining(deadline);
            if timeout != self.read_timeout && supported(self.stream.set_read_timeout(timeout))? {
                self.read_timeout = timeout;
            }
            match self.stream.read(&mut self.inbox) {
                Ok(0) => return Ok(Fill::End),
                Ok(n) => {
                    self.end = n.min(self.inbox.len());
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

    /// Writes what there is, until `deadline` at the most. `false`: some of it is left for later.
    pub(super) fn flush(&mut self, deadline: Option<Instant>) -> io::Result<bool> {
        while self.unsent() > 0 {
            self.arm_write(deadline)?;
            match self.stream.write(self.out.get(self.sent..).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.sent = self.sent.saturating_add(n).min(self.out.len());
                    self.unflushed = true;
                    if self.unsent() > 0 && passed(deadline) {
                        self.compact();
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => {
                    self.compact();
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.out.shrink_to(OUT_BYTES_KEPT);
        self.sent = 0;
        while self.unflushed {
            self.arm_write(deadline)?;
            match self.stream.flush() {
                Ok(()) => self.unflushed = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Feeds a handshake machine until it has an answer, or `deadline` has passed.
    pub(super) fn exchange<T, E: From<io::Error>>(
        &mut self,
        deadline: Option<Instant>,
        mut receive: impl FnMut(&mut Input<'_>, &mut Vec<u8>) -> Result<Option<T>, E>,
    ) -> Result<T, E> {
        loop {
            let (mut input, out) = self.buffers();
            let answer = receive(&mut input, out);
            let unread = input.len();
            self.keep_unread(unread);
            if let Some(answer) = answer? {
                return Ok(answer);
            }
            let flushed = self.flush(deadline)?;
            match self.fill(deadline)? {
                Fill::Bytes if flushed && !passed(deadline) => {}
                Fill::End => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Fill::Bytes | Fill::Later => {
                    return Err(io::Error::from(io::ErrorKind::TimedOut).into());
                }
            }
        }
    }

    /// Ends our direction and then reads on until the peer ends the other: were the socket closed with bytes unread,
    /// TCP would send a reset, and that can make the peer's system throw away the Close frame that it has not read
    /// yet (RFC 6455 §7.1.1). Says until when to go on; `None`: it is done. Throws away what is unread.
    pub(super) fn linger(&mut self) -> Option<Instant> {
        self.start = self.end;
        let lingering = match self.lingering {
            Some(lingering) => lingering,
            None => {
                // A stream that cannot be ended or waited for is left to its owner.
                self.stream.shutdown(Shutdown::Write).ok()?;
                self.try_read_timeout(Some(LINGER_MAX)).ok()?;
                let until = Instant::now().checked_add(LINGER_MAX)?;
                *self.lingering.insert(Lingering { until, bytes_left: LINGER_BYTES_MAX })
            }
        };
        (lingering.bytes_left > 0 && !passed(Some(lingering.until))).then_some(lingering.until)
    }

    /// Writes what there is, as far as possible until `deadline`, and takes leave: for handshakes that failed.
    pub(super) fn finish(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        if !self.flush(deadline)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        while let Some(until) = self.linger() {
            if !matches!(self.fill(Some(until)), Ok(Fill::Bytes)) {
                break;
            }
        }
        Ok(())
    }

    /// Sets the read time-out, and tells whether the stream can do that.
    pub(super) fn try_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = remaining(after(timeout));
        self.stream.set_read_timeout(timeout)?;
        self.read_timeout = timeout;
        Ok(())
    }

    /// The same for writing.
    pub(super) fn try_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = remaining(after(timeout));
        self.stream.set_write_timeout(timeout)?;
        self.write_timeout = timeout;
        Ok(())
    }

    /// Whether a wait for input can be bounded.
    pub(super) fn can_wait(&mut self) -> bool {
        self.read_timeout.is_some() || self.try_read_timeout(Some(LINGER_MAX)).is_ok()
    }

    fn arm_write(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let timeout = remaining(deadline);
        if timeout != self.write_timeout && supported(self.stream.set_write_timeout(timeout))? {
            self.write_timeout = timeout;
        }
        Ok(())
    }

    /// Moves what is unsent to the front, whenever that is less than what was sent: linear over all calls.
    fn compact(&mut self) {
        if self.sent >= self.unsent() {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }
}

pub(super) fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// The moment `timeout` from now; `None` for never.
pub(super) fn after(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

pub(super) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The time until `deadline` in whole milliseconds, rounded up: zero means "for ever" to some systems, and a value
/// that rarely changes saves system calls.
fn remaining(deadline: Option<Instant>) -> Option<Duration> {
    let left = deadline?.saturating_duration_since(Instant::now());
    let millis = left.as_nanos().div_ceil(1_000_000).max(1);
    Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
}

/// Whether the stream has the time-out now.
fn supported(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(false),
        // Some systems say this of a socket whose connection is over; reading or writing will tell what happened.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(false),
        Err(error) => Err(error),
    }
}

/// Systems disagree on which of the two a time-out is. (A dead TCP connection is `TimedOut` as well; it then reads as
/// ended.)
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
