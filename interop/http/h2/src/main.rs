//! The server: `hybi-http-h2 ADDRESS [--tls CERT KEY] [ORIGIN ...]`.
//!
//! It prints the address that it listens at, which is useful if the port is 0. A WebSocket at
//! `/echo` echoes; anything else is a page that tries it. Without origins, a page must come from
//! this server. With TLS it speaks HTTP/2 or HTTP/1.1, whichever is agreed on, without TLS HTTP/2
//! alone. It prints a line for each WebSocket that has ended.

use std::error::Error;
use std::sync::Arc;

use hybi::handshake::Acceptance;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{DEFAULT_VERSIONS, ServerConfig};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1).peekable();
    let address = args.next().ok_or("usage: hybi-http-h2 ADDRESS [--tls CERT KEY] [ORIGIN ...]")?;
    let tls = match args.next_if(|arg| arg == "--tls") {
        Some(_) => Some(acceptor(args.next(), args.next())?),
        None => None,
    };
    let terms = match args.peek() {
        Some(_) => Acceptance::from_origins(args)?,
        None => Acceptance::from_same_origin(),
    };
    let listener = TcpListener::bind(address).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let (tls, terms) = (tls.clone(), terms.clone());
        tokio::spawn(async move {
            if let Err(error) = serve(stream, tls, terms).await {
                eprintln!("{error}");
            }
        });
    }
}

fn acceptor(cert: Option<String>, key: Option<String>) -> Outcome<TlsAcceptor> {
    let (cert, key) = cert.zip(key).ok_or("--tls needs two files: CERT KEY")?;
    let certs = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(DEFAULT_VERSIONS)?
        .with_no_client_auth()
        .with_single_cert(certs, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
    Ok(Arc::new(config).into())
}

async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    terms: Acceptance<'static>,
) -> Outcome<()> {
    let (ends, mut ended) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(closed) = ended.recv().await {
            println!("{closed}");
        }
    });
    let Some(tls) = tls else { return Ok(hybi_http_h2::server::serve(stream, terms, ends).await?) };
    let stream = tls.accept(stream).await?;
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Ok(hybi_http_h2::server::serve(stream, terms, ends).await?),
        _ => Ok(hybi_http_hyper::server::serve(stream, terms, ends).await?),
    }
}
