//! [`WebSocket`]: an open connection over a stream.

use core::fmt;
use std::io;
use std::net::Shutdown;
use std::string::String;
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

use super::clock::Clock;
use super::incoming::{Abnormal, Closed, Ended, Error, Failure, Incoming, ReadyState};
use super::stream::Stream;
use super::transfer::{Fill, Transfer, after, earlier, passed};
use crate::connection::{
    self, Connection, Data, Event, Expired, KeepaliveConfig, Prepared, Transport,
};
use crate::error::{Misuse, Violation};
use crate::frame::{CloseCode, CloseReason};
use crate::handshake::Response;
use crate::role::{Client, Role};

/// How much [`WebSocket::queue`] gathers before it writes.
const QUEUE_BYTES_MAX: usize = 64 << 10;
/// Systems count time-outs in ticks of their own and may wake up a little early.
const TICK: Duration = Duration::from_millis(20);

/// An open WebSocket connection over a stream: [`read`](Self::read), [`send`](Self::send), [`close`](Self::close).
///
/// Pings and Close frames are answered while reading. So a program that only sends should still read now and then, or
/// leave that to [another thread](Self::split).
///
/// Dropping it closes the transport without a closing handshake; the peer's program sees 1006.
///
/// ```no_run
/// # #[cfg(feature = "rand")] {
/// use hybi::CloseCode;
/// use hybi::blocking::{self, Incoming};
///
/// let mut ws = blocking::connect("ws://localhost:9001/")?;
/// ws.send("Hello")?;
/// loop {
///     match ws.read()? {
///         Incoming::Text(text) => {
///             println!("{text}");
///             ws.close(CloseCode::NORMAL, "that was all")?;
///         }
///         Incoming::Closed(closed) => break println!("closed: {closed}"),
///         Incoming::Binary(_) | Incoming::Pong(_) | Incoming::TimedOut => {}
///     }
/// }
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WebSocket<S, R> {
    transfer: Transfer<S>,
    connection: Connection<R>,
    clock: Clock,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    agreed: Agreed,
    ending: Ending,
}

/// What the handshake left behind.
pub(super) enum Agreed {
    Nothing,
    Subprotocol(String),
    /// From the server, whose headers may be of interest.
    #[cfg_attr(
        not(feature = "rand"),
        expect(dead_code, reason = "connecting needs random numbers")
    )]
    Response(Response<'static>),
}

/// What is known of the end, before the transport has ended and after.
#[derive(Default)]
pub(super) struct Ending {
    /// Why nothing can be written any more.
    pub(super) write_error: Option<Failure>,
    /// What the peer's Close frame said.
    pub(super) close: Option<Option<CloseReason<'static>>>,
    /// The rule that it broke.
    pub(super) violation: Option<Violation>,
    /// All is over.
    pub(super) ended: Option<Ended>,
}

impl Ending {
    /// How the connection ended, now that the transport has: what the peer said is worth more than how the transport
    /// ended afterwards.
    pub(super) fn settle(&mut self, otherwise: Ended) {
        let ended = match (self.violation, self.close.take()) {
            (Some(violation), _) => Ended::Violation(violation),
            (None, Some(reason)) => Ended::Closed(Closed::Clean(reason)),
            (None, None) => otherwise,
        };
        self.ended.get_or_insert(ended);
    }
}

/// What the halves are made of.
pub(super) struct Parts<S, R> {
    pub(super) transfer: Transfer<S>,
    pub(super) connection: Connection<R>,
    pub(super) ending: Ending,
    pub(super) clock: Clock,
    pub(super) read_timeout: Option<Duration>,
    pub(super) write_timeout: Option<Duration>,
}

impl<S: Stream, R: Role> WebSocket<S, R> {
    /// A connection whose opening handshake was done elsewhere, with the bytes that had arrived behind it already
    /// handed to `connection`. [`connect`](super::connect) and [`accept`](super::accept) do all that by themselves.
    ///
    /// The connection must [reply automatically](crate::connection::Replies::Automatic).
    #[must_use]
    pub fn new(stream: S, connection: Connection<R>) -> Self {
        Self::from_handshake(Transfer::new(stream), connection, Agreed::Nothing)
    }

    pub(super) fn from_handshake(
        transfer: Transfer<S>,
        connection: Connection<R>,
        agreed: Agreed,
    ) -> Self {
        Self {
            transfer,
            connection,
            clock: Clock::new(KeepaliveConfig::default().ping_after(None)),
            read_timeout: None,
            write_timeout: None,
            agreed,
            ending: Ending::default(),
        }
    }

    /// Waits for the next message, or for whatever else [`Incoming`] tells; writes what is unsent before that. Pings
    /// are answered on the way. Once the peer has sent its Close frame, this completes the closing handshake, waits
    /// for the transport to end, and says [`Incoming::Closed`].
    ///
    /// # Errors
    ///
    /// [`Error::Violation`] or [`Error::Io`], both final: see there. Everything that had arrived before is delivered
    /// before. After both Close frames a transport that breaks is no error any more.
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

    /// Sends a whole message: text from a `&str`, binary from a `&[u8]`.
    ///
    /// What the stream does not take at once (because it is non-blocking) or within the
    /// [write time-out](Self::set_write_timeout) stays queued and is written by later calls; see
    /// [`unsent_bytes`](Self::unsent_bytes).
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`]: as [`Connection::send`]. [`Error::Io`]: nothing can be written any more; read on.
    pub fn send<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode(|connection, out| connection.send(message, out))?;
        self.flush().map(|_| ())
    }

    /// Sends a message that was encoded once for many connections.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.encode(|connection, out| connection.send_prepared(message, out))?;
        self.flush().map(|_| ())
    }

    /// As [`send`](Self::send), but leaves the writing to the next call that writes or has to wait for input, so that
    /// many small messages make one system call. From 64 KiB on it writes by itself.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn queue<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode(|connection, out| connection.send(message, out))?;
        if self.transfer.unsent() < QUEUE_BYTES_MAX { Ok(()) } else { self.flush().map(|_| ()) }
    }

    /// Sends a part of a message, of which further parts will follow (RFC 6455 §5.4).
    ///
    /// # Errors
    ///
    /// As [`Connection::send_part`], and as [`send`](Self::send).
    pub fn send_part<'a>(&mut self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode(|connection, out| connection.send_part(part, out))?;
        self.flush().map(|_| ())
    }

    /// Sends the last part of a message.
    ///
    /// # Errors
    ///
    /// As [`Connection::send_last_part`], and as [`send`](Self::send).
    pub fn send_last_part<'a>(&mut self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        self.encode(|connection, out| connection.send_last_part(part, out))?;
        self.flush().map(|_| ())
    }

    /// Sends a ping with a payload of at most 125 bytes; the peer's pong comes as [`Incoming::Pong`].
    ///
    /// # Errors
    ///
    /// As [`Connection::ping`], and as [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.encode(|connection, out| connection.ping(payload, out))?;
        self.flush().map(|_| ())
    }

    /// Starts the closing handshake with a code and a reason of at most 123 bytes. Read on until
    /// [`Incoming::Closed`]; messages that the peer had under way still arrive.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`], and as [`send`](Self::send).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.encode(|connection, out| connection.close(code, reason, out))?;
        self.flush().map(|_| ())
    }

    /// As [`close`](Self::close), without a code: the peer's program will see 1005.
    ///
    /// # Errors
    ///
    /// As [`Connection::close_without_code`], and as [`send`](Self::send).
    pub fn close_without_code(&mut self) -> Result<(), Error> {
        self.encode(|connection, out| connection.close_without_code(out))?;
        self.flush().map(|_| ())
    }

    /// Ends the connection within `timeout`, whatever the peer does: sends a Close frame if none was sent yet (1000 from
    /// a client, 1001 from a server), throws away what still arrives, and waits for the peer's Close no longer than
    /// that. With a `timeout` of zero, or over a stream that cannot bound a wait, it drops the connection at once.
    ///
    /// Says how the connection was closed, [`Abnormal`] if the time was over first.
    ///
    /// # Errors
    ///
    /// [`Error::Violation`] or [`Error::Io`]; the connection is over all the same.
    pub fn terminate(&mut self, timeout: Duration) -> Result<Closed, Error> {
        let can_wait = !timeout.is_zero()
            && self.transfer.stream_mut().set_read_timeout(Some(timeout)).is_ok();
        let code = if R::IS_SERVER { CloseCode::GOING_AWAY } else { CloseCode::NORMAL };
        let deadline = after(Some(timeout));
        if can_wait {
            self.read_timeout = Some(timeout);
            self.clock =
                Clock::new(KeepaliveConfig::default().ping_after(None).close_within(Some(timeout)));
            // Refused if a Close frame has been sent already. What cannot be written shows when reading.
            let _ = self.encode(|connection, out| connection.close(code, "", out));
        }
        while self.ending.ended.is_none() {
            if !can_wait || passed(deadline) {
                let why =
                    if can_wait { Abnormal::Expired(Expired::Close) } else { Abnormal::Terminated };
                self.end(Ended::Closed(Closed::Abnormal(why)));
            } else if matches!(self.read(), Ok(Incoming::TimedOut)) && !passed(deadline) {
                thread::sleep(TICK); // the stream is non-blocking
            }
        }
        match &self.ending.ended {
            Some(ended) => ended.tell(),
            None => Ok(Closed::Abnormal(Abnormal::Terminated)), // not reached: the loop ends with an end
        }
    }

    /// Writes what is unsent. `false`: the stream did not take all of it at once or within the write time-out.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: nothing can be written any more; read on.
    pub fn flush(&mut self) -> Result<bool, Error> {
        self.may_write()?;
        match self.transfer.flush(after(self.write_timeout)) {
            Ok(all) => Ok(all),
            Err(error) => {
                self.cannot_write(&error);
                Err(Error::Io(error))
            }
        }
    }

    /// How the connection stands. It is [`Closed`](ReadyState::Closed) when a read has said so.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        match (&self.ending, self.connection.ready_state()) {
            (Ending { ended: Some(_), .. }, _) => ReadyState::Closed,
            (Ending { write_error: None, .. }, connection::ReadyState::Open) => ReadyState::Open,
            _ => ReadyState::Closing,
        }
    }

    /// How many bytes are queued that the stream has not taken, headers included: what browsers call `bufferedAmount`,
    /// but for the headers.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.transfer.unsent()
    }

    /// The subprotocol that the handshake agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        match &self.agreed {
            Agreed::Nothing => None,
            Agreed::Subprotocol(subprotocol) => Some(subprotocol),
            Agreed::Response(response) => response.subprotocol(),
        }
    }

    /// How long one [`read`](Self::read) may take before it says [`Incoming::TimedOut`], however many bytes of an
    /// unfinished message trickle in. With zero it yields what is there already. `None`, the default: as long as it
    /// takes.
    ///
    /// # Errors
    ///
    /// What the stream says, `Unsupported` above all; the old time-out stays.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.transfer.try_read_timeout(timeout)?;
        self.read_timeout = timeout;
        Ok(())
    }

    /// How long one call that sends may take before it leaves the rest [queued](Self::unsent_bytes). `None`, the
    /// default: as long as it takes.
    ///
    /// # Errors
    ///
    /// As [`set_read_timeout`](Self::set_read_timeout).
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.transfer.try_write_timeout(timeout)?;
        self.write_timeout = timeout;
        Ok(())
    }

    /// When to ping a silent peer, how long to wait for its pong and for the end of closing; all of it is done while
    /// reading, whatever the read time-out is, and a deadline that passes ends the connection as
    /// [`Abnormal::Expired`]. The default pings nobody and closes within 10 s.
    ///
    /// The answers to these pings do not show, except in [`round_trip`](Self::round_trip).
    pub fn set_keepalive(&mut self, config: KeepaliveConfig) {
        self.clock = Clock::new(config);
    }

    /// The time between the newest answered keep-alive ping and its pong.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.clock.round_trip()
    }

    /// The stream, for its address and options.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.transfer.stream()
    }

    /// The stream. Reading or writing it directly breaks the connection.
    pub fn stream_mut(&mut self) -> &mut S {
        self.transfer.stream_mut()
    }

    /// Gives the stream back, without a closing handshake. Unread and unsent bytes are lost.
    #[must_use]
    pub fn into_stream(self) -> S {
        self.transfer.into_stream()
    }

    pub(super) fn into_parts(self) -> Parts<S, R> {
        Parts {
            transfer: self.transfer,
            connection: self.connection,
            ending: self.ending,
            clock: self.clock,
            read_timeout: self.read_timeout,
            write_timeout: self.write_timeout,
        }
    }

    /// The next event of what has arrived.
    fn take_event(&mut self) -> Option<Incoming> {
        let mut answered = false;
        loop {
            let (mut input, out) = self.transfer.buffers();
            let taken = match self.connection.receive(&mut input, out) {
                Ok(None) => Taken::Nothing,
                Ok(Some(Event::Text(text))) => Taken::Incoming(Incoming::Text(text.into_owned())),
                Ok(Some(Event::Binary(data))) => {
                    Taken::Incoming(Incoming::Binary(data.into_owned()))
                }
                Ok(Some(Event::Ping(_))) => Taken::Ping,
                Ok(Some(Event::Pong(payload))) if self.clock.see_pong(&payload) => Taken::OwnPong,
                Ok(Some(Event::Pong(payload))) => {
                    Taken::Incoming(Incoming::Pong(payload.into_owned()))
                }
                Ok(Some(Event::Close(reason))) => {
                    self.ending.close = Some(reason.map(CloseReason::into_owned));
                    Taken::Nothing
                }
                Err(violation) => {
                    self.ending.violation = Some(violation);
                    Taken::Nothing
                }
            };
            let unread = input.len();
            self.transfer.keep_unread(unread);
            match taken {
                Taken::Nothing => return None,
                Taken::Ping => answered = true,
                Taken::OwnPong => {}
                Taken::Incoming(incoming) => {
                    if answered {
                        // The pong must not wait until the caller comes back. If it cannot go now, it goes then.
                        self.try_flush(after(Some(Duration::ZERO)));
                    }
                    return Some(incoming);
                }
            }
        }
    }

    /// Does what the clock wants done, writes, and reads once. `true`: the time is over, or the stream is
    /// non-blocking and has nothing.
    fn wait(&mut self, deadline: Option<Instant>) -> bool {
        let wake = match self.clock.poll(&mut self.connection, self.transfer.out()) {
            Ok(wake) => wake,
            Err(expired) => return self.end(abnormal(Abnormal::Expired(expired))),
        };
        if !self.try_flush(earlier(deadline, wake)) {
            // The peer does not read. Over a non-blocking stream, look whether it has written.
            if passed(deadline) {
                return true;
            }
            if near(wake) {
                return sleep_until(wake);
            }
        }
        let wake = match self.connection.transport() {
            Transport::AwaitClose if !self.transfer.can_wait() => {
                return self.end(abnormal(Abnormal::Terminated));
            }
            Transport::Close if !self.transfer.owes() => match self.transfer.linger() {
                Some(until) => earlier(wake, Some(until)),
                None => return self.end(abnormal(Abnormal::Terminated)),
            },
            Transport::Keep | Transport::AwaitClose | Transport::Close => wake,
        };
        match self.transfer.fill(earlier(deadline, wake)) {
            Ok(Fill::Bytes) => {
                self.clock.heard();
                false
            }
            Ok(Fill::Later) if near(wake) && !passed(deadline) => sleep_until(wake),
            Ok(Fill::Later) => true,
            Ok(Fill::End) => match self.connection.end_of_input() {
                Err(cut_off) => self.end(abnormal(Abnormal::CutOff(cut_off))),
                Ok(()) => self.end(abnormal(Abnormal::Terminated)),
            },
            Err(error) => self.end(Ended::Io(Failure::new(&error))),
        }
    }

    /// Writes what it can. `false`: some of it is left.
    fn try_flush(&mut self, deadline: Option<Instant>) -> bool {
        if self.ending.write_error.is_some() {
            self.transfer.discard_out();
        }
        if !self.transfer.owes() {
            return true;
        }
        match self.transfer.flush(deadline) {
            Ok(all) => all,
            Err(error) => {
                self.cannot_write(&error);
                true
            }
        }
    }

    fn encode(
        &mut self,
        write: impl FnOnce(&mut Connection<R>, &mut Vec<u8>) -> Result<(), Misuse>,
    ) -> Result<(), Error> {
        self.may_write()?;
        Ok(write(&mut self.connection, self.transfer.out())?)
    }

    fn may_write(&self) -> Result<(), Error> {
        match &self.ending {
            Ending { write_error: Some(failure), ended: None, .. } => {
                Err(Error::Io(failure.tell()))
            }
            _ => Ok(()),
        }
    }

    fn cannot_write(&mut self, error: &io::Error) {
        self.ending.write_error = Some(Failure::new(error));
        self.transfer.discard_out();
    }

    /// Ends all of it, the transport too; for other reasons than `otherwise`, if the peer gave some. Returns `false`
    /// for [`wait`](Self::wait): there is something to tell.
    fn end(&mut self, otherwise: Ended) -> bool {
        let _ = self.connection.end_of_input(); // from now on nothing can be sent
        self.ending.settle(otherwise);
        self.transfer.discard_out();
        // An error says that it is closed already.
        let _ = self.transfer.stream_mut().shutdown(Shutdown::Both);
        false
    }
}

impl<S, K> WebSocket<S, Client<K>> {
    /// The server's answer to the handshake, with all of its headers. `None`: the handshake was done elsewhere.
    #[must_use]
    pub fn response(&self) -> Option<&Response<'static>> {
        match &self.agreed {
            Agreed::Response(response) => Some(response),
            Agreed::Nothing | Agreed::Subprotocol(_) => None,
        }
    }
}

impl<S, R> fmt::Debug for WebSocket<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("ended", &self.ending.ended).finish_non_exhaustive()
    }
}

enum Taken {
    Nothing,
    Ping,
    /// The answer to a ping of the keep-alive.
    OwnPong,
    Incoming(Incoming),
}

fn abnormal(why: Abnormal) -> Ended {
    Ended::Closed(Closed::Abnormal(why))
}

/// Whether a wait that was to end at `wake` may have ended because of it.
pub(super) fn near(wake: Option<Instant>) -> bool {
    let soon = Instant::now().checked_add(TICK);
    wake.is_some() && wake <= soon
}

fn sleep_until(wake: Option<Instant>) -> bool {
    if let Some(wake) = wake {
        thread::sleep(wake.saturating_duration_since(Instant::now()));
    }
    false
}
