//! One connection, from its opening handshake to its end: the loop of docs/guide.md.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::task::Poll;
use std::time::Duration;

use hybi::connection::{Prepared, ReadyState, Transport};
use hybi::handshake::HeadLimits;
use hybi::keepalive::{Keepalive, KeepaliveConfig};
use hybi::{CloseCode, Connection, Event, Inbox, Outbox, Server, ServerHandshake};
use mio::net::TcpStream;

use crate::chat::News;
use crate::door::{Answer, App, Door};

const READS_PER_TURN: usize = 16;
/// How long the opening handshake may take, and then the end after a response that is not 101.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// A chat user with more unsent bytes is too slow and is dropped.
pub(crate) const CHAT_BACKLOG_MAX: usize = 1 << 20;

pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
    pub(crate) inbox: Inbox,
    pub(crate) out: Outbox,
    pub(crate) stage: Stage,
    /// True if a read may find something. Cleared when one would block.
    pub(crate) readable: bool,
    /// When to take the next turn at the latest.
    pub(crate) wake: Option<Duration>,
    shut_down: bool,
    too_slow: bool,
}

pub(crate) enum Stage {
    /// The bytes read so far are kept in `head` for a new process, which reads them again.
    Opening {
        handshake: ServerHandshake,
        head: Vec<u8>,
        since: Duration,
    },
    Open(Box<Open>),
    /// Had a response that is not 101. What it still sends is discarded.
    Answered {
        since: Duration,
    },
}

pub(crate) struct Open {
    pub(crate) ws: Connection<Server>,
    pub(crate) keepalive: Keepalive,
    pub(crate) app: App,
    failed: bool,
}

/// The parts of the server that a turn needs.
pub(crate) struct Around<'a> {
    pub(crate) now: Duration,
    pub(crate) door: &'a Door,
    /// Set if the connection is to move to a new process as soon as it can.
    pub(crate) moving: bool,
    /// The news for the chat.
    pub(crate) news: &'a mut Vec<News>,
}

impl Peer {
    /// A client that has just connected.
    pub(crate) fn new(socket: TcpStream, now: Duration) -> Self {
        Self::at(Stage::opening(now), socket)
    }

    pub(crate) fn at(stage: Stage, socket: TcpStream) -> Self {
        Self {
            socket,
            inbox: Inbox::new(),
            out: Outbox::new(),
            stage,
            readable: true,
            wake: None,
            shut_down: false,
            too_slow: false,
        }
    }

    /// Reads, answers and writes as far as the socket allows. Drop the peer after `Ready`.
    pub(crate) fn turn(&mut self, around: &mut Around<'_>) -> Poll<()> {
        // Whatever the error is: the socket is of no use any more.
        let turn = self.try_turn(around).unwrap_or(Poll::Ready(()));
        self.inbox.shrink();
        self.out.shrink_to(0);
        turn
    }

    fn try_turn(
        &mut self,
        around: &mut Around<'_>,
    ) -> Result<Poll<()>, Box<dyn std::error::Error>> {
        for _ in 0..READS_PER_TURN {
            self.stage.work(&mut self.inbox, &mut self.out, around);
            let written = self.write()?;
            self.wake = self.stage.wake(around.now, &mut self.out)?;
            if written && !self.out.is_empty() {
                continue; // a ping, or a pong that was held back
            }
            if written && self.is_over() && !self.shut_down {
                self.shut_down = true; // then reads to the end, or a deadline
                self.socket.shutdown(Shutdown::Write)?;
            }
            if self.too_slow {
                return Ok(Poll::Ready(()));
            }
            if !self.readable || !self.may_read(written, around.moving) {
                return Ok(Poll::Pending);
            }
            match unless_blocked(|| self.socket.read(self.inbox.room()))? {
                None => self.readable = false,
                Some(0) => return Ok(Poll::Ready(())),
                Some(n) => {
                    self.inbox.filled(n);
                    self.stage.heard(around.now);
                }
            }
        }
        self.wake = Some(around.now); // after the other connections
        Ok(Poll::Pending)
    }

    /// Returns whether to read on. Echoes wait until the client has taken those before.
    fn may_read(&self, written: bool, moving: bool) -> bool {
        match &self.stage {
            Stage::Open(open) if moving && open.can_move_now() => false,
            Stage::Open(open) if open.app == App::Chat => true,
            _ => written,
        }
    }

    fn is_over(&self) -> bool {
        match &self.stage {
            Stage::Opening { .. } => false,
            Stage::Open(open) => open.failed || open.ws.transport() != Transport::Keep,
            Stage::Answered { .. } => true,
        }
    }

    /// Returns whether the socket has taken everything.
    fn write(&mut self) -> io::Result<bool> {
        while !self.out.is_empty() {
            if unless_blocked(|| self.out.write_to(&mut self.socket))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether it is in the chat.
    pub(crate) fn is_in_chat(&self) -> bool {
        matches!(&self.stage, Stage::Open(open) if open.app == App::Chat)
    }

    /// Queues a message of the chat.
    pub(crate) fn say(&mut self, message: &Prepared) {
        let Stage::Open(open) = &mut self.stage else { return };
        // An error means that it is closing.
        let _ = open.ws.send_prepared(message, &mut self.out);
        self.too_slow |= self.out.backlog() > CHAT_BACKLOG_MAX;
    }

    /// Begins to close: a WebSocket with 1001, a request with no answer at all.
    pub(crate) fn go_away(&mut self, why: &str, now: Duration) {
        match &mut self.stage {
            Stage::Opening { .. } => self.stage = Stage::Answered { since: now },
            // An error means that it is closing already.
            Stage::Open(open) => {
                let _ = open.ws.close(CloseCode::GOING_AWAY, why, &mut self.out);
            }
            Stage::Answered { .. } => {}
        }
    }
}

impl Stage {
    pub(crate) fn opening(since: Duration) -> Self {
        let handshake = ServerHandshake::new(HeadLimits::default());
        Self::Opening { handshake, head: Vec::new(), since }
    }

    /// Handles what has been read.
    fn work(&mut self, inbox: &mut Inbox, out: &mut Outbox, around: &mut Around<'_>) {
        if let Self::Opening { handshake, head, .. } = self {
            head.extend_from_slice(inbox.unread());
            match around.door.answer(handshake, &mut inbox.input(), out) {
                None => return,
                Some(Answer::Other) => *self = Self::Answered { since: around.now },
                Some(Answer::Accepted(ws, app)) => {
                    let keepalive = Keepalive::new(KeepaliveConfig::default(), around.now);
                    *self = Self::Open(Box::new(Open::new(ws, keepalive, app)));
                    if app == App::Chat {
                        around.news.push(News::Joined);
                    }
                }
            }
        }
        match self {
            Self::Open(open) => open.work(inbox, out, around),
            _ => inbox.clear(),
        }
    }

    fn heard(&mut self, now: Duration) {
        if let Self::Open(open) = self {
            open.keepalive.heard(now);
        }
    }

    /// Returns when to take the next turn. An error is a deadline that has passed.
    fn wake(&mut self, now: Duration, out: &mut Outbox) -> Result<Option<Duration>, io::Error> {
        match self {
            Self::Open(open) => {
                open.keepalive.poll(now, &mut open.ws, out).map_err(io::Error::other)
            }
            Self::Opening { since, .. } | Self::Answered { since } => {
                let deadline = *since + HANDSHAKE_WITHIN;
                if now >= deadline { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(deadline)) }
            }
        }
    }
}

impl Open {
    pub(crate) fn new(ws: Connection<Server>, keepalive: Keepalive, app: App) -> Self {
        Self { ws, keepalive, app, failed: false }
    }

    /// Returns whether it is worth moving: whether it is not about to end.
    pub(crate) fn is_open(&self) -> bool {
        !self.failed && self.ws.ready_state() == ReadyState::Open
    }

    /// Returns whether it can move now: not while it receives a compressed message.
    fn can_move_now(&self) -> bool {
        self.is_open() && self.ws.export(&mut Vec::new()).is_ok()
    }

    fn work(&mut self, inbox: &mut Inbox, out: &mut Outbox, around: &mut Around<'_>) {
        if !self.failed && self.receive(inbox, out, around).is_err() {
            self.failed = true; // the Close frame that says why is in the output
        }
    }

    fn receive(
        &mut self,
        inbox: &mut Inbox,
        out: &mut Outbox,
        around: &mut Around<'_>,
    ) -> Result<(), hybi::Error> {
        let mut input = inbox.input();
        // Once the connection can move, the remaining input is for the new process.
        while !(around.moving && self.can_move_now())
            && let Some(event) = self.ws.receive(&mut input, out)?
        {
            match (event, self.app) {
                // Our own Close frame was the last to be said.
                _ if self.ws.ready_state() != ReadyState::Open => {}
                (Event::Text(text), App::Echo) => self.ws.send(&text, out)?,
                (Event::Binary(data), App::Echo) => self.ws.send(&data, out)?,
                (Event::Text(text), App::Chat) => {
                    around.news.push(News::Said(text.into_owned()));
                }
                (Event::Binary(_), App::Chat) => {
                    let why = "this is a chat: text only";
                    self.ws.close(CloseCode::UNSUPPORTED_DATA, why, out)?;
                }
                _ => {} // replies to pings and Close frames are already in the output
            }
        }
        Ok(())
    }
}

fn unless_blocked(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            result => return result.map(Some),
        }
    }
}
