//! Long payloads that wait to be written where they are, and what has been masked of them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Buf, Bytes};

use super::room::Room;
use crate::frame::Mask;

/// The length from which bytes are shared. For fewer, a copy costs less than another slice in a
/// write.
pub(crate) const SHARED_BYTES_MIN: usize = 8 << 10;
/// How many bytes are masked at once, before they are written: so few that they are still in the
/// second-level cache when the transport reads them, and so many that its call, a microsecond or
/// more, does not count. In memory 16 KiB are 10 to 30 % faster; over sockets that is lost.
pub(super) const MASKED_AT_ONCE: usize = 64 << 10;

/// Shared bytes between the bytes of a [`Room`]. The caller's memory is never changed: a payload to
/// be masked is copied piece by piece as it is written, so a piece is still in the cache when the
/// transport reads it.
#[derive(Clone, Default)]
pub(super) struct Queue {
    pieces: VecDeque<Piece>,
    /// Masked bytes and what lies between them: they come before the room's and the pieces'.
    masked: Room,
    /// How many bytes of the room come before the last piece.
    room_bytes: usize,
    /// How many bytes all pieces have.
    piece_bytes: usize,
}

#[derive(Clone)]
struct Piece {
    /// How many bytes of the room come between the previous piece and this one.
    room_bytes: usize,
    /// Not empty.
    bytes: Bytes,
    /// For bytes that are to be masked.
    mask: Option<Mask>,
}

impl Queue {
    /// Returns how many bytes it holds, without those of the room.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.masked.len().saturating_add(self.piece_bytes)
    }

    /// Returns how many bytes of memory it has, without those that it shares.
    pub(super) fn capacity(&self) -> usize {
        let pieces = self.pieces.capacity().saturating_mul(size_of::<Piece>());
        pieces.saturating_add(self.masked.capacity())
    }

    /// Appends bytes that come after all bytes of the room.
    pub(super) fn push(&mut self, room: &Room, bytes: Bytes, mask: Option<Mask>) {
        let room_bytes = room.len().saturating_sub(self.room_bytes);
        self.room_bytes = room.len();
        self.piece_bytes = self.piece_bytes.saturating_add(bytes.len());
        self.pieces.push_back(Piece { room_bytes, bytes, mask });
    }

    /// Drops all bytes, and keeps memory for others.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.masked.clear();
        (self.room_bytes, self.piece_bytes) = (0, 0);
    }

    /// Masks the next bytes, if it is their turn.
    pub(super) fn mask_next(&mut self, room: &mut Room) {
        if !self.masked.is_empty() {
            return;
        }
        while let Some(Piece { room_bytes, bytes, mask: Some(mask) }) = self.pieces.front_mut() {
            let left = MASKED_AT_ONCE.saturating_sub(self.masked.len());
            if left <= *room_bytes {
                return;
            }
            // The header before it goes with it.
            let before = core::mem::take(room_bytes);
            self.masked.append(room.as_slice().get(..before).unwrap_or_default());
            room.remove(before);
            self.room_bytes = self.room_bytes.saturating_sub(before);

            let piece = bytes.split_to(bytes.len().min(left.saturating_sub(before)));
            self.masked.append_masked(mask, &piece);
            self.piece_bytes = self.piece_bytes.saturating_sub(piece.len());
            if bytes.is_empty() {
                self.pieces.pop_front();
            }
        }
    }

    /// Fills `slices` with the next bytes, up to the first that are yet to be masked. Returns how
    /// many slices it filled.
    pub(super) fn fill<'a>(&'a self, room: &'a Room, slices: &mut [&'a [u8]]) -> usize {
        let (mut filled, slices_max) = (0_usize, slices.len());
        let mut put = |bytes: &'a [u8]| {
            if !bytes.is_empty()
                && let Some(slice) = slices.get_mut(filled)
            {
                *slice = bytes;
                filled = filled.saturating_add(1);
            }
        };
        put(self.masked.as_slice());
        let mut of_room = room.as_slice();
        // Each piece fills at least one slice, so more would be for nothing.
        for piece in self.pieces.iter().take(slices_max) {
            put(of_room.split_off(..piece.room_bytes).unwrap_or_default());
            if piece.mask.is_some() {
                return filled;
            }
            put(&piece.bytes);
        }
        put(of_room);
        filled
    }

    /// Removes the first `n` bytes, here and in the room.
    pub(super) fn remove(&mut self, mut n: usize, room: &mut Room) {
        let of_masked = n.min(self.masked.len());
        self.masked.remove(of_masked);
        n = n.saturating_sub(of_masked);
        while n > 0 {
            let Some(piece) = self.pieces.front_mut() else {
                room.remove(n);
                return;
            };
            let of_room = n.min(piece.room_bytes);
            room.remove(of_room);
            self.room_bytes = self.room_bytes.saturating_sub(of_room);
            piece.room_bytes = piece.room_bytes.saturating_sub(of_room);
            n = n.saturating_sub(of_room);

            let of_piece = n.min(piece.bytes.len());
            piece.bytes.advance(of_piece);
            if let Some(mask) = &mut piece.mask {
                mask.skip(of_piece);
            }
            self.piece_bytes = self.piece_bytes.saturating_sub(of_piece);
            n = n.saturating_sub(of_piece);
            if piece.bytes.is_empty() {
                self.pieces.pop_front();
            }
        }
    }

    /// Returns a copy of all bytes, masked, with those of the room.
    pub(super) fn to_vec(&self, room: &Room) -> Vec<u8> {
        let mut all = self.masked.as_slice().to_vec();
        let mut of_room = room.as_slice();
        for Piece { room_bytes, bytes, mask } in &self.pieces {
            all.extend_from_slice(of_room.split_off(..*room_bytes).unwrap_or_default());
            match mask.clone() {
                None => all.extend_from_slice(bytes),
                Some(mut mask) => mask.append(bytes, &mut all),
            }
        }
        all.extend_from_slice(of_room);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [1, 2, 3, 4];

    /// Returns how many bytes the next write offers.
    fn unsent(queue: &Queue, room: &Room) -> usize {
        let mut slices = [&[][..]; 8];
        queue.fill(room, &mut slices);
        slices.iter().map(|slice| slice.len()).sum()
    }

    /// Sends three long frames, masked, and short ones between them, in writes of `write` bytes.
    /// Returns how many bytes that were, and how many were copied to be masked or to go with those.
    fn copied(payload: &Bytes, write: usize) -> (usize, usize) {
        let (mut queue, mut room) = (Queue::default(), Room::new());
        for _ in 0..3 {
            room.append_frame(0x81, b"short", Some(KEY));
            room.append_header(0x82, payload.len(), Some(KEY));
            queue.push(&room, payload.clone(), Some(Mask::new(KEY)));
        }
        let all = queue.len() + room.len();
        let (mut left, mut copied) = (all, 0);
        while left > 0 {
            let before = queue.masked.len();
            queue.mask_next(&mut room);
            copied += queue.masked.len() - before;
            let n = unsent(&queue, &room).min(write);
            queue.remove(n, &mut room);
            left -= n;
            assert_eq!(queue.len() + room.len(), left);
        }
        (all, copied)
    }

    #[test]
    fn a_byte_is_masked_once_however_small_the_writes() {
        for (payload, write) in
            [(4 << 20, 1448), (1 << 20, 3), (100_000, 1), (65_536, 65_535), (300_000, 299_999)]
        {
            let (all, copied) = copied(&alloc::vec![7; payload].into(), write);
            assert_eq!(copied, all, "{payload} bytes in writes of {write}");
        }
    }

    #[test]
    fn a_queue_that_never_drains_does_not_grow() {
        for mask in [None, Some(Mask::new(KEY))] {
            let (mut queue, mut room) = (Queue::default(), Room::new());
            let payload = Bytes::from(alloc::vec![7; 100_000]);
            let append = |queue: &mut Queue, room: &mut Room| {
                room.append_header(0x82, payload.len(), Some(KEY));
                queue.push(room, payload.clone(), mask.clone());
            };
            (0..10).for_each(|_| append(&mut queue, &mut room));
            let all = queue.len() + room.len();
            for _ in 0..1000 {
                append(&mut queue, &mut room);
                let mut left = all / 10;
                while left > 0 {
                    queue.mask_next(&mut room);
                    let n = left.min(unsent(&queue, &room));
                    queue.remove(n, &mut room);
                    left -= n;
                }
            }
            assert_eq!(queue.len() + room.len(), all);
            assert!(queue.pieces.capacity() <= 32, "{}", queue.pieces.capacity());
            assert!(queue.masked.capacity() <= 2 * MASKED_AT_ONCE, "{}", queue.capacity());
            assert!(room.capacity() <= 1000, "{}", room.capacity());
        }
    }
}
