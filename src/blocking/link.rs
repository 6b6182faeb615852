//! What the reader and the writers of one connection share.
//!
//! The writing side is in a mutex, which a writer may hold for as long as the socket takes. The
//! reader never waits for it: it posts its replies into a mailbox, and whoever can lock the writing
//! side empties the mailbox. A writer looks into it again after each unlock. So a reply is sent
//! either by the reader, or by the writer that was in its way.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::ending::leaving_code;
use super::error::Error;
use super::stream::Stream;
use super::transfer::{Flush, Transfer, after};
use crate::connection::{self, Abnormal, ReadyState, Reply};
use crate::frame::OpCode;
use crate::keepalive::KeepaliveError;
use crate::role::Role;

/// How long the reader may try to write a reply before it goes on reading. A peer that does not
/// read must not keep us from reading.
const REPLY_WITHIN: Duration = Duration::from_millis(1);

pub(super) struct Link<S, R> {
    writing_side: Mutex<WritingSide<S, R>>,
    mailbox: Mutex<Mailbox>,
    /// Notified when the mailbox says that the connection is over.
    over: Condvar,
    /// Only for ending the stream, under a thread that writes.
    handle: Mutex<S>,
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
    /// Nothing may be sent any more.
    is_over: bool,
    /// Why a writer has ended the connection.
    terminated: Option<Abnormal>,
}

impl<S, R> Link<S, R> {
    pub(super) fn new(
        writing_side: WritingSide<S, R>,
        handle: S,
        closing_since: Option<Instant>,
    ) -> Self {
        Self {
            writing_side: Mutex::new(writing_side),
            mailbox: Mutex::new(Mailbox { closing_since, ..Mailbox::default() }),
            over: Condvar::new(),
            handle: Mutex::new(handle),
        }
    }

    pub(super) fn writing_side(&self) -> MutexGuard<'_, WritingSide<S, R>> {
        lock(&self.writing_side)
    }

    /// Leaves a reply for whoever writes next.
    pub(super) fn post_reply(&self, reply: Reply) {
        let mut mailbox = lock(&self.mailbox);
        if reply.opcode() == OpCode::CLOSE {
            mailbox.pong = None; // RFC 6455 §5.5.2: not needed after a Close frame
            mailbox.close = Some(reply);
            mailbox.closing_since.get_or_insert_with(Instant::now);
        } else {
            mailbox.pong = Some(reply);
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

    /// Returns why a writer has ended the connection, if one has.
    pub(super) fn terminated(&self) -> Option<Abnormal> {
        lock(&self.mailbox).terminated
    }

    pub(super) fn ready_state(&self) -> ReadyState {
        let mailbox = lock(&self.mailbox);
        match mailbox.closing_since {
            _ if mailbox.is_over => ReadyState::Closed,
            Some(_) => ReadyState::Closing,
            None => ReadyState::Open,
        }
    }
}

impl<S: Stream, R: Role> Link<S, R> {
    /// Uses the writing side, then writes what the reader has posted meanwhile.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&mut WritingSide<S, R>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let result = write(&mut self.writing_side());
        let mailbox = lock(&self.mailbox);
        if !mailbox.is_empty() || mailbox.is_over {
            drop(mailbox);
            self.deliver();
        }
        result
    }

    /// Writes what is in the mailbox, unless a thread has the writing side and will do so
    /// afterwards.
    pub(super) fn deliver(&self) -> Flush {
        loop {
            let mut side = match self.writing_side.try_lock() {
                Ok(side) => side,
                Err(TryLockError::Poisoned(side)) => side.into_inner(),
                Err(TryLockError::WouldBlock) => return Flush::Later,
            };
            let is_over = {
                let mut mailbox = lock(&self.mailbox);
                side.empty(&mut mailbox);
                mailbox.is_over
            };
            if is_over {
                side.writer.end_of_output();
                side.transfer.end_output();
            }
            let flushed = side.transfer.flush_while_receiving(after(Some(REPLY_WITHIN)));
            if flushed == Flush::Done && side.release_held_back() {
                continue;
            }
            drop(side);
            // What was posted while we had the writing side is ours to write.
            let mailbox = lock(&self.mailbox);
            if flushed == Flush::Later || (mailbox.is_empty() && mailbox.is_over == is_over) {
                return flushed;
            }
        }
    }

    /// Ends the connection for those who write.
    pub(super) fn end(&self) {
        lock(&self.mailbox).is_over = true;
        self.over.notify_all();
        self.deliver();
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
            self.deliver();
            if self.wait_for_end(after(Some(timeout))) {
                return;
            }
            why = Abnormal::TimedOut(KeepaliveError::Close);
        }
        lock(&self.mailbox).terminated.get_or_insert(why);
        // An error means that it has ended already.
        let _ = lock(&self.handle).shutdown(std::net::Shutdown::Both);
        self.end();
    }

    /// Returns whether the connection is over, before `deadline`.
    fn wait_for_end(&self, deadline: Option<Instant>) -> bool {
        let mut mailbox = lock(&self.mailbox);
        while !mailbox.is_over {
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
    /// Encodes a pong that was held back before the split. Returns whether there was one.
    fn release_held_back(&mut self) -> bool {
        self.writer.flush_replies(self.transfer.out());
        self.transfer.is_unsent()
    }

    /// Encodes what is in the mailbox. Leaves a pong or ping that would have to queue up.
    fn empty(&mut self, mailbox: &mut Mailbox) {
        let Self { writer, transfer } = self;
        if !transfer.is_unsent() {
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
    fn is_empty(&self) -> bool {
        self.pong.is_none() && self.ping.is_none() && self.close.is_none() && !self.leaves
    }
}

/// Locks a mutex, even if another thread has panicked with it locked: only the stream's code could.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
