// The repository shows this page, too: a link that it defines for that is defined here first.
//! [guide]: crate::guide
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// In all code that is shipped, but not in its tests.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod acceptor;
#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub mod axum;
mod clock;
mod connector;
mod dial;
mod driver;
mod exchange;
// The repository shows this page, too: a link that it defines for that is defined here first.
/// [hybi]: crate::hybi
#[doc = include_str!("../docs/guide.md")]
#[cfg(all(
    any(doc, doctest),
    feature = "axum",
    feature = "deflate",
    feature = "http2",
    feature = "rustls"
))]
pub mod guide {}
mod halves;
#[cfg(feature = "http2")]
#[cfg_attr(docsrs, doc(cfg(feature = "http2")))]
pub mod http2;
#[cfg(feature = "http2")]
mod http2_stream;
#[cfg(feature = "hyper")]
#[cfg_attr(docsrs, doc(cfg(feature = "hyper")))]
pub mod hyper;
mod maybe_tls;
mod outgoing;
mod parts;
mod proxy;
#[cfg(feature = "socks")]
mod socks;
mod spare;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(feature = "hyper")]
mod upgraded_stream;
mod wakers;
mod websocket;

pub use acceptor::{Acceptor, Pending, receive_request};
pub use connector::{ClientSocket, Connector, connect};
pub use halves::{Reader, ReuniteError, Writer};
/// The protocol core, whose types this crate takes and returns.
pub use hybi;
#[doc(inline)]
pub use hybi::adapter::{AcceptError, AddressError, ConnectError, Error, HttpProxy};
pub use maybe_tls::MaybeTls;
pub use outgoing::Outgoing;
pub use parts::Parts;
pub use proxy::Proxy;
/// TLS. The configuration for [`Connector::tls`] is `tokio_rustls::rustls::ClientConfig`.
#[cfg(feature = "rustls")]
#[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
pub use tokio_rustls;
pub use websocket::WebSocket;
