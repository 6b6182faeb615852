//! sockudo-ws: its `Protocol`, which works on buffers, and a list of messages that is used again.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::{Pipe, now};
use crate::workload::{KEY, Load};
use ::sockudo_ws::handshake::{build_request_with_headers, parse_response, validate_accept_key};
use ::sockudo_ws::protocol::{CompressedProtocol, Protocol};
use ::sockudo_ws::{DeflateConfig, Message, Role as TheirRole};
use bytes::{Bytes, BytesMut};
use std::any::Any;
use std::hint::black_box;

const MAX: usize = 16 << 20;

pub struct SockudoWs;

impl Peer for SockudoWs {
    fn name(&self) -> &'static str {
        "sockudo-ws"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        let (inbox, out, messages) = Default::default();
        Some(if load.compressed {
            let ws = CompressedProtocol::server(MAX, MAX, DeflateConfig::default());
            Box::new(Receiving { ws: Either::Compressed(ws), pipe, inbox, out, messages })
        } else {
            Box::new(Receiving {
                ws: Either::Plain(protocol(load.role)),
                pipe,
                inbox,
                out,
                messages,
            })
        })
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let message = Message::Binary(Bytes::from_static(payload));
        Some(Box::new(Sending {
            ws: Either::Plain(protocol(role)),
            messages: vec![message],
            pipe,
            out: BytesMut::new(),
        }))
    }

    fn deflating_sender(&self, texts: &[&'static str], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let ws = Either::Compressed(CompressedProtocol::server(MAX, MAX, DeflateConfig::default()));
        let messages =
            texts.iter().map(|text| Message::Text(Bytes::from_static(text.as_bytes()))).collect();
        Some(Box::new(Sending { ws, messages, pipe, out: BytesMut::new() }))
    }

    fn acceptor(&self, mut pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        Some(Box::new(move || {
            now(::sockudo_ws::handshake::server_handshake(&mut pipe)).unwrap();
        }))
    }

    /// The parts of its `client_handshake`, so that the key can be chosen.
    fn connector(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        let key = std::str::from_utf8(KEY).unwrap();
        let origin = [("Origin".to_owned(), "https://server.example.com".to_owned())];
        let mut inbox = vec![0; pipe.read_size()];
        Some(Box::new(move || {
            let (host, path) = ("server.example.com", "/chat?room=42");
            let request =
                build_request_with_headers(host, path, key, None, None, Some(&origin)).unwrap();
            pipe.give(&request);
            let n = pipe.read_into(&mut inbox);
            let (response, _) = parse_response(&inbox[..n]).unwrap().unwrap();
            assert!(validate_accept_key(key, response.accept.unwrap()));
            black_box((response, protocol(Role::Client)));
        }))
    }

    fn idle(&self, role: Role, _: Pipe) -> Option<(Box<dyn Any>, usize)> {
        let ws = protocol(role);
        let size = size_of_val(&ws);
        Some((Box::new(ws), size))
    }
}

fn protocol(role: Role) -> Protocol {
    let role = match role {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    Protocol::new(role, MAX, MAX)
}

#[allow(clippy::large_enum_variant)]
enum Either {
    Plain(Protocol),
    Compressed(CompressedProtocol),
}

struct Receiving {
    ws: Either,
    pipe: Pipe,
    inbox: BytesMut,
    out: BytesMut,
    messages: Vec<Message>,
}

impl Receive for Receiving {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            let read = self.pipe.take_spare(64 * 1024);
            self.inbox.extend_from_slice(read);
            match &mut self.ws {
                Either::Plain(ws) => ws.process_into(&mut self.inbox, &mut self.messages).unwrap(),
                Either::Compressed(ws) => {
                    ws.process_into(&mut self.inbox, &mut self.messages).unwrap()
                }
            }
            for message in self.messages.drain(..) {
                match message {
                    Message::Text(text) => sink.message(Kind::Text, &text),
                    Message::Binary(data) => sink.message(Kind::Binary, &data),
                    Message::Ping(payload) => {
                        if let Either::Plain(ws) = &mut self.ws {
                            ws.encode_pong(&payload, &mut self.out);
                        }
                        continue;
                    }
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

struct Sending {
    ws: Either,
    /// Sent one after the other, again and again.
    messages: Vec<Message>,
    pipe: Pipe,
    out: BytesMut,
}

impl Sender for Sending {
    fn send(&mut self, messages: usize) {
        for message in self.messages.iter().cycle().take(messages) {
            match &mut self.ws {
                Either::Plain(ws) => ws.encode_message(message, &mut self.out).unwrap(),
                Either::Compressed(ws) => ws.encode_message(message, &mut self.out).unwrap(),
            }
        }
        self.pipe.give(&self.out);
        self.out.clear();
    }
}
