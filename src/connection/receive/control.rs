//! Control frames (RFC 6455 §5.5): pings, pongs, and the Close frame, which ends the stream.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::str;

use super::partial::Partial;
use super::unmask::PeerMask;
use crate::connection::event::Event;
use crate::error::ProtocolError;
use crate::export::{Body, ImportError};
use crate::frame::{CONTROL_PAYLOAD_MAX, CloseCode, CloseReason, Header, OpCode};
use crate::input::Input;
use crate::role::Role;

/// A control frame whose payload is being read.
#[derive(Debug)]
pub(crate) struct ControlFrame<R> {
    opcode: OpCode,
    /// How many bytes of the payload have not been read.
    remaining: u8, // Invariant: at most CONTROL_PAYLOAD_MAX
    /// The mask at the next byte.
    mask: PeerMask<R>,
    /// The payload before that byte, if reads have split it. Rarely used, boxed to keep
    /// connections small.
    start: Option<Box<Partial<CONTROL_PAYLOAD_MAX>>>,
}

impl<R: Role> ControlFrame<R> {
    /// Starts to read a frame. The rules have checked its length.
    pub(crate) fn new(header: &Header) -> Self {
        debug_assert!(header.payload_len <= CONTROL_PAYLOAD_MAX as u64);
        Self {
            opcode: header.opcode,
            remaining: header.payload_len as u8,
            mask: PeerMask::of(header),
            start: None,
        }
    }

    /// Reads the payload that has arrived. Returns the event once that is all.
    pub(crate) fn read<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        let piece = input.take_up_to(self.remaining.into());
        self.remaining = self.remaining.saturating_sub(piece.len() as u8);
        self.mask.apply(piece);
        if self.remaining == 0 && self.start.is_none() {
            return event(self.opcode, Cow::Borrowed(piece)).map(Some);
        }
        let start = self.start.get_or_insert_with(|| Box::new(Partial::EMPTY));
        start.push(piece);
        if self.remaining > 0 {
            return Ok(None);
        }
        event(self.opcode, Cow::Owned(start.bytes().into())).map(Some)
    }

    /// Returns whether reading needs more input than there is.
    pub(crate) fn needs_input(&self, input: &Input<'_>) -> bool {
        self.remaining > 0 && input.is_empty()
    }

    /// Appends what there is of it.
    pub(super) fn export(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&[self.opcode.number(), self.remaining]);
        self.mask.export(to);
        self.start.as_deref().unwrap_or(&Partial::EMPTY).export(to);
    }

    /// Reads what [`export`](Self::export) has written.
    pub(super) fn import(body: &mut Body<'_>) -> Result<Self, ImportError> {
        let opcode = OpCode::new(body.u8()?)
            .filter(|opcode| opcode.is_control() && !opcode.is_reserved())
            .ok_or(body.malformed())?;
        let remaining = body.u8()?;
        body.check(remaining > 0)?; // it would have been read to its end
        let mask = PeerMask::import(body)?;
        let start = Partial::import(body)?;
        let len = start.bytes().len().saturating_add(remaining.into());
        body.check(len <= CONTROL_PAYLOAD_MAX)?;
        let start = (!start.is_empty()).then(|| Box::new(start));
        Ok(Self { opcode, remaining, mask, start })
    }

    pub(crate) const fn opcode(&self) -> OpCode {
        self.opcode
    }
}

/// Returns the event of a complete frame, which is not of a reserved opcode.
fn event(opcode: OpCode, payload: Cow<'_, [u8]>) -> Result<Event<'_>, ProtocolError> {
    match opcode {
        OpCode::PING => Ok(Event::Ping(payload)),
        OpCode::PONG => Ok(Event::Pong(payload)),
        _ => close_reason(payload).map(Event::Close),
    }
}

/// Parses the body of a Close frame (§5.5.1).
fn close_reason(body: Cow<'_, [u8]>) -> Result<Option<CloseReason<'_>>, ProtocolError> {
    let number = match *body {
        [] => return Ok(None),
        [_] => return Err(ProtocolError::CloseBodyTooShort),
        [high, low, ..] => u16::from_be_bytes([high, low]),
    };
    // §7.4: not every code may be sent.
    let code = CloseCode::new(number).ok_or(ProtocolError::CloseCode { number })?;
    let reason = match body {
        Cow::Borrowed(body) => {
            let reason = body.get(2..).unwrap_or_default();
            str::from_utf8(reason).map(Cow::Borrowed)
        }
        Cow::Owned(body) => {
            let reason = body.get(2..).unwrap_or_default();
            str::from_utf8(reason).map(|reason| Cow::Owned(reason.into()))
        }
    };
    Ok(Some(CloseReason { code, reason: reason.map_err(|_| ProtocolError::CloseReasonNotUtf8)? }))
}
