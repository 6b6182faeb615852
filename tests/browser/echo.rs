//! The example `echo_server` and its page: what a visitor does and sees.

use serde_json::{Value, json};

use crate::page::Page;
use crate::server::EchoServer;

#[test]
#[ignore = "needs chromium"]
fn text_comes_back() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    let text = "Gr\u{fc}\u{df}e \u{1f44b} <b>& \"co\"</b>";
    page.fill("text", text);
    page.click("send");
    page.until_logged("out", text);
    page.until_logged("in", text);
    // Chromium counts 23 bytes of UTF-8 as unsent, and shortly afterwards none.
    page.until("seen.unsent.length >= 3");
    assert_eq!(page.eval("seen.unsent"), json!(["0", text.len().to_string(), "0"]));
}

#[test]
#[ignore = "needs chromium"]
fn a_drawing_comes_back() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    let (left, top, width, height) = page.place("pad");
    let at = |x: f64, y: f64| (left + x * width, top + y * height);
    page.drag(&[at(0.1, 0.1), at(0.5, 0.8), at(0.9, 0.2)]);
    page.drag(&[at(0.2, 0.9), at(0.8, 0.9)]);
    page.drag(&[at(0.5, 0.5)]);
    page.click("sendpad");
    // 3, 2 and 1 points of 4 bytes, and the 3 numbers of points
    page.until_logged("in", "30 bytes");
    // The colours differ, what is drawn does not.
    let compared = page.eval(
        r#"(() => {
            const alpha = (id) => {
                const canvas = document.getElementById(id);
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                return data.filter((_, at) => at % 4 === 3);
            };
            const [drawn, echoed] = [alpha("pad"), alpha("echo")];
            return { inked: drawn.filter(Boolean).length, different: drawn.filter((it, at) => it !== echoed[at]).length };
        })()"#,
    );
    assert!(compared["inked"].as_u64().unwrap() > 500, "{compared}");
    assert_eq!(compared["different"], 0, "{compared}");
}

#[test]
#[ignore = "needs chromium"]
fn a_subprotocol_is_offered_and_chosen() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    assert_eq!(page.text("protocol"), "echo");
    // The server prefers "chat", and does not know the first.
    for (offered, header, chosen) in [
        ("unknown, superchat, chat", Some("unknown, superchat, chat"), "chat"),
        ("superchat", Some("superchat"), "superchat"),
        ("", None, "none"),
    ] {
        page.fill("closecode", "1000");
        page.click("close");
        page.until_state(3);
        page.fill("protocols", offered);
        page.click("connect");
        page.until_state(1);
        assert_eq!(page.text("protocol"), chosen);
        page.until("document.getElementById('request').textContent.includes(id)");
        let request = page.text("request");
        let sent = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
        assert_eq!(sent.map(|line| line.trim_end_matches("\\r\\n")), header);
    }
}

#[test]
#[ignore = "needs chromium"]
fn all_four_states_are_shown() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    assert_eq!(page.text("state"), "OPEN");
    page.fill("closecode", "4001");
    page.fill("closereason", "done");
    page.click("close");
    assert_eq!(page.outcome(), r#"4001 "done" clean"#);
    assert_eq!(page.text("state"), "CLOSED");
    assert_eq!(page.eval("seen.states"), json!(["0", "1", "2", "3"]));
}

/// What the page shows of the wire is what Chromium says that it sent and received.
#[test]
#[ignore = "needs chromium"]
fn what_went_over_the_wire_is_shown() {
    let server = EchoServer::start();
    let mut page = Page::open(&server.address);
    let handshake = page.event("Network.webSocketHandshakeResponseReceived");
    page.until_state(1);
    page.until("document.getElementById('response').textContent.startsWith('HTTP/1.1 101')");
    for (id, text) in [("request", "requestHeadersText"), ("response", "headersText")] {
        let shown = page.text(id).replace("\\r\\n\n", "\r\n").replace("\\r\\n", "\r\n");
        // DevTools puts the whole URI into the request line.
        let told = handshake["response"][text].as_str().unwrap();
        assert_eq!(
            shown,
            told.replacen(&format!("GET ws://{}", server.address), "GET ", 1),
            "{id}"
        );
    }

    page.fill("text", "Hello");
    page.click("send");
    page.until_logged("in", "Hello");
    page.until("document.querySelectorAll('#frames li').length === 2");
    let frames = shown_frames(&mut page);
    let (ours, echo) = (&frames[0], &frames[1]);
    assert_eq!((ours.from.as_str(), echo.from.as_str()), ("client", "server"));
    // RFC 6455 §5.7; with compression RFC 7692 §7.2.3.1, in both directions.
    let (first, payload): (u8, &[u8]) = if cfg!(feature = "deflate") {
        (0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00])
    } else {
        (0x81, b"Hello")
    };
    let len = payload.len() as u8;
    assert_eq!(echo.bytes(), [&[first, len], payload].concat());
    let bytes = ours.bytes();
    assert_eq!(bytes[..2], [first, 0x80 | len]);
    let (key, shown) = bytes[2..].split_at(4);
    let (masked, unmasked) = shown.split_at(payload.len());
    let by_key: Vec<u8> =
        masked.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    assert_eq!((&*by_key, unmasked), (payload, payload));

    page.fill("closecode", "3000");
    page.fill("closereason", "bye");
    page.click("close");
    page.outcome();
    page.until("document.querySelectorAll('#frames li').length === 4");
    let frames = shown_frames(&mut page);
    assert_eq!(frames[2].bytes()[..2], [0x88, 0x85]);
    assert_eq!(frames[3].bytes(), *b"\x88\x05\x0b\xb8bye"); // 3000 = 0x0bb8
    assert!(
        frames[3].meanings.last().unwrap().ends_with(r#"3000 "bye""#),
        "{:?}",
        frames[3].meanings
    );
}

struct ShownFrame {
    from: String,
    hex: Vec<String>,
    meanings: Vec<String>,
}

impl ShownFrame {
    fn bytes(&self) -> Vec<u8> {
        let pairs = self.hex.iter().flat_map(|part| part.split(' '));
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }
}

fn shown_frames(page: &mut Page) -> Vec<ShownFrame> {
    let shown = page.eval(
        r##"[...document.querySelectorAll("#frames li")].map((line) => [
            [line.dataset.from],
            [...line.querySelectorAll("code")].map((part) => part.textContent),
            [...line.querySelectorAll(".parts > span")].map((part) => part.textContent),
        ])"##,
    );
    let strings = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let frame = |it: &Value| ShownFrame {
        from: strings(&it[0]).remove(0),
        hex: strings(&it[1]),
        meanings: strings(&it[2]),
    };
    shown.as_array().unwrap().iter().map(frame).collect()
}

#[test]
#[ignore = "needs chromium"]
fn large_messages_come_back() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    // Letters of one, two and three bytes and pseudo-random bytes (a linear congruential generator): 1 MiB each.
    let same = page.eval(
        r#"(async () => {
            const echo = (message) => new Promise((resolve) => {
                socket.addEventListener("message", ({ data }) => resolve(data), { once: true });
                socket.send(message);
            });
            const text = "a\u00fc\u20ac..".repeat((1 << 20) / 8);
            const bytes = new Uint8Array(1 << 20);
            for (let at = 0, state = 1; at < bytes.length; at++) {
                state = (Math.imul(state, 1103515245) + 12345) >>> 0;
                bytes[at] = state >>> 16;
            }
            const textBytes = new TextEncoder().encode(text).length;
            const sameText = await echo(text) === text;
            const echoed = new Uint8Array(await echo(bytes));
            return [textBytes, sameText, echoed.length, echoed.every((byte, at) => byte === bytes[at])];
        })()"#,
    );
    assert_eq!(same, json!([1 << 20, true, 1 << 20, true]));
    page.until_logged("in", "1048576 bytes");
}

#[test]
#[ignore = "needs chromium"]
#[cfg(feature = "deflate")]
fn messages_are_compressed() {
    let server = EchoServer::start();
    let mut page = Page::open(&server.address);
    let handshake = page.event("Network.webSocketHandshakeResponseReceived");
    page.until_state(1);
    let chosen = handshake["response"]["headersText"].as_str().unwrap();
    assert!(chosen.contains("\r\nSec-WebSocket-Extensions: permessage-deflate"), "{chosen}");
    assert!(page.eval("socket.extensions").as_str().unwrap().starts_with("permessage-deflate"));

    let text = "all work and no play ".repeat(100);
    page.fill("text", &text);
    page.click("send");
    page.until("document.querySelectorAll('#frames li').length === 2");
    for frame in shown_frames(&mut page) {
        assert_eq!(frame.bytes()[0], 0xc1, "FIN, RSV1, text");
        let len = frame.bytes()[1] & 0x7f;
        assert!(len < 100, "{len} bytes for {}", text.len());
    }
    assert_eq!(page.eval(r##"document.querySelectorAll("#log .in").length"##), 1);
}
