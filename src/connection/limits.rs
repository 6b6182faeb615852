//! Limits on what the peer of a connection can make grow.

/// Upper bounds on what the peer may send. Each holds by itself.
///
/// A header that announces more than a limit fails the connection with close code 1009, before any
/// of the payload is read. Nothing is ever allocated for a length that was only announced.
///
/// Every value is allowed. The largest one of its type turns a limit off.
///
/// ```
/// use hybi::{Config, Connection, Inbox, Limits, Outbox, ProtocolError};
///
/// let config = Config::default().limits(Limits::default().message_bytes_max(64 * 1024));
/// let (mut ws, mut out) = (Connection::server(config), Outbox::new());
///
/// let mut inbox = Inbox::new();
/// inbox.append(b"\x82\xff\0\0\0\0\0\x01\0\x01"); // the header of a message of 65,537 bytes
/// let error = ws.receive(&mut inbox.input(), &mut out).unwrap_err();
/// assert_eq!(error, ProtocolError::MessageTooBig { len: 65_537 });
/// assert_eq!(out.front()[2..4], [0x03, 0xf1]); // a Close frame with code 1009
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    pub(crate) frame_bytes_max: u64,
    pub(crate) message_bytes_max: u64,
    pub(crate) fragments_max: u32,
    pub(crate) reply_backlog_max: u32,
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
    /// Sets the longest payload of one data frame, in bytes. Default: 16 MiB, as for a message.
    ///
    /// The peer chooses how it cuts a message into frames, so this is rarely lower than
    /// [`message_bytes_max`](Self::message_bytes_max). A higher limit of messages needs a higher
    /// one of frames.
    #[must_use]
    pub const fn frame_bytes_max(mut self, bytes: u64) -> Self {
        self.frame_bytes_max = bytes;
        self
    }

    /// Sets the longest message, in bytes: the sum over its frames, before decompression. Default:
    /// 16 MiB, above common application messages and far below the memory of a machine. Zero allows
    /// only empty messages.
    ///
    /// It also holds for messages that are received in [chunks](crate::Connection::receive_chunk).
    /// Those cost no memory. To take a long one, leave this limit as it is, and give the message
    /// one of its own: see
    /// [`receive_chunk_within`](crate::Connection::receive_chunk_within), and in `blocking`
    /// `set_chunked_bytes_max`.
    ///
    /// If you raise it, raise [`frame_bytes_max`](Self::frame_bytes_max) too: many peers send a
    /// message in one frame. With compression, also raise `DeflateConfig::inflated_bytes_max`, the
    /// limit after decompression.
    #[must_use]
    pub const fn message_bytes_max(mut self, bytes: u64) -> Self {
        self.message_bytes_max = bytes;
        self
    }

    /// Sets the most frames that one message may have, including empty ones. Default: 131,072, so
    /// that 8 MiB may come in fragments of 64 bytes. Zero allows no messages.
    ///
    /// A fragment costs no memory besides its payload. This limit bounds the work that a message
    /// without bytes can cause. It may need to be higher for a very long message: 1 GiB in
    /// fragments of 4 KiB are 262,144.
    #[must_use]
    pub const fn fragments_max(mut self, frames: u32) -> Self {
        self.fragments_max = frames;
        self
    }

    /// Sets the [backlog](crate::Outbox::backlog) in bytes above which pings are no longer answered
    /// one by one. Default: 64 KiB.
    ///
    /// Above it, only the newest ping is answered, once the backlog has shrunk (RFC 6455 §5.5.3
    /// allows that). So a peer that sends pings and does not read cannot make the output grow. With
    /// zero, a ping is only answered at once if nothing else waits to be written.
    #[must_use]
    pub const fn reply_backlog_max(mut self, bytes: u32) -> Self {
        self.reply_backlog_max = bytes;
        self
    }
}
