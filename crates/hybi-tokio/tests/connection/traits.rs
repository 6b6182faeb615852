//! What the types are, and how large the futures.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hybi::{CloseCode, Config, Connection, Inbox, Message, RandomKeys};
use hybi_tokio::{Error, Reader, WebSocket, Writer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::common::*;

fn send<T: Send>(value: T) -> T {
    value
}

fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}

#[test]
fn all_futures_can_be_moved_between_threads() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (ws, _peer) = open::<KnownClient>();
    let mut ws = send(ws);
    drop(send(ws.receive()));
    drop(send(ws.receive_event()));
    drop(send(ws.receive_with(|_, _| ())));
    drop(send(ws.receive_chunk()));
    drop(send(ws.ready()));
    drop(send(ws.send("Hello")));
    drop(send(ws.send_owned("Hello")));
    drop(send(ws.feed("Hello")));
    drop(send(ws.flush()));
    drop(send(ws.ping(b"")));
    drop(send(ws.close(CloseCode::NORMAL, "")));
    drop(send(ws.terminate(std::time::Duration::ZERO)));
    let (reader, writer) = ws.split();
    let (mut reader, mut writer) = (send(reader), send(writer));
    drop(send(reader.receive()));
    drop(send(reader.receive_chunk()));
    drop(send(writer.send("Hello")));
    drop(send(writer.flush()));
    drop(send(writer.close(CloseCode::NORMAL, "")));
    sync::<WebSocket<Script, Server>>();
    sync::<Reader<Script, Server>>();
    sync::<Writer<Script, Server>>();
    unpin::<WebSocket<Script, hybi::Client<RandomKeys>>>();
    send(None::<Error>);
    sync::<Error>();
}

/// A stream that must stay on its thread.
struct Local(Rc<Cell<usize>>);

impl AsyncRead for Local {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buf.put_slice(b"\x82\x80\0\0\0\0");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Local {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.set(self.0.get() + bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_stream_need_not_be_send() {
    let runtime = paused();
    let _entered = runtime.enter();
    let count = Rc::new(Cell::new(0));
    let stream = Local(Rc::clone(&count));
    let ws = WebSocket::new(stream, Connection::server(Config::default()), Inbox::new());
    let (mut reader, mut writer) = ws.split();
    settle(writer.send("Hello")).unwrap();
    assert_eq!(count.get(), 7);
    assert_eq!(settle(reader.receive()).unwrap(), Some(Message::from(Vec::new())));
}

#[test]
fn futures_are_small() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, _peer) = open::<KnownClient>();
    let check = |name: &str, size: usize| assert!(size < 256, "{name}: {size} bytes");
    check("receive", size_of_val(&ws.receive()));
    check("receive_event", size_of_val(&ws.receive_event()));
    check("receive_with", size_of_val(&ws.receive_with(|_, _| ())));
    check("receive_chunk", size_of_val(&ws.receive_chunk()));
    check("send", size_of_val(&ws.send("Hello")));
    check("send_owned", size_of_val(&ws.send_owned("Hello")));
    check("feed", size_of_val(&ws.feed("Hello")));
    check("flush", size_of_val(&ws.flush()));
    check("close", size_of_val(&ws.close(CloseCode::NORMAL, "")));
}
