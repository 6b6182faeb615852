//! hybi-tokio on a current-thread runtime: an echo, and two ways to broadcast.

use super::{Broadcast, Result};
use hybi::connection::Prepared;
use hybi::handshake::Acceptance;
use hybi::keepalive::KeepaliveConfig;
use hybi::{Event, Server};
use hybi_tokio::{Outgoing, WebSocket, Writer};
use std::mem;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::yield_now;

/// The number of messages by which a receiver may lag: at least as many as are sent in a row.
const BEHIND_MAX: usize = 64;

type Socket = WebSocket<TcpStream, Server>;
type Order = (Prepared, usize, mpsc::Sender<()>);
type Writers = Arc<Mutex<Vec<Writer<TcpStream, Server>>>>;

/// A connection is one task, which reads and answers.
pub fn start_echo(listener: TcpListener, keepalive: KeepaliveConfig) -> Result<Broadcast> {
    let handle = move |mut ws: Socket| async move {
        ws.set_keepalive(keepalive);
        while let Some(fed) = ws.receive_with(echo).await? {
            fed?;
        }
        Ok(())
    };
    start(listener, handle, async |_: &Prepared| {})
}

fn echo(
    event: Event<'_>,
    out: &mut Outgoing<'_, Server>,
) -> std::result::Result<(), hybi_tokio::Error> {
    match event {
        Event::Text(text) => out.feed(&*text),
        Event::Binary(data) => out.feed(&*data),
        _ => Ok(()),
    }
}

/// A connection is one task, which reads. Another has the writers of all, and writes to one after
/// the other: the cheapest way, if none of them is ever slow.
pub fn start_writers(listener: TcpListener, keepalive: KeepaliveConfig) -> Result<Broadcast> {
    let all = Writers::default();
    let list = Arc::clone(&all);
    let handle = move |mut ws: Socket| {
        ws.set_keepalive(keepalive);
        let (mut reader, writer) = ws.split();
        list.lock().unwrap_or_else(PoisonError::into_inner).push(writer);
        async move {
            while reader.receive().await?.is_some() {}
            Ok(())
        }
    };
    start(listener, handle, async move |message: &Prepared| {
        let list = || all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writers = mem::take(&mut *list());
        for writer in &mut writers {
            let _ = writer.send_prepared(message).await; // fails if the connection has ended
        }
        list().append(&mut writers);
    })
}

/// A connection is one task, which reads, and writes what comes through a channel, as in the
/// example `room`. A slow one holds up nobody.
pub fn start_channel(listener: TcpListener, keepalive: KeepaliveConfig) -> Result<Broadcast> {
    let room = broadcast::Sender::<Arc<Prepared>>::new(BEHIND_MAX);
    let door = room.clone();
    let handle = move |mut ws: Socket| {
        ws.set_keepalive(keepalive);
        let (mut reader, mut writer) = ws.split();
        let mut messages = door.subscribe();
        async move {
            let hear = async {
                while let Ok(message) = messages.recv().await {
                    writer.send_prepared(&message).await?;
                }
                Ok(())
            };
            let read = async {
                while reader.receive().await?.is_some() {}
                Ok(())
            };
            tokio::select! {
                heard = hear => heard,
                read = read => read,
            }
        }
    };
    start(listener, handle, async move |message: &Prepared| {
        let _ = room.send(Arc::new(message.clone())); // fails if nobody hears it
        while !room.is_empty() {
            yield_now().await;
        }
    })
}

fn start<F>(
    listener: TcpListener,
    handle: impl Fn(Socket) -> F + Clone + Send + 'static,
    send: impl AsyncFn(&Prepared) + Send + 'static,
) -> Result<Broadcast>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (order, orders) = unbounded_channel();
    thread::spawn(move || {
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tokio::select! {
                served = accept(listener, handle) => served,
                () = obey(orders, send) => Ok(()),
            }
        });
        if let Err(error) = served {
            eprintln!("the server has ended: {error}");
        }
    });
    Ok(Box::new(move |message, times| {
        let (done, is_done) = mpsc::channel();
        order.send((message.clone(), times, done))?;
        Ok(is_done.recv()?)
    }))
}

async fn accept<F>(
    listener: tokio::net::TcpListener,
    handle: impl Fn(Socket) -> F + Clone + Send + 'static,
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let handle = handle.clone();
        tokio::spawn(async move {
            // Boxed, so that the task has no room for it any more once it is over.
            let ws = Box::pin(open(stream)).await?;
            handle(ws).await
        });
    }
}

async fn open(stream: TcpStream) -> Result<Socket> {
    let pending = hybi_tokio::receive_request(stream).await?;
    Ok(pending.accept(&Acceptance::from_any_origin()).await?)
}

async fn obey(mut orders: UnboundedReceiver<Order>, send: impl AsyncFn(&Prepared)) {
    while let Some((message, times, done)) = orders.recv().await {
        for _ in 0..times {
            send(&message).await;
        }
        let _ = done.send(()); // whoever has asked waits for it
    }
}
