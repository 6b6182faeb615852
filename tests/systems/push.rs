//! `--example push`.

use std::time::Duration;

use hybi::blocking::Error;
use hybi::{CloseCode, Message};

use crate::program::Program;

#[test]
fn the_synchronous_server_pushes_at_each_time_out_echoes_and_exits() {
    let push = Program::start("push", &["--timeout", "0.05"]);
    let mut ws = push.connect("/").unwrap();
    let is_time = |text: &str| {
        // "timed out at 12:34:56 UTC"
        let time = text.strip_prefix("timed out at ").unwrap().strip_suffix(" UTC").unwrap();
        time.split(':').map(|part| part.parse::<u8>().unwrap()).collect::<Vec<_>>().len() == 3
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
        ("nonsense", "error: type: ID TEXT"),
    ] {
        push.type_line(line);
        push.line(answer);
    }
    push.type_line("list");
    push.line("1 connections");
    push.line("2 Open");
    push.type_line("2 still there");
    assert_eq!(clients[1].text(), "still there");
}

#[test]
fn other_paths_and_other_pages_are_refused() {
    let push = Program::start("push", &[]);
    assert_eq!(push.refusal("/other", None), 404);
    // It has no page. One of its own origin is an attacker's, whose name leads here (DNS rebinding).
    for origin in ["https://example.com", &format!("http://{}", push.address)] {
        assert_eq!(push.refusal("/", Some(origin)), 403);
        assert_eq!(push.refusal("/async", Some(origin)), 403);
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
