//! The rules for frame headers (RFC 6455 §5), in the order of a header's bytes.
//!
//! ```text
//!  byte 0            byte 1           bytes 2 to 3 or 2 to 9   the next 4
//!  FIN RSV opcode    MASK length      extended length          masking key
//!  §5.2 §5.4 §5.5    §5.1 §5.5        §5.2 §10.4               §5.3: any will do
//! ```
//!
//! Each byte is checked as soon as it decides something. So the first violation in the stream is
//! the one that is reported, however reads split the stream.

use super::limits::ReaderLimits;
use crate::error::ProtocolError;
use crate::export::{Body, ImportError};
use crate::frame::{Header, LengthForm, OpCode, Reserved};
use crate::role::Role;

/// The rules for the next frame: they depend on what was agreed, and on the frames before.
pub(crate) struct Rules<'a> {
    pub(crate) limits: &'a ReaderLimits,
    /// The limit of a message that is received in chunks, if it has one of its own: instead of
    /// those of frames and messages.
    pub(crate) within: Option<u64>,
    /// The message in progress.
    pub(crate) message: Option<MessageSums>,
    /// Whether permessage-deflate was negotiated.
    pub(crate) deflate: bool,
}

/// The frames of a message so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageSums {
    /// The sum of their payload lengths.
    pub(crate) announced: u64,
    pub(crate) fragments: u32,
}

impl MessageSums {
    /// Starts to count with the first frame.
    #[inline]
    pub(crate) const fn new(header: &Header) -> Self {
        Self { announced: header.payload_len, fragments: 1 }
    }

    /// Counts a further frame.
    #[inline]
    pub(crate) const fn count_frame(&mut self, payload_len: u64) {
        self.announced = self.announced.saturating_add(payload_len);
        self.fragments = self.fragments.saturating_add(1);
    }
}

impl Rules<'_> {
    /// Checks the header that `bytes` start with. Returns it and its length; or `None` if `bytes`
    /// end before it does, and nothing is wrong so far.
    #[inline(always)]
    pub(crate) fn check<R: Role>(
        &self,
        bytes: &[u8],
    ) -> Result<Option<(Header, usize)>, ProtocolError> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let opcode = OpCode::from_first_byte(first);
        let reserved = Reserved::from_first_byte(first);
        let fin = first & 0x80 != 0;
        self.check_reserved(reserved, opcode)?;
        if opcode.is_control() {
            check_control_fin(fin, opcode)?;
        } else {
            self.check_order(opcode)?;
        }

        let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
        check_mask_bit::<R>(second)?;
        let Some((payload_len, rest)) = check_length(opcode, second, rest)? else {
            return Ok(None);
        };
        if !opcode.is_control() {
            self.check_limits(payload_len)?;
        }

        let (masking_key, rest) = if R::IS_SERVER {
            let Some((key, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (Some(*key), rest)
        } else {
            (None, rest)
        };
        let length_form = LengthForm::shortest(payload_len);
        let header = Header { fin, reserved, opcode, masking_key, payload_len, length_form };
        Ok(Some((header, bytes.len().saturating_sub(rest.len()))))
    }

    /// Returns why a header cannot be imported that breaks a rule: it exceeds a limit, or no
    /// connection would have exported it.
    pub(super) fn import_error(&self, violation: ProtocolError, body: &Body<'_>) -> ImportError {
        match violation {
            ProtocolError::FrameTooBig { len } => ImportError::FrameTooBig { len },
            ProtocolError::MessageTooBig { len } => ImportError::MessageTooBig { len },
            ProtocolError::TooManyFragments => {
                let before = self.message.map_or(0, |message| message.fragments);
                ImportError::TooManyFragments { fragments: before.saturating_add(1) }
            }
            _ => body.malformed(),
        }
    }

    /// Bits and opcodes without a meaning fail the connection (§5.2). permessage-deflate gives RSV1
    /// a meaning in the first frame of a message (RFC 7692 §6).
    #[inline]
    fn check_reserved(&self, bits: Reserved, opcode: OpCode) -> Result<(), ProtocolError> {
        let starts_message = matches!(opcode, OpCode::TEXT | OpCode::BINARY);
        let compressed = bits == Reserved::RSV1 && starts_message && self.deflate;
        if !bits.is_none() && !compressed {
            return Err(ProtocolError::ReservedBits { bits });
        }
        if opcode.is_reserved() {
            return Err(ProtocolError::ReservedOpCode { opcode });
        }
        Ok(())
    }

    /// A message is a first frame and its continuations, without another message in between (§5.4).
    #[inline]
    fn check_order(&self, opcode: OpCode) -> Result<(), ProtocolError> {
        let fragments = match (self.message, opcode) {
            (None, OpCode::CONTINUATION) => return Err(ProtocolError::ContinuationOfNothing),
            (None, _) => 0,
            (Some(message), OpCode::CONTINUATION) => message.fragments,
            (Some(_), _) => return Err(ProtocolError::MessageInsideMessage),
        };
        if fragments >= self.limits.fragments_max {
            return Err(ProtocolError::TooManyFragments);
        }
        Ok(())
    }

    /// Our limits, checked before a byte of the payload is read (§10.4).
    #[inline]
    fn check_limits(&self, len: u64) -> Result<(), ProtocolError> {
        if self.within.is_none() && len > self.limits.frame_bytes_max {
            return Err(ProtocolError::FrameTooBig { len });
        }
        let len = self.message.map_or(0, |message| message.announced).saturating_add(len);
        if len > self.within.unwrap_or(self.limits.message_bytes_max) {
            return Err(ProtocolError::MessageTooBig { len });
        }
        Ok(())
    }
}

/// Control frames are never fragmented (§5.5).
#[inline]
const fn check_control_fin(fin: bool, opcode: OpCode) -> Result<(), ProtocolError> {
    if fin { Ok(()) } else { Err(ProtocolError::ControlFragmented { opcode }) }
}

/// Clients mask, servers do not (§5.1).
#[inline]
fn check_mask_bit<R: Role>(second: u8) -> Result<(), ProtocolError> {
    if second & 0x80 != mask_bit::<R>() {
        return Err(if R::IS_SERVER { ProtocolError::Unmasked } else { ProtocolError::Masked });
    }
    Ok(())
}

/// Lengths have at most 63 bits and take the shortest form (§5.2); a control frame has at most 125
/// bytes (§5.5). Returns the length and what follows; or `None` if it has not arrived.
#[inline(always)]
fn check_length(
    opcode: OpCode,
    second: u8,
    rest: &[u8],
) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    let (len, form, rest) = match second & 0x7f {
        126.. if opcode.is_control() => return Err(ProtocolError::ControlTooLong { opcode }),
        126 => match rest.split_first_chunk() {
            Some((len, rest)) => (u16::from_be_bytes(*len).into(), LengthForm::Bits16, rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from_be_bytes(*len), LengthForm::Bits64, rest),
            None => return Ok(None),
        },
        len => (len.into(), LengthForm::Bits7, rest),
    };
    if len >> 63 != 0 {
        return Err(ProtocolError::LengthTopBit { len });
    }
    if form != LengthForm::shortest(len) {
        return Err(ProtocolError::LengthNotShortest { len });
    }
    Ok(Some((len, rest)))
}

/// Returns the mask bit that a frame from the peer must have (§5.1).
#[inline]
pub(super) const fn mask_bit<R: Role>() -> u8 {
    if R::IS_SERVER { 0x80 } else { 0 }
}
