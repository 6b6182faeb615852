//! Decompression of messages (RFC 7692 §7.2.2), bounded while it runs.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::DeflateConfig;
use crate::error::Violation;

/// What the sender took off the end of every message, and what the end is decompressed with.
pub(super) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The most bytes that one call hands out, and so the most that a chunk needs of memory.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// How many blocks with BFINAL set one message may have. Each costs a new decompressor with a copy of the window; the
/// implementations that use them at all use one a message (RFC 7692 §7.2.3.4).
const FINAL_BLOCKS_MAX: u32 = 64;

/// The receiving side of permessage-deflate on one connection.
pub(crate) struct Inflater {
    /// Absent between messages without context takeover.
    stream: Option<Inflate>,
    window_bits: u8,
    takeover: bool,
    inflated_bytes_max: u64,
    expansion_max: Option<NonZeroU32>,
    /// The last bytes that came out, at most a window full: what a block behind a final one may refer to, which ends
    /// the decompressor's own window.
    history: VecDeque<u8>,
    message: Message,
}

/// How far the message under way has come.
#[derive(Default)]
struct Message {
    compressed_bytes: u64,
    inflated_bytes: u64,
    final_blocks: u32,
    /// How much of [`TAIL`] has gone in.
    tail_bytes: usize,
    /// Whether a block with BFINAL set was the last thing that was read.
    ended: bool,
    /// Whether more may come out without anything going in.
    pending: bool,
}

impl Inflater {
    pub(super) fn new(window_bits: u8, takeover: bool, config: &DeflateConfig) -> Self {
        Self {
            stream: None,
            // Many compressors answer 8 with a window of 9 bits; the larger window reads both.
            window_bits: window_bits.clamp(9, 15),
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
    /// many bytes it read: all, unless more output [is pending](Self::is_pending).
    pub(crate) fn inflate(&mut self, compressed: &[u8], out: &mut Vec<u8>) -> Result<usize, Violation> {
        let read = self.inflate_some(compressed, out)?;
        self.message.compressed_bytes = self.message.compressed_bytes.saturating_add(read as u64);
        self.check_expansion()?;
        Ok(read)
    }

    /// Decompresses what is left at the end of a message, as [`inflate`](Self::inflate) does. Whether the message is
    /// complete: if not, more output is pending.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<bool, Violation> {
        // A final block ends a message as well as the tail does.
        if !self.message.ended {
            let tail = TAIL.get(self.message.tail_bytes..).unwrap_or_default();
            let read = self.inflate_some(tail, out)?;
            self.message.tail_bytes = self.message.tail_bytes.saturating_add(read);
            self.check_expansion()?;
        }
        if self.message.pending {
            return Ok(false);
        }
        // After a final block, what the next message begins with needs a new decompressor with the same window.
        let ended = self.takeover && self.message.ended;
        self.message = Message { ended, ..Message::default() };
        if !self.takeover {
            self.stream = None;
            self.history = VecDeque::new();
        }
        Ok(true)
    }

    fn inflate_some(&mut self, compressed: &[u8], out: &mut Vec<u8>) -> Result<usize, Violation> {
        let begin = out.len();
        // One byte more than is allowed, to see that there is more.
        let allowed = self.inflated_bytes_max.saturating_sub(self.message.inflated_bytes).saturating_add(1);
        let room_max = PIECE_BYTES_MAX.min(usize::try_from(allowed).unwrap_or(usize::MAX));
        let mut room = compressed.len().saturating_mul(4).max(256);
        let (mut read, mut written) = (0usize, 0usize);
        loop {
            let unread = compressed.get(read..).unwrap_or_default();
            if self.message.ended {
                if unread.is_empty() {
                    self.message.pending = false;
                    break;
                }
                self.begin_again(out.get(begin..begin.saturating_add(written)).unwrap_or_default())?;
            }
            room = room.min(room_max);
            out.resize(begin.saturating_add(room), 0);
            let free = out.get_mut(begin.saturating_add(written)..).unwrap_or_default();
            let free_bytes = free.len();
            let stream = self.stream.get_or_insert_with(|| Inflate::new(false, self.window_bits));
            let (in_before, out_before) = (stream.total_in(), stream.total_out());
            let status =
                stream.decompress(unread, free, InflateFlush::NoFlush).map_err(|_| Violation::NotDeflate)?;
            let now_read = stream.total_in().saturating_sub(in_before) as usize;
            let now_written = stream.total_out().saturating_sub(out_before) as usize;
            read = read.saturating_add(now_read);
            written = written.saturating_add(now_written);
            self.message.ended = status == Status::StreamEnd;
            if self.message.ended {
                continue;
            }
            if now_written < free_bytes {
                // There was room left: all of the input has been read and put out.
                self.message.pending = false;
                break;
            }
            if written >= room_max {
                self.message.pending = true;
                break;
            }
            room = room.saturating_mul(2);
        }
        out.truncate(begin.saturating_add(written));
        self.message.inflated_bytes = self.message.inflated_bytes.saturating_add(written as u64);
        if self.message.inflated_bytes > self.inflated_bytes_max {
            return Err(Violation::InflatedTooBig);
        }
        remember(&mut self.history, out.get(begin..).unwrap_or_default(), self.window_bits);
        Ok(read)
    }

    fn check_expansion(&self) -> Result<(), Violation> {
        let Some(most) = self.expansion_max else { return Ok(()) };
        // The tail counts: without it, an empty message could not be told from an endless expansion.
        let compressed = self.message.compressed_bytes.saturating_add(TAIL.len() as u64);
        if self.message.inflated_bytes > compressed.saturating_mul(u64::from(most.get())) {
            return Err(Violation::ExpansionTooHigh);
        }
        Ok(())
    }

    /// Goes on behind a final block: with a new decompressor, whose window is what came out so far, last of all
    /// `latest` (RFC 7692 §7.2.1 allows such blocks and lets the next refer back across them).
    #[cold]
    fn begin_again(&mut self, latest: &[u8]) -> Result<(), Violation> {
        self.message.ended = false;
        self.message.final_blocks = self.message.final_blocks.saturating_add(1);
        if self.message.final_blocks > FINAL_BLOCKS_MAX {
            return Err(Violation::TooManyFinalBlocks);
        }
        let mut window = self.history.clone();
        remember(&mut window, latest, self.window_bits);
        let mut stream = Inflate::new(false, self.window_bits);
        if !window.is_empty() {
            stream.set_dictionary(window.make_contiguous()).map_err(|_| Violation::NotDeflate)?;
        }
        self.stream = Some(stream);
        Ok(())
    }
}

/// Appends to a window, and forgets what no longer fits into it.
fn remember(window: &mut VecDeque<u8>, latest: &[u8], window_bits: u8) {
    let most = 1usize << window_bits.min(15);
    let latest = latest.get(latest.len().saturating_sub(most)..).unwrap_or_default();
    let surplus = window.len().saturating_add(latest.len()).saturating_sub(most);
    window.drain(..surplus.min(window.len()));
    window.extend(latest);
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("window_bits", &self.window_bits).finish_non_exhaustive()
    }
}
