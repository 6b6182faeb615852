//! Output: messages on standard output, everything about the connection on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use hybi::handshake::Refusal;
use hybi::{Event, escaped};

use crate::editor::Printer;
use crate::options::Options;

/// The fields of a refusal that tell what to do instead.
const TELLING_FIELDS: [&str; 4] =
    ["Location", "Retry-After", "WWW-Authenticate", "Proxy-Authenticate"];
/// The most bytes that are printed of the body of a refusal.
const BODY_BYTES_MAX: usize = 2_000;
/// How many bytes of a binary message are printed.
const HEX_BYTES_MAX: usize = 32;

pub(crate) struct Screen {
    is_raw: bool,
    has_bytes: bool,
    is_terminal: bool,
    /// Prints above the line that is being edited.
    printer: Option<Printer>,
}

impl Screen {
    pub(crate) fn new(options: &Options) -> Self {
        let is_terminal = io::stdout().is_terminal();
        // A terminal would obey what is among the bytes.
        let has_bytes = options.binary && !is_terminal;
        Self { is_raw: options.raw, has_bytes, is_terminal, printer: None }
    }

    /// From now on prints above the line that is being edited.
    pub(crate) fn print_above(&mut self, printer: Printer) {
        self.printer = Some(printer);
    }

    /// Prints what has been received.
    pub(crate) fn print(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Text(text) if self.has_bytes => write(text.as_bytes()),
            Event::Binary(data) if self.has_bytes => write(data),
            Event::Text(text) if self.is_raw => self.line(&format!("{text}\n")),
            event => match shown(event) {
                Some(text) if self.has_bytes => {
                    self.tell(text);
                    Ok(())
                }
                Some(text) if self.is_terminal && !self.is_raw => self.line(&format!("< {text}\n")),
                Some(text) => self.line(&format!("{text}\n")),
                None => Ok(()),
            },
        }
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        if let Some(printer) = &mut self.printer
            && printer.print(line.to_owned()).is_ok()
        {
            return Ok(());
        }
        // Nobody is editing, or not any more.
        write(line.as_bytes())
    }

    /// Prints something about the connection. If nobody reads it, the exit code still tells the
    /// end.
    pub(crate) fn tell(&mut self, text: impl Display) {
        if self.printer.is_some() && io::stderr().is_terminal() {
            let _ = self.line(&format!("{text}\n"));
        } else {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Prints what a server or proxy says about its refusal.
    pub(crate) fn explain(&mut self, refusal: &Refusal) {
        let response = refusal.response();
        for name in TELLING_FIELDS {
            if let Some(value) = response.field(name) {
                self.tell(format_args!("{name}: {}", escaped(&String::from_utf8_lossy(value))));
            }
        }
        let body = refusal.body();
        let shown = body.get(..BODY_BYTES_MAX).unwrap_or(body);
        let mut chunks = shown.utf8_chunks(); // one, perhaps without the rest of its last character
        let text = chunks.next().map_or("", |chunk| chunk.valid());
        if chunks.next().is_some() {
            return self.tell(format_args!("({} bytes that are not text)", body.len()));
        }
        for line in text.lines() {
            self.tell(escaped(line));
        }
        if text.len() < body.len() {
            self.tell(format_args!("(the first {} of {} bytes)", text.len(), body.len()));
        }
    }

    /// Waits until the editor has printed everything.
    pub(crate) fn flush(&mut self) {
        // It keeps one line and prints another. So when it has taken two more lines, those before
        // are on the screen. These two go up and down again.
        for _ in 0..2 {
            if let Some(printer) = &mut self.printer {
                let _ = printer.print("\x1b[A\n".to_owned());
            }
        }
    }
}

/// Returns how something that was received looks on the screen: in one line that no terminal obeys.
/// A stranger's text could otherwise move the cursor, change colours or type for the user.
pub(crate) fn shown(event: &Event<'_>) -> Option<String> {
    match event {
        Event::Text(text) => Some(escaped(text).to_string()),
        Event::Binary(data) => Some(format!("({} bytes) {}", data.len(), hex(data))),
        Event::Pong(data) => Some(format!("(pong) {}", escaped(&String::from_utf8_lossy(data)))),
        _ => None, // pings and Close frames have been answered
    }
}

/// Prints an answer to what was typed, or what has been sent.
pub(crate) fn answer(text: impl Display) {
    let _ = write(format!("{text}\n").as_bytes());
}

pub(crate) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(bytes).and_then(|()| output.flush())
}

/// Returns the first bytes of a message, for people.
fn hex(data: &[u8]) -> String {
    let mut text: Vec<String> =
        data.iter().take(HEX_BYTES_MAX).map(|byte| format!("{byte:02x}")).collect();
    if data.len() > HEX_BYTES_MAX {
        text.push("...".into());
    }
    text.join(" ")
}
