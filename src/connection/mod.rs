//! The established connection: bytes in, events out, bytes out (RFC 6455 §5, §6, §7).
//!
//! [`Connection`] is a [`Reader`] and a [`Writer`], and passes the replies from one to the other.
//! Not here: sockets, clocks, random numbers, and the opening handshake that comes before.

mod closed;
pub(crate) mod closing;
mod config;
mod data;
mod event;
mod limits;
mod message;
mod prepared;
pub(crate) mod receive;
mod send;

pub use closed::{Abnormal, Closed};
pub use closing::{ReadyState, Transport};
pub use config::Config;
pub use data::{Data, Kind};
pub use event::{Chunk, ChunkData, ChunkEvent, Event, Reply};
pub use limits::Limits;
pub use message::{Message, Utf8Bytes};
pub use prepared::Prepared;
pub use receive::Reader;
pub use send::Writer;

use alloc::vec::Vec;

use crate::buffers::Outbox;
use crate::error::{EndOfInputError, ProtocolError, UsageError};
use crate::export::{ExportError, ImportError};
use crate::extension::deflate::{self, Agreed, DeflateConfig};
use crate::frame::CloseCode;
use crate::input::Input;
use crate::keys::MaskingKeys;
#[cfg(feature = "rand")]
use crate::keys::RandomKeys;
use crate::role::{Client, Role, Server};

/// A WebSocket connection after its opening handshake: a state machine between your buffers.
///
/// **Drain the events, then write the output**: after each read, call [`receive`](Self::receive)
/// until it returns `None`, then write all of `out` to the peer, also after an error. That sends
/// pongs and Close frames without further thought.
///
/// The verbs of every day are here. The [`writer`](Self::writer) has the rarer ones.
///
/// ```
/// use hybi::{Config, Connection, Event, Input, Outbox};
///
/// let mut ws = Connection::server(Config::default()); // usually: what the handshake gave
/// let mut out = Outbox::new();
///
/// let mut inbox = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"; // what a read put there
/// let mut input = Input::new(&mut inbox);
/// while let Some(event) = ws.receive(&mut input, &mut out)? {
///     match event {
///         Event::Text(text) => ws.send(&text, &mut out)?,
///         Event::Binary(data) => ws.send(&data, &mut out)?,
///         _ => {} // replies to pings and Close frames are already in `out`
///     }
/// }
/// assert_eq!(out, b"\x81\x05Hello"); // to be written
/// # Ok::<(), hybi::Error>(())
/// ```
///
/// The contract:
///
/// - `receive` reads all of its input. Partial headers, code points and messages are kept in the
///   connection, so one read buffer serves any number of connections.
/// - An event borrows the input, not the connection. You can send while you use it.
/// - `Ok(None)` asks for more input. It is no error.
/// - A [`ProtocolError`] is final. The Close frame for it is already in `out`. From then on input
///   is swallowed, and nothing can be sent.
/// - A [`UsageError`] writes nothing and changes nothing.
/// - `out` grows by a bounded amount per byte of input. A reply is as long as the frame that it
///   answers, give or take the masking key, and the one Close frame for a violation has at most 131
///   bytes. Pongs are held back while the backlog of `out` is
///   larger than [`reply_backlog_max`](crate::Limits::reply_backlog_max).
/// - Nothing is allocated for an idle connection, nor for a message that arrives in one frame and
///   one read.
#[derive(Debug)]
pub struct Connection<R> {
    reader: Reader<R>,
    writer: Writer<R>,
}

impl Connection<Server> {
    /// Creates the server's end of a connection whose opening handshake is done.
    #[must_use]
    pub fn server(config: Config) -> Self {
        Self::new(Server, &config)
    }
}

#[cfg(feature = "rand")]
impl Connection<Client<RandomKeys>> {
    /// Creates the client's end of a connection whose opening handshake is done. It masks with
    /// [`RandomKeys`].
    #[must_use]
    pub fn client(config: Config) -> Self {
        Self::client_with_keys(config, RandomKeys)
    }
}

impl<K: MaskingKeys> Connection<Client<K>> {
    /// Creates the client's end of a connection whose opening handshake is done, with a source of
    /// masking keys.
    ///
    /// ```
    /// use hybi::{Config, Connection, Outbox};
    ///
    /// let key = || [0x37, 0xfa, 0x21, 0x3d]; // for tests only
    /// let mut ws = Connection::client_with_keys(Config::default(), key);
    /// let mut out = Outbox::new();
    /// ws.send("Hello", &mut out)?;
    /// assert_eq!(out, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); // RFC 6455 §5.7
    /// # Ok::<(), hybi::UsageError>(())
    /// ```
    #[must_use]
    pub fn client_with_keys(config: Config, keys: K) -> Self {
        Self::new(Client::new(keys), &config)
    }
}

/// permessage-deflate (RFC 7692), with feature `deflate`.
#[cfg(feature = "deflate")]
impl<R: Role> Connection<R> {
    /// Compresses and decompresses messages as was negotiated. The
    /// [handshakes](crate::handshake) do this automatically.
    ///
    /// Must come before the first message.
    #[must_use]
    pub fn with_deflate(mut self, agreed: &Agreed, config: &DeflateConfig) -> Self {
        self.set_deflate(agreed, config);
        self
    }

    /// Returns the parameters of permessage-deflate that were agreed on, or `None` if messages are
    /// not compressed, and once the connection is over.
    ///
    /// ```
    /// use hybi::extension::deflate::{self, DeflateConfig};
    /// use hybi::extension::Offers;
    /// use hybi::{Config, Connection};
    ///
    /// let ws = Connection::server(Config::default());
    /// assert_eq!(ws.deflate(), None);
    ///
    /// let config = DeflateConfig::default();
    /// let offers = Offers::new(b"permessage-deflate").collect::<Result<Vec<_>, _>>()?;
    /// if let Some(agreed) = deflate::respond(&config, offers) {
    ///     let ws = ws.with_deflate(&agreed, &config);
    ///     assert_eq!(ws.deflate(), Some(&agreed));
    /// }
    /// # Ok::<(), hybi::extension::ExtensionsError>(())
    /// ```
    #[must_use]
    pub fn deflate(&self) -> Option<&Agreed> {
        self.reader.deflate()
    }
}

/// Receiving.
impl<R: Role> Connection<R> {
    /// Returns the next message or control frame in the input. `None` asks for more: all input has
    /// been read, except for a message that stays [in place](Input::in_place_up_to).
    ///
    /// # Errors
    ///
    /// The rule that the peer broke, after all events that came before. The Close frame for it is
    /// already in `out`. Later calls swallow their input and return `None`.
    #[inline(always)]
    pub fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        if !self.writer.may_hold_back() {
            if let Some(event) = self.reader.receive_whole(input) {
                return Ok(Some(event));
            }
            if self.reader.is_idle() && input.is_empty() {
                return Ok(None);
            }
        }
        self.receive_otherwise(input, out)
    }

    /// Receives anything but the common case. Kept out of the callers of `receive`, so that the
    /// common case is compiled into each of them.
    #[inline(never)]
    fn receive_otherwise<'a>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        if self.writer.may_hold_back() {
            self.writer.flush_replies(out);
            if let Some(event) = self.reader.receive_whole(input) {
                return Ok(Some(event));
            }
        }
        match self.reader.receive_otherwise(input) {
            Ok(Some(control @ (Event::Ping(_) | Event::Pong(_) | Event::Close(_)))) => {
                self.answer(&control, out);
                Ok(Some(control))
            }
            Err(violation) => {
                self.fail(violation, out);
                Err(violation)
            }
            message => message,
        }
    }

    /// Returns the next chunk of a message, as it arrived, or the next control frame. For messages
    /// that need not or cannot be held in memory: nothing is assembled, and text is validated on
    /// the way.
    ///
    /// A message may be as long as the [limits](Limits) allow.
    /// [`receive_chunk_within`](Self::receive_chunk_within) gives it a limit of its own.
    ///
    /// You may change between this and [`receive`](Self::receive) at any time. Every byte of a
    /// message is returned once, in order: if you change in the middle of a message, `receive`
    /// returns the rest of it.
    ///
    /// ```
    /// use hybi::connection::{Chunk, ChunkData, ChunkEvent};
    /// use hybi::{Config, Connection, Input, Outbox};
    ///
    /// let mut ws = Connection::client_with_keys(Config::default(), || [1, 2, 3, 4]);
    /// let (mut inbox, mut out) = (*b"\x82\x05ab", Outbox::new()); // two of five bytes
    /// let chunk = ws.receive_chunk(&mut Input::new(&mut inbox), &mut out)?;
    /// let data = ChunkData::Binary(b"ab".into());
    /// assert_eq!(chunk, Some(ChunkEvent::Chunk(Chunk { data, first: true, last: false })));
    /// # Ok::<(), hybi::ProtocolError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive). The valid part of a text is returned before.
    pub fn receive_chunk<'a>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<ChunkEvent<'a>>, ProtocolError> {
        self.next_chunk(None, input, out)
    }

    /// Returns the next chunk of a message, as [`receive_chunk`](Self::receive_chunk), but with a
    /// limit of its own: the message may have `message_bytes_max` bytes, before and after
    /// decompression. It takes the place of [`message_bytes_max`], [`frame_bytes_max`] and
    /// `DeflateConfig::inflated_bytes_max`; [`fragments_max`] still holds. So a connection can keep
    /// tight limits for the messages that it holds in memory, and still take a long one.
    ///
    /// A header is checked by the call that reads it. If [`receive`](Self::receive) is called while
    /// a message is in progress that is longer than it may return, it fails with
    /// [`ProtocolError::MessageTooBig`].
    ///
    /// ```
    /// use hybi::connection::ChunkEvent;
    /// use hybi::{Config, Connection, Input, Outbox};
    ///
    /// let mut ws = Connection::client_with_keys(Config::default(), || [1, 2, 3, 4]);
    /// let mut inbox = *b"\x82\x7f\0\0\0\0\x40\0\0\0some"; // 4 bytes of 1 GiB
    /// let (mut input, mut out) = (Input::new(&mut inbox), Outbox::new());
    /// let chunk = ws.receive_chunk_within(1 << 30, &mut input, &mut out)?;
    /// assert!(matches!(chunk, Some(ChunkEvent::Chunk(_))));
    /// assert_eq!(ws.message_bytes_left(), Some((1 << 30) - 4));
    /// # Ok::<(), hybi::ProtocolError>(())
    /// ```
    ///
    /// [`message_bytes_max`]: Limits::message_bytes_max
    /// [`frame_bytes_max`]: Limits::frame_bytes_max
    /// [`fragments_max`]: Limits::fragments_max
    ///
    /// # Errors
    ///
    /// As [`receive_chunk`](Self::receive_chunk).
    pub fn receive_chunk_within<'a>(
        &mut self,
        message_bytes_max: u64,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<ChunkEvent<'a>>, ProtocolError> {
        self.next_chunk(Some(message_bytes_max), input, out)
    }

    pub(crate) fn next_chunk<'a>(
        &mut self,
        within: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<ChunkEvent<'a>>, ProtocolError> {
        self.writer.flush_replies(out);
        let received = self.reader.next_chunk(within, input);
        match &received {
            Ok(None | Some(ChunkEvent::Chunk(_))) => {}
            Ok(Some(ChunkEvent::Control(control))) => self.answer(control, out),
            Err(violation) => self.fail(*violation, out),
        }
        received
    }

    #[cfg(feature = "std")]
    pub(crate) const fn is_idle(&self) -> bool {
        self.reader.is_idle()
    }

    /// Returns whether a part of the message in progress has been returned as a
    /// [chunk](Self::receive_chunk), so that the next chunk is not the first.
    #[must_use]
    pub fn is_in_chunks(&self) -> bool {
        self.reader.is_in_chunks()
    }

    /// Returns how many bytes of the message in progress have not been returned, if the peer has
    /// said so: once the header of its last frame has arrived, and if it is not compressed. Those
    /// that were read and are kept count, such as the start of a code point.
    ///
    /// `None` also if no message is in progress, or if it stays [in
    /// place](Input::in_place_up_to).
    #[must_use]
    pub fn message_bytes_left(&self) -> Option<u64> {
        self.reader.message_bytes_left()
    }

    /// Reports that the transport delivers no more input. Returns `Ok` if that was expected: the
    /// peer's Close frame had come, or the connection had failed.
    ///
    /// Drain the events before: what was read and not returned is dropped.
    ///
    /// Write `out` after it, also after an error. Nothing can be sent afterwards.
    ///
    /// ```
    /// use hybi::{Config, Connection, CutOff, EndOfInputError, Outbox};
    ///
    /// let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
    /// let ended = ws.end_of_input(&mut out);
    /// assert_eq!(ended, Err(EndOfInputError::CutOff(CutOff::BetweenMessages)));
    /// ```
    ///
    /// # Errors
    ///
    /// [`EndOfInputError::Protocol`] if bytes that were read, but not yet reported on, break a
    /// rule: those after the chunk that was returned last. The Close frame for it is in `out`.
    /// Otherwise [`EndOfInputError::CutOff`]: the connection was not closed cleanly, which programs
    /// call close code 1006 (RFC 6455 §7.1.5). A second call returns the same cut-off.
    pub fn end_of_input(&mut self, out: &mut Outbox) -> Result<(), EndOfInputError> {
        let ended = self.reader.end_of_input();
        match ended {
            Ok(()) => {}
            Err(EndOfInputError::Protocol(violation)) => self.fail(violation, out),
            Err(EndOfInputError::CutOff(_)) => self.writer.end_of_output(),
        }
        ended
    }
}

/// Sending. The [writer](Self::writer) has further, rarer verbs.
impl<R: Role> Connection<R> {
    /// Appends a message to `out`: text from a `&str`, binary from a `&[u8]`. It is one frame, or
    /// several if it is longer than [`Config::fragment_bytes`].
    ///
    /// # Errors
    ///
    /// [`UsageError::Closed`] if either side has sent its Close frame or the connection is over;
    /// [`UsageError::MessageInProgress`] between [`send_part`](Self::send_part) and
    /// [`send_last_part`](Self::send_last_part).
    #[inline]
    pub fn send<'a>(
        &mut self,
        message: impl Into<Data<'a>>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.writer.send(message, out)
    }

    /// Appends a message that `out` may keep instead of copying it: for large payloads. The bytes
    /// are never changed, also not by a client that masks them, so others may share them.
    ///
    /// A short message is copied, as by [`send`](Self::send): see [`Outbox`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). The message is dropped.
    pub fn send_owned(
        &mut self,
        message: impl Into<Message>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.writer.send_owned(message, out)
    }

    /// Appends a part of a message to `out`, of which more parts will follow. The first part starts
    /// the message. Control frames may be sent between parts (RFC 6455 §5.4).
    ///
    /// ```
    /// use hybi::{Config, Connection, Outbox};
    ///
    /// let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
    /// ws.send_part("Hel", &mut out)?;
    /// ws.ping(b"", &mut out)?;
    /// ws.send_last_part("lo", &mut out)?;
    /// assert_eq!(out, b"\x01\x03Hel\x89\x00\x80\x02lo"); // cf. RFC 6455 §5.7
    /// # Ok::<(), hybi::UsageError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UsageError::Closed`] as in [`send`](Self::send); [`UsageError::OtherKindOfMessage`] if the
    /// message was started with the other kind of data.
    pub fn send_part<'a>(
        &mut self,
        part: impl Into<Data<'a>>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.writer.send_part(part, out)
    }

    /// Appends the last part of a message to `out`. It may be empty, and it may be the only one.
    ///
    /// # Errors
    ///
    /// As [`send_part`](Self::send_part).
    pub fn send_last_part<'a>(
        &mut self,
        part: impl Into<Data<'a>>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.writer.send_last_part(part, out)
    }

    /// Appends a message to `out` that was encoded once for many receivers, and compressed once for
    /// all that can share that.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(
        &mut self,
        message: &Prepared,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.writer.send_prepared(message, out)
    }

    /// Appends a ping to `out`, with a payload of at most 125 bytes (RFC 6455 §5.5.2). The peer's
    /// pong will carry the same payload. [`Keepalive`](crate::keepalive::Keepalive) sends pings
    /// regularly.
    ///
    /// # Errors
    ///
    /// [`UsageError::Closed`] as in [`send`](Self::send); [`UsageError::ControlTooLong`] over 125
    /// bytes.
    pub fn ping(&mut self, payload: &[u8], out: &mut Outbox) -> Result<(), UsageError> {
        self.writer.ping(payload, out)
    }

    /// Starts the closing handshake: appends a Close frame to `out` (RFC 6455 §7.1.2). Go on
    /// receiving until [`Event::Close`]. Messages that the peer has sent before still arrive. A
    /// message that is being sent in parts stays incomplete.
    ///
    /// # Errors
    ///
    /// [`UsageError::Closed`] as in [`send`](Self::send); [`UsageError::CloseReasonTooLong`] over
    /// 123 bytes; [`UsageError::CloseCode`] for 1010 from a server.
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.writer.close(code, reason, out)
    }

    /// Lends out the writing half, for its rarer verbs.
    ///
    /// ```
    /// use hybi::{Config, Connection, Outbox};
    ///
    /// let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
    /// ws.writer().pong(b"still here", &mut out)?;
    /// ws.writer().close_without_code(&mut out)?;
    /// assert_eq!(out, b"\x8a\x0astill here\x88\x00");
    /// # Ok::<(), hybi::UsageError>(())
    /// ```
    #[must_use]
    pub const fn writer(&mut self) -> &mut Writer<R> {
        &mut self.writer
    }
}

/// The connection as a whole.
impl<R: Role> Connection<R> {
    /// Returns the state of the connection.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        closing::ready_state(self.reader.ready_state(), self.writer.ready_state())
    }

    /// Returns what to do with the transport once the output has been written: keep it, close it,
    /// or wait until the peer closes it.
    #[must_use]
    pub fn transport(&self) -> Transport {
        closing::transport(R::IS_SERVER, self.reader.ready_state(), self.writer.ready_state())
    }

    /// Splits the connection, so that one thread can read while another writes, or so that you
    /// decide about each reply. The halves do not know of each other. Pass the
    /// [replies](Event::reply) from the reader to the writer, over any channel.
    ///
    /// Nothing is lost: a pong that is [held back](Writer::flush_replies) stays with the writer.
    /// [`join`](Self::join) reverses it.
    ///
    /// ```
    /// use hybi::{Config, Connection, Input, Outbox};
    ///
    /// let ws = Connection::server(Config::default());
    /// let (mut reader, mut writer) = ws.split();
    ///
    /// let mut received = *b"\x89\x80\x01\x02\x03\x04"; // a ping
    /// let (mut input, mut out) = (Input::new(&mut received), Outbox::new());
    /// while let Some(event) = reader.receive(&mut input)? {
    ///     if let Some(reply) = event.reply() {
    ///         writer.reply(&reply, &mut out); // perhaps in another thread
    ///     }
    /// }
    /// assert_eq!(out, b"\x8a\x00"); // a pong
    ///
    /// let ws = Connection::join(reader, writer);
    /// # Ok::<(), hybi::ProtocolError>(())
    /// ```
    #[must_use]
    pub fn split(self) -> (Reader<R>, Writer<R>) {
        (self.reader, self.writer)
    }

    /// Joins the halves of a [split](Self::split) connection. Pass replies that are still on their
    /// way to the writer before.
    ///
    /// The halves should come from one connection. Nothing checks that, as it would need a number
    /// in each, and nothing depends on it: each half obeys the protocol by itself, and the writer
    /// compresses only what its own peer has agreed on. With halves of two connections, the
    /// writer's peer gets pongs and a Close frame that answer another's, which it may (RFC 6455
    /// §5.5.3).
    #[must_use]
    pub fn join(reader: Reader<R>, writer: Writer<R>) -> Self {
        Self { reader, writer }
    }

    /// Appends the state of the connection to `to`, as bytes that another process can
    /// [import](Self::import). See [`export`](crate::export) for what else to hand over, and for an
    /// example.
    ///
    /// This connection stays as it is, in case the other process does not get the bytes. Only one
    /// of the two may go on: do nothing with this one until you know that the other will not be
    /// used.
    ///
    /// The bytes are as many as the connection has in memory, and a few more: the message in
    /// progress, a window of at most 32 KiB if messages are decompressed, and less than 400 others.
    ///
    /// # Errors
    ///
    /// [`ExportError::InCompressedMessage`] while a compressed message is being received. Nothing
    /// was appended. Try again after the message.
    pub fn export(&self, to: &mut Vec<u8>) -> Result<(), ExportError> {
        self.reader.export(to)?;
        self.writer.export(to);
        Ok(())
    }

    /// Takes an [exported](Self::export) connection off the front of `from`.
    ///
    /// The bytes may be anybody's: whatever they are, the result is a connection that its peer
    /// could have brought about, or an error.
    ///
    /// `config` has the limits from now on, the length of fragments, and the settings of
    /// compression, which must be allowed if it was agreed on. It cannot change what was agreed. A
    /// client's role has its masking keys.
    ///
    /// ```
    /// use hybi::export::ImportError;
    /// use hybi::{Config, Connection, Limits, Server};
    ///
    /// let mut bytes = Vec::new();
    /// Connection::server(Config::default()).export(&mut bytes)?; // in another process
    ///
    /// let config = Config::default().limits(Limits::default().message_bytes_max(1 << 20));
    /// let from = &mut &bytes[..];
    /// let ws = Connection::import(Server, &config, from)?;
    /// assert!(from.is_empty()); // there could be more records
    /// # drop(ws);
    ///
    /// let error = Connection::import(Server, &config, &mut &bytes[1..]).unwrap_err();
    /// assert_eq!(error, ImportError::Foreign);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The bytes are no export, or one of another version; or the state is beyond what `config`
    /// allows. `from` is as it was.
    pub fn import(role: R, config: &Config, from: &mut &[u8]) -> Result<Self, ImportError> {
        let mut rest = *from;
        let reader = Reader::import(config, &mut rest)?;
        let writer = Writer::import(role, config, &mut rest)?;
        *from = rest;
        Ok(Self { reader, writer })
    }

    pub(crate) fn new(role: R, config: &Config) -> Self {
        Self { reader: Reader::new(&config.limits), writer: Writer::new(role, config) }
    }

    /// Creates a connection with what a handshake has negotiated.
    #[inline]
    pub(crate) fn negotiated(role: R, config: &Config, deflate: Option<&Agreed>) -> Self {
        let mut connection = Self::new(role, config);
        if let (Some(agreed), Some(config)) = (deflate, &config.deflate) {
            connection.set_deflate(agreed, config);
        }
        connection
    }

    fn set_deflate(&mut self, agreed: &Agreed, config: &DeflateConfig) {
        let (inflater, deflater) = deflate::transform(R::IS_SERVER, agreed, config);
        self.reader.set_inflater(inflater);
        self.writer.set_deflater(deflater);
    }

    #[cold]
    #[inline(never)]
    fn answer(&mut self, control: &Event<'_>, out: &mut Outbox) {
        self.writer.answer(control, out);
    }

    #[cold]
    #[inline(never)]
    fn fail(&mut self, violation: ProtocolError, out: &mut Outbox) {
        self.writer.reply(&violation.reply(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Connection<Server>>() <= 128);
        assert!(size_of::<Connection<Client>>() <= 128);
        assert!(size_of::<Event<'_>>() <= 40);
    }
}
