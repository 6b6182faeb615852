//! Scripts: the steps of a case with frames, and its expected outcome.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::random::Pieces;
use crate::wire::{Got, Odd, counted, describe, describe_header};

/// A sequence of frames, and its only right outcome.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    /// The messages and frames that must have arrived at the end, before the Close frame.
    pub(crate) expected: Vec<Got>,
    pub(crate) end: End,
    pub(crate) pieces: Pieces,
    pub(crate) leeway: Leeway,
    pub(crate) compression: Option<Compression>,
    /// True if the masking keys of a client must not all be the same.
    pub(crate) checks_keys: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A frame with this first byte, and as much payload as it announces.
    Frame(u8, Vec<u8>),
    /// A frame's header alone.
    Header(u8, usize),
    /// A frame that no sender may send, whatever its first byte.
    Odd(Odd, u8, Vec<u8>),
    /// Some of the payload that was announced.
    Payload(Vec<u8>),
    /// A message, compressed if that was negotiated, and in fragments of at most so many bytes.
    Message { binary: bool, payload: Vec<u8>, fragment: Option<usize> },
    /// Waits after the steps above: exactly so many of the expected must arrive, and the connection
    /// must stay open.
    Await(usize),
    /// The connection must have failed by now; later is not strict.
    AwaitFailure,
    /// Messages, each of which must arrive before the next is sent. Nothing else may be expected
    /// before them.
    Rounds(Rounds),
}

/// Messages that are made one after another: parts of the same data, which has no end.
#[derive(Clone, Debug)]
pub(crate) struct Rounds {
    pub(crate) binary: bool,
    pub(crate) fragment: Option<usize>,
    /// In characters, which are bytes if the messages are binary.
    pub(crate) len: usize,
    pub(crate) count: usize,
    /// The data is this, again and again. It is not empty.
    pub(crate) data: Arc<[char]>,
    /// Where the next message begins.
    pub(crate) at: usize,
}

impl Iterator for Rounds {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.count = self.count.checked_sub(1)?;
        let characters = self.data.iter().copied().cycle().skip(self.at).take(self.len);
        self.at = (self.at + self.len) % self.data.len();
        Some(match self.binary {
            true => characters.map(|character| u32::from(character) as u8).collect(),
            false => characters.collect::<String>().into(),
        })
    }
}

/// How the connection ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// We send a Close frame with 1000, and get one with 1000 back.
    WeClose,
    /// We have sent a Close frame among the steps, and get one back with one of these codes, or
    /// without any.
    WeClosed(&'static [u16]),
    /// The endpoint fails the connection with one of these codes.
    Fails(&'static [u16]),
}

/// How a connection ends that [`Leeway::MayRefuse`] is about, if it is refused.
pub(crate) const REFUSED: End = End::Fails(&[1002]);

/// Where the RFC leaves room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leeway {
    No,
    /// The outcome is open; the expected one is our reading.
    Open,
    /// The expected outcome is allowed, and better is a connection that fails with 1002 before it.
    MayRefuse,
    /// Pongs may be left out if a later one comes (RFC 6455 §5.5.3).
    FewerPongs,
}

/// The extension negotiation of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compression {
    /// The offer to a server under test.
    pub(crate) offer: &'static str,
    /// The answer to a client under test.
    pub(crate) answer: &'static str,
}

impl Compression {
    /// The parameters that leave the most to the implementation.
    pub(crate) const DEFAULT: Self =
        Self { offer: "permessage-deflate; client_max_window_bits", answer: "permessage-deflate" };
}

impl Script {
    pub(crate) fn new(steps: Vec<Step>, expected: Vec<Got>, end: End) -> Self {
        let (pieces, leeway) = (Pieces::Whole, Leeway::No);
        Self { steps, expected, end, pieces, leeway, compression: None, checks_keys: false }
    }

    pub(crate) fn in_pieces(self, pieces: Pieces) -> Self {
        Self { pieces, ..self }
    }

    pub(crate) fn leeway(self, leeway: Leeway) -> Self {
        Self { leeway, ..self }
    }

    pub(crate) fn compression(self, compression: Compression) -> Self {
        Self { compression: Some(compression), ..self }
    }

    pub(crate) fn checks_keys(self) -> Self {
        Self { checks_keys: true, ..self }
    }

    /// Returns about how many bytes the steps are on the wire.
    pub(crate) fn bytes(&self) -> usize {
        self.steps.iter().map(Step::bytes).sum()
    }

    /// Returns the length of its longest message or fragment.
    pub(crate) fn message_max(&self) -> usize {
        let len = |step: &Step| match step {
            Step::Frame(first, payload) if first & 0x08 == 0 => payload.len(),
            Step::Header(first, len) if first & 0x08 == 0 => *len,
            Step::Message { payload, .. } => payload.len(),
            Step::Rounds(rounds) => rounds.len,
            _ => 0,
        };
        self.steps.iter().map(len).max().unwrap_or_default()
    }

    /// Returns a description of what is sent.
    pub(crate) fn sent(&self) -> String {
        let mut sent = match &self.compression {
            Some(Compression { offer, answer }) => {
                format!("offer: {offer} (to a client: {answer}); ")
            }
            None => String::new(),
        };
        sent += &listed(self.steps.iter().filter_map(Step::describe), "then ");
        if let End::WeClose = self.end {
            sent += if sent.is_empty() { "Close 1000" } else { ", then Close 1000" };
        }
        let _ = match self.pieces {
            Pieces::Whole => Ok(()),
            Pieces::Frames => write!(sent, "; one frame at a time"),
            Pieces::Of(1) => write!(sent, "; one byte at a time"),
            Pieces::Of(len) => write!(sent, "; {len} bytes at a time"),
            Pieces::Random(seed) => write!(sent, "; split at random (seed {seed})"),
        };
        sent
    }

    /// Returns a description of what is expected.
    pub(crate) fn wanted(&self) -> String {
        let echoes = self.steps.iter().filter_map(Step::echoes);
        let expected = self.expected.iter().map(|got| format!("{got:?}"));
        let mut wanted = listed(echoes.chain(expected), "");
        if !wanted.is_empty() {
            wanted += ", then ";
        }
        wanted += &self.end.describe();
        if self.leeway == Leeway::MayRefuse {
            wanted = format!("{}; or {wanted}", REFUSED.describe());
        }
        if self.checks_keys {
            wanted += ", and masking keys that are not all the same";
        }
        wanted
    }
}

impl End {
    pub(crate) fn describe(self) -> String {
        let codes =
            |codes: &[u16]| codes.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
        match self {
            Self::WeClose => "Close 1000 in answer to ours".into(),
            Self::WeClosed(list) => format!("Close {} in answer to ours", codes(list)),
            Self::Fails(list) => format!("a failed connection (Close {})", codes(list)),
        }
    }
}

impl Step {
    fn bytes(&self) -> usize {
        match self {
            Self::Frame(_, payload)
            | Self::Odd(_, _, payload)
            | Self::Payload(payload)
            | Self::Message { payload, .. } => payload.len() + 14,
            Self::Header(..) => 14,
            Self::Rounds(rounds) => rounds.count * (rounds.len + 14),
            Self::Await(_) | Self::AwaitFailure => 0,
        }
    }

    /// Describes the messages that must come back, if there are many.
    fn echoes(&self) -> Option<String> {
        let Self::Rounds(Rounds { binary, len, count, .. }) = self else { return None };
        Some(match binary {
            true => format!("{count} binary messages of {len} bytes"),
            false => format!("{count} texts of {len} characters"),
        })
    }

    fn describe(&self) -> Option<String> {
        Some(match self {
            Self::Frame(first, payload) => describe(*first, payload),
            Self::Header(first, len) => describe_header(*first, *len),
            Self::Odd(odd, first, payload) => {
                format!("{} {}", describe(*first, payload), odd.describe())
            }
            Self::Payload(payload) => format!("{} of it", counted(payload.len(), "byte")),
            Self::Message { binary, payload, fragment } => {
                let kind = if *binary { "binary message" } else { "text" };
                let len = counted(payload.len(), "byte");
                match fragment {
                    None => format!("a {kind} of {len}"),
                    Some(most) => format!("a {kind} of {len} in fragments of {most}"),
                }
            }
            Self::Rounds(Rounds { fragment, .. }) => {
                let how = fragment.map(|most| format!(", in fragments of {most} when compressed"));
                format!("{}{}", self.echoes()?, how.unwrap_or_default())
            }
            Self::Await(_) => return None,
            Self::AwaitFailure => "(it must have failed by now)".into(),
        })
    }
}

/// Joins at most eight items. Equal neighbours are counted as one.
pub(crate) fn listed(all: impl Iterator<Item = String>, joint: &str) -> String {
    let (mut list, mut left_out) = (Vec::<(String, usize)>::new(), 0);
    for item in all {
        let is_full = list.len() == 8;
        match list.last_mut() {
            Some((last, count)) if *last == item => *count += 1,
            _ if is_full => left_out += 1,
            _ => list.push((item, 1)),
        }
    }
    let mut text = String::new();
    for (i, (item, count)) in list.into_iter().enumerate() {
        if i > 0 {
            text += ", ";
            text += joint;
        }
        text += &item;
        if count > 1 {
            let _ = write!(text, " ({count} times)");
        }
    }
    if left_out > 0 {
        let _ = write!(text, ", and {left_out} more");
    }
    text
}
