//! Masking (RFC 6455 §5.3): XOR with a four-byte key, resumable at any byte.

use alloc::vec::Vec;
use core::fmt;

/// A masking key and the position in the payload.
///
/// Masking and unmasking are the same operation. A payload may come in pieces of any size; the mask
/// remembers where in the key the next piece begins.
///
/// ```
/// use hybi::frame::Mask;
///
/// let mut payload = *b"Hello";
/// let (front, back) = payload.split_at_mut(2);
/// let mut mask = Mask::new([0x37, 0xfa, 0x21, 0x3d]);
/// mask.apply(front);
/// mask.apply(back);
/// assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]); // RFC 6455 §5.7
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Mask {
    /// The key, rotated so that its first byte is for the next byte of the payload.
    key: [u8; 4],
}

impl Mask {
    /// Creates a mask at the start of a payload.
    #[inline]
    #[must_use]
    pub const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Masks or unmasks the next piece of the payload in place.
    #[inline(always)]
    pub fn apply(&mut self, piece: &mut [u8]) {
        xor(self.key, piece);
        self.skip(piece.len());
    }

    /// Appends the next piece of the payload to `out`, masked or unmasked. Faster than to copy it
    /// first and then [apply](Self::apply) the mask.
    ///
    /// ```
    /// use hybi::frame::Mask;
    ///
    /// let mut out = Vec::new();
    /// Mask::new([0x37, 0xfa, 0x21, 0x3d]).append(b"Hello", &mut out);
    /// assert_eq!(out, [0x7f, 0x9f, 0x4d, 0x51, 0x58]); // RFC 6455 §5.7
    /// ```
    #[inline]
    pub fn append(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        append_xored(self.key, piece, out);
        self.skip(piece.len());
    }

    /// Masks or unmasks the next piece as [`apply`](Self::apply), and returns whether the result is
    /// ASCII: in one pass.
    #[inline]
    pub(crate) fn apply_to_ascii(&mut self, piece: &mut [u8]) -> bool {
        let is_ascii = xor_to_ascii(self.key, piece);
        self.skip(piece.len());
        is_ascii
    }

    /// Copies the next piece of the payload to `to`, masked or unmasked. Both have the same length.
    #[inline]
    pub(crate) fn copy(&mut self, piece: &[u8], to: &mut [u8]) {
        copy_xored(self.key, piece, to);
        self.skip(piece.len());
    }

    /// Copies a payload of at most 125 bytes, likewise.
    #[inline(always)]
    pub(crate) fn copy_short(&self, payload: &[u8], to: &mut [u8]) {
        copy_short_xored(self.key, payload, to);
    }

    /// Returns the key of a mask that is at the start of a payload and does what this one does.
    #[inline]
    pub(crate) const fn key(&self) -> [u8; 4] {
        self.key
    }

    /// Returns the mask that does what this one and then `other` do: to mask anew in one pass.
    #[inline]
    pub(crate) fn and_then(&self, other: &Self) -> Self {
        let [a, b] = [self, other].map(|mask| u32::from_ne_bytes(mask.key));
        Self { key: (a ^ b).to_ne_bytes() }
    }

    /// Returns whether masking changes nothing.
    #[inline]
    pub(crate) fn is_identity(&self) -> bool {
        self.key == [0; 4]
    }

    /// Moves on by `n` bytes, as if they had been masked.
    #[inline]
    pub fn skip(&mut self, n: usize) {
        self.key = turned(self.key, n);
    }
}

/// Does not print the key: a log must not help anybody to predict what is on the wire (RFC 6455
/// §10.3).
impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask(..)")
    }
}

/// Returns the key for the bytes that follow after `n` others.
#[inline]
fn turned(key: [u8; 4], n: usize) -> [u8; 4] {
    u32::from_le_bytes(key).rotate_right((n as u32 % 4).saturating_mul(8)).to_le_bytes()
}

/// XORs `bytes` with the repeated key.
#[inline]
fn xor(key: [u8; 4], bytes: &mut [u8]) {
    #[cfg(feature = "simd")]
    if bytes.len() >= wide::FROM {
        return wide::xor(key, bytes);
    }
    xor_words(key, bytes);
}

/// [`xor`], and whether the result is ASCII.
fn xor_to_ascii(key: [u8; 4], bytes: &mut [u8]) -> bool {
    #[cfg(feature = "simd")]
    if bytes.len() >= wide::FROM {
        return wide::xor_to_ascii(key, bytes);
    }
    xor_words(key, bytes);
    bytes.is_ascii()
}

/// Appends `bytes`, XORed with the repeated key.
#[inline(always)]
fn append_xored(key: [u8; 4], bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len());
    match bytes.len() {
        0..8 => {
            let start = out.len();
            out.extend_from_slice(bytes);
            xor_words(key, out.get_mut(start..).unwrap_or_default());
        }
        8..32 => append_blocks::<8>(key, bytes, out),
        32..256 => append_blocks::<32>(key, bytes, out),
        #[cfg(feature = "simd")]
        wide::FROM.. => wide::append(key, bytes, out),
        #[cfg(not(feature = "simd"))]
        _ => append_blocks::<256>(key, bytes, out),
    }
}

/// Copies `from` to `to`, XORed with the repeated key. Both have the same length.
#[inline]
fn copy_xored(key: [u8; 4], from: &[u8], to: &mut [u8]) {
    match from.len() {
        0..128 => copy_short_xored(key, from, to),
        #[cfg(feature = "simd")]
        wide::FROM.. => wide::copy(key, from, to),
        _ => copy_blocks::<32>(key, from, to),
    }
}

/// [`copy_xored`] for less than 128 bytes.
#[inline(always)]
fn copy_short_xored(key: [u8; 4], from: &[u8], to: &mut [u8]) {
    match from.len() {
        64.. => copy_ends::<64>(key, from, to),
        32.. => copy_ends::<32>(key, from, to),
        16.. => copy_ends::<16>(key, from, to),
        8.. => copy_ends::<8>(key, from, to),
        _ => {
            for ((to, byte), key) in to.iter_mut().zip(from).zip(key.into_iter().cycle()) {
                *to = byte ^ key;
            }
        }
    }
}

/// [`copy_xored`] for at least `N` bytes and at most twice as many: the first and the last, which
/// may overlap.
#[inline(always)]
fn copy_ends<const N: usize>(key: [u8; 4], from: &[u8], to: &mut [u8]) {
    if let (Some(start), Some(end)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
        // Both are loaded before either is stored, so that all are wide loads.
        let rest = turned(key, from.len().saturating_sub(N));
        let (start, end) = (xored(key, *start), xored(rest, *end));
        if let Some(to) = to.first_chunk_mut() {
            *to = start;
        }
        if let Some(to) = to.last_chunk_mut() {
            *to = end;
        }
    }
}

/// [`copy_xored`] for `N` bytes or more, in blocks of `N`.
#[inline(always)]
fn copy_blocks<const N: usize>(key: [u8; 4], from: &[u8], to: &mut [u8]) {
    for (from, to) in from.as_chunks::<N>().0.iter().zip(to.as_chunks_mut::<N>().0) {
        *to = xored(key, *from);
    }
    // The last block overlaps the one before, and writes the same bytes over it.
    if let (Some(from_end), Some(to_end)) = (from.last_chunk::<N>(), to.last_chunk_mut::<N>()) {
        *to_end = xored(turned(key, from.len().saturating_sub(N)), *from_end);
    }
}

/// [`xor`] in words, which LLVM vectorizes. The last word overlaps the one before, and is read
/// before that is written, so no byte is masked alone.
#[inline(always)]
fn xor_words(key: [u8; 4], bytes: &mut [u8]) {
    let end = turned(key, bytes.len());
    if let Some(last) = bytes.last_chunk::<8>().map(|last| xored(end, *last)) {
        for word in bytes.as_chunks_mut::<8>().0 {
            *word = xored(key, *word);
        }
        if let Some(slot) = bytes.last_chunk_mut() {
            *slot = last;
        }
    } else if let Some(last) = bytes.last_chunk::<4>().map(|last| xored_word(end, *last)) {
        if let Some(first) = bytes.first_chunk_mut::<4>() {
            *first = xored_word(key, *first);
        }
        if let Some(slot) = bytes.last_chunk_mut() {
            *slot = last;
        }
    } else {
        for (byte, key) in bytes.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}

/// [`xor_to_ascii`] in blocks of a few wide vectors. Each word of a block has a sum of its own, so
/// that the sums are vectors, too.
#[cfg(feature = "simd")]
#[inline(always)]
fn xor_blocks_to_ascii(key: [u8; 4], bytes: &mut [u8]) -> bool {
    const NOT_ASCII: u64 = 0x8080_8080_8080_8080;
    let mut seen = [0u64; 32];
    let (blocks, rest) = bytes.as_chunks_mut::<256>();
    for block in blocks {
        *block = xored(key, *block);
        for (seen, word) in seen.iter_mut().zip(block.as_chunks::<8>().0) {
            *seen |= u64::from_ne_bytes(*word);
        }
    }
    xor_words(key, rest);
    seen.iter().fold(0, |all, word| all | word) & NOT_ASCII == 0 && rest.is_ascii()
}

/// [`append_xored`] for `N` bytes or more, in blocks of `N`. A block of constant length becomes a
/// few wide loads and stores in every build profile; an iterator over all bytes does so only with
/// link-time optimisation.
#[inline(always)]
fn append_blocks<const N: usize>(key: [u8; 4], bytes: &[u8], out: &mut Vec<u8>) {
    debug_assert!(bytes.len() >= N, "there must be a last block");
    let (blocks, rest) = bytes.as_chunks::<N>();
    for block in blocks {
        out.extend_from_slice(&xored(key, *block));
    }
    if let (1.., Some(last)) = (rest.len(), bytes.last_chunk::<N>()) {
        // The last block overlaps the one before, and writes the same bytes over it.
        let key = turned(key, bytes.len().saturating_sub(N));
        out.truncate(out.len().saturating_add(rest.len()).saturating_sub(N));
        out.extend_from_slice(&xored(key, *last));
    }
}

/// Returns a block XORed with the repeated key. `N` is a multiple of eight.
#[inline(always)]
fn xored<const N: usize>(key: [u8; 4], mut block: [u8; N]) -> [u8; N] {
    let key = u64::from(u32::from_ne_bytes(key));
    let key = key << 32 | key;
    for word in block.as_chunks_mut::<8>().0 {
        *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    block
}

/// Returns a word XORed with the key.
#[inline(always)]
fn xored_word(key: [u8; 4], word: [u8; 4]) -> [u8; 4] {
    (u32::from_ne_bytes(key) ^ u32::from_ne_bytes(word)).to_ne_bytes()
}

/// The same for longer pieces, with the widest vectors that the processor has.
#[cfg(feature = "simd")]
mod wide {
    use alloc::vec::Vec;
    use std::sync::OnceLock;

    use fearless_simd::{Level, dispatch};

    use super::{
        append_blocks, copy_blocks, copy_short_xored, turned, xor_blocks_to_ascii, xor_words,
    };

    /// In shorter pieces, choosing the code by the processor costs more than it gains.
    pub(super) const FROM: usize = 256;

    /// Detected CPU features, cached because detection takes ~40 instructions.
    static LEVEL: OnceLock<Level> = OnceLock::new();

    /// From this length on, the first bytes are handled alone, so that the vectors that are stored
    /// lie in one cache line each. Vectors that cross two lines take a quarter longer.
    const ALIGN_FROM: usize = 2 << 10;
    const CACHE_LINE: usize = 64;

    #[inline(never)]
    pub(super) fn xor(key: [u8; 4], bytes: &mut [u8]) {
        let (key, bytes) =
            if bytes.len() < ALIGN_FROM { (key, bytes) } else { xor_to_line(key, bytes) };
        dispatch!(*LEVEL.get_or_init(Level::new), _ => xor_words(key, bytes));
    }

    #[inline(never)]
    pub(super) fn xor_to_ascii(key: [u8; 4], bytes: &mut [u8]) -> bool {
        dispatch!(*LEVEL.get_or_init(Level::new), _ => xor_blocks_to_ascii(key, bytes))
    }

    /// XORs up to the start of a cache line and returns the rest.
    fn xor_to_line(key: [u8; 4], bytes: &mut [u8]) -> ([u8; 4], &mut [u8]) {
        let before = bytes.as_ptr().align_offset(CACHE_LINE).min(bytes.len());
        let (start, lines) = bytes.split_at_mut(before);
        xor_words(key, start);
        (turned(key, before), lines)
    }

    #[inline(never)]
    pub(super) fn copy(mut key: [u8; 4], mut from: &[u8], mut to: &mut [u8]) {
        if to.len() >= ALIGN_FROM {
            let before = to.as_ptr().align_offset(CACHE_LINE);
            if let (Some(from), Some(to)) = (from.split_off(..before), to.split_off_mut(..before)) {
                copy_short_xored(key, from, to);
                key = turned(key, before);
            }
        }
        dispatch!(*LEVEL.get_or_init(Level::new), _ => copy_blocks::<256>(key, from, to));
    }

    #[inline(never)]
    pub(super) fn append(key: [u8; 4], bytes: &[u8], out: &mut Vec<u8>) {
        dispatch!(*LEVEL.get_or_init(Level::new), _ => append_blocks::<256>(key, bytes, out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn is_the_formula_of_the_rfc_at_every_length_and_cut() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let original: Vec<u8> = (0..150u8).map(|i| i.wrapping_mul(37)).collect();
        let formula: Vec<u8> =
            original.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        for len in 0..=original.len() {
            for cut in 0..=len {
                let mut bytes = original[..len].to_vec();
                let mut mask = Mask::new(key);
                let (front, back) = bytes.split_at_mut(cut);
                mask.apply(front);
                mask.apply(back);
                assert_eq!(bytes, formula[..len], "len {len}, cut {cut}");

                let (mut appended, mut mask) = (b"before".to_vec(), Mask::new(key));
                let (front, back) = original[..len].split_at(cut);
                mask.append(front, &mut appended);
                mask.append(back, &mut appended);
                assert_eq!(appended, [b"before", &formula[..len]].concat(), "len {len}, cut {cut}");

                let (mut copied, mut mask) = (alloc::vec![0; len], Mask::new(key));
                let (to_front, to_back) = copied.split_at_mut(cut);
                mask.copy(front, to_front);
                mask.copy(back, to_back);
                assert_eq!(copied, formula[..len], "len {len}, cut {cut}");
                if len < 126 {
                    copied.fill(0);
                    Mask::new(key).copy_short(&original[..len], &mut copied);
                    assert_eq!(copied, formula[..len], "len {len}");
                }
            }
        }
    }

    /// Long pieces take another path, which depends on their address.
    #[test]
    fn is_the_formula_of_the_rfc_wherever_long_payloads_lie() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let original: Vec<u8> = (0..3000u32).map(|i| (i * 37 % 251) as u8).collect();
        for (start, end) in
            (0..130).flat_map(|start| (2040..2060).map(move |len| (start, start + len)))
        {
            let mut bytes = original.clone();
            let mut mask = Mask::new(key);
            mask.apply(&mut bytes[start..end]);
            let formula = |(i, byte): (usize, &u8)| byte ^ key[i % 4];
            let masked: Vec<u8> = original[start..end].iter().enumerate().map(formula).collect();
            assert_eq!(
                bytes,
                [&original[..start], &masked, &original[end..]].concat(),
                "{start}..{end}"
            );
            assert_eq!(mask, Mask::new(turned(key, end - start)));

            let mut copied = alloc::vec![0; original.len()];
            let mut mask = Mask::new(key);
            mask.copy(&original[start..end], &mut copied[start..end]);
            assert_eq!(copied[start..end], masked, "{start}..{end}");
            assert_eq!(
                copied.iter().filter(|byte| **byte != 0).count(),
                masked.iter().filter(|byte| **byte != 0).count(),
                "{start}..{end}: others are untouched"
            );
            assert_eq!(mask, Mask::new(turned(key, end - start)));
        }
    }

    /// Covers the lengths at which the block size changes, and last blocks that overlap.
    #[test]
    fn is_the_formula_of_the_rfc_appended_at_every_length() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let original: Vec<u8> = (0..1100u32).map(|i| (i * 37 % 251) as u8).collect();
        let formula: Vec<u8> =
            original.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        for len in 0..=original.len() {
            let mut out = Vec::with_capacity(6 + len);
            out.extend_from_slice(b"before");
            let (room, mut mask) = (out.capacity(), Mask::new(key));
            mask.append(&original[..len], &mut out);
            assert_eq!(out, [b"before", &formula[..len]].concat(), "{len}");
            assert_eq!(out.capacity(), room, "{len} bytes need no more room than that");
            assert_eq!(mask, Mask::new(turned(key, len)));

            let (mut copied, mut mask) = (alloc::vec![0; len], Mask::new(key));
            mask.copy(&original[..len], &mut copied);
            assert_eq!(copied, formula[..len], "{len}");
            assert_eq!(mask, Mask::new(turned(key, len)));
        }
    }

    /// The lengths at which the way changes, with one byte that is not ASCII anywhere, or none.
    #[test]
    fn ascii_is_seen_in_passing() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in [0, 1, 7, 8, 9, 63, 255, 256, 257, 300, 512, 777] {
            for odd in (0..=len).step_by(if len < 100 { 1 } else { 7 }).chain([len]) {
                let mut text: Vec<u8> = (0..len).map(|i| (i * 37 % 128) as u8).collect();
                if let Some(byte) = text.get_mut(odd) {
                    *byte |= 0x80;
                }
                let mut bytes = text.clone();
                Mask::new(key).apply(&mut bytes);
                let mut mask = Mask::new(key);
                assert_eq!(mask.apply_to_ascii(&mut bytes), odd >= len, "{odd} of {len}");
                assert_eq!(bytes, text);
                assert_eq!(mask, Mask::new(turned(key, len)));
            }
        }
    }

    #[test]
    fn a_key_is_turned_by_what_was_masked() {
        for (n, key) in [(0, [1, 2, 3, 4]), (1, [2, 3, 4, 1]), (2, [3, 4, 1, 2]), (3, [4, 1, 2, 3])]
        {
            assert_eq!(turned([1, 2, 3, 4], n), key);
            assert_eq!(turned([1, 2, 3, 4], usize::MAX - 3 + n), key);
        }
    }

    #[test]
    fn debug_output_hides_the_key() {
        assert_eq!(alloc::format!("{:?}", Mask::new([1, 2, 3, 4])), "Mask(..)");
    }
}
