//! [`Peer`]: the writing side of a connection. Others can send to it without waiting, and close it.

use core::fmt;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};
use std::vec::Vec;

use super::Socket;
use super::config::HubConfig;
use super::error::SendError;
use super::event::{Events, HubEvent};
use crate::blocking::transfer::{after, passed};
use crate::blocking::{Abnormal, Closed, Error, ReadyState, Stream, Writer};
use crate::connection::{Data, Prepared};
use crate::error::UsageError;
use crate::frame::{CloseCode, CloseReason};
use crate::role::Server;

/// What a queued message takes beside its frame: a place in the queue, and the allocations and
/// counters of a message that is shared.
const ITEM: usize = 160;
/// How much is taken from the queue to be written together, unless one message is longer.
const BATCH_BYTES_MAX: usize = 16 << 10;
/// For how many messages an empty queue keeps places.
const PLACES_KEPT: usize = 64;

/// A connection of a [`Hub`](super::Hub), for all who send to it. Clones are the same connection.
///
/// Sending never waits: a message goes into the connection's queue, which a thread of its own
/// writes. The queue is [bounded](HubConfig::queue_bytes_max). A client that lets it overflow, or
/// takes too long to receive a message, is closed with 1013, and nobody else notices.
///
/// A clone of a connection that has ended costs a little memory, and no file descriptor.
pub struct Peer<S = Socket>(Arc<Inner<S>>);

struct Inner<S> {
    id: u64,
    address: SocketAddr,
    /// The thread of the session.
    thread: ThreadId,
    queue_bytes_max: usize,
    close_within: Duration,
    queue: Mutex<Queue>,
    changed: Condvar,
    writer: Writer<S, Server>,
    events: Events,
}

/// Locked for moments only, and never while anything is written or reported.
#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    /// The sum of the queued frames.
    bytes: usize,
    /// The memory of the queue: its frames, and what it takes to keep them.
    memory: usize,
    /// Whether a thread writes.
    is_writing: bool,
    /// Whether the writing thread sleeps. Waking it for nothing would cost two changes of threads.
    writer_sleeps: bool,
    /// The session's turn to write, if it waits for it.
    turn: Turn,
    /// Whether the session sleeps until its turn.
    session_sleeps: bool,
    /// The Close frame after the messages.
    farewell: Option<Farewell>,
    /// Whether it has been reported that the client reads too slowly.
    is_too_slow: bool,
    /// Nothing can be written any more.
    is_over: bool,
    /// It is over because a write has failed.
    has_failed: bool,
}

enum Item {
    Message(Prepared),
    /// The session writes a message itself, in its place among the others.
    Turn,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    None,
    Waiting,
    Granted,
}

#[derive(Clone)]
struct Farewell {
    code: CloseCode,
    reason: String,
    /// When the connection is to be over, queue and Close frames included.
    deadline: Option<Instant>,
}

/// What the writing thread does next.
enum Task {
    Send(Vec<Prepared>),
    /// Drops the queue of a client for which the time for closing is over.
    Drop,
    Close(Farewell),
}

/// Why a client is dropped with 1013.
#[derive(Clone, Copy)]
pub(super) enum Drop {
    TooSlow,
    OutOfMemory,
}

impl<S: Stream> Peer<S> {
    pub(super) fn new(
        id: u64,
        address: SocketAddr,
        config: &HubConfig,
        events: Events,
        writer: Writer<S, Server>,
    ) -> Self {
        Self(Arc::new(Inner {
            id,
            address,
            thread: thread::current().id(),
            queue_bytes_max: config.queue_bytes_max,
            close_within: config.keepalive.close_within.unwrap_or(Duration::MAX),
            queue: Mutex::default(),
            changed: Condvar::new(),
            writer,
            events,
        }))
    }

    /// Returns the number of the connection. A hub's numbers begin with 1 and are never used again.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Returns the address that the connection comes from. Behind a reverse proxy that is the
    /// proxy's.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Returns the state of the connection.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        match self.0.writer.ready_state() {
            ReadyState::Open if !self.0.queue().is_open() => ReadyState::Closing,
            state => state,
        }
    }

    /// Returns how many bytes wait in the queue, frame headers included. What is being written does
    /// not count.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.0.queue().bytes
    }

    /// Queues a message, without waiting: text from a `&str`, binary from a `&[u8]`, either from a
    /// [`&Message`](crate::Message).
    ///
    /// # Errors
    ///
    /// [`SendError::TooLong`] if the message is longer than the queue may be; the connection is as
    /// it was. [`SendError::TooSlow`] if the queue would overflow: the connection is now closing.
    /// [`SendError::Closing`] if it was already.
    pub fn send<'a>(&self, message: impl Into<Data<'a>>) -> Result<(), SendError> {
        self.send_prepared(&Prepared::new(message))
    }

    /// Queues a message that was encoded once for many connections, which share its memory.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&self, message: &Prepared) -> Result<(), SendError> {
        let (len, max) = (message.frame().len(), self.0.queue_bytes_max);
        let memory = memory(message);
        if len > max {
            return Err(SendError::TooLong { len, max });
        }
        if self.0.writer.ready_state() != ReadyState::Open {
            return Err(SendError::Closing);
        }
        let queued = self.0.change(|queue| {
            if !queue.is_open() {
                return Err(SendError::Closing);
            }
            // A queue that is empty takes any message that may be queued at all.
            if !queue.items.is_empty() && queue.memory.saturating_add(memory) > max {
                return Err(SendError::TooSlow);
            }
            queue.bytes = queue.bytes.saturating_add(len);
            queue.memory = queue.memory.saturating_add(memory);
            queue.items.push_back(Item::Message(message.clone()));
            Ok(())
        });
        if queued == Err(SendError::TooSlow) {
            self.drop_client(Drop::TooSlow);
        }
        queued
    }

    /// Closes the connection after the queued messages, with a code and a reason of at most 123
    /// bytes. Does not wait. A client that does not receive those and answer with its Close frame
    /// [in time](crate::keepalive::KeepaliveConfig::close_within), counted from this call, is
    /// dropped. What is being written has [its time](HubConfig::write_within) in any case.
    ///
    /// # Errors
    ///
    /// [`UsageError::CloseReasonTooLong`], or [`UsageError::CloseCode`] for 1010, which only
    /// clients send; the connection is as it was. [`UsageError::Closed`] if it is closing already:
    /// the first reason counts.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), UsageError> {
        if reason.len() > CloseReason::REASON_BYTES_MAX {
            return Err(UsageError::CloseReasonTooLong { len: reason.len() });
        }
        if code == CloseCode::MANDATORY_EXTENSION {
            return Err(UsageError::CloseCode { number: code.number() });
        }
        self.say_farewell(code, reason, self.0.close_within).ok_or(UsageError::Closed)
    }

    /// Ends the connection at once, without a closing handshake. Messages in the queue are lost.
    pub fn terminate(&self) {
        self.0.end();
        self.0.writer.terminate(Duration::ZERO);
    }

    /// Returns whether this is the connection of a handler that runs in one of these threads.
    pub(super) fn is_of(&self, threads: &[ThreadId]) -> bool {
        threads.contains(&self.0.thread)
    }

    /// Returns whether the connection is over, even if its session is still there.
    pub(super) fn is_over(&self) -> bool {
        self.0.writer.ready_state() == ReadyState::Closed
    }

    /// Returns whether we have ended the connection without the client's Close frame.
    pub(super) fn was_dropped(&self) -> bool {
        use Abnormal::{Terminated, TimedOut};
        matches!(self.0.writer.closed(), None | Some(Closed::Abnormal(Terminated | TimedOut(_))))
    }

    /// Closes the connection with 1001. Does nothing if it is closing already.
    pub(super) fn leave(&self, reason: &str, patience: Duration) {
        self.say_farewell(CloseCode::GOING_AWAY, reason, patience);
    }

    /// Closes the connection with 1013, for a fault of the client that concerns nobody else.
    pub(super) fn drop_client(&self, why: Drop) {
        let (id, address) = (self.0.id, self.0.address);
        let (reason, event) = match why {
            Drop::TooSlow => {
                ("you read too slowly: try again later", HubEvent::TooSlow { id, address })
            }
            Drop::OutOfMemory => (
                "no memory for your message: try again later",
                HubEvent::OutOfMemory { id, address },
            ),
        };
        let code = CloseCode::TRY_AGAIN_LATER;
        let is_new = self.say_farewell(code, reason, self.0.close_within).is_some();
        let is_news = self.0.change(|queue| {
            // Also if it is closing already: what is queued must not hold that up.
            let is_too_slow = matches!(why, Drop::TooSlow) && !queue.is_over && !queue.is_too_slow;
            queue.is_too_slow |= is_too_slow;
            if is_new || is_too_slow {
                queue.clear();
            }
            is_new || is_too_slow
        });
        if is_news {
            self.0.events.report(event);
        }
    }

    /// Leaves a Close frame for the writing thread. Returns `None` if the connection is closing
    /// already.
    fn say_farewell(&self, code: CloseCode, reason: &str, patience: Duration) -> Option<()> {
        if self.0.writer.ready_state() != ReadyState::Open {
            return None;
        }
        let farewell = Farewell { code, reason: reason.into(), deadline: after(Some(patience)) };
        self.0.change(|queue| queue.is_open().then(|| queue.farewell = Some(farewell)))
    }

    /// Returns whether our side is closing, and how long that may still take.
    pub(super) fn leaves_within(&self) -> Option<Duration> {
        self.0.queue().farewell.as_ref().map(|farewell| left(farewell.deadline))
    }

    /// Writes from the thread of the session, after everything that is queued. Waits for that, and
    /// for the client.
    pub(super) fn write_in_turn(
        &self,
        write: impl FnOnce(&Writer<S, Server>) -> Result<(), Error>,
    ) -> Result<(), SendError> {
        self.0.wait_for_turn()?;
        self.write(|| write(&self.0.writer))
    }

    /// The writing thread.
    pub(super) fn run(&self) {
        // A stream of the program's own may panic. Whoever queues or closes counts on this thread.
        if catch_unwind(AssertUnwindSafe(|| self.write_queue())).is_err() {
            self.terminate();
        }
    }

    fn write_queue(&self) {
        while let Some(task) = self.0.next_task() {
            match task {
                Task::Send(messages) => {
                    let _ = self.write(|| self.0.writer.send_all_in_time(&messages));
                }
                Task::Drop => self.drop_client(Drop::TooSlow),
                Task::Close(Farewell { code, reason, deadline }) => {
                    // Fails if there is nobody to say it to.
                    let _ = self.0.writer.post_close(code, &reason);
                    self.0.writer.terminate(left(deadline)); // waits for the client's Close frame
                    self.0.end();
                }
            }
        }
        if self.0.queue().has_failed {
            // The client may still say why, but not for ever.
            self.0.writer.terminate(self.0.close_within);
        }
    }

    /// Writes, then lets others write. Drops the client if it has not taken everything in time.
    fn write(&self, write: impl FnOnce() -> Result<(), Error>) -> Result<(), SendError> {
        let result = match write() {
            Ok(()) => Ok(()),
            Err(Error::TimedOut) => Err(SendError::TooSlow),
            // The connection is over, or nearly so. The reader finds out how.
            Err(_) => Err(SendError::Closing),
        };
        if result == Err(SendError::TooSlow) {
            self.drop_client(Drop::TooSlow);
        }
        self.0.change(|queue| {
            queue.is_writing = false;
            if result == Err(SendError::Closing) {
                queue.has_failed |= !queue.is_over;
                queue.end();
            }
        });
        result
    }
}

/// Returns how much memory a queued message takes.
fn memory(message: &Prepared) -> usize {
    message.frame().len().saturating_add(ITEM)
}

/// Returns how much time is left, for ever if there is no deadline.
fn left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
}

impl<S> Inner<S> {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the queue, and wakes the thread that slept until then, if there is one.
    fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = self.queue();
        let result = change(&mut queue);
        let wakes = queue.ends_sleep();
        drop(queue);
        if wakes {
            self.changed.notify_all();
        }
        result
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.change(Queue::end);
    }

    /// Waits until the session may write. What is before it is written in time, or the queue is
    /// dropped, which ends this wait, too.
    fn wait_for_turn(&self) -> Result<(), SendError> {
        let mut queue = self.queue();
        if !queue.is_open() {
            return Err(SendError::Closing);
        }
        if queue.is_writing || !queue.items.is_empty() {
            queue.items.push_back(Item::Turn);
            queue.turn = Turn::Waiting;
            while queue.turn == Turn::Waiting {
                queue.session_sleeps = true;
                queue = self.wait(queue);
            }
            if std::mem::take(&mut queue.turn) == Turn::None {
                return Err(SendError::Closing);
            }
        }
        queue.is_writing = true;
        Ok(())
    }

    /// Waits for something to write. Returns `None` once nothing can be written any more.
    fn next_task(&self) -> Option<Task> {
        let mut queue = self.queue();
        loop {
            if queue.is_over {
                return None;
            }
            if !queue.has_task() {
                queue.writer_sleeps = true;
                queue = self.wait(queue);
                continue;
            }
            let is_late = queue.farewell.as_ref().is_some_and(|farewell| passed(farewell.deadline));
            match queue.items.front() {
                None => return queue.farewell.clone().map(Task::Close),
                Some(_) if is_late => return Some(Task::Drop),
                Some(Item::Message(_)) => {
                    queue.is_writing = true;
                    return Some(Task::Send(queue.take_batch()));
                }
                Some(Item::Turn) => {
                    queue.items.pop_front();
                    queue.turn = Turn::Granted;
                    queue.is_writing = true;
                    if queue.ends_sleep() {
                        self.changed.notify_all();
                    }
                }
            }
        }
    }
}

impl Queue {
    fn is_open(&self) -> bool {
        self.farewell.is_none() && !self.is_over
    }

    /// Returns whether there is something for the writing thread.
    fn has_task(&self) -> bool {
        !self.is_writing && (!self.items.is_empty() || self.farewell.is_some())
    }

    /// Returns whether a thread sleeps that now has something to do.
    fn ends_sleep(&mut self) -> bool {
        let of_writer = self.writer_sleeps && (self.is_over || self.has_task());
        let of_session = self.session_sleeps && self.turn != Turn::Waiting;
        self.writer_sleeps &= !of_writer;
        self.session_sleeps &= !of_session;
        of_writer || of_session
    }

    /// Takes what is written together: the next message, and short ones after it.
    fn take_batch(&mut self) -> Vec<Prepared> {
        let mut batch = Vec::new();
        let mut room = BATCH_BYTES_MAX;
        while let Some(Item::Message(message)) = self.items.front() {
            let memory = memory(message);
            if !batch.is_empty() && memory > room {
                break;
            }
            room = room.saturating_sub(memory);
            self.bytes = self.bytes.saturating_sub(message.frame().len());
            self.memory = self.memory.saturating_sub(memory);
            batch.push(message.clone());
            self.items.pop_front();
        }
        if self.items.is_empty() {
            self.items.shrink_to(PLACES_KEPT);
        }
        batch
    }

    /// Ends all writing.
    fn end(&mut self) {
        self.is_over = true;
        self.clear();
    }

    /// Drops what waits.
    fn clear(&mut self) {
        self.items = VecDeque::new();
        (self.bytes, self.memory) = (0, 0);
        if self.turn == Turn::Waiting {
            self.turn = Turn::None;
        }
    }
}

impl<S> Clone for Peer<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Peer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.0.id)
            .field("address", &self.0.address)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::blocking::WebSocket;
    use crate::{Config, Connection, Inbox};

    #[test]
    fn the_writing_thread_is_woken_once_and_only_for_what_others_have_queued() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).unwrap(); // the system takes what is written
        let ws = WebSocket::new(stream, Connection::server(Config::default()), Inbox::new());
        let (_reader, writer) = ws.split().unwrap();
        let peer = Peer::new(1, address, &HubConfig::default(), Events::new(None), writer);
        let sleeps = || peer.0.queue().writer_sleeps;
        peer.0.queue().writer_sleeps = true;

        peer.write_in_turn(|writer| writer.send("of the session")).unwrap();
        assert!(sleeps(), "the session writes itself");
        let during = |_: &_| {
            peer.send("of others").unwrap();
            assert!(sleeps(), "it could not write yet");
            Ok(())
        };
        peer.write_in_turn(during).unwrap();
        assert!(!sleeps());
        assert!(matches!(peer.0.next_task(), Some(Task::Send(_))));
        peer.send("meanwhile").unwrap();
        peer.write(|| Ok(())).unwrap();
        assert!(matches!(peer.0.next_task(), Some(Task::Send(_))), "it looks again by itself");
        peer.terminate();
        assert!(peer.0.next_task().is_none());
    }
}
