//! What has gone wrong in other WebSocket implementations, by class, and why it does not here: a test, or several, for each
//! class, under the number that it has in `docs/security.md`. Memory is counted by an allocator, work by calls, bytes and
//! allocations; nothing here measures time.
//!
//! What other tests show already is not repeated: `docs/security.md` names them.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/counting.rs"]
mod counting;
#[path = "../common/sources.rs"]
mod sources;

mod closing;
#[cfg(feature = "deflate")]
mod compression;
mod deadlines;
mod document;
mod doors;
mod examples;
mod heads;
mod injection;
mod lengths;
mod masking;
mod neighbours;
mod origins;
mod progress;
mod pseudo_fields;
mod replies;
mod smuggling;
mod web_platform;

/// Numbers without a pattern, the same in every run (the generator of Marsaglia's "Xorshift RNGs").
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
