//! The [`Limits`] that a reader checks.

use crate::connection::limits::Limits;

/// The [`Limits`] of what is received, in the form in which they are checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReaderLimits {
    pub(crate) frame_bytes_max: u64,
    pub(crate) message_bytes_max: u64,
    pub(crate) fragments_max: u32,
    /// Messages in one frame are within all limits if they have fewer bytes than this. So the
    /// common case takes one comparison.
    pub(crate) whole_end: u32,
}

impl ReaderLimits {
    pub(crate) fn new(limits: &Limits) -> Self {
        let Limits { frame_bytes_max, message_bytes_max, fragments_max, .. } = *limits;
        let whole_end = match fragments_max {
            0 => 0,
            _ => frame_bytes_max.min(message_bytes_max).saturating_add(1),
        };
        let whole_end = u32::try_from(whole_end).unwrap_or(u32::MAX);
        Self { frame_bytes_max, message_bytes_max, fragments_max, whole_end }
    }
}
