//! web-socket, on a buffered reader as its benchmarks have it. It reassembles nothing, answers nothing and validates no
//! text; the adapter does.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::{Pipe, now};
use crate::workload::Load;
use ::web_socket::{DataType, Event, MessageType, Stream, WebSocket};
use std::any::Any;
use tokio::io::BufReader;

pub struct WebSocketCrate;

impl Peer for WebSocketCrate {
    fn name(&self) -> &'static str {
        "web-socket"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        (!load.compressed).then(|| {
            let ws = connection(load.role, pipe.clone());
            Box::new(Receiving { ws, pipe, message: Vec::new() }) as _
        })
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        Some(Box::new(Sending { ws: connection(role, pipe), payload }))
    }

    fn idle(&self, role: Role, pipe: Pipe) -> Option<(Box<dyn Any>, usize)> {
        let ws = connection(role, pipe);
        let size = size_of_val(&ws);
        Some((Box::new(ws), size))
    }
}

fn connection(role: Role, pipe: Pipe) -> WebSocket<BufReader<Pipe>> {
    let stream = BufReader::with_capacity(64 * 1024, pipe.buffering());
    match role {
        Role::Server => WebSocket::server(stream),
        Role::Client => WebSocket::client(stream),
    }
}

struct Receiving {
    ws: WebSocket<BufReader<Pipe>>,
    pipe: Pipe,
    message: Vec<u8>,
}

impl Receive for Receiving {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            match now(self.ws.recv()).unwrap() {
                Event::Data { ty: DataType::Complete(kind), data } => show(kind, &data, sink),
                Event::Data { ty: DataType::Stream(Stream::End(kind)), data } => {
                    self.message.extend_from_slice(&data);
                    show(kind, &self.message, sink);
                    self.message.clear();
                }
                Event::Data { data, .. } => {
                    self.message.extend_from_slice(&data);
                    continue;
                }
                Event::Ping(payload) => {
                    now(self.ws.send_pong(payload)).unwrap();
                    continue;
                }
                Event::Pong(_) => continue,
                other => panic!("{other:?}"),
            }
            received += 1;
        }
        self.pipe.push_out();
    }
}

#[inline]
fn show<S: Sink>(kind: MessageType, data: &[u8], sink: &mut S) {
    match kind {
        MessageType::Text => {
            simdutf8::basic::from_utf8(data).unwrap();
            sink.message(Kind::Text, data);
        }
        MessageType::Binary => sink.message(Kind::Binary, data),
    }
}

struct Sending {
    ws: WebSocket<BufReader<Pipe>>,
    payload: &'static [u8],
}

impl Sender for Sending {
    fn send(&mut self, messages: usize) {
        now(async {
            for _ in 0..messages {
                self.ws.send(self.payload).await.unwrap();
            }
            self.ws.flash().await.unwrap();
        });
    }
}
