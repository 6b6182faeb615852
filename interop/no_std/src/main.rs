//! A WebSocket conversation in a program without `std`: had the core or a dependency of it needed `std`, this would
//! not link, because two panic handlers cannot be.
//!
//!     cd interop/no_std && cargo run --profile abort
#![no_std]
#![no_main]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use hybi::{Config, Connection, Event, Input, Outbox};

struct Malloc;

// SAFETY: `malloc` gives memory aligned for every type that the core allocates (at most 16 bytes), and larger
// alignments are refused.
unsafe impl GlobalAlloc for Malloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > 16 {
            return core::ptr::null_mut();
        }
        unsafe { libc::malloc(layout.size()).cast() }
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        unsafe { libc::free(memory.cast()) }
    }
}

#[global_allocator]
static MALLOC: Malloc = Malloc;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe { libc::abort() }
}

/// Never called, for nothing unwinds here; the precompiled `alloc` asks for it by name.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Exits with 0 if an echo of the RFC's example (RFC 6455 §5.7) is what it should be.
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let mut ws = Connection::server(Config::default());
    let mut inbox = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    let (mut input, mut out) = (Input::new(&mut inbox), Outbox::new());
    while let Ok(Some(event)) = ws.receive(&mut input, &mut out) {
        if let Event::Text(text) = event
            && ws.send(&text, &mut out).is_err()
        {
            return 1;
        }
    }
    i32::from(out != b"\x81\x05Hello")
}
