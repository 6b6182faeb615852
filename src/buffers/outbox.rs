//! The bytes to be written to the peer.

use alloc::vec::Vec;
use core::{fmt, mem};

use bytes::Bytes;

/// A queue of bytes to be written to the peer.
///
/// Every call that writes appends to an `Outbox`. Take the unsent bytes, write as many of them as
/// the transport accepts, and report how many were [sent](Self::sent). Each byte costs amortised
/// constant time, however the transport splits the writes.
///
/// ```
/// use hybi::{Config, Connection, Outbox};
///
/// let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
/// ws.send("Hello", &mut out)?;
///
/// let mut socket = Vec::new();
/// while !out.is_empty() {
///     let n = std::io::Write::write(&mut socket, out.front())?; // it may accept fewer bytes
///     if n == 0 {
///         return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into());
///     }
///     out.sent(n);
/// }
/// assert_eq!(socket, b"\x81\x05Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// There are four ways to the bytes:
///
/// - [`front`](Self::front) returns the next bytes, for a plain write.
/// - [`unsent`](Self::unsent) fills slices, for a vectored write.
/// - `write_to` (feature `std`) writes to any `std::io::Write` once.
/// - [`take`](Self::take) moves all bytes out at once.
///
/// In tests, an `Outbox` compares equal to its unsent bytes: `assert_eq!(out, b"\x81\x05Hello")`.
///
/// # The backlog
///
/// A peer that stops reading makes the outbox grow. The connection watches the
/// [backlog](Self::backlog) to hold back pongs, see
/// [`Limits::reply_backlog_max`](crate::Limits::reply_backlog_max). Your program should watch it
/// before it sends more. If bytes for the same peer wait outside of the outbox, report them with
/// [`set_elsewhere`](Self::set_elsewhere).
#[derive(Clone, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// How many of `bytes` were sent. Invariant: `sent <= bytes.len()`.
    sent: usize,
    /// How many bytes wait in other queues of the caller.
    elsewhere: usize,
    /// How many bytes the transport had taken when the caller last told what waits elsewhere.
    taken: u64,
    /// How many bytes have left the outbox since then: to the transport, unless the caller tells
    /// otherwise.
    left: usize,
}

/// How far an output has got: the view of an [`Outbox`] that
/// [`Keepalive::due`](crate::keepalive::Keepalive::due) needs.
///
/// [`Outbox::progress`] returns it. If another thread writes, share the two numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    /// How many bytes the transport has taken so far, in all.
    pub taken: u64,
    /// How many bytes it has not taken: [`Outbox::backlog`].
    pub backlog: usize,
}

impl Outbox {
    /// Creates an empty outbox. It allocates nothing until bytes are appended.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), sent: 0, elsewhere: 0, taken: 0, left: 0 }
    }

    /// Creates an empty outbox that holds at least `bytes` bytes before it allocates again.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::new() }
    }

    /// Appends bytes as they are, such as [`Prepared::frame`](crate::connection::Prepared::frame).
    pub fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends shared bytes as they are. The outbox may keep them instead of copying.
    pub fn append_shared(&mut self, bytes: Bytes) {
        self.append(&bytes);
    }

    /// Returns the next unsent bytes. Empty only if there are none; more may follow after them.
    #[inline]
    #[must_use]
    pub fn front(&mut self) -> &[u8] {
        self.as_slice()
    }

    /// Fills `slices` with the next unsent bytes, in order, for a vectored write. Returns how many
    /// slices it filled; the others are unchanged.
    ///
    /// The slices may hold fewer bytes than are unsent. They hold at least one if there are any and
    /// `slices` is not empty.
    ///
    /// ```
    /// use std::io::{IoSlice, Write};
    ///
    /// let (mut out, mut socket) = (hybi::Outbox::new(), Vec::new());
    /// out.append(b"abc");
    ///
    /// let mut slices = [&[][..]; 8];
    /// let filled = out.unsent(&mut slices);
    /// let slices: Vec<_> = slices[..filled].iter().map(|slice| IoSlice::new(slice)).collect();
    /// let n = socket.write_vectored(&slices)?;
    /// out.sent(n);
    /// assert!(out.is_empty() && socket == b"abc");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unsent<'a>(&'a mut self, slices: &mut [&'a [u8]]) -> usize {
        match slices.first_mut() {
            Some(slice) if !self.is_empty() => {
                *slice = self.front();
                1
            }
            _ => 0,
        }
    }

    /// Marks the first `n` unsent bytes as sent, or all if there are fewer.
    #[inline]
    pub fn sent(&mut self, n: usize) {
        let n = n.min(self.len());
        self.left = self.left.saturating_add(n);
        self.sent = self.sent.saturating_add(n);
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        } else if self.sent >= self.len() {
            // Moves at most as many bytes as were sent since the last move: amortised constant
            // time.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Writes unsent bytes to `writer` with one call, and marks as sent what it accepts. Returns
    /// how many bytes that were, and 0 if there were none to write.
    ///
    /// More bytes may remain; call it until the outbox [is empty](Self::is_empty) or `writer` would
    /// block. `writer` may be a `&mut W`, and for a socket a `&TcpStream`.
    ///
    /// # Errors
    ///
    /// The error of `writer`, [`Interrupted`](std::io::ErrorKind::Interrupted) included;
    /// [`WriteZero`](std::io::ErrorKind::WriteZero) if it accepts none of the bytes. No byte is
    /// lost.
    #[cfg(feature = "std")]
    pub fn write_to(&mut self, mut writer: impl std::io::Write) -> std::io::Result<usize> {
        if self.is_empty() {
            return Ok(0);
        }
        match writer.write(self.front())? {
            0 => {
                let kind = std::io::ErrorKind::WriteZero;
                Err(std::io::Error::new(kind, "it accepts no more bytes"))
            }
            n => {
                self.sent(n);
                Ok(n)
            }
        }
    }

    /// Takes out all unsent bytes in one piece. For transports that accept any amount, and for
    /// tests.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.left = self.left.saturating_add(self.len());
        let mut bytes = mem::take(&mut self.bytes);
        bytes.drain(..mem::take(&mut self.sent));
        bytes
    }

    /// Drops all unsent bytes. Keeps the memory; see [`shrink_to`](Self::shrink_to).
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
    }

    /// Frees memory beyond `bytes` if the outbox is empty; otherwise does nothing. With zero, an
    /// idle connection needs no memory for its output.
    pub fn shrink_to(&mut self, bytes: usize) {
        if self.is_empty() {
            self.bytes.shrink_to(bytes);
        }
    }

    /// Sets how many bytes for the same peer wait outside of the outbox. They count in the
    /// [backlog](Self::backlog), and their number tells how far the output has
    /// [got](Self::progress).
    ///
    /// Use it if you move the output to a queue of your own, or write shared bytes such as
    /// [`Prepared::frame`](crate::connection::Prepared::frame) without the outbox. Call it after
    /// each change of that queue, before the connection or its keep-alive looks at the outbox
    /// again.
    ///
    /// If one outbox serves several connections, call it before each of them writes. The progress
    /// of the outbox then says nothing about one of them: count what each queue has written, and
    /// give that to [`Keepalive::due`](crate::keepalive::Keepalive::due).
    ///
    /// ```
    /// use hybi::Outbox;
    ///
    /// let (mut out, mut queue) = (Outbox::new(), Vec::new());
    /// out.append(b"Hello");
    /// queue.extend(out.take()); // moved, not written
    /// out.set_elsewhere(queue.len());
    /// assert_eq!((out.backlog(), out.progress().taken), (5, 0));
    ///
    /// queue.drain(..2); // written
    /// out.set_elsewhere(queue.len());
    /// assert_eq!((out.backlog(), out.progress().taken), (3, 2));
    /// ```
    pub const fn set_elsewhere(&mut self, bytes: usize) {
        // What has left the outbox went there first.
        let before = self.elsewhere.saturating_add(self.left);
        self.taken = self.taken.saturating_add(before.saturating_sub(bytes) as u64);
        self.left = 0;
        self.elsewhere = bytes;
    }

    /// Returns how far the output has got. Bytes that have left the outbox count as taken by the
    /// transport, except those that wait [elsewhere](Self::set_elsewhere) and those that were
    /// [dropped](Self::clear).
    #[must_use]
    pub const fn progress(&self) -> Progress {
        Progress { taken: self.taken.saturating_add(self.left as u64), backlog: self.backlog() }
    }

    /// Returns how many bytes the transport has not accepted: the unsent ones and those
    /// [elsewhere](Self::set_elsewhere).
    #[inline]
    #[must_use]
    pub const fn backlog(&self) -> usize {
        self.len().saturating_add(self.elsewhere)
    }

    /// Returns how many bytes are unsent.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.sent)
    }

    /// Returns whether no bytes are unsent.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Returns the buffer that ends with the unsent bytes. Callers may only append.
    #[inline]
    pub(crate) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }
}

/// Prints how many bytes are unsent, not the bytes: they hold payloads, masking keys and passwords.
/// To look at them in a test, use [`front`](Outbox::front).
impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("unsent", &self.len())
            .field("elsewhere", &self.elsewhere)
            .finish()
    }
}

/// Compares the unsent bytes.
impl PartialEq for Outbox {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Outbox {}

/// Compares the unsent bytes.
impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Outbox {
    fn eq(&self, other: &T) -> bool {
        self.as_slice() == other.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a backlog in writes of `write` bytes. Returns how many bytes were moved meanwhile.
    fn moved(backlog: usize, write: usize) -> usize {
        let mut out = Outbox::new();
        out.append(&alloc::vec![0; backlog]);
        let (mut moved, mut sent) = (0, 0);
        while !out.is_empty() {
            let before = out.bytes.len();
            out.sent(write);
            sent = backlog.min(sent + write);
            assert_eq!(out.len(), backlog - sent);
            if out.bytes.len() < before {
                moved += out.len();
            }
        }
        moved
    }

    #[test]
    fn a_byte_is_moved_once_on_average_however_small_the_writes() {
        for (backlog, write) in [(64 << 20, 1448), (1 << 20, 1), (1 << 20, 3), (1000, 999)] {
            let moved = moved(backlog, write);
            assert!(moved <= backlog, "{moved} bytes of {backlog} were moved in writes of {write}");
        }
    }

    #[test]
    fn a_queue_that_never_drains_does_not_grow() {
        let mut out = Outbox::new();
        out.append(&[0; 1000]);
        for _ in 0..10_000 {
            out.append(&[0; 100]);
            out.sent(100);
        }
        assert_eq!(out.len(), 1000);
        assert!(out.bytes.capacity() <= 8000, "{}", out.bytes.capacity());
    }

    #[test]
    fn an_empty_queue_frees_its_memory_on_request() {
        let mut out = Outbox::new();
        out.append(&[0; 1000]);
        out.shrink_to(0);
        assert_eq!(out.len(), 1000, "it was not empty");
        out.sent(1000);
        out.shrink_to(100);
        assert_eq!(out.bytes.capacity(), 100);
        out.shrink_to(0);
        assert_eq!(out.bytes.capacity(), 0);
    }
}
