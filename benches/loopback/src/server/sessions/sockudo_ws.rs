//! sockudo-ws: its `Protocol`, which works on buffers, reading into the one that it takes messages from.

use super::{MESSAGE_BYTES_MAX, Result, Socket, unless_blocked};
use crate::server::event_loop::Session;
use ::sockudo_ws::protocol::Protocol;
use ::sockudo_ws::{Message, Role};
use bytes::BytesMut;

const READ_BYTES: usize = 64 << 10;

pub struct Echo {
    socket: Socket,
    ws: Protocol,
    inbox: BytesMut,
    messages: Vec<Message>,
    out: BytesMut,
}

impl Session for Echo {
    fn open(socket: Socket) -> Self {
        let ws = Protocol::new(Role::Server, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX);
        let (inbox, messages, out) = Default::default();
        Self { socket, ws, inbox, messages, out }
    }

    fn ready(&mut self, _: &mut [u8]) -> Result<bool> {
        while let Some(n) = unless_blocked(self.socket.read_buf(&mut self.inbox, READ_BYTES))? {
            if n == 0 {
                return Ok(false);
            }
            self.ws.process_into(&mut self.inbox, &mut self.messages)?;
            for message in self.messages.drain(..) {
                match message {
                    Message::Text(_) | Message::Binary(_) => {
                        self.ws.encode_message(&message, &mut self.out)?
                    }
                    Message::Ping(payload) => self.ws.encode_pong(&payload, &mut self.out),
                    Message::Pong(_) => {}
                    Message::Close(_) => return Ok(false),
                }
            }
            // Written from where it stands; only what the socket does not take is copied.
            self.socket.push_out_with(&[&self.out])?;
            self.out.clear();
            if !self.socket.push_out()? {
                return Ok(true);
            }
        }
        Ok(true)
    }
}
