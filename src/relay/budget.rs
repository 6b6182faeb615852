//! Counts of what passes in one direction, and bounds on them.

use core::fmt;

use crate::frame::CloseCode;

/// The amounts that one side has sent since the counts were last
/// [taken](super::Relay::take_counts).
///
/// Every frame whose header was read counts, even if it is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counts {
    /// Bytes on the wire: headers and payloads. A control frame counts at once.
    pub bytes: u64,
    /// Frames of all kinds.
    pub frames: u64,
    /// Pings, pongs and Close frames.
    pub control_frames: u64,
    /// Data frames without a payload.
    pub empty_frames: u64,
}

/// Bounds on what one side may send until the [`Counts`] are taken. By default there are none.
///
/// The relay knows no time. To allow a number per second, take the counts once a second:
///
/// ```
/// use hybi::relay::{Budget, Relay, RelayConfig, Side};
///
/// let mut relay = Relay::with_keys(RelayConfig::default(), || [1, 2, 3, 4]); // for tests only
/// relay.set_budget(Side::Client, Budget::default().control_frames_max(100));
/// // every second:
/// let counts = relay.take_counts(Side::Client);
/// assert_eq!(counts.bytes, 0); // for a metric or an invoice
/// ```
///
/// To slow a side down instead of ending the connection, set no budget: look at the
/// [counts](super::Relay::counts), and do not read from its transport for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    bytes: u64,
    frames: u64,
    control_frames: u64,
    empty_frames: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: u64::MAX, frames: u64::MAX, control_frames: u64::MAX, empty_frames: u64::MAX }
    }
}

impl Budget {
    /// Sets the most bytes on the wire. Of a longer payload, the part within the budget passes.
    #[must_use]
    pub const fn bytes_max(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the most frames of all kinds.
    #[must_use]
    pub const fn frames_max(mut self, frames: u64) -> Self {
        self.frames = frames;
        self
    }

    /// Sets the most pings, pongs and Close frames together. A Close frame that is over the budget
    /// is refused, too, so leave room for one.
    #[must_use]
    pub const fn control_frames_max(mut self, frames: u64) -> Self {
        self.control_frames = frames;
        self
    }

    /// Sets the most data frames without a payload.
    #[must_use]
    pub const fn empty_frames_max(mut self, frames: u64) -> Self {
        self.empty_frames = frames;
        self
    }

    /// Checks what has been counted.
    pub(super) fn check(&self, counts: &Counts) -> Result<(), BudgetError> {
        let Counts { bytes, frames, control_frames, empty_frames } = *counts;
        if control_frames > self.control_frames {
            Err(BudgetError::ControlFrames)
        } else if empty_frames > self.empty_frames {
            Err(BudgetError::EmptyFrames)
        } else if frames > self.frames {
            Err(BudgetError::Frames)
        } else if bytes > self.bytes {
            Err(BudgetError::Bytes)
        } else {
            Ok(())
        }
    }

    /// Returns how many bytes may still pass.
    pub(super) const fn bytes_left(&self, counts: &Counts) -> u64 {
        self.bytes.saturating_sub(counts.bytes)
    }
}

/// The part of its [`Budget`] that a side has exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BudgetError {
    /// More than [`Budget::bytes_max`].
    Bytes,
    /// More than [`Budget::frames_max`].
    Frames,
    /// More than [`Budget::control_frames_max`].
    ControlFrames,
    /// More than [`Budget::empty_frames_max`].
    EmptyFrames,
}

impl BudgetError {
    /// The close code that both sides get: 1008.
    pub(super) const CLOSE_CODE: CloseCode = CloseCode::POLICY_VIOLATION;

    /// Returns the reason that both sides get.
    pub(super) const fn close_reason(self) -> &'static str {
        match self {
            Self::Bytes => "RFC 6455 section 10.4: more bytes than this relay passes",
            Self::Frames => "RFC 6455 section 10.4: more frames than this relay passes",
            Self::ControlFrames => {
                "RFC 6455 section 10.4: more control frames than this relay passes"
            }
            Self::EmptyFrames => "RFC 6455 section 10.4: more empty frames than this relay passes",
        }
    }

    /// Returns a code for logs, metrics and other languages, such as `"budget-bytes"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "budget-bytes",
            Self::Frames => "budget-frames",
            Self::ControlFrames => "budget-control-frames",
            Self::EmptyFrames => "budget-empty-frames",
        }
    }
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, budget) = match self {
            Self::Bytes => ("bytes", "bytes_max"),
            Self::Frames => ("frames", "frames_max"),
            Self::ControlFrames => ("control frames", "control_frames_max"),
            Self::EmptyFrames => ("empty frames", "empty_frames_max"),
        };
        write!(f, "the peer sent more {what} than Budget::{budget} allows (RFC 6455 §10.4)")
    }
}

impl core::error::Error for BudgetError {}
