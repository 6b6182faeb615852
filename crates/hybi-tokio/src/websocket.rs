//! [`WebSocket`]: an open connection over a stream.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use hybi::adapter::{Ending, Error, Opening};
use hybi::connection::{Abnormal, Chunk, Closed, Data, Prepared, ReadyState};
#[cfg(feature = "deflate")]
use hybi::extension::deflate::{Agreed, Compression};
use hybi::handshake::Response;
use hybi::keepalive::{KeepaliveConfig, KeepaliveError};
use hybi::{Client, CloseCode, Connection, Event, Inbox, Message, Outbox, Role, UsageError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::driver::Driver;
use crate::outgoing::Outgoing;
use crate::parts::Parts;
use crate::wakers::Half;

/// An open WebSocket connection over a stream.
///
/// [`receive`](Self::receive) waits for messages, [`send`](Self::send) sends them. It is a
/// [`Stream`] and a [`Sink`] of messages, too.
///
/// Pings and Close frames are answered while you receive, and a ping is sent when the peer has been
/// silent for 30 s. So a program that only sends should receive now and then, or leave that to
/// [another task](Self::split).
///
/// **Every future is cancel-safe**: you may drop it at any point, as `tokio::select!` does, and
/// nothing is lost, repeated or half-written.
///
/// Dropping the WebSocket closes the stream without a closing handshake; the peer's program sees
/// 1006. Use [`terminate`](Self::terminate) to end a connection properly.
///
/// While it waits for messages, it holds no buffers: they belong to the thread. Keep-alive and
/// closing need the timer of the runtime ([`enable_time`](tokio::runtime::Builder::enable_time)).
pub struct WebSocket<S, R> {
    driver: Driver<S, R>,
    opening: Opening,
    /// The stream of messages has returned its last error or its end.
    is_terminated: bool,
}

impl<S, R: Role> WebSocket<S, R> {
    /// Makes a WebSocket of a connection whose opening handshake was done elsewhere.
    ///
    /// `inbox` holds the bytes that were read after the handshake and that `connection` has not
    /// received yet: the peer's first frames often come together with its half of the handshake.
    ///
    /// ```
    /// use hybi::{Config, Connection, Inbox, Message};
    /// use hybi_tokio::WebSocket;
    /// use tokio::io::AsyncWriteExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (io, mut peer) = tokio::io::duplex(1024);
    /// let mut inbox = Inbox::new();
    /// inbox.append(b"\x81\x02He"); // read together with the server's response
    /// peer.write_all(b"\x81\x05Hello").await?;
    ///
    /// let mut ws = WebSocket::new(io, Connection::client(Config::default()), inbox);
    /// assert_eq!(ws.receive().await?, Some(Message::from("He")));
    /// assert_eq!(ws.receive().await?, Some(Message::from("Hello")));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(io: S, connection: Connection<R>, inbox: Inbox) -> Self {
        Self::from_handshake(io, connection, inbox, Outbox::new(), Opening::Plain)
    }

    pub(crate) fn from_handshake(
        io: S,
        connection: Connection<R>,
        inbox: Inbox,
        out: Outbox,
        opening: Opening,
    ) -> Self {
        Self::from_driver(Driver::new(io, connection, inbox, out), opening, false)
    }

    pub(crate) fn from_driver(driver: Driver<S, R>, opening: Opening, is_terminated: bool) -> Self {
        Self { driver, opening, is_terminated }
    }

    pub(crate) fn into_driver(self) -> (Driver<S, R>, Opening, bool) {
        (self.driver, self.opening, self.is_terminated)
    }
}

/// Receiving.
impl<S: AsyncRead + AsyncWrite + Unpin, R: Role> WebSocket<S, R> {
    /// Waits for the next message and returns it. Returns `None` once the connection is over;
    /// [`closed`](Self::closed) then tells how it was closed.
    ///
    /// Writes what is unsent as soon as the stream takes it, and reads meanwhile. Replies to pings;
    /// pongs are skipped. When the peer has sent its Close frame, this completes the closing
    /// handshake and waits for the stream to end, for a [second](Self::set_linger) at most.
    ///
    /// # Cancel safety
    ///
    /// No message is lost if this is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] and [`Error::Io`] are final, and come after all messages that arrived
    /// before. After both Close frames a stream that breaks is no error any more. Nor is a bad
    /// Close frame in answer to ours: [`closed`](Self::closed) then tells which rule it broke.
    /// [`UsageError::MessageInChunks`] if a part of the message has been received
    /// [in chunks](Self::receive_chunk).
    pub async fn receive(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.driver.poll_event(Half::Reader, cx, &mut message)).await
    }

    /// Waits for the next event and returns it. Does the same as [`receive`](Self::receive), but
    /// also returns control frames: pings, pongs, and the peer's Close frame, after which comes
    /// `None`. They have been replied to. The pongs to [keep-alive](Self::set_keepalive) pings are
    /// not returned.
    ///
    /// # Cancel safety
    ///
    /// No event is lost if this is dropped.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub async fn receive_event(&mut self) -> Result<Option<Event<'static>>, Error> {
        poll_fn(|cx| self.driver.poll_event(Half::Reader, cx, &mut event)).await
    }

    /// Waits for the next event and lends it to `f`, together with a way to send while it is lent:
    /// an answer that is made of the message needs no copy of it. Returns the result of `f`, or
    /// `None` once the connection is over.
    ///
    /// First waits until there is [room](Self::ready) for an answer, so a peer that sends and never
    /// reads is not read from, and [given up](Self::set_keepalive) in time. If both peers do so
    /// with too much unsent, both wait until then: [`receive`](Self::receive) never waits for that.
    ///
    /// ```
    /// use hybi::{Event, Role};
    /// use hybi_tokio::{Error, WebSocket};
    /// use tokio::io::{AsyncRead, AsyncWrite};
    ///
    /// /// Sends everything back, until the peer closes.
    /// async fn echo<S, R>(ws: &mut WebSocket<S, R>) -> Result<(), Error>
    /// where
    ///     S: AsyncRead + AsyncWrite + Unpin,
    ///     R: Role,
    /// {
    ///     while let Some(echoed) = ws
    ///         .receive_with(|event, out| match event {
    ///             Event::Text(text) => out.feed(&*text),
    ///             Event::Binary(data) => out.feed(&*data),
    ///             _ => Ok(()), // control frames have been replied to
    ///         })
    ///         .await?
    ///     {
    ///         echoed?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// No event is lost if this is dropped: `f` has been called, and this has returned, or neither.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub async fn receive_with<T>(
        &mut self,
        mut f: impl FnMut(Event<'_>, &mut Outgoing<'_, R>) -> T,
    ) -> Result<Option<T>, Error> {
        poll_fn(|cx| {
            if !self.driver.has_room() {
                // It fails if nothing can be sent: then there is nothing to wait for.
                let _ = ready!(self.driver.poll_room(Half::Reader, cx));
            }
            self.driver.poll_event(Half::Reader, cx, &mut |event, out| Some(f(event, out)))
        })
        .await
    }

    /// Waits for a part of a message, and returns it as it has arrived: at least a byte, or the end
    /// of the message alone. A part of a text consists of whole code points. [`Chunk::data`] tells
    /// whether it is text, and [`Chunk::last`] whether the message ends here. Returns `None` once
    /// the connection is over.
    ///
    /// For messages that do not fit into memory. Control frames are answered and skipped. Until the
    /// message has been received to its end, [`receive`](Self::receive) fails with
    /// [`UsageError::MessageInChunks`], and nothing is lost.
    ///
    /// # Cancel safety
    ///
    /// No part is lost if this is dropped.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive). The parts that were good are returned before.
    pub async fn receive_chunk(&mut self) -> Result<Option<Chunk<'static>>, Error> {
        poll_fn(|cx| self.driver.poll_chunk(Half::Reader, cx)).await
    }
}

/// Sending.
///
/// Each call waits until there is [room](Self::ready), queues, and waits until everything is
/// written.
///
/// # Cancel safety
///
/// If a call is dropped before it has queued its message, the message is not sent. If it is dropped
/// afterwards, the message stays queued, and the next call that receives, sends or flushes writes
/// it. A message is never sent in part or twice. To know which of both it was, call
/// [`ready`](Self::ready) first: then the next call queues at once.
impl<S: AsyncRead + AsyncWrite + Unpin, R: Role> WebSocket<S, R> {
    /// Waits until fewer bytes are unsent than [`set_backlog_max`](Self::set_backlog_max) says.
    ///
    /// It reads nothing but signs of life. If the peer also waits until this side reads, both wait,
    /// until [keep-alive](Self::set_keepalive) ends the connection: receive [in another
    /// task](Self::split), or in another branch of a `select!`.
    ///
    /// # Errors
    ///
    /// If nothing can be sent any more because of the peer, [`Error::Closed`] or
    /// [`Error::Protocol`] with the reason, if that has arrived, and otherwise [`Error::Io`]. Go on
    /// receiving: messages from before are not lost, and the reason may still come.
    /// [`Error::Usage`] with [`UsageError::Closed`] after [`close`](Self::close).
    pub async fn ready(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_room(Half::Writer, cx)).await
    }

    /// Sends a message: text from a `&str`, binary from a `&[u8]`, either from a
    /// [`&Message`](Message).
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] as [`Connection::send`]; otherwise as [`ready`](Self::ready).
    pub async fn send<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        let message = message.into();
        self.send_encoded(|connection, out| connection.send(message, out)).await
    }

    /// Sends a message, and decides about its compression: what was
    /// [set](Self::set_compression) holds for the others. Use it for a secret, and for data that is
    /// compressed already.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[cfg(feature = "deflate")]
    pub async fn send_with<'a>(
        &mut self,
        compression: Compression,
        message: impl Into<Data<'a>>,
    ) -> Result<(), Error> {
        let message = message.into();
        self.send_encoded(|connection, out| {
            connection.writer().send_with(compression, message, out)
        })
        .await
    }

    /// Sends a message whose payload need not be copied, if that is large.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). The message is dropped.
    pub async fn send_owned(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.send_encoded(|connection, out| connection.send_owned(message, out)).await
    }

    /// Sends a message that was encoded once for many connections.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.send_encoded(|connection, out| connection.send_prepared(message, out)).await
    }

    /// Sends a part of a message; further parts must follow (RFC 6455 §5.4).
    ///
    /// # Errors
    ///
    /// As [`Connection::send_part`], and as [`send`](Self::send).
    pub async fn send_part<'a>(&mut self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        let part = part.into();
        self.send_encoded(|connection, out| connection.send_part(part, out)).await
    }

    /// Sends the last part of a message.
    ///
    /// # Errors
    ///
    /// As [`Connection::send_last_part`], and as [`send`](Self::send).
    pub async fn send_last_part<'a>(&mut self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        let part = part.into();
        self.send_encoded(|connection, out| connection.send_last_part(part, out)).await
    }

    /// Queues a message, to be written by the next call that sends, flushes or receives: many small
    /// messages then take one system call. Waits, as [`ready`](Self::ready), while too much is
    /// unsent.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn feed<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        let message = message.into();
        self.ready().await?;
        self.driver.feed(|connection, out| connection.send(message, out))
    }

    /// Writes everything that is unsent.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready), but none because of [`close`](Self::close).
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_flush(Half::Writer, cx)).await
    }

    /// Sends a ping with a payload of at most 125 bytes. The peer's pong comes as [`Event::Pong`]
    /// with the same payload. [Keep-alive](Self::set_keepalive) pings are sent automatically.
    ///
    /// # Errors
    ///
    /// As [`Connection::ping`], and as [`send`](Self::send).
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send_encoded(|connection, out| connection.ping(payload, out)).await
    }

    /// Sends a pong that no ping has asked for, as a sign of life (RFC 6455 §5.5.3). Pings are
    /// answered automatically.
    ///
    /// # Errors
    ///
    /// As [`Writer::pong`](hybi::connection::Writer::pong), and as [`send`](Self::send).
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send_encoded(|connection, out| connection.writer().pong(payload, out)).await
    }

    async fn send_encoded(
        &mut self,
        encode: impl FnOnce(&mut Connection<R>, &mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        self.ready().await?;
        self.driver.feed(encode)?;
        self.flush().await
    }
}

/// Closing.
impl<S: AsyncRead + AsyncWrite + Unpin, R: Role> WebSocket<S, R> {
    /// Starts the closing handshake, with a code and a reason of at most 123 bytes, and waits until
    /// that is written, for [`close_within`](KeepaliveConfig::close_within) at most. Go on
    /// receiving until `None`; messages that the peer sent before its own Close frame still
    /// arrive. To wait for the end without receiving, use [`terminate`](Self::terminate).
    ///
    /// It reads at most 16 KiB ahead. If the peer has sent more, it returns with the rest unsent,
    /// and the calls that receive write it: the peer may be waiting for them.
    ///
    /// A second call sends nothing more.
    ///
    /// # Cancel safety
    ///
    /// The Close frame is queued at once, without waiting for room.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] as [`Connection::close`], except that it is no error if either side has
    /// closed already. [`Error::Io`] if the stream fails. If the connection has ended with bytes
    /// unsent, [`Error::Closed`], also because the peer took nothing in time, or
    /// [`Error::Protocol`] with the rule that the peer broke.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.driver.start_close(|connection, out| connection.close(code, reason, out))?;
        self.flush_before_receiving().await
    }

    /// Starts the closing handshake without a code, which the peer's program sees as 1005.
    /// Otherwise as [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub async fn close_without_code(&mut self) -> Result<(), Error> {
        self.driver.start_close(|connection, out| connection.writer().close_without_code(out))?;
        self.flush_before_receiving().await
    }

    async fn flush_before_receiving(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_flush_before_receiving(Half::Writer, cx)).await
    }

    /// Ends the connection within `within`, whatever the peer does, and returns how it was closed.
    ///
    /// Sends a Close frame if none has been sent (1000 from a client, 1001 from a server), drops
    /// the messages that still arrive, and waits for the peer's Close frame. If that does not come
    /// in time, the result is [`Closed::Abnormal`].
    ///
    /// # Cancel safety
    ///
    /// The closing handshake goes on with the next call that receives.
    pub async fn terminate(&mut self, within: Duration) -> Closed {
        self.driver.leave();
        let _ = timeout(within, poll_fn(|cx| self.driver.poll_ended(cx))).await;
        self.driver.end(Ending::abnormal(Abnormal::TimedOut(KeepaliveError::Close)));
        self.closed().cloned().unwrap_or(Closed::Abnormal(Abnormal::Terminated))
    }

    /// Returns how the connection was closed, `None` while it is not over.
    ///
    /// It is over once a call that receives has returned `None` or a final error. The
    /// [close code](Closed::code) is what a browser would report.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.driver.closed()
    }
}

/// State and settings.
impl<S, R: Role> WebSocket<S, R> {
    /// Returns the state of the connection.
    ///
    /// It is [`Closed`](ReadyState::Closed) once [`closed`](Self::closed) tells how. After a write
    /// has failed it is [`Closing`](ReadyState::Closing), as nothing can be sent any more.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.driver.ready_state()
    }

    /// Returns how many bytes are queued that the stream has not taken, frame headers included.
    /// Browsers call it `bufferedAmount`, and count no headers.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.driver.unsent_bytes()
    }

    /// Returns how many bytes of the message in progress have not been returned, if the peer has
    /// told: see [`Connection::message_bytes_left`].
    #[must_use]
    pub fn message_bytes_left(&self) -> Option<u64> {
        self.driver.message_bytes_left()
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
        self.driver.connection().deflate()
    }

    /// Sets which messages are compressed from now on: see
    /// [`Writer::set_compression`](hybi::connection::Writer::set_compression).
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, compression: Compression) {
        self.driver.connection_mut().writer().set_compression(compression);
    }

    /// Sets when to ping a silent peer, and how long to wait for its pong and for the end of the
    /// closing handshake. A deadline that passes closes the connection with
    /// [`Abnormal::TimedOut`]. Default: [`KeepaliveConfig::default`], which pings after 30 s of
    /// silence.
    ///
    /// Pings are sent and deadlines noticed while you receive, or wait to send. The pongs do not
    /// show, except in [`round_trip`](Self::round_trip).
    ///
    /// A call that waits to send waits no longer than the keep-alive lets the peer take nothing and
    /// say nothing: [`ping_after`](KeepaliveConfig::ping_after) and
    /// [`pong_within`](KeepaliveConfig::pong_within) together, 50 s by default. Without pings it is
    /// `pong_within` alone. If that is `None`, the peer is never given up: then put a time-out
    /// around calls that send.
    ///
    /// If 16 KiB of input or more are left unread meanwhile, only bytes that the peer takes count:
    /// the pong may be in what is unread.
    pub fn set_keepalive(&mut self, config: KeepaliveConfig) {
        self.driver.set_keepalive(config);
    }

    /// Sets how long to wait, after both Close frames, for the peer to end the stream too. Default:
    /// 1 s. With zero, nobody waits. Not longer than
    /// [`close_within`](KeepaliveConfig::close_within) in any case.
    ///
    /// [`receive`](Self::receive) returns `None` once that is over, and the result is the peer's
    /// Close frame. A client waits because the server should end the stream first, and a server
    /// because the peer may still be sending (RFC 6455 §7.1.1).
    pub fn set_linger(&mut self, time: Duration) {
        self.driver.set_linger(time);
    }

    /// Sets how many bytes may be unsent before a call that sends waits. Default: 64 KiB.
    pub fn set_backlog_max(&mut self, bytes: usize) {
        self.driver.set_backlog_max(bytes);
    }

    /// Sets how long a message may be that is received [in chunks](Self::receive_chunk), before and
    /// after decompression. A longer one fails the connection with close code 1009, at the header
    /// that tells.
    ///
    /// With `None`, the default, the [limits](hybi::Limits) of whole messages hold. With a limit of
    /// their own those do not: see [`Connection::receive_chunk_within`].
    pub fn set_chunked_bytes_max(&mut self, bytes: impl Into<Option<u64>>) {
        self.driver.set_chunked_bytes_max(bytes.into());
    }

    /// Returns the time between the newest answered keep-alive ping and its pong.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.driver.round_trip()
    }

    /// Returns the stream, for its address and options.
    #[must_use]
    pub const fn stream(&self) -> &S {
        self.driver.io()
    }

    /// Returns everything that the WebSocket consists of, to drive the connection yourself, or to
    /// hand it to another process. Nothing is lost of what was received and sent: unread and unsent
    /// bytes are in it, and the peer's last word.
    ///
    /// [`set_keepalive`](Self::set_keepalive), [`set_linger`](Self::set_linger),
    /// [`set_backlog_max`](Self::set_backlog_max) and
    /// [`set_chunked_bytes_max`](Self::set_chunked_bytes_max) are settings: set them again.
    ///
    /// For another process, [export](hybi::export) the connection and its buffers, and pass the
    /// stream by means of the system. [`Parts::new`] takes all of it there. A connection over TLS
    /// or HTTP/2 cannot be handed over: [close](Self::close) it with 1001.
    ///
    /// ```
    /// use hybi::export::{ExportError, ImportError};
    /// use hybi::{Config, Connection, Inbox, Outbox, Server};
    /// use hybi_tokio::{Parts, WebSocket};
    /// use tokio::net::TcpStream;
    ///
    /// type Ws = WebSocket<TcpStream, Server>;
    ///
    /// /// Cancel the call of `receive` first, which loses nothing. After an error, go on with
    /// /// `WebSocket::from_parts`, and try again after the next message.
    /// fn export(parts: &Parts<TcpStream, Server>) -> Result<Vec<u8>, ExportError> {
    ///     let mut bytes = Vec::new();
    ///     parts.connection.export(&mut bytes)?;
    ///     parts.inbox.export(&mut bytes);
    ///     parts.out.export(&mut bytes);
    ///     Ok(bytes)
    /// }
    ///
    /// fn import(stream: TcpStream, mut bytes: &[u8]) -> Result<Ws, ImportError> {
    ///     let from = &mut bytes;
    ///     let connection = Connection::import(Server, &Config::default(), from)?;
    ///     let (inbox, out) = (Inbox::import(from)?, Outbox::import(from)?);
    ///     Ok(WebSocket::from_parts(Parts::new(stream, connection, inbox, out)))
    /// }
    /// # let _ = (export, import);
    /// ```
    #[must_use]
    pub fn into_parts(self) -> Parts<S, R> {
        self.driver.into_parts(self.opening, self.is_terminated)
    }

    /// Makes a WebSocket of [parts](Self::into_parts), with the default settings.
    #[must_use]
    pub fn from_parts(parts: Parts<S, R>) -> Self {
        let (driver, opening, is_terminated) = Driver::from_parts(parts);
        Self::from_driver(driver, opening, is_terminated)
    }
}

impl<S, K> WebSocket<S, Client<K>> {
    /// Returns the server's response to the handshake. `None` if somebody else did the handshake.
    #[must_use]
    pub fn response(&self) -> Option<&Response<'static>> {
        self.opening.response()
    }
}

/// Returns messages, one error if the connection failed, and then `None` for ever.
impl<S: AsyncRead + AsyncWrite + Unpin, R: Role + Unpin> Stream for WebSocket<S, R> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_terminated {
            return Poll::Ready(None);
        }
        let next = ready!(self.driver.poll_event(Half::Reader, cx, &mut message)).transpose();
        self.is_terminated = !matches!(next, Some(Ok(_) | Err(Error::Usage(_))));
        Poll::Ready(next)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Role + Unpin> FusedStream for WebSocket<S, R> {
    fn is_terminated(&self) -> bool {
        self.is_terminated
    }
}

/// Waits for room as [`WebSocket::ready`]. Closing starts the closing handshake, with 1000 from a
/// client and 1001 from a server, and waits until everything is written: go on receiving. If the
/// peer does not read before this side does, use [`WebSocket::close`], which does not wait then.
///
/// Adaptors of `futures` may hold an item back. `StreamExt::split` does, and loses it if the peer
/// closes meanwhile: use [`WebSocket::split`].
impl<S: AsyncRead + AsyncWrite + Unpin, R: Role + Unpin> Sink<Message> for WebSocket<S, R> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.poll_room(Half::Writer, cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.driver.feed(|connection, out| connection.send_owned(message, out))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.poll_flush(Half::Writer, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.leave();
        self.driver.poll_flush(Half::Writer, cx)
    }
}

/// Picks messages.
pub(crate) fn message<R>(event: Event<'_>, _: &mut Outgoing<'_, R>) -> Option<Message> {
    event.into_message()
}

/// Picks everything.
pub(crate) fn event<R>(event: Event<'_>, _: &mut Outgoing<'_, R>) -> Option<Event<'static>> {
    Some(event.into_owned())
}

impl<S, R: Role> fmt::Debug for WebSocket<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("ready_state", &self.ready_state())
            .field("closed", &self.driver.closed())
            .field("unsent_bytes", &self.unsent_bytes())
            .finish_non_exhaustive()
    }
}
