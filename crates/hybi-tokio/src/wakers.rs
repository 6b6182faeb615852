//! Wakers of a connection that two tasks poll.
//!
//! A stream keeps one waker for each direction. Both halves of a connection use both directions:
//! the reader writes pongs, and the writer waits for the end of a TLS record. If one half gave the
//! stream its own waker, it would replace the other's. So the stream gets a waker of the direction,
//! which wakes both halves.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// Which half polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Reader,
    Writer,
}

pub(crate) struct Wakers {
    read: Direction,
    write: Direction,
}

/// The wakers of one direction, and the waker that the stream gets.
struct Direction {
    halves: Arc<Halves>,
    waker: Waker,
}

#[derive(Default)]
struct Halves {
    wakers: Mutex<[Option<Waker>; 2]>,
}

impl Wakers {
    pub(crate) fn new() -> Self {
        Self { read: Direction::new(), write: Direction::new() }
    }

    /// Registers a half for the next event of the stream's input, or of the timer. Returns what to
    /// poll them with.
    pub(crate) fn for_reading(&self, half: Half, cx: &Context<'_>) -> Context<'_> {
        self.read.register(half, cx)
    }

    /// Registers a half for the next event of the stream's output. Returns what to poll it with.
    pub(crate) fn for_writing(&self, half: Half, cx: &Context<'_>) -> Context<'_> {
        self.write.register(half, cx)
    }

    /// Wakes whoever waits for anything: the connection has changed.
    pub(crate) fn wake_all(&self) {
        self.read.halves.wake_all();
        self.write.halves.wake_all();
    }
}

impl Direction {
    fn new() -> Self {
        let halves = Arc::new(Halves::default());
        Self { waker: Arc::clone(&halves).into(), halves }
    }

    fn register(&self, half: Half, cx: &Context<'_>) -> Context<'_> {
        let mut wakers = self.halves.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        let [reader, writer] = &mut *wakers;
        let slot = match half {
            Half::Reader => reader,
            Half::Writer => writer,
        };
        match slot {
            Some(waker) => waker.clone_from(cx.waker()), // does nothing if it is the same
            None => *slot = Some(cx.waker().clone()),
        }
        drop(wakers);
        Context::from_waker(&self.waker)
    }
}

impl Halves {
    fn wake_all(&self) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        let woken = mem::take(&mut *wakers);
        drop(wakers); // a waker may poll at once
        for waker in woken.into_iter().flatten() {
            waker.wake();
        }
    }
}

impl Wake for Halves {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}
