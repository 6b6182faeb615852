//! The page of the chat in Chromium, when its server dies.

use serde_json::json;

use crate::engine::{Engine, command};
use crate::page::Page;
use crate::program::Program;
use crate::user::User;

#[test]
#[ignore = "needs Chromium: .ci/more bus"]
fn a_page_whose_server_was_killed_comes_back_and_shows_every_line_once() {
    let engine = Engine::start();
    let options = ["--deadline", "2"];
    let (mut one, two) = (engine.serve("chat", &options), engine.serve("chat", &options));
    let mut page = Page::open(&one.address);
    let state =
        |state: &str| format!(r#"document.getElementById("state").dataset.state === {state:?}"#);
    page.until(&state("connected"));
    let bob = User::come(&two);
    let lines = ["before", "also before", "meanwhile", "afterwards"];
    let shows = |lines: &[&str]| {
        let texts = r##"[...document.querySelectorAll("#log .text")].map((it) => it.textContent)"##;
        format!("JSON.stringify({texts}) === {:?}", json!(lines).to_string())
    };
    lines[..2].iter().for_each(|line| bob.type_line(line));
    page.until(&shows(&lines[..2]));
    one.kill();
    bob.type_line(lines[2]);
    page.until(&format!("!({})", state("connected")));
    let address = one.address.clone();
    let bus = engine.url();
    let _one = Program::run(command("chat").args([&address, "--bus", &bus]).args(options));
    page.until(&state("connected"));
    bob.type_line(lines[3]);
    page.until(&shows(&lines));
}
