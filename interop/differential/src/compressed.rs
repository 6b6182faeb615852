//! Generates what comes behind a handshake in which permessage-deflate was agreed upon (RFC 7692): messages compressed by a
//! compressor or by hand, cut into fragments with pings between them, and uncompressed ones; with a fault here and there.

use flate2::{Compress, Compression, FlushCompress};

use crate::blocks::Writer;
use crate::case::{Case, Deflate, Phase, Role};
use crate::frames::{Frame, cuts, text};
use crate::random::Random;

const RSV1: u8 = 0x40;

pub fn generate(random: &mut Random) -> Case {
    let deflate = Deflate { takeover: random.once_in(2), window_bits: random.pick(&[9, 15]) };
    let role = random.pick(&[Role::Server, Role::Client]);
    let mut messages = Messages { deflate, compressor: None, before: Vec::new() };
    if random.once_in(3) {
        let level = Compression::new(random.below(10) as u32);
        messages.compressor =
            Some(Compress::new_with_window_bits(level, false, deflate.window_bits));
    }
    let mut frames = Vec::new();
    for _ in 0..1 + random.below(4) {
        let opcode = random.pick(&[1, 2]);
        let data = data(random, opcode);
        let is_compressed = !random.once_in(8);
        let is_empty = data.is_empty();
        let mut payload = if is_compressed { messages.compress(random, &data) } else { data };
        if is_compressed {
            spoil(random, &mut payload);
        }
        // Some endpoints leave out the byte that an empty message has.
        if is_compressed && is_empty && random.once_in(4) {
            payload.clear();
        }
        let rsv1 = if is_compressed { RSV1 } else { 0 };
        fragments(random, role, opcode | rsv1, &payload, &mut frames);
        if random.once_in(6) {
            frames.push(ping(random, role));
        }
    }
    if random.once_in(6) {
        frames.push(Frame::new(random, role, 0x88, 1000_u16.to_be_bytes().to_vec()));
    }
    if random.once_in(5) {
        let at = random.below(frames.len());
        frames[at].first ^= random.pick(&[RSV1, RSV1, RSV1, 0x20, 0x10]);
    }
    let mut wire = Vec::new();
    let mut borders = Vec::new();
    for frame in &frames {
        borders.push(wire.len());
        frame.write(&mut wire);
    }
    if random.once_in(6) {
        wire.truncate(random.below(wire.len()));
    }
    let cuts = cuts(random, wire.len(), &borders);
    Case { phase: Phase::Compressed(deflate), role, wire, cuts }
}

/// What a message holds. Of binary data many compressors make something of their own.
fn data(random: &mut Random, opcode: u8) -> Vec<u8> {
    let len = random.pick(&[0, 1, 2, 5, 20, 100, 300, 1200]);
    if opcode == 1 {
        return match random.below(3) {
            0 => text(random, len),
            _ => (0..len).map(|_| random.pick(b"ab ")).collect(),
        };
    }
    match random.below(3) {
        0 => random.bytes(len),
        1 => vec![random.byte(); len],
        _ => (0..len).map(|_| random.pick(&[0, 1, 2, 0xff])).collect(),
    }
}

struct Messages {
    deflate: Deflate,
    /// Else they are compressed by hand.
    compressor: Option<Compress>,
    /// What may be referred to.
    before: Vec<u8>,
}

impl Messages {
    fn compress(&mut self, random: &mut Random, data: &[u8]) -> Vec<u8> {
        let payload = match &mut self.compressor {
            Some(compressor) => {
                if !self.deflate.takeover {
                    compressor.reset();
                }
                let mut payload = Vec::with_capacity(2 * data.len() + 100);
                compressor
                    .compress_vec(data, &mut payload, FlushCompress::Sync)
                    .expect("a compressor does not fail");
                // RFC 7692 §7.2.1: without the last four bytes, which all the same may be missing from a second flush.
                if payload.is_empty() {
                    payload.push(0);
                } else {
                    payload.truncate(payload.len() - 4);
                }
                payload
            }
            None => self.by_hand(random, data),
        };
        if self.deflate.takeover {
            self.before.extend(data);
        }
        payload
    }

    fn by_hand(&self, random: &mut Random, data: &[u8]) -> Vec<u8> {
        let window = 1 << self.deflate.window_bits;
        let mut writer = Writer::default();
        let mut before = self.before.clone();
        let mut rest = data;
        let blocks = random.pick(&[1, 1, 1, 2, 3, 5]);
        let mut was_final = false;
        for block in 0..blocks {
            let is_last = block + 1 == blocks;
            let (part, behind) =
                rest.split_at(if is_last { rest.len() } else { random.below(rest.len() + 1) });
            rest = behind;
            was_final = random.once_in(8);
            writer.block(random, was_final, &before, part, window);
            before.extend(part);
        }
        match random.below(12) {
            // A final block may end a message without the octet (RFC 7692 §7.2.3.4).
            0 | 1 if was_final => {}
            // The empty block at the end is a final one.
            0 => writer.header(true, 0),
            // Nothing of it has been taken off.
            2 => {
                writer.header(false, 0);
                writer.bytes.extend([0x00, 0x00, 0xff, 0xff]);
            }
            _ => writer.header(false, 0),
        }
        writer.bytes
    }
}

/// Something else than was compressed, now and then.
fn spoil(random: &mut Random, payload: &mut Vec<u8>) {
    if payload.is_empty() || !random.once_in(5) {
        return;
    }
    let at = random.below(payload.len());
    match random.below(6) {
        0 | 1 => payload[at] ^= 1 << random.below(8),
        2 => payload[at] = random.byte(),
        3 => payload.truncate(at),
        4 => payload.insert(at, random.byte()),
        _ => {
            let len = random.below(20);
            *payload = random.bytes(len);
        }
    }
}

fn fragments(random: &mut Random, role: Role, first: u8, payload: &[u8], frames: &mut Vec<Frame>) {
    let count = random.pick(&[1, 1, 1, 2, 3, 4]);
    let (mut first, mut rest) = (first, payload);
    for fragment in 1..=count {
        let (front, back) = rest.split_at(if fragment == count {
            rest.len()
        } else {
            random.below(rest.len() + 1)
        });
        rest = back;
        let fin = if fragment == count { 0x80 } else { 0 };
        frames.push(Frame::new(random, role, fin | first, front.to_vec()));
        first = 0;
        if fragment < count && random.once_in(4) {
            frames.push(ping(random, role));
        }
    }
}

fn ping(random: &mut Random, role: Role) -> Frame {
    let len = random.pick(&[0, 1, 5, 125]);
    let payload = random.bytes(len);
    Frame::new(random, role, 0x89, payload)
}
