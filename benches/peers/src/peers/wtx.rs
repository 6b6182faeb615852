//! wtx, with its feature `optimization` and the generator of its examples. It writes every frame to the stream at once,
//! so the stream buffers. A client masks in place: the message is written into a buffer that it may change.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::{Pipe, now};
use crate::workload::Load;
use ::wtx::collection::Vector;
use ::wtx::rng::{Xorshift64, simple_seed};
use ::wtx::stream::{StreamReader, StreamWriter};
use ::wtx::web_socket::{
    Frame, OpCode, WebSocket, WebSocketAcceptor, WebSocketBuffer, WebSocketPayloadOrigin,
};
use std::any::Any;

type Connection<const IS_CLIENT: bool> =
    WebSocket<(), Xorshift64, Pipe, WebSocketBuffer, IS_CLIENT>;

pub struct Wtx;

impl Peer for Wtx {
    fn name(&self) -> &'static str {
        "wtx"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        if load.compressed {
            return None;
        }
        Some(match load.role {
            Role::Server => {
                Box::new(Receiving { ws: connection::<false>(&pipe), pipe, buffer: Vector::new() })
            }
            Role::Client => {
                Box::new(Receiving { ws: connection::<true>(&pipe), pipe, buffer: Vector::new() })
            }
        })
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let scratch = payload.to_vec();
        Some(match role {
            Role::Server => {
                let ws = connection::<false>(&pipe);
                Box::new(Sending { ws, payload, scratch, copies: false, pipe })
            }
            Role::Client => {
                let ws = connection::<true>(&pipe);
                Box::new(Sending { ws, payload, scratch, copies: true, pipe })
            }
        })
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        Some(Box::new(move || {
            now(WebSocketAcceptor::default().accept(pipe.clone())).unwrap();
        }))
    }

    fn idle(&self, role: Role, pipe: Pipe) -> Option<(Box<dyn Any>, usize)> {
        Some(match role {
            Role::Server => {
                let ws = connection::<false>(&pipe);
                let size = size_of_val(&ws);
                (Box::new(ws), size)
            }
            Role::Client => {
                let ws = connection::<true>(&pipe);
                let size = size_of_val(&ws);
                (Box::new(ws), size)
            }
        })
    }
}

fn connection<const IS_CLIENT: bool>(pipe: &Pipe) -> Connection<IS_CLIENT> {
    let rng = Xorshift64::from(simple_seed());
    let mut ws = WebSocket::new((), false, rng, pipe.clone().buffering(), WebSocketBuffer::new());
    ws.set_max_payload_len(16 << 20);
    ws
}

impl StreamReader for Pipe {
    #[inline]
    async fn read(&mut self, bytes: &mut [u8]) -> ::wtx::Result<usize> {
        match self.read_into(bytes) {
            0 => std::future::pending().await,
            n => Ok(n),
        }
    }
}

impl StreamWriter for Pipe {
    #[inline]
    async fn write_all(&mut self, bytes: &[u8]) -> ::wtx::Result<()> {
        self.give(bytes);
        Ok(())
    }

    #[inline]
    async fn write_all_vectored(&mut self, bytes: &[&[u8]]) -> ::wtx::Result<()> {
        for piece in bytes {
            self.give(piece);
        }
        Ok(())
    }
}

struct Receiving<const IS_CLIENT: bool> {
    ws: Connection<IS_CLIENT>,
    pipe: Pipe,
    buffer: Vector<u8>,
}

impl<const IS_CLIENT: bool> Receive for Receiving<IS_CLIENT> {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            let frame = now(self.ws.read_frame(&mut self.buffer, WebSocketPayloadOrigin::Adaptive))
                .unwrap();
            match frame.op_code() {
                OpCode::Text => sink.message(Kind::Text, frame.payload()),
                OpCode::Binary => sink.message(Kind::Binary, frame.payload()),
                _ => continue,
            }
            received += 1;
        }
        self.pipe.push_out();
    }
}

/// wtx as a client that masks the caller's payload and leaves it masked. A check reads what is sent,
/// so there the payload is restored before.
pub struct MaskingInPlace;

impl Peer for MaskingInPlace {
    fn name(&self) -> &'static str {
        "wtx (in place)"
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let (ws, scratch) = (connection::<true>(&pipe), payload.to_vec());
        (role == Role::Client)
            .then(|| Box::new(Sending { ws, payload, scratch, copies: false, pipe }) as _)
    }
}

struct Sending<const IS_CLIENT: bool> {
    ws: Connection<IS_CLIENT>,
    payload: &'static [u8],
    scratch: Vec<u8>,
    /// Whether the message is first copied to where it may be masked.
    copies: bool,
    pipe: Pipe,
}

impl<const IS_CLIENT: bool> Sender for Sending<IS_CLIENT> {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            if self.copies || self.pipe.is_recording() {
                self.scratch.copy_from_slice(self.payload);
            }
            let mut frame = Frame::new_fin(OpCode::Binary, &mut self.scratch[..]);
            now(self.ws.write_frame(&mut frame)).unwrap();
        }
        self.pipe.push_out();
    }
}
