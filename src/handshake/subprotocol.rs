//! `Sec-WebSocket-Protocol` (RFC 6455 §1.9, §4.3).

use core::fmt;

use crate::http::list::{elements, is_token, text};

/// The name of a subprotocol (RFC 6455 §1.9): a token, in which case matters.
///
/// A request's `Sec-WebSocket-Protocol` is a [list](Self::list) of them, a response's is
/// [one](Self::parse). `Display` prints the name.
///
/// ```
/// use hybi::handshake::{RequestError, Subprotocol};
///
/// let offered = Subprotocol::list(b"v2.chat, v1.chat")
///     .collect::<Option<Vec<_>>>()
///     .ok_or(RequestError::SubprotocolsMalformed)?;
/// assert_eq!(Subprotocol::parse(b"v2.chat"), Some(offered[0]));
/// # Ok::<(), RequestError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subprotocol<'a>(&'a str);

impl<'a> Subprotocol<'a> {
    /// Parses a name, without white space around it. Returns `None` if it is not a token (RFC 9110
    /// §5.6.2).
    #[must_use]
    pub fn parse(name: &'a [u8]) -> Option<Self> {
        is_token(name).then(|| Self(text(name)))
    }

    /// Parses the list in one field line. Several lines are the same as one list (RFC 6455
    /// §11.3.4). Empty elements are skipped (RFC 9110 §5.6.1.2). `None` stands for an element that
    /// is not a token.
    pub fn list(value: &'a [u8]) -> impl Iterator<Item = Option<Self>> + Clone {
        elements(value).map(Self::parse)
    }

    /// Returns the name.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Subprotocol<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
