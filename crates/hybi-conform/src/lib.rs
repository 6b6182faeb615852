//! Conformance cases for implementations of WebSocket (RFC 6455), and a tester that runs one of
//! them. The command `hybi-conform` drives it over sockets; the tests of hybi and hybi-tokio drive
//! it in memory.
//!
//! Nothing here does I/O, knows the time, or uses hybi, so a fault of hybi's cannot hide itself.
//! The tester writes frames byte by byte, including illegal ones, and reads the answers with a
//! decoder of its own.
//!
//! - [`cases`] makes the cases of a [`Group`]. A [`Case`] knows its id, what it sends, what it
//!   expects, and the section of the RFC that decides.
//! - A [`Tester`] runs one case against one [`Role`]: bytes in, bytes out, and an [`Outcome`].
//! - A stream of HTTP/2 stands for a socket in the group [`http2`]: see [`Tester::of_stream`].
//! - [`memory`] is for implementations that do no I/O: it needs no driver.
//!
//! # Example
//!
//! ```
//! use hybi_conform::{Group, Next, Role, Size, Target, Tester, cases};
//!
//! let case = cases(Group::Autobahn, Size::Reduced).next().unwrap();
//! assert_eq!((case.id(), case.section()), ("1.1.1", "RFC 6455 §5.6"));
//! // A server is tested, so the tester is the client, and speaks first.
//! let mut tester = Tester::of_server(&case, &Target::new("localhost:9001", "/"));
//! assert!(case.tests(Role::Server));
//! assert_eq!(tester.proceed(), Next::Send);
//! assert!(tester.output().starts_with(b"GET / HTTP/1.1\r\nHost: localhost:9001\r\n"));
//! ```
#![forbid(unsafe_code)]

mod autobahn;
mod case;
mod closing;
mod deflate;
mod framing;
pub mod handshake;
mod hostile;
mod http;
pub mod http2;
mod log;
pub mod memory;
mod opening;
mod outcome;
mod random;
mod script;
mod tester;
mod utf8_early;
mod wire;

pub use case::{Case, Group, Level, Role, Size, cases};
pub use log::{Direction, Entry, WireLog};
pub use opening::{Request, Target};
pub use outcome::{Outcome, Verdict};
pub use random::Pieces;
pub use tester::{Next, Patience, Tester};
