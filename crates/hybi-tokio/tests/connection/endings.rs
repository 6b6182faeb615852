//! How the stream ended, and what the program is told.

use std::io::ErrorKind;
use std::time::Duration;

use futures_core::FusedStream;
use futures_util::StreamExt;
use hybi::connection::{Abnormal, Closed};
use hybi::keepalive::KeepaliveError;
use hybi::{CloseCode, CutOff, Message, UsageError};
use hybi_tokio::Error;
use tokio::time::Instant;

use crate::common::*;

/// The ends of a stream, before and after the peer's Close frame. TLS that ends without its own
/// goodbye has failed (RFC 8446 §6.1), but not after the Close frame.
#[test]
fn the_end_of_the_stream_is_told_apart_before_and_after_the_close_frame() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let cut_off = Closed::Abnormal(Abnormal::CutOff(CutOff::BetweenMessages));
        let failed = Closed::Abnormal(Abnormal::Transport);
        for (end, closed) in [
            (End::Zero, &cut_off),
            (End::Error(ErrorKind::UnexpectedEof), &failed),
            (End::Error(ErrorKind::ConnectionReset), &failed),
            (End::Error(ErrorKind::TimedOut), &failed),
        ] {
            for we_have_closed in [false, true] {
                let (mut ws, peer) = open::<R>();
                peer.deliver(incoming::<R>(0x81, "Hello"));
                peer.end_input(end);
                if we_have_closed {
                    settle(ws.close(CloseCode::NORMAL, "")).unwrap();
                }
                assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from("Hello")));
                for _ in 0..3 {
                    match settle(ws.receive()) {
                        Ok(None) => assert_eq!(closed, &cut_off),
                        Err(Error::Io(error)) => {
                            assert_eq!(closed, &failed);
                            assert_eq!(End::Error(error.kind()), end);
                        }
                        other => panic!("{other:?}"),
                    }
                }
                assert_eq!(ws.closed(), Some(closed), "{end:?}");
            }
            let (mut ws, peer) = open::<R>();
            peer.deliver(incoming_close::<R>(1000, "bye"));
            peer.end_input(end);
            assert_eq!(settle(ws.receive()).unwrap(), None);
            assert_eq!(ws.closed(), Some(&clean(1000, "bye")), "{end:?} after the Close frame");
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

#[test]
fn the_end_in_a_message_tells_how_much_of_it_came() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.deliver(&incoming::<Server>(0x82, [0; 10])[..9]);
    peer.end_input(End::Zero);
    assert_eq!(settle(ws.receive()).unwrap(), None);
    let cut_off = CutOff::InMessage { received: 3 };
    assert_eq!(ws.closed(), Some(&Closed::Abnormal(Abnormal::CutOff(cut_off))));
}

/// Our write fails while the peer's Close frame is on its way or has arrived.
#[test]
fn a_write_error_does_not_hide_the_peers_close_frame() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        for end in [End::Error(ErrorKind::BrokenPipe), End::Zero] {
            for arrives_first in [false, true] {
                let (mut ws, peer) = open::<R>();
                peer.end_output(end);
                if arrives_first {
                    peer.deliver(incoming::<R>(0x81, "last"));
                    peer.deliver(incoming_close::<R>(1013, "busy"));
                    peer.end_input(End::Zero);
                }
                assert!(matches!(settle(ws.send("Hello")), Err(Error::Io(_))));
                assert!(matches!(settle(ws.send("Hello")), Err(Error::Io(_))));
                if !arrives_first {
                    assert!(poll_once(ws.receive()).is_pending());
                    peer.deliver(incoming::<R>(0x81, "last"));
                    peer.deliver(incoming_close::<R>(1013, "busy"));
                    peer.end_input(End::Zero);
                }
                assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from("last")));
                assert_eq!(settle(ws.receive()).unwrap(), None);
                assert_eq!(ws.closed(), Some(&clean(1013, "busy")));
                let sent = settle(ws.send("Hello"));
                assert!(
                    matches!(&sent, Err(Error::Closed(closed)) if closed.code() == 1013),
                    "{sent:?}"
                );
                assert_eq!(peer.written_len(), 0);
            }
        }
        // A flush tells once what was lost.
        let (mut ws, peer) = open::<R>();
        settle(ws.feed("Hello")).unwrap();
        peer.end_output(End::Error(ErrorKind::BrokenPipe));
        peer.deliver(incoming_close::<R>(1013, "busy"));
        peer.end_input(End::Zero);
        assert_eq!(settle(ws.receive()).unwrap(), None);
        assert!(settle(ws.flush()).is_err());
        settle(ws.flush()).unwrap();
    }
    check::<Server>();
    check::<KnownClient>();
}

#[test]
fn nothing_is_written_after_a_write_has_failed() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking().take_more(3);
    assert!(poll_once(ws.send("Hello")).is_pending());
    peer.end_output(End::Error(ErrorKind::BrokenPipe));
    assert!(matches!(settle(ws.flush()), Err(Error::Io(_))));
    peer.take_more(usize::MAX);
    peer.deliver(incoming::<Server>(0x89, "ping"));
    assert!(poll_once(ws.receive()).is_pending());
    peer.deliver(incoming_close::<Server>(1000, ""));
    peer.end_input(End::Zero);
    assert_eq!(settle(ws.receive()).unwrap(), None);
    assert_eq!(peer.take_written(), b"\x81\x05H");
}

/// What was read while a call waited to write comes before the failure, and so does a reason.
#[test]
fn a_failure_that_a_writer_sees_does_not_hide_what_has_arrived() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        for says_goodbye in [false, true] {
            let (mut ws, peer) = open::<R>();
            peer.stop_taking();
            peer.deliver(incoming::<R>(0x81, "first"));
            peer.deliver(incoming::<R>(0x81, "second"));
            if says_goodbye {
                peer.deliver(incoming_close::<R>(1013, "busy"));
            }
            peer.end_input(End::Error(ErrorKind::ConnectionReset));
            let sent = settle(ws.send("Hello"));
            assert!(matches!(sent, Err(Error::Io(_))), "{sent:?}");
            assert!(settle(ws.send("Hello")).is_err());
            assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from("first")));
            assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from("second")));
            if says_goodbye {
                assert_eq!(settle(ws.receive()).unwrap(), None);
                assert_eq!(ws.closed(), Some(&clean(1013, "busy")));
            } else {
                assert!(matches!(settle(ws.receive()), Err(Error::Io(_))));
                assert_eq!(ws.closed(), Some(&Closed::Abnormal(Abnormal::Transport)));
            }
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_a_writer_sees_does_not_hide_what_has_arrived() {
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    peer.deliver(incoming::<Server>(0x81, "first"));
    let start = Instant::now();
    let sent = ws.send("Hello").await;
    assert!(matches!(sent, Err(Error::Closed(_))), "{sent:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(50));
    assert_eq!(ws.receive().await.unwrap(), Some(Message::from("first")));
    assert_eq!(ws.receive().await.unwrap(), None);
    assert_eq!(ws.closed(), Some(&Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Pong))));
    assert_eq!(start.elapsed(), Duration::from_secs(50));
}

/// The peer has ended its output, but may still read.
#[test]
fn what_is_unsent_at_the_end_of_the_input_is_still_written() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        peer.stop_taking();
        ws.set_backlog_max(usize::MAX);
        settle(ws.feed(&[7; 100_000][..])).unwrap();
        peer.end_input(End::Zero);
        assert!(poll_once(ws.receive()).is_pending());
        peer.take_more(50_000);
        assert!(poll_once(ws.receive()).is_pending());
        assert!(!peer.is_shut_down());
        peer.take_more(usize::MAX);
        assert_eq!(settle(ws.receive()).unwrap(), None);
        assert!(peer.is_shut_down());
        assert_eq!(whole_frames(peer.take_written()), [(0x82, vec![7; 100_000])]);
        settle(ws.flush()).unwrap();
    }
    check::<Server>();
    check::<KnownClient>();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_after_the_end_of_the_input_is_given_up_in_time() {
    async fn check<R: Side>() {
        // Whoever waits: who receives, or who sends, with nothing or something unread.
        for (is_sending, unread) in [(false, 0), (true, 0), (true, 100), (true, 100_000)] {
            let (mut ws, peer) = open::<R>();
            peer.stop_taking();
            if unread > 0 {
                peer.deliver(incoming::<R>(0x82, vec![0; unread]));
            }
            peer.end_input(End::Zero);
            let start = Instant::now();
            if is_sending {
                let sent = tokio::time::timeout(Duration::from_secs(3600), ws.send("Hello")).await;
                let sent = sent.expect("it hangs");
                assert!(sent.is_err());
                if unread >= 100_000 {
                    // The end of the input has not been read, so the deadline is the keep-alive's.
                    assert_eq!(start.elapsed(), Duration::from_secs(50));
                    continue;
                }
                assert_eq!(start.elapsed(), Duration::from_secs(10), "{unread} bytes unread");
                if unread > 0 {
                    assert_eq!(ws.receive().await.unwrap(), Some(vec![0; unread].into()));
                }
            } else {
                ws.feed("Hello").await.unwrap();
            }
            assert_eq!(ws.receive().await.unwrap(), None);
            assert_eq!(start.elapsed(), Duration::from_secs(10), "{unread} bytes unread");
            let cut_off = Abnormal::CutOff(CutOff::BetweenMessages);
            assert_eq!(ws.closed(), Some(&Closed::Abnormal(cut_off)));
        }
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

/// One error, then `None` for ever, although the stream would fail again and again.
#[test]
fn a_stream_of_messages_ends_once() {
    let runtime = paused();
    let _entered = runtime.enter();
    for end in [End::Error(ErrorKind::ConnectionReset), End::Zero] {
        for is_split in [false, true] {
            let (mut ws, peer) = open::<Server>();
            peer.end_input(end);
            let mut polls = 0;
            let mut check = |next: Option<Result<Message, Error>>, is_terminated: bool| {
                match end {
                    End::Error(_) if polls == 0 => assert!(matches!(next, Some(Err(_)))),
                    _ => assert!(next.is_none()),
                }
                assert!(is_terminated);
                polls += 1;
            };
            if is_split {
                let (mut reader, _writer) = ws.split();
                for _ in 0..5 {
                    check(settle(reader.next()), reader.is_terminated());
                }
            } else {
                for _ in 0..5 {
                    check(settle(ws.next()), ws.is_terminated());
                }
            }
            assert!(peer.polls() <= 3, "{} polls", peer.polls());
        }
    }
}

/// The caller's mistake does not end the stream of messages.
#[test]
fn a_usage_error_does_not_end_the_stream_of_messages() {
    let runtime = paused();
    let _entered = runtime.enter();
    for is_split in [false, true] {
        let (mut ws, peer) = open::<Server>();
        peer.deliver(incoming::<Server>(0x01, "Hel"));
        assert!(!settle(ws.receive_chunk()).unwrap().unwrap().last);
        peer.deliver(incoming::<Server>(0x80, "lo"));
        peer.deliver(incoming::<Server>(0x81, "next"));
        let in_chunks = |next: &Option<Result<Message, Error>>| {
            matches!(next, Some(Err(Error::Usage(UsageError::MessageInChunks))))
        };
        let want = Message::from("next");
        if is_split {
            let (mut reader, _writer) = ws.split();
            assert!(in_chunks(&settle(reader.next())));
            assert!(!reader.is_terminated());
            assert!(settle(reader.receive_chunk()).unwrap().unwrap().last);
            assert_eq!(settle(reader.next()).unwrap().unwrap(), want);
        } else {
            assert!(in_chunks(&settle(ws.next())));
            assert!(!ws.is_terminated());
            assert!(settle(ws.receive_chunk()).unwrap().unwrap().last);
            assert_eq!(settle(ws.next()).unwrap().unwrap(), want);
        }
    }
}
