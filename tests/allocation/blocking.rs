//! A large message through `blocking`, in bounded memory on both sides.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use hybi::Inbox;
use hybi::blocking::{Stream, WebSocket};
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
