//! Tokens and comma-separated lists of them (RFC 9110 §5.6).

use core::iter;

/// Returns bytes that are known to be ASCII as text.
pub(crate) fn text(ascii: &[u8]) -> &str {
    core::str::from_utf8(ascii).unwrap_or_default()
}

/// Returns whether the byte may be in a token (RFC 9110 §5.6.2).
#[inline]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    /// Looked up, because heads are mostly tokens.
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut alphabet: &[u8] =
            b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        while let [byte, rest @ ..] = alphabet {
            // A byte is below 256, and this runs in the compiler.
            #[expect(clippy::indexing_slicing)]
            {
                table[*byte as usize] = true;
            }
            alphabet = rest;
        }
        table
    };
    TABLE.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Returns whether this is a token (RFC 9110 §5.6.2), so not empty either.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    // Nearly all names, which takes no table.
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'-');
    !bytes.is_empty() && (all(bytes, is_usual) || bytes.iter().all(|&byte| is_token_byte(byte)))
}

/// Returns whether this holds for all bytes: asks for all of them rather than up to the first bad
/// one, in pieces of which the last overlaps. LLVM vectorizes those, and a rest of single bytes
/// would take longer than they do.
#[inline]
pub(crate) fn all(bytes: &[u8], holds: impl Fn(u8) -> bool) -> bool {
    let for_piece = |piece: &[u8]| piece.iter().fold(true, |so_far, &byte| so_far & holds(byte));
    if let Some(last) = bytes.last_chunk::<16>() {
        let mut all = for_piece(last);
        let mut rest = bytes;
        while let Some((piece, after)) = rest.split_first_chunk::<16>() {
            all &= for_piece(piece);
            rest = after;
        }
        return all;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return for_piece(first) & for_piece(last);
    }
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => for_piece(first) & for_piece(last),
        _ => for_piece(bytes),
    }
}

/// Returns the bytes without the spaces and tabs at both ends.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Returns the elements of a comma-separated list without quoted strings, trimmed. Empty ones are
/// skipped (RFC 9110 §5.6.1.2).
#[inline]
pub(crate) fn elements(mut list: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    iter::from_fn(move || {
        list = skip_empty_elements(list);
        let end = list.iter().position(|&byte| byte == b',').unwrap_or(list.len());
        let (element, rest) = list.split_at_checked(end)?;
        list = rest;
        (!element.is_empty()).then(|| trim(element))
    })
}

/// Returns the list from its next element on, which begins with neither white space nor a comma.
#[inline]
pub(crate) fn skip_empty_elements(mut list: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b',', rest @ ..] = list {
        list = rest;
    }
    list
}

/// Returns whether a text without control characters is this one in any case. It is in lower case:
/// letters and any of `-/:`, which differ from no other such character in the bit of the case.
#[inline]
pub(crate) fn is_in_any_case<const N: usize>(text: &[u8], lower_case: &[u8; N]) -> bool {
    let Ok(text) = <&[u8; N]>::try_from(text) else { return false };
    // All bytes at once rather than up to the first that differs: LLVM vectorizes this.
    let differ = |differ, (&byte, &wanted): (&u8, &u8)| differ | ((byte | 0x20) ^ wanted);
    text.iter().zip(lower_case).fold(0, differ) == 0
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn elements_are_trimmed_and_not_empty() {
        let got: Vec<_> = elements(b" a ,, b\t,\t").collect();
        assert_eq!(got, [b"a", b"b"]);
    }

    /// Whatever the length, and wherever the byte is.
    #[test]
    fn no_byte_is_overlooked() {
        for len in 0..=70 {
            let mut bytes = [b'a'].repeat(len);
            assert!(all(&bytes, |byte| byte == b'a'));
            assert_eq!(is_token(&bytes), len > 0);
            for at in 0..len {
                for (other, is_in_tokens) in [(b'_', true), (b':', false), (b'\r', false)] {
                    let Some(byte) = bytes.get_mut(at) else { panic!() };
                    *byte = other;
                    assert!(!all(&bytes, |byte| byte == b'a'), "{at} of {len}");
                    assert_eq!(is_token(&bytes), is_in_tokens, "{at} of {len}");
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = b'a';
                    }
                }
            }
        }
    }

    #[test]
    fn tokens_are_those_of_the_grammar() {
        // RFC 9110 §5.6.2: any visible character but these delimiters.
        let delimiters = b"(),/:;<=>?@[\\]{}\"";
        for byte in 0..=u8::MAX {
            let want = byte.is_ascii_graphic() && !delimiters.contains(&byte);
            assert_eq!(is_token_byte(byte), want, "{byte:#x}");
        }
        assert!(!is_token(b""));
    }
}
