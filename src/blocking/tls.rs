//! TLS for `wss:` URIs and servers, with rustls.
//!
//! The session is one machine for both directions. It is locked for moments only, to encrypt and
//! decrypt. Whoever reads the stream below holds the input meanwhile, and whoever writes it the
//! output, so neither waits for the other. Ciphertext leaves the session only while the output is
//! locked: it is written in the order in which the session made it, whoever writes it.

use core::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};
use std::vec;
use std::vec::Vec;

use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

use super::stream::{Stream, TryClone};
use super::timeouts::{Direction, Timeouts};
use super::transfer::{after, passed};
use crate::adapter::tls::{self, HTTP1, is_for_http1};
use crate::uri::Uri;

/// How much is read of the stream below at once. Into the stack: a page, or as much as a record may
/// have (RFC 8446 §5.2) if the last read has filled the page. Then more if the caller has room.
const FEW: usize = 4 << 10;
const MANY: usize = 17 << 10;
const MOST: usize = 64 << 10;
/// How much memory is kept for output that has been written: enough for a short message.
const OUT_BYTES_KEPT: usize = 1 << 10;
/// A time-out to find out whether a stream has any.
const SOME_TIME: Option<Duration> = Some(Duration::from_secs(1));

/// A [`Stream`] that does TLS over another.
///
/// [`connect`](super::connect) puts it below a `wss:` connection. A server puts it on each socket
/// that it accepts. It does so in a hub, as below, or passes it on to an
/// [`Acceptor`](super::Acceptor). The [guide](crate::docs::guide#tls)
/// tells how to make a certificate.
///
/// ```no_run
/// use hybi::blocking::rustls::ServerConfig;
/// use hybi::blocking::rustls::crypto::ring;
/// use hybi::blocking::rustls::pki_types::pem::PemObject;
/// use hybi::blocking::rustls::pki_types::{CertificateDer, PrivateKeyDer};
/// use hybi::blocking::{Hub, HubConfig, Shared, TlsStream};
/// use hybi::handshake::Acceptance;
/// use std::net::TcpListener;
/// use std::sync::Arc;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let chain = CertificateDer::pem_file_iter("cert.pem")?.collect::<Result<_, _>>()?;
///     let key = PrivateKeyDer::from_pem_file("key.pem")?;
///     let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
///         .with_safe_default_protocol_versions()?
///         .with_no_client_auth()
///         .with_single_cert(chain, key)?;
///     let config = Arc::new(config);
///     let hub = Hub::with_streams(HubConfig::default(), move |socket| {
///         TlsStream::server(Shared::new(socket), Arc::clone(&config))
///     });
///     let acceptance = Acceptance::from_same_origin();
///     hub.serve(TcpListener::bind("127.0.0.1:9443")?, |arrival| {
///         let mut session = arrival.accept(&acceptance)?;
///         while let Some(message) = session.receive()? {
///             session.send(&message)?;
///         }
///         Ok(())
///     })?;
///     Ok(())
/// }
/// ```
///
/// # What it does
///
/// - The first call that reads or writes shakes hands, within its time-out. If that fails, the peer
///   is sent the alert, and the error is `InvalidData` with a [`rustls::Error`] inside.
/// - A time-out bounds a call as a whole, at any point of a record. Nothing is lost: what was read
///   of a record waits for the next call, and so does what could not be written of one.
/// - Its handles are for two threads, as with a socket: one that reads and one that writes do not
///   wait for each other, once hands are shaken. Two that write at once do.
/// - The end of TLS (`close_notify`) reads as the end of the stream. If the stream below ends
///   without, reading fails with `UnexpectedEof`: anybody on the way can end TCP (RFC 8446 §6.1).
/// - [`shutdown`](Stream::shutdown) of the output sends what was left, and `close_notify`.
/// - A peer's change of keys is answered with the next record that is written (RFC 8446 §4.6.3).
///
/// While it waits, it holds no buffer, but for the page that rustls keeps to read into. With that
/// and the session, an idle connection takes about 10 KiB of the heap. A read takes up to 17 KiB of
/// the stack.
#[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
pub struct TlsStream<S> {
    below: Below<S>,
    shared: Arc<Shared>,
    /// Whether the handshake is known to be complete.
    is_open: bool,
    /// Whether the stream below has time-outs.
    is_timed: bool,
    /// The time-outs of a call.
    read_within: Option<Duration>,
    write_within: Option<Duration>,
}

/// A handle to the stream below. Its time-outs are set when it is used, and only that of the
/// direction: the other may be in use through another handle.
struct Below<S> {
    stream: S,
    /// What is in force.
    timeouts: Timeouts,
}

/// What all handles share. To lock two of them, lock the session last.
struct Shared {
    session: Mutex<Session>,
    /// Locked while the stream below is read.
    incoming: Mutex<Incoming>,
    /// Locked while the stream below is written.
    outgoing: Mutex<Outgoing>,
}

/// Locked for moments.
struct Session {
    tls: Connection,
    /// Why nothing more can be read, once everything before it has been.
    failure: Option<rustls::Error>,
}

#[derive(Default)]
struct Incoming {
    /// Ciphertext that was read and has no room in the session, as the caller had none.
    waiting: Vec<u8>,
    /// Whether the last read has filled a page.
    reads_many: bool,
}

#[derive(Default)]
struct Outgoing {
    /// Ciphertext, of which so much has been written.
    bytes: Vec<u8>,
    written: usize,
}

impl<S: Stream> TlsStream<S> {
    /// Starts TLS as a client, with the server of the URI. Without a configuration, the certificate
    /// is checked as the platform does.
    ///
    /// Its ALPN protocols, if there are any, are replaced by `http/1.1`: over HTTP/2 the upgrade
    /// would fail.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the URI's host can have no certificate. Otherwise the platform's
    /// certificates could not be loaded, or the configuration makes no sense.
    pub fn client(
        stream: S,
        config: impl Into<Option<Arc<ClientConfig>>>,
        uri: &Uri,
    ) -> io::Result<Self> {
        let (config, name) = tls::client(config.into(), uri)?;
        let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Self::new(stream, tls.into()))
    }

    /// Starts TLS as a server.
    ///
    /// The ALPN protocols of the configuration are treated as those of a
    /// [client](Self::client).
    ///
    /// # Errors
    ///
    /// The configuration makes no sense.
    pub fn server(stream: S, mut config: Arc<ServerConfig>) -> io::Result<Self> {
        if !is_for_http1(&config.alpn_protocols) {
            Arc::make_mut(&mut config).alpn_protocols = vec![HTTP1.to_vec()];
        }
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self::new(stream, tls.into()))
    }

    fn new(mut stream: S, tls: Connection) -> Self {
        // Another error means that the stream has ended, which the first call on it tells.
        let timed = stream.set_read_timeout(SOME_TIME);
        let is_timed = !timed.is_err_and(|error| error.kind() == io::ErrorKind::Unsupported);
        let shared = Shared {
            session: Mutex::new(Session { tls, failure: None }),
            incoming: Mutex::default(),
            outgoing: Mutex::default(),
        };
        Self {
            below: Below { stream, timeouts: Timeouts::default() },
            shared: Arc::new(shared),
            is_open: false,
            is_timed,
            read_within: None,
            write_within: None,
        }
    }

    /// Shakes hands, if that has not been done, until `deadline`.
    pub(super) fn shake_hands(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        while !self.is_open {
            let mut outgoing = lock(&self.shared.outgoing);
            outgoing.take_from(&mut lock(&self.shared.session).tls);
            let written = outgoing.write_to(&mut self.below, deadline);
            drop(outgoing);
            let session = lock(&self.shared.session);
            if let Some(failure) = &session.failure {
                return Err(invalid(failure)); // whether or not the alert was written
            }
            written?;
            self.is_open = !session.tls.is_handshaking();
            drop(session);
            if !self.is_open {
                self.read_handshake(deadline)?;
            }
        }
        Ok(())
    }

    /// Reads a part of the handshake.
    #[inline(never)] // its buffer is on the stack only while it reads
    fn read_handshake(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let mut incoming = lock(&self.shared.incoming);
        if !lock(&self.shared.session).is_shaking_hands() {
            return Ok(()); // another handle has done it meanwhile
        }
        let mut buffer = [0; FEW];
        let n = self.below.read(&mut buffer, deadline)?;
        let mut ciphertext = buffer.get(..n).unwrap_or_default();
        if ciphertext.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut session = lock(&self.shared.session);
        while session.is_shaking_hands() && !ciphertext.is_empty() {
            session.process(&mut ciphertext)?;
        }
        incoming.waiting.extend_from_slice(ciphertext);
        if session.is_shaking_hands() && passed(deadline) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    fn write_slices(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let deadline = after(self.write_within);
        self.shake_hands(deadline)?;
        let mut outgoing = lock(&self.shared.outgoing);
        outgoing.write_to(&mut self.below, deadline)?;
        let mut session = lock(&self.shared.session);
        let taken = session.tls.writer().write_vectored(slices)?;
        outgoing.take_from(&mut session.tls);
        drop(session);
        if taken > 0 && outgoing.is_empty() {
            // The keys are used up (RFC 8446 §5.5), and the peer has been told.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match outgoing.write_to(&mut self.below, deadline) {
            Err(error) if !is_later(&error) => Err(error),
            _ => Ok(taken), // what is left of it follows
        }
    }

    /// Sends what was left, and the end of TLS. Does not wait for a thread that writes: that one
    /// may be stuck, and ending the stream is meant to free it.
    fn say_goodbye(&mut self) -> io::Result<()> {
        let mut outgoing = match self.shared.outgoing.try_lock() {
            Ok(outgoing) => outgoing,
            Err(TryLockError::Poisoned(outgoing)) => outgoing.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        let mut session = lock(&self.shared.session);
        session.tls.send_close_notify();
        outgoing.take_from(&mut session.tls);
        drop(session);
        let deadline = after(self.write_within);
        outgoing.write_to(&mut self.below, deadline)
    }
}

impl<S> TlsStream<S> {
    /// Returns the stream below, for its address and options.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.below.stream
    }

    /// Calls `look` with the session, for what was agreed on: the peer's certificates, the version,
    /// the cipher. Threads that read and write wait meanwhile.
    ///
    /// ```
    /// use hybi::blocking::TlsStream;
    ///
    /// fn is_tls13<S>(stream: &TlsStream<S>) -> bool {
    ///     use hybi::blocking::rustls::ProtocolVersion;
    ///     stream.session(|tls| tls.protocol_version() == Some(ProtocolVersion::TLSv1_3))
    /// }
    /// ```
    pub fn session<T>(&self, look: impl FnOnce(&Connection) -> T) -> T {
        look(&lock(&self.shared.session).tls)
    }
}

impl<S: Stream> Below<S> {
    fn read(&mut self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        self.timeouts.bound(&mut self.stream, Direction::Read, deadline)?;
        self.stream.read(buffer)
    }

    fn write(&mut self, bytes: &[u8], deadline: Option<Instant>) -> io::Result<usize> {
        self.timeouts.bound(&mut self.stream, Direction::Write, deadline)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.timeouts.bound(&mut self.stream, Direction::Write, deadline)?;
        self.stream.flush()
    }
}

impl Session {
    fn is_shaking_hands(&self) -> bool {
        self.tls.is_handshaking() && self.failure.is_none()
    }

    /// Frees what long records have left. (rustls does so at the beginning of a read.)
    fn shrink(&mut self) {
        let _ = self.tls.read_tls(&mut NotYet); // an error in any case
    }

    /// Takes some of the ciphertext.
    fn process(&mut self, ciphertext: &mut &[u8]) -> io::Result<()> {
        if self.tls.read_tls(ciphertext)? == 0 {
            *ciphertext = &[]; // after the end of TLS
        }
        if let Err(failure) = self.tls.process_new_packets() {
            self.failure = Some(failure);
            *ciphertext = &[];
        }
        Ok(())
    }

    /// Decrypts until `buffer` is full or the ciphertext is used up. Returns `None` if it takes
    /// more to complete a record, zero for the end.
    fn decrypt(&mut self, ciphertext: &mut &[u8], buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut filled = 0_usize;
        loop {
            let room = buffer.get_mut(filled..).unwrap_or_default();
            match self.tls.reader().read(room) {
                Ok(0) => return Ok(Some(filled)),
                Ok(n) => filled = filled.saturating_add(n),
                // The end, or what was wrong, is told once everything before has been read.
                Err(_) if filled > 0 && ciphertext.is_empty() => return Ok(Some(filled)),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => {
                    if let Some(failure) = &self.failure {
                        return Err(invalid(failure));
                    }
                    if ciphertext.is_empty() {
                        return Ok(None);
                    }
                    self.process(ciphertext)?;
                }
            }
        }
    }
}

/// Something to read that has nothing.
struct NotYet;

impl Read for NotYet {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Outgoing {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes all ciphertext out of the session.
    fn take_from(&mut self, tls: &mut Connection) {
        // A `Vec` takes everything, and does not fail.
        while tls.wants_write() && tls.write_tls(&mut self.bytes).is_ok_and(|n| n > 0) {}
    }

    /// Writes everything, or fails with a time-out. What is left then stays here.
    fn write_to<S: Stream>(
        &mut self,
        below: &mut Below<S>,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let mut is_late = false;
        while let Some(left @ [_, ..]) = self.bytes.get(self.written..) {
            if is_late {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match below.write(left, deadline) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.written = self.written.saturating_add(n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            is_late = passed(deadline);
        }
        self.written = 0;
        self.bytes.clear();
        self.bytes.shrink_to(OUT_BYTES_KEPT);
        Ok(())
    }
}

impl<S: Stream> Read for TlsStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let deadline = after(self.read_within);
        self.shake_hands(deadline)?;
        let mut incoming = lock(&self.shared.incoming);
        let session = &self.shared.session;
        let mut read = incoming.decrypt_waiting(&mut lock(session), buffer)?;
        let mut is_late = false;
        loop {
            if let Some(n) = read {
                return Ok(n);
            }
            if is_late {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let below = &mut self.below;
            read = match buffer.len().min(MOST) {
                _ if !incoming.reads_many => {
                    incoming.read_first::<FEW, S>(below, session, buffer, deadline)?
                }
                ..=MANY => incoming.read_first::<MANY, S>(below, session, buffer, deadline)?,
                // A long message: fewer calls are worth an allocation.
                len => incoming.read(&mut vec![0; len], below, session, buffer, deadline)?,
            };
            is_late = passed(deadline);
        }
    }
}

impl Incoming {
    #[inline(never)] // its buffer is on the stack only while it reads
    fn read_first<const N: usize, S: Stream>(
        &mut self,
        below: &mut Below<S>,
        session: &Mutex<Session>,
        buffer: &mut [u8],
        deadline: Option<Instant>,
    ) -> io::Result<Option<usize>> {
        self.read(&mut [0; N], below, session, buffer, deadline)
    }

    /// Reads the stream below once, into `bytes`, and decrypts into `buffer`. Returns `None` if no
    /// record is complete.
    fn read<S: Stream>(
        &mut self,
        bytes: &mut [u8],
        below: &mut Below<S>,
        session: &Mutex<Session>,
        buffer: &mut [u8],
        deadline: Option<Instant>,
    ) -> io::Result<Option<usize>> {
        let n = below.read(bytes, deadline)?;
        self.reads_many = n >= FEW;
        let mut ciphertext = bytes.get(..n).unwrap_or_default();
        let mut session = lock(session);
        if n == 0 {
            session.tls.read_tls(&mut io::empty())?; // notes the end
        }
        let read = session.decrypt(&mut ciphertext, buffer);
        self.waiting.extend_from_slice(ciphertext);
        read
    }

    /// Decrypts what has been read already.
    fn decrypt_waiting(
        &mut self,
        session: &mut Session,
        buffer: &mut [u8],
    ) -> io::Result<Option<usize>> {
        let mut ciphertext = &*self.waiting;
        let read = session.decrypt(&mut ciphertext, buffer);
        let used = self.waiting.len().saturating_sub(ciphertext.len());
        if used == self.waiting.len() {
            self.waiting = Vec::new();
        } else {
            self.waiting.drain(..used);
        }
        if matches!(read, Ok(None)) {
            session.shrink(); // what is read next may not come for hours
        }
        read
    }
}

impl<S: Stream> Write for TlsStream<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.write_slices(&[IoSlice::new(buffer)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_slices(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        let deadline = after(self.write_within);
        let mut outgoing = lock(&self.shared.outgoing);
        outgoing.take_from(&mut lock(&self.shared.session).tls);
        outgoing.write_to(&mut self.below, deadline)?;
        self.below.flush(deadline)
    }
}

impl<S: Stream> Stream for TlsStream<S> {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.can_wait_for(timeout)?;
        self.read_within = timeout;
        Ok(())
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.can_wait_for(timeout)?;
        self.write_within = timeout;
        Ok(())
    }

    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            // A peer that does not take it is left without.
            let _ = self.say_goodbye();
        }
        self.below.stream.shutdown(how)
    }

    fn set_nodelay(&mut self) -> io::Result<()> {
        self.below.stream.set_nodelay()
    }
}

impl<S> TlsStream<S> {
    fn can_wait_for(&self, timeout: Option<Duration>) -> io::Result<()> {
        match timeout {
            Some(_) if !self.is_timed => Err(io::ErrorKind::Unsupported.into()),
            _ => Ok(()),
        }
    }
}

impl<S: TryClone> TryClone for TlsStream<S> {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            below: Below { stream: self.below.stream.try_clone()?, timeouts: Timeouts::default() },
            shared: Arc::clone(&self.shared),
            ..*self
        })
    }
}

impl<S: fmt::Debug> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("stream", &self.below.stream).finish_non_exhaustive()
    }
}

fn invalid(failure: &rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, failure.clone())
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Locks a mutex, even if another thread has panicked with it locked: only the stream's code could.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
