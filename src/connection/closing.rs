//! The closing handshake (RFC 6455 §7): what was received and what was sent together are the state.
//!
//! ```text
//!               sent nothing        sent Close
//! received
//!   nothing     Open                Closing
//!   Close       Closing (reply      Closed: the server closes the transport,
//!               still to be sent)           the client waits for that
//!   nonsense    (our Close is       Closed: we close the transport
//!               sent at once)
//!   the end     Closed: 1006        Closed: 1006
//! ```
//!
//! The reader knows the row, the writer the column.

/// The state of a connection: the four states of a browser's `WebSocket`, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ReadyState {
    /// The opening handshake is in progress. A [`Connection`](crate::Connection) is never in this
    /// state.
    Connecting = 0,
    /// Messages can be sent and received.
    Open = 1,
    /// One side has sent its Close frame, the other has not yet.
    Closing = 2,
    /// Nothing more is sent or received: both sides have sent their Close frames, or the connection
    /// failed, or it ended. The transport may still be open. Call
    /// [`Connection::transport`](crate::Connection::transport) to know when to close it.
    Closed = 3,
}

/// What to do with the transport once the output has been written (RFC 6455 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Keep it. More is to come.
    Keep,
    /// Wait until the server closes it, for a limited time. The server goes first, so that the port
    /// stays in use there and not here.
    AwaitClose,
    /// Close it now. Over TCP: shut down writing, read to the end (within a deadline), close. If
    /// bytes are unread when you close, the system discards what the peer has not read.
    Close,
}

/// Returns the state of a connection from the states of its halves.
pub(crate) const fn ready_state(reader: ReadyState, writer: ReadyState) -> ReadyState {
    match (reader, writer) {
        (ReadyState::Open, ReadyState::Open) => ReadyState::Open,
        (ReadyState::Open, ReadyState::Closing) | (_, ReadyState::Open) => ReadyState::Closing,
        _ => ReadyState::Closed,
    }
}

/// Returns what to do with the transport of a connection whose halves are in these states.
pub(crate) const fn transport(
    is_server: bool,
    reader: ReadyState,
    writer: ReadyState,
) -> Transport {
    match (ready_state(reader, writer), reader) {
        (ReadyState::Closed, ReadyState::Closing) if !is_server => Transport::AwaitClose,
        (ReadyState::Closed, _) => Transport::Close,
        _ => Transport::Keep,
    }
}
