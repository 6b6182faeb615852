//! [`Parts`]: what a WebSocket consists of.

use std::fmt;

use hybi::connection::Closed;
use hybi::{Connection, Inbox, Outbox, Role};

use hybi::adapter::Opening;

/// The parts of a [`WebSocket`](crate::WebSocket), as [`WebSocket::into_parts`] returns them.
///
/// [`WebSocket::into_parts`]: crate::WebSocket::into_parts
#[non_exhaustive]
pub struct Parts<S, R> {
    /// The stream. Flush it, if it holds back what it was given.
    pub stream: S,
    /// The protocol. After a write has failed, it sends nothing more: nothing may follow half a
    /// frame.
    pub connection: Connection<R>,
    /// The bytes that were read and that `connection` has not received.
    pub inbox: Inbox,
    /// The bytes that the stream has not taken.
    pub out: Outbox,
    /// The peer's last word, if that was received: its Close frame, or the rule that it broke. The
    /// connection will have ended so once the stream has.
    pub closed: Option<Closed>,
    /// The results of the opening handshake.
    pub(crate) opening: Opening,
    /// A part of a message has been returned, and not its end.
    pub(crate) is_in_chunks: bool,
    /// The stream was shut down for writing.
    pub(crate) output_has_ended: bool,
    /// The stream of messages has returned its last error or its end.
    pub(crate) is_terminated: bool,
}

impl<S, R: Role> Parts<S, R> {
    /// Makes the parts of a WebSocket, for [`WebSocket::from_parts`]: of a connection that another
    /// process has [exported](hybi::export), and of what belongs to it.
    ///
    /// If the peer's last word had been received, set [`closed`](Self::closed). The keep-alive
    /// begins anew.
    ///
    /// [`WebSocket::from_parts`]: crate::WebSocket::from_parts
    #[must_use]
    pub fn new(stream: S, connection: Connection<R>, inbox: Inbox, out: Outbox) -> Self {
        let is_in_chunks = connection.is_in_chunks();
        Self {
            stream,
            connection,
            inbox,
            out,
            closed: None,
            opening: Opening::Plain,
            is_in_chunks,
            output_has_ended: false,
            is_terminated: false,
        }
    }

    /// Sets the subprotocol that the handshake had agreed on.
    #[must_use]
    pub fn with_subprotocol(self, name: &str) -> Self {
        Self { opening: Opening::Subprotocol(name.into()), ..self }
    }

    /// Returns the subprotocol that the handshake had agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.opening.subprotocol()
    }
}

/// Prints no bytes: they may be a user's data.
impl<S, R> fmt::Debug for Parts<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("inbox", &self.inbox)
            .field("unsent", &self.out.len())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
