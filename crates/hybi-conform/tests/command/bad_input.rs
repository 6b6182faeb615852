//! Servers that do not speak WebSocket, and wrong command lines: a clear error, and no hang.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use hybi::handshake::Acceptance;

use crate::{conform, told};

/// A server that does something with each connection.
fn server(serve: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    url
}

/// Runs the command, which must end with status 2 and these words.
#[track_caller]
fn refuses(arguments: &[&str], words: &str) {
    let (status, text) = told(&conform(arguments));
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains(words), "{text}");
}

#[test]
fn wrong_usage() {
    refuses(&[], "Usage:");
    refuses(&["server"], "<URL>");
    refuses(&["server", "http://localhost/"], "use ws: or wss:");
    refuses(&["server", "ws://localhost/", "--jobs", "0"], "--jobs");
    refuses(&["server", "ws://localhost/", "--timeout", "0"], "0.001 to 3600");
    refuses(&["server", "ws://localhost/", "--only", "all"], "autobahn, handshake");
    refuses(&["server", "ws://localhost/", "--insecure", "--ca", "x"], "cannot be used with");
    refuses(&["server", "ws://127.0.0.1:1/", "8.1"], "no case \"8.1\"");
    refuses(&["server", "wss://127.0.0.1:1/", "--ca", "/no/file"], "/no/file");
    refuses(&["client", "--listen", "nowhere"], "--listen");
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    refuses(&["server", &format!("ws://{address}/")], "refused");
    refuses(&["server", &format!("ws://{address}/"), "--wait", "0.1"], "refused");
    refuses(&["server", "ws://no.such.host.invalid/", "--timeout", "60"], "no.such.host.invalid");
}

#[test]
fn a_server_that_speaks_http_only() {
    let url = server(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    refuses(&["server", &url], "the opening handshake failed with status 404");
}

#[test]
fn a_server_that_speaks_something_else() {
    let url = server(|mut stream| {
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        let _ = stream.read(&mut [0; 4096]);
    });
    refuses(&["server", &url], "220 mail.example");
}

#[test]
fn a_server_that_says_nothing() {
    let url = server(|mut stream| while stream.read(&mut [0; 4096]).is_ok_and(|len| len > 0) {});
    refuses(&["server", &url, "--timeout", "0.5"], "did not answer the request in time");
    let url = server(|_| {});
    refuses(&["server", &url], "ended the connection without an answer");
}

/// The results until then are printed.
#[test]
fn a_server_that_goes_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        for stream in listener.incoming().take(20) {
            let pending = hybi::blocking::receive_request(stream.unwrap()).unwrap();
            let mut ws = pending.accept(&Acceptance::from_any_origin()).unwrap();
            while let Ok(Some(message)) = ws.receive() {
                ws.send(&message).unwrap();
            }
        }
    });
    let (status, text) = told(&conform(&["server", "--jobs", "1", &url, "1.*", "2.*"]));
    serving.join().unwrap();
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("\n 1 messages                            16 "), "{text}");
    assert!(text.contains("the server is gone") && text.contains(" cases have not run"), "{text}");
}

/// The end of the flood is the end of the case.
#[test]
fn a_server_that_floods() {
    let url = server(|mut stream| while stream.write_all(&[b'x'; 1 << 16]).is_ok() {});
    refuses(&["server", &url], "which is no HTTP");
    let url = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 101 x\r\n");
        while stream.write_all(b"a: bcdefghijklmnopqrstuvwxyz\r\n").is_ok() {}
    });
    refuses(&["server", &url], "a head without an end");
}

#[test]
fn the_list_ends_when_nobody_reads_it() {
    let (status, text) = told(&conform(&["list", "--details"]));
    assert_eq!(status, Some(0));
    assert_eq!(text.lines().count(), 3 * (517 + 193 + 106 + 24 + 30 + 67 + 13));
    let (_, text) = told(&conform(&["list", "--role", "client", "--only", "handshake"]));
    assert_eq!(text.lines().count(), 106);
}
