//! Wakers of a connection that two tasks poll.
//!
//! A stream keeps one waker for each direction. Both halves of a connection use both directions:
//! the reader writes pongs, and the writer looks for signs of life. If one half gave the stream its
//! own waker, it would replace the other's. So the stream gets a waker that wakes both.
//!
//! It is the same one for both directions, because TLS may have to write before it can read. It
//! then gives the socket below the waker of its reader, in the place of that of its writer.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

/// Which half polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Reader,
    Writer,
}

pub(crate) struct Wakers {
    halves: Arc<Halves>,
    /// What the stream gets.
    waker: Waker,
}

/// The wakers of those who wait.
#[derive(Default)]
struct Halves(Mutex<[Option<Waker>; 2]>);

impl Wakers {
    pub(crate) fn new() -> Self {
        let halves = Arc::new(Halves::default());
        Self { waker: Arc::clone(&halves).into(), halves }
    }

    /// Registers a half for the next event of the stream or the timer. Returns what to poll them
    /// with.
    pub(crate) fn register(&self, half: Half, cx: &Context<'_>) -> Context<'_> {
        match half.of(&mut self.halves.lock()) {
            Some(waker) => waker.clone_from(cx.waker()), // does nothing if it is the same
            none => *none = Some(cx.waker().clone()),
        }
        Context::from_waker(&self.waker)
    }

    /// Forgets a half that does not wait any more.
    pub(crate) fn unregister(&self, half: Half) {
        let waker = half.of(&mut self.halves.lock()).take();
        drop(waker); // after the lock
    }

    /// Wakes a half, if it waits.
    pub(crate) fn wake(&self, half: Half) {
        let waker = half.of(&mut self.halves.lock()).take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Wakes whoever waits: the connection has changed.
    pub(crate) fn wake_all(&self) {
        self.halves.wake_all();
    }
}

impl Half {
    const fn of(self, wakers: &mut [Option<Waker>; 2]) -> &mut Option<Waker> {
        let [reader, writer] = wakers;
        match self {
            Self::Reader => reader,
            Self::Writer => writer,
        }
    }
}

impl Halves {
    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_all(&self) {
        let woken = mem::take(&mut *self.lock());
        // After the lock: a waker may poll at once.
        woken.into_iter().flatten().for_each(Waker::wake);
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
