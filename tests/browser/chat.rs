//! The page of `chat`: real windows, of browsers that share nothing.

use serde_json::{Value, json};

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

    /// Waits until the field below the message says this.
    #[track_caller]
    fn until_refused(&mut self, why: &str) {
        let why = json!(why);
        self.0.until(&format!(r#"document.getElementById("rule").textContent === {why}"#));
    }

    /// The text in the field to type in.
    #[track_caller]
    fn typed(&mut self) -> Value {
        self.0.eval(r#"document.getElementById("line").value"#)
    }

    /// Notes what the headline and the countdown say, from now on.
    fn note_states(&mut self) {
        self.0.eval(
            r#"window.states = [];
            window.countdowns = [];
            for (const [id, list] of [["state", states], ["again", countdowns]])
                new MutationObserver(() => list.push(document.getElementById(id).textContent))
                    .observe(document.getElementById(id),
                        { childList: true, characterData: true, subtree: true })"#,
        );
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
}

#[test]
#[ignore = "needs Chromium"]
fn text_that_is_refused_stays_with_its_author_and_is_counted() {
    let chat = Program::start("chat", &[]);
    let (mut one, mut two) = (Window::open(&chat), Window::open(&chat));
    assert_eq!(one.0.text("counter"), "0 of 1000 characters");
    // The page knows the limit. Characters are counted as the server counts them.
    let long = "\u{1f600}".repeat(1001);
    one.say(&long);
    one.until_refused("That is too long: 1000 characters at most.");
    assert_eq!(one.0.text("counter"), "1001 of 1000 characters");
    assert_eq!(one.typed(), long);
    assert_eq!(one.0.eval("document.getElementById('line').ariaInvalid"), "true");
    one.say(&"\u{1f600}".repeat(1000));
    one.until_said("guest 1", &"\u{1f600}".repeat(1000));
    assert_eq!((one.typed(), one.0.text("rule")), (json!(""), String::new()));
    assert_eq!(one.0.text("counter"), "0 of 1000 characters");

    // A refusal that only the server knows comes back before what was typed since.
    two.say("alias Ann");
    one.until_users(&["guest 1", "Ann"]);
    one.0.eval(
        r#"const typed = document.getElementById("line");
        typed.value = "alias ann";
        document.getElementById("form").requestSubmit();
        typed.value = "and more""#,
    );
    one.until_refused("That name is taken, or looks like one that is.");
    one.until_noted("error", "That name is taken, or looks like one that is.");
    assert_eq!(one.typed(), "alias ann and more");
    one.say("alias");
    one.until_refused("Which name? Type: alias NAME");
    assert_eq!(one.typed(), "alias");
    // Something else, and it is as before.
    one.0.fill("line", "alia");
    one.until_refused("");
}

#[test]
#[ignore = "needs Chromium"]
fn own_messages_stand_apart_runs_are_grouped_and_days_are_shown() {
    let chat = Program::start("chat", &[]);
    let (mut one, mut two) = (Window::open(&chat), Window::open(&chat));
    one.say("first");
    one.until_said("guest 1", "first");
    one.say("second");
    one.until_said("guest 1", "second");
    two.until_said("guest 1", "second");
    two.say("third");
    one.until_said("guest 2", "third");
    two.until_said("guest 2", "third");
    let kinds = r##"[...document.querySelectorAll("#log .said")].map((it) => it.className)"##;
    assert_eq!(one.0.eval(kinds), json!(["said mine", "said mine same", "said"]));
    assert_eq!(two.0.eval(kinds), json!(["said", "said same", "said mine"]));
    // Under one name to the eye. The name is still there for who hears the page.
    let heights = one.0.eval(
        r##"[...document.querySelectorAll("#log .head")].map(
            (it) => it.getBoundingClientRect().height > 1)"##,
    );
    assert_eq!(heights, json!([true, false, true]));
    let sides = one.0.eval(
        r##"[...document.querySelectorAll("#log .text")].map(
            (it) => it.getBoundingClientRect().right > innerWidth / 2)"##,
    );
    assert_eq!(sides, json!([true, true, false]), "own ones are at the other side");

    // Messages of other days, as they are found where a chat runs for long.
    let days = r##"[...document.querySelectorAll("#log .day time")].map((it) => it.dateTime)"##;
    assert_eq!(one.0.eval(days).as_array().unwrap().len(), 1, "today");
    one.0.eval(
        r#"for (const [sent, text] of [["03T12:00", "a"], ["03T12:04", "b"], ["03T12:10", "c"],
                ["04T12:00", "d"]])
            show({ id: 7, author: "Cy", sent: Date.parse(`2001-02-${sent}`), text })"#,
    );
    let days = one.0.eval(days);
    assert_eq!(days.as_array().unwrap()[1..], [json!("2001-02-03"), json!("2001-02-04")]);
    let kinds = one.0.eval(kinds);
    assert_eq!(kinds.as_array().unwrap()[3..], ["said", "said same", "said", "said"]);
}

/// A new server counts from 1 again, and somebody else was faster.
#[test]
#[ignore = "needs Chromium"]
fn who_has_our_old_number_at_a_new_server_is_somebody_else() {
    let mut chat = Program::start("chat", &[]);
    let address = chat.address.clone();
    let mut window = Window::open(&chat);
    assert_eq!(window.name(), "guest 1");
    chat.type_line("close 1"); // so that it waits
    window.0.until(r#"!document.getElementById("now").hidden"#);
    chat.kill();
    let chat = Program::run(example("chat").arg(&address));
    let other = chat.client("/chat");
    assert!(other.text().contains("\"id\":1"));
    other.send(r#"{"line": "before"}"#);
    assert!(other.text().contains("before"));
    window.0.click("now");
    window.until_connected();
    assert_eq!(window.name(), "guest 2");
    other.send(r#"{"line": "after"}"#);
    window.until_said("guest 1", "after");
    assert_eq!(window.0.eval(r##"document.querySelectorAll("#log .mine").length"##), json!(0));
}

/// Perhaps by its own connection from before, of which the server does not know yet that it broke.
#[test]
#[ignore = "needs Chromium"]
fn a_name_that_was_taken_meanwhile_gets_into_no_line_that_is_being_typed() {
    let mut chat = Program::start("chat", &[]);
    let mut window = Window::open(&chat);
    window.say("alias Ann");
    window.until_users(&["Ann"]);
    chat.type_line("close 1"); // so that it waits
    window.0.until(r#"!document.getElementById("now").hidden"#);
    let other = chat.client("/chat");
    assert!(other.text().contains("welcome"));
    other.send(r#"{"line": "alias Ann"}"#);
    assert!(other.text().contains("renamed"));
    window.0.fill("line", "hello, every");
    window.0.click("now");
    window.until_refused("That name is taken, or looks like one that is.");
    assert_eq!(window.typed(), "hello, every");
    // A line that a person has typed is given back.
    window.say("alias Ann");
    window.0.until(r#"document.getElementById("line").value === "alias Ann""#);
}

/// The connection has ended after a line was said, and before that could be heard.
#[test]
#[ignore = "needs Chromium"]
fn a_line_that_was_said_after_all_is_our_own_and_not_given_back() {
    let chat = Program::start("chat", &[]);
    let mut window = Window::open(&chat);
    window.0.eval(
        r#"unconfirmed.push("ours"); me = null;
        hear({ type: "welcome", id: 3, name: "guest 3", users: [{ id: 3, name: "guest 3" }],
            history: ["theirs", "ours"].map(
                (text) => ({ type: "message", id: 1, author: "guest 1", sent: 0, text })) })"#,
    );
    let kinds = r##"[...document.querySelectorAll("#log .said")].map((it) => it.className)"##;
    assert_eq!(window.0.eval(kinds), json!(["said", "said mine"]));
    assert_eq!(window.typed(), "");
}

#[test]
#[ignore = "needs Chromium"]
fn who_says_the_same_twice_in_one_moment_has_said_it_twice() {
    let chat = Program::start("chat", &[]);
    let mut window = Window::open(&chat);
    window.0.eval(
        r#"var said = { type: "message", id: 7, author: "Cy", sent: 0, text: "tick" };
        hear(said); hear(said);"#,
    );
    let count = r##"document.querySelectorAll("#log .said").length"##;
    assert_eq!(window.0.eval(count), json!(2));
    // In a history, they have been seen.
    window.0.eval(
        r#"me = null;
        var other = { ...said, id: 8 };
        hear({ type: "welcome", id: 9, name: "guest 9", users: [{ id: 9, name: "guest 9" }],
            history: [said, said, other, other] })"#,
    );
    assert_eq!(window.0.eval(count), json!(4));
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
fn why_the_connection_ended_stays_and_the_page_connects_again() {
    let mut chat = Program::start("chat", &[]);
    let address = chat.address.clone();
    let again = || Program::run(example("chat").arg(&address));
    let mut window = Window::open(&chat);
    assert_eq!(window.0.text("state"), "connected as number 1");
    window.say("alias Ann");
    window.until_users(&["Ann"]);
    window.note_states();

    // In good order: a code and a reason.
    chat.interrupt();
    assert_eq!(chat.wait().code(), Some(0));
    let why = "The connection ended: 1001, going away, the server is going down";
    window.until_noted("error", why);
    assert_eq!(window.0.text("why"), why);
    window.0.until(r#"countdowns.includes("Trying again in 1 s")"#);
    // Then nobody is there: an error. The first reason stays, and is not repeated in the list.
    for _ in 0..2 {
        window.0.until(
            r#"states.at(-1) === "error" && /^No answer. Trying again in \d+ s$/.test(
                document.getElementById("again").textContent)"#,
        );
        assert_eq!(window.0.text("why"), why);
        window.0.until(r#"states.at(-1) === "connecting""#);
        assert_eq!(window.0.text("why"), why);
    }
    let errors = r##"document.querySelectorAll("#log .error").length"##;
    assert_eq!(window.0.eval(errors), json!(1));
    window.0.until(r#"states.at(-1) === "error""#);
    let states = window.0.eval("[...new Set(states)]");
    assert_eq!(states, json!(["disconnected", "connecting", "error"]));
    // Text that is typed meanwhile stays.
    window.say("Is anybody there?");
    window.until_refused("You are not connected. Your text stays here.");
    assert_eq!(window.typed(), "Is anybody there?");

    let chat = again();
    // A person need not wait for the next try.
    window.0.eval(r#"document.getElementById("now").click()"#);
    window.until_connected();
    window.until_users(&["Ann"]); // its name, too, is given again
    assert_eq!(window.0.eval(r#"document.getElementById("ended").hidden"#), json!(true));
    window.until_noted("error", why);
    window.say("Here I am again.");
    window.until_said("Ann", "Here I am again.");

    drop(chat); // killed: without a Close frame
    window.until_noted("error", "The connection ended: 1006, the connection broke");
    let _chat = again();
    window.until_connected();
}

/// Who reads older messages is not torn away, but told that there are newer ones.
#[test]
#[ignore = "needs Chromium"]
fn the_newest_message_is_in_sight_unless_somebody_reads_older_ones() {
    let chat = Program::start("chat", &[]);
    let (mut one, mut two) = (Window::open(&chat), Window::open(&chat));
    let is_in_sight = r##"(() => {
        const [last, talk] = ["#log li:last-child", "#talk"].map(
            (it) => document.querySelector(it).getBoundingClientRect());
        return last.bottom <= talk.bottom;
    })()"##;
    for number in 0..40 {
        two.say(&format!("line {number}"));
        one.until_said("guest 2", &format!("line {number}"));
    }
    assert_eq!(one.0.eval(is_in_sight), json!(true));
    one.0.resize(400, 500);
    assert_eq!(one.0.eval(is_in_sight), json!(true), "also on a smaller screen");

    // Scrolling is reported a moment later: then a screen that has just shrunk does not look as if
    // somebody read older messages.
    one.0.eval(
        "document.getElementById('talk').style.maxHeight = '100px';
        document.getElementById('talk').dispatchEvent(new Event('scroll'));",
    );
    one.0.until(&format!("document.getElementById('talk').clientHeight <= 100 && {is_in_sight}"));

    let scrolled = "new Promise((resolve) => {
        talk.addEventListener('scroll', resolve, { once: true });
        talk.scrollTop = 0;
    })";
    one.0.eval(&format!("var talk = document.getElementById('talk'); {scrolled}.then(() => 0)"));
    two.say("unseen");
    one.until_said("guest 2", "unseen");
    assert_eq!(
        one.0.eval("[talk.scrollTop, document.getElementById('newer').hidden]"),
        json!([0, false])
    );
    one.0.click("newer");
    one.0.until("document.getElementById('newer').hidden");
    assert_eq!(one.0.eval(is_in_sight), json!(true));
}

/// A line that the server has not read when it dies.
#[cfg(unix)]
#[test]
#[ignore = "needs Chromium"]
fn a_line_that_was_perhaps_not_said_is_given_back() {
    let mut chat = Program::start("chat", &[]);
    let address = chat.address.clone();
    let mut window = Window::open(&chat);
    window.say("heard");
    window.until_said("guest 1", "heard");
    let stop = ["-STOP", &chat.id().to_string()];
    assert!(std::process::Command::new("kill").args(stop).status().unwrap().success());
    window.say("unheard");
    assert_eq!(window.typed(), "");
    chat.kill();
    let _chat = Program::run(example("chat").arg(&address));
    window.until_connected();
    window.until_refused("The connection ended before this was said.");
    assert_eq!(window.typed(), "unheard");
}

#[test]
#[ignore = "needs Chromium"]
fn who_is_sent_away_stays_away_until_he_wants_to_come_back() {
    let mut chat = Program::start("chat", &[]);
    let mut window = Window::open(&chat);
    window.note_states();
    chat.type_line("close 1 no advertising, please");
    let why = "The connection ended: 1008, policy violation, no advertising, please";
    window.until_noted("error", why);
    window.0.until(r#"!document.getElementById("ended").hidden"#);
    assert_eq!(window.0.text("again"), "", "there is no next try");
    assert_eq!(window.0.eval("states"), json!(["disconnected"]));
    window.0.look("chat-closed");
    window.0.click("now");
    window.until_connected();
}

/// It is fit for small screens, fingers, the dark, and those who cannot see it.
#[test]
#[ignore = "needs Chromium and axe-core"]
fn everybody_can_use_the_page() {
    let mut chat = Program::start("chat", &[]);
    let (mut one, mut two) = (Window::open(&chat), Window::open(&chat));
    two.0.eval(
        r#"for (const text of ["Good evening!", "Is the train from Porto late again?"])
            show({ id: 7, author: "In\u00eas", sent: Date.parse("2001-02-03T20:00"), text })"#,
    );
    one.say("alias Ann-Kathrin von und zu Berg");
    one.say("Yes, by an hour.");
    one.until_said("Ann-Kathrin von und zu Berg", "Yes, by an hour.");
    one.say(&format!("See https://example.com/{}", "delays/".repeat(20)));
    two.until_noted("note", "guest 1 is now Ann-Kathrin von und zu Berg.");
    two.say("alias Bob");
    two.say("Thank you!");
    two.until_said("Bob", "Thank you!");
    two.say("I take the bus, then.");
    chat.type_line("say This server restarts at ten.");
    two.until_said("server", "This server restarts at ten.");
    two.say("alias ann-kathrin von und zu berg");
    two.until_noted("error", "That name is taken, or looks like one that is.");
    two.0.look("chat");

    // Chromium itself says what a screen reader is told.
    let tree = two.0.call("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let found = |role: &str, name: &str| {
        nodes.iter().find(|it| it["role"]["value"] == role && it["name"]["value"] == name)
    };
    let log = found("log", "Messages").expect("a log with a name");
    let live = log["properties"].as_array().unwrap().iter().find(|it| it["name"] == "live");
    assert_eq!(live.unwrap()["value"]["value"], "polite", "{log}");
    for (role, name) in [
        ("list", "Messages"),
        ("list", "On line: 2"),
        ("textbox", "Message, or alias NAME to change your name"),
        ("button", "Send"),
    ] {
        assert!(found(role, name).is_some(), "{role} {name:?}: {tree:#}");
    }
    let alerts: Vec<_> = nodes.iter().filter(|it| it["role"]["value"] == "alert").collect();
    assert!(!alerts.is_empty(), "why a line was refused is spoken");
}
