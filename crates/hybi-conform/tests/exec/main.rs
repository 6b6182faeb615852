//! Programs over their standard input and output: one over hybi's core, and such that break the
//! rules of the exchange.

//! This program is also the one over hybi's core: with the argument `peer` it tests nothing.

mod peer;

use std::process::Command;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("peer") => return peer::run(arguments.next().as_deref()).unwrap(),
        Some("--list") => return,
        _ => {}
    }
    the_core_passes_everything_in_both_roles();
    seeds_and_single_cases();
    reports_and_baselines();
    programs_that_break_the_rules();
    a_crash_fails_one_case();
    an_extension_that_was_not_offered_fails();
    what_is_sent_on_opening_counts();
    println!("test result: ok. 7 passed");
}

/// Runs the command, and returns its status and what it has printed.
fn exec(options: &[&str], program: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybi-conform"));
    let output = command.arg("exec").args(options).arg("--").args(program).output().unwrap();
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// This program.
fn own() -> String {
    std::env::current_exe().unwrap().into_os_string().into_string().unwrap()
}

fn the_core_passes_everything_in_both_roles() {
    let (status, text) = exec(&["--strict"], &[&own(), "peer"]);
    assert_eq!(status, Some(0), "{text}");
    assert_eq!(text.matches("\nAll is as expected.\n").count(), 2, "{text}");
    assert!(text.contains("server ") && text.contains("\nclient "), "{text}");
}

fn seeds_and_single_cases() {
    for more in [["--seed", "3"], ["--role", "client"]] {
        let chosen = ["1.*", "6.4.*", "12.1.1", more[0], more[1]];
        let (status, text) = exec(&chosen, &[&own(), "peer"]);
        assert_eq!(status, Some(0), "{text}");
    }
}

/// One report has both roles; a baseline has one.
fn reports_and_baselines() {
    let folder = std::env::temp_dir().join(format!("hybi-conform-exec-{}", std::process::id()));
    let report = folder.to_str().unwrap();
    let (status, text) = exec(&["1.1.*", "--report", report], &[&own(), "peer"]);
    assert_eq!(status, Some(0), "{text}");
    let index = std::fs::read_to_string(folder.join("results.json")).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(index.contains("peer, as server") && index.contains("peer, as client"), "{index}");
    let (status, text) = exec(&["1.1.*", "--write-baseline", report], &[&own(), "peer"]);
    assert!(status == Some(2) && text.contains("add --role"), "{text}");
}

/// A program that cannot be tested ends the command with status 2 and the reason.
fn programs_that_break_the_rules() {
    for (shell, why) in [
        ("exit 3", "has ended (exit status: 3)"),
        ("echo Hello", r#"said "Hello\n", which is no message"#),
        ("cat", r#"said "O\x00\x00\x00\x07server\n", which is no message"#),
        ("printf 'D\\377\\377\\377\\377'; cat >/dev/null", "4294967295 bytes; the longest has"),
        ("printf 'D\\0\\0'", "has ended"),
        ("cat >/dev/null", "'R' within 0.5 s; does it flush its output?"),
        ("exec sleep 100", "'R' within 0.5 s"),
        ("yes Dzzzz | tr -d '\\n' | tr z '\\0' | head -c 6000000", "a million messages"),
        ("exec cat /dev/zero", "no message"),
        ("printf 'C\\0\\0\\0\\0D\\0\\0\\0\\0'; cat >/dev/null", "bytes after 'C'"),
    ] {
        // A million messages take seconds, and the time for a case is ten times this.
        let timeout = if why == "a million messages" { "60" } else { "0.5" };
        let (status, text) = exec(&["--timeout", timeout, "1.1.1"], &["sh", "-c", shell]);
        assert_eq!(status, Some(2), "{shell}: {text}");
        assert!(text.contains(why), "{shell}: {text}");
    }
    let (status, text) = exec(&[], &["/does/not/exist"]);
    assert!(status == Some(2) && text.contains("cannot be started"), "{text}");
    let (status, text) = exec(&["--role", "server", "server/version/8"], &["true"]);
    assert!(status == Some(2) && text.contains("the groups autobahn and framing"), "{text}");
}

/// A program that ends in one case is started again for the next.
fn a_crash_fails_one_case() {
    let (status, text) = exec(&["--role", "server", "1.1.*"], &[&own(), "peer", "crash"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(
        text.contains("FAILED, 1 time: the program has ended (exit status: 7): 1.1.3"),
        "{text}"
    );
}

/// RFC 6455 §4.2.2: a server accepts only what was offered.
fn an_extension_that_was_not_offered_fails() {
    let why = "it agreed to \"permessage-foo\", which was not offered: 1.1.1 1.1.2";
    let (status, text) = exec(&["1.1.1", "1.1.2", "12.1.1"], &[&own(), "peer", "extend"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains(&format!("FAILED, 3 times: {why} 12.1.1")), "{text}");
}

/// A server that greets its client does not send every message back, and no other messages.
fn what_is_sent_on_opening_counts() {
    // A text in answer to `O`. Then it agrees with whatever comes.
    let shell = "printf 'D\\0\\0\\0\\004\\201\\002hiR\\0\\0\\0\\0'; \
                 while printf 'C\\0\\0\\0\\0R\\0\\0\\0\\0'; do :; done";
    let (status, text) = exec(&["--role", "server", "1.1.2"], &["sh", "-c", shell]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("seen:     Text \"hi\" (2 bytes)"), "{text}");
}
