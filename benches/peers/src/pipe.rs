//! The other end of every connection: bytes to read from memory, and a place for what is written.
//!
//! One handle implements the stream traits of all peers, and hybi reads and writes through the same two functions, so
//! everyone pays the same: one copy from the wire into its own buffer. What is written is where a system call would
//! take over; that copy is the kernel's and the same for all, so it is not made, except for implementations that
//! leave the gathering of small frames to the stream: for them the pipe is the write buffer that they ask for.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// What a buffered writer does not buffer but passes on: the capacity of those of the standard library and of tokio.
const BUFFER_BYTES: usize = 8 << 10;

/// A read copies in pieces of this size: for longer ones, `memcpy` changes to string instructions, whose speed depends
/// on where the allocator happened to put the buffer.
const COPY_BYTES: usize = 4 << 10;

#[derive(Clone)]
pub struct Pipe(Rc<UnsafeCell<Ends>>);

// One thread uses a pipe and all its clones; some peers ask for `Send` only because their tasks may move.
unsafe impl Send for Pipe {}
unsafe impl Sync for Pipe {}

struct Ends {
    wire: &'static [u8],
    at: usize,
    read_bytes_max: usize,
    /// What was written and not flushed, if the pipe buffers for its user.
    buffer: Vec<u8>,
    buffers: bool,
    /// All that was written, if a check asks for it.
    record: Option<Vec<u8>>,
}

impl Pipe {
    pub fn new(wire: &'static [u8], read_bytes_max: usize) -> Self {
        let (buffer, record) = (Vec::new(), None);
        Self(Rc::new(UnsafeCell::new(Ends {
            wire,
            at: 0,
            read_bytes_max,
            buffer,
            buffers: false,
            record,
        })))
    }

    /// The same pipe with a write buffer, for implementations that have none.
    pub fn buffering(self) -> Self {
        self.ends().buffers = true;
        self
    }

    /// The next batch is the same again.
    pub fn rewind(&self) {
        self.ends().at = 0;
    }

    pub fn record(&self) {
        self.ends().record = Some(Vec::new());
    }

    pub fn is_recording(&self) -> bool {
        self.ends().record.is_some()
    }

    pub fn recorded(&self) -> Vec<u8> {
        self.ends().record.take().unwrap_or_default()
    }

    /// Whether everything has been read.
    pub fn is_read(&self) -> bool {
        let ends = self.ends();
        ends.at == ends.wire.len()
    }

    /// How much one read yields at most.
    pub fn read_size(&self) -> usize {
        let ends = self.ends();
        ends.read_bytes_max.min(ends.wire.len())
    }

    /// A read: copies from the wire.
    #[inline]
    pub fn read_into(&self, into: &mut [u8]) -> usize {
        let ends = self.ends();
        let n = into.len().min(ends.read_bytes_max).min(ends.wire.len() - ends.at);
        let wire = &ends.wire[ends.at..ends.at + n];
        for (from, to) in wire.chunks(COPY_BYTES).zip(into.chunks_mut(COPY_BYTES)) {
            to[..from.len()].copy_from_slice(from);
        }
        ends.at += n;
        n
    }

    /// The same read, into spare capacity.
    #[inline]
    pub fn take_spare(&self, spare: usize) -> &'static [u8] {
        let ends = self.ends();
        let n = spare.min(ends.read_bytes_max).min(ends.wire.len() - ends.at);
        let bytes = &ends.wire[ends.at..ends.at + n];
        ends.at += n;
        bytes
    }

    /// A write: consumes, or appends to the buffer.
    #[inline]
    pub fn give(&self, bytes: &[u8]) -> usize {
        let ends = self.ends();
        if ends.buffers && bytes.len() < BUFFER_BYTES {
            ends.buffer.extend_from_slice(bytes);
        } else {
            self.push_out();
            self.ends().consume(bytes);
        }
        bytes.len()
    }

    /// The end of a batch.
    #[inline]
    pub fn push_out(&self) {
        let ends = self.ends();
        if ends.buffers {
            let buffer = std::mem::take(&mut ends.buffer);
            ends.consume(&buffer);
            ends.buffer = buffer;
            ends.buffer.clear();
        }
    }

    #[allow(clippy::mut_from_ref)]
    #[inline]
    fn ends(&self) -> &mut Ends {
        // One thread, and no caller keeps the reference over another call.
        unsafe { &mut *self.0.get() }
    }
}

impl Ends {
    #[inline]
    fn consume(&mut self, bytes: &[u8]) {
        black_box((bytes.as_ptr(), bytes.len()));
        if let Some(record) = &mut self.record {
            record.extend_from_slice(bytes);
        }
    }
}

impl Read for Pipe {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.read_into(into) {
            0 if !into.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Pipe {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.give(bytes))
    }

    #[inline]
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(pieces.iter().map(|piece| self.give(piece)).sum())
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        self.push_out();
        Ok(())
    }
}

impl tokio::io::AsyncRead for Pipe {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.take_spare(into.remaining()) {
            [] if into.remaining() > 0 => Poll::Pending,
            bytes => {
                bytes.chunks(COPY_BYTES).for_each(|piece| into.put_slice(piece));
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl tokio::io::AsyncWrite for Pipe {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.give(bytes)))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(pieces.iter().map(|piece| self.give(piece)).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.push_out();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures::io::AsyncRead for Pipe {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.read_into(into) {
            0 if !into.is_empty() => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        }
    }
}

impl futures::io::AsyncWrite for Pipe {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.give(bytes)))
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.push_out();
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Runs a future that never has to wait, for everything that it could wait for is in memory.
#[inline]
pub fn now<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("waits for bytes that have all been delivered"),
    }
}
