//! The event loop: one thread, one `mio::Poll`.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind};
use std::mem;
use std::task::Poll;
use std::time::Duration;

use hybi::connection::Prepared;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll as Poller, Token};
use rustix::process::{Resource, getrlimit};
use signal_hook::consts::SIGHUP;
use signal_hook_mio::v1_0::Signals;

use crate::channel::Channel;
use crate::chat::{Chat, News, Notice};
use crate::clock;
use crate::door::Door;
use crate::give::{Handover, Options};
use crate::hosts::Hosts;
use crate::peer::{Around, Peer};
use crate::print;
use crate::take::Missed;

const LISTENER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
pub(crate) const SUCCESSOR: Token = Token(usize::MAX - 2);
pub(crate) const PREDECESSOR: Token = Token(usize::MAX - 3);
/// Further clients wait in the listener's queue.
const CONNECTIONS_MAX: usize = 19_000;
/// The descriptors that no client gets: this process and a new one need them for a handover.
const DESCRIPTORS_KEPT: u64 = 32;
/// How long to wait after a client could not be accepted: most likely, descriptors are short.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

pub(crate) struct Server {
    pub(crate) poller: Poller,
    signals: Signals,
    /// `None` once the server is going away.
    pub(crate) listener: Option<TcpListener>,
    /// When to accept, if clients may be waiting for it.
    accept_at: Option<Duration>,
    connections_max: usize,
    /// The connections by their numbers, which they keep in a new process.
    pub(crate) peers: HashMap<u64, Peer>,
    pub(crate) next_number: u64,
    /// When each connection wants its next turn: its `wake`.
    wakes: BTreeSet<(Duration, u64)>,
    /// The connections whose turn it is.
    pub(crate) due: BTreeSet<u64>,
    pub(crate) chat: Chat,
    door: Door,
    pub(crate) handover: Handover,
    /// The channel to the process before this one, while connections may still come from it.
    pub(crate) predecessor: Option<Channel>,
    /// The users of the chat whose connections have not come yet.
    pub(crate) awaited: HashMap<u64, Missed>,
    /// Set if the next handover begins as soon as nothing more comes from the predecessor.
    pub(crate) next_handover: bool,
    pub(crate) options: Options,
}

impl Server {
    pub(crate) fn new(
        mut listener: TcpListener,
        mut signals: Signals,
        options: Options,
    ) -> io::Result<Self> {
        let hosts = Hosts::new(listener.local_addr()?.ip(), Vec::new());
        let poller = Poller::new()?;
        poller.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        poller.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        Ok(Self {
            poller,
            signals,
            listener: Some(listener),
            accept_at: Some(Duration::ZERO),
            connections_max: connections_max(),
            peers: HashMap::new(),
            next_number: 1,
            wakes: BTreeSet::new(),
            due: BTreeSet::new(),
            chat: Chat::default(),
            door: Door::new(hosts),
            handover: Handover::None,
            predecessor: None,
            awaited: HashMap::new(),
            next_handover: false,
            options,
        })
    }

    /// Serves until a signal ends it, or a new process has taken over, and all connections that are
    /// left have ended.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.accept();
            self.take_turns();
            self.go_on_with_handover();
            if self.listener.is_none() && self.peers.is_empty() {
                return Ok(());
            }
            match self.poller.poll(&mut events, self.timeout()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => result?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept_at = self.accept_at.or(Some(Duration::ZERO)),
                    SIGNALS => self.obey(),
                    SUCCESSOR => {} // `go_on_with_handover` looks
                    PREDECESSOR => self.hear_predecessor(),
                    Token(number) => {
                        let number = number as u64;
                        if let Some(peer) = self.peers.get_mut(&number) {
                            peer.readable |= event.is_readable();
                            self.due.insert(number);
                        }
                    }
                }
            }
        }
    }

    /// Returns how long there is nothing to do, unless something happens.
    fn timeout(&self) -> Option<Duration> {
        if !self.due.is_empty() {
            return Some(Duration::ZERO);
        }
        let wake = self.wakes.first().map(|(wake, _)| *wake);
        let accept = self.accept_at.filter(|_| !self.is_full());
        let wakes = [wake, self.handover.wake(), accept].into_iter().flatten();
        wakes.min().map(|wake| wake.saturating_sub(clock::now()))
    }

    fn obey(&mut self) {
        for signal in self.signals.pending().collect::<Vec<_>>() {
            if signal == SIGHUP {
                self.begin_handover();
            } else {
                print::log("going down");
                self.abandon_handover("the server is going down");
                self.go_away("the server is going down");
            }
        }
    }

    /// Accepts nobody any more.
    pub(crate) fn stop_listening(&mut self) {
        if let Some(mut listener) = self.listener.take() {
            // Not only dropped: another process may have it, too, and its events would still come.
            let _ = self.poller.registry().deregister(&mut listener);
        }
        self.accept_at = None;
    }

    /// Closes all connections.
    pub(crate) fn go_away(&mut self, why: &str) {
        self.stop_listening();
        let now = clock::now();
        for (number, peer) in &mut self.peers {
            peer.go_away(why, now);
            self.due.insert(*number);
        }
    }

    fn is_full(&self) -> bool {
        self.peers.len() >= self.connections_max
    }

    fn accept(&mut self) {
        let now = clock::now();
        while !self.is_full()
            && self.accept_at.is_some_and(|at| at <= now)
            && let Some(listener) = &self.listener
        {
            match listener.accept() {
                Ok((socket, _)) => {
                    // An error shows at the next call, too.
                    let _ = socket.set_nodelay(true);
                    let number = self.next_number;
                    self.next_number += 1;
                    if let Err(error) = self.add(number, Peer::new(socket, now)) {
                        print::log(format_args!("cannot watch a connection: {error}"));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.accept_at = None,
                // The client has left.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    self.accept_at = Some(now + ACCEPT_AGAIN);
                    print::log(format_args!("cannot accept: {error}"));
                }
            }
        }
    }

    /// Adds a connection, whose turn it then is.
    pub(crate) fn add(&mut self, number: u64, mut peer: Peer) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poller.registry().register(&mut peer.socket, Token(number as usize), interest)?;
        self.peers.insert(number, peer);
        self.due.insert(number);
        Ok(())
    }

    /// Removes a connection that has ended, or is another process's from now on.
    pub(crate) fn remove(&mut self, number: u64) {
        let Some(mut peer) = self.peers.remove(&number) else { return };
        // Not only dropped: see `stop_listening`.
        let _ = self.poller.registry().deregister(&mut peer.socket);
        self.due.remove(&number);
        if let Some(wake) = peer.wake {
            self.wakes.remove(&(wake, number));
        }
    }

    fn take_turns(&mut self) {
        let now = clock::now();
        while let Some((wake, number)) =
            self.wakes.first().copied().filter(|(wake, _)| *wake <= now)
        {
            self.wakes.remove(&(wake, number));
            self.due.insert(number);
        }
        // A connection that wants another turn at once gets it in the next round.
        for number in mem::take(&mut self.due) {
            self.take_turn(number, now);
        }
    }

    fn take_turn(&mut self, number: u64, now: Duration) {
        let Some(peer) = self.peers.get_mut(&number) else { return };
        let mut news = Vec::new();
        if let Some(wake) = peer.wake {
            self.wakes.remove(&(wake, number));
        }
        let moving = self.handover.is_given();
        let mut around = Around { now, door: &self.door, moving, news: &mut news };
        let turn = peer.turn(&mut around);
        if let Some(wake) = peer.wake {
            self.wakes.insert((wake, number));
        }
        if turn == Poll::Ready(()) {
            self.remove(number);
            news.push(News::Left);
        }
        if moving {
            return self.give_later(number, news);
        }
        for news in news {
            self.tell(number, news);
        }
    }

    /// Tells the chat what a user did, and queues what it has to say.
    pub(crate) fn tell(&mut self, number: u64, news: News) {
        for Notice { to, text } in self.chat.hear(number, news) {
            let message = Prepared::new(&*text);
            for number in to {
                if let Some(peer) = self.peers.get_mut(&number) {
                    peer.say(&message);
                    self.due.insert(number);
                } else if let Some(missed) = self.awaited.get_mut(&number) {
                    missed.say(&message);
                }
            }
        }
    }
}

/// Returns how many clients are served at once.
fn connections_max() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let connections = usize::try_from(descriptors.saturating_sub(DESCRIPTORS_KEPT));
    connections.unwrap_or(usize::MAX).clamp(1, CONNECTIONS_MAX)
}
