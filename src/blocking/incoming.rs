//! What a read yields, and how a connection was closed.

use core::fmt;
use std::io;
use std::string::{String, ToString};
use std::vec::Vec;

use crate::connection::{self, Expired};
use crate::error::{CutOff, Misuse, Violation};
use crate::frame::CloseReason;

/// What a read yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A pong with its payload, at most 125 bytes: the answer to one of our pings, or unasked for.
    Pong(Vec<u8>),
    /// Nothing came within the read time-out, or the stream is non-blocking and has nothing. Nothing is lost: read
    /// again.
    TimedOut,
    /// The connection is over. Every later read says the same.
    Closed(Closed),
}

/// How a connection was closed: what a browser tells in its `CloseEvent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// With a Close frame each way. What the peer's said; `None`: it named no code, which is 1005 for programs (RFC
    /// 6455 §7.1.5).
    Clean(Option<CloseReason<'static>>),
    /// Without the peer's Close frame: 1006 for programs.
    Abnormal(Abnormal),
}

/// Why a connection ended without the peer's Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Abnormal {
    /// The peer ended the stream; what was cut off.
    CutOff(CutOff),
    /// A deadline has passed: the peer did not answer a ping, or did not send its Close frame in time.
    Expired(Expired),
    /// We dropped the connection: [`terminate`](super::WebSocket::terminate).
    Terminated,
}

impl Closed {
    /// The close code: the peer's, or 1005 (its Close frame named none), or 1006 (there was no Close frame).
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Clean(Some(reason)) => reason.code.number(),
            Self::Clean(None) => 1005,
            Self::Abnormal(_) => 1006,
        }
    }

    /// The peer's reason, or nothing.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Clean(Some(reason)) => &reason.reason,
            Self::Clean(None) | Self::Abnormal(_) => "",
        }
    }

    /// Whether the closing handshake was completed.
    #[must_use]
    pub fn was_clean(&self) -> bool {
        matches!(self, Self::Clean(_))
    }
}

/// Such as `1000 "bye"`, `1005 (no code)` or `1006: the connection ended without ...`.
impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean(Some(reason)) if reason.reason.is_empty() => write!(f, "{}", reason.code),
            Self::Clean(Some(reason)) => write!(f, "{} {:?}", reason.code, reason.reason),
            Self::Clean(None) => f.write_str("1005 (no code)"),
            Self::Abnormal(why) => write!(f, "1006: {why}"),
        }
    }
}

impl fmt::Display for Abnormal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff(cut_off) => cut_off.fmt(f),
            Self::Expired(expired) => expired.fmt(f),
            Self::Terminated => f.write_str("we dropped the connection"),
        }
    }
}

/// The four states of the browser's WebSocket, with the browser's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ReadyState {
    /// The opening handshake is not done: a [`Pending`](super::Pending) request, or a connect that has not returned.
    Connecting = 0,
    /// Messages come and go.
    Open = 1,
    /// One side has sent its Close frame, or writing has failed; the transport is still there.
    Closing = 2,
    /// The connection is over and the transport closed.
    Closed = 3,
}

/// Why a call on an open connection failed.
#[derive(Debug)]
pub enum Error {
    /// The peer broke a rule of the protocol. It was sent the Close frame for that, as far as possible, and the
    /// transport is closed. Every later read says the same.
    Violation(Violation),
    /// The caller made a mistake. Nothing was written, and the connection is as it was before.
    Misuse(Misuse),
    /// The stream failed. From a read: the connection is over, and every later read says the same. From anything that
    /// writes: nothing can be written any more, but read on: what the peer had sent, such as a Close frame that tells
    /// why, may still be there.
    Io(io::Error),
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(f),
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::Io(error) => write!(f, "the stream failed: {error}"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Violation(violation) => Some(violation),
            Self::Misuse(misuse) => Some(misuse),
            Self::Io(error) => Some(error),
        }
    }
}

/// How a connection ended, to be told as often as somebody asks.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    Closed(Closed),
    Violation(Violation),
    Io(Failure),
}

impl Ended {
    pub(super) fn tell(&self) -> Result<Closed, Error> {
        match self {
            Self::Closed(closed) => Ok(closed.clone()),
            Self::Violation(violation) => Err(Error::Violation(*violation)),
            Self::Io(failure) => Err(Error::Io(failure.tell())),
        }
    }
}

/// An I/O error that can be told more than once.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: io::ErrorKind,
    os: Option<i32>,
    text: String,
}

impl Failure {
    pub(super) fn new(error: &io::Error) -> Self {
        Self { kind: error.kind(), os: error.raw_os_error(), text: error.to_string() }
    }

    pub(super) fn tell(&self) -> io::Error {
        match self.os {
            Some(os) => io::Error::from_raw_os_error(os),
            None => io::Error::new(self.kind, self.text.as_str()),
        }
    }
}

impl From<connection::ReadyState> for ReadyState {
    fn from(state: connection::ReadyState) -> Self {
        match state {
            connection::ReadyState::Open => Self::Open,
            connection::ReadyState::Closing => Self::Closing,
            connection::ReadyState::Closed => Self::Closed,
        }
    }
}
