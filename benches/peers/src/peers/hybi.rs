//! hybi itself: `receive` on an inbox the size of a read, `send` into one output; and rows of their own for what some of the
//! peers do: binary messages that stay in the inbox until they are whole, and headers that go out in front of a
//! payload that is not copied.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::{Load, NONCE};
use ::hybi::connection::Kind as TheirKind;
use ::hybi::handshake::{Accept, Answer, ClientHandshake, ClientRequest, ServerHandshake};
use ::hybi::{Config, Connection, Event, Input, RandomKeys, Uri};
use std::any::Any;
use std::hint::black_box;
use std::ops::Range;

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
            Role::Client => {
                Box::new(Receiving { ws: Connection::client(Config::default()), pipe, inbox, out })
            }
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

    fn deflating_sender(&self, texts: &[&'static str], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let ws = with_deflate(Connection::server(Config::default()));
        Some(Box::new(SendingTexts { ws, texts: texts.to_vec(), pipe, out: Vec::new() }))
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        let (mut inbox, mut out) = (vec![0; pipe.read_size()], Vec::new());
        Some(Box::new(move || {
            let mut handshake = ServerHandshake::new(Config::default());
            let n = pipe.read_into(&mut inbox);
            let mut input = Input::new(&mut inbox[..n]);
            let request = handshake.receive(&mut input, &mut out).unwrap().unwrap();
            black_box(handshake.accept(&request, &Accept::from_same_origin(), &mut out).unwrap());
            pipe.give(&out);
            out.clear();
        }))
    }

    fn connector(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        let (mut inbox, mut out) = (vec![0; pipe.read_size()], Vec::new());
        let uri = Uri::parse("wss://server.example.com/chat?room=42").unwrap();
        Some(Box::new(move || {
            let request = ClientRequest::new(&uri).origin("https://server.example.com");
            let config = Config::default();
            let mut handshake =
                ClientHandshake::with_keys(&request, config, NONCE, RandomKeys, &mut out).unwrap();
            pipe.give(&out);
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

/// hybi where the inbox belongs to the connection, and binary messages that reads cut are put together in it.
pub struct InPlace;

/// Has room for the longest message of these workloads and some reads of the next.
const IN_PLACE_BYTES: usize = (1 << 20) + (256 << 10);

impl Peer for InPlace {
    fn name(&self) -> &'static str {
        "hybi (in place)"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        let (inbox, out) = (vec![0; IN_PLACE_BYTES], Vec::new());
        let applies = load.kind == Kind::Binary && load.fragments == 1 && !load.compressed;
        applies.then(|| match load.role {
            Role::Server => {
                let ws = Connection::server(Config::default());
                Box::new(ReceivingInPlace { ws, pipe, inbox, unread: 0..0, out }) as _
            }
            Role::Client => {
                let ws = Connection::client(Config::default());
                Box::new(ReceivingInPlace { ws, pipe, inbox, unread: 0..0, out }) as _
            }
        })
    }
}

struct ReceivingInPlace<R> {
    ws: Connection<R>,
    pipe: Pipe,
    inbox: Vec<u8>,
    unread: Range<usize>,
    out: Vec<u8>,
}

impl<R: ::hybi::Role> ReceivingInPlace<R> {
    /// Reads behind what is unread. That goes to the front if that is cheap beside what was read since, which keeps the
    /// part of the inbox that is in use small, and if there is no room behind it.
    fn fill(&mut self) {
        let Range { start, end } = self.unread;
        if (end - start) * 4 <= start || end == self.inbox.len() {
            self.inbox.copy_within(start..end, 0);
            self.unread = 0..end - start;
        }
        self.unread.end += self.pipe.read_into(&mut self.inbox[self.unread.end..]);
    }
}

impl<R: ::hybi::Role> Receive for ReceivingInPlace<R> {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            self.fill();
            let mut input =
                Input::new(&mut self.inbox[self.unread.clone()]).in_place_up_to(IN_PLACE_BYTES);
            while let Some(event) = self.ws.receive(&mut input, &mut self.out).unwrap() {
                if let Event::Binary(data) = event {
                    sink.message(Kind::Binary, &data);
                    received += 1;
                }
            }
            self.unread.start = self.unread.end - input.len();
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

struct SendingTexts<R> {
    ws: Connection<R>,
    texts: Vec<&'static str>,
    pipe: Pipe,
    out: Vec<u8>,
}

impl<R: ::hybi::Role> Sender for SendingTexts<R> {
    fn send(&mut self, messages: usize) {
        for text in self.texts.iter().copied().cycle().take(messages) {
            self.ws.send(text, &mut self.out).unwrap();
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

/// hybi where the caller writes header and payload with one vectored write. A client masks in place: the message is
/// written into a buffer that it may change.
pub struct Vectored;

impl Peer for Vectored {
    fn name(&self) -> &'static str {
        "hybi (vectored)"
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let scratch = payload.to_vec();
        Some(match role {
            Role::Server => Box::new(ServerVectored {
                ws: Connection::server(Config::default()),
                payload,
                pipe,
            }),
            Role::Client => Box::new(ClientVectored {
                ws: Connection::client(Config::default()),
                payload,
                scratch,
                pipe,
            }),
        })
    }
}

struct ServerVectored {
    ws: Connection<::hybi::Server>,
    payload: &'static [u8],
    pipe: Pipe,
}

impl Sender for ServerVectored {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            let header = self.ws.header(self.payload).unwrap();
            self.pipe.give(&header);
            self.pipe.give(self.payload);
        }
    }
}

struct ClientVectored {
    ws: Connection<::hybi::Client>,
    payload: &'static [u8],
    scratch: Vec<u8>,
    pipe: Pipe,
}

impl Sender for ClientVectored {
    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            self.scratch.copy_from_slice(self.payload);
            let header = self.ws.mask_in_place(TheirKind::Binary, &mut self.scratch).unwrap();
            self.pipe.give(&header);
            self.pipe.give(&self.scratch);
        }
    }
}
