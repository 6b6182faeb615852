//! [`Parts`]: what a WebSocket consists of.

use hybi::{Connection, Inbox, Outbox};

/// The parts of a [`WebSocket`](crate::WebSocket), as [`WebSocket::into_parts`] returns them.
///
/// [`WebSocket::into_parts`]: crate::WebSocket::into_parts
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts<S, R> {
    /// The stream.
    pub stream: S,
    /// The protocol.
    pub connection: Connection<R>,
    /// The bytes that were read and that `connection` has not received.
    pub inbox: Inbox,
    /// The bytes that the stream has not taken.
    pub out: Outbox,
}
