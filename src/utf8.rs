//! Incremental UTF-8 validation that fails at the first bad byte (RFC 6455 §8.1, RFC 3629).
//!
//! The standard library, or `simdutf8`, validates whole pieces. This module adds code points that a
//! frame, a fragment or a read has split.

use core::{fmt, str};

/// The start of a split code point, whose other bytes have not arrived. Empty if none is split.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CutCodePoint {
    bytes: [u8; 3],
    len: u8, // Invariant: at most 3, and `bytes[..len]` is the start of a code point
}

/// The verdict on a piece of text. The `&str` is its valid prefix.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Checked<'a> {
    /// Valid so far. At most the start of a code point follows.
    Possible(&'a str, CutCodePoint),
    /// A byte follows that no continuation can make UTF-8.
    Impossible(&'a str),
}

/// Checks a piece of text that begins with a code point.
#[inline]
pub(crate) fn check(piece: &[u8]) -> Checked<'_> {
    let (body, start) = piece.split_at(border(piece));
    match (validate(body), CutCodePoint::new(start)) {
        (Some(valid), Some(cut)) => Checked::Possible(valid, cut),
        _ => check_fault(piece),
    }
}

/// Returns where the last code point begins if it is split; otherwise the length.
#[inline]
fn border(piece: &[u8]) -> usize {
    let len = piece.len();
    for (i, &byte) in piece.iter().rev().take(3).enumerate() {
        let whole = match byte {
            0x80..=0xbf => continue, // after a first byte
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0.. => 4,
            _ => 1,
        };
        let present = i.saturating_add(1);
        return if whole > present { len.saturating_sub(present) } else { len };
    }
    len
}

/// Returns the bytes as text, or `None` if they are not entirely UTF-8 (RFC 3629). With feature
/// `simd` it is several times as fast as the standard library.
///
/// ```
/// assert_eq!(hybi::utf8::validate(b"caf\xc3\xa9"), Some("caf\u{e9}"));
/// assert_eq!(hybi::utf8::validate(b"caf\xe9"), None);
/// ```
#[inline]
#[must_use]
pub fn validate(bytes: &[u8]) -> Option<&str> {
    #[cfg(feature = "simd")]
    return simdutf8::basic::from_utf8(bytes).ok();
    #[cfg(not(feature = "simd"))]
    return str::from_utf8(bytes).ok();
}

/// Finds the valid prefix of a piece that is not UTF-8.
#[cold]
fn check_fault(piece: &[u8]) -> Checked<'_> {
    #[cfg(feature = "simd")]
    let valid_up_to = simdutf8::compat::from_utf8(piece).err().map(|error| error.valid_up_to());
    #[cfg(not(feature = "simd"))]
    let valid_up_to = str::from_utf8(piece).err().map(|error| error.valid_up_to());
    let valid = piece.split_at_checked(valid_up_to.unwrap_or(piece.len())).unwrap_or_default().0;
    Checked::Impossible(validate(valid).unwrap_or_default())
}

impl CutCodePoint {
    /// Keeps the start of a code point. Returns `None` if no code point starts like this.
    #[inline]
    fn new(start: &[u8]) -> Option<Self> {
        let mut cut = Self::default();
        if start.is_empty() {
            return Some(cut);
        }
        // An error without a length means that the text ends in a code point that is possible.
        let error = str::from_utf8(start).err()?;
        if error.valid_up_to() > 0 || error.error_len().is_some() {
            return None;
        }
        for (slot, byte) in cut.bytes.iter_mut().zip(start) {
            *slot = *byte;
            cut.len = cut.len.saturating_add(1);
        }
        Some(cut)
    }

    /// Returns whether no code point is split.
    #[inline]
    pub(crate) const fn is_none(self) -> bool {
        self.len == 0
    }

    /// Returns the bytes that have arrived.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Returns how many bytes are missing.
    pub(crate) fn missing(self) -> usize {
        let [first, ..] = self.bytes;
        let whole: usize = match first {
            _ if self.is_none() => 0,
            0xf0.. => 4,
            0xe0.. => 3,
            _ => 2,
        };
        whole.saturating_sub(usize::from(self.len))
    }

    /// Adds the next bytes, at most as many as are [missing](Self::missing). Returns the code point
    /// once it is complete, and an error if these bytes cannot follow.
    pub(crate) fn resume(&mut self, next: &[u8]) -> Result<Option<char>, ()> {
        debug_assert!(next.len() <= self.missing());
        let mut bytes = [0; 4];
        let mut len = 0usize;
        for (slot, byte) in bytes.iter_mut().zip(self.bytes().iter().chain(next)) {
            *slot = *byte;
            len = len.saturating_add(1);
        }
        match check(bytes.get(..len).unwrap_or_default()) {
            Checked::Possible(whole, cut) => {
                *self = cut;
                Ok(whole.chars().next())
            }
            Checked::Impossible(_) => Err(()),
        }
    }
}

/// Prints how many bytes have arrived, not the bytes: they are a user's text.
impl fmt::Debug for CutCodePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CutCodePoint").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    /// Checks `bytes` in pieces of this length. Returns the text and whether it ends with a whole
    /// code point, or how many bytes it took to see that it is not UTF-8.
    fn verdict(bytes: &[u8], piece_len: usize) -> Result<(String, bool), usize> {
        let (mut text, mut cut) = (String::new(), CutCodePoint::default());
        let mut seen = 0;
        for mut piece in bytes.chunks(piece_len) {
            while !piece.is_empty() {
                let take = cut.missing().min(piece.len());
                if take > 0 {
                    let (next, rest) = piece.split_at(take);
                    piece = rest;
                    seen += take;
                    text.extend(cut.resume(next).map_err(|()| seen)?);
                } else {
                    seen += piece.len();
                    match check(piece) {
                        Checked::Possible(valid, rest) => {
                            text.push_str(valid);
                            cut = rest;
                        }
                        Checked::Impossible(_) => return Err(seen),
                    }
                    piece = &[];
                }
            }
        }
        Ok((text, cut.is_none()))
    }

    /// Returns what the definition says: the first length at which nothing that follows makes it
    /// UTF-8.
    fn impossible_at(bytes: &[u8]) -> Option<usize> {
        (1..=bytes.len())
            .find(|&len| str::from_utf8(&bytes[..len]).is_err_and(|e| e.error_len().is_some()))
    }

    #[test]
    fn every_sequence_of_three_bytes_and_many_of_four_fail_at_the_earliest_byte() {
        // The bounds of all ranges in the table of RFC 3629 §4, and a byte on either side of each.
        let bytes = [
            0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
            0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ];
        for a in bytes {
            for b in bytes {
                for c in bytes {
                    for d in bytes {
                        let sequence = [a, b, c, d];
                        let got = verdict(&sequence, 1);
                        match impossible_at(&sequence) {
                            Some(at) => assert_eq!(got, Err(at), "{sequence:02x?}"),
                            None => {
                                let whole = str::from_utf8(&sequence);
                                assert_eq!(
                                    got.as_ref().map(|(_, whole)| *whole),
                                    Ok(whole.is_ok()),
                                    "{sequence:02x?}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_code_point_survives_every_cut() {
        for c in ('\0'..=char::MAX).step_by(7).chain([
            '\u{d7ff}',
            '\u{e000}',
            '\u{ffff}',
            '\u{10000}',
            char::MAX,
        ]) {
            let mut buf = [0; 4];
            let bytes: Vec<u8> = [b"a", c.encode_utf8(&mut buf).as_bytes(), b"b"].concat();
            for piece_len in 1..=bytes.len() {
                assert_eq!(verdict(&bytes, piece_len), Ok((alloc::format!("a{c}b"), true)));
            }
        }
    }
}
