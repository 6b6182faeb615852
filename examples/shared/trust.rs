//! The certificates that a client trusts instead of the system's.

use std::fmt::Display;
use std::sync::Arc;

use hybi::blocking::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Reads the value of `--trust`: a file with certificates, in PEM.
pub(crate) fn read(file: &str) -> Result<Arc<ClientConfig>, String> {
    let wrong = |error: &dyn Display| format!("--trust: {file}: {error}");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
