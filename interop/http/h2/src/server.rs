//! A server.

use std::error::Error;

use bytes::Bytes;
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::{Builder, SendResponse};
use http::Request;
use hybi::Outbox;
use hybi::connection::Closed;
use hybi::handshake::Acceptance;
use hybi_http_shared::answer::{answer, echo};
use hybi_http_shared::pump;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedSender;

use crate::transport::{Incoming, Outgoing};

/// Serves one HTTP/2 connection, and reports how each WebSocket on it has ended.
///
/// # Errors
///
/// The HTTP/2 connection has failed.
pub async fn serve(
    io: impl AsyncRead + AsyncWrite + Unpin,
    terms: Acceptance<'static>,
    ends: UnboundedSender<Closed>,
) -> Result<(), h2::Error> {
    let mut connection = Builder::new().enable_connect_protocol().handshake(io).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        let (terms, ends) = (terms.clone(), ends.clone());
        tokio::spawn(async move {
            match respond_to(request, respond, &terms).await {
                Ok(Some(closed)) => drop(ends.send(closed)),
                Ok(None) => {}
                Err(error) => eprintln!("{error}"),
            }
        });
    }
    Ok(())
}

async fn respond_to(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    terms: &Acceptance<'_>,
) -> Result<Option<Closed>, Box<dyn Error + Send + Sync>> {
    let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
    let (response, ws) = answer(&request, protocol, terms)?;
    let (head, body) = response.into_parts();
    let mut out = respond.send_response(http::Response::from_parts(head, ()), false)?;
    let Some(ws) = ws else {
        out.send_data(body, true)?;
        return Ok(None);
    };
    let on_event = echo(request.version());
    let transport = (Incoming(request.into_body()), Outgoing(out));
    Ok(Some(pump::run(ws, Outbox::new(), transport, on_event).await?))
}
