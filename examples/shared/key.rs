//! A key that permits what only those who run a server may do.

use hybi::handshake::{Rejection, Request};

/// Its letters may be small or large (RFC 9110 §11.1).
const SCHEME: &[u8] = b"Bearer ";

pub(crate) struct Key(String);

impl Key {
    /// Returns the key in this variable of the environment, or a new one. Arguments would be seen
    /// by every user of the machine.
    pub(crate) fn from_environment(variable: &str) -> Result<Self, String> {
        match std::env::var_os(variable).filter(|key| !key.is_empty()) {
            None => Ok(Self(format!("{:032x}", rand::random::<u128>()))),
            Some(key) => {
                key.into_string().ok().filter(|key| is_token(key)).map(Self).ok_or_else(|| {
                    format!("{variable}: ASCII letters, digits and -._~+/ please, then any =")
                })
            }
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a request has it: `Authorization: Bearer KEY`.
    pub(crate) fn is_in(&self, request: &Request<'_>) -> bool {
        let given = request.field("authorization").unwrap_or_default();
        let Some((scheme, given)) = given.split_at_checked(SCHEME.len()) else { return false };
        // All bytes are compared, so that the time tells nothing.
        let pairs = given.iter().zip(self.0.as_bytes());
        let is_equal = pairs.fold(0, |all, (a, b)| all | (a ^ b)) == 0;
        scheme.eq_ignore_ascii_case(SCHEME) && given.len() == self.0.len() && is_equal
    }
}

/// Returns whether it is a `b64token` (RFC 6750 §2.1), which goes through a URL and a field of a
/// request as it is.
fn is_token(key: &str) -> bool {
    let token = key.trim_end_matches('=');
    let is_part = |char: char| char.is_ascii_alphanumeric() || "-._~+/".contains(char);
    !token.is_empty() && token.chars().all(is_part)
}

/// The response to a request without the key.
pub(crate) fn is_missing() -> Rejection<'static> {
    Rejection::new(401)
        .field("WWW-Authenticate", "Bearer")
        .body("text/plain", "The key is missing or wrong: Authorization: Bearer KEY\n")
}
