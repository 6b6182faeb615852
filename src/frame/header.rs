//! The frame header (RFC 6455 §5.2): 2 to 14 bytes before every payload.

use core::fmt;
use core::ops::{BitOr, BitOrAssign, Deref};

/// The longest header, in bytes: flags and length, the 64-bit extended length, the masking key.
pub const HEADER_BYTES_MAX: usize = 2 + 8 + 4;

/// A frame header as a value: any header that can be encoded, legal or not.
///
/// ```
/// use hybi::frame::{Header, OpCode};
///
/// // RFC 6455 §5.7: a single-frame unmasked text message, "Hello"
/// let header = Header::new(OpCode::TEXT, 5);
/// assert_eq!(*header.encode(), [0x81, 0x05]);
/// assert_eq!(Header::decode(b"\x81\x05Hello"), Some((header, 2)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// FIN: this frame is the last (or only) one of its message.
    pub fin: bool,
    /// RSV1 to RSV3. Extensions give them a meaning; without one, none may be set.
    pub reserved: Reserved,
    /// The kind of the frame.
    pub opcode: OpCode,
    /// The masking key. Every frame from a client has one, and no frame from a server.
    pub masking_key: Option<[u8; 4]>,
    /// The length of the payload in bytes. The largest legal one is 2⁶³ − 1.
    pub payload_len: u64,
    /// The form in which the length is encoded. Only the [shortest](LengthForm::shortest) is legal.
    pub length_form: LengthForm,
}

impl Header {
    /// Returns the header of a final, unmasked frame, as a server sends it, with the shortest
    /// length form.
    #[inline]
    #[must_use]
    pub const fn new(opcode: OpCode, payload_len: u64) -> Self {
        Self {
            fin: true,
            reserved: Reserved::NONE,
            opcode,
            masking_key: None,
            payload_len,
            length_form: LengthForm::shortest(payload_len),
        }
    }

    /// Decodes the header at the front of `bytes`. Returns it and its length in bytes, or `None` if
    /// `bytes` ends before the header does.
    ///
    /// Accepts every bit pattern: reserved bits and opcodes, lengths in a longer form than needed
    /// or with the top bit set. A [`Connection`](crate::Connection) checks them.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (length_form, payload_len, rest) = match second & 0x7f {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (LengthForm::Bits16, u64::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (LengthForm::Bits64, u64::from_be_bytes(*len), rest)
            }
            len => (LengthForm::Bits7, u64::from(len), rest),
        };
        let (masking_key, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let (key, rest) = rest.split_first_chunk()?;
            (Some(*key), rest)
        };
        let header = Self {
            fin: first & 0x80 != 0,
            reserved: Reserved::from_first_byte(first),
            opcode: OpCode::from_first_byte(first),
            masking_key,
            payload_len,
            length_form,
        };
        let used = bytes.len().saturating_sub(rest.len());
        debug_assert!(used <= HEADER_BYTES_MAX);
        Some((header, used))
    }

    /// Encodes the header.
    ///
    /// Widens a [`length_form`](Self::length_form) that is too small for the
    /// [`payload_len`](Self::payload_len), so that the encoded length is always the right one.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> EncodedHeader {
        let first = first_byte(self.fin, self.reserved, self.opcode);
        let form = self.length_form.max(LengthForm::shortest(self.payload_len));
        EncodedHeader::new(first, form, self.payload_len, self.masking_key)
    }
}

/// Does not print the masking key, for the same reason as [`Mask`](super::Mask).
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("fin", &self.fin)
            .field("reserved", &self.reserved)
            .field("opcode", &self.opcode)
            .field("masking_key", &self.masking_key.map(|_| format_args!("..")))
            .field("payload_len", &self.payload_len)
            .field("length_form", &self.length_form)
            .finish()
    }
}

/// The kind of a frame: four bits of its header (RFC 6455 §5.2, §11.8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpCode(u8); // Invariant: below 16

impl OpCode {
    /// The next fragment of the message in progress.
    pub const CONTINUATION: Self = Self(0x0);
    /// A text message, or its first fragment.
    pub const TEXT: Self = Self(0x1);
    /// A binary message, or its first fragment.
    pub const BINARY: Self = Self(0x2);
    /// The start of the closing handshake, or the answer to it.
    pub const CLOSE: Self = Self(0x8);
    /// A request for a [pong](Self::PONG).
    pub const PING: Self = Self(0x9);
    /// The answer to a [ping](Self::PING), or an unsolicited sign of life.
    pub const PONG: Self = Self(0xa);

    /// Returns the opcode with this number, or `None` if it does not fit into four bits.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 16 { Some(Self(number)) } else { None }
    }

    /// Returns the number in the header, 0 to 15.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Returns whether this is a control frame (RFC 6455 §5.5): Close, Ping, Pong, or an opcode
    /// reserved for one.
    #[inline]
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.0 & 0x8 != 0
    }

    /// Returns whether RFC 6455 gives this opcode no meaning: 3 to 7 and 11 to 15.
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        matches!(self.0, 0x3..=0x7 | 0xb..=0xf)
    }

    #[inline]
    pub(crate) const fn from_first_byte(byte: u8) -> Self {
        Self(byte & 0x0f)
    }
}

impl fmt::Debug for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::CONTINUATION => f.write_str("Continuation"),
            Self::TEXT => f.write_str("Text"),
            Self::BINARY => f.write_str("Binary"),
            Self::CLOSE => f.write_str("Close"),
            Self::PING => f.write_str("Ping"),
            Self::PONG => f.write_str("Pong"),
            Self(number) => write!(f, "Reserved({number:#x})"),
        }
    }
}

/// Prints the name of the frame as RFC 6455 has it, such as `Ping`, `text` or `reserved 0x3`.
impl fmt::Display for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::CONTINUATION => "continuation",
            Self::TEXT => "text",
            Self::BINARY => "binary",
            Self::CLOSE => "Close",
            Self::PING => "Ping",
            Self::PONG => "Pong",
            Self(number) => return write!(f, "reserved {number:#x}"),
        })
    }
}

impl fmt::LowerHex for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl fmt::UpperHex for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::UpperHex::fmt(&self.0, f)
    }
}

/// The three reserved bits of a header (RFC 6455 §5.2).
///
/// ```
/// use hybi::frame::Reserved;
///
/// let bits = Reserved::RSV1 | Reserved::RSV3;
/// assert_eq!(Reserved::new(0b101), Some(bits));
/// assert!(bits.contains(Reserved::RSV1) && !bits.contains(Reserved::RSV2));
/// assert_eq!(format!("{bits:03b}"), "101"); // in the order of the wire
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Reserved(u8); // Invariant: below 8; RSV1 is the highest bit, as on the wire

impl Reserved {
    /// No bit is set: the only legal value without an extension.
    pub const NONE: Self = Self(0);
    /// RSV1, which permessage-deflate sets on a compressed message (RFC 7692 §6).
    pub const RSV1: Self = Self(0b100);
    /// RSV2.
    pub const RSV2: Self = Self(0b010);
    /// RSV3.
    pub const RSV3: Self = Self(0b001);

    /// Returns the bits of this number, RSV1 the highest, or `None` if it does not fit into three
    /// bits.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits < 8 { Some(Self(bits)) } else { None }
    }

    /// Returns the bits as a number from 0 to 7, RSV1 the highest.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns whether no bit is set.
    #[inline]
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Returns whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    #[inline]
    pub(crate) const fn from_first_byte(byte: u8) -> Self {
        Self(byte >> 4 & 0x7)
    }
}

impl BitOr for Reserved {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Reserved {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reserved({:#05b})", self.0)
    }
}

impl fmt::Binary for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Binary::fmt(&self.0, f)
    }
}

/// Returns the first byte of a header: FIN, the reserved bits and the opcode.
#[inline]
pub(crate) const fn first_byte(fin: bool, reserved: Reserved, opcode: OpCode) -> u8 {
    (fin as u8) << 7 | reserved.0 << 4 | opcode.0
}

/// The three forms in which a header can encode the length of the payload (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LengthForm {
    /// In the seven bits of the second byte: 0 to 125.
    Bits7,
    /// In two more bytes: legal for 126 to 65,535.
    Bits16,
    /// In eight more bytes: legal for 65,536 to 2⁶³ − 1.
    Bits64,
}

impl LengthForm {
    /// Returns the shortest form that holds this length, which is the only legal one.
    #[inline]
    #[must_use]
    pub const fn shortest(payload_len: u64) -> Self {
        match payload_len {
            0..=125 => Self::Bits7,
            126..=0xffff => Self::Bits16,
            _ => Self::Bits64,
        }
    }
}

/// The bytes of a header, at least 2 and at most [`HEADER_BYTES_MAX`]. [`Header::encode`] returns
/// it, and it dereferences to `[u8]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EncodedHeader {
    bytes: [u8; Self::ROOM], // Zero after the first `len`
    len: u8,                 // Invariant: at most HEADER_BYTES_MAX
}

impl EncodedHeader {
    /// The room that suffices for every header.
    pub(crate) const ROOM: usize = 16;

    /// Encodes a header that begins with this byte.
    #[inline]
    pub(crate) fn new(
        first: u8,
        form: LengthForm,
        payload_len: u64,
        masking_key: Option<[u8; 4]>,
    ) -> Self {
        let (mask_bit, key_len) = if masking_key.is_some() { (0x80, 4_u8) } else { (0, 0) };
        let key = u128::from(u32::from_le_bytes(masking_key.unwrap_or_default()));
        let len = payload_len.to_be_bytes();
        let [.., l1, l0] = len;
        // Assembled in registers, as a number whose lowest byte comes first.
        let header = |second: u8, extended: u64| {
            u128::from(first) | u128::from(mask_bit | second) << 8 | u128::from(extended) << 16
        };
        let (bytes, len) = match form {
            LengthForm::Bits7 => (header(l0, 0) | key << 16, key_len.saturating_add(2)),
            LengthForm::Bits16 => (
                header(126, u16::from_le_bytes([l1, l0]).into()) | key << 32,
                key_len.saturating_add(4),
            ),
            LengthForm::Bits64 => {
                (header(127, u64::from_le_bytes(len)) | key << 80, key_len.saturating_add(10))
            }
        };
        Self { bytes: bytes.to_le_bytes(), len }
    }

    fn is_masked(&self) -> bool {
        matches!(self.bytes, [_, second, ..] if second & 0x80 != 0)
    }
}

impl Deref for EncodedHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl AsRef<[u8]> for EncodedHeader {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Prints the bytes without the masking key, as [`Header`] does.
impl fmt::Debug for EncodedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match **self {
            [ref bytes @ .., _, _, _, _] if self.is_masked() => {
                write!(f, "EncodedHeader({bytes:02x?}, key)")
            }
            ref bytes => write!(f, "EncodedHeader({bytes:02x?})"),
        }
    }
}
