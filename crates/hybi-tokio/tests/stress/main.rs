//! Random programs over a random stream, beside a model of what must come of it: messages in order
//! and once, a bounded backlog, nobody who could go on asleep, and an end that tells the truth.
//!
//! Each seed is one run. To repeat one: `STRESS_SEED=7 cargo test --test stress`; to run more:
//! `STRESS_RUNS=100000`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../../tests/common/counting.rs"]
mod counting;

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::*;
use counting::LIVE;
use futures_util::{SinkExt, StreamExt};
use hybi::connection::{Abnormal, Chunk, ChunkData, Closed};
use hybi::{CloseCode, Event, Message};
use hybi_tokio::{Error, Reader, WebSocket, Writer};
use tokio::runtime::Runtime;

#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Socket<R: Side> {
    Whole(WebSocket<Script, R>),
    Halves(Reader<Script, R>, Writer<Script, R>),
}

/// What a call that receives came to.
#[derive(Debug)]
enum Got {
    Message(Message),
    /// A control frame, or a part of a message.
    Other,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Room,
    Flush,
}

/// One of the two tasks. It is polled if it was woken, or for nothing.
#[derive(Default)]
struct Sleeper {
    waker: Arc<Count>,
    is_woken: bool,
}

impl Sleeper {
    fn waker(&self) -> Waker {
        Arc::clone(&self.waker).into()
    }

    fn is_woken(&mut self) -> bool {
        self.is_woken |= self.waker.take() > 0;
        self.is_woken
    }
}

/// How the input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Close,
    Violation,
    CutOff,
    Reset,
}

struct Run<R: Side> {
    random: Random,
    runtime: Runtime,
    socket: Option<Socket<R>>,
    peer: Peer,
    backlog_max: usize,
    /// What has not been delivered.
    input: Vec<u8>,
    last: Last,
    is_input_over: bool,
    has_input_failed: bool,
    /// What must be received, in order, and how much of it was.
    expected: Vec<Message>,
    received: usize,
    parts: Option<Vec<u8>>,
    /// The payloads of all pings that the peer sends.
    pings: Vec<Vec<u8>>,
    is_over: bool,
    /// What was queued.
    sent: Vec<Vec<u8>>,
    has_closed: bool,
    wire: Vec<u8>,
    has_output_failed: bool,
    /// Whether a deadline may have passed.
    time: Duration,
    reader: Sleeper,
    /// By which way it waits.
    receiving: Option<usize>,
    writer: Sleeper,
    sending: Option<Sending>,
}

fn poll<F: Future>(future: F, waker: &Waker) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

impl<R: Side> Run<R> {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (script, peer) = Script::new();
        let pick = |random: &mut Random, from: &[usize]| from[random.below(from.len())];
        peer.set_vectored(random.one_in(2))
            .set_read_max(pick(&mut random, &[1, 7, 1_000, usize::MAX]))
            .set_write_max(pick(&mut random, &[1, 7, 1_000, usize::MAX]))
            .set_buffer_max(pick(&mut random, &[0, 0, 0, 5, 5_000]))
            .stop_taking();
        if random.one_in(4) {
            peer.set_read_needs_room();
        }
        let runtime = paused();
        let entered = runtime.enter();
        let connection = R::connection(hybi::Config::default());
        let mut ws = WebSocket::new(script, connection, hybi::Inbox::new());
        let backlog_max = pick(&mut random, &[0, 10, 1_000, 64 << 10]);
        ws.set_backlog_max(backlog_max);
        drop(entered);
        let mut run = Self {
            last: [Last::Close, Last::Violation, Last::CutOff, Last::Reset][random.below(4)],
            random,
            runtime,
            socket: Some(Socket::Whole(ws)),
            peer,
            backlog_max,
            input: Vec::new(),
            is_input_over: false,
            has_input_failed: false,
            expected: Vec::new(),
            received: 0,
            parts: None,
            pings: Vec::new(),
            is_over: false,
            sent: Vec::new(),
            has_closed: false,
            wire: Vec::new(),
            has_output_failed: false,
            time: Duration::ZERO,
            reader: Sleeper::default(),
            receiving: None,
            writer: Sleeper::default(),
            sending: None,
        };
        run.write_input();
        run
    }

    fn write_input(&mut self) {
        for i in 0..self.random.below(30) {
            let mut payload = i.to_string().into_bytes();
            match self.random.below(5) {
                0 => {
                    self.input.extend(incoming::<R>(0x89, &payload));
                    self.pings.push(payload);
                    continue;
                }
                1 => {
                    self.input.extend(incoming::<R>(0x8a, &payload));
                    continue;
                }
                2 => payload.extend([b'x'; 200]),
                3 => payload.resize(40_000, b'y'),
                _ => {}
            }
            let is_text = self.random.one_in(2);
            let first = if is_text { 1 } else { 2 };
            if self.random.one_in(3) {
                let at = self.random.below(payload.len());
                self.input.extend(incoming::<R>(first, &payload[..at]));
                self.input.extend(incoming::<R>(0x80, &payload[at..]));
            } else {
                self.input.extend(incoming::<R>(0x80 | first, &payload));
            }
            self.expected.push(if is_text {
                String::from_utf8(payload).unwrap().into()
            } else {
                payload.into()
            });
        }
        match self.last {
            Last::Close => self.input.extend(incoming_close::<R>(1000, "bye")),
            Last::Violation => self.input.extend(incoming::<R>(0x83, "")),
            Last::CutOff | Last::Reset => {}
        }
    }

    /// What happens outside of the program.
    fn happen(&mut self) {
        match self.random.below(12) {
            0..4 => {
                let room = [1, 3, 100, 10_000, 100_000][self.random.below(5)];
                if !self.has_output_failed {
                    self.peer.take_more(room);
                }
            }
            4..9 => {
                let n = [1, 3, 100, 10_000, 100_000][self.random.below(5)];
                let n = n.min(self.input.len());
                if n > 0 {
                    self.peer.deliver(&self.input[..n]);
                    self.input.drain(..n);
                } else if self.random.one_in(4) {
                    self.end_input();
                }
            }
            9 if self.random.one_in(30) => {
                self.has_output_failed = true;
                self.peer.end_output(End::Error(ErrorKind::BrokenPipe));
            }
            10 => {
                let time = Duration::from_millis([1, 100, 3_000][self.random.below(3)]);
                self.time += time;
                advance(&self.runtime, time);
            }
            _ => {}
        }
    }

    fn end_input(&mut self) {
        if !self.is_input_over {
            self.is_input_over = true;
            let end = match self.last {
                Last::CutOff => End::Zero,
                Last::Reset => End::Error(ErrorKind::ConnectionReset),
                // After the last word it makes no difference to who receives.
                Last::Close | Last::Violation if self.random.one_in(2) => End::Zero,
                Last::Close | Last::Violation => End::Error(ErrorKind::UnexpectedEof),
            };
            self.has_input_failed = end != End::Zero;
            self.peer.end_input(end);
        }
    }

    fn receive(&mut self) {
        let waker = self.reader.waker();
        let way = self.receiving.unwrap_or_else(|| self.random.below(5));
        let must_be_chunk = self.parts.is_some();
        let got = match self.socket.as_mut().unwrap() {
            Socket::Whole(ws) if way == 0 || must_be_chunk => {
                chunk(poll(ws.receive_chunk(), &waker), &mut self.parts)
            }
            Socket::Halves(ws, _) if way == 0 || must_be_chunk => {
                chunk(poll(ws.receive_chunk(), &waker), &mut self.parts)
            }
            Socket::Whole(ws) if way == 1 => next(poll(ws.next(), &waker)),
            Socket::Halves(ws, _) if way == 1 => next(poll(ws.next(), &waker)),
            Socket::Whole(ws) if way == 2 => event(poll(ws.receive_event(), &waker)),
            Socket::Halves(ws, _) if way == 2 => event(poll(ws.receive_event(), &waker)),
            Socket::Whole(ws) if way == 3 => {
                event(poll(ws.receive_with(|event, _| event.into_owned()), &waker))
            }
            Socket::Whole(ws) => next(poll(ws.receive(), &waker).map(Result::transpose)),
            Socket::Halves(ws, _) => next(poll(ws.receive(), &waker).map(Result::transpose)),
        };
        self.reader.is_woken = false;
        self.receiving = got.is_none().then_some(way);
        match got {
            Some(Got::Message(message)) => {
                let want = self.expected.get(self.received);
                assert_eq!(want, Some(&message), "message {}", self.received);
                self.received += 1;
            }
            Some(Got::Over) => self.is_over = true,
            Some(Got::Other) | None => {}
        }
    }

    /// Waits for room or for a flush.
    fn wait_to_send(&mut self, sending: Sending) {
        let waker = self.writer.waker();
        let result = match (self.socket.as_mut().unwrap(), sending) {
            (Socket::Whole(ws), Sending::Room) => poll(ws.ready(), &waker),
            (Socket::Whole(ws), Sending::Flush) => poll(WebSocket::flush(ws), &waker),
            (Socket::Halves(_, ws), Sending::Room) => poll(ws.ready(), &waker),
            (Socket::Halves(_, ws), Sending::Flush) => poll(Writer::flush(ws), &waker),
        };
        self.writer.is_woken = false;
        self.sending = result.is_pending().then_some(sending);
        match result {
            Poll::Ready(Ok(())) if sending == Sending::Room => self.queue(),
            Poll::Ready(Ok(())) => assert_eq!(self.unsent(), 0, "it was flushed"),
            Poll::Ready(Err(Error::Usage(error))) => assert!(self.has_closed, "{error:?}"),
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
    }

    /// There is room.
    fn queue(&mut self) {
        let mut payload = self.sent.len().to_string().into_bytes();
        payload.resize([5, 5, 300, 20_000][self.random.below(4)], b'z');
        let (way, waker) = (self.random.below(3), self.writer.waker());
        let result = match (self.socket.as_mut().unwrap(), way) {
            (Socket::Whole(ws), 0) => poll(WebSocket::feed(ws, &payload[..]), &waker),
            (Socket::Whole(ws), 1) => poll(WebSocket::send(ws, &payload[..]), &waker),
            (Socket::Whole(ws), _) => poll(SinkExt::feed(ws, payload.clone().into()), &waker),
            (Socket::Halves(_, ws), 0) => poll(Writer::feed(ws, &payload[..]), &waker),
            (Socket::Halves(_, ws), 1) => poll(Writer::send(ws, &payload[..]), &waker),
            (Socket::Halves(_, ws), _) => poll(SinkExt::feed(ws, payload.clone().into()), &waker),
        };
        match way {
            1 => self.sending = result.is_pending().then_some(Sending::Flush),
            _ => assert!(matches!(result, Poll::Ready(Ok(()))), "there was room: {result:?}"),
        }
        self.sent.push(payload);
        // Whoever feeds and does not flush leaves that to calls to come.
        self.reader.is_woken = true;
    }

    fn close(&mut self) {
        let waker = self.writer.waker();
        self.has_closed = true;
        self.sending = None;
        let result = match self.socket.as_mut().unwrap() {
            Socket::Whole(ws) => poll(WebSocket::close(ws, CloseCode::NORMAL, ""), &waker),
            Socket::Halves(_, ws) => poll(Writer::close(ws, CloseCode::NORMAL, ""), &waker),
        };
        if result.is_pending() {
            self.sending = Some(Sending::Flush);
        }
    }

    fn change_shape(&mut self) {
        (self.receiving, self.sending) = (None, None);
        self.socket = Some(match self.socket.take().unwrap() {
            Socket::Whole(ws) => {
                let (reader, writer) = ws.split();
                Socket::Halves(reader, writer)
            }
            Socket::Halves(reader, writer) => Socket::Whole(reader.reunite(writer).unwrap()),
        });
    }

    fn unsent(&self) -> usize {
        match self.socket.as_ref().unwrap() {
            Socket::Whole(ws) => ws.unsent_bytes(),
            Socket::Halves(_, ws) => ws.unsent_bytes(),
        }
    }

    fn closed(&self) -> Option<Closed> {
        match self.socket.as_ref().unwrap() {
            Socket::Whole(ws) => ws.closed().cloned(),
            Socket::Halves(ws, _) => ws.closed(),
        }
    }

    /// What the program does.
    fn act(&mut self) {
        let is_whole = matches!(self.socket, Some(Socket::Whole(_)));
        let for_nothing = self.random.one_in(20);
        match self.random.below(20) {
            0 if self.random.one_in(3) => self.change_shape(),
            1 if self.random.one_in(20) => self.close(),
            // Drops a future.
            2 => self.receiving = None,
            3 => self.sending = None,
            4..10 if self.receiving.is_none() => {
                if is_whole {
                    self.sending = None;
                }
                self.receive();
            }
            4..12 if self.receiving.is_some() && (self.reader.is_woken() || for_nothing) => {
                self.receive()
            }
            12..16 if self.sending.is_none() => {
                if is_whole {
                    self.receiving = None;
                }
                let is_flush = self.random.one_in(3);
                self.wait_to_send(if is_flush { Sending::Flush } else { Sending::Room });
            }
            12..20 if self.writer.is_woken() || for_nothing => {
                if let Some(sending) = self.sending {
                    self.wait_to_send(sending);
                }
            }
            _ => {}
        }
    }

    /// Nobody who is asleep could go on.
    fn check_sleepers(&mut self) {
        if self.receiving.is_some() && !self.reader.is_woken() {
            let before = (self.peer.written_len(), self.peer.unread_len());
            self.receive();
            assert!(self.receiving.is_some(), "who receives was not woken");
            let after = (self.peer.written_len(), self.peer.unread_len());
            assert_eq!(before, after, "who receives was not woken, and had work");
        }
        // It may read ahead now what it did not before, as more of that has been received, and so
        // learn of a failure.
        if let Some(sending) = self.sending.filter(|_| !self.writer.is_woken()) {
            let before = self.peer.written_len();
            self.wait_to_send(sending);
            assert!(self.sending.is_some() || self.has_input_failed, "who sends was not woken");
            assert_eq!(self.peer.written_len(), before, "who sends was not woken, and had work");
        }
    }

    fn check_bounds(&self) {
        // A message and the pongs that the core queues.
        let most = self.backlog_max + 20_014 + (64 << 10) + 133 + 8 * self.sent.len();
        assert!(self.unsent() <= most, "{} unsent", self.unsent());
    }

    /// What was written so far are whole frames, in order and once. Returns how many messages.
    fn check_wire(&mut self) -> usize {
        self.wire.extend(self.peer.take_written());
        let (mut wire, mut messages, mut pings, mut closes) = (self.wire.clone(), 0, 0, 0);
        for (first, payload) in take_frames(&mut wire) {
            // RFC 6455 §5.5.2: until the peer's Close frame comes, pings are answered.
            assert!(closes == 0 || first == 0x8a, "{first:#x} after the Close frame");
            match first {
                0x82 => {
                    assert!(self.sent.get(messages) == Some(&payload), "message {messages}");
                    messages += 1;
                }
                0x8a => {
                    let found = self.pings[pings..].iter().position(|ping| *ping == payload);
                    pings += found.expect("a pong that answers a ping, in order") + 1;
                }
                0x89 => {}
                0x88 => closes += 1,
                _ => panic!("a frame that starts with {first:#x}"),
            }
        }
        messages
    }

    /// Delivers and takes everything, and lets the program receive to the end.
    fn finish(&mut self) {
        let input = std::mem::take(&mut self.input);
        self.peer.deliver(input);
        self.peer.set_read_max(1_000).set_write_max(1_000);
        self.end_input();
        if !self.has_output_failed {
            self.peer.take_more(usize::MAX);
        }
        let mut rounds = 0;
        while !self.is_over {
            if self.receiving.is_some() && !self.reader.is_woken() {
                // Only time can help.
                self.check_sleepers();
                advance(&self.runtime, Duration::from_secs(1));
                self.time += Duration::from_secs(1);
            } else {
                self.receive();
            }
            rounds += 1;
            assert!(rounds < 100_000, "it does not come to an end");
        }
    }

    fn run(&mut self) {
        let handle = self.runtime.handle().clone();
        let _entered = handle.enter();
        for _ in 0..self.random.below(400) {
            if self.random.one_in(3) {
                self.happen()
            } else {
                self.act()
            }
            self.check_bounds();
            if self.random.one_in(8) {
                self.check_sleepers();
            }
        }
        let before = self.time;
        self.finish();
        let closed = self.closed().expect("it is over");
        let (messages, is_all_received) = (self.check_wire(), self.received == self.expected.len());
        let is_late = matches!(closed, Closed::Abnormal(Abnormal::TimedOut(_)));
        // It waits for no deadline if nobody makes it.
        let most = if self.has_output_failed { 61 } else { 1 };
        assert!(self.time - before <= Duration::from_secs(most), "{:?}", self.time - before);
        if is_late {
            assert!(self.time >= Duration::from_secs(10), "late after {:?}", self.time);
            return;
        }
        match (self.last, &closed) {
            (Last::Close, closed) => assert_eq!(*closed, clean(1000, "bye")),
            (Last::Violation, Closed::Abnormal(Abnormal::Protocol(_))) => {}
            (Last::CutOff, Closed::Abnormal(Abnormal::CutOff(_))) => {}
            (Last::Reset, Closed::Abnormal(Abnormal::Transport)) => {}
            (last, closed) => panic!("{closed:?} after {last:?}"),
        }
        assert!(is_all_received, "{} of {}", self.received, self.expected.len());
        // Closing has a deadline for what is unsent, too.
        let has_failed = self.has_output_failed || self.has_input_failed;
        if !has_failed && self.time < Duration::from_secs(10) {
            assert_eq!(messages, self.sent.len(), "messages that were written");
        }
        assert_eq!(self.unsent(), 0);
        drop(self.socket.take());
        assert!(self.peer.is_dropped());
    }
}

fn next(next: Poll<Option<Result<Message, Error>>>) -> Option<Got> {
    Some(match next {
        Poll::Pending => return None,
        Poll::Ready(Some(Ok(message))) => Got::Message(message),
        Poll::Ready(Some(Err(Error::Usage(error)))) => panic!("{error:?}"),
        Poll::Ready(_) => Got::Over,
    })
}

fn event(event: Poll<Result<Option<Event<'static>>, Error>>) -> Option<Got> {
    Some(match event {
        Poll::Pending => return None,
        Poll::Ready(Ok(Some(event))) => event.into_message().map_or(Got::Other, Got::Message),
        Poll::Ready(Err(Error::Usage(error))) => panic!("{error:?}"),
        Poll::Ready(_) => Got::Over,
    })
}

fn chunk(
    chunk: Poll<Result<Option<Chunk<'static>>, Error>>,
    parts: &mut Option<Vec<u8>>,
) -> Option<Got> {
    let Chunk { data, first, last, .. } = match chunk {
        Poll::Pending => return None,
        Poll::Ready(Ok(Some(chunk))) => chunk,
        Poll::Ready(Err(Error::Usage(error))) => panic!("{error:?}"),
        Poll::Ready(_) => return Some(Got::Over),
    };
    assert_eq!(first, parts.is_none());
    let (is_text, bytes) = match &data {
        ChunkData::Text(text) => (true, text.as_bytes()),
        ChunkData::Binary(bytes) => (false, &bytes[..]),
    };
    parts.get_or_insert_default().extend(bytes);
    if !last {
        return Some(Got::Other);
    }
    let whole = parts.take().unwrap_or_default();
    Some(Got::Message(if is_text {
        String::from_utf8(whole).unwrap().into()
    } else {
        whole.into()
    }))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

fn check<R: Side>() {
    let seeds = match number("STRESS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STRESS_RUNS").unwrap_or(300),
    };
    let live = LIVE.get();
    for seed in seeds {
        let run = || Run::<R>::new(seed).run();
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("STRESS_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
    // The buffers of the thread stay: an `Inbox` keeps 128 KiB, and for output there are 64 KiB.
    let kept = LIVE.get() - live;
    assert!(kept <= 194 << 10, "{kept} bytes are left");
}

#[test]
fn random_programs_of_a_server_match_the_model() {
    check::<Server>();
}

#[test]
fn random_programs_of_a_client_match_the_model() {
    check::<KnownClient>();
}
