//! hybi under the cases of the Autobahn testsuite, in memory, in both roles.

mod handshake;
#[path = "../common/sources.rs"]
mod sources;
#[path = "../../crates/hybi-conform/src/autobahn/mod.rs"]
mod suite;
mod traceability;

use std::collections::BTreeSet;

use hybi::connection::Transport as What;
use hybi::{Client, Config, Connection, Event, Input, Outbox, Server};
use suite::{BOTH, CATEGORIES, Endpoint, Implementation, Role, Transport, Verdict, cases, run};

struct Hybi;

impl Implementation for Hybi {
    fn open(&self, role: Role) -> Box<dyn Endpoint> {
        match role {
            Role::Server => Box::new(server()),
            Role::Client => Box::new(client()),
        }
    }

    #[cfg(feature = "deflate")]
    fn open_server(&self, offer: &str) -> Option<(Box<dyn Endpoint>, String)> {
        use hybi::extension::{Offers, deflate};
        let config = deflate::DeflateConfig::default().compress_from(0);
        let agreed = deflate::respond(&config, Offers::new(offer.as_bytes()).flatten())?;
        Some((Box::new(server().with_deflate(&agreed, &config)), agreed.to_string()))
    }

    #[cfg(feature = "deflate")]
    fn open_client(&self, answer: &dyn Fn(&str) -> String) -> Option<Box<dyn Endpoint>> {
        use hybi::extension::{Offers, deflate};
        let config = deflate::DeflateConfig::default().compress_from(0);
        let answer = answer(&deflate::offer(&config));
        let element = Offers::new(answer.as_bytes()).next()?.ok()?;
        let agreed = deflate::conclude(&config, &element).ok()?;
        Some(Box::new(client().with_deflate(&agreed, &config)))
    }
}

fn server() -> Connection<Server> {
    Connection::server(Config::default())
}

type Keys = fn() -> [u8; 4];

fn client() -> Connection<Client<Keys>> {
    Connection::client_with_keys(Config::default(), || [0xa5, 0x5a, 0x0f, 0xf1])
}

impl<R: hybi::Role> Endpoint for Connection<R> {
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) {
        let (mut input, mut outbox) = (Input::new(bytes), Outbox::new());
        loop {
            match self.receive(&mut input, &mut outbox) {
                Ok(Some(Event::Text(text))) => self.send(&text, &mut outbox).unwrap(),
                Ok(Some(Event::Binary(data))) => self.send(&data, &mut outbox).unwrap(),
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => break,
            }
        }
        out.extend(outbox.take());
    }

    fn transport(&self) -> Transport {
        match Connection::transport(self) {
            What::Keep => Transport::Open,
            What::AwaitClose => Transport::Awaits,
            What::Close => Transport::Closed,
        }
    }
}

/// Every case of a category in both roles and every way is `OK`, in our strict reading.
#[track_caller]
fn check(category: u8) {
    let mut failures = Vec::new();
    for case in cases(category) {
        for role in BOTH {
            for pieces in case.ways() {
                let verdict = run(&Hybi, role, &case, pieces);
                if verdict != Verdict::Ok {
                    failures.push(format!("{} as {role:?}, {pieces:?}: {verdict}", case.id));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn autobahn_1_framing() {
    check(1);
}

#[test]
fn autobahn_2_pings() {
    check(2);
}

#[test]
fn autobahn_3_reserved_bits() {
    check(3);
}

#[test]
fn autobahn_4_opcodes() {
    check(4);
}

#[test]
fn autobahn_5_fragmentation() {
    check(5);
}

#[test]
fn autobahn_6_utf8() {
    check(6);
}

#[test]
fn autobahn_7_closing() {
    check(7);
}

#[test]
fn autobahn_9_limits() {
    check(9);
}

#[test]
fn autobahn_10_automatic_fragmentation() {
    check(10);
}

#[cfg(feature = "deflate")]
#[test]
fn autobahn_12_compression_of_different_payloads() {
    check(12);
}

#[cfg(feature = "deflate")]
#[test]
fn autobahn_13_compression_with_different_parameters() {
    check(13);
}

/// Without the feature, the suite says so instead of passing.
#[cfg(not(feature = "deflate"))]
#[test]
fn compression_is_unimplemented_without_its_feature() {
    for case in [12, 13].into_iter().flat_map(cases) {
        for role in BOTH {
            assert_eq!(run(&Hybi, role, &case, suite::Pieces::Whole), Verdict::Unimplemented);
        }
    }
}

/// An endpoint that does one thing wrong.
struct Wrong<E> {
    endpoint: E,
    how: How,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Silent,
    Deaf,
    NeverCloses,
    SetsAReservedBit,
}

impl Implementation for How {
    fn open(&self, role: Role) -> Box<dyn Endpoint> {
        match role {
            Role::Server => Box::new(Wrong { endpoint: server(), how: *self }),
            Role::Client => Box::new(Wrong { endpoint: client(), how: *self }),
        }
    }
}

impl<E: Endpoint> Endpoint for Wrong<E> {
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) {
        let before = out.len();
        match self.how {
            How::Deaf => {}
            _ => self.endpoint.feed(bytes, out),
        }
        match self.how {
            How::Silent => out.truncate(before),
            How::SetsAReservedBit => {
                if let Some(first) = out[before..].first_mut() {
                    *first ^= 0x10;
                }
            }
            How::Deaf | How::NeverCloses => {}
        }
    }

    fn transport(&self) -> Transport {
        match self.how {
            How::NeverCloses => Transport::Open,
            _ => self.endpoint.transport(),
        }
    }
}

/// No case can be passed by an endpoint that ignores its input, never closes, or sets a reserved bit; and those that end
/// with a failure only by one that sends nothing at all.
#[test]
fn wrong_endpoints_do_not_pass() {
    for how in [How::Silent, How::Deaf, How::NeverCloses, How::SetsAReservedBit] {
        for case in [1, 2, 3, 4, 5, 6, 7, 10].into_iter().flat_map(cases) {
            for role in BOTH {
                let verdict = run(&how, role, &case, suite::Pieces::Whole);
                assert_ne!(verdict, Verdict::Ok, "{} as {role:?}, {how:?}", case.id);
                let forgiven =
                    matches!(verdict, Verdict::NoCloseFrame) && !matches!(how, How::Silent);
                assert!(!forgiven, "{} as {role:?}, {how:?}", case.id);
            }
        }
    }
}

/// The ids are those of the original, each once; `ids.txt` lists them.
#[test]
fn the_cases_are_the_517_of_autobahn() {
    let want: Vec<&str> = include_str!("../../crates/hybi-conform/src/autobahn/ids.txt").lines().collect();
    let got: Vec<String> = CATEGORIES.into_iter().flat_map(cases).map(|case| case.id).collect();
    assert_eq!(got.len(), 517);
    assert_eq!(
        got.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        want.iter().copied().collect()
    );
}
