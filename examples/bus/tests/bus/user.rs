//! A user of the chat.

use hybi::blocking;
use serde_json::{Value, json};

use crate::program::{Program, Talker};

/// A user, welcomed.
pub struct User {
    pub talker: Talker,
    pub id: u64,
    pub welcome: Value,
}

impl User {
    pub fn come(chat: &Program) -> Self {
        Self::come_to(&chat.address)
    }

    /// Comes to the server or the proxy at this address.
    pub fn come_to(address: &str) -> Self {
        let ws = blocking::connect(&format!("ws://{address}/chat")).unwrap();
        let talker = Talker::new(ws);
        let welcome: Value = serde_json::from_str(&talker.text()).unwrap();
        assert_eq!(welcome["type"], "welcome");
        Self { talker, id: welcome["id"].as_u64().unwrap(), welcome }
    }

    pub fn type_line(&self, line: &str) {
        self.talker.send(&json!({ "line": line }).to_string());
    }

    #[track_caller]
    pub fn next(&self) -> Value {
        serde_json::from_str(&self.talker.text()).unwrap()
    }

    /// The next message, which is of this type.
    #[track_caller]
    pub fn next_is(&self, kind: &str) -> Value {
        let message = self.next();
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// The texts of the next lines, between which nothing else happens.
    #[track_caller]
    pub fn next_texts(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next_is("message")["text"].as_str().unwrap().into()).collect()
    }

    /// The ids in the list of users when this one came.
    pub fn listed(&self) -> Vec<u64> {
        let users = self.welcome["users"].as_array().unwrap();
        users.iter().map(|user| user["id"].as_u64().unwrap()).collect()
    }

    /// The texts that this user was shown when it came.
    pub fn history(&self) -> Vec<&str> {
        let history = self.welcome["history"].as_array().unwrap();
        history.iter().map(|message| message["text"].as_str().unwrap()).collect()
    }
}
