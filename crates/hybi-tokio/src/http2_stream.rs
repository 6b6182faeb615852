//! [`Http2Stream`]: a stream of HTTP/2 in place of a TCP connection (RFC 8441 §5).

use std::fmt;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes to write at a time. h2 needs room for them in its own buffer.
const WRITE_MAX: usize = 64 << 10;

/// A stream of HTTP/2, of the crate [h2], as bytes that are read and written.
///
/// What is read is the DATA of the peer. Its end is END_STREAM, and a reset with NO_ERROR, by which
/// a peer says that it needs no more; any other reset is
/// [`ConnectionReset`](io::ErrorKind::ConnectionReset). The peer may send as much again when bytes
/// have been read, not before.
///
/// What is written goes out as DATA, as far as the windows of the stream and of the connection
/// allow. Shutting down sends END_STREAM. Dropping it before both sides have ended the stream
/// resets it (RST_STREAM with CANCEL), and h2 then drops what it has not sent. So flushing waits
/// until it has.
///
/// The connection must be polled all the time: in a server by accepting, in a client in a task of
/// its own.
pub struct Http2Stream {
    incoming: RecvStream,
    outgoing: SendStream<Bytes>,
    /// The rest of the DATA frame that has been read in part.
    unread: Bytes,
    queued: Arc<Queued>,
    has_shut_down: bool,
}

impl Http2Stream {
    /// Makes one of both directions of a stream whose opening handshake is done.
    #[must_use]
    pub fn new(incoming: RecvStream, outgoing: SendStream<Bytes>) -> Self {
        let (unread, queued) = (Bytes::new(), Arc::default());
        Self { incoming, outgoing, unread, queued, has_shut_down: false }
    }

    /// Moves the DATA that has arrived to `buf`, of as many frames as there are. Ready if there was
    /// any, or with the end.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), h2::Error>> {
        let has_read = |buf: &ReadBuf<'_>| !buf.filled().is_empty();
        while buf.remaining() > 0 {
            if self.unread.is_empty() {
                match self.incoming.poll_data(cx) {
                    // A frame may be empty, and is not the end then.
                    Poll::Ready(Some(Ok(data))) => self.unread = data,
                    // An error comes again.
                    Poll::Ready(Some(Err(_))) | Poll::Pending if has_read(buf) => break,
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    Poll::Ready(None) => break,
                    Poll::Pending => return Poll::Pending,
                }
            }
            let n = self.unread.len().min(buf.remaining());
            buf.put_slice(&self.unread.split_to(n));
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until some of `len` bytes may be sent. Returns how many.
    fn poll_capacity(&mut self, len: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.outgoing.reserve_capacity(len);
        // It is ready only if the capacity has grown, so ask for what there is first.
        let capacity = match self.outgoing.capacity() {
            0 => ready!(self.outgoing.poll_capacity(cx)),
            n => Some(Ok(n)),
        };
        Poll::Ready(match capacity {
            Some(capacity) => capacity.map_err(io_error).map(|n| n.min(len)),
            // The stream has ended.
            None => Err(io::ErrorKind::BrokenPipe.into()),
        })
    }

    fn send(&mut self, data: Vec<u8>, is_last: bool) -> io::Result<()> {
        let data = Bytes::from_owner(self.queued.add(data));
        self.outgoing.send_data(data, is_last).map_err(io_error)
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut room = ReadBuf::new(buf.initialize_unfilled());
        let filled = ready!(self.poll_fill(cx, &mut room));
        let n = room.filled().len();
        buf.advance(n);
        // The peer may send as much again. It fails if the stream is over.
        let _ = self.incoming.flow_control().release_capacity(n);
        Poll::Ready(match filled {
            Err(error) if error.reason() != Some(Reason::NO_ERROR) => Err(io_error(error)),
            _ => Ok(()),
        })
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = bufs.iter().fold(0_usize, |sum, buf| sum.saturating_add(buf.len()));
        if len == 0 {
            return Poll::Ready(Ok(0));
        }
        let n = ready!(self.poll_capacity(len.min(WRITE_MAX), cx))?;
        let mut data = Vec::with_capacity(n);
        for buf in bufs {
            let left = n.saturating_sub(data.len());
            data.extend_from_slice(buf.get(..left).unwrap_or(buf));
        }
        self.send(data, false)?;
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Waits until h2 has sent what was written.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.queued.poll_empty(cx).map(Ok)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.has_shut_down {
            self.has_shut_down = true;
            self.send(Vec::new(), true)?;
        }
        self.poll_flush(cx)
    }
}

/// The DATA that h2 has taken and not sent. h2 does not tell, but it drops each frame's data once
/// it has sent that, and also when a stream or a connection has failed.
#[derive(Default)]
struct Queued(Mutex<Frames>);

#[derive(Default)]
struct Frames {
    count: usize,
    waker: Option<Waker>,
}

/// The data of a frame.
struct Frame {
    data: Vec<u8>,
    queued: Arc<Queued>,
}

impl Queued {
    fn add(self: &Arc<Self>, data: Vec<u8>) -> Frame {
        self.change(|frames| frames.count = frames.count.saturating_add(1));
        Frame { data, queued: Arc::clone(self) }
    }

    fn poll_empty(&self, cx: &Context<'_>) -> Poll<()> {
        self.change(|frames| {
            if frames.count == 0 {
                return Poll::Ready(());
            }
            frames.waker = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Frames) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let waker = self.queued.change(|frames| {
            frames.count = frames.count.saturating_sub(1);
            if frames.count == 0 { mem::take(&mut frames.waker) } else { None }
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for Http2Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2Stream")
            .field("id", &self.outgoing.stream_id())
            .finish_non_exhaustive()
    }
}

/// Keeps what kind of error it is.
pub(crate) fn io_error(error: h2::Error) -> io::Error {
    let kind = if error.is_reset() {
        io::ErrorKind::ConnectionReset
    } else if error.is_go_away() {
        io::ErrorKind::ConnectionAborted
    } else {
        io::ErrorKind::Other
    };
    match error.get_io() {
        Some(source) => io::Error::new(source.kind(), error),
        None => io::Error::new(kind, error),
    }
}
