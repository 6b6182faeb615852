//! Both ends over one connection, in memory.

use hybi::Uri;
use hybi::connection::Closed;
use hybi::handshake::Acceptance;
use hybi_http_h2::{client, server};
use hybi_http_shared::conversation::{Opening, converse, messages, request};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

const URI: &str = "ws://example.com/echo";

/// Serves a connection in memory. Returns what its client sends requests with, and how the
/// WebSockets have ended for the server.
async fn connect() -> (h2::client::SendRequest<bytes::Bytes>, UnboundedReceiver<Closed>) {
    // Much smaller than the messages and the windows of HTTP/2.
    let (near, far) = tokio::io::duplex(1000);
    let (ends, ended) = unbounded_channel();
    tokio::spawn(server::serve(far, Acceptance::from_same_origin(), ends));
    (client::connect(near).await.unwrap(), ended)
}

#[tokio::test]
async fn five_websockets_talk_on_one_connection_and_close() {
    let (requests, mut ended) = connect().await;
    let mut clients = JoinSet::new();
    for n in 0..5 {
        let requests = requests.clone();
        clients.spawn(async move {
            let uri = Uri::parse(URI).unwrap();
            let opening = client::open(&requests, &request(&uri, "http://example.com")).await;
            let Opening::Open(ws, subprotocol, transport) = opening.unwrap() else {
                panic!("refused")
            };
            assert_eq!(subprotocol.as_deref(), Some("v2.echo"));
            assert!(ws.deflate().is_some());
            let messages = messages(n);
            let (answers, closed) = converse(ws, transport, &messages).await.unwrap();
            assert_eq!(answers[0], "HTTP/2.0");
            assert_eq!(answers[1..], messages);
            assert_eq!(closed.to_string(), "1000 \"that was all\"");
        });
    }
    clients.join_all().await;
    for _ in 0..5 {
        let closed = ended.recv().await.unwrap();
        assert_eq!(closed.to_string(), "1000 \"that was all\"");
    }
    drop(requests);
    assert_eq!(ended.recv().await, None, "five, and the connection has ended");
}
