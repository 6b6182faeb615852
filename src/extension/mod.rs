//! Extensions (RFC 6455 §9): `Sec-WebSocket-Extensions` as lists of [`Offer`]s, and
//! permessage-deflate (RFC 7692) with feature `deflate`.

#[cfg(feature = "deflate")]
pub mod deflate;
#[cfg(not(feature = "deflate"))]
pub(crate) mod deflate_absent;
#[cfg(not(feature = "deflate"))]
pub(crate) use deflate_absent as deflate;
mod offer;

pub use offer::{ExtensionsError, Offer, Offers, Params};
