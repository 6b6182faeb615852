//! Programs under test, and clients of theirs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use hybi::blocking::{ClientSocket, Closed, ConnectError, Connector, Error, MaybeTls, Writer};
use hybi::handshake::ClientRequest;
use hybi::{Client, Message, Uri};

/// Longer than anything takes on a busy machine: passing it is a failure, never how a test goes on.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn example(name: &str) -> Command {
    built(&format!("examples/{name}"), "cargo build --examples")
}

/// The program of an example that is a package of its own.
#[allow(dead_code, reason = "not every test needs it")]
pub fn package(name: &str) -> Command {
    built(name, &format!("cargo build -p hybi-{name}"))
}

fn built(path: &str, how: &str) -> Command {
    // target/<profile>/deps/systems-<hash> -> target/<profile>/<path>
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    let program: PathBuf = folder.join(path).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.exists(), "{} is missing: {how}", program.display());
    Command::new(program)
}

/// A running server; killed when dropped.
pub struct Program {
    process: Child,
    pub address: String,
    /// What it prints, on either channel.
    lines: Receiver<String>,
}

impl Program {
    /// Starts it at any port, with these options.
    pub fn start(name: &str, options: &[&str]) -> Self {
        Self::run(example(name).arg("127.0.0.1:0").args(options))
    }

    /// Starts it as this command says.
    pub fn run(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        let mut program = Self { process, address: String::new(), lines };
        let line = program.line("listening at ");
        program.address = line.trim().rsplit("://").next().unwrap().to_owned();
        program
    }

    /// Starts it at any port, at a terminal of its own.
    #[cfg(target_os = "linux")]
    pub fn start_at_terminal(name: &str) -> Self {
        let command = format!("{} 127.0.0.1:0", example(name).get_program().display());
        Self::run(Command::new("script").args([
            "--quiet",
            "--flush",
            "--command",
            &command,
            "/dev/null",
        ]))
    }

    /// Waits for a line that contains this, and throws away those before it.
    #[track_caller]
    pub fn line(&self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(error) => panic!("no line with {text:?}: {error}"),
            }
        }
    }

    /// Waits for a line with each of these, in whatever order they come: two threads print them.
    #[track_caller]
    pub fn lines_in_any_order(&self, texts: &[&str]) {
        let mut missing = texts.to_vec();
        while !missing.is_empty() {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => missing.retain(|text| !line.contains(text)),
                Err(error) => panic!("no line with {missing:?}: {error}"),
            }
        }
    }

    /// Whether a line that contains this has been printed; throws away those before it.
    pub fn has_said(&self, text: &str) -> bool {
        self.lines.try_iter().any(|line| line.contains(text))
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        self.type_bytes(format!("{line}\n").as_bytes());
    }

    /// Types what may be no text.
    pub fn type_bytes(&mut self, bytes: &[u8]) {
        self.process.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// What Ctrl-C does.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it, so that it can tell nobody.
    #[allow(dead_code, reason = "not every test needs it")]
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }

    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    pub fn http(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .write_all(format!("{request}\r\nHost: {}\r\n\r\n", self.address).as_bytes())
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    pub fn connect(&self, path: &str) -> Result<ClientSocket, ConnectError> {
        let uri = Uri::parse(&format!("ws://{}{path}", self.address)).unwrap();
        Connector::new().connect(&ClientRequest::new(&uri))
    }

    /// The status with which a handshake is refused.
    #[track_caller]
    pub fn refusal(&self, path: &str, origin: Option<&str>) -> u16 {
        let uri = Uri::parse(&format!("ws://{}{path}", self.address)).unwrap();
        let request = ClientRequest::new(&uri).origin(origin);
        match Connector::new().connect(&request) {
            Err(ConnectError::Refused(refusal)) => refusal.response().status(),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("not refused"),
        }
    }

    /// A connection that nobody reads and that answers nothing, with the handshake done.
    pub fn mute(&self, path: &str) -> TcpStream {
        match self.connect(path).unwrap().into_stream() {
            MaybeTls::Plain(socket) => socket,
            other => panic!("{other:?}"),
        }
    }

    /// A client that is always reading.
    pub fn client(&self, path: &str) -> Talker {
        Talker::new(self.connect(path).unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client that reads all the time in a thread of its own, so that it answers pings whatever the
/// test does.
pub struct Talker {
    pub writer: Writer<MaybeTls<TcpStream>, Client>,
    incoming: Receiver<Incoming>,
}

enum Incoming {
    Message(Message),
    End(Result<Closed, Error>),
}

impl Talker {
    pub fn new(ws: ClientSocket) -> Self {
        let (mut reader, writer) = ws.split().unwrap();
        let (sender, incoming) = mpsc::channel();
        thread::spawn(move || {
            let end = loop {
                match reader.receive() {
                    Ok(Some(message)) => {
                        if sender.send(Incoming::Message(message)).is_err() {
                            return;
                        }
                    }
                    Ok(None) => break Ok(reader.closed().unwrap().clone()),
                    Err(error) => break Err(error),
                }
            };
            let _ = sender.send(Incoming::End(end));
        });
        Self { writer, incoming }
    }

    pub fn send(&self, text: &str) {
        self.writer.send(text).unwrap();
    }

    /// The next message.
    #[track_caller]
    pub fn next(&self) -> Message {
        match self.incoming() {
            Incoming::Message(message) => message,
            Incoming::End(end) => panic!("the end: {end:?}"),
        }
    }

    /// The next message, which is text.
    #[track_caller]
    pub fn text(&self) -> String {
        match self.next() {
            Message::Text(text) => text.into(),
            other => panic!("{other:?}"),
        }
    }

    /// The end, after whatever.
    #[track_caller]
    pub fn end(&self) -> Closed {
        loop {
            if let Incoming::End(end) = self.incoming() {
                return end.unwrap();
            }
        }
    }

    #[track_caller]
    fn incoming(&self) -> Incoming {
        match self.incoming.recv_timeout(PATIENCE) {
            Ok(incoming) => incoming,
            Err(error) => panic!("nothing came: {error}"),
        }
    }
}
