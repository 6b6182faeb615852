//! Classes 16, 17 and 18: credentials that follow a redirect, web pages that connect in their visitors' names, and TLS.

use hybi::handshake::{
    Acceptance, Answer, ClientRequest, HeadLimits, ProxyAnswer, ProxyHandshake, ProxyRequest,
    RequestError as Bad, ServerHandshakeError,
};
use hybi::{ClientHandshake, Input, Outbox, ServerHandshake, Uri};

use crate::common::KEY;
use crate::doors::same_from_parts;

/// A redirect is an answer like others: handed out with its `Location`, and nothing is written. `receive` of a client has no output
/// to write to. `a_refusal_is_handed_out_and_a_redirect_not_followed` shows the same for `blocking`, over TCP.
#[test]
fn class_16_a_redirect_is_handed_out_and_never_followed() {
    for status in [301, 302, 303, 307, 308] {
        let uri = Uri::parse("ws://user:secret@a.example/").unwrap();
        let request = ClientRequest::new(&uri).field("Cookie", "id=secret");
        let mut out = Outbox::new();
        let mut client = ClientHandshake::with_keys(&request, [1; 16], || KEY, &mut out).unwrap();
        let written = out.clone();
        let mut bytes = format!(
            "HTTP/1.1 {status} x\r\nLocation: ws://evil.example/\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes();
        match client.receive(&mut Input::new(&mut bytes)).unwrap().unwrap() {
            Answer::Refused(refused) => {
                assert_eq!(refused.response().status(), status);
                assert_eq!(refused.response().field("location"), Some(&b"ws://evil.example/"[..]));
            }
            Answer::Open(..) => panic!("open"),
        }
        assert_eq!(out, written);
        // The machine is done: what comes from there on is not an answer.
        assert!(
            client
                .receive(&mut Input::new(&mut b"HTTP/1.1 101 x\r\n\r\n".to_vec()))
                .unwrap()
                .is_none()
        );
    }
}

/// The password for the proxy goes to the proxy, that for the server to the server, and neither to the other.
#[test]
fn class_16_credentials_go_where_they_belong() {
    let uri = Uri::parse("ws://user:secret@server.example/").unwrap();
    let mut to_proxy = Outbox::new();
    let request = ProxyRequest::new(uri.host(), uri.port()).credentials("proxy-user", "x");
    let mut proxy = ProxyHandshake::new(&request, &mut to_proxy).unwrap();
    let to_proxy = String::from_utf8(to_proxy.take()).unwrap();
    assert!(
        to_proxy.contains("\r\nProxy-Authorization: Basic ")
            && !to_proxy.contains("\r\nAuthorization")
    );
    let mut bytes = *b"HTTP/1.1 200 OK\r\n\r\n";
    assert!(matches!(proxy.receive(&mut Input::new(&mut bytes)), Ok(Some(ProxyAnswer::Open(_)))));
    let mut to_server = Outbox::new();
    ClientHandshake::with_keys(&ClientRequest::new(&uri), [1; 16], || KEY, &mut to_server).unwrap();
    let to_server = String::from_utf8(to_server.take()).unwrap();
    assert!(to_server.contains("\r\nAuthorization: Basic ") && !to_server.contains("Proxy-"));
    // And nothing of it is in the request line or the Host, where it would get into logs.
    assert!(!to_server.contains("secret") && to_server.contains("\r\nHost: server.example\r\n"));

    // A proxy that redirects is not followed, either.
    let mut proxy =
        ProxyHandshake::new(&ProxyRequest::new("a", 80).credentials("u", "p"), &mut Outbox::new())
            .unwrap();
    let mut bytes =
        *b"HTTP/1.1 302 x\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n";
    assert!(matches!(
        proxy.receive(&mut Input::new(&mut bytes)),
        Ok(Some(ProxyAnswer::Refused(_)))
    ));
}

/// The verdict on a request with these lines, through every door.
fn connect(host: &str, origins: &str, accept: &Acceptance<'_>) -> Result<(), Bad> {
    let mut bytes = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{origins}\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nCookie: id=1\r\n\r\n"
    )
    .into_bytes();
    let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let request = server.receive(&mut Input::new(&mut bytes), &mut out).unwrap().unwrap();
    let verdict = match server.accept(&request, accept, &mut out) {
        Ok(_) => {
            assert!(out.front().starts_with(b"HTTP/1.1 101 "));
            Ok(())
        }
        Err(ServerHandshakeError::Request(error)) => {
            assert!(out.front().starts_with(b"HTTP/1.1 403 "), "{}", out.front().escape_ascii());
            Err(error)
        }
        Err(error) => panic!("{error}"),
    };
    drop(request);
    same_from_parts(&bytes, accept, verdict);
    verdict
}

/// Origins of pages that are not those of `https://example.com`, however much they look like it.
const TRICKS: [&str; 41] = [
    "https://example.com.evil.net",    // a prefix
    "https://example.comevil.net",     //
    "https://example.co",              // cut short
    "https://example.com.",            // another name to browsers
    "https://evil-example.com",        // a suffix
    "https://evilexample.com",         //
    "https://evil.example.com",        // a subdomain
    "https://com",                     //
    "https://example.com:444",         // a port
    "https://example.com:80",          //
    "https://example.com:4430",        //
    "https://example.com:65979",       // 65536 + 443
    "https://example.com:0443x",       //
    "https://example.com:+443",        //
    "https://example.com:443:443",     //
    "https://example.com:-1",          //
    "https://example.com@evil.net",    // userinfo
    "https://evil.net@example.com",    //
    "https://user:pw@example.com",     //
    "https://evil.net:pw@example.com", //
    "https://evil.net/example.com",    // paths, queries, fragments
    "https://evil.net?example.com",    //
    "https://evil.net#example.com",    //
    "https://evil.net\\example.com",   //
    "https://example.com/",            // not as browsers write origins
    "https://example.com\\.evil.net",  //
    "https://example.com%2eevil.net",  //
    "https://example.com https://evil.net",
    "https://evil.net https://example.com",
    "https://example.com, https://evil.net",
    "https://evil.net,https://example.com",
    "null",                           // sandboxes, files
    "NULL",                           //
    "",                               //
    "*",                              //
    "example.com",                    // no scheme
    "//example.com",                  //
    "https:example.com",              //
    "ftp://example.com",              // another scheme
    "chrome-extension://example.com", //
    "https://ex\u{e4}mple.com",       //
];

#[test]
fn class_17_origins_that_only_look_alike_are_refused() {
    let list =
        Acceptance::from_origins(["https://example.com", "https://other.example:8443"]).unwrap();
    for origin in TRICKS {
        let line = format!("Origin: {origin}\r\n");
        assert_eq!(
            connect("example.com", &line, &Acceptance::from_same_origin()),
            Err(Bad::Origin),
            "{origin:?}"
        );
        assert_eq!(connect("example.com", &line, &list), Err(Bad::Origin), "{origin:?}");
    }
    // The policies can also say yes.
    for origin in ["https://example.com", "HTTPS://Example.COM"] {
        let line = format!("Origin: {origin}\r\n");
        assert_eq!(connect("example.com", &line, &Acceptance::from_same_origin()), Ok(()));
        assert_eq!(connect("elsewhere.example", &line, &list), Ok(()));
    }
    // A list means what it says: the scheme and the port are part of an origin.
    for origin in [
        "http://example.com",
        "https://example.com:443",
        "https://other.example",
        "http://other.example:8443",
    ] {
        assert_eq!(
            connect("example.com", &format!("Origin: {origin}\r\n"), &list),
            Err(Bad::Origin),
            "{origin}"
        );
    }
    // Two origins are none, in either order, also if both are good.
    for (a, b) in
        [("evil.net", "example.com"), ("example.com", "evil.net"), ("example.com", "example.com")]
    {
        let lines = format!("Origin: https://{a}\r\nORIGIN: https://{b}\r\n");
        assert_eq!(
            connect("example.com", &lines, &Acceptance::from_same_origin()),
            Err(Bad::Origin)
        );
        assert_eq!(connect("example.com", &lines, &list), Err(Bad::Origin));
    }
}

/// The same name at another port is another origin, whichever of the two names the port.
#[test]
fn class_17_the_port_is_part_of_an_origin() {
    let same = Acceptance::from_same_origin();
    for (host, origin, ok) in [
        ("a:8080", "http://a:8080", true),
        ("a:8080", "http://a", false),
        ("a", "http://a:8080", false),
        ("a:80", "http://a", true),
        ("a:443", "https://a", true),
        ("a:443", "http://a", false),
        ("a:80", "https://a", false),
        ("a", "http://a:443", false),
        ("a", "https://a", true), // as documented: a Host without a port may be that of TLS that a proxy ends
        ("[::1]:8080", "http://[::1]:8080", true),
        ("[::1]:8080", "http://[::2]:8080", false),
        ("127.0.0.1:8080", "http://localhost:8080", false),
        ("127.0.0.1:8080", "http://127.0.0.1.evil.net:8080", false),
    ] {
        let got = connect(host, &format!("Origin: {origin}\r\n"), &same).is_ok();
        assert_eq!(got, ok, "{host}, {origin}");
    }
}

/// `null` passes where it is listed, and nowhere else: every sandboxed frame of every page has it.
#[test]
fn class_17_null_is_an_origin_only_if_it_is_listed() {
    let line = "Origin: null\r\n";
    assert_eq!(connect("null", line, &Acceptance::from_same_origin()), Err(Bad::Origin));
    assert_eq!(
        connect("a", line, &Acceptance::from_origins::<&str>([]).unwrap()),
        Err(Bad::Origin)
    );
    assert_eq!(connect("a", line, &Acceptance::from_origins(["null"]).unwrap()), Ok(()));
    assert_eq!(connect("a", line, &Acceptance::from_any_origin()), Ok(()));
}

/// What the policies cannot know, as docs/security.md says: a name that an attacker points at our address is the same origin as
/// itself (DNS rebinding). A list of origins refuses it; so does a look at `Request::host`.
#[test]
fn class_17_the_same_origin_of_a_foreign_name_is_what_a_list_refuses() {
    let line = "Origin: http://rebound.evil.net:8080\r\n";
    assert_eq!(connect("rebound.evil.net:8080", line, &Acceptance::from_same_origin()), Ok(()));
    let list = Acceptance::from_origins(["http://localhost:8080"]).unwrap();
    assert_eq!(connect("rebound.evil.net:8080", line, &list), Err(Bad::Origin));
}

/// The one thing that we can do wrong without TLS we do not: speak in the clear to who asked for `wss:`.
#[cfg(all(feature = "rand", not(feature = "rustls")))]
#[test]
fn class_18_a_secure_uri_is_never_spoken_to_in_the_clear() {
    use hybi::blocking::{ConnectError, Connector, HttpProxy, connect};
    use std::net::TcpListener;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let uri = Uri::parse(&format!("wss://127.0.0.1:{port}/")).unwrap();
    let error = Connector::new().connect(&ClientRequest::new(&uri)).unwrap_err();
    assert!(matches!(error, ConnectError::NeedsTls));
    assert!(matches!(connect(&uri.to_string()), Err(ConnectError::NeedsTls)));
    // Through a proxy, either: it is not even asked.
    let error = Connector::new()
        .proxy(HttpProxy::new("127.0.0.1", port))
        .connect(&ClientRequest::new(&uri))
        .unwrap_err();
    assert!(matches!(error, ConnectError::NeedsTls));
    listener.set_nonblocking(true).unwrap();
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "nobody has called"
    );
}

/// And with TLS the first byte is that of its handshake: content type 22 (RFC 8446 §5.1).
#[cfg(all(feature = "rand", feature = "rustls"))]
#[test]
fn class_18_a_secure_uri_is_spoken_to_in_tls() {
    use hybi::blocking::{ConnectError, connect};
    use std::io::Read;
    use std::net::{Shutdown, TcpListener};

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        let mut first = [0];
        socket.read_exact(&mut first).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let _ = socket.read_to_end(&mut Vec::new());
        first
    });
    let error = connect(&format!("wss://127.0.0.1:{port}/")).unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error}");
    assert_eq!(serving.join().unwrap(), [22]);
}
