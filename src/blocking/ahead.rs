//! What was read when a send failed, to find out why. The calls that receive return it.

use std::collections::VecDeque;

use super::receive_loop::{Protocol, ReceiveLoop, Taking};
use super::received::Received;
use super::stream::Stream;
use super::transfer::Fill;
use crate::adapter::{Ending, Error};
use crate::connection::{Chunk, ChunkData, ChunkEvent, Event};
use crate::error::UsageError;

/// How much may wait here. What else has arrived stays in the stream.
const BYTES_MAX: usize = 256 << 10;
/// How often one call reads.
const READS_MAX: usize = 64;
/// What an event costs beside its payload.
const EVENT_BYTES: usize = 64;

/// Events that have been received and not returned. A message is one chunk, unless the program may
/// receive chunks.
#[derive(Default)]
pub(super) struct Ahead {
    events: VecDeque<ChunkEvent<'static>>,
    /// What the events cost.
    bytes: usize,
}

impl Ahead {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Returns whether a part of a message comes next, and not all of the message is here.
    pub(super) fn is_within_message(&self) -> bool {
        matches!(self.events.front(), Some(ChunkEvent::Chunk(_))) && self.message_len().is_none()
    }

    /// Returns how many events it takes to the end of the message that comes next, `None` if it has
    /// not arrived, or has been taken in part.
    fn message_len(&self) -> Option<usize> {
        match self.events.front() {
            Some(ChunkEvent::Chunk(chunk)) if chunk.first => {}
            _ => return None,
        }
        let is_last = |event: &_| matches!(event, ChunkEvent::Chunk(chunk) if chunk.last);
        self.events.iter().position(is_last)?.checked_add(1)
    }

    /// Takes the next event that the caller wants.
    #[cold]
    pub(super) fn take<T: Received>(&mut self) -> Result<Option<T>, UsageError> {
        loop {
            if self.is_within_message() && !T::IS_CHUNK {
                return Err(UsageError::MessageInChunks);
            }
            let next = match self.message_len() {
                Some(len) if !T::IS_CHUNK => match self.control_before(len) {
                    None => return Ok(self.join(len).map(T::from_chunk)),
                    Some(at) => at, // came before the message was complete
                },
                _ => 0,
            };
            match self.remove(next) {
                None => return Ok(None),
                Some(ChunkEvent::Chunk(chunk)) => return Ok(Some(T::from_chunk(chunk))),
                Some(ChunkEvent::Control(control)) => {
                    if let Some(control) = T::from_control(control) {
                        return Ok(Some(control));
                    }
                }
            }
        }
    }

    fn control_before(&self, end: usize) -> Option<usize> {
        let is_control = |event: &_| matches!(event, ChunkEvent::Control(_));
        self.events.iter().take(end).position(is_control)
    }

    /// Makes one chunk of so many, which are a message.
    fn join(&mut self, chunks: usize) -> Option<Chunk<'static>> {
        let ChunkEvent::Chunk(mut whole) = self.remove(0)? else { return None };
        for _ in 1..chunks {
            let ChunkEvent::Chunk(next) = self.remove(0)? else { return None };
            match (&mut whole.data, next.data) {
                (ChunkData::Text(text), ChunkData::Text(more)) => text.to_mut().push_str(&more),
                (ChunkData::Binary(bytes), ChunkData::Binary(more)) => {
                    bytes.to_mut().extend_from_slice(&more);
                }
                // All chunks of a message are of one kind.
                (ChunkData::Text(_), ChunkData::Binary(_))
                | (ChunkData::Binary(_), ChunkData::Text(_)) => {}
            }
            whole.last = next.last;
        }
        Some(whole)
    }

    fn remove(&mut self, at: usize) -> Option<ChunkEvent<'static>> {
        let event = self.events.remove(at)?;
        self.bytes = self.bytes.saturating_sub(cost(&event));
        Some(event)
    }

    fn push(&mut self, event: ChunkEvent<'static>) {
        self.bytes = self.bytes.saturating_add(cost(&event));
        self.events.push_back(event);
    }
}

impl<S: Stream, P: Protocol<S>> ReceiveLoop<S, P> {
    /// Returns the reason why nothing can be sent instead of the error of sending, if the peer has
    /// given one and it has arrived.
    #[cold]
    pub(super) fn explain(&mut self, error: Error) -> Error {
        match error {
            Error::Usage(UsageError::Closed) => {}
            Error::Io(_) => self.read_ahead(),
            other => return other,
        }
        self.reason().map_or(error, Ending::error_of_sending)
    }

    /// Reads what has arrived, up to the peer's last word. Does not wait.
    fn read_ahead(&mut self) {
        let mut reads_left = READS_MAX;
        while self.reason().is_none() && self.ahead.bytes < BYTES_MAX {
            let may_want_chunks =
                self.chunks.message_bytes_max.is_some() && !self.chunks.prefers_messages;
            let taking = if may_want_chunks || self.protocol.is_in_chunks() {
                self.take_event::<ChunkEvent<'static>>()
            } else {
                self.take_event().map(as_chunk)
            };
            match taking {
                Taking::Taken(event) => self.ahead.push(event),
                Taking::LookFirst => self.look(),
                Taking::NeedsInput if reads_left == 0 || self.reason().is_some() => return,
                Taking::NeedsInput => {
                    reads_left = reads_left.saturating_sub(1);
                    match self.transfer.fill_at_once() {
                        Ok(Fill::Bytes) => self.clock.heard(),
                        // The next call that receives meets the end or the error again.
                        Ok(Fill::End | Fill::Later) | Err(_) => return,
                    }
                }
            }
        }
    }
}

fn as_chunk(event: Event<'static>) -> ChunkEvent<'static> {
    let data = match event {
        Event::Text(text) => ChunkData::Text(text),
        Event::Binary(bytes) => ChunkData::Binary(bytes),
        control => return ChunkEvent::Control(control),
    };
    ChunkEvent::Chunk(Chunk { data, first: true, last: true })
}

fn cost(event: &ChunkEvent<'_>) -> usize {
    let payload = match event {
        ChunkEvent::Chunk(chunk) => chunk.data.as_bytes().len(),
        ChunkEvent::Control(_) => 0,
    };
    payload.saturating_add(EVENT_BYTES)
}
