//! How a connection ended, for programs.

use core::fmt;

use crate::error::{CutOff, EndOfInputError, KeepaliveError, ProtocolError};
use crate::escaped::Escaped;
use crate::frame::{CloseCode, CloseReason};

/// How a connection ended, as a browser's `CloseEvent` reports it.
///
/// ```
/// use hybi::CloseCode;
/// use hybi::connection::{Abnormal, Closed};
/// use hybi::frame::CloseReason;
///
/// let closed = Closed::Clean(Some(CloseReason { code: CloseCode::NORMAL, reason: "bye".into() }));
/// assert_eq!((closed.code(), closed.reason(), closed.was_clean()), (1000, "bye", true));
/// assert_eq!(Closed::Abnormal(Abnormal::Terminated).code(), 1006);
/// ```
///
/// An adapter makes it of what ended the connection: [`Event::Close`](crate::Event::Close), which
/// is clean, or an error of receiving, of the end of the input or of the keep-alive:
///
/// ```
/// use hybi::connection::Closed;
/// use hybi::{Config, Connection, Event, Inbox, Outbox};
///
/// let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
/// let mut inbox = Inbox::new();
/// inbox.append(b"\x88\x82\0\0\0\0\x03\xe8"); // usually read from a socket
///
/// let closed = match ws.receive(&mut inbox.input(), &mut out) {
///     Ok(Some(Event::Close(reason))) => {
///         Some(Closed::Clean(reason.map(|reason| reason.into_owned())))
///     }
///     Ok(_) => None,
///     Err(error) => Some(Closed::Abnormal(error.into())),
/// };
/// assert_eq!(closed.map(|closed| closed.code()), Some(1000));
/// ```
///
/// A connection ends with a Close frame or without one, so there will be no third variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// With the peer's Close frame, and what it said. `None`: it had no code, which programs call
    /// 1005 (RFC 6455 §7.1.5).
    Clean(Option<CloseReason<'static>>),
    /// Without the peer's Close frame, which programs call 1006 (RFC 6455 §7.1.5).
    Abnormal(Abnormal),
}

/// Why a connection ended without the peer's Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Abnormal {
    /// The input ended.
    CutOff(CutOff),
    /// The peer missed a deadline: it gave no sign of life, or did not finish closing.
    TimedOut(KeepaliveError),
    /// The peer broke a rule.
    Protocol(ProtocolError),
    /// The transport failed, such as by a reset.
    Transport,
    /// The program dropped the connection.
    Terminated,
}

impl Closed {
    /// Returns the close code: the peer's, 1005 if its Close frame had none, or 1006 if there was
    /// no Close frame.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Clean(Some(reason)) => reason.code.number(),
            Self::Clean(None) => 1005,
            Self::Abnormal(_) => 1006,
        }
    }

    /// Returns the peer's reason, which is empty if it gave none.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Clean(Some(reason)) => &reason.reason,
            Self::Clean(None) | Self::Abnormal(_) => "",
        }
    }

    /// Returns whether the peer's Close frame arrived.
    #[must_use]
    pub const fn was_clean(&self) -> bool {
        matches!(self, Self::Clean(_))
    }

    /// Returns whether it is worth connecting again though nobody changes anything: the peer was
    /// cut off or silent, or said that it goes or that its trouble is temporary (1001, 1011 to
    /// 1014, 3008). Wait before you do, longer after each attempt and for a random time.
    ///
    /// `false` for 1000 and 1005, because all has been said; for other codes, among them your own
    /// from 4000 on, because the peer will say the same again; and if a rule was broken, or your
    /// program dropped the connection.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Clean(None) => false,
            Self::Clean(Some(reason)) => matches!(
                reason.code,
                CloseCode::GOING_AWAY
                    | CloseCode::INTERNAL_ERROR
                    | CloseCode::SERVICE_RESTART
                    | CloseCode::TRY_AGAIN_LATER
                    | CloseCode::BAD_GATEWAY
                    | CloseCode::TIMEOUT
            ),
            Self::Abnormal(Abnormal::Protocol(_) | Abnormal::Terminated) => false,
            Self::Abnormal(_) => true,
        }
    }

    /// Returns a code for logs, metrics and other languages: `"clean"`, or that of
    /// [`Abnormal::name`]. It is as stable as [`ProtocolError::name`].
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Clean(_) => "clean",
            Self::Abnormal(why) => why.name(),
        }
    }
}

impl Abnormal {
    /// Returns a code for logs, metrics and other languages: the name of the error in it,
    /// `"transport-failed"` or `"terminated"`. It is as stable as [`ProtocolError::name`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CutOff(cut_off) => cut_off.name(),
            Self::TimedOut(error) => error.name(),
            Self::Protocol(error) => error.name(),
            Self::Transport => "transport-failed",
            Self::Terminated => "terminated",
        }
    }
}

/// Prints such as `1000 (normal closure) "bye"`, `4001`, `1005 (no code)` or `1006: the connection
/// ended without ...`. In brackets is the [meaning](crate::CloseCode::meaning) of the code. The
/// peer's reason is quoted and [escaped](crate::escaped).
impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean(Some(CloseReason { code, reason })) => {
                write!(f, "{code}")?;
                if let Some(meaning) = code.meaning() {
                    write!(f, " ({meaning})")?;
                }
                if reason.is_empty() { Ok(()) } else { write!(f, " {:?}", Escaped(reason)) }
            }
            Self::Clean(None) => f.write_str("1005 (no code)"),
            Self::Abnormal(why) => write!(f, "1006: {why}"),
        }
    }
}

impl fmt::Display for Abnormal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff(cut_off) => cut_off.fmt(f),
            Self::TimedOut(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Transport => f.write_str("the transport failed"),
            Self::Terminated => f.write_str("the program dropped the connection"),
        }
    }
}

impl From<EndOfInputError> for Abnormal {
    fn from(error: EndOfInputError) -> Self {
        match error {
            EndOfInputError::Protocol(error) => Self::Protocol(error),
            EndOfInputError::CutOff(cut_off) => Self::CutOff(cut_off),
        }
    }
}

impl From<ProtocolError> for Abnormal {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<CutOff> for Abnormal {
    fn from(cut_off: CutOff) -> Self {
        Self::CutOff(cut_off)
    }
}

impl From<KeepaliveError> for Abnormal {
    fn from(error: KeepaliveError) -> Self {
        Self::TimedOut(error)
    }
}
