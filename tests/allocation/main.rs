//! What is allocated, counted: nothing for an idle connection, nothing on the path of an unfragmented message,
//! nothing for a length that was only announced, and otherwise in proportion to what arrived.

#[cfg(feature = "std")]
mod blocking;
#[path = "../common/mod.rs"]
mod common;
mod connection;
#[path = "../common/counting.rs"]
mod counting;
#[cfg(feature = "deflate")]
mod deflate;
mod handshake;
#[cfg(all(feature = "std", feature = "rand"))]
#[path = "../common/hooked.rs"]
mod hooked;
#[cfg(all(feature = "std", feature = "rand"))]
mod hub;
mod relay;
#[cfg(feature = "rustls")]
mod tls;

use common::*;
use counting::{LARGEST, LIVE, PEAK, allocations};
use hybi::connection::Prepared;
use hybi::handshake::{Acceptance, Answer, ClientRequest, HeadLimits};
use hybi::keepalive::{Keepalive, KeepaliveConfig};
use hybi::{
    ClientHandshake, Config, Connection, Event, Input, Limits, Outbox, ProtocolError, Server,
    ServerHandshake, Uri,
};

#[track_caller]
fn assert_allocates_nothing<T>(act: impl FnOnce() -> T) -> T {
    let (count, bytes, value) = allocations(act);
    assert_eq!((count, bytes), (0, 0), "allocations, bytes");
    value
}

#[test]
fn the_counter_counts() {
    let (count, bytes, vec) = allocations(|| Vec::<u8>::with_capacity(1000));
    assert_eq!((count, bytes, vec.capacity()), (1, 1000, 1000));
    let (count, bytes, ()) = allocations(|| drop(vec));
    assert_eq!((count, bytes), (0, 0));
}
