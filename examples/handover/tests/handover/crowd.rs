//! A crowd under traffic, through one handover after another. Every byte of every echo is compared.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use hybi::{Client as Role, CloseCode, Connection, Event, Inbox, Message, Outbox, RandomKeys};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::client::{Client, Deflate};
use crate::service::Service;

/// How often all clients together send.
const PERIOD: Duration = Duration::from_micros(500);
/// How long a client that sends in pieces waits after each.
const PAUSE: Duration = Duration::from_millis(5);
/// A client does not send while so many of its messages have not come back.
const UNDER_WAY_MAX: u64 = 8;

#[test]
fn two_hundred_under_traffic_through_three_handovers() {
    Crowd::open(&mut Service::start(&[]), 200).go_through(3);
}

#[test]
#[ignore = "takes a minute"]
fn five_thousand_under_traffic_through_five_handovers() {
    Crowd::open(&mut Service::start(&[]), 5_000).go_through(5);
}

struct Crowd<'a> {
    service: &'a mut Service,
    poll: Poll,
    members: Vec<Member>,
    /// How often each of them sends.
    period: Duration,
}

struct Member {
    socket: TcpStream,
    ws: Connection<Role<RandomKeys>>,
    inbox: Inbox,
    out: Outbox,
    number: u64,
    /// When to send the next message, and when to go on with one in pieces.
    send_at: Instant,
    write_at: Option<Instant>,
    sent: u64,
    received: u64,
    /// How many echoes it is to get before the next handover, or the end.
    wanted: u64,
    /// When each message that has not come back has left, once it has.
    left_at: VecDeque<Option<Instant>>,
    closed: bool,
}

impl<'a> Crowd<'a> {
    fn open(service: &'a mut Service, count: u64) -> Self {
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
        let poll = Poll::new().unwrap();
        let (begin, period) = (Instant::now(), PERIOD * count as u32);
        let members = (0..count)
            .map(|number| {
                // A quarter of them compress, also of those that send in pieces.
                let deflate = if number / 8 % 4 == 0 { Deflate::On } else { Deflate::Off };
                let Client { socket, ws, inbox, out } = Client::connect(service, "/echo", deflate);
                socket.set_nonblocking(true).unwrap();
                let mut socket = TcpStream::from_std(socket);
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut socket, Token(number as usize), interest).unwrap();
                let send_at = begin + PERIOD * number as u32;
                Member {
                    socket,
                    ws,
                    inbox,
                    out,
                    number,
                    send_at,
                    write_at: None,
                    sent: 0,
                    received: 0,
                    wanted: 2,
                    left_at: VecDeque::new(),
                    closed: false,
                }
            })
            .collect();
        Self { service, poll, members, period }
    }

    /// Starts a handover when everybody has had two more echoes, waits for its end, and so on.
    /// Then everybody receives the remaining echoes, and closes.
    fn go_through(mut self, handovers: usize) {
        let (mut silences, mut in_progress) = (vec![Duration::ZERO; handovers + 1], false);
        let mut done = 0;
        while done < handovers || !self.all(|member| member.received >= member.wanted) {
            let silence = self.round(true);
            silences[done] = silences[done].max(silence);
            if in_progress {
                if let Some(line) = self.service.is_replaced() {
                    println!("{line}");
                    (in_progress, done) = (false, done + 1);
                    self.want_more();
                }
            } else if done < handovers && self.all(|member| member.received >= member.wanted) {
                in_progress = true;
                self.service.hang_up();
            }
        }
        while !self.all(|member| member.received == member.sent) {
            self.round(false);
        }
        let messages: u64 = self.members.iter().map(|member| member.received).sum();
        println!(
            "{} connections, {handovers} handovers, {messages} echoes, none lost or repeated; \
             the longest waits for one, in each process: {silences:.0?}",
            self.members.len()
        );
        for member in &mut self.members {
            member.ws.close(CloseCode::NORMAL, "", &mut member.out).unwrap();
        }
        while !self.all(|member| member.closed) {
            self.round(false);
        }
    }

    fn want_more(&mut self) {
        for member in &mut self.members {
            member.wanted = member.received + 2;
        }
    }

    fn all(&self, condition: impl Fn(&Member) -> bool) -> bool {
        self.members.iter().all(condition)
    }

    /// Lets everybody do what is due. Returns the longest wait for an echo that came.
    fn round(&mut self, may_send: bool) -> Duration {
        let mut events = Events::with_capacity(1024);
        let tick = Duration::from_millis(2);
        match self.poll.poll(&mut events, Some(tick)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result.unwrap(),
        }
        let now = Instant::now();
        let readable = events.iter().filter(|event| event.is_readable());
        let mut longest = Duration::ZERO;
        for event in readable {
            longest = longest.max(self.members[event.token().0].receive(now));
        }
        for member in &mut self.members {
            member.send(now, may_send.then_some(self.period));
        }
        longest
    }
}

impl Member {
    /// Sends and writes what is due.
    fn send(&mut self, now: Instant, again: Option<Duration>) {
        if let Some(period) = again
            && now >= self.send_at
            && self.sent - self.received < UNDER_WAY_MAX
        {
            let message = message(self.number, self.sent);
            // Some come in fragments.
            if let (0, Message::Binary(bytes)) = (self.sent % 3, &message) {
                let (first, last) = bytes.split_at(bytes.len() / 2);
                self.ws.send_part(first, &mut self.out).unwrap();
                self.ws.send_last_part(last, &mut self.out).unwrap();
            } else {
                self.ws.send(&message, &mut self.out).unwrap();
            }
            self.sent += 1;
            self.left_at.push_back(None);
            // In step, so that a delay does not let all of them send at once.
            while self.send_at <= now {
                self.send_at += period;
            }
        }
        // An eighth of them write in pieces, as over a slow line.
        let in_pieces = self.number.is_multiple_of(8);
        while !self.out.is_empty() && self.write_at.is_none_or(|at| now >= at) {
            let front = self.out.front();
            let len = if in_pieces { front.len().div_ceil(3) } else { front.len() };
            match std::io::Write::write(&mut self.socket, &front[..len]) {
                Ok(n) => self.out.sent(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("connection {}: {error}", self.number),
            }
            self.write_at = in_pieces.then_some(now + PAUSE);
        }
        if self.out.is_empty() {
            let waiting = self.left_at.iter_mut().filter(|at| at.is_none());
            waiting.for_each(|at| *at = Some(now));
        }
    }

    /// Reads until it would block. Returns the longest wait for an echo that arrived.
    fn receive(&mut self, now: Instant) -> Duration {
        let mut longest = Duration::ZERO;
        loop {
            match self.socket.read(self.inbox.room()) {
                Ok(0) => {
                    assert!(self.closed, "connection {} was lost", self.number);
                    break;
                }
                Ok(n) => self.inbox.filled(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("connection {}: {error}", self.number),
            }
            let mut input = self.inbox.input();
            while let Some(event) = self.ws.receive(&mut input, &mut self.out).unwrap() {
                match event {
                    Event::Close(reason) => {
                        assert_eq!(reason.unwrap().code, CloseCode::NORMAL);
                        self.closed = true;
                    }
                    Event::Ping(_) | Event::Pong(_) => {}
                    echo => {
                        let echo = echo.into_message().unwrap();
                        let expected = message(self.number, self.received);
                        assert!(echo == expected, "connection {}: a wrong echo", self.number);
                        self.received += 1;
                        let left_at = self.left_at.pop_front().flatten().unwrap_or(now);
                        longest = longest.max(now.saturating_duration_since(left_at));
                    }
                }
            }
        }
        self.inbox.shrink();
        longest
    }
}

/// A message that is like no other: its length and its bytes depend on both numbers.
fn message(connection: u64, number: u64) -> Message {
    let mut state = (connection << 32 | number) ^ 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let len = match next() % 32 {
        0 => 20_000 + next() % 20_000,
        1..=8 => next() % 2_000,
        _ => next() % 130,
    };
    if next() % 2 == 0 {
        let text: String = (0..len / 4)
            .map(|_| ["word", "wort", "\u{20ac}\u{20ac}"][(next() % 3) as usize])
            .collect();
        format!("{connection}, {number}: {text}").into()
    } else {
        let bytes: Vec<u8> = (0..len).map(|_| (next() >> 40) as u8).collect();
        bytes.into()
    }
}
