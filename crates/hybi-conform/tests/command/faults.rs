//! More servers that are broken on purpose, for the groups that Autobahn does not have. The faults
//! come from the RFC and from advisories, not from the cases.

use std::io::{ErrorKind, Result};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hybi::handshake::HeadLimits;

use crate::echo::{self, echo};
use crate::{conform, told};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// It echoes data that comes after the peer's Close frame.
    EchoesLate,
    /// It answers a second Close frame, too.
    TwoCloses,
    /// It keeps a connection whose peer has ended it.
    KeepsEnded,
    /// It forgets the messages before a Close frame.
    ForgetsPending,
    /// It takes a Close frame between fragments for a violation.
    NoCloseInFragments,
    /// A reset ends it.
    DiesOfReset,
    /// It refuses a text whose fragments split a code point.
    FragmentsAlone,
    /// It looks only at texts in one frame.
    NoFragmentedText,
    /// It reads a head of any length.
    EndlessHead,
    /// It serves one connection at a time.
    OneAtATime,
    /// An announced gigabyte ends it.
    DiesOfLength,
}

fn serve(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let is_dead = Arc::new(AtomicBool::new(false));
    thread::spawn(move || {
        for stream in listener.incoming() {
            if is_dead.load(Ordering::SeqCst) {
                return;
            }
            let is_dead = Arc::clone(&is_dead);
            let serving = move || {
                // Kept, so that the client does not see the end of the connection before the
                // server is dead.
                let stream = stream.unwrap();
                if echo(fault, stream.try_clone().unwrap()).is_err() {
                    is_dead.store(true, Ordering::SeqCst);
                    // Wakes the thread that waits in `accept`.
                    let _ = TcpStream::connect(address);
                }
            };
            match fault {
                // A reset is noticed before the next connection is accepted.
                Fault::OneAtATime | Fault::DiesOfReset => serving(),
                _ => drop(thread::spawn(serving)),
            }
        }
    });
    format!("ws://{address}/")
}

/// A whole frame of a client, of at most 125 bytes.
struct Frame {
    first: u8,
    payload: Vec<u8>,
    wire: Vec<u8>,
}

fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let [first, len @ 0x80..0xfe, a, b, c, d, rest @ ..] = bytes {
        let len = usize::from(len & 0x7f);
        let Some(payload) = rest.get(..len) else { break };
        let mask = [a, b, c, d].into_iter().cycle();
        let payload = payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
        frames.push(Frame { first: *first, payload, wire: bytes[..6 + len].to_vec() });
        bytes = &bytes[6 + len..];
    }
    frames
}

impl echo::Fault for Fault {
    fn limits(self) -> HeadLimits {
        match self {
            Self::EndlessHead => {
                HeadLimits::default().head_bytes_max(64 << 20).fields_max(u16::MAX)
            }
            _ => HeadLimits::default(),
        }
    }

    fn lost(self, kind: ErrorKind) -> Result<()> {
        match self {
            Self::KeepsEnded if kind == ErrorKind::UnexpectedEof => loop {
                thread::park();
            },
            Self::DiesOfReset if kind == ErrorKind::ConnectionReset => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn incoming(self, bytes: &mut Vec<u8>) -> Result<()> {
        let frames = frames(bytes);
        let is_close = |frame: &Frame| frame.first == 0x88;
        let close = frames.iter().position(is_close);
        let wires = |frames: &[Frame]| -> Vec<u8> {
            frames.iter().flat_map(|frame| frame.wire.clone()).collect()
        };
        *bytes = match (self, close) {
            (Self::EchoesLate, Some(at))
                if frames.get(at + 1).is_some_and(|frame| frame.first == 0x81) =>
            {
                [wires(&frames[at + 1..]), wires(&frames[..=at])].concat()
            }
            (Self::ForgetsPending, Some(at)) => wires(&frames[at..]),
            (Self::NoCloseInFragments, Some(1)) if frames[0].first == 0x01 => {
                b"\x83\x80\0\0\0\0".to_vec()
            }
            (Self::FragmentsAlone, _)
                if frames.iter().any(|frame| {
                    frame.first == 0x01 && std::str::from_utf8(&frame.payload).is_err()
                }) =>
            {
                // A text that is not UTF-8.
                b"\x81\x81\0\0\0\0\xff".to_vec()
            }
            (Self::NoFragmentedText, _) if bytes[0] == 0x01 => [&[0x02], &bytes[1..]].concat(),
            (Self::DiesOfLength, _) if bytes.starts_with(b"\x82\xff") => {
                return Err(ErrorKind::OutOfMemory.into());
            }
            _ => return Ok(()),
        };
        Ok(())
    }

    fn outgoing(self, read: &[u8], bytes: &mut Vec<u8>) {
        match (self, &mut bytes[..]) {
            (Self::TwoCloses, [0x88, ..]) if has_two_closes(read) => {
                bytes.extend(b"\x88\x02\x03\xe9");
            }
            (Self::NoFragmentedText, [first @ 0x82, ..]) => *first = 0x81,
            _ => {}
        }
    }
}

fn has_two_closes(read: &[u8]) -> bool {
    frames(read).iter().filter(|frame| frame.first == 0x88).count() > 1
}

/// The faults, the cases that are run, and the one that must be looked at first.
const FOUND: [(Fault, &str, &str); 11] = [
    (Fault::EchoesLate, "closing/*", "closing/data-after/server"),
    (Fault::TwoCloses, "closing/*", "closing/twice/server"),
    (Fault::KeepsEnded, "closing/*", "closing/half-closed/server"),
    (Fault::ForgetsPending, "closing/*", "closing/pending/server"),
    (Fault::NoCloseInFragments, "closing/*", "closing/in-fragments/server"),
    (Fault::DiesOfReset, "closing/reset/server", "closing/reset/server"),
    (Fault::FragmentsAlone, "utf8-early/*", "utf8-early/good/2-bytes-1"),
    (Fault::NoFragmentedText, "utf8-early/*", "utf8-early/fragment/continuation"),
    (Fault::EndlessHead, "hostile/long-head", "hostile/long-head"),
    (Fault::OneAtATime, "hostile/silence", "hostile/silence"),
    (Fault::DiesOfLength, "hostile/announced-gigabyte", "hostile/announced-gigabyte"),
];

#[test]
fn faults_beyond_autobahn_are_found() {
    let runs = FOUND.map(|(fault, chosen, first)| {
        let url = serve(fault);
        let output = thread::spawn(move || {
            conform(&["server", "--strict", "--hostile", "--timeout", "2", &url, chosen])
        });
        (fault, output, first)
    });
    let mut wrong = Vec::new();
    for (fault, output, first) in runs {
        let (status, text) = told(&output.join().unwrap());
        if status != Some(1) || !text.contains(&format!("\nLook first at {first}: ")) {
            wrong.push(format!("{fault:?}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Without a fault, nothing is found.
#[test]
fn no_fault_is_found_in_the_same_server_without_one() {
    let url = serve(Fault::None);
    let (status, text) = told(&conform(&["server", "--strict", &url, "closing/*", "utf8-early/*"]));
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("\nAll is as expected.\n"), "{text}");
}

/// The summary says what was waited for, and how to see more.
#[test]
fn the_summary_names_the_cases_that_timed_out() {
    let url = serve(Fault::KeepsEnded);
    let run = |more: &[&str]| {
        told(&conform(
            &[&["server", "--timeout", "1", &url, "--strict", "closing/half*"], more].concat(),
        ))
        .1
    };
    let text = run(&[]);
    assert!(
        text.contains("\nTimed out (--timeout), 2 times: closing/half-closed/server "),
        "{text}"
    );
    assert!(text.contains("\n  more:     add --report DIR, "), "{text}");
    let dir = std::env::temp_dir().join(format!("hybi-conform-late-{}", std::process::id()));
    let text = run(&["--report", dir.to_str().unwrap()]);
    std::fs::remove_dir_all(dir).unwrap();
    assert!(text.contains("\nLook first at closing/half") && !text.contains("--report"), "{text}");
}
