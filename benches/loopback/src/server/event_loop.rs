//! The minimal event loop: one thread, one `mio::Poll`, the same for everybody.

use super::socket::Socket;
use super::{ANSWER, Result, listen};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Registry, Token};
use std::io;

/// How much the thread reads at once, for sessions that need no buffer of their own to read into.
const INBOX_BYTES: usize = 64 << 10;
const LISTENER: Token = Token(usize::MAX);

/// A connection of one implementation, behind its opening handshake, that echoes messages.
pub trait Session {
    fn open(socket: Socket) -> Self;

    /// The socket may have bytes, and everything written before has gone out: reads until it would block, and
    /// echoes. `inbox` belongs to the thread. `false`: the connection is over.
    fn ready(&mut self, inbox: &mut [u8]) -> Result<bool>;
}

struct Connection<S> {
    socket: Socket,
    stage: Stage<S>,
}

enum Stage<S> {
    /// What has arrived of the request.
    Opening(Vec<u8>),
    Open(S),
}

pub fn serve<S: Session>() -> Result<()> {
    let listener = listen()?;
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut connections: Vec<Option<Box<Connection<S>>>> = Vec::new();
    let mut free = Vec::new();
    let mut inbox = vec![0; INBOX_BYTES];
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            let Token(at) = event.token();
            if event.token() == LISTENER {
                accept(&listener, poll.registry(), &mut connections, &mut free)?;
            } else if let Some(connection) = &mut connections[at] {
                connection.socket.woken(event);
                // An error here ends the connection, as it would for any server.
                if !connection.ready(&mut inbox).unwrap_or(false) {
                    connections[at] = None;
                    free.push(at);
                }
            }
        }
    }
}

fn accept<S>(
    listener: &TcpListener,
    registry: &Registry,
    connections: &mut Vec<Option<Box<Connection<S>>>>,
    free: &mut Vec<usize>,
) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        let at = free.pop().unwrap_or_else(|| {
            connections.push(None);
            connections.len() - 1
        });
        let socket = Socket::registered(stream, registry, Token(at))?;
        connections[at] = Some(Box::new(Connection { socket, stage: Stage::Opening(Vec::new()) }));
    }
}

impl<S: Session> Connection<S> {
    fn ready(&mut self, inbox: &mut [u8]) -> Result<bool> {
        // A peer that does not read is not read from.
        if !self.socket.push_out()? {
            return Ok(true);
        }
        match &mut self.stage {
            Stage::Open(session) => session.ready(inbox),
            Stage::Opening(head) => {
                match self.socket.read(inbox) {
                    Ok(0) => return Ok(false),
                    Ok(n) => head.extend_from_slice(&inbox[..n]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                    Err(error) => return Err(error.into()),
                }
                if head.ends_with(b"\r\n\r\n") {
                    self.socket.out().extend_from_slice(ANSWER);
                    self.socket.push_out()?;
                    self.stage = Stage::Open(S::open(self.socket.clone()));
                }
                Ok(true)
            }
        }
    }
}
