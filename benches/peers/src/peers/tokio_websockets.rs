//! tokio-websockets, with fastrand for masking keys, which it recommends for speed. It queues frames and writes them
//! with one vectored write, payloads uncopied.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::{Pipe, now};
use crate::workload::Load;
use ::tokio_websockets::{ClientBuilder, Limits, Message, ServerBuilder, WebSocketStream};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use std::any::Any;

pub struct TokioWebsockets;

impl Peer for TokioWebsockets {
    fn name(&self) -> &'static str {
        "tokio-websockets"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        (!load.compressed).then(|| Box::new(Receiving(connection(load.role, pipe))) as _)
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        Some(Box::new(Sending { ws: connection(role, pipe), payload: Bytes::from_static(payload) }))
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        Some(Box::new(move || {
            now(ServerBuilder::new().accept(pipe.clone())).unwrap();
        }))
    }

    fn idle(&self, role: Role, pipe: Pipe) -> Option<(Box<dyn Any>, usize)> {
        let ws = connection(role, pipe);
        let size = size_of_val(&ws);
        Some((Box::new(ws), size))
    }
}

fn connection(role: Role, pipe: Pipe) -> WebSocketStream<Pipe> {
    match role {
        Role::Server => ServerBuilder::new().limits(Limits::unlimited()).serve(pipe),
        Role::Client => ClientBuilder::new().limits(Limits::unlimited()).take_over(pipe),
    }
}

struct Receiving(WebSocketStream<Pipe>);

impl Receive for Receiving {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            let message = now(self.0.next()).unwrap().unwrap();
            if let Some(text) = message.as_text() {
                sink.message(Kind::Text, text.as_bytes());
            } else if message.is_binary() {
                sink.message(Kind::Binary, message.as_payload());
            } else {
                continue;
            }
            received += 1;
        }
    }
}

struct Sending {
    ws: WebSocketStream<Pipe>,
    payload: Bytes,
}

impl Sender for Sending {
    fn send(&mut self, messages: usize) {
        now(async {
            for _ in 0..messages {
                self.ws.feed(Message::binary(self.payload.clone())).await.unwrap();
            }
            self.ws.flush().await.unwrap();
        });
    }
}
