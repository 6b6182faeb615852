//! The loop of all handshakes: writes, and reads until there is an answer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hybi::{Inbox, Input, Outbox};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout};

use crate::driver::{input, poll_write_some};
use crate::spare;

/// How long to wait for the client to end the stream after a refusal, so that it can read it.
const LINGER: Duration = Duration::from_secs(1);
/// How many bytes to read and drop meanwhile.
const LINGER_BYTES_MAX: usize = 1 << 20;

/// A stream with a handshake in progress.
pub(crate) struct Exchange<S> {
    pub(crate) stream: S,
    /// Bytes that have been read. Only with unread ones is there a buffer, so that a peer that only
    /// connects costs none.
    pub(crate) inbox: Option<Box<Inbox>>,
    pub(crate) out: Outbox,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Exchange<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, inbox: None, out: Outbox::new() }
    }

    /// Returns the stream, the unread bytes and the unsent ones.
    pub(crate) fn into_parts(self) -> (S, Inbox, Outbox) {
        (self.stream, self.inbox.map_or_else(Inbox::new, |inbox| *inbox), self.out)
    }

    /// Writes, and reads until `receive` returns something.
    ///
    /// # Errors
    ///
    /// That of `receive`, for which the output has been written as far as possible. Otherwise that
    /// of the stream, `UnexpectedEof` if it ends.
    pub(crate) async fn until<T, E: From<io::Error>>(
        &mut self,
        mut receive: impl FnMut(&mut Input<'_>, &mut Outbox) -> Result<Option<T>, E>,
    ) -> Result<T, E> {
        loop {
            let received = receive(&mut input(&mut self.inbox), &mut self.out);
            self.rest();
            if let Some(received) = received.transpose() {
                return received;
            }
            self.flush().await?;
            if self.read().await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// Writes everything.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            while !self.out.is_empty() {
                ready!(poll_write_some(&mut self.stream, &mut self.out, cx))?;
            }
            Pin::new(&mut self.stream).poll_flush(cx)
        })
        .await
    }

    /// Gives the read buffer back, if nothing in it is unread.
    fn rest(&mut self) {
        self.inbox = self.inbox.take().and_then(spare::give_back);
    }

    async fn read(&mut self) -> io::Result<usize> {
        poll_fn(|cx| poll_read(&mut self.stream, &mut self.inbox, cx)).await
    }

    /// Writes everything, ends the output, and waits until the peer does, which may take a second.
    /// If the stream were dropped with bytes unread, TCP would send a reset, which can make the
    /// peer's system drop what its program has not read yet.
    pub(crate) async fn finish(mut self) -> io::Result<()> {
        self.flush().await?;
        poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await?;
        let mut left = LINGER_BYTES_MAX;
        let end = async {
            while left > 0
                && let Ok(n @ 1..) = self.read().await
            {
                self.inbox = None;
                left = left.saturating_sub(n);
            }
        };
        let _ = timeout(LINGER, end).await;
        Ok(())
    }
}

fn poll_read<S: AsyncRead + Unpin>(
    stream: &mut S,
    inbox: &mut Option<Box<Inbox>>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut borrowed = inbox.take().unwrap_or_else(spare::take);
    let mut room = ReadBuf::new(borrowed.room());
    let read = Pin::new(stream).poll_read(cx, &mut room);
    let n = room.filled().len();
    borrowed.filled(n);
    *inbox = spare::give_back(borrowed);
    read.map_ok(|()| n)
}

/// Returns the moment after that time, or `None` if that is never.
pub(crate) fn after(time: Option<Duration>) -> Option<Instant> {
    Instant::now().checked_add(time?)
}

/// Waits for `future`, but only until the deadline. Returns `None` if that has passed.
pub(crate) async fn until<T>(
    deadline: Option<Instant>,
    future: impl Future<Output = T>,
) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}
