//! The handshake in the types of the `http` crate, beyond the cases in `hybi-conform`.

use http::header::{AUTHORIZATION, COOKIE, HOST, SET_COOKIE};
use http::{HeaderValue, Method, StatusCode, Version};
use hybi::handshake::HttpVersion;

use super::*;

/// RFC 6455 §1.2, as a stack hands it over, with a body that nothing is known of.
fn good() -> http::Request<impl Sized> {
    struct Body;
    http::Request::get("/chat?x")
        .header("host", "server.example.com")
        .header("upgrade", "websocket")
        .header("connection", "keep-alive, Upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("origin", "http://example.com")
        .header("sec-websocket-protocol", "chat")
        .header("sec-websocket-protocol", "superchat")
        .header("sec-websocket-version", "13")
        .body(Body)
        .unwrap()
}

#[test]
fn a_request_in_http_types_reads_like_one_from_bytes() {
    let request = good();
    let request = Request::from_http(&request, None).unwrap();
    for request in [request.clone(), request.into_owned()] {
        assert_eq!(
            (request.method(), request.path(), request.query()),
            ("GET", "/chat", Some("x"))
        );
        assert_eq!((request.target(), request.version()), ("/chat?x", HttpVersion::Http11));
        assert_eq!(request.host(), Some("server.example.com"));
        assert_eq!(request.origin(), Some(&b"http://example.com"[..]));
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat", "superchat"]);
        assert_eq!(request.field("Upgrade"), Some(&b"websocket"[..]));
        assert_eq!(request.fields().count(), 8);
        assert_eq!((request.is_upgrade(), request.check()), (true, Ok(())));
    }
}

/// RFC 9112 §3.2: the forms of a target, and what they say of the host.
#[test]
fn the_target_is_that_of_http_1() {
    for (method, uri, target, host) in [
        ("GET", "/chat?a=b", "/chat?a=b", "server.example.com"),
        ("GET", "//evil.net/", "//evil.net/", "server.example.com"),
        ("GET", "/?", "/?", "server.example.com"),
        ("GET", "ws://a:1/b?c", "ws://a:1/b?c", "a:1"),
        ("GET", "http://a", "http://a/", "a"),
        ("OPTIONS", "*", "*", "server.example.com"),
        ("CONNECT", "a:80", "a:80", "server.example.com"),
    ] {
        let mut request = good();
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        *request.uri_mut() = uri.parse().unwrap();
        let request = Request::from_http(&request, None).unwrap();
        assert_eq!((request.target(), request.host()), (target, Some(host)), "{uri}");
        // Only the stack knows whether there is TLS, and the client does not decide it.
        assert_eq!((request.scheme(), request.authority()), (None, None), "{uri}");
    }
}

#[test]
fn each_version_of_http_has_its_rules() {
    let of = |version| {
        let mut request = good();
        *request.version_mut() = version;
        Request::from_http(&request, None).and_then(|request| request.check())
    };
    assert_eq!(of(Version::HTTP_09), Err(Bad::HttpVersion));
    assert_eq!(of(Version::HTTP_10), Err(Bad::Http10));
    assert_eq!(of(Version::HTTP_11), Ok(()));
    // RFC 9113 §8.2.2: no `Connection` there.
    assert_eq!(of(Version::HTTP_2), Err(Bad::ConnectionSpecific));
    assert_eq!(of(Version::HTTP_3), Err(Bad::ConnectionSpecific));

    let mut response = http::Response::new(());
    *response.version_mut() = Version::HTTP_09;
    assert_eq!(Response::from_http(&response).err(), Some(ResponseError::HttpVersion));
    *response.version_mut() = Version::HTTP_2;
    assert_eq!(Response::from_http(&response).unwrap().version(), HttpVersion::Http2);
}

/// RFC 8441 §5.1.
#[test]
fn an_extended_connect_in_http_types() {
    let request = http::Request::connect("https://server.example.com/chat")
        .version(Version::HTTP_2)
        .header("sec-websocket-protocol", "chat, superchat")
        .header("sec-websocket-version", "13")
        .header("origin", "https://server.example.com")
        .body(())
        .unwrap();
    let read = Request::from_http(&request, Some("websocket")).unwrap();
    assert_eq!((read.protocol(), read.scheme()), (Some("websocket"), Some("https")));
    assert_eq!((read.authority(), read.target()), (Some("server.example.com"), "/chat"));
    let acceptance =
        Acceptance::from_same_origin().subprotocol("superchat").field("Set-Cookie", "a=b");
    let (response, _) = acceptance.check(&read).unwrap().into_http().unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "superchat");
    assert_eq!(response.headers().len(), 2);
    // An ordinary CONNECT opens nothing.
    let read = Request::from_http(&request, None).unwrap();
    assert_eq!(read.check(), Err(Bad::ProtocolMissing));
}

#[cfg(feature = "deflate")]
#[test]
fn an_answer_has_what_was_agreed_on() {
    let mut request = good();
    let offer = HeaderValue::from_static("permessage-deflate; client_max_window_bits");
    request.headers_mut().insert("sec-websocket-extensions", offer);
    let config = hybi::Config::default()
        .deflate(hybi::extension::deflate::DeflateConfig::default().incoming_window_bits(10));
    let acceptance = Acceptance::from_any_origin()
        .subprotocol("chat")
        .config(config)
        .field("Set-Cookie", "a=b")
        .field("Set-Cookie", "c=d");
    let request = Request::from_http(&request, None).unwrap();
    let (response, _) = acceptance.check(&request).unwrap().into_http().unwrap();
    assert_eq!(
        (response.status(), response.version()),
        (StatusCode::SWITCHING_PROTOCOLS, Version::HTTP_11)
    );
    let headers = response.headers();
    assert_eq!(headers["upgrade"], "websocket");
    assert_eq!(headers["connection"], "Upgrade");
    assert_eq!(headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(headers["sec-websocket-protocol"], "chat");
    let agreed = "permessage-deflate; client_max_window_bits=10";
    assert_eq!(headers["sec-websocket-extensions"], agreed);
    let cookies: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["a=b", "c=d"]);
    assert_eq!(headers.len(), 7);
    assert!(cookies.iter().all(|cookie| cookie.is_sensitive()));

    let uri = Uri::parse("ws://user:secret@a/").unwrap();
    let request = ClientRequest::new(&uri).field("Proxy-Authorization", "Basic x");
    let request = request.prepare_with_nonce(*b"the sample nonce").unwrap().to_http().unwrap();
    for name in ["authorization", "proxy-authorization"] {
        assert!(request.headers()[name].is_sensitive(), "{name}");
    }
}

/// RFC 9110 §7.8: who sends `Upgrade` lists it in `Connection`.
#[test]
fn a_426_is_complete_in_http_types_and_in_lists() {
    for response in [Bad::Version.rejection(), Bad::UpgradeMissing.rejection(), Rejection::new(426)]
    {
        let fields: Vec<_> = response.check(HttpVersion::Http11).unwrap().fields().collect();
        assert!(fields.contains(&("connection", b"Upgrade")), "{fields:?}");
        let response = response.into_http().unwrap();
        assert_eq!(response.status(), 426);
        assert_eq!(response.headers()["connection"], "Upgrade");
        assert_eq!(response.headers()["upgrade"], "websocket");
        assert_eq!(response.headers()["sec-websocket-version"], "13");
    }
}

#[test]
fn a_rejection_in_http_types_has_its_body() {
    let page = Rejection::new(200).body("text/html", "<p>").field("X", b"\xff");
    let response = page.into_http().unwrap();
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.headers()["x"].as_bytes(), b"\xff");
    assert_eq!(response.body(), "<p>");
    let made = Rejection::new(503).body("text/plain", format!("{}", 1)).into_http().unwrap();
    assert_eq!((made.status(), made.into_body()), (StatusCode::SERVICE_UNAVAILABLE, "1".into()));
    for (rejection, want) in [
        (Rejection::new(101), UsageError::Status),
        (Rejection::new(600), UsageError::Status),
        (Rejection::new(204).body("a/b", "c"), UsageError::Body),
        (Rejection::new(404).field("a b", "c"), UsageError::FieldName),
        (Rejection::new(404).field("a", "b\r\nc: d"), UsageError::FieldValue),
        (Rejection::new(404).field("Connection", "close"), UsageError::FieldReserved),
    ] {
        assert_eq!(rejection.into_http().err(), Some(want));
    }
}

/// What these types cannot hold is the caller's mistake, and no panic.
#[test]
fn what_http_types_cannot_hold_is_an_error() {
    let long = "a".repeat(70_000);
    let request = good();
    let request = Request::from_http(&request, None).unwrap();
    let acceptance = Acceptance::from_any_origin().field(&*long, "b");
    let accepted = acceptance.check(&request).unwrap();
    assert_eq!(accepted.into_http().err(), Some(UsageError::TooLong));
    let many = (0..40_000).fold(Rejection::new(404), |it, n| it.field(format!("a{n}"), "b"));
    assert_eq!(many.into_http().err(), Some(UsageError::TooLong));

    let uri = Uri::parse(&format!("ws://a/{long}")).unwrap();
    let request = ClientRequest::new(&uri);
    let prepared = request.prepare_with_nonce([7; 16]).unwrap();
    assert_eq!(prepared.to_http().err(), Some(UsageError::TooLong));
    let connect = request.prepare_connect().unwrap();
    assert_eq!(connect.to_http().err(), Some(UsageError::TooLong));
}

/// Every character that our URIs can have is one of theirs.
#[test]
fn uris_are_uris_in_http_types() {
    for byte in b' '..=b'~' {
        for text in [format!("ws://a/b{}c", byte as char), format!("ws://a/?b{}c", byte as char)] {
            let Ok(uri) = Uri::parse_lenient(&text) else { continue };
            let request = ClientRequest::new(&uri);
            let prepared = request.prepare_with_nonce([7; 16]).unwrap();
            let sent = prepared.to_http().unwrap_or_else(|error| panic!("{uri}: {error}"));
            assert_eq!(sent.uri(), prepared.target());
            assert!(request.prepare_connect().unwrap().to_http().is_ok(), "{uri}");
        }
    }
}

#[test]
fn credentials_are_not_printed() {
    let uri = Uri::parse("ws://user:secret@a/").unwrap();
    let request = ClientRequest::new(&uri).field("Cookie", "session=17");
    let sent = request.prepare_with_nonce([7; 16]).unwrap().to_http().unwrap();
    assert!(sent.headers()[AUTHORIZATION].is_sensitive() && sent.headers()[COOKIE].is_sensitive());
    assert!(!sent.headers()[HOST].is_sensitive());
    let printed = format!("{sent:?}");
    assert!(!printed.contains("session") && !printed.contains("Basic"), "{printed}");
}
