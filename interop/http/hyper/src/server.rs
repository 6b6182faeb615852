//! A server.

use std::future::ready;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hybi::handshake::HandshakeUsageError;
use hybi_http_shared::server::Echo;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

/// Serves one HTTP/1.1 connection.
///
/// # Errors
///
/// The HTTP/1.1 connection has failed.
pub async fn serve(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    echo: Echo,
) -> hyper::Result<()> {
    let service = service_fn(|request| ready(respond_to(request, echo.clone())));
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()); // for hyper's deadline for heads
    builder.serve_connection(TokioIo::new(io), service).with_upgrades().await
}

fn respond_to(
    mut request: Request<Incoming>,
    echo: Echo,
) -> Result<Response<Full<Bytes>>, HandshakeUsageError> {
    let (response, ws) = echo.answer(&request, None)?;
    if let Some(ws) = ws {
        let (version, upgrade) = (request.version(), hyper::upgrade::on(&mut request));
        tokio::spawn(async move {
            match upgrade.await {
                Ok(io) => echo.serve(ws, version, tokio::io::split(TokioIo::new(io))).await,
                Err(error) => eprintln!("{error}"),
            }
        });
    }
    Ok(response.map(Full::new))
}
