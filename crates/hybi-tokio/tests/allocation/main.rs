//! What a connection costs in memory, counted: idle, after large messages, and for what the program
//! holds.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../../tests/common/counting.rs"]
mod counting;

use common::*;
use counting::LIVE;
use hybi::Message;
use hybi::handshake::ClientRequest;
use hybi_tokio::{Connector, Reader, WebSocket, Writer, receive_request};

/// How many bytes more there are after `act` than before.
fn kept<T>(act: impl FnOnce() -> T) -> (isize, T) {
    let before = LIVE.get();
    let value = act();
    (LIVE.get() - before, value)
}

/// A script keeps what was written and delivered. Takes it out of the count.
fn forget(peer: &Peer) {
    drop(peer.take_written());
    drop(peer.take_calls());
    peer.shrink();
}

/// Beside the stream, and with its timer.
#[test]
fn an_idle_connection_has_less_than_a_kibibyte() {
    fn check<R: Side>(is_split: bool, has_talked: bool) {
        let runtime = paused();
        let _entered = runtime.enter();
        let mut whole = Vec::with_capacity(1_000);
        let mut halves = Vec::with_capacity(1_000);
        let scripts: Vec<_> = (0..1_000).map(|_| Script::new()).collect();
        let mut peers = Vec::with_capacity(1_000);
        let before = LIVE.get();
        for (script, peer) in scripts {
            let connection = R::connection(hybi::Config::default());
            let mut ws = WebSocket::new(script, connection, hybi::Inbox::new());
            if has_talked {
                peer.deliver(incoming::<R>(0x82, [0; 3_000]));
                let message = settle(ws.receive()).unwrap().unwrap();
                settle(ws.send(&message)).unwrap();
            }
            if is_split {
                let (mut reader, writer) = ws.split();
                assert!(poll_once(reader.receive()).is_pending());
                halves.push((reader, writer));
            } else {
                assert!(poll_once(ws.receive()).is_pending());
                whole.push(ws);
            }
            forget(&peer);
            peers.push(peer);
        }
        // The vector of scripts is gone now.
        let allocated = LIVE.get() - before + 1_000 * size_of::<(Script, Peer)>() as isize;
        let itself = match is_split {
            true => size_of::<(Reader<Script, R>, Writer<Script, R>)>(),
            false => size_of::<WebSocket<Script, R>>(),
        };
        let each = allocated / 1_000 + itself as isize;
        assert!(each < 1_024, "{each} bytes, split: {is_split}, has talked: {has_talked}");
    }
    for is_split in [false, true] {
        for has_talked in [false, true] {
            check::<Server>(is_split, has_talked);
            check::<KnownClient>(is_split, has_talked);
        }
    }
}

/// Beside the stream. Whoever connects and sends nothing costs no read buffer.
#[test]
fn a_handshake_that_waits_has_less_than_four_kibibytes() {
    let runtime = paused();
    let _entered = runtime.enter();
    let uri = hybi::Uri::parse("ws://a/").unwrap();
    let request = ClientRequest::new(&uri);
    let connector = Connector::new();
    let start = |is_server: bool, script| {
        let mut task = match is_server {
            true => Task::new(async { drop(receive_request(script).await) }),
            false => Task::new(async { drop(connector.connect_over(script, &request).await) }),
        };
        assert!(task.poll().is_pending());
        task
    };
    for is_server in [true, false] {
        let (script, _peer) = Script::new();
        drop(start(is_server, script)); // for the thread
        let scripts: Vec<_> = (0..100).map(|_| Script::new()).collect();
        let mut waiting = Vec::with_capacity(100);
        let mut peers = Vec::with_capacity(100);
        let before = LIVE.get();
        for (script, peer) in scripts {
            waiting.push(start(is_server, script));
            forget(&peer);
            peers.push(peer);
        }
        // The vector of scripts is gone now.
        let allocated = LIVE.get() - before + 100 * size_of::<(Script, Peer)>() as isize;
        let each = allocated / 100;
        assert!(each < 4 << 10, "{each} bytes, server: {is_server}");
    }
}

/// A program may think about a request for long: it asks a database, or a person.
#[test]
fn a_request_that_waits_for_the_decision_has_less_than_four_kibibytes() {
    let runtime = paused();
    let _entered = runtime.enter();
    let pending = || {
        let (script, peer) = Script::new();
        peer.deliver("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let pending = settle(receive_request(script)).unwrap();
        forget(&peer);
        (pending, peer)
    };
    drop(pending()); // for the thread
    let (kept, _pending) = kept(|| (0..100).map(|_| pending()).collect::<Vec<_>>());
    let each = kept / 100;
    assert!(each < 4 << 10, "{each} bytes");
}

#[test]
fn after_a_large_message_the_memory_is_what_it_was() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        // Once, for the buffer of the thread and the timer.
        peer.deliver(incoming::<R>(0x82, "warm").repeat(10_000));
        for _ in 0..10_000 {
            assert!(settle(ws.receive()).unwrap().is_some());
        }
        assert!(poll_once(ws.receive()).is_pending());
        forget(&peer);
        let before = LIVE.get();
        for len in [16 << 20, 15 << 20] {
            peer.deliver(incoming::<R>(0x82, vec![7; len]));
            let message = settle(ws.receive()).unwrap().unwrap();
            settle(ws.send(&message)).unwrap();
            settle(ws.send_owned(message)).unwrap();
            assert!(poll_once(ws.receive()).is_pending());
            forget(&peer);
            let kept = LIVE.get() - before;
            // The buffers of the thread have grown to what a busy peer gets.
            assert!(kept <= (200 << 10) + 512, "{kept} bytes after {len}");
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

/// The reader waits in another task, and does not learn that the writer has become idle.
#[test]
fn after_a_message_a_writing_half_keeps_nothing() {
    let runtime = paused();
    let _entered = runtime.enter();
    let mut open_halves = Vec::new();
    for len in [16 << 20, 1000, 16 << 20, 64 << 10] {
        let (ws, peer) = open::<Server>();
        let (mut reader, mut writer) = ws.split();
        assert!(poll_once(reader.receive()).is_pending());
        forget(&peer);
        let opened = LIVE.get();
        settle(writer.send(&vec![0; len][..])).unwrap();
        forget(&peer);
        let kept = LIVE.get() - opened;
        // The first fills the buffer of the thread.
        assert!(open_halves.is_empty() || kept <= 0, "{kept} bytes after {len}");
        open_halves.push((reader, writer));
    }
}

/// A message does not keep the buffer that it was read into.
#[test]
fn short_messages_that_are_kept_keep_little_else() {
    let runtime = paused();
    let _entered = runtime.enter();
    for text in [false, true] {
        for in_pieces in [false, true] {
            let (mut ws, peer) = open::<Server>();
            assert!(poll_once(ws.receive()).is_pending()); // for the timer
            peer.deliver(incoming::<Server>(0x82, "warm"));
            assert!(settle(ws.receive()).unwrap().is_some());
            let mut messages: Vec<Message> = Vec::with_capacity(1_000);
            let first = if text { 0x81 } else { 0x82 };
            forget(&peer);
            let before = LIVE.get();
            for _ in 0..1_000 {
                let frame = incoming::<Server>(first, "Hello");
                if in_pieces {
                    peer.deliver(&frame[..8]);
                    assert!(poll_once(ws.receive()).is_pending());
                    peer.deliver(&frame[8..]);
                } else {
                    peer.deliver(frame);
                }
                messages.push(settle(ws.receive()).unwrap().unwrap());
            }
            forget(&peer);
            let each = (LIVE.get() - before) / 1_000 + size_of::<Message>() as isize;
            assert!(each < 200, "{each} bytes, text: {text}, in pieces: {in_pieces}");
            assert_eq!(messages.len(), 1_000);
        }
    }
}

/// What is unread when a connection goes away goes with it.
#[test]
fn a_dropped_connection_leaves_nothing() {
    let runtime = paused();
    let _entered = runtime.enter();
    let run = |is_split: bool| {
        let (mut ws, peer) = open::<Server>();
        peer.stop_taking();
        peer.deliver(incoming::<Server>(0x82, [0; 1_000]).repeat(30));
        settle(ws.feed(&[0; 100_000][..])).unwrap();
        assert!(settle(ws.receive()).unwrap().is_some());
        let mut send = Task::new(ws.send("Hello"));
        assert!(send.poll().is_pending());
        drop(send);
        if is_split {
            let (reader, mut writer) = ws.split();
            assert!(Task::new(writer.flush()).poll().is_pending());
            drop(reader);
        }
    };
    run(false); // for the thread
    let (kept, ()) = kept(|| {
        run(false);
        run(true);
    });
    assert_eq!(kept, 0);
}

/// The thread's buffer, which another peer has made grow, stays with the thread.
#[test]
fn what_is_read_ahead_has_memory_of_its_own() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut busy, its_peer) = open::<Server>();
    let mut talk = || {
        its_peer.deliver(incoming::<Server>(0x82, [0; 1_000_000]));
        drop(settle(busy.receive()).unwrap().unwrap());
        forget(&its_peer);
    };
    talk();
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    peer.deliver(b"\x82");
    let (kept, ()) = kept(|| {
        assert!(poll_once(ws.send("Hello")).is_pending());
        assert_eq!(peer.unread_len(), 0);
        talk();
    });
    assert!(kept < 20 << 10, "{kept} bytes");
}
