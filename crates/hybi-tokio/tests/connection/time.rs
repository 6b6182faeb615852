//! Keep-alive and deadlines, by a clock that the test moves.

use std::time::Duration;

use hybi::connection::{Abnormal, Closed};
use hybi::keepalive::{KeepaliveConfig, KeepaliveError};
use hybi::{Event, Message};
use hybi_tokio::Error;
use tokio::time::{Instant, sleep, timeout};

use crate::common::*;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const HOUR: Duration = secs(3600);

const DEAD: Closed = Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Pong));

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_then_given_up() {
    async fn check<R: Side>() {
        let (mut ws, peer) = open::<R>();
        let start = Instant::now();
        assert!(timeout(secs(30) + Duration::from_millis(1), ws.receive()).await.is_err());
        let frames = whole_frames(peer.take_written());
        assert!(matches!(&frames[..], [(0x89, payload)] if payload.len() == 8), "{frames:?}");
        assert_eq!(ws.receive().await.unwrap(), None);
        assert_eq!(start.elapsed(), secs(50));
        assert_eq!(ws.closed(), Some(&DEAD));
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_pings_stays_and_its_pongs_do_not_show() {
    let (mut ws, peer) = open::<Server>();
    let start = Instant::now();
    for _ in 0..100 {
        assert!(timeout(secs(30) + Duration::from_millis(1), ws.receive_event()).await.is_err());
        let frames = whole_frames(peer.take_written());
        let [(0x89, payload)] = &frames[..] else { panic!("{frames:?}") };
        sleep(Duration::from_millis(40)).await;
        peer.deliver(incoming::<Server>(0x8a, payload));
    }
    assert!(start.elapsed() > secs(3000));
    assert!(timeout(secs(1), ws.receive_event()).await.is_err());
    // From the ping to the poll that has seen the pong.
    assert!(ws.round_trip().unwrap() >= Duration::from_millis(40));
    peer.deliver(incoming::<Server>(0x8a, "not asked for"));
    let event = ws.receive_event().await.unwrap();
    assert_eq!(event, Some(Event::Pong(b"not asked for".into())));
}

/// Otherwise a server with many idle connections would be busy with timers.
#[test]
fn an_idle_connection_is_woken_for_its_pings_and_their_pongs_only() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        let mut task = Task::new(ws.receive());
        assert!(task.poll().is_pending());
        let (mut pings, mut pongs, mut others) = (0, 0, 0);
        for _ in 0..300 {
            advance(&runtime, secs(1));
            while task.woken() > 0 {
                assert!(task.poll().is_pending());
                match &whole_frames(peer.take_written())[..] {
                    [(0x89, payload)] => {
                        pings += 1;
                        peer.deliver(incoming::<R>(0x8a, payload));
                    }
                    [] if pongs < pings => pongs += 1,
                    _ => others += 1,
                }
            }
        }
        assert_eq!((pings, pongs, others), (10, 10, 0));
    }
    check::<Server>();
    check::<KnownClient>();
}

/// The pings that it makes unnecessary wake nobody.
#[test]
fn a_connection_that_speaks_now_and_then_is_woken_for_its_messages_only() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        for _ in 0..30 {
            let mut task = Task::new(ws.receive());
            assert!(task.poll().is_pending());
            for _ in 0..10 {
                advance(&runtime, secs(1));
                assert_eq!(task.woken(), 0);
            }
            peer.deliver(incoming::<R>(0x81, "alive"));
            assert_eq!(task.woken(), 1);
            assert!(task.poll().is_ready());
        }
        assert_eq!(peer.written_len(), 0);
    }
    check::<Server>();
    check::<KnownClient>();
}

/// The program is stuck in a send, and does not receive.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up_while_a_send_waits() {
    async fn check<R: Side>() {
        for is_room in [false, true] {
            let (mut ws, peer) = open::<R>();
            peer.stop_taking();
            ws.feed(&[0; 100_000][..]).await.unwrap();
            let start = Instant::now();
            let result = if is_room { ws.ready().await } else { ws.flush().await };
            assert!(matches!(&result, Err(Error::Closed(closed)) if *closed == DEAD), "{result:?}");
            assert_eq!(start.elapsed(), secs(50));
        }
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

/// Half a loop of `select!` waits to write, and the timer is in the other half.
#[tokio::test(start_paused = true)]
async fn a_send_that_waits_lets_timers_beside_it_fire() {
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    let start = Instant::now();
    tokio::select! {
        _ = ws.send("Hello") => panic!("sent"),
        () = sleep(secs(7)) => {}
    }
    assert_eq!(start.elapsed(), secs(7));
}

/// The pong that we wait for is behind what the program has not received.
#[tokio::test(start_paused = true)]
async fn a_pong_is_heard_while_a_send_waits() {
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    let talking = tokio::spawn({
        let peer = peer.clone();
        async move {
            for _ in 0..20 {
                sleep(secs(25)).await;
                peer.deliver(incoming::<Server>(0x81, "alive"));
            }
            peer.take_more(usize::MAX);
        }
    });
    let start = Instant::now();
    ws.send("Hello").await.unwrap();
    assert_eq!(start.elapsed(), secs(500));
    for _ in 0..20 {
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from("alive")));
    }
    talking.await.unwrap();
}

/// A ping that stands in a long queue has not been sent yet, and a peer that takes bytes lives.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_a_long_queue_slowly_is_not_given_up() {
    async fn check<R: Side>(receives: bool) {
        let (mut ws, peer) = open::<R>();
        peer.stop_taking();
        let taking = tokio::spawn({
            let peer = peer.clone();
            async move {
                for _ in 0..1_100 {
                    sleep(secs(1)).await;
                    peer.take_more(1_000);
                }
            }
        });
        let start = Instant::now();
        if receives {
            ws.set_backlog_max(usize::MAX);
            ws.feed(&[0; 1_000_000][..]).await.unwrap();
            assert!(timeout(secs(1_000), ws.receive()).await.is_err());
            assert_eq!(ws.closed(), None);
        } else {
            ws.send(&[0; 1_000_000][..]).await.unwrap();
        }
        assert!(start.elapsed() >= secs(1_000));
        taking.abort();
    }
    for receives in [false, true] {
        check::<Server>(receives).await;
        check::<KnownClient>(receives).await;
    }
}

/// The pong may be in what has not been read.
#[tokio::test(start_paused = true)]
async fn a_program_that_was_away_does_not_give_its_peer_up() {
    for is_sending in [false, true] {
        let (mut ws, peer) = open::<Server>();
        assert!(timeout(secs(31), ws.receive()).await.is_err());
        let ping = whole_frames(peer.take_written()).remove(0).1;
        peer.deliver(incoming::<Server>(0x81, "Hello"));
        peer.deliver(incoming::<Server>(0x8a, ping));
        peer.deliver(incoming::<Server>(0x82, [0; 100_000]));
        sleep(secs(3600)).await;
        if is_sending {
            peer.stop_taking();
            assert!(timeout(secs(29), ws.send("Hello")).await.is_err());
            peer.take_more(usize::MAX);
        }
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from("Hello")));
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from(vec![0; 100_000])));
        assert!(timeout(secs(29), ws.receive()).await.is_err());
        assert_eq!(ws.closed(), None);
    }
}

/// A program that leaves input unread cannot know whether the pong is in it, only whether the
/// stream takes anything.
#[tokio::test(start_paused = true)]
async fn a_peer_that_is_not_read_and_takes_nothing_is_given_up_while_a_send_waits() {
    async fn check<R: Side>() {
        for call in 0..4 {
            let (mut ws, peer) = open::<R>();
            peer.stop_taking();
            peer.deliver(incoming::<R>(0x82, "first"));
            peer.deliver(incoming::<R>(0x82, [0; 500_000]));
            if call > 0 {
                ws.feed(&[0; 100_000][..]).await.unwrap();
            }
            let start = Instant::now();
            let wait = async {
                match call {
                    0 => ws.send("Hello").await,
                    1 => ws.ready().await,
                    2 => ws.flush().await,
                    // There is no room for an answer.
                    _ => ws.receive_with(|event, _| drop(event)).await.map(drop),
                }
            };
            let result = timeout(HOUR, wait).await.expect("it hangs");
            assert_eq!(start.elapsed(), secs(50), "{call}");
            if call == 3 {
                result.unwrap(); // what had been read comes first
            } else {
                assert!(matches!(&result, Err(Error::Closed(how)) if *how == DEAD), "{result:?}");
                assert_eq!(ws.receive().await.unwrap(), Some(Message::from(b"first".to_vec())));
            }
            // Little of it was read ahead.
            let unread = peer.unread_len();
            assert!(unread >= 500_000 - (16 << 10) - (130 << 10), "{unread}");
            assert_eq!(ws.receive().await.unwrap(), None);
            assert_eq!(ws.closed(), Some(&DEAD));
        }
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

/// Calls that are dropped add up.
#[tokio::test(start_paused = true)]
async fn time_outs_around_sends_do_not_put_the_end_off() {
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    peer.deliver(incoming::<Server>(0x82, [0; 100_000]));
    let start = Instant::now();
    while let Err(_elapsed) = timeout(secs(7), ws.send("Hello")).await {
        assert!(start.elapsed() < HOUR, "it hangs");
    }
    assert_eq!(start.elapsed(), secs(50));
}

/// Its pongs may be among what is not read.
#[tokio::test(start_paused = true)]
async fn a_peer_that_is_not_read_and_takes_bytes_now_and_then_is_not_given_up() {
    async fn check<R: Side>() {
        let (mut ws, peer) = open::<R>();
        peer.stop_taking();
        peer.deliver(incoming::<R>(0x82, [0; 100_000]));
        let taking = tokio::spawn({
            let peer = peer.clone();
            async move {
                for _ in 0..20 {
                    sleep(secs(49)).await;
                    peer.take_more(1);
                }
                peer.take_more(usize::MAX);
            }
        });
        let start = Instant::now();
        ws.send(&[7; 1_000][..]).await.unwrap();
        assert_eq!(start.elapsed(), secs(20 * 49));
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from(vec![0; 100_000])));
        let frames = whole_frames(peer.take_written());
        assert_eq!(frames[0], (0x82, vec![7; 1_000]));
        taking.await.unwrap();
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

/// The time that counts is that in which nothing moves, in either direction.
#[tokio::test(start_paused = true)]
async fn a_program_that_receives_late_gets_its_time_anew() {
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    for _ in 0..10 {
        peer.deliver(incoming::<Server>(0x82, [0; 100_000]));
        assert!(timeout(secs(40), ws.send("Hello")).await.is_err());
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from(vec![0; 100_000])));
    }
    peer.take_more(usize::MAX);
    ws.flush().await.unwrap();
    assert_eq!(ws.closed(), None);
}

/// Its silence is none of our business, but a send that waits is.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up_also_without_pings() {
    async fn check<R: Side>(unread: usize) {
        let (mut ws, peer) = open::<R>();
        ws.set_keepalive(KeepaliveConfig::default().ping_after(None).pong_within(secs(7)));
        assert!(timeout(secs(1_000_000), ws.receive()).await.is_err());
        assert_eq!(peer.written_len(), 0);
        peer.stop_taking();
        peer.deliver(incoming::<R>(0x82, vec![0; unread]));
        let start = Instant::now();
        let sent = timeout(HOUR, ws.send("Hello")).await.expect("it hangs");
        assert!(matches!(&sent, Err(Error::Closed(how)) if *how == DEAD), "{sent:?}");
        assert_eq!(start.elapsed(), secs(7));
    }
    for unread in [0, 100_000] {
        check::<Server>(unread).await;
        check::<KnownClient>(unread).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_deadlines_nothing_is_given_up() {
    let (mut ws, peer) = open::<Server>();
    let config = KeepaliveConfig::default().pong_within(None);
    ws.set_keepalive(config.ping_after(None));
    assert!(timeout(secs(1_000_000), ws.receive()).await.is_err());
    assert_eq!(peer.written_len(), 0);
    peer.stop_taking();
    for unread in [0, 100_000] {
        peer.deliver(incoming::<Server>(0x82, vec![0; unread]));
        for ping_after in [None, Some(secs(30))] {
            ws.set_keepalive(config.ping_after(ping_after));
            assert!(timeout(secs(1_000_000), ws.send("Hello")).await.is_err());
            assert_eq!(ws.closed(), None);
        }
    }
    assert!(ws.unsent_bytes() < 100, "pings pile up: {} bytes", ws.unsent_bytes());
}

/// A deadline that changes holds for who already waits.
#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_follows_a_ping_that_a_writer_has_seen_due() {
    let (ws, peer) = open::<Server>();
    let (mut reader, mut writer) = ws.split();
    peer.stop_taking();
    let start = Instant::now();
    let (received, sent) = tokio::join!(reader.receive(), writer.send("Hello"));
    assert_eq!(received.unwrap(), None);
    assert!(matches!(sent, Err(Error::Closed(closed)) if closed == DEAD));
    assert_eq!(start.elapsed(), secs(50));
}

/// Closing has a deadline, also if the reader waits already when the writer closes.
#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_follows_the_deadline_of_a_close() {
    let (ws, _peer) = open::<Server>();
    let (mut reader, mut writer) = ws.split();
    let start = Instant::now();
    let receiving = tokio::spawn(async move { reader.receive().await });
    sleep(secs(5)).await;
    writer.close(hybi::CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(receiving.await.unwrap().unwrap(), None);
    assert_eq!(start.elapsed(), secs(15));
}

/// There is always something to read, so nobody ever waits.
#[test]
fn a_peer_that_talks_without_a_pause_does_not_put_the_deadline_of_closing_off() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        let message = incoming::<R>(0x82, [0; 100]);
        peer.set_read_max(message.len());
        peer.deliver(&message);
        settle(ws.close(hybi::CloseCode::NORMAL, "")).unwrap();
        let mut received = 0;
        loop {
            peer.deliver(&message);
            match settle(ws.receive()).unwrap() {
                Some(_) => received += 1,
                None => break,
            }
            advance(&runtime, secs(1));
        }
        assert!((10..=12).contains(&received), "{received}");
    }
    check::<Server>();
    check::<KnownClient>();
}
