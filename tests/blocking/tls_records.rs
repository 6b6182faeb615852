//! TLS over a stream in memory, which gives and takes bytes in pieces and stops where a test wants
//! it to. The peer is rustls. It decrypts nothing that is lost, repeated or out of order.

use std::cell::{RefCell, RefMut};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hybi::blocking::rustls::pki_types::ServerName;
use hybi::blocking::rustls::{ClientConnection, Connection};
use hybi::blocking::{Stream, TlsStream, TryClone, WebSocket};
use hybi::frame::OpCode;
use hybi::{Config, Connection as Protocol, Inbox, Server};

use crate::stream::*;
use crate::tls::tls;

/// The least time-out there is: it has passed when a call looks.
const NO_TIME: Option<Duration> = Some(Duration::from_nanos(1));

struct Peer {
    tls: Connection,
    /// Ciphertext for us.
    sent: Vec<u8>,
    /// What it has decrypted.
    received: Vec<u8>,
    has_ended: bool,
    /// How many bytes each call gives or takes.
    piece: usize,
    /// How many bytes it takes until it pauses.
    room: usize,
    reads: usize,
    writes: usize,
    read_timeouts: Vec<Option<Duration>>,
    write_timeouts: Vec<Option<Duration>>,
}

impl Peer {
    fn send(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).unwrap();
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes).unwrap();
            self.tls.process_new_packets().unwrap();
            match self.tls.reader().read_to_end(&mut self.received) {
                Ok(_) => self.has_ended = true,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }
}

#[derive(Clone)]
struct Memory(Rc<RefCell<Peer>>);

impl Memory {
    fn peer(&self) -> RefMut<'_, Peer> {
        self.0.borrow_mut()
    }

    /// How often it was read and written.
    fn calls(&self) -> (usize, usize) {
        let peer = self.peer();
        (peer.reads, peer.writes)
    }

    fn received(&self) -> Vec<u8> {
        std::mem::take(&mut self.peer().received)
    }
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let peer = &mut *self.peer();
        peer.reads += 1;
        while peer.tls.wants_write() {
            peer.tls.write_tls(&mut peer.sent).unwrap();
        }
        let n = peer.piece.min(buffer.len()).min(peer.sent.len());
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        buffer[..n].copy_from_slice(&peer.sent[..n]);
        peer.sent.drain(..n);
        Ok(n)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let peer = &mut *self.peer();
        peer.writes += 1;
        let n = peer.piece.min(peer.room).min(bytes.len());
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        peer.room -= n;
        peer.take(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Memory {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.peer().read_timeouts.push(timeout);
        Ok(())
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.peer().write_timeouts.push(timeout);
        Ok(())
    }

    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }

    fn has_independent_directions(&self) -> bool {
        true
    }
}

impl TryClone for Memory {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(self.clone())
    }
}

/// A server's stream before its handshake.
fn stream(piece: usize) -> (Memory, TlsStream<Memory>) {
    let config = tls();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(config.client, name).unwrap().into();
    let memory = Memory(Rc::new(RefCell::new(Peer {
        tls,
        sent: Vec::new(),
        received: Vec::new(),
        has_ended: false,
        piece,
        room: usize::MAX,
        reads: 0,
        writes: 0,
        read_timeouts: Vec::new(),
        write_timeouts: Vec::new(),
    })));
    (memory.clone(), TlsStream::server(memory, Arc::clone(&config.server)).unwrap())
}

/// A server's WebSocket after the handshakes.
fn server(piece: usize) -> (Memory, WebSocket<TlsStream<Memory>, Server>) {
    let (memory, stream) = stream(piece);
    let mut ws = WebSocket::new(stream, Protocol::server(Config::default()), Inbox::new());
    timed_out(ws.receive());
    assert!(!memory.peer().tls.is_handshaking());
    (memory, ws)
}

fn numbers(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 256) as u8).collect()
}

#[test]
fn a_conversation_is_the_same_however_its_records_are_split() {
    for piece in [1, 2, 3, 5, 16, 17, 100, 4095, 4096, 16_389, usize::MAX] {
        let (memory, mut ws) = server(piece);
        let long = numbers(50_000);
        memory.peer().send(&masked(OpCode::TEXT, b"Hello"));
        memory.peer().send(&[masked(OpCode::BINARY, &long), masked(OpCode::PING, b"?")].concat());
        assert_eq!(ws.receive().unwrap(), text("Hello"), "{piece}");
        assert_eq!(ws.receive().unwrap(), binary(&long), "{piece}");
        timed_out(ws.receive());
        assert_eq!(memory.received(), plain(OpCode::PONG, b"?"));
        ws.send(&*long).unwrap();
        assert_eq!(memory.received(), plain(OpCode::BINARY, &long), "{piece}");
    }
}

/// Wherever a peer pauses, the call ends, and what is left follows.
#[test]
fn a_write_that_runs_out_of_time_goes_on_where_it_stopped() {
    for len in [5, 40_000] {
        // Each record takes 22 bytes more than what is in it.
        let ciphertext = plain(OpCode::BINARY, &numbers(len)).len() + 22 * (1 + len / 16_384);
        let step = if len < 100 { 1 } else { 613 };
        let cuts = (0..ciphertext).step_by(step).chain(ciphertext - 3..ciphertext);
        for room in cuts.chain([16_405, 16_406, 16_407, 32_812]).filter(|&at| at < ciphertext) {
            let (memory, mut ws) = server(usize::MAX);
            memory.peer().room = room;
            ws.send(&*numbers(len)).unwrap();
            timed_out(ws.flush());
            ws.send("next").unwrap();
            assert!(ws.unsent_bytes() > 0, "nothing is encrypted while something waits");
            timed_out(ws.flush());
            memory.peer().room = usize::MAX;
            ws.flush().unwrap();
            let both = [plain(OpCode::BINARY, &numbers(len)), plain(OpCode::TEXT, b"next")];
            assert_eq!(memory.received(), both.concat(), "{len} {room}");
        }
    }
}

/// Whatever the session has to say while a record is written in part follows that record: pongs,
/// the answer to a change of keys, and the end.
#[test]
fn nothing_is_written_into_a_record() {
    for room in 0..40 {
        let (memory, mut ws) = server(usize::MAX);
        memory.peer().room = room;
        ws.send("Hello, world").unwrap();
        memory.peer().tls.refresh_traffic_keys().unwrap();
        memory.peer().send(&masked(OpCode::PING, b"?"));
        timed_out(ws.receive());
        memory.peer().room = usize::MAX;
        timed_out(ws.receive());
        ws.send("next").unwrap();
        assert_eq!(
            memory.received(),
            [
                plain(OpCode::TEXT, b"Hello, world"),
                plain(OpCode::PONG, b"?"),
                plain(OpCode::TEXT, b"next")
            ]
            .concat(),
            "{room}"
        );
        ws.terminate(Duration::ZERO);
        assert!(memory.peer().has_ended);
    }
}

/// A peer that takes nothing more is left, without half a record followed by the end.
#[test]
fn the_end_of_a_stream_does_not_wait_for_a_peer_that_pauses() {
    for room in 0..30 {
        let (memory, mut ws) = server(usize::MAX);
        memory.peer().room = room;
        ws.send("Hello").unwrap();
        ws.terminate(Duration::ZERO);
        assert!(!memory.peer().has_ended);
        assert_eq!(memory.peer().room, 0, "as much as it takes");
    }
}

/// One that gives a byte now and then could otherwise hold a call for ever.
#[test]
fn class_20_a_call_looks_at_its_deadline_after_each_read_and_write() {
    let (memory, mut stream) = stream(1);
    for side in [Stream::set_read_timeout, Stream::set_write_timeout] {
        side(&mut stream, NO_TIME).unwrap();
    }
    // The handshake, then a record: each call reads a byte at most, and writes one before and after.
    let (mut is_taken, mut calls) = (false, 0);
    while memory.peer().received != b"Hello" {
        let before = memory.calls();
        let done = match is_taken {
            true => stream.flush(),
            false => stream.write(b"Hello").map(|n| is_taken = n == 5),
        };
        if let Err(error) = done {
            assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock), "{error}");
        }
        let after = memory.calls();
        assert!(after.0 - before.0 <= 1 && after.1 - before.1 <= 2, "{before:?} {after:?}");
        calls += 1;
        assert!(calls < 10_000);
    }
    memory.peer().send(b"Hello");
    let mut buffer = [0; 10];
    let (before, mut calls) = (memory.calls().0, 0);
    let n = loop {
        calls += 1;
        match stream.read(&mut buffer) {
            Ok(n) => break n,
            Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
        }
    };
    assert_eq!(&buffer[..n], b"Hello");
    assert_eq!((memory.calls().0 - before, calls), (27, 27));
}

/// The other direction may be in use by another thread, whose time-out it has.
#[test]
fn a_time_out_is_set_for_the_direction_that_is_used() {
    let (memory, ws) = server(usize::MAX);
    let (mut reader, writer) = ws.split().unwrap();
    memory.peer().read_timeouts.clear();
    memory.peer().write_timeouts.clear();

    reader.set_read_timeout(Duration::from_secs(60)).unwrap();
    memory.peer().send(&masked(OpCode::TEXT, b"Hello"));
    assert_eq!(reader.receive().unwrap(), text("Hello"));
    let minute = Some(Duration::from_secs(60));
    assert!(memory.peer().read_timeouts.iter().all(|&set| set > None && set <= minute));
    assert_eq!(memory.peer().read_timeouts.len(), 1);
    assert_eq!(memory.peer().write_timeouts, []);

    writer.set_write_timeout(Duration::from_secs(1)).unwrap();
    writer.send("Hello").unwrap();
    let second = Some(Duration::from_secs(1));
    assert!(memory.peer().write_timeouts.iter().all(|&set| set > None && set <= second));
    assert_eq!(memory.peer().read_timeouts.len(), 1);
}
