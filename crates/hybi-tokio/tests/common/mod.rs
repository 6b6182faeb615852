//! What the tests share: both roles, frames written down from RFC 6455 §5.2, a scripted stream, and
//! wakers that count.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod script;
mod task;

use hybi::connection::Closed;
use hybi::{Client, CloseCode, Config, Connection, Inbox, Role};
use hybi_tokio::WebSocket;
pub use script::{Call, End, Peer, Script};
pub use task::{Count, Task, advance, paused, poll_once, settle};

pub use hybi::Server;

/// A source of masking keys whose type has a name.
pub type Keys = fn() -> [u8; 4];

/// The client whose masking key is known.
pub type KnownClient = Client<Keys>;

/// The masking key of RFC 6455 §5.7, which every masked frame in these tests has.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The side under test.
pub trait Side: Role + Unpin + Send + Sized + 'static {
    fn connection(config: Config) -> Connection<Self>;
}

impl Side for Server {
    fn connection(config: Config) -> Connection<Self> {
        Connection::server(config)
    }
}

impl Side for KnownClient {
    fn connection(config: Config) -> Connection<Self> {
        Connection::client_with_keys(config, || KEY)
    }
}

/// A WebSocket over a new script.
pub fn open<R: Side>() -> (WebSocket<Script, R>, Peer) {
    let (script, peer) = Script::new();
    (WebSocket::new(script, R::connection(Config::default()), Inbox::new()), peer)
}

/// A frame, masked or not.
fn frame(is_masked: bool, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if is_masked { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(mask_bit | len as u8),
        len @ 126..=0xffff => {
            frame.push(mask_bit | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(mask_bit | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    if is_masked {
        frame.extend(KEY);
        frame.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[i % 4]));
    } else {
        frame.extend(payload);
    }
    frame
}

/// A frame that this side receives.
pub fn incoming<R: Side>(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(R::IS_SERVER, first, payload.as_ref())
}

/// A frame that this side sends.
pub fn outgoing<R: Side>(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(!R::IS_SERVER, first, payload.as_ref())
}

/// The Close frame that this side receives.
pub fn incoming_close<R: Side>(code: u16, reason: &str) -> Vec<u8> {
    incoming::<R>(0x88, [&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// The Close frame that this side sends.
pub fn outgoing_close<R: Side>(code: u16, reason: &str) -> Vec<u8> {
    outgoing::<R>(0x88, [&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Takes the whole frames off `bytes`: the first byte and the payload of each.
pub fn take_frames(bytes: &mut Vec<u8>) -> Vec<(u8, Vec<u8>)> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while let Some((frame, len)) = first_frame(&bytes[at..]) {
        frames.push(frame);
        at += len;
    }
    bytes.drain(..at);
    frames
}

/// The frames that `bytes` consist of.
#[track_caller]
pub fn whole_frames(mut bytes: Vec<u8>) -> Vec<(u8, Vec<u8>)> {
    let frames = take_frames(&mut bytes);
    assert!(bytes.is_empty(), "{} bytes of a torn frame", bytes.len());
    frames
}

fn first_frame(bytes: &[u8]) -> Option<((u8, Vec<u8>), usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (len, mut at) = match second & 0x7f {
        126 => (u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap()).into(), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize, 10),
        len => (len.into(), 2),
    };
    let key = if second & 0x80 == 0 {
        [0; 4]
    } else {
        at += 4;
        bytes.get(at - 4..at)?.try_into().unwrap()
    };
    let payload = bytes.get(at..at + len)?;
    let payload = payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
    Some(((first, payload), at + len))
}

/// The end of a connection with the peer's Close frame.
pub fn clean(code: u16, reason: &str) -> Closed {
    let code = CloseCode::new(code).unwrap();
    Closed::Clean(Some(hybi::frame::CloseReason { code, reason: reason.to_owned().into() }))
}

/// Numbers that look random and are always the same: xorshift64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 16) % end as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
