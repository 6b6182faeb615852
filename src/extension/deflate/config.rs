//! What the caller decides about compression.

use core::iter;
use core::num::NonZeroU32;

use super::negotiate::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// How to compress, and what compressed messages may cost us.
///
/// *Outgoing* settings are about the messages that we send and the compressor's memory, *incoming*
/// ones about those that we receive and the decompressor's, whether we are the client or the
/// server. The windows and context takeovers are negotiated. For outgoing messages, we do as set
/// whatever the peer says, or less if it asks for that. For incoming ones, we can only ask: see
/// [`fallbacks`](Self::fallbacks). All other settings stay with us.
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
    pub(super) level: u8,        // Invariant: 0 to 9
    pub(super) memory_level: u8, // Invariant: 1 to 9
    pub(super) wishes: Wishes,
    fallbacks: Fallbacks,
    pub(super) compress_from: usize,
    pub(super) inflated_bytes_max: u64,
    pub(super) expansion_max: Option<NonZeroU32>,
}

/// The settings that are negotiated, as one of a client's offers asks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wishes {
    pub(super) outgoing_window_bits: u8, // Invariant: 8 to 15; so is the next
    pub(super) incoming_window_bits: u8,
    pub(super) outgoing_context_takeover: bool,
    pub(super) incoming_context_takeover: bool,
    /// Whether a client's offer has the parameter.
    pub(super) client_max_window_bits: bool,
}

/// What a client offers after its wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fallbacks {
    /// The wishes without what they demand of the server, if there is such a thing.
    Plain,
    These([Option<Wishes>; FALLBACKS_MAX]),
}

/// Enough to offer each of the eight windows in turn.
const FALLBACKS_MAX: usize = 7;

impl Wishes {
    /// Demands nothing of the server. What hints at the client's own messages stays.
    const fn without_demands(self) -> Self {
        Self { incoming_window_bits: WINDOW_BITS_MAX, incoming_context_takeover: true, ..self }
    }
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            level: 6,
            memory_level: 8,
            wishes: Wishes {
                outgoing_window_bits: WINDOW_BITS_MAX,
                incoming_window_bits: WINDOW_BITS_MAX,
                outgoing_context_takeover: true,
                incoming_context_takeover: true,
                client_max_window_bits: true,
            },
            fallbacks: Fallbacks::Plain,
            compress_from: 64,
            inflated_bytes_max: 16 << 20,
            expansion_max: None,
        }
    }
}

impl DeflateConfig {
    /// Returns what a client offers, in the order of its preference.
    pub(super) fn offers(&self) -> impl Iterator<Item = Wishes> {
        iter::once(self.wishes).chain(self.fallbacks_offered())
    }

    /// Returns what a client offers after its wishes.
    pub(super) fn fallbacks_offered(&self) -> impl Iterator<Item = Wishes> {
        let (plain, these) = match self.fallbacks {
            Fallbacks::Plain => {
                let plain = self.wishes.without_demands();
                (Some(plain).filter(|plain| *plain != self.wishes), [None; FALLBACKS_MAX])
            }
            Fallbacks::These(these) => (None, these),
        };
        plain.into_iter().chain(these.into_iter().flatten())
    }

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
    /// This bounds the memory of our compressor, and of the peer's decompressor if that makes use
    /// of it. It holds for every peer: a server tells the client, also if that did not ask (RFC
    /// 7692 §7.1.2.1), and a client needs no permission.
    ///
    /// The compressor needs at least 9. With 8, messages are sent uncompressed.
    #[must_use]
    pub fn outgoing_window_bits(mut self, bits: u8) -> Self {
        self.wishes.outgoing_window_bits = bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        self
    }

    /// Sets the largest window of the messages that we receive: 2 to the power of this many bytes,
    /// from 8 to 15. Other values count as the nearest of these. Default: 15.
    ///
    /// This asks the peer to look back less far. A server can ask only those clients that support
    /// it (RFC 7692 §7.1.2.2), which Chrome does, and Firefox and Safari do not; the others keep
    /// the largest window. A client asks in its offer; the server may take a
    /// [fallback](Self::fallbacks) instead.
    ///
    /// Our decompressor needs the same memory for any window, so any can be accepted. A smaller one
    /// saves memory of the peer, and here, down to 12, only the copy of it that is kept for
    /// messages with final blocks (§7.2.3.4).
    #[must_use]
    pub fn incoming_window_bits(mut self, bits: u8) -> Self {
        self.wishes.incoming_window_bits = bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        self
    }

    /// Sets whether a message that we send may refer to earlier ones. Default: `true`.
    ///
    /// That compresses better, and keeps the compressor's memory between messages. `false` holds
    /// for every peer.
    #[must_use]
    pub const fn outgoing_context_takeover(mut self, takeover: bool) -> Self {
        self.wishes.outgoing_context_takeover = takeover;
        self
    }

    /// Sets whether a message that we receive may refer to earlier ones. Default: `true`.
    ///
    /// That compresses better, and keeps the decompressor's memory between messages. `false` holds
    /// for every client that a server accepts. A client asks for it in its offer; the server may
    /// take a [fallback](Self::fallbacks) instead.
    #[must_use]
    pub const fn incoming_context_takeover(mut self, takeover: bool) -> Self {
        self.wishes.incoming_context_takeover = takeover;
        self
    }

    /// Sets whether a client offers `client_max_window_bits`, which lets the server limit the
    /// window of what we send (RFC 7692 §7.1.2.2). Default: `true`, as in Chrome. A server ignores
    /// it.
    ///
    /// With `false`, as in Firefox and Safari, a server that limits the window nevertheless fails
    /// the handshake. Our own limit, [`outgoing_window_bits`](Self::outgoing_window_bits), holds
    /// either way.
    #[must_use]
    pub const fn offer_client_max_window_bits(mut self, offer: bool) -> Self {
        self.wishes.client_max_window_bits = offer;
        self
    }

    /// Sets what a client offers after this, in order of preference, for servers that cannot accept
    /// it (RFC 7692 §5, §7.1.3). At most seven; more are ignored, and so is all of it by a server.
    ///
    /// By default, a client that asks for a smaller
    /// [window](Self::incoming_window_bits) or for no
    /// [takeover](Self::incoming_context_takeover) of incoming messages makes a second offer
    /// without that: many servers do not know these parameters, and decline or ignore them.
    /// [`Agreed`](super::Agreed) tells what became of it.
    ///
    /// Of each fallback, the windows, the context takeovers and
    /// [`offer_client_max_window_bits`](Self::offer_client_max_window_bits) are offered. Everything
    /// else is as set here.
    ///
    /// The response does not say which offer it answers. So the messages that we send keep to what
    /// is set here and in every fallback that the response suits: the smallest window of these, and
    /// no context takeover if one of them is without. The server may rely on what was offered
    /// (§7.1.1.2, §7.1.2.2).
    ///
    /// With an empty list, what is asked for is a condition: a server that does not meet it either
    /// declines, so that nothing is compressed, or fails the handshake with a
    /// [`NegotiationError`](super::NegotiationError).
    ///
    /// ```
    /// use hybi::extension::deflate::{self, DeflateConfig};
    ///
    /// // 1 KiB if possible, else 4 KiB, else no compression.
    /// let small = DeflateConfig::default().incoming_window_bits(10);
    /// let config = small.fallbacks(&[small.incoming_window_bits(12)]);
    /// assert_eq!(
    ///     deflate::offer(&config),
    ///     "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
    ///      permessage-deflate; server_max_window_bits=12; client_max_window_bits"
    /// );
    /// ```
    #[must_use]
    pub fn fallbacks(mut self, fallbacks: &[Self]) -> Self {
        let mut these = [None; FALLBACKS_MAX];
        for (this, fallback) in these.iter_mut().zip(fallbacks) {
            *this = Some(fallback.wishes);
        }
        self.fallbacks = Fallbacks::These(these);
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
