//! The WebSocket protocol (RFC 6455, RFC 7692) as a library that does no I/O.
//!
//! A message in, a message out:
//!
//! ```
//! use hybi::{Config, Connection, Event, Inbox, Outbox};
//!
//! let mut ws = Connection::server(Config::default()); // usually made by a handshake
//! let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
//! inbox.append(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); // usually read from a socket
//!
//! if let Some(Event::Text(text)) = ws.receive(&mut inbox.input(), &mut out)? {
//!     ws.send(&text, &mut out)?;
//! }
//! assert_eq!(out, b"\x81\x05Hello");
//! # Ok::<(), hybi::Error>(())
//! ```
//!
//! You read bytes into an [`Inbox`], a [`Connection`] turns them into events, and what it writes
//! waits in an [`Outbox`] until your transport takes it. Sockets, clocks and threads are yours: any
//! runtime, any transport, a fuzzer or a slice of bytes can drive it. For programs that want a
//! blocking socket and nothing else, there is [`blocking`].
//!
//! # A server, from the handshake on
//!
//! The opening handshake comes first. You see the request, then accept or reject it. The bytes
//! after the request's head belong to the connection.
//!
//! ```
//! use hybi::handshake::{Acceptance, HeadLimits};
//! use hybi::{Connection, Event, Inbox, Outbox, Server, ServerHandshake};
//!
//! type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
//!
//! /// Whatever this returns, write `out`: an error has its refusal there. `None`: read more.
//! fn open(
//!     handshake: &mut ServerHandshake,
//!     inbox: &mut Inbox,
//!     out: &mut Outbox,
//! ) -> Result<Option<Connection<Server>>> {
//!     let Some(request) = handshake.receive(&mut inbox.input(), out)? else { return Ok(None) };
//!     Ok(Some(handshake.accept(&request, &Acceptance::from_same_origin(), out)?))
//! }
//!
//! /// Whatever this returns, write `out`: an error has its Close frame there.
//! fn echo(ws: &mut Connection<Server>, inbox: &mut Inbox, out: &mut Outbox) -> Result<()> {
//!     let mut input = inbox.input();
//!     while let Some(event) = ws.receive(&mut input, out)? {
//!         match event {
//!             Event::Text(text) => ws.send(&text, out)?,
//!             Event::Binary(data) => ws.send(&data, out)?,
//!             _ => {} // replies to pings and Close frames are in `out`
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
//! inbox.append(
//!     b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
//!     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//!     Sec-WebSocket-Version: 13\r\n\r\n\
//!     \x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", // usually read from a socket
//! );
//! let mut handshake = ServerHandshake::new(HeadLimits::default());
//! if let Some(mut ws) = open(&mut handshake, &mut inbox, &mut out)? {
//!     assert!(out.take().starts_with(b"HTTP/1.1 101 Switching Protocols\r\n")); // to be written
//!     echo(&mut ws, &mut inbox, &mut out)?;
//!     assert_eq!(out, b"\x81\x05Hello"); // to be written
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The [guide](docs::guide) has the loops over sockets around it, blocking and not.
//!
//! A client is the mirror image: [`ClientHandshake`] writes the request and ends in a
//! [`Connection`] that masks what it sends. The [`Connection`] page has the rules of the loop.
//!
//! # Where to read on
//!
//! - [The guide](docs::guide): loops over sockets, flow control, large messages, threads, time.
//! - [Behind a reverse proxy](docs::reverse_proxies): nginx, HAProxy, Caddy and nghttpx.
//! - [Behind an HTTP stack](docs::http): header lists, `http` types, HTTP/2 and HTTP/3.
//! - [Architecture](docs::architecture): the layers, and how a byte becomes an event.
//! - [Design](docs::design): decisions and their reasons, what is absent, every dependency.
//! - [Security](docs::security), [compression](docs::compression), [names of
//!   errors](docs::errors), [format of exports](docs::export),
//!   [conformance](docs::conformance), [interoperation](docs::interop),
//!   [performance](docs::performance), and [what comes from other systems](docs::systems).
//!
//! # Modules
//!
//! | module | contents | RFC 6455 |
//! |---|---|---|
//! | [`frame`] | headers, masks and close codes as values; builds any frame, legal or not | §5.2, §5.3, §7.4 |
//! | [`connection`] | the established connection: messages, fragments, control frames, closing | §5 to §8 |
//! | [`relay`] | frames passed on by a proxy, checked and not assembled | §5 |
//! | [`keepalive`] | pings and deadlines, by a clock of yours | §5.5.2 |
//! | [`export`] | connections that move to another process: the state as bytes, and back | |
//! | [`extension`] | the extensions that a peer names; permessage-deflate (RFC 7692) | §9 |
//! | [`handshake`] | the opening handshake, both roles; HTTP `CONNECT` through a proxy | §4 |
//! | [`uri`] | `ws:` and `wss:` URIs | §3 |
//! | [`utf8`] | validation of text, with wide vectors | §8.1 |
//! | [`blocking`] | connect, accept, receive, send and close over `std::net` or any stream | |
//! | [`adapter`] | what `blocking` shares with adapters for other runtimes: errors, proxies | |
//!
//! # Features
//!
//! - `std` (default): [`blocking`] and [`adapter`]. Without it the crate is `no_std` with `alloc`.
//! - `rand` (default): masking keys and nonces from a CSPRNG: [`RandomKeys`].
//! - `simd` (default): masking and text validation with the processor's wide vectors. It changes
//!   speed, and nothing else.
//! - `deflate`: permessage-deflate.
//! - `rustls`: `wss:` in [`blocking`], and TLS for its servers.
//! - `http`: the [handshake] in the types of the `http` crate, such as [`handshake::Request`] from
//!   an `http::Request`.
//! - `extra-platforms`: for targets without atomic compare-and-swap; passed on to `bytes`.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// In all code that is shipped, but not in its tests.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
pub mod adapter;
#[cfg(feature = "std")]
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
pub mod blocking;
mod buffers;
pub mod connection;
mod copy;
mod error;
mod escaped;
pub mod export;
pub mod extension;
pub mod frame;
pub mod handshake;
mod http;
mod input;
pub mod keepalive;
mod keys;
mod length;
pub mod relay;
mod role;
pub mod uri;
pub mod utf8;

#[doc(inline)]
pub use buffers::{Inbox, Outbox};
pub use bytes::Bytes;
#[doc(inline)]
pub use connection::{Config, Connection, Event, Limits, Message, Utf8Bytes};
pub use error::{CutOff, EndOfInputError, Error, ProtocolError, UsageError};
pub use escaped::escaped;
#[doc(inline)]
pub use frame::CloseCode;
#[doc(inline)]
pub use handshake::{ClientHandshake, ServerHandshake};
pub use input::Input;
pub use keys::{MaskingKeys, RandomKeys};
pub use role::{Client, Role, Server};
#[doc(inline)]
pub use uri::Uri;

/// The documents of the repository, as pages.
///
/// Links from one page to another work here. Links to other files, such as the evidence behind a
/// claim, work in the repository only.
#[cfg(any(doc, doctest))]
pub mod docs {
    // A link that a page defines for the repository is defined here first, for this
    // documentation: the first definition wins.

    /// [design]: design
    /// [`export`]: crate::export
    /// [architecture]: architecture
    /// [compression]: compression
    /// [HTTP stack]: http
    /// [reverse proxies]: reverse_proxies
    /// [security]: security
    #[doc = include_str!("../docs/guide.md")]
    pub mod guide {}

    /// [Behind a reverse proxy]: reverse_proxies
    /// [Security]: security
    /// [Names of errors]: errors
    /// [format of exports]: export
    /// [compression]: compression
    /// [Performance]: performance
    #[doc = include_str!("../docs/operating.md")]
    pub mod operating {}

    /// [HTTP stack]: http
    /// [Names of errors]: errors
    #[doc = include_str!("../docs/reverse-proxies.md")]
    pub mod reverse_proxies {}

    /// [guide]: guide
    /// [key]: interop#an-answer-to-a-key-over-http2-and-http3
    /// [tried]: interop#over-http2-and-http3
    // Its examples need these features.
    #[cfg(any(doc, all(feature = "deflate", feature = "http")))]
    #[doc = include_str!("../docs/http.md")]
    pub mod http {}

    /// [Design]: design
    /// [format]: export
    #[doc = include_str!("../docs/architecture.md")]
    pub mod architecture {}

    /// [guide]: guide
    /// [format]: export
    /// [architecture]: architecture
    /// [interop]: interop
    /// [Performance]: performance
    #[doc = include_str!("../docs/design.md")]
    pub mod design {}

    /// [guide]: guide
    /// [imported]: export
    /// [compression]: compression
    /// [conformance]: conformance
    #[doc = include_str!("../docs/security.md")]
    pub mod security {}

    // Its example needs these features.
    #[cfg(any(doc, all(feature = "deflate", feature = "rand")))]
    #[doc = include_str!("../docs/compression.md")]
    pub mod compression {}

    /// [`export`]: crate::export
    #[doc = include_str!("../docs/export.md")]
    pub mod export {}

    /// [Design]: design
    #[doc = include_str!("../docs/errors.md")]
    pub mod errors {}

    #[doc = include_str!("../docs/conformance.md")]
    pub mod conformance {}

    /// [conformance]: conformance
    /// [compression]: compression
    /// [guide]: guide
    /// [design]: design
    /// [Behind an HTTP stack]: http
    /// [Behind a reverse proxy]: reverse_proxies
    /// [HTTP/2 through a proxy]: reverse_proxies#websocket-over-http2
    #[doc = include_str!("../docs/interop.md")]
    pub mod interop {}

    /// [compression]: compression
    /// [handover]: operating#handover-step-by-step
    #[doc = include_str!("../docs/performance.md")]
    pub mod performance {}

    #[doc = include_str!("../docs/systems.md")]
    pub mod systems {}
}

/// The example of the README, which is compiled with the doc tests.
#[cfg(all(doctest, feature = "rand"))]
#[doc = include_str!("../README.md")]
struct Readme;
