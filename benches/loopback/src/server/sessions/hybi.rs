//! hybi, as its guide has it: one inbox for the thread, the events drained, then the output written; large messages behind
//! their header, uncopied.

use super::{Result, Socket, unless_blocked};
use crate::server::event_loop::Session;
use ::hybi::connection::{Data, Transport};
use ::hybi::{Config, Connection, Event, Input, Server};

/// From here on a system call costs less than a copy.
const LARGE: usize = 8 << 10;

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
            loop {
                let event = self.ws.receive(&mut input, &mut self.socket.out())?;
                match event {
                    Some(Event::Text(text)) => self.echo(Data::Text(&text))?,
                    Some(Event::Binary(data)) => self.echo(Data::Binary(&data))?,
                    Some(_) => {}
                    None => break,
                }
            }
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

impl Echo {
    fn echo(&mut self, message: Data<'_>) -> Result<()> {
        if message.as_bytes().len() < LARGE {
            self.ws.send(message, &mut self.socket.out())?;
        } else {
            let header = self.ws.header(message)?;
            self.socket.push_out_with(&[&header, message.as_bytes()])?;
        }
        Ok(())
    }
}
