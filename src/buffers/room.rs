//! Bytes in a row: what is appended at one end and removed at the other.

use alloc::vec::Vec;

use crate::copy::{append, copy};
use crate::frame::{EncodedHeader, LengthForm, Mask};

/// The longest payload whose length fits into the second byte of a header (RFC 6455 §5.2).
const SHORT_PAYLOAD_MAX: usize = 125;

/// A queue of bytes in initialised memory.
///
/// Because the memory after the queue is initialised, a short frame is written with one check of a
/// range, and the only length that changes is `end`. In a `Vec`, each piece of the frame would
/// check the capacity and store the length, and the next piece would have to load it again.
#[derive(Clone, Default)]
pub(super) struct Room {
    bytes: Vec<u8>,
    /// Where the queue begins and ends. Invariant: `start <= end <= bytes.len()`, and both are zero
    /// if the queue is empty.
    start: usize,
    end: usize,
}

impl Room {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0 }
    }

    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::new() }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.end.wrapping_sub(self.start)
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    #[inline]
    pub(super) const fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Removes the first `n` bytes, or all if there are fewer.
    #[inline]
    pub(super) const fn remove(&mut self, n: usize) {
        if n < self.len() {
            self.start = self.start.wrapping_add(n);
        } else {
            self.clear();
        }
    }

    /// Frees memory beyond `bytes`, if the queue is empty.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        if self.is_empty() {
            self.bytes.truncate(bytes);
            self.bytes.shrink_to(bytes);
        }
    }

    /// Takes the bytes out, with their memory.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let Self { mut bytes, start, end } = core::mem::take(self);
        bytes.truncate(end);
        bytes.drain(..start);
        bytes
    }

    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8]) {
        if let Some(to) = self.free(bytes.len()) {
            to.copy_from_slice(bytes);
            self.end = self.end.wrapping_add(bytes.len());
        } else {
            self.append_growing(bytes);
        }
    }

    #[cold]
    #[inline(never)]
    fn append_growing(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len()).extend_from_slice(bytes);
        self.end = self.bytes.len();
    }

    /// The same for what follows a header.
    pub(super) fn append_payload(&mut self, bytes: &[u8]) {
        if let Some(to) = self.free(bytes.len()) {
            copy(bytes, to);
            self.end = self.end.wrapping_add(bytes.len());
        } else {
            append(bytes, self.reserve(bytes.len()));
            self.end = self.bytes.len();
        }
    }

    pub(super) fn append_masked(&mut self, mask: &mut Mask, bytes: &[u8]) {
        if let Some(to) = self.free(bytes.len()) {
            mask.copy(bytes, to);
            self.end = self.end.wrapping_add(bytes.len());
        } else {
            mask.append(bytes, self.reserve(bytes.len()));
            self.end = self.bytes.len();
        }
    }

    /// Appends a frame whose header starts with the byte `first`.
    #[inline(always)]
    pub(super) fn append_frame(&mut self, first: u8, payload: &[u8], key: Option<[u8; 4]>) {
        let len = payload.len() as u8;
        let is_done = payload.len() <= SHORT_PAYLOAD_MAX
            && match key {
                None => self.append_if_room([first, len], payload, copy_short),
                Some(key) => {
                    let mask = |from: &_, to: &mut _| Mask::new(key).copy_short(from, to);
                    let [k0, k1, k2, k3] = key;
                    self.append_if_room([first, 0x80 | len, k0, k1, k2, k3], payload, mask)
                }
            };
        if !is_done {
            self.append_longer_frame(first, payload, key);
        }
    }

    /// The same, mostly for a payload whose length has two bytes. Out of line, so that the way of a
    /// short frame stays short.
    #[inline(never)]
    fn append_longer_frame(&mut self, first: u8, payload: &[u8], key: Option<[u8; 4]>) {
        let is_done = match (u16::try_from(payload.len()).map(u16::to_be_bytes), key) {
            _ if payload.len() <= SHORT_PAYLOAD_MAX => false,
            (Ok([l1, l0]), None) => self.append_if_room([first, 126, l1, l0], payload, copy),
            (Ok([l1, l0]), Some(key)) => {
                let mask = |from: &_, to: &mut _| Mask::new(key).copy(from, to);
                let [k0, k1, k2, k3] = key;
                self.append_if_room([first, 0xfe, l1, l0, k0, k1, k2, k3], payload, mask)
            }
            (Err(_), _) => false,
        };
        if !is_done {
            self.append_any_frame(first, payload, key);
        }
    }

    /// The same for any payload. Makes room for it.
    #[inline(never)]
    fn append_any_frame(&mut self, first: u8, payload: &[u8], key: Option<[u8; 4]>) {
        let len = payload.len().saturating_add(EncodedHeader::ROOM);
        if payload.len() <= SHORT_PAYLOAD_MAX {
            self.grow(len);
        } else if self.free(len).is_none() {
            self.reserve(len);
        }
        self.append_header(first, payload.len(), key);
        match key {
            None => self.append_payload(payload),
            Some(key) => self.append_masked(&mut Mask::new(key), payload),
        }
    }

    /// Appends the header of a frame.
    pub(super) fn append_header(&mut self, first: u8, payload_len: usize, key: Option<[u8; 4]>) {
        let len = payload_len as u64;
        self.append(&EncodedHeader::new(first, LengthForm::shortest(len), len, key));
    }

    /// Appends a header and a payload, if there is room for them. Returns whether there was.
    #[inline(always)]
    fn append_if_room<const N: usize>(
        &mut self,
        header: [u8; N],
        payload: &[u8],
        copy: impl FnOnce(&[u8], &mut [u8]),
    ) -> bool {
        let len = payload.len().wrapping_add(N);
        let Some((start, to)) = self.free(len).and_then(<[u8]>::split_first_chunk_mut) else {
            return false;
        };
        *start = header;
        copy(payload, to);
        self.end = self.end.wrapping_add(len);
        true
    }

    /// Returns `n` bytes after the queue, if there is room for them.
    #[inline(always)]
    fn free(&mut self, n: usize) -> Option<&mut [u8]> {
        self.bytes.get_mut(self.end..self.end.wrapping_add(n))
    }

    /// Makes initialised room for `n` more bytes.
    #[cold]
    fn grow(&mut self, n: usize) {
        let bytes = self.reserve(n);
        // All of the capacity would be too much: it may be for bytes that are appended later.
        let len = bytes.len().saturating_add(n).max(bytes.len().saturating_mul(2));
        bytes.resize(len.min(bytes.capacity()), 0);
    }

    /// Makes room for `n` more bytes, and returns the buffer that they are to be appended to.
    #[cold]
    fn reserve(&mut self, n: usize) -> &mut Vec<u8> {
        self.bytes.truncate(self.end);
        if self.start >= self.len() {
            // Moves at most as many bytes as were removed since the last move: amortised constant
            // time.
            self.bytes.drain(..self.start);
            (self.start, self.end) = (0, self.bytes.len());
        }
        self.bytes.reserve(n);
        &mut self.bytes
    }
}

/// Copies a short payload. Both have the same length.
#[inline(always)]
fn copy_short(from: &[u8], to: &mut [u8]) {
    if let (16..=32, Some(start), Some(end)) =
        (from.len(), from.first_chunk::<16>(), from.last_chunk::<16>())
    {
        // Two blocks of fixed size, which may overlap: faster than a call of `memcpy`.
        let (start, end) = (*start, *end);
        if let Some(to) = to.first_chunk_mut() {
            *to = start;
        }
        if let Some(to) = to.last_chunk_mut() {
            *to = end;
        }
    } else {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Removes what is queued in writes of `write` bytes, and appends one byte for each two that
    /// were removed. Returns how many bytes were moved meanwhile, and how many were appended.
    fn moved(backlog: usize, write: usize) -> (usize, usize) {
        let mut room = Room::new();
        room.append(&alloc::vec![0; backlog]);
        let (mut moved, mut removed, mut appended) = (0, 0, backlog);
        while !room.is_empty() {
            let (before, n) = (room.start, write.min(room.len()));
            room.remove(n);
            removed += n;
            let half = (removed / 2).saturating_sub(appended - backlog);
            if appended < 2 * backlog {
                let capacity = room.capacity();
                let len = room.len();
                room.append(&alloc::vec![0; half]);
                appended += half;
                if room.start < before || room.capacity() > capacity {
                    moved += len;
                }
            }
            assert_eq!(room.len(), appended - removed);
        }
        (moved, appended)
    }

    #[test]
    fn a_byte_is_moved_a_constant_number_of_times_however_small_the_writes() {
        for (backlog, write) in [(64 << 20, 1448), (1 << 20, 1), (1 << 20, 3), (1000, 999)] {
            let (moved, all) = moved(backlog, write);
            assert!(moved <= 2 * all, "{moved} bytes of {all} were moved in writes of {write}");
        }
    }

    #[test]
    fn a_queue_that_never_drains_does_not_grow() {
        let mut room = Room::new();
        room.append(&[0; 1000]);
        for _ in 0..10_000 {
            room.append_frame(0x82, &[0; 98], None);
            room.remove(100);
        }
        assert_eq!(room.len(), 1000);
        assert!(room.capacity() <= 8000, "{}", room.capacity());
    }

    #[test]
    fn an_empty_queue_frees_its_memory_on_request() {
        let mut room = Room::new();
        room.append(&[0; 1000]);
        room.shrink_to(0);
        assert_eq!(room.len(), 1000, "it was not empty");
        room.remove(1000);
        room.shrink_to(100);
        assert_eq!(room.capacity(), 100);
        room.shrink_to(0);
        assert_eq!(room.capacity(), 0);
    }

    /// Zeros are written only to memory that was not yet initialised.
    #[test]
    fn short_frames_fill_the_memory_that_there_is() {
        for key in [None, Some([1, 2, 3, 4])] {
            let mut room = Room::with_capacity(1000);
            let frame = if key.is_some() { 6 + 4 } else { 2 + 4 };
            for _ in 0..1000 / frame {
                room.append_frame(0x82, b"four", key);
            }
            assert_eq!(room.capacity(), 1000, "it has not grown before it had to");
            assert_eq!(room.len(), 1000 / frame * frame);
        }
    }
}
