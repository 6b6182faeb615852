//! The chat as it should be: several servers are one.

use hybi::CloseCode;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::user::User;

#[test]
fn users_of_two_servers_see_each_other_and_every_line() {
    let engine = Engine::start();
    let (one, two) = (engine.serve("chat", &[]), engine.serve("chat", &[]));
    let ann = User::come(&one);
    let bob = User::come(&two);
    assert_ne!(ann.id, bob.id);
    assert_eq!(bob.listed(), [ann.id, bob.id]);
    let joined = json!({ "type": "joined", "id": bob.id, "name": format!("guest {}", bob.id) });
    assert_eq!(ann.next(), joined);
    ann.type_line("alias Ann");
    ann.type_line("gr\u{fc}\u{df}e <b>\u{1f600}");
    for user in [&ann, &bob] {
        assert_eq!(user.next(), json!({ "type": "renamed", "id": ann.id, "name": "Ann" }));
        let message = user.next_is("message");
        assert_eq!(message["text"], "gr\u{fc}\u{df}e <b>\u{1f600}");
        assert_eq!((&message["author"], &message["id"]), (&json!("Ann"), &json!(ann.id)));
    }
    bob.talker.writer.close(CloseCode::GOING_AWAY, "").unwrap();
    assert_eq!(ann.next(), json!({ "type": "left", "id": bob.id }));
    let cy = User::come(&two);
    assert_eq!(cy.listed(), [ann.id, cy.id]);
    assert_eq!(cy.welcome["users"][0]["name"], "Ann");
}

#[test]
fn a_name_is_taken_on_all_servers_and_free_on_all_once_its_user_has_left() {
    let engine = Engine::start();
    let (one, two) = (engine.serve("chat", &[]), engine.serve("chat", &[]));
    let (ann, bob) = (User::come(&one), User::come(&two));
    ann.next_is("joined");
    ann.type_line("alias Ann Lee");
    bob.next_is("renamed");
    // In another case, and in letters that look like them.
    for name in ["Ann Lee", "ANN LEE", "\u{391}nn L\u{435}e"] {
        bob.type_line(&format!("alias {name}"));
        let error = bob.next_is("error");
        assert!(error["text"].as_str().unwrap().contains("taken"), "{error}");
    }
    ann.next_is("renamed");
    ann.type_line("alias ann lee"); // its own
    assert_eq!(bob.next_is("renamed")["name"], "ann lee");
    ann.type_line("alias Bea");
    bob.next_is("renamed");
    bob.type_line("alias Ann Lee");
    assert_eq!(bob.next_is("renamed")["name"], "Ann Lee");
    ann.talker.writer.close(CloseCode::GOING_AWAY, "").unwrap();
    bob.next_is("left");
    bob.type_line("alias bea");
    assert_eq!(bob.next_is("renamed")["name"], "bea");
}

#[test]
fn who_comes_late_is_shown_the_last_fifty_lines_also_by_a_server_that_came_late() {
    let engine = Engine::start();
    let one = engine.serve("chat", &[]);
    let ann = User::come(&one);
    let lines: Vec<String> = (0..60).map(|number| format!("line {number}")).collect();
    lines.iter().for_each(|line| ann.type_line(line));
    assert_eq!(ann.next_texts(60), lines);
    let two = engine.serve("chat", &[]);
    for server in [&one, &two] {
        assert_eq!(User::come(server).history(), lines[10..]);
    }
}

/// The JSON of the chat tutorial of IRIS, on one server, and that of the page on another.
#[test]
fn clients_of_the_iris_tutorial_are_in_the_same_chat_on_all_servers() {
    let engine = Engine::start();
    let (one, two) = (engine.serve("chat", &["--iris", "/iris"]), engine.serve("chat", &[]));
    assert_eq!(two.refusal("/iris", None), 404);
    let ann = one.client("/iris");
    let next = || serde_json::from_str::<Value>(&ann.text()).unwrap();
    let lists = |names: &[&str]| {
        let users: Vec<_> = names.iter().map(|name| json!({ "Name": name })).collect();
        assert_eq!(next(), json!({ "Type": "userlist", "Users": users }));
    };
    let status = next();
    assert_eq!((&status["Type"], &status["WSID"]), (&json!("Status"), &json!("1")));
    lists(&["guest 1"]);
    ann.send(r#"{"User":"Ann"}"#);
    lists(&["Ann"]);
    let bob = User::come(&two);
    assert_eq!(bob.welcome["users"][0]["name"], "Ann");
    lists(&["Ann", "guest 2"]);
    bob.type_line("caf\u{e9}");
    let mut message = next();
    assert!(message["Sent"].take().is_string());
    let expected =
        json!({ "Type": "Chat", "Author": "guest 2", "Message": "Y2Fm6Q==", "Sent": null });
    assert_eq!(message, expected);
    ann.send(r#"{"Message":"SGVsbG8=","Author":"Ann"}"#);
    assert_eq!(next()["Message"], "SGVsbG8=");
    assert_eq!(bob.next_texts(2), ["caf\u{e9}", "Hello"]);
    ann.send(r#"{"Message":"%"}"#);
    assert_eq!(next()["Author"], "server");
    // A name is taken on the other server.
    bob.type_line("alias ann");
    bob.next_is("error");
}

#[test]
fn as_many_lines_are_kept_as_was_said_also_by_a_server_that_came_late() {
    let engine = Engine::start();
    for kept in [0, 3] {
        let options = ["--history", &kept.to_string()];
        let one = engine.serve("chat", &options);
        let ann = User::come(&one);
        let lines: Vec<String> = (0..5).map(|number| format!("line {number}")).collect();
        lines.iter().for_each(|line| ann.type_line(line));
        assert_eq!(ann.next_texts(5), lines);
        let two = engine.serve("chat", &options);
        for server in [&one, &two] {
            assert_eq!(User::come(server).history(), lines[5 - kept..]);
        }
    }
}

#[test]
fn the_terminal_speaks_to_all_and_closes_who_is_on_its_own_server() {
    let engine = Engine::start();
    let (mut one, mut two) = (engine.serve("chat", &[]), engine.serve("chat", &[]));
    let (ann, bob) = (User::come(&one), User::come(&two));
    ann.next_is("joined");
    for at in [0, 1, 0] {
        let server = if at == 0 { &mut one } else { &mut two };
        server.type_line("say Down at ten.");
        server.line("said");
        for user in [&ann, &bob] {
            let message = user.next_is("message");
            assert_eq!((&message["author"], &message["id"]), (&json!("server"), &json!(0)));
        }
    }
    assert_eq!(User::come(&two).history(), ["Down at ten."; 3]);
    one.type_line("list");
    one.line("1 guest 1: Open");
    one.line("2 guest 2: on another server");
    one.type_line("close 2");
    one.line("error: user 2 is on another server: close it there");
    two.type_line("close 2 enough");
    two.line("closing 2 (guest 2)");
    let closed = bob.talker.end();
    assert_eq!((closed.code(), closed.reason()), (1008, "enough"));
}

/// A server has a count of its own for what it has said, which goes with it.
#[cfg(unix)]
#[test]
fn a_server_that_has_ended_leaves_nothing_on_the_bus() {
    let engine = Engine::start();
    let mut one = engine.serve("chat", &[]);
    one.type_line("say Good-bye.");
    one.line("said");
    assert_eq!(engine.send::<u64>(&["HGET", "chat:calls", "instance 1"]), 1);
    one.interrupt();
    assert_eq!(one.wait().code(), Some(0));
    assert_eq!(engine.send::<u64>(&["HLEN", "chat:calls"]), 0);
}

#[cfg(unix)]
#[test]
fn a_server_that_ends_closes_its_own_users_and_the_others_see_them_leave() {
    let engine = Engine::start();
    let (mut one, two) = (engine.serve("chat", &[]), engine.serve("chat", &[]));
    let (ann, bob) = (User::come(&one), User::come(&two));
    one.interrupt();
    assert_eq!(ann.talker.end().code(), 1001);
    assert_eq!(bob.next_is("left")["id"], ann.id);
    assert_eq!(one.wait().code(), Some(0));
    assert_eq!(engine.send::<Vec<u64>>(&["ZRANGE", "chat:instances", "0", "-1"]), [2]);
    assert_eq!(User::come(&two).listed()[0], bob.id);
}
