//! Servers that do not speak WebSocket, and wrong command lines: a clear error, and no hang.

use std::io::{Read, Result, Write, pipe};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use hybi::handshake::Acceptance;

use crate::servers::blocking_echo;
use crate::{command, conform, told};

/// A server that does something with each connection.
fn server(serve: fn(TcpStream)) -> String {
    server_that_changes(0, serve)
}

/// A server that sends messages back on so many connections, and then does something else.
fn server_that_changes(good: usize, serve: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (i, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            thread::spawn(move || if i < good { echo(stream) } else { serve(stream) });
        }
    });
    url
}

fn echo(stream: TcpStream) {
    let Ok(pending) = hybi::blocking::receive_request(stream) else { return };
    let Ok(mut ws) = pending.accept(&Acceptance::from_any_origin()) else { return };
    while let Ok(Some(message)) = ws.receive() {
        let _ = ws.send(&message);
    }
}

/// Opens connections, and then sends this and `again` without end.
fn flood(stream: TcpStream, first: &[u8], again: &[u8]) -> Result<()> {
    let mut raw = stream.try_clone()?;
    let Ok(pending) = hybi::blocking::receive_request(stream) else { return Ok(()) };
    let Ok(ws) = pending.accept(&Acceptance::from_any_origin()) else { return Ok(()) };
    raw.write_all(first)?;
    let again = again.repeat((1 << 16) / again.len());
    loop {
        raw.write_all(&again)?;
        let _ = &ws;
    }
}

fn holds(mut stream: TcpStream) {
    while stream.read(&mut [0; 4096]).is_ok_and(|len| len > 0) {}
}

fn answers(mut stream: TcpStream, bytes: &[u8]) {
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all(bytes);
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
    refuses(&["server", "ws://localhost/", "--only", "all"], "autobahn, framing, handshake");
    refuses(&["server", "ws://localhost/", "--insecure", "--ca", "x"], "cannot be used with");
    refuses(&["server", "ws://127.0.0.1:1/", "8.1"], "no case \"8.1\"");
    refuses(&["server", "wss://127.0.0.1:1/", "--ca", "/no/file"], "/no/file");
    refuses(&["client", "--listen", "nowhere"], "--listen");
    refuses(&["server", "ws://127.0.0.1:1/", "--insecure"], "--insecure is for wss:");
    refuses(&["server", "ws://127.0.0.1:1/", "--ca", "/dev/null"], "--ca is for wss:");
    for origin in ["foo", "https://", "https://a/", "https://a b"] {
        refuses(
            &["server", "ws://127.0.0.1:1/", "--origin", origin],
            "such as https://example.com",
        );
    }
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    refuses(&["server", &format!("ws://{address}/")], "refused");
    refuses(&["server", &format!("ws://{address}/")], "start it before, or add --wait");
    refuses(&["server", &format!("ws://{address}/"), "--wait", "0.1"], "listened for 0.1 s");
    refuses(&["server", "ws://no.such.host.invalid/", "--timeout", "60"], "no.such.host.invalid");
    // Addresses that are not routed (RFC 6666).
    refuses(&["server", "ws://[100::1]/", "--timeout", "0.5"], "ws://[100::1]/: ");
}

#[test]
fn a_server_that_speaks_http_only() {
    let url =
        server(|stream| answers(stream, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    refuses(&["server", &url], "status 404; the address needs the path of the echo");
    let url = server(|stream| answers(stream, b"HTTP/1.1 403 x\r\n\r\n"));
    refuses(&["server", &url], "status 403; if it checks credentials or origins, --header");
    let url = server(|stream| answers(stream, b"HTTP/1.1 426 x\r\n\r\n"));
    refuses(&["server", &url], "status 426");
    let url = server(|stream| answers(stream, b"HTTP/1.1 400 x\r\n\r\n"));
    refuses(&["server", &url], "status 400; if it wants a subprotocol, --header \"Sec-WebSocket-");
    let url = server(|stream| answers(stream, b"HTTP/1.1 301 x\r\nLocation: https://a/\r\n\r\n"));
    refuses(&["server", &url], "status 301; redirects are not followed");
}

#[test]
fn a_server_that_speaks_something_else() {
    let url = server(|mut stream| {
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        let _ = stream.read(&mut [0; 4096]);
    });
    refuses(&["server", &url], "it sent \"220 mail.example\", which is no HTTP");
    // An alert (RFC 8446 §6).
    let url = server(|stream| answers(stream, b"\x15\x03\x01\x00\x02\x02\x46"));
    refuses(
        &["server", &url],
        "\"\\x15\\x03\\x01\\x00\\x02\\x02F\", which is no HTTP; for TLS, use wss:",
    );
    let url = server(|stream| answers(stream, b"HTTP/1.1 400 x\r\n\r\n"));
    let url = url.replace("ws:", "wss:");
    refuses(&["server", &url, "--insecure"], "if the server speaks no TLS, use ws:");
}

#[test]
fn a_server_that_says_nothing() {
    let url = server(holds);
    refuses(&["server", &url, "--timeout", "0.5"], "did not answer the request in time");
    let url = server(|_| {});
    refuses(&["server", &url], "ended the connection without an answer; if it wants TLS, use wss:");
    let words = "if the server speaks no TLS, use ws:";
    refuses(&["server", &url.replace("ws:", "wss:"), "--insecure"], words);
}

/// Each byte comes in time, but the answer does not.
#[test]
fn a_server_that_answers_byte_by_byte() {
    let url = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 101 x\r\n");
        while stream.write_all(b"a").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    refuses(&["server", &url, "--timeout", "0.5"], "did not answer the request in time");
}

/// Not all cases wait for a server that is gone, whatever it does instead of an answer.
#[test]
fn a_server_that_falls_silent() {
    let opens_only = |stream: TcpStream| {
        let copy = stream.try_clone();
        let pending = hybi::blocking::receive_request(stream).unwrap();
        let ws = pending.accept(&Acceptance::from_any_origin());
        holds(copy.unwrap());
        drop(ws);
    };
    let refuses_now = |stream| answers(stream, b"HTTP/1.1 429 Too Many Requests\r\n\r\n");
    for (serve, why) in [
        (holds as fn(TcpStream), "it did not answer the request in time"),
        (|_| {}, "it ended the connection without an answer"),
        (refuses_now, "the opening handshake failed with status 429"),
        (opens_only, "the server opens the connection, and then says nothing for 0.5 s"),
    ] {
        let url = server_that_changes(20, serve);
        let (status, text) = told(&conform(&["server", "--timeout", "0.5", &url]));
        assert_eq!(status, Some(2), "{why}: {text}");
        assert!(text.contains("the server is gone") && text.contains(why), "{why}: {text}");
        assert!(text.contains(" cases have not run"), "{why}: {text}");
        assert!(text.contains("\n 1 messages  "), "{why}: {text}");
    }
}

/// Greets a client, and answers each text with another.
fn talk(stream: TcpStream, greeting: Option<&str>, change: fn(&str) -> String) -> Option<()> {
    let pending = hybi::blocking::receive_request(stream).ok()?;
    let mut ws = pending.accept(&Acceptance::from_any_origin()).ok()?;
    greeting.map(|text| ws.send(text)).transpose().ok()?;
    while let Ok(Some(message)) = ws.receive() {
        ws.send(change(message.as_text()?).as_str()).ok()?;
    }
    Some(())
}

/// Nearly all cases would fail, and none would say why.
#[test]
fn a_server_that_is_no_echo() {
    let words = "the server does not send back what it gets: to Text ";
    let doubling = server(|stream| {
        talk(stream, None, |text| text.repeat(2));
    });
    refuses(&["server", &doubling], words);
    let greeting = server(|stream| {
        talk(stream, Some("Hi"), str::to_owned);
    });
    refuses(&["server", &greeting], "it answered Text \"Hi\" (2 bytes)");
    let changing = server(|stream| {
        talk(stream, None, |text| text.replace('*', "+"));
    });
    refuses(&["server", &changing], words);
    // The opening handshake can be tested without an echo.
    let (status, text) = told(&conform(&["server", &changing, "server/version/*"]));
    assert_eq!(status, Some(0), "{text}");
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
    // Cases that found nobody say nothing about the server.
    assert!(text.contains("\nNothing has failed, but not all cases have run.\n"), "{text}");
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
    let url =
        server(
            |mut stream| {
                while stream.write_all(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)).is_ok() {}
            },
        );
    refuses(&["server", &url], "interim responses without end");
}

/// A flood after the handshake costs neither much time nor much memory.
#[cfg(unix)]
#[test]
fn a_server_that_floods_open_connections() {
    let urls = [
        // The probe gets its text back.
        server_that_changes(1, |stream| drop(flood(stream, &[], b"\x81\x05hello"))),
        server(|stream| drop(flood(stream, &[], b"\x89\x00"))),
        server(|stream| drop(flood(stream, &[1, 0], b"\x00\x00"))),
        // A frame of 60 MiB.
        server(|stream| drop(flood(stream, &[0x82, 127, 0, 0, 0, 0, 3, 0xc0, 0, 0], b"x"))),
    ];
    for url in urls {
        let output = Command::new("sh")
            .args([
                "-c",
                "ulimit -v 400000; exec \"$0\" \"$@\"",
                env!("CARGO_BIN_EXE_hybi-conform"),
            ])
            .args(["server", &url, "1.1.1", "7.1.6", "closing/*", "utf8-early/*", "12.1.1"])
            .output()
            .unwrap();
        let (status, text) = told(&output);
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains("45 of 45 cases"), "{text}");
    }
}

#[test]
fn results_that_cannot_be_written() {
    let file = std::env::temp_dir().join(format!("hybi-conform-file-{}", std::process::id()));
    std::fs::write(&file, [0xff]).unwrap();
    let (url, name) = (blocking_echo(), file.to_str().unwrap());
    let run = |more: &[&str]| told(&conform(&[&["server", &url, "1.1.1"], more].concat()));
    let report = run(&["--report", name]);
    let garbage = run(&["--baseline", name]);
    std::fs::remove_file(&file).unwrap();
    for (told, words) in [
        (report, "it is a file; give the name of a directory"),
        (garbage, "valid UTF-8"),
        (run(&["--baseline", "/"]), "the baseline /: "),
        // Better before the cases run than after.
        (run(&["--write-baseline", "/"]), "the baseline / cannot be written: it is a directory"),
        (run(&["--write-baseline", "/no/file"]), "the baseline /no/file cannot be written: "),
    ] {
        assert!(told.0 == Some(2) && told.1.contains(words), "{words}: {}", told.1);
        assert!(!told.1.contains("cases in"), "{}", told.1);
    }
}

/// The shortage is ours, not a fault of the server.
#[cfg(unix)]
#[test]
fn more_jobs_than_descriptors() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 40; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_hybi-conform")])
        .args(["server", &blocking_echo(), "--jobs", "200", "1.*", "2.*", "5.*", "6.*"])
        .output()
        .unwrap();
    let (status, text) = told(&output);
    assert_eq!(status, Some(0), "{text}");
}

/// As with `| head -1`, but sooner.
#[test]
fn nobody_reads_the_summary() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let output = command(&["server", &blocking_echo(), "1.1.1"]).stdout(writer).output().unwrap();
    let (status, text) = told(&output);
    assert!(status == Some(2) && text.contains("the summary cannot be written: "), "{text}");
}

#[test]
fn the_list_ends_when_nobody_reads_it() {
    let (status, text) = told(&conform(&["list", "--details"]));
    assert_eq!(status, Some(0));
    // Cases of the handshake have a line more, which says why.
    let handshake = 4 * (193 + 106);
    assert_eq!(text.lines().count(), handshake + 3 * (517 + 17 + 24 + 30 + 67 + 13));
    let (_, text) = told(&conform(&["list", "--role", "client", "--only", "handshake"]));
    assert_eq!(text.lines().count(), 106);
}
