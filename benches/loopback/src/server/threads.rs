//! A thread per connection, blocking.

use super::sessions::bare;
use super::{ANSWER, MESSAGE_BYTES_MAX, Result, listen};
use hybi::blocking::{self, Hub, HubConfig};
use hybi::handshake::Acceptance;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

/// A connection that fails ends its thread and nothing else.
fn serve(echo: fn(TcpStream) -> Result<()>) -> Result<()> {
    let listener = listen()?;
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        thread::spawn(move || {
            let _ = echo(stream);
        });
    }
}

pub fn serve_hybi() -> Result<()> {
    serve(|stream| {
        let pending = blocking::receive_request(stream)?;
        let mut ws = pending.accept(&Acceptance::from_same_origin())?;
        while let Some(message) = ws.receive()? {
            ws.feed(&message)?;
        }
        Ok(())
    })
}

/// The handler answers its own client, so the thread that writes for others has nothing to do.
pub fn serve_hub() -> Result<()> {
    let config = HubConfig::default().connections_max(usize::MAX);
    Ok(Hub::new(config).serve(listen()?, |arrival| {
        let mut session = arrival.accept(&Acceptance::from_same_origin())?;
        while let Some(message) = session.receive()? {
            session.feed(&message)?;
        }
        Ok(())
    })?)
}

/// The cost of threads: one read, one write, and the echo without any checks between them.
pub fn serve_bare() -> Result<()> {
    serve(|mut stream| {
        receive_head(&mut stream)?;
        stream.write_all(ANSWER)?;
        let (mut inbox, mut out) = (vec![0; 64 << 10], Vec::new());
        let mut len = 0;
        loop {
            match stream.read(&mut inbox[len..])? {
                0 => return Ok(()),
                n => len += n,
            }
            let (used, goes_on) = bare::echo(&inbox[..len], &mut out);
            inbox.copy_within(used..len, 0);
            len -= used;
            if len == inbox.len() {
                inbox.resize(2 * len, 0);
            }
            if !out.is_empty() {
                stream.write_all(&out)?;
                out.clear();
            }
            if !goes_on {
                return Ok(());
            }
        }
    })
}

fn receive_head(stream: &mut TcpStream) -> Result<()> {
    let (mut head, mut piece) = (Vec::new(), [0; 512]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Err("it has left".into()),
            n => head.extend_from_slice(&piece[..n]),
        }
    }
    Ok(())
}

/// It cannot tell whether another message has arrived already, so each echo is flushed.
pub fn serve_tungstenite() -> Result<()> {
    use tungstenite::protocol::{Role, WebSocketConfig};
    serve(|mut stream| {
        receive_head(&mut stream)?;
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
