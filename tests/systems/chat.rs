//! `--example chat`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hybi::{CloseCode, Message};
use serde_json::{Value, json};

use crate::program::{Program, Talker, example};

/// A user, welcomed.
pub(crate) struct User {
    pub(crate) talker: Talker,
    pub(crate) id: u64,
    pub(crate) welcome: Value,
}

impl User {
    pub(crate) fn come(chat: &Program) -> Self {
        let talker = chat.client("/chat");
        let welcome: Value = serde_json::from_str(&talker.text()).unwrap();
        assert_eq!(welcome["type"], "welcome");
        Self { talker, id: welcome["id"].as_u64().unwrap(), welcome }
    }

    pub(crate) fn type_line(&self, line: &str) {
        self.talker.send(&json!({ "line": line }).to_string());
    }

    #[track_caller]
    pub(crate) fn next(&self) -> Value {
        serde_json::from_str(&self.talker.text()).unwrap()
    }

    /// The next message of this type.
    #[track_caller]
    pub(crate) fn next_of(&self, kind: &str) -> Value {
        loop {
            let message = self.next();
            if message["type"] == kind {
                return message;
            }
        }
    }
}

#[test]
fn it_serves_its_page_and_nothing_else() {
    let chat = Program::start("chat", &["--path", "/other"]);
    let page = chat.http("GET / HTTP/1.1");
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.contains("\r\ncontent-security-policy: default-src 'none';"), "{page}");
    assert!(page.contains("location.host + \"/other\""), "the page knows the path");
    let style = chat.http("GET /style.css HTTP/1.1");
    assert!(style.contains("\r\nContent-Type: text/css"), "{style}");
    assert!(chat.http("GET /chat HTTP/1.1").starts_with("HTTP/1.1 404 "));
    assert!(chat.http("POST / HTTP/1.1").starts_with("HTTP/1.1 405 "));
    drop(chat.connect("/other").unwrap());
}

#[test]
fn a_line_reaches_everybody_with_its_author_and_time() {
    let chat = Program::start("chat", &[]);
    let users: Vec<User> = (0..3).map(|_| User::come(&chat)).collect();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let before = now();
    users[1].type_line("  gr\u{fc}\u{df}e <b>&amp; \u{1f600} ");
    for user in &users {
        let message = user.next_of("message");
        assert_eq!(message["text"], "gr\u{fc}\u{df}e <b>&amp; \u{1f600}");
        assert_eq!(message["author"], format!("guest {}", users[1].id));
        assert_eq!(message["id"], users[1].id);
        assert!((before..=now()).contains(&message["sent"].as_u64().unwrap()));
    }
}

#[test]
fn alias_renames_and_is_not_broadcast() {
    let chat = Program::start("chat", &[]);
    let (one, two) = (User::come(&chat), User::come(&chat));
    one.type_line("alias <i>Ann</i>");
    one.type_line("it is me");
    assert_eq!(
        one.next(),
        json!({ "type": "joined", "id": two.id, "name": format!("guest {}", two.id) })
    );
    for user in [&one, &two] {
        assert_eq!(user.next(), json!({ "type": "renamed", "id": one.id, "name": "<i>Ann</i>" }));
        let message = user.next();
        assert_eq!(
            (&message["text"], &message["author"]),
            (&json!("it is me"), &json!("<i>Ann</i>"))
        );
    }
    // A newcomer sees the new name.
    let three = User::come(&chat);
    let listed = three.welcome["users"].as_array().unwrap();
    assert_eq!(listed[0], json!({ "id": one.id, "name": "<i>Ann</i>" }));
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[2]["id"], three.id);
}

#[test]
fn who_comes_late_is_shown_the_last_fifty_lines() {
    let chat = Program::start("chat", &[]);
    let one = User::come(&chat);
    assert_eq!(one.welcome["history"], json!([]));
    let said: Vec<Value> = (0..60)
        .map(|number| {
            one.type_line(&format!("line {number}"));
            one.next()
        })
        .collect();
    one.type_line("alias Ann"); // what was said keeps its author
    assert_eq!(User::come(&chat).welcome["history"], json!(said[10..]));
}

#[test]
fn as_many_lines_are_kept_as_was_said() {
    for (kept, shown) in [("0", 0), ("3", 3), ("500", 5)] {
        let chat = Program::start("chat", &["--history", kept]);
        let one = User::come(&chat);
        let said: Vec<Value> = (0..5)
            .map(|number| {
                one.type_line(&format!("line {number}"));
                one.next()
            })
            .collect();
        assert_eq!(User::come(&chat).welcome["history"], json!(said[5 - shown..]));
    }
}

/// The longest lines there can be, as many as can be kept.
#[test]
fn a_newcomer_is_told_all_that_is_kept_however_much_it_is() {
    let chat = Program::start("chat", &["--history", "500"]);
    let one = User::come(&chat);
    // JSON escapes a control character in six bytes.
    let line = format!("[{}]", "\u{1}".repeat(998));
    for _ in 0..500 {
        one.type_line(&line);
        assert_eq!(one.next()["text"], line);
    }
    let history = User::come(&chat).welcome["history"].clone();
    assert_eq!(history.as_array().unwrap().len(), 500);
    assert_eq!(history[499]["text"], line);
}

#[test]
fn what_cannot_be_is_told_to_its_author_only() {
    let chat = Program::start("chat", &[]);
    let (one, two) = (User::come(&chat), User::come(&chat));
    one.next_of("joined");
    one.type_line("alias Ann");
    two.next_of("renamed");
    for (line, why) in [
        ("x".repeat(1001), "1000 characters at most"),
        (format!("alias {}", "n".repeat(31)), "30 characters at most"),
        ("alias ann".into(), "taken"),
        ("alias".into(), "Type: alias NAME"),
        ("alias a\u{202e}b".into(), "nobody can see"),
        ("alias a\u{0}b".into(), "nobody can see"),
    ] {
        two.type_line(&line);
        let error = two.next();
        assert_eq!(error["type"], "error", "{line}");
        assert!(error["text"].as_str().unwrap().contains(why), "{error}");
        assert_eq!(error["line"], line, "its author gets it back");
    }
    for raw in ["", "hello", "{}", "{\"line\":7}", "[1]"] {
        two.talker.send(raw);
        assert_eq!(two.next()["type"], "error", "{raw}");
    }
    // Just short enough.
    two.type_line(&"\u{1f600}".repeat(1000));
    assert_eq!(two.next()["text"], "\u{1f600}".repeat(1000));
    assert_eq!(one.next()["type"], "renamed");
    assert_eq!(one.next()["type"], "message", "of all that, nobody else heard");

    two.talker.writer.send(&[1, 2, 3]).unwrap();
    assert_eq!(two.talker.end().code(), 1003);
    let three = User::come(&chat);
    three.talker.send(&"x".repeat(64 << 10));
    three.talker.writer.send("x").unwrap();
    let three = User::come(&chat);
    three.talker.send(&"x".repeat((64 << 10) + 1));
    assert_eq!(three.talker.end().code(), 1009);
}

#[test]
fn the_list_is_kept_current_however_somebody_leaves() {
    // Silence is noticed after a fifth of a second and given up three seconds later: the talkers
    // answer in time, surely.
    let chat = Program::start("chat", &["--keepalive", "0.2,3"]);
    let watcher = User::come(&chat);
    let left = |id: u64| assert_eq!(watcher.next_of("left"), json!({ "type": "left", "id": id }));

    let closing = User::come(&chat);
    closing.talker.writer.close(CloseCode::GOING_AWAY, "").unwrap(); // a tab is closed
    left(closing.id);

    let killed = User::come(&chat);
    // A browser is killed: its system ends the stream.
    killed.talker.writer.terminate(Duration::ZERO);
    left(killed.id);

    let mut cut = chat.mute("/chat");
    cut.write_all(b"\x81").unwrap();
    cut.shutdown(Shutdown::Write).unwrap(); // in the middle of a header
    left(killed.id + 1);

    let mut rude = chat.mute("/chat");
    rude.write_all(b"\x81\x05Hello").unwrap(); // not masked
    left(killed.id + 2);

    // Nothing more comes from it, no pong and no end of the stream.
    let _vanished = chat.mute("/chat");
    left(killed.id + 3);

    let newcomer = User::come(&chat);
    let listed = newcomer.welcome["users"].as_array().unwrap();
    let ids: Vec<_> = listed.iter().map(|user| user["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [watcher.id, newcomer.id]);
}

#[test]
fn foreign_origins_forbidden_paths_and_addresses_are_refused() {
    let chat = Program::start("chat", &["--forbid", "/chat/secret"]);
    assert_eq!(chat.refusal("/chat", Some("https://evil.example")), 403);
    assert_eq!(chat.refusal("/chat", Some("null")), 403);
    assert_eq!(chat.refusal("/", None), 404);
    assert_eq!(chat.refusal("/chat/secret/door", None), 403);
    drop(User::come(&chat));

    let chat = Program::start("chat", &["--path", "/chat/secret", "--forbid", "/chat/secret"]);
    assert_eq!(
        chat.refusal("/chat/secret", None),
        403,
        "the rule is stronger than the path filter"
    );
    let chat = Program::start("chat", &["--forbid", "127.0.0.1", "--forbid", "::1"]);
    assert_eq!(chat.refusal("/chat", None), 403);
    let chat = Program::start("chat", &["--origin", "https://friend.example"]);
    let own = format!("http://{}", chat.address);
    assert_eq!(chat.refusal("/chat", Some(&own)), 403, "named origins only");
}

#[test]
fn who_does_not_read_is_dropped_with_1013_and_nobody_waits_for_him() {
    for comes_back in [true, false] {
        // As long as it takes to drop somebody who never comes back.
        let chat = Program::start("chat", &["--patience", if comes_back { "30" } else { "0.2" }]);
        let mut slow = chat.connect("/chat").unwrap();
        let Some(Message::Text(welcome)) = slow.receive().unwrap() else { panic!("no welcome") };
        let slow_id = serde_json::from_str::<Value>(&welcome).unwrap()["id"].clone();
        let talker = User::come(&chat);
        let line = "\u{1f600}".repeat(1000);
        let mut has_left = false;
        let mut lines = 0;
        while !chat.has_said("reads too slowly") {
            // Its own line comes back, whatever becomes of the other.
            talker.type_line(&line);
            while talker.next()["type"] == "left" {
                has_left = true;
            }
            lines += 1;
            assert!(lines < 100_000, "no socket takes that much");
        }
        if comes_back {
            // It reads after all: what had been sent before, and why it is dropped.
            while slow.receive().unwrap().is_some() {}
            let closed = slow.closed().unwrap();
            assert_eq!(closed.code(), 1013);
            assert!(closed.reason().contains("too slowly"));
        }
        if !has_left {
            assert_eq!(talker.next_of("left")["id"], slow_id);
        }
        talker.type_line("and now?");
        while talker.next()["text"] != "and now?" {}
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_closes_with_1001_and_waits_for_the_close_frames() {
    let mut chat = Program::start("chat", &[]);
    let users: Vec<User> = (0..3).map(|_| User::come(&chat)).collect();
    let mut hesitant = chat.mute("/chat");
    chat.interrupt();
    for user in users {
        let closed = user.talker.end();
        assert_eq!((closed.code(), closed.was_clean()), (1001, true));
        assert_eq!(closed.reason(), "the server is going down");
        chat.line("left: 1001");
    }
    assert!(chat.connect("/chat").is_err(), "nobody is let in any more");
    assert!(chat.is_running(), "one has not answered yet");
    // A Close frame with 1001, after what the chat has told it.
    let mut received = Vec::new();
    while !received.windows(4).any(|bytes| bytes == [0x88, 26, 0x03, 0xe9]) {
        let mut byte = [0];
        hesitant.read_exact(&mut byte).unwrap();
        received.push(byte[0]);
    }
    hesitant.write_all(b"\x88\x80\0\0\0\0").unwrap();
    chat.line("the end; 0 connections had to be dropped");
    assert_eq!(chat.wait().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn ctrl_c_waits_no_longer_than_it_was_told_and_with_zero_not_at_all() {
    for (timeout, clean) in [("0.2", true), ("0", false)] {
        let mut chat = Program::start("chat", &["--timeout", timeout]);
        let user = User::come(&chat);
        let _mute = chat.mute("/chat");
        user.next_of("joined");
        chat.interrupt();
        assert_eq!(user.talker.end().code(), if clean { 1001 } else { 1006 });
        chat.line(if clean { "the end; 1 " } else { "the end; 2 " });
        assert_eq!(chat.wait().code(), Some(0));
    }
    // The second does not wait even if the first would.
    let mut chat = Program::start("chat", &[]);
    let mut mute = chat.mute("/chat");
    chat.interrupt();
    let mut byte = [0];
    while byte != [0x88] {
        mute.read_exact(&mut byte).unwrap(); // until the Close frame
    }
    chat.interrupt();
    assert_eq!(chat.wait().code(), Some(1));
}

/// Asks for a page or, with `upgrade`, for a WebSocket. Returns the status line.
fn ask(chat: &Program, host: &str, upgrade: bool) -> String {
    let fields = if upgrade {
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    } else {
        ""
    };
    let path = if upgrade { "/chat" } else { "/" };
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n{fields}\r\n");
    let mut stream = TcpStream::connect(&chat.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

/// DNS rebinding: to a browser, a page of `evil.example` that leads here has our origin.
#[test]
fn a_host_that_is_not_its_own_is_refused_for_the_page_and_for_the_websocket() {
    let chat = Program::start("chat", &[]);
    let port = chat.address.rsplit(':').next().unwrap();
    for upgrade in [false, true] {
        let open = if upgrade { "HTTP/1.1 101 " } else { "HTTP/1.1 200 " };
        for own in [&*chat.address, &format!("localhost:{port}"), &format!("[::1]:{port}")] {
            let line = ask(&chat, own, upgrade);
            assert!(line.starts_with(open), "{own}: {line}");
        }
        for foreign in [&*format!("evil.example:{port}"), "evil.example", "127.0.0.1.evil.example"]
        {
            let line = ask(&chat, foreign, upgrade);
            assert!(line.starts_with("HTTP/1.1 421 "), "{foreign}: {line}");
        }
    }
    // RFC 9112 §3.2.2: a target that is a whole URI takes precedence over `Host`.
    assert!(chat.http("GET http://evil.example/ HTTP/1.1").starts_with("HTTP/1.1 421 "));
}

#[test]
fn other_hosts_can_be_allowed() {
    let chat = Program::start("chat", &["--host", "chat.example", "--host", "2001:db8::1"]);
    for upgrade in [false, true] {
        let open = if upgrade { "HTTP/1.1 101 " } else { "HTTP/1.1 200 " };
        for own in [&*chat.address, "chat.example", "Chat.Example:8080", "[2001:db8::1]"] {
            let line = ask(&chat, own, upgrade);
            assert!(line.starts_with(open), "{own}: {line}");
        }
        let line = ask(&chat, "evil.example", upgrade);
        assert!(line.starts_with("HTTP/1.1 421 "), "{line}");
    }
}

#[test]
fn nobody_takes_the_name_of_somebody_else_or_one_that_looks_like_it() {
    let chat = Program::start("chat", &[]);
    let (one, two) = (User::come(&chat), User::come(&chat));
    one.type_line("alias Ann Lee");
    two.next_of("renamed");
    for name in
        ["ANN LEE", "Ann  Lee", "\u{391}nn L\u{435}e", "Ann Lee\u{2800}", "guest 3", "Guest I"]
    {
        two.type_line(&format!("alias {name}"));
        assert_eq!(two.next()["type"], "error", "{name}");
    }
    // One's own name can be written in another way, and others are free again.
    one.type_line("alias ann lee");
    assert_eq!(two.next_of("renamed")["name"], "ann lee");
    let three = User::come(&chat);
    assert_eq!(three.welcome["name"], "guest 3");
    one.type_line("alias Bob");
    two.next_of("renamed");
    two.type_line("alias Ann Lee");
    assert_eq!(two.next_of("renamed")["name"], "Ann Lee");
}

/// `cargo test --release --test systems -- --ignored --nocapture five_hundred`
#[cfg(target_os = "linux")]
#[test]
#[ignore = "a measurement: half a thousand connections"]
fn five_hundred_clients_and_the_memory_of_each() {
    const CLIENTS: usize = 500;
    const ROUNDS: usize = 20;
    let chat = Program::start("chat", &[]);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", chat.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
    };
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", chat.id())).unwrap().count();
    let (before, few) = (resident(), descriptors());
    let started = Instant::now();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| chat.connect("/chat").unwrap()).collect();
    let mut read_until = |wanted: &str| {
        for ws in &mut clients {
            while !ws.receive().unwrap().unwrap().as_text().unwrap().contains(wanted) {}
        }
    };
    read_until(&format!("guest {CLIENTS}"));
    println!("{CLIENTS} clients came within {:?}", started.elapsed());
    println!("memory per client: {} KiB", (resident() - before) / CLIENTS);
    println!("descriptors per client: {}", (descriptors() - few) as f64 / CLIENTS as f64);
    let talker = chat.client("/chat");
    read_until(&format!("guest {}", CLIENTS + 1));
    let started = Instant::now();
    for round in 0..ROUNDS {
        talker.send(&json!({ "line": format!("round {round}.") }).to_string());
        read_until(&format!("round {round}."));
    }
    println!("a line reaches all of them within {:?}", started.elapsed() / ROUNDS as u32);
    println!("memory per client afterwards: {} KiB", (resident() - before) / CLIENTS);
}

/// A network that vanishes: no end of the stream, no reset, nothing.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs root: it makes a network of its own"]
fn who_is_cut_off_from_the_network_leaves_the_list() {
    use std::process::{Command, Stdio};

    /// A network namespace with one cable to us; gone when dropped.
    struct Network(String);

    impl Network {
        fn run(command: &str) {
            let mut words = command.split(' ');
            let status = Command::new(words.next().unwrap()).args(words).status().unwrap();
            assert!(status.success(), "{command}");
        }
    }

    impl Drop for Network {
        fn drop(&mut self) {
            Self::run(&format!("ip netns delete {}", self.0));
        }
    }

    let name = format!("hybi{}", std::process::id());
    Network::run(&format!("ip netns add {name}"));
    let network = Network(name.clone());
    Network::run(&format!("ip link add {name}a type veth peer name {name}b netns {name}"));
    Network::run(&format!("ip addr add 10.213.77.1/30 dev {name}a"));
    Network::run(&format!("ip link set {name}a up"));
    Network::run(&format!("ip -n {name} addr add 10.213.77.2/30 dev {name}b"));
    Network::run(&format!("ip -n {name} link set {name}b up"));

    let chat = Program::run(example("chat").args(["10.213.77.1:0", "--keepalive", "0.2,3"]));
    let watcher = User::come(&chat);
    // A client in that network, which answers pings as long as they arrive.
    let mut far = Command::new("ip")
        .args(["netns", "exec", &name])
        .arg(example("client").get_program())
        .arg(format!("ws://{}/chat", chat.address))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let id = watcher.next_of("joined")["id"].clone();
    // It is kept for longer than the deadline, because it answers.
    let begun = Instant::now();
    while begun.elapsed().as_secs() < 4 {
        watcher.type_line("is anybody there?");
        assert_eq!(watcher.next()["type"], "message");
    }
    Network::run(&format!("ip link set {name}a down"));
    assert_eq!(watcher.next_of("left")["id"], id);
    chat.line("left: 1006: the peer did not answer a ping");
    far.kill().unwrap();
    far.wait().unwrap();
    drop(network);
}
