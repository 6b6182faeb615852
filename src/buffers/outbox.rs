//! The bytes to be written to the peer.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{fmt, mem};

use bytes::Bytes;

use super::queue::{MASKED_AT_ONCE, Queue, SHARED_BYTES_MIN};
use super::room::Room;
use crate::export::{ImportError, Kind, read_record, write_record};
use crate::frame::Mask;

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
/// - [`take`](Self::take) returns all bytes in one piece.
///
/// To hand all of it over without copying long messages, move the outbox: `mem::take(&mut out)`
/// leaves an empty one. Its [backlog and progress](Self::set_elsewhere) begin at zero.
///
/// # Long messages
///
/// A message that you give away is not copied if it is long:
///
/// | call | as a server | as a client |
/// |---|---|---|
/// | [`send_owned`](crate::Connection::send_owned) | from a payload of 8 KiB on: two slices, the header and the payload | from a payload of 64 KiB on |
/// | [`send_prepared`](crate::Connection::send_prepared) | from a frame of 8 KiB on: one slice | as `send_owned` |
/// | [`append_shared`](Self::append_shared) | from 8 KiB on: one slice | the same |
///
/// The bytes between such messages are one slice, so use a vectored write. A client's payload is
/// masked 64 KiB at a time when the unsent bytes are asked for, in a buffer of the outbox that also
/// holds its header: that is one slice. If a message is compressed, the same holds for its
/// compressed form.
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
///
/// # One for many connections
///
/// An empty outbox belongs to nobody, so the connections of a thread can share one. If a transport
/// does not take everything, leave the outbox to its connection until it does, and use another for
/// the others:
///
/// ```
/// use hybi::{Connection, Outbox, Server, UsageError};
/// use std::io::{self, ErrorKind, Write};
///
/// struct Peer<S> {
///     socket: S,
///     ws: Connection<Server>,
///     out: Option<Outbox>, // while bytes wait in it
/// }
///
/// impl<S: Write> Peer<S> {
///     fn say(&mut self, text: &str, spare: &mut Option<Outbox>) -> Result<(), UsageError> {
///         let out = self.out.get_or_insert_with(|| spare.take().unwrap_or_else(Outbox::new));
///         self.ws.send(text, out)
///     }
///
///     /// Call it after a round of `say`, and when the socket has room.
///     fn write(&mut self, spare: &mut Option<Outbox>) -> io::Result<()> {
///         let Some(out) = &mut self.out else { return Ok(()) };
///         while !out.is_empty() {
///             match out.write_to(&mut self.socket) {
///                 Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
///                 written => written?,
///             };
///         }
///         *spare = self.out.take();
///         Ok(())
///     }
/// }
/// # let ws = Connection::server(hybi::Config::default());
/// # let (mut peer, mut spare) = (Peer { socket: Vec::new(), ws, out: None }, None);
/// # peer.say("Hello", &mut spare)?;
/// # peer.write(&mut spare)?;
/// # assert!(peer.socket == b"\x81\x05Hello" && peer.out.is_none() && spare.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Outbox {
    /// Copied bytes: short messages, headers, and payloads that were borrowed.
    room: Room,
    /// Shared bytes between those. There is no queue until the caller gives a long message away.
    queue: Option<Box<Queue>>,
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
        Self { room: Room::new(), queue: None, elsewhere: 0, taken: 0, left: 0 }
    }

    /// Creates an empty outbox that copies at least `bytes` bytes before it allocates again.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { room: Room::with_capacity(bytes), ..Self::new() }
    }

    /// Appends a copy of these bytes as they are.
    #[inline]
    pub fn append(&mut self, bytes: &[u8]) {
        self.room.append(bytes);
    }

    /// Appends shared bytes as they are, such as
    /// [`Prepared::frame`](crate::connection::Prepared::frame). The outbox keeps long ones without
    /// copying them, and drops them once they are sent. Of a part of a larger buffer, that keeps
    /// the whole buffer.
    pub fn append_shared(&mut self, bytes: Bytes) {
        if bytes.len() < SHARED_BYTES_MIN {
            self.room.append(&bytes);
        } else {
            self.queue.get_or_insert_default().push(&self.room, bytes, None);
        }
    }

    /// Appends a frame whose header starts with the byte `first`.
    #[inline(always)]
    pub(crate) fn append_frame(&mut self, first: u8, payload: &[u8], key: Option<[u8; 4]>) {
        self.room.append_frame(first, payload, key);
    }

    /// Appends a copy of a part of a payload.
    pub(crate) fn append_payload(&mut self, piece: &[u8]) {
        self.room.append_payload(piece);
    }

    /// Appends a part of a payload, masked.
    pub(crate) fn append_masked(&mut self, mask: &mut Mask, piece: &[u8]) {
        self.room.append_masked(mask, piece);
    }

    /// Appends a frame whose payload is shared.
    pub(crate) fn append_shared_frame(&mut self, first: u8, payload: Bytes, key: Option<[u8; 4]>) {
        // Masking copies in any case. Doing so later pays only if it is done piece by piece.
        let min = if key.is_some() { MASKED_AT_ONCE } else { SHARED_BYTES_MIN };
        if payload.len() < min {
            self.room.append_frame(first, &payload, key);
        } else {
            self.room.append_header(first, payload.len(), key);
            let queue = self.queue.get_or_insert_default();
            queue.push(&self.room, payload, key.map(Mask::new));
        }
    }

    /// Returns the next unsent bytes. Empty only if there are none; more may follow after them.
    #[inline]
    #[must_use]
    pub fn front(&mut self) -> &[u8] {
        if self.is_all_copied() { self.room.as_slice() } else { self.front_of_queue() }
    }

    #[inline(never)]
    fn front_of_queue(&mut self) -> &[u8] {
        let mut slices = [&[][..]];
        self.unsent(&mut slices);
        let [front] = slices;
        front
    }

    /// Fills `slices` with the next unsent bytes, in order, for a vectored write. Returns how many
    /// slices it filled; the others are unchanged.
    ///
    /// The slices may hold fewer bytes than are unsent. They hold at least one if there are any and
    /// `slices` is not empty.
    ///
    /// `write_to` (feature `std`) does all of this:
    ///
    /// ```
    /// use std::io::{IoSlice, Write};
    ///
    /// let (mut out, mut socket) = (hybi::Outbox::new(), Vec::new());
    /// out.append(b"abc");
    ///
    /// let mut slices = [&[][..]; 8];
    /// let filled = out.unsent(&mut slices);
    /// let n = socket.write_vectored(&slices.map(IoSlice::new)[..filled])?;
    /// out.sent(n);
    /// assert!(out.is_empty() && socket == b"abc");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unsent<'a>(&'a mut self, slices: &mut [&'a [u8]]) -> usize {
        let Self { room, queue, .. } = self;
        match (queue.as_deref_mut(), slices.first_mut()) {
            (Some(queue), _) => {
                queue.mask_next(room);
                queue.fill(room, slices)
            }
            (None, Some(slice)) if !room.is_empty() => {
                *slice = room.as_slice();
                1
            }
            (None, _) => 0,
        }
    }

    /// Marks the first `n` unsent bytes as sent, or all if there are fewer.
    #[inline]
    pub fn sent(&mut self, n: usize) {
        let n = n.min(self.len());
        self.left = self.left.saturating_add(n);
        match &mut self.queue {
            Some(queue) => queue.remove(n, &mut self.room),
            None => self.room.remove(n),
        }
    }

    /// Writes unsent bytes to `writer` with one call, and marks as sent what it accepts. Returns
    /// how many bytes that were, and 0 if there were none to write. The call is a vectored write if
    /// there is more than one slice.
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
        /// The kernel copies as fast whether it has more slices or fewer, but each call costs.
        const SLICES_MAX: usize = 32;

        if self.is_empty() {
            return Ok(0);
        }
        let written = if self.is_all_copied() {
            writer.write(self.room.as_slice())
        } else {
            let mut slices = [&[][..]; SLICES_MAX];
            let filled = self.unsent(&mut slices);
            let slices = slices.map(std::io::IoSlice::new);
            writer.write_vectored(slices.get(..filled).unwrap_or_default())
        };
        match written? {
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
    /// tests. It moves bytes that the outbox has copied, and copies those that it shares.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.left = self.left.saturating_add(self.len());
        match self.contents() {
            Cow::Borrowed(_) => self.room.take(),
            Cow::Owned(bytes) => {
                self.clear();
                bytes
            }
        }
    }

    /// Appends the unsent bytes to `to`, as bytes that another process can
    /// [import](Self::import): see [`export`](crate::export). A client's are masked.
    ///
    /// Bytes that wait [elsewhere](Self::set_elsewhere) are not among them.
    pub fn export(&self, to: &mut Vec<u8>) {
        write_record(Kind::Outbox, to, |to| to.extend_from_slice(&self.contents()));
    }

    /// Takes an [exported](Self::export) outbox off the front of `from`. The first byte may be the
    /// middle of a frame. Its [progress](Self::progress) begins at zero.
    ///
    /// # Errors
    ///
    /// The bytes are no export of an outbox, or one of another version. `from` is as it was.
    pub fn import(from: &mut &[u8]) -> Result<Self, ImportError> {
        let mut out = Self::new();
        out.append(read_record(Kind::Outbox, from, |body| Ok(body.all()))?);
        Ok(out)
    }

    /// Drops all unsent bytes. Keeps the memory for others; see [`shrink_to`](Self::shrink_to).
    #[inline]
    pub fn clear(&mut self) {
        self.room.clear();
        if let Some(queue) = &mut self.queue {
            queue.clear();
        }
    }

    /// Returns how much memory it has, in bytes, besides that of the shared payloads that it holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let queue = self.queue.as_ref().map_or(0, |queue| queue.capacity());
        self.room.capacity().saturating_add(queue)
    }

    /// Frees memory beyond `bytes` if the outbox is empty; otherwise does nothing. With zero, an
    /// idle connection needs no memory for its output.
    pub fn shrink_to(&mut self, bytes: usize) {
        if self.is_empty() {
            self.room.shrink_to(bytes);
            let left = bytes.saturating_sub(self.room.capacity());
            self.queue.take_if(|queue| queue.capacity() >= left);
        }
    }

    /// Exchanges the memory of two outboxes. Does nothing unless both are empty.
    ///
    /// An idle connection can leave its memory to others of its thread, and its outbox still tells
    /// how far its own output has [got](Self::progress).
    ///
    /// ```
    /// use hybi::Outbox;
    ///
    /// let (mut spare, mut out) = (Outbox::with_capacity(1024), Outbox::new());
    /// out.swap_memory(&mut spare);
    /// out.append(b"Hello"); // allocates nothing
    /// assert!(out.capacity() >= 1024 && spare.capacity() == 0);
    /// ```
    pub fn swap_memory(&mut self, other: &mut Self) {
        if self.is_empty() && other.is_empty() {
            mem::swap(&mut self.room, &mut other.room);
            mem::swap(&mut self.queue, &mut other.queue);
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
    /// If one outbox serves several connections that each have such a queue, call it before each of
    /// them writes. The progress of the outbox then says nothing about one of them: count what each
    /// queue has written, and give that to [`Keepalive::due`](crate::keepalive::Keepalive::due).
    /// There is a simpler way to [share an outbox](Self#one-for-many-connections).
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
        match &self.queue {
            None => self.room.len(),
            Some(queue) => self.room.len().saturating_add(queue.len()),
        }
    }

    /// Returns whether no bytes are unsent.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.room.is_empty() && self.is_all_copied()
    }

    /// Returns whether the room holds all unsent bytes.
    #[inline]
    const fn is_all_copied(&self) -> bool {
        match &self.queue {
            None => true,
            Some(queue) => queue.len() == 0,
        }
    }

    /// Returns all unsent bytes in one piece.
    fn contents(&self) -> Cow<'_, [u8]> {
        match &self.queue {
            Some(queue) if queue.len() > 0 => queue.to_vec(&self.room).into(),
            _ => self.room.as_slice().into(),
        }
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
        self.contents() == other.contents()
    }
}

impl Eq for Outbox {}

/// Compares the unsent bytes.
impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Outbox {
    fn eq(&self, other: &T) -> bool {
        *self.contents() == *other.as_ref()
    }
}
