//! hybi, as its guide shows it: read into an inbox, drain the events, write the outbox. A connection
//! has both only while something is in them; otherwise they belong to the thread.

use super::{Result, Socket, unless_blocked};
use crate::server::event_loop::Session;
use ::hybi::connection::{Data, Transport};
use ::hybi::frame::Header;
use ::hybi::{Config, Connection, Event, Inbox, Input, Outbox, Server};
use std::cell::Cell;
use std::io::{IoSlice, Write};

/// From here on a system call costs less than a copy.
const LARGE: usize = 8 << 10;

type Buffers = Box<(Inbox, Outbox)>;

thread_local! {
    static SPARE: Cell<Option<Buffers>> = const { Cell::new(None) };
}

pub struct Echo {
    socket: Socket,
    ws: Connection<Server>,
    buffers: Option<Buffers>,
}

impl Session for Echo {
    fn open(socket: Socket) -> Self {
        Self { socket, ws: Connection::server(Config::default()), buffers: None }
    }

    fn ready(&mut self, _: &mut [u8]) -> Result<bool> {
        let mut buffers = self.buffers.take().or_else(|| SPARE.take()).unwrap_or_default();
        let (inbox, out) = &mut *buffers;
        let goes_on = self.serve(inbox, out);
        match inbox.is_empty() && out.is_empty() {
            true => SPARE.set(Some(buffers)),
            false => self.buffers = Some(buffers),
        }
        goes_on
    }
}

impl Echo {
    /// Returns whether the connection goes on, once the socket is empty, or full.
    fn serve(&mut self, inbox: &mut Inbox, out: &mut Outbox) -> Result<bool> {
        let mut outcome = Ok(());
        while self.write(out)? {
            if outcome.is_err() || self.ws.transport() != Transport::Keep {
                return Ok(false);
            }
            match unless_blocked(self.socket.read(inbox.room()))? {
                None => return Ok(true),
                Some(0) => return Ok(false),
                Some(n) => inbox.filled(n),
            }
            outcome = self.echo(inbox.input(), out);
        }
        Ok(true)
    }

    fn echo(&mut self, mut input: Input<'_>, out: &mut Outbox) -> Result<()> {
        while let Some(event) = self.ws.receive(&mut input, out)? {
            match event {
                Event::Text(text) => self.send(Data::Text(&text), out)?,
                Event::Binary(data) => self.send(Data::Binary(&data), out)?,
                _ => {} // replies to pings and Close frames are already in `out`
            }
        }
        Ok(())
    }

    /// Sends a message. The socket takes a large one from the inbox, after its header.
    fn send(&mut self, message: Data<'_>, out: &mut Outbox) -> Result<()> {
        let payload = message.as_bytes();
        if payload.len() < LARGE || !self.write(out)? {
            return Ok(self.ws.send(message, out)?);
        }
        self.ws.writer().may_send_message()?;
        let header = Header::new(message.kind().opcode(), payload.len() as u64).encode();
        let slices = [IoSlice::new(&header), IoSlice::new(payload)];
        let sent = unless_blocked(self.socket.write_vectored(&slices))?.unwrap_or(0);
        out.append(header.get(sent..).unwrap_or_default());
        out.append(payload.get(sent.saturating_sub(header.len())..).unwrap_or_default());
        Ok(())
    }

    /// Returns whether the socket has taken everything.
    fn write(&mut self, out: &mut Outbox) -> Result<bool> {
        while !out.is_empty() {
            if unless_blocked(out.write_to(&mut self.socket))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
