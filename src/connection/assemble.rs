//! Fragments and reads to a message (RFC 6455 §5.4).
//!
//! Bounded by the limits that the header has already been judged by; grows with what has arrived.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::event::{ChunkData, Event};
use crate::frame::{HEADER_BYTES_MAX, Mask};
use crate::utf8::{self, Checked, CutCodePoint};

/// The part of a message that has arrived, while a whole one is waited for.
#[derive(Debug, Default)]
pub(super) enum Assembly {
    #[default]
    Nothing,
    Text(String),
    Binary(Vec<u8>),
}

/// There is no memory for a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoRoom;

impl Assembly {
    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Keeps a piece of a binary message that is still masked. A key of zeros does nothing, as fast as copying.
    /// `rest` is how many bytes will follow in this message, if that is known.
    pub(super) fn push_masked(
        &mut self,
        key: [u8; 4],
        piece: &[u8],
        rest: Option<usize>,
    ) -> Result<(), NoRoom> {
        if self.is_empty() {
            *self = Self::Binary(Vec::new());
        }
        let Self::Binary(bytes) = self else {
            debug_assert!(false, "all pieces of a message are of one kind");
            return Ok(());
        };
        let more = growth(bytes.len(), bytes.capacity(), piece.len(), rest);
        bytes
            .try_reserve_exact(more)
            .or_else(|_| bytes.try_reserve_exact(piece.len()))
            .map_err(|_| NoRoom)?;
        Mask::new(key).append(piece, bytes);
        Ok(())
    }

    /// Keeps a piece of a text, which begins where `cut` says and ends where it says then. Whether it is UTF-8 so far.
    pub(super) fn push_text(
        &mut self,
        cut: &mut CutCodePoint,
        piece: &[u8],
        rest: Option<usize>,
    ) -> Result<bool, NoRoom> {
        if self.is_empty() {
            *self = Self::Text(String::new());
        }
        let Self::Text(text) = self else {
            debug_assert!(false, "all pieces of a message are of one kind");
            return Ok(true);
        };
        let arrived = cut.bytes().len().saturating_add(piece.len());
        let more = growth(text.len(), text.capacity(), arrived, rest);
        text.try_reserve_exact(more)
            .or_else(|_| text.try_reserve_exact(arrived))
            .map_err(|_| NoRoom)?;
        let (next, piece) = piece.split_at_checked(cut.missing()).unwrap_or((piece, &[]));
        if !next.is_empty() {
            match cut.resume(next) {
                Ok(whole) => text.extend(whole),
                Err(()) => return Ok(false),
            }
        }
        if piece.is_empty() {
            return Ok(true);
        }
        match utf8::check(piece) {
            Checked::Possible(valid, rest) => {
                append_text(valid, text);
                *cut = rest;
                Ok(true)
            }
            Checked::Impossible(_) => Ok(false),
        }
    }

    /// Keeps a piece that was read as a chunk.
    pub(super) fn push(&mut self, piece: ChunkData<'_>) -> Result<(), NoRoom> {
        match (&mut *self, piece) {
            (Self::Nothing, ChunkData::Text(Cow::Owned(text))) => *self = Self::Text(text),
            (Self::Nothing, ChunkData::Binary(Cow::Owned(bytes))) => *self = Self::Binary(bytes),
            (Self::Nothing, borrowed) => {
                *self = match borrowed {
                    ChunkData::Text(_) => Self::Text(String::new()),
                    ChunkData::Binary(_) => Self::Binary(Vec::new()),
                };
                return self.push(borrowed);
            }
            (Self::Text(text), ChunkData::Text(piece)) => {
                text.try_reserve(piece.len()).map_err(|_| NoRoom)?;
                text.push_str(&piece);
            }
            (Self::Binary(bytes), ChunkData::Binary(piece)) => {
                bytes.try_reserve(piece.len()).map_err(|_| NoRoom)?;
                bytes.extend_from_slice(&piece);
            }
            _ => debug_assert!(false, "all pieces of a message are of one kind"),
        }
        Ok(())
    }

    /// The message that this last piece completes: the piece itself, if it is also the first.
    pub(super) fn finish<'a>(&mut self, last: ChunkData<'a>) -> Result<Event<'a>, NoRoom> {
        if !self.is_empty() {
            self.push(last)?;
            return Ok(self.take());
        }
        Ok(match last {
            ChunkData::Text(text) => Event::Text(text),
            ChunkData::Binary(bytes) => Event::Binary(bytes),
        })
    }

    /// The message that has been gathered.
    pub(super) fn take(&mut self) -> Event<'static> {
        match mem::take(self) {
            Self::Text(text) => Event::Text(Cow::Owned(text)),
            Self::Binary(bytes) => Event::Binary(Cow::Owned(bytes)),
            Self::Nothing => Event::Binary(Cow::Borrowed(&[])),
        }
    }

    /// What has been gathered so far, if that is something: a cut code point and an empty fragment are not.
    pub(super) fn take_chunk(&mut self) -> Option<ChunkData<'static>> {
        match mem::take(self) {
            Self::Text(text) if !text.is_empty() => Some(ChunkData::Text(Cow::Owned(text))),
            Self::Binary(bytes) if !bytes.is_empty() => Some(ChunkData::Binary(Cow::Owned(bytes))),
            _ => None,
        }
    }
}

/// How much more room to make for a piece: none if it fits; otherwise for all that is to follow, but for no more than
/// three times what has arrived, header included; and if that is unknown, for as much again. So nothing is allocated for a
/// length that was only announced, and a message of known length ends in a buffer of that length.
fn growth(len: usize, capacity: usize, piece: usize, rest: Option<usize>) -> usize {
    if piece <= capacity.saturating_sub(len) {
        return 0;
    }
    let arrived = len.saturating_add(piece);
    // With the header, a message of four reads finds room at the first.
    let most = arrived.saturating_add(HEADER_BYTES_MAX.min(arrived)).saturating_mul(3);
    piece.saturating_add(rest.map_or(arrived, |rest| rest.min(most)))
}

/// Appends a piece of a text, which may be long, in shorter ones. Beyond some 2 KiB `memcpy` changes to string instructions where the
/// processor says that they are fast; some of those take several times as long if the two addresses are nearly equal modulo
/// 4 KiB, and where buffers lie is chance.
fn append_text(mut piece: &str, text: &mut String) {
    while let Some((front, rest)) = split(piece) {
        text.push_str(front);
        piece = rest;
    }
    text.push_str(piece);
}

/// Two kilobytes and the rest. A code point has at most four bytes, so that there is a border among four places.
fn split(text: &str) -> Option<(&str, &str)> {
    (0..4).find_map(|back| text.split_at_checked((2usize << 10).saturating_sub(back)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
