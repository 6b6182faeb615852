//! Dialects: the JSON in which a client and the chat talk. Clients of all dialects share the room.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::iris;
use crate::room::{Event, Users};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dialect {
    /// That of our page.
    Own,
    /// That of the chat tutorial of InterSystems IRIS.
    Iris,
}

/// A user's wish.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Say(String),
    Rename(String),
    /// Has typed `alias` without a name, where that is a name, too.
    BeDefault,
}

impl Dialect {
    /// Reads a message of a client. The error is for the user.
    pub(crate) fn read(self, text: &str) -> Result<Wish, String> {
        match self {
            Self::Own => read(text),
            Self::Iris => iris::read(text),
        }
    }

    /// Returns what a newcomer is sent first.
    pub(crate) fn welcome(self, id: u64, users: &Users, history: &VecDeque<Event>) -> Vec<String> {
        match self {
            Self::Own => vec![welcome(id, users, history)],
            Self::Iris => iris::welcome(id, users, history),
        }
    }

    /// Returns the message about an event, after which these are the users.
    pub(crate) fn news(self, event: &Event, users: &Users) -> String {
        match self {
            Self::Own => event.to_json().to_string(),
            Self::Iris => iris::news(event, users),
        }
    }

    /// Returns the message for a user whose own was refused, and why.
    pub(crate) fn error(self, why: &str, refused: &str) -> String {
        match self {
            // With the line, so that a page can give it back.
            Self::Own => json!({ "type": "error", "text": why, "line": line(refused) }).to_string(),
            Self::Iris => iris::error(why),
        }
    }
}

/// Reads a line that somebody has typed: `{"line": "..."}`.
fn read(text: &str) -> Result<Wish, String> {
    let line = line(text).ok_or("Send {\"line\": \"...\"}.")?;
    let line = line.trim();
    Ok(match line.split_once(char::is_whitespace) {
        Some(("alias", name)) => Wish::Rename(name.trim().into()),
        None if line == "alias" => Wish::Rename(String::new()),
        _ => Wish::Say(line.into()),
    })
}

fn line(text: &str) -> Option<String> {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    message.get("line").and_then(Value::as_str).map(Into::into)
}

fn welcome(id: u64, users: &Users, history: &VecDeque<Event>) -> String {
    let listed = users.iter().map(|(id, name)| json!({ "id": id, "name": name.as_str() }));
    json!({
        "type": "welcome",
        "id": id,
        "name": users.get(&id).map(|name| name.as_str()),
        "users": listed.collect::<Vec<Value>>(),
        "history": history.iter().map(Event::to_json).collect::<Vec<Value>>(),
    })
    .to_string()
}
