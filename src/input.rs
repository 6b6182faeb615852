//! The bytes that the caller has received, as the machines read them.

use core::mem;

/// Bytes received from the peer and not yet read by a machine.
///
/// A machine takes bytes off the front, unmasks payloads in place and lends them out in its events, so
/// that a message that arrived whole is never copied. What an event borrows is the caller's buffer, not the
/// machine and not the `Input`.
///
/// A [`Connection`](crate::Connection) always reads its input to the end. A handshake stops behind the head
/// it was waiting for; what then [remains](Self::remaining) belongs to whoever comes next.
///
/// ```
/// let mut inbox = [0x82, 0x01, 0x2a];
/// let mut input = hybi::Input::new(&mut inbox);
/// assert_eq!(input.remaining(), [0x82, 0x01, 0x2a]);
/// assert_eq!(input.take(1), Some(&mut [0x82][..]));
/// assert_eq!(input.len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Input<'a> {
    rest: &'a mut [u8],
}

impl<'a> Input<'a> {
    /// The bytes that the last read put into `received`.
    #[must_use]
    pub fn new(received: &'a mut [u8]) -> Self {
        Self { rest: received }
    }

    /// Takes the next `n` bytes off the front, or `None` (and takes nothing) if fewer are left.
    #[inline]
    pub fn take(&mut self, n: usize) -> Option<&'a mut [u8]> {
        if n > self.rest.len() {
            return None;
        }
        let (front, back) = mem::take(&mut self.rest).split_at_mut(n);
        self.rest = back;
        Some(front)
    }

    /// Takes up to `n` bytes off the front: all that is left, if that is fewer.
    #[inline]
    pub(crate) fn take_up_to(&mut self, n: usize) -> &'a mut [u8] {
        let n = n.min(self.rest.len());
        let (front, back) = mem::take(&mut self.rest).split_at_mut(n);
        self.rest = back;
        front
    }

    /// The next `n` bytes, or as many as there are, without taking them.
    pub(crate) fn front_mut(&mut self, n: usize) -> &mut [u8] {
        let n = n.min(self.rest.len());
        self.rest.split_at_mut(n).0
    }

    /// The bytes that nobody has read yet.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> &[u8] {
        self.rest
    }

    /// How many bytes nobody has read yet.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything has been read.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}
