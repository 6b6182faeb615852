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
    until_answer(&mut page, "allocated, 1 client");
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
    page.fill("key", "€ 1"); // no field of a request can have it as it is
    page.click("unlock");
    until_answer(&mut page, "error: The key is missing or wrong");
    page.fill("key", KEY);
    page.click("unlock");
    until_answer(&mut page, "0 of 5 endpoints are allocated");
    assert_eq!(page.eval(asks), json!(false));
}

/// It is fit for small screens, fingers, the dark, and those who cannot see it.
#[test]
#[ignore = "needs Chromium and axe-core"]
fn everybody_can_use_the_page() {
    let endpoints = start(&[]);
    let mut page = Page::open(&endpoints.address);
    page.look("endpoints");
    // Screen readers announce the parts that change.
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
