//! Fragments and reads to a message (RFC 6455 §5.4).
//!
//! Bounded by the limits that the header has already been judged by; grows with what has arrived.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::event::{ChunkData, Event};

/// The part of a message that has arrived, while a whole one is waited for.
#[derive(Debug, Default)]
pub(super) enum Assembly {
    #[default]
    Nothing,
    Text(String),
    Binary(Vec<u8>),
}

impl Assembly {
    /// Keeps a piece. `rest` is how many bytes will follow in this message at most.
    pub(super) fn push(&mut self, piece: ChunkData<'_>, rest: usize) {
        match (self, piece) {
            (Self::Text(text), ChunkData::Text(piece)) => {
                text.reserve_exact(growth(text.len(), text.capacity(), piece.len(), rest));
                text.push_str(&piece);
            }
            (Self::Binary(bytes), ChunkData::Binary(piece)) => {
                bytes.reserve_exact(growth(bytes.len(), bytes.capacity(), piece.len(), rest));
                bytes.extend_from_slice(&piece);
            }
            // The first piece: all pieces of a message are of one kind.
            (this, ChunkData::Text(Cow::Owned(piece))) => *this = Self::Text(piece),
            (this, ChunkData::Binary(Cow::Owned(piece))) => *this = Self::Binary(piece),
            (this, piece) => {
                *this = match piece {
                    ChunkData::Text(_) => Self::Text(String::new()),
                    ChunkData::Binary(_) => Self::Binary(Vec::new()),
                };
                this.push(piece, rest);
            }
        }
    }

    /// The message that this last piece completes: the piece itself, if it is also the first.
    pub(super) fn finish<'a>(&mut self, mut last: ChunkData<'a>) -> Event<'a> {
        if !matches!(self, Self::Nothing) {
            self.push(last, 0);
            last = self.take_chunk().unwrap_or(ChunkData::Binary(Cow::Borrowed(&[])));
        }
        match last {
            ChunkData::Text(text) => Event::Text(text),
            ChunkData::Binary(bytes) => Event::Binary(bytes),
        }
    }

    /// What has been gathered so far.
    pub(super) fn take_chunk(&mut self) -> Option<ChunkData<'static>> {
        match mem::take(self) {
            Self::Nothing => None,
            Self::Text(text) => Some(ChunkData::Text(Cow::Owned(text))),
            Self::Binary(bytes) => Some(ChunkData::Binary(Cow::Owned(bytes))),
        }
    }
}

/// How much more room to make for a piece: none if it fits, otherwise for all that is to follow, but not for more than
/// has arrived. So nothing is allocated for a length that was only announced, and a message of known length ends in a
/// buffer of that length.
fn growth(len: usize, capacity: usize, piece: usize, rest: usize) -> usize {
    if piece <= capacity.saturating_sub(len) {
        return 0;
    }
    piece.saturating_add(rest.min(len.saturating_add(piece)))
}
