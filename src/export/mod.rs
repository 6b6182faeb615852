//! Connections that outlive their process: their state as bytes, and back.
//!
//! A server that is to be replaced hands its connections to the new process: the socket by means of
//! the system, such as `SCM_RIGHTS` on Unix, and everything else as bytes over a pipe. The peer
//! notices nothing but a pause.
//!
//! | state | to bytes | back |
//! |---|---|---|
//! | [`Connection`](crate::Connection) | [`export`](crate::Connection::export) | [`import`](crate::Connection::import) |
//! | its halves | [`Reader::export`](crate::connection::Reader::export), [`Writer::export`](crate::connection::Writer::export) | [`Reader::import`](crate::connection::Reader::import), [`Writer::import`](crate::connection::Writer::import) |
//! | unread bytes | [`Inbox::export`](crate::Inbox::export) | [`Inbox::import`](crate::Inbox::import) |
//! | unsent bytes | [`Outbox::export`](crate::Outbox::export) | [`Outbox::import`](crate::Outbox::import) |
//! | deadlines | [`Keepalive::export`](crate::keepalive::Keepalive::export) | [`Keepalive::import`](crate::keepalive::Keepalive::import) |
//!
//! Each appends a record to a `Vec`, and takes one off the front of a slice. A record knows its
//! length, so that any number can follow one another in the same bytes. Import the records that you
//! exported, in the same order.
//!
//! ```
//! use core::time::Duration;
//! use hybi::export::{ExportError, ImportError};
//! use hybi::keepalive::{Keepalive, KeepaliveConfig};
//! use hybi::{Config, Connection, Event, Inbox, Outbox, Server};
//!
//! struct Peer {
//!     ws: Connection<Server>,
//!     inbox: Inbox,
//!     out: Outbox,
//!     keepalive: Keepalive,
//! }
//!
//! /// In the old process. Keep `peer` until the new process has said that it has it, and do
//! /// nothing with it meanwhile. An error says to try again after the next message.
//! fn export(peer: &Peer, now: Duration) -> Result<Vec<u8>, ExportError> {
//!     let mut bytes = Vec::new();
//!     peer.ws.export(&mut bytes)?;
//!     peer.inbox.export(&mut bytes);
//!     peer.out.export(&mut bytes);
//!     peer.keepalive.export(now, peer.out.progress(), &mut bytes);
//!     Ok(bytes)
//! }
//!
//! /// In the new process, with the settings of the new process.
//! fn import(mut bytes: &[u8], config: &Config, now: Duration) -> Result<Peer, ImportError> {
//!     let from = &mut bytes;
//!     let ws = Connection::import(Server, config, from)?;
//!     let inbox = Inbox::import(from)?;
//!     let out = Outbox::import(from)?;
//!     let keepalive =
//!         Keepalive::import(KeepaliveConfig::default(), now, out.progress(), from)?;
//!     Ok(Peer { ws, inbox, out, keepalive })
//! }
//!
//! let now = Duration::from_secs(1000);
//! let mut old = Peer {
//!     ws: Connection::server(Config::default()),
//!     inbox: Inbox::new(),
//!     out: Outbox::new(),
//!     keepalive: Keepalive::new(KeepaliveConfig::default(), now),
//! };
//! old.inbox.append(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f"); // the header and two bytes of five
//! assert_eq!(old.ws.receive(&mut old.inbox.input(), &mut old.out)?, None);
//!
//! let bytes = export(&old, now)?; // write it to the new process, which reads it
//! let mut new = import(&bytes, &Config::default(), now)?;
//! new.inbox.append(b"\x4d\x51\x58"); // from the same socket
//! let event = new.ws.receive(&mut new.inbox.input(), &mut new.out)?;
//! assert_eq!(event, Some(Event::Text("Hello".into())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What goes along, and what does not
//!
//! The state goes along: the position in the stream of bytes, the message in progress in both
//! directions, a pong that is [held back](crate::connection::Writer::flush_replies), the closing
//! handshake, what was agreed about compression, and the last window of decompressed bytes.
//!
//! Limits, the length of fragments and the compressor's settings are those of the importer's
//! [`Config`](crate::Config), masking keys those of its role, and the times of the keep-alive those
//! of its [`KeepaliveConfig`](crate::keepalive::KeepaliveConfig). The compressor's memory of
//! earlier messages does not go along: it starts afresh, which the peer does not notice. It keeps
//! to what was promised to the peer, and to the importer's settings if these allow less.
//!
//! # One at a time
//!
//! Exporting borrows: it changes nothing, so that a write that fails costs no connection. But two
//! connections must never write to one peer. From `export` on, do not read from the socket, do not
//! write to it, and do not call anything that changes the state. Once the other process has the
//! connection, drop this one. If the other process has not taken it over and will not, go on with
//! this one.
//!
//! Bytes that a socket has received and you have not read stay in the system, and move with it.
//!
//! # Connections of an adapter
//!
//! Take them apart first: [`blocking::WebSocket::into_parts`] gives their connection, inbox and
//! outbox. In the other process [`Parts::new`] and [`from_parts`] make a WebSocket of these again.
//! The other parts have no record. Send the subprotocol and the peer's last word along by your own
//! means, and use up the [`chunk`] before: bytes of a message that were received and not returned.
//! `hybi-tokio` has the same functions. The connections of a [`blocking::Hub`] belong to its
//! threads, so they cannot be taken apart: [drain](crate::docs::operating#drain) them.
//!
//! [`blocking::WebSocket::into_parts`]: crate::blocking::WebSocket::into_parts
//! [`Parts::new`]: crate::blocking::Parts::new
//! [`from_parts`]: crate::blocking::WebSocket::from_parts
//! [`chunk`]: crate::blocking::Parts::chunk
//! [`blocking::Hub`]: crate::blocking::Hub
//!
//! # What cannot be exported
//!
//! - A connection that is [receiving a compressed message](ExportError): wait for its end.
//! - TLS: its keys and counters are in the TLS library, and few can export them. A stream of
//!   HTTP/2: it is one of several on a connection whose state is in the HTTP stack.
//!
//! Drain these: send [`CloseCode::GOING_AWAY`](crate::CloseCode::GOING_AWAY) (1001), on which
//! clients reconnect, and let the old process run until they are gone. If a proxy in front ends TLS
//! and HTTP/2, the connections behind it are plain ones, and can be handed over.
//!
//! # Who may read and write it
//!
//! An export has what the connection has: parts of messages, and the peer's data that it keeps.
//! Pass it over a pipe or a socket that only the two processes have. Do not write it to a file.
//!
//! Importing trusts nothing. Memory is bounded by the length of the record and by the importer's
//! limits, and bytes that no connection could have exported are refused. But an import cannot know
//! whether the state is that of the socket beside it, and there is no checksum: a payload, a mask
//! or a window in which a byte was changed is as good as any other.
//!
//! # The format
//!
//! [A page of its own](crate::docs::export) has it byte by byte. It has a version, which is in each
//! record. This version of hybi writes and reads version 1, and refuses every other.

mod error;
mod record;

pub use error::{ExportError, ImportError};
pub(crate) use record::{Body, Kind, push_bytes, push_optional, read_record, write_record};
