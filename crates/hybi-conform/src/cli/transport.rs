//! Connections to a server and from clients, over TCP or TLS.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, server};

use crate::address::Address;

/// A byte stream over TCP or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Makes the stream reset its connection when it is dropped.
    fn reset(&mut self);
}

impl<S: Stream + ?Sized> Stream for &mut S {
    fn reset(&mut self) {
        (**self).reset();
    }
}

impl Stream for TcpStream {
    // `set_zero_linger` is newer than the oldest tokio that is accepted.
    #[allow(deprecated)]
    fn reset(&mut self) {
        // If the system cannot, the connection ends in another way.
        let _ = self.set_linger(Some(Duration::ZERO));
    }
}

impl Stream for TlsStream<TcpStream> {
    fn reset(&mut self) {
        self.get_mut().0.reset();
    }
}

impl Stream for server::TlsStream<TcpStream> {
    fn reset(&mut self) {
        self.get_mut().0.reset();
    }
}

impl Stream for Box<dyn Stream> {
    fn reset(&mut self) {
        (**self).reset();
    }
}

/// The version of HTTP for which a connection is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

/// Connects to one server again and again.
pub(crate) struct Connector {
    address: Address,
    tls: Option<Tls>,
    timeout: Duration,
}

struct Tls {
    config: ClientConfig,
    name: ServerName<'static>,
}

impl Connector {
    /// Prepares for connections to this server.
    ///
    /// # Errors
    ///
    /// The certificates cannot be read, or the host is no valid name for TLS.
    pub(crate) fn new(
        address: &Address,
        ca: Option<&Path>,
        is_insecure: bool,
        timeout: Duration,
    ) -> Result<Self, String> {
        let tls = match address.is_secure {
            false => None,
            true => {
                let name = ServerName::try_from(address.host.clone());
                let name = name.map_err(|error| format!("{}: {error}", address.host))?;
                let config = config(ca, is_insecure)?;
                Some(Tls { config, name })
            }
        };
        Ok(Self { address: address.clone(), tls, timeout })
    }

    /// Connects within the time-out. Over TLS, the server must agree to the version of HTTP, or not
    /// know ALPN. If this process has too many files open, waits until other cases have ended.
    pub(crate) async fn connect(&self, version: Version) -> io::Result<Box<dyn Stream>> {
        let began = Instant::now();
        loop {
            let tried = self.try_connect(version).await;
            match &tried {
                Err(error) if is_full(error) && began.elapsed() < self.timeout * 10 => {
                    sleep(Duration::from_millis(50)).await;
                }
                _ => return tried,
            }
        }
    }

    async fn try_connect(&self, version: Version) -> io::Result<Box<dyn Stream>> {
        let connecting = async {
            let stream = TcpStream::connect((&*self.address.host, self.address.port)).await?;
            // Each piece must leave as it is written.
            stream.set_nodelay(true)?;
            Ok(match &self.tls {
                None => Box::new(stream) as Box<dyn Stream>,
                Some(tls) => Box::new(tls.connect(stream, version).await?),
            })
        };
        timeout(self.timeout, connecting).await.unwrap_or_else(|_| {
            let seconds = self.timeout.as_secs_f64();
            let why = format!("no connection within {seconds} s");
            Err(io::Error::new(io::ErrorKind::TimedOut, why))
        })
    }
}

impl Tls {
    async fn connect(
        &self,
        stream: TcpStream,
        version: Version,
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut config = self.config.clone();
        let protocol: &[u8] = match version {
            // An upgrade over HTTP/2 would fail.
            Version::Http1 => b"http/1.1",
            Version::Http2 => b"h2",
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(self.name.clone(), stream).await.map_err(advised)?;
        let agreed = stream.get_ref().1.alpn_protocol();
        if version == Version::Http2 && agreed != Some(protocol) {
            let why = "it did not agree to h2 in ALPN";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        Ok(stream)
    }
}

/// Says what to do about a certificate that is not trusted. Other errors stay as they are.
fn advised(error: io::Error) -> io::Error {
    use rustls::{CertificateError, Error};
    let told = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    let Some(Error::InvalidCertificate(why)) = told else { return error };
    let text = match why {
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the certificate of the server says that it is one of an authority (CA:TRUE). Make it \
             with -addext basicConstraints=critical,CA:FALSE and use --ca, or use --insecure"
                .into()
        }
        _ => format!("{error}; --ca FILE trusts the certificates in a file, and --insecure any"),
    };
    io::Error::other(text)
}

/// Returns whether a server is there, but does not speak the version of HTTP.
pub(crate) fn lacks_version(error: &io::Error) -> bool {
    use rustls::{AlertDescription, Error};
    let told = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    error.kind() == io::ErrorKind::Unsupported
        || matches!(told, Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol)))
}

/// Makes streams of the connections of clients.
pub(crate) struct Acceptor {
    tls: Option<TlsAcceptor>,
    timeout: Duration,
}

impl Acceptor {
    /// Prepares for clients, with TLS if there are files with a certificate and its key.
    ///
    /// # Errors
    ///
    /// The files cannot be read, or do not belong together.
    pub(crate) fn new(files: Option<(&Path, &Path)>, timeout: Duration) -> Result<Self, String> {
        let tls = files.map(|(cert, key)| server_config(cert, key)).transpose()?;
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        Ok(Self { tls, timeout })
    }

    /// Returns the scheme of the URIs that clients use.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "wss" } else { "ws" }
    }

    /// Does what is to be done before a client is read from, within the time-out.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Box<dyn Stream>> {
        // Each piece must leave as it is written.
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        match timeout(self.timeout, tls.accept(stream)).await {
            Ok(accepted) => Ok(Box::new(accepted?)),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no handshake in time")),
        }
    }
}

fn server_config(cert: &Path, key: &Path) -> Result<ServerConfig, String> {
    let told = |file: &Path, why: String| format!("{}: {why}", file.display());
    let certificates = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let certificates: Vec<_> = certificates.map_err(|error| told(cert, error.to_string()))?;
    if certificates.is_empty() {
        return Err(told(cert, "there is no certificate in it".into()));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| told(key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(certificates, secret)
        .map_err(|error| told(key, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Returns whether the process, or the system, has no more file descriptors: EMFILE, ENFILE.
fn is_full(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

fn config(ca: Option<&Path>, is_insecure: bool) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = if is_insecure {
        let anyone = Arc::new(Anyone(provider));
        builder.dangerous().with_custom_certificate_verifier(anyone)
    } else if let Some(file) = ca {
        let told = |why: String| format!("{}: {why}", file.display());
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(file);
        for certificate in certificates.map_err(|error| told(error.to_string()))? {
            let certificate = certificate.map_err(|error| told(error.to_string()))?;
            roots.add(certificate).map_err(|error| told(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(told("there is no certificate in it".into()));
        }
        builder.with_root_certificates(roots)
    } else {
        builder.with_platform_verifier().map_err(|error| error.to_string())?
    };
    Ok(builder.with_no_client_auth())
}

/// Trusts any certificate (`--insecure`), but not any signature.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
