//! The plan of one end, and the report of what it did.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use hybi::connection::Closed;
#[cfg(feature = "rustls")]
use hybi_tokio::tokio_rustls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use crate::common::Random;
use crate::messages::{Got, Sent};

/// More than anything here takes. A test that gets here has failed.
pub(crate) const FOREVER: Duration = Duration::from_secs(300);

/// How an end leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// Starts the closing handshake, with this code, and receives to the end.
    Close(u16),
    /// Receives until the peer has closed.
    Wait,
    /// Starts the closing handshake, and drops what still arrives.
    Terminate,
    /// Drops the connection.
    Drop,
    /// Drops the connection with a reset.
    Reset,
}

impl Leaving {
    /// How both ends leave: the client and the server.
    pub(crate) fn pair(random: &mut Random) -> [Self; 2] {
        let close = |at: usize| Self::Close(if at == 0 { 3_000 } else { 4_000 });
        let one = random.below(2);
        let mut pair = [Self::Wait, Self::Wait];
        (pair[one], pair[1 - one]) = match random.below(16) {
            0..5 => (close(one), Self::Wait),
            5..8 => (close(one), close(1 - one)),
            8 => (Self::Terminate, Self::Wait),
            9 => (Self::Terminate, close(1 - one)),
            10 => (Self::Reset, Self::Wait),
            11 => (Self::Reset, close(1 - one)),
            12 => (Self::Reset, Self::Reset),
            13 => (Self::Drop, Self::Wait),
            14 => (Self::Drop, close(1 - one)),
            _ => (Self::Drop, Self::Terminate),
        };
        pair
    }

    /// The code with which it closes first, if it does.
    pub(crate) fn code(self, is_client: bool) -> Option<u16> {
        match self {
            Self::Close(code) => Some(code),
            Self::Terminate => Some(if is_client { 1_000 } else { 1_001 }),
            Self::Wait | Self::Drop | Self::Reset => None,
        }
    }

    pub(crate) fn is_orderly(self) -> bool {
        matches!(self, Self::Close(_) | Self::Wait | Self::Terminate)
    }
}

/// The results of one end.
pub(crate) struct Report {
    pub(crate) sent: Vec<Sent>,
    pub(crate) got: Vec<Got>,
    /// `None`: it has left without asking.
    pub(crate) closed: Option<Closed>,
    /// How often a call that sends failed because of the stream.
    pub(crate) io_failures: usize,
}

/// A stream that can be reset.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes dropping it a reset.
    fn make_drop_reset(&self);
}

impl Io for TcpStream {
    // `set_zero_linger` is newer than the oldest tokio that we accept.
    #[allow(deprecated)]
    fn make_drop_reset(&self) {
        self.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

#[cfg(feature = "rustls")]
impl Io for tokio_rustls::client::TlsStream<TcpStream> {
    fn make_drop_reset(&self) {
        self.get_ref().0.make_drop_reset();
    }
}

#[cfg(feature = "rustls")]
impl Io for tokio_rustls::server::TlsStream<TcpStream> {
    fn make_drop_reset(&self) {
        self.get_ref().0.make_drop_reset();
    }
}

/// Dropping it always is one.
#[cfg(feature = "http2")]
impl Io for hybi_tokio::http2::Http2Stream {
    fn make_drop_reset(&self) {}
}

/// Polls a future once, and again so many times at most, whether it was woken or not. Then drops
/// it, and returns `None`.
pub(crate) async fn within<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// Polls a future so often at most, or to its end.
pub(crate) async fn within_or_ever<F: Future>(
    polls: Option<usize>,
    future: F,
) -> Option<F::Output> {
    match polls {
        Some(polls) => within(polls, future).await,
        None => Some(future.await),
    }
}

/// Does nothing while others do something.
pub(crate) async fn pause(turns: usize) {
    for _ in 0..turns {
        yield_now().await;
    }
}
