//! Who we are on a connection: client or server, known to the compiler.

/// [`Client`] or [`Server`]; there is no third.
///
/// A server never masks and refuses unmasked frames; a client always masks and refuses masked ones (RFC 6455
/// §5.1). The role is a type, so that neither is ever decided at run time.
pub trait Role: sealed::Sealed {
    /// Whether this is the server.
    const IS_SERVER: bool;

    /// The masking key of the next frame that is sent: `None` at a server.
    #[doc(hidden)]
    fn next_masking_key(&mut self) -> Option<[u8; 4]>;
}

/// The role of a server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Server;

impl Role for Server {
    const IS_SERVER: bool = true;

    #[inline]
    fn next_masking_key(&mut self) -> Option<[u8; 4]> {
        None
    }
}

/// The role of a client, which owns a source of masking keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client<K = RandomKeys> {
    keys: K,
}

impl<K: MaskingKeys> Client<K> {
    /// A client that masks with these keys.
    pub const fn new(keys: K) -> Self {
        Self { keys }
    }
}

impl<K: MaskingKeys> Role for Client<K> {
    const IS_SERVER: bool = false;

    #[inline]
    fn next_masking_key(&mut self) -> Option<[u8; 4]> {
        Some(self.keys.next_key())
    }
}

/// A source of masking keys (RFC 6455 §5.3), asked once for each frame that a client sends.
///
/// Outside of tests the keys must come from a strong source of entropy: a peer who can guess them can write bytes
/// of its choice onto the wire and through them into the caches of proxies (RFC 6455 §10.3). Any
/// `FnMut() -> [u8; 4]` is a source; with feature `rand`, [`RandomKeys`] is the one to take.
pub trait MaskingKeys {
    /// A fresh key.
    fn next_key(&mut self) -> [u8; 4];
}

impl<F: FnMut() -> [u8; 4]> MaskingKeys for F {
    #[inline]
    fn next_key(&mut self) -> [u8; 4] {
        self()
    }
}

/// Masking keys from a cryptographic generator that every thread has for itself and that the operating system
/// seeds: no system call for a frame, no byte of state in the connection. A source only with feature `rand`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomKeys;

#[cfg(feature = "rand")]
impl MaskingKeys for RandomKeys {
    #[inline]
    fn next_key(&mut self) -> [u8; 4] {
        buffered::next_key()
    }
}

/// The keys of a thread, drawn in advance: the generator costs more for being asked than for what it gives.
#[cfg(feature = "rand")]
mod buffered {
    use std::cell::RefCell;
    use std::thread_local;

    /// A power of two, so that the counter wraps to the start.
    const KEYS: usize = 64;

    struct Buffer {
        keys: [[u8; 4]; KEYS],
        next: usize,
    }

    thread_local! {
        static BUFFER: RefCell<Buffer> = const { RefCell::new(Buffer { keys: [[0; 4]; KEYS], next: 0 }) };
    }

    #[inline]
    pub(super) fn next_key() -> [u8; 4] {
        BUFFER.with_borrow_mut(|buffer| {
            let at = buffer.next % KEYS;
            if at == 0 {
                refill(buffer);
            }
            buffer.next = buffer.next.wrapping_add(1);
            buffer.keys.get_mut(at).map(core::mem::take).unwrap_or_else(rand::random)
        })
    }

    #[cold]
    #[inline(never)]
    fn refill(buffer: &mut Buffer) {
        rand::fill(buffer.keys.as_flattened_mut());
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Server {}
    impl<K: super::MaskingKeys> Sealed for super::Client<K> {}
}
