//! The other end of an implementation that wants a stream: bytes in memory. Reading more than there is waits.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::case::{End, Outcome};

#[derive(Clone, Default)]
pub struct Pipe(Rc<RefCell<Ends>>);

#[derive(Default)]
struct Ends {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
}

impl Pipe {
    pub fn feed(&self, bytes: &[u8]) {
        self.0.borrow_mut().incoming.extend(bytes);
    }

    pub fn take_outgoing(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().outgoing)
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.borrow_mut().incoming.read(into)? {
            0 if !into.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().outgoing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let incoming = &mut self.0.borrow_mut().incoming;
        let len = incoming.read(into.initialize_unfilled())?;
        into.advance(len);
        if len == 0 && into.remaining() > 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl tokio::io::AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures::io::AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.read(into) {
            Err(_) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }
}

impl futures::io::AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What an asynchronous reader notes while it runs.
pub type Notes = Rc<RefCell<Outcome>>;

/// Runs a reader that notes what it sees until the reads are used up or it ends.
pub fn run(pipe: &Pipe, notes: &Notes, reads: &[&[u8]], reader: impl Future<Output = End>) {
    let mut reader = std::pin::pin!(reader);
    let mut context = Context::from_waker(Waker::noop());
    // Before anything has come: a client sends its request.
    if let Poll::Ready(end) = reader.as_mut().poll(&mut context) {
        notes.borrow_mut().end = end;
        return;
    }
    for read in reads {
        pipe.feed(read);
        if let Poll::Ready(end) = reader.as_mut().poll(&mut context) {
            notes.borrow_mut().end = end;
            return;
        }
    }
}
