//! The chat: its users stay who they are.

use serde_json::{Value, json};

use crate::client::{Client, Deflate};
use crate::service::Service;

struct User(Client);

impl User {
    #[track_caller]
    fn join(service: &Service) -> (Self, Value) {
        let mut user = Self(Client::connect(service, "/chat", Deflate::On));
        let welcome = user.hears("welcome");
        (user, welcome)
    }

    fn says(&mut self, line: &str) {
        self.0.send(&json!({"line": line}).to_string());
    }

    /// The next message, which is of this type.
    #[track_caller]
    fn hears(&mut self, sort: &str) -> Value {
        let message: Value = serde_json::from_str(&self.0.text()).unwrap();
        assert_eq!(message["type"], sort, "{message}");
        message
    }

    #[track_caller]
    fn hears_line(&mut self, author: &str, text: &str) {
        let message = self.hears("message");
        assert_eq!((&message["author"], &message["text"]), (&json!(author), &json!(text)));
    }
}

#[test]
fn users_keep_their_names_and_numbers() {
    let mut service = Service::start(&[]);
    let (mut ann, welcome) = User::join(&service);
    let (mut ben, _) = User::join(&service);
    ann.hears("joined");
    ann.says("alias Ann");
    ann.says("before");
    for user in [&mut ann, &mut ben] {
        user.hears("renamed");
        user.hears_line("Ann", "before");
    }
    service.replace();
    ben.says("alias ann");
    assert!(ben.hears("error")["text"].as_str().unwrap().contains("is taken"));
    ann.says("after");
    for user in [&mut ann, &mut ben] {
        user.hears_line("Ann", "after");
    }
    let (mut cid, newcomer) = User::join(&service);
    let names: Vec<&Value> =
        newcomer["users"].as_array().unwrap().iter().map(|user| &user["name"]).collect();
    assert_eq!(names, ["Ann", "guest 2", "guest 3"]);
    assert_eq!(newcomer["users"][0]["id"], welcome["id"]);
    for user in [&mut ann, &mut ben] {
        assert_eq!(user.hears("joined")["id"], newcomer["id"]);
    }
    ben.0.close();
    for user in [&mut ann, &mut cid] {
        user.hears("left");
    }
}

/// Nobody misses anything while one user's message takes its time.
#[test]
fn a_user_in_a_compressed_message_follows_after_it() {
    let mut service = Service::start(&[]);
    let (mut ann, _) = User::join(&service);
    let (mut ben, _) = User::join(&service);
    ann.hears("joined");
    ben.0.begin(r#"{"line": "what takes "#);
    service.replace();
    ann.says("meanwhile");
    ann.hears_line("guest 1", "meanwhile");
    ben.0.end(r#"its time"}"#);
    ann.hears_line("guest 2", "what takes its time");
    ben.hears_line("guest 1", "meanwhile");
    ben.hears_line("guest 2", "what takes its time");
    ben.says("here I am");
    ann.hears_line("guest 2", "here I am");
}

/// They hear of each other, too.
#[test]
fn several_users_in_compressed_messages_follow_and_miss_nothing() {
    let mut service = Service::start(&[]);
    let (mut ann, _) = User::join(&service);
    let (mut ben, _) = User::join(&service);
    let (mut cid, _) = User::join(&service);
    let (mut dan, welcome) = User::join(&service);
    for (user, others) in [(&mut ann, 3), (&mut ben, 2), (&mut cid, 1)] {
        (0..others).for_each(|_| drop(user.hears("joined")));
    }
    for user in [&mut ben, &mut cid, &mut dan] {
        user.0.begin(r#"{"line": "what takes "#);
    }
    service.replace();
    ben.0.end(r#"its time"}"#);
    for user in [&mut ann, &mut ben] {
        user.hears_line("guest 2", "what takes its time");
    }
    drop(dan);
    for user in [&mut ann, &mut ben] {
        assert_eq!(user.hears("left")["id"], welcome["id"]);
    }
    cid.0.end(r#"even longer"}"#);
    cid.hears_line("guest 2", "what takes its time");
    assert_eq!(cid.hears("left")["id"], welcome["id"]);
    for user in [&mut ann, &mut ben, &mut cid] {
        user.hears_line("guest 3", "what takes even longer");
    }
}

/// A user whose message does not end has left for all others.
#[test]
fn who_does_not_follow_has_left() {
    let mut service = Service::start(&["--patience", "0"]);
    let (mut ann, _) = User::join(&service);
    let (mut ben, welcome) = User::join(&service);
    ann.hears("joined");
    ben.0.begin(r#"{"line": "what takes its "#);
    service.replace();
    assert_eq!(ann.hears("left")["id"], welcome["id"]);
    assert_eq!(ben.0.closed(), 1001);
    ann.says("alone");
    ann.hears_line("guest 1", "alone");
}
