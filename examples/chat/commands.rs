//! The commands at the terminal.

use std::fmt::Write as _;

use hybi::CloseCode;

use crate::names::Name;
use crate::terminal::count;
use crate::{Chat, Peer, user};

/// The text of `help`.
pub(crate) const COMMANDS: &str = "\
list                     everybody in the chat: number, name, state, bytes that wait, address
say TEXT                 says something to everybody, as \"server\"
close ID [REASON]        closes the connection of a user, by the number, with 1008
errors                   the last errors: when, who and what";

/// Longer lists are cut.
const LIST_LINES_MAX: usize = 1_000;
const CLOSED_BY_US: &str = "closed by the server";

/// Does what a line says, and returns the answer.
pub(crate) fn obey(chat: &Chat, line: &str) -> Result<String, String> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    match (command, rest.trim()) {
        ("list", "") => Ok(list(chat)),
        ("say", "") => Err("TEXT is missing: say TEXT".into()),
        ("say", text) => user::announce(chat, text).map(|()| "said".into()),
        ("close", "") => Err("ID is missing: close ID [REASON]".into()),
        ("close", rest) => {
            let (id, reason) = rest.split_once(' ').unwrap_or((rest, CLOSED_BY_US));
            close(chat, id, reason.trim())
        }
        ("errors", "") => Ok(errors(chat)),
        ("list" | "errors", _) => Err(format!("nothing follows {command}")),
        _ => Err(format!("there is no command {command:?}: try help")),
    }
}

fn list(chat: &Chat) -> String {
    let users = chat.room.list();
    let mut text = count(users.len(), "user");
    for (id, name, peer) in users.iter().take(LIST_LINES_MAX) {
        // Writing to a string does not fail.
        let _ = write!(text, "\n{id} {}: {}", name.as_str(), status(peer.as_ref()));
    }
    text
}

fn status(peer: Option<&Peer>) -> String {
    let Some(peer) = peer else { return "on another server".into() };
    let (state, waiting) = (peer.ready_state(), peer.unsent_bytes());
    format!("{state:?}, {waiting} bytes wait, {}", peer.address())
}

fn close(chat: &Chat, id: &str, reason: &str) -> Result<String, String> {
    let number: u64 = id.parse().map_err(|_| format!("ID: {id:?} is not the number of a user"))?;
    let mut users = chat.room.list().into_iter();
    let found: Option<(u64, Name, Option<Peer>)> = users.find(|(id, ..)| *id == number);
    match found {
        None => Err(format!("there is no user {number}: try list")),
        Some((.., None)) => Err(format!("user {number} is on another server: close it there")),
        Some((_, name, Some(peer))) => {
            peer.close(CloseCode::POLICY_VIOLATION, reason).map_err(|error| error.to_string())?;
            Ok(format!("closing {number} ({})", name.as_str()))
        }
    }
}

fn errors(chat: &Chat) -> String {
    let (total, lines) = chat.errors.list();
    let mut text = format!("{total} errors");
    if (lines.len() as u64) < total {
        let _ = write!(text, ", of which these are the last {}", lines.len());
    }
    lines.iter().for_each(|line| {
        let _ = write!(text, "\n{line}");
    });
    text
}
