//! Keepalive against a clock that the test moves.

use std::time::Duration;

use crate::common::*;
use hybi::connection::ReadyState;
use hybi::frame::Header;
use hybi::keepalive::{Keepalive, KeepaliveConfig, KeepaliveError};
use hybi::{CloseCode, Config, Connection, Event, Input, Outbox, Server};

/// A server's connection under a keepalive, and the peer that it talks to.
struct Watched {
    ws: Connection<Server>,
    keepalive: Keepalive,
    out: Outbox,
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Watched {
    fn new(config: KeepaliveConfig, now: Duration) -> Self {
        Self {
            ws: Connection::server(Config::default()),
            keepalive: Keepalive::new(config, now),
            out: Outbox::new(),
        }
    }

    fn poll(&mut self, now: Duration) -> Result<Option<Duration>, KeepaliveError> {
        self.keepalive.poll(now, &mut self.ws, &mut self.out)
    }

    /// A read at this time.
    fn hear(&mut self, now: Duration, wire: &[u8]) {
        self.keepalive.heard(now);
        let mut inbox = wire.to_vec();
        let mut input = Input::new(&mut inbox);
        while let Some(event) = self.ws.receive(&mut input, &mut self.out).unwrap() {
            self.keepalive.see(&event, now);
        }
    }

    /// The payload of the ping in the output, which has nothing else.
    #[track_caller]
    fn ping(&mut self) -> Vec<u8> {
        let out = self.out.take();
        let (header, used) = Header::decode(&out).expect("a ping");
        assert_eq!(out, Side::Server.outgoing(0x89, &out[used..]), "one ping: {header:?}");
        out[used..].to_vec()
    }
}

/// A pong from the peer.
fn pong_frame(payload: &[u8]) -> Vec<u8> {
    Side::Server.incoming(0x8a, payload)
}

fn config() -> KeepaliveConfig {
    KeepaliveConfig::default().ping_after(s(30)).pong_within(s(20)).close_within(s(10))
}

#[test]
fn the_defaults_are_what_the_documentation_says() {
    assert_eq!(KeepaliveConfig::default(), config());
}

#[test]
fn pings_after_silence_and_only_once() {
    let mut watched = Watched::new(config(), s(100));
    assert_eq!(watched.poll(s(100)), Ok(Some(s(130))));
    assert_eq!(watched.poll(s(129)), Ok(Some(s(130))));
    assert!(watched.out.is_empty());
    assert_eq!(watched.poll(s(130)), Ok(Some(s(150))));
    let first = watched.ping();
    assert_eq!(watched.poll(s(140)), Ok(Some(s(150))));
    assert!(watched.out.is_empty(), "polling more often does no harm");

    // Heard again: the schedule begins anew, and the next ping is another one.
    watched.hear(s(141), &pong_frame(&first));
    assert_eq!(watched.poll(s(141)), Ok(Some(s(171))));
    assert_eq!(watched.poll(s(200)), Ok(Some(s(220))), "a late call counts from when it came");
    assert_ne!(watched.ping(), first);
}

#[test]
fn bytes_of_any_kind_put_the_ping_off() {
    let mut watched = Watched::new(config(), s(0));
    for at in [10, 20, 40, 69] {
        let wire = Side::Server.incoming(0x81, b"hi");
        watched.hear(s(at), &wire[..3]); // not even a whole frame
        watched.hear(s(at), &wire[3..]);
        assert_eq!(watched.poll(s(at)), Ok(Some(s(at + 30))));
    }
    assert!(watched.out.is_empty());
}

#[test]
fn the_pong_deadline() {
    let mut watched = Watched::new(config(), s(0));
    watched.poll(s(30)).unwrap();
    assert_eq!(watched.poll(s(50) - Duration::from_nanos(1)), Ok(Some(s(50))));
    assert_eq!(watched.poll(s(50)), Err(KeepaliveError::Pong));
    assert_eq!(watched.poll(s(5000)), Err(KeepaliveError::Pong), "it keeps saying so");
    // Any sign of life is one, until the caller has dropped the connection.
    watched.hear(s(5001), &Side::Server.incoming(0x82, b""));
    assert_eq!(watched.poll(s(5001)), Ok(Some(s(5031))));
}

#[test]
fn round_trip_time() {
    let mut watched = Watched::new(config(), s(0));
    assert_eq!(watched.keepalive.round_trip(), None);
    watched.poll(s(30)).unwrap();
    let first = watched.ping();
    // Pongs that answer something else say nothing (RFC 6455 §5.5.3: they may be unasked for).
    watched.hear(s(31), &pong_frame(b""));
    watched.hear(s(31), &pong_frame(b"unasked"));
    assert_eq!(watched.keepalive.round_trip(), None);
    watched.hear(s(33), &pong_frame(&first));
    assert_eq!(watched.keepalive.round_trip(), Some(s(3)));
    watched.hear(s(60), &pong_frame(&first));
    assert_eq!(watched.keepalive.round_trip(), Some(s(3)), "a second pong to the same ping");
    // Only the newest ping counts; until then the last time stands.
    watched.poll(s(90)).unwrap();
    let second = watched.ping();
    watched.hear(s(91), &pong_frame(&first));
    assert_eq!(watched.keepalive.round_trip(), Some(s(3)));
    watched.hear(s(91) + Duration::from_millis(500), &pong_frame(&second));
    assert_eq!(watched.keepalive.round_trip(), Some(Duration::from_millis(1500)));
}

#[test]
fn the_peer_of_this_library_answers_the_ping() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Outbox::new());
        let mut keepalive = Keepalive::new(config(), s(0));
        let mut poll = |now, out: &mut Outbox| match &mut ws {
            Ws::Server(ws) => keepalive.poll(now, ws, out),
            Ws::Client(ws) => keepalive.poll(now, ws, out),
            _ => panic!("replies are automatic here"),
        };
        poll(s(30), &mut out).unwrap();
        let answer =
            Run::of(&mut side.peer().connection(Config::default()), Mode::Messages, [out.front()])
                .out;
        let run = Run::of(&mut ws, Mode::Messages, [&answer.0[..]]);
        keepalive.see(&run.events()[0], s(32));
        assert_eq!(keepalive.round_trip(), Some(s(2)));
    }
}

#[test]
fn the_close_deadline() {
    let mut watched = Watched::new(config(), s(0));
    watched.poll(s(5)).unwrap();
    watched.ws.close(CloseCode::NORMAL, "", &mut watched.out).unwrap();
    watched.out.clear();
    assert_eq!(watched.poll(s(7)), Ok(Some(s(17))), "counted from the first call that sees it");
    // A peer that goes on talking does not put it off, and is no longer pinged.
    watched.hear(s(10), &Side::Server.incoming(0x82, b"still talking"));
    assert_eq!(watched.poll(s(12)), Ok(Some(s(17))));
    assert!(watched.out.is_empty());
    assert_eq!(watched.poll(s(17)), Err(KeepaliveError::Close));
    watched.hear(s(18), &Side::Server.incoming(0x88, b""));
    assert_eq!(
        watched.poll(s(18)),
        Err(KeepaliveError::Close),
        "it covers the closing of the transport, too"
    );
}

#[test]
fn the_close_deadline_counts_however_the_closing_began() {
    let ways: [fn(&mut Watched); 3] = [
        |watched| watched.hear(s(1), &Side::Server.incoming(0x88, b"")),
        |watched| {
            let mut nonsense = [0xff];
            watched.ws.receive(&mut Input::new(&mut nonsense), &mut watched.out).unwrap_err();
        },
        |watched| assert!(watched.ws.end_of_input(&mut watched.out).is_err()),
    ];
    for way in ways {
        let mut watched = Watched::new(config(), s(0));
        way(&mut watched);
        assert_eq!(watched.poll(s(1)), Ok(Some(s(11))));
        assert_eq!(watched.poll(s(11)), Err(KeepaliveError::Close));
    }
    // Closing while a pong was waited for: that is over.
    let mut watched = Watched::new(config(), s(0));
    watched.poll(s(30)).unwrap();
    watched.ws.writer().close_without_code(&mut watched.out).unwrap();
    assert_eq!(watched.poll(s(49)), Ok(Some(s(59))));
    assert_eq!(watched.poll(s(51)), Ok(Some(s(59))));
}

#[test]
fn never_means_never() {
    let never = KeepaliveConfig::default().ping_after(None).pong_within(None).close_within(None);
    let mut watched = Watched::new(never, s(0));
    assert_eq!(watched.poll(Duration::MAX), Ok(None));
    assert!(watched.out.is_empty());
    watched.ws.writer().close_without_code(&mut watched.out).unwrap();
    assert_eq!(watched.poll(s(0)), Ok(None));
    assert_eq!(watched.poll(Duration::MAX), Ok(None));

    // A ping without a deadline for its pong.
    let mut watched = Watched::new(config().pong_within(None), s(0));
    assert_eq!(watched.poll(s(30)), Ok(None));
    watched.ping();
    assert_eq!(watched.poll(s(1_000_000)), Ok(None));
    assert!(watched.out.is_empty());
}

#[test]
fn huge_durations_do_not_overflow() {
    let huge = config().ping_after(Duration::MAX).pong_within(Duration::MAX);
    let mut watched = Watched::new(huge.close_within(Duration::MAX), s(1));
    assert_eq!(watched.poll(s(2)), Ok(None));
    assert_eq!(watched.poll(Duration::MAX), Ok(None));
    watched.ws.writer().close_without_code(&mut watched.out).unwrap();
    assert_eq!(watched.poll(Duration::MAX), Ok(None));

    let mut watched = Watched::new(huge.ping_after(s(30)), Duration::MAX - s(30));
    assert_eq!(watched.poll(Duration::MAX), Ok(None), "a pong deadline behind the end of time");
    assert_eq!(watched.ping().len(), 8);

    let mut watched = Watched::new(config(), Duration::MAX);
    assert_eq!(watched.poll(Duration::MAX), Ok(None));
}

#[test]
fn zero_durations() {
    let mut watched =
        Watched::new(config().ping_after(s(0)).pong_within(s(0)).close_within(s(0)), s(5));
    assert_eq!(watched.poll(s(5)), Ok(Some(s(5))));
    watched.ping();
    assert_eq!(watched.poll(s(5)), Err(KeepaliveError::Pong));
    watched.ws.writer().close_without_code(&mut watched.out).unwrap();
    assert_eq!(watched.poll(s(5)), Err(KeepaliveError::Close));
}

#[test]
fn a_clock_that_goes_backwards_only_makes_deadlines_later() {
    let mut watched = Watched::new(config(), s(1000));
    assert_eq!(watched.poll(s(10)), Ok(Some(s(1030))));
    assert!(watched.out.is_empty());
    watched.poll(s(1030)).unwrap();
    let ping = watched.ping();
    assert_eq!(watched.poll(s(0)), Ok(Some(s(1050))));
    // A pong from before its ping.
    watched.keepalive.see(&Event::Pong(ping.into()), s(7));
    assert_eq!(watched.keepalive.round_trip(), Some(s(0)));
    watched.ws.writer().close_without_code(&mut watched.out).unwrap();
    assert_eq!(watched.poll(s(500)), Ok(Some(s(510))));
    assert_eq!(watched.poll(s(0)), Ok(Some(s(510))));
}

#[test]
fn a_held_back_pong_goes_out_when_the_output_has_drained() {
    let limits = hybi::Limits::default().reply_backlog_max(0);
    let mut watched = Watched::new(config(), s(0));
    watched.ws = Connection::server(Config::default().limits(limits));
    watched.out.append(&[0]);
    watched.hear(s(1), &Side::Server.incoming(0x89, b"x"));
    assert_eq!(watched.out, [0]);
    watched.out.clear();
    watched.poll(s(2)).unwrap();
    assert_eq!(watched.out, Side::Server.outgoing(0x8a, b"x"));
}

#[test]
fn a_setting_can_be_unset() {
    let config = KeepaliveConfig::default();
    let never = config.ping_after(None).pong_within(None).close_within(None);
    assert_eq!(never.ping_after(s(30)).pong_within(Some(s(20))).close_within(s(10)), config);
}

/// The opening handshake is not watched; it has deadlines of its own.
#[test]
fn nothing_is_due_before_the_connection_is_open() {
    let mut keepalive = Keepalive::new(config(), s(0));
    let due = keepalive.due(s(1000), ReadyState::Connecting).unwrap();
    assert_eq!((due.ping, due.wake), (None, None));
    let due = keepalive.due(s(1000), ReadyState::Closing).unwrap();
    assert_eq!(due.wake, Some(s(1010)), "closing has only begun");
}
