//! The payload of a message to be sent: text or binary (RFC 6455 §5.6).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::event::ChunkData;
use super::message::{Message, Utf8Bytes};
use crate::error::UsageError;
use crate::escaped::Escaped;
use crate::frame::OpCode;
use crate::utf8;

/// A message to be sent, or a part of one, which borrows its payload.
///
/// The verbs that send take `impl Into<Data>`: a reference to text or to bytes, as you have it.
///
/// ```
/// use hybi::connection::{Data, Kind};
/// use hybi::{Event, Message};
///
/// assert_eq!(Data::from("Hello"), Data::Text("Hello"));
/// assert_eq!(Data::from(b"\x01\x02").kind(), Kind::Binary);
///
/// let message = Message::from("Hello");
/// assert_eq!(Data::from(&message), Data::Text("Hello"));
///
/// if let Event::Text(text) = Event::Text("Hello".into()) {
///     assert_eq!(Data::from(&text), Data::Text("Hello")); // an event's text, borrowed or owned
/// }
/// ```
///
/// RFC 6455 has these two kinds of messages, so there will be no third variant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Data<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// Prints text [escaped](crate::escaped).
impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(&Escaped(text)).finish(),
            Self::Binary(bytes) => f.debug_tuple("Binary").field(bytes).finish(),
        }
    }
}

impl<'a> Data<'a> {
    /// Makes text of bytes, after checking that they are UTF-8 (RFC 6455 §5.6). That is the only
    /// check: sending does none.
    ///
    /// [`Utf8Bytes::try_from`] does the same for a `Vec<u8>` or `Bytes`.
    ///
    /// ```
    /// use hybi::connection::Data;
    /// use hybi::{Config, Connection, Outbox, UsageError};
    ///
    /// fn pass_on(json: &[u8], out: &mut Outbox) -> Result<(), UsageError> {
    ///     let mut ws = Connection::server(Config::default());
    ///     ws.send(Data::from_utf8(json)?, out)
    /// }
    /// assert_eq!(pass_on(b"[1, 2]", &mut Outbox::new()), Ok(()));
    /// assert_eq!(pass_on(b"\xff", &mut Outbox::new()), Err(UsageError::TextNotUtf8));
    /// ```
    ///
    /// # Errors
    ///
    /// [`UsageError::TextNotUtf8`].
    pub fn from_utf8(bytes: &'a [u8]) -> Result<Self, UsageError> {
        utf8::validate(bytes).map(Self::Text).ok_or(UsageError::TextNotUtf8)
    }

    /// Returns whether the payload is text or binary.
    #[inline]
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Binary(_) => Kind::Binary,
        }
    }

    /// Returns the payload, of either kind.
    #[inline]
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a str> for Data<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Data<'a> {
    #[inline]
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Cow<'_, str>> for Data<'a> {
    #[inline]
    fn from(text: &'a Cow<'_, str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Utf8Bytes> for Data<'a> {
    #[inline]
    fn from(text: &'a Utf8Bytes) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Data<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Data<'a> {
    #[inline]
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Data<'a> {
    #[inline]
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Cow<'_, [u8]>> for Data<'a> {
    #[inline]
    fn from(bytes: &'a Cow<'_, [u8]>) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Bytes> for Data<'a> {
    #[inline]
    fn from(bytes: &'a Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Message> for Data<'a> {
    #[inline]
    fn from(message: &'a Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

/// For a message that is passed on as it arrives.
impl<'a> From<&'a ChunkData<'_>> for Data<'a> {
    #[inline]
    fn from(data: &'a ChunkData<'_>) -> Self {
        match data {
            ChunkData::Text(text) => Self::Text(text),
            ChunkData::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

/// The type of a message.
///
/// RFC 6455 has these two, so there will be no third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text: UTF-8.
    Text,
    /// Bytes.
    Binary,
}

impl Kind {
    /// Returns the opcode of the first frame of such a message.
    #[inline]
    #[must_use]
    pub const fn opcode(self) -> OpCode {
        match self {
            Self::Text => OpCode::TEXT,
            Self::Binary => OpCode::BINARY,
        }
    }
}
