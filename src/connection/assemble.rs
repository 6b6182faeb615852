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
    /// Keeps a piece that is not the last of its message.
    pub(super) fn push(&mut self, piece: ChunkData<'_>) {
        match (self, piece) {
            (Self::Text(text), ChunkData::Text(piece)) => text.push_str(&piece),
            (Self::Binary(bytes), ChunkData::Binary(piece)) => bytes.extend_from_slice(&piece),
            // The first piece: all pieces of a message are of one kind.
            (this, ChunkData::Text(piece)) => *this = Self::Text(piece.into_owned()),
            (this, ChunkData::Binary(piece)) => *this = Self::Binary(piece.into_owned()),
        }
    }

    /// The message that this last piece completes: the piece itself, if it is also the first.
    pub(super) fn finish<'a>(&mut self, mut last: ChunkData<'a>) -> Event<'a> {
        if !matches!(self, Self::Nothing) {
            self.push(last);
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
