//! The opening handshake (RFC 6455 §4): HTTP/1.1 heads in and out, and a [`Connection`](crate::Connection) in the end.
//!
//! [`ServerHandshake`] and [`ClientHandshake`] are machines like the connection: they read an
//! [`Input`](crate::Input), write into the caller's output, and give `Ok(None)` until the head is complete. The bytes behind
//! the head stay in the input, for the connection. [`ProxyHandshake`] is of the same shape and comes before a client's, where
//! the way leads through an HTTP proxy.
//!
//! What is not here: sockets, TLS, timeouts (a caller should give up on a handshake that takes too long), redirects, HTTP
//! routing.
//!
//! A server:
//!
//! ```
//! use hybi::handshake::{Accept, Rejection};
//! use hybi::{Config, Input, ServerHandshake};
//!
//! let (mut handshake, mut out) = (ServerHandshake::new(Config::default()), Vec::new());
//! let mut inbox = *b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
//! let mut input = Input::new(&mut inbox);
//! if let Some(request) = handshake.receive(&mut input, &mut out)? {
//!     if request.path() != "/chat" {
//!         handshake.reject(&Rejection::new(404), &mut out)?;
//!     } else {
//!         let mut ws = handshake.accept(&request, &Accept::from_same_origin(), &mut out)?;
//!         // out: HTTP/1.1 101 Switching Protocols ...
//!         assert_eq!(ws.receive(&mut input, &mut out)?, None);
//!     }
//! }
//! assert!(out.starts_with(b"HTTP/1.1 101 "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A client:
//!
//! ```
//! use hybi::handshake::{Answer, ClientRequest};
//! use hybi::{ClientHandshake, Config, Input, Uri};
//!
//! let uri = Uri::parse("ws://server.example.com/chat")?;
//! let (nonce, keys) = (*b"the sample nonce", || [1, 2, 3, 4]); // for tests only; else ClientHandshake::new
//! let mut out = Vec::new();
//! let request = ClientRequest::new(&uri).subprotocol("chat");
//! let mut handshake = ClientHandshake::with_keys(&request, Config::default(), nonce, keys, &mut out)?;
//! assert!(out.starts_with(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"));
//!
//! let mut inbox = *b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
//! match handshake.receive(&mut Input::new(&mut inbox))? {
//!     Some(Answer::Open(_ws, response)) => assert_eq!(response.subprotocol(), Some("chat")),
//!     Some(Answer::Refused(refused)) => println!("no: {}", refused.response().status()),
//!     None => {} // feed more
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod error;
mod extra;
mod head;
mod key;
mod limits;
mod origin;
mod proxy;
mod request;
mod response;
mod scan;
mod server;
mod subprotocol;

pub use client::{Answer, ClientHandshake, ClientRequest};
pub use error::{HandshakeMisuse, RequestError, ResponseError, ServerError};
pub use head::Headers;
pub use key::accept_key;
pub use limits::HeadLimits;
pub use proxy::{ProxyAnswer, ProxyHandshake};
pub use request::Request;
pub use response::{Refused, Response};
pub use server::{Accept, Rejection, ServerHandshake};
pub use subprotocol::choose_subprotocol;
