//! Streams that can stop waiting and that can end.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// A byte stream with time-outs.
///
/// `TcpStream` is one, and on Unix `UnixStream`. [`Untimed`] wraps a stream without time-outs.
/// [`Shared`] saves file descriptors.
///
/// # Streams of your own
///
/// A type that only passes bytes on to a socket also passes on all methods, as the one below does.
/// Without `write_vectored`, a long message that is given away takes one write for its header and
/// another for its payload. A type that does more, such as TLS, must see to four things. Otherwise
/// time-outs do not hold, or bytes are lost or sent twice.
///
/// - A time-out bounds one call of `read` or `write` as a whole. A call that makes several system
///   calls, such as one that reads until a record is complete, counts the time over all of them: a
///   time-out of the socket below bounds each of them only, and a peer that sends a byte now and
///   then could prolong the call for ever.
/// - A call that runs out of time fails with `WouldBlock` or `TimedOut`. A `read` keeps what it has
///   read for the next call. A `write` that has taken bytes returns their number instead, even if
///   they have not reached the socket; [`flush`](Write::flush) then sends them.
/// - A `write` that has to read, and a `read` that has to write, is bounded too. Before each call
///   both time-outs are set to that of the call, unless the
///   [directions are independent](Self::has_independent_directions).
/// - [`shutdown`](Self::shutdown) writes what was taken, says goodbye if the protocol has a word
///   for it, and ends the socket, within the time-out for writing.
///
/// ```
/// use std::io::{self, Read, Write};
/// use std::net::{Shutdown, TcpStream};
/// use std::time::Duration;
///
/// /// A stream that counts what it reads.
/// struct Counting {
///     socket: TcpStream,
///     bytes: usize,
/// }
///
/// impl hybi::blocking::Stream for Counting {
///     fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
///         self.socket.set_read_timeout(timeout)
///     }
///     fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
///         self.socket.set_write_timeout(timeout)
///     }
///     fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
///         self.socket.shutdown(how)
///     }
///     fn set_nodelay(&mut self) -> io::Result<()> {
///         self.socket.set_nodelay(true)
///     }
///     fn has_independent_directions(&self) -> bool {
///         true // as it is a socket
///     }
/// }
/// # impl Read for Counting {
/// #     fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
/// #         let n = self.socket.read(buffer)?;
/// #         self.bytes += n;
/// #         Ok(n)
/// #     }
/// # }
/// # impl Write for Counting {
/// #     fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
/// #         self.socket.write(buffer)
/// #     }
/// #     fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
/// #         self.socket.write_vectored(slices)
/// #     }
/// #     fn flush(&mut self) -> io::Result<()> {
/// #         self.socket.flush()
/// #     }
/// # }
/// ```
pub trait Stream: Read + Write {
    /// Sets how long one `read` may wait. After that it must fail with `WouldBlock` or `TimedOut`,
    /// and lose nothing. `None` waits as long as it takes. Is never called with zero.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the stream has no time-outs. Waits that must be bounded are then not begun.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Sets how long one `write` may wait, likewise.
    ///
    /// # Errors
    ///
    /// As [`set_read_timeout`](Self::set_read_timeout).
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Ends one direction or both: the peer reads everything that was written, then the end.
    ///
    /// # Errors
    ///
    /// The system's error; `Unsupported` if only dropping the stream can end it.
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()>;

    /// Makes the system send what is written at once (`TCP_NODELAY`). Called once, before anything
    /// else. Messages are written whole, and otherwise TCP delays each that follows another until
    /// the peer has acknowledged the first.
    ///
    /// The default does nothing.
    ///
    /// # Errors
    ///
    /// The system's error, which is ignored.
    fn set_nodelay(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Returns whether reading never writes and writing never reads, as with a socket. Each
    /// direction then keeps its time-out while the other is used, which saves system calls.
    ///
    /// The default is `false`, which is always safe.
    fn has_independent_directions(&self) -> bool {
        false
    }
}

/// A [`Stream`] with any number of handles, for a reading and a writing thread.
///
/// One thread reads while another writes, each over its own handle. If the
/// [directions are not independent](Stream::has_independent_directions), the time-outs of a handle
/// must be its own: what is set through it holds for calls through it alone.
pub trait TryClone: Stream + Sized {
    /// Makes another handle to the same stream.
    ///
    /// # Errors
    ///
    /// The system's error.
    fn try_clone(&self) -> io::Result<Self>;
}

macro_rules! socket {
    ($socket:ty, $set_nodelay:expr) => {
        impl Stream for $socket {
            fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_read_timeout(self, timeout)
            }

            fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_write_timeout(self, timeout)
            }

            fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
                <$socket>::shutdown(self, how)
            }

            fn set_nodelay(&mut self) -> io::Result<()> {
                $set_nodelay(self)
            }

            fn has_independent_directions(&self) -> bool {
                true
            }
        }

        impl TryClone for $socket {
            fn try_clone(&self) -> io::Result<Self> {
                <$socket>::try_clone(self)
            }
        }

        impl Stream for Shared<$socket> {
            fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_read_timeout(timeout)
            }

            fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_write_timeout(timeout)
            }

            fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
                self.0.shutdown(how)
            }

            fn set_nodelay(&mut self) -> io::Result<()> {
                $set_nodelay(&*self.0)
            }

            fn has_independent_directions(&self) -> bool {
                true
            }
        }

        impl TryClone for Shared<$socket> {
            fn try_clone(&self) -> io::Result<Self> {
                Ok(self.clone())
            }
        }
    };
}

socket!(TcpStream, |socket: &TcpStream| socket.set_nodelay(true));
#[cfg(unix)]
socket!(std::os::unix::net::UnixStream, |_| Ok(()));

/// A socket whose handles share one file descriptor.
///
/// The halves of a connection over a `TcpStream` need three descriptors, as each clone is one, and
/// many systems give a process 1024. Over this they need one.
///
/// ```no_run
/// use hybi::blocking::{self, Shared};
/// use hybi::handshake::Acceptance;
/// use std::net::TcpStream;
///
/// fn serve(socket: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
///     let pending = blocking::receive_request(Shared::new(socket))?;
///     let ws = pending.accept(&Acceptance::from_same_origin())?;
///     println!("{} has come", ws.stream().peer_addr()?); // as with the socket itself
///     let (reader, writer) = ws.split()?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Creates the first handle.
    #[must_use]
    pub fn new(socket: T) -> Self {
        Self(Arc::new(socket))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Read for Shared<T>
where
    for<'a> &'a T: Read,
{
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl<T> Write for Shared<T>
where
    for<'a> &'a T: Write,
{
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&*self.0).write(buffer)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self.0).write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

/// A [`Stream`] made of anything that reads and writes.
///
/// It has no time-outs: setting one fails, [`terminate`](super::WebSocket::terminate) does not wait
/// for the peer's Close frame, and nobody waits for the peer to end the stream. A handshake needs
/// [`Acceptor::timeout(None)`](super::Acceptor::timeout). If the inner stream is non-blocking, its
/// `WouldBlock` is [`Error::TimedOut`](super::Error::TimedOut).
#[derive(Clone, Debug, Default)]
pub struct Untimed<T>(pub T);

impl<T: Read + Write> Stream for Untimed<T> {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        only_without(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        only_without(timeout)
    }

    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl<T: Read> Read for Untimed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<T: Write> Write for Untimed<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn only_without(timeout: Option<Duration>) -> io::Result<()> {
    match timeout {
        None => Ok(()),
        Some(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}
