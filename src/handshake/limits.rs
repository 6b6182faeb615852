//! What a peer's head may make grow.

/// Upper bounds on the head that a peer sends.
///
/// ```
/// let limits = hybi::handshake::HeadLimits::default().head_bytes_max(4096);
/// assert_eq!(limits.headers_max, 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadLimits {
    /// The longest head, in bytes, from the first of the start line to the empty line and with it. Default: 16 KiB, room
    /// for large cookies. A server answers 431, or 414 if the request line alone is longer.
    pub head_bytes_max: u32,
    /// The longest request target, in bytes. Default: 8 KiB, what RFC 9112 §3 recommends for the request line. A server
    /// answers 414.
    pub target_bytes_max: u32,
    /// The most header lines, at most [`HEADERS_CEILING`](Self::HEADERS_CEILING) in effect. Default: 100. A server answers
    /// 431.
    pub headers_max: u16,
}

impl HeadLimits {
    /// The number of header lines beyond which [`headers_max`](Self::headers_max) has no effect.
    pub const HEADERS_CEILING: u16 = 128;

    /// Sets [`head_bytes_max`](Self::head_bytes_max).
    #[must_use]
    pub const fn head_bytes_max(mut self, bytes: u32) -> Self {
        self.head_bytes_max = bytes;
        self
    }

    /// Sets [`target_bytes_max`](Self::target_bytes_max).
    #[must_use]
    pub const fn target_bytes_max(mut self, bytes: u32) -> Self {
        self.target_bytes_max = bytes;
        self
    }

    /// Sets [`headers_max`](Self::headers_max).
    #[must_use]
    pub const fn headers_max(mut self, headers: u16) -> Self {
        self.headers_max = headers;
        self
    }

    pub(super) fn headers_in_effect(&self) -> usize {
        usize::from(self.headers_max.min(Self::HEADERS_CEILING))
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head_bytes_max: 16 << 10, target_bytes_max: 8 << 10, headers_max: 100 }
    }
}
