//! Generates opening handshakes: the good request and response of
//! `crates/hybi-conform/src/handshake/` with one or two of the edits that the files beside it have,
//! and with edits that change nothing: other cases of names, another order, more headers, more
//! white space.

use hybi::handshake::Key;

use crate::case::{Case, Phase, Role};
use crate::frames::cuts;
use crate::random::Random;

pub const HOST: &str = "server.example.com";
pub const PATH: &str = "/chat";
pub const URI: &str = "ws://server.example.com/chat";
pub const SUBPROTOCOL: &str = "chat";

/// What is longer is there to reach a limit.
const SHORT_BYTES_MAX: usize = 300;

/// Stands for the answer to a client's key.
pub const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// RFC 6455 §1.2.
const REQUEST: [&str; 9] = [
    "GET /chat HTTP/1.1\r\n",
    "Host: server.example.com\r\n",
    "Upgrade: websocket\r\n",
    "Connection: Upgrade\r\n",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "Origin: http://example.com\r\n",
    "Sec-WebSocket-Protocol: chat, superchat\r\n",
    "Sec-WebSocket-Version: 13\r\n",
    "\r\n",
];
/// RFC 6455 §1.3, §1.2.
const RESPONSE: [&str; 6] = [
    "HTTP/1.1 101 Switching Protocols\r\n",
    "Upgrade: websocket\r\n",
    "Connection: Upgrade\r\n",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    "Sec-WebSocket-Protocol: chat\r\n",
    "\r\n",
];

/// What is tested for hybi alone.
const LEFT_OUT: [&str; 1] = ["accept/space-inside"];

/// A line of one of the files.
pub struct Edit {
    pub id: &'static str,
    how: How,
    bytes: Vec<u8>,
    pub verdict: Verdict,
    /// The status of the refusal, and its name.
    pub refusal: Option<(u16, &'static str)>,
    pub section: &'static str,
}

#[derive(PartialEq, Eq)]
enum How {
    Raw,
    Start,
    Line(&'static str),
    Plus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepts,
    Refuses,
    /// It is not finished.
    Waits,
}

/// The edits of both files, and what has been made of them.
pub struct Heads {
    server: Vec<Edit>,
    client: Vec<Edit>,
}

/// A case, and which edits it has.
pub struct Head {
    pub case: Case,
    pub edits: Vec<usize>,
}

impl Heads {
    pub fn new() -> Self {
        Self {
            server: edits(
                include_str!("../../../crates/hybi-conform/src/handshake/server.txt"),
                "any",
            ),
            client: edits(
                include_str!("../../../crates/hybi-conform/src/handshake/client.txt"),
                SUBPROTOCOL,
            ),
        }
    }

    pub fn edits(&self, role: Role) -> &[Edit] {
        match role {
            Role::Server => &self.server,
            Role::Client => &self.client,
        }
    }

    pub fn generate(&self, random: &mut Random) -> Head {
        let role = random.pick(&[Role::Server, Role::Client]);
        let all = self.edits(role);
        let mut edits = vec![random.below(all.len())];
        let other = random.below(all.len());
        if random.once_in(3) && all[edits[0]].goes_with(&all[other]) {
            edits.push(other);
        } else if random.once_in(8) {
            edits.clear();
        }
        let wire = self.wire(role, &edits, Some(random));
        // Limits are reached at different bytes.
        let is_long = edits.iter().any(|&edit| all[edit].bytes.len() > SHORT_BYTES_MAX);
        let cuts = if is_long { Vec::new() } else { cuts(random, wire.len(), &[0]) };
        Head { case: Case { phase: Phase::Head, role, wire, cuts }, edits }
    }

    /// The head with these edits, and, if there is a `random`, with what changes nothing.
    pub fn wire(&self, role: Role, edits: &[usize], random: Option<&mut Random>) -> Vec<u8> {
        let (good, plus_behind) = match role {
            Role::Server => (&REQUEST[..], "Host:"),
            Role::Client => (&RESPONSE[..], "Upgrade:"),
        };
        let edits: Vec<&Edit> = edits.iter().map(|&edit| &self.edits(role)[edit]).collect();
        if let Some(raw) = edits.iter().find(|edit| edit.how == How::Raw) {
            return raw.bytes.clone();
        }
        let mut lines: Vec<Vec<u8>> = good.iter().map(|line| line.as_bytes().to_vec()).collect();
        for edit in &edits {
            match edit.how {
                How::Start => lines[0].clone_from(&edit.bytes),
                How::Line(name) => {
                    let at = good
                        .iter()
                        .position(|line| line.starts_with(name))
                        .expect("the line is there");
                    lines[at].clone_from(&edit.bytes);
                }
                How::Raw | How::Plus => {}
            }
        }
        let at =
            good.iter().position(|line| line.starts_with(plus_behind)).expect("the line is there");
        for plus in edits.iter().filter(|edit| edit.how == How::Plus) {
            lines[at].extend(&plus.bytes);
        }
        if let Some(random) = random
            && edits.iter().all(|edit| edit.may_move())
        {
            vary(random, &mut lines, good);
        }
        lines.concat()
    }
}

impl Edit {
    /// Whether the two may be made together: they change different lines, and none fills the head to a limit.
    fn goes_with(&self, other: &Self) -> bool {
        let is_free = |edit: &Self| {
            let is_101 = !edit.id.starts_with("status/") && !edit.id.starts_with("interim/");
            is_101 && edit.how != How::Raw && edit.bytes.len() <= SHORT_BYTES_MAX
        };
        let about = |edit: &Self| edit.id.split('/').next();
        is_free(self)
            && is_free(other)
            && about(self) != about(other)
            && (self.how != other.how || self.how == How::Plus)
    }

    /// Whether it is the same anywhere.
    fn may_move(&self) -> bool {
        self.bytes.len() <= SHORT_BYTES_MAX
            && !matches!(self.how, How::Raw | How::Start)
            && !self.id.starts_with("header/")
    }
}

/// What changes nothing.
fn vary(random: &mut Random, lines: &mut Vec<Vec<u8>>, good: &[&str]) {
    let last = lines.len() - 1;
    for (line, &good) in lines[1..last].iter_mut().zip(&good[1..]) {
        if line != good.as_bytes() {
            continue;
        }
        let (name, value) = good.trim_end().split_once(": ").expect("a header");
        let name = match random.below(4) {
            0 => name.to_ascii_lowercase(),
            1 => name.to_ascii_uppercase(),
            _ => name.to_owned(),
        };
        let (before, behind) =
            (random.pick(&[" ", " ", "", "\t", "  \t"]), random.pick(&["", "", "", " ", "\t "]));
        *line = format!("{name}:{before}{value}{behind}\r\n").into_bytes();
    }
    for _ in 0..random.pick(&[0, 0, 1, 3]) {
        let name: String =
            (0..1 + random.below(12)).map(|_| char::from(random.pick(b"abcXYZ019-_"))).collect();
        let len = random.pick(&[0, 1, 10, 60]);
        let value: String = (0..len).map(|_| char::from(b'!' + random.below(94) as u8)).collect();
        lines.insert(last, format!("X-{name}: {value}\r\n").into_bytes());
    }
    let last = lines.len() - 1;
    if random.once_in(2) {
        for at in (2..last).rev() {
            let other = 1 + random.below(at);
            lines.swap(at, other);
        }
    }
}

/// What a role receives.
pub fn kind(role: Role) -> &'static str {
    match role {
        Role::Server => "request",
        Role::Client => "response",
    }
}

pub fn has_good_request_line(wire: &[u8]) -> bool {
    wire.starts_with(REQUEST[0].as_bytes())
}

/// What the server would have answered to the client's request.
pub fn with_accept(wire: &[u8], request: &[u8]) -> Vec<u8> {
    let request = String::from_utf8_lossy(request);
    let key = request
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("Sec-WebSocket-Key").then_some(value));
    let key = Key::parse(key.unwrap_or_default().as_bytes()).expect("the client sends a key");
    let accept = key.accept();
    let mut wire = wire.to_vec();
    while let Some(at) = wire.windows(ACCEPT.len()).position(|window| window == ACCEPT) {
        wire[at..at + ACCEPT.len()].copy_from_slice(accept.as_bytes());
    }
    wire
}

/// The edits of a file for which this was the setting.
fn edits(file: &'static str, wanted: &str) -> Vec<Edit> {
    let (mut edits, mut setting) = (Vec::new(), "");
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let columns: Vec<_> = line.split(" | ").map(str::trim).collect();
        let [id, edit, verdict, section, ..] = columns[..] else {
            setting = line.split_once(": ").expect("a setting").1;
            continue;
        };
        if setting != wanted || LEFT_OUT.contains(&id) {
            continue;
        }
        let (how, by) = edit.split_once(' ').unwrap_or((edit, ""));
        let (how, by) = match how {
            "raw" => (How::Raw, by),
            "start" => (How::Start, by),
            "line" => {
                let (name, by) = by.split_once(' ').unwrap_or((by, ""));
                (How::Line(name), by)
            }
            "plus" => (How::Plus, by),
            _ => panic!("{id}: {how}?"),
        };
        let refusal = verdict
            .split_once(' ')
            .and_then(|(status, name)| Some((status.parse().ok()?, name.trim())));
        let verdict = match verdict {
            "open" => Verdict::Accepts,
            "more" => Verdict::Waits,
            _ => Verdict::Refuses,
        };
        // Behind it, the level.
        let section = section.split(", ").next().unwrap_or(section);
        edits.push(Edit { id, how, bytes: unescape(by), verdict, refusal, section });
    }
    edits
}

/// The escapes that the files explain.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'\\' => {
                let (&escape, behind) = rest.split_first().expect("an escape");
                rest = behind;
                bytes.push(match escape {
                    b'r' => b'\r',
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'0' => 0,
                    b'x' => {
                        let (hex, behind) = rest.split_at(2);
                        rest = behind;
                        let hex = std::str::from_utf8(hex).expect("ASCII");
                        u8::from_str_radix(hex, 16).expect("hexadecimal")
                    }
                    other => other,
                });
            }
            b'{' => {
                let end = rest.iter().position(|&byte| byte == b'}').expect("a closing brace");
                let repeated = std::str::from_utf8(&rest[..end]).expect("UTF-8");
                rest = &rest[end + 1..];
                let (count, repeated) = repeated.split_once(':').expect("a count");
                bytes.extend(unescape(repeated).repeat(count.parse().expect("a number")));
            }
            _ => bytes.push(first),
        }
    }
    bytes
}
