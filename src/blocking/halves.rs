//! [`Reader`] and [`Writer`]: one connection, several threads.
//!
//! The writing side is behind a mutex that a writer may hold for as long as the socket takes. The reading thread never
//! waits for it: what it owes the peer it puts into a mailbox, and whoever can lock the writing side empties the
//! mailbox; a writer looks into it again after each unlock. So a reply is either sent by the reader, or by the writer
//! that was in its way.

use core::fmt;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::incoming::{Abnormal, Closed, Ended, Error, Failure, Incoming, ReadyState};
use super::stream::{Stream, TryClone};
use super::transfer::{Fill, Transfer, after, earlier, passed};
use super::websocket::{Ending, WebSocket, near};
use crate::connection::{self, Data, Event, KeepaliveConfig, Prepared, Receiver, Reply, Sender};
use crate::error::Misuse;
use crate::frame::{CloseCode, CloseReason, OpCode};
use crate::role::Role;

/// How long the reading thread may try to write a reply before it goes on reading: a peer that does not read must not
/// keep us from reading.
const REPLY_WITHIN: Duration = Duration::from_millis(1);
/// How soon it then tries again.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// The reading half of a [`WebSocket`], for one thread. It answers pings and Close frames, too.
///
/// Dropping it ends the connection.
pub struct Reader<S: Stream, R: Role> {
    transfer: Transfer<S>,
    receiver: Receiver<R>,
    read_timeout: Option<Duration>,
    ending: Ending,
    clock: Clock,
    shared: Arc<Shared<S, R>>,
}

/// The writing half of a [`WebSocket`], for any number of threads: clone it, or lend it out.
///
/// A message is sent in one piece, whoever else sends. The parts of a message that is sent in parts belong to whoever
/// sends parts: two threads must not do that at once.
pub struct Writer<S, R> {
    shared: Arc<Shared<S, R>>,
}

struct Shared<S, R> {
    side: Mutex<Side<S, R>>,
    mailbox: Mutex<Mailbox>,
    /// For nothing but the end.
    handle: Mutex<S>,
}

/// What only one thread at a time may touch, perhaps for long.
struct Side<S, R> {
    sender: Sender<R>,
    transfer: Transfer<S>,
    write_timeout: Option<Duration>,
    write_error: Option<Failure>,
}

/// What the reading thread leaves for the writing side; locked for moments only.
#[derive(Default)]
struct Mailbox {
    /// The newest (RFC 6455 §5.5.3).
    pong: Option<Reply>,
    /// The payload of a keep-alive ping.
    ping: Option<[u8; 8]>,
    close: Option<Reply>,
    /// Nothing may be sent any more.
    over: bool,
    /// When our side began to close.
    closing_since: Option<Instant>,
}

impl<S: TryClone, R: Role> WebSocket<S, R> {
    /// Takes the connection apart, so that one thread can read while others write.
    ///
    /// Time-outs and [keep-alive](Self::set_keepalive) stay as they were set; the reader's thread sees to it that
    /// the peer is pinged.
    ///
    /// ```no_run
    /// # #[cfg(feature = "rand")] {
    /// use hybi::blocking::{self, Incoming};
    ///
    /// let (mut reader, writer) = blocking::connect("ws://localhost:9001/")?.split()?;
    /// std::thread::spawn(move || {
    ///     for line in std::io::stdin().lines() {
    ///         writer.send(&*line?)?;
    ///     }
    ///     writer.close_without_code()
    /// });
    /// loop {
    ///     match reader.read()? {
    ///         Incoming::Text(text) => println!("{text}"),
    ///         Incoming::Closed(closed) => break println!("closed: {closed}"),
    ///         _ => {}
    ///     }
    /// }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The stream could not be cloned; the connection is then dropped.
    pub fn split(self) -> io::Result<(Reader<S, R>, Writer<S, R>)> {
        let mut parts = self.into_parts();
        let handle = Mutex::new(parts.transfer.stream().try_clone()?);
        let mut transfer = Transfer::write_only(parts.transfer.stream().try_clone()?);
        parts.connection.flush_replies(parts.transfer.out());
        parts.transfer.move_out(&mut transfer);
        let is_open = parts.connection.ready_state() == connection::ReadyState::Open;
        let mailbox =
            Mailbox { closing_since: (!is_open).then(Instant::now), ..Mailbox::default() };
        let (receiver, sender) = parts.connection.split();
        let side = Side {
            sender,
            transfer,
            write_timeout: parts.write_timeout,
            write_error: parts.ending.write_error.clone(),
        };
        let shared =
            Arc::new(Shared { side: Mutex::new(side), mailbox: Mutex::new(mailbox), handle });
        let reader = Reader {
            transfer: parts.transfer,
            receiver,
            read_timeout: parts.read_timeout,
            ending: parts.ending,
            clock: parts.clock,
            shared: Arc::clone(&shared),
        };
        Ok((reader, Writer { shared }))
    }
}

impl<S: Stream, R: Role> Reader<S, R> {
    /// As [`WebSocket::read`]. Unsent bytes of the writers are their own business; replies are sent from here, or by
    /// the writer that is in the way.
    ///
    /// Closing is given as long as the [keep-alive](Self::set_keepalive) says, counted from the moment a writer has sent a
    /// Close frame, or the peer. A read that began before a writer closed notices that when it wakes up: when the peer
    /// says something, or a ping or its own time-out is due; [`Writer::terminate`] ends it at once.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub fn read(&mut self) -> Result<Incoming, Error> {
        let deadline = after(self.read_timeout);
        let mut waited = false;
        loop {
            if let Some(ended) = &self.ending.ended {
                return ended.tell().map(Incoming::Closed);
            }
            if let Some(incoming) = self.take_event() {
                return Ok(incoming);
            }
            if waited && passed(deadline) {
                return Ok(Incoming::TimedOut);
            }
            waited = true;
            if self.wait(deadline) {
                return Ok(Incoming::TimedOut);
            }
        }
    }

    /// As [`WebSocket::set_read_timeout`].
    ///
    /// # Errors
    ///
    /// What the stream says, `Unsupported` above all; the old time-out stays.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.transfer.try_read_timeout(timeout)?;
        self.read_timeout = timeout;
        Ok(())
    }

    /// As [`WebSocket::set_keepalive`].
    pub fn set_keepalive(&mut self, config: KeepaliveConfig) {
        self.clock = Clock::new(config);
    }

    /// As [`WebSocket::round_trip`].
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.clock.round_trip()
    }

    /// The stream, for its address and options.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.transfer.stream()
    }

    fn take_event(&mut self) -> Option<Incoming> {
        loop {
            let (mut input, _) = self.transfer.buffers();
            let (incoming, reply) = match self.receiver.receive(&mut input) {
                Ok(None) => {
                    self.transfer.keep_unread(0);
                    return None;
                }
                Ok(Some(event)) => {
                    let reply = event.reply();
                    let incoming = match event {
                        Event::Text(text) => Some(Incoming::Text(text.into_owned())),
                        Event::Binary(data) => Some(Incoming::Binary(data.into_owned())),
                        Event::Pong(payload) if !self.clock.see_pong(&payload) => {
                            Some(Incoming::Pong(payload.into_owned()))
                        }
                        Event::Pong(_) | Event::Ping(_) => None,
                        Event::Close(reason) => {
                            self.ending.close = Some(reason.map(CloseReason::into_owned));
                            None
                        }
                    };
                    (incoming, reply)
                }
                Err(violation) => {
                    self.ending.violation = Some(violation);
                    (None, Some(violation.reply()))
                }
            };
            let unread = input.len();
            self.transfer.keep_unread(unread);
            if let Some(reply) = reply {
                self.shared.post(reply);
                self.shared.deliver();
            }
            if incoming.is_some() {
                return incoming;
            }
        }
    }

    /// As the whole connection's.
    fn wait(&mut self, deadline: Option<Instant>) -> bool {
        let closed = self.ending.close.is_some() || self.ending.violation.is_some();
        let closing_since = self.shared.mailbox().closing_since;
        let mut wake = match self.clock.poll_halves(closing_since) {
            Ok((ping, wake)) => {
                if ping.is_some() {
                    self.shared.mailbox().ping = ping;
                }
                wake
            }
            Err(expired) => {
                return self.end(Ended::Closed(Closed::Abnormal(Abnormal::Expired(expired))));
            }
        };
        let settled = self.shared.deliver();
        if !settled {
            wake = earlier(wake, after(Some(RETRY_AFTER)));
        } else if closed && R::IS_SERVER || self.ending.violation.is_some() {
            // RFC 6455 §7.1.1: the server ends the transport first, and so does whoever fails the connection.
            match self.transfer.linger() {
                Some(until) => wake = earlier(wake, Some(until)),
                None => return self.end(Ended::Closed(Closed::Abnormal(Abnormal::Terminated))),
            }
        } else if closed && !self.transfer.can_wait() {
            return self.end(Ended::Closed(Closed::Abnormal(Abnormal::Terminated)));
        }
        match self.transfer.fill(earlier(deadline, wake)) {
            Ok(Fill::Bytes) => {
                self.clock.heard();
                false
            }
            Ok(Fill::Later) => !near(wake) || passed(deadline),
            Ok(Fill::End) => {
                let why = self
                    .receiver
                    .end_of_input()
                    .map_or_else(Abnormal::CutOff, |()| Abnormal::Terminated);
                self.end(Ended::Closed(Closed::Abnormal(why)))
            }
            Err(error) => self.end(Ended::Io(Failure::new(&error))),
        }
    }

    fn end(&mut self, otherwise: Ended) -> bool {
        let _ = self.receiver.end_of_input();
        self.ending.settle(otherwise);
        self.shared.mailbox().over = true;
        // Wakes up a writer that waits for the socket. An error says that it is closed already.
        let _ = self.transfer.stream_mut().shutdown(Shutdown::Both);
        self.shared.deliver();
        false
    }
}

impl<S: Stream, R: Role> Drop for Reader<S, R> {
    fn drop(&mut self) {
        if self.ending.ended.is_none() {
            self.end(Ended::Closed(Closed::Abnormal(Abnormal::Terminated)));
        }
    }
}

impl<S: Stream, R: Role> Writer<S, R> {
    /// As [`WebSocket::send`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`]. [`Misuse::Closed`] also tells that the reader has seen the end of the connection.
    pub fn send<'a>(&self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        self.write(|side| side.sender.send(message, side.transfer.out()))
    }

    /// As [`WebSocket::send_prepared`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&self, message: &Prepared) -> Result<(), Error> {
        self.write(|side| side.sender.send_prepared(message, side.transfer.out()))
    }

    /// As [`WebSocket::send_part`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_part`].
    pub fn send_part<'a>(&self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        self.write(|side| side.sender.send_part(part, side.transfer.out()))
    }

    /// As [`WebSocket::send_last_part`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_last_part`].
    pub fn send_last_part<'a>(&self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        self.write(|side| side.sender.send_last_part(part, side.transfer.out()))
    }

    /// As [`WebSocket::ping`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ping`].
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.write(|side| side.sender.ping(payload, side.transfer.out()))
    }

    /// As [`WebSocket::close`]: the reader then sees the peer's Close frame.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`].
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.close_with(|side| side.sender.close(code, reason, side.transfer.out()))
    }

    /// As [`WebSocket::close_without_code`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close_without_code`].
    pub fn close_without_code(&self) -> Result<(), Error> {
        self.close_with(|side| side.sender.close_without_code(side.transfer.out()))
    }

    /// Writes what is unsent. `false`: the stream did not take all of it at once or within the write time-out.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::flush`].
    pub fn flush(&self) -> Result<bool, Error> {
        self.write(|_| Ok(())).map(|()| self.unsent_bytes() == 0)
    }

    /// As [`WebSocket::ready_state`], without waiting for anybody.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        let mailbox = self.shared.mailbox();
        match (mailbox.over, mailbox.closing_since) {
            (true, _) => ReadyState::Closed,
            (false, Some(_)) => ReadyState::Closing,
            (false, None) => ReadyState::Open,
        }
    }

    /// As [`WebSocket::unsent_bytes`]. It waits for a thread that is sending.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.shared.side().transfer.unsent()
    }

    /// As [`WebSocket::set_write_timeout`], for all writers. It waits for a thread that is sending.
    ///
    /// # Errors
    ///
    /// What the stream says, `Unsupported` above all; the old time-out stays.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        let mut side = self.shared.side();
        side.transfer.try_write_timeout(timeout)?;
        side.write_timeout = timeout;
        Ok(())
    }

    /// Drops the connection at once, without a closing handshake, also from under a thread that is sending: the reader
    /// sees the end of the stream.
    pub fn terminate(&self) {
        self.shared.mailbox().over = true;
        let mut handle = self.shared.handle.lock().unwrap_or_else(PoisonError::into_inner);
        // An error says that it is closed already.
        let _ = handle.shutdown(Shutdown::Both);
        drop(handle);
        self.shared.deliver();
    }

    fn close_with(
        &self,
        close: impl FnOnce(&mut Side<S, R>) -> Result<(), Misuse>,
    ) -> Result<(), Error> {
        self.write(|side| {
            close(side)?;
            self.shared.mailbox().closing_since.get_or_insert_with(Instant::now);
            Ok(())
        })
    }

    fn write(
        &self,
        encode: impl FnOnce(&mut Side<S, R>) -> Result<(), Misuse>,
    ) -> Result<(), Error> {
        let result = self.shared.side().write(encode);
        self.shared.deliver(); // what the reader could not while we were in its way
        result
    }
}

impl<S, R> Clone for Writer<S, R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S, R> Shared<S, R> {
    fn side(&self) -> MutexGuard<'_, Side<S, R>> {
        self.side.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, reply: Reply) {
        let mut mailbox = self.mailbox();
        if reply.opcode() == OpCode::CLOSE {
            mailbox.pong = None; // RFC 6455 §5.5.2: not needed after a Close
            mailbox.close = Some(reply);
            mailbox.closing_since.get_or_insert_with(Instant::now);
        } else {
            mailbox.pong = Some(reply);
        }
    }
}

impl Mailbox {
    fn is_empty(&self) -> bool {
        self.pong.is_none() && self.ping.is_none() && self.close.is_none()
    }
}

impl<S: Stream, R: Role> Shared<S, R> {
    /// Sends what is in the mailbox, unless somebody has the writing side, who will do it afterwards. Whether nothing is
    /// left to be written, as far as one can see.
    fn deliver(&self) -> bool {
        loop {
            let mut side = match self.side.try_lock() {
                Ok(side) => side,
                Err(TryLockError::Poisoned(side)) => side.into_inner(),
                Err(TryLockError::WouldBlock) => return false,
            };
            let over = {
                let mut mailbox = self.mailbox();
                side.take(&mut mailbox);
                mailbox.over
            };
            let settled = side.flush_replies(over);
            drop(side);
            // Whatever was posted while we had the writing side is ours to send.
            let mailbox = self.mailbox();
            if !settled || (mailbox.is_empty() && mailbox.over == over) {
                return settled;
            }
        }
    }
}

impl<S: Stream, R: Role> Side<S, R> {
    fn write(&mut self, encode: impl FnOnce(&mut Self) -> Result<(), Misuse>) -> Result<(), Error> {
        if let Some(failure) = &self.write_error {
            return Err(Error::Io(failure.tell()));
        }
        encode(self)?;
        self.flush(after(self.write_timeout)).map(|_| ())
    }

    /// Encodes what the reader has left: all but a pong and a ping behind which others would only queue up.
    fn take(&mut self, mailbox: &mut Mailbox) {
        if !self.transfer.owes() {
            if let Some(pong) = mailbox.pong.take() {
                self.sender.reply(&pong, self.transfer.out());
            }
            if let Some(payload) = mailbox.ping.take() {
                // Refused once we have begun to close, and then it is not needed.
                let _ = self.sender.ping(&payload, self.transfer.out());
            }
        }
        if let Some(close) = mailbox.close.take() {
            self.sender.reply(&close, self.transfer.out());
        }
    }

    fn flush_replies(&mut self, over: bool) -> bool {
        if over {
            self.sender.end_of_output();
            self.write_error = None;
        }
        if over || self.write_error.is_some() {
            self.transfer.discard_out();
        }
        // An error is kept for those who write, and the reader finds its own.
        !self.transfer.owes() || self.flush(after(Some(REPLY_WITHIN))).unwrap_or(true)
    }

    fn flush(&mut self, deadline: Option<Instant>) -> Result<bool, Error> {
        self.transfer.flush(deadline).map_err(|error| {
            self.write_error = Some(Failure::new(&error));
            self.transfer.discard_out();
            Error::Io(error)
        })
    }
}

impl<S: Stream, R: Role> fmt::Debug for Reader<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("ended", &self.ending.ended).finish_non_exhaustive()
    }
}

impl<S, R> fmt::Debug for Writer<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
