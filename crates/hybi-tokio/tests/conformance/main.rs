//! The 517 cases of the Autobahn testsuite through a [`WebSocket`] in memory, in both roles and by
//! every way to receive and send. Futures are dropped after each number of polls, and the bytes
//! that were written must be the same.

#[path = "../common/mod.rs"]
mod common;
mod handshake;

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use common::{KnownClient, Peer, Script, Server, Side, paused};
use futures_util::{SinkExt, StreamExt};
use hybi::connection::{Chunk, ChunkData, ReadyState};
use hybi::{Config, Connection, Event, Inbox, Message};
use hybi_conform::memory::{Endpoint, Implementation, Transport, run};
use hybi_conform::{Group, Role, Size, Verdict, cases};
use hybi_tokio::{Error, Reader, WebSocket, Writer};

/// How the program receives and sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Messages,
    Lent,
    Halves,
    StreamAndSink,
    Chunks,
}

/// How the cases are run.
#[derive(Clone, Copy, Debug)]
struct Plan {
    way: Way,
    /// After how many polls a future is dropped.
    polls: usize,
    /// Whether the stream takes little at once. It takes more after each poll that waits.
    is_narrow: bool,
    is_vectored: bool,
}

struct Tokio {
    plan: Plan,
    /// All that was written.
    wire: Rc<RefCell<Vec<u8>>>,
}

impl Tokio {
    fn endpoint<R: Side>(&self, connection: Connection<R>) -> Box<dyn Endpoint> {
        let (script, peer) = Script::new();
        peer.set_vectored(self.plan.is_vectored);
        if self.plan.is_narrow {
            peer.stop_taking();
        }
        let ws = WebSocket::new(script, connection, Inbox::new());
        let program = match self.plan.way {
            Way::Halves => {
                let (reader, writer) = ws.split();
                Program::Halves(reader, writer)
            }
            _ => Program::Whole(ws),
        };
        let (plan, wire) = (self.plan, Rc::clone(&self.wire));
        Box::new(Echo { program, gate: Gate { peer, plan, step: 0 }, wire, is_over: false })
    }
}

impl Implementation for Tokio {
    fn open(&self, role: Role) -> Box<dyn Endpoint> {
        match role {
            Role::Server => self.endpoint(Server::connection(Config::default())),
            Role::Client => self.endpoint(KnownClient::connection(Config::default())),
        }
    }

    #[cfg(feature = "deflate")]
    fn open_server(&self, offer: &str) -> Option<(Box<dyn Endpoint>, String)> {
        use hybi::extension::{Offers, deflate};
        let config = deflate::DeflateConfig::default().compress_from(0);
        let agreed = deflate::respond(&config, Offers::new(offer.as_bytes()).flatten())?;
        let connection = Server::connection(Config::default()).with_deflate(&agreed, &config);
        Some((self.endpoint(connection), agreed.to_string()))
    }

    #[cfg(feature = "deflate")]
    fn open_client(&self, answer: &dyn Fn(&str) -> String) -> Option<Box<dyn Endpoint>> {
        use hybi::extension::{Offers, deflate};
        let config = deflate::DeflateConfig::default().compress_from(0);
        let answer = answer(&deflate::offer(&config));
        let element = Offers::new(answer.as_bytes()).next()?.ok()?;
        let agreed = deflate::conclude(&config, &element).ok()?;
        let connection = KnownClient::connection(Config::default());
        Some(self.endpoint(connection.with_deflate(&agreed, &config)))
    }
}

/// A program that sends every message back.
struct Echo<R: Side> {
    program: Program<R>,
    gate: Gate,
    wire: Rc<RefCell<Vec<u8>>>,
    is_over: bool,
}

#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Program<R: Side> {
    Whole(WebSocket<Script, R>),
    Halves(Reader<Script, R>, Writer<Script, R>),
}

/// What happens between two polls.
struct Gate {
    peer: Peer,
    plan: Plan,
    /// How much is taken at once.
    step: usize,
}

impl Gate {
    /// Polls a future as often as planned, and lets something happen in between. `None`: it waits,
    /// and was dropped.
    fn poll<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        for i in 0..self.plan.polls {
            match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(value) => return Some(value),
                Poll::Pending if self.peer.has_writer() => self.peer.take_more(self.step + i * i),
                Poll::Pending => break,
            }
        }
        None
    }

    /// Polls new futures until one is ready.
    fn finish<W, T>(&self, ws: &mut W, call: impl AsyncFn(&mut W) -> T) -> T {
        loop {
            if let Some(value) = self.poll(call(ws)) {
                return value;
            }
        }
    }
}

impl<R: Side> Echo<R> {
    fn unsent_bytes(&self) -> usize {
        match &self.program {
            Program::Whole(ws) => ws.unsent_bytes(),
            Program::Halves(_, writer) => writer.unsent_bytes(),
        }
    }

    /// Receives and sends one message. `None`: it waits.
    fn echo(&mut self) -> Option<Result<bool, Error>> {
        let gate = &self.gate;
        match (&mut self.program, gate.plan.way) {
            (Program::Halves(reader, writer), _) => {
                let message = match gate.poll(reader.receive())? {
                    Ok(Some(message)) => message,
                    other => return Some(other.map(|message| message.is_some())),
                };
                gate.finish(writer, async |writer| writer.ready().await).unwrap();
                gate.poll(writer.send_owned(message));
            }
            (Program::Whole(ws), Way::StreamAndSink) => {
                let message = match gate.poll(ws.next())? {
                    Some(Ok(message)) => message,
                    Some(Err(error)) => return Some(Err(error)),
                    None => return Some(Ok(false)),
                };
                gate.finish(ws, async |ws| ws.ready().await).unwrap();
                gate.poll(SinkExt::send(ws, message));
            }
            (Program::Whole(ws), Way::Lent) => {
                let echo = |event: Event<'_>, out: &mut hybi_tokio::Outgoing<'_, R>| match event {
                    Event::Text(text) => out.feed(&*text),
                    Event::Binary(data) => out.feed(&*data),
                    _ => Ok(()),
                };
                return Some(match gate.poll(ws.receive_with(echo))? {
                    Ok(Some(echoed)) => echoed.map(|()| true),
                    Ok(None) => Ok(false),
                    Err(error) => Err(error),
                });
            }
            (Program::Whole(ws), Way::Chunks) => {
                let Chunk { data, last, .. } = match gate.poll(ws.receive_chunk())? {
                    Ok(Some(chunk)) => chunk,
                    other => return Some(other.map(|chunk| chunk.is_some())),
                };
                gate.finish(ws, async |ws| ws.ready().await).unwrap();
                match (&data, last) {
                    (ChunkData::Text(text), false) => drop(gate.poll(ws.send_part(&**text))),
                    (ChunkData::Text(text), true) => drop(gate.poll(ws.send_last_part(&**text))),
                    (ChunkData::Binary(data), false) => drop(gate.poll(ws.send_part(&**data))),
                    (ChunkData::Binary(data), true) => drop(gate.poll(ws.send_last_part(&**data))),
                }
            }
            (Program::Whole(ws), _) => {
                let message: Message = match gate.poll(ws.receive())? {
                    Ok(Some(message)) => message,
                    other => return Some(other.map(|message| message.is_some())),
                };
                gate.finish(ws, async |ws| ws.ready().await).unwrap();
                gate.poll(ws.send(&message));
            }
        }
        Some(Ok(true))
    }
}

impl<R: Side> Endpoint for Echo<R> {
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) {
        self.gate.step = (bytes.len() / 8).max(3);
        self.gate.peer.deliver(&bytes);
        while !self.is_over {
            match self.echo() {
                Some(Ok(true)) => {}
                Some(Ok(false) | Err(_)) => self.is_over = true,
                None => {
                    if self.unsent_bytes() == 0 && self.gate.peer.unread_len() == 0 {
                        break;
                    }
                    self.gate.peer.take_more(self.gate.step);
                }
            }
            self.gate.step = self.gate.step.max(self.unsent_bytes() / 20);
        }
        let written = self.gate.peer.take_written();
        self.wire.borrow_mut().extend(&written);
        out.extend(written);
    }

    fn transport(&self) -> Transport {
        let state = match &self.program {
            Program::Whole(ws) => ws.ready_state(),
            Program::Halves(reader, _) => reader.ready_state(),
        };
        match state {
            _ if self.gate.peer.is_shut_down() => Transport::Closed,
            ReadyState::Closing if !R::IS_SERVER => Transport::Awaits,
            _ => Transport::Open,
        }
    }
}

/// Every case of a category is `OK` in both roles, and gives the same bytes by every way.
#[track_caller]
fn check(category: u8) {
    let runtime = paused();
    let _entered = runtime.enter();
    let plan = |way, polls, is_narrow, is_vectored| Plan { way, polls, is_narrow, is_vectored };
    let few = [
        plan(Way::Messages, usize::MAX, false, true),
        plan(Way::Messages, 1, true, false),
        plan(Way::Lent, usize::MAX, false, false),
        plan(Way::Halves, 2, true, true),
        plan(Way::StreamAndSink, usize::MAX, true, true),
        plan(Way::Chunks, 1, true, false),
    ];
    let mut all = few.to_vec();
    for polls in [2, 3, 4, usize::MAX] {
        all.push(plan(Way::Messages, polls, true, polls % 2 == 0));
    }
    for way in [Way::Lent, Way::Halves, Way::StreamAndSink, Way::Chunks] {
        all.extend([1, 2, 3].map(|polls| plan(way, polls, true, polls == 1)));
    }
    let mut failures = Vec::new();
    let cases = cases(Group::Autobahn, Size::Reduced);
    for case in cases.filter(|case| case.category() == Some(category)) {
        for role in Role::BOTH {
            // The large cases, and the third way to cut a small one, are not worth all of them.
            let is_large = matches!(category, 9 | 12 | 13);
            let ways = case.ways().into_iter().take(if is_large { 1 } else { usize::MAX });
            for (i, pieces) in ways.enumerate() {
                let mut want: Option<Vec<u8>> = None;
                for plan in if is_large || i > 1 { &few[..] } else { &all } {
                    let wire = Rc::default();
                    let outcome =
                        run(&Tokio { plan: *plan, wire: Rc::clone(&wire) }, role, &case, pieces);
                    let what = format!("{} as {role:?}, {pieces:?}, {plan:?}", case.id());
                    if outcome.strict != Verdict::Ok {
                        failures.push(format!("{what}: {outcome}"));
                    }
                    // In chunks, messages leave in the fragments in which they came.
                    if plan.way != Way::Chunks {
                        let wire = wire.take();
                        if *want.get_or_insert_with(|| wire.clone()) != wire {
                            failures.push(format!("{what}: other bytes"));
                        }
                    }
                }
            }
        }
    }
    let count = failures.len();
    failures.truncate(20);
    assert!(failures.is_empty(), "{count} failures, such as:\n{}", failures.join("\n"));
}

#[test]
fn autobahn_1_framing() {
    check(1);
}

#[test]
fn autobahn_2_pings() {
    check(2);
}

#[test]
fn autobahn_3_reserved_bits() {
    check(3);
}

#[test]
fn autobahn_4_opcodes() {
    check(4);
}

#[test]
fn autobahn_5_fragmentation() {
    check(5);
}

#[test]
fn autobahn_6_utf8() {
    check(6);
}

#[test]
fn autobahn_7_closing() {
    check(7);
}

#[test]
fn autobahn_9_limits() {
    check(9);
}

#[test]
fn autobahn_10_automatic_fragmentation() {
    check(10);
}

#[cfg(feature = "deflate")]
#[test]
fn autobahn_12_compression_of_different_payloads() {
    check(12);
}

#[cfg(feature = "deflate")]
#[test]
fn autobahn_13_compression_with_different_parameters() {
    check(13);
}
