//! TLS in front of the servers, and the choice of HTTP/2 or HTTP/1.1 (ALPN, RFC 7301).

use std::error::Error;
use std::sync::Arc;

use hybi_http_shared::server::Echo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{DEFAULT_VERSIONS, Error as TlsError, ServerConfig};

/// Returns what accepts connections with this certificate.
///
/// # Errors
///
/// The certificate or the key cannot be used.
pub fn acceptor(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(DEFAULT_VERSIONS)?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
    Ok(Arc::new(config).into())
}

/// Serves one connection in the version of HTTP that the client prefers.
///
/// # Errors
///
/// The connection has failed.
pub async fn serve(
    tls: TlsAcceptor,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    echo: Echo,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let io = tls.accept(io).await?;
    match io.get_ref().1.alpn_protocol() {
        Some(b"h2") => Ok(crate::server::serve(io, echo).await?),
        _ => Ok(hybi_http_hyper::server::serve(io, echo).await?),
    }
}
