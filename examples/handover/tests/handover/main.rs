//! The server from outside, as its clients see it while one process follows the other.
#![allow(missing_docs, unreachable_pub)]

mod chat;
mod client;
mod crowd;
mod failing;
mod moving;
mod service;
mod taking;
