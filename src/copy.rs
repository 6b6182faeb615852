//! Copies of long payloads.
//!
//! Above some 2 KiB, glibc's `memcpy` uses `rep movs`. On some processors that is many times slower
//! if the copy begins up to 63 bytes further into a page than the original. A header before a
//! payload causes just that if both buffers begin at a page, as large ones do. Shorter pieces are
//! copied with vectors.

use alloc::string::String;
use alloc::vec::Vec;

/// The length of a piece.
const PIECE: usize = 2 << 10;
/// The size of a page: addresses are compared modulo that.
const PAGE: usize = 4 << 10;
/// A copy is slow if it begins less than this ahead of the original.
const SLOW: usize = 64;

/// Copies bytes. Both slices have the same length.
#[inline]
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
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
pub(crate) fn append(from: &[u8], to: &mut Vec<u8>) {
    to.reserve(from.len());
    if from.len() > PIECE && is_slow(from, to.spare_capacity_mut()) {
        for from in from.chunks(PIECE) {
            to.extend_from_slice(from);
        }
    } else {
        to.extend_from_slice(from);
    }
}

/// Appends a copy of text, always in pieces: it comes a few KiB at a time.
#[inline]
pub(crate) fn append_text(mut from: &str, to: &mut String) {
    while let Some((front, rest)) = split(from) {
        to.push_str(front);
        from = rest;
    }
    to.push_str(from);
}

/// Splits a piece off a longer text. A code point has at most four bytes, so one of four places is
/// a boundary.
fn split(text: &str) -> Option<(&str, &str)> {
    (0..4).find_map(|back| text.split_at_checked(PIECE.saturating_sub(back)))
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

    #[test]
    fn a_long_text_is_appended_whole_wherever_code_points_are_cut() {
        for unit in ["a", "\u{e9}", "\u{20ac}", "\u{1f600}", "a\u{1f600}\u{20ac}"] {
            for lead in ["", "b", "bb", "bbb"] {
                let piece = lead.chars().chain(unit.chars().cycle().take(5000)).collect::<String>();
                let mut text = String::from("before");
                append_text(&piece, &mut text);
                assert_eq!(text.strip_prefix("before"), Some(&*piece));
            }
        }
    }
}
