//! What the caller decides about a connection before it begins.

use core::num::NonZeroU32;

use crate::limits::Limits;

/// How a connection behaves; the default suits most.
///
/// ```
/// use hybi::{Config, Connection, Limits};
///
/// let config = Config::default().limits(Limits::default().message_bytes_max(1 << 20)).manual_replies();
/// let ws = Connection::server(config);
/// # drop(ws);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// What the peer may make grow.
    pub limits: Limits,
    /// The longest payload of a data frame that we send, in bytes: longer messages go out in fragments. `None`, the
    /// default, sends each message as one frame.
    pub fragment_bytes: Option<NonZeroU32>,
    /// Who answers pings and Close frames.
    pub replies: Replies,
}

impl Config {
    /// Sets [`limits`](Self::limits).
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets [`fragment_bytes`](Self::fragment_bytes).
    #[must_use]
    pub const fn fragment_bytes(mut self, bytes: NonZeroU32) -> Self {
        self.fragment_bytes = Some(bytes);
        self
    }

    /// Leaves the replies to the caller: [`Replies::Manual`].
    #[must_use]
    pub const fn manual_replies(mut self) -> Self {
        self.replies = Replies::Manual;
        self
    }
}

/// Who answers pings and Close frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replies {
    /// The connection does, before it hands out the event.
    #[default]
    Automatic,
    /// The caller does, by handing [`Event::reply`](crate::Event::reply) to
    /// [`Connection::reply`](crate::Connection::reply). RFC 6455 §5.5.1 and §5.5.2 ask for both kinds of reply.
    Manual,
}
