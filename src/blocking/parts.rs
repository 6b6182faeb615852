//! What a [`WebSocket`] is made of.

use core::fmt;
use std::string::String;

use super::receive_loop::ReceiveLoop;
use super::stream::Stream;
use super::transfer::Transfer;
use super::websocket::WebSocket;
use crate::adapter::Ending;
use crate::adapter::Opening;
use crate::buffers::{Inbox, Outbox};
use crate::connection::{Abnormal, Chunk, Closed, Connection};
use crate::role::Role;

/// What a [`WebSocket`] is made of, to go on with by other means: with the core, in another
/// process, or over the same stream in another type. [`WebSocket::into_parts`] has an example.
pub struct Parts<S, R> {
    /// The stream, without our time-outs. Flush it, if it holds back what it was given.
    pub stream: S,
    /// The protocol's state.
    pub connection: Connection<R>,
    /// The bytes that were read from the stream and not received by the connection.
    pub inbox: Inbox,
    /// The bytes that the connection has sent and the stream has not taken. They come before all
    /// others, and the first may be the middle of a frame.
    pub out: Outbox,
    /// What was received of a message in chunks, and not returned.
    pub chunk: Option<Chunk<'static>>,
    /// The subprotocol that the handshake has agreed on.
    pub subprotocol: Option<String>,
    /// The peer's last word, if that was received: its Close frame, or the rule that it broke. The
    /// connection will have ended so once the stream has.
    pub closed: Option<Closed>,
}

impl<S, R> Parts<S, R> {
    /// Returns the parts of a WebSocket that has agreed on no subprotocol and is between two
    /// messages, such as those that another process has [exported](crate::export). Set the other
    /// fields if there is more to say:
    ///
    /// ```
    /// use hybi::blocking::{Parts, Untimed, WebSocket};
    /// use hybi::{Config, Connection, Inbox, Outbox, Server};
    /// # let (stream, mut record) = (Untimed(std::io::Cursor::new(Vec::new())), Vec::new());
    /// # Connection::server(Config::default()).export(&mut record)?;
    /// # let mut record = &*record;
    ///
    /// let connection = Connection::import(Server, &Config::default(), &mut record)?;
    /// let parts = Parts::new(stream, connection, Inbox::new(), Outbox::new());
    /// let ws = WebSocket::from_parts(Parts { subprotocol: Some("chat".into()), ..parts });
    /// assert_eq!(ws.subprotocol(), Some("chat"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn new(stream: S, connection: Connection<R>, inbox: Inbox, out: Outbox) -> Self {
        Self { stream, connection, inbox, out, chunk: None, subprotocol: None, closed: None }
    }
}

impl<S: Stream, R: Role> WebSocket<S, R> {
    /// Takes the connection apart, so that somebody else can go on with it. Nothing is lost of what
    /// was received and sent. Time-outs, [`set_keepalive`](Self::set_keepalive),
    /// [`set_linger`](Self::set_linger) and
    /// [`set_chunked_bytes_max`](Self::set_chunked_bytes_max) are settings: set them again. A
    /// client's [`response`](Self::response) is lost: take what you need of it before.
    ///
    /// Do it while the connection is open. Bytes read to explain an error of sending are lost.
    /// After a write has failed, nothing more can be sent, because nothing may follow half a frame:
    /// [`Connection::send`] fails with [`UsageError::Closed`](crate::UsageError::Closed).
    ///
    /// ```
    /// use hybi::blocking::{Parts, Untimed, WebSocket};
    /// use hybi::{Config, Connection, Event, Inbox, Message};
    /// use std::io::Cursor;
    ///
    /// let stream = Untimed(Cursor::new(b"\x81\x05Hello\x81\x03you".to_vec()));
    /// let keys = || [1, 2, 3, 4]; // for tests only
    /// let connection = Connection::client_with_keys(Config::default(), keys);
    /// let mut ws = WebSocket::new(stream, connection, Inbox::new());
    /// assert_eq!(ws.receive()?, Some(Message::from("Hello")));
    ///
    /// let Parts { mut connection, mut inbox, mut out, .. } = ws.into_parts();
    /// let mut input = inbox.input(); // was read together with the first message
    /// assert_eq!(connection.receive(&mut input, &mut out)?, Some(Event::Text("you".into())));
    /// # Ok::<(), hybi::blocking::Error>(())
    /// ```
    #[must_use]
    pub fn into_parts(self) -> Parts<S, R> {
        let subprotocol = self.subprotocol().map(String::from);
        let (receiving, _) = self.into_receive_loop();
        let closed = receiving.reason().map(Ending::closed);
        // The rest is not the peer's word, but the stream's or ours.
        let is_said = |closed: &&Closed| {
            matches!(closed, Closed::Clean(_) | Closed::Abnormal(Abnormal::Protocol(_)))
        };
        let closed = closed.filter(is_said).cloned();
        let ReceiveLoop { transfer, protocol: mut connection, mut chunks, .. } = receiving;
        if transfer.has_failed() {
            connection.writer().end_of_output();
        }
        let (stream, inbox, out) = transfer.into_parts();
        Parts { stream, connection, inbox, out, chunk: chunks.take_all(), subprotocol, closed }
    }

    /// Makes a WebSocket of the parts of one: the reverse of [`into_parts`](Self::into_parts), over
    /// the same stream or another, also in [another process](crate::export). If nothing is unsent,
    /// [`new`](Self::new) is shorter.
    #[must_use]
    pub fn from_parts(parts: Parts<S, R>) -> Self {
        let Parts { stream, connection, inbox, out, chunk, subprotocol, closed } = parts;
        let transfer = Transfer::with_output(stream, inbox, out);
        let opening = subprotocol.map_or(Opening::Plain, |name| Opening::Subprotocol(name.into()));
        let mut ws = Self::from_handshake(transfer, connection, opening);
        if let Some(chunk) = chunk {
            ws.chunks().push(chunk);
        }
        if let Some(closed) = closed {
            ws.set_last_word(Ending::of_last_word(closed));
        }
        ws
    }
}

/// Prints no bytes: they may be a user's data.
impl<S, R> fmt::Debug for Parts<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("inbox", &self.inbox)
            .field("unsent", &self.out.len())
            .finish_non_exhaustive()
    }
}
