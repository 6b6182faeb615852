//! The page of `echo_server` in a browser, used as a person would: with mouse and keyboard, looking at what it shows.

use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};

use crate::devtools::DevTools;

/// Notes every state and every number of unsent bytes that the page shows, from the beginning.
const OBSERVE: &str = r#"{ // a block: its names are not the page's
    window.seen = { states: [], unsent: [] };
    const note = (list, value) => { if (value !== undefined && list.at(-1) !== value) list.push(value); };
    new MutationObserver(() => {
        note(seen.states, document.getElementById("state")?.dataset.state);
        note(seen.unsent, document.getElementById("unsent")?.textContent);
    }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
}"#;

pub struct Page(DevTools);

impl Deref for Page {
    type Target = DevTools;
    fn deref(&self) -> &DevTools {
        &self.0
    }
}

impl DerefMut for Page {
    fn deref_mut(&mut self) -> &mut DevTools {
        &mut self.0
    }
}

impl Page {
    /// Opens the page; it connects by itself.
    pub fn open(address: &str) -> Self {
        Self::open_with(address, &[])
    }

    /// Opens it in a browser with further flags.
    pub fn open_with(address: &str, flags: &[&str]) -> Self {
        let mut page = Self(DevTools::start(flags));
        for domain in ["Page", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": OBSERVE}));
        page.go(&format!("http://{address}/"));
        page
    }

    #[track_caller]
    pub fn go(&mut self, url: &str) {
        let navigated = self.call("Page.navigate", json!({"url": url}));
        assert!(navigated.get("errorText").is_none(), "{navigated}");
        self.event("Page.loadEventFired");
    }

    /// Opens the page and waits until it is connected.
    pub fn open_connected(address: &str) -> Self {
        let mut page = Self::open(address);
        page.until_state(1);
        page
    }

    /// The value of an expression, or of the promise that it is.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", parameters);
        assert!(
            answer.get("exceptionDetails").is_none(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].take()
    }

    /// Waits until an expression holds; it is looked at whenever the page changes what it shows.
    #[track_caller]
    pub fn until(&mut self, condition: &str) {
        self.eval(&format!(
            "new Promise((resolve) => {{
                const holds = () => {{ try {{ return {condition}; }} catch {{ return false; }} }};
                if (holds()) return resolve();
                new MutationObserver((_, observer) => {{
                    if (!holds()) return;
                    observer.disconnect();
                    resolve();
                }}).observe(document, {{ subtree: true, childList: true, characterData: true, attributes: true }});
            }})"
        ));
    }

    #[track_caller]
    pub fn until_state(&mut self, state: u8) {
        self.until(&format!(r#"document.getElementById("state").dataset.state === "{state}""#));
    }

    /// Waits for the close, and gives what the page shows of it.
    #[track_caller]
    pub fn outcome(&mut self) -> String {
        self.until_state(3);
        self.until(r#"document.getElementById("outcome").textContent !== "not yet""#);
        self.text("outcome")
    }

    /// Waits for a line of the log: `in`, `out` or `note`.
    #[track_caller]
    pub fn until_logged(&mut self, kind: &str, text: &str) {
        let text = json!(text);
        self.until(&format!(
            r##"[...document.querySelectorAll("#log .{kind}")].some((line) => line.textContent === {text})"##
        ));
    }

    #[track_caller]
    pub fn text(&mut self, id: &str) -> String {
        let text = self.eval(&format!(r#"document.getElementById("{id}").textContent"#));
        text.as_str().unwrap().to_owned()
    }

    /// Replaces what stands in a field.
    #[track_caller]
    pub fn fill(&mut self, id: &str, text: &str) {
        self.click(id);
        self.eval(&format!(r#"document.getElementById("{id}").select()"#));
        let key = json!({"type": "keyDown", "key": "Delete", "code": "Delete", "windowsVirtualKeyCode": 46});
        self.call("Input.dispatchKeyEvent", key);
        self.call(
            "Input.dispatchKeyEvent",
            json!({"type": "keyUp", "key": "Delete", "code": "Delete"}),
        );
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Presses a key, on what has the focus. A letter types nothing: see [`fill`](Self::fill).
    #[track_caller]
    pub fn press(&mut self, key: &str) {
        let mut press = json!({"type": "keyDown", "key": key, "code": key});
        match key {
            "Enter" => press["text"] = json!("\r"),
            " " => press["text"] = json!(" "),
            _ => {}
        }
        self.call("Input.dispatchKeyEvent", press);
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "code": key}));
    }

    #[track_caller]
    pub fn focus(&mut self, id: &str) {
        self.eval(&format!(r#"document.getElementById("{id}").focus()"#));
    }

    /// Chooses in a list of choices.
    #[track_caller]
    pub fn choose(&mut self, id: &str, value: &str) {
        self.eval(&format!(
            r#"(() => {{
                const list = document.getElementById("{id}");
                list.value = "{value}";
                if (list.value !== "{value}") throw new Error("{id} has no {value}");
                list.dispatchEvent(new Event("change"));
            }})()"#
        ));
    }

    #[track_caller]
    pub fn click(&mut self, id: &str) {
        let (x, y, width, height) = self.place(id);
        self.drag(&[(x + width / 2.0, y + height / 2.0)]);
    }

    /// Presses the mouse at the first point, moves it to the others and releases it at the last.
    #[track_caller]
    pub fn drag(&mut self, points: &[(f64, f64)]) {
        let mut mouse = |kind: &str, (x, y): (f64, f64), buttons: u8| {
            let button = json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1});
            self.call("Input.dispatchMouseEvent", button);
        };
        mouse("mousePressed", points[0], 1);
        for &point in &points[1..] {
            mouse("mouseMoved", point, 1);
        }
        mouse("mouseReleased", points[points.len() - 1], 0);
    }

    /// Gives the window another size, and waits until the page is laid out and drawn in it.
    #[track_caller]
    pub fn resize(&mut self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        self.eval(&format!(
            "(async () => {{
                const frame = () => new Promise(requestAnimationFrame);
                while (innerWidth !== {width} || innerHeight !== {height}) await frame();
                await frame();
                await frame();
            }})()"
        ));
    }

    /// Where an element is in the window, after scrolling to it: left, top, width, height.
    #[track_caller]
    pub fn place(&mut self, id: &str) -> (f64, f64, f64, f64) {
        let place = self.eval(&format!(
            r#"(() => {{
                const element = document.getElementById("{id}");
                if (element.disabled) throw new Error("{id} is disabled");
                element.scrollIntoView({{ block: "center" }});
                const {{ left, top, width, height }} = element.getBoundingClientRect();
                return [left, top, width, height];
            }})()"#
        ));
        let number = |at: usize| place[at].as_f64().unwrap();
        (number(0), number(1), number(2), number(3))
    }
}
