//! Extensions (RFC 6455 §9): what `Sec-WebSocket-Extensions` says, as lists of [`Offer`]s, and the one extension that
//! there is: `deflate`, with the feature of that name.

#[cfg(feature = "deflate")]
pub mod deflate;
#[cfg(not(feature = "deflate"))]
#[path = "deflate/absent.rs"]
pub(crate) mod deflate;
pub(crate) mod grammar;

pub use grammar::{Malformed, Offer, Offers, Params};
