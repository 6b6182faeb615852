//! hybi, as its guide shows it: one read buffer for the thread, the events drained, then the output
//! written; large messages after their header, uncopied.

use super::{Result, Socket, unless_blocked};
use crate::server::event_loop::Session;
use ::hybi::connection::{Data, Transport};
use ::hybi::frame::Header;
use ::hybi::{Config, Connection, Event, Input, Outbox, Server};
use std::cell::Cell;
use std::io::{IoSlice, Write};

/// From here on a system call costs less than a copy.
const LARGE: usize = 8 << 10;
/// The memory for output that the thread keeps.
const SPARE_BYTES: usize = 4 << 20;

thread_local! {
    /// The outbox of the connection that writes next: idle connections have no memory for output.
    static SPARE: Cell<Outbox> = const { Cell::new(Outbox::new()) };
}

pub struct Echo {
    socket: Socket,
    ws: Connection<Server>,
    /// Has memory only while the socket is full.
    out: Outbox,
}

impl Session for Echo {
    fn open(socket: Socket) -> Self {
        Self { socket, ws: Connection::server(Config::default()), out: Outbox::new() }
    }

    fn ready(&mut self, inbox: &mut [u8]) -> Result<bool> {
        if !self.out.is_empty() && !self.push_out()? {
            return Ok(true);
        }
        while let Some(n) = unless_blocked(self.socket.read(inbox))? {
            if n == 0 {
                return Ok(false);
            }
            if self.out.is_empty() {
                self.out = SPARE.take();
            }
            let mut input = Input::new(&mut inbox[..n]);
            while let Some(event) = self.ws.receive(&mut input, &mut self.out)? {
                match event {
                    Event::Text(text) => self.echo(Data::Text(&text))?,
                    Event::Binary(data) => self.echo(Data::Binary(&data))?,
                    _ => {}
                }
            }
            if !self.push_out()? {
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
        let payload = message.as_bytes();
        if payload.len() < LARGE || !self.write()? {
            return Ok(self.ws.send(message, &mut self.out)?);
        }
        self.ws.writer().may_send_message()?;
        let header = Header::new(message.kind().opcode(), payload.len() as u64).encode();
        let slices = [IoSlice::new(&header), IoSlice::new(payload)];
        let sent = unless_blocked(self.socket.write_vectored(&slices))?.unwrap_or(0);
        self.out.append(header.get(sent..).unwrap_or_default());
        self.out.append(payload.get(sent.saturating_sub(header.len())..).unwrap_or_default());
        Ok(())
    }

    /// Writes the output, and gives its memory back. Returns whether all of it was taken.
    fn push_out(&mut self) -> Result<bool> {
        let all = self.write()?;
        if all {
            let mut spare = std::mem::take(&mut self.out);
            spare.shrink_to(SPARE_BYTES);
            SPARE.set(spare);
        }
        Ok(all)
    }

    fn write(&mut self) -> Result<bool> {
        while !self.out.is_empty() {
            if unless_blocked(self.out.write_to(&mut self.socket))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
