//! What `Sec-WebSocket-Extensions` says (RFC 6455 §9.1): lists of [`Offer`]s.

pub(crate) mod grammar;

pub use grammar::{Malformed, Offer, Offers, Params};
