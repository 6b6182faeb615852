//! A message encoded once for many receivers.

use bytes::Bytes;

use super::data::{Data, Kind};
use crate::frame::Header;

/// A message encoded once, to be sent on any number of connections.
///
/// A server's frames are not masked, so every receiver gets the same bytes: [`frame`](Self::frame) lends them
/// out, and cloning them costs a reference count. A client masks for itself, from the same message.
///
/// ```
/// use hybi::{Config, Connection, connection::Prepared};
///
/// let news = Prepared::new("breaking");
/// for ws in &mut [Connection::server(Config::default()), Connection::server(Config::default())] {
///     let mut out = Vec::new();
///     ws.send_prepared(&news, &mut out)?;
///     assert_eq!(out, b"\x81\x08breaking");
/// }
/// # Ok::<(), hybi::Misuse>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prepared {
    frame: Bytes,
    payload_start: u8, // Invariant: the length of the header
    kind: Kind,
}

impl Prepared {
    /// Encodes a message.
    #[must_use]
    pub fn new<'a>(message: impl Into<Data<'a>>) -> Self {
        let message = message.into();
        let header = Header::new(message.kind().opcode(), message.as_bytes().len() as u64).encode();
        Self {
            frame: [&*header, message.as_bytes()].concat().into(),
            payload_start: header.len() as u8,
            kind: message.kind(),
        }
    }

    /// The frame as every server sends it.
    ///
    /// To queue it without a copy, ask the connection first:
    /// [`Connection::may_send_message`](crate::Connection::may_send_message).
    #[must_use]
    pub const fn frame(&self) -> &Bytes {
        &self.frame
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.frame.get(usize::from(self.payload_start)..).unwrap_or_default()
    }
}
