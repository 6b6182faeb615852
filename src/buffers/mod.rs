//! The two buffers of a connection: one to read into, and one to write from.
//!
//! [`Inbox`] and [`Outbox`] hold bytes and know no rule of the protocol. They know frames: an
//! [`Inbox`] decodes the header of a frame in progress to decide how much to read next, and an
//! [`Outbox`] writes headers and masks payloads. Neither reads or writes by itself; sockets are the
//! caller's.

mod inbox;
mod outbox;
mod queue;
mod room;

pub use inbox::Inbox;
pub use outbox::{Outbox, Progress};
pub(crate) use queue::SHARED_BYTES_MIN;
