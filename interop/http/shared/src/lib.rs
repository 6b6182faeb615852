//! What the crates under `interop/http` share, so that each shows only what its HTTP stack needs.

pub mod client;
pub mod pump;
pub mod server;
