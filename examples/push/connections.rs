//! The asynchronous connections, by number: everybody who knows the number reads, writes and
//! closes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hybi::Message;
use hybi::blocking::Closed;
use hybi::connection::{Data, Prepared};

use crate::status::Connection;
use crate::{AnyError, Handled, Hub};

pub(crate) const CLOSED_FROM_TERMINAL: &str = "closed from the terminal";

/// How much of what a client says is kept until somebody reads it. Older messages are dropped.
const UNREAD_MAX: usize = 100;
const UNREAD_BYTES_MAX: usize = 128 << 10;
/// Of how many connections that have ended the messages are kept.
const ENDED_MAX: usize = 100;

/// A connection in [`Connections`]. The number alone is not enough: a bus that has lost its data
/// gives out the same numbers again, and those who had them before may still be on their way out.
#[derive(Clone, Copy)]
pub(crate) struct Seat {
    pub(crate) id: u64,
    /// The number that this server had on the bus; 0 without one.
    #[cfg_attr(not(feature = "bus"), expect(dead_code, reason = "it is for the bus"))]
    pub(crate) server: u64,
}

/// The connections of this server, [`Here`], or of all servers on a bus.
pub(crate) trait Connections: Send + Sync {
    /// Adds a connection, and gives it a number.
    fn enter(&self, connection: &Arc<Connection>) -> Result<Seat, AnyError>;
    /// Keeps a message of a client for [`read`](Self::read). `count` counts them from 1.
    fn hear(&self, seat: Seat, count: u64, message: &Message) -> Handled;
    /// Removes a connection.
    fn leave(&self, seat: Seat, closed: Option<&Closed>);

    /// Sends to one. Returns once it is in the queue.
    fn send(&self, id: u64, text: &str) -> Handled;
    /// Sends to all, and returns how many those are.
    fn send_to_all(&self, text: &str) -> Result<usize, AnyError>;
    fn close(&self, id: u64) -> Handled;
    /// Waits for what a client says next, and takes at most `len` characters of it.
    fn read(&self, id: u64, len: usize, timeout: Duration) -> Result<Heard, AnyError>;
    /// Returns a line for each connection.
    fn list(&self) -> Result<Vec<String>, AnyError>;
}

/// A message that a client has said, or a part of one.
pub(crate) struct Heard {
    pub(crate) data: Message,
    /// True at the end of the message.
    pub(crate) last: bool,
    /// How many messages before it were dropped.
    pub(crate) dropped: u64,
}

/// The connections of this process, by the numbers of the hub.
pub(crate) struct Here {
    hub: Hub,
    entries: Mutex<Entries>,
    /// Notified when somebody has said something, or left.
    changed: Condvar,
}

#[derive(Default)]
struct Entries {
    all: BTreeMap<u64, Entry>,
    /// The numbers of those that have ended, in that order.
    ended: VecDeque<u64>,
}

struct Entry {
    connection: Arc<Connection>,
    unread: Unread,
    /// How it has ended.
    closed: Option<String>,
}

impl Here {
    pub(crate) fn new(hub: Hub) -> Self {
        Self { hub, entries: Mutex::default(), changed: Condvar::new() }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self, id: u64) -> Result<Arc<Connection>, AnyError> {
        match self.entries().all.get(&id) {
            Some(Entry { closed: Some(closed), .. }) => Err(has_ended(id, closed)),
            Some(entry) => Ok(Arc::clone(&entry.connection)),
            None => Err(self.why_none(id)),
        }
    }

    fn why_none(&self, id: u64) -> AnyError {
        match self.hub.peer(id) {
            Err(error) => error.into(),
            Ok(_) => format!("connection {id} is synchronous: only its service uses it").into(),
        }
    }

    fn open(&self) -> Vec<Arc<Connection>> {
        let entries = self.entries();
        let open = entries.all.values().filter(|entry| entry.closed.is_none());
        open.map(|entry| Arc::clone(&entry.connection)).collect()
    }
}

fn has_ended(id: u64, closed: &str) -> AnyError {
    format!("connection {id} has ended: {closed}").into()
}

/// Says that a read has timed out.
pub(crate) fn has_said_nothing(id: u64, timeout: Duration) -> AnyError {
    format!("connection {id} has said nothing for {} s", timeout.as_secs_f64()).into()
}

impl Connections for Here {
    fn enter(&self, connection: &Arc<Connection>) -> Result<Seat, AnyError> {
        let (id, connection) = (connection.peer().id(), Arc::clone(connection));
        let entry = Entry { connection, unread: Unread::default(), closed: None };
        self.entries().all.insert(id, entry);
        Ok(Seat { id, server: 0 })
    }

    fn hear(&self, seat: Seat, _: u64, message: &Message) -> Handled {
        if let Some(entry) = self.entries().all.get_mut(&seat.id) {
            // A copy, because the buffer that it came in may be much larger.
            entry.unread.push(Data::from(message).into());
        }
        self.changed.notify_all();
        Ok(())
    }

    fn leave(&self, Seat { id, .. }: Seat, closed: Option<&Closed>) {
        let mut entries = self.entries();
        if let Some(entry) = entries.all.get_mut(&id) {
            entry.closed = Some(closed.map_or_else(|| "1006".into(), ToString::to_string));
            entries.ended.push_back(id);
        }
        if entries.ended.len() > ENDED_MAX
            && let Some(oldest) = entries.ended.pop_front()
        {
            entries.all.remove(&oldest);
        }
        self.changed.notify_all();
    }

    fn send(&self, id: u64, text: &str) -> Handled {
        Ok(self.connection(id)?.send(text)?)
    }

    fn send_to_all(&self, text: &str) -> Result<usize, AnyError> {
        let message = Prepared::new(text); // encoded once
        let send = |it: &&Arc<Connection>| it.send_prepared(&message, text.len()).is_ok();
        Ok(self.open().iter().filter(send).count())
    }

    fn close(&self, id: u64) -> Handled {
        Ok(self.connection(id)?.close(CLOSED_FROM_TERMINAL)?)
    }

    fn read(&self, id: u64, len: usize, timeout: Duration) -> Result<Heard, AnyError> {
        let begun = Instant::now();
        let mut entries = self.entries();
        loop {
            let Some(entry) = entries.all.get_mut(&id) else { return Err(self.why_none(id)) };
            if let Some(heard) = entry.unread.take(len) {
                return Ok(heard);
            }
            if let Some(closed) = &entry.closed {
                return Err(has_ended(id, closed));
            }
            let left = timeout.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(has_said_nothing(id, timeout));
            }
            let waited = self.changed.wait_timeout(entries, left);
            entries = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn list(&self) -> Result<Vec<String>, AnyError> {
        let line =
            |it: &Arc<Connection>| format!("{} {:?}", it.peer().id(), it.peer().ready_state());
        Ok(self.open().iter().map(line).collect())
    }
}

/// The messages of a client that nobody has read.
#[derive(Default)]
struct Unread {
    messages: VecDeque<Message>,
    bytes: usize,
    dropped: u64,
}

impl Unread {
    fn push(&mut self, message: Message) {
        self.bytes += message.as_bytes().len();
        self.messages.push_back(message);
        while self.messages.len() > UNREAD_MAX || self.bytes > UNREAD_BYTES_MAX {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes -= oldest.as_bytes().len();
            self.dropped += 1;
        }
    }

    /// Takes at most `len` characters of the oldest message. The rest stays.
    fn take(&mut self, len: usize) -> Option<Heard> {
        let message = self.messages.pop_front()?;
        let (data, rest) = split(message, len);
        self.bytes -= data.as_bytes().len();
        let (last, dropped) = (rest.is_none(), std::mem::take(&mut self.dropped));
        if let Some(rest) = rest {
            self.messages.push_front(rest);
        }
        Some(Heard { data, last, dropped })
    }
}

/// Splits after so many characters of a text, or bytes of a binary message.
fn split(message: Message, len: usize) -> (Message, Option<Message>) {
    match &message {
        Message::Text(text) => match text.char_indices().nth(len) {
            Some((at, _)) => (text[..at].into(), Some(text[at..].into())),
            None => (message, None),
        },
        Message::Binary(bytes) if bytes.len() > len => {
            (bytes.slice(..len).into(), Some(bytes.slice(len..).into()))
        }
        Message::Binary(_) => (message, None),
    }
}
