//! A real headless Chromium talks to our server, on the page of the example `echo_server`; and our client talks to
//! Chromium, whose DevTools protocol drives the page.
//!
//! `cargo test --test browser -- --ignored`
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

mod closing;
mod devtools;
mod echo;
mod page;
mod receiving;
mod server;
