//! Generates what comes behind the handshake: mostly legal sequences of frames, with a fault here and there.

use crate::case::{Case, Phase, Role};
use crate::random::Random;

/// The longest message that everyone is told to take.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;

const CODES: [u16; 40] = [
    0, 1, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
    1014, 1015, 1016, 1017, 1099, 1100, 1999, 2000, 2998, 2999, 3000, 3001, 3999, 4000, 4001, 4998,
    4999, 5000, 5001, 9999, 32768, 65534, 65535,
];

/// Lengths around the borders of the format.
const LENGTHS: [usize; 18] = [0, 0, 1, 1, 2, 3, 4, 5, 7, 8, 16, 31, 64, 124, 125, 126, 127, 128];
const LONG: [usize; 6] = [255, 1000, 65534, 65535, 65536, 65537];

/// Bytes that are not UTF-8 (RFC 3629 §3, §4), or not yet.
const NOT_UTF8: [&[u8]; 20] = [
    b"\x80",
    b"\xbf\xbf",
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\xc3",
    b"\xc3\x28",
    b"\xe0\x9f\xbf",
    b"\xe2\x82",
    b"\xe2\x28\xa1",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf0\x8f\xbf\xbf",
    b"\xf0\x9f\x98",
    b"\xf0\x9f",
    b"\xf4\x90\x80\x80",
    b"\xf4\x90",
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfe",
    b"\xff",
];

/// A frame, as it will be written.
#[derive(Clone)]
pub struct Frame {
    pub first: u8,
    payload: Vec<u8>,
    masked: bool,
    /// The number of bytes that the length takes: 1, 3 or 9.
    form: usize,
    /// What the length says, if not the truth.
    announced: Option<u64>,
    key: [u8; 4],
}

pub fn generate(random: &mut Random) -> Case {
    let role = random.pick(&[Role::Server, Role::Client]);
    let mut script = Script { random, role, frames: Vec::new() };
    for _ in 0..1 + script.random.below(5) {
        script.add_item();
    }
    let mut frames = script.frames;
    for frame in &mut frames {
        spoil(random, frame);
    }
    if random.once_in(12) && frames.len() > 1 {
        let (one, other) = (random.below(frames.len()), random.below(frames.len()));
        frames.swap(one, other);
    }
    if random.once_in(20) {
        let again = frames[random.below(frames.len())].clone();
        frames.insert(random.below(frames.len() + 1), again);
    }
    let mut wire = Vec::new();
    let mut borders = Vec::new();
    for frame in &frames {
        borders.push(wire.len());
        frame.write(&mut wire);
    }
    mutate(random, &mut wire, &borders);
    let cuts = cuts(random, wire.len(), &borders);
    Case { phase: Phase::Frames, role, wire, cuts }
}

struct Script<'r> {
    random: &'r mut Random,
    role: Role,
    frames: Vec<Frame>,
}

impl Script<'_> {
    fn add_item(&mut self) {
        match self.random.below(20) {
            0..=4 => self.message(1, 1),
            5..=8 => self.message(2, 1),
            9..=13 => {
                let (opcode, fragments) = (self.random.pick(&[1, 1, 2]), 2 + self.random.below(4));
                self.message(opcode, fragments);
            }
            14..=16 => self.control(),
            17..=18 => self.close(),
            _ => {
                let (first, len) = (self.random.byte(), self.length());
                let payload = self.random.bytes(len);
                self.frame(first, payload);
            }
        }
    }

    fn length(&mut self) -> usize {
        if self.random.once_in(60) { self.random.pick(&LONG) } else { self.random.pick(&LENGTHS) }
    }

    fn message(&mut self, opcode: u8, fragments: usize) {
        let len = self.length();
        let payload = if opcode == 1 { text(self.random, len) } else { self.random.bytes(len) };
        let mut rest = &payload[..];
        for fragment in 0..fragments {
            let is_last = fragment + 1 == fragments;
            let part = if is_last { rest.len() } else { self.random.below(rest.len() + 1) };
            let (front, back) = rest.split_at(part);
            rest = back;
            let opcode = if fragment == 0 { opcode } else { 0 };
            self.frame(if is_last { 0x80 | opcode } else { opcode }, front.to_vec());
            if !is_last && self.random.once_in(3) {
                if self.random.once_in(12) { self.close() } else { self.control() }
            }
        }
    }

    fn control(&mut self) {
        let len = self.random.pick(&[0, 0, 1, 2, 5, 20, 124, 125]);
        let (first, payload) = (self.random.pick(&[0x89, 0x89, 0x8a]), self.random.bytes(len));
        self.frame(first, payload);
    }

    fn close(&mut self) {
        let mut body = match self.random.below(8) {
            0 => Vec::new(),
            1 => self.random.bytes(1),
            2 => 1000_u16.to_be_bytes().to_vec(),
            3 => (self.random.next() as u16).to_be_bytes().to_vec(),
            _ => self.random.pick(&CODES).to_be_bytes().to_vec(),
        };
        if body.len() == 2 && self.random.once_in(2) {
            let len = self.random.pick(&[1, 2, 3, 10, 122, 123]);
            let reason = text(self.random, len);
            body.extend(reason);
        }
        self.frame(0x88, body);
    }

    fn frame(&mut self, first: u8, payload: Vec<u8>) {
        self.frames.push(Frame::new(self.random, self.role, first, payload));
    }
}

/// A text of so many bytes, mostly.
pub fn text(random: &mut Random, len: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(len + 4);
    let is_plain = random.once_in(3);
    while text.len() < len {
        let end = match random.below(if is_plain { 1 } else { 5 }) {
            0..=1 => 0x80,
            2 => 0x800,
            3 => 0x1_0000,
            _ => 0x11_0000,
        };
        let Some(character) = char::from_u32(random.below(end) as u32) else { continue };
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).as_bytes();
        if text.len() + bytes.len() <= len {
            text.extend_from_slice(bytes);
        } else {
            text.push(b'.');
        }
    }
    if random.once_in(8) {
        let at = random.below(text.len() + 1);
        let bad = random.pick(&NOT_UTF8);
        text.splice(at..at, bad.iter().copied());
    }
    if random.once_in(10) {
        text.extend_from_slice(random.pick(&NOT_UTF8));
    }
    text
}

/// One fault in a frame, now and then.
fn spoil(random: &mut Random, frame: &mut Frame) {
    if !random.once_in(6) {
        return;
    }
    match random.below(9) {
        0 => frame.form = 3,
        1 => frame.form = 9,
        2 => frame.masked = !frame.masked,
        3 => frame.first ^= random.pick(&[0x10, 0x20, 0x40, 0x70]),
        4 => frame.first = (frame.first & 0xf0) | random.byte() & 0x0f,
        5 => frame.first ^= 0x80,
        6 => {
            frame.form = 9;
            let max = MESSAGE_BYTES_MAX as u64;
            frame.announced = Some(random.pick(&[
                max,
                max + 1,
                (1 << 32) - 1,
                1 << 32,
                1 << 62,
                (1 << 63) - 1,
                1 << 63,
                (1 << 63) + 5,
                u64::MAX,
                0,
                125,
                126,
                65535,
                65536,
            ]));
        }
        7 => {
            frame.form = 3;
            frame.announced = Some(random.pick(&[0, 1, 125, 126, 127, 300, 65535]));
        }
        // A control frame that is too long, or a data frame that need not change.
        _ => {
            let len = random.pick(&[126, 127, 200]);
            frame.payload.resize(len, b'x');
            frame.form = 3;
        }
    }
}

impl Frame {
    /// As it should be for who receives it.
    pub fn new(random: &mut Random, to: Role, first: u8, payload: Vec<u8>) -> Self {
        let form = match payload.len() {
            0..=125 => 1,
            126..=65535 => 3,
            _ => 9,
        };
        let key = if random.once_in(10) { [0; 4] } else { (random.next() as u32).to_be_bytes() };
        Self { first, payload, masked: to == Role::Server, form, announced: None, key }
    }

    pub fn write(&self, wire: &mut Vec<u8>) {
        let len = self.announced.unwrap_or(self.payload.len() as u64);
        let mask_bit = if self.masked { 0x80 } else { 0 };
        wire.push(self.first);
        match self.form {
            1 => wire.push(mask_bit | (len as u8 & 0x7f)),
            3 => {
                wire.push(mask_bit | 126);
                wire.extend((len as u16).to_be_bytes());
            }
            _ => {
                wire.push(mask_bit | 127);
                wire.extend(len.to_be_bytes());
            }
        }
        if self.masked {
            wire.extend(self.key);
            wire.extend(
                self.payload.iter().zip(self.key.iter().cycle()).map(|(byte, key)| byte ^ key),
            );
        } else {
            wire.extend(&self.payload);
        }
    }
}

/// No, one or two changes of bytes.
fn mutate(random: &mut Random, wire: &mut Vec<u8>, borders: &[usize]) {
    for _ in 0..random.pick(&[0, 0, 0, 0, 1, 1, 1, 2]) {
        if wire.is_empty() {
            return;
        }
        // Half of them in or near a header.
        let at = if random.once_in(2) {
            random.pick(borders) + random.below(6)
        } else {
            random.below(wire.len())
        };
        let at = at.min(wire.len() - 1);
        match random.below(6) {
            0 | 1 => wire[at] ^= 1 << random.below(8),
            2 => wire[at] = random.byte(),
            3 => wire.truncate(at),
            4 => {
                wire.drain(at..(at + 1 + random.below(4)).min(wire.len()));
            }
            _ => wire.insert(at, random.byte()),
        }
    }
}

pub fn cuts(random: &mut Random, len: usize, borders: &[usize]) -> Vec<usize> {
    let mut cuts = match random.below(5) {
        0 => Vec::new(),
        1 => borders.to_vec(),
        2 if len <= 300 => (1..len).collect(),
        _ => (0..1 + random.below(8)).map(|_| random.below(len + 1)).collect(),
    };
    cuts.sort_unstable();
    cuts
}
