//! A loop over `mio`, as docs/guide.md shows it for a connection: one thread, edge-triggered, with
//! one timer for each connection, which is not moved before it goes off. An idle connection has no
//! buffers. Bare sockets are in the same loop, and are written to without hybi.

use super::{Broadcast, Result};
use hybi::connection::{Prepared, Transport};
use hybi::keepalive::{Keepalive, KeepaliveConfig};
use hybi::{Config, Connection, Event, Inbox, Outbox};
use hybi_bench_shared::load::ANSWER;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const LISTENER: Token = Token(usize::MAX);
const ORDERS: Token = Token(usize::MAX - 1);

type Buffers = Box<(Inbox, Outbox)>;
type Order = (Prepared, usize);

pub fn start(listener: std::net::TcpListener, keepalive: KeepaliveConfig) -> Result<Broadcast> {
    start_loop(listener, Some(keepalive))
}

pub fn start_bare(listener: std::net::TcpListener, _: KeepaliveConfig) -> Result<Broadcast> {
    start_loop(listener, None)
}

fn start_loop(
    listener: std::net::TcpListener,
    keepalive: Option<KeepaliveConfig>,
) -> Result<Broadcast> {
    let poll = Poll::new()?;
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let waker = Waker::new(poll.registry(), ORDERS)?;
    let (order, orders) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let all = Loop {
        poll,
        listener,
        keepalive,
        peers: Vec::new(),
        free: Vec::new(),
        timers: BinaryHeap::new(),
        spare: None,
        start: Instant::now(),
        orders,
        done,
    };
    thread::spawn(move || {
        if let Err(error) = all.run() {
            eprintln!("the loop has ended: {error}");
        }
    });
    Ok(Box::new(move |message, times| {
        order.send((message.clone(), times))?;
        waker.wake()?;
        Ok(is_done.recv()?)
    }))
}

struct Loop {
    poll: Poll,
    listener: TcpListener,
    /// `None`: bare sockets.
    keepalive: Option<KeepaliveConfig>,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    timers: BinaryHeap<Reverse<(Duration, usize)>>,
    spare: Option<Buffers>,
    start: Instant,
    orders: mpsc::Receiver<Order>,
    done: mpsc::Sender<()>,
}

struct Peer {
    socket: TcpStream,
    /// Until a short read has emptied the socket.
    readable: bool,
    stage: Stage,
}

enum Stage {
    /// The part of the request that has arrived.
    Opening(Vec<u8>),
    Bare,
    Open(Box<Open>),
}

struct Open {
    ws: Connection<hybi::Server>,
    keepalive: Keepalive,
    wake: Option<Duration>,
    /// The timer that is set.
    armed: Option<Duration>,
    /// While they hold bytes.
    kept: Option<Buffers>,
}

impl Loop {
    fn run(mut self) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut due = Vec::new();
        loop {
            let next = self.timers.peek().map(|Reverse((at, _))| *at);
            let timeout = next.map(|at| at.saturating_sub(self.start.elapsed()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            let now = self.start.elapsed();
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    ORDERS => {
                        while let Ok((message, times)) = self.orders.try_recv() {
                            self.broadcast(&message, times);
                            self.done.send(())?;
                        }
                    }
                    Token(at) => {
                        self.ready(at, event.is_readable() || event.is_read_closed(), now);
                    }
                }
            }
            while let Some(&Reverse((wake, at))) = self.timers.peek()
                && wake <= now
            {
                self.timers.pop();
                due.push((wake, at));
            }
            for (wake, at) in due.drain(..) {
                let open = self.peers.get_mut(at).and_then(Option::as_mut).and_then(Peer::open);
                let Some(open) = open.filter(|open| open.armed == Some(wake)) else { continue };
                open.armed = open.wake.filter(|wake| *wake > now);
                match open.armed {
                    Some(wake) => self.timers.push(Reverse((wake, at))), // it has spoken since
                    None => self.ready(at, false, now),
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            let at = self.free.pop().unwrap_or_else(|| {
                self.peers.push(None);
                self.peers.len() - 1
            });
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut socket, Token(at), interest)?;
            let stage = Stage::Opening(Vec::new());
            self.peers[at] = Some(Peer { socket, readable: false, stage });
        }
    }

    fn ready(&mut self, at: usize, readable: bool, now: Duration) {
        let Some(peer) = self.peers.get_mut(at).and_then(Option::as_mut) else { return };
        peer.readable |= readable;
        let goes_on = peer.ready(now, self.keepalive, &mut self.spare);
        if !goes_on.unwrap_or(false) {
            self.peers[at] = None;
            self.free.push(at);
        } else if let Some(open) = peer.open()
            && let Some(wake) = open.wake
            && open.armed.is_none_or(|armed| wake < armed)
        {
            open.armed = Some(wake);
            self.timers.push(Reverse((wake, at)));
        }
    }

    fn broadcast(&mut self, message: &Prepared, times: usize) {
        for _ in 0..times {
            for peer in self.peers.iter_mut().flatten() {
                // A failure shows when the socket is next read from.
                let _ = peer.send(message, &mut self.spare);
            }
        }
    }
}

impl Peer {
    fn open(&mut self) -> Option<&mut Open> {
        match &mut self.stage {
            Stage::Open(open) => Some(open),
            Stage::Opening(_) | Stage::Bare => None,
        }
    }

    fn send(&mut self, message: &Prepared, spare: &mut Option<Buffers>) -> Result<()> {
        match &mut self.stage {
            Stage::Opening(_) => {}
            // The load would miss what does not fit.
            Stage::Bare => drop(self.socket.write(message.frame())?),
            Stage::Open(open) => open.with_buffers(spare, |open, _, out| {
                open.ws.send_prepared(message, out)?;
                write(&self.socket, out)?;
                Result::Ok(())
            })?,
        }
        Ok(())
    }

    /// Returns whether the connection goes on.
    fn ready(
        &mut self,
        now: Duration,
        keepalive: Option<KeepaliveConfig>,
        spare: &mut Option<Buffers>,
    ) -> Result<bool> {
        let Self { socket, readable, stage } = self;
        match stage {
            Stage::Open(open) => open.with_buffers(spare, |open, inbox, out| {
                open.turn(socket, readable, now, inbox, out)
            }),
            Stage::Bare => Ok(!matches!(unless_blocked(socket.read(&mut [0; 512]))?, Some(0))),
            Stage::Opening(head) => {
                let mut piece = [0; 1024];
                match unless_blocked(socket.read(&mut piece))? {
                    None => return Ok(true),
                    Some(0) => return Ok(false),
                    Some(n) => head.extend_from_slice(&piece[..n]),
                }
                if head.ends_with(b"\r\n\r\n") {
                    socket.write_all(ANSWER)?;
                    *stage = keepalive.map_or(Stage::Bare, |config| {
                        Stage::Open(Box::new(Open::new(config, now)))
                    });
                    return self.ready(now, keepalive, spare);
                }
                Ok(true)
            }
        }
    }
}

impl Open {
    fn new(config: KeepaliveConfig, now: Duration) -> Self {
        Self {
            ws: Connection::server(Config::default()),
            keepalive: Keepalive::new(config, now),
            wake: None,
            armed: None,
            kept: None,
        }
    }

    /// Lends the connection its buffers, or those of the thread.
    fn with_buffers<T>(
        &mut self,
        spare: &mut Option<Buffers>,
        call: impl FnOnce(&mut Self, &mut Inbox, &mut Outbox) -> T,
    ) -> T {
        let mut buffers = self.kept.take().or_else(|| spare.take()).unwrap_or_default();
        let (inbox, out) = &mut *buffers;
        let result = call(self, inbox, out);
        let place = if inbox.is_empty() && out.is_empty() { spare } else { &mut self.kept };
        *place = Some(buffers);
        result
    }

    /// Returns whether the connection goes on, once the socket is empty, or full.
    fn turn(
        &mut self,
        socket: &mut TcpStream,
        readable: &mut bool,
        now: Duration,
        inbox: &mut Inbox,
        out: &mut Outbox,
    ) -> Result<bool> {
        loop {
            let written = write(socket, out)?;
            self.wake = self.keepalive.poll(now, &mut self.ws, out)?;
            if written && !out.is_empty() {
                continue; // a ping
            }
            if self.ws.transport() != Transport::Keep {
                return Ok(false);
            }
            if !written || !*readable {
                return Ok(true);
            }
            let room = inbox.room();
            let len = room.len();
            match unless_blocked(socket.read(room))? {
                None => *readable = false,
                Some(0) => return Ok(false),
                Some(n) => {
                    *readable = n == len;
                    inbox.filled(n);
                    self.keepalive.heard(now);
                    self.echo(inbox, out)?;
                }
            }
        }
    }

    fn echo(&mut self, inbox: &mut Inbox, out: &mut Outbox) -> Result<()> {
        let mut input = inbox.input();
        while let Some(event) = self.ws.receive(&mut input, out)? {
            match event {
                Event::Text(text) => self.ws.send(&text, out)?,
                Event::Binary(data) => self.ws.send(&data, out)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Returns whether the socket has taken everything.
fn write(mut socket: &TcpStream, out: &mut Outbox) -> io::Result<bool> {
    while !out.is_empty() {
        if unless_blocked(out.write_to(&mut socket))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}
