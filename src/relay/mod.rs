//! Frames from one side to the other, checked and not assembled: for proxies (RFC 6455 §5).
//!
//! A [`Relay`] stands between a client and a server after both opening handshakes. It checks frames
//! as a [`Connection`](crate::Connection) does, by the same code, and passes them on as they
//! arrive: its memory has a bound whatever the length of a message. An observer sees each piece
//! before it passes, and may stop it.
//!
//! # How frames pass
//!
//! - Frames keep their lengths, their order and their bits. With [`Masks::Kept`] they pass byte for
//!   byte; otherwise those of the client get masks of the relay's.
//! - Pings and pongs pass, so the two ends answer each other. The relay replies to nothing.
//! - Valid bytes before a violation pass. Then both sides get the Close frame for it.
//! - A Close frame passes, too, and nothing after it. The other side's is the answer.
//! - A compressed message passes as it is (RFC 7692): say with [`RelayConfig::deflate`] that it may
//!   come.
//!
//! A Close frame of the relay's waits for the end of the frame that is passing. If that frame never
//! ends, because its sender broke a rule in it or is gone, no Close frame can follow: the transport
//! then ends without one, as it would have without a relay.

mod budget;
mod config;
mod direction;
mod error;
mod output;
mod passing;

pub use budget::{Budget, BudgetError, Counts};
pub use config::{Masks, RelayConfig};
pub use error::RelayError;
pub use passing::{Passing, Piece, Verdict};

use self::direction::Direction;
use crate::buffers::Outbox;
use crate::connection::closing;
use crate::connection::{ReadyState, Reply, Transport};
use crate::error::{CutOff, UsageError};
use crate::frame::{CONTROL_PAYLOAD_MAX, CloseCode, CloseReason, OpCode};
use crate::input::Input;
use crate::keys::{MaskingKeys, RandomKeys};
use crate::role::{Client, Server};

/// One of the two ends that a relay stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client, towards which the relay is the server.
    Client,
    /// The server, towards which the relay is the client.
    Server,
}

impl Side {
    /// Returns the other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A relay between a client and a server: a state machine between your buffers.
///
/// **Pass on what was read, then write both outboxes.** After each read from a side, call
/// [`pass`](Self::pass), then write the [`outbox`](Self::outbox) of each side to it, even after an
/// error.
///
/// **Read from a side only while the other side's outbox has room**, or it grows: a relay holds no
/// messages, but the outboxes hold what a side does not read.
///
/// ```
/// use hybi::connection::Transport;
/// use hybi::relay::{Relay, RelayConfig, Side, Verdict};
/// use hybi::Inbox;
///
/// let mut relay = Relay::with_keys(RelayConfig::default(), || [1, 2, 3, 4]); // for tests only
/// let mut inbox = Inbox::new(); // each side has one
/// inbox.append(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); // read from the client: "Hello"
///
/// relay.pass(Side::Client, &mut inbox.input(), |_| Verdict::Pass)?;
/// let masked_anew = b"\x81\x85\x01\x02\x03\x04\x49\x67\x6f\x68\x6e";
/// assert_eq!(*relay.outbox(Side::Server), masked_anew); // to be written to the server
/// assert_eq!(relay.transport(Side::Server), Transport::Keep);
/// # Ok::<(), hybi::relay::RelayError>(())
/// ```
///
/// It cannot be [exported](crate::export). End it with [`close`](Self::close) and 1001 instead.
///
/// The two directions share the way in which they close, so there are no halves. A call does not
/// wait for anything: two threads can share a relay behind a lock.
///
/// A relay owns no memory besides its outboxes, except for a control frame that reads have split
/// and for inserted frames that wait. An empty outbox that you [shrink](Outbox::shrink_to) has
/// none.
#[derive(Debug)]
pub struct Relay<K = RandomKeys> {
    from_client: Direction<Server, Client<K>>,
    from_server: Direction<Client<K>, Server>,
}

#[cfg(feature = "rand")]
impl Relay {
    /// Creates a relay between two sides whose opening handshakes are done. It masks with
    /// [`RandomKeys`].
    #[must_use]
    pub fn new(config: RelayConfig) -> Self {
        Self::with_keys(config, RandomKeys)
    }
}

impl<K: MaskingKeys> Relay<K> {
    /// Creates a relay between two sides whose opening handshakes are done, with a source of
    /// masking keys.
    #[must_use]
    pub fn with_keys(config: RelayConfig, keys: K) -> Self {
        Self {
            from_client: Direction::new(Client::new(keys), &config),
            from_server: Direction::new(Server, &config),
        }
    }

    /// Passes on what has arrived from a side, into the outbox of the other. Reads all of the
    /// input, and keeps what is incomplete: at most 13 bytes of a header, 124 of a control frame,
    /// and three of a code point.
    ///
    /// The observer sees each piece of a message and each control frame before it passes, in order.
    /// To look at nothing, pass `|_| Verdict::Pass`: then nothing is unmasked either, if texts are
    /// not checked.
    ///
    /// ```
    /// use hybi::relay::{Passing, Relay, RelayConfig, RelayError, Side, Verdict};
    /// use hybi::{CloseCode, Input};
    ///
    /// let mut relay = Relay::with_keys(RelayConfig::default(), || [1, 2, 3, 4]); // for tests only
    /// let mut received = *b"\x82\x03abc"; // read from the server
    /// let stopped = relay.pass(Side::Server, &mut Input::new(&mut received), |passing| {
    ///     match passing {
    ///         // A piece may be any part of a frame: to look for something takes a search that
    ///         // goes on in the next piece.
    ///         Passing::Data(piece) if piece.begins_frame() => match piece.payload() {
    ///             [b'a', ..] => Verdict::Stop(CloseCode::POLICY_VIOLATION),
    ///             _ => Verdict::Pass,
    ///         },
    ///         _ => Verdict::Pass,
    ///     }
    /// });
    /// assert_eq!(stopped, Err(RelayError::Stopped(CloseCode::POLICY_VIOLATION)));
    /// assert_eq!(*relay.outbox(Side::Client), b"\x88\x14\x03\xf0stopped by a relay");
    /// ```
    ///
    /// # Errors
    ///
    /// [`RelayError`], once, if the side broke a rule or exceeded its budget, or the observer
    /// stopped it. What came before has passed. The Close frame for it is in both outboxes, or
    /// waits for the end of a frame of the other side; keep passing on what that sends. A side gets
    /// no Close frame only if it has got the start of a frame that does not end. Write the
    /// outboxes, and do what [`transport`](Self::transport) says. Later input of the failed side is
    /// ignored. As nothing follows a Close frame, later frames of the other side do not pass
    /// either, such as answers that were on their way.
    pub fn pass(
        &mut self,
        from: Side,
        input: &mut Input<'_>,
        mut observe: impl FnMut(Passing<'_, '_>) -> Verdict,
    ) -> Result<(), RelayError> {
        let passed = match from {
            Side::Client => self.from_client.pass(input, &mut observe),
            Side::Server => self.from_server.pass(input, &mut observe),
        };
        passed.inspect_err(|error| self.fail(from, *error))
    }

    #[cold]
    fn fail(&mut self, from: Side, error: RelayError) {
        let close = error.close();
        let (to_server, to_client) = (&mut self.from_client.output, &mut self.from_server.output);
        match from {
            Side::Client => {
                to_server.abort(&close);
                to_client.insert(&close);
            }
            Side::Server => {
                to_client.abort(&close);
                to_server.insert(&close);
            }
        }
    }

    /// Reports that the transport of a side delivers no more input, or has failed. Returns `Ok` if
    /// that was expected: the side's Close frame had come, or the side had failed.
    ///
    /// Nothing more is written to it, and the [transport](Self::transport) of the other side is to
    /// be closed, too: it sees the same end as without a relay. To give it a Close frame instead,
    /// call [`close`](Self::close) before. If the relay has written a Close frame of its own to a
    /// side, that side may still answer it.
    ///
    /// # Errors
    ///
    /// [`CutOff`] says where the input was cut off. A second call returns the same.
    pub fn end_of_input(&mut self, from: Side) -> Result<(), CutOff> {
        match from {
            Side::Client => {
                self.from_server.output.end();
                self.from_client.output.end_of_input(self.from_server.has_closed());
                self.from_client.end_of_input()
            }
            Side::Server => {
                self.from_client.output.end();
                self.from_server.output.end_of_input(self.from_client.has_closed());
                self.from_server.end_of_input()
            }
        }
    }

    /// Lends out the bytes to be written to a side.
    #[inline]
    #[must_use]
    pub const fn outbox(&mut self, to: Side) -> &mut Outbox {
        match to {
            Side::Client => &mut self.from_server.output.outbox,
            Side::Server => &mut self.from_client.output.outbox,
        }
    }

    /// Returns what to do with the transport of a side once its outbox has been written: keep it,
    /// close it, or wait until the server closes it.
    #[must_use]
    pub const fn transport(&self, side: Side) -> Transport {
        let (received, sent) = self.ready_states(side);
        match closing::transport(matches!(side, Side::Client), received, sent) {
            // A server that has got no Close frame waits for one, and none comes.
            Transport::AwaitClose if matches!(sent, ReadyState::Closed) => Transport::Close,
            transport => transport,
        }
    }

    /// Returns the state of the connection to a side.
    #[must_use]
    pub const fn ready_state(&self, side: Side) -> ReadyState {
        let (received, sent) = self.ready_states(side);
        closing::ready_state(received, sent)
    }

    const fn ready_states(&self, side: Side) -> (ReadyState, ReadyState) {
        let Self { from_client, from_server } = self;
        match side {
            Side::Client => (from_client.ready_state(), from_server.output.ready_state()),
            Side::Server => (from_server.ready_state(), from_client.output.ready_state()),
        }
    }
}

/// Frames of the relay's own. Each is written between two frames: if one is passing, after it.
impl<K: MaskingKeys> Relay<K> {
    /// Sends a ping to a side, with a payload of at most 125 bytes (RFC 6455 §5.5.2). The pong
    /// passes on to the other side, which ignores it (§5.5.3); see it as it passes.
    ///
    /// If several pings wait for the end of a frame, only the newest is sent.
    ///
    /// # Errors
    ///
    /// [`UsageError::Closed`] after a Close frame to this side, or if the connection is over;
    /// [`UsageError::ControlTooLong`] over 125 bytes.
    pub fn ping(&mut self, to: Side, payload: &[u8]) -> Result<(), UsageError> {
        self.insert(to, OpCode::PING, payload)
    }

    /// Sends a pong to a side that answers no ping: a sign of life (RFC 6455 §5.5.3). Otherwise as
    /// [`ping`](Self::ping).
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, to: Side, payload: &[u8]) -> Result<(), UsageError> {
        self.insert(to, OpCode::PONG, payload)
    }

    /// Starts the closing handshake with both sides (RFC 6455 §7.1.2). What they send afterwards
    /// is checked, but does not pass. Keep passing input on until [`transport`](Self::transport)
    /// says that it is over: their Close frames are in it.
    ///
    /// A message that is passing stays incomplete, but its frame passes to its end, and the Close
    /// frame after it. Set a deadline, because the frame may never end.
    ///
    /// # Errors
    ///
    /// [`UsageError::Closed`] if both sides have got a Close frame or are gone;
    /// [`UsageError::CloseReasonTooLong`] over 123 bytes; [`UsageError::CloseCode`] for 1010, which
    /// only a client may send.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), UsageError> {
        let (to_server, to_client) = (&mut self.from_client.output, &mut self.from_server.output);
        if !to_server.may_insert() && !to_client.may_insert() {
            return Err(UsageError::Closed);
        }
        // RFC 6455 §7.4.1
        if code == CloseCode::MANDATORY_EXTENSION {
            return Err(UsageError::CloseCode { number: code.number() });
        }
        if reason.len() > CloseReason::REASON_BYTES_MAX {
            return Err(UsageError::CloseReasonTooLong { len: reason.len() });
        }
        let body = [&code.number().to_be_bytes(), reason.as_bytes()];
        let close = Reply::new(OpCode::CLOSE, &body);
        if to_server.may_insert() {
            to_server.insert(&close);
        }
        if to_client.may_insert() {
            to_client.insert(&close);
        }
        Ok(())
    }

    fn insert(&mut self, to: Side, opcode: OpCode, payload: &[u8]) -> Result<(), UsageError> {
        let may_insert = match to {
            Side::Client => self.from_server.output.may_insert(),
            Side::Server => self.from_client.output.may_insert(),
        };
        if !may_insert {
            return Err(UsageError::Closed);
        }
        if payload.len() > CONTROL_PAYLOAD_MAX {
            return Err(UsageError::ControlTooLong { len: payload.len() });
        }
        let control = Reply::new(opcode, &[payload]);
        match to {
            Side::Client => self.from_server.output.insert(&control),
            Side::Server => self.from_client.output.insert(&control),
        }
        Ok(())
    }
}

/// Counts of what passes, and bounds on them.
impl<K: MaskingKeys> Relay<K> {
    /// Returns what a side has sent since its counts were last [taken](Self::take_counts).
    #[must_use]
    pub const fn counts(&self, from: Side) -> Counts {
        match from {
            Side::Client => self.from_client.counts,
            Side::Server => self.from_server.counts,
        }
    }

    /// Returns what a side has sent, and counts from zero again. Its budget is then whole again.
    pub fn take_counts(&mut self, from: Side) -> Counts {
        core::mem::take(match from {
            Side::Client => &mut self.from_client.counts,
            Side::Server => &mut self.from_server.counts,
        })
    }

    /// Sets how much a side may send until its counts are [taken](Self::take_counts). What it has
    /// sent already counts.
    pub const fn set_budget(&mut self, from: Side, budget: Budget) {
        match from {
            Side::Client => self.from_client.budget = budget,
            Side::Server => self.from_server.budget = budget,
        }
    }
}
