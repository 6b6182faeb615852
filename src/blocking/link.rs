//! What the reader and the writers of one connection share.
//!
//! The writing side is in a mutex, which a writer may hold for as long as the socket takes. The
//! reader never waits for it: it posts its replies into a mailbox, and whoever can lock the writing
//! side empties the mailbox. A writer looks into it again after each unlock. So a reply is sent
//! either by the reader, or by the writer that was in its way.

use std::net::Shutdown;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::stream::Stream;
use super::timeouts::Timeouts;
use super::transfer::{Flush, Transfer, after, earlier, now, passed};
use crate::adapter::{Ending, Error, leaving_code};
use crate::connection::{self, Abnormal, Closed, ReadyState, Reply};
use crate::error::UsageError;
use crate::frame::OpCode;
use crate::keepalive::KeepaliveError;
use crate::role::Role;

/// How often the mailbox is emptied in one go. A peer that pings without end must not keep a writer
/// here; the reader tries again.
const ROUNDS_MAX: usize = 4;

/// Once the connection is over it holds no handle to the stream, however long writers are kept: a
/// peer that only sends, and is not read from, waits for room until the socket is closed.
pub(super) struct Link<S, R> {
    /// `None` once the connection is over.
    writing_side: Mutex<Option<WritingSide<S, R>>>,
    mailbox: Mutex<Mailbox>,
    /// Notified when the mailbox says that the connection is over.
    over: Condvar,
    /// Only for ending the stream, under a thread that writes. `None` once the connection is over.
    handle: Mutex<Option<S>>,
}

/// The state that only one thread at a time may touch, perhaps for long.
pub(super) struct WritingSide<S, R> {
    pub(super) writer: connection::Writer<R>,
    pub(super) transfer: Transfer<S>,
}

/// What is left for whoever writes next. Locked for moments only.
#[derive(Default)]
struct Mailbox {
    /// The newest pong (RFC 6455 §5.5.3).
    pong: Option<Reply>,
    /// The payload of a keep-alive ping.
    ping: Option<[u8; 8]>,
    /// The reply to the peer's Close frame or to its violation.
    close: Option<Reply>,
    /// Whether to close because a writer terminates the connection.
    leaves: bool,
    /// When our side began to close.
    closing_since: Option<Instant>,
    /// A write has failed, so nothing can be sent any more.
    cannot_write: bool,
    /// The peer's last word, once the reader has seen that.
    last_word: Option<Ending>,
    /// How the connection has ended. Nothing may be sent any more.
    ending: Option<Ending>,
}

impl<S, R> Link<S, R> {
    pub(super) fn new(
        writing_side: WritingSide<S, R>,
        handle: S,
        closing_since: Option<Instant>,
    ) -> Self {
        let cannot_write = writing_side.transfer.has_failed();
        Self {
            writing_side: Mutex::new(Some(writing_side)),
            mailbox: Mutex::new(Mailbox { closing_since, cannot_write, ..Mailbox::default() }),
            over: Condvar::new(),
            handle: Mutex::new(Some(handle)),
        }
    }

    /// Leaves a keep-alive ping for whoever writes next.
    pub(super) fn post_ping(&self, payload: [u8; 8]) {
        lock(&self.mailbox).ping = Some(payload);
    }

    /// Notes that our side has begun to close.
    pub(super) fn note_closing(&self) {
        lock(&self.mailbox).closing_since.get_or_insert_with(Instant::now);
    }

    pub(super) fn closing_since(&self) -> Option<Instant> {
        lock(&self.mailbox).closing_since
    }

    pub(super) fn ready_state(&self) -> ReadyState {
        let mailbox = lock(&self.mailbox);
        match mailbox.closing_since {
            _ if mailbox.is_over() => ReadyState::Closed,
            None if !mailbox.cannot_write => ReadyState::Open,
            _ => ReadyState::Closing,
        }
    }

    /// Notes the peer's last word.
    pub(super) fn note_last_word(&self, last_word: &Ending) {
        lock(&self.mailbox).last_word.get_or_insert_with(|| last_word.clone());
    }

    /// Returns how the connection has ended.
    pub(super) fn closed(&self) -> Option<Closed> {
        lock(&self.mailbox).ending.as_ref().map(|ending| ending.closed().clone())
    }

    /// Returns the reason why nothing can be sent instead of the error of sending, if the reader
    /// knows one.
    fn explain(&self, error: Error) -> Error {
        match error {
            Error::Io(_) | Error::Usage(UsageError::Closed) => {
                let mailbox = lock(&self.mailbox);
                let reason = mailbox.ending.as_ref().or(mailbox.last_word.as_ref());
                reason.map_or(error, Ending::error_of_sending)
            }
            other => other,
        }
    }
}

impl<S: Stream, R: Role> Link<S, R> {
    /// Sends something. Fails with the reason why that cannot be done, if the reader knows one.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&mut WritingSide<S, R>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let result = self.with_writing_side(write).unwrap_or(Err(UsageError::Closed.into()));
        result.map_err(|error| self.explain(error))
    }

    /// Uses the writing side, then writes what the reader has posted meanwhile. Returns `None` if
    /// the connection is over.
    pub(super) fn with_writing_side<T>(
        &self,
        call: impl FnOnce(&mut WritingSide<S, R>) -> T,
    ) -> Option<T> {
        let mut guard = lock(&self.writing_side);
        let side = guard.as_mut()?;
        let result = call(side);
        let has_failed = side.transfer.has_failed();
        drop(guard);
        let mut mailbox = lock(&self.mailbox);
        mailbox.cannot_write |= has_failed;
        let has_mail = !mailbox.is_empty() || mailbox.is_over();
        drop(mailbox);
        if has_mail {
            self.deliver(now());
        }
        Some(result)
    }

    /// Encodes a reply, or leaves it for whoever writes next. [`deliver`](Self::deliver) writes it.
    pub(super) fn post_reply(&self, reply: Reply) {
        let mut mailbox = lock(&self.mailbox);
        if reply.opcode() == OpCode::CLOSE {
            mailbox.pong = None; // RFC 6455 §5.5.2: not needed after a Close frame
            mailbox.close = Some(reply);
            mailbox.closing_since.get_or_insert_with(Instant::now);
        } else {
            mailbox.pong = Some(reply);
        }
        drop(mailbox);
        if let Some(mut guard) = self.try_writing_side()
            && let Some(side) = &mut *guard
        {
            side.empty(&mut lock(&self.mailbox));
        }
    }

    fn try_writing_side(&self) -> Option<MutexGuard<'_, Option<WritingSide<S, R>>>> {
        match self.writing_side.try_lock() {
            Ok(side) => Some(side),
            Err(TryLockError::Poisoned(side)) => Some(side.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Writes what is in the mailbox and what writers have left, until `deadline`, unless a thread
    /// has the writing side and will do so afterwards.
    pub(super) fn deliver(&self, deadline: Option<Instant>) -> Flush {
        for round in 1.. {
            let Some(mut guard) = self.try_writing_side() else { break };
            if lock(&self.mailbox).is_over() {
                let side = guard.take();
                drop(guard);
                drop(side); // the stream may do anything when it is dropped
                return Flush::Done;
            }
            let Some(side) = &mut *guard else { return Flush::Done };
            side.empty(&mut lock(&self.mailbox));
            let flushed = side.transfer.flush_while_receiving(deadline);
            let has_failed = side.transfer.has_failed();
            drop(guard);
            let mut mailbox = lock(&self.mailbox);
            mailbox.cannot_write |= has_failed;
            // Others posted while we had the writing side: we write it, and see whether it is over.
            if mailbox.is_over() {
                continue;
            }
            if flushed != Flush::Done {
                return flushed;
            }
            if mailbox.is_empty() {
                return Flush::Done;
            }
            if round >= ROUNDS_MAX {
                return Flush::Partly;
            }
        }
        Flush::Elsewhere
    }

    /// Ends the connection for those who write, and lets go of the stream. The peer's last word
    /// takes precedence. Returns how it has ended: whoever comes first decides.
    pub(super) fn end(&self, otherwise: Ending) -> Ending {
        let ending = self.note_end(otherwise);
        let handle = lock(&self.handle).take();
        drop(handle); // not while it is locked
        self.deliver(now());
        ending
    }

    fn note_end(&self, otherwise: Ending) -> Ending {
        let mut mailbox = lock(&self.mailbox);
        let last_word = mailbox.last_word.take().unwrap_or(otherwise);
        let ending = mailbox.ending.get_or_insert(last_word).clone();
        drop(mailbox);
        self.over.notify_all();
        ending
    }

    /// Sends a Close frame if none has been sent, and ends the stream unless the reader sees the
    /// end of the connection within `timeout`.
    pub(super) fn terminate(&self, timeout: Duration) {
        let mut why = Abnormal::Terminated;
        if !timeout.is_zero() {
            let mut mailbox = lock(&self.mailbox);
            mailbox.leaves = true;
            mailbox.closing_since.get_or_insert_with(Instant::now);
            drop(mailbox);
            let deadline = after(Some(timeout));
            while !passed(deadline) {
                // What writers have left goes out first, and nobody else may be writing.
                let flushed = self.deliver(now());
                let retry = flushed.retry_after().and_then(|time| after(Some(time)));
                if self.wait_for_end(earlier(deadline, retry)) {
                    return;
                }
            }
            why = Abnormal::TimedOut(KeepaliveError::Close);
        }
        // Before the stream ends, which the reader would take for the peer's doing.
        self.note_end(Ending::abnormal(why));
        let handle = lock(&self.handle).take();
        if let Some(mut handle) = handle {
            // An error means that it has ended already.
            let _ = Timeouts::default().shutdown(&mut handle, Shutdown::Both, now());
        }
        self.deliver(now()); // nothing, but lets go of the stream
    }

    /// Returns whether the connection is over, before `deadline`.
    fn wait_for_end(&self, deadline: Option<Instant>) -> bool {
        let mut mailbox = lock(&self.mailbox);
        while !mailbox.is_over() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            mailbox = match left {
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    let woken = self.over.wait_timeout(mailbox, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.over.wait(mailbox).unwrap_or_else(PoisonError::into_inner),
            };
        }
        true
    }
}

impl<S: Stream, R: Role> WritingSide<S, R> {
    /// Encodes what is in the mailbox. Leaves a pong or ping while the backlog is too large.
    fn empty(&mut self, mailbox: &mut Mailbox) {
        let Self { writer, transfer } = self;
        if !writer.is_backed_up(transfer.out()) {
            if let Some(pong) = mailbox.pong.take() {
                writer.reply(&pong, transfer.out());
            }
            if let Some(payload) = mailbox.ping.take() {
                // Refused once our side has begun to close, and not needed then.
                let _ = writer.ping(&payload, transfer.out());
            }
        }
        if let Some(close) = mailbox.close.take() {
            writer.reply(&close, transfer.out());
        }
        if std::mem::take(&mut mailbox.leaves) {
            // Refused once our side has begun to close.
            let _ = writer.close(leaving_code::<R>(), "", transfer.out());
        }
    }
}

impl Mailbox {
    fn is_over(&self) -> bool {
        self.ending.is_some()
    }

    fn is_empty(&self) -> bool {
        self.pong.is_none() && self.ping.is_none() && self.close.is_none() && !self.leaves
    }
}

/// Locks a mutex, even if another thread has panicked with it locked: only the stream's code could.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, OnceCell};
    use std::io::{self, Read, Write};
    use std::rc::{Rc, Weak};

    use super::*;
    use crate::buffers::Inbox;
    use crate::{Config, Connection, Server};

    type TestLink = Link<Pinged, Server>;

    /// A stream during whose writes the reader receives another ping, up to so many.
    #[derive(Clone, Default)]
    struct Pinged {
        link: Rc<OnceCell<Weak<TestLink>>>,
        pings_left: Rc<Cell<usize>>,
        writes: Rc<Cell<usize>>,
    }

    impl Read for Pinged {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }

    impl Write for Pinged {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes.set(self.writes.get() + 1);
            if let Some(left) = self.pings_left.get().checked_sub(1) {
                self.pings_left.set(left);
                self.link.get().unwrap().upgrade().unwrap().post_reply(pong());
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Stream for Pinged {
        fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
            Ok(())
        }

        fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
            Ok(())
        }

        fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
            Ok(())
        }
    }

    fn pong() -> Reply {
        Reply::new(OpCode::PONG, &[b"?"])
    }

    fn link(pings: usize) -> (Rc<TestLink>, Pinged) {
        let stream = Pinged::default();
        stream.pings_left.set(pings);
        let (_, writer) = Connection::server(Config::default()).split();
        let transfer = Transfer::new(stream.clone(), Inbox::new());
        let link = Rc::new(Link::new(WritingSide { writer, transfer }, stream.clone(), None));
        assert!(stream.link.set(Rc::downgrade(&link)).is_ok());
        (link, stream)
    }

    #[test]
    fn class_20_a_peer_that_pings_without_end_does_not_keep_a_writer() {
        let (link, stream) = link(usize::MAX);
        link.write(|side| side.transfer.send(|out| side.writer.send("Hello", out))).unwrap();
        assert!(stream.writes.get() <= 1 + ROUNDS_MAX, "{} writes", stream.writes.get());
        // What is left is written as soon as somebody tries again.
        stream.pings_left.set(0);
        assert_eq!(link.deliver(now()), Flush::Done);
    }

    /// Whoever has the writing side owes the replies that are posted meanwhile, whatever for.
    #[test]
    fn what_is_posted_while_somebody_has_the_writing_side_is_written_afterwards() {
        let (link, stream) = link(0);
        link.with_writing_side(|_| link.post_reply(pong()));
        assert_eq!(stream.writes.get(), 1);
    }
}
