//! The room: who is in it, what was said, and whom to tell.
#![cfg_attr(not(feature = "bus"), allow(dead_code, reason = "some of it is for the bus"))]

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hybi::CloseCode;
use hybi::blocking::SendError;
use hybi::connection::Prepared;
use serde_json::{Value, json};

use crate::Peer;
use crate::dialect::Dialect;
use crate::names::Name;

/// The users, by their numbers.
pub(crate) type Users = BTreeMap<u64, Name>;

/// The number of the chat itself, which no user has.
pub(crate) const SERVER_ID: u64 = 0;

/// An event in the room.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Joined { id: u64, name: Name },
    Left { id: u64 },
    Renamed { id: u64, name: Name },
    Said { id: u64, author: Name, sent: u64, text: String },
}

impl Event {
    /// Returns the event as it is sent to the chat's own clients, and on a bus.
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
    fn join(&self, peer: &Peer, dialect: Dialect) -> Result<Seat, Interrupted>;
    /// Says something for a user.
    fn say(&self, seat: Seat, call: u64, message: &Event) -> Result<(), Interrupted>;
    /// Says something for the chat itself.
    fn announce(&self, message: &Event) -> Result<(), Interrupted>;
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
pub(crate) struct Room {
    /// How many messages somebody who comes late is shown.
    history_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    users: Users,
    /// The connections of users that are served here. Nothing is sent before they are users.
    members: BTreeMap<u64, Member>,
    /// The newest messages.
    history: VecDeque<Event>,
}

struct Member {
    seat: Seat,
    peer: Peer,
    dialect: Dialect,
}

impl Room {
    pub(crate) fn new(history_max: usize) -> Self {
        Self { history_max, state: Mutex::default() }
    }

    pub(crate) fn history_max(&self) -> usize {
        self.history_max
    }

    /// Prepares for a user that is about to join.
    pub(crate) fn expect(&self, seat: Seat, peer: &Peer, dialect: Dialect) {
        let member = Member { seat, peer: peer.clone(), dialect };
        self.state().members.insert(seat.id, member);
    }

    /// Tells a user nothing any more.
    pub(crate) fn forget(&self, seat: Seat) {
        let mut state = self.state();
        if state.members.get(&seat.id).is_some_and(|member| member.seat == seat) {
            state.members.remove(&seat.id);
        }
    }

    /// Returns all users, with the connections of those that are served here.
    pub(crate) fn list(&self) -> Vec<(u64, Name, Option<Peer>)> {
        let state = self.state();
        let peer = |id| state.members.get(id).map(|member| member.peer.clone());
        state.users.iter().map(|(id, name)| (*id, name.clone(), peer(id))).collect()
    }

    /// Applies an event and sends it to everybody. An impossible event, such as a user who leaves
    /// twice, changes nothing.
    pub(crate) fn apply(&self, event: &Event) {
        self.state().apply(event, self.history_max);
    }

    /// Begins anew. Those who were here are sent away, and may come back at once.
    pub(crate) fn reset(&self, users: Users, mut history: VecDeque<Event>) {
        history.drain(..history.len().saturating_sub(self.history_max));
        let new = State { users, members: BTreeMap::new(), history };
        let old = std::mem::replace(&mut *self.state(), new);
        old.members.values().for_each(|member| send_away(&member.peer));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send_away(peer: &Peer) {
    // An error means that it is closing already.
    let _ = peer.close(CloseCode::SERVICE_RESTART, "interrupted: please come back");
}

/// Sees to a user who could not be told something.
fn see_to(peer: &Peer, sent: Result<(), SendError>) {
    // Others are closing, or too slow, which the hub sees to.
    if let Err(SendError::TooLong { .. }) = sent {
        // A bus may have more than fit into the queue. An error means that it is closing already.
        let _ = peer.close(CloseCode::TRY_AGAIN_LATER, "too many users to list");
    }
}

impl State {
    fn apply(&mut self, event: &Event, history_max: usize) {
        let mut newcomer = None;
        match event {
            Event::Joined { id, name } => match self.users.entry(*id) {
                Entry::Vacant(place) => {
                    place.insert(name.clone());
                    newcomer = Some(*id);
                }
                Entry::Occupied(_) => return,
            },
            Event::Left { id } => {
                if self.users.remove(id).is_none() {
                    return;
                }
                // One that leaves here is forgotten before. The bus has taken this one out.
                if let Some(member) = self.members.remove(id) {
                    send_away(&member.peer);
                }
            }
            Event::Renamed { id, name } => match self.users.get_mut(id) {
                Some(old) => *old = name.clone(),
                None => return,
            },
            Event::Said { .. } => {
                self.history.push_back(event.clone());
                if self.history.len() > history_max {
                    self.history.pop_front();
                }
            }
        }
        self.broadcast(event, newcomer);
        if let Some(id) = newcomer {
            self.welcome(id);
        }
    }

    fn welcome(&self, id: u64) {
        let Some(Member { peer, dialect, .. }) = self.members.get(&id) else { return };
        for message in dialect.welcome(id, &self.users, &self.history) {
            see_to(peer, peer.send(&*message));
        }
    }

    /// Encodes once for each dialect, and queues for everybody but the newcomer. The hub drops a
    /// user that is too slow.
    fn broadcast(&self, event: &Event, newcomer: Option<u64>) {
        let mut messages = BTreeMap::new();
        for (id, Member { peer, dialect, .. }) in &self.members {
            if Some(*id) == newcomer || !self.users.contains_key(id) {
                continue;
            }
            let message = messages
                .entry(*dialect)
                .or_insert_with(|| Prepared::new(&*dialect.news(event, &self.users)));
            see_to(peer, peer.send_prepared(message));
        }
    }
}

/// The order of one server: that in which its lock is taken. It is held while a message is queued
/// for everybody. Queueing does not wait.
pub(crate) struct Here(pub(crate) Arc<Room>);

impl Order for Here {
    fn join(&self, peer: &Peer, dialect: Dialect) -> Result<Seat, Interrupted> {
        let id = peer.id();
        let seat = Seat { id, server: 0 };
        self.0.expect(seat, peer, dialect);
        self.0.apply(&Event::Joined { id, name: Name::of_guest(id) });
        Ok(seat)
    }

    fn say(&self, _: Seat, _: u64, message: &Event) -> Result<(), Interrupted> {
        self.announce(message)
    }

    fn announce(&self, message: &Event) -> Result<(), Interrupted> {
        self.0.apply(message);
        Ok(())
    }

    fn rename(&self, Seat { id, .. }: Seat, _: u64, name: &Name) -> Result<bool, Interrupted> {
        let mut state = self.0.state();
        let is_free =
            !state.users.iter().any(|(other, taken)| *other != id && taken.resembles(name));
        if is_free {
            state.apply(&Event::Renamed { id, name: name.clone() }, self.0.history_max);
        }
        Ok(is_free)
    }

    fn leave(&self, seat: Seat) {
        self.0.forget(seat);
        self.0.apply(&Event::Left { id: seat.id });
    }
}
