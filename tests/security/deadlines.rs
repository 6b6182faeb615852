//! Class 20: deadlines that a peer's cheap frames put off. The clock is the test's, so what is counted is how many events
//! lie between two looks at it. Those of sockets are in `tests/blocking`.

use std::time::Duration;

use hybi::keepalive::{Keepalive, KeepaliveConfig, KeepaliveError};
use hybi::{CloseCode, Config, Connection, Input, Outbox};

use crate::common::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Frames that cost a peer next to nothing, and that no limit stops.
fn cheap() -> [Vec<u8>; 5] {
    let side = Side::Server;
    [
        side.incoming(0x89, b""),
        side.incoming(0x8a, b""),
        side.incoming(0x82, b""),
        side.incoming(0x81, b"x"),
        [side.incoming(0x02, b""), side.incoming(0x00, b""), side.incoming(0x80, b"")].concat(),
    ]
}

#[test]
fn class_20_no_flood_puts_off_the_deadline_for_closing() {
    for cheap in cheap() {
        let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
        let config = KeepaliveConfig::default().close_within(s(10));
        let mut keepalive = Keepalive::new(config, s(0));
        ws.close(CloseCode::NORMAL, "", &mut out).unwrap();
        // A read each second, of 1,000 frames, to which the output may grow and be taken.
        let mut read = |now| {
            let mut bytes = cheap.repeat(1000);
            let mut input = Input::new(&mut bytes);
            while ws.receive(&mut input, &mut out).unwrap().is_some() {}
            keepalive.heard(now);
            out.sent(100);
            keepalive.poll(now, &mut ws, &mut out)
        };
        for at in 0..10 {
            assert_eq!(read(s(at)), Ok(Some(s(10))));
        }
        assert_eq!(read(s(10)), Ok(Some(s(10))), "one more read");
        assert_eq!(read(s(10)), Err(KeepaliveError::Close), "and not another");
    }
}

/// So a caller that looks at the clock after each call does so at least once for each event and for each read.
#[test]
fn class_20_a_call_returns_at_its_first_event_or_at_the_end_of_its_input() {
    for cheap in cheap() {
        let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
        let mut bytes = cheap.repeat(1000);
        let mut input = Input::new(&mut bytes);
        for left in (0..1000).rev() {
            assert!(ws.receive(&mut input, &mut out).unwrap().is_some());
            assert_eq!(input.len(), left * cheap.len(), "it has read on behind its event");
        }
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
    }
}

/// What leaves at once proves nothing about the peer, so pushing to one that is gone does not hide that it is gone.
#[test]
fn class_20_our_own_output_does_not_put_off_the_deadline_for_a_pong() {
    let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
    let config = KeepaliveConfig::default().ping_after(s(30)).pong_within(s(20));
    let mut keepalive = Keepalive::new(config, s(0));
    let mut push = |now| {
        ws.send("news", &mut out).unwrap();
        let wake = keepalive.poll(now, &mut ws, &mut out);
        out.sent(usize::MAX);
        wake
    };
    for at in 0..50 {
        push(s(at)).unwrap();
    }
    assert_eq!(push(s(50)), Ok(Some(s(50))), "one more read");
    assert_eq!(push(s(50)), Err(KeepaliveError::Pong));
}
