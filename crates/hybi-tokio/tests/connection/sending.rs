//! The backlog, the number of writes, and the contract of a `Sink`.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_sink::Sink;
use futures_util::SinkExt;
use hybi::connection::Prepared;
use hybi::{Message, UsageError};
use hybi_tokio::{Error, WebSocket};

use crate::common::*;

#[test]
fn what_a_peer_that_reads_nothing_makes_us_keep_is_bounded() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        peer.stop_taking();
        let mut fed = 0;
        while let Poll::Ready(result) = poll_once(SinkExt::feed(&mut ws, message(1_000))) {
            result.unwrap();
            fed += 1;
        }
        let frame = outgoing::<R>(0x82, [0; 1_000]).len();
        assert!(fed > 0 && ws.unsent_bytes() <= (64 << 10) + frame, "{fed} messages");
        assert_eq!(ws.unsent_bytes(), fed * frame);

        peer.take_more(usize::MAX);
        settle(ws.flush()).unwrap();
        assert_eq!(whole_frames(peer.take_written()).len(), fed);
    }
    check::<Server>();
    check::<KnownClient>();
}

fn message(len: usize) -> Message {
    Bytes::from(vec![0; len]).into()
}

#[test]
fn messages_that_are_fed_leave_in_full_writes() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.set_write_max(4 << 10);
    for _ in 0..1_000 {
        settle(ws.feed(&[0; 98][..])).unwrap();
    }
    settle(ws.flush()).unwrap();
    let calls = peer.take_calls();
    let writes = calls.iter().filter(|call| matches!(call, Call::Write(_))).count();
    // 64 KiB and a message, then what is left.
    assert!(writes <= 100_000_usize.div_ceil(4 << 10) + 1, "{writes} writes");
    assert_eq!(calls.last(), Some(&Call::Flush));
    assert_eq!(peer.written_len(), 100_000);
}

/// So that the delayed acknowledgements of TCP do not hold the payload back, and TLS makes one
/// record of it.
#[test]
fn a_message_is_one_write() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        for is_vectored in [false, true] {
            for len in [0, 5, 1_000, 20_000, 60_000] {
                let (mut ws, peer) = open::<R>();
                peer.set_vectored(is_vectored);
                let payload = Bytes::from(vec![b'x'; len]);
                for way in 0..4 {
                    match way {
                        0 => settle(WebSocket::send(&mut ws, &payload[..])).unwrap(),
                        1 => settle(ws.send_owned(payload.clone())).unwrap(),
                        2 => settle(SinkExt::send(&mut ws, payload.clone().into())).unwrap(),
                        _ => settle(ws.send_prepared(&Prepared::new(&payload[..]))).unwrap(),
                    }
                    let frame = outgoing::<R>(0x82, &payload);
                    let what = format!("{len} bytes, vectored: {is_vectored}, {way}");
                    match (is_vectored, &peer.take_calls()[..]) {
                        (_, [Call::Write(n), Call::Flush]) => assert_eq!(*n, frame.len(), "{what}"),
                        // Where only one slice is taken, the header is not alone.
                        (false, [Call::Write(first), Call::Write(_), Call::Flush]) => {
                            assert!(*first > 1_000, "{what}: {first}");
                        }
                        (_, calls) => panic!("{what}: {calls:?}"),
                    }
                    assert_eq!(peer.take_written(), frame);
                }
            }
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

/// However the stream splits writes, and whether it takes several slices or one.
#[test]
fn all_ways_to_write_give_the_same_bytes() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let mut random = Random::new(1);
        for round in 0..40 {
            let payloads: Vec<Bytes> = (0..12)
                .map(|i| {
                    let len = [0, 3, 200, 9_000, 30_000, 70_000][random.below(6)];
                    Bytes::from(vec![i; len])
                })
                .collect();
            let want: Vec<u8> =
                payloads.iter().flat_map(|payload| outgoing::<R>(0x82, payload)).collect();
            for (is_vectored, write_max) in
                [(false, usize::MAX), (true, usize::MAX), (true, 7), (true, 4_097), (false, 4_097)]
            {
                if write_max == 7 && round > 2 {
                    continue;
                }
                let (mut ws, peer) = open::<R>();
                ws.set_backlog_max(usize::MAX);
                peer.set_vectored(is_vectored).set_write_max(write_max);
                for payload in &payloads {
                    settle(SinkExt::feed(&mut ws, payload.clone().into())).unwrap();
                }
                settle(ws.flush()).unwrap();
                assert!(peer.take_written() == want, "vectored {is_vectored}, {write_max} at once");
            }
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

#[test]
fn a_stream_that_takes_nothing_is_an_error_at_once() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.end_output(End::Zero);
    let error = settle(ws.send("Hello")).unwrap_err();
    let Error::Io(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

/// What is moved for a large output in small writes grows with its length, not with its square:
/// each byte is copied once into the output, and once out of it.
#[test]
fn a_large_output_leaves_in_small_writes() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.set_write_max(4 << 10);
    settle(ws.send(&vec![0; 64 << 20][..])).unwrap();
    let calls = peer.take_calls();
    let len = (64 << 20) + 10_usize;
    assert_eq!(calls.len(), len.div_ceil(4 << 10) + 1);
}

#[test]
fn a_sink_that_is_ready_takes_a_message_without_fail() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    let mut cx = Context::from_waker(Waker::noop());
    while Pin::new(&mut ws).poll_ready(&mut cx).is_ready() {
        Pin::new(&mut ws).start_send(message(10_000)).unwrap();
    }
    // And another, although it is not ready: it is misuse, but nothing is lost.
    Pin::new(&mut ws).start_send(message(10_000)).unwrap();
    peer.take_more(usize::MAX);
    settle(poll_fn(|cx| Pin::new(&mut ws).poll_flush(cx))).unwrap();
    // 64 KiB hold six, the seventh passes it, and the eighth was not asked for.
    assert_eq!(whole_frames(peer.take_written()).len(), 8);
}

#[test]
fn after_the_end_flushing_and_closing_succeed_and_sending_fails() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        peer.deliver(incoming_close::<R>(1000, "bye"));
        peer.end_input(End::Zero);
        assert_eq!(settle(ws.receive()).unwrap(), None);
        let calls = peer.polls();
        settle(ws.flush()).unwrap();
        settle(SinkExt::close(&mut ws)).unwrap();
        settle(SinkExt::close(&mut ws)).unwrap();
        settle(WebSocket::close(&mut ws, hybi::CloseCode::NORMAL, "")).unwrap();
        for result in [settle(ws.ready()), settle(WebSocket::send(&mut ws, "Hello"))] {
            assert!(
                matches!(&result, Err(Error::Closed(closed)) if *closed == clean(1000, "bye")),
                "{result:?}"
            );
        }
        assert_eq!(peer.polls(), calls, "the stream is left alone");

        let (mut reader, mut writer) = ws.split();
        settle(writer.flush()).unwrap();
        assert_eq!(settle(reader.receive()).unwrap(), None);
        drop(reader);
        settle(writer.flush()).unwrap();
        settle(writer.close(hybi::CloseCode::NORMAL, "")).unwrap();
        settle(SinkExt::close(&mut writer)).unwrap();
        assert!(settle(writer.send("Hello")).is_err());
    }
    check::<Server>();
    check::<KnownClient>();
}

#[test]
fn after_our_close_frame_sending_is_our_fault() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    settle(WebSocket::close(&mut ws, hybi::CloseCode::NORMAL, "")).unwrap();
    let result = settle(WebSocket::send(&mut ws, "Hello"));
    assert!(matches!(result, Err(Error::Usage(UsageError::Closed))), "{result:?}");
    assert_eq!(peer.take_written(), outgoing_close::<Server>(1000, ""));
}

/// What a peer can make us keep by pings: `reply_backlog_max` and a pong.
#[test]
fn pings_without_end_keep_the_backlog_bounded() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    let mut most = 0;
    for _ in 0..100 {
        peer.deliver(incoming::<Server>(0x89, [0; 125]).repeat(100));
        assert!(poll_once(ws.receive()).is_pending());
        most = most.max(ws.unsent_bytes());
    }
    let max = (64 << 10) + 127; // `Limits::reply_backlog_max`, and a pong
    assert!(most <= max, "{most} of {max}");
}
