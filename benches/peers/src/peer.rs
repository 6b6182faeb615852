//! What an adapter provides, and how its answers are judged.

use crate::pipe::Pipe;
use crate::workload::{ACCEPT, KEY, Load, RESPONSE};
use std::any::Any;
use std::hint::black_box;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Binary,
}

impl Kind {
    pub fn opcode(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Binary => 2,
        }
    }
}

/// An implementation. What it cannot do, it leaves out.
pub trait Peer {
    fn name(&self) -> &'static str;

    /// Limits are rows of their own, not competitors.
    fn is_limit(&self) -> bool {
        false
    }

    /// Something that receives the load from the pipe.
    fn receiver(&self, _: &'static Load, _: Pipe) -> Option<Box<dyn Receiver>> {
        None
    }

    /// Something that sends this binary payload into the pipe.
    fn sender(&self, _: Role, _payload: &'static [u8], _: Pipe) -> Option<Box<dyn Sender>> {
        None
    }

    /// A server's sender of these texts in turn, compressed with context takeover.
    fn deflating_sender(&self, _texts: &[&'static str], _: Pipe) -> Option<Box<dyn Sender>> {
        None
    }

    /// Answers the request in the pipe, as a server that accepts everyone.
    fn acceptor(&self, _: Pipe) -> Option<Box<dyn FnMut()>> {
        None
    }

    /// Writes a request with the key of RFC 6455 §1.3 and reads the response in the pipe, as a client: for those that let
    /// their user choose the key.
    fn connector(&self, _: Pipe) -> Option<Box<dyn FnMut()>> {
        None
    }

    /// A connection as it is after the handshake, and how many bytes itself takes.
    fn idle(&self, _: Role, _: Pipe) -> Option<(Box<dyn Any>, usize)> {
        None
    }
}

/// Receives messages, one after the other, and shows each to the sink.
pub trait Receive {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S);
}

/// Sends messages, then flushes.
pub trait Sender {
    fn send(&mut self, messages: usize);
}

/// What an application does with a message.
pub trait Sink {
    fn message(&mut self, kind: Kind, payload: &[u8]);
}

/// [`Receive`] with its sinks spelled out.
pub trait Receiver {
    fn receive_counting(&mut self, messages: usize, sink: &mut Count);
    fn receive_checking(&mut self, messages: usize, sink: &mut Check);
}

impl<R: Receive> Receiver for R {
    fn receive_counting(&mut self, messages: usize, sink: &mut Count) {
        self.receive(messages, sink);
    }

    fn receive_checking(&mut self, messages: usize, sink: &mut Check) {
        self.receive(messages, sink);
    }
}

/// Looks at the length, the first and the last byte: the payload must be there, but reading it is not our subject.
#[derive(Default)]
pub struct Count {
    pub messages: usize,
    pub bytes: usize,
}

impl Sink for Count {
    #[inline]
    fn message(&mut self, kind: Kind, payload: &[u8]) {
        self.messages += 1;
        self.bytes += payload.len();
        black_box((kind, payload.as_ptr()));
    }
}

/// Compares every byte.
pub struct Check {
    load: &'static Load,
    messages: usize,
    wrong: usize,
}

impl Sink for Check {
    fn message(&mut self, kind: Kind, payload: &[u8]) {
        let expected = self.load.payloads[self.messages % self.load.payloads.len()];
        self.messages += 1;
        if kind != self.load.kind || payload != expected {
            self.wrong += 1;
        }
    }
}

/// Whether the receiver gets the whole batch right, twice in a row.
pub fn check_receiver(
    receiver: &mut dyn Receiver,
    load: &'static Load,
    pipe: &Pipe,
) -> Result<(), String> {
    for _ in 0..2 {
        let mut check = Check { load, messages: 0, wrong: 0 };
        pipe.rewind();
        receiver.receive_checking(load.messages, &mut check);
        if check.messages != load.messages || check.wrong > 0 || !pipe.is_read() {
            return Err(format!(
                "{} of {} messages, {} wrong",
                check.messages, load.messages, check.wrong
            ));
        }
    }
    Ok(())
}

/// Whether what was sent is what should have been.
pub fn check_sender(
    sender: &mut dyn Sender,
    messages: usize,
    role: Role,
    payload: &[u8],
    pipe: &Pipe,
) -> Result<(), String> {
    for _ in 0..2 {
        pipe.record();
        sender.send(messages);
        let frames = parse(&pipe.recorded(), role)?;
        if frames.len() != messages {
            return Err(format!("{} of {messages} frames", frames.len()));
        }
        for (first, bytes) in frames {
            if first != 0x82 || bytes != payload {
                return Err(format!("first byte {first:02x}, {} bytes", bytes.len()));
            }
        }
    }
    Ok(())
}

pub fn check_acceptor(accept: &mut dyn FnMut(), pipe: &Pipe) -> Result<(), String> {
    for _ in 0..2 {
        pipe.record();
        pipe.rewind();
        accept();
        let response = pipe.recorded();
        let has = |what: &[u8]| response.windows(what.len()).any(|window| window == what);
        if !has(b"101") || !has(ACCEPT) || !response.ends_with(b"\r\n\r\n") {
            return Err(format!("response {:?}", String::from_utf8_lossy(&response)));
        }
    }
    Ok(())
}

/// A good response must be accepted, and one with another accept key refused.
pub fn check_connector(peer: &dyn Peer) -> Result<(), String> {
    let pipe = Pipe::new(RESPONSE, usize::MAX);
    let Some(mut connect) = peer.connector(pipe.clone()) else { return Ok(()) };
    for _ in 0..2 {
        pipe.record();
        pipe.rewind();
        connect();
        let request = pipe.recorded();
        let has = |what: &[u8]| {
            request.windows(what.len()).any(|window| window.eq_ignore_ascii_case(what))
        };
        if !peer.is_limit()
            && (!has(b"sec-websocket-key: ") || !has(KEY) || !request.ends_with(b"\r\n\r\n"))
        {
            return Err(format!("request {:?}", String::from_utf8_lossy(&request)));
        }
    }
    let mut wrong = RESPONSE.to_vec();
    let at =
        wrong.windows(ACCEPT.len()).position(|window| window == ACCEPT).ok_or("no accept key")?;
    wrong[at] ^= 1;
    let mut connect = peer.connector(Pipe::new(wrong.leak(), usize::MAX)).ok_or("no connector")?;
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let accepted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut connect)).is_ok();
    std::panic::set_hook(hook);
    if accepted { Err("accepts a wrong accept key".into()) } else { Ok(()) }
}

/// Frames as first byte and unmasked payload.
pub fn parse(mut bytes: &[u8], sender: Role) -> Result<Vec<(u8, Vec<u8>)>, String> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        if (second & 0x80 != 0) != (sender == Role::Client) {
            return Err("mask bit".into());
        }
        let (len, rest) = match second & 0x7f {
            126 => (u16::from_be_bytes([rest[0], rest[1]]) as usize, &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize, &rest[8..]),
            len => (len as usize, rest),
        };
        let (key, rest) =
            if sender == Role::Client { rest.split_at(4) } else { (&[0; 4][..], rest) };
        let payload = rest.get(..len).ok_or("the last frame is cut off")?;
        frames.push((
            *first,
            payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect(),
        ));
        bytes = &rest[len..];
    }
    Ok(frames)
}
