//! When to stop reading and when not to, as docs/guide.md says: two peers over pipes that hold little, as sockets do.

use std::collections::VecDeque;

use hybi::{Client, Config, Connection, Event, Inbox, Outbox, Role, Server};

use crate::common::Keys;

/// What a direction holds that was written and not read.
const PIPE: usize = 64 << 10;
/// The backlog beyond which a server that answers does not read, and beyond which nothing more is said unasked.
const BACKLOG_MAX: usize = 256 << 10;
const MESSAGE: usize = 10_000;

/// One end of a connection, and what it has written.
struct Peer<R> {
    ws: Connection<R>,
    inbox: Inbox,
    out: Outbox,
    written: VecDeque<u8>,
    /// The most bytes that were unsent.
    backlog_max: usize,
    messages: usize,
}

impl<R: Role> Peer<R> {
    fn new(ws: Connection<R>) -> Self {
        let (inbox, out) = (Inbox::new(), Outbox::new());
        Self { ws, inbox, out, written: VecDeque::new(), backlog_max: 0, messages: 0 }
    }

    /// Reads once, what there is. `echo`: answers each message.
    fn read(&mut self, from: &mut VecDeque<u8>, echo: bool) -> usize {
        let room = self.inbox.room();
        let n = room.len().min(from.len());
        for (slot, byte) in room.iter_mut().zip(from.drain(..n)) {
            *slot = byte;
        }
        self.inbox.filled(n);
        let mut input = self.inbox.input();
        while let Some(event) = self.ws.receive(&mut input, &mut self.out).unwrap() {
            let Event::Binary(payload) = event else { panic!("{event:?}") };
            assert_eq!(payload.len(), MESSAGE);
            self.messages += 1;
            if echo {
                self.ws.send(&payload, &mut self.out).unwrap();
            }
        }
        n
    }

    /// Writes what the pipe has room for.
    fn write(&mut self) -> usize {
        self.backlog_max = self.backlog_max.max(self.out.backlog());
        let room = PIPE - self.written.len();
        let n = self.out.len().min(room);
        self.written.extend(&self.out.front()[..n]);
        self.out.sent(n);
        n
    }
}

fn pair() -> (Peer<Server>, Peer<Client<Keys>>) {
    let keys: Keys = || [1, 2, 3, 4];
    let client = Connection::client_with_keys(Config::default(), keys);
    (Peer::new(Connection::server(Config::default())), Peer::new(client))
}

/// The client sends without end and reads nothing. The server's memory stays within the limit and what one read asks for.
#[test]
fn a_server_that_answers_stops_reading_while_its_answers_are_not_taken() {
    let (mut server, mut client) = pair();
    let mut sent = 0;
    loop {
        // The client would send for ever.
        while client.out.backlog() <= BACKLOG_MAX {
            client.ws.send(&[7; MESSAGE], &mut client.out).unwrap();
            sent += 1;
        }
        let mut moved = client.write();
        if server.out.backlog() <= BACKLOG_MAX {
            moved += server.read(&mut client.written, true);
        }
        moved += server.write();
        if moved == 0 {
            break; // both pipes are full
        }
    }
    assert!(server.messages > 0 && server.messages < sent);
    assert!(server.backlog_max > BACKLOG_MAX, "the limit was reached");
    assert!(server.backlog_max <= BACKLOG_MAX + 4 * MESSAGE, "{}", server.backlog_max);

    // Once the client reads, everything is answered.
    while client.messages < sent {
        let mut moved = client.write() + client.read(&mut server.written, false);
        if server.out.backlog() <= BACKLOG_MAX {
            moved += server.read(&mut client.written, true);
        }
        moved += server.write();
        assert!(moved > 0, "they wait for each other: {} of {sent}", client.messages);
    }
    assert!(server.backlog_max <= BACKLOG_MAX + 4 * MESSAGE, "{}", server.backlog_max);
}

/// How many messages arrive at each end if both send 1,000 unasked.
fn both_send(stops_reading: bool) -> [usize; 2] {
    const MESSAGES: usize = 1000;

    fn turn<R: Role, Q>(
        peer: &mut Peer<R>,
        other: &mut Peer<Q>,
        sent: &mut usize,
        stops_reading: bool,
    ) -> usize {
        // It bounds what it says unasked.
        while *sent < MESSAGES && peer.out.backlog() <= BACKLOG_MAX {
            peer.ws.send(&[7; MESSAGE], &mut peer.out).unwrap();
            *sent += 1;
        }
        let may_read = !stops_reading || peer.out.backlog() <= BACKLOG_MAX;
        peer.write() + if may_read { peer.read(&mut other.written, false) } else { 0 }
    }

    let (mut server, mut client) = pair();
    let mut sent = [0; 2];
    loop {
        let moved = turn(&mut server, &mut client, &mut sent[0], stops_reading)
            + turn(&mut client, &mut server, &mut sent[1], stops_reading);
        if moved == 0 {
            break;
        }
    }
    for backlog_max in [server.backlog_max, client.backlog_max] {
        assert!(backlog_max <= BACKLOG_MAX + 2 * MESSAGE, "{backlog_max}");
    }
    [server.messages, client.messages]
}

#[test]
fn two_peers_that_send_unasked_and_go_on_reading_get_everything() {
    assert_eq!(both_send(false), [1000, 1000]);
}

/// Why the rule for a server that answers is not a rule for everybody.
#[test]
fn two_peers_that_send_unasked_and_stop_reading_wait_for_each_other_for_ever() {
    let [at_server, at_client] = both_send(true);
    assert!(at_server < 1000 && at_client < 1000, "{at_server}, {at_client}");
}
