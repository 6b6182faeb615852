//! Every future may be dropped after any of its polls: nothing is lost, repeated or torn.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt;
use hybi::connection::{Chunk, ChunkData};
use hybi::{CloseCode, Event, Message};
use hybi_tokio::{Error, WebSocket};

use crate::common::*;

/// Polls a future `n` times.
fn poll_times<F: Future>(future: F, n: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    (0..n).find_map(|_| match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    })
}

fn messages<R: Side>() -> (Vec<Message>, Vec<u8>) {
    let messages: Vec<Message> =
        vec!["Hello".into(), "".into(), vec![7; 200].into(), "Grüße".into(), vec![9; 3].into()];
    let mut wire = Vec::new();
    for message in &messages {
        let first = if matches!(message, Message::Text(_)) { 1 } else { 2 };
        let payload = message.as_bytes();
        if payload.len() == 5 {
            // In fragments, with a ping between.
            wire.extend(incoming::<R>(first, &payload[..2]));
            wire.extend(incoming::<R>(0x89, "ping"));
            wire.extend(incoming::<R>(0x80, &payload[2..]));
        } else {
            wire.extend(incoming::<R>(0x80 | first, payload));
        }
    }
    (messages, wire)
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Receive,
    Event,
    With,
    Stream,
    Chunk,
}

/// Receives one thing, in a future that is dropped after `n` polls.
fn receive<R: Side>(
    ws: &mut WebSocket<Script, R>,
    way: Way,
    n: usize,
    chunks: &mut Option<Vec<u8>>,
) -> Option<Option<Message>> {
    let from_event = |event: Event<'static>| event.into_message();
    match way {
        Way::Receive => poll_times(ws.receive(), n).map(Result::unwrap),
        Way::Stream => poll_times(ws.next(), n).map(|next| next.map(Result::unwrap)),
        Way::Event => match poll_times(ws.receive_event(), n)?.unwrap() {
            Some(event) => from_event(event).map(Some),
            None => Some(None),
        },
        Way::With => {
            match poll_times(ws.receive_with(|event, _| event.into_owned()), n)?.unwrap() {
                Some(event) => from_event(event).map(Some),
                None => Some(None),
            }
        }
        Way::Chunk => match poll_times(ws.receive_chunk(), n)?.unwrap() {
            None => Some(None),
            Some(Chunk { data, first, last, .. }) => {
                let (is_text, bytes) = match &data {
                    ChunkData::Text(text) => (true, text.as_bytes()),
                    ChunkData::Binary(bytes) => (false, &bytes[..]),
                };
                assert_eq!(first, chunks.is_none());
                chunks.get_or_insert_default().extend(bytes);
                if !last {
                    return None;
                }
                let whole = chunks.take().unwrap();
                Some(Some(if is_text {
                    Message::from(String::from_utf8(whole).unwrap())
                } else {
                    whole.into()
                }))
            }
        },
    }
}

/// One byte is delivered at a time, and one more taken now and then.
fn receives_each_message_once<R: Side>() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (want, mut wire) = messages::<R>();
    wire.extend(incoming_close::<R>(1000, "bye"));
    for way in [Way::Receive, Way::Event, Way::With, Way::Stream, Way::Chunk] {
        let mut replies: Option<Vec<u8>> = None;
        for n in 1..4 {
            let (mut ws, peer) = open::<R>();
            peer.stop_taking();
            let (mut got, mut chunks) = (Vec::new(), None);
            for (i, byte) in wire.iter().enumerate() {
                peer.deliver([*byte]);
                if i % 3 == 0 {
                    peer.take_more(1);
                }
                while let Some(message) = receive(&mut ws, way, n, &mut chunks) {
                    got.push(message.unwrap());
                }
            }
            peer.end_input(End::Zero);
            peer.take_more(usize::MAX);
            while let Some(message) = receive(&mut ws, way, n, &mut chunks) {
                let Some(message) = message else { break };
                got.push(message);
            }
            assert_eq!(ws.closed(), Some(&clean(1000, "bye")), "{way:?} by {n} polls");
            assert_eq!(got, want, "{way:?} by {n} polls");
            let written = peer.take_written();
            assert_eq!(*replies.get_or_insert_with(|| written.clone()), written);
        }
        let replies = whole_frames(replies.unwrap());
        assert!(replies.iter().rev().skip(1).all(|frame| frame.0 == 0x8a), "{replies:?}");
    }
}

#[test]
fn a_dropped_call_that_receives_loses_no_message() {
    receives_each_message_once::<Server>();
    receives_each_message_once::<KnownClient>();
}

/// The message is sent whole or not at all, and once.
#[test]
fn a_dropped_send_leaves_whole_messages() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        for n in 0..8 {
            let (mut ws, peer) = open::<R>();
            peer.stop_taking();
            ws.set_backlog_max(40);
            let (mut sent, mut wire) = (Vec::new(), Vec::new());
            for i in 0..100_u8 {
                let payload = vec![i; usize::from(i)];
                let unsent = ws.unsent_bytes();
                let done = poll_times(ws.send(&payload[..]), n);
                // Whether it was queued is plain to see.
                if ws.unsent_bytes() > unsent || done.is_some() {
                    sent.push((0x82, payload));
                } else if n > 0 {
                    assert!(unsent > 40, "there was room");
                }
                peer.take_more(i.into());
                wire.extend(peer.take_written());
            }
            peer.take_more(usize::MAX);
            settle(ws.flush()).unwrap();
            wire.extend(peer.take_written());
            assert_eq!(whole_frames(wire), sent, "by {n} polls");
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

/// With `ready` before it, a program knows which messages were queued.
#[test]
fn after_ready_a_message_is_queued_by_the_first_poll() {
    let runtime = paused();
    let _entered = runtime.enter();
    for n in 1..5 {
        let (mut ws, peer) = open::<Server>();
        peer.stop_taking();
        ws.set_backlog_max(10);
        let (mut queued, mut wire) = (Vec::new(), Vec::new());
        for i in 0..1_000_u16 {
            peer.take_more(3);
            if poll_times(ws.ready(), n).is_some() {
                let payload = i.to_be_bytes();
                match i % 4 {
                    0 => drop(poll_times(ws.send(&payload[..]), n)),
                    1 => drop(poll_times(ws.send_owned(payload.to_vec()), n)),
                    2 => drop(poll_times(ws.send_last_part(&payload[..]), n)),
                    _ => drop(poll_times(ws.ping(&payload), n)),
                }
                queued.push((if i % 4 == 3 { 0x89 } else { 0x82 }, payload.to_vec()));
            }
            wire.extend(peer.take_written());
        }
        peer.take_more(usize::MAX);
        settle(ws.flush()).unwrap();
        wire.extend(peer.take_written());
        assert!(queued.len() > 300);
        assert_eq!(whole_frames(wire), queued);
    }
}

#[test]
fn a_dropped_close_is_one_close_frame() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        for n in 0..5 {
            for way in 0..4 {
                let (mut ws, peer) = open::<R>();
                peer.stop_taking();
                let mut wire = Vec::new();
                let mut done = false;
                for _ in 0..20 {
                    done |= match way {
                        0 => poll_times(ws.close(CloseCode::NORMAL, "bye"), n).is_some(),
                        1 => poll_times(ws.close_without_code(), n).is_some(),
                        2 => poll_times(futures_util::SinkExt::close(&mut ws), n).is_some(),
                        // Goes on to the peer's Close frame.
                        _ => poll_times(ws.terminate(std::time::Duration::MAX), n).is_some(),
                    };
                    peer.take_more(1);
                }
                assert_eq!(done, n > 0 && way != 3);
                if n == 0 {
                    settle(async { drop(ws) });
                    continue;
                }
                peer.take_more(usize::MAX);
                peer.deliver(incoming_close::<R>(1000, "so long"));
                peer.end_input(End::Zero);
                assert_eq!(settle(ws.receive()).unwrap(), None);
                assert_eq!(ws.closed(), Some(&clean(1000, "so long")));
                wire.extend(peer.take_written());
                let frames = whole_frames(wire);
                assert_eq!(frames.len(), 1, "{frames:?}");
                assert_eq!(frames[0].0, 0x88);
                assert!(peer.is_shut_down());
            }
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

#[test]
fn terminate_can_be_taken_up_again() {
    let runtime = paused();
    let _entered = runtime.enter();
    for n in 1..4 {
        let (mut ws, peer) = open::<Server>();
        let within = std::time::Duration::from_secs(5);
        assert!(poll_times(ws.terminate(within), n).is_none());
        peer.deliver(incoming::<Server>(0x82, [0; 1_000]));
        assert!(poll_times(ws.terminate(within), n).is_none());
        peer.deliver(incoming_close::<Server>(1001, ""));
        peer.end_input(End::Zero);
        assert_eq!(settle(ws.terminate(within)), clean(1001, ""));
        assert_eq!(peer.take_written(), outgoing_close::<Server>(1001, ""));
    }
}

/// A future that is dropped before its first poll has done nothing.
#[test]
fn a_future_that_was_never_polled_does_nothing() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    drop(ws.send("Hello"));
    drop(ws.close(CloseCode::NORMAL, ""));
    drop(ws.receive());
    drop(ws.flush());
    assert_eq!(ws.unsent_bytes(), 0);
    assert_eq!(peer.polls(), 0);
    let result: Result<(), Error> = settle(ws.send("Hello"));
    result.unwrap();
}
