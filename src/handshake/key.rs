//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455 §1.3, §4.2.2).

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{Engine, alphabet};
use sha1::{Digest, Sha1};

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Returns the `Sec-WebSocket-Accept` that proves to a client that a WebSocket server has read its
/// `Sec-WebSocket-Key` (RFC 6455 §4.2.2). For testers: a
/// [`ServerHandshake`](super::ServerHandshake) does this automatically.
///
/// The key is taken as it is, valid or not.
///
/// ```
/// use hybi::handshake::accept_key;
///
/// assert_eq!(&accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; 28];
    let written = STANDARD.encode_slice(digest, &mut accept);
    debug_assert!(written == Ok(28)); // 20 bytes are 28 characters
    accept
}

/// Returns the key of a nonce.
pub(super) fn encode_key(nonce: [u8; 16]) -> [u8; 24] {
    let mut key = [0; 24];
    let written = STANDARD.encode_slice(nonce, &mut key);
    debug_assert!(written == Ok(24)); // 16 bytes are 24 characters
    key
}

/// Reads keys. The last digit of a key has four bits more than the 16 bytes. RFC 4648 §3.5 lets
/// decoders refuse others than zero, but a key is only hashed, and clients exist whose keys have
/// them.
const KEY_READER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Returns whether this is base64 of 16 bytes (RFC 6455 §4.2.1): 22 digits and two `=`.
pub(super) fn is_key(key: &[u8]) -> bool {
    // The decoder wants room for whole groups.
    key.len() == 24 && KEY_READER.decode_slice(key, &mut [0; 18]) == Ok(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_keys() {
        for (key, accept) in [
            (b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), // RFC 6455 §1.3
            (b"x3JJHMbDL1EzLkh9GBhXDw==", b"HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
            // RFC 6455 §4.1 before erratum 3150; it is hashed as it was sent.
            (b"AQIDBAUGBwgJCgsMDQ4PEC==", b"OfS0wDaT5NoxF2gqm7Zj2YtetzM="),
        ] {
            assert_eq!(&accept_key(key), accept);
            assert!(is_key(key));
        }
    }

    #[test]
    fn keys_of_nonces() {
        assert_eq!(&encode_key(*b"the sample nonce"), b"dGhlIHNhbXBsZSBub25jZQ=="); // RFC 6455 §1.3
        let counted = core::array::from_fn(|at| at as u8 + 1);
        assert_eq!(&encode_key(counted), b"AQIDBAUGBwgJCgsMDQ4PEA=="); // erratum 3150
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZ=Q=",
            "dGhlIHNhbXBsZSBub25jZQ=Q",
            "dGhlIHNhbXBsZSBub25jZTE=", // 17 bytes
            "dGhlIHNhbXBsZSBub25jZXMh", // 18 bytes
            "dGhlIHNhbXBsZSBub25j====",
            "dGhlIHNhbXBsZSBub25j",
            "dGhlIHNhbXBs-SBub25jZQ==",
            "dGhlIHNhbXBs SBub25jZQ==",
            "========================",
        ] {
            assert!(!is_key(text.as_bytes()), "{text:?}");
        }
    }
}
