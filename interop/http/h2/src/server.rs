//! A server.

use std::error::Error;

use bytes::Bytes;
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::{Builder, SendResponse};
use http::{Method, Request, Response};
use hybi_http_shared::server::Echo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::transport::{Incoming, Outgoing};

/// Serves one HTTP/2 connection.
///
/// # Errors
///
/// The HTTP/2 connection has failed.
pub async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, echo: Echo) -> Result<(), h2::Error> {
    let mut builder = Builder::new();
    builder.enable_connect_protocol().max_concurrent_streams(100).max_header_list_size(16 << 10);
    let mut connection = builder.handshake(io).await?;
    while let Some(request) = connection.accept().await {
        let ((request, respond), echo) = (request?, echo.clone());
        tokio::spawn(async move {
            if let Err(error) = respond_to(request, respond, echo).await {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

async fn respond_to(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    echo: Echo,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
    let (response, ws) = echo.answer(&request, protocol)?;
    let (head, body) = response.into_parts();
    let mut out = respond.send_response(Response::from_parts(head, ()), false)?;
    let Some(ws) = ws else {
        let body = if request.method() == Method::HEAD { Bytes::new() } else { body };
        return Ok(out.send_data(body, true)?);
    };
    let version = request.version();
    echo.serve(ws, version, (Incoming(request.into_body()), Outgoing(out))).await;
    Ok(())
}
