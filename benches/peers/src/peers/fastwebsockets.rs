//! fastwebsockets, with SIMD and its collector of fragments. It writes every frame to the stream at once, so the stream
//! buffers. A client masks in place: the message is written into a buffer that it may change.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::{Pipe, now};
use crate::workload::Load;
use ::fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role as TheirRole, WebSocket};
use std::any::Any;

pub struct Fastwebsockets;

impl Peer for Fastwebsockets {
    fn name(&self) -> &'static str {
        "fastwebsockets"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        (!load.compressed)
            .then(|| Box::new(Receiving { ws: connection(load.role, &pipe), pipe }) as _)
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let (ws, scratch) =
            (WebSocket::after_handshake(pipe.clone().buffering(), their(role)), payload.to_vec());
        Some(Box::new(Sending { ws, role, payload, scratch, pipe }))
    }

    fn idle(&self, role: Role, pipe: Pipe) -> Option<(Box<dyn Any>, usize)> {
        let ws = connection(role, &pipe);
        let size = size_of_val(&ws);
        Some((Box::new(ws), size))
    }
}

fn their(role: Role) -> TheirRole {
    match role {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    }
}

fn connection(role: Role, pipe: &Pipe) -> FragmentCollector<Pipe> {
    let mut ws = WebSocket::after_handshake(pipe.clone().buffering(), their(role));
    ws.set_auto_apply_mask(true);
    FragmentCollector::new(ws)
}

struct Receiving {
    ws: FragmentCollector<Pipe>,
    pipe: Pipe,
}

impl Receive for Receiving {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            let frame = now(self.ws.read_frame()).unwrap();
            match frame.opcode {
                OpCode::Text => sink.message(Kind::Text, &frame.payload),
                OpCode::Binary => sink.message(Kind::Binary, &frame.payload),
                _ => continue,
            }
            received += 1;
        }
        self.pipe.push_out();
    }
}

struct Sending {
    ws: WebSocket<Pipe>,
    role: Role,
    payload: &'static [u8],
    scratch: Vec<u8>,
    pipe: Pipe,
}

impl Sender for Sending {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            let payload = match self.role {
                Role::Server => Payload::Borrowed(self.payload),
                Role::Client => {
                    self.scratch.copy_from_slice(self.payload);
                    Payload::BorrowedMut(&mut self.scratch)
                }
            };
            send_one(&mut self.ws, Frame::binary(payload));
        }
        self.pipe.push_out();
    }
}

/// A frame must live as long as the connection that it is written to; the loan ends here all the same.
fn send_one(ws: &mut WebSocket<Pipe>, frame: Frame<'_>) {
    now(ws.write_frame(frame)).unwrap();
}
