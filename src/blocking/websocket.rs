//! [`WebSocket`]: an open connection over a stream.

use core::fmt;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::chunks::{Chunks, Want};
use super::clock::Clock;
use super::receive_loop::{Protocol, ReceiveLoop, TICK};
use super::stream::Stream;
use super::transfer::{Flush, Transfer, after, passed};
use super::violation::Violation;
use crate::adapter::{Ending, Error, Opening, leaving_code};
use crate::buffers::{Inbox, Outbox};
use crate::connection::{
    Abnormal, Chunk, ChunkEvent, Closed, Connection, Data, Event, Message, Prepared, ReadyState,
    Transport,
};
use crate::error::UsageError;
#[cfg(feature = "deflate")]
use crate::extension::deflate::{Agreed, Compression};
use crate::frame::CloseCode;
use crate::handshake::Response;
use crate::input::Input;
use crate::keepalive::{KeepaliveConfig, KeepaliveError};
use crate::role::{Client, Role};

/// An open WebSocket connection over a stream.
///
/// [`receive`](Self::receive) waits for messages, [`send`](Self::send) sends them. The
/// [module](super) has examples of a client and a server.
///
/// Pings and Close frames are answered while you receive. So a program that only sends should
/// receive now and then, or leave that to [another thread](Self::split).
///
/// Dropping it closes the stream without a closing handshake; the peer's program sees 1006. Use
/// [`terminate`](Self::terminate) to end a connection properly.
///
/// While it waits between messages, it holds no buffer for its input, and 512 bytes at most for its
/// output. A read takes up to 17 KiB of the stack.
pub struct WebSocket<S, R> {
    receiving: ReceiveLoop<S, Connection<R>>,
    opening: Opening,
}

impl<S: Stream, R: Role> WebSocket<S, R> {
    /// Makes a WebSocket of a connection whose opening handshake was done elsewhere.
    /// [`connect`](super::connect) and [`receive_request`](super::receive_request) do handshakes.
    ///
    /// `inbox` holds the bytes that were read after the handshake and that `connection` has not
    /// received yet: the peer's first frames often come together with its half of the handshake.
    ///
    /// ```
    /// use hybi::blocking::{Untimed, WebSocket};
    /// use hybi::{Config, Connection, Inbox, Message};
    /// use std::io::Cursor;
    ///
    /// let mut inbox = Inbox::new();
    /// inbox.append(b"\x81\x02He"); // read together with the server's response
    /// let stream = Untimed(Cursor::new(b"\x81\x05Hello".to_vec()));
    /// let keys = || [1, 2, 3, 4]; // for tests only
    /// let connection = Connection::client_with_keys(Config::default(), keys);
    ///
    /// let mut ws = WebSocket::new(stream, connection, inbox);
    /// assert_eq!(ws.receive()?, Some(Message::from("He")));
    /// assert_eq!(ws.receive()?, Some(Message::from("Hello")));
    /// # Ok::<(), hybi::blocking::Error>(())
    /// ```
    #[must_use]
    pub fn new(stream: S, connection: Connection<R>, inbox: Inbox) -> Self {
        Self::from_handshake(Transfer::new(stream, inbox), connection, Opening::Plain)
    }

    pub(super) fn from_handshake(
        transfer: Transfer<S>,
        connection: Connection<R>,
        opening: Opening,
    ) -> Self {
        Self { receiving: ReceiveLoop::new(transfer, connection), opening }
    }
}

/// Receiving.
impl<S: Stream, R: Role> WebSocket<S, R> {
    /// Waits for the next message and returns it. Returns `None` once the connection is over;
    /// [`closed`](Self::closed) then tells how it was closed.
    ///
    /// Writes what is unsent as soon as the stream takes it, and reads meanwhile. Replies to pings;
    /// pongs are skipped. When the peer has sent its Close frame, this completes the closing
    /// handshake and waits for the stream to end, for a [second](Self::set_linger) at most.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if no message is complete within the
    /// [read time-out](Self::set_read_timeout); nothing is lost, call again. [`Error::Protocol`]
    /// and [`Error::Io`] are final, and come after all messages that arrived before. After both
    /// Close frames a stream that breaks is no error any more. Nor is a bad Close frame in answer
    /// to ours: [`closed`](Self::closed) then tells which rule it broke.
    pub fn receive(&mut self) -> Result<Option<Message>, Error> {
        self.receiving.receive()
    }

    /// Waits for the next event and returns it. Does the same as [`receive`](Self::receive), but
    /// also returns control frames: pings, pongs, and the peer's Close frame, after which comes
    /// `None`. They have been replied to. The pongs to [keep-alive](Self::set_keepalive) pings are
    /// not returned.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_event(&mut self) -> Result<Option<Event<'static>>, Error> {
        self.receiving.receive()
    }
}

/// Receiving long messages, in bounded memory.
///
/// A message may be as long as [`set_chunked_bytes_max`](Self::set_chunked_bytes_max) says, however
/// little is to be held in memory. [`Chunk::data`] tells whether it is text, and [`Chunk::last`]
/// whether it ends here. All these calls may be mixed. To return to [`receive`](Self::receive),
/// receive the message to its end; before that `receive` fails with
/// [`UsageError::MessageInChunks`], and nothing is lost.
///
/// ```
/// # use hybi::blocking::{Untimed, WebSocket};
/// # use hybi::{Config, Connection, Inbox};
/// # use std::io::{self, Write};
/// # fn save<S: hybi::blocking::Stream>(
/// #     ws: &mut WebSocket<S, hybi::Server>,
/// #     mut file: impl Write,
/// # ) -> Result<u64, Box<dyn std::error::Error>> {
/// ws.set_chunked_bytes_max(1 << 30);
/// let mut bytes = 0;
/// while let Some(chunk) = ws.receive_chunk()? {
///     file.write_all(chunk.data.as_bytes())?;
///     bytes += chunk.data.as_bytes().len() as u64;
///     if let Some(left) = ws.message_bytes_left() {
///         println!("{bytes} of {}", bytes + left);
///     }
///     if chunk.last {
///         return Ok(bytes);
///     }
/// }
/// Err("the connection has ended within the message".into())
/// # }
/// # let stream = Untimed(io::Cursor::new(b"\x82\x85\0\0\0\0Hello".to_vec()));
/// # let mut ws = WebSocket::new(stream, Connection::server(Config::default()), Inbox::new());
/// # assert_eq!(save(&mut ws, io::sink()).unwrap(), 5);
/// ```
impl<S: Stream, R: Role> WebSocket<S, R> {
    /// Waits for a chunk of a message, and returns it as it has arrived: at least a byte and at
    /// most 64 KiB, or the end of the message alone. A chunk of text consists of whole code points.
    /// Returns `None` once the connection is over. If it ends within a message, the last chunk
    /// before that is not [`last`](Chunk::last).
    ///
    /// Control frames are answered and skipped.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive). The chunks that were good are returned before.
    pub fn receive_chunk(&mut self) -> Result<Option<Chunk<'static>>, Error> {
        self.receiving.receive_chunk(Want::Arrived)
    }

    /// Waits for `n` bytes of a message, and returns them: fewer only if the message ends before,
    /// if the last code point of a text would be split, if the connection ends, or if there is no
    /// memory for them. The rest comes with the next call. Otherwise as
    /// [`receive_chunk`](Self::receive_chunk).
    ///
    /// At least one code point of a text is returned, which may have four bytes, and at least one
    /// byte of a binary message.
    ///
    /// ```
    /// # use hybi::blocking::{Untimed, WebSocket};
    /// # use hybi::{Config, Connection, Inbox};
    /// # let stream = Untimed(std::io::Cursor::new(b"\x82\x85\0\0\0\0Hello".to_vec()));
    /// # let mut ws = WebSocket::new(stream, Connection::server(Config::default()), Inbox::new());
    /// // The peer has sent "Hello".
    /// let mut chunks = Vec::new();
    /// while let Some(chunk) = ws.receive_up_to(3)? {
    ///     chunks.push((chunk.data.as_bytes().to_vec(), chunk.first, chunk.last));
    ///     if chunk.last {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(chunks, [(b"Hel".to_vec(), true, false), (b"lo".to_vec(), false, true)]);
    /// # Ok::<(), hybi::blocking::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`receive_chunk`](Self::receive_chunk). On [`Error::TimedOut`], what has arrived waits
    /// for the next call.
    pub fn receive_up_to(&mut self, n: usize) -> Result<Option<Chunk<'static>>, Error> {
        self.receiving.receive_chunk(Want::Bytes(n))
    }

    /// Waits for `n` characters of a text, and returns them: Unicode code points, as in
    /// [`str::chars`]. Of a binary message, returns `n` bytes. Otherwise as
    /// [`receive_up_to`](Self::receive_up_to).
    ///
    /// # Errors
    ///
    /// As [`receive_up_to`](Self::receive_up_to).
    pub fn receive_chars_up_to(&mut self, n: usize) -> Result<Option<Chunk<'static>>, Error> {
        self.receiving.receive_chunk(Want::Chars(n))
    }

    /// Returns how many bytes of the message in progress have not been returned, if the peer has
    /// told: see [`Connection::message_bytes_left`].
    ///
    /// Peers that send a message in one frame tell with its first chunk, unless it is compressed.
    #[must_use]
    pub fn message_bytes_left(&self) -> Option<u64> {
        self.receiving.message_bytes_left()
    }

    /// Sets how long a message may be that is received in chunks, before and after decompression. A
    /// longer one fails the connection with close code 1009, at the header that tells.
    ///
    /// With `None`, the default, the [limits](crate::Limits) of whole messages hold. With a limit
    /// of their own those do not: see [`Connection::receive_chunk_within`]. The number of
    /// [fragments](crate::Limits::fragments_max) is limited in any case.
    ///
    /// The peer is told that the message is too big, and no number. To say more, count the bytes
    /// yourself, look at [`message_bytes_left`](Self::message_bytes_left) at the first chunk, and
    /// [`close`](Self::close) with [`CloseCode::TOO_BIG`] and a reason of yours.
    pub fn set_chunked_bytes_max(&mut self, bytes: impl Into<Option<u64>>) {
        self.receiving.chunks.message_bytes_max = bytes.into();
    }
}

/// Sending.
impl<S: Stream, R: Role> WebSocket<S, R> {
    /// Sends a message: text from a `&str`, binary from a `&[u8]`, either from a
    /// [`&Message`](Message).
    ///
    /// What the stream does not take within the [write time-out](Self::set_write_timeout) stays
    /// queued and is written by later calls; [`unsent_bytes`](Self::unsent_bytes) tells how much.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] as [`Connection::send`]. If nothing can be sent any more because of the
    /// peer, [`Error::Closed`] or [`Error::Protocol`] with the reason, if that has arrived, and
    /// otherwise [`Error::Io`]. Go on receiving: what arrived before is not lost, and the reason
    /// may still come.
    pub fn send<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode(|connection, out| connection.send(message, out))
    }

    /// Sends a message, and decides about its compression: what was
    /// [set](Self::set_compression) holds for the others. Use it for a secret, and for data that is
    /// compressed already.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[cfg(feature = "deflate")]
    pub fn send_with<'a>(
        &mut self,
        compression: Compression,
        message: impl Into<Data<'a>>,
    ) -> Result<(), Error> {
        self.encode(|connection, out| connection.writer().send_with(compression, message, out))
    }

    /// Sends a message whose payload need not be copied, if that is large.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). The message is dropped.
    pub fn send_owned(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.encode(|connection, out| connection.send_owned(message, out))
    }

    /// Sends a message that was encoded once for many connections.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.encode(|connection, out| connection.send_prepared(message, out))
    }

    /// Sends a part of a message; further parts must follow (RFC 6455 §5.4).
    ///
    /// # Errors
    ///
    /// As [`Connection::send_part`], and as [`send`](Self::send).
    pub fn send_part<'a>(&mut self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode(|connection, out| connection.send_part(part, out))
    }

    /// Sends the last part of a message.
    ///
    /// # Errors
    ///
    /// As [`Connection::send_last_part`], and as [`send`](Self::send).
    pub fn send_last_part<'a>(&mut self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode(|connection, out| connection.send_last_part(part, out))
    }

    /// Queues a message, to be written by the next call that sends, flushes or waits for input:
    /// many small messages then take one system call. Writes on its own from 64 KiB on.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        let ReceiveLoop { transfer, protocol, .. } = &mut self.receiving;
        let fed = transfer.feed(|out| protocol.send(message, out));
        fed.map_err(|error| self.receiving.explain(error))
    }

    /// Writes everything that is unsent.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the stream did not take all of it within the
    /// [write time-out](Self::set_write_timeout): the rest stays queued. [`Error::Io`] as
    /// [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), Error> {
        let flushed = self.receiving.transfer.flush_all();
        flushed.map_err(|error| self.receiving.explain(error))
    }

    /// Sends a ping with a payload of at most 125 bytes. The peer's pong comes as
    /// [`Event::Pong`] with the same payload.
    ///
    /// # Errors
    ///
    /// As [`Connection::ping`], and as [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.encode(|connection, out| connection.ping(payload, out))
    }

    /// Sends a pong that no ping has asked for, as a sign of life (RFC 6455 §5.5.3). Pings are
    /// answered automatically.
    ///
    /// # Errors
    ///
    /// As [`Writer::pong`](crate::connection::Writer::pong), and as [`send`](Self::send).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.encode(|connection, out| connection.writer().pong(payload, out))
    }

    fn encode(
        &mut self,
        encode: impl FnOnce(&mut Connection<R>, &mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        let ReceiveLoop { transfer, protocol, .. } = &mut self.receiving;
        let sent = transfer.send(|out| encode(protocol, out));
        sent.map_err(|error| self.receiving.explain(error))
    }
}

/// Closing.
impl<S: Stream, R: Role> WebSocket<S, R> {
    /// Starts the closing handshake, with a code and a reason of at most 123 bytes. Go on receiving
    /// until `None`; messages that the peer sent before its own Close frame still arrive.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`], and as [`send`](Self::send).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.encode(|connection, out| connection.close(code, reason, out))
    }

    /// Starts the closing handshake without a code, which the peer's program sees as 1005.
    ///
    /// # Errors
    ///
    /// As [`Writer::close_without_code`](crate::connection::Writer::close_without_code), and as
    /// [`send`](Self::send).
    pub fn close_without_code(&mut self) -> Result<(), Error> {
        self.encode(|connection, out| connection.writer().close_without_code(out))
    }

    /// Ends the connection within `timeout`, whatever the peer does, and returns how it was closed.
    ///
    /// Sends a Close frame if none has been sent (1000 from a client, 1001 from a server), drops
    /// the messages that still arrive, and waits for the peer's Close frame. If that does not come
    /// in time, the result is [`Closed::Abnormal`].
    ///
    /// Does not wait if `timeout` is zero, nor over a stream without time-outs.
    pub fn terminate(&mut self, timeout: Duration) -> Closed {
        let can_wait = !timeout.is_zero() && self.receiving.transfer.can_wait();
        let deadline = after(Some(timeout));
        let mut otherwise = Abnormal::Terminated;
        if can_wait {
            let closing = KeepaliveConfig::default().ping_after(None).close_within(Some(timeout));
            self.receiving.set_keepalive(closing);
            // Written while receiving, which is bounded. Refused if one has been sent already.
            let ReceiveLoop { transfer, protocol, .. } = &mut self.receiving;
            let _ = protocol.close(leaving_code::<R>(), "", transfer.out());
            otherwise = Abnormal::TimedOut(KeepaliveError::Close);
        }
        loop {
            if let Some(closed) = self.closed() {
                return closed.clone();
            }
            if !can_wait || passed(deadline) {
                self.receiving.end(Ending::abnormal(otherwise));
            } else if let Err(Error::TimedOut) = self.receiving.discard(deadline)
                && !passed(deadline)
            {
                thread::sleep(TICK); // the stream is non-blocking
            }
        }
    }

    /// Returns how the connection was closed, `None` while it is not over.
    ///
    /// It is over once a call that receives has returned `None` or a final error. The
    /// [close code](Closed::code) is what a browser would report.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.receiving.closed()
    }
}

/// State and settings.
impl<S: Stream, R: Role> WebSocket<S, R> {
    /// Returns the state of the connection.
    ///
    /// It is [`Closed`](ReadyState::Closed) once [`closed`](Self::closed) tells how. After a write
    /// has failed it is [`Closing`](ReadyState::Closing), as nothing can be sent any more.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        let ReceiveLoop { transfer, protocol, .. } = &self.receiving;
        match protocol.ready_state() {
            _ if self.closed().is_some() => ReadyState::Closed,
            ReadyState::Open if !transfer.has_failed() => ReadyState::Open,
            _ => ReadyState::Closing,
        }
    }

    /// Returns how many bytes are queued that the stream has not taken: as they go over the wire,
    /// frame headers included, and compressed if the message is. Browsers call it
    /// `bufferedAmount`, and count the payload.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.receiving.transfer.unsent()
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
        self.receiving.protocol.deflate()
    }

    /// Sets which messages are compressed from now on: see
    /// [`Writer::set_compression`](crate::connection::Writer::set_compression).
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, compression: Compression) {
        self.receiving.protocol.writer().set_compression(compression);
    }

    /// Sets how long one call that receives may take, however many bytes of an incomplete message
    /// trickle in. With zero, it returns what has arrived already; but a TCP socket still waits for
    /// as long as the system's clock is coarse, some milliseconds. With `None`, the default, it
    /// waits as long as it takes.
    ///
    /// A message that waits behind more than a hundred control frames may take another call.
    ///
    /// # Errors
    ///
    /// The stream's error, above all `Unsupported`. The old time-out stays.
    pub fn set_read_timeout(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        self.receiving.set_timeout(timeout.into())
    }

    /// Sets how long one call that sends may take before it leaves the rest
    /// [queued](Self::unsent_bytes). With `None`, the default, it waits as long as it takes.
    ///
    /// # Errors
    ///
    /// As [`set_read_timeout`](Self::set_read_timeout).
    pub fn set_write_timeout(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        self.receiving.transfer.set_write_timeout(timeout.into())
    }

    /// Sets when to ping a silent peer, and how long to wait for its pong and for the end of the
    /// closing handshake. A deadline that passes closes the connection with
    /// [`Abnormal::TimedOut`].
    ///
    /// Until this is called no pings are sent, closing takes 10 s at most, and a peer that takes
    /// nothing is waited for: see [`set_write_timeout`](Self::set_write_timeout).
    /// [`KeepaliveConfig::default`] pings after 30 s of silence.
    ///
    /// Pings are sent and deadlines noticed while you receive, whatever the read time-out is. The
    /// pongs do not show, except in [`round_trip`](Self::round_trip).
    pub fn set_keepalive(&mut self, config: KeepaliveConfig) {
        self.receiving.set_keepalive(config);
    }

    /// Sets how long to wait, after both Close frames, for the peer to end the stream too. Default:
    /// 1 s. With zero, nobody waits. Not longer than
    /// [`close_within`](KeepaliveConfig::close_within) in any case.
    ///
    /// [`receive`](Self::receive) returns `None` once that is over, and the result is the peer's
    /// Close frame. A client waits because the server should end the stream first, and a server
    /// because the peer may still be sending (RFC 6455 §7.1.1).
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

    /// Returns the stream, without a closing handshake, and without time-outs. Unread and unsent
    /// bytes are lost; [`into_parts`](Self::into_parts) returns them.
    #[must_use]
    pub fn into_stream(self) -> S {
        self.receiving.transfer.into_stream()
    }

    pub(super) fn chunks(&mut self) -> &mut Chunks {
        &mut self.receiving.chunks
    }

    pub(super) fn set_last_word(&mut self, last_word: Ending) {
        self.receiving.set_last_word(last_word);
    }

    pub(super) fn into_receive_loop(self) -> (ReceiveLoop<S, Connection<R>>, Opening) {
        (self.receiving, self.opening)
    }
}

impl<S, K> WebSocket<S, Client<K>> {
    /// Returns the server's response to the handshake. `None` if somebody else did the handshake.
    #[must_use]
    pub fn response(&self) -> Option<&Response<'static>> {
        self.opening.response()
    }
}

/// A whole connection writes its replies itself.
impl<S: Stream, R: Role> Protocol<S> for Connection<R> {
    #[inline]
    fn receive<'a, T>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut Outbox,
        pick: impl FnOnce(Event<'a>) -> T,
    ) -> Result<Option<T>, Violation> {
        let is_after_our_close = self.writer().ready_state() != ReadyState::Open;
        match self.receive(input, out) {
            Ok(Some(event)) => Ok(Some(pick(event))),
            Ok(None) => Ok(None),
            Err(error) => Err(Violation { error, is_after_our_close }),
        }
    }

    fn receive_chunk<'a>(
        &mut self,
        within: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<ChunkEvent<'a>>, Violation> {
        let is_after_our_close = self.writer().ready_state() != ReadyState::Open;
        self.next_chunk(within, input, out).map_err(|error| Violation { error, is_after_our_close })
    }

    fn is_idle(&self) -> bool {
        self.is_idle()
    }

    fn is_in_chunks(&self) -> bool {
        self.is_in_chunks()
    }

    fn message_bytes_left(&self) -> Option<u64> {
        self.message_bytes_left()
    }

    fn poll(
        &mut self,
        clock: &mut Clock,
        out: &mut Outbox,
    ) -> Result<Option<Instant>, KeepaliveError> {
        clock.poll(self, out)
    }

    fn flush(&mut self, transfer: &mut Transfer<S>, deadline: Option<Instant>) -> Flush {
        transfer.flush_while_receiving(deadline)
    }

    fn transport(&self) -> Transport {
        self.transport()
    }

    fn end_of_input(&mut self, out: &mut Outbox) -> Abnormal {
        self.end_of_input(out).map_or_else(Abnormal::from, |()| Abnormal::Terminated)
    }
}

impl<S, R> fmt::Debug for WebSocket<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("closed", &self.receiving.closed())
            .finish_non_exhaustive()
    }
}
