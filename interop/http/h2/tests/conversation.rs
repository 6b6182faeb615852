//! Both ends on one connection in memory, and over TLS.

use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request};
use hybi::connection::{Abnormal, Closed};
use hybi::handshake::Acceptance;
use hybi::{CutOff, Uri};
use hybi_http_h2::transport::{Incoming, Outgoing};
use hybi_http_h2::{client, server, tls};
use hybi_http_shared::client::{Opening, check, check_closed, check_refused, request};
use hybi_http_shared::server::Echo;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, DEFAULT_VERSIONS, RootCertStore};

const ORIGIN: &str = "http://example.com";

/// The bytes on their way in memory: far fewer than the messages and the windows of HTTP/2 have.
const PIPE: usize = 1000;

/// Serves a connection in memory. Returns what sends its requests, and how its WebSockets have
/// ended for the server.
async fn connect() -> (SendRequest<Bytes>, UnboundedReceiver<Closed>) {
    let (near, far) = tokio::io::duplex(PIPE);
    let (echo, ended) = Echo::new(Acceptance::from_same_origin());
    tokio::spawn(server::serve(far, echo));
    (client::connect(near).await.unwrap(), ended)
}

async fn open(
    requests: &SendRequest<Bytes>,
    uri: &str,
    origin: &str,
) -> Opening<(Incoming, Outgoing)> {
    let uri = Uri::parse(uri).unwrap();
    client::open(requests, &request(&uri, origin)).await.unwrap()
}

#[tokio::test]
async fn five_websockets_talk_on_one_connection_and_close() {
    let (requests, mut ended) = connect().await;
    let mut clients = JoinSet::new();
    for n in 0..5 {
        let requests = requests.clone();
        clients.spawn(async move {
            check(open(&requests, "ws://example.com/echo", ORIGIN).await, "HTTP/2.0", n).await;
        });
    }
    clients.join_all().await;
    for _ in 0..5 {
        check_closed(ended.recv().await);
    }
    drop(requests);
    assert_eq!(ended.recv().await, None, "the connection has ended, too");
}

/// In HTTP/2 the scheme of a request is known, so it counts.
#[tokio::test]
async fn a_foreign_origin_is_refused_and_the_connection_goes_on() {
    let (requests, mut ended) = connect().await;
    for origin in ["http://example.net", "https://example.com"] {
        check_refused(open(&requests, "ws://example.com/echo", origin).await);
    }
    check(open(&requests, "ws://example.com/echo", ORIGIN).await, "HTTP/2.0", 1).await;
    check_closed(ended.recv().await);
}

#[tokio::test]
async fn another_path_has_a_page_and_no_websocket() {
    let (requests, _ended) = connect().await;
    let page = Request::get("http://example.com/page").body(()).unwrap();
    let (response, _) = requests.clone().ready().await.unwrap().send_request(page, true).unwrap();
    let response = response.await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers().len()), (200, 1));
    let Opening::Refused(response) = open(&requests, "ws://example.com/", ORIGIN).await else {
        panic!("accepted")
    };
    assert_eq!(response.status(), 404);
}

/// RFC 9110 §9.3.2.
#[tokio::test]
async fn a_response_to_head_has_no_content() {
    let (requests, _ended) = connect().await;
    for path in ["/page", "/echo"] {
        let request = Request::head(format!("http://example.com{path}")).body(()).unwrap();
        let (response, _) =
            requests.clone().ready().await.unwrap().send_request(request, true).unwrap();
        let mut body = response.await.unwrap().into_body();
        while let Some(data) = body.data().await {
            assert_eq!(data.unwrap(), "", "{path}");
        }
    }
}

/// RFC 8441 §5: RST_STREAM with CANCEL is the reset of a TCP connection.
#[tokio::test]
async fn a_stream_that_the_client_resets_is_cut_off() {
    let (requests, mut ended) = connect().await;
    let opening = open(&requests, "ws://example.com/echo", ORIGIN).await;
    assert!(matches!(opening, Opening::Open(_)));
    drop(opening); // h2 sends the frame
    let cut_off = Abnormal::CutOff(CutOff::BetweenMessages);
    assert_eq!(ended.recv().await, Some(Closed::Abnormal(cut_off)));
}

/// RFC 8441 §5: END_STREAM is the orderly end of a TCP connection.
#[tokio::test]
async fn a_server_ends_the_stream_after_its_close_frame() {
    let (requests, mut ended) = connect().await;
    let Opening::Open(open) = open(&requests, "ws://example.com/echo", ORIGIN).await else {
        panic!("refused")
    };
    let (Incoming(mut body), Outgoing(mut stream)) = open.transport;
    stream.send_data(Bytes::from_static(b"\x88\x82\0\0\0\0\x03\xe8"), false).unwrap();
    let mut answer = Vec::new();
    while let Some(data) = body.data().await {
        answer.extend(data.expect("no RST_STREAM"));
    }
    assert_eq!(answer, b"\x88\x02\x03\xe8");
    stream.send_data(Bytes::new(), true).unwrap();
    assert_eq!(ended.recv().await.map(|closed| closed.code()), Some(1000));
}

/// RFC 8441 §3.
#[tokio::test]
async fn a_client_waits_for_the_setting() {
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::spawn(async move {
        let mut connection = h2::server::handshake(far).await.unwrap();
        while connection.accept().await.is_some() {}
    });
    let error = client::connect(near).await.unwrap_err();
    assert_eq!(error.to_string(), "the server takes no extended CONNECT");
}

#[tokio::test]
async fn a_plain_connect_is_refused() {
    let (requests, _ended) = connect().await;
    let tunnel = Request::builder().method(Method::CONNECT).uri("example.com:80").body(()).unwrap();
    let (response, _) = requests.clone().ready().await.unwrap().send_request(tunnel, true).unwrap();
    assert!(response.await.unwrap().status().is_client_error());
}

#[tokio::test]
async fn tls_chooses_between_http_2_and_1_1() {
    let own = rcgen::generate_simple_self_signed(["example.com".into()]).unwrap();
    let cert = CertificateDer::from(own.cert);
    let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let acceptor = tls::acceptor(vec![cert.clone()], key).unwrap();
    let (uri, origin) = (Uri::parse("wss://example.com/echo").unwrap(), "https://example.com");
    for (protocol, version) in [("h2", "HTTP/2.0"), ("http/1.1", "HTTP/1.1")] {
        let (near, far) = tokio::io::duplex(PIPE);
        let (echo, mut ended) = Echo::new(Acceptance::from_same_origin());
        tokio::spawn(tls::serve(acceptor.clone(), far, echo));

        let mut roots = RootCertStore::empty();
        roots.add(cert.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(DEFAULT_VERSIONS)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let tls = TlsConnector::from(Arc::new(config));
        let near = tls.connect("example.com".try_into().unwrap(), near).await.unwrap();

        let request = request(&uri, origin);
        if protocol == "h2" {
            let requests = client::connect(near).await.unwrap();
            check(client::open(&requests, &request).await.unwrap(), version, 1).await;
        } else {
            let opening = hybi_http_hyper::client::open(near, &request).await;
            check(opening.unwrap(), version, 1).await;
        }
        check_closed(ended.recv().await);
    }
}
