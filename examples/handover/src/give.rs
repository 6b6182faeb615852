//! The old process: starts a new one and gives it the connections.
//!
//! 1. SIGHUP: the new program starts, with one end of a channel as its standard input. All clients
//!    are served meanwhile.
//! 2. It says hello, once it is ready to take over. From here on, nothing is read or written.
//! 3. The listener and all connections go over the channel, but for those that are in the middle of
//!    a compressed message. The new process says that it has understood all of them, is told to
//!    serve, and answers that it does. The old process drops what it has given away.
//! 4. Each of the others follows after its message, until `--patience` has passed. The rest is
//!    closed with 1001, and the old process ends.
//!
//! Until the end of 3 the old process has everything that it had. So whatever goes wrong before, it
//! ends the new process and goes on. At the time limit it first stops the new process, so that this
//! one cannot begin to serve just when it is given up.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{self, Child, Command};
use std::time::Duration;

use mio::Interest;
use mio::unix::SourceFd;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::channel::{Channel, Kind};
use crate::chat::News;
use crate::server::{SUCCESSOR, Server};
use crate::{clock, print, record};

/// The settings for replacing a server.
pub(crate) struct Options {
    /// The new program.
    pub(crate) program: PathBuf,
    /// How long it may take to say hello. All clients are served meanwhile.
    pub(crate) start_within: Duration,
    /// How long the transfer may take. No client is served meanwhile.
    pub(crate) transfer_within: Duration,
    /// How long the old process waits for compressed messages to end, which it serves meanwhile.
    pub(crate) patience: Duration,
}

/// The option that tells a process to take over.
pub(crate) const TAKE_OVER: &str = "--take-over";

/// How long a hello may take that has begun, or another answer that is in the channel.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);

/// The progress of a handover.
#[derive(Default)]
pub(crate) enum Handover {
    #[default]
    None,
    /// The new process has not said hello.
    Starting(Successor),
    /// The new process serves. Some connections are to follow, `until` then.
    Given { channel: Channel, until: Duration },
}

impl Handover {
    /// Returns whether the new process serves.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self, Self::Given { .. })
    }

    /// Returns when to go on at the latest.
    pub(crate) fn wake(&self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Starting(successor) => Some(successor.start_until),
            Self::Given { until, .. } => Some(*until),
        }
    }
}

/// A process that is to take over.
pub(crate) struct Successor {
    process: Child,
    channel: Channel,
    start_until: Duration,
}

impl Successor {
    fn start(options: &Options) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut arguments: Vec<OsString> = env::args_os().skip(1).collect();
        if !arguments.iter().any(|argument| argument == TAKE_OVER) {
            arguments.push(TAKE_OVER.into());
        }
        let mut command = Command::new(&options.program);
        let process = command.args(arguments).stdin(OwnedFd::from(theirs)).spawn()?;
        let start_until = clock::now().saturating_add(options.start_within);
        Ok(Self { process, channel: Channel::new(ours), start_until })
    }

    /// Returns whether the new process has said hello, and that it reads what we write.
    fn is_ready(&mut self) -> Result<bool, String> {
        let gone = |error: io::Error| format!("the new process said no hello: {error}");
        if !self.channel.has_arrived(record::HELLO_BYTES).map_err(gone)? {
            return match clock::now() < self.start_until {
                true => Ok(false),
                false => Err("the new process has not said hello in time".into()),
            };
        }
        // All of it has arrived, unless it is something else.
        self.channel.set_time(ANSWER_WITHIN);
        let hello = self.channel.expect(Kind::Hello).map_err(gone)?;
        match record::read_hello(&hello.payload) {
            Some(formats) if formats.contains(&record::FORMAT) => Ok(true),
            Some(formats) => Err(format!(
                "the new process reads format {} to {}, and this one writes {}",
                formats.start(),
                formats.end(),
                record::FORMAT
            )),
            None => Err("the new process said a strange hello".into()),
        }
    }

    /// Waits until it says that it serves. If it has not in time, it is stopped before that is
    /// decided.
    fn wait_until_it_serves(&mut self) -> io::Result<()> {
        let error = match self.channel.expect(Kind::Serving) {
            Err(error) if error.kind() == ErrorKind::TimedOut => error,
            other => return other.map(drop),
        };
        let process = Pid::from_child(&self.process);
        kill_process(process, Signal::STOP)?;
        let stopped_or_ended = WaitIdOptions::STOPPED | WaitIdOptions::EXITED;
        waitid(WaitId::Pid(process), stopped_or_ended | WaitIdOptions::NOWAIT)?;
        if !self.channel.has_arrived(0)? {
            return Err(error);
        }
        self.channel.set_time(ANSWER_WITHIN);
        self.channel.expect(Kind::Serving)?;
        Ok(kill_process(process, Signal::CONT)?)
    }

    /// Ends it, and says how it has ended.
    fn end(mut self) -> String {
        // An error means that it has ended already.
        let _ = self.process.kill();
        match self.process.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

impl Server {
    /// Starts a new process that is to take over.
    pub(crate) fn begin_handover(&mut self) {
        if self.predecessor.is_some() {
            self.next_handover = true;
            return print::log("the next handover begins after the last one");
        }
        if self.listener.is_none() || !matches!(self.handover, Handover::None) {
            return print::log("no handover: one is in progress, or this process is ending");
        }
        let started = Successor::start(&self.options).and_then(|successor| {
            let descriptor = successor.channel.as_fd().as_raw_fd();
            let mut source = SourceFd(&descriptor);
            self.poller.registry().register(&mut source, SUCCESSOR, Interest::READABLE)?;
            Ok(successor)
        });
        match started {
            Ok(successor) => {
                print::log(format_args!("process {} is to take over", successor.process.id()));
                self.handover = Handover::Starting(successor);
            }
            Err(error) => {
                let program = self.options.program.display();
                self.say_failed(format_args!("{program}: {error}"), "");
            }
        }
    }

    /// Gives up a handover that has not happened yet, because this process ends.
    pub(crate) fn abandon_handover(&mut self, why: &str) {
        if let Handover::Starting(successor) = mem::take(&mut self.handover) {
            let (number, status) = (successor.process.id(), successor.end());
            print::log(format_args!(
                "handover failed: {why}. Process {number} has ended ({status})"
            ));
        }
    }

    /// Gives up a handover that has not happened yet, and goes on.
    fn fail(&mut self, successor: Successor, why: &str) {
        let (number, status) = (successor.process.id(), successor.end());
        self.say_failed(why, &format!("Process {number} has ended ({status}). "));
        self.due.extend(self.peers.keys());
    }

    fn say_failed(&self, why: impl Display, end: &str) {
        print::log(format_args!(
            "handover failed: {why}. {end}Nothing is lost, {} connections go on",
            self.peers.len()
        ));
    }

    /// Does what is due in a handover.
    pub(crate) fn go_on_with_handover(&mut self) {
        match mem::take(&mut self.handover) {
            Handover::None => {}
            Handover::Starting(mut successor) => match successor.is_ready() {
                Ok(true) => self.give(successor),
                Ok(false) => self.handover = Handover::Starting(successor),
                Err(why) => self.fail(successor, &why),
            },
            Handover::Given { until, .. } if clock::now() >= until => {
                self.go_away("the server has been replaced");
            }
            given => self.handover = given,
        }
    }

    /// Gives everything to the new process that it can have now.
    fn give(&mut self, mut successor: Successor) {
        let began = clock::now();
        let given = match self.transfer(&mut successor) {
            Ok(given) => given,
            Err(error) => return self.fail(successor, &format!("the transfer failed: {error}")),
        };
        self.stop_listening();
        for number in &given {
            self.remove(*number);
        }
        print::log(format_args!(
            "process {} has taken over {} connections from process {}; they stood still for {} ms; \
             {} stay for now",
            successor.process.id(),
            given.len(),
            process::id(),
            (clock::now() - began).as_millis(),
            self.peers.len()
        ));
        self.due.extend(self.peers.keys());
        let until = clock::now().saturating_add(self.options.patience);
        self.handover = Handover::Given { channel: successor.channel, until };
    }

    /// Sends everything to the new process. Returns what it serves from now on.
    fn transfer(&mut self, successor: &mut Successor) -> io::Result<Vec<u64>> {
        let Some(listener) = &self.listener else { return Ok(Vec::new()) };
        let (channel, now) = (&mut successor.channel, clock::now());
        channel.set_time(self.options.transfer_within);
        let payload = record::listener(self.next_number);
        channel.send(Kind::Listener, &payload, Some(listener.as_fd()))?;
        for (number, name) in self.chat.users() {
            channel.send(Kind::User, &record::user(number, name), None)?;
        }
        let mut given = Vec::new();
        for (number, peer) in &self.peers {
            // An error means that it is in the middle of a compressed message, `None` that it ends.
            if let Ok(Some(payload)) = record::connection(*number, peer, "", now) {
                channel.send(Kind::Connection, &payload, Some(peer.socket.as_fd()))?;
                given.push(*number);
            }
        }
        channel.send(Kind::End, &record::number(given.len() as u64), None)?;
        channel.expect(Kind::Ready)?;
        channel.send(Kind::Go, &[], None)?;
        successor.wait_until_it_serves()?;
        Ok(given)
    }

    /// Gives a connection to the new process if it can have it by now, or tells that it has ended.
    /// `news` is what the chat would have heard of it.
    pub(crate) fn give_later(&mut self, number: u64, news: Vec<News>) {
        let Handover::Given { channel, .. } = &mut self.handover else { return };
        let line = news.iter().find_map(|news| match news {
            News::Said(line) => Some(&**line),
            _ => None,
        });
        let (line, now) = (line.unwrap_or_default(), clock::now());
        let mut send = |kind, payload: &[u8], socket| {
            channel.set_time(self.options.transfer_within);
            channel.send(kind, payload, socket)
        };
        let sent = match self.peers.get(&number) {
            None => send(Kind::Left, &record::number(number), None),
            Some(peer) => match record::connection(number, peer, line, now) {
                Ok(Some(payload)) => {
                    let sent = send(Kind::Connection, &payload, Some(peer.socket.as_fd()));
                    if sent.is_ok() {
                        self.remove(number);
                    }
                    sent
                }
                _ => Ok(()),
            },
        };
        if let Err(error) = sent {
            // A record that was sent in part is of no use, and nothing else can follow it.
            print::log(format_args!(
                "the new process takes no more: {error}. {} connections are closed",
                self.peers.len()
            ));
            self.handover = Handover::None;
            self.go_away("the server has been replaced");
        }
    }
}
