//! A keep-alive goes on in another process, by another clock.

use std::time::Duration;

use hybi::keepalive::{Keepalive, KeepaliveConfig, KeepaliveError};

use super::*;

/// A connection with a keep-alive, and how far its clock is ahead.
struct Timed {
    ws: Connection<Server>,
    out: Outbox,
    keepalive: Keepalive,
    ahead: Duration,
}

impl Timed {
    fn now(&self, time: Duration) -> Duration {
        time + self.ahead
    }

    fn poll(&mut self, time: Duration) -> Result<Option<Duration>, KeepaliveError> {
        let now = self.now(time);
        let wake = self.keepalive.poll(now, &mut self.ws, &mut self.out)?;
        Ok(wake.map(|wake| wake - self.ahead))
    }
}

fn configs() -> [KeepaliveConfig; 5] {
    let config = KeepaliveConfig::default();
    let seconds = Duration::from_secs;
    [
        config,
        config.ping_after(seconds(3)).pong_within(seconds(5)),
        config.ping_after(None).pong_within(seconds(7)),
        config.ping_after(seconds(3)).pong_within(None),
        config.close_within(seconds(4)),
    ]
}

/// Every call returns what it would have returned without a move, whenever that was. The outbox and
/// the pings are the same, too.
#[test]
fn deadlines_are_the_same_by_another_clock() {
    let mut late = 0;
    for config in configs() {
        for moved_at in 0..60 {
            let mut random = moved_at * 7919 + 1;
            let mut next = |n: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % n
            };
            let make = |ahead| Timed {
                ws: Connection::server(Config::default()),
                out: Outbox::new(),
                keepalive: Keepalive::new(config, Duration::from_secs(1000) + ahead),
                ahead,
            };
            let (mut time, mut was_late) = (Duration::from_secs(1000), false);
            let (mut old, mut new) = (make(Duration::ZERO), make(Duration::ZERO));
            for step in 0..120 {
                // Not while a deadline has passed and its error is due: the other process reads for
                // another round first.
                if step == moved_at && !was_late {
                    let mut bytes = Vec::new();
                    let now = new.now(time);
                    new.keepalive.export(now, new.out.progress(), &mut bytes);
                    new.ws.export(&mut bytes).unwrap();
                    new.out.export(&mut bytes);
                    let from = &mut &bytes[..];
                    new.ahead = Duration::from_secs(77);
                    let record = *from;
                    Keepalive::import(config, now, Outbox::new().progress(), from).unwrap();
                    new.ws = Connection::import(Server, &Config::default(), from).unwrap();
                    new.out = Outbox::import(from).unwrap();
                    let progress = new.out.progress();
                    let now = new.now(time);
                    new.keepalive =
                        Keepalive::import(config, now, progress, &mut &record[..]).unwrap();
                }
                let (act, n) = (next(8), next(40) as usize);
                for it in [&mut old, &mut new] {
                    let now = it.now(time);
                    match act {
                        0 => it.keepalive.heard(now),
                        1 => {
                            let _ = it.ws.send(&[7; 20], &mut it.out);
                        }
                        2 | 3 => it.out.sent(n),
                        4 => it.keepalive.made_room(now),
                        5 if n == 0 => {
                            let _ = it.ws.close(hybi::CloseCode::NORMAL, "", &mut it.out);
                        }
                        _ => {}
                    }
                }
                let (was, is) = (old.poll(time), new.poll(time));
                assert_eq!(is, was, "{config:?}, moved at {moved_at}, step {step}");
                assert_eq!(new.out, old.out);
                assert_eq!(new.keepalive.round_trip(), old.keepalive.round_trip());
                was_late = was == Ok(Some(time)) || was.is_err();
                late += usize::from(was.is_err());
                time += Duration::from_millis(next(3000));
            }
        }
    }
    assert!(late > 1000, "{late}");
}

/// Bytes that the peer has taken since the last poll are a sign of life, even if another process
/// polls next.
#[test]
fn bytes_that_were_taken_before_the_export_count_after_it() {
    let at = Duration::from_secs;
    let without_pings = KeepaliveConfig::default().ping_after(None).pong_within(at(7));
    let with_pings = KeepaliveConfig::default().ping_after(at(3)).pong_within(at(7));
    for (config, polls) in [(without_pings, &[0][..]), (with_pings, &[0, 3, 4, 5])] {
        // None of what was unsent, some, all of it.
        for taken in [0, 1, 5, 1000] {
            for moves in [1, 2] {
                let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
                let mut keepalive = Keepalive::new(config, at(0));
                ws.send(&[7; 20], &mut out).unwrap();
                for poll in polls {
                    keepalive.poll(at(*poll), &mut ws, &mut out).unwrap();
                }
                out.sent(taken);
                ws.send(&[7; 20], &mut out).unwrap();
                let (mut import, mut new_out) = (keepalive.clone(), out.clone());
                for _ in 0..moves {
                    let mut bytes = Vec::new();
                    import.export(at(6), new_out.progress(), &mut bytes);
                    new_out.export(&mut bytes);
                    let record = bytes.len() - 14 - new_out.len();
                    new_out = Outbox::import(&mut &bytes[record..]).unwrap();
                    import = Keepalive::import(config, at(6), new_out.progress(), &mut &bytes[..])
                        .unwrap();
                }
                let mut new_ws = Connection::server(Config::default());
                for time in [7, 8, 10, 12, 13, 14, 15, 17, 20] {
                    let was = keepalive.poll(at(time), &mut ws, &mut out);
                    let is = import.poll(at(time), &mut new_ws, &mut new_out);
                    assert_eq!(is, was, "{config:?}, {taken} taken, at {time}");
                    assert_eq!(new_out, out);
                }
            }
        }
    }
}

/// The pong to a ping that was sent in another process counts, and so does its time.
#[test]
fn a_round_trip_ends_in_another_process() {
    let at = Duration::from_secs;
    let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
    let mut keepalive = Keepalive::new(KeepaliveConfig::default(), at(0));
    keepalive.poll(at(30), &mut ws, &mut out).unwrap();
    let ping = out.take();
    keepalive.poll(at(31), &mut ws, &mut out).unwrap();
    let mut bytes = Vec::new();
    keepalive.export(at(32), out.progress(), &mut bytes);

    let progress = Outbox::new().progress();
    let config = KeepaliveConfig::default();
    let mut keepalive = Keepalive::import(config, at(1000), progress, &mut &bytes[..]).unwrap();
    let pong = Event::Pong(ping[2..].into());
    assert!(keepalive.see(&pong, at(1001)));
    assert_eq!(keepalive.round_trip(), Some(at(3)));
}

/// A clock that begins with the process cannot express times before it. No deadline comes too
/// early.
#[test]
fn a_clock_that_has_just_begun_makes_deadlines_later() {
    let at = Duration::from_secs;
    let keepalive = Keepalive::new(KeepaliveConfig::default(), at(0));
    let (mut bytes, out) = (Vec::new(), Outbox::new());
    keepalive.export(at(29), out.progress(), &mut bytes);
    for (now, wake) in [(0, 30), (10, 30), (29, 30), (100, 101)] {
        let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
        let config = KeepaliveConfig::default();
        let mut import =
            Keepalive::import(config, at(now), out.progress(), &mut &bytes[..]).unwrap();
        assert_eq!(import.poll(at(now), &mut ws, &mut out), Ok(Some(at(wake))));
    }
}
