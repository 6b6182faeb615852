//! WebSocket over HTTP/2 (RFC 8441), behind the crate h2.

pub mod client;
pub mod server;
pub mod tls;
pub mod transport;
