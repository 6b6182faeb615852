//! The established connection: bytes in, events out, bytes out (RFC 6455 §5, §6, §7).
//!
//! [`Connection`] is a [`Receiver`] and a [`Sender`] and the replies that go from one to the other. What is not
//! here: sockets, clocks, random numbers, and the opening handshake that comes before.

mod assemble;
mod closing;
mod config;
mod data;
mod event;
mod keepalive;
mod prepared;
mod receive;
mod send;

use alloc::vec::Vec;

pub use closing::{ReadyState, Transport};
pub use config::{Config, Replies};
pub use data::{Data, Kind};
pub use event::{Chunk, ChunkData, ChunkEvent, Event, Reply};
pub use keepalive::{Due, Expired, Keepalive, KeepaliveConfig};
pub use prepared::Prepared;
pub use receive::Receiver;
pub use send::Sender;

use crate::error::{CutOff, Misuse, Violation};
#[cfg(feature = "deflate")]
use crate::extension::deflate::Compression;
use crate::extension::deflate::{self, Agreed, DeflateConfig};
use crate::frame::{CloseCode, EncodedHeader, OpCode};
use crate::input::Input;
#[cfg(feature = "rand")]
use crate::role::RandomKeys;
use crate::role::{Client, MaskingKeys, Role, Server};

/// A WebSocket connection behind its opening handshake: a state machine between the caller's buffers.
///
/// **Drain the events, then write the output**: after each read, call [`receive`](Self::receive) until it returns
/// `None`, then write all of `out` to the peer and clear it, also after an error. That sends pongs and Close frames
/// without further thought.
///
/// ```
/// use hybi::{Config, Connection, Event, Input};
///
/// let mut ws = Connection::server(Config::default()); // usually: what the handshake gave
/// let mut out = Vec::new();
///
/// let mut inbox = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"; // what a read put there
/// let mut input = Input::new(&mut inbox);
/// while let Some(event) = ws.receive(&mut input, &mut out)? {
///     match event {
///         Event::Text(text) => ws.send(&*text, &mut out)?,
///         Event::Binary(data) => ws.send(&*data, &mut out)?,
///         _ => {} // replies to pings and Close frames are already in `out`
///     }
/// }
/// assert_eq!(out, b"\x81\x05Hello"); // to be written
/// # Ok::<(), hybi::Error>(())
/// ```
///
/// The contract:
///
/// - `receive` reads all of its input. Partial headers, code points and messages are kept in the connection, so one
///   read buffer serves any number of connections.
/// - An event borrows the input, not the connection: everything can be sent while it is looked at.
/// - `Ok(None)` asks for more input; it is no error.
/// - A [`Violation`] is final. The Close frame for it is already in `out`; from then on input is swallowed and sending
///   refused.
/// - A [`Misuse`] writes nothing and changes nothing.
/// - `out` grows per byte of input by a bounded amount: a reply is as long as the frame that asked for it, less the
///   masking key from a client, or plus one to a server; and pongs are held back while `out` holds more than
///   [`reply_backlog_max`](crate::Limits::reply_backlog_max).
/// - Nothing is allocated for an idle connection, nor for a message that arrives in one frame and one read.
#[derive(Debug)]
pub struct Connection<R> {
    receiver: Receiver<R>,
    sender: Sender<R>,
}

impl Connection<Server> {
    /// The server's end of a connection whose opening handshake is done.
    #[must_use]
    pub fn server(config: Config) -> Self {
        Self::new(Server, config)
    }

    /// The header of a message whose payload the caller writes itself, behind it: for vectored writes, without a
    /// copy. The message is never cut into fragments.
    ///
    /// Nothing may be sent between the header and the whole payload.
    ///
    /// ```
    /// use hybi::{Config, Connection};
    ///
    /// let mut ws = Connection::server(Config::default());
    /// let page = [0; 70_000];
    /// let header = ws.header(&page)?;
    /// assert_eq!(*header, [0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
    /// // stream.write_vectored(&[IoSlice::new(&header), IoSlice::new(&page)])
    /// # Ok::<(), hybi::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn header<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<EncodedHeader, Misuse> {
        self.sender.header(message)
    }
}

#[cfg(feature = "rand")]
impl Connection<Client<RandomKeys>> {
    /// The client's end of a connection whose opening handshake is done, with [`RandomKeys`] to mask with.
    #[must_use]
    pub fn client(config: Config) -> Self {
        Self::client_with_keys(config, RandomKeys)
    }
}

impl<K: MaskingKeys> Connection<Client<K>> {
    /// The client's end of a connection whose opening handshake is done, with a source of masking keys.
    ///
    /// ```
    /// use hybi::{Config, Connection};
    ///
    /// let mut ws = Connection::client_with_keys(Config::default(), || [0x37, 0xfa, 0x21, 0x3d]); // for tests only
    /// let mut out = Vec::new();
    /// ws.send("Hello", &mut out)?;
    /// assert_eq!(out, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); // RFC 6455 §5.7
    /// # Ok::<(), hybi::Misuse>(())
    /// ```
    #[must_use]
    pub fn client_with_keys(config: Config, keys: K) -> Self {
        Self::new(Client::new(keys), config)
    }

    /// Masks the payload of a message where it stands and returns its header, for vectored writes without a copy.
    /// The message is never cut into fragments.
    ///
    /// Nothing may be sent between the header and the whole payload. Masking the payload again, with the key at
    /// the end of the header, restores it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Misuse::TextNotUtf8`].
    pub fn mask_in_place(
        &mut self,
        kind: Kind,
        payload: &mut [u8],
    ) -> Result<EncodedHeader, Misuse> {
        self.sender.mask_in_place(kind, payload)
    }
}

/// permessage-deflate (RFC 7692), with feature `deflate`.
#[cfg(feature = "deflate")]
impl<R: Role> Connection<R> {
    /// Compresses and decompresses messages from now on, as was negotiated. The machines of
    /// [`handshake`](crate::handshake) do this by themselves.
    ///
    /// Must come before the first message.
    #[must_use]
    pub fn with_deflate(self, agreed: &Agreed, config: &DeflateConfig) -> Self {
        self.with_negotiated(Some((*agreed, *config)))
    }

    /// Decides which messages are compressed from the next one on. Without effect if compression was not negotiated.
    pub fn set_compression(&mut self, compression: Compression) {
        self.sender.set_compression(compression);
    }
}

/// Receiving.
impl<R: Role> Connection<R> {
    /// The next message or control frame in the input. `None`: all input has been read, but for a message that is to
    /// stay [in place](Input::in_place_up_to); come back with more.
    ///
    /// # Errors
    ///
    /// A rule that the peer broke, after everything that it had sent before. The Close frame that tells it is already
    /// in `out`. Later calls swallow their input and return `None`.
    #[inline]
    pub fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Violation> {
        if self.sender.may_hold_back() {
            self.flush_replies(out);
        }
        match self.receiver.receive(input) {
            Ok(event @ (None | Some(Event::Text(_) | Event::Binary(_)))) => Ok(event),
            Ok(Some(control)) => {
                self.answer(&control, out);
                Ok(Some(control))
            }
            Err(violation) => Err(self.fail(violation, out)),
        }
    }

    /// The next chunk of a message, as it arrived, or control frame: for messages that need not or cannot be held in
    /// memory. Nothing is buffered, and text is validated on the way.
    ///
    /// The caller may change between this and [`receive`](Self::receive) at any time; every byte of a message is handed
    /// out once, in order.
    ///
    /// ```
    /// use hybi::connection::{Chunk, ChunkData, ChunkEvent};
    /// use hybi::{Config, Connection, Input};
    ///
    /// let mut ws = Connection::client_with_keys(Config::default(), || [1, 2, 3, 4]);
    /// let (mut inbox, mut out) = (*b"\x82\x05ab", Vec::new()); // two of five bytes
    /// let chunk = ws.receive_chunk(&mut Input::new(&mut inbox), &mut out)?;
    /// let data = ChunkData::Binary(b"ab".into());
    /// assert_eq!(chunk, Some(ChunkEvent::Chunk(Chunk { data, first: true, last: false })));
    /// # Ok::<(), hybi::Violation>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive). The good part of a text is handed out before.
    pub fn receive_chunk<'a>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Option<ChunkEvent<'a>>, Violation> {
        self.flush_replies(out);
        let event =
            self.receiver.receive_chunk(input).map_err(|violation| self.fail(violation, out))?;
        if let Some(ChunkEvent::Control(control)) = &event {
            self.answer(control, out);
        }
        Ok(event)
    }

    /// Says that the transport delivers no more. `Ok`: the peer had said so before, with a Close frame or by breaking
    /// a rule.
    ///
    /// # Errors
    ///
    /// What was cut off: the connection was not closed cleanly, which programs call close code 1006 (RFC 6455
    /// §7.1.5). A second call says the same. Nothing can be sent afterwards.
    pub fn end_of_input(&mut self) -> Result<(), CutOff> {
        let ending = self.receiver.end_of_input();
        if ending.is_err() {
            self.sender.end_of_output();
        }
        ending
    }
}

/// Sending.
impl<R: Role> Connection<R> {
    /// Appends a whole message to `out`: text from a `&str`, binary from a `&[u8]`. One frame, or as many as
    /// [`Config::fragment_bytes`] makes of it.
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`] once either side's Close frame has gone out or the connection is over;
    /// [`Misuse::MessageUnderWay`] between [`send_part`](Self::send_part) and
    /// [`send_last_part`](Self::send_last_part).
    #[inline]
    pub fn send<'a>(
        &mut self,
        message: impl Into<Data<'a>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.sender.send(message, out)
    }

    /// [`send`](Self::send) for text.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_text(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.sender.send(text, out)
    }

    /// [`send`](Self::send) for bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_binary(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.sender.send(data, out)
    }

    /// Appends a part of a message to `out`, of which further parts will follow: it begins the message, or goes on
    /// with it. Control frames may be sent between the parts (RFC 6455 §5.4).
    ///
    /// ```
    /// use hybi::{Config, Connection};
    ///
    /// let (mut ws, mut out) = (Connection::server(Config::default()), Vec::new());
    /// ws.send_part("Hel", &mut out)?;
    /// ws.ping(b"", &mut out)?;
    /// ws.send_last_part("lo", &mut out)?;
    /// assert_eq!(out, b"\x01\x03Hel\x89\x00\x80\x02lo"); // cf. RFC 6455 §5.7
    /// # Ok::<(), hybi::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`]; [`Misuse::OtherKindOfMessage`] if the message was begun with the other kind of data.
    pub fn send_part<'a>(
        &mut self,
        part: impl Into<Data<'a>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.sender.send_part(part, out)
    }

    /// Appends the last part of a message to `out`. It may be empty, and it may be the only one.
    ///
    /// # Errors
    ///
    /// As [`send_part`](Self::send_part).
    pub fn send_last_part<'a>(
        &mut self,
        part: impl Into<Data<'a>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.sender.send_last_part(part, out)
    }

    /// Appends a message that was encoded before, for many receivers, to `out`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &Prepared, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.sender.send_prepared(message, out)
    }

    /// Whether a whole message may be sent now. Ask before queueing [`Prepared::frame`] without a copy.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn may_send_message(&self) -> Result<(), Misuse> {
        self.sender.may_send_message()
    }

    /// Appends a ping with a payload of at most 125 bytes to `out` (RFC 6455 §5.5.2). The peer's pong will carry the
    /// same. [`Keepalive`] does this by the clock.
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::ControlTooLong`].
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.sender.ping(payload, out)
    }

    /// Appends a pong to `out` that nobody asked for: a sign of life (RFC 6455 §5.5.3). Pings are
    /// [answered](Config::replies) without this.
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::ControlTooLong`].
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.sender.pong(payload, out)
    }

    /// Starts the closing handshake: appends a Close frame to `out` (RFC 6455 §7.1.2). Go on receiving until
    /// [`Event::Close`]; messages that the peer had under way still arrive. A message that was being sent in parts
    /// stays unfinished.
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`] after a first Close frame; [`Misuse::CloseReasonTooLong`] over 123 bytes;
    /// [`Misuse::CloseCode`] for 1010 from a server.
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.sender.close(code, reason, out)
    }

    /// As [`close`](Self::close), with an empty Close frame, which the peer's program will see as 1005.
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`] after a first Close frame.
    pub fn close_without_code(&mut self, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.sender.close_without_code(out)
    }

    /// Appends a reply that the protocol asks for to `out`: what [`Event::reply`] gave. Only for
    /// [manual replies](Replies::Manual).
    ///
    /// A reply that has become pointless is dropped: any after the connection is over, a second Close frame.
    pub fn reply(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        if self.ready_state() != ReadyState::Closed {
            self.sender.reply(reply, out);
        }
    }

    /// Appends the pong that was held back, if the output has room again. Only for callers whose output can exceed
    /// [`reply_backlog_max`](crate::Limits::reply_backlog_max): call it when the output has drained and there is no
    /// input at hand; [`receive`](Self::receive) does it by itself.
    #[cold]
    #[inline(never)]
    pub fn flush_replies(&mut self, out: &mut Vec<u8>) {
        if !self.is_backed_up(out)
            && let Some(pong) = self.sender.take_held_back()
        {
            self.sender.reply(&pong, out);
        }
    }
}

/// The whole.
impl<R: Role> Connection<R> {
    pub(crate) fn new(role: R, config: Config) -> Self {
        Self { receiver: Receiver::new(config.limits), sender: Sender::new(role, &config) }
    }

    /// A connection with what a handshake has negotiated.
    pub(crate) fn with_negotiated(mut self, deflate: Option<(Agreed, DeflateConfig)>) -> Self {
        if let Some((agreed, config)) = deflate {
            let (inflater, deflater) = deflate::transform(R::IS_SERVER, &agreed, &config);
            self.receiver.set_inflater(inflater);
            self.sender.set_deflater(deflater);
        }
        self
    }

    /// How the connection stands.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        closing::ready_state(self.receiver.close_received(), self.sender.outgoing())
    }

    /// What to do with the transport once the output has been written: keep it, close it, or wait for the peer to do so.
    #[must_use]
    pub fn transport(&self) -> Transport {
        closing::transport(R::IS_SERVER, self.receiver.close_received(), self.sender.outgoing())
    }

    /// Takes the connection apart, so that one thread can read and another write. Between them go the
    /// [replies](Event::reply), by whatever channel the caller likes.
    ///
    /// ```
    /// use hybi::{Config, Connection, Event, Input};
    ///
    /// let ws = Connection::server(Config::default());
    /// let (mut receiver, mut sender) = ws.split();
    ///
    /// let mut inbox = *b"\x89\x80\x01\x02\x03\x04";
    /// let event = receiver.receive(&mut Input::new(&mut inbox))?.unwrap();
    /// let reply = event.reply().unwrap(); // goes to the thread that writes
    ///
    /// let mut out = Vec::new();
    /// sender.reply(&reply, &mut out);
    /// assert_eq!(out, b"\x8a\x00");
    /// # Ok::<(), hybi::Violation>(())
    /// ```
    #[must_use]
    pub fn split(self) -> (Receiver<R>, Sender<R>) {
        (self.receiver, self.sender)
    }

    #[cold]
    #[inline(never)]
    fn answer(&mut self, control: &Event<'_>, out: &mut Vec<u8>) {
        if self.sender.replies() == Replies::Manual {
            return;
        }
        match control {
            Event::Ping(payload) if !self.is_backed_up(out) => {
                self.sender.answer_ping(payload, out)
            }
            Event::Ping(payload) => {
                // RFC 6455 §5.5.3: of several pings, the newest may be answered alone.
                self.sender.hold_back(Reply::new(OpCode::PONG, &[payload]));
            }
            _ => {
                if let Some(close) = control.reply() {
                    self.sender.reply(&close, out);
                }
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn fail(&mut self, violation: Violation, out: &mut Vec<u8>) -> Violation {
        self.sender.reply(&violation.reply(), out); // the last that it sends
        violation
    }

    fn is_backed_up(&self, out: &[u8]) -> bool {
        out.len() > self.receiver.reply_backlog_max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Connection<Server>>() <= 128);
        assert!(size_of::<Connection<Client>>() <= 128);
        assert!(size_of::<Event<'_>>() <= 32);
    }
}
