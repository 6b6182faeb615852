//! What arrived on a connection: the values that receiving returns.

use alloc::borrow::Cow;
use core::fmt;

use super::message::Message;
use crate::error::ProtocolError;
use crate::escaped::Escaped;
use crate::frame::{CONTROL_PAYLOAD_MAX, CloseReason, OpCode};

/// A whole message or a control frame from the peer.
///
/// Borrows from the input buffer if it arrived as one complete frame; otherwise owns its data.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
// A tag of its own: otherwise it hides in the capacity of the reason's `String`, and each `match`
// takes a few instructions more to find it. The name of a variant is all that users may rely on.
#[repr(u8)]
pub enum Event<'a> {
    /// A text message.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
    /// A ping with its payload, at most 125 bytes. The pong is already in the output, or held back
    /// until the output is below [`Limits::reply_backlog_max`](crate::Limits::reply_backlog_max). A
    /// [`Reader`](crate::connection::Reader) has no output: take [`reply`](Self::reply).
    Ping(Cow<'a, [u8]>),
    /// A pong with its payload, at most 125 bytes: the answer to a ping, or unsolicited.
    Pong(Cow<'a, [u8]>),
    /// The peer's Close frame, the last event of a connection. `None`: it had no code, which
    /// programs call 1005 (RFC 6455 §7.1.5). The reply is already in the output, but for a
    /// [`Reader`](crate::connection::Reader), as with pings.
    Close(Option<CloseReason<'a>>),
}

impl Event<'_> {
    /// Returns the reply that the protocol demands: a pong for a ping (RFC 6455 §5.5.2), and a
    /// Close frame with the same code and reason for a Close frame (§5.5.1).
    ///
    /// Only for [halves](crate::Connection::split). A whole connection has already written it.
    #[must_use]
    pub fn reply(&self) -> Option<Reply> {
        match self {
            Self::Text(_) | Self::Binary(_) | Self::Pong(_) => None,
            Self::Ping(payload) => Some(Reply::new(OpCode::PONG, &[payload])),
            Self::Close(None) => Some(Reply::new(OpCode::CLOSE, &[])),
            Self::Close(Some(CloseReason { code, reason })) => {
                Some(Reply::new(OpCode::CLOSE, &[&code.number().to_be_bytes(), reason.as_bytes()]))
            }
        }
    }

    /// Returns the message, or `None` for a control frame. Copies the payload only if it is
    /// borrowed.
    ///
    /// ```
    /// use hybi::{Config, Connection, Inbox, Message, Outbox, ProtocolError};
    ///
    /// /// Keeps the messages. `ws.ready_state()` tells whether the peer has closed.
    /// fn collect(
    ///     ws: &mut Connection<hybi::Server>,
    ///     inbox: &mut Inbox,
    ///     out: &mut Outbox,
    ///     messages: &mut Vec<Message>,
    /// ) -> Result<(), ProtocolError> {
    ///     let mut input = inbox.input();
    ///     while let Some(event) = ws.receive(&mut input, out)? {
    ///         messages.extend(event.into_message());
    ///     }
    ///     Ok(())
    /// }
    /// # let mut inbox = Inbox::new();
    /// # inbox.append(b"\x89\x80\0\0\0\0\x81\x82\0\0\0\0ab"); // a ping, a text
    /// # let mut ws = Connection::server(Config::default());
    /// # let mut messages = Vec::new();
    /// # collect(&mut ws, &mut inbox, &mut Outbox::new(), &mut messages)?;
    /// # assert_eq!(messages, ["ab".into()]);
    /// # Ok::<(), ProtocolError>(())
    /// ```
    #[must_use]
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Text(text) => Some(text.into()),
            Self::Binary(bytes) => Some(bytes.into()),
            Self::Ping(_) | Self::Pong(_) | Self::Close(_) => None,
        }
    }

    /// Copies the payload if it is borrowed, so that the event can be kept.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Text(text) => Event::Text(Cow::Owned(text.into_owned())),
            Self::Binary(bytes) => Event::Binary(Cow::Owned(bytes.into_owned())),
            Self::Ping(payload) => Event::Ping(Cow::Owned(payload.into_owned())),
            Self::Pong(payload) => Event::Pong(Cow::Owned(payload.into_owned())),
            Self::Close(reason) => Event::Close(reason.map(CloseReason::into_owned)),
        }
    }
}

/// Prints text [escaped](crate::escaped).
impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(&Escaped(text)).finish(),
            Self::Binary(bytes) => f.debug_tuple("Binary").field(bytes).finish(),
            Self::Ping(payload) => f.debug_tuple("Ping").field(payload).finish(),
            Self::Pong(payload) => f.debug_tuple("Pong").field(payload).finish(),
            Self::Close(reason) => f.debug_tuple("Close").field(reason).finish(),
        }
    }
}

/// A chunk of a message, or a control frame from the peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChunkEvent<'a> {
    /// A chunk of a message.
    Chunk(Chunk<'a>),
    /// A control frame: [`Event::Ping`], [`Event::Pong`] or [`Event::Close`]. It may come between
    /// two chunks of a message.
    Control(Event<'a>),
}

impl ChunkEvent<'_> {
    /// Copies the payload if it is borrowed, so that the event can be kept.
    #[must_use]
    pub fn into_owned(self) -> ChunkEvent<'static> {
        match self {
            Self::Chunk(chunk) => ChunkEvent::Chunk(chunk.into_owned()),
            Self::Control(event) => ChunkEvent::Control(event.into_owned()),
        }
    }
}

/// A part of a message, as it arrived. Chunks come in order, but where one ends means nothing (RFC
/// 6455 §5.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chunk<'a> {
    /// The bytes. Empty only in a last chunk, if all bytes of the message came before.
    pub data: ChunkData<'a>,
    /// `true` if the message begins with this chunk.
    pub first: bool,
    /// `true` if the message ends with this chunk.
    pub last: bool,
}

impl Chunk<'_> {
    /// Copies the bytes if they are borrowed, so that the chunk can be kept.
    #[must_use]
    pub fn into_owned(self) -> Chunk<'static> {
        Chunk { data: self.data.into_owned(), first: self.first, last: self.last }
    }
}

/// The bytes of a [`Chunk`]. All chunks of one message are of the same kind.
///
/// A chunk of text consists of whole code points. One that the input splits comes in the next
/// chunk.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ChunkData<'a> {
    /// Part of a text message.
    Text(Cow<'a, str>),
    /// Part of a binary message.
    Binary(Cow<'a, [u8]>),
}

impl ChunkData<'_> {
    /// Returns the bytes, of either kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Copies the bytes if they are borrowed.
    #[must_use]
    pub fn into_owned(self) -> ChunkData<'static> {
        match self {
            Self::Text(text) => ChunkData::Text(Cow::Owned(text.into_owned())),
            Self::Binary(bytes) => ChunkData::Binary(Cow::Owned(bytes.into_owned())),
        }
    }
}

/// Prints text [escaped](crate::escaped).
impl fmt::Debug for ChunkData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(&Escaped(text)).finish(),
            Self::Binary(bytes) => f.debug_tuple("Binary").field(bytes).finish(),
        }
    }
}

/// A control frame that we owe the peer. It is plain data and can be sent to another thread.
///
/// [`Event::reply`] and [`ProtocolError::reply`](crate::ProtocolError::reply) return it,
/// [`Writer::reply`](crate::connection::Writer::reply) writes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reply {
    opcode: OpCode,
    len: u8, // Invariant: at most CONTROL_PAYLOAD_MAX
    payload: [u8; CONTROL_PAYLOAD_MAX],
}

impl Reply {
    /// Creates a reply with the payload of these pieces, at most 125 bytes in all.
    pub(crate) fn new(opcode: OpCode, pieces: &[&[u8]]) -> Self {
        debug_assert!(pieces.iter().map(|piece| piece.len()).sum::<usize>() <= CONTROL_PAYLOAD_MAX);
        let mut payload = [0; CONTROL_PAYLOAD_MAX];
        let mut free = &mut payload[..];
        for piece in pieces {
            let n = piece.len().min(free.len());
            let (slots, rest) = free.split_at_mut(n);
            slots.copy_from_slice(piece.split_at(n).0);
            free = rest;
        }
        let len = CONTROL_PAYLOAD_MAX.saturating_sub(free.len()).try_into().unwrap_or(u8::MAX);
        Self { opcode, len, payload }
    }

    /// Returns [`OpCode::PONG`] or [`OpCode::CLOSE`].
    #[must_use]
    pub const fn opcode(&self) -> OpCode {
        self.opcode
    }

    /// Returns the payload of the frame, at most 125 bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.payload.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Prints the length of the payload, not its bytes: they may be a user's data.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("opcode", &self.opcode).field("len", &self.len).finish()
    }
}

impl ProtocolError {
    /// Returns the Close frame for the peer, with the [close code](Self::close_code) and the
    /// [reason](Self::close_reason) (RFC 6455 §7.1.7).
    ///
    /// Only for [halves](crate::Connection::split). A whole connection has already written it.
    #[must_use]
    pub fn reply(self) -> Reply {
        let code = self.close_code().number().to_be_bytes();
        Reply::new(OpCode::CLOSE, &[&code, self.close_reason().as_bytes()])
    }
}
