//! Time-outs, by a clock that stands still until everybody waits.

use std::time::Duration;

use hybi::Uri;
use hybi::handshake::{Acceptance, ClientRequest};
use hybi_tokio::{AcceptError, Acceptor, ConnectError, Connector, receive_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_takes_the_time_that_the_caller_gives() {
    let uri = Uri::parse("ws://a/").unwrap();
    for (connector, want) in
        [(Connector::new(), 30), (Connector::new().timeout(Duration::from_secs(7)), 7)]
    {
        let (client, _server) = duplex(1024);
        let start = Instant::now();
        let error = connector.connect_over(client, &ClientRequest::new(&uri)).await.unwrap_err();
        assert!(matches!(error, ConnectError::TimedOut), "{error}");
        assert_eq!(start.elapsed().as_secs(), want);
    }
}

/// The rest of a refusal only explains.
#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_not_waited_for_long() {
    let (client, mut server) = duplex(1024);
    let answering = tokio::spawn(async move {
        let head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\nbusy";
        server.write_all(head).await.unwrap();
        std::future::pending::<()>().await;
        drop(server);
    });
    let (start, uri) = (Instant::now(), Uri::parse("ws://a/").unwrap());
    let error = Connector::new().connect_over(client, &ClientRequest::new(&uri)).await.unwrap_err();
    let ConnectError::Refused(refusal) = error else { panic!("{error}") };
    assert_eq!((refusal.response().status(), refusal.body()), (503, &b"busy"[..]));
    assert!(!refusal.is_complete());
    assert_eq!(start.elapsed().as_secs(), 5);
    answering.abort();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_silent_does_not_hold_a_server() {
    for sent in [&b""[..], b"GET / HTT", b"GET / HTTP/1.1\r\nHost: a\r\n"] {
        let (mut client, server) = duplex(1024);
        client.write_all(sent).await.unwrap();
        let start = Instant::now();
        let error = receive_request(server).await.unwrap_err();
        assert!(matches!(error, AcceptError::TimedOut), "{error}");
        assert_eq!(start.elapsed().as_secs(), 10);
    }
}

/// A byte now and then does not put it off, nor does a slow decision.
#[tokio::test(start_paused = true)]
async fn the_time_is_that_of_the_whole_handshake() {
    let (mut client, server) = duplex(1024);
    let trickling = tokio::spawn(async move {
        for byte in *b"GET / HTTP/1.1\r\nHost: a\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
            client.write_all(&[byte]).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let start = Instant::now();
    let error = receive_request(server).await.unwrap_err();
    assert!(matches!(error, AcceptError::TimedOut), "{error}");
    assert_eq!(start.elapsed().as_secs(), 10);
    trickling.abort();

    // The client does not read, so the response cannot be written.
    let (mut client, server) = duplex(256);
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    client.write_all(request).await.unwrap();
    let start = Instant::now();
    let acceptance = Acceptance::from_any_origin().field("X", "x".repeat(1000));
    let pending = Acceptor::new().receive_request(server).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await; // to decide
    let error = pending.accept(&acceptance).await.unwrap_err();
    assert!(matches!(error, AcceptError::TimedOut), "{error}");
    assert_eq!(start.elapsed().as_secs(), 10);
    let mut partial = Vec::new();
    client.read_to_end(&mut partial).await.unwrap(); // the stream was dropped
    assert!(partial.starts_with(b"HTTP/1.1 101"));
}
