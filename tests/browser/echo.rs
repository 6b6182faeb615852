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
    page.until_logged("in", "30 bytes, Blob");
    // A Blob tells its bytes later.
    page.until(
        r#"document.getElementById("echo").getContext("2d")
            .getImageData(0, 0, 240, 160).data.some(Boolean)"#,
    );
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
            [...line.querySelectorAll("code:not(.inflated)")].map((part) => part.textContent),
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
    page.choose("binarytype", "ArrayBuffer");
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
    page.until_logged("in", "1048576 bytes, ArrayBuffer");
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
    page.until("document.querySelectorAll('#frames .inflated').length === 2");
    for frame in shown_frames(&mut page) {
        // The first 512 bytes: 24 times 21 letters, and 8.
        let inflated = format!("{}all work", "all work and no play ".repeat(24));
        let meaning = frame.meanings.last().unwrap();
        assert_eq!(
            *meaning,
            format!("the message, inflated: the first 512 bytes of 2100 \"{inflated}\"")
        );
        assert_eq!(frame.bytes()[0], 0xc1, "FIN, RSV1, text");
        let len = frame.bytes()[1] & 0x7f;
        assert!(len < 100, "{len} bytes for {}", text.len());
    }
    assert_eq!(page.eval(r##"document.querySelectorAll("#log .in").length"##), 1);
}

/// The server says what it has of a connection, so a page that polls misses only bursts.
#[test]
#[ignore = "needs chromium"]
fn frames_are_searched_and_the_list_says_what_it_has_dropped() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    page.fill("text", "needle");
    page.click("send");
    page.until("document.getElementById('found').textContent === '2 frames'");
    page.eval("for (let i = 0; i < 10; i++) socket.send(`hay ${i}`)");
    page.until("document.getElementById('found').textContent === '22 frames'");
    for (wanted, found) in
        [("needle", "2 of 22 frames"), ("HAY", "20 of 22 frames"), ("needles", "0 of 22 frames")]
    {
        page.fill("find", wanted);
        page.until(&format!("document.getElementById('found').textContent === '{found}'"));
        let shown = page.eval(
            "String([...document.querySelectorAll('#frames li')].filter((it) => !it.hidden).length)",
        );
        assert_eq!(shown, found.split(' ').next().unwrap());
    }
    page.fill("find", "");

    // A burst: the server keeps the newest 250. Then the rest, slowly, until the list is full.
    page.eval(
        "new Promise((resolve) => {
            let left = 1000;
            const asks = askForWire;
            askForWire = () => {};
            socket.addEventListener('message', () => --left === 0 && resolve(askForWire = asks));
            for (let i = 0; i < 1000; i++) socket.send('burst');
        })",
    );
    page.eval("askForWire()");
    page.until("document.getElementById('found').textContent.startsWith('272 frames; ')");
    assert_eq!(
        page.text("found"),
        "272 frames; 1750 came so fast that the server had dropped them"
    );
    page.eval(
        "(async () => {
            for (let i = 0; i < 10; i++) {
                let left = 90;
                await new Promise((resolve) => {
                    socket.addEventListener('message', () => --left === 0 && resolve());
                    for (let i = 0; i < 90; i++) socket.send('slow');
                });
                while (asking) await new Promise((resolve) => setTimeout(resolve));
            }
        })()",
    );
    // 22 + 2000 + 1800 frames, 1750 of them not kept by the server.
    page.until("document.getElementById('found').textContent.startsWith('2000 frames; ')");
    assert_eq!(
        page.text("found"),
        "2000 frames; 72 older ones were dropped: the list holds 2000; \
         1750 came so fast that the server had dropped them"
    );
}

#[test]
#[ignore = "needs chromium"]
fn binary_data_is_a_blob_or_an_array_buffer_as_chosen() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    assert_eq!(page.eval("socket.binaryType"), "blob", "the browser's default");
    page.click("spiral");
    for (choice, binary_type) in [("ArrayBuffer", "arraybuffer"), ("Blob", "blob")] {
        page.choose("binarytype", choice);
        assert_eq!(page.eval("socket.binaryType"), binary_type);
        page.click("sendpad");
        // The number of points and 120 points, of 4 bytes each.
        page.until_logged("out", &format!("482 bytes, {choice}"));
        page.until_logged("in", &format!("482 bytes, {choice}"));
    }
}

#[test]
#[ignore = "needs chromium"]
fn the_extensions_are_among_the_facts() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    let chosen = page.eval("socket.extensions");
    assert_eq!(chosen.as_str().unwrap().is_empty(), !cfg!(feature = "deflate"));
    let shown = if cfg!(feature = "deflate") { chosen.as_str().unwrap() } else { "none" };
    assert_eq!(page.text("extensions"), shown);
}

#[test]
#[ignore = "needs chromium"]
fn a_dead_server_and_an_unknown_subprotocol_are_told_apart_and_a_restart_is_survived() {
    let server = EchoServer::start();
    let address = server.address.clone();
    let mut page = Page::open_connected(&address);
    let problem = |text: &str| {
        format!("document.getElementById('problem').textContent.startsWith({})", json!(text))
    };

    page.click("close");
    page.outcome();
    assert_eq!(page.text("problem"), "");
    page.fill("protocols", "nobody, knows");
    page.click("connect");
    page.until(&problem("The server is there, but knows no subprotocol of: nobody, knows. "));
    page.fill("protocols", "echo");
    page.click("connect");
    page.until_state(1);
    assert_eq!(page.text("problem"), "");

    drop(server); // killed: without a Close frame
    page.until(&problem("The server does not answer. Trying again in "));
    assert_eq!(page.outcome(), "1006 \"\" not clean");
    let server = EchoServer::start_at(&address);
    page.until_state(1);
    page.fill("text", "here again");
    page.press("Enter");
    page.until_logged("in", "here again");
    assert_eq!(page.text("problem"), "");

    // It is there again before the page has looked.
    drop(server);
    let _server = EchoServer::start_at(&address);
    page.until("document.getElementById('state').dataset.state !== '1'");
    page.until_state(1);
}

#[test]
#[ignore = "needs chromium"]
fn enter_always_does_something_that_is_seen() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    let first = page.text("request");
    let enter = |page: &mut Page, field: &str, rule: &str, says: &str| {
        page.focus(field);
        page.press("Enter");
        page.until(&format!("document.getElementById('{rule}').textContent === {}", json!(says)));
    };
    // Open: there is nothing to connect. An empty text is a message.
    enter(&mut page, "protocols", "connectrule", "It is OPEN. Close it first.");
    enter(&mut page, "text", "textrule", "");
    page.until("document.querySelectorAll('#log .empty').length === 2");
    page.fill("find", "nothing like that");
    page.press("Enter");
    assert_eq!(page.eval("document.activeElement.id"), "wire");

    // Enter closes. Then there is nothing to close, and no connection to send over.
    page.focus("closereason");
    page.press("Enter");
    assert_eq!(page.outcome(), "1000 \"\" clean");
    enter(&mut page, "closecode", "closerule", "There is no connection to close.");
    page.fill("text", "kept");
    enter(&mut page, "text", "textrule", "There is no open connection. Connect first.");
    assert_eq!(page.eval("document.getElementById('text').value"), "kept");
    enter(&mut page, "sendpad", "padrule", "There is no open connection. Connect first.");
    page.focus("protocols");
    page.press("Enter");
    page.until_state(1);
    page.until(&format!("document.getElementById('request').textContent !== {}", json!(first)));
}

#[test]
#[ignore = "needs chromium"]
fn a_drawing_needs_no_pointer_and_says_what_it_is() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    let label = |page: &mut Page, id: &str| {
        page.eval(&format!("document.getElementById('{id}').ariaLabel"))
    };
    assert_eq!(label(&mut page, "pad"), "Drawing to send: empty");
    assert_eq!(label(&mut page, "echo"), "Echo of a drawing: none yet");
    page.focus("pad");
    for key in ["ArrowLeft", " ", "ArrowUp", "ArrowUp", "ArrowRight", " ", "ArrowDown"] {
        page.press(key);
    }
    assert_eq!(page.text("pen"), "The pen is up.");
    assert_eq!(page.eval("strokes"), json!([[[116, 80], [116, 76], [116, 72], [120, 72]]]));
    page.focus("sendpad");
    page.press("Enter");
    page.until_logged("in", "18 bytes, Blob");
    page.until("document.getElementById('echo').ariaLabel === 'Echo of a drawing: 1 stroke'");
    assert_eq!(page.eval("echoed"), page.eval("strokes"));
}

/// The accessibility tree is what a screen reader has.
#[test]
#[ignore = "needs chromium"]
fn a_message_is_spoken_and_lists_have_names() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    page.fill("text", "spoken");
    page.press("Enter");
    page.until_logged("in", "spoken");
    page.until("document.getElementById('found').textContent === '2 frames'");
    page.call("Accessibility.enable", json!({}));
    let tree = page.call("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let named = |role: &str, name: &str| {
        nodes.iter().find(|it| it["role"]["value"] == role && it["name"]["value"] == name)
    };
    let log = named("log", "Messages").unwrap();
    let live = log["properties"].as_array().unwrap().iter().find(|it| it["name"] == "live");
    assert_eq!(live.unwrap()["value"]["value"], "polite");
    for text in ["sent: ", "received: "] {
        assert!(named("StaticText", text).is_some(), "{text:?} is not spoken");
    }
    for (role, name) in [
        ("list", "Messages, the newest 500"),
        ("list", "Frames"),
        ("application", "Drawing to send: empty"),
        ("image", "Echo of a drawing: none yet"),
        ("textbox", "Text to send"),
        ("textbox", "Subprotocols to offer, such as: chat, echo"),
    ] {
        assert!(named(role, name).is_some(), "{role} {name:?}");
    }
}

#[test]
#[ignore = "needs chromium and axe"]
fn the_page_suits_every_screen_and_every_visitor() {
    let server = EchoServer::start();
    let mut page = Page::open_connected(&server.address);
    page.fill("text", "Hello");
    page.press("Enter");
    page.click("spiral");
    page.click("sendpad");
    page.fill("closecode", "1001");
    page.until("document.getElementById('found').textContent === '4 frames'");
    page.eval("for (const it of document.querySelectorAll('details')) it.open = true");
    page.look("echo");
    drop(server);
    page.until("document.getElementById('problem').textContent !== ''");
    page.press("Enter");
    page.look("echo-alone");
}

/// Goes through the browser article step by step: "WebSockets in the Windows Consumer Preview",
/// with the echo, the states, the close, and its proxy's view of the wire.
#[test]
#[ignore = "needs chromium"]
fn the_walk_through_of_the_browser_article() {
    let server = EchoServer::start();
    let mut page = Page::open(&server.address);
    // The handshake that it goes through header by header.
    page.until_state(1);
    page.until("document.getElementById('response').textContent.startsWith('HTTP/1.1 101 ')");
    let request = page.text("request");
    for line in ["GET /echo", "Upgrade: websocket", "Connection: Upgrade", "Origin: http://"] {
        assert!(request.lines().any(|it| it.starts_with(line)), "{line}: {request}");
    }
    assert!(request.contains("Sec-WebSocket-Version: 13\\r\\n"), "{request}");
    let accept = page.text("response").to_lowercase();
    assert!(accept.contains("sec-websocket-accept: "), "{accept}");
    // readyState goes from CONNECTING to OPEN, which the page shows.
    assert_eq!(page.text("state"), "OPEN");
    assert_eq!(page.eval("seen.states"), json!(["0", "1"]));
    // "spiral" as a text.
    page.fill("text", "spiral");
    page.click("send");
    page.until_logged("out", "spiral");
    page.until_logged("in", "spiral");
    // A drawing as a Blob, which comes back and is drawn.
    page.click("spiral");
    page.click("sendpad");
    page.until("document.getElementById('echo').ariaLabel === 'Echo of a drawing: 1 stroke'");
    assert_eq!(page.eval("echoed"), page.eval("strokes"));
    // And with the other binaryType.
    page.choose("binarytype", "ArrayBuffer");
    page.click("sendpad");
    page.until_logged("in", "482 bytes, ArrayBuffer");
    // Its proxy shows that "spiral" went there and back as text.
    page.fill("find", "spiral");
    page.until("document.getElementById('found').textContent.startsWith('2 of 6 ')");
    let frames = page.eval(
        "[...document.querySelectorAll('#frames li')].filter((it) => !it.hidden)
            .map((it) => [it.dataset.from, it.querySelector('summary').textContent.split(',')[0]])",
    );
    assert_eq!(frames, json!([["client", "text"], ["server", "text"]]));
    // The flipbook is one step away: see its own test.
    assert_eq!(page.eval("document.querySelector('a').pathname"), "/flipbook");
    // socket.close(1000, "normal close"): CLOSING, then CLOSED, and a close event.
    page.fill("closereason", "normal close");
    page.click("close");
    assert_eq!(page.outcome(), r#"1000 "normal close" clean"#);
    assert_eq!(page.text("state"), "CLOSED");
    assert_eq!(page.eval("seen.states"), json!(["0", "1", "2", "3"]));
    // It sends only when the state is OPEN.
    page.fill("text", "too late");
    page.click("send");
    page.until("document.getElementById('textrule').textContent !== ''");
    assert_eq!(page.eval("document.querySelectorAll('#log .out').length"), 3);
}
