//! The server: `hybi-http-h2 ADDRESS [--tls CERT KEY] [ORIGIN ...]`.
//!
//! It prints the address that it listens at, which is useful if the port is 0. A WebSocket at
//! `/echo` echoes; anything else is a page that tries it. Without origins, a page must come from
//! this server. With TLS it speaks HTTP/2 or HTTP/1.1, whichever is agreed on, without TLS HTTP/2
//! alone. It prints a line for each WebSocket that has ended.

use std::error::Error;

use hybi_http_h2::{server, tls};
use hybi_http_shared::server::Echo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1).peekable();
    let address = args.next().ok_or("usage: hybi-http-h2 ADDRESS [--tls CERT KEY] [ORIGIN ...]")?;
    let tls = match args.next_if(|arg| arg == "--tls") {
        Some(_) => Some(acceptor(args.next(), args.next())?),
        None => None,
    };
    let echo = Echo::printing(args)?;
    let listener = TcpListener::bind(address).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (io, _) = listener.accept().await?;
        io.set_nodelay(true)?; // a short message must not wait for an acknowledgement
        let (tls, echo) = (tls.clone(), echo.clone());
        tokio::spawn(async move {
            let served = match tls {
                Some(tls) => tls::serve(tls, io, echo).await,
                None => server::serve(io, echo).await.map_err(Into::into),
            };
            if let Err(error) = served {
                eprintln!("{error}");
            }
        });
    }
}

fn acceptor(cert: Option<String>, key: Option<String>) -> Outcome<TlsAcceptor> {
    let (cert, key) = cert.zip(key).ok_or("--tls needs two files: CERT KEY")?;
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
    Ok(tls::acceptor(chain, PrivateKeyDer::from_pem_file(key)?)?)
}
