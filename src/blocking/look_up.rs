//! The addresses of a host.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::string::ToString;
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Instant;
use std::vec::Vec;

use crate::adapter::{ConnectError, address_of};

/// How many look-ups of this process go on at a time with a deadline. Each takes a thread, which
/// can outlive the call that wanted it.
static LOOK_UPS: Places = Places::new(64);

/// Returns the addresses of a host: at least one, in the order that the system prefers.
///
/// The system's resolver knows no deadline and cannot be interrupted, so a thread waits for it. If
/// we give up, that thread ends when the resolver does.
pub(super) fn look_up(
    host: &str,
    port: u16,
    deadline: Option<Instant>,
) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Some(address) = address_of(host, port) {
        return Ok([address].into());
    }
    let name = host.to_string();
    let resolve = move || {
        let found: Vec<_> = (name.as_str(), port).to_socket_addrs()?.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
        }
        Ok(found)
    };
    let Some(deadline) = deadline else { return resolve().map_err(ConnectError::Resolve) };
    let place = LOOK_UPS.take(deadline).ok_or(ConnectError::TimedOut)?;
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .name("hybi-resolver".into())
        .spawn(move || {
            let _ = sender.send(resolve()); // fails if nobody waits any more
            drop(place);
        })
        .map_err(ConnectError::Resolve)?;
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(found) => found.map_err(ConnectError::Resolve),
        Err(_) => Err(ConnectError::TimedOut),
    }
}

/// A number of places, which threads take and leave.
struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A place taken, until it is dropped.
struct Place<'a>(&'a Places);

impl Places {
    const fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), freed: Condvar::new() }
    }

    /// Takes a place. Waits for one until the deadline, and then returns `None`.
    fn take(&self, deadline: Instant) -> Option<Place<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(fewer) = free.checked_sub(1) {
                *free = fewer;
                return Some(Place(self));
            }
            let left =
                deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            free = self.freed.wait_timeout(free, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_add(1);
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn look_ups_that_the_resolver_does_not_end_do_not_pile_up() {
        let places = Places::new(2);
        let now = Instant::now();
        let (first, second) = (places.take(now), places.take(now));
        assert!(first.is_some() && second.is_some());
        assert!(places.take(now).is_none());
        drop(first);
        let third = places.take(now);
        assert!(third.is_some());
        // A call with time left waits for a place.
        thread::scope(|scope| {
            let waiting = scope.spawn(|| places.take(now + Duration::from_secs(60)).is_some());
            drop(second);
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn an_address_is_not_looked_up() {
        for (host, want) in [
            ("127.0.0.1", "127.0.0.1:80"),
            ("::1", "[::1]:80"),
            ("[::1]", "[::1]:80"),
            ("[2001:DB8::1]", "[2001:db8::1]:80"),
        ] {
            // Nothing that takes time can be done.
            let found = look_up(host, 80, Some(Instant::now())).unwrap();
            assert_eq!(found, [want.parse().unwrap()], "{host}");
        }
    }
}
