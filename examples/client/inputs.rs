//! Sources of messages to send: the options, a script, a terminal, a pipe.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};

use hybi::blocking::{Error, MaybeTls, Writer};
use hybi::frame::CloseReason;
use hybi::{Client, CloseCode, escaped};

use crate::commands::{Came, Command, HELP, ScriptLine, Step};
use crate::editor::{Editor, Typed};
use crate::options::{self, Options};
use crate::screen::answer;
use crate::{Outcome, Unmet, interrupt};

/// How much of the input or a file is read at a time, and the longest message of `--binary`.
const INPUT_BYTES: usize = 64 << 10;

/// Sends what the inputs say. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Sender(Arc<Shared>);

struct Shared {
    writer: Writer<MaybeTls<TcpStream>, Client>,
    /// For `/quit`.
    leaving: CloseReason<'static>,
    closed_with: OnceLock<CloseCode>,
}

impl Sender {
    pub(crate) fn new(
        writer: Writer<MaybeTls<TcpStream>, Client>,
        leaving: CloseReason<'static>,
    ) -> Self {
        Self(Arc::new(Shared { writer, leaving, closed_with: OnceLock::new() }))
    }

    /// Obeys a command. The error says why it was not.
    fn obey(&self, command: &Command) -> Result<(), String> {
        let writer = &self.0.writer;
        let sent = match command {
            Command::Text(text) => writer.send(text),
            Command::Binary(data) => writer.send(data),
            Command::File(path) => return self.send_file(path),
            Command::Ping(text) => writer.ping(text.as_bytes()),
            Command::Close(reason) => {
                self.close(reason);
                Ok(())
            }
            Command::Quit => {
                self.close(&self.0.leaving);
                Ok(())
            }
            Command::Help => {
                answer(HELP);
                Ok(())
            }
        };
        unless_over(sent)
    }

    /// Sends a file as one message, in parts, so that memory does not grow with its length.
    fn send_file(&self, path: &str) -> Result<(), String> {
        let wrong = |error: io::Error| format!("{path}: {error}");
        let mut file = File::open(path).map_err(wrong)?;
        let len = file.metadata().map_err(wrong)?.len(); // 0 for a pipe
        let (mut part, mut sent) = (Vec::with_capacity(INPUT_BYTES), 0);
        loop {
            part.clear();
            let read = (&mut file).take(INPUT_BYTES as u64).read_to_end(&mut part);
            let end = sent + part.len() as u64;
            let what = match read {
                Err(error) if sent == 0 => return Err(wrong(error)),
                Err(error) => error.to_string(),
                Ok(INPUT_BYTES) => {
                    let taken =
                        self.0.writer.send_part(&*part).and_then(|()| self.0.writer.flush());
                    if taken.is_err() {
                        return unless_over(taken);
                    }
                    sent = end;
                    continue;
                }
                Ok(_) if sent > 0 && end < len => format!("it shrank from {len} to {end} bytes"),
                Ok(_) => return unless_over(self.0.writer.send_last_part(&*part)),
            };
            // Half a message cannot be taken back. The Close frame may interrupt it (§5.4).
            self.close(&options::close_reason(CloseCode::GOING_AWAY));
            return Err(format!("{path}: {what}, while it was sent; the connection ends"));
        }
    }

    /// Closes the connection. The thread that receives waits for the end.
    pub(crate) fn close(&self, close: &CloseReason<'_>) {
        let _ = self.0.closed_with.set(close.code); // an error if it is not the first
        // An error means that it is over, or will be as soon as the other thread has read the rest.
        let _ = self.0.writer.close(close.code, &close.reason);
    }

    /// Returns the first code with which we have closed, or were about to.
    pub(crate) fn closed_with(&self) -> Option<CloseCode> {
        self.0.closed_with.get().copied()
    }
}

/// Returns an error, unless it is that the connection is over: the thread that receives learns how,
/// and tells it.
fn unless_over(sent: Result<(), Error>) -> Result<(), String> {
    match sent {
        Ok(()) | Err(Error::Closed(_) | Error::Io(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Sends everything, and closes the connection at the end. `received` is what the screen has shown.
pub(crate) fn send_all(
    options: &Options,
    sender: &Sender,
    editor: Option<Editor>,
    received: &Receiver<Came>,
) -> Outcome<()> {
    for command in &options.send {
        sender.obey(command)?;
    }
    let is_typed = io::stdin().is_terminal();
    // A person is shown what is sent, if not by the terminal itself.
    let is_shown = io::stdout().is_terminal() && !options.raw;
    match (&options.script, editor) {
        (Some(script), _) => play(script, options, sender, received, is_shown)?,
        (None, Some(editor)) => {
            edit(editor, options, sender);
            return Ok(());
        }
        (None, None) if options.binary => send_bytes(sender)?,
        (None, None) if is_typed => obey_lines(sender)?,
        (None, None) => send_lines(sender, is_shown)?,
    }
    if options.ends_with_input() || (is_typed && options.script.is_none()) {
        sender.close(&options.leaving(CloseCode::NORMAL));
    }
    Ok(())
}

/// Obeys lines as a person types and edits them.
fn edit(mut editor: Editor, options: &Options, sender: &Sender) {
    let mut has_ended = false;
    loop {
        match editor.line() {
            Typed::Line(line) => {
                if let Err(error) = Command::parse(&line).and_then(|command| sender.obey(&command))
                {
                    answer(format_args!("error: {error}"));
                }
            }
            Typed::Interrupt => interrupt(sender, options),
            // It goes on, so that a Ctrl-C is obeyed while the connection closes.
            Typed::End if !has_ended => {
                has_ended = true;
                sender.close(&options.leaving(CloseCode::NORMAL));
            }
            Typed::End => return,
        }
    }
}

/// Obeys lines as a person types them, with what the terminal has for editing.
fn obey_lines(sender: &Sender) -> Outcome<()> {
    for (number, line) in (1..).zip(io::stdin().lock().lines()) {
        let line = line.map_err(|error| told(number, &error))?;
        if let Err(error) = Command::parse(&line).and_then(|command| sender.obey(&command)) {
            answer(format_args!("error: {error}"));
        }
    }
    Ok(())
}

/// Sends lines as text.
fn send_lines(sender: &Sender, is_shown: bool) -> Outcome<()> {
    let mut input = BufReader::with_capacity(INPUT_BYTES, io::stdin().lock());
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(|error| told(number, &error))? == 0 {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text =
            str::from_utf8(text).map_err(|_| told(number, &io::ErrorKind::InvalidData.into()))?;
        if is_shown {
            answer(format_args!("> {}", escaped(text)));
        }
        // Lines that came together leave together.
        let mut sent = sender.0.writer.feed(text);
        if sent.is_ok() && !input.buffer().contains(&b'\n') {
            sent = sender.0.writer.flush();
        }
        if sent.is_err() {
            break; // it is over; the thread that receives learns how, and tells it
        }
    }
    Ok(())
}

fn told(line: u64, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => {
            format!("line {line} of the input is not UTF-8, as text messages must be")
        }
        _ => format!("line {line} of the input: {error}"),
    }
}

/// Sends bytes as they come.
fn send_bytes(sender: &Sender) -> Outcome<()> {
    let (mut input, mut buffer) = (io::stdin().lock(), vec![0; INPUT_BYTES]);
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => {
                let data = buffer.get(..len).unwrap_or_default();
                if sender.0.writer.send(data).is_err() {
                    return Ok(()); // as above
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("the input: {error}").into()),
        }
    }
}

/// Plays a conversation.
fn play(
    script: &[ScriptLine],
    options: &Options,
    sender: &Sender,
    received: &Receiver<Came>,
    is_shown: bool,
) -> Outcome<()> {
    for ScriptLine { number, text, step } in script {
        match step {
            Step::Do(command) => {
                if is_shown {
                    answer(format_args!("> {}", escaped(text)));
                }
                sender.obey(command).map_err(|error| format!("line {number}: {error}"))?;
            }
            Step::Expect(expected) => {
                let what = match received.recv_timeout(options.wait()) {
                    Ok(came) if came == *expected => continue,
                    Ok(Came::Message(text)) => format!("{text} came"),
                    Ok(Came::End(how)) => format!("the connection ended, closed: {how}"),
                    Err(RecvTimeoutError::Timeout) => {
                        format!("nothing came within {} s", options.wait().as_secs_f64())
                    }
                    Err(RecvTimeoutError::Disconnected) => "the connection ended".into(),
                };
                let unmet =
                    format!("line {number} of the script expects {}: {what}", escaped(text));
                return Err(Unmet(unmet).into());
            }
        }
    }
    Ok(())
}
