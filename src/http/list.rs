//! Tokens and comma-separated lists of them (RFC 9110 §5.6).

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
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
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
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|&byte| byte == b',').map(trim).filter(|element| !element.is_empty())
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
