//! How the loop ends, and what it does while the peer takes nothing.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use hybi::connection::{Abnormal, Closed};
use hybi::{Config, Connection, CutOff, Event, Inbox, Outbox, ProtocolError, Server, UsageError};
use hybi_http_shared::pump::{Sink, Source, run};

const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

fn echo(ws: &mut Connection<Server>, event: Event<'_>, out: &mut Outbox) -> Result<(), UsageError> {
    if let Event::Binary(data) = event { ws.send(&data, out) } else { Ok(()) }
}

/// Returns how a server's connection ends, and what it has written.
async fn serve(source: impl Source) -> (Closed, Vec<u8>) {
    let mut written = Vec::new();
    let ws = Connection::server(Config::default());
    let closed = run(ws, Inbox::new(), Outbox::new(), (source, &mut written), echo).await.unwrap();
    (closed, written)
}

#[tokio::test]
async fn a_close_frame_is_answered_and_ends_it() {
    let (closed, written) = serve(CLOSE).await;
    assert_eq!((closed.code(), &written[..]), (1000, &b"\x88\x02\x03\xe8"[..]));
}

#[tokio::test]
async fn an_end_without_a_close_frame_is_a_cut_off() {
    let (closed, written) = serve(&b"\x82\x81\0\0\0\0a\x82"[..]).await;
    assert_eq!(closed, Closed::Abnormal(Abnormal::CutOff(CutOff::InHeader)));
    assert_eq!(written, b"\x82\x01a");
}

#[tokio::test]
async fn a_violation_is_answered_with_its_close_frame() {
    let (closed, written) = serve(&b"\x82\x01a"[..]).await;
    assert_eq!(closed, Closed::Abnormal(Abnormal::Protocol(ProtocolError::Unmasked)));
    assert_eq!((written[0], &written[2..4]), (0x88, &1002_u16.to_be_bytes()[..]));
}

#[tokio::test]
async fn an_error_of_the_transport_is_its_failure() {
    let (closed, _) = serve(Broken).await;
    assert_eq!(closed, Closed::Abnormal(Abnormal::Transport));
}

#[tokio::test]
async fn what_was_in_the_inbox_comes_first() {
    let mut inbox = Inbox::new();
    inbox.append(CLOSE);
    let ws = Connection::server(Config::default());
    let closed = run(ws, inbox, Outbox::new(), (tokio::io::empty(), Vec::new()), echo).await;
    assert_eq!(closed.unwrap().code(), 1000);
}

/// A peer that has closed may no longer take what we send, and has said why before.
#[tokio::test]
async fn after_a_failed_write_what_has_arrived_is_still_read() {
    let ws = Connection::server(Config::default());
    let mut out = Outbox::new();
    out.append(b"never written");
    let closed = run(ws, Inbox::new(), out, (CLOSE, Broken), echo).await;
    assert_eq!(closed.unwrap().code(), 1000);
}

/// Otherwise it could make the output grow without end.
#[tokio::test]
async fn a_peer_that_takes_nothing_is_not_read_from_for_ever() {
    let read = Arc::new(AtomicUsize::new(0));
    let ws = Connection::server(Config::default());
    let transport = (Flood(read.clone()), Stuck);
    let mut running = pin!(run(ws, Inbox::new(), Outbox::new(), transport, echo));
    let is_pending = poll_fn(|cx| Poll::Ready(running.as_mut().poll(cx).is_pending())).await;
    assert!(is_pending);
    let read = read.load(Ordering::Relaxed);
    assert!((1 << 20..1 << 21).contains(&read), "{read}");
}

/// Fails.
struct Broken;

impl Source for Broken {
    async fn read(&mut self, _: &mut Inbox) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl Sink for Broken {
    async fn write(&mut self, _: &mut Outbox, _: bool) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// Never takes anything.
struct Stuck;

impl Sink for Stuck {
    async fn write(&mut self, _: &mut Outbox, _: bool) -> io::Result<()> {
        pending().await
    }
}

/// Always has another message of 1000 bytes. Counts what was read.
struct Flood(Arc<AtomicUsize>);

impl Source for Flood {
    async fn read(&mut self, inbox: &mut Inbox) -> io::Result<usize> {
        let frame = [&b"\x82\xfe\x03\xe8\0\0\0\0"[..], &[0; 1000]].concat();
        inbox.append(&frame);
        self.0.fetch_add(frame.len(), Ordering::Relaxed);
        Ok(frame.len())
    }
}
