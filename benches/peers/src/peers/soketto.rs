//! soketto, which leaves the buffering of writes to the stream and the validation of text to its user.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::{Pipe, now};
use crate::workload::Load;
use ::soketto::connection::{Builder, Mode};
use ::soketto::handshake::Server;
use ::soketto::handshake::server::Response;
use ::soketto::{Data, Receiver as TheirReceiver, Sender as TheirSender};
use std::any::Any;

pub struct Soketto;

impl Peer for Soketto {
    fn name(&self) -> &'static str {
        "soketto"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        // Its extension resets the window after every message.
        if load.compressed {
            return None;
        }
        let (_, ws) = connection(load.role, pipe);
        Some(Box::new(Receiving { ws, message: Vec::new() }))
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let (ws, _) = connection(role, pipe);
        Some(Box::new(Sending { ws, payload }))
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        Some(Box::new(move || {
            let mut server = Server::new(pipe.clone().buffering());
            let key = now(server.receive_request()).unwrap().key();
            now(server.send_response(&Response::Accept { key, protocol: None })).unwrap();
        }))
    }

    fn idle(&self, role: Role, pipe: Pipe) -> Option<(Box<dyn Any>, usize)> {
        let ws = connection(role, pipe);
        let size = size_of_val(&ws);
        Some((Box::new(ws), size))
    }
}

fn connection(role: Role, pipe: Pipe) -> (TheirSender<Pipe>, TheirReceiver<Pipe>) {
    let mode = match role {
        Role::Server => Mode::Server,
        Role::Client => Mode::Client,
    };
    Builder::new(pipe.buffering(), mode).finish()
}

struct Receiving {
    ws: TheirReceiver<Pipe>,
    message: Vec<u8>,
}

impl Receive for Receiving {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        for _ in 0..messages {
            self.message.clear();
            match now(self.ws.receive_data(&mut self.message)).unwrap() {
                Data::Text(_) => {
                    simdutf8::basic::from_utf8(&self.message).unwrap();
                    sink.message(Kind::Text, &self.message);
                }
                Data::Binary(_) => sink.message(Kind::Binary, &self.message),
            }
        }
    }
}

struct Sending {
    ws: TheirSender<Pipe>,
    payload: &'static [u8],
}

impl Sender for Sending {
    fn send(&mut self, messages: usize) {
        now(async {
            for _ in 0..messages {
                self.ws.send_binary(self.payload).await.unwrap();
            }
            self.ws.flush().await.unwrap();
        });
    }
}
