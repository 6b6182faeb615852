//! The bytes that the caller has received, as the machines read them.

use core::mem;

/// Bytes received from the peer and not yet read by a machine.
///
/// A machine takes bytes off the front, unmasks payloads in place and lends them out in its events, so
/// that a message that arrived whole is never copied. What an event borrows is the caller's buffer, not the
/// machine and not the `Input`.
///
/// A [`Connection`](crate::Connection) reads its input to the end, unless it is told to leave messages
/// [in place](Self::in_place_up_to). A handshake stops behind the head it was waiting for; what then
/// [remains](Self::remaining) belongs to whoever comes next.
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
    in_place_max: usize,
}

impl<'a> Input<'a> {
    /// The bytes that the last read put into `received`.
    #[must_use]
    pub fn new(received: &'a mut [u8]) -> Self {
        Self { rest: received, in_place_max: 0 }
    }

    /// Leaves a binary message that comes in one frame where it is until all of it has come, if the frame has at most `max`
    /// bytes, its header included. So it is lent out and not copied, however reads cut it.
    ///
    /// For a connection with a buffer of its own, of `max` bytes or more: when [`receive`](crate::Connection::receive) gives
    /// `None`, what [remains](Self::remaining) is the start of such a message, some of it perhaps unmasked already. Keep it, or move it
    /// to the front of the buffer, read more behind it, and hand in all of it again. Who hands in less gets `None` until the
    /// missing bytes are there. To be told in chunks, or to give the buffer away, hand the rest in once more without this setting:
    /// it is then copied.
    ///
    /// Text is not left: it is judged as it comes (RFC 6455 §8.1), and safe code would have to judge it once more when it is whole.
    /// Nor are fragments and compressed messages, which have to be put together elsewhere, nor a message whose header is cut.
    ///
    /// ```
    /// use hybi::{Config, Connection, Event, Input};
    ///
    /// let mut ws = Connection::client_with_keys(Config::default(), || [1, 2, 3, 4]);
    /// let (mut inbox, mut out) = (*b"\x82\x03abc", Vec::new());
    ///
    /// let mut input = Input::new(&mut inbox[..4]).in_place_up_to(64); // 4 of the 5 bytes have come
    /// assert_eq!(ws.receive(&mut input, &mut out)?, None);
    /// assert_eq!(input.len(), 4);
    ///
    /// let mut input = Input::new(&mut inbox).in_place_up_to(64); // all of them
    /// assert_eq!(ws.receive(&mut input, &mut out)?, Some(Event::Binary(b"abc".into())));
    /// assert!(input.is_empty());
    /// # Ok::<(), hybi::Violation>(())
    /// ```
    #[must_use]
    pub fn in_place_up_to(self, max: usize) -> Self {
        Self { in_place_max: max, ..self }
    }

    #[inline]
    pub(crate) fn in_place_max(&self) -> usize {
        self.in_place_max
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
