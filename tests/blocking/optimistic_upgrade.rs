//! The demands of draft-ietf-httpbis-optimistic-upgrade, over streams: what is written before the
//! switch is confirmed, and what becomes of a stream whose request was refused. What the
//! handshakes themselves do is in `handshake/optimistic_upgrade.rs`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hybi::Uri;
use hybi::blocking::{self, AcceptError, ConnectError, Connector, HttpProxy, Hub, HubConfig};
use hybi::frame::OpCode;
use hybi::handshake::{Acceptance, ClientRequest, Rejection, RequestError};

use crate::handshake::{listen, read_head};
use crate::stream::{In, Script, masked};

const CONNECT: &str = "CONNECT server.invalid:80 HTTP/1.1\r\nHost: server.invalid:80\r\n\r\n";
const SMUGGLED: &str = "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// "Requirements for HTTP CONNECT", item 1. A refused CONNECT closes its stream, and the CONNECT is
/// all that was ever written.
#[test]
fn connect_nothing_is_forwarded_before_a_2xx() {
    for response in [
        "HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 504 x\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 302 x\r\nLocation: http://other.invalid/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 O",
        "SSH-2.0-x\r\n",
        "",
    ] {
        let (listener, port) = listen();
        let proxy = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = read_head(&mut stream).into_bytes();
            stream.write_all(response.as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            stream.read_to_end(&mut seen).unwrap(); // it is closed, or this does not return
            String::from_utf8(seen).unwrap()
        });
        let uri = Uri::parse("ws://server.invalid/").unwrap();
        let connector = Connector::new().proxy(HttpProxy::new("127.0.0.1", port));
        let result = connector.connect(&ClientRequest::new(&uri));
        assert!(
            matches!(
                result,
                Err(ConnectError::ProxyRefused(_)
                    | ConnectError::Response(_)
                    | ConnectError::Io(_))
            ),
            "{response:?} {result:?}"
        );
        assert_eq!(proxy.join().unwrap(), CONNECT, "{response:?}");
    }
}

/// The same section: a proxy that obeys the draft closes after a 407 whatever the 407 says. The
/// next try is another CONNECT, and never payload.
#[test]
fn connect_after_a_407_comes_nothing_but_another_connect() {
    const DEMAND: &str = "HTTP/1.1 407 x\r\nProxy-Authenticate: Test\r\nContent-Length: 0\r\n\r\n";
    for closes in [true, false] {
        let (listener, port) = listen();
        let proxy = thread::spawn(move || {
            let (mut first, _) = listener.accept().unwrap();
            let mut seen = vec![read_head(&mut first)];
            first.write_all(DEMAND.as_bytes()).unwrap();
            let mut second = if closes {
                drop(first);
                listener.accept().unwrap().0
            } else {
                first
            };
            seen.push(read_head(&mut second));
            second.write_all(b"HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n").unwrap();
            let mut rest = Vec::new();
            second.read_to_end(&mut rest).unwrap();
            (seen, rest)
        });
        let uri = Uri::parse("ws://server.invalid/").unwrap();
        let through = HttpProxy::new("127.0.0.1", port).authorize(|_, _| Some("Test x".into()));
        match Connector::new().proxy(through).connect(&ClientRequest::new(&uri)) {
            Err(ConnectError::ProxyRefused(refusal)) => {
                assert_eq!(refusal.response().status(), 403);
            }
            other => panic!("{other:?}"),
        }
        let (seen, rest) = proxy.join().unwrap();
        let authorized = CONNECT.replace("\r\n\r\n", "\r\nProxy-Authorization: Test x\r\n\r\n");
        assert_eq!(seen, [CONNECT, &authorized]);
        assert_eq!(rest, b"");
    }
}

/// "WebSocket": the client waits for the response. Refused, it has written the request alone.
#[test]
fn websocket_a_refused_client_has_sent_no_frame() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 401 x\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 x\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 103 x\r\n\r\n",
    ] {
        let stream = Script::new([In::Bytes(response.into())]);
        let uri = Uri::parse("ws://server.invalid/").unwrap();
        let result = Connector::new().connect_over(stream.clone(), &ClientRequest::new(&uri));
        assert!(result.is_err(), "{response:?}");
        let written = String::from_utf8(stream.written()).unwrap();
        assert!(written.starts_with("GET / HTTP/1.1\r\n"), "{written}");
        assert_eq!(written.find("\r\n\r\n"), Some(written.len() - 4), "{written}");
    }
}

/// "Request Smuggling", from the server's side: a refused request is the last one of its stream,
/// which is closed with what came after it unread.
#[test]
fn what_follows_a_refused_request_is_no_request() {
    let connect = format!("{CONNECT}{SMUGGLED}").into_bytes();
    let upgrade = [UPGRADE.as_bytes(), &masked(OpCode::TEXT, b"Hello"), SMUGGLED.as_bytes()];
    for (bytes, status) in [(connect, 405), (upgrade.concat(), 503)] {
        let stream = Script::new([In::Bytes(bytes)]);
        let pending = blocking::receive_request(stream.clone()).unwrap();
        if status == 405 {
            let result = pending.accept(&Acceptance::from_any_origin()).map(|_| ());
            assert!(matches!(result, Err(AcceptError::Request(RequestError::Method))));
        } else {
            pending.reject(&Rejection::new(status)).unwrap();
        }
        let written = String::from_utf8(stream.written()).unwrap();
        assert!(written.starts_with(&format!("HTTP/1.1 {status} ")), "{written}");
        assert!(written.contains("\r\nConnection: close"), "{written}");
        assert_eq!(written.matches("HTTP/1.1").count(), 1, "{written}");
        assert_eq!(stream.log.borrow().shut, [Shutdown::Write]);
    }
}

/// The same with a hub, whose handler sees one request for each connection.
#[test]
fn a_hub_sees_no_second_request_on_a_refused_connection() {
    let (listener, port) = listen();
    let (sender, seen) = mpsc::channel();
    let hub = Hub::new(HubConfig::default());
    let server = hub.clone();
    let serving = thread::spawn(move || {
        server.serve(listener, move |arrival| {
            sender.send(arrival.request().target().to_owned())?;
            Ok(arrival.reject(&Rejection::new(503))?)
        })
    });
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.write_all(format!("{UPGRADE}{SMUGGLED}").as_bytes()).unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert_eq!(response.matches("HTTP/1.1").count(), 1, "{response}");
    drop(client);
    hub.terminate(Duration::ZERO);
    serving.join().unwrap().unwrap();
    assert_eq!(seen.iter().collect::<Vec<_>>(), ["/chat"]);
}
