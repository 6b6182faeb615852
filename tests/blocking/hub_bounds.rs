//! The bounds of what a client or a stream can cost a `Hub`. A script decides about each write.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hybi::blocking::{self, Error, HubConfig, SendError, Session};
use hybi::connection::{Chunk, ChunkData};
use hybi::keepalive::KeepaliveConfig;
use hybi::{CloseCode, Event, UsageError};

use super::hooked::{Hook, Hooked};
use super::hub::{PATIENCE, Server, accept, end, receive};

/// The fate of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meets {
    Socket,
    Error,
    Panic,
}

/// The script of all streams of a hub. Clones are the same one.
#[derive(Clone)]
struct Script(Arc<Mutex<Page>>);

struct Page {
    meets: Meets,
    writes: usize,
    /// The next write says that it has begun, and waits until it may go on.
    held: Option<(Sender<()>, Receiver<()>)>,
}

impl Script {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Page { meets: Meets::Socket, writes: 0, held: None })))
    }

    fn set(&self, meets: Meets) {
        self.0.lock().unwrap().meets = meets;
    }

    fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    /// Holds the next write. Returns what tells that it has begun, and what lets it go on.
    fn hold(&self) -> (Receiver<()>, Sender<()>) {
        let ((begun, begins), (goes_on, go_on)) = (mpsc::channel(), mpsc::channel());
        self.0.lock().unwrap().held = Some((begun, go_on));
        (begins, goes_on)
    }

    fn next(&self) -> Meets {
        let held = self.0.lock().unwrap().held.take();
        if let Some((begun, go_on)) = held {
            begun.send(()).unwrap();
            let _ = go_on.recv();
        }
        let mut page = self.0.lock().unwrap();
        page.writes += 1;
        match page.meets {
            Meets::Panic => std::mem::replace(&mut page.meets, Meets::Socket), // once
            meets => meets,
        }
    }
}

impl Hook for Script {
    fn write(&self, socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        match self.next() {
            Meets::Socket => socket.write(bytes),
            Meets::Error => Err(io::Error::other("scripted")),
            Meets::Panic => panic!("scripted"),
        }
    }
}

fn serve_idle(script: &Script, config: HubConfig) -> Server<Hooked<Script>> {
    Server::hooked(config, script, |arrival| {
        let mut session = accept(arrival)?;
        while session.receive()?.is_some() {}
        Ok(())
    })
}

/// Returns the names of the events up to the end of a connection.
fn events_to_the_end(server: &Server<Hooked<Script>>) -> Vec<&'static str> {
    let mut names = Vec::new();
    while names.last() != Some(&"hub-ended") {
        names.push(server.events.recv_timeout(PATIENCE).unwrap().name());
    }
    names
}

fn closing_within(time: Duration) -> HubConfig {
    HubConfig::default().keepalive(KeepaliveConfig::default().close_within(time))
}

#[test]
fn the_time_for_closing_counts_from_the_call_and_not_from_the_end_of_the_queue() {
    let script = Script::new();
    let server = serve_idle(&script, closing_within(Duration::ZERO));
    let mut client = server.connect();
    server.event("hub-opened");
    let peer = server.hub.peer(1).unwrap();
    let (begins, goes_on) = script.hold();
    peer.send("held").unwrap();
    begins.recv_timeout(PATIENCE).unwrap();
    peer.send("queued").unwrap();
    peer.close(CloseCode::NORMAL, "").unwrap();
    goes_on.send(()).unwrap();
    assert_eq!(events_to_the_end(&server), ["hub-too-slow", "hub-ended"]);
    assert_eq!(receive(&mut client), "held".into());
    assert!(!matches!(client.receive(), Ok(Some(_))), "what was queued is lost");
}

#[test]
fn what_waits_together_is_written_together() {
    let script = Script::new();
    let server = serve_idle(&script, HubConfig::default());
    let mut client = server.connect();
    server.event("hub-opened");
    let peer = server.hub.peer(1).unwrap();
    let (begins, goes_on) = script.hold();
    peer.send("first").unwrap();
    begins.recv_timeout(PATIENCE).unwrap();
    let before = script.writes();
    for number in 0..50 {
        peer.send(&*format!("{number}")).unwrap();
    }
    goes_on.send(()).unwrap();
    assert_eq!(receive(&mut client), "first".into());
    for number in 0..50 {
        assert_eq!(receive(&mut client), (&*format!("{number}")).into());
    }
    assert_eq!(script.writes() - before, 2);
}

#[test]
fn a_stream_that_fails_or_panics_in_a_write_ends_its_connection() {
    for meets in [Meets::Error, Meets::Panic] {
        let script = Script::new();
        let server = serve_idle(&script, closing_within(Duration::from_millis(20)));
        let mut client = server.connect();
        server.event("hub-opened");
        let peer = server.hub.peer(1).unwrap();
        script.set(meets);
        peer.send("Hello").unwrap();
        while client.send("that the client goes on sending must not keep it").is_ok() {}
        server.event("hub-ended");
        assert_eq!(peer.send("late"), Err(SendError::Closing), "{meets:?}");
    }
}

/// A server whose handlers end the hub when a client says so.
fn serve_ending(timeout: Duration, ended: Sender<usize>) -> Server {
    Server::start(HubConfig::default(), move |arrival| {
        let mut session = accept(arrival)?;
        while let Some(message) = session.receive()? {
            if message.as_text() == Some("stop") {
                ended.send(session.hub().terminate(timeout)).unwrap();
            }
        }
        Ok(())
    })
}

#[test]
fn handlers_that_end_the_hub_wait_neither_for_themselves_nor_for_each_other() {
    let (sender, ended) = mpsc::channel();
    let mut server = serve_ending(PATIENCE, sender);
    let mut clients = [server.connect(), server.connect(), server.connect()];
    for client in &mut clients[..2] {
        client.send("stop").unwrap();
    }
    for client in &mut clients {
        let closed = end(client);
        assert_eq!((closed.code(), closed.was_clean()), (1001, true));
    }
    // A handler that the other was quicker than may have got its message no more.
    assert_eq!(ended.recv_timeout(PATIENCE).unwrap(), 0);
    server.join();
    assert!(ended.try_iter().all(|dropped| dropped == 0));
}

#[test]
fn ending_the_hub_once_more_ends_a_handler_that_waits_for_clients() {
    let (sender, ended) = mpsc::channel();
    let mut server = serve_ending(Duration::MAX, sender);
    let _mute = server.connect();
    let mut client = server.connect();
    client.send("stop").unwrap();
    client.receive_event().unwrap(); // the Close frame: the handler has begun to end the hub
    assert!(server.hub.terminate(Duration::ZERO) >= 1);
    ended.recv_timeout(PATIENCE).unwrap();
    server.join();
}

// ---- whole messages and chunks

fn chunk(text: &'static str, first: bool, last: bool) -> Chunk<'static> {
    Chunk { data: ChunkData::Text(text.into()), first, last }
}

/// Runs a client against a handler, and fails if that panics.
fn check(
    client: impl FnOnce(&mut blocking::ClientSocket),
    handler: impl Fn(&mut Session) + Send + Sync + 'static,
) {
    let (sender, done) = mpsc::channel();
    let server = Server::start(HubConfig::default(), move |arrival| {
        handler(&mut accept(arrival)?);
        Ok(sender.send(())?)
    });
    let mut ws = server.connect();
    client(&mut ws);
    done.recv_timeout(PATIENCE).expect("the handler panicked");
}

#[test]
fn what_a_receive_that_timed_out_has_taken_comes_with_the_first_chunk() {
    let ((sender, taken), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let taken = Mutex::new(taken);
    check(
        move |client| {
            client.send_part("transfer ").unwrap();
            client.ping(b"").unwrap(); // whose pong says that the part has been received
            client.receive_event().unwrap();
            sender.send(()).unwrap();
            goes_on.recv_timeout(PATIENCE).unwrap();
            client.send_last_part("1 EUR").unwrap();
            client.send("100 USD").unwrap();
        },
        move |session| {
            session.set_read_timeout(Duration::from_millis(1)).unwrap();
            while taken.lock().unwrap().try_recv().is_err() {
                assert!(matches!(session.receive(), Err(Error::TimedOut)));
            }
            session.set_read_timeout(None).unwrap();
            assert_eq!(session.message_bytes_left(), None);
            let begin = session.receive_chunk().unwrap();
            assert_eq!(begin, Some(chunk("transfer ", true, false)));
            go_on.send(()).unwrap();
            assert!(matches!(session.receive(), Err(Error::Usage(UsageError::MessageInChunks))));
            assert_eq!(session.receive_chunk().unwrap(), Some(chunk("1 EUR", false, true)));
            assert_eq!(session.receive().unwrap(), Some("100 USD".into()));
        },
    );
}

/// As above, and the rest of the message comes in pieces of a given length.
#[test]
fn what_a_session_has_gathered_of_a_message_is_returned_in_pieces() {
    let ((sender, taken), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let taken = Mutex::new(taken);
    check(
        move |client| {
            client.send_part("0123456").unwrap();
            client.ping(b"").unwrap(); // whose pong says that the part has been received
            client.receive_event().unwrap();
            sender.send(()).unwrap();
            goes_on.recv_timeout(PATIENCE).unwrap();
            client.send_last_part("789").unwrap();
            client.send("next").unwrap();
        },
        move |session| {
            session.set_read_timeout(Duration::from_millis(1)).unwrap();
            while taken.lock().unwrap().try_recv().is_err() {
                assert!(matches!(session.receive(), Err(Error::TimedOut)));
            }
            session.set_read_timeout(None).unwrap();
            let piece = session.receive_chars_up_to(4).unwrap();
            assert_eq!(piece, Some(chunk("0123", true, false)));
            go_on.send(()).unwrap();
            assert!(matches!(session.receive(), Err(Error::Usage(UsageError::MessageInChunks))));
            assert_eq!(session.receive_up_to(4).unwrap(), Some(chunk("4567", false, false)));
            assert_eq!(session.receive_up_to(4).unwrap(), Some(chunk("89", false, true)));
            assert_eq!(session.receive().unwrap(), Some("next".into()));
        },
    );
}

/// A part that a receive has gathered holds shared memory, until it has been returned in pieces. A
/// client that never ends its message holds none for longer.
#[test]
fn what_has_been_returned_in_pieces_holds_no_shared_memory() {
    const PART: usize = 2 << 20;
    const PIECE: usize = 3 << 10;
    let (all_sent, is_sent) = mpsc::channel();
    let (all_taken, is_taken) = mpsc::channel();
    let is_sent = Mutex::new(is_sent);
    let server = Server::start(HubConfig::default().message_memory_max(4 << 20), move |arrival| {
        let mut session = accept(arrival)?;
        session.set_read_timeout(Duration::from_millis(1))?;
        while is_sent.lock().unwrap().try_recv().is_err() {
            match session.receive() {
                Err(Error::TimedOut) => {}
                other => return Err(format!("{other:?}").into()),
            }
        }
        let mut taken = 0;
        loop {
            match session.receive_up_to(PIECE) {
                Ok(Some(piece)) => taken += piece.data.as_bytes().len(),
                Err(Error::TimedOut) => break,
                other => return Err(format!("{other:?}").into()),
            }
        }
        all_taken.send(taken)?;
        session.set_read_timeout(None)?;
        while session.receive_up_to(PIECE)?.is_some() {}
        Ok(())
    });
    let _clients = [(); 3].map(|()| {
        let mut client = server.connect();
        client.send_part(&*vec![7; PART]).unwrap();
        client.ping(b"").unwrap();
        let answer = client.receive_event().unwrap();
        assert!(matches!(answer, Some(Event::Pong(_))), "{answer:?}");
        all_sent.send(()).unwrap();
        let taken = is_taken.recv_timeout(PATIENCE).expect("the handler failed");
        assert_eq!(taken, PART - PART % PIECE);
        client
    });
}

/// The handler cannot know that its client is being dropped, and asks again.
#[test]
fn a_client_that_is_dropped_within_a_message_is_not_received_any_more() {
    for in_chunks in [false, true] {
        let config = HubConfig::default().message_within(Duration::ZERO);
        let (sender, timed_out) = mpsc::channel();
        let server = Server::start(config, move |arrival| {
            let mut session = accept(arrival)?;
            session.set_read_timeout(Duration::from_millis(1))?;
            let mut is_dropped = false;
            loop {
                let received = match is_dropped && in_chunks {
                    false => session.receive().map(|message| message.map(drop)),
                    true => session.receive_chunk().map(|chunk| chunk.map(drop)),
                };
                match received {
                    Err(Error::TimedOut) => {
                        is_dropped |= session.ready_state() == blocking::ReadyState::Closing;
                        if is_dropped {
                            let _ = sender.send(());
                        }
                    }
                    Ok(Some(())) => return Err("received something".into()),
                    Ok(None) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        });
        let mut hog = server.connect();
        hog.send_part(&*vec![7; 1 << 20]).unwrap();
        for _ in 0..3 {
            timed_out.recv_timeout(PATIENCE).expect("the handler failed");
        }
        let _ = hog.send_last_part(b"the rest");
        assert_eq!(end(&mut hog).code(), 1013);
        let names: Vec<_> =
            std::iter::from_fn(|| server.events.recv_timeout(PATIENCE).ok().map(|e| e.name()))
                .take_while(|name| *name != "hub-ended")
                .collect();
        assert!(!names.contains(&"hub-failed"), "{names:?}");
        drop(server);
    }
}
