//! yawc, with SIMD, and buffers as in its own benchmarks: 128 KiB to read, 64 KiB to write.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::{Pipe, now};
use crate::workload::Load;
use ::yawc::{CompressionLevel, Frame, OpCode, Options, Role as TheirRole, WebSocket};
use bytes::Bytes;
use futures::SinkExt;
use std::any::Any;

pub struct Yawc;

impl Peer for Yawc {
    fn name(&self) -> &'static str {
        "yawc"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        let ws = if load.compressed { compressing(pipe) } else { connection(load.role, pipe) };
        Some(Box::new(Receiving(ws)))
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        Some(Box::new(Sending {
            ws: connection(role, pipe),
            frames: vec![Frame::binary(Bytes::from_static(payload))],
        }))
    }

    fn deflating_sender(&self, texts: &[&'static str], pipe: Pipe) -> Option<Box<dyn Sender>> {
        let frames =
            texts.iter().map(|text| Frame::text(Bytes::from_static(text.as_bytes()))).collect();
        Some(Box::new(Sending { ws: compressing(pipe), frames }))
    }

    fn idle(&self, role: Role, pipe: Pipe) -> Option<(Box<dyn Any>, usize)> {
        let ws = connection(role, pipe);
        let size = size_of_val(&ws);
        Some((Box::new(ws), size))
    }
}

fn options() -> Options {
    Options::default()
        .with_utf8()
        .with_limits(16 << 20, 32 << 20)
        .with_read_buffer_capacity(128 << 10)
        .with_write_buffer_capacity(64 << 10)
        .with_backpressure_boundary(64 << 10)
}

fn connection(role: Role, pipe: Pipe) -> WebSocket<Pipe> {
    let role = match role {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    WebSocket::from_stream(pipe, role, options().without_compression()).unwrap()
}

fn compressing(pipe: Pipe) -> WebSocket<Pipe> {
    let level = CompressionLevel::new(super::zlib::LEVEL as u32);
    let options = options().with_compression_level(level);
    WebSocket::from_stream_with_extensions(
        pipe,
        TheirRole::Server,
        Some("permessage-deflate"),
        options,
    )
    .unwrap()
}

struct Receiving(WebSocket<Pipe>);

impl Receive for Receiving {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        let mut received = 0;
        while received < messages {
            let frame = now(self.0.next_frame()).unwrap();
            match frame.opcode() {
                OpCode::Text => sink.message(Kind::Text, frame.payload()),
                OpCode::Binary => sink.message(Kind::Binary, frame.payload()),
                _ => continue,
            }
            received += 1;
        }
    }
}

struct Sending {
    ws: WebSocket<Pipe>,
    /// Sent one after the other, again and again.
    frames: Vec<Frame>,
}

impl Sender for Sending {
    fn send(&mut self, messages: usize) {
        now(async {
            for frame in self.frames.iter().cycle().take(messages) {
                self.ws.feed(frame.clone()).await.unwrap();
            }
            self.ws.flush().await.unwrap();
        });
    }
}
