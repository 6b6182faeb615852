//! The connection through the public API: what may be received and sent, replies, closing, keepalive, and what errors say.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

#[path = "../../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "a crate of its own elsewhere")]
mod bodies;

mod chunks;
mod closing;
#[path = "../common/corpus.rs"]
mod corpus;
mod errors;
mod frames;
mod in_place;
mod keepalive;
mod properties;
mod receiving;
mod replay;
mod replies;
mod sending;

use bodies::common;
