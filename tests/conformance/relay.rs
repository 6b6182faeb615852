//! The cases through a relay, in front of either end; and the verdict of the relay on each of them.

use std::cell::RefCell;
use std::rc::Rc;

use hybi::connection::Transport as What;
use hybi::relay::{Masks, Relay, RelayConfig, RelayError, Side, Verdict as Decision};
use hybi::{Input, Outbox, ProtocolError};
use hybi_conform::memory::{Endpoint, Implementation, Transport, run};
use hybi_conform::{Group, Pieces, Role, Size};

use crate::{Hybi, Keys, client, is_right, server};

/// A relay before each endpoint.
struct Relayed {
    config: RelayConfig,
}

struct BehindRelay {
    endpoint: Box<dyn Endpoint>,
    relay: Relay<Keys>,
    /// The side of the tester.
    tester: Side,
}

impl Relayed {
    fn before(&self, endpoint: Box<dyn Endpoint>, role: Role, deflate: bool) -> Box<dyn Endpoint> {
        let relay = Relay::with_keys(self.config.deflate(deflate), (|| [0xf0, 0x0d, 1, 2]) as Keys);
        let tester = match role {
            Role::Server => Side::Client,
            Role::Client => Side::Server,
        };
        Box::new(BehindRelay { endpoint, relay, tester })
    }
}

impl Implementation for Relayed {
    fn open(&self, role: Role) -> Box<dyn Endpoint> {
        self.before(Hybi.open(role), role, false)
    }

    fn open_server(&self, offer: &str) -> Option<(Box<dyn Endpoint>, String)> {
        let (endpoint, answer) = Hybi.open_server(offer)?;
        Some((self.before(endpoint, Role::Server, true), answer))
    }

    fn open_client(&self, answer: &dyn Fn(&str) -> String) -> Option<Box<dyn Endpoint>> {
        Some(self.before(Hybi.open_client(answer)?, Role::Client, true))
    }
}

impl Endpoint for BehindRelay {
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) {
        let Self { endpoint, relay, tester } = self;
        // An error is in both outboxes, which is what counts here.
        let _ = relay.pass(*tester, &mut Input::new(bytes), |_| Decision::Pass);
        let mut said = Vec::new();
        let mut passed = relay.outbox(tester.other()).take();
        endpoint.feed(&mut passed, &mut said);
        let answered = relay.pass(tester.other(), &mut Input::new(&mut said), |_| Decision::Pass);
        assert_eq!(answered, Ok(()), "the endpoint keeps the rules");
        // Whoever closes its transport is heard of by its end.
        if endpoint.transport() == Transport::Closed {
            let _ = relay.end_of_input(tester.other());
        }
        out.extend(relay.outbox(*tester).take());
    }

    fn transport(&self) -> Transport {
        match self.relay.transport(self.tester) {
            What::Keep => Transport::Open,
            What::AwaitClose => Transport::Awaits,
            What::Close => Transport::Closed,
        }
    }
}

/// Every case is as good through a relay as without, whatever the relay does to masks and whether
/// it checks texts itself.
#[test]
fn every_case_passes_through_a_relay() {
    for masks in [Masks::Anew, Masks::Kept] {
        for check_text in [false, true] {
            let relayed =
                Relayed { config: RelayConfig::default().masks(masks).check_text(check_text) };
            let mut failures = Vec::new();
            for case in crate::cases(&[1, 2, 3, 4, 5, 6, 7, 9, 10]) {
                for role in Role::BOTH {
                    // Each way in which the case may come, once.
                    let ways = case.ways();
                    let outcome = run(&relayed, role, &case, ways[ways.len() - 1]);
                    if !is_right(&outcome) {
                        failures.push(format!("{} as {role:?}: {outcome}", case.id()));
                    }
                }
            }
            assert!(failures.is_empty(), "{masks:?}, {check_text}: {}", failures.join("\n"));
        }
    }
}

/// Compressed messages pass untouched.
#[cfg(feature = "deflate")]
#[test]
fn compressed_cases_pass_through_a_relay() {
    let relayed = Relayed { config: RelayConfig::default().check_text(true) };
    for case in crate::cases(&[12, 13]) {
        for role in Role::BOTH {
            let outcome = run(&relayed, role, &case, Pieces::Whole);
            assert!(is_right(&outcome), "{} as {role:?}: {outcome}", case.id());
        }
    }
}

/// An endpoint that notes what it is sent.
struct Noting {
    sent: Rc<RefCell<Vec<u8>>>,
}

impl Implementation for Noting {
    fn open(&self, role: Role) -> Box<dyn Endpoint> {
        Box::new(Note { endpoint: Hybi.open(role), sent: Rc::clone(&self.sent) })
    }
}

struct Note {
    endpoint: Box<dyn Endpoint>,
    sent: Rc<RefCell<Vec<u8>>>,
}

impl Endpoint for Note {
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) {
        self.sent.borrow_mut().extend_from_slice(bytes);
        self.endpoint.feed(bytes, out);
    }

    fn transport(&self) -> Transport {
        self.endpoint.transport()
    }
}

/// Gives `fails` a stream byte by byte. Returns the number of the byte that fails, and the error.
fn first_fault<E>(
    wire: &[u8],
    mut fails: impl FnMut(&mut [u8]) -> Option<E>,
) -> Option<(usize, E)> {
    wire.iter().enumerate().find_map(|(at, byte)| Some((at, fails(&mut [*byte])?)))
}

/// A relay names the same violation as a connection, at the same byte, for what each case sends.
#[test]
fn a_relay_judges_each_case_as_a_connection_does() {
    let mut faults = 0;
    let groups = [Group::Autobahn, Group::Framing, Group::Utf8Early];
    let cases = groups.into_iter().flat_map(|group| hybi_conform::cases(group, Size::Reduced));
    for case in cases.filter(|case| case.is_framed() && !case.id().starts_with("1")) {
        for role in Role::BOTH.into_iter().filter(|role| case.tests(*role)) {
            let noting = Noting { sent: Rc::default() };
            run(&noting, role, &case, Pieces::Whole);
            let wire = noting.sent.take();
            if wire.len() > 100_000 {
                continue; // volume, without faults
            }
            let config = RelayConfig::default().check_text(true);
            let mut relay = Relay::with_keys(config, (|| [1, 2, 3, 4]) as Keys);
            let from = match role {
                Role::Server => Side::Client,
                Role::Client => Side::Server,
            };
            let by_relay = first_fault(&wire, |byte| {
                let passed = relay.pass(from, &mut Input::new(byte), |_| Decision::Pass);
                passed.err().map(|error| match error {
                    RelayError::Protocol(violation) => violation,
                    other => panic!("{other}"),
                })
            });
            let by_connection = match role {
                Role::Server => judge(server(), &wire),
                Role::Client => judge(client(), &wire),
            };
            assert_eq!(by_relay, by_connection, "{} as {role:?}", case.id());
            faults += usize::from(by_relay.is_some());
        }
    }
    assert!(faults > 200, "{faults} faults");
}

fn judge<R: hybi::Role>(
    mut connection: hybi::Connection<R>,
    wire: &[u8],
) -> Option<(usize, ProtocolError)> {
    let mut out = Outbox::new();
    first_fault(wire, |byte| {
        let mut input = Input::new(byte);
        loop {
            match connection.receive(&mut input, &mut out) {
                Ok(None) => return None,
                Ok(Some(_)) => {}
                Err(violation) => return Some(violation),
            }
        }
    })
}
