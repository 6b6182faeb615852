//! Copies of long payloads.
//!
//! From a few KiB on, `memcpy` uses an instruction of the processor for strings of bytes. On some
//! processors (AMD's Zen 3 and later) it takes up to 24 times as long if the copy begins 1 to 63
//! bytes further into a page than the original does. Two large buffers begin at the same place in a
//! page, and a header comes before the payload, so that is no rare case. Short pieces are copied
//! with vectors instead.

use alloc::vec::Vec;

/// The longest piece that is copied with vectors everywhere.
const PIECE: usize = 2 << 10;
/// What the addresses are compared by: 4 KiB.
const PAGE: usize = 4 << 10;
/// How far ahead in its page a copy is slow.
const SLOW: usize = 64;

/// Copies bytes. Both slices have the same length.
#[inline]
pub(super) fn copy(from: &[u8], to: &mut [u8]) {
    if from.len() <= PIECE {
        to.copy_from_slice(from);
    } else {
        copy_long(from, to);
    }
}

#[inline(never)]
fn copy_long(from: &[u8], to: &mut [u8]) {
    if is_slow(from, to) {
        for (from, to) in from.chunks(PIECE).zip(to.chunks_mut(PIECE)) {
            to.copy_from_slice(from);
        }
    } else {
        to.copy_from_slice(from);
    }
}

/// Appends a copy of bytes.
pub(super) fn append(from: &[u8], to: &mut Vec<u8>) {
    to.reserve(from.len());
    if from.len() > PIECE && is_slow(from, to.spare_capacity_mut()) {
        for from in from.chunks(PIECE) {
            to.extend_from_slice(from);
        }
    } else {
        to.extend_from_slice(from);
    }
}

fn is_slow<T>(from: &[u8], to: &[T]) -> bool {
    let ahead = to.as_ptr().addr().wrapping_sub(from.as_ptr().addr()) % PAGE;
    (1..SLOW).contains(&ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Around each length and distance at which another way is taken.
    #[test]
    fn a_copy_is_the_original_wherever_both_are() {
        let original: Vec<u8> = (0_u32..20_000).map(|i| (i % 251) as u8).collect();
        for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7] {
            for distance in [0, 1, 10, SLOW - 1, SLOW, SLOW + 1, PAGE - 1, PAGE, PAGE + 1] {
                let from = &original[100..100 + len];
                let mut room = alloc::vec![0_u8; 3 * PAGE + len];
                let start = from.as_ptr().addr().wrapping_sub(room.as_ptr().addr()) % PAGE;
                let start = start + distance;
                let to = &mut room[start..start + len];
                assert_eq!(is_slow(from, to), (1..SLOW).contains(&(distance % PAGE)));
                copy(from, to);
                assert_eq!(to, from);
                assert!(room[..start].iter().chain(&room[start + len..]).all(|byte| *byte == 0));

                let mut room = Vec::<u8>::with_capacity(3 * PAGE + len);
                let start = from.as_ptr().addr().wrapping_sub(room.as_ptr().addr()) % PAGE;
                room.resize(start + distance, 9);
                append(from, &mut room);
                assert_eq!(room.split_off(start + distance), from);
                assert!(room.iter().all(|byte| *byte == 9));
            }
        }
    }
}
