//! The chat as it should be: several servers are one.

use hybi::CloseCode;
use serde_json::json;

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
