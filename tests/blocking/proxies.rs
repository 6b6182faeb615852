//! Connecting through a proxy.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hybi::Uri;
use hybi::blocking::{ConnectError, Connector, HttpProxy};
use hybi::handshake::{ClientRequest, HandshakeUsageError};

use crate::handshake::{listen, read_head, serve_hello, server_of};
use crate::stream::text;

#[test]
fn a_tunnel_leads_through_a_proxy() {
    let (listener, port) = listen();
    let proxy = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        (head, serve_hello(stream)) // the proxy is the server, too
    });
    let uri = Uri::parse("ws://server.invalid/").unwrap();
    let connector =
        Connector::new().proxy(HttpProxy::new("127.0.0.1", port).credentials("me", "secret"));
    let mut ws = connector.connect(&ClientRequest::new(&uri)).unwrap();
    assert_eq!(ws.receive().unwrap(), text("hello"));
    assert!(ws.terminate(Duration::from_secs(60)).was_clean());
    let (head, host) = proxy.join().unwrap();
    assert!(head.starts_with("CONNECT server.invalid:80 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"), "{head}");
    assert_eq!(host, "server.invalid");
}

#[test]
fn an_address_of_a_proxy_may_have_its_brackets() {
    let (listener, port) = listen();
    drop(listener); // nobody listens there now, on a machine with IPv6 or without
    let uri = Uri::parse("wss://[2001:db8::1]/").unwrap();
    for host in ["::1", "[::1]", "[0:0:0:0:0:0:0:1]"] {
        match Connector::new().proxy(HttpProxy::new(host, port)).connect_tcp(&uri) {
            Err(ConnectError::Connect(failures)) => {
                let tried: Vec<_> = failures.iter().map(|failed| failed.address).collect();
                assert_eq!(tried, [format!("[::1]:{port}").parse().unwrap()], "{host}");
            }
            other => panic!("{host}: {other:?}"),
        }
    }
}

#[test]
fn a_tunnel_can_be_had_for_tls() {
    let (port, proxy) = server_of(|_| b"HTTP/1.1 200 OK\r\n\r\n".to_vec());
    let uri = Uri::parse("wss://server.invalid/").unwrap();
    let stream =
        Connector::new().proxy(HttpProxy::new("127.0.0.1", port)).connect_tcp(&uri).unwrap();
    assert_eq!((stream.read_timeout().unwrap(), stream.write_timeout().unwrap()), (None, None));
    drop(stream);
    assert!(proxy.join().unwrap().starts_with("CONNECT server.invalid:443 HTTP/1.1\r\n"));
}

/// TLS begins with the client (RFC 8446 §2), so whoever sends before has not understood. The bytes
/// must not vanish.
#[test]
fn bytes_that_come_with_the_tunnel_are_not_lost() {
    const EARLY: &str = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    let (port, proxy) = server_of(|_| EARLY.into());
    let connector = Connector::new().proxy(HttpProxy::new("127.0.0.1", port));
    let uri = Uri::parse("wss://server.invalid/").unwrap();
    match connector.connect_tcp(&uri) {
        Err(ConnectError::Io(error)) => assert_eq!(error.kind(), ErrorKind::InvalidData),
        other => panic!("{other:?}"),
    }
    proxy.join().unwrap();
    // Without TLS they are the server's answer (RFC 9110 §9.3.6).
    let (port, proxy) = server_of(|_| EARLY.into());
    let connector = Connector::new().proxy(HttpProxy::new("127.0.0.1", port));
    let uri = Uri::parse("ws://server.invalid/").unwrap();
    match connector.connect(&ClientRequest::new(&uri)) {
        Err(ConnectError::Refused(refusal)) => assert_eq!(refusal.to_string(), "503 Busy"),
        other => panic!("{other:?}"),
    }
    proxy.join().unwrap();
}

#[test]
fn a_proxy_may_refuse() {
    let (port, proxy) =
        server_of(|_| b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n".to_vec());
    let uri = Uri::parse("ws://server.invalid/").unwrap();
    match Connector::new()
        .proxy(HttpProxy::new("127.0.0.1", port))
        .connect(&ClientRequest::new(&uri))
    {
        Err(ConnectError::ProxyRefused(refusal)) => {
            assert_eq!(refusal.to_string(), "407 Who are you")
        }
        other => panic!("{other:?}"),
    }
    proxy.join().unwrap();
}

// ---- 407

/// A proxy that answers each request with the next of `answers` and, after a `200`, is the server,
/// too. An answer that ends with `CLOSE` closes the stream. Returns, for each stream, the heads
/// that came over it.
fn proxy_of(answers: &'static [&'static str]) -> (u16, JoinHandle<Vec<Vec<String>>>) {
    let (listener, port) = listen();
    let thread = thread::spawn(move || {
        let (mut streams, mut answers) = (Vec::new(), answers.iter());
        while !answers.as_slice().is_empty() {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heads = Vec::new();
            while let Some(head) = try_read_head(&mut stream) {
                heads.push(head);
                let answer = answers.next().expect("no further request");
                stream.write_all(answer.trim_end_matches(CLOSE).as_bytes()).unwrap();
                if answer.starts_with("HTTP/1.1 200") {
                    serve_hello(stream);
                    break;
                }
                if answer.ends_with(CLOSE) {
                    break;
                }
            }
            streams.push(heads);
        }
        streams
    });
    (port, thread)
}

const CLOSE: &str = "<close>";
const TUNNEL: &str = "HTTP/1.1 200 OK\r\n\r\n";
const DEMAND: &str = "HTTP/1.1 407 x\r\nProxy-Authenticate: Test nonce=1\r\n\
    Content-Length: 5\r\n\r\nsorry";

/// Returns `None` if the stream ends instead.
fn try_read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

/// Connects, answers demands with `Test 1`, `Test 2` and so on, and hears the server's hello.
#[track_caller]
fn connect_through(port: u16) {
    let tries = Mutex::new(0);
    let proxy = HttpProxy::new("127.0.0.1", port).field("User-Agent", "test/1").authorize(
        move |refusal, target| {
            assert_eq!(target, "server.invalid:80");
            let challenge = refusal.response().field("proxy-authenticate");
            assert_eq!(challenge, Some(&b"Test nonce=1"[..]));
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            Some(format!("Test {tries}"))
        },
    );
    let uri = Uri::parse("ws://server.invalid/").unwrap();
    let mut ws = Connector::new().proxy(proxy).connect(&ClientRequest::new(&uri)).unwrap();
    assert_eq!(ws.receive().unwrap(), text("hello"));
    assert!(ws.terminate(Duration::from_secs(60)).was_clean());
}

/// The credentials in each head.
fn authorizations(heads: &[String]) -> Vec<Option<&str>> {
    heads
        .iter()
        .map(|head| {
            assert!(head.starts_with("CONNECT server.invalid:80 HTTP/1.1\r\n"), "{head}");
            assert!(head.contains("\r\nUser-Agent: test/1\r\n"), "{head}");
            assert!(head.matches("Proxy-Authorization").count() <= 1, "{head}");
            let value = head.split("\r\nProxy-Authorization: ").nth(1)?;
            value.split("\r\n").next()
        })
        .collect()
}

/// RFC 9112 §9.3, §6.3: the body of the 407 is read to its end, and then the stream can be used.
#[test]
fn after_a_407_the_same_stream_is_asked_again() {
    for answers in [
        &[DEMAND, TUNNEL],
        &["HTTP/1.1 407 x\r\nproxy-authenticate:Test nonce=1\r\nContent-Length: 0\r\n\r\n", TUNNEL],
        &[
            "HTTP/1.1 407 x\r\nProxy-Authenticate: Test nonce=1\r\nTransfer-Encoding: chunked\r\n\
            \r\n3\r\nsor\r\n2;a=b\r\nry\r\n0\r\nX: y\r\n\r\n",
            TUNNEL,
        ],
    ] {
        let (port, proxy) = proxy_of(answers);
        connect_through(port);
        let streams = proxy.join().unwrap();
        assert_eq!(streams.len(), 1, "{answers:?}");
        assert_eq!(authorizations(&streams[0]), [None, Some("Test 1")]);
    }
}

/// Such as NTLM's and Negotiate's, which authorize a connection.
#[test]
fn a_scheme_may_need_several_steps_over_one_stream() {
    let (port, proxy) = proxy_of(&[DEMAND, DEMAND, DEMAND, TUNNEL]);
    connect_through(port);
    let streams = proxy.join().unwrap();
    assert_eq!(streams.len(), 1);
    let want = [None, Some("Test 1"), Some("Test 2"), Some("Test 3")];
    assert_eq!(authorizations(&streams[0]), want);
}

/// RFC 9112 §9.3, §6.3: without a length, or if the proxy says so, the stream ends with the 407.
#[test]
fn a_407_that_ends_its_stream_is_answered_over_a_new_one() {
    for answers in [
        &[
            "HTTP/1.1 407 x\r\nProxy-Authenticate: Test nonce=1\r\nConnection: close\r\n\
            Content-Length: 5\r\n\r\nsorry",
            TUNNEL,
        ],
        &["HTTP/1.1 407 x\r\nProxy-Authenticate: Test nonce=1\r\n\r\nsorry<close>", TUNNEL],
        &[
            "HTTP/1.0 407 x\r\nProxy-Authenticate: Test nonce=1\r\nContent-Length: 5\r\n\r\nsorry",
            TUNNEL,
        ],
        &[
            // RFC 9112 §9.2: what follows answers no request.
            "HTTP/1.1 407 x\r\nProxy-Authenticate: Test nonce=1\r\nContent-Length: 5\r\n\r\n\
            sorryHTTP/1.1 200 OK\r\n\r\n",
            TUNNEL,
        ],
        &[
            // Cut off.
            "HTTP/1.1 407 x\r\nProxy-Authenticate: Test nonce=1\r\nContent-Length: 9\r\n\r\n\
            sorry<close>",
            TUNNEL,
        ],
        &[
            // Closed without a word.
            "HTTP/1.1 407 x\r\nProxy-Authenticate: Test nonce=1\r\nContent-Length: 5\r\n\r\n\
            sorry<close>",
            TUNNEL,
        ],
    ] {
        let (port, proxy) = proxy_of(answers);
        connect_through(port);
        let streams = proxy.join().unwrap();
        let heads: Vec<_> = streams.iter().map(|heads| authorizations(heads)).collect();
        assert_eq!(heads, [[None], [Some("Test 1")]], "{answers:?}");
    }
}

#[test]
fn a_proxy_that_always_demands_is_given_up() {
    let (port, proxy) = proxy_of(&[DEMAND, DEMAND, DEMAND, DEMAND]);
    let uri = Uri::parse("ws://server.invalid/").unwrap();
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    let through = HttpProxy::new("127.0.0.1", port).authorize(move |_, _| {
        *counted.lock().unwrap() += 1;
        Some("Test x".into())
    });
    match Connector::new().proxy(through).connect_tcp(&uri) {
        Err(ConnectError::ProxyRefused(refusal)) => assert_eq!(refusal.response().status(), 407),
        other => panic!("{other:?}"),
    }
    assert_eq!(*calls.lock().unwrap(), 3);
    assert_eq!(proxy.join().unwrap().concat().len(), 4);
}

#[test]
fn without_an_answer_a_407_is_the_error() {
    for (answer, calls) in [(DEMAND, 1), ("HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n", 0)] {
        let (port, proxy) = server_of(|_| answer.into());
        let uri = Uri::parse("ws://server.invalid/").unwrap();
        let called = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&called);
        let through = HttpProxy::new("127.0.0.1", port).authorize(move |_, _| {
            *counted.lock().unwrap() += 1;
            None
        });
        let result = Connector::new().proxy(through).connect_tcp(&uri);
        assert!(matches!(result, Err(ConnectError::ProxyRefused(_))), "{result:?}");
        assert_eq!(*called.lock().unwrap(), calls, "{answer}");
        proxy.join().unwrap();
    }
}

#[test]
fn credentials_that_break_out_of_their_line_are_refused() {
    let (port, proxy) = server_of(|_| DEMAND.into());
    let uri = Uri::parse("ws://server.invalid/").unwrap();
    let through =
        HttpProxy::new("127.0.0.1", port).authorize(|_, _| Some("Test x\r\nHost: other".into()));
    let result = Connector::new().proxy(through).connect_tcp(&uri);
    assert!(
        matches!(result, Err(ConnectError::Usage(HandshakeUsageError::FieldValue))),
        "{result:?}"
    );
    assert!(proxy.join().unwrap().starts_with("CONNECT "));
}

/// They are checked before anything is opened.
#[test]
fn a_field_that_cannot_be_sent_opens_nothing() {
    let uri = Uri::parse("ws://server.invalid/").unwrap();
    let (listener, port) = listen();
    for (name, value, want) in [
        ("a b", "x", HandshakeUsageError::FieldName),
        ("a", "x\r\n", HandshakeUsageError::FieldValue),
        ("Host", "x", HandshakeUsageError::FieldReserved),
    ] {
        let through = HttpProxy::new("127.0.0.1", port).field(name, value);
        match Connector::new().proxy(through).connect_tcp(&uri) {
            Err(ConnectError::Usage(error)) => assert_eq!(error, want),
            other => panic!("{other:?}"),
        }
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
