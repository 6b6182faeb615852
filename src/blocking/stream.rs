//! What a stream must be able to do beyond reading and writing: give up waiting, and end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// A stream of bytes to and from the peer, whose waiting can be bounded.
///
/// `TcpStream` is one, and on Unix `UnixStream`. For TLS, wrap the TLS crate's stream in a type of your own: hand
/// reading and writing to it, the time-outs to the socket below it, and let `shutdown` send `close_notify` first.
/// For a stream that knows no time-outs there is [`Untimed`], for many connections in halves [`Shared`].
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
/// #     fn flush(&mut self) -> io::Result<()> {
/// #         self.socket.flush()
/// #     }
/// # }
/// ```
pub trait Stream: Read + Write {
    /// Bounds how long one `read` waits, after which it fails with `WouldBlock` or `TimedOut` and loses nothing.
    /// `None`: as long as it takes. Never called with zero.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the stream cannot do that: then waits that must be bounded are not begun at all.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// The same for `write`.
    ///
    /// # Errors
    ///
    /// As [`set_read_timeout`](Self::set_read_timeout).
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Ends one direction or both: the peer reads the end of the stream behind what was written.
    ///
    /// # Errors
    ///
    /// Whatever the system says; `Unsupported` if only dropping the stream can end it.
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()>;
}

/// A [`Stream`] of which a second handle can be made, for a reading and a writing thread.
pub trait TryClone: Stream + Sized {
    /// Another handle to the same stream.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn try_clone(&self) -> io::Result<Self>;
}

macro_rules! socket {
    ($socket:ty) => {
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
        }

        impl TryClone for Shared<$socket> {
            fn try_clone(&self) -> io::Result<Self> {
                Ok(self.clone())
            }
        }
    };
}

socket!(TcpStream);
#[cfg(unix)]
socket!(std::os::unix::net::UnixStream);

/// A socket whose handles share one descriptor.
///
/// The halves of a connection over a `TcpStream` have three descriptors, as each clone of it is one, and many systems
/// give a process 1024. Over this they have one.
///
/// ```no_run
/// use hybi::blocking::{self, Shared};
/// use hybi::handshake::Accept;
/// use std::net::TcpListener;
///
/// let (socket, address) = TcpListener::bind("127.0.0.1:9001")?.accept()?;
/// let ws = blocking::accept(Shared::new(socket))?.accept(&Accept::from_same_origin())?;
/// assert_eq!(ws.stream().peer_addr()?, address); // it can all that the socket can
/// let (reader, writer) = ws.split()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// The first handle.
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

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

/// Makes a [`Stream`] of anything that reads and writes.
///
/// It cannot bound a wait: read time-outs are refused, [`terminate`](super::WebSocket::terminate) does not wait for
/// the peer's Close, and nobody waits for the peer to end the stream. If the stream itself is non-blocking, all of
/// its `WouldBlock` are understood.
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
