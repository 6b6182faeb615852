//! TLS for a server, of two files. docs/guide.md of the repository tells how to make them.

use std::fmt::Display;
use std::sync::Arc;

use hybi_tokio::tokio_rustls::TlsAcceptor;
use hybi_tokio::tokio_rustls::rustls::ServerConfig;
use hybi_tokio::tokio_rustls::rustls::crypto::ring;
use hybi_tokio::tokio_rustls::rustls::pki_types::pem::{Error, PemObject};
use hybi_tokio::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Reads a chain of certificates and its key, in PEM.
pub(crate) fn read(chain: &str, key: &str) -> Result<TlsAcceptor, String> {
    let wrong = |file: &str, error: &dyn Display| format!("--tls: {file}: {error}");
    let certificates: Vec<_> = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(chain, &error))?;
    if certificates.is_empty() {
        return Err(format!("--tls: no certificate in {chain}"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        Error::NoItemsFound => format!("--tls: no private key in {key}"),
        error => wrong(key, &error),
    })?;
    // Without ALPN: over HTTP/2 an upgrade would fail.
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(certificates, private))
        .map_err(|error| wrong(chain, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
