//! Frames to messages: the reading half of a connection (RFC 6455 §5, §6.2).
//!
//! [`Reader::receive`] tries the common case first, a message in one frame that has arrived
//! completely ([`whole`]). Everything else goes step by step through the [states](State): a header
//! ([`header`], checked by [`rules`]), then a piece of a data frame's payload ([`payload`]), which
//! completes the message in progress ([`assemble`]) or is returned as a chunk; or a [`control`]
//! frame. A message may also stay in the caller's buffer until it is complete ([`in_place`]).
//!
//! A [relay](crate::relay) passes frames on by the same rules: it uses the modules that are visible
//! in the crate.
//!
//! The modules hold what they need and do not know the `Reader`. It owns the state and decides what
//! comes next. Deliberately not here: anything that is written, even a reply (`send.rs`), and the
//! state of the closing handshake (`closing.rs`), of which a reader knows one side.

mod assemble;
pub(crate) mod control;
mod export;
pub(crate) mod header;
mod in_place;
pub(crate) mod limits;
pub(crate) mod partial;
mod payload;
pub(crate) mod rules;
mod steps;
mod unmask;
mod whole;

use alloc::boxed::Box;
use core::marker::PhantomData;
use core::mem;
use core::ops::ControlFlow;

use self::assemble::MessageInProgress;
use self::control::ControlFrame;
use self::header::PartialHeader;
use self::in_place::InPlace;
use self::limits::ReaderLimits;
use self::payload::DataFrame;
use super::closing::ReadyState;
use super::event::{ChunkEvent, Event};
use super::limits::Limits;
use crate::error::{CutOff, EndOfInputError, ProtocolError};
#[cfg(feature = "deflate")]
use crate::extension::deflate::Agreed;
use crate::extension::deflate::Inflater;
use crate::input::Input;
use crate::role::Role;

/// The reading half of a connection. It parses, checks and assembles, and never writes.
///
/// [`Connection::split`](crate::Connection::split) creates it. Replies are up to the caller:
/// [`Event::reply`] and [`ProtocolError::reply`] return what to pass to
/// [`Writer::reply`](super::Writer::reply), perhaps in another thread.
#[derive(Debug)]
pub struct Reader<R> {
    state: State<R>,
    limits: ReaderLimits,
    /// The receiving side of permessage-deflate, if that was negotiated.
    inflater: Option<Box<Inflater>>,
    role: PhantomData<fn() -> R>,
}

/// The position in the stream of bytes.
#[derive(Debug)]
enum State<R> {
    /// Between messages, before the first byte of a header.
    Idle,
    /// In a header, or before a header while a message is in progress.
    Header { partial: PartialHeader, message: Option<MessageInProgress> },
    /// In the payload of a data frame.
    Data { frame: DataFrame<R>, message: MessageInProgress },
    /// In the payload of a control frame, perhaps between the frames of a message.
    Control { frame: ControlFrame<R>, message: Option<MessageInProgress> },
    /// In a message that stays in the caller's buffer until it is complete.
    InPlace(InPlace<R>),
    /// The valid prefix of a bad message was returned; the next call reports the violation.
    Failing(ProtocolError),
    /// Nothing more is read.
    Over(Over),
}

/// The reason why nothing more is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Over {
    /// The peer's Close frame has arrived.
    Closed,
    Failed,
    Ended(CutOff),
}

impl<R: Role> Reader<R> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            state: State::Idle,
            limits: ReaderLimits::new(limits),
            inflater: None,
            role: PhantomData,
        }
    }

    /// Returns the next message or control frame, as
    /// [`Connection::receive`](crate::Connection::receive), but replies to nothing.
    ///
    /// # Errors
    ///
    /// The rule that the peer broke. Pass its [reply](ProtocolError::reply) to the writer. Later
    /// calls swallow their input and return `None`.
    #[inline(always)]
    pub fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        if let Some(event) = self.receive_whole(input) {
            return Ok(Some(event));
        }
        self.receive_otherwise(input)
    }

    /// Returns the next chunk or control frame, as
    /// [`Connection::receive_chunk`](crate::Connection::receive_chunk), but replies to nothing.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_chunk<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<ChunkEvent<'a>>, ProtocolError> {
        self.next_chunk(None, input)
    }

    /// Returns the next chunk or control frame, with a limit of its own for the message, as
    /// [`Connection::receive_chunk_within`](crate::Connection::receive_chunk_within), but replies
    /// to nothing.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_chunk_within<'a>(
        &mut self,
        message_bytes_max: u64,
        input: &mut Input<'a>,
    ) -> Result<Option<ChunkEvent<'a>>, ProtocolError> {
        self.next_chunk(Some(message_bytes_max), input)
    }

    pub(crate) fn next_chunk<'a>(
        &mut self,
        within: Option<u64>,
        input: &mut Input<'a>,
    ) -> Result<Option<ChunkEvent<'a>>, ProtocolError> {
        if let Some(chunk) = self.take_assembled() {
            return Ok(Some(ChunkEvent::Chunk(chunk)));
        }
        loop {
            if let ControlFlow::Break(received) = self.step_chunk(within, input) {
                return received;
            }
        }
    }

    /// Returns whether some of the message in progress has been returned as a chunk.
    pub(crate) fn is_in_chunks(&self) -> bool {
        self.state.message().is_some_and(MessageInProgress::is_chunked)
    }

    /// Returns how many bytes of the message in progress have not been returned, as
    /// [`Connection::message_bytes_left`](crate::Connection::message_bytes_left).
    #[must_use]
    pub fn message_bytes_left(&self) -> Option<u64> {
        match &self.state {
            State::Data { frame, message } if frame.is_final() && !message.is_compressed() => {
                Some(frame.remaining().saturating_add(message.kept()))
            }
            _ => None,
        }
    }

    /// Reports that the transport delivers no more input, as
    /// [`Connection::end_of_input`](crate::Connection::end_of_input).
    ///
    /// # Errors
    ///
    /// As there. Pass the [reply](ProtocolError::reply) to a
    /// [`Protocol`](EndOfInputError::Protocol) error to the writer; after a
    /// [`CutOff`](EndOfInputError::CutOff), call
    /// [`Writer::end_of_output`](super::Writer::end_of_output).
    pub fn end_of_input(&mut self) -> Result<(), EndOfInputError> {
        // What has been read may break a rule after the chunk that was returned last. The message
        // keeps its limit.
        let within = self.inflater.as_deref().map(Inflater::limit);
        while self.next_chunk(within, &mut Input::default())?.is_some() {}
        let cut_off = match &self.state {
            // The loop has reported what was failing.
            State::Over(Over::Closed | Over::Failed) | State::Failing(_) => return Ok(()),
            State::Over(Over::Ended(cut_off)) => *cut_off,
            State::Idle => CutOff::BetweenMessages,
            State::Header { message: None, .. } => CutOff::InHeader,
            State::Header { message: Some(message), .. } => {
                CutOff::InMessage { received: message.announced() }
            }
            State::Data { frame, message } => CutOff::InMessage {
                received: message.announced().saturating_sub(frame.remaining()),
            },
            State::Control { frame, .. } => CutOff::InControl { opcode: frame.opcode() },
            State::InPlace(place) => CutOff::InMessage { received: place.received() as u64 },
        };
        self.end(Over::Ended(cut_off));
        Err(EndOfInputError::CutOff(cut_off))
    }

    /// Returns the state of the connection as far as its input tells.
    ///
    /// [`Open`](ReadyState::Open) while messages may arrive; [`Closing`](ReadyState::Closing) after
    /// the peer's Close frame, whose reply is up to the [`Writer`](super::Writer);
    /// [`Closed`](ReadyState::Closed) after a violation or the end of the input. The reader does
    /// not know whether we have sent a Close frame:
    /// [`Writer::ready_state`](super::Writer::ready_state) does.
    #[must_use]
    pub const fn ready_state(&self) -> ReadyState {
        match self.state {
            State::Over(Over::Closed) => ReadyState::Closing,
            State::Over(Over::Failed | Over::Ended(_)) => ReadyState::Closed,
            _ => ReadyState::Open,
        }
    }

    /// Returns what the handshake has agreed on about compression, as
    /// [`Connection::deflate`](crate::Connection::deflate).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(&self) -> Option<&Agreed> {
        self.inflater.as_deref().map(Inflater::agreed)
    }

    pub(super) fn set_inflater(&mut self, inflater: Option<Inflater>) {
        self.inflater = inflater.map(Box::new);
    }

    #[cold]
    fn fail(&mut self, violation: ProtocolError) -> ProtocolError {
        self.end(Over::Failed);
        violation
    }

    fn end(&mut self, over: Over) {
        self.state = State::Over(over);
        self.inflater = None;
    }
}

impl<R> State<R> {
    fn message(&self) -> Option<&MessageInProgress> {
        match self {
            Self::Header { message, .. } | Self::Control { message, .. } => message.as_ref(),
            Self::Data { message, .. } => Some(message),
            Self::Idle | Self::InPlace(_) | Self::Failing(_) | Self::Over(_) => None,
        }
    }

    fn message_mut(&mut self) -> Option<&mut MessageInProgress> {
        match self {
            Self::Header { message, .. } | Self::Control { message, .. } => message.as_mut(),
            Self::Data { message, .. } => Some(message),
            Self::Idle | Self::InPlace(_) | Self::Failing(_) | Self::Over(_) => None,
        }
    }

    /// Returns whether the next byte starts a header.
    #[inline]
    const fn is_between_frames(&self) -> bool {
        match self {
            Self::Idle => true,
            Self::Header { partial, .. } => partial.is_empty(),
            _ => false,
        }
    }

    /// Leaves a header or a frame: becomes idle, and returns the message in progress.
    #[inline]
    fn leave(&mut self) -> Option<MessageInProgress> {
        if !matches!(self, Self::Header { .. } | Self::Data { .. } | Self::Control { .. }) {
            return None;
        }
        match mem::replace(self, Self::Idle) {
            Self::Header { message, .. } | Self::Control { message, .. } => message,
            Self::Data { message, .. } => Some(message),
            Self::Idle | Self::InPlace(_) | Self::Failing(_) | Self::Over(_) => None,
        }
    }

    /// Replaces a state that owns no memory, and so spares the code that would free it.
    #[inline]
    fn enter(&mut self, next: Self) {
        debug_assert!(matches!(self, Self::Idle | Self::InPlace(_)));
        mem::forget(mem::replace(self, next));
    }
}
