//! The pool: endpoints by name, their clients, and their hooks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hybi::blocking::SendError;
use hybi::connection::Prepared;
use hybi::{CloseCode, UsageError};

use crate::hooks::Hooks;
use crate::{Peer, Session};

/// How many endpoints a pool can have: as many as a positive 32-bit number counts.
pub(crate) const ENDPOINTS_MAX: u32 = 0x7fff_ffff;

const RELEASED: &str = "the endpoint has been released";

/// A name is drawn when an endpoint is allocated. So a pool costs memory by what is allocated,
/// however large it is, and nobody who knows an old name reaches what is allocated later.
pub(crate) struct Pool {
    prefix: String,
    endpoints_max: u32,
    endpoints: Mutex<BTreeMap<String, Endpoint>>,
}

struct Endpoint {
    hooks: Arc<dyn Hooks>,
    /// By their numbers.
    clients: BTreeMap<u64, Peer>,
}

impl Pool {
    pub(crate) fn new(prefix: String, endpoints_max: u32) -> Self {
        Self { prefix, endpoints_max, endpoints: Mutex::default() }
    }

    /// Takes an endpoint out of the pool, with the hooks that are called from now on.
    pub(crate) fn allocate(&self, hooks: Arc<dyn Hooks>) -> Result<String, PoolError> {
        let mut endpoints = self.endpoints();
        if endpoints.len() >= self.endpoints_max as usize {
            return Err(PoolError::Empty(self.endpoints_max));
        }
        loop {
            // Unlike any other, and nobody can guess it.
            let name = format!("{}{}", self.prefix, rand::random::<u64>());
            if let Entry::Vacant(place) = endpoints.entry(name.clone()) {
                place.insert(Endpoint { hooks, clients: BTreeMap::new() });
                return Ok(name);
            }
        }
    }

    /// Puts an endpoint back and closes its clients. Returns how many those were.
    pub(crate) fn release(&self, name: &str) -> Result<usize, PoolError> {
        let endpoint = self.endpoints().remove(name);
        let clients = endpoint.ok_or_else(|| PoolError::not_allocated(name))?.clients;
        for peer in clients.values() {
            // An error means that it is closing already.
            let _ = peer.close(CloseCode::GOING_AWAY, RELEASED);
        }
        Ok(clients.len())
    }

    pub(crate) fn is_allocated(&self, name: &str) -> bool {
        self.endpoints().contains_key(name)
    }

    pub(crate) fn endpoints_max(&self) -> u32 {
        self.endpoints_max
    }

    /// Returns the names of all endpoints that are allocated, and how many clients they have.
    pub(crate) fn list(&self) -> Vec<(String, usize)> {
        let clients = |(name, it): (&String, &Endpoint)| (name.clone(), it.clients.len());
        self.endpoints().iter().map(clients).collect()
    }

    /// Returns the clients of an endpoint.
    pub(crate) fn clients(&self, name: &str) -> Result<Vec<Peer>, PoolError> {
        self.with(name, |endpoint| endpoint.clients.values().cloned().collect())
    }

    /// Returns one client of an endpoint.
    pub(crate) fn client(&self, name: &str, id: u64) -> Result<Peer, PoolError> {
        let client = self.with(name, |endpoint| endpoint.clients.get(&id).cloned())?;
        client.ok_or_else(|| PoolError::NoClient { name: name.into(), id })
    }

    /// Sends to everybody on an endpoint, without waiting. Returns how many those were.
    pub(crate) fn send(&self, name: &str, message: &Prepared) -> Result<usize, PoolError> {
        // Under the lock, so that everybody receives everything in the same order.
        self.with(name, |endpoint| {
            let peers = endpoint.clients.values();
            peers.filter(|peer| peer.send_prepared(message).is_ok()).count()
        })
    }

    /// Serves a client that has connected to an endpoint, to the end.
    pub(crate) fn serve(&self, name: &str, mut session: Session) {
        let peer = session.peer().clone();
        let joined = self.with(name, |endpoint| {
            endpoint.clients.insert(peer.id(), peer.clone());
            Arc::clone(&endpoint.hooks)
        });
        let Ok(hooks) = joined else {
            // It has been released meanwhile. An error means that it is closing already.
            let _ = session.close(CloseCode::GOING_AWAY, RELEASED);
            return; // dropping the session waits for the Close frame
        };
        let seat = Seat { pool: self, name, id: peer.id() };
        hooks.on_connect(name, &peer);
        let outcome = loop {
            match session.receive() {
                Ok(Some(message)) => {
                    hooks.on_message(name, &peer, &message);
                    // Nobody is on an endpoint that has just been released.
                    let _ = self.send(name, &Prepared::new(&message));
                }
                Ok(None) => break Ok(session.closed().cloned()),
                Err(error) => break Err(error),
            }
        };
        drop((seat, session)); // before the hooks
        match outcome {
            Ok(Some(closed)) => hooks.on_leave(name, &peer, &closed),
            Ok(None) => {}
            Err(error) => hooks.on_error(name, &peer, &error),
        }
    }

    fn with<T>(&self, name: &str, act: impl FnOnce(&mut Endpoint) -> T) -> Result<T, PoolError> {
        let mut endpoints = self.endpoints();
        endpoints.get_mut(name).map(act).ok_or_else(|| PoolError::not_allocated(name))
    }

    fn endpoints(&self) -> MutexGuard<'_, BTreeMap<String, Endpoint>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's seat on an endpoint, which it leaves when this is dropped.
struct Seat<'a> {
    pool: &'a Pool,
    name: &'a str,
    id: u64,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        // An error means that the endpoint has been released.
        let _ = self.pool.with(self.name, |endpoint| endpoint.clients.remove(&self.id));
    }
}

#[derive(Debug)]
pub(crate) enum PoolError {
    /// All endpoints are allocated: so many.
    Empty(u32),
    NotAllocated(String),
    NoClient {
        name: String,
        id: u64,
    },
    NotSent(SendError),
    NotClosed(UsageError),
}

impl PoolError {
    fn not_allocated(name: &str) -> Self {
        Self::NotAllocated(name.into())
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(1) => f.write_str("the pool's only endpoint is allocated: release it"),
            Self::Empty(endpoints) => {
                write!(f, "all {endpoints} endpoints of the pool are allocated: release one")
            }
            Self::NotAllocated(name) => write!(f, "no endpoint {name:?} is allocated"),
            Self::NoClient { name, id } => write!(f, "{name} has no client {id}"),
            Self::NotSent(error) => error.fmt(f),
            Self::NotClosed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PoolError {}
