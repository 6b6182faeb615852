//! [`Place`]: one of the places for connections that a hub has.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::vec::Vec;

use super::{Shared, Socket, State, TryClone};

/// A place for a connection, from the moment it is accepted to its end. Free again when all clones
/// of this have been dropped.
pub(super) struct Place<S: TryClone + Send + 'static = Socket>(Arc<Taken<S>>);

struct Taken<S: TryClone + Send + 'static> {
    number: u64,
    origin: IpAddr,
    hub: Arc<Shared<S>>,
}

/// The places that are taken.
pub(super) struct Places<S> {
    /// The newest number.
    newest: u64,
    /// A handle to each stream, for ending it.
    streams: BTreeMap<u64, Stream<S>>,
    /// How many come from each address, of IPv6 from each network.
    origins: BTreeMap<IpAddr, usize>,
}

struct Stream<S> {
    handle: Option<S>,
    /// The thread of the handler, once a request has come.
    handler: Option<ThreadId>,
    /// Whether the handler has accepted it, so that the connection speaks for itself.
    is_open: bool,
}

impl<S> Default for Places<S> {
    fn default() -> Self {
        Self { newest: 0, streams: BTreeMap::new(), origins: BTreeMap::new() }
    }
}

impl<S: TryClone + Send + 'static> Place<S> {
    /// Takes a place, if one is free.
    pub(super) fn take(hub: &Arc<Shared<S>>, address: SocketAddr) -> Option<Self> {
        let origin = origin(address.ip());
        let per_address = hub.config.connections_per_address_max;
        let mut state = hub.state();
        let State { places, .. } = &mut *state;
        if places.streams.len() >= hub.config.connections_max {
            return None;
        }
        let count = places.origins.get(&origin).copied().unwrap_or(0);
        if per_address.is_some_and(|max| count >= max) {
            return None;
        }
        places.origins.insert(origin, count.saturating_add(1));
        places.newest = places.newest.saturating_add(1);
        let number = places.newest;
        places.streams.insert(number, Stream { handle: None, handler: None, is_open: false });
        drop(state);
        Some(Self(Arc::new(Taken { number, origin, hub: Arc::clone(hub) })))
    }

    /// Leaves a handle to the stream, so that others can end it.
    pub(super) fn leave_handle(&self, handle: S) {
        let mut state = self.0.hub.state();
        if state.is_ending {
            drop(state);
            end(handle);
        } else if let Some(stream) = state.places.streams.get_mut(&self.0.number) {
            stream.handle = Some(handle);
        }
    }

    /// Notes that a request has come, so that it may be answered even if the hub ends, by a handler
    /// in this thread.
    pub(super) fn note_request(&self) {
        if let Some(stream) = self.0.hub.state().places.streams.get_mut(&self.0.number) {
            stream.handler = Some(thread::current().id());
        }
    }

    /// Notes that the connection is open.
    pub(super) fn note_open(&self) {
        if let Some(stream) = self.0.hub.state().places.streams.get_mut(&self.0.number) {
            stream.is_open = true;
        }
    }
}

impl<S> Places<S> {
    /// Returns whether a handler runs in this thread.
    pub(super) fn are_served_by(&self, thread: ThreadId) -> bool {
        self.streams.values().any(|stream| stream.handler == Some(thread))
    }

    /// Returns whether there are requests that threads other than these have not decided about.
    pub(super) fn have_undecided(&self, but_of: &[ThreadId]) -> bool {
        let is_other = |handler| !but_of.contains(&handler);
        self.streams.values().any(|stream| !stream.is_open && stream.handler.is_some_and(is_other))
    }

    /// Takes out the handles for ending the streams from which no request has come.
    pub(super) fn take_idle(&mut self) -> Vec<S> {
        self.take_handles(|stream| stream.handler.is_none())
    }

    /// Takes out the handles for ending all streams, but for those of handlers in these threads.
    pub(super) fn take_others(&mut self, but_of: &[ThreadId]) -> Vec<S> {
        self.take_handles(|stream| !stream.handler.is_some_and(|thread| but_of.contains(&thread)))
    }

    fn take_handles(&mut self, which: impl Fn(&Stream<S>) -> bool) -> Vec<S> {
        let streams = self.streams.values_mut().filter(|stream| which(stream));
        streams.filter_map(|stream| stream.handle.take()).collect()
    }
}

/// Ends a stream, whoever waits for it.
pub(super) fn end(mut handle: impl TryClone) {
    // An error means that it has ended already.
    let _ = handle.shutdown(Shutdown::Both);
}

/// Returns what counts as one origin: an IPv4 address, or an IPv6 network of 64 bits, which is what
/// one customer gets.
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

impl<S: TryClone + Send + 'static> Clone for Place<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: TryClone + Send + 'static> Drop for Taken<S> {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        let Places { streams, origins, .. } = &mut state.places;
        let stream = streams.remove(&self.number);
        if let Some(count) = origins.get_mut(&self.origin) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                origins.remove(&self.origin);
            }
        }
        drop(state);
        drop(stream); // closes it: not while the state is locked
        self.hub.changed.notify_all();
    }
}
