//! `--example inspect`: between a client and the echo server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;

use crate::program::{PATIENCE, Program, example};

/// An echo server, and a proxy before it.
struct Inspected {
    proxy: Program,
    _server: Program,
}

impl Inspected {
    fn start(options: &[&str]) -> Self {
        let server = Program::start("echo_server", &[]);
        let uri = format!("ws://{}/", server.address);
        let proxy = Program::start("inspect", &[&[&*uri], options].concat());
        Self { proxy, _server: server }
    }

    fn raw(&self) -> TcpStream {
        raw(&self.proxy)
    }
}

/// A connection without a WebSocket library, with the handshake done.
fn raw(proxy: &Program) -> TcpStream {
    let mut stream = TcpStream::connect(&proxy.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(
            b"GET /raw HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .unwrap();
    assert!(head(&mut stream).starts_with(b"HTTP/1.1 101 "));
    stream
}

fn head(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    head
}

/// A proxy before a server that reads a request, answers with these bytes, and then does nothing.
fn before_silence(answer: &[u8]) -> (Program, thread::JoinHandle<TcpStream>) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Program::start("inspect", &[&format!("ws://{}/", server.local_addr().unwrap())]);
    let answer = answer.to_vec();
    let serving = thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        head(&mut stream);
        stream.write_all(&answer).unwrap();
        stream
    });
    (proxy, serving)
}

/// The answer of RFC 6455 §1.3 to the key of [`raw`].
const ANSWER: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// The example `client` is one that knows nothing of the proxy.
#[test]
fn each_frame_is_a_line() {
    let inspected = Inspected::start(&[]);
    let uri = format!("ws://{}/", inspected.proxy.address);
    let mut client = example("client")
        .args([&uri, "--send", "/ping are you there?", "--close", "3001", "good\u{202e}bye"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all("caf\u{e9} \u{1b}[2J\n".as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("caf\u{e9}"));
    let proxy = &inspected.proxy;
    proxy.line("#1 client  GET /");
    proxy.line("#1 server  101");
    // Each thread prints its own side in order; here the directions follow one another.
    let mut lines = Vec::new();
    loop {
        let line = proxy.line("#1 ");
        if line.contains("is over") {
            break;
        }
        lines.push(line);
    }
    let text = if cfg!(feature = "deflate") {
        "inflated, 10 bytes  \"caf\u{e9} \\u{1b}[2J\""
    } else {
        "text, 10 bytes  \"caf\u{e9} \\u{1b}[2J\""
    };
    for (side, wanted) in [
        ("client", "Ping  \"are you there?\""),
        ("server", "Pong  \"are you there?\""),
        ("client", text),
        ("server", text),
        ("client", "Close  3001 \"good\\u{202e}bye\""),
        ("server", "Close  3001 \"good\\u{202e}bye\""),
    ] {
        let start = format!("#1 {side}  ");
        let found = lines.iter().any(|line| line.starts_with(&start) && line.contains(wanted));
        assert!(found, "{start}{wanted}: {lines:#?}");
    }
}

/// The URI may come before the address.
#[test]
fn heads_and_times_are_shown_if_they_are_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        head(&mut stream);
        let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\nnot \x1bme";
        stream.write_all(refusal.as_bytes()).unwrap();
    });
    let proxy = Program::run(example("inspect").args([
        &*uri,
        "127.0.0.1:0",
        "--heads",
        "--times",
        "--payload",
        "6",
    ]));
    let mut client = TcpStream::connect(&proxy.address).unwrap();
    client.write_all(b"GET /path HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    for wanted in [
        "#1 client  GET /path",
        "#1 client    GET /path HTTP/1.1",
        "#1 client    Host: a",
        "#1 server  403",
        "#1 server    HTTP/1.1 403 Forbidden",
        "#1 server    Content-Length: 7",
        "#1 server    not \\u{1b}m",
    ] {
        let line = proxy.line("#1 ");
        let (time, line) = line.trim_start().split_once(' ').unwrap();
        assert!(time.parse::<f64>().is_ok(), "{time}");
        assert_eq!(line, wanted);
    }
    server.join().unwrap();
}

/// Bytes of a header, fragments, and a payload that is only begun to be printed.
#[test]
fn a_frame_is_shown_as_it_was_on_the_wire() {
    let inspected = Inspected::start(&["--payload", "4"]);
    let mut raw = inspected.raw();
    let frames = [
        &b"\x02\x83\x01\x02\x03\x04"[..],
        &[0xff ^ 1, 0x80 ^ 2, 3], // ff 80 00
        b"\x80\x85\0\0\0\0abcde",
        b"\x81\x80\0\0\0\0",
        b"\x88\x80\0\0\0\0",
    ];
    raw.write_all(&frames.concat()).unwrap();
    let mut echo = Vec::new();
    raw.read_to_end(&mut echo).unwrap();
    assert_eq!(echo, b"\x82\x08\xff\x80\0abcde\x81\x00\x88\x00");
    let proxy = &inspected.proxy;
    let line = proxy.line("client  GET");
    assert!(line.ends_with("GET /raw"), "{line}");
    for wanted in [
        "#1 client  02 83 01 02 03 04  binary, to be continued, 3 bytes  ff 80 00",
        "#1 client  80 85 00 00 00 00  continuation, 5 bytes  61 62 63 64 ...",
        "#1 client  81 80 00 00 00 00  text, 0 bytes  \"\"",
        "#1 client  Close  without a code",
    ] {
        let line = proxy.line("#1 client");
        assert_eq!(line, wanted);
    }
    proxy.line("#1 is over");
}

#[test]
fn a_violation_is_named_and_both_sides_are_closed() {
    let inspected = Inspected::start(&[]);
    let mut raw = inspected.raw();
    raw.write_all(b"\x82\x81\0\0\0\0a\x81\x05Hello").unwrap();
    let mut echo = Vec::new();
    raw.read_to_end(&mut echo).unwrap();
    let close = b"\x88\x35\x03\xeaRFC 6455 section 5.1: a client must mask its frames";
    // The echo of what came before may or may not have come in time.
    assert!(echo == close || echo == [b"\x82\x01a", &close[..]].concat(), "{echo:?}");
    let proxy = &inspected.proxy;
    proxy.line("#1 client  the peer sent an unmasked frame");
    proxy.line("#1 is over");
}

/// The server answers no Close frame, or is in a frame that never ends, which one has to wait for.
#[test]
fn a_violation_ends_the_conversation_whatever_the_other_side_does() {
    for begun in [&b""[..], b"\x82\x7eab\x63"] {
        let (proxy, serving) = before_silence(&[ANSWER, begun].concat());
        let mut client = raw(&proxy);
        let server = serving.join().unwrap();
        client.read_exact(&mut vec![0; begun.len()]).unwrap();
        client.write_all(b"\x81\x05Hello").unwrap();
        proxy.line("#1 client  the peer sent an unmasked frame");
        proxy.line("#1 is over");
        drop(server);
    }
}

#[test]
fn another_protocol_passes() {
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n";
    let (proxy, serving) = before_silence(answer);
    let mut client = TcpStream::connect(&proxy.address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
        .unwrap();
    assert_eq!(head(&mut client), answer);
    let mut server = serving.join().unwrap();
    let mut passed = [0; 14];
    client.write_all(b"PRI * HTTP/2.0").unwrap();
    server.read_exact(&mut passed).unwrap();
    assert_eq!(&passed, b"PRI * HTTP/2.0");
    server.write_all(b"a frame of h2c").unwrap();
    client.read_exact(&mut passed).unwrap();
    assert_eq!(&passed, b"a frame of h2c");
}

#[test]
fn a_page_and_what_is_no_handshake_pass() {
    let inspected = Inspected::start(&[]);
    let page = inspected.proxy.http("GET / HTTP/1.1");
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.ends_with(include_str!("../../examples/echo_server/page.html")));
    inspected.proxy.line("#1 client  GET /");
    inspected.proxy.line("#1 server  200");
    let refused = inspected.proxy.http("nonsense");
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
}

/// Somebody who floods it and reads nothing is no trouble for others, nor is a message without end.
#[test]
fn others_are_served_meanwhile() {
    let inspected = Inspected::start(&["--payload", "0"]);
    let mut flood = inspected.raw();
    flood.set_nonblocking(true).unwrap();
    // Until nobody takes any more: the server's answers are not read.
    let pings = b"\x89\x80\0\0\0\0\x82\x80\0\0\0\0\x02\x80\0\0\0\0\x80\x80\0\0\0\0".repeat(1000);
    let mut sent = 0;
    while sent < (4 << 20) {
        match flood.write(&pings[sent % pings.len()..]) {
            Ok(n) => sent += n,
            Err(_) => break,
        }
    }
    assert!(sent > 0);
    let mut endless = inspected.raw();
    endless.write_all(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0never ends").unwrap();

    let other = inspected.proxy.client("/");
    other.send("Hello");
    assert_eq!(other.text(), "Hello");
    // The server takes no message of that length, and says so within what passes.
    inspected.proxy.line("#2 server  Close  1009");
    drop(endless);
    other.send("again");
    assert_eq!(other.text(), "again");
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Program::start("inspect", &[&format!("ws://{address}/")]);
    assert!(proxy.connect("/").is_err());
    proxy.line("#1 ended: ");
    assert!(proxy.connect("/").is_err());
    proxy.line("#2 ended: ");
}

/// The server has a name of its own, and gets that as its `Host`.
#[test]
fn the_host_can_be_another() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", server.local_addr().unwrap());
    let proxy = Program::start("inspect", &[&uri, "--host", "real.example"]);
    let mut client = TcpStream::connect(&proxy.address).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: b\r\nX-Host: c\r\n\r\n").unwrap();
    let (mut stream, _) = server.accept().unwrap();
    let head = head(&mut stream);
    assert_eq!(head, b"GET / HTTP/1.1\r\nHost: real.example\r\nX-Host: c\r\n\r\n");
}

#[cfg(feature = "rustls")]
#[test]
fn it_speaks_tls_on_both_sides() {
    let files = crate::tls::Files::new("inspect");
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let server = Program::start("echo_server", &["--tls", &cert, &key]);
    let port = server.address.rsplit(':').next().unwrap();
    let uri = format!("wss://localhost:{port}/");
    let proxy = Program::start("inspect", &[&uri, "--tls", &cert, &key, "--trust", &cert]);
    let port = proxy.address.rsplit(':').next().unwrap();
    let mut client = example("client")
        .args([&format!("wss://localhost:{port}/"), "--trust", &cert])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(b"over TLS\n").unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"over TLS\n"[..]));
    proxy.line("\"over TLS\"");
    proxy.line("Close  1000");
}
