//! The body of a response (RFC 9112 §6, §7): read up to its end, without its chunks, bounded.

use alloc::vec::Vec;

use crate::input::Input;

/// How a body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// With its last chunk.
    Chunked,
    /// With the connection.
    UntilEnd,
}

/// Reads a body.
#[derive(Clone)]
pub(crate) struct BodyReader {
    framing: Framing,
    state: State,
    bytes_max: usize,
    /// The content so far.
    content: Vec<u8>,
    /// How many bytes around the chunks there have been.
    around_chunks: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the content, of which this many bytes remain, or of its current chunk.
    Content(u64),
    /// In the size of a chunk.
    Size {
        size: u64,
        digits: bool,
    },
    /// In the extensions after a size.
    ChunkExtension {
        size: u64,
    },
    /// After the CR of a size's line.
    SizeCr {
        size: u64,
    },
    /// After a chunk.
    ChunkEnd,
    /// After the CR after a chunk.
    ChunkEndCr,
    /// At the start of a line after the last chunk.
    Trailer,
    /// In such a line.
    TrailerLine,
    /// After the CR of such a line.
    TrailerCr,
    /// After the CR of the empty line at the end.
    LastCr,
    Complete,
    /// Too long, or chunked badly.
    CutOff,
}

impl BodyReader {
    /// Prepares to read a body of at most so many bytes. With zero, none of it is read.
    pub(crate) fn new(framing: Framing, bytes_max: usize) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Complete,
            _ if bytes_max == 0 => State::CutOff,
            Framing::Length(length) => State::Content(length),
            Framing::Chunked => State::Size { size: 0, digits: false },
            Framing::UntilEnd => State::Content(u64::MAX),
        };
        Self { framing, state, bytes_max, content: Vec::new(), around_chunks: 0 }
    }

    /// Reads what there is, and leaves what follows the body. Returns whether the body is over:
    /// complete, too long, or chunked badly.
    pub(crate) fn read(&mut self, input: &mut Input<'_>) -> bool {
        loop {
            self.state = match self.state {
                State::Complete | State::CutOff => return true,
                State::Content(0) if self.framing == Framing::Chunked => State::ChunkEnd,
                State::Content(0) => State::Complete,
                _ if input.is_empty() => return false,
                State::Content(left) => {
                    let room = self.bytes_max.saturating_sub(self.content.len());
                    let bytes = input.take_up_to(room.min(usize::try_from(left).unwrap_or(room)));
                    self.content.extend_from_slice(bytes);
                    let left = left.saturating_sub(bytes.len() as u64);
                    if room == 0 { State::CutOff } else { State::Content(left) }
                }
                // Their bytes have the same bound, as nobody splits a page into single letters.
                _ if self.around_chunks >= self.bytes_max => State::CutOff,
                around => {
                    self.around_chunks = self.around_chunks.saturating_add(1);
                    step(around, input.take_up_to(1)).unwrap_or(State::CutOff)
                }
            };
        }
    }

    /// Returns the content so far.
    pub(crate) fn into_content(self) -> Vec<u8> {
        self.content
    }

    /// Returns whether the body is known to be complete. One without a length never is.
    pub(crate) fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    pub(crate) fn len(&self) -> usize {
        self.content.len()
    }
}

/// RFC 9112 §7.1: reads a byte around a chunk. Returns `None` if there is none such.
fn step(state: State, byte: &[u8]) -> Option<State> {
    let &[byte] = byte else { return None };
    Some(match (state, byte) {
        (State::Size { digits: true, size }, b'\r') => State::SizeCr { size },
        (State::Size { digits: true, size }, b';' | b' ' | b'\t') => State::ChunkExtension { size },
        (State::Size { size, .. }, digit) => {
            let digit = char::from(digit).to_digit(16)?;
            let size = size.checked_mul(16)?.checked_add(digit.into())?;
            State::Size { size, digits: true }
        }
        (State::ChunkExtension { size }, b'\r') => State::SizeCr { size },
        (State::ChunkExtension { .. }, b'\n') => return None,
        (State::ChunkExtension { size }, _) => State::ChunkExtension { size },
        (State::SizeCr { size: 0 }, b'\n') => State::Trailer,
        (State::SizeCr { size }, b'\n') => State::Content(size),
        (State::ChunkEnd, b'\r') => State::ChunkEndCr,
        (State::ChunkEndCr, b'\n') => State::Size { size: 0, digits: false },
        (State::Trailer, b'\r') => State::LastCr,
        (State::Trailer | State::TrailerLine, b'\n') => return None,
        (State::TrailerLine, b'\r') => State::TrailerCr,
        (State::Trailer | State::TrailerLine, _) => State::TrailerLine,
        (State::TrailerCr, b'\n') => State::Trailer,
        (State::LastCr, b'\n') => State::Complete,
        _ => return None,
    })
}
