//! Frames to chunks to messages: the reading half of a connection (RFC 6455 §5, §6.2).
//!
//! [`Receiver::receive`] tries the common case first, a message that is one frame and all there. Everything else
//! goes [step](Receiver::step) by step: a header, a piece of a payload, a control frame.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::marker::PhantomData;
use core::{mem, str};

use super::assemble::{Assembly, NoRoom};
use super::data::Kind;
use super::event::{Chunk, ChunkData, ChunkEvent, Event, Reply};
use crate::error::{CutOff, Violation};
use crate::extension::deflate::Inflater;
use crate::frame::{
    CONTROL_PAYLOAD_MAX, CloseCode, CloseReason, HEADER_BYTES_MAX, Header, LengthForm, Mask,
    OpCode, Reserved, turned,
};
use crate::input::Input;
use crate::length::in_memory;
use crate::limits::Limits;
use crate::role::Role;
use crate::utf8::{self, Checked, CutCodePoint};

/// The reading half of a connection: it parses, checks and assembles, and never writes.
///
/// [`Connection::split`](crate::Connection::split) makes it. The replies that the protocol asks for are the
/// caller's to pass on: [`Event::reply`] and [`Violation::reply`](crate::Violation::reply) say what to hand to the
/// [`Sender`](super::Sender), which may be in another thread.
#[derive(Debug)]
pub struct Receiver<R> {
    state: State,
    /// The message under way, whose last frame has not ended.
    message: Option<Message>,
    /// What [`receive`](Self::receive) has gathered of that message.
    assembly: Assembly,
    /// What most connections never need.
    seldom: Option<Box<Seldom>>,
    limits: Limits,
    role: PhantomData<fn() -> R>,
}

/// The first byte of a message in one frame, uncompressed.
const FINAL_TEXT: u8 = 0x81;
const FINAL_BINARY: u8 = 0x82;

/// Where in the stream of bytes we are.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Between messages, with no byte of a header read: the only state of the fast path.
    Idle,
    /// In a header, of which these bytes have arrived.
    Header(PartialHeader),
    /// In the payload of a data frame.
    Data(Frame),
    /// In a message that stays in the caller's buffer until it is whole.
    InPlace(InPlace),
    /// In the payload of a control frame.
    Control(Frame),
    /// Behind the last good piece of a message that turned out to be none: fails when next called.
    Failing(Violation),
    /// Nothing is read any more.
    Over(Over),
}

#[derive(Clone, Copy, Debug)]
enum Over {
    Closed,
    Failed,
    Ended(CutOff),
}

/// The start of a header.
#[derive(Clone, Copy, Debug)]
struct PartialHeader {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8, // Invariant: less than the header's length
}

/// A frame whose payload is being read.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// How many bytes of the payload are still to come.
    remaining: u64,
    /// The masking key, turned to the next byte; zero where nothing is masked.
    key: [u8; 4],
    opcode: OpCode,
    fin: bool,
}

/// A binary message of one frame that stays in the caller's buffer until it is whole: the input begins with its header.
#[derive(Clone, Copy, Debug, Default)]
struct InPlace {
    /// How much of the payload has come.
    received: usize,
    /// How much of that has been unmasked.
    unmasked: usize,
}

/// A message whose last frame has not ended.
#[derive(Clone, Copy, Debug)]
struct Message {
    /// The payload lengths of its frames so far, summed up.
    announced: u64,
    fragments: u32,
    kind: Kind,
    /// Whether some of it has been handed out as a chunk.
    begun: bool,
    /// Whether the payload is the output of permessage-deflate.
    compressed: bool,
    /// The code point that the last frame or read left unfinished.
    cut: CutCodePoint,
}

/// What most connections never need, so that they have no room for it.
#[derive(Debug, Default)]
struct Seldom {
    /// What has arrived of a control frame that the input cut in two.
    control: Option<Reply>,
    /// The receiving side of permessage-deflate, if that was negotiated.
    inflater: Option<Box<Inflater>>,
}

/// What one step through the input came to.
enum Step<'a> {
    /// Nothing to hand out yet.
    Onward,
    /// Nothing more: the input is used up.
    UsedUp,
    Chunk(Chunk<'a>),
    /// A control frame.
    Event(Event<'a>),
}

impl<R: Role> Receiver<R> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            state: State::Idle,
            message: None,
            assembly: Assembly::default(),
            seldom: None,
            limits,
            role: PhantomData,
        }
    }

    /// The next whole message or control frame: [`Connection::receive`](crate::Connection::receive) without the
    /// replies.
    ///
    /// # Errors
    ///
    /// A rule that the peer broke. Nothing is received afterwards; hand its
    /// [reply](crate::Violation::reply) to the sender.
    #[inline]
    pub fn receive<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Event<'a>>, Violation> {
        if let State::Idle = self.state {
            if let Some(event) = self.receive_whole(input)? {
                return Ok(Some(event));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
        if input.in_place_max() > 0
            && let Some(outcome) = self.receive_in_place(input)
        {
            return Ok(outcome);
        }
        self.receive_in_steps(input)
    }

    /// The next chunk or control frame: [`Connection::receive_chunk`](crate::Connection::receive_chunk) without the
    /// replies.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_chunk<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<ChunkEvent<'a>>, Violation> {
        // What `receive` had gathered before the caller changed over to chunks.
        if let Some(data) = self.assembly.take_chunk() {
            return Ok(Some(ChunkEvent::Chunk(Chunk {
                data,
                first: self.begin_chunks(),
                last: false,
            })));
        }
        loop {
            match self.step(input)? {
                Step::Onward => {}
                Step::UsedUp => return Ok(None),
                Step::Event(event) => return Ok(Some(ChunkEvent::Control(event))),
                Step::Chunk(chunk) => {
                    self.begin_chunks();
                    return Ok(Some(ChunkEvent::Chunk(chunk)));
                }
            }
        }
    }

    /// Says that the transport delivers no more: [`Connection::end_of_input`](crate::Connection::end_of_input).
    ///
    /// # Errors
    ///
    /// What was cut off, if there was no closing handshake. A second call says the same.
    pub fn end_of_input(&mut self) -> Result<(), CutOff> {
        let arrived = |message: &Message, remaining| CutOff::InMessage {
            received: message.announced.saturating_sub(remaining),
        };
        let cut_off = match (&self.state, &self.message) {
            (State::Over(Over::Closed | Over::Failed), _) => return Ok(()),
            (State::Over(Over::Ended(cut_off)), _) => *cut_off,
            (State::Control(frame), _) => CutOff::InControl { opcode: frame.opcode },
            (State::Data(frame), Some(message)) => arrived(message, frame.remaining),
            (State::InPlace(place), _) => CutOff::InMessage { received: place.received as u64 },
            (_, Some(message)) => arrived(message, 0),
            (State::Header(_), None) => CutOff::InHeader,
            (_, None) => CutOff::BetweenMessages,
        };
        self.end(Over::Ended(cut_off));
        Err(cut_off)
    }

    pub(super) fn set_inflater(&mut self, inflater: Option<Inflater>) {
        self.seldom.get_or_insert_default().inflater = inflater.map(Box::new);
    }

    pub(super) fn reply_backlog_max(&self) -> usize {
        in_memory(self.limits.reply_backlog_max.into())
    }

    /// Whether the peer's Close frame has come.
    pub(super) fn close_received(&self) -> bool {
        matches!(self.state, State::Over(Over::Closed))
    }

    /// Notes that a chunk of the message under way is handed out. Whether it is the first.
    fn begin_chunks(&mut self) -> bool {
        self.message.as_mut().is_some_and(|message| !mem::replace(&mut message.begun, true))
    }

    /// The common case: a whole message in one frame that has arrived completely, its length in the first two
    /// forms. Otherwise `None`, and nothing has been read.
    #[inline]
    fn receive_whole<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Event<'a>>, Violation> {
        let Some(&[first @ (FINAL_TEXT | FINAL_BINARY)]) = input.remaining().first_chunk() else {
            return Ok(None);
        };
        let limit = self.limits.frame_bytes_max.min(self.limits.message_bytes_max);
        if self.limits.fragments_max == 0 {
            return Ok(None);
        }
        let Some((key, payload)) = take_frame::<R>(limit, input) else { return Ok(None) };
        if R::IS_SERVER {
            Mask::new(key).apply(payload);
        }
        if first == FINAL_BINARY {
            return Ok(Some(Event::Binary(Cow::Borrowed(payload))));
        }
        match utf8::whole(payload) {
            Some(text) => Ok(Some(Event::Text(Cow::Borrowed(text)))),
            None => Err(self.fail(Violation::TextNotUtf8)),
        }
    }

    /// The next commonest: pings, pongs and further fragments of a binary message that have arrived completely, up to
    /// an event. `None`: what comes next is something else.
    fn receive_fragments<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Violation> {
        const CONTINUATION: u8 = 0x00;
        const FINAL_CONTINUATION: u8 = 0x80;
        const PING: u8 = 0x89;
        const PONG: u8 = 0x8a;
        loop {
            let Some(&[first]) = input.remaining().first_chunk() else { return Ok(None) };
            match first {
                CONTINUATION | FINAL_CONTINUATION => {
                    let Some(message) = self.message.as_mut().filter(|message| {
                        message.is_plain_binary() && message.fragments < self.limits.fragments_max
                    }) else {
                        return Ok(None);
                    };
                    let room = self.limits.message_bytes_max.saturating_sub(message.announced);
                    let Some((key, payload)) =
                        take_frame::<R>(room.min(self.limits.frame_bytes_max), input)
                    else {
                        return Ok(None);
                    };
                    message.announced = message.announced.saturating_add(payload.len() as u64);
                    message.fragments = message.fragments.saturating_add(1);
                    let is_final = first == FINAL_CONTINUATION;
                    if let Err(NoRoom) =
                        self.assembly.push_masked(key, payload, is_final.then_some(0))
                    {
                        let len = message.announced;
                        return Err(self.fail(Violation::MessageTooBig { len }));
                    }
                    if is_final {
                        return Ok(Some(self.finish_gathered()));
                    }
                }
                PING | PONG => {
                    let Some((key, payload)) = take_frame::<R>(CONTROL_PAYLOAD_MAX as u64, input)
                    else {
                        return Ok(None);
                    };
                    Mask::new(key).apply(payload);
                    self.state = self.between_frames();
                    return Ok(Some(if first == PING {
                        Event::Ping(Cow::Borrowed(payload))
                    } else {
                        Event::Pong(Cow::Borrowed(payload))
                    }));
                }
                _ => return Ok(None),
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn receive_in_steps<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Violation> {
        loop {
            match self.state {
                State::Idle | State::Header(PartialHeader { len: 0, .. }) => {
                    match self.receive_fragments(input) {
                        Ok(None) => {}
                        outcome => return outcome,
                    }
                }
                State::Data(frame) if !input.is_empty() && self.gathers(&frame, input) => {
                    match self.gather(frame, input) {
                        Ok(None) if !input.is_empty() => continue,
                        outcome => return outcome,
                    }
                }
                _ => {}
            }
            match self.step(input)? {
                Step::Onward => {}
                Step::UsedUp => return Ok(None),
                Step::Event(event) => return Ok(Some(event)),
                // What is lent out as it stands, and what is decompressed: that alone takes memory here.
                Step::Chunk(Chunk { data, last, .. }) => {
                    let message = if last {
                        self.assembly.finish(data).map(Some)
                    } else {
                        self.assembly.push(data).map(|()| None)
                    };
                    match message {
                        Ok(None) => {}
                        Ok(message) => return Ok(message),
                        Err(NoRoom) => return Err(self.fail(Violation::InflatedTooBig)),
                    }
                }
            }
        }
    }

    /// What comes of a message that stays in the caller's buffer until it is whole. `None`: there is none. A new one
    /// stays if it is binary, one frame, legal, not whole, and short enough.
    #[inline(never)]
    fn receive_in_place<'a>(&mut self, input: &mut Input<'a>) -> Option<Option<Event<'a>>> {
        /// What is unmasked only when the message is whole: less than the nearest cache holds.
        const NEAR: usize = 16 << 10;
        let begun = match self.state {
            State::Idle => None,
            State::InPlace(place) => Some(place),
            _ => return None,
        };
        let Some((header, header_len)) = Header::decode(input.remaining()) else {
            return begun.map(|_| None);
        };
        let frame_len = header_len.saturating_add(in_memory(header.payload_len));
        let is_whole = input.len() >= frame_len;
        let bytes = input.remaining().get(..header_len)?;
        let stays = match begun {
            None => !is_whole && bytes.first() == Some(&FINAL_BINARY) && self.judge(bytes).is_ok(),
            Some(_) => true,
        };
        if !stays || frame_len > input.in_place_max() {
            return None;
        }
        let mut place = begun.unwrap_or_default();
        let (_, payload) = input.front_mut(frame_len).split_at_mut_checked(header_len)?;
        if payload.len() < place.received {
            return Some(None); // The caller has not handed in all that there was.
        }
        place.received = payload.len();
        let news = payload.get_mut(place.unmasked..)?;
        if is_whole || news.len() >= NEAR {
            unmask(turned(header.masking_key.unwrap_or_default(), place.unmasked), news);
            place.unmasked = place.received;
        }
        if !is_whole {
            self.state = State::InPlace(place);
            return Some(None);
        }
        self.state = State::Idle;
        let (_, payload) = input.take(frame_len)?.split_at_mut_checked(header_len)?;
        Some(Some(Event::Binary(Cow::Borrowed(payload))))
    }

    /// Goes on with a message in place as with any other: masks again what has been unmasked of it. `None`: the caller has not
    /// handed in all that there was.
    fn leave_place(&mut self, place: InPlace, input: &mut Input<'_>) -> Option<()> {
        let (header, header_len) = Header::decode(input.remaining())?;
        let (_, payload) = input.front_mut(usize::MAX).split_at_mut_checked(header_len)?;
        if payload.len() < place.received {
            return None;
        }
        unmask(header.masking_key.unwrap_or_default(), payload.get_mut(..place.unmasked)?);
        self.state = State::Idle;
        Some(())
    }

    /// Reads a header, a piece of a payload or a control frame: at least a byte, or leaves the state it was in.
    fn step<'a>(&mut self, input: &mut Input<'a>) -> Result<Step<'a>, Violation> {
        Ok(match self.state {
            State::Idle if input.is_empty() => Step::UsedUp,
            State::Idle => {
                self.read_header(PartialHeader::EMPTY, input)?;
                Step::Onward
            }
            State::Header(_) if input.is_empty() => Step::UsedUp,
            State::Header(partial) => {
                self.read_header(partial, input)?;
                Step::Onward
            }
            State::Data(frame)
                if frame.remaining > 0 && input.is_empty() && !self.has_pending_output() =>
            {
                Step::UsedUp
            }
            State::Data(frame) => self.read_data(frame, input)?,
            State::InPlace(place) => {
                self.leave_place(place, input).map_or(Step::UsedUp, |()| Step::Onward)
            }
            State::Control(frame) if frame.remaining > 0 && input.is_empty() => Step::UsedUp,
            State::Control(frame) => {
                self.read_control(frame, input)?.map_or(Step::Onward, Step::Event)
            }
            State::Failing(violation) => return Err(self.fail(violation)),
            State::Over(_) => {
                input.take_up_to(usize::MAX);
                Step::UsedUp
            }
        })
    }

    /// Reads as much of a header as there is, and judges it at every byte that decides something.
    fn read_header(
        &mut self,
        mut partial: PartialHeader,
        input: &mut Input<'_>,
    ) -> Result<(), Violation> {
        // All of it is there, as a rule: then it is read where it stands.
        if partial.len == 0
            && let Some((header, len)) = Header::decode(input.remaining())
        {
            if let Err(violation) = self.judge(input.take_up_to(len)) {
                return Err(self.fail(violation));
            }
            self.begin_frame(&header);
            return Ok(());
        }
        loop {
            partial.push(input.take_up_to(partial.missing()));
            if let Err(violation) = self.judge(partial.bytes()) {
                return Err(self.fail(violation));
            }
            if let Some((header, _)) = Header::decode(partial.bytes()) {
                self.begin_frame(&header);
                return Ok(());
            }
            if input.is_empty() {
                self.state = State::Header(partial);
                return Ok(());
            }
        }
    }

    /// Whether a header that starts like this may come now. The order of the rules is that of the bytes, so that
    /// the verdict is the same however the input is cut.
    fn judge(&self, header: &[u8]) -> Result<(), Violation> {
        let Some((&first, rest)) = header.split_first() else { return Ok(()) };
        let (opcode, bits) = (OpCode::from_first_byte(first), Reserved::from_first_byte(first));
        // RFC 6455 §5.2: reserved bits and opcodes fail the connection. RFC 7692 §6.1: with permessage-deflate, RSV1 is
        // for the first frame of a message.
        let is_first = matches!(opcode, OpCode::TEXT | OpCode::BINARY);
        let expected = if is_first && self.inflates() { bits == Reserved::RSV1 } else { false };
        if !bits.is_none() && !expected {
            return Err(Violation::ReservedBits { bits });
        }
        if opcode.is_reserved() {
            return Err(Violation::ReservedOpCode { opcode });
        }
        if opcode.is_control() {
            // RFC 6455 §5.5: control frames are never fragmented.
            if first & 0x80 == 0 {
                return Err(Violation::ControlFragmented { opcode });
            }
        } else {
            // RFC 6455 §5.4: a message is one opening frame and its continuations, and nothing else in between.
            match (&self.message, opcode) {
                (None, OpCode::CONTINUATION) => return Err(Violation::ContinuationOfNothing),
                (Some(_), OpCode::TEXT | OpCode::BINARY) => {
                    return Err(Violation::MessageInsideMessage);
                }
                _ => {}
            }
            if self.message.map_or(0, |message| message.fragments) >= self.limits.fragments_max {
                return Err(Violation::TooManyFragments);
            }
        }

        let Some((&second, rest)) = rest.split_first() else { return Ok(()) };
        // RFC 6455 §5.1: clients mask, servers do not.
        if second & 0x80 != mask_bit::<R>() {
            return Err(if R::IS_SERVER { Violation::Unmasked } else { Violation::Masked });
        }
        let (form, len) = match second & 0x7f {
            // RFC 6455 §5.5: 125 bytes at most.
            126.. if opcode.is_control() => return Err(Violation::ControlTooLong { opcode }),
            126 => match rest.split_first_chunk() {
                Some((len, _)) => (LengthForm::Bits16, u64::from(u16::from_be_bytes(*len))),
                None => return Ok(()),
            },
            127 => match rest.split_first_chunk() {
                Some((len, _)) => (LengthForm::Bits64, u64::from_be_bytes(*len)),
                None => return Ok(()),
            },
            len => (LengthForm::Bits7, u64::from(len)),
        };
        // RFC 6455 §5.2: 63 bits, in the shortest form.
        if len >> 63 != 0 {
            return Err(Violation::LengthTopBit { len });
        }
        if form != LengthForm::shortest(len) {
            return Err(Violation::LengthNotShortest { len });
        }
        if opcode.is_control() {
            return Ok(());
        }
        // RFC 6455 §10.4: our limits, before a byte of the payload is looked at.
        if len > self.limits.frame_bytes_max {
            return Err(Violation::FrameTooBig { len });
        }
        let len = self.message.map_or(0, |message| message.announced).saturating_add(len);
        if len > self.limits.message_bytes_max {
            return Err(Violation::MessageTooBig { len });
        }
        Ok(())
    }

    /// Enters the payload of a frame whose header has been judged.
    fn begin_frame(&mut self, header: &Header) {
        let frame = Frame {
            remaining: header.payload_len,
            key: header.masking_key.unwrap_or_default(),
            opcode: header.opcode,
            fin: header.fin,
        };
        if header.opcode.is_control() {
            self.state = State::Control(frame);
            return;
        }
        let message = self.message.get_or_insert(Message {
            announced: 0,
            fragments: 0,
            kind: if header.opcode == OpCode::TEXT { Kind::Text } else { Kind::Binary },
            begun: false,
            compressed: header.reserved == Reserved::RSV1,
            cut: CutCodePoint::default(),
        });
        message.announced = message.announced.saturating_add(header.payload_len);
        message.fragments = message.fragments.saturating_add(1);
        self.state = State::Data(frame);
    }

    /// Whether the payload of a data frame goes straight into the message: unless that is compressed, or can be lent out
    /// as it stands.
    fn gathers(&self, frame: &Frame, input: &Input<'_>) -> bool {
        let ends_here = frame.fin && frame.remaining <= input.len() as u64;
        self.message.is_some_and(|message| {
            let can_be_lent = ends_here && self.assembly.is_empty() && message.cut.is_none();
            !message.compressed && !can_be_lent
        })
    }

    /// Reads what there is of a data frame's payload into the message under way; once that is complete, the message.
    fn gather(
        &mut self,
        mut frame: Frame,
        input: &mut Input<'_>,
    ) -> Result<Option<Event<'static>>, Violation> {
        let Some(message) = &mut self.message else {
            debug_assert!(false, "a data frame belongs to a message");
            return Ok(None);
        };
        let piece = input.take_up_to(in_memory(frame.remaining));
        frame.remaining = frame.remaining.saturating_sub(piece.len() as u64);
        let rest = frame.fin.then(|| in_memory(frame.remaining));
        let ends = frame.fin && frame.remaining == 0;
        let is_possible = match message.kind {
            Kind::Binary => self.assembly.push_masked(frame.key, piece, rest).map(|()| true),
            Kind::Text => {
                Mask::new(frame.key).apply(piece);
                let is_possible = self.assembly.push_text(&mut message.cut, piece, rest);
                // RFC 6455 §8.1: what is not UTF-8 fails the connection; so does a code point that the end cut in two.
                is_possible.map(|is_possible| is_possible && (message.cut.is_none() || !ends))
            }
        };
        match is_possible {
            Ok(true) => {}
            Ok(false) => return Err(self.fail(Violation::TextNotUtf8)),
            Err(NoRoom) => {
                let len = message.announced;
                return Err(self.fail(Violation::MessageTooBig { len }));
            }
        }
        if ends {
            return Ok(Some(self.finish_gathered()));
        }
        frame.key = turned(frame.key, piece.len());
        self.state = if frame.remaining > 0 { State::Data(frame) } else { self.between_frames() };
        Ok(None)
    }

    /// The message that has been gathered.
    fn finish_gathered(&mut self) -> Event<'static> {
        (self.message, self.state) = (None, State::Idle);
        self.assembly.take()
    }

    /// Reads what there is of a data frame's payload.
    fn read_data<'a>(
        &mut self,
        mut frame: Frame,
        input: &mut Input<'a>,
    ) -> Result<Step<'a>, Violation> {
        let Some(mut message) = self.message else {
            debug_assert!(false, "a data frame belongs to a message");
            return Ok(Step::UsedUp);
        };
        if message.compressed {
            return self.read_compressed(frame, message, input);
        }
        let (data, is_possible) = match message.kind {
            Kind::Binary => (ChunkData::Binary(Cow::Borrowed(frame.take(usize::MAX, input))), true),
            Kind::Text if message.cut.is_none() => match utf8::check(frame.take(usize::MAX, input))
            {
                Checked::Possible(text, cut) => {
                    message.cut = cut;
                    (ChunkData::Text(Cow::Borrowed(text)), true)
                }
                Checked::Impossible(text) => (ChunkData::Text(Cow::Borrowed(text)), false),
            },
            Kind::Text => match message.cut.resume(frame.take(message.cut.missing(), input)) {
                Ok(None) => (ChunkData::Text(Cow::Borrowed("")), true),
                Ok(Some(whole)) => (ChunkData::Text(Cow::Owned(whole.into())), true),
                Err(()) => (ChunkData::Text(Cow::Borrowed("")), false),
            },
        };
        let ends = frame.fin && frame.remaining == 0;
        let ends = if is_possible { Ok(ends) } else { Err(Violation::TextNotUtf8) };
        Ok(self.deliver(frame, message, data, ends))
    }

    /// Reads some of a compressed data frame's payload: as much as its piece of output has room for.
    #[cold]
    fn read_compressed<'a>(
        &mut self,
        mut frame: Frame,
        mut message: Message,
        input: &mut Input<'a>,
    ) -> Result<Step<'a>, Violation> {
        let Some(inflater) = self.seldom.as_mut().and_then(|seldom| seldom.inflater.as_mut())
        else {
            debug_assert!(false, "a compressed message was not negotiated");
            return Ok(Step::UsedUp);
        };
        // The start of a code point, which the output will complete.
        let mut bytes = message.cut.bytes().to_vec();
        let inflated = frame.offer(input, |compressed| inflater.inflate(compressed, &mut bytes));
        let ends = inflated.and_then(|()| {
            let ends = frame.fin && frame.remaining == 0 && !inflater.is_pending();
            if ends {
                inflater.finish()?
            }
            Ok(ends)
        });
        let (data, ends) = match message.kind {
            Kind::Binary => (ChunkData::Binary(Cow::Owned(bytes)), ends),
            Kind::Text => {
                let (text, cut) = utf8::check_owned(bytes);
                message.cut = cut.unwrap_or_default();
                // The text is from before whatever else went wrong.
                (
                    ChunkData::Text(Cow::Owned(text)),
                    cut.map_or(Err(Violation::TextNotUtf8), |_| ends),
                )
            }
        };
        Ok(self.deliver(frame, message, data, ends))
    }

    /// Hands out what a step has read of a message, and says where that leads. `ends`: whether the message is
    /// complete, or what is wrong with what comes next.
    fn deliver<'a>(
        &mut self,
        frame: Frame,
        message: Message,
        data: ChunkData<'a>,
        ends: Result<bool, Violation>,
    ) -> Step<'a> {
        // RFC 6455 §8.1: what is not UTF-8 fails the connection; so does a code point that the end cut in two.
        let ends = match ends {
            Ok(true) if !message.cut.is_none() => Err(Violation::TextNotUtf8),
            ends => ends,
        };
        let last = ends == Ok(true);
        let first = !message.begun;
        let chunk = (last || !data.as_bytes().is_empty()).then_some(Chunk { data, first, last });

        self.message = if last { None } else { Some(message) };
        let more_of_frame = frame.remaining > 0 || (frame.fin && !last);
        self.state = match ends {
            Err(violation) => State::Failing(violation),
            Ok(_) if more_of_frame || (message.compressed && self.has_pending_output()) => {
                State::Data(frame)
            }
            Ok(_) => self.between_frames(),
        };
        chunk.map_or(Step::Onward, Step::Chunk)
    }

    /// Reads what there is of a control frame's payload; once it is complete, the event.
    fn read_control<'a>(
        &mut self,
        mut frame: Frame,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Violation> {
        let piece = frame.take(usize::MAX, input);
        let complete = frame.remaining == 0;
        let begun = self.take_control();
        let payload = match (begun, complete) {
            (None, true) => Cow::Borrowed(piece),
            (begun, _) => {
                let begun = begun.as_ref().map_or(&[][..], Reply::payload);
                let joined = Reply::new(frame.opcode, &[begun, piece]);
                if !complete {
                    self.seldom.get_or_insert_default().control = Some(joined);
                    self.state = State::Control(frame);
                    return Ok(None);
                }
                Cow::Owned(joined.payload().into())
            }
        };
        self.state = self.between_frames();
        match frame.opcode {
            OpCode::PING => Ok(Some(Event::Ping(payload))),
            OpCode::PONG => Ok(Some(Event::Pong(payload))),
            _ => match close_reason(payload) {
                Ok(reason) => {
                    self.end(Over::Closed);
                    Ok(Some(Event::Close(reason)))
                }
                Err(violation) => Err(self.fail(violation)),
            },
        }
    }

    /// Whether messages may be compressed.
    fn inflates(&self) -> bool {
        self.seldom.as_ref().is_some_and(|seldom| seldom.inflater.is_some())
    }

    /// Whether decompression stopped for want of room, with more to come out of what has been read.
    fn has_pending_output(&self) -> bool {
        self.seldom
            .as_ref()
            .and_then(|seldom| seldom.inflater.as_ref())
            .is_some_and(|inflater| inflater.is_pending())
    }

    /// The start of a control frame, if there is one. An idle connection keeps no room for it.
    fn take_control(&mut self) -> Option<Reply> {
        let seldom = self.seldom.as_mut()?;
        let control = seldom.control.take();
        if seldom.inflater.is_none() {
            self.seldom = None;
        }
        control
    }

    fn between_frames(&self) -> State {
        match self.message {
            None => State::Idle,
            Some(_) => State::Header(PartialHeader::EMPTY),
        }
    }

    #[cold]
    fn fail(&mut self, violation: Violation) -> Violation {
        self.end(Over::Failed);
        violation
    }

    fn end(&mut self, over: Over) {
        self.state = State::Over(over);
        self.message = None;
        self.assembly = Assembly::default();
        self.seldom = None;
    }
}

impl PartialHeader {
    const EMPTY: Self = Self { bytes: [0; HEADER_BYTES_MAX], len: 0 };

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// How many bytes must arrive before more can be said: first the two that tell how long the header is.
    fn missing(&self) -> usize {
        let whole: usize = match *self.bytes() {
            [] | [_] => 2,
            [_, second, ..] => {
                let length = match second & 0x7f {
                    126 => 2,
                    127 => 8,
                    _ => 0,
                };
                let key = if second & 0x80 == 0 { 0 } else { 4 };
                2usize.saturating_add(length).saturating_add(key)
            }
        };
        whole.saturating_sub(usize::from(self.len))
    }

    fn push(&mut self, more: &[u8]) {
        let free = self.bytes.iter_mut().skip(usize::from(self.len));
        for (slot, byte) in free.zip(more) {
            *slot = *byte;
            self.len = self.len.saturating_add(1);
        }
    }
}

impl Message {
    /// Whether its bytes are what the payloads of its frames say.
    fn is_plain_binary(&self) -> bool {
        self.kind == Kind::Binary && !self.compressed
    }
}

impl Frame {
    /// Takes the next bytes of the payload, at most `n`, and unmasks them in place.
    fn take<'a>(&mut self, n: usize, input: &mut Input<'a>) -> &'a [u8] {
        let n = n.min(in_memory(self.remaining));
        let piece = input.take_up_to(n);
        self.remaining = self.remaining.saturating_sub(piece.len() as u64);
        unmask(self.key, piece);
        self.key = turned(self.key, piece.len());
        piece
    }

    /// Shows a reader the next bytes of the payload, unmasked, and takes off as many as it has read.
    fn offer(
        &mut self,
        input: &mut Input<'_>,
        read: impl FnOnce(&[u8]) -> Result<usize, Violation>,
    ) -> Result<(), Violation> {
        /// Enough for a call; what the reader leaves has been unmasked in vain.
        const AT_ONCE: usize = 16 << 10;
        let n = AT_ONCE.min(in_memory(self.remaining));
        let piece = input.front_mut(n);
        unmask(self.key, piece);
        let used = read(piece)?.min(piece.len());
        let (_, unread) = piece.split_at_mut(used);
        self.key = turned(self.key, used);
        unmask(self.key, unread);
        self.remaining = self.remaining.saturating_sub(used as u64);
        input.take_up_to(used);
        Ok(())
    }
}

/// Unmasks (or masks), unless there is no key.
fn unmask(key: [u8; 4], piece: &mut [u8]) {
    if key != [0; 4] {
        Mask::new(key).apply(piece);
    }
}

/// A frame that has arrived completely, with a payload of at most `max` bytes and a length in one of the first two
/// forms: its key, zero if it has none, and its payload, still masked. Otherwise `None`, and nothing has been read.
#[inline]
fn take_frame<'a, R: Role>(max: u64, input: &mut Input<'a>) -> Option<([u8; 4], &'a mut [u8])> {
    let (&[_, second], rest) = input.remaining().split_first_chunk()?;
    // A wrong mask bit makes this more than 127.
    let (prefix, len): (usize, _) = match second ^ mask_bit::<R>() {
        len @ 0..=125 => (2, u16::from(len)),
        126 => match rest.split_first_chunk() {
            Some((len, _)) if u16::from_be_bytes(*len) > 125 => (4, u16::from_be_bytes(*len)),
            _ => return None,
        },
        _ => return None,
    };
    if u64::from(len) > max {
        return None;
    }
    let header_len: usize = if R::IS_SERVER { prefix.saturating_add(4) } else { prefix };
    let frame = input.take(header_len.saturating_add(usize::from(len)))?;
    let (header, payload) = frame.split_at_mut_checked(header_len)?;
    let key = if R::IS_SERVER { *header.last_chunk()? } else { [0; 4] };
    Some((key, payload))
}

/// The mask bit that a frame from the peer must have.
#[inline]
fn mask_bit<R: Role>() -> u8 {
    if R::IS_SERVER { 0x80 } else { 0 }
}

/// What the body of a Close frame says (RFC 6455 §5.5.1).
fn close_reason(body: Cow<'_, [u8]>) -> Result<Option<CloseReason<'_>>, Violation> {
    let number = match *body {
        [] => return Ok(None),
        [_] => return Err(Violation::CloseBodyTooShort),
        [high, low, ..] => u16::from_be_bytes([high, low]),
    };
    let code = CloseCode::new(number).ok_or(Violation::CloseCode { number })?;
    let reason = match body {
        Cow::Borrowed(body) => {
            let reason = body.get(2..).unwrap_or_default();
            str::from_utf8(reason).map(Cow::Borrowed)
        }
        Cow::Owned(body) => {
            let reason = body.get(2..).unwrap_or_default();
            str::from_utf8(reason).map(|reason| Cow::Owned(reason.into()))
        }
    };
    Ok(Some(CloseReason { code, reason: reason.map_err(|_| Violation::CloseReasonNotUtf8)? }))
}
