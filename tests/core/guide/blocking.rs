use hybi::connection::Transport;
use hybi::{Connection, Event, Inbox, Outbox, Server};
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Serves a connection until it ends. Give the socket time-outs: without them, a peer that vanished
/// keeps the thread for ever.
fn serve(
    mut socket: &TcpStream,
    mut ws: Connection<Server>,
    mut inbox: Inbox,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = Outbox::new();
    let mut outcome = echo(&mut ws, &mut inbox, &mut out); // what came along with the handshake
    loop {
        let written = write(&mut out, socket); // also after an error: it holds our Close frame
        if outcome.is_err() || ws.transport() != Transport::Keep {
            let _ = written.and_then(|()| close(socket)); // how it ended is known without them
            return Ok(outcome?);
        }
        written?;
        let n = retry(|| socket.read(inbox.room()))?;
        inbox.filled(n);
        outcome = if n == 0 {
            ws.end_of_input(&mut out).map_err(Into::into) // the peer vanished: 1006
        } else {
            echo(&mut ws, &mut inbox, &mut out)
        };
    }
}

fn echo(
    ws: &mut Connection<Server>,
    inbox: &mut Inbox,
    out: &mut Outbox,
) -> Result<(), hybi::Error> {
    let mut input = inbox.input();
    while let Some(event) = ws.receive(&mut input, out)? {
        match event {
            Event::Text(text) => ws.send(&text, out)?,
            Event::Binary(data) => ws.send(&data, out)?,
            _ => {} // replies to pings and Close frames are already in `out`
        }
    }
    Ok(())
}

fn write(out: &mut Outbox, socket: &TcpStream) -> io::Result<()> {
    while !out.is_empty() {
        retry(|| out.write_to(socket))?;
    }
    Ok(())
}

/// Gives the peer a second to read all of it: see "Closing a TCP connection".
fn close(mut socket: &TcpStream) -> io::Result<()> {
    let end = Instant::now() + Duration::from_secs(1);
    socket.shutdown(Shutdown::Write)?;
    loop {
        // With no time left, this is an error.
        socket.set_read_timeout(Some(end.saturating_duration_since(Instant::now())))?;
        if retry(|| socket.read(&mut [0; 4096]))? == 0 {
            return Ok(());
        }
    }
}

/// Calls again if a signal has interrupted the call.
fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
