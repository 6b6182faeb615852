//! Classes 7, 8 and 9: heads that cost more than their bytes, heads without end, and odd bytes in them.

use hybi::extension::Offers;
use hybi::handshake::{
    Acceptance, Answer, ClientRequest, HeadLimits, ProxyHandshake, ProxyRequest,
    RequestError as Bad, ResponseError, ServerHandshakeError,
};
use hybi::{ClientHandshake, Input, Outbox, ServerHandshake, Uri};

use crate::common::KEY;
use crate::counting::cost;

/// A good request without its first line and its end.
const HEADERS: [&str; 8] = [
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Origin: http://server.example.com",
    "Sec-WebSocket-Protocol: chat",
    "Sec-WebSocket-Extensions: permessage-deflate",
    "Sec-WebSocket-Version: 13",
];

const RESPONSE: [&str; 5] = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    "Sec-WebSocket-Protocol: chat",
    "Server: x",
];

type Keys = fn() -> [u8; 4];

fn client() -> ClientHandshake<Keys> {
    let uri = Uri::parse("ws://a/").unwrap();
    let request = ClientRequest::new(&uri).subprotocol("chat");
    let keys: Keys = || KEY;
    ClientHandshake::with_keys(&request, *b"the sample nonce", keys, &mut Outbox::new()).unwrap()
}

/// The default, which `document.rs` holds against the documentation.
const HEAD_BYTES_MAX: usize = 16 << 10;

fn server() -> ServerHandshake {
    ServerHandshake::new(HeadLimits::default())
}

/// What makes a client's machine fail.
fn judge_response(bytes: &[u8], piece_len: usize) -> (Option<ResponseError>, usize) {
    let (mut client, mut read) = (client(), 0);
    for piece in bytes.to_vec().chunks_mut(piece_len) {
        read += piece.len();
        match client.receive(&mut Input::new(piece)) {
            Ok(None) => {}
            Ok(Some(_)) => return (None, read),
            Err(error) => return (Some(error), read),
        }
    }
    (None, read)
}

/// What makes a server's machine refuse.
fn judge_request(bytes: &[u8], piece_len: usize) -> (Option<Bad>, usize) {
    let (mut server, mut out, mut read) = (server(), Outbox::new(), 0);
    for piece in bytes.to_vec().chunks_mut(piece_len) {
        read += piece.len();
        match server.receive(&mut Input::new(piece), &mut out) {
            Ok(None) => {}
            Ok(Some(request)) => {
                return match server.accept(&request, &Acceptance::from_any_origin(), &mut out) {
                    Ok(_) => (None, read),
                    Err(ServerHandshakeError::Request(error)) => (Some(error), read),
                    Err(error) => panic!("{error}"),
                };
            }
            Err(error) => return (Some(error), read),
        }
    }
    (None, read)
}

/// The largest head that is allowed, a byte at a time: it is copied once, by a buffer that doubles. That no byte is looked at
/// twice while it arrives, `each_byte_is_scanned_once` shows from the inside.
#[test]
fn class_07_the_largest_head_byte_by_byte_costs_linear_work() {
    let max = HEAD_BYTES_MAX;
    let good = format!("GET / HTTP/1.1\r\n{}\r\n", HEADERS.join("\r\n"));
    let long_value = format!("{good}x: {}\r\n\r\n", "y".repeat(max - good.len() - 7));
    let many = "a:\r\n".repeat(91);
    let rest = max - good.len() - many.len() - 7;
    let many_lines = format!("{good}{many}x: {}\r\n\r\n", "y".repeat(rest));
    // What a careless parser tries again and again: commas, quotes and backslashes, white space.
    let nasty = |unit: &str| {
        let room = max - good.len() - "Sec-WebSocket-Extensions: a\r\n\r\n".len();
        format!("{good}Sec-WebSocket-Extensions: a{}\r\n\r\n", unit.repeat(room / unit.len()))
    };
    for head in [
        long_value,
        many_lines,
        nasty(","),
        nasty(" ,\t"),
        nasty(";a"),
        nasty(";a=b"),
        nasty(";a=\"\\b\""),
        nasty(", a"),
    ] {
        assert!(head.len() <= max && head.len() > max - 20);
        let (mut server, mut out) = (server(), Outbox::new());
        let mut bytes = head.clone().into_bytes();
        let mut calls = 0;
        let (spent, accepted) = cost(|| {
            let mut accepted = false;
            for byte in bytes.chunks_mut(1) {
                calls += 1;
                if let Some(request) = server.receive(&mut Input::new(byte), &mut out).unwrap() {
                    accepted =
                        server.accept(&request, &Acceptance::from_any_origin(), &mut out).is_ok();
                }
            }
            accepted
        });
        assert!(accepted, "{head}");
        assert_eq!(calls, head.len());
        assert!(spent.total <= 5 * head.len() && spent.count <= 40, "{spent:?} for {}", head.len());
    }
}

/// Reading a list of extensions moves on through it: each element and parameter begins behind the one before, so that no byte
/// belongs to two, and there are no more steps than bytes.
#[test]
fn class_07_lists_of_extensions_are_read_in_one_pass() {
    let address = |text: &str| text.as_ptr() as usize;
    for unit in [
        "a,",
        "a;b,",
        "a;b=c,",
        ",",
        " ",
        "a;b=\"\\c\\d\",",
        ";x",
        ";x=\"y\"",
        "\"",
        "\\",
        "=",
        "a ",
    ] {
        let list = format!("first{}", unit.repeat(16_384 / unit.len()));
        let (mut steps, mut behind, mut errors) = (0, address(&list), 0);
        for offer in Offers::new(list.as_bytes()) {
            steps += 1;
            let Ok(offer) = offer else {
                errors += 1;
                continue;
            };
            assert!(address(offer.name()) >= behind, "{unit}");
            behind = address(offer.name()) + offer.name().len();
            for (name, _) in offer.params() {
                steps += 1;
                assert!(address(name) >= behind, "{unit}");
                behind = address(name) + name.len();
            }
        }
        assert!(
            steps <= list.len() / 2 + 1 && errors <= 1,
            "{unit}: {steps} steps, {errors} errors"
        );
    }
}

/// Lines, names, values and lists of lines without end: refused with the byte that is over the limit, never holding more than
/// twice what is allowed. The conformance suite has the verdicts; here is what they cost.
#[test]
fn class_08_heads_without_end_are_stopped_at_the_limit() {
    let (head_max, target_max) = (HEAD_BYTES_MAX, 8 << 10);
    let repeat = |text: &str| text.repeat((1 << 20) / text.len());
    let start = "GET / HTTP/1.1\r\n";
    let allowed = "a: b\r\n".repeat(128);
    for (head, want, at) in [
        (format!("GET /{}", repeat("x")), Bad::TargetTooLong, 4 + target_max + 1),
        (repeat("G"), Bad::TargetTooLong, head_max + 1),
        (repeat("\r\n"), Bad::TargetTooLong, head_max + 1),
        (format!("{start}{}", repeat("x")), Bad::HeadTooLong, head_max + 1),
        (format!("{start}a: {}", repeat("x")), Bad::HeadTooLong, head_max + 1),
        (format!("{start}a:{}", repeat(" ")), Bad::HeadTooLong, head_max + 1),
        (
            format!("{start}{}", repeat("a: b\r\n")),
            Bad::TooManyFields,
            start.len() + allowed.len() + 1,
        ),
        (
            format!("{start}{}", repeat("a: 789012345678901234567890\r\n")),
            Bad::TooManyFields,
            start.len() + 128 * 29 + 1,
        ),
    ] {
        for piece_len in [1, 100, 1 << 20] {
            let (mut server, mut out) = (server(), Outbox::with_capacity(1000));
            let mut bytes = head.clone().into_bytes();
            let (mut read, mut error) = (0, None);
            let (spent, ()) = cost(|| {
                for piece in bytes.chunks_mut(piece_len) {
                    read += piece.len();
                    error = server.receive(&mut Input::new(piece), &mut out).err();
                    if error.is_some() {
                        break;
                    }
                }
            });
            assert_eq!(error, Some(want), "{:?}", &head[..20]);
            if piece_len == 1 {
                assert_eq!(read, at, "{:?}", &head[..20]);
            }
            assert!(spent.peak <= 3 * head_max && spent.total <= 5 * head_max, "{spent:?}");
            assert!(out.len() < 500);
        }
    }
}

/// The same for a client, whose server may also send one interim response after another.
#[test]
fn class_08_responses_without_end_are_stopped_at_the_limit() {
    let head_max = HEAD_BYTES_MAX;
    let repeat = |text: &str| text.repeat((1 << 20) / text.len());
    let early = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    for (head, want, at) in [
        (format!("HTTP/1.1 101 {}", repeat("x")), ResponseError::HeadTooLong, head_max + 1),
        (format!("HTTP/1.1 101 x\r\na: {}", repeat("x")), ResponseError::HeadTooLong, head_max + 1),
        (
            format!("HTTP/1.1 101 x\r\n{}", repeat("a: b\r\n")),
            ResponseError::TooManyFields,
            16 + 128 * 6 + 1,
        ),
        (repeat(early), ResponseError::TooManyInterim, 17 * early.len()),
    ] {
        for piece_len in [1, 1 << 20] {
            let (spent, (error, read)) = cost(|| judge_response(head.as_bytes(), piece_len));
            assert_eq!(error, Some(want), "{:?}", &head[..20]);
            if piece_len == 1 {
                assert_eq!(read, at, "{:?}", &head[..20]);
            }
            assert!(spent.peak <= head.len() + 4 * head_max, "{spent:?}"); // the test's copy is in it
        }
        let mut proxy =
            ProxyHandshake::new(&ProxyRequest::new("a", 80), &mut Outbox::new()).unwrap();
        let mut bytes = head.clone().into_bytes();
        let failed =
            bytes.chunks_mut(1000).find_map(|piece| proxy.receive(&mut Input::new(piece)).err());
        // To a proxy, which is asked for a tunnel, a 101 is an answer, once its head is complete.
        assert_eq!(failed, Some(want), "{:?}", &head[..20]);
    }
}

/// One header more than allowed, whatever the caller allows.
#[test]
fn class_08_one_header_too_many() {
    for max in [0, 1, 5, 100, 128, 129, 1000, 3000] {
        for count in [max, max + 1] {
            let mut head = "GET / HTTP/1.1\r\n".to_owned();
            for number in 0..count {
                head += if number == 0 { "Host: a\r\n" } else { "b: c\r\n" };
            }
            head += "\r\n";
            for piece_len in [1, head.len()] {
                let limits = HeadLimits::default().fields_max(max).head_bytes_max(64 << 10);
                let (mut server, mut out, mut error) =
                    (ServerHandshake::new(limits), Outbox::new(), None);
                for piece in head.clone().into_bytes().chunks_mut(piece_len) {
                    error = error.or(server.receive(&mut Input::new(piece), &mut out).err());
                }
                let want = match count {
                    _ if count > max => Some(Bad::TooManyFields),
                    0 => Some(Bad::HostMissing),
                    _ => None,
                };
                assert_eq!(error, want, "{max}, {count}");
            }
        }
    }
}

/// A header that is missing is missed also behind as many others as may come.
#[test]
fn class_08_a_missing_header_is_missed_behind_many_others() {
    for (missing, want) in [
        ("Host", Some(Bad::HostMissing)),
        ("Upgrade", Some(Bad::UpgradeMissing)),
        ("Connection", Some(Bad::ConnectionMissing)),
        ("Sec-WebSocket-Key", Some(Bad::KeyMissing)),
        ("Sec-WebSocket-Version", Some(Bad::VersionMissing)),
        ("Origin", None),
    ] {
        let headers: Vec<_> =
            HEADERS.iter().filter(|line| !line.starts_with(missing)).copied().collect();
        let many = "x-filler: y\r\n".repeat(100 - headers.len());
        let half = headers.len() / 2;
        let (front, back) = (headers[..half].join("\r\n"), headers[half..].join("\r\n"));
        let head = format!("GET / HTTP/1.1\r\n{front}\r\n{many}{back}\r\n\r\n");
        for piece_len in [1, head.len()] {
            assert_eq!(judge_request(head.as_bytes(), piece_len).0, want, "{missing}");
        }
    }
    for missing in ["Upgrade", "Connection", "Sec-WebSocket-Accept"] {
        let lines: Vec<_> =
            RESPONSE.iter().filter(|line| !line.starts_with(missing)).copied().collect();
        let many = "x-filler: y\r\n".repeat(90);
        let head = format!("HTTP/1.1 101 x\r\n{many}{}\r\n\r\n", lines.join("\r\n"));
        assert!(judge_response(head.as_bytes(), head.len()).0.is_some(), "{missing}");
    }
}

/// Malformed hosts, each also with every byte in the middle: refused or shown, and what is shown is a host and a port.
#[test]
fn class_08_a_malformed_host_is_refused() {
    for byte in 0..=u8::MAX {
        for host in ["ab", "ab:80", "[::1]", "1.2.3.4:5"] {
            for at in 0..=host.len() {
                let mut value = host.as_bytes().to_vec();
                value.insert(at, byte);
                let mut head = [b"GET / HTTP/1.1\r\nHost: ", &value[..], b"\r\n\r\n"].concat();
                let (mut server, mut out) = (server(), Outbox::new());
                if let Ok(request) = server.receive(&mut Input::new(&mut head), &mut out) {
                    let request = request.unwrap();
                    let shown = request.host().unwrap();
                    // Independently of the library: brackets, or no colon but the port's, and no delimiter of a URI.
                    assert!(!shown.contains([
                        '/', '?', '#', '@', '\\', ' ', '\t', '"', '<', '>', '^', '`', '{', '|',
                        '}', '%'
                    ]));
                    assert!(shown.is_ascii() && !shown.bytes().any(|byte| byte.is_ascii_control()));
                    if !shown.starts_with('[') {
                        let (_, port) = shown.split_once(':').unwrap_or((shown, ""));
                        assert!(port.bytes().all(|digit| digit.is_ascii_digit()), "{shown}");
                        assert!(
                            port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0),
                            "{shown}"
                        );
                    }
                } else {
                    assert!(out.front().starts_with(b"HTTP/1.1 400 "));
                }
            }
        }
    }
}

/// Every byte in every header value that the handshakes look at, at its start, in its middle and at its end; and everything that a
/// caller can ask about it. Nothing panics, and both ways of arriving have the same verdict.
#[test]
fn class_09_any_byte_in_any_header_is_shown_or_refused() {
    fn changed(line: &str, byte: u8, place: usize) -> Vec<u8> {
        let value = line.find(": ").unwrap() + 2;
        let mut line = line.as_bytes().to_vec();
        let at = [value, (value + line.len()) / 2, line.len()][place];
        line.insert(at, byte);
        line
    }
    fn head(start: &str, lines: &[&str], at: usize, byte: u8, place: usize) -> Vec<u8> {
        let mut head = start.as_bytes().to_vec();
        for (number, line) in lines.iter().enumerate() {
            if number == at {
                head.extend(changed(line, byte, place));
            } else {
                head.extend(line.as_bytes());
            }
            head.extend(b"\r\n");
        }
        [head, b"\r\n".to_vec()].concat()
    }
    for byte in 0..=u8::MAX {
        let is_control = byte.is_ascii_control() && byte != b'\t';
        for place in 0..3 {
            for (at, line) in HEADERS.iter().enumerate() {
                let bytes = head("GET / HTTP/1.1\r\n", &HEADERS, at, byte, place);
                let (whole, _) = judge_request(&bytes, bytes.len());
                if place == 1 {
                    assert_eq!(judge_request(&bytes, 7).0, whole);
                }
                assert!(whole.is_some() || !is_control, "{byte:#x} in {line}");
                let (mut server, mut out, mut inbox) = (server(), Outbox::new(), bytes);
                if let Ok(Some(request)) = server.receive(&mut Input::new(&mut inbox), &mut out) {
                    let _ = (
                        request.host(),
                        request.origin(),
                        request.path(),
                        request.query(),
                        request.check(),
                    );
                    let _ = (request.subprotocols().count(), request.is_upgrade());
                    let _ = request.extensions().flatten().flat_map(|offer| offer.params()).count();
                    let _ = request.choose_subprotocol(&["chat"]);
                    assert_eq!(request.fields().count(), HEADERS.len());
                }
            }
            for (at, line) in RESPONSE.iter().enumerate() {
                let bytes = head("HTTP/1.1 101 x\r\n", &RESPONSE, at, byte, place);
                let (whole, _) = judge_response(&bytes, bytes.len());
                if place == 1 {
                    assert_eq!(judge_response(&bytes, 7).0, whole);
                }
                // A single LF ends a line of a response.
                assert!(whole.is_some() || !is_control || byte == b'\n', "{byte:#x} in {line}");
                let mut inbox = bytes;
                if let Ok(Some(Answer::Open(_, response))) =
                    client().receive(&mut Input::new(&mut inbox))
                {
                    let count = response.fields().count();
                    assert!(count == RESPONSE.len() || count < RESPONSE.len() && byte == b'\n');
                    let _ =
                        (response.subprotocol(), response.reason(), response.extensions().count());
                }
            }
        }
    }
}
