//! Clients that are broken on purpose, under the group `closing`. They write their frames by hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;

use crate::command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// It answers no Close frame.
    NoClose,
    /// It answers every Close frame, also a second one.
    EveryClose,
    /// It echoes what comes after a Close frame.
    EchoesLate,
    /// It stays when the server has ended the transport.
    Stays,
}

impl Fault {
    /// A small echo client: frames of at most 125 bytes, and no violation is looked for but
    /// reserved opcodes.
    fn run(self, address: &str, resource: &str) {
        let stream = TcpStream::connect(address).unwrap();
        let mut input = BufReader::new(stream.try_clone().unwrap());
        let mut output = &stream;
        let request = format!(
            "GET {resource} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\n\r\n"
        );
        output.write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if input.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
        }
        let (mut has_closed, mut pending) = (false, Vec::new());
        let mut head = [0; 2];
        while input.read_exact(&mut head).is_ok() {
            let [first, len] = head;
            let mut payload = vec![0; usize::from(len & 0x7f)];
            if input.read_exact(&mut payload).is_err() {
                break;
            }
            let mut send = |first: u8, payload: &[u8]| {
                let frame = [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
                let _ = output.write_all(&frame);
            };
            match first {
                0x88 if self == Self::EchoesLate && !has_closed => {
                    // The late message arrived together with the Close frame.
                    if let [0x81, len, late @ ..] = input.buffer() {
                        send(0x81, &late[..usize::from(*len)]);
                    }
                    has_closed = true;
                    send(0x88, &payload);
                }
                0x88 if self == Self::NoClose => {}
                0x88 if !has_closed || self == Self::EveryClose => {
                    has_closed = true;
                    send(0x88, &payload);
                }
                _ if has_closed => {}
                0x81 => send(0x81, &payload),
                0x01 => pending = payload,
                0x80 => send(0x81, &[&pending[..], &payload].concat()),
                0x89 => send(0x8a, &payload),
                0x8a => {}
                _ => {
                    has_closed = true;
                    send(0x88, &1002_u16.to_be_bytes());
                }
            }
        }
        if self == Self::Stays {
            loop {
                thread::park();
            }
        }
    }
}

/// Runs the group, all cases at once, and returns the status and the summary.
fn test(fault: Fault) -> (Option<i32>, String) {
    let chosen = ["--listen", "127.0.0.1:0", "--timeout", "2", "--strict", "--only", "closing"];
    let mut child = command(&[&["client"][..], &chosen].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
    let (_, rest) = line.split_once("ws://").unwrap();
    let address = rest.split(';').next().unwrap().to_owned();
    let cases: Vec<_> = (1..=12)
        .map(|case| {
            let address = address.clone();
            thread::spawn(move || fault.run(&address, &format!("/runCase?case={case}&agent=a")))
        })
        .collect();
    if fault != Fault::Stays {
        cases.into_iter().for_each(|case| case.join().unwrap());
    } else {
        // These never end, and the verdicts are asked for instead.
        for case in 1..=12 {
            Fault::None.run(&address, &format!("/getCaseStatus?case={case}&agent=a"));
        }
    }
    Fault::None.run(&address, "/updateReports?agent=a");
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}

#[test]
fn faults_of_clients_are_found() {
    let runs = [
        (Fault::NoClose, "closing/answered/client"),
        (Fault::EveryClose, "closing/twice/client"),
        (Fault::EchoesLate, "closing/data-after/client"),
        (Fault::Stays, "closing/answered/client"),
    ]
    .map(|(fault, first)| (fault, thread::spawn(move || test(fault)), first));
    for (fault, run, first) in runs {
        let (status, text) = run.join().unwrap();
        assert_eq!(status, Some(1), "{fault:?}: {text}");
        assert!(text.contains(&format!("\nLook first at {first}: ")), "{fault:?}: {text}");
    }
}

#[test]
fn no_fault_is_found_in_the_same_client_without_one() {
    let (status, text) = test(Fault::None);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("12 cases") && text.contains("\nAll is as expected.\n"), "{text}");
}
