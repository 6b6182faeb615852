//! `--example client` at a terminal: a pseudo-terminal, whose keyboard and screen the test has.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use hybi::{CloseCode, Message};

use crate::client::{File, accept, server};
use crate::program::{PATIENCE, example};

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const UP: &str = "\x1b[A";
const LEFT: &str = "\x1b[D";

struct Terminal {
    process: Child,
    keyboard: ChildStdin,
    bytes: Receiver<Vec<u8>>,
    /// The text written since the last call of `until`, without the sequences that move the cursor.
    screen: Vec<u8>,
    is_within_escape: bool,
}

impl Terminal {
    /// Starts the client at a terminal. When it has ended, the terminal prints `status: ` with its
    /// exit code, and its own settings.
    fn client(arguments: &str) -> Self {
        Self::client_at("xterm", arguments)
    }

    fn client_at(kind: &str, arguments: &str) -> Self {
        let client = example("client");
        let client = client.get_program().to_str().unwrap();
        let command = format!(
            "sh -c 'echo id: $$; exec {client} {arguments}'; echo status: $?; stty --all; echo over"
        );
        let mut process = Command::new("script")
            .args(["--quiet", "--flush", "--command", &command, "/dev/null"])
            .env("TERM", kind)
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, bytes) = mpsc::channel();
        let mut output = process.stdout.take().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = output.read(&mut buffer) {
                let _ = sender.send(buffer[..len].to_vec());
            }
        });
        let keyboard = process.stdin.take().unwrap();
        Self { process, keyboard, bytes, screen: Vec::new(), is_within_escape: false }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn enter(&mut self, line: &str) {
        self.press(&format!("{line}\r"));
    }

    /// Waits until this has been written. Returns what has been before it.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        loop {
            let mut places = self.screen.windows(text.len());
            if let Some(at) = places.position(|place| place == text.as_bytes()) {
                let before = self.screen.drain(..at + text.len()).take(at).collect();
                return String::from_utf8(before).unwrap();
            }
            match self.bytes.recv_timeout(PATIENCE) {
                Ok(bytes) => bytes.into_iter().for_each(|byte| self.write(byte)),
                Err(error) => {
                    panic!("no {text:?} in {:?}: {error}", String::from_utf8_lossy(&self.screen))
                }
            }
        }
    }

    fn write(&mut self, byte: u8) {
        match byte {
            0x1b => self.is_within_escape = true,
            _ if self.is_within_escape => self.is_within_escape = !byte.is_ascii_alphabetic(),
            b'\r' => {}
            _ => self.screen.push(byte),
        }
    }

    /// Waits for the prompt of the editor, which can be typed at then.
    #[track_caller]
    fn prompt(&mut self) {
        self.until("> ");
    }

    /// Waits for the end. Returns the exit code, what was written before it, and whether the
    /// terminal echoes and has lines as before.
    #[track_caller]
    fn end(&mut self) -> (String, String, bool) {
        let before = self.until("status: ");
        let code = self.until("\n");
        let settings = self.until("over\n");
        let is_as_before = settings.contains(" icanon") && settings.contains(" echo ");
        (code, before, is_as_before)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An echo server, which returns what it has got and the close code.
fn echo(stream: TcpStream) -> (Vec<Message>, u16) {
    let mut ws = accept(stream);
    let mut got = Vec::new();
    while let Some(message) = ws.receive().unwrap() {
        ws.send_owned(message.clone()).unwrap();
        got.push(message);
    }
    (got, ws.closed().unwrap().code())
}

#[test]
fn what_is_sent_and_what_comes_are_told_apart() {
    let (uri, server) = server(echo);
    let mut terminal = Terminal::client(&uri);
    terminal.prompt();
    for (typed, shown) in [
        ("hello", "< hello\n"),
        ("//quit", "< /quit\n"),
        ("", "< \n"),
        ("/hex 00 ff", "< (2 bytes) 00 ff\n"),
        ("/file /dev/null", "< (0 bytes) \n"),
        ("/ping there?", "< (pong) there?\n"),
        ("\u{1f600} gr\u{fc}n", "< \u{1f600} gr\u{fc}n\n"),
    ] {
        terminal.enter(typed);
        terminal.until(shown);
        terminal.prompt();
    }
    terminal.enter("/quit");
    terminal.until("closed: 1000 (normal closure)\n");
    let (code, _, is_as_before) = terminal.end();
    assert_eq!((&*code, is_as_before), ("0", true));
    let (got, code) = server.join().unwrap();
    assert_eq!((got.len(), code), (6, 1000));
}

#[test]
fn a_command_that_is_none_or_lacks_something_is_an_error_and_sends_nothing() {
    let (uri, server) = server(echo);
    let mut terminal = Terminal::client(&uri);
    terminal.prompt();
    for (typed, told) in [
        ("/nothing at all", "error: there is no command /nothing; /help lists them, and //nothing"),
        ("/QUIT", "error: there is no command /QUIT"),
        ("/close", "error: /close needs a code"),
        ("/close 1006", "error: the close code 1006 must not be sent"),
        ("/close bye", "error: bye is not a close code"),
        ("/hex 0", "error: a byte has two hexadecimal digits"),
        ("/hex xy", "error: 'x' is not a hexadecimal digit"),
        ("/file", "error: /file needs a path"),
        ("/file /nowhere", "error: /nowhere: "),
        ("/help", "/quit "),
    ] {
        terminal.enter(typed);
        terminal.until(told);
        terminal.prompt();
    }
    terminal.enter("/close 4000 enough is enough");
    terminal.until("closed: 4000 \"enough is enough\"\n");
    assert_eq!(terminal.end().0, "0");
    assert_eq!(server.join().unwrap(), (vec![], 4000));
}

#[test]
fn lines_are_edited_recalled_and_completed() {
    let (uri, server) = server(echo);
    let mut terminal = Terminal::client(&uri);
    terminal.prompt();
    terminal.press("ac");
    terminal.press(LEFT);
    terminal.enter("b");
    terminal.until("< abc\n");
    terminal.press(UP);
    terminal.enter("!");
    terminal.until("< abc!\n");
    terminal.press("\u{1b}[200~pasted\nin two lines\u{1b}[201~");
    terminal.enter("");
    terminal.until("< pasted\\nin two lines\n");
    let file = File::new("completed", b"\xff");
    terminal.press(&format!("/file {}\t", file.path().strip_suffix("ted").unwrap()));
    terminal.until("completed");
    terminal.enter("");
    terminal.until("< (1 bytes) ff\n");
    terminal.press("/q\t");
    terminal.until("/quit");
    terminal.enter("");
    assert_eq!(terminal.end().0, "0");
    let expected = ["abc".into(), "abc!".into(), "pasted\nin two lines".into(), vec![0xff].into()];
    assert_eq!(server.join().unwrap().0, expected);
}

#[test]
fn what_comes_leaves_the_line_that_is_being_typed() {
    let (ready, typed) = mpsc::channel();
    let (uri, server) = server(move |stream| {
        let mut ws = accept(stream);
        typed.recv().unwrap();
        ws.send("news").unwrap();
        let got = ws.receive().unwrap();
        ws.close(CloseCode::NORMAL, "").unwrap();
        while ws.receive().unwrap().is_some() {}
        got
    });
    let mut terminal = Terminal::client(&uri);
    terminal.prompt();
    terminal.press("half");
    terminal.until("half");
    ready.send(()).unwrap();
    terminal.until("< news\n> half");
    terminal.enter(" and half");
    assert_eq!(terminal.end().0, "0");
    assert_eq!(server.join().unwrap(), Some("half and half".into()));
}

#[test]
fn everything_that_came_before_the_end_is_on_the_screen() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        for number in 0..200 {
            ws.feed(&format!("number {number}")).unwrap();
        }
        ws.close(CloseCode::TOO_BIG, "at most \u{1b}1").unwrap();
        while ws.receive().unwrap().is_some() {}
    });
    let mut terminal = Terminal::client(&uri);
    for number in 0..200 {
        terminal.until(&format!("< number {number}\n"));
    }
    terminal.until("closed: 1009 (message too big) \"at most \\u{1b}1\"\n");
    let (code, _, is_as_before) = terminal.end();
    assert_eq!((&*code, is_as_before), ("3", true));
    server.join().unwrap();
}

#[test]
fn a_server_that_vanishes_gives_the_terminal_back() {
    let (uri, server) = server(|stream| drop(accept(stream)));
    let mut terminal = Terminal::client(&uri);
    let (code, _, is_as_before) = terminal.end();
    assert_eq!((&*code, is_as_before), ("1", true));
    server.join().unwrap();
}

/// RFC 6455 §7.4.1: 1000 if the purpose has been fulfilled, 1001 if an endpoint goes away.
#[test]
fn ctrl_d_and_ctrl_c_say_good_bye() {
    for (keys, code) in [(CTRL_D, 1000), (CTRL_C, 1001)] {
        let (uri, server) = server(echo);
        let mut terminal = Terminal::client(&uri);
        terminal.prompt();
        terminal.press(keys);
        terminal.until(&format!("closed: {code}"));
        let (status, _, is_as_before) = terminal.end();
        assert_eq!((&*status, is_as_before), ("0", true), "{code}");
        assert_eq!(server.join().unwrap(), (vec![], code));
    }
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_the_server() {
    for first in [CTRL_C, CTRL_D] {
        let (uri, server) = server(|stream| accept(stream).into_stream()); // answers nothing
        let mut terminal = Terminal::client(&uri);
        terminal.prompt();
        terminal.press(first);
        let mut stream = server.join().unwrap();
        stream.read_exact(&mut [0; 8]).unwrap(); // the Close frame
        terminal.prompt();
        terminal.press(CTRL_C);
        if first == CTRL_D {
            terminal.prompt();
            terminal.press(CTRL_C);
        }
        let (status, _, is_as_before) = terminal.end();
        assert_eq!((&*status, is_as_before), ("130", true));
    }
}

/// Sends signals as `kill` does, and one for a window whose size changes.
#[test]
fn signals_are_obeyed_while_a_line_is_being_typed() {
    for (signal, code) in [("INT", 1001), ("TERM", 1001)] {
        let (uri, server) = server(echo);
        let mut terminal = Terminal::client(&uri);
        terminal.until("id: ");
        let id = terminal.until("\n");
        let kill = |signal: &str| {
            let status = Command::new("kill").args([&format!("-{signal}"), &id]).status();
            assert!(status.unwrap().success());
        };
        terminal.prompt();
        kill("WINCH");
        terminal.enter("still there?");
        terminal.until("< still there?\n> ");
        kill(signal);
        terminal.until(&format!("closed: {code}"));
        let (status, _, is_as_before) = terminal.end();
        assert_eq!((&*status, is_as_before), ("0", true), "{signal}");
        assert_eq!(server.join().unwrap().1, code, "{signal}");
    }
}

/// Such as the shells within editors.
#[test]
fn a_terminal_that_cannot_move_its_cursor_has_commands_and_no_editor() {
    let (uri, server) = server(echo);
    let mut terminal = Terminal::client_at("dumb", &uri);
    terminal.until("open, ");
    terminal.enter("hello");
    terminal.until("< hello\n");
    terminal.enter("/nothing");
    terminal.until("error: there is no command /nothing");
    terminal.enter("/quit");
    terminal.until("closed: 1000");
    assert_eq!(terminal.end().0, "0");
    assert_eq!(server.join().unwrap(), (vec!["hello".into()], 1000));
}

#[test]
fn lines_of_a_file_and_of_a_script_are_shown_with_what_comes() {
    let lines = File::new("lines", "a\nb\u{1b}c\n");
    let script = File::new("shown-script", "> a\n< a\n> b\n");
    for (arguments, shown) in [
        (format!("--count 2 < {}", lines.path()), &["> a\n", "> b\\u{1b}c\n", "< b\\u{1b}c\n"][..]),
        (format!("--script {} --count 2", script.path()), &["> a\n", "> b\n", "< b\n"]),
        (format!("--raw --count 2 < {}", lines.path()), &["a\n", "b\n"]),
    ] {
        let (uri, server) = server(echo);
        let mut terminal = Terminal::client(&format!("{uri} {arguments}"));
        let (status, screen, _) = terminal.end();
        for line in shown {
            assert!(screen.contains(line), "{line:?} in {screen:?}");
        }
        assert_eq!(screen.contains("> a"), !arguments.contains("--raw"), "{screen:?}");
        assert_eq!(screen.matches("a\n").count(), if arguments.contains("--raw") { 1 } else { 2 });
        assert_eq!(status, "0");
        server.join().unwrap();
    }
}

/// A connection is not needed for what is wrong before it.
#[test]
fn errors_before_the_editor_are_plain() {
    let mut terminal = Terminal::client("ws://127.0.0.1:1/");
    let (status, screen, is_as_before) = terminal.end();
    assert_eq!((&*status, is_as_before), ("1", true));
    assert!(screen.contains("refused"), "{screen}");
}
