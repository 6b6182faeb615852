//! The WebSocket protocol (RFC 6455) as state machines that do no I/O.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod connection;
mod error;
pub mod extension;
pub mod frame;
pub mod handshake;
mod input;
mod limits;
mod role;
pub mod uri;
mod utf8;

pub use connection::{Config, Connection, Event};
pub use error::{CutOff, Error, Misuse, Violation};
pub use frame::CloseCode;
pub use handshake::{ClientHandshake, ServerHandshake};
pub use input::Input;
pub use limits::Limits;
pub use role::{Client, MaskingKeys, RandomKeys, Role, Server};
pub use uri::Uri;
