//! The page of the chat tutorial of InterSystems IRIS: its own lines (`iris_chat.html`), in a real
//! browser, and `chat` in place of IRIS.

use serde_json::json;

use crate::chat::Window;
use crate::page::Page;
use crate::program::Program;

const PAGE: &str = include_str!("iris_chat.html");

/// Opens the tutorial's page at the host of the chat, to which it connects.
fn open(chat: &Program) -> Page {
    let mut page = Page::open(&format!("{}/csp/user", chat.address));
    let text = json!(PAGE);
    page.eval(&format!("document.open(); document.write({text}); document.close();"));
    page
}

#[track_caller]
fn say(page: &mut Page, line: &str) {
    page.fill("inputline", line);
    page.click("button");
    page.until("document.getElementById('inputline').value === ''");
}

#[track_caller]
fn until_users(page: &mut Page, names: &[&str]) {
    let names = json!(names).to_string();
    page.until(&format!(
        r##"JSON.stringify([...document.querySelectorAll("#userlist li")].map(
            (it) => it.textContent)) === {names:?}"##
    ));
}

#[track_caller]
fn until_said(page: &mut Page, line: &str) {
    let line = json!(line);
    page.until(&format!(
        r##"[...document.querySelectorAll("#chat li")].some((it) =>
            it.textContent.startsWith({line}) &&
            /\(\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\)$/.test(it.textContent))"##
    ));
}

#[test]
#[ignore = "needs Chromium"]
fn the_client_of_the_iris_chat_tutorial_works_as_it_stands() {
    let mut chat = Program::start("chat", &["--iris", "/csp/user/Chat.Server.cls"]);
    let (mut one, mut two) = (open(&chat), open(&chat));
    let mut own = Window::open(&chat);
    for (page, number) in [(&mut one, 1), (&mut two, 2)] {
        page.until(&format!(
            r#"document.getElementById("headline").textContent === "CHAT - connected - {number}""#
        ));
        until_users(page, &["guest 1", "guest 2", "guest 3"]);
    }
    say(&mut one, "alias Ann");
    say(&mut one, "Hello, caf\u{e9}!");
    own.say("gr\u{fc}\u{df}e");
    for page in [&mut one, &mut two] {
        until_users(page, &["Ann", "guest 2", "guest 3"]);
        until_said(page, "Ann: Hello, caf\u{e9}! (");
        until_said(page, "guest 3: gr\u{fc}\u{df}e (");
    }
    own.until_said("Ann", "Hello, caf\u{e9}!");
    own.until_users(&["Ann", "guest 2", "guest 3"]);
    // An alias that is empty.
    say(&mut two, "alias ");
    own.until_users(&["Ann", "default", "guest 3"]);
    say(&mut one, "alias");
    own.until_users(&["default 1", "default", "guest 3"]);
    // A refusal is told where the refused page shows it.
    say(&mut one, &format!("alias {}", "n".repeat(31)));
    until_said(&mut one, "server: That name is too long: 30 characters at most. (");
    // Who comes late, and who leaves.
    let mut late = open(&chat);
    until_said(&mut late, "Ann: Hello, caf\u{e9}! (");
    drop(late);
    until_users(&mut two, &["default 1", "default", "guest 3"]);
    // The server's own words, and its end.
    chat.type_line("say Down at ten.");
    until_said(&mut two, "server: Down at ten. (");
    chat.type_line("quit");
    two.until(r#"document.getElementById("headline").textContent === "CHAT - disconnected""#);
}
