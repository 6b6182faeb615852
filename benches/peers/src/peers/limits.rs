//! The least that the job can cost, with all headers known beforehand.
//!
//! Receiving: copy each payload once, XOR it, validate it if it is text. Sending: append a ready-made header, copy the
//! payload and, as a client, draw a masking key and XOR. Large payloads go through in pieces that stay in the
//! first-level cache. The size of reads makes no difference here.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::{ACCEPT, Load};
use base64::Engine;
use rand::Rng;
use sha1::Digest;
use std::hint::black_box;

const PIECE: usize = 4096;

pub struct Copy;
pub struct CopyXor;
pub struct Work;

impl Peer for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn is_limit(&self) -> bool {
        true
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        // Without the XOR, only a client gets the payload right.
        (load.role == Role::Client && !load.compressed).then(|| Limit::<false, false>::boxed(load, pipe))
    }
}

impl Peer for CopyXor {
    fn name(&self) -> &'static str {
        "copy + XOR"
    }

    fn is_limit(&self) -> bool {
        true
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        (!load.compressed).then(|| Limit::<true, false>::boxed(load, pipe))
    }
}

impl Peer for Work {
    fn name(&self) -> &'static str {
        "work"
    }

    fn is_limit(&self) -> bool {
        true
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        if load.compressed {
            return Some(Box::new(super::zlib::Inflate::new(load, pipe)));
        }
        Some(match (load.role, load.kind) {
            (Role::Server, Kind::Text) => Limit::<true, true>::boxed(load, pipe),
            (Role::Server, Kind::Binary) => Limit::<true, false>::boxed(load, pipe),
            (Role::Client, Kind::Text) => Limit::<false, true>::boxed(load, pipe),
            (Role::Client, Kind::Binary) => Limit::<false, false>::boxed(load, pipe),
        })
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let mut header = vec![0x82];
        let bit = if role == Role::Client { 0x80 } else { 0 };
        match payload.len() {
            len @ 0..=125 => header.push(bit | len as u8),
            len @ 126..=0xffff => {
                header.push(bit | 126);
                header.extend((len as u16).to_be_bytes());
            }
            len => {
                header.push(bit | 127);
                header.extend((len as u64).to_be_bytes());
            }
        }
        if role == Role::Client {
            header.extend([0; 4]);
        }
        let (out, keys) = (Vec::new(), Keys { bytes: [0; 256], at: 256 });
        Some(match role {
            Role::Server => Box::new(SendWork::<false> { header, payload, pipe, out, keys }),
            Role::Client => Box::new(SendWork::<true> { header, payload, pipe, out, keys }),
        })
    }

    fn deflating_sender(&self, texts: &[&'static str], pipe: Pipe) -> Option<Box<dyn Sender>> {
        Some(Box::new(super::zlib::Deflate::new(texts, pipe)))
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        // SHA-1 and base64 of a key that is known beforehand, into a response that is ready but for them.
        let key = black_box(*b"dGhlIHNhbXBsZSBub25jZQ==");
        let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
        let mut out = Vec::new();
        Some(Box::new(move || {
            let mut sha = sha1::Sha1::new();
            sha.update(black_box(key));
            sha.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
            let mut accept = [0; ACCEPT.len()];
            let written = base64::engine::general_purpose::STANDARD.encode_slice(sha.finalize(), &mut accept);
            assert_eq!(written, Ok(accept.len()));
            out.extend_from_slice(head);
            out.extend_from_slice(&accept);
            out.extend_from_slice(b"\r\n\r\n");
            pipe.give(&out);
            out.clear();
        }))
    }
}

struct Limit<const XOR: bool, const TEXT: bool> {
    load: &'static Load,
    pipe: Pipe,
    message: Vec<u8>,
}

impl<const XOR: bool, const TEXT: bool> Limit<XOR, TEXT> {
    fn boxed(load: &'static Load, pipe: Pipe) -> Box<dyn Receiver> {
        Box::new(Self { load, pipe, message: vec![0; load.payloads[0].len()] })
    }
}

impl<const XOR: bool, const TEXT: bool> Receive for Limit<XOR, TEXT> {
    fn receive<S: Sink>(&mut self, _: usize, sink: &mut S) {
        let wire = self.load.wire;
        for frames in self.load.frames.chunks_exact(self.load.fragments) {
            let mut at = 0;
            for &(start, len, key) in frames {
                let fragment = &mut self.message[at..at + len];
                copy::<XOR>(&wire[start..start + len], fragment, key);
                at += len;
            }
            if TEXT {
                simdutf8::basic::from_utf8(&self.message).unwrap();
            }
            sink.message(self.load.kind, &self.message);
        }
        self.pipe.take_spare(usize::MAX);
        while !self.pipe.is_read() {
            self.pipe.take_spare(usize::MAX);
        }
    }
}

#[inline]
fn copy<const XOR: bool>(from: &[u8], to: &mut [u8], key: [u8; 4]) {
    if !XOR {
        to.copy_from_slice(from);
        return;
    }
    for (from, to) in from.chunks(PIECE).zip(to.chunks_mut(PIECE)) {
        to.copy_from_slice(from);
        xor(to, key);
    }
}

#[inline]
fn xor(bytes: &mut [u8], key: [u8; 4]) {
    let key32 = u32::from_ne_bytes(key);
    let key64 = u64::from(key32) << 32 | u64::from(key32);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ key64).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

struct SendWork<const MASK: bool> {
    header: Vec<u8>,
    payload: &'static [u8],
    pipe: Pipe,
    out: Vec<u8>,
    keys: Keys,
}

/// Masking keys, drawn from a cryptographic generator a few dozen at a time.
struct Keys {
    bytes: [u8; 256],
    at: usize,
}

impl Keys {
    #[inline]
    fn next(&mut self) -> [u8; 4] {
        if self.at == 256 {
            rand::rng().fill_bytes(&mut self.bytes);
            self.at = 0;
        }
        let at = self.at;
        self.at += 4;
        [self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]]
    }
}

impl<const MASK: bool> Sender for SendWork<MASK> {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            self.out.reserve(self.header.len() + self.payload.len());
            self.out.extend_from_slice(&self.header);
            if MASK {
                let key = self.keys.next();
                let end = self.out.len();
                self.out[end - 4..].copy_from_slice(&key);
                for piece in self.payload.chunks(PIECE) {
                    let start = self.out.len();
                    self.out.extend_from_slice(piece);
                    xor(&mut self.out[start..], key);
                }
            } else {
                self.out.extend_from_slice(self.payload);
            }
        }
        self.pipe.give(&self.out);
        self.out.clear();
    }
}
