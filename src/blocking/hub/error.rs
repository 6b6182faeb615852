//! What can go wrong with a peer of a hub.

use core::fmt;

/// Why a message was not sent on a connection of a [`Hub`](super::Hub). Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is closing or over. It may go on receiving, and then tells how it ended.
    Closing,
    /// The client reads too slowly: its queue has overflowed, or it did not receive a message in
    /// time. It is being closed with 1013.
    TooSlow,
    /// The message is longer than a queue may be. The connection is as it was: the fault is that of
    /// the sender.
    TooLong {
        /// The length of the message in bytes, its frame header included.
        len: usize,
        /// The most that is possible: [`queue_bytes_max`](super::HubConfig::queue_bytes_max).
        max: usize,
    },
}

impl SendError {
    /// Returns a code for logs, metrics and other languages, such as `"send-too-slow"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closing => "send-closing",
            Self::TooSlow => "send-too-slow",
            Self::TooLong { .. } => "send-too-long",
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closing => f.write_str("the connection is closing or over"),
            Self::TooSlow => f.write_str("the client reads too slowly, and is being dropped"),
            Self::TooLong { len, max } => {
                write!(f, "a message of {len} bytes does not fit into a queue of {max} bytes")
            }
        }
    }
}

impl core::error::Error for SendError {}

/// Why no connection of a [`Hub`](super::Hub) has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerError {
    /// It has ended. Its number is never used again.
    Ended {
        /// The number.
        id: u64,
    },
    /// There has not been one.
    Unknown {
        /// The number.
        id: u64,
    },
}

impl PeerError {
    /// Returns a code for logs, metrics and other languages, such as `"peer-ended"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ended { .. } => "peer-ended",
            Self::Unknown { .. } => "peer-unknown",
        }
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { id } => write!(f, "connection {id} has ended"),
            Self::Unknown { id } => write!(f, "there has been no connection {id}"),
        }
    }
}

impl core::error::Error for PeerError {}
