//! The certificates that are trusted for `wss:`, and our own.

#[cfg(feature = "rustls")]
pub(crate) use with_rustls::Tls;

/// There is no TLS.
#[cfg(not(feature = "rustls"))]
#[derive(Default)]
pub(crate) struct Tls {}

#[cfg(not(feature = "rustls"))]
impl Tls {
    pub(crate) fn trust(&mut self, _: &str) -> Result<(), String> {
        Err("--trust needs TLS: cargo run --features rustls".into())
    }

    pub(crate) fn trust_anybody(&mut self) -> Result<(), String> {
        Err("--insecure needs TLS: cargo run --features rustls".into())
    }

    pub(crate) fn identify(&mut self, _: &str, _: &str) -> Result<(), String> {
        Err("--identity needs TLS: cargo run --features rustls".into())
    }
}

#[cfg(feature = "rustls")]
mod with_rustls {
    use std::sync::Arc;

    use hybi::blocking::rustls::client::WebPkiServerVerifier;
    use hybi::blocking::rustls::client::danger::{
        HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
    };
    use hybi::blocking::rustls::crypto::{
        CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
    };
    use hybi::blocking::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
    use hybi::blocking::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
    use rustls_platform_verifier::BuilderVerifierExt;

    use crate::{arguments, pem, trust};

    #[derive(Default)]
    pub(crate) struct Tls {
        /// Whom to trust. Default: whom the system trusts.
        verifier: Option<Arc<dyn ServerCertVerifier>>,
        /// The certificates and key for a server that asks for them.
        identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    }

    impl Tls {
        /// Reads the value of `--trust`.
        pub(crate) fn trust(&mut self, file: &str) -> Result<(), String> {
            let roots = Arc::new(trust::roots(file)?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(|error| format!("--trust: {file}: {error}"))?;
            self.trust_as(verifier)
        }

        /// Obeys `--insecure`.
        pub(crate) fn trust_anybody(&mut self) -> Result<(), String> {
            self.trust_as(Arc::new(Anybody(provider())))
        }

        fn trust_as(&mut self, verifier: Arc<dyn ServerCertVerifier>) -> Result<(), String> {
            match self.verifier.replace(verifier) {
                None => Ok(()),
                Some(_) => Err("--trust and --insecure: only one of them, and once".into()),
            }
        }

        /// Reads the values of `--identity`.
        pub(crate) fn identify(&mut self, chain: &str, key: &str) -> Result<(), String> {
            let identity = pem::identity(chain, key);
            let identity = identity.map_err(|error| format!("--identity: {error}"))?;
            arguments::set(&mut self.identity, "--identity", identity)
        }

        /// Returns the configuration, `None` for the default one.
        pub(crate) fn config(self) -> Result<Option<Arc<ClientConfig>>, String> {
            if self.verifier.is_none() && self.identity.is_none() {
                return Ok(None);
            }
            let wrong = |error: Error| format!("TLS: {error}");
            let config = ClientConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()
                .map_err(wrong)?;
            let config = match self.verifier {
                // Dangerous with `--insecure`, as its name says.
                Some(verifier) => config.dangerous().with_custom_certificate_verifier(verifier),
                None => config.with_platform_verifier().map_err(wrong)?,
            };
            let config = match self.identity {
                Some((certificates, key)) => {
                    config.with_client_auth_cert(certificates, key).map_err(wrong)?
                }
                None => config.with_no_client_auth(),
            };
            Ok(Some(Arc::new(config)))
        }
    }

    fn provider() -> Arc<CryptoProvider> {
        Arc::new(ring::default_provider())
    }

    /// Trusts every certificate, but checks that the server has its key.
    #[derive(Debug)]
    struct Anybody(Arc<CryptoProvider>);

    impl ServerCertVerifier for Anybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
