//! A rule that the peer has broken.

use crate::adapter::Ending;
use crate::error::ProtocolError;

#[derive(Clone, Copy, Debug)]
pub(super) struct Violation {
    pub(super) error: ProtocolError,
    /// Our side had sent its Close frame before.
    pub(super) is_after_our_close: bool,
}

impl From<Violation> for Ending {
    fn from(violation: Violation) -> Self {
        Self::protocol(violation.error, violation.is_after_our_close)
    }
}
