//! The errors of an established connection. Each type says whose fault it is: [`ProtocolError`]
//! (the peer's), [`CutOff`] and [`KeepaliveError`] (the peer's or the network's), [`UsageError`]
//! (the caller's). A clean close is an event and not an error.
//!
//! Two habits hold for all of them. `Display` prints the whole message, so `source` returns `None`.
//! `name` returns a stable code for logs, metrics and other languages; no two errors share one.

use core::fmt;

use crate::frame::{CloseCode, CloseCodeError, OpCode, Reserved};

/// A rule that the peer broke on an established connection. Final: nothing is received or sent
/// afterwards.
///
/// When a [`Connection`](crate::Connection) returns it, the Close frame with its
/// [code](Self::close_code) and [reason](Self::close_reason) is already in the output. Write the
/// output, then close the transport (RFC 6455 §7.1.7).
///
/// ```
/// use hybi::{Config, Connection, Inbox, Outbox, ProtocolError};
///
/// let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
/// let mut inbox = Inbox::new();
/// inbox.append(b"\x81\x05Hello"); // not masked
///
/// let error = ws.receive(&mut inbox.input(), &mut out).unwrap_err();
/// assert_eq!(error, ProtocolError::Unmasked);
/// assert_eq!(error.name(), "unmasked"); // for logs and metrics
/// assert!(error.to_string().ends_with("an unmasked frame; a client must mask (RFC 6455 §5.1)"));
/// let close = b"\x88\x35\x03\xeaRFC 6455 section 5.1: a client must mask its frames";
/// assert_eq!(out, close); // code 1002
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Reserved bits are set to which no negotiated extension gives a meaning.
    ReservedBits {
        /// The reserved bits of the frame.
        bits: Reserved,
    },
    /// An opcode without a meaning.
    ReservedOpCode {
        /// The opcode of the frame.
        opcode: OpCode,
    },
    /// An unmasked frame from a client.
    Unmasked,
    /// A masked frame from a server.
    Masked,
    /// A length in a longer form than it needs.
    LengthNotShortest {
        /// The length in bytes.
        len: u64,
    },
    /// A 64-bit length with the top bit set.
    LengthTopBit {
        /// The length in bytes.
        len: u64,
    },
    /// A control frame of more than 125 bytes.
    ControlTooLong {
        /// The opcode of the frame.
        opcode: OpCode,
    },
    /// A control frame without the FIN bit.
    ControlFragmented {
        /// The opcode of the frame.
        opcode: OpCode,
    },
    /// A continuation frame while no message is in progress.
    ContinuationOfNothing,
    /// A new text or binary frame before the end of the message in progress.
    MessageInsideMessage,
    /// A Close frame with a body of one byte, too short for a code.
    CloseBodyTooShort,
    /// A close code that must not be sent.
    CloseCode {
        /// The code of the frame.
        number: u16,
    },
    /// A close reason that is not UTF-8.
    CloseReasonNotUtf8,
    /// A text message that is not UTF-8.
    TextNotUtf8,
    /// A frame longer than [`Limits::frame_bytes_max`](crate::Limits::frame_bytes_max).
    FrameTooBig {
        /// The announced length in bytes.
        len: u64,
    },
    /// A message longer than [`Limits::message_bytes_max`](crate::Limits::message_bytes_max), than
    /// the [limit of its own](crate::Connection::receive_chunk_within) that it has in chunks, or
    /// than there is memory for.
    MessageTooBig {
        /// The length in bytes that the message would have had with the announced frame.
        len: u64,
    },
    /// A message in more frames than [`Limits::fragments_max`](crate::Limits::fragments_max).
    TooManyFragments,
    /// A compressed message that is not DEFLATE data.
    NotDeflate,
    /// A message that is longer after decompression than
    /// `extension::deflate::DeflateConfig::inflated_bytes_max`, or than the limit of its own that
    /// it has in chunks.
    InflatedTooBig,
    /// A message that decompression expands by more than
    /// `extension::deflate::DeflateConfig::expansion_max`.
    ExpansionTooHigh,
    /// A compressed message with so many final blocks that they can only be meant to cost time.
    TooManyFinalBlocks,
}

impl ProtocolError {
    /// Returns the close code that tells the peer what went wrong (RFC 6455 §7.4.1).
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::ReservedBits { .. }
            | Self::ReservedOpCode { .. }
            | Self::Unmasked
            | Self::Masked
            | Self::LengthNotShortest { .. }
            | Self::LengthTopBit { .. }
            | Self::ControlTooLong { .. }
            | Self::ControlFragmented { .. }
            | Self::ContinuationOfNothing
            | Self::MessageInsideMessage
            | Self::CloseBodyTooShort
            | Self::CloseCode { .. } => CloseCode::PROTOCOL_ERROR,
            Self::CloseReasonNotUtf8 | Self::TextNotUtf8 | Self::NotDeflate => {
                CloseCode::INVALID_DATA
            }
            Self::FrameTooBig { .. }
            | Self::MessageTooBig { .. }
            | Self::TooManyFragments
            | Self::InflatedTooBig
            | Self::ExpansionTooHigh
            | Self::TooManyFinalBlocks => CloseCode::TOO_BIG,
        }
    }

    /// Returns the reason in the Close frame for the peer, such as `"RFC 6455 section 5.1: a client
    /// must mask its frames"`: the section and the rule, for the people who look for the fault at
    /// the other end (RFC 6455 §7.1.6).
    ///
    /// It is ASCII, has at most 123 bytes, and is the same for each error of its variant: it holds
    /// no bytes of the peer and none of our limits. A release may reword it, and says so;
    /// [`name`](Self::name) never changes.
    #[must_use]
    pub const fn close_reason(self) -> &'static str {
        match self {
            Self::ReservedBits { .. } => {
                "RFC 6455 section 5.2: reserved bits need a negotiated extension"
            }
            Self::ReservedOpCode { .. } => "RFC 6455 section 5.2: the opcode is reserved",
            Self::Unmasked => "RFC 6455 section 5.1: a client must mask its frames",
            Self::Masked => "RFC 6455 section 5.1: a server must not mask its frames",
            Self::LengthNotShortest { .. } => {
                "RFC 6455 section 5.2: a length must have its shortest form"
            }
            Self::LengthTopBit { .. } => {
                "RFC 6455 section 5.2: the top bit of a 64-bit length must be 0"
            }
            Self::ControlTooLong { .. } => {
                "RFC 6455 section 5.5: a control frame has at most 125 bytes"
            }
            Self::ControlFragmented { .. } => {
                "RFC 6455 section 5.5: a control frame must not be fragmented"
            }
            Self::ContinuationOfNothing => {
                "RFC 6455 section 5.4: a continuation frame needs a message in progress"
            }
            Self::MessageInsideMessage => {
                "RFC 6455 section 5.4: a message must end before another begins"
            }
            Self::CloseBodyTooShort => {
                "RFC 6455 section 5.5.1: a Close body is empty or begins with a two-byte code"
            }
            Self::CloseCode { .. } => "RFC 6455 section 7.4: the close code must not be sent",
            Self::CloseReasonNotUtf8 => "RFC 6455 section 5.5.1: a close reason must be UTF-8",
            Self::TextNotUtf8 => "RFC 6455 section 8.1: a text message must be UTF-8",
            Self::FrameTooBig { .. } => {
                "RFC 6455 section 10.4: the frame is longer than this endpoint accepts"
            }
            Self::MessageTooBig { .. } => {
                "RFC 6455 section 10.4: the message is longer than this endpoint accepts"
            }
            Self::TooManyFragments => {
                "RFC 6455 section 10.4: the message has more fragments than this endpoint accepts"
            }
            Self::NotDeflate => "RFC 7692 section 7.2.2: a compressed message must be DEFLATE data",
            Self::InflatedTooBig => {
                "RFC 6455 section 10.4: the decompressed message is longer than this endpoint \
                 accepts"
            }
            Self::ExpansionTooHigh => {
                "RFC 6455 section 10.4: the message is compressed more than this endpoint accepts"
            }
            Self::TooManyFinalBlocks => {
                "RFC 6455 section 10.4: the message has more final blocks than this endpoint \
                 accepts"
            }
        }
    }

    /// Returns the section that has the rule, such as `"RFC 6455 §5.2"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::ReservedBits { .. }
            | Self::ReservedOpCode { .. }
            | Self::LengthNotShortest { .. }
            | Self::LengthTopBit { .. } => "RFC 6455 §5.2",
            Self::Unmasked | Self::Masked => "RFC 6455 §5.1",
            Self::ControlTooLong { .. } | Self::ControlFragmented { .. } => "RFC 6455 §5.5",
            Self::ContinuationOfNothing | Self::MessageInsideMessage => "RFC 6455 §5.4",
            Self::CloseBodyTooShort | Self::CloseReasonNotUtf8 => "RFC 6455 §5.5.1",
            Self::CloseCode { .. } => "RFC 6455 §7.4",
            Self::TextNotUtf8 => "RFC 6455 §8.1",
            Self::FrameTooBig { .. }
            | Self::MessageTooBig { .. }
            | Self::TooManyFragments
            | Self::InflatedTooBig
            | Self::ExpansionTooHigh
            | Self::TooManyFinalBlocks => "RFC 6455 §10.4",
            Self::NotDeflate => "RFC 7692 §7.2.2",
        }
    }

    /// Returns a code for logs, metrics and other languages, such as `"reserved-bits"`.
    ///
    /// Codes are stable: a release may add some, but never changes or reuses one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReservedBits { .. } => "reserved-bits",
            Self::ReservedOpCode { .. } => "reserved-opcode",
            Self::Unmasked => "unmasked",
            Self::Masked => "masked",
            Self::LengthNotShortest { .. } => "length-not-shortest",
            Self::LengthTopBit { .. } => "length-top-bit",
            Self::ControlTooLong { .. } => "control-too-long",
            Self::ControlFragmented { .. } => "control-fragmented",
            Self::ContinuationOfNothing => "continuation-of-nothing",
            Self::MessageInsideMessage => "message-inside-message",
            Self::CloseBodyTooShort => "close-body-too-short",
            Self::CloseCode { .. } => "close-code",
            Self::CloseReasonNotUtf8 => "close-reason-not-utf8",
            Self::TextNotUtf8 => "text-not-utf8",
            Self::FrameTooBig { .. } => "frame-too-big",
            Self::MessageTooBig { .. } => "message-too-big",
            Self::TooManyFragments => "too-many-fragments",
            Self::NotDeflate => "not-deflate",
            Self::InflatedTooBig => "inflated-too-big",
            Self::ExpansionTooHigh => "expansion-too-high",
            Self::TooManyFinalBlocks => "too-many-final-blocks",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer sent ")?;
        match self {
            Self::ReservedBits { bits } => {
                write!(
                    f,
                    "a frame with reserved bits {bits:03b}, for which no extension was negotiated"
                )
            }
            Self::ReservedOpCode { opcode } => {
                write!(f, "a frame with the reserved opcode {opcode:#x}")
            }
            Self::Unmasked => f.write_str("an unmasked frame; a client must mask"),
            Self::Masked => f.write_str("a masked frame; a server must not mask"),
            Self::LengthNotShortest { len } => {
                write!(f, "the length {len} in a longer form than it needs")
            }
            Self::LengthTopBit { len } => write!(f, "the length {len:#x}, whose top bit must be 0"),
            Self::ControlTooLong { opcode } => write!(f, "a {opcode} frame of more than 125 bytes"),
            Self::ControlFragmented { opcode } => {
                write!(f, "a fragmented {opcode} frame; control frames must be whole")
            }
            Self::ContinuationOfNothing => {
                f.write_str("a continuation frame while no message was in progress")
            }
            Self::MessageInsideMessage => {
                f.write_str("a new message before the end of the one in progress")
            }
            Self::CloseBodyTooShort => f.write_str("a Close frame with a body of one byte"),
            Self::CloseCode { number } => {
                write!(f, "the close code {number}, which must not be sent")
            }
            Self::CloseReasonNotUtf8 => f.write_str("a close reason that is not UTF-8"),
            Self::TextNotUtf8 => f.write_str("a text message that is not UTF-8"),
            Self::FrameTooBig { len } => {
                write!(f, "a frame of {len} bytes, more than Limits::frame_bytes_max allows")
            }
            Self::MessageTooBig { len } => write!(
                f,
                "a message of at least {len} bytes, more than Limits::message_bytes_max (in \
                 chunks, perhaps a limit of their own) or the memory allows"
            ),
            Self::TooManyFragments => {
                f.write_str("a message in more frames than Limits::fragments_max allows")
            }
            Self::NotDeflate => f.write_str("a compressed message that is not DEFLATE data"),
            Self::InflatedTooBig => f.write_str(
                "a message that is longer after decompression than \
                 DeflateConfig::inflated_bytes_max (in chunks, perhaps a limit of their own) \
                 allows",
            ),
            Self::ExpansionTooHigh => f.write_str(
                "a message that decompression expands by more than DeflateConfig::expansion_max \
                 allows",
            ),
            Self::TooManyFinalBlocks => {
                f.write_str("a compressed message with too many final blocks")
            }
        }?;
        write!(f, " ({})", self.section())
    }
}

impl core::error::Error for ProtocolError {}

/// Where the input ended, if it ended without the peer's Close frame. Programs call that close code
/// 1006 (RFC 6455 §7.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CutOff {
    /// Between messages: only the peer's Close frame is missing.
    BetweenMessages,
    /// In a frame header.
    InHeader,
    /// In the payload of a control frame.
    InControl {
        /// The frame's opcode.
        opcode: OpCode,
    },
    /// In a message: in the payload of one of its frames, or between two of them.
    InMessage {
        /// How many bytes of the message had arrived.
        received: u64,
    },
}

impl CutOff {
    /// Returns a code for logs, metrics and other languages, such as `"cut-off-in-header"`. It is
    /// as stable as [`ProtocolError::name`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BetweenMessages => "cut-off-between-messages",
            Self::InHeader => "cut-off-in-header",
            Self::InControl { .. } => "cut-off-in-control",
            Self::InMessage { .. } => "cut-off-in-message",
        }
    }
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ended without a Close frame, ")?;
        match self {
            Self::BetweenMessages => f.write_str("between messages"),
            Self::InHeader => f.write_str("in a frame header"),
            Self::InControl { opcode } => write!(f, "in a {opcode} frame"),
            Self::InMessage { received } => write!(f, "in a message after {received} bytes"),
        }?;
        f.write_str(" (RFC 6455 §7.1.5)")
    }
}

/// Why the end of the input is not a clean end of the connection. Either way the connection is
/// over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndOfInputError {
    /// The input before its end breaks a rule. The Close frame for it is in the output.
    Protocol(ProtocolError),
    /// The input ended without the peer's Close frame.
    CutOff(CutOff),
}

impl EndOfInputError {
    /// Returns the code of the error in it: [`ProtocolError::name`] or [`CutOff::name`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protocol(error) => error.name(),
            Self::CutOff(cut_off) => cut_off.name(),
        }
    }
}

impl fmt::Display for EndOfInputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::CutOff(cut_off) => cut_off.fmt(f),
        }
    }
}

// `Display` prints the inner error, so `source` must not return it again.
impl core::error::Error for EndOfInputError {}

impl From<ProtocolError> for EndOfInputError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<CutOff> for EndOfInputError {
    fn from(cut_off: CutOff) -> Self {
        Self::CutOff(cut_off)
    }
}

/// A deadline that the peer missed. The connection is dead: close the transport. For the program
/// that is close code 1006.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeepaliveError {
    /// The peer gave no [sign of life](crate::keepalive::Keepalive) within
    /// [`pong_within`](crate::keepalive::KeepaliveConfig::pong_within) after a ping, or without
    /// pings while bytes waited for it.
    Pong,
    /// The peer did not finish closing within
    /// [`close_within`](crate::keepalive::KeepaliveConfig::close_within).
    Close,
}

impl KeepaliveError {
    /// Returns a code for logs, metrics and other languages, such as `"pong-timeout"`. It is as
    /// stable as [`ProtocolError::name`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pong => "pong-timeout",
            Self::Close => "close-timeout",
        }
    }
}

impl fmt::Display for KeepaliveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pong => {
                "the peer did not answer a ping or take our bytes in time (RFC 6455 §5.5.2)"
            }
            Self::Close => "the peer did not close the connection in time (RFC 6455 §7.1.1)",
        })
    }
}

impl core::error::Error for KeepaliveError {}

/// A mistake of the calling program. Nothing was written, and the connection is as it was before
/// the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UsageError {
    /// The payload of a ping or pong is longer than 125 bytes (RFC 6455 §5.5).
    ControlTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A close code that must not be sent (RFC 6455 §7.4). Allowed are 1000–1003, 1007–1014 and
    /// 3000–4999, and 1010 only from clients.
    CloseCode {
        /// The code.
        number: u16,
    },
    /// A close reason longer than 123 bytes (RFC 6455 §5.5).
    CloseReasonTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The connection is closing or over, so nothing more can be sent (RFC 6455 §5.5.1).
    Closed,
    /// A message is being sent in parts; finish it before sending another (RFC 6455 §5.4).
    MessageInProgress,
    /// A message is being received in chunks; receive it to its end before a whole one (RFC 6455
    /// §6.2).
    MessageInChunks,
    /// A part of text was sent in a binary message, or the other way round (RFC 6455 §5.4).
    OtherKindOfMessage,
    /// The payload of a text message is not UTF-8 (RFC 6455 §5.6).
    TextNotUtf8,
}

impl UsageError {
    /// Returns the section that has the rule, such as `"RFC 6455 §5.4"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::ControlTooLong { .. } | Self::CloseReasonTooLong { .. } => "RFC 6455 §5.5",
            Self::CloseCode { .. } => "RFC 6455 §7.4",
            Self::Closed => "RFC 6455 §5.5.1",
            Self::MessageInProgress | Self::OtherKindOfMessage => "RFC 6455 §5.4",
            Self::MessageInChunks => "RFC 6455 §6.2",
            Self::TextNotUtf8 => "RFC 6455 §5.6",
        }
    }

    /// Returns a code for logs, metrics and other languages, such as `"usage-closed"`. It is as
    /// stable as [`ProtocolError::name`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ControlTooLong { .. } => "usage-control-too-long",
            Self::CloseCode { .. } => "usage-close-code",
            Self::CloseReasonTooLong { .. } => "usage-close-reason-too-long",
            Self::Closed => "usage-closed",
            Self::MessageInProgress => "usage-message-in-progress",
            Self::MessageInChunks => "usage-message-in-chunks",
            Self::OtherKindOfMessage => "usage-other-kind-of-message",
            Self::TextNotUtf8 => "usage-text-not-utf8",
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ControlTooLong { len } => {
                write!(f, "a ping or pong carries at most 125 bytes, not {len}")
            }
            // The one code that may be sent, but not by every endpoint.
            Self::CloseCode { number } if number == CloseCode::MANDATORY_EXTENSION.number() => {
                write!(f, "only a client may send the close code {number}")
            }
            Self::CloseCode { number } => return CloseCodeError { number }.fmt(f),
            Self::CloseReasonTooLong { len } => {
                write!(f, "a close reason has at most 123 bytes, not {len}")
            }
            Self::Closed => {
                f.write_str("the connection is closing or closed, so nothing more can be sent")
            }
            Self::MessageInProgress => {
                f.write_str("a message is being sent in parts; finish it before sending another")
            }
            Self::MessageInChunks => f.write_str(
                "a message is being received in chunks; receive it to its end before a whole one",
            ),
            Self::OtherKindOfMessage => {
                f.write_str("the parts of one message must be all text or all binary")
            }
            Self::TextNotUtf8 => {
                f.write_str("a text message must be UTF-8; send other bytes as binary")
            }
        }?;
        write!(f, " ({})", self.section())
    }
}

impl core::error::Error for UsageError {}

impl From<CloseCodeError> for UsageError {
    fn from(error: CloseCodeError) -> Self {
        Self::CloseCode { number: error.number }
    }
}

/// Any error of an established connection, for functions that both receive and send.
///
/// ```
/// use hybi::{CloseCode, Config, Connection, Error, Inbox, Outbox};
///
/// fn serve(inbox: &mut Inbox, out: &mut Outbox) -> Result<(), Error> {
///     let mut ws = Connection::server(Config::default());
///     while ws.receive(&mut inbox.input(), out)?.is_some() {} // a ProtocolError
///     ws.close(CloseCode::NORMAL, "bye", out)?; // a UsageError
///     ws.end_of_input(out)?; // an EndOfInputError
///     Ok(())
/// }
/// let error = serve(&mut Inbox::new(), &mut Outbox::new()).unwrap_err();
/// assert_eq!(error.name(), "cut-off-between-messages");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule. The connection is over.
    Protocol(ProtocolError),
    /// The input ended without the peer's Close frame. The connection is over.
    CutOff(CutOff),
    /// The caller made a mistake. The connection is as it was before.
    Usage(UsageError),
}

impl Error {
    /// Returns the code of the error in it, such as `"reserved-bits"`. It is as stable as
    /// [`ProtocolError::name`], and no two different errors share one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protocol(error) => error.name(),
            Self::CutOff(cut_off) => cut_off.name(),
            Self::Usage(error) => error.name(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::CutOff(cut_off) => cut_off.fmt(f),
            Self::Usage(error) => error.fmt(f),
        }
    }
}

// `Display` prints the inner error, so `source` must not return it again.
impl core::error::Error for Error {}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<EndOfInputError> for Error {
    fn from(error: EndOfInputError) -> Self {
        match error {
            EndOfInputError::Protocol(error) => Self::Protocol(error),
            EndOfInputError::CutOff(cut_off) => Self::CutOff(cut_off),
        }
    }
}

impl From<UsageError> for Error {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

impl From<CloseCodeError> for Error {
    fn from(error: CloseCodeError) -> Self {
        Self::Usage(error.into())
    }
}
