//! The pages of `push`.

use std::process::Command;

use hybi::CloseCode;
use serde_json::json;

use crate::page::Page;
use crate::program::{Program, example};

const KEY: &str = "thekeyofthistest";

fn start(options: &[&str]) -> Program {
    let mut command: Command = example("push");
    Program::run(command.env("PUSH_KEY", KEY).arg("127.0.0.1:0").args(options))
}

/// Opens the page of all connections, with the key or another.
fn open_status(push: &Program, key: &str) -> Page {
    let mut page = Page::open(&push.address);
    page.go(&format!("http://{}/status#{key}", push.address));
    page
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_shows_what_the_server_pushes_and_how_it_ends() {
    let push = start(&["--timeout", "0.2"]);
    let mut page = Page::open_connected(&push.address);
    let first = r##"document.querySelector("#log .in").textContent.startsWith("timed out at ")"##;
    page.until(first);
    page.fill("message", "<b>Hello</b>");
    page.click("send");
    page.until_logged("out", "<b>Hello</b>");
    page.until_logged("in", "<b>Hello</b>");
    page.fill("message", "exit");
    page.click("send");
    assert_eq!(page.outcome(), "1000 \"bye\" clean");
    page.click("send");
    assert_eq!(page.text("sendrule"), "There is no open connection: connect first.");
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_chooses_a_service_a_length_and_a_type() {
    let mut push = start(&[]);
    let mut page = Page::open_connected(&push.address);
    page.fill("len", "3");
    page.choose("kind", "1");
    page.click("connect");
    page.until(r#"document.getElementById("url").textContent.endsWith("/?len=3&binary=1")"#);
    page.until_state(1);
    page.fill("message", "abcd");
    page.click("send");
    page.until_logged("in", "3 bytes: 61 62 63 \"abc\"");
    page.until_logged("in", "1 bytes: 64 \"d\"");
    page.fill("closecode", "4001");
    page.fill("closereason", "enough");
    page.click("close");
    assert_eq!(page.outcome(), "4001 \"enough\" clean");

    // The terminal speaks to the page, and hears it.
    page.choose("kind", "0");
    page.choose("path", "async");
    page.click("connect");
    page.until_logged("in", "you are number 3");
    push.type_line("3 from the terminal");
    page.until_logged("in", "from the terminal");
    push.type_line("close 3");
    assert_eq!(page.outcome(), "1000 \"closed from the terminal\" clean");
}

/// A browser keeps secret why a connection failed, so the page finds out.
#[test]
#[ignore = "needs Chromium"]
fn the_page_tells_a_server_that_refuses_from_one_that_is_gone() {
    let push = start(&["--connections", "1"]);
    let mut page = Page::open_connected(&push.address);
    let mut second = Page::open(&push.address);
    let says =
        |text: &str| format!(r#"document.getElementById("connectrule").textContent === "{text}""#);
    second.until(&says("The server is there, but refused the connection."));
    page.click("close");
    assert_eq!(page.outcome(), "1000 \"\" clean");
    second.click("connect");
    second.until_state(1);
    assert_eq!(second.text("connectrule"), "");
    drop(push);
    second.until_state(3);
    second.click("connect");
    second.until(&says("The server does not answer."));
}

/// The browser keeps the cookie, which no script sees.
#[test]
#[ignore = "needs Chromium"]
fn a_browser_comes_back_to_its_session() {
    let push = start(&[]);
    let mut page = Page::open_connected(&push.address);
    assert_eq!(page.eval("document.cookie"), json!(""));
    page.choose("path", "session");
    page.click("connect");
    until_told(&mut page, "connection 1: nobody");
    page.fill("message", "name Ann");
    page.click("send");
    page.until_logged("in", "you are Ann");
    // By a link from another site, with which the browser sends no cookie at first.
    let port = push.address.rsplit(':').next().unwrap();
    page.go(&format!("http://localhost:{port}/"));
    page.until_state(1);
    page.eval(&format!("location.href = 'http://{}/'; 0", push.address));
    page.event("Page.loadEventFired");
    assert_eq!(page.eval("location.hostname"), json!("127.0.0.1"));
    page.until_state(1);
    page.choose("path", "session");
    page.click("connect");
    until_told(&mut page, "connection 2: Ann");
}

#[test]
#[ignore = "needs Chromium"]
fn the_status_follows_the_connections() {
    let push = start(&[]);
    let client = push.client("/async");
    client.text();
    let mut page = open_status(&push, "another");
    page.until(r#"document.getElementById("unlocking").checkVisibility()"#);
    // No field of a request can have it as it is.
    page.eval("key = '€ 1'; ask().then(() => 0)");
    let problem = page.text("problem");
    assert_eq!(problem, "");
    page.fill("key", KEY);
    page.click("unlock");
    page.until(r#"document.getElementById("count").textContent === "1 connection""#);
    page.until(r#"document.getElementById("rows").textContent.includes("/asyncasynchronous")"#);
    client.send("hello");
    page.until(r#"document.getElementById("rows").textContent.includes("1 messages, 5 bytes")"#);
    client.writer.close(CloseCode::NORMAL, "").unwrap();
    client.end();
    page.until(r#"document.getElementById("count").textContent === "0 connections""#);
    drop(push);
    page.until(
        r#"document.getElementById("problem").textContent.startsWith("The server does not")"#,
    );
}

/// They are fit for small screens, fingers, the dark, and those who cannot see them.
#[test]
#[ignore = "needs Chromium and axe-core"]
fn everybody_can_use_the_pages() {
    let push = start(&["--timeout", "0.2"]);
    let mut page = Page::open_connected(&push.address);
    page.until(r##"document.querySelectorAll("#log .in").length > 2"##);
    page.look("push");
    for (id, role) in [("state", "status"), ("messages", "log"), ("connectrule", "alert")] {
        let found = page.eval(&format!(r#"document.getElementById("{id}").role"#));
        assert_eq!(found, json!(role), "{id}");
    }
    let mut page = open_status(&push, "another");
    page.until(r#"document.getElementById("unlocking").checkVisibility()"#);
    page.look("push-locked");
    let _clients = [push.client("/async"), push.client("/"), push.client("/session")];
    let mut page = open_status(&push, KEY);
    page.until(r#"document.querySelectorAll("tbody tr").length > 2"#);
    page.look("push-status");
}

/// Waits for a message that contains this.
fn until_told(page: &mut Page, text: &str) {
    page.until(&format!(
        r##"[...document.querySelectorAll("#log .in")].some(
            (line) => line.textContent.includes("{text}"))"##
    ));
}
