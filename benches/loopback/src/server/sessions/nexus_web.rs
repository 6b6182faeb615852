//! nexus-web: its frame reader, which reads from the socket by itself, and its frame writer into the output.

use super::{Result, Socket, unless_blocked};
use crate::server::event_loop::Session;
use ::nexus_web::ws::{FrameReader, FrameWriter, Message, Role};

pub struct Echo {
    socket: Socket,
    reader: FrameReader,
    writer: FrameWriter,
}

impl Session for Echo {
    fn open(socket: Socket) -> Self {
        let reader = FrameReader::builder().buffer_capacity(128 * 1024).role(Role::Server).build();
        Self { socket, reader, writer: FrameWriter::new(Role::Server) }
    }

    fn ready(&mut self, _: &mut [u8]) -> Result<bool> {
        while let Some(n) = unless_blocked(self.reader.read_from(&mut self.socket))? {
            if n == 0 {
                return Ok(false);
            }
            let mut out = self.socket.out();
            while let Some(message) = self.reader.next()? {
                let at = out.len();
                let mut room = |payload: &[u8], writer: &FrameWriter| {
                    out.resize(at + writer.max_encoded_len(payload.len()), 0);
                };
                let end = match message {
                    Message::Text(text) => {
                        room(text.as_bytes(), &self.writer);
                        self.writer.encode_text(text.as_bytes(), &mut out[at..])
                    }
                    Message::Binary(data) => {
                        room(data, &self.writer);
                        self.writer.encode_binary(data, &mut out[at..])
                    }
                    Message::Ping(payload) => {
                        room(payload, &self.writer);
                        self.writer.encode_pong(payload, &mut out[at..])?
                    }
                    Message::Pong(_) => 0,
                    Message::Close(_) => return Ok(false),
                };
                out.truncate(at + end);
            }
            drop(out);
            if !self.socket.push_out()? {
                return Ok(true);
            }
        }
        Ok(true)
    }
}
