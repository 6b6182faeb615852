//! Messages in chunks: how much of one a call returns, and what waits for the next call.

use std::string::String;
use std::time::Instant;
use std::vec::Vec;

use super::receive_loop::{Protocol, ReceiveLoop};
use super::stream::Stream;
use super::transfer::{after, passed};
use crate::adapter::Error;
use crate::connection::{Chunk, ChunkData};
use crate::error::UsageError;

/// The most that is returned if the caller has not said how much. One read has at most as much.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// How much of a message a call returns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want {
    /// What has arrived, as soon as something has.
    Arrived,
    /// So many bytes, unless the message ends before.
    Bytes(usize),
    /// So many characters of a text, or bytes, unless the message ends before.
    Chars(usize),
}

/// What has been received of a message in chunks, and waits to be returned.
#[derive(Default)]
pub(super) struct Chunks {
    /// The limit of messages in chunks, if they have one of their own.
    pub(super) message_bytes_max: Option<u64>,
    /// Whether the last call that received wanted whole messages.
    pub(super) prefers_messages: bool,
    /// `None` if nothing waits.
    front: Option<Front>,
}

/// The part of a message that waits: some bytes, or its end, or both.
struct Front {
    data: Data,
    /// How many bytes of the data have been returned.
    returned: usize,
    /// Whether none of the message has been returned.
    first: bool,
    /// Whether the message ends with the data.
    last: bool,
    /// How many characters after `returned` have been counted, and their bytes.
    counted: (usize, usize),
}

enum Data {
    Text(String),
    Binary(Vec<u8>),
}

impl<S: Stream, P: Protocol<S>> ReceiveLoop<S, P> {
    /// Waits for as much of a message as the caller wants. Returns `None` once the connection is
    /// over.
    pub(super) fn receive_chunk(&mut self, want: Want) -> Result<Option<Chunk<'static>>, Error> {
        let deadline = after(self.timeout);
        loop {
            if let Some(chunk) = self.chunks.take(want) {
                return Ok(Some(chunk));
            }
            if !self.chunks.make_room() {
                return Ok(self.chunks.take_all()); // less than is wanted, rather than nothing
            }
            match self.receive_until(deadline) {
                Ok(Some(chunk)) => self.chunks.push(chunk),
                Err(Error::TimedOut) => return Err(Error::TimedOut),
                // What came before the end is returned before.
                end => return self.chunks.take_all().map_or(end, |chunk| Ok(Some(chunk))),
            }
            if passed(deadline) && !self.chunks.has(want) {
                // A peer that sends a little again and again must not move the deadline.
                return Err(Error::TimedOut);
            }
        }
    }

    /// Waits for something of a message, and drops it: for a caller that only waits for the end.
    pub(super) fn discard(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        self.chunks.front = None;
        self.receive_until::<Chunk<'static>>(deadline).map(|_| ())
    }

    /// Checks that no message has been received in part.
    pub(super) fn must_be_between_messages(&self) -> Result<(), UsageError> {
        let is_within = match self.ahead.is_empty() {
            true => self.protocol.is_in_chunks(),
            false => self.ahead.is_within_message(),
        };
        if self.chunks.front.is_some() || is_within {
            Err(UsageError::MessageInChunks)
        } else {
            Ok(())
        }
    }

    /// Returns how many bytes of the message in progress the caller has not got, if that is known.
    pub(super) fn message_bytes_left(&self) -> Option<u64> {
        match &self.chunks.front {
            _ if !self.ahead.is_empty() => None,
            None => self.protocol.message_bytes_left(),
            Some(front) if front.last => Some(front.len() as u64),
            Some(front) => {
                Some(self.protocol.message_bytes_left()?.saturating_add(front.len() as u64))
            }
        }
    }
}

impl Chunks {
    /// Takes what the caller wants, if that is there.
    fn take(&mut self, want: Want) -> Option<Chunk<'static>> {
        let len = self.front.as_mut()?.wanted(want)?;
        self.take_bytes(len)
    }

    /// Takes everything.
    pub(super) fn take_all(&mut self) -> Option<Chunk<'static>> {
        self.take_bytes(usize::MAX)
    }

    fn take_bytes(&mut self, len: usize) -> Option<Chunk<'static>> {
        let front = self.front.as_mut()?;
        let chunk = front.take(len);
        if front.len() == 0 {
            self.front = None;
        }
        Some(chunk)
    }

    /// Returns whether there is what the caller wants.
    pub(super) fn has(&mut self, want: Want) -> bool {
        self.front.as_mut().is_some_and(|front| front.wanted(want).is_some())
    }

    /// Makes room for another chunk. Returns whether there is memory for it.
    fn make_room(&mut self) -> bool {
        self.front.as_mut().is_none_or(Front::make_room)
    }

    pub(super) fn push(&mut self, chunk: Chunk<'static>) {
        match &mut self.front {
            Some(front) => front.push(&chunk),
            None => self.front = Some(Front::new(chunk)),
        }
    }
}

impl Front {
    fn new(Chunk { data, first, last }: Chunk<'static>) -> Self {
        let data = match data {
            ChunkData::Text(text) => Data::Text(text.into_owned()),
            ChunkData::Binary(bytes) => Data::Binary(bytes.into_owned()),
        };
        Self { data, returned: 0, first, last, counted: (0, 0) }
    }

    /// Returns how many bytes wait.
    fn len(&self) -> usize {
        self.data.len().saturating_sub(self.returned)
    }

    /// Returns how many bytes make what the caller wants, `None` if they have not arrived.
    fn wanted(&mut self, want: Want) -> Option<usize> {
        let len = self.len();
        match (want, &self.data) {
            (Want::Arrived, _) => Some(self.whole_chars(CHUNK_BYTES_MAX)),
            (Want::Chars(n), Data::Text(text)) => {
                let n = n.max(1);
                let (mut chars, mut bytes) = self.counted;
                if chars > n {
                    (chars, bytes) = (0, 0); // counted for a caller that wanted more
                }
                let rest = text.get(self.returned.saturating_add(bytes)..).unwrap_or_default();
                for char in rest.chars().take(n.saturating_sub(chars)) {
                    chars = chars.saturating_add(1);
                    bytes = bytes.saturating_add(char.len_utf8());
                }
                self.counted = (chars, bytes);
                (chars == n || self.last).then_some(bytes)
            }
            (Want::Bytes(n) | Want::Chars(n), _) => {
                let n = n.max(1);
                (len >= n || self.last).then(|| self.whole_chars(n))
            }
        }
    }

    /// Returns how many of the next `n` bytes are whole code points, but at least one code point.
    fn whole_chars(&self, n: usize) -> usize {
        let n = n.min(self.len());
        let Data::Text(text) = &self.data else { return n };
        let end = self.returned.saturating_add(n);
        let start = (self.returned..=end).rev().find(|at| text.is_char_boundary(*at));
        let whole = start.map_or(0, |start| start.saturating_sub(self.returned));
        let next = text.get(self.returned..).and_then(|text| text.chars().next());
        whole.max(next.map_or(0, char::len_utf8))
    }

    /// Takes the next `len` bytes, which are whole code points.
    fn take(&mut self, len: usize) -> Chunk<'static> {
        let len = len.min(self.len());
        let last = self.last && len == self.len();
        let first = std::mem::take(&mut self.first);
        let range = self.returned..self.returned.saturating_add(len);
        let data = match &mut self.data {
            Data::Text(text) if len == text.len() => ChunkData::Text(std::mem::take(text).into()),
            Data::Text(text) => {
                ChunkData::Text(String::from(text.get(range).unwrap_or_default()).into())
            }
            Data::Binary(bytes) if len == bytes.len() => {
                ChunkData::Binary(std::mem::take(bytes).into())
            }
            Data::Binary(bytes) => {
                ChunkData::Binary(Vec::from(bytes.get(range).unwrap_or_default()).into())
            }
        };
        if self.data.len() > 0 {
            self.returned = self.returned.saturating_add(len);
        }
        self.counted = (0, 0);
        Chunk { data, first, last }
    }

    /// Makes room for another chunk, and frees most of a buffer that has become much too large.
    /// Moves fewer bytes than the caller wants.
    fn make_room(&mut self) -> bool {
        let returned = std::mem::take(&mut self.returned);
        let needed = self.data.len().saturating_sub(returned).saturating_add(CHUNK_BYTES_MAX);
        let enough = needed.saturating_mul(4);
        match &mut self.data {
            Data::Text(text) => {
                text.drain(..returned);
                if text.capacity() > enough {
                    text.shrink_to(needed);
                }
                text.try_reserve(CHUNK_BYTES_MAX).is_ok()
            }
            Data::Binary(bytes) => {
                bytes.drain(..returned);
                if bytes.capacity() > enough {
                    bytes.shrink_to(needed);
                }
                bytes.try_reserve(CHUNK_BYTES_MAX).is_ok()
            }
        }
    }

    fn push(&mut self, chunk: &Chunk<'static>) {
        match (&mut self.data, &chunk.data) {
            (Data::Text(text), ChunkData::Text(more)) => text.push_str(more),
            (Data::Binary(bytes), ChunkData::Binary(more)) => bytes.extend_from_slice(more),
            // All chunks of a message are of one kind.
            (Data::Text(_), ChunkData::Binary(_)) | (Data::Binary(_), ChunkData::Text(_)) => {}
        }
        self.last = chunk.last;
    }
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}
