//! Heads of HTTP/1.1, read in the plainest way: enough to decide whether a handshake is good.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The most bytes that are searched for the end of a head.
const HEAD_MAX: usize = 64 << 10;

/// The first line of a head, and its fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) start: String,
    /// Names in lower case, and values without white space around them.
    fields: Vec<(String, String)>,
}

impl Head {
    /// Reads a head. `None`: it is not complete. Otherwise also returns its length.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, String> {
        let Some(len) = head_len(bytes) else {
            let is_too_long = bytes.len() > HEAD_MAX;
            return if is_too_long { Err("sent a head without an end".into()) } else { Ok(None) };
        };
        let text = String::from_utf8_lossy(&bytes[..len]);
        let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let start = lines.next().unwrap_or_default().to_owned();
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            match line.split_once(':') {
                _ if line.starts_with([' ', '\t']) => {
                    if let Some((_, value)) = fields.last_mut() {
                        let _ = write!(value, " {}", line.trim());
                    }
                }
                Some((name, value)) => {
                    fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
                None => return Err(format!("sent a field without a colon: {line:?}")),
            }
        }
        Ok(Some((Self { start, fields }, len)))
    }

    /// Makes one of the fields of a response over HTTP/2, whose names are in lower case.
    pub(crate) fn of_fields(fields: &[(&str, &[u8])]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), text(value)));
        Self { start: String::new(), fields: fields.collect() }
    }

    /// Returns the values of all fields of a name, which is given in lower case.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(other, _)| other == name).map(|(_, value)| &**value)
    }

    /// Returns the value of a field that must occur exactly once.
    pub(crate) fn one<'a>(&'a self, name: &'a str) -> Result<&'a str, String> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(format!("sent no {name}")),
            (Some(_), Some(_)) => Err(format!("sent {name} twice")),
        }
    }

    /// Returns whether a list has an element, ignoring case.
    pub(crate) fn lists(&self, name: &str, element: &str) -> bool {
        let mut elements = self.all(name).flat_map(|value| value.split(','));
        elements.any(|other| other.trim().eq_ignore_ascii_case(element))
    }

    /// Returns the lines of a list, joined. `None`: there are none.
    pub(crate) fn joined(&self, name: &str) -> Option<String> {
        let lines: Vec<_> = self.all(name).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// Returns the status of a response.
    pub(crate) fn status(&self) -> Result<u16, String> {
        let mut words = self.start.split(' ');
        let version = words.next().unwrap_or_default();
        // Three digits (RFC 9112 §4): a sign is none.
        let is_status = |word: &&str| word.len() == 3 && word.bytes().all(|b| b.is_ascii_digit());
        let status = words.next().filter(is_status).and_then(|word| word.parse().ok());
        match status {
            Some(status) if version.starts_with("HTTP/1.") => Ok(status),
            _ => Err(format!("sent {:?} instead of a status line", self.start)),
        }
    }
}

/// Returns where a head ends: after the first empty line.
fn head_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        at += line.len();
        if at > line.len() && matches!(line, b"\r\n" | b"\n") {
            return Some(at);
        }
    }
    None
}

/// Returns the `Sec-WebSocket-Accept` of a key (RFC 6455 §4.2.2).
pub(crate) fn accept(key: &str) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(key.as_bytes());
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(sha1.finalize())
}

/// Returns the key made of these 16 bytes.
pub(crate) fn key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// Returns whether a key is base64 of 16 bytes.
pub(crate) fn is_key(key: &str) -> bool {
    key.len() == 24 && STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(!is_key("dGhlIHNhbXBsZSBub25j"));
    }

    #[test]
    fn heads_end_with_an_empty_line() {
        assert!(Head::read(b"HTTP/1.1 101 x\r\na: b\r\n").unwrap().is_none());
        let (head, len) =
            Head::read(b"HTTP/1.1 101 x\r\nA:b\r\na: c \r\n\r\n\x81").unwrap().unwrap();
        assert_eq!((head.status(), len), (Ok(101), 30));
        assert_eq!(head.all("a").collect::<Vec<_>>(), ["b", "c"]);
        assert!(head.one("a").is_err() && head.one("b").is_err());
        for start in ["HTTP/1.1 +101 x", "HTTP/1.1 0101 x", "HTTP/1.1  101 x", "HTTP/1.1 1O1 x"] {
            let head = Head { start: start.into(), fields: Vec::new() };
            assert!(head.status().is_err(), "{start}");
        }
    }
}
