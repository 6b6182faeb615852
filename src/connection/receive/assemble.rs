//! The message in progress: what was announced of it, and what has been assembled (RFC 6455 §5.4).
//!
//! Headers are checked before they count here. Buffers grow with the bytes that have arrived.

use alloc::borrow::Cow;
use alloc::collections::TryReserveError;
use alloc::string::String;
use alloc::vec::Vec;
use core::{fmt, mem};

use super::limits::ReaderLimits;
use super::rules::MessageSums;
use super::unmask::PeerMask;
use crate::connection::event::{ChunkData, Event};
use crate::copy::append_text;
use crate::error::ProtocolError;
use crate::export::{Body, ImportError, push_bytes};
use crate::frame::{HEADER_BYTES_MAX, Header, OpCode, Reserved};
use crate::role::Role;
use crate::utf8::{self, Checked, CutCodePoint};

/// A longer piece of text is unmasked, checked and copied in pieces of so many bytes, so that each
/// is in the nearest cache for all of that.
const NEAR: usize = 16 << 10;

/// The longest chunk of a compressed message: what is decompressed at once, after the start of a
/// code point.
const INFLATED_CHUNK_BYTES_MAX: usize = (64 << 10) + 3;

/// The longest start of a split code point.
const CODE_POINT_START_BYTES_MAX: u64 = 3;

/// A message whose last frame has not ended.
#[derive(Debug)]
pub(super) struct MessageInProgress {
    pub(super) assembly: Assembly,
    // The sums of its frames so far. They are apart, so that the flags fit beside them.
    announced: u64,
    fragments: u32,
    /// Whether some of it has been returned as a chunk.
    chunked: bool,
    /// Whether its payload is the output of permessage-deflate (RFC 7692 §6).
    compressed: bool,
}

/// The part of a message that waits for the rest.
pub(super) enum Assembly {
    Text {
        text: String,
        /// The code point after `text`, if a frame or a read has split it.
        cut: CutCodePoint,
    },
    Binary(Vec<u8>),
}

/// Prints the kind and the length only: the bytes are a user's.
impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Text { .. } => "Text",
            Self::Binary(_) => "Binary",
        };
        write!(f, "{kind}({} bytes)", self.len())
    }
}

impl Assembly {
    /// Returns how many bytes are kept, with those of a split code point.
    fn len(&self) -> usize {
        match self {
            Self::Text { text, cut } => text.len().saturating_add(cut.bytes().len()),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl MessageInProgress {
    /// Starts the message that this header opens.
    #[inline]
    pub(super) fn new(header: &Header) -> Self {
        let assembly = if header.opcode == OpCode::TEXT {
            Assembly::Text { text: String::new(), cut: CutCodePoint::default() }
        } else {
            Assembly::Binary(Vec::new())
        };
        let compressed = header.reserved == Reserved::RSV1;
        let MessageSums { announced, fragments } = MessageSums::new(header);
        Self { assembly, announced, fragments, chunked: false, compressed }
    }

    /// Counts a further frame.
    #[inline]
    pub(super) fn count_frame(&mut self, payload_len: u64) {
        let mut sums = self.sums();
        sums.count_frame(payload_len);
        MessageSums { announced: self.announced, fragments: self.fragments } = sums;
    }

    /// Counts a chunk that is returned. Returns whether it is the first.
    pub(super) fn count_chunk(&mut self) -> bool {
        !mem::replace(&mut self.chunked, true)
    }

    /// Appends a piece of payload that `mask` has masked. `rest` is how many bytes of the message
    /// will follow it, if that is known.
    #[inline(never)]
    pub(super) fn push<R: Role>(
        &mut self,
        mut mask: PeerMask<R>,
        piece: &mut [u8],
        rest: Option<usize>,
    ) -> Result<(), ProtocolError> {
        match &mut self.assembly {
            Assembly::Binary(bytes) => {
                let too_big = ProtocolError::MessageTooBig { len: self.announced };
                reserve(bytes, piece.len(), rest).map_err(|_| too_big)?;
                mask.append(piece, bytes);
                Ok(())
            }
            Assembly::Text { .. } => {
                let mut rest = rest.map(|rest| rest.saturating_add(piece.len()));
                for piece in piece.chunks_mut(NEAR) {
                    rest = rest.map(|rest| rest.saturating_sub(piece.len()));
                    mask.apply(piece);
                    self.push_text(piece, rest)?;
                }
                Ok(())
            }
        }
    }

    /// Appends a piece of a text, as [`push`](Self::push), that is not masked.
    pub(super) fn push_text(
        &mut self,
        piece: &[u8],
        rest: Option<usize>,
    ) -> Result<(), ProtocolError> {
        let Assembly::Text { text, cut } = &mut self.assembly else { return Ok(()) };
        let too_big = ProtocolError::MessageTooBig { len: self.announced };
        let arrived = cut.bytes().len().saturating_add(piece.len());
        reserve_text(text, arrived, rest).map_err(|_| too_big)?;
        push_text(text, cut, piece)
    }

    /// Appends a piece that was decompressed. On an error, the text before the fault has been
    /// appended.
    pub(super) fn push_inflated(&mut self, piece: Cow<'_, [u8]>) -> Result<(), ProtocolError> {
        let too_big = ProtocolError::InflatedTooBig;
        let is_first = self.is_empty();
        match (&mut self.assembly, piece) {
            (Assembly::Binary(bytes), Cow::Owned(piece)) if is_first => *bytes = piece,
            (Assembly::Binary(bytes), piece) => {
                let more = inflated_growth(bytes.len(), bytes.capacity(), piece.len());
                bytes.try_reserve_exact(more).map_err(|_| too_big)?;
                bytes.extend_from_slice(&piece);
            }
            (Assembly::Text { text, cut }, Cow::Owned(piece)) if is_first => {
                match String::from_utf8(piece) {
                    Ok(piece) => *text = piece,
                    Err(error) => push_text(text, cut, error.as_bytes())?,
                }
            }
            (Assembly::Text { text, cut }, piece) => {
                let arrived = cut.bytes().len().saturating_add(piece.len());
                let more = inflated_growth(text.len(), text.capacity(), arrived);
                text.try_reserve_exact(more).map_err(|_| too_big)?;
                push_text(text, cut, &piece)?;
            }
        }
        Ok(())
    }

    /// Checks that the message may end here: not inside a code point (RFC 6455 §8.1).
    #[inline]
    pub(super) fn check_end(&self) -> Result<(), ProtocolError> {
        match self.assembly {
            Assembly::Text { cut, .. } if !cut.is_none() => Err(ProtocolError::TextNotUtf8),
            _ => Ok(()),
        }
    }

    /// Returns the message that has been assembled.
    #[inline]
    pub(super) fn into_event(self) -> Event<'static> {
        match self.assembly {
            Assembly::Text { text, .. } => Event::Text(Cow::Owned(text)),
            Assembly::Binary(bytes) => Event::Binary(Cow::Owned(bytes)),
        }
    }

    /// Takes out what has been assembled so far.
    pub(super) fn take_data(&mut self) -> ChunkData<'static> {
        match &mut self.assembly {
            Assembly::Text { text, .. } => ChunkData::Text(Cow::Owned(mem::take(text))),
            Assembly::Binary(bytes) => ChunkData::Binary(Cow::Owned(mem::take(bytes))),
        }
    }

    /// Takes out what has been assembled so far, if that is not empty.
    pub(super) fn take_chunk(&mut self) -> Option<ChunkData<'static>> {
        Some(self.take_data()).filter(|data| !data.as_bytes().is_empty())
    }

    /// Returns how many bytes have been read and not returned.
    pub(super) fn kept(&self) -> u64 {
        self.assembly.len() as u64
    }

    /// Returns whether nothing is kept, not even the start of a code point.
    pub(super) fn is_empty(&self) -> bool {
        match &self.assembly {
            Assembly::Text { text, cut } => text.is_empty() && cut.is_none(),
            Assembly::Binary(bytes) => bytes.is_empty(),
        }
    }

    /// Returns whether its bytes are those of its frames, and need no check.
    #[inline]
    pub(super) const fn is_plain_binary(&self) -> bool {
        matches!(self.assembly, Assembly::Binary(_)) && !self.compressed
    }

    /// Appends it. It is not compressed.
    pub(super) fn export(&self, to: &mut Vec<u8>) {
        let (opcode, kept) = match &self.assembly {
            Assembly::Text { text, cut } => (OpCode::TEXT, [text.as_bytes(), cut.bytes()]),
            Assembly::Binary(bytes) => (OpCode::BINARY, [&**bytes, &[]]),
        };
        to.extend_from_slice(&[opcode.number(), self.chunked.into()]);
        to.extend_from_slice(&self.announced().to_be_bytes());
        to.extend_from_slice(&self.fragments().to_be_bytes());
        push_bytes(kept, to);
    }

    /// Reads what [`export`](Self::export) has written. A message that `has_own_limit` is received
    /// in chunks, and may be longer than others.
    pub(super) fn import(
        limits: &ReaderLimits,
        has_own_limit: bool,
        body: &mut Body<'_>,
    ) -> Result<Self, ImportError> {
        let opcode = OpCode::new(body.u8()?).ok_or(body.malformed())?;
        body.check(matches!(opcode, OpCode::TEXT | OpCode::BINARY))?;
        let chunked = body.flag()?;
        let announced = body.u64()?;
        let too_big = ImportError::MessageTooBig { len: announced };
        if announced > limits.message_bytes_max && !has_own_limit {
            return Err(too_big);
        }
        let fragments = body.u32()?;
        body.check(fragments > 0)?;
        if fragments > limits.fragments_max {
            return Err(ImportError::TooManyFragments { fragments });
        }
        let kept = body.bytes()?;
        body.check(kept.len() as u64 <= announced)?;
        // Whatever the limit of a message in chunks: of those, only a split code point is kept.
        let kept_max = limits.message_bytes_max.max(CODE_POINT_START_BYTES_MAX);
        if kept.len() as u64 > kept_max {
            return Err(too_big);
        }
        let assembly = if opcode == OpCode::TEXT {
            let Checked::Possible(valid, cut) = utf8::check(kept) else {
                return Err(body.malformed());
            };
            let mut text = String::new();
            text.try_reserve_exact(valid.len()).map_err(|_| too_big)?;
            text.push_str(valid);
            Assembly::Text { text, cut }
        } else {
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(kept.len()).map_err(|_| too_big)?;
            bytes.extend_from_slice(kept);
            Assembly::Binary(bytes)
        };
        Ok(Self { assembly, announced, fragments, chunked, compressed: false })
    }

    /// Returns whether it can have kept what it has, if this many bytes of it have arrived: all of
    /// them, unless some were returned as a chunk.
    pub(super) fn may_have_received(&self, received: u64) -> bool {
        if self.chunked { self.kept() < received } else { self.kept() == received }
    }

    pub(super) const fn is_chunked(&self) -> bool {
        self.chunked
    }

    pub(super) const fn is_compressed(&self) -> bool {
        self.compressed
    }

    #[inline]
    pub(super) const fn announced(&self) -> u64 {
        self.announced
    }

    #[inline]
    pub(super) const fn fragments(&self) -> u32 {
        self.fragments
    }

    /// Returns what the rules for its next frame depend on.
    #[inline]
    pub(super) const fn sums(&self) -> MessageSums {
        MessageSums { announced: self.announced, fragments: self.fragments }
    }
}

/// Appends a piece of text. `cut` is the code point that is split at its start, then the one that
/// is split at its end.
fn push_text(text: &mut String, cut: &mut CutCodePoint, piece: &[u8]) -> Result<(), ProtocolError> {
    let (next, piece) = piece.split_at_checked(cut.missing()).unwrap_or((piece, &[]));
    if !next.is_empty() {
        text.extend(cut.resume(next).map_err(|()| ProtocolError::TextNotUtf8)?);
    }
    if piece.is_empty() {
        return Ok(());
    }
    match utf8::check(piece) {
        Checked::Possible(valid, rest) => {
            append_text(valid, text);
            *cut = rest;
            Ok(())
        }
        Checked::Impossible(valid) => {
            append_text(valid, text);
            Err(ProtocolError::TextNotUtf8)
        }
    }
}

/// Makes room for a piece and perhaps for more: see [`growth`].
#[inline(always)]
fn reserve(bytes: &mut Vec<u8>, piece: usize, rest: Option<usize>) -> Result<(), TryReserveError> {
    let more = growth(bytes.len(), bytes.capacity(), piece, rest);
    bytes.try_reserve_exact(more).or_else(|_| bytes.try_reserve_exact(piece))
}

/// As [`reserve`].
fn reserve_text(
    text: &mut String,
    piece: usize,
    rest: Option<usize>,
) -> Result<(), TryReserveError> {
    let more = growth(text.len(), text.capacity(), piece, rest);
    text.try_reserve_exact(more).or_else(|_| text.try_reserve_exact(piece))
}

/// Returns how much room to add for a piece. If the remaining length is known, that is room for
/// all of it, but at most three times what has arrived: an announced length alone must not cause a
/// large allocation. Otherwise room for as much again as has arrived.
fn growth(len: usize, capacity: usize, piece: usize, rest: Option<usize>) -> usize {
    if piece <= capacity.saturating_sub(len) {
        return 0;
    }
    let arrived = len.saturating_add(piece);
    // The header counts, so that a message of four equal reads fits after the first.
    let most = arrived.saturating_add(HEADER_BYTES_MAX.min(arrived)).saturating_mul(3);
    piece.saturating_add(rest.map_or(arrived, |rest| rest.min(most)))
}

/// Returns how much room to add for a piece that was decompressed: just enough for the first, which
/// is usually all. For more, the room doubles, but a chunk never gets more than it can use.
fn inflated_growth(len: usize, capacity: usize, piece: usize) -> usize {
    let needed = len.saturating_add(piece);
    if needed <= capacity {
        return 0;
    }
    let doubled = capacity.saturating_mul(2);
    let wanted = if needed <= INFLATED_CHUNK_BYTES_MAX {
        doubled.min(INFLATED_CHUNK_BYTES_MAX)
    } else {
        doubled
    };
    needed.max(wanted).saturating_sub(len)
}
