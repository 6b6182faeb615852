//! Both ends on a connection in memory.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hybi::connection::{Abnormal, Closed};
use hybi::handshake::Acceptance;
use hybi::{CutOff, Uri};
use hybi_http_hyper::{client, server};
use hybi_http_shared::client::{Opening, check, check_closed, check_refused, request};
use hybi_http_shared::server::Echo;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::UnboundedReceiver;

const URI: &str = "ws://example.com/echo";
const ORIGIN: &str = "http://example.com";

/// Serves a connection in memory, with few bytes on their way. Returns the client's end, and how
/// the WebSocket has ended for the server.
fn connect() -> (DuplexStream, UnboundedReceiver<Closed>) {
    let (near, far) = tokio::io::duplex(1000);
    let (echo, ended) = Echo::new(Acceptance::from_same_origin());
    tokio::spawn(server::serve(far, echo));
    (near, ended)
}

#[tokio::test]
async fn both_talk_and_close() {
    let (io, mut ended) = connect();
    let opening = client::open(io, &request(&Uri::parse(URI).unwrap(), ORIGIN)).await;
    check(opening.unwrap(), "HTTP/1.1", 1).await;
    check_closed(ended.recv().await);
}

#[tokio::test]
async fn a_foreign_origin_is_refused() {
    let (io, mut ended) = connect();
    let uri = Uri::parse(URI).unwrap();
    check_refused(client::open(io, &request(&uri, "http://example.net")).await.unwrap());
    assert_eq!(ended.recv().await, None, "there was no WebSocket");
}

/// The stack frames the bodies of the other responses, and keeps the connection.
#[tokio::test]
async fn a_connection_serves_pages_and_refusals_before_it_opens() {
    let (io, _ended) = connect();
    let (mut requests, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    for (path, status) in [("/", 200), ("/echo", 426), ("/other", 200)] {
        let request = Request::get(path).header("host", "example.com").body(Empty::<Bytes>::new());
        requests.ready().await.unwrap();
        let response = requests.send_request(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), status);
        assert!(!response.collect().await.unwrap().to_bytes().is_empty());
    }
}

#[tokio::test]
async fn a_client_that_vanishes_is_cut_off() {
    let (io, mut ended) = connect();
    let opening = client::open(io, &request(&Uri::parse(URI).unwrap(), ORIGIN)).await.unwrap();
    assert!(matches!(opening, Opening::Open(_)));
    drop(opening);
    let cut_off = Abnormal::CutOff(CutOff::BetweenMessages);
    assert_eq!(ended.recv().await, Some(Closed::Abnormal(cut_off)));
}
