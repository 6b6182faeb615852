//! Over TLS, with certificates made for the test.

use std::sync::Arc;
use std::time::Duration;

use hybi::connection::{Abnormal, Closed};
use hybi::handshake::{Acceptance, ClientRequest};
use hybi::{CloseCode, CutOff, Message, Server, Uri};
use hybi_tokio::tokio_rustls::TlsAcceptor;
use hybi_tokio::tokio_rustls::rustls::crypto::ring;
use hybi_tokio::tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use hybi_tokio::tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use hybi_tokio::tokio_rustls::server::TlsStream;
use hybi_tokio::{ConnectError, Connector, Error, Parts, WebSocket, receive_request};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Tls {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
}

/// A server's certificate for `localhost`, and a client that trusts it.
pub(crate) fn tls() -> Tls {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Tls { server: Arc::new(server), client: Arc::new(client) }
}

/// Starts a server for one connection, and connects to it.
async fn serve<F: Future<Output = ()> + Send + 'static>(
    with: impl FnOnce(WebSocket<TlsStream<TcpStream>, Server>) -> F + Send + 'static,
) -> (hybi_tokio::ClientSocket, tokio::task::JoinHandle<()>) {
    let Tls { server, client } = tls();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TlsAcceptor::from(server).accept(stream).await.unwrap();
        // The client offered h2 first. Had it been chosen, the upgrade would fail.
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let pending = receive_request(stream).await.unwrap();
        with(pending.accept(&Acceptance::from_same_origin()).await.unwrap()).await;
    });
    let uri = Uri::parse(&format!("wss://localhost:{port}/")).unwrap();
    let connector = Connector::new().tls(client);
    (connector.connect(&ClientRequest::new(&uri)).await.unwrap(), serving)
}

#[tokio::test]
async fn a_conversation_over_tls_ends_cleanly_on_both_sides() {
    let (mut ws, serving) = serve(|mut ws| async move {
        while let Some(message) = ws.receive().await.unwrap() {
            ws.send(&message).await.unwrap();
        }
        assert_eq!(ws.closed().map(Closed::code), Some(1000));
    })
    .await;
    assert!(ws.stream().is_tls());
    for text in ["Hello", &"x".repeat(300_000)] {
        ws.send(text).await.unwrap();
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from(text)));
    }
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(ws.receive().await.unwrap(), None);
    assert_eq!(ws.closed().map(Closed::code), Some(1000));
    serving.await.unwrap();
}

/// The server ends the TLS session properly, but sends no Close frame (RFC 6455 §7.1.1).
#[tokio::test]
async fn the_end_of_tls_without_a_close_frame_is_a_cut_off() {
    let (mut ws, serving) = serve(|ws| async move {
        let Parts { mut stream, .. } = ws.into_parts();
        stream.shutdown().await.unwrap();
    })
    .await;
    assert_eq!(ws.receive().await.unwrap(), None);
    let cut_off = Abnormal::CutOff(CutOff::BetweenMessages);
    assert_eq!(ws.closed(), Some(&Closed::Abnormal(cut_off)));
    serving.await.unwrap();
}

/// Anybody on the way can end TCP. TLS tells that apart (RFC 8446 §6.1).
#[tokio::test]
async fn the_end_of_tcp_without_the_end_of_tls_is_a_failure() {
    let (mut ws, serving) = serve(|ws| async move { drop(ws) }).await;
    let error = ws.receive().await.unwrap_err();
    let Error::Io(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(ws.closed(), Some(&Closed::Abnormal(Abnormal::Transport)));
    serving.await.unwrap();
}

/// After both Close frames there is nothing left to cut off.
#[tokio::test]
async fn the_end_of_tcp_after_both_close_frames_is_clean() {
    let (mut ws, serving) = serve(|mut ws| async move {
        ws.set_linger(Duration::ZERO);
        ws.close(CloseCode::NORMAL, "bye").await.unwrap();
        while ws.receive().await.unwrap().is_some() {}
    })
    .await;
    assert_eq!(ws.receive().await.unwrap(), None);
    assert_eq!(ws.closed().map(Closed::reason), Some("bye"));
    serving.await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (one, other) = (tls(), tls());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        for _ in 0..3 {
            let (stream, _) = listener.accept().await.unwrap();
            assert!(TlsAcceptor::from(Arc::clone(&one.server)).accept(stream).await.is_err());
        }
    });
    let localhost = Uri::parse(&format!("wss://localhost:{port}/")).unwrap();
    let address = Uri::parse(&format!("wss://127.0.0.1:{port}/")).unwrap();
    for (connector, uri) in [
        (Connector::new().tls(other.client), &localhost), // of another authority
        (Connector::new(), &localhost),                   // unknown to the platform
        (Connector::new().tls(one.client), &address),     // for another name
    ] {
        let error = connector.connect(&ClientRequest::new(uri)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Tls(_)), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    serving.await.unwrap();
}
