//! `--example handlers`: the server object of 4D, step by step as the document of
//! `4D.WebSocketServer` explains it. First the program from outside, then the object itself.

use std::any::Any;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use hybi::blocking::{ConnectError, Connector, ReadyState};
use hybi::handshake::ClientRequest;
use hybi::{CloseCode, Message, Uri};
use serde_json::{Value, json};

use crate::program::{PATIENCE, Program, Talker};

#[path = "../../examples/handlers/connection.rs"]
mod connection;
#[path = "../../examples/handlers/handlers.rs"]
mod handlers;
#[path = "../../examples/shared/limit.rs"]
mod limit;
#[path = "../../examples/handlers/log.rs"]
mod log;
#[path = "../../examples/shared/print.rs"]
mod print;
#[path = "../../examples/handlers/server.rs"]
mod server;
#[path = "../../examples/shared/terminal.rs"]
mod terminal;
#[path = "../../examples/shared/tls.rs"]
mod tls;
use connection::WebSocketConnection;
use handlers::{
    Accepted, ConnectionEvent, ConnectionHandler, Data, DataType, ErrorEvent, Handled,
    MessageEvent, OpenEvent, Request, ServerHandler, ServerTerminateEvent, TerminateEvent,
};
use log::LogFile;
use server::{Options, WebSocketServer};

/// The server of one's own in README.md: here it is compiled, and recipes.rs compares it.
#[expect(dead_code, reason = "it is to be read")]
mod recipe {
    use std::path::Path;

    use super::tls::Tls;
    use super::*;

    struct Echo;

    impl ServerHandler for Echo {
        fn on_connection(&self, _: &WebSocketServer, _: &ConnectionEvent) -> Accepted {
            None
        }
    }

    fn main() -> Handled {
        let listener = TcpListener::bind("127.0.0.1:9007")?;
        let wss = WebSocketServer::new(listener, Echo, server::Options::default())?;
        let ending = wss.clone();
        ctrlc::set_handler(move || ending.terminate(None))?; // closes all connections with 1001
        wss.wait(); // until somebody calls `terminate`
        print::flush(); // otherwise the last lines on standard error may be lost
        Ok(())
    }

    fn log_file() -> Handled {
        let log = LogFile::open(Path::new("server.log"), 10_000_000)?; // bytes; then server.log.old
        log.write(None, "started");
        log.flush(); // after `wait`: otherwise the last lines may be lost
        Ok(())
    }

    fn options() -> Result<server::Options, String> {
        let tls = Tls::read("cert.pem", "key.pem")?;
        let options = server::Options { tls, ..server::Options::default() };
        Ok(options)
    }
}

/// A file in the temporary folder, removed when this is dropped.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(name: &str) -> Self {
        let file = std::env::temp_dir().join(format!("hybi-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        Self(file)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// The lines without their time.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.0).unwrap();
        text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_file(format!("{}.old", self.path()));
    }
}

/// "Neste exemplo básico, o nosso servidor WebSocket devolverá mensagens em maiúsculas."
#[test]
fn walk_1_the_basic_server_answers_in_capital_letters() {
    let server = Program::start("handlers", &["--serve", "echo"]);
    let client = server.client("/");
    client.send("gr\u{fc}\u{df}e");
    assert_eq!(client.text(), "GR\u{dc}SSE");
    // A binary message is no text: an error, after which the connection goes on.
    client.writer.send(&[1, 2, 3]).unwrap();
    server.line("WARN 127.0.0.1:");
    client.send("still here");
    assert_eq!(client.text(), "STILL HERE");
}

/// "Este exemplo de um recurso básico de bate-papo": the handlers of the server write to a log
/// file, those of the connections greet, pass messages on to all others, and say who has left.
#[cfg(unix)]
#[test]
fn walk_2_the_chat_welcomes_passes_messages_to_all_others_and_logs() {
    let log = TemporaryFile::new("four-d-chat.log");
    let mut server = Program::start("handlers", &["--log", log.path()]);
    let one = server.client("/");
    assert_eq!(one.text(), "Welcome on the chat!");
    let two = server.client("/?name=J%C3%BCrgen+M%0a&x=1");
    assert_eq!(two.text(), "Welcome on the chat!");
    assert_eq!(one.text(), "New client connected");

    two.send("hello");
    assert_eq!(one.text(), "hello");
    one.send("and to you");
    // It has not heard itself.
    assert_eq!(two.text(), "and to you");

    server.type_line("list");
    server.line("2 connections");
    server.line("1 Open 127.0.0.1:");
    server.type_line("send from the server");
    server.line("sent to 2");
    assert_eq!([one.text(), two.text()], ["from the server"; 2]);

    two.writer.close(CloseCode::new(4001).unwrap(), "a\nforged\u{1b}[2J line").unwrap();
    two.end();
    assert_eq!(one.text(), "Client disconnected");
    let three = server.client("/");
    assert_eq!(
        (three.text(), one.text()),
        ("Welcome on the chat!".into(), "New client connected".into())
    );
    server.type_line("close 3");
    server.line("closing 3");
    assert_eq!((three.end().code(), one.text()), (1000, "Client disconnected".into()));

    server.type_line("quit");
    let closed = one.end();
    assert_eq!((closed.code(), closed.reason()), (1001, "the server is going down"));
    assert_eq!(server.wait().code(), Some(0));
    let lines: Vec<String> = log
        .lines()
        .into_iter()
        .map(|line| match line.split_once(' ').unwrap() {
            ("-", text) => text.to_owned(),
            // The port is the system's.
            (address, text) => {
                assert_eq!(address.parse::<SocketAddr>().unwrap().ip().to_string(), "127.0.0.1");
                text.to_owned()
            }
        })
        .collect();
    assert_eq!(
        lines,
        [
            "*** Server started",
            "1 connected: a guest",
            "2 connected: J\u{fc}rgen M\\n",
            "2 left: 4001: a\\nforged\\u{1b}[2J line",
            "3 connected: a guest",
            "3 left: 1000: closed by the server",
            "1 left: 1001: the server is going down",
            "*** Server closed",
        ]
    );
}

/// `VerifyAddress($event.request.remoteAddress)`, and `Null` if it fails.
#[test]
fn walk_3_a_client_whose_address_is_not_allowed_is_refused() {
    let server = Program::start("handlers", &["--forbid", "127.0.0.1"]);
    assert_eq!(server.refusal("/", None), 403);
}

#[test]
fn walk_4_a_path_is_the_only_one_and_pages_need_permission() {
    let options = ["--path", "/chat", "--origin", "https://chat.example"];
    let server = Program::start("handlers", &options);
    assert_eq!(server.refusal("/", None), 404);
    assert_eq!(server.refusal("/chat", Some("https://evil.example")), 403);
    // DNS rebinding: its own origin is an attacker's, too, if their name leads here.
    assert_eq!(server.refusal("/chat", Some(&format!("http://{}", server.address))), 403);
    let uri = Uri::parse(&format!("ws://{}/chat?a=b", server.address)).unwrap();
    let page = ClientRequest::new(&uri).origin("https://chat.example");
    assert_eq!(
        Connector::new().connect(&page).unwrap().receive().unwrap().unwrap(),
        Message::from("Welcome on the chat!")
    );
}

/// `dataType` is "object".
#[test]
fn walk_5_objects_are_json_both_ways() {
    let server = Program::start("handlers", &["--serve", "sums"]);
    let client = server.client("/");
    let ask = |text: &str| -> Value {
        client.send(text);
        serde_json::from_str(&client.text()).unwrap()
    };
    assert_eq!(ask("{\"add\": [1, 2.5, -3]}"), json!({ "sum": 0.5 }));
    let answer = ask("{\"add\": [1, ");
    assert_eq!(answer["errors"][0], "the message is not JSON");
    assert!(answer["errors"][1].as_str().unwrap().starts_with("EOF while parsing"), "{answer}");
    let deep = "[".repeat(60_000);
    assert_eq!(ask(&deep)["errors"][0], "the message is not JSON");
    assert_eq!(ask("7")["errors"][0], "send numbers, such as {\"add\": [1, 2]}");
    assert_eq!(ask("{\"add\": []}")["sum"].as_f64(), Some(0.0));
}

#[cfg(unix)]
#[test]
fn walk_6_the_server_ends_in_order_and_a_second_ctrl_c_does_not_wait() {
    let mut server = Program::start("handlers", &[]);
    let mut hesitant = server.mute("/");
    server.line("1 connected");
    server.interrupt();
    let mut byte = [0];
    while byte != [0x88] {
        hesitant.read_exact(&mut byte).unwrap(); // until the Close frame
    }
    assert!(server.is_running(), "the client has not answered");
    server.interrupt();
    assert_eq!(server.wait().code(), Some(1));
}

#[test]
fn a_client_beyond_the_limit_is_told_503_which_is_logged() {
    let server = Program::start("handlers", &["--connections", "1"]);
    let first = server.client("/");
    assert_eq!(first.text(), "Welcome on the chat!");
    assert_eq!(server.refusal("/", None), 503);
    server.line("!!! Server error: told 503");
    first.writer.close(CloseCode::NORMAL, "").unwrap();
    first.end();
    // Its place is free again as soon as the server has noticed.
    while let Err(error) = server.connect("/") {
        assert!(matches!(error, ConnectError::Refused(_)), "{error}");
    }
}

#[test]
fn its_terminal_says_what_a_command_lacks() {
    let mut server = Program::start("handlers", &[]);
    for (line, answer) in [
        ("list", "0 connections"),
        ("send", "error: TEXT is missing: send TEXT"),
        ("close", "error: ID is missing: close ID"),
        ("close 1", "error: there is no connection \"1\""),
        ("nonsense", "error: there is no command \"nonsense\": try help"),
        ("help", "closes a connection"),
    ] {
        server.type_line(line);
        server.line(answer);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn it_has_a_prompt_at_a_terminal() {
    let mut server = Program::start_at_terminal("handlers");
    server.type_line("list");
    server.line("0 connections");
    server.type_line("quit");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_log_file_is_bounded_and_appended_to() {
    let file = TemporaryFile::new("four-d-bounded.log");
    let address: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let log = LogFile::open(&file.0, 200).unwrap();
    for number in 0..4 {
        log.write(Some(address), format_args!("line {number} {}", "x".repeat(30)));
    }
    log.flush();
    // Each has 20 characters of time, and 3 with a newline.
    let line = |number| format!("{address} line {number} {}", "x".repeat(30));
    assert_eq!(file.lines(), [line(2), line(3)]);
    let old = std::fs::read_to_string(format!("{}.old", file.path())).unwrap();
    assert_eq!(old.lines().count(), 2, "{old}");
    // Another run goes on where this one ended.
    let log = LogFile::open(&file.0, 10_000).unwrap();
    log.write(None, "a\r\nb");
    log.flush();
    assert_eq!(file.lines(), [line(2), line(3), "- a\\r\\nb".into()]);
}

/// As `logrotate` and people do.
#[test]
fn a_log_file_that_was_moved_away_begins_anew() {
    let (file, moved) = (TemporaryFile::new("four-d-moved.log"), TemporaryFile::new("moved.log"));
    let log = LogFile::open(&file.0, 60).unwrap();
    log.write(None, "a line of about half the size");
    log.flush();
    std::fs::rename(&file.0, &moved.0).unwrap();
    log.write(None, "a line for which there is no room");
    log.flush();
    assert_eq!(moved.lines(), ["- a line of about half the size"]);
    assert_eq!(file.lines(), ["- a line for which there is no room"]);
}

/// Such as `/dev/stdout`, which leads to where the system wants it.
#[cfg(unix)]
#[test]
fn a_link_to_a_log_file_stays_where_it_is() {
    let (file, link) = (TemporaryFile::new("four-d-linked.log"), TemporaryFile::new("link.log"));
    std::fs::write(&file.0, "a line from before\n").unwrap();
    std::os::unix::fs::symlink(&file.0, &link.0).unwrap();
    let log = LogFile::open(&link.0, 10).unwrap();
    log.write(None, "new");
    log.flush();
    assert!(link.0.is_symlink());
    assert_eq!(file.lines(), ["- new"]);
    let old = std::fs::read_to_string(format!("{}.old", file.path())).unwrap();
    assert_eq!(old, "a line from before\n");
}

/// Such as `/dev/null`. It has no size, and nobody may move it.
#[cfg(unix)]
#[test]
fn a_log_that_is_no_regular_file_is_never_renamed() {
    let file = TemporaryFile::new("four-d-pipe.log");
    assert!(std::process::Command::new("mkfifo").arg(&file.0).status().unwrap().success());
    let path = file.0.clone();
    let reader = std::thread::spawn(move || std::fs::read_to_string(path).unwrap());
    let log = LogFile::open(&file.0, 10).unwrap();
    log.write(None, "one");
    log.write(None, "two");
    log.flush();
    drop(log);
    let (read, old) = (reader.join().unwrap(), format!("{}.old", file.path()));
    assert!(!std::fs::exists(&old).unwrap(), "it was renamed");
    assert_eq!(read.lines().count(), 2, "{read}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_is_told_on_standard_error_once() {
    let mut server = Program::start("handlers", &["--log", "/dev/full"]);
    server.line("WARN - cannot write the log /dev/full: ");
    let client = server.client("/");
    assert_eq!(client.text(), "Welcome on the chat!");
    server.type_line("quit");
    assert_eq!(server.wait().code(), Some(0));
    let rest = std::iter::repeat_with(|| server.line(""));
    for line in rest.take_while(|line| !line.contains("the end; ")) {
        assert!(!line.contains("cannot write"), "{line}");
    }
}

/// Nobody reads the pipe, as if a disk never finished.
#[cfg(target_os = "linux")]
#[test]
fn nobody_waits_for_ever_for_a_log_file_that_stalls() {
    let file = TemporaryFile::new("four-d-stalled.log");
    assert!(std::process::Command::new("mkfifo").arg(&file.0).status().unwrap().success());
    // Linux opens a pipe for both ends at once.
    let pipe = std::fs::File::options().read(true).write(true).open(&file.0).unwrap();
    let log = LogFile::open(&file.0, 10_000).unwrap();
    let line = "x".repeat(1_000);
    for _ in 0..2_000 {
        log.write(None, &line); // more than the pipe and the queue take
    }
    let (sender, flushed) = mpsc::channel();
    std::thread::spawn(move || {
        log.flush();
        sender.send(()).unwrap();
    });
    flushed.recv_timeout(PATIENCE).unwrap();
    drop(pipe);
}

/// The events that its handlers are called with, in order of the calls.
#[derive(Debug, PartialEq)]
enum Called {
    Open,
    Terminate { is_terminated: bool },
    Error(Vec<String>),
    Connection { url: String },
    WsOpen { id: u64, connections: Vec<u64> },
    WsMessage(Data),
    WsError(String),
    WsTerminate { code: u16, reason: Option<String>, status: ReadyState, connections: Vec<u64> },
}

/// Tells the test, and does what the client says.
struct Recorder(Sender<Called>);

impl ServerHandler for Recorder {
    fn on_connection(&self, _: &WebSocketServer, event: &ConnectionEvent) -> Accepted {
        let request = &event.request;
        self.0.send(Called::Connection { url: request.url.clone() }).unwrap();
        assert_eq!(request.remote_address.ip().to_string(), "127.0.0.1");
        match request.query.get("say").map(String::as_str) {
            Some("no") => None,
            Some("panic") => panic!("on purpose"),
            _ => Some(Box::new(Recorder(self.0.clone()))),
        }
    }

    fn on_open(&self, wss: &WebSocketServer, _: &OpenEvent) -> Handled {
        assert!(!wss.terminated());
        Ok(self.0.send(Called::Open)?)
    }

    fn on_terminate(&self, wss: &WebSocketServer, _: &ServerTerminateEvent) -> Handled {
        assert!(wss.connections().is_empty());
        self.0.send(Called::Terminate { is_terminated: wss.terminated() })?;
        Err("at the end".into())
    }

    fn on_error(&self, _: &WebSocketServer, event: &ErrorEvent) {
        self.0.send(Called::Error(event.errors.clone())).unwrap();
    }
}

impl ConnectionHandler for Recorder {
    fn on_open(&mut self, ws: &WebSocketConnection, _: &OpenEvent) -> Handled {
        assert_eq!(ws.status(), ReadyState::Open);
        let connections = ids(ws.wss());
        self.0.send(Called::WsOpen { id: ws.id(), connections })?;
        Ok(ws.send("open")?)
    }

    fn on_message(&mut self, ws: &WebSocketConnection, event: &MessageEvent) -> Handled {
        self.0.send(Called::WsMessage(event.data.clone()))?;
        let Data::Text(text) = &event.data else { return Ok(ws.send(&event.data)?) };
        match &**text {
            "panic" => panic!("on purpose"),
            "fail" => Err("on purpose".into()),
            "terminate" => ws.terminate(4000, "as you wish"),
            "terminate and send" => {
                ws.terminate(4000, "as you wish")?;
                Ok(ws.send("too late")?)
            }
            "terminate 1005" => ws.terminate(1005, ""),
            "end" => {
                ws.wss().terminate(None);
                Ok(())
            }
            _ => Ok(ws.send(&event.data)?),
        }
    }

    fn on_terminate(&mut self, ws: &WebSocketConnection, event: &TerminateEvent) -> Handled {
        let TerminateEvent { code, reason } = event.clone();
        let (status, connections) = (ws.status(), ids(ws.wss()));
        Ok(self.0.send(Called::WsTerminate { code, reason, status, connections })?)
    }

    fn on_error(&mut self, _: &WebSocketConnection, event: &ErrorEvent) {
        self.0.send(Called::WsError(event.message().to_owned())).unwrap();
    }
}

fn ids(wss: &WebSocketServer) -> Vec<u64> {
    wss.connections().iter().map(WebSocketConnection::id).collect()
}

/// A server in this process, with what its handlers are told.
struct Recorded {
    wss: WebSocketServer,
    address: SocketAddr,
    calls: Receiver<Called>,
}

impl Recorded {
    fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, calls) = mpsc::channel();
        let wss = WebSocketServer::new(listener, Recorder(sender), options).unwrap();
        let server = Self { wss, address, calls };
        assert_eq!(server.next(), Called::Open);
        server
    }

    fn connect(&self, target: &str) -> Result<Talker, ConnectError> {
        let uri = Uri::parse(&format!("ws://{}{target}", self.address)).unwrap();
        Connector::new().connect(&ClientRequest::new(&uri)).map(Talker::new)
    }

    /// A client whose handler has been called for its opening.
    #[track_caller]
    fn client(&self) -> Talker {
        let client = self.connect("/").unwrap();
        assert_eq!(self.next(), Called::Connection { url: "/".into() });
        assert!(matches!(self.next(), Called::WsOpen { .. }));
        client
    }

    #[track_caller]
    fn next(&self) -> Called {
        self.calls.recv_timeout(PATIENCE).unwrap()
    }

    #[track_caller]
    fn terminated(&self, code: u16, reason: Option<&str>, connections: &[u64]) {
        let reason = reason.map(str::to_owned);
        let (status, connections) = (ReadyState::Closed, connections.to_vec());
        assert_eq!(self.next(), Called::WsTerminate { code, reason, status, connections });
    }

    /// Its end, which the handler of the server is told last.
    #[track_caller]
    fn ended(&self) {
        assert_eq!(self.next(), Called::Terminate { is_terminated: true });
        assert_eq!(self.next(), Called::Error(vec!["at the end".into()]));
        self.wss.wait();
        assert!(self.wss.terminated());
        TcpStream::connect(self.address).unwrap_err();
    }
}

#[test]
fn handlers_are_called_in_order_and_an_ended_connection_is_in_no_list() {
    let server = Recorded::start(Options::default());
    let one = server.connect("/?say=hello").unwrap();
    assert_eq!(server.next(), Called::Connection { url: "/?say=hello".into() });
    assert_eq!(server.next(), Called::WsOpen { id: 1, connections: vec![1] });
    assert_eq!(one.text(), "open");
    let two = server.client();
    assert_eq!(ids(&server.wss), [1, 2]);
    one.send("a message");
    assert_eq!(server.next(), Called::WsMessage("a message".into()));
    assert_eq!(one.text(), "a message");
    one.writer.close(CloseCode::new(4001).unwrap(), "enough").unwrap();
    server.terminated(4001, Some("enough"), &[2]);
    let three = server.client();
    three.send("terminate and send");
    assert_eq!(server.next(), Called::WsMessage("terminate and send".into()));
    // That it could not send is no error: it is closing.
    server.terminated(4000, Some("as you wish"), &[2]);
    two.send("terminate");
    assert_eq!(server.next(), Called::WsMessage("terminate".into()));
    let closed = two.end();
    assert_eq!((closed.code(), closed.reason()), (4000, "as you wish"));
    server.terminated(4000, Some("as you wish"), &[]);
    server.wss.terminate(None);
    server.ended();
}

#[test]
fn the_code_is_1005_without_one_and_1006_after_an_error() {
    let server = Recorded::start(Options::default());
    server.client().writer.close_without_code().unwrap();
    server.terminated(1005, None, &[]);
    server.client().writer.terminate(Duration::ZERO); // it vanishes
    server.terminated(1006, None, &[]);
    let mut rude = connect_raw(&server);
    rude.write_all(b"\x81\x05Hello").unwrap(); // not masked
    assert!(matches!(server.next(), Called::WsError(_)));
    server.terminated(1006, None, &[]);
}

#[test]
fn an_error_or_a_panic_of_a_handler_harms_nobody_else() {
    let server = Recorded::start(Options::default());
    let (one, two) = (server.client(), server.client());
    assert_eq!([one.text(), two.text()], ["open", "open"]);
    for (says, error) in [
        ("fail", "on purpose"),
        ("terminate 1005", "1005 is no code to close with"), // RFC 6455 §7.4.1: never sent
    ] {
        one.send(says);
        assert_eq!(server.next(), Called::WsMessage(says.into()));
        assert_eq!(server.next(), Called::WsError(error.into()));
    }
    one.send("it goes on");
    assert_eq!(server.next(), Called::WsMessage("it goes on".into()));
    assert_eq!(one.text(), "it goes on");

    one.send("panic");
    assert_eq!(server.next(), Called::WsMessage("panic".into()));
    assert_eq!(server.next(), Called::WsError("a handler panicked: on purpose".into()));
    assert_eq!(one.end().code(), 1011);
    server.terminated(1011, Some("the server has failed"), &[2]);

    for (target, status) in [("/?say=no", 403), ("/?say=panic", 500)] {
        match server.connect(target) {
            Err(ConnectError::Refused(refusal)) => assert_eq!(refusal.response().status(), status),
            other => panic!("{:?}", other.map(drop)),
        }
        assert_eq!(server.next(), Called::Connection { url: target.into() });
    }
    assert_eq!(server.next(), Called::Error(vec!["a handler panicked: on purpose".into()]));
    two.send("still here");
    assert_eq!(two.text(), "still here");
}

#[test]
fn messages_arrive_in_the_type_of_the_server() {
    let object = json!({ "a": [1, "\u{fc}"] });
    for (data_type, sent, arrives) in [
        (DataType::Text, Message::from("{}"), Some(Data::from("{}"))),
        (DataType::Text, Message::from(b"{}"), None),
        (DataType::Blob, Message::from("{}"), Some(Data::from(&b"{}"[..]))),
        (DataType::Blob, Message::from(b"\xff"), Some(Data::from(vec![0xff]))),
        (DataType::Object, Message::from(object.to_string()), Some(Data::from(object.clone()))),
        (DataType::Object, Message::from(b"[]"), Some(Data::from(json!([])))),
        (DataType::Object, Message::from("{"), None),
        (DataType::Object, Message::from(""), None),
    ] {
        let server = Recorded::start(Options { data_type, ..Options::default() });
        assert_eq!(server.wss.data_type(), data_type);
        let client = server.client();
        client.next();
        client.writer.send(&sent).unwrap();
        match arrives {
            Some(data) => assert_eq!(server.next(), Called::WsMessage(data)),
            // The connection goes on.
            None => assert!(matches!(server.next(), Called::WsError(_)), "{sent:?}"),
        }
        assert_eq!(client.writer.ready_state(), ReadyState::Open);
    }
}

#[test]
fn what_is_sent_is_text_a_blob_or_json() {
    for data_type in [DataType::Text, DataType::Blob, DataType::Object] {
        let server = Recorded::start(Options { data_type, ..Options::default() });
        let client = server.client();
        client.next();
        let [ws] = server.wss.connections().try_into().map_err(|_| "one connection").unwrap();
        ws.send("\"text\"").unwrap();
        ws.send(vec![0xff]).unwrap();
        ws.send(json!({ "a": 1 })).unwrap();
        let text = match data_type {
            DataType::Object => "\"\\\"text\\\"\"", // a string in JSON
            _ => "\"text\"",
        };
        assert_eq!(client.next(), Message::from(text));
        assert_eq!(client.next(), Message::from(vec![0xff]));
        assert_eq!(client.next(), Message::from("{\"a\":1}"));
    }
}

#[test]
fn the_request_has_all_values_of_its_headers_and_a_decoded_query() {
    let fields: [(&[u8], &[u8]); 4] =
        [(b"Host", b"a.example"), (b"X-Key", b"one"), (b"x-key", b"two"), (b"X-Raw", b"\xff")];
    let target = "/status?name=J%C3%BCrgen+M&a=1&empty=&flag&a=2&bad=%FF%";
    let parts = hybi::handshake::RequestParts::new("GET", target).fields(&fields);
    let request = hybi::handshake::Request::from_parts(&parts).unwrap();
    // An IPv4 client of a socket that has IPv6, too.
    let request = Request::new(&request, "[::ffff:192.0.2.1]:80".parse().unwrap());
    assert_eq!(request.headers["host"], ["a.example"]);
    assert_eq!(request.headers["x-key"], ["one", "two"]);
    assert_eq!(request.headers["x-raw"], ["\u{fffd}"]);
    let query: Vec<_> = request.query.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        query,
        [("a", "2"), ("bad", "\u{fffd}%"), ("empty", ""), ("flag", ""), ("name", "J\u{fc}rgen M")]
    );
    assert_eq!(request.url, target);
    assert_eq!(request.remote_address.to_string(), "192.0.2.1:80");
}

#[test]
fn terminated_is_true_once_the_last_connection_is_closed_and_not_before() {
    let server = Recorded::start(Options::default());
    let mut hesitant = connect_raw(&server);
    assert!(!server.wss.terminated());
    server.wss.terminate(None);
    read_until_close(&mut hesitant);
    assert!(!server.wss.terminated(), "a client has not answered");
    hesitant.write_all(b"\x88\x80\0\0\0\0").unwrap();
    server.terminated(1005, None, &[]);
    server.ended();
}

#[test]
fn a_server_waits_no_longer_than_it_was_told_and_with_zero_not_at_all() {
    for (timeout, says_so) in [(Duration::from_millis(200), true), (Duration::ZERO, false)] {
        let server = Recorded::start(Options::default());
        let mut mute = connect_raw(&server);
        server.wss.terminate(timeout);
        assert!(matches!(
            server.next(),
            Called::WsTerminate { code: 1006, .. } | Called::WsError(_)
        ));
        while !matches!(server.next(), Called::Terminate { is_terminated: true }) {}
        server.wss.wait();
        let mut rest = Vec::new();
        let _ = mute.read_to_end(&mut rest); // may be a reset
        assert_eq!(rest.contains(&0x88), says_so, "a Close frame: {rest:?}");
    }
}

#[test]
fn a_handler_can_terminate_the_server() {
    let server = Recorded::start(Options::default());
    let (one, two) = (server.client(), server.client());
    one.send("end");
    assert_eq!([one.end().code(), two.end().code()], [1001, 1001]);
    while !matches!(server.next(), Called::Terminate { is_terminated: true }) {}
    server.wss.wait();
}

/// Nobody will log an end that nobody has asked for there.
#[test]
fn a_program_whose_handler_has_terminated_the_server_does_not_wait_for_its_terminal() {
    let server = Recorded::start(Options::default());
    let (_end, ended) = terminal::without_ctrl_c(server.wss.hub(), Duration::ZERO);
    let client = server.client();
    client.send("end");
    assert_eq!(client.end().code(), 1001);
    server.wss.wait();
    let (sender, waited) = mpsc::channel();
    std::thread::spawn(move || {
        ended.wait();
        sender.send(()).unwrap();
    });
    waited.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn the_object_knows_its_path_handler_and_types_of_events() {
    let server = Recorded::start(Options { path: Some("/a".into()), ..Options::default() });
    assert_eq!(server.wss.path(), Some("/a"));
    assert!((server.wss.handler() as &dyn Any).is::<Recorder>());
    assert!(matches!(server.connect("/"), Err(ConnectError::Refused(_))));
    drop(server.connect("/a").unwrap());
    assert_eq!(Recorded::start(Options::default()).wss.path(), None);
    let types = [
        ConnectionEvent::TYPE,
        OpenEvent::TYPE,
        MessageEvent::TYPE,
        TerminateEvent::TYPE,
        ServerTerminateEvent::TYPE,
        ErrorEvent::TYPE,
    ];
    assert_eq!(types, ["connection", "open", "message", "terminate", "terminate", "error"]);
}

/// A client that does nothing by itself, and whose handler has been called for its opening.
fn connect_raw(server: &Recorded) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(server.next(), Called::Connection { url: "/".into() });
    assert!(matches!(server.next(), Called::WsOpen { .. }));
    stream
}

fn read_until_close(stream: &mut TcpStream) {
    let mut byte = [0];
    while byte != [0x88] {
        stream.read_exact(&mut byte).unwrap();
    }
}
