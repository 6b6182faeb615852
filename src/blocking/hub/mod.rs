//! [`Hub`]: a server. It accepts, bounds what clients may cost, knows connections by their numbers,
//! and ends them in order.
//!
//! A thread serves each connection: it waits for the request, runs the handler, and receives. A
//! second one writes what others have queued ([`peer`]). So sending never waits, and nobody waits
//! for a client that does not read. Messages are assembled in memory that all connections share
//! ([`memory`]). What happens goes into a channel that is never waited for ([`event`]).
//!
//! A lock is held for moments only: never while something is written, reported or closed, and never
//! two at once.

mod arrival;
mod config;
mod error;
mod event;
mod memory;
mod peer;
mod place;
mod session;

use core::fmt;
use std::any::Any;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};
use std::vec::Vec;

pub use self::arrival::Arrival;
pub use self::config::HubConfig;
pub use self::error::{PeerError, SendError};
use self::event::Events;
pub use self::event::HubEvent;
use self::memory::Pool;
pub use self::peer::Peer;
use self::place::{Place, Places};
pub use self::session::Session;
use super::stream::TryClone;
use super::transfer::{after, earlier, passed};
use super::{Closed, WebSocket};
use crate::adapter::Error;
use crate::role::Server;

/// A socket with one file descriptor, however many handles it has.
type Socket = super::Shared<TcpStream>;

/// The error of a handler.
type HandlerError = Box<dyn StdError + Send + Sync>;

/// How long to wait after the listener has failed, unless a connection ends before.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How often to look whether the connections of an ending hub are over.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// How long a connection to our own listener may take.
const WAKE_WITHIN: Duration = Duration::from_secs(1);

/// A server of WebSocket connections: an accept loop, bounds, connections by number, sending that
/// never waits, and an orderly end. Clones are the same hub.
///
/// A handler of yours serves each connection, in a thread of its own:
///
/// ```no_run
/// use hybi::blocking::{Hub, HubConfig};
/// use hybi::connection::Prepared;
/// use hybi::handshake::{Acceptance, Rejection};
/// use std::net::TcpListener;
///
/// let hub = Hub::new(HubConfig::default());
/// let listener = TcpListener::bind("127.0.0.1:9001")?;
/// let acceptance = Acceptance::from_same_origin();
/// hub.serve(listener, |arrival| {
///     if arrival.request().path() != "/chat" {
///         return Ok(arrival.reject(&Rejection::new(404))?);
///     }
///     let mut session = arrival.accept(&acceptance)?;
///     while let Some(message) = session.receive()? {
///         let message = Prepared::new(&message); // encoded once
///         for peer in hub.peers() {
///             // The hub drops a peer that is too slow. Nobody waits for it.
///             let _ = peer.send_prepared(&message);
///         }
///     }
///     Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Elsewhere, whoever has a clone of the hub can [send](Peer::send) to a connection, and
/// [close](Peer::close) it, by its [number](Peer::id). [`terminate`](Self::terminate) ends all.
///
/// # What a client can cost
///
/// [`HubConfig`] has the bounds. With the defaults there are at most 1,000 connections. Together
/// they have at most 128 MiB for the messages that they are sending. Beside that, each has at most
/// 128 KiB for a short message, 192 KiB of unread input, the messages in its queue (1 MiB), the one
/// that is being written, and two threads. A `Prepared` that is compressed may count twice.
/// Compression adds some 460 kB for each. An idle connection without it holds at most 2 KiB and the
/// stacks of its threads.
///
/// A client that cannot keep up, or for whose message there is no memory, is closed with 1013. A
/// handler that panics ends its own connection only.
pub struct Hub<S: TryClone + Send + 'static = Socket>(Arc<Shared<S>>);

/// What all clones, connections and places share.
struct Shared<S: TryClone + Send + 'static> {
    config: HubConfig,
    wrap: Box<dyn Fn(TcpStream) -> io::Result<S> + Send + Sync>,
    events: Events,
    memory: Arc<Pool>,
    state: Mutex<State<S>>,
    /// Notified when a connection or a listener has ended.
    changed: Condvar,
}

struct State<S> {
    /// The newest number of a connection.
    newest: u64,
    peers: BTreeMap<u64, Peer<S>>,
    places: Places<S>,
    /// Where [`Hub::serve`] listens.
    listening: Vec<SocketAddr>,
    is_ending: bool,
    /// When all connections are to have ended.
    end_by: Option<Instant>,
    /// The threads that wait for that.
    ending: Vec<ThreadId>,
}

impl Hub {
    /// Creates a hub without connections.
    #[must_use]
    pub fn new(config: HubConfig) -> Self {
        Self::with_streams(config, |socket| Ok(Socket::new(socket)))
    }
}

impl<S: TryClone + Send + 'static> Hub<S> {
    /// Creates a hub whose connections run over streams of your own, such as one that counts bytes.
    /// `wrap` makes them of the sockets that are accepted. It must not wait: a handshake of a
    /// stream below WebSocket should happen when the stream is first read.
    #[must_use]
    pub fn with_streams(
        config: HubConfig,
        wrap: impl Fn(TcpStream) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            events: Events::new(config.events.clone()),
            memory: Arc::new(Pool::new(config.message_memory_max)),
            config,
            wrap: Box::new(wrap),
            state: Mutex::new(State {
                newest: 0,
                peers: BTreeMap::new(),
                places: Places::default(),
                listening: Vec::new(),
                is_ending: false,
                end_by: None,
                ending: Vec::new(),
            }),
            changed: Condvar::new(),
        }))
    }

    /// Accepts connections, and calls `handler` for each request in a thread of its own, until
    /// [`terminate`](Self::terminate) is called. Returns when all handlers have returned. The
    /// listener is closed before, so that new clients are refused at once.
    ///
    /// One hub can serve several listeners, each in a thread of yours.
    ///
    /// If no file descriptor or thread is free, it goes on as soon as there is one. An error of the
    /// handler ends its own connection, and is [reported](HubConfig::events). Sockets get
    /// `TCP_NODELAY`, since messages are written whole.
    ///
    /// # Errors
    ///
    /// The system's error, if the listener is not usable from the beginning.
    pub fn serve<F>(&self, listener: TcpListener, handler: F) -> io::Result<()>
    where
        F: Fn(Arrival<S>) -> Result<(), Box<dyn StdError + Send + Sync>> + Sync,
    {
        listener.set_nonblocking(false)?;
        let Some(listening) = Listening::begin(&self.0, listener.local_addr()?) else {
            return Ok(());
        };
        let handler = &handler;
        thread::scope(|scope| {
            let mut has_failed = false;
            loop {
                let accepted = listener.accept();
                if self.is_ending() {
                    break;
                }
                let (stream, address) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        if !std::mem::replace(&mut has_failed, true) {
                            self.report(HubEvent::AcceptFailed { error });
                        }
                        drop(self.0.wait(self.0.state(), Some(ACCEPT_AGAIN_AFTER)));
                        continue;
                    }
                };
                has_failed = false;
                let Some(place) = Place::take(&self.0, address) else {
                    drop(stream);
                    self.report(HubEvent::TurnedAway { address });
                    continue;
                };
                let thread = thread::Builder::new().name("connection".into());
                let spawned = thread.spawn_scoped(scope, move || {
                    let served = catch_unwind(AssertUnwindSafe(|| {
                        self.serve_one(stream, address, &place, handler)
                    }));
                    match served {
                        Ok(Ok(())) => {}
                        Ok(Err(event)) => self.report(event),
                        Err(panic) => {
                            let error = panic_text(&*panic).into();
                            self.report(HubEvent::Failed { address, error });
                        }
                    }
                });
                if let Err(error) = spawned {
                    self.report(HubEvent::NoThread { address, error });
                }
            }
            drop((listener, listening));
        });
        Ok(())
    }

    /// Serves one client, from the first byte to the end.
    fn serve_one(
        &self,
        socket: TcpStream,
        address: SocketAddr,
        place: &Place<S>,
        handler: impl Fn(Arrival<S>) -> Result<(), HandlerError>,
    ) -> Result<(), HubEvent> {
        // Fails if the client has left already.
        let _ = socket.set_nodelay(true);
        let failed = |error: io::Error| HubEvent::NoRequest { address, error: error.into() };
        let stream = (self.0.wrap)(socket).map_err(failed)?;
        place.leave_handle(stream.try_clone().map_err(failed)?);
        let received = self.0.config.acceptor.receive_request(stream);
        let pending = received.map_err(|error| HubEvent::NoRequest { address, error })?;
        place.note_request();
        let hub = self.clone();
        match handler(Arrival { pending, address, hub, place: place.clone() }) {
            Err(error) if !is_end(&*error) => Err(HubEvent::Failed { address, error }),
            _ => Ok(()),
        }
    }

    /// Gives an open connection a number, a queue, and a thread that writes.
    fn admit(
        &self,
        mut ws: WebSocket<S, Server>,
        address: SocketAddr,
        place: Place<S>,
    ) -> io::Result<Session<S>> {
        let config = &self.0.config;
        ws.set_keepalive(config.keepalive);
        ws.set_write_timeout(config.write_within)?;
        let (reader, writer) = ws.split()?;
        let (peer, is_ending) = {
            let mut state = self.0.state();
            state.newest = state.newest.saturating_add(1);
            let id = state.newest;
            let peer = Peer::new(id, address, config, self.0.events.clone(), writer);
            state.peers.insert(id, peer.clone());
            (peer, state.is_ending)
        };
        place.note_open();
        self.report(HubEvent::Opened { id: peer.id(), address });
        // Ends the connection if there is no thread.
        let session = Session::new(reader, peer.clone(), self.clone(), place);
        if is_ending {
            peer.leave(GOING_DOWN, config.keepalive.close_within.unwrap_or(Duration::MAX));
        }
        thread::Builder::new().name("writer".into()).spawn(move || peer.run())?;
        Ok(session)
    }

    /// Returns the connection with this number.
    ///
    /// # Errors
    ///
    /// There is none, because it has ended, or because there has not been one.
    pub fn peer(&self, id: u64) -> Result<Peer<S>, PeerError> {
        let state = self.0.state();
        match state.peers.get(&id) {
            Some(peer) => Ok(peer.clone()),
            None if (1..=state.newest).contains(&id) => Err(PeerError::Ended { id }),
            None => Err(PeerError::Unknown { id }),
        }
    }

    /// Returns all connections, oldest first, also those that are closing.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer<S>> {
        self.0.state().peers.values().cloned().collect()
    }

    /// Returns the settings.
    pub fn config(&self) -> &HubConfig {
        &self.0.config
    }

    /// Returns whether [`terminate`](Self::terminate) has been called.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.0.state().is_ending
    }

    /// Ends the hub: closes the listeners, closes every connection with 1001, waits up to `timeout`
    /// for the clients' Close frames, and drops the rest. Returns how many those were. With zero,
    /// all are dropped at once, without a Close frame.
    ///
    /// A client may also be dropped before, if it takes longer for its Close frame than
    /// [allowed](crate::keepalive::KeepaliveConfig::close_within). Requests that have not arrived
    /// yet are dropped at once.
    ///
    /// Requests about which a handler has not decided yet are waited for, too. If a handler calls
    /// this, its own connection is neither waited for nor counted: it ends when the handler
    /// returns. Nor does it wait for another handler that does the same, which would wait for it.
    /// Of several calls, the earliest deadline holds for all.
    ///
    /// To end [`serve`](Self::serve), this connects to its address. Where that is impossible,
    /// because a firewall keeps the machine from itself, it ends with the next client.
    pub fn terminate(&self, timeout: Duration) -> usize {
        let this_thread = thread::current().id();
        {
            let mut state = self.0.state();
            let deadline = after(Some(timeout));
            state.is_ending = true;
            state.ending.push(this_thread);
            state.end_by = earlier(state.end_by, deadline);
        }
        self.0.wake_listeners();
        let mut peers = self.peers();
        if !timeout.is_zero() {
            peers.iter().for_each(|peer| peer.leave(GOING_DOWN, timeout));
        }
        let idle = self.0.state().places.take_idle();
        idle.into_iter().for_each(place::end);
        let mut state = self.0.state();
        // The connection of a handler that calls this ends when that returns.
        let mut spared = state.not_awaited_by(this_thread);
        while state.is_awaited(&spared) {
            if passed(state.end_by) {
                spared = Vec::from([this_thread]);
                break;
            }
            // A connection that is over tells nobody, and a listener is perhaps not woken because
            // no file descriptor was free.
            drop(self.0.wait(state, Some(LOOK_AGAIN_AFTER)));
            if !self.0.state().listening.is_empty() {
                self.0.wake_listeners();
            }
            state = self.0.state();
            spared = state.not_awaited_by(this_thread);
        }
        // Those that came meanwhile, too.
        let newest = peers.last().map_or(0, Peer::id);
        peers.extend(state.peers.range(newest.saturating_add(1)..).map(|(_, peer)| peer.clone()));
        let streams = state.places.take_others(&spared);
        if let Some(index) = state.ending.iter().position(|thread| *thread == this_thread) {
            state.ending.swap_remove(index);
        }
        drop(state);
        peers.retain(|peer| !peer.is_of(&spared));
        peers.iter().filter(|peer| !peer.is_over()).for_each(Peer::terminate);
        streams.into_iter().for_each(place::end);
        self.0.wake_listeners();
        peers.iter().filter(|peer| peer.was_dropped()).count()
    }

    /// Forgets a connection that is over.
    fn forget(&self, peer: &Peer<S>, closed: Closed) {
        self.0.state().peers.remove(&peer.id());
        self.0.changed.notify_all();
        self.report(HubEvent::Ended { id: peer.id(), address: peer.address(), closed });
    }

    fn memory(&self) -> Arc<Pool> {
        Arc::clone(&self.0.memory)
    }

    fn report(&self, event: HubEvent) {
        self.0.events.report(event);
    }
}

/// The reason of the Close frames when a hub ends.
const GOING_DOWN: &str = "the server is going down";

impl<S: TryClone + Send + 'static> State<S> {
    /// Returns the threads that a thread does not wait for while it ends the hub: itself, and if it
    /// is a handler's, those of other handlers that may wait for it.
    fn not_awaited_by(&self, thread: ThreadId) -> Vec<ThreadId> {
        if self.places.are_served_by(thread) { self.ending.clone() } else { Vec::from([thread]) }
    }

    /// Returns whether a listener, a request or a connection holds up the end.
    fn is_awaited(&self, but_of: &[ThreadId]) -> bool {
        !self.listening.is_empty()
            || self.places.have_undecided(but_of)
            || self.peers.values().any(|peer| !peer.is_of(but_of) && !peer.is_over())
    }
}

impl<S: TryClone + Send + 'static> Shared<S> {
    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, up to `timeout`.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State<S>>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, State<S>> {
        match timeout {
            Some(timeout) => {
                let woken = self.changed.wait_timeout(state, timeout);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Connects to our own listeners, so that they look whether the hub is ending.
    fn wake_listeners(&self) {
        let listening = self.state().listening.clone();
        for mut address in listening {
            match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
                IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
                _ => {}
            }
            // Fails if no file descriptor is free, or because the listener is closed by now.
            let _ = TcpStream::connect_timeout(&address, WAKE_WITHIN);
        }
    }
}

/// A listener in use. Not any more when this is dropped.
struct Listening<'a, S: TryClone + Send + 'static> {
    address: SocketAddr,
    hub: &'a Shared<S>,
}

impl<'a, S: TryClone + Send + 'static> Listening<'a, S> {
    /// Returns `None` if the hub is ending.
    fn begin(hub: &'a Shared<S>, address: SocketAddr) -> Option<Self> {
        let mut state = hub.state();
        if state.is_ending {
            return None;
        }
        state.listening.push(address);
        drop(state);
        Some(Self { address, hub })
    }
}

impl<S: TryClone + Send + 'static> Drop for Listening<'_, S> {
    fn drop(&mut self) {
        let listening = &mut self.hub.state().listening;
        if let Some(index) = listening.iter().position(|address| *address == self.address) {
            listening.remove(index);
        }
        self.hub.changed.notify_all();
    }
}

/// Returns whether an error only says that the connection has ended, as [`HubEvent::Ended`] does.
fn is_end(error: &(dyn StdError + Send + Sync + 'static)) -> bool {
    match error.downcast_ref::<Error>() {
        Some(Error::Protocol(_) | Error::Closed(_) | Error::Io(_)) => true,
        Some(_) => false,
        None => matches!(
            error.downcast_ref::<SendError>(),
            Some(SendError::Closing | SendError::TooSlow)
        ),
    }
}

/// Returns what a handler said when it panicked.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    std::format!("the handler panicked: {}", text.unwrap_or("(no text)"))
}

impl<S: TryClone + Send + 'static> Clone for Hub<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: TryClone + Send + 'static> fmt::Debug for Hub<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("config", &self.0.config).finish_non_exhaustive()
    }
}
