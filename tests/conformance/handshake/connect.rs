//! Extended CONNECT (RFC 8441, RFC 9220): the cases of `connect.txt`, as header lists.

use hybi::handshake::{HttpVersion, Request, RequestParts, Response, ResponseParts};

use super::*;

/// RFC 8441 §5.1.
pub(super) const REQUEST: [(&str, &str); 9] = [
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

pub(super) type List = Vec<(Vec<u8>, Vec<u8>)>;

pub(super) struct Case {
    pub(super) id: &'static str,
    /// The last `policy:` or `offers:`.
    pub(super) setting: (&'static str, &'static str),
    edits: &'static str,
    pub(super) verdict: &'static str,
    pub(super) doors: Doors,
}

impl Case {
    /// The list after the edits. Pseudo-header fields of the good list are in its first place.
    pub(super) fn list(&self, good: &[(&str, &str)]) -> List {
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

pub(super) fn cases(key: &str) -> Vec<Case> {
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

pub(super) fn borrowed(list: &[(Vec<u8>, Vec<u8>)]) -> Vec<(&[u8], &[u8])> {
    list.iter().map(|(name, value)| (&**name, &**value)).collect()
}

/// Gives the pseudo-header fields that a good request has to the setters, as an HTTP stack does.
fn with_parts<T>(
    list: &[(Vec<u8>, Vec<u8>)],
    version: HttpVersion,
    run: impl FnOnce(&RequestParts<'_>) -> T,
) -> T {
    // A sixth one is in the wrong place, which the stack may have left to us.
    let pseudo = list.iter().take_while(|(name, _)| name.starts_with(b":")).count();
    let (pseudo, fields) = list.split_at(pseudo);
    let find = |name: &str| {
        let (_, value) = pseudo.iter().find(|(other, _)| other == name.as_bytes())?;
        Some(std::str::from_utf8(value).unwrap())
    };
    let fields = borrowed(fields);
    let parts =
        RequestParts::new(find(":method").unwrap_or_default(), find(":path").unwrap_or_default())
            .version(version)
            .protocol(find(":protocol"))
            .scheme(find(":scheme"))
            .authority(find(":authority"))
            .fields(&fields);
    run(&parts)
}

/// The verdict in the words of the file. Checks what is sent on the way.
pub(super) fn decide(
    case: &Case,
    request: Result<Request<'_>, RequestError>,
    keep: bool,
) -> String {
    let terms = terms(case.setting.1).field("Set-Cookie", "a=b");
    let outcome = request.map_err(ServerHandshakeError::Request).and_then(|request| {
        let request = if keep { request.into_owned() } else { request };
        let terms = terms.clone().subprotocol(request.choose_subprotocol(&["superchat"]));
        let accepted = terms.check(&request)?;
        assert!(request.is_upgrade(), "{}", case.id);
        assert_eq!(accepted.status(), 200, "{}", case.id);
        let fields: Vec<_> = accepted
            .fields()
            .map(|(name, value)| format!("{name}: {}", value.escape_ascii()))
            .collect();
        let want = match request.subprotocols().any(|it| it == "superchat") {
            true => vec!["sec-websocket-protocol: superchat", "set-cookie: a=b"],
            false => vec!["set-cookie: a=b"],
        };
        assert_eq!(fields, want, "{}", case.id);
        drop(accepted.into_connection());
        Ok(())
    });
    match outcome {
        Ok(()) => "open".to_owned(),
        Err(ServerHandshakeError::Request(error)) => {
            check_rejection(case.id, error);
            format!("{} {error:?}", error.status())
        }
        Err(error) => panic!("{}: {error}", case.id),
    }
}

/// RFC 9113 §8.2.2: no `Upgrade`, no `Connection`, so no 426; but the version is named.
fn check_rejection(id: &str, error: RequestError) {
    let rejection = error.rejection();
    let rejection = rejection.check(HttpVersion::Http2).unwrap();
    assert_eq!(rejection.status(), error.status(), "{id}");
    let names: Vec<_> = rejection.fields().map(|(name, _)| name).collect();
    for name in ["upgrade", "connection", "transfer-encoding"] {
        assert!(!names.iter().any(|other| other.eq_ignore_ascii_case(name)), "{id}: {names:?}");
    }
    // RFC 9113 §8.2.1.
    assert!(!names.concat().contains(|char: char| char.is_ascii_uppercase()), "{id}: {names:?}");
    assert_ne!(rejection.status(), 426, "{id}");
    let is_version = format!("{error:?}") == "ConnectVersion";
    let named = rejection.fields().any(|field| field == ("sec-websocket-version", &b"13"[..]));
    assert_eq!(named, is_version, "{id}: {names:?}");
    let body = std::str::from_utf8(rejection.content()).unwrap();
    assert!(body.starts_with("the client sent ") && body.contains("(RFC "), "{id}: {body}");
}

#[test]
fn extended_connects_of_the_suite() {
    let cases = cases("policy");
    assert!(cases.len() >= 60, "{}", cases.len());
    for case in cases {
        let list = case.list(&REQUEST);
        for version in [HttpVersion::Http2, HttpVersion::Http3] {
            for keep in [false, true] {
                let verdict = with_parts(&list, version, |parts| {
                    decide(&case, Request::from_parts(parts), keep)
                });
                assert_eq!(verdict, case.verdict, "{} {version:?}", case.id);
            }
        }
    }
}

/// What the stack tells is not mistaken for what it has not told.
#[test]
fn pseudo_header_fields_in_http_1() {
    let fields: [(&[u8], &[u8]); 6] = [
        (b"Host", b"a"),
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"Sec-WebSocket-Version", b"13"),
        (b"Origin", b"https://a"),
    ];
    let parts = RequestParts::new("GET", "/").fields(&fields);
    let decide = |parts: RequestParts<'_>| {
        let request = Request::from_parts(&parts)?;
        match Acceptance::from_same_origin().check(&request) {
            Ok(accepted) => Ok(accepted.status()),
            Err(ServerHandshakeError::Request(error)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    };
    use hybi::handshake::RequestError as E;
    assert_eq!(decide(parts), Ok(101));
    // Whether there is TLS decides whether it is the same origin.
    assert_eq!(decide(parts.scheme("https")), Ok(101));
    assert_eq!(decide(parts.scheme("http")), Err(E::Origin));
    // RFC 9112 §3.2.2: it takes precedence over `Host`.
    assert_eq!(decide(parts.authority("b")), Err(E::Origin));
    assert_eq!(decide(parts.authority("a b")), Err(E::AuthorityMalformed));
    // RFC 8441 §4 is about HTTP/2.
    assert_eq!(decide(parts.protocol("websocket")), Err(E::ProtocolMisplaced));
    let connect = RequestParts::new("CONNECT", "/").protocol("websocket").fields(&fields);
    assert_eq!(decide(connect), Err(E::ProtocolMisplaced));
}

/// A page is asked for over HTTP/2, too, and a `Host` will do there.
#[test]
fn other_requests_over_http_2() {
    let fields: [(&[u8], &[u8]); 1] = [(b"host", b"a")];
    let parts = RequestParts::new("GET", "/page").version(HttpVersion::Http2).fields(&fields);
    let request = Request::from_parts(&parts).unwrap();
    assert!(!request.is_upgrade());
    assert_eq!((request.path(), request.host()), ("/page", Some("a")));
    let parts = RequestParts::new("CONNECT", "").version(HttpVersion::Http2).authority("a:1");
    let request = Request::from_parts(&parts).unwrap().into_owned();
    assert_eq!((request.target(), request.host()), ("", Some("a:1")));
    assert_eq!((request.protocol(), request.scheme()), (None, None));
}

/// RFC 8441 §5.1.
pub(super) const RESPONSE: [(&str, &str); 2] =
    [(":status", "200"), ("sec-websocket-protocol", "chat")];

#[test]
fn answers_to_extended_connects_of_the_suite() {
    let uri = Uri::parse("wss://server.example.com/chat").unwrap();
    let cases = cases("offers");
    assert!(cases.len() >= 30, "{}", cases.len());
    for case in cases {
        let list = case.list(&RESPONSE);
        let (status, fields) = list.split_first().unwrap();
        let status = std::str::from_utf8(&status.1).unwrap().parse().unwrap();
        let fields = borrowed(fields);
        let request = asked(case.setting.1, &uri);
        let prepared = request.prepare_connect().unwrap();
        let decide = |version| {
            let parts = ResponseParts::new(status).version(version).fields(&fields);
            let response = Response::from_parts(&parts)?.into_owned();
            prepared.open(&response, || [1, 2, 3, 4])?;
            let chosen = fields.iter().find(|(name, _)| name == b"sec-websocket-protocol");
            assert_eq!(response.subprotocol().map(str::as_bytes), chosen.map(|it| it.1));
            Ok(())
        };
        for version in [HttpVersion::Http2, HttpVersion::Http3] {
            let verdict = match decide(version) {
                Ok(()) => "open".to_owned(),
                Err(error) => fault(error, status),
            };
            assert_eq!(verdict, case.verdict, "{} {version:?}", case.id);
        }
        // Whoever answers in HTTP/1.1 has not read the request.
        assert!(decide(HttpVersion::Http11).is_err(), "{}", case.id);
    }
}

/// RFC 9113 §8.6: an upgrade is of HTTP/1.1 alone.
#[test]
fn no_upgrade_in_http_2_and_3() {
    let uri = Uri::parse(URI).unwrap();
    let request = ClientRequest::new(&uri);
    let prepared = request.prepare_with_nonce(*NONCE).unwrap();
    let fields: [(&[u8], &[u8]); 3] = [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];
    let parts = ResponseParts::new(101).fields(&fields);
    let open = |parts| prepared.open(&Response::from_parts(&parts).unwrap(), || [0; 4]).err();
    assert_eq!(open(parts), None);
    for version in [HttpVersion::Http2, HttpVersion::Http3] {
        assert_eq!(open(parts.version(version)), Some(ResponseError::SwitchingProtocols));
    }
}

/// The name of what is wrong with a response of this status.
pub(super) fn fault(error: ResponseError, status: u16) -> String {
    match error {
        ResponseError::Status { status: told } => {
            assert_eq!(told, status);
            "Status".to_owned()
        }
        error => format!("{error:?}"),
    }
}
