//! The settings of a client's TLS, with rustls.

use std::io;
use std::string::String;
use std::sync::{Arc, OnceLock};
use std::vec;
use std::vec::Vec;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, Error};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::uri::Uri;

/// The protocol for ALPN (RFC 7301): an upgrade over HTTP/2 would fail.
pub(crate) const HTTP1: &[u8] = b"http/1.1";

/// Returns a configuration for that server, and its name for the certificate. Without one of yours,
/// the configuration trusts what the platform trusts.
///
/// # Errors
///
/// `InvalidInput` if the URI's host can have no certificate. Otherwise the platform's certificates
/// could not be loaded.
///
/// ```no_run
/// use hybi::Uri;
/// use hybi::adapter::tls;
///
/// let (config, name) = tls::client(None, &Uri::parse("wss://example.com/")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn client(
    config: Option<Arc<ClientConfig>>,
    uri: &Uri,
) -> io::Result<(Arc<ClientConfig>, ServerName<'static>)> {
    let config = match config {
        Some(config) => for_http1(config),
        None => platform().map_err(io::Error::other)?,
    };
    let name = ServerName::try_from(String::from(uri.host()))
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    Ok((config, name))
}

/// Returns a configuration whose ALPN protocols, if there are any, are `http/1.1` alone: over
/// HTTP/2 the upgrade would fail. It is copied only if it has others.
#[must_use]
pub fn for_http1(mut config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    if !is_for_http1(&config.alpn_protocols) {
        Arc::make_mut(&mut config).alpn_protocols = vec![HTTP1.to_vec()];
    }
    config
}

pub(crate) fn is_for_http1(alpn_protocols: &[Vec<u8>]) -> bool {
    alpn_protocols.iter().all(|protocol| protocol == HTTP1)
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
    config.alpn_protocols = vec![HTTP1.to_vec()];
    Ok(Arc::clone(PLATFORM.get_or_init(|| Arc::new(config))))
}
