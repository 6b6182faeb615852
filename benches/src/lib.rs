//! What the benches share: payloads, frames, and the bare work that nothing can go below.
//!
//! Run them with `cargo bench` in this folder; `cargo bench --bench decode -- server/text` runs some. The rows named
//! `bare` are the least that the payload itself asks for, in the same group and with the same buffers, so that
//! what counts is a ratio and not a machine.

use hybi::frame::{Header, Mask, OpCode};

/// The masking key of RFC 6455 §5.7.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Payload sizes: small ones, and the borders of the three length forms.
pub const SIZES: [usize; 8] = [16, 64, 125, 126, 1 << 10, 16 << 10, 65_536, 1 << 20];

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Binary,
    Ascii,
    /// Letters of one to four bytes.
    Mixed,
}

impl Content {
    pub const ALL: [Self; 3] = [Self::Binary, Self::Ascii, Self::Mixed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Ascii => "ascii",
            Self::Mixed => "mixed",
        }
    }

    pub fn opcode(self) -> OpCode {
        if self == Self::Binary { OpCode::BINARY } else { OpCode::TEXT }
    }

    /// A payload of exactly `len` bytes.
    pub fn payload(self, len: usize) -> Vec<u8> {
        let pattern: Vec<u8> = match self {
            Self::Binary => (0..=255).collect(),
            Self::Ascii => b"The quick brown fox jumps over the lazy dog. ".to_vec(),
            Self::Mixed => "Grüße, κόσμε! Привет, 世界 😀 and so on. ".into(),
        };
        let mut payload = pattern.repeat(len / pattern.len() + 1);
        payload.truncate(len);
        if self != Self::Binary {
            // A code point that the border cuts gives way to letters.
            let valid = payload.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
            payload.truncate(valid);
            payload.resize(len, b'.');
        }
        payload
    }
}

/// A frame as it stands on the wire.
pub fn frame(fin: bool, opcode: OpCode, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let header = Header { fin, masking_key: key, ..Header::new(opcode, payload.len() as u64) };
    let mut frame = header.encode().to_vec();
    let start = frame.len();
    frame.extend_from_slice(payload);
    if let Some(key) = key {
        Mask::new(key).apply(&mut frame[start..]);
    }
    frame
}

/// The bare work on a payload: XOR with the key, eight bytes at a time.
#[inline]
pub fn xor(key: [u8; 4], bytes: &mut [u8]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}
