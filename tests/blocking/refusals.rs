//! What a client gets of a refusal: its status, its fields and its body, whatever comes of the
//! stream.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use hybi::Uri;
use hybi::blocking::{ConnectError, Connector, HttpProxy, Stream};
use hybi::handshake::{ClientRequest, Refusal};

use crate::handshake::{listen, read_head};
use crate::stream::{In, Script, one_by_one};

/// Connects over a stream on which the server refuses.
#[track_caller]
fn refused(stream: impl Stream) -> Box<Refusal> {
    let uri = Uri::parse("ws://example.com/").unwrap();
    match Connector::new().connect_over(stream, &ClientRequest::new(&uri)) {
        Err(ConnectError::Refused(refusal)) => refusal,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("connected"),
    }
}

#[track_caller]
fn check(stream: impl Stream, status: u16, body: &[u8], complete: bool) {
    let refusal = refused(stream);
    assert_eq!(refusal.response().status(), status);
    assert_eq!(refusal.body(), body, "{:?}", refusal.body().escape_ascii().to_string());
    assert_eq!(refusal.is_complete(), complete);
}

const HEAD: &str = "HTTP/1.1 429 Too Many\r\nRetry-After: 9\r\nContent-Length: 4\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 401 x\r\nTransfer-Encoding: chunked\r\n\r\n\
    2;a=b\r\nbo\r\n2\r\ndy\r\n0\r\nX: y\r\n\r\n";

fn reads(pieces: &[&str]) -> Vec<In> {
    pieces.iter().map(|piece| In::Bytes(piece.as_bytes().to_vec())).collect()
}

/// What happens after the scripted reads must not matter.
fn would_fail() -> In {
    In::Error(ErrorKind::ConnectionReset)
}

#[test]
fn the_body_is_read_up_to_its_length_however_it_comes() {
    let whole = format!("{HEAD}body");
    for input in [
        reads(&[&whole]),
        reads(&[HEAD, "body"]),
        reads(&[HEAD, "b", "ody and more"]),
        one_by_one(whole.as_bytes()).collect(),
        one_by_one(whole.as_bytes())
            .flat_map(|byte| [In::Error(ErrorKind::Interrupted), byte])
            .collect(),
    ] {
        let stream = Script::new(input.into_iter().chain([would_fail()]));
        check(stream.clone(), 429, b"body", true);
        assert_eq!(stream.unread(), 1, "nothing is read after the body");
    }
}

#[test]
fn a_chunked_body_comes_without_its_chunks() {
    for input in [reads(&[CHUNKED]), one_by_one(CHUNKED.as_bytes()).collect()] {
        let stream = Script::new(input.into_iter().chain([would_fail()]));
        check(stream, 401, b"body", true);
    }
}

#[test]
fn a_refusal_without_body_is_not_waited_for() {
    let stream = Script::new([
        In::Bytes(b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n".to_vec()),
        would_fail(),
    ]);
    check(stream, 503, b"", true);
}

/// RFC 9112 §6.3: the body ends with the stream.
#[test]
fn a_body_without_a_length_ends_with_the_stream() {
    let stream = Script::new(reads(&["HTTP/1.1 401 x\r\n\r\nwho ", "are ", "you?"]));
    assert_eq!(refused(stream).body(), b"who are you?");
}

#[test]
fn over_a_stream_that_fails_the_refusal_arrives_with_what_has_come() {
    for end in [
        In::End,
        In::Error(ErrorKind::ConnectionReset),
        In::Error(ErrorKind::WouldBlock), // the time-out
        In::Error(ErrorKind::TimedOut),
    ] {
        for (text, body) in [
            (HEAD.to_owned(), &b""[..]),
            (format!("{HEAD}bod"), b"bod"),
            (CHUNKED.strip_suffix("dy\r\n0\r\nX: y\r\n\r\n").unwrap().to_owned(), b"bo"),
            (CHUNKED.strip_suffix("\r\n").unwrap().to_owned(), b"body"),
        ] {
            for input in [reads(&[&text]), one_by_one(text.as_bytes()).collect()] {
                let stream = Script::new(input.into_iter().chain([end.clone()]));
                let status = text[9..12].parse().unwrap();
                check(stream, status, body, false);
            }
        }
    }
}

/// A stream that never ends and is never late.
struct Endless<'a> {
    front: &'a [u8],
    bytes: usize,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.front.read(buffer)?;
        if n > 0 {
            return Ok(n);
        }
        buffer.fill(b'x');
        self.bytes += buffer.len();
        assert!(self.bytes < 16 << 20, "no bound");
        Ok(buffer.len())
    }
}

impl Write for Endless<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Endless<'_> {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_body_that_never_ends_is_bounded() {
    for head in [
        "HTTP/1.1 429 x\r\n\r\n",
        "HTTP/1.1 429 x\r\nContent-Length: 18446744073709551615\r\n\r\n",
        "HTTP/1.1 429 x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    ] {
        let refusal = refused(Endless { front: head.as_bytes(), bytes: 0 });
        assert_eq!(refusal.response().status(), 429, "{head:?}");
        assert!(refusal.body().starts_with(b"xxx") && !refusal.is_complete(), "{head:?}");
    }
}

/// Reads once, and then has nothing more. The wait for that must be bounded.
struct Silent<'a> {
    front: &'a [u8],
    timeout: Option<Duration>,
}

impl Read for Silent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.front.read(buffer)? {
            0 if self.timeout.is_none() => panic!("a wait for ever"),
            0 => Err(ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Silent<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Silent<'_> {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeout = timeout;
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

/// Many small servers send no length and leave the stream open.
#[test]
fn the_rest_of_a_refusal_is_not_waited_for_as_long_as_an_answer() {
    let uri = Uri::parse("ws://example.com/").unwrap();
    let stream = Silent { front: b"HTTP/1.1 403 x\r\n\r\nno", timeout: None };
    let connector = Connector::new().timeout(None);
    match connector.connect_over(stream, &ClientRequest::new(&uri)) {
        Err(ConnectError::Refused(refusal)) => assert_eq!(refusal.body(), b"no"),
        other => panic!("{:?}", other.err()),
    }
}

/// A refusal begins with its status; before that there is none to tell.
#[test]
fn without_a_status_the_failure_of_the_stream_is_the_error() {
    let uri = Uri::parse("ws://example.com/").unwrap();
    let request = ClientRequest::new(&uri);
    let start = In::Bytes(b"HTTP/1.1 42".to_vec());
    match Connector::new().connect_over(Script::new([start.clone(), In::End]), &request) {
        Err(ConnectError::Io(error)) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
        other => panic!("{other:?}"),
    }
    let stream = Script::new([start, In::Error(ErrorKind::WouldBlock)]);
    let result = Connector::new().connect_over(stream, &request);
    assert!(matches!(result, Err(ConnectError::TimedOut)), "{result:?}");
}

#[test]
fn the_body_of_a_proxys_refusal_is_read_too() {
    for (answer, body, complete) in [
        ("HTTP/1.1 407 x\r\nContent-Length: 4\r\n\r\nbody", "body", true),
        (
            "HTTP/1.1 403 x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
            "body",
            true,
        ),
        ("HTTP/1.1 502 x\r\nContent-Length: 9\r\n\r\nbody", "body", false),
    ] {
        let (listener, port) = listen();
        let proxy = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            read_head(&mut stream);
            for byte in answer.as_bytes() {
                stream.write_all(&[*byte]).unwrap();
            }
        });
        let uri = Uri::parse("ws://server.invalid/").unwrap();
        let connector = Connector::new().proxy(HttpProxy::new("127.0.0.1", port));
        match connector.connect_tcp(&uri) {
            Err(ConnectError::ProxyRefused(refusal)) => {
                assert_eq!(refusal.body(), body.as_bytes());
                assert_eq!(refusal.is_complete(), complete);
            }
            other => panic!("{other:?}"),
        }
        proxy.join().unwrap();
    }
}
