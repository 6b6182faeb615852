//! The chat on a bus: its scripts order the events and keep the room, and every server follows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::RedisError;
use serde_json::Value;

#[path = "bus.rs"]
mod bus;
use self::bus::{Bus, Entry, Instance};
use crate::dialect::Dialect;
use crate::names::Name;
use crate::print::{self, Level};
use crate::room::{Event, Interrupted, Order, Room, Seat, Users};
use crate::{LINE_CHARS_MAX, Peer};

/// Longer than any event of ours.
const EVENT_BYTES_MAX: usize = 16 << 10;

/// Makes this server part of the chat that the bus has.
pub(crate) fn join(
    url: &str,
    deadline: Duration,
    room: Arc<Room>,
) -> Result<Box<dyn Order>, String> {
    let bus = Arc::new(Bus::open(url, "chat:", include_str!("chat.lua"))?);
    bus.begin(deadline, Follower(Arc::clone(&room)))?;
    Ok(Box::new(OnBus { bus, room, announced: AtomicU64::new(0) }))
}

struct OnBus {
    bus: Arc<Bus>,
    room: Arc<Room>,
    /// How many calls were for this server itself.
    announced: AtomicU64,
}

impl OnBus {
    fn interrupted(&self, error: &RedisError) -> Interrupted {
        print::note(Level::Warning, None, self.bus.unreachable(error));
        Interrupted
    }

    /// Returns the outcome of a call that answers whether the caller still is one.
    fn done(&self, answer: Result<bool, RedisError>) -> Result<(), Interrupted> {
        match answer {
            Ok(true) => Ok(()),
            Ok(false) => Err(Interrupted),
            Err(error) => Err(self.interrupted(&error)),
        }
    }
}

impl Order for OnBus {
    fn join(&self, peer: &Peer, dialect: Dialect) -> Result<Seat, Interrupted> {
        let id = self.bus.new_id().map_err(|error| self.interrupted(&error))?;
        let seat = Seat { id, server: self.bus.instance() };
        let name = Name::of_guest(id);
        let event = Event::Joined { id, name: name.clone() }.to_json().to_string();
        // Before, because the event may come back at once.
        self.room.expect(seat, peer, dialect);
        match self.bus.call("join", (seat.server, id, name.as_str(), event)) {
            Ok(true) => Ok(seat),
            Ok(false) => {
                self.room.forget(seat);
                Err(Interrupted)
            }
            Err(error) => {
                // Perhaps it has happened.
                self.leave(seat);
                Err(self.interrupted(&error))
            }
        }
    }

    fn say(&self, seat: Seat, call: u64, message: &Event) -> Result<(), Interrupted> {
        let (event, history_max) = (message.to_json().to_string(), self.room.history_max());
        self.done(self.bus.call("say", (seat.server, seat.id, call, event, history_max)))
    }

    fn announce(&self, message: &Event) -> Result<(), Interrupted> {
        let call = self.announced.fetch_add(1, Ordering::Relaxed) + 1;
        let (event, history_max) = (message.to_json().to_string(), self.room.history_max());
        self.done(self.bus.call("announce", (self.bus.instance(), call, event, history_max)))
    }

    fn rename(&self, seat: Seat, call: u64, name: &Name) -> Result<bool, Interrupted> {
        let Seat { id, server } = seat;
        let event = Event::Renamed { id, name: name.clone() }.to_json().to_string();
        match self.bus.call("rename", (server, id, call, name.as_str(), &name.looks()[..], event)) {
            Ok(0) => Err(Interrupted),
            Ok(answer) => Ok(answer == 1),
            Err(error) => Err(self.interrupted(&error)),
        }
    }

    fn leave(&self, seat: Seat) {
        self.room.forget(seat);
        self.bus.leave(seat.server, seat.id, "");
    }

    fn end(&self) {
        self.bus.end();
    }
}

/// Applies the events of the bus to the room.
struct Follower(Arc<Room>);

impl Instance for Follower {
    /// The names by id, and the newest messages.
    type State = (Vec<(Vec<u8>, Vec<u8>)>, Vec<(String, Vec<Vec<u8>>)>);

    fn begin(&mut self, (names, history): Self::State) {
        let not_ours = |what: &str, why| {
            let text = format_args!("the bus: {what} is not ours: {why}");
            print::note(Level::Warning, None, text);
        };
        let mut users = Users::new();
        for (id, name) in names {
            match user_of(&id, &name) {
                Ok((id, name)) => drop(users.insert(id, name)),
                Err(why) => not_ours("a name", why),
            }
        }
        let mut messages = VecDeque::new();
        for (id, entry) in history {
            match events_of(&Entry::new(entry)).as_deref() {
                Ok([event @ Event::Said { .. }]) => messages.push_back(event.clone()),
                Ok(_) => not_ours(&id, "no message".into()),
                Err(why) => not_ours(&id, why.clone()),
            }
        }
        self.0.reset(users, messages);
    }

    fn stream(&self, _: u64) -> String {
        "events".into()
    }

    fn receive(&mut self, entry: &Entry) -> Result<(), String> {
        events_of(entry)?.iter().for_each(|event| self.0.apply(event));
        Ok(())
    }
}

/// Returns the events of an entry: one for each user that has left, none if it is about servers.
fn events_of(entry: &Entry) -> Result<Vec<Event>, String> {
    let text = entry.text("event", EVENT_BYTES_MAX)?;
    let event: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let number = |name: &str| {
        event.get(name).and_then(Value::as_u64).ok_or_else(|| format!("no number {name:?}"))
    };
    let text = |name: &str| {
        event.get(name).and_then(Value::as_str).ok_or_else(|| format!("no text {name:?}"))
    };
    Ok(vec![match text("type")? {
        "server" => return Ok(Vec::new()),
        "joined" => Event::Joined { id: number("id")?, name: name_of(text("name")?)? },
        "left" => {
            let ids = event.get("ids").and_then(Value::as_array).into_iter().flatten();
            let left = ids.map(|id| Some(Event::Left { id: id.as_u64()? })).collect();
            return Option::ok_or(left, "no numbers \"ids\"".into());
        }
        "renamed" => Event::Renamed { id: number("id")?, name: name_of(text("name")?)? },
        "message" => {
            let text = text("text")?;
            if text.chars().count() > LINE_CHARS_MAX {
                return Err(format!("a text of {} bytes", text.len()));
            }
            Event::Said {
                id: number("id")?,
                author: name_of(event["author"].as_str().unwrap_or_default())?,
                sent: number("sent")?,
                text: text.into(),
            }
        }
        other => return Err(format!("the type is \"{}\"", hybi::escaped(other))),
    }])
}

/// Returns a user from the list of the bus.
fn user_of(id: &[u8], name: &[u8]) -> Result<(u64, Name), String> {
    let text = |bytes| std::str::from_utf8(bytes).map_err(|error| error.to_string());
    let id = text(id)?.parse().map_err(|_| "its id is no number")?;
    Ok((id, name_of(text(name)?)?))
}

/// Returns a name that a user can have.
fn name_of(text: &str) -> Result<Name, String> {
    if let Some(name) = text.strip_prefix("guest ").and_then(|id| id.parse().ok()) {
        return Ok(Name::of_guest(name));
    }
    let server = Name::of_server();
    if text == server.as_str() {
        return Ok(server);
    }
    Name::chosen(text).map_err(|error| error.to_string())
}
