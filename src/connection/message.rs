//! Messages that own their bytes.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use bytes::Bytes;

use super::data::{Data, Kind};
use crate::escaped::Escaped;

#[cfg(target_has_atomic = "ptr")]
type Shared = alloc::sync::Arc<String>;
/// Targets without atomic pointers have no `Arc`. A clone copies there.
#[cfg(not(target_has_atomic = "ptr"))]
type Shared = String;

/// A whole message that owns its payload. Clones share it.
///
/// [`Event::into_message`](crate::Event::into_message) makes one of what was received, and [`From`]
/// of the text or bytes in it.
///
/// ```
/// use hybi::{Config, Connection, Message, Outbox};
///
/// let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
/// for message in [Message::from("Hello"), Message::from(vec![1, 2, 3])] {
///     ws.send_owned(message, &mut out)?;
/// }
/// assert_eq!(out, b"\x81\x05Hello\x82\x03\x01\x02\x03");
/// # Ok::<(), hybi::UsageError>(())
/// ```
///
/// RFC 6455 has these two kinds of messages, so there will be no third variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
}

impl Message {
    /// Returns whether the message is text or binary.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Binary(_) => Kind::Binary,
        }
    }

    /// Returns the payload, of either kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Returns the text of a text message, and `None` for a binary message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Returns the payload, of either kind, without copying it.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// Shared text: bytes that are known to be UTF-8. Clones share them.
///
/// ```
/// use hybi::Utf8Bytes;
///
/// let text = Utf8Bytes::from("grüße");
/// assert_eq!(text.to_uppercase(), "GRÜSSE"); // it dereferences to `str`
/// assert_eq!(Utf8Bytes::try_from(vec![0xff]).unwrap_err().into_bytes(), [0xff]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utf8Bytes(Shared);

impl Utf8Bytes {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text as shared bytes, without copying them.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        /// Keeps the text alive for the bytes.
        struct Owner(Shared);

        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        #[cfg(target_has_atomic = "ptr")]
        let shared = match Shared::try_unwrap(self.0) {
            Ok(text) => return text.into_bytes().into(),
            Err(shared) => shared,
        };
        #[cfg(not(target_has_atomic = "ptr"))]
        let shared = self.0;
        Bytes::from_owner(Owner(shared))
    }

    /// Returns the text as a `String`. Copies it only if it is shared.
    #[must_use]
    pub fn into_string(self) -> String {
        #[cfg(target_has_atomic = "ptr")]
        return Shared::unwrap_or_clone(self.0);
        #[cfg(not(target_has_atomic = "ptr"))]
        return self.0;
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Prints the text [escaped](crate::escaped), in quotes.
impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.as_str()).fmt(f)
    }
}

/// Prints the text as it is. To a terminal or a log, print it [escaped](crate::escaped).
impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq<str> for Utf8Bytes {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Utf8Bytes {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        String::from(text).into()
    }
}

impl From<Utf8Bytes> for String {
    fn from(text: Utf8Bytes) -> Self {
        text.into_string()
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.into_bytes()
    }
}

/// Checks the bytes. The error returns them.
impl TryFrom<Vec<u8>> for Utf8Bytes {
    type Error = alloc::string::FromUtf8Error;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        String::from_utf8(bytes).map(Self::from)
    }
}

/// Checks the bytes. Copies them only if they are shared. The error returns them.
impl TryFrom<Bytes> for Utf8Bytes {
    type Error = alloc::string::FromUtf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        Vec::from(bytes).try_into()
    }
}

impl From<Utf8Bytes> for Message {
    fn from(text: Utf8Bytes) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(&bytes[..])
    }
}

/// Copies the text only if it is borrowed.
impl From<Cow<'_, str>> for Message {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(text.into_owned())
    }
}

/// Copies the bytes only if they are borrowed.
impl From<Cow<'_, [u8]>> for Message {
    fn from(bytes: Cow<'_, [u8]>) -> Self {
        Self::from(bytes.into_owned())
    }
}

/// Copies the payload.
impl From<Data<'_>> for Message {
    fn from(data: Data<'_>) -> Self {
        match data {
            Data::Text(text) => text.into(),
            Data::Binary(bytes) => bytes.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shared_and_given_back_without_a_copy() {
        let text = String::from("shared");
        let address = text.as_ptr();
        let message = Message::from(text);
        let clone = message.clone();
        assert_eq!(clone.as_bytes().as_ptr(), address);
        let bytes = clone.into_bytes(); // while the other one lives
        assert_eq!(bytes.as_ptr(), address);
        assert_eq!(message.into_bytes().as_ptr(), address);
        drop(bytes);
    }
}
