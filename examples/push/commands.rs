//! The commands of the terminal, and of `--command`.

use std::time::Duration;

use hybi::Message;

use crate::AnyError;
use crate::connections::{Connections, Heard};
use crate::status::Status;
use crate::terminal::{count, words};

/// The text of `help`. `ID` is the number of an asynchronous connection.
pub(crate) const COMMANDS: &str = "\
ID TEXT                  sends to the asynchronous connection of this number
all TEXT                 sends to all of them
read ID [LEN]            waits for what its client says next, and shows at most LEN characters; the
                         rest comes with the next `read`
close ID                 closes it with 1000
list                     the numbers of all of them
status                   all connections of this server: who, since when, how much, in which state";

/// Does what a line says. Whoever types it knows connections only by their numbers. Without a
/// `status`, we are no server.
pub(crate) fn obey(
    connections: &dyn Connections,
    status: Option<&Status>,
    line: &str,
    timeout: Duration,
) -> Result<String, AnyError> {
    let (command, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    match command {
        "list" => Ok(listing(&connections.list()?)),
        "status" => {
            let status =
                status.ok_or("this is no server: `status` shows the connections of one")?;
            let lines: Vec<_> = status.list().iter().map(ToString::to_string).collect();
            Ok(listing(&lines))
        }
        "all" => {
            let [text] = words(rest, "all TEXT")?;
            Ok(format!("sent to {}", connections.send_to_all(text)?))
        }
        "close" => {
            let [id] = words(rest, "close ID")?;
            connections.close(number(id)?)?;
            Ok(format!("closing {id}"))
        }
        "read" => {
            let (id, len) = match words(rest, "read ID LEN") {
                Ok([id, len]) => (id, len.trim().parse().ok().filter(|len| *len > 0)),
                Err(_) => (words::<1>(rest, "read ID")?[0], Some(usize::MAX)),
            };
            let len = len.ok_or("LEN: how many characters, from 1")?;
            let id = number(id)?;
            let Heard { data, last, dropped } = connections.read(id, len, timeout)?;
            let before = match dropped {
                0 => String::new(),
                1 => "1 message before was dropped\n".into(),
                _ => format!("{dropped} messages before were dropped\n"),
            };
            let more = if last { "" } else { ", and more" };
            Ok(format!("{before}{}{more}", says(id, &data)))
        }
        id => {
            let wrong = |_| format!("there is no command {id:?}: try help");
            let number = id.parse().map_err(wrong)?;
            let [text] = words(rest, "ID TEXT")?;
            connections.send(number, text)?;
            Ok(format!("sent to {id}"))
        }
    }
}

pub(crate) fn says(id: u64, message: &Message) -> String {
    match message {
        Message::Text(text) => format!("{id} says {text:?}"),
        Message::Binary(bytes) => format!("{id} says {} bytes", bytes.len()),
    }
}

fn listing(lines: &[String]) -> String {
    format!("{}\n{}", count(lines.len(), "connection"), lines.join("\n")).trim_end().into()
}

fn number(id: &str) -> Result<u64, String> {
    id.parse().map_err(|_| format!("ID: {id:?} is not the number of a connection"))
}
