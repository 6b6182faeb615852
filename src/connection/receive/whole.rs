//! Frames that have arrived completely: the common case, and the fastest.
//!
//! These functions know the frames that they can read. Any other frame, legal or not, they leave in
//! the input for the functions that know all rules.

use alloc::borrow::Cow;

use super::assemble::MessageInProgress;
use super::limits::ReaderLimits;
use super::rules::mask_bit;
use super::unmask::PeerMask;
use crate::connection::event::Event;
use crate::error::ProtocolError;
use crate::frame::CONTROL_PAYLOAD_MAX;
use crate::input::Input;
use crate::role::Role;
use crate::utf8;

/// The first byte of a frame (RFC 6455 §5.2): FIN, no reserved bits, the opcode.
const CONTINUATION: u8 = 0x00;
const FINAL_CONTINUATION: u8 = 0x80;
const FINAL_TEXT: u8 = 0x81;
const FINAL_BINARY: u8 = 0x82;
const FINAL_PING: u8 = 0x89;
const FINAL_PONG: u8 = 0x8a;

/// The payload of a control frame has fewer bytes (RFC 6455 §5.5).
const CONTROL_END: u32 = CONTROL_PAYLOAD_MAX as u32 + 1;

/// Reads an uncompressed message in one frame of fewer bytes than `end`, between messages. Returns
/// `None`, and has read nothing, if that is not what comes next.
#[inline(always)]
pub(super) fn message<'a, R: Role>(
    end: u32,
    input: &mut Input<'a>,
) -> Option<Result<Event<'a>, ProtocolError>> {
    let &[first @ (FINAL_TEXT | FINAL_BINARY)] = input.remaining().first_chunk()? else {
        return None;
    };
    let (mut mask, payload) = take_frame::<R>(end, input)?;
    mask.apply(payload);
    if first == FINAL_BINARY {
        return Some(Ok(Event::Binary(Cow::Borrowed(payload))));
    }
    let text = utf8::validate(payload).ok_or(ProtocolError::TextNotUtf8);
    Some(text.map(|text| Event::Text(Cow::Borrowed(text))))
}

/// A frame that [`next_frame`] has read.
pub(super) enum Frame<'m, 'a, R> {
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    /// A further fragment of the message in progress. Its payload is still masked.
    Fragment {
        message: &'m mut MessageInProgress,
        is_final: bool,
        mask: PeerMask<R>,
        payload: &'a mut [u8],
    },
}

/// Reads a ping, a pong, or a further fragment of a binary message. Returns `None`, and has read
/// nothing, if that is not what comes next.
#[inline(always)]
pub(super) fn next_frame<'m, 'a, R: Role>(
    message: Option<&'m mut MessageInProgress>,
    limits: &ReaderLimits,
    input: &mut Input<'a>,
) -> Option<Frame<'m, 'a, R>> {
    let &[first] = input.remaining().first_chunk()?;
    match first {
        CONTINUATION | FINAL_CONTINUATION => {
            let message = message?;
            if !message.is_plain_binary() || message.fragments() >= limits.fragments_max {
                return None;
            }
            let room = limits.message_bytes_max.saturating_sub(message.announced());
            let end = room.min(limits.frame_bytes_max).saturating_add(1);
            let end = u32::try_from(end).unwrap_or(u32::MAX);
            let (mask, payload) = take_frame::<R>(end, input)?;
            message.count_frame(payload.len() as u64);
            Some(Frame::Fragment { message, is_final: first == FINAL_CONTINUATION, mask, payload })
        }
        FINAL_PING | FINAL_PONG => {
            let (mut mask, payload) = take_frame::<R>(CONTROL_END, input)?;
            mask.apply(payload);
            Some(if first == FINAL_PING { Frame::Ping(payload) } else { Frame::Pong(payload) })
        }
        _ => None,
    }
}

/// Takes a frame that has arrived completely, with a payload of fewer than `end` bytes and a length
/// in one of the first two forms. Returns its mask and its payload, still masked. Otherwise returns
/// `None`, and has taken nothing.
#[inline]
fn take_frame<'a, R: Role>(end: u32, input: &mut Input<'a>) -> Option<(PeerMask<R>, &'a mut [u8])> {
    let (&[_, second], rest) = input.remaining().split_first_chunk()?;
    // A wrong mask bit makes this more than 127.
    let (prefix, len): (usize, _) = match second ^ mask_bit::<R>() {
        len @ 0..=125 => (2, u16::from(len)),
        126 => match rest.split_first_chunk() {
            Some((len, _)) if u16::from_be_bytes(*len) > 125 => (4, u16::from_be_bytes(*len)),
            _ => return None,
        },
        _ => return None,
    };
    if u32::from(len) >= end {
        return None;
    }
    let header_len: usize = if R::IS_SERVER { prefix.saturating_add(4) } else { prefix };
    let frame = input.take(header_len.saturating_add(usize::from(len)))?;
    let (header, payload) = frame.split_at_mut_checked(header_len)?;
    let key = if R::IS_SERVER { *header.last_chunk()? } else { [0; 4] };
    Some((PeerMask::new(key), payload))
}
