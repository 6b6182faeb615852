//! Servers that are right.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hybi::Config;
use hybi::blocking;
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::Acceptance;
use hybi_tokio::tokio_rustls::TlsAcceptor;
use hybi_tokio::tokio_rustls::rustls::ServerConfig;
use hybi_tokio::tokio_rustls::rustls::crypto::ring;
use hybi_tokio::tokio_rustls::rustls::pki_types::pem::PemObject;
use hybi_tokio::tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{conform, told};

pub(crate) fn terms() -> Acceptance<'static> {
    let deflate = DeflateConfig::default();
    Acceptance::from_any_origin().config(Config::default().deflate(deflate))
}

/// hybi's blocking server.
pub(crate) fn blocking_echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let pending = blocking::receive_request(stream.unwrap()).ok()?;
                let mut ws = pending.accept(&terms()).ok()?;
                while let Ok(Some(message)) = ws.receive() {
                    ws.send(&message).ok()?;
                }
                Some(())
            });
        }
    });
    url
}

/// A connection, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Starts a server for any number of connections. Returns its URL up to the path.
pub(crate) fn serve<F>(
    tls: Option<TlsAcceptor>,
    each: impl Fn(Box<dyn Stream>) -> F + Clone + Send + 'static,
) -> String
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, each) = (tls.clone(), each.clone());
                tokio::spawn(async move {
                    let stream: Box<dyn Stream> = match tls {
                        None => Box::new(stream),
                        Some(tls) => Box::new(tls.accept(stream).await.ok()?),
                    };
                    each(stream).await
                });
            }
        });
    });
    format!("{scheme}://localhost:{port}")
}

/// hybi-tokio's, with TLS or without.
fn tokio_echo(tls: Option<TlsAcceptor>) -> String {
    serve(tls, echo) + "/"
}

async fn echo(stream: Box<dyn Stream>) -> Option<()> {
    let pending = hybi_tokio::receive_request(stream).await.ok()?;
    let mut ws = pending.accept(&terms()).await.ok()?;
    while let Ok(Some(message)) = ws.receive().await {
        ws.send(&message).await.ok()?;
    }
    Some(())
}

/// All cases but the hostile ones.
#[track_caller]
fn passes_everything(url: &str) {
    let (status, text) = told(&conform(&["server", url, "--strict"]));
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("768 cases") && text.contains("\nAll is as expected.\n"), "{text}");
}

/// Floods, bombs and peers that wait: nothing fails, and nobody else waits.
#[test]
fn hostile_peers_do_no_harm() {
    for url in [blocking_echo(), tokio_echo(None)] {
        let chosen = ["server", &url, "--hostile", "--only", "hostile", "--timeout", "6"];
        let (status, text) = told(&conform(&chosen));
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains("Warning: hostile cases send floods"), "{text}");
        assert!(text.contains("13 cases") && text.contains("\nAll is as expected.\n"), "{text}");
    }
}

#[test]
fn hostile_cases_must_be_asked_for() {
    let (status, text) = told(&conform(&["server", &blocking_echo(), "--only", "hostile"]));
    assert!(status == Some(2) && text.contains("add --hostile"), "{text}");
}

#[test]
fn the_blocking_server_passes_everything() {
    passes_everything(&blocking_echo());
}

#[test]
fn the_server_of_hybi_tokio_passes_everything() {
    passes_everything(&tokio_echo(None));
}

/// Other splits, other numbers of cases at once.
#[test]
fn how_the_cases_are_run_makes_no_difference() {
    let url = tokio_echo(None);
    for more in [["--seed", "7"], ["--jobs", "1"], ["--jobs", "100"]] {
        let chosen = ["server", &url, "--strict", "1.*", "2.*", "5.*", "6.4.*", "7.*", "12.1.1"];
        let (status, text) = told(&conform(&[&chosen[..], &more].concat()));
        assert_eq!(status, Some(0), "{more:?}: {text}");
    }
}

/// A file with a certificate for `localhost`, and with its key, which is removed in the end.
pub(crate) struct Certificate(PathBuf);

impl Certificate {
    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Returns the certificate.
    pub(crate) fn read(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.0).unwrap()
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Makes a certificate, and TLS with it for a server that knows this protocol (ALPN).
pub(crate) fn tls(protocol: &str) -> (Certificate, TlsAcceptor) {
    tls_with(protocol, IsCa::NoCa)
}

fn tls_with(protocol: &str, is_ca: IsCa) -> (Certificate, TlsAcceptor) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let mut parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
    parameters.is_ca = is_ca;
    let signing_key = KeyPair::generate().unwrap();
    let cert = parameters.self_signed(&signing_key).unwrap();
    let made = CertifiedKey { cert, signing_key };
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![protocol.into()];
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("hybi-conform-{}-{number}.pem", std::process::id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, made.cert.pem() + &made.signing_key.serialize_pem()).unwrap();
    (Certificate(file), TlsAcceptor::from(Arc::new(config)))
}

#[test]
fn certificates() {
    let (certificate, acceptor) = tls("http/1.1");
    let url = tokio_echo(Some(acceptor));
    let run = |more: &[&str]| {
        let chosen = ["server", &url, "1.*", "5.*", "6.4.*", "7.*", "9.5.*", "13.1.*"];
        told(&conform(&[&chosen[..], more].concat()))
    };
    let trusted = run(&["--ca", certificate.path()]);
    let (insecure, untrusted, none) = (run(&["--insecure"]), run(&[]), run(&["--ca", "/dev/null"]));
    assert_eq!(trusted.0, Some(0), "{}", trusted.1);
    assert_eq!(insecure.0, Some(0), "{}", insecure.1);
    assert_eq!(untrusted.0, Some(2), "{}", untrusted.1);
    assert!(untrusted.1.contains("certificate"), "{}", untrusted.1);
    assert!(none.0 == Some(2) && none.1.contains("no certificate"), "{}", none.1);
}

/// By default, `openssl req -x509` makes the certificate of an authority. TLS does not accept it as
/// that of a server.
#[test]
fn certificates_that_are_not_trusted() {
    let ca = "with -addext basicConstraints=critical,CA:FALSE and use --ca, or use --insecure";
    let unknown = "--ca FILE trusts the certificates in a file, and --insecure any";
    for (is_ca, words) in [(IsCa::Ca(BasicConstraints::Unconstrained), ca), (IsCa::NoCa, unknown)] {
        let (certificate, acceptor) = tls_with("http/1.1", is_ca);
        let url = tokio_echo(Some(acceptor));
        let run = |more: &[&str]| told(&conform(&[&["server", &url, "1.1.1"], more].concat()));
        let (status, text) = run(&[]);
        assert!(status == Some(2) && text.contains(words), "{text}");
        if is_ca != IsCa::NoCa {
            let (status, text) = run(&["--ca", certificate.path()]);
            assert!(status == Some(2) && text.contains(words), "{text}");
        }
        assert_eq!(run(&["--insecure"]).0, Some(0));
    }
}
