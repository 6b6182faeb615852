//! TLS for `wss:` URIs, with rustls.

use std::sync::Arc;

use hybi::Uri;
use hybi::adapter::{ConnectError, tls};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

/// Starts TLS on a stream to the host of the URI, and checks the certificate.
pub(crate) async fn start<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    uri: &Uri,
    config: Option<Arc<ClientConfig>>,
) -> Result<TlsStream<S>, ConnectError> {
    let (config, name) = tls::client(config, uri).map_err(ConnectError::Tls)?;
    TlsConnector::from(config).connect(name, stream).await.map_err(ConnectError::Tls)
}
