//! `--example push`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use hybi::blocking::{ConnectError, Connector, Error};
use hybi::handshake::ClientRequest;
use hybi::{CloseCode, Message, Uri};
use serde_json::{Value, json};

use crate::program::{Program, Talker, example};

#[test]
fn the_synchronous_server_pushes_at_each_time_out_echoes_and_exits() {
    let push = Program::start("push", &["--timeout", "0.05"]);
    let mut ws = push.connect("/").unwrap();
    let is_time = |text: &str| {
        // "timed out at 2026-11-26T12:34:56Z"
        let time = text.strip_prefix("timed out at ").unwrap();
        let digits = |char: char| if char.is_ascii_digit() { '0' } else { char };
        time.chars().map(digits).collect::<String>() == "0000-00-00T00:00:00Z"
    };
    for _ in 0..3 {
        assert!(is_time(ws.receive().unwrap().unwrap().as_text().unwrap()));
    }
    ws.send("gr\u{fc}\u{df}e").unwrap();
    loop {
        match ws.receive().unwrap().unwrap().as_text().unwrap() {
            "gr\u{fc}\u{df}e" => break,
            text => assert!(is_time(text)),
        }
    }
    // What follows `exit` harms nothing.
    for text in ["exit", "exit", "more"] {
        ws.send(text).unwrap();
    }
    while let Some(message) = ws.receive().unwrap() {
        assert!(is_time(message.as_text().unwrap()));
    }
    let closed = ws.closed().unwrap();
    assert_eq!((closed.code(), closed.reason(), closed.was_clean()), (1000, "bye", true));
    assert!(push.line("connection 1 ended").ends_with(": 1000 (normal closure) \"bye\""));
}

#[test]
fn the_synchronous_server_speaks_binary_on_request() {
    let push = Program::start("push", &["--timeout", "0.05"]);
    let mut ws = push.connect("/?binary").unwrap();
    let Some(Message::Binary(data)) = ws.receive().unwrap() else { panic!("not binary") };
    assert!(data.starts_with(b"timed out at "));
    ws.send(&[0, 255]).unwrap();
    ws.send("text").unwrap();
    for wanted in [&[0, 255][..], b"text"] {
        while ws.receive().unwrap() != Some(wanted.into()) {}
    }
    ws.send(b"exit").unwrap();
    while ws.receive().unwrap().is_some() {}
    assert_eq!(ws.closed().unwrap().code(), 1000);
}

#[test]
fn connections_are_written_to_and_closed_by_their_numbers() {
    let mut push = Program::start("push", &[]);
    drive(&mut push);
}

#[cfg(target_os = "linux")]
#[test]
fn a_real_terminal_does_the_same() {
    let mut push = Program::start_at_terminal("push");
    drive(&mut push);
}

fn drive(push: &mut Program) {
    push.type_line("list");
    push.line("0 connections");
    let clients: Vec<_> = (1..=3)
        .map(|id| {
            let client = push.client("/async");
            assert_eq!(client.text(), format!("you are number {id}"));
            client
        })
        .collect();
    push.type_line("2 hello to you");
    assert_eq!(clients[1].text(), "hello to you");
    push.line("sent to 2");
    push.type_line("all hello everybody");
    for client in &clients {
        assert_eq!(client.text(), "hello everybody");
    }
    push.line("sent to 3");
    clients[0].send("thanks");
    push.line("1 says \"thanks\"");

    push.type_line("close 1");
    let closed = clients[0].end();
    assert_eq!((closed.code(), closed.reason()), (1000, "closed from the terminal"));
    assert!(push.line("connection 1 ended").contains(": 1000 "));
    clients[2].writer.close(CloseCode::GOING_AWAY, "").unwrap();
    assert_eq!(clients[2].end().code(), 1001);
    assert!(push.line("connection 3 ended").ends_with(": 1001 (going away)"));

    for (line, answer) in [
        ("1 are you there?", "error: connection 1 has ended"),
        ("close 3", "error: connection 3 has ended"),
        ("4 are you there?", "error: there has been no connection 4"),
        ("0 are you there?", "error: there has been no connection 0"),
        ("nonsense", "error: there is no command \"nonsense\": try help"),
        ("close", "error: ID is missing: close ID"),
        ("close one", "error: ID: \"one\" is not the number of a connection"),
        ("read", "error: ID is missing: read ID"),
        ("read 2 0", "error: LEN: how many characters, from 1"),
        ("read  3  5", "error: connection 3 has ended"),
        ("read 4", "error: there has been no connection 4"),
        ("2", "error: TEXT is missing: ID TEXT"),
        ("all", "error: TEXT is missing: all TEXT"),
        ("help", "read ID [LEN]"),
    ] {
        push.type_line(line);
        push.line(answer);
    }
    push.type_line("list");
    push.line("1 connection");
    push.line("2 Open");
    push.type_line("2 still there");
    assert_eq!(clients[1].text(), "still there");
}

#[test]
fn other_paths_other_pages_and_other_hosts_are_refused() {
    let push = Program::start("push", &["--public-url", "https://push.example/"]);
    push.line("open https://push.example/, and https://push.example/status#");
    assert_eq!(push.refusal("/other", None), 404);
    for origin in ["https://example.com", "http://push.example", "null"] {
        assert_eq!(push.refusal("/", Some(origin)), 403);
        assert_eq!(push.refusal("/async", Some(origin)), 403);
    }
    // Browsers reach it by TLS.
    let answer = begin_session(&push, "");
    assert!(answer.contains("; Secure"), "{answer}");
    // With such a name, browsers take it from no other host.
    let id = answer.split_once("__Host-push-session=").unwrap().1.split_once(';').unwrap().0;
    let unknown = format!("push-session={id}");
    assert_eq!(connect_with(&push, "/session", &unknown).end().code(), 3003);
    let cookie = format!("__Host-push-session={id}");
    assert!(connect_with(&push, "/session", &cookie).text().contains("connection 1: nobody"));
    for origin in ["https://push.example", &format!("http://{}", push.address)] {
        let uri = Uri::parse(&format!("ws://{}/async", push.address)).unwrap();
        Connector::new().connect(&ClientRequest::new(&uri).origin(origin)).unwrap();
    }
    // An attacker's name that leads here (DNS rebinding) gets nothing, a page neither.
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (target, more) in [("/", ""), ("/status", ""), ("/connections", ""), ("/async", upgrade)] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: evil.example\r\n\
             Origin: http://evil.example\r\n{more}\r\n"
        );
        let answer = raw(&push, &request);
        assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
        assert!(!answer.contains("Set-Cookie"), "{answer}");
    }
    // How a browser asks for another origin whether it may PUT.
    for (target, methods) in [("/", "GET, HEAD"), ("/session", "GET, HEAD, PUT")] {
        let answer = push.http(&format!("OPTIONS {target} HTTP/1.1"));
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(answer.contains(&format!("\r\nallow: {methods}\r\n")), "{answer}");
        assert!(!answer.contains("access-control"), "{answer}");
    }
}

fn raw(push: &Program, request: &str) -> String {
    let mut stream = TcpStream::connect(&push.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Returns the status and the body of a request.
fn get(push: &Program, target: &str, fields: &str) -> (u16, String) {
    let answer = push.http(&format!("GET {target} HTTP/1.1{fields}"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[test]
fn a_wrong_property_is_refused_with_words() {
    let push = Program::start("push", &[]);
    for (query, why) in [
        ("len=0", "len: a number from 1 to 32656, please"),
        ("len=32657", "len: a number from 1 to 32656, please"),
        ("len=much", "len: a number from 1 to 32656, please"),
        ("binary=yes", "binary: 0 or 1, please"),
        ("%6cen=5&bogus=1", "There is no property \"bogus\"."),
    ] {
        let uri = Uri::parse(&format!("ws://{}/?{query}", push.address)).unwrap();
        match Connector::new().connect(&ClientRequest::new(&uri)) {
            Err(ConnectError::Refused(refusal)) => {
                assert_eq!(refusal.response().status(), 400);
                let body = String::from_utf8(refusal.body().to_vec()).unwrap();
                assert_eq!(body.trim_end(), why);
            }
            other => panic!("{query}: {other:?}"),
        }
    }
    // Percent-encoding is decoded.
    let client = push.client("/?%6cen=%33");
    client.send("abcd");
    assert_eq!([client.text(), client.text()], ["abc", "d"]);
}

#[test]
fn a_long_message_comes_back_in_parts_and_one_that_is_too_long_ends_the_connection() {
    let push = Program::start("push", &[]);
    let client = push.client("/");
    let long = "\u{20ac}".repeat(100_000);
    client.send(&long);
    let parts: Vec<_> = (0..4).map(|_| client.text()).collect();
    assert_eq!(parts.concat(), long);
    let chars = |text: &String| text.chars().count();
    assert_eq!(parts.iter().map(chars).collect::<Vec<_>>(), [32_656, 32_656, 32_656, 2_032]);
    // It may be refused before all of it has been sent.
    let _ = client.writer.send(&*vec![0; (16 << 20) + 1]);
    assert_eq!(client.end().code(), 1009);
}

#[test]
fn what_a_client_says_is_kept_until_it_is_read_by_its_number() {
    let mut push = Program::start("push", &["--timeout", "0.1"]);
    let client = push.client("/async");
    client.text();
    push.type_line("read 1");
    push.line("error: connection 1 has said nothing for 0.1 s");
    client.send("gr\u{fc}\u{df}e to you");
    client.writer.send(&[1, 2, 3]).unwrap();
    client.send("");
    push.line("1 says \"\"");
    for (line, answer) in [
        ("read 1 3", "1 says \"gr\u{fc}\", and more"),
        ("read 1 7", "1 says \"\u{df}e to y\", and more"),
        ("read 1 2", "1 says \"ou\""),
        ("read 1 2", "1 says 2 bytes, and more"),
        ("read 1", "1 says 1 bytes"),
        ("read 1 1", "1 says \"\""),
        ("read 1", "error: connection 1 has said nothing for 0.1 s"),
    ] {
        push.type_line(line);
        let line = push.line("1 ");
        assert!(line.ends_with(answer), "{line}");
    }
    // The oldest are dropped, and that is said. The connection goes on.
    (1..=102).for_each(|number| client.send(&format!("message {number}")));
    push.line("1 says \"message 102\"");
    push.type_line("read 1");
    push.line("2 messages before were dropped");
    assert_eq!(push.line("says"), "1 says \"message 3\"");
    // Long ones count by their length.
    (0..3).for_each(|_| client.send(&"x".repeat(60_000)));
    client.send("last words");
    push.line("1 says \"last words\"");
    client.writer.close(CloseCode::new(4001).unwrap(), "enough").unwrap();
    client.end();
    push.line("connection 1 ended: 4001");
    push.type_line("read 1 1");
    push.line("100 messages before were dropped");
    assert_eq!(push.line("says"), "1 says \"x\", and more");
    push.type_line("read 1");
    assert_eq!(push.line("says").len(), "1 says \"\"".len() + 59_999);
    push.type_line("read 1");
    push.line("xxx");
    push.type_line("read 1");
    push.line("1 says \"last words\"");
    push.type_line("read 1");
    push.line("error: connection 1 has ended: 4001 \"enough\"");
}

#[test]
fn a_read_that_waits_hears_what_is_said_and_what_ends() {
    let mut push = Program::start("push", &["--timeout", "60"]);
    let client = push.client("/async");
    client.text();
    push.type_line("read 1");
    push.type_line("read 1");
    client.send("at last");
    push.lines_in_any_order(&["INFO", "1 says \"at last\""]);
    client.writer.close(CloseCode::NORMAL, "bye").unwrap();
    client.end();
    push.line("error: connection 1 has ended: 1000 (normal closure) \"bye\"");
}

/// As `OpenServer` of IRIS opens those with `SharedConnection = 1`.
#[test]
fn only_asynchronous_connections_are_used_by_their_numbers() {
    let mut push = Program::start("push", &[]);
    let synchronous = push.client("/");
    push.line("connection 1 opened: /, synchronous");
    for line in ["1 hello", "close 1", "read 1"] {
        push.type_line(line);
        push.line("error: connection 1 is synchronous: only its service uses it");
    }
    push.type_line("all hello");
    push.line("sent to 0");
    synchronous.send("still there");
    assert_eq!(synchronous.text(), "still there");
}

/// Messages of either side count. So what has had one later expires later, though it is older.
#[test]
fn an_asynchronous_connection_without_messages_expires() {
    let mut push = Program::start("push", &["--session-timeout", "5", "--timeout", "1"]);
    let [speaks, hears, idle] = [1, 2, 3].map(|id| {
        let client = push.client("/async");
        assert_eq!(client.text(), format!("you are number {id}"));
        client
    });
    let synchronous = push.client("/");
    assert!(synchronous.text().starts_with("timed out")); // a second has passed
    speaks.send("x");
    push.type_line("2 x");
    assert_eq!(hears.text(), "x");
    for (id, client) in [(3, idle), (1, speaks), (2, hears)] {
        let closed = client.end();
        assert_eq!((closed.code(), closed.reason()), (3008, "expired: no message for 5 s"));
        assert!(closed.was_clean());
        if id == 3 {
            assert!(push.line(" ended").contains("connection 3 ended: 3008 (timeout)"));
        }
    }
    // A synchronous one does not expire.
    synchronous.send("and here");
    while synchronous.text() != "and here" {}
}

#[test]
fn a_ping_is_no_activity() {
    let push = Program::start("push", &["--session-timeout", "1"]);
    let client = push.client("/async");
    client.text();
    while client.writer.ping(b"").is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(client.end().code(), 3008);
}

/// Asks for a session as the page does, with this cookie.
fn begin_session(push: &Program, cookie: &str) -> String {
    push.http(&format!("PUT /session HTTP/1.1\r\nContent-Length: 0\r\nCookie: {cookie}"))
}

/// The `Cookie` of a session, as a browser gets it.
fn session(push: &Program) -> String {
    let answer = begin_session(push, "");
    let line = answer.lines().find(|line| line.to_lowercase().starts_with("set-cookie: ")).unwrap();
    let (cookie, attributes) = line["set-cookie: ".len()..].split_once("; ").unwrap();
    let mut attributes: Vec<_> = attributes.split("; ").collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Strict"]);
    cookie.to_owned()
}

#[track_caller]
fn connect_with(push: &Program, path: &str, cookie: &str) -> Talker {
    let uri = Uri::parse(&format!("ws://{}{path}", push.address)).unwrap();
    Talker::new(
        Connector::new().connect(&ClientRequest::new(&uri).field("Cookie", cookie)).unwrap(),
    )
}

#[test]
fn the_values_of_a_session_outlive_its_connections() {
    let push = Program::start("push", &[]);
    let (cookie, other) = (session(&push), session(&push));
    assert_ne!(cookie, other);
    let id = cookie.strip_prefix("push-session=").unwrap();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    let short = format!("session {}...", &id[..6]);

    let first = connect_with(&push, "/session", &cookie);
    assert_eq!(first.text(), format!("{short}, connection 1: nobody; none before"));
    first.send("name Ann Lee");
    assert_eq!(first.text(), "you are Ann Lee");
    first.send("hello");
    assert_eq!(first.text(), "Ann Lee says hello");
    first.send("exit");
    assert_eq!((first.end().code(), push.line("connection 1 ended").is_empty()), (1000, false));
    // Among other cookies.
    let second = connect_with(&push, "/session", &format!("a=b; {cookie}; c=d"));
    let end = "1000 (normal closure) \"bye\"";
    assert_eq!(second.text(), format!("{short}, connection 2: Ann Lee; {end}"));
    let stranger = connect_with(&push, "/session", &other);
    assert!(stranger.text().ends_with("connection 1: nobody; none before"));

    // Whoever has one keeps it. Somebody who comes by a link from elsewhere seems to have none.
    let answer = begin_session(&push, &cookie);
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    for answer in [answer, push.http("GET / HTTP/1.1")] {
        assert!(!answer.to_lowercase().contains("set-cookie"), "{answer}");
    }
    // No other id is one.
    for cookie in ["push-session=00000000000000000000000000000000", "push-session=x", "x=y", ""] {
        let nobody = connect_with(&push, "/session", cookie).end();
        assert_eq!((nobody.code(), nobody.reason()), (3003, "no session: open the page first"));
        let answer = begin_session(&push, cookie);
        assert!(answer.to_lowercase().contains("set-cookie: push-session="), "{answer}");
    }
}

/// `UseSession` and `SessionEndOnClose`.
#[test]
fn a_session_is_left_alone_or_ends_with_its_connection() {
    let push = Program::start("push", &[]);
    let cookie = session(&push);
    assert_eq!(connect_with(&push, "/session?use_session=0", &cookie).end().code(), 3003);
    let last = connect_with(&push, "/session?session_end_on_close=1", &cookie);
    assert!(last.text().contains("connection 1: "));
    last.writer.close(CloseCode::NORMAL, "").unwrap();
    last.end();
    push.line("connection 2 ended");
    assert_eq!(connect_with(&push, "/session", &cookie).end().code(), 3003);
}

#[test]
fn a_session_that_nobody_uses_expires_and_one_in_use_does_not() {
    let push = Program::start("push", &["--session-timeout", "2"]);
    let (unused, used) = (session(&push), session(&push));
    let user = connect_with(&push, "/session", &used);
    user.text();
    // Longer than the time-out: until another connection has expired.
    let idle = push.client("/async");
    assert_eq!(idle.end().code(), 3008);
    assert_eq!(connect_with(&push, "/session", &unused).end().code(), 3003);
    assert!(connect_with(&push, "/session", &used).text().contains("connection 2: "));
}

/// Whoever has it is that user.
#[test]
fn the_id_of_a_session_is_nowhere_whole() {
    let mut command = example("push");
    let mut push = Program::run(command.env("PUSH_KEY", KEY).arg("127.0.0.1:0"));
    let cookie = session(&push);
    let id = cookie.strip_prefix("push-session=").unwrap();
    let client = connect_with(&push, "/session", &cookie);
    assert!(!client.text().contains(id));
    // An asynchronous connection is detached from it, and only knows which it was.
    let detached = connect_with(&push, "/async", &cookie);
    assert_eq!(detached.text(), "you are number 2");
    let line = push.line("connection 2 opened");
    assert!(line.contains(&format!("session {}...", &id[..6])) && !line.contains(id), "{line}");
    push.type_line("status");
    push.line("2 connections");
    for path in ["1 Open /session", "2 Open /async"] {
        let line = push.line(path);
        assert!(line.contains(&format!("session {}...", &id[..6])) && !line.contains(id), "{line}");
    }
    let (_, json) = get(&push, "/connections", &format!("\r\nAuthorization: Bearer {KEY}"));
    assert!(json.contains(&id[..6]) && !json.contains(id), "{json}");
}

const KEY: &str = "the-key_of.this~test+/=";

/// Others would not come through a URL or a field of a request as they are.
#[test]
fn a_key_is_made_of_what_rfc_6750_permits() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap(); // a server that starts ends at once
    let address = busy.local_addr().unwrap().to_string();
    for (program, variable) in [("push", "PUSH_KEY"), ("endpoints", "ENDPOINTS_KEY")] {
        for key in ["the key", "clé", "a#b", "=", "a=b", "\u{1b}[31m"] {
            let output = example(program).env(variable, key).arg(&address).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{program}, {key:?}");
            let errors = String::from_utf8(output.stderr).unwrap();
            let why = format!("{variable}: ASCII letters, digits and -._~+/ please, then any =\n");
            assert!(errors.starts_with(&why), "{errors}");
        }
    }
}

#[test]
fn the_status_shows_all_connections_to_whoever_has_the_key() {
    let mut command = example("push");
    let mut push = Program::run(command.env("PUSH_KEY", KEY).arg("127.0.0.1:0"));
    push.line(&format!("/status#{KEY} for all connections"));
    for value in [format!("Bearer {KEY}A"), format!("Basic! {KEY}"), KEY.into(), "x".into()] {
        let fields = format!("\r\nAuthorization: {value}");
        assert_eq!(get(&push, "/connections", &fields).0, 401, "{value}");
    }
    let other_case = KEY.to_uppercase();
    for fields in ["", &format!("\r\nAuthorization: Bearer {other_case}")] {
        assert_eq!(get(&push, "/connections", fields).0, 401, "{fields}");
    }
    // The name of a scheme is case-insensitive (RFC 9110 §11.1).
    let with_key = format!("\r\nAuthorization: bearer {KEY}");
    assert_eq!(get(&push, "/connections", &with_key), (200, "[]".into()));

    let echo = push.client("/?len=3");
    echo.send("gr\u{fc}\u{df}e");
    assert_eq!([echo.text(), echo.text()], ["gr\u{fc}", "\u{df}e"]);
    let shared = push.client("/async");
    assert_eq!(shared.text(), "you are number 2");
    push.type_line("2 hello");
    push.line("sent to 2");
    assert_eq!(shared.text(), "hello");

    // Messages are counted after they were sent.
    let ask = || serde_json::from_str::<Value>(&get(&push, "/connections", &with_key).1).unwrap();
    let mut json = ask();
    while json[0]["sent"] != json!([2, 7]) {
        json = ask();
    }
    let is = |at: usize, name: &str, value: Value| assert_eq!(json[at][name], value, "{json:#}");
    is(0, "id", json!(1));
    is(0, "path", json!("/"));
    is(0, "kind", json!("synchronous"));
    is(0, "state", json!("Open"));
    is(0, "session", json!("none"));
    is(0, "received", json!([1, 7]));
    is(0, "unsent", json!(0));
    is(1, "kind", json!("asynchronous"));
    is(1, "received", json!([0, 0]));
    is(1, "sent", json!([2, "you are number 2hello".len()]));
    assert!(json[0]["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(json[0]["since"].as_str().unwrap().ends_with('Z'));
    push.type_line("status");
    push.line("2 connections");
    let line = push.line("1 Open / synchronous from 127.0.0.1:");
    assert!(line.ends_with("in: 1 messages 7 bytes, out: 2 messages 7 bytes, unsent: 0 bytes"));

    echo.writer.close(CloseCode::NORMAL, "").unwrap();
    echo.end();
    push.line("connection 1 ended");
    push.type_line("status");
    push.line("1 connection");
}

#[test]
fn pages_come_with_a_policy_and_services_say_what_they_are() {
    let push = Program::start("push", &[]);
    for path in ["/", "/status"] {
        let page = push.http(&format!("GET {path} HTTP/1.1"));
        assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("default-src 'none'"), "{page}");
    }
    assert!(push.http("GET /style.css HTTP/1.1").contains("text/css"));
    assert!(push.http("GET /favicon.ico HTTP/1.1").starts_with("HTTP/1.1 204 "));
    let (status, body) = get(&push, "/async", "");
    assert_eq!((status, &*body), (400, "This is a service for WebSocket: connect to it\n"));
    // Pages of other origins can POST, and would need OPTIONS to PUT.
    for request in ["POST / HTTP/1.1", "POST /session HTTP/1.1", "OPTIONS /session HTTP/1.1"] {
        let answer = push.http(request);
        assert!(answer.starts_with("HTTP/1.1 405 ") && !answer.contains("ookie"), "{answer}");
    }
    assert_eq!(get(&push, "/secret", "").0, 404);
}

#[test]
fn one_connection_too_many_is_told_503_and_logged() {
    let push = Program::start("push", &["--connections", "2"]);
    let clients = [push.client("/"), push.client("/")];
    assert_eq!(push.refusal("/", None), 503);
    assert!(push.line("told 503").contains(" WARN 127.0.0.1:"));
    // A page is still served.
    assert_eq!(get(&push, "/", "").0, 200);
    clients[1].send("exit");
    clients[1].end();
    push.line(" ended: 1000");
    drop(push.connect("/").unwrap());
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_quit_say_good_bye_to_everybody() {
    for quits in [false, true] {
        let mut push = Program::start("push", &[]);
        let clients = [push.client("/async"), push.client("/"), push.client("/async")];
        if quits {
            push.type_line("quit")
        } else {
            push.interrupt()
        }
        for client in &clients {
            assert_eq!(client.end().code(), 1001);
        }
        push.line("the end; 0 connections had to be dropped");
        assert!(push.wait().success());
    }
}

#[cfg(unix)]
#[test]
fn the_second_ctrl_c_ends_it_at_once() {
    let mut push = Program::start("push", &[]);
    let _mute = push.mute("/async");
    push.line("connection 1 opened");
    push.interrupt();
    while push.connect("/").is_ok() {}
    push.interrupt();
    assert_eq!(push.wait().code(), Some(1));
}

/// A time, a level, the client's address, and then what happened.
#[test]
fn a_line_of_the_log_has_time_level_and_address() {
    let push = Program::start("push", &[]);
    let client = push.client("/async");
    client.send("hello");
    for text in ["connection 1 opened: /async, asynchronous, session none", "1 says \"hello\""] {
        let line = push.line(text);
        let words: Vec<_> = line.splitn(4, ' ').collect();
        assert!(words[0].len() == 20 && words[0].ends_with('Z'), "{line}");
        assert_eq!(words[1], "INFO", "{line}");
        assert!(words[2].parse::<std::net::SocketAddr>().is_ok(), "{line}");
        assert!(words[3].starts_with(text), "{line}");
    }
}

#[test]
fn the_time_out_is_ten_seconds_if_nothing_else_is_said() {
    let push = Program::start("push", &[]);
    let mut ws = push.connect("/").unwrap();
    ws.set_read_timeout(Duration::from_secs(5)).unwrap();
    assert!(matches!(ws.receive(), Err(Error::TimedOut)));
    ws.set_read_timeout(None).unwrap();
    assert!(matches!(ws.receive(), Ok(Some(Message::Text(_)))));
}
