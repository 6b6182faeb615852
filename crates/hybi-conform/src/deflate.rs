//! The tester's own DEFLATE (RFC 1951): a simple compressor, and a decompressor that is strict
//! about the agreed window.

use crate::wire::MESSAGE_MAX;

/// The lowest length of each length code (257 and up), and how many extra bits follow the code
/// (RFC 1951 §3.2.5).
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// The same of distance codes: two for each number of bits, beyond the first four.
fn distance(code: usize) -> (usize, u8) {
    match code {
        0..4 => (code + 1, 0),
        _ => {
            let bits = code / 2 - 1;
            (((2 + code % 2) << bits) + 1, bits as u8)
        }
    }
}

/// Compresses messages with the fixed codes. It looks for a repeat only at the last place with the
/// same hash of three bytes.
pub(crate) struct Deflater {
    window: usize,
    takeover: bool,
    /// The last window of earlier messages, if later ones may refer to it.
    history: Vec<u8>,
}

impl Deflater {
    pub(crate) fn new(window_bits: u8, takeover: bool) -> Self {
        Self { window: 1 << window_bits, takeover, history: Vec::new() }
    }

    pub(crate) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        let start = self.history.len();
        let mut data = std::mem::take(&mut self.history);
        data.extend_from_slice(payload);
        let mut bits = BitWriter::default();
        bits.put(0b010, 3); // fixed codes, not the last block
        let mut last = vec![usize::MAX; 4096];
        let mut at = start;
        for seen in 0..start.saturating_sub(2) {
            last[hash(&data[seen..])] = seen;
        }
        while at < data.len() {
            let mut len = 0;
            if at + 3 <= data.len() {
                let before = std::mem::replace(&mut last[hash(&data[at..])], at);
                if before != usize::MAX && at - before <= self.window {
                    let most = (data.len() - at).min(258);
                    len = (0..most).take_while(|i| data[before + i] == data[at + i]).count();
                    if len >= 3 {
                        bits.length(len);
                        bits.distance(at - before);
                    }
                }
            }
            if len < 3 {
                bits.literal(u16::from(data[at]));
                len = 1;
            }
            at += len;
        }
        bits.literal(256);
        // An empty stored block, without the four bytes after its header (RFC 7692 §7.2.1).
        bits.put(0, 3);
        if self.takeover {
            self.history = data.split_off(data.len().saturating_sub(self.window));
        }
        bits.finish()
    }
}

/// A compressed message of so many zeros, made in no time: 1 and then 258 again and again.
pub(crate) fn zeros(len: usize) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.put(0b010, 3);
    bits.literal(0);
    for _ in 0..len.saturating_sub(1) / 258 {
        bits.literal(285);
        bits.code(0, 5);
    }
    bits.literal(256);
    bits.put(0, 3);
    bits.finish()
}

fn hash(bytes: &[u8]) -> usize {
    let three = u32::from(bytes[0]) | u32::from(bytes[1]) << 8 | u32::from(bytes[2]) << 16;
    (three.wrapping_mul(0x9e37_79b1) >> 20) as usize
}

#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    bits: u32,
    count: u8,
}

impl BitWriter {
    fn put(&mut self, bits: u32, count: u8) {
        self.bits |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.bits as u8);
            self.bits >>= 8;
            self.count -= 8;
        }
    }

    /// A code, whose bits go out beginning with the highest.
    fn code(&mut self, code: u32, count: u8) {
        self.put(code.reverse_bits() >> (32 - count), count);
    }

    /// A literal, a length code or the end of the block, by the fixed codes (RFC 1951 §3.2.6).
    fn literal(&mut self, symbol: u16) {
        let symbol = u32::from(symbol);
        match symbol {
            0..144 => self.code(0x30 + symbol, 8),
            144..256 => self.code(0x190 + symbol - 144, 9),
            256..280 => self.code(symbol - 256, 7),
            _ => self.code(0xc0 + symbol - 280, 8),
        }
    }

    fn length(&mut self, len: usize) {
        let index = LENGTHS.iter().rposition(|&(from, _)| usize::from(from) <= len).unwrap();
        let (from, bits) = LENGTHS[index];
        self.literal(257 + index as u16);
        self.put((len - usize::from(from)) as u32, bits);
    }

    fn distance(&mut self, far: usize) {
        let code = (0..30).rev().find(|&code| distance(code).0 <= far).unwrap();
        let (from, bits) = distance(code);
        self.code(code as u32, 5);
        self.put((far - from) as u32, bits);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.bits as u8);
        }
        self.bytes
    }
}

/// Decompresses messages, and refuses to look back farther than was agreed.
pub(crate) struct Inflater {
    window: usize,
    takeover: bool,
    history: Vec<u8>,
}

impl Inflater {
    pub(crate) fn new(window_bits: u8, takeover: bool) -> Self {
        Self { window: 1 << window_bits, takeover, history: Vec::new() }
    }

    pub(crate) fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, String> {
        let with_tail = [payload, &[0x00, 0x00, 0xff, 0xff]].concat();
        let mut data = std::mem::take(&mut self.history);
        let start = data.len();
        // A kilobyte can become a megabyte.
        let most = start + MESSAGE_MAX;
        let mut bits = BitReader { bytes: &with_tail, at: 0 };
        while bits.at < with_tail.len() * 8 - 7 {
            let block = self.block(&mut bits, &mut data, most);
            if data.len() > most {
                return Err("sent a message longer than anything that was sent to it".into());
            }
            block.ok_or("sent a message that does not inflate within its window")?;
        }
        let message = data[start..].to_vec();
        if self.takeover {
            self.history = data.split_off(data.len().saturating_sub(self.window));
        }
        Ok(message)
    }

    /// Reads a block. `None`: it is wrong, or `data` has become longer than `most`.
    fn block(&self, bits: &mut BitReader<'_>, data: &mut Vec<u8>, most: usize) -> Option<()> {
        let is_last = bits.get(1)? == 1;
        let read = match bits.get(2)? {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let (len, not_len) = (bits.get(16)?, bits.get(16)?);
                let from = bits.at / 8;
                data.extend_from_slice(bits.bytes.get(from..from + len)?);
                bits.at += len * 8;
                (len ^ not_len == 0xffff).then_some(())
            }
            1 => {
                let mut lens = [8; 288];
                lens[144..256].fill(9);
                lens[256..280].fill(7);
                self.compressed(&Codes::new(&lens), &Codes::new(&[5; 30]), bits, data, most)
            }
            2 => {
                let (literals, distances) = dynamic(bits)?;
                self.compressed(&literals, &distances, bits, data, most)
            }
            _ => None,
        };
        // The data after the last block begins at a byte (RFC 7692 §7.2.3.4).
        if is_last {
            bits.at = bits.at.next_multiple_of(8);
        }
        read
    }

    fn compressed(
        &self,
        literals: &Codes,
        far: &Codes,
        bits: &mut BitReader<'_>,
        data: &mut Vec<u8>,
        most: usize,
    ) -> Option<()> {
        while data.len() <= most {
            match literals.read(bits)? {
                symbol @ 0..256 => data.push(symbol as u8),
                256 => return Some(()),
                symbol => {
                    let &(from, extra) = LENGTHS.get(usize::from(symbol) - 257)?;
                    let len = usize::from(from) + bits.get(extra)?;
                    let (from, extra) = distance(usize::from(far.read(bits)?));
                    let far = from + bits.get(extra)?;
                    let from = data.len().checked_sub(far).filter(|_| far <= self.window)?;
                    for at in from..from + len {
                        data.push(data[at]); // perhaps one that was pushed just now
                    }
                }
            }
        }
        None
    }
}

/// The codes that a block brings along (RFC 1951 §3.2.7).
fn dynamic(bits: &mut BitReader<'_>) -> Option<(Codes, Codes)> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let literals = bits.get(5)? + 257;
    let all = literals + bits.get(5)? + 1;
    let mut lens = [0; 19];
    for &symbol in ORDER.iter().take(bits.get(4)? + 4) {
        lens[symbol] = bits.get(3)? as u8;
    }
    let codes = Codes::new(&lens);
    let mut lens = Vec::new();
    while lens.len() < all {
        let (len, count) = match codes.read(bits)? {
            16 => (*lens.last()?, 3 + bits.get(2)?),
            17 => (0, 3 + bits.get(3)?),
            18 => (0, 11 + bits.get(7)?),
            len => (len as u8, 1),
        };
        lens.extend(std::iter::repeat_n(len, count));
    }
    let distances = lens.get(literals..all)?;
    Some((Codes::new(&lens[..literals]), Codes::new(distances)))
}

/// Codes by their lengths (RFC 1951 §3.2.2): how many there are of each length, and their symbols
/// in order.
struct Codes {
    counts: [u16; 16],
    symbols: Vec<u16>,
}

impl Codes {
    fn new(lens: &[u8]) -> Self {
        let mut counts = [0; 16];
        let mut symbols: Vec<u16> =
            (0..lens.len() as u16).filter(|&symbol| lens[usize::from(symbol)] > 0).collect();
        symbols.sort_by_key(|&symbol| lens[usize::from(symbol)]);
        for &len in lens {
            counts[usize::from(len)] += 1;
        }
        counts[0] = 0;
        Self { counts, symbols }
    }

    fn read(&self, bits: &mut BitReader<'_>) -> Option<u16> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in &self.counts[1..] {
            let count = usize::from(count);
            code |= bits.bit()?;
            if code < first + count {
                return self.symbols.get(index + code - first).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits.
    at: usize,
}

impl BitReader<'_> {
    fn bit(&mut self) -> Option<usize> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = usize::from(byte) >> (self.at % 8) & 1;
        self.at += 1;
        Some(bit)
    }

    fn get(&mut self, count: u8) -> Option<usize> {
        (0..count).try_fold(0, |value, i| Some(value | self.bit()? << i))
    }
}

/// The example of RFC 7692 §7.2.3.1, with and without context takeover, and what comes back.
#[test]
fn a_bomb_is_what_it_says() {
    let got = Inflater::new(15, false).message(&zeros(1 + 258 * 100)).unwrap();
    assert_eq!(got, vec![0; 1 + 258 * 100]);
}

/// The example of RFC 7692 §7.2.3.4: after a block with BFINAL, the next begins at a byte.
#[test]
fn a_last_block_may_be_followed_by_another() {
    let mut inflater = Inflater::new(15, true);
    for _ in 0..2 {
        let got = inflater.message(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00");
        assert_eq!(got.as_deref(), Ok(&b"Hello"[..]));
    }
    // The two blocks of §7.2.3.5.
    let got = inflater.message(b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00");
    assert_eq!(got.as_deref(), Ok(&b"Hello"[..]));
}

/// A kilobyte can become a megabyte.
#[test]
fn a_bomb_ends_before_it_costs_memory() {
    let why = Inflater::new(15, false).message(&zeros(4 * MESSAGE_MAX)).unwrap_err();
    assert!(why.contains("longer than anything that was sent to it"), "{why}");
}

#[test]
fn the_codec_is_that_of_the_rfc() {
    let mut inflater = Inflater::new(15, true);
    assert_eq!(inflater.message(b"\xf2\x48\xcd\xc9\xc9\x07\x00").unwrap(), b"Hello");
    assert_eq!(inflater.message(b"\xf2\x00\x11\x00\x00").unwrap(), b"Hello");
    assert_eq!(
        inflater.message(b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00").unwrap(),
        b"Hello"
    );
    assert!(Inflater::new(15, false).message(b"\xf2\x00\x11\x00\x00").is_err());
    assert_eq!(Deflater::new(15, true).message(b"Hello"), b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    for (bits, takeover) in [(8, true), (9, false), (15, true)] {
        let (mut deflater, mut inflater) =
            (Deflater::new(bits, takeover), Inflater::new(bits, takeover));
        for len in [0, 1, 1000, 70_000] {
            let payload: Vec<u8> = (0..len as u64).map(|i| (i * i / 77 % 251) as u8).collect();
            assert_eq!(inflater.message(&deflater.message(&payload)).unwrap(), payload);
        }
    }
}
