//! hybi itself: `receive` on an inbox the size of a read, `send` into one output.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::Load;
use ::hybi::{Config, Connection, Event, Input};
use std::any::Any;

pub struct Hybi;

impl Peer for Hybi {
    fn name(&self) -> &'static str {
        "hybi"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        let (inbox, out) = (vec![0; pipe.read_size()], Vec::new());
        Some(match load.role {
            Role::Server => {
                let ws = Connection::server(Config::default());
                let ws = if load.compressed { with_deflate(ws) } else { ws };
                Box::new(Receiving { ws, pipe, inbox, out })
            }
            Role::Client => Box::new(Receiving { ws: Connection::client(Config::default()), pipe, inbox, out }),
        })
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let out = Vec::new();
        Some(match role {
            Role::Server => {
                Box::new(Sending { ws: Connection::server(Config::default()), payload, pipe, out })
            }
            Role::Client => {
                Box::new(Sending { ws: Connection::client(Config::default()), payload, pipe, out })
            }
        })
    }

    fn deflating_sender(&self, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let ws = with_deflate(Connection::server(Config::default()));
        let text = str::from_utf8(payload).unwrap();
        Some(Box::new(SendingText { ws, text, pipe, out: Vec::new() }))
    }

    fn idle(&self, role: Role, _: Pipe) -> Option<(Box<dyn Any>, usize)> {
        Some(match role {
            Role::Server => {
                let ws = Connection::server(Config::default());
                let size = size_of_val(&ws);
                (Box::new(ws), size)
            }
            Role::Client => {
                let ws = Connection::client(Config::default());
                let size = size_of_val(&ws);
                (Box::new(ws), size)
            }
        })
    }
}

struct Receiving<R> {
    ws: Connection<R>,
    pipe: Pipe,
    inbox: Vec<u8>,
    out: Vec<u8>,
}

impl<R: ::hybi::Role> Receive for Receiving<R> {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            let n = self.pipe.read_into(&mut self.inbox);
            let mut input = Input::new(&mut self.inbox[..n]);
            while let Some(event) = self.ws.receive(&mut input, &mut self.out).unwrap() {
                match event {
                    Event::Text(text) => sink.message(Kind::Text, text.as_bytes()),
                    Event::Binary(data) => sink.message(Kind::Binary, &data),
                    _ => continue,
                }
                received += 1;
            }
            if !self.out.is_empty() {
                self.pipe.give(&self.out);
                self.out.clear();
            }
        }
    }
}

struct Sending<R> {
    ws: Connection<R>,
    payload: &'static [u8],
    pipe: Pipe,
    out: Vec<u8>,
}

impl<R: ::hybi::Role> Sender for Sending<R> {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            self.ws.send(self.payload, &mut self.out).unwrap();
        }
        self.pipe.give(&self.out);
        self.out.clear();
    }
}

struct SendingText<R> {
    ws: Connection<R>,
    text: &'static str,
    pipe: Pipe,
    out: Vec<u8>,
}

impl<R: ::hybi::Role> Sender for SendingText<R> {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            self.ws.send(self.text, &mut self.out).unwrap();
        }
        self.pipe.give(&self.out);
        self.out.clear();
    }
}

fn with_deflate<R: ::hybi::Role>(ws: Connection<R>) -> Connection<R> {
    use ::hybi::extension::{Offers, deflate};
    let config = deflate::DeflateConfig::default();
    let offers = Offers::new(b"permessage-deflate; client_max_window_bits").flatten();
    let agreed = deflate::accept(&config, offers).unwrap();
    ws.with_deflate(&agreed, &config)
}
