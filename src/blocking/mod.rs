//! WebSocket for programs without an asynchronous runtime: connect, accept, read, send and close over a `TcpStream` or any other
//! stream, with time-outs (feature `std`).
//!
//! Thin: every decision about the protocol is the machines' ([`Connection`](crate::Connection),
//! [`ServerHandshake`](crate::ServerHandshake), [`ClientHandshake`](crate::ClientHandshake)); here are only buffers,
//! waiting, and the order of closing. What is not here: TLS (bring a stream that does it), threads (bring your own;
//! [`split`](WebSocket::split) makes halves for two of them), and following redirects.

mod accept;
mod clock;
#[cfg(feature = "rand")]
mod connect;
mod halves;
mod incoming;
mod stream;
mod transfer;
mod websocket;

pub use accept::{AcceptError, Acceptor, Pending, accept};
#[cfg(feature = "rand")]
pub use connect::{ConnectError, Connector, Refusal, connect};
pub use halves::{Reader, Writer};
pub use incoming::{Abnormal, Closed, Error, Incoming, ReadyState};
pub use stream::{Shared, Stream, TryClone, Untimed};
pub use websocket::WebSocket;
