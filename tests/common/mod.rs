//! What the tests of the connection share: both roles behind one type, frames written down naively from RFC 6455
//! §5.2, and a way to feed a stream of bytes in any pieces and record all that came of it.
#![allow(dead_code, unreachable_pub)]

use std::{fmt, mem};

use hybi::connection::{
    Chunk, ChunkData, ChunkEvent, Data, Prepared, Reader, ReadyState, Reply, Transport, Writer,
};
use hybi::{
    Client, CloseCode, Config, Connection, EndOfInputError, Event, Input, Message, Outbox,
    ProtocolError, Server, UsageError,
};

/// The masking key of RFC 6455 §5.7, which every masked frame in these tests has.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Which end of the connection is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Server,
    Client,
}

pub const BOTH: [Side; 2] = [Side::Server, Side::Client];

impl Side {
    pub fn connection(self, config: Config) -> Ws {
        fn key() -> [u8; 4] {
            KEY
        }
        match self {
            Self::Server => Ws::Server(Connection::server(config)),
            Self::Client => Ws::Client(Connection::client_with_keys(config, key as Keys)),
        }
    }

    /// A connection that leaves the replies to the test: its halves, joined.
    pub fn manual_connection(self, config: Config) -> Ws {
        match self.connection(config) {
            Ws::Server(ws) => Ws::ManualServer(ws),
            Ws::Client(ws) => Ws::ManualClient(ws),
            manual => manual,
        }
    }

    pub fn peer(self) -> Self {
        match self {
            Self::Server => Self::Client,
            Self::Client => Self::Server,
        }
    }

    /// The mask bit of a frame that this side receives.
    pub fn mask_bit(self) -> u8 {
        match self {
            Self::Server => 0x80,
            Self::Client => 0,
        }
    }

    /// A frame that this side receives.
    pub fn incoming(self, first: u8, payload: &[u8]) -> Vec<u8> {
        self.incoming_part(first, payload.len() as u64, payload)
    }

    /// The start of a frame that this side receives: a header that announces `len`, and some payload.
    pub fn incoming_part(self, first: u8, len: u64, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match len {
            0..=125 => frame.push(self.mask_bit() | len as u8),
            126..=0xffff => {
                frame.push(self.mask_bit() | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            _ => {
                frame.push(self.mask_bit() | 127);
                frame.extend(len.to_be_bytes());
            }
        }
        if self == Self::Server {
            frame.extend(KEY);
            frame.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[i % 4]));
        } else {
            frame.extend(payload);
        }
        frame
    }

    /// A frame that this side sends.
    pub fn outgoing(self, first: u8, payload: &[u8]) -> Vec<u8> {
        self.peer().incoming(first, payload)
    }

    /// The Close frame that this side sends.
    pub fn close_frame(self, code: u16, reason: &str) -> Vec<u8> {
        self.outgoing(0x88, &close_body(code, reason))
    }

    /// The Close frame that this side sends for a violation.
    pub fn failure(self, code: u16, violation: ProtocolError) -> Vec<u8> {
        self.close_frame(code, violation.close_reason())
    }
}

pub fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// A source of masking keys whose type has a name.
pub type Keys = fn() -> [u8; 4];

/// A connection of either role.
#[derive(Debug)]
pub enum Ws {
    Server(Connection<Server>),
    Client(Connection<Client<Keys>>),
    /// Received from by its half, so that nobody replies.
    ManualServer(Connection<Server>),
    ManualClient(Connection<Client<Keys>>),
}

/// Output of a connection that a test can look at.
pub trait Output {
    /// Lets the call write to an outbox.
    fn through_outbox<T>(&mut self, call: impl FnOnce(&mut Outbox) -> T) -> T;
}

impl Output for Outbox {
    fn through_outbox<T>(&mut self, call: impl FnOnce(&mut Outbox) -> T) -> T {
        call(self)
    }
}

/// The bytes wait elsewhere, and the outbox is told how many they are.
impl Output for Vec<u8> {
    fn through_outbox<T>(&mut self, call: impl FnOnce(&mut Outbox) -> T) -> T {
        let mut outbox = Outbox::new();
        outbox.set_elsewhere(self.len());
        let result = call(&mut outbox);
        self.extend(outbox.take());
        result
    }
}

/// As [`Output::through_outbox`].
pub fn through_outbox<T>(out: &mut impl Output, call: impl FnOnce(&mut Outbox) -> T) -> T {
    out.through_outbox(call)
}

/// Lets the call have the halves of a connection, which are joined again.
fn in_halves<R: hybi::Role, T>(
    ws: &mut Connection<R>,
    spare: Connection<R>,
    call: impl FnOnce(&mut Reader<R>, &mut Writer<R>) -> T,
) -> T {
    let (mut reader, mut writer) = mem::replace(ws, spare).split();
    let result = call(&mut reader, &mut writer);
    *ws = Connection::join(reader, writer);
    result
}

macro_rules! both {
    ($self:ident, $ws:ident => $call:expr) => {
        match $self {
            Ws::Server($ws) | Ws::ManualServer($ws) => $call,
            Ws::Client($ws) | Ws::ManualClient($ws) => $call,
        }
    };
}

macro_rules! halves {
    ($self:ident, $reader:ident, $writer:ident => $call:expr) => {
        match $self {
            Ws::Server(ws) | Ws::ManualServer(ws) => {
                in_halves(ws, Connection::server(Config::default()), |$reader, $writer| $call)
            }
            Ws::Client(ws) | Ws::ManualClient(ws) => {
                let spare = Connection::client_with_keys(Config::default(), (|| KEY) as Keys);
                in_halves(ws, spare, |$reader, $writer| $call)
            }
        }
    };
}

impl Ws {
    pub fn side(&self) -> Side {
        match self {
            Self::Server(_) | Self::ManualServer(_) => Side::Server,
            Self::Client(_) | Self::ManualClient(_) => Side::Client,
        }
    }

    fn is_manual(&self) -> bool {
        matches!(self, Self::ManualServer(_) | Self::ManualClient(_))
    }

    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(
        self,
        agreed: &hybi::extension::deflate::Agreed,
        config: &hybi::extension::deflate::DeflateConfig,
    ) -> Self {
        match self {
            Self::Server(ws) => Self::Server(ws.with_deflate(agreed, config)),
            Self::Client(ws) => Self::Client(ws.with_deflate(agreed, config)),
            Self::ManualServer(ws) => Self::ManualServer(ws.with_deflate(agreed, config)),
            Self::ManualClient(ws) => Self::ManualClient(ws.with_deflate(agreed, config)),
        }
    }

    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, compression: hybi::extension::deflate::Compression) {
        both!(self, ws => ws.writer().set_compression(compression));
    }

    pub fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut impl Output,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        if self.is_manual() {
            let event = halves!(self, reader, _writer => reader.receive(input));
            return event.inspect_err(|error| self.reply(&error.reply(), out));
        }
        through_outbox(out, |out| both!(self, ws => ws.receive(input, out)))
    }

    pub fn receive_chunk<'a>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut impl Output,
    ) -> Result<Option<ChunkEvent<'a>>, ProtocolError> {
        if self.is_manual() {
            let event = halves!(self, reader, _writer => reader.receive_chunk(input));
            return event.inspect_err(|error| self.reply(&error.reply(), out));
        }
        through_outbox(out, |out| both!(self, ws => ws.receive_chunk(input, out)))
    }

    pub fn receive_chunk_within<'a>(
        &mut self,
        limit: u64,
        input: &mut Input<'a>,
        out: &mut impl Output,
    ) -> Result<Option<ChunkEvent<'a>>, ProtocolError> {
        if self.is_manual() {
            let event = halves!(self, reader, _writer => reader.receive_chunk_within(limit, input));
            return event.inspect_err(|error| self.reply(&error.reply(), out));
        }
        through_outbox(out, |out| both!(self, ws => ws.receive_chunk_within(limit, input, out)))
    }

    pub fn message_bytes_left(&mut self) -> Option<u64> {
        both!(self, ws => ws.message_bytes_left())
    }

    pub fn end_of_input(&mut self, out: &mut impl Output) -> Result<(), EndOfInputError> {
        through_outbox(out, |out| both!(self, ws => ws.end_of_input(out)))
    }

    pub fn send<'a>(
        &mut self,
        message: impl Into<Data<'a>>,
        out: &mut impl Output,
    ) -> Result<(), UsageError> {
        through_outbox(out, |out| both!(self, ws => ws.send(message, out)))
    }

    pub fn send_owned(
        &mut self,
        message: impl Into<Message>,
        out: &mut impl Output,
    ) -> Result<(), UsageError> {
        through_outbox(out, |out| both!(self, ws => ws.send_owned(message, out)))
    }

    pub fn send_part<'a>(
        &mut self,
        part: impl Into<Data<'a>>,
        out: &mut impl Output,
    ) -> Result<(), UsageError> {
        through_outbox(out, |out| both!(self, ws => ws.send_part(part, out)))
    }

    pub fn send_last_part<'a>(
        &mut self,
        part: impl Into<Data<'a>>,
        out: &mut impl Output,
    ) -> Result<(), UsageError> {
        through_outbox(out, |out| both!(self, ws => ws.send_last_part(part, out)))
    }

    pub fn send_prepared(
        &mut self,
        message: &Prepared,
        out: &mut impl Output,
    ) -> Result<(), UsageError> {
        through_outbox(out, |out| both!(self, ws => ws.send_prepared(message, out)))
    }

    pub fn may_send_message(&mut self) -> Result<(), UsageError> {
        both!(self, ws => ws.writer().may_send_message())
    }

    pub fn ping(&mut self, payload: &[u8], out: &mut impl Output) -> Result<(), UsageError> {
        through_outbox(out, |out| both!(self, ws => ws.ping(payload, out)))
    }

    pub fn pong(&mut self, payload: &[u8], out: &mut impl Output) -> Result<(), UsageError> {
        through_outbox(out, |out| both!(self, ws => ws.writer().pong(payload, out)))
    }

    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        out: &mut impl Output,
    ) -> Result<(), UsageError> {
        through_outbox(out, |out| both!(self, ws => ws.close(code, reason, out)))
    }

    pub fn close_without_code(&mut self, out: &mut impl Output) -> Result<(), UsageError> {
        through_outbox(out, |out| both!(self, ws => ws.writer().close_without_code(out)))
    }

    pub fn reply(&mut self, reply: &Reply, out: &mut impl Output) {
        // A writer cannot know that the peer's Close frame has come.
        if self.ready_state() != ReadyState::Closed {
            through_outbox(out, |out| halves!(self, _reader, writer => writer.reply(reply, out)));
        }
    }

    pub fn flush_replies(&mut self, out: &mut impl Output) {
        through_outbox(out, |out| both!(self, ws => ws.writer().flush_replies(out)));
    }

    pub fn ready_state(&self) -> ReadyState {
        both!(self, ws => ws.ready_state())
    }

    pub fn transport(&self) -> Transport {
        both!(self, ws => ws.transport())
    }

    /// Nothing can be sent any more, and trying writes nothing.
    #[track_caller]
    pub fn assert_refuses_to_send(&mut self) {
        let mut out = Vec::new();
        let refused = Err(UsageError::Closed);
        assert_eq!(self.may_send_message(), refused);
        assert_eq!(self.send("text", &mut out), refused);
        assert_eq!(self.send(b"binary", &mut out), refused);
        assert_eq!(self.send_part("part", &mut out), refused);
        assert_eq!(self.send_last_part("part", &mut out), refused);
        assert_eq!(self.send_prepared(&Prepared::new("prepared"), &mut out), refused);
        assert_eq!(self.ping(b"", &mut out), refused);
        assert_eq!(self.pong(b"", &mut out), refused);
        assert_eq!(self.close(CloseCode::NORMAL, "", &mut out), refused);
        assert_eq!(self.close_without_code(&mut out), refused);
        assert_eq!(self.send_owned("owned", &mut out), refused);
        assert_eq!(Hex(&out), Hex(&[]));
    }
}

/// All that came of feeding a stream of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub items: Vec<Item>,
    pub error: Option<ProtocolError>,
    pub out: HexVec,
}

/// An event, without regard to how it was borrowed, and chunks without regard to where they were cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Event(Event<'static>),
    /// Chunks of one message with nothing in between, joined.
    Chunks {
        text: bool,
        data: HexVec,
        first: bool,
        last: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Messages,
    Chunks,
    /// In chunks, with this limit for each message.
    Within(u64),
}

impl Run {
    /// Feeds the pieces. Checks what holds for every stream: all input is consumed, and nothing comes out behind
    /// a violation.
    #[track_caller]
    pub fn of<'a>(ws: &mut Ws, mode: Mode, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut run = Self::default();
        for piece in pieces {
            run.feed(ws, mode, piece);
        }
        run
    }

    #[track_caller]
    pub fn feed(&mut self, ws: &mut Ws, mode: Mode, piece: &[u8]) {
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        let mut without_progress = 0;
        loop {
            let before = (input.len(), self.items.len(), self.out.0.len());
            let data_before = self.last_chunks_len();
            let more = match mode {
                Mode::Messages => ws.receive(&mut input, &mut self.out.0).map(|event| {
                    event.map(|event| self.items.push(Item::Event(event.into_owned())))
                }),
                Mode::Chunks => ws
                    .receive_chunk(&mut input, &mut self.out.0)
                    .map(|event| event.map(|event| self.note(event))),
                Mode::Within(limit) => ws
                    .receive_chunk_within(limit, &mut input, &mut self.out.0)
                    .map(|event| event.map(|event| self.note(event))),
            };
            match more {
                Ok(Some(())) => {
                    assert!(self.error.is_none(), "an event behind a violation: {self:?}");
                    // A held-back first chunk or an empty message may come without reading; twice may not. Decompressed
                    // data may, too, but not endlessly.
                    let progress = input.len() != before.0 || self.last_chunks_len() > data_before;
                    without_progress = if progress { 0 } else { without_progress + 1 };
                    assert!(without_progress < 3, "events without input: {self:?}");
                }
                Ok(None) => {
                    assert!(input.is_empty(), "not all input was read");
                    if self.error.is_some() {
                        let now = (input.len(), self.items.len(), self.out.0.len());
                        assert_eq!(
                            (now.1, now.2),
                            (before.1, before.2),
                            "something came behind a violation"
                        );
                    }
                    break;
                }
                Err(violation) => {
                    assert_eq!(self.error, None, "a second violation");
                    self.error = Some(violation);
                }
            }
        }
    }

    /// Feeds each piece as a caller does who has messages put together in his buffer, of frames up to so many bytes.
    #[track_caller]
    pub fn in_place<'a>(ws: &mut Ws, pieces: impl IntoIterator<Item = (&'a [u8], usize)>) -> Self {
        let (mut run, mut inbox) = (Self::default(), Vec::new());
        for (piece, max) in pieces {
            inbox.extend_from_slice(piece);
            let mut input = Input::new(&mut inbox).in_place_up_to(max);
            loop {
                match ws.receive(&mut input, &mut run.out.0) {
                    Ok(Some(event)) => {
                        assert!(run.error.is_none(), "an event behind a violation: {run:?}");
                        run.items.push(Item::Event(event.into_owned()));
                    }
                    Ok(None) => break,
                    Err(violation) => {
                        assert_eq!(run.error.replace(violation), None, "a second violation")
                    }
                }
            }
            let left = input.len();
            assert!(left == 0 || left < max, "{left} bytes were left in place, of at most {max}");
            inbox.drain(..inbox.len() - left);
        }
        run
    }

    /// How many bytes the chunks have that came last.
    fn last_chunks_len(&self) -> usize {
        match self.items.last() {
            Some(Item::Chunks { data, .. }) => data.0.len(),
            _ => 0,
        }
    }

    fn note(&mut self, event: ChunkEvent<'_>) {
        let Chunk { data, first, last } = match event {
            ChunkEvent::Chunk(chunk) => chunk,
            ChunkEvent::Control(event) => return self.items.push(Item::Event(event.into_owned())),
            _ => panic!("an unknown event"),
        };
        let (is_text, bytes) = match data {
            ChunkData::Text(text) => (true, text.into_owned().into_bytes()),
            ChunkData::Binary(bytes) => (false, bytes.into_owned()),
        };
        assert!(!bytes.is_empty() || last, "an empty chunk that says nothing");
        if let Some(Item::Chunks { text, data, last: whole, .. }) = self.items.last_mut()
            && !*whole
            && !first
        {
            assert_eq!(is_text, *text, "a message of two kinds");
            data.0.extend(bytes);
            *whole = last;
            return;
        }
        self.items.push(Item::Chunks { text: is_text, data: HexVec(bytes), first, last });
    }

    pub fn events(&self) -> Vec<Event<'static>> {
        let event = |item: &Item| match item {
            Item::Event(event) => event.clone(),
            Item::Chunks { .. } => panic!("chunks among events"),
        };
        self.items.iter().map(event).collect()
    }
}

/// The pieces of `wire` between these cuts, which are taken modulo its length.
pub fn pieces<'a>(wire: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (wire.len() + 1)).collect();
    cuts.sort_unstable();
    let mut from = 0;
    let mut pieces = Vec::new();
    for cut in cuts {
        pieces.push(&wire[from..cut]);
        from = cut;
    }
    pieces.push(&wire[from..]);
    pieces
}

/// Feeds `wire` whole, byte by byte, in halves at every border (of a short one) and at `cuts`, messages also in place: it is
/// all the same.
/// Returns what it was.
#[track_caller]
pub fn run_every_way(side: Side, config: Config, mode: Mode, wire: &[u8], cuts: &[usize]) -> Run {
    run_fresh_every_way(&|| side.connection(config), mode, wire, cuts)
}

/// The same for connections that are made otherwise.
#[track_caller]
pub fn run_fresh_every_way(fresh: &dyn Fn() -> Ws, mode: Mode, wire: &[u8], cuts: &[usize]) -> Run {
    let side = fresh().side();
    let whole = Run::of(&mut fresh(), mode, [wire]);
    let run = |pieces: &[&[u8]]| {
        if mode == Mode::Messages {
            for max in [40, usize::MAX] {
                let run = Run::in_place(&mut fresh(), pieces.iter().map(|piece| (*piece, max)));
                assert_eq!(run, whole, "{side:?}, in place up to {max}: {}", Hex(wire));
            }
        }
        Run::of(&mut fresh(), mode, pieces.iter().copied())
    };
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(run(&bytes), whole, "{side:?}, byte by byte: {}", Hex(wire));
    assert_eq!(run(&pieces(wire, cuts)), whole, "{side:?}, cut at {cuts:?}: {}", Hex(wire));
    if wire.len() <= 300 && cuts.is_empty() {
        for cut in 1..wire.len() {
            let (front, back) = wire.split_at(cut);
            assert_eq!(run(&[front, back]), whole, "{side:?}, cut at {cut}: {}", Hex(wire));
        }
    }
    whole
}

/// The length of the shortest prefix of `wire` that is a violation, fed byte by byte.
pub fn fails_at(side: Side, config: Config, wire: &[u8]) -> Option<usize> {
    let mut ws = side.connection(config);
    let mut run = Run::default();
    for (at, byte) in wire.chunks(1).enumerate() {
        run.feed(&mut ws, Mode::Messages, byte);
        if run.error.is_some() {
            return Some(at + 1);
        }
    }
    None
}

pub fn text(text: &str) -> Event<'static> {
    Event::Text(text.to_owned().into())
}

pub fn binary(data: &[u8]) -> Event<'static> {
    Event::Binary(data.to_vec().into())
}

pub fn ping(payload: &[u8]) -> Event<'static> {
    Event::Ping(payload.to_vec().into())
}

pub fn pong(payload: &[u8]) -> Event<'static> {
    Event::Pong(payload.to_vec().into())
}

pub fn closed(code: u16, reason: &str) -> Event<'static> {
    let code = CloseCode::new(code).unwrap();
    Event::Close(Some(hybi::frame::CloseReason { code, reason: reason.to_owned().into() }))
}

/// Bytes that a failing assertion prints in hex, a long run shortened.
#[derive(PartialEq, Eq)]
pub struct Hex<'a>(pub &'a [u8]);

#[derive(Clone, Default, PartialEq, Eq)]
pub struct HexVec(pub Vec<u8>);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().take(200) {
            write!(f, "{byte:02x} ")?;
        }
        write!(f, "({} bytes)", self.0.len())
    }
}

impl fmt::Debug for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for HexVec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}
