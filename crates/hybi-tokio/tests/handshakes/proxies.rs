//! Through an HTTP proxy.

use hybi::Message;
use hybi::Uri;
use hybi::handshake::{Acceptance, ClientRequest};
use hybi_tokio::{ConnectError, Connector, HttpProxy, Proxy, receive_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Reads a head, which must begin as the test says.
async fn head(stream: &mut TcpStream, start: &str) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with(start), "{head}");
    head
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn a_tunnel_leads_to_the_server() {
    let (listener, port) = listen().await;
    let proxy = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = head(&mut stream, "CONNECT chat.example:80 HTTP/1.1\r\n").await;
        assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"), "{head}");
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        // From here on it is the server.
        let pending = receive_request(stream).await.unwrap();
        assert_eq!(pending.request().host(), Some("chat.example"));
        let mut ws = pending.accept(&Acceptance::from_any_origin()).await.unwrap();
        ws.send("Hello").await.unwrap();
        assert_eq!(ws.receive().await.unwrap(), None);
    });
    let uri = Uri::parse("ws://chat.example/").unwrap();
    let connector =
        Connector::new().proxy(Proxy::http("localhost", port).credentials("user", "secret"));
    let mut ws = connector.connect(&ClientRequest::new(&uri)).await.unwrap();
    assert_eq!(ws.receive().await.unwrap(), Some(Message::from("Hello")));
    ws.terminate(std::time::Duration::from_secs(60)).await;
    proxy.await.unwrap();
}

/// RFC 9112 §9.3: a response with a length leaves the connection usable.
#[tokio::test]
async fn a_demand_for_credentials_is_answered_on_the_same_connection() {
    let (listener, port) = listen().await;
    let proxy = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let first = head(&mut stream, "CONNECT a:80 ").await;
        assert!(!first.contains("Proxy-Authorization"));
        let demand = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\
                      Proxy-Authenticate: Bearer\r\n\r\nno";
        stream.write_all(demand.as_bytes()).await.unwrap();
        let second = head(&mut stream, "CONNECT a:80 ").await;
        assert!(second.contains("\r\nProxy-Authorization: Bearer a:80\r\n"), "{second}");
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    });
    let authorized = HttpProxy::new("127.0.0.1", port).authorize(|refusal, target| {
        assert_eq!(refusal.body(), b"no");
        Some(format!("Bearer {target}"))
    });
    let uri = Uri::parse("ws://a/").unwrap();
    let error =
        Connector::new().proxy(Proxy::from(authorized)).connect(&ClientRequest::new(&uri)).await;
    let Err(ConnectError::ProxyRefused(refusal)) = error else { panic!("{error:?}") };
    assert_eq!(refusal.response().status(), 403);
    proxy.await.unwrap();
}

/// In TLS the client speaks first, so these bytes are not the server's.
#[tokio::test]
async fn bytes_before_tls_are_an_error() {
    let (listener, port) = listen().await;
    let proxy = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream, "CONNECT a:443 ").await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        stream
    });
    let uri = Uri::parse("wss://a/").unwrap();
    let connector = Connector::new().proxy(Proxy::http("127.0.0.1", port));
    let error = connector.connect_tcp(&uri).await.unwrap_err();
    let ConnectError::Io(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    proxy.await.unwrap();
}
