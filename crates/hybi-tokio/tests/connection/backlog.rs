//! Two peers with much to say: nobody waits for ever. A runtime with a paused clock goes to the
//! next timer as soon as all its tasks wait, so a deadlock ends a time-out of an hour at once.

use std::time::Duration;

use hybi::keepalive::KeepaliveConfig;
use hybi::{CloseCode, Config, Connection, Inbox, Role};
use hybi_tokio::{Error, WebSocket};
use tokio::io::{DuplexStream, duplex};
use tokio::time::timeout;

use crate::common::*;

const HOUR: Duration = Duration::from_secs(3600);

type Pair =
    (WebSocket<DuplexStream, Server>, WebSocket<DuplexStream, hybi::Client<hybi::RandomKeys>>);

/// Nobody is given up: only progress ends a wait.
fn pair(pipe: usize) -> Pair {
    let (a, b) = duplex(pipe);
    let mut server = WebSocket::new(a, Connection::server(Config::default()), Inbox::new());
    let mut client = WebSocket::new(b, Connection::client(Config::default()), Inbox::new());
    let no_deadlines = KeepaliveConfig::default().ping_after(None).pong_within(None);
    server.set_keepalive(no_deadlines);
    client.set_keepalive(no_deadlines);
    (server, client)
}

const SIZES: [usize; 6] = [0, 1, 3_000, 40_000, 200_000, 4_000_000];
const PIPES: [usize; 4] = [1, 100, 1 << 10, 64 << 10];

/// Through a small pipe a large message takes many turns.
fn is_too_slow(size: usize, pipe: usize) -> bool {
    size / pipe > 5_000
}

/// Both have fed more than the pipe holds, and then only receive.
#[tokio::test(start_paused = true)]
async fn two_peers_that_feed_and_then_receive_do_not_stop_each_other() {
    async fn run<R: Role>(mut ws: WebSocket<DuplexStream, R>, size: usize) {
        ws.set_backlog_max(usize::MAX);
        ws.feed(&vec![0; size][..]).await.unwrap();
        assert_eq!(ws.receive().await.unwrap().unwrap().as_bytes().len(), size);
        ws.flush().await.unwrap();
    }
    for size in SIZES {
        for pipe in PIPES.into_iter().filter(|pipe| !is_too_slow(size, *pipe)) {
            let (server, client) = pair(pipe);
            let both = async { tokio::join!(run(server, size), run(client, size)) };
            assert!(timeout(HOUR, both).await.is_ok(), "{size} bytes through {pipe}");
        }
    }
}

/// The recipe for a program that sends and receives much: halves, in two tasks.
#[tokio::test(start_paused = true)]
async fn two_peers_with_halves_in_two_tasks_do_not_stop_each_other() {
    async fn run<R: Role + Send + 'static>(ws: WebSocket<DuplexStream, R>, size: usize) {
        let (mut reader, mut writer) = ws.split();
        let sending = tokio::spawn(async move {
            for _ in 0..3 {
                writer.send(&vec![0; size][..]).await.unwrap();
            }
            writer
        });
        for _ in 0..3 {
            assert_eq!(reader.receive().await.unwrap().unwrap().as_bytes().len(), size);
        }
        let writer = sending.await.unwrap();
        let mut ws = reader.reunite(writer).unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!(ws.receive().await.unwrap(), None);
        assert_eq!(ws.closed(), Some(&clean(1000, "")));
    }
    for size in SIZES {
        for pipe in PIPES.into_iter().filter(|pipe| !is_too_slow(size, *pipe)) {
            let (server, client) = pair(pipe);
            let both = async { tokio::join!(run(server, size), run(client, size)) };
            assert!(timeout(HOUR, both).await.is_ok(), "{size} bytes through {pipe}");
        }
    }
}

/// As the documentation says: who waits for room reads little, so both wait. It must be possible to
/// leave, and nothing is lost.
#[tokio::test(start_paused = true)]
async fn two_peers_that_only_send_wait_until_one_receives() {
    let (mut server, mut client) = pair(1 << 10);
    let message = vec![0; 300_000];
    let both = async { tokio::join!(server.send(&message[..]), client.send(&message[..])) };
    assert!(timeout(HOUR, both).await.is_err());
    let (received, sent) = tokio::join!(server.receive(), client.flush());
    sent.unwrap();
    assert_eq!(received.unwrap().unwrap().as_bytes(), message);
    let (sent, received) = tokio::join!(server.flush(), client.receive());
    sent.unwrap();
    assert_eq!(received.unwrap().unwrap().as_bytes(), message);
}

/// A peer that sends and never reads is not read from: an echo keeps a bounded backlog.
#[tokio::test(start_paused = true)]
async fn an_echo_does_not_read_from_a_peer_that_does_not_read() {
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    ws.set_keepalive(KeepaliveConfig::default().ping_after(None).pong_within(None));
    let message = incoming::<Server>(0x82, [0; 1_000]);
    peer.deliver(message.repeat(1_000));
    let mut echo = async || {
        ws.receive_with(|event, out| match event {
            hybi::Event::Binary(data) => out.feed(&*data),
            _ => Ok(()),
        })
        .await
    };
    let mut echoed = 0;
    while let Ok(result) = timeout(HOUR, echo()).await {
        result.unwrap().unwrap().unwrap();
        echoed += 1;
    }
    assert!(echoed <= 66, "{echoed}");
    peer.take_more(usize::MAX);
    while echoed < 1_000 {
        echo().await.unwrap().unwrap().unwrap();
        echoed += 1;
    }
    ws.flush().await.unwrap();
    assert_eq!(whole_frames(peer.take_written()).len(), 1_000);
}

/// Many tasks send through one that owns the writer: the recipe in the documentation of `split`.
#[tokio::test(start_paused = true)]
async fn many_senders_share_a_writer_through_a_channel() {
    let (ws, peer) = open::<Server>();
    let (mut reader, mut writer) = ws.split();
    let (messages, mut queue) = tokio::sync::mpsc::channel::<hybi::Message>(4);
    let writing = tokio::spawn(async move {
        while let Some(message) = queue.recv().await {
            writer.send_owned(message).await?;
        }
        writer.close(CloseCode::NORMAL, "").await
    });
    peer.set_write_max(3);
    let senders: Vec<_> = (0..50_u8)
        .map(|i| {
            let messages = messages.clone();
            tokio::spawn(async move {
                for j in 0..20 {
                    messages.send(vec![i, j].into()).await.unwrap();
                }
            })
        })
        .collect();
    drop(messages);
    for sender in senders {
        sender.await.unwrap();
    }
    writing.await.unwrap().unwrap();
    peer.deliver(incoming_close::<Server>(1000, ""));
    peer.end_input(End::Zero);
    assert_eq!(reader.receive().await.unwrap(), None);
    let frames = whole_frames(peer.take_written());
    assert_eq!(frames.len(), 1_001);
    for i in 0..50 {
        let of_one: Vec<u8> = frames
            .iter()
            .filter(|(first, p)| *first == 0x82 && p[0] == i)
            .map(|f| f.1[1])
            .collect();
        assert_eq!(of_one, (0..20).collect::<Vec<u8>>());
    }
}

/// An error of the other half's does not leave a task waiting.
#[tokio::test(start_paused = true)]
async fn a_sender_ends_when_the_peer_closes() {
    let (ws, peer) = open::<Server>();
    peer.stop_taking();
    let (mut reader, mut writer) = ws.split();
    let sending = tokio::spawn(async move {
        loop {
            if let Err(error) = writer.send(&[0; 1_000][..]).await {
                return error;
            }
        }
    });
    tokio::task::yield_now().await;
    peer.deliver(incoming_close::<Server>(1001, "gone"));
    peer.end_input(End::Zero);
    assert_eq!(reader.receive().await.unwrap(), None);
    let error = timeout(HOUR, sending).await.expect("it waits").unwrap();
    assert!(matches!(&error, Error::Closed(closed) if closed.code() == 1001), "{error:?}");
}

/// Both halves of both sides run on two threads, and each message makes somebody wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_on_two_threads_wake_each_other() {
    async fn run<R: Role + Send + 'static>(ws: WebSocket<DuplexStream, R>) {
        let (mut reader, mut writer) = ws.split();
        let sending = tokio::spawn(async move {
            for i in 0..5_000_u32 {
                let payload = i.to_be_bytes().repeat(i as usize % 50);
                match i % 5 {
                    0 => writer.feed(&payload[..]).await.unwrap(),
                    _ => writer.send(&payload[..]).await.unwrap(),
                }
                if i % 7 == 0 {
                    writer.ping(b"ping").await.unwrap();
                }
            }
            writer
        });
        for i in 0..5_000_u32 {
            let message = reader.receive().await.unwrap().unwrap();
            assert_eq!(message.as_bytes(), i.to_be_bytes().repeat(i as usize % 50));
        }
        sending.await.unwrap().close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!(reader.receive().await.unwrap(), None);
        assert_eq!(reader.closed(), Some(clean(1000, "")));
    }
    let (server, client) = pair(64);
    tokio::join!(tokio::spawn(run(server)), run(client)).0.unwrap();
}

/// Also on a thread whose buffer has grown for another peer.
#[test]
fn a_call_that_waits_to_send_reads_no_more_than_16_kib_ahead() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut busy, its_peer) = open::<Server>();
    its_peer.deliver(incoming::<Server>(0x82, [0; 1_000_000]));
    settle(busy.receive()).unwrap().unwrap();

    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    peer.deliver(incoming::<Server>(0x82, [0; 1_000]).repeat(1_000));
    let before = peer.unread_len();
    assert!(poll_once(ws.send("Hello")).is_pending());
    let ahead = before - peer.unread_len();
    assert!(ahead <= 16 << 10, "{ahead} bytes");
}
