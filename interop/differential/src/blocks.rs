//! Writes DEFLATE (RFC 1951) by hand: blocks of any kind with matches wherever, as no compressor would.

use crate::inflate::{ORDER, distance, fixed, length};
use crate::random::Random;

#[derive(Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
    /// How many bits of the last byte are used, if not all.
    used: usize,
}

impl Writer {
    /// `data` in a block of some kind. It may refer to `before`, as far back as `window`.
    pub fn block(
        &mut self,
        random: &mut Random,
        is_final: bool,
        before: &[u8],
        data: &[u8],
        window: usize,
    ) {
        match random.below(4) {
            0 => {
                self.header(is_final, 0);
                let len = data.len() as u16;
                self.bytes.extend(len.to_le_bytes());
                self.bytes.extend((!len).to_le_bytes());
                self.bytes.extend(data);
            }
            1 | 2 => {
                self.header(is_final, 1);
                let (literals, distances) = fixed();
                self.compressed(
                    random,
                    &codes(&literals),
                    &codes(&distances),
                    before,
                    data,
                    window,
                );
            }
            _ => {
                self.header(is_final, 2);
                let (literals, distances) = self.dynamic();
                self.compressed(
                    random,
                    &codes(&literals),
                    &codes(&distances),
                    before,
                    data,
                    window,
                );
            }
        }
        if is_final {
            self.used = 0;
        }
    }

    /// The header of a block; behind that of a stored one, the rest of the byte is filled.
    pub fn header(&mut self, is_final: bool, kind: usize) {
        self.bits(usize::from(is_final), 1);
        self.bits(kind, 2);
        if kind == 0 {
            self.used = 0;
        }
    }

    /// Codes of nearly the same length for all there is: 226 of 8 bits and 60 of 9; 2 of 4 bits and 28 of 5.
    fn dynamic(&mut self) -> (Vec<u8>, Vec<u8>) {
        let literals = [vec![9; 60], vec![8; 226]].concat();
        let distances = [vec![4; 2], vec![5; 28]].concat();
        self.bits(literals.len() - 257, 5);
        self.bits(distances.len() - 1, 5);
        self.bits(ORDER.len() - 4, 4);
        let mut lens = [0; 19];
        for len in [4, 5, 8, 9] {
            lens[len] = 2;
        }
        for symbol in ORDER {
            self.bits(usize::from(lens[symbol]), 3);
        }
        let codes = codes(&lens);
        for &len in literals.iter().chain(&distances) {
            self.code(codes[usize::from(len)]);
        }
        (literals, distances)
    }

    fn compressed(
        &mut self,
        random: &mut Random,
        literals: &[Code],
        distances: &[Code],
        before: &[u8],
        data: &[u8],
        window: usize,
    ) {
        let all = [before, data].concat();
        let mut at = before.len();
        while at < all.len() {
            let far_max = at.min(window);
            let len = if far_max == 0 {
                0
            } else {
                let far = 1 + random.below(far_max);
                let same = (0..(all.len() - at).min(258))
                    .take_while(|i| all[at + i] == all[at - far + i])
                    .count();
                if same >= 3 {
                    self.number(&literals[257..286], length, same);
                    self.number(&distances[..30], distance, far);
                }
                same
            };
            if len < 3 {
                self.code(literals[usize::from(all[at])]);
                at += 1;
            } else {
                at += len;
            }
        }
        self.code(literals[256]);
    }

    /// The last of these codes that does not begin beyond the number, and its bits.
    fn number(&mut self, codes: &[Code], begin: fn(usize) -> (usize, usize), number: usize) {
        let code = (0..codes.len())
            .rev()
            .find(|&code| begin(code).0 <= number)
            .expect("it is not too small");
        let (from, bits) = begin(code);
        self.code(codes[code]);
        self.bits(number - from, bits);
    }

    /// Beginning with the highest bit.
    fn code(&mut self, Code { code, len }: Code) {
        for bit in (0..len).rev() {
            self.bits(code >> bit & 1, 1);
        }
    }

    fn bits(&mut self, value: usize, count: usize) {
        for bit in 0..count {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) as u8) << self.used;
            }
            self.used = (self.used + 1) % 8;
        }
    }
}

#[derive(Clone, Copy)]
struct Code {
    code: usize,
    len: usize,
}

/// The codes of these lengths (RFC 1951 §3.2.2).
fn codes(lens: &[u8]) -> Vec<Code> {
    let mut codes = vec![Code { code: 0, len: 0 }; lens.len()];
    let mut next = 0;
    for len in 1..16 {
        next <<= 1;
        for symbol in (0..lens.len()).filter(|&symbol| usize::from(lens[symbol]) == len) {
            codes[symbol] = Code { code: next, len };
            next += 1;
        }
    }
    codes
}
