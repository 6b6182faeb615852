//! How the cases of the opening handshake in `hybi-conform` are run against hybi and its adapters.

use hybi::Uri;
use hybi::handshake::{Acceptance, ClientRequest, Refusal};
use hybi_conform::handshake::Head;

/// The terms of a server: `any` origin, the `same`, or a list.
pub(crate) fn terms(setting: &str) -> Acceptance<'static> {
    match setting {
        "any" => Acceptance::from_any_origin(),
        "same" => Acceptance::from_same_origin(),
        list => Acceptance::from_origins(list.split(' ')).unwrap(),
    }
}

/// Checks what a server has written: nothing, a 101, or a refusal.
pub(crate) fn check_written(row: &Head, out: &[u8]) {
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

/// Lends the names and values of a list.
#[allow(dead_code, reason = "heads of bytes have no lists")]
pub(crate) fn borrowed(list: &[(Vec<u8>, Vec<u8>)]) -> Vec<(&[u8], &[u8])> {
    list.iter().map(|(name, value)| (&**name, &**value)).collect()
}
