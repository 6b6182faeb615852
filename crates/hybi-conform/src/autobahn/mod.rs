//! The 517 cases of the Autobahn testsuite, under their ids, for implementations that do no I/O.
//!
//! The cases are written anew from what the suite says about each (its description and expectation), as data. To run
//! them against another implementation, write an [`Implementation`] for it and call [`run`] for each of the [`cases`];
//! `interop/conformance` does that. This folder depends on nothing but the standard library.

#![allow(dead_code, unreachable_pub)]

mod compression;
mod deflate;
mod framing;
mod peer;
mod utf8;
mod volume;

use std::fmt;

pub use peer::Got;
use peer::{Decoder, Encoder};

/// Which end of the connection is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

pub const BOTH: [Role; 2] = [Role::Server, Role::Client];

/// An implementation under test.
pub trait Implementation {
    /// An endpoint behind its opening handshake, without extensions.
    fn open(&self, role: Role) -> Box<dyn Endpoint>;

    /// A server that was offered this `Sec-WebSocket-Extensions`, and its answer. `None`: it declines.
    fn open_server(&self, _offer: &str) -> Option<(Box<dyn Endpoint>, String)> {
        None
    }

    /// A client that hands its offer to `answer` and is given the server's answer. `None`: it offers nothing or cannot
    /// accept the answer.
    fn open_client(&self, _answer: &dyn Fn(&str) -> String) -> Option<Box<dyn Endpoint>> {
        None
    }
}

/// An endpoint that sends every message back as it came, and answers pings and Close frames.
pub trait Endpoint {
    /// Takes what has arrived, and appends what is to be sent to `out`. Is called with what was on its way after it has
    /// closed, too.
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>);

    /// What it does with its transport, now that its output has been sent.
    fn transport(&self) -> Transport;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Open,
    /// It waits for us to close it: allowed to a client.
    Awaits,
    Closed,
}

/// What the tester does, and what must come of it.
#[derive(Clone, Debug)]
pub struct Case {
    pub id: String,
    steps: Vec<Step>,
    /// What must have arrived in the end, before the Close frame.
    expected: Vec<Got>,
    end: End,
    pieces: Pieces,
    /// Whether the RFC leaves the outcome open; what is demanded here is our reading.
    informational: bool,
    compression: Option<Compression>,
}

#[derive(Clone, Debug)]
enum Step {
    /// A frame with this first byte, and as much payload as it announces.
    Frame(u8, Vec<u8>),
    /// A frame's header alone.
    Header(u8, usize),
    /// Some of the payload that was announced.
    Payload(Vec<u8>),
    /// A message, compressed if that was negotiated, and in fragments of at most so many bytes.
    Message { binary: bool, payload: Vec<u8>, fragment: Option<usize> },
    /// What stands above has been sent: exactly so many of the expected have arrived now, and the connection is open.
    Await(usize),
    /// The connection must have failed by now; later is not strict.
    AwaitFailure,
}

/// How the connection ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// We send a Close frame with 1000, and get one with 1000 back.
    WeClose,
    /// We have sent a Close frame among the steps, and get one back with one of these codes, or without any.
    WeClosed(&'static [u16]),
    /// The endpoint fails the connection with one of these codes.
    Fails(&'static [u16]),
}

/// What the extension negotiation is to be.
#[derive(Clone, Copy, Debug)]
struct Compression {
    /// What a server under test is offered.
    offer: &'static str,
    /// What a client under test is answered.
    answer: &'static str,
}

/// How the bytes between two points of waiting are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// At once.
    Whole,
    /// Frame by frame.
    Frames,
    /// So many bytes at a time.
    Of(usize),
    /// Cut at places that this seed chooses, some of them close to one another.
    Random(u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    /// What Autobahn calls OK too: the endpoint failed the connection without a Close frame, although it SHOULD send one
    /// (RFC 6455 §7.1.7).
    NoCloseFrame,
    /// Right, but late.
    NonStrict(String),
    /// Another reading than ours of what the RFC leaves open.
    Informational(String),
    /// The extension was not negotiated.
    Unimplemented,
    Failed(String),
}

/// The categories that there are; 8 and 11 are empty in the original, too.
pub const CATEGORIES: [u8; 11] = [1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13];

/// The cases of one category, made as they are asked for, as some are big.
pub fn cases(category: u8) -> Box<dyn Iterator<Item = Case>> {
    match category {
        1..=5 | 7 | 10 => Box::new(framing::cases(category).into_iter()),
        6 => Box::new(utf8::cases().into_iter()),
        9 => Box::new(volume::cases()),
        12 => Box::new(compression::different_payloads()),
        13 => Box::new(compression::different_parameters()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Whether the big cases run in their full size: with `CONFORMANCE=full` in the environment.
///
/// Otherwise the messages of category 9 that have more than 256 KiB are 32 times shorter, but still have a length of 64
/// bits; 50 messages stand for 1000; and in categories 12 and 13 two or more messages of at most 4 KiB do, in
/// fragments of at most 1 KiB. Even in full, categories 12 and 13 stop after 1 MiB and at least eight messages of each case.
pub fn full() -> bool {
    std::env::var_os("CONFORMANCE").is_some_and(|value| value == "full")
}

impl Case {
    fn new(id: impl Into<String>, steps: Vec<Step>, expected: Vec<Got>, end: End) -> Self {
        Self {
            id: id.into(),
            steps,
            expected,
            end,
            pieces: Pieces::Whole,
            informational: false,
            compression: None,
        }
    }

    fn in_pieces(self, pieces: Pieces) -> Self {
        Self { pieces, ..self }
    }

    /// The ways to deliver it: as the suite does and cut at random; where there is not much of it, also at once, cut at
    /// random in two other ways, and byte by byte.
    pub fn ways(&self) -> Vec<Pieces> {
        let bytes: usize = self.steps.iter().map(Step::bytes).sum();
        let seed = self.id.bytes().fold(14_695_981_039_346_656_037, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
        });
        let mut ways = vec![self.pieces, Pieces::Random(seed)];
        if bytes <= 70_000 && self.compression.is_none() {
            ways.extend([Pieces::Whole, Pieces::Random(seed + 1), Pieces::Random(seed + 2)]);
        }
        if bytes <= 5_000 {
            ways.push(Pieces::Of(1));
        }
        ways
    }
}

impl Step {
    fn bytes(&self) -> usize {
        match self {
            Self::Frame(_, payload) | Self::Payload(payload) | Self::Message { payload, .. } => {
                payload.len() + 14
            }
            Self::Header(..) => 14,
            Self::Await(_) | Self::AwaitFailure => 0,
        }
    }
}

/// Runs one case against one role, its input delivered in these pieces.
pub fn run(
    implementation: &dyn Implementation,
    role: Role,
    case: &Case,
    pieces: Pieces,
) -> Verdict {
    let Some(mut session) = Session::open(implementation, role, case, pieces) else {
        return Verdict::Unimplemented;
    };
    match session.play(case) {
        Ok(verdict) => verdict,
        Err(why) if case.informational => Verdict::Informational(why),
        Err(why) => Verdict::Failed(why),
    }
}

struct Session {
    role: Role,
    endpoint: Box<dyn Endpoint>,
    encoder: Encoder,
    deflater: Option<deflate::Deflater>,
    decoder: Decoder,
    pieces: Pieces,
    random: Random,
    /// What is to be delivered next, and where its frames end.
    wire: Vec<u8>,
    borders: Vec<usize>,
    got: Vec<Got>,
    /// How many of them have been compared.
    compared: usize,
}

impl Session {
    fn open(
        implementation: &dyn Implementation,
        role: Role,
        case: &Case,
        pieces: Pieces,
    ) -> Option<Self> {
        let (endpoint, deflater, inflater) = match &case.compression {
            None => (implementation.open(role), None, None),
            Some(compression) => {
                let (endpoint, agreed) = compression::negotiate(implementation, role, compression)?;
                let (deflater, inflater) = agreed.codec(role);
                (endpoint, Some(deflater), Some(inflater))
            }
        };
        let seed = if let Pieces::Random(seed) = pieces { seed } else { 1 };
        Some(Self {
            role,
            endpoint,
            encoder: Encoder::new(role),
            deflater,
            decoder: Decoder::new(role, inflater),
            pieces,
            random: Random(seed | 1),
            wire: Vec::new(),
            borders: Vec::new(),
            got: Vec::new(),
            compared: 0,
        })
    }

    fn play(&mut self, case: &Case) -> Result<Verdict, String> {
        let mut late = None;
        for step in &case.steps {
            match step {
                Step::Frame(first, payload) => self.frame(*first, payload),
                Step::Header(first, len) => self.encoder.field(*first, *len, &mut self.wire),
                Step::Payload(payload) => self.encoder.payload(payload, &mut self.wire),
                Step::Message { binary, payload, fragment } => {
                    self.message(*binary, payload, *fragment)
                }
                Step::Await(count) => {
                    self.deliver()?;
                    // What stood there at the last point of waiting need not be compared again.
                    let new = self.compared..*count;
                    if self.got.len() != *count || self.got[new.clone()] != case.expected[new] {
                        return Err(format!(
                            "got {:?}, not the first {count} of {:?}",
                            self.got, case.expected
                        ));
                    }
                    self.compared = *count;
                    if self.endpoint.transport() != Transport::Open {
                        return Err("closed the connection too early".into());
                    }
                }
                Step::AwaitFailure => {
                    self.deliver()?;
                    if self.endpoint.transport() == Transport::Open {
                        late = Some("failed the connection too late".to_owned());
                    }
                }
            }
        }
        if let End::WeClose = case.end {
            self.frame(0x88, &1000_u16.to_be_bytes());
        }
        self.deliver()?;
        let verdict = self.judge(case)?;
        Ok(late.map_or(verdict, Verdict::NonStrict))
    }

    fn frame(&mut self, first: u8, payload: &[u8]) {
        self.encoder.field(first, payload.len(), &mut self.wire);
        self.encoder.payload(payload, &mut self.wire);
        self.borders.push(self.wire.len());
    }

    fn message(&mut self, binary: bool, payload: &[u8], fragment: Option<usize>) {
        let compressed = self.deflater.as_mut().map(|deflater| deflater.message(payload));
        let payload = compressed.as_deref().unwrap_or(payload);
        let mut first = if binary { 2 } else { 1 };
        if compressed.is_some() {
            first |= 0x40;
        }
        let mut fragments = payload.chunks(fragment.unwrap_or(usize::MAX)).peekable();
        if fragments.peek().is_none() {
            self.frame(0x80 | first, &[]);
        }
        while let Some(fragment) = fragments.next() {
            let fin = if fragments.peek().is_none() { 0x80 } else { 0 };
            self.frame(fin | first, fragment);
            first = 0;
        }
    }

    fn deliver(&mut self) -> Result<(), String> {
        let mut wire = std::mem::take(&mut self.wire);
        let mut borders = std::mem::take(&mut self.borders).into_iter();
        let mut rest = &mut wire[..];
        let (mut at, mut out) = (0, Vec::new());
        while !rest.is_empty() {
            let len = match self.pieces {
                Pieces::Whole => rest.len(),
                Pieces::Frames => borders.next().map_or(rest.len(), |border| border - at),
                Pieces::Of(len) => len,
                Pieces::Random(_) => self.random.piece(rest.len()),
            };
            let piece;
            (piece, rest) = rest.split_at_mut(len.clamp(1, rest.len()));
            at += piece.len();
            self.endpoint.feed(piece, &mut out);
            self.decoder.read(&out, &mut self.got)?;
            out.clear();
        }
        Ok(())
    }

    fn judge(&self, case: &Case) -> Result<Verdict, String> {
        let (close, got) = match self.got.split_last() {
            Some((Got::Close { code, .. }, got)) => (Some(*code), got),
            _ => (None, &self.got[..]),
        };
        let transport = self.endpoint.transport();
        let wrong = || {
            Err(format!(
                "got {:?}, then {transport:?}; want {:?}, then {:?}",
                self.got, case.expected, case.end
            ))
        };
        if self.decoder.is_cut_off() {
            return Err("stopped in the middle of a frame".into());
        }
        // RFC 6455 §7.1.1: the server closes the transport first.
        let is_closed = match self.role {
            Role::Server => transport == Transport::Closed,
            Role::Client => transport != Transport::Open,
        };
        let right = match (case.end, close) {
            (End::WeClose, Some(code)) => code == Some(1000),
            (End::WeClosed(codes), Some(code)) => code.is_none_or(|code| codes.contains(&code)),
            (End::Fails(codes), Some(Some(code))) => codes.contains(&code),
            (End::Fails(_), None) => true,
            (End::Fails(_), Some(None)) | (End::WeClose | End::WeClosed(_), None) => false,
        };
        if !right || !is_closed {
            return wrong();
        }
        if got != case.expected {
            // Autobahn: what should have come before the failure was lost.
            return match case.end {
                End::Fails(_) if got.is_empty() => {
                    Ok(Verdict::NonStrict("lost what came before".into()))
                }
                _ => wrong(),
            };
        }
        Ok(if close.is_none() { Verdict::NoCloseFrame } else { Verdict::Ok })
    }
}

/// Numbers that look random and are always the same: xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// The length of a next piece: a few bytes, a few dozen, or up to all there is.
    fn piece(&mut self, len: usize) -> usize {
        let most = match self.next() % 4 {
            0 => 4,
            1 => 64,
            _ => len,
        };
        1 + (self.next() % most.min(len).max(1) as u64) as usize
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("OK"),
            Self::NoCloseFrame => f.write_str("OK, without a Close frame"),
            Self::NonStrict(why) => write!(f, "NON-STRICT: {why}"),
            Self::Informational(why) => write!(f, "INFORMATIONAL: {why}"),
            Self::Unimplemented => f.write_str("UNIMPLEMENTED"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
        }
    }
}

fn text(payload: impl Into<Vec<u8>>) -> Got {
    Got::Message { binary: false, payload: payload.into() }
}

fn binary(payload: impl Into<Vec<u8>>) -> Got {
    Got::Message { binary: true, payload: payload.into() }
}

fn pong(payload: impl Into<Vec<u8>>) -> Got {
    Got::Pong(payload.into())
}
