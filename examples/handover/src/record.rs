//! The format of what an old process writes and a new one reads. All numbers are big-endian.
//!
//! | record | payload |
//! |---|---|
//! | hello | the oldest and the newest version of the format that are read, 2 bytes each |
//! | listener | the version of the format, 2 bytes; the number of the next connection, 8 bytes |
//! | user | the number of a connection in the chat, 8 bytes; the user's name |
//! | connection | its number, 8 bytes; what it is, 1 byte; the rest depends on that |
//! | … 0, in its opening handshake | all bytes that were read |
//! | … 1, an echo | hybi's records: connection, inbox, outbox, keep-alive |
//! | … 2, in the chat | hybi's records; a line that the chat has not heard yet, or nothing |
//! | end | how many connections there were, 8 bytes |
//! | left | the number of a connection in the chat that has ended in the old process, 8 bytes |
//!
//! Give it a new version with every change, and let the new program read the old versions as well
//! as long as processes run that write them.

use std::error::Error;
use std::ops::RangeInclusive;
use std::time::Duration;

use hybi::export::ExportError;
use hybi::keepalive::{Keepalive, KeepaliveConfig};
use hybi::{Connection, Inbox, Outbox, Server};
use mio::net::TcpStream;

use crate::door::App;
use crate::peer::{Open, Peer, Stage};

/// The version that this program writes.
pub(crate) const FORMAT: u16 = 1;
/// The versions that it reads.
pub(crate) const FORMATS_READ: RangeInclusive<u16> = 1..=1;

const OPENING: u8 = 0;
const ECHO: u8 = 1;
const CHAT: u8 = 2;

/// The bytes of a hello.
pub(crate) const HELLO_BYTES: usize = 4;

pub(crate) fn hello() -> Vec<u8> {
    [FORMATS_READ.start().to_be_bytes(), FORMATS_READ.end().to_be_bytes()].concat()
}

/// Reads a hello: returns which versions the new process reads.
pub(crate) fn read_hello(payload: &[u8]) -> Option<RangeInclusive<u16>> {
    let (oldest, newest) = payload.split_first_chunk()?;
    Some(u16::from_be_bytes(*oldest)..=u16::from_be_bytes(newest.try_into().ok()?))
}

pub(crate) fn listener(next_number: u64) -> Vec<u8> {
    [&FORMAT.to_be_bytes()[..], &next_number.to_be_bytes()].concat()
}

/// Reads the payload of the listener: returns the number of the next connection.
pub(crate) fn read_listener(payload: &[u8]) -> Result<u64, Box<dyn Error>> {
    let (format, number) = payload.split_first_chunk().ok_or("a listener without a version")?;
    let format = u16::from_be_bytes(*format);
    if !FORMATS_READ.contains(&format) {
        return Err(format!("the old process writes format {format}").into());
    }
    Ok(u64::from_be_bytes(number.try_into()?))
}

pub(crate) fn user(number: u64, name: &str) -> Vec<u8> {
    [&number.to_be_bytes(), name.as_bytes()].concat()
}

pub(crate) fn read_user(payload: &[u8]) -> Result<(u64, &str), Box<dyn Error>> {
    let (number, name) = payload.split_first_chunk().ok_or("a user without a number")?;
    Ok((u64::from_be_bytes(*number), str::from_utf8(name)?))
}

/// Writes a connection, and the line that was its last in the chat. Returns `None` if it is about
/// to end: it may do so where it is.
pub(crate) fn connection(
    number: u64,
    peer: &Peer,
    line: &str,
    now: Duration,
) -> Result<Option<Vec<u8>>, ExportError> {
    let mut bytes = number.to_be_bytes().to_vec();
    match &peer.stage {
        Stage::Opening { head, .. } => {
            bytes.push(OPENING);
            bytes.extend_from_slice(head);
            bytes.extend_from_slice(peer.inbox.unread()); // until the next turn
        }
        Stage::Open(open) if open.is_open() => {
            bytes.push(match open.app {
                App::Echo => ECHO,
                App::Chat => CHAT,
            });
            open.ws.export(&mut bytes)?;
            peer.inbox.export(&mut bytes);
            peer.out.export(&mut bytes);
            open.keepalive.export(now, peer.out.progress(), &mut bytes);
            bytes.extend_from_slice(line.as_bytes());
        }
        Stage::Open(_) | Stage::Answered { .. } => return Ok(None),
    }
    Ok(Some(bytes))
}

/// Reads a connection: its number, itself, and its last line in the chat.
pub(crate) fn read_connection(
    payload: &[u8],
    socket: TcpStream,
    now: Duration,
) -> Result<(u64, Peer, &str), Box<dyn Error>> {
    let (number, rest) = payload.split_first_chunk().ok_or("a connection without a number")?;
    let number = u64::from_be_bytes(*number);
    let (app, mut rest) = match rest.split_first() {
        Some((&OPENING, head)) => {
            let mut peer = Peer::new(socket, now);
            peer.inbox.append(head);
            return Ok((number, peer, ""));
        }
        Some((&ECHO, rest)) => (App::Echo, rest),
        Some((&CHAT, rest)) => (App::Chat, rest),
        _ => return Err("a connection of no known sort".into()),
    };
    let ws = Connection::import(Server, &app.config(), &mut rest)?;
    let inbox = Inbox::import(&mut rest)?;
    let out = Outbox::import(&mut rest)?;
    let keepalive = Keepalive::import(KeepaliveConfig::default(), now, out.progress(), &mut rest)?;
    let mut peer = Peer::at(Stage::Open(Box::new(Open::new(ws, keepalive, app))), socket);
    (peer.inbox, peer.out) = (inbox, out);
    Ok((number, peer, str::from_utf8(rest)?))
}

/// Writes a payload that is only a number.
pub(crate) fn number(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// Reads the number at the beginning of a payload; 0, which no connection has, if there is none.
pub(crate) fn read_number_before(payload: &[u8]) -> u64 {
    payload.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

pub(crate) fn read_number(payload: &[u8]) -> Result<u64, Box<dyn Error>> {
    Ok(u64::from_be_bytes(payload.try_into()?))
}
