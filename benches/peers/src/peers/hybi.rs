//! hybi itself: `receive` on an inbox the size of a read, `send` into one output; and rows of their own for what some of the
//! peers do: binary messages that stay in the inbox until they are whole, and headers that go out in front of a
//! payload that is not copied.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::{Load, NONCE};
use ::hybi::frame::{Header, OpCode};
use ::hybi::handshake::{
    Acceptance, Answer, ClientHandshake, ClientRequest, HeadLimits, ServerHandshake,
};
use ::hybi::{Config, Connection, Event, Inbox, Input, Outbox, RandomKeys, Uri};
use std::any::Any;
use std::hint::black_box;

pub struct Hybi;

impl Peer for Hybi {
    fn name(&self) -> &'static str {
        "hybi"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        let (inbox, out) = (vec![0; pipe.read_size()], Outbox::new());
        Some(match load.role {
            Role::Server => {
                let ws = Connection::server(Config::default());
                let ws = if load.compressed { with_deflate(ws) } else { ws };
                Box::new(Receiving { ws, pipe, inbox, out })
            }
            Role::Client => {
                Box::new(Receiving { ws: Connection::client(Config::default()), pipe, inbox, out })
            }
        })
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let out = Outbox::new();
        Some(match role {
            Role::Server => {
                Box::new(Sending { ws: Connection::server(Config::default()), payload, pipe, out })
            }
            Role::Client => {
                Box::new(Sending { ws: Connection::client(Config::default()), payload, pipe, out })
            }
        })
    }

    fn deflating_sender(&self, texts: &[&'static str], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let ws = with_deflate(Connection::server(Config::default()));
        Some(Box::new(SendingTexts { ws, texts: texts.to_vec(), pipe, out: Outbox::new() }))
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        let (mut inbox, mut out) = (vec![0; pipe.read_size()], Outbox::new());
        Some(Box::new(move || {
            let mut handshake = ServerHandshake::new(HeadLimits::default());
            let n = pipe.read_into(&mut inbox);
            let mut input = Input::new(&mut inbox[..n]);
            let request = handshake.receive(&mut input, &mut out).unwrap().unwrap();
            black_box(
                handshake.accept(&request, &Acceptance::from_same_origin(), &mut out).unwrap(),
            );
            pipe.give(out.front());
            out.clear();
        }))
    }

    fn connector(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        let (mut inbox, mut out) = (vec![0; pipe.read_size()], Outbox::new());
        let uri = Uri::parse("wss://server.example.com/chat?room=42").unwrap();
        Some(Box::new(move || {
            let request = ClientRequest::new(&uri).origin("https://server.example.com");
            let mut handshake =
                ClientHandshake::with_keys(&request, NONCE, RandomKeys, &mut out).unwrap();
            pipe.give(out.front());
            out.clear();
            let n = pipe.read_into(&mut inbox);
            let answer = handshake.receive(&mut Input::new(&mut inbox[..n])).unwrap().unwrap();
            assert!(matches!(black_box(answer), Answer::Open(..)));
        }))
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
    out: Outbox,
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
                self.pipe.give(self.out.front());
                self.out.clear();
            }
        }
    }
}

/// hybi with an [`Inbox`] for the connection, in which binary messages that reads split stay until
/// they are complete.
pub struct InPlace;

impl Peer for InPlace {
    fn name(&self) -> &'static str {
        "hybi (in place)"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        let (inbox, out) = (Inbox::new(), Outbox::new());
        let applies = load.kind == Kind::Binary && load.fragments == 1 && !load.compressed;
        applies.then(|| match load.role {
            Role::Server => {
                let ws = Connection::server(Config::default());
                Box::new(ReceivingInPlace { ws, pipe, inbox, out }) as _
            }
            Role::Client => {
                let ws = Connection::client(Config::default());
                Box::new(ReceivingInPlace { ws, pipe, inbox, out }) as _
            }
        })
    }
}

struct ReceivingInPlace<R> {
    ws: Connection<R>,
    pipe: Pipe,
    inbox: Inbox,
    out: Outbox,
}

impl<R: ::hybi::Role> Receive for ReceivingInPlace<R> {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            let n = self.pipe.read_into(self.inbox.room());
            self.inbox.filled(n);
            let mut input = self.inbox.input();
            while let Some(event) = self.ws.receive(&mut input, &mut self.out).unwrap() {
                if let Event::Binary(data) = event {
                    sink.message(Kind::Binary, &data);
                    received += 1;
                }
            }
            if !self.out.is_empty() {
                self.pipe.give(self.out.front());
                self.out.clear();
            }
        }
    }
}

struct Sending<R> {
    ws: Connection<R>,
    payload: &'static [u8],
    pipe: Pipe,
    out: Outbox,
}

impl<R: ::hybi::Role> Sender for Sending<R> {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            self.ws.send(self.payload, &mut self.out).unwrap();
        }
        self.pipe.give(self.out.front());
        self.out.clear();
    }
}

struct SendingTexts<R> {
    ws: Connection<R>,
    texts: Vec<&'static str>,
    pipe: Pipe,
    out: Outbox,
}

impl<R: ::hybi::Role> Sender for SendingTexts<R> {
    fn send(&mut self, messages: usize) {
        for text in self.texts.iter().copied().cycle().take(messages) {
            self.ws.send(text, &mut self.out).unwrap();
        }
        self.pipe.give(self.out.front());
        self.out.clear();
    }
}

fn with_deflate<R: ::hybi::Role>(ws: Connection<R>) -> Connection<R> {
    use ::hybi::extension::{Offers, deflate};
    let config = deflate::DeflateConfig::default();
    let offers = Offers::new(b"permessage-deflate; client_max_window_bits").flatten();
    let agreed = deflate::respond(&config, offers).unwrap();
    ws.with_deflate(&agreed, &config)
}

/// hybi where a server writes header and payload with one vectored write.
pub struct Vectored;

impl Peer for Vectored {
    fn name(&self) -> &'static str {
        "hybi (vectored)"
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let ws = Connection::server(Config::default());
        (role == Role::Server).then(|| Box::new(SendingVectored { ws, payload, pipe }) as _)
    }
}

struct SendingVectored {
    ws: Connection<::hybi::Server>,
    payload: &'static [u8],
    pipe: Pipe,
}

impl Sender for SendingVectored {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            self.ws.writer().may_send_message().unwrap();
            let header = Header::new(OpCode::BINARY, self.payload.len() as u64).encode();
            self.pipe.give(&header);
            self.pipe.give(self.payload);
        }
    }
}
