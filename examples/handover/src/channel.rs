//! The channel between the old process and the new one: records over a Unix socket, some with a
//! descriptor (`SCM_RIGHTS`).
//!
//! A record is its kind in one byte, the length of its payload in four (big-endian), and the
//! payload. A descriptor comes with the first byte.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recv, recvmsg, sendmsg,
};

use crate::clock;

const HEADER_BYTES: usize = 5;
/// More than any connection can hold within the limits of this program.
const PAYLOAD_BYTES_MAX: u32 = 256 << 20;

/// The kinds of records, in the order in which they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// New to old: the versions of the format that it reads.
    Hello = b'h',
    /// Old to new: the listener, with its descriptor.
    Listener = b'l',
    /// Old to new: a user of the chat, whose connection follows sooner or later.
    User = b'u',
    /// Old to new: a connection, with its descriptor.
    Connection = b'c',
    /// Old to new: these were all that can move now.
    End = b'e',
    /// New to old: everything is understood.
    Ready = b'r',
    /// Old to new: serve.
    Go = b'g',
    /// New to old: from now on the connections are mine. Said before any of them is touched.
    Serving = b's',
    /// Old to new: this user's connection does not follow, because it has ended.
    Left = b'x',
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        use Kind::{Connection, End, Go, Hello, Left, Listener, Ready, Serving, User};
        [Hello, Listener, User, Connection, End, Ready, Go, Serving, Left]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) payload: Vec<u8>,
    pub(crate) descriptor: Option<OwnedFd>,
}

/// One end of the channel. A call blocks, until the [time](Channel::set_time) is over.
pub(crate) struct Channel {
    socket: UnixStream,
    deadline: Duration,
}

impl Channel {
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self { socket, deadline: Duration::ZERO }
    }

    /// Sets how much time the next calls have together.
    pub(crate) fn set_time(&mut self, time: Duration) {
        self.deadline = clock::now().saturating_add(time);
    }

    /// Returns how much of that is left.
    fn time_left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.saturating_sub(clock::now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }

    /// Returns whether a record with a payload of this length has arrived, without waiting.
    pub(crate) fn has_arrived(&self, payload_len: usize) -> io::Result<bool> {
        let mut bytes = vec![0; HEADER_BYTES + payload_len];
        match recv(&self.socket, &mut *bytes, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Err(ErrorKind::UnexpectedEof.into()),
            Ok((_, len)) => Ok(len == bytes.len()),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn send(
        &mut self,
        kind: Kind,
        payload: &[u8],
        descriptor: Option<BorrowedFd<'_>>,
    ) -> io::Result<()> {
        let len = u32::try_from(payload.len()).ok().filter(|len| *len <= PAYLOAD_BYTES_MAX);
        let [a, b, c, d] = len.ok_or(ErrorKind::FileTooLarge)?.to_be_bytes();
        let header = [kind as u8, a, b, c, d];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.as_slice();
        if !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let slices = [IoSlice::new(&header), IoSlice::new(payload)];
        let sent = loop {
            self.socket.set_write_timeout(self.time_left()?)?;
            match sendmsg(&self.socket, &slices, &mut ancillary, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::INTR) => {}
                result => break result.map_err(timed_out)?,
            }
        };
        self.write_all(header.get(sent..).unwrap_or_default())?;
        self.write_all(payload.get(sent.saturating_sub(HEADER_BYTES)..).unwrap_or_default())
    }

    /// Receives a record of the kind that is next.
    pub(crate) fn expect(&mut self, kind: Kind) -> io::Result<Record> {
        let record = self.receive()?;
        if record.kind != kind {
            let text = format!("a record {:?} came in place of {kind:?}", record.kind);
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        Ok(record)
    }

    pub(crate) fn receive(&mut self) -> io::Result<Record> {
        let mut header = [0; HEADER_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let len = loop {
            self.socket.set_read_timeout(self.time_left()?)?;
            let mut slices = [IoSliceMut::new(&mut header)];
            let flags = RecvFlags::CMSG_CLOEXEC;
            match recvmsg(&self.socket, &mut slices, &mut ancillary, flags) {
                Err(rustix::io::Errno::INTR) => {}
                result => break result.map_err(timed_out)?.bytes,
            }
        };
        if len == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let descriptor = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        self.read_rest(header.get_mut(len..).unwrap_or_default())?;
        let [kind, len @ ..] = header;
        let bad = |text: String| io::Error::new(ErrorKind::InvalidData, text);
        let kind = Kind::of(kind).ok_or_else(|| bad(format!("{kind:#04x} is no record")))?;
        let len = u32::from_be_bytes(len);
        if len > PAYLOAD_BYTES_MAX {
            return Err(bad(format!("a record of {len} bytes is too long")));
        }
        let mut payload = vec![0; len as usize];
        self.read_rest(&mut payload)?;
        Ok(Record { kind, payload, descriptor })
    }

    /// Reads a part of a record, which fills all of `bytes`.
    fn read_rest(&self, mut bytes: &mut [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.socket.set_read_timeout(self.time_left()?)?;
            match (&self.socket).read(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) => {
                    return Err(io::Error::new(ErrorKind::InvalidData, "a record is cut short"));
                }
                result => bytes = bytes.get_mut(result.map_err(timed_out)?..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.socket.set_write_timeout(self.time_left()?)?;
            match (&self.socket).write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => bytes = bytes.get(result.map_err(timed_out)?..).unwrap_or_default(),
            }
        }
        Ok(())
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A socket whose time is over says that it would block.
fn timed_out(error: impl Into<io::Error>) -> io::Error {
    match error.into() {
        error if error.kind() == ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        error => error,
    }
}
