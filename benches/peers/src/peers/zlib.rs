//! The limit of permessage-deflate: the backend alone, on buffers that are large enough, headers known beforehand.

use crate::peer::{Receive, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::Load;
use zlib_rs::{DeflateConfig, DeflateFlush, InflateFlush};

pub const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// What hybi compresses with by default; the peers are set to the same level.
pub const LEVEL: i32 = 6;

pub fn compressor() -> zlib_rs::Deflate {
    let config =
        DeflateConfig { level: LEVEL, window_bits: -15, mem_level: 8, ..DeflateConfig::default() };
    zlib_rs::Deflate::new_with_config(config)
}

/// Texts, compressed one after the other with context takeover. A wire of them may be repeated: references reach back
/// only into the message itself and those before it.
pub fn compress_all(texts: &[&str]) -> Vec<Vec<u8>> {
    let mut stream = compressor();
    texts
        .iter()
        .map(|text| {
            let mut out = vec![0; text.len() * 2 + 64];
            let before = stream.total_out();
            stream.compress(text.as_bytes(), &mut out, DeflateFlush::SyncFlush).unwrap();
            out.truncate((stream.total_out() - before) as usize - TAIL.len());
            out
        })
        .collect()
}

pub struct Inflate {
    load: &'static Load,
    pipe: Pipe,
    stream: zlib_rs::Inflate,
    compressed: Vec<u8>,
    message: Vec<u8>,
}

impl Inflate {
    pub fn new(load: &'static Load, pipe: Pipe) -> Self {
        let message = vec![0; load.payloads[0].len() + 64];
        Self {
            load,
            pipe,
            stream: zlib_rs::Inflate::new(false, 15),
            compressed: Vec::new(),
            message,
        }
    }
}

impl Receive for Inflate {
    fn receive<S: Sink>(&mut self, _: usize, sink: &mut S) {
        for &(start, len, key) in &self.load.frames {
            self.compressed.clear();
            self.compressed.extend_from_slice(&self.load.wire[start..start + len]);
            for (i, byte) in self.compressed.iter_mut().enumerate() {
                *byte ^= key[i % 4];
            }
            self.compressed.extend(TAIL);
            let before = self.stream.total_out();
            self.stream
                .decompress(&self.compressed, &mut self.message, InflateFlush::SyncFlush)
                .unwrap();
            let inflated = &self.message[..(self.stream.total_out() - before) as usize];
            simdutf8::basic::from_utf8(inflated).unwrap();
            sink.message(self.load.kind, inflated);
        }
        while !self.pipe.is_read() {
            self.pipe.take_spare(usize::MAX);
        }
    }
}

pub struct Deflate {
    texts: Vec<&'static str>,
    pipe: Pipe,
    stream: zlib_rs::Deflate,
    out: Vec<u8>,
}

impl Deflate {
    pub fn new(texts: &[&'static str], pipe: Pipe) -> Self {
        Self {
            texts: texts.to_vec(),
            pipe,
            stream: compressor(),
            out: vec![0; texts[0].len() * 2 + 64],
        }
    }
}

impl Sender for Deflate {
    fn send(&mut self, messages: usize) {
        for text in self.texts.iter().cycle().take(messages) {
            let before = self.stream.total_out();
            self.stream
                .compress(text.as_bytes(), &mut self.out[4..], DeflateFlush::SyncFlush)
                .unwrap();
            let len = (self.stream.total_out() - before) as usize - TAIL.len();
            let [high, low] = (len as u16).to_be_bytes();
            let begin = if len < 126 { 2 } else { 0 };
            let header = if len < 126 { [0, 0, 0xc1, low] } else { [0xc1, 126, high, low] };
            self.out[..4].copy_from_slice(&header);
            self.pipe.give(&self.out[begin..4 + len]);
        }
    }
}

/// Whether what was sent inflates to the payload, message by message.
pub fn check(sender: &mut dyn Sender, texts: &[&str], pipe: &Pipe) -> Result<(), String> {
    let mut stream = zlib_rs::Inflate::new(false, 15);
    for _ in 0..2 {
        pipe.record();
        sender.send(texts.len());
        let frames = crate::peer::parse(&pipe.recorded(), crate::peer::Role::Server)?;
        if frames.len() != texts.len() {
            return Err(format!("{} of {} frames", frames.len(), texts.len()));
        }
        for ((first, mut bytes), text) in frames.into_iter().zip(texts) {
            bytes.extend(TAIL);
            let mut out = vec![0; text.len() + 64];
            let before = stream.total_out();
            stream.decompress(&bytes, &mut out, InflateFlush::SyncFlush).map_err(|e| e.as_str())?;
            out.truncate((stream.total_out() - before) as usize);
            if first != 0xc1 || out != text.as_bytes() {
                return Err(format!("first byte {first:02x}, {} bytes", out.len()));
            }
        }
    }
    Ok(())
}
