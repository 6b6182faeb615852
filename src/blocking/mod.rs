//! Clients and servers over blocking streams, for programs without an asynchronous runtime.
//!
//! # A client
//!
//! ```no_run
//! # #[cfg(feature = "rand")] {
//! use hybi::blocking;
//! use hybi::keepalive::KeepaliveConfig;
//! use std::time::Duration;
//!
//! let mut ws = blocking::connect("ws://localhost:9001/")?;
//! ws.set_keepalive(KeepaliveConfig::default()); // notices a server that vanishes
//!
//! ws.send("Hello")?; // text from a &str, binary from a &[u8]
//! while let Some(message) = ws.receive()? {
//!     println!("{message:?}");
//!     if message.as_text() == Some("bye") {
//!         break;
//!     }
//! }
//! let closed = ws.terminate(Duration::from_secs(5)); // waits for the server's Close frame
//! println!("closed: {closed}");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A server
//!
//! A [`Hub`] serves each connection in a thread of its own. This is a whole chat: it survives slow
//! readers, clients that vanish, floods, messages that are too long, pages of other origins, a log
//! that nobody reads, and it ends in order on Ctrl-C. It is also the example `small_chat`, which
//! tests do all that to. Beside hybi, it needs this dependency:
//!
//! ```toml
//! ctrlc = { version = "3.5", features = ["termination"] }
//! ```
//!
//! ```no_run
#![doc = include_str!("../../examples/small_chat.rs")]
//! ```
//!
//! The hub bounds the number and the memory of connections. Whatever goes wrong with one of them
//! ends that one. The origins are yours to name, and so is the time that a client has to wait after
//! each message.
//!
//! [`Hub::peers`] returns all connections. For rooms, keep a map of your own, such as
//! `Mutex<HashMap<String, Vec<Peer>>>`. Let each connection leave its room in the `Drop` of a
//! value, because `receive()?` may end the handler early: see `User` and `Room` of the example
//! `chat`.
//!
//! For one connection at a time, or with an accept loop of your own, [`receive_request`] is enough.
//!
//! # Things to know
//!
//! - **The end.** `receive` returns `None` once the connection is over, and
//!   [`closed`](WebSocket::closed) tells how. An error of a call that receives is final, except for
//!   [`Error::TimedOut`].
//! - **Why nothing can be sent.** After the peer has closed, a call that sends fails with
//!   [`Error::Closed`] and the peer's reason: `ws.send(..)?` tells it. But only a call that
//!   receives sees the Close frame. Who sends much and receives nothing sends to the end, in vain:
//!   receive between two messages or parts, or in another thread.
//! - **Time-outs.** [`set_read_timeout`](WebSocket::set_read_timeout) bounds one call that
//!   receives, [`set_write_timeout`](WebSocket::set_write_timeout) one that sends. Nothing is lost
//!   when they pass. No peer can put them off: a call looks at the clock after each read, and after
//!   at most 256 messages and control frames.
//! - **Two peers that both send much.** [`send`](WebSocket::send) does not read. If both wait until
//!   the other reads, they wait for ever: set a write time-out, or send and receive in two threads.
//!   Calls that receive write what is left meanwhile.
//! - **Control frames.** Pings and Close frames are answered while you receive.
//!   [`receive_event`](WebSocket::receive_event) shows them.
//! - **Long messages.** [`receive_chunk`](WebSocket::receive_chunk) and
//!   [`receive_up_to`](WebSocket::receive_up_to) return a part of one,
//!   [`send_part`](WebSocket::send_part) sends one: memory stays bounded, and progress can be
//!   shown. The example `upload` does both. In a [`Hub`], where any thread may send to any
//!   connection, messages are sent whole.
//! - **Taking over, handing over.** [`WebSocket::new`] takes a connection whose handshake was done
//!   elsewhere, [`into_parts`](WebSocket::into_parts) gives everything back.
//! - **Two threads.** [`split`](WebSocket::split) makes a [`Reader`] and a [`Writer`] with the same
//!   verbs. Any clone of the writer can end the connection, as at Ctrl-C:
//!   [`terminate`](Writer::terminate). A call that connects ends only by its time-out; a program
//!   that is to end need not wait for it.
//! - **Connecting again.** [`ConnectError::is_transient`] and [`Closed::is_transient`] tell whether
//!   that is worth it. Wait before, longer each time and for a random time.
//! - **`wss:`.** With feature `rustls`, [`connect`] does TLS, and its `TlsStream` is for servers.
//!   For another TLS crate, [`Stream`] tells what its stream has to do, and [`Connector`] where it
//!   comes in.
//! - **TCP.** Every TCP socket gets `TCP_NODELAY`, because messages are written whole.
//!
//! This is a thin layer: all protocol logic lives in [`Connection`](crate::Connection),
//! [`ServerHandshake`](crate::ServerHandshake) and [`ClientHandshake`](crate::ClientHandshake).
//! Here are buffers, waiting, and the order of closing. Threads are started only by a [`Hub`], two
//! for each connection, and for what cannot be interrupted while [connecting](Connector). No
//! redirect is followed.
//!
//! # Why these signatures
//!
//! - The end is `None` and not a message, so that `while let Some(message) = ws.receive()?` is the
//!   whole loop. A time-out is an error, as in `std`, so that nobody takes it for a message.
//! - Messages and events are owned. Nearly every program that blocks keeps, forwards or parses them
//!   while it sends, and a borrowed one would lock the connection meanwhile.
//! - [`flush`](WebSocket::flush) fails with a time-out if bytes are left, but
//!   [`send`](WebSocket::send) does not: the message is queued, and sending it again would send it
//!   twice.
//! - [`terminate`](WebSocket::terminate) cannot fail: afterwards the connection is over.

mod acceptor;
mod ahead;
mod chunks;
mod clock;
#[cfg(feature = "rand")]
mod connector;
#[cfg(feature = "rand")]
mod dial;
mod halves;
mod hub;
mod link;
#[cfg(feature = "rand")]
mod look_up;
mod maybe_tls;
mod parts;
#[cfg(feature = "rand")]
mod proxy;
mod receive_loop;
mod received;
#[cfg(feature = "rand")]
mod schedule;
mod stream;
mod timeouts;
#[cfg(feature = "rustls")]
mod tls;
mod transfer;
mod violation;
mod websocket;

pub use acceptor::{Acceptor, Pending, receive_request};
#[cfg(feature = "rand")]
pub use connector::{ClientSocket, Connector, connect};
pub use halves::{Reader, Writer};
pub use hub::{Arrival, Hub, HubConfig, HubEvent, Peer, PeerError, SendError, Session};
pub use maybe_tls::MaybeTls;
pub use parts::Parts;
#[cfg(feature = "rustls")]
pub use rustls;
pub use stream::{Shared, Stream, TryClone, Untimed};
#[cfg(feature = "rustls")]
pub use tls::TlsStream;
pub use websocket::WebSocket;

pub use crate::adapter::{AcceptError, AddressError, ConnectError, Error, HttpProxy};
#[doc(no_inline)]
pub use crate::connection::{Abnormal, Closed, ReadyState};
