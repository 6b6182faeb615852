//! The new process: takes the connections from the old one, which has started it.
//!
//! It reads and writes none of their bytes before the old process says so. Until then any error
//! ends this process, and the old one goes on.

use std::collections::HashMap;
use std::error::Error;
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
use signal_hook_mio::v1_0::Signals;

use crate::channel::{Channel, Kind, Record};
use crate::chat::News;
use crate::give::Options;
use crate::peer::CHAT_BACKLOG_MAX;
use crate::server::{PREDECESSOR, Server};
use crate::{clock, print, record};

/// How long the old process may take, which has limits of its own.
const TAKE_WITHIN: Duration = Duration::from_secs(60);
/// How long a record may take that has begun, while others are served.
const RECORD_WITHIN: Duration = Duration::from_secs(5);

/// The old process, which may still have connections in the middle of compressed messages.
pub(crate) struct Predecessor {
    channel: Channel,
    /// The users of the chat whose connections have not come yet, and what they have missed.
    awaited: HashMap<u64, Missed>,
}

#[derive(Default)]
struct Missed {
    messages: Vec<Prepared>,
    bytes: usize,
}

/// Takes over from the process at the other end of standard input.
pub(crate) fn take_over(signals: Signals, options: Options) -> Result<Server, Box<dyn Error>> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut channel = Channel::new(socket);
    channel
        .set_time(TAKE_WITHIN)
        .map_err(|_| "only the process to be replaced says --take-over")?;
    channel.send(Kind::Hello, &record::hello(), None)?;

    let first = channel.expect(Kind::Listener)?;
    let listener = net::TcpListener::from(descriptor(first.descriptor)?);
    let mut server = Server::new(TcpListener::from_std(listener), signals, options)?;
    server.next_number = record::read_listener(&first.payload)?;
    let mut awaited = HashMap::new();
    let end = loop {
        let record = channel.receive()?;
        match record.kind {
            Kind::User => {
                let (number, name) = record::read_user(&record.payload)?;
                server.chat.adopt(number, name);
                awaited.insert(number, Missed::default());
            }
            Kind::Connection => server.adopt(record, &mut awaited)?,
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
    server.predecessor = Some(Predecessor { channel, awaited });
    server.hear_predecessor();
    Ok(server)
}

impl Server {
    /// Takes what still comes from the old process, until it ends.
    pub(crate) fn hear_predecessor(&mut self) {
        let Some(mut old) = self.predecessor.take() else { return };
        loop {
            match self.hear(&mut old) {
                Ok(true) => {}
                Ok(false) => {
                    self.predecessor = Some(old);
                    return;
                }
                Err(error) => {
                    let ended = error.downcast_ref::<io::Error>().map(io::Error::kind);
                    if ended != Some(ErrorKind::UnexpectedEof) {
                        print::log(format_args!("no more of the old process: {error}"));
                    }
                    break;
                }
            }
        }
        // Standard input is the same socket, so it does not leave with the channel.
        let raw = old.channel.as_fd().as_raw_fd();
        let _ = self.poller.registry().deregister(&mut SourceFd(&raw));
        for number in old.awaited.into_keys() {
            self.tell(number, News::Left);
        }
        if mem::take(&mut self.next_handover) {
            self.begin_handover();
        }
    }

    /// Takes a record. Returns whether there was one.
    fn hear(&mut self, old: &mut Predecessor) -> Result<bool, Box<dyn Error>> {
        if !old.channel.has_arrived(0)? {
            return Ok(false);
        }
        old.channel.set_time(RECORD_WITHIN)?;
        let record = old.channel.receive()?;
        match record.kind {
            Kind::Connection => self.adopt(record, &mut old.awaited)?,
            Kind::Left => {
                let number = record::read_number(&record.payload)?;
                if old.awaited.remove(&number).is_some() {
                    self.tell(number, News::Left);
                }
            }
            other => return Err(format!("a record {other:?} came at the wrong time").into()),
        }
        Ok(true)
    }

    fn adopt(
        &mut self,
        record: Record,
        awaited: &mut HashMap<u64, Missed>,
    ) -> Result<(), Box<dyn Error>> {
        let socket = net::TcpStream::from(descriptor(record.descriptor)?);
        let socket = TcpStream::from_std(socket);
        let (number, mut peer, line) =
            record::read_connection(&record.payload, socket, clock::now())?;
        if peer.is_in_chat() {
            let missed = awaited.get_mut(&number).map(mem::take).ok_or("no such user")?;
            missed.messages.iter().for_each(|message| peer.say(message));
            awaited.remove(&number);
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

impl Predecessor {
    /// Keeps a message for a user whose connection has not come yet.
    pub(crate) fn say(&mut self, number: u64, message: &Prepared) {
        if let Some(missed) = self.awaited.get_mut(&number)
            && missed.bytes <= CHAT_BACKLOG_MAX
        {
            missed.bytes += message.frame().len();
            missed.messages.push(message.clone());
        }
    }
}

fn descriptor(descriptor: Option<OwnedFd>) -> Result<OwnedFd, &'static str> {
    descriptor.ok_or("a record without its descriptor")
}
