//! Masking keys (RFC 6455 §5.3).

/// A source of masking keys (RFC 6455 §5.3). A client asks it once for each frame that it sends.
///
/// Outside of tests, keys must come from a strong source of entropy. A peer that can guess them can
/// choose the bytes on the wire, and so poison the cache of a proxy (RFC 6455 §10.3). Use
/// [`RandomKeys`] where you can. Any `FnMut() -> [u8; 4]` is a source, too:
///
/// ```no_run
/// use hybi::{Config, Connection};
///
/// let mut random = std::fs::File::open("/dev/urandom")?;
/// let ws = Connection::client_with_keys(Config::default(), move || {
///     let mut key = [0; 4];
///     // A key that can be guessed would be worse than the end of the program.
///     std::io::Read::read_exact(&mut random, &mut key).expect("no key, no frame");
///     key
/// });
/// # drop(ws);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait MaskingKeys {
    /// Returns the next key.
    fn next_key(&mut self) -> [u8; 4];
}

impl<F: FnMut() -> [u8; 4]> MaskingKeys for F {
    #[inline]
    fn next_key(&mut self) -> [u8; 4] {
        self()
    }
}

/// Masking keys from a cryptographic generator, which each thread has for itself and the operating
/// system seeds. No frame costs a system call, and no connection holds any state for it.
///
/// It implements [`MaskingKeys`] only with feature `rand`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RandomKeys;

#[cfg(feature = "rand")]
impl MaskingKeys for RandomKeys {
    #[inline]
    fn next_key(&mut self) -> [u8; 4] {
        buffered::next_key()
    }
}

/// A buffer of keys for each thread. Calling the generator costs more than the bytes it returns.
#[cfg(feature = "rand")]
mod buffered {
    use std::cell::RefCell;
    use std::thread_local;

    /// A power of two, so that the counter can wrap.
    const KEYS: usize = 64;

    struct Buffer {
        keys: [[u8; 4]; KEYS],
        next: usize,
    }

    thread_local! {
        static BUFFER: RefCell<Buffer> =
            const { RefCell::new(Buffer { keys: [[0; 4]; KEYS], next: 0 }) };
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
