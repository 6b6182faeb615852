//! Close codes and reasons (RFC 6455 §5.5.1, §7.4): which may stand in a Close frame.

use alloc::borrow::Cow;
use core::fmt;

use crate::error::Misuse;

/// A close code that may stand in a Close frame: 1000–1003, 1007–1014, 3000–4999 (RFC 6455 §7.4, IANA).
///
/// The same set for sending and for receiving. 1005 ("there was no code") and 1006 ("the connection broke")
/// are words for programs and never on the wire; 1004 and 1015 are reserved, 1016–2999 not yet given out.
///
/// ```
/// use hybi::CloseCode;
///
/// assert_eq!(CloseCode::new(1000), Some(CloseCode::NORMAL));
/// assert_eq!(CloseCode::new(4321).map(CloseCode::number), Some(4321));
/// assert_eq!(CloseCode::new(1005), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint goes away: a server shuts down, a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke a rule of the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that the endpoint cannot accept, such as binary at a text-only endpoint.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: data that contradicts its kind, such as a text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a message that violates the endpoint's policy; the one to use when no other fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the client misses an extension that it needs. Only clients send it (RFC 6455 §7.4.1).
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: an unexpected condition prevents the endpoint from going on.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: overload; try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got a bad answer from the server behind it (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code of this number, `None` if it must not stand in a Close frame.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(number)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// Like [`CloseCode::new`], for numbers that come from elsewhere: the error names the number.
impl TryFrom<u16> for CloseCode {
    type Error = Misuse;

    fn try_from(number: u16) -> Result<Self, Misuse> {
        Self::new(number).ok_or(Misuse::CloseCode { number })
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a Close frame says: a code and a reason, which may be empty (RFC 6455 §5.5.1, §7.1.6).
///
/// A Close frame without a body has no `CloseReason`; programs call that code 1005.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason<'a> {
    /// Why the connection is closed, for programs.
    pub code: CloseCode,
    /// Why, for people: at most 123 bytes of UTF-8.
    pub reason: Cow<'a, str>,
}

impl CloseReason<'_> {
    /// The most bytes that a reason may have: a control frame's 125 less the two of the code.
    pub const REASON_BYTES_MAX: usize = super::CONTROL_PAYLOAD_MAX - 2;

    /// The same, without borrowing.
    #[must_use]
    pub fn into_owned(self) -> CloseReason<'static> {
        CloseReason { code: self.code, reason: Cow::Owned(self.reason.into_owned()) }
    }
}
