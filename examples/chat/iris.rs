//! The JSON of the chat tutorial of InterSystems IRIS ("A Tutorial On WebSockets"), for its page as
//! it stands. docs/systems.md has it in a table.
//!
//! Whoever comes, leaves or is renamed makes all clients get the whole list: that is for hundreds
//! of users, not for thousands. The tutorial's page puts names and texts into its HTML. A page for
//! strangers must not.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::dialect::Wish;
use crate::names::Name;
use crate::print;
use crate::room::{Event, Users};

const USAGE: &str = "Send {\"User\": \"...\"} or {\"Message\": \"(Base64)\", \"Author\": \"...\"}.";

pub(crate) fn read(text: &str) -> Result<Wish, String> {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    let fields = message.as_object().ok_or(USAGE)?;
    let field = |name| fields.get(name).map(|value| value.as_str().ok_or(USAGE)).transpose();
    match (field("User")?, field("Message")?) {
        (Some(name), _) if !name.trim().is_empty() => Ok(Wish::Rename(name.trim().into())),
        (Some(_), _) => Ok(Wish::BeDefault),
        // The page was given `alias` without a space: JSON leaves out what is undefined.
        (None, None) if fields.is_empty() => Ok(Wish::BeDefault),
        (None, Some(encoded)) => Ok(Wish::Say(decode(encoded)?.trim().into())),
        (None, None) => Err(USAGE.into()),
    }
}

pub(crate) fn welcome(id: u64, users: &Users, history: &VecDeque<Event>) -> Vec<String> {
    let status = json!({ "Type": "Status", "WSID": id.to_string() }).to_string();
    let lines = history.iter().map(|event| news(event, users));
    [status, user_list(users)].into_iter().chain(lines).collect()
}

pub(crate) fn news(event: &Event, users: &Users) -> String {
    match event {
        Event::Said { author, sent, text, .. } => {
            line(author, UNIX_EPOCH + Duration::from_millis(*sent), text)
        }
        Event::Joined { .. } | Event::Left { .. } | Event::Renamed { .. } => user_list(users),
    }
}

pub(crate) fn error(why: &str) -> String {
    line(&Name::of_server(), SystemTime::now(), why)
}

fn user_list(users: &Users) -> String {
    let users: Vec<Value> = users.values().map(|name| json!({ "Name": name.as_str() })).collect();
    json!({ "Type": "userlist", "Users": users }).to_string()
}

fn line(author: &Name, sent: SystemTime, text: &str) -> String {
    // As $ZDATETIME($HOROLOG, 3) writes it.
    let sent = print::Time(sent).to_string().replace('T', " ").replace('Z', "");
    let (author, text) = (author.as_str(), encode(text));
    json!({ "Type": "Chat", "Author": author, "Message": text, "Sent": sent }).to_string()
}

fn decode(text: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(text).map_err(|error| format!("That is no Base64: {error}"))?;
    Ok(bytes.into_iter().map(char::from).collect())
}

fn encode(text: &str) -> String {
    let bytes: Vec<u8> = text.chars().map(|char| u8::try_from(char).unwrap_or(b'?')).collect();
    STANDARD.encode(bytes)
}
