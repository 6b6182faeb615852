//! The terminal of `--example chat`: what the person can do who runs it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use hybi::CloseCode;
use hybi::blocking::ConnectError;
use serde_json::json;

use crate::chat::User;
use crate::program::{Program, Talker};

#[track_caller]
fn ask(chat: &mut Program, question: &str, answer: &str) {
    chat.type_line(question);
    chat.line(answer);
}

#[test]
fn help_names_every_command() {
    let mut chat = Program::start("chat", &[]);
    chat.type_line("help");
    for command in ["list ", "say TEXT", "close ID [REASON]", "errors ", "help ", "quit "] {
        assert!(chat.line(command).starts_with(command), "{command}");
    }
}

#[test]
fn everybody_is_listed_with_name_state_and_address() {
    let mut chat = Program::start("chat", &[]);
    ask(&mut chat, "list", "0 users");
    let (one, two) = (User::come(&chat), User::come(&chat));
    two.type_line("alias Bob");
    one.next_of("renamed");
    ask(&mut chat, "list", "2 users");
    for start in ["1 guest 1: Open, ", "2 Bob: Open, "] {
        let line = chat.line(start);
        assert!(line.starts_with(start) && line.contains(" bytes wait, 127.0.0.1:"), "{line}");
    }
}

#[test]
fn the_server_speaks_to_everybody_under_a_name_that_nobody_can_have() {
    let mut chat = Program::start("chat", &[]);
    let users = [User::come(&chat), User::come(&chat)];
    ask(&mut chat, "say  Down at ten, gr\u{fc}\u{df}e ", "said");
    for user in &users {
        let message = user.next_of("message");
        assert_eq!(message["text"], "Down at ten, gr\u{fc}\u{df}e");
        assert_eq!((&message["id"], &message["author"]), (&json!(0), &json!("server")));
    }
    users[0].type_line("alias Server");
    assert_eq!(users[0].next()["type"], "error");
    // Who comes late is told, too.
    assert_eq!(User::come(&chat).welcome["history"][0]["author"], "server");
    let long = format!("say {}", "x".repeat(1001));
    ask(&mut chat, &long, "error: That is too long: 1000 characters at most.");
}

#[test]
fn one_user_is_closed_with_a_reason_and_nobody_else() {
    let mut chat = Program::start("chat", &[]);
    let (one, two, three) = (User::come(&chat), User::come(&chat), User::come(&chat));
    one.type_line("alias Ann");
    two.next_of("renamed");
    ask(&mut chat, "close 1 no advertising, please", "closing 1 (Ann)");
    let closed = one.talker.end();
    assert_eq!((closed.code(), closed.reason()), (1008, "no advertising, please"));
    chat.line("1 (Ann) left: 1008");
    assert_eq!(two.next_of("left")["id"], 1);
    ask(&mut chat, "close 3", "closing 3");
    assert_eq!(three.talker.end().reason(), "closed by the server");
    assert_eq!(two.next_of("left")["id"], 3);
    two.type_line("still here");
    assert_eq!(two.next_of("message")["text"], "still here");
}

#[test]
fn a_command_says_what_it_lacks() {
    let mut chat = Program::start("chat", &[]);
    let user = User::come(&chat);
    for (line, why) in [
        ("say", "TEXT is missing: say TEXT"),
        ("close", "ID is missing: close ID [REASON]"),
        ("close Ann", "\"Ann\" is not the number of a user"),
        ("close 99", "there is no user 99"),
        ("close 0", "there is no user 0"),
        ("clos 1", "there is no command \"clos\": try help"),
        ("list all", "nothing follows list"),
        ("Hello", "there is no command \"Hello\""),
    ] {
        ask(&mut chat, line, "error: ");
        chat.type_line(line);
        let answer = chat.line("error: ");
        assert!(answer.contains(why), "{line}: {answer}");
    }
    // RFC 6455 section 5.5: a Close frame has 125 bytes at most, two of them for the code.
    let long = format!("close 1 {}", "x".repeat(124));
    ask(&mut chat, &long, "error: ");
    user.type_line("still here");
    assert_eq!(user.next_of("message")["text"], "still here");
}

/// As `^Chat.Errors` in the tutorial of IRIS.
#[test]
fn errors_are_kept_with_time_address_and_cause() {
    let mut chat = Program::start("chat", &[]);
    ask(&mut chat, "errors", "0 errors");
    let one = User::come(&chat);
    one.talker.send("no JSON");
    assert_eq!(one.next()["type"], "error");
    // Between messages, in the middle of a frame, and against a rule.
    let ends: [(&[u8], &str); 3] = [
        (b"", "between messages"),
        (b"\x81", "in a frame header"),
        (b"\x81\x05Hello", "must mask"),
    ];
    for (bytes, cause) in ends {
        let mut client = chat.mute("/chat");
        client.write_all(bytes).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        // Its end comes with a reset if it has sent what nobody has read.
        let _ = client.read_to_end(&mut rest);
        chat.line(cause);
    }
    ask(&mut chat, "errors", "4 errors");
    let unread = chat.line("1 (guest 1): Send {\"line\": \"...\"}.");
    let words: Vec<_> = unread.split(' ').collect();
    assert!(words[0].ends_with('Z') && words[0].contains('T'), "{unread}");
    assert!(words[1].starts_with("127.0.0.1:"), "{unread}");
    for (number, (_, cause)) in (2..).zip(ends) {
        let line = chat.line(&format!("{number} (guest {number}) left: 1006: "));
        assert!(line.contains(cause), "{line}");
    }
}

/// A place becomes free a moment after its user has left.
fn come_again(chat: &Program) -> Talker {
    loop {
        match chat.connect("/chat") {
            Ok(ws) => return Talker::new(ws),
            Err(ConnectError::Refused(refusal)) => assert_eq!(refusal.response().status(), 503),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn the_last_hundred_errors_are_kept_and_all_are_counted() {
    let mut chat = Program::start("chat", &[]);
    let user = User::come(&chat);
    for _ in 0..150 {
        user.talker.send("no JSON");
        assert_eq!(user.next()["type"], "error");
    }
    // The log says the same, as it happens.
    for _ in 0..150 {
        chat.line(" WARN 127.0.0.1:");
    }
    ask(&mut chat, "errors", "150 errors, of which these are the last 100");
    ask(&mut chat, "list", "1 (guest 1): Send");
    for _ in 1..100 {
        chat.line("1 (guest 1): Send");
    }
    chat.line("1 user");
}

#[test]
fn the_connection_beyond_the_limit_is_told_503_and_logged() {
    let mut chat = Program::start("chat", &["--connections", "2"]);
    let (one, _two) = (User::come(&chat), User::come(&chat));
    assert_eq!(chat.refusal("/chat", None), 503);
    let line = chat.line("told 503");
    assert!(line.contains(" WARN 127.0.0.1:"), "{line}");
    ask(&mut chat, "errors", "1 errors");
    chat.line("told 503");
    // The page is still there, and tells that it cannot connect.
    assert!(chat.http("GET / HTTP/1.1").starts_with("HTTP/1.1 200 "));
    one.talker.writer.close(CloseCode::NORMAL, "").unwrap();
    one.talker.end();
    let three = come_again(&chat);
    assert!(three.text().contains("\"type\":\"welcome\""));
}

#[test]
fn a_line_of_the_log_has_time_level_and_address() {
    let chat = Program::start("chat", &[]);
    let user = User::come(&chat);
    let line = chat.line("1 joined");
    let words: Vec<_> = line.split(' ').collect();
    let shape: String =
        words[0].chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z", "{line}");
    assert_eq!(words[1], "INFO", "{line}");
    assert!(words[2].parse::<std::net::SocketAddr>().is_ok(), "{line}");
    user.talker.writer.close(CloseCode::NORMAL, "enough").unwrap();
    let line = chat.line("left: ");
    assert!(line.ends_with("1 (guest 1) left: 1000 (normal closure) \"enough\""), "{line}");
}

#[test]
fn quit_says_good_bye_to_everybody_and_twice_ends_at_once() {
    let mut chat = Program::start("chat", &[]);
    let users = [User::come(&chat), User::come(&chat)];
    chat.type_line("quit");
    for user in &users {
        let closed = user.talker.end();
        assert_eq!((closed.code(), closed.was_clean()), (1001, true));
        assert_eq!(closed.reason(), "the server is going down");
    }
    chat.line("the end; 0 connections had to be dropped");
    assert_eq!(chat.wait().code(), Some(0));

    // A client that answers nothing would be waited for.
    let mut chat = Program::start("chat", &[]);
    let mut mute = chat.mute("/chat");
    chat.line("1 joined");
    chat.type_line("quit");
    let mut byte = [0];
    while byte != [0x88] {
        mute.read_exact(&mut byte).unwrap(); // until the Close frame
    }
    chat.type_line("quit");
    assert_eq!(chat.wait().code(), Some(1));
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_has_a_prompt_which_stays_below_the_log() {
    let mut chat = Program::start_at_terminal("chat");
    ask(&mut chat, "list", "0 users");
    let _user = User::come(&chat);
    // The prompt is erased, the line is printed, and the prompt follows.
    let line = chat.line("1 joined");
    assert!(line.contains("> \r\x1b[K20"), "{line:?}");
    ask(&mut chat, "help", "close ID [REASON]");
    // Ctrl-D at the beginning of a line.
    chat.type_bytes(b"\x04");
    chat.line("the end; ");
}

#[test]
fn a_line_about_a_bad_request_has_the_address_once() {
    for name in ["chat", "endpoints", "handlers", "push"] {
        let mut server = Program::start(name, &[]);
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let client = stream.local_addr().unwrap().to_string();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap(); // without a Host
        let line = server.line("no request: ");
        assert_eq!(line.matches(&client).count(), 1, "{name}: {line}");
        if name == "chat" {
            server.type_line("errors");
            let line = server.line("no request: ");
            assert_eq!(line.matches(&client).count(), 1, "{line}");
        }
    }
}
