//! `--example echo_server`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, ChildStdout, Stdio};

use hybi::blocking::{self, Connector};
use hybi::handshake::ClientRequest;
use hybi::{CloseCode, Message, Uri};
use serde_json::{Value, json};

use crate::program::example;

/// A running echo server; killed when dropped.
struct EchoServer {
    process: Child,
    address: String,
    _stdout: BufReader<ChildStdout>,
}

impl EchoServer {
    fn start() -> Self {
        let mut process =
            example("echo_server").arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().rsplit("ws://").next().unwrap().to_owned();
        assert!(line.contains(&format!("http://{address}")), "{line}");
        Self { process, address, _stdout: stdout }
    }

    fn uri(&self) -> String {
        format!("ws://{}/", self.address)
    }

    fn http(&self, request: &str) -> String {
        let (head, body) = self.http_bytes(request);
        head + "\r\n\r\n" + std::str::from_utf8(&body).unwrap()
    }

    fn http_bytes(&self, request: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(format!("{request}\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let body = answer.split_off(end + 4);
        answer.truncate(end);
        (String::from_utf8(answer).unwrap(), body)
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_echo_server_serves_its_page_and_nothing_else() {
    let server = EchoServer::start();
    let page = server.http("GET / HTTP/1.1");
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.contains("Content-Type: text/html; charset=utf-8\r\n"), "{page}");
    assert!(page.ends_with(include_str!("../../examples/echo_server/page.html")));
    for (path, file) in [
        ("/flipbook", include_str!("../../examples/echo_server/flipbook.html")),
        ("/style.css", include_str!("../../examples/shared/style.css")),
        ("/drawing.js", include_str!("../../examples/echo_server/drawing.js")),
    ] {
        let answer = server.http(&format!("GET {path} HTTP/1.1"));
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(file), "{path}: {answer}");
    }
    assert!(server.http("GET /favicon.ico HTTP/1.1").starts_with("HTTP/1.1 204 "));
    assert!(server.http("GET /secret HTTP/1.1").starts_with("HTTP/1.1 404 "));
    assert!(server.http("POST / HTTP/1.1").starts_with("HTTP/1.1 405 "));
    assert!(server.http("SSH-2.0-x").starts_with("HTTP/1.1 400 "));
}

#[test]
fn the_echo_server_echoes_at_any_path_and_chooses_a_subprotocol() {
    let server = EchoServer::start();
    let uri = Uri::parse(&(server.uri() + "any/path")).unwrap();
    let request = ClientRequest::new(&uri).subprotocol("unknown").subprotocol("echo");
    let mut ws = Connector::new().connect(&request).unwrap();
    assert_eq!(ws.subprotocol(), Some("echo"));
    ws.send("gr\u{fc}\u{df}e").unwrap();
    assert_eq!(ws.receive().unwrap(), Some("gr\u{fc}\u{df}e".into()));
    let large: Vec<u8> = (0..16 << 20).map(|i| i as u8).collect();
    ws.send(&*large).unwrap();
    assert_eq!(ws.receive().unwrap(), Some(Message::from(large)));
    ws.close(CloseCode::new(4001).unwrap(), "enough").unwrap();
    assert_eq!(ws.receive().unwrap(), None);
    let closed = ws.closed().unwrap();
    assert_eq!((closed.code(), closed.reason(), closed.was_clean()), (4001, "enough", true));
}

#[test]
fn the_echo_server_tells_what_went_over_the_wire() {
    let server = EchoServer::start();
    let unknown = server.http("GET /wire?id=page1 HTTP/1.1");
    assert!(unknown.starts_with("HTTP/1.1 404 "), "{unknown}");
    let _nameless = blocking::connect(&server.uri()).unwrap();
    let mut ws = blocking::connect(&(server.uri() + "echo?a=b&id=page1")).unwrap();
    ws.send("Hello").unwrap();
    ws.receive().unwrap();
    let wire = wire(&server, "page1");
    let head = |name: &str| {
        let bytes = unhex(wire[name].as_str().unwrap());
        String::from_utf8(bytes).unwrap()
    };
    assert!(head("request").starts_with("GET /echo?a=b&id=page1 HTTP/1.1\r\n"));
    assert!(head("request").ends_with("\r\n\r\n"));
    assert!(
        head("response").starts_with("HTTP/1.1 101 ") && head("response").ends_with("\r\n\r\n")
    );
    let frames = wire["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 2);
    let header = unhex(frames[0]["header"].as_str().unwrap());
    let mut payload = unhex(frames[0]["payload"].as_str().unwrap());
    assert_eq!((header.len(), &header[..2]), (6, &[0x81, 0x85][..]));
    payload.iter_mut().zip(header[2..].iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    assert_eq!(payload, b"Hello");
    // RFC 6455 §5.7: a single-frame unmasked text message, "Hello"
    let hello = json!({
        "number": 1, "from": "server", "header": "8105", "payload": "48656c6c6f", "length": 5
    });
    assert_eq!(frames[1], hello);
    // A caller that knows these gets only later frames.
    assert_eq!(wire["next"], 2);
    let newer = self::wire(&server, "page1&from=1");
    assert_eq!(newer["frames"], json!([hello]));
    assert_eq!(self::wire(&server, "page1&from=2")["frames"], json!([]));
}

/// A frame that has not arrived whole is told again.
#[test]
fn the_echo_server_says_which_frames_may_still_change() {
    let server = EchoServer::start();
    let uri = Uri::parse(&(server.uri() + "?id=half")).unwrap();
    let stream = TcpStream::connect(&server.address).unwrap();
    let mut ws = Connector::new().connect_over(stream, &ClientRequest::new(&uri)).unwrap();
    ws.send("whole").unwrap();
    ws.receive().unwrap();
    // The key is zero, so the payload is as it is; three of its five bytes, and the rest.
    ws.stream().write_all(b"\x81\x85\0\0\0\0Hel").unwrap();
    let half = loop {
        let wire = wire(&server, "half&from=2");
        if wire["frames"][0]["payload"] == "48656c" {
            break wire;
        }
    };
    assert_eq!(half["next"], 2);
    ws.stream().write_all(b"lo").unwrap();
    assert_eq!(ws.receive().unwrap(), Some("Hello".into()));
    let whole = wire(&server, "half&from=2");
    assert_eq!((&whole["frames"][0]["payload"], &whole["next"]), (&json!("48656c6c6f"), &json!(4)));
}

#[cfg(feature = "deflate")]
#[test]
fn the_echo_server_tells_compressed_messages_inflated_too() {
    use hybi::extension::deflate::DeflateConfig;
    let server = EchoServer::start();
    let uri = Uri::parse(&(server.uri() + "?id=small")).unwrap();
    let config = hybi::Config::default().deflate(DeflateConfig::default());
    let mut ws = Connector::new().connect(&ClientRequest::new(&uri).config(config)).unwrap();
    for text in ["Hello".to_owned(), "Hello".to_owned(), "x".repeat(600)] {
        ws.send(&*text).unwrap();
        assert_eq!(ws.receive().unwrap(), Some(text.into()));
    }
    let wire = wire(&server, "small");
    let frames = wire["frames"].as_array().unwrap();
    assert_eq!(wire["next"], 6);
    // RFC 7692 §7.2.3.1 and §7.2.3.2: the second is shorter, since the window is kept.
    assert_eq!(frames[1]["payload"], "f248cdc9c90700");
    assert_eq!(frames[3]["payload"], "f200110000");
    for frame in &frames[..4] {
        assert_eq!(frame["inflated"], json!({"start": "48656c6c6f", "length": 5}));
    }
    for frame in &frames[4..] {
        assert_eq!(frame["inflated"], json!({"start": "78".repeat(512), "length": 600}));
    }
}

#[test]
fn the_flipbook_is_the_same_by_websocket_and_by_polling() {
    const PICTURE_BYTES: usize = 208;
    let server = EchoServer::start();
    let mut ws = blocking::connect(&(server.uri() + "flipbook")).unwrap();
    ws.send("is ignored").unwrap();
    let number = |picture: &[u8]| u32::from_be_bytes(picture[..4].try_into().unwrap());
    let mut receive = || match ws.receive().unwrap() {
        Some(Message::Binary(picture)) => picture,
        other => panic!("{other:?}"),
    };
    let mut pushed = vec![receive()];
    let first = number(&pushed[0]);
    let (head, body) = server.http_bytes(&format!("GET /flipbook?after={} HTTP/1.1", first - 1));
    assert!(head.contains("\r\nclock: ") && head.contains("\r\nrequest-bytes: "), "{head}");
    assert_eq!(body.len() % PICTURE_BYTES, 0);
    // A picture that was polled was due, so all from the first on have been pushed, too.
    let polled: Vec<_> = body.chunks(PICTURE_BYTES).collect();
    while number(pushed.last().unwrap()) < number(polled.last().unwrap()) {
        pushed.push(receive());
    }
    for (picture, want) in pushed.iter().zip(first..) {
        assert_eq!((picture.len(), number(picture)), (PICTURE_BYTES, want));
    }
    // A poll leaves out the oldest if there are more than 200.
    let left_out = pushed.len() - polled.len();
    assert!(left_out == 0 || polled.len() == 200, "{left_out}");
    assert_eq!(polled, pushed[left_out..]);
    for after in ["4294967296", "18446744073709551615", "18446744073709551616", "", "x"] {
        let (_, body) = server.http_bytes(&format!("GET /flipbook?after={after} HTTP/1.1"));
        assert_eq!(body, b"", "{after}");
    }
}

/// Long payloads are cut, old frames and old connections forgotten.
#[test]
fn what_the_echo_server_keeps_of_the_wire_is_bounded() {
    let server = EchoServer::start();
    let mut ws = blocking::connect(&(server.uri() + "?id=long")).unwrap();
    let message = vec![b'x'; 1 << 20];
    ws.send(&*message).unwrap();
    ws.receive().unwrap();
    let last = json!({
        "number": 1, "from": "server", "header": "827f0000000000100000",
        "payload": "78".repeat(512), "length": 1 << 20
    });
    assert_eq!(wire(&server, "long")["frames"][1], last);
    for _ in 0..200 {
        ws.send("short").unwrap();
        ws.receive().unwrap();
    }
    let kept = wire(&server, "long");
    let frames = kept["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 250);
    // Their numbers say how many are missing.
    assert_eq!((&frames[0]["number"], &frames[249]["number"]), (&json!(152), &json!(401)));
    for number in 0..99 {
        blocking::connect(&(server.uri() + &format!("?id={number}"))).unwrap();
    }
    assert!(server.http("GET /wire?id=long HTTP/1.1").starts_with("HTTP/1.1 200 "));
    blocking::connect(&(server.uri() + "?id=99")).unwrap();
    assert!(server.http("GET /wire?id=long HTTP/1.1").starts_with("HTTP/1.1 404 "));
    assert!(server.http("GET /wire?id=0 HTTP/1.1").starts_with("HTTP/1.1 200 "));
    // No id at all, an empty one, one too long, and one with other characters than letters and
    // digits.
    for query in ["", "?id=", &format!("?id={}", "a".repeat(33)), "?id=a%20b", "?id=a/b"] {
        blocking::connect(&(server.uri() + query)).unwrap();
        assert!(
            server.http(&format!("GET /wire{query} HTTP/1.1")).starts_with("HTTP/1.1 404 "),
            "{query}"
        );
    }
}

fn wire(server: &EchoServer, id: &str) -> Value {
    let answer = server.http(&format!("GET /wire?id={id} HTTP/1.1"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("application/json"), "{head}");
    serde_json::from_str(body).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn misbehaving_clients_disturb_nobody() {
    let server = EchoServer::start();
    let mut good = blocking::connect(&server.uri()).unwrap();
    let bad: Vec<_> = (0..50)
        .map(|number| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            let says: &[&[u8]] = match number % 5 {
                0 => &[],                                                                // nothing at all
                1 => &[b"GET / HT"],                                                     // half a request
                2 => &[upgrade.as_bytes(), b"\x81\x05Hello"],                            // not masked
                3 => &[upgrade.as_bytes(), b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"], // 2^63 - 1 bytes
                _ => &[upgrade.as_bytes(), b"\x81"], // half a header, and then gone
            };
            for bytes in says {
                stream.write_all(bytes).unwrap();
            }
            if number % 5 == 4 {
                stream.shutdown(Shutdown::Both).unwrap();
            }
            stream
        })
        .collect();
    for _ in 0..100 {
        good.send("still there?").unwrap();
        assert_eq!(good.receive().unwrap(), Some("still there?".into()));
    }
    drop(bad);
    good.send("and now?").unwrap();
    assert_eq!(good.receive().unwrap(), Some("and now?".into()));
}
