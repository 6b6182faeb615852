//! What was read when a send failed, to find out why. The calls that receive return it.

use std::collections::VecDeque;

use super::ending::Ending;
use super::error::Error;
use super::receive_loop::{Protocol, ReceiveLoop, Taking};
use super::received::Received;
use super::stream::Stream;
use super::transfer::Fill;
use crate::connection::{Chunk, ChunkData, ChunkEvent, Event};
use crate::error::UsageError;

/// How much may wait here. What else has arrived stays in the stream.
const BYTES_MAX: usize = 256 << 10;
/// How often one call reads.
const READS_MAX: usize = 64;
/// What an event costs beside its payload.
const EVENT_BYTES: usize = 64;

/// Events that have been received and not returned. A message is one chunk, unless the program
/// receives chunks.
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

    /// Returns whether a part of a message comes next.
    pub(super) fn is_within_message(&self) -> bool {
        matches!(self.events.front(), Some(ChunkEvent::Chunk(chunk)) if !is_whole(chunk))
    }

    /// Takes the next event that the caller wants.
    #[cold]
    pub(super) fn take<T: Received>(&mut self) -> Result<Option<T>, UsageError> {
        loop {
            if self.is_within_message() && !T::IS_CHUNK {
                return Err(UsageError::MessageInChunks);
            }
            let Some(event) = self.events.pop_front() else { return Ok(None) };
            self.bytes = self.bytes.saturating_sub(cost(&event));
            match event {
                ChunkEvent::Chunk(chunk) => return Ok(Some(T::from_chunk(chunk))),
                ChunkEvent::Control(control) => {
                    if let Some(control) = T::from_control(control) {
                        return Ok(Some(control));
                    }
                }
            }
        }
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
            let taking = if self.chunks.message_bytes_max.is_some() || self.protocol.is_in_chunks()
            {
                self.take_event().map(ChunkEvent::Chunk)
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

fn is_whole(chunk: &Chunk<'_>) -> bool {
    chunk.first && chunk.last
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
