//! What a client takes of responses that break the grammar as old servers, proxies and gateways do
//! (RFC 9112 §2.2, §5.1, §5.2), and what of a response that cannot be read.

use super::*;
use hybi::handshake::Refusal;

/// What came of a response: its status, its fields, whether it opened something, what was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    status: u16,
    fields: Vec<(String, String)>,
    is_open: bool,
    error: Option<ResponseError>,
    /// The bytes after the head.
    rest: String,
}

fn read_of(response: &Response<'_>, is_open: bool, rest: &[u8]) -> Read {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields = response.fields().map(|(name, value)| (name.to_owned(), text(value))).collect();
    Read { status: response.status(), fields, is_open, error: None, rest: text(rest) }
}

fn read_of_refusal(refusal: &Refusal) -> Read {
    let error = refusal.error();
    assert!(error.is_none() || !refusal.is_complete() && refusal.body().is_empty());
    Read { error, ..read_of(refusal.response(), false, refusal.body()) }
}

/// What a client and what one of a proxy makes of these pieces.
fn read(pieces: &[&[u8]]) -> [Result<Read, ResponseError>; 2] {
    let uri = Uri::parse("ws://a/").unwrap();
    let mut client =
        client_of(&ClientRequest::new(&uri).subprotocol("chat"), &mut Outbox::new()).unwrap();
    let mut proxy = ProxyHandshake::new(&ProxyRequest::new("a", 80), &mut Outbox::new()).unwrap();
    let (mut of_client, mut of_proxy) = (None, None);
    for piece in pieces {
        let mut bytes = piece.to_vec();
        let mut input = Input::new(&mut bytes);
        match client.receive(&mut input) {
            Ok(Some(Answer::Open(_, response))) => {
                of_client = Some(Ok(read_of(&response, true, b"")));
            }
            Ok(Some(Answer::Refused(refusal))) => of_client = Some(Ok(read_of_refusal(&refusal))),
            Ok(None) => {}
            Err(error) => of_client = Some(Err(error)),
        }
        if let Some(Ok(read)) = &mut of_client
            && read.error.is_none()
        {
            read.rest.push_str(std::str::from_utf8(input.remaining()).unwrap());
        }
        let mut bytes = piece.to_vec();
        let mut input = Input::new(&mut bytes);
        match proxy.receive(&mut input) {
            Ok(Some(ProxyAnswer::Open(response))) => {
                of_proxy = Some(Ok(read_of(&response, true, b"")));
            }
            Ok(Some(ProxyAnswer::Refused(refusal))) => {
                of_proxy = Some(Ok(read_of_refusal(&refusal)));
            }
            Ok(None) => {}
            Err(error) => of_proxy = Some(Err(error)),
        }
        if let Some(Ok(read)) = &mut of_proxy
            && read.error.is_none()
        {
            read.rest.push_str(std::str::from_utf8(input.remaining()).unwrap());
        }
    }
    let at_end = |refusal: Option<Refusal>| refusal.map(|refusal| Ok(read_of_refusal(&refusal)));
    [
        of_client.or_else(|| at_end(client.end_of_input())).expect("an answer"),
        of_proxy.or_else(|| at_end(proxy.end_of_input())).expect("an answer"),
    ]
}

/// Reads a response whole, byte by byte and split in two anywhere: the result is the same.
#[track_caller]
fn read_every_way(response: &str) -> [Result<Read, ResponseError>; 2] {
    let bytes = response.as_bytes();
    let whole = read(&[bytes]);
    assert_eq!(read(&bytes.chunks(1).collect::<Vec<_>>()), whole, "byte by byte: {response:?}");
    for at in 1..bytes.len() {
        assert_eq!(read(&[&bytes[..at], &bytes[at..]]), whole, "at {at}: {response:?}");
    }
    whole
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

type Fields = &'static [(&'static str, &'static str)];

/// Lines that are tolerated, and the fields that they are.
const TOLERATED: [(&str, Fields); 14] = [
    // RFC 9112 §5.2: an obsolete fold is replaced by a space.
    ("Set-Cookie: a=b;\r\n path=/\r\n", &[("Set-Cookie", "a=b; path=/")]),
    ("a: b \t\r\n\t\t c\r\n", &[("a", "b c")]),
    ("a: b\r\n c\r\n d\r\ne: f\r\n", &[("a", "b c d"), ("e", "f")]),
    ("a:\r\n b\r\n", &[("a", "b")]),
    ("a: b\r\n \r\n", &[("a", "b")]),
    ("a: b\r\n \r\n c\r\n", &[("a", "b c")]),
    ("a: b\r\n c: d\r\n", &[("a", "b c: d")]),
    // RFC 9112 §5.1: white space before the colon is removed.
    ("Proxy-agent : Apache\r\n", &[("Proxy-agent", "Apache")]),
    ("a \t :b\r\n", &[("a", "b")]),
    // RFC 9112 §2.2: a single LF ends a line.
    ("a: b\n", &[("a", "b")]),
    ("a: b\nc:\n", &[("a", "b"), ("c", "")]),
    // All three.
    ("a : b\n c\n", &[("a", "b c")]),
    ("a\t:\n\tb\n", &[("a", "b")]),
    ("a: b\n \nc: d\r\n", &[("a", "b"), ("c", "d")]),
];

#[test]
fn a_101_may_have_what_old_servers_send() {
    for (lines, fields) in TOLERATED {
        for end in ["\r\n", "\n"] {
            let [client, proxy] = read_every_way(&format!("{ACCEPTED}{lines}{end}\u{1}rest"));
            let client = client.unwrap();
            assert!(client.is_open, "{lines:?}");
            assert_eq!(client.fields[3..], owned(fields), "{lines:?}");
            assert_eq!(client.rest, "\u{1}rest");
            assert_eq!(proxy.map(|read| (read.status, read.is_open)), Ok((101, false)));
        }
    }
    // Every line ends with a single LF; and the fields that matter are folded.
    let [client, _] = read_every_way(&format!("{ACCEPTED}\r\n").replace('\r', ""));
    assert!(client.unwrap().is_open);
    let folded = format!("{ACCEPTED}\r\n").replace(": ", " :\r\n ");
    assert!(read_every_way(&folded)[0].as_ref().unwrap().is_open);
    // A fold inside a value is a space, which this value cannot have.
    let broken = format!("{ACCEPTED}\r\n").replace("s3pPLM", "s3p\r\n PLM");
    assert_eq!(read_every_way(&broken)[0], Err(ResponseError::Accept));
}

#[test]
fn an_interim_response_may_have_what_old_servers_send() {
    for (lines, _) in TOLERATED {
        let response = format!("HTTP/1.1 103 Early\r\n{lines}\r\n{ACCEPTED}\r\n");
        assert!(read_every_way(&response)[0].as_ref().unwrap().is_open, "{lines:?}");
        let response = format!("HTTP/1.1 103 Early\n{lines}\nHTTP/1.1 200 x\r\n\r\n");
        assert!(read_every_way(&response)[1].as_ref().unwrap().is_open, "{lines:?}");
    }
}

#[test]
fn a_refusal_may_have_what_old_servers_send() {
    for (lines, fields) in TOLERATED {
        for (line_end, end) in [("\r\n", "\r\n"), ("\n", "\n"), ("\r\n", "\n")] {
            let response = format!("HTTP/1.1 401 No{line_end}{lines}{end}body");
            for read in read_every_way(&response) {
                let read = read.unwrap();
                assert_eq!((read.status, read.is_open, read.error), (401, false, None));
                assert_eq!((read.fields, &*read.rest), (owned(fields), "body"), "{response:?}");
            }
        }
    }
    // The body's length, too, is what the fields say without these.
    let response = "HTTP/1.1 401 No\nContent-Length\t:\n 4\n\nbodyrest";
    for read in read_every_way(response) {
        assert_eq!(read.unwrap().rest, "bodyrest");
    }
}

#[test]
fn a_tunnel_may_have_what_old_proxies_send() {
    for (lines, fields) in TOLERATED {
        for (line_end, end) in [("\r\n", "\r\n"), ("\n", "\n")] {
            let response = format!("HTTP/1.0 200 Connection established{line_end}{lines}{end}rest");
            let [client, proxy] = read_every_way(&response);
            let proxy = proxy.unwrap();
            assert_eq!((proxy.status, proxy.is_open), (200, true));
            assert_eq!((proxy.fields, &*proxy.rest), (owned(fields), "rest"), "{response:?}");
            assert_eq!(client.map(|read| (read.status, read.is_open)), Ok((200, false)));
        }
    }
}

/// What is wrong after the status line: lines, the fields before the fault, and the fault.
const REFUSED: [(&str, Fields, ResponseError); 11] = [
    // RFC 9112 §2.2: white space before the first field.
    (" a: b\r\n\r\n", &[], ResponseError::FoldedField),
    ("\ta: b\r\n\r\n", &[], ResponseError::FoldedField),
    // RFC 9112 §2.2: a bare CR.
    ("a: b\rc: d\r\n\r\n", &[], ResponseError::LineEnding),
    ("c: d\r\na: b\r\r\n\r\n", &[("c", "d")], ResponseError::LineEnding),
    ("c: d\r\n\ra: b\r\n\r\n", &[("c", "d")], ResponseError::LineEnding),
    ("c: d\ne\r\n\r\n", &[("c", "d")], ResponseError::FieldName),
    ("c: d\ne\n\n", &[("c", "d")], ResponseError::FieldName),
    (": b\r\n\r\n", &[], ResponseError::FieldName),
    ("c : d\r\na b: c\r\n\r\n", &[("c", "d")], ResponseError::FieldName),
    ("c: d\r\n e\r\na: \0\r\n\r\n", &[("c", "d e")], ResponseError::FieldValue),
    // A field is complete if the line after it does not continue it.
    ("e: f\r\nc: d\r\n \0\r\n\r\n", &[("e", "f")], ResponseError::FieldValue),
];

#[test]
fn whatever_is_wrong_after_the_status_line_the_status_reaches_the_caller() {
    for (lines, fields, error) in REFUSED {
        for read in read_every_way(&format!("HTTP/1.1 401 No\r\n{lines}body")) {
            let read = read.unwrap();
            assert_eq!((read.status, read.is_open, read.error), (401, false, Some(error)));
            assert_eq!(read.fields, owned(fields), "{lines:?}");
        }
        // What was to open something does not, and what came before an answer is none.
        if error != ResponseError::FoldedField {
            assert_eq!(read_every_way(&format!("{ACCEPTED}{lines}"))[0], Err(error));
        }
        assert_eq!(read_every_way(&format!("HTTP/1.1 103 x\r\n{lines}"))[0], Err(error));
        assert_eq!(read_every_way(&format!("HTTP/1.1 103 x\r\n{lines}"))[1], Err(error));
        assert_eq!(read_every_way(&format!("HTTP/1.1 200 x\r\n{lines}"))[1], Err(error));
    }
    // Limits, too.
    let too_long = format!("HTTP/1.1 503 x\r\nRetry-After: 9\r\na: {}", "x".repeat(16 << 10));
    let too_many = format!("HTTP/1.1 503 x\r\nRetry-After: 9\r\n{}", "a: b\r\n".repeat(200));
    for (response, error) in
        [(too_long, ResponseError::HeadTooLong), (too_many, ResponseError::TooManyFields)]
    {
        for pieces in [vec![response.as_bytes()], response.as_bytes().chunks(1).collect()] {
            for read in read(&pieces) {
                let read = read.unwrap();
                assert_eq!((read.status, read.error), (503, Some(error)));
                assert_eq!(read.fields[0], ("Retry-After".to_owned(), "9".to_owned()));
            }
        }
    }
    // A head that breaks off.
    for head in ["HTTP/1.1 401 No\r\n", "HTTP/1.1 401 No\n", "HTTP/1.1 401 No\r\nc: d"] {
        for read in read_every_way(head) {
            assert_eq!(read.map(|read| (read.status, read.error)), Ok((401, None)), "{head:?}");
        }
    }
    for read in read_every_way("HTTP/1.1 401 No\r\nc: d\r\ne: f\r\n\r") {
        assert_eq!(read.unwrap().fields, owned(&[("c", "d"), ("e", "f")]));
    }
}

/// A status line is good or not: nothing in it is tolerated but a single LF at its end.
#[test]
fn without_a_good_status_line_there_is_no_status() {
    for (line, error) in [
        ("HTTP/1.1  401 No\r\n\r\n", ResponseError::StatusLine),
        ("HTTP/1.1 401\tNo\r\n\r\n", ResponseError::StatusLine),
        ("HTTP/1.1 401 \0\r\n\r\n", ResponseError::StatusLine),
        (" HTTP/1.1 401 No\r\n\r\n", ResponseError::StatusLine),
        ("\r\nHTTP/1.1 401 No\r\n\r\n", ResponseError::StatusLine),
        ("\nHTTP/1.1 401 No\r\n\r\n", ResponseError::StatusLine),
        ("HTTP/1.1 401 No\r\r\n\r\n", ResponseError::LineEnding),
        ("HTTP/1.1 401 No\r \r\n\r\n", ResponseError::LineEnding),
        ("HTTP/2 401\r\n\r\n", ResponseError::HttpVersion),
    ] {
        assert_eq!(read_every_way(line), [Err(error), Err(error)], "{line:?}");
    }
}
