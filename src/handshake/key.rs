//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455 §1.3, §4.2.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// RFC 6455 §1.3.
const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The length of a key, in base64 (RFC 6455 §4.1).
const KEY_LEN: usize = 24;

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
    let digest = match key.try_into() {
        Ok(key) => Sha1::digest(with_guid(key)),
        Err(_) => Sha1::new().chain_update(key).chain_update(GUID).finalize(),
    };
    let mut accept = [0; 28];
    let written = STANDARD.encode_slice(digest, &mut accept);
    debug_assert!(written == Ok(28)); // 20 bytes are 28 characters
    accept
}

/// Returns the key followed by the GUID. In one piece it is hashed a third faster than in two.
fn with_guid(key: &[u8; KEY_LEN]) -> [u8; KEY_LEN + GUID.len()] {
    let mut whole = [0; KEY_LEN + GUID.len()];
    if let Some((start, end)) = whole.split_first_chunk_mut() {
        *start = *key;
        end.copy_from_slice(GUID);
    }
    whole
}

/// Returns the key of a nonce.
pub(super) fn encode_key(nonce: [u8; 16]) -> [u8; 24] {
    let mut key = [0; 24];
    let written = STANDARD.encode_slice(nonce, &mut key);
    debug_assert!(written == Ok(24)); // 16 bytes are 24 characters
    key
}

/// Returns whether this is base64 of 16 bytes (RFC 6455 §4.2.1): 22 digits and two `=`.
///
/// The last digit has four bits more than the 16 bytes. RFC 4648 §3.5 lets decoders refuse others
/// than zero, but a key is only hashed, and clients exist whose keys have them.
pub(super) fn is_key(key: &[u8]) -> bool {
    let Some((digits, b"==")) = key.split_first_chunk::<22>() else { return false };
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'+') | (byte == b'/');
    // All digits rather than up to the first bad one: LLVM vectorizes this.
    digits.iter().fold(true, |good, &byte| good & is_digit(byte))
}

#[cfg(test)]
mod tests {
    use base64::alphabet;
    use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

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
    fn keys_of_any_length_are_hashed() {
        for len in 0..=130 {
            let key = alloc::vec![b'k'; len];
            let digest = Sha1::digest([&key[..], GUID].concat());
            assert_eq!(&accept_key(&key)[..], STANDARD.encode(digest).as_bytes(), "{len}");
        }
    }

    /// A change of any byte leaves a key if a decoder reads 16 bytes.
    #[test]
    fn keys_are_what_a_decoder_reads() {
        let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
        let decoder = GeneralPurpose::new(&alphabet::STANDARD, config);
        for at in 0..24 {
            for byte in 0..=u8::MAX {
                let mut key = *b"dGhlIHNhbXBsZSBub25jZQ==";
                key[at] = byte;
                let want = decoder.decode(key).is_ok_and(|nonce| nonce.len() == 16);
                assert_eq!(is_key(&key), want, "{byte:#x} at {at}");
            }
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
