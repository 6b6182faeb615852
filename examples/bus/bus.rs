//! A bus: a Redis or Valkey that several instances of a server share.
//!
//! The shared state is on the bus, and scripts change it (`*.lua`). Each instance follows a stream
//! of events, from the entry where it began, and says at intervals that it is alive. An instance
//! that stops saying so is ended by the others.
//!
//! While the bus is away, calls wait for it and are repeated, and the stream is then followed from
//! where it was left. So a bus that keeps what it has acknowledged (`appendfsync always`) may be
//! restarted, and nothing is lost or happens twice.
#![allow(dead_code, reason = "not every program needs all of it")]

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use redis::{
    Client, Cmd, Connection, ErrorKind, FromRedisValue, RedisError, RedisResult, RetryMethod,
    Script, ToRedisArgs,
};

use crate::print;

/// How long a call waits for a bus that is away.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same at the end of a connection or a server, for which others need not wait.
const PATIENCE_AT_END: Duration = Duration::from_secs(1);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// How long the bus may take to answer, beside the time that it was told to wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);
const ENTRIES_AT_ONCE: usize = 100;

/// The arguments of a call that has none.
pub(crate) const NOTHING: &[&str] = &[];

/// An entry of a stream: names and values, one after the other.
pub(crate) struct Entry(Vec<Vec<u8>>);

impl Entry {
    pub(crate) fn new(names_and_values: Vec<Vec<u8>>) -> Self {
        Self(names_and_values)
    }

    /// Returns the value of this name, if it is there, is text, and has no more bytes than that.
    pub(crate) fn text(&self, name: &str, bytes_max: usize) -> Result<&str, String> {
        let mut pairs = self.0.chunks_exact(2);
        match pairs.find_map(|pair| (pair[0] == name.as_bytes()).then_some(&*pair[1])) {
            None => Err(format!("it has no {name:?}")),
            Some(value) if value.len() > bytes_max => {
                Err(format!("{name:?} has {} bytes, more than {bytes_max}", value.len()))
            }
            Some(value) => str::from_utf8(value).map_err(|_| format!("{name:?} is no text")),
        }
    }
}

/// The part of a program that acts as an instance.
pub(crate) trait Instance: Send + 'static {
    /// The rest of what the script's `begin` returns, after the number of the instance and the
    /// entry where it begins.
    type State: FromRedisValue;
    /// Begins, or begins anew because the bus took us for dead: nobody lives here.
    fn begin(&mut self, state: Self::State);
    /// Returns the stream to follow.
    fn stream(&self, instance: u64) -> String;
    /// Handles an entry. The error says why it cannot be one of ours.
    fn receive(&mut self, entry: &Entry) -> Result<(), String>;
    /// Is called after entries, and when there have been none.
    fn rest(&mut self, _position: &str) {}
}

pub(crate) struct Bus {
    client: Client,
    /// Before the names of all keys.
    prefix: &'static str,
    script: Script,
    /// For calls. One at a time is enough here; a busier server would have a pool.
    connection: Mutex<Option<Connection>>,
    /// Our number.
    instance: AtomicU64,
    /// The users that left while the bus was away: the instance, the id, and why.
    left: Mutex<VecDeque<(u64, u64, String)>>,
}

impl Bus {
    /// Connects, so that a wrong address is found at once.
    pub(crate) fn open(url: &str, prefix: &'static str, script: &str) -> Result<Self, String> {
        // Without the URL, which may have a password.
        let client = Client::open(url).map_err(|error| format!("--bus: {error}"))?;
        let script = [include_str!("bus.lua"), script, include_str!("call.lua")].concat();
        let bus = Self {
            client,
            prefix,
            script: Script::new(&script),
            connection: Mutex::default(),
            instance: AtomicU64::new(0),
            left: Mutex::default(),
        };
        let connection = bus.connect().map_err(|error| bus.unreachable(&error))?;
        *lock(&bus.connection) = Some(connection);
        Ok(bus)
    }

    pub(crate) fn unreachable(&self, error: &RedisError) -> String {
        let address = self.client.get_connection_info().addr();
        let why = match error.kind() {
            _ if error.is_timeout() => "it does not answer".into(),
            ErrorKind::Parse => format!("it answers something unexpected: {error}"),
            _ => error.to_string(),
        };
        format!("cannot use the bus at {address}: {}", hybi::escaped(&why))
    }

    fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(CONNECT_WITHIN)?;
        connection.set_read_timeout(Some(ANSWER_WITHIN))?;
        connection.set_write_timeout(Some(ANSWER_WITHIN))?;
        Ok(connection)
    }

    /// Returns the name of a key of ours.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Returns our number. Before the first, 0.
    pub(crate) fn instance(&self) -> u64 {
        self.instance.load(Ordering::Relaxed)
    }

    /// Calls the script. Waits for a bus that is away, for a time, and then calls again: the script
    /// must know a call that it has had.
    pub(crate) fn call<T: FromRedisValue>(
        &self,
        command: &str,
        arguments: impl ToRedisArgs,
    ) -> RedisResult<T> {
        self.call_within(PATIENCE, command, &arguments)
    }

    fn call_within<T: FromRedisValue>(
        &self,
        patience: Duration,
        command: &str,
        arguments: &impl ToRedisArgs,
    ) -> RedisResult<T> {
        let begun = Instant::now();
        let mut last = RedisError::from(io::Error::from(io::ErrorKind::TimedOut));
        loop {
            let mut place = lock(&self.connection);
            // Others may have waited for the bus before us.
            if begun.elapsed() > patience {
                return Err(last);
            }
            let result = place.take().map_or_else(|| self.connect(), Ok).and_then(|connection| {
                let result = self.invoke(place.insert(connection), command, arguments);
                if result.as_ref().is_err_and(is_passing) {
                    *place = None;
                }
                result
            });
            match result {
                Err(error) if is_passing(&error) => last = error,
                result => return result,
            }
            drop(place);
            thread::sleep(TRY_AGAIN_AFTER);
        }
    }

    /// Calls the script once.
    fn invoke<T: FromRedisValue>(
        &self,
        connection: &mut Connection,
        command: &str,
        arguments: &impl ToRedisArgs,
    ) -> RedisResult<T> {
        let mut call = self.script.key(self.prefix);
        call.arg(command).arg(arguments).invoke(connection)
    }

    /// Returns an id that no other connection has, on any instance.
    pub(crate) fn new_id(&self) -> RedisResult<u64> {
        self.call("new id", NOTHING)
    }

    /// Waits for what a command waits for, over a connection of its own: again if the bus was away.
    /// The command is told how long it may wait. Returns `None` if nothing has come in time.
    pub(crate) fn wait<T: FromRedisValue>(
        &self,
        within: Duration,
        command: impl Fn(Duration) -> Cmd,
    ) -> RedisResult<Option<T>> {
        let begun = Instant::now();
        loop {
            let left = within.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
            let answer = self.connect().and_then(|mut connection| {
                connection.set_read_timeout(Some(left + ANSWER_WITHIN))?;
                command(left).query(&mut connection)
            });
            match answer {
                Err(error) if is_passing(&error) && begun.elapsed() < within => {
                    thread::sleep(TRY_AGAIN_AFTER);
                }
                answer => return answer,
            }
        }
    }

    /// Takes out an id that entered at this instance: now, or when the bus is back.
    pub(crate) fn leave(&self, instance: u64, id: u64, why: &str) {
        if self.call_within::<()>(PATIENCE_AT_END, "leave", &(instance, id, why)).is_err() {
            lock(&self.left).push_back((instance, id, why.into()));
        }
    }

    /// Takes out those that left while the bus was away: all, or as many as there is time for.
    fn catch_up_on_leaving(&self, connection: &mut Connection, until: Instant) -> RedisResult<()> {
        let count = lock(&self.left).len();
        for _ in 0..count {
            if Instant::now() >= until {
                return Ok(());
            }
            let next = lock(&self.left).pop_front();
            let Some(next) = next else { return Ok(()) };
            if let Err(error) = self.invoke::<()>(connection, "leave", &next) {
                lock(&self.left).push_back(next);
                if is_passing(&error) {
                    return Err(error);
                }
                print::log(self.unreachable(&error)); // for the others it may do
            }
        }
        Ok(())
    }

    /// Ends this instance. If that fails, the others notice.
    pub(crate) fn end(&self) {
        if let Err(error) = self.call_within::<()>(PATIENCE_AT_END, "end", &self.instance()) {
            print::log(self.unreachable(&error));
        }
    }

    /// Becomes an instance. If it dies, its ids are gone from the bus within `deadline`, of seconds
    /// to hours.
    pub(crate) fn begin<I: Instance>(
        self: &Arc<Self>,
        deadline: Duration,
        mut instance: I,
    ) -> Result<(), String> {
        let times = Times { lives: deadline / 8 * 5, beat: deadline / 8 };
        let position = self.begin_once(times, &mut instance);
        let mut position = position.map_err(|error| self.unreachable(&error))?;
        let bus = Arc::clone(self);
        let follow = move || {
            loop {
                bus.follow(times, &mut instance, position);
                print::log("this server has lost the bus: it begins anew");
                bus.end();
                position = bus.begin_at_last(times, &mut instance);
            }
        };
        thread::Builder::new().name("bus".into()).spawn(follow).map_err(|e| e.to_string())?;
        Ok(())
    }

    /// Returns the position from which to follow the stream.
    fn begin_once<I: Instance>(&self, times: Times, instance: &mut I) -> RedisResult<String> {
        type Begun<S> = (u64, String, S);
        let (number, position, state): Begun<I::State> =
            self.call("begin", (times.lives.as_millis() as u64, self.instance()))?;
        self.instance.store(number, Ordering::Relaxed);
        instance.begin(state);
        print::log(format_args!("this is server {number} on the bus"));
        Ok(position)
    }

    fn begin_at_last<I: Instance>(&self, times: Times, instance: &mut I) -> String {
        let mut told = String::new();
        loop {
            match self.begin_once(times, instance) {
                Ok(position) => return position,
                Err(error) => self.tell_once(&error, &mut told),
            }
            thread::sleep(TRY_AGAIN_AFTER);
        }
    }

    /// Follows the stream and says that we live, until the bus says that we do not, or we have
    /// missed entries of the stream.
    fn follow<I: Instance>(&self, times: Times, instance: &mut I, mut position: String) {
        let mut link = None;
        let mut told = String::new();
        loop {
            match self.follow_once(times, instance, &mut link, &mut position) {
                Ok(true) => {
                    if !std::mem::take(&mut told).is_empty() {
                        print::log("the bus is back");
                    }
                }
                Ok(false) => return,
                Err(error) => {
                    link = None;
                    self.tell_once(&error, &mut told);
                    thread::sleep(TRY_AGAIN_AFTER);
                }
            }
        }
    }

    /// Logs an error, unless it was the last that was told.
    fn tell_once(&self, error: &RedisError, told: &mut String) {
        let error = self.unreachable(error);
        if error != *told {
            print::log(&error);
            *told = error;
        }
    }

    /// Says that we live, if it is time, and waits for entries until it is again. Returns whether
    /// we live, and have every entry.
    fn follow_once<I: Instance>(
        &self,
        times: Times,
        instance: &mut I,
        link: &mut Option<Link>,
        position: &mut String,
    ) -> RedisResult<bool> {
        let now = Instant::now();
        let link = match link {
            Some(link) => link,
            None => {
                let connection = self.connect()?;
                connection.set_read_timeout(Some(ANSWER_WITHIN + times.beat))?;
                link.insert(Link { connection, next_beat: now })
            }
        };
        if now >= link.next_beat {
            if !self.invoke::<bool>(&mut link.connection, "beat", &times.of(self.instance()))? {
                return Ok(false);
            }
            link.next_beat = now + times.beat;
            self.catch_up_on_leaving(&mut link.connection, link.next_beat)?;
        }
        let wait = link.next_beat.saturating_duration_since(Instant::now());
        let wait = wait.as_millis().max(1) as u64;
        let stream = self.key(&instance.stream(self.instance()));
        let mut pipe = redis::pipe();
        pipe.cmd("XREAD").arg(("COUNT", ENTRIES_AT_ONCE, "BLOCK", wait));
        pipe.arg(("STREAMS", &stream, &*position));
        // Streams lose their oldest entries. If the last that we had is there, we miss none.
        pipe.cmd("XRANGE").arg((&stream, &*position, &*position));
        type Entries = Vec<(String, Vec<Vec<u8>>)>;
        let (streams, last): (Vec<(String, Entries)>, Entries) =
            pipe.query(&mut link.connection)?;
        if last.is_empty() {
            return Ok(false);
        }
        for (id, entry) in streams.into_iter().flat_map(|(_, entries)| entries) {
            if let Err(why) = instance.receive(&Entry::new(entry)) {
                print::log(format_args!("the bus: entry {id} of {stream:?} is not ours: {why}"));
            }
            *position = id;
        }
        instance.rest(position);
        Ok(true)
    }
}

/// How long we count as alive after we said so, and how often we do.
#[derive(Clone, Copy)]
struct Times {
    lives: Duration,
    beat: Duration,
}

impl Times {
    /// Returns the arguments of a beat: whose it is, and the times in ms.
    fn of(self, instance: u64) -> (u64, u64, u64) {
        (instance, self.lives.as_millis() as u64, self.beat.as_millis() as u64)
    }
}

/// A connection to the bus, for following.
struct Link {
    connection: Connection,
    next_beat: Instant,
}

/// Returns whether it may be better in a moment.
fn is_passing(error: &RedisError) -> bool {
    let is_busy = error.code() == Some("BUSY"); // with a script that takes long
    is_busy || !matches!(error.retry_method(), RetryMethod::NoRetry)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
