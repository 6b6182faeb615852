//! Connections that go on in another process, played by another runtime: it gets the sockets as the
//! system passes them, and the rest as bytes.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use hybi::handshake::{Acceptance, ClientRequest};
use hybi::keepalive::KeepaliveConfig;
use hybi::{Config, Connection, Inbox, Message, Outbox, Server, Uri};
use hybi_tokio::{Connector, Parts, WebSocket, receive_request};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

const CONNECTIONS: usize = 100;
/// How many messages a client sends.
const MESSAGES: usize = 12;

type Ws = WebSocket<TcpStream, Server>;

fn config(number: usize) -> Config {
    #[cfg(feature = "deflate")]
    if number.is_multiple_of(3) {
        return Config::default().deflate(hybi::extension::deflate::DeflateConfig::default());
    }
    let _ = number;
    Config::default()
}

/// Sets no deadlines: on a busy machine, the answer to a ping may have to wait for all others.
fn no_deadlines() -> KeepaliveConfig {
    KeepaliveConfig::default().ping_after(None).pong_within(None)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A connection on its way from one process to the other.
struct Moved {
    number: usize,
    socket: std::net::TcpStream,
    bytes: Vec<u8>,
}

/// Returns message `n` of a client. The texts have all lengths, so they are split everywhere.
fn message(client: usize, n: usize) -> Message {
    let len = [0, 10, 300, 3_000, 20_000, 70_000][(client + n) % 6];
    format!("{client}/{n} {}", "caf\u{e9} ".repeat(len / 6)).into()
}

/// Sends back what arrives. Returns the WebSocket when it is to move, and `None` at its end.
async fn echo(mut ws: Ws, moving: &mut watch::Receiver<bool>) -> Option<Ws> {
    loop {
        let received = tokio::select! {
            biased;
            _ = moving.wait_for(|moving| *moving) => return Some(ws),
            received = ws.receive() => received,
        };
        // Without waiting for room, so that much is unsent.
        ws.feed(&received.unwrap()?).await.unwrap();
    }
}

/// The server that is replaced.
async fn old(ws: Ws, number: usize, mut moving: watch::Receiver<bool>) -> Option<Moved> {
    let mut ws = echo(ws, &mut moving).await?;
    loop {
        let parts = ws.into_parts();
        let mut bytes = Vec::new();
        if parts.connection.export(&mut bytes).is_ok() {
            parts.inbox.export(&mut bytes);
            parts.out.export(&mut bytes);
            let socket = parts.stream.into_std().unwrap();
            return Some(Moved { number, socket, bytes });
        }
        // After this message.
        ws = WebSocket::from_parts(parts);
        let message = ws.receive().await.unwrap()?;
        ws.feed(&message).await.unwrap();
    }
}

/// The server that replaces it.
fn new(Moved { number, socket, bytes }: Moved) -> Ws {
    let from = &mut &bytes[..];
    let connection = Connection::import(Server, &config(number), from).unwrap();
    let (inbox, out) = (Inbox::import(from).unwrap(), Outbox::import(from).unwrap());
    assert!(from.is_empty());
    let stream = TcpStream::from_std(socket).unwrap();
    let mut ws = WebSocket::from_parts(Parts::new(stream, connection, inbox, out));
    ws.set_keepalive(no_deadlines());
    ws
}

/// A client that sends as fast as it can, and compares what comes back.
async fn client(number: usize, address: SocketAddr, received: watch::Sender<usize>) {
    let uri = Uri::parse(&format!("ws://{address}/{number}")).unwrap();
    let request = ClientRequest::new(&uri).config(config(number));
    let mut ws = Connector::new().connect(&request).await.unwrap();
    ws.set_keepalive(no_deadlines());
    let (mut reader, mut writer) = ws.split();
    let send = async {
        for n in 0..MESSAGES {
            writer.send(&message(number, n)).await.unwrap();
        }
    };
    let receive = async {
        for n in 0..MESSAGES {
            let echo = reader.receive().await.unwrap();
            assert!(echo == Some(message(number, n)), "message {n} of client {number}");
            received.send_modify(|count| *count += 1);
        }
    };
    tokio::join!(send, receive);
    let mut ws = reader.reunite(writer).unwrap();
    ws.close(hybi::CloseCode::NORMAL, "").await.unwrap();
}

#[test]
fn a_hundred_connections_move_under_traffic_and_lose_nothing() {
    let (sender, moved) = mpsc::channel::<Moved>();
    let (ready, address) = mpsc::channel();
    let (received, mut so_far) = watch::channel(0);

    let old_process = thread::spawn(move || {
        runtime().block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ready.send(listener.local_addr().unwrap()).unwrap();
            let (move_all, moving) = watch::channel(false);
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..CONNECTIONS {
                let (stream, _) = listener.accept().await.unwrap();
                let moving = moving.clone();
                tasks.spawn(async move {
                    let pending = receive_request(stream).await.unwrap();
                    let number = pending.request().path()[1..].parse().unwrap();
                    let acceptance = Acceptance::from_any_origin().config(config(number));
                    let mut ws = pending.accept(&acceptance).await.unwrap();
                    ws.set_keepalive(no_deadlines());
                    old(ws, number, moving).await
                });
            }
            // All are open, and in the middle of it.
            so_far.wait_for(|count| *count >= CONNECTIONS).await.unwrap();
            move_all.send(true).unwrap();
            while let Some(task) = tasks.join_next().await {
                sender.send(task.unwrap().expect("no client is done")).unwrap();
            }
        });
    });
    let new_process = thread::spawn(move || {
        let (mut lens, mut tasks) = (Vec::new(), tokio::task::JoinSet::new());
        let runtime = runtime();
        // All at once, as from a process that is gone.
        for moved in moved {
            lens.push(moved.bytes.len());
            let _entered = runtime.enter();
            let mut ws = new(moved);
            tasks.spawn_on(
                async move {
                    while let Some(message) = ws.receive().await.unwrap() {
                        ws.send(&message).await.unwrap();
                    }
                },
                runtime.handle(),
            );
        }
        runtime.block_on(async { tasks.join_all().await });
        lens
    });

    let address = address.recv().unwrap();
    let all = received.clone();
    runtime().block_on(async move {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..CONNECTIONS {
            tasks.spawn(client(number, address, all.clone()));
        }
        tasks.join_all().await;
    });
    old_process.join().unwrap();
    let lens = new_process.join().unwrap();
    assert_eq!(*received.borrow(), CONNECTIONS * MESSAGES);
    assert_eq!(lens.len(), CONNECTIONS);
    // The test is worth something: some had unread or unsent bytes, or a part of a message.
    let busy = lens.iter().filter(|len| **len > 100).count();
    assert!(busy > 0, "{lens:?}");
}

#[test]
fn the_subprotocol_goes_along_if_it_is_said() {
    let runtime = super::common::paused();
    let _entered = runtime.enter();
    let (ws, _peer) = super::common::open::<Server>();
    let parts = ws.into_parts();
    assert_eq!(parts.subprotocol(), None);
    let parts = Parts::new(parts.stream, parts.connection, parts.inbox, parts.out);
    let parts = parts.with_subprotocol("chat");
    assert_eq!(parts.subprotocol(), Some("chat"));
    assert_eq!(WebSocket::from_parts(parts).subprotocol(), Some("chat"));
}
