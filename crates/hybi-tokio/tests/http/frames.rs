//! A stream that notes the frames of HTTP/2 that are written to it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const DATA: u8 = 0x0;
const RST_STREAM: u8 = 0x3;
const GOAWAY: u8 = 0x7;
const END_STREAM: u8 = 0x1;

/// The frames of one direction that are about the end of streams, in their order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Returns each end: `END` and `RST` with the code, or `GOAWAY`.
    pub(crate) fn ends(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap();
        let mut rest = bytes.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or(&bytes);
        let mut ends = Vec::new();
        // RFC 9113 §4.1.
        while let [a, b, c, kind, flags, _, _, _, _, after @ ..] = rest {
            let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            let (payload, next) = after.split_at(len.min(after.len()));
            match *kind {
                DATA if flags & END_STREAM != 0 => ends.push("END".into()),
                RST_STREAM => ends.push(format!("RST {}", payload[3])),
                GOAWAY => ends.push("GOAWAY".into()),
                _ => {}
            }
            rest = next;
        }
        ends
    }
}

/// Passes everything on, and notes what is written.
pub(crate) struct Logged<S>(pub(crate) S, pub(crate) Log);

impl<S: AsyncRead + Unpin> AsyncRead for Logged<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Logged<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.0).poll_write(cx, buf))?;
        self.1.0.lock().unwrap().extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
