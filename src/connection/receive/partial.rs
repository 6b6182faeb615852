//! Something short that reads have split.

use alloc::vec::Vec;
use core::fmt;

use crate::export::{Body, ImportError};

/// The bytes of something short that have arrived so far, `N` at most.
#[derive(Clone, Copy)]
pub(crate) struct Partial<const N: usize> {
    bytes: [u8; N],
    len: u8, // Invariant: at most N
}

/// Prints the length only: the bytes may be a user's, or a masking key.
impl<const N: usize> fmt::Debug for Partial<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partial({} bytes)", self.len)
    }
}

impl<const N: usize> Partial<N> {
    pub(crate) const EMPTY: Self = Self { bytes: [0; N], len: 0 };

    /// Appends the next bytes. `N` bytes are kept; there are never more.
    pub(crate) fn push(&mut self, more: &[u8]) {
        debug_assert!(usize::from(self.len).saturating_add(more.len()) <= N);
        let free = self.bytes.iter_mut().skip(usize::from(self.len));
        for (slot, byte) in free.zip(more) {
            *slot = *byte;
            self.len = self.len.saturating_add(1);
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Appends it as a length and bytes.
    pub(super) fn export(&self, to: &mut Vec<u8>) {
        to.push(self.len);
        to.extend_from_slice(self.bytes());
    }

    /// Reads what [`export`](Self::export) has written.
    pub(super) fn import(body: &mut Body<'_>) -> Result<Self, ImportError> {
        let len = usize::from(body.u8()?);
        body.check(len <= N)?;
        let mut partial = Self::EMPTY;
        partial.push(body.take(len)?);
        Ok(partial)
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..usize::from(self.len)).unwrap_or_default()
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}
