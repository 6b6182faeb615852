//! The buffers of each thread.
//!
//! A connection that waits for input holds no buffers. It borrows its thread's to read, and keeps
//! it only while the program has not received what was read. The input may need an answer, so the
//! connection then borrows the memory for output, too, until it waits again.

use std::cell::{Cell, RefCell};

use hybi::{Inbox, Outbox};

/// How much memory for output is kept for the next messages: enough for two of 64 KiB with their
/// headers.
pub(crate) const OUT_KEPT: usize = 130 << 10;

thread_local! {
    static SPARE: Cell<Option<Box<Inbox>>> = const { Cell::new(None) };
    static OUT: RefCell<Outbox> = const { RefCell::new(Outbox::new()) };
}

/// Takes the thread's buffer, or a new one.
pub(crate) fn take() -> Box<Inbox> {
    // A message that a read splits is assembled by the connection and handed out as it is. In the
    // inbox it would have to be copied, and would keep the inbox from other connections.
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    spare.unwrap_or_else(|| Box::new(Inbox::new().in_place_up_to(0)))
}

/// Copies what is unread into a buffer that is not larger than it has to be.
pub(crate) fn copy(inbox: &Inbox) -> Box<Inbox> {
    let mut copy = Inbox::new().in_place_up_to(0);
    copy.append(inbox.unread());
    Box::new(copy)
}

/// Gives a buffer back, if nothing in it is unread. Otherwise returns it.
pub(crate) fn give_back(inbox: Box<Inbox>) -> Option<Box<Inbox>> {
    if !inbox.is_empty() {
        return Some(inbox);
    }
    // Fails while the thread ends.
    let _ = SPARE.try_with(|spare| spare.set(Some(inbox)));
    None
}

/// Lends the thread's memory for output, if there is none and nothing is unsent.
pub(crate) fn lend(out: &mut Outbox) {
    if out.capacity() == 0 {
        swap(out);
    }
}

/// Takes the memory for output back, if nothing is unsent. Nothing is left then.
pub(crate) fn take_back(out: &mut Outbox) {
    if out.capacity() > 0 {
        out.shrink_to(OUT_KEPT);
        swap(out);
        out.shrink_to(0); // what the thread has got since
    }
}

fn swap(out: &mut Outbox) {
    let _ = OUT.try_with(|spare| {
        if let Ok(spare) = &mut spare.try_borrow_mut() {
            out.swap_memory(spare);
        }
    });
}
