//! The bytes read from the peer.

use alloc::vec::Vec;
use core::fmt;

use crate::export::{ImportError, Kind, read_record, write_record};
use crate::frame::Header;
use crate::input::Input;
use crate::length::in_memory;

/// How many bytes to read when no long frame is in progress: enough for many small messages, and
/// few enough to be in the nearest cache when they are unmasked.
const IDLE: usize = 17 << 10;
/// How many bytes to read from a peer that fills this room again and again: two messages of 64 KiB
/// with their headers. Fewer system calls are then worth more than the nearest cache.
const BUSY: usize = 130 << 10;
/// How many bytes of a long frame to read at once, at most: few enough to be in the second cache
/// when they are unmasked, and so many that a system call hardly counts.
const LONG: usize = 256 << 10;
/// Fewer bytes than this are not worth a read of their own.
const SMALL: usize = 4 << 10;
/// A larger buffer is freed when it is no longer needed.
const KEPT: usize = 192 << 10;
/// A larger buffer is no longer needed if so many reads in a row had little use for it. The next
/// long message then has to come within that many reads, or it pays for a new buffer.
const KEPT_FOR: u8 = 8;
/// The longest frame that is read in place by default, header included.
const IN_PLACE_MAX: usize = 16 << 20;

/// A buffer to read into, from which a handshake or a connection reads.
///
/// Read into the [room](Self::room), report how many bytes were [filled](Self::filled), and pass
/// the [input](Self::input) on. Bytes that it leaves stay in the inbox, and come first in the next
/// input.
///
/// ```
/// use hybi::{Config, Connection, Event, Inbox, Outbox};
///
/// let mut ws = Connection::client_with_keys(Config::default(), || [1, 2, 3, 4]); // for tests only
/// let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
/// let mut socket = &b"\x81\x05Hello"[..];
///
/// let n = std::io::Read::read(&mut socket, inbox.room())?; // 0: `Connection::end_of_input`
/// inbox.filled(n);
/// let mut input = inbox.input();
/// while let Some(event) = ws.receive(&mut input, &mut out)? {
///     assert_eq!(event, Event::Text("Hello".into()));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # How much it reads and keeps
///
/// The room is 17 KiB, and up to 130 KiB as long as the peer fills it with every read. While a long
/// message is in progress, it is the missing part of the message, which is lent out of the inbox
/// uncopied; see [`Input::in_place_up_to`].
///
/// The memory grows with the bytes that have arrived, at most by a constant factor, and never by a
/// length that was only announced. A buffer of more than 192 KiB is kept for further long messages;
/// it is freed after eight reads in a row that had little use for it. If each connection has an
/// inbox of its own, call [`shrink`](Self::shrink) when one falls idle: it frees all of it.
///
/// # One for many connections
///
/// An empty inbox belongs to nobody, so the connections of a thread can share one. If part of a
/// message [stays](Self::is_empty) in it, leave it to its connection until the message is complete,
/// and use another for the others:
///
/// ```
/// use hybi::{Connection, Inbox, Outbox, Server};
/// use std::io::{ErrorKind, Read};
///
/// struct Peer<S> {
///     socket: S,
///     ws: Connection<Server>,
///     inbox: Option<Inbox>, // while part of a message is in it
/// }
///
/// impl<S: Read> Peer<S> {
///     /// Reads once. Whatever this returns, write `out`.
///     fn read(
///         &mut self,
///         spare: &mut Option<Inbox>,
///         out: &mut Outbox,
///     ) -> Result<(), Box<dyn std::error::Error>> {
///         let inbox = self.inbox.get_or_insert_with(|| spare.take().unwrap_or_else(Inbox::new));
///         let read = self.socket.read(inbox.room());
///         inbox.filled(*read.as_ref().unwrap_or(&0));
///         let mut input = inbox.input();
///         while let Some(event) = self.ws.receive(&mut input, out)? {
///             println!("{event:?}");
///         }
///         if inbox.is_empty() {
///             *spare = self.inbox.take();
///         }
///         match read {
///             Ok(0) => Ok(self.ws.end_of_input(out)?),
///             Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error.into()),
///             _ => Ok(()),
///         }
///     }
/// }
/// # let ws = Connection::server(hybi::Config::default());
/// # let wire = [b"\x82\xfe\x4e\x20\0\0\0\0", &[0; 20_000][..]].concat();
/// # let (first, second) = wire.split_at(10_000);
/// # let mut peer = Peer { socket: std::io::Cursor::new(first), ws, inbox: None };
/// # let (mut spare, mut out) = (None, Outbox::new());
/// # peer.read(&mut spare, &mut out)?;
/// # assert!(peer.inbox.is_some());
/// # peer.socket = std::io::Cursor::new(second);
/// # peer.read(&mut spare, &mut out)?;
/// # assert!(peer.inbox.is_none() && spare.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// So a buffer that has grown does not stay with an idle connection. The others free it if they
/// have little use for it. To do without a second inbox, set
/// [`in_place_up_to`](Self::in_place_up_to) to zero: a connection then always reads all input. A
/// new inbox does not know that setting, nor does the one that `mem::take` leaves.
#[derive(Clone)]
pub struct Inbox {
    /// Initialised bytes.
    buffer: Vec<u8>,
    /// Where the unread bytes end. Invariant: `unread <= end`, `end + room <= buffer.len()`.
    end: usize,
    unread: usize,
    /// How many bytes of the room that was lent out are not filled.
    room: usize,
    /// How much room to offer if no long frame is in progress. Invariant: `IDLE..=BUSY`.
    usual_room: usize,
    /// How many reads in a row had little use for a large buffer.
    little_used: u8,
    in_place_max: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Inbox {
    /// Creates an empty inbox. It allocates nothing until [`room`](Self::room) or
    /// [`append`](Self::append) is called.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            end: 0,
            unread: 0,
            room: 0,
            usual_room: IDLE,
            little_used: 0,
            in_place_max: IN_PLACE_MAX,
        }
    }

    /// Sets the longest frame, in bytes and with its header, that may stay in the inbox until it is
    /// complete. Default: 16 MiB. With zero, all messages that reads split are copied.
    ///
    /// A larger value than [`Limits::message_bytes_max`](crate::Limits::message_bytes_max) is
    /// harmless: the connection checks its limits before anything is kept.
    #[must_use]
    pub const fn in_place_up_to(mut self, max: usize) -> Self {
        self.in_place_max = max;
        self
    }

    /// Returns room for the next read, which is never empty.
    ///
    /// It contains bytes of earlier reads. Only those that you report as [filled](Self::filled)
    /// become input.
    #[inline]
    #[must_use]
    pub fn room(&mut self) -> &mut [u8] {
        self.room = self.make_room();
        let room = self.end..self.end.saturating_add(self.room);
        self.buffer.get_mut(room).unwrap_or_default()
    }

    /// Reports that the first `n` bytes of the [room](Self::room) were read from the peer, or all
    /// of it if it is shorter.
    ///
    /// May be called more than once for the same room. The bytes are then those that follow.
    #[inline]
    pub fn filled(&mut self, n: usize) {
        let n = n.min(self.room);
        if n >= self.usual_room {
            self.usual_room = self.usual_room.saturating_mul(2).min(BUSY);
        } else if (1..SMALL).contains(&n) {
            // A read of nothing would have had to wait: it says nothing about the peer.
            self.usual_room = IDLE;
        }
        self.room = self.room.saturating_sub(n);
        self.end = self.end.saturating_add(n);
        self.unread = self.unread.saturating_add(n);
    }

    /// Appends bytes that were read some other way, such as those that an HTTP library has read
    /// after the head of a request.
    pub fn append(&mut self, bytes: &[u8]) {
        if self.is_empty() {
            self.end = 0;
        }
        self.buffer.truncate(self.end);
        self.buffer.extend_from_slice(bytes);
        self.end = self.buffer.len();
        self.unread = self.unread.saturating_add(bytes.len());
        self.room = 0;
    }

    /// Appends the unread bytes to `to`, as bytes that another process can
    /// [import](Self::import): see [`export`](crate::export).
    pub fn export(&self, to: &mut Vec<u8>) {
        write_record(Kind::Inbox, to, |to| to.extend_from_slice(self.unread()));
    }

    /// Takes an [exported](Self::export) inbox off the front of `from`. It belongs to the
    /// connection that was exported with it, which may have left part of a message in it. Set
    /// [`in_place_up_to`](Self::in_place_up_to) again, if you had.
    ///
    /// # Errors
    ///
    /// The bytes are no export of an inbox, or one of another version. `from` is as it was.
    pub fn import(from: &mut &[u8]) -> Result<Self, ImportError> {
        let mut inbox = Self::new();
        inbox.append(read_record(Kind::Inbox, from, |body| Ok(body.all()))?);
        Ok(inbox)
    }

    /// Returns the unread bytes as input. The inbox loses the bytes that are taken from it, and
    /// keeps the [remaining](Input::remaining) ones.
    #[inline]
    #[must_use]
    pub fn input(&mut self) -> Input<'_> {
        let unread = self.start()..self.end;
        let bytes = self.buffer.get_mut(unread).unwrap_or_default();
        Input::of_inbox(bytes, &mut self.unread, self.in_place_max)
    }

    /// Drops all unread bytes. Keeps the memory; see [`shrink`](Self::shrink).
    pub const fn clear(&mut self) {
        self.unread = 0;
    }

    /// Frees the memory if the inbox is empty; otherwise does nothing. An idle connection then
    /// needs no memory for its input.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::new().in_place_up_to(self.in_place_max);
        }
    }

    /// Returns the unread bytes. Part of a message may already be unmasked.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buffer.get(self.start()..self.end).unwrap_or_default()
    }

    /// Returns how many bytes are unread.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.unread
    }

    /// Returns whether no bytes are unread.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.unread == 0
    }

    /// Returns where the unread bytes start.
    const fn start(&self) -> usize {
        self.end.saturating_sub(self.unread)
    }

    /// Makes room after the unread bytes, and returns how much.
    #[inline]
    fn make_room(&mut self) -> usize {
        if self.is_empty() && self.buffer.len() >= self.usual_room && self.buffer.capacity() <= KEPT
        {
            self.end = 0;
            return self.usual_room;
        }
        self.make_room_after_unread()
    }

    fn make_room_after_unread(&mut self) -> usize {
        if self.is_empty() {
            self.end = 0;
        }
        let frame = self.frame_in_progress();
        let want = self.read_size(frame);
        let needed = self.unread.saturating_add(want);
        let unread = self.start()..self.end;
        if self.is_too_large(frame.unwrap_or_default().max(needed)) {
            let mut smaller = Vec::with_capacity(needed);
            smaller.extend_from_slice(self.unread());
            self.buffer = smaller;
            self.end = self.unread;
        } else if self.buffer.len().saturating_sub(self.end) < want
            && self.unread <= unread.start.max(IDLE)
        {
            // Moves at most as many bytes as were taken since the last move, or a few. Otherwise
            // the buffer grows, so that a caller that leaves much unread doesn't move it at every
            // read.
            if unread.start > 0 {
                self.buffer.copy_within(unread, 0);
                self.end = self.unread;
            }
        }
        let len = self.end.saturating_add(want);
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        want
    }

    /// Returns whether the buffer is to be freed, because what is `needed` has been little for a
    /// while.
    fn is_too_large(&mut self, needed: usize) -> bool {
        let capacity = self.buffer.capacity();
        let is_little_used = capacity > KEPT && needed <= capacity / 4;
        self.little_used = if is_little_used { self.little_used.saturating_add(1) } else { 0 };
        self.little_used > KEPT_FOR
    }

    /// Returns the length of the frame that the unread bytes start with, if some of it is missing
    /// and its header is not.
    fn frame_in_progress(&self) -> Option<usize> {
        let (header, header_len) = Header::decode(self.unread())?;
        let len = header_len.saturating_add(in_memory(header.payload_len));
        (len > self.len()).then_some(len)
    }

    /// Returns how many bytes to read next. For a frame in progress these are the missing ones, so
    /// that they are unmasked while they are near, but at most as many as have arrived.
    fn read_size(&self, frame_in_progress: Option<usize>) -> usize {
        let arrived = self.len();
        match frame_in_progress.map(|len| len.saturating_sub(arrived)) {
            None => self.usual_room,
            Some(missing) if missing < SMALL && arrived < SMALL => self.usual_room,
            Some(missing) => missing.min(arrived.max(self.usual_room)).min(LONG),
        }
    }
}

/// Prints how many bytes are unread, not the bytes: they may be a user's data.
impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("unread", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Fills up to `n` bytes of the next room. Returns how many.
    fn fill(inbox: &mut Inbox, n: usize) -> usize {
        let room = inbox.room();
        assert!(!room.is_empty());
        let n = n.min(room.len());
        room[..n].fill(b'x');
        inbox.filled(n);
        n
    }

    #[test]
    fn there_is_more_room_for_a_peer_that_fills_it_until_it_pauses() {
        let mut inbox = Inbox::new();
        let mut read = |n: usize| {
            let room = inbox.room().len();
            inbox.filled(n);
            inbox.clear();
            room
        };
        let rooms = [IDLE, 2 * IDLE, 4 * IDLE, BUSY, BUSY];
        assert_eq!([0; 5].map(|_| read(usize::MAX)), rooms);
        assert_eq!(read(SMALL), BUSY); // not yet a pause
        assert_eq!(read(0), BUSY); // a read that would have had to wait says nothing
        assert_eq!(read(SMALL - 1), BUSY);
        assert_eq!(read(1), IDLE);
    }

    #[test]
    fn an_announced_length_reserves_no_memory() {
        for header in [
            &b"\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00key!"[..],
            b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            for piece in [1, 1000, usize::MAX] {
                let mut inbox = Inbox::new();
                inbox.append(header);
                while inbox.len() < 100_000 {
                    fill(&mut inbox, piece);
                    let (arrived, capacity) = (inbox.len(), inbox.buffer.capacity());
                    assert!(capacity <= 4 * arrived.max(IDLE), "{capacity} for {arrived} bytes");
                }
            }
        }
    }

    #[test]
    fn a_long_message_is_read_up_to_its_end() {
        for len in [20_000, 70_000, 1 << 20] {
            let mut inbox = Inbox::new();
            inbox.append(&Header::new(crate::frame::OpCode::BINARY, len as u64).encode());
            let total = inbox.len() + len;
            let mut reads = 0;
            while inbox.len() < total {
                fill(&mut inbox, usize::MAX);
                reads += 1;
            }
            assert_eq!(inbox.len(), total, "and no further");
            assert!(reads <= 8, "{reads} reads");
        }
    }

    #[test]
    fn a_large_buffer_is_freed_once_it_is_little_used() {
        for left in [0, 1, 1000] {
            let mut inbox = Inbox::new();
            inbox.append(&vec![0; 1 << 20]);
            let _ = inbox.input().take((1 << 20) - left);
            for _ in 0..KEPT_FOR {
                assert_eq!(inbox.room().len(), IDLE);
                assert_eq!(inbox.buffer.capacity(), 1 << 20);
            }
            assert_eq!(inbox.room().len(), IDLE);
            assert_eq!(inbox.buffer.capacity(), IDLE + left, "{left} bytes are left");
            assert_eq!(inbox.unread(), vec![0; left]);
        }
    }

    #[test]
    fn a_large_buffer_is_kept_for_a_long_frame_however_slowly_it_arrives() {
        let mut inbox = Inbox::new();
        inbox.append(&vec![0; 1 << 20]);
        inbox.clear();
        inbox.append(&Header::new(crate::frame::OpCode::BINARY, 1 << 20).encode());
        for _ in 0..100 {
            fill(&mut inbox, 1);
        }
        assert_eq!(inbox.buffer.capacity(), 1 << 20);
    }

    #[test]
    fn one_buffer_serves_one_large_message_after_the_other() {
        let (len, mut inbox) = (1 << 20, Inbox::new());
        let header = Header::new(crate::frame::OpCode::BINARY, len as u64).encode();
        let mut buffers = Vec::new();
        for _ in 0..10 {
            inbox.append(&header);
            while inbox.len() < header.len() + len {
                fill(&mut inbox, usize::MAX);
            }
            buffers.push(inbox.buffer.as_ptr());
            inbox.clear();
        }
        buffers.dedup();
        assert_eq!(buffers.len(), 1);
    }

    /// The most bytes that are moved by a caller that leaves `backlog` bytes unread.
    #[test]
    fn unread_bytes_are_not_moved_at_every_read() {
        for (backlog, piece) in [(1 << 20, 1000), (1 << 20, 17), (100_000, 3), (IDLE + 1, 100)] {
            let mut inbox = Inbox::new();
            inbox.append(&vec![0; backlog]);
            let (mut moved, mut taken) = (0, 0);
            while taken < 2 << 20 {
                let start = inbox.start();
                fill(&mut inbox, piece);
                if inbox.start() < start {
                    moved += backlog;
                }
                taken += inbox.input().take(piece).map_or(0, |bytes| bytes.len());
            }
            assert!(moved <= taken, "{moved} bytes were moved for {taken}");
            assert!(inbox.buffer.capacity() <= 4 * (backlog + IDLE), "{}", inbox.buffer.capacity());
        }
    }

    #[test]
    fn a_message_in_progress_is_not_moved_at_every_read() {
        let mut inbox = Inbox::new();
        inbox.append(&[0; 100]); // taken before the message
        inbox.append(b"\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x00");
        let _ = inbox.input().take(100);
        let mut moves = 0;
        for _ in 0..100_000 {
            let start = inbox.start();
            fill(&mut inbox, 1);
            moves += usize::from(inbox.start() != start);
        }
        assert!(moves <= 1, "{moves}");
    }

    #[test]
    fn only_room_that_was_lent_out_can_be_filled() {
        let mut inbox = Inbox::new();
        inbox.filled(1);
        assert!(inbox.is_empty(), "there was no room yet");
        fill(&mut inbox, 10);
        inbox.filled(usize::MAX);
        assert_eq!(inbox.len(), IDLE, "all of the room");
        inbox.filled(1);
        assert_eq!(inbox.len(), IDLE, "no more than that");
        let _ = inbox.input().take(IDLE);
        inbox.append(b"a");
        inbox.filled(1);
        assert_eq!(inbox.unread(), b"a", "the room was given up");
    }

    #[test]
    fn an_empty_inbox_frees_its_memory_on_request() {
        let mut inbox = Inbox::new().in_place_up_to(5);
        fill(&mut inbox, 1);
        inbox.shrink();
        assert_eq!(inbox.unread(), b"x", "it was not empty");
        inbox.clear();
        inbox.shrink();
        assert_eq!((inbox.buffer.capacity(), inbox.in_place_max), (0, 5));
    }
}
