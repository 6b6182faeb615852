//! Frames as values: bytes to [`Header`] and back, masking, close codes (RFC 6455 §5.2, §5.3, §7.4).
//!
//! Nothing here knows a role or a connection, and nothing here judges: any header that 14 bytes can hold can
//! be decoded, looked at and encoded again, so that a tester can also build the frames that no endpoint may
//! send. The rules are in [`connection`](crate::connection).

mod close;
mod header;
mod mask;

pub use close::{CloseCode, CloseReason};
pub(crate) use header::first_byte;
pub use header::{EncodedHeader, HEADER_BYTES_MAX, Header, LengthForm, OpCode, Reserved};
pub use mask::Mask;
pub(crate) use mask::turned;

/// The most that the payload of a control frame may hold, in bytes (RFC 6455 §5.5).
pub const CONTROL_PAYLOAD_MAX: usize = 125;
