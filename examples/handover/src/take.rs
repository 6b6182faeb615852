//! The new process: takes the connections from the old one, which has started it.
//!
//! It reads and writes none of their bytes before the old process says so. Until then any error
//! ends this process, and the old one goes on.

use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::mem;
use std::net;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use hybi::connection::Prepared;
use mio::Interest;
use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use rustix::stdio::dup2_stdin;
use signal_hook_mio::v1_0::Signals;

use crate::channel::{Channel, Kind, Record};
use crate::chat::News;
use crate::give::Options;
use crate::peer::CHAT_BACKLOG_MAX;
use crate::server::{PREDECESSOR, Server};
use crate::{clock, print, record};

/// How long the old process may take to begin the transfer.
const TAKE_WITHIN: Duration = Duration::from_secs(60);
/// How long a record may take that has begun, while others are served.
const RECORD_WITHIN: Duration = Duration::from_secs(5);

/// The messages for a user of the chat whose connection has not come yet.
#[derive(Default)]
pub(crate) struct Missed {
    messages: Vec<Prepared>,
    bytes: usize,
}

/// Takes over from the process at the other end of standard input.
pub(crate) fn take_over(signals: Signals, options: Options) -> Result<Server, Box<dyn Error>> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    if socket.peer_addr().is_err() {
        return Err("only the process to be replaced says --take-over".into());
    }
    // Otherwise the channel would not close with `socket`.
    dup2_stdin(File::open("/dev/null")?)?;
    let mut channel = Channel::new(socket);
    channel.set_time(options.transfer_within.saturating_add(TAKE_WITHIN));
    channel.send(Kind::Hello, &record::hello(), None)?;

    let first = channel.expect(Kind::Listener)?;
    let listener = net::TcpListener::from(descriptor(first.descriptor)?);
    let mut server = Server::new(TcpListener::from_std(listener), signals, options)?;
    server.next_number = record::read_listener(&first.payload)?;
    let end = loop {
        let record = channel.receive()?;
        match record.kind {
            Kind::User => {
                let (number, name) = record::read_user(&record.payload)?;
                server.chat.adopt(number, name);
                server.awaited.insert(number, Missed::default());
            }
            Kind::Connection => server.adopt(record)?,
            Kind::End => break record.payload,
            other => return Err(format!("a record {other:?} came at the wrong time").into()),
        }
    };
    let (here, sent) = (server.peers.len() as u64, record::read_number(&end)?);
    if here != sent {
        return Err(format!("{here} of {sent} connections came").into());
    }

    channel.send(Kind::Ready, &[], None)?;
    channel.expect(Kind::Go)?;
    // An error means that the old process has ended: so nobody else serves.
    let _ = channel.send(Kind::Serving, &[], None);
    let raw = channel.as_fd().as_raw_fd();
    server.poller.registry().register(&mut SourceFd(&raw), PREDECESSOR, Interest::READABLE)?;
    server.predecessor = Some(channel);
    server.hear_predecessor();
    Ok(server)
}

impl Server {
    /// Takes what still comes from the old process, until it ends.
    pub(crate) fn hear_predecessor(&mut self) {
        let Some(mut channel) = self.predecessor.take() else { return };
        loop {
            match self.hear(&mut channel) {
                Ok(true) => {}
                Ok(false) => {
                    self.predecessor = Some(channel);
                    return;
                }
                Err(error) => {
                    if error.kind() != ErrorKind::UnexpectedEof {
                        print::log(format_args!("no more of the old process: {error}"));
                    }
                    break;
                }
            }
        }
        // The old process cannot send to a channel that is closed, and closes what is left there.
        drop(channel);
        for number in mem::take(&mut self.awaited).into_keys() {
            self.tell(number, News::Left);
        }
        if mem::take(&mut self.next_handover) {
            self.begin_handover();
        }
    }

    /// Takes a record. Returns whether there was one.
    fn hear(&mut self, channel: &mut Channel) -> io::Result<bool> {
        if !channel.has_arrived(0)? {
            return Ok(false);
        }
        channel.set_time(RECORD_WITHIN);
        let record = channel.receive()?;
        let number = record::read_number_before(&record.payload);
        match record.kind {
            Kind::Connection => {
                if let Err(error) = self.adopt(record) {
                    print::log(format_args!("a connection is lost: {error}"));
                    self.await_no_longer(number);
                }
            }
            Kind::Left => self.await_no_longer(number),
            other => {
                let text = format!("a record {other:?} came at the wrong time");
                return Err(io::Error::new(ErrorKind::InvalidData, text));
            }
        }
        Ok(true)
    }

    fn await_no_longer(&mut self, number: u64) {
        if self.awaited.remove(&number).is_some() {
            self.tell(number, News::Left);
        }
    }

    fn adopt(&mut self, record: Record) -> Result<(), Box<dyn Error>> {
        let socket = net::TcpStream::from(descriptor(record.descriptor)?);
        let socket = TcpStream::from_std(socket);
        let (number, mut peer, line) =
            record::read_connection(&record.payload, socket, clock::now())?;
        if peer.is_in_chat() {
            let missed = self.awaited.remove(&number).ok_or("no such user")?;
            missed.messages.iter().for_each(|message| peer.say(message));
        }
        if self.listener.is_none() {
            peer.go_away("the server is going down", clock::now());
        }
        self.add(number, peer)?;
        if !line.is_empty() {
            self.tell(number, News::Said(line.to_owned()));
        }
        Ok(())
    }
}

impl Missed {
    /// Keeps a message, unless the user is too slow already.
    pub(crate) fn say(&mut self, message: &Prepared) {
        if self.bytes <= CHAT_BACKLOG_MAX {
            self.bytes += message.frame().len();
            self.messages.push(message.clone());
        }
    }
}

fn descriptor(descriptor: Option<OwnedFd>) -> Result<OwnedFd, &'static str> {
    descriptor.ok_or("a record without its descriptor")
}
