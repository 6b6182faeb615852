//! WebSocket (RFC 6455) for tokio, on the protocol core [`hybi`].
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

mod clock;
mod driver;
mod ending;
mod error;
mod halves;
mod opening;
mod outgoing;
mod parts;
mod spare;
mod wakers;
mod websocket;

pub use error::Error;
pub use halves::{Reader, ReuniteError, Writer};
pub use hybi;
pub use outgoing::Outgoing;
pub use parts::Parts;
pub use websocket::WebSocket;
