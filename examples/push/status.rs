//! The connections of this server, and what is known about each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hybi::blocking::SendError;
use hybi::connection::{Data, Prepared};
use hybi::{CloseCode, UsageError};
use serde_json::{Value, json};

use crate::print::{self, Level, Time};
use crate::sessions::SessionId;
use crate::{Peer, Properties};

/// An open connection, for all who send to it.
pub(crate) struct Connection {
    peer: Peer,
    path: &'static str,
    session: Option<SessionId>,
    is_shared: bool,
    /// Its number on a bus.
    number: OnceLock<u64>,
    since: SystemTime,
    traffic: Mutex<Traffic>,
}

#[derive(Clone, Copy)]
struct Traffic {
    received: Amount,
    sent: Amount,
    last: Instant,
}

#[derive(Clone, Copy, Default)]
struct Amount {
    messages: u64,
    bytes: u64,
}

impl Amount {
    fn add(&mut self, messages: u64, bytes: usize) {
        self.messages += messages;
        self.bytes += bytes as u64;
    }
}

impl Connection {
    pub(crate) fn new(
        peer: Peer,
        path: &'static str,
        session: Option<SessionId>,
        properties: &Properties,
    ) -> Self {
        let (received, sent) = (Amount::default(), Amount::default());
        Self {
            peer,
            path,
            session,
            is_shared: properties.shared_connection,
            number: OnceLock::new(),
            since: SystemTime::now(),
            traffic: Mutex::new(Traffic { received, sent, last: Instant::now() }),
        }
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Notes under which number it is on a bus.
    #[cfg_attr(not(feature = "bus"), expect(dead_code, reason = "only a bus has such numbers"))]
    pub(crate) fn note_number(&self, number: u64) {
        let _ = self.number.set(number);
    }

    /// Sends, without waiting.
    pub(crate) fn send<'a>(&self, data: impl Into<Data<'a>>) -> Result<(), SendError> {
        let data = data.into();
        self.send_prepared(&Prepared::new(data), data.as_bytes().len())
    }

    /// Sends what is encoded already, and has so many bytes.
    pub(crate) fn send_prepared(&self, data: &Prepared, bytes: usize) -> Result<(), SendError> {
        self.peer.send_prepared(data)?;
        self.note_sent(bytes);
        Ok(())
    }

    pub(crate) fn close(&self, reason: &str) -> Result<(), UsageError> {
        self.peer.close(CloseCode::NORMAL, reason)
    }

    pub(crate) fn note_sent(&self, bytes: usize) {
        let mut traffic = self.traffic();
        traffic.sent.add(1, bytes);
        traffic.last = Instant::now();
    }

    /// Notes a message, or none and a part of one.
    pub(crate) fn note_received(&self, messages: u64, bytes: usize) {
        let mut traffic = self.traffic();
        traffic.received.add(messages, bytes);
        traffic.last = Instant::now();
    }

    /// Returns for how long there has been no message, either way.
    pub(crate) fn idle(&self) -> Duration {
        self.traffic().last.elapsed()
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kind(&self) -> String {
        match (self.is_shared, self.number.get()) {
            (false, _) => "synchronous".into(),
            (true, None) => "asynchronous".into(),
            (true, Some(number)) => format!("asynchronous, {number} on the bus"),
        }
    }

    pub(crate) fn log_opening(&self) {
        let (id, path, session) = (self.peer.id(), self.path, self.session());
        let text =
            format_args!("connection {id} opened: {path}, {}, session {session}", self.kind());
        print::note(Level::Info, Some(self.peer.address()), text);
    }

    fn session(&self) -> String {
        self.session.map_or_else(|| "none".into(), |id| id.to_string())
    }

    fn to_json(&self) -> Value {
        let Traffic { received, sent, .. } = *self.traffic();
        json!({
            "id": self.peer.id(),
            "state": format!("{:?}", self.peer.ready_state()),
            "kind": self.kind(),
            "path": self.path,
            "address": self.peer.address().to_string(),
            "session": self.session(),
            "since": Time(self.since).to_string(),
            "received": [received.messages, received.bytes],
            "sent": [sent.messages, sent.bytes],
            "unsent": self.peer.unsent_bytes(),
        })
    }
}

/// A line for the terminal.
impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Traffic { received, sent, .. } = *self.traffic();
        let (id, state, address) = (self.peer.id(), self.peer.ready_state(), self.peer.address());
        write!(f, "{id} {state:?} {} {} from {address}", self.path, self.kind())?;
        write!(f, ", session {}, since {}", self.session(), Time(self.since))?;
        write!(f, ", in: {} messages {} bytes", received.messages, received.bytes)?;
        write!(f, ", out: {} messages {} bytes", sent.messages, sent.bytes)?;
        write!(f, ", unsent: {} bytes", self.peer.unsent_bytes())
    }
}

/// All connections of this server.
#[derive(Default)]
pub(crate) struct Status(Mutex<BTreeMap<u64, Arc<Connection>>>);

impl Status {
    /// Lists a connection until the result is dropped.
    pub(crate) fn enter(&self, connection: &Arc<Connection>) -> Listed<'_> {
        let id = connection.peer.id();
        self.all().insert(id, Arc::clone(connection));
        Listed { status: self, id }
    }

    pub(crate) fn to_json(&self) -> Value {
        self.list().iter().map(|connection| connection.to_json()).collect()
    }

    /// Returns the connections, oldest first.
    pub(crate) fn list(&self) -> Vec<Arc<Connection>> {
        self.all().values().cloned().collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Connection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in the list, until this is dropped.
pub(crate) struct Listed<'a> {
    status: &'a Status,
    id: u64,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.status.all().remove(&self.id);
    }
}
