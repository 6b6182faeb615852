//! The load: frames made in advance, sent over many sockets by one thread, every byte of the echo compared.
//!
//! It knows the wire format and nothing of any implementation. Each connection sends a batch of messages in one write
//! and waits for all of their echoes before the next batch: so every server finds the same in its reads.

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The example of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The answer to the only request that the load makes, for servers that do no handshake.
pub const ANSWER: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// Nothing for so long: the server is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many handshakes are under way at once: less than the shortest queue of a listener (Python's 100).
const HANDSHAKES: usize = 50;
/// A Close frame, masked with zeros, that says 1000.
const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

/// The content of messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Binary,
    AsciiText,
}

/// Messages to be sent, and the bytes that must come back.
pub struct Messages {
    requests: Vec<u8>,
    replies: Vec<u8>,
    per_batch: usize,
    request_bytes: usize,
    reply_bytes: usize,
}

impl Messages {
    /// Makes batches of messages of one kind and size, each message with its own payload and
    /// masking key. They repeat after about 64 KiB.
    pub fn new(kind: Kind, size: usize, per_batch: usize) -> Self {
        let batches = ((64 << 10) / (size * per_batch)).clamp(2, 64);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let (mut requests, mut replies) = (Vec::new(), Vec::new());
        for _ in 0..batches * per_batch {
            let mut payload: Vec<u8> =
                (0..size.div_ceil(8)).flat_map(|_| random.next().to_be_bytes()).collect();
            payload.truncate(size);
            if kind == Kind::AsciiText {
                payload.iter_mut().for_each(|byte| *byte &= 0x7f);
            }
            let key = (random.next() as u32).to_be_bytes();
            push_header(&mut requests, kind, size, 0x80);
            requests.extend(key);
            requests.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
            push_header(&mut replies, kind, size, 0);
            replies.extend(payload);
        }
        let (request_bytes, reply_bytes) = (requests.len() / batches, replies.len() / batches);
        Self { requests, replies, per_batch, request_bytes, reply_bytes }
    }
}

/// The header of a final frame, its length in the shortest form (RFC 6455 §5.2).
fn push_header(frame: &mut Vec<u8>, kind: Kind, size: usize, mask_bit: u8) {
    frame.push(match kind {
        Kind::Binary => 0x82,
        Kind::AsciiText => 0x81,
    });
    match size {
        0..=125 => frame.push(mask_bit | size as u8),
        126..=0xffff => {
            frame.push(mask_bit | 126);
            frame.extend((size as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask_bit | 127);
            frame.extend((size as u64).to_be_bytes());
        }
    }
}

/// xorshift: payloads that are all different, and the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Open connections to one server.
pub struct Clients {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    inbox: Vec<u8>,
}

struct Client {
    socket: TcpStream,
    /// What is left to be sent of the batch, and to be received.
    unsent: std::ops::Range<usize>,
    awaited: std::ops::Range<usize>,
}

/// What one run came to.
pub struct Outcome {
    pub messages: usize,
    pub elapsed: Duration,
}

impl Clients {
    /// Opens connections. The handshakes are answered when this returns, and nothing else has been sent.
    pub fn open(address: SocketAddr, count: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(count);
        while clients.len() < count {
            let sockets: Vec<_> = (clients.len()..count)
                .take(HANDSHAKES)
                .map(|_| {
                    let mut socket = connect(address)?;
                    request(&mut socket)?;
                    Ok(socket)
                })
                .collect::<io::Result<_>>()?;
            for mut socket in sockets {
                answer(&mut socket)?;
                socket.set_nonblocking(true)?;
                let mut socket = TcpStream::from_std(socket);
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut socket, Token(clients.len()), interest)?;
                clients.push(Client { socket, unsent: 0..0, awaited: 0..0 });
            }
        }
        Ok(Self { poll, events: Events::with_capacity(1024), clients, inbox: vec![0; 256 << 10] })
    }

    /// Every connection sends batch after batch until `time` is over, at least one. What is under way then is
    /// still awaited.
    pub fn run(&mut self, messages: &Messages, time: Duration) -> io::Result<Outcome> {
        let Self { poll, events, clients, inbox } = self;
        let begin = Instant::now();
        let (mut batches, mut busy) = (0, clients.len());
        for client in &mut *clients {
            client.begin(messages, 0)?;
        }
        while busy > 0 {
            poll.poll(events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nothing came back"));
            }
            for event in &*events {
                let client = &mut clients[event.token().0];
                client.send(messages)?;
                let waits = !client.awaited.is_empty();
                if waits && event.is_readable() && client.receive(messages, inbox)? {
                    batches += 1;
                    if begin.elapsed() < time {
                        let next =
                            client.awaited.end % messages.replies.len() / messages.reply_bytes;
                        client.begin(messages, next)?;
                    } else {
                        busy -= 1;
                    }
                }
            }
        }
        Ok(Outcome { messages: batches * messages.per_batch, elapsed: begin.elapsed() })
    }

    /// Closes all connections, and waits until the server has.
    pub fn close(mut self) -> io::Result<()> {
        for client in &mut self.clients {
            client.socket.write_all(&CLOSE)?;
        }
        for client in &mut self.clients {
            let deadline = Instant::now() + PATIENCE;
            loop {
                match client.socket.read(&mut self.inbox) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                    Err(error)
                        if error.kind() == io::ErrorKind::WouldBlock
                            && Instant::now() < deadline =>
                    {
                        self.poll.poll(&mut self.events, Some(Duration::from_millis(20)))?;
                    }
                    Err(error) => return Err(error),
                }
            }
            // Now, so that a server that waits for us need not wait for all the others.
            let _ = client.socket.shutdown(std::net::Shutdown::Both);
        }
        Ok(())
    }
}

impl Client {
    fn begin(&mut self, messages: &Messages, batch: usize) -> io::Result<()> {
        self.unsent = batch * messages.request_bytes..(batch + 1) * messages.request_bytes;
        self.awaited = batch * messages.reply_bytes..(batch + 1) * messages.reply_bytes;
        self.send(messages)
    }

    fn send(&mut self, messages: &Messages) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.socket.write(&messages.requests[self.unsent.clone()]) {
                Ok(n) => self.unsent.start += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the batch has come back.
    fn receive(&mut self, messages: &Messages, inbox: &mut [u8]) -> io::Result<bool> {
        while !self.awaited.is_empty() {
            match self.socket.read(inbox) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the server has closed",
                    ));
                }
                Ok(n) => {
                    let end = self.awaited.start + n;
                    if end > self.awaited.end
                        || inbox[..n] != messages.replies[self.awaited.start..end]
                    {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no echo"));
                    }
                    self.awaited.start = end;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// Opens a blocking connection.
pub fn connect(address: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket = std::net::TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Sends the request of a handshake.
pub fn request(stream: &mut impl Write) -> io::Result<()> {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    stream.flush()
}

/// Reads the server's answer to the request.
pub fn answer(stream: &mut impl Read) -> io::Result<()> {
    let (mut head, mut piece) = (Vec::new(), [0; 512]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => head.extend(&piece[..n]),
        }
    }
    let head = String::from_utf8_lossy(&head);
    if head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("the handshake failed: {head}")))
}

/// Sends the first of the messages, and reads its echo. One message per batch, please.
pub fn echo_one(stream: &mut (impl Read + Write), messages: &Messages) -> io::Result<()> {
    stream.write_all(&messages.requests[..messages.request_bytes])?;
    stream.flush()?;
    let mut reply = vec![0; messages.reply_bytes];
    stream.read_exact(&mut reply)?;
    if reply != messages.replies[..messages.reply_bytes] {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no echo"));
    }
    Ok(())
}
