//! An end that is hybi-tokio, and its random program.

use std::mem;

use futures_util::{SinkExt, StreamExt};
use hybi::connection::{Chunk, ChunkData, Closed, Data, Prepared};
use hybi::keepalive::KeepaliveConfig;
use hybi::{CloseCode, Event, Message, Role, UsageError};
use hybi_tokio::{Error, Reader, WebSocket, Writer};
use tokio::select;
use tokio::task::JoinHandle;

use crate::common::Random;
use crate::messages::{Got, Log, NUMBER_LEN, Sent, UNASKED, check_pong, random_len};
use crate::plan::{FOREVER, Io, Leaving, Report, pause, within, within_or_ever};

/// Runs the program of one end.
pub(crate) async fn run<S: Io, R: Role + Unpin + Send + 'static>(
    mut ws: WebSocket<S, R>,
    mut random: Random,
    leaving: Leaving,
) -> Report {
    ws.set_linger(FOREVER);
    let pings = random.one_in(4).then_some(FOREVER / 30_000); // 10 ms
    ws.set_keepalive(
        KeepaliveConfig::default().ping_after(pings).pong_within(None).close_within(FOREVER),
    );
    ws.set_backlog_max([0, 100, 5_000, 64 << 10][random.below(4)]);
    let mut end = End {
        sending: Sending::new(random.next()),
        receiving: Receiving::new(random.next()),
        random,
    };
    for _ in 0..end.random.below(25) {
        if end.receiving.is_over {
            break;
        }
        ws = end.act(ws).await;
    }
    let closed = end.leave(ws, leaving).await;
    let Sending { log, io_failures, .. } = end.sending;
    Report { sent: log.sent, got: end.receiving.got, closed, io_failures }
}

struct End {
    random: Random,
    sending: Sending,
    receiving: Receiving,
}

/// The whole connection or its half.
enum Source<'a, S, R: Role> {
    Whole(&'a mut WebSocket<S, R>),
    Half(&'a mut Reader<S, R>),
}

/// The whole connection or its half.
enum Target<'a, S, R> {
    Whole(&'a mut WebSocket<S, R>),
    Half(&'a mut Writer<S, R>),
}

impl End {
    /// Does one thing.
    async fn act<S: Io, R: Role + Unpin + Send + 'static>(
        &mut self,
        mut ws: WebSocket<S, R>,
    ) -> WebSocket<S, R> {
        let polls = self.polls();
        match self.random.below(20) {
            0..7 => {
                let _ = self.sending.send(&mut Target::Whole(&mut ws), Some(polls)).await;
            }
            7 => self.send_in_parts(&mut ws).await,
            8..14 => {
                within(polls, self.receiving.receive(&mut Source::Whole(&mut ws))).await;
            }
            14 if self.receiving.chunks.is_none() => self.answer(&mut ws, polls).await,
            15 => {
                let _ = within(polls, WebSocket::flush(&mut ws)).await;
            }
            16 => {
                let payload = self.sending.ping();
                let _ = within(polls, ws.ping(payload.as_bytes())).await;
            }
            17 => {
                let _ = within(polls, ws.pong(UNASKED)).await;
            }
            14 | 18 => pause(self.random.below(200)).await,
            _ => {
                let (mut reader, writer) = ws.split();
                let count = self.random.below(6);
                let writing = self.write(writer, count, None);
                let writer = self.read_until(&mut reader, writing).await;
                ws = reader.reunite(writer).unwrap();
            }
        }
        ws
    }

    /// How often to poll before something is dropped.
    fn polls(&mut self) -> usize {
        match self.random.below(4) {
            0 => 0,
            1 => self.random.below(4),
            _ => self.random.below(60),
        }
    }

    /// Receives something, and answers it with a message.
    async fn answer<S: Io, R: Role + Unpin>(&mut self, ws: &mut WebSocket<S, R>, polls: usize) {
        let (message, sent) = self.sending.message();
        let answer = ws.receive_with(|event, out| (event.into_owned(), out.feed(&message).is_ok()));
        let Some(answered) = within(polls, answer).await else { return };
        if matches!(answered, Ok(Some((_, true)))) {
            self.sending.log.note(sent, true);
        }
        self.receiving.take_event(answered.map(|answered| answered.map(|(event, _)| event)));
    }

    /// Sends a message in parts. Receives while there is no room.
    async fn send_in_parts<S: Io, R: Role + Unpin>(&mut self, ws: &mut WebSocket<S, R>) {
        let (message, sent) = self.sending.message();
        let parts = parts(&message, &mut self.random);
        for (i, part) in parts.iter().enumerate() {
            let polls = self.polls();
            loop {
                match within(polls, ws.ready()).await {
                    Some(Ok(())) => break,
                    Some(Err(error)) => return self.sending.check(&error),
                    None => {
                        let mut source = Source::Whole(ws);
                        within(polls, self.receiving.receive(&mut source)).await;
                        pause(1).await;
                    }
                }
            }
            // There is room, so the first poll queues it.
            let is_last = i + 1 == parts.len();
            let result = if is_last {
                within(polls, ws.send_last_part(*part)).await
            } else {
                within(polls, ws.send_part(*part)).await
            };
            if is_last {
                self.sending.log.note(sent, !matches!(result, Some(Err(_))));
            }
            if let Some(Err(error)) = result {
                return self.sending.check(&error);
            }
        }
    }

    /// Starts a task that sends so many messages, and then perhaps closes.
    fn write<S: Io, R: Role + Unpin + Send + 'static>(
        &mut self,
        mut writer: Writer<S, R>,
        count: usize,
        close: Option<u16>,
    ) -> JoinHandle<(Sending, Writer<S, R>)> {
        let mut sending = mem::replace(&mut self.sending, Sending::new(0));
        tokio::spawn(async move {
            for _ in 0..count {
                let polls = sending.random.one_in(3).then(|| sending.random.below(20));
                if sending.send(&mut Target::Half(&mut writer), polls).await.is_err() {
                    break;
                }
            }
            if let Some(code) = close {
                let close = Writer::close(&mut writer, CloseCode::new(code).unwrap(), "");
                match sending.random.one_in(2) {
                    true => drop(within(sending.random.below(4), close).await),
                    false => drop(close.await),
                }
            }
            (sending, writer)
        })
    }

    /// Receives until the other task is done.
    async fn read_until<S: Io, R: Role + Unpin>(
        &mut self,
        reader: &mut Reader<S, R>,
        mut writing: JoinHandle<(Sending, Writer<S, R>)>,
    ) -> Writer<S, R> {
        let mut source = Source::Half(reader);
        let (sending, writer) = loop {
            let is_over = self.receiving.is_over;
            select! {
                done = &mut writing => break done.unwrap(),
                () = self.receiving.receive(&mut source), if !is_over => {}
            }
        };
        self.sending = sending;
        writer
    }

    /// Leaves, and returns how the connection was closed.
    async fn leave<S: Io, R: Role + Unpin + Send + 'static>(
        &mut self,
        mut ws: WebSocket<S, R>,
        leaving: Leaving,
    ) -> Option<Closed> {
        if leaving == Leaving::Reset {
            ws.stream().make_drop_reset();
        }
        if self.random.one_in(2) {
            return self.leave_in_halves(ws, leaving).await;
        }
        match leaving {
            Leaving::Reset | Leaving::Drop => return None,
            Leaving::Terminate => return Some(ws.terminate(FOREVER).await),
            Leaving::Close(code) => {
                let polls = self.random.one_in(2).then(|| self.random.below(20));
                let close = WebSocket::close(&mut ws, CloseCode::new(code).unwrap(), "");
                drop(within_or_ever(polls, close).await);
            }
            Leaving::Wait => {}
        }
        while !self.receiving.is_over {
            self.receiving.receive(&mut Source::Whole(&mut ws)).await;
        }
        ws.closed().cloned()
    }

    async fn leave_in_halves<S: Io, R: Role + Unpin + Send + 'static>(
        &mut self,
        ws: WebSocket<S, R>,
        leaving: Leaving,
    ) -> Option<Closed> {
        let (mut reader, writer) = ws.split();
        let is_orderly = leaving.is_orderly();
        let count = if is_orderly { self.random.below(6) } else { 1_000 };
        let close = if let Leaving::Close(code) = leaving { Some(code) } else { None };
        let writing = self.write(writer, count, close);
        let closed = match leaving {
            Leaving::Terminate => Some(reader.terminate(FOREVER).await),
            Leaving::Reset | Leaving::Drop => {
                pause(self.random.below(60)).await;
                drop(reader);
                None
            }
            Leaving::Close(_) | Leaving::Wait => {
                while !self.receiving.is_over {
                    self.receiving.receive(&mut Source::Half(&mut reader)).await;
                }
                reader.closed()
            }
        };
        // Whoever waits to write must learn that it is over.
        let (sending, writer) = writing.await.unwrap();
        self.sending = sending;
        let end = writer.closed().unwrap();
        if let Some(closed) = &closed {
            assert_eq!(end, *closed, "the halves disagree");
        }
        closed
    }
}

/// Sends, and keeps account of it.
struct Sending {
    random: Random,
    log: Log,
    pings: usize,
    io_failures: usize,
}

impl Sending {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), log: Log::default(), pings: 0, io_failures: 0 }
    }

    fn message(&mut self) -> (Message, Sent) {
        let (is_text, len) = (self.random.one_in(2), random_len(&mut self.random));
        self.log.message(is_text, len)
    }

    fn ping(&mut self) -> String {
        self.pings += 1;
        format!("ping {}", self.pings)
    }

    /// Sends a message in some way. If it waits after so many polls, drops the future. Fails if
    /// nothing can be sent any more.
    async fn send<S: Io, R: Role + Unpin>(
        &mut self,
        to: &mut Target<'_, S, R>,
        polls: Option<usize>,
    ) -> Result<(), ()> {
        let (message, sent) = self.message();
        let is_whole = matches!(to, Target::Whole(_));
        // A dropped call to `send` has certainly queued its message if there was room. A reply of
        // the other half may have taken the room since.
        let is_certain = is_whole || polls.is_none();
        let way = self.random.below(8);
        if way < 3 || (sent.len < NUMBER_LEN && !is_certain) {
            let fed = within_or_ever(polls, to.feed(message, way)).await;
            if matches!(fed, Some(Ok(()))) {
                self.log.note(sent, true);
            }
            return self.outcome(fed);
        }
        if is_whole {
            let ready = within_or_ever(polls, to.ready()).await;
            if !matches!(ready, Some(Ok(()))) {
                return self.outcome(ready);
            }
        }
        let parts = match way {
            7 if polls.is_none() => parts(&message, &mut self.random),
            _ => Vec::new(),
        };
        let result = within_or_ever(polls, to.send(&message, &parts, way)).await;
        self.log.note(sent, result.as_ref().map_or(is_certain, Result::is_ok));
        self.outcome(result)
    }

    fn outcome(&mut self, result: Option<Result<(), Error>>) -> Result<(), ()> {
        match result {
            Some(Err(error)) => {
                self.check(&error);
                Err(())
            }
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// The peer breaks no rule, and neither do we.
    fn check(&mut self, error: &Error) {
        match error {
            Error::Io(_) => self.io_failures += 1,
            Error::Closed(_) | Error::Usage(UsageError::Closed) => {}
            error => panic!("{error}"),
        }
    }
}

impl<S: Io, R: Role + Unpin> Target<'_, S, R> {
    async fn ready(&mut self) -> Result<(), Error> {
        match self {
            Self::Whole(ws) => ws.ready().await,
            Self::Half(ws) => ws.ready().await,
        }
    }

    async fn feed(&mut self, message: Message, way: usize) -> Result<(), Error> {
        match self {
            Self::Whole(ws) if way == 0 => SinkExt::feed(*ws, message).await,
            Self::Half(ws) if way == 0 => SinkExt::feed(*ws, message).await,
            Self::Whole(ws) => WebSocket::feed(ws, &message).await,
            Self::Half(ws) => Writer::feed(ws, &message).await,
        }
    }

    async fn send(
        &mut self,
        message: &Message,
        parts: &[Data<'_>],
        way: usize,
    ) -> Result<(), Error> {
        match (self, way, parts) {
            (Self::Half(ws), _, [parts @ .., last]) => {
                for part in parts {
                    ws.send_part(*part).await?;
                }
                ws.send_last_part(*last).await
            }
            (Self::Whole(ws), 3, _) => ws.send_prepared(&Prepared::new(message)).await,
            (Self::Half(ws), 3, _) => ws.send_prepared(&Prepared::new(message)).await,
            (Self::Whole(ws), 4, _) => ws.send_owned(message.clone()).await,
            (Self::Half(ws), 4, _) => ws.send_owned(message.clone()).await,
            (Self::Whole(ws), 5, _) => SinkExt::send(*ws, message.clone()).await,
            (Self::Half(ws), 5, _) => SinkExt::send(*ws, message.clone()).await,
            (Self::Whole(ws), ..) => WebSocket::send(ws, message).await,
            (Self::Half(ws), ..) => Writer::send(ws, message).await,
        }
    }
}

/// Splits a message into one to four parts.
fn parts<'a>(message: &'a Message, random: &mut Random) -> Vec<Data<'a>> {
    let (mut parts, count) = (Vec::new(), random.below(4));
    let mut at = 0;
    let mut next = |len: usize| {
        let mut to = at + random.below(len - at + 1);
        if let Message::Text(text) = message {
            while !text.is_char_boundary(to) {
                to += 1;
            }
        }
        (std::mem::replace(&mut at, to), to)
    };
    let len = message.as_bytes().len();
    let mut borders = (0..count).map(|_| next(len)).collect::<Vec<_>>();
    borders.push((borders.last().map_or(0, |border| border.1), len));
    for (from, to) in borders {
        parts.push(match message {
            Message::Text(text) => Data::from(&text[from..to]),
            Message::Binary(bytes) => Data::from(&bytes[from..to]),
        });
    }
    parts
}

/// Receives, and keeps account of it.
struct Receiving {
    random: Random,
    got: Vec<Got>,
    /// The bytes received so far of a message in chunks.
    chunks: Option<Vec<u8>>,
    /// The ping that the last pong has answered.
    last_pong: usize,
    is_over: bool,
}

impl Receiving {
    fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        Self { random, got: Vec::new(), chunks: None, last_pong: 0, is_over: false }
    }

    /// Receives something in some way. The future may be dropped.
    async fn receive<S: Io, R: Role + Unpin>(&mut self, from: &mut Source<'_, S, R>) {
        let way = if self.chunks.is_some() { 0 } else { self.random.below(4) };
        let message = match (from, way) {
            (Source::Whole(ws), 0) => return self.take_chunk(ws.receive_chunk().await),
            (Source::Half(ws), 0) => return self.take_chunk(ws.receive_chunk().await),
            (Source::Whole(ws), 1) => return self.take_event(ws.receive_event().await),
            (Source::Half(ws), 1) => return self.take_event(ws.receive_event().await),
            (Source::Whole(ws), 2) => ws.next().await.transpose(),
            (Source::Half(ws), 2) => ws.next().await.transpose(),
            (Source::Whole(ws), _) => ws.receive().await,
            (Source::Half(ws), _) => ws.receive().await,
        };
        if let Some(message) = self.unless_over(message) {
            let is_text = matches!(message, Message::Text(_));
            self.got.push(Got::check(is_text, message.as_bytes()));
        }
    }

    fn unless_over<T>(&mut self, received: Result<Option<T>, Error>) -> Option<T> {
        match received {
            Ok(Some(received)) => return Some(received),
            Ok(None) | Err(Error::Io(_)) => self.is_over = true,
            Err(error) => panic!("{error}"),
        }
        None
    }

    fn take_event(&mut self, event: Result<Option<Event<'_>>, Error>) {
        let Some(event) = self.unless_over(event) else { return };
        match event {
            Event::Text(text) => self.got.push(Got::check(true, text.as_bytes())),
            Event::Binary(data) => self.got.push(Got::check(false, &data)),
            Event::Pong(payload) => check_pong(&payload, &mut self.last_pong),
            Event::Ping(_) | Event::Close(_) => {}
            event => panic!("{event:?}"),
        }
    }

    fn take_chunk(&mut self, received: Result<Option<Chunk<'_>>, Error>) {
        let Some(Chunk { data, first, last, .. }) = self.unless_over(received) else { return };
        assert_eq!(first, self.chunks.is_none());
        let (is_text, part) = match &data {
            ChunkData::Text(text) => (true, text.as_bytes()),
            ChunkData::Binary(part) => (false, &part[..]),
        };
        self.chunks.get_or_insert_default().extend(part);
        if last {
            let whole = self.chunks.take().unwrap_or_default();
            self.got.push(Got::check(is_text, &whole));
        }
    }
}
