//! What the caller decides about compression.

use core::num::NonZeroU32;

use super::negotiate::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// How to compress, and what compressed messages may cost us.
///
/// *Outgoing* settings are about the messages that we send, *incoming* ones about those that we
/// receive, whether we are the client or the server.
///
/// ```
/// use hybi::extension::deflate::DeflateConfig;
///
/// // Small windows that are dropped between messages: an idle connection costs next to nothing.
/// let thrifty = DeflateConfig::default()
///     .outgoing_window_bits(10)
///     .outgoing_context_takeover(false)
///     .incoming_context_takeover(false)
///     .memory_level(2);
/// # drop(thrifty);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeflateConfig {
    pub(crate) level: u8,                // Invariant: 0 to 9
    pub(crate) memory_level: u8,         // Invariant: 1 to 9
    pub(crate) outgoing_window_bits: u8, // Invariant: 8 to 15; so is the next
    pub(crate) incoming_window_bits: u8,
    pub(crate) outgoing_context_takeover: bool,
    pub(crate) incoming_context_takeover: bool,
    pub(crate) compress_from: usize,
    pub(crate) inflated_bytes_max: u64,
    pub(crate) expansion_max: Option<NonZeroU32>,
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            level: 6,
            memory_level: 8,
            outgoing_window_bits: WINDOW_BITS_MAX,
            incoming_window_bits: WINDOW_BITS_MAX,
            outgoing_context_takeover: true,
            incoming_context_takeover: true,
            compress_from: 64,
            inflated_bytes_max: 16 << 20,
            expansion_max: None,
        }
    }
}

impl DeflateConfig {
    /// Sets how hard to compress, from 0 (not at all) to 9. A larger value counts as 9. Default: 6,
    /// as in zlib.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level.min(9);
        self
    }

    /// Sets how much memory the compressor may spend besides its window, from 1 (least) to 9. Other
    /// values count as the nearest of these. Default: 8, as in zlib.
    #[must_use]
    pub fn memory_level(mut self, level: u8) -> Self {
        self.memory_level = level.clamp(1, 9);
        self
    }

    /// Sets the largest window of the messages that we send: 2 to the power of this many bytes,
    /// from 8 to 15. Other values count as the nearest of these. Default: 15.
    ///
    /// The compressor needs at least 9. With 8, messages are sent uncompressed.
    #[must_use]
    pub fn outgoing_window_bits(mut self, bits: u8) -> Self {
        self.outgoing_window_bits = bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        self
    }

    /// Sets the largest window of the messages that we receive: 2 to the power of this many bytes,
    /// from 8 to 15. Other values count as the nearest of these. Default: 15.
    ///
    /// A server can limit only clients that support it (RFC 7692 §7.1.2.2): Chrome does, Firefox and
    /// Safari do not. The others keep the largest window.
    ///
    /// The decompressor needs the same memory for any window. A smaller one only saves the copy of
    /// it that is kept for messages with final blocks (§7.2.3.4).
    #[must_use]
    pub fn incoming_window_bits(mut self, bits: u8) -> Self {
        self.incoming_window_bits = bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        self
    }

    /// Sets whether a message that we send may refer to earlier ones. Default: `true`.
    ///
    /// That compresses better, and keeps the compressor's memory between messages.
    #[must_use]
    pub const fn outgoing_context_takeover(mut self, takeover: bool) -> Self {
        self.outgoing_context_takeover = takeover;
        self
    }

    /// Sets whether a message that we receive may refer to earlier ones. Default: `true`.
    ///
    /// That compresses better, and keeps the decompressor's memory between messages.
    #[must_use]
    pub const fn incoming_context_takeover(mut self, takeover: bool) -> Self {
        self.incoming_context_takeover = takeover;
        self
    }

    /// Sets the shortest message that [`Compression::Auto`] compresses if our messages do not refer
    /// to earlier ones, in bytes. Default: 64, because compression rarely shortens less. With 0,
    /// all messages are compressed.
    ///
    /// With context takeover it means nothing: there, short messages shrink as well, and those that
    /// follow can refer to them (RFC 7692 §7.3).
    #[must_use]
    pub const fn compress_from(mut self, bytes: usize) -> Self {
        self.compress_from = bytes;
        self
    }

    /// Sets the longest message after decompression, in bytes. Default: 16 MiB. Zero allows only
    /// empty messages.
    ///
    /// The lengths before decompression have [limits](crate::Limits) of their own.
    #[must_use]
    pub const fn inflated_bytes_max(mut self, bytes: u64) -> Self {
        self.inflated_bytes_max = bytes;
        self
    }

    /// Sets how many times longer a message may become by decompression, the four bytes that every
    /// message omits included. With `None`, the default, there is no limit.
    ///
    /// DEFLATE itself cannot exceed 1,032. A limit below that also stops harmless messages, such as
    /// a page of blanks. It is checked at the end of the message, and before that for every 1,024
    /// compressed bytes, as soon as the output exceeds what all of them would allow.
    #[must_use]
    pub fn expansion_max(mut self, times: impl Into<Option<NonZeroU32>>) -> Self {
        self.expansion_max = times.into();
        self
    }
}

/// Which messages are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// All messages, if they may refer to earlier ones. Without context takeover, messages of at
    /// least [`DeflateConfig::compress_from`] bytes, and messages sent in parts.
    #[default]
    Auto,
    /// All messages.
    Always,
    /// No messages, which is always allowed (RFC 7692 §6). Use it for data that is already
    /// compressed, and for a secret together with text that an attacker may choose.
    Never,
}
