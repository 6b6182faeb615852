//! Limits for the head that a peer sends.

/// Upper bounds on the head of a request or response that a peer sends.
///
/// ```
/// use hybi::ServerHandshake;
/// use hybi::handshake::HeadLimits;
///
/// let handshake = ServerHandshake::new(HeadLimits::default().head_bytes_max(4096));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeadLimits {
    pub(crate) head_bytes_max: u32,
    pub(crate) target_bytes_max: u32,
    pub(crate) fields_max: u16,
}

impl HeadLimits {
    /// The number of field lines beyond which [`fields_max`](Self::fields_max) has no effect.
    pub const FIELDS_CEILING: u16 = 128;

    /// Sets the longest head, in bytes, from the start line to the empty line, both included.
    /// Default: 16 KiB, room for large cookies. A server answers 431, or 414 if the request line
    /// alone is longer.
    #[must_use]
    pub const fn head_bytes_max(mut self, bytes: u32) -> Self {
        self.head_bytes_max = bytes;
        self
    }

    /// Sets the longest request target, in bytes. Default: 8 KiB, which RFC 9112 §3 recommends for
    /// the request line. A server answers 414.
    #[must_use]
    pub const fn target_bytes_max(mut self, bytes: u32) -> Self {
        self.target_bytes_max = bytes;
        self
    }

    /// Sets the most field lines. Default: 100. More than [`FIELDS_CEILING`](Self::FIELDS_CEILING)
    /// count as that many. A server answers 431.
    #[must_use]
    pub const fn fields_max(mut self, fields: u16) -> Self {
        self.fields_max = fields;
        self
    }

    pub(crate) fn fields_in_effect(&self) -> usize {
        usize::from(self.fields_max.min(Self::FIELDS_CEILING))
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head_bytes_max: 16 << 10, target_bytes_max: 8 << 10, fields_max: 100 }
    }
}
