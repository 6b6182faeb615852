//! A socket of the event loop, with the bytes that it has not taken yet. All handles of one connection share it.

use bytes::BytesMut;
use mio::net::TcpStream;
use std::cell::{Cell, RefCell, RefMut};
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// What a buffered writer does not buffer but passes on: the capacity of those of the standard library and of tokio.
const BUFFER_BYTES: usize = 8 << 10;
/// With so much unsent, writing has to wait.
const BACKLOG_BYTES: usize = 256 << 10;
/// How much room for output the thread keeps.
const SPARE_BYTES: usize = 4 << 20;

#[derive(Clone)]
pub struct Socket(Rc<Inner>);

// One thread uses a socket and all its handles; some peers ask for `Send` only because their tasks may move.
unsafe impl Send for Socket {}
unsafe impl Sync for Socket {}

struct Inner {
    stream: TcpStream,
    /// Whether a read may find something: a short read has emptied the socket, and the system tells when there is more.
    readable: Cell<bool>,
    /// The peer has said its last: read on until the end.
    ended: Cell<bool>,
    /// What is to be written, of which `sent` bytes have been.
    out: RefCell<Vec<u8>>,
    sent: Cell<usize>,
}

thread_local! {
    /// The room for output of whoever writes next: idle connections have none.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Socket {
    pub fn new(stream: TcpStream) -> Self {
        let (readable, ended) = (Cell::new(false), Cell::new(false));
        Self(Rc::new(Inner {
            stream,
            readable,
            ended,
            out: RefCell::default(),
            sent: Cell::new(0),
        }))
    }

    pub fn woken(&self, event: &mio::event::Event) {
        if event.is_readable() {
            self.0.readable.set(true);
        }
        if event.is_read_closed() {
            self.0.ended.set(true);
        }
    }

    /// One system call, or none if the socket is known to be empty.
    #[inline]
    pub fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        if !self.0.readable.get() && !self.0.ended.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = (&self.0.stream).read(into);
        if !matches!(result, Ok(n) if n == into.len()) {
            self.0.readable.set(false);
        }
        result
    }

    /// The same, into spare capacity of at least `room` bytes, without having to write zeros there first.
    #[inline]
    pub fn read_buf(&self, buffer: &mut BytesMut, room: usize) -> io::Result<usize> {
        buffer.reserve(room);
        let n = self.read_spare(buffer.spare_capacity_mut())?;
        // SAFETY: the system has written that many bytes there.
        unsafe { buffer.set_len(buffer.len() + n) }
        Ok(n)
    }

    fn read_spare(&self, spare: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        // SAFETY: only the system call touches the bytes, and it only writes.
        self.read(unsafe { &mut *(std::ptr::from_mut(spare) as *mut [u8]) })
    }

    /// What is to be written by [`push_out`](Self::push_out).
    #[inline]
    pub fn out(&self) -> RefMut<'_, Vec<u8>> {
        let mut out = self.0.out.borrow_mut();
        if out.capacity() == 0 {
            *out = SPARE.take();
        }
        out
    }

    /// Writes what there is. `false`: the socket is full, and will tell when it is not.
    #[inline]
    pub fn push_out(&self) -> io::Result<bool> {
        let mut out = self.0.out.borrow_mut();
        while self.0.sent.get() < out.len() {
            match (&self.0.stream).write(&out[self.0.sent.get()..]) {
                Ok(n) => self.0.sent.set(self.0.sent.get() + n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.0.sent.set(0);
        if out.capacity() > 0 {
            let mut spare = std::mem::take(&mut *out);
            spare.clear();
            spare.shrink_to(SPARE_BYTES);
            SPARE.set(spare);
        }
        Ok(true)
    }

    /// Writes what there is and these pieces behind it, at once as far as the socket takes it.
    pub fn push_out_with(&self, pieces: &[&[u8]]) -> io::Result<()> {
        if self.push_out()? {
            let slices: [_; 2] =
                std::array::from_fn(|i| IoSlice::new(pieces.get(i).copied().unwrap_or_default()));
            let mut n = match (&self.0.stream).write_vectored(&slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                result => result?,
            };
            let mut out = self.out();
            for piece in pieces {
                let sent = n.min(piece.len());
                out.extend_from_slice(&piece[sent..]);
                n -= sent;
            }
        } else {
            self.out().extend(pieces.iter().copied().flatten());
        }
        Ok(())
    }

    /// Writing by implementations that write each frame by itself: small pieces are gathered until the connection has
    /// nothing more to do, as in a buffered writer.
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() < BUFFER_BYTES {
            let unsent = self.out().len() - self.0.sent.get();
            if unsent + bytes.len() > BACKLOG_BYTES && !self.push_out()? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.out().extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        if self.push_out()? {
            (&self.0.stream).write(bytes)
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    fn write_pieces(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        if len < BUFFER_BYTES {
            return pieces.iter().map(|piece| self.write(piece)).sum();
        }
        if self.push_out()? {
            (&self.0.stream).write_vectored(pieces)
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    pub fn registered(
        stream: TcpStream,
        registry: &mio::Registry,
        token: mio::Token,
    ) -> io::Result<Self> {
        let mut stream = stream;
        registry.register(&mut stream, token, mio::Interest::READABLE | mio::Interest::WRITABLE)?;
        Ok(Self::new(stream))
    }
}

/// For implementations that buffer by themselves: each write is a system call.
impl Read for Socket {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Socket::read(self, into)
    }
}

impl Write for Socket {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0.stream).write(bytes)
    }

    #[inline]
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0.stream).write_vectored(pieces)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ready<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl tokio::io::AsyncRead for Socket {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: nothing is taken out of the bytes, and the system has written those that are then said to be filled.
        let result = unsafe {
            let result = self.read_spare(into.unfilled_mut());
            into.assume_init(*result.as_ref().unwrap_or(&0));
            result
        };
        into.advance(*result.as_ref().unwrap_or(&0));
        ready(result.map(drop))
    }
}

impl tokio::io::AsyncWrite for Socket {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready(Socket::write(&self, bytes))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready(self.write_pieces(pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures::io::AsyncRead for Socket {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready(Socket::read(&self, into))
    }
}

impl futures::io::AsyncWrite for Socket {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready(Socket::write(&self, bytes))
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl wtx::stream::StreamReader for Socket {
    #[inline]
    async fn read(&mut self, bytes: &mut [u8]) -> wtx::Result<usize> {
        Ok(std::future::poll_fn(|_| ready(Socket::read(self, bytes))).await?)
    }
}

impl wtx::stream::StreamWriter for Socket {
    #[inline]
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        Ok(self.write_all_pieces([bytes, &[]]).await?)
    }

    #[inline]
    async fn write_all_vectored(&mut self, bytes: &[&[u8]]) -> wtx::Result<()> {
        match bytes {
            [header, payload] => Ok(self.write_all_pieces([header, payload]).await?),
            pieces => {
                for piece in pieces {
                    self.write_all_pieces([piece, &[]]).await?;
                }
                Ok(())
            }
        }
    }
}

impl nago_wss::stream::ByteStream for Socket {
    #[inline]
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, nago_wss::stream::Errno> {
        std::future::poll_fn(|_| ready(Socket::read(self, buffer))).await.map_err(errno)
    }

    #[inline]
    async fn write_all(&mut self, bytes: &[u8]) -> Result<(), nago_wss::stream::Errno> {
        self.write_all_pieces([bytes, &[]]).await.map_err(errno)
    }
}

impl nago_wss::stream::StreamExt for Socket {
    #[inline]
    async fn read_buf(&mut self, buffer: &mut BytesMut) -> Result<usize, nago_wss::stream::Errno> {
        std::future::poll_fn(|_| ready(Socket::read_buf(self, buffer, 1))).await.map_err(errno)
    }

    #[inline]
    async fn write_all_vectored(
        &mut self,
        header: &[u8],
        payload: &[u8],
    ) -> Result<(), nago_wss::stream::Errno> {
        self.write_all_pieces([header, payload]).await.map_err(errno)
    }
}

impl Socket {
    async fn write_all_pieces(&self, mut pieces: [&[u8]; 2]) -> io::Result<()> {
        while pieces.iter().any(|piece| !piece.is_empty()) {
            let mut n =
                std::future::poll_fn(|_| ready(self.write_pieces(&pieces.map(IoSlice::new))))
                    .await?;
            for piece in &mut pieces {
                let sent = n.min(piece.len());
                *piece = &piece[sent..];
                n -= sent;
            }
        }
        Ok(())
    }
}

fn errno(error: io::Error) -> nago_wss::stream::Errno {
    nago_wss::stream::Errno(error.raw_os_error().unwrap_or_default())
}
