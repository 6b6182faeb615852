//! Streams for tests: a scripted one, and pairs of real sockets; and frames for them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use hybi::blocking::{Closed, Error, Reader, Stream, TryClone, WebSocket};
use hybi::frame::{Header, Mask, OpCode};
use hybi::{Client, Config, Connection, Event, Inbox, Message, Role, Server};

// ---- a scripted stream

/// What one call of `read` meets.
#[derive(Clone, Debug)]
pub enum In {
    Bytes(Vec<u8>),
    Error(ErrorKind),
    End,
}

/// What one call of `write` meets.
#[derive(Clone, Copy, Debug)]
pub enum Out {
    Takes(usize),
    Error(ErrorKind),
}

/// A call that may wait, and the time-outs that were in force for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub call: Call,
    pub read_timeout: Option<Duration>,
    pub write_timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read,
    Write,
    Flush,
    Shutdown,
}

#[derive(Default)]
pub struct Log {
    pub written: Vec<u8>,
    pub writes: usize,
    pub reads: usize,
    pub shut: Vec<Shutdown>,
    /// How often a time-out was set.
    pub settings: usize,
    pub read_timeout: Option<Duration>,
    pub write_timeout: Option<Duration>,
    pub waiting: Vec<Waiting>,
}

impl Log {
    fn note(&mut self, call: Call) {
        let (read_timeout, write_timeout) = (self.read_timeout, self.write_timeout);
        self.waiting.push(Waiting { call, read_timeout, write_timeout });
    }
}

/// Reads from a script, after whose end it is at the end of the stream; writes as scripted, then
/// everything.
#[derive(Clone)]
pub struct Script {
    pub input: Rc<RefCell<VecDeque<In>>>,
    pub output: Rc<RefCell<VecDeque<Out>>>,
    pub log: Rc<RefCell<Log>>,
    pub timed: bool,
    /// Whether it is like a socket, which never reads while it writes.
    pub independent: bool,
}

impl Script {
    pub fn new(input: impl IntoIterator<Item = In>) -> Self {
        Self {
            input: Rc::new(RefCell::new(input.into_iter().collect())),
            output: Rc::default(),
            log: Rc::default(),
            timed: true,
            independent: false,
        }
    }

    pub fn writing(self, output: impl IntoIterator<Item = Out>) -> Self {
        self.output.borrow_mut().extend(output);
        self
    }

    pub fn written(&self) -> Vec<u8> {
        self.log.borrow().written.clone()
    }

    pub fn unread(&self) -> usize {
        self.input.borrow().len()
    }

    /// The calls of one kind, each with the time-outs for reading and writing.
    pub fn waiting(&self, call: Call) -> Vec<(Option<Duration>, Option<Duration>)> {
        let log = self.log.borrow();
        let calls = log.waiting.iter().filter(|waiting| waiting.call == call);
        calls.map(|waiting| (waiting.read_timeout, waiting.write_timeout)).collect()
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.is_empty(), "reading into nothing would look like the end");
        self.log.borrow_mut().note(Call::Read);
        self.log.borrow_mut().reads += 1;
        let mut input = self.input.borrow_mut();
        match input.pop_front() {
            None | Some(In::End) => Ok(0),
            Some(In::Error(kind)) => Err(kind.into()),
            Some(In::Bytes(mut bytes)) => {
                let n = bytes.len().min(buffer.len());
                buffer[..n].copy_from_slice(&bytes[..n]);
                if n < bytes.len() {
                    input.push_front(In::Bytes(bytes.split_off(n)));
                }
                Ok(n)
            }
        }
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.log.borrow_mut();
        log.writes += 1;
        log.note(Call::Write);
        match self.output.borrow_mut().pop_front().unwrap_or(Out::Takes(usize::MAX)) {
            Out::Takes(n) => {
                let n = n.min(bytes.len());
                log.written.extend(&bytes[..n]);
                Ok(n)
            }
            Out::Error(kind) => Err(kind.into()),
        }
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let slices: Vec<&[u8]> = slices.iter().map(|slice| &**slice).collect();
        self.write(&slices.concat())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.log.borrow_mut().note(Call::Flush);
        Ok(())
    }
}

impl Script {
    fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        assert_ne!(timeout, Some(Duration::ZERO), "an error to TcpStream");
        self.log.borrow_mut().settings += 1;
        match timeout {
            Some(_) if !self.timed => Err(ErrorKind::Unsupported.into()),
            _ => Ok(()),
        }
    }
}

impl Stream for Script {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_timeout(timeout)?;
        self.log.borrow_mut().read_timeout = timeout;
        Ok(())
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_timeout(timeout)?;
        self.log.borrow_mut().write_timeout = timeout;
        Ok(())
    }

    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.log.borrow_mut().note(Call::Shutdown);
        self.log.borrow_mut().shut.push(how);
        Ok(())
    }

    fn has_independent_directions(&self) -> bool {
        self.independent
    }
}

/// All handles are one stream. For halves in one thread.
impl TryClone for Script {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(self.clone())
    }
}

// ---- frames, written by hand

pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub fn frame(masked: bool, fin: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let masking_key = masked.then_some(KEY);
    let header = Header { fin, masking_key, ..Header::new(opcode, payload.len() as u64) }.encode();
    let mut payload = payload.to_vec();
    if masked {
        Mask::new(KEY).apply(&mut payload);
    }
    [&*header, &payload].concat()
}

/// From a client.
pub fn masked(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    frame(true, true, opcode, payload)
}

/// From a server.
pub fn plain(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    frame(false, true, opcode, payload)
}

pub fn bytes(pieces: &[Vec<u8>]) -> In {
    In::Bytes(pieces.concat())
}

pub fn one_by_one(bytes: &[u8]) -> impl Iterator<Item = In> + '_ {
    bytes.iter().map(|byte| In::Bytes(vec![*byte]))
}

pub type Keys = fn() -> [u8; 4];

pub fn server(stream: Script) -> WebSocket<Script, Server> {
    WebSocket::new(stream, Connection::server(Config::default()), Inbox::new())
}

pub fn client(stream: Script) -> WebSocket<Script, Client<Keys>> {
    let connection = Connection::client_with_keys(Config::default(), (|| KEY) as Keys);
    WebSocket::new(stream, connection, Inbox::new())
}

// ---- what a call that receives returns

/// A whole connection, or its reading half.
pub trait Receive {
    fn receive(&mut self) -> Result<Option<Message>, Error>;
    fn closed(&self) -> Option<&Closed>;
}

impl<S: Stream, R: Role> Receive for WebSocket<S, R> {
    fn receive(&mut self) -> Result<Option<Message>, Error> {
        self.receive()
    }

    fn closed(&self) -> Option<&Closed> {
        self.closed()
    }
}

impl<S: Stream, R: Role> Receive for Reader<S, R> {
    fn receive(&mut self) -> Result<Option<Message>, Error> {
        self.receive()
    }

    fn closed(&self) -> Option<&Closed> {
        self.closed()
    }
}

pub fn text(text: &str) -> Option<Message> {
    Some(text.into())
}

pub fn binary(bytes: &[u8]) -> Option<Message> {
    Some(bytes.into())
}

pub fn pong(payload: &[u8]) -> Option<Event<'static>> {
    Some(Event::Pong(payload.to_vec().into()))
}

/// Receives the end of the connection, and returns how it came.
#[track_caller]
pub fn closed(ws: &mut impl Receive) -> Closed {
    assert_eq!(ws.receive().unwrap(), None);
    ws.closed().unwrap().clone()
}

#[track_caller]
pub fn timed_out<T: Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::TimedOut)), "{result:?}");
}

#[track_caller]
pub fn io_kind<T: Debug>(result: Result<T, Error>) -> ErrorKind {
    match result {
        Err(Error::Io(error)) => error.kind(),
        other => panic!("not an I/O error but {other:?}"),
    }
}

// ---- real sockets

/// Both ends of a TCP connection.
pub fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
    }
    (client, server)
}

pub fn pair() -> (WebSocket<TcpStream, Client<Keys>>, WebSocket<TcpStream, Server>) {
    let (client, server) = sockets_with_server();
    let connection = Connection::client_with_keys(Config::default(), (|| KEY) as Keys);
    (WebSocket::new(client, connection, Inbox::new()), server)
}

pub fn sockets_with_server() -> (TcpStream, WebSocket<TcpStream, Server>) {
    let (client, server) = sockets();
    (client, WebSocket::new(server, Connection::server(Config::default()), Inbox::new()))
}
