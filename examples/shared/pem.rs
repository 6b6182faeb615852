//! Certificates and keys in PEM files.

use hybi::blocking::rustls::pki_types::pem::{Error, PemObject};
use hybi::blocking::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Reads a chain of certificates, and its key. The error names the file.
pub(crate) fn identity(
    chain: &str,
    key: &str,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{chain}: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("no certificate in {chain}"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        Error::NoItemsFound => format!("no private key in {key}"),
        error => format!("{key}: {error}"),
    })?;
    Ok((certificates, private))
}
