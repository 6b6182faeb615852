//! A key that permits what only those who run a server may do.

use hybi::handshake::{Rejection, Request};

pub(crate) struct Key(String);

impl Key {
    /// Returns the key in this variable of the environment, or a new one. Arguments would be seen
    /// by every user of the machine.
    pub(crate) fn from_environment(variable: &str) -> Self {
        let given = std::env::var(variable).ok().filter(|key| !key.is_empty());
        Self(given.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>())))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a request has it: `Authorization: Bearer KEY`.
    pub(crate) fn is_in(&self, request: &Request<'_>) -> bool {
        let wanted = format!("Bearer {}", self.0);
        let given = request.field("authorization").unwrap_or_default();
        // All bytes are compared, so that the time tells nothing.
        let pairs = given.iter().zip(wanted.as_bytes());
        given.len() == wanted.len() && pairs.fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

/// The response to a request without the key.
pub(crate) fn is_missing() -> Rejection<'static> {
    Rejection::new(401)
        .field("WWW-Authenticate", "Bearer")
        .body("text/plain", "The key is missing or wrong: Authorization: Bearer KEY\n")
}
