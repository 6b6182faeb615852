//! Payloads of data frames (RFC 6455 §5.6): assembled to messages, or returned in chunks as they
//! arrive. Compressed ones are decompressed on the way (RFC 7692 §7.2.2).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::assemble::{Assembly, MessageInProgress};
use super::unmask::PeerMask;
use crate::connection::event::{Chunk, ChunkData, Event};
use crate::error::ProtocolError;
use crate::export::{Body, ImportError};
use crate::extension::deflate::Inflater;
use crate::frame::Header;
use crate::input::Input;
use crate::length::in_memory;
use crate::role::Role;
use crate::utf8::{self, Checked};

/// The most that is unmasked to be decompressed in one call. It masks again what the call leaves.
const INFLATE_BYTES_MAX: usize = 16 << 10;

/// A data frame whose payload is being read.
#[derive(Debug)]
pub(super) struct DataFrame<R> {
    /// How many bytes of the payload have not been read.
    remaining: u64,
    /// The mask at the next byte.
    mask: PeerMask<R>,
    /// Whether the message ends with this frame.
    fin: bool,
}

/// A piece of payload that can be read now, and what it belongs to.
pub(super) struct Payload<'s, R> {
    pub(super) frame: &'s mut DataFrame<R>,
    pub(super) message: &'s mut MessageInProgress,
    pub(super) inflater: Option<&'s mut Inflater>,
}

/// Where a piece of payload ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    InFrame,
    Frame,
    Message,
}

/// The result of reading a piece of payload for [`Reader::receive`](super::Reader::receive).
pub(super) enum Assembled<'a> {
    /// The frame goes on, perhaps in the input that is left.
    InFrame,
    /// The frame goes on, and all input has been read.
    UsedUp,
    /// The message goes on in another frame.
    Frame,
    /// The message is complete.
    Message,
    /// The message is complete, and has not been assembled: it can be lent out.
    Lent(Event<'a>),
}

/// The result of reading a piece of payload for
/// [`Reader::receive_chunk`](super::Reader::receive_chunk).
pub(super) struct Piece<'a> {
    pub(super) chunk: Option<Chunk<'a>>,
    /// Where the piece ends; or the rule that is broken after the chunk.
    pub(super) end: Result<End, ProtocolError>,
}

impl<R: Role> Payload<'_, R> {
    /// Reads the payload that has arrived into the message.
    #[inline(always)]
    pub(super) fn assemble<'a>(
        self,
        input: &mut Input<'a>,
    ) -> Result<Assembled<'a>, ProtocolError> {
        let Self { frame, message, inflater } = self;
        let (end, is_pending) = match inflater {
            Some(inflater) if message.is_compressed() => {
                (frame.inflate_into(message, inflater, input)?, true)
            }
            _ if frame.can_be_lent(message, input) => {
                return frame.lend(message, input).map(Assembled::Lent);
            }
            _ => (frame.push_to(message, input)?, false),
        };
        match end {
            End::InFrame if !is_pending => Ok(Assembled::UsedUp),
            End::InFrame => Ok(Assembled::InFrame),
            End::Frame => Ok(Assembled::Frame),
            End::Message => message.check_end().map(|()| Assembled::Message),
        }
    }

    /// Reads the payload that has arrived as a chunk. `within` is the message's own limit.
    #[inline]
    pub(super) fn read_chunk<'a>(self, within: Option<u64>, input: &mut Input<'a>) -> Piece<'a> {
        let Self { frame, message, inflater } = self;
        let (data, end) = match inflater {
            Some(inflater) if message.is_compressed() => {
                inflater.limit_to(within);
                frame.inflate_chunk(message, inflater, input)
            }
            _ => frame.plain_chunk(message, input),
        };
        let end = match end {
            Ok(End::Message) => message.check_end().map(|()| End::Message),
            end => end,
        };
        let last = end == Ok(End::Message);
        let chunk = (last || !data.as_bytes().is_empty()).then(|| Chunk {
            data,
            first: message.count_chunk(),
            last,
        });
        Piece { chunk, end }
    }
}

impl<R: Role> DataFrame<R> {
    #[inline]
    pub(super) fn new(header: &Header) -> Self {
        Self { remaining: header.payload_len, mask: PeerMask::of(header), fin: header.fin }
    }

    /// Appends what there is of it.
    pub(super) fn export(&self, to: &mut Vec<u8>) {
        to.push(self.fin.into());
        to.extend_from_slice(&self.remaining.to_be_bytes());
        self.mask.export(to);
    }

    /// Reads what [`export`](Self::export) has written: a frame of this message.
    pub(super) fn import(
        message: &MessageInProgress,
        body: &mut Body<'_>,
    ) -> Result<Self, ImportError> {
        let fin = body.flag()?;
        let remaining = body.u64()?;
        // Without a byte to come, it would have been read to its end (RFC 6455 §5.2: 63 bits).
        body.check((1..1 << 63).contains(&remaining) && remaining <= message.announced())?;
        Ok(Self { remaining, mask: PeerMask::import(body)?, fin })
    }

    /// Returns whether reading needs more input than there is.
    #[inline]
    pub(super) fn needs_input(&self, input: &Input<'_>) -> bool {
        self.remaining > 0 && input.is_empty()
    }

    /// Returns how many bytes of the payload have not been read.
    pub(super) const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Returns whether the message ends with this frame.
    pub(super) const fn is_final(&self) -> bool {
        self.fin
    }

    /// Returns whether the message is all in this frame and has arrived.
    fn can_be_lent(&self, message: &MessageInProgress, input: &Input<'_>) -> bool {
        self.fin && self.remaining <= input.len() as u64 && message.is_empty()
    }

    /// Lends out the message, which is the remaining payload.
    fn lend<'a>(
        &mut self,
        message: &MessageInProgress,
        input: &mut Input<'a>,
    ) -> Result<Event<'a>, ProtocolError> {
        let payload = self.take(usize::MAX, input);
        match message.assembly {
            Assembly::Binary(_) => Ok(Event::Binary(Cow::Borrowed(payload))),
            Assembly::Text { .. } => {
                let text = utf8::validate(payload).ok_or(ProtocolError::TextNotUtf8)?;
                Ok(Event::Text(Cow::Borrowed(text)))
            }
        }
    }

    /// Appends the payload that has arrived to the message.
    fn push_to(
        &mut self,
        message: &mut MessageInProgress,
        input: &mut Input<'_>,
    ) -> Result<End, ProtocolError> {
        let piece = input.take_up_to(in_memory(self.remaining));
        self.remaining = self.remaining.saturating_sub(piece.len() as u64);
        let rest = self.fin.then(|| in_memory(self.remaining));
        message.push(self.mask.clone(), piece, rest)?;
        self.mask.skip(piece.len());
        Ok(self.end())
    }

    /// Appends the start of a text, which is not masked any more and not all of it, to the message.
    pub(super) fn push_unmasked(
        &mut self,
        message: &mut MessageInProgress,
        piece: &[u8],
    ) -> Result<(), ProtocolError> {
        self.remaining = self.remaining.saturating_sub(piece.len() as u64);
        self.mask.skip(piece.len());
        message.push_text(piece, Some(in_memory(self.remaining)))
    }

    /// Returns the payload that has arrived as a chunk of whole code points.
    fn plain_chunk<'a>(
        &mut self,
        message: &mut MessageInProgress,
        input: &mut Input<'a>,
    ) -> (ChunkData<'a>, Result<End, ProtocolError>) {
        let (text, is_valid) = match &mut message.assembly {
            Assembly::Binary(_) => {
                let bytes = self.take(usize::MAX, input);
                return (ChunkData::Binary(Cow::Borrowed(bytes)), Ok(self.end()));
            }
            Assembly::Text { cut, .. } if cut.is_none() => {
                match utf8::check(self.take(usize::MAX, input)) {
                    Checked::Possible(text, rest) => {
                        *cut = rest;
                        (Cow::Borrowed(text), true)
                    }
                    Checked::Impossible(text) => (Cow::Borrowed(text), false),
                }
            }
            Assembly::Text { cut, .. } => match cut.resume(self.take(cut.missing(), input)) {
                Ok(Some(whole)) => (Cow::Owned(whole.into()), true),
                Ok(None) => (Cow::Borrowed(""), true),
                Err(()) => (Cow::Borrowed(""), false),
            },
        };
        let end = if is_valid { Ok(self.end()) } else { Err(ProtocolError::TextNotUtf8) };
        (ChunkData::Text(text), end)
    }

    /// Decompresses a piece and appends it to the message.
    #[cold]
    fn inflate_into(
        &mut self,
        message: &mut MessageInProgress,
        inflater: &mut Inflater,
        input: &mut Input<'_>,
    ) -> Result<End, ProtocolError> {
        inflater.limit_to(None);
        self.inflate(message, inflater, input)
    }

    /// Decompresses a piece and returns it as a chunk of whole code points.
    #[cold]
    fn inflate_chunk<'a>(
        &mut self,
        message: &mut MessageInProgress,
        inflater: &mut Inflater,
        input: &mut Input<'_>,
    ) -> (ChunkData<'a>, Result<End, ProtocolError>) {
        let end = self.inflate(message, inflater, input);
        (message.take_data(), end)
    }

    /// Decompresses as much payload as a piece of output has room for, and appends it to the
    /// message. On an error, the output before the fault has been appended.
    fn inflate(
        &mut self,
        message: &mut MessageInProgress,
        inflater: &mut Inflater,
        input: &mut Input<'_>,
    ) -> Result<End, ProtocolError> {
        let mut push = |piece: Cow<'_, [u8]>| message.push_inflated(piece);
        self.offer(input, |compressed| inflater.inflate(compressed, &mut push))?;
        let end = if inflater.is_pending() { End::InFrame } else { self.end() };
        if end == End::Message {
            inflater.finish()?;
        }
        Ok(end)
    }

    /// Takes the next bytes of the payload, at most `n`, and unmasks them in place.
    fn take<'a>(&mut self, n: usize, input: &mut Input<'a>) -> &'a [u8] {
        let piece = input.take_up_to(n.min(in_memory(self.remaining)));
        self.remaining = self.remaining.saturating_sub(piece.len() as u64);
        self.mask.apply(piece);
        piece
    }

    /// Calls `read` with the next bytes of the payload, unmasked, and takes as many as it returns.
    fn offer(
        &mut self,
        input: &mut Input<'_>,
        read: impl FnOnce(&[u8]) -> Result<usize, ProtocolError>,
    ) -> Result<(), ProtocolError> {
        let piece = input.front_mut(INFLATE_BYTES_MAX.min(in_memory(self.remaining)));
        self.mask.clone().apply(piece);
        let used = read(piece)?.min(piece.len());
        self.mask.skip(used);
        let (_, unread) = piece.split_at_mut(used);
        self.mask.clone().apply(unread);
        self.remaining = self.remaining.saturating_sub(used as u64);
        input.take_up_to(used);
        Ok(())
    }

    /// Returns where a piece ends after which `remaining` bytes follow.
    #[inline]
    const fn end(&self) -> End {
        match (self.remaining, self.fin) {
            (0, true) => End::Message,
            (0, false) => End::Frame,
            _ => End::InFrame,
        }
    }
}
