//! uWebSockets, a C++ library: its parser and its formatter, which work on memory. A server of it
//! writes into a buffer of 16 KiB that it sends and reuses; here the buffer holds the whole batch.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::Load;
use hybi_uwebsockets::Connection;

pub struct UWebSockets;

impl Peer for UWebSockets {
    fn name(&self) -> &'static str {
        "uWebSockets"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        let ws = Connection::new(load.role == Role::Server);
        (!load.compressed).then(|| Box::new(Receiving { ws, pipe }) as _)
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let is_server = role == Role::Server;
        Some(Box::new(Sending { is_server, payload, pipe, out: Vec::new() }))
    }
}

struct Receiving {
    ws: Connection,
    pipe: Pipe,
}

impl Receive for Receiving {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            let n = self.pipe.read_into(self.ws.room());
            let goes_on = self.ws.receive(n, |opcode, payload| {
                let kind = if opcode == 1 { Kind::Text } else { Kind::Binary };
                sink.message(kind, payload);
                received += 1;
            });
            assert!(goes_on);
            match self.ws.take_replies() {
                [] => {}
                replies => _ = self.pipe.give(replies),
            }
        }
    }
}

struct Sending {
    is_server: bool,
    payload: &'static [u8],
    pipe: Pipe,
    out: Vec<u8>,
}

impl Sender for Sending {
    fn send(&mut self, messages: usize) {
        self.out.resize(messages * (self.payload.len() + 14), 0); // once
        let n = hybi_uwebsockets::format(self.is_server, self.payload, messages, &mut self.out);
        self.pipe.give(&self.out[..n]);
    }
}
