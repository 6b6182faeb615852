//! The programs of `examples/`, tested from outside as their users would: started as programs,
//! driven over WebSocket and over their terminals.
//!
//! `cargo test` builds the examples before it runs this; with `--test systems` alone, build them
//! first.
#![cfg(feature = "rand")]
#![allow(missing_docs, unreachable_pub)]

mod arguments;
mod chat;
mod chat_hosts;
mod chat_names;
mod chat_terminal;
mod client;
#[cfg(target_os = "linux")]
mod client_terminal;
mod endpoints;
mod examples;
mod four_d;
mod inspect;
mod iris_chat;
mod iris_websocket;
mod page;
mod program;
mod push;
mod recipes;
mod reverse_proxies;
mod robustness;
mod small_chat;
#[cfg(feature = "rustls")]
mod tls;
mod upload;
