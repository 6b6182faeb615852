//! RFC 6455 §5 to §8, and RFC 7692 §6 and §7.2.2, for one who receives, as plainly as it can be written, with habits: where an
//! implementation is known to do otherwise, the rules of `rules.rs` switch a habit on. What an implementation does must be
//! exactly what this predicts.

use crate::case::{Case, Deflate, End, Message, Outcome, Phase, Reply, Role};
use crate::frames::MESSAGE_BYTES_MAX;
use crate::inflate::{Inflated, Stop, inflate};

/// What is checked about a frame, in the order in which it is if several can be at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    ReservedBits,
    ReservedOpcode,
    ControlFragmented,
    /// A continuation continues something, and nothing else comes in between (§5.4).
    Sequence,
    /// A server's frames are unmasked, a client's masked.
    Mask,
    ControlTooLong,
    TopBit,
    ShortestForm,
    FrameTooBig,
    MessageTooBig,
    CloseBodyOfOne,
}

const CHECKS: [Check; 11] = [
    Check::ReservedBits,
    Check::ReservedOpcode,
    Check::ControlFragmented,
    Check::Sequence,
    Check::Mask,
    Check::ControlTooLong,
    Check::TopBit,
    Check::ShortestForm,
    Check::FrameTooBig,
    Check::MessageTooBig,
    Check::CloseBodyOfOne,
];

/// How much of a frame is there when something is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    FirstByte,
    SecondByte,
    Length,
    Header,
    /// A byte of the payload, or the whole header if there is no payload.
    Payload,
    Frame,
    Never,
}

/// When the text of a message is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextJudged {
    /// At the first byte that cannot be right.
    Byte,
    /// When a frame is complete.
    Frame,
    /// When the message is complete, and, if it is not compressed, when its first frame is.
    Message,
    /// By the user, to whom it is handed out as it is.
    Never,
}

/// How much of a compressed message is there when it is decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// What has arrived.
    Byte,
    /// Whole frames.
    Frame,
    /// All.
    Message,
}

/// A way to differ from the plain reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    Checked(Check, When),
    Text(TextJudged),
    /// The first two bytes of a surrogate are impossible only with the third.
    SurrogateLate,
    /// A text that ends inside a code point is handed out without that, if it came in fragments.
    CutCodePointDropped,
    /// The text of a frame is judged before its place in a message.
    TextBeforeSequence,
    /// The limit for a message counts what comes between its fragments, too.
    LimitCountsAll,
    /// A fragment that opens a message takes the place of the message under way.
    NewMessageReplaces,
    /// A pong between fragments ends the message under way.
    PongForgetsMessage,
    /// Of control frames, the length of pings only is checked.
    OnlyPingsMeasured,
    /// The reason of a Close frame is judged before its code.
    ReasonBeforeCode,
    /// Another set of codes: from, to.
    Codes(&'static [(u16, u16)]),
    /// A Close frame with a code that must not be is taken for one with 1002 and this reason.
    BadCodeBecomes1002(&'static str),
    /// A Close frame is answered with its code, without its reason.
    ReasonNotEchoed,
    /// A Close frame inside a fragmented message fails the connection.
    NoCloseInMessage,
    /// A client leaves a mask on.
    ClientKeepsMask,
    Inflate(Due),
    /// What is no DEFLATE fails the connection with this code.
    NotDeflate(u16),
    /// What a compressed message lacks at its end is not missed: what comes out of it and the tail is handed out.
    EndNotMissed,
    /// Nothing behind a block with BFINAL set is read, as long as the window is kept.
    FinalBlockEnds,
    /// Behind a message with such a block none that is compressed is taken, as long as the window is kept.
    FinalBlockEndsAll,
    /// A ping between fragments makes what follows an uncompressed message.
    PingEndsCompression,
}

struct Receiver<'h> {
    role: Role,
    deflate: Option<Deflate>,
    habits: &'h [Habit],
    message: Option<Message>,
    /// What has come of the message under way, if it is compressed.
    compressed: Option<Vec<u8>>,
    window: Window,
    /// Whether a last fragment without payload has ended a text inside a code point.
    ends_empty: bool,
    /// Whether a message looks back farther than was agreed, or is too long.
    is_beyond: bool,
    outcome: Outcome,
}

/// What later messages may refer to: all that was decompressed, as it came, and how much came out.
#[derive(Default)]
struct Window {
    stream: Vec<u8>,
    out: usize,
    /// Whether the last message has ended with a block with BFINAL set, or behind it.
    has_ended: bool,
}

/// What comes of frames.
pub fn receive(case: &Case, habits: &[Habit]) -> Outcome {
    read(case, habits).outcome
}

/// Whether this is for our own tests alone: a text that a last fragment without payload ends inside a code point, and what makes of
/// compressed data more than a message may have, or looks back farther than was agreed, which is up to how much a window is
/// allocated.
pub fn is_left_out(case: &Case, habits: &[Habit]) -> bool {
    let receiver = read(case, habits);
    receiver.ends_empty || receiver.is_beyond
}

/// Where the frames end that these bytes are, legal or not.
pub fn borders(wire: &[u8]) -> Vec<usize> {
    let (mut borders, mut at) = (Vec::new(), 0);
    while at < wire.len() {
        let frame = Frame::parse(&wire[at..]);
        at = (at + frame.header_len + frame.payload.len()).min(wire.len());
        borders.push(at);
    }
    borders
}

fn read<'h>(case: &Case, habits: &'h [Habit]) -> Receiver<'h> {
    let mut receiver = Receiver {
        role: case.role,
        deflate: if let Phase::Compressed(deflate) = case.phase { Some(deflate) } else { None },
        habits,
        message: None,
        compressed: None,
        window: Window::default(),
        ends_empty: false,
        is_beyond: false,
        outcome: Outcome::default(),
    };
    let mut rest = &case.wire[..];
    while !rest.is_empty() {
        match receiver.frame(rest) {
            Ok(Some(len)) => rest = &rest[len..],
            Ok(None) => break,
            Err(end) => {
                receiver.outcome.end = end;
                break;
            }
        }
    }
    receiver
}

const PROTOCOL_ERROR: u16 = 1002;
const INVALID_DATA: u16 = 1007;
const TOO_BIG: u16 = 1009;

/// What the sender of a compressed message takes off its end (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// A frame, of which the end may be missing.
struct Frame<'w> {
    first: u8,
    second: Option<u8>,
    /// The length, and the form in which it came.
    length: Option<(u64, u8)>,
    key: Option<[u8; 4]>,
    /// What is there of it, masked.
    payload: &'w [u8],
    header_len: usize,
}

impl<'w> Frame<'w> {
    fn parse(wire: &'w [u8]) -> Self {
        let second = wire.get(1).copied();
        let form = second.map_or(0, |second| second & 0x7f);
        let end = match form {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let length = wire.get(2..end).zip(second).map(|(bytes, _)| match form {
            126 | 127 => {
                (bytes.iter().fold(0, |length, &byte| length << 8 | u64::from(byte)), form)
            }
            _ => (u64::from(form), form),
        });
        let is_masked = second.is_some_and(|second| second & 0x80 != 0);
        let key = match length {
            Some(_) if is_masked => {
                wire.get(end..end + 4).map(|key| key.try_into().expect("four bytes"))
            }
            Some(_) => Some([0; 4]),
            None => None,
        };
        let header_len = if is_masked { end + 4 } else { end };
        let payload = match (key, length) {
            (Some(_), Some((length, _))) => {
                let there = &wire[header_len..];
                &there[..there.len().min(usize::try_from(length).unwrap_or(usize::MAX))]
            }
            _ => &[],
        };
        Self { first: wire[0], second, length, key, payload, header_len }
    }

    fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    fn is_control(&self) -> bool {
        matches!(self.opcode(), 8..=10)
    }

    fn is_final(&self) -> bool {
        self.first & 0x80 != 0
    }

    fn is_masked(&self) -> bool {
        self.second.is_some_and(|second| second & 0x80 != 0)
    }

    /// The length, as far as it is known.
    fn len(&self) -> u64 {
        self.length.map_or(0, |(length, _)| length)
    }

    /// How much is there.
    fn there(&self) -> When {
        match (self.second, self.length, self.key) {
            (None, ..) => When::FirstByte,
            (_, None, _) => When::SecondByte,
            (.., None) => When::Length,
            _ if self.payload.len() as u64 == self.len() => When::Frame,
            _ if self.payload.is_empty() => When::Header,
            _ => When::Payload,
        }
    }
}

impl Receiver<'_> {
    /// Reads a frame: its length if it is complete.
    fn frame(&mut self, wire: &[u8]) -> Result<Option<usize>, End> {
        let frame = Frame::parse(wire);
        let there = frame.there();
        for when in [
            When::FirstByte,
            When::SecondByte,
            When::Length,
            When::Header,
            When::Payload,
            When::Frame,
        ] {
            if when > there {
                break;
            }
            if when == When::Frame && self.has(Habit::TextBeforeSequence) {
                self.check_lone_text(&frame)?;
            }
            for check in CHECKS.into_iter().filter(|&check| self.when(check) == when) {
                if let Some(code) = self.breaks(check, &frame) {
                    return Err(End::Failed(code));
                }
            }
        }
        let is_complete = there == When::Frame;
        let payload = self.unmask(&frame);
        if frame.is_control() {
            if is_complete {
                self.control(frame.opcode(), &payload)?;
            }
        } else if is_complete || self.breaks(Check::Sequence, &frame).is_none() {
            self.data(&frame, payload, is_complete)?;
        }
        Ok(is_complete.then_some(frame.header_len + frame.payload.len()))
    }

    fn breaks(&self, check: Check, frame: &Frame<'_>) -> Option<u16> {
        let (opcode, len) = (frame.opcode(), frame.len());
        let is_broken = match check {
            Check::ReservedBits => {
                // RFC 7692 §6: RSV1 says that a message is compressed.
                let may_have_rsv1 = self.deflate.is_some() && matches!(opcode, 1 | 2);
                let reserved = if may_have_rsv1 { 0x30 } else { 0x70 };
                frame.first & reserved != 0
            }
            Check::ReservedOpcode => matches!(opcode, 3..=7 | 11..),
            Check::ControlFragmented => frame.is_control() && !frame.is_final(),
            Check::Sequence => match (opcode, &self.message) {
                (0, message) => message.is_none(),
                (1 | 2, Some(_)) => frame.is_final() || !self.has(Habit::NewMessageReplaces),
                _ => false,
            },
            Check::Mask => frame.is_masked() != (self.role == Role::Server),
            Check::ControlTooLong => {
                let is_measured = !self.has(Habit::OnlyPingsMeasured) || opcode == 9;
                frame.is_control()
                    && is_measured
                    && frame.second.is_some_and(|second| second & 0x7f > 125)
                    && (self.when(check) <= When::SecondByte || len > 125)
            }
            Check::TopBit => len >> 63 != 0,
            Check::ShortestForm => match frame.length {
                Some((len, 126)) => len < 126,
                Some((len, 127)) => len < 65536,
                _ => false,
            },
            Check::FrameTooBig if len > MESSAGE_BYTES_MAX as u64 => return Some(TOO_BIG),
            Check::MessageTooBig => {
                let counts_all = self.has(Habit::LimitCountsAll);
                let before = match &self.message {
                    Some(message) if opcode == 0 || counts_all => message.payload.len() as u64,
                    _ => 0,
                };
                let counts = opcode <= 2 || counts_all;
                return (counts && before.saturating_add(len) > MESSAGE_BYTES_MAX as u64)
                    .then_some(TOO_BIG);
            }
            Check::FrameTooBig => false,
            Check::CloseBodyOfOne => {
                opcode == 8 && frame.second.is_some_and(|second| second & 0x7f == 1 || len == 1)
            }
        };
        is_broken.then_some(PROTOCOL_ERROR)
    }

    fn control(&mut self, opcode: u8, payload: &[u8]) -> Result<(), End> {
        match opcode {
            9 => {
                self.outcome.replies.push(Reply::Pong(payload.to_vec()));
                if self.has(Habit::PingEndsCompression)
                    && let Some(compressed) = self.compressed.take()
                {
                    let stream = [&self.window.stream[..], &compressed].concat();
                    let out = self.inflate(&stream, stream.len()).out.len();
                    self.window = Window { stream, out, has_ended: false };
                }
            }
            10 if self.has(Habit::PongForgetsMessage) => self.message = None,
            8 => return Err(self.close(payload)),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, body: &[u8]) -> End {
        let mut told = body.to_vec();
        if let Some((code, reason)) = body.split_first_chunk() {
            let code = u16::from_be_bytes(*code);
            let codes =
                self.find(|habit| if let Habit::Codes(codes) = habit { Some(codes) } else { None });
            let is_code =
                codes.unwrap_or(CODES).iter().any(|&(first, last)| (first..=last).contains(&code));
            let is_text = std::str::from_utf8(reason).is_ok();
            let instead = self.find(|habit| {
                if let Habit::BadCodeBecomes1002(reason) = habit { Some(reason) } else { None }
            });
            match (is_code, is_text, instead) {
                (true, true, _) => {}
                (_, false, Some(_)) => return End::Failed(INVALID_DATA),
                (false, true, Some(reason)) => {
                    told = PROTOCOL_ERROR.to_be_bytes().to_vec();
                    told.extend_from_slice(reason.as_bytes());
                }
                (true, false, None) => return End::Failed(INVALID_DATA),
                (false, false, None) if self.has(Habit::ReasonBeforeCode) => {
                    return End::Failed(INVALID_DATA);
                }
                (false, _, None) => return End::Failed(PROTOCOL_ERROR),
            }
        } else {
            // A single byte that was let through.
            told.clear();
        }
        if self.has(Habit::NoCloseInMessage) && self.message.is_some() {
            return End::Failed(PROTOCOL_ERROR);
        }
        let len = if self.has(Habit::ReasonNotEchoed) { told.len().min(2) } else { told.len() };
        self.outcome.replies.push(Reply::Close(told[..len].to_vec()));
        End::Closed(told)
    }

    fn data(&mut self, frame: &Frame<'_>, payload: Vec<u8>, is_complete: bool) -> Result<(), End> {
        let is_new = frame.opcode() != 0;
        let mut message = match self.message.take() {
            Some(message) if !is_new => message,
            _ => Message { is_text: frame.opcode() == 1, payload: Vec::new() },
        };
        let is_last = is_complete && frame.is_final();
        if is_new {
            let is_compressed = self.deflate.is_some() && frame.first & 0x40 != 0;
            self.compressed = is_compressed.then(Vec::new);
        }
        let is_compressed = self.compressed.is_some();
        match &mut self.compressed {
            None => message.payload.extend(payload),
            Some(compressed) => {
                compressed.extend(payload);
                self.decompress(&mut message.payload, is_complete, is_last)?;
            }
        }
        if message.is_text {
            let is_due = match self.text_judged() {
                TextJudged::Byte => true,
                TextJudged::Frame => is_complete,
                TextJudged::Message => is_last || (is_new && is_complete && !is_compressed),
                TextJudged::Never => false,
            };
            if let Err(error) = std::str::from_utf8(&message.payload) {
                let is_surrogate =
                    matches!(message.payload[error.valid_up_to()..], [0xed, 0xa0..=0xbf]);
                let is_cut =
                    error.error_len().is_none() || (is_surrogate && self.has(Habit::SurrogateLate));
                if is_due && (!is_cut || is_last) {
                    self.ends_empty = is_cut && frame.payload.is_empty();
                    if !is_cut || is_new || !self.has(Habit::CutCodePointDropped) {
                        return Err(End::Failed(INVALID_DATA));
                    }
                    message.payload.truncate(error.valid_up_to());
                }
            }
        }
        if is_last {
            self.outcome.messages.push(message);
        } else {
            self.message = Some(message);
        }
        Ok(())
    }

    /// What the message is, as far as it has been decompressed (RFC 7692 §7.2.2).
    fn decompress(
        &mut self,
        payload: &mut Vec<u8>,
        is_complete: bool,
        is_last: bool,
    ) -> Result<(), End> {
        let due = self.find(|habit| if let Habit::Inflate(due) = habit { Some(due) } else { None });
        let is_due = match due.unwrap_or(Due::Byte) {
            Due::Byte => true,
            Due::Frame => is_complete,
            Due::Message => is_last,
        };
        if !is_due {
            return Ok(());
        }
        let code =
            self.find(|habit| if let Habit::NotDeflate(code) = habit { Some(code) } else { None });
        let fails = Err(End::Failed(code.unwrap_or(INVALID_DATA)));
        let compressed = self.compressed.as_deref().unwrap_or_default();
        let is_empty = compressed.is_empty();
        if self.window.has_ended && self.has(Habit::FinalBlockEndsAll) && (is_complete || !is_empty)
        {
            return fails;
        }
        let mut stream = [&self.window.stream, compressed].concat();
        let end = stream.len();
        let mut inflated = self.inflate(&stream, end);
        if inflated.stop == Stop::Wrong {
            return fails;
        }
        // A message may end with a final block (RFC 7692 §7.2.3.4); else its last block lacks its last four bytes.
        // Nor has a message without a byte: it is empty, and the window stays as it was.
        let has_tail =
            if is_empty { self.has(Habit::EndNotMissed) } else { inflated.stop != Stop::Final };
        if is_last && has_tail {
            let out = inflated.out.len();
            stream.extend(TAIL);
            inflated = self.inflate(&stream, end + 1);
            let is_whole = matches!(inflated.stop, Stop::Block | Stop::Final)
                && (inflated.read, inflated.out.len()) == (stream.len(), out);
            if inflated.stop == Stop::Wrong || !is_whole && !self.has(Habit::EndNotMissed) {
                return fails;
            }
            stream.truncate(inflated.read);
        }
        payload.clear();
        payload.extend(&inflated.out[self.window.out..]);
        if is_last {
            let keeps = self.deflate.is_some_and(|deflate| deflate.takeover);
            self.window = if keeps {
                Window { stream, out: inflated.out.len(), has_ended: inflated.stop == Stop::Final }
            } else {
                Window::default()
            };
            self.compressed = None;
        }
        Ok(())
    }

    /// Reads to that end, or to the first final block from there.
    fn inflate(&mut self, stream: &[u8], end: usize) -> Inflated {
        let end_from = if self.has(Habit::FinalBlockEnds) { 0 } else { end };
        let inflated = inflate(stream, end_from);
        let window = self.deflate.map_or(0, |deflate| 1 << deflate.window_bits);
        self.is_beyond |=
            inflated.farthest > window || inflated.out.len() > self.window.out + MESSAGE_BYTES_MAX;
        inflated
    }

    fn check_lone_text(&self, frame: &Frame<'_>) -> Result<(), End> {
        let is_lone = frame.opcode() == 1 && frame.is_final();
        match is_lone && std::str::from_utf8(&self.unmask(frame)).is_err() {
            true => Err(End::Failed(INVALID_DATA)),
            false => Ok(()),
        }
    }

    fn unmask(&self, frame: &Frame<'_>) -> Vec<u8> {
        let key = match self.role {
            Role::Client if self.has(Habit::ClientKeepsMask) => [0; 4],
            _ => frame.key.unwrap_or_default(),
        };
        frame.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    }

    fn when(&self, check: Check) -> When {
        let habit = self.find(|habit| {
            if let Habit::Checked(other, when) = habit {
                (other == check).then_some(when)
            } else {
                None
            }
        });
        habit.unwrap_or(match check {
            Check::ReservedBits
            | Check::ReservedOpcode
            | Check::ControlFragmented
            | Check::Sequence => When::FirstByte,
            Check::Mask | Check::ControlTooLong => When::SecondByte,
            Check::TopBit | Check::ShortestForm | Check::FrameTooBig | Check::MessageTooBig => {
                When::Length
            }
            Check::CloseBodyOfOne => When::Frame,
        })
    }

    fn text_judged(&self) -> TextJudged {
        let habit =
            self.find(|habit| if let Habit::Text(judged) = habit { Some(judged) } else { None });
        habit.unwrap_or(TextJudged::Byte)
    }

    fn has(&self, habit: Habit) -> bool {
        self.find(|other| (other == habit).then_some(())).is_some()
    }

    fn find<T>(&self, wanted: impl Fn(Habit) -> Option<T>) -> Option<T> {
        self.habits.iter().find_map(|&habit| wanted(habit))
    }
}

/// RFC 6455 §7.4 and the registry, without what must not be on the wire.
const CODES: &[(u16, u16)] = &[(1000, 1003), (1007, 1014), (3000, 4999)];
