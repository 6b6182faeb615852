//! A limit on the connections of a server, beyond which clients get a response.
//!
//! A hub that is full closes further sockets without a word: it has no thread that could read a
//! request. So let the hub have [`SPARE`] connections more than this, and answer those with 503.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hybi::handshake::Rejection;

/// The additional connections of the hub for clients that ask for a page, or get 503.
pub(crate) const SPARE: usize = 64;

pub(crate) struct Limit {
    connections_max: usize,
    taken: Arc<AtomicUsize>,
}

/// A connection's place, which is free again when this is dropped.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Limit {
    pub(crate) fn new(connections_max: usize) -> Self {
        Self { connections_max, taken: Arc::default() }
    }

    /// Returns a place, unless all are taken.
    pub(crate) fn take(&self) -> Option<Place> {
        let take = |taken| (taken < self.connections_max).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.is_ok().then(|| Place(Arc::clone(&self.taken)))
    }
}

/// The response to a client for which there is no place.
pub(crate) fn full() -> Rejection<'static> {
    let why = "There are too many connections. Please try again later.\n";
    Rejection::new(503).field("Retry-After", "10").body("text/plain", why)
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
