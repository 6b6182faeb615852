//! Requests, responses and terms as values: made of parts, made once, owned.

use std::sync::LazyLock;

use hybi::extension::Offers;
use hybi::handshake::{
    AcceptKey, HttpVersion, Key, RequestParts, ResponseParts, Subprotocol, WebSocketVersion,
};

use super::*;

type Fields = [(&'static [u8], &'static [u8])];

/// `REQUEST`, as an HTTP stack hands it over: names in lower case, white space left in a value.
const FIELDS: &Fields = &[
    (b"host", b"server.example.com"),
    (b"upgrade", b" websocket\t"),
    (b"connection", b"keep-alive, Upgrade"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"origin", b"http://example.com"),
    (b"sec-websocket-protocol", b"chat"),
    (b"sec-websocket-protocol", b"superchat"),
    (b"sec-websocket-version", b"13"),
];

fn parts() -> RequestParts<'static> {
    RequestParts::new("GET", "/chat?x").fields(FIELDS)
}

#[test]
fn a_request_from_parts_reads_like_one_from_bytes() {
    let request = Request::from_parts(&parts()).unwrap();
    for request in [request.clone(), request.into_owned()] {
        assert_eq!(
            (request.method(), request.path(), request.query()),
            ("GET", "/chat", Some("x"))
        );
        assert_eq!((request.target(), request.version()), ("/chat?x", HttpVersion::Http11));
        assert_eq!(
            (request.host(), request.origin()),
            (Some("server.example.com"), Some(&b"http://example.com"[..]))
        );
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat", "superchat"]);
        assert_eq!(request.field("Upgrade"), Some(&b"websocket"[..]));
        assert_eq!(request.field("X"), None);
        assert_eq!(request.fields().count(), FIELDS.len());
        assert_eq!(request.fields().nth(1), Some(("upgrade", &b"websocket"[..])));
        assert_eq!((request.is_upgrade(), request.check()), (true, Ok(())));
    }
}

#[test]
fn parts_that_are_no_request_are_refused() {
    let host: (&[u8], &[u8]) = (b"host", b"a");
    for (parts, want) in [
        (RequestParts::new("GET", "/"), Err(Bad::HostMissing)),
        (RequestParts::new("GET", "/").version(HttpVersion::Http10), Ok(())),
        (RequestParts::new("GET", "/").fields(&[host, host]), Err(Bad::HostRepeated)),
        (RequestParts::new("GET", "/").fields(&[(b"host", b"a/b")]), Err(Bad::HostMalformed)),
        (RequestParts::new("GET /", "/").fields(&[host]), Err(Bad::RequestLine)),
        (RequestParts::new("GET", "").fields(&[host]), Err(Bad::RequestLine)),
        (RequestParts::new("GET", "/#").fields(&[host]), Err(Bad::TargetCharacter)),
        (RequestParts::new("GET", "/ HTTP/1.1\r\n").fields(&[host]), Err(Bad::TargetCharacter)),
        (RequestParts::new("GET", "/").fields(&[host, (b":path", b"/")]), Err(Bad::FieldName)),
        (RequestParts::new("GET", "/").fields(&[host, (b"", b"")]), Err(Bad::FieldName)),
        (RequestParts::new("GET", "/").fields(&[host, (b"a", b"b\r\nc: d")]), Err(Bad::FieldValue)),
    ] {
        let made = Request::from_parts(&parts).map(|_| ());
        assert_eq!(made, want, "{parts:?}");
    }
    for (parts, want) in [
        (ResponseParts::new(99), Err(ResponseError::StatusLine)),
        (ResponseParts::new(1000), Err(ResponseError::StatusLine)),
        (ResponseParts::new(999), Ok(())),
        (ResponseParts::new(101).fields(&[(b"a b", b"")]), Err(ResponseError::FieldName)),
        (ResponseParts::new(101).fields(&[(b"a", b"\n")]), Err(ResponseError::FieldValue)),
    ] {
        assert_eq!(Response::from_parts(&parts).map(|_| ()), want, "{parts:?}");
    }
}

/// A server's terms, for all of its requests.
static TERMS: LazyLock<Acceptance<'static>> = LazyLock::new(|| {
    let origins = vec![format!("http://{}", "EXAMPLE.com:80/")];
    Acceptance::from_origins(origins).unwrap().field("X-Served-By", format!("server {}", 7))
});

#[test]
fn terms_are_made_once_and_serve_many_requests() {
    let request = Request::from_parts(&parts()).unwrap();
    let served_by = |terms: &Acceptance<'_>| {
        let accepted = terms.check(&request).unwrap();
        let last = accepted.fields().last().map(|(name, value)| (name.to_owned(), value.to_vec()));
        (last.unwrap(), accepted.subprotocol().map(str::to_owned))
    };
    let field = ("X-Served-By".to_owned(), b"server 7".to_vec());
    for _ in 0..2 {
        assert_eq!(served_by(&TERMS), (field.clone(), None));
        let chosen = request.choose_subprotocol(&["superchat"]);
        assert_eq!(
            served_by(&TERMS.clone().subprotocol(chosen)),
            (field.clone(), Some("superchat".into()))
        );
    }
    let kept = {
        let (name, value) = (String::from("X-A"), vec![0xff]);
        TERMS.clone().subprotocol("chat").field(&name, &value).into_owned()
    };
    assert_eq!(served_by(&kept), (("X-A".into(), vec![0xff]), Some("chat".into())));
    assert_eq!(kept.subprotocol(None).chosen(), None);
}

/// Terms that a function computes, and returns.
fn terms_for(tenant: &str) -> Acceptance<'static> {
    let subprotocol = format!("{tenant}.chat");
    let origin = format!("https://{tenant}.example.com");
    Acceptance::from_origins([origin])
        .unwrap()
        .subprotocol(&*subprotocol)
        .field(format!("X-{tenant}"), format!("{tenant}!"))
        .into_owned()
}

/// A request that a function computes, and returns.
fn request_to(tenant: &str) -> ClientRequest<'static> {
    let uri = Uri::parse(&format!("ws://{tenant}.example.com/chat?{tenant}")).unwrap();
    let (origin, subprotocol) = (format!("https://{tenant}.example.com"), format!("{tenant}.chat"));
    ClientRequest::new(&uri)
        .origin(&*origin)
        .subprotocol(&*subprotocol)
        .field(format!("X-{tenant}"), format!("{tenant}?"))
        .into_owned()
}

#[test]
fn requests_and_terms_can_be_computed_kept_and_returned() {
    let request = request_to("abc");
    assert_eq!(request.uri().host(), "abc.example.com");
    let prepared = request.prepare_with_nonce(*b"the sample nonce").unwrap();
    assert_eq!(prepared.target(), "/chat?abc");
    let fields: Vec<_> = prepared.fields().collect();
    for field in [
        ("Host", &b"abc.example.com"[..]),
        ("Origin", b"https://abc.example.com"),
        ("Sec-WebSocket-Protocol", b"abc.chat"),
        ("X-abc", b"abc?"),
    ] {
        assert!(fields.contains(&field), "{field:?} in {fields:?}");
    }
    // Through another thread, whose stack is gone when they are used.
    let terms = std::thread::spawn(|| terms_for("abc")).join().unwrap();
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| (name.to_lowercase().into_bytes(), *value)).collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, *value)).collect();
    let parts = RequestParts::new("GET", "/chat?abc").fields(&fields);
    let request = Request::from_parts(&parts).unwrap().into_owned();
    let accepted = terms.check(&request).unwrap();
    assert_eq!(accepted.subprotocol(), Some("abc.chat"));
    assert!(accepted.fields().any(|field| field == ("X-abc", b"abc!")));
}

#[test]
fn a_rejection_can_own_what_it_says() {
    let made = |code: u32| {
        Rejection::new(503)
            .field(format!("X-{code}"), format!("{code}"))
            .body(String::from("text/plain"), format!("come back in {code} s\n").into_bytes())
    };
    let borrowed = {
        let text = String::from("30");
        Rejection::new(503)
            .field("Retry-After", &text)
            .body("text/plain", text.as_bytes())
            .into_owned()
    };
    let made = made(7);
    let rejected = made.check(HttpVersion::Http11).unwrap();
    assert_eq!(rejected.fields().next(), Some(("x-7", &b"7"[..])));
    assert_eq!((rejected.status(), rejected.content()), (503, &b"come back in 7 s\n"[..]));
    let rejected = borrowed.check(HttpVersion::Http2).unwrap();
    let fields: Vec<_> = rejected.fields().collect();
    assert_eq!(fields, [("retry-after", &b"30"[..]), ("content-type", b"text/plain")]);
    assert_eq!(rejected.content(), b"30");
    assert_eq!(Rejection::new(404).check(HttpVersion::Http2).unwrap().content(), b"");
}

/// Nobody need know the version of HTTP: RFC 9110 §5.1, RFC 9113 §8.2.1.
#[test]
fn a_rejection_has_its_names_in_lower_case() {
    let made = Rejection::new(401).field("WWW-Authenticate", "Basic").field("x-a", "B");
    let made = made.body("Text/HTML", "").into_owned();
    let fields: Vec<_> = made.check(HttpVersion::Http11).unwrap().fields().collect();
    let want: [(&str, &[u8]); 3] =
        [("www-authenticate", b"Basic"), ("x-a", b"B"), ("content-type", b"Text/HTML")];
    assert_eq!(fields, want);
}

/// RFC 6455 §4.4, RFC 9110 §15.5.6, §15.5.22.
#[test]
fn a_refused_request_has_a_response_as_values() {
    for (parts, status, want) in [
        (
            RequestParts::new("GET", "/").fields(&FIELDS[..1]),
            426,
            &[
                ("connection", &b"Upgrade"[..]),
                ("upgrade", b"websocket"),
                ("sec-websocket-version", b"13"),
            ][..],
        ),
        (RequestParts::new("POST", "/").fields(FIELDS), 405, &[("allow", b"GET")]),
        (parts(), 403, &[]),
    ] {
        let request = Request::from_parts(&parts).unwrap();
        let terms = Acceptance::from_origins(["http://example.net"]).unwrap();
        let error = terms.check(&request).unwrap_err();
        let rejection = error.rejection();
        let rejected = rejection.check(HttpVersion::Http11).unwrap();
        assert_eq!(rejected.status(), status);
        let mut fields: Vec<_> = rejected.fields().collect();
        assert_eq!(fields.pop(), Some(("content-type", &b"text/plain; charset=utf-8"[..])));
        assert_eq!(fields, want);
        assert_eq!(rejected.content(), format!("{error}\n").as_bytes());
    }
}

/// It is nobody else's business what it was.
#[test]
fn a_mistake_of_ours_is_a_500_that_tells_nothing() {
    let request = Request::from_parts(&parts()).unwrap();
    let terms = Acceptance::from_any_origin().field("Upgrade", "h2c");
    let error = terms.check(&request).unwrap_err();
    assert!(matches!(error, ServerHandshakeError::Usage(_)), "{error}");
    let rejection = error.rejection();
    let rejected = rejection.check(HttpVersion::Http2).unwrap();
    assert_eq!((rejected.status(), rejected.content()), (500, &b""[..]));
    assert_eq!(rejected.fields().next(), None);
}

/// RFC 9110 §5.5: whoever sends a line end for a caller lets it write fields, or a body.
#[test]
fn a_rejection_gives_away_nothing_that_cannot_be_sent() {
    use HttpVersion::{Http2, Http3, Http11};
    use UsageError as Usage;
    let new = Rejection::new;
    for (rejection, http1, http2) in [
        (new(403).field("X", "a"), Ok(()), Ok(())),
        (new(302).field("Location", "/\r\nX: y"), Err(Usage::FieldValue), Err(Usage::FieldValue)),
        (new(403).field("x\r\ny", "a"), Err(Usage::FieldName), Err(Usage::FieldName)),
        (new(403).field(":status", "200"), Err(Usage::FieldName), Err(Usage::FieldName)),
        (new(403).field("Upgrade", "h2c"), Err(Usage::FieldReserved), Err(Usage::FieldReserved)),
        (new(403).body("text/html\r\nx: y", ""), Err(Usage::ContentType), Err(Usage::ContentType)),
        (new(101), Err(Usage::Status), Err(Usage::Status)),
        (new(0), Err(Usage::Status), Err(Usage::Status)),
        (new(600), Err(Usage::Status), Err(Usage::Status)),
        // RFC 9113 §8.2.2: only HTTP/1.1 has fields about the connection.
        (new(403).field("Keep-Alive", "a"), Ok(()), Err(Usage::FieldReserved)),
        (new(426), Ok(()), Err(Usage::Status)),
    ] {
        for (version, want) in [(Http11, http1), (Http2, http2), (Http3, http2)] {
            let got = rejection.check(version).map(drop);
            assert_eq!(got, want, "{rejection:?} in {version:?}");
        }
    }
}

/// RFC 6455 §4.1: any other status is an answer of HTTP's.
#[test]
fn a_prepared_request_opens_with_a_101_only() {
    let uri = Uri::parse("ws://a/").unwrap();
    let request = ClientRequest::new(&uri);
    let prepared = request.prepare_with_nonce(*b"the sample nonce").unwrap();
    let fields: &Fields = &[
        (b"upgrade", b"WebSocket"),
        (b"connection", b"upgrade"),
        (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];
    for (status, want) in [
        (101, None),
        (100, Some(ResponseError::Status { status: 100 })),
        (200, Some(ResponseError::Status { status: 200 })),
        (404, Some(ResponseError::Status { status: 404 })),
    ] {
        let response = Response::from_parts(&ResponseParts::new(status).fields(fields)).unwrap();
        let error = prepared.open(&response, || [0; 4]).err();
        assert_eq!(error, want);
        if let Some(error) = error {
            assert!(error.to_string().contains(&status.to_string()), "{error}");
        }
    }
    let parts = ResponseParts::new(101).version(HttpVersion::Http10).fields(fields);
    let response = Response::from_parts(&parts).unwrap();
    assert_eq!(response.version(), HttpVersion::Http10);
    assert_eq!(prepared.open(&response, || [0; 4]).err(), Some(ResponseError::Http10));
}

/// Each is printed as the field had it, and parsed again.
#[test]
fn values_of_fields_are_printed_as_they_were_parsed() {
    let key = Key::parse(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap();
    assert_eq!(key, Key::from_nonce(*b"the sample nonce"));
    assert_eq!(format!("{key} {key:?}"), "dGhlIHNhbXBsZSBub25jZQ== Key(dGhlIHNhbXBsZSBub25jZQ==)");
    let accept = AcceptKey::parse(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=").unwrap();
    assert_eq!(accept, key.accept());
    assert_eq!(accept.to_string().as_bytes(), accept.as_bytes());
    assert_eq!(format!("{accept:?}"), "AcceptKey(s3pPLMBiTxaQ9kYGzzhZRbK+xOo=)");
    let subprotocol = Subprotocol::parse(b"soap").unwrap();
    assert_eq!((subprotocol.as_str(), subprotocol.to_string()), ("soap", "soap".to_owned()));
    for number in 0..=u8::MAX {
        let version = WebSocketVersion::parse(number.to_string().as_bytes()).unwrap();
        assert_eq!(version.number(), number);
        assert_eq!(version.to_string(), number.to_string());
        assert_eq!(version == WebSocketVersion::V13, number == 13);
    }
}

/// RFC 6455 §4.3.
#[test]
fn a_version_is_a_number_of_one_byte_without_leading_zeros() {
    for text in
        ["", "00", "013", "+13", "-1", " 13", "13 ", "13, 8", "1a", "0x1", "256", "1000", "\u{661}"]
    {
        assert_eq!(WebSocketVersion::parse(text.as_bytes()), None, "{text:?}");
    }
}

/// RFC 6455 §4.3, RFC 9110 §5.6.1.2.
#[test]
fn subprotocols_are_lists_of_tokens() {
    for (list, want) in [
        (&b"chat, superchat"[..], Some(vec!["chat", "superchat"])),
        (b",a ,,\tb,", Some(vec!["a", "b"])),
        (b"", Some(vec![])),
        (b"a b", None),
        (b"a, b/c", None),
        (b"\xff", None),
    ] {
        let parsed: Option<Vec<_>> = Subprotocol::list(list).collect();
        let names = parsed.map(|list| list.iter().map(Subprotocol::as_str).collect::<Vec<_>>());
        assert_eq!(names, want, "{}", list.escape_ascii());
    }
    for name in [&b""[..], b"a,b", b" a", b"a "] {
        assert_eq!(Subprotocol::parse(name), None, "{}", name.escape_ascii());
    }
}

/// RFC 6455 §9.1: a quoted string stands for a token, so nothing needs quotes.
#[test]
fn an_extension_is_printed_without_quotes() {
    for (field, want) in
        [("foo", "foo"), ("a ;b = c;\td", "a; b=c; d"), ("a;b=\"c\";d=\"\\e\"", "a; b=c; d=e")]
    {
        let offer = Offers::new(field.as_bytes()).next().unwrap().unwrap();
        assert_eq!(offer.to_string(), want);
        let printed = offer.to_string();
        let again = Offers::new(printed.as_bytes()).next().unwrap().unwrap();
        assert!(again.params().eq(offer.params()), "{field}");
    }
}
