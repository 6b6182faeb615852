//! nexus-web: its client and server over a stream to read, its frame writer into a buffer to write, for batches.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::Load;
use ::nexus_web::ws::{
    Client, ClientBuilder, FrameReader, FrameWriter, Message, Role as TheirRole,
};
use std::any::Any;

pub struct NexusWeb;

impl Peer for NexusWeb {
    fn name(&self) -> &'static str {
        "nexus-web"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        (!load.compressed).then(|| Box::new(Receiving(connection(load.role, pipe))) as _)
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        Some(Box::new(Sending {
            writer: FrameWriter::new(their(role)),
            payload,
            pipe,
            out: Vec::new(),
        }))
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        Some(Box::new(move || {
            // Its default of 1 MiB would be all that is measured.
            ClientBuilder::new()
                .buffer_capacity(4096)
                .write_buffer_capacity(4096)
                .accept(pipe.clone())
                .unwrap();
        }))
    }

    fn idle(&self, role: Role, pipe: Pipe) -> Option<(Box<dyn Any>, usize)> {
        let ws = connection(role, pipe);
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

fn connection(role: Role, pipe: Pipe) -> Client<Pipe> {
    let reader = FrameReader::builder().buffer_capacity(128 * 1024).role(their(role)).build();
    Client::from_parts(pipe, reader, FrameWriter::new(their(role)))
}

struct Receiving(Client<Pipe>);

impl Receive for Receiving {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            match self.0.recv().unwrap().unwrap() {
                Message::Text(text) => sink.message(Kind::Text, text.as_bytes()),
                Message::Binary(data) => sink.message(Kind::Binary, data),
                Message::Ping(payload) => {
                    let payload = payload.to_vec();
                    self.0.send_pong(&payload).unwrap();
                    continue;
                }
                _ => continue,
            }
            received += 1;
        }
    }
}

struct Sending {
    writer: FrameWriter,
    payload: &'static [u8],
    pipe: Pipe,
    out: Vec<u8>,
}

impl Sender for Sending {
    fn send(&mut self, messages: usize) {
        let most = self.writer.max_encoded_len(self.payload.len()) * messages;
        if self.out.len() < most {
            self.out.resize(most, 0);
        }
        let mut at = 0;
        for _ in 0..messages {
            at += self.writer.encode_binary(self.payload, &mut self.out[at..]);
        }
        self.pipe.give(&self.out[..at]);
    }
}
