//! The WebSocket protocol (RFC 6455) as state machines that do no I/O.
//!
//! A machine is fed with what was read from the peer and appends what is to be written. Sockets, clocks and threads are the
//! caller's: any runtime, any transport, a fuzzer or a slice of bytes can drive it. For programs that want no more than a
//! blocking socket, [`blocking`] is the thin layer that does.
//!
//! # A server in five minutes
//!
//! First the opening handshake: the request is shown, then accepted or rejected. What follows its head in the input belongs
//! to the connection, which is the second machine, with the same three verbs: receive, send, and write the output.
//!
//! ```
//! use hybi::handshake::Accept;
//! use hybi::{Config, Event, Input, ServerHandshake};
//!
//! let mut out = Vec::new(); // what is to be written; yours
//! let mut inbox = *b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\
//!     \x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"; // what was read; yours, too
//! let mut input = Input::new(&mut inbox);
//!
//! let mut handshake = ServerHandshake::new(Config::default());
//! let Some(request) = handshake.receive(&mut input, &mut out)? else { panic!("more to read") };
//! assert_eq!(request.path(), "/chat");
//! let mut ws = handshake.accept(&request, &Accept::from_same_origin(), &mut out)?;
//! assert!(out.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
//! out.clear(); // written
//!
//! while let Some(event) = ws.receive(&mut input, &mut out)? {
//!     match event {
//!         Event::Text(text) => ws.send_text(&text, &mut out)?,
//!         Event::Binary(data) => ws.send_binary(&data, &mut out)?,
//!         Event::Close(reason) => println!("closed: {reason:?}"), // the reply is in `out`
//!         _ => {} // so are pongs
//!     }
//! }
//! assert_eq!(out, b"\x81\x05Hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A client is the mirror image: [`ClientHandshake`] writes the request and ends in a [`Connection`] that masks what it sends.
//! The [`Connection`] page has the rules of the loop; `docs/guide.md` shows it over a socket, with flow control, time, two
//! threads, and large messages.
//!
//! # Layers
//!
//! | module | what it is | RFC 6455 |
//! |---|---|---|
//! | [`frame`] | headers, masks and close codes as values; any frame can be built, legal or not | §5.2, §5.3, §7.4 |
//! | [`connection`] | the established connection: messages, fragments, control frames, closing, keep-alive | §5 to §8 |
//! | [`extension`] | what extensions a peer names; permessage-deflate (RFC 7692) with feature `deflate` | §9 |
//! | [`uri`] | `ws:` and `wss:` URIs | §3 |
//! | [`handshake`] | the opening handshake, both roles; HTTP `CONNECT` through a proxy | §4 |
//! | [`blocking`] | connect, accept, read, send and close over `std::net` or any stream | |
//!
//! # Features
//!
//! - `std` (default): [`blocking`]. Without it the crate is `no_std` with `alloc`.
//! - `rand` (default): masking keys and nonces from a CSPRNG: [`RandomKeys`].
//! - `simd` (default): wide vectors for masking and for validating text, where the processor has them.
//! - `deflate`: permessage-deflate.
//!
//! A feature adds API; it changes nothing else.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    test,
    allow(
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
pub mod blocking;
pub mod connection;
mod error;
pub mod extension;
pub mod frame;
pub mod handshake;
mod input;
mod length;
mod limits;
mod role;
pub mod uri;
mod utf8;

pub use connection::{Config, Connection, Event};
pub use error::{CutOff, Error, Misuse, Violation};
pub use frame::CloseCode;
pub use handshake::{ClientHandshake, ServerHandshake};
pub use input::Input;
pub use limits::Limits;
pub use role::{Client, MaskingKeys, RandomKeys, Role, Server};
pub use uri::Uri;

/// The examples of the README and the guide, which are compiled and run with the doc tests.
#[cfg(all(doctest, feature = "rand"))]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;

    #[doc = include_str!("../docs/guide.md")]
    struct Guide;
}
