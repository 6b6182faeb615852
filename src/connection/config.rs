//! What the caller decides about a connection before it begins.

use core::num::NonZeroU32;

use super::limits::Limits;
use crate::extension::deflate::DeflateConfig;

/// The settings of a connection. The default suits most.
///
/// ```
/// use core::num::NonZeroU32;
/// use hybi::{Config, Connection, Limits};
///
/// let config = Config::default()
///     .limits(Limits::default().message_bytes_max(1 << 20))
///     .fragment_bytes(NonZeroU32::new(1 << 16));
/// let ws = Connection::server(config);
/// # drop(ws);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Config {
    pub(crate) limits: Limits,
    pub(crate) fragment_bytes: Option<NonZeroU32>,
    /// Always `None` without feature `deflate`.
    pub(crate) deflate: Option<DeflateConfig>,
}

impl Config {
    /// Sets the limits of what the peer may send.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the longest payload of a data frame that we send, in bytes. Longer messages are sent in
    /// fragments (RFC 6455 §5.4). With `None`, the default, each message is one frame.
    ///
    /// Receivers limit the number of fragments, [this one](Limits::fragments_max) by default to
    /// 131,072. So choose a length by which your longest message has fewer.
    #[must_use]
    pub fn fragment_bytes(mut self, bytes: impl Into<Option<NonZeroU32>>) -> Self {
        self.fragment_bytes = bytes.into();
        self
    }

    /// Negotiates permessage-deflate (RFC 7692) in the opening handshake, with these settings. With
    /// `None`, the default, a client does not offer it, and a server does not accept it.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, config: impl Into<Option<DeflateConfig>>) -> Self {
        self.deflate = config.into();
        self
    }
}
