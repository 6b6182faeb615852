//! HTTP credentials (RFC 7617), and percent-encoding (RFC 3986 §2.1).

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Returns `Basic` credentials (RFC 7617 §2), or `None` if a user name has a colon, or either has a
/// control character.
pub(crate) fn basic_credentials(user: &[u8], password: &[u8]) -> Option<String> {
    let has_control = |bytes: &[u8]| bytes.iter().any(u8::is_ascii_control);
    if user.contains(&b':') || has_control(user) || has_control(password) {
        return None;
    }
    let mut value = String::from("Basic ");
    STANDARD.encode_string([user, password].join(&b':'), &mut value);
    Some(value)
}

/// Decodes percent-encoded text, which is part of a valid URI.
pub(crate) fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        decoded.push(match byte {
            b'%' => ((digit().unwrap_or_default() << 4) | digit().unwrap_or_default()) as u8,
            _ => byte,
        });
    }
    decoded
}
