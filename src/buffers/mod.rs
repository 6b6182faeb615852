//! The two buffers of a connection: one to read into, and one to write from.
//!
//! [`Inbox`] and [`Outbox`] hold bytes and know nothing of the protocol, with one exception: an
//! [`Inbox`] decodes the header of a frame in progress to decide how much to read next. Neither
//! reads or writes by itself; sockets are the caller's.

mod inbox;
mod outbox;

pub use inbox::Inbox;
pub use outbox::{Outbox, Progress};
