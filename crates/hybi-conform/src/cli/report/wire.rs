//! The header of a frame (RFC 6455 §5.2), for people.

/// The fields of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    /// RSV1 to RSV3, as three bits.
    pub(super) rsv: u8,
    pub(super) opcode: u8,
    pub(super) len: u64,
    /// How many bits the length has on the wire: 7, 16 or 64.
    pub(super) len_bits: u8,
    pub(super) key: Option<[u8; 4]>,
    /// How many bytes the header has.
    pub(super) size: usize,
}

impl Header {
    /// Reads a header. `None`: it is incomplete.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [first, second, rest @ ..] = bytes else { return None };
        let (len_bits, len_bytes) = match second & 0x7f {
            126 => (16, 2),
            127 => (64, 8),
            _ => (7, 0),
        };
        let long = rest.get(..len_bytes)?;
        let len = match long {
            [] => u64::from(second & 0x7f),
            _ => long.iter().fold(0, |len, &byte| len << 8 | u64::from(byte)),
        };
        let key = match second & 0x80 {
            0 => None,
            _ => Some(*rest.get(len_bytes..)?.first_chunk::<4>()?),
        };
        Some(Self {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 7,
            opcode: first & 0x0f,
            len,
            len_bits,
            key,
            size: 2 + len_bytes + key.map_or(0, |key| key.len()),
        })
    }

    /// Returns the name of the opcode (RFC 6455 §11.8).
    pub(super) fn kind(&self) -> &'static str {
        match self.opcode {
            0 => "continuation",
            1 => "text",
            2 => "binary",
            8 => "close",
            9 => "ping",
            10 => "pong",
            _ => "reserved",
        }
    }

    /// Returns the payload without its mask.
    pub(super) fn payload(&self, bytes: &[u8]) -> Vec<u8> {
        let masked = bytes.iter().skip(self.size);
        let key = self.key.unwrap_or_default();
        masked.zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    }
}

/// Writes bytes for reading: what is printable in ASCII, and `.` for what is not.
pub(super) fn printable(bytes: &[u8]) -> String {
    let shown = |&byte: &u8| match byte {
        b' '..=b'~' => char::from(byte),
        _ => '.',
    };
    bytes.iter().map(shown).collect()
}

/// Writes bytes in hexadecimal digits, joined with this.
pub(super) fn hex(bytes: &[u8], joint: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(joint)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6455 §5.7.
    #[test]
    fn the_examples_of_the_rfc() {
        let read = |bytes: &[u8]| Header::read(bytes).unwrap();
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let header = read(&masked);
        assert_eq!((header.fin, header.rsv, header.kind(), header.len), (true, 0, "text", 5));
        assert_eq!((header.key, header.size), (Some([0x37, 0xfa, 0x21, 0x3d]), 6));
        assert_eq!(header.payload(&masked), b"Hello");
        let header = read(&[0x01, 0x03, 0x48, 0x65, 0x6c]);
        assert_eq!((header.fin, header.len, header.len_bits, header.size), (false, 3, 7, 2));
        let header = read(&[0x82, 0x7e, 0x01, 0x00]);
        assert_eq!(
            (header.kind(), header.len, header.len_bits, header.size),
            ("binary", 256, 16, 4)
        );
        let header = read(&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!((header.len, header.len_bits, header.size), (65_536, 64, 10));
        let header = read(&[0xf3, 0]);
        assert_eq!((header.rsv, header.opcode, header.kind()), (7, 3, "reserved"));
    }

    #[test]
    fn what_is_not_whole_is_none() {
        for whole in
            [&[0x81, 0x85, 1, 2, 3, 4][..], &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4]]
        {
            for len in 0..whole.len() {
                assert_eq!(Header::read(&whole[..len]), None);
            }
            assert_eq!(Header::read(whole).unwrap().size, whole.len());
        }
    }
}
