//! The page of `chat`: real windows, of browsers that share nothing.

use serde_json::json;

use crate::page::Page;
use crate::program::{Program, example};

pub struct Window(pub Page);

impl Window {
    /// Opens the page and waits until it is connected.
    pub fn open(chat: &Program) -> Self {
        let mut window = Self(Page::open(&chat.address));
        window.until_connected();
        window
    }

    /// The name that the chat has given it.
    #[track_caller]
    pub fn name(&mut self) -> String {
        let state = self.0.text("state");
        format!("guest {}", state.rsplit(' ').next().unwrap())
    }

    #[track_caller]
    fn until_connected(&mut self) {
        self.0.until(
            r#"document.getElementById("state").textContent.startsWith("connected as number ")"#,
        );
    }

    #[track_caller]
    pub fn say(&mut self, line: &str) {
        self.0.fill("line", line);
        self.0.click("send");
    }

    /// Waits until the list of users is this.
    #[track_caller]
    pub fn until_users(&mut self, names: &[&str]) {
        let names = json!(names);
        self.0.until(&format!(
            r##"JSON.stringify([...document.querySelectorAll("#users li")].map((user) => user.firstChild.data))
                === JSON.stringify({names}) && document.getElementById("count").textContent === "{}""##,
            names.as_array().unwrap().len()
        ));
    }

    /// Waits for a message.
    #[track_caller]
    pub fn until_said(&mut self, author: &str, text: &str) {
        let (author, text) = (json!(author), json!(text));
        self.0.until(&format!(
            r##"[...document.querySelectorAll("#log li")].some((line) =>
                line.querySelector(".who")?.textContent === {author} &&
                line.querySelector(".text")?.textContent === {text} &&
                !isNaN(Date.parse(line.querySelector("time")?.dateTime)))"##
        ));
    }

    #[track_caller]
    fn until_noted(&mut self, kind: &str, text: &str) {
        self.0.until_logged(kind, text);
    }

    /// Leaves a picture where a person can look at it, if one wants to.
    fn picture(&mut self, name: &str, width: u32, height: u32) {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let Some(folder) = std::env::var_os("SCREENSHOTS") else { return };
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.0.call("Emulation.setDeviceMetricsOverride", size);
        self.0.eval(
            "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))",
        );
        let shot = self.0.call("Page.captureScreenshot", json!({}));
        let png = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), png).unwrap();
    }
}

#[test]
#[ignore = "needs Chromium"]
fn windows_talk_and_know_who_is_there() {
    let chat = Program::start("chat", &["--keepalive", "0.5,30"]);
    let (mut one, mut two) = (Window::open(&chat), Window::open(&chat));
    one.until_users(&["guest 1", "guest 2"]);
    two.until_users(&["guest 1", "guest 2"]);
    two.say("Hello, everybody!");
    for window in [&mut one, &mut two] {
        window.until_said("guest 2", "Hello, everybody!");
    }
    one.say("alias Ann");
    one.say("Now you know who I am.");
    for window in [&mut one, &mut two] {
        window.until_users(&["Ann", "guest 2"]);
        window.until_noted("note", "guest 1 is now Ann.");
        window.until_said("Ann", "Now you know who I am.");
    }
    two.say("alias ann");
    two.until_noted("error", "That name is taken, or looks like one that is.");
    two.say(&"x".repeat(1001));
    two.until_noted("error", "That is too long: 1000 characters at most.");

    // A tab is closed, a browser is killed.
    let third = Window::open(&chat);
    let mut fourth = Window::open(&chat);
    one.until_users(&["Ann", "guest 2", "guest 3", "guest 4"]);
    drop(third);
    one.until_users(&["Ann", "guest 2", "guest 4"]);
    one.until_noted("note", "guest 3 has left.");
    fourth.0.eval("location.href = 'about:blank'");
    for window in [&mut one, &mut two] {
        window.until_users(&["Ann", "guest 2"]);
    }
    for (name, width, height) in [("chat-wide", 1100, 700), ("chat-narrow", 360, 640)] {
        one.picture(name, width, height);
    }
    // The window is long enough for all of it, and no wider than the screen.
    let overflow = one.0.eval("document.documentElement.scrollWidth - innerWidth");
    assert!(overflow.as_i64().unwrap() <= 0, "{overflow}");
}

#[test]
#[ignore = "needs Chromium"]
fn names_and_messages_are_text_whatever_they_look_like() {
    const NAME: &str = "<img src=x onerror=hacked=1>";
    const TEXT: &str = "<script>hacked=1</script><img src=x onerror=hacked=1>&lt;\"'";
    let chat = Program::start("chat", &[]);
    let (mut one, mut two) = (Window::open(&chat), Window::open(&chat));
    one.say(&format!("alias {NAME}"));
    one.say(TEXT);
    two.until_users(&[NAME, "guest 2"]);
    two.until_said(NAME, TEXT);
    let mut three = Window::open(&chat); // which gets the name in its welcome
    three.until_users(&[NAME, "guest 2", "guest 3"]);
    for window in [&mut one, &mut two, &mut three] {
        assert_eq!(window.0.eval("document.querySelectorAll('img').length"), json!(0));
        assert_eq!(
            window.0.eval("document.querySelectorAll('script').length"),
            json!(1),
            "its own"
        );
        assert_eq!(window.0.eval("typeof hacked"), json!("undefined"));
    }
}

#[cfg(unix)]
#[test]
#[ignore = "needs Chromium"]
fn the_headline_tells_and_the_page_connects_again() {
    let mut chat = Program::start("chat", &[]);
    let address = chat.address.clone();
    let again = || Program::run(example("chat").arg(&address));
    let mut window = Window::open(&chat);
    assert_eq!(window.0.text("state"), "connected as number 1");
    window.say("alias Ann");
    window.until_users(&["Ann"]);

    // In good order: a code and a reason. Then nobody is there: an error.
    window.0.eval(
        r#"window.states = [];
        new MutationObserver(() => states.push(document.getElementById("state").textContent))
            .observe(document.getElementById("state"), { childList: true, characterData: true, subtree: true })"#,
    );
    chat.interrupt();
    assert_eq!(chat.wait().code(), Some(0));
    window
        .0
        .until(r#"states.some((state) => state.startsWith("disconnected: 1001 the server is going down."))"#);
    window.0.until(r#"states.includes("connecting")"#);
    window.0.until(r#"states.includes("error")"#);
    window.0.until(r#"states.some((state) => state.startsWith("error, disconnected: 1006."))"#);
    assert_eq!(window.0.eval(r#"document.getElementById("send").disabled"#), json!(true));
    window.picture("chat-disconnected", 800, 500);

    let chat = again();
    window.until_connected();
    window.until_users(&["Ann"]); // its name, too, is given again
    window.say("Here I am again.");
    window.until_said("Ann", "Here I am again.");

    drop(chat); // killed: without a Close frame
    window
        .0
        .until(r#"document.getElementById("state").textContent.startsWith("disconnected: 1006")"#);
    let _chat = again();
    window.until_connected();
}
