//! Who waits is woken, and nobody else.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use hybi::{CloseCode, Message};
use hybi_tokio::{Error, Reader, Writer};

use crate::common::*;

type Received = Result<Option<Message>, Error>;

fn receiving<R: Side>(reader: &mut Reader<Script, R>) -> Task<'_, Received> {
    Task::new(reader.receive())
}

/// A task that is pending and was not woken has nothing to do: to poll it changes nothing.
#[track_caller]
fn assert_waits<T>(task: &mut Task<'_, T>, peer: &Peer, what: &str) {
    let before = (peer.written_len(), peer.unread_len());
    assert!(task.poll().is_pending(), "{what}: it was not woken, but is ready");
    let after = (peer.written_len(), peer.unread_len());
    assert_eq!(before, after, "{what}: it was not woken, but had work");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    PollReader,
    PollWriter,
    Room,
    Bytes,
}

/// All sequences of so many steps.
fn sequences(len: u32) -> impl Iterator<Item = Vec<Step>> {
    let steps = [Step::PollReader, Step::PollWriter, Step::Room, Step::Bytes];
    (0..4_usize.pow(len)).map(move |mut number| {
        (0..len)
            .map(|_| {
                let step = steps[number % 4];
                number /= 4;
                step
            })
            .collect()
    })
}

/// The tasks are polled in any order, woken or not; afterwards only those that were woken are. In
/// the end, nobody who is pending could go on.
fn every_order_wakes<R: Side>(reads_need_room: bool) {
    let runtime = paused();
    let _entered = runtime.enter();
    for steps in (1..=5).flat_map(sequences) {
        let (ws, peer) = open::<R>();
        peer.stop_taking();
        if reads_need_room {
            peer.set_read_needs_room();
        }
        let (mut reader, mut writer) = ws.split();
        settle(writer.feed("Hello")).unwrap();
        let mut read = receiving(&mut reader);
        let mut flush = Task::new(writer.flush());
        let (mut is_read, mut is_flushed) = (false, false);
        for step in &steps {
            match step {
                Step::PollReader if !is_read => is_read = read.poll().is_ready(),
                Step::PollWriter if !is_flushed => is_flushed = flush.poll().is_ready(),
                Step::PollReader | Step::PollWriter => {}
                Step::Room => peer.take_more(4),
                Step::Bytes => peer.deliver(incoming::<R>(0x89, "p")),
            }
            while read.woken() > 0 && !is_read {
                is_read = read.poll().is_ready();
            }
            while flush.woken() > 0 && !is_flushed {
                is_flushed = flush.poll().is_ready();
            }
        }
        let what = format!("{steps:?}");
        if steps.contains(&Step::PollReader) && !is_read {
            assert_waits(&mut read, &peer, &what);
        }
        if steps.contains(&Step::PollWriter) && !is_flushed {
            assert_waits(&mut flush, &peer, &what);
        }
        assert_eq!(peer.replaced(), 0, "{what}: one task's waker replaced the other's");
    }
}

#[test]
fn every_order_of_polls_and_events_wakes_who_can_go_on() {
    every_order_wakes::<Server>(false);
    every_order_wakes::<KnownClient>(false);
}

/// As TLS does for a key update.
#[test]
fn every_order_wakes_over_a_stream_whose_reads_must_write() {
    every_order_wakes::<Server>(true);
    every_order_wakes::<KnownClient>(true);
}

/// The reader is the last to have polled the stream, and the stream remembers one waker.
#[test]
fn a_reader_does_not_replace_the_waker_of_a_writer() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (ws, peer) = open::<Server>();
    peer.stop_taking();
    let (mut reader, mut writer) = ws.split();
    let mut send = Task::new(writer.send("Hello"));
    assert!(send.poll().is_pending());
    let mut read = receiving(&mut reader);
    assert!(read.poll().is_pending());
    send.woken();
    peer.take_more(100);
    assert!(send.woken() > 0);
    assert!(matches!(send.poll(), Poll::Ready(Ok(()))));
}

/// A writer that gave up has left its message to the reader that waits.
#[test]
fn a_waiting_reader_writes_what_a_dropped_send_has_left() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (ws, peer) = open::<Server>();
    peer.stop_taking();
    let (mut reader, mut writer) = ws.split();
    let mut read = receiving(&mut reader);
    assert!(read.poll().is_pending());
    assert!(poll_once(writer.send("Hello")).is_pending()); // and dropped
    peer.take_more(100);
    assert!(read.woken() > 0);
    assert!(read.poll().is_pending());
    assert_eq!(peer.take_written(), b"\x81\x05Hello");
}

/// A pong that waited for room must leave although no more input comes.
#[test]
fn what_is_unsent_when_a_reader_waits_has_a_waker() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        // More than `reply_backlog_max`: the core holds the pong back.
        for (unsent, piece) in [(1_000, 700), (100_000, 700), (100_000, usize::MAX)] {
            let (ws, peer) = open::<R>();
            peer.stop_taking();
            let (mut reader, mut writer) = ws.split();
            settle(writer.feed(&vec![b'x'; unsent][..])).unwrap();
            peer.deliver(incoming::<R>(0x89, "ping"));
            let mut read = receiving(&mut reader);
            assert!(read.poll().is_pending());
            assert!(peer.has_writer());
            while peer.has_writer() {
                peer.take_more(piece);
                assert!(!peer.has_writer());
                assert!(read.woken() > 0);
                assert!(read.poll().is_pending());
            }
            drop(read);
            assert_eq!(writer.unsent_bytes(), 0);
            let pong = (0x8a, b"ping".to_vec());
            assert_eq!(whole_frames(peer.take_written()).last(), Some(&pong));
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

/// Each event costs one poll: nobody wakes itself.
#[test]
fn nobody_is_woken_for_nothing() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (ws, peer) = open::<Server>();
    let (mut reader, mut writer) = ws.split();
    let mut read = receiving(&mut reader);
    assert!(read.poll().is_pending());
    assert_eq!(read.woken(), 0);

    peer.deliver(incoming::<Server>(0x89, "ping"));
    assert_eq!(read.woken(), 1);
    assert!(read.poll().is_pending());
    assert_eq!(read.woken(), 0, "after a ping");

    let mut send = Task::new(writer.send("Hello"));
    assert!(send.poll().is_ready());
    drop(send);
    assert_eq!(read.woken(), 0, "after a message was sent");

    peer.stop_taking();
    let mut send = Task::new(writer.send("Hello"));
    assert!(send.poll().is_pending());
    assert_eq!((send.woken(), read.woken()), (0, 0), "while a writer waits");

    peer.deliver(&incoming::<Server>(0x81, "half")[..5]);
    assert_eq!((send.woken(), read.woken()), (1, 1), "bytes arrive");
    assert!(send.poll().is_pending());
    assert_eq!(send.woken(), 0, "a writer that reads ahead");
    assert!(read.poll().is_pending());
    assert_eq!((send.woken(), read.woken()), (0, 0), "half a message");

    peer.take_more(100);
    assert!(send.poll().is_ready());
    assert!(read.poll().is_pending());
    send.woken();
    read.woken();
    peer.deliver(incoming::<Server>(0x89, "ping"));
    assert_eq!((send.woken(), read.woken()), (0, 1), "a writer that has finished");
}

#[test]
fn a_stream_of_messages_wakes_as_a_call_does() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    let mut next = Task::new(poll_fn(|cx| Pin::new(&mut ws).poll_next(cx)));
    assert!(next.poll().is_pending());
    assert_eq!(next.woken(), 0);
    peer.deliver(incoming::<Server>(0x81, "Hello"));
    assert_eq!(next.woken(), 1);
    let Poll::Ready(Some(Ok(message))) = next.poll() else { panic!("no message") };
    assert_eq!(message, Message::from("Hello"));
}

/// As with the `split` of `futures`: the halves are two tasks, and the connection does not know.
#[test]
fn two_tasks_may_poll_a_whole_connection() {
    for reader_is_first in [false, true] {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<Server>();
        peer.stop_taking();
        assert!(poll_once(ws.send("Hello")).is_pending());
        let ws = RefCell::new(ws);
        let mut next = Task::new(poll_fn(|cx| Pin::new(&mut *ws.borrow_mut()).poll_next(cx)));
        let mut flush = Task::new(poll_fn(|cx| Pin::new(&mut *ws.borrow_mut()).poll_flush(cx)));
        if reader_is_first {
            assert!(next.poll().is_pending());
        }
        assert!(flush.poll().is_pending());
        if !reader_is_first {
            assert!(next.poll().is_pending());
        }
        next.woken();
        flush.woken();
        peer.deliver(incoming::<Server>(0x81, "Hello"));
        assert!(next.woken() > 0);
        assert!(matches!(next.poll(), Poll::Ready(Some(Ok(_)))));
        assert!(next.poll().is_pending());
        if flush.woken() > 0 {
            assert!(flush.poll().is_pending());
        }
        peer.take_more(100);
        assert!(flush.woken() > 0);
        assert!(matches!(flush.poll(), Poll::Ready(Ok(()))));
    }
}

/// A writer that waits learns of the end from the reader, and does not wait for ever.
#[test]
fn a_writer_that_waits_is_woken_by_the_end() {
    let runtime = paused();
    let _entered = runtime.enter();
    // A reset, and the reader dropped.
    for is_dropped in [false, true] {
        let (ws, peer) = open::<Server>();
        peer.stop_taking();
        let (mut reader, mut writer) = ws.split();
        settle(writer.feed(&[0; 100_000][..])).unwrap();
        let mut ready = Task::new(writer.ready());
        assert!(ready.poll().is_pending());
        ready.woken();
        if is_dropped {
            drop(reader);
        } else {
            peer.end_input(End::Error(std::io::ErrorKind::ConnectionReset));
            assert!(settle(reader.receive()).is_err());
        }
        assert!(ready.woken() > 0);
        assert!(matches!(ready.poll(), Poll::Ready(Err(_))));
    }
}

/// The peer's Close frame ends a wait for room, although our reply to it cannot leave yet.
#[test]
fn a_writer_that_waits_is_woken_by_the_peers_close_frame() {
    let runtime = paused();
    let _entered = runtime.enter();
    for is_violation in [false, true] {
        let (ws, peer) = open::<Server>();
        peer.stop_taking();
        let (mut reader, mut writer) = ws.split();
        settle(writer.feed(&[0; 100_000][..])).unwrap();
        let mut ready = Task::new(writer.ready());
        assert!(ready.poll().is_pending());
        peer.deliver(if is_violation {
            incoming::<Server>(0x83, "")
        } else {
            incoming_close::<Server>(1001, "gone")
        });
        assert!(ready.poll().is_pending()); // reads ahead
        ready.woken();
        assert!(poll_once(reader.receive()).is_pending());
        assert!(ready.woken() > 0);
        let Poll::Ready(Err(error)) = ready.poll() else { panic!("it waits") };
        match error {
            Error::Closed(closed) => assert_eq!(closed, clean(1001, "gone")),
            Error::Protocol(_) => assert!(is_violation),
            other => panic!("{other:?}"),
        }
    }
}

/// A write of the reader's fails while the writer waits for a flush.
#[test]
fn a_writer_that_waits_is_woken_by_a_write_error_of_the_reader() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (ws, peer) = open::<Server>();
    peer.set_buffer_max(100).stop_taking();
    let (mut reader, mut writer) = ws.split();
    let mut send = Task::new(writer.send("Hello"));
    assert!(send.poll().is_pending());
    peer.end_output(End::Error(std::io::ErrorKind::BrokenPipe));
    peer.deliver(incoming::<Server>(0x89, "ping"));
    assert!(send.poll().is_pending()); // only a write learns of it
    send.woken();
    assert!(poll_once(reader.receive()).is_pending());
    assert!(send.woken() > 0);
    assert!(matches!(send.poll(), Poll::Ready(Err(Error::Io(_)))));
}

/// The action of a waker, run when it is woken.
type Action = Box<dyn FnOnce() + Send>;

/// A waker that acts within `wake`, as that of a simple executor does, which polls there.
struct Act(Mutex<Option<Action>>);

impl Act {
    fn waker(action: impl FnOnce() + Send + 'static) -> Waker {
        Arc::new(Self(Mutex::new(Some(Box::new(action))))).into()
    }
}

impl Wake for Act {
    fn wake(self: Arc<Self>) {
        let action = self.0.lock().unwrap().take();
        action.into_iter().for_each(|action| action());
    }
}

/// Fails if `f` hangs.
#[track_caller]
fn within_a_minute(f: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel();
    thread::spawn(move || {
        let runtime = paused();
        let _entered = runtime.enter();
        f();
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(60)).expect("it hangs, or has panicked");
}

#[derive(Clone, Copy)]
enum Then {
    Poll,
    Drop,
}

/// Halves of which the reader waits. When it is woken, it is polled or dropped at once.
fn reader_that_acts(then: Then) -> (Writer<Script, Server>, Peer, Arc<Mutex<Option<bool>>>) {
    let (ws, peer) = open::<Server>();
    let (mut reader, writer) = ws.split();
    let slot = Arc::new(Mutex::new(None::<Reader<Script, Server>>));
    let (from, is_ready) = (Arc::clone(&slot), Arc::new(Mutex::new(None)));
    let to = Arc::clone(&is_ready);
    let waker = Act::waker(move || {
        let mut reader = from.lock().unwrap().take().unwrap();
        if let Then::Poll = then {
            *to.lock().unwrap() = Some(poll_once(reader.receive()).is_ready());
            *from.lock().unwrap() = Some(reader);
        }
    });
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut reader).poll_next(&mut cx).is_pending());
    *slot.lock().unwrap() = Some(reader);
    (writer, peer, is_ready)
}

/// Whoever is woken while one half is polled may use the other at once.
#[test]
fn a_waker_of_the_reader_may_poll_or_drop_it_at_once() {
    for then in [Then::Poll, Then::Drop] {
        // Closing wakes it, for the deadline.
        within_a_minute(move || {
            let (mut writer, peer, is_ready) = reader_that_acts(then);
            let closed = poll_once(writer.close(CloseCode::NORMAL, ""));
            assert!(closed.is_ready());
            match then {
                Then::Poll => assert_eq!(*is_ready.lock().unwrap(), Some(false)),
                Then::Drop => assert!(peer.is_dropped()),
            }
        });
        // So does a writer that has read ahead.
        within_a_minute(move || {
            let (mut writer, peer, is_ready) = reader_that_acts(then);
            peer.stop_taking();
            settle(writer.feed("Hello")).unwrap();
            let mut input = incoming::<Server>(0x81, "Hello");
            input.truncate(3);
            // Nobody has polled for this, so nobody is woken.
            peer.deliver_silently(input);
            let _ = poll_once(writer.flush());
            match then {
                Then::Poll => assert_eq!(*is_ready.lock().unwrap(), Some(false)),
                Then::Drop => assert!(peer.is_dropped()),
            }
        });
    }
}

/// The end of the connection wakes the writer.
#[test]
fn a_waker_of_the_writer_may_poll_or_drop_it_at_once() {
    #[derive(Clone, Copy, Debug)]
    enum How {
        DropReader,
        Terminate,
        Receive,
    }
    for (then, how) in [Then::Poll, Then::Drop]
        .into_iter()
        .flat_map(|then| [How::DropReader, How::Terminate, How::Receive].map(|how| (then, how)))
    {
        within_a_minute(move || {
            let (mut ws, peer) = open::<Server>();
            ws.set_backlog_max(0);
            peer.stop_taking();
            let (mut reader, mut writer) = ws.split();
            settle(writer.feed("Hello")).unwrap();
            let slot = Arc::new(Mutex::new(None::<Writer<Script, Server>>));
            let (from, has_acted) = (Arc::clone(&slot), Arc::new(Mutex::new(false)));
            let to = Arc::clone(&has_acted);
            let waker = Act::waker(move || {
                let mut writer = from.lock().unwrap().take().unwrap();
                if let Then::Poll = then {
                    assert!(poll_once(writer.ready()).is_ready());
                }
                *to.lock().unwrap() = true;
            });
            let mut cx = Context::from_waker(&waker);
            assert!(Pin::new(&mut writer).poll_ready(&mut cx).is_pending());
            *slot.lock().unwrap() = Some(writer);
            match how {
                How::DropReader => drop(reader),
                How::Terminate => drop(poll_once(reader.terminate(Duration::ZERO))),
                How::Receive => {
                    peer.deliver_silently(incoming_close::<Server>(1000, ""));
                    assert!(poll_once(reader.receive()).is_pending());
                }
            }
            assert!(*has_acted.lock().unwrap(), "{how:?}");
        });
    }
}

/// A waker may own the other half, and be dropped with it when it is replaced.
#[test]
fn a_waker_that_is_dropped_may_drop_the_reader() {
    struct Owner(#[allow(dead_code)] Mutex<Option<Reader<Script, Server>>>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }
    let (done, is_done) = channel();
    thread::spawn(move || {
        let runtime = paused();
        let _entered = runtime.enter();
        let (ws, peer) = open::<Server>();
        peer.stop_taking();
        let (reader, mut writer) = ws.split();
        settle(writer.feed("Hello")).unwrap();
        let waker: Waker = Arc::new(Owner(Mutex::new(Some(reader)))).into();
        {
            let flush = std::pin::pin!(writer.flush());
            assert!(flush.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drop(waker);
        let _ = poll_once(writer.flush());
        assert!(peer.is_dropped());
        done.send(()).unwrap();
    });
    assert!(is_done.recv_timeout(Duration::from_secs(10)).is_ok(), "it hangs");
}
