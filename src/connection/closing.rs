//! The closing handshake (RFC 6455 §7): what has come in and what has gone out say where we are.
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
//! Neither half of a connection knows the other's column; together they are the whole state.

/// How our stream of bytes to the peer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    Open,
    /// After the Close frame only pongs may follow (RFC 6455 §5.5.1, §5.5.2).
    CloseSent,
    /// Not even they.
    Over,
}

/// How a connection stands, in the words of the browser API. `CONNECTING` is a handshake that is not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadyState {
    /// Messages come and go.
    Open,
    /// One side has sent its Close frame, the other not yet.
    Closing,
    /// Nothing comes or goes any more: both Close frames are through, or the connection failed, or it ended.
    /// The transport is still to be closed: [`Connection::transport`](crate::Connection::transport) says when.
    Closed,
}

/// What to do with the transport once the output has been written (RFC 6455 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Keep it: there is more to come.
    Keep,
    /// Wait until the peer closes it, but not for ever: the server goes first, so that it and not the client holds
    /// the port afterwards.
    AwaitClose,
    /// Close it now. Over TCP: shut down writing, read to the end (within a deadline), close; closing with
    /// unread bytes makes the system discard what the peer has not read.
    Close,
}

/// A connection that failed or ended has nothing to send any more, which says it all.
pub(super) fn ready_state(close_received: bool, outgoing: Outgoing) -> ReadyState {
    match (close_received, outgoing) {
        (false, Outgoing::Open) => ReadyState::Open,
        (false, Outgoing::CloseSent) | (true, Outgoing::Open) => ReadyState::Closing,
        (true, Outgoing::CloseSent) | (_, Outgoing::Over) => ReadyState::Closed,
    }
}

pub(super) fn transport(is_server: bool, close_received: bool, outgoing: Outgoing) -> Transport {
    match ready_state(close_received, outgoing) {
        ReadyState::Open | ReadyState::Closing => Transport::Keep,
        ReadyState::Closed if close_received && !is_server => Transport::AwaitClose,
        ReadyState::Closed => Transport::Close,
    }
}
