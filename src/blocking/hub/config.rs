//! The settings of a hub.

use core::fmt;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::event::HubEvent;
use crate::blocking::Acceptor;
use crate::keepalive::KeepaliveConfig;

/// The settings of a [`Hub`](super::Hub). The defaults suit a server of small messages.
///
/// ```
/// use hybi::blocking::HubConfig;
/// use std::io::{self, Write};
/// use std::sync::mpsc;
/// use std::thread;
///
/// let (sender, events) = mpsc::sync_channel(1_000);
/// let config = HubConfig::default()
///     .connections_max(5_000)
///     .connections_per_address_max(20)
///     .queue_bytes_max(4 << 20)
///     .events(sender);
/// thread::spawn(move || {
///     for event in events {
///         // May take as long as it likes; `eprintln!` panics if that fails.
///         let _ = writeln!(io::stderr(), "{event}");
///     }
/// });
/// # drop(config);
/// ```
#[derive(Clone)]
#[must_use]
pub struct HubConfig {
    pub(super) connections_max: usize,
    pub(super) connections_per_address_max: Option<usize>,
    pub(super) queue_bytes_max: usize,
    pub(super) message_memory_max: usize,
    pub(super) message_within: Duration,
    pub(super) write_within: Duration,
    pub(super) keepalive: KeepaliveConfig,
    pub(super) acceptor: Acceptor,
    pub(super) events: Option<SyncSender<HubEvent>>,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            connections_max: 1_000,
            connections_per_address_max: None,
            queue_bytes_max: 1 << 20,
            message_memory_max: 128 << 20,
            message_within: Duration::from_secs(60),
            write_within: Duration::from_secs(10),
            keepalive: KeepaliveConfig::default(),
            acceptor: Acceptor::default(),
            events: None,
        }
    }
}

impl HubConfig {
    /// Sets the most connections at once, those included that have not sent a request yet.
    /// Default: 1,000. Further ones are closed as soon as they come, without a response: the client
    /// sees that the connection failed, which is
    /// [transient](crate::blocking::ConnectError::is_transient). To answer 503, allow some more
    /// here, and reject these in your handler.
    ///
    /// Each takes two threads and one file descriptor.
    pub fn connections_max(mut self, connections: usize) -> Self {
        self.connections_max = connections;
        self
    }

    /// Sets the most connections at once from one IP address; of IPv6 addresses, the first 64 bits
    /// count. `None`, the default, sets no bound: behind a reverse proxy all have its address.
    pub fn connections_per_address_max(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.connections_per_address_max = connections.into();
        self
    }

    /// Sets the most memory for what waits in the queue of one connection, in bytes: the frames
    /// with their headers, and 160 bytes for each. Default: 1 MiB. What is being written does not
    /// count: one message, or several of 16 KiB together. The system buffers more.
    ///
    /// A connection whose queue would overflow is closed with 1013, and nobody waits for it. A
    /// single message that is longer than this is an error of its sender: see
    /// [`SendError::TooLong`](super::SendError::TooLong). So make it several times the longest
    /// message that you pass on.
    pub fn queue_bytes_max(mut self, bytes: usize) -> Self {
        self.queue_bytes_max = bytes;
        self
    }

    /// Sets the most memory for messages that are being received, in bytes, over all connections
    /// together. Default: 128 MiB.
    ///
    /// Each connection has 128 KiB of its own, so that messages of up to 64 KiB get through,
    /// whatever others send. What a message needs beyond that comes from here, until the
    /// [next call](super::Session::receive) after the one that returned it. A buffer that grows
    /// needs its old memory and its new: three times as much as the message at most. If nothing is
    /// left, the connection is closed with 1013. See also [`message_within`](Self::message_within).
    ///
    /// The length of a single message is bounded by the [`Limits`](crate::Limits) that it was
    /// accepted with.
    pub fn message_memory_max(mut self, bytes: usize) -> Self {
        self.message_memory_max = bytes;
        self
    }

    /// Sets how long a client may take to send a message that needs more than its own 128 KiB, from
    /// the moment it does. Default: 60 s. After that the connection is closed with 1013, so that
    /// nobody can hold the shared memory for ever. Many clients together still can: bound their
    /// [number](Self::connections_per_address_max).
    ///
    /// Messages that are received [in chunks](super::Session::receive_chunk) may take any time.
    pub fn message_within(mut self, time: Duration) -> Self {
        self.message_within = time;
        self
    }

    /// Sets how long a client may take to receive one message, or several of up to 16 KiB together.
    /// Default: 10 s. After that it is dropped with 1013.
    pub fn write_within(mut self, time: Duration) -> Self {
        self.write_within = time;
        self
    }

    /// Sets when a silent client is pinged, and how long it may take for its pong and for its Close
    /// frame. Default: [`KeepaliveConfig::default`].
    pub fn keepalive(mut self, keepalive: KeepaliveConfig) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// Sets how requests are waited for. Default: [`Acceptor::default`], which gives a client 10 s.
    pub fn acceptor(mut self, acceptor: Acceptor) -> Self {
        self.acceptor = acceptor;
        self
    }

    /// Sets the channel for [events](HubEvent), which are for logs. Default: none.
    ///
    /// The hub never waits for it: if it is full, events are lost, and a later one says how many.
    /// So whoever receives them may be as slow as a stalled terminal, and holds up nobody.
    pub fn events(mut self, sender: SyncSender<HubEvent>) -> Self {
        self.events = Some(sender);
        self
    }
}

impl fmt::Debug for HubConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubConfig")
            .field("connections_max", &self.connections_max)
            .field("connections_per_address_max", &self.connections_per_address_max)
            .field("queue_bytes_max", &self.queue_bytes_max)
            .field("message_memory_max", &self.message_memory_max)
            .field("message_within", &self.message_within)
            .field("write_within", &self.write_within)
            .field("keepalive", &self.keepalive)
            .field("acceptor", &self.acceptor)
            .field("events", &self.events.is_some())
            .finish()
    }
}
