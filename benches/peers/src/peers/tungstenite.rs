//! tungstenite, with its default buffers of 128 KiB, which its documentation recommends for high load.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::{KEY, Load};
use ::tungstenite::http::Request;
use ::tungstenite::protocol::Role as TheirRole;
use ::tungstenite::{Bytes, Message, WebSocket};
use std::any::Any;

pub struct Tungstenite;

impl Peer for Tungstenite {
    fn name(&self) -> &'static str {
        "tungstenite"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        (!load.compressed).then(|| Box::new(Receiving(connection(load.role, pipe))) as _)
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        Some(Box::new(Sending { ws: connection(role, pipe), payload: Bytes::from_static(payload) }))
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        Some(Box::new(move || {
            ::tungstenite::accept(pipe.clone()).map_err(|_| "refused").unwrap();
        }))
    }

    fn connector(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        let request = Request::builder()
            .uri("ws://server.example.com/chat?room=42")
            .header("Host", "server.example.com")
            .header("Origin", "https://server.example.com")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", str::from_utf8(KEY).unwrap())
            .body(())
            .unwrap();
        Some(Box::new(move || {
            ::tungstenite::client(request.clone(), pipe.clone()).map_err(|_| "refused").unwrap();
        }))
    }

    fn idle(&self, role: Role, pipe: Pipe) -> Option<(Box<dyn Any>, usize)> {
        let ws = connection(role, pipe);
        let size = size_of_val(&ws);
        Some((Box::new(ws), size))
    }
}

fn connection(role: Role, pipe: Pipe) -> WebSocket<Pipe> {
    let role = match role {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    WebSocket::from_raw_socket(pipe, role, None)
}

struct Receiving(WebSocket<Pipe>);

impl Receive for Receiving {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            match self.0.read().unwrap() {
                Message::Text(text) => sink.message(Kind::Text, text.as_bytes()),
                Message::Binary(data) => sink.message(Kind::Binary, &data),
                _ => continue,
            }
            received += 1;
        }
    }
}

struct Sending {
    ws: WebSocket<Pipe>,
    payload: Bytes,
}

impl Sender for Sending {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            self.ws.write(Message::Binary(self.payload.clone())).unwrap();
        }
        self.ws.flush().unwrap();
    }
}
