//! What an idle connection costs: counted by the allocator, for each implementation; and a million of them at once.

use crate::peer::{Peer, Role};
use crate::pipe::Pipe;
use std::alloc::{GlobalAlloc, Layout, System};
use std::any::Any;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// The system's allocator, with a count of live bytes. One relaxed addition is less than a nanosecond, for everyone.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size, Relaxed);
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

pub struct Memory {
    pub name: &'static str,
    pub role: Role,
    pub bytes: usize,
    pub heap: usize,
}

/// The connection as a value, and what it holds on the heap; the stream that it wraps is not counted, apart from the
/// pointer to it.
pub fn idle(peer: &dyn Peer, role: Role) -> Option<Memory> {
    let pipe = Pipe::new(b"", 0);
    drop(black_box(peer.idle(role, pipe.clone())?)); // what is allocated once for all
    let before = LIVE.load(Relaxed);
    let (connection, bytes) = peer.idle(role, pipe.clone())?;
    let boxed = size_of_val(black_box(&connection).as_ref());
    let heap = LIVE.load(Relaxed) - before - boxed;
    Some(Memory { name: peer.name(), role, bytes, heap })
}

/// A million servers of one kind at once, and what the process grew by for it, in bytes; `None` if that were too much.
pub fn million(peer: &dyn Peer, memory: &Memory) -> Option<usize> {
    const COUNT: usize = 1_000_000;
    if memory.bytes + memory.heap > 4096 {
        return None;
    }
    let pipe = Pipe::new(b"", 0);
    let before = resident();
    let connections: Vec<(Box<dyn Any>, usize)> =
        (0..COUNT).map_while(|_| peer.idle(memory.role, pipe.clone())).collect();
    let grown = resident().saturating_sub(before);
    assert_eq!(connections.len(), COUNT);
    Some(grown)
}

/// What the process has in memory, without what the allocator only keeps for later.
fn resident() -> usize {
    #[cfg(target_env = "gnu")]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> i32;
        }
        unsafe { malloc_trim(0) };
    }
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}
