//! What happened on a connection: the values that receiving yields.

use alloc::borrow::Cow;
use core::fmt;

use crate::error::Violation;
use crate::frame::{CONTROL_PAYLOAD_MAX, CloseReason, OpCode};

/// Something that the peer sent: a whole message, or a control frame.
///
/// What it borrows is the caller's input buffer, if one frame held it all and had arrived whole; otherwise it is
/// owned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A text message.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
    /// A ping with its payload, at most 125 bytes. With automatic replies the pong is already in the output.
    Ping(Cow<'a, [u8]>),
    /// A pong with its payload, at most 125 bytes: the answer to a ping, or unasked for.
    Pong(Cow<'a, [u8]>),
    /// The peer's Close frame, the last event of a connection. `None`: it named no code, which programs call 1005
    /// (RFC 6455 §7.1.5). With automatic replies the answer is already in the output.
    Close(Option<CloseReason<'a>>),
}

impl Event<'_> {
    /// The reply that the protocol asks for: a pong for a ping (RFC 6455 §5.5.2), for a Close frame another with
    /// the same code and reason (§5.5.1).
    ///
    /// Needed with [manual replies](crate::connection::Replies::Manual) and with
    /// [halves](crate::Connection::split); otherwise the connection has already sent it.
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
}

/// Something that the peer sent: a chunk of a message as it arrived, or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChunkEvent<'a> {
    /// Some of a message.
    Chunk(Chunk<'a>),
    /// A control frame: [`Event::Ping`], [`Event::Pong`] or [`Event::Close`]. It may come between two chunks.
    Control(Event<'a>),
}

/// Some of a message, as it arrived: its borders mean nothing (RFC 6455 §5.4), its order does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The bytes. Empty only if nothing else tells that a message ends.
    pub data: ChunkData<'a>,
    /// Whether the message begins here.
    pub first: bool,
    /// Whether the message ends here.
    pub last: bool,
}

/// The bytes of a [`Chunk`], all of a message of one kind.
///
/// A chunk of text is whole code points: one that the input cut in two comes in the next chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkData<'a> {
    /// Part of a text message.
    Text(Cow<'a, str>),
    /// Part of a binary message.
    Binary(Cow<'a, [u8]>),
}

impl ChunkData<'_> {
    /// The bytes, of either kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// A control frame that we owe the peer: plain data that may go to another thread.
///
/// Made by [`Event::reply`] and [`Violation::reply`](crate::Violation::reply), sent by
/// [`Connection::reply`](crate::Connection::reply) or [`Sender::reply`](crate::connection::Sender::reply).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    opcode: OpCode,
    len: u8, // Invariant: at most CONTROL_PAYLOAD_MAX
    payload: [u8; CONTROL_PAYLOAD_MAX],
}

impl Reply {
    /// A reply whose payload is these pieces, which together have at most 125 bytes.
    pub(crate) fn new(opcode: OpCode, pieces: &[&[u8]]) -> Self {
        debug_assert!(pieces.iter().map(|piece| piece.len()).sum::<usize>() <= CONTROL_PAYLOAD_MAX);
        let mut payload = [0; CONTROL_PAYLOAD_MAX];
        let mut free = &mut payload[..];
        for piece in pieces {
            let n = piece.len().min(free.len());
            let (slots, behind) = free.split_at_mut(n);
            slots.copy_from_slice(piece.split_at(n).0);
            free = behind;
        }
        let len = CONTROL_PAYLOAD_MAX.saturating_sub(free.len()).try_into().unwrap_or(u8::MAX);
        Self { opcode, len, payload }
    }

    /// [`OpCode::PONG`] or [`OpCode::CLOSE`].
    #[must_use]
    pub const fn opcode(&self) -> OpCode {
        self.opcode
    }

    /// What the frame will carry.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.payload.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({:?}, {:02x?})", self.opcode, self.payload())
    }
}

impl Violation {
    /// The Close frame that tells the peer, with the [close code](Self::close_code) and no reason (RFC 6455
    /// §7.1.7).
    #[must_use]
    pub fn reply(self) -> Reply {
        Reply::new(OpCode::CLOSE, &[&self.close_code().number().to_be_bytes()])
    }
}
