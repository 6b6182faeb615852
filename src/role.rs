//! The role on a connection, client or server, as a type.

use core::fmt;

use crate::keys::{MaskingKeys, RandomKeys};

/// The role of an endpoint: [`Client`] or [`Server`]. The trait is sealed; there is no third role.
///
/// A server never masks and rejects unmasked frames. A client always masks and rejects masked
/// frames (RFC 6455 §5.1). The role is a type, so neither is decided at run time.
pub trait Role: sealed::Sealed {
    /// Is `true` for a server and `false` for a client.
    const IS_SERVER: bool;

    /// Returns the masking key of the next frame to be sent; `None` for a server.
    #[doc(hidden)]
    fn next_masking_key(&mut self) -> Option<[u8; 4]>;
}

/// The role of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Server;

impl Role for Server {
    const IS_SERVER: bool = true;

    #[inline]
    fn next_masking_key(&mut self) -> Option<[u8; 4]> {
        None
    }
}

/// The role of a client. It owns a source of masking keys.
#[derive(Clone, Copy, Default)]
pub struct Client<K = RandomKeys> {
    keys: K,
}

impl<K: MaskingKeys> Client<K> {
    /// Creates the role of a client that masks with these keys.
    pub const fn new(keys: K) -> Self {
        Self { keys }
    }
}

/// Does not print the source: its state might foretell the keys.
impl<K> fmt::Debug for Client<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl<K: MaskingKeys> Role for Client<K> {
    const IS_SERVER: bool = false;

    #[inline]
    fn next_masking_key(&mut self) -> Option<[u8; 4]> {
        Some(self.keys.next_key())
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Server {}
    impl<K: crate::keys::MaskingKeys> Sealed for super::Client<K> {}
}
