//! The last errors, kept for the person at the terminal, as `^Chat.Errors` in the tutorial of IRIS.

use std::collections::VecDeque;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hybi::blocking::HubEvent;

use crate::print::{self, Level};

/// How many errors are kept.
const ERRORS_MAX: usize = 100;

/// When, who and what, in a line each.
#[derive(Default)]
pub(crate) struct Errors(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    lines: VecDeque<String>,
    /// How many there have been, with those that are not kept any more.
    total: u64,
}

impl Errors {
    /// Logs an error of one client, and keeps it.
    pub(crate) fn handle(&self, address: SocketAddr, what: impl Display) {
        self.keep(Some(address), &what);
        print::note(Level::Warning, Some(address), what);
    }

    /// Logs what the hub reports, and keeps it if it is an error.
    pub(crate) fn handle_event(&self, event: &HubEvent) {
        if let Some((level, address, text)) = print::news(event) {
            self.keep(address, &text);
            print::note(level, address, text);
        }
    }

    /// Returns how many errors there have been, and the lines of the last ones.
    pub(crate) fn list(&self) -> (u64, Vec<String>) {
        let kept = self.kept();
        (kept.total, kept.lines.iter().cloned().collect())
    }

    fn keep(&self, address: Option<SocketAddr>, what: &impl Display) {
        let who = address.map_or_else(|| "-".into(), |address| address.to_string());
        let line = format!("{} {who} {what}", print::Time(SystemTime::now()));
        let mut kept = self.kept();
        kept.total += 1;
        kept.lines.push_back(line);
        if kept.lines.len() > ERRORS_MAX {
            kept.lines.pop_front();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
