//! The loop between an asynchronous transport and a connection: [`run`].
//!
//! A transport has two halves. Everything that tokio can read and write is one already; an HTTP/2
//! stream is made one in `../../h2/src/transport.rs`.

use std::io;
use std::time::Duration;

use hybi::connection::{Abnormal, Closed, Transport};
use hybi::frame::CloseReason;
use hybi::keepalive::{Keepalive, KeepaliveConfig};
use hybi::{Connection, Event, Inbox, Outbox, Role, UsageError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

/// A peer that does not take our answers is not read from while so many bytes of them wait. That
/// is the rule for programs that only answer; the guide has another one for the others, under
/// "Flow control".
const BACKLOG_MAX: usize = 1 << 20;

/// Where the peer's bytes come from.
pub trait Source {
    /// Reads into `inbox`. Returns how many bytes, 0 at the end. A call that is cancelled has read
    /// nothing.
    fn read(&mut self, inbox: &mut Inbox) -> impl Future<Output = io::Result<usize>> + Send;
}

/// Where the bytes for the peer go.
pub trait Sink {
    /// Writes all of `out`, and if it is the last output, ends this half of the transport. A call
    /// that is cancelled has taken from `out` what it has written.
    fn write(
        &mut self,
        out: &mut Outbox,
        is_last: bool,
    ) -> impl Future<Output = io::Result<()>> + Send;
}

impl<T: AsyncRead + Send + Unpin> Source for T {
    async fn read(&mut self, inbox: &mut Inbox) -> io::Result<usize> {
        let n = AsyncReadExt::read(self, inbox.room()).await?;
        inbox.filled(n);
        Ok(n)
    }
}

impl<T: AsyncWrite + Send + Unpin> Sink for T {
    async fn write(&mut self, out: &mut Outbox, is_last: bool) -> io::Result<()> {
        while !out.is_empty() {
            match AsyncWriteExt::write(self, out.front()).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => out.sent(n),
            }
        }
        if is_last { self.shutdown().await } else { self.flush().await }
    }
}

/// Drives a connection to its end, and returns how it ended.
///
/// `inbox` holds what has arrived already, `out` what to send first. `on_event` gets the messages,
/// and answers by the connection and its output.
///
/// # Errors
///
/// That of `on_event`.
pub async fn run<R: Role>(
    mut ws: Connection<R>,
    mut inbox: Inbox,
    mut out: Outbox,
    (mut source, mut sink): (impl Source, impl Sink),
    mut on_event: impl FnMut(&mut Connection<R>, Event<'_>, &mut Outbox) -> Result<(), UsageError>,
) -> Result<Closed, UsageError> {
    let start = Instant::now();
    let mut keepalive = Keepalive::new(KeepaliveConfig::default(), Duration::ZERO);
    let (mut closed, mut wake, mut is_due) = (None, None, true);
    // Whether the peer may say more, whether there is something to write or flush, and whether our
    // half of the transport is over.
    let (mut reads, mut writes, mut has_ended) = (true, false, false);
    loop {
        let mut input = inbox.input();
        loop {
            match ws.receive(&mut input, &mut out) {
                Ok(None) => break,
                Ok(Some(event)) if keepalive.see(&event, start.elapsed()) => {}
                Ok(Some(Event::Close(why))) => {
                    closed = Some(Closed::Clean(why.map(CloseReason::into_owned)));
                }
                Ok(Some(event)) => on_event(&mut ws, event, &mut out)?,
                Err(error) => closed = Some(Closed::Abnormal(error.into())),
            }
        }
        if is_due {
            wake = match keepalive.poll(start.elapsed(), &mut ws, &mut out) {
                Ok(wake) => wake.map(|wake| start + wake),
                Err(error) => return Ok(closed.unwrap_or(Closed::Abnormal(error.into()))),
            };
        }
        if has_ended {
            out.clear();
        }
        let is_last = ws.transport() == Transport::Close;
        writes = !has_ended && (writes || is_last || !out.is_empty());
        if !reads && !writes {
            return Ok(closed.unwrap_or(Closed::Abnormal(Abnormal::Transport)));
        }
        tokio::select! {
            biased;
            written = sink.write(&mut out, is_last), if writes => {
                writes = false;
                // After an error the peer takes nothing any more. It may have said why: read on.
                has_ended = is_last || written.is_err();
                // Read first: otherwise a pong that has arrived could count as late.
                is_due = false;
            }
            read = source.read(&mut inbox), if reads && out.backlog() <= BACKLOG_MAX => {
                is_due = true;
                if let Ok(1..) = read {
                    keepalive.heard(start.elapsed());
                    continue;
                }
                reads = false;
                let ended = ws.end_of_input(&mut out).map_err(Abnormal::from);
                if let Err(why) = read.map_or(Err(Abnormal::Transport), |_| ended) {
                    closed.get_or_insert(Closed::Abnormal(why));
                }
            }
            () = sleep_until(wake.unwrap_or(start)), if wake.is_some() => is_due = true,
        }
    }
}
