//! Messages that stay in the caller's buffer until they are complete: see
//! [`Input::in_place_up_to`].

use super::rules::Rules;
use crate::frame::{Header, Mask, OpCode};
use crate::input::Input;
use crate::length::in_memory;
use crate::role::Role;

/// How many bytes wait for the message to be complete before they are unmasked: fewer than the
/// nearest cache holds.
const UNMASK_FROM: usize = 16 << 10;

/// A binary message of one frame that stays in the caller's buffer. The input starts with its
/// header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InPlace {
    /// How many bytes of the payload have arrived.
    received: usize,
    /// How many of them have been unmasked.
    unmasked: usize,
}

/// The result of reading a message in place.
pub(super) enum Outcome<'a> {
    /// The message is complete. Its payload, unmasked.
    Complete(&'a [u8]),
    /// The message stays in the input until more of it has arrived.
    Incomplete,
    /// The message can no longer be read in place: see [`InPlace::leave`].
    TooLong,
}

impl InPlace {
    /// Starts to read a message in place, if it is binary, uncompressed, in one frame, legal,
    /// incomplete, and short enough.
    #[inline(always)]
    pub(super) fn begin<R: Role>(rules: &Rules<'_>, input: &mut Input<'_>) -> Option<Self> {
        let (header, header_len) = rules.check::<R>(input.remaining()).ok()??;
        let frame_len = header_len.saturating_add(in_memory(header.payload_len));
        let is_binary = header.fin && header.opcode == OpCode::BINARY && header.reserved.is_none();
        if !is_binary || input.len() >= frame_len || frame_len > input.in_place_max() {
            return None;
        }
        let mut place = Self::default();
        place.unmask(&header, input.front_mut(usize::MAX).get_mut(header_len..)?, false);
        Some(place)
    }

    /// Reads the message that [`begin`](Self::begin) started with.
    #[inline(always)]
    pub(super) fn resume<'a>(&mut self, input: &mut Input<'a>) -> Outcome<'a> {
        let Some((header, header_len)) = Header::decode(input.remaining()) else {
            return Outcome::Incomplete;
        };
        let frame_len = header_len.saturating_add(in_memory(header.payload_len));
        if frame_len > input.in_place_max() {
            return Outcome::TooLong;
        }
        let is_complete = input.len() >= frame_len;
        let Some(payload) = input.front_mut(frame_len).get_mut(header_len..) else {
            return Outcome::Incomplete;
        };
        if payload.len() < self.received {
            return Outcome::Incomplete; // the caller passed fewer bytes than before
        }
        self.unmask(&header, payload, is_complete);
        if !is_complete {
            return Outcome::Incomplete;
        }
        let frame = input.take_up_to(frame_len);
        Outcome::Complete(frame.get(header_len..).unwrap_or_default())
    }

    /// Unmasks what is worth it of the payload that has arrived; all of it, if that is all.
    #[inline(always)]
    fn unmask(&mut self, header: &Header, payload: &mut [u8], is_complete: bool) {
        self.received = payload.len();
        let news = payload.get_mut(self.unmasked..).unwrap_or_default();
        if !is_complete && news.len() < UNMASK_FROM {
            return;
        }
        if let Some(key) = header.masking_key {
            let mut mask = Mask::new(key);
            mask.skip(self.unmasked);
            mask.apply(news);
        }
        self.unmasked = self.received;
    }

    /// Gives up on reading in place: masks the unmasked bytes again, so that the message can be
    /// read like any other. Returns `false`, and has done nothing, if the caller passed fewer bytes
    /// than before.
    pub(super) fn leave(self, input: &mut Input<'_>) -> bool {
        let Some((header, header_len)) = Header::decode(input.remaining()) else { return false };
        let Some(payload) = input.front_mut(usize::MAX).get_mut(header_len..) else { return false };
        if payload.len() < self.received {
            return false;
        }
        if let (Some(key), Some(unmasked)) = (header.masking_key, payload.get_mut(..self.unmasked))
        {
            Mask::new(key).apply(unmasked);
        }
        true
    }

    pub(super) const fn received(self) -> usize {
        self.received
    }
}
