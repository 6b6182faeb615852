//! Steps through the input, from [state](State) to state.
//!
//! Code that most messages run through is inlined into [`Reader::step`]; code that few need is kept
//! out of it. `benches/instructions` counts the difference.

use alloc::borrow::Cow;
use core::ops::ControlFlow::{self, Break, Continue};

use super::assemble::MessageInProgress;
use super::control::ControlFrame;
use super::header::{self, PartialHeader};
use super::in_place::{InPlace, Outcome};
use super::payload::{Assembled, DataFrame, End, Payload, Piece};
use super::rules::Rules;
use super::whole::{self, Frame};
use super::{Over, Reader, State};
use crate::connection::event::{Chunk, ChunkEvent, Event};
use crate::error::ProtocolError;
use crate::frame::Header;
use crate::input::Input;
use crate::role::Role;

/// The result of a step. `Break` holds what the caller of the connection gets; `Continue` asks for
/// another step.
pub(super) type Step<T> = ControlFlow<Result<Option<T>, ProtocolError>>;

impl<R: Role> Reader<R> {
    /// Receives a message in one frame that has arrived completely: the common case.
    #[inline(always)]
    pub(in crate::connection) fn receive_whole<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Option<Event<'a>> {
        if !self.is_idle() {
            return None;
        }
        match whole::message::<R>(self.limits.whole_end, input)? {
            Ok(event) => Some(event),
            Err(violation) => {
                self.state.enter(State::Failing(violation));
                None
            }
        }
    }

    /// Receives anything else.
    #[inline]
    pub(in crate::connection) fn receive_otherwise<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        if self.is_idle() && input.is_empty() {
            return Ok(None);
        }
        if let Some(violation) = self.excess() {
            return Err(self.fail(violation));
        }
        loop {
            if let Break(received) = self.step(input) {
                return received;
            }
        }
    }

    /// Returns whether the next byte starts a header, and no message is in progress.
    #[inline]
    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Returns the error of a message in progress that is too long to be received whole. Its chunks
    /// had a limit of their own, so that its headers were not checked against this one.
    #[inline]
    fn excess(&self) -> Option<ProtocolError> {
        let len = self.state.message()?.announced();
        (len > self.limits.message_bytes_max).then_some(ProtocolError::MessageTooBig { len })
    }

    /// Reads frames that have arrived completely, then one frame as far as it has arrived.
    #[inline(never)]
    fn step<'a>(&mut self, input: &mut Input<'a>) -> Step<Event<'a>> {
        self.read_whole_frames(input)?;
        if self.state.is_between_frames() && !self.begin_in_place(input) {
            self.read_header(None, input)?;
        }
        match &mut self.state {
            State::Data { .. } => self.assemble(input),
            State::InPlace(place) => match place.read(input) {
                Outcome::Complete(event) => {
                    self.state.enter(State::Idle);
                    Break(Ok(Some(event)))
                }
                Outcome::Incomplete => Break(Ok(None)),
                Outcome::TooLong => self.step_rarely(None, input),
                Outcome::Copy => {
                    let (header, len) = place.header();
                    self.copy_text(&header, len, input)
                }
                Outcome::NotUtf8 => Break(Err(self.fail(ProtocolError::TextNotUtf8))),
            },
            _ => self.step_rarely(None, input),
        }
    }

    /// Reads as [`step`](Self::step), but returns messages in chunks, as they arrive. `within` is
    /// the limit of a message, if it has one of its own.
    pub(super) fn step_chunk<'a>(
        &mut self,
        within: Option<u64>,
        input: &mut Input<'a>,
    ) -> Step<ChunkEvent<'a>> {
        let Some(payload) = self.payload(input) else {
            return self
                .step_rarely(within, input)
                .map_break(|received| Ok(received?.map(ChunkEvent::Control)));
        };
        let Piece { chunk, end } = payload.read_chunk(within, input);
        match end {
            Ok(End::InFrame) => {}
            Ok(End::Frame) => self.end_frame(),
            Ok(End::Message) => self.state = State::Idle,
            Err(violation) => self.state = State::Failing(violation),
        }
        chunk.map_or(Continue(()), |chunk| Break(Ok(Some(ChunkEvent::Chunk(chunk)))))
    }

    /// Takes out what `receive` has assembled of the message in progress, for a caller that changes
    /// to chunks.
    pub(super) fn take_assembled(&mut self) -> Option<Chunk<'static>> {
        let message = self.state.message_mut()?;
        let data = message.take_chunk()?;
        Some(Chunk { data, first: message.count_chunk(), last: false })
    }

    /// Reads frames that have arrived completely and need no step, up to an event.
    #[inline(always)]
    fn read_whole_frames<'a>(&mut self, input: &mut Input<'a>) -> Step<Event<'a>> {
        let mut message = match &mut self.state {
            State::Idle => None,
            State::Header { partial, message } if partial.is_empty() => message.as_mut(),
            _ => return Continue(()),
        };
        while let Some(frame) = whole::next_frame::<R>(message.as_deref_mut(), &self.limits, input)
        {
            match frame {
                Frame::Ping(payload) => {
                    return Break(Ok(Some(Event::Ping(Cow::Borrowed(payload)))));
                }
                Frame::Pong(payload) => {
                    return Break(Ok(Some(Event::Pong(Cow::Borrowed(payload)))));
                }
                Frame::Fragment { message, is_final, mask, payload } => {
                    if let Err(violation) = message.push(mask, payload, is_final.then_some(0)) {
                        return Break(Err(self.fail(violation)));
                    }
                    if is_final {
                        return Break(Ok(self.finish()));
                    }
                }
            }
        }
        if input.is_empty() { Break(Ok(None)) } else { Continue(()) }
    }

    /// Starts to read a message in place, if it is one that may be. Returns whether it is.
    #[inline(always)]
    fn begin_in_place(&mut self, input: &Input<'_>) -> bool {
        if input.in_place_max() > 0
            && self.is_idle()
            && let Some(place) = InPlace::begin(&self.rules(None), input)
        {
            self.state.enter(State::InPlace(place));
            return true;
        }
        false
    }

    /// Copies the start of a text that was read in place. It is all of the input.
    #[inline(never)]
    fn copy_text<'a>(
        &mut self,
        header: &Header,
        header_len: usize,
        input: &mut Input<'_>,
    ) -> Step<Event<'a>> {
        self.begin_frame(header);
        input.take_up_to(header_len);
        let State::Data { frame, message } = &mut self.state else { return Continue(()) };
        match frame.push_unmasked(message, input.take_up_to(usize::MAX)) {
            Ok(()) => Break(Ok(None)),
            Err(violation) => Break(Err(self.fail(violation))),
        }
    }

    /// Reads a header, of which no byte has been read before.
    #[inline(always)]
    fn read_header<T>(&mut self, within: Option<u64>, input: &mut Input<'_>) -> Step<T> {
        match self.rules(within).check::<R>(input.remaining()) {
            Ok(Some((header, len))) => {
                input.take_up_to(len);
                self.begin_frame(&header);
                Continue(())
            }
            Ok(None) => self.read_split_header(PartialHeader::EMPTY, within, input),
            Err(violation) => Break(Err(self.fail(violation))),
        }
    }

    /// Reads a header, of which `partial` has been read before.
    #[cold]
    #[inline(never)]
    fn read_split_header<T>(
        &mut self,
        mut partial: PartialHeader,
        within: Option<u64>,
        input: &mut Input<'_>,
    ) -> Step<T> {
        match header::read::<R>(&mut partial, &self.rules(within), input) {
            Ok(Some(header)) => {
                self.begin_frame(&header);
                Continue(())
            }
            Ok(None) => {
                let message = self.state.leave();
                self.state.enter(State::Header { partial, message });
                Break(Ok(None))
            }
            Err(violation) => Break(Err(self.fail(violation))),
        }
    }

    /// Reads the payload of a data frame into the message in progress.
    #[inline(always)]
    fn assemble<'a>(&mut self, input: &mut Input<'a>) -> Step<Event<'a>> {
        let Some(payload) = self.payload(input) else { return Break(Ok(None)) };
        match payload.assemble(input) {
            Ok(Assembled::InFrame) => Continue(()),
            Ok(Assembled::UsedUp) => Break(Ok(None)),
            Ok(Assembled::Frame) => {
                self.end_frame();
                Continue(())
            }
            Ok(Assembled::Message) => Break(Ok(self.finish())),
            Ok(Assembled::Lent(event)) => {
                self.state = State::Idle;
                Break(Ok(Some(event)))
            }
            Err(violation) => Break(Err(self.fail(violation))),
        }
    }

    /// Returns the payload of a data frame, if some of it can be read now.
    #[inline]
    fn payload(&mut self, input: &Input<'_>) -> Option<Payload<'_, R>> {
        let State::Data { frame, message } = &mut self.state else { return None };
        let inflater = self.inflater.as_deref_mut();
        let is_pending = inflater.as_ref().is_some_and(|inflater| inflater.is_pending());
        (is_pending || !frame.needs_input(input)).then_some(Payload { frame, message, inflater })
    }

    /// Reads anything but [payloads](Self::payload): at least a byte, or the state changes.
    #[cold]
    #[inline(never)]
    fn step_rarely<'a>(&mut self, within: Option<u64>, input: &mut Input<'a>) -> Step<Event<'a>> {
        match &mut self.state {
            State::Failing(violation) => {
                let violation = *violation;
                Break(Err(self.fail(violation)))
            }
            State::Over(_) => {
                input.take_up_to(usize::MAX); // swallowed
                Break(Ok(None))
            }
            State::Control { frame, .. } if !frame.needs_input(input) => match frame.read(input) {
                Ok(None) => Break(Ok(None)),
                Ok(Some(event)) => {
                    if let Event::Close(_) = event {
                        self.end(Over::Closed);
                    } else {
                        self.end_frame();
                    }
                    Break(Ok(Some(event)))
                }
                Err(violation) => Break(Err(self.fail(violation))),
            },
            State::Data { .. } | State::Control { .. } => Break(Ok(None)), // they need more input
            _ if input.is_empty() => Break(Ok(None)),
            State::Header { partial, .. } if !partial.is_empty() => {
                let partial = *partial;
                self.read_split_header(partial, within, input)
            }
            State::Idle | State::Header { .. } => self.read_header(within, input),
            State::InPlace(place) => {
                if !place.leave(input) {
                    return Break(Ok(None));
                }
                self.state.enter(State::Idle);
                Continue(())
            }
        }
    }

    /// Enters the payload of a frame whose header has been checked.
    #[inline]
    fn begin_frame(&mut self, header: &Header) {
        let message = self.state.leave();
        self.state.enter(if header.opcode.is_control() {
            State::Control { frame: ControlFrame::new(header), message }
        } else {
            let frame = DataFrame::new(header);
            match message {
                None => State::Data { frame, message: MessageInProgress::new(header) },
                Some(mut message) => {
                    message.count_frame(header.payload_len);
                    State::Data { frame, message }
                }
            }
        });
    }

    /// Leaves a frame. If a message is in progress, it goes on.
    #[inline]
    fn end_frame(&mut self) {
        if let Some(message) = self.state.leave() {
            self.state
                .enter(State::Header { partial: PartialHeader::EMPTY, message: Some(message) });
        }
    }

    /// Leaves the last frame of a message. Returns the message.
    #[inline]
    fn finish(&mut self) -> Option<Event<'static>> {
        self.state.leave().map(MessageInProgress::into_event)
    }

    #[inline]
    pub(super) fn rules(&self, within: Option<u64>) -> Rules<'_> {
        Rules {
            limits: &self.limits,
            within,
            message: self.state.message().map(MessageInProgress::sums),
            deflate: self.inflater.is_some(),
        }
    }
}
