//! Incremental UTF-8 validation, fail-fast (RFC 6455 §8.1, RFC 3629).
//!
//! The validation itself is the standard library's; what is added here is the code point that a frame, a
//! fragment or a read has cut in two.

use alloc::string::String;
use alloc::vec::Vec;
use core::str;

/// The start of a code point whose other bytes have not arrived: at most three bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CutCodePoint {
    bytes: [u8; 3],
    len: u8, // Invariant: at most 3, and `bytes[..len]` is the start of a code point
}

/// What a piece of text turned out to be. `valid` is a prefix of the piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Checked<'a> {
    /// `valid`, and behind it at most the start of a code point.
    Possible(&'a str, CutCodePoint),
    /// `valid`, and behind it a byte that no continuation can make UTF-8.
    Impossible(&'a str),
}

/// Checks a piece of text that begins at the border of a code point.
#[inline]
pub(crate) fn check(piece: &[u8]) -> Checked<'_> {
    let (body, start) = piece.split_at(border(piece));
    match (whole(body), CutCodePoint::new(start)) {
        (Some(valid), Some(cut)) => Checked::Possible(valid, cut),
        _ => check_fault(piece),
    }
}

/// Where the last code point begins, if it is cut; otherwise the length.
#[inline]
fn border(piece: &[u8]) -> usize {
    let len = piece.len();
    for (i, &byte) in piece.iter().rev().take(3).enumerate() {
        let whole = match byte {
            0x80..=0xbf => continue, // behind a first byte
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

/// The text that these bytes are, if they are UTF-8 to the end.
#[inline]
pub(crate) fn whole(bytes: &[u8]) -> Option<&str> {
    #[cfg(feature = "simd")]
    return simdutf8::basic::from_utf8(bytes).ok();
    #[cfg(not(feature = "simd"))]
    return str::from_utf8(bytes).ok();
}

/// As [`check`], for bytes that are ours: the valid prefix, and what is behind it unless that is impossible.
pub(crate) fn check_owned(piece: Vec<u8>) -> (String, Option<CutCodePoint>) {
    match String::from_utf8(piece) {
        Ok(text) => (text, Some(CutCodePoint::default())),
        Err(error) => match check(error.as_bytes()) {
            Checked::Possible(text, cut) => (text.into(), Some(cut)),
            Checked::Impossible(text) => (text.into(), None),
        },
    }
}

/// For what is not UTF-8: up to where it is.
#[cold]
fn check_fault(piece: &[u8]) -> Checked<'_> {
    #[cfg(feature = "simd")]
    let valid_up_to = simdutf8::compat::from_utf8(piece).err().map(|error| error.valid_up_to());
    #[cfg(not(feature = "simd"))]
    let valid_up_to = str::from_utf8(piece).err().map(|error| error.valid_up_to());
    let valid = piece.split_at_checked(valid_up_to.unwrap_or(piece.len())).unwrap_or_default().0;
    Checked::Impossible(whole(valid).unwrap_or_default())
}

impl CutCodePoint {
    /// The start of a code point. `None`: no code point starts like this.
    #[inline]
    fn new(start: &[u8]) -> Option<Self> {
        let mut cut = Self::default();
        if start.is_empty() {
            return Some(cut);
        }
        // An error without a length: the text ends inside a code point that is possible so far.
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

    /// Whether the text so far ends at the border of a code point.
    #[inline]
    pub(crate) const fn is_none(self) -> bool {
        self.len == 0
    }

    /// The bytes that there are.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// How many further bytes the code point asks for.
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

    /// Goes on with the next bytes, at most those that are [missing](Self::missing). `Ok(Some)` is the whole
    /// code point, `Ok(None)` asks for more; `Err` if these bytes cannot follow.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict on `bytes`, handed over in pieces that end at `cuts`: the text, or how many bytes it took
    /// to see that there is none.
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

    /// What the definition says: the first length at which no code points can follow that make it UTF-8.
    fn impossible_at(bytes: &[u8]) -> Option<usize> {
        (1..=bytes.len())
            .find(|&len| str::from_utf8(&bytes[..len]).is_err_and(|e| e.error_len().is_some()))
    }

    #[test]
    fn every_sequence_of_three_bytes_and_many_of_four_fail_at_the_earliest_byte() {
        // Borders of all ranges in the table of RFC 3629 §4, and a byte on either side of each.
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
