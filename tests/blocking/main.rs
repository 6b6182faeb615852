//! `hybi::blocking` over scripted streams, where every read and write is laid down, and over real sockets.
#![cfg(feature = "rand")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod connection;
mod halves;
mod handshake;
mod stream;
