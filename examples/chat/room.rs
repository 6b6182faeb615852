//! The room: who is in it, what was said, and whom to tell.
#![cfg_attr(not(feature = "bus"), allow(dead_code, reason = "some of it is for the bus"))]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hybi::CloseCode;
use hybi::connection::Prepared;
use serde_json::{Value, json};

use crate::Peer;
use crate::names::Name;

/// How many messages somebody who comes late is shown.
pub(crate) const HISTORY_MAX: usize = 50;

/// An event in the room.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Joined { id: u64, name: Name },
    Left { id: u64 },
    Renamed { id: u64, name: Name },
    Said { id: u64, author: Name, sent: u64, text: String },
}

impl Event {
    /// Returns the event as it is sent to the users.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Joined { id, name } => {
                json!({ "type": "joined", "id": id, "name": name.as_str() })
            }
            Self::Left { id } => json!({ "type": "left", "id": id }),
            Self::Renamed { id, name } => {
                json!({ "type": "renamed", "id": id, "name": name.as_str() })
            }
            Self::Said { id, author, sent, text } => json!({
                "type": "message",
                "id": id,
                "author": author.as_str(),
                "sent": sent,
                "text": text,
            }),
        }
    }
}

/// A user's place in the chat. The id alone is not enough: a bus that has lost its data gives out
/// the same ids again, and those who had them before may still be on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) id: u64,
    /// The number that this server had on the bus; 0 without one.
    pub(crate) server: u64,
}

/// Puts events into one order for all, and applies them to the room: [`Here`], or on a bus.
///
/// A user numbers its calls from 1, so that one of which the answer was lost can be repeated.
pub(crate) trait Order: Send + Sync {
    /// Lets somebody in as a guest.
    fn join(&self, peer: &Peer) -> Result<Seat, Interrupted>;
    /// Says something.
    fn say(&self, seat: Seat, call: u64, message: &Event) -> Result<(), Interrupted>;
    /// Gives a user a name. Returns whether it was free.
    fn rename(&self, seat: Seat, call: u64, name: &Name) -> Result<bool, Interrupted>;
    /// Takes a user out.
    fn leave(&self, seat: Seat);
    /// Tells the others, if there are any, that this server ends.
    fn end(&self) {}
}

/// The order cannot be had at the moment. Why is in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupted;

/// The room as this server knows it.
#[derive(Default)]
pub(crate) struct Room(Mutex<State>);

#[derive(Default)]
struct State {
    users: BTreeMap<u64, Name>,
    /// The connections of users that are served here. Nothing is sent before they are users.
    peers: BTreeMap<u64, (Seat, Peer)>,
    history: VecDeque<Value>,
}

impl Room {
    /// Prepares for a user that is about to join.
    pub(crate) fn expect(&self, seat: Seat, peer: &Peer) {
        self.state().expect(seat, peer);
    }

    /// Tells a user nothing any more.
    pub(crate) fn forget(&self, seat: Seat) {
        self.state().forget(seat);
    }

    /// Applies an event and sends it to everybody. An impossible event, such as a user who leaves
    /// twice, changes nothing.
    pub(crate) fn apply(&self, event: &Event) {
        self.state().apply(event);
    }

    /// Begins anew. Those who were here are sent away, and may come back at once.
    pub(crate) fn reset(&self, users: BTreeMap<u64, Name>, history: VecDeque<Value>) {
        let new = State { users, peers: BTreeMap::new(), history };
        let old = std::mem::replace(&mut *self.state(), new);
        old.peers.values().for_each(|(_, peer)| send_away(peer));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send_away(peer: &Peer) {
    // An error means that it is closing already.
    let _ = peer.close(CloseCode::SERVICE_RESTART, "interrupted: please come back");
}

impl State {
    fn expect(&mut self, seat: Seat, peer: &Peer) {
        self.peers.insert(seat.id, (seat, peer.clone()));
    }

    fn forget(&mut self, seat: Seat) {
        if self.peers.get(&seat.id).is_some_and(|(at, _)| *at == seat) {
            self.peers.remove(&seat.id);
        }
    }

    fn apply(&mut self, event: &Event) {
        let is_news = match event {
            Event::Joined { id, .. } => !self.users.contains_key(id),
            Event::Left { id } => self.users.remove(id).is_some(),
            Event::Renamed { id, .. } => self.users.contains_key(id),
            Event::Said { .. } => true,
        };
        if !is_news {
            return;
        }
        let told = event.to_json();
        self.broadcast(&told);
        match event {
            Event::Joined { id, name } => {
                self.users.insert(*id, name.clone());
                self.welcome(*id, name);
            }
            // One that leaves here is forgotten before. The bus has taken this one out.
            Event::Left { id } => {
                if let Some((_, peer)) = self.peers.remove(id) {
                    send_away(&peer);
                }
            }
            Event::Renamed { id, name } => drop(self.users.insert(*id, name.clone())),
            Event::Said { .. } => {
                self.history.push_back(told);
                if self.history.len() > HISTORY_MAX {
                    self.history.pop_front();
                }
            }
        }
    }

    fn welcome(&self, id: u64, name: &Name) {
        let Some((_, peer)) = self.peers.get(&id) else { return };
        let users: Vec<Value> = self
            .users
            .iter()
            .map(|(id, name)| json!({ "id": id, "name": name.as_str() }))
            .collect();
        let message = json!({
            "type": "welcome",
            "id": id,
            "name": name.as_str(),
            "users": users,
            "history": self.history,
        });
        let _ = peer.send(&*message.to_string());
    }

    /// Encodes once and queues for everybody. The hub drops a user that is too slow.
    fn broadcast(&self, message: &Value) {
        let message = Prepared::new(&message.to_string());
        for (_, (_, peer)) in self.peers.iter().filter(|(id, _)| self.users.contains_key(id)) {
            // An error means that it is closing, or too slow, which the hub sees to.
            let _ = peer.send_prepared(&message);
        }
    }
}

/// The order of one server: that in which its lock is taken. It is held while a message is queued
/// for everybody. Queueing does not wait.
pub(crate) struct Here(pub(crate) Arc<Room>);

impl Order for Here {
    fn join(&self, peer: &Peer) -> Result<Seat, Interrupted> {
        let id = peer.id();
        let seat = Seat { id, server: 0 };
        let mut state = self.0.state();
        state.expect(seat, peer);
        state.apply(&Event::Joined { id, name: Name::of_guest(id) });
        Ok(seat)
    }

    fn say(&self, _: Seat, _: u64, message: &Event) -> Result<(), Interrupted> {
        self.0.state().apply(message);
        Ok(())
    }

    fn rename(&self, Seat { id, .. }: Seat, _: u64, name: &Name) -> Result<bool, Interrupted> {
        let mut state = self.0.state();
        let is_free =
            !state.users.iter().any(|(other, taken)| *other != id && taken.resembles(name));
        if is_free {
            state.apply(&Event::Renamed { id, name: name.clone() });
        }
        Ok(is_free)
    }

    fn leave(&self, seat: Seat) {
        let mut state = self.0.state();
        state.forget(seat);
        state.apply(&Event::Left { id: seat.id });
    }
}
