//! The programs of `examples/`, started as their users would, and driven over WebSocket.
//!
//! `cargo test` builds the examples before it runs this; with `--test examples` alone, build them
//! first.

#[path = "../../examples/reconnect/policy.rs"]
mod policy;
mod policy_rules;
mod program;
mod reconnecting;
mod serving;
