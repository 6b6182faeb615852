//! Servers that are broken on purpose, each in one way.

use std::io::Result;
use std::net::TcpListener;
use std::thread;

use crate::echo::{self, echo};
use crate::{conform, told};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It hashes something else.
    WrongAccept,
    /// It speaks any version.
    AnyVersion,
    /// It takes bytes of any kind for text.
    AnyText,
    /// It looks at no reserved bits.
    ReservedBits,
    /// Its pongs are empty.
    EmptyPongs,
    /// It sends no Close frames.
    NoClose,
    /// It leaves it to the client to end the transport.
    KeepsTransport,
    /// It sends its frames masked.
    Masked,
    /// It answers all Close frames with 1000, also those that are wrong.
    AnyClose,
    /// It changes the last byte of long messages.
    LastByte,
}

pub(crate) fn serve(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || echo(fault, stream.unwrap()));
        }
    });
    url
}

impl echo::Fault for Fault {
    fn request(self, bytes: &mut Vec<u8>) {
        if self == Self::AnyVersion {
            let text = String::from_utf8_lossy(bytes);
            *bytes = text.replace("Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 13").into();
        }
    }

    fn response(self, bytes: &mut Vec<u8>) {
        if self == Self::WrongAccept {
            let text = String::from_utf8_lossy(bytes).replace("Accept: ", "Accept: x");
            *bytes = text.into();
        }
    }

    /// Cases that show such a fault send their frames at once, so a read begins with one.
    fn incoming(self, bytes: &mut Vec<u8>) -> Result<()> {
        match (self, &mut bytes[..]) {
            (Self::ReservedBits, [first, ..]) => *first &= 0x8f,
            (Self::AnyText, [first @ 0x81, ..]) => *first = 0x82,
            // Any code becomes 1000: the masks of both bytes stay.
            (Self::AnyClose, [0x88, 0x82, a, b, _, _, c, d]) => {
                *c = *a ^ 0x03;
                *d = *b ^ 0xe8;
            }
            _ => {}
        }
        Ok(())
    }

    fn ends_transport(self) -> bool {
        self != Self::KeepsTransport
    }

    fn outgoing(self, _read: &[u8], bytes: &mut Vec<u8>) {
        let is_long = bytes.len() > 60_000;
        match (self, &mut bytes[..]) {
            (Self::AnyText, [first @ 0x82, ..]) => *first = 0x81,
            (Self::EmptyPongs, [0x8a, len, ..]) => {
                *len = 0;
                bytes.truncate(2);
            }
            (Self::NoClose, [0x88, ..]) => bytes.clear(),
            (Self::Masked, [_, second, ..]) => *second |= 0x80,
            (Self::LastByte, [.., last]) if is_long => *last ^= 1,
            _ => {}
        }
    }
}

/// The faults, cases of which some must find it, and the one to be looked at first.
const FOUND: [(Fault, &[&str], &str); 7] = [
    (Fault::AnyVersion, &["1.1.*", "server/version/*"], "server/version/8"),
    (Fault::AnyText, &["1.1.1", "6.2.1", "6.3.1"], "6.3.1"),
    (Fault::ReservedBits, &["1.1.1", "3.1", "3.5"], "3.1"),
    (Fault::EmptyPongs, &["1.1.*", "2.*"], "2.2"),
    (Fault::NoClose, &["1.1.1"], "1.1.1"),
    (Fault::AnyClose, &["1.1.*", "7.7.1", "7.9.*"], "7.9.1"),
    (Fault::LastByte, &["1.1.*"], "1.1.6"),
];

#[test]
fn faults_are_found() {
    let runs = FOUND.map(|(fault, chosen, first)| {
        let url = serve(fault);
        let output =
            thread::spawn(move || conform(&[&["server", "--timeout", "2", &url], chosen].concat()));
        (fault, output, first)
    });
    for (fault, output, first) in runs {
        let (status, text) = told(&output.join().unwrap());
        assert_eq!(status, Some(1), "{fault:?}: {text}");
        assert!(text.contains(&format!("\nLook first at {first}: ")), "{fault:?}: {text}");
    }
}

/// No case makes sense with a server that cannot open a connection.
#[test]
fn a_wrong_accept_value_is_told_at_once() {
    let (status, text) = told(&conform(&["server", &serve(Fault::WrongAccept)]));
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("Sec-WebSocket-Accept that is not that of the key"), "{text}");
}

/// A server that sends masked frames opens connections, and fails every case.
#[test]
fn masked_frames_fail_every_case() {
    let url = serve(Fault::Masked);
    let (status, text) = told(&conform(&["server", &url, "1.*", "2.2", "2.4"]));
    assert_eq!(status, Some(1), "{text}");
    let all: Vec<_> =
        text.lines().find(|line| line.starts_with("all")).unwrap().split_whitespace().collect();
    assert_eq!(all, ["all", "-", "-", "-", "-", "18"], "{text}");
}

/// The summary names as many cases as have room, says how many more there are, and where.
#[test]
fn a_long_list_of_cases() {
    let (status, text) = told(&conform(&["server", &serve(Fault::Masked), "1.1.*", "6.1.*"]));
    assert_eq!(status, Some(1), "{text}");
    let list = "FAILED, 11 times: it sent a frame with the wrong mask bit:\n  1.1.1 1.1.2 ";
    assert!(text.contains(list) && !text.contains("..."), "{text}");
    // It fits below its reason.
    assert!(text.contains(" 6.1.3\n"), "{text}");
    let all = told(&conform(&["server", &serve(Fault::Masked), "1.*", "6.*"])).1;
    let line = all.lines().find(|line| line.starts_with("  1.1.1 ")).unwrap();
    assert!(line.ends_with(" more") && line.len() <= 100, "{line}");
    let url = serve(Fault::AnyVersion);
    let (_, text) = told(&conform(&["server", &url, "server/version/8"]));
    assert!(text.contains(": 1 case in ") && text.contains("FAILED, 1 time: "), "{text}");
    let because = "  because:  The version is 13. A server that does not speak";
    assert!(text.contains(because), "{text}");
}

/// Where the readings differ.
#[test]
fn a_transport_that_is_left_open_fails_in_the_strict_reading() {
    let url = serve(Fault::KeepsTransport);
    let run = |more: &[&str]| told(&conform(&[&["server", &url, "1.1.1"], more].concat()));
    let (status, text) = run(&[]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("NON-STRICT, 1 time: it did not end the transport: 1.1.1"), "{text}");
    let (status, text) = run(&["--strict"]);
    assert_eq!(status, Some(1), "{text}");
}
