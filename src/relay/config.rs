//! Settings that the owner of a relay chooses before it begins.

use crate::connection::Limits;

/// The settings of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelayConfig {
    pub(super) limits: Limits,
    pub(super) deflate: bool,
    pub(super) check_text: bool,
    pub(super) masks: Masks,
}

/// The treatment of the masks of the client's frames (RFC 6455 §5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Masks {
    /// Each frame is masked anew, with a key of the relay's.
    ///
    /// Masks keep a client from choosing the bytes on the wire, by which it could make a proxy that
    /// knows nothing of WebSocket store them as a response (RFC 6455 §10.3). Towards the server,
    /// the relay is the client and must ensure that. Its keys must be unpredictable (§5.3), and it
    /// cannot know whether those of its own client are.
    #[default]
    Anew,
    /// Each frame keeps its key, so that all frames pass byte for byte.
    ///
    /// Use this where the client could connect to the server itself, such as in a debugger. Also
    /// use it where only the server reads what the relay sends, such as over TLS that ends in the
    /// server. Frames that the relay inserts have keys of its own.
    Kept,
}

impl Default for RelayConfig {
    fn default() -> Self {
        let limits = Limits::default()
            .frame_bytes_max(u64::MAX)
            .message_bytes_max(u64::MAX)
            .fragments_max(u32::MAX);
        Self { limits, deflate: false, check_text: false, masks: Masks::Anew }
    }
}

impl RelayConfig {
    /// Sets the limits of frames and messages, in both directions. Default: none, because a relay
    /// holds no messages. [`reply_backlog_max`](Limits::reply_backlog_max) has no effect: a relay
    /// does not reply to pings, it passes them on.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets whether the two sides have agreed on permessage-deflate. Default: no.
    ///
    /// The first frame of a message may then have RSV1 (RFC 7692 §6). The payload passes as it is,
    /// so both sides must have agreed on the same parameters, whatever these are. That is certain
    /// if the two handshakes pass through, as in the example `inspect`. If you do them yourself,
    /// begin with the server's, and offer and accept nothing unless you can make them equal.
    #[must_use]
    pub const fn deflate(mut self, agreed: bool) -> Self {
        self.deflate = agreed;
        self
    }

    /// Sets whether texts must be UTF-8 (RFC 6455 §8.1). Default: no, as the receiver checks them.
    ///
    /// Compressed texts are not checked: the relay does not decompress. The bytes of a code point
    /// then pass when it is complete, or its frame is.
    #[must_use]
    pub const fn check_text(mut self, check: bool) -> Self {
        self.check_text = check;
        self
    }

    /// Sets what becomes of the masks of the client's frames. Default: [`Masks::Anew`].
    #[must_use]
    pub const fn masks(mut self, masks: Masks) -> Self {
        self.masks = masks;
        self
    }
}
