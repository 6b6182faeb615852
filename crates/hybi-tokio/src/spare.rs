//! The read buffer of each thread.
//!
//! A connection that waits for input holds no buffer. It borrows its thread's to read, and keeps it
//! only while the program has not received what was read.

use std::cell::Cell;

use hybi::Inbox;

thread_local! {
    static SPARE: Cell<Option<Box<Inbox>>> = const { Cell::new(None) };
}

/// Takes the thread's buffer, or a new one.
pub(crate) fn take() -> Box<Inbox> {
    // A message that a read splits is assembled by the connection and handed out as it is. In the
    // inbox it would have to be copied, and would keep the inbox from other connections.
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    spare.unwrap_or_else(|| Box::new(Inbox::new().in_place_up_to(0)))
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
