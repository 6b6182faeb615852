//! The masking of frames from the peer (RFC 6455 §5.3): only a client masks.

use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::export::{Body, ImportError};
use crate::frame::{Header, Mask};
use crate::role::Role;

/// The mask of a frame that a reader of role `R` receives. It does nothing if the reader is the
/// client: a server does not mask.
#[derive(Debug)]
pub(super) struct PeerMask<R> {
    mask: Mask,
    role: PhantomData<fn() -> R>,
}

impl<R: Role> PeerMask<R> {
    #[inline]
    pub(super) const fn new(key: [u8; 4]) -> Self {
        Self { mask: Mask::new(key), role: PhantomData }
    }

    #[inline]
    pub(super) fn of(header: &Header) -> Self {
        Self::new(header.masking_key.unwrap_or_default())
    }

    /// Unmasks (or masks) the next piece of the payload in place.
    #[inline(always)]
    pub(super) fn apply(&mut self, piece: &mut [u8]) {
        if R::IS_SERVER {
            self.mask.apply(piece);
        }
    }

    /// Unmasks the next piece of the payload in place, and returns whether it is ASCII.
    #[inline]
    pub(super) fn apply_to_ascii(&mut self, piece: &mut [u8]) -> bool {
        if R::IS_SERVER { self.mask.apply_to_ascii(piece) } else { piece.is_ascii() }
    }

    /// Appends the next piece of the payload to `out`, unmasked.
    #[inline(always)]
    pub(super) fn append(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if R::IS_SERVER {
            self.mask.append(piece, out);
        } else {
            out.extend_from_slice(piece);
        }
    }

    /// Appends the key at the next byte, if the peer masks.
    pub(super) fn export(&self, to: &mut Vec<u8>) {
        if R::IS_SERVER {
            to.extend_from_slice(&self.mask.key());
        }
    }

    /// Reads what [`export`](Self::export) has written.
    pub(super) fn import(body: &mut Body<'_>) -> Result<Self, ImportError> {
        Ok(Self::new(if R::IS_SERVER { body.array()? } else { [0; 4] }))
    }

    /// Moves on as if `n` bytes had been unmasked.
    #[inline(always)]
    pub(super) fn skip(&mut self, n: usize) {
        if R::IS_SERVER {
            self.mask.skip(n);
        }
    }
}

impl<R> Clone for PeerMask<R> {
    #[inline]
    fn clone(&self) -> Self {
        Self { mask: self.mask.clone(), role: PhantomData }
    }
}
