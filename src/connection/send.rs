//! Messages to frames: the writing half of a connection (RFC 6455 §5, §6.1).
//!
//! Checks what the caller sends, and encodes it at once. Not here: when to reply to what, which
//! [`Event::reply`] and [`ProtocolError::reply`](crate::ProtocolError::reply) say, and where
//! messages wait to be written (`buffers/outbox.rs`).

use alloc::boxed::Box;
use core::num::NonZeroU32;

use super::closing::ReadyState;
use super::config::Config;
use super::data::{Data, Kind};
use super::event::{Event, Reply};
use super::message::Message;
use super::prepared::Prepared;
use crate::buffers::Outbox;
use crate::error::UsageError;
#[cfg(feature = "deflate")]
use crate::extension::deflate::Compression;
use crate::extension::deflate::Deflater;
use crate::frame::{
    CONTROL_PAYLOAD_MAX, CloseCode, CloseReason, EncodedHeader, LengthForm, Mask, OpCode, Reserved,
    first_byte,
};
use crate::length::in_memory;
use crate::role::Role;

/// The writing half of a connection. It checks and encodes what you send.
///
/// [`Connection::split`](crate::Connection::split) creates it, and
/// [`Connection::writer`](crate::Connection::writer) lends it for the verbs that a `Connection`
/// does not have itself.
#[derive(Debug)]
pub struct Writer<R> {
    role: R,
    outgoing: Outgoing,
    /// The longest payload of a data frame.
    fragment_bytes: Option<NonZeroU32>,
    /// The largest backlog that pongs are added to.
    reply_backlog_max: u32,
    /// Rarely used state, boxed to keep idle connections small.
    rare: Option<Box<RareState>>,
}

/// The state of our stream of frames to the peer.
#[derive(Clone, Copy, Debug)]
enum Outgoing {
    /// Everything may be sent, but not two messages at once.
    Open { message: Option<MessageInParts> },
    /// After our Close frame only pongs may follow (RFC 6455 §5.5.1, §5.5.2).
    CloseSent,
    /// Nothing may follow.
    Over,
}

/// A message that is being sent in parts.
#[derive(Clone, Copy, Debug)]
struct MessageInParts {
    kind: Kind,
    compressed: bool,
}

#[derive(Debug, Default)]
struct RareState {
    /// The newest pong, while the backlog is too large for it.
    pong_held_back: Option<Reply>,
    /// The sending side of permessage-deflate, if that was negotiated.
    deflater: Option<Box<Deflater>>,
}

/// The first byte of a header, before it is encoded.
#[derive(Clone, Copy)]
struct Start {
    fin: bool,
    reserved: Reserved,
    opcode: OpCode,
}

/// The verbs of a [`Connection`](crate::Connection), which documents them.
impl<R: Role> Writer<R> {
    pub(super) fn new(role: R, config: &Config) -> Self {
        Self {
            role,
            outgoing: Outgoing::Open { message: None },
            fragment_bytes: config.fragment_bytes,
            reply_backlog_max: config.limits.reply_backlog_max,
            rare: None,
        }
    }

    /// Appends a message to `out`, as [`Connection::send`](crate::Connection::send).
    #[inline]
    pub fn send<'a>(
        &mut self,
        message: impl Into<Data<'a>>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        let message = message.into();
        self.may_send_message()?;
        if self.rare.is_none() {
            self.write_message(message, out);
        } else {
            self.write_compressible(message, out);
        }
        Ok(())
    }

    /// Appends a message that `out` may keep, as
    /// [`Connection::send_owned`](crate::Connection::send_owned).
    pub fn send_owned(
        &mut self,
        message: impl Into<Message>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.send(&message.into(), out)
    }

    /// Appends a part of a message to `out`, as
    /// [`Connection::send_part`](crate::Connection::send_part).
    pub fn send_part<'a>(
        &mut self,
        part: impl Into<Data<'a>>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.write_part(part.into(), false, out)
    }

    /// Appends the last part of a message to `out`, as
    /// [`Connection::send_last_part`](crate::Connection::send_last_part).
    pub fn send_last_part<'a>(
        &mut self,
        part: impl Into<Data<'a>>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.write_part(part.into(), true, out)
    }

    /// Appends a message that is already encoded to `out`, as
    /// [`Connection::send_prepared`](crate::Connection::send_prepared).
    pub fn send_prepared(
        &mut self,
        message: &Prepared,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.may_send_message()?;
        if self.rare.is_none() && self.sends_whole_frames_unmasked() {
            out.append(message.frame());
        } else {
            self.write_prepared(message, out);
        }
        Ok(())
    }

    /// Appends a ping to `out`, as [`Connection::ping`](crate::Connection::ping).
    pub fn ping(&mut self, payload: &[u8], out: &mut Outbox) -> Result<(), UsageError> {
        self.ping_or_pong(OpCode::PING, payload, out)
    }

    /// Appends a Close frame to `out`, as [`Connection::close`](crate::Connection::close).
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.must_be_open()?;
        // RFC 6455 §7.4.1: a server fails the handshake instead.
        if R::IS_SERVER && code == CloseCode::MANDATORY_EXTENSION {
            return Err(UsageError::CloseCode { number: code.number() });
        }
        if reason.len() > CloseReason::REASON_BYTES_MAX {
            return Err(UsageError::CloseReasonTooLong { len: reason.len() });
        }
        let body = [&code.number().to_be_bytes(), reason.as_bytes()];
        self.write_close(&Reply::new(OpCode::CLOSE, &body), out);
        Ok(())
    }
}

/// Rarer verbs.
impl<R: Role> Writer<R> {
    /// Appends a pong that answers no ping to `out`: a sign of life (RFC 6455 §5.5.3). Its payload
    /// has at most 125 bytes.
    ///
    /// # Errors
    ///
    /// [`UsageError::Closed`], [`UsageError::ControlTooLong`].
    pub fn pong(&mut self, payload: &[u8], out: &mut Outbox) -> Result<(), UsageError> {
        self.ping_or_pong(OpCode::PONG, payload, out)
    }

    /// Starts the closing handshake with an empty Close frame, which the peer's program sees as
    /// code 1005. Otherwise as [`Connection::close`](crate::Connection::close).
    ///
    /// # Errors
    ///
    /// [`UsageError::Closed`] after a first Close frame.
    pub fn close_without_code(&mut self, out: &mut Outbox) -> Result<(), UsageError> {
        self.must_be_open()?;
        self.write_close(&Reply::new(OpCode::CLOSE, &[]), out);
        Ok(())
    }

    /// Checks that a message may be sent now. Ask this before you queue [`Prepared::frame`] without
    /// a copy.
    ///
    /// # Errors
    ///
    /// Those of [`Connection::send`](crate::Connection::send).
    #[inline]
    pub fn may_send_message(&self) -> Result<(), UsageError> {
        match self.outgoing {
            Outgoing::Open { message: None } => Ok(()),
            Outgoing::Open { message: Some(_) } => Err(UsageError::MessageInProgress),
            Outgoing::CloseSent | Outgoing::Over => Err(UsageError::Closed),
        }
    }

    /// Appends a message to `out`, as [`send`](Self::send), and decides about its compression: what
    /// was [set](Self::set_compression) holds for the others. Without compression negotiated, it is
    /// sent uncompressed.
    ///
    /// # Errors
    ///
    /// Those of [`Connection::send`](crate::Connection::send).
    #[cfg(feature = "deflate")]
    pub fn send_with<'a>(
        &mut self,
        compression: Compression,
        message: impl Into<Data<'a>>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        let usual = self.deflater().map(|deflater| deflater.set_compression(compression));
        let sent = self.send(message, out);
        if let Some(usual) = usual {
            self.set_compression(usual);
        }
        sent
    }

    /// Sets which messages are compressed from now on. Does nothing if compression was not
    /// negotiated.
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, compression: Compression) {
        if let Some(deflater) = self.deflater() {
            deflater.set_compression(compression);
        }
    }

    /// Returns the state of the connection as far as its output tells.
    ///
    /// [`Open`](ReadyState::Open) while messages may be sent; [`Closing`](ReadyState::Closing)
    /// after our Close frame; [`Closed`](ReadyState::Closed) after a [reply](Self::reply) to the
    /// peer's Close frame or violation, or after [`end_of_output`](Self::end_of_output). The writer
    /// knows of the peer only what was passed to it.
    #[must_use]
    pub const fn ready_state(&self) -> ReadyState {
        match self.outgoing {
            Outgoing::Open { .. } => ReadyState::Open,
            Outgoing::CloseSent => ReadyState::Closing,
            Outgoing::Over => ReadyState::Closed,
        }
    }

    /// Appends the pong that is held back to `out`, if the backlog has room again.
    ///
    /// A [`Connection`](crate::Connection) holds a pong back if the [backlog](Outbox::backlog) is
    /// larger than [`reply_backlog_max`](crate::Limits::reply_backlog_max), and writes it at a
    /// later [`receive`](crate::Connection::receive). Call this if the backlog has shrunk and there
    /// is no input.
    #[cold]
    #[inline(never)]
    pub fn flush_replies(&mut self, out: &mut Outbox) {
        if !self.is_backed_up(out)
            && let Some(pong) = self.take_held_back()
        {
            self.write_pong(pong.payload(), out);
        }
    }
}

/// Halves: what a [`Connection`](crate::Connection) does automatically.
impl<R: Role> Writer<R> {
    /// Appends a reply to `out` that the protocol asks for: one that
    /// [`Event::reply`](crate::Event::reply) or
    /// [`ProtocolError::reply`](crate::ProtocolError::reply) has returned.
    ///
    /// A reply that is pointless by now is dropped: a second Close frame, or anything after the
    /// connection is over. No reply is held back, and a pong that was held back before is dropped.
    pub fn reply(&mut self, reply: &Reply, out: &mut Outbox) {
        if reply.opcode() == OpCode::CLOSE {
            if let Outgoing::Open { .. } = self.outgoing {
                self.write_close(reply, out);
            }
            // RFC 6455 §5.5.1: the peer has sent its Close frame or broken a rule, so nothing
            // follows ours.
            self.end_of_output();
        } else {
            // RFC 6455 §5.5.3: the newest pong answers the earlier pings, too.
            self.take_held_back();
            self.write_pong(reply.payload(), out);
        }
    }

    /// Reports that the transport takes no more output. Nothing is written afterwards.
    pub fn end_of_output(&mut self) {
        self.outgoing = Outgoing::Over;
        self.rare = None;
    }
}

impl<R: Role> Writer<R> {
    pub(super) fn set_deflater(&mut self, deflater: Option<Deflater>) {
        self.rare.get_or_insert_default().deflater = deflater.map(Box::new);
    }

    /// Replies to a control frame, or holds the reply back.
    pub(super) fn answer(&mut self, control: &Event<'_>, out: &mut Outbox) {
        match control {
            Event::Ping(payload) if !self.is_backed_up(out) => self.write_pong(payload, out),
            Event::Ping(payload) => {
                // RFC 6455 §5.5.3: of several pings, the newest may be answered alone.
                let pong = Reply::new(OpCode::PONG, &[payload]);
                self.rare.get_or_insert_default().pong_held_back = Some(pong);
            }
            _ => {
                if let Some(close) = control.reply() {
                    self.reply(&close, out);
                }
            }
        }
    }

    #[inline]
    pub(super) const fn may_hold_back(&self) -> bool {
        self.rare.is_some()
    }

    /// Returns whether the backlog is too large for another pong.
    pub(crate) fn is_backed_up(&self, out: &Outbox) -> bool {
        out.backlog() > in_memory(self.reply_backlog_max.into())
    }

    fn take_held_back(&mut self) -> Option<Reply> {
        let rare = self.rare.as_mut()?;
        let pong = rare.pong_held_back.take();
        if rare.deflater.is_none() {
            self.rare = None;
        }
        pong
    }

    fn must_be_open(&self) -> Result<(), UsageError> {
        match self.outgoing {
            Outgoing::Open { .. } => Ok(()),
            Outgoing::CloseSent | Outgoing::Over => Err(UsageError::Closed),
        }
    }

    fn deflater(&mut self) -> Option<&mut Deflater> {
        self.rare.as_mut()?.deflater.as_deref_mut()
    }

    fn write_pong(&mut self, payload: &[u8], out: &mut Outbox) {
        // RFC 6455 §5.5.2: pings are answered until the peer's Close frame arrives, even after
        // ours.
        if !matches!(self.outgoing, Outgoing::Over) {
            self.write_control(OpCode::PONG, payload, out);
        }
    }

    fn write_close(&mut self, close: &Reply, out: &mut Outbox) {
        self.write_control(OpCode::CLOSE, close.payload(), out);
        self.outgoing = Outgoing::CloseSent;
    }

    fn ping_or_pong(
        &mut self,
        opcode: OpCode,
        payload: &[u8],
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.must_be_open()?;
        if payload.len() > CONTROL_PAYLOAD_MAX {
            return Err(UsageError::ControlTooLong { len: payload.len() });
        }
        self.write_control(opcode, payload, out);
        Ok(())
    }

    #[inline]
    fn write_message(&mut self, message: Data<'_>, out: &mut Outbox) {
        self.write_data(Start::whole(message.kind(), false), message.as_bytes(), out);
    }

    /// Writes a message, compressed if that was negotiated and is wanted.
    #[cold]
    fn write_compressible(&mut self, message: Data<'_>, out: &mut Outbox) {
        let payload = message.as_bytes();
        match self.deflater().filter(|deflater| deflater.wants(Some(payload.len()))) {
            None => self.write_message(message, out),
            Some(deflater) => {
                let compressed = deflater.compress(payload, true);
                self.write_data(Start::whole(message.kind(), true), &compressed, out);
            }
        }
    }

    /// Whether what is sent of an uncompressed message is [`Prepared::frame`].
    #[inline]
    const fn sends_whole_frames_unmasked(&self) -> bool {
        R::IS_SERVER && self.fragment_bytes.is_none()
    }

    /// Writes a prepared message. Out of line, as the common case is shorter.
    #[inline(never)]
    fn write_prepared(&mut self, message: &Prepared, out: &mut Outbox) {
        let payload = message.payload();
        let deflater = self
            .deflater()
            .filter(|deflater| message.may_be_compressed() && deflater.wants(Some(payload.len())));
        if let Some(deflater) = deflater {
            let compressed = deflater.compress_shared(payload, message.compressed());
            self.write_data(Start::whole(message.kind(), true), &compressed, out);
        } else if self.sends_whole_frames_unmasked() {
            out.append(message.frame());
        } else {
            self.write_data(Start::whole(message.kind(), false), payload, out);
        }
    }

    /// Writes a part of a message. The first decides whether the message is compressed.
    fn write_part(
        &mut self,
        part: Data<'_>,
        last: bool,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        let kind = part.kind();
        let (opcode, compressed) = match self.outgoing {
            Outgoing::CloseSent | Outgoing::Over => return Err(UsageError::Closed),
            Outgoing::Open { message: None } => {
                (kind.opcode(), self.deflater().is_some_and(|deflater| deflater.wants(None)))
            }
            Outgoing::Open { message: Some(message) } if message.kind == kind => {
                (OpCode::CONTINUATION, message.compressed)
            }
            Outgoing::Open { message: Some(_) } => return Err(UsageError::OtherKindOfMessage),
        };
        // RFC 7692 §6.1: RSV1 on the first frame only.
        let is_marked = compressed && opcode != OpCode::CONTINUATION;
        let reserved = if is_marked { Reserved::RSV1 } else { Reserved::NONE };
        let start = Start { fin: last, reserved, opcode };
        match self.deflater().filter(|_| compressed) {
            None => self.write_data(start, part.as_bytes(), out),
            Some(deflater) => {
                let payload = deflater.compress(part.as_bytes(), last);
                self.write_data(start, &payload, out);
            }
        }
        self.outgoing =
            Outgoing::Open { message: (!last).then_some(MessageInParts { kind, compressed }) };
        Ok(())
    }

    /// Writes a message or a part of one, in fragments if it is longer than one may be.
    #[inline]
    fn write_data(&mut self, start: Start, payload: &[u8], out: &mut Outbox) {
        match self.fragment_bytes.map(|max| in_memory(max.get().into())) {
            Some(max) if payload.len() > max => self.write_fragments(max, start, payload, out),
            _ => self.write_frame(start.byte(), payload, out),
        }
    }

    #[cold]
    fn write_fragments(&mut self, max: usize, start: Start, payload: &[u8], out: &mut Outbox) {
        let mut next = start;
        let mut fragments = payload.chunks(max).peekable();
        while let Some(fragment) = fragments.next() {
            next.fin = start.fin && fragments.peek().is_none();
            self.write_frame(next.byte(), fragment, out);
            next = Start { fin: false, reserved: Reserved::NONE, opcode: OpCode::CONTINUATION };
        }
    }

    fn write_control(&mut self, opcode: OpCode, payload: &[u8], out: &mut Outbox) {
        self.write_frame(first_byte(true, Reserved::NONE, opcode), payload, out);
    }

    /// Writes a frame whose header starts with the byte `first`.
    #[inline]
    fn write_frame(&mut self, first: u8, payload: &[u8], out: &mut Outbox) {
        let masking_key = self.role.next_masking_key();
        let len = payload.len() as u64;
        let out = out.buffer();
        out.reserve(EncodedHeader::ROOM.saturating_add(payload.len()));
        EncodedHeader::new(first, LengthForm::shortest(len), len, masking_key).append_to(out);
        match masking_key {
            None => out.extend_from_slice(payload),
            Some(key) => Mask::new(key).append(payload, out),
        }
    }
}

impl Start {
    /// The start of a message in one frame.
    #[inline]
    const fn whole(kind: Kind, compressed: bool) -> Self {
        // RFC 7692 §6
        let reserved = if compressed { Reserved::RSV1 } else { Reserved::NONE };
        Self { fin: true, reserved, opcode: kind.opcode() }
    }

    #[inline]
    const fn byte(self) -> u8 {
        first_byte(self.fin, self.reserved, self.opcode)
    }
}
