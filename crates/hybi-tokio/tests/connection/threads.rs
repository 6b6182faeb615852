//! Both halves polled by threads of their own at the same time, while a third one delivers and
//! takes bytes: whoever can go on is woken, whatever comes between what.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Duration;

use hybi::CloseCode;
use hybi_tokio::{Reader, Writer};
use tokio::runtime::Runtime;

use crate::common::*;

/// More than anything here takes. Whoever sleeps so long was not woken.
const FOREVER: Duration = Duration::from_secs(60);
const MESSAGES: usize = 20;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls only when it was woken.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(thread::current())).into();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let start = std::time::Instant::now();
        thread::park_timeout(FOREVER);
        assert!(start.elapsed() < FOREVER, "it was not woken");
    }
}

fn write<R: Side>(mut writer: Writer<Script, R>, mut random: Random) {
    for i in 0..MESSAGES {
        let message = i.to_string();
        block_on(writer.ready()).unwrap();
        match random.below(4) {
            // The reader writes it, or the next call.
            0 => block_on(writer.feed(&*message)).unwrap(),
            // Pongs may have taken the room, so that it waits and is not queued.
            1 => {
                let before = writer.unsent_bytes();
                let fed = poll_once(writer.feed(&*message));
                if fed.is_pending() {
                    assert!(before > 0);
                    block_on(writer.feed(&*message)).unwrap();
                }
            }
            _ => block_on(writer.send(&*message)).unwrap(),
        }
    }
    // The reader goes on with it.
    let _ = poll_once(writer.close(CloseCode::NORMAL, ""));
}

fn read<R: Side>(mut reader: Reader<Script, R>) {
    for i in 0..MESSAGES {
        let message = block_on(reader.receive()).unwrap().unwrap();
        assert_eq!(message.as_bytes(), i.to_string().as_bytes());
    }
    assert_eq!(block_on(reader.receive()).unwrap(), None);
    assert_eq!(reader.closed(), Some(clean(1000, "")));
}

fn check<R: Side>(runtime: &Runtime, seed: u64) {
    let mut random = Random::new(seed);
    let entered = runtime.enter();
    let (mut ws, peer) = open::<R>();
    ws.set_backlog_max([0, 10, 1_000][random.below(3)]);
    peer.stop_taking().set_write_max(1 + random.below(30)).set_read_max(1 + random.below(30));
    if random.one_in(4) {
        peer.set_read_needs_room();
    }
    let (reader, writer) = ws.split();
    drop(entered);
    thread::scope(|scope| {
        let (handle, seed) = (runtime.handle(), random.next());
        scope.spawn(move || {
            let _entered = handle.enter();
            write(writer, Random::new(seed));
        });
        let reading = scope.spawn(move || {
            let _entered = handle.enter();
            read(reader);
        });
        let mut input = Vec::new();
        for i in 0..MESSAGES {
            input.extend(incoming::<R>(0x89, "ping"));
            input.extend(incoming::<R>(0x81, i.to_string()));
        }
        let (mut wire, mut messages, mut has_closed) = (Vec::new(), 0, false);
        while !reading.is_finished() {
            match random.below(3) {
                0 => peer.take_more(1 + random.below(20)),
                1 if !input.is_empty() => {
                    let n = (1 + random.below(20)).min(input.len());
                    peer.deliver(input.drain(..n).collect::<Vec<_>>());
                }
                _ => thread::yield_now(),
            }
            wire.extend(peer.take_written());
            for (first, payload) in take_frames(&mut wire) {
                match first {
                    0x81 => {
                        assert_eq!(payload, messages.to_string().as_bytes());
                        messages += 1;
                    }
                    0x8a => assert_eq!(payload, b"ping"),
                    0x88 => {
                        assert_eq!(messages, MESSAGES);
                        has_closed = true;
                        peer.deliver(std::mem::take(&mut input));
                        peer.deliver(incoming_close::<R>(1000, ""));
                        peer.end_input(End::Zero);
                    }
                    _ => panic!("a frame that starts with {first:#x}"),
                }
            }
        }
        assert!(has_closed);
    });
}

#[test]
fn halves_in_two_threads_are_woken() {
    let runtime = paused();
    for seed in 0..200 {
        check::<Server>(&runtime, seed);
        check::<KnownClient>(&runtime, seed);
    }
}
