//! A real headless Chromium talks to our server, on the pages of the examples `echo_server`,
//! `chat`, `endpoints` and `push`; and our client talks to Chromium, whose DevTools protocol drives
//! the page.
//!
//! `cargo test --test browser -- --ignored`
//!
//! It needs Chromium and axe-core: `npm install --no-save --prefix target/axe axe-core`.
#![cfg(feature = "rand")]
#![allow(missing_docs, unreachable_pub)]

mod chat;
mod closing;
mod devtools;
mod echo;
mod endpoints;
mod flipbook;
mod handover;
mod iris_chat;
mod local_network;
mod look;
mod page;
mod push;
mod receiving;
mod server;

/// Programs under test: the same as there.
#[allow(dead_code)]
#[path = "../systems/program.rs"]
mod program;
