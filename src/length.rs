//! Conversion of 64-bit lengths on the wire to lengths in memory, which may have fewer bits.

/// Returns the length as a `usize`, or the largest `usize` if it does not fit. Callers deal with
/// the excess once that many bytes are done.
///
/// Built with `--cfg hybi_usize_32`, it returns what a 32-bit target would, so that tests can check
/// that on any machine.
#[inline]
pub(crate) fn in_memory(len: u64) -> usize {
    let len = if cfg!(hybi_usize_32) { len.min(u32::MAX.into()) } else { len };
    usize::try_from(len).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_itself_as_far_as_it_can_be() {
        let max = if cfg!(hybi_usize_32) { u64::from(u32::MAX) } else { usize::MAX as u64 };
        for len in
            (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]).chain([u64::MAX])
        {
            assert_eq!(in_memory(len) as u64, len.min(max), "{len:#x}");
        }
    }
}
