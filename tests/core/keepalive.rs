//! Keepalive against a clock that the test moves. The tests write the output by hand: `take` stands for a transport that
//! accepts everything, `sent` for one that accepts some of it.

use std::time::Duration;

use crate::common::*;
use hybi::connection::ReadyState;
use hybi::frame::Header;
use hybi::keepalive::{Keepalive, KeepaliveConfig, KeepaliveError, Progress};
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

    /// Polls until a ping is due `now`, which leaves at once.
    #[track_caller]
    fn poll_and_write(&mut self, now: Duration) -> Vec<u8> {
        assert_eq!(self.poll(now), Ok(Some(now)), "once the ping is written");
        self.ping()
    }

    /// The deadline has passed, and nothing is there to be read.
    #[track_caller]
    fn expires(&mut self, now: Duration, error: KeepaliveError) {
        assert_eq!(self.poll(now), Ok(Some(now)), "read once more");
        assert_eq!(self.poll(now), Err(error));
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
    let first = watched.poll_and_write(s(130));
    assert_eq!(watched.poll(s(130)), Ok(Some(s(150))));
    assert_eq!(watched.poll(s(140)), Ok(Some(s(150))));
    assert!(watched.out.is_empty(), "polling more often does no harm");

    // Heard again: the schedule begins anew, and the next ping is another one.
    watched.hear(s(141), &pong_frame(&first));
    assert_eq!(watched.poll(s(141)), Ok(Some(s(171))));
    assert_ne!(watched.poll_and_write(s(200)), first);
    assert_eq!(watched.poll(s(200)), Ok(Some(s(220))), "a late call counts from when it came");
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
    watched.poll_and_write(s(30));
    assert_eq!(watched.poll(s(50) - Duration::from_nanos(1)), Ok(Some(s(50))));
    watched.expires(s(50), KeepaliveError::Pong);
    assert_eq!(watched.poll(s(5000)), Err(KeepaliveError::Pong), "it keeps saying so");
    // Any sign of life is one, until the caller has dropped the connection.
    watched.hear(s(5001), &Side::Server.incoming(0x82, b""));
    assert_eq!(watched.poll(s(5001)), Ok(Some(s(5031))));
}

#[test]
fn round_trip_time() {
    let mut watched = Watched::new(config(), s(0));
    assert_eq!(watched.keepalive.round_trip(), None);
    let first = watched.poll_and_write(s(30));
    // Pongs that answer something else say nothing (RFC 6455 §5.5.3: they may be unasked for).
    watched.hear(s(31), &pong_frame(b""));
    watched.hear(s(31), &pong_frame(b"unasked"));
    assert_eq!(watched.keepalive.round_trip(), None);
    watched.hear(s(33), &pong_frame(&first));
    assert_eq!(watched.keepalive.round_trip(), Some(s(3)));
    watched.hear(s(60), &pong_frame(&first));
    assert_eq!(watched.keepalive.round_trip(), Some(s(3)), "a second pong to the same ping");
    // Only the newest ping counts; until then the last time stands.
    let second = watched.poll_and_write(s(90));
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
    watched.expires(s(17), KeepaliveError::Close);
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
        watched.expires(s(11), KeepaliveError::Close);
    }
    // Closing while a pong was waited for: that is over.
    let mut watched = Watched::new(config(), s(0));
    watched.poll_and_write(s(30));
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
}

/// Proxies drop a silent connection, whether the peer answers or not.
#[test]
fn without_a_deadline_for_pongs_pings_go_on() {
    let mut watched = Watched::new(config().pong_within(None), s(0));
    let first = watched.poll_and_write(s(30));
    assert_eq!(watched.poll(s(30)), Ok(Some(s(60))));
    assert_eq!(watched.poll(s(59)), Ok(Some(s(60))));
    assert!(watched.out.is_empty());
    assert_ne!(watched.poll_and_write(s(60)), first);
    watched.poll_and_write(s(1_000_000));
    // They do not pile up in front of a transport that takes nothing.
    let mut watched = Watched::new(config().pong_within(None), s(0));
    for at in 0..1000 {
        watched.poll(s(30 * at)).unwrap();
    }
    watched.ping();
}

#[test]
fn a_peer_that_falls_silent_again_before_a_ping_has_left_is_dead() {
    let mut watched = backed_up();
    watched.hear(s(31), &Side::Server.incoming(0x82, b""));
    assert_eq!(watched.poll(s(61)), Ok(Some(s(61))), "another ping");
    assert_eq!(watched.poll(s(61)), Ok(Some(s(81))));
    watched.expires(s(81), KeepaliveError::Pong);
}

/// A program whose writes block has no backlog when it polls.
#[test]
fn a_write_that_waited_for_room_is_a_sign_of_life() {
    let mut watched = Watched::new(config(), s(0));
    watched.keepalive.made_room(s(20));
    assert_eq!(watched.poll(s(20)), Ok(Some(s(50))), "it puts the ping off");
    watched.poll_and_write(s(50));
    watched.keepalive.made_room(s(69));
    assert_eq!(watched.poll(s(69)), Ok(Some(s(89))), "and the deadline");
    assert_eq!(watched.poll(s(89)), Ok(Some(s(89))), "read once more");
    watched.keepalive.made_room(s(89));
    assert_eq!(watched.poll(s(89)), Ok(Some(s(109))));
    watched.expires(s(109), KeepaliveError::Pong);
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
    assert_eq!(watched.poll_and_write(Duration::MAX).len(), 8);
    assert_eq!(watched.poll(Duration::MAX), Ok(None), "a pong deadline behind the end of time");

    let mut watched = Watched::new(config(), Duration::MAX);
    assert_eq!(watched.poll(Duration::MAX), Ok(None));
}

/// It sent a ping in each call.
#[test]
fn pinging_after_no_silence_is_off() {
    assert_eq!(config().ping_after(s(0)), config().ping_after(None));
    assert_eq!(config().ping_after(Some(Duration::ZERO)), config().ping_after(None));
    let mut watched = Watched::new(config().ping_after(s(0)), s(5));
    for at in [5, 5, 6, 1000] {
        assert_eq!(watched.poll(s(at)), Ok(None));
    }
    assert!(watched.out.is_empty());
}

#[test]
fn no_time_for_a_pong_means_at_once() {
    let mut watched = Watched::new(config().pong_within(s(0)), s(0));
    watched.poll_and_write(s(30));
    watched.expires(s(30), KeepaliveError::Pong);

    // Bytes that are there at once are in time.
    let mut watched = Watched::new(config().pong_within(s(0)), s(0));
    let ping = watched.poll_and_write(s(30));
    assert_eq!(watched.poll(s(30)), Ok(Some(s(30))));
    watched.hear(s(30), &pong_frame(&ping));
    assert_eq!(watched.poll(s(30)), Ok(Some(s(60))));
}

/// A deadline that has passed and was met after all says nothing about the next one.
#[test]
fn each_deadline_is_late_for_a_round_of_its_own() {
    let without_pings = config().ping_after(None).pong_within(s(0));
    let mut watched = Watched::new(without_pings, s(0));
    for time in [10, 20] {
        watched.ws.send("text", &mut watched.out).unwrap();
        assert_eq!(watched.poll(s(time)), Ok(Some(s(time))), "write once more");
        let _ = watched.out.take();
        assert_eq!(watched.poll(s(time)), Ok(None));
    }
}

#[test]
fn no_time_for_closing_means_at_once() {
    let mut watched = Watched::new(config().close_within(s(0)), s(5));
    watched.ws.writer().close_without_code(&mut watched.out).unwrap();
    watched.expires(s(5), KeepaliveError::Close);
}

#[test]
fn a_clock_that_goes_backwards_only_makes_deadlines_later() {
    let mut watched = Watched::new(config(), s(1000));
    assert_eq!(watched.poll(s(10)), Ok(Some(s(1030))));
    assert!(watched.out.is_empty());
    let ping = watched.poll_and_write(s(1030));
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
    let due = keepalive.due(s(1000), ReadyState::Connecting, Progress::default()).unwrap();
    assert_eq!((due.ping, due.wake), (None, None));
    let due = keepalive.due(s(1000), ReadyState::Closing, Progress::default()).unwrap();
    assert_eq!(due.wake, Some(s(1010)), "closing has only begun");
}

// ---- our own backlog

/// A server that has 1,000 bytes to send before its ping, and a transport that takes nothing yet.
fn backed_up() -> Watched {
    let mut watched = Watched::new(config(), s(0));
    watched.ws.send(&[0; 1000], &mut watched.out).unwrap();
    assert_eq!(watched.poll(s(30)), Ok(Some(s(30))));
    assert_eq!(watched.poll(s(30)), Ok(Some(s(50))), "nothing was written");
    watched
}

#[test]
fn a_ping_that_waits_behind_our_own_data_has_time_from_when_it_left() {
    let mut watched = backed_up();
    // Little by little: each byte that the peer takes is a sign of life.
    for at in [45, 60, 75] {
        watched.out.sent(100);
        assert_eq!(watched.poll(s(at)), Ok(Some(s(at + 20))));
    }
    watched.out.sent(usize::MAX); // with the ping
    assert_eq!(watched.poll(s(90)), Ok(Some(s(110))));
    assert_eq!(watched.poll(s(109)), Ok(Some(s(110))));
    watched.expires(s(110), KeepaliveError::Pong);
}

/// It may have left a moment before the deadline, so the deadline is not the moment to judge.
#[test]
fn a_ping_that_has_just_left_is_not_late() {
    let mut watched = backed_up();
    watched.out.sent(usize::MAX);
    assert_eq!(watched.poll(s(50)), Ok(Some(s(70))));
    watched.expires(s(70), KeepaliveError::Pong);
}

#[test]
fn a_peer_that_takes_nothing_and_says_nothing_is_dead() {
    let mut watched = backed_up();
    watched.expires(s(50), KeepaliveError::Pong);
}

/// Without pings, bytes that wait are what the peer owes an answer to.
#[test]
fn without_pings_a_peer_that_takes_nothing_is_dead_all_the_same() {
    let mut watched = Watched::new(config().ping_after(None), s(0));
    assert_eq!(watched.poll(s(1000)), Ok(None), "nothing is asked of it");
    watched.ws.send(&[0; 1000], &mut watched.out).unwrap();
    assert_eq!(watched.poll(s(2000)), Ok(Some(s(2020))));
    for at in [2010, 2025, 2040] {
        watched.out.sent(10);
        assert_eq!(watched.poll(s(at)), Ok(Some(s(at + 20))), "it takes bytes");
    }
    watched.keepalive.heard(s(2059));
    assert_eq!(watched.poll(s(2059)), Ok(Some(s(2079))), "it says something");
    watched.expires(s(2079), KeepaliveError::Pong);
    watched.out.sent(10);
    assert_eq!(watched.poll(s(2080)), Ok(Some(s(2100))), "it was late");
    watched.out.sent(usize::MAX);
    assert_eq!(watched.poll(s(2081)), Ok(None), "nothing waits any more");
    assert!(watched.out.is_empty(), "no pings");
}

/// Here each poll sees bytes that have not been written yet, and they all leave.
#[test]
fn without_pings_bytes_that_leave_one_after_the_other_are_not_late() {
    let mut watched = Watched::new(config().ping_after(None), s(0));
    for at in 0..100 {
        watched.ws.send("news", &mut watched.out).unwrap();
        assert_eq!(watched.poll(s(at)), Ok(Some(s(at + 20))));
        watched.out.sent(usize::MAX);
    }
}

#[test]
fn without_pings_and_without_a_deadline_for_them_nothing_is_late() {
    let mut watched = Watched::new(config().ping_after(None).pong_within(None), s(0));
    watched.ws.send(&[0; 1000], &mut watched.out).unwrap();
    assert_eq!(watched.poll(s(1)), Ok(None));
    assert_eq!(watched.poll(Duration::MAX), Ok(None));
}

/// What is behind the ping counts as well: it has filled the transport, so the ping may be on its way.
#[test]
fn bytes_that_the_peer_takes_after_the_ping_are_a_sign_of_life() {
    let mut watched = Watched::new(config(), s(0));
    watched.poll_and_write(s(30));
    watched.ws.send(&[0; 1000], &mut watched.out).unwrap();
    watched.out.sent(10);
    assert_eq!(watched.poll(s(31)), Ok(Some(s(50))), "the transport may have had room");
    assert_eq!(watched.poll(s(40)), Ok(Some(s(50))), "it has none");
    watched.out.sent(10);
    assert_eq!(watched.poll(s(45)), Ok(Some(s(65))), "now it has: the peer has taken some");
    watched.expires(s(65), KeepaliveError::Pong);
}

/// A buffer of the system takes what we send for a long time, whether the peer lives or not.
#[test]
fn bytes_that_leave_at_once_are_no_sign_of_life() {
    let mut watched = Watched::new(config(), s(0));
    for at in 0..30 {
        watched.ws.send("news", &mut watched.out).unwrap();
        watched.poll(s(at)).unwrap();
        watched.out.sent(usize::MAX);
    }
    watched.poll_and_write(s(30));
    for at in 30..50 {
        watched.ws.send("news", &mut watched.out).unwrap();
        assert_eq!(watched.poll(s(at)), Ok(Some(s(50))));
        watched.out.sent(usize::MAX);
    }
    watched.expires(s(50), KeepaliveError::Pong);
}

#[test]
fn bytes_that_the_peer_takes_put_the_ping_off() {
    let mut watched = Watched::new(config(), s(0));
    watched.ws.send(&[0; 1000], &mut watched.out).unwrap();
    assert_eq!(watched.poll(s(1)), Ok(Some(s(30))));
    assert_eq!(watched.poll(s(2)), Ok(Some(s(30))));
    watched.out.sent(10);
    assert_eq!(watched.poll(s(20)), Ok(Some(s(50))));
}

/// The program moves the output to a queue, and tells how much is in it.
#[test]
fn a_ping_that_waits_in_a_queue_elsewhere_waits_all_the_same() {
    let mut watched = Watched::new(config(), s(0));
    watched.ws.send(&[0; 1000], &mut watched.out).unwrap();
    let mut queued = 0;
    let mut move_out = |watched: &mut Watched, taken: usize| {
        queued += watched.out.take().len();
        queued = queued.saturating_sub(taken);
        watched.out.set_elsewhere(queued);
    };
    move_out(&mut watched, 0);
    assert_eq!(watched.poll(s(30)), Ok(Some(s(30))));
    move_out(&mut watched, 0);
    assert_eq!(watched.poll(s(30)), Ok(Some(s(50))));
    for at in [45, 60, 75] {
        // Others queue more meanwhile, past the outbox.
        watched.out.set_elsewhere(5000);
        watched.out.set_elsewhere(4999);
        assert_eq!(watched.poll(s(at)), Ok(Some(s(at + 20))));
    }
    watched.out.set_elsewhere(0);
    assert_eq!(watched.poll(s(90)), Ok(Some(s(110))));
    watched.expires(s(110), KeepaliveError::Pong);
}

/// What is dropped was not taken.
#[test]
fn dropping_the_output_is_no_sign_of_life() {
    let mut watched = backed_up();
    watched.out.clear();
    assert_eq!(watched.poll(s(45)), Ok(Some(s(50))));
    watched.expires(s(50), KeepaliveError::Pong);
}

#[test]
fn the_round_trip_counts_from_when_the_ping_left() {
    let mut watched = backed_up();
    watched.out.sent(900);
    watched.poll(s(40)).unwrap();
    watched.poll(s(45)).unwrap();
    let mut out = watched.out.take();
    let ping = out.split_off(out.len() - 8);
    watched.hear(s(47), &pong_frame(&ping));
    assert_eq!(watched.keepalive.round_trip(), Some(s(2)), "it had not left at 45 s");
}

/// An outbox serves whoever needs one, and stays with a connection while bytes wait in it.
#[test]
fn the_round_trip_is_right_when_connections_share_their_outboxes() {
    let mut watched = backed_up();
    let mut out = watched.out.take();
    let ping = out.split_off(out.len() - 8);
    watched.poll(s(31)).unwrap();
    watched.out = Outbox::new(); // another, which has written less
    watched.poll(s(32)).unwrap();
    watched.hear(s(33), &pong_frame(&ping));
    assert_eq!(watched.keepalive.round_trip(), Some(s(3)), "it left before 31 s");
}

/// What another connection has written is no sign of this peer's life.
#[test]
fn an_outbox_that_has_served_another_connection_is_no_sign_of_life() {
    let mut watched = Watched::new(config(), s(0));
    watched.poll_and_write(s(30));
    watched.poll(s(30)).unwrap();
    watched.out.append(&[0; 5000]);
    watched.out.sent(5000);
    assert_eq!(watched.poll(s(45)), Ok(Some(s(50))));
    watched.expires(s(50), KeepaliveError::Pong);
}

// ---- callers that do not read

/// The caller was busy for an hour. The pong has come meanwhile.
#[test]
fn nothing_expires_while_we_do_not_read() {
    let mut watched = Watched::new(config(), s(0));
    let ping = watched.poll_and_write(s(30));
    assert_eq!(watched.poll(s(3600)), Ok(Some(s(3600))), "read, then call again");
    watched.hear(s(3600), &pong_frame(&ping));
    assert_eq!(watched.poll(s(3600)), Ok(Some(s(3630))));
    // The next time it is asked afresh.
    watched.poll_and_write(s(7200));
    watched.expires(s(7220), KeepaliveError::Pong);
}

#[test]
fn the_peers_close_is_read_before_closing_is_late() {
    let mut watched = Watched::new(config(), s(0));
    watched.ws.close(CloseCode::NORMAL, "", &mut watched.out).unwrap();
    assert_eq!(watched.poll(s(1)), Ok(Some(s(11))));
    assert_eq!(watched.poll(s(3600)), Ok(Some(s(3600))), "read, then call again");
    watched.hear(s(3600), &Side::Server.incoming(0x88, b""));
    assert_eq!(watched.ws.ready_state(), ReadyState::Closed);
}

/// A peer that sends at every read, or that takes a byte at a time, does not hold up the end.
#[test]
fn nothing_that_the_peer_does_puts_the_closing_deadline_off() {
    let mut watched = Watched::new(config(), s(0));
    watched.ws.send(&[0; 1000], &mut watched.out).unwrap();
    watched.ws.close(CloseCode::NORMAL, "", &mut watched.out).unwrap();
    for at in 1..11 {
        assert_eq!(watched.poll(s(at)), Ok(Some(s(11))));
        watched.out.sent(1);
        watched.hear(s(at), &Side::Server.incoming(0x89, b""));
    }
    assert_eq!(watched.poll(s(11)), Ok(Some(s(11))));
    watched.hear(s(11), &Side::Server.incoming(0x89, b""));
    assert_eq!(watched.poll(s(11)), Err(KeepaliveError::Close));
}

/// A deadline that had passed before the closing began says nothing about the closing.
#[test]
fn a_late_pong_is_not_a_late_close() {
    let mut watched = Watched::new(config().close_within(s(0)), s(0));
    watched.poll_and_write(s(30));
    assert_eq!(watched.poll(s(50)), Ok(Some(s(50))));
    watched.ws.close(CloseCode::NORMAL, "", &mut watched.out).unwrap();
    watched.expires(s(50), KeepaliveError::Close);
}

// ---- halves

/// A reader's thread asks, and knows of the writer's output only these numbers.
#[test]
fn halves_count_what_the_writer_has_written() {
    let mut keepalive = Keepalive::new(config(), s(0));
    let mut due = |at, taken, backlog| {
        let due = keepalive.due(s(at), ReadyState::Open, Progress { taken, backlog })?;
        Ok((due.ping.is_some(), due.wake))
    };
    assert_eq!(due(30, 0, 1000), Ok((true, Some(s(50)))));
    assert_eq!(due(40, 0, 1000), Ok((false, Some(s(50)))), "the transport has no room");
    assert_eq!(due(45, 10, 990), Ok((false, Some(s(65)))), "the peer has made some");
    assert_eq!(due(60, 1000, 0), Ok((false, Some(s(80)))));
    assert_eq!(due(80, 1000, 0), Ok((false, Some(s(80)))), "read once more");
    assert_eq!(due(80, 1000, 0), Err(KeepaliveError::Pong));
}

/// A long message begins between two looks. The peer takes some of it before the third.
#[test]
fn halves_count_what_leaves_a_backlog_that_is_new() {
    let mut keepalive = Keepalive::new(config(), s(0));
    let mut due = |at, taken, backlog| {
        let due = keepalive.due(s(at), ReadyState::Open, Progress { taken, backlog })?;
        Ok((due.ping.is_some(), due.wake))
    };
    assert_eq!(due(0, 0, 0), Ok((false, Some(s(30)))));
    assert_eq!(due(30, 200, 800), Ok((true, Some(s(50)))), "the system's buffer takes the first");
    assert_eq!(due(50, 600, 400), Ok((false, Some(s(70)))), "the peer has made room");
    assert_eq!(due(70, 999, 1), Ok((false, Some(s(90)))));
    assert_eq!(due(90, 999, 1), Ok((false, Some(s(90)))), "read once more");
    assert_eq!(due(90, 999, 1), Err(KeepaliveError::Pong));
}

#[test]
fn halves_count_closing_from_when_the_writer_began() {
    let mut keepalive = Keepalive::new(config(), s(0));
    keepalive.closing_since(s(3));
    keepalive.closing_since(s(7)); // later news of the same
    let mut due = |at| keepalive.due(s(at), ReadyState::Closing, Progress::default());
    assert_eq!(due(12).unwrap().wake, Some(s(13)));
    assert_eq!(due(13).unwrap().wake, Some(s(13)));
    assert_eq!(due(13), Err(KeepaliveError::Close));
}
