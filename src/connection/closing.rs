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

/// How the stream of bytes from the peer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Open,
    CloseReceived,
    Failed,
    Ended,
}

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

pub(super) fn ready_state(incoming: Incoming, outgoing: Outgoing) -> ReadyState {
    match (incoming, outgoing) {
        (Incoming::Open, Outgoing::Open) => ReadyState::Open,
        (Incoming::Open, Outgoing::CloseSent) | (Incoming::CloseReceived, Outgoing::Open) => {
            ReadyState::Closing
        }
        (Incoming::CloseReceived, Outgoing::CloseSent) => ReadyState::Closed,
        (Incoming::Failed | Incoming::Ended, _) | (_, Outgoing::Over) => ReadyState::Closed,
    }
}

pub(super) fn transport(is_server: bool, incoming: Incoming, outgoing: Outgoing) -> Transport {
    match (ready_state(incoming, outgoing), incoming) {
        (ReadyState::Open | ReadyState::Closing, _) => Transport::Keep,
        (ReadyState::Closed, Incoming::CloseReceived) if !is_server => Transport::AwaitClose,
        (ReadyState::Closed, _) => Transport::Close,
    }
}
