//! Typed texts and commands, and scripts, which are conversations as the screen shows them.

use std::fs;

use hybi::CloseCode;
use hybi::frame::{CONTROL_PAYLOAD_MAX, CloseReason};

pub(crate) const HELP: &str = "\
/ping [TEXT]            send a ping
/hex BYTES              send a binary message, such as /hex 00 ff
/file PATH              send a file as a binary message
/close CODE [REASON]    close with this code (1000, 3000-4999, ...)
/quit                   close as Ctrl-D does
/help                   show this
//TEXT                  send a text that begins with a slash: //help sends /help
Everything else is sent as it is. Tab completes commands and paths, the up arrow recalls lines.";

/// The commands, for their completion.
pub(crate) const NAMES: [&str; 6] = ["/ping ", "/hex ", "/file ", "/close ", "/quit", "/help"];

pub(crate) enum Command {
    Text(String),
    Binary(Vec<u8>),
    /// A binary message with what is in this file.
    File(String),
    Ping(String),
    Close(CloseReason<'static>),
    Quit,
    Help,
}

/// A line of a script.
pub(crate) struct ScriptLine {
    pub(crate) number: usize,
    /// The meaning of the line, for people.
    pub(crate) text: String,
    pub(crate) step: Step,
}

pub(crate) enum Step {
    Do(Command),
    /// The next thing to come must look like this.
    Expect(Came),
}

/// Something that came, as the screen shows it.
#[derive(PartialEq)]
pub(crate) enum Came {
    /// A message or a pong, without its mark.
    Message(String),
    /// The end of the connection, without `closed: `.
    End(String),
}

impl ScriptLine {
    /// Returns whether it is how the connection ends.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self.step, Step::Expect(Came::End(_)))
    }
}

impl Command {
    /// Reads a line as a person types it. The error says what is wrong with it.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let Some(command) = line.strip_prefix('/') else { return Ok(Self::Text(line.into())) };
        if command.starts_with('/') {
            return Ok(Self::Text(command.into()));
        }
        let (name, value) = command.split_once(' ').unwrap_or((command, ""));
        match name {
            "ping" if value.len() > CONTROL_PAYLOAD_MAX => {
                Err(format!("a ping has at most {CONTROL_PAYLOAD_MAX} bytes"))
            }
            "ping" => Ok(Self::Ping(value.into())),
            "hex" => Ok(Self::Binary(bytes(value)?)),
            "file" if value.is_empty() => Err("/file needs a path".into()),
            "file" => Ok(Self::File(value.into())),
            "close" if value.is_empty() => Err("/close needs a code, and perhaps a reason: \
                 /close 4000 enough. To close with 1000: /quit"
                .into()),
            "close" => {
                let (code, reason) = value.split_once(' ').unwrap_or((value, ""));
                Ok(Self::Close(close_reason(code, reason)?))
            }
            "quit" => Ok(Self::Quit),
            "help" => Ok(Self::Help),
            _ => Err(format!(
                "there is no command /{name}; /help lists them, and //{command} sends /{command}"
            )),
        }
    }
}

/// Checks the code and the reason of a Close frame.
pub(crate) fn close_reason(code: &str, reason: &str) -> Result<CloseReason<'static>, String> {
    let number: u16 = code.parse().map_err(|_| format!("{code} is not a close code"))?;
    let code = CloseCode::try_from(number).map_err(|error| error.to_string())?;
    let (len, max) = (reason.len(), CloseReason::REASON_BYTES_MAX);
    if len > max {
        return Err(format!("a reason has at most {max} bytes, and this one {len}"));
    }
    Ok(CloseReason { code, reason: reason.to_owned().into() })
}

/// Parses bytes in hexadecimal, with spaces between them or not.
fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let digits = hex.chars().filter(|char| !char.is_whitespace()).map(|char| {
        let digit = char.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digit.ok_or_else(|| format!("{char:?} is not a hexadecimal digit"))
    });
    let digits = digits.collect::<Result<Vec<u8>, _>>()?;
    if digits.len() % 2 != 0 {
        return Err("a byte has two hexadecimal digits, and one is missing".into());
    }
    Ok(digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect())
}

/// Reads a script.
pub(crate) fn read_script(path: &str) -> Result<Vec<ScriptLine>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("--script: {path}: {error}"))?;
    let mut script = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let wrong = |error| format!("--script: line {number} of {path}: {error}");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if script.last().is_some_and(ScriptLine::is_end) {
            return Err(wrong("nothing comes after the end of the connection".into()));
        }
        // An editor may have removed a space at the end.
        let (mark, text) = line.split_once(' ').unwrap_or((line, ""));
        let step = match mark {
            ">" => Step::Do(Command::parse(text).map_err(wrong)?),
            "<" => Step::Expect(Came::Message(text.into())),
            "closed:" => Step::Expect(Came::End(text.into())),
            _ => {
                let marks = "\"> \", \"< \", \"closed: \" and \"#\"";
                return Err(wrong(format!("it begins with none of {marks}")));
            }
        };
        let text = if mark == "closed:" { line } else { text };
        script.push(ScriptLine { number, text: text.into(), step });
    }
    Ok(script)
}
