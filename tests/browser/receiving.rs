//! What a browser makes of what a server sends, legal or not; who may connect; and both sides when the other is slow.

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use hybi::Event;
use hybi::blocking::AcceptError;
use hybi::handshake::{Acceptance, RequestError};
use serde_json::json;

use crate::devtools::GUARD;
use crate::page::Page;
use crate::server::{serve, serve_requests};

#[test]
#[ignore = "needs chromium"]
fn a_ping_may_come_between_fragments() {
    let (pongs, seen) = mpsc::channel();
    let address = serve(move |mut ws| {
        ws.send_part("in \u{20ac}").unwrap();
        ws.ping(b"between").unwrap();
        ws.send_part(" three ").unwrap();
        ws.send_last_part("parts").unwrap();
        pongs.send(ws.receive_event().unwrap()).unwrap();
        assert!(matches!(ws.receive(), Ok(None)));
    });
    let mut page = Page::open(&address);
    page.until_logged("in", "in \u{20ac} three parts");
    assert_eq!(seen.recv_timeout(GUARD).unwrap(), Some(Event::Pong(b"between".into())));
    page.click("close");
    assert_eq!(page.outcome(), "1000 \"\" clean");
}

/// Chromium is as strict as we are; what it says of our server's violation is its own.
#[test]
#[ignore = "needs chromium"]
fn a_violation_by_the_server_fails_the_connection() {
    let long_ping = [&b"\x89\x7e\x00\x7e"[..], &[b'x'; 126]].concat();
    let violations: Vec<(&[u8], &str)> = vec![
        (b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "must not mask"),
        (b"\xc1\x05Hello", "reserved1 = 1"), // compression was not negotiated
        (b"\xa1\x05Hello", "reserved2 = 1"),
        (b"\x83\x05Hello", "opcode"),
        (b"\x8b\x00", "opcode"),
        (b"\x09\x00", "Invalid frame header"),
        (&long_ping, "Invalid frame header"),
        (b"\x80\x05Hello", "unexpected continuation frame"),
        (b"\x01\x03Hel\x81\x02lo", "previous message is unfinished"),
        (b"\x81\x7e\x00\x05Hello", "Invalid frame header"),
        (b"\x81\x02\xc3\x28", "UTF-8"),
        (b"\x88\x01\x03", "invalid size of 1 byte"),
        (b"\x88\x02\x03\xed", "reserved status code"), // 1005
    ];
    let sent: Mutex<Vec<Vec<u8>>> =
        Mutex::new(violations.iter().rev().map(|(bytes, _)| bytes.to_vec()).collect());
    let address = serve(move |mut ws| {
        let Some(bytes) = sent.lock().unwrap().pop() else { return };
        ws.stream().write_all(&bytes).unwrap();
        while let Ok(Some(_)) = ws.receive() {}
    });
    let mut page = Page::open(&address);
    for (bytes, message) in violations {
        let error = page.event("Network.webSocketFrameError");
        let error = error["errorMessage"].as_str().unwrap();
        assert!(error.contains(message), "{bytes:x?}: {error}");
        assert_eq!(page.outcome(), "1006 \"\" not clean", "{bytes:x?}");
        page.click("connect");
    }
}

#[test]
#[ignore = "needs chromium"]
fn unsent_bytes_pile_up_while_the_server_does_not_read() {
    const MESSAGES: usize = 64;
    let (go, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let address = serve(move |mut ws| {
        wait.lock().unwrap().recv().unwrap();
        for number in 0..MESSAGES {
            assert_eq!(ws.receive().unwrap(), Some(vec![number as u8; 1 << 20].into()));
        }
        ws.send("all of it").unwrap();
        assert!(matches!(ws.receive(), Ok(None)));
    });
    let mut page = Page::open_connected(&address);
    page.eval(&format!(
        "for (let i = 0; i < {MESSAGES}; i++) socket.send(new Uint8Array(1 << 20).fill(i)); show()"
    ));
    // 64 MiB are more than all the buffers on the way hold: most of it stays, and the page shows it.
    let unsent: usize = page.text("unsent").parse().unwrap();
    assert!(unsent > 32 << 20, "{unsent}");
    go.send(()).unwrap();
    page.until_logged("in", "all of it");
    page.until("document.getElementById('unsent').textContent === '0'");
    page.click("close");
    assert_eq!(page.outcome(), "1000 \"\" clean");
}

/// The page's script stands still in a synchronous request, so that the browser soon takes nothing more from us.
#[test]
#[ignore = "needs chromium"]
fn a_page_that_does_not_read_holds_the_server_up_and_loses_nothing() {
    const MESSAGES: usize = 64;
    let message = |number: usize| format!("{number} {}", "x".repeat(1 << 20));
    let hold = TcpListener::bind("127.0.0.1:0").unwrap();
    let hold_address = hold.local_addr().unwrap();
    let (sent, held_up) = mpsc::channel();
    let address = serve(move |mut ws| {
        let standing_still = hold.accept().unwrap();
        ws.set_write_timeout(Duration::from_millis(500)).unwrap();
        let mut numbers = 0..MESSAGES;
        for number in &mut numbers {
            ws.send(&*message(number)).unwrap();
            if ws.unsent_bytes() > 0 {
                break;
            }
        }
        sent.send((numbers.start, ws.unsent_bytes())).unwrap();
        drop(standing_still);
        ws.set_write_timeout(None).unwrap();
        for number in numbers {
            ws.send(&*message(number)).unwrap();
        }
        ws.send("all of it").unwrap();
        assert!(matches!(ws.receive(), Ok(None)));
    });
    let mut page = Page::open_connected(&address);
    page.eval(&format!(
        r#"
            window.got = [];
            socket.addEventListener("message", ({{ data }}) => got.push([parseInt(data), data.length]));
            const request = new XMLHttpRequest();
            request.open("GET", "http://{hold_address}/", false);
            try {{ request.send(); }} catch {{ }} // it gets no answer
            got.length
        "#
    ));
    let (messages, unsent) = held_up.recv_timeout(GUARD).unwrap();
    assert!(messages < MESSAGES && unsent > 0, "{messages} {unsent}");
    page.until_logged("in", "all of it");
    let got = page.eval("got.slice(0, -1)");
    let want: Vec<_> = (0..MESSAGES).map(|number| json!([number, message(number).len()])).collect();
    assert_eq!(got, json!(want));
    page.click("close");
    assert_eq!(page.outcome(), "1000 \"\" clean");
}

#[test]
#[ignore = "needs chromium"]
fn a_foreign_page_is_refused() {
    let (errors, seen) = mpsc::channel();
    let guarded = serve_requests(move |pending| {
        match pending.accept(&Acceptance::from_same_origin()) {
            Err(AcceptError::Request(error)) => errors.send(error).unwrap(),
            Ok(mut ws) => ws.send("welcome").unwrap(),
            Err(error) => panic!("{error}"),
        };
    });
    let other = serve(|mut ws| {
        let _ = ws.receive();
    });
    let connect = format!(
        r#"new Promise((resolve) => {{
            const socket = new WebSocket("ws://{guarded}/");
            socket.onmessage = ({{ data }}) => resolve(data);
            socket.onclose = ({{ code, wasClean }}) => resolve([code, wasClean]);
        }})"#
    );
    let mut page = Page::open_connected(&other);
    assert_eq!(page.eval(&connect), json!([1006, false]));
    assert_eq!(seen.recv_timeout(GUARD).unwrap(), RequestError::Origin);
    let error = page.event("Network.webSocketFrameError");
    assert!(
        error["errorMessage"].as_str().unwrap().ends_with("Unexpected response code: 403"),
        "{error}"
    );

    // Its own page is not. (That page offers a subprotocol, which this server does not choose.)
    let mut page = Page::open(&guarded);
    assert_eq!(page.eval(&connect), "welcome");
}
