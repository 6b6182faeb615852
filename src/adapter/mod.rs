//! Code shared by the adapters: the layers over sockets and a clock that drive the core.
//!
//! [`blocking`](crate::blocking) is an adapter, and so is the crate `hybi-tokio`. Code that needs
//! neither a socket nor a runtime is here once. Both adapters re-export it, and a program takes it
//! from the adapter that it uses. For an adapter of yours:
//!
//! | to | use |
//! |---|---|
//! | connect | [`address_of`] and [`interleave`], then RFC 8305 §5; [`ConnectError`] |
//! | go through a proxy | [`HttpProxy`] and [`Tunnel`] |
//! | do TLS, with rustls | `tls` (feature `rustls`) |
//! | accept | [`AcceptError`] |
//! | keep what the handshake said | [`Opening`] |
//! | keep how a connection ended | [`Ending`], [`IoFailure`]; [`leaving_code`] |
//! | fail | [`Error`] |

use core::time::Duration;

mod accept_error;
mod addresses;
mod connect_error;
mod ending;
mod error;
mod http_proxy;
mod io_failure;
mod opening;
#[cfg(feature = "rustls")]
#[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
pub mod tls;
mod tunnel;

pub use accept_error::AcceptError;
pub use addresses::{address_of, interleave};
pub use connect_error::{AddressError, ConnectError};
pub use ending::{Ending, leaving_code};
pub use error::Error;
pub use http_proxy::HttpProxy;
pub use io_failure::IoFailure;
pub use opening::Opening;
pub use tunnel::{Tunnel, TunnelAnswer};

/// How long to wait for the rest of a refusal. It only explains, and some servers never end it.
pub const REFUSAL_WITHIN: Duration = Duration::from_secs(5);
