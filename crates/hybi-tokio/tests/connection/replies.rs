//! Replies leave while the program only receives, or only sends.

use std::task::Poll;

use futures_util::StreamExt;
use hybi::Message;

use crate::common::*;

fn whole<R: Side>() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<R>();
    peer.deliver(incoming::<R>(0x89, "ping"));
    assert!(poll_once(ws.next()).is_pending());
    assert_eq!(peer.take_written(), outgoing::<R>(0x8a, "ping"));
}

#[test]
fn a_ping_is_answered_by_one_poll() {
    whole::<Server>();
    whole::<KnownClient>();
}

#[test]
fn a_ping_before_a_message_is_answered_by_the_poll_that_returns_the_message() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.deliver(incoming::<Server>(0x89, "ping"));
    peer.deliver(incoming::<Server>(0x81, "Hello"));
    assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from("Hello")));
    assert_eq!(peer.take_written(), outgoing::<Server>(0x8a, "ping"));
}

#[test]
fn a_reading_half_answers_pings_and_close_frames_alone() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (ws, peer) = open::<R>();
        let (mut reader, writer) = ws.split();
        peer.deliver(incoming::<R>(0x89, "ping"));
        assert!(poll_once(reader.receive()).is_pending());
        assert_eq!(peer.take_written(), outgoing::<R>(0x8a, "ping"));
        peer.deliver(incoming_close::<R>(1000, "bye"));
        peer.end_input(End::Zero);
        assert!(settle(reader.receive()).unwrap().is_none());
        assert_eq!(peer.take_written(), outgoing_close::<R>(1000, "bye"));
        assert!(peer.is_shut_down());
        assert_eq!(writer.closed(), Some(clean(1000, "bye")));
    }
    check::<Server>();
    check::<KnownClient>();
}

#[test]
fn what_was_fed_leaves_when_the_program_receives() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    settle(ws.feed("Hello")).unwrap();
    assert_eq!(peer.written_len(), 0);
    assert!(poll_once(ws.next()).is_pending());
    assert_eq!(peer.take_written(), b"\x81\x05Hello");

    let (mut reader, mut writer) = ws.split();
    settle(writer.feed("Hello")).unwrap();
    assert!(poll_once(reader.next()).is_pending());
    assert_eq!(peer.take_written(), b"\x81\x05Hello");
}

/// The layer below may hold bytes back, as TLS does.
#[test]
fn replies_are_flushed() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.set_buffer_max(1 << 20);
    settle(ws.send("Hello")).unwrap();
    assert_eq!(peer.take_written(), b"\x81\x05Hello");
    peer.deliver(incoming::<Server>(0x89, "ping"));
    assert!(poll_once(ws.receive()).is_pending());
    assert_eq!(peer.take_written(), b"\x8a\x04ping");
    peer.deliver(incoming_close::<Server>(1000, ""));
    peer.end_input(End::Zero);
    assert_eq!(settle(ws.receive()).unwrap(), None);
    assert_eq!(peer.take_written(), outgoing_close::<Server>(1000, ""));
}

/// The stream has taken everything, but has not passed it on yet.
#[test]
fn a_flush_that_waits_goes_on_when_there_is_room() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (ws, peer) = open::<Server>();
    peer.set_buffer_max(1 << 20).stop_taking();
    let (mut reader, mut writer) = ws.split();
    let mut send = Task::new(writer.send("Hello"));
    assert!(send.poll().is_pending());
    let mut read = Task::new(reader.receive());
    assert!(read.poll().is_pending());
    peer.take_more(3);
    assert!(send.woken() > 0);
    assert!(send.poll().is_pending());
    peer.take_more(4);
    assert!(send.woken() > 0);
    assert!(matches!(send.poll(), Poll::Ready(Ok(()))));
    assert_eq!(peer.take_written(), b"\x81\x05Hello");
}

#[test]
fn a_lent_event_can_be_answered() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.deliver(incoming::<Server>(0x81, "Hello"));
    let echo = |event: hybi::Event<'_>, out: &mut hybi_tokio::Outgoing<'_, Server>| match event {
        hybi::Event::Text(text) => out.feed(&*text),
        _ => Ok(()),
    };
    settle(ws.receive_with(echo)).unwrap().unwrap().unwrap();
    assert!(poll_once(ws.receive_with(echo)).is_pending());
    assert_eq!(peer.take_written(), b"\x81\x05Hello");
}
