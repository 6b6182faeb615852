//! nago-wss, over a stream that has both of its fast paths, and its `write_all` for batches.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::{Pipe, now};
use crate::workload::Load;
use ::nago_wss::conn::{Connection, Role as TheirRole};
use ::nago_wss::proto::{Limits, Message};
use ::nago_wss::stream::{ByteStream, Errno, StreamExt};
use bytes::{Bytes, BytesMut};
use std::any::Any;

pub struct NagoWss;

impl Peer for NagoWss {
    fn name(&self) -> &'static str {
        "nago-wss"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        (!load.compressed)
            .then(|| Box::new(Receiving { ws: connection(load.role, &pipe), pipe }) as _)
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        Some(Box::new(Sending {
            ws: connection(role, &pipe),
            payload: Bytes::from_static(payload),
        }))
    }

    fn acceptor(&self, pipe: Pipe) -> Option<Box<dyn FnMut()>> {
        Some(Box::new(move || {
            let select = |_: &_| (None, Vec::new());
            now(::nago_wss::upgrade::accept(pipe.clone(), Limits::default(), &[], select))
                .map_err(drop)
                .unwrap();
        }))
    }

    fn idle(&self, role: Role, pipe: Pipe) -> Option<(Box<dyn Any>, usize)> {
        let ws = Connection::new(pipe, their(role), Limits::default());
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

fn connection(role: Role, pipe: &Pipe) -> Connection<Pipe> {
    let limits = Limits { max_frame: 16 << 20, max_message: 16 << 20 };
    Connection::new(pipe.clone(), their(role), limits)
}

impl ByteStream for Pipe {
    #[inline]
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self.read_into(buffer) {
            0 => std::future::pending().await,
            n => Ok(n),
        }
    }

    #[inline]
    async fn write_all(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.give(bytes);
        Ok(())
    }
}

impl StreamExt for Pipe {
    #[inline]
    async fn read_buf(&mut self, buffer: &mut BytesMut) -> Result<usize, Errno> {
        match self.take_spare(buffer.capacity() - buffer.len()) {
            [] => std::future::pending().await,
            bytes => {
                buffer.extend_from_slice(bytes);
                Ok(bytes.len())
            }
        }
    }

    #[inline]
    async fn write_all_vectored(&mut self, header: &[u8], payload: &[u8]) -> Result<(), Errno> {
        self.give(header);
        self.give(payload);
        Ok(())
    }
}

struct Receiving {
    ws: Connection<Pipe>,
    pipe: Pipe,
}

impl Receive for Receiving {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            match now(self.ws.read()).unwrap().unwrap() {
                Message::Text(text) => sink.message(Kind::Text, &text),
                Message::Binary(data) => sink.message(Kind::Binary, &data),
                Message::Ping(payload) => {
                    now(self.ws.pong(payload)).unwrap();
                    continue;
                }
                _ => continue,
            }
            received += 1;
        }
        self.pipe.push_out();
    }
}

struct Sending {
    ws: Connection<Pipe>,
    payload: Bytes,
}

impl Sender for Sending {
    fn send(&mut self, messages: usize) {
        let batch = (0..messages).map(|_| Message::Binary(self.payload.clone()));
        now(self.ws.write_all(batch)).unwrap();
    }
}
