//! The cases of `connect.txt`, to be run against anything that shakes hands by extended CONNECT.

use std::collections::BTreeSet;

use super::cases::{Doors, doors, unescape};

/// RFC 8441 §5.1.
pub(crate) const REQUEST: [(&str, &str); 9] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/chat"),
    (":authority", "server.example.com"),
    ("sec-websocket-protocol", "chat, superchat"),
    ("sec-websocket-extensions", "permessage-deflate"),
    ("sec-websocket-version", "13"),
    ("origin", "http://www.example.com"),
];

/// RFC 8441 §5.1.
pub(crate) const RESPONSE: [(&str, &str); 2] =
    [(":status", "200"), ("sec-websocket-protocol", "chat")];

pub(crate) type List = Vec<(Vec<u8>, Vec<u8>)>;

pub(crate) struct Case {
    pub(crate) id: &'static str,
    /// The last `policy:` or `offers:`.
    pub(crate) setting: (&'static str, &'static str),
    edits: &'static str,
    pub(crate) verdict: &'static str,
    pub(crate) doors: Doors,
}

impl Case {
    /// The list after the edits. Pseudo-header fields of the good list are in its first place.
    pub(crate) fn list(&self, good: &[(&str, &str)]) -> List {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let mut list: List = good.iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
        // A semicolon of a value has no space behind it.
        for edit in self.edits.split("; ").filter(|edit| !edit.is_empty()) {
            let (name, value) = edit.split_once(" =").unwrap_or((edit, ""));
            let value = unescape(value.strip_prefix(' ').unwrap_or(value));
            if let Some(name) = name.strip_prefix("- ") {
                let before = list.len();
                list.retain(|(other, _)| other != name.as_bytes());
                assert!(list.len() < before, "{}: {name}", self.id);
            } else if let Some(name) = name.strip_prefix("+ ") {
                list.push((unescape(name), value));
            } else {
                let field = list.iter_mut().find(|(other, _)| other == name.as_bytes());
                field.unwrap_or_else(|| panic!("{}: {name}", self.id)).1 = value;
            }
        }
        list
    }
}

pub(crate) fn cases(key: &str) -> Vec<Case> {
    let (mut cases, mut setting) = (Vec::new(), ("", ""));
    let lines = include_str!("connect.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let columns: Vec<_> = line.split(" | ").map(str::trim).collect();
        let [id, edits, verdict, section, ref mark @ ..] = columns[..] else {
            setting = line.split_once(": ").unwrap_or_else(|| panic!("not a case: {line}"));
            continue;
        };
        assert!(section.starts_with("RFC "), "{id}: no section");
        let doors = doors(id, mark);
        cases.push(Case { id, setting, edits, verdict, doors });
    }
    let ids: BTreeSet<_> = cases.iter().map(|case| case.id).collect();
    assert_eq!(ids.len(), cases.len(), "an id twice");
    cases.retain(|case| case.setting.0 == key);
    assert!(cases.iter().all(|case| case.doors != Doors::Bytes), "they have no bytes");
    cases
}

pub(crate) fn borrowed(list: &[(Vec<u8>, Vec<u8>)]) -> Vec<(&[u8], &[u8])> {
    list.iter().map(|(name, value)| (&**name, &**value)).collect()
}
