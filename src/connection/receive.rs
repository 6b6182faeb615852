//! Frames to chunks to messages: the reading half of a connection (RFC 6455 §5, §6.2).
//!
//! [`Receiver::receive`] tries the common case first, a message that is one frame and all there. Everything else
//! goes [step](Receiver::step) by step: a header, a piece of a payload, a control frame.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::marker::PhantomData;
use core::{mem, str};

use super::assemble::Assembly;
use super::closing::Incoming;
use super::event::{Chunk, ChunkData, ChunkEvent, Event, Reply};
use crate::error::{CutOff, Violation};
use crate::frame::{CloseCode, CloseReason, HEADER_BYTES_MAX, Header, LengthForm, Mask, OpCode, Reserved};
use crate::input::Input;
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
    /// What has arrived of a control frame that the input cut in two.
    control: Option<Box<Reply>>,
    limits: Limits,
    role: PhantomData<fn() -> R>,
}

/// Where in the stream of bytes we are.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Between messages, with no byte of a header read: the only state of the fast path.
    Idle,
    /// In a header, of which these bytes have arrived.
    Header(PartialHeader),
    /// In the payload of a data frame.
    Data(Frame),
    /// In the payload of a control frame.
    Control(Frame),
    /// Behind the last good piece of a text that turned out to be none: fails when next called.
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

/// A message whose last frame has not ended.
#[derive(Clone, Copy, Debug)]
struct Message {
    /// The payload lengths of its frames so far, summed up.
    announced: u64,
    fragments: u32,
    kind: Kind,
    /// Whether some of it has been handed out as a chunk.
    begun: bool,
    /// The code point that the last frame or read left unfinished.
    cut: CutCodePoint,
}

/// Of what a message consists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text: UTF-8.
    Text,
    /// Bytes.
    Binary,
}

impl Kind {
    /// The opcode of the first frame of such a message.
    #[must_use]
    pub const fn opcode(self) -> OpCode {
        match self {
            Self::Text => OpCode::TEXT,
            Self::Binary => OpCode::BINARY,
        }
    }
}

/// What one step through the input found.
enum Step<'a> {
    Piece { piece: Piece<'a>, first: bool, last: bool },
    Control(Event<'a>),
}

/// Some bytes of a message.
#[derive(Clone, Copy)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    /// A code point that the input had cut in two.
    CodePoint(char),
    Binary(&'a [u8]),
}

impl<R: Role> Receiver<R> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            state: State::Idle,
            message: None,
            assembly: Assembly::default(),
            control: None,
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
        if let State::Idle = self.state
            && let Some(event) = self.receive_whole(input)?
        {
            return Ok(Some(event));
        }
        self.receive_in_steps(input)
    }

    /// The next chunk or control frame: [`Connection::receive_chunk`](crate::Connection::receive_chunk) without the
    /// replies.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_chunk<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<ChunkEvent<'a>>, Violation> {
        // What `receive` had gathered before the caller changed over to chunks.
        if let Some(data) = self.assembly.take_chunk() {
            return Ok(Some(ChunkEvent::Chunk(Chunk { data, first: self.begin_chunks(), last: false })));
        }
        Ok(self.step(input)?.map(|step| match step {
            Step::Control(event) => ChunkEvent::Control(event),
            Step::Piece { piece, first, last } => {
                self.begin_chunks();
                let data = match piece {
                    Piece::Text(text) => ChunkData::Text(Cow::Borrowed(text)),
                    Piece::CodePoint(c) => ChunkData::Text(Cow::Owned(c.into())),
                    Piece::Binary(bytes) => ChunkData::Binary(Cow::Borrowed(bytes)),
                };
                ChunkEvent::Chunk(Chunk { data, first, last })
            }
        }))
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
            (_, Some(message)) => arrived(message, 0),
            (State::Header(_), None) => CutOff::InHeader,
            (_, None) => CutOff::BetweenMessages,
        };
        self.end(Over::Ended(cut_off));
        Err(cut_off)
    }

    pub(super) fn reply_backlog_max(&self) -> usize {
        usize::try_from(self.limits.reply_backlog_max).unwrap_or(usize::MAX)
    }

    pub(super) fn incoming(&self) -> Incoming {
        match self.state {
            State::Over(Over::Closed) => Incoming::CloseReceived,
            State::Over(Over::Failed) => Incoming::Failed,
            State::Over(Over::Ended(_)) => Incoming::Ended,
            _ => Incoming::Open,
        }
    }

    /// Notes that a chunk of the message under way is handed out. Whether it is the first.
    fn begin_chunks(&mut self) -> bool {
        self.message.as_mut().is_some_and(|message| !mem::replace(&mut message.begun, true))
    }

    /// The common case: a whole message in one frame that has arrived completely, its length in the first two
    /// forms. Otherwise `None`, and nothing has been read.
    #[inline]
    fn receive_whole<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Event<'a>>, Violation> {
        const FINAL_TEXT: u8 = 0x81;
        const FINAL_BINARY: u8 = 0x82;
        let Some((&[first @ (FINAL_TEXT | FINAL_BINARY), second], rest)) =
            input.remaining().split_first_chunk()
        else {
            return Ok(None);
        };
        // A wrong mask bit makes this more than 127.
        let (prefix, len): (usize, _) = match second ^ mask_bit::<R>() {
            len @ 0..=125 => (2, u16::from(len)),
            126 => match rest.split_first_chunk() {
                Some((len, _)) if u16::from_be_bytes(*len) > 125 => (4, u16::from_be_bytes(*len)),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let limit = self.limits.frame_bytes_max.min(self.limits.message_bytes_max);
        if u64::from(len) > limit || self.limits.fragments_max == 0 {
            return Ok(None);
        }
        let header_len: usize = if R::IS_SERVER { prefix.saturating_add(4) } else { prefix };
        let Some(frame) = input.take(header_len.saturating_add(usize::from(len))) else { return Ok(None) };
        let Some((header, payload)) = frame.split_at_mut_checked(header_len) else { return Ok(None) };
        if let (true, Some(key)) = (R::IS_SERVER, header.last_chunk()) {
            Mask::new(*key).apply(payload);
        }
        if first == FINAL_BINARY {
            return Ok(Some(Event::Binary(Cow::Borrowed(payload))));
        }
        match str::from_utf8(payload) {
            Ok(text) => Ok(Some(Event::Text(Cow::Borrowed(text)))),
            Err(_) => Err(self.fail(Violation::TextNotUtf8)),
        }
    }

    #[cold]
    #[inline(never)]
    fn receive_in_steps<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Event<'a>>, Violation> {
        while let Some(step) = self.step(input)? {
            match step {
                Step::Control(event) => return Ok(Some(event)),
                Step::Piece { piece, last: false, .. } => self.assembly.push(piece),
                Step::Piece { piece, last: true, .. } => return Ok(Some(self.assembly.finish(piece))),
            }
        }
        Ok(None)
    }

    /// Reads on to the next piece of a message or the next control frame. `None`: the input is used up.
    ///
    /// Every round of the loop reads at least a byte or leaves the state it was in.
    fn step<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Step<'a>>, Violation> {
        loop {
            match self.state {
                State::Idle => {
                    self.state = State::Header(PartialHeader::EMPTY);
                    if input.is_empty() {
                        self.state = State::Idle;
                        return Ok(None);
                    }
                }
                State::Header(_) if input.is_empty() => return Ok(None),
                State::Header(partial) => self.read_header(partial, input)?,
                State::Data(frame) | State::Control(frame) if frame.remaining > 0 && input.is_empty() => {
                    return Ok(None);
                }
                State::Data(frame) => {
                    if let Some(step) = self.read_data(frame, input)? {
                        return Ok(Some(step));
                    }
                }
                State::Control(frame) => {
                    if let Some(event) = self.read_control(frame, input)? {
                        return Ok(Some(Step::Control(event)));
                    }
                }
                State::Failing(violation) => return Err(self.fail(violation)),
                State::Over(_) => {
                    input.take_up_to(usize::MAX);
                    return Ok(None);
                }
            }
        }
    }

    /// Reads as much of a header as there is, and judges it at every byte that decides something.
    fn read_header(&mut self, mut partial: PartialHeader, input: &mut Input<'_>) -> Result<(), Violation> {
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
        // RFC 6455 §5.2: reserved bits and opcodes fail the connection.
        if !bits.is_none() {
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
                (Some(_), OpCode::TEXT | OpCode::BINARY) => return Err(Violation::MessageInsideMessage),
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
            cut: CutCodePoint::default(),
        });
        message.announced = message.announced.saturating_add(header.payload_len);
        message.fragments = message.fragments.saturating_add(1);
        self.state = State::Data(frame);
    }

    /// Reads what there is of a data frame's payload. `None`: nothing that could be handed out.
    fn read_data<'a>(
        &mut self,
        mut frame: Frame,
        input: &mut Input<'a>,
    ) -> Result<Option<Step<'a>>, Violation> {
        let Some(mut message) = self.message else {
            debug_assert!(false, "a data frame belongs to a message");
            return Ok(None);
        };
        let mut sound = true;
        let piece = match message.kind {
            Kind::Binary => Some(Piece::Binary(frame.take(usize::MAX, input))),
            Kind::Text if message.cut.is_none() => match utf8::check(frame.take(usize::MAX, input)) {
                Checked::Possible(text, cut) => {
                    message.cut = cut;
                    Some(Piece::Text(text))
                }
                Checked::Impossible(text) => {
                    sound = false;
                    Some(Piece::Text(text))
                }
            },
            Kind::Text => match message.cut.resume(frame.take(message.cut.missing(), input)) {
                Ok(whole) => whole.map(Piece::CodePoint),
                Err(()) => {
                    sound = false;
                    None
                }
            },
        };
        let last = frame.fin && frame.remaining == 0;
        // RFC 6455 §8.1: what is not UTF-8 fails the connection; so does a code point that the end cut in two.
        sound &= !last || message.cut.is_none();
        let last = last && sound;
        let piece = piece.or(last.then_some(Piece::Text(""))).filter(|piece| last || !piece.is_empty());
        let first = !message.begun;

        self.message = if last { None } else { Some(message) };
        self.state = if !sound {
            State::Failing(Violation::TextNotUtf8)
        } else if frame.remaining > 0 {
            State::Data(frame)
        } else {
            self.between_frames()
        };
        Ok(piece.map(|piece| Step::Piece { piece, first, last }))
    }

    /// Reads what there is of a control frame's payload; once it is complete, the event.
    fn read_control<'a>(
        &mut self,
        mut frame: Frame,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Violation> {
        let piece = frame.take(usize::MAX, input);
        let complete = frame.remaining == 0;
        let payload = match (self.control.take(), complete) {
            (None, true) => Cow::Borrowed(piece),
            (begun, _) => {
                let begun = begun.as_deref().map_or(&[][..], Reply::payload);
                let joined = Reply::new(frame.opcode, &[begun, piece]);
                if !complete {
                    self.control = Some(Box::new(joined));
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
        self.control = None;
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

impl Frame {
    /// Takes the next bytes of the payload, at most `n`, and unmasks them in place.
    fn take<'a>(&mut self, n: usize, input: &mut Input<'a>) -> &'a [u8] {
        let n = n.min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        let piece = input.take_up_to(n);
        self.remaining = self.remaining.saturating_sub(piece.len() as u64);
        if self.key != [0; 4] {
            Mask::new(self.key).apply(piece);
            self.key.rotate_left(piece.len() % 4);
        }
        piece
    }
}

impl Piece<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::CodePoint(_) => false,
            Self::Binary(bytes) => bytes.is_empty(),
        }
    }
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
