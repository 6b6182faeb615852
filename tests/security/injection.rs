//! Class 14: line breaks and other bytes that a caller's string could smuggle into a head.

use hybi::handshake::{
    Acceptance, ClientRequest, HandshakeUsageError as UsageError, HeadLimits, ProxyHandshake,
    ProxyRequest, Rejection, ServerHandshakeError,
};
use hybi::{ClientHandshake, Input, Outbox, ServerHandshake, Uri};

use crate::common::KEY;

/// Where in a caller's string the odd character stands.
fn variants(good: &str, odd: char) -> [String; 3] {
    let middle = good.len() / 2;
    [
        format!("{odd}{good}"),
        format!("{}{odd}{}", &good[..middle], &good[middle..]),
        format!("{good}{odd}"),
    ]
}

/// All ASCII characters, and some beyond.
fn characters() -> impl Iterator<Item = char> {
    ('\0'..='\u{7f}').chain([
        '\u{80}',
        '\u{85}',
        '\u{e4}',
        '\u{ff}',
        '\u{10a}',
        '\u{10d}',
        '\u{2028}',
        '\u{1f600}',
    ])
}

/// The lines of a head that must be one, by the plainest of readings: each ends with CR LF, neither stands anywhere else, no NUL,
/// the empty line comes last.
#[track_caller]
fn lines(head: &[u8]) -> Vec<&[u8]> {
    let body = head.strip_suffix(b"\r\n\r\n").expect("an end");
    let lines: Vec<_> = body.split(|&byte| byte == b'\n').collect();
    let (last, rest) = lines.split_last().unwrap();
    let mut clean = Vec::new();
    for line in rest {
        clean.push(line.strip_suffix(b"\r").expect("a CR before each LF"));
    }
    clean.push(last);
    for line in &clean {
        assert!(!line.is_empty(), "an empty line inside: {}", head.escape_ascii());
        assert!(!line.contains(&b'\r') && !line.contains(&0), "{}", head.escape_ascii());
    }
    clean
}

fn ask(request: &ClientRequest<'_>) -> Result<Vec<u8>, UsageError> {
    let mut out = Outbox::new();
    match ClientHandshake::with_keys(request, [1; 16], || KEY, &mut out) {
        Ok(_) => Ok(out.take()),
        Err(misuse) => {
            assert!(out.is_empty(), "a mistake writes nothing");
            Err(misuse)
        }
    }
}

/// Checks one string of the client's request: refused with this error, or exactly the one line that it is meant for has it.
#[track_caller]
fn check_line(
    result: Result<Vec<u8>, UsageError>,
    error: UsageError,
    count: usize,
    line: &str,
    must_fail: bool,
) {
    match result {
        Err(misuse) => assert_eq!(misuse, error, "{line:?}"),
        Ok(head) => {
            assert!(!must_fail, "{line:?}");
            let lines = lines(&head);
            assert_eq!(lines.len(), count, "{}", head.escape_ascii());
            assert!(lines.contains(&line.as_bytes()), "{line:?} in {}", head.escape_ascii());
        }
    }
}

/// RFC 9110 §5.5: CR, LF and NUL are dangerous; we also refuse the other control characters but tab.
fn is_control(odd: char) -> bool {
    odd.is_ascii_control() && odd != '\t'
}

#[test]
fn class_14_no_string_of_a_clients_request_breaks_out_of_its_line() {
    let uri = Uri::parse("ws://a/").unwrap();
    let new = || ClientRequest::new(&uri);
    // GET, Host, Upgrade, Connection, key, version.
    let plain = lines(&ask(&new()).unwrap()).len();
    assert_eq!(plain, 6);
    for odd in characters() {
        for text in variants("chat", odd) {
            // RFC 6455 §4.1: visible characters without separators, so neither SP nor CR nor LF nor NUL.
            let must_fail = !odd.is_ascii_graphic() || "()<>@,;:\\\"/[]?={}".contains(odd);
            let line = format!("Sec-WebSocket-Protocol: {text}");
            check_line(
                ask(&new().subprotocol(&text)),
                UsageError::Subprotocol,
                plain + 1,
                &line,
                must_fail,
            );
        }
        for text in variants("http://b", odd) {
            let line = format!("Origin: {text}");
            check_line(
                ask(&new().origin(&*text)),
                UsageError::Origin,
                plain + 1,
                &line,
                !odd.is_ascii_graphic(),
            );
        }
        for text in variants("x-name", odd) {
            let must_fail = !odd.is_ascii_graphic() || "()<>@,;:\\\"/[]?={}".contains(odd);
            let line = format!("{text}: value");
            check_line(
                ask(&new().field(&text, "value")),
                UsageError::FieldName,
                plain + 1,
                &line,
                must_fail,
            );
        }
        for text in variants("value", odd) {
            let line = format!("x: {text}");
            check_line(
                ask(&new().field("x", &text)),
                UsageError::FieldValue,
                plain + 1,
                &line,
                is_control(odd),
            );
        }
    }
    // Headers that decide what the head means are not the caller's, in any case.
    for name in
        ["Host", "hOST", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Origin"]
    {
        assert_eq!(ask(&new().field(name, "x")), Err(UsageError::FieldReserved), "{name}");
    }
    for name in [
        "Sec-WebSocket-Key",
        "sec-websocket-version",
        "Sec-WebSocket-Extensions",
        "SEC-WEBSOCKET-X",
    ] {
        assert_eq!(ask(&new().field(name, "x")), Err(UsageError::FieldReserved), "{name}");
    }
}

/// Host, path, query, and the userinfo that becomes credentials: a URI with an odd character is none, and percent-encoded
/// it stays so, or is refused where it would be decoded.
#[test]
fn class_14_no_part_of_a_uri_breaks_out_of_its_line() {
    for odd in characters() {
        for (good, prefix, suffix) in [
            ("host", "ws://", "/"),
            ("path", "ws://a/", ""),
            ("query", "ws://a/?", ""),
            ("user", "ws://", "@a/"),
        ] {
            for text in variants(good, odd) {
                let text = format!("{prefix}{text}{suffix}");
                let Ok(uri) = Uri::parse(&text) else { continue };
                assert!(odd.is_ascii_graphic(), "{text:?}");
                let count = if uri.userinfo().is_some() { 7 } else { 6 };
                match ask(&ClientRequest::new(&uri)) {
                    Ok(head) => assert_eq!(lines(&head).len(), count, "{text:?}"),
                    Err(misuse) => assert_eq!(misuse, UsageError::Credentials),
                }
            }
        }
    }
    for byte in 0..=u8::MAX {
        let uri = Uri::parse(&format!("ws://a/b%{byte:02x}c?d=%{byte:02X}")).unwrap();
        let head = ask(&ClientRequest::new(&uri)).unwrap();
        assert_eq!(
            lines(&head)[0],
            format!("GET /b%{byte:02x}c?d=%{byte:02X} HTTP/1.1").as_bytes()
        );
        for userinfo in [format!("u%{byte:02x}v:w"), format!("u:v%{byte:02x}")] {
            let uri = Uri::parse(&format!("ws://{userinfo}@a/")).unwrap();
            match ask(&ClientRequest::new(&uri)) {
                Ok(head) => assert_eq!(lines(&head).len(), 7),
                Err(misuse) => {
                    assert!(
                        misuse == UsageError::Credentials
                            && (byte < 32 || byte == 127 || byte == b':')
                    )
                }
            }
        }
    }
}

#[test]
fn class_14_no_string_for_a_proxy_breaks_out_of_its_line() {
    fn ask(host: &str, credentials: Option<(&str, &str)>) -> Result<Vec<u8>, UsageError> {
        let request = ProxyRequest::new(host, 80);
        send(match credentials {
            Some((user, password)) => request.credentials(user, password),
            None => request,
        })
    }
    fn send(request: ProxyRequest<'_>) -> Result<Vec<u8>, UsageError> {
        let mut out = Outbox::new();
        let result = ProxyHandshake::new(&request, &mut out);
        assert!(result.is_ok() || out.is_empty());
        result.map(|_| out.take())
    }
    for odd in characters() {
        for text in variants("example", odd) {
            match ask(&text, None) {
                Ok(head) => {
                    assert!(odd.is_ascii_graphic() && !"/?#@:[]%\\".contains(odd), "{text:?}");
                    assert_eq!(lines(&head).len(), 2);
                }
                Err(misuse) => assert_eq!(misuse, UsageError::Host),
            }
            for credentials in [(&*text, "x"), ("x", &*text)] {
                match ask("a", Some(credentials)) {
                    Ok(head) => {
                        assert!(!odd.is_ascii_control(), "{text:?}");
                        assert_eq!(lines(&head).len(), 3);
                    }
                    Err(misuse) => {
                        assert_eq!(misuse, UsageError::Credentials);
                        assert!(odd.is_ascii_control() || odd == ':');
                    }
                }
            }
        }
        for text in variants("x-name", odd) {
            let must_fail = !odd.is_ascii_graphic() || "()<>@,;:\\\"/[]?={}".contains(odd);
            let sent = send(ProxyRequest::new("a", 80).field(&*text, "value"));
            check_line(sent, UsageError::FieldName, 3, &format!("{text}: value"), must_fail);
        }
        for text in variants("Negotiate YII=", odd) {
            let sent = send(ProxyRequest::new("a", 80).field("Proxy-Authorization", &text));
            let line = format!("Proxy-Authorization: {text}");
            check_line(sent, UsageError::FieldValue, 3, &line, is_control(odd));
        }
    }
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

fn accept(accept: &Acceptance<'_>) -> Result<Vec<u8>, UsageError> {
    let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let mut inbox = REQUEST.as_bytes().to_vec();
    let request = server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
    match server.accept(&request, accept, &mut out) {
        Ok(_) => Ok(out.take()),
        Err(ServerHandshakeError::Usage(misuse)) => {
            assert!(out.is_empty(), "a mistake writes nothing");
            Err(misuse)
        }
        Err(error) => panic!("{error}"),
    }
}

fn reject(rejection: &Rejection<'_>) -> Result<Vec<u8>, UsageError> {
    let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let mut inbox = REQUEST.as_bytes().to_vec();
    server.receive(&mut Input::new(&mut inbox), &mut out).unwrap().unwrap();
    let result = server.reject(rejection, &mut out);
    assert!(result.is_ok() || out.is_empty(), "a mistake writes nothing");
    result.map(|()| out.take())
}

#[test]
fn class_14_no_string_of_a_servers_response_breaks_out_of_its_line() {
    let accepted = lines(&accept(&Acceptance::from_any_origin()).unwrap()).len();
    let rejected = lines(&reject(&Rejection::new(403)).unwrap()).len();
    assert_eq!((accepted, rejected), (4, 3));
    let any = Acceptance::from_any_origin;
    for odd in characters() {
        for text in variants("chat", odd) {
            // A token that was not offered is no more accepted than what is no token.
            let misuse = accept(&any().subprotocol(&*text)).unwrap_err();
            let is_token = odd.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(odd);
            assert_eq!(
                misuse,
                if is_token { UsageError::SubprotocolNotOffered } else { UsageError::Subprotocol }
            );
        }
        for text in variants("x-name", odd) {
            let must_fail = !odd.is_ascii_graphic() || "()<>@,;:\\\"/[]?={}".contains(odd);
            let line = format!("{text}: value");
            let misuse = UsageError::FieldName;
            check_line(
                accept(&any().field(&text, "value")),
                misuse,
                accepted + 1,
                &line,
                must_fail,
            );
            // The name is sent in lower case.
            let line = format!("{}: value", text.to_ascii_lowercase());
            let rejection = Rejection::new(403).field(&text, "value");
            check_line(reject(&rejection), misuse, rejected + 1, &line, must_fail);
        }
        for text in variants("value", odd) {
            let line = format!("x: {text}");
            let misuse = UsageError::FieldValue;
            check_line(
                accept(&any().field("x", &text)),
                misuse,
                accepted + 1,
                &line,
                is_control(odd),
            );
            let rejection = Rejection::new(302).field("x", &text);
            check_line(reject(&rejection), misuse, rejected + 1, &line, is_control(odd));
        }
        for text in variants("text/html", odd) {
            let line = format!("Content-Type: {text}");
            let rejection = Rejection::new(200).body(&text, "");
            check_line(
                reject(&rejection),
                UsageError::ContentType,
                rejected + 1,
                &line,
                is_control(odd),
            );
        }
    }
    for name in [
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Upgrade",
        "Sec-WebSocket-Accept",
        "Host",
    ] {
        assert_eq!(accept(&any().field(name, "x")), Err(UsageError::FieldReserved), "{name}");
        assert_eq!(
            reject(&Rejection::new(403).field(name, "x")),
            Err(UsageError::FieldReserved),
            "{name}"
        );
    }
}

/// A status is a number, and its phrase is ours; a body may be anything, because its length is told and it comes last.
#[test]
fn class_14_a_body_is_as_long_as_it_says() {
    for status in 0..=700 {
        match reject(&Rejection::new(status)) {
            Ok(out) => assert!(
                (200..=599).contains(&status)
                    && out.starts_with(format!("HTTP/1.1 {status} ").as_bytes())
            ),
            Err(misuse) => assert!(misuse == UsageError::Status && !(200..=599).contains(&status)),
        }
    }
    let body = b"\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00";
    let out = reject(&Rejection::new(403).body("text/plain", body)).unwrap();
    let end = out.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let length = format!("Content-Length: {}", body.len());
    assert!(lines(&out[..end]).contains(&length.as_bytes()));
    assert!(lines(&out[..end]).contains(&&b"Connection: close"[..]));
    assert_eq!(&out[end..], body);
}
