//! Wakers of a connection that two tasks poll.
//!
//! A stream keeps one waker for each direction. Both halves of a connection use both directions:
//! the reader writes pongs, and the writer looks for signs of life. If one half gave the stream its
//! own waker, it would replace the other's. So the stream gets a waker that wakes both.
//!
//! It is the same one for both directions, because TLS may have to write before it can read. It
//! then gives the socket below the waker of its reader, in the place of that of its writer.
//!
//! A connection that only one task polls needs none of this, and no lock: the stream gets the waker
//! of that task.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

/// Which half polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Reader,
    Writer,
}

/// The wakers of those who wait.
pub(crate) type Waiting = [Option<Waker>; 2];

pub(crate) enum Wakers {
    /// At most one task waits.
    One(Waiting),
    /// Two may.
    Two {
        halves: Arc<Halves>,
        /// The waker that the stream gets.
        waker: Waker,
        /// Whom to wake once the connection is not locked any more, if it is behind a lock.
        due: Option<[bool; 2]>,
        /// Wakers to be dropped then: one that was replaced, and one that was forgotten.
        old: Waiting,
    },
}

#[derive(Default)]
pub(crate) struct Halves(Mutex<Waiting>);

impl Wakers {
    pub(crate) const fn new() -> Self {
        Self::One([None, None])
    }

    /// Prepares for two tasks.
    pub(crate) fn split(&mut self) {
        if let Self::One(waiting) = self {
            let halves = Arc::new(Halves(Mutex::new(mem::take(waiting))));
            let waker = Arc::clone(&halves).into();
            *self = Self::Two { waker, halves, due: None, old: [None, None] };
        }
    }

    /// Tells whether the connection is behind a lock. Then nobody is woken before
    /// [`take_due`](Self::take_due): a waker may poll or drop the other half at once, which takes
    /// the lock.
    pub(crate) fn set_locked(&mut self, is_locked: bool) {
        if let Self::Two { due, .. } = self {
            *due = is_locked.then_some([false; 2]);
        }
    }

    /// Returns the wakers of those who are to be woken after the lock.
    #[inline]
    pub(crate) fn take_due(&mut self) -> Waiting {
        let Self::Two { due: Some(due), .. } = self else { return [None, None] };
        match mem::take(due) {
            [false, false] => [None, None],
            [reader, writer] => [
                reader.then(|| self.take(Half::Reader)).flatten(),
                writer.then(|| self.take(Half::Writer)).flatten(),
            ],
        }
    }

    /// Returns what is to be dropped after the lock: a waker may own the other half, whose end
    /// takes the lock.
    #[inline]
    pub(crate) fn take_old(&mut self) -> Waiting {
        match self {
            Self::One(_) => [None, None],
            Self::Two { old, .. } => mem::take(old),
        }
    }

    /// Registers a half for the next event of the stream or the timer. Returns what to poll them
    /// with.
    pub(crate) fn register<'a>(&'a mut self, half: Half, cx: &'a Context<'_>) -> Context<'a> {
        if let Self::One(waiting) = self {
            let is_other = |waker: &Waker| !waker.will_wake(cx.waker());
            if !half.other().of(waiting).as_ref().is_some_and(is_other) {
                drop(set(half.of(waiting), cx));
                return Context::from_waker(cx.waker());
            }
            self.split();
        }
        match self {
            Self::One(_) => Context::from_waker(cx.waker()), // it has just been split
            Self::Two { halves, waker, due, old: [old, _] } => {
                let replaced = set(half.of(&mut halves.lock()), cx);
                if due.is_some() && replaced.is_some() {
                    *old = replaced;
                }
                Context::from_waker(waker)
            }
        }
    }

    /// Forgets a half that does not wait any more.
    #[inline]
    pub(crate) fn unregister(&mut self, half: Half) {
        let forgotten = self.take(half);
        if let Self::Two { due: Some(_), old: [_, old], .. } = self
            && forgotten.is_some()
        {
            *old = forgotten;
        }
    }

    /// Wakes a half, if it waits.
    pub(crate) fn wake(&mut self, half: Half) {
        match self {
            Self::Two { due: Some([reader, writer]), .. } => match half {
                Half::Reader => *reader = true,
                Half::Writer => *writer = true,
            },
            _ => self.take(half).into_iter().for_each(Waker::wake),
        }
    }

    /// Wakes whoever waits: the connection has changed.
    pub(crate) fn wake_all(&mut self) {
        self.wake(Half::Reader);
        self.wake(Half::Writer);
    }

    #[inline]
    fn take(&mut self, half: Half) -> Option<Waker> {
        match self {
            Self::One(waiting) => half.of(waiting).take(),
            Self::Two { halves, .. } => half.of(&mut halves.lock()).take(),
        }
    }
}

/// Sets a waker, unless it is there already. Returns the one before.
fn set(slot: &mut Option<Waker>, cx: &Context<'_>) -> Option<Waker> {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => None,
        _ => slot.replace(cx.waker().clone()),
    }
}

impl Half {
    const fn other(self) -> Self {
        match self {
            Self::Reader => Self::Writer,
            Self::Writer => Self::Reader,
        }
    }

    const fn of(self, waiting: &mut Waiting) -> &mut Option<Waker> {
        let [reader, writer] = waiting;
        match self {
            Self::Reader => reader,
            Self::Writer => writer,
        }
    }
}

impl Halves {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
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
