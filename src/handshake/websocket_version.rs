//! `Sec-WebSocket-Version` (RFC 6455 §4.3).

use core::fmt;

/// A `Sec-WebSocket-Version` (RFC 6455 §4.3): a number from 0 to 255. `Display` prints it as the
/// field has it.
///
/// ```
/// use hybi::handshake::{RequestError, WebSocketVersion};
///
/// fn check(field: &[u8]) -> Result<(), RequestError> {
///     match WebSocketVersion::parse(field) {
///         Some(WebSocketVersion::V13) => Ok(()),
///         _ => Err(RequestError::Version), // its rejection tells the client ours
///     }
/// }
/// assert_eq!(check(b"13"), Ok(()));
/// assert_eq!(check(b"8").unwrap_err().status(), 426);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebSocketVersion(u8);

impl WebSocketVersion {
    /// The version of RFC 6455, and the only one that is spoken here.
    pub const V13: Self = Self(13);

    /// Parses the value of a field, without white space around it. Returns `None` if it is not a
    /// number from 0 to 255, without leading zeros (RFC 6455 §4.3).
    #[must_use]
    #[inline]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (first, rest) = value.split_first()?;
        if *first == b'0' && !rest.is_empty() {
            return None;
        }
        let number = value.iter().try_fold(0_u8, |number, byte| {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            number.checked_mul(10)?.checked_add(digit)
        });
        number.map(Self)
    }

    /// Returns the number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for WebSocketVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
