//! Decompression of messages (RFC 7692 §7.2.2), bounded while it runs.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::DeflateConfig;
use crate::error::Violation;
use crate::length::in_memory;

/// What the sender took off the end of every message, and what the end is decompressed with.
pub(super) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// [`TAIL`], and a byte more that a complete message leaves alone.
const TAIL_AND_PROBE: [u8; 5] = [0x00, 0x00, 0xff, 0xff, 0x00];

/// The most bytes that one call hands out, and so the most that a chunk needs of memory.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// The room to decompress into at first, besides some for each compressed byte, so that a short message comes out at
/// once.
const ROOM_BYTES: usize = 1 << 10;

/// The window that the backend decompresses with, whatever was agreed: it allocates this much in any case, and reads
/// what a smaller window was enough for.
const WINDOW_BITS: u8 = 15;

/// How many bytes of a message are decompressed before their expansion is judged: at the same bytes however the input
/// was cut.
const EXPANSION_STEP: u64 = 1 << 10;

/// How many blocks with BFINAL set one message may have. Each costs a copy of the window; the implementations that use
/// them at all use one a message (RFC 7692 §7.2.3.4).
const FINAL_BLOCKS_MAX: u32 = 64;

/// The receiving side of permessage-deflate on one connection.
pub(crate) struct Inflater {
    /// Absent between messages without context takeover.
    stream: Option<Inflate>,
    /// Whether the stream has ended with a final block, so that it must begin again before anything goes in.
    ended: bool,
    window_bits: u8,
    takeover: bool,
    inflated_bytes_max: u64,
    expansion_max: Option<NonZeroU32>,
    /// The last bytes that came out, at most a window full: what a block behind a final one may refer to, which ends
    /// the stream's own window.
    history: VecDeque<u8>,
    message: Message,
}

/// How far the message under way has come.
#[derive(Default)]
struct Message {
    compressed_bytes: u64,
    inflated_bytes: u64,
    final_blocks: u32,
    /// Whether more may come out without anything going in.
    pending: bool,
}

impl Inflater {
    pub(super) fn new(window_bits: u8, takeover: bool, config: &DeflateConfig) -> Self {
        Self {
            stream: None,
            ended: false,
            // Many compressors answer 8 with a window of 9 bits.
            window_bits: window_bits.clamp(9, WINDOW_BITS),
            takeover,
            inflated_bytes_max: config.inflated_bytes_max,
            expansion_max: config.expansion_max,
            history: VecDeque::new(),
            message: Message::default(),
        }
    }

    /// Whether more may come out without anything going in.
    pub(crate) fn is_pending(&self) -> bool {
        self.message.pending
    }

    /// Decompresses from the front of `compressed` and appends to `out`, which grows by at most a piece. Returns how
    /// many bytes it read: at least one, if there is one and no more output [is pending](Self::is_pending).
    ///
    /// With an error, `out` has got what came before the fault.
    pub(crate) fn inflate(
        &mut self,
        compressed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, Violation> {
        let before = self.message.compressed_bytes;
        // What is pending belongs to the step before.
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
        let read = self.advance(compressed, self.bound(step_end), out)?;
        self.message.compressed_bytes = before.saturating_add(read as u64);
        Ok(read)
    }

    /// Ends the message: checks that it is complete, so that nothing comes out any more, and prepares for the next. Only when
    /// nothing is pending.
    pub(crate) fn finish(&mut self) -> Result<(), Violation> {
        debug_assert!(!self.message.pending);
        let bound = self.bound(self.message.compressed_bytes);
        if self.message.inflated_bytes > bound {
            return Err(self.excess(bound));
        }
        // A final block ends a message as well as the tail does.
        if !(self.ended && self.message.compressed_bytes > 0) {
            self.read_tail()?;
        }
        self.message = Message::default();
        if !self.takeover {
            self.stream = None;
            self.ended = false;
            self.history = VecDeque::new();
        }
        Ok(())
    }

    /// Reads the tail up to the end of a block: in a complete message, that is its last byte (RFC 7692 §7.2.1).
    fn read_tail(&mut self) -> Result<(), Violation> {
        if self.ended {
            self.begin_again()?;
        }
        let stream = self.stream.get_or_insert_with(|| Inflate::new(false, WINDOW_BITS));
        let (in_before, out_before) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(&TAIL_AND_PROBE, &mut [0; 64], InflateFlush::Block);
        let read = stream.total_in().saturating_sub(in_before);
        if status == Ok(Status::Ok) && read == TAIL.len() as u64 && stream.total_out() == out_before
        {
            Ok(())
        } else {
            Err(Violation::NotDeflate)
        }
    }

    /// The most that may come out of so many compressed bytes. The tail counts: without it, an empty message could
    /// not be told from an endless expansion.
    fn bound(&self, compressed_bytes: u64) -> u64 {
        let compressed = compressed_bytes.saturating_add(TAIL.len() as u64);
        let expanded =
            self.expansion_max.map(|times| compressed.saturating_mul(u64::from(times.get())));
        self.inflated_bytes_max.min(expanded.unwrap_or(u64::MAX))
    }

    /// What it is called to exceed a [`bound`](Self::bound).
    fn excess(&self, bound: u64) -> Violation {
        if bound == self.inflated_bytes_max {
            Violation::InflatedTooBig
        } else {
            Violation::ExpansionTooHigh
        }
    }

    /// Decompresses until all has been read or a piece is full, and not past `bound` bytes of the message.
    fn advance(
        &mut self,
        compressed: &[u8],
        bound: u64,
        out: &mut Vec<u8>,
    ) -> Result<usize, Violation> {
        let begin = out.len();
        let allowed = bound.saturating_sub(self.message.inflated_bytes);
        let allowed = in_memory(allowed);
        // One byte more than is allowed, to see that there is more.
        let room_max = PIECE_BYTES_MAX.min(allowed.saturating_add(1));
        let mut room = compressed.len().saturating_mul(8).saturating_add(ROOM_BYTES).min(room_max);
        let (mut read, mut written, mut remembered) = (0usize, 0usize, begin);
        let mut outcome = loop {
            let unread = compressed.get(read..).unwrap_or_default();
            if self.ended {
                if unread.is_empty() {
                    self.message.pending = false;
                    break Ok(());
                }
                let end = begin.saturating_add(written);
                self.remember(out.get(remembered..end).unwrap_or_default());
                remembered = end;
                if let Err(violation) = self.begin_again() {
                    break Err(violation);
                }
            }
            let end = begin.saturating_add(room);
            // A piece grows in steps that are given here, and so never past its size.
            out.reserve_exact(end.saturating_sub(out.len()));
            out.resize(end, 0);
            let free = out.get_mut(begin.saturating_add(written)..).unwrap_or_default();
            let free_bytes = free.len();
            let stream = self.stream.get_or_insert_with(|| Inflate::new(false, WINDOW_BITS));
            let (in_before, out_before) = (stream.total_in(), stream.total_out());
            let status = stream.decompress(unread, free, InflateFlush::NoFlush);
            let now_read = in_memory(stream.total_in().saturating_sub(in_before));
            let now_written = in_memory(stream.total_out().saturating_sub(out_before));
            read = read.saturating_add(now_read);
            written = written.saturating_add(now_written);
            match status {
                Err(_) => break Err(Violation::NotDeflate),
                Ok(Status::StreamEnd) => {
                    self.ended = true;
                    self.message.final_blocks = self.message.final_blocks.saturating_add(1);
                    if self.message.final_blocks > FINAL_BLOCKS_MAX {
                        break Err(Violation::TooManyFinalBlocks);
                    }
                }
                // There was room left: all that can come out has.
                Ok(_) if now_written < free_bytes => {
                    self.message.pending = false;
                    break Ok(());
                }
                Ok(_) if written >= room_max => {
                    self.message.pending = true;
                    break Ok(());
                }
                Ok(_) => room = room.saturating_mul(2).min(room_max),
            }
        };
        if written > allowed {
            written = allowed;
            outcome = Err(self.excess(bound));
        }
        out.truncate(begin.saturating_add(written));
        self.message.inflated_bytes = self.message.inflated_bytes.saturating_add(written as u64);
        self.remember(out.get(remembered..).unwrap_or_default());
        outcome.map(|()| read)
    }

    /// Goes on behind a final block with the window as it was (RFC 7692 §7.2.1 allows such blocks and lets the next
    /// refer back across them).
    #[cold]
    fn begin_again(&mut self) -> Result<(), Violation> {
        self.ended = false;
        if let Some(stream) = &mut self.stream {
            stream.reset(false);
            if !self.history.is_empty() {
                let window = self.history.make_contiguous();
                stream.set_dictionary(window).map_err(|_| Violation::NotDeflate)?;
            }
        }
        Ok(())
    }

    /// Appends to the history, and forgets what no longer fits into a window.
    fn remember(&mut self, latest: &[u8]) {
        let history = &mut self.history;
        let most = 1usize << self.window_bits.min(WINDOW_BITS);
        let latest = latest.get(latest.len().saturating_sub(most)..).unwrap_or_default();
        let surplus = history.len().saturating_add(latest.len()).saturating_sub(most);
        history.drain(..surplus.min(history.len()));
        let needed = history.len().saturating_add(latest.len());
        if needed > history.capacity() {
            // Doubling, but never past a window.
            let capacity = needed.max(history.capacity().saturating_mul(2)).min(most);
            history.reserve_exact(capacity.saturating_sub(history.len()));
        }
        history.extend(latest);
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("window_bits", &self.window_bits).finish_non_exhaustive()
    }
}
