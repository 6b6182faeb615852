//! What can go wrong, by whose fault: [`Violation`] (the peer's), [`CutOff`] (the transport's), [`Misuse`] (the
//! caller's). A clean close is no error but an event.

use core::fmt;

use crate::frame::{CloseCode, OpCode, Reserved};

/// A rule that the peer broke on an established connection. Final: nothing is received or sent afterwards.
///
/// When a [`Connection`](crate::Connection) returns it, the Close frame with the [code](Self::close_code) for it is
/// already in the output; write the output, then close the transport (RFC 6455 §7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// Reserved bits are set that no negotiated extension has given a meaning.
    ReservedBits {
        /// The bits of the frame.
        bits: Reserved,
    },
    /// An opcode without a meaning.
    ReservedOpCode {
        /// The opcode of the frame.
        opcode: OpCode,
    },
    /// A client sent a frame without masking it.
    Unmasked,
    /// A server sent a masked frame.
    Masked,
    /// A length was written in a longer form than it needs.
    LengthNotShortest {
        /// The length.
        len: u64,
    },
    /// A 64-bit length with the top bit set.
    LengthTopBit {
        /// The length.
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
    /// A continuation frame, but no message is under way.
    ContinuationOfNothing,
    /// A new text or binary frame before the message under way was finished.
    MessageInsideMessage,
    /// A Close frame whose body is a single byte, too short for a code.
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
        /// The length that it announced, in bytes.
        len: u64,
    },
    /// A message longer than [`Limits::message_bytes_max`](crate::Limits::message_bytes_max), or than there is memory for.
    MessageTooBig {
        /// The length that it would have reached with the frame that was announced, in bytes.
        len: u64,
    },
    /// A message in more fragments than [`Limits::fragments_max`](crate::Limits::fragments_max).
    TooManyFragments,
    /// A compressed message that is not DEFLATE data.
    NotDeflate,
    /// A message longer after decompression than
    /// `extension::deflate::DeflateConfig::inflated_bytes_max`.
    InflatedTooBig,
    /// A message that got longer by decompression than
    /// `extension::deflate::DeflateConfig::expansion_max` times.
    ExpansionTooHigh,
    /// A compressed message of so many final blocks that they can only be meant to cost us time.
    TooManyFinalBlocks,
}

impl Violation {
    /// The close code that tells the peer (RFC 6455 §7.4.1).
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

    /// Where the rule stands, such as `"RFC 6455 §5.2"`.
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
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer sent ")?;
        match self {
            Self::ReservedBits { bits } => {
                write!(
                    f,
                    "a frame with reserved bits {:03b}, but no extension was negotiated for them",
                    bits.bits()
                )
            }
            Self::ReservedOpCode { opcode } => {
                write!(f, "a frame with the reserved opcode {:#x}", opcode.number())
            }
            Self::Unmasked => f.write_str("an unmasked frame, which a client must not"),
            Self::Masked => f.write_str("a masked frame, which a server must not"),
            Self::LengthNotShortest { len } => {
                write!(f, "the length {len} in a longer form than it needs")
            }
            Self::LengthTopBit { len } => {
                write!(f, "the length {len:#x}, whose top bit must be clear")
            }
            Self::ControlTooLong { opcode } => {
                write!(f, "a control frame ({opcode:?}) of more than 125 bytes")
            }
            Self::ControlFragmented { opcode } => {
                write!(f, "a fragmented control frame ({opcode:?})")
            }
            Self::ContinuationOfNothing => {
                f.write_str("a continuation frame without a message to continue")
            }
            Self::MessageInsideMessage => f.write_str("a new message inside a fragmented one"),
            Self::CloseBodyTooShort => f.write_str("a Close frame with a body of one byte"),
            Self::CloseCode { number } => {
                write!(f, "the close code {number}, which must not be on the wire")
            }
            Self::CloseReasonNotUtf8 => f.write_str("a close reason that is not UTF-8"),
            Self::TextNotUtf8 => f.write_str("a text message that is not UTF-8"),
            Self::FrameTooBig { len } => write!(f, "a frame of {len} bytes, more than our limit"),
            Self::MessageTooBig { len } => {
                write!(f, "a message of at least {len} bytes, more than our limit or our memory")
            }
            Self::TooManyFragments => f.write_str("a message in more fragments than our limit"),
            Self::NotDeflate => f.write_str("a compressed message that is not DEFLATE data"),
            Self::InflatedTooBig => {
                f.write_str("a message longer after decompression than our limit")
            }
            Self::ExpansionTooHigh => {
                f.write_str("a message that decompression makes longer by more than our limit")
            }
            Self::TooManyFinalBlocks => {
                f.write_str("a compressed message of too many final blocks")
            }
        }?;
        write!(f, " ({})", self.section())
    }
}

impl core::error::Error for Violation {}

/// The input ended without a closing handshake: close code 1006 (RFC 6455 §7.1.5). Says what was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutOff {
    /// Nothing but the peer's Close frame: the input ended between two messages.
    BetweenMessages,
    /// A frame header: some of its bytes are missing.
    InHeader,
    /// A control frame: some of its payload is missing.
    InControl {
        /// Its opcode.
        opcode: OpCode,
    },
    /// A message: some of it is missing, in a frame or as further frames.
    InMessage {
        /// How many bytes of it had arrived.
        received: u64,
    },
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ended without a closing handshake (1006), ")?;
        match self {
            Self::BetweenMessages => f.write_str("between messages"),
            Self::InHeader => f.write_str("inside a frame header"),
            Self::InControl { opcode } => write!(f, "inside a control frame ({opcode:?})"),
            Self::InMessage { received } => {
                write!(f, "inside a message, of which {received} bytes had arrived")
            }
        }
    }
}

impl core::error::Error for CutOff {}

/// A mistake of the calling program. Nothing was written, and the machine is as it was before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The payload of a ping or pong is longer than 125 bytes (RFC 6455 §5.5).
    ControlTooLong {
        /// Its length.
        len: usize,
    },
    /// A close code that must not be sent (RFC 6455 §7.4): allowed are 1000–1003, 1007–1014 (1010 to clients
    /// only) and 3000–4999.
    CloseCode {
        /// The code.
        number: u16,
    },
    /// A close reason longer than 123 bytes (RFC 6455 §5.5).
    CloseReasonTooLong {
        /// Its length.
        len: usize,
    },
    /// Something was to be sent after the Close frame, after the connection failed, or after it ended (RFC 6455
    /// §5.5.1).
    Closed,
    /// A whole message was to be sent while one is being sent in parts (RFC 6455 §5.4): finish that first.
    MessageUnderWay,
    /// A text part was to be sent in a binary message, or the other way round (RFC 6455 §5.4).
    OtherKindOfMessage,
    /// The payload of a text message is not UTF-8 (RFC 6455 §5.6).
    TextNotUtf8,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlTooLong { len } => {
                write!(f, "a ping or pong carries at most 125 bytes, not {len} (RFC 6455 §5.5)")
            }
            Self::CloseCode { number } => write!(
                f,
                "the close code {number} must not be sent; use 1000-1003, 1007-1014 or 3000-4999 (RFC 6455 §7.4)"
            ),
            Self::CloseReasonTooLong { len } => {
                write!(f, "a close reason has at most 123 bytes, not {len} (RFC 6455 §5.5)")
            }
            Self::Closed => f.write_str(
                "the connection is closing or closed: nothing more can be sent (RFC 6455 §5.5.1)",
            ),
            Self::MessageUnderWay => f.write_str(
                "a message is being sent in parts: finish it before the next (RFC 6455 §5.4)",
            ),
            Self::OtherKindOfMessage => {
                f.write_str("the parts of a message are all text or all binary (RFC 6455 §5.4)")
            }
            Self::TextNotUtf8 => f.write_str("a text message must be UTF-8 (RFC 6455 §5.6)"),
        }
    }
}

impl core::error::Error for Misuse {}

/// Either: what a function returns that both receives and sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The peer broke a rule. The connection is over.
    Violation(Violation),
    /// The input ended too early. The connection is over.
    CutOff(CutOff),
    /// The caller made a mistake. The connection is unharmed.
    Misuse(Misuse),
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl From<CutOff> for Error {
    fn from(cut_off: CutOff) -> Self {
        Self::CutOff(cut_off)
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(f),
            Self::CutOff(cut_off) => cut_off.fmt(f),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Violation(violation) => Some(violation),
            Self::CutOff(cut_off) => Some(cut_off),
            Self::Misuse(misuse) => Some(misuse),
        }
    }
}
