//! The cases of `server.txt` and `client.txt`, to be run against anything that shakes hands.

use std::collections::BTreeSet;

use hybi::Uri;
use hybi::handshake::{Acceptance, ClientRequest, Refusal};

/// RFC 6455 §1.2.
pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// RFC 6455 §1.3, §1.2.
pub(crate) const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

pub(crate) struct Row {
    pub(crate) id: &'static str,
    /// The last `key: value` line.
    pub(crate) setting: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) verdict: &'static str,
    #[allow(dead_code, reason = "hybi-tokio takes all as bytes")]
    pub(crate) doors: Doors,
}

/// How a case can come in, as its last column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doors {
    Bytes,
    BytesAndLists,
    All,
}

/// Reads the last column.
pub(crate) fn doors(id: &str, mark: &[&str]) -> Doors {
    match mark {
        [] => Doors::All,
        [mark] if mark.starts_with("bytes: ") => Doors::Bytes,
        [mark] if mark.starts_with("not http: ") => Doors::BytesAndLists,
        _ => panic!("{id}: {mark:?}?"),
    }
}

/// Returns the requests of `server.txt`.
pub(crate) fn requests() -> Vec<Row> {
    let rows = rows(include_str!("server.txt"), REQUEST, "Host");
    assert_eq!(rows.len(), 200);
    rows
}

/// Returns the responses of `client.txt`.
pub(crate) fn responses() -> Vec<Row> {
    let rows = rows(include_str!("client.txt"), RESPONSE, "Upgrade");
    assert_eq!(rows.len(), 106);
    rows
}

/// Reads a file of cases; `plus` adds behind the line that begins with `plus_behind`.
fn rows(file: &'static str, good: &str, plus_behind: &str) -> Vec<Row> {
    let (mut rows, mut setting) = (Vec::new(), "");
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let columns: Vec<_> = line.split(" | ").map(str::trim).collect();
        let [id, edit, verdict, section, ref mark @ ..] = columns[..] else {
            setting = line.split_once(": ").unwrap_or_else(|| panic!("not a case: {line}")).1;
            continue;
        };
        let doors = doors(id, mark);
        assert!(section.starts_with("RFC "), "{id}: no section");
        let (edit, by) = edit.split_once(' ').unwrap_or((edit, ""));
        let replaced = |begins: &str, by: &[u8]| {
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
        let first_word = good.split(' ').next().unwrap();
        let bytes = match edit {
            "raw" => unescape(by),
            "start" => replaced(first_word, &unescape(by)),
            "line" => {
                let (name, by) = by.split_once(' ').unwrap_or((by, ""));
                replaced(&format!("{name}:"), &unescape(by))
            }
            "plus" | "plus\\x20" => {
                let old =
                    good.split_inclusive("\r\n").find(|old| old.starts_with(plus_behind)).unwrap();
                replaced(plus_behind, &[old.as_bytes(), &unescape(by)].concat())
            }
            _ => panic!("{id}: {edit}?"),
        };
        rows.push(Row { id, setting, bytes, verdict, doors });
    }
    let ids: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), rows.len(), "an id twice");
    rows
}

/// The escapes that the files explain.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match first {
            '\\' => {
                let (escape, behind) = rest.split_at(1);
                rest = behind;
                bytes.push(match escape {
                    "r" => b'\r',
                    "n" => b'\n',
                    "t" => b'\t',
                    "0" => 0,
                    "\\" => b'\\',
                    "x" => {
                        let (hex, behind) = rest.split_at(2);
                        rest = behind;
                        u8::from_str_radix(hex, 16).unwrap()
                    }
                    _ => panic!("\\{escape}?"),
                });
            }
            '{' => {
                let (repeated, behind) = rest.split_once('}').unwrap();
                rest = behind;
                let (count, repeated) = repeated.split_once(':').unwrap();
                bytes.extend(unescape(repeated).repeat(count.parse().unwrap()));
            }
            _ => bytes.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The terms of a server: `any` origin, the `same`, or a list.
pub(crate) fn terms(setting: &str) -> Acceptance<'static> {
    match setting {
        "any" => Acceptance::from_any_origin(),
        "same" => Acceptance::from_same_origin(),
        list => Acceptance::from_origins(list.split(' ')).unwrap(),
    }
}

/// Checks what a server has written: nothing, a 101, or a refusal.
pub(crate) fn check_written(row: &Row, out: &[u8]) {
    match row.verdict.split_once(' ') {
        None if row.verdict == "more" => assert!(out.is_empty(), "{}", row.id),
        None => {
            let text = std::str::from_utf8(out).unwrap();
            assert!(text.starts_with("HTTP/1.1 101 "), "{}: {text}", row.id);
            let accept = match row.id {
                // Of this key as it was sent; by another implementation of SHA-1 and base64.
                "key/bits-behind-the-end" => "OfS0wDaT5NoxF2gqm7Zj2YtetzM=",
                _ => "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            };
            let line = format!("\r\nSec-WebSocket-Accept: {accept}\r\n");
            assert!(text.contains(&line), "{}", row.id);
        }
        Some((status, _)) => check_refusal(row.id, out, status),
    }
}

/// A ready-made refusal is a whole response that closes the connection.
fn check_refusal(id: &str, out: &[u8], status: &str) {
    let text = std::str::from_utf8(out).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{id}: {text}");
    assert!(head.contains("\r\nConnection: close"), "{id}: {text}");
    assert!(head.contains("\r\nContent-Type: text/plain"), "{id}: {text}");
    if !id.ends_with("/head") {
        assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{id}: {text}");
        assert!(body.starts_with("the client sent ") && body.contains("(RFC "), "{id}: {text}");
    }
    assert_eq!(head.contains("\r\nSec-WebSocket-Version: 13"), status == "426", "{id}: {text}");
    assert_eq!(head.contains("\r\nUpgrade: websocket"), status == "426", "{id}: {text}");
    assert_eq!(head.contains("\r\nConnection: close, Upgrade"), status == "426", "{id}: {text}");
    assert_eq!(head.contains("\r\nallow: GET"), status == "405", "{id}: {text}");
}

#[cfg(feature = "deflate")]
fn deflating() -> hybi::Config {
    hybi::Config::default().deflate(hybi::extension::deflate::DeflateConfig::default())
}

pub(crate) const URI: &str = "ws://server.example.com/chat";

/// The request of a client that offers `nothing`, `deflate`, or a subprotocol.
pub(crate) fn asked<'a>(setting: &'a str, uri: &'a Uri) -> ClientRequest<'a> {
    match setting {
        "nothing" => ClientRequest::new(uri),
        #[cfg(feature = "deflate")]
        "deflate" => ClientRequest::new(uri).config(deflating()),
        subprotocol => ClientRequest::new(uri).subprotocol(subprotocol),
    }
}

/// The status, and what was wrong with the head after it.
pub(crate) fn refused_by(refusal: &Refusal) -> String {
    let error = refusal.error().map(|error| format!(" {error:?}"));
    format!("{}{}", refusal.response().status(), error.unwrap_or_default())
}
