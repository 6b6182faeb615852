//! The new process fails before it has taken over: the old one goes on, and says why.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::client::{Client, Deflate};
use crate::service::Service;

/// The hello of the new process, which says that it reads formats 1 to 1.
const HELLO: &str = r"h\000\000\000\004\000\001\000\001";

/// A program that is started in place of a new version: a shell script, whose standard input is the
/// channel.
struct Impostor(PathBuf);

impl Impostor {
    fn new(name: &str, script: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }
}

/// Lets a handover fail in the middle of several conversations.
#[track_caller]
fn fails(name: &str, script: &str, options: &[&str], says: &str) {
    let impostor = Impostor::new(name, script);
    let program = impostor.0.to_str().unwrap();
    let service = Service::start(&[&["--program", program], options].concat());
    let mut plain = Client::connect(&service, "/echo", Deflate::Off);
    let mut compressed = Client::connect(&service, "/echo", Deflate::On);
    let mut chat = Client::connect(&service, "/chat", Deflate::On);
    assert!(chat.text().contains("welcome"));
    for round in 0..2 {
        plain.begin("half of a message, ");
        compressed.echo("the window, the window");
        service.hang_up();
        // While the handover may be in progress, and after it.
        compressed.send("the window, meanwhile");
        chat.send(&format!(r#"{{"line": "{round}"}}"#));
        let line = service.line("handover failed: ");
        assert!(line.contains(says), "{line}");
        assert!(line.contains("Nothing is lost, 3 connections go on"), "{line}");
        plain.end("and the rest");
        assert_eq!(plain.text(), "half of a message, and the rest");
        assert_eq!(compressed.text(), "the window, meanwhile");
        compressed.echo("the window, afterwards");
        assert!(chat.text().contains(&format!(r#""text":"{round}""#)));
        Client::connect(&service, "/echo", Deflate::On).echo("a new one");
    }
    for client in [plain, compressed, chat] {
        client.close();
    }
}

#[test]
fn it_ends_at_once() {
    fails("ends", "exit 3", &[], "the new process said no hello");
}

#[test]
fn it_takes_for_ever_to_start() {
    let options = ["--start-within", "0.2"];
    fails("sleeps", "exec sleep 1000", &options, "the new process has not said hello in time");
}

#[test]
fn its_hello_is_garbage() {
    fails("babbles", "printf 'Garbage, garbage' >&0; exec sleep 1000", &[], "0x47 is no record");
}

#[test]
fn its_hello_is_half() {
    let options = ["--start-within", "0.2"];
    fails("mumbles", r"printf 'h\000' >&0; exec sleep 1000", &options, "not said hello in time");
}

/// It says something again and again, so that no single read takes long.
#[test]
fn its_hello_never_ends() {
    let script = r"printf 'h\001\000\000\000\000' >&0; while sleep 0.02; do printf . >&0; done";
    fails("drawls", script, &[], "the new process said no hello: timed out");
}

#[test]
fn its_answer_to_the_transfer_never_ends() {
    let script =
        format!(r"printf '{HELLO}r\001\000\000\000' >&0; while sleep 0.02; do printf . >&0; done");
    let options = ["--transfer-within", "0.5"];
    fails("drones", &script, &options, "the transfer failed: timed out");
}

#[test]
fn it_reads_an_older_version_of_the_format() {
    let script = r"printf 'h\000\000\000\004\000\000\000\000' >&0; exec sleep 1000";
    fails("old", script, &[], "the new process reads format 0 to 0, and this one writes 1");
}

#[test]
fn it_is_killed_in_the_middle_of_the_transfer() {
    let script = format!("printf '{HELLO}' >&0; head -c 20 <&0 >/dev/null; kill -9 $$");
    fails("killed", &script, &[], "the transfer failed: ");
}

#[test]
fn it_takes_for_ever_to_read() {
    let script = format!("printf '{HELLO}' >&0; exec sleep 1000");
    fails("stalls", &script, &["--transfer-within", "0.2"], "the transfer failed: timed out");
}

#[test]
fn its_answer_to_the_transfer_is_garbage() {
    let script = format!("printf '{HELLO}Garbage' >&0; exec sleep 1000");
    fails("lies", &script, &[], "the transfer failed: 0x47 is no record");
}

#[test]
fn it_answers_too_early() {
    let script = format!(r"printf '{HELLO}s\000\000\000\000' >&0; exec sleep 1000");
    fails("hasty", &script, &[], "a record Serving came in place of Ready");
}

/// It has read and understood everything, and dies before it is told to serve or says that it does.
#[test]
fn it_ends_after_the_transfer() {
    let script = format!(r"printf '{HELLO}r\000\000\000\000' >&0; exec head -c 60 <&0 >/dev/null");
    fails("faints", &script, &["--transfer-within", "0.2"], "the transfer failed: ");
}

#[test]
fn it_is_no_program() {
    let service = Service::start(&["--program", "/nowhere/to/be/found"]);
    let mut client = Client::connect(&service, "/echo", Deflate::On);
    service.hang_up();
    let line = service.line("handover failed: ");
    assert!(line.contains("/nowhere/to/be/found: No such file"), "{line}");
    assert!(line.ends_with("Nothing is lost, 1 connections go on"), "{line}");
    client.echo("still there");
}

/// The old process stands still while the new one begins to serve, and the time for that is over
/// when it goes on. Only one of them may serve.
#[test]
fn it_says_at_the_last_moment_that_it_serves() {
    // The transfer of no connection is three records: of 15, 13 and 5 bytes.
    let script = format!(
        r"printf '{HELLO}r\000\000\000\000' >&0; head -c 33 <&0 >/dev/null
        kill -STOP $PPID; sleep 1.1; printf 's\000\000\000\000' >&0; kill -CONT $PPID
        exec sleep 1000"
    );
    let impostor = Impostor::new("dawdles", &script);
    let program = impostor.0.to_str().unwrap();
    let mut service = Service::start(&["--program", program, "--transfer-within", "1"]);
    // On a busy machine, the time may be over before the old process stands still.
    let is_replaced = (0..20).any(|_| {
        service.hang_up();
        let line = loop {
            let line = service.line("rocess ");
            if !line.ends_with("is to take over") {
                break line;
            }
        };
        line.contains(" has taken over 0 connections")
    });
    assert!(is_replaced);
    assert!(service.end_of_first().success());
}

#[test]
fn a_server_that_is_told_to_end_ends_it_too() {
    let impostor = Impostor::new("is-not-awaited", "exec sleep 1000");
    let mut service = Service::start(&["--program", impostor.0.to_str().unwrap()]);
    let mut client = Client::connect(&service, "/echo", Deflate::On);
    service.hang_up();
    let line = service.line(" is to take over");
    let process = line.split(' ').nth(1).unwrap().to_owned();
    service.signal(Signal::TERM);
    assert_eq!(client.closed(), 1001);
    assert!(service.end_of_first().success());
    assert!(!Path::new("/proc").join(process).exists());
    let line = service.line("handover failed: the server is going down");
    assert!(!line.contains("go on"), "{line}");
}

/// The program is looked for where it was when the server started, and never in `PATH`.
#[test]
fn its_path_may_be_relative() {
    let script = format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_handover"));
    Impostor::new("is-relative", &script);
    let mut command = Command::new(env!("CARGO_BIN_EXE_handover"));
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    let mut service = Service::start_as(command, &["--program", "is-relative"]);
    let mut client = Client::connect(&service, "/echo", Deflate::On);
    service.replace();
    service.replace();
    client.echo("in the third process");
}

#[test]
fn after_a_failure_the_next_one_may_succeed() {
    // The new program fails once: its file is then gone.
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("failed-once");
    let _ = fs::remove_file(&path);
    let script = format!(
        "[ -e {path} ] && exec {} \"$@\"\n: >{path}; exit 1",
        env!("CARGO_BIN_EXE_handover"),
        path = path.display()
    );
    let impostor = Impostor::new("fails-once", &script);
    let mut service = Service::start(&["--program", impostor.0.to_str().unwrap()]);
    let mut client = Client::connect(&service, "/echo", Deflate::On);
    client.echo("before");
    service.hang_up();
    service.line("handover failed: ");
    client.echo("between");
    service.replace();
    client.echo("after");
    assert!(service.end_of_first().success());
}
