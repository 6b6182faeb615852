//! Over TLS, with a certificate made for the test.

use std::sync::Arc;

use hybi_tokio::tokio_rustls::rustls::crypto::ring;
use hybi_tokio::tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use hybi_tokio::tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use hybi_tokio::tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::{Crowd, connect};

pub(crate) async fn start(crowd: &mut Crowd, count: usize) {
    let (connector, acceptor) = tls();
    for (near, far) in connect(&mut crowd.random, count).await {
        let name = ServerName::try_from("localhost").unwrap();
        let both = tokio::join!(connector.connect(name, near), acceptor.accept(far));
        crowd.spawn_with_handshake(both.0.unwrap(), both.1.unwrap());
    }
}

/// A server's certificate for `localhost`, and a client that trusts it.
fn tls() -> (TlsConnector, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(client).into(), Arc::new(server).into())
}
