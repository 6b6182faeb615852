//! `hybi::blocking` over scripted streams, where every read and write is laid down, and over real
//! sockets.
#![cfg(feature = "rand")]
#![allow(missing_docs, unreachable_pub)]

mod calls;
mod chunks;
#[cfg(feature = "deflate")]
mod compression;
mod connection;
mod deadlines;
mod endings;
mod errors;
mod halves;
mod handshake;
#[path = "../common/hooked.rs"]
mod hooked;
mod hub;
mod hub_bounds;
mod optimistic_upgrade;
mod parts;
mod proxies;
mod refusals;
mod sockets;
mod stream;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(feature = "rustls")]
mod tls_records;
#[cfg(feature = "rustls")]
mod tls_times;
mod transient;
