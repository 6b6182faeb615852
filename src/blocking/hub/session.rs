//! [`Session`]: a connection in the hands of its handler, which receives from it.

use core::fmt;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::memory::{Assembly, NoMemory};
use super::peer::{Drop as DropReason, Peer};
use super::place::Place;
use super::{Error, Hub, SendError, Socket};
use crate::blocking::chunks::Want;
use crate::blocking::transfer::{after, earlier, passed};
use crate::blocking::{Abnormal, Closed, Reader, ReadyState, TryClone};
use crate::connection::{Chunk, Data, Message};
use crate::error::UsageError;
use crate::frame::CloseCode;
use crate::role::Server;

/// An open connection of a [`Hub`], for the thread that receives from it. Others send to its
/// [`Peer`].
///
/// Dropping it ends the connection, and its number is stale. If the connection is closing because
/// of us, this waits for the client's Close frame first, as long as
/// [allowed](crate::keepalive::KeepaliveConfig::close_within). Otherwise the client's program sees
/// 1006: [`terminate`](Self::terminate) ends a connection properly.
pub struct Session<S: TryClone + Send + 'static = Socket> {
    reader: Reader<S, Server>,
    peer: Peer<S>,
    hub: Hub<S>,
    message: Assembly,
    /// The limit of messages that are received in chunks, if they have one of their own.
    chunked_bytes_max: Option<u64>,
    /// How long a message may hold shared memory while it is being received.
    message_within: Duration,
    /// Whether what the client still sends is thrown away, because there was no memory for it.
    is_deaf: bool,
    _place: Place<S>,
}

impl<S: TryClone + Send + 'static> Session<S> {
    pub(super) fn new(
        reader: Reader<S, Server>,
        peer: Peer<S>,
        hub: Hub<S>,
        place: Place<S>,
    ) -> Self {
        let message = Assembly::new(hub.memory());
        let message_within = hub.config().message_within;
        Self {
            reader,
            peer,
            hub,
            message,
            chunked_bytes_max: None,
            message_within,
            is_deaf: false,
            _place: place,
        }
    }

    /// Waits for the next message and returns it. Returns `None` once the connection is over.
    ///
    /// It does the same as [`Reader::receive`], with memory that all connections of the hub
    /// [share](super::HubConfig::message_memory_max).
    ///
    /// # Errors
    ///
    /// As [`Reader::receive`]. [`UsageError::MessageInChunks`] in the middle of a message of which
    /// [`receive_chunk`](Self::receive_chunk) has returned the beginning; nothing is lost.
    pub fn receive(&mut self) -> Result<Option<Message>, Error> {
        self.message.release();
        if self.is_deaf {
            return self.receive_nothing(self.reader.deadline());
        }
        if !self.message.is_in_progress() && self.reader.is_within_message() {
            return Err(UsageError::MessageInChunks.into());
        }
        self.reader.set_chunked_bytes_max(None);
        let deadline = self.reader.deadline();
        loop {
            let too_late = self.message.shared_since().and_then(|since| {
                since.checked_add(self.message_within) // `None` is never
            });
            let chunk = match self.reader.next_chunk(earlier(deadline, too_late)) {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(None),
                Err(Error::TimedOut) if passed(too_late) => return self.give_up_message(deadline),
                Err(error) => return Err(error),
            };
            if passed(too_late) && !chunk.last {
                return self.give_up_message(deadline);
            }
            let rest = if chunk.last { Some(0) } else { self.reader.message_bytes_left() };
            match self.message.push(chunk, rest) {
                // A peer that sends a little again and again must not move the deadline.
                Ok(None) if passed(deadline) => return Err(Error::TimedOut),
                Ok(None) => {}
                Ok(Some(message)) => return Ok(Some(message)),
                Err(NoMemory) => return self.give_up_message(deadline),
            }
        }
    }

    /// Closes the connection, because there is no memory for the message that the client sends.
    fn give_up_message<T>(&mut self, deadline: Option<Instant>) -> Result<Option<T>, Error> {
        self.is_deaf = true;
        self.message.clear();
        self.peer.drop_client(DropReason::OutOfMemory);
        self.receive_nothing(deadline)
    }

    /// Drops what the client still sends, until the connection is over.
    fn receive_nothing<T>(&mut self, deadline: Option<Instant>) -> Result<Option<T>, Error> {
        loop {
            self.reader.discard(deadline)?;
            if self.closed().is_some() {
                return Ok(None);
            }
            // A peer that sends a little again and again must not move the deadline.
            if passed(deadline) {
                return Err(Error::TimedOut);
            }
        }
    }

    /// Waits for a chunk of a message: see [`Reader::receive_chunk`]. It needs no shared memory.
    /// The first chunk is what [`receive`](Self::receive) has gathered, if that has timed out
    /// within the message.
    ///
    /// # Errors
    ///
    /// As [`Reader::receive_chunk`].
    pub fn receive_chunk(&mut self) -> Result<Option<Chunk<'static>>, Error> {
        let gathered = self.message.take_part();
        self.message.release();
        if self.is_deaf {
            return self.receive_nothing(self.reader.deadline());
        }
        if let Some(data) = gathered {
            return Ok(Some(Chunk { data, first: true, last: false }));
        }
        self.reader.set_chunked_bytes_max(self.chunked_bytes_max);
        self.reader.receive_chunk()
    }

    /// Waits for `n` bytes of a message: see [`WebSocket::receive_up_to`]. They are held for the
    /// caller, beside the memory that the connections share, so choose `n` accordingly.
    ///
    /// [`WebSocket::receive_up_to`]: crate::blocking::WebSocket::receive_up_to
    ///
    /// # Errors
    ///
    /// As [`Reader::receive_up_to`].
    pub fn receive_up_to(&mut self, n: usize) -> Result<Option<Chunk<'static>>, Error> {
        self.receive_some(Want::Bytes(n))
    }

    /// Waits for `n` characters of a text, or bytes of a binary message: see
    /// [`WebSocket::receive_chars_up_to`]. They are held as those of
    /// [`receive_up_to`](Self::receive_up_to), and a character may have four bytes.
    ///
    /// [`WebSocket::receive_chars_up_to`]: crate::blocking::WebSocket::receive_chars_up_to
    ///
    /// # Errors
    ///
    /// As [`Reader::receive_up_to`].
    pub fn receive_chars_up_to(&mut self, n: usize) -> Result<Option<Chunk<'static>>, Error> {
        self.receive_some(Want::Chars(n))
    }

    fn receive_some(&mut self, want: Want) -> Result<Option<Chunk<'static>>, Error> {
        if self.is_deaf {
            return self.receive_nothing(self.reader.deadline());
        }
        if let Some(data) = self.message.take_part() {
            self.reader.put_back(Chunk { data, first: true, last: false });
        }
        // Still counted as shared, until less is left than what is held for the caller.
        if !self.reader.has(want) {
            self.message.release();
        }
        self.reader.set_chunked_bytes_max(self.chunked_bytes_max);
        self.reader.receive_some(want)
    }

    /// Returns how many bytes of the message in chunks are still to come, if that is known: see
    /// [`Reader::message_bytes_left`].
    #[must_use]
    pub fn message_bytes_left(&self) -> Option<u64> {
        self.reader.message_bytes_left()
    }

    /// Sets the limit of messages that are received in chunks: see
    /// [`Reader::set_chunked_bytes_max`]. Those that are received whole keep the connection's.
    pub fn set_chunked_bytes_max(&mut self, bytes: impl Into<Option<u64>>) {
        self.chunked_bytes_max = bytes.into();
    }

    /// Sets how long one call that receives may take: see [`Reader::set_read_timeout`].
    ///
    /// # Errors
    ///
    /// As [`Reader::set_read_timeout`].
    pub fn set_read_timeout(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        self.reader.set_read_timeout(timeout)
    }

    /// Sends a message, after those that are queued: text from a `&str`, binary from a `&[u8]`,
    /// either from a [`&Message`](Message). Waits until the client takes it, so the client cannot
    /// make us send faster than it reads. The message may be of any length.
    ///
    /// # Errors
    ///
    /// [`SendError::TooSlow`] if the client did not take it
    /// [in time](super::HubConfig::write_within): it is being closed with 1013.
    /// [`SendError::Closing`] if the connection was closing. Go on receiving to see how it ends.
    pub fn send<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<(), SendError> {
        self.peer.write_in_turn(|writer| writer.send_in_time(message))
    }

    /// Sends a message, but does not write it yet if it is short: it goes out with others, once
    /// there are 64 KiB, or when [`receive`](Self::receive) waits. Many small messages then take
    /// one system call.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<(), SendError> {
        self.peer.write_in_turn(|writer| writer.feed_in_time(message))
    }

    /// Starts the closing handshake: see [`Peer::close`]. Go on receiving until `None`.
    ///
    /// # Errors
    ///
    /// As [`Peer::close`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), UsageError> {
        self.peer.close(code, reason)
    }

    /// Ends the connection within `timeout`, whatever the client does, and returns how it was
    /// closed: see [`WebSocket::terminate`](crate::blocking::WebSocket::terminate). With zero, that
    /// is at once.
    pub fn terminate(&mut self, timeout: Duration) -> Closed {
        self.is_deaf = true;
        self.message.clear();
        if timeout.is_zero() {
            self.peer.terminate();
        } else {
            self.peer.leave("", timeout);
        }
        self.wait_for_end(timeout)
    }

    /// Returns how the connection was closed, `None` while it is not over.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.reader.closed()
    }

    /// Returns the state of the connection.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.peer.ready_state()
    }

    /// Returns the number of the connection.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.peer.id()
    }

    /// Returns the writing side of the connection, to be cloned for others.
    #[must_use]
    pub fn peer(&self) -> &Peer<S> {
        &self.peer
    }

    /// Returns the hub.
    #[must_use]
    pub fn hub(&self) -> &Hub<S> {
        &self.hub
    }

    /// Returns the stream, for its options.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.reader.stream()
    }

    /// Returns the subprotocol that the handshake has agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.reader.subprotocol()
    }

    /// Returns the time between the newest answered keep-alive ping and its pong.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.reader.round_trip()
    }

    /// Receives until the connection is over, and ends it after `timeout`.
    fn wait_for_end(&mut self, timeout: Duration) -> Closed {
        let mut deadline = after(Some(timeout));
        loop {
            if let Some(closed) = self.reader.closed() {
                return closed.clone();
            }
            // Fails for good, with which the connection is over, or because time has passed.
            let _ = self.reader.discard(deadline);
            if passed(deadline) {
                self.peer.terminate();
                deadline = None;
            }
        }
    }
}

impl<S: TryClone + Send + 'static> Drop for Session<S> {
    fn drop(&mut self) {
        self.message.clear();
        if let Some(timeout) = self.peer.leaves_within()
            && !thread::panicking()
        {
            self.wait_for_end(timeout);
        }
        self.peer.terminate();
        let closed = self.closed().cloned();
        let closed = closed.unwrap_or(Closed::Abnormal(Abnormal::Terminated));
        self.hub.forget(&self.peer, closed);
    }
}

impl<S: TryClone + Send + 'static> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("peer", &self.peer)
            .field("closed", &self.closed())
            .finish_non_exhaustive()
    }
}
