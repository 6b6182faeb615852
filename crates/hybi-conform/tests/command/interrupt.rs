//! Ctrl-C: the results so far are kept.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use hybi::blocking;
use hybi::handshake::Acceptance;

use crate::clients::{converse, end, start};
use crate::command;

/// Does to a program what Ctrl-C does (`INT`), or what ends a job of CI (`TERM`).
fn interrupt(child: &Child, signal: &str) {
    let kill = format!("kill -{signal} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[test]
fn a_client_that_has_run_some_cases() {
    for signal in ["INT", "TERM"] {
        some_cases_of_a_client(signal);
    }
}

fn some_cases_of_a_client(signal: &str) {
    let (child, url) = start(&["1.1.*"]);
    for case in 1..=2 {
        converse(&format!("{url}/runCase?case={case}&agent=a"), |message| message);
    }
    // A case has been counted once its verdict can be read.
    converse(&format!("{url}/getCaseStatus?case=2&agent=a"), |message| message);
    interrupt(&child, signal);
    let (status, text) = end(child);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("client a: 2 cases in"), "{text}");
    assert!(text.contains("\n6 cases have not run.\n"), "{text}");
}

#[test]
fn no_client() {
    let (child, url) = start(&["1.1.*"]);
    // Once it serves clients, it listens for Ctrl-C.
    converse(&format!("{url}/getCaseCount"), |message| message);
    interrupt(&child, "INT");
    let (status, text) = end(child);
    assert_eq!((status, &*text), (Some(2), ""));
}

/// The server stops in the third connection, after that of the probe and one case.
#[test]
fn a_server_in_the_middle_of_a_case() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (reached, is_reached) = channel();
    thread::spawn(move || {
        for (i, stream) in listener.incoming().enumerate() {
            let pending = blocking::receive_request(stream.unwrap()).unwrap();
            let mut ws = pending.accept(&Acceptance::from_any_origin()).unwrap();
            if i == 2 {
                reached.send(()).unwrap();
                loop {
                    thread::park();
                }
            }
            while let Ok(Some(message)) = ws.receive() {
                ws.send(&message).unwrap();
            }
        }
    });
    let arguments = ["server", &url, "1.1.*", "--jobs", "1", "--timeout", "3600"];
    let mut child =
        command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    is_reached.recv().unwrap();
    interrupt(&child, "INT");
    let mut errors = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        errors += &line.unwrap();
    }
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{text}{errors}");
    assert!(text.contains(": 1 case in") && text.contains("\n7 cases have not run.\n"), "{text}");
    assert!(errors.contains("hybi-conform: interrupted"), "{errors}");
}
