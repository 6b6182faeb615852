//! An allocator that counts, for the tests that say what is allocated.
#![allow(dead_code, unreachable_pub)]
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

/// The system's allocator, which counts for each thread: tests run in threads of their own.
struct Counting;

thread_local! {
    pub static COUNT: Cell<usize> = const { Cell::new(0) };
    /// All bytes that were ever asked for: what growing buffers copy is less than this.
    pub static BYTES: Cell<usize> = const { Cell::new(0) };
    pub static LIVE: Cell<isize> = const { Cell::new(0) };
    pub static PEAK: Cell<isize> = const { Cell::new(0) };
    /// The largest block that there is memory for.
    pub static LARGEST: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The bytes of all threads. A thread may free what another has allocated, so theirs are no sum.
pub static ALL_LIVE: AtomicIsize = AtomicIsize::new(0);

fn is_too_large(size: usize) -> bool {
    LARGEST.try_with(|largest| size > largest.get()).unwrap_or(false)
}

fn count(calls: usize, bytes: isize) {
    ALL_LIVE.fetch_add(bytes, Ordering::Relaxed);
    // A thread that is ending has no counters any more, and nothing to be counted.
    let _ = COUNT.try_with(|count| count.set(count.get() + calls));
    let _ = BYTES.try_with(|total| total.set(total.get() + bytes.max(0) as usize));
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call goes to the system's allocator as it came, or fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_too_large(layout.size()) {
            return std::ptr::null_mut();
        }
        count(1, layout.size() as isize);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_too_large(size) {
            return std::ptr::null_mut();
        }
        // Old and new may both be there for a while.
        count(1, size as isize);
        count(0, -(layout.size() as isize));
        // SAFETY: as the caller promised.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `act` allocates, and how many bytes it has at most at once beyond what there was.
pub fn allocations<T>(act: impl FnOnce() -> T) -> (usize, usize, T) {
    let (before, live) = (COUNT.get(), LIVE.get());
    PEAK.set(live);
    let value = act();
    (COUNT.get() - before, (PEAK.get() - live).max(0) as usize, value)
}

/// What `act` costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// How often it allocates.
    pub count: usize,
    /// How many bytes it asks for, all in all: so no buffer copies more than this when it grows.
    pub total: usize,
    /// How many bytes it has at most at once beyond what there was.
    pub peak: usize,
    /// How many bytes more there are afterwards.
    pub kept: isize,
}

pub fn cost<T>(act: impl FnOnce() -> T) -> (Cost, T) {
    let (total, live) = (BYTES.get(), LIVE.get());
    let (count, peak, value) = allocations(act);
    (Cost { count, total: BYTES.get() - total, peak, kept: LIVE.get() - live }, value)
}
