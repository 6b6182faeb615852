//! WebSocket over HTTP/1.1, behind hyper.

pub mod client;
pub mod server;
