//! Messages to frames: the writing half of a connection (RFC 6455 §5, §6.1).
//!
//! Checks what the caller sends, and decides which frames it becomes. Not here: when to reply to
//! what, which [`Event::reply`] and [`ProtocolError::reply`](crate::ProtocolError::reply) say, and
//! how frames are encoded and wait to be written (`buffers/outbox.rs`).

mod export;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use bytes::Bytes;

use super::closing::ReadyState;
use super::config::Config;
use super::data::{Data, Kind};
use super::event::{Event, Reply};
use super::message::Message;
use super::prepared::Prepared;
use crate::buffers::{Outbox, SHARED_BYTES_MIN};
use crate::error::UsageError;
#[cfg(feature = "deflate")]
use crate::extension::deflate::Compression;
use crate::extension::deflate::Deflater;
use crate::frame::{CONTROL_PAYLOAD_MAX, CloseCode, CloseReason, OpCode, Reserved, first_byte};
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
    /// Whether messages are sent as they are, in one frame each: nothing below forbids or changes
    /// that. So the common case checks one field. [`update`](Self::update) sets it.
    sends_plainly: bool,
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
            sends_plainly: config.fragment_bytes.is_none(),
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
        let (kind, payload) = (message.kind(), message.as_bytes());
        if !self.sends_plainly {
            return self.send_otherwise(kind, payload, None, out);
        }
        let key = self.role.next_masking_key();
        out.append_frame(Start::whole(kind, false).byte(), payload, key);
        Ok(())
    }

    /// Appends a message that `out` may keep, as
    /// [`Connection::send_owned`](crate::Connection::send_owned).
    pub fn send_owned(
        &mut self,
        message: impl Into<Message>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        let message = message.into();
        if message.as_bytes().len() < SHARED_BYTES_MIN {
            return self.send(&message, out);
        }
        let (kind, payload) = (message.kind(), message.into_bytes());
        if !self.sends_plainly {
            return self.send_otherwise(kind, &payload, Some(&payload), out);
        }
        let key = self.role.next_masking_key();
        out.append_shared_frame(Start::whole(kind, false).byte(), payload, key);
        Ok(())
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
        if self.sends_plainly && R::IS_SERVER {
            write_prepared_frame(message, out);
            return Ok(());
        }
        self.send_prepared_otherwise(message, out)
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
        self.update();
    }
}

impl<R: Role> Writer<R> {
    pub(super) fn set_deflater(&mut self, deflater: Option<Deflater>) {
        self.rare.get_or_insert_default().deflater = deflater.map(Box::new);
        self.update();
    }

    /// Replies to a control frame, or holds the reply back.
    pub(super) fn answer(&mut self, control: &Event<'_>, out: &mut Outbox) {
        match control {
            Event::Ping(payload) if !self.is_backed_up(out) => self.write_pong(payload, out),
            Event::Ping(_) if matches!(self.outgoing, Outgoing::Over) => {}
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
        self.update();
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

    /// Decides again whether messages are sent plainly. Called after each change of what decides.
    fn update(&mut self) {
        self.sends_plainly = matches!(self.outgoing, Outgoing::Open { message: None })
            && self.fragment_bytes.is_none()
            && self.deflater().is_none();
    }

    /// Sends a message where sending is not plain: it may be forbidden, compressed or in fragments.
    #[cold]
    #[inline(never)]
    fn send_otherwise(
        &mut self,
        kind: Kind,
        payload: &[u8],
        shared: Option<&Bytes>,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.may_send_message()?;
        match self.deflater().filter(|deflater| deflater.wants(Some(payload.len()))) {
            None => self.write_data(Start::whole(kind, false), payload, shared, out),
            Some(deflater) => {
                let compressed = deflater.compress(payload, true);
                self.write_compressed(Start::whole(kind, true), compressed, out);
            }
        }
        Ok(())
    }

    /// Sends a prepared message where its frame is not just appended.
    #[inline(never)]
    fn send_prepared_otherwise(
        &mut self,
        message: &Prepared,
        out: &mut Outbox,
    ) -> Result<(), UsageError> {
        self.may_send_message()?;
        let payload = message.payload();
        let deflater = self
            .deflater()
            .filter(|deflater| message.may_be_compressed() && deflater.wants(Some(payload.len())));
        if let Some(deflater) = deflater {
            let compressed = deflater.compress_shared(payload, message.compressed());
            let start = Start::whole(message.kind(), true);
            self.write_data(start, &compressed, Some(&compressed), out);
        } else if R::IS_SERVER && self.fragment_bytes.is_none() {
            write_prepared_frame(message, out);
        } else {
            let start = Start::whole(message.kind(), false);
            self.write_data(start, payload, Some(message.frame()), out);
        }
        Ok(())
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
            None => self.write_data(start, part.as_bytes(), None, out),
            Some(deflater) => {
                let compressed = deflater.compress(part.as_bytes(), last);
                self.write_compressed(start, compressed, out);
            }
        }
        self.outgoing =
            Outgoing::Open { message: (!last).then_some(MessageInParts { kind, compressed }) };
        self.update();
        Ok(())
    }

    /// Writes a compressed message or a part of one, which nobody else needs.
    fn write_compressed(&mut self, start: Start, compressed: Vec<u8>, out: &mut Outbox) {
        // It is not worth keeping if most of its memory is what it has not filled.
        if compressed.len() < compressed.capacity() / 2 {
            self.write_data(start, &compressed, None, out);
        } else {
            let compressed = Bytes::from(compressed);
            self.write_data(start, &compressed, Some(&compressed), out);
        }
    }

    /// Writes a message or a part of one, in fragments if it is longer than one may be. The payload
    /// is a part of `shared`.
    fn write_data(
        &mut self,
        start: Start,
        payload: &[u8],
        shared: Option<&Bytes>,
        out: &mut Outbox,
    ) {
        let max = self.fragment_bytes.map_or(usize::MAX, |max| in_memory(max.get().into()));
        let (mut next, mut rest) = (start, payload);
        loop {
            let fragment = rest.split_off(..max.min(rest.len())).unwrap_or_default();
            next.fin = start.fin && rest.is_empty();
            self.write_frame(next.byte(), fragment, shared, out);
            if rest.is_empty() {
                return;
            }
            next = Start { fin: false, reserved: Reserved::NONE, opcode: OpCode::CONTINUATION };
        }
    }

    fn write_control(&mut self, opcode: OpCode, payload: &[u8], out: &mut Outbox) {
        self.write_frame(first_byte(true, Reserved::NONE, opcode), payload, None, out);
    }

    /// Writes a frame whose header starts with the byte `first`. The payload is a part of `shared`.
    #[inline]
    fn write_frame(&mut self, first: u8, payload: &[u8], shared: Option<&Bytes>, out: &mut Outbox) {
        let key = self.role.next_masking_key();
        match shared {
            Some(shared) if payload.len() >= SHARED_BYTES_MIN => {
                out.append_shared_frame(first, shared.slice_ref(payload), key);
            }
            _ => out.append_frame(first, payload, key),
        }
    }
}

/// Writes the frame of a prepared message as it is.
#[inline]
fn write_prepared_frame(message: &Prepared, out: &mut Outbox) {
    let frame = message.frame();
    if frame.len() < SHARED_BYTES_MIN {
        out.append(frame);
    } else {
        out.append_shared(frame.clone());
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
