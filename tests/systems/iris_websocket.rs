//! The documentation of `%CSP.WebSocket` in InterSystems IRIS, step by step, as a user of it does
//! it with `--example push`. The names of the tests are its headings.

use std::io::{Read, Write};
use std::net::TcpStream;

use hybi::blocking::{Connector, Error};
use hybi::handshake::ClientRequest;
use hybi::{CloseCode, Message, Uri};

use crate::program::{Program, Talker};

const CLASS: &str = "/csp/user/MyApp.MyWebSocketServer.cls";

/// The messages of the handshake are those of the documentation.
#[test]
fn websockets_protocol() {
    let push = Program::start("push", &[]);
    let request = "GET /csp/user/MyApp.MyWebSocketServer.cls HTTP/1.1\r\n\
        Host: localhost\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\
        Sec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Version: 13\r\n\
        Origin: http://localhost\r\n\r\n";
    let response = "HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n\
        Sec-WebSocket-Protocol: chat\r\n\r\n";
    let mut stream = TcpStream::connect(&push.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0; response.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), response);
}

/// The echo server: `Read` with a time-out, `$$$CSPWebSocketTimeout`, `exit`, `EndServer`; and a
/// client that leaves, `$$$CSPWebSocketClosed`.
#[test]
fn websockets_server_example() {
    let push = Program::start("push", &["--timeout", "0.05"]);
    let client = push.client(CLASS);
    assert!(client.text().starts_with("timed out at "));
    client.send("gr\u{fc}\u{df}e");
    while client.text() != "gr\u{fc}\u{df}e" {}
    client.send("exit");
    let closed = client.end();
    assert_eq!((closed.code(), closed.was_clean()), (1000, true));
    push.line("connection 1 ended: 1000");
    let client = push.client(CLASS);
    client.writer.close(CloseCode::GOING_AWAY, "").unwrap();
    client.end();
    push.line("connection 2 ended: 1001");
}

/// The document's loop with `len=4`: `Read` returns at most so many characters, and the rest next.
#[test]
fn read() {
    let push = Program::start("push", &[]);
    let client = push.client(&format!("{CLASS}?len=4"));
    client.send("H\u{e4}llo, world");
    assert_eq!([client.text(), client.text(), client.text()], ["H\u{e4}ll", "o, w", "orld"]);
    client.send("");
    assert_eq!(client.text(), "");
    // A part that is "exit" is no exit.
    client.send("1234exit");
    assert_eq!([client.text(), client.text()], ["1234", "exit"]);
    client.send("exit");
    assert_eq!(client.end().code(), 1000);
}

/// A time-out within a message keeps what was read of it.
#[test]
fn read_with_a_time_out() {
    let push = Program::start("push", &["--timeout", "0.05"]);
    let client = push.client(&format!("{CLASS}?len=6"));
    client.writer.send_part("012").unwrap();
    client.writer.ping(b"").unwrap();
    for _ in 0..3 {
        assert!(client.text().starts_with("timed out at "));
    }
    client.writer.send_last_part("3456789").unwrap();
    let mut texts = (0..).map(|_| client.text()).filter(|text| !text.starts_with("timed out"));
    assert_eq!([texts.next().unwrap(), texts.next().unwrap()], ["012345", "6789"]);
}

/// `BinaryData = 1`.
#[test]
fn binary_data() {
    let push = Program::start("push", &[]);
    let client = push.client(&format!("{CLASS}?binary=1"));
    client.send("text");
    assert_eq!(client.next(), Message::from(b"text".to_vec()));
}

/// `SharedConnection = 1`: the id is kept (`MYAPP.SAVE`), `Server` quits, and the connection lives
/// on. Somebody else takes the id (`MYAPP.RETRIEVE`), opens it, writes, reads and ends it.
#[test]
fn websockets_server_asynchronous_operation() {
    let mut push = Program::start("push", &["--timeout", "60"]);
    let client = push.client(&format!("{CLASS}?shared=1"));
    let saved = push.line(&format!("opened: {CLASS}, asynchronous"));
    let id = saved.split(' ').nth(4).unwrap().to_owned();
    assert!(id.parse::<u64>().is_ok(), "{saved}");

    // OpenServer and Write.
    push.type_line(&format!("{id} message"));
    assert_eq!(client.text(), "message");
    // Read, with a len and without.
    client.send("an answer");
    push.type_line(&format!("read {id} 3"));
    push.line(&format!("{id} says \"an \", and more"));
    push.type_line(&format!("read {id}"));
    push.line(&format!("{id} says \"answer\""));
    // EndServer.
    push.type_line(&format!("close {id}"));
    assert_eq!(client.end().code(), 1000);
    push.line(&format!("connection {id} ended: 1000"));
    push.type_line(&format!("{id} too late"));
    push.line(&format!("error: connection {id} has ended: 1000"));
}

/// The socket expires when there is no activity for the session's time-out.
#[test]
fn shared_connection() {
    let push = Program::start("push", &["--session-timeout", "0.2"]);
    let client = push.client(&format!("{CLASS}?shared=1"));
    let closed = client.end();
    assert_eq!((closed.code(), closed.reason()), (3008, "expired: no message for 0.2 s"));
    // A synchronous one does not.
    let mut ws = push.connect(CLASS).unwrap();
    ws.set_read_timeout(std::time::Duration::from_secs(1)).unwrap();
    assert!(matches!(ws.receive(), Err(Error::TimedOut)));
}

/// The page begins a session, whose values the service has at hand; detached, it has the id only.
#[test]
fn session_id() {
    let push = Program::start("push", &[]);
    let answer = push.http("PUT /session HTTP/1.1\r\nContent-Length: 0");
    let cookie = answer.lines().find_map(|line| line.split_once("push-session=")).unwrap().1;
    let cookie = format!("push-session={}", cookie.split(';').next().unwrap());
    let connect = |path: &str| {
        let uri = Uri::parse(&format!("ws://{}{path}", push.address)).unwrap();
        let request = ClientRequest::new(&uri).field("Cookie", &*cookie);
        Talker::new(Connector::new().connect(&request).unwrap())
    };
    let first = connect("/session");
    assert!(first.text().contains("connection 1: nobody"));
    first.send("name Ann");
    assert_eq!(first.text(), "you are Ann");
    assert!(connect("/session").text().contains("connection 2: Ann"));
    let _detached = connect(&format!("{CLASS}?shared=1"));
    let line = push.line(&format!("connection 3 opened: {CLASS}, asynchronous"));
    let id = &cookie["push-session=".len()..];
    assert!(line.contains(&format!("session {}...", &id[..6])) && !line.contains(id), "{line}");
}
