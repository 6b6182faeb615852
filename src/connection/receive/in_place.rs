//! Messages that stay in the caller's buffer until they are complete: see
//! [`Input::in_place_up_to`].
//!
//! Binary messages stay. Text must fail at its first bad byte (RFC 6455 §8.1), but what was checked
//! in pieces becomes a `&str` only if the whole is checked once more. ASCII is seen in passing, so
//! ASCII stays. Other text stays if little of it had to be checked twice. Otherwise a copy, which
//! needs one check, costs less.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem;

use super::partial::Partial;
use super::rules::Rules;
use super::unmask::PeerMask;
use crate::connection::event::Event;
use crate::export::{Body, ImportError};
use crate::frame::{HEADER_BYTES_MAX, Header, OpCode};
use crate::input::Input;
use crate::length::in_memory;
use crate::role::Role;
use crate::utf8::{self, Checked};

/// How many bytes wait for the message to be complete before they are unmasked: fewer than the
/// nearest cache holds.
const UNMASK_FROM: usize = 16 << 10;

/// A message of one frame that stays in the caller's buffer. The input starts with its header.
#[derive(Debug)]
pub(super) struct InPlace<R> {
    header: Header,
    header_len: usize,
    /// How many bytes of the payload have arrived.
    received: usize,
    /// How many of them have been unmasked. All of them, if it is a text.
    unmasked: usize,
    /// How many bytes of a text are known to be valid.
    valid: usize,
    role: PhantomData<fn() -> R>,
}

/// The result of reading a message in place.
pub(super) enum Outcome<'a> {
    Complete(Event<'a>),
    /// The message stays in the input until more of it has arrived.
    Incomplete,
    /// The message can no longer be read in place: see [`InPlace::leave`].
    TooLong,
    /// The text is to be copied. The input is its [header](InPlace::header), and a part of its
    /// payload that is not masked any more.
    Copy,
    NotUtf8,
}

impl<R: Role> InPlace<R> {
    /// Starts to read a message in place, if it is uncompressed, in one frame, legal, incomplete,
    /// and short enough; and if it is a text, unless it is better copied.
    #[inline(always)]
    pub(super) fn begin(rules: &Rules<'_>, input: &Input<'_>) -> Option<Self> {
        let (header, header_len) = rules.check::<R>(input.remaining()).ok()??;
        let is_message = matches!(header.opcode, OpCode::TEXT | OpCode::BINARY);
        if !is_message || !header.fin || !header.reserved.is_none() {
            return None;
        }
        let (received, unmasked, valid) = (0, 0, 0);
        let place = Self { header, header_len, received, unmasked, valid, role: PhantomData };
        if place.is_complete(input) || place.is_too_long(input) {
            return None;
        }
        let payload = input.remaining().get(header_len..)?;
        let is_better_copied = place.is_text()
            && payload.len() > place.checked_twice_max()
            && !place.starts_as_ascii(payload);
        (!is_better_copied).then_some(place)
    }

    /// Reads what has arrived of the message that [`begin`](Self::begin) started with.
    #[inline(always)]
    pub(super) fn read<'a>(&mut self, input: &mut Input<'a>) -> Outcome<'a> {
        if self.is_too_long(input) {
            return Outcome::TooLong;
        }
        let is_complete = self.is_complete(input);
        let Some(payload) = input.front_mut(self.frame_len()).get_mut(self.header_len..) else {
            return Outcome::Incomplete;
        };
        if payload.len() < self.received {
            return Outcome::Incomplete; // the caller passed fewer bytes than before
        }
        let before = mem::replace(&mut self.received, payload.len());
        if self.is_text() && !is_complete {
            return self.check_text(before, payload);
        }
        let news = payload.get_mut(self.unmasked..).unwrap_or_default();
        if !is_complete && news.len() < UNMASK_FROM {
            return Outcome::Incomplete;
        }
        self.next_mask().apply(news);
        self.unmasked = self.received;
        if !is_complete {
            return Outcome::Incomplete;
        }
        let frame = input.take_up_to(self.frame_len());
        let payload = frame.get(self.header_len..).unwrap_or_default();
        if !self.is_text() {
            return Outcome::Complete(Event::Binary(Cow::Borrowed(payload)));
        }
        match utf8::validate(payload) {
            Some(text) => Outcome::Complete(Event::Text(Cow::Borrowed(text))),
            None => Outcome::NotUtf8,
        }
    }

    /// Unmasks and checks the start of a text, of which `before` bytes had arrived before.
    fn check_text<'a>(&mut self, before: usize, payload: &mut [u8]) -> Outcome<'a> {
        let news = payload.get_mut(before..).unwrap_or_default();
        let is_ascii = self.next_mask().apply_to_ascii(news);
        self.unmasked = self.received;
        if is_ascii && self.valid == before {
            self.valid = self.received;
            return Outcome::Incomplete;
        }
        if self.received > self.checked_twice_max() {
            return Outcome::Copy;
        }
        match utf8::check(payload.get(self.valid..).unwrap_or_default()) {
            Checked::Possible(valid, _) => {
                self.valid = self.valid.saturating_add(valid.len());
                Outcome::Incomplete
            }
            Checked::Impossible(_) => Outcome::NotUtf8,
        }
    }

    /// Gives up on reading in place: masks the unmasked bytes again, so that the message can be
    /// read like any other. Returns `false`, and has done nothing, if the caller passed fewer bytes
    /// than before.
    pub(super) fn leave(&mut self, input: &mut Input<'_>) -> bool {
        let payload = input.front_mut(usize::MAX).get_mut(self.header_len..).unwrap_or_default();
        if payload.len() < self.received {
            return false;
        }
        self.mask().apply(payload.get_mut(..self.unmasked).unwrap_or_default());
        true
    }

    /// Appends what there is of it. The bytes themselves are in the caller's buffer.
    pub(super) fn export(&self, to: &mut Vec<u8>) {
        let header = self.header.encode();
        to.push(header.len() as u8); // at most HEADER_BYTES_MAX
        to.extend_from_slice(&header);
        for number in [self.received, self.unmasked, self.valid] {
            to.extend_from_slice(&(number as u64).to_be_bytes());
        }
    }

    /// Reads what [`export`](Self::export) has written.
    pub(super) fn import(rules: &Rules<'_>, body: &mut Body<'_>) -> Result<Self, ImportError> {
        let bytes = Partial::<HEADER_BYTES_MAX>::import(body)?;
        let checked = rules.check::<R>(bytes.bytes());
        let checked = checked.map_err(|violation| rules.import_error(violation, body))?;
        let (header, header_len) = checked.ok_or(body.malformed())?;
        let is_message = matches!(header.opcode, OpCode::TEXT | OpCode::BINARY)
            && header.fin
            && header.reserved.is_none();
        body.check(is_message && header_len == bytes.bytes().len())?;

        let received = body.usize()?;
        body.check((received as u64) < header.payload_len)?;
        let unmasked = body.usize()?;
        let is_text = header.opcode == OpCode::TEXT;
        body.check(if is_text { unmasked == received } else { unmasked <= received })?;
        let valid = body.usize()?;
        body.check(valid <= if is_text { received } else { 0 })?;
        Ok(Self { header, header_len, received, unmasked, valid, role: PhantomData })
    }

    /// Returns how many bytes of the payload have arrived.
    pub(super) const fn received(&self) -> usize {
        self.received
    }

    /// Returns the header, and its length.
    pub(super) const fn header(&self) -> (Header, usize) {
        (self.header, self.header_len)
    }

    fn is_text(&self) -> bool {
        self.header.opcode == OpCode::TEXT
    }

    fn frame_len(&self) -> usize {
        self.header_len.saturating_add(in_memory(self.header.payload_len))
    }

    fn is_complete(&self, input: &Input<'_>) -> bool {
        input.len() >= self.frame_len()
    }

    fn is_too_long(&self, input: &Input<'_>) -> bool {
        self.frame_len() > input.in_place_max()
    }

    /// Returns the mask at the start of the payload.
    fn mask(&self) -> PeerMask<R> {
        PeerMask::of(&self.header)
    }

    /// Returns the mask at the first byte that is still masked.
    #[inline(always)]
    fn next_mask(&self) -> PeerMask<R> {
        let mut mask = self.mask();
        mask.skip(self.unmasked);
        mask
    }

    /// Returns the most bytes of a text that are checked as they arrive, and again as a whole.
    fn checked_twice_max(&self) -> usize {
        in_memory(self.header.payload_len / 8).min(UNMASK_FROM)
    }

    /// Returns whether a text seems to be ASCII, by its first bytes.
    fn starts_as_ascii(&self, payload: &[u8]) -> bool {
        let mut start = [0; 64];
        let len = payload.len().min(start.len());
        for (slot, byte) in start.iter_mut().zip(payload) {
            *slot = *byte;
        }
        start.get_mut(..len).is_some_and(|start| self.mask().apply_to_ascii(start))
    }
}
