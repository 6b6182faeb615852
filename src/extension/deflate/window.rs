//! The last window of decompressed bytes.

use alloc::vec::Vec;

/// The least that a window holds. In a shorter ring, output would be split too often.
const BYTES_MIN: usize = 4 << 10;

/// The most bytes that the backend may write after its output, within the room. It copies whole
/// vectors, at present of up to 32 bytes.
const SPOILT_BYTES: usize = 64;

/// The latest output of the decompressor, which usually writes into this memory: keeping it costs
/// no copy.
///
/// It is a ring that grows with its content. When it is full, new output overwrites the oldest, and
/// may spoil a few bytes after that. So it is longer than the window by these.
pub(super) struct Window {
    ring: Vec<u8>,
    /// Where the next byte goes.
    next: usize,
    /// Set if the bytes from `next` on are output, too, except the spoilt ones. The ring then has
    /// its full length.
    wrapped: bool,
    bytes_max: usize,
}

impl Window {
    /// Creates an empty window that grows to this many bytes, or a few more.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { ring: Vec::new(), next: 0, wrapped: false, bytes_max: bytes_max.max(BYTES_MIN) }
    }

    /// Forgets the content and frees its memory.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.bytes_max);
    }

    /// Returns room for at most this many bytes, and for at least one.
    pub(super) fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.next >= self.full_len() {
            self.next = 0;
            self.wrapped = true;
        }
        let end = self.next.saturating_add(bytes.max(1)).min(self.full_len());
        if end > self.ring.len() {
            self.grow(end);
        }
        self.ring.get_mut(self.next..end).unwrap_or_default()
    }

    /// Adds the first `written` bytes of the [`room`](Self::room), and returns them.
    pub(super) fn add(&mut self, written: usize) -> &[u8] {
        let begin = self.next;
        self.next = begin.saturating_add(written).min(self.ring.len());
        self.ring.get(begin..self.next).unwrap_or_default()
    }

    /// Adds output that was not written into the [`room`](Self::room).
    pub(super) fn copy(&mut self, output: &[u8]) {
        let surplus = output.len().saturating_sub(self.bytes_max);
        let mut rest = output.get(surplus..).unwrap_or_default();
        while !rest.is_empty() {
            let room = self.room(rest.len());
            let (now, later) = rest.split_at_checked(room.len()).unwrap_or((rest, &[]));
            room.copy_from_slice(now);
            self.add(now.len());
            rest = later;
        }
    }

    /// Returns how many bytes it holds at most.
    pub(super) const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Returns the content in two parts, the oldest first.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        let (latest, oldest) = self.ring.split_at_checked(self.next).unwrap_or_default();
        let oldest = if self.wrapped { oldest.get(SPOILT_BYTES..) } else { None };
        let surplus = latest.len().saturating_sub(self.bytes_max);
        [oldest.unwrap_or_default(), latest.get(surplus..).unwrap_or_default()]
    }

    /// Returns the length of the ring once it is full.
    const fn full_len(&self) -> usize {
        self.bytes_max.saturating_add(SPOILT_BYTES)
    }

    #[cold]
    fn grow(&mut self, len: usize) {
        if len > self.ring.capacity() {
            // Doubles, but never beyond the full length.
            let capacity = len.max(self.ring.capacity().saturating_mul(2)).min(self.full_len());
            self.ring.reserve_exact(capacity.saturating_sub(self.ring.len()));
        }
        self.ring.resize(len, 0);
    }
}
