//! The view of an observer.

use core::fmt;

use crate::connection::{Event, Kind};
use crate::frame::{CloseCode, Header, Mask};

/// A piece or a frame that is about to pass, for an observer to look at.
#[non_exhaustive]
#[derive(Debug)]
pub enum Passing<'p, 'b> {
    /// A piece of a data frame.
    Data(&'p mut Piece<'b>),
    /// A control frame: [`Event::Ping`], [`Event::Pong`] or [`Event::Close`]. It may come between
    /// two frames of a message.
    Control(&'p Event<'b>),
}

/// An observer's decision about what is about to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Verdict {
    /// It passes.
    Pass,
    /// It does not pass, nor does anything after it. Both sides get a Close frame with this code
    /// and the reason "stopped by a relay": see [`Relay::pass`](super::Relay::pass). 1010 becomes
    /// 1008: only clients send it (RFC 6455 §7.4.1).
    Stop(CloseCode),
}

/// A piece of a data frame, as it arrived. Where a piece ends means nothing.
pub struct Piece<'b> {
    pub(super) header: Header,
    pub(super) kind: Kind,
    pub(super) compressed: bool,
    pub(super) first: bool,
    pub(super) last: bool,
    pub(super) bytes: &'b mut [u8],
    /// The mask that is still on the bytes.
    pub(super) mask: Option<Mask>,
}

impl Piece<'_> {
    /// Returns the header of the frame, as it arrived.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the kind of the message, also in a continuation frame.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns whether the message is compressed (RFC 7692 §6), also in a continuation frame. The
    /// payload then is compressed data.
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Returns whether the frame begins with this piece.
    #[must_use]
    pub const fn begins_frame(&self) -> bool {
        self.first
    }

    /// Returns whether the frame ends with this piece. If its header has
    /// [`fin`](Header::fin), the message does, too.
    #[must_use]
    pub const fn ends_frame(&self) -> bool {
        self.last
    }

    /// Returns how many bytes it has. Zero only for an empty frame.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns whether it has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the bytes, unmasked. Unmasks them if nobody has, which costs time, so call it only
    /// to look at them.
    #[must_use]
    pub fn payload(&mut self) -> &[u8] {
        if let Some(mut mask) = self.mask.take() {
            mask.apply(self.bytes);
        }
        self.bytes
    }
}

/// Prints how many bytes it has, not the bytes: they are a user's.
impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece")
            .field("header", &self.header)
            .field("first", &self.first)
            .field("last", &self.last)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
