//! TLS with one certificate, which the client trusts and nobody else.

use std::sync::Arc;

use hybi_tokio::tokio_rustls::rustls::crypto::ring;
use hybi_tokio::tokio_rustls::rustls::pki_types::pem::PemObject;
use hybi_tokio::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use hybi_tokio::tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use hybi_tokio::tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::Outcome;

/// A stream with TLS or without.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

pub fn server(cert: &str, key: &str) -> Outcome<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    Ok(Arc::new(config))
}

pub fn client(cert: &str) -> Outcome<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cert)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

pub async fn accept(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> Outcome<Box<dyn Io>> {
    Ok(match tls {
        Some(tls) => Box::new(TlsAcceptor::from(tls).accept(stream).await?),
        None => Box::new(stream),
    })
}

/// Connects for a client that leaves it to others.
pub async fn connect(port: &str, tls: Option<Arc<ClientConfig>>) -> Outcome<Box<dyn Io>> {
    let stream = TcpStream::connect(("127.0.0.1", port.parse()?)).await?;
    stream.set_nodelay(true)?;
    Ok(match tls {
        Some(tls) => {
            let name = ServerName::try_from("127.0.0.1")?;
            Box::new(TlsConnector::from(tls).connect(name, stream).await?)
        }
        None => Box::new(stream),
    })
}
