//! A server behind hyper with hybi-tokio: `hybi-http-tokio ADDRESS CERT KEY`.
//!
//! It prints the address that it listens at, which is useful if the port is 0. Over TLS it speaks
//! HTTP/2 or HTTP/1.1, whichever is agreed on. A WebSocket at `/echo` echoes; anything else is a
//! page. Pages of other servers may not connect. It prints a line for each WebSocket that has ended
//! or was refused.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::Acceptance;
use hybi::{CloseCode, Config};
use hybi_tokio::hyper::{UpgradeError, Upgrading, read_request, upgrade};
use hybi_tokio::tokio_rustls::TlsAcceptor;
use hybi_tokio::tokio_rustls::rustls::ServerConfig;
use hybi_tokio::tokio_rustls::rustls::crypto::ring;
use hybi_tokio::tokio_rustls::rustls::pki_types::pem::PemObject;
use hybi_tokio::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const SUBPROTOCOLS: [&str; 2] = ["v1.echo", "echo"];
const PAGE: &str = "<!doctype html><meta charset=utf-8><title>hybi-tokio</title>";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, cert, key] = &arguments[..] else {
        return Err("usage: hybi-http-tokio ADDRESS CERT KEY".into());
    };
    let tls = acceptor(cert, key)?;
    let listener = TcpListener::bind(address).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let tls = tls.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(stream, tls).await {
                eprintln!("{error:?}"); // with its causes
            }
        });
    }
}

fn acceptor(cert: &str, key: &str) -> Outcome<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
    Ok(Arc::new(config).into())
}

async fn serve(stream: TcpStream, tls: TlsAcceptor) -> Outcome<()> {
    stream.set_nodelay(true)?; // a short message must not wait for an acknowledgement
    let stream = tls.accept(stream).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let (stream, service) = (TokioIo::new(stream), service_fn(respond));
    if is_http2 {
        http2::Builder::new(TokioExecutor::new())
            .enable_connect_protocol()
            .initial_connection_window_size(16 << 20)
            .serve_connection(stream, service)
            .await?;
    } else {
        http1::Builder::new().serve_connection(stream, service).with_upgrades().await?;
    }
    Ok(())
}

async fn respond(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/echo" {
        return Ok(Response::builder()
            .header("content-type", "text/html")
            .body(PAGE.into())
            .unwrap_or_default());
    }
    let version = request.version();
    Ok(match open(&mut request) {
        Ok((response, upgrading)) => {
            tokio::spawn(async move {
                match echo(upgrading, version).await {
                    Ok(end) => println!("{version:?} {end}"),
                    Err(error) => eprintln!("{error}"),
                }
            });
            response.map(|()| Full::default())
        }
        Err(error) => {
            let response = error.response();
            println!("{version:?} {}", response.status().as_u16());
            response.map(Full::new)
        }
    })
}

fn open(request: &mut Request<Incoming>) -> Result<(Response<()>, Upgrading), UpgradeError> {
    let chosen = read_request(request)?.choose_subprotocol(&SUBPROTOCOLS);
    let acceptance = Acceptance::from_same_origin()
        .subprotocol(chosen)
        .config(Config::default().deflate(DeflateConfig::default()));
    upgrade(request, &acceptance)
}

/// Echoes, answers two questions, and returns how it ended.
async fn echo(upgrading: Upgrading, version: Version) -> Outcome<String> {
    let mut ws = upgrading.await?;
    while let Some(message) = ws.receive().await? {
        match message.as_text() {
            Some("Which HTTP?") => ws.send(&format!("{version:?}")).await?,
            Some("Will you close?") => ws.close(CloseCode::GOING_AWAY, "yes").await?,
            _ => ws.send_owned(message).await?,
        }
    }
    Ok(ws.closed().map_or_else(String::new, ToString::to_string))
}
