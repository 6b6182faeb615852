//! Messages, fragments and control frames to bytes: the writing half of a connection (RFC 6455 §5, §6.1).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::closing::Outgoing;
use super::config::{Config, Replies};
use super::data::{Data, Kind};
use super::event::Reply;
use super::prepared::Prepared;
use crate::error::Misuse;
#[cfg(feature = "deflate")]
use crate::extension::deflate::Compression;
use crate::extension::deflate::Deflater;
use crate::frame::{
    CONTROL_PAYLOAD_MAX, CloseCode, CloseReason, EncodedHeader, Header, LengthForm, Mask, OpCode,
    Reserved, first_byte,
};
use crate::length::in_memory;
use crate::role::{Client, MaskingKeys, Role, Server};

/// The writing half of a connection: it checks and encodes what the caller sends.
///
/// [`Connection::split`](crate::Connection::split) makes it. The verbs are those of
/// [`Connection`](crate::Connection), which has examples of them.
#[derive(Debug)]
pub struct Sender<R> {
    role: R,
    /// The longest payload of a data frame; 0 for any.
    fragment_bytes: u32,
    /// The message that is being sent in parts.
    message: Option<Message>,
    outgoing: Outgoing,
    /// Whether a whole connection answers by itself. Here, because here it fits into a gap.
    replies: Replies,
    /// What most connections never need.
    seldom: Option<Box<Seldom>>,
}

/// A message that is being sent in parts.
#[derive(Clone, Copy, Debug)]
struct Message {
    kind: Kind,
    compressed: bool,
}

/// What most connections never need, so that they have no room for it.
#[derive(Debug, Default)]
struct Seldom {
    /// The newest pong, while the caller's output is too full for it.
    pong_held_back: Option<Reply>,
    /// The sending side of permessage-deflate, if that was negotiated.
    deflater: Option<Box<Deflater>>,
}

impl<R: Role> Sender<R> {
    pub(super) fn new(role: R, config: &Config) -> Self {
        Self {
            role,
            fragment_bytes: config.fragment_bytes.map_or(0, Into::into),
            message: None,
            outgoing: Outgoing::Open,
            replies: config.replies,
            seldom: None,
        }
    }

    /// [`Connection::send`](crate::Connection::send).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::MessageUnderWay`].
    #[inline]
    pub fn send<'a>(
        &mut self,
        message: impl Into<Data<'a>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        let message = message.into();
        self.may_send_message()?;
        if self.seldom.is_none() {
            self.write_data(Reserved::NONE, message.kind().opcode(), message.as_bytes(), true, out);
        } else {
            self.write_compressible(message, out);
        }
        Ok(())
    }

    /// [`Connection::send_part`](crate::Connection::send_part).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::OtherKindOfMessage`].
    pub fn send_part<'a>(
        &mut self,
        part: impl Into<Data<'a>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.write_part(part.into(), false, out)
    }

    /// [`Connection::send_last_part`](crate::Connection::send_last_part).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::OtherKindOfMessage`].
    pub fn send_last_part<'a>(
        &mut self,
        part: impl Into<Data<'a>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.write_part(part.into(), true, out)
    }

    /// [`Connection::send_prepared`](crate::Connection::send_prepared).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::MessageUnderWay`].
    pub fn send_prepared(&mut self, message: &Prepared, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.may_send_message()?;
        if R::IS_SERVER && self.fragment_bytes == 0 {
            out.extend_from_slice(message.frame());
        } else {
            self.write_data(Reserved::NONE, message.kind().opcode(), message.payload(), true, out);
        }
        Ok(())
    }

    /// [`Connection::may_send_message`](crate::Connection::may_send_message).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::MessageUnderWay`].
    #[inline]
    pub fn may_send_message(&self) -> Result<(), Misuse> {
        match (self.outgoing, self.message) {
            (Outgoing::Open, None) => Ok(()),
            (Outgoing::Open, Some(_)) => Err(Misuse::MessageUnderWay),
            (Outgoing::CloseSent | Outgoing::Over, _) => Err(Misuse::Closed),
        }
    }

    /// [`Connection::set_compression`](crate::Connection::set_compression).
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, compression: Compression) {
        if let Some(deflater) = self.seldom.as_mut().and_then(|seldom| seldom.deflater.as_mut()) {
            deflater.set_compression(compression);
        }
    }

    pub(super) fn set_deflater(&mut self, deflater: Option<Deflater>) {
        self.seldom.get_or_insert_default().deflater = deflater.map(Box::new);
    }

    /// [`Connection::ping`](crate::Connection::ping).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::ControlTooLong`].
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.ping_or_pong(OpCode::PING, payload, out)
    }

    /// [`Connection::pong`](crate::Connection::pong).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::ControlTooLong`].
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.ping_or_pong(OpCode::PONG, payload, out)
    }

    /// [`Connection::close`](crate::Connection::close).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::CloseCode`], [`Misuse::CloseReasonTooLong`].
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.must_be_open()?;
        // RFC 6455 §7.4.1: a server fails the handshake instead.
        if R::IS_SERVER && code == CloseCode::MANDATORY_EXTENSION {
            return Err(Misuse::CloseCode { number: code.number() });
        }
        if reason.len() > CloseReason::REASON_BYTES_MAX {
            return Err(Misuse::CloseReasonTooLong { len: reason.len() });
        }
        self.write_close(
            &Reply::new(OpCode::CLOSE, &[&code.number().to_be_bytes(), reason.as_bytes()]),
            out,
        );
        Ok(())
    }

    /// [`Connection::close_without_code`](crate::Connection::close_without_code).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`].
    pub fn close_without_code(&mut self, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.must_be_open()?;
        self.write_close(&Reply::new(OpCode::CLOSE, &[]), out);
        Ok(())
    }

    /// Sends what the receiver owes the peer: [`Connection::reply`](crate::Connection::reply).
    pub fn reply(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        if reply.opcode() == OpCode::CLOSE {
            if self.outgoing == Outgoing::Open {
                self.write_close(reply, out);
            }
            // RFC 6455 §5.5.1: the peer has sent its Close frame or broken a rule, so nothing follows ours.
            self.end_of_output();
        } else {
            self.answer_ping(reply.payload(), out);
        }
    }

    /// Sends a pong, unless nothing may be sent any more.
    pub(super) fn answer_ping(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        // RFC 6455 §5.5.2: a ping is answered until the peer's Close arrives, whatever we have sent.
        if self.outgoing != Outgoing::Over {
            self.write_control(OpCode::PONG, payload, out);
        }
    }

    /// Says that the transport is gone: from now on nothing is written.
    pub fn end_of_output(&mut self) {
        self.outgoing = Outgoing::Over;
        self.seldom = None;
    }

    /// Keeps a pong until the output has room for it, instead of the one kept so far.
    pub(super) fn hold_back(&mut self, pong: Reply) {
        self.seldom.get_or_insert_default().pong_held_back = Some(pong);
    }

    pub(super) fn take_held_back(&mut self) -> Option<Reply> {
        let seldom = self.seldom.as_mut()?;
        let pong = seldom.pong_held_back.take();
        // An idle connection keeps no room for it.
        if seldom.deflater.is_none() {
            self.seldom = None;
        }
        pong
    }

    #[inline]
    pub(super) fn may_hold_back(&self) -> bool {
        self.seldom.is_some()
    }

    pub(super) const fn replies(&self) -> Replies {
        self.replies
    }

    pub(super) const fn outgoing(&self) -> Outgoing {
        self.outgoing
    }

    fn must_be_open(&self) -> Result<(), Misuse> {
        match self.outgoing {
            Outgoing::Open => Ok(()),
            Outgoing::CloseSent | Outgoing::Over => Err(Misuse::Closed),
        }
    }

    fn write_close(&mut self, close: &Reply, out: &mut Vec<u8>) {
        self.write_control(OpCode::CLOSE, close.payload(), out);
        self.outgoing = Outgoing::CloseSent;
        self.message = None;
    }

    fn ping_or_pong(
        &mut self,
        opcode: OpCode,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.must_be_open()?;
        if payload.len() > CONTROL_PAYLOAD_MAX {
            return Err(Misuse::ControlTooLong { len: payload.len() });
        }
        self.write_control(opcode, payload, out);
        Ok(())
    }

    fn opcode_of_part(&self, kind: Kind) -> Result<OpCode, Misuse> {
        self.must_be_open()?;
        match self.message {
            None => Ok(kind.opcode()),
            Some(message) if message.kind == kind => Ok(OpCode::CONTINUATION),
            Some(_) => Err(Misuse::OtherKindOfMessage),
        }
    }

    /// Writes a message, compressed if that was negotiated and is wanted.
    #[cold]
    fn write_compressible(&mut self, message: Data<'_>, out: &mut Vec<u8>) {
        let (opcode, payload) = (message.kind().opcode(), message.as_bytes());
        match self.deflater(Some(payload.len())) {
            None => self.write_data(Reserved::NONE, opcode, payload, true, out),
            Some(deflater) => {
                let compressed = deflater.compress(payload, true);
                self.write_data(Reserved::RSV1, opcode, &compressed, true, out);
            }
        }
    }

    /// Writes a part of a message: whether it is compressed is decided at the first.
    fn write_part(&mut self, part: Data<'_>, last: bool, out: &mut Vec<u8>) -> Result<(), Misuse> {
        let opcode = self.opcode_of_part(part.kind())?;
        let compressed = match self.message {
            Some(message) => message.compressed,
            None => self.deflater(None).is_some(),
        };
        // RFC 7692 §6.1: RSV1 on the first frame only.
        let reserved =
            if compressed && self.message.is_none() { Reserved::RSV1 } else { Reserved::NONE };
        match self
            .seldom
            .as_mut()
            .and_then(|seldom| seldom.deflater.as_mut())
            .filter(|_| compressed)
        {
            None => self.write_data(reserved, opcode, part.as_bytes(), last, out),
            Some(deflater) => {
                let payload = deflater.compress(part.as_bytes(), last);
                self.write_data(reserved, opcode, &payload, last, out);
            }
        }
        self.message = (!last).then_some(Message { kind: part.kind(), compressed });
        Ok(())
    }

    /// What is to compress a message of this length, or (`None`) one that is sent in parts.
    fn deflater(&mut self, bytes: Option<usize>) -> Option<&mut Box<Deflater>> {
        self.seldom.as_mut()?.deflater.as_mut().filter(|deflater| deflater.wants(bytes))
    }

    /// Writes a message or a part of one, cut into fragments if it is longer than they may be.
    #[inline]
    fn write_data(
        &mut self,
        reserved: Reserved,
        opcode: OpCode,
        payload: &[u8],
        fin: bool,
        out: &mut Vec<u8>,
    ) {
        let fragment_bytes = in_memory(self.fragment_bytes.into());
        if fragment_bytes == 0 || payload.len() <= fragment_bytes {
            self.write_frame(first_byte(fin, reserved, opcode), payload, out);
        } else {
            self.write_fragments(fragment_bytes, (fin, reserved, opcode), payload, out);
        }
    }

    #[cold]
    fn write_fragments(
        &mut self,
        bytes: usize,
        (fin, mut reserved, mut opcode): (bool, Reserved, OpCode),
        payload: &[u8],
        out: &mut Vec<u8>,
    ) {
        let mut fragments = payload.chunks(bytes).peekable();
        while let Some(fragment) = fragments.next() {
            let fin = fin && fragments.peek().is_none();
            self.write_frame(first_byte(fin, reserved, opcode), fragment, out);
            (reserved, opcode) = (Reserved::NONE, OpCode::CONTINUATION);
        }
    }

    fn write_control(&mut self, opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
        self.write_frame(first_byte(true, Reserved::NONE, opcode), payload, out);
    }

    /// Writes a frame whose header begins with this byte.
    #[inline]
    fn write_frame(&mut self, first: u8, payload: &[u8], out: &mut Vec<u8>) {
        let masking_key = self.role.next_masking_key();
        let len = payload.len() as u64;
        out.reserve(EncodedHeader::ROOM.saturating_add(payload.len()));
        EncodedHeader::new(first, LengthForm::shortest(len), len, masking_key).append_to(out);
        match masking_key {
            None => out.extend_from_slice(payload),
            Some(key) => Mask::new(key).append(payload, out),
        }
    }
}

impl Sender<Server> {
    /// [`Connection::header`](crate::Connection::header).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::MessageUnderWay`].
    pub fn header<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<EncodedHeader, Misuse> {
        let message = message.into();
        self.may_send_message()?;
        Ok(Header::new(message.kind().opcode(), message.as_bytes().len() as u64).encode())
    }
}

impl<K: MaskingKeys> Sender<Client<K>> {
    /// [`Connection::mask_in_place`](crate::Connection::mask_in_place).
    ///
    /// # Errors
    ///
    /// [`Misuse::Closed`], [`Misuse::MessageUnderWay`], [`Misuse::TextNotUtf8`].
    pub fn mask_in_place(
        &mut self,
        kind: Kind,
        payload: &mut [u8],
    ) -> Result<EncodedHeader, Misuse> {
        self.may_send_message()?;
        if kind == Kind::Text && str::from_utf8(payload).is_err() {
            return Err(Misuse::TextNotUtf8);
        }
        let masking_key = self.role.next_masking_key();
        if let Some(key) = masking_key {
            Mask::new(key).apply(payload);
        }
        Ok(Header { masking_key, ..Header::new(kind.opcode(), payload.len() as u64) }.encode())
    }
}
