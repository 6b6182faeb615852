//! The line that a person edits at a terminal, with history and completion. Output is printed above
//! it meanwhile.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, ExternalPrinter, Helper};

use crate::commands::NAMES;
use crate::screen;

const PROMPT: &str = "> ";
/// How long a signal has to end the editor before it is sent another.
const SIGNAL_AFTER: Duration = Duration::from_millis(20);

pub(crate) type Printer = Box<dyn ExternalPrinter + Send>;

/// Input from a person.
pub(crate) enum Typed {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D, or the terminal is gone.
    End,
}

pub(crate) struct Editor(rustyline::Editor<Completion, MemHistory>);

impl Editor {
    /// Creates an editor, and what prints above it. `None`: the terminal cannot do that.
    pub(crate) fn new() -> Option<(Self, Printer)> {
        let config =
            Config::builder().auto_add_history(true).completion_type(CompletionType::List).build();
        // Messages may be secret, so the history ends with the program.
        let history = MemHistory::with_config(&config);
        let mut editor = rustyline::Editor::with_history(config, history).ok()?;
        editor.set_helper(Some(Completion(FilenameCompleter::new())));
        let printer = editor.create_external_printer().ok()?;
        Some((Self(editor), Box::new(printer)))
    }

    /// Waits for a line.
    pub(crate) fn line(&mut self) -> Typed {
        {
            let mut state = state();
            if state.is_stopping {
                return Typed::End;
            }
            state.is_reading = true;
        }
        let line = self.0.readline(PROMPT);
        let mut state = state();
        state.is_reading = false;
        CHANGED.notify_all();
        match line {
            _ if state.is_stopping => Typed::End,
            Ok(line) => Typed::Line(line),
            Err(ReadlineError::Interrupted) => Typed::Interrupt,
            Err(_) => Typed::End,
        }
    }
}

// ---- Its end, when the connection has ended. The program must not end before the editor: the
// terminal would stay as it needs it.

struct State {
    is_reading: bool,
    is_stopping: bool,
}

static STATE: Mutex<State> = Mutex::new(State { is_reading: false, is_stopping: false });
static CHANGED: Condvar = Condvar::new();

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the editor, and gives the terminal back.
pub(crate) fn stop() {
    let mut state = state();
    state.is_stopping = true;
    let was_reading = state.is_reading;
    while state.is_reading {
        // A signal is what ends it from outside. It may be about to begin and not listen yet.
        let _ = kill(Pid::this(), Signal::SIGINT);
        let waited = CHANGED.wait_timeout(state, SIGNAL_AFTER);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    if was_reading {
        let _ = screen::write(b"\x1b[A\x1b[K"); // the prompt, which nobody can answer any more
    }
}

/// Returns whether a signal is ours.
pub(crate) fn is_stopping() -> bool {
    state().is_stopping
}

// ---- Completion

/// Completes commands, and the path of `/file`.
struct Completion(FilenameCompleter);

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        if line.starts_with("/file ") {
            return self.0.complete(line, at, context);
        }
        let typed = line.get(..at).filter(|typed| typed.starts_with('/'));
        let names = NAMES.iter().filter(|name| typed.is_some_and(|typed| name.starts_with(typed)));
        let pair = |name: &&str| Pair { display: (*name).into(), replacement: (*name).into() };
        Ok((0, names.map(pair).collect()))
    }
}

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}
