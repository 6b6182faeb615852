//! What `Sec-WebSocket-Extensions` says (RFC 6455 §9.1): lists of [`Offer`]s.

pub(crate) mod grammar;

pub use grammar::{Malformed, Offer, Offers, Params};

#[cfg(feature = "deflate")]
pub mod deflate;
#[cfg(not(feature = "deflate"))]
#[path = "deflate/absent.rs"]
pub(crate) mod deflate;
