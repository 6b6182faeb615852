//! hybi itself, as its guide shows it: an inbox and an outbox that serve all connections of a
//! thread, `send` for small messages, `send_owned` for large ones. Two more rows show what a buffer
//! of one's own and copying large messages cost.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::{Load, NONCE};
use ::hybi::handshake::{
    Acceptance, Answer, ClientHandshake, ClientRequest, HeadLimits, ServerHandshake,
};
use ::hybi::{Client, Config, Connection, Event, Inbox, Input, Message, Outbox, RandomKeys};
use ::hybi::{Server, Uri};
use bytes::Bytes;
use std::any::Any;
use std::hint::black_box;

/// From here on, copying a payload costs more than keeping it.
const LARGE: usize = 8 << 10;

pub struct Hybi;

impl Peer for Hybi {
    fn name(&self) -> &'static str {
        "hybi"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        let (inbox, out) = (Inbox::new(), Outbox::new());
        Some(match load.role {
            Role::Server => Box::new(Receiving { ws: server_for(load), pipe, inbox, out }),
            Role::Client => Box::new(Receiving { ws: client(), pipe, inbox, out }),
        })
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let out = Outbox::new();
        if payload.len() < LARGE {
            return Some(copying_sender(role, payload, pipe));
        }
        let payload = Bytes::from_static(payload);
        Some(match role {
            Role::Server => Box::new(SendingOwned { ws: server(), payload, pipe, out }),
            Role::Client => Box::new(SendingOwned { ws: client(), payload, pipe, out }),
        })
    }

    fn deflating_sender(&self, texts: &[&'static str], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let (ws, texts, out) = (with_deflate(server()), texts.to_vec(), Outbox::new());
        Some(Box::new(SendingTexts { ws, texts, pipe, out }))
    }

    fn acceptor(&self, mut pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
        Some(Box::new(move || {
            let mut handshake = ServerHandshake::new(HeadLimits::default());
            let n = pipe.read_into(inbox.room());
            inbox.filled(n);
            let mut input = inbox.input();
            let request = handshake.receive(&mut input, &mut out).unwrap().unwrap();
            black_box(
                handshake.accept(&request, &Acceptance::from_same_origin(), &mut out).unwrap(),
            );
            flush(&mut out, &mut pipe);
        }))
    }

    fn connector(&self, mut pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
        let uri = Uri::parse("wss://server.example.com/chat?room=42").unwrap();
        Some(Box::new(move || {
            let request = ClientRequest::new(&uri).origin("https://server.example.com");
            let mut handshake =
                ClientHandshake::with_keys(&request, NONCE, RandomKeys, &mut out).unwrap();
            flush(&mut out, &mut pipe);
            let n = pipe.read_into(inbox.room());
            inbox.filled(n);
            let answer = handshake.receive(&mut inbox.input()).unwrap().unwrap();
            assert!(matches!(black_box(answer), Answer::Open(..)));
        }))
    }

    fn idle(&self, role: Role, _: Pipe) -> Option<(Box<dyn Any>, usize)> {
        Some(match role {
            Role::Server => (Box::new(server()), size_of::<Connection<Server>>()),
            Role::Client => (Box::new(client()), size_of::<Connection<Client>>()),
        })
    }
}

fn server() -> Connection<Server> {
    Connection::server(Config::default())
}

fn client() -> Connection<Client> {
    Connection::client(Config::default())
}

fn server_for(load: &Load) -> Connection<Server> {
    if load.compressed { with_deflate(server()) } else { server() }
}

fn with_deflate<R: ::hybi::Role>(ws: Connection<R>) -> Connection<R> {
    use ::hybi::extension::{Offers, deflate};
    let config = deflate::DeflateConfig::default();
    let offers = Offers::new(b"permessage-deflate; client_max_window_bits").flatten();
    let agreed = deflate::respond(&config, offers).unwrap();
    ws.with_deflate(&agreed, &config)
}

#[inline]
fn flush(out: &mut Outbox, pipe: &mut Pipe) {
    while !out.is_empty() {
        out.write_to(&mut *pipe).unwrap();
    }
}

struct Receiving<R> {
    ws: Connection<R>,
    pipe: Pipe,
    inbox: Inbox,
    out: Outbox,
}

impl<R: ::hybi::Role> Receive for Receiving<R> {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            let n = self.pipe.read_into(self.inbox.room());
            self.inbox.filled(n);
            received += drain(&mut self.ws, self.inbox.input(), &mut self.out, sink);
            flush(&mut self.out, &mut self.pipe);
        }
    }
}

/// Passes on all messages of the input. Returns how many there were.
#[inline]
fn drain<R: ::hybi::Role, S: Sink>(
    ws: &mut Connection<R>,
    mut input: Input<'_>,
    out: &mut Outbox,
    sink: &mut S,
) -> usize {
    let mut messages = 0;
    while let Some(event) = ws.receive(&mut input, out).unwrap() {
        match event {
            Event::Text(text) => sink.message(Kind::Text, text.as_bytes()),
            Event::Binary(data) => sink.message(Kind::Binary, &data),
            _ => continue,
        }
        messages += 1;
    }
    messages
}

/// hybi on a plain buffer of 64 KiB that is always read completely: messages that reads split are
/// copied, and most bytes have left the nearest cache when they are unmasked.
pub struct PlainBuffer;

impl Peer for PlainBuffer {
    fn name(&self) -> &'static str {
        "hybi (64 KiB buffer)"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        let (buffer, out) = (vec![0; 64 << 10], Outbox::new());
        Some(match load.role {
            Role::Server => Box::new(ReceivingPlainly { ws: server_for(load), pipe, buffer, out }),
            Role::Client => Box::new(ReceivingPlainly { ws: client(), pipe, buffer, out }),
        })
    }
}

struct ReceivingPlainly<R> {
    ws: Connection<R>,
    pipe: Pipe,
    buffer: Vec<u8>,
    out: Outbox,
}

impl<R: ::hybi::Role> Receive for ReceivingPlainly<R> {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            let n = self.pipe.read_into(&mut self.buffer);
            let input = Input::new(&mut self.buffer[..n]);
            received += drain(&mut self.ws, input, &mut self.out, sink);
            flush(&mut self.out, &mut self.pipe);
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
        flush(&mut self.out, &mut self.pipe);
    }
}

fn copying_sender(role: Role, payload: &'static [u8], pipe: Pipe) -> Box<dyn Sender> {
    let out = Outbox::new();
    match role {
        Role::Server => Box::new(Sending { ws: server(), payload, pipe, out }),
        Role::Client => Box::new(Sending { ws: client(), payload, pipe, out }),
    }
}

struct SendingOwned<R> {
    ws: Connection<R>,
    payload: Bytes,
    pipe: Pipe,
    out: Outbox,
}

impl<R: ::hybi::Role> Sender for SendingOwned<R> {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            let message = Message::Binary(self.payload.clone());
            self.ws.send_owned(message, &mut self.out).unwrap();
        }
        flush(&mut self.out, &mut self.pipe);
    }
}

/// hybi copying large payloads: what a caller does that owns none.
pub struct Copying;

impl Peer for Copying {
    fn name(&self) -> &'static str {
        "hybi (send)"
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        (payload.len() >= LARGE).then(|| copying_sender(role, payload, pipe))
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
        flush(&mut self.out, &mut self.pipe);
    }
}
