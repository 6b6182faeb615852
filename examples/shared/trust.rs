//! The certificates that a client trusts instead of the system's.

use std::fmt::Display;

use hybi::blocking::rustls::RootCertStore;
use hybi::blocking::rustls::pki_types::{CertificateDer, pem::PemObject};

/// Reads the value of `--trust`: a file with certificates, in PEM.
pub(crate) fn roots(file: &str) -> Result<RootCertStore, String> {
    let wrong = |error: &dyn Display| format!("--trust: {file}: {error}");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() { Err(wrong(&"there is no certificate in it")) } else { Ok(roots) }
}
