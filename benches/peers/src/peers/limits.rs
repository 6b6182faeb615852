//! The least that the job can cost, with all headers known beforehand.
//!
//! Receiving: copy each payload once, XOR it, validate it if it is text. Sending: append a ready-made header, copy the
//! payload and, as a client, draw a masking key and XOR. Large payloads go through in pieces that stay in the
//! first-level cache. The size of reads makes no difference here.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::{ACCEPT, KEY, Load, REQUEST};
use base64::Engine;
use rand::Rng;
use sha1::Digest;
use std::hint::black_box;
use std::mem::MaybeUninit;

const PIECE: usize = 4096;

pub struct Copy;
pub struct CopyXor;
/// All of it; `wide` with 32-byte vectors where the processor has them, in one pass.
pub struct Work {
    pub wide: bool,
}

/// Of a handshake: reading the request with httparse, looking at nothing of it, then the work.
pub struct ParseAndWork;

impl Peer for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn is_limit(&self) -> bool {
        true
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        // Without the XOR, only a client gets the payload right.
        (load.role == Role::Client && !load.compressed)
            .then(|| Limit::<false, false>::boxed(load, pipe, false))
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
        (!load.compressed).then(|| Limit::<true, false>::boxed(load, pipe, false))
    }
}

impl Peer for Work {
    fn name(&self) -> &'static str {
        if self.wide { "work, AVX2" } else { "work" }
    }

    fn is_limit(&self) -> bool {
        true
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        if self.wide && (load.compressed || load.role == Role::Client || !has_wide()) {
            return None;
        }
        if load.compressed {
            return Some(Box::new(super::zlib::Inflate::new(load, pipe)));
        }
        Some(match (load.role, load.kind) {
            (Role::Server, Kind::Text) => Limit::<true, true>::boxed(load, pipe, self.wide),
            (Role::Server, Kind::Binary) => Limit::<true, false>::boxed(load, pipe, self.wide),
            (Role::Client, Kind::Text) => Limit::<false, true>::boxed(load, pipe, false),
            (Role::Client, Kind::Binary) => Limit::<false, false>::boxed(load, pipe, false),
        })
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        if self.wide && (role == Role::Server || !has_wide()) {
            return None;
        }
        let wide = self.wide;
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
        let header_len = header.len();
        header.resize(HEADER, 0);
        let header = header.try_into().unwrap();
        let (out, keys) = (Vec::new(), Keys { bytes: [0; 256], at: 256 });
        Some(match role {
            Role::Server => {
                Box::new(SendWork::<false> { header, header_len, payload, pipe, out, keys, wide })
            }
            Role::Client => {
                Box::new(SendWork::<true> { header, header_len, payload, pipe, out, keys, wide })
            }
        })
    }

    fn deflating_sender(&self, texts: &[&'static str], pipe: Pipe) -> Option<Box<dyn Sender>> {
        (!self.wide).then(|| Box::new(super::zlib::Deflate::new(texts, pipe)) as _)
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        if self.wide {
            return None;
        }
        let mut out = Vec::new();
        Some(Box::new(move || respond(&pipe, &mut out)))
    }

    fn connector(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        if self.wide {
            return None;
        }
        let mut inbox = vec![0; pipe.read_size()];
        Some(Box::new(move || {
            pipe.give(REQUEST);
            let n = pipe.read_into(&mut inbox);
            expect_accept(&inbox[..n]);
        }))
    }
}

impl Peer for ParseAndWork {
    fn name(&self) -> &'static str {
        "httparse + work"
    }

    fn is_limit(&self) -> bool {
        true
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        let (mut inbox, mut out) = (vec![0; pipe.read_size()], Vec::new());
        Some(Box::new(move || {
            let n = pipe.read_into(&mut inbox);
            let mut headers = [const { MaybeUninit::uninit() }; 64];
            let mut request = httparse::Request::new(&mut []);
            let parsed = request.parse_with_uninit_headers(&inbox[..n], &mut headers);
            assert_eq!(parsed, Ok(httparse::Status::Complete(n)));
            black_box(&request);
            respond(&pipe, &mut out);
        }))
    }

    fn connector(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        let mut inbox = vec![0; pipe.read_size()];
        Some(Box::new(move || {
            pipe.give(REQUEST);
            let n = pipe.read_into(&mut inbox);
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut response = httparse::Response::new(&mut headers);
            assert_eq!(response.parse(&inbox[..n]), Ok(httparse::Status::Complete(n)));
            black_box(&response);
            expect_accept(&inbox[..n]);
        }))
    }
}

/// SHA-1 and base64 of a key that is known beforehand, into a response that is ready but for them.
#[inline]
fn respond(pipe: &Pipe, out: &mut Vec<u8>) {
    let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
    out.extend_from_slice(head);
    out.extend_from_slice(&accept_key());
    out.extend_from_slice(b"\r\n\r\n");
    pipe.give(out);
    out.clear();
}

/// Compares with an accept key that stands where it is known to stand.
#[inline]
fn expect_accept(response: &[u8]) {
    const AT: usize = 134;
    assert!(response[AT..].starts_with(&accept_key()));
}

#[inline]
fn accept_key() -> [u8; ACCEPT.len()] {
    let mut sha = sha1::Sha1::new();
    sha.update(black_box(KEY));
    sha.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let mut accept = [0; ACCEPT.len()];
    let written =
        base64::engine::general_purpose::STANDARD.encode_slice(sha.finalize(), &mut accept);
    assert_eq!(written, Ok(accept.len()));
    accept
}

struct Limit<const XOR: bool, const TEXT: bool> {
    load: &'static Load,
    pipe: Pipe,
    message: Vec<u8>,
    wide: bool,
}

impl<const XOR: bool, const TEXT: bool> Limit<XOR, TEXT> {
    fn boxed(load: &'static Load, pipe: Pipe, wide: bool) -> Box<dyn Receiver> {
        Box::new(Self { load, pipe, message: vec![0; load.payloads[0].len()], wide })
    }
}

impl<const XOR: bool, const TEXT: bool> Receive for Limit<XOR, TEXT> {
    fn receive<S: Sink>(&mut self, _: usize, sink: &mut S) {
        let wire = self.load.wire;
        for frames in self.load.frames.chunks_exact(self.load.fragments) {
            let mut at = 0;
            for &(start, len, key) in frames {
                let (from, to) = (&wire[start..start + len], &mut self.message[at..at + len]);
                at += len;
                match XOR {
                    false => copy(from, to),
                    true => copy_xor(from, to, key, self.wide),
                }
            }
            if TEXT {
                simdutf8::basic::from_utf8(&self.message).unwrap();
            }
            sink.message(self.load.kind, &self.message);
        }
        while !self.pipe.is_read() {
            self.pipe.take_spare(usize::MAX);
        }
    }
}

/// From here on, wide vectors and the C library's `memcpy` are worth their call.
const LONG_FROM: usize = 256;

#[inline]
fn copy_xor(from: &[u8], to: &mut [u8], key: [u8; 4], wide: bool) {
    if from.len() < LONG_FROM {
        return blocks(from, to, key);
    }
    #[cfg(target_arch = "x86_64")]
    if wide {
        // `wide` says that the processor has them.
        unsafe { copy_xor_wide(from, to, key) };
        return;
    }
    for (from, to) in from.chunks(PIECE).zip(to.chunks_mut(PIECE)) {
        to.copy_from_slice(from);
        xor(to, key);
    }
}

#[inline]
fn copy(from: &[u8], to: &mut [u8]) {
    if from.len() < LONG_FROM { blocks(from, to, [0; 4]) } else { to.copy_from_slice(from) }
}

/// Copies and XORs in blocks of 16 bytes. The last one overlaps the one before.
#[inline]
fn blocks(from: &[u8], to: &mut [u8], key: [u8; 4]) {
    let key = u32::from_ne_bytes(key);
    let xor = |from: &[u8; 16], to: &mut [u8; 16], key: u32| {
        let key = u128::from(u64::from(key) << 32 | u64::from(key));
        *to = (u128::from_ne_bytes(*from) ^ (key << 64 | key)).to_ne_bytes();
    };
    let rotation = from.len() as u32 % 4 * 8;
    let last_key = if cfg!(target_endian = "little") {
        key.rotate_right(rotation)
    } else {
        key.rotate_left(rotation)
    };
    if let (Some(last), Some(to_last)) = (from.last_chunk(), to.last_chunk_mut()) {
        xor(last, to_last, last_key);
        for (from, to) in from.as_chunks().0.iter().zip(to.as_chunks_mut().0) {
            xor(from, to, key);
        }
    } else {
        for ((from, to), key) in from.iter().zip(to).zip(key.to_ne_bytes().into_iter().cycle()) {
            *to = from ^ key;
        }
    }
}

/// One pass in wide vectors.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn copy_xor_wide(from: &[u8], to: &mut [u8], key: [u8; 4]) {
    let (from_words, from_rest) = from.as_chunks::<4>();
    let (to_words, to_rest) = to.as_chunks_mut::<4>();
    for (from, to) in from_words.iter().zip(to_words) {
        *to = (u32::from_ne_bytes(*from) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    for ((from, to), key) in from_rest.iter().zip(to_rest).zip(key) {
        *to = from ^ key;
    }
}

fn has_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
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

/// Room for the longest header, copied at once.
const HEADER: usize = 16;

struct SendWork<const MASK: bool> {
    header: [u8; HEADER],
    header_len: usize,
    payload: &'static [u8],
    pipe: Pipe,
    out: Vec<u8>,
    keys: Keys,
    wide: bool,
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
        let (header_len, payload_len) = (self.header_len, self.payload.len());
        self.out.resize(messages * (header_len + payload_len) + HEADER, 0); // once
        let mut at = 0;
        for _ in 0..messages {
            // All of its room: the payload overwrites what is too much.
            self.out[at..at + HEADER].copy_from_slice(&self.header);
            at += header_len;
            let payload = &mut self.out[at..at + payload_len];
            if MASK {
                let key = self.keys.next();
                copy_xor(self.payload, payload, key, self.wide);
                self.out[at - 4..at].copy_from_slice(&key);
            } else {
                copy(self.payload, payload);
            }
            at += payload_len;
        }
        self.pipe.give(&self.out[..at]);
    }
}
