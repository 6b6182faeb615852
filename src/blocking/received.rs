//! What a call that receives can return.

use super::receive_loop::Protocol;
use super::violation::Violation;
use crate::buffers::Outbox;
use crate::connection::{Chunk, ChunkData, ChunkEvent, Event, Message};
use crate::input::Input;

/// The result of receiving: a message, any event, or a chunk.
pub(super) trait Received: Sized {
    /// Whether it may be a part of a message.
    const IS_CHUNK: bool = false;

    /// Takes the next one from the input, or a control frame, and encodes the reply to that.
    fn take<'a, S, P: Protocol<S>>(
        protocol: &mut P,
        within: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Taken<'a, Self>>, Violation>;

    /// A message is one chunk, unless this [may be a part](Self::IS_CHUNK).
    fn from_chunk(chunk: Chunk<'static>) -> Self;

    /// Returns `None` for control frames that are skipped.
    fn from_control(_: Event<'_>) -> Option<Self> {
        None
    }
}

/// What was taken from the input.
pub(super) enum Taken<'a, T> {
    Data(T),
    Control(Event<'a>),
}

impl Received for Message {
    #[inline]
    fn take<'a, S, P: Protocol<S>>(
        protocol: &mut P,
        _: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Taken<'a, Self>>, Violation> {
        protocol.receive(input, out, |event| match event {
            Event::Text(text) => Taken::Data(text.into()),
            Event::Binary(bytes) => Taken::Data(bytes.into()),
            control => Taken::Control(control),
        })
    }

    fn from_chunk(chunk: Chunk<'static>) -> Self {
        match chunk.data {
            ChunkData::Text(text) => text.into(),
            ChunkData::Binary(bytes) => bytes.into(),
        }
    }
}

impl Received for Event<'static> {
    #[inline]
    fn take<'a, S, P: Protocol<S>>(
        protocol: &mut P,
        _: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Taken<'a, Self>>, Violation> {
        protocol.receive(input, out, |event| match event {
            Event::Text(_) | Event::Binary(_) => Taken::Data(event.into_owned()),
            control => Taken::Control(control),
        })
    }

    fn from_chunk(chunk: Chunk<'static>) -> Self {
        match chunk.data {
            ChunkData::Text(text) => Self::Text(text),
            ChunkData::Binary(bytes) => Self::Binary(bytes),
        }
    }

    fn from_control(control: Event<'_>) -> Option<Self> {
        Some(control.into_owned())
    }
}

impl Received for Chunk<'static> {
    const IS_CHUNK: bool = true;

    fn take<'a, S, P: Protocol<S>>(
        protocol: &mut P,
        within: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Taken<'a, Self>>, Violation> {
        Ok(protocol.receive_chunk(within, input, out)?.map(|event| match event {
            ChunkEvent::Chunk(chunk) => Taken::Data(chunk.into_owned()),
            ChunkEvent::Control(control) => Taken::Control(control),
        }))
    }

    fn from_chunk(chunk: Self) -> Self {
        chunk
    }
}

/// For those who keep everything.
impl Received for ChunkEvent<'static> {
    const IS_CHUNK: bool = true;

    fn take<'a, S, P: Protocol<S>>(
        protocol: &mut P,
        within: Option<u64>,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Taken<'a, Self>>, Violation> {
        Ok(protocol.receive_chunk(within, input, out)?.map(|event| match event {
            ChunkEvent::Chunk(chunk) => Taken::Data(Self::Chunk(chunk.into_owned())),
            ChunkEvent::Control(control) => Taken::Control(control),
        }))
    }

    fn from_chunk(chunk: Chunk<'static>) -> Self {
        Self::Chunk(chunk)
    }

    fn from_control(control: Event<'_>) -> Option<Self> {
        Some(Self::Control(control.into_owned()))
    }
}
