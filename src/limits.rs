//! Everything that a peer can make grow, in one place.

/// Upper bounds on what a peer may ask of a connection, each on its own.
///
/// A header that announces more than a limit fails the connection with close code 1009 before a byte of the
/// payload is looked at. Nothing is ever allocated for a length that was only announced.
///
/// ```
/// let limits = hybi::Limits::default().message_bytes_max(64 * 1024);
/// assert_eq!(limits.message_bytes_max, 64 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest payload of one frame, in bytes. Default: 16 MiB, as much as a message may have.
    ///
    /// Frames are never buffered as such, so this limit matters where a peer's frame size is a matter of policy.
    pub frame_bytes_max: u64,
    /// The longest message, in bytes, the sum over its fragments. Default: 16 MiB, above common application
    /// messages and far below the memory of a machine.
    ///
    /// It holds for messages that are received in [chunks](crate::Connection::receive_chunk), too; those cost no
    /// memory, so set it to `u64::MAX` for streams without an end.
    pub message_bytes_max: u64,
    /// The most frames that one message may be cut into, empty ones included. Default: 131,072, so that a message
    /// of 8 MiB may come in fragments of 64 bytes.
    ///
    /// A fragment costs no memory beyond its payload; this bounds the work that a message without bytes can cause.
    pub fragments_max: u32,
    /// How many bytes the caller's output may hold before pongs stop queueing up behind one another; from there on only
    /// the newest ping is answered, once the output has drained (RFC 6455 §5.5.3 allows that). Default: 64 KiB.
    pub reply_backlog_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 16 << 20,
            message_bytes_max: 16 << 20,
            fragments_max: 1 << 17,
            reply_backlog_max: 64 << 10,
        }
    }
}

impl Limits {
    /// Sets [`frame_bytes_max`](Self::frame_bytes_max).
    #[must_use]
    pub const fn frame_bytes_max(mut self, bytes: u64) -> Self {
        self.frame_bytes_max = bytes;
        self
    }

    /// Sets [`message_bytes_max`](Self::message_bytes_max).
    #[must_use]
    pub const fn message_bytes_max(mut self, bytes: u64) -> Self {
        self.message_bytes_max = bytes;
        self
    }

    /// Sets [`fragments_max`](Self::fragments_max).
    #[must_use]
    pub const fn fragments_max(mut self, frames: u32) -> Self {
        self.fragments_max = frames;
        self
    }

    /// Sets [`reply_backlog_max`](Self::reply_backlog_max).
    #[must_use]
    pub const fn reply_backlog_max(mut self, bytes: u32) -> Self {
        self.reply_backlog_max = bytes;
        self
    }
}
