//! The chat: its users, and the events that are sent to them.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::names::{Name, NameError};

const LINE_CHARS_MAX: usize = 1_000;

/// The users by the numbers of their connections.
#[derive(Default)]
pub(crate) struct Chat {
    users: BTreeMap<u64, Name>,
}

/// An action of somebody in the chat.
pub(crate) enum News {
    Joined,
    Said(String),
    Left,
}

/// A message for some users.
pub(crate) struct Notice {
    pub(crate) to: Vec<u64>,
    pub(crate) text: String,
}

impl Chat {
    /// Takes note of what a user did, and returns who must be told of it.
    pub(crate) fn hear(&mut self, id: u64, news: News) -> Vec<Notice> {
        match news {
            News::Joined => self.join(id),
            News::Said(text) => self.listen(id, &text),
            News::Left => match self.users.remove(&id) {
                Some(_) => vec![self.for_all(&json!({"type": "left", "id": id}))],
                None => Vec::new(),
            },
        }
    }

    /// Returns the users and their names.
    pub(crate) fn users(&self) -> impl Iterator<Item = (u64, &str)> {
        self.users.iter().map(|(id, name)| (*id, name.as_str()))
    }

    /// Adds a user of another process. All others know this one already.
    pub(crate) fn adopt(&mut self, id: u64, name: &str) {
        let name = Name::chosen(name).unwrap_or_else(|_| Name::of_guest(id));
        self.users.insert(id, name);
    }

    fn join(&mut self, id: u64) -> Vec<Notice> {
        let name = Name::of_guest(id);
        let joined = self.for_all(&json!({"type": "joined", "id": id, "name": name.as_str()}));
        self.users.insert(id, name.clone());
        let users: Vec<Value> =
            self.users().map(|(id, name)| json!({"id": id, "name": name})).collect();
        let name = name.as_str();
        let welcome =
            json!({"type": "welcome", "id": id, "name": name, "users": users, "history": []});
        vec![joined, for_one(id, &welcome)]
    }

    /// Handles a line that somebody has typed: `{"line": "..."}`.
    fn listen(&mut self, id: u64, text: &str) -> Vec<Notice> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let typed = message.get("line").and_then(Value::as_str);
        let line = typed.map(str::trim);
        let answer = match line.map(|line| (line, line.split_once(char::is_whitespace))) {
            None => Err("Send {\"line\": \"...\"}.".to_owned()),
            Some(("", _)) => return Vec::new(),
            Some((line, _)) if line.chars().count() > LINE_CHARS_MAX => {
                Err(format!("That is too long: {LINE_CHARS_MAX} characters at most."))
            }
            Some((_, Some(("alias", name)))) => self.rename(id, name.trim()),
            Some(("alias", None)) => Err(NameError::Empty.to_string()),
            Some((line, _)) => Ok(self.message(id, line)),
        };
        match answer {
            Ok(news) => vec![self.for_all(&news)],
            // With the line, so that a page can give it back.
            Err(text) => {
                vec![for_one(id, &json!({"type": "error", "text": text, "line": typed}))]
            }
        }
    }

    fn message(&self, id: u64, line: &str) -> Value {
        let sent = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let sent = u64::try_from(sent).unwrap_or_default();
        let author = self.users.get(&id).map(Name::as_str).unwrap_or_default();
        json!({"type": "message", "id": id, "author": author, "sent": sent, "text": line})
    }

    fn rename(&mut self, id: u64, name: &str) -> Result<Value, String> {
        let name = Name::chosen(name).map_err(|error| error.to_string())?;
        if self.users.iter().any(|(other, taken)| *other != id && taken.resembles(&name)) {
            return Err("That name is taken, or looks like one that is.".to_owned());
        }
        self.users.insert(id, name.clone());
        Ok(json!({"type": "renamed", "id": id, "name": name.as_str()}))
    }

    fn for_all(&self, message: &Value) -> Notice {
        Notice { to: self.users.keys().copied().collect(), text: message.to_string() }
    }
}

fn for_one(id: u64, message: &Value) -> Notice {
    Notice { to: vec![id], text: message.to_string() }
}
