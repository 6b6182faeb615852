//! Reasons for which a relay stops.

use core::fmt;

use super::budget::BudgetError;
use crate::connection::Reply;
use crate::error::ProtocolError;
use crate::frame::{CloseCode, OpCode};

/// The reason that nothing more passes from one side. Its Close frames are in the outboxes: see
/// [`Relay::pass`](super::Relay::pass).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RelayError {
    /// The side broke a rule, the same that a [`Connection`](crate::Connection) would have named.
    Protocol(ProtocolError),
    /// The side exceeded its [`Budget`](super::Budget).
    Budget(BudgetError),
    /// The observer returned [`Verdict::Stop`](super::Verdict::Stop), with this code. Both sides
    /// get 1008 instead of 1010, because only clients send that (RFC 6455 §7.4.1).
    Stopped(CloseCode),
}

impl RelayError {
    /// Returns the close code that both sides get.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Protocol(error) => error.close_code(),
            Self::Budget(_) => BudgetError::CLOSE_CODE,
            Self::Stopped(CloseCode::MANDATORY_EXTENSION) => CloseCode::POLICY_VIOLATION,
            Self::Stopped(code) => code,
        }
    }

    /// Returns the reason that both sides get. It is ASCII and has at most 123 bytes.
    #[must_use]
    pub const fn close_reason(self) -> &'static str {
        match self {
            Self::Protocol(error) => error.close_reason(),
            Self::Budget(error) => error.close_reason(),
            Self::Stopped(_) => "stopped by a relay",
        }
    }

    /// Returns a code for logs, metrics and other languages: that of the error in it, or
    /// `"relay-stopped"`. It is as stable as [`ProtocolError::name`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protocol(error) => error.name(),
            Self::Budget(error) => error.name(),
            Self::Stopped(_) => "relay-stopped",
        }
    }

    /// Returns the Close frame that both sides get.
    pub(super) fn close(self) -> Reply {
        let code = self.close_code().number().to_be_bytes();
        Reply::new(OpCode::CLOSE, &[&code, self.close_reason().as_bytes()])
    }
}

impl fmt::Display for RelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Budget(error) => error.fmt(f),
            Self::Stopped(code) => write!(f, "the relay's observer stopped it, with code {code}"),
        }
    }
}

// `Display` prints the inner error, so `source` must not return it again.
impl core::error::Error for RelayError {}

impl From<ProtocolError> for RelayError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<BudgetError> for RelayError {
    fn from(error: BudgetError) -> Self {
        Self::Budget(error)
    }
}
