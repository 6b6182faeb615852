//! Masking (RFC 6455 §5.3): XOR with a four-byte key, resumable at any byte.

use alloc::vec::Vec;
use core::fmt;
#[cfg(feature = "simd")]
use std::sync::OnceLock;

/// A masking key, and how far into the payload it has come.
///
/// Masking and unmasking are the same operation. A payload may be handed over in pieces of any size; the
/// mask remembers where in the key the next piece begins.
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
    /// The key, turned so that its first byte is the one for the next byte of the payload.
    key: [u8; 4],
}

impl Mask {
    /// A mask at the start of a payload.
    #[inline]
    #[must_use]
    pub const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Masks (or unmasks) the next piece of the payload in place.
    #[inline]
    pub fn apply(&mut self, piece: &mut [u8]) {
        xor(self.key, piece);
        self.skip(piece.len());
    }

    /// Appends the next piece of the payload to `out`, masked (or unmasked): in one pass, where copying first would
    /// take two.
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

    /// Moves on as if `n` bytes had been masked.
    #[inline]
    pub fn skip(&mut self, n: usize) {
        self.key = turned(self.key, n);
    }
}

/// Never prints the key: it would end up in logs, and a peer that can read them can predict frames.
impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask(..)")
    }
}

/// The key for the bytes that come after `n` others.
#[inline]
pub(crate) fn turned([a, b, c, d]: [u8; 4], n: usize) -> [u8; 4] {
    match n % 4 {
        1 => [b, c, d, a],
        2 => [c, d, a, b],
        3 => [d, a, b, c],
        _ => [a, b, c, d],
    }
}

/// XORs `bytes` with the key, repeated from its first byte on.
#[inline]
fn xor(key: [u8; 4], bytes: &mut [u8]) {
    /// Below this, finding out what the processor has costs more than it gains.
    #[cfg(feature = "simd")]
    const WIDE_FROM: usize = 256;
    #[cfg(feature = "simd")]
    if bytes.len() >= WIDE_FROM {
        return xor_wide(key, bytes);
    }
    xor_words(key, bytes);
}

/// Appends `bytes`, XORed likewise. An iterator of known length, over words, is what the compiler makes one pass of
/// vectors of.
#[inline]
fn append_xored(key: [u8; 4], bytes: &[u8], out: &mut Vec<u8>) {
    let key32 = u32::from_ne_bytes(key);
    let key64 = u64::from(key32) << 32 | u64::from(key32);
    let (words, rest) = bytes.as_chunks::<8>();
    out.extend(words.iter().flat_map(|word| (u64::from_ne_bytes(*word) ^ key64).to_ne_bytes()));
    let start = out.len();
    out.extend_from_slice(rest);
    xor_words(key, out.get_mut(start..).unwrap_or_default());
}

/// [`xor_words`], compiled for the widest vectors that the processor has.
#[cfg(feature = "simd")]
#[inline(never)]
fn xor_wide(key: [u8; 4], bytes: &mut [u8]) {
    const ALIGN_FROM: usize = 2 << 10;
    /// What the processor has: asked once, for that takes forty instructions.
    static LEVEL: OnceLock<fearless_simd::Level> = OnceLock::new();
    let (key, bytes) = if bytes.len() < ALIGN_FROM { (key, bytes) } else { xor_to_line(key, bytes) };
    fearless_simd::dispatch!(*LEVEL.get_or_init(fearless_simd::Level::new), _ => xor_words(key, bytes));
}

/// XORs up to the start of a cache line; what remains. Vectors that lie across two lines take a quarter longer.
#[cfg(feature = "simd")]
fn xor_to_line(key: [u8; 4], bytes: &mut [u8]) -> ([u8; 4], &mut [u8]) {
    const CACHE_LINE: usize = 64;
    let before = bytes.as_ptr().align_offset(CACHE_LINE).min(bytes.len());
    let (start, lines) = bytes.split_at_mut(before);
    xor_words(key, start);
    (turned(key, before), lines)
}

#[inline(always)]
fn xor_words(key: [u8; 4], bytes: &mut [u8]) {
    let key32 = u32::from_ne_bytes(key);
    let key64 = u64::from(key32) << 32 | u64::from(key32);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ key64).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
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
        let formula: Vec<u8> = original.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
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
            }
        }
    }

    /// Long ones go another way, which depends on where they lie.
    #[test]
    fn is_the_formula_of_the_rfc_wherever_long_payloads_lie() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let original: Vec<u8> = (0..3000u32).map(|i| (i * 37 % 251) as u8).collect();
        for (start, end) in (0..130).flat_map(|start| (2040..2060).map(move |len| (start, start + len))) {
            let mut bytes = original.clone();
            let mut mask = Mask::new(key);
            mask.apply(&mut bytes[start..end]);
            let formula = |(i, byte): (usize, &u8)| byte ^ key[i % 4];
            let masked: Vec<u8> = original[start..end].iter().enumerate().map(formula).collect();
            assert_eq!(bytes, [&original[..start], &masked, &original[end..]].concat(), "{start}..{end}");
            assert_eq!(mask, Mask::new(turned(key, end - start)));
        }
    }

    #[test]
    fn debug_output_hides_the_key() {
        assert_eq!(alloc::format!("{:?}", Mask::new([1, 2, 3, 4])), "Mask(..)");
    }
}
