//! Reactions to events on an endpoint. They are chosen when the endpoint is allocated.

use std::fmt;
use std::sync::Arc;

use hybi::Message;
use hybi::blocking::{Closed, Error};

use crate::Peer;
use crate::print::{self, Level};

/// Each is called in the client's own thread. By default they do nothing.
pub(crate) trait Hooks: Send + Sync {
    fn on_connect(&self, _endpoint: &str, _peer: &Peer) {}
    /// Is called before everybody receives the message.
    fn on_message(&self, _endpoint: &str, _peer: &Peer, _message: &Message) {}
    fn on_leave(&self, _endpoint: &str, _peer: &Peer, _closed: &Closed) {}
    fn on_error(&self, _endpoint: &str, _peer: &Peer, _error: &Error) {}
}

/// Returns hooks by the name that `allocate` takes.
pub(crate) fn named(name: &str) -> Option<Arc<dyn Hooks>> {
    match name {
        "log" => Some(Arc::new(Log)),
        "greet" => Some(Arc::new(Greet)),
        "none" => Some(Arc::new(Nothing)),
        _ => None,
    }
}

struct Nothing;

impl Hooks for Nothing {}

/// Logs everything.
pub(crate) struct Log;

impl Hooks for Log {
    fn on_connect(&self, endpoint: &str, peer: &Peer) {
        note(endpoint, peer, format_args!("connected"));
    }

    fn on_message(&self, endpoint: &str, peer: &Peer, message: &Message) {
        match message {
            Message::Text(text) => note(endpoint, peer, format_args!("says {text:?}")),
            Message::Binary(bytes) => {
                note(endpoint, peer, format_args!("says {} bytes", bytes.len()));
            }
        }
    }

    fn on_leave(&self, endpoint: &str, peer: &Peer, closed: &Closed) {
        note(endpoint, peer, format_args!("left: {closed}"));
    }

    fn on_error(&self, endpoint: &str, peer: &Peer, error: &Error) {
        let text = format_args!("{endpoint}: {} failed: {error}", peer.id());
        print::note(Level::Warning, Some(peer.address()), text);
    }
}

/// Greets whoever connects, and logs nothing but errors.
struct Greet;

impl Hooks for Greet {
    fn on_connect(&self, endpoint: &str, peer: &Peer) {
        // An error means that it is closing already.
        let _ = peer.send(&*format!("Welcome to {endpoint}. You are number {}.", peer.id()));
    }

    fn on_error(&self, endpoint: &str, peer: &Peer, error: &Error) {
        Log.on_error(endpoint, peer, error);
    }
}

fn note(endpoint: &str, peer: &Peer, text: fmt::Arguments<'_>) {
    let text = format_args!("{endpoint}: {} {text}", peer.id());
    print::note(Level::Info, Some(peer.address()), text);
}
