//! [`Reader`] and [`Writer`]: one connection, several threads.

use core::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chunks::Want;
use super::clock::Clock;
use super::link::{Link, WritingSide};
use super::receive_loop::{Protocol, ReceiveLoop};
use super::stream::{Stream, TryClone};
use super::transfer::{Flush, RETRY_AFTER, SharedProgress, Transfer, after, earlier};
use super::violation::Violation;
use super::websocket::WebSocket;
use crate::adapter::{Ending, Error, Opening};
use crate::buffers::Outbox;
use crate::connection::{
    self, Abnormal, Chunk, ChunkEvent, Closed, Connection, Data, Event, Message, Prepared,
    ReadyState, Transport,
};
use crate::error::{EndOfInputError, ProtocolError, UsageError};
#[cfg(feature = "deflate")]
use crate::extension::deflate::{Agreed, Compression};
use crate::frame::CloseCode;
use crate::handshake::Response;
use crate::input::Input;
use crate::keepalive::{KeepaliveConfig, KeepaliveError};
use crate::keys::MaskingKeys;
use crate::role::{Client, Role};

/// The reading half of a [`WebSocket`], for one thread. It also answers pings and Close frames.
///
/// Made by [`WebSocket::split`]. Dropping it ends the connection.
pub struct Reader<S: Stream, R: Role> {
    receiving: ReceiveLoop<S, ReadingHalf<S, R>>,
    opening: Opening,
}

/// The writing half of a [`WebSocket`], for any number of threads: clone it, or lend it out.
///
/// Made by [`WebSocket::split`]. Dropping the last clone does nothing: the reader goes on, and
/// answers pings. Once the connection is over, no clone keeps the stream open. A message is sent in
/// one piece, whoever else sends. Messages that are sent in parts need an agreement among your
/// threads: only one may do so at a time.
pub struct Writer<S, R> {
    link: Arc<Link<S, R>>,
}

impl<S: TryClone, R: Role> WebSocket<S, R> {
    /// Splits the connection, so that one thread can read while others write.
    ///
    /// Time-outs and [keep-alive](Self::set_keepalive) stay as they were set. The reader sends the
    /// keep-alive pings, and knows what the handshake has agreed on.
    ///
    /// ```no_run
    /// # #[cfg(feature = "rand")] {
    /// use hybi::CloseCode;
    /// use hybi::blocking;
    /// use hybi::keepalive::KeepaliveConfig;
    ///
    /// let mut ws = blocking::connect("ws://localhost:9001/")?;
    /// ws.set_keepalive(KeepaliveConfig::default()); // notices a server that vanishes
    /// let (mut reader, writer) = ws.split()?;
    /// std::thread::spawn(move || {
    ///     for line in std::io::stdin().lines() {
    ///         writer.send(&line?)?;
    ///     }
    ///     writer.close(CloseCode::NORMAL, "")
    /// });
    /// while let Some(message) = reader.receive()? {
    ///     println!("{message:?}");
    /// }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The stream could not be cloned. The connection is dropped.
    pub fn split(self) -> io::Result<(Reader<S, R>, Writer<S, R>)> {
        let (receiving, opening) = self.into_receive_loop();
        let receiving = receiving.with_protocol(ReadingHalf::new)?;
        let link = Arc::clone(&receiving.protocol.link);
        Ok((Reader { receiving, opening }, Writer { link }))
    }
}

impl<S: Stream, R: Role> Reader<S, R> {
    /// Waits for the next message: see [`WebSocket::receive`].
    ///
    /// Sends replies itself, unless a writer is in the way, which then sends them.
    ///
    /// Closing may take as long as the [keep-alive](Self::set_keepalive) allows, 10 s by default,
    /// counted from the Close frame of a writer or of the peer. If it allows less than a second, a
    /// call that was waiting when a writer closed may take a second.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::receive`].
    pub fn receive(&mut self) -> Result<Option<Message>, Error> {
        self.receiving.receive()
    }

    /// Waits for the next event: see [`WebSocket::receive_event`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::receive`].
    pub fn receive_event(&mut self) -> Result<Option<Event<'static>>, Error> {
        self.receiving.receive()
    }

    /// Waits for a chunk of a message: see [`WebSocket::receive_chunk`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::receive_chunk`].
    pub fn receive_chunk(&mut self) -> Result<Option<Chunk<'static>>, Error> {
        self.receiving.receive_chunk(Want::Arrived)
    }

    /// Returns when the time of a call that begins now is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        after(self.receiving.timeout)
    }

    /// Returns whether the beginning of a message has been received in chunks, and not its end.
    pub(super) fn is_within_message(&self) -> bool {
        self.receiving.must_be_between_messages().is_err()
    }

    /// Waits until `deadline` for a chunk of a message, past those that a call before has kept.
    pub(super) fn next_chunk(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<Chunk<'static>>, Error> {
        self.receiving.receive_until(deadline)
    }

    /// Waits for something of a message until `deadline`, and drops it.
    pub(super) fn discard(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        self.receiving.discard(deadline)
    }

    /// Waits for so much of a message.
    pub(super) fn receive_some(&mut self, want: Want) -> Result<Option<Chunk<'static>>, Error> {
        self.receiving.receive_chunk(want)
    }

    /// Returns whether so much of a message is here.
    pub(super) fn has(&mut self, want: Want) -> bool {
        self.receiving.chunks.has(want)
    }

    /// Puts back what was received of the message in progress, to be returned next.
    pub(super) fn put_back(&mut self, chunk: Chunk<'static>) {
        self.receiving.chunks.push(chunk);
    }

    /// Waits for `n` bytes of a message: see [`WebSocket::receive_up_to`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::receive_up_to`].
    pub fn receive_up_to(&mut self, n: usize) -> Result<Option<Chunk<'static>>, Error> {
        self.receiving.receive_chunk(Want::Bytes(n))
    }

    /// Waits for `n` characters of a text: see [`WebSocket::receive_chars_up_to`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::receive_up_to`].
    pub fn receive_chars_up_to(&mut self, n: usize) -> Result<Option<Chunk<'static>>, Error> {
        self.receiving.receive_chunk(Want::Chars(n))
    }

    /// Returns how many bytes of the message in progress have not been returned: see
    /// [`WebSocket::message_bytes_left`].
    #[must_use]
    pub fn message_bytes_left(&self) -> Option<u64> {
        self.receiving.message_bytes_left()
    }

    /// Sets how long a message in chunks may be: see [`WebSocket::set_chunked_bytes_max`].
    pub fn set_chunked_bytes_max(&mut self, bytes: impl Into<Option<u64>>) {
        self.receiving.chunks.message_bytes_max = bytes.into();
    }

    /// Returns how the connection was closed: see [`WebSocket::closed`].
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.receiving.closed()
    }

    /// Returns the state of the connection.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.receiving.protocol.link.ready_state()
    }

    /// Returns the subprotocol that the handshake has agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.opening.subprotocol()
    }

    /// Returns what the handshake has agreed on about compression: see [`Connection::deflate`].
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(&self) -> Option<&Agreed> {
        self.receiving.protocol.reader.deflate()
    }

    /// Sets how long one call that receives may take: see [`WebSocket::set_read_timeout`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::set_read_timeout`].
    pub fn set_read_timeout(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        self.receiving.set_timeout(timeout.into())
    }

    /// Sets when to ping a silent peer, and deadlines: see [`WebSocket::set_keepalive`].
    pub fn set_keepalive(&mut self, config: KeepaliveConfig) {
        self.receiving.set_keepalive(config);
    }

    /// Sets how long to wait for the peer to end the stream: see [`WebSocket::set_linger`].
    pub fn set_linger(&mut self, time: Duration) {
        self.receiving.set_linger(time);
    }

    /// Returns the time between the newest answered keep-alive ping and its pong.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.receiving.round_trip()
    }

    /// Returns the stream, for its address and options.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.receiving.transfer.stream()
    }
}

impl<S: Stream, K: MaskingKeys> Reader<S, Client<K>> {
    /// Returns the server's response to the handshake: see [`WebSocket::response`].
    #[must_use]
    pub fn response(&self) -> Option<&Response<'static>> {
        self.opening.response()
    }
}

impl<S: Stream, R: Role> Drop for Reader<S, R> {
    fn drop(&mut self) {
        if self.closed().is_none() {
            self.receiving.end(Ending::abnormal(Abnormal::Terminated));
        }
    }
}

/// Sending.
impl<S: Stream, R: Role> Writer<S, R> {
    /// Sends a message: see [`WebSocket::send`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`]. [`Error::Closed`] if the reader has seen the peer's Close frame or
    /// the end of the connection. If a write fails before the reader has seen why, the error is
    /// [`Error::Io`], and [`closed`](Self::closed) tells later.
    pub fn send<'a>(&self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode(|writer, out| writer.send(message, out))
    }

    /// Sends a message, and decides about its compression, whatever other threads send: see
    /// [`WebSocket::send_with`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[cfg(feature = "deflate")]
    pub fn send_with<'a>(
        &self,
        compression: Compression,
        message: impl Into<Data<'a>>,
    ) -> Result<(), Error> {
        self.encode(|writer, out| writer.send_with(compression, message, out))
    }

    /// Sends a message whose payload need not be copied: see [`WebSocket::send_owned`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_owned(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.encode(|writer, out| writer.send_owned(message, out))
    }

    /// Sends a message that was encoded once for many connections.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&self, message: &Prepared) -> Result<(), Error> {
        self.encode(|writer, out| writer.send_prepared(message, out))
    }

    /// Sends a part of a message: see [`WebSocket::send_part`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_part`].
    pub fn send_part<'a>(&self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode(|writer, out| writer.send_part(part, out))
    }

    /// Sends the last part of a message.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_last_part`].
    pub fn send_last_part<'a>(&self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode(|writer, out| writer.send_last_part(part, out))
    }

    /// Queues a message: see [`WebSocket::feed`]. A reader that waits already need not write it:
    /// [`flush`](Self::flush) in the end.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed<'a>(&self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        self.link.write(|WritingSide { writer, transfer }| {
            transfer.feed(|out| writer.send(message, out))
        })
    }

    /// Writes everything that is unsent: see [`WebSocket::flush`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::flush`].
    pub fn flush(&self) -> Result<(), Error> {
        self.link.write(|side| side.transfer.flush_all())
    }

    /// Sends a ping: see [`WebSocket::ping`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ping`].
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.encode(|writer, out| writer.ping(payload, out))
    }

    /// Sends a pong that no ping has asked for: see [`WebSocket::pong`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::pong`].
    pub fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        self.encode(|writer, out| writer.pong(payload, out))
    }

    /// Sends messages in one go. Fails with a time-out if the stream has not taken them in time.
    pub(super) fn send_all_in_time(&self, messages: &[Prepared]) -> Result<(), Error> {
        self.encode_in_time(|writer, out| {
            messages.iter().try_for_each(|message| writer.send_prepared(message, out))
        })
    }

    /// Sends a message. Fails with a time-out if the stream has not taken it in time.
    pub(super) fn send_in_time<'a>(&self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode_in_time(|writer, out| writer.send(message, out))
    }

    /// Queues a message. Fails with a time-out if so much waits that it must be written, and the
    /// stream has not taken it in time.
    pub(super) fn feed_in_time<'a>(&self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        self.link.write(|WritingSide { writer, transfer }| {
            transfer.feed(|out| writer.send(message, out))?;
            if transfer.is_fed_enough() { Err(Error::TimedOut) } else { Ok(()) }
        })
    }

    fn encode_in_time(
        &self,
        encode: impl FnOnce(&mut connection::Writer<R>, &mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        self.link.write(|WritingSide { writer, transfer }| {
            transfer.send(|out| encode(writer, out))?;
            if transfer.is_unsent() { Err(Error::TimedOut) } else { Ok(()) }
        })
    }

    fn encode(
        &self,
        encode: impl FnOnce(&mut connection::Writer<R>, &mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        self.link.write(|WritingSide { writer, transfer }| transfer.send(|out| encode(writer, out)))
    }
}

/// Closing.
impl<S: Stream, R: Role> Writer<S, R> {
    /// Starts the closing handshake: see [`WebSocket::close`]. The reader receives the peer's
    /// reply.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`].
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.encode_close(|writer, out| writer.close(code, reason, out))
    }

    /// Starts the closing handshake without a code.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close_without_code`].
    pub fn close_without_code(&self) -> Result<(), Error> {
        self.encode_close(connection::Writer::close_without_code)
    }

    /// Leaves a Close frame for whoever writes next, and so does not wait for the peer.
    pub(super) fn post_close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.link.write(|WritingSide { writer, transfer }| {
            writer.close(code, reason, transfer.out())?;
            self.link.note_closing();
            Ok(())
        })
    }

    /// Ends the connection within `timeout`, whatever the peer does and whatever other threads are
    /// sending.
    ///
    /// Sends a Close frame if none has been sent (1000 from a client, 1001 from a server), and
    /// waits for the [`Reader`] to see the end of the connection, in another thread. After
    /// `timeout` ends the stream, which wakes up all threads that wait for it. With zero, that is
    /// at once.
    pub fn terminate(&self, timeout: Duration) {
        self.link.terminate(timeout);
    }

    fn encode_close(
        &self,
        encode: impl FnOnce(&mut connection::Writer<R>, &mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        self.encode(|writer, out| {
            encode(writer, out)?;
            self.link.note_closing();
            Ok(())
        })
    }
}

/// State and settings.
impl<S: Stream, R: Role> Writer<S, R> {
    /// Returns the state of the connection, without waiting for other threads.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.link.ready_state()
    }

    /// Returns how the connection was closed, `None` while the reader has not seen its end. Does
    /// not wait for other threads.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.link.closed()
    }

    /// Returns how many bytes are queued: see [`WebSocket::unsent_bytes`]. Waits for a thread that
    /// is sending.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.link.with_writing_side(|side| side.transfer.unsent()).unwrap_or_default()
    }

    /// Sets which messages are compressed from now on, for all writers: see
    /// [`WebSocket::set_compression`]. Waits for a thread that is sending. To decide about one
    /// message, use [`send_with`](Self::send_with): another thread might send in between.
    #[cfg(feature = "deflate")]
    pub fn set_compression(&self, compression: Compression) {
        self.link.with_writing_side(|side| side.writer.set_compression(compression));
    }

    /// Sets how long one call that sends may take, for all writers: see
    /// [`WebSocket::set_write_timeout`]. Waits for a thread that is sending.
    ///
    /// A reader that waits writes what a call has left, after as long again at most, or after 50 ms
    /// if that is longer. So it wakes up as often. A call that was waiting when the time-out was
    /// set does so from its next [keep-alive](Reader::set_keepalive) deadline on, 10 s by default.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::set_write_timeout`].
    pub fn set_write_timeout(&self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        let timeout = timeout.into();
        let set = self.link.with_writing_side(|side| side.transfer.set_write_timeout(timeout));
        set.unwrap_or(Ok(()))
    }
}

impl<S, R> Clone for Writer<S, R> {
    fn clone(&self) -> Self {
        Self { link: Arc::clone(&self.link) }
    }
}

/// The protocol's part in the reading half.
struct ReadingHalf<S, R> {
    reader: connection::Reader<R>,
    link: Arc<Link<S, R>>,
    /// How far the writing side has got.
    output: Arc<SharedProgress>,
    /// What to do with the stream once the reply to the peer's last frame has been written.
    transport: Transport,
}

impl<S: TryClone, R: Role> ReadingHalf<S, R> {
    /// Splits the connection, and makes a transfer of its own for the writing side.
    fn new(connection: Connection<R>, transfer: &mut Transfer<S>) -> io::Result<Self> {
        let handle = transfer.stream().try_clone()?;
        let writing_handle = transfer.stream().try_clone()?;
        let closing_since = match connection.ready_state() {
            ReadyState::Open => None,
            _ => Some(Instant::now()),
        };
        let transport = connection.transport();
        let (reader, mut writer) = connection.split();
        // A pong that was held back is one more than the backlog allows, and no more than that.
        let mut pong = Outbox::new();
        writer.flush_replies(&mut pong);
        transfer.out().append(pong.front());
        let output = Arc::<SharedProgress>::default();
        let transfer = transfer.split_output(writing_handle, Arc::clone(&output));
        let link = Link::new(WritingSide { writer, transfer }, handle, closing_since);
        Ok(Self { reader, link: Arc::new(link), output, transport })
    }
}

impl<S: Stream, R: Role> ReadingHalf<S, R> {
    /// Leaves the reply to an event for the writing side, if there is one.
    fn answer(&mut self, event: &Event<'_>) {
        if let Event::Close(_) = event {
            // RFC 6455 §7.1.1: the server ends the stream first.
            self.transport = if R::IS_SERVER { Transport::Close } else { Transport::AwaitClose };
        }
        if let Some(reply) = event.reply() {
            self.link.post_reply(reply);
        }
    }

    fn fail(&mut self, error: ProtocolError) -> Violation {
        self.transport = Transport::Close; // RFC 6455 §7.1.7
        let is_after_our_close = self.link.closing_since().is_some();
        self.link.post_reply(error.reply());
        Violation { error, is_after_our_close }
    }
}

/// A reading half leaves its replies for the writing side.
impl<S: Stream, R: Role> Protocol<S> for ReadingHalf<S, R> {
    #[inline]
    fn receive<'a, T>(
        &mut self,
        input: &mut Input<'a>,
        _: &mut Outbox,
        pick: impl FnOnce(Event<'a>) -> T,
    ) -> Result<Option<T>, Violation> {
        match self.reader.receive(input) {
            Ok(Some(event)) => {
                self.answer(&event);
                Ok(Some(pick(event)))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(self.fail(error)),
        }
    }

    fn receive_chunk<'a>(
        &mut self,
        within: Option<u64>,
        input: &mut Input<'a>,
        _: &mut Outbox,
    ) -> Result<Option<ChunkEvent<'a>>, Violation> {
        let received = self.reader.next_chunk(within, input).map_err(|error| self.fail(error))?;
        if let Some(ChunkEvent::Control(control)) = &received {
            self.answer(control);
        }
        Ok(received)
    }

    fn is_idle(&self) -> bool {
        self.reader.is_idle()
    }

    fn is_in_chunks(&self) -> bool {
        self.reader.is_in_chunks()
    }

    fn message_bytes_left(&self) -> Option<u64> {
        self.reader.message_bytes_left()
    }

    fn poll(
        &mut self,
        clock: &mut Clock,
        _: &mut Outbox,
    ) -> Result<Option<Instant>, KeepaliveError> {
        if self.output.take_made_room() {
            clock.made_room();
        }
        let (ping, wake) = clock.poll_half(self.link.closing_since(), self.output.get())?;
        if let Some(payload) = ping {
            self.link.post_ping(payload);
        }
        // A writer that leaves a rest wakes nobody. The rest waits for as long again at most.
        let within = self.output.write_within().map(|within| within.max(RETRY_AFTER));
        Ok(earlier(wake, after(within)))
    }

    fn flush(&mut self, _: &mut Transfer<S>, deadline: Option<Instant>) -> Flush {
        self.link.deliver(deadline)
    }

    fn transport(&self) -> Transport {
        self.transport
    }

    fn end_of_input(&mut self, _: &mut Outbox) -> Abnormal {
        let ended = self.reader.end_of_input();
        if let Err(EndOfInputError::Protocol(error)) = ended {
            self.link.post_reply(error.reply());
        }
        ended.map_or_else(Abnormal::from, |()| Abnormal::Terminated)
    }

    fn note_last_word(&mut self, last_word: &Ending) {
        self.link.note_last_word(last_word);
    }

    fn note_end(&mut self, ending: Ending) -> Ending {
        self.link.end(ending)
    }
}

impl<S: Stream, R: Role> fmt::Debug for Reader<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("closed", &self.closed()).finish_non_exhaustive()
    }
}

impl<S, R> fmt::Debug for Writer<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
