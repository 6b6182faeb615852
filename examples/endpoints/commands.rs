//! The commands, from the terminal and over HTTP.

use std::fmt;

use hybi::CloseCode;
use hybi::connection::Prepared;

use crate::pool::PoolError;
use crate::terminal::{count, words};
use crate::{Peer, Service, hooks};

/// The text of `help`. `NAME` may also be the whole URL.
pub(crate) const COMMANDS: &str = "\
allocate [HOOKS]         takes an endpoint out of the pool, and answers with its URL; HOOKS are
                         called for its clients: log (default), greet or none
release NAME             puts an endpoint back, and closes its clients
clients NAME             how many clients it has
in use? NAME             whether it has any
status NAME              each client: number, state, bytes that wait for it, address
send NAME TEXT           sends to all clients of an endpoint
tell NAME ID TEXT        sends to one, by its number
close NAME ID            closes the connection of one with 1000
list                     the endpoints that are allocated, and how many there can be";

/// Longer lists are cut.
const LIST_LINES_MAX: usize = 1_000;

#[derive(Debug)]
pub(crate) enum Failure {
    Usage(String),
    Pool(PoolError),
}

impl Failure {
    /// Returns the status that says so over HTTP.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Usage(_) => 400,
            Self::Pool(PoolError::NotAllocated(_) | PoolError::NoClient { .. }) => 404,
            Self::Pool(PoolError::Empty(_)) => 503,
            Self::Pool(PoolError::NotSent(_) | PoolError::NotClosed(_)) => 409,
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

/// Says what is wrong with a line.
impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Usage(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Pool(error) => error.fmt(f),
        }
    }
}

/// Does what a line says, and returns the answer.
pub(crate) fn obey(service: &Service, line: &str) -> Result<String, Failure> {
    let pool = &service.pool;
    let (command, rest) = match line.strip_prefix("in use?") {
        Some(rest) => ("in use?", rest),
        None => line.split_once(' ').unwrap_or((line, "")),
    };
    match command {
        "help" => Ok(COMMANDS.into()), // over HTTP: at the terminal there is more to say
        "allocate" => {
            let name = if rest.is_empty() { "log" } else { rest };
            let hooks = hooks::named(name).ok_or_else(|| {
                Failure::Usage(format!("{name:?} are no hooks: log, greet or none, please"))
            })?;
            Ok(service.url(&pool.allocate(hooks)?))
        }
        "release" => {
            let [name] = words(rest, "release NAME")?;
            let clients = pool.release(name_of(name))?;
            Ok(format!("released; closing {}", count(clients, "client")))
        }
        "clients" => {
            let [name] = words(rest, "clients NAME")?;
            Ok(count(pool.clients(name_of(name))?.len(), "client"))
        }
        "in use?" => {
            let [name] = words(rest, "in use? NAME")?;
            let is_in_use = !pool.clients(name_of(name))?.is_empty();
            Ok(if is_in_use { "yes" } else { "no" }.into())
        }
        "status" => {
            let [name] = words(rest, "status NAME")?;
            let clients = pool.clients(name_of(name))?;
            let lines: String = clients.iter().take(LIST_LINES_MAX).map(status).collect();
            Ok(format!("allocated, {}{lines}", count(clients.len(), "client")))
        }
        "send" => {
            let [name, text] = words(rest, "send NAME TEXT")?;
            Ok(format!("sent to {}", pool.send(name_of(name), &Prepared::new(text))?))
        }
        "tell" => {
            let [name, id, text] = words(rest, "tell NAME ID TEXT")?;
            let client = pool.client(name_of(name), number(id)?)?;
            client.send(text).map_err(PoolError::NotSent)?;
            Ok(format!("sent to {id}"))
        }
        "close" => {
            let [name, id] = words(rest, "close NAME ID")?;
            let client = pool.client(name_of(name), number(id)?)?;
            let closed = client.close(CloseCode::NORMAL, "closed by the server");
            closed.map_err(PoolError::NotClosed)?;
            Ok(format!("closing {id}"))
        }
        "list" => {
            let endpoints = pool.list();
            let allocated = endpoints.len();
            let line =
                |(name, clients)| format!("\n{name} allocated, {}", count(clients, "client"));
            let lines: String = endpoints.into_iter().take(LIST_LINES_MAX).map(line).collect();
            Ok(format!("{allocated} of {} endpoints are allocated{lines}", pool.endpoints_max()))
        }
        _ => Err(Failure::Usage(format!("there is no command {command:?}: try help"))),
    }
}

fn status(peer: &Peer) -> String {
    let (id, state, waiting) = (peer.id(), peer.ready_state(), peer.unsent_bytes());
    format!("\n{id} {state:?} {waiting} {}", peer.address())
}

fn number(id: &str) -> Result<u64, Failure> {
    id.parse().map_err(|_| Failure::Usage(format!("ID: {id:?} is not the number of a client")))
}

/// Returns the name of an endpoint, of which that or the whole URL was given.
fn name_of(given: &str) -> &str {
    given.rsplit('/').next().unwrap_or(given)
}
