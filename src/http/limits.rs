//! Limits for the head that a peer sends.

/// Upper bounds on the head of a request or response that a peer sends.
///
/// A head that exceeds one is refused, with an error that says which. Zero is no exception: a limit
/// in which nothing fits refuses every head.
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
    /// The default for [`fields_max`](Self::fields_max). The reader has room for so many.
    pub(crate) const FIELDS: u16 = 128;

    /// More than any head needs, and little enough for every place in one to fit into 32 bits.
    const BYTES_CEILING: u32 = 1 << 30;

    /// Sets the longest head, in bytes, from the start line to the empty line, both included.
    /// Default: 16 KiB, room for large cookies. More than 1 GiB counts as that much. A server
    /// answers 431, or 414 if the request line alone is longer.
    #[must_use]
    pub const fn head_bytes_max(mut self, bytes: u32) -> Self {
        let is_too_much = bytes > Self::BYTES_CEILING;
        self.head_bytes_max = if is_too_much { Self::BYTES_CEILING } else { bytes };
        self
    }

    /// Sets the longest request target, in bytes. Default: 8 KiB, which RFC 9112 §3 recommends for
    /// the request line. A server answers 414.
    #[must_use]
    pub const fn target_bytes_max(mut self, bytes: u32) -> Self {
        self.target_bytes_max = bytes;
        self
    }

    /// Sets the most field lines. Default: 128. A server answers 431. Reading a head with more
    /// lines than the default allocates, some 32 bytes for each line.
    #[must_use]
    pub const fn fields_max(mut self, fields: u16) -> Self {
        self.fields_max = fields;
        self
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head_bytes_max: 16 << 10, target_bytes_max: 8 << 10, fields_max: Self::FIELDS }
    }
}
