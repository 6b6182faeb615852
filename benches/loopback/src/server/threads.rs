//! A thread per connection, blocking.

use super::{ANSWER, MESSAGE_BYTES_MAX, Result};
use hybi::blocking;
use hybi::handshake::Acceptance;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// A connection that fails ends its thread and nothing else.
fn serve(listener: &TcpListener, echo: fn(TcpStream) -> Result<()>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        thread::spawn(move || {
            let _ = echo(stream);
        });
    }
}

pub fn serve_hybi(listener: TcpListener) -> Result<()> {
    serve(&listener, |stream| {
        let pending = blocking::receive_request(stream)?;
        let mut ws = pending.accept(&Acceptance::from_same_origin())?;
        while let Some(message) = ws.receive()? {
            ws.feed(&message)?;
        }
        Ok(())
    })
}

/// It cannot tell whether another message has arrived already, so each echo is flushed.
pub fn serve_tungstenite(listener: TcpListener) -> Result<()> {
    use tungstenite::protocol::{Role, WebSocketConfig};
    serve(&listener, |mut stream| {
        let (mut head, mut piece) = (Vec::new(), [0; 512]);
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut piece)? {
                0 => return Ok(()),
                n => head.extend_from_slice(&piece[..n]),
            }
        }
        stream.write_all(ANSWER)?;
        let config = WebSocketConfig::default().max_frame_size(Some(MESSAGE_BYTES_MAX));
        let mut ws = tungstenite::WebSocket::from_raw_socket(stream, Role::Server, Some(config));
        loop {
            match ws.read()? {
                message if message.is_text() || message.is_binary() => ws.send(message)?,
                _ => {}
            }
        }
    })
}
