//! What the caller decides about compression.

use core::num::NonZeroU32;

/// How we want to compress, and what compressed messages may cost us.
///
/// ```
/// use hybi::extension::deflate::DeflateConfig;
///
/// // Small windows, dropped between messages: next to nothing per idle connection.
/// let thrifty = DeflateConfig::default().window_bits(10, 10).context_takeover(false, false).memory_level(2);
/// # drop(thrifty);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateConfig {
    /// How hard to try: 0 (not at all) to 9. Default: 6, zlib's own.
    pub level: u8,
    /// How much memory the compressor spends besides its window, from 1 (least) to 9. Default: 8, zlib's own.
    pub memory_level: u8,
    /// The window of what we send, at most 2 to the power of this many bytes: 9 to 15, default 15.
    pub outgoing_window_bits: u8,
    /// The window of what we receive, at most 2 to the power of this many bytes: 9 to 15, default 15.
    ///
    /// Below 15, a server declines the offer of a client that cannot be told so (RFC 7692 §7.1.2.2). The backend needs
    /// the same memory for any; what a smaller window saves us is the copy that is kept for blocks behind a final one.
    pub incoming_window_bits: u8,
    /// Whether a message that we send may refer to those before, which compresses better and keeps the compressor's
    /// memory between messages. Default: yes.
    pub outgoing_takeover: bool,
    /// Whether a message that we receive may refer to those before, which keeps the decompressor's memory between
    /// messages. Default: yes.
    pub incoming_takeover: bool,
    /// The shortest message that is compressed, in bytes. Default: 64; less seldom gets shorter.
    pub compress_from: usize,
    /// The longest message after decompression, in bytes. Default: 16 MiB. The lengths on the wire have
    /// [limits](crate::Limits) of their own.
    pub inflated_bytes_max: u64,
    /// How many times longer a message may get by decompression, counted with the four bytes that every message leaves
    /// out. Default: any; DEFLATE itself stops at 1,032, and what stops a bomb below that stops a page of blanks.
    ///
    /// Judged at the end of the message, and before that for every 1,024 compressed bytes, as soon as more has come out
    /// than even the last of them would allow.
    pub expansion_max: Option<NonZeroU32>,
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            level: 6,
            memory_level: 8,
            outgoing_window_bits: 15,
            incoming_window_bits: 15,
            outgoing_takeover: true,
            incoming_takeover: true,
            compress_from: 64,
            inflated_bytes_max: 16 << 20,
            expansion_max: None,
        }
    }
}

impl DeflateConfig {
    /// Sets [`level`](Self::level).
    #[must_use]
    pub const fn level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// Sets [`memory_level`](Self::memory_level).
    #[must_use]
    pub const fn memory_level(mut self, level: u8) -> Self {
        self.memory_level = level;
        self
    }

    /// Sets [`outgoing_window_bits`](Self::outgoing_window_bits) and
    /// [`incoming_window_bits`](Self::incoming_window_bits).
    #[must_use]
    pub const fn window_bits(mut self, outgoing: u8, incoming: u8) -> Self {
        self.outgoing_window_bits = outgoing;
        self.incoming_window_bits = incoming;
        self
    }

    /// Sets [`outgoing_takeover`](Self::outgoing_takeover) and [`incoming_takeover`](Self::incoming_takeover).
    #[must_use]
    pub const fn context_takeover(mut self, outgoing: bool, incoming: bool) -> Self {
        self.outgoing_takeover = outgoing;
        self.incoming_takeover = incoming;
        self
    }

    /// Sets [`compress_from`](Self::compress_from).
    #[must_use]
    pub const fn compress_from(mut self, bytes: usize) -> Self {
        self.compress_from = bytes;
        self
    }

    /// Sets [`inflated_bytes_max`](Self::inflated_bytes_max).
    #[must_use]
    pub const fn inflated_bytes_max(mut self, bytes: u64) -> Self {
        self.inflated_bytes_max = bytes;
        self
    }

    /// Sets [`expansion_max`](Self::expansion_max).
    #[must_use]
    pub const fn expansion_max(mut self, times: Option<NonZeroU32>) -> Self {
        self.expansion_max = times;
        self
    }
}

/// Which messages are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Those of at least [`DeflateConfig::compress_from`] bytes, and those sent in parts.
    #[default]
    Auto,
    /// All.
    Always,
    /// None: for what is compressed already, or for a secret next to what an attacker may choose.
    Never,
}
