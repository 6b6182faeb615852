//! Class 19: confusion about closing. Every short sequence of commands, and many long ones, against a small model of RFC 6455
//! §7.1.1 to §7.1.7 that was written from the text and shares nothing with the library. The table in `tests/core/closing.txt` has
//! every pair of state and event; this has the ways that lead from one state to another.

use std::collections::VecDeque;

use hybi::connection::{ReadyState, Reply, Transport};
use hybi::frame::Reserved;
use hybi::{CloseCode, Config, Event, ProtocolError};
use proptest::prelude::*;

use crate::common::*;

/// What can happen to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Do {
    SendText,
    SendPart,
    SendLastPart,
    SendPing,
    SendPong,
    SendClose,
    SendEmptyClose,
    /// The caller passes on the oldest reply that it has not passed on yet, if replies are its business.
    Reply,
    GetText,
    GetPart,
    GetLastPart,
    GetPing,
    GetPong,
    GetClose,
    GetEmptyClose,
    /// A Close frame with a code that must not be on the wire.
    GetBadClose,
    /// Reserved bits and a reserved opcode.
    GetNonsense,
    /// The transport ends.
    GetEnd,
    /// The transport fails in the middle of a header.
    GetHalfAHeaderAndTheEnd,
}

use Do::*;

const ALL: [Do; 19] = [
    SendText,
    SendPart,
    SendLastPart,
    SendPing,
    SendPong,
    SendClose,
    SendEmptyClose,
    Reply,
    GetText,
    GetPart,
    GetLastPart,
    GetPing,
    GetPong,
    GetClose,
    GetEmptyClose,
    GetBadClose,
    GetNonsense,
    GetEnd,
    GetHalfAHeaderAndTheEnd,
];

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// A mistake of the caller.
    Refused,
    /// Nothing is seen of it.
    Nothing,
    Saw(Event<'static>),
    /// The connection fails; the peer is told this code, unless it cannot be.
    Failed(u16),
    /// The transport is gone without a closing handshake: 1006 (§7.1.5).
    Unclean,
}

/// An endpoint as RFC 6455 describes it.
struct Model {
    side: Side,
    /// Replies are the caller's business.
    manual: bool,
    /// A Close frame has gone out, of whatever origin.
    close_sent: bool,
    close_received: bool,
    /// The peer has broken a rule (§7.1.7).
    failed: bool,
    /// The transport is gone, and no Close frame had come.
    lost: bool,
    sending_parts: bool,
    receiving_parts: bool,
    owed: VecDeque<Owed>,
}

#[derive(Clone, Debug)]
enum Owed {
    Pong,
    Close(Vec<u8>),
}

impl Model {
    /// The outcome, and the frames that go out.
    fn step(&mut self, action: Do) -> (Outcome, Vec<u8>) {
        // §5.5.1: after sending a Close, no more data; §7.1.7: none after failing, either.
        let may_send = !self.close_sent && !self.failed && !self.lost;
        let deaf = self.close_received || self.failed || self.lost;
        match action {
            SendText | SendPart | SendLastPart | SendPing | SendPong | SendClose
            | SendEmptyClose
                if !may_send =>
            {
                (Outcome::Refused, vec![])
            }
            SendText if self.sending_parts => (Outcome::Refused, vec![]),
            SendText => self.send(0x81, b"m"),
            SendPart | SendLastPart => {
                // §5.4
                let opcode = if self.sending_parts { 0x00 } else { 0x01 };
                self.sending_parts = action == SendPart;
                self.send(if action == SendPart { opcode } else { 0x80 | opcode }, b"p")
            }
            SendPing => self.send(0x89, b"i"),
            SendPong => self.send(0x8a, b"o"),
            SendClose => self.send_close(&close_body(1001, "mine")),
            SendEmptyClose => self.send_close(b""),
            Reply => match self.owed.pop_front() {
                _ if !self.manual => (Outcome::Nothing, vec![]),
                None => (Outcome::Nothing, vec![]),
                Some(owed) => (Outcome::Done, self.answer(&owed)),
            },
            GetEnd | GetHalfAHeaderAndTheEnd => {
                // §7.1.4, §7.1.5: clean if the Close frame of the peer had come; a failed connection has had its say.
                if self.close_received || self.failed {
                    return (Outcome::Done, vec![]);
                }
                self.lost = true;
                (Outcome::Unclean, vec![])
            }
            // §1.4: what comes after a Close is ignored.
            _ if deaf => (Outcome::Nothing, vec![]),
            GetText if self.receiving_parts => self.fail(ProtocolError::MessageInsideMessage),
            GetText => (Outcome::Saw(text("m")), vec![]),
            GetPart => {
                self.receiving_parts = true;
                (Outcome::Nothing, vec![])
            }
            GetLastPart if !self.receiving_parts => self.fail(ProtocolError::ContinuationOfNothing),
            GetLastPart => {
                self.receiving_parts = false;
                (Outcome::Nothing, vec![]) // the message, whose text the runner adds
            }
            GetPing => self.owe(ping(b"i"), Owed::Pong),
            GetPong => (Outcome::Saw(pong(b"o")), vec![]),
            GetClose => {
                self.close_received = true;
                self.owe(closed(4000, "theirs"), Owed::Close(close_body(4000, "theirs")))
            }
            GetEmptyClose => {
                self.close_received = true;
                self.owe(Event::Close(None), Owed::Close(vec![]))
            }
            GetBadClose => self.fail(ProtocolError::CloseCode { number: 1006 }),
            GetNonsense => {
                let bits = Reserved::RSV1 | Reserved::RSV2 | Reserved::RSV3;
                self.fail(ProtocolError::ReservedBits { bits })
            }
        }
    }

    fn send(&self, first: u8, payload: &[u8]) -> (Outcome, Vec<u8>) {
        (Outcome::Done, self.side.outgoing(first, payload))
    }

    /// §7.1.2
    fn send_close(&mut self, body: &[u8]) -> (Outcome, Vec<u8>) {
        self.close_sent = true;
        self.send(0x88, body)
    }

    fn owe(&mut self, event: Event<'static>, owed: Owed) -> (Outcome, Vec<u8>) {
        let out = if self.manual {
            self.owed.push_back(owed);
            vec![]
        } else {
            self.answer(&owed)
        };
        (Outcome::Saw(event), out)
    }

    /// §5.5.1: a Close is answered unless one was sent before. §5.5.2: a ping is answered unless a Close was received; where
    /// answering is the caller's business and late, it still may be until the connection is closed.
    fn answer(&mut self, owed: &Owed) -> Vec<u8> {
        match owed {
            Owed::Pong if self.state() == ReadyState::Closed => vec![],
            Owed::Pong => self.side.outgoing(0x8a, b"i"),
            Owed::Close(_) if self.close_sent || self.lost || self.failed => vec![],
            Owed::Close(body) => self.send_close(body).1,
        }
    }

    /// §7.1.7: with a Close frame, if none was sent before.
    fn fail(&mut self, violation: ProtocolError) -> (Outcome, Vec<u8>) {
        // All of these are errors of the protocol (§7.4.1).
        let code = 1002;
        let out = if self.close_sent { vec![] } else { self.side.failure(code, violation) };
        (self.failed, self.close_sent) = (true, true);
        (Outcome::Failed(code), out)
    }

    /// §7.1.3: sending or receiving a Close starts the closing handshake; §7.1.4: both finish it.
    fn state(&self) -> ReadyState {
        if self.failed || self.lost || (self.close_sent && self.close_received) {
            ReadyState::Closed
        } else if self.close_sent || self.close_received {
            ReadyState::Closing
        } else {
            ReadyState::Open
        }
    }

    /// §7.1.1: the server closes the transport first, the client waits for it; who fails the connection does not wait.
    fn transport(&self) -> Transport {
        let is_clean = self.close_sent && self.close_received;
        match self.state() {
            ReadyState::Connecting | ReadyState::Open | ReadyState::Closing => Transport::Keep,
            ReadyState::Closed if self.side == Side::Client && is_clean => Transport::AwaitClose,
            ReadyState::Closed => Transport::Close,
        }
    }
}

/// The library under the same commands.
struct Real {
    ws: Ws,
    /// What the caller has still to pass on.
    owed: VecDeque<Reply>,
    receiving_parts: bool,
}

impl Real {
    fn step(&mut self, action: Do) -> (Outcome, Vec<u8>) {
        let (ws, mut out) = (&mut self.ws, Vec::new());
        let sent = match action {
            SendText => ws.send("m", &mut out),
            SendPart => ws.send_part("p", &mut out),
            SendLastPart => ws.send_last_part("p", &mut out),
            SendPing => ws.ping(b"i", &mut out),
            SendPong => ws.pong(b"o", &mut out),
            SendClose => ws.close(CloseCode::GOING_AWAY, "mine", &mut out),
            SendEmptyClose => ws.close_without_code(&mut out),
            Reply => {
                let Some(reply) = self.owed.pop_front() else { return (Outcome::Nothing, out) };
                ws.reply(&reply, &mut out);
                Ok(())
            }
            _ => return self.get(action),
        };
        (if sent.is_ok() { Outcome::Done } else { Outcome::Refused }, out)
    }

    fn get(&mut self, action: Do) -> (Outcome, Vec<u8>) {
        let side = self.ws.side();
        let part = if self.receiving_parts { 0x00 } else { 0x01 };
        let wire = match action {
            GetText => side.incoming(0x81, b"m"),
            GetPart => side.incoming(part, b"p"),
            GetLastPart => side.incoming(0x80, b"p"),
            GetPing => side.incoming(0x89, b"i"),
            GetPong => side.incoming(0x8a, b"o"),
            GetClose => side.incoming(0x88, &close_body(4000, "theirs")),
            GetEmptyClose => side.incoming(0x88, b""),
            GetBadClose => side.incoming(0x88, &close_body(1006, "")),
            GetNonsense => vec![0xff],
            GetHalfAHeaderAndTheEnd => vec![0x82],
            _ => vec![],
        };
        let run = Run::of(&mut self.ws, Mode::Messages, [&wire[..]]);
        if matches!(action, GetEnd | GetHalfAHeaderAndTheEnd) {
            // Half a header can be wrong already: a new message inside another. Then that is what counts.
            assert!(run.events().is_empty());
            if let Some(violation) = run.error {
                return (Outcome::Failed(violation.close_code().number()), run.out.0);
            }
            let ending = self.ws.end_of_input(&mut Vec::new());
            return (if ending.is_ok() { Outcome::Done } else { Outcome::Unclean }, run.out.0);
        }
        let outcome = match (&run.events()[..], run.error) {
            ([], Some(violation)) => Outcome::Failed(violation.close_code().number()),
            ([], None) => Outcome::Nothing,
            ([event], None) => {
                self.owed.extend(event.reply());
                Outcome::Saw(event.clone())
            }
            (events, error) => panic!("{events:?}, {error:?}"),
        };
        (outcome, run.out.0)
    }
}

/// Runs the commands through both, comparing everything that can be seen after each.
#[track_caller]
fn check(side: Side, manual: bool, commands: &[Do]) {
    let ws = match manual {
        true => side.manual_connection(Config::default()),
        false => side.connection(Config::default()),
    };
    let mut model = Model {
        side,
        manual,
        close_sent: false,
        close_received: false,
        failed: false,
        lost: false,
        sending_parts: false,
        receiving_parts: false,
        owed: VecDeque::new(),
    };
    let mut real = Real { ws, owed: VecDeque::new(), receiving_parts: false };
    let mut parts = 0;
    for (at, &command) in commands.iter().enumerate() {
        let was_receiving = model.receiving_parts;
        let is_deaf = model.close_received || model.failed || model.lost;
        let (mut want, out) = if command == GetHalfAHeaderAndTheEnd && was_receiving && !is_deaf {
            model.fail(ProtocolError::MessageInsideMessage)
        } else {
            model.step(command)
        };
        if !is_deaf && command == GetPart {
            parts += 1;
        }
        if !is_deaf && command == GetLastPart && was_receiving {
            want = Outcome::Saw(text(&"p".repeat(parts + 1)));
            parts = 0;
        }
        real.receiving_parts = was_receiving;
        let (got, written) = real.step(command);
        if !manual {
            real.owed.clear();
        }
        let context = || format!("{side:?}, manual: {manual}, {commands:?} at {at}");
        assert_eq!(got, want, "{}", context());
        assert_eq!(Hex(&written), Hex(&out), "{}", context());
        assert_eq!(real.ws.ready_state(), model.state(), "{}", context());
        assert_eq!(real.ws.transport(), model.transport(), "{}", context());
    }
}

#[test]
fn class_19_every_sequence_of_three_events_closes_as_the_rfc_says() {
    for side in BOTH {
        for manual in [false, true] {
            for a in ALL {
                for b in ALL {
                    for c in ALL {
                        check(side, manual, &[a, b, c]);
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn class_19_long_sequences_of_events_close_as_the_rfc_says(
        is_server in any::<bool>(),
        manual in any::<bool>(),
        commands in proptest::collection::vec(proptest::sample::select(&ALL[..]), 4..24),
    ) {
        check(if is_server { Side::Server } else { Side::Client }, manual, &commands);
    }
}
