//! Headers that reads have split (RFC 6455 §5.2).

use super::partial::Partial;
use super::rules::Rules;
use crate::error::ProtocolError;
use crate::frame::{HEADER_BYTES_MAX, Header};
use crate::input::Input;
use crate::role::Role;

/// The bytes of a header that have arrived: fewer than it has.
pub(crate) type PartialHeader = Partial<HEADER_BYTES_MAX>;

/// Reads a header, of which `partial` has arrived before. Returns `None`, and has read all input
/// into `partial`, if more bytes must follow.
pub(crate) fn read<R: Role>(
    partial: &mut PartialHeader,
    rules: &Rules<'_>,
    input: &mut Input<'_>,
) -> Result<Option<Header>, ProtocolError> {
    while let Some(byte) = input.take(1) {
        partial.push(byte);
        if let Some((header, _)) = rules.check::<R>(partial.bytes())? {
            return Ok(Some(header));
        }
    }
    Ok(None)
}
