//! WebSocket in a handler of axum, over HTTP/1.1 and HTTP/2, and a client over plain TCP.

pub mod client;
pub mod server;
