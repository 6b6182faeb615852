//! The cases of the opening handshake: heads that clients and servers send, and the verdict about
//! each.
//!
//! The files `server.txt`, `client.txt` and `connect.txt` have one case a line, and explain their
//! columns; `rules.txt` has the reasons. This module reads them into bytes and lists of fields.
//! hybi's own tests hand every case to each of its interfaces. The command runs those that can be
//! sent over a socket.

use std::collections::BTreeSet;

use crate::Level;

/// The example request of RFC 6455 §1.2, which the cases of servers edit.
pub const REQUEST: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The example response of RFC 6455 §1.3 with the subprotocol of §1.2, which the cases of clients
/// edit.
pub const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

/// The extended CONNECT of RFC 8441 §5.1, which those cases edit.
pub const CONNECT_REQUEST: [(&str, &str); 9] = [
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

/// The response of RFC 8441 §5.1.
pub const CONNECT_RESPONSE: [(&str, &str); 2] =
    [(":status", "200"), ("sec-websocket-protocol", "chat")];

/// A request or a response of HTTP/1.1, and the verdict about it.
#[derive(Clone, Debug)]
pub struct Head {
    /// The id within its file, such as `host/twice`.
    pub id: &'static str,
    /// The heading above it in the file, such as `Host`.
    pub about: &'static str,
    /// The value of the last `policy:` line (for servers) or `offers:` line (for clients).
    pub setting: &'static str,
    /// The edit of the example, as it stands in the file.
    pub edit: &'static str,
    /// The bytes of the head, made of the example.
    pub bytes: Vec<u8>,
    /// `open`, `more`, or the refusal.
    pub verdict: &'static str,
    /// How it can come in.
    pub doors: Doors,
    /// The section that decides.
    pub section: &'static str,
    /// How much room the section leaves.
    pub level: Level,
}

/// How a case can come in to an implementation, as its last column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doors {
    /// As bytes only.
    Bytes,
    /// As bytes and as a list of fields.
    BytesAndLists,
    /// In the types of the `http` crate, too.
    All,
}

/// Names and values, in bytes.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A header list of HTTP/2 or HTTP/3 (extended CONNECT), and the verdict about it.
#[derive(Clone, Debug)]
pub struct Connect {
    /// The id within its file.
    pub id: &'static str,
    /// The heading above it in the file.
    pub about: &'static str,
    /// The last `policy:` line (for servers) or `offers:` line (for clients), split at its
    /// colon.
    pub setting: (&'static str, &'static str),
    /// The edits, as they stand in the file.
    pub edits: &'static str,
    /// `open`, or the refusal.
    pub verdict: &'static str,
    /// How it can come in.
    pub doors: Doors,
    /// The section that decides.
    pub section: &'static str,
    /// How much room the section leaves.
    pub level: Level,
}

/// Returns the requests of clients, in the order of `server.txt`.
pub fn requests() -> Vec<Head> {
    heads(include_str!("server.txt"), REQUEST, "Host")
}

/// Returns the responses of servers, in the order of `client.txt`.
pub fn responses() -> Vec<Head> {
    heads(include_str!("client.txt"), RESPONSE, "Upgrade")
}

/// Returns the requests of clients over HTTP/2 and HTTP/3, in the order of `connect.txt`.
pub fn connect_requests() -> Vec<Connect> {
    connects("policy")
}

/// Returns the responses of servers over HTTP/2 and HTTP/3, in the order of `connect.txt`.
pub fn connect_responses() -> Vec<Connect> {
    connects("offers")
}

/// Returns the sentence of `rules.txt` about a case, which is named with `server/` or `client/`.
pub(crate) fn rule(id: &str) -> Option<&'static str> {
    let all = rules().filter(|(start, _)| id.starts_with(start));
    all.max_by_key(|(start, _)| start.len()).map(|(_, rule)| rule)
}

fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("rules.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(" | ")).map(|(id, rule)| (id.trim(), rule))
}

impl Head {
    /// Applies the edit to another request or response than the example, which must have the same
    /// fields. `None`: the edit replaces all of it.
    pub fn edit(&self, good: &str) -> Option<Vec<u8>> {
        let plus_after = if good.starts_with("HTTP/") { "Upgrade" } else { "Host" };
        (!self.edit.starts_with("raw")).then(|| edited(self.id, self.edit, good, plus_after))
    }
}

impl Head {
    /// Returns the edit of a good head, in words.
    pub(crate) fn sent(&self, good: &str) -> String {
        let (kind, rest) = self.edit.split_once(' ').unwrap_or((self.edit, ""));
        let after = if self.bytes.starts_with(b"HTTP/") { "Upgrade" } else { "Host" };
        match (kind, rest.split_once(' ')) {
            ("raw", _) if rest.is_empty() => "nothing".into(),
            ("raw", _) => format!("these bytes alone: {rest}"),
            ("start", _) => format!("{good} with this first line: {rest}"),
            ("line", None) => format!("{good} without {rest}"),
            ("line", Some((name, by))) => format!("{good} with this line for {name}: {by}"),
            _ if rest.is_empty() => good.into(),
            _ => format!("{good}, and after {after}: {rest}"),
        }
    }

    /// Returns a description of what is expected. Names of faults become words.
    pub(crate) fn expected(&self) -> String {
        let (status, fault) = self.verdict.split_once(' ').unwrap_or(("", self.verdict));
        match (self.verdict, status) {
            ("open", _) => "an open connection".into(),
            ("more", _) => "no connection, as the head has no end".into(),
            (_, "") if fault.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("a failed handshake (status {fault})")
            }
            (_, "") => format!("a failed handshake ({})", words(fault)),
            _ => format!("a refusal with status {status} ({})", words(fault)),
        }
    }

    /// Returns whether a response claims to open the connection.
    pub(crate) fn answers_101(&self) -> bool {
        self.verdict != "more" && !self.verdict.starts_with(|char: char| char.is_ascii_digit())
    }
}

/// Writes the name of a fault in words: `HostMissing` is "host missing".
fn words(fault: &str) -> String {
    if fault == "Http10" {
        return "HTTP/1.0".into();
    }
    let mut text = String::new();
    for char in fault.chars() {
        match char {
            '(' => text.push(':'),
            ')' => {}
            _ if char.is_ascii_uppercase() && !text.is_empty() => {
                text.push(' ');
                text.push(char.to_ascii_lowercase());
            }
            _ => text.push(char.to_ascii_lowercase()),
        }
    }
    text
}

impl Connect {
    /// Returns the list after the edits. Pseudo-header fields of the good list come first.
    pub fn list(&self) -> Fields {
        let good: &[(&str, &str)] = match self.setting.0 {
            "policy" => &CONNECT_REQUEST,
            _ => &CONNECT_RESPONSE,
        };
        let bytes = |text: &str| text.as_bytes().to_vec();
        let good = good.iter().map(|(name, value)| (bytes(name), bytes(value)));
        self.edit(good.collect(), |_, value| value)
    }

    /// Applies the edits to another list, which must have the same fields. `change` may change the
    /// values that the edits set.
    pub(crate) fn edit(
        &self,
        mut list: Fields,
        change: impl Fn(&str, Vec<u8>) -> Vec<u8>,
    ) -> Fields {
        // A semicolon of a value has no space after it.
        for edit in self.edits.split("; ").filter(|edit| !edit.is_empty()) {
            let (name, value) = edit.split_once(" =").unwrap_or((edit, ""));
            let value = unescape(value.strip_prefix(' ').unwrap_or(value));
            if let Some(name) = name.strip_prefix("- ") {
                let before = list.len();
                list.retain(|(other, _)| other != name.as_bytes());
                assert!(list.len() < before, "{}: {name}", self.id);
            } else if let Some(name) = name.strip_prefix("+ ") {
                list.push((unescape(name), change(name, value)));
            } else {
                let field = list.iter_mut().find(|(other, _)| other == name.as_bytes());
                field.unwrap_or_else(|| panic!("{}: {name}", self.id)).1 = change(name, value);
            }
        }
        list
    }

    /// Returns the edits, as a description of what is sent.
    pub(crate) fn sent(&self) -> String {
        match self.edits {
            "" => "a good request".into(),
            edits => format!("a good request with these changes: {edits}"),
        }
    }

    /// Returns a description of what is expected.
    pub(crate) fn expected(&self) -> String {
        match self.verdict.split_once(' ') {
            Some((status, fault)) => {
                format!("a refusal with status {status} ({})", words(fault))
            }
            None => "an open stream".into(),
        }
    }
}

/// A line of a file: a case's columns below its heading and its setting.
struct Line {
    about: &'static str,
    setting: (&'static str, &'static str),
    id: &'static str,
    edit: &'static str,
    verdict: &'static str,
    section: &'static str,
    level: Level,
    doors: Doors,
}

fn lines(file: &'static str) -> Vec<Line> {
    let (mut lines, mut about, mut setting) = (Vec::new(), "", ("", ""));
    for line in file.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix('#') {
            about = comment.trim().strip_prefix("-- ").unwrap_or(about);
            continue;
        }
        let columns: Vec<_> = line.split(" | ").map(str::trim).collect();
        let [id, edit, verdict, section, ref mark @ ..] = columns[..] else {
            setting = line.split_once(": ").unwrap_or_else(|| panic!("not a case: {line}"));
            continue;
        };
        let doors = match mark {
            [] => Doors::All,
            [mark] if mark.starts_with("bytes: ") => Doors::Bytes,
            [mark] if mark.starts_with("not http: ") => Doors::BytesAndLists,
            _ => panic!("{id}: {mark:?}?"),
        };
        let (section, level) = match section.split_once(", ") {
            None => (section, Level::Must),
            Some((section, "SHOULD")) => (section, Level::Should),
            Some((section, "MAY")) => (section, Level::May),
            Some((_, other)) => panic!("{id}: {other}?"),
        };
        assert!(section.starts_with("RFC "), "{id}: no section");
        lines.push(Line { about, setting, id, edit, verdict, section, level, doors });
    }
    let ids: BTreeSet<_> = lines.iter().map(|line| line.id).collect();
    assert_eq!(ids.len(), lines.len(), "an id twice");
    lines
}

fn heads(file: &'static str, good: &str, plus_after: &str) -> Vec<Head> {
    let head = |line: Line| {
        let Line { about, setting: (_, setting), id, edit, verdict, section, level, doors } = line;
        let bytes = edited(id, edit, good, plus_after);
        Head { id, about, setting, edit, bytes, verdict, doors, section, level }
    };
    lines(file).into_iter().map(head).collect()
}

fn connects(key: &str) -> Vec<Connect> {
    let connect = |line: Line| {
        let Line { about, setting, id, edit: edits, verdict, section, level, doors } = line;
        assert!(doors != Doors::Bytes, "{id}: they have no bytes");
        Connect { id, about, setting, edits, verdict, doors, section, level }
    };
    let lines = lines(include_str!("connect.txt")).into_iter();
    lines.filter(|line| line.setting.0 == key).map(connect).collect()
}

/// Makes the bytes of a case; `plus` adds after the line that begins with `plus_after`.
fn edited(id: &str, edit: &str, good: &str, plus_after: &str) -> Vec<u8> {
    let (edit, by) = edit.split_once(' ').unwrap_or((edit, ""));
    let replaced = |begins: &str, by: &[u8]| -> Vec<u8> {
        assert!(
            good.contains(&format!("\r\n{begins}")) || good.starts_with(begins),
            "{id}: {begins}"
        );
        let lines = good.split_inclusive("\r\n").map(str::as_bytes);
        lines
            .flat_map(|old| if old.starts_with(begins.as_bytes()) { by } else { old })
            .copied()
            .collect()
    };
    match edit {
        "raw" => unescape(by),
        "start" => replaced(good.split(' ').next().unwrap_or_default(), &unescape(by)),
        "line" => {
            let (name, by) = by.split_once(' ').unwrap_or((by, ""));
            replaced(&format!("{name}:"), &unescape(by))
        }
        "plus" | "plus\\x20" => {
            let mut lines = good.split_inclusive("\r\n");
            let old = lines.find(|old| old.starts_with(plus_after)).unwrap_or_default();
            replaced(plus_after, &[old.as_bytes(), &unescape(by)].concat())
        }
        _ => panic!("{id}: {edit}?"),
    }
}

/// Reads the escapes that the files explain. It panics on others: the files are ours.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match first {
            '\\' => {
                let (escape, after) = rest.split_at(1);
                rest = after;
                bytes.push(match escape {
                    "r" => b'\r',
                    "n" => b'\n',
                    "t" => b'\t',
                    "0" => 0,
                    "\\" => b'\\',
                    "x" => {
                        let (hex, after) = rest.split_at(2);
                        rest = after;
                        u8::from_str_radix(hex, 16).expect("two hexadecimal digits")
                    }
                    _ => panic!("\\{escape}?"),
                });
            }
            '{' => {
                let (repeated, after) = rest.split_once('}').expect("a closing brace");
                rest = after;
                let (count, repeated) = repeated.split_once(':').expect("a count");
                bytes.extend(unescape(repeated).repeat(count.parse().expect("a number")));
            }
            _ => bytes.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_have_as_many_cases_as_the_documents_say() {
        let count = [requests().len(), responses().len()];
        assert_eq!(count, [200, 106]);
        assert_eq!(connect_requests().len() + connect_responses().len(), 148);
    }

    #[test]
    fn each_rule_is_that_of_a_case() {
        let ids = |role: &str, heads: Vec<Head>| -> Vec<String> {
            heads.iter().map(|head| format!("{role}/{}", head.id)).collect()
        };
        let all = [ids("server", requests()), ids("client", responses())].concat();
        for (start, text) in rules() {
            let is_used = all.iter().any(|id| rule(id) == Some(text) && id.starts_with(start));
            assert!(is_used, "{start}");
        }
    }

    #[test]
    fn an_edit_of_the_example_is_what_the_case_has() {
        for (heads, good) in [(requests(), REQUEST), (responses(), RESPONSE)] {
            for head in heads {
                assert!(head.edit(good).is_none_or(|bytes| bytes == head.bytes), "{}", head.id);
            }
        }
    }
}
