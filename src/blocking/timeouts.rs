//! The time-outs on a stream: which are in force, and which a call needs.

use std::io;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::stream::Stream;

/// The time-outs that are in force on a stream. `None`: not known, somebody else may have set one.
#[derive(Clone, Copy, Default)]
pub(super) struct Timeouts {
    read: Option<Option<Duration>>,
    write: Option<Option<Duration>>,
}

/// What a call on a stream does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
    /// Ending a stream may do both.
    Both,
}

impl Timeouts {
    /// Sets the time-outs so that a call waits until `deadline` at most. To write, some streams
    /// have to read, and the other way round: no time-out of another call may then be left, neither
    /// a longer nor a shorter one. Where nothing changes, nothing is set.
    ///
    /// A stream need not have time-outs. Calls then wait as long as it takes.
    pub(super) fn bound(
        &mut self,
        stream: &mut impl Stream,
        direction: Direction,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let timeout = remaining(deadline);
        let both = direction == Direction::Both || !stream.has_independent_directions();
        if (both || direction == Direction::Read)
            && self.read != Some(timeout)
            && is_set(stream.set_read_timeout(timeout))?
        {
            self.read = Some(timeout);
        }
        if (both || direction == Direction::Write)
            && self.write != Some(timeout)
            && is_set(stream.set_write_timeout(timeout))?
        {
            self.write = Some(timeout);
        }
        Ok(())
    }

    /// Sets the time-out for reading. Fails if the stream has none.
    pub(super) fn require_read(
        &mut self,
        stream: &mut impl Stream,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let timeout = remaining(deadline);
        stream.set_read_timeout(timeout)?;
        self.read = Some(timeout);
        Ok(())
    }

    /// Sets the time-out for writing. Fails if the stream has none.
    pub(super) fn require_write(
        &mut self,
        stream: &mut impl Stream,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let timeout = remaining(deadline);
        stream.set_write_timeout(timeout)?;
        self.write = Some(timeout);
        Ok(())
    }

    /// Ends the stream. That may take until `deadline`, as some streams say goodbye.
    pub(super) fn shutdown(
        &mut self,
        stream: &mut impl Stream,
        how: Shutdown,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let bounded = match stream.has_independent_directions() {
            true => Ok(()),
            false => self.bound(stream, Direction::Both, deadline),
        };
        stream.shutdown(how).and(bounded) // it ends in any case
    }

    /// Removes the time-outs that were set.
    pub(super) fn remove(&mut self, stream: &mut impl Stream) {
        // An error means that the stream has ended, or has none.
        if let Some(Some(_)) = self.read.take() {
            let _ = stream.set_read_timeout(None);
        }
        if let Some(Some(_)) = self.write.take() {
            let _ = stream.set_write_timeout(None);
        }
    }

    /// Returns whether reading is known to be bounded.
    pub(super) fn bounds_reads(&self) -> bool {
        matches!(self.read, Some(Some(_)))
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
