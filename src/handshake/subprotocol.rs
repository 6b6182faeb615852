//! Choosing a subprotocol (RFC 6455 §1.9, §4.2.2).

use super::request::Request;

/// The first of the subprotocols that the server supports, in the server's order of preference, that the client has
/// offered. Give it to [`Accept::subprotocol`](super::Accept::subprotocol); with `None`, accept without one, or reject.
///
/// Names are compared case-sensitively, as they are registered.
#[must_use]
pub fn choose_subprotocol<'s>(request: &Request<'_>, supported: &[&'s str]) -> Option<&'s str> {
    supported
        .iter()
        .copied()
        .find(|supported| request.subprotocols().any(|offered| offered == *supported))
}
