//! What the servers among the examples share: an accept loop with a bound, connections that have numbers, sending that
//! nobody waits for, and an orderly end.
//!
//! Two threads serve a connection. One reads, and is the program's: [`Session`]. The other writes what is in the
//! connection's queue. So whoever sends to a [`Peer`], or to a thousand of them, only puts a reference to an encoded message
//! into their queues and goes on. A queue is bounded in bytes; who lets his overflow, or takes nothing for too long, is
//! told 1013 and dropped, and nobody else notices.
#![allow(dead_code, reason = "not every program needs all of it")]

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hybi::blocking::{Closed, Error, Incoming, Reader, ReadyState, Shared, WebSocket, Writer};
use hybi::connection::{KeepaliveConfig, Prepared};
use hybi::{CloseCode, Server};

/// One descriptor for a connection.
pub(crate) type Socket = Shared<TcpStream>;

/// What a hub bounds.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// The most connections at once, those included that have not said yet what they want.
    pub(crate) connections: usize,
    /// The most bytes in the queue of one connection, beside what the system buffers.
    pub(crate) queue_bytes: usize,
    /// How long a client may take for one message, for its Close frame when it is dropped, and so on.
    pub(crate) patience: Duration,
    /// When a silent client is pinged, and when it is given up.
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
    /// Somebody has gone.
    left: Condvar,
}

#[derive(Default)]
struct State {
    /// The newest number; they begin with 1 and are never used again.
    newest: u64,
    peers: BTreeMap<u64, Arc<Peer>>,
    ending: bool,
}

/// Why there is no connection with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// There was one.
    Ended(u64),
    /// There has not been one yet.
    Unknown(u64),
}

impl Hub {
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, state: Mutex::default(), left: Condvar::new() })
    }

    /// Listens and calls `serve` for each connection, in a thread of its own. Says on standard output where.
    pub(crate) fn listen(
        &self,
        address: &str,
        serve: impl Fn(Socket) + Clone + Send + 'static,
    ) -> io::Result<Infallible> {
        let listener = TcpListener::bind(address)?;
        answer(format_args!("listening at http://{0} and ws://{0}", listener.local_addr()?));
        let taken = Arc::new(AtomicUsize::new(0));
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // The client has gone already, or we have no descriptors left. The latter passes when connections
                    // end, and meanwhile would keep us busy.
                    log(format_args!("accept: {error}"));
                    thread::sleep(Duration::from_millis(50));
                    continue;
                }
            };
            let place = Place::take(&taken);
            if place.number > self.bounds.connections {
                continue; // closes the stream; an answer would cost what we have not got
            }
            let serve = serve.clone();
            // A panic ends its own thread only. A thread that cannot be had ends this connection only.
            let spawned = thread::Builder::new().name("connection".into()).spawn(move || {
                let _place = place;
                let _ = stream.set_nodelay(true); // messages are written whole
                serve(Socket::new(stream));
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
                peer.close(CloseCode::GOING_AWAY, "the server is going down");
            }
            state.peers.insert(peer.id, Arc::clone(&peer));
            peer
        };
        let session = Session { reader, peer: Arc::clone(&peer), hub: Arc::clone(self) };
        thread::Builder::new().name(format!("writer {}", peer.id)).spawn(move || peer.write())?;
        Ok(session)
    }

    /// The connection with this number.
    pub(crate) fn peer(&self, id: u64) -> Result<Arc<Peer>, Stale> {
        let state = self.state();
        match state.peers.get(&id) {
            Some(peer) => Ok(Arc::clone(peer)),
            None if (1..=state.newest).contains(&id) => Err(Stale::Ended(id)),
            None => Err(Stale::Unknown(id)),
        }
    }

    /// All connections, oldest first.
    pub(crate) fn peers(&self) -> Vec<Arc<Peer>> {
        self.state().peers.values().cloned().collect()
    }

    /// Whether [`terminate`](Self::terminate) has been called.
    pub(crate) fn is_ending(&self) -> bool {
        self.state().ending
    }

    /// Closes every connection with 1001 and waits for the clients' Close frames: as long as it takes, or no longer than
    /// `timeout`, or with zero not at all. Drops the rest, and says how many that were.
    pub(crate) fn terminate(&self, timeout: Option<Duration>) -> usize {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.state();
        state.ending = true;
        if timeout != Some(Duration::ZERO) {
            state.peers.values().for_each(|peer| peer.go_away());
        }
        while !state.peers.is_empty() {
            state = match deadline
                .map(|deadline| deadline.saturating_duration_since(Instant::now()))
            {
                None => self.left.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(time) => {
                    self.left.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.peers.values().for_each(|peer| peer.writer.terminate());
        state.peers.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reading side of a connection. When it is dropped, the connection is over and its number stale.
pub(crate) struct Session {
    reader: Reader<Socket, Server>,
    peer: Arc<Peer>,
    hub: Arc<Hub>,
}

impl Session {
    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    pub(crate) fn read(&mut self) -> Result<Incoming, Error> {
        self.reader.read()
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

/// A connection as others see it: something that can be sent to, and closed.
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
    /// The Close frame behind the messages, and how long to wait for its answer.
    close: Option<(CloseCode, String, Option<Duration>)>,
    gone: bool,
}

impl Peer {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// How the connection stands.
    pub(crate) fn ready_state(&self) -> ReadyState {
        self.writer.ready_state()
    }

    /// Queues a message; waits for nobody. `false`: the connection is closing, perhaps because the client was too slow.
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

    /// Closes the connection behind what is queued; waits for nobody. The first reason counts.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        let mut queue = self.queue();
        queue.close.get_or_insert_with(|| (code, reason.into(), Some(self.patience)));
        drop(queue);
        self.changed.notify_all();
    }

    /// The same for the end of the server, which itself decides how long to wait.
    fn go_away(&self) {
        let mut queue = self.queue();
        queue.close.get_or_insert_with(|| {
            (CloseCode::GOING_AWAY, "the server is going down".into(), None)
        });
        drop(queue);
        self.changed.notify_all();
    }

    fn drop_slow(&self, queue: &mut Queue) {
        queue.messages.clear();
        queue.bytes = 0;
        log(format_args!("{} reads too slowly", self.id));
        let reason = "you read too slowly: try again later";
        queue.close.get_or_insert_with(|| {
            (CloseCode::TRY_AGAIN_LATER, reason.into(), Some(self.patience))
        });
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
                let Some((code, reason, patience)) = queue.close.clone() else { continue };
                drop(queue);
                return self.say_goodbye(code, &reason, patience);
            };
            queue.bytes = queue.bytes.saturating_sub(message.frame().len());
            drop(queue);
            if self.writer.send_prepared(&message).is_err() {
                // The connection is over, or nearly so; the reading thread learns how.
                self.queue().gone = true;
                return;
            }
            if self.writer.unsent_bytes() > 0 {
                self.drop_slow(&mut self.queue());
            }
        }
    }

    /// Sends the Close frame, and drops the connection if that is not answered in time.
    fn say_goodbye(&self, code: CloseCode, reason: &str, patience: Option<Duration>) {
        // An error says that there is nobody to take leave of.
        let _ = self.writer.close(code, reason);
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut queue = self.queue();
        while !queue.gone {
            queue = match deadline
                .map(|deadline| deadline.saturating_duration_since(Instant::now()))
            {
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return self.writer.terminate(),
                Some(time) => {
                    self.changed.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers whoever types at the server's terminal, as far as there is one.
pub(crate) fn answer(text: impl fmt::Display) {
    let mut terminal = io::stdout().lock();
    let _ = writeln!(terminal, "{text}").and_then(|()| terminal.flush());
}

/// Says something to whoever runs the server; a log that nobody can read is no reason to stop.
pub(crate) fn log(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// How a connection ended, for a log.
pub(crate) fn ending(outcome: &Result<Closed, Error>) -> String {
    match outcome {
        Ok(closed) => closed.to_string(),
        Err(error) => format!("1006: {error}"),
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

/// One of the places for connections, free again when dropped, also in a panic.
struct Place {
    taken: Arc<AtomicUsize>,
    number: usize,
}

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Self {
        Self {
            number: taken.fetch_add(1, Ordering::Relaxed).saturating_add(1),
            taken: Arc::clone(taken),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
