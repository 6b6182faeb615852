//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455 §1.3, §4.2.2).

use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::http::list::text;

/// RFC 6455 §1.3.
const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A `Sec-WebSocket-Key` (RFC 6455 §4.1): 16 random bytes in base64. A server proves with its
/// [answer](Self::accept) that it has read it.
///
/// `Display` prints it as the field has it. The handshakes do all of this automatically: this is
/// for testers, and for an upgrade that you write by hand.
///
/// ```
/// use hybi::handshake::{Key, RequestError};
///
/// let key = Key::parse(b"dGhlIHNhbXBsZSBub25jZQ==").ok_or(RequestError::KeyMalformed)?;
/// assert_eq!(key.accept().to_string(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// # Ok::<(), RequestError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 24]); // Invariant: ASCII; so is the next

impl Key {
    /// Returns the key of a nonce, which must be random and used once.
    #[must_use]
    pub fn from_nonce(nonce: [u8; 16]) -> Self {
        let mut key = [0; 24];
        let written = STANDARD.encode_slice(nonce, &mut key);
        debug_assert!(written == Ok(24)); // 16 bytes are 24 characters
        Self(key)
    }

    /// Parses the value of a field, without white space around it. Returns `None` if it is not
    /// base64 of 16 bytes (RFC 6455 §4.2.1): 22 digits and two `=`.
    ///
    /// The last digit has four bits more than the 16 bytes. RFC 4648 §3.5 lets decoders refuse
    /// others than zero, but a key is only hashed, and clients exist whose keys have them.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let key = value.try_into().ok()?;
        are_digits(value.strip_suffix(b"==")?).then_some(Self(key))
    }

    /// Returns the answer to this key (RFC 6455 §4.2.2).
    #[must_use]
    pub fn accept(&self) -> AcceptKey {
        let mut accept = [0; 28];
        let written = STANDARD.encode_slice(Sha1::digest(self.with_guid()), &mut accept);
        debug_assert!(written == Ok(28)); // 20 bytes are 28 characters
        AcceptKey(accept)
    }

    /// Returns the key followed by the GUID. In one piece it is hashed a third faster than in two.
    fn with_guid(&self) -> [u8; 24 + GUID.len()] {
        let mut whole = [0; 24 + GUID.len()];
        if let Some((start, end)) = whole.split_first_chunk_mut() {
            *start = self.0;
            end.copy_from_slice(GUID);
        }
        whole
    }

    /// Returns the key as the field has it.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 24] {
        &self.0
    }
}

/// A `Sec-WebSocket-Accept` (RFC 6455 §4.2.2): the answer to a [`Key`], 20 bytes in base64.
///
/// `Display` prints it as the field has it.
///
/// ```
/// use hybi::handshake::{AcceptKey, Key, ResponseError};
///
/// let key = Key::from_nonce(*b"the sample nonce"); // a random one, outside of tests
/// let answer = AcceptKey::parse(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// if answer != Some(key.accept()) {
///     return Err(ResponseError::Accept); // close the transport
/// }
/// # Ok::<(), ResponseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AcceptKey([u8; 28]);

impl AcceptKey {
    /// Parses the value of a field, without white space around it. Returns `None` if it is not
    /// base64 of 20 bytes: 27 digits and one `=`.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let accept = value.try_into().ok()?;
        are_digits(value.strip_suffix(b"=")?).then_some(Self(accept))
    }

    /// Returns the answer as the field has it.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 28] {
        &self.0
    }
}

/// Returns whether these, 16 to 32, are digits of base64.
fn are_digits(text: &[u8]) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'+') | (byte == b'/');
    // All of them rather than up to the first bad one: LLVM vectorizes this.
    let are = |part: &[u8; 16]| part.iter().fold(true, |good, &byte| good & is_digit(byte));
    // The two overlap.
    text.first_chunk().is_some_and(are) && text.last_chunk().is_some_and(are)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(&self.0))
    }
}

impl fmt::Display for AcceptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl fmt::Debug for AcceptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcceptKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use base64::alphabet;
    use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

    use super::*;

    #[test]
    fn accept_keys() {
        for (key, accept) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), // RFC 6455 §1.3
            ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
            // RFC 6455 §4.1 before erratum 3150; it is hashed as it was sent.
            ("AQIDBAUGBwgJCgsMDQ4PEC==", "OfS0wDaT5NoxF2gqm7Zj2YtetzM="),
        ] {
            let parsed = Key::parse(key.as_bytes()).unwrap();
            assert_eq!(parsed.to_string(), key);
            assert_eq!(parsed.accept().to_string(), accept);
            assert_eq!(AcceptKey::parse(accept.as_bytes()), Some(parsed.accept()));
        }
    }

    /// A change of any byte leaves a value if a decoder reads as many bytes as before.
    #[test]
    fn values_are_what_a_decoder_reads() {
        let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
        let decoder = GeneralPurpose::new(&alphabet::STANDARD, config);
        let decodes_to = |text: &[u8], len| decoder.decode(text).is_ok_and(|it| it.len() == len);
        for byte in 0..=u8::MAX {
            for at in 0..24 {
                let mut key = *b"dGhlIHNhbXBsZSBub25jZQ==";
                key[at] = byte;
                let parsed = Key::parse(&key);
                assert_eq!(parsed.is_some(), decodes_to(&key, 16), "{byte:#x} at {at}");
                assert!(parsed.is_none_or(|parsed| *parsed.as_bytes() == key));
            }
            for at in 0..28 {
                let mut accept = *b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
                accept[at] = byte;
                let parsed = AcceptKey::parse(&accept);
                assert_eq!(parsed.is_some(), decodes_to(&accept, 20), "{byte:#x} at {at}");
                assert!(parsed.is_none_or(|parsed| *parsed.as_bytes() == accept));
            }
        }
    }

    #[test]
    fn keys_of_nonces() {
        let key = |nonce| Key::from_nonce(nonce).to_string();
        assert_eq!(key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ=="); // RFC 6455 §1.3
        let counted = core::array::from_fn(|at| at as u8 + 1);
        assert_eq!(key(counted), "AQIDBAUGBwgJCgsMDQ4PEA=="); // erratum 3150
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
            assert_eq!(Key::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_no_answers() {
        for text in [
            "",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo==",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xO==", // 19 bytes
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOoo", // 21 bytes
            "s3pPLMBiTxaQ9kYG zhZRbK+xOo=",
            "dGhlIHNhbXBsZSBub25jZQ==",
        ] {
            assert_eq!(AcceptKey::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
