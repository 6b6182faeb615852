//! hybi's core as a program for `hybi-conform exec`: bytes in and bytes out, without a socket.

use std::io::{self, Read, Write};
use std::process::exit;

use hybi::connection::Transport;
use hybi::extension::{Offers, deflate};
use hybi::{Config, Connection, Event, Input, Outbox, Role};

/// Answers until the input ends. With the fault `crash`, it ends at a message of 126 bytes; with
/// `extend`, it agrees to an extension that nobody offers.
pub(crate) fn run(fault: Option<&str>) -> io::Result<()> {
    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    let mut peer: Option<Box<dyn Peer>> = None;
    let mut has_closed = false;
    let mut head = [0; 5];
    while stdin.read_exact(&mut head).is_ok() {
        let [kind, length @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes(length) as usize];
        stdin.read_exact(&mut payload)?;
        match (kind, &mut peer) {
            (b'O', peer) => {
                let text = String::from_utf8_lossy(&payload);
                let (role, value) = text.split_once('\n').unwrap_or((&text, ""));
                let (opened, agreed) = open(role, value);
                *peer = Some(opened);
                has_closed = false;
                let agreed = if fault == Some("extend") { "permessage-foo" } else { &*agreed };
                say(&mut stdout, b'A', agreed.as_bytes())?;
            }
            (b'D', Some(peer)) if !has_closed => {
                if fault == Some("crash") && payload.len() == 134 {
                    exit(7);
                }
                let mut out = Outbox::new();
                peer.receive(&mut payload, &mut out);
                say(&mut stdout, b'D', &out.take())?;
                has_closed = peer.transport() == Transport::Close;
                if has_closed {
                    say(&mut stdout, b'C', b"")?;
                }
            }
            // The end of the input.
            (b'E', Some(_)) if !has_closed => {
                has_closed = true;
                say(&mut stdout, b'C', b"")?;
            }
            _ => {}
        }
        say(&mut stdout, b'R', b"")?;
        stdout.flush()?;
    }
    Ok(())
}

fn say(stdout: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let len = u32::try_from(payload.len()).map_err(io::Error::other)?;
    stdout.write_all(&[kind])?;
    stdout.write_all(&len.to_be_bytes())?;
    stdout.write_all(payload)
}

/// Opens a connection, and returns the extension that is agreed, if there is one.
fn open(role: &str, value: &str) -> (Box<dyn Peer>, String) {
    let deflate = deflate::DeflateConfig::default().compress_from(0);
    let mut offers = Offers::new(value.as_bytes()).flatten();
    if role == "server" {
        let server = Connection::server(Config::default());
        match deflate::respond(&deflate, offers) {
            Some(agreed) => (Box::new(server.with_deflate(&agreed, &deflate)), agreed.to_string()),
            None => (Box::new(server), String::new()),
        }
    } else {
        let client = Connection::client(Config::default());
        let agreed = offers.next().and_then(|it| deflate::conclude(&deflate, &it).ok());
        match agreed {
            Some(agreed) => (Box::new(client.with_deflate(&agreed, &deflate)), value.to_owned()),
            None => (Box::new(client), String::new()),
        }
    }
}

/// A connection of either role, which sends every message back.
trait Peer {
    fn receive(&mut self, bytes: &mut [u8], out: &mut Outbox);
    fn transport(&self) -> Transport;
}

impl<R: Role> Peer for Connection<R> {
    fn receive(&mut self, bytes: &mut [u8], out: &mut Outbox) {
        let mut input = Input::new(bytes);
        loop {
            // Sending fails if the connection is over, and then there is nobody to tell.
            let _ = match self.receive(&mut input, out) {
                Ok(Some(Event::Text(text))) => self.send(&text, out),
                Ok(Some(Event::Binary(data))) => self.send(&data, out),
                Ok(Some(_)) | Err(_) => Ok(()),
                Ok(None) => return,
            };
        }
    }

    fn transport(&self) -> Transport {
        Connection::transport(self)
    }
}
