//! Both ends over the loopback, as `axum::serve` needs a listener.

use std::net::SocketAddr;

use hybi::Uri;
use hybi::connection::Closed;
use hybi::handshake::Acceptance;
use hybi_http_axum::{client, server};
use hybi_http_shared::client::{check, check_closed, check_refused, request};
use hybi_http_shared::server::Echo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;

const ORIGIN: &str = "http://example.com";
const FOREIGN: &str = "http://example.net";

async fn serve() -> (SocketAddr, UnboundedReceiver<Closed>) {
    let (echo, ended) = Echo::new(Acceptance::from_same_origin());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener, echo));
    (address, ended)
}

async fn connect(address: SocketAddr) -> TcpStream {
    let io = TcpStream::connect(address).await.unwrap();
    io.set_nodelay(true).unwrap();
    io
}

#[tokio::test]
async fn both_talk_and_close_over_http_1_1() {
    let (address, mut ended) = serve().await;
    let uri = Uri::parse("ws://example.com/echo").unwrap();
    let io = connect(address).await;
    check_refused(client::open(io, &request(&uri, FOREIGN)).await.unwrap());
    let io = connect(address).await;
    check(client::open(io, &request(&uri, ORIGIN)).await.unwrap(), "HTTP/1.1", 1).await;
    check_closed(ended.recv().await);
}

/// The same handler serves extended CONNECT, which hyper upgrades as well.
#[tokio::test]
async fn both_talk_and_close_over_http_2() {
    let (address, mut ended) = serve().await;
    let uri = Uri::parse("ws://example.com/echo").unwrap();
    let io = connect(address).await;
    let requests = hybi_http_h2::client::connect(io).await.unwrap();
    let open =
        async |origin| hybi_http_h2::client::open(&requests, &request(&uri, origin)).await.unwrap();
    check_refused(open(FOREIGN).await);
    for n in 0..5 {
        check(open(ORIGIN).await, "HTTP/2.0", n).await;
        check_closed(ended.recv().await);
    }
}
