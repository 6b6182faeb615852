//! The opening handshake (RFC 6455 §4): a request, an answer, and in the end a
//! [`Connection`](crate::Connection).
//!
//! [`ServerHandshake`] and [`ClientHandshake`] work like the connection: they read an
//! [`Input`](crate::Input), write to an [`Outbox`](crate::Outbox), and return `Ok(None)` until the
//! head is complete, or a refusal with its body. The bytes after the head stay in the input, for
//! the connection. [`ProxyHandshake`] has the same shape and comes before a client's, on the way
//! through an HTTP proxy.
//!
//! The rules read a method, a target, a version and fields, never bytes, and answer in values. So
//! one set of rules serves the handshakes above and any HTTP stack that parses and writes heads
//! itself. A server makes a [`Request`] [from parts](Request::from_parts) and asks
//! [`Acceptance::check`]; a client sends what [`ClientRequest::prepare_with_nonce`] returns, or
//! [`ClientRequest::prepare_connect`] in HTTP/2 and HTTP/3, and opens the connection with the
//! response. Feature `http` does both in the types of the `http`
//! crate. [Behind an HTTP stack](crate::docs::http) has examples.
//!
//! The fields of a handshake are values, too, for an upgrade that you write by hand and for tests.
//! Each is parsed from bytes and printed, and the rules use no other parser:
//!
//! | field | value |
//! |---|---|
//! | `Sec-WebSocket-Key` | [`Key`] |
//! | `Sec-WebSocket-Accept` | [`AcceptKey`] |
//! | `Sec-WebSocket-Version` | [`WebSocketVersion`] |
//! | `Sec-WebSocket-Protocol` | [`Subprotocol`] |
//! | `Sec-WebSocket-Extensions` | [`Offer`](crate::extension::Offer) |
//!
//! Not here: sockets, TLS, time-outs (give up on a handshake that takes too long), redirects, and
//! HTTP routing.
//!
//! A server:
//!
//! ```
//! use hybi::handshake::{Acceptance, HeadLimits, Rejection, ServerHandshakeError};
//! use hybi::{Connection, Inbox, Outbox, Server, ServerHandshake};
//!
//! enum Step {
//!     ReadMore,
//!     Rejected, // close the transport
//!     Open(Connection<Server>),
//! }
//!
//! /// Whatever this returns, write `out`. After an error, close the transport then.
//! fn step(
//!     handshake: &mut ServerHandshake,
//!     inbox: &mut Inbox,
//!     out: &mut Outbox,
//! ) -> Result<Step, ServerHandshakeError> {
//!     let Some(request) = handshake.receive(&mut inbox.input(), out)? else {
//!         return Ok(Step::ReadMore);
//!     };
//!     if request.path() != "/chat" {
//!         handshake.reject(&Rejection::new(404), out)?;
//!         return Ok(Step::Rejected);
//!     }
//!     let ws = handshake.accept(&request, &Acceptance::from_same_origin(), out)?;
//!     Ok(Step::Open(ws)) // and what remains in the inbox is for it
//! }
//!
//! let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
//! inbox.append(
//!     b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
//!     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//!     Sec-WebSocket-Version: 13\r\n\r\n",
//! );
//! let mut handshake = ServerHandshake::new(HeadLimits::default());
//! let step = step(&mut handshake, &mut inbox, &mut out)?;
//! assert!(matches!(step, Step::Open(_)));
//! assert!(out.take().starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A client:
//!
//! ```
//! use hybi::handshake::{Answer, ClientRequest};
//! use hybi::{ClientHandshake, Inbox, Outbox, Uri};
//!
//! let uri = Uri::parse("ws://server.example.com/chat")?;
//! // For tests only; outside of them use `ClientHandshake::new`.
//! let (nonce, keys) = (*b"the sample nonce", || [1, 2, 3, 4]);
//! let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
//! let request = ClientRequest::new(&uri).subprotocol("chat");
//! let mut handshake = ClientHandshake::with_keys(&request, nonce, keys, &mut out)?;
//! assert!(out.take().starts_with(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"));
//!
//! inbox.append(
//!     b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
//!     Sec-WebSocket-Protocol: chat\r\n\r\n",
//! );
//! match handshake.receive(&mut inbox.input())? {
//!     Some(Answer::Open(_ws, response)) => assert_eq!(response.subprotocol(), Some("chat")),
//!     Some(Answer::Refused(refusal)) => println!("refused: {refusal}"),
//!     None => {} // read more; at the end, call `end_of_input`
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acceptance;
mod allowed_origin;
mod client;
mod client_request;
mod connect_rules;
mod connect_setting;
mod error;
mod extra_fields;
#[cfg(feature = "http")]
mod http_types;
mod key;
mod known;
mod origin;
mod proxy;
mod refusal;
mod rejection;
mod request;
mod request_rules;
mod response;
mod response_rules;
mod server;
mod subprotocol;
mod websocket_version;
mod write;

pub use acceptance::{Acceptance, Accepted};
pub use allowed_origin::OriginError;
pub use client::{Answer, ClientHandshake};
pub use client_request::{ClientRequest, PreparedRequest};
pub use connect_setting::{ConnectSetting, ConnectSettingError};
pub use error::{HandshakeUsageError, RequestError, ResponseError, ServerHandshakeError};
pub use extra_fields::FieldValue;
pub use key::{AcceptKey, Key};
pub use proxy::{ProxyAnswer, ProxyHandshake, ProxyRequest};
pub use refusal::Refusal;
pub use rejection::{Rejected, Rejection};
pub use request::{Request, RequestParts};
pub use response::{Response, ResponseParts};
pub use server::ServerHandshake;
pub use subprotocol::Subprotocol;
pub use websocket_version::WebSocketVersion;

pub use crate::http::HeadLimits;
pub use crate::http::fields::Fields;
pub use crate::http::head::HttpVersion;
