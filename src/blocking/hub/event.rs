//! What a hub reports, for logs.

use core::fmt;
use std::boxed::Box;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::string::ToString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use crate::blocking::{AcceptError, Closed};

/// Something that happened to a [`Hub`](super::Hub), for logs and metrics.
/// [`HubConfig::events`](super::HubConfig::events) sets where they go.
///
/// Its `Display` is one line. It escapes what a client can choose.
#[derive(Debug)]
#[non_exhaustive]
pub enum HubEvent {
    /// A connection is open, and has a number.
    Opened {
        /// Its number.
        id: u64,
        /// Where it comes from.
        address: SocketAddr,
    },
    /// A connection is over. Comes once for each that was opened.
    Ended {
        /// Its number, which is never used again.
        id: u64,
        /// Where it came from.
        address: SocketAddr,
        /// How it was closed. If the client broke a rule or exceeded a limit, that is 1006 on this
        /// side; the client was told
        /// [`ProtocolError::close_code`](crate::ProtocolError::close_code), such as 1009.
        closed: Closed,
    },
    /// A connection is being closed with 1013, because the client reads too slowly: its queue has
    /// overflowed, or it took too long to receive a message.
    TooSlow {
        /// Its number.
        id: u64,
        /// Where it comes from.
        address: SocketAddr,
    },
    /// A connection is being closed with 1013, because there is no memory for the message that the
    /// client sends: see [`HubConfig::message_memory_max`](super::HubConfig::message_memory_max).
    OutOfMemory {
        /// Its number.
        id: u64,
        /// Where it comes from.
        address: SocketAddr,
    },
    /// No good request came from a client. Port scans do that, and browsers that connect in
    /// advance.
    NoRequest {
        /// Where it came from.
        address: SocketAddr,
        /// Why.
        error: AcceptError,
    },
    /// The handler returned an error that [`Ended`](Self::Ended) does not tell, or panicked.
    Failed {
        /// Where the client came from.
        address: SocketAddr,
        /// The handler's error.
        error: Box<dyn Error + Send + Sync>,
    },
    /// A client was turned away because there are as many connections as
    /// [may be](super::HubConfig::connections_max), in all or from its address.
    TurnedAway {
        /// Where it came from.
        address: SocketAddr,
    },
    /// No thread could be had for a client. It was turned away.
    NoThread {
        /// Where it came from.
        address: SocketAddr,
        /// The system's error.
        error: io::Error,
    },
    /// The listener failed: the client has left already, or no file descriptor is free until others
    /// leave. The hub goes on. Comes once for failures in a row.
    AcceptFailed {
        /// The system's error.
        error: io::Error,
    },
    /// The channel was full, so events are missing here.
    Lost {
        /// How many.
        events: u64,
    },
}

impl HubEvent {
    /// Returns a code for logs, metrics and other languages, such as `"hub-too-slow"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "hub-opened",
            Self::Ended { .. } => "hub-ended",
            Self::TooSlow { .. } => "hub-too-slow",
            Self::OutOfMemory { .. } => "hub-out-of-memory",
            Self::NoRequest { .. } => "hub-no-request",
            Self::Failed { .. } => "hub-failed",
            Self::TurnedAway { .. } => "hub-turned-away",
            Self::NoThread { .. } => "hub-no-thread",
            Self::AcceptFailed { .. } => "hub-accept-failed",
            Self::Lost { .. } => "hub-lost",
        }
    }
}

impl fmt::Display for HubEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { id, address } => write!(f, "connection {id} opened, from {address}"),
            Self::Ended { id, address, closed } => {
                write!(f, "connection {id} ended, from {address}: {closed}")
            }
            Self::TooSlow { id, address } => {
                write!(f, "connection {id} reads too slowly, from {address}")
            }
            Self::OutOfMemory { id, address } => {
                write!(f, "no memory for a message on connection {id}, from {address}")
            }
            Self::NoRequest { address, error } => write!(f, "no request from {address}: {error}"),
            Self::Failed { address, error } => {
                write!(f, "serving {address} failed: {}", error.to_string().escape_debug())
            }
            Self::TurnedAway { address } => {
                write!(f, "turned {address} away: too many connections")
            }
            Self::NoThread { address, error } => {
                write!(f, "turned {address} away: no thread: {error}")
            }
            Self::AcceptFailed { error } => write!(f, "accepting failed: {error}"),
            Self::Lost { events } => write!(f, "{events} events were lost"),
        }
    }
}

/// Where the events go. Clones share it.
#[derive(Clone)]
pub(super) struct Events(Option<Arc<Channel>>);

struct Channel {
    sender: SyncSender<HubEvent>,
    lost: AtomicU64,
}

impl Events {
    pub(super) fn new(sender: Option<SyncSender<HubEvent>>) -> Self {
        Self(sender.map(|sender| Arc::new(Channel { sender, lost: AtomicU64::new(0) })))
    }

    /// Reports an event without waiting, or counts it as lost.
    pub(super) fn report(&self, event: HubEvent) {
        let Some(Channel { sender, lost }) = self.0.as_deref() else { return };
        let events = lost.swap(0, Ordering::Relaxed);
        if events > 0 && sender.try_send(HubEvent::Lost { events }).is_err() {
            lost.fetch_add(events.saturating_add(1), Ordering::Relaxed);
        } else if sender.try_send(event).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
