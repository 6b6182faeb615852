//! The load: many connections in one thread, by hybi's client, that speak rarely, answer pings, and
//! compare every message that they receive.

use crate::server::payload;
use hybi::{Client, Config, Connection, Event, Input, Outbox};
use hybi_bench_shared::load;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Nothing for so long: the server is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// The number of handshakes in progress at once: fewer than the queue of a listener holds.
const HANDSHAKES: usize = 50;
/// The connections from each address of ours. Ports are found faster if many are free.
const PER_ADDRESS: usize = 5_000;

pub struct Crowd {
    poll: Poll,
    events: Events,
    members: Vec<Member>,
    inbox: Vec<u8>,
    /// The payload that every message must have.
    expected: Vec<u8>,
    /// The numbers of messages and pings received.
    pub messages: usize,
    pub pings: usize,
}

struct Member {
    socket: TcpStream,
    ws: Connection<Client>,
}

impl Crowd {
    /// `len`: how long the messages are.
    pub fn new(len: usize) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            members: Vec::new(),
            inbox: vec![0; 64 << 10],
            expected: payload(len),
            messages: 0,
            pings: 0,
        })
    }

    /// From now on messages are so long.
    pub fn expect(&mut self, len: usize) {
        self.expected = payload(len);
    }

    /// Opens connections until there are so many.
    pub fn grow(&mut self, server: SocketAddr, count: usize) -> io::Result<()> {
        while self.members.len() < count {
            let from = self.members.len();
            let sockets = (from..count.min(from + HANDSHAKES))
                .map(|number| {
                    let mut socket = connect(number, server)?;
                    load::request(&mut socket)?;
                    Ok(socket)
                })
                .collect::<io::Result<Vec<_>>>()?;
            for mut socket in sockets {
                load::answer(&mut socket)?;
                socket.set_nonblocking(true)?;
                let mut socket = TcpStream::from_std(socket);
                let token = Token(self.members.len());
                self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
                self.members.push(Member { socket, ws: Connection::client(Config::default()) });
            }
        }
        Ok(())
    }

    /// Waits until so many messages have been received in all.
    pub fn receive(&mut self, messages: usize) -> io::Result<()> {
        while self.messages < messages {
            if !self.round(PATIENCE)? {
                let missing = messages - self.messages;
                return Err(io::Error::other(format!("{missing} messages have not come")));
            }
        }
        match self.messages == messages {
            true => Ok(()),
            false => Err(io::Error::other("more messages came than were sent")),
        }
    }

    /// Each connection says something once in `every`, evenly distributed, for `time`; and all are
    /// answered. Returns how many messages that were.
    pub fn talk(&mut self, every: Duration, time: Duration) -> io::Result<usize> {
        let Some(last) = self.members.len().checked_sub(1) else { return Ok(0) };
        let step = every.as_secs_f64() / self.members.len() as f64;
        let total = (time.as_secs_f64() / step).round() as usize;
        let (before, begin, mut out) = (self.messages, Instant::now(), Outbox::new());
        for number in 0..total {
            let due = begin + Duration::from_secs_f64(step * number as f64);
            while let left = due.saturating_duration_since(Instant::now())
                && !left.is_zero()
            {
                self.round(left)?;
            }
            let member = &mut self.members[number % (last + 1)];
            member.ws.send(&self.expected[..], &mut out).map_err(io::Error::other)?;
            member.write(&mut out)?;
        }
        self.receive(before + total)?;
        Ok(total)
    }

    /// Says nothing for `time`, but for pongs.
    pub fn listen(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while let left = end.saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            self.round(left)?;
        }
        Ok(())
    }

    /// Returns whether anything has come.
    fn round(&mut self, patience: Duration) -> io::Result<bool> {
        let Self { poll, events, members, inbox, expected, messages, pings } = self;
        match poll.poll(events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            result => result?,
        }
        for event in &*events {
            let member = &mut members[event.token().0];
            loop {
                let n = match member.socket.read(inbox) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(n) => n,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                };
                let (mut input, mut out) = (Input::new(&mut inbox[..n]), Outbox::new());
                let received = member.ws.receive(&mut input, &mut out);
                let mut next = received.map_err(io::Error::other)?;
                while let Some(event) = next {
                    match event {
                        Event::Binary(data) if *data == expected[..] => *messages += 1,
                        Event::Ping(_) => *pings += 1,
                        event => {
                            let what = format!("a server has sent {event:?}");
                            return Err(io::Error::other(what));
                        }
                    }
                    next = member.ws.receive(&mut input, &mut out).map_err(io::Error::other)?;
                }
                member.write(&mut out)?;
                if n < inbox.len() {
                    break;
                }
            }
        }
        Ok(!events.is_empty())
    }
}

impl Member {
    /// It is so little that the socket takes it.
    fn write(&mut self, out: &mut Outbox) -> io::Result<()> {
        let bytes = out.take();
        if bytes.is_empty() { Ok(()) } else { self.socket.write_all(&bytes) }
    }
}

/// Opens a connection from an address that nobody else uses: it would be short of ports. It ends
/// with a reset, so no port has to wait in TIME_WAIT.
fn connect(number: usize, server: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let [host, network] = [number / PER_ADDRESS + 1, std::process::id() as usize % 251 + 1];
    let address = Ipv4Addr::new(127, 18, network as u8, host as u8);
    socket.bind(&SocketAddr::from((address, 0)).into())?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(&server.into())?;
    Ok(socket.into())
}
