//! DEFLATE (RFC 1951), read bit by bit as plainly as it can be: what comes out of some bytes, and where they stop.

/// What comes of some bytes.
pub struct Inflated {
    pub out: Vec<u8>,
    pub stop: Stop,
    /// How many of the bytes were read.
    pub read: usize,
    /// The farthest that was looked back.
    pub farthest: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Something that cannot be.
    Wrong,
    /// More must follow: the bytes end inside a block.
    Inside,
    /// They end with the last bit of a block, or are none.
    Block,
    /// A block with BFINAL set, and what fills its last byte, is the end.
    Final,
}

/// Reads blocks, also behind one with BFINAL set, which may refer to what came before it (RFC 7692 §7.2.1): the end is the first
/// such block that ends at that byte or behind it.
pub fn inflate(bytes: &[u8], end_from: usize) -> Inflated {
    let mut reader = Reader { bytes, at: 0, out: Vec::new(), farthest: 0 };
    let stop = loop {
        if reader.at == bytes.len() * 8 {
            break Stop::Block;
        }
        match reader.block() {
            Ok(false) => {}
            Ok(true) => {
                reader.at = reader.at.next_multiple_of(8);
                if reader.at / 8 >= end_from {
                    break Stop::Final;
                }
            }
            Err(stop) => break stop,
        }
    };
    Inflated { out: reader.out, stop, read: reader.at.div_ceil(8), farthest: reader.farthest }
}

/// Where each length code begins, and how many bits follow it (RFC 1951 §3.2.5).
pub fn length(code: usize) -> (usize, usize) {
    match code {
        0..8 => (code + 3, 0),
        28 => (258, 0),
        _ => {
            let bits = code / 4 - 1;
            (((4 + code % 4) << bits) + 3, bits)
        }
    }
}

/// The same of distance codes.
pub fn distance(code: usize) -> (usize, usize) {
    match code {
        0..4 => (code + 1, 0),
        _ => {
            let bits = code / 2 - 1;
            (((2 + code % 2) << bits) + 1, bits)
        }
    }
}

/// The lengths of the fixed codes (RFC 1951 §3.2.6).
pub fn fixed() -> ([u8; 288], [u8; 32]) {
    let mut literals = [8; 288];
    literals[144..256].fill(9);
    literals[256..280].fill(7);
    (literals, [5; 32])
}

/// The order in which the lengths of the codes for lengths come (RFC 1951 §3.2.7).
pub const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

struct Reader<'b> {
    bytes: &'b [u8],
    /// In bits.
    at: usize,
    out: Vec<u8>,
    farthest: usize,
}

impl Reader<'_> {
    /// Says whether it is the final one.
    fn block(&mut self) -> Result<bool, Stop> {
        let is_final = self.bits(1)? == 1;
        match self.bits(2)? {
            0 => self.stored()?,
            1 => {
                let (literals, distances) = fixed();
                self.compressed(&Codes::new(&literals), &Codes::new(&distances))?;
            }
            2 => {
                let (literals, distances) = self.dynamic()?;
                self.compressed(&literals, &distances)?;
            }
            _ => return Err(Stop::Wrong),
        }
        Ok(is_final)
    }

    fn stored(&mut self) -> Result<(), Stop> {
        self.at = self.at.next_multiple_of(8);
        let (len, not_len) = (self.bits(16)?, self.bits(16)?);
        if len ^ not_len != 0xffff {
            return Err(Stop::Wrong);
        }
        for _ in 0..len {
            let byte = self.bits(8)?;
            self.out.push(byte as u8);
        }
        Ok(())
    }

    fn compressed(&mut self, literals: &Codes, distances: &Codes) -> Result<(), Stop> {
        loop {
            match self.symbol(literals)? {
                literal @ 0..256 => self.out.push(literal as u8),
                256 => return Ok(()),
                code @ 257..286 => {
                    let (len, bits) = length(code - 257);
                    let len = len + self.bits(bits)?;
                    let code = self.symbol(distances)?;
                    if code >= 30 {
                        return Err(Stop::Wrong);
                    }
                    let (far, bits) = distance(code);
                    let far = far + self.bits(bits)?;
                    let from = self.out.len().checked_sub(far).ok_or(Stop::Wrong)?;
                    self.farthest = self.farthest.max(far);
                    for at in from..from + len {
                        self.out.push(self.out[at]);
                    }
                }
                _ => return Err(Stop::Wrong),
            }
        }
    }

    /// The codes that a block brings along (RFC 1951 §3.2.7).
    fn dynamic(&mut self) -> Result<(Codes, Codes), Stop> {
        let literals = self.bits(5)? + 257;
        let distances = self.bits(5)? + 1;
        let count = self.bits(4)? + 4;
        if literals > 286 || distances > 30 {
            return Err(Stop::Wrong);
        }
        let mut lens = [0; 19];
        for &symbol in &ORDER[..count] {
            lens[symbol] = self.bits(3)? as u8;
        }
        let codes = Codes::new(&lens);
        if lens.iter().any(|&len| len > 0) && codes.room() != 0 {
            return Err(Stop::Wrong);
        }
        let mut lens: Vec<u8> = Vec::new();
        while lens.len() < literals + distances {
            // Where no symbol has a code, those who fail do so behind all the lengths.
            let symbol = if codes.symbols.is_empty() {
                self.bits(1)?;
                0
            } else {
                self.symbol(&codes)?
            };
            let (len, times) = match symbol {
                16 => {
                    let times = 3 + self.bits(2)?;
                    (*lens.last().ok_or(Stop::Wrong)?, times)
                }
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                len => (len as u8, 1),
            };
            lens.extend(std::iter::repeat_n(len, times));
        }
        let (of_literals, of_distances) = lens.split_at(literals);
        let (first, second) = (Codes::new(of_literals), Codes::new(of_distances));
        let is_good = |codes: &Codes| codes.room() == 0 || codes.room() > 0 && codes.longest() <= 1;
        if lens.len() != literals + distances
            || of_literals[256] == 0
            || !is_good(&first)
            || !is_good(&second)
        {
            return Err(Stop::Wrong);
        }
        Ok((first, second))
    }

    fn symbol(&mut self, codes: &Codes) -> Result<usize, Stop> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in &codes.counts[1..=codes.longest().max(1)] {
            code |= self.bits(1)?;
            if code < first + count {
                return Ok(codes.symbols[index + code - first]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Stop::Wrong)
    }

    fn bits(&mut self, count: usize) -> Result<usize, Stop> {
        let mut value = 0;
        for bit in 0..count {
            let byte = *self.bytes.get(self.at / 8).ok_or(Stop::Inside)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Ok(value)
    }
}

/// Codes by their lengths (RFC 1951 §3.2.2): how many there are of each, and the symbols in order.
struct Codes {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Codes {
    fn new(lens: &[u8]) -> Self {
        let mut counts = [0; 16];
        let mut symbols: Vec<usize> = (0..lens.len()).filter(|&symbol| lens[symbol] > 0).collect();
        symbols.sort_by_key(|&symbol| lens[symbol]);
        for &symbol in &symbols {
            counts[usize::from(lens[symbol])] += 1;
        }
        Self { counts, symbols }
    }

    fn longest(&self) -> usize {
        (1..16).rev().find(|&len| self.counts[len] > 0).unwrap_or(0)
    }

    /// How many more codes of 15 bits there could be: none if the set is complete, fewer if it has too many.
    fn room(&self) -> i64 {
        (1..16).fold(1 << 15, |room, len| room - ((self.counts[len] as i64) << (15 - len)))
    }
}
