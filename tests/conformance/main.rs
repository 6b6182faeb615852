//! hybi under the cases of the Autobahn testsuite, in memory, in both roles.

mod handshake;
mod relay;
#[path = "../common/sources.rs"]
mod sources;
mod traceability;

use hybi::connection::Transport as What;
use hybi::{Client, Config, Connection, Event, Input, Outbox, Server};
use hybi_conform::memory::{Endpoint, Implementation, Transport, run};
use hybi_conform::{Case, Group, Outcome, Pieces, Role, Size, Verdict};

struct Hybi;

impl Implementation for Hybi {
    fn open(&self, role: Role) -> Box<dyn Endpoint> {
        match role {
            Role::Server => Box::new(Echo(server())),
            Role::Client => Box::new(Echo(client())),
        }
    }

    #[cfg(feature = "deflate")]
    fn open_server(&self, offer: &str) -> Option<(Box<dyn Endpoint>, String)> {
        use hybi::extension::{Offers, deflate};
        let config = deflate::DeflateConfig::default().compress_from(0);
        let agreed = deflate::respond(&config, Offers::new(offer.as_bytes()).flatten())?;
        Some((Box::new(Echo(server().with_deflate(&agreed, &config))), agreed.to_string()))
    }

    #[cfg(feature = "deflate")]
    fn open_client(&self, answer: &dyn Fn(&str) -> String) -> Option<Box<dyn Endpoint>> {
        use hybi::extension::{Offers, deflate};
        let config = deflate::DeflateConfig::default().compress_from(0);
        let answer = answer(&deflate::offer(&config));
        let element = Offers::new(answer.as_bytes()).next()?.ok()?;
        let agreed = deflate::conclude(&config, &element).ok()?;
        Some(Box::new(Echo(client().with_deflate(&agreed, &config))))
    }
}

fn server() -> Connection<Server> {
    Connection::server(Config::default())
}

type Keys = fn() -> [u8; 4];

fn client() -> Connection<Client<Keys>> {
    Connection::client_with_keys(Config::default(), || [0xa5, 0x5a, 0x0f, 0xf1])
}

/// Sends every message back.
struct Echo<R>(Connection<R>);

impl<R: hybi::Role> Endpoint for Echo<R> {
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) {
        let Self(connection) = self;
        let (mut input, mut outbox) = (Input::new(bytes), Outbox::new());
        loop {
            match connection.receive(&mut input, &mut outbox) {
                Ok(Some(Event::Text(text))) => connection.send(&text, &mut outbox).unwrap(),
                Ok(Some(Event::Binary(data))) => connection.send(&data, &mut outbox).unwrap(),
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => break,
            }
        }
        out.extend(outbox.take());
    }

    fn transport(&self) -> Transport {
        match self.0.transport() {
            What::Keep => Transport::Open,
            What::AwaitClose => Transport::Awaits,
            What::Close => Transport::Closed,
        }
    }
}

fn is_full() -> bool {
    std::env::var_os("CONFORMANCE").is_some_and(|value| value == "full")
}

/// The cases of some categories: in full size with `CONFORMANCE=full` in the environment.
fn cases(categories: &[u8]) -> impl Iterator<Item = Case> {
    let size = if is_full() { Size::Full } else { Size::Reduced };
    hybi_conform::cases(Group::Autobahn, size)
        .filter(|case| case.category().is_some_and(|category| categories.contains(&category)))
}

/// The ways to deliver a case. In full size, those with compression have 9 GB: one way must do.
fn ways(case: &Case) -> Vec<Pieces> {
    let mut ways = case.ways();
    if is_full() && case.category().is_some_and(|category| category >= 12) {
        ways.truncate(1);
    }
    ways
}

/// Every case of a category in both roles and every way is `OK`, in our strict reading.
#[track_caller]
fn check(category: u8) {
    let mut failures = Vec::new();
    for case in cases(&[category]) {
        for role in Role::BOTH {
            for pieces in ways(&case) {
                let outcome = run(&Hybi, role, &case, pieces);
                if !is_right(&outcome) {
                    failures.push(format!("{} as {role:?}, {pieces:?}: {outcome}", case.id()));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The strict reading; the tolerant one does not decide about three of the cases.
fn is_right(outcome: &Outcome) -> bool {
    outcome.strict == Verdict::Ok && outcome.verdict() <= Verdict::Informational
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
    for case in cases(&[12, 13]) {
        for role in Role::BOTH {
            let outcome = run(&Hybi, role, &case, Pieces::Whole);
            assert_eq!(outcome.verdict(), Verdict::Unimplemented);
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
            Role::Server => Box::new(Wrong { endpoint: Echo(server()), how: *self }),
            Role::Client => Box::new(Wrong { endpoint: Echo(client()), how: *self }),
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
        for case in cases(&[1, 2, 3, 4, 5, 6, 7, 10]) {
            for role in Role::BOTH {
                let outcome = run(&how, role, &case, Pieces::Whole);
                assert_ne!(outcome.strict, Verdict::Ok, "{} as {role:?}, {how:?}", case.id());
                let forgiven = outcome.verdict() == Verdict::Ok
                    && !matches!(how, How::Silent | How::NeverCloses);
                assert!(!forgiven, "{} as {role:?}, {how:?}: {outcome}", case.id());
            }
        }
    }
}
