//! The walk through the chat tutorial of InterSystems IRIS, "A Tutorial On WebSockets": the steps
//! of its reader, with `--example chat` in place of the class `Chat.Server`. The JSON is the
//! tutorial's. `tests/browser/iris_chat.rs` does the same with its page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hybi::CloseCode;
use serde_json::{Value, json};

use crate::chat::User;
use crate::program::{Program, Talker};

/// The path of the tutorial.
const PATH: &str = "/csp/user/Chat.Server.cls";

fn start() -> Program {
    Program::start("chat", &["--iris", PATH])
}

/// A window of the tutorial's page.
struct Window {
    talker: Talker,
    id: String,
}

impl Window {
    /// Opens it, and takes the status and the list of users that come first.
    #[track_caller]
    fn open(chat: &Program, users: &[&str]) -> Self {
        let talker = chat.client(PATH);
        let status: Value = serde_json::from_str(&talker.text()).unwrap();
        assert_eq!(status["Type"], "Status");
        let id = status["WSID"].as_str().unwrap().to_owned();
        let window = Self { talker, id };
        window.lists(users);
        window
    }

    fn send(&self, message: Value) {
        self.talker.send(&message.to_string());
    }

    #[track_caller]
    fn next(&self) -> Value {
        serde_json::from_str(&self.talker.text()).unwrap()
    }

    /// The next message is the list of these users.
    #[track_caller]
    fn lists(&self, users: &[&str]) {
        let users: Vec<Value> = users.iter().map(|name| json!({ "Name": name })).collect();
        assert_eq!(self.next(), json!({ "Type": "userlist", "Users": users }));
    }

    /// The next message is a line of this author, with this text in Base64.
    #[track_caller]
    fn hears(&self, author: &str, encoded: &str) {
        let mut message = self.next();
        let sent = message["Sent"].take();
        let expected =
            json!({ "Type": "Chat", "Author": author, "Message": encoded, "Sent": null });
        assert_eq!(message, expected);
        // As $ZDATETIME($HOROLOG, 3): 2026-11-26 21:00:00.
        let shape = |char: char| if char.is_ascii_digit() { '0' } else { char };
        let shape: String = sent.as_str().unwrap().chars().map(shape).collect();
        assert_eq!(shape, "0000-00-00 00:00:00", "{sent}");
    }

    /// The next message is an error, which the chat says to this window alone.
    #[track_caller]
    fn is_told(&self, why: &str) {
        let message = self.next();
        assert_eq!((&message["Type"], &message["Author"]), (&json!("Chat"), &json!("server")));
        let text = STANDARD.decode(message["Message"].as_str().unwrap()).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn the_walk_through_of_the_iris_chat_tutorial() {
    let mut chat = start();
    // "ws = new WebSocket(...)", in two windows. Each gets the status with its number, for the
    // headline, and the list of users on line.
    let one = Window::open(&chat, &["guest 1"]);
    let two = Window::open(&chat, &["guest 1", "guest 2"]);
    assert_eq!((&*one.id, &*two.id), ("1", "2"));
    one.lists(&["guest 1", "guest 2"]);

    // "alias Ann" is not broadcast: the lists of all windows change.
    one.send(json!({ "User": "Ann" }));
    for window in [&one, &two] {
        window.lists(&["Ann", "guest 2"]);
    }
    // A line goes to all windows, its sender's, too. btoa("Hello") is "SGVsbG8=".
    one.send(json!({ "Message": "SGVsbG8=", "Author": "Ann" }));
    for window in [&one, &two] {
        window.hears("Ann", "SGVsbG8=");
    }
    // An alias that is empty is "default".
    two.send(json!({ "User": "" }));
    for window in [&one, &two] {
        window.lists(&["Ann", "default"]);
    }
    // The messages are kept (^Chat.Messages): who comes late is shown them.
    let three = Window::open(&chat, &["Ann", "default", "guest 3"]);
    three.hears("Ann", "SGVsbG8=");
    for window in [&one, &two] {
        window.lists(&["Ann", "default", "guest 3"]);
    }
    // A window is closed: its user is removed.
    three.talker.writer.close(CloseCode::GOING_AWAY, "").unwrap();
    for window in [&one, &two] {
        window.lists(&["Ann", "default"]);
    }
    // One that vanishes without a word, too.
    two.talker.writer.terminate(std::time::Duration::ZERO);
    one.lists(&["Ann"]);
    // Errors are kept (^Chat.Errors).
    one.talker.send("no JSON");
    one.is_told("Send {\"User\": \"...\"} or {\"Message\": ");
    chat.type_line("errors");
    chat.line("errors");
    chat.line("1 (Ann): Send");
    // By its number, the connection of a client is opened from elsewhere (OpenServer), and ended.
    chat.type_line(&format!("close {} enough", one.id));
    let closed = one.talker.end();
    assert_eq!((closed.code(), closed.reason()), (1008, "enough"));
}

#[test]
fn the_path_of_the_tutorial_is_open_only_if_it_was_asked_for() {
    assert_eq!(Program::start("chat", &[]).refusal(PATH, None), 404);
    let chat = start();
    assert_eq!(chat.refusal(PATH, Some("https://evil.example")), 403);
    assert_eq!(chat.refusal("/csp/user/Other.cls", None), 404);
    drop(chat.connect(PATH).unwrap());
    drop(chat.connect("/chat").unwrap());
}

#[test]
fn clients_of_both_kinds_are_in_the_same_room() {
    let chat = start();
    let own = User::come(&chat);
    let iris = Window::open(&chat, &["guest 1", "guest 2"]);
    let joined = json!({ "type": "joined", "id": 2, "name": "guest 2" });
    assert_eq!(own.next(), joined);
    iris.send(json!({ "User": "In\u{ea}s" }));
    iris.lists(&["guest 1", "In\u{ea}s"]);
    assert_eq!(own.next(), json!({ "type": "renamed", "id": 2, "name": "In\u{ea}s" }));
    // btoa("caf\u{e9}"): one byte, of Latin-1.
    iris.send(json!({ "Message": "Y2Fm6Q==", "Author": "In\u{ea}s" }));
    iris.hears("In\u{ea}s", "Y2Fm6Q==");
    let message = own.next();
    assert_eq!((&message["text"], &message["author"]), (&json!("caf\u{e9}"), &json!("In\u{ea}s")));
    // Latin-1 lacks an emoji: atob gives "gr\u{fc}\u{df}e ?".
    own.type_line("gr\u{fc}\u{df}e \u{1f600}");
    iris.hears("guest 1", "Z3L832UgPw==");
    own.type_line("alias Bob");
    iris.lists(&["Bob", "In\u{ea}s"]);
    // A name is taken for both.
    own.next_of("renamed");
    own.type_line("alias INE\u{302}S");
    assert_eq!(own.next()["type"], "error");
    iris.send(json!({ "User": "bob" }));
    iris.is_told("taken");
}

#[test]
fn the_author_is_whom_the_chat_knows() {
    let chat = start();
    let (one, two) =
        (Window::open(&chat, &["guest 1"]), Window::open(&chat, &["guest 1", "guest 2"]));
    two.send(json!({ "Message": "SGVsbG8=", "Author": "guest 1" }));
    one.lists(&["guest 1", "guest 2"]);
    one.hears("guest 2", "SGVsbG8=");
    two.send(json!({ "Message": "SGVsbG8=" }));
    one.hears("guest 2", "SGVsbG8=");
}

#[test]
fn an_alias_without_a_name_is_default_and_stays_different_from_others() {
    let chat = start();
    let one = Window::open(&chat, &["guest 1"]);
    // The page was given "alias", without a space: `split` has no second word, and JSON leaves
    // out what is undefined.
    one.send(json!({}));
    one.lists(&["default"]);
    let two = Window::open(&chat, &["default", "guest 2"]);
    two.send(json!({ "User": "  " }));
    two.lists(&["default", "default 2"]);
}

#[test]
fn what_cannot_be_read_is_told_to_its_sender_and_harms_nothing() {
    let chat = start();
    let watcher = User::come(&chat);
    let window = Window::open(&chat, &["guest 1", "guest 2"]);
    watcher.next_of("joined");
    for encoded in ["%%%", "SGVsbG8", "SGVs bG8=", "SGVsbG9=", "\u{fc}"] {
        window.send(json!({ "Message": encoded, "Author": "x" }));
        window.is_told("no Base64");
    }
    for message in [
        json!({ "Message": 7 }),
        json!({ "User": null }),
        json!({ "User": ["Ann"] }),
        json!({ "line": "Hello" }),
        json!([{ "User": "Ann" }]),
        json!("User"),
    ] {
        window.send(message);
        window.is_told("Send {\"User\"");
    }
    for raw in ["", "{\"User\":", "\u{1f600}"] {
        window.talker.send(raw);
        window.is_told("Send {\"User\"");
    }
    window.send(json!({ "Message": STANDARD.encode("x".repeat(1001)) }));
    window.is_told("1000 characters at most");
    // It still works, and nobody else has heard of all that. An empty line is nobody's.
    window.send(json!({ "Message": "", "Author": "x" }));
    window.send(json!({ "Message": "SGVsbG8=", "Author": "x" }));
    window.hears("guest 2", "SGVsbG8=");
    assert_eq!(watcher.next()["text"], "Hello");
}
