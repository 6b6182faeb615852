//! What the example servers share: an accept loop with a bound, connections with numbers, sending
//! that never waits, and an orderly end.
//!
//! Two threads serve a connection. One reads, and runs the program's code: [`Session`]. The other
//! writes what is in the connection's queue. So sending to a [`Peer`], or to a thousand of them,
//! only puts references to an encoded message into their queues. A queue is bounded in bytes. A
//! client that lets its queue overflow, or takes nothing for too long, is dropped with 1013, and
//! nobody else notices.
#![allow(dead_code, reason = "not every program needs all of it")]

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hybi::blocking::{Closed, Error, Reader, ReadyState, Shared, WebSocket, Writer};
use hybi::connection::Prepared;
use hybi::keepalive::KeepaliveConfig;
use hybi::{CloseCode, Message, Server};

/// A socket with one file descriptor, however many handles it has.
pub(crate) type Socket = Shared<TcpStream>;

/// The bounds of a hub.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// The most connections at once, including those that have not sent a request yet.
    pub(crate) connections: usize,
    /// The most bytes in the queue of one connection. The system buffers more.
    pub(crate) queue_bytes: usize,
    /// How long a client may take to receive one message, or to send its Close frame.
    pub(crate) patience: Duration,
    /// When a silent client is pinged, and when it is dropped.
    pub(crate) keepalive: KeepaliveConfig,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 1_000,
            queue_bytes: 256 << 10,
            patience: Duration::from_secs(5),
            keepalive: KeepaliveConfig::default(),
        }
    }
}

/// All connections of a server, by their numbers.
pub(crate) struct Hub {
    bounds: Bounds,
    state: Mutex<State>,
    /// Notified when a connection has ended.
    left: Condvar,
}

#[derive(Default)]
struct State {
    /// The newest number. Numbers begin with 1 and are never used again.
    newest: u64,
    peers: BTreeMap<u64, Arc<Peer>>,
    ending: bool,
}

/// The reason why no connection has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// It has ended.
    Ended(u64),
    /// There has not been one.
    Unknown(u64),
}

impl Hub {
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, state: Mutex::default(), left: Condvar::new() })
    }

    /// Listens, prints the address, and calls `serve` for each connection in a thread of its own.
    pub(crate) fn listen(
        &self,
        address: &str,
        serve: impl Fn(Socket) + Clone + Send + 'static,
    ) -> io::Result<Infallible> {
        let listener = TcpListener::bind(address)?;
        answer(format_args!("listening at http://{0} and ws://{0}", listener.local_addr()?));
        let places = Arc::new(()); // each connection holds a reference
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // The client has left already, or no file descriptor is free until others
                    // leave. Without a pause the latter would keep us busy.
                    log(format_args!("accept: {error}"));
                    thread::sleep(Duration::from_millis(50));
                    continue;
                }
            };
            let place = Arc::clone(&places);
            if Arc::strong_count(&places) > self.bounds.connections.saturating_add(1) {
                continue; // closes the stream
            }
            let serve = serve.clone();
            // A panic ends its own thread only. Without a thread only this connection ends.
            let spawned = thread::Builder::new().name("connection".into()).spawn(move || {
                let _ = stream.set_nodelay(true); // messages are written whole
                serve(Socket::new(stream));
                drop(place);
            });
            if let Err(error) = spawned {
                log(format_args!("no thread for a connection: {error}"));
            }
        }
    }

    /// Gives an open connection a number and a queue.
    pub(crate) fn admit(
        self: &Arc<Self>,
        mut ws: WebSocket<Socket, Server>,
    ) -> io::Result<Session> {
        ws.set_keepalive(self.bounds.keepalive);
        ws.set_write_timeout(Some(self.bounds.patience))?;
        let (reader, writer) = ws.split()?;
        let peer = {
            let mut state = self.state();
            state.newest = state.newest.saturating_add(1);
            let peer = Arc::new(Peer {
                id: state.newest,
                queue_bytes_max: self.bounds.queue_bytes,
                patience: self.bounds.patience,
                queue: Mutex::default(),
                changed: Condvar::new(),
                writer,
            });
            if state.ending {
                peer.go_away(self.bounds.patience);
            }
            state.peers.insert(peer.id, Arc::clone(&peer));
            peer
        };
        let session = Session { reader, peer: Arc::clone(&peer), hub: Arc::clone(self) };
        thread::Builder::new().name(format!("writer {}", peer.id)).spawn(move || peer.write())?;
        Ok(session)
    }

    /// Returns the connection with this number.
    pub(crate) fn peer(&self, id: u64) -> Result<Arc<Peer>, Stale> {
        let state = self.state();
        match state.peers.get(&id) {
            Some(peer) => Ok(Arc::clone(peer)),
            None if (1..=state.newest).contains(&id) => Err(Stale::Ended(id)),
            None => Err(Stale::Unknown(id)),
        }
    }

    /// Returns all connections, oldest first.
    pub(crate) fn peers(&self) -> Vec<Arc<Peer>> {
        self.state().peers.values().cloned().collect()
    }

    /// Returns whether [`terminate`](Self::terminate) has been called.
    pub(crate) fn is_ending(&self) -> bool {
        self.state().ending
    }

    /// Closes every connection with 1001, waits up to `timeout` for the clients' Close frames, and
    /// drops the rest. Returns how many those were.
    pub(crate) fn terminate(&self, timeout: Duration) -> usize {
        let deadline = Instant::now().checked_add(timeout);
        let mut state = self.state();
        state.ending = true;
        if !timeout.is_zero() {
            state.peers.values().for_each(|peer| peer.go_away(timeout));
        }
        while !state.peers.is_empty() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            state = match left {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    self.left.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.left.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.peers.values().for_each(|peer| peer.writer.terminate(Duration::ZERO));
        state.peers.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reading side of a connection. Dropping it ends the connection, and its number is stale.
pub(crate) struct Session {
    reader: Reader<Socket, Server>,
    peer: Arc<Peer>,
    hub: Arc<Hub>,
}

impl Session {
    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Waits for the next message. Returns `None` once the connection is over.
    pub(crate) fn receive(&mut self) -> Result<Option<Message>, Error> {
        self.reader.receive()
    }

    /// Returns how the connection was closed, `None` while it is not over.
    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.reader.closed()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.peer.queue().gone = true;
        self.peer.changed.notify_all();
        self.hub.state().peers.remove(&self.peer.id);
        self.hub.left.notify_all();
    }
}

/// The writing side of a connection: others can send to it, and close it.
pub(crate) struct Peer {
    id: u64,
    queue_bytes_max: usize,
    patience: Duration,
    queue: Mutex<Queue>,
    changed: Condvar,
    writer: Writer<Socket, Server>,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Prepared>,
    bytes: usize,
    /// The Close frame after the messages.
    close: Option<Farewell>,
    gone: bool,
}

#[derive(Clone)]
struct Farewell {
    code: CloseCode,
    reason: String,
    /// How long to wait for the client's Close frame.
    patience: Duration,
}

impl Peer {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Returns the state of the connection.
    pub(crate) fn ready_state(&self) -> ReadyState {
        self.writer.ready_state()
    }

    /// Queues a message, without waiting. Returns `false` if the connection is closing, perhaps
    /// because the client was too slow.
    pub(crate) fn send(&self, message: &Prepared) -> bool {
        let mut queue = self.queue();
        if queue.gone || queue.close.is_some() {
            return false;
        }
        let bytes = queue.bytes.saturating_add(message.frame().len());
        let fits = bytes <= self.queue_bytes_max;
        if fits {
            queue.bytes = bytes;
            queue.messages.push_back(message.clone()); // a reference to the encoded frame
        } else {
            self.drop_slow(&mut queue);
        }
        drop(queue);
        self.changed.notify_all();
        fits
    }

    /// Closes the connection after the queued messages, without waiting. The first reason counts.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        Self::close_queue(&mut self.queue(), code, reason, self.patience);
        self.changed.notify_all();
    }

    /// Closes the connection because the server ends.
    fn go_away(&self, patience: Duration) {
        let reason = "the server is going down";
        Self::close_queue(&mut self.queue(), CloseCode::GOING_AWAY, reason, patience);
        self.changed.notify_all();
    }

    fn drop_slow(&self, queue: &mut Queue) {
        queue.messages.clear();
        queue.bytes = 0;
        log(format_args!("{} reads too slowly", self.id));
        let reason = "you read too slowly: try again later";
        Self::close_queue(queue, CloseCode::TRY_AGAIN_LATER, reason, self.patience);
    }

    fn close_queue(queue: &mut Queue, code: CloseCode, reason: &str, patience: Duration) {
        queue.close.get_or_insert_with(|| Farewell { code, reason: reason.into(), patience });
    }

    /// The writing thread.
    fn write(&self) {
        loop {
            let mut queue = self.queue();
            while queue.messages.is_empty() && queue.close.is_none() && !queue.gone {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            if queue.gone {
                return;
            }
            let Some(message) = queue.messages.pop_front() else {
                let Some(Farewell { code, reason, patience }) = queue.close.clone() else {
                    continue;
                };
                drop(queue);
                // Fails if there is nobody to say it to.
                let _ = self.writer.close(code, &reason);
                return self.writer.terminate(patience); // waits for the client's Close frame
            };
            queue.bytes = queue.bytes.saturating_sub(message.frame().len());
            drop(queue);
            if self.writer.send_prepared(&message).is_err() {
                // The connection is over, or nearly so. The reading thread finds out how.
                self.queue().gone = true;
                return;
            }
            if self.writer.unsent_bytes() > 0 {
                self.drop_slow(&mut self.queue());
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints an answer for the person at the server's terminal, if there is one.
pub(crate) fn answer(text: impl fmt::Display) {
    let mut terminal = io::stdout().lock();
    let _ = writeln!(terminal, "{text}").and_then(|()| terminal.flush());
}

/// Logs something. A log that cannot be written is no reason to stop.
pub(crate) fn log(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Describes how a connection ended, for a log.
pub(crate) fn ending(outcome: &Result<(), Error>, closed: Option<&Closed>) -> String {
    match (outcome, closed) {
        (Err(error), _) => format!("1006: {error}"),
        (Ok(()), Some(closed)) => closed.to_string(),
        (Ok(()), None) => "still open".into(),
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(id) => write!(f, "connection {id} has ended"),
            Self::Unknown(id) => write!(f, "there has been no connection {id}"),
        }
    }
}

impl std::error::Error for Stale {}
