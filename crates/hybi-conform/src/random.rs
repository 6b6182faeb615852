//! Reproducible pseudo-random numbers, and how they split bytes into pieces.

/// The way in which the bytes between two waits are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// At once.
    Whole,
    /// Frame by frame.
    Frames,
    /// So many bytes at a time.
    Of(usize),
    /// Split at places that this seed chooses, some of them close to one another.
    Random(u64),
}

/// xorshift64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns the length of the next piece: a few bytes, a few dozen, or up to all that remain.
    pub(crate) fn piece(&mut self, len: usize) -> usize {
        let most = match self.next() % 4 {
            0 => 4,
            1 => 64,
            _ => len,
        };
        1 + (self.next() % most.min(len).max(1) as u64) as usize
    }
}

/// Returns a seed that is the same for the same text (FNV-1a).
pub(crate) fn seed(text: &str) -> u64 {
    text.bytes().fold(14_695_981_039_346_656_037, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
    })
}
