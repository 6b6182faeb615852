//! Received bytes, as handshakes and connections read them.

use core::{fmt, mem};

/// Bytes that were received from the peer and are not read yet.
///
/// A handshake or a connection takes bytes off the front. Payloads are unmasked in place and lent
/// out in events, so a message that arrived completely is never copied. Such an event borrows the
/// buffer, not the connection and not the `Input`.
///
/// An [`Inbox`](crate::Inbox) keeps the buffer and [lends](crate::Inbox::input) the input. Use
/// [`new`](Self::new) for bytes in a buffer of your own.
///
/// A [`Connection`](crate::Connection) reads all of its input, except for messages that stay
/// [in place](Self::in_place_up_to). A handshake reads all of it, too, and keeps an incomplete
/// head. Once the head is complete, the [remaining](Self::remaining) bytes belong to the
/// connection.
///
/// ```
/// let mut received = [0x82, 0x01, 0x2a];
/// let mut input = hybi::Input::new(&mut received);
/// assert_eq!(input.remaining(), [0x82, 0x01, 0x2a]);
/// assert_eq!(input.take(1), Some(&mut [0x82][..]));
/// assert_eq!(input.len(), 2);
/// ```
#[derive(Default)]
pub struct Input<'a> {
    rest: &'a mut [u8],
    in_place_max: usize,
    /// The count of unread bytes in the [`Inbox`](crate::Inbox) that lent them, if one did.
    unread: Option<&'a mut usize>,
}

impl<'a> Input<'a> {
    /// Creates an input of the bytes that were read from the peer.
    #[must_use]
    pub fn new(received: &'a mut [u8]) -> Self {
        Self { rest: received, in_place_max: 0, unread: None }
    }

    /// Creates an input of the unread bytes of an inbox, and keeps their count up to date.
    #[inline]
    pub(crate) fn of_inbox(rest: &'a mut [u8], unread: &'a mut usize, in_place_max: usize) -> Self {
        Self { rest, in_place_max, unread: Some(unread) }
    }

    /// Leaves messages in the buffer until they are complete, so that they are lent out uncopied
    /// however reads split them. `max` is the longest such frame in bytes, header included. The
    /// default, zero, copies every split message.
    ///
    /// An [`Inbox`](crate::Inbox) sets this on its own. With a buffer of yours, which must hold at
    /// least `max` bytes: when [`receive`](crate::Connection::receive) returns `None`, the
    /// [remaining](Self::remaining) bytes are the start of such a message, perhaps unmasked in
    /// part. Keep them, or move them to the front of the buffer. Read more bytes after them, and
    /// pass all of them again. If you pass fewer bytes than before, `receive` returns `None`.
    ///
    /// To switch to chunks or release the buffer, pass the remaining bytes without this setting;
    /// they are then copied.
    ///
    /// Some messages are copied all the same. Text is checked as it arrives (RFC 6455 §8.1), and
    /// safe code has to check it again when it is complete. So text stays as long as it is ASCII,
    /// which costs least to check, or if only a little of it came before the rest. Fragments and
    /// compressed messages are assembled elsewhere. So is a message whose header a read split.
    ///
    /// ```
    /// use hybi::{Config, Connection, Event, Input, Outbox};
    ///
    /// let mut ws = Connection::client_with_keys(Config::default(), || [1, 2, 3, 4]);
    /// let (mut buffer, mut out) = (*b"\x82\x03abc", Outbox::new());
    ///
    /// let mut input = Input::new(&mut buffer[..4]).in_place_up_to(64); // 4 of 5 bytes
    /// assert_eq!(ws.receive(&mut input, &mut out)?, None);
    /// assert_eq!(input.len(), 4);
    ///
    /// let mut input = Input::new(&mut buffer).in_place_up_to(64); // all of them
    /// assert_eq!(ws.receive(&mut input, &mut out)?, Some(Event::Binary(b"abc".into())));
    /// assert!(input.is_empty());
    /// # Ok::<(), hybi::ProtocolError>(())
    /// ```
    #[must_use]
    pub fn in_place_up_to(mut self, max: usize) -> Self {
        self.in_place_max = max;
        self
    }

    #[inline]
    pub(crate) fn in_place_max(&self) -> usize {
        self.in_place_max
    }

    /// Takes `n` bytes off the front. Returns `None` and takes nothing if fewer remain.
    #[inline]
    pub fn take(&mut self, n: usize) -> Option<&'a mut [u8]> {
        if n > self.rest.len() {
            return None;
        }
        Some(self.take_up_to(n))
    }

    /// Takes `n` bytes off the front, or all if fewer remain.
    #[inline]
    pub(crate) fn take_up_to(&mut self, n: usize) -> &'a mut [u8] {
        let n = n.min(self.rest.len());
        let (front, back) = mem::take(&mut self.rest).split_at_mut(n);
        if let Some(unread) = &mut self.unread {
            **unread = back.len();
        }
        self.rest = back;
        front
    }

    /// Returns the next `n` bytes, or all if fewer remain, without taking them.
    pub(crate) fn front_mut(&mut self, n: usize) -> &mut [u8] {
        let n = n.min(self.rest.len());
        self.rest.split_at_mut(n).0
    }

    /// Returns the bytes that are not read yet.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> &[u8] {
        self.rest
    }

    /// Returns how many bytes are not read yet.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Returns whether all bytes have been read.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Prints how many bytes remain, not the bytes: they may be a user's data.
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("remaining", &self.len()).finish_non_exhaustive()
    }
}
