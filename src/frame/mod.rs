//! Frames as values: bytes to [`Header`] and back, masking, close codes (RFC 6455 §5.2, §5.3,
//! §7.4).
//!
//! This module knows no role and no connection, and it checks nothing. Every header that 14 bytes
//! can hold can be decoded and encoded again, so that a tester can also build frames that no
//! endpoint may send. The rules are in [`connection`](crate::connection).

mod close;
mod header;
mod mask;

pub use close::{CloseCode, CloseCodeError, CloseReason};
pub(crate) use header::first_byte;
pub use header::{EncodedHeader, HEADER_BYTES_MAX, Header, LengthForm, OpCode, Reserved};
pub use mask::Mask;

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
pub const CONTROL_PAYLOAD_MAX: usize = 125;
