//! The memory of `blocking`: little while a connection is idle, and of a large message bounded
//! memory on both sides.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use hybi::Inbox;
use hybi::blocking::{self, Acceptor, Error, Stream, TryClone, WebSocket};
use hybi::frame::{Header, OpCode};

use super::*;

/// How much of a message passes: far more than a whole one may have.
const LONG: u64 = 64 << 20;

/// More than this is never held, whatever the length of the message: some reads of 64 KiB.
const HELD_MAX: usize = 512 << 10;

/// A stream that makes what it reads as it is read: a header, then zeros. What is written is
/// counted, and dropped.
struct Generated {
    header: Vec<u8>,
    zeros: u64,
    written: u64,
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.header.is_empty() {
            let n = self.header.len().min(buffer.len());
            buffer[..n].copy_from_slice(&self.header[..n]);
            self.header.drain(..n);
            return Ok(n);
        }
        let n = buffer.len().min(usize::try_from(self.zeros).unwrap_or(usize::MAX));
        buffer[..n].fill(0);
        self.zeros -= n as u64;
        Ok(n)
    }
}

impl Write for Generated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Generated {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

/// A server to which a client sends a long message in one frame.
fn server(opcode: OpCode) -> WebSocket<Generated, hybi::Server> {
    // With this key the payload is masked to itself.
    let header = Header { masking_key: Some([0; 4]), ..Header::new(opcode, LONG) };
    let stream = Generated { header: header.encode().to_vec(), zeros: LONG, written: 0 };
    WebSocket::new(stream, Connection::server(Config::default()), Inbox::new())
}

#[test]
fn a_long_message_in_chunks_is_never_held() {
    for opcode in [OpCode::BINARY, OpCode::TEXT] {
        for pieces in [false, true] {
            let mut ws = server(opcode);
            ws.set_chunked_bytes_max(LONG);
            let mut total = 0;
            let (_, held, ()) = allocations(|| {
                loop {
                    let chunk = match pieces {
                        false => ws.receive_chunk(),
                        true => ws.receive_up_to(10_000), // no divisor of a read's length
                    };
                    let chunk = chunk.unwrap().unwrap();
                    total += chunk.data.as_bytes().len() as u64;
                    if chunk.last {
                        break;
                    }
                }
            });
            assert_eq!(total, LONG);
            assert!(held <= HELD_MAX, "{held} bytes for {opcode:?}, pieces: {pieces}");
        }
    }
}

#[test]
fn a_long_message_in_parts_is_never_held_by_its_sender() {
    let stream = Generated { header: Vec::new(), zeros: 0, written: 0 };
    let connection = Connection::client_with_keys(Config::default(), || KEY);
    let mut ws = WebSocket::new(stream, connection, Inbox::new());
    let part = [0; 64 << 10];
    let (_, held, ()) = allocations(|| {
        for _ in 0..LONG / part.len() as u64 {
            ws.send_part(&part).unwrap();
        }
        ws.send_last_part(b"").unwrap();
    });
    assert!(ws.stream().written > LONG);
    assert!(held <= HELD_MAX, "{held} bytes");
}

/// The way that a program should not take: this shows that the test above would see it.
#[test]
fn a_piece_that_is_as_long_as_the_message_is_held() {
    let mut ws = server(OpCode::BINARY);
    ws.set_chunked_bytes_max(LONG);
    let (_, held, chunk) = allocations(|| ws.receive_up_to(usize::MAX).unwrap().unwrap());
    assert_eq!((chunk.data.as_bytes().len() as u64, chunk.last), (LONG, true));
    assert!(held as u64 >= LONG);
}

#[test]
fn a_piece_without_memory_for_it_is_shorter_and_the_program_goes_on() {
    let mut ws = server(OpCode::BINARY);
    ws.set_chunked_bytes_max(LONG);
    LARGEST.set(2 << 20);
    let mut total = 0;
    while total < LONG {
        let chunk = ws.receive_up_to(usize::MAX);
        let Ok(Some(chunk)) = chunk else {
            LARGEST.set(usize::MAX);
            panic!("{chunk:?}");
        };
        total += chunk.data.as_bytes().len() as u64;
    }
    LARGEST.set(usize::MAX);
}

#[cfg(feature = "deflate")]
#[test]
fn a_long_compressed_message_in_chunks_is_never_held() {
    use hybi::extension::deflate::{Compression, DeflateConfig, respond};
    let agree = |offers: &[u8]| {
        let offers: Vec<_> = hybi::extension::Offers::new(offers).map(Result::unwrap).collect();
        respond(&DeflateConfig::default(), offers).unwrap()
    };
    let (agreed, config) = (agree(b"permessage-deflate"), DeflateConfig::default());
    // Compressed, it is short enough to be kept here.
    let keys: fn() -> [u8; 4] = || KEY;
    let mut client = Connection::client_with_keys(Config::default(), keys)
        .with_deflate(&agreed, &config.level(9));
    client.writer().set_compression(Compression::Always);
    let (part, mut out) = (vec![0; 1 << 20], Outbox::new());
    for _ in 0..LONG / part.len() as u64 {
        client.send_part(&part, &mut out).unwrap();
    }
    client.send_last_part(b"", &mut out).unwrap();
    let stream = Generated { header: out.take(), zeros: 0, written: 0 };
    let connection = Connection::server(Config::default()).with_deflate(&agreed, &config);
    let mut ws = WebSocket::new(stream, connection, Inbox::new());
    ws.set_chunked_bytes_max(LONG);
    let mut total = 0;
    let (_, held, ()) = allocations(|| {
        while let Some(chunk) = ws.receive_chunk().unwrap() {
            total += chunk.data.as_bytes().len() as u64;
            if chunk.last {
                break;
            }
        }
    });
    assert_eq!(total, LONG);
    assert!(held <= HELD_MAX, "{held} bytes");
}

// ---- idle connections

/// An idle connection holds at most as much, whatever it has done before.
pub(super) const IDLE_BYTES_MAX: isize = 2 << 10;

/// A stream that reads what is laid down, in reads of any length, and then has nothing. All handles
/// read the same.
#[derive(Clone)]
struct Laid(Rc<Script>);

struct Script {
    wire: Vec<u8>,
    at: Cell<usize>,
    /// The live memory when a read found nothing: while a socket would wait.
    held: Cell<isize>,
}

impl Read for Laid {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Script { wire, at, held } = &*self.0;
        let rest = &wire[at.get()..];
        if rest.is_empty() {
            held.set(LIVE.get());
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        at.set(at.get() + n);
        Ok(n)
    }
}

impl Write for Laid {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Laid {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

impl TryClone for Laid {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(self.clone())
    }
}

/// Conversations before a client falls silent: nothing, some messages, a control frame.
fn conversations() -> Vec<(&'static str, Vec<u8>)> {
    let binary = |len: usize| Side::Server.incoming(0x82, &vec![7; len]);
    let text = |len: usize| Side::Server.incoming(0x81, &vec![b'x'; len]);
    vec![
        ("nothing", vec![]),
        ("a ping", Side::Server.incoming(0x89, b"?")),
        ("a short message", text(16)),
        ("a message of 1 KiB", binary(1 << 10)),
        ("a message of a page, with its header", binary((4 << 10) - 8)),
        ("16 messages of 1 KiB", binary(1 << 10).repeat(16)),
        ("a message of 16 KiB", binary(16 << 10)),
        ("four messages of 17 KiB, with their headers", binary((17 << 10) - 8).repeat(4)),
        ("a message of 1 MiB", binary(1 << 20)),
        ("a text of 1 MiB, then a short one", [text(1 << 20), text(16)].concat()),
    ]
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Returns what `serve` holds while it waits for more than a conversation.
fn held_while_idle(wire: &[u8], serve: impl FnOnce(WebSocket<Laid, hybi::Server>)) -> isize {
    let (at, held) = (Cell::new(0), Cell::new(isize::MAX));
    let laid = Laid(Rc::new(Script { wire: [REQUEST, wire].concat(), at, held }));
    let before = LIVE.get();
    let pending = blocking::receive_request(laid.clone()).unwrap();
    serve(pending.accept(&Acceptance::from_any_origin()).unwrap());
    assert_eq!(laid.0.at.get(), laid.0.wire.len());
    laid.0.held.get() - before
}

#[test]
fn an_idle_websocket_holds_little_whatever_it_has_done() {
    for (name, wire) in conversations() {
        let held = held_while_idle(&wire, |mut ws| {
            loop {
                match ws.receive() {
                    Ok(Some(message)) => ws.send(&message).unwrap(),
                    end => break assert!(matches!(end, Err(Error::TimedOut)), "{end:?}"),
                }
            }
        });
        assert!(held <= IDLE_BYTES_MAX, "{held} bytes after {name}");
        let held = held_while_idle(&wire, |mut ws| while ws.receive_chunk().is_ok() {});
        assert!(held <= IDLE_BYTES_MAX, "{held} bytes after {name} in chunks");
    }
}

#[test]
fn idle_halves_hold_little_whatever_they_have_done() {
    for (name, wire) in conversations() {
        let held = held_while_idle(&wire, |ws| {
            let (mut reader, writer) = ws.split().unwrap();
            while let Ok(Some(message)) = reader.receive() {
                writer.send(&message).unwrap();
            }
        });
        assert!(held <= IDLE_BYTES_MAX, "{held} bytes after {name}");
    }
}

#[test]
fn a_client_that_has_not_sent_its_request_costs_nothing() {
    let laid =
        Laid(Rc::new(Script { wire: vec![], at: Cell::new(0), held: Cell::new(isize::MAX) }));
    let before = LIVE.get();
    assert!(Acceptor::new().receive_request(laid.clone()).is_err());
    assert_eq!(laid.0.held.get() - before, 0);
}
