//! A user: one connection, from coming in to leaving.

use std::time::{SystemTime, UNIX_EPOCH};

use hybi::blocking::Error;
use hybi::{CloseCode, Message};

use crate::dialect::{Dialect, Wish};
use crate::names::Name;
use crate::print::{self, Level};
use crate::room::{Event, Interrupted, SERVER_ID, Seat};
use crate::{Chat, INTERRUPTED, LINE_CHARS_MAX, Peer, Session};

/// Who has typed `alias` without a name, in the tutorial of IRIS.
const DEFAULT_NAME: &str = "default";

/// The code of a connection that ended without a Close frame (RFC 6455 §7.1.5).
const ABNORMAL: u16 = 1006;

/// Serves a user to the end.
pub(crate) fn serve(chat: &Chat, dialect: Dialect, session: &mut Session) {
    let Ok(mut user) = User::join(chat, session.peer(), dialect) else {
        // An error means that it is closing already.
        let _ = session.close(CloseCode::TRY_AGAIN_LATER, INTERRUPTED);
        return; // dropping the session waits for the Close frame
    };
    let outcome = user.listen(session);
    let (who, address) = (user.to_string(), user.peer.address());
    drop(user);
    match (outcome, session.closed()) {
        (Err(error), _) => chat.errors.handle(address, format_args!("{who} left: 1006: {error}")),
        (Ok(()), Some(closed)) if closed.code() == ABNORMAL => {
            chat.errors.handle(address, format_args!("{who} left: {closed}"));
        }
        (Ok(()), Some(closed)) => {
            print::note(Level::Info, Some(address), format_args!("{who} left: {closed}"));
        }
        (Ok(()), None) => {}
    }
}

/// A user in the room, who leaves it when this is dropped.
struct User<'a> {
    chat: &'a Chat,
    peer: Peer,
    dialect: Dialect,
    seat: Seat,
    name: Name,
    /// How many calls of [`Order`](crate::room::Order) were for this user.
    calls: u64,
}

impl<'a> User<'a> {
    fn join(chat: &'a Chat, peer: &Peer, dialect: Dialect) -> Result<Self, Interrupted> {
        let seat = chat.order.join(peer, dialect)?;
        print::note(Level::Info, Some(peer.address()), format_args!("{} joined", seat.id));
        let (peer, name) = (peer.clone(), Name::of_guest(seat.id));
        Ok(Self { chat, peer, dialect, seat, name, calls: 0 })
    }

    fn listen(&mut self, session: &mut Session) -> Result<(), Error> {
        while let Some(message) = session.receive()? {
            match message {
                Message::Text(text) => {
                    if let Err(why) = self.hear(&text) {
                        // An error means that it is closing, or too slow, which the hub sees to.
                        let _ = self.peer.send(&*self.dialect.error(&why, &text));
                    }
                }
                Message::Binary(_) => {
                    self.report("sent binary data");
                    // An error means that it is closing already.
                    let _ = session.close(CloseCode::UNSUPPORTED_DATA, "this is a chat: text only");
                }
            }
        }
        Ok(())
    }

    /// Does what the user wants. The error is for the user.
    fn hear(&mut self, text: &str) -> Result<(), String> {
        let wish = self.dialect.read(text).inspect_err(|error| self.report(error))?;
        match wish {
            Wish::Say(line) if line.is_empty() => Ok(()),
            Wish::Say(line) => self.say(&line),
            Wish::Rename(name) => self.rename(&name),
            Wish::BeDefault => {
                let or_else = format!("{DEFAULT_NAME} {}", self.seat.id);
                self.rename(DEFAULT_NAME).or_else(|_| self.rename(&or_else))
            }
        }
    }

    fn say(&mut self, line: &str) -> Result<(), String> {
        let message = said(self.seat.id, self.name.clone(), line)?;
        self.calls += 1;
        let said = self.chat.order.say(self.seat, self.calls, &message);
        said.map_err(|Interrupted| INTERRUPTED.into())
    }

    fn rename(&mut self, name: &str) -> Result<(), String> {
        let name = Name::chosen(name).map_err(|error| error.to_string())?;
        self.calls += 1;
        match self.chat.order.rename(self.seat, self.calls, &name) {
            Ok(true) => {
                self.name = name;
                Ok(())
            }
            Ok(false) => Err("That name is taken, or looks like one that is.".into()),
            Err(Interrupted) => Err(INTERRUPTED.into()),
        }
    }

    fn report(&self, what: &str) {
        self.chat.errors.handle(self.peer.address(), format_args!("{self}: {what}"));
    }
}

impl std::fmt::Display for User<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.seat.id, self.name.as_str())
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.chat.order.leave(self.seat);
    }
}

/// Says something to everybody, for the chat itself.
pub(crate) fn announce(chat: &Chat, line: &str) -> Result<(), String> {
    let message = said(SERVER_ID, Name::of_server(), line)?;
    chat.order.announce(&message).map_err(|Interrupted| INTERRUPTED.into())
}

/// Returns a message of this moment, unless it is too long.
fn said(id: u64, author: Name, line: &str) -> Result<Event, String> {
    if line.chars().count() > LINE_CHARS_MAX {
        return Err(format!("That is too long: {LINE_CHARS_MAX} characters at most."));
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let sent = since.as_millis() as u64;
    Ok(Event::Said { id, author, sent, text: line.into() })
}
