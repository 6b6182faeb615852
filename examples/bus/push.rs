//! The connections of all servers on a bus. Each carries out orders for those that it has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hybi::blocking::Closed;
use hybi::connection::Prepared;
use hybi::{CloseCode, Message};
use redis::RedisError;

#[path = "bus.rs"]
mod bus;
use self::bus::{Bus, Entry, Instance, NOTHING, lock};
use crate::connections::{CLOSED_FROM_TERMINAL, Connections, Heard, Seat, has_said_nothing};
use crate::status::Connection;
use crate::{AnyError, Handled, MESSAGE_BYTES_MAX};

/// How long a server may take to answer an order.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How often to look whether a server lives while nothing comes from its client.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The connections of this server, with its numbers when they came.
type Here = Arc<Mutex<BTreeMap<u64, (u64, Arc<Connection>)>>>;

/// Opens the bus, without being a server.
pub(crate) fn open(url: &str) -> Result<Arc<dyn Connections>, String> {
    Ok(Arc::new(OnBus::new(url)?))
}

/// Becomes a server on the bus.
pub(crate) fn join(url: &str, deadline: Duration) -> Result<Arc<dyn Connections>, String> {
    let this = OnBus::new(url)?;
    let (bus, here) = (Arc::clone(&this.bus), Arc::clone(&this.here));
    this.bus.begin(deadline, Orders { bus, here, are_done: true })?;
    Ok(Arc::new(this))
}

struct OnBus {
    bus: Arc<Bus>,
    here: Here,
}

impl OnBus {
    fn new(url: &str) -> Result<Self, String> {
        let bus = Arc::new(Bus::open(url, "push:", include_str!("push.lua"))?);
        Ok(Self { bus, here: Here::default() })
    }

    fn failed(&self, error: RedisError) -> AnyError {
        self.bus.unreachable(&error).into()
    }

    fn forget(&self, Seat { id, server }: Seat) {
        let mut here = lock(&self.here);
        if here.get(&id).is_some_and(|(at, _)| *at == server) {
            here.remove(&id);
        }
    }

    /// Returns what no other call has.
    fn token(&self) -> Result<u64, AnyError> {
        self.bus.call("new token", NOTHING).map_err(|error| self.failed(error))
    }

    /// Has an order carried out, wherever the connection is.
    fn order(&self, order: &str, id: u64, text: &str) -> Handled {
        let token = self.token()?;
        let given = self.bus.call("order", (token, order, id, text));
        let (state, server): (String, String) = given.map_err(|error| self.failed(error))?;
        if state != "lives" {
            return Err(why_not(id, &state, &server).into());
        }
        match self.answer(token)? {
            Some(answer) => Ok(answer.map(drop)?),
            None => Err(format!(
                "server {}, where connection {id} is, has not answered for {} s",
                hybi::escaped(&server),
                ANSWER_WITHIN.as_secs()
            )
            .into()),
        }
    }

    /// Waits for an answer to an order: a number or an error.
    fn answer(&self, token: u64) -> Result<Option<Result<usize, String>>, AnyError> {
        let list = self.bus.key(&format!("answers:{token}"));
        let pop = |time: Duration| {
            let mut command = redis::cmd("BLPOP");
            command.arg((&list, time.as_secs_f64()));
            command
        };
        let answer = self.bus.wait::<(String, String)>(ANSWER_WITHIN, pop);
        let answer = answer.map_err(|error| self.failed(error))?;
        let number_or_error =
            |answer: String| answer.parse().map_err(|_| hybi::escaped(&answer).to_string());
        Ok(answer.map(|(_, answer)| number_or_error(answer)))
    }
}

impl Connections for OnBus {
    fn enter(&self, connection: &Arc<Connection>) -> Result<Seat, AnyError> {
        let id = self.bus.new_id().map_err(|error| self.failed(error))?;
        let seat = Seat { id, server: self.bus.instance() };
        lock(&self.here).insert(id, (seat.server, Arc::clone(connection)));
        match self.bus.call("enter", (seat.server, id)) {
            Ok(true) => {
                connection.note_number(id);
                Ok(seat)
            }
            Ok(false) => {
                self.forget(seat);
                Err("the bus has ended this server".into())
            }
            Err(error) => {
                self.leave(seat, None); // perhaps it is there
                Err(self.failed(error))
            }
        }
    }

    fn hear(&self, seat: Seat, count: u64, message: &Message) -> Handled {
        let kind = if message.as_text().is_some() { "text" } else { "binary" };
        match self.bus.call("hear", (seat.server, seat.id, count, kind, message.as_bytes())) {
            Ok(0) => Err("it is on the bus no more".into()),
            Ok(2) => Err("nobody reads what it says".into()),
            Ok(_) => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn leave(&self, seat: Seat, closed: Option<&Closed>) {
        self.forget(seat);
        self.bus.leave(seat.server, seat.id, &closed.map_or("1006".into(), Closed::to_string));
    }

    fn send(&self, id: u64, text: &str) -> Handled {
        check_length(text)?;
        self.order("send", id, text)
    }

    fn send_to_all(&self, text: &str) -> Result<usize, AnyError> {
        check_length(text)?;
        let token = self.token()?;
        let servers = self.bus.call("order all", (token, "send to all", text));
        let servers: usize = servers.map_err(|error| self.failed(error))?;
        let mut sent = 0;
        for answered in 0..servers {
            let Some(answer) = self.answer(token)? else {
                let missing = servers - answered;
                return Err(format!("sent to {sent}, but {missing} servers do not answer").into());
            };
            sent += answer?;
        }
        Ok(sent)
    }

    fn close(&self, id: u64) -> Handled {
        self.order("close", id, "")
    }

    fn read(&self, id: u64, len: usize, timeout: Duration) -> Result<Heard, AnyError> {
        let token = self.token()?;
        let begun = Instant::now();
        let stream = self.bus.key(&format!("from:{id}"));
        loop {
            let taken = self.bus.call("take", (token, id, len));
            let (kind, data, last): (String, Vec<u8>, bool) =
                taken.map_err(|error| self.failed(error))?;
            // The bus drops none: it refuses what is too much.
            let heard = |data: Message| Ok(Heard { data, last, dropped: 0 });
            match &*kind {
                "text" => match String::from_utf8(data) {
                    Ok(text) => return heard(text.into()),
                    Err(_) => return Err(why_not(id, "a text that is not UTF-8", "").into()),
                },
                "binary" => return heard(data.into()),
                "lives" => {}
                _ => return Err(why_not(id, &kind, &String::from_utf8_lossy(&data)).into()),
            }
            let left = timeout.saturating_sub(begun.elapsed()).min(LOOK_AGAIN_AFTER);
            if left.is_zero() {
                return Err(has_said_nothing(id, timeout));
            }
            let wait = |time: Duration| {
                let mut command = redis::cmd("XREAD");
                command.arg(("BLOCK", time.as_millis().max(1) as u64, "COUNT", 1));
                command.arg(("STREAMS", &stream, 0));
                command
            };
            self.bus.wait::<redis::Value>(left, wait).map_err(|error| self.failed(error))?;
        }
    }

    fn list(&self) -> Result<Vec<String>, AnyError> {
        let places = self.bus.call("list", NOTHING);
        let places: BTreeMap<u64, u64> = places.map_err(|error| self.failed(error))?;
        Ok(places.iter().map(|(id, server)| format!("{id} on server {server}")).collect())
    }
}

/// Says why an id cannot be used, from the script's answer.
fn why_not(id: u64, state: &str, more: &str) -> String {
    let more = hybi::escaped(more).to_string();
    match state {
        "unknown" => format!("there has been no connection {id}"),
        "ended" if more.is_empty() => format!("connection {id} has ended"),
        "ended" => format!("connection {id} has ended: {more}"),
        "gone" => format!("connection {id} is lost: server {more} does not say that it lives"),
        "busy" => format!("server {more}, where connection {id} is, has too many orders"),
        other => format!("the bus has a foreign entry for {id}: {}", hybi::escaped(other)),
    }
}

fn check_length(text: &str) -> Result<(), String> {
    match text.len() {
        len if len as u64 > MESSAGE_BYTES_MAX => {
            Err(format!("a message of {len} bytes: more than {MESSAGE_BYTES_MAX}"))
        }
        _ => Ok(()),
    }
}

/// Carries out the orders for the connections that are here.
struct Orders {
    bus: Arc<Bus>,
    here: Here,
    are_done: bool,
}

impl Instance for Orders {
    type State = redis::Value;

    fn begin(&mut self, _: Self::State) {
        for (_, connection) in std::mem::take(&mut *lock(&self.here)).values() {
            // An error means that it is closing already.
            let _ = connection
                .peer()
                .close(CloseCode::SERVICE_RESTART, "interrupted: please come back");
        }
    }

    fn stream(&self, instance: u64) -> String {
        format!("to:{instance}")
    }

    fn receive(&mut self, entry: &Entry) -> Result<(), String> {
        let order = entry.text("order", 20)?;
        if order == "begin" {
            return Ok(());
        }
        let token = entry.text("token", 20)?;
        let data = entry.text("data", MESSAGE_BYTES_MAX as usize)?;
        let id: u64 = entry.text("id", 20)?.parse().map_err(|_| "the id is no number")?;
        let answer = match order {
            "send" => self.with(id, |connection| Ok(connection.send(data)?)),
            "close" => self.with(id, |connection| Ok(connection.close(CLOSED_FROM_TERMINAL)?)),
            "send to all" => {
                let message = Prepared::new(data); // encoded once
                let all = lock(&self.here).clone();
                let send = |it: &Connection| it.send_prepared(&message, data.len()).is_ok();
                Ok(all.values().filter(|(_, connection)| send(connection)).count())
            }
            other => return Err(format!("there is no order \"{}\"", hybi::escaped(other))),
        };
        self.are_done = false;
        let answer = answer.map_or_else(|error| error.to_string(), |count| count.to_string());
        self.bus
            .call::<()>("answer", (self.bus.instance(), token, answer))
            .map_err(|error| self.bus.unreachable(&error))
    }

    fn rest(&mut self, position: &str) {
        if !std::mem::replace(&mut self.are_done, true) {
            // If it fails, they are forgotten with the next.
            let _ = self.bus.call::<()>("done", (self.bus.instance(), position));
        }
    }
}

impl Orders {
    fn with(&self, id: u64, order: impl FnOnce(&Connection) -> Handled) -> Result<usize, AnyError> {
        let connection = lock(&self.here).get(&id).map(|(_, connection)| Arc::clone(connection));
        let connection = connection.ok_or_else(|| format!("connection {id} has ended"))?;
        order(&connection).map(|()| 1)
    }
}
