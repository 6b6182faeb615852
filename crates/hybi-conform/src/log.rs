//! The wire log of one case.

use std::time::Duration;

/// How many bytes of an entry are kept, and how many entries.
const BYTES_MAX: usize = 256;
const ENTRIES_MAX: usize = 300;

/// Which way an entry of the log went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the tester.
    Sent,
    /// From the implementation under test.
    Received,
    /// Nothing went: something happened, such as the end of the input.
    Note,
}

/// A head, a frame or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which way it went.
    pub direction: Direction,
    /// The time since the start of the case, as set with [`Tester::at`].
    ///
    /// [`Tester::at`]: crate::Tester::at
    pub at: Duration,
    /// A description, such as `Text (5 bytes)`.
    pub event: String,
    /// The first 256 of its bytes, as they were on the wire. A header list of HTTP/2, which is
    /// compressed there, is a text with a field in each line.
    pub bytes: Vec<u8>,
    /// How many bytes it had.
    pub len: usize,
    /// True if the bytes begin with the header of a frame.
    pub is_frame: bool,
}

/// The log of one case, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireLog {
    /// The first 300 entries.
    pub entries: Vec<Entry>,
    /// How many more there were.
    pub left_out: usize,
    is_on: bool,
    now: Duration,
}

impl WireLog {
    pub(crate) fn turn_on(&mut self) {
        self.is_on = true;
    }

    pub(crate) fn set_now(&mut self, now: Duration) {
        self.now = now;
    }

    /// Keeps an entry. The description is made only if somebody will read it.
    pub(crate) fn add(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        len: usize,
        event: impl FnOnce() -> String,
    ) {
        if !self.is_on {
            return;
        }
        if self.entries.len() >= ENTRIES_MAX {
            self.left_out += 1;
            return;
        }
        let kept = bytes[..bytes.len().min(BYTES_MAX)].to_vec();
        let (at, event) = (self.now, event());
        self.entries.push(Entry { direction, at, event, bytes: kept, len, is_frame: false });
    }

    /// Keeps a frame, or the header of one.
    pub(crate) fn frame(
        &mut self,
        direction: Direction,
        wire: &[u8],
        event: impl FnOnce() -> String,
    ) {
        let before = self.entries.len();
        self.add(direction, wire, wire.len(), event);
        if let Some(entry) = self.entries.get_mut(before) {
            entry.is_frame = true;
        }
    }

    pub(crate) fn note(&mut self, event: &str) {
        self.add(Direction::Note, b"", 0, || event.to_owned());
    }
}
