//! Through a SOCKS5 proxy. The bytes are those of RFC 1928 §3, §4, §6 and RFC 1929 §2.

use std::io::ErrorKind;
use std::time::Duration;

use hybi::handshake::{Acceptance, ClientRequest, HandshakeUsageError};
use hybi::{Message, Uri};
use hybi_tokio::{ConnectError, Connector, Proxy, receive_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The requests of a client, each with the answer of the proxy.
type Script = Vec<(Vec<u8>, Vec<u8>)>;

const NO_CREDENTIALS: &[u8] = b"\x05\x01\x00";
const OR_CREDENTIALS: &[u8] = b"\x05\x02\x00\x02";
const USER_SECRET: &[u8] = b"\x01\x04user\x06secret";
const CONNECT_A: &[u8] = b"\x05\x01\x00\x03\x01a\x00\x50"; // the name `a`, port 80
const SUCCEEDED: &[u8] = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";

fn script(steps: &[(&[u8], &[u8])]) -> Script {
    steps.iter().map(|&(sent, answer)| (sent.to_vec(), answer.to_vec())).collect()
}

/// Starts a proxy for one client, which follows the script and then hands out the stream.
async fn proxy_of(script: Script) -> (u16, JoinHandle<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for (want, answer) in script {
            let mut sent = vec![0; want.len()];
            stream.read_exact(&mut sent).await.unwrap();
            assert_eq!(sent, want);
            stream.write_all(&answer).await.unwrap();
        }
        stream
    });
    (port, proxy)
}

/// The error of connecting to `ws://a/` through a proxy that follows the script and then ends.
async fn error_of(steps: &[(&[u8], &[u8])], with_credentials: bool) -> ConnectError {
    let (port, serving) = proxy_of(script(steps)).await;
    let mut proxy = Proxy::socks5("127.0.0.1", port);
    if with_credentials {
        proxy = proxy.credentials("user", "secret");
    }
    let uri = Uri::parse("ws://a/").unwrap();
    let connector = Connector::new().proxy(proxy);
    let request = ClientRequest::new(&uri);
    let (result, ()) = tokio::join!(connector.connect(&request), async {
        drop(serving.await.unwrap());
    });
    result.unwrap_err()
}

#[track_caller]
fn is_socks(error: &ConnectError, want: ErrorKind) {
    let ConnectError::Socks(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), want, "{error}");
    assert!(error.to_string().contains("(RFC 192"), "{error}");
}

/// Names, IPv4 and IPv6 addresses (RFC 1928 §5) go to the proxy as they are.
#[tokio::test]
async fn a_socks_proxy_leads_to_the_server() {
    let ipv6 = [b"\x05\x01\x00\x04".as_slice(), &[0x20, 0x01, 0x0d, 0xb8], &[0; 11], &[1]];
    for (host, connect) in [
        ("chat.invalid:8080", b"\x05\x01\x00\x03\x0cchat.invalid\x1f\x90".to_vec()),
        ("192.0.2.7", b"\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50".to_vec()),
        ("[2001:db8::1]", [&ipv6.concat()[..], b"\x00\x50"].concat()),
    ] {
        // The address that the proxy uses, in each of its forms.
        for reply in [
            SUCCEEDED,
            b"\x05\x00\x00\x03\x02ab\x00\x50",
            &[&b"\x05\x00\x00\x04"[..], &[0; 18]].concat(),
        ] {
            let steps = [(NO_CREDENTIALS, &b"\x05\x00"[..]), (&connect[..], reply)];
            let (port, proxy) = proxy_of(script(&steps)).await;
            let serving = tokio::spawn(async move {
                // From here on it is the server.
                let pending = receive_request(proxy.await.unwrap()).await.unwrap();
                let mut ws = pending.accept(&Acceptance::from_any_origin()).await.unwrap();
                ws.send("Hello").await.unwrap();
                assert_eq!(ws.receive().await.unwrap(), None);
            });
            let uri = Uri::parse(&format!("ws://{host}/")).unwrap();
            let connector = Connector::new().proxy(Proxy::socks5("localhost", port));
            let mut ws = connector.connect(&ClientRequest::new(&uri)).await.unwrap();
            assert_eq!(ws.receive().await.unwrap(), Some(Message::from("Hello")));
            ws.terminate(Duration::from_secs(60)).await;
            serving.await.unwrap();
        }
    }
}

/// The proxy sees the host's name, and TLS.
#[cfg(feature = "rustls")]
#[tokio::test]
async fn tls_goes_through_a_socks_proxy() {
    let crate::tls::Tls { server, client } = crate::tls::tls();
    let connect = b"\x05\x01\x00\x03\x09localhost\x01\xbb"; // port 443
    let steps = [(NO_CREDENTIALS, &b"\x05\x00"[..]), (connect, SUCCEEDED)];
    let (port, proxy) = proxy_of(script(&steps)).await;
    let serving = tokio::spawn(async move {
        let stream = proxy.await.unwrap();
        let stream = hybi_tokio::tokio_rustls::TlsAcceptor::from(server).accept(stream).await;
        let pending = receive_request(stream.unwrap()).await.unwrap();
        let mut ws = pending.accept(&Acceptance::from_any_origin()).await.unwrap();
        ws.send("Hello").await.unwrap();
        assert_eq!(ws.receive().await.unwrap(), None);
    });
    let uri = Uri::parse("wss://localhost/").unwrap();
    let connector = Connector::new().tls(client).proxy(Proxy::socks5("127.0.0.1", port));
    let mut ws = connector.connect(&ClientRequest::new(&uri)).await.unwrap();
    assert!(ws.stream().is_tls());
    assert_eq!(ws.receive().await.unwrap(), Some(Message::from("Hello")));
    ws.terminate(Duration::from_secs(60)).await;
    serving.await.unwrap();
}

/// The server's first bytes may come together with the proxy's consent.
#[tokio::test]
async fn nothing_after_the_reply_is_lost() {
    let refusal = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    let reply = [SUCCEEDED, refusal].concat();
    let error = error_of(&[(NO_CREDENTIALS, b"\x05\x00"), (CONNECT_A, &reply)], false).await;
    let ConnectError::Refused(refusal) = error else { panic!("{error}") };
    assert_eq!(refusal.response().status(), 503);
}

/// RFC 1929. They are offered, and sent only if the proxy asks for them.
#[tokio::test]
async fn credentials_are_sent_if_the_proxy_asks() {
    let connect = (CONNECT_A, &b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"[..]);
    for steps in [
        &[(OR_CREDENTIALS, &b"\x05\x02"[..]), (USER_SECRET, b"\x01\x00"), connect][..],
        &[(OR_CREDENTIALS, b"\x05\x00"), connect],
    ] {
        is_socks(&error_of(steps, true).await, ErrorKind::ConnectionRefused);
    }
}

#[tokio::test]
async fn a_proxy_that_wants_other_credentials_is_named() {
    for (steps, with_credentials, want) in [
        // RFC 1928 §3: no acceptable methods.
        (&[(NO_CREDENTIALS, &b"\x05\xff"[..])][..], false, "other credentials"),
        (&[(OR_CREDENTIALS, b"\x05\xff")], true, "other credentials"),
        // RFC 1929 §2: any status but 0.
        (
            &[(OR_CREDENTIALS, b"\x05\x02"), (USER_SECRET, b"\x01\x01")],
            true,
            "refused the user name",
        ),
    ] {
        let error = error_of(steps, with_credentials).await;
        is_socks(&error, ErrorKind::PermissionDenied);
        assert!(error.to_string().contains(want), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

/// RFC 1928 §6.
#[tokio::test]
async fn each_refusal_of_a_socks_proxy_is_told_apart() {
    for (code, kind) in [
        (1, ErrorKind::Other),
        (2, ErrorKind::PermissionDenied),
        (3, ErrorKind::NetworkUnreachable),
        (4, ErrorKind::HostUnreachable),
        (5, ErrorKind::ConnectionRefused),
        (6, ErrorKind::TimedOut),
        (7, ErrorKind::Unsupported),
        (8, ErrorKind::Unsupported),
        (9, ErrorKind::InvalidData), // unassigned
        (255, ErrorKind::InvalidData),
    ] {
        let reply = [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        let error = error_of(&[(NO_CREDENTIALS, b"\x05\x00"), (CONNECT_A, &reply)], false).await;
        is_socks(&error, kind);
        assert!((9..=255).contains(&code) || error.to_string().contains(&format!("reply {code}")));
    }
}

#[tokio::test]
async fn what_is_not_socks_is_an_error() {
    let chosen = (NO_CREDENTIALS, &b"\x05\x00"[..]);
    for steps in [
        &[(NO_CREDENTIALS, &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..])][..],
        &[(NO_CREDENTIALS, b"\x04\x00")], // version 4
        &[(NO_CREDENTIALS, b"\x05\x01")], // GSSAPI, which was not offered
        &[(NO_CREDENTIALS, b"\x05\x02")], // nor was this
        &[chosen, (CONNECT_A, b"\x04\x00\x00\x01\x00\x00\x00\x00\x00\x00")],
        &[chosen, (CONNECT_A, b"\x05\x00\x01\x01\x00\x00\x00\x00\x00\x00")], // reserved
        &[chosen, (CONNECT_A, b"\x05\x00\x00\x02\x00\x00\x00\x00\x00\x00")], // no such address
        &[chosen, (CONNECT_A, b"\x05\x00\x00\x03\x02\xff\xff\x00\x50")],
    ] {
        is_socks(&error_of(steps, false).await, ErrorKind::InvalidData);
    }
    let steps = [(OR_CREDENTIALS, &b"\x05\x02"[..]), (USER_SECRET, b"\x05\x00")];
    is_socks(&error_of(&steps, true).await, ErrorKind::InvalidData);
}

/// Wherever the proxy ends the stream, as some do instead of an answer.
#[tokio::test]
async fn a_proxy_that_breaks_off_is_an_error() {
    for at in 0..2 {
        let error = error_of(&[(NO_CREDENTIALS, &b"\x05\x00"[..at])], false).await;
        let ConnectError::Socks(error) = error else { panic!("{at}: {error}") };
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
    for at in 0..SUCCEEDED.len() {
        let steps = [(NO_CREDENTIALS, &b"\x05\x00"[..]), (CONNECT_A, &SUCCEEDED[..at])];
        let error = error_of(&steps, false).await;
        let ConnectError::Socks(error) = error else { panic!("{at}: {error}") };
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}

/// The time-out of the connector is for all of it.
#[tokio::test]
async fn a_proxy_that_hangs_does_not_hold_the_client() {
    let chosen = (NO_CREDENTIALS, &b"\x05\x00"[..]);
    for steps in [
        &[(NO_CREDENTIALS, &b""[..])][..],
        &[(NO_CREDENTIALS, b"\x05")],
        &[chosen, (CONNECT_A, b"")],
        &[chosen, (CONNECT_A, &SUCCEEDED[..9])],
    ] {
        let (port, proxy) = proxy_of(script(steps)).await;
        let (held, holds) = oneshot::channel();
        let holding = tokio::spawn(async move {
            held.send(proxy.await.unwrap()).unwrap();
        });
        let uri = Uri::parse("ws://a/").unwrap();
        let start = Instant::now();
        let connecting = tokio::spawn(async move {
            let connector = Connector::new().proxy(Proxy::socks5("127.0.0.1", port));
            connector.connect(&ClientRequest::new(&uri)).await
        });
        // The script has been followed: from here on nobody says anything.
        let stream = holds.await.unwrap();
        tokio::time::pause();
        let error = connecting.await.unwrap().unwrap_err();
        assert!(matches!(error, ConnectError::TimedOut), "{error}");
        assert_eq!(start.elapsed().as_secs(), 30);
        tokio::time::resume();
        holding.await.unwrap();
        drop(stream);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_opens_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let uri = Uri::parse("ws://a/").unwrap();
    let long = "x".repeat(256);
    for (user, password) in [("", "secret"), ("user", ""), (&*long, "secret"), ("user", &*long)] {
        let proxy = Proxy::socks5("127.0.0.1", port).credentials(user, password);
        let connector = Connector::new().proxy(proxy);
        let error = connector.connect(&ClientRequest::new(&uri)).await.unwrap_err();
        is_socks(&error, ErrorKind::InvalidInput);
    }
    let uri = Uri::parse(&format!("ws://{long}/")).unwrap();
    let connector = Connector::new().proxy(Proxy::socks5("127.0.0.1", port));
    let error = connector.connect(&ClientRequest::new(&uri)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Usage(HandshakeUsageError::Host)), "{error}");
    let listener = listener.into_std().unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// They fit exactly.
#[tokio::test]
async fn the_longest_credentials_and_name_are_sent_whole() {
    let (text, host) = ("x".repeat(255), "h".repeat(255));
    let credentials = [b"\x01\xff", text.as_bytes(), b"\xff", text.as_bytes()].concat();
    let connect = [b"\x05\x01\x00\x03\xff", host.as_bytes(), b"\x00\x50"].concat();
    let steps = [
        (OR_CREDENTIALS, &b"\x05\x02"[..]),
        (&credentials[..], b"\x01\x00"),
        (&connect[..], b"\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"),
    ];
    let (port, serving) = proxy_of(script(&steps)).await;
    let uri = Uri::parse(&format!("ws://{host}/")).unwrap();
    let proxy = Proxy::socks5("127.0.0.1", port).credentials(&*text, &*text);
    let connector = Connector::new().proxy(proxy);
    let error = connector.connect(&ClientRequest::new(&uri)).await.unwrap_err();
    is_socks(&error, ErrorKind::HostUnreachable);
    serving.await.unwrap();
}

#[test]
fn nothing_prints_the_credentials_for_a_socks_proxy() {
    let connector = Connector::new().proxy(Proxy::socks5("p", 1080).credentials("me", "hunter2"));
    let printed = format!("{connector:?}");
    assert!(printed.contains("1080") && !printed.contains("hunter2"), "{printed}");
    assert!(!printed.contains("\"me\""), "{printed}");
}
