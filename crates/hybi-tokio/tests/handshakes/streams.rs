//! Over TCP, and over streams of any kind.

use hybi::connection::{Abnormal, Closed};
use hybi::handshake::{Acceptance, ClientRequest, HandshakeUsageError, Rejection, RequestError};
use hybi::{CloseCode, Config, CutOff, Message, Uri};
use hybi_tokio::{AcceptError, ConnectError, Connector, Error, connect, receive_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpListener;

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}

#[tokio::test]
async fn a_conversation_over_tcp_ends_cleanly_on_both_sides() -> Result {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let pending = receive_request(stream).await.unwrap();
        assert_eq!(pending.request().path(), "/chat");
        let mut ws = pending.accept(&Acceptance::from_same_origin()).await.unwrap();
        while let Some(message) = ws.receive().await.unwrap() {
            ws.send(&message).await.unwrap();
        }
        ws.closed().cloned()
    });
    let mut ws = connect(&format!("ws://{address}/chat")).await?;
    assert_eq!(ws.stream().get_ref().peer_addr()?, address);
    assert!(!ws.stream().is_tls());
    assert!(ws.stream().get_ref().nodelay()?);
    let long = "ä".repeat(100_000);
    for text in ["", "Hello", &long] {
        ws.send(text).await?;
        assert_eq!(ws.receive().await?, Some(Message::from(text)));
    }
    ws.close(CloseCode::NORMAL, "bye").await?;
    assert_eq!(ws.receive().await?, None);
    let closed = ws.closed().cloned().unwrap();
    assert_eq!((closed.code(), closed.reason(), closed.was_clean()), (1000, "bye", true));
    let closed = server.await?.unwrap();
    assert_eq!((closed.code(), closed.reason(), closed.was_clean()), (1000, "bye", true));
    Ok(())
}

/// Bytes after the head belong to the connection, in both directions.
#[tokio::test]
async fn frames_that_come_with_the_handshake_are_received() -> Result {
    let (mut client, server) = duplex(1024);
    client
        .write_all(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\
              \x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        )
        .await?;
    let mut ws = receive_request(server).await?.accept(&Acceptance::from_any_origin()).await?;
    assert_eq!(ws.receive().await?, Some(Message::from("Hello")));

    let (client, mut server) = duplex(1024);
    let answering = tokio::spawn(async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(server.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = hybi::handshake::Key::parse(key.as_bytes()).unwrap().accept();
        let accept = std::str::from_utf8(accept.as_bytes()).unwrap().to_owned();
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        server.write_all(&[head.as_bytes(), b"\x81\x05Hello"].concat()).await.unwrap();
        server
    });
    let target = uri("ws://a/");
    let mut ws = Connector::new().connect_over(client, &ClientRequest::new(&target)).await?;
    assert_eq!(ws.receive().await?, Some(Message::from("Hello")));
    drop(answering.await?); // without a Close frame
    assert_eq!(ws.receive().await?, None);
    let cut_off = Abnormal::CutOff(CutOff::BetweenMessages);
    assert_eq!(ws.closed(), Some(&Closed::Abnormal(cut_off)));
    Ok(())
}

#[tokio::test]
async fn what_is_agreed_on_is_known_on_both_sides() -> Result {
    let (client, server) = duplex(1024);
    let accepting = tokio::spawn(async move {
        let pending = receive_request(server).await.unwrap();
        let chosen = pending.request().choose_subprotocol(&["v2", "v1"]);
        let acceptance = Acceptance::from_same_origin().subprotocol(chosen).config(config());
        let ws = pending.accept(&acceptance).await.unwrap();
        #[cfg(feature = "deflate")]
        assert!(ws.deflate().is_some());
        ws.subprotocol().map(str::to_owned)
    });
    let target = uri("ws://a/");
    let request = ClientRequest::new(&target).subprotocol("v1").subprotocol("v2").config(config());
    let ws = Connector::new().connect_over(client, &request).await?;
    assert_eq!(ws.subprotocol(), Some("v2"));
    assert_eq!(ws.response().unwrap().status(), 101);
    #[cfg(feature = "deflate")]
    assert!(ws.deflate().is_some());
    assert_eq!(accepting.await?.as_deref(), Some("v2"));
    Ok(())
}

fn config() -> Config {
    #[cfg(feature = "deflate")]
    return Config::default().deflate(hybi::extension::deflate::DeflateConfig::default());
    #[cfg(not(feature = "deflate"))]
    return Config::default();
}

#[tokio::test]
async fn a_refusal_arrives_with_its_body() -> Result {
    for (origin, rejection) in [
        (Some("https://evil.example"), None),
        (None, Some(Rejection::new(401).field("WWW-Authenticate", "Basic"))),
    ] {
        let (client, server) = duplex(1024);
        let rejecting = tokio::spawn(async move {
            let pending = receive_request(server).await?;
            match rejection {
                Some(rejection) => pending.reject(&rejection).await,
                None => pending.accept(&Acceptance::from_same_origin()).await.map(drop),
            }
        });
        let target = uri("ws://a/");
        let request = ClientRequest::new(&target).origin(origin);
        let refused = Connector::new().connect_over(client, &request).await.unwrap_err();
        let ConnectError::Refused(refusal) = refused else { panic!("{refused}") };
        assert!(refusal.is_complete());
        match rejecting.await? {
            Ok(()) => {
                assert_eq!(refusal.response().status(), 401);
                assert_eq!(refusal.response().field("www-authenticate"), Some(&b"Basic"[..]));
            }
            Err(AcceptError::Request(RequestError::Origin)) => {
                assert_eq!(refusal.response().status(), 403);
                assert!(!refusal.body().is_empty());
            }
            Err(error) => panic!("{error}"),
        }
    }
    Ok(())
}

/// Also to one that never reads it.
#[tokio::test(start_paused = true)]
async fn a_bad_request_is_answered() -> Result {
    let (mut client, server) = duplex(1024);
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await?;
    let error = receive_request(server).await.unwrap_err();
    assert!(matches!(error, AcceptError::Request(RequestError::HostRepeated)), "{error}");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");

    let (mut client, server) = duplex(16);
    let sending = tokio::spawn(async move {
        client.write_all(b"nonsense\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
        drop(client);
    });
    assert!(matches!(receive_request(server).await, Err(AcceptError::Request(_))));
    sending.abort();
    Ok(())
}

#[tokio::test]
async fn our_mistake_is_a_500() -> Result {
    let (client, server) = duplex(1024);
    let accepting = tokio::spawn(async move {
        let pending = receive_request(server).await.unwrap();
        pending.accept(&Acceptance::from_any_origin().subprotocol("x")).await.map(drop)
    });
    let target = uri("ws://a/");
    let error = Connector::new().connect_over(client, &ClientRequest::new(&target)).await;
    let Err(ConnectError::Refused(refusal)) = error else { panic!() };
    assert_eq!(refusal.response().status(), 500);
    let error = accepting.await?.unwrap_err();
    assert!(matches!(error, AcceptError::Usage(HandshakeUsageError::SubprotocolNotOffered)));
    Ok(())
}

#[tokio::test]
async fn an_address_that_refuses_is_told() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = connect(&format!("ws://{free}/")).await.unwrap_err();
    let ConnectError::Connect(failures) = error else { panic!("{error}") };
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].address, free);
    assert_eq!(failures[0].error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn no_uri_no_connection() {
    assert!(matches!(connect("http://a/").await, Err(ConnectError::Uri(_))));
    assert!(matches!(connect("ws://a/#b").await, Err(ConnectError::Uri(_))));
}

#[tokio::test]
async fn nothing_can_be_sent_after_the_end_and_the_error_says_why() -> Result {
    let (client, server) = duplex(1024);
    let accepting = tokio::spawn(async move {
        let mut ws = receive_request(server)
            .await
            .unwrap()
            .accept(&Acceptance::from_any_origin())
            .await
            .unwrap();
        ws.close(CloseCode::POLICY_VIOLATION, "no").await.unwrap();
        while ws.receive().await.unwrap().is_some() {}
    });
    let target = uri("ws://a/");
    let mut ws = Connector::new().connect_over(client, &ClientRequest::new(&target)).await?;
    assert_eq!(ws.receive().await?, None);
    accepting.await?;
    let error = ws.send("too late").await.unwrap_err();
    let Error::Closed(closed) = error else { panic!("{error}") };
    assert_eq!((closed.code(), closed.reason()), (1008, "no"));
    Ok(())
}
