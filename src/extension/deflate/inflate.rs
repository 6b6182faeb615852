//! Decompression of messages (RFC 7692 §7.2.2), with limits that hold while it runs.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::window::Window;
use super::{Agreed, DeflateConfig};
use crate::error::ProtocolError;
use crate::export::{Body, ImportError, push_bytes};
use crate::length::in_memory;

/// The end of every compressed message, which the sender omits and the receiver adds.
pub(super) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// [`TAIL`], and one more byte that a complete message leaves unread.
const TAIL_AND_PROBE: [u8; 5] = [0x00, 0x00, 0xff, 0xff, 0x00];

/// The most bytes that one call decompresses, and so the largest chunk.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// The least room to decompress into, besides some for each compressed byte. Short messages then
/// need one step.
const ROOM_BYTES: usize = 1 << 10;

/// Output that may be longer than this gets memory of its own instead of going through the window,
/// where it would come in pieces. The backend is slower where a piece refers to an earlier one.
const LONG_OUTPUT: usize = 32 << 10;

/// The window that the backend decompresses with, whatever was agreed. It always allocates this
/// much, and the largest window can decompress everything.
const WINDOW_BITS: u8 = 15;

/// After how many compressed bytes the expansion is checked. The steps are counted from the start
/// of the message, so that the result doesn't depend on how the input was split.
const EXPANSION_STEP: u64 = 1 << 10;

/// How many blocks with BFINAL set one message may have. Each costs a copy of the window.
/// Implementations that use them at all use one per message (RFC 7692 §7.2.3.4).
const FINAL_BLOCKS_MAX: u32 = 64;

/// Takes what has been decompressed.
type Push<'p> = dyn FnMut(Cow<'_, [u8]>) -> Result<(), ProtocolError> + 'p;

/// The receiving side of permessage-deflate on one connection.
pub(crate) struct Inflater {
    /// The agreed parameters, kept for [`Connection::deflate`](crate::Connection::deflate).
    agreed: Agreed,
    /// `None` between messages without context takeover.
    stream: Option<Inflate>,
    /// Whether the stream has ended with a final block and must be restarted before more input.
    ended: bool,
    window_bits: u8,
    takeover: bool,
    inflated_bytes_max: u64,
    /// What holds now: `inflated_bytes_max`, or the limit of a message received in chunks.
    limit: u64,
    expansion_max: Option<NonZeroU32>,
    /// The latest output. A block after a final one may refer to it, but the backend drops its own
    /// window there.
    window: Window,
    message: Message,
}

/// The progress of the current message.
#[derive(Default)]
struct Message {
    compressed_bytes: u64,
    inflated_bytes: u64,
    final_blocks: u32,
    /// Whether there may be more output without more input.
    pending: bool,
}

impl Inflater {
    pub(super) fn new(
        agreed: Agreed,
        window_bits: u8,
        takeover: bool,
        config: &DeflateConfig,
    ) -> Self {
        // Many compressors use a window of 9 bits where 8 were agreed.
        let window_bits = window_bits.clamp(9, WINDOW_BITS);
        Self {
            agreed,
            stream: None,
            ended: false,
            window_bits,
            takeover,
            inflated_bytes_max: config.inflated_bytes_max,
            limit: config.inflated_bytes_max,
            expansion_max: config.expansion_max,
            window: Window::new(1 << window_bits),
            message: Message::default(),
        }
    }

    /// Appends what it needs between messages: the agreed parameters, and the last window if the
    /// next message may refer to it.
    pub(crate) fn export(&self, to: &mut Vec<u8>) {
        self.agreed.export(to);
        push_bytes(if self.takeover { self.window.parts() } else { [&[], &[]] }, to);
    }

    /// Reads what [`export`](Self::export) has written.
    pub(crate) fn import(
        is_server: bool,
        config: &DeflateConfig,
        body: &mut Body<'_>,
    ) -> Result<Self, ImportError> {
        let agreed = Agreed::import(body)?;
        let (window_bits, takeover) = agreed.incoming(is_server);
        let mut inflater = Self::new(agreed, window_bits, takeover, config);
        let window = body.bytes()?;
        let bytes_max = if takeover { inflater.window.bytes_max() } else { 0 };
        body.check(window.len() <= bytes_max)?;
        inflater.window.copy(window);
        // The state is that after a final block: the next message gets a new stream with this
        // window.
        inflater.ended = !window.is_empty();
        Ok(inflater)
    }

    pub(crate) const fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// Sets the longest message, or with `None` the one that was configured.
    pub(crate) fn limit_to(&mut self, message_bytes_max: Option<u64>) {
        self.limit = message_bytes_max.unwrap_or(self.inflated_bytes_max);
    }

    /// Returns the longest message that is accepted now.
    pub(crate) const fn limit(&self) -> u64 {
        self.limit
    }

    /// Returns whether there may be more output without more input.
    pub(crate) fn is_pending(&self) -> bool {
        self.message.pending
    }

    /// Decompresses from the front of `compressed`, and calls `push` with what comes out, in order
    /// and at most a piece altogether. Returns how many bytes it read. That is at least one, unless
    /// `compressed` is empty or output [is pending](Self::is_pending).
    ///
    /// On an error, the output before the fault has been pushed. An error of `push` is returned.
    pub(crate) fn inflate(
        &mut self,
        compressed: &[u8],
        push: &mut Push<'_>,
    ) -> Result<usize, ProtocolError> {
        let before = self.message.compressed_bytes;
        // Pending output belongs to the previous step.
        let next = if self.message.pending { before } else { before.saturating_add(1) };
        let step_end = next.next_multiple_of(EXPANSION_STEP);
        let compressed = match self.expansion_max {
            None => compressed,
            Some(_) => {
                let step = in_memory(step_end.saturating_sub(before));
                compressed.get(..step).unwrap_or(compressed)
            }
        };
        if compressed.is_empty() && !self.message.pending {
            return Ok(0);
        }
        let read = self.advance(compressed, self.bound(step_end), push)?;
        self.message.compressed_bytes = before.saturating_add(read as u64);
        Ok(read)
    }

    /// Ends the message. Checks that it is complete and prepares for the next one. No output may be
    /// pending.
    pub(crate) fn finish(&mut self) -> Result<(), ProtocolError> {
        debug_assert!(!self.message.pending);
        let bound = self.bound(self.message.compressed_bytes);
        if self.message.inflated_bytes > bound {
            return Err(self.excess(bound));
        }
        // A final block ends a message, too. And nothing is read of a message without a byte: RFC
        // 7692 §7.2.3.6 gives even an empty one an octet, but some endpoints leave it out. The tail
        // alone would begin a stored block.
        if self.message.compressed_bytes > 0 && !self.ended {
            self.read_tail()?;
        }
        self.message = Message::default();
        if !self.takeover {
            self.stream = None;
            self.ended = false;
            self.window.clear();
        }
        Ok(())
    }

    /// Decompresses the tail. In a complete message a block ends with its last byte (RFC 7692
    /// §7.2.1).
    fn read_tail(&mut self) -> Result<(), ProtocolError> {
        let stream = self.stream.get_or_insert_with(|| Inflate::new(false, WINDOW_BITS));
        let (in_before, out_before) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(&TAIL_AND_PROBE, &mut [0; 64], InflateFlush::Block);
        let read = stream.total_in().saturating_sub(in_before);
        if status == Ok(Status::Ok) && read == TAIL.len() as u64 && stream.total_out() == out_before
        {
            Ok(())
        } else {
            Err(ProtocolError::NotDeflate)
        }
    }

    /// Returns the most output that this many compressed bytes may have. The tail counts as input;
    /// otherwise the expansion of an empty message would be infinite.
    fn bound(&self, compressed_bytes: u64) -> u64 {
        let compressed = compressed_bytes.saturating_add(TAIL.len() as u64);
        let expanded =
            self.expansion_max.map(|times| compressed.saturating_mul(u64::from(times.get())));
        self.limit.min(expanded.unwrap_or(u64::MAX))
    }

    /// Returns the error of output that exceeds this [`bound`](Self::bound).
    fn excess(&self, bound: u64) -> ProtocolError {
        if bound == self.limit {
            ProtocolError::InflatedTooBig
        } else {
            ProtocolError::ExpansionTooHigh
        }
    }

    /// Decompresses until all input is read or a piece is full, up to `bound` bytes of the message.
    fn advance(
        &mut self,
        compressed: &[u8],
        bound: u64,
        push: &mut Push<'_>,
    ) -> Result<usize, ProtocolError> {
        let (mut unread, mut piece_left) = (compressed, PIECE_BYTES_MAX);
        let mut wanted = compressed.len().saturating_mul(8).saturating_add(ROOM_BYTES);
        loop {
            if self.ended {
                if unread.is_empty() {
                    self.message.pending = false;
                    break;
                }
                self.restart()?;
            }
            let allowed = in_memory(bound.saturating_sub(self.message.inflated_bytes));
            // One byte more than allowed shows that there is more.
            let room_max = piece_left.min(allowed.saturating_add(1));
            let mut long = Vec::new();
            let room_bytes = wanted.min(room_max);
            let room = if room_bytes > LONG_OUTPUT {
                long.resize(room_bytes, 0);
                &mut *long
            } else {
                self.window.room(room_bytes)
            };
            let room_bytes = room.len();
            let stream = self.stream.get_or_insert_with(|| Inflate::new(false, WINDOW_BITS));
            let (in_before, out_before) = (stream.total_in(), stream.total_out());
            let status = stream.decompress(unread, room, InflateFlush::NoFlush);
            let read = in_memory(stream.total_in().saturating_sub(in_before));
            let written = in_memory(stream.total_out().saturating_sub(out_before));
            unread = unread.get(read..).unwrap_or_default();
            piece_left = piece_left.saturating_sub(written);
            self.message.inflated_bytes =
                self.message.inflated_bytes.saturating_add(written as u64);
            if long.is_empty() {
                let output = self.window.add(written);
                push(Cow::Borrowed(output.get(..allowed).unwrap_or(output)))?;
            } else {
                long.truncate(written);
                self.window.copy(&long);
                long.truncate(allowed);
                long.shrink_to_fit();
                push(Cow::Owned(long))?;
            }
            if written > allowed {
                return Err(self.excess(bound));
            }
            match status {
                Err(_) => return Err(ProtocolError::NotDeflate),
                Ok(Status::StreamEnd) => {
                    self.ended = true;
                    self.message.final_blocks = self.message.final_blocks.saturating_add(1);
                    if self.message.final_blocks > FINAL_BLOCKS_MAX {
                        return Err(ProtocolError::TooManyFinalBlocks);
                    }
                }
                // Room is left, so there is no more output.
                Ok(_) if written < room_bytes => {
                    self.message.pending = false;
                    break;
                }
                Ok(_) if piece_left == 0 => {
                    self.message.pending = true;
                    break;
                }
                Ok(_) => wanted = wanted.saturating_mul(2),
            }
        }
        Ok(compressed.len().saturating_sub(unread.len()))
    }

    /// Restarts the stream after a final block, with the same window. RFC 7692 §7.2.1 allows such
    /// blocks, and lets later ones refer back across them.
    #[cold]
    fn restart(&mut self) -> Result<(), ProtocolError> {
        self.ended = false;
        let stream = self.stream.get_or_insert_with(|| Inflate::new(false, WINDOW_BITS));
        stream.reset(false);
        for part in self.window.parts() {
            stream.set_dictionary(part).map_err(|_| ProtocolError::NotDeflate)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("window_bits", &self.window_bits).finish_non_exhaustive()
    }
}
