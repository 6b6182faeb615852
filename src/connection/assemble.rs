//! Fragments and reads to a message (RFC 6455 §5.4).
//!
//! Bounded by the limits that the header has already been judged by; grows with what has arrived.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::event::{ChunkData, Event};
use super::receive::Piece;

/// The part of a message that has arrived, while a whole one is waited for.
#[derive(Debug, Default)]
pub(super) enum Assembly {
    #[default]
    Nothing,
    Text(String),
    Binary(Vec<u8>),
}

impl Assembly {
    /// Keeps a piece that is not the last of its message.
    pub(super) fn push(&mut self, piece: Piece<'_>) {
        match (self, piece) {
            (Self::Text(text), Piece::Text(piece)) => text.push_str(piece),
            (Self::Text(text), Piece::CodePoint(c)) => text.push(c),
            (Self::Binary(bytes), Piece::Binary(piece)) => bytes.extend_from_slice(piece),
            // The first piece: all pieces of a message are of one kind.
            (this, Piece::Text(piece)) => *this = Self::Text(piece.into()),
            (this, Piece::CodePoint(c)) => *this = Self::Text(c.into()),
            (this, Piece::Binary(piece)) => *this = Self::Binary(piece.into()),
        }
    }

    /// The message that this last piece completes: borrowed, if it is also the first.
    pub(super) fn finish<'a>(&mut self, last: Piece<'a>) -> Event<'a> {
        match (&self, last) {
            (Self::Nothing, Piece::Text(text)) => return Event::Text(Cow::Borrowed(text)),
            (Self::Nothing, Piece::Binary(bytes)) => return Event::Binary(Cow::Borrowed(bytes)),
            _ => self.push(last),
        }
        match mem::take(self) {
            Self::Text(text) => Event::Text(Cow::Owned(text)),
            Self::Binary(bytes) => Event::Binary(Cow::Owned(bytes)),
            Self::Nothing => Event::Binary(Cow::Borrowed(&[])), // not reached: `push` keeps something
        }
    }

    /// What has been gathered so far, as the first chunk of the message.
    pub(super) fn take_chunk(&mut self) -> Option<ChunkData<'static>> {
        match mem::take(self) {
            Self::Nothing => None,
            Self::Text(text) => Some(ChunkData::Text(Cow::Owned(text))),
            Self::Binary(bytes) => Some(ChunkData::Binary(Cow::Owned(bytes))),
        }
    }
}
