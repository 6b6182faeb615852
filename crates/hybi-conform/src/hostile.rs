//! Group `hostile`: peers that mean harm. What they do is bounded, in bytes and in time.
//!
//! RFC 6455 §10.4 asks for limits, but not for which. So a server that takes
//! everything is `INFORMATIONAL`. One that no longer serves others has failed.

use crate::case::{Case, Group, Level, Role};
use crate::random::Pieces;
use crate::tester::Act::{Bomb, Flood, Frame, MayRefuse, StopReading};
use crate::tester::{Act, Acts, When};

const MIB: usize = 1 << 20;

/// Returns a frame for a server, with a masking key of zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let length = match len {
        0..=125 => vec![0x80 | len as u8],
        126..=0xffff => [&[0xfe][..], &(len as u16).to_be_bytes()].concat(),
        _ => [&[0xff][..], &(len as u64).to_be_bytes()].concat(),
    };
    [&[first][..], &length, &[0; 4], payload].concat()
}

/// Returns a header that announces `len` bytes, and the first 100 of them.
fn announced(len: u64) -> Vec<u8> {
    [&[0x82, 0xff][..], &len.to_be_bytes(), &[0; 4], &[0; 100]].concat()
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: &str, title: &str, others: When, deflates, head: Option<&str>, acts| {
        let expected = match others {
            When::Meanwhile => "a refusal (Close 1009, 1008, ...), and others are served meanwhile",
            When::Afterwards => "a refusal (Close 1009, 1008, ...), and others are served after it",
        };
        let acts = Acts {
            acts,
            role: Some(Role::Server),
            head: head.map(|head| head.as_bytes().to_vec()),
            pieces: Pieces::Whole,
            deflates,
            expected: expected.into(),
            others: Some(others),
        };
        let section = "RFC 6455 §10.4";
        cases.push(Case::acts(Group::Hostile, id, title, section, Level::Should, acts));
    };
    let once = |unit: Vec<u8>| Flood { unit, times: 1 };
    let flood = |unit: Vec<u8>, bytes: usize| {
        let times = bytes / unit.len();
        Flood { unit, times }
    };
    use When::{Afterwards, Meanwhile};
    let fragments = |fragment: Vec<u8>, bytes: usize| {
        let last = frame(0x80, b"a");
        vec![Frame(0x02, Vec::new()), flood(fragment, bytes), once(last), MayRefuse]
    };
    add(
        "fragments",
        "a message of a million fragments",
        Afterwards,
        false,
        None,
        fragments(frame(0x00, b"a"), 7 * MIB),
    );
    add(
        "empty-fragments",
        "a million empty fragments",
        Afterwards,
        false,
        None,
        fragments(frame(0x00, b""), 6 * MIB),
    );
    add(
        "long-message",
        "a message of 64 MiB in fragments",
        Afterwards,
        false,
        None,
        vec![Frame(0x02, Vec::new()), flood(frame(0x00, &[0; 64 << 10]), 64 * MIB), MayRefuse],
    );
    add(
        "pings",
        "pings whose answers nobody reads",
        Afterwards,
        false,
        None,
        vec![StopReading, flood(frame(0x89, &[b'p'; 125]), 32 * MIB), MayRefuse],
    );
    add(
        "stops-reading",
        "messages whose echo nobody reads",
        Afterwards,
        false,
        None,
        vec![StopReading, flood(frame(0x82, &[0; 16 << 10]), 64 * MIB), MayRefuse],
    );
    for (id, len) in [("gigabyte", 1 << 30), ("exabyte", 1 << 60), ("all", (1 << 63) - 1)] {
        let title = format!("a frame of {len} bytes, announced and not sent");
        let acts: Vec<Act> = vec![once(announced(len)), MayRefuse];
        add(&format!("announced-{id}"), &title, Meanwhile, false, None, acts);
    }
    add(
        "bomb",
        "64 MiB of zeros in a compressed message",
        Afterwards,
        true,
        None,
        vec![Bomb(1 + 258 * 260_000), MayRefuse],
    );
    add(
        "slow-head",
        "a request that does not end",
        Meanwhile,
        false,
        Some("GET / HT"),
        vec![MayRefuse],
    );
    add(
        "silence",
        "a connection on which nothing is said",
        Meanwhile,
        false,
        Some(""),
        vec![MayRefuse],
    );
    let start = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    add(
        "long-head",
        "a head of 16 MiB",
        Afterwards,
        false,
        Some(start),
        vec![flood([&b"X-Fill: "[..], &[b'x'; 1000], b"\r\n"].concat(), 16 * MIB), MayRefuse],
    );
    add(
        "long-line",
        "a request with a target of 16 MiB",
        Afterwards,
        false,
        Some("GET /"),
        vec![flood(vec![b'x'; 1000], 16 * MIB), MayRefuse],
    );
    cases
}
