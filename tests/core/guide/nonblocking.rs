use hybi::connection::Transport;
use hybi::keepalive::Keepalive;
use hybi::{Connection, Event, Inbox, Outbox, Server};
use std::io::{self, ErrorKind, Read, Write};
use std::task::Poll;
use std::time::Duration;

type Buffers = Box<(Inbox, Outbox)>;
type Ended = Result<(), Box<dyn std::error::Error>>;

/// A socket that does not block.
trait Socket: Read + Write {
    fn shut_down_writing(&mut self) -> io::Result<()>;
}

/// A connection of an event loop.
struct Peer<S> {
    socket: S,
    ws: Connection<Server>,
    keepalive: Keepalive,
    wake: Option<Duration>,           // when to call `on_ready` at the latest
    readable: bool,                   // until a read would block, also while we do not read
    kept: Option<Buffers>,            // while they hold bytes; at first, those of the handshake
    outcome: Result<(), hybi::Error>, // returned once the peer has been told
    shut_down: bool,
}

impl<S: Socket> Peer<S> {
    /// Call it at first, when the socket is ready, and when it is time to `wake`. `now` is the time
    /// since any fixed moment. Drop the peer after `Ready`.
    fn on_ready(
        &mut self,
        readable: bool,
        now: Duration,
        spare: &mut Option<Buffers>,
    ) -> Poll<Ended> {
        self.readable |= readable;
        let kept = self.kept.take().or_else(|| spare.take());
        let mut buffers = kept.unwrap_or_else(|| Box::new((Inbox::new(), Outbox::new())));
        let (inbox, out) = &mut *buffers;
        let turn = self.turn(now, inbox, out);
        out.shrink_to(64 << 10); // if it is empty
        let place = if inbox.is_empty() && out.is_empty() { spare } else { &mut self.kept };
        *place = Some(buffers);
        match turn {
            Poll::Ready(Err(error)) if self.outcome.is_ok() && !self.shut_down => Err(error).into(),
            turn => turn.map(|_| Ok(self.outcome?)),
        }
    }

    fn turn(&mut self, now: Duration, inbox: &mut Inbox, out: &mut Outbox) -> Poll<Ended> {
        for _ in 0..16 {
            self.outcome = self.outcome.and(self.echo(inbox, out));
            let written = self.write(out)?;
            self.wake = self.keepalive.poll(now, &mut self.ws, out)?;
            if written && !out.is_empty() {
                continue; // a ping, or a pong that was held back
            }
            let ended = self.outcome.is_err() || self.ws.transport() != Transport::Keep;
            if written && ended && !self.shut_down {
                self.shut_down = true; // then reads to the end, or a deadline of `keepalive`
                self.socket.shut_down_writing()?;
            }
            if !written || !self.readable {
                return Poll::Pending; // it reads nothing while its answers wait
            }
            match unless_blocked(|| self.socket.read(inbox.room()))? {
                None => self.readable = false,
                Some(0) => {
                    let ended = self.ws.end_of_input(out);
                    self.write(out)?;
                    return Poll::Ready(Ok(ended?));
                }
                Some(n) => {
                    inbox.filled(n);
                    self.keepalive.heard(now);
                }
            }
        }
        self.wake = Some(now); // after the other connections
        Poll::Pending
    }

    fn echo(&mut self, inbox: &mut Inbox, out: &mut Outbox) -> Result<(), hybi::Error> {
        let mut input = inbox.input();
        while let Some(event) = self.ws.receive(&mut input, out)? {
            match event {
                Event::Text(text) => self.ws.send(&text, out)?,
                Event::Binary(data) => self.ws.send(&data, out)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns whether the socket has taken everything.
    fn write(&mut self, out: &mut Outbox) -> io::Result<bool> {
        while !out.is_empty() {
            if unless_blocked(|| out.write_to(&mut self.socket))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn unless_blocked(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            result => return result.map(Some),
        }
    }
}
