//! The chat of the example `handover`: a window stays open while one process follows another.
#![cfg(target_os = "linux")]

use std::process::Command;

use serde_json::json;

use crate::chat::Window;
use crate::program::{Program, package};

/// The process that serves now; killed when dropped.
struct Process(String);

impl Process {
    /// Starts a handover, and waits until the next process serves.
    fn replace(&mut self, program: &Program) {
        self.signal("HUP");
        let line = program.line(" has taken over ");
        self.0 = line.split(' ').nth(1).unwrap().to_owned();
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args(["-s", signal, &self.0]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "KILL", &self.0]).status();
    }
}

#[test]
#[ignore = "needs Chromium"]
fn windows_stay_open_through_handovers() {
    let program = Program::run(package("handover").arg("127.0.0.1:0"));
    let mut process = Process(program.id().to_string());
    let (mut one, mut two) = (Window::open(&program), Window::open(&program));
    one.say("alias Ann");
    let second = two.name();
    two.until_users(&["Ann", &second]);
    for window in [&mut one, &mut two] {
        window.0.eval(
            r#"window.states = [];
            new MutationObserver(() => states.push(document.getElementById("state").textContent))
                .observe(document.getElementById("state"), { childList: true, characterData: true, subtree: true })"#,
        );
    }
    for round in 1..=3 {
        process.replace(&program);
        one.say(&format!("the page is from process 0, and this is {round}"));
        for window in [&mut one, &mut two] {
            window.until_said("Ann", &format!("the page is from process 0, and this is {round}"));
        }
        let mut newcomer = Window::open(&program);
        let third = newcomer.name();
        newcomer.until_users(&["Ann", &second, &third]);
    }
    for window in [&mut one, &mut two] {
        assert_eq!(window.0.eval("states"), json!([]), "it has been connected all the time");
    }
}
