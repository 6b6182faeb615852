//! TLS for `wss:` URIs, with rustls.

use std::io;
use std::sync::{Arc, OnceLock};

use hybi::Uri;
use hybi::adapter::ConnectError;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, Error};

/// Starts TLS on a stream to the host of the URI, and checks the certificate.
pub(crate) async fn start<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    uri: &Uri,
    config: Option<&Arc<ClientConfig>>,
) -> Result<TlsStream<S>, ConnectError> {
    let config = match config {
        Some(config) => Arc::clone(config),
        None => platform().map_err(|error| ConnectError::Tls(io::Error::other(error)))?,
    };
    let host = uri.host();
    let unbracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let name = ServerName::try_from(unbracketed.unwrap_or(host).to_owned())
        .map_err(|error| ConnectError::Tls(io::Error::other(error)))?;
    TlsConnector::from(config).connect(name, stream).await.map_err(ConnectError::Tls)
}

/// Returns a configuration that asks for HTTP/1.1 only: an upgrade over HTTP/2 would fail.
pub(crate) fn for_http1(mut config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    let http1 = b"http/1.1".to_vec();
    if config.alpn_protocols.iter().any(|protocol| *protocol != http1) {
        Arc::make_mut(&mut config).alpn_protocols = vec![http1];
    }
    config
}

/// Returns the configuration that trusts what the platform trusts. Loading its certificates takes
/// a while, so that is done once.
fn platform() -> Result<Arc<ClientConfig>, Error> {
    static PLATFORM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = PLATFORM.get() {
        return Ok(Arc::clone(config));
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::clone(PLATFORM.get_or_init(|| Arc::new(config))))
}
