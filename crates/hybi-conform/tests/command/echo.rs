//! An echo server that can be broken: hybi's core, between hooks that change what it reads and
//! writes.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::TcpStream;

use hybi::connection::Transport;
use hybi::handshake::{Acceptance, HeadLimits};
use hybi::{Connection, Event, Input, Outbox, Server, ServerHandshake};

/// The hooks. Those that a fault does not need change nothing.
pub(crate) trait Fault: Copy {
    fn limits(self) -> HeadLimits {
        HeadLimits::default()
    }

    /// Changes bytes of the request.
    fn request(self, _bytes: &mut Vec<u8>) {}

    /// Changes the response.
    fn response(self, _bytes: &mut Vec<u8>) {}

    /// Changes bytes that came after the handshake. An error ends the server.
    fn incoming(self, _bytes: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    /// Changes what the server answers to bytes that came after the handshake.
    fn outgoing(self, _read: &[u8], _bytes: &mut Vec<u8>) {}

    /// Is called when the peer has ended its output (`UnexpectedEof`), or when reading or writing
    /// has failed. An error ends the server.
    fn lost(self, _kind: ErrorKind) -> Result<()> {
        Ok(())
    }

    /// Returns whether the server ends the transport when the connection is over.
    fn ends_transport(self) -> bool {
        true
    }
}

/// Serves one client.
///
/// # Errors
///
/// The fault ends the server.
pub(crate) fn echo(fault: impl Fault, mut stream: TcpStream) -> Result<()> {
    let mut handshake = ServerHandshake::new(fault.limits());
    let mut connection: Option<Connection<Server>> = None;
    let (mut out, mut buffer) = (Outbox::new(), vec![0; 64 << 10]);
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(0) => return fault.lost(ErrorKind::UnexpectedEof),
            Ok(len) => &buffer[..len],
            Err(error) => return fault.lost(error.kind()),
        };
        let mut changed = read.to_vec();
        let is_opening = connection.is_none();
        if is_opening {
            fault.request(&mut changed);
        } else {
            fault.incoming(&mut changed)?;
        }
        let mut input = Input::new(&mut changed);
        let mut is_over = false;
        if is_opening {
            match handshake.receive(&mut input, &mut out) {
                Ok(None) => continue,
                Ok(Some(request)) => {
                    let terms = Acceptance::from_any_origin();
                    connection = handshake.accept(&request, &terms, &mut out).ok();
                    is_over = connection.is_none();
                }
                Err(_) => is_over = true,
            }
        }
        if let Some(connection) = &mut connection {
            loop {
                match connection.receive(&mut input, &mut out) {
                    Ok(Some(Event::Text(text))) => connection.send(&text, &mut out).unwrap(),
                    Ok(Some(Event::Binary(data))) => connection.send(&data, &mut out).unwrap(),
                    Ok(Some(_)) | Err(_) => {}
                    Ok(None) => break,
                }
            }
            is_over = connection.transport() == Transport::Close;
        }
        let mut written = out.take();
        if is_opening {
            fault.response(&mut written);
        } else {
            fault.outgoing(read, &mut written);
        }
        if let Err(error) = stream.write_all(&written) {
            return fault.lost(error.kind());
        }
        if is_over && fault.ends_transport() {
            return Ok(());
        }
    }
}
