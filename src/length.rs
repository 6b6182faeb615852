//! Lengths on the wire, which have 64 bits, as lengths in memory, which need not.

/// As much of a length on the wire as a `usize` can say: what is left over is dealt with when that much has been.
///
/// Built with `--cfg hybi_usize_32`, it answers as a processor with 32 bits would, so that the tests can be run as on one.
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
