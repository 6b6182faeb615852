//! [`Reader`] and [`Writer`]: one connection, two tasks.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use hybi::adapter::{Ending, Error, Opening};
use hybi::connection::{Abnormal, Chunk, Closed, Data, Prepared, ReadyState};
#[cfg(feature = "deflate")]
use hybi::extension::deflate::Compression;
use hybi::keepalive::KeepaliveError;
use hybi::{CloseCode, Connection, Event, Message, Outbox, Role, UsageError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::driver::Driver;
use crate::wakers::Half;
use crate::websocket::{WebSocket, event, message};

/// The reading half of a [`WebSocket`], for one task. It also answers pings and Close frames, sends
/// keep-alive pings, and watches the deadlines.
///
/// Made by [`WebSocket::split`]. Dropping it ends the connection and drops the stream.
pub struct Reader<S, R: Role> {
    shared: Arc<Shared<S, R>>,
    opening: Option<Opening>,
    is_terminated: bool,
}

/// The writing half of a [`WebSocket`], for one task.
///
/// Made by [`WebSocket::split`]. Dropping it does nothing: the reader goes on, and answers pings.
pub struct Writer<S, R> {
    shared: Arc<Shared<S, R>>,
}

/// The state of both halves. It is locked while one of them polls, and never while one waits.
struct Shared<S, R> {
    state: Mutex<State<S, R>>,
}

enum State<S, R> {
    Whole(Box<Driver<S, R>>),
    /// The reader was dropped.
    Ended {
        how: Ending,
        has_dropped_output: bool,
    },
}

/// The halves of two connections, which cannot be joined.
pub struct ReuniteError<S, R: Role>(pub Reader<S, R>, pub Writer<S, R>);

impl<S, R: Role> WebSocket<S, R> {
    /// Splits the connection, so that one task can read while another writes. Settings stay as they
    /// are. [`Reader::reunite`] reverses it.
    ///
    /// ```
    /// # use hybi::{Config, Connection, Inbox, Message};
    /// # use hybi_tokio::WebSocket;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (a, b) = tokio::io::duplex(1024);
    /// # let ws = WebSocket::new(a, Connection::client(Config::default()), Inbox::new());
    /// # let mut peer = WebSocket::new(b, Connection::server(Config::default()), Inbox::new());
    /// let (mut reader, mut writer) = ws.split();
    /// let (messages, mut queue) = tokio::sync::mpsc::channel::<Message>(16); // many may send
    /// let writing = tokio::spawn(async move {
    ///     while let Some(message) = queue.recv().await {
    ///         writer.send_owned(message).await?;
    ///     }
    ///     writer.close(hybi::CloseCode::NORMAL, "").await
    /// });
    /// messages.send("Hello".into()).await?;
    /// drop(messages);
    /// # tokio::spawn(async move {
    /// #     let message = peer.receive().await.unwrap().unwrap();
    /// #     peer.send(&message).await.unwrap();
    /// #     assert_eq!(peer.receive().await.unwrap(), None);
    /// # });
    /// while let Some(message) = reader.receive().await? {
    ///     println!("{message:?}");
    /// }
    /// writing.await??;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn split(self) -> (Reader<S, R>, Writer<S, R>) {
        let (mut driver, opening, is_terminated) = self.into_driver();
        driver.split();
        let shared = Arc::new(Shared { state: Mutex::new(State::Whole(Box::new(driver))) });
        let writer = Writer { shared: Arc::clone(&shared) };
        (Reader { shared, opening: Some(opening), is_terminated }, writer)
    }
}

impl<S, R> Shared<S, R> {
    fn lock(&self) -> MutexGuard<'_, State<S, R>> {
        // A panic of a caller's closure leaves the connection as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, R: Role> Shared<S, R> {
    /// Calls `f` with the driver, or returns how the connection has ended.
    fn with<T>(&self, f: impl FnOnce(&mut Driver<S, R>) -> T) -> Result<T, Error> {
        let mut state = self.lock();
        let result = match &mut *state {
            State::Whole(driver) => Ok(f(driver)),
            State::Ended { how, .. } => Err(how.error_of_sending()),
        };
        unlock(state);
        result
    }

    fn closed(&self) -> Option<Closed> {
        match &*self.lock() {
            State::Whole(driver) => driver.closed().cloned(),
            State::Ended { how, .. } => Some(how.closed().clone()),
        }
    }

    fn ready_state(&self) -> ReadyState {
        self.with(|driver| driver.ready_state()).unwrap_or(ReadyState::Closed)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Role> Shared<S, R> {
    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        let flushed = match &mut *state {
            State::Whole(driver) => driver.poll_flush(Half::Writer, cx),
            State::Ended { how, has_dropped_output } => {
                let has_dropped_output = std::mem::take(has_dropped_output);
                Poll::Ready(if has_dropped_output { Err(how.error_of_sending()) } else { Ok(()) })
            }
        };
        unlock(state);
        flushed
    }

    /// Starts the closing handshake, which is no error if the connection has ended.
    fn start_close(
        &self,
        close: impl FnOnce(&mut Connection<R>, &mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        self.with(|driver| driver.start_close(close)).unwrap_or(Ok(()))
    }
}

/// Wakes whom the connection wants woken, after the lock: a waker may poll or drop a half at once,
/// also when it is dropped.
fn unlock<S, R: Role>(mut state: MutexGuard<'_, State<S, R>>) {
    let (due, old) = match &mut *state {
        State::Whole(driver) => (driver.take_due(), driver.take_old()),
        State::Ended { .. } => ([None, None], [None, None]),
    };
    drop(state);
    drop(old);
    due.into_iter().flatten().for_each(Waker::wake);
}

/// Receiving.
impl<S: AsyncRead + AsyncWrite + Unpin, R: Role> Reader<S, R> {
    /// Waits for the next message: see [`WebSocket::receive`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::receive`].
    pub async fn receive(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll(|driver| driver.poll_event(Half::Reader, cx, &mut message))).await
    }

    /// Waits for the next event: see [`WebSocket::receive_event`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::receive`].
    pub async fn receive_event(&mut self) -> Result<Option<Event<'static>>, Error> {
        poll_fn(|cx| self.poll(|driver| driver.poll_event(Half::Reader, cx, &mut event))).await
    }

    /// Waits for a part of a message: see [`WebSocket::receive_chunk`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::receive_chunk`].
    pub async fn receive_chunk(&mut self) -> Result<Option<Chunk<'static>>, Error> {
        poll_fn(|cx| self.poll(|driver| driver.poll_chunk(Half::Reader, cx))).await
    }

    /// Ends the connection within `within`: see [`WebSocket::terminate`].
    pub async fn terminate(&mut self, within: Duration) -> Closed {
        let _ = self.shared.with(Driver::leave);
        let ended = poll_fn(|cx| self.poll(|driver| driver.poll_ended(cx).map(Ok)));
        let _ = timeout(within, ended).await;
        let late = Ending::abnormal(Abnormal::TimedOut(KeepaliveError::Close));
        let _ = self.shared.with(|driver| driver.end(late));
        self.closed().unwrap_or(Closed::Abnormal(Abnormal::Terminated))
    }

    fn poll<T>(
        &self,
        f: impl FnOnce(&mut Driver<S, R>) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        self.shared.with(f)?
    }
}

/// State.
impl<S, R: Role> Reader<S, R> {
    /// Returns how the connection was closed, `None` while it is not over: see
    /// [`WebSocket::closed`].
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.closed()
    }

    /// Returns the state of the connection: see [`WebSocket::ready_state`].
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.shared.ready_state()
    }

    /// Returns how many bytes of the message in progress have not been returned: see
    /// [`WebSocket::message_bytes_left`].
    #[must_use]
    pub fn message_bytes_left(&self) -> Option<u64> {
        self.shared.with(|driver| driver.message_bytes_left()).ok().flatten()
    }

    /// Returns the subprotocol that the handshake has agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.opening.as_ref().and_then(Opening::subprotocol)
    }

    /// Returns the time between the newest answered keep-alive ping and its pong.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.with(|driver| driver.round_trip()).ok().flatten()
    }

    /// Joins the halves of a [split](WebSocket::split) connection. Nothing is lost.
    ///
    /// # Errors
    ///
    /// The halves are of two connections. They are returned as they were.
    pub fn reunite(mut self, writer: Writer<S, R>) -> Result<WebSocket<S, R>, ReuniteError<S, R>> {
        if !Arc::ptr_eq(&self.shared, &writer.shared) {
            return Err(ReuniteError(self, writer));
        }
        let how = Ending::abnormal(Abnormal::Terminated);
        let ended = State::Ended { how, has_dropped_output: false };
        let state = std::mem::replace(&mut *writer.shared.lock(), ended);
        match (state, self.opening.take()) {
            (State::Whole(mut driver), Some(opening)) => {
                driver.unite();
                Ok(WebSocket::from_driver(*driver, opening, self.is_terminated))
            }
            // Only dropping or joining the reader ends it so.
            (State::Ended { .. }, _) | (_, None) => Err(ReuniteError(self, writer)),
        }
    }
}

impl<S, R: Role> Drop for Reader<S, R> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let State::Whole(driver) = &mut *state {
            driver.end(Ending::abnormal(Abnormal::Terminated));
            let due = driver.take_due(); // the writer
            let closed = driver.closed().cloned();
            let how = closed.unwrap_or(Closed::Abnormal(Abnormal::Terminated)).into();
            let has_dropped_output = driver.take_has_dropped_output();
            let whole = std::mem::replace(&mut *state, State::Ended { how, has_dropped_output });
            drop(state);
            drop(whole); // the stream may do anything when it is dropped
            due.into_iter().flatten().for_each(Waker::wake);
        }
    }
}

/// Sending. See [`WebSocket`] for when a call that is dropped has sent its message.
impl<S: AsyncRead + AsyncWrite + Unpin, R: Role> Writer<S, R> {
    /// Waits until there is room for a message: see [`WebSocket::ready`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ready`].
    pub async fn ready(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.shared.with(|driver| driver.poll_room(Half::Writer, cx))?).await
    }

    /// Sends a message: see [`WebSocket::send`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`].
    pub async fn send<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        let message = message.into();
        self.send_encoded(|connection, out| connection.send(message, out)).await
    }

    /// Sends a message, and decides about its compression: see [`WebSocket::send_with`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`].
    #[cfg(feature = "deflate")]
    pub async fn send_with<'a>(
        &mut self,
        compression: Compression,
        message: impl Into<Data<'a>>,
    ) -> Result<(), Error> {
        let message = message.into();
        self.send_encoded(|connection, out| {
            connection.writer().send_with(compression, message, out)
        })
        .await
    }

    /// Sends a message whose payload need not be copied: see [`WebSocket::send_owned`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`]. The message is dropped.
    pub async fn send_owned(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.send_encoded(|connection, out| connection.send_owned(message, out)).await
    }

    /// Sends a message that was encoded once for many connections.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`].
    pub async fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.send_encoded(|connection, out| connection.send_prepared(message, out)).await
    }

    /// Sends a part of a message: see [`WebSocket::send_part`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_part`].
    pub async fn send_part<'a>(&mut self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        let part = part.into();
        self.send_encoded(|connection, out| connection.send_part(part, out)).await
    }

    /// Sends the last part of a message.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_last_part`].
    pub async fn send_last_part<'a>(&mut self, part: impl Into<Data<'a>>) -> Result<(), Error> {
        let part = part.into();
        self.send_encoded(|connection, out| connection.send_last_part(part, out)).await
    }

    /// Queues a message, to be written by the next call that sends or flushes, or by the reader:
    /// see [`WebSocket::feed`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`].
    pub async fn feed<'a>(&mut self, message: impl Into<Data<'a>>) -> Result<(), Error> {
        let message = message.into();
        self.ready().await?;
        self.shared.with(|driver| driver.feed(|connection, out| connection.send(message, out)))?
    }

    /// Writes everything that is unsent.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::flush`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.shared.poll_flush(cx)).await
    }

    /// Sends a ping: see [`WebSocket::ping`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ping`].
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send_encoded(|connection, out| connection.ping(payload, out)).await
    }

    /// Sends a pong that no ping has asked for: see [`WebSocket::pong`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::pong`].
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send_encoded(|connection, out| connection.writer().pong(payload, out)).await
    }

    /// Starts the closing handshake, and waits until everything is written: see
    /// [`WebSocket::close`]. The reader goes on until `None`.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`].
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.shared.start_close(|connection, out| connection.close(code, reason, out))?;
        self.flush().await
    }

    /// Starts the closing handshake without a code, which the peer's program sees as 1005.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`].
    pub async fn close_without_code(&mut self) -> Result<(), Error> {
        self.shared.start_close(|connection, out| connection.writer().close_without_code(out))?;
        self.flush().await
    }

    async fn send_encoded(
        &mut self,
        encode: impl FnOnce(&mut Connection<R>, &mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        self.ready().await?;
        self.shared.with(|driver| driver.feed(encode))??;
        self.flush().await
    }
}

/// State and settings.
impl<S, R: Role> Writer<S, R> {
    /// Returns how the connection was closed, `None` while it is not over.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.closed()
    }

    /// Returns the state of the connection: see [`WebSocket::ready_state`].
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.shared.ready_state()
    }

    /// Returns how many bytes are queued that the stream has not taken.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.shared.with(|driver| driver.unsent_bytes()).unwrap_or_default()
    }

    /// Sets which messages are compressed from now on: see [`WebSocket::set_compression`].
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, compression: Compression) {
        let _ = self.shared.with(|driver| {
            driver.connection_mut().writer().set_compression(compression);
        });
    }
}

/// Returns messages, one error if the connection failed, and then `None` for ever.
impl<S: AsyncRead + AsyncWrite + Unpin, R: Role> Stream for Reader<S, R> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_terminated {
            return Poll::Ready(None);
        }
        let next = self.poll(|driver| driver.poll_event(Half::Reader, cx, &mut message));
        let next = ready!(next).transpose();
        self.is_terminated = !matches!(next, Some(Ok(_) | Err(Error::Usage(_))));
        Poll::Ready(next)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Role> FusedStream for Reader<S, R> {
    fn is_terminated(&self) -> bool {
        self.is_terminated
    }
}

/// As the [`Sink`] of a [`WebSocket`].
impl<S: AsyncRead + AsyncWrite + Unpin, R: Role> Sink<Message> for Writer<S, R> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.with(|driver| driver.poll_room(Half::Writer, cx))?
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let send = |driver: &mut Driver<S, R>| {
            driver.feed(|connection, out| connection.send_owned(message, out))
        };
        self.shared.with(send)?
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let _ = self.shared.with(Driver::leave);
        self.shared.poll_flush(cx)
    }
}

impl<S, R: Role> fmt::Debug for Reader<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("ready_state", &self.ready_state()).finish_non_exhaustive()
    }
}

impl<S, R: Role> fmt::Debug for Writer<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("ready_state", &self.ready_state()).finish_non_exhaustive()
    }
}

impl<S, R: Role> fmt::Debug for ReuniteError<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReuniteError").field(&self.0).field(&self.1).finish()
    }
}

impl<S, R: Role> fmt::Display for ReuniteError<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of two connections")
    }
}

impl<S, R: Role> std::error::Error for ReuniteError<S, R> {}
