//! The page of `endpoints`.

use std::process::Command;

use serde_json::json;

use crate::page::Page;
use crate::program::{Program, example};

const KEY: &str = "thekeyofthistest";

fn start(options: &[&str]) -> Program {
    let mut command: Command = example("endpoints");
    Program::run(command.env("ENDPOINTS_KEY", KEY).arg("127.0.0.1:0").args(options))
}

/// Opens the page at the address that the program prints, with the key.
fn open(endpoints: &Program) -> Page {
    let mut page = Page::open(&endpoints.address);
    page.eval(&format!("location.hash = '{KEY}'"));
    page.call("Page.reload", json!({}));
    page.event("Page.loadEventFired");
    page
}

#[track_caller]
fn until_state(page: &mut Page, text: &str) {
    let text = json!(text);
    page.until(&format!(r#"document.getElementById("state").textContent.startsWith({text})"#));
}

#[track_caller]
fn until_answer(page: &mut Page, text: &str) {
    let text = json!(text);
    page.until(&format!(r#"document.getElementById("answer").textContent.includes({text})"#));
}

#[track_caller]
fn until_logged(page: &mut Page, text: &str) {
    let text = json!(text);
    page.until(&format!(
        r##"[...document.querySelectorAll("#log li")].some((line) => line.textContent === {text})"##
    ));
}

#[test]
#[ignore = "needs Chromium"]
fn a_page_allocates_connects_talks_and_releases() {
    let endpoints = start(&["--endpoints", "1"]);
    let mut page = open(&endpoints);
    page.click("allocate");
    until_answer(&mut page, &format!("ws://{}/WS", endpoints.address));
    page.click("connect");
    until_state(&mut page, "connected to ws://");
    page.fill("message", "<b>Hello</b>");
    page.click("send");
    until_logged(&mut page, "<b>Hello</b>");
    page.fill("command", "list");
    page.click("run");
    until_answer(&mut page, "allocated, 1 clients");
    page.click("allocate");
    until_answer(&mut page, "error: the pool's only endpoint is allocated");
    // The chat cannot have an endpoint, and says why.
    page.click("join");
    until_state(&mut page, "error: The chat does not work: the pool's only endpoint is allocated");
    page.click("release");
    until_state(&mut page, "closed: 1001 the endpoint has been released");
    page.click("join");
    until_state(&mut page, "connected to ws://");
    page.fill("message", "Hello");
    page.click("send");
    until_logged(&mut page, "guest: Hello");
}

#[test]
#[ignore = "needs Chromium"]
fn without_the_key_the_page_asks_for_it() {
    let endpoints = start(&[]);
    let mut page = Page::open(&endpoints.address);
    let asks = r#"document.getElementById("unlocking").checkVisibility()"#;
    assert_eq!(page.eval(asks), json!(true));
    page.click("allocate");
    until_answer(&mut page, "error: The key is missing or wrong");
    page.fill("key", KEY);
    page.click("unlock");
    until_answer(&mut page, "0 of 5 endpoints are allocated");
    assert_eq!(page.eval(asks), json!(false));
}

/// Leaves a picture where a person can look at it, if one wants to.
fn picture(page: &mut Page, name: &str) {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let Some(folder) = std::env::var_os("SCREENSHOTS") else { return };
    let shot = page.call("Page.captureScreenshot", json!({"captureBeyondViewport": true}));
    let png = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
    std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), png).unwrap();
}

/// Every control has a name, is large enough for a finger, and fits on a small phone.
#[test]
#[ignore = "needs Chromium"]
fn controls_have_names_and_are_large_enough() {
    let endpoints = start(&[]);
    let mut page = Page::open(&endpoints.address);
    for (width, height) in [(320, 640), (768, 1024), (1440, 900)] {
        for scheme in ["light", "dark"] {
            let size =
                json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
            page.call("Emulation.setDeviceMetricsOverride", size);
            let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
            page.call("Emulation.setEmulatedMedia", json!({"features": features}));
            picture(&mut page, &format!("endpoints-{width}-{scheme}"));
            let overflow = page.eval("document.documentElement.scrollWidth - innerWidth");
            assert!(overflow.as_i64().unwrap() <= 0, "{width}: {overflow}");
            let bad = page.eval(
                r#"[...document.querySelectorAll("input, select, button")].filter((control) => {
                    const { width, height } = control.getBoundingClientRect();
                    const name = control.labels?.[0]?.textContent || control.textContent;
                    return width < 44 || height < 44 || !name.trim();
                }).map((control) => control.id)"#,
            );
            assert_eq!(bad, json!([]), "{width}");
        }
    }
    // What changes is spoken.
    for (id, role) in [("answer", "status"), ("state", "status"), ("log", "log")] {
        let found = page.eval(&format!(r#"document.getElementById("{id}").role"#));
        assert_eq!(found, json!(role), "{id}");
    }
}

/// A page of another origin connects only if that origin is allowed.
#[test]
#[ignore = "needs Chromium"]
fn a_page_of_another_origin_connects_if_it_is_allowed() {
    let elsewhere = start(&[]);
    let origin = format!("http://{}", elsewhere.address);
    for (options, outcome) in [(vec![], "close 1006"), (vec!["--origin", &origin], "open")] {
        let mut endpoints = start(&options);
        endpoints.type_line("allocate");
        let url = endpoints.line("ws://").trim().to_owned();
        let mut page = Page::open(&elsewhere.address);
        let got = page.eval(&format!(
            r#"new Promise((resolve) => {{
                const socket = new WebSocket("{url}");
                socket.onopen = () => resolve("open");
                socket.onclose = (event) => resolve("close " + event.code);
            }})"#
        ));
        assert_eq!(got, json!(outcome), "{options:?}");
    }
}
