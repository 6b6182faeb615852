//! WebSocket behind HTTP stacks: hyper, axum and h2, in memory.

mod axum;
mod frames;
mod handshakes;
mod http2;
mod hyper;
mod support;
