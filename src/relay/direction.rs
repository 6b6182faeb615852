//! The frames of one side, checked as they pass: the rules are those of
//! [`connection`](crate::connection), and nothing is assembled.
//!
//! The verdict and the output are the same however reads split the input. So these wait:
//!
//! - the header of a data frame, for the first byte of its payload,
//! - a control frame, until it is complete and has been checked,
//! - a split code point of a text that is checked, until it or its frame is complete.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::mem;

use super::budget::{Budget, BudgetError, Counts};
use super::config::RelayConfig;
use super::error::RelayError;
use super::output::Output;
use super::passing::{Passing, Piece, Verdict};
use crate::connection::receive::Over;
use crate::connection::receive::control::ControlFrame;
use crate::connection::receive::header::{self, PartialHeader};
use crate::connection::receive::limits::ReaderLimits;
use crate::connection::receive::partial::Partial;
use crate::connection::receive::rules::{MessageSums, Rules};
use crate::connection::{Event, Kind, ReadyState};
use crate::error::{CutOff, ProtocolError};
use crate::frame::{Header, LengthForm, Mask, OpCode, Reserved};
use crate::input::Input;
use crate::length::in_memory;
use crate::role::Role;
use crate::utf8::{self, Checked, CutCodePoint};

/// The frames of one side, which the relay receives in the role `R` and passes on in the role `W`.
#[derive(Debug)]
pub(super) struct Direction<R, W> {
    state: State<R>,
    message: Option<Message>,
    limits: ReaderLimits,
    deflate: bool,
    check_text: bool,
    pub(super) counts: Counts,
    pub(super) budget: Budget,
    pub(super) output: Output<W>,
}

/// The position in the stream of bytes.
#[derive(Debug)]
enum State<R> {
    /// Before a header or in one.
    Header(PartialHeader),
    Data(DataFrame),
    Control {
        frame: ControlFrame<R>,
        header: Header,
    },
    /// Nothing more passes.
    Over(Over),
}

/// A data frame that is passing.
#[derive(Debug)]
struct DataFrame {
    header: Header,
    /// The number of bytes of the payload that have not been read.
    remaining: u64,
    /// The mask at the next byte; `None` if the sender does not mask.
    mask: Option<Mask>,
    /// True if none of it has passed.
    first: bool,
    /// The start of a code point of this frame that has not passed.
    held: Partial<4>,
}

/// A message that is passing.
#[derive(Debug)]
struct Message {
    kind: Kind,
    compressed: bool,
    sums: MessageSums,
    /// The code point that is split, if the text is checked.
    cut: CutCodePoint,
}

const BETWEEN_FRAMES: PartialHeader = PartialHeader::EMPTY;

impl<R: Role, W: Role> Direction<R, W> {
    pub(super) fn new(role: W, config: &RelayConfig) -> Self {
        Self {
            state: State::Header(BETWEEN_FRAMES),
            message: None,
            limits: ReaderLimits::new(&config.limits),
            deflate: config.deflate,
            check_text: config.check_text,
            counts: Counts::default(),
            budget: Budget::default(),
            output: Output::new(role, config.masks),
        }
    }

    /// Passes on what has arrived. Reads all of the input.
    #[inline]
    pub(super) fn pass(
        &mut self,
        input: &mut Input<'_>,
        observe: &mut impl FnMut(Passing<'_, '_>) -> Verdict,
    ) -> Result<(), RelayError> {
        let passed = self.pass_frames(input, observe);
        if passed.is_err() {
            self.end(Over::Failed);
            input.take_up_to(usize::MAX); // swallowed
        }
        passed
    }

    #[inline]
    fn pass_frames(
        &mut self,
        input: &mut Input<'_>,
        observe: &mut impl FnMut(Passing<'_, '_>) -> Verdict,
    ) -> Result<(), RelayError> {
        while !input.is_empty() {
            match &mut self.state {
                State::Header(_) => {
                    let Some(header) = self.read_header(input)? else { return Ok(()) };
                    self.count(&header)?;
                    if self.is_whole_message(&header, input) {
                        self.pass_message(&header, input, observe)?;
                        continue;
                    }
                    self.begin_frame(&header);
                    // An empty frame needs no more input.
                    if header.payload_len == 0 {
                        self.pass_payload(input, observe)?;
                    }
                }
                State::Over(_) => {
                    input.take_up_to(usize::MAX); // swallowed
                }
                State::Data(_) | State::Control { .. } => self.pass_payload(input, observe)?,
            }
        }
        Ok(())
    }

    /// Reads a header. Returns `None` if it is incomplete.
    #[inline]
    fn read_header(&mut self, input: &mut Input<'_>) -> Result<Option<Header>, ProtocolError> {
        let State::Header(partial) = &mut self.state else { return Ok(None) };
        let message = self.message.as_ref().map(|message| message.sums);
        let rules = Rules { limits: &self.limits, within: None, message, deflate: self.deflate };
        if partial.is_empty()
            && let Some((header, len)) = rules.check::<R>(input.remaining())?
        {
            input.take_up_to(len);
            return Ok(Some(header));
        }
        let header = header::read::<R>(partial, &rules, input)?;
        if header.is_some() {
            *partial = BETWEEN_FRAMES;
        }
        Ok(header)
    }

    /// Counts a frame.
    #[inline]
    fn count(&mut self, header: &Header) -> Result<(), BudgetError> {
        let is_control = header.opcode.is_control();
        let is_empty_data = !is_control && header.payload_len == 0;
        // A control frame passes as a whole, so it counts as one.
        let counted = if is_control { header.payload_len } else { 0 };
        let bytes = counted.saturating_add(header_len(header));
        let counts = &mut self.counts;
        counts.frames = counts.frames.saturating_add(1);
        counts.bytes = counts.bytes.saturating_add(bytes);
        counts.control_frames = counts.control_frames.saturating_add(is_control.into());
        counts.empty_frames = counts.empty_frames.saturating_add(is_empty_data.into());
        self.budget.check(counts)
    }

    /// Returns whether this header and what has arrived are a message. It then passes at once, and
    /// the state does not change.
    #[inline]
    fn is_whole_message(&self, header: &Header, input: &Input<'_>) -> bool {
        let is_message = matches!(header.opcode, OpCode::TEXT | OpCode::BINARY) && header.fin;
        let arrived = (input.len() as u64).min(self.budget.bytes_left(&self.counts));
        is_message && header.payload_len <= arrived
    }

    #[inline]
    fn pass_message(
        &mut self,
        header: &Header,
        input: &mut Input<'_>,
        observe: &mut impl FnMut(Passing<'_, '_>) -> Verdict,
    ) -> Result<(), RelayError> {
        let (mut frame, mut message) = (DataFrame::new(header), Message::new(header));
        frame.remaining = 0;
        self.counts.bytes = self.counts.bytes.saturating_add(header.payload_len);
        let (bytes, mask) = (input.take_up_to(in_memory(header.payload_len)), frame.mask.clone());
        let check_text = self.check_text;
        let (frame, message) = (&mut frame, &mut message);
        let mut way = Way { frame, message, output: &mut self.output, observe };
        if check_text && way.message.is_plain_text() {
            way.pass_text(bytes, mask)
        } else {
            way.pass(bytes, mask, true)
        }
    }

    /// Enters the payload of a frame.
    #[inline]
    fn begin_frame(&mut self, header: &Header) {
        if header.opcode.is_control() {
            self.state = State::Control { frame: ControlFrame::new(header), header: *header };
            return;
        }
        match &mut self.message {
            Some(message) => message.sums.count_frame(header.payload_len),
            None => self.message = Some(Message::new(header)),
        }
        self.state = State::Data(DataFrame::new(header));
    }

    /// Passes on the payload that has arrived, and leaves the frame if that is all of it.
    #[inline]
    fn pass_payload(
        &mut self,
        input: &mut Input<'_>,
        observe: &mut impl FnMut(Passing<'_, '_>) -> Verdict,
    ) -> Result<(), RelayError> {
        match &mut self.state {
            State::Data(_) => self.pass_data(input, observe),
            State::Control { .. } => self.pass_control(input, observe),
            State::Header(_) | State::Over(_) => Ok(()),
        }
    }

    #[inline]
    fn pass_data(
        &mut self,
        input: &mut Input<'_>,
        observe: &mut impl FnMut(Passing<'_, '_>) -> Verdict,
    ) -> Result<(), RelayError> {
        let (State::Data(frame), Some(message)) = (&mut self.state, &mut self.message) else {
            return Ok(());
        };
        let allowed = frame.remaining.min(self.budget.bytes_left(&self.counts));
        if allowed == 0 && frame.remaining > 0 {
            return Err(BudgetError::Bytes.into());
        }
        let bytes = input.take_up_to(in_memory(allowed));
        frame.remaining = frame.remaining.saturating_sub(bytes.len() as u64);
        self.counts.bytes = self.counts.bytes.saturating_add(bytes.len() as u64);
        let mask = frame.mask.clone();
        if let Some(mask) = &mut frame.mask {
            mask.skip(bytes.len());
        }

        let ends_frame = frame.remaining == 0;
        let ends_message = ends_frame && frame.header.fin;
        let mut way = Way { frame, message, output: &mut self.output, observe };
        if self.check_text && way.message.is_plain_text() {
            way.pass_text(bytes, mask)?;
        } else {
            way.pass(bytes, mask, ends_frame)?;
        }
        if ends_frame {
            self.state = State::Header(BETWEEN_FRAMES);
        }
        if ends_message {
            self.message = None;
        }
        Ok(())
    }

    fn pass_control(
        &mut self,
        input: &mut Input<'_>,
        observe: &mut impl FnMut(Passing<'_, '_>) -> Verdict,
    ) -> Result<(), RelayError> {
        let State::Control { frame, header } = &mut self.state else { return Ok(()) };
        let Some(event) = frame.read(input)? else { return Ok(()) };
        let header = *header;
        if self.output.is_open() {
            if let Verdict::Stop(code) = observe(Passing::Control(&event)) {
                return Err(RelayError::Stopped(code));
            }
            self.output.pass_control(&header, &payload_of(&event));
        }
        if header.opcode == OpCode::CLOSE {
            self.end(Over::Closed);
        } else {
            self.state = State::Header(BETWEEN_FRAMES);
        }
        Ok(())
    }

    /// Reports that no more input comes.
    pub(super) fn end_of_input(&mut self) -> Result<(), CutOff> {
        let announced = self.message.as_ref().map(|message| message.sums.announced);
        let cut_off = match &self.state {
            State::Over(Over::Closed | Over::Failed) => return Ok(()),
            State::Over(Over::Ended(cut_off)) => *cut_off,
            State::Header(partial) => match announced {
                Some(received) => CutOff::InMessage { received },
                None if partial.is_empty() => CutOff::BetweenMessages,
                None => CutOff::InHeader,
            },
            State::Data(frame) => CutOff::InMessage {
                received: announced.unwrap_or_default().saturating_sub(frame.remaining),
            },
            State::Control { frame, .. } => CutOff::InControl { opcode: frame.opcode() },
        };
        self.end(Over::Ended(cut_off));
        Err(cut_off)
    }

    /// Returns the state of the connection to the sender as far as its input tells.
    pub(super) const fn ready_state(&self) -> ReadyState {
        match self.state {
            State::Over(Over::Closed) => ReadyState::Closing,
            State::Over(Over::Failed | Over::Ended(_)) => ReadyState::Closed,
            _ => ReadyState::Open,
        }
    }

    /// Returns whether the sender's Close frame has come.
    pub(super) const fn has_closed(&self) -> bool {
        matches!(self.state, State::Over(Over::Closed))
    }

    fn end(&mut self, over: Over) {
        self.state = State::Over(over);
        self.message = None;
    }
}

impl DataFrame {
    #[inline]
    fn new(header: &Header) -> Self {
        Self {
            header: *header,
            remaining: header.payload_len,
            mask: header.masking_key.map(Mask::new),
            first: true,
            held: Partial::EMPTY,
        }
    }
}

impl Message {
    /// Starts the message that this header opens.
    #[inline]
    fn new(header: &Header) -> Self {
        let is_text = header.opcode == OpCode::TEXT;
        Self {
            kind: if is_text { Kind::Text } else { Kind::Binary },
            compressed: header.reserved == Reserved::RSV1,
            sums: MessageSums::new(header),
            cut: CutCodePoint::default(),
        }
    }

    fn is_plain_text(&self) -> bool {
        self.kind == Kind::Text && !self.compressed
    }
}

/// The path of a payload to the other side.
struct Way<'w, W, O> {
    frame: &'w mut DataFrame,
    message: &'w mut Message,
    output: &'w mut Output<W>,
    observe: &'w mut O,
}

impl<W: Role, O: FnMut(Passing<'_, '_>) -> Verdict> Way<'_, W, O> {
    /// Passes on a piece of payload that `mask` is still on.
    #[inline]
    fn pass(&mut self, bytes: &mut [u8], mask: Option<Mask>, last: bool) -> Result<(), RelayError> {
        if !self.output.is_open() {
            return Ok(());
        }
        let mut piece = Piece {
            header: self.frame.header,
            kind: self.message.kind,
            compressed: self.message.compressed,
            first: mem::take(&mut self.frame.first),
            last,
            bytes,
            mask,
        };
        if let Verdict::Stop(code) = (self.observe)(Passing::Data(&mut piece)) {
            return Err(RelayError::Stopped(code));
        }
        self.output.pass(piece);
        Ok(())
    }

    /// Checks a piece of text, and passes on what is valid of it (RFC 6455 §8.1).
    fn pass_text(&mut self, bytes: &mut [u8], mask: Option<Mask>) -> Result<(), RelayError> {
        if let Some(mut mask) = mask {
            mask.apply(bytes);
        }
        let ends_frame = self.frame.remaining == 0;
        let ends_message = ends_frame && self.frame.header.fin;
        let mut rest = bytes;
        if !self.message.cut.is_none() {
            let missing = self.message.cut.missing().min(rest.len());
            let next;
            (next, rest) = rest.split_at_mut(missing);
            self.message.cut.resume(next).map_err(|()| ProtocolError::TextNotUtf8)?;
            self.frame.held.push(next);
            let is_last = ends_frame && rest.is_empty();
            let is_whole = self.message.cut.is_none();
            if is_last && ends_message && !is_whole {
                return Err(ProtocolError::TextNotUtf8.into());
            }
            if is_last || is_whole {
                let mut held = mem::replace(&mut self.frame.held, Partial::EMPTY);
                self.pass(held.bytes_mut(), None, is_last)?;
            }
            if rest.is_empty() {
                return Ok(());
            }
        }
        let (valid, cut, is_valid) = match utf8::check(rest) {
            Checked::Possible(valid, cut) => (valid.len(), cut, !ends_message || cut.is_none()),
            Checked::Impossible(valid) => (valid.len(), CutCodePoint::default(), false),
        };
        // A code point may be split between frames: then its start must leave in this one.
        let is_last = ends_frame && is_valid;
        let (passing, held) = rest.split_at_mut(if is_last { rest.len() } else { valid });
        if is_last || !passing.is_empty() {
            self.pass(passing, None, is_last)?;
        }
        if !is_valid {
            return Err(ProtocolError::TextNotUtf8.into());
        }
        self.frame.held.push(held);
        self.message.cut = cut;
        Ok(())
    }
}

/// Returns how many bytes a header has that the rules have checked: its length has the shortest
/// form.
#[inline]
const fn header_len(header: &Header) -> u64 {
    let len: u64 = match LengthForm::shortest(header.payload_len) {
        LengthForm::Bits7 => 2,
        LengthForm::Bits16 => 4,
        LengthForm::Bits64 => 10,
    };
    len.saturating_add(if header.masking_key.is_some() { 4 } else { 0 })
}

/// Returns the payload of a control frame.
fn payload_of<'e>(event: &'e Event<'_>) -> Cow<'e, [u8]> {
    match event {
        Event::Ping(payload) | Event::Pong(payload) => Cow::Borrowed(payload),
        Event::Close(Some(close)) => {
            let mut body = Vec::from(close.code.number().to_be_bytes());
            body.extend_from_slice(close.reason.as_bytes());
            Cow::Owned(body)
        }
        _ => Cow::Borrowed(&[]),
    }
}
