//! Upgrades of hyper, over both versions of HTTP.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hybi::connection::Closed;
use hybi::handshake::{HandshakeUsageError, Key, ResponseError};
use hybi::{Client, CloseCode, Message, Role, Server};
use hybi_tokio::hyper::{
    UpgradeError, UpgradedSocket, UpgradedStream, Upgrading, open, read_request,
    request as to_send, upgrade,
};
use hybi_tokio::{ConnectError, Connector, WebSocket, http2, receive_request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::support::{ORIGIN, acceptance, converse, echo, noise, request, uri};

type Answer = Result<Response<Full<Bytes>>, Infallible>;

/// Passes WebSockets on, or answers with the refusal.
async fn respond(
    mut request: Request<Incoming>,
    opened: UnboundedSender<Result<UpgradedSocket, UpgradeError>>,
) -> Answer {
    assert_eq!(read_request(&request).unwrap().path(), "/chat");
    Ok(match upgrade(&mut request, &acceptance()) {
        Ok((response, upgrading)) => {
            tokio::spawn(async move { opened.send(upgrading.await) });
            response.map(|()| Full::default())
        }
        Err(error) => error.response().map(Full::new),
    })
}

type Opened = UnboundedReceiver<Result<UpgradedSocket, UpgradeError>>;

fn serve_http1(stream: DuplexStream) -> Opened {
    let (sender, opened) = unbounded_channel();
    let service = service_fn(move |request| respond(request, sender.clone()));
    let connection = server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::spawn(connection);
    opened
}

fn serve_http2(stream: DuplexStream) -> Opened {
    let (sender, opened) = unbounded_channel();
    let service = service_fn(move |request| respond(request, sender.clone()));
    let connection = server::conn::http2::Builder::new(TokioExecutor::new())
        .enable_connect_protocol()
        .initial_connection_window_size(16 << 20)
        .serve_connection(TokioIo::new(stream), service);
    tokio::spawn(connection);
    opened
}

async fn next(opened: &mut Opened) -> UpgradedSocket {
    opened.recv().await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_conversation_over_http1_ends_at_once() {
    let (near, far) = duplex(1000);
    let mut opened = serve_http1(far);
    let uri = uri();
    let ws = Connector::new().connect_over(near, &request(&uri)).await.unwrap();
    let echo = tokio::spawn(echo(next(&mut opened).await));
    converse(ws, 0).await;
    assert_eq!(echo.await.unwrap().to_string(), "1000 (normal closure) \"that was all\"");
}

#[tokio::test(start_paused = true)]
async fn five_conversations_over_http2_end_at_once() {
    let (near, far) = duplex(1000);
    let mut opened = serve_http2(far);
    let (requests, connection) = http2::client_builder().handshake(near).await.unwrap();
    tokio::spawn(connection);
    let mut tasks = JoinSet::new();
    let uri = uri();
    let asked = request(&uri);
    for seed in 0..5 {
        let ws = Connector::new().connect_over_http2(&requests, &asked).await.unwrap();
        let server = next(&mut opened).await;
        tasks.spawn(converse(ws, seed));
        tasks.spawn(async {
            assert_eq!(echo(server).await.to_string(), "1000 (normal closure) \"that was all\"");
        });
    }
    tasks.join_all().await;
}

async fn open_over_http1(stream: DuplexStream) -> WebSocket<UpgradedStream, Client> {
    let (mut requests, connection) =
        client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let uri = uri();
    let asked = request(&uri);
    let prepared = asked.prepare().unwrap();
    let head = to_send(&prepared).unwrap().map(|()| Empty::<Bytes>::new());
    let mut response = requests.send_request(head).await.unwrap();
    open(&prepared, &mut response).unwrap().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_client_of_hyper_opens_websockets_over_http1() {
    let (near, far) = duplex(1000);
    let mut opened = serve_http1(far);
    let ws = open_over_http1(near).await;
    assert_eq!(ws.response().unwrap().status(), 101);
    let server = tokio::spawn(echo(next(&mut opened).await));
    converse(ws, 0).await;
    server.await.unwrap();

    // A server without hyper.
    let (near, far) = duplex(1000);
    let server = tokio::spawn(async {
        let pending = receive_request(far).await.unwrap();
        pending.accept(&acceptance()).await.unwrap()
    });
    let ws = open_over_http1(near).await;
    let server = tokio::spawn(echo(server.await.unwrap()));
    converse(ws, 1).await;
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_of_hyper_opens_websockets_over_http2() {
    let (near, far) = duplex(1000);
    let mut opened = serve_http2(far);
    let (mut requests, connection) =
        client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    // hyper does not tell when the settings have come. They come before any response.
    let page = Request::get("http://example.com/chat").body(Empty::<Bytes>::new()).unwrap();
    let response = requests.send_request(page).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);

    let uri = uri();
    let asked = request(&uri);
    let prepared = asked.prepare_connect().unwrap();
    let head = to_send(&prepared).unwrap().map(|()| Empty::<Bytes>::new());
    let mut response = requests.send_request(head).await.unwrap();
    let ws = open(&prepared, &mut response).unwrap().await.unwrap();
    assert_eq!(ws.response().unwrap().status(), 200);
    let echo = tokio::spawn(echo(next(&mut opened).await));
    converse(ws, 0).await;
    echo.await.unwrap();
}

/// Each order in which the two sides close.
#[tokio::test(start_paused = true)]
async fn every_order_of_closing_comes_to_its_end_at_once() {
    async fn to_the_end<S, R: Role>(mut ws: WebSocket<S, R>) -> Closed
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        while ws.receive().await.unwrap().is_some() {}
        ws.closed().unwrap().clone()
    }
    let uri = uri();
    for (client_closes, server_closes) in [(true, false), (false, true), (true, true)] {
        let (near, far) = duplex(1000);
        let mut opened = serve_http2(far);
        let (requests, connection) = http2::client_builder().handshake(near).await.unwrap();
        tokio::spawn(connection);
        let asked = request(&uri);
        let mut client = Connector::new().connect_over_http2(&requests, &asked).await.unwrap();
        let mut server = next(&mut opened).await;
        let start = Instant::now();
        if client_closes {
            client.close(CloseCode::NORMAL, "").await.unwrap();
        }
        if server_closes {
            server.close(CloseCode::GOING_AWAY, "").await.unwrap();
        }
        let (client, server) = (tokio::spawn(to_the_end(client)), tokio::spawn(to_the_end(server)));
        assert!(client.await.unwrap().was_clean() && server.await.unwrap().was_clean());
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

/// A peer's first frames may come with its half of the handshake, in pieces of any kind.
#[tokio::test(start_paused = true)]
async fn frames_that_come_with_the_request_are_received() {
    let head = format!(
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: v2.chat\r\nOrigin: {ORIGIN}\r\n\r\n"
    );
    let bytes = [head.as_bytes(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"].concat();
    for cut in 1..=bytes.len() {
        let (mut near, far) = duplex(1000);
        let mut opened = serve_http1(far);
        near.write_all(&bytes[..cut]).await.unwrap();
        if cut < bytes.len() {
            tokio::task::yield_now().await;
            near.write_all(&bytes[cut..]).await.unwrap();
        }
        let mut ws = next(&mut opened).await;
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from("Hello")), "{cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn frames_that_come_with_the_response_are_received() {
    let mut cut = 1;
    loop {
        let (near, mut far) = duplex(1000);
        let opening = tokio::spawn(open_over_http1(near));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(far.read_u8().await.unwrap()));
        }
        let (_, key) = head.split_once("sec-websocket-key: ").unwrap();
        let key = Key::parse(&key.as_bytes()[..24]).unwrap();
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n\x01\x02He",
            key.accept()
        );
        let bytes = [response.as_bytes(), b"\x80\x03llo"].concat();
        let (first, second) = bytes.split_at(cut);
        far.write_all(first).await.unwrap();
        tokio::task::yield_now().await;
        far.write_all(second).await.unwrap();
        let mut ws = opening.await.unwrap();
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from("Hello")), "{cut}");
        if second.is_empty() {
            break;
        }
        cut += 1;
    }
}

/// It would wait for ever: hyper upgrades once the response has been sent.
#[tokio::test(start_paused = true)]
async fn to_wait_before_the_response_is_an_error_that_names_the_cure() {
    let (near, far) = duplex(1000);
    let found = Arc::new(Mutex::new(None));
    let note = Arc::clone(&found);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let note = Arc::clone(&note);
        async move {
            let (response, upgrading) = upgrade(&mut request, &acceptance()).unwrap();
            let start = Instant::now();
            let error = upgrading.await.unwrap_err();
            *note.lock().unwrap() = Some((error, start.elapsed()));
            Ok::<_, Infallible>(response.map(|()| Full::<Bytes>::default()))
        }
    });
    let connection =
        server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
    tokio::spawn(connection.with_upgrades());
    let uri = uri();
    let _ = Connector::new().connect_over(near, &request(&uri)).await;
    let (error, waited) = found.lock().unwrap().take().unwrap();
    assert!(matches!(error, UpgradeError::TimedOut));
    assert_eq!((error.name(), waited.as_secs()), ("upgrade-timed-out", 10));
    assert!(error.to_string().contains("return the response before you wait"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_upgrades_is_an_error_that_names_the_cure() {
    let (near, far) = duplex(1000);
    let (sender, mut opened) = unbounded_channel();
    let service = service_fn(move |request| respond(request, sender.clone()));
    let connection =
        server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
    tokio::spawn(connection);
    let uri = uri();
    let _ws = Connector::new().connect_over(near, &request(&uri)).await;
    let error = opened.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, UpgradeError::Hyper(_)), "{error}");
    assert!(error.to_string().contains("with_upgrades()"), "{error}");
}

/// hyper keeps the connection after a refusal.
#[tokio::test(start_paused = true)]
async fn a_refused_request_gets_its_response_and_the_connection_goes_on() {
    let (mut near, far) = duplex(1000);
    let mut opened = serve_http1(far);
    let page = b"GET /chat HTTP/1.1\r\nHost: example.com\r\n\r\n";
    near.write_all(page).await.unwrap();
    let text = read_response(&mut near).await;
    assert!(text.starts_with("HTTP/1.1 426 "), "{text}");
    assert!(text.contains("upgrade: websocket\r\n"), "{text}");
    assert!(text.contains("sec-websocket-version: 13\r\n"), "{text}");

    let uri = uri();
    let foreign = request(&uri).origin("http://evil.example");
    let refused = Connector::new().connect_over(&mut near, &foreign).await;
    let Err(ConnectError::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.response().status(), 403);
    let body = std::str::from_utf8(refusal.body()).unwrap();
    assert!(refusal.is_complete() && body.contains("RFC 6455 §10.2"), "{body}");

    let ws = Connector::new().connect_over(near, &request(&uri)).await.unwrap();
    let echo = tokio::spawn(echo(next(&mut opened).await));
    converse(ws, 1).await;
    echo.await.unwrap();
}

/// Reads a response with a body whose length it tells.
async fn read_response(stream: &mut DuplexStream) -> String {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        text.push(char::from(stream.read_u8().await.unwrap()));
    }
    let (_, length) = text.split_once("content-length: ").unwrap();
    let length = length.split_once("\r\n").unwrap().0.parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    text + std::str::from_utf8(&body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_refusal_over_http2_comes_whole() {
    let (near, far) = duplex(1000);
    let _opened = serve_http2(far);
    let mut builder = http2::client_builder();
    builder.initial_window_size(7);
    let (requests, connection) = builder.handshake(near).await.unwrap();
    tokio::spawn(connection);
    let uri = uri();
    let foreign = request(&uri).origin("http://evil.example");
    let refused = Connector::new().connect_over_http2(&requests, &foreign).await;
    let Err(ConnectError::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.response().status(), 403);
    assert!(refusal.is_complete() && refusal.body().ends_with("§10.2)\n".as_bytes()));
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_of_hyper_keeps_the_response() {
    let (near, far) = duplex(1000);
    let _opened = serve_http1(far);
    let (mut requests, connection) =
        client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let uri = uri();
    let asked = request(&uri).origin("http://evil.example");
    let prepared = asked.prepare().unwrap();
    let head = to_send(&prepared).unwrap().map(|()| Empty::<Bytes>::new());
    let mut response = requests.send_request(head).await.unwrap();
    assert_eq!(open(&prepared, &mut response).unwrap_err(), ResponseError::Status { status: 403 });
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.ends_with("§10.2)\n".as_bytes()));
}

#[tokio::test]
async fn a_request_without_an_upgrade_of_hyper_is_a_500() {
    let uri = uri();
    let asked = request(&uri);
    let prepared = asked.prepare().unwrap();
    let mut request = prepared.to_http().unwrap();
    let error = upgrade(&mut request, &acceptance()).unwrap_err();
    assert!(matches!(error, UpgradeError::Unavailable));
    assert_eq!(error.response().status(), 500);
    let terms = acceptance().subprotocol("not-offered");
    let error = upgrade(&mut request, &terms).unwrap_err();
    let expected = HandshakeUsageError::SubprotocolNotOffered;
    assert!(matches!(&error, UpgradeError::Usage(error) if *error == expected));
    assert_eq!(error.response().status(), 500);
}

/// hyper takes whatever it is given.
#[tokio::test(start_paused = true)]
async fn what_is_sent_over_http2_to_a_peer_that_does_not_read_is_bounded() {
    let (near, far) = duplex(1000);
    let mut opened = serve_http2(far);
    let mut builder = http2::client_builder();
    builder.initial_window_size(1000);
    let (requests, connection) = builder.handshake(near).await.unwrap();
    tokio::spawn(connection);
    let uri = uri();
    let asked = request(&uri);
    let _unread = Connector::new().connect_over_http2(&requests, &asked).await.unwrap();
    let mut server = next(&mut opened).await;
    let long = Message::from(noise(1).take(4 << 20).collect::<Vec<_>>());
    let sending = server.send_owned(long);
    assert!(timeout(Duration::from_secs(1), sending).await.is_err());
    assert!(server.unsent_bytes() > (4 << 20) - 5 * (64 << 10), "{}", server.unsent_bytes());
}

#[tokio::test(start_paused = true)]
async fn what_has_been_sent_arrives_although_the_sender_is_dropped() {
    async fn part(mut server: UpgradedSocket, data: &Message) {
        server.send(data).await.unwrap();
        server.close(CloseCode::GOING_AWAY, "").await.unwrap();
    }
    let data = Message::from(noise(5).take(200_000).collect::<Vec<_>>());
    let uri = uri();
    let asked = request(&uri);

    let (near, far) = duplex(1000);
    let mut opened = serve_http1(far);
    let mut client = Connector::new().connect_over(near, &asked).await.unwrap();
    let server = next(&mut opened).await;
    let ((), received) = tokio::join!(part(server, &data), client.receive());
    assert!(received.unwrap().as_ref() == Some(&data));
    assert_eq!(client.receive().await.unwrap(), None);
    assert_eq!(client.closed().unwrap().code(), 1001);

    let (near, far) = duplex(1000);
    let mut opened = serve_http2(far);
    let (requests, connection) = http2::client_builder().handshake(near).await.unwrap();
    tokio::spawn(connection);
    let mut client = Connector::new().connect_over_http2(&requests, &asked).await.unwrap();
    let server = next(&mut opened).await;
    let ((), received) = tokio::join!(part(server, &data), client.receive());
    assert!(received.unwrap().as_ref() == Some(&data));
    assert_eq!(client.receive().await.unwrap(), None);
    assert_eq!(client.closed().unwrap().code(), 1001);
}

#[test]
fn what_a_task_needs_is_send() {
    fn is_send<T: Send + 'static>() {}
    is_send::<Upgrading>();
    is_send::<Upgrading<Client>>();
    is_send::<WebSocket<UpgradedStream, Server>>();
}
