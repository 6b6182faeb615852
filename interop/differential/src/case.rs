//! What is sent to everyone, and what can come of it.

use std::fmt;

/// Who receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

/// Where in a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The opening handshake: a head. In what a client receives, [`ACCEPT`](crate::heads::ACCEPT) stands for the
    /// `Sec-WebSocket-Accept` that belongs to its key.
    Head,
    /// Behind it: frames.
    Frames,
    /// Frames where permessage-deflate was agreed upon.
    Compressed(Deflate),
}

/// What was agreed for the direction that is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    pub takeover: bool,
    pub window_bits: u8,
}

#[derive(Clone, Debug)]
pub struct Case {
    pub phase: Phase,
    pub role: Role,
    pub wire: Vec<u8>,
    /// Where reads end, ascending.
    pub cuts: Vec<usize>,
}

impl Case {
    /// The reads in which it arrives.
    pub fn reads<'w>(&self, wire: &'w [u8]) -> Vec<&'w [u8]> {
        let mut reads = Vec::with_capacity(self.cuts.len() + 1);
        let mut start = 0;
        for &end in self.cuts.iter().filter(|&&cut| cut < wire.len()).chain([&wire.len()]) {
            if end > start {
                reads.push(&wire[start..end]);
                start = end;
            }
        }
        reads
    }
}

/// What an implementation made of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the application was given.
    pub messages: Vec<Message>,
    /// What was sent by itself, but for the Close frame that tells of a failure.
    pub replies: Vec<Reply>,
    pub end: End,
    /// What a server answered to the request, if it answers by itself.
    pub answer: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub is_text: bool,
    pub payload: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    Pong(Vec<u8>),
    /// With its body.
    Close(Vec<u8>),
    /// Anything else, by its first byte: nothing of the kind is expected.
    Other(u8),
}

#[derive(Clone, Default, PartialEq, Eq)]
pub enum End {
    /// Nothing has ended: it would read on.
    #[default]
    Open,
    /// The peer's Close frame was taken, and the application told of this code and reason, as they stand in a frame's body.
    Closed(Vec<u8>),
    /// The connection was failed with this close code: that of the Close frame sent, or the one that the error stands for.
    Failed(u16),
    /// The opening handshake succeeded.
    Accepted,
    /// It did not.
    Refused,
    /// It panicked, or its process ended.
    Died,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for message in &self.messages {
            write!(f, "{message:?}, ")?;
        }
        for reply in &self.replies {
            write!(f, "sends {reply:?}, ")?;
        }
        write!(f, "{:?}", self.end)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.is_text { "text" } else { "binary" }, Short(&self.payload))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pong(payload) => write!(f, "pong {}", Short(payload)),
            Self::Close(body) => write!(f, "close {}", Body(body)),
            Self::Other(first) => write!(f, "a frame {first:#04x}"),
        }
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("waits for more"),
            Self::Closed(body) => write!(f, "closed by the peer: {}", Body(body)),
            Self::Failed(code) => write!(f, "fails with {code}"),
            Self::Accepted => f.write_str("accepts"),
            Self::Refused => f.write_str("refuses"),
            Self::Died => f.write_str("is gone"),
        }
    }
}

struct Short<'a>(&'a [u8]);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.0[..self.0.len().min(32)].escape_ascii();
        write!(f, "\"{start}\" ({} bytes)", self.0.len())
    }
}

struct Body<'a>(&'a [u8]);

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_first_chunk() {
            Some((code, reason)) => write!(f, "{} {}", u16::from_be_bytes(*code), Short(reason)),
            None => write!(f, "{:?}", self.0),
        }
    }
}
