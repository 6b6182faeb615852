//! hybi, as its guide has it: one inbox for the thread, the events drained, then the output written.

use super::{Result, Socket, unless_blocked};
use crate::server::event_loop::Session;
use ::hybi::connection::Transport;
use ::hybi::{Config, Connection, Event, Input, Server};

pub struct Echo {
    socket: Socket,
    ws: Connection<Server>,
}

impl Session for Echo {
    fn open(socket: Socket) -> Self {
        Self { socket, ws: Connection::server(Config::default()) }
    }

    fn ready(&mut self, inbox: &mut [u8]) -> Result<bool> {
        while let Some(n) = unless_blocked(self.socket.read(inbox))? {
            if n == 0 {
                return Ok(false);
            }
            let mut input = Input::new(&mut inbox[..n]);
            let mut out = self.socket.out();
            while let Some(event) = self.ws.receive(&mut input, &mut out)? {
                match event {
                    Event::Text(text) => self.ws.send_text(&text, &mut out)?,
                    Event::Binary(data) => self.ws.send_binary(&data, &mut out)?,
                    _ => {}
                }
            }
            drop(out);
            if !self.socket.push_out()? {
                return Ok(true);
            }
            if self.ws.transport() != Transport::Keep {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
