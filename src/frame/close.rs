//! Close codes and reasons (RFC 6455 §5.5.1, §7.4): which ones a Close frame may carry.

use alloc::borrow::Cow;
use core::fmt;

use crate::escaped::Escaped;

/// A close code that a Close frame may carry: 1000–1003, 1007–1014 or 3000–4999 (RFC 6455 §7.4,
/// IANA).
///
/// The same set is valid for sending and for receiving. 1005 ("no code") and 1006 ("no Close
/// frame") are for programs only and never sent; 1004 and 1015 are reserved, and 1016–2999 are not
/// assigned yet.
///
/// ```
/// use hybi::CloseCode;
///
/// assert_eq!(CloseCode::new(1000), Some(CloseCode::NORMAL));
/// assert_eq!(CloseCode::new(4321).map(CloseCode::number), Some(4321));
/// assert_eq!(CloseCode::new(1005), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16); // Invariant: one of the numbers in the first line

impl CloseCode {
    /// 1000: the connection has served its purpose.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint goes away, such as a server that shuts down or a browser that leaves the
    /// page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke a rule of the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: the endpoint cannot accept this kind of data, such as binary where it expects text.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: the data contradicts its kind, such as a text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a message violates the endpoint's policy. Use it when no other code fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message is too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the client needs an extension that the server did not accept. Only clients send it
    /// (RFC 6455 §7.4.1).
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: an unexpected condition prevents the endpoint from continuing.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the server is overloaded; try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid response from the server it asked (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 3000: the client must authenticate (IANA registry).
    pub const UNAUTHORIZED: Self = Self(3000);
    /// 3003: the client is not allowed to do this (IANA registry).
    pub const FORBIDDEN: Self = Self(3003);
    /// 3008: the peer took too long (IANA registry).
    pub const TIMEOUT: Self = Self(3008);

    /// Returns the code with this number, or `None` if a Close frame must not carry it.
    ///
    /// [`TryFrom`] does the same with an error that names the number.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(number)),
            _ => None,
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Returns what the code means, for people: what the IANA registry says, in a few words. `None`
    /// if nobody has registered it, as the codes of applications (4000–4999).
    ///
    /// ```
    /// use hybi::CloseCode;
    ///
    /// assert_eq!(CloseCode::TOO_BIG.meaning(), Some("message too big"));
    /// assert_eq!(CloseCode::new(4321).and_then(CloseCode::meaning), None);
    /// ```
    #[must_use]
    pub const fn meaning(self) -> Option<&'static str> {
        Some(match self {
            Self::NORMAL => "normal closure",
            Self::GOING_AWAY => "going away",
            Self::PROTOCOL_ERROR => "protocol error",
            Self::UNSUPPORTED_DATA => "unsupported data",
            Self::INVALID_DATA => "invalid frame payload data",
            Self::POLICY_VIOLATION => "policy violation",
            Self::TOO_BIG => "message too big",
            Self::MANDATORY_EXTENSION => "mandatory extension",
            Self::INTERNAL_ERROR => "internal error",
            Self::SERVICE_RESTART => "service restart",
            Self::TRY_AGAIN_LATER => "try again later",
            Self::BAD_GATEWAY => "bad gateway",
            Self::UNAUTHORIZED => "unauthorized",
            Self::FORBIDDEN => "forbidden",
            Self::TIMEOUT => "timeout",
            _ => return None,
        })
    }
}

/// Checks a number, as [`CloseCode::new`].
impl TryFrom<u16> for CloseCode {
    type Error = CloseCodeError;

    fn try_from(number: u16) -> Result<Self, CloseCodeError> {
        Self::new(number).ok_or(CloseCodeError { number })
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.number()
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

/// The error of a number that is no [`CloseCode`] (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CloseCodeError {
    /// The number.
    pub number: u16,
}

impl CloseCodeError {
    /// Returns a code for logs, metrics and other languages: `"usage-close-code"`. It is as stable
    /// as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        "usage-close-code"
    }
}

impl fmt::Display for CloseCodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number } = self;
        write!(
            f,
            "the close code {number} must not be sent; use 1000-1003, 1007-1014 or 3000-4999 \
             (RFC 6455 §7.4)"
        )
    }
}

impl core::error::Error for CloseCodeError {}

/// The code and the reason in a Close frame (RFC 6455 §5.5.1, §7.1.6). The reason may be empty.
///
/// A Close frame without a body has no `CloseReason`. Programs call that close code 1005.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CloseReason<'a> {
    /// Why the connection closes, for programs.
    pub code: CloseCode,
    /// Why it closes, for people: at most [`REASON_BYTES_MAX`](Self::REASON_BYTES_MAX) bytes.
    pub reason: Cow<'a, str>,
}

impl CloseReason<'_> {
    /// The most bytes that a reason may have: 125 in a control frame, less two for the code.
    pub const REASON_BYTES_MAX: usize = super::CONTROL_PAYLOAD_MAX - 2;

    /// Copies the reason if it is borrowed, so that it can be kept.
    #[must_use]
    pub fn into_owned(self) -> CloseReason<'static> {
        CloseReason { code: self.code, reason: Cow::Owned(self.reason.into_owned()) }
    }
}

/// Prints the reason [escaped](crate::escaped).
impl fmt::Debug for CloseReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseReason")
            .field("code", &self.code)
            .field("reason", &Escaped(&self.reason))
            .finish()
    }
}
