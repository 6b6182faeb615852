//! A message encoded once for many receivers.

use core::fmt;
use core::hash::{Hash, Hasher};

use bytes::Bytes;

use super::data::{Data, Kind};
use crate::extension::deflate::SharedForm;
use crate::frame::Header;

/// A message encoded once, to be sent on any number of connections.
///
/// A server's frames are not masked, so all receivers get the same bytes, and clones share them. A
/// client masks its own copy.
///
/// Where permessage-deflate was negotiated, the message is compressed like any other, unless it is
/// to stay [uncompressed](Self::uncompressed). For connections without context takeover, that is
/// done once too, and the compressed form is kept. With takeover, each connection compresses
/// differently (RFC 7692 §7.2.1), so it is done for each.
///
/// ```
/// use hybi::{Config, Connection, Outbox, connection::Prepared};
///
/// let news = Prepared::new("breaking");
/// for ws in &mut [Connection::server(Config::default()), Connection::server(Config::default())] {
///     let mut out = Outbox::new();
///     ws.send_prepared(&news, &mut out)?;
///     assert_eq!(out, b"\x81\x08breaking");
/// }
/// # Ok::<(), hybi::UsageError>(())
/// ```
#[derive(Clone)]
pub struct Prepared {
    frame: Bytes,
    payload_start: u8, // Invariant: the length of the header
    kind: Kind,
    may_be_compressed: bool,
    compressed: SharedForm,
}

impl Prepared {
    /// Encodes a message, such as a `&str`, a `&[u8]` or a [`&Message`](crate::Message).
    #[must_use]
    pub fn new<'a>(message: impl Into<Data<'a>>) -> Self {
        let message = message.into();
        let header = Header::new(message.kind().opcode(), message.as_bytes().len() as u64).encode();
        Self {
            frame: [&*header, message.as_bytes()].concat().into(),
            payload_start: header.len() as u8,
            kind: message.kind(),
            may_be_compressed: true,
            compressed: SharedForm::default(),
        }
    }

    /// Decides that the message is never compressed, whatever was set on a connection
    /// (`set_compression`), and so enters no window (RFC 7692 §6). Use it for a secret, and for
    /// data that is compressed already.
    ///
    /// ```
    /// use hybi::connection::Prepared;
    ///
    /// let token = Prepared::new("token=0123456789abcdef").uncompressed();
    /// # drop(token);
    /// ```
    #[must_use]
    pub const fn uncompressed(mut self) -> Self {
        self.may_be_compressed = false;
        self
    }

    /// Returns the frame as a server sends it, uncompressed. It may be sent on every connection of
    /// a server, also where compression was negotiated.
    ///
    /// Before you queue it yourself, ask the connection whether it
    /// [may be sent](crate::connection::Writer::may_send_message).
    ///
    /// Join the frames of several messages that go to many receivers. Each then gets one piece,
    /// which outboxes share if it is long:
    ///
    /// ```
    /// use hybi::connection::Prepared;
    /// use hybi::{Bytes, Connection, Outbox, Server};
    ///
    /// /// Sends the news to all receivers that are open, unless they are slow.
    /// fn publish(news: &[Prepared], receivers: &mut [(Connection<Server>, Outbox)]) {
    ///     let mut frames = Vec::new();
    ///     for message in news {
    ///         frames.extend_from_slice(message.frame());
    ///     }
    ///     let frames = Bytes::from(frames);
    ///     for (ws, out) in receivers {
    ///         if out.backlog() <= 1 << 20 && ws.writer().may_send_message().is_ok() {
    ///             out.append_shared(frames.clone());
    ///         }
    ///     }
    /// }
    /// # let receiver = || (Connection::server(Default::default()), Outbox::new());
    /// # let mut receivers = [receiver(), receiver()];
    /// # publish(&[Prepared::new("a"), Prepared::new("b")], &mut receivers);
    /// # assert!(receivers.iter().all(|(_, out)| *out == *b"\x81\x01a\x81\x01b"));
    /// ```
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

    pub(super) const fn may_be_compressed(&self) -> bool {
        self.may_be_compressed
    }

    pub(super) const fn compressed(&self) -> &SharedForm {
        &self.compressed
    }
}

/// Equal if the messages are, and so the frames: how they are sent does not matter.
impl PartialEq for Prepared {
    fn eq(&self, other: &Self) -> bool {
        self.frame == other.frame
    }
}

impl Eq for Prepared {}

impl Hash for Prepared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.frame.hash(state);
    }
}

/// Prints the length of the payload, not its bytes: they may be a user's data.
impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("kind", &self.kind)
            .field("len", &self.payload().len())
            .finish()
    }
}
